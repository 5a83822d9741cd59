//! Holds: made, extended, sold, freed, taken over, and ended by the timer.

use domain::fact::ShelfUnits;
use domain::hold::{Hold, HoldState};
use domain::intent::{EndHold, StockExtend, StockReserve};
use domain::{Micros, MicrosUtc, Reason, Refusal, RequestId, UserId};

use super::{Model, NotDue, OneHold, Subject};

impl Model {
    /// Open holds whose time is up, longest overdue first.
    pub fn due_holds(&self, now: MicrosUtc) -> Vec<u64> {
        let open = self.holds.values().map(|it| it.hold).filter(|hold| hold.state == HoldState::Open);
        let mut due: Vec<_> =
            open.filter(|hold| hold.until <= now).map(|hold| (hold.until, hold.id)).collect();
        due.sort();
        due.into_iter().map(|(_, id)| id).collect()
    }

    /// Lets the timer end one hold that is due.
    pub fn expire_hold(&mut self, now: MicrosUtc, hold: u64) -> Result<(), NotDue> {
        if !self.due_holds(now).contains(&hold) {
            return Err(NotDue);
        }
        self.end_hold(hold, HoldState::Expired);
        self.time = now;
        Ok(())
    }

    pub(super) fn stock_reserve(
        &mut self,
        now: MicrosUtc,
        reserve: &StockReserve<'_>,
    ) -> Result<Subject, Refusal> {
        let StockReserve { user, request, hold_seconds, lines } = *reserve;
        let lines = lines.as_slice();
        if let Some(at) = lines.iter().position(|line| !self.skus.contains_key(&line.sku)) {
            return Err(Refusal::of(Reason::SkuNotFound).at_line(at));
        }
        let units = self.shelves_for(lines, &[])?;
        Ok(self.make_hold(now, user, request, hold_seconds, units))
    }

    pub(super) fn end_open_hold(
        &mut self,
        now: MicrosUtc,
        end: &EndHold,
        state: HoldState,
    ) -> Result<Subject, Refusal> {
        let units = self.open_hold(now, end.user, end.hold)?;
        for (at, it) in units.iter().enumerate().filter(|_| state == HoldState::Committed) {
            let there = self.shelves[&(it.sku, it.warehouse)].on_hand;
            if there < it.quantity.units() {
                let refusal = Refusal::of(Reason::InsufficientStock).at_line(at);
                return Err(refusal.with(it.quantity.units() as i64, there as i64));
            }
        }
        self.end_hold(end.hold, state);
        Ok(Subject::Hold(end.hold))
    }

    pub(super) fn stock_extend(&mut self, now: MicrosUtc, extend: &StockExtend) -> Result<Subject, Refusal> {
        self.open_hold(now, extend.user, extend.hold)?;
        let until = now.after(Micros::from_seconds(extend.hold_seconds));
        let Some(it) = self.holds.get_mut(&extend.hold) else { return Err(not_found()) };
        it.hold.until = it.hold.until.max(until);
        Ok(Subject::Hold(extend.hold))
    }

    /// Sets units aside that are there.
    pub(super) fn make_hold(
        &mut self,
        now: MicrosUtc,
        user: UserId,
        request: RequestId,
        hold_seconds: u32,
        units: Vec<ShelfUnits>,
    ) -> Subject {
        let id = self.next_order_id(now, user).0;
        for it in &units {
            self.shelves.entry((it.sku, it.warehouse)).or_default().held += it.quantity.units();
        }
        let until = now.after(Micros::from_seconds(hold_seconds));
        let hold = Hold { id, user, state: HoldState::Open, until };
        self.holds.insert(id, OneHold { hold, made: request.time(), units });
        Subject::Hold(id)
    }

    /// What the hold holds, if it is open and this user's; an operator may name any. Why an older one is gone is
    /// known as long as the request that made it is.
    pub(super) fn open_hold(
        &self,
        now: MicrosUtc,
        user: UserId,
        hold: u64,
    ) -> Result<Vec<ShelfUnits>, Refusal> {
        let it = self.holds.get(&hold).ok_or(not_found())?;
        if user != UserId(0) && user != it.hold.user {
            return Err(not_found());
        }
        match it.hold.state {
            HoldState::Open => Ok(it.units.clone()),
            HoldState::Expired if now.since(it.made) <= self.request_window => {
                Err(Refusal::of(Reason::HoldExpired).with(now.0, it.hold.until.0))
            }
            HoldState::Expired | HoldState::Taken | HoldState::Committed | HoldState::Released => {
                Err(not_found())
            }
        }
    }

    pub(super) fn end_hold(&mut self, hold: u64, state: HoldState) {
        let Some(it) = self.holds.get_mut(&hold) else { return };
        it.hold.state = state;
        for units in it.units.clone() {
            let shelf = self.shelves.entry((units.sku, units.warehouse)).or_default();
            shelf.held -= units.quantity.units();
            if state == HoldState::Committed {
                shelf.on_hand -= units.quantity.units();
                shelf.sold += units.quantity.units();
            }
        }
    }
}

fn not_found() -> Refusal {
    Refusal::of(Reason::HoldNotFound)
}
