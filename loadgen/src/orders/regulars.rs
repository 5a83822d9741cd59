//! Buyers of a sold-out sku who have an order and ask for it again.

use super::Basket;

/// The first so many orders may be asked again; those that were accepted are.
const KEPT_MAX: usize = 65_536;
/// One in so many requests is such a one, once there are orders.
const ONE_IN: u64 = 64;

/// The first orders of a run, and which of them were accepted.
#[derive(Debug)]
pub(super) struct Regulars {
    kept: Vec<Kept>,
    /// Places in `kept`.
    accepted: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    user: u64,
    request: u128,
    sku: u64,
    units: u32,
    total: i64,
    /// 0 until it is accepted.
    order: u64,
}

impl Regulars {
    pub(super) fn new() -> Regulars {
        Regulars { kept: Vec::with_capacity(KEPT_MAX), accepted: Vec::with_capacity(KEPT_MAX) }
    }

    /// A new order goes out. Its number is how many there were before.
    pub(super) fn note(&mut self, basket: &Basket) {
        if self.kept.len() >= KEPT_MAX {
            return;
        }
        debug_assert_eq!(
            basket.number,
            self.kept.len() as u64,
            "every order is noted until no more are kept"
        );
        let &[(sku, units)] = basket.lines.as_slice() else { return };
        let Basket { user, request, total, .. } = *basket;
        self.kept.push(Kept { user, request, sku, units, total, order: 0 });
    }

    /// An order was answered: with this order, or (0) without one.
    pub(super) fn settled(&mut self, number: u64, order: u64) {
        let Some(kept) = usize::try_from(number).ok().and_then(|at| self.kept.get_mut(at)) else { return };
        // What is asked again is answered again, and is here already.
        if order != 0 && kept.order == 0 {
            kept.order = order;
            self.accepted.push(number as u32);
        }
    }

    /// Whether it is time to ask again for an order that is there; then the basket is that.
    pub(super) fn ask_again(&mut self, chance: u64, basket: &mut Basket) -> bool {
        if self.accepted.is_empty() || !chance.is_multiple_of(ONE_IN) {
            return false;
        }
        let number = self.accepted[(chance / ONE_IN) as usize % self.accepted.len()];
        let kept = self.kept[number as usize];
        basket.begin(number.into(), kept.user, kept.request);
        basket.asked_before = true;
        basket.lines.push((kept.sku, kept.units));
        basket.units = kept.units.into();
        basket.total = kept.total;
        true
    }

    /// The order of a number, if it is accepted and kept.
    pub(super) fn order_of(&self, number: u64) -> Option<u64> {
        let kept = self.kept.get(usize::try_from(number).ok()?)?;
        Some(kept.order).filter(|&order| order != 0)
    }
}
