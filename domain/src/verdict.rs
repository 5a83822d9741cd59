//! What the ledger answers.

mod coupon;

use alloc::boxed::Box;
use alloc::vec::Vec;

pub use coupon::{CouponChecked, CouponSummary, CouponTaken, CouponView, CouponsChecked, digest_coupon_user};

use crate::aftersale::Case;
use crate::coupon::CouponShare;
use crate::fact::{Actor, Line, ShelfUnits};
use crate::freight::FreightRule;
use crate::hold::Hold;
use crate::ids::{
    CouponId, GatewayId, OrderId, PaymentId, RequestId, SaleId, SellerId, SkuId, UserId, WarehouseId,
};
use crate::intent::{Sale, SaleSku, SentLine, Sku};
use crate::letter::DeadLetter;
use crate::limit::UserLimit;
use crate::order::State;
use crate::payment::{PaymentState, RefundState};
use crate::refusal::Refusal;
use crate::shipment::{Waybill, Whereabouts};
use crate::switch::Switch;
use crate::units::{Currency, MicrosUtc, MinorUnits};

/// Decided. A refusal changed nothing; it sits here and not in an `Err`, so no `?` can carry it past its handler.
///
/// What changes something answers in a few words without allocating; what reads boxes what it found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No, and why.
    Refused(Refusal),
    /// CREATE, CANCEL, SHIP, SIGN, CONFIRM_RECEIPT: the order as it stands now (also where the request was asked before).
    Order(OrderBrief),
    /// SKU_PUT: the version that stands now.
    Sku {
        /// The sku.
        sku: SkuId,
        /// Its version.
        version: u32,
    },
    /// SALE_PUT: the version that stands now.
    Sale {
        /// The sale.
        sale: SaleId,
        /// Its version.
        version: u32,
    },
    /// STOCK_ADJUST, STOCK_RETURN, STOCK_GET: the shelf as it stands now.
    Shelf(ShelfView),
    /// STOCK_RESERVE, STOCK_RELEASE, STOCK_COMMIT, STOCK_EXTEND: the hold as it stands now.
    Hold(Hold),
    /// STOCK_TRANSFER: both shelves as they stand now.
    Transferred(Box<TransferView>),
    /// PREPARE: the basket with its prices.
    Priced(Box<PricedView>),
    /// GET.
    OrderFound(Box<OrderView>),
    /// LIST, ORDERS_SCAN.
    Orders(Box<OrderPage>),
    /// HISTORY, oldest first.
    History(Box<HistoryView>),
    /// SKU_GET.
    SkuFound(Box<SkuView>),
    /// SKU_LIST.
    Skus(Box<Page<Sku>>),
    /// SALE_GET.
    SaleFound(Box<SaleView>),
    /// SALE_LIST.
    Sales(Box<Page<SaleSummary>>),
    /// ACK, and SUBSCRIBE behind a named cursor: where it stands; 0 where there is none.
    Cursor(u64),
    /// DEAD_LETTERS that changes something: how many are parked now.
    LettersParked(u64),
    /// DEAD_LETTERS that reads.
    Letters(Box<LetterPage>),
    /// FREIGHT_PUT: the version that stands now.
    Freight {
        /// Whose goods.
        seller: SellerId,
        /// In which currency.
        currency: Currency,
        /// The rule's version.
        version: u32,
    },
    /// FREIGHT_LIST.
    FreightRules(Box<Page<FreightRule>>),
    /// What `audit` compares.
    Holdings(Box<Holdings>),
    /// PAY_OPEN, PAY_CALLBACK, PAY_GET, PAY_CLOSE, REFUND, REFUND_RESULT: the payment as it stands now.
    Payment(PaymentBrief),
    /// COUPON_DEFINE: the version that stands now.
    Coupon {
        /// The coupon.
        coupon: CouponId,
        /// Its version.
        version: u32,
    },
    /// COUPON_CLAIM: what the user has of it now.
    CouponTaken(CouponTaken),
    /// COUPON_CHECK.
    CouponsChecked(Box<CouponsChecked>),
    /// COUPON_GET.
    CouponFound(Box<CouponView>),
    /// COUPON_LIST.
    Coupons(Box<Page<CouponSummary>>),
    /// PAY_CALLBACK: the money that arrived is recorded, and it is not the order's total, or it came once more.
    /// REFUND_RESULT: more went back than came. Both AMOUNT_MISMATCH.
    Mismatched(PaymentBrief),
    /// SWITCH: the version that this change made.
    Switched {
        /// Of this change.
        version: u32,
    },
    /// LIMIT_PUT: it counts.
    Limited,
    /// LIMIT_LIST.
    Limits(Box<Page<UserLimit>>),
    /// SWITCH_LIST.
    Switches(Box<Page<Switch>>),
    /// TRACK.
    Shipments(Box<ShipmentsView>),
    /// AFTERSALE_OPEN, AFTERSALE_DECIDE, AFTERSALE_RECEIVE: the case as it stands now.
    Case(Box<CaseView>),
    /// AFTERSALE_GET.
    Cases(Box<CasesView>),
}

