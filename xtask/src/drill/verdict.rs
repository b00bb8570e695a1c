//! Input and output held against each other, as kcat reads them.

use anyhow::{Context, Result, bail, ensure};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::copier::Copier;
use super::feed::Place;
use super::round::{Ground, INPUT, OUTPUT};

/// Markers are written after a commit is answered, so the last of the output may be a moment late.
const LATE: Duration = Duration::from_secs(10);
const SHOWN: usize = 8;

/// A drill that went well.
#[derive(Debug, Default)]
pub struct Verdict {
    pub kills: u64,
    /// Copiers that gave up.
    pub failures: u64,
    records: usize,
    acked: usize,
    aborted: usize,
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { kills, failures, records, acked, aborted } = self;
        write!(
            formatter,
            "{records} records copied once, {acked} acknowledged, {aborted} in aborted transactions, \
             {kills} kills, {failures} copiers gave up"
        )
    }
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Read {
    offset: i64,
    key: String,
    value: String,
}

type Topic = BTreeMap<i32, Vec<Read>>;

/// Fails where a record is missing, double, moved or changed.
pub fn reach(
    ground: &Ground,
    address: &str,
    copier: Copier,
    acked: &HashMap<Place, String>,
) -> Result<Verdict> {
    let input = read(address, INPUT, "read_uncommitted")?;
    kept(&input, acked)?;
    let records = count(&input);
    await_records(ground, address, records)?;
    let output = read(address, OUTPUT, "read_committed")?;
    for (partition, wanted) in &input {
        let found = output.get(partition).map_or(&[][..], Vec::as_slice);
        same(copier, *partition, wanted, found)?;
    }
    ensure!(count(&output) == records, "{} records in, {} out", records, count(&output));
    let everything = read(address, OUTPUT, "read_uncommitted")?;
    let aborted = count(&everything) - records;
    Ok(Verdict { records, acked: acked.len(), aborted, ..Verdict::default() })
}

/// Waits until so many records can be read from the output; what is still missing then shows afterwards.
fn await_records(ground: &Ground, address: &str, records: usize) -> Result<()> {
    let deadline = Instant::now() + LATE;
    let mut reader = Command::new("kcat")
        .args(["-C", "-b", address, "-t", OUTPUT, "-o", "beginning", "-q"])
        .args(["-c", &records.to_string(), "-X", "isolation.level=read_committed"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot run kcat")?;
    ground.bell.watch(&reader);
    while reader.try_wait()?.is_none() && Instant::now() < deadline {
        ground.bell.wait(deadline);
    }
    // It fails only when the process has ended already, which is what is wanted.
    let _ = reader.kill();
    reader.wait()?;
    Ok(())
}

fn count(topic: &Topic) -> usize {
    topic.values().map(Vec::len).sum()
}

/// What was acknowledged lies where it was said to lie, and nothing lies there twice.
fn kept(input: &Topic, acked: &HashMap<Place, String>) -> Result<()> {
    let mut places: HashMap<Place, &str> = HashMap::new();
    let mut values = HashSet::new();
    for (partition, records) in input {
        for record in records {
            places.insert((*partition, record.offset), &record.value);
            ensure!(values.insert(&record.value), "the input holds {} twice", record.value);
        }
    }
    let lost: Vec<_> = acked
        .iter()
        .filter(|(place, value)| places.get(place).copied() != Some(value.as_str()))
        .take(SHOWN)
        .collect();
    ensure!(lost.is_empty(), "acknowledged and not there: {lost:?}");
    Ok(())
}

/// The output of a partition is its input, in its order.
fn same(copier: Copier, partition: i32, input: &[Read], output: &[Read]) -> Result<()> {
    let wanted: Vec<(String, String)> = input
        .iter()
        .map(|record| (record.key.clone(), copier.transformed(&record.value)))
        .collect();
    let found: Vec<(String, String)> =
        output.iter().map(|record| (record.key.clone(), record.value.clone())).collect();
    if wanted == found {
        return Ok(());
    }
    let known: HashSet<&(String, String)> = found.iter().collect();
    let lost: Vec<&(String, String)> =
        wanted.iter().filter(|record| !known.contains(record)).collect();
    let mut seen = HashSet::new();
    let double: Vec<(&Read, _)> =
        output.iter().zip(&found).filter(|(_, record)| !seen.insert(*record)).collect();
    let moved = wanted.iter().zip(&found).position(|(one, other)| one != other);
    bail!(
        "partition {partition}: {} in, {} out; {} lost: {:?}; {} double: {:?}; they part at {moved:?}",
        wanted.len(),
        found.len(),
        lost.len(),
        lost.iter().take(SHOWN).collect::<Vec<_>>(),
        double.len(),
        double.iter().take(SHOWN).collect::<Vec<_>>(),
    )
}

fn read(address: &str, topic: &str, isolation: &str) -> Result<Topic> {
    let done = Command::new("kcat")
        .args(["-C", "-b", address, "-t", topic, "-o", "beginning", "-e", "-q"])
        .args(["-X", &format!("isolation.level={isolation}"), "-f", "%p\t%o\t%k\t%s\n"])
        .output()
        .context("cannot run kcat")?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "kcat cannot read {topic}: {said}");
    parse(&String::from_utf8(done.stdout)?)
}

fn parse(text: &str) -> Result<Topic> {
    let mut topic = Topic::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [partition, offset, key, value] = fields[..] else { bail!("kcat printed {line}") };
        let (key, value) = (key.to_owned(), value.to_owned());
        let record = Read { offset: offset.parse()?, key, value };
        topic.entry(partition.parse()?).or_default().push(record);
    }
    Ok(topic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> Vec<Read> {
        let lines: String = text
            .split_whitespace()
            .enumerate()
            .map(|(offset, value)| format!("0\t{offset}\tk\t{value}\n"))
            .collect();
        parse(&lines).expect("records").remove(&0).unwrap_or_default()
    }

    #[test]
    fn what_is_lost_double_moved_or_changed_is_seen() {
        let cases = [
            ("12 13 14", "12 13 14", true),
            ("12 13 14", "12 14", false),
            ("12 13 14", "12 13 13 14", false),
            ("12 13 14", "13 12 14", false),
            ("12 13 14", "12 13 41", false),
            ("12 13 14", "", false),
        ];
        for (input, output, is_same) in cases {
            let found = same(Copier::Java, 0, &records(input), &records(output));
            assert_eq!(found.is_ok(), is_same, "{input} and {output}: {found:?}");
        }
        assert!(same(Copier::Aiokafka, 0, &records("12 13"), &records("21 31")).is_ok());
    }

    #[test]
    fn what_was_acknowledged_is_looked_for_where_it_was_said_to_lie() {
        let input = Topic::from([(0, records("a b c"))]);
        let acked = |offset, value: &str| HashMap::from([((0, offset), value.to_owned())]);
        assert!(kept(&input, &acked(1, "b")).is_ok());
        assert!(kept(&input, &acked(2, "b")).is_err());
        assert!(kept(&input, &acked(3, "d")).is_err());
        let double = Topic::from([(0, records("a b a"))]);
        assert!(kept(&double, &HashMap::new()).is_err());
    }
}
