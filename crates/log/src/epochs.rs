//! Where each leader epoch starts (`leader-epoch-checkpoint`).

/// The end of a leader epoch in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// The largest epoch in the log that is not larger than the one asked for.
    pub leader_epoch: i32,
    /// The offset after its last record.
    pub end_offset: i64,
}
