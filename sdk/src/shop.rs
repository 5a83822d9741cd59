//! What a shop answers: orders, shelves, skus, sales, and how the server itself is.
//!
//! Each is read from its wire struct field by field; an answer that names a state or actor that there is not is the
//! server's violation, never a guess.

use protocol::structs as wire;

use crate::coupon::CouponShare;
use crate::values::{
    Currency, GatewayId, HoldId, MicrosUtc, Money, OrderId, PaymentId, RequestId, SaleId, Scope, SellerId,
    SkuId, State, Stops, UserId, UserList, WarehouseId,
};

/// An order in a few words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderBrief {
    /// Its id.
    pub order: OrderId,
    /// Whose it is.
    pub user: UserId,
    /// Where it stands.
    pub state: State,
    /// Counts from 1; one more with each transition.
    pub version: u32,
    /// What is to be paid: goods − discount + freight.
    pub total: Money,
    /// When it was made.
    pub created_at: MicrosUtc,
    /// Until when its units are held for payment.
    pub pay_until: MicrosUtc,
}

/// An order with all that is known of it but its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The order in a few words.
    pub brief: OrderBrief,
    /// The request that made it.
    pub request: RequestId,
    /// The hold that it took over.
    pub hold: Option<HoldId>,
    /// Its coupons, in the order in which they were applied.
    pub coupons: Vec<CouponShare>,
    /// Sum of the lines' discounts, in minor units.
    pub discount: i64,
    /// Sum of the lines' freight, in minor units.
    pub freight: i64,
    /// 1 to 256.
    pub lines: Vec<Line>,
    /// The shop's own bytes, as they were given; at most 1 KiB.
    pub client_bytes: Vec<u8>,
}

/// A line as it was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// What.
    pub sku: SkuId,
    /// How many units.
    pub quantity: u32,
    /// Price of one, in minor units of the order's currency.
    pub unit_price: i64,
    /// What the whole line is cheaper by, in minor units.
    pub discount: i64,
    /// What the whole line costs to send, in minor units.
    pub freight: i64,
    /// Whose goods.
    pub seller: SellerId,
    /// From where.
    pub warehouse: WarehouseId,
    /// The sale that it sells in.
    pub sale: Option<SaleId>,
    /// The parcel that it goes in: the warehouses of an order, from 0 in the order of its lines.
    pub parcel: u32,
}

/// A basket with its prices, now. It holds nothing: the next one may take the units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priced {
    /// What CREATE would have to show: goods − discount + freight, in minor units.
    pub total: i64,
    /// Sum of the lines' discounts, in minor units.
    pub discount: i64,
    /// Sum of the lines' freight, in minor units.
    pub freight: i64,
    /// How long CREATE would hold the units.
    pub hold_seconds: u32,
    /// In the order of the request.
    pub lines: Vec<Line>,
}

/// One transition of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryRow {
    /// When.
    pub at: MicrosUtc,
    /// Where it stood before; nothing in the row that made the order.
    pub from: Option<State>,
    /// Where it stood then.
    pub to: State,
    /// Its version from then on.
    pub version: u32,
    /// Who did it.
    pub actor: Actor,
    /// The shop's own number for why; 0: none was given.
    pub why: u16,
}

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The buyer.
    User(UserId),
    /// An operator, by the id of the key used.
    Operator(u64),
    /// A timer of the server.
    Timer,
    /// A payment gateway.
    Gateway(GatewayId),
}

/// A payment attempt, and its order in a few words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payment {
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
    /// What is to be paid.
    pub amount: Money,
    /// What arrived; 0 before.
    pub arrived: Money,
    /// What went back of it.
    pub refunded: Money,
    /// The latest refund.
    pub refund: Option<RefundNow>,
}

/// An after-sales case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aftersale {
    /// The order.
    pub order: OrderId,
    /// Counts the order's cases from 1.
    pub number: u16,
    /// What the buyer wants.
    pub kind: AftersaleKind,
    /// Where it stands.
    pub state: AftersaleState,
    /// The line that it is about.
    pub sku: SkuId,
    /// Units that come back; 0: money alone.
    pub units: u32,
    /// What goes back; 0 for an exchange.
    pub amount: Money,
    /// The number of its refund, of the payment that paid the order; nothing before.
    pub refund: Option<u16>,
    /// The shop's own number for why, of who spoke last.
    pub why: u16,
    /// When it was opened.
    pub opened_at: MicrosUtc,
    /// When it came to its state.
    pub changed_at: MicrosUtc,
    /// Where the order stands.
    pub order_state: State,
    /// The order's version.
    pub order_version: u32,
}

