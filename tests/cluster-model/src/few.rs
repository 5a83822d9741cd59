//! A handful of values in order, without an allocation: states are copied millions of times.

/// Up to `N` values, sorted, so that two states that hold the same values are the same state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Few<T, const N: usize> {
    len: u8,
    items: [T; N],
}

impl<T: Copy + Default + Ord, const N: usize> Default for Few<T, N> {
    fn default() -> Self {
        Self { len: 0, items: [T::default(); N] }
    }
}

impl<T: Copy + Default + Ord, const N: usize> Few<T, N> {
    /// How many there are.
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether one more would be one too many.
    pub fn is_full(&self) -> bool {
        self.len() == N
    }

    /// All of them, smallest first.
    pub fn as_slice(&self) -> &[T] {
        &self.items[..self.len()]
    }

    /// All of them, smallest first.
    pub fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.as_slice().iter().copied()
    }

    /// Puts one in.
    ///
    /// # Panics
    ///
    /// When it is full: a scenario's faults must fit the bounds of the model.
    pub fn put(&mut self, item: T) {
        assert!(!self.is_full(), "a scenario may not exceed the model's bounds");
        let mut at = self.len();
        while at > 0 && self.items[at - 1] > item {
            self.items[at] = self.items[at - 1];
            at -= 1;
        }
        self.items[at] = item;
        self.len += 1;
    }

    /// Takes out the one at this place.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn take(&mut self, at: usize) -> T {
        let (item, len) = (self.as_slice()[at], self.len());
        self.items.copy_within(at + 1..len, at);
        self.len -= 1;
        // What is no longer in it may not tell two equal states apart.
        self.items[self.len()] = T::default();
        item
    }

    /// Keeps those that pass.
    pub fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        for at in (0..self.len()).rev() {
            if !keep(&self.items[at]) {
                self.take(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Few;

    #[test]
    fn the_order_of_putting_does_not_show() {
        let (mut a, mut b) = (Few::<u8, 3>::default(), Few::<u8, 3>::default());
        [3, 1, 2].into_iter().for_each(|item| a.put(item));
        [2, 9, 3].into_iter().for_each(|item| b.put(item));
        assert_eq!(b.take(2), 9);
        b.put(1);
        assert_eq!(a, b);
        assert_eq!(a.as_slice(), [1, 2, 3]);
        a.retain(|item| *item != 2);
        assert_eq!(a.as_slice(), [1, 3]);
    }
}
