//! The tables of `--describe`. Pure.

use std::fmt::Write as _;

use ottla_client::TopicPartition;

/// What stands where there is nothing.
pub(super) const NOTHING: &str = "-";

/// A partition and who reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OffsetRow {
    pub partition: Option<TopicPartition>,
    pub leader_epoch: Option<i32>,
    pub offset: Option<i64>,
    pub end: Option<i64>,
    pub member: Option<(String, String, String)>,
    /// What is known beyond the protocol: the rate and the expiry.
    pub rate: Option<String>,
    pub expiry: Option<String>,
}

/// Columns that are not always shown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Columns {
    pub leader_epoch: bool,
    pub rate: bool,
    pub expiry: bool,
}

impl OffsetRow {
    fn lag(&self) -> Option<i64> {
        Some(self.end? - self.offset?)
    }
}

/// A member and what it reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MemberRow {
    pub member_id: String,
    pub instance_id: String,
    pub host: String,
    pub client_id: String,
    pub epoch: Option<i32>,
    pub assignment: Vec<TopicPartition>,
    pub target_epoch: Option<i32>,
    pub target: Vec<TopicPartition>,
    /// Whether the member speaks the newer protocol, where that is known.
    pub is_upgraded: Option<bool>,
}

/// A group as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StateRow {
    pub coordinator: String,
    pub assignor: String,
    pub state: String,
    pub epoch: Option<i32>,
    pub assignment_epoch: Option<i32>,
    pub members: usize,
    /// Lag and rate of the whole group, where they are wanted and told.
    pub totals: Option<(String, String)>,
}

fn or_nothing(value: Option<impl ToString>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| value.to_string())
}

pub(super) fn width<'a>(least: usize, texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(|text| text.chars().count()).fold(least, usize::max)
}

/// The offsets of a group. Rows begin with a line feed, as Kafka's tool has it.
pub(super) fn offsets(group: &str, rows: &[OffsetRow], shown: Columns) -> String {
    let topic = |row: &OffsetRow| or_nothing(row.partition.as_ref().map(|key| key.topic.clone()));
    let member = |row: &OffsetRow| match &row.member {
        Some(member) => member.clone(),
        None => (NOTHING.to_owned(), NOTHING.to_owned(), NOTHING.to_owned()),
    };
    let topics: Vec<String> = rows.iter().map(topic).collect();
    let members: Vec<_> = rows.iter().map(member).collect();
    let group_width = width(15, [group].into_iter());
    let topic_width = width(15, topics.iter().map(String::as_str));
    let id_width = width(15, members.iter().map(|(id, _, _)| id.as_str()));
    let host_width = width(15, members.iter().map(|(_, host, _)| host.as_str()));
    let mut table = String::new();
    let mut print = |columns: [&str; 12]| {
        let [group, topic, partition, epoch, offset, end, lag, rate, expiry, id, host, client] =
            columns;
        let column = |is_shown: bool, text: &str, width: usize| match is_shown {
            true => format!(" {text:<width$}"),
            false => String::new(),
        };
        let epoch = column(shown.leader_epoch, epoch, 15);
        let more = column(shown.rate, rate, 15) + &column(shown.expiry, expiry, 24);
        // Writing to a string can't fail.
        let _ = write!(
            table,
            "\n{group:<group_width$} {topic:<topic_width$} {partition:<10}{epoch} {offset:<15} {end:<15} {lag:<15}{more} \
             {id:<id_width$} {host:<host_width$} {client}"
        );
    };
    print([
        "GROUP",
        "TOPIC",
        "PARTITION",
        "LEADER-EPOCH",
        "CURRENT-OFFSET",
        "LOG-END-OFFSET",
        "LAG",
        "RECORDS/S",
        "EXPIRES",
        "CONSUMER-ID",
        "HOST",
        "CLIENT-ID",
    ]);
    for ((row, topic), (id, host, client)) in rows.iter().zip(&topics).zip(&members) {
        print([
            group,
            topic,
            &or_nothing(row.partition.as_ref().map(|key| key.partition)),
            &or_nothing(row.leader_epoch),
            &or_nothing(row.offset),
            &or_nothing(row.end),
            &or_nothing(row.lag()),
            row.rate.as_deref().unwrap_or(NOTHING),
            row.expiry.as_deref().unwrap_or(NOTHING),
            id,
            host,
            client,
        ]);
    }
    table.push('\n');
    table
}

/// Partitions as `alpha:0,1;beta:0`.
fn assignment(partitions: &[TopicPartition]) -> String {
    if partitions.is_empty() {
        return NOTHING.to_owned();
    }
    let mut sorted = partitions.to_vec();
    sorted.sort();
    let topics = sorted.chunk_by(|left, right| left.topic == right.topic).map(|partitions| {
        let indexes: Vec<String> = partitions.iter().map(|key| key.partition.to_string()).collect();
        format!("{}:{}", partitions[0].topic, indexes.join(","))
    });
    let mut topics: Vec<String> = topics.collect();
    topics.sort();
    topics.join(";")
}