/// What the buyer of an after-sales case wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AftersaleKind {
    /// Money, and nothing comes back.
    Refund,
    /// Money for units that come back.
    ReturnRefund,
    /// Other units of the same sku for units that come back; no money moves.
    Exchange,
}

/// Where an after-sales case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AftersaleState {
    /// An operator is to decide.
    Open,
    /// It was accepted, and its goods are on their way back.
    AwaitingGoods,
    /// The gateway is to send the money back.
    Refunding,
    /// The money went back, or there was none; of an exchange, the new units are the buyer's.
    Done,
    /// An operator said no.
    Refused,
}

/// In which condition goods came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// They can be sold again.
    Sellable,
    /// They lie on the shelf and cannot be sold as they are.
    Unavailable,
    /// They are not kept.
    Lost,
}

/// What was sent of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// The order in a few words.
    pub order: OrderBrief,
    /// Oldest first.
    pub shipments: Vec<Shipment>,
}

/// Units of an order that went together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shipment {
    /// Counts the order's shipments from 1.
    pub number: u16,
    /// When it was handed to its carrier.
    pub sent_at: MicrosUtc,
    /// Who carries it; may be empty.
    pub carrier: String,
    /// The carrier's number of it; may be empty.
    pub tracking: String,
    /// Where its carrier said that it is; empty where nothing is known.
    pub note: String,
    /// When the carrier said so; `sent_at` where it did not.
    pub noted_at: MicrosUtc,
    /// Skus and units, in the order of the order's lines.
    pub lines: Vec<(SkuId, u32)>,
}

/// A refund of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefundNow {
    /// Counts the payment's refunds from 1.
    pub number: u16,
    /// What it is about.
    pub amount: Money,
    /// Where it stands.
    pub state: RefundState,
}

/// Where a payment attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentState {
    /// The gateway has not said anything yet.
    Open,
    /// The gateway said that no money will come.
    Failed,
    /// Given up by the buyer or an operator.
    Closed,
    /// Its money paid the order.
    Paid,
    /// Its money came when the order could not use it; all of it goes back.
    Surplus,
    /// Another amount or currency came, or money once more by one attempt; an operator sends it back or settles it.
    Mismatched,
}

/// Where a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundState {
    /// The gateway has not said how it went.
    Asked,
    /// The gateway could not; the money is still there.
    Failed,
    /// The money went back.
    Done,
}

/// A page of a longer list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// At most 100.
    pub items: Vec<T>,
    /// There is more behind the last one: ask again from there.
    pub more: bool,
}

/// A page of a user's orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderPage {
    /// Newest first, at most 100. Fewer than were asked for, or none, where the server looked at as many orders
    /// as it looks at for a page (4,096) and they held no more.
    pub items: Vec<OrderBrief>,
    /// Nothing on the last page; else what [`before`](crate::Request::before) takes for the next one.
    pub next: Option<OrderId>,
}

/// A shelf, or the sum of a sku's shelves. All are units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shelf {
    /// What lies there.
    pub sku: SkuId,
    /// Where; nothing for the sum of all.
    pub warehouse: Option<WarehouseId>,
    /// Units that are there.
    pub on_hand: u64,
    /// Of these, held by open orders.
    pub held: u64,
    /// Kept back from selling.
    pub safety: u64,
    /// There, but not to be sold.
    pub unavailable: u64,
    /// Sold so far, those that came back later included.
    pub sold: u64,
    /// on_hand − held − safety − unavailable, never below 0.
    pub sellable: u64,
}

