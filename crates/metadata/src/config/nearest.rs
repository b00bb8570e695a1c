//! Which known name somebody most likely meant.

/// The known name within a third of its length in edits (insert, remove, replace, swap), nearest first.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (edits(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).clamp(1, 4))
        .min()
        .map(|(_, candidate)| candidate)
}

/// The optimal string alignment distance.
fn edits(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, &a) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, &b) in right.iter().enumerate() {
            let replace = above[column] + usize::from(a != b);
            let mut least = replace.min(above[column + 1] + 1).min(current[column] + 1);
            let swapped = row > 0 && column > 0 && a == right[column - 1] && left[row - 1] == b;
            if swapped {
                least = least.min(before[column - 1] + 1);
            }
            current.push(least);
        }
        before = std::mem::replace(&mut above, current);
    }
    above[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_what_was_meant() {
        let known =
            ["log.retention.ms", "auto.create.topics.enable", "log.cleaner.enable", "node.id"];
        let cases = [
            ("auto.create.topics.enabe", Some("auto.create.topics.enable")),
            ("log.cleaner.enabled", Some("log.cleaner.enable")),
            ("log.retenton.ms", Some("log.retention.ms")),
            ("ndoe.id", Some("node.id")),
            ("something.else.entirely", None),
        ];
        for (name, expected) in cases {
            assert_eq!(nearest(name, known.into_iter()), expected, "{name}");
        }
    }
}
