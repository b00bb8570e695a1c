//! What `--rebalances`, `--expiry` and `--rates` show: brokers of Ottla tell it, beyond Kafka's protocol. Pure.

use std::collections::HashMap;
use std::fmt::Write as _;

use ottla_client::TopicPartition;
use ottla_wire::GroupExplanation;
use ottla_wire::group_explanation::{Cause, ExplainedOffset, Rebalance};

use super::moment::datetime;
use super::tables::{NOTHING, width};

/// What is said of a group whose coordinator tells nothing.
pub(super) fn untold(group: &str) -> String {
    format!(
        "The coordinator of consumer group '{group}' does not tell why it rebalances, when its offsets expire or how \
         fast they are consumed: Kafka's protocol has no way to, and only brokers of Ottla do."
    )
}

/// What is known of each offset.
pub(super) fn offsets(explanation: &GroupExplanation) -> HashMap<TopicPartition, ExplainedOffset> {
    let topics = explanation.topics.iter();
    let all = topics.flat_map(|topic| {
        let key =
            |offset: &ExplainedOffset| TopicPartition::new(topic.name.as_str(), offset.partition);
        topic.offsets.iter().map(move |offset| (key(offset), offset.clone()))
    });
    all.collect()
}

/// Records a second.
pub(super) fn rate(millis: i64) -> String {
    format!("{:.1}", millis as f64 / 1e3)
}

/// When an offset may be removed.
pub(super) fn expiry(offset: &ExplainedOffset) -> String {
    match offset.expires_at_ms {
        ..0 => "in use".to_owned(),
        at => datetime(at),
    }
}

/// Lag and rate of the whole group, as far as they are known.
pub(super) fn totals(explanation: &GroupExplanation) -> (String, String) {
    let offsets = || explanation.topics.iter().flat_map(|topic| &topic.offsets);
    let lags = offsets().map(|offset| offset.lag).filter(|lag| *lag >= 0);
    let millis = offsets().fold(0_i64, |sum, offset| sum.saturating_add(offset.rate_millis));
    let lag = lags.fold(0_i64, i64::saturating_add);
    (lag.to_string(), rate(millis))
}

/// Why a group has rebalanced: a line for each cause.
pub(super) fn rebalances(group: &str, explanation: &GroupExplanation) -> String {
    let since = datetime(explanation.known_since_ms);
    if explanation.rebalances.is_empty() {
        return format!(
            "\nConsumer group '{group}' has not rebalanced since {since}, when its coordinator was loaded.\n"
        );
    }
    let rows: Vec<[String; 10]> =
        explanation.rebalances.iter().flat_map(|one| lines(group, one)).collect();
    let titles = TITLES.map(str::to_owned);
    let widest = |column: usize| {
        let texts = std::iter::once(&titles).chain(&rows).map(|row| row[column].as_str());
        width(LEAST[column], texts)
    };
    let widths: Vec<usize> = (0..TITLES.len()).map(widest).collect();
    let mut table = format!(
        "\nRebalances of consumer group '{group}' since {since}, when its coordinator was loaded, the latest last:\n"
    );
    for row in std::iter::once(&titles).chain(&rows) {
        let mut line = String::new();
        for (text, width) in row.iter().zip(&widths) {
            // Writing to a string can't fail.
            let _ = write!(line, "{text:<width$} ");
        }
        table.push_str(line.trim_end());
        table.push('\n');
    }
    table
}

const TITLES: [&str; 10] = [
    "GROUP",
    "GENERATION",
    "BEGAN",
    "TOOK-MS",
    "STATE",
    "#MEMBERS",
    "CAUSE",
    "CONSUMER-ID",
    "CLIENT",
    "REASON",
];
const LEAST: [usize; 10] = [15, 10, 24, 10, 10, 10, 15, 15, 15, 6];