/// An after-sales case, and its order in a few words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaseView {
    /// The case.
    pub case: Case,
    /// Of its amount.
    pub currency: Currency,
    /// When it was opened.
    pub opened_at: MicrosUtc,
    /// When it came to its state.
    pub changed_at: MicrosUtc,
    /// Where its order stands.
    pub order_state: State,
    /// The order's version.
    pub order_version: u32,
}

/// The after-sales cases of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CasesView {
    /// The order in a few words.
    pub order: OrderBrief,
    /// Oldest first.
    pub cases: Vec<CaseView>,
}

/// What was sent of an order so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShipmentsView {
    /// The order in a few words.
    pub order: OrderBrief,
    /// Oldest first.
    pub shipments: Vec<ShipmentView>,
}

/// One shipment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShipmentView {
    /// Counts the order's shipments from 1.
    pub number: u16,
    /// When it was handed to its carrier.
    pub at: MicrosUtc,
    /// Who carries it, under which number.
    pub waybill: Waybill,
    /// When a carrier last said where it is; when it was handed over, where none did.
    pub noted_at: MicrosUtc,
    /// What it said; nothing where none did.
    pub note: Whereabouts,
    /// What went, in the order of the order's lines.
    pub lines: Vec<SentLine>,
}

/// A payment attempt, and its order in a few words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentBrief {
    /// The attempt.
    pub payment: PaymentId,
    /// The order.
    pub order: OrderId,
    /// Where the order stands.
    pub order_state: State,
    /// The order's version.
    pub order_version: u32,
    /// Until when the order's units are held for payment.
    pub pay_until: MicrosUtc,
    /// Where the buyer pays.
    pub gateway: GatewayId,
    /// Where the attempt stands.
    pub state: PaymentState,
    /// What is to be paid: the order's total.
    pub amount: MinorUnits,
    /// Of `amount`.
    pub currency: Currency,
    /// What arrived; 0 before.
    pub arrived: MinorUnits,
    /// The currency in which it arrived, and in which refunds are; that of the order before.
    pub arrived_currency: Currency,
    /// What went back of it.
    pub refunded: MinorUnits,
    /// The latest refund: how many there were; 0: none.
    pub refund_number: u16,
    /// What it is about.
    pub refund_amount: MinorUnits,
    /// Where it stands.
    pub refund_state: RefundState,
}

/// An order in a few words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderBrief {
    /// The order.
    pub order: OrderId,
    /// Whose it is.
    pub user: UserId,
    /// Where it stands.
    pub state: State,
    /// Counts from 1; one more with each transition.
    pub version: u32,
    /// What is to be paid.
    pub total: MinorUnits,
    /// Of the total.
    pub currency: Currency,
    /// When it was made.
    pub created_at: MicrosUtc,
    /// Until when its units are held for payment.
    pub pay_until: MicrosUtc,
}

/// An order with all that is known of it but its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderView {
    /// The order in a few words.
    pub brief: OrderBrief,
    /// The request that made it.
    pub request: RequestId,
    /// The hold that it took over; 0 for none.
    pub hold: u64,
    /// Its coupons and what each took off, in the order in which they were applied.
    pub coupons: Vec<CouponShare>,
    /// Sum of the lines' discounts.
    pub discount: MinorUnits,
    /// Sum of the lines' freight.
    pub freight: MinorUnits,
    /// As decided at CREATE.
    pub lines: Vec<Line>,
    /// The client's own bytes.
    pub client_bytes: Vec<u8>,
}

/// One page of a longer list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// In the order of the list.
    pub items: Vec<T>,
    /// Whether there is more behind the last item.
    pub more: bool,
}

/// One page of dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterPage {
    /// By subscriber and position.
    pub items: Vec<DeadLetter>,
    /// Whether there is more behind the last item.
    pub more: bool,
    /// How many are parked in all, of all subscribers.
    pub parked: u64,
}

/// One page of a user's orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderPage {
    /// Newest first. Fewer than were asked for, or none, where [`crate::intent::LIST_LOOKS_MAX`] orders held no more.
    pub items: Vec<OrderBrief>,
    /// The last order that was looked at: the next page is of the orders before it. 0: no order is older.
    pub next: OrderId,
}

/// How an order came to its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryView {
    /// The order.
    pub order: OrderId,
    /// Oldest first.
    pub rows: Vec<HistoryRow>,
}

