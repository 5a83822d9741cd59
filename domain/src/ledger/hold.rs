//! Units set aside without an order: made, extended, sold, freed, and ended by the timer.

use alloc::vec::Vec;

use crate::fact::{Actor, Fact, Facts, Request, RequestKey, ShelfUnits, Stamp};
use crate::hold::{Hold, HoldEnd, HoldState};
use crate::ids::{TraceId, UserId};
use crate::intent::{EndHold, HOLD_SECONDS_MAX, Intent, StockExtend, StockReserve};
use crate::ledger::Ledger;
use crate::ledger::create::Scratch;
use crate::refusal::{Reason, Refusal};
use crate::units::{Micros, MicrosUtc};
use crate::verdict::Verdict;

impl Ledger {
    pub(super) fn reserve_stock(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        reserve: &StockReserve<'_>,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        let mut scratch = self.scratch.lend();
        let decided = self.reserve_with(now, trace, reserve, facts, &mut scratch);
        self.scratch.give_back(scratch);
        decided
    }

    fn reserve_with(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        reserve: &StockReserve<'_>,
        facts: &mut impl Facts,
        scratch: &mut Scratch,
    ) -> Result<Verdict, Refusal> {
        let StockReserve { user, request, hold_seconds, lines } = *reserve;
        judge_seconds(hold_seconds)?;
        let key = RequestKey { who: user, id: request };
        let body = Intent::StockReserve(*reserve).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        let asked = lines.as_slice();
        let Scratch { planned, servers, .. } = scratch;
        self.find_skus(asked, planned)?;
        self.choose_shelves(asked, planned, &[], servers)?;
        scratch.settle_lines(asked);
        let request = Request { key, body };
        self.make_hold(now, trace, request, hold_seconds, &scratch.units, facts).map(Verdict::Hold)
    }

    /// The last look, and the hold. Its units were found to be there.
    pub(super) fn make_hold(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        request: Request,
        hold_seconds: u32,
        units: &[ShelfUnits],
        facts: &mut impl Facts,
    ) -> Result<Hold, Refusal> {
        // Looking.
        let until = now.after(Micros::from_seconds(hold_seconds));
        let kept = self.kept_ids() + 1;
        let fits = self.holds.has_room(&self.bounds)
            && self.holds.has_room_for_lines(&self.bounds, units.len())
            && self.requests.has_room(&self.bounds, now, (kept + 1, kept + 1))
            && self.timers.reaches(now, until);
        if !fits {
            return Err(Refusal::of(Reason::Overloaded));
        }

        // Doing.
        let user = request.key.who;
        let hold = Hold { id: self.ids.next(now, user).0, user, state: HoldState::Open, until };
        let stamp = Stamp { at: now, actor: asker(user), request: Some(request), trace };
        self.enter_one(&stamp, &Fact::HoldMade { hold: hold.id, user, until, units }, facts);
        Ok(hold)
    }

    /// STOCK_RELEASE and STOCK_COMMIT.
    pub(super) fn end_hold(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        wanted: &Intent<'_>,
        (ended, end): (&EndHold, HoldEnd),
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        let EndHold { user, request, hold } = *ended;
        let key = RequestKey { who: user, id: request };
        let body = wanted.body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        let slot = self.open_hold(now, user, hold)?;
        if end == HoldEnd::Committed {
            self.judge_units_there(slot)?;
        }

        // Doing. There is room: each open hold keeps some.
        let answer = Hold { state: end.state(), ..self.holds.at(slot).hold };
        let stamp = Stamp { at: now, actor: asker(user), request: Some(Request { key, body }), trace };
        self.enter_end(&stamp, slot, end, facts);
        Ok(Verdict::Hold(answer))
    }

    pub(super) fn extend_hold(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        extend: &StockExtend,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        let StockExtend { user, request, hold, hold_seconds } = *extend;
        judge_seconds(hold_seconds)?;
        let key = RequestKey { who: user, id: request };
        let body = Intent::StockExtend(*extend).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        let slot = self.open_hold(now, user, hold)?;
        let until = self.holds.at(slot).hold.extended(now, hold_seconds);
        self.judge_room_for_change(now)?;
        if !self.timers.reaches(now, until) {
            return Err(Refusal::of(Reason::Overloaded));
        }

        // Doing.
        let stamp = Stamp { at: now, actor: asker(user), request: Some(Request { key, body }), trace };
        self.enter_one(&stamp, &Fact::HoldExtended { hold, until }, facts);
        Ok(Verdict::Hold(self.holds.at(slot).hold))
    }

    /// The time of this hold, which is open, is over.
    pub(super) fn expire_hold(&mut self, now: MicrosUtc, slot: u32, facts: &mut impl Facts) {
        let stamp = Stamp { at: now, actor: Actor::Timer, request: None, trace: TraceId(0) };
        self.enter_end(&stamp, slot, HoldEnd::Expired, facts);
    }

    /// The hold, if it is open and this user's; 0 finds any.
    pub(super) fn open_hold(&self, now: MicrosUtc, user: UserId, hold: u64) -> Result<u32, Refusal> {
        let slot = self.holds.find(hold).ok_or(Refusal::of(Reason::HoldNotFound))?;
        let row = self.holds.at(slot);
        row.hold.judge_open(user, now, row.made, self.rules.earliest(now))?;
        Ok(slot)
    }

    /// Units may be lost, whoever holds them.
    fn judge_units_there(&self, slot: u32) -> Result<(), Refusal> {
        for (at, ShelfUnits { sku, warehouse, quantity }) in self.holds.units(slot).enumerate() {
            let shelf = self.goods.find_shelf(sku, warehouse).expect("units of holds are on known shelves");
            let there = self.goods.shelf(shelf).shelf.on_hand;
            if there < quantity.units() {
                let refusal = Refusal::of(Reason::InsufficientStock).at_line(at);
                return Err(refusal.with(quantity.units() as i64, there as i64));
            }
        }
        Ok(())
    }

    fn enter_end(&mut self, stamp: &Stamp, slot: u32, end: HoldEnd, facts: &mut impl Facts) {
        let mut units: Vec<ShelfUnits> = self.scratch.take_units();
        units.extend(self.holds.units(slot));
        let hold = self.holds.at(slot).hold.id;
        self.enter_one(stamp, &Fact::HoldEnded { hold, end, units: &units }, facts);
        self.scratch.put_units_back(units);
    }
}

/// A hold is made and ended by its user, or by an operator (user 0).
const fn asker(user: UserId) -> Actor {
    match user {
        UserId(0) => Actor::Operator(0),
        user => Actor::User(user),
    }
}

fn judge_seconds(hold_seconds: u32) -> Result<(), Refusal> {
    if (1..=HOLD_SECONDS_MAX).contains(&hold_seconds) {
        return Ok(());
    }
    Err(Refusal::of(Reason::InvalidField))
}
