//! Every type that an event can have, by number, name and meaning.

/// Declares the enum, its numbers, names and meanings at once, so that they cannot differ.
macro_rules! events {
    ($($number:literal $variant:ident $meaning:literal;)+) => {
        /// What an event tells of.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum EventType {
            $(#[doc = $meaning] $variant = $number,)+
        }

        impl EventType {
            /// Every type, by number.
            pub const ALL: &[EventType] = &[$(EventType::$variant),+];

            /// The type of this number, if there is one.
            pub const fn from_number(number: u16) -> Option<EventType> {
                match number {
                    $($number => Some(EventType::$variant),)+
                    _ => None,
                }
            }

            /// The name in logs, docs and SDKs.
            pub const fn name(self) -> &'static str {
                match self {
                    $(EventType::$variant => stringify!($variant),)+
                }
            }

            /// What it means, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(EventType::$variant => $meaning,)+
                }
            }
        }
    };
}

events! {
    1 OrderCreated "An order exists; an item a line.";
    2 StockReserved "Units of an order are held, or of a hold without one (order 0); an item a shelf.";
    3 StockReserveFailed "A create was refused for want of stock. Live only, and not each of them: nothing of it is on disk.";
    4 CouponLocked "Coupons are kept for an order; an item a coupon.";
    5 PaymentOpened "An attempt to pay began.";
    6 PaymentFailed "An attempt to pay failed.";
    7 PaymentSuccess "Money arrived.";
    8 PaymentMismatched "Money arrived, but not what was asked for, or once more; an operator sends it back or settles it.";
    9 StockReduced "Held units were sold, by a hold without an order where that is 0; an item a shelf.";
    10 OrderConfirmed "The order is paid (or free).";
    11 OrderCancelled "The order ended before it was paid; see `reason`.";
    12 StockReleased "Held units are free again, of a hold without an order where that is 0; an item a shelf.";
    13 CouponReleased "Coupons of an order are free again; an item a coupon.";
    14 CouponUsed "Coupons of an order are spent; an item a coupon.";
    15 StockException "A paid order found its units gone.";
    16 RefundRequested "Money is to go back.";
    17 RefundFailed "Money could not go back yet.";
    18 RefundDone "Money went back: `amount`.";
    19 OrderShipped "Units of an order were sent; an item a shelf that they came from.";
    20 OrderDelivered "The order was signed for.";
    21 OrderCompleted "The order is done.";
    22 AftersaleChanged "An after-sales case moved on.";
    23 StockAdjusted "A shelf changed otherwise than by holding and selling; two items where units went from one to another.";
    24 SkuChanged "A sku was made or replaced; read it by SKU_GET.";
    25 SaleChanged "A sale was made or replaced; read it by SALE_GET.";
    26 SwitchChanged "An operator stopped something, or let it go on; `reason` has what is stopped from now on.";
    27 ShipmentTracked "A carrier said where a shipment is; read it by TRACK.";
    28 CouponDefined "A coupon was made or replaced; read it by COUPON_GET.";
    29 CouponClaimed "A user may use a coupon once more.";
    30 FreightChanged "A freight rule was made or replaced; read it by FREIGHT_LIST.";
    31 PaymentOverdrawn "More went back of a payment than had come, by `amount` over all: a refund that was said to have failed went through.";
}

impl EventType {
    /// The bits of all types.
    pub const ALL_BITS: u64 = {
        let (mut bits, mut at) = (0, 0);
        while at < EventType::ALL.len() {
            bits |= EventType::ALL[at].bit();
            at += 1;
        }
        bits
    };

    /// The number on the wire.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// Its bit in a filter of types.
    pub const fn bit(self) -> u64 {
        1 << self.number()
    }

    /// The type of this name, if there is one.
    pub fn from_name(name: &str) -> Option<EventType> {
        EventType::ALL.iter().copied().find(|event| event.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_names_and_types_agree_and_each_has_a_bit() {
        for number in 0..=u16::MAX {
            match EventType::from_number(number) {
                Some(event) => {
                    assert_eq!((event.number(), EventType::from_name(event.name())), (number, Some(event)));
                }
                None => assert!(EventType::ALL.iter().all(|event| event.number() != number)),
            }
        }
        assert!(EventType::ALL.is_sorted() && EventType::ALL.iter().all(|it| it.number() < 64));
        assert_eq!(EventType::from_number(0), None, "bit 0 of a filter means nothing");
    }
}
