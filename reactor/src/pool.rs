//! Emptied byte buffers, kept for whoever needs one next: so connections that are silent hold none, and a warm
//! reactor allocates none.

/// Last in, first out: the buffer used last is the one still in the cache, and grown to what is needed.
#[derive(Debug)]
pub(crate) struct Pool {
    buffers: Vec<Vec<u8>>,
    buffers_max: usize,
    buffer_bytes_max: usize,
}

/// Room of a fresh buffer.
const FRESH_BYTES: usize = 4 << 10;

/// Buffers that are there from the start, so that a small load is warm at once.
const PREPARED: usize = 64;

impl Pool {
    pub(crate) fn new(buffers_max: usize, buffer_bytes_max: usize) -> Pool {
        let mut buffers = Vec::with_capacity(buffers_max);
        buffers.resize_with(buffers_max.min(PREPARED), || Vec::with_capacity(FRESH_BYTES));
        Pool { buffers, buffers_max, buffer_bytes_max }
    }

    /// An empty buffer with room for what a turn usually has: so that whatever it was used for before, it does
    /// not have to grow.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_else(|| Vec::with_capacity(FRESH_BYTES))
    }

    pub(crate) fn put(&mut self, mut buffer: Vec<u8>) {
        let kept = FRESH_BYTES..=self.buffer_bytes_max;
        if kept.contains(&buffer.capacity()) && self.buffers.len() < self.buffers_max {
            buffer.clear();
            self.buffers.push(buffer);
        }
    }
}
