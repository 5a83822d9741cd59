//! Rows laid on a desk.

use alloc::vec::Vec;
use core::mem;
use core::ops::RangeBounds;

use crate::coupon::CouponCounts;
use crate::fact::{Request, RequestKey};
use crate::hold::HoldState;
use crate::ids::{CouponId, OrderId, SaleId, SkuId, UserId, WarehouseId};
use crate::intent::Sale;
use crate::ledger::Ledger;
use crate::ledger::counts::USER_UNITS_MAX;
use crate::ledger::desk::{About, Desk, FailedRefund, HoldRecord, Key, LedTo, Place, Row, RowFault, Shared};
use crate::ledger::requests::Subject;
use crate::ledger::rest::Record;
use crate::ledger::timers::Timed;
use crate::letter::LetterReason;
use crate::order::{self, State};
use crate::shelf::Shelf;

/// What stands below what is given: more than any order gives back, and far from the end of the numbers.
const BELOW: u64 = 1 << 40;

impl Desk {
    /// Lays a row. Where it names others that are not here, it waits for them, and [`Desk::needs`] asks for them. A row
    /// of the catalogue may be laid again and replaces the one before; another one stays as it is here.
    ///
    /// # Errors
    /// Where it contradicts itself, or finds no room.
    pub fn lay(&mut self, row: Row) -> Result<(), RowFault> {
        let mut lacks_owner = false;
        each_owner(&row, |owner| lacks_owner |= !self.is_here(&owner))?;
        if lacks_owner {
            self.waiting.push(row);
            return Ok(());
        }
        self.is_ready = false;
        self.put(row)
    }

    /// Exactly so many units of this can be had from here: somebody gave them, or 0. Its sku, sale or coupon is here.
    ///
    /// # Errors
    /// Where it is not.
    pub fn give(&mut self, shared: Shared, units: u64) -> Result<(), RowFault> {
        match shared {
            Shared::Shelf(sku, warehouse) => {
                let shelf = Shelf { on_hand: BELOW + units, held: BELOW, sold: BELOW, ..Shelf::default() };
                self.put_shelf(sku, warehouse, shelf)?;
            }
            Shared::Cap(sale) => {
                let slot = self.known_sale(sale)?;
                let row = self.ledger.goods.sale_mut(slot);
                row.taken_units = BELOW;
                if row.sale.cap_units != 0 {
                    row.sale.cap_units = BELOW + units;
                }
            }
            Shared::Quota(coupon) => {
                let slot = self.known_coupon(coupon)?;
                let counts = CouponCounts { claimed: BELOW, locked: BELOW, used: 0 };
                self.ledger.coupons.set_counts(slot, counts);
                self.ledger.coupons.set_quota(slot, BELOW + units);
            }
        }
        self.stands(shared);
        Ok(())
    }

    /// Puts what has waited where it belongs, and asks for what it still waits for.
    pub(super) fn settle(&mut self) -> Result<(), RowFault> {
        let mut waited = usize::MAX;
        while !self.waiting.is_empty() && self.waiting.len() < waited {
            waited = self.waiting.len();
            for row in mem::take(&mut self.waiting) {
                self.lay(row)?;
            }
        }
        let mut owners = Vec::new();
        for row in &self.waiting {
            each_owner(row, |owner| owners.push(owner))?;
        }
        owners.into_iter().try_for_each(|owner| self.must_have(owner))
    }

    /// Whether a row that others name lies here.
    pub(super) fn is_here(&self, key: &Key) -> bool {
        let Ledger { goods, orders, freight, coupons, holds, .. } = &self.ledger;
        match *key {
            Key::Sku(sku) => goods.find_sku(sku).is_some(),
            Key::Sale(sale) => goods.find_sale(sale).is_some(),
            Key::Place(sku, sale) => self.places.contains_key(&(sku, sale)),
            Key::Freight(seller, currency) => freight.find(seller, currency).is_some(),
            Key::Coupon(coupon) => coupons.find(coupon).is_some(),
            Key::Shared(Shared::Shelf(sku, warehouse)) => goods.find_shelf(sku, warehouse).is_some(),
            Key::Shared(shared) => self.stood.contains_key(&shared),
            Key::Order(order) => orders.find(order).is_some(),
            Key::CouponUser(coupon, user) => self.coupons_taken.contains_key(&(coupon, user)),
            Key::Count(sale, user) => self.counted.contains_key(&(sale, user)),
            Key::Hold(hold) => holds.find(hold).is_some(),
            Key::Making(making) => self.made.contains_key(&making),
            Key::Limit(_)
            | Key::Switch(_)
            | Key::SwitchVersion
            | Key::Request(_)
            | Key::FailedRefunds(_)
            | Key::Letter(..)
            | Key::Letters => self.row_of(key).is_some(),
        }
    }