/// What is known of a sku.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sku {
    /// Its id.
    pub id: SkuId,
    /// Counts from 1; one more with each change. A change names the version that it replaces.
    pub version: u32,
    /// Price of one unit outside any sale.
    pub unit_price: Money,
    /// How long an unpaid order holds its units.
    pub hold_seconds: u32,
    /// Whose goods.
    pub seller: SellerId,
    /// False: whoever orders it is answered SKU_CLOSED.
    pub open: bool,
    /// What one unit weighs; 0 where that does not matter.
    pub weight_grams: u32,
}

/// What is set for one user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserLimit {
    /// Who.
    pub user: UserId,
    /// The list that the user is on.
    pub list: UserList,
    /// Units that the user may take of each sale that has a per-user limit, instead of that limit; 0: as it says.
    pub sale_units: u32,
    /// From when on none of this counts any more, if it ends.
    pub until: Option<MicrosUtc>,
}

/// A switch that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// What it is about.
    pub scope: Scope,
    /// What it stops.
    pub stops: Stops,
    /// Counts over all changes of all switches. A change names the version that it replaces.
    pub version: u32,
    /// When it was changed last.
    pub since: MicrosUtc,
    /// Why, by the operator who set it.
    pub note: String,
}

/// A basket with its prices, now, and its units held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PricedHold {
    /// For CREATE to take over.
    pub hold: HoldId,
    /// Until when its units are set aside.
    pub until: MicrosUtc,
    /// The basket with its prices.
    pub priced: Priced,
}

/// Units set aside without an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its id.
    pub hold: HoldId,
    /// Whose it is; user 0: an operator's.
    pub user: UserId,
    /// Until when its units are set aside.
    pub until: MicrosUtc,
    /// Where it stands.
    pub state: HoldState,
}

/// Where a hold stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldState {
    /// Its units are set aside.
    Open,
    /// It became an order.
    Taken,
    /// Its units were sold without an order.
    Committed,
    /// Its units were freed by somebody.
    Released,
    /// Its units were freed by its timer.
    Expired,
}

/// The two shelves of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transferred {
    /// The shelf that units left.
    pub from: Shelf,
    /// The shelf that they came to.
    pub to: Shelf,
}

/// A sku, its stock, and the sale that speaks for it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkuNow {
    /// The sku.
    pub sku: Sku,
    /// The sum of its shelves.
    pub stock: Shelf,
    /// The sale whose price, window and limits count now.
    pub sale: Option<SaleId>,
}

/// What a charge for sending grows with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreightBy {
    /// What the goods cost after discounts, in minor units.
    Total,
    /// What the goods weigh, in grams.
    Weight,
    /// How many units there are.
    Count,
}

/// What a seller takes for sending goods sold in a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreightRule {
    /// Whose goods.
    pub seller: SellerId,
    /// Counts from 1; one more with each FREIGHT_PUT.
    pub version: u32,
    /// What the charge grows with.
    pub by: FreightBy,
    /// From which sum on the seller's goods go free.
    pub free_from: Option<Money>,
    /// What the first `first` cost; its currency is that of the rule.
    pub base: Money,
    /// How much is in `base`: minor units, grams or units.
    pub first: u64,
    /// How much more a `per_step` covers; 0: `base` is for any basket.
    pub step: u64,
    /// What each step begun beyond `first` costs.
    pub per_step: Money,
}

/// What is known of a sale, but for its skus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sale {
    /// Its id.
    pub id: SaleId,
    /// Counts from 1; one more with each change. A change names the version that it replaces.
    pub version: u32,
    /// From when its skus answer SALE_NOT_OPEN.
    pub closed_from: MicrosUtc,
    /// The first instant at which it sells.
    pub opens: MicrosUtc,
    /// The first instant at which it does not sell any more.
    pub closes: MicrosUtc,
    /// Units that one user may take over all its skus; 0: no limit.
    pub user_limit_units: u32,
    /// Units that one order may take over all its skus; 0: no limit.
    pub order_limit_units: u32,
    /// Units that it sells over all its skus; 0: no cap.
    pub cap_units: u64,
    /// Units that its orders hold or bought.
    pub taken_units: u64,
    /// How long an unpaid order holds its units.
    pub hold_seconds: u32,
}

/// A sale with its skus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaleWithSkus {
    /// The sale.
    pub sale: Sale,
    /// Each with its price of one unit in this sale, in minor units; by id.
    pub skus: Vec<(SkuId, i64)>,
}

