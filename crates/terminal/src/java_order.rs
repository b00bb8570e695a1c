//! The order in which Java's `HashMap` gives its keys, which is the order in many outputs of Apache's tools.

use ottla_client::TopicPartition;

const SMALLEST_TABLE: usize = 16;

/// What Java's `hashCode()` gives.
pub trait JavaHash {
    /// The hash code.
    fn java_hash(&self) -> i32;
}

impl JavaHash for str {
    fn java_hash(&self) -> i32 {
        self.encode_utf16()
            .fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
    }
}

impl JavaHash for String {
    fn java_hash(&self) -> i32 {
        self.as_str().java_hash()
    }
}

impl JavaHash for i32 {
    fn java_hash(&self) -> i32 {
        *self
    }
}

impl JavaHash for i64 {
    fn java_hash(&self) -> i32 {
        (self ^ (self >> 32)) as i32
    }
}

impl JavaHash for TopicPartition {
    fn java_hash(&self) -> i32 {
        let partition = 31i32.wrapping_add(self.partition);
        partition.wrapping_mul(31).wrapping_add(self.topic.java_hash())
    }
}

/// Sorts entries as a `HashMap` gives them that got them one by one in this order. Keys must differ.
pub fn sort_as_hash_map<T, K: JavaHash + ?Sized>(entries: &mut [T], key: impl Fn(&T) -> &K) {
    sort_as_sized_hash_map(entries, SMALLEST_TABLE, key);
}

/// The same for a map that was made for this many entries.
pub fn sort_as_sized_hash_map<T, K: JavaHash + ?Sized>(
    entries: &mut [T],
    capacity: usize,
    key: impl Fn(&T) -> &K,
) {
    let mut table = capacity.max(1).next_power_of_two();
    // The table doubles when it is more than three quarters full.
    while entries.len() * 4 > table * 3 {
        table *= 2;
    }
    // Entries in one bucket keep their order, so the sort has to be stable.
    entries.sort_by_key(|entry| {
        let hash = key(entry).java_hash().cast_unsigned();
        (hash ^ (hash >> 16)) as usize & (table - 1)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_hash_as_in_java() {
        assert_eq!("".java_hash(), 0);
        assert_eq!("hello".java_hash(), 99_162_322);
        assert_eq!("é😀".java_hash(), 0xe9 * 31 * 31 + 0xd83d * 31 + 0xde00);
    }

    #[test]
    fn the_order_is_that_of_a_real_hash_map() {
        // As `kafka-consumer-groups.sh --list` of Apache Kafka 4.3.1 gave them.
        let expected = [
            "live-modern",
            "another-quite-long-group-name",
            "empty-group",
            "txn-group",
            "live-static",
            "live-classic",
        ];
        let mut groups = expected.map(str::to_owned);
        groups.sort();
        sort_as_hash_map(&mut groups, |group| group);
        assert_eq!(groups, expected);
        let key = TopicPartition::new;
        let expected =
            [key("alpha", 2), key("alpha", 0), key("hollow", 0), key("alpha", 1), key("hollow", 1)];
        let mut partitions = expected.clone();
        partitions.sort();
        sort_as_hash_map(&mut partitions, |partition| partition);
        assert_eq!(partitions, expected);
    }
}
