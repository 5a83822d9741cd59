//! An operator puts an order right: takes money of another amount for its total, or finds units for it that were
//! gone.

use crate::fact::{Fact, Facts, RequestKey, Stamp};
use crate::ids::{PaymentId, TraceId, UserId};
use crate::intent::{Intent, Repair, RepairAction};
use crate::ledger::{Ledger, by_operator};
use crate::order::{self, Event};
use crate::payment::{self, Arrival};
use crate::refusal::{Reason, Refusal};
use crate::units::MicrosUtc;
use crate::verdict::Verdict;

impl Ledger {
    pub(super) fn repair(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        repair: &Repair,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        let key = RequestKey { who: UserId(0), id: repair.request };
        let body = Intent::Repair(*repair).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        let slot = self.order_of(UserId(0), repair.order)?;
        let version = self.orders.at(slot).version;
        if repair.version != 0 && repair.version != version {
            let (asked, there) = (i64::from(repair.version), i64::from(version));
            return Err(Refusal::of(Reason::VersionConflict).with(asked, there));
        }
        let stamp = by_operator(now, trace, key, body);
        match repair.action {
            RepairAction::Settle(payment) => self.settle_other_amount(&stamp, slot, payment, facts)?,
            RepairAction::Restock => self.restock(&stamp, slot, facts)?,
        }
        Ok(Verdict::Order(self.orders.at(slot).brief()))
    }

    fn settle_other_amount(
        &mut self,
        stamp: &Stamp,
        slot: u32,
        payment: PaymentId,
        facts: &mut impl Facts,
    ) -> Result<(), Refusal> {
        // Looking.
        let payment = self.payment_of(UserId(0), payment)?;
        let it = *self.payments.at(payment);
        if it.order != slot {
            return Err(Refusal::of(Reason::PaymentNotFound));
        }
        let arrival = payment::judge_settle((it.state, &it.money, it.currency), &self.wanted(slot), || {
            self.can_be_had_again(slot)
        })?;
        self.judge_room_for_change(stamp.at)?;

        // Doing.
        let success = Fact::PaymentSuccess {
            payment: it.id,
            order: self.orders.at(slot).id,
            amount: it.money.arrived,
            reference: it.reference,
            surplus: false,
        };
        self.confirm_paid(stamp, slot, &success, arrival == Arrival::Revives, facts);
        Ok(())
    }

    /// Limits, cap and coupons are no matter here: the order is paid and has them.
    fn restock(&mut self, stamp: &Stamp, slot: u32, facts: &mut impl Facts) -> Result<(), Refusal> {
        // Looking.
        let it = self.orders.at(slot);
        let (order, version) = (it.id, it.version + 1);
        order::step(it.state, Event::Restocked).map_err(|wrong| {
            let (wanted, is) = (i64::from(wrong.wanted.number()), i64::from(wrong.is.number()));
            Refusal::of(Reason::WrongState).with(wanted, is)
        })?;
        for (at, line) in self.orders.lines(slot).enumerate() {
            let shelf = self.goods.find_shelf(line.sku, line.warehouse).expect("lines name known shelves");
            let (asked, spare) = (line.quantity.units(), self.goods.shelf(shelf).shelf.spare());
            if spare < asked {
                let reason = if spare == 0 { Reason::SoldOut } else { Reason::InsufficientStock };
                return Err(Refusal::of(reason).at_line(at).with(asked as i64, spare as i64));
            }
        }
        self.judge_room_for_change(stamp.at)?;

        // Doing.
        let units = self.units_of(slot);
        facts.begin(stamp);
        self.enter(stamp, &Fact::StockReserved { order, units: &units }, facts);
        self.enter(stamp, &Fact::StockReduced { order, units: &units }, facts);
        self.enter(stamp, &Fact::OrderConfirmed { order, version }, facts);
        facts.end();
        self.scratch.put_units_back(units);
        Ok(())
    }
}
