//! Writes batches for Apache Kafka to read, with every codec and level, and what is in them:
//! `cargo run -p ottla-wire --example golden_batches -- DIRECTORY`. `tests/golden/records/README.md`
//! has the command that checks them.

#[path = "../tests/golden_batches/mod.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod golden;

use std::error::Error;
use std::path::PathBuf;

use golden::{BYTES_MAX, described, read};
use ottla_wire::records::{BatchView, Compression, CompressionType, rebuild};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(std::env::args().nth(1).ok_or("name a directory")?);
    let mut text = String::new();
    for kind in CompressionType::ALL {
        let levels: &[i32] = match kind {
            CompressionType::None | CompressionType::Snappy => &[],
            CompressionType::Gzip => &[1, 9],
            CompressionType::Lz4 => &[1, 3, 12, 17],
            CompressionType::Zstd => &[-131_072, 1, 22],
        };
        let mut compressions = vec![Compression::of(kind)];
        for level in levels {
            compressions.push(Compression::with_level(kind, *level).ok_or("a level")?);
        }
        for compression in compressions {
            for source in ["small-none.bin", "large-none.bin"] {
                let bytes = read(source);
                let batch = BatchView::first(&bytes)?;
                let written = rebuild(&batch, compression, BYTES_MAX)?.freeze();
                let name = format!("{kind}-{}-{source}", compression.level());
                std::fs::write(directory.join(&name), &written)?;
                text += &described(&name, written);
            }
        }
    }
    std::fs::write(directory.join("expected.txt"), text)?;
    Ok(())
}
