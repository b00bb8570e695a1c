//! P5: acknowledged only after the disk has it.

use super::produce::{Own, keep, own_load, warm_duo};
use super::suite::Suite;
use anyhow::Result;

/// P5: both sides with `flush.messages=1`.
pub fn flushed(suite: &mut Suite) -> Result<()> {
    let duo = warm_duo(suite)?;
    for producers in [1, 16, 64] {
        let own = Own {
            connections: producers,
            partitions: 16,
            configs: &["flush.messages=1"],
            seconds: suite.seconds(6),
            ..Own::default()
        };
        suite.pairs(&format!("{producers} producers"), |suite, side| {
            let all = own_load(suite, duo.of(side), &own)?;
            Ok(keep(all, &["requests_per_s", "p50_us", "p99_us", "p999_us"]))
        })?;
    }
    Ok(())
}
