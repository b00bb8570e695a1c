//! What a broker's answer means for a batch. Pure.

use ottla_wire::ErrorCode;

/// What to do with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is written.
    Done,
    /// It was written before; where, the broker no longer knows.
    Duplicate,
    /// Send it again, after a while.
    Again,
    /// Send it again under a new epoch: the broker's count and ours disagree.
    AgainUnderNewEpoch,
    /// Cut it into smaller ones.
    Split,
    /// Give it up.
    Refused,
}

/// Whether `code` leaves no doubt that the attempt wrote nothing.
pub(super) fn is_unwritten(code: ErrorCode) -> bool {
    use ErrorCode::*;
    match code {
        NotLeaderOrFollower
        | UnknownTopicOrPartition
        | UnknownTopicId
        | NotEnoughReplicas
        | OutOfOrderSequenceNumber
        | UnknownProducerId => true,
        code => !code.is_retriable() && code != UnknownServerError,
    }
}

/// The facts that a verdict needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) code: ErrorCode,
    pub(super) record_count: i32,
    pub(super) retries_left: bool,
    /// Idempotent batches: whether nothing before it is open any more. `None` without idempotence.
    pub(super) is_next: Option<bool>,
}

/// Judges an answer.
pub(super) fn judge(facts: &Facts) -> Verdict {
    match (facts.code, facts.is_next) {
        (ErrorCode::None, _) => Verdict::Done,
        (ErrorCode::DuplicateSequenceNumber, Some(_)) => Verdict::Duplicate,
        // Splitting is not a retry: each part is smaller than what was refused.
        (ErrorCode::MessageTooLarge, _) if facts.record_count > 1 => Verdict::Split,
        _ if !facts.retries_left => Verdict::Refused,
        // Something before it is still open; once that is settled, the number fits.
        (ErrorCode::OutOfOrderSequenceNumber, Some(false)) => Verdict::Again,
        (ErrorCode::OutOfOrderSequenceNumber | ErrorCode::UnknownProducerId, Some(_)) => {
            Verdict::AgainUnderNewEpoch
        }
        (code, _) if code.is_retriable() => Verdict::Again,
        _ => Verdict::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        use ErrorCode::*;
        // code, records, retries left, is next, verdict
        let cases = [
            (None, 1, true, Option::None, Verdict::Done),
            (DuplicateSequenceNumber, 1, true, Some(true), Verdict::Duplicate),
            (NotLeaderOrFollower, 1, true, Option::None, Verdict::Again),
            (NotLeaderOrFollower, 1, false, Option::None, Verdict::Refused),
            (OutOfOrderSequenceNumber, 1, true, Some(false), Verdict::Again),
            (OutOfOrderSequenceNumber, 1, true, Some(true), Verdict::AgainUnderNewEpoch),
            (OutOfOrderSequenceNumber, 1, true, Option::None, Verdict::Refused),
            (UnknownProducerId, 1, true, Some(true), Verdict::AgainUnderNewEpoch),
            (MessageTooLarge, 2, false, Some(true), Verdict::Split),
            (MessageTooLarge, 1, true, Some(true), Verdict::Refused),
            (InvalidRecord, 5, true, Some(true), Verdict::Refused),
            (TopicAuthorizationFailed, 1, true, Some(true), Verdict::Refused),
        ];
        for (code, record_count, retries_left, is_next, expected) in cases {
            let facts = Facts { code, record_count, retries_left, is_next };
            assert_eq!(judge(&facts), expected, "{facts:?}");
        }
    }
}
