//! STOCK_GET, STOCK_ADJUST, SKU_PUT, SKU_GET, SKU_LIST, SALE_PUT, SALE_GET and SALE_LIST.

use protocol::structs as wire;
use protocol::{Parsed, messages};

use super::sealed::Wire;
use super::{Ask, Changes, Request};
use crate::shop::{self, Page, Sale, SaleWithSkus, Shelf, Sku, SkuNow};
use crate::values::{MicrosUtc, Money, SaleId, SellerId, SkuId, WarehouseId};

/// How long an unpaid order holds its units, unless told otherwise: a quarter of an hour.
const HOLD_SECONDS: u32 = 900;
/// Items of one page, unless told otherwise; also the most.
const PAGE: u16 = 100;

/// Reads a sku's stock.
#[derive(Clone, Debug)]
pub struct StockGet {
    sku: SkuId,
    warehouse: WarehouseId,
}

impl StockGet {
    pub(crate) fn new(sku: SkuId) -> StockGet {
        StockGet { sku, warehouse: WarehouseId(0) }
    }
}

impl Request<StockGet> {
    /// Only this warehouse.
    pub fn warehouse(mut self, warehouse: WarehouseId) -> Self {
        self.ask.warehouse = warehouse;
        self
    }
}

impl Wire for StockGet {
    type Question = messages::StockGet;
    type Reply = messages::StockGetAnswer;
    const CHANGES: bool = false;

    fn head(&self, _request: u128) -> wire::StockGetHead {
        wire::StockGetHead { sku: self.sku.0, warehouse: self.warehouse.0 }
    }
}

impl Ask for StockGet {
    type Answer = Shelf;

    fn read(answer: &Parsed<'_, messages::StockGetAnswer>) -> Option<Shelf> {
        Some(shop::shelf(&answer.head))
    }
}

/// Changes a shelf by deltas, so that two operators do not overwrite each other.
#[derive(Clone, Debug)]
pub struct StockAdjust {
    sku: SkuId,
    warehouse: WarehouseId,
    on_hand: i64,
    safety: i64,
    unavailable: i64,
    reason: AdjustReason,
}

/// Why units came or went otherwise than by a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdjustReason {
    /// Goods came in.
    Received = 1,
    /// A count, a loss, a find.
    Adjusted = 2,
    /// A buyer's units came back.
    Returned = 3,
    /// Units are gone, whoever holds them: who pays for units that are not there waits for people.
    Lost = 5,
}

impl StockAdjust {
    pub(crate) fn new(sku: SkuId, warehouse: WarehouseId) -> StockAdjust {
        StockAdjust { sku, warehouse, on_hand: 0, safety: 0, unavailable: 0, reason: AdjustReason::Received }
    }
}

impl Request<StockAdjust> {
    /// Units that came (or, below 0, went), and why.
    pub fn on_hand(mut self, delta_units: i64, reason: AdjustReason) -> Self {
        self.ask.on_hand = delta_units;
        self.ask.reason = reason;
        self
    }

    /// So many units more (or fewer) are kept back from selling.
    pub fn safety(mut self, delta_units: i64) -> Self {
        self.ask.safety = delta_units;
        self
    }

    /// So many units more (or fewer) are there but cannot be sold.
    pub fn unavailable(mut self, delta_units: i64) -> Self {
        self.ask.unavailable = delta_units;
        self
    }
}

impl Wire for StockAdjust {
    type Question = messages::StockAdjust;
    type Reply = messages::StockAdjustAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::StockAdjustHead {
        wire::StockAdjustHead {
            request,
            sku: self.sku.0,
            on_hand_delta: self.on_hand,
            safety_delta: self.safety,
            unavailable_delta: self.unavailable,
            warehouse: self.warehouse.0,
            reason: self.reason as u8,
        }
    }
}

impl Ask for StockAdjust {
    type Answer = Shelf;

    fn read(answer: &Parsed<'_, messages::StockAdjustAnswer>) -> Option<Shelf> {
        Some(shop::shelf(&answer.head))
    }
}

impl Changes for StockAdjust {}

/// Makes or replaces a sku.
#[derive(Clone, Debug)]
pub struct SkuPut {
    sku: SkuId,
    unit_price: Money,
    replaces: u32,
    seller: SellerId,
    hold_seconds: u32,
    weight_grams: u32,
    open: bool,
}

impl SkuPut {
    pub(crate) fn new(sku: SkuId, unit_price: Money) -> SkuPut {
        let (seller, hold_seconds) = (SellerId(0), HOLD_SECONDS);
        SkuPut { sku, unit_price, replaces: 0, seller, hold_seconds, weight_grams: 0, open: true }
    }
}

