//! Offsets as CSV: `topic,partition,offset`, with the group in front where there are several. Pure.

use ottla_client::TopicPartition;

/// Text that is longer is quoted, whatever it holds.
const UNQUOTED_MAX: usize = 24;

/// One line of a file of offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The group, where the line names one.
    pub group: Option<String>,
    /// The partition.
    pub partition: TopicPartition,
    /// The offset it shall have.
    pub offset: i64,
}

impl Line {
    /// The line, with its end.
    pub(super) fn text(&self) -> String {
        let group = self.group.as_deref().map(|group| format!("{},", quoted(group)));
        format!(
            "{}{},{},{}\n",
            group.unwrap_or_default(),
            quoted(&self.partition.topic),
            self.partition.partition,
            self.offset
        )
    }
}

fn quoted(text: &str) -> String {
    // Everything up to the comma makes the writer of Kafka's tools quote.
    let is_long = text.encode_utf16().count() > UNQUOTED_MAX;
    if is_long || text.chars().any(|character| character <= ',') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Reads a file. Lines name their group unless the first one does not and `single_group` is true.
///
/// # Errors
/// What is wrong, with the line's number.
pub(super) fn read(text: &str, single_group: bool) -> Result<Vec<Line>, String> {
    let rows: Vec<&str> = text.trim_end_matches(['\n', '\r']).split('\n').collect();
    let names_group = !(single_group && rows.first().is_some_and(|row| line(row, false).is_ok()));
    rows.iter()
        .enumerate()
        .map(|(at, row)| {
            line(row, names_group).map_err(|wrong| format!("line {}: {wrong}", at + 1))
        })
        .collect()
}

fn line(row: &str, names_group: bool) -> Result<Line, String> {
    let fields = fields(row.trim_end_matches('\r'))?;
    let (group, rest) = match (names_group, fields.as_slice()) {
        (true, [group, rest @ ..]) => (Some(group.clone()), rest),
        (_, rest) => (None, rest),
    };
    let [topic, partition, offset] = rest else {
        let expected =
            if names_group { "group,topic,partition,offset" } else { "topic,partition,offset" };
        return Err(format!("expected {expected}, found {row}"));
    };
    let number = |text: &str, what: &str| {
        text.trim().parse::<i64>().map_err(|_| format!("{text} is no {what}"))
    };
    let partition = i32::try_from(number(partition, "partition")?)
        .map_err(|_| format!("{partition} is no partition"))?;
    Ok(Line {
        group,
        partition: TopicPartition::new(topic.as_str(), partition),
        offset: number(offset, "offset")?,
    })
}

fn fields(row: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = row;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(inside) => quoted_field(inside)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(fields),
            None => return Err(format!("expected a comma before {after}")),
        }
    }
}

/// A field behind its opening quote, and what follows the closing one.
fn quoted_field(text: &str) -> Result<(String, &str), String> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"').ok_or("a quote is not closed")?;
        field.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(next) => {
                field.push('"');
                rest = next;
            }
            None => return Ok((field, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(group: Option<&str>, topic: &str, partition: i32, offset: i64) -> Line {
        let partition = TopicPartition::new(topic, partition);
        Line { group: group.map(str::to_owned), partition, offset }
    }

    #[test]
    fn lines_are_quoted_where_kafka_quotes() {
        // As `kafka-consumer-groups.sh --export` of Apache Kafka 4.3.1 gave them.
        for (group, expected) in [
            ("x", "x"),
            ("a b", "\"a b\""),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("a+b", "\"a+b\""),
            ("a'b", "\"a'b\""),
            ("$x", "\"$x\""),
            ("a;b", "a;b"),
            ("é", "é"),
            ("aaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaa"),
            ("aaaaaaaaaaaaaaaaaaaaaaaaa", "\"aaaaaaaaaaaaaaaaaaaaaaaaa\""),
        ] {
            let text = entry(Some(group), "beta", 0, 7).text();
            assert_eq!(text, format!("{expected},beta,0,7\n"));
            assert_eq!(read(&text, true), Ok(vec![entry(Some(group), "beta", 0, 7)]), "{group}");
        }
        assert_eq!(entry(None, "beta", 3, -1).text(), "beta,3,-1\n");
    }

    #[test]
    fn the_group_may_be_left_out_for_a_single_group() {
        let old = "alpha,0,3\r\nbeta,1,5\n";
        let lines = vec![entry(None, "alpha", 0, 3), entry(None, "beta", 1, 5)];
        assert_eq!(read(old, true), Ok(lines));
        assert!(read(old, false).is_err());
        let named = vec![entry(Some("g"), "alpha", 0, 3)];
        assert_eq!(read("g,alpha,0,3", true), Ok(named.clone()));
        assert_eq!(read("g,alpha,0,3", false), Ok(named));
    }

    #[test]
    fn what_is_no_offset_is_refused_with_its_line() {
        for (text, wrong) in [
            ("alpha,0,3\nbeta,0", "line 2: expected topic,partition,offset, found beta,0"),
            ("g,alpha,x,3", "line 1: x is no partition"),
            ("g,alpha,0,", "line 1:  is no offset"),
            ("g,\"alpha,0,3", "line 1: a quote is not closed"),
            ("", "line 1: expected group,topic,partition,offset, found "),
        ] {
            assert_eq!(read(text, true), Err(wrong.to_owned()), "{text}");
        }
    }
}
