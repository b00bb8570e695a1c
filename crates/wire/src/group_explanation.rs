//! What Ottla tells of a group beyond Kafka's protocol: why it rebalanced last, when its offsets expire, how fast they
//! move and how far behind they are.
//!
//! It travels in a tagged field that Kafka's schemas do not name. A client that wants it puts [`TAG`] without content
//! into DescribeGroups (version 5 or later) or ConsumerGroupDescribe; a coordinator that knows the tag answers with it
//! in the described group. Whoever does not know it skips it, as KIP-482 wants: others neither ask nor are told.

use bytes::Bytes;

use crate::codec::{DecodeError, EncodeError, RawTaggedField, Reader, Writer};

/// The tag, far from those that Kafka counts up from zero.
pub const TAG: u32 = 0x4f74;

/// How the content is laid out. What a later version appends, this one leaves unread.
const VERSION: i8 = 0;

/// The least that elements take: their lengths and numbers.
const REBALANCE_BYTES_MIN: usize = 30;
const CAUSE_BYTES_MIN: usize = 5;
const TOPIC_BYTES_MIN: usize = 2;
const OFFSET_BYTES_MIN: usize = 44;

/// What is known of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupExplanation {
    /// Since when rebalances are remembered: the coordinator forgets them when it moves or starts anew.
    pub known_since_ms: i64,
    /// The last ones, the latest last.
    pub rebalances: Vec<Rebalance>,
    /// By topic; what is committed for its partitions.
    pub topics: Vec<ExplainedTopic>,
}

/// One rebalance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebalance {
    pub began_at_ms: i64,
    /// -1 while it goes on.
    pub took_ms: i64,
    /// The generation or group epoch that it led to; -1 while that is not known.
    pub generation: i32,
    /// How many members the group had then.
    pub members: i32,
    /// Another one began before this one was over.
    pub is_superseded: bool,
    /// How many causes there were; those beyond [`Rebalance::causes`] are not remembered.
    pub cause_count: i32,
    pub causes: Vec<Cause>,
}

/// Who or what made a group rebalance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cause {
    /// Such as `member-joined`; see the group coordinator for the others.
    pub kind: String,
    /// Empty when it was no member.
    pub member_id: String,
    pub client_id: String,
    pub host: String,
    /// What the client gave as its reason (KIP-800), or more about the cause.
    pub reason: String,
}

/// Offsets of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExplainedTopic {
    pub name: String,
    pub offsets: Vec<ExplainedOffset>,
}

/// What is known of a committed offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExplainedOffset {
    pub partition: i32,
    pub offset: i64,
    pub committed_at_ms: i64,
    /// From then on it may be removed; -1 while it is in use.
    pub expires_at_ms: i64,
    /// Records a second over the last minute, in thousandths.
    pub rate_millis: i64,
    /// Records that are not consumed yet; -1 where the coordinator can't tell.
    pub lag: i64,
}

impl GroupExplanation {
    /// The field of a request that asks for it.
    #[must_use]
    pub fn question() -> RawTaggedField {
        RawTaggedField { tag: TAG, data: Bytes::new() }
    }

    /// Whether a request asks for it.
    #[must_use]
    pub fn is_asked_for(fields: &[RawTaggedField]) -> bool {
        fields.iter().any(|field| field.tag == TAG)
    }

    /// The explanation among the fields of an answer; `None` when the coordinator gives none.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn find(fields: &[RawTaggedField]) -> Result<Option<Self>, DecodeError> {
        let Some(field) = fields.iter().find(|field| field.tag == TAG) else { return Ok(None) };
        Self::decode(&mut Reader::new(&field.data)).map(Some)
    }

    /// The field of an answer.
    ///
    /// # Errors
    /// When a text is too long.
    pub fn field(&self) -> Result<RawTaggedField, EncodeError> {
        let mut counter = Writer::counting();
        self.encode(&mut counter)?;
        let mut writer = Writer::contiguous(counter.len());
        self.encode(&mut writer)?;
        Ok(RawTaggedField { tag: TAG, data: writer.into_bytes() })
    }

    fn encode(&self, writer: &mut Writer) -> Result<(), EncodeError> {
        writer.i8(VERSION);
        writer.i64(self.known_since_ms);
        writer.array(true, &self.rebalances, |writer, rebalance| rebalance.encode(writer))?;
        writer.array(true, &self.topics, |writer, topic| {
            writer.string(true, &topic.name)?;
            writer.array(true, &topic.offsets, |writer, offset| {
                offset.encode(writer);
                Ok(())
            })
        })
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.i8()?;
        Ok(Self {
            known_since_ms: reader.i64()?,
            rebalances: reader.array(true, REBALANCE_BYTES_MIN, Rebalance::decode)?,
            topics: reader.array(true, TOPIC_BYTES_MIN, |reader| {
                Ok(ExplainedTopic {
                    name: reader.string(true)?,
                    offsets: reader.array(true, OFFSET_BYTES_MIN, ExplainedOffset::decode)?,
                })
            })?,
        })
    }
}

