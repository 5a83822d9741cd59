//! The names of things. Each is a type of its own, so a sku cannot be passed where a user is asked for.

use crate::units::MicrosUtc;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($raw:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $raw);
    };
}

id! {
    /// A buyer. 0 is nobody: operators act with it, and no order belongs to it.
    UserId(u64)
}
id! {
    /// What is sold. 0 names nothing.
    SkuId(u64)
}
id! {
    /// A sale: skus with their own price, window, limits and cap. 0 is «no sale».
    SaleId(u32)
}
id! {
    /// Where units lie. 0 in a request lets the server choose; no shelf has it.
    WarehouseId(u32)
}
id! {
    /// Whose goods these are. 0 is the shop itself.
    SellerId(u32)
}
id! {
    /// A payment gateway of the configuration. 0 names none.
    GatewayId(u16)
}
id! {
    /// What takes something off the price of a basket. 0 is «no coupon».
    CouponId(u64)
}
id! {
    /// W3C trace id of the request that caused something; 0 where there was none.
    TraceId(u128)
}

/// Names an order for ever: `0 | ms since 2024-01-01 (41 bits) | slot (10) | sequence (12)`.
///
/// The slot follows from the user, so an order can be routed without a look-up.
/// `(ms, sequence)` only grows in the order in which one ledger made its orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(pub u64);

impl OrderId {
    /// 2024-01-01T00:00:00Z in Unix milliseconds: the instant from which order ids count.
    pub const EPOCH_MS: i64 = 1_704_067_200_000;
    /// Orders that one millisecond can name; the next one takes the next millisecond.
    pub const SEQUENCES_PER_MS: u16 = 1 << 12;
    const SLOT_BITS: u32 = 10;
    const SEQUENCE_BITS: u32 = 12;
    /// Largest `ms` that 41 bits hold: the ids last until 2093.
    pub const MS_MAX: u64 = (1 << 41) - 1;

    /// Puts an id together. `ms` counts from [`Self::EPOCH_MS`]; what exceeds its bits is cut off.
    pub const fn new(ms: u64, slot: u16, sequence: u16) -> OrderId {
        let slot = (slot as u64) & ((1 << Self::SLOT_BITS) - 1);
        let sequence = (sequence as u64) & ((1 << Self::SEQUENCE_BITS) - 1);
        OrderId(
            (ms & Self::MS_MAX) << (Self::SLOT_BITS + Self::SEQUENCE_BITS)
                | slot << Self::SEQUENCE_BITS
                | sequence,
        )
    }

    /// The slot of a user, 0 to 1023, for ever the same.
    pub const fn slot_of(user: UserId) -> u16 {
        (user.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54) as u16
    }

    /// Milliseconds since [`Self::EPOCH_MS`].
    pub const fn ms(self) -> u64 {
        self.0 >> (Self::SLOT_BITS + Self::SEQUENCE_BITS) & Self::MS_MAX
    }

    /// 0 to 1023: equals [`Self::slot_of`] the order's user.
    pub const fn slot(self) -> u16 {
        (self.0 >> Self::SEQUENCE_BITS) as u16 & ((1 << Self::SLOT_BITS) - 1)
    }

    /// When it was made, among all orders.
    pub const fn making(self) -> Making {
        Making(self.ms() << Self::SEQUENCE_BITS | self.sequence() as u64)
    }

    /// 0 to 4095, counted within one millisecond.
    pub const fn sequence(self) -> u16 {
        self.0 as u16 & (Self::SEQUENCES_PER_MS - 1)
    }
}

/// When an order was made: milliseconds and sequence of its id, without its slot. No two orders of a store have the
/// same, and it only grows from order to order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Making(pub u64);

impl Making {
    /// Later than that of any order.
    pub const MAX: Making = Making(u64::MAX);

    /// The first one of this instant or after it.
    pub const fn at(time: MicrosUtc) -> Making {
        let ms = time.0.saturating_add(999).div_euclid(1_000).saturating_sub(OrderId::EPOCH_MS);
        if ms < 0 { Making(0) } else { Making((ms as u64) << OrderId::SEQUENCE_BITS) }
    }

    /// An id that is the order's but for its slot, which is 0.
    pub const fn any_order(self) -> OrderId {
        OrderId::new(self.0 >> OrderId::SEQUENCE_BITS, 0, self.0 as u16 & (OrderId::SEQUENCES_PER_MS - 1))
    }
}

/// Draws when orders were made, for whoever makes orders on [desks](crate::desk): `(ms, sequence)` only grows, also
/// where the clock stands still.
///
/// Nodes of a fleet share the sequences of a millisecond: 64 for each of 64. They are counted a node and not a slot,
/// for a payment is named by `(ms, sequence)` alone.
#[derive(Clone, Debug)]
pub struct Makings {
    first: u16,
    end: u16,
    ms: u64,
    /// The next of that millisecond.
    sequence: u16,
}

impl Makings {
    /// Nodes of a fleet, at most.
    pub const NODES_MAX: u16 = 64;
    /// Orders that a node can make in one millisecond; the next one takes the next millisecond.
    pub const SEQUENCES_A_NODE: u16 = OrderId::SEQUENCES_PER_MS / Self::NODES_MAX;

