//! Blocks of bytes into lines, which end as in Java's `readLine`: `\n`, `\r`, or both. Pure.

use bytes::{Bytes, BytesMut};

/// A line that is longer is refused: Java could not hold it either.
const LINE_BYTES_MAX: usize = i32::MAX as usize;

/// A line that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Bytes that were read and are no lines yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    block: Bytes,
    /// The beginning of a line whose end is in a later block.
    begun: BytesMut,
    /// The last line ended with `\r`, so a `\n` that follows belongs to it.
    after_return: bool,
}

impl Lines {
    /// Takes the next block; the one before must have been used up.
    pub(super) fn feed(&mut self, block: Bytes) -> Result<(), TooLong> {
        if self.begun.len() + block.len() > LINE_BYTES_MAX {
            return Err(TooLong);
        }
        self.block = block;
        Ok(())
    }

    /// The next line whose end is known, without its end.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        if self.after_return && !self.block.is_empty() {
            self.after_return = false;
            if self.block[0] == b'\n' {
                let _ = self.block.split_to(1);
            }
        }
        let Some(end) = self.block.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            self.begun.extend_from_slice(&self.block);
            self.block.clear();
            return None;
        };
        self.after_return = self.block[end] == b'\r';
        let line = self.block.split_to(end);
        let _ = self.block.split_to(1);
        if self.begun.is_empty() {
            return Some(line);
        }
        self.begun.extend_from_slice(&line);
        Some(self.begun.split().freeze())
    }

    /// What stands after the last end of a line, at the end of the input.
    pub(super) fn rest(&mut self) -> Option<Bytes> {
        Some(self.begun.split().freeze()).filter(|rest| !rest.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(blocks: &[&str]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for block in blocks {
            lines.feed(Bytes::copy_from_slice(block.as_bytes())).expect("short");
            while let Some(line) = lines.next() {
                found.push(line);
            }
        }
        found.extend(lines.rest());
        found.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }

    #[test]
    fn lines_end_as_in_java_wherever_blocks_end() {
        let cases: [(&[&str], &[&str]); 9] = [
            (&["a\nb\n"], &["a", "b"]),
            (&["a\nb"], &["a", "b"]),
            (&["a", "b", "\nc"], &["ab", "c"]),
            (&["a\r\nb\rc\n\n"], &["a", "b", "c", ""]),
            (&["a\r", "\nb"], &["a", "b"]),
            (&["a\r", "b"], &["a", "b"]),
            (&["\r\r\n"], &["", ""]),
            (&["a", "\r", "\n", "\n"], &["a", ""]),
            (&[""], &[]),
        ];
        for (blocks, expected) in cases {
            assert_eq!(lines(blocks), expected, "{blocks:?}");
        }
    }
}
