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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_pool_frees_what_comes_back_and_an_empty_one_still_gives() {
        let mut pool = Pool::new(2, 8 << 10);
        let taken: Vec<_> = (0..5).map(|_| pool.take()).collect();
        assert!(pool.buffers.is_empty() && taken.iter().all(|buffer| buffer.capacity() >= FRESH_BYTES));
        taken.into_iter().for_each(|buffer| pool.put(buffer));
        assert_eq!(pool.buffers.len(), 2, "its bound");
        let _two = (pool.take(), pool.take());
        pool.put(Vec::with_capacity(9 << 10));
        assert!(pool.buffers.is_empty(), "grown beyond what is kept");
        pool.put(vec![7; 8 << 10]);
        assert!(pool.take().is_empty(), "what was in it is gone");
    }
}