/// One transition of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryRow {
    /// Nothing for the row that made the order.
    pub from: Option<State>,
    /// The state that it led to.
    pub to: State,
    /// When.
    pub at: MicrosUtc,
    /// Who.
    pub actor: Actor,
    /// The shop's own number for why; 0 where none was given.
    pub why: u16,
    /// The order's version from then on.
    pub version: u32,
}

impl HistoryRow {
    /// The first row of every order.
    pub(crate) const fn made(at: MicrosUtc, user: UserId) -> HistoryRow {
        let actor = Actor::User(user);
        HistoryRow { from: None, to: State::PendingPayment, at, actor, why: 0, version: 1 }
    }
}

/// One shelf, or the sum of a sku's shelves (warehouse 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShelfView {
    /// The sku.
    pub sku: SkuId,
    /// The warehouse; 0 for the sum of all.
    pub warehouse: WarehouseId,
    /// Units that are there.
    pub on_hand: u64,
    /// Units of `on_hand` that open orders and holds have set aside.
    pub held: u64,
    /// Units kept back from selling.
    pub safety: u64,
    /// Units that cannot be sold.
    pub unavailable: u64,
    /// Units sold so far, those that came back later included.
    pub sold: u64,
    /// `on_hand − held − safety − unavailable`, never below 0. A sum adds up what each shelf can sell.
    pub sellable: u64,
}

/// The two shelves of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferView {
    /// The shelf that units left.
    pub from: ShelfView,
    /// The shelf that they came to.
    pub to: ShelfView,
}

/// A basket with its prices, now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PricedView {
    /// What CREATE would have to show.
    pub total: MinorUnits,
    /// Sum of the lines' discounts.
    pub discount: MinorUnits,
    /// Sum of the lines' freight.
    pub freight: MinorUnits,
    /// How long CREATE would hold the units.
    pub hold_seconds: u32,
    /// The hold that it made; 0: none.
    pub hold: u64,
    /// Until when that lasts; 0: there is none.
    pub hold_until: MicrosUtc,
    /// The lines as CREATE would decide them.
    pub lines: Vec<Line>,
}

/// A sku and what speaks for it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkuView {
    /// The sku.
    pub sku: Sku,
    /// The sale that speaks for it now; 0: none.
    pub sale: SaleId,
    /// The sum of its shelves.
    pub stock: ShelfView,
}

/// A sale with its skus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaleView {
    /// The sale and what it took.
    pub summary: SaleSummary,
    /// Its skus, by id.
    pub skus: Vec<SaleSku>,
}

/// A sale and what it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaleSummary {
    /// The sale.
    pub sale: Sale,
    /// Units that its orders hold or bought, over all its skus: what the cap counts.
    pub taken_units: u64,
}

/// All that can be counted of a ledger, at one position: what an independent recomputation must arrive at.
///
/// Lists are sorted by id. Orders, limits and remembered requests are too many to list, so they are summed up:
/// a digest is the wrapping sum of a hash of each row, which does not depend on their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Ledger time of the last entry.
    pub at: MicrosUtc,
    /// Every shelf.
    pub shelves: Vec<ShelfView>,
    /// Every sale.
    pub sales: Vec<SaleSummary>,
    /// Orders by state: the count of state n stands at n − 1.
    pub orders: [u64; 14],
    /// Sum of the totals of all orders by state, in the same order; wrapping, as currencies differ.
    pub totals: [i64; 14],
    /// [`digest_order`] of every order.
    pub orders_digest: u64,
    /// How many (sale, user) pairs have units counted.
    pub user_counts: u64,
    /// [`digest_user_count`] of every (sale, user) pair that has units counted.
    pub user_counts_digest: u64,
    /// How many requests are remembered.
    pub requests: u64,
    /// Payment attempts by state: the count of state n stands at n − 1.
    pub payments: [u64; 6],
    /// Sum of what arrived by all payments; wrapping, as currencies differ.
    pub arrived: i64,
    /// Sum of what went back of it; wrapping.
    pub refunded: i64,
    /// [`digest_payment`] of every payment.
    pub payments_digest: u64,
    /// How many switches are set.
    pub switches: u64,
    /// [`digest_switch`] of every switch that is set.
    pub switches_digest: u64,
    /// Every coupon.
    pub coupons: Vec<CouponSummary>,
    /// How many (coupon, user) pairs have something counted.
    pub coupon_users: u64,
    /// [`digest_coupon_user`] of every such pair.
    pub coupon_users_digest: u64,
    /// How many shipments there are.
    pub shipments: u64,
    /// [`digest_shipment`] of every shipment, and [`digest_note`] of the latest note about each that has one.
    pub shipments_digest: u64,
    /// For how many users something is set that counts at this time.
    pub limits: u64,
    /// [`digest_limit`] of what counts at this time.
    pub limits_digest: u64,
    /// How many freight rules there are.
    pub freight_rules: u64,
    /// [`digest_freight`] of every rule.
    pub freight_digest: u64,
    /// How many after-sales cases there are.
    pub cases: u64,
    /// [`digest_case`] of every case.
    pub cases_digest: u64,
}

