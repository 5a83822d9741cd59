//! What happened. Facts are the journal, the events and the only thing that changes a ledger.
//!
//! A fact says what became true, not what was asked, so reading it back never depends on today's rules. The facts
//! of one intent share a [`Stamp`] (when, by whom, for which request) and belong together: all of them, or none.

use crate::aftersale::Case;
use crate::coupon::{Coupon, CouponShare};
use crate::cursor::CursorName;
use crate::freight::FreightRule;
use crate::hold::HoldEnd;
use crate::ids::{
    CouponId, GatewayId, Making, OrderId, PaymentId, RequestId, SaleId, SellerId, SkuId, TraceId, UserId,
    WarehouseId,
};
use crate::image::{flat, flat_variants};
use crate::intent::{AdjustReason, Sale, SaleSku, Sku};
use crate::letter::LetterReason;
use crate::limit::UserLimit;
use crate::shipment::{Waybill, Whereabouts};
use crate::switch::{Note, Scope, Stops};
use crate::units::{Currency, MicrosUtc, MinorUnits, Quantity};

/// Where facts go as they are made: the journal's open group, or a list in a test.
pub trait Facts {
    /// The facts until [`Facts::end`] belong together and share this stamp.
    fn begin(&mut self, stamp: &Stamp);
    /// One fact, in order.
    fn fact(&mut self, fact: &Fact<'_>);
    /// The last fact of this stamp was given. Never called without at least one.
    fn end(&mut self);
}

/// What the facts of one intent (or one timer) have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Ledger time; never before the time of an earlier stamp.
    pub at: MicrosUtc,
    /// Who caused it.
    pub actor: Actor,
    /// The request that caused it, remembered so that asking again does nothing; timers have none.
    pub request: Option<Request>,
    /// Trace of the request; 0 where there was none.
    pub trace: TraceId,
}

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// The buyer.
    User(UserId),
    /// An operator, by the id of the key used (0 until there are keys).
    Operator(u32),
    /// A timer of the ledger.
    Timer,
    /// A payment gateway, by a callback whose signature was verified.
    Gateway(GatewayId),
}

/// A request as the ledger remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    /// Whose, and which.
    pub key: RequestKey,
    /// Hash of kind and body: the same key with another hash is REQUEST_ID_REUSED.
    pub body: u64,
}

/// What a request is remembered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey {
    /// The user, or 0 for operators.
    pub who: UserId,
    /// The id that the client made.
    pub id: RequestId,
}

