//! The words that requests and answers are made of. Each is a type of its own, so a sku cannot be passed where a
//! user is asked for.

mod money;
mod switch;
mod time;

use std::fmt;

pub use money::{Currency, Money};
pub use switch::{Scope, Stops, UserList};
pub use time::{MicrosUtc, NotATime};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($raw:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $raw);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

id! {
    /// A buyer; never 0 where somebody buys.
    UserId(u64)
}
id! {
    /// What is sold; never 0.
    SkuId(u64)
}
id! {
    /// A sale; never 0.
    SaleId(u32)
}
id! {
    /// What takes something off the price of a basket; never 0 where one is named.
    CouponId(u64)
}
id! {
    /// Where units lie; never 0 where one is named.
    WarehouseId(u32)
}
id! {
    /// Whose goods these are; 0 is the shop itself.
    SellerId(u32)
}
id! {
    /// A payment attempt; never 0 where one is named.
    PaymentId(u64)
}
id! {
    /// A payment gateway of the server's configuration; never 0.
    GatewayId(u16)
}
id! {
    /// An order. Ids of one store only grow.
    OrderId(u64)
}
id! {
    /// Units set aside without an order. No order has its id.
    HoldId(u64)
}

/// Makes asking twice harmless: 48 bits of Unix milliseconds (by the server's clock), then 80 random bits.
///
/// The client makes one for each request that changes something; keep it when the outcome is unknown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u128);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({self})")
    }
}

macro_rules! states {
    ($($number:literal $variant:ident $name:literal $meaning:literal;)+) => {
        /// Where an order stands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum State {
            $(#[doc = $meaning] $variant = $number,)+
        }

        impl State {
            /// Every state, by number.
            pub const ALL: &[State] = &[$(State::$variant),+];

            /// The state of this number, if there is one.
            pub const fn from_number(number: u8) -> Option<State> {
                match number {
                    $($number => Some(State::$variant),)+
                    _ => None,
                }
            }

            /// The name in logs, docs and tables.
            pub const fn name(self) -> &'static str {
                match self {
                    $(State::$variant => $name,)+
                }
            }
        }
    };
}

states! {
    1 Reserving "RESERVING" "Waits in a queue for its units.";
    2 PendingPayment "PENDING_PAYMENT" "Units are held; the payment timer runs.";
    3 Paying "PAYING" "A payment attempt is open.";
    4 Paid "PAID" "Paid, not yet confirmed.";
    5 StockException "STOCK_EXCEPTION" "Paid, but the units are gone; people are told.";
    6 Confirmed "CONFIRMED" "Paid or free, units sold; waits to be shipped.";
    7 PartShipped "PART_SHIPPED" "Some lines are shipped.";
    8 Shipped "SHIPPED" "Every line is shipped or cancelled.";
    9 Delivered "DELIVERED" "Signed for.";
    10 Completed "COMPLETED" "Closed by the buyer or by time.";
    11 Failed "FAILED" "Left the queue without units.";
    12 Cancelled "CANCELLED" "Ended before payment; units and limits went back.";
    13 Refunding "REFUNDING" "Money is on its way back.";
    14 Refunded "REFUNDED" "Money went back, or there was none.";
}

impl State {
    /// The number on the wire.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The state of this name, if there is one.
    pub fn from_name(name: &str) -> Option<State> {
        State::ALL.iter().copied().find(|state| state.name() == name)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_numbers_and_names_agree() {
        for number in 0..=u8::MAX {
            match State::from_number(number) {
                Some(state) => {
                    assert_eq!((state.number(), State::from_name(state.name())), (number, Some(state)));
                }
                None => assert!(number == 0 || number > 14),
            }
        }
    }
}
