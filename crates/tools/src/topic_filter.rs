//! Topics chosen by a regular expression, as `--topic` and `--include` of several tools take it: a
//! comma means "or", blanks and surrounding quotes mean nothing.

use ottla_terminal::failure::Failure;
use regex::Regex;

const INTERNAL: [&str; 3] = ["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// A compiled expression that a whole name has to match.
#[derive(Clone, Debug)]
pub(crate) struct TopicFilter {
    whole: Regex,
}

impl TopicFilter {
    /// Compiles an expression; the message of a refusal is Kafka's.
    pub(crate) fn new(expression: &str) -> Result<Self, Failure> {
        let joined = expression.trim().replace(',', "|").replace(' ', "");
        let bare = joined.trim_matches(['"', '\'']);
        let whole = Regex::new(&format!("^(?:{bare})$")).map_err(|_| {
            Failure::new("java.lang.RuntimeException", format!("{bare} is an invalid regex."))
        })?;
        Ok(Self { whole })
    }

    /// Whether the expression means this topic.
    pub(crate) fn allows(&self, topic: &str, exclude_internal: bool) -> bool {
        self.whole.is_match(topic) && !(exclude_internal && INTERNAL.contains(&topic))
    }
}

#[cfg(test)]
mod tests {
    use super::TopicFilter;

    #[test]
    fn expressions_match_whole_names() {
        for (expression, topic, allowed) in [
            ("test", "test", true),
            ("test", "test1", false),
            ("te.*", "test1", true),
            ("a, b", "b", true),
            ("'a|b'", "a", true),
            (".*", "__consumer_offsets", false),
        ] {
            let filter = TopicFilter::new(expression).expect("valid");
            assert_eq!(filter.allows(topic, true), allowed, "{expression} {topic}");
        }
        let refused = TopicFilter::new("a(").expect_err("not an expression");
        assert_eq!(refused.message, "a( is an invalid regex.");
    }
}
