//! Which names are meant by one that is not known: those that argparse4j suggests.
//!
//! Pure. The costs, and the distance from which on nothing is alike, are git's.

const SWAP: usize = 0;
const SUBSTITUTION: usize = 2;
const ADDITION: usize = 1;
const DELETION: usize = 4;
const UNLIKE: usize = 7;

/// `Did you mean:` and the names most like `word`; nothing when none is.
pub(super) fn suggestion<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> String {
    let bare = |name: &'a str| name.trim_start_matches('-');
    let mut known: Vec<(usize, &str)> = names
        .filter(|name| bare(name).len() > 1)
        .map(|name| (apart(word, bare(name)), name))
        .collect();
    known.sort_unstable();
    let Some((least, _)) = known.first().copied().filter(|(least, _)| *least < UNLIKE) else {
        return String::new();
    };
    let alike = known.iter().take_while(|(apart, _)| *apart == least);
    let listed: Vec<String> = alike.map(|(_, name)| format!("\t{name}\n")).collect();
    format!("\nDid you mean:\n{}", listed.concat())
}

fn apart(word: &str, name: &str) -> usize {
    if name.starts_with(word) {
        return 0;
    }
    let (word, name): (Vec<char>, Vec<char>) = (word.chars().collect(), name.chars().collect());
    let mut costs = vec![(0..=name.len()).collect::<Vec<usize>>()];
    for row in 1..=word.len() {
        let mut next = vec![row; name.len() + 1];
        for column in 1..=name.len() {
            let same = word[row - 1] == name[column - 1];
            let mut cost = costs[row - 1][column - 1] + if same { 0 } else { SUBSTITUTION };
            let swapped = row >= 2
                && column >= 2
                && !same
                && word[row - 2] == name[column - 1]
                && word[row - 1] == name[column - 2];
            if swapped {
                cost = cost.min(costs[row - 2][column - 2] + SWAP);
            }
            cost = cost.min(costs[row - 1][column] + DELETION).min(next[column - 1] + ADDITION);
            next[column] = cost;
        }
        costs.push(next);
    }
    costs[word.len()][name.len()]
}

#[cfg(test)]
mod tests {
    use super::suggestion;

    #[test]
    fn what_is_most_alike_is_suggested() {
        let names = ["info", "format", "version-mapping", "random-uuid"];
        for (word, expected) in [
            ("foo", "\nDid you mean:\n\tformat\n\tinfo\n"),
            ("ifno", "\nDid you mean:\n\tinfo\n"),
            ("rand", "\nDid you mean:\n\trandom-uuid\n"),
            ("xxxxxxxxxx", ""),
        ] {
            assert_eq!(suggestion(word, names.into_iter()), expected, "{word}");
        }
    }
}