    /// What the row says is true here from here. What it names is here.
    fn put(&mut self, row: Row) -> Result<(), RowFault> {
        let key = row.key();
        let Ledger { bounds, goods, coupons, limits, freight, switches, .. } = &mut self.ledger;
        match row {
            Row::Sku(sku) => {
                if !goods.has_room_for_sku(bounds) && goods.find_sku(sku.id).is_none() {
                    return Err(RowFault::Full("skus"));
                }
                goods.put_sku(sku);
                let its = (sku.id, SaleId(0))..=(sku.id, SaleId(u32::MAX));
                self.join(its, |_| true)?;
            }
            Row::Sale(sale) => self.put_sale(sale)?,
            Row::Place(place) => self.put_place(place)?,
            Row::Freight(rule) => {
                if !freight.has_room() {
                    return Err(RowFault::Full("freight rules"));
                }
                freight.put(rule);
            }
            Row::Coupon(coupon, skus) => {
                let replaced = coupons.find(coupon.id);
                let fits = coupons.has_room(bounds, replaced)
                    && coupons.has_room_for_skus(bounds, replaced, skus.len());
                if !fits {
                    return Err(RowFault::Full("coupons"));
                }
                coupons.put(coupon, &skus);
            }
            Row::Limit(limit) => limits.lay(limit),
            Row::Switch(switch) => switches.lay(switch),
            Row::SwitchVersion(version) => switches.set_version(version),
            Row::Shelf(sku, warehouse, shelf) => self.put_shelf(sku, warehouse, shelf)?,
            Row::Cap(sale, units) => {
                let slot = self.known_sale(sale)?;
                self.ledger.goods.sale_mut(slot).taken_units = units;
                self.stands(Shared::Cap(sale));
            }
            Row::Quota(coupon, counts) => {
                let slot = self.known_coupon(coupon)?;
                self.ledger.coupons.set_counts(slot, counts);
                self.stands(Shared::Quota(coupon));
            }
            Row::Order(order, record) => self.put_order(order, &record)?,
            Row::Request(..)
            | Row::Count(..)
            | Row::CouponUser(..)
            | Row::Hold(_)
            | Row::FailedRefunds(..)
            | Row::Making(..)
            | Row::Letter(..)
                if self.is_here(&key) => {}
            Row::Request(key, led_to) => self.put_request(key, led_to)?,
            Row::Count(sale, user, units) => self.put_count(sale, user, units)?,
            Row::CouponUser(coupon, user, counts) => self.put_coupon_user(coupon, user, counts)?,
            Row::Hold(hold) => self.put_hold(&hold)?,
            Row::FailedRefunds(_, refunds) => {
                for FailedRefund { payment, number, amount } in refunds {
                    if !self.ledger.failed_refunds.has_room() {
                        return Err(RowFault::Full("failed refunds"));
                    }
                    if self.ledger.failed_refunds.find(payment, number).is_some() {
                        return Err(RowFault::Nonsense);
                    }
                    self.ledger.failed_refunds.add(payment, number, amount);
                }
            }
            Row::Making(making, order) => {
                self.made.insert(making, order);
            }
            Row::Letter(subscriber, position, at, reason) => {
                let reason = LetterReason::parse(reason.as_bytes()).ok_or(RowFault::Nonsense)?;
                let parked = self.ledger.letters.len();
                self.ledger.letters.park(at, (subscriber, position), reason);
                self.ledger.letters.set_len(parked);
            }
            Row::Letters(parked) => {
                let parked = usize::try_from(parked).map_err(|_| RowFault::Nonsense)?;
                self.ledger.letters.set_len(parked);
            }
        }
        Ok(())
    }

