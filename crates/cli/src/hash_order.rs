//! The order in which a Java `HashMap` with text keys lists its entries.
//!
//! Pure. Apache's tools print topics and configuration keys in that order, so scripts that compare
//! their output see the same lines here.

/// How many buckets a map has that began with `capacity` and holds `entries`.
fn buckets(capacity: usize, entries: usize) -> u32 {
    let mut buckets = capacity.max(1).next_power_of_two();
    while entries > buckets * 3 / 4 {
        buckets *= 2;
    }
    u32::try_from(buckets).unwrap_or(1 << 31)
}

fn hash(text: &str) -> u32 {
    let hash = text
        .encode_utf16()
        .fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    hash ^ (hash >> 16)
}

/// Sorts entries as a map lists them that was made for `capacity` (Java's default is 16) and filled
/// in the present order.
pub(crate) fn sort<T>(entries: &mut [T], capacity: usize, key: impl Fn(&T) -> &str) {
    let buckets = buckets(capacity, entries.len());
    entries.sort_by_key(|entry| hash(key(entry)) & (buckets - 1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_that_of_java() {
        // What `new HashMap<String, Integer>().keySet()` printed in Java 17.
        let mut names = ["retention.ms", "segment.bytes", "cleanup.policy", "topic-1", "a"];
        sort(&mut names, 16, |name| name);
        assert_eq!(names, EXPECTED);
        assert_eq!(buckets(16, 13), 32);
        assert_eq!(buckets(3, 3), 4);
        assert_eq!(buckets(4, 4), 8);
    }

    const EXPECTED: [&str; 5] = ["a", "cleanup.policy", "retention.ms", "segment.bytes", "topic-1"];
}
