//! Small text files as Kafka writes its checkpoints: a version, a count, one entry a line.

use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::disk::{Disk, read_file};

const VERSION: &str = "0";

/// Reads the entries of such a file, refused above `len_max` bytes; none when there is no file, or nothing
/// in it.
///
/// # Errors
/// `InvalidData`, saying why, when it is not whole.
pub fn read<T>(
    disk: &dyn Disk,
    path: &Path,
    len_max: u64,
    parse: impl Fn(&str) -> Option<T>,
) -> io::Result<Vec<T>> {
    match read_file(disk, path, len_max) {
        Ok(bytes) => {
            entries(bytes, parse).map_err(|detail| io::Error::new(ErrorKind::InvalidData, detail))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn entries<T>(bytes: Vec<u8>, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
    let text = String::from_utf8(bytes).map_err(|_| "it is not text")?;
    // A crash may have cut the last number short.
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("its last line has no end".to_owned());
    }
    let mut lines = text.lines();
    match lines.next() {
        None => return Ok(Vec::new()),
        Some(VERSION) => {}
        Some(other) => return Err(format!("unrecognized version {other:?}")),
    }
    let count = lines.next().and_then(|line| line.parse::<usize>().ok());
    let count = count.ok_or("its second line is no count")?;
    let mut entries = Vec::new();
    for line in lines {
        entries.push(parse(line).ok_or_else(|| format!("malformed line {line:?}"))?);
    }
    if entries.len() != count {
        return Err(format!("it says {count} entries and holds {}", entries.len()));
    }
    Ok(entries)
}

/// The text of such a file.
pub fn text(entries: impl ExactSizeIterator<Item = String>) -> String {
    let mut text = format!("{VERSION}\n{}\n", entries.len());
    for entry in entries {
        writeln!(text, "{entry}").expect("writing to a string does not fail");
    }
    text
}