    fn put_sale(&mut self, sale: Sale) -> Result<(), RowFault> {
        let Ledger { bounds, goods, .. } = &mut self.ledger;
        let replaced = goods.find_sale(sale.id);
        if !goods.has_room_for_sale(bounds, replaced) {
            return Err(RowFault::Full("sales"));
        }
        goods.put_sale(sale, &[]);
        self.join(.., |place| place.sale == sale.id)
    }

    fn put_place(&mut self, place: Place) -> Result<(), RowFault> {
        let Place { sku, sale, .. } = place;
        let before = self.places.insert((sku, sale), place);
        match self.ledger.goods.find_sale(sale) {
            Some(slot) if before.is_some_and(|before| before != place) => {
                self.put_sale(self.ledger.goods.sale(slot).sale)
            }
            Some(_) | None => self.join((sku, sale)..=(sku, sale), |_| true),
        }
    }

    /// Puts the skus of such places into their sales, where both are here and it was not done yet.
    fn join(
        &mut self,
        range: impl RangeBounds<(SkuId, SaleId)>,
        such: impl Fn(&Place) -> bool,
    ) -> Result<(), RowFault> {
        let goods = &mut self.ledger.goods;
        for (_, place) in self.places.range(range).filter(|(_, place)| such(place)) {
            let (Some(sku), Some(sale)) = (goods.find_sku(place.sku), goods.find_sale(place.sale)) else {
                continue;
            };
            if goods.price_in(sale, sku).is_some() {
                continue;
            }
            // Half of the room is for those that are put here.
            if 2 * goods.items() >= self.ledger.bounds.sale_skus_max {
                return Err(RowFault::Full("places in sales"));
            }
            goods.join(sale, sku, place.unit_price);
        }
        Ok(())
    }

    fn put_shelf(&mut self, sku: SkuId, warehouse: WarehouseId, shelf: Shelf) -> Result<(), RowFault> {
        let goods = &mut self.ledger.goods;
        if goods.find_sku(sku).is_none() {
            return Err(RowFault::Missing(Key::Sku(sku)));
        }
        let kept = self.size.intents; // Each may make a shelf or two.
        let is_full = goods.shelves() + 2 * kept > self.ledger.bounds.shelves_max;
        if goods.find_shelf(sku, warehouse).is_none() && is_full {
            return Err(RowFault::Full("shelves"));
        }
        let slot = goods.shelf_or_new(sku, warehouse);
        goods.change_shelf(slot, |_| shelf);
        self.stands(Shared::Shelf(sku, warehouse));
        Ok(())
    }

    fn put_order(&mut self, order: OrderId, record: &[u8]) -> Result<(), RowFault> {
        if self.is_here(&Key::Order(order)) {
            return Ok(());
        }
        let record = Record::read(record)?;
        let brief = record.order.brief();
        if brief.order != order {
            return Err(RowFault::Nonsense);
        }
        self.count_lines(record.order.lines.len())?;
        let is_timed = order::is_timed(brief.state);
        if is_timed && !self.ledger.timers.takes(self.now, brief.pay_until) {
            return Err(RowFault::Full("timers"));
        }
        let slot = self.ledger.put_back(&record)?;
        self.ledger.sums.add(self.ledger.orders.at(slot));
        self.ledger.payments.count(&record.payments);
        if is_timed {
            let is_unopened = brief.state == State::PendingPayment && record.payments.is_empty();
            self.ledger.unopened += usize::from(is_unopened);
            self.ledger.arm(Timed::Order(slot));
        }
        Ok(())
    }

