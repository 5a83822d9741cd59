//! Times, money and quantities. Only operations that mean something exist.

use core::num::NonZeroU32;

/// An instant: microseconds since 1970-01-01, UTC. Two instants do not add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MicrosUtc(pub i64);

/// A span of time in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

impl MicrosUtc {
    /// The instant `span` later; stays at the end of time instead of passing it.
    #[must_use]
    pub const fn after(self, span: Micros) -> MicrosUtc {
        MicrosUtc(self.0.saturating_add(span.0))
    }

    /// How long since `earlier`; negative when `earlier` is later.
    pub const fn since(self, earlier: MicrosUtc) -> Micros {
        Micros(self.0.saturating_sub(earlier.0))
    }
}

impl Micros {
    /// A span of whole seconds.
    pub const fn from_seconds(seconds: u32) -> Micros {
        Micros(seconds as i64 * 1_000_000)
    }
}

/// Money in the smallest unit of its currency (cents, for most). Sums are checked, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MinorUnits(pub i64);

impl MinorUnits {
    /// Nothing to pay.
    pub const ZERO: MinorUnits = MinorUnits(0);

    /// The sum, or nothing where it does not fit.
    pub const fn plus(self, other: MinorUnits) -> Option<MinorUnits> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(MinorUnits(sum)),
            None => None,
        }
    }

    /// The difference, or nothing where it does not fit.
    pub const fn minus(self, other: MinorUnits) -> Option<MinorUnits> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(MinorUnits(difference)),
            None => None,
        }
    }

    /// The price of `quantity` units at this price, or nothing where it does not fit.
    pub const fn times(self, quantity: Quantity) -> Option<MinorUnits> {
        match self.0.checked_mul(quantity.get() as i64) {
            Some(product) => Some(MinorUnits(product)),
            None => None,
        }
    }
}

/// ISO 4217 numeric code: 978 is the euro, 840 the US dollar. 0 is no currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(pub u16);

/// Units of one sku in one line: 1 to [`Quantity::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(NonZeroU32);

impl Quantity {
    /// The most units that one line can ask for.
    pub const MAX: u32 = 1_000_000;

    /// The one way in: never zero, never above [`Self::MAX`], so nobody downstream asks again.
    pub const fn parse(raw: u32) -> Option<Quantity> {
        match NonZeroU32::new(raw) {
            Some(units) if raw <= Self::MAX => Some(Quantity(units)),
            _ => None,
        }
    }

    /// The number of units.
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// The number of units, as wide as shelves count them.
    pub const fn units(self) -> u64 {
        self.0.get() as u64
    }
}
