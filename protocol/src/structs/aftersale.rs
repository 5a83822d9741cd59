//! AFTERSALE_OPEN, AFTERSALE_GET, AFTERSALE_DECIDE and AFTERSALE_RECEIVE.

use super::order::OrderBrief;
use crate::plain::plain;

plain! {
    /// Opens an after-sales case about one line of an order.
    pub struct AftersaleOpenHead / ArchivedAftersaleOpenHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// Whose order it must be; 0: an operator opens it for the buyer.
        pub user: u64,
        /// The order.
        pub order: u64,
        /// Names the line: an order has each sku once.
        pub sku: u64,
        /// How much is to go back, minor units. 0: all that the line still has; for goods that come back, their part of
        /// what was paid for the line's goods. REFUND_EXCEEDS_PAID where the line has less. With `kind` 3 always 0.
        pub amount: i64,
        /// Units that come back: 0 with `kind` 1, else at least 1. INSUFFICIENT_STOCK where fewer were sent and have not come back.
        pub units: u32,
        /// The shop's own number for why.
        pub why: u16,
        /// 1: money alone; 2: money for goods that come back; 3: other goods of the same sku for goods that come back.
        pub kind: u8,
    }

    /// An after-sales case, and its order in a few words.
    pub struct Aftersale / ArchivedAftersale {
        /// The order.
        pub order: u64,
        /// The sku of the line that it is about.
        pub sku: u64,
        /// What goes back, minor units; 0 for an exchange.
        pub amount: i64,
        /// When it was opened, µs UTC.
        pub opened_at: i64,
        /// When it came to its state, µs UTC.
        pub changed_at: i64,
        /// Units that come back; 0 where none do.
        pub units: u32,
        /// The order's version.
        pub order_version: u32,
        /// Counts the order's cases from 1.
        pub number: u16,
        /// ISO 4217 numeric.
        pub currency: u16,
        /// The number of its refund, of the payment that paid the order; 0 before.
        pub refund: u16,
        /// The shop's own number for why, of who spoke last.
        pub why: u16,
        /// 1: money alone; 2: money for goods that come back; 3: other goods of the same sku for goods that come back.
        pub kind: u8,
        /// 1 open, 2 awaiting goods, 3 refunding, 4 done, 5 refused.
        pub state: u8,
        /// State of the order.
        pub order_state: u8,
    }

    /// Which order's cases to read.
    pub struct AftersaleGetHead / ArchivedAftersaleGetHead {
        /// Whose order it must be; 0 (an operator) reads any.
        pub user: u64,
        /// The order.
        pub order: u64,
    }

    /// The order in a few words; an item each case follows, oldest first.
    pub struct AftersaleGetAnswerHead / ArchivedAftersaleGetAnswerHead {
        /// The order in a few words.
        pub brief: OrderBrief,
    }

    /// An operator decides a case.
    pub struct AftersaleDecideHead / ArchivedAftersaleDecideHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// The order.
        pub order: u64,
        /// How much goes back, where it is accepted, minor units; 0: what was asked for. Of an exchange always 0.
        pub amount: i64,
        /// Which of its cases, counted from 1.
        pub number: u16,
        /// The shop's own number for why.
        pub why: u16,
        /// Yes, or no.
        pub accept: bool,
    }

    /// The goods of an accepted case came back. Of an exchange as many new ones leave the shelf that the line was sent
    /// from: SOLD_OUT or INSUFFICIENT_STOCK where they are not there, and then nothing changes.
    pub struct AftersaleReceiveHead / ArchivedAftersaleReceiveHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// The order.
        pub order: u64,
        /// Where they came to; 0: where they were sent from.
        pub warehouse: u32,
        /// Which of its cases, counted from 1.
        pub number: u16,
        /// 1: they can be sold again; 2: they are on the shelf and `unavailable`; 3: they are not kept.
        pub condition: u8,
    }
}
