//! Everybody who hears the facts of a history.

use domain::fact::{Actor, CancelReason, Fact, Facts, ShelfUnits, Stamp};
use domain::hold::HoldEnd;
use domain::request::Rules;
use domain::{CouponId, Ledger, OrderId, UserId};
use model::{Auditor, FIRST_POSITION};

use super::paper::Told;

/// Everybody who hears the facts.
pub struct Listeners {
    pub position: u64,
    pub begins_entry: bool,
    pub stamp: Option<Stamp>,
    pub auditor: Auditor,
    /// One that began later, with an opening balance.
    pub anew: Option<Auditor>,
    pub replayed: Ledger,
    /// Orders that a timer ended or completed since last looked at.
    pub expired: Vec<OrderId>,
    /// Holds that the timer ended since last looked at.
    pub expired_holds: Vec<u64>,
    /// Every hold that was made, whose it was, and what it held.
    pub holds: Vec<(u64, UserId, Vec<ShelfUnits>)>,
    /// Every coupon that was claimed, and by whom.
    pub claims: Vec<(CouponId, UserId)>,
    /// Entries in words, if somebody wants them.
    pub told: Option<Told>,
}

impl Listeners {
    /// `replayed` hears them all, too.
    pub fn new(replayed: Ledger) -> Listeners {
        Listeners {
            position: FIRST_POSITION,
            begins_entry: true,
            stamp: None,
            auditor: Auditor::new(Rules::DEFAULT.request_window),
            anew: None,
            replayed,
            expired: Vec::new(),
            expired_holds: Vec::new(),
            holds: Vec::new(),
            claims: Vec::new(),
            told: None,
        }
    }
}

impl Facts for Listeners {
    fn begin(&mut self, stamp: &Stamp) {
        assert!(self.stamp.is_none(), "an entry began inside of another");
        self.stamp = Some(*stamp);
        self.begins_entry = true;
        self.told.iter_mut().for_each(|told| told.begin(stamp));
    }

    fn fact(&mut self, fact: &Fact<'_>) {
        let stamp = self.stamp.expect("facts stand between begin and end");
        if let Fact::OrderCancelled { order, reason: CancelReason::Timer, .. } = fact {
            self.expired.push(*order);
        }
        if let (Fact::OrderCompleted { order, .. }, Actor::Timer) = (fact, stamp.actor) {
            self.expired.push(*order);
        }
        if let Fact::HoldEnded { hold, end: HoldEnd::Expired, .. } = fact {
            self.expired_holds.push(*hold);
        }
        if let Fact::HoldMade { hold, user, units, .. } = fact {
            self.holds.push((*hold, *user, units.to_vec()));
        }
        if let Fact::CouponClaimed { coupon, user } = fact {
            self.claims.push((*coupon, *user));
        }
        self.told.iter_mut().for_each(|told| told.fact(fact));
        self.replayed.replay(&stamp, fact).expect("it has the same bounds");
        for auditor in [&mut self.auditor].into_iter().chain(&mut self.anew) {
            auditor.fact(self.position, self.begins_entry, &stamp, fact);
        }
        self.position += 1;
        self.begins_entry = false;
    }

    fn end(&mut self) {
        assert!(!self.begins_entry, "an entry without facts");
        self.stamp = None;
    }
}
