//! PREPARE, CREATE, GET, LIST, HISTORY, CANCEL and BATCH.

use protocol::structs as wire;
use protocol::{Parsed, messages};

use super::sealed::Wire;
use super::{Ask, Changes, Request, coupon};
use crate::coupon::shares;
use crate::shop::{self, HistoryRow, Order, OrderBrief, OrderPage, Priced, PricedHold};
use crate::values::{
    CouponId, Currency, HoldId, MicrosUtc, Money, OrderId, RequestId, SkuId, State, UserId, WarehouseId,
};

/// Makes an order.
#[derive(Clone, Debug)]
pub struct Create {
    user: UserId,
    total: Money,
    hold: HoldId,
    coupons: Vec<CouponId>,
    lines: Vec<wire::AskedLine>,
    client_bytes: Vec<u8>,
}

impl Create {
    pub(crate) fn new(user: UserId, total: Money) -> Create {
        Create {
            user,
            total,
            hold: HoldId(0),
            coupons: Vec::new(),
            lines: Vec::new(),
            client_bytes: Vec::new(),
        }
    }
}

impl Request<Create> {
    /// Takes over this hold of the same user, in the same step: its units count as there, and those that the order
    /// does not take are free again.
    pub fn hold(mut self, hold: HoldId) -> Self {
        self.ask.hold = hold;
        self
    }

    /// Uses a coupon, too: at most four, each once, at most one of each group. The total is what is left to pay.
    pub fn coupon(mut self, coupon: CouponId) -> Self {
        self.ask.coupons.push(coupon);
        self
    }

    /// Adds a line: `quantity` units, 1 to 1,000,000, from whichever warehouse has enough. 1 to 256 lines, each sku
    /// once.
    pub fn line(self, sku: SkuId, quantity: u32) -> Self {
        self.line_from(sku, WarehouseId(0), quantity)
    }

    /// Adds a line from this warehouse and no other.
    pub fn line_from(mut self, sku: SkuId, warehouse: WarehouseId, quantity: u32) -> Self {
        self.ask.lines.push(wire::AskedLine { sku: sku.0, warehouse: warehouse.0, quantity });
        self
    }

    /// Bytes of your own, at most 1 KiB: stored with the order and given back, never read.
    pub fn client_bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.ask.client_bytes = bytes.into();
        self
    }
}

impl Wire for Create {
    type Question = messages::Create;
    type Reply = messages::CreateAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::CreateHead {
        wire::CreateHead {
            request,
            user: self.user.0,
            hold: self.hold.0,
            coupons: coupon::to_wire(&self.coupons),
            total: self.total.minor_units,
            currency: self.total.currency.0,
            // Longer ones were turned away before this is called.
            client_bytes: u16::try_from(self.client_bytes.len()).unwrap_or(u16::MAX),
        }
    }

    fn items(&self, _asked_before: bool) -> Vec<wire::AskedLine> {
        self.lines.clone()
    }

    fn item_count(&self) -> usize {
        self.lines.len()
    }

    fn tail(&self) -> &[u8] {
        &self.client_bytes
    }
}

impl Ask for Create {
    type Answer = OrderBrief;

    fn read(answer: &Parsed<'_, messages::CreateAnswer>) -> Option<OrderBrief> {
        shop::brief(&answer.head)
    }
}

impl Changes for Create {}

/// Checks and prices a basket.
#[derive(Clone, Debug)]
pub struct Prepare {
    user: UserId,
    currency: Currency,
    coupons: Vec<CouponId>,
    lines: Vec<wire::AskedLine>,
}

impl Prepare {
    pub(crate) fn new(user: UserId, currency: Currency) -> Prepare {
        Prepare { user, currency, coupons: Vec::new(), lines: Vec::new() }
    }
}

impl Request<Prepare> {
    /// Prices a coupon in: at most four, each once. It is not locked; CREATE does that.
    pub fn coupon(mut self, coupon: CouponId) -> Self {
        self.ask.coupons.push(coupon);
        self
    }

    /// Adds a line: `quantity` units, 1 to 1,000,000, from whichever warehouse has enough. 1 to 256 lines, each sku
    /// once.
    pub fn line(mut self, sku: SkuId, quantity: u32) -> Self {
        self.ask.lines.push(wire::AskedLine { sku: sku.0, warehouse: 0, quantity });
        self
    }
}

impl Wire for Prepare {
    type Question = messages::Prepare;
    type Reply = messages::PrepareAnswer;
    const CHANGES: bool = false;

    fn head(&self, _request: u128) -> wire::PrepareHead {
        let (user, currency) = (self.user.0, self.currency.0);
        wire::PrepareHead { request: 0, user, coupons: coupon::to_wire(&self.coupons), currency, hold: false }
    }

    fn items(&self, _asked_before: bool) -> Vec<wire::AskedLine> {
        self.lines.clone()
    }

    fn item_count(&self) -> usize {
        self.lines.len()
    }
}

impl Ask for Prepare {
    type Answer = Priced;