impl Request<SkuPut> {
    /// The version that this one replaces. Without it the sku must be new; otherwise VERSION_CONFLICT.
    pub fn replaces(mut self, version: u32) -> Self {
        self.ask.replaces = version;
        self
    }

    /// Whose goods. Default: the shop's own.
    pub fn seller(mut self, seller: SellerId) -> Self {
        self.ask.seller = seller;
        self
    }

    /// How long an unpaid order holds its units, 1 second to 30 days. Default 900.
    pub fn hold_seconds(mut self, seconds: u32) -> Self {
        self.ask.hold_seconds = seconds;
        self
    }

    /// What one unit weighs, for sellers whose freight goes by weight. Default 0.
    pub fn weight_grams(mut self, grams: u32) -> Self {
        self.ask.weight_grams = grams;
        self
    }

    /// Nobody can order it until it is put again.
    pub fn closed(mut self) -> Self {
        self.ask.open = false;
        self
    }
}

impl Wire for SkuPut {
    type Question = messages::SkuPut;
    type Reply = messages::SkuPutAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::SkuPutHead {
        wire::SkuPutHead {
            request,
            sku: self.sku.0,
            unit_price: self.unit_price.minor_units,
            replaces: self.replaces,
            seller: self.seller.0,
            hold_seconds: self.hold_seconds,
            weight_grams: self.weight_grams,
            currency: self.unit_price.currency.0,
            open: self.open,
        }
    }
}

/// The answer is the version that stands now.
impl Ask for SkuPut {
    type Answer = u32;

    fn read(answer: &Parsed<'_, messages::SkuPutAnswer>) -> Option<u32> {
        Some(answer.head.version)
    }
}

impl Changes for SkuPut {}

/// Reads a sku.
#[derive(Clone, Debug)]
pub struct SkuGet {
    pub(crate) sku: SkuId,
}

impl Wire for SkuGet {
    type Question = messages::SkuGet;
    type Reply = messages::SkuGetAnswer;
    const CHANGES: bool = false;

    fn head(&self, _request: u128) -> wire::SkuGetHead {
        wire::SkuGetHead { sku: self.sku.0 }
    }
}

impl Ask for SkuGet {
    type Answer = SkuNow;

    fn read(answer: &Parsed<'_, messages::SkuGetAnswer>) -> Option<SkuNow> {
        let wire::SkuGetAnswerHead { sku, stock, sale } = &answer.head;
        let sale = (*sale != 0).then_some(SaleId(*sale));
        Some(SkuNow { sku: shop::sku(sku), stock: shop::shelf(stock), sale })
    }
}

/// Reads skus by id.
#[derive(Clone, Debug)]
pub struct SkuList {
    after: SkuId,
    limit: u16,
}

impl SkuList {
    pub(crate) fn new() -> SkuList {
        SkuList { after: SkuId(0), limit: PAGE }
    }
}

impl Request<SkuList> {
    /// Only skus above this one: the last one of a page brings the next page.
    pub fn after(mut self, sku: SkuId) -> Self {
        self.ask.after = sku;
        self
    }

    /// Skus of one page, 1 to 100. Default 100.
    pub fn limit(mut self, skus: u16) -> Self {
        self.ask.limit = skus;
        self
    }
}

impl Wire for SkuList {
    type Question = messages::SkuList;
    type Reply = messages::SkuListAnswer;
    const CHANGES: bool = false;

    fn head(&self, _request: u128) -> wire::SkuListHead {
        wire::SkuListHead { after: self.after.0, limit: self.limit }
    }
}

impl Ask for SkuList {
    type Answer = Page<Sku>;

    fn read(answer: &Parsed<'_, messages::SkuListAnswer>) -> Option<Page<Sku>> {
        let items = answer.items.iter().map(|item| shop::sku(&item)).collect();
        Some(Page { items, more: answer.head.more })
    }
}

/// Makes or replaces a sale: what it names is the whole of it.
#[derive(Clone, Debug)]
pub struct SalePut {
    sale: SaleId,
    replaces: u32,
    closed_from: Option<MicrosUtc>,
    opens: MicrosUtc,
    closes: MicrosUtc,
    user_limit_units: u32,
    order_limit_units: u32,
    cap_units: u64,
    hold_seconds: u32,
    skus: Vec<wire::SaleSku>,
}

impl SalePut {
    pub(crate) fn new(sale: SaleId, opens: MicrosUtc, closes: MicrosUtc) -> SalePut {
        SalePut {
            sale,
            replaces: 0,
            closed_from: None,
            opens,
            closes,
            user_limit_units: 0,
            order_limit_units: 0,
            cap_units: 0,
            hold_seconds: HOLD_SECONDS,
            skus: Vec::new(),
        }
    }
}

