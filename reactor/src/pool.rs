//! Emptied byte buffers, kept for whoever needs one next: so connections that are silent hold none, and a warm
//! reactor allocates none.

/// Last in, first out: the buffer used last is the one still in the cache, and grown to what is needed.
#[derive(Debug)]
pub(crate) struct Pool {
    buffers: Vec<Vec<u8>>,
    buffers_max: usize,
    buffer_bytes_max: usize,
}

impl Pool {
    pub(crate) fn new(buffers_max: usize, buffer_bytes_max: usize) -> Pool {
        Pool { buffers: Vec::with_capacity(buffers_max), buffers_max, buffer_bytes_max }
    }

    /// An empty buffer, with room if one was kept.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_default()
    }

    pub(crate) fn put(&mut self, mut buffer: Vec<u8>) {
        let kept = 1..=self.buffer_bytes_max;
        if kept.contains(&buffer.capacity()) && self.buffers.len() < self.buffers_max {
            buffer.clear();
            self.buffers.push(buffer);
        }
    }
}