    fn read(answer: &Parsed<'_, messages::PrepareAnswer>) -> Option<Priced> {
        let wire::PrepareAnswerHead { total, discount, freight, hold: _, hold_until: _, hold_seconds } =
            answer.head;
        let lines = answer.items.iter().map(shop::line).collect();
        Some(Priced { total, discount, freight, hold_seconds, lines })
    }
}

/// Checks and prices a basket, and holds its units.
#[derive(Clone, Debug)]
pub struct PrepareHold(pub(crate) Prepare);

impl Request<PrepareHold> {
    /// Prices a coupon in: at most four, each once. It is not locked, only the units are held.
    pub fn coupon(mut self, coupon: CouponId) -> Self {
        self.ask.0.coupons.push(coupon);
        self
    }

    /// Adds a line: `quantity` units, 1 to 1,000,000, from whichever warehouse has enough. 1 to 256 lines, each sku
    /// once.
    pub fn line(mut self, sku: SkuId, quantity: u32) -> Self {
        self.ask.0.lines.push(wire::AskedLine { sku: sku.0, warehouse: 0, quantity });
        self
    }
}

impl Wire for PrepareHold {
    type Question = messages::Prepare;
    type Reply = messages::PrepareAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::PrepareHead {
        wire::PrepareHead { request, hold: true, ..self.0.head(0) }
    }

    fn items(&self, _asked_before: bool) -> Vec<wire::AskedLine> {
        self.0.lines.clone()
    }

    fn item_count(&self) -> usize {
        self.0.lines.len()
    }
}

impl Ask for PrepareHold {
    type Answer = PricedHold;

    fn read(answer: &Parsed<'_, messages::PrepareAnswer>) -> Option<PricedHold> {
        let (hold, until) = (HoldId(answer.head.hold), MicrosUtc(answer.head.hold_until));
        let priced = <Prepare as Ask>::read(answer)?;
        (hold.0 != 0).then_some(PricedHold { hold, until, priced })
    }
}

impl Changes for PrepareHold {}

/// Reads one order.
#[derive(Clone, Debug)]
pub struct Get {
    user: UserId,
    order: OrderId,
    request: RequestId,
}

impl Get {
    pub(crate) fn by_order(user: UserId, order: OrderId) -> Get {
        Get { user, order, request: RequestId(0) }
    }

    pub(crate) fn by_request(user: UserId, request: RequestId) -> Get {
        Get { user, order: OrderId(0), request }
    }
}

impl Wire for Get {
    type Question = messages::Get;
    type Reply = messages::GetAnswer;
    const CHANGES: bool = false;

    fn head(&self, _request: u128) -> wire::GetHead {
        wire::GetHead { request: self.request.0, user: self.user.0, order: self.order.0 }
    }
}

impl Ask for Get {
    type Answer = Order;

    fn read(answer: &Parsed<'_, messages::GetAnswer>) -> Option<Order> {
        let wire::OrderHead { brief, request, hold, coupons, coupon_discounts, .. } = answer.head;
        let wire::OrderHead { discount, freight, client_bytes: _, .. } = answer.head;
        Some(Order {
            brief: shop::brief(&brief)?,
            request: RequestId(request),
            hold: (hold != 0).then_some(HoldId(hold)),
            coupons: shares(coupons, coupon_discounts),
            discount,
            freight,
            lines: answer.items.iter().map(shop::line).collect(),
            client_bytes: answer.tail.to_vec(),
        })
    }
}

/// Reads a user's orders, newest first.
#[derive(Clone, Debug)]
pub struct List {
    user: UserId,
    before: OrderId,
    state: u8,
    limit: u16,
}

impl List {
    pub(crate) fn new(user: UserId) -> List {
        List { user, before: OrderId(0), state: 0, limit: 100 }
    }
}

impl Request<List> {
    /// Only orders older than this one of the user: a page's [`next`](OrderPage::next) brings the next page.
    pub fn before(mut self, order: OrderId) -> Self {
        self.ask.before = order;
        self
    }

    /// Only orders in this state.
    pub fn in_state(mut self, state: State) -> Self {
        self.ask.state = state.number();
        self
    }

    /// Orders of one page, 1 to 100. Default 100.
    pub fn limit(mut self, orders: u16) -> Self {
        self.ask.limit = orders;
        self
    }
}

impl Wire for List {
    type Question = messages::List;
    type Reply = messages::ListAnswer;
    const CHANGES: bool = false;

    fn head(&self, _request: u128) -> wire::ListHead {
        let List { user, before, state, limit } = *self;
        wire::ListHead { user: user.0, before: before.0, limit, state }
    }
}

impl Ask for List {
    type Answer = OrderPage;

    fn read(answer: &Parsed<'_, messages::ListAnswer>) -> Option<OrderPage> {
        let items = answer.items.iter().map(|item| shop::brief(&item)).collect::<Option<_>>()?;
        let next = Some(OrderId(answer.head.next)).filter(|&order| order != OrderId(0));
        Some(OrderPage { items, next })
    }
}

