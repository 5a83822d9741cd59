//! Buffers that begin at a block in memory, as O_DIRECT wants, made without `unsafe`.

use std::ops::Range;

use crate::embedded::disk::BLOCK_BYTES;

/// A byte buffer with a block-aligned start, which stays where it is while it travels to the disk and back.
#[derive(Debug)]
pub(crate) struct AlignedBuffer {
    bytes: Vec<u8>,
    start: usize,
    room: usize,
}

impl AlignedBuffer {
    /// Zeros; `room` is rounded up to whole blocks.
    pub(crate) fn new(room: usize) -> AlignedBuffer {
        let room = room.next_multiple_of(BLOCK_BYTES);
        AlignedBuffer::again(vec![0; room + BLOCK_BYTES], room)
    }

    /// The buffer that [`Self::into_parts`] gave away, back from the disk.
    pub(crate) fn again(bytes: Vec<u8>, room: usize) -> AlignedBuffer {
        // Asked anew each time: it costs nothing, and a disk that copied the bytes elsewhere does no harm.
        let start = bytes.as_ptr().align_offset(BLOCK_BYTES);
        assert!(start + room <= bytes.len(), "a buffer came back smaller than it went");
        AlignedBuffer { bytes, start, room }
    }

    /// Bytes from the aligned start on.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.room]
    }

    /// The same, to read.
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.room]
    }

    /// The vector, and where its first `bytes` aligned ones lie.
    pub(crate) fn into_parts(self, bytes: usize) -> (Vec<u8>, Range<usize>) {
        assert!(bytes <= self.room, "more bytes than the buffer has room for");
        (self.bytes, self.start..self.start + bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_starts_at_a_block_and_comes_back_as_it_went() {
        for room in [1, 4_096, 5_000, 1 << 20] {
            let mut buffer = AlignedBuffer::new(room);
            assert_eq!(buffer.as_mut_slice().as_ptr().align_offset(BLOCK_BYTES), 0);
            let rounded = buffer.as_slice().len();
            assert!(rounded >= room && rounded.is_multiple_of(BLOCK_BYTES));
            buffer.as_mut_slice()[0] = 7;
            let (bytes, range) = buffer.into_parts(rounded);
            assert_eq!(bytes[range.start], 7);
            assert_eq!(AlignedBuffer::again(bytes, rounded).as_slice()[0], 7);
        }
    }
}
