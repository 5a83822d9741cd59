//! Holds: units set aside without an order. Who may do what with one, and until when it lasts.
//!
//! A hold ends by a fact, not by the hour: until its expiry is in the log it can be taken over, sold, freed or
//! made longer, however late that is.

use crate::ids::UserId;
use crate::image::{flat, flat_variants};
use crate::refusal::{Reason, Refusal};
use crate::units::{Micros, MicrosUtc};

/// Where a hold stands. The numbers are on the wire, so they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum HoldState {
    /// Its units are set aside; its timer runs.
    Open = 1,
    /// It became an order.
    Taken = 2,
    /// Its units were sold without an order.
    Committed = 3,
    /// Its units were freed by somebody.
    Released = 4,
    /// Its units were freed by its timer.
    Expired = 5,
}

flat_variants! { HoldState { 1 Open, 2 Taken, 3 Committed, 4 Released, 5 Expired } }

impl HoldState {
    /// The number on the wire.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// How a hold ends. The numbers are on disk, so they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum HoldEnd {
    /// CREATE took it over: its units are free for the order that is made in the same step.
    Taken = 2,
    /// Its units were sold without an order.
    Committed = 3,
    /// Its units were freed by somebody.
    Released = 4,
    /// Its units were freed by its timer.
    Expired = 5,
}

impl HoldEnd {
    /// The number on disk.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The end of this number, if there is one.
    pub const fn from_number(number: u8) -> Option<HoldEnd> {
        match number {
            2 => Some(HoldEnd::Taken),
            3 => Some(HoldEnd::Committed),
            4 => Some(HoldEnd::Released),
            5 => Some(HoldEnd::Expired),
            _ => None,
        }
    }

    /// Where it leaves the hold.
    pub const fn state(self) -> HoldState {
        match self {
            HoldEnd::Taken => HoldState::Taken,
            HoldEnd::Committed => HoldState::Committed,
            HoldEnd::Released => HoldState::Released,
            HoldEnd::Expired => HoldState::Expired,
        }
    }
}

/// What is known of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its id; unique for ever, and no order has it.
    pub id: u64,
    /// Whose it is; 0: an operator's, which no order can take over.
    pub user: UserId,
    /// Where it stands.
    pub state: HoldState,
    /// Until when its units are set aside.
    pub until: MicrosUtc,
}

flat! { Hold { id: u64, user: UserId, state: HoldState, until: MicrosUtc } }

impl Hold {
    /// Whether this user (0: an operator, who may end any) can do something with it now. To others it does not
    /// exist. `known_from` is the earliest time at which a request that made a hold is remembered: of older holds,
    /// nobody can say why they are gone.
    pub fn judge_open(
        &self,
        user: UserId,
        now: MicrosUtc,
        made: MicrosUtc,
        known_from: MicrosUtc,
    ) -> Result<(), Refusal> {
        if user != UserId(0) && user != self.user {
            return Err(Refusal::of(Reason::HoldNotFound));
        }
        match self.state {
            HoldState::Open => Ok(()),
            HoldState::Expired if made >= known_from => {
                Err(Refusal::of(Reason::HoldExpired).with(now.0, self.until.0))
            }
            HoldState::Expired | HoldState::Taken | HoldState::Committed | HoldState::Released => {
                Err(Refusal::of(Reason::HoldNotFound))
            }
        }
    }

    /// Until when it lasts when it is made longer: so many seconds from now, and never shorter than before.
    pub fn extended(&self, now: MicrosUtc, seconds: u32) -> MicrosUtc {
        self.until.max(now.after(Micros::from_seconds(seconds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: MicrosUtc = MicrosUtc(1_000_000_000);
    const HOLD: Hold = Hold { id: 7, user: UserId(5), state: HoldState::Open, until: MicrosUtc(999) };

    fn check(state: HoldState, user: u64, answer: Result<(), Refusal>) {
        let hold = Hold { state, ..HOLD };
        assert_eq!(hold.judge_open(UserId(user), NOW, MicrosUtc(100), MicrosUtc(100)), answer, "{hold:?}");
    }

    #[test]
    fn an_open_hold_is_its_users_and_the_operators_until_a_fact_ends_it() {
        let not_found = Err(Refusal::of(Reason::HoldNotFound));
        // Its time is over long ago, but no fact said so yet.
        check(HoldState::Open, 5, Ok(()));
        check(HoldState::Open, 0, Ok(()));
        check(HoldState::Open, 6, not_found);
        check(HoldState::Expired, 6, not_found);
        check(HoldState::Expired, 5, Err(Refusal::of(Reason::HoldExpired).with(NOW.0, 999)));
        for state in [HoldState::Taken, HoldState::Committed, HoldState::Released] {
            check(state, 5, not_found);
        }
        let forgotten = Hold { state: HoldState::Expired, ..HOLD };
        assert_eq!(forgotten.judge_open(UserId(5), NOW, MicrosUtc(99), MicrosUtc(100)), not_found);
    }

    #[test]
    fn a_hold_becomes_longer_and_never_shorter() {
        assert_eq!(HOLD.extended(NOW, 1), MicrosUtc(1_001_000_000));
        let long = Hold { until: MicrosUtc(5_000_000_000), ..HOLD };
        assert_eq!(long.extended(NOW, 1), long.until);
    }

    #[test]
    fn numbers_and_ends_agree() {
        for number in 0..=u8::MAX {
            match HoldEnd::from_number(number) {
                Some(end) => assert_eq!((end.number(), end.state().number()), (number, number)),
                None => assert!(!(2..=5).contains(&number)),
            }
        }
    }
}
