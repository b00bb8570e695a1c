//! A first look at produced records: as much of a batch as must be known before its partition is.
//!
//! Reads lengths as Kafka's iterator over batches does: a batch that is cut short is no batch at all,
//! a length or magic that can't be is corrupt.

use ottla_wire::records::CompressionType;

/// Base offset and length: what precedes every batch, whatever its magic.
const OVERHEAD_BYTES: usize = 12;
/// The smallest batch there ever was, without what precedes it: a message of magic 0.
const LENGTH_MIN: i32 = 14;
const MAGIC_AT: usize = 16;
const ATTRIBUTES_AT: usize = 21;

/// What is known of a batch at first sight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub magic: i8,
    /// Bytes, all told.
    pub len: usize,
    /// `None` for a codec that nobody knows; validation refuses it later.
    pub compression: Option<CompressionType>,
    pub is_transactional: bool,
}

/// The first batch, if all of it is there.
///
/// # Errors
/// In Kafka's words, when the length or the magic can't be.
pub(super) fn first_batch(records: &[u8]) -> Result<Option<Batch>, String> {
    let Some(length) = records.get(8..OVERHEAD_BYTES) else { return Ok(None) };
    let length = i32::from_be_bytes(length.try_into().expect("four bytes"));
    if length < LENGTH_MIN {
        return Err(format!(
            "Record size {length} is less than the minimum record overhead ({LENGTH_MIN})"
        ));
    }
    let Some(magic) = records.get(MAGIC_AT).map(|byte| byte.cast_signed()) else {
        return Ok(None);
    };
    if !(0..=2).contains(&magic) {
        return Err(format!("Invalid magic found in record: {magic}"));
    }
    let len = OVERHEAD_BYTES + usize::try_from(length).expect("not negative");
    if records.len() < len {
        return Ok(None);
    }
    let attributes = if magic == 2 { records.get(ATTRIBUTES_AT..ATTRIBUTES_AT + 2) } else { None };
    let attributes = attributes.map_or(0, |pair| i16::from_be_bytes([pair[0], pair[1]]));
    Ok(Some(Batch {
        magic,
        len,
        compression: CompressionType::from_id((attributes & 0x07) as u8),
        is_transactional: attributes & 0x10 != 0,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(length: i32, magic: i8, attributes: i16, total: usize) -> Vec<u8> {
        let mut bytes = vec![0; total.max(23)];
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        bytes[16] = magic.cast_unsigned();
        bytes[21..23].copy_from_slice(&attributes.to_be_bytes());
        bytes.truncate(total);
        bytes
    }

    #[test]
    fn lengths_and_magics_are_judged_before_anything_else() {
        let whole = Batch {
            magic: 2,
            len: 61,
            compression: Some(CompressionType::None),
            is_transactional: false,
        };
        let cases = [
            (batch(49, 2, 0, 61), Ok(Some(whole))),
            (batch(49, 2, 0x10, 61), Ok(Some(Batch { is_transactional: true, ..whole }))),
            (
                batch(49, 2, 4, 61),
                Ok(Some(Batch { compression: Some(CompressionType::Zstd), ..whole })),
            ),
            (batch(49, 2, 7, 61), Ok(Some(Batch { compression: None, ..whole }))),
            (batch(49, 1, 0x10, 61), Ok(Some(Batch { magic: 1, ..whole }))),
            (batch(49, 2, 0, 60), Ok(None)),
            (batch(49, 2, 0, 16), Ok(None)),
            (Vec::new(), Ok(None)),
            (
                batch(13, 2, 0, 61),
                Err("Record size 13 is less than the minimum record overhead (14)".to_owned()),
            ),
            (
                batch(i32::MIN, 2, 0, 61),
                Err("Record size -2147483648 is less than the minimum record overhead (14)"
                    .to_owned()),
            ),
            (batch(49, 3, 0, 61), Err("Invalid magic found in record: 3".to_owned())),
            (batch(49, -1, 0, 61), Err("Invalid magic found in record: -1".to_owned())),
            (batch(i32::MAX, 2, 0, 61), Ok(None)),
        ];
        for (number, (bytes, expected)) in cases.into_iter().enumerate() {
            assert_eq!(first_batch(&bytes), expected, "case {number}");
        }
    }
}
