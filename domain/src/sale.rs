//! A sale's window, its fields, and its limits over a basket.

use crate::ids::{SaleId, SkuId};
use crate::intent::{HOLD_SECONDS_MAX, SALE_SKUS_MAX, Sale, SalePut};
use crate::refusal::{Reason, Refusal};
use crate::units::MicrosUtc;

/// Where a sale stands at an instant, for the skus that it speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It does not speak yet: `closed_from` is still to come.
    Silent,
    /// Its skus wait for it to open.
    Coming,
    /// It sells.
    Open,
    /// It sold.
    Ended,
}

/// The sale's phase at an instant.
pub fn phase(sale: &Sale, now: MicrosUtc) -> Phase {
    if now < sale.closed_from {
        Phase::Silent
    } else if now < sale.opens {
        Phase::Coming
    } else if now < sale.closes {
        Phase::Open
    } else {
        Phase::Ended
    }
}

/// Why a sku of this sale cannot be had now, if it cannot.
#[inline]
pub fn judge_open(sale: &Sale, now: MicrosUtc) -> Result<(), Refusal> {
    match phase(sale, now) {
        Phase::Silent | Phase::Open => Ok(()),
        Phase::Coming => Err(Refusal::of(Reason::SaleNotOpen).with(now.0, sale.opens.0)),
        Phase::Ended => Err(Refusal::of(Reason::SaleEnded).with(now.0, sale.closes.0)),
    }
}

/// Whether two sales want to speak for a sku at the same time.
pub fn overlap(one: &Sale, other: &Sale) -> bool {
    one.closed_from < other.closes && other.closed_from < one.closes
}

/// Whether the fields of a sale can be right at all.
pub fn judge_fields(put: &SalePut<'_>) -> Result<(), Refusal> {
    let sale = &put.sale;
    let in_order = sale.closed_from <= sale.opens && sale.opens < sale.closes;
    if sale.id == SaleId(0)
        || !in_order
        || !(1..=HOLD_SECONDS_MAX).contains(&sale.hold_seconds)
        || put.skus.len() > SALE_SKUS_MAX
    {
        return Err(Refusal::of(Reason::InvalidField));
    }
    match put.skus.iter().position(|item| item.sku == SkuId(0) || item.unit_price.0 < 0) {
        Some(item) => Err(Refusal::of(Reason::InvalidField).at_line(item)),
        None => Ok(()),
    }
}

/// Whether an order may have so many units of a sale.
pub fn judge_order_limit(sale: &Sale, asked: u64) -> Result<(), Refusal> {
    within(Reason::OrderLimit, u64::from(sale.order_limit_units), 0, asked)
}

/// Whether a user who has so many units of a sale, and may have `limit_units` (0: no limit), may have more.
pub fn judge_user_limit(limit_units: u32, has: u64, asked: u64) -> Result<(), Refusal> {
    within(Reason::UserLimit, u64::from(limit_units), has, asked)
}

/// Whether a sale that sold so many units may sell more.
pub fn judge_cap(sale: &Sale, taken: u64, asked: u64) -> Result<(), Refusal> {
    within(Reason::SaleCap, sale.cap_units, taken, asked)
}

/// `taken` and `asked` together stay within a limit; 0 is none. A limit may have been lowered below `taken`.
#[inline]
fn within(reason: Reason, limit: u64, taken: u64, asked: u64) -> Result<(), Refusal> {
    let left = limit.saturating_sub(taken);
    if limit == 0 || asked <= left {
        return Ok(());
    }
    Err(Refusal::of(reason).with(asked as i64, i64::try_from(left).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sale(closed_from: i64, opens: i64, closes: i64) -> Sale {
        Sale {
            id: SaleId(1),
            version: 1,
            closed_from: MicrosUtc(closed_from),
            opens: MicrosUtc(opens),
            closes: MicrosUtc(closes),
            user_limit_units: 2,
            order_limit_units: 3,
            cap_units: 10,
            hold_seconds: 60,
        }
    }

    #[test]
    fn a_sale_speaks_from_closed_from_and_for_ever_after() {
        let at = |now| phase(&sale(10, 20, 30), MicrosUtc(now));
        assert_eq!([at(9), at(10), at(19)], [Phase::Silent, Phase::Coming, Phase::Coming]);
        assert_eq!([at(20), at(29), at(30)], [Phase::Open, Phase::Open, Phase::Ended]);
    }

    #[test]
    fn windows_that_only_touch_do_not_overlap() {
        assert!(overlap(&sale(0, 5, 10), &sale(9, 20, 30)));
        assert!(overlap(&sale(0, 5, 100), &sale(9, 20, 30)));
        assert!(!overlap(&sale(0, 5, 10), &sale(10, 20, 30)));
        assert!(!overlap(&sale(30, 50, 60), &sale(10, 20, 30)));
    }

    #[test]
    fn limits_say_what_is_left() {
        let sale = sale(0, 0, 1);
        let refused = |reason, asked, there| Err(Refusal::of(reason).with(asked, there));
        assert_eq!(judge_order_limit(&sale, 3), Ok(()));
        assert_eq!(judge_order_limit(&sale, 4), refused(Reason::OrderLimit, 4, 3));
        assert_eq!(judge_user_limit(2, 1, 1), Ok(()));
        assert_eq!(judge_user_limit(2, 1, 2), refused(Reason::UserLimit, 2, 1));
        assert_eq!(judge_user_limit(2, 5, 1), refused(Reason::UserLimit, 1, 0));
        assert_eq!(judge_cap(&sale, 9, 2), refused(Reason::SaleCap, 2, 1));
        assert_eq!(judge_cap(&Sale { cap_units: 0, ..sale }, u64::MAX, 1), Ok(()));
    }
}
