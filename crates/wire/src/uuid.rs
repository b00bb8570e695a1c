//! Ids of topics, directories and members: sixteen bytes, written as Kafka writes them.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, URL_SAFE_NO_PAD};
use std::fmt;
use std::str::FromStr;

/// As Java decodes: bits after the last byte may be anything.
const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&URL_SAFE, NO_PAD.with_decode_allow_trailing_bits(true));

/// A 128-bit id. Its text form is URL-safe base64 without padding, 22 characters.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid([u8; 16]);

/// The text is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Input string `{text}` decoded as {decoded} bytes, which is not equal to the expected 16 bytes of a base64-encoded UUID"
)]
pub struct ParseUuidError {
    text: String,
    decoded: usize,
}

impl Uuid {
    /// The id that means "none".
    pub const ZERO: Uuid = Uuid([0; 16]);
    /// The reserved id whose last byte is 1: the topic id of the metadata log, and a directory
    /// that is lost.
    pub const ONE: Uuid = Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Uuid(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The id whose halves are these big-endian integers.
    pub const fn from_halves(most_significant: u64, least_significant: u64) -> Self {
        Uuid((((most_significant as u128) << 64) | least_significant as u128).to_be_bytes())
    }

    /// Whether this is [`Uuid::ZERO`].
    pub fn is_zero(&self) -> bool {
        *self == Uuid::ZERO
    }

    /// An RFC 4122 version 4 id of random bytes that the caller drew.
    pub const fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Uuid(bytes)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Uuid {
    type Err = ParseUuidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |decoded| ParseUuidError { text: text.to_owned(), decoded };
        // Sixteen bytes are 24 characters with padding; longer input is not worth decoding.
        if text.len() > 24 {
            return Err(refuse(text.len() * 3 / 4));
        }
        let decoded = LENIENT.decode(text.trim_end_matches('=')).map_err(|_| refuse(0))?;
        decoded.try_into().map(Uuid).map_err(|decoded: Vec<u8>| refuse(decoded.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_kafkas() {
        for (id, text) in [
            (Uuid::ZERO, "AAAAAAAAAAAAAAAAAAAAAA"),
            (Uuid::ONE, "AAAAAAAAAAAAAAAAAAAAAQ"),
            (Uuid::from_halves(u64::MAX, u64::MAX), "_____________________w"),
            (
                Uuid::from_halves(0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210),
                "ASNFZ4mrze_-3LqYdlQyEA",
            ),
        ] {
            assert_eq!(id.to_string(), text);
            assert_eq!(text.parse(), Ok(id));
            assert_eq!(format!("{text}==").parse(), Ok(id));
        }
        for refused in ["", "A", "AAAA", "AAAAAAAAAAAAAAAAAAAAA!", "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(refused.parse::<Uuid>().is_err(), "{refused:?}");
        }
    }

    #[test]
    fn random_ids_say_how_they_were_made() {
        let bytes = *Uuid::from_random([0xff; 16]).as_bytes();
        assert_eq!((bytes[6], bytes[8]), (0x4f, 0xbf));
    }
}
