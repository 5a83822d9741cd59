//! Dead letters: facts that a subscriber could not take, parked by it until people have looked.

use alloc::boxed::Box;

use crate::cursor::CursorName;
use crate::units::MicrosUtc;

/// Bytes of a reason, at most.
pub const LETTER_REASON_BYTES_MAX: usize = 64;

/// Why a subscriber could not take a fact: 1 to 64 printable ASCII characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterReason<'a>(&'a str);

impl<'a> LetterReason<'a> {
    /// The one way in.
    pub fn parse(bytes: &'a [u8]) -> Option<LetterReason<'a>> {
        let printable = bytes.iter().all(|&byte| byte == b' ' || byte.is_ascii_graphic());
        let fits = !bytes.is_empty() && bytes.len() <= LETTER_REASON_BYTES_MAX && printable;
        core::str::from_utf8(bytes).ok().filter(|_| fits).map(LetterReason)
    }

    /// The text.
    pub const fn as_str(&self) -> &'a str {
        self.0
    }
}

/// A fact that a subscriber parked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// What the subscriber calls its cursor.
    pub subscriber: CursorName,
    /// Position of the fact.
    pub position: u64,
    /// When it was parked.
    pub at: MicrosUtc,
    /// Why.
    pub reason: Box<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_1_to_64_printable_characters() {
        let longest = [b'x'; LETTER_REASON_BYTES_MAX];
        for reason in [&b"no such account"[..], b"?", &longest] {
            assert_eq!(LetterReason::parse(reason).unwrap().as_str().as_bytes(), reason);
        }
        for nonsense in [&b""[..], b"two\nlines", b"a\0", b"\xFF", "ü".as_bytes(), &[b'x'; 65]] {
            assert_eq!(LetterReason::parse(nonsense), None, "{nonsense:?}");
        }
    }
}
