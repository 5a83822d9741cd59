//! How values stand in an image of a ledger: each in a fixed number of bytes, one behind the other, little-endian.
//!
//! An image is read by the version that wrote it or a later one that knows its layout; whoever stores it checks that
//! it comes back as it was written. So bytes that mean nothing are a fault, and never a panic.

use alloc::vec::Vec;

use crate::ids::{
    CouponId, GatewayId, OrderId, PaymentId, RequestId, SaleId, SellerId, SkuId, UserId, WarehouseId,
};
use crate::units::{Currency, MicrosUtc, MinorUnits, Quantity};

/// Where the bytes of an image come from.
pub trait ImageSource {
    /// Fills all of `into` with the next bytes.
    ///
    /// # Errors
    /// Where there are no more, or they cannot be read; the source knows why.
    fn fill(&mut self, into: &mut [u8]) -> Result<(), Unreadable>;
}

/// A source had no more bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// A value of a fixed number of bytes.
pub(crate) trait Flat: Sized {
    /// How many.
    const BYTES: usize;

    /// Appends them.
    fn put(&self, out: &mut Vec<u8>);

    /// Takes them from the front; nothing where they are too few or mean nothing.
    fn take(from: &mut &[u8]) -> Option<Self>;

    /// Appends those of many.
    fn put_all(all: &[Self], out: &mut Vec<u8>) {
        all.iter().for_each(|one| one.put(out));
    }
}

macro_rules! flat_numbers {
    ($($number:ty),+) => {
        $(impl Flat for $number {
            const BYTES: usize = size_of::<$number>();

            #[inline]
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            #[inline]
            fn take(from: &mut &[u8]) -> Option<Self> {
                let (bytes, rest) = from.split_first_chunk()?;
                *from = rest;
                Some(<$number>::from_le_bytes(*bytes))
            }
        })+
    };
}
flat_numbers!(u16, u32, u64, u128, i64);

impl Flat for u8 {
    const BYTES: usize = 1;

    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        Some(byte)
    }

    fn put_all(all: &[Self], out: &mut Vec<u8>) {
        out.extend_from_slice(all);
    }
}

impl Flat for bool {
    const BYTES: usize = 1;