/// What an audit of the running server found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// No invariant is violated.
    pub ok: bool,
    /// Position of the last fact looked at.
    pub position: u64,
    /// The server's time there.
    pub at: MicrosUtc,
    /// Units that came in, over all shelves.
    pub stock: i64,
    /// Units sold.
    pub sold: u64,
    /// Units held.
    pub held: u64,
    /// Orders made.
    pub orders: u64,
    /// Units sold or held beyond what there was.
    pub oversold: u64,
    /// Orders made twice for one request id.
    pub duplicate_orders: u64,
    /// Acknowledged orders that are not there.
    pub lost: u64,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// Position that it began behind, with the balance of a checkpoint; 0: with the first fact.
    pub begins_behind: u64,
    /// Each invariant by name, on how many things it was checked, and on how many it does not hold.
    pub invariants: Vec<(String, u64, u64)>,
}

/// What the server counted since it started, and how full its bounds are: the numbers of the wire, whose
/// documentation names their units.
pub type Stats = wire::StatsHead;

pub(crate) fn brief(from: &wire::OrderBrief) -> Option<OrderBrief> {
    let wire::OrderBrief { order, user, total, created_at, pay_until, version, currency, state } = *from;
    Some(OrderBrief {
        order: OrderId(order),
        user: UserId(user),
        state: State::from_number(state)?,
        version,
        total: Money::new(total, Currency(currency)),
        created_at: MicrosUtc(created_at),
        pay_until: MicrosUtc(pay_until),
    })
}

pub(crate) fn line(from: wire::Line) -> Line {
    let wire::Line { sku, unit_price, discount, freight, seller, warehouse, sale, quantity, parcel } = from;
    Line {
        sku: SkuId(sku),
        quantity,
        unit_price,
        discount,
        freight,
        seller: SellerId(seller),
        warehouse: WarehouseId(warehouse),
        sale: (sale != 0).then_some(SaleId(sale)),
        parcel,
    }
}

pub(crate) fn history_row(from: wire::HistoryRow) -> Option<HistoryRow> {
    let wire::HistoryRow { at, actor_id, version, why, from, to, actor } = from;
    let from = match from {
        0 => None,
        number => Some(State::from_number(number)?),
    };
    let actor = match actor {
        1 => Actor::User(UserId(actor_id)),
        2 => Actor::Operator(actor_id),
        3 => Actor::Timer,
        4 => Actor::Gateway(GatewayId(u16::try_from(actor_id).ok()?)),
        _ => return None,
    };
    Some(HistoryRow { at: MicrosUtc(at), from, to: State::from_number(to)?, version, actor, why })
}

pub(crate) fn aftersale(from: &wire::Aftersale) -> Option<Aftersale> {
    let wire::Aftersale { order, sku, amount, opened_at, changed_at, units, order_version, number, .. } =
        *from;
    Some(Aftersale {
        order: OrderId(order),
        number,
        kind: match from.kind {
            1 => AftersaleKind::Refund,
            2 => AftersaleKind::ReturnRefund,
            3 => AftersaleKind::Exchange,
            _ => return None,
        },
        state: match from.state {
            1 => AftersaleState::Open,
            2 => AftersaleState::AwaitingGoods,
            3 => AftersaleState::Refunding,
            4 => AftersaleState::Done,
            5 => AftersaleState::Refused,
            _ => return None,
        },
        sku: SkuId(sku),
        units,
        amount: Money::new(amount, Currency(from.currency)),
        refund: (from.refund != 0).then_some(from.refund),
        why: from.why,
        opened_at: MicrosUtc(opened_at),
        changed_at: MicrosUtc(changed_at),
        order_state: State::from_number(from.order_state)?,
        order_version,
    })
}