/// One thing that became true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact<'a> {
    /// A sku was made or replaced; this is the whole of it.
    SkuChanged(Sku),
    /// A sale was made or replaced; this is the whole of it, with all its skus.
    SaleChanged {
        /// The sale with its new version.
        sale: Sale,
        /// Every sku that is in it from now on.
        skus: &'a [SaleSku],
    },
    /// What a seller takes for sending was made or replaced; this is the whole of it.
    FreightChanged(FreightRule),
    /// A shelf changed otherwise than by holding and selling.
    StockAdjusted(StockAdjusted),
    /// Units went from one warehouse to another: `on_hand` of the one fell, of the other grew.
    StockTransferred {
        /// The sku.
        sku: SkuId,
        /// Never 0.
        from: WarehouseId,
        /// Never 0, another than `from`.
        to: WarehouseId,
        /// How many; never 0.
        units: u64,
    },
    /// Sold units came back, of no order that is named: `on_hand` grew.
    StockReturned {
        /// The sku.
        sku: SkuId,
        /// Where they came to; never 0.
        warehouse: WarehouseId,
        /// How many; never 0.
        units: u64,
    },
    /// Units were set aside without an order: `held` of each shelf grew.
    HoldMade {
        /// Its id; unique for ever, and no order has it.
        hold: u64,
        /// Whose it is; 0: an operator's.
        user: UserId,
        /// Until when.
        until: MicrosUtc,
        /// A shelf each line, each sku once.
        units: &'a [ShelfUnits],
    },
    /// A hold lasts longer.
    HoldExtended {
        /// The hold.
        hold: u64,
        /// Until when, from now on.
        until: MicrosUtc,
    },
    /// A hold ended: `held` of each shelf fell, and where it was committed `on_hand`, too. Where it was taken
    /// over, the order follows in the same entry and holds its own units.
    HoldEnded {
        /// The hold.
        hold: u64,
        /// How.
        end: HoldEnd,
        /// All that it held, as it was made.
        units: &'a [ShelfUnits],
    },
    /// An order exists, in PENDING_PAYMENT at version 1. Its units are in the StockReserved that follows.
    OrderCreated(OrderCreated<'a>),
    /// Units of an order are held: `held` of each shelf grew.
    StockReserved {
        /// The order.
        order: OrderId,
        /// A shelf each line, in the order of the lines; of an exchange, one shelf.
        units: &'a [ShelfUnits],
    },
    /// Held units were sold: `held` and `on_hand` of each shelf fell.
    StockReduced {
        /// The order.
        order: OrderId,
        /// A shelf each line, in the order of the lines; of an exchange, one shelf.
        units: &'a [ShelfUnits],
    },
    /// Held units are free again: `held` of each shelf fell.
    StockReleased {
        /// The order.
        order: OrderId,
        /// A shelf each line, in the order of the lines.
        units: &'a [ShelfUnits],
    },
    /// The order is paid, and of the units that it held some are gone from their shelves: it waits for people.
    /// `held` of each shelf fell. It stays counted against limits and caps.
    StockException {
        /// The order.
        order: OrderId,
        /// Its version from now on.
        version: u32,
        /// All that it held, a shelf each line, in the order of the lines.
        units: &'a [ShelfUnits],
    },
    /// The order is paid (or free) and its units are sold.
    OrderConfirmed {
        /// The order.
        order: OrderId,
        /// Its version from now on.
        version: u32,
    },
    /// The order ended before payment; what it counted against limits and caps went back.
    OrderCancelled {
        /// The order.
        order: OrderId,
        /// Its version from now on.
        version: u32,
        /// Who or what ended it.
        reason: CancelReason,
        /// The shop's own number for why; 0 where none was given.
        why: u16,
    },
    /// A subscriber's cursor stands elsewhere. Never told to subscribers: it is about them.
    CursorMoved {
        /// Which.
        name: CursorName,
        /// Where it stands from now on; 0 where it is forgotten.
        position: u64,
        /// It is forgotten.
        forgotten: bool,
    },
    /// A subscriber could not take a fact and parked it. Never told to subscribers.
    LetterParked {
        /// What the subscriber calls its cursor.
        subscriber: CursorName,
        /// Position of the fact; never 0.
        position: u64,
        /// Why.
        reason: LetterReason<'a>,
    },
    /// A parked fact is not parked any more. Where it is retried, its subscriber (and nobody else) is told of it
    /// again at the position of this fact.
    LetterEnded {
        /// What the subscriber calls its cursor.
        subscriber: CursorName,
        /// Position of the parked fact; never 0.
        position: u64,
        /// Else it was dropped.
        retried: bool,
    },
    /// Something was set for a user, or taken away; this is the whole of it.
    LimitChanged(UserLimit),
    /// A switch was set, replaced or cleared; this is the whole of it.
    SwitchChanged {
        /// What it is about.
        scope: Scope,
        /// What it stops from now on; nothing: it is cleared.
        stops: Stops,
        /// One more than at the last change of any switch.
        version: u32,
        /// Why.
        note: Note<'a>,
    },
    /// All money of the order went back; for an order with total 0, at once when it is cancelled. What it
    /// counted against limits and caps went back, too; its units come back by StockAdjusted.
    RefundDone {
        /// The order.
        order: OrderId,
        /// Its version from now on.
        version: u32,
        /// What went back, over all its payments.
        amount: MinorUnits,
        /// The shop's own number for why; 0 where none was given.
        why: u16,
    },
    /// An attempt to pay the order's total was opened. The order is in PAYING from here, if it was not before.
    PaymentOpened {
        /// The attempt; its number is one more than that of the order's attempt before.
        payment: PaymentId,
        /// The order.
        order: OrderId,
        /// The order's version from now on: one more where it went to PAYING, else the one that it had.
        version: u32,
        /// Where the buyer pays.
        gateway: GatewayId,
        /// Until when the order's units are held from now on.
        pay_until: MicrosUtc,
    },
    /// The attempt did not bring money. Money that arrives later all the same is a fact of its own.
    PaymentFailed {
        /// The attempt.
        payment: PaymentId,
        /// The order.
        order: OrderId,
        /// The order's version from now on: one more where it went back to PENDING_PAYMENT, else the one it had.
        version: u32,
        /// Whether the gateway said so; else somebody closed the attempt.
        by_gateway: bool,
    },
    /// The order's total arrived by this attempt; or an operator took what had arrived for it (REPAIR).
    PaymentSuccess {
        /// The attempt.
        payment: PaymentId,
        /// The order.
        order: OrderId,
        /// What arrived: the order's total, or what an operator took for it.
        amount: MinorUnits,
        /// The gateway's own number of the transfer.
        reference: u64,
        /// The order cannot use it (it is paid, or could not be had any more): its refund follows at once.
        surplus: bool,
    },
    /// Money arrived by this attempt, and it is not the order's total. It waits for an operator, who sends it back or
    /// takes it for the total.
    PaymentMismatched {
        /// The attempt.
        payment: PaymentId,
        /// The order.
        order: OrderId,
        /// What arrived.
        amount: MinorUnits,
        /// The currency in which it arrived.
        currency: Currency,
        /// The gateway's own number of the transfer.
        reference: u64,
    },
    /// Money arrived by an attempt that had its money already: by another transfer, or another amount of the same. It is a
    /// payment of its own, which waits for an operator like one of another amount.
    PaymentRepeated {
        /// The payment that it is; its number is one more than that of the order's payment before.
        payment: PaymentId,
        /// The order.
        order: OrderId,
        /// The attempt that the gateway names; its number, from 1.
        attempt: u16,
        /// What arrived.
        amount: MinorUnits,
        /// The currency in which it arrived.
        currency: Currency,
        /// The gateway's own number of the transfer.
        reference: u64,
    },
    /// The gateway is to send money of a payment back.
    RefundRequested {
        /// The payment; it has no other refund on its way.
        payment: PaymentId,
        /// The order.
        order: OrderId,
        /// The order's version from now on: one more where it went to REFUNDING, else the one that it had.
        version: u32,
        /// Counts the payment's refunds from 1; that of a failed one that is asked again stays.
        number: u16,
        /// Never more than the payment still has.
        amount: MinorUnits,
        /// In which it arrived.
        currency: Currency,
        /// What asked for it.
        reason: RefundReason,
        /// The shop's own number for why; 0 where none was given.
        why: u16,
    },
    /// The gateway could not send the money back. It stays with the payment, and may be asked for again.
    RefundFailed {
        /// The payment.
        payment: PaymentId,
        /// The order.
        order: OrderId,
        /// Which refund of the payment.
        number: u16,
    },
    /// The gateway sent the money back. Where it was all that the order had, RefundDone follows. It may be an earlier
    /// refund than the latest: one that was said to have failed, and went through after all.
    RefundSettled {
        /// The payment.
        payment: PaymentId,
        /// The order.
        order: OrderId,
        /// Which refund of the payment.
        number: u16,
        /// What went back.
        amount: MinorUnits,
        /// In which it arrived.
        currency: Currency,
    },
    /// More went back of a payment than had come: by the refund before it in the entry, which was said to have failed.
    PaymentOverdrawn {
        /// The payment.
        payment: PaymentId,
        /// The order.
        order: OrderId,
        /// How much more went back than came, over all; never 0.
        beyond: MinorUnits,
        /// In which it went.
        currency: Currency,
    },
    /// Units of an order were handed to a carrier.
    OrderShipped {
        /// The order.
        order: OrderId,
        /// Its version from now on.
        version: u32,
        /// Counts the order's shipments from 1.
        number: u16,
        /// Nothing of the order is left to send: it is SHIPPED from here, and not PART_SHIPPED.
        whole: bool,
        /// Who carries it, under which number.
        waybill: Waybill,
        /// What went, a shelf each line that any units went of, in the order of the lines.
        units: &'a [ShelfUnits],
    },
    /// A carrier said where a shipment is.
    ShipmentTracked {
        /// The order; its state and version stay.
        order: OrderId,
        /// Which of its shipments.
        number: u16,
        /// The carrier's words.
        note: Whereabouts,
    },
    /// The buyer signed for the order.
    OrderDelivered {
        /// The order.
        order: OrderId,
        /// Its version from now on.
        version: u32,
    },
    /// An after-sales case was opened or moved on; this is the whole of it. Units that an exchange gives follow by
    /// StockReserved and StockReduced, those that came back by StockAdjusted, and money by RefundRequested.
    AftersaleChanged(Case),
    /// The order is complete.
    OrderCompleted {
        /// The order.
        order: OrderId,
        /// Its version from now on.
        version: u32,
    },
    /// A coupon was made or replaced; this is the whole of it, with all its skus.
    CouponDefined {
        /// The coupon with its new version.
        coupon: Coupon,
        /// The skus of its scope.
        skus: &'a [SkuId],
    },
    /// A user may use a coupon once more.
    CouponClaimed {
        /// Which.
        coupon: CouponId,
        /// Who.
        user: UserId,
    },
    /// An order has coupons: nobody else can use what it uses of their quotas. Behind its OrderCreated, or behind
    /// the money that came late and takes them again.
    CouponLocked {
        /// The order.
        order: OrderId,
        /// Its coupons, 1 or more, in the order of application; what they took off is in its lines.
        coupons: &'a [CouponShare],
    },
    /// An order that ended unpaid gave its coupons back.
    CouponReleased {
        /// The order.
        order: OrderId,
        /// As they were locked.
        coupons: &'a [CouponShare],
    },
    /// An order that has coupons is paid, or costs nothing: they are used, for ever.
    CouponUsed {
        /// The order.
        order: OrderId,
        /// As they were locked.
        coupons: &'a [CouponShare],
    },
}

