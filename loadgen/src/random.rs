//! Numbers that look random and can be had again: the n-th of a seed, without the ones before it.

/// Mixes 64 bits so that neighbours have nothing in common. No two inputs give the same output.
pub(crate) const fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ number >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ number >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ number >> 31
}

/// A number below `bound` from 32 random bits.
pub(crate) const fn below(bits: u32, bound: u64) -> u64 {
    (bits as u64 * bound) >> 32
}

/// The n-th user of those who come only once: distinct for a million million of them, and far from each other.
pub(crate) const fn distinct_user(seed: u64, n: u64) -> u64 {
    // An odd factor maps the numbers below 2^40 onto themselves, each to another one.
    const MASK: u64 = (1 << 40) - 1;
    1 + ((seed.wrapping_add(n)).wrapping_mul(0x9E37_79B9_7F4A_7C15) & MASK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinct_users_are() {
        let seed = crate::testing::seed();
        let mut users: Vec<u64> = (0..200_000).map(|n| distinct_user(seed, n)).collect();
        users.sort_unstable();
        assert!(users.windows(2).all(|pair| pair[0] != pair[1]), "again with TIDEGATE_SEED={seed:#x}");
        assert!(users[0] >= 1, "user 0 is nobody");
    }

    #[test]
    fn below_is_below_and_reaches_both_ends() {
        assert_eq!((below(0, 10), below(u32::MAX, 10), below(u32::MAX, 1)), (0, 9, 0));
    }
}
