//! P5: acknowledged only after the disk has it.

use super::produce::{Own, keep, own_load, warm_duo};
use super::server::Side;
use super::suite::{Suite, number_of};
use anyhow::Result;

/// P5: Ottla's journal beside Kafka's `flush.messages=1`, and each beside its own page cache, measured
/// right after.
pub fn flushed(suite: &mut Suite) -> Result<()> {
    let duo = warm_duo(suite)?;
    for producers in [1, 16, 64] {
        let own = Own {
            connections: producers,
            partitions: 16,
            seconds: suite.seconds(6),
            ..Own::default()
        };
        suite.pairs(&format!("{producers} producers"), |suite, side| {
            let configs: &[&str] = match side {
                Side::Ottla => &["ottla.durability=fsync"],
                Side::Kafka => &["flush.messages=1"],
            };
            let all = own_load(suite, duo.of(side), &Own { configs, ..own.clone() })?;
            let cached = own_load(suite, duo.of(side), &own)?;
            let flushed = number_of(&all, "requests_per_s");
            let share = flushed / number_of(&cached, "requests_per_s");
            let mut kept = keep(all, &["requests_per_s", "p50_us", "p99_us", "p999_us"]);
            kept.push(("share_of_page_cache", share));
            Ok(kept)
        })?;
    }
    Ok(())
}