    fn put(&self, out: &mut Vec<u8>) {
        u8::from(*self).put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        match u8::take(from)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

/// Types that wrap one value, and only give it a name.
macro_rules! flat_names {
    ($($name:ident),+) => {
        $(impl Flat for $name {
            const BYTES: usize = size_of::<$name>();

            #[inline]
            fn put(&self, out: &mut Vec<u8>) {
                self.0.put(out);
            }

            #[inline]
            fn take(from: &mut &[u8]) -> Option<Self> {
                Flat::take(from).map($name)
            }
        })+
    };
}
flat_names!(UserId, SkuId, SaleId, WarehouseId, SellerId, GatewayId, CouponId, OrderId, PaymentId, RequestId);
flat_names!(MicrosUtc, MinorUnits, Currency);

impl Flat for Quantity {
    const BYTES: usize = u32::BYTES;

    fn put(&self, out: &mut Vec<u8>) {
        self.get().put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        u32::take(from).and_then(Quantity::parse)
    }
}

impl<T: Flat, const N: usize> Flat for [T; N] {
    const BYTES: usize = N * T::BYTES;

    fn put(&self, out: &mut Vec<u8>) {
        T::put_all(self, out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let mut all = [const { None }; N];
        for one in &mut all {
            *one = Some(T::take(from)?);
        }
        Some(all.map(|one| one.expect("each was taken")))
    }
}

impl<A: Flat, B: Flat> Flat for (A, B) {
    const BYTES: usize = A::BYTES + B::BYTES;

    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Some((A::take(from)?, B::take(from)?))
    }
}

/// A byte says whether it is there; one that is not leaves its bytes 0.
impl<T: Flat> Flat for Option<T> {
    const BYTES: usize = 1 + T::BYTES;

    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        match self {
            Some(value) => value.put(out),
            None => out.resize(out.len() + T::BYTES, 0),
        }
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        if bool::take(from)? {
            return T::take(from).map(Some);
        }
        let (_, rest) = from.split_at_checked(T::BYTES)?;
        *from = rest;
        Some(None)
    }
}

/// The fields of a struct, in the order in which they stand in an image.
macro_rules! flat {
    ($($name:ty { $($field:ident: $type:ty),+ $(,)? })+) => {
        $(impl $crate::image::Flat for $name {
            const BYTES: usize = 0 $(+ <$type as $crate::image::Flat>::BYTES)+;

            #[inline]
            fn put(&self, out: &mut alloc::vec::Vec<u8>) {
                $(<$type as $crate::image::Flat>::put(&self.$field, out);)+
            }

            #[inline]
            fn take(from: &mut &[u8]) -> Option<Self> {
                $(let $field = <$type as $crate::image::Flat>::take(from)?;)+
                Some(Self { $($field),+ })
            }
        })+
    };
}
pub(crate) use flat;

/// Enums that stand as their number, one byte.
macro_rules! flat_by_number {
    ($($name:ty),+ $(,)?) => {
        $(impl $crate::image::Flat for $name {
            const BYTES: usize = 1;

            #[inline]
            fn put(&self, out: &mut alloc::vec::Vec<u8>) {
                out.push(self.number());
            }

            #[inline]
            fn take(from: &mut &[u8]) -> Option<Self> {
                <u8 as $crate::image::Flat>::take(from).and_then(<$name>::from_number)
            }
        })+
    };
}
pub(crate) use flat_by_number;

/// Enums without numbers of their own: these stand for them in images.
macro_rules! flat_variants {
    ($($name:ident { $($number:literal $variant:ident),+ $(,)? })+) => {
        $(impl $crate::image::Flat for $name {
            const BYTES: usize = 1;

            #[inline]
            fn put(&self, out: &mut alloc::vec::Vec<u8>) {
                out.push(match self { $($name::$variant => $number,)+ });
            }

            #[inline]
            fn take(from: &mut &[u8]) -> Option<Self> {
                match <u8 as $crate::image::Flat>::take(from)? {
                    $($number => Some($name::$variant),)+
                    _ => None,
                }
            }
        })+
    };
}
pub(crate) use flat_variants;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Row {
        user: UserId,
        quantity: Quantity,
        place: Option<(u32, bool)>,
        bytes: [u8; 3],
    }

    flat! { Row { user: UserId, quantity: Quantity, place: Option<(u32, bool)>, bytes: [u8; 3] } }

    fn row(place: Option<(u32, bool)>) -> Row {
        Row { user: UserId(7), quantity: Quantity::parse(2).unwrap(), place, bytes: [1, 2, 3] }
    }

    #[test]
    fn what_was_put_is_taken_and_takes_the_bytes_it_says() {
        let rows = [row(None), row(Some((9, true)))];
        let mut bytes = Vec::new();
        Row::put_all(&rows, &mut bytes);
        assert_eq!((bytes.len(), Row::BYTES), (2 * Row::BYTES, 8 + 4 + (1 + 4 + 1) + 3));
        let from = &mut &bytes[..];
        assert_eq!(<[Row; 2]>::take(from).as_ref(), Some(&rows));
        assert!(from.is_empty());
    }

    #[test]
    fn too_few_bytes_and_bytes_without_a_meaning_are_nothing() {
        let mut bytes = Vec::new();
        row(Some((9, true))).put(&mut bytes);
        for end in 0..bytes.len() {
            assert_eq!(Row::take(&mut &bytes[..end]), None, "{end} bytes");
        }
        let (quantity, present, flag) = (8, 12, 17);
        for (at, nonsense) in [(quantity, 0), (present, 2), (flag, 7)] {
            let mut bytes = bytes.clone();
            bytes[at..at + 1].fill(nonsense);
            assert_eq!(Row::take(&mut &bytes[..]), None, "{nonsense} at {at}");
        }
    }
}