impl Rebalance {
    fn encode(&self, writer: &mut Writer) -> Result<(), EncodeError> {
        writer.i64(self.began_at_ms);
        writer.i64(self.took_ms);
        writer.i32(self.generation);
        writer.i32(self.members);
        writer.bool(self.is_superseded);
        writer.i32(self.cause_count);
        writer.array(true, &self.causes, |writer, cause| {
            let Cause { kind, member_id, client_id, host, reason } = cause;
            [kind, member_id, client_id, host, reason]
                .into_iter()
                .try_for_each(|text| writer.string(true, text))
        })
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            began_at_ms: reader.i64()?,
            took_ms: reader.i64()?,
            generation: reader.i32()?,
            members: reader.i32()?,
            is_superseded: reader.bool()?,
            cause_count: reader.i32()?,
            causes: reader.array(true, CAUSE_BYTES_MIN, |reader| {
                Ok(Cause {
                    kind: reader.string(true)?,
                    member_id: reader.string(true)?,
                    client_id: reader.string(true)?,
                    host: reader.string(true)?,
                    reason: reader.string(true)?,
                })
            })?,
        })
    }
}

impl ExplainedOffset {
    fn encode(&self, writer: &mut Writer) {
        writer.i32(self.partition);
        let Self { offset, committed_at_ms, expires_at_ms, rate_millis, lag, .. } = *self;
        for number in [offset, committed_at_ms, expires_at_ms, rate_millis, lag] {
            writer.i64(number);
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            partition: reader.i32()?,
            offset: reader.i64()?,
            committed_at_ms: reader.i64()?,
            expires_at_ms: reader.i64()?,
            rate_millis: reader.i64()?,
            lag: reader.i64()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> GroupExplanation {
        let cause = Cause {
            kind: "member-left".to_owned(),
            member_id: "m".to_owned(),
            client_id: "c".to_owned(),
            host: "/127.0.0.1".to_owned(),
            reason: "the consumer is being closed".to_owned(),
        };
        let rebalance = Rebalance {
            began_at_ms: 1,
            took_ms: -1,
            generation: 3,
            members: 4,
            is_superseded: true,
            cause_count: 7,
            causes: vec![cause],
        };
        let offset = ExplainedOffset {
            partition: 5,
            offset: 4,
            committed_at_ms: 6,
            expires_at_ms: -1,
            rate_millis: 1_500,
            lag: 9,
        };
        GroupExplanation {
            known_since_ms: 8,
            rebalances: vec![rebalance, Rebalance::default()],
            topics: vec![ExplainedTopic { name: "t".to_owned(), offsets: vec![offset] }],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for explanation in [sample(), GroupExplanation::default()] {
            let field = explanation.field().expect("short texts");
            assert_eq!(GroupExplanation::find(&[field]), Ok(Some(explanation)));
        }
    }

    #[test]
    fn what_nobody_told_is_not_found_and_what_is_cut_off_is_refused() {
        let other = RawTaggedField { tag: 3, data: Bytes::from_static(&[1, 2]) };
        assert_eq!(GroupExplanation::find(std::slice::from_ref(&other)), Ok(None));
        assert!(!GroupExplanation::is_asked_for(std::slice::from_ref(&other)));
        assert!(GroupExplanation::is_asked_for(&[other, GroupExplanation::question()]));
        let RawTaggedField { tag, data } = sample().field().expect("short texts");
        for end in 0..data.len() {
            let cut = RawTaggedField { tag, data: data.slice(..end) };
            assert!(GroupExplanation::find(&[cut]).is_err(), "{end} bytes");
        }
    }

    /// An element is never smaller than what a count is checked against.
    #[test]
    fn the_least_sizes_are_right() {
        let bytes = |explanation: &GroupExplanation| explanation.field().expect("short").data.len();
        let none = bytes(&GroupExplanation::default());
        let mut one =
            GroupExplanation { rebalances: vec![Rebalance::default()], ..Default::default() };
        assert_eq!(bytes(&one) - none, REBALANCE_BYTES_MIN);
        one.rebalances[0].causes.push(Cause::default());
        assert_eq!(bytes(&one) - none, REBALANCE_BYTES_MIN + CAUSE_BYTES_MIN);
        let topic =
            ExplainedTopic { offsets: vec![ExplainedOffset::default()], ..Default::default() };
        let one = GroupExplanation { topics: vec![topic], ..Default::default() };
        assert_eq!(bytes(&one) - none, TOPIC_BYTES_MIN + OFFSET_BYTES_MIN);
    }
}
