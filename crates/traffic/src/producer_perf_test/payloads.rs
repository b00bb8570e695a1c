//! What is sent: random letters, pieces of a file, or the number of the record.

use bytes::Bytes;
use ottla_terminal::options::Stop;
use ottla_terminal::output;

use super::declared::{Declared, Payload};

/// Gives one payload after the other.
pub(super) enum Payloads {
    Random { size: usize, dice: Dice },
    Pieces { pieces: Vec<Bytes>, dice: Dice },
    Monotonic,
}

impl Payloads {
    pub(super) fn new(declared: &Declared) -> Result<Self, Stop> {
        let dice = Dice(1);
        Ok(match &declared.payload {
            Payload::Random(size) => Self::Random { size: *size, dice },
            Payload::Monotonic => Self::Monotonic,
            Payload::File { path, delimiter } => {
                output::line(format_args!("Reading payloads from: {path}"))?;
                let text = std::fs::read(path).unwrap_or_default();
                if text.is_empty() {
                    return Err(Stop::refused(
                        "java.lang.IllegalArgumentException: File does not exist or empty file provided.",
                    ));
                }
                let text = String::from_utf8_lossy(&text).into_owned();
                let mut pieces: Vec<Bytes> = text
                    .split(delimiter.as_str())
                    .map(|piece| Bytes::copy_from_slice(piece.as_bytes()))
                    .collect();
                while pieces.len() > 1 && pieces.last().is_some_and(Bytes::is_empty) {
                    pieces.pop();
                }
                output::line(format_args!("Number of records read: {}", pieces.len()))?;
                Self::Pieces { pieces, dice }
            }
        })
    }

    pub(super) fn next(&mut self, number: u64) -> Bytes {
        match self {
            Self::Random { size, dice } => {
                // A die of 26 sides costs more than a letter may: five bits, with six letters twice as likely.
                let mut letters = Vec::with_capacity(*size + 12);
                while letters.len() < *size {
                    let mut bits = dice.roll();
                    for _ in 0..12 {
                        letters.push(b'A' + (bits & 31) as u8 % 26);
                        bits >>= 5;
                    }
                }
                letters.truncate(*size);
                letters.into()
            }
            Self::Pieces { pieces, dice } => {
                let at = dice.roll() % pieces.len() as u64;
                pieces[usize::try_from(at).unwrap_or_default()].clone()
            }
            Self::Monotonic => number.to_string().into(),
        }
    }
}

/// The same numbers in every run, as Kafka's tool has them (xorshift64*).
pub(super) struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_have_their_size_and_vary() {
        let mut random = Payloads::Random { size: 100, dice: Dice(1) };
        let (first, second) = (random.next(0), random.next(1));
        assert_eq!((first.len(), second.len()), (100, 100));
        assert_ne!(first, second);
        assert!(first.iter().all(u8::is_ascii_uppercase), "{first:?}");
        assert_eq!(Payloads::Monotonic.next(7), "7");
    }
}
