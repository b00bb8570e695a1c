//! The one place where a coordinator waits for what it has written to be committed.

use std::sync::Arc;
use std::time::Duration;

use ottla_hosting::{Partition, Registration, Until, Waiter};
use ottla_wire::ErrorCode;

/// How far a partition is committed, and who is told when it goes on.
pub(super) struct Commits {
    partition: Arc<Partition>,
    waiter: Waiter,
    /// While something is uncommitted.
    joined: Option<Registration>,
    timeout: Option<Duration>,
    /// What was written up to here should be committed by then.
    due: Option<(i64, Duration)>,
}

/// What has become of the writes.
pub(super) struct Progress {
    /// Everything below is committed.
    pub committed: i64,
    /// Nobody should wait any longer for what lies below: it may be committed yet.
    pub overdue: Option<i64>,
}

impl Commits {
    pub(super) fn new(partition: Arc<Partition>, timeout: Option<Duration>) -> Self {
        Self { partition, waiter: Waiter::for_commit(), joined: None, timeout, due: None }
    }

    /// Looks how far the log is committed, and has [`Commits::moved`] tell when it goes on.
    ///
    /// # Errors
    /// When the log is closed or has failed: nothing will be committed any more.
    pub(super) fn look(&mut self, now: Duration) -> Result<Progress, ErrorCode> {
        let mut offsets = self.partition.log_offsets()?;
        if offsets.high_watermark < offsets.log_end && self.joined.is_none() {
            let until = Until::Committed(offsets.high_watermark + 1);
            self.joined = Some(self.partition.waiters().join(&self.waiter, until));
            // What was committed between the look and the joining woke nobody.
            offsets = self.partition.log_offsets()?;
        }
        let committed = offsets.high_watermark;
        if committed >= offsets.log_end {
            (self.joined, self.due) = (None, None);
            return Ok(Progress { committed, overdue: None });
        }
        let overdue = match self.due {
            Some((end, at)) if at <= now => Some(end),
            _ => None,
        };
        if self.due.is_none() || overdue.is_some() {
            self.due = self.timeout.map(|timeout| (offsets.log_end, now.saturating_add(timeout)));
        }
        Ok(Progress { committed, overdue })
    }

    /// Sleeps until more is committed, or something has happened to the partition. Forever when everything is.
    pub(super) async fn moved(&self) {
        match self.joined {
            Some(_) => self.waiter.woken().await,
            None => std::future::pending().await,
        }
    }

    /// When somebody will have waited too long.
    pub(super) fn due(&self) -> Option<Duration> {
        self.due.map(|(_, at)| at)
    }
}
