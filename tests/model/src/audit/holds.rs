//! Holds from fact to fact: what each does to the shelves, and how it may end.

use domain::fact::{Actor, ShelfUnits};
use domain::hold::{HoldEnd, HoldState};
use domain::{MicrosUtc, OrderId, SaleId, Stamp, UserId, WarehouseId};

use super::Auditor;
use super::books::{HoldBook, LineBook, Move};
use super::orders::Together;
use super::tally::Rule;

impl Auditor {
    pub(super) fn hold_made(
        &mut self,
        stamp: &Stamp,
        (id, user, until): (u64, UserId, MicrosUtc),
        units: &[ShelfUnits],
        together: &mut Together,
    ) {
        together.asked_for += 1;
        self.by_its_user(stamp, id, user);
        let taken = self.books.holds.contains_key(&id) || self.books.orders.contains_key(&OrderId(id));
        self.judge_id(stamp.at, OrderId(id), user, taken);
        if self.books.holds.contains_key(&id) {
            return;
        }
        self.judge_blocked(stamp.at, user);
        let known = units.iter().all(|it| self.books.skus.contains_key(&it.sku) && it.warehouse.0 != 0);
        self.tally.check(Rule::Baskets, known && !units.is_empty(), || {
            format!("hold {id} has {} lines, or one of nothing known", units.len())
        });
        self.tally.check(Rule::Expiry, until >= stamp.at, || format!("hold {id} ended before it was made"));
        let lines: Vec<_> = units.iter().map(LineBook::from).collect();
        for line in &lines {
            self.hold(line, 0);
        }
        self.books.holds.insert(id, HoldBook { user, until, state: HoldState::Open, lines });
    }

    pub(super) fn hold_extended(
        &mut self,
        stamp: &Stamp,
        id: u64,
        until: MicrosUtc,
        together: &mut Together,
    ) {
        together.asked_for += 1;
        let Some(before) = self.open_hold(id) else { return };
        let (user, ended) = (before.user, before.until);
        self.by_its_user(stamp, id, user);
        self.tally.check(Rule::Expiry, until >= ended, || format!("hold {id} became shorter"));
        if let Some(book) = self.books.holds.get_mut(&id) {
            book.until = until;
        }
    }

    pub(super) fn hold_ended(
        &mut self,
        stamp: &Stamp,
        (id, end): (u64, HoldEnd),
        units: &[ShelfUnits],
        together: &mut Together,
    ) {
        match end {
            HoldEnd::Taken => (), // The order that takes it over is what was asked for.
            HoldEnd::Committed | HoldEnd::Released => together.asked_for += 1,
            HoldEnd::Expired => together.by_timer += 1,
        }
        let Some(book) = self.open_hold(id) else { return };
        let (user, until, lines) = (book.user, book.until, book.lines.clone());
        let told: Vec<_> = units.iter().map(LineBook::from).collect();
        self.tally.check(Rule::Units, told == lines, || format!("units of hold {id} are not those it made"));
        match end {
            HoldEnd::Expired => {
                self.tally.check(Rule::Entries, stamp.actor == Actor::Timer, || {
                    format!("hold {id} expired by {:?}", stamp.actor)
                });
                self.tally.check(Rule::Expiry, stamp.at >= until, || {
                    format!("hold {id} expired {} µs early", until.since(stamp.at).0)
                });
            }
            HoldEnd::Committed | HoldEnd::Released => self.by_its_user(stamp, id, user),
            HoldEnd::Taken => {
                self.tally.check(Rule::Entries, stamp.actor == Actor::User(user), || {
                    format!("hold {id} of user {} was taken over by {:?}", user.0, stamp.actor)
                });
                together.takes_over(id, &lines);
            }
        }
        for line in &lines {
            match end {
                HoldEnd::Committed => self.sell(line),
                HoldEnd::Taken | HoldEnd::Released | HoldEnd::Expired => {
                    self.books.move_units(line, Move::Free);
                }
            }
        }
        if let Some(book) = self.books.holds.get_mut(&id) {
            book.state = end.state();
        }
    }

    /// The hold, if it is open; else that is a violation.
    fn open_hold(&mut self, id: u64) -> Option<&HoldBook> {
        let book = self.books.holds.get(&id).filter(|book| book.state == HoldState::Open);
        self.tally.check(Rule::Transitions, book.is_some(), || format!("hold {id} is not open"));
        book
    }

    /// A hold is its user's; an operator may do anything with it.
    fn by_its_user(&mut self, stamp: &Stamp, id: u64, user: UserId) {
        let right = match stamp.actor {
            Actor::User(actor) => actor == user,
            Actor::Operator(_) => true,
            Actor::Timer | Actor::Gateway(_) => false,
        };
        self.tally.check(Rule::Entries, right, || {
            format!("{:?} did something with hold {id} of user {}", stamp.actor, user.0)
        });
    }
}

impl From<&ShelfUnits> for LineBook {
    fn from(units: &ShelfUnits) -> LineBook {
        let ShelfUnits { sku, warehouse, quantity } = *units;
        LineBook { sku, warehouse, sale: SaleId(0), units: quantity.get(), total: 0 }
    }
}

/// Units of the lines on one shelf.
pub(super) fn units_on(lines: &[LineBook], of: &LineBook) -> i128 {
    let place = |line: &LineBook| -> (_, WarehouseId) { (line.sku, line.warehouse) };
    lines.iter().filter(|line| place(line) == place(of)).map(|line| i128::from(line.units)).sum()
}
