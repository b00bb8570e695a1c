//! What a seed decides beforehand: the disk, the partitions and their settings.
use ottla_log::{
    BrokerCompression, CleanupPolicy, Durability, JournalSize, LogConfig, TimestampType,
};
use ottla_trial::Dice;

/// When the simulated clock begins.
pub const EPOCH_MS: i64 = 1_700_000_000_000;

/// The circumstances of a run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Names that are not durable are lost in the reverse of their order, or else in any.
    pub names_in_order: bool,
    /// Settings of each partition.
    pub partitions: Vec<LogConfig>,
    /// What an acknowledgement means where a partition's settings do not differ.
    pub durability: Durability,
    /// Of the journal, where there is one.
    pub journal: JournalSize,
    /// How often the node starts.
    pub lives: u64,
    /// Steps of a life, at most.
    pub steps_max: u64,
}

impl Scenario {
    /// The circumstances that the dice want.
    pub fn new(dice: &Dice, durability: Durability) -> Scenario {
        let names_in_order = !dice.one_in(4);
        let mut partitions: Vec<LogConfig> = (0..1 + dice.below(2)).map(|_| config(dice)).collect();
        if !names_in_order {
            // Deletions of neighbours come in order wherever Ottla runs.
            let nothing_is_deleted = CleanupPolicy { delete: false, compact: false };
            partitions.iter_mut().for_each(|config| config.cleanup_policy = nothing_is_deleted);
        }
        let mut journal = JournalSize::default();
        if durability == Durability::Fsync {
            let (files, file_bytes) =
                (dice.pick(&[2, 3]), dice.pick(&[3 * 4096, 6 * 4096, 1 << 17]));
            journal = JournalSize { files, file_bytes };
            for config in &mut partitions {
                // A topic may say otherwise.
                config.durability =
                    dice.pick(&[durability, durability, durability, Durability::Os]);
            }
        }
        Scenario {
            names_in_order,
            partitions,
            durability,
            journal,
            lives: 2 + dice.below(4),
            steps_max: 20 + dice.below(120),
        }
    }
}

/// Small files, so that everything happens soon.
fn config(dice: &Dice) -> LogConfig {
    let (delete, compact) = dice.pick(&[
        (true, false),
        (true, false),
        (false, true),
        (false, true),
        (true, true),
        (false, false),
    ]);
    LogConfig {
        segment_bytes: dice.pick(&[900, 2_000, 9_000]),
        segment_ms: dice.pick(&[60_000, 3_600_000, i64::MAX]),
        segment_jitter_ms: dice.pick(&[0, 30_000]),
        segment_index_bytes: dice.pick(&[60, 240, 2_400]),
        index_interval_bytes: dice.pick(&[0, 200, 4_096]),
        retention_bytes: dice.pick(&[-1, -1, 5_000]),
        retention_ms: dice.pick(&[-1, 600_000, 7_200_000]),
        flush_messages: dice.pick(&[i64::MAX, i64::MAX, 1, 7]),
        flush_ms: dice.pick(&[i64::MAX, 30_000]),
        file_delete_delay_ms: dice.pick(&[0, 60_000]),
        delete_retention_ms: dice.pick(&[0, 1_000, 100_000]),
        min_compaction_lag_ms: dice.pick(&[0, 0, 30_000]),
        min_cleanable_dirty_ratio: dice.pick(&[0.0, 0.3]),
        cleanup_policy: CleanupPolicy { delete, compact },
        compression: compression(dice),
        preallocate: dice.one_in(8),
        timestamp_type: dice.pick(&[
            TimestampType::CreateTime,
            TimestampType::CreateTime,
            TimestampType::LogAppendTime,
        ]),
        timestamp_after_max_ms: i64::MAX,
        producer_id_expiration_ms: dice.pick(&[i64::MAX, i64::MAX, 1_800_000]),
        ..LogConfig::default()
    }
}

fn compression(dice: &Dice) -> BrokerCompression {
    match dice.below(12) {
        0 => BrokerCompression::Uncompressed,
        1 => BrokerCompression::Gzip(1),
        2 => BrokerCompression::Snappy,
        3 => BrokerCompression::Lz4(1),
        4 => BrokerCompression::Zstd(1),
        _ => BrokerCompression::Producer,
    }
}
