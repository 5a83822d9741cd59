//! Finding a frame in what arrived.

use crate::bounds::FRAME_BYTES_MAX;
use crate::header::{HEADER_BYTES, Header, MAGIC, VERSION, is_sealed};
use crate::status::Status;

/// Bytes after which length, magic and version can be judged.
const PREFIX_BYTES: usize = 7;

/// What the first bytes of a stream hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split<'a> {
    /// Nothing wrong so far, and no whole frame yet: ask again with more.
    NeedMore,
    /// A whole frame whose length, magic, version and checksum are right.
    Frame {
        /// Its header.
        header: Header,
        /// What follows the header in the frame.
        body: &'a [u8],
        /// Bytes of the frame: the next one begins there.
        used: usize,
    },
    /// What follows cannot be trusted: answer this (BAD_FRAME, UNSUPPORTED_VERSION, FRAME_TOO_LARGE or
    /// BAD_CHECKSUM, as [`crate::KindCode::NO_REQUEST`]) and close the connection.
    Bad(Status),
}

/// Looks at the first bytes of a stream; `frame_bytes_max` is the longest frame allowed now
/// ([`FRAME_BYTES_MAX`], or [`crate::bounds::FRAME_BYTES_MAX_BEFORE_HELLO`]). Copies and allocates nothing.
///
/// What comes out never depends on how the bytes were cut into segments: a frame is judged by its first 7 bytes,
/// then by the whole of it.
pub fn split(bytes: &[u8], frame_bytes_max: usize) -> Split<'_> {
    let Some(prefix) = bytes.first_chunk::<PREFIX_BYTES>() else { return Split::NeedMore };
    let [l0, l1, l2, l3, magic @ .., version] = *prefix;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    // Magic first: bytes of another protocol are called that, not a frame too large.
    if magic != MAGIC {
        return Split::Bad(Status::BadFrame);
    }
    if version != VERSION {
        return Split::Bad(Status::UnsupportedVersion);
    }
    if length < HEADER_BYTES {
        return Split::Bad(Status::BadFrame);
    }
    if length > frame_bytes_max.min(FRAME_BYTES_MAX) {
        return Split::Bad(Status::FrameTooLarge);
    }
    let Some((header, body)) = bytes.get(..length).and_then(|frame| frame.split_first_chunk()) else {
        return Split::NeedMore;
    };
    if !is_sealed(header, body) {
        return Split::Bad(Status::BadChecksum);
    }
    Split::Frame { header: Header::of_bytes(header), body, used: length }
}