impl Request<SalePut> {
    /// Adds a sku with its price of one unit in this sale, in minor units of the sku's currency. At most 60,000,
    /// each once.
    pub fn sku(mut self, sku: SkuId, unit_price_minor: i64) -> Self {
        self.ask.skus.push(wire::SaleSku { sku: sku.0, unit_price: unit_price_minor });
        self
    }

    /// The version that this one replaces. Without it the sale must be new; otherwise VERSION_CONFLICT.
    pub fn replaces(mut self, version: u32) -> Self {
        self.ask.replaces = version;
        self
    }

    /// From when its skus answer SALE_NOT_OPEN, not after it opens. Default: when it opens.
    pub fn closed_from(mut self, at: MicrosUtc) -> Self {
        self.ask.closed_from = Some(at);
        self
    }

    /// Units that one user may take over all its skus. Default 0: no limit.
    pub fn user_limit(mut self, units: u32) -> Self {
        self.ask.user_limit_units = units;
        self
    }

    /// Units that one order may take over all its skus. Default 0: no limit.
    pub fn order_limit(mut self, units: u32) -> Self {
        self.ask.order_limit_units = units;
        self
    }

    /// Units that it sells over all its skus. Default 0: no cap.
    pub fn cap(mut self, units: u64) -> Self {
        self.ask.cap_units = units;
        self
    }

    /// How long an unpaid order holds its units, 1 second to 30 days. Default 900.
    pub fn hold_seconds(mut self, seconds: u32) -> Self {
        self.ask.hold_seconds = seconds;
        self
    }
}

impl Wire for SalePut {
    type Question = messages::SalePut;
    type Reply = messages::SalePutAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::SalePutHead {
        wire::SalePutHead {
            request,
            closed_from: self.closed_from.unwrap_or(self.opens).0,
            opens: self.opens.0,
            closes: self.closes.0,
            cap_units: self.cap_units,
            sale: self.sale.0,
            replaces: self.replaces,
            user_limit_units: self.user_limit_units,
            order_limit_units: self.order_limit_units,
            hold_seconds: self.hold_seconds,
        }
    }

    fn items(&self, _asked_before: bool) -> Vec<wire::SaleSku> {
        self.skus.clone()
    }

    fn item_count(&self) -> usize {
        self.skus.len()
    }
}

/// The answer is the version that stands now.
impl Ask for SalePut {
    type Answer = u32;

    fn read(answer: &Parsed<'_, messages::SalePutAnswer>) -> Option<u32> {
        Some(answer.head.version)
    }
}

impl Changes for SalePut {}

/// Reads a sale with its skus.
#[derive(Clone, Debug)]
pub struct SaleGet {
    pub(crate) sale: SaleId,
}

impl Wire for SaleGet {
    type Question = messages::SaleGet;
    type Reply = messages::SaleGetAnswer;
    const CHANGES: bool = false;

    fn head(&self, _request: u128) -> wire::SaleGetHead {
        wire::SaleGetHead { sale: self.sale.0 }
    }
}

impl Ask for SaleGet {
    type Answer = SaleWithSkus;

    fn read(answer: &Parsed<'_, messages::SaleGetAnswer>) -> Option<SaleWithSkus> {
        let skus = answer.items.iter().map(|item| (SkuId(item.sku), item.unit_price)).collect();
        Some(SaleWithSkus { sale: shop::sale(&answer.head), skus })
    }
}

/// Reads sales by id, without their skus.
#[derive(Clone, Debug)]
pub struct SaleList {
    after: SaleId,
    limit: u16,
}

impl SaleList {
    pub(crate) fn new() -> SaleList {
        SaleList { after: SaleId(0), limit: PAGE }
    }
}

impl Request<SaleList> {
    /// Only sales above this one: the last one of a page brings the next page.
    pub fn after(mut self, sale: SaleId) -> Self {
        self.ask.after = sale;
        self
    }

    /// Sales of one page, 1 to 100. Default 100.
    pub fn limit(mut self, sales: u16) -> Self {
        self.ask.limit = sales;
        self
    }
}

impl Wire for SaleList {
    type Question = messages::SaleList;
    type Reply = messages::SaleListAnswer;
    const CHANGES: bool = false;

    fn head(&self, _request: u128) -> wire::SaleListHead {
        wire::SaleListHead { after: self.after.0, limit: self.limit }
    }
}

impl Ask for SaleList {
    type Answer = Page<Sale>;

    fn read(answer: &Parsed<'_, messages::SaleListAnswer>) -> Option<Page<Sale>> {
        let items = answer.items.iter().map(|item| shop::sale(&item)).collect();
        Some(Page { items, more: answer.head.more })
    }
}
