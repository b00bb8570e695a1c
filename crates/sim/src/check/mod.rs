//! What a log holds against its history.
//!
//! # Layout
//! - `survivors`: records, order and offsets; `compacted`: what the cleaner may have taken
//! - `producers`: sequences and transactions; `indexes`: finding by offset, time and epoch
mod compacted;
mod indexes;
mod producers;
mod survivors;

use ottla_log::Log;
use ottla_trial::Dice;

use crate::batches::{Batch, read_all};
use crate::history::History;

pub use compacted::{Evidence, last_write_per_key};

/// What has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    /// Everything before this offset.
    pub end: i64,
    /// Nobody has crashed since: nothing else is missing either.
    pub is_alive: bool,
    /// Names survive in the order they were made in.
    pub names_in_order: bool,
    /// When it is.
    pub now_ms: i64,
}

/// Compares a log with its history, which from then on is what the log holds; returns that, or what
/// is wrong.
pub fn check(
    log: &Log,
    history: &mut History,
    promise: Promise,
    dice: &Dice,
) -> Result<Vec<Batch>, String> {
    let found = read_all(log, dice.pick(&[1, 500, 1 << 20]))?;
    let lost = survivors::check(log, history, &found, promise)?;
    history.has_holes |= !lost.is_empty();
    history.sent.retain(|sent| !lost.contains(&sent.batch.base_offset));
    history.settle(log.log_start_offset(), log.log_end_offset());
    history.keep_cleaned(&found);
    if !promise.is_alive {
        history.doubt_hidden(promise.end);
    }
    indexes::check(log, history, &found, dice)?;
    producers::check(log, history, &found, promise.now_ms)?;
    Ok(found)
}