impl Fact<'_> {
    /// The order that this names.
    pub fn order(&self) -> Option<OrderId> {
        match self {
            Fact::OrderCreated(created) => Some(created.order),
            Fact::StockAdjusted(adjusted) => Some(adjusted.order).filter(|order| order.0 != 0),
            Fact::AftersaleChanged(case) => Some(case.order),
            Fact::StockReserved { order, .. }
            | Fact::StockReduced { order, .. }
            | Fact::StockReleased { order, .. }
            | Fact::StockException { order, .. }
            | Fact::OrderConfirmed { order, .. }
            | Fact::OrderCancelled { order, .. }
            | Fact::RefundDone { order, .. }
            | Fact::PaymentOpened { order, .. }
            | Fact::PaymentFailed { order, .. }
            | Fact::PaymentSuccess { order, .. }
            | Fact::PaymentMismatched { order, .. }
            | Fact::PaymentRepeated { order, .. }
            | Fact::PaymentOverdrawn { order, .. }
            | Fact::RefundRequested { order, .. }
            | Fact::RefundFailed { order, .. }
            | Fact::RefundSettled { order, .. }
            | Fact::OrderShipped { order, .. }
            | Fact::ShipmentTracked { order, .. }
            | Fact::OrderDelivered { order, .. }
            | Fact::OrderCompleted { order, .. }
            | Fact::CouponLocked { order, .. }
            | Fact::CouponReleased { order, .. }
            | Fact::CouponUsed { order, .. } => Some(*order),
            Fact::SkuChanged(_)
            | Fact::SaleChanged { .. }
            | Fact::FreightChanged(_)
            | Fact::StockTransferred { .. }
            | Fact::StockReturned { .. }
            | Fact::HoldMade { .. }
            | Fact::HoldExtended { .. }
            | Fact::HoldEnded { .. }
            | Fact::CursorMoved { .. }
            | Fact::LetterParked { .. }
            | Fact::LetterEnded { .. }
            | Fact::LimitChanged(_)
            | Fact::SwitchChanged { .. }
            | Fact::CouponDefined { .. }
            | Fact::CouponClaimed { .. } => None,
        }
    }

    /// The order that this changes: not one that it makes, nor one that only its units were of.
    pub(crate) fn changes(&self) -> Option<Making> {
        let only_names_it = matches!(
            self,
            Fact::OrderCreated(_)
                | Fact::StockAdjusted(_)
                | Fact::StockReserved { .. }
                | Fact::StockReduced { .. }
                | Fact::StockReleased { .. }
        );
        if only_names_it { None } else { self.order().map(OrderId::making) }
    }
}

