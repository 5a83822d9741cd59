//! The 48 bytes before every body.

use std::fmt;

use crate::code::{KindCode, StatusCode};
use crate::status::Status;

/// Bytes of a header.
pub const HEADER_BYTES: usize = 48;
/// The two bytes at offset 4 of every frame.
pub const MAGIC: [u8; 2] = *b"TG";
/// The version of the wire that this build speaks.
pub const VERSION: u8 = 1;

/// Where the checksum stands: the last field, so that it splits no other when it is taken as 0.
const CRC_AT: usize = 44;

/// Every field of the header, as `docs/WIRE.md` shows it: offset, size, name, meaning.
pub const HEADER_FIELDS: &[(usize, usize, &str, &str)] = &[
    (0, 4, "length", "bytes of the whole frame, 48 to 1 MiB (512 before HELLO is answered)"),
    (4, 2, "magic", "the bytes `TG` (54 47)"),
    (6, 1, "version", "1"),
    (
        7,
        1,
        "flags",
        "bit 0 (answer): more frames of this answer follow; bit 1 (request): this request id was sent before; others 0",
    ),
    (8, 2, "kind", "of the request; its answer's is larger by 0x8000"),
    (10, 2, "status", "0 in requests; in answers 0, or why not"),
    (
        12,
        4,
        "time_ms",
        "request: milliseconds that the asker will wait, 0 = no limit; answer: milliseconds before which asking again is of no use",
    ),
    (16, 8, "correlation", "the asker's own number, given back with the answer"),
    (
        24,
        16,
        "trace",
        "W3C trace id, its bytes in the order in which they are written; 0 = none; given back with the answer",
    ),
    (40, 4, "items", "item structs that follow the head"),
    (44, 4, "crc32c", "CRC-32C (Castagnoli) of the whole frame, with these four bytes taken as 0"),
];

/// A frame's header, but for magic and version (always the same) and the checksum (already checked, or made).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the whole frame, this header included.
    pub length: u32,
    /// What else is to be known of the frame.
    pub flags: Flags,
    /// What is asked for, or answered.
    pub kind: KindCode,
    /// 0 in requests; in answers 0 or why not.
    pub status: StatusCode,
    /// In a request: milliseconds that the asker will wait, 0 for no limit. In an answer: milliseconds before
    /// which asking again is of no use.
    pub time_ms: u32,
    /// The asker's own number, given back with the answer.
    pub correlation: u64,
    /// W3C trace id, given back with the answer: the 16 bytes in the order in which they are written as hex, so
    /// `{:032x}` prints it as traces are printed. 0 for none.
    pub trace: u128,
    /// Item structs that follow the head.
    pub items: u32,
}

/// The header's bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// No bit set.
    pub const NONE: Flags = Flags(0);
    /// In an answer: more frames of this answer follow.
    pub const MORE: Flags = Flags(1);
    /// In a request: its request id was sent before. Must be set on every ask after the first.
    pub const ASKED_BEFORE: Flags = Flags(2);

    /// Whether all bits of `bits` are set.
    pub const fn has(self, bits: Flags) -> bool {
        self.0 & bits.0 == bits.0
    }
}

impl Header {
    /// Whether a frame may be a request: not an answer's kind, no status, no bit but
    /// [`Flags::ASKED_BEFORE`]. Otherwise INVALID_FIELD, and the connection goes on.
    pub const fn check_request(&self) -> Result<(), Status> {
        let bits_known = self.flags.0 & !Flags::ASKED_BEFORE.0 == 0;
        if bits_known && self.status.is_ok() && !self.kind.is_answer() {
            Ok(())
        } else {
            Err(Status::InvalidField)
        }
    }

