//! Pure. Which codecs there are, and their levels.
use std::fmt;
use std::ops::RangeInclusive;

/// A codec.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CompressionType {
    /// Records as they are.
    #[default]
    None = 0,
    /// gzip members (RFC 1952).
    Gzip = 1,
    /// Snappy blocks in the framing of xerial's snappy-java; read without framing, too.
    Snappy = 2,
    /// LZ4 frames with independent blocks.
    Lz4 = 3,
    /// Zstandard frames.
    Zstd = 4,
}

impl CompressionType {
    /// Every codec, by id.
    pub const ALL: [CompressionType; 5] = [
        CompressionType::None,
        CompressionType::Gzip,
        CompressionType::Snappy,
        CompressionType::Lz4,
        CompressionType::Zstd,
    ];

    /// The codec of three attribute bits.
    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.get(usize::from(id)).copied()
    }

    /// The three attribute bits.
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// The name in configurations.
    pub const fn name(self) -> &'static str {
        match self {
            CompressionType::None => "none",
            CompressionType::Gzip => "gzip",
            CompressionType::Snappy => "snappy",
            CompressionType::Lz4 => "lz4",
            CompressionType::Zstd => "zstd",
        }
    }

    /// The codec of a name in configurations.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The levels that Kafka's configurations allow, and the default. `None` for codecs without levels.
    pub const fn levels(self) -> Option<Levels> {
        match self {
            CompressionType::None | CompressionType::Snappy => None,
            CompressionType::Gzip => Some(Levels { range: 1..=9, default: -1 }),
            CompressionType::Lz4 => Some(Levels { range: 1..=17, default: 9 }),
            CompressionType::Zstd => Some(Levels { range: -131_072..=22, default: 3 }),
        }
    }
}

impl fmt::Display for CompressionType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The levels of a codec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    /// What may be configured, besides the default.
    pub range: RangeInclusive<i32>,
    /// What is used when nothing is configured. gzip's is -1, "the library's".
    pub default: i32,
}

impl Levels {
    /// Whether a configuration may ask for this level.
    pub fn contains(&self, level: i32) -> bool {
        level == self.default || self.range.contains(&level)
    }
}

/// A codec with the level to write with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    kind: CompressionType,
    level: i32,
}

impl Compression {
    /// No compression.
    pub const NONE: Compression = Compression { kind: CompressionType::None, level: 0 };

    /// The codec at its default level.
    pub const fn of(kind: CompressionType) -> Self {
        let level = match kind.levels() {
            Some(levels) => levels.default,
            None => 0,
        };
        Compression { kind, level }
    }

    /// The codec at this level; `None` when it has no such level.
    pub fn with_level(kind: CompressionType, level: i32) -> Option<Self> {
        kind.levels()?.contains(level).then_some(Compression { kind, level })
    }

    /// The codec.
    pub const fn kind(self) -> CompressionType {
        self.kind
    }

    /// The level, 0 for codecs without levels.
    pub const fn level(self) -> i32 {
        self.level
    }
}