/// A change of one shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockAdjusted {
    /// The sku.
    pub sku: SkuId,
    /// Never 0.
    pub warehouse: WarehouseId,
    /// Added to `on_hand`.
    pub on_hand_delta: i64,
    /// Added to `safety`.
    pub safety_delta: i64,
    /// Added to `unavailable`.
    pub unavailable_delta: i64,
    /// Why `on_hand` changed.
    pub reason: AdjustReason,
    /// The order whose units came back; 0 where none did.
    pub order: OrderId,
}

/// A new order, with everything that was decided about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderCreated<'a> {
    /// Its name for ever.
    pub order: OrderId,
    /// Whose it is.
    pub user: UserId,
    /// The hold that it took over; 0 for none.
    pub hold: u64,
    /// Of all its money.
    pub currency: Currency,
    /// Sum of the lines' discounts.
    pub discount: MinorUnits,
    /// Sum of the lines' freight.
    pub freight: MinorUnits,
    /// Goods − discount + freight: what is to be paid.
    pub total: MinorUnits,
    /// Until when its units are held for payment.
    pub pay_until: MicrosUtc,
    /// 1 to 256 lines, each sku once.
    pub lines: &'a [Line],
    /// The client's own bytes.
    pub client_bytes: &'a [u8],
}