pub(crate) fn payment(from: &wire::Payment) -> Option<Payment> {
    let wire::Payment { payment, order, amount, arrived, refunded, refund_amount, pay_until, .. } = *from;
    let wire::Payment { order_version, currency, arrived_currency, gateway, refund_number, .. } = *from;
    let arrived_in = |minor_units| Money::new(minor_units, Currency(arrived_currency));
    let refund_state = match from.refund_state {
        0 => None,
        1 => Some(RefundState::Asked),
        2 => Some(RefundState::Failed),
        3 => Some(RefundState::Done),
        _ => return None,
    };
    let refund = |state| RefundNow { number: refund_number, amount: arrived_in(refund_amount), state };
    Some(Payment {
        payment: PaymentId(payment),
        order: OrderId(order),
        order_state: State::from_number(from.order_state)?,
        order_version,
        pay_until: MicrosUtc(pay_until),
        gateway: GatewayId(gateway),
        state: match from.state {
            1 => PaymentState::Open,
            2 => PaymentState::Failed,
            3 => PaymentState::Closed,
            4 => PaymentState::Paid,
            5 => PaymentState::Surplus,
            6 => PaymentState::Mismatched,
            _ => return None,
        },
        amount: Money::new(amount, Currency(currency)),
        arrived: arrived_in(arrived),
        refunded: arrived_in(refunded),
        refund: refund_state.map(refund),
    })
}

pub(crate) fn shelf(from: &wire::Shelf) -> Shelf {
    let wire::Shelf { sku, on_hand, held, safety, unavailable, sold, sellable, warehouse } = *from;
    let warehouse = (warehouse != 0).then_some(WarehouseId(warehouse));
    Shelf { sku: SkuId(sku), warehouse, on_hand, held, safety, unavailable, sold, sellable }
}

pub(crate) fn hold(from: &wire::HoldBrief) -> Option<Hold> {
    let wire::HoldBrief { hold, user, until, state } = *from;
    let state = match state {
        1 => HoldState::Open,
        2 => HoldState::Taken,
        3 => HoldState::Committed,
        4 => HoldState::Released,
        5 => HoldState::Expired,
        _ => return None,
    };
    Some(Hold { hold: HoldId(hold), user: UserId(user), until: MicrosUtc(until), state })
}

pub(crate) fn sku(from: &wire::Sku) -> Sku {
    let wire::Sku { sku, unit_price, version, seller, hold_seconds, weight_grams, currency, open } = *from;
    let unit_price = Money::new(unit_price, Currency(currency));
    Sku { id: SkuId(sku), version, unit_price, hold_seconds, seller: SellerId(seller), open, weight_grams }
}

/// Nothing where the server says something that this version does not know.
pub(crate) fn freight_rule(from: &wire::FreightRule) -> Option<FreightRule> {
    let wire::FreightRule { free_from, base, first, step, per_step, seller, version, currency, by } = *from;
    let money = |minor| Money::new(minor, Currency(currency));
    let by = match by {
        1 => FreightBy::Total,
        2 => FreightBy::Weight,
        3 => FreightBy::Count,
        _ => return None,
    };
    Some(FreightRule {
        seller: SellerId(seller),
        version,
        by,
        free_from: (free_from != 0).then_some(money(free_from)),
        base: money(base),
        first,
        step,
        per_step: money(per_step),
    })
}

pub(crate) fn user_limit(from: &wire::UserLimit) -> Option<UserLimit> {
    let wire::UserLimit { user, until, sale_units, list } = *from;
    let until = (until != 0).then_some(MicrosUtc(until));
    Some(UserLimit { user: UserId(user), list: UserList::from_number(list)?, sale_units, until })
}

pub(crate) fn switch(from: &wire::SwitchItem) -> Option<Switch> {
    let wire::SwitchItem { id, since, version, scope, stops, note } = from;
    Some(Switch {
        scope: Scope::from_numbers(*scope, *id)?,
        stops: Stops::from_bits(*stops)?,
        version: *version,
        since: MicrosUtc(*since),
        note: protocol::text_of(note)?.to_string(),
    })
}

pub(crate) fn sale(from: &wire::Sale) -> Sale {
    let wire::Sale {
        closed_from,
        opens,
        closes,
        cap_units,
        taken_units,
        sale,
        version,
        user_limit_units,
        order_limit_units,
        hold_seconds,
    } = *from;
    Sale {
        id: SaleId(sale),
        version,
        closed_from: MicrosUtc(closed_from),
        opens: MicrosUtc(opens),
        closes: MicrosUtc(closes),
        user_limit_units,
        order_limit_units,
        cap_units,
        taken_units,
        hold_seconds,
    }
}
