//! A partition's log, which checks sequences as Kafka's does, and what was ever sent to it.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use bytes::Bytes;
use ottla_wire::ErrorCode;
use ottla_wire::records::{BatchBuilder, BatchMut, BatchOptions, BatchView, increment_sequence};

/// So many batches of a producer a broker remembers.
const REMEMBERED: usize = 5;

#[derive(Default)]
pub struct Partition {
    pub leader: Option<i32>,
    pub leader_epoch: i32,
    pub log: Vec<Appended>,
    pub log_start: i64,
    /// Up to where everything was read by somebody.
    pub read: i64,
    /// Values of records that were written once and cut off.
    pub lost: HashSet<String>,
    producers: HashMap<i64, Producer>,
    /// Whatever arrived, by producer, epoch and first sequence: its last sequence and checksum.
    arrived: BTreeMap<(i64, i16, i32), (i32, u32)>,
}

pub struct Appended {
    pub base_offset: i64,
    pub bytes: Bytes,
    pub values: Vec<String>,
    numbers: Option<Numbers>,
}

#[derive(Clone, Copy)]
struct Numbers {
    producer_id: i64,
    epoch: i16,
    first: i32,
    last: i32,
}

struct Producer {
    epoch: i16,
    /// First and last sequence, and base offset.
    batches: VecDeque<(i32, i32, i64)>,
}

impl Appended {
    pub fn end(&self) -> i64 {
        self.base_offset + self.values.len() as i64
    }
}

impl Partition {
    /// Somebody else writes so many records.
    pub fn fill(&mut self, count: usize) {
        let mut builder = BatchBuilder::new(BatchOptions::default());
        for _ in 0..count.max(1) {
            builder.append(1, None, Some(b"v"), &[]).expect("small");
        }
        let bytes = builder.build().expect("small");
        let _ = self.append(&BatchView::first(&bytes).expect("a batch"));
    }

    /// Whether something is there that nobody has read.
    pub fn is_unread(&self) -> bool {
        self.read.max(self.log_start) < self.next_offset()
    }

    /// A group commits; a sentence if nobody has read so far.
    pub fn committed(&mut self, offset: i64) -> Option<String> {
        let most = self.read.max(self.log_start);
        (offset > most).then(|| format!("{offset} committed, read up to {most}"))
    }

    /// Notes what arrived; a sentence if the numbers of the batch are another's.
    pub fn note(&mut self, batch: &BatchView<'_>) -> Option<String> {
        let numbers = numbers(batch)?;
        let Numbers { producer_id, epoch, first, last } = numbers;
        let known = self.arrived.insert((producer_id, epoch, first), (last, batch.crc));
        if known.is_some_and(|known| known != (last, batch.crc)) {
            return Some(format!(
                "two batches of producer {producer_id}, epoch {epoch}, sequence {first}"
            ));
        }
        let of_epoch = (producer_id, epoch, i32::MIN)..(producer_id, epoch, first);
        let before = self.arrived.range(of_epoch).next_back();
        let (start, end) = before.map(|((_, _, start), (end, _))| (*start, *end))?;
        (end >= first).then(|| {
            format!("epoch {epoch}: sequences {start} to {end} and {first} to {last} overlap")
        })
    }

    /// The batch was too large: its parts may have its numbers.
    pub fn forget(&mut self, batch: &BatchView<'_>) {
        if let Some(Numbers { producer_id, epoch, first, .. }) = numbers(batch) {
            self.arrived.remove(&(producer_id, epoch, first));
        }
    }

    pub fn next_offset(&self) -> i64 {
        self.log.last().map_or(0, Appended::end)
    }

    pub fn append(&mut self, batch: &BatchView<'_>) -> Result<i64, ErrorCode> {
        let numbers = numbers(batch);
        if let Some(numbers) = numbers
            && let Some(offset) = self.check(numbers)?
        {
            return Ok(offset);
        }
        let base_offset = self.next_offset();
        let records = batch.records(1 << 20).expect("the client's own batch");
        let value = |record: &[u8]| String::from_utf8_lossy(record).into_owned();
        let values = records.views().map(|record| {
            value(record.expect("the client's own record").value.unwrap_or_default())
        });
        let values = values.collect();
        let mut bytes = batch.bytes().to_vec();
        let mut placed = BatchMut::first(&mut bytes).expect("a batch");
        placed.set_base_offset(base_offset);
        placed.set_partition_leader_epoch(self.leader_epoch);
        self.log.push(Appended { base_offset, bytes: bytes.into(), values, numbers });
        if let Some(numbers) = numbers {
            self.remember(numbers, base_offset);
        }
        Ok(base_offset)
    }

    /// Cuts off the last batches, as an unclean election does; each producer keeps one at least, for of one that
    /// is not known a broker takes any number.
    pub fn truncate(&mut self, batches: usize) {
        for _ in 0..batches {
            let Some((last, rest)) = self.log.split_last() else { break };
            let producer = |one: &Appended| one.numbers.map(|numbers| numbers.producer_id);
            if !rest.iter().any(|one| producer(one) == producer(last)) {
                break;
            }
            if let Some(gone) = self.log.pop() {
                self.lost.extend(gone.values);
            }
        }
        self.producers.clear();
        let known: Vec<_> =
            self.log.iter().filter_map(|one| Some((one.numbers?, one.base_offset))).collect();
        for (numbers, base_offset) in known {
            self.remember(numbers, base_offset);
        }
    }

    /// Forgets who ever wrote, as a broker does after `producer.id.expiration.ms`.
    pub fn forget_producers(&mut self) {
        self.producers.clear();
    }

    /// The offset of a batch that is there already.
    fn check(&self, numbers: Numbers) -> Result<Option<i64>, ErrorCode> {
        let Some(known) = self.producers.get(&numbers.producer_id) else { return Ok(None) };
        if numbers.epoch < known.epoch {
            return Err(ErrorCode::InvalidProducerEpoch);
        }
        if numbers.epoch > known.epoch {
            let is_first = numbers.first == 0;
            return if is_first { Ok(None) } else { Err(ErrorCode::OutOfOrderSequenceNumber) };
        }
        let same = known
            .batches
            .iter()
            .find(|(first, last, _)| (*first, *last) == (numbers.first, numbers.last));
        if let Some((_, _, offset)) = same {
            return Ok(Some(*offset));
        }
        let expected = known.batches.back().map_or(0, |(_, last, _)| increment_sequence(*last, 1));
        if expected == numbers.first { Ok(None) } else { Err(ErrorCode::OutOfOrderSequenceNumber) }
    }

    fn remember(&mut self, numbers: Numbers, base_offset: i64) {
        let Numbers { producer_id, epoch, first, last } = numbers;
        let fresh = || Producer { epoch, batches: VecDeque::new() };
        let producer = self.producers.entry(producer_id).or_insert_with(fresh);
        if producer.epoch != epoch {
            *producer = fresh();
        }
        producer.batches.push_back((first, last, base_offset));
        if producer.batches.len() > REMEMBERED {
            producer.batches.pop_front();
        }
    }
}

fn numbers(batch: &BatchView<'_>) -> Option<Numbers> {
    let last = increment_sequence(batch.base_sequence, batch.count - 1);
    (batch.producer_id >= 0).then_some(Numbers {
        producer_id: batch.producer_id,
        epoch: batch.producer_epoch,
        first: batch.base_sequence,
        last,
    })
}