/// A line of an order, as decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// What.
    pub sku: SkuId,
    /// Whose goods.
    pub seller: SellerId,
    /// From where; never 0.
    pub warehouse: WarehouseId,
    /// The sale that it sold in; 0: none.
    pub sale: SaleId,
    /// How many.
    pub quantity: Quantity,
    /// The parcel that it goes in: the warehouses of an order, from 0 in the order of its lines.
    pub parcel: u32,
    /// Price of one unit.
    pub unit_price: MinorUnits,
    /// What the whole line is cheaper by.
    pub discount: MinorUnits,
    /// What the whole line costs to send.
    pub freight: MinorUnits,
}

flat! {
    Line {
        sku: SkuId,
        seller: SellerId,
        warehouse: WarehouseId,
        sale: SaleId,
        quantity: Quantity,
        parcel: u32,
        unit_price: MinorUnits,
        discount: MinorUnits,
        freight: MinorUnits,
    }
    ShelfUnits { sku: SkuId, warehouse: WarehouseId, quantity: Quantity }
}

/// Units on one shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShelfUnits {
    /// The sku.
    pub sku: SkuId,
    /// The warehouse; never 0.
    pub warehouse: WarehouseId,
    /// How many.
    pub quantity: Quantity,
}

/// What asked for a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefundReason {
    /// The money came when the order was cancelled.
    Late,
    /// The order was paid by another attempt.
    Duplicate,
    /// The order was cancelled after payment.
    Cancelled,
    /// An operator.
    Operator,
    /// An after-sales case.
    Aftersale,
}

flat_variants! { RefundReason { 1 Late, 2 Duplicate, 3 Cancelled, 4 Operator, 5 Aftersale } }

/// Who or what ended an unpaid order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CancelReason {
    /// The buyer.
    User,
    /// The payment timer.
    Timer,
    /// An operator.
    Operator,
    /// A risk decision.
    Risk,
}
