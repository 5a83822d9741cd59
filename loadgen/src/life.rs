//! What becomes of an order behind its CREATE, act by act: its buyer pays or cancels, its gateway tells, its shop
//! ships. One table makes the requests, judges the answers and verifies the record afterwards.

use protocol::Kind;

/// A request about an order that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The buyer goes to the gateway.
    PayOpen,
    /// The gateway tells that all of the money arrived.
    PayCallback,
    /// The shop hands everything to a carrier.
    Ship,
    /// The buyer signs for it.
    Sign,
    /// The buyer does not want it any more.
    Cancel,
    /// The shop asks the gateway to send all of the money back.
    Refund,
    /// The gateway tells that all of it went back.
    RefundResult,
}

/// How an order of a lifecycle goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Paid, sent, signed for.
    Delivered,
    /// Cancelled instead of paid: one in five.
    Cancelled,
    /// Paid, cancelled before it is sent, and the money goes back: one in forty.
    CalledOff,
    /// Delivered, and the money goes back: one in forty.
    SentBack,
}

/// Where an order and its money stand, by what was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Number of the order's state.
    pub(crate) state: u8,
    pub(crate) money: Money,
}

/// Where the payment of an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Money {
    /// Nobody opened one.
    None,
    Open,
    Arrived,
    /// All of it is to go back.
    AskedBack,
    Back,
}

/// What a server says of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MoneySaid {
    /// Number of the payment's state.
    pub(crate) state: u8,
    /// Number of its latest refund's state.
    pub(crate) refund_state: u8,
    pub(crate) arrived: i64,
    pub(crate) refunded: i64,
}

impl Act {
    /// Every act, in the order of their numbers.
    pub const ALL: [Act; 7] =
        [Act::PayOpen, Act::PayCallback, Act::Ship, Act::Sign, Act::Cancel, Act::Refund, Act::RefundResult];

    /// The kind of its request.
    pub const fn kind(self) -> Kind {
        match self {
            Act::PayOpen => Kind::PayOpen,
            Act::PayCallback => Kind::PayCallback,
            Act::Ship => Kind::Ship,
            Act::Sign => Kind::Sign,
            Act::Cancel => Kind::Cancel,
            Act::Refund => Kind::Refund,
            Act::RefundResult => Kind::RefundResult,
        }
    }

    /// The act whose request has this name.
    pub fn named(name: &str) -> Option<Act> {
        Act::ALL.into_iter().find(|act| act.kind().name() == name)
    }
}

impl Way {
    /// One in five is cancelled, one in twenty is refunded.
    pub(crate) const fn by_chance(chance: u64) -> Way {
        match chance % 40 {
            0..8 => Way::Cancelled,
            8 => Way::CalledOff,
            9 => Way::SentBack,
            _ => Way::Delivered,
        }
    }

    /// What is asked for behind CREATE.
    pub(crate) const fn acts(self) -> &'static [Act] {
        use Act::{Cancel, PayCallback, PayOpen, Refund, RefundResult, Ship, Sign};
        match self {
            Way::Delivered => &[PayOpen, PayCallback, Ship, Sign],
            Way::Cancelled => &[Cancel],
            Way::CalledOff => &[PayOpen, PayCallback, Cancel, RefundResult],
            Way::SentBack => &[PayOpen, PayCallback, Ship, Sign, Refund, RefundResult],
        }
    }
}

const PENDING_PAYMENT: u8 = 2;
const PAYING: u8 = 3;
const CONFIRMED: u8 = 6;
const SHIPPED: u8 = 8;
const DELIVERED: u8 = 9;
const FAILED: u8 = 11;
const CANCELLED: u8 = 12;
const REFUNDING: u8 = 13;
const REFUNDED: u8 = 14;

impl Standing {
    /// An order that was just accepted, and is to be paid.
    pub(crate) const CREATED: Standing = Standing { state: PENDING_PAYMENT, money: Money::None };

    /// Where it stands when this was done to it, on any of the [`Way`]s.
    pub(crate) const fn after(self, act: Act) -> Standing {
        let Standing { state, money } = self;
        match act {
            Act::PayOpen => Standing { state: PAYING, money: Money::Open },
            Act::PayCallback => Standing { state: CONFIRMED, money: Money::Arrived },
            Act::Ship => Standing { state: SHIPPED, money },
            Act::Sign => Standing { state: DELIVERED, money },
            Act::Cancel => match money {
                Money::None | Money::Open => Standing { state: CANCELLED, money },
                Money::Arrived | Money::AskedBack | Money::Back => {
                    Standing { state: REFUNDING, money: Money::AskedBack }
                }
            },
            Act::Refund => Standing { state, money: Money::AskedBack },
            Act::RefundResult => Standing { state: REFUNDED, money: Money::Back },
        }
    }
}

impl Money {
    /// What a server says of the payment of an order with this total; nothing where there is no payment.
    pub(crate) const fn said(self, total: i64) -> Option<MoneySaid> {
        let (state, refund_state, arrived, refunded) = match self {
            Money::None => return None,
            Money::Open => (1, 0, 0, 0),
            Money::Arrived => (4, 0, total, 0),
            Money::AskedBack => (4, 1, total, 0),
            Money::Back => (4, 3, total, total),
        };
        Some(MoneySaid { state, refund_state, arrived, refunded })
    }
}

/// Whether units of an order in this state are neither held nor sold. What was sold and came back counts as sold:
/// shelves count it so.
pub(crate) const fn takes_nothing(state: u8) -> bool {
    matches!(state, FAILED | CANCELLED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_five_is_cancelled_and_one_in_twenty_refunded() {
        let count = |way| (0..40).filter(|&chance| Way::by_chance(chance) == way).count();
        assert_eq!((count(Way::Cancelled), count(Way::Delivered)), (8, 30));
        assert_eq!(count(Way::CalledOff) + count(Way::SentBack), 2);
    }

    #[test]
    fn each_way_leads_where_its_name_says() {
        let end = |way: Way| way.acts().iter().fold(Standing::CREATED, |standing, &act| standing.after(act));
        assert_eq!(end(Way::Delivered), Standing { state: DELIVERED, money: Money::Arrived });
        assert_eq!(end(Way::Cancelled), Standing { state: CANCELLED, money: Money::None });
        assert_eq!(end(Way::CalledOff), Standing { state: REFUNDED, money: Money::Back });
        assert_eq!(end(Way::SentBack), Standing { state: REFUNDED, money: Money::Back });
    }

    #[test]
    fn an_act_is_found_by_the_name_of_its_kind() {
        for act in Act::ALL {
            assert_eq!(Act::named(act.kind().name()), Some(act));
        }
        assert_eq!(Act::named("CREATE"), None);
    }
}