    /// Those of a store that has all for itself.
    pub const fn of_all() -> Makings {
        Makings { first: 0, end: OrderId::SEQUENCES_PER_MS, ms: 0, sequence: 0 }
    }

    /// Those of a node, by its number from 0; nothing from [`Makings::NODES_MAX`] on.
    pub const fn of_node(node: u16) -> Option<Makings> {
        if node >= Self::NODES_MAX {
            return None;
        }
        let first = node * Self::SEQUENCES_A_NODE;
        Some(Makings { first, end: first + Self::SEQUENCES_A_NODE, ms: 0, sequence: first })
    }

    /// The one that the next order gets.
    pub fn next(&self, now: MicrosUtc) -> Making {
        let now_ms = (now.0.div_euclid(1_000) - OrderId::EPOCH_MS).max(0) as u64;
        let (ms, sequence) = if now_ms > self.ms {
            (now_ms, self.first)
        } else if self.sequence < self.end {
            (self.ms, self.sequence)
        } else {
            (self.ms + 1, self.first)
        };
        OrderId::new(ms, 0, sequence).making()
    }

    /// An order has it. (Also where somebody else turned out to have it: the next one is another.)
    pub const fn used(&mut self, making: Making) {
        let order = making.any_order();
        (self.ms, self.sequence) = (order.ms(), order.sequence() + 1);
    }
}

/// Names a payment attempt for ever: `0 | the order's ms (41 bits) | attempt (10) | the order's sequence (12)`.
///
/// `(ms, sequence)` names an order of this store without its slot, so the attempt stands in the slot's place: a
/// gateway that gives back a payment id alone leads to the order, and no index of payments is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaymentId(pub u64);

impl PaymentId {
    /// The id of an order's attempt, counted from 1.
    pub const fn new(order: OrderId, attempt: u16) -> PaymentId {
        PaymentId(OrderId::new(order.ms(), attempt, order.sequence()).0)
    }

    /// 1 for the first attempt of its order; 0 in no payment's id.
    pub const fn attempt(self) -> u16 {
        OrderId(self.0).slot()
    }

    /// When its order was made, among all orders.
    pub const fn making(self) -> Making {
        OrderId(self.0).making()
    }

    /// Whether this is a name of an attempt of this order.
    pub const fn is_of(self, order: OrderId) -> bool {
        self.0 == PaymentId::new(order, self.attempt()).0
    }
}

/// Made by the client, so that asking twice does once: 48 bits of Unix milliseconds, then 80 random bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u128);

impl RequestId {
    /// The instant written in the id itself; it decides whether the id is still inside the window.
    pub const fn time(self) -> MicrosUtc {
        MicrosUtc((self.0 >> 80) as i64 * 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_id_gives_back_its_parts() {
        let user = UserId(23_570);
        let id = OrderId::new(91_234_567_890, OrderId::slot_of(user), 4_095);
        assert_eq!((id.ms(), id.slot(), id.sequence()), (91_234_567_890, OrderId::slot_of(user), 4_095));
        assert_eq!(id.0 >> 63, 0, "ids fit a signed 64-bit column");
        assert!(OrderId::new(1, 0, 0) > OrderId::new(0, 1_023, 4_095), "later ids are larger");
    }

    #[test]
    fn nodes_draw_side_by_side_and_a_full_millisecond_takes_the_next() {
        assert!(Makings::of_node(Makings::NODES_MAX).is_none());
        let now = MicrosUtc((OrderId::EPOCH_MS + 5) * 1_000);
        let mut drawn = alloc::collections::BTreeSet::new();
        for node in 0..Makings::NODES_MAX {
            let mut makings = Makings::of_node(node).expect("a node");
            let mut last = Making(0);
            for _ in 0..3 * Makings::SEQUENCES_A_NODE {
                let making = makings.next(now);
                assert_eq!(makings.next(now), making, "nobody has it yet");
                makings.used(making);
                assert!(making > last && drawn.insert(making), "{making:?} of node {node}");
                last = making;
            }
            assert_eq!(last.any_order().ms(), 7);
        }
        assert_eq!(drawn.len(), 3 * usize::from(OrderId::SEQUENCES_PER_MS), "three milliseconds are full");
    }

    #[test]
    fn a_payment_id_leads_to_its_order() {
        let order = OrderId::new(91_234_567_890, OrderId::slot_of(UserId(23_570)), 4_095);
        let payment = PaymentId::new(order, 3);
        assert_eq!(payment.attempt(), 3);
        assert!(payment.is_of(order) && !payment.is_of(OrderId(order.0 - 1)));
        assert!(!PaymentId(payment.0 | 1 << 63).is_of(order), "no bit is left out of the comparison");
    }

    #[test]
    fn a_request_id_carries_its_time() {
        let id = RequestId(1_700_000_000_123_u128 << 80 | 0xFFFF);
        assert_eq!(id.time(), MicrosUtc(1_700_000_000_123_000));
    }
}