/// Reads how an order came to its state.
#[derive(Clone, Debug)]
pub struct History {
    pub(crate) user: UserId,
    pub(crate) order: OrderId,
}

impl Wire for History {
    type Question = messages::History;
    type Reply = messages::HistoryAnswer;
    const CHANGES: bool = false;

    fn head(&self, _request: u128) -> wire::HistoryHead {
        wire::HistoryHead { user: self.user.0, order: self.order.0 }
    }
}

impl Ask for History {
    type Answer = Vec<HistoryRow>;

    fn read(answer: &Parsed<'_, messages::HistoryAnswer>) -> Option<Vec<HistoryRow>> {
        answer.items.iter().map(shop::history_row).collect()
    }
}

/// Ends an order before it is paid.
#[derive(Clone, Debug)]
pub struct Cancel {
    user: UserId,
    order: OrderId,
    version: u32,
    why: u16,
}

impl Cancel {
    pub(crate) fn new(user: UserId, order: OrderId) -> Cancel {
        Cancel { user, order, version: 0, why: 0 }
    }
}

impl Request<Cancel> {
    /// Only if the order has this version; otherwise VERSION_CONFLICT.
    pub fn version(mut self, version: u32) -> Self {
        self.ask.version = version;
        self
    }

    /// Your own number for why; kept in the history.
    pub fn why(mut self, why: u16) -> Self {
        self.ask.why = why;
        self
    }
}

impl Wire for Cancel {
    type Question = messages::Cancel;
    type Reply = messages::CancelAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::CancelHead {
        let Cancel { user, order, version, why } = *self;
        wire::CancelHead { request, user: user.0, order: order.0, version, why }
    }
}

impl Ask for Cancel {
    type Answer = OrderBrief;

    fn read(answer: &Parsed<'_, messages::CancelAnswer>) -> Option<OrderBrief> {
        shop::brief(&answer.head)
    }
}

impl Changes for Cancel {}

/// Many one-line orders in one frame. Where the outcome is unknown, the error names the first order's id; every
/// order has its own.
#[derive(Clone, Debug)]
pub struct Batch {
    pub(crate) orders: Vec<BatchOrder>,
}

/// One order of a [`Batch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchOrder {
    /// Its own request id: [`crate::Client::new_request_id`].
    pub request: RequestId,
    /// It was sent before.
    pub asked_before: bool,
    /// Who buys.
    pub user: UserId,
    /// What.
    pub sku: SkuId,
    /// From where; nothing lets the server choose.
    pub warehouse: Option<WarehouseId>,
    /// Units, 1 to 1,000,000.
    pub quantity: u32,
    /// What the buyer was shown.
    pub total: Money,
}

/// What became of one order of a [`Batch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchOutcome {
    /// The order is made, or was before.
    Accepted(OrderId),
    /// There is no order, and this is why. Its class says whether asking again is of use.
    NotDone {
        /// Why.
        status: crate::Status,
        /// As in [`crate::Refused`].
        asked: i64,
        /// As in [`crate::Refused`].
        there: i64,
        /// Milliseconds before which asking again is of no use.
        retry_after_ms: u32,
    },
}

impl Wire for Batch {
    type Question = messages::Batch;
    type Reply = messages::BatchAnswer;
    const CHANGES: bool = true;

    fn head(&self, _request: u128) -> protocol::Nothing {
        protocol::Nothing
    }

    fn items(&self, asked_before: bool) -> Vec<wire::BatchItem> {
        let item = |order: &BatchOrder| wire::BatchItem {
            request: order.request.0,
            user: order.user.0,
            sku: order.sku.0,
            total: order.total.minor_units,
            warehouse: order.warehouse.unwrap_or_default().0,
            quantity: order.quantity,
            currency: order.total.currency.0,
            asked_before: order.asked_before || asked_before,
        };
        self.orders.iter().map(item).collect()
    }

    fn item_count(&self) -> usize {
        self.orders.len()
    }

    fn own_request(&self) -> Option<u128> {
        self.orders.first().map(|order| order.request.0)
    }
}

impl Ask for Batch {
    type Answer = Vec<BatchOutcome>;

    fn read(answer: &Parsed<'_, messages::BatchAnswer>) -> Option<Vec<BatchOutcome>> {
        let outcome = |item: wire::BatchAnswerItem| {
            let wire::BatchAnswerItem { order, asked, there, retry_after_ms, status } = item;
            match status {
                0 => Some(BatchOutcome::Accepted(OrderId(order))),
                code => {
                    let status = crate::Status::from_code(code)?;
                    Some(BatchOutcome::NotDone { status, asked, there, retry_after_ms })
                }
            }
        };
        answer.items.iter().map(outcome).collect()
    }
}

impl OrderId {
    /// When the order was made, to the millisecond: ids begin with it.
    pub fn made_at(self) -> MicrosUtc {
        const EPOCH_MS: u64 = 1_704_067_200_000;
        MicrosUtc(((self.0 >> 22) + EPOCH_MS) as i64 * 1_000)
    }
}