/// The row of a case in [`Holdings::cases_digest`].
pub fn digest_case(case: &Case, opened_at: MicrosUtc, changed_at: MicrosUtc) -> u64 {
    let Case { order, number, kind, state, sku, units, amount, refund, why } = *case;
    let small = u64::from(number) << 32 | u64::from(kind.number()) << 16 | u64::from(state.number());
    let words = [small, sku.0, u64::from(units), amount.0 as u64, u64::from(refund) << 16 | u64::from(why)];
    let seed = mix(mix(order.0, opened_at.0 as u64), changed_at.0 as u64);
    words.into_iter().fold(seed, mix)
}

/// The row of a shipment in [`Holdings::shipments_digest`].
pub fn digest_shipment(
    order: OrderId,
    number: u16,
    at: MicrosUtc,
    waybill: &Waybill,
    units: &[ShelfUnits],
) -> u64 {
    let seed = mix(mix(order.0, u64::from(number)), mix(at.0 as u64, waybill.hash()));
    units.iter().fold(seed, |hash, it| {
        mix(mix(hash, it.sku.0), u64::from(it.warehouse.0) << 32 | u64::from(it.quantity.get()))
    })
}

/// The row of the latest note about a shipment in [`Holdings::shipments_digest`].
pub fn digest_note(order: OrderId, number: u16, at: MicrosUtc, note: &Whereabouts) -> u64 {
    note.words().fold(mix(mix(order.0, !u64::from(number)), at.0 as u64), mix)
}

/// The row of a freight rule in [`Holdings::freight_digest`].
pub fn digest_freight(rule: &FreightRule) -> u64 {
    let FreightRule { seller, currency, version, by, free_from, base, first, step, per_step } = *rule;
    let seed = mix(u64::from(seller.0) << 16 | u64::from(currency.0), u64::from(version));
    let seed = mix(mix(seed, u64::from(by.number())), free_from.0 as u64);
    let seed = mix(mix(seed, base.0 as u64), first);
    mix(mix(seed, step), per_step.0 as u64)
}

/// The row of a payment in [`Holdings::payments_digest`]: its states, and its money.
pub fn digest_payment(
    payment: PaymentId,
    state: PaymentState,
    refund: RefundState,
    [arrived, refunded, asked_back]: [MinorUnits; 3],
) -> u64 {
    let seed = mix(payment.0, u64::from(state.number()) << 8 | u64::from(refund.number()));
    mix(mix(seed, arrived.0 as u64), mix(refunded.0 as u64, asked_back.0 as u64))
}

/// The row of a user in [`Holdings::limits_digest`].
pub fn digest_limit(limit: &UserLimit) -> u64 {
    let UserLimit { user, list, sale_units, until } = *limit;
    mix(mix(user.0, u64::from(sale_units) << 8 | u64::from(list.number())), until.0 as u64)
}

/// The row of a switch in [`Holdings::switches_digest`].
pub fn digest_switch(switch: &Switch) -> u64 {
    let Switch { scope, stops, version, since, note } = switch;
    let seed = mix(scope.id(), u64::from(scope.number()) << 8 | u64::from(stops.bits()));
    let seed = mix(mix(seed, u64::from(*version)), since.0 as u64);
    note.bytes().fold(seed, |seed, byte| mix(seed, u64::from(byte)))
}

/// The row of an order in [`Holdings::orders_digest`].
pub fn digest_order(order: OrderId, user: UserId, state: State, version: u32, total: MinorUnits) -> u64 {
    let seed = mix(order.0, user.0);
    let seed = mix(seed, u64::from(state.number()) << 32 | u64::from(version));
    mix(seed, total.0 as u64)
}

/// The row of a (sale, user) pair in [`Holdings::user_counts_digest`].
pub fn digest_user_count(sale: SaleId, user: UserId, units: u64) -> u64 {
    mix(mix(u64::from(sale.0), user.0), units)
}

/// Mixes two words into one: the two halves of their product, each first made odd by its own constant.
pub(crate) const fn mix(a: u64, b: u64) -> u64 {
    let product = ((a ^ 0x9E37_79B9_7F4A_7C15) as u128) * ((b ^ 0xD1B5_4A32_D192_ED03) as u128);
    product as u64 ^ (product >> 64) as u64
}