    fn put_hold(&mut self, record: &HoldRecord) -> Result<(), RowFault> {
        let HoldRecord { hold, made, units } = record;
        let is_open = hold.state == HoldState::Open;
        if !is_open && !units.is_empty() {
            return Err(RowFault::Nonsense);
        }
        self.count_lines(units.len())?;
        // Half of the room is for those that are made here.
        let Ledger { bounds, holds, timers, .. } = &mut self.ledger;
        if !holds.has_room(bounds) || !holds.has_room_for_lines(bounds, units.len()) {
            return Err(RowFault::Full("holds"));
        }
        if is_open && !timers.takes(self.now, hold.until) {
            return Err(RowFault::Full("timers"));
        }
        let slot = holds.lay(*hold, *made, units);
        if is_open {
            self.ledger.arm(Timed::Hold(slot));
        }
        Ok(())
    }

    /// Half of the room for lines is for those that are made here.
    fn count_lines(&mut self, lines: usize) -> Result<(), RowFault> {
        self.laid_lines += lines;
        if self.laid_lines > self.size.lines { Err(RowFault::Full("lines")) } else { Ok(()) }
    }

    fn put_count(&mut self, sale: SaleId, user: UserId, units: u32) -> Result<(), RowFault> {
        let Ledger { bounds, counts, .. } = &mut self.ledger;
        if units == 0 || u64::from(units) > USER_UNITS_MAX {
            return Err(RowFault::Nonsense);
        }
        if counts.len() >= bounds.user_counts_max {
            return Err(RowFault::Full("counts of users"));
        }
        counts.add(sale, user, units.into());
        self.counted.insert((sale, user), units.into());
        Ok(())
    }

    fn put_coupon_user(
        &mut self,
        coupon: CouponId,
        user: UserId,
        counts: CouponCounts,
    ) -> Result<(), RowFault> {
        let slot = self.known_coupon(coupon)?;
        let Ledger { bounds, coupons, .. } = &mut self.ledger;
        if coupons.users() >= bounds.coupon_users_max {
            return Err(RowFault::Full("coupons of users"));
        }
        if counts == CouponCounts::default() {
            return Err(RowFault::Nonsense);
        }
        coupons.set_user(slot, user, counts).ok_or(RowFault::Nonsense)?;
        self.coupons_taken.insert((coupon, user), counts);
        Ok(())
    }

    fn put_request(&mut self, key: RequestKey, led_to: LedTo) -> Result<(), RowFault> {
        let Ledger { bounds, requests, .. } = &self.ledger;
        let kept = self.ledger.kept_ids() + self.size.intents;
        if !requests.has_room(bounds, self.now, (kept, kept)) {
            return Err(RowFault::Full("requests"));
        }
        match led_to {
            LedTo::Made(order) => {
                let slot = self.ledger.orders.find(order).ok_or(RowFault::Missing(Key::Order(order)))?;
                let made = self.ledger.orders.at(slot);
                if (made.user, made.request()) != (key.who, key.id) {
                    return Err(RowFault::Nonsense);
                }
                self.ledger.requests.remember_order(self.now, key, order);
            }
            LedTo::Change { body, about } => {
                let subject = self.subject_of(about)?;
                self.ledger.requests.remember_change(self.now, Request { key, body }, subject);
                if let Subject::Hold(slot) = subject {
                    self.ledger.holds.remembered(slot);
                }
            }
        }
        self.ledger.leave_holds();
        Ok(())
    }

