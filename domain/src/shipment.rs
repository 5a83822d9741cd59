//! What can be sent of an order: never more than a line has, and nothing twice.
//!
//! Pure decisions over values. Which states allow it is in [`order`](crate::order).

use alloc::vec::Vec;

use crate::image::{Flat, flat};
use crate::intent::SentLine;
use crate::refusal::{Reason, Refusal};
use crate::verdict::mix;

/// Bytes of a carrier's name.
pub const CARRIER_BYTES: usize = 16;
/// Bytes of a tracking number.
pub const TRACKING_BYTES: usize = 40;
/// Shipments of one order, at most: more is OVERLOADED, and so is the last one where it would leave something.
pub const SHIPMENTS_OF_ORDER_MAX: u16 = 32;

/// Who carries a shipment, under which number. The ledger keeps the bytes and gives them back, and never reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waybill {
    /// UTF-8, filled up with zeros.
    pub carrier: [u8; CARRIER_BYTES],
    /// UTF-8, filled up with zeros.
    pub tracking: [u8; TRACKING_BYTES],
}

flat! { Waybill { carrier: [u8; CARRIER_BYTES], tracking: [u8; TRACKING_BYTES] } }

impl Waybill {
    /// Nothing is known of it.
    pub const NONE: Waybill = Waybill { carrier: [0; CARRIER_BYTES], tracking: [0; TRACKING_BYTES] };

    /// A hash of all its bytes, the same for ever.
    pub(crate) fn hash(&self) -> u64 {
        let word = |hash, bytes: &[u8; 8]| mix(hash, u64::from_le_bytes(*bytes));
        let (carrier, _) = self.carrier.as_chunks();
        let (tracking, _) = self.tracking.as_chunks();
        carrier.iter().chain(tracking).fold(0, word)
    }
}

// Every byte is in a word of the hash.
const _: () = assert!(CARRIER_BYTES.is_multiple_of(8) && TRACKING_BYTES.is_multiple_of(8));

/// Bytes of a note about a shipment.
pub const NOTE_BYTES: usize = 40;

/// Where a shipment is, in its carrier's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whereabouts(
    /// UTF-8, filled up with zeros.
    pub [u8; NOTE_BYTES],
);

impl Flat for Whereabouts {
    const BYTES: usize = NOTE_BYTES;

    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Flat::take(from).map(Whereabouts)
    }
}

impl Whereabouts {
    /// Nothing is known.
    pub const NONE: Whereabouts = Whereabouts([0; NOTE_BYTES]);

    /// All its bytes, as words.
    pub(crate) fn words(&self) -> impl Iterator<Item = u64> {
        let (words, _) = self.0.as_chunks();
        words.iter().map(|word| u64::from_le_bytes(*word))
    }
}

// Every byte is in a word.
const _: () = assert!(NOTE_BYTES.is_multiple_of(8));

/// Whether each sku is named once; the first that is not is blamed.
pub fn judge_named_once(lines: &[SentLine]) -> Result<(), Refusal> {
    let repeated = |&at: &usize| lines[..at].iter().any(|earlier| earlier.sku == lines[at].sku);
    match (0..lines.len()).find(repeated) {
        Some(at) => Err(Refusal::of(Reason::InvalidField).at_line(at)),
        None => Ok(()),
    }
}

/// Whether so many units can go of a line that has so many, some of them sent before; `at` is the place of the
/// line in the request.
pub fn judge_units(at: usize, asked: u32, has: u32, sent: u32) -> Result<(), Refusal> {
    let left = has - sent;
    if asked > left {
        let refusal = Refusal::of(Reason::InsufficientStock).at_line(at);
        return Err(refusal.with(i64::from(asked), i64::from(left)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use crate::ids::SkuId;
    use crate::units::Quantity;

    #[test]
    fn never_more_is_sent_than_a_line_has() {
        let no = |asked, left| Err(Refusal::of(Reason::InsufficientStock).at_line(3).with(asked, left));
        assert_eq!(judge_units(3, 5, 5, 0), Ok(()));
        assert_eq!(judge_units(3, 6, 5, 0), no(6, 5));
        assert_eq!(judge_units(3, 2, 5, 3), Ok(()));
        assert_eq!(judge_units(3, 3, 5, 3), no(3, 2));
        assert_eq!(judge_units(3, 1, 5, 5), no(1, 0));
    }

    #[test]
    fn a_line_is_named_once() {
        let line =
            |sku| SentLine { sku: SkuId(sku), quantity: Quantity::parse(1).expect("one is a quantity") };
        assert_eq!(judge_named_once(&[]), Ok(()));
        assert_eq!(judge_named_once(&[line(1), line(2)]), Ok(()));
        let second = Refusal::of(Reason::InvalidField).at_line(2);
        assert_eq!(judge_named_once(&[line(1), line(2), line(1)]), Err(second));
    }

    #[test]
    fn every_byte_of_a_waybill_counts() {
        let mut waybills = vec![Waybill::NONE; 1 + CARRIER_BYTES + TRACKING_BYTES];
        for (at, it) in waybills.iter_mut().skip(1).enumerate() {
            match at.checked_sub(CARRIER_BYTES) {
                None => it.carrier[at] = 1,
                Some(at) => it.tracking[at] = 1,
            }
        }
        let mut hashes: Vec<u64> = waybills.iter().map(Waybill::hash).collect();
        hashes.sort_unstable();
        assert!(hashes.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
