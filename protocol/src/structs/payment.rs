//! PAY_OPEN, PAY_CALLBACK, PAY_GET, PAY_CLOSE, REFUND and REFUND_RESULT.
//!
//! What a gateway says ends with its signature: [`GatewayKey`](crate::GatewayKey) makes and verifies it.

use crate::plain::plain;

plain! {
    /// Opens an attempt to pay the whole of an order.
    pub struct PayOpenHead / ArchivedPayOpenHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// Whose order it must be; 0: an operator opens it.
        pub user: u64,
        /// The order.
        pub order: u64,
        /// Where the buyer pays: a gateway of the server's configuration.
        pub gateway: u16,
    }

    /// A payment attempt, and its order in a few words.
    pub struct Payment / ArchivedPayment {
        /// The attempt.
        pub payment: u64,
        /// The order.
        pub order: u64,
        /// What is to be paid: the order's total, minor units.
        pub amount: i64,
        /// What arrived; 0 before. Minor units.
        pub arrived: i64,
        /// What went back of it, minor units.
        pub refunded: i64,
        /// What the latest refund is about, minor units; 0: there was none.
        pub refund_amount: i64,
        /// Until when the order's units are held for payment, µs since 1970-01-01 UTC.
        pub pay_until: i64,
        /// The order's version.
        pub order_version: u32,
        /// ISO 4217 number, of `amount`.
        pub currency: u16,
        /// ISO 4217 number, of `arrived`, `refunded` and `refund_amount`.
        pub arrived_currency: u16,
        /// Where the buyer pays.
        pub gateway: u16,
        /// Number of the latest refund, counted from 1; 0: there was none.
        pub refund_number: u16,
        /// 1 open, 2 failed, 3 closed, 4 paid, 5 surplus (it goes back), 6 mismatched (another amount or currency, or money that came once more).
        pub state: u8,
        /// Of the latest refund: 0 none, 1 asked, 2 failed, 3 done.
        pub refund_state: u8,
        /// Number of the order's state.
        pub order_state: u8,
    }

    /// A gateway tells how an attempt went. Asking twice does once: it carries no request id.
    pub struct PayCallbackHead / ArchivedPayCallbackHead {
        /// The attempt.
        pub payment: u64,
        /// What arrived, 0 or more, minor units; 0 where it failed.
        pub amount: i64,
        /// The gateway's own number of the transfer.
        pub reference: u64,
        /// When the gateway signed, µs since 1970-01-01 UTC. BAD_SIGNATURE where that is too far from now.
        pub signed_at: i64,
        /// ISO 4217 number.
        pub currency: u16,
        /// Who says it.
        pub gateway: u16,
        /// 1 money arrived, 2 failed.
        pub outcome: u8,
        /// The first 16 bytes of the signature, as they are.
        pub signature_first: u128,
        /// The other 16 bytes of the signature.
        pub signature_second: u128,
    }

    /// Which attempt to read: exactly one of `order` (its latest) and `payment` is not 0.
    pub struct PayGetHead / ArchivedPayGetHead {
        /// Whose order it must be; 0 (an operator) reads any.
        pub user: u64,
        /// The order whose latest attempt is read.
        pub order: u64,
        /// The attempt.
        pub payment: u64,
    }

    /// Gives an attempt up.
    pub struct PayCloseHead / ArchivedPayCloseHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// Whose order it must be; 0: an operator closes it.
        pub user: u64,
        /// The attempt.
        pub payment: u64,
    }

    /// Asks the gateway, for an operator, to send money back.
    pub struct RefundHead / ArchivedRefundHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// The payment.
        pub payment: u64,
        /// How much, minor units; 0: all that is left of it.
        pub amount: i64,
        /// The shop's own number for why; it stays with the fact.
        pub why: u16,
    }

    /// A gateway tells how a refund went. Asking twice does once: it carries no request id.
    pub struct RefundResultHead / ArchivedRefundResultHead {
        /// The payment.
        pub payment: u64,
        /// How much the refund is about, minor units.
        pub amount: i64,
        /// When the gateway signed, µs since 1970-01-01 UTC. BAD_SIGNATURE where that is too far from now.
        pub signed_at: i64,
        /// Who says it.
        pub gateway: u16,
        /// Which refund of the payment, counted from 1.
        pub number: u16,
        /// Whether the money went back.
        pub succeeded: bool,
        /// The first 16 bytes of the signature, as they are.
        pub signature_first: u128,
        /// The other 16 bytes of the signature.
        pub signature_second: u128,
    }

    /// An operator puts an order right.
    pub struct RepairHead / ArchivedRepairHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// The order.
        pub order: u64,
        /// The payment of it that the action is about; 0 where it is about none.
        pub payment: u64,
        /// The version that the order must have; 0: any.
        pub version: u32,
        /// 1: take the money of a mismatched payment for the order's total. 2: sell units to an order in
        /// STOCK_EXCEPTION after all.
        pub action: u8,
    }
}
