//! Named cursors: how far a subscriber to events has come, kept with the ledger so that it survives a restart.

use alloc::vec::Vec;

use crate::image::Flat;

/// Bytes of a cursor's name, at most.
pub const CURSOR_NAME_BYTES: usize = 32;
/// Named cursors that a ledger keeps, at most. One more is OVERLOADED; whoever forgets one makes room.
pub const CURSORS_MAX: usize = 1_024;

/// What a subscriber calls its cursor: 1 to 32 printable ASCII characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CursorName([u8; CURSOR_NAME_BYTES]);

impl Flat for CursorName {
    const BYTES: usize = CURSOR_NAME_BYTES;

    fn put(&self, out: &mut Vec<u8>) {
        self.as_padded().put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Flat::take(from).and_then(CursorName::parse)
    }
}

impl CursorName {
    /// The one way in, from a name that is filled up with zero bytes.
    pub fn parse(padded: [u8; CURSOR_NAME_BYTES]) -> Option<CursorName> {
        let length = padded.iter().position(|&byte| byte == 0).unwrap_or(CURSOR_NAME_BYTES);
        let (name, padding) = padded.split_at(length);
        let printable = name.iter().all(|&byte| byte == b' ' || byte.is_ascii_graphic());
        let fits = !name.is_empty() && printable && padding.iter().all(|&byte| byte == 0);
        fits.then_some(CursorName(padded))
    }

    /// The name, filled up with zero bytes.
    pub const fn as_padded(&self) -> &[u8; CURSOR_NAME_BYTES] {
        &self.0
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|&byte| byte == 0).unwrap_or(CURSOR_NAME_BYTES);
        core::str::from_utf8(&self.0[..length]).expect("only ASCII is parsed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn padded(name: &[u8]) -> [u8; CURSOR_NAME_BYTES] {
        let mut padded = [0; CURSOR_NAME_BYTES];
        padded[..name.len()].copy_from_slice(name);
        padded
    }

    #[test]
    fn a_name_is_1_to_32_printable_characters() {
        for name in ["a", "ware house-7", "12345678901234567890123456789012"] {
            assert_eq!(CursorName::parse(padded(name.as_bytes())).unwrap().as_str(), name);
        }
        for nonsense in [&b""[..], b"\0a", b"a\0b", b"a\n", b"\xFF", "ü".as_bytes()] {
            assert_eq!(CursorName::parse(padded(nonsense)), None, "{nonsense:?}");
        }
    }
}