const MEMBER_TITLES: [&str; 10] = [
    "CONSUMER-ID",
    "GROUP-INSTANCE-ID",
    "HOST",
    "CLIENT-ID",
    "#PARTITIONS",
    "CURRENT-EPOCH",
    "CURRENT-ASSIGNMENT",
    "TARGET-EPOCH",
    "TARGET-ASSIGNMENT",
    "UPGRADED",
];

/// The members of a group.
pub(super) fn members(group: &str, rows: &[MemberRow], verbose: bool) -> String {
    let has_instances = rows.iter().any(|row| !row.instance_id.is_empty());
    let speaks = |upgraded| rows.iter().any(|row| row.is_upgraded == Some(upgraded));
    let migrates = speaks(true) && speaks(false);
    let assignments: Vec<(String, String)> =
        rows.iter().map(|row| (assignment(&row.assignment), assignment(&row.target))).collect();
    let shown = if rows.is_empty() { "" } else { group };
    let group_width = width(15, [shown].into_iter());
    let id_width = width(15, rows.iter().map(|row| row.member_id.as_str()));
    let instance_width = width(17, rows.iter().map(|row| row.instance_id.as_str()));
    let host_width = width(15, rows.iter().map(|row| row.host.as_str()));
    let client_width = width(15, rows.iter().map(|row| row.client_id.as_str()));
    let current_width = width(20, assignments.iter().map(|(current, _)| current.as_str()));
    let target_width = width(20, assignments.iter().map(|(_, target)| target.as_str()));
    let mut table = String::from("\n");
    let mut print = |group: &str, columns: [&str; 10]| {
        let [id, instance, host, client, count, epoch, current, target_epoch, target, upgraded] =
            columns;
        let instance = match has_instances {
            true => format!(" {instance:<instance_width$}"),
            false => String::new(),
        };
        let _ = write!(
            table,
            "{group:<group_width$} {id:<id_width$}{instance} {host:<host_width$} {client:<client_width$} {count:<15} "
        );
        if verbose {
            let _ = write!(
                table,
                "{epoch:<15} {current:<current_width$} {target_epoch:<15} {target:<target_width$}"
            );
            if migrates {
                let _ = write!(table, " {upgraded}");
            }
        }
        table.push('\n');
    };
    print("GROUP", MEMBER_TITLES);
    for (row, (current, target)) in rows.iter().zip(&assignments) {
        print(
            group,
            [
                &row.member_id,
                &row.instance_id,
                &row.host,
                &row.client_id,
                &row.assignment.len().to_string(),
                &or_nothing(row.epoch),
                current,
                &or_nothing(row.target_epoch),
                target,
                &or_nothing(row.is_upgraded),
            ],
        );
    }
    table
}

