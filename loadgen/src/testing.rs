//! What tests share.

/// The seed of a random test: TIDEGATE_SEED (decimal or 0x…) where it is set, else a new one.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("TIDEGATE_SEED").ok().and_then(|text| match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    });
    given.unwrap_or_else(|| fastrand::u64(..))
}
