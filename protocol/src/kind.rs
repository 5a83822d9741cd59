//! Every kind of request that there is a number for. A build need not serve all: HELLO's answer says which.

/// Declares the enum, its numbers, names and meanings at once, so that they cannot differ.
macro_rules! kinds {
    ($($code:literal $variant:ident $name:literal $meaning:literal;)+) => {
        /// A kind of request; its answer's number is larger by [`crate::KindCode::ANSWER`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Kind {
            $(#[doc = $meaning] $variant = $code,)+
        }

        impl Kind {
            /// Every kind, by number.
            pub const ALL: &[Kind] = &[$(Kind::$variant),+];

            /// The kind of this number, if there is one.
            pub const fn from_code(code: u16) -> Option<Kind> {
                match code {
                    $($code => Some(Kind::$variant),)+
                    _ => None,
                }
            }

            /// The name in logs, docs and SDKs.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Kind::$variant => $name,)+
                }
            }

            /// What it asks for, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Kind::$variant => $meaning,)+
                }
            }
        }
    };
}

kinds! {
    0x0001 Hello "HELLO" "Opens a session; must be the first frame of a connection.";
    0x0002 Auth "AUTH" "Proves who is asking.";
    0x0003 Ping "PING" "Asks whether the server is there, and for its time.";
    0x0004 Goaway "GOAWAY" "Ends a session: the asker sends nothing more; from the server, it takes nothing more.";
    0x0101 Prepare "PREPARE" "Checks and prices a basket; holds nothing unless its hold flag says so.";
    0x0102 Create "CREATE" "Makes an order: holds every line or nothing.";
    0x0103 Get "GET" "Reads one order, by its id or by the request that made it.";
    0x0104 List "LIST" "Reads a user's orders, newest first.";
    0x0105 History "HISTORY" "Reads how an order came to its state.";
    0x0106 Cancel "CANCEL" "Ends an unpaid order, or a confirmed one with total 0.";
    0x0107 ConfirmReceipt "CONFIRM_RECEIPT" "The buyer has the goods.";
    0x0108 Repair "REPAIR" "An operator puts an order right.";
    0x0201 StockGet "STOCK_GET" "Reads a shelf, or the sum of a sku's shelves.";
    0x0202 StockReserve "STOCK_RESERVE" "Holds units without an order.";
    0x0203 StockRelease "STOCK_RELEASE" "Frees held units.";
    0x0204 StockCommit "STOCK_COMMIT" "Sells held units.";
    0x0205 StockExtend "STOCK_EXTEND" "Holds units for longer.";
    0x0206 StockAdjust "STOCK_ADJUST" "Adds to or takes from a shelf.";
    0x0207 StockTransfer "STOCK_TRANSFER" "Moves units between shelves.";
    0x0208 StockReturn "STOCK_RETURN" "Takes sold units back.";
    0x0301 PayOpen "PAY_OPEN" "Opens a payment attempt.";
    0x0302 PayCallback "PAY_CALLBACK" "A payment provider speaks of an attempt.";
    0x0303 PayGet "PAY_GET" "Reads a payment.";
    0x0304 PayClose "PAY_CLOSE" "Closes a payment attempt.";
    0x0305 Refund "REFUND" "Asks for money to go back.";
    0x0306 RefundResult "REFUND_RESULT" "A payment provider speaks of a refund.";
    0x0401 CouponDefine "COUPON_DEFINE" "Makes or replaces a coupon.";
    0x0402 CouponClaim "COUPON_CLAIM" "A user takes a coupon, to use it later.";
    0x0403 CouponCheck "COUPON_CHECK" "Tells what coupons would do for a basket.";
    0x0404 CouponGet "COUPON_GET" "Reads a coupon with its skus, and what a user has of it.";
    0x0405 CouponList "COUPON_LIST" "Reads coupons by id, without their skus.";
    0x0501 Ship "SHIP" "Lines of an order leave.";
    0x0502 Track "TRACK" "Reads the shipments of an order, or notes where one of them is.";
    0x0503 Sign "SIGN" "A parcel was signed for.";
    0x0601 AftersaleOpen "AFTERSALE_OPEN" "A buyer wants to send something back.";
    0x0602 AftersaleGet "AFTERSALE_GET" "Reads an after-sales case.";
    0x0603 AftersaleDecide "AFTERSALE_DECIDE" "An operator decides an after-sales case.";
    0x0604 AftersaleReceive "AFTERSALE_RECEIVE" "Goods of an after-sales case came back.";
    0x0701 QueueEnter "QUEUE_ENTER" "Enters a sale's waiting line.";
    0x0702 QueueStatus "QUEUE_STATUS" "Reads a place in a waiting line.";
    0x0703 QueueLeave "QUEUE_LEAVE" "Leaves a waiting line.";
    0x0704 SaleGet "SALE_GET" "Reads a sale with its skus.";
    0x0801 Subscribe "SUBSCRIBE" "Asks for events from a cursor on.";
    0x0802 Ack "ACK" "Grants a subscription more, or moves a named cursor.";
    0x0803 Unsubscribe "UNSUBSCRIBE" "Ends a subscription.";
    0x0804 DeadLetters "DEAD_LETTERS" "Parks events that a subscriber could not take, and what becomes of them.";
    0x0901 SkuPut "SKU_PUT" "Makes or replaces a sku.";
    0x0902 SalePut "SALE_PUT" "Makes or replaces a sale with all its skus.";
    0x0903 LimitPut "LIMIT_PUT" "Blocks a user, prefers one, or gives one a limit of its own in sales.";
    0x0904 Switch "SWITCH" "Stops creating, paying or changing, for all, a sale or a sku; or lets it go on.";
    0x0905 OrdersScan "ORDERS_SCAN" "Reads orders of all users, newest first, by what is asked for.";
    0x0906 Stats "STATS" "Reads what the server counted.";
    0x0907 Audit "AUDIT" "Recomputes everything from facts and compares.";
    0x0908 Snapshot "SNAPSHOT" "Asks for a checkpoint.";
    0x0909 Drain "DRAIN" "Stops (or again starts) taking new orders.";
    0x090A SkuGet "SKU_GET" "Reads a sku and what speaks for it now.";
    0x090B SkuList "SKU_LIST" "Reads skus by id.";
    0x090C SaleList "SALE_LIST" "Reads sales by id, without their skus.";
    0x090D SwitchList "SWITCH_LIST" "Reads the switches that are set.";
    0x090E LimitList "LIMIT_LIST" "Reads for which users something is set.";
    0x0910 FreightPut "FREIGHT_PUT" "Makes or replaces what a seller takes for sending.";
    0x0911 FreightList "FREIGHT_LIST" "Reads freight rules by seller and currency.";
    0x0A01 Batch "BATCH" "Makes many orders of one line each.";
}

impl Kind {
    /// The number on the wire.
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The kind of this name, if there is one.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_names_and_kinds_agree() {
        for code in 0..=u16::MAX {
            match Kind::from_code(code) {
                Some(kind) => assert_eq!((kind.code(), Kind::from_name(kind.name())), (code, Some(kind))),
                None => assert!(Kind::ALL.iter().all(|kind| kind.code() != code)),
            }
        }
        assert!(Kind::ALL.is_sorted());
        assert!(Kind::ALL.iter().all(|kind| kind.code() < crate::KindCode::ANSWER && kind.code() != 0));
    }
}
