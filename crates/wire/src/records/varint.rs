//! Pure. Zig-zag variable-length numbers as records use them.
use bytes::BufMut;

pub(super) const fn zigzag32(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

pub(super) const fn zigzag64(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

pub(super) const fn unzigzag32(value: u32) -> i32 {
    (value >> 1) as i32 ^ -((value & 1) as i32)
}

pub(super) const fn unzigzag64(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

pub(super) fn put_varint(out: &mut impl BufMut, value: i32) {
    put_unsigned(out, u64::from(zigzag32(value)));
}

pub(super) fn put_varlong(out: &mut impl BufMut, value: i64) {
    put_unsigned(out, zigzag64(value));
}

fn put_unsigned(out: &mut impl BufMut, mut value: u64) {
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

/// Bytes that `put_varint` writes.
pub(super) const fn varint_bytes(value: i32) -> usize {
    unsigned_bytes(zigzag32(value) as u64)
}

/// Bytes that `put_varlong` writes.
pub(super) const fn varlong_bytes(value: i64) -> usize {
    unsigned_bytes(zigzag64(value))
}

const fn unsigned_bytes(value: u64) -> usize {
    // One byte for each started group of seven bits, and one for zero.
    (70 - (value | 1).leading_zeros() as usize) / 7
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_encodings_and_sizes() {
        let cases: [(i64, &[u8]); 9] = [
            (0, &[0x00]),
            (-1, &[0x01]),
            (1, &[0x02]),
            (63, &[0x7e]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (8191, &[0xfe, 0x7f]),
            (i64::from(i32::MAX), &[0xfe, 0xff, 0xff, 0xff, 0x0f]),
            (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        ];
        for (value, bytes) in cases {
            let mut out = Vec::new();
            put_varlong(&mut out, value);
            assert_eq!(out, bytes, "{value}");
            assert_eq!(varlong_bytes(value), bytes.len(), "{value}");
            assert_eq!(unzigzag64(zigzag64(value)), value);
            if let Ok(small) = i32::try_from(value) {
                out.clear();
                put_varint(&mut out, small);
                assert_eq!(out, bytes, "{value}");
                assert_eq!(varint_bytes(small), bytes.len());
                assert_eq!(unzigzag32(zigzag32(small)), small);
            }
        }
    }
}