    /// The bytes of this header with checksum 0.
    pub(crate) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let Header { length, flags, kind, status, time_ms, correlation, trace, items } = self;
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..4].copy_from_slice(&length.to_le_bytes());
        bytes[4..6].copy_from_slice(&MAGIC);
        bytes[6] = VERSION;
        bytes[7] = flags.0;
        bytes[8..10].copy_from_slice(&kind.0.to_le_bytes());
        bytes[10..12].copy_from_slice(&status.0.to_le_bytes());
        bytes[12..16].copy_from_slice(&time_ms.to_le_bytes());
        bytes[16..24].copy_from_slice(&correlation.to_le_bytes());
        bytes[24..40].copy_from_slice(&trace.to_be_bytes());
        bytes[40..44].copy_from_slice(&items.to_le_bytes());
        bytes
    }

    /// The header in these bytes, whatever their checksum.
    pub(crate) fn of_bytes(bytes: &[u8; HEADER_BYTES]) -> Header {
        Header {
            length: u32::from_le_bytes(part(bytes, 0)),
            flags: Flags(bytes[7]),
            kind: KindCode(u16::from_le_bytes(part(bytes, 8))),
            status: StatusCode(u16::from_le_bytes(part(bytes, 10))),
            time_ms: u32::from_le_bytes(part(bytes, 12)),
            correlation: u64::from_le_bytes(part(bytes, 16)),
            trace: u128::from_be_bytes(part(bytes, 24)),
            items: u32::from_le_bytes(part(bytes, 40)),
        }
    }
}

/// Puts the checksum into a whole frame whose checksum field is 0.
pub(crate) fn seal(frame: &mut [u8]) {
    seal_before(frame, &[]);
}

/// The same for a frame that goes on with these bytes elsewhere.
pub(crate) fn seal_before(frame: &mut [u8], behind: &[u8]) {
    let crc = crc32c::crc32c_append(crc32c::crc32c(frame), behind);
    frame[CRC_AT..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
}

/// Whether the checksum of a frame is right. The header is copied to take its field as 0; the body is not.
pub(crate) fn is_sealed(header: &[u8; HEADER_BYTES], body: &[u8]) -> bool {
    let mut zeroed = *header;
    zeroed[CRC_AT..].fill(0);
    let crc = crc32c::crc32c_append(crc32c::crc32c(&zeroed), body);
    crc == u32::from_le_bytes(part(header, CRC_AT))
}

/// `N` bytes from `at` on.
fn part<const N: usize>(bytes: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    *bytes[at..].first_chunk().expect("every field lies inside the header")
}

/// As log lines show a frame: `CREATE answer SOLD_OUT, 68 bytes, correlation 7, trace 0af7…`.
impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Header { length, kind, status, correlation, trace, .. } = self;
        write!(f, "{kind} {status}, {length} bytes, correlation {correlation}, trace {trace:032x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_lies_where_the_table_says() {
        let header = Header {
            length: 0x0403_0201,
            flags: Flags(8),
            kind: KindCode(0x0A09),
            status: StatusCode(0x0C0B),
            time_ms: 0x100F_0E0D,
            correlation: 0x1817_1615_1413_1211,
            trace: 0x191A_1B1C_1D1E_1F20_2122_2324_2526_2728,
            items: 0x2C2B_2A29,
        };
        let bytes = header.to_bytes();
        let field = |name: &str| {
            let &(at, size, ..) = HEADER_FIELDS.iter().find(|field| field.2 == name).expect("a field");
            &bytes[at..at + size]
        };
        for name in ["length", "flags", "kind", "status", "time_ms", "correlation", "trace", "items"] {
            let from = HEADER_FIELDS.iter().find(|field| field.2 == name).expect("a field").0 as u8 + 1;
            let counted: Vec<u8> = (from..).take(field(name).len()).collect();
            assert_eq!(field(name), counted, "{name}");
        }
        assert_eq!(
            (field("magic"), field("version"), field("crc32c")),
            (&MAGIC[..], &[VERSION][..], &[0; 4][..])
        );
        let mut ends = HEADER_FIELDS.iter().map(|field| field.0 + field.1);
        assert!(ends.clone().zip(HEADER_FIELDS.iter().skip(1)).all(|(end, next)| end == next.0));
        assert_eq!(ends.next_back(), Some(HEADER_BYTES));
        assert_eq!(Header::of_bytes(&bytes), header);
    }
}