    /// Where it is here.
    fn subject_of(&self, about: About) -> Result<Subject, RowFault> {
        let Ledger { goods, orders, freight, coupons, holds, .. } = &self.ledger;
        let shelf = |sku, warehouse| {
            let key = Key::Shared(Shared::Shelf(sku, warehouse));
            goods.find_shelf(sku, warehouse).ok_or(RowFault::Missing(key))
        };
        Ok(match about {
            About::Order(order) => Subject::order(order),
            About::Sku(sku) => Subject::Sku(goods.find_sku(sku).ok_or(RowFault::Missing(Key::Sku(sku)))?),
            About::Sale(sale) => Subject::Sale(self.known_sale(sale)?),
            About::Freight(seller, currency) => {
                let slot = freight.slot(seller, currency);
                Subject::Freight(slot.ok_or(RowFault::Missing(Key::Freight(seller, currency)))?)
            }
            About::Shelf(sku, warehouse) => Subject::Shelf(shelf(sku, warehouse)?),
            About::Hold(hold) => Subject::Hold(holds.find(hold).ok_or(RowFault::Missing(Key::Hold(hold)))?),
            About::Limit => Subject::Limit,
            About::Switch(version) => Subject::Switch { version },
            About::Shelves(sku, [from, to]) => {
                Subject::Shelves { from: shelf(sku, from)?, to: shelf(sku, to)? }
            }
            About::Payment(order, payment) => {
                let slot = orders.find(order).ok_or(RowFault::Missing(Key::Order(order)))?;
                let mut payments = self.ledger.payments.attempts_from(orders.newest_payment(slot));
                if !payments.any(|(_, it)| it.id == payment) {
                    return Err(RowFault::Nonsense);
                }
                Subject::payment(payment)
            }
            About::Case(order, number) => {
                let slot = orders.find(order).ok_or(RowFault::Missing(Key::Order(order)))?;
                let mut cases = self.ledger.cases.newest_first(orders.newest_case(slot));
                if !cases.any(|(_, row)| row.case.number == number) {
                    return Err(RowFault::Nonsense);
                }
                Subject::case(order, number)
            }
            About::Letters => Subject::Letters,
            About::Coupon(coupon) => Subject::Coupon(self.known_coupon(coupon)?),
            About::CouponTaken(coupon, user) => {
                let pair = coupons.find_user(self.known_coupon(coupon)?, user);
                Subject::CouponTaken(pair.ok_or(RowFault::Missing(Key::CouponUser(coupon, user)))?)
            }
        })
    }

    fn known_sale(&self, sale: SaleId) -> Result<u32, RowFault> {
        self.ledger.goods.find_sale(sale).ok_or(RowFault::Missing(Key::Sale(sale)))
    }

    fn known_coupon(&self, coupon: CouponId) -> Result<u32, RowFault> {
        self.ledger.coupons.find(coupon).ok_or(RowFault::Missing(Key::Coupon(coupon)))
    }
}

/// The rows that this one names and cannot lie here without.
fn each_owner(row: &Row, mut owner: impl FnMut(Key)) -> Result<(), RowFault> {
    match row {
        Row::Shelf(sku, ..) => owner(Key::Sku(*sku)),
        Row::Cap(sale, _) => owner(Key::Sale(*sale)),
        Row::Quota(coupon, _) | Row::CouponUser(coupon, ..) => owner(Key::Coupon(*coupon)),
        Row::Order(_, record) => {
            Record::read(record)?.coupons.iter().for_each(|share| owner(Key::Coupon(share.coupon)));
        }
        Row::Request(_, LedTo::Made(order)) => owner(Key::Order(*order)),
        Row::Request(_, LedTo::Change { about, .. }) => match *about {
            About::Order(order) | About::Payment(order, _) | About::Case(order, _) => {
                owner(Key::Order(order))
            }
            About::Sku(sku) => owner(Key::Sku(sku)),
            About::Sale(sale) => owner(Key::Sale(sale)),
            About::Freight(seller, currency) => owner(Key::Freight(seller, currency)),
            About::Shelf(sku, warehouse) => owner(Key::Shared(Shared::Shelf(sku, warehouse))),
            About::Shelves(sku, warehouses) => {
                warehouses.into_iter().for_each(|it| owner(Key::Shared(Shared::Shelf(sku, it))));
            }
            About::Hold(hold) => owner(Key::Hold(hold)),
            About::Coupon(coupon) => owner(Key::Coupon(coupon)),
            About::CouponTaken(coupon, user) => owner(Key::CouponUser(coupon, user)),
            About::Limit | About::Switch(_) | About::Letters => (),
        },
        Row::Sku(_)
        | Row::Sale(_)
        | Row::Place(_)
        | Row::Freight(_)
        | Row::Coupon(..)
        | Row::Limit(_)
        | Row::Switch(_)
        | Row::SwitchVersion(_)
        | Row::Count(..)
        | Row::Hold(_)
        | Row::FailedRefunds(..)
        | Row::Making(..)
        | Row::Letter(..)
        | Row::Letters(_) => (),
    }
    Ok(())
}