/// The state of a group.
pub(super) fn state(group: &str, row: &StateRow, verbose: bool) -> String {
    let group_width = width(15, [group].into_iter());
    let coordinator_width = width(25, [row.coordinator.as_str()].into_iter());
    let assignor = if row.assignor.is_empty() { NOTHING } else { &row.assignor };
    let line = |columns: [&str; 9]| {
        let [group, coordinator, assignor, state, epoch, assignment_epoch, lag, rate, members] =
            columns;
        let totals = match row.totals {
            Some(_) => format!(" {lag:<15} {rate:<15}"),
            None => String::new(),
        };
        let epochs = match verbose {
            true => format!(" {epoch:<15} {assignment_epoch:<25}"),
            false => String::new(),
        };
        format!(
            "\n{group:<group_width$} {coordinator:<coordinator_width$} {assignor:<20} {state:<20}{epochs}{totals} {members}"
        )
    };
    let header = line([
        "GROUP",
        "COORDINATOR (ID)",
        "ASSIGNMENT-STRATEGY",
        "STATE",
        "GROUP-EPOCH",
        "TARGET-ASSIGNMENT-EPOCH",
        "LAG",
        "RECORDS/S",
        "#MEMBERS",
    ]);
    let (lag, rate) = row.totals.clone().unwrap_or_default();
    let values = line([
        group,
        &row.coordinator,
        assignor,
        &row.state,
        &or_nothing(row.epoch),
        &or_nothing(row.assignment_epoch),
        &lag,
        &rate,
        &row.members.to_string(),
    ]);
    format!("{header}{values}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(topic: &str, indexes: &[i32]) -> Vec<TopicPartition> {
        indexes.iter().map(|index| TopicPartition::new(topic, *index)).collect()
    }

    #[test]
    fn offsets_stand_under_their_titles() {
        let row = |topic: &str, partition, offset, end, member: Option<&str>| OffsetRow {
            partition: Some(TopicPartition::new(topic, partition)),
            leader_epoch: (partition == 0).then_some(0),
            offset,
            end,
            member: member.map(|id| (id.to_owned(), "/127.0.0.1".to_owned(), "one".to_owned())),
            ..OffsetRow::default()
        };
        let verbose = Columns { leader_epoch: true, ..Columns::default() };
        let rows = [
            row("a.rather.long.topic.name", 1, Some(1), Some(2), None),
            row("alpha", 0, None, Some(10), Some("one-6d8996f5-570d")),
        ];
        assert_eq!(
            offsets("empty-group", &rows, Columns::default()),
            "\n\
             GROUP           TOPIC                    PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             CONSUMER-ID       HOST            CLIENT-ID\n\
             empty-group     a.rather.long.topic.name 1          1               2               1               -                 -               -\n\
             empty-group     alpha                    0          -               10              -               one-6d8996f5-570d /127.0.0.1      one\n"
        );
        assert_eq!(
            offsets("g", &rows[..1], verbose),
            "\n\
             GROUP           TOPIC                    PARTITION  LEADER-EPOCH    CURRENT-OFFSET  LOG-END-OFFSET  LAG             CONSUMER-ID     HOST            CLIENT-ID\n\
             g               a.rather.long.topic.name 1          -               1               2               1               -               -               -\n"
        );
    }

    #[test]
    fn rates_and_expiry_stand_behind_the_lag() {
        let row = OffsetRow {
            partition: Some(TopicPartition::new("alpha", 0)),
            offset: Some(1),
            end: Some(3),
            rate: Some("2.5".to_owned()),
            ..OffsetRow::default()
        };
        let shown = Columns { rate: true, expiry: true, leader_epoch: false };
        assert_eq!(
            offsets("g", &[row], shown),
            "\n\
             GROUP           TOPIC           PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             RECORDS/S       EXPIRES                  CONSUMER-ID     HOST            CLIENT-ID\n\
             g               alpha           0          1               3               2               2.5             -                        -               -               -\n"
        );
        let row =
            StateRow { totals: Some(("7".to_owned(), "2.5".to_owned())), ..StateRow::default() };
        let table = state("g", &row, false);
        assert!(table.contains(" LAG             RECORDS/S       #MEMBERS\n"), "{table}");
        assert!(table.ends_with(" 7               2.5             0\n"), "{table}");
    }

    #[test]
    fn members_show_instances_and_protocols_where_there_are_any() {
        let mut rows = vec![MemberRow {
            member_id: "l6ITLN2QS4eiR_vB_P8C_w".to_owned(),
            host: "/127.0.0.1".to_owned(),
            client_id: "three".to_owned(),
            epoch: Some(2),
            assignment: [partitions("beta", &[0]), partitions("alpha", &[2, 0, 10])].concat(),
            target_epoch: Some(2),
            is_upgraded: Some(true),
            ..MemberRow::default()
        }];
        assert_eq!(
            members("live-modern", &rows, true),
            "\n\
             GROUP           CONSUMER-ID            HOST            CLIENT-ID       #PARTITIONS     CURRENT-EPOCH   CURRENT-ASSIGNMENT   TARGET-EPOCH    TARGET-ASSIGNMENT   \n\
             live-modern     l6ITLN2QS4eiR_vB_P8C_w /127.0.0.1      three           4               2               alpha:0,2,10;beta:0  2               -                   \n"
        );
        assert_eq!(
            members("nobody", &[], false),
            "\nGROUP           CONSUMER-ID     HOST            CLIENT-ID       #PARTITIONS     \n"
        );
        rows.push(MemberRow {
            member_id: "old".to_owned(),
            instance_id: "static-1".to_owned(),
            is_upgraded: Some(false),
            ..MemberRow::default()
        });
        let table = members("g", &rows, true);
        let title = table.lines().nth(1).unwrap();
        assert!(title.contains(" GROUP-INSTANCE-ID ") && title.ends_with(" UPGRADED"), "{title}");
        assert!(table.lines().nth(3).unwrap().ends_with(" false"), "{table}");
    }

    #[test]
    fn a_state_is_one_line() {
        let row = StateRow {
            coordinator: "127.0.0.1:31092  (1)".to_owned(),
            state: "Empty".to_owned(),
            ..StateRow::default()
        };
        assert_eq!(
            state("another-quite-long-group-name", &row, false),
            "\n\
             GROUP                         COORDINATOR (ID)          ASSIGNMENT-STRATEGY  STATE                #MEMBERS\n\
             another-quite-long-group-name 127.0.0.1:31092  (1)      -                    Empty                0\n"
        );
        assert_eq!(
            state("empty-group", &row, true),
            "\n\
             GROUP           COORDINATOR (ID)          ASSIGNMENT-STRATEGY  STATE                GROUP-EPOCH     TARGET-ASSIGNMENT-EPOCH   #MEMBERS\n\
             empty-group     127.0.0.1:31092  (1)      -                    Empty                -               -                         0\n"
        );
    }
}