fn lines(group: &str, rebalance: &Rebalance) -> Vec<[String; 10]> {
    let (state, is_over) = match (rebalance.is_superseded, rebalance.took_ms) {
        (true, _) => ("superseded", false),
        (false, ..0) => ("under way", false),
        (false, _) => ("completed", true),
    };
    let or_nothing = |is_known: bool, value: &dyn ToString| match is_known {
        true => value.to_string(),
        false => NOTHING.to_owned(),
    };
    let line = |[cause, member, client, reason]: [String; 4]| {
        [
            group.to_owned(),
            or_nothing(rebalance.generation >= 0, &rebalance.generation),
            datetime(rebalance.began_at_ms),
            or_nothing(rebalance.took_ms >= 0, &rebalance.took_ms),
            state.to_owned(),
            or_nothing(is_over, &rebalance.members),
            cause,
            member,
            client,
            reason,
        ]
    };
    let nothing = || NOTHING.to_owned();
    let mut lines: Vec<_> = rebalance.causes.iter().map(|cause| line(told(cause))).collect();
    let told = i32::try_from(lines.len()).unwrap_or(i32::MAX);
    if rebalance.cause_count > told {
        let more = format!("{} more", rebalance.cause_count - told);
        lines.push(line([more, nothing(), nothing(), String::new()]));
    } else if lines.is_empty() {
        lines.push(line([nothing(), nothing(), nothing(), String::new()]));
    }
    lines
}

/// Cause, member, client and reason. Clients say what they like: no control character goes to the terminal.
fn told(cause: &Cause) -> [String; 4] {
    let shown = |text: &str| {
        let clean: String =
            text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        if clean.is_empty() { NOTHING.to_owned() } else { clean }
    };
    let client = match (cause.client_id.is_empty(), cause.host.is_empty()) {
        (true, true) => NOTHING.to_owned(),
        _ => shown(&format!("{}{}", cause.client_id, cause.host)),
    };
    [shown(&cause.kind), shown(&cause.member_id), client, shown(&cause.reason)]
}

#[cfg(test)]
mod tests {
    use ottla_wire::group_explanation::ExplainedTopic;

    use super::*;

    fn cause(kind: &str, member: &str, reason: &str) -> Cause {
        let host = if member.is_empty() { "" } else { "/10.0.0.1" };
        Cause {
            kind: kind.to_owned(),
            member_id: member.to_owned(),
            client_id: member.to_owned(),
            host: host.to_owned(),
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn rebalances_are_told_cause_by_cause() {
        let begun = Rebalance {
            began_at_ms: 1_700_000_000_000,
            took_ms: -1,
            generation: -1,
            cause_count: 3,
            causes: vec![
                cause("member-left", "a", "bye\u{1b}[2J"),
                cause("topics-changed", "", ""),
            ],
            ..Rebalance::default()
        };
        let over = Rebalance { took_ms: 250, generation: 3, members: 2, ..begun.clone() };
        let over = Rebalance { causes: Vec::new(), cause_count: 0, ..over };
        let explanation = GroupExplanation {
            known_since_ms: 1_700_000_000_000,
            rebalances: vec![over, begun],
            topics: Vec::new(),
        };
        assert_eq!(
            rebalances("g", &explanation),
            "\nRebalances of consumer group 'g' since 2023-11-14T22:13:20.000Z, when its coordinator was loaded, the latest last:\n\
             GROUP           GENERATION BEGAN                    TOOK-MS    STATE      #MEMBERS   CAUSE           CONSUMER-ID     CLIENT          REASON\n\
             g               3          2023-11-14T22:13:20.000Z 250        completed  2          -               -               -\n\
             g               -          2023-11-14T22:13:20.000Z -          under way  -          member-left     a               a/10.0.0.1      bye [2J\n\
             g               -          2023-11-14T22:13:20.000Z -          under way  -          topics-changed  -               -               -\n\
             g               -          2023-11-14T22:13:20.000Z -          under way  -          1 more          -               -\n"
        );
        let none = GroupExplanation { rebalances: Vec::new(), ..explanation };
        let text = rebalances("g", &none);
        assert!(text.contains("has not rebalanced since 2023-11-14T22:13:20.000Z"), "{text}");
    }

    #[test]
    fn totals_leave_out_what_is_not_known() {
        let offset = |lag, rate_millis, expires_at_ms| ExplainedOffset {
            lag,
            rate_millis,
            expires_at_ms,
            ..ExplainedOffset::default()
        };
        let offsets = vec![offset(5, 1_500, -1), offset(-1, 250, 1_700_000_000_000)];
        assert_eq!(
            offsets.iter().map(expiry).collect::<Vec<_>>(),
            ["in use", "2023-11-14T22:13:20.000Z"]
        );
        let topic = ExplainedTopic { name: "t".to_owned(), offsets };
        let explanation = GroupExplanation { topics: vec![topic], ..Default::default() };
        assert_eq!(totals(&explanation), ("5".to_owned(), "1.8".to_owned()));
    }
}
