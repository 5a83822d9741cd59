//! What somebody wants of the ledger, parsed: an intent that exists has its fields in their ranges.
//!
//! Intents borrow their lists, so a batch of thousands lies in a few flat vectors and nothing is allocated for
//! one request.

mod aftersale;
mod coupon;
mod cursor;
mod freight;
mod letter;
mod limit;
mod scan;
mod shipment;
mod stock;
mod switch;

pub use aftersale::{CaseDecide, CaseOpen, CaseReceive};
pub use coupon::{CouponCheck, CouponClaim, CouponDefine};
pub use cursor::CursorMove;
pub use freight::FreightPut;
pub use letter::{LetterEnd, LetterList, LetterPark};
pub use limit::LimitPut;
pub use scan::Scan;
pub use shipment::{ConfirmReceipt, SentLine, Ship, Sign, TrackNote};
pub use stock::{EndHold, SHELF_UNITS_MAX, StockExtend, StockReserve, StockReturn, StockTransfer};
pub use switch::SwitchPut;

use crate::coupon::CouponIds;
use crate::cursor::CursorName;
use crate::fact::RequestKey;
use crate::ids::{
    CouponId, GatewayId, Making, OrderId, PaymentId, RequestId, SaleId, SellerId, SkuId, TraceId, UserId,
    WarehouseId,
};
use crate::image::flat;
use crate::switch::Scope;
use crate::units::{Currency, MicrosUtc, MinorUnits, Quantity};

/// Lines of one basket, at most.
pub const LINES_MAX: usize = 256;
/// Warehouses in which one sku has a shelf, at most: what choosing one for a line may have to look at.
pub const WAREHOUSES_A_SKU_MAX: usize = 64;
/// Bytes of the client's own in one order, at most. They are stored and given back, never read.
pub const CLIENT_BYTES_MAX: usize = 1_024;
/// Orders (or history rows) of one LIST page, at most.
pub const PAGE_MAX: u16 = 100;
/// The most orders that are looked at for a page of LIST, those that the page leaves out included: what one read
/// may cost everybody else.
pub const LIST_LOOKS_MAX: u16 = 4_096;
/// Seconds that units can be held for an unpaid order, at most: 30 days.
pub const HOLD_SECONDS_MAX: u32 = 30 * 24 * 3_600;
/// Skus of one sale, at most: what fits one frame of 1 MiB.
pub const SALE_SKUS_MAX: usize = 60_000;

/// One request to the ledger, changing or reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent<'a> {
    /// Make an order: hold every line or nothing.
    Create(Create<'a>),
    /// Check and price a basket; holds nothing.
    Prepare(Prepare<'a>),
    /// End an unpaid order (or a confirmed one with total 0).
    Cancel(Cancel),
    /// Make or replace a sku.
    SkuPut(SkuPut),
    /// Make or replace a sale.
    SalePut(SalePut<'a>),
    /// Add to or take from a shelf.
    StockAdjust(StockAdjust),
    /// Move units between warehouses.
    StockTransfer(StockTransfer),
    /// Take sold units back.
    StockReturn(StockReturn),
    /// Set units aside without an order.
    StockReserve(StockReserve<'a>),
    /// Free what a hold set aside.
    StockRelease(EndHold),
    /// Sell what a hold set aside, without an order.
    StockCommit(EndHold),
    /// Make a hold longer.
    StockExtend(StockExtend),
    /// Read one order, by its id.
    Get {
        /// Whose order it must be; 0 (an operator) reads any.
        user: UserId,
        /// The order.
        order: OrderId,
    },
    /// Read one order, by the request that made it. Known as long as the request id is inside its window; then
    /// REQUEST_ID_EXPIRED, as for a change, which says more than ORDER_NOT_FOUND for an order that may exist.
    GetByRequest {
        /// Whose request it was.
        user: UserId,
        /// The id of the CREATE.
        request: RequestId,
    },
    /// Read a user's orders, newest first.
    List(List),
    /// Read how an order came to its state.
    History {
        /// Whose order it must be; 0 (an operator) reads any.
        user: UserId,
        /// The order.
        order: OrderId,
    },
    /// Read a sku.
    SkuGet(SkuId),
    /// Read skus by id, ascending, from the first above `after`.
    SkuList {
        /// Skus up to this one are left out; 0 starts at the beginning.
        after: SkuId,
        /// 1 to [`PAGE_MAX`].
        limit: u16,
    },
    /// Read a sale. Its skus come with it.
    SaleGet(SaleId),
    /// Read sales (without their skus) by id, ascending, from the first above `after`.
    SaleList {
        /// Sales up to this one are left out; 0 starts at the beginning.
        after: SaleId,
        /// 1 to [`PAGE_MAX`].
        limit: u16,
    },
    /// Make or replace what a seller takes for sending.
    FreightPut(FreightPut),
    /// Read freight rules by seller and currency, ascending, from the first above these two.
    FreightList {
        /// With `currency`: rules up to this one are left out; 0 and 0 start at the beginning.
        seller: SellerId,
        /// See `seller`.
        currency: Currency,
        /// 1 to [`PAGE_MAX`].
        limit: u16,
    },
    /// Read a shelf; warehouse 0 sums over all warehouses of the sku.
    StockGet {
        /// The sku.
        sku: SkuId,
        /// The warehouse, or 0 for all.
        warehouse: WarehouseId,
    },
    /// Read what `audit` compares: everything countable, at one position.
    Holdings,
    /// Move a subscriber's cursor on.
    CursorMove(CursorMove),
    /// Read where a subscriber's cursor stands.
    CursorGet(CursorName),
    /// Open an attempt to pay an order.
    PayOpen(PayOpen),
    /// A gateway tells how an attempt went.
    PayCallback(PayCallback),
    /// Read one attempt: by its id, or the latest of an order. Exactly one of the two is not 0.
    PayGet {
        /// Whose order it must be; 0 (an operator) reads any.
        user: UserId,
        /// The order whose latest attempt is read; 0 where `payment` is named.
        order: OrderId,
        /// The attempt; 0 where `order` is named.
        payment: PaymentId,
    },
    /// Give an attempt up.
    PayClose(PayClose),
    /// Send money of a payment back.
    Refund(Refund),
    /// A gateway tells how a refund went.
    RefundResult(RefundResult),
    /// An operator puts an order right.
    Repair(Repair),
    /// Park a fact that a subscriber could not take.
    LetterPark(LetterPark<'a>),
    /// Tell a subscriber of a parked fact again, or drop it.
    LetterEnd(LetterEnd),
    /// Read what is parked.
    LetterList(LetterList),
    /// Read orders of everybody, newest first.
    Scan(Scan),
    /// Set, replace or clear a switch.
    SwitchPut(SwitchPut<'a>),
    /// Read the switches that are set, in the order of their scopes, from the first behind `after`.
    SwitchList {
        /// Switches up to this scope are left out; nothing starts at the beginning.
        after: Option<Scope>,
        /// 1 to [`PAGE_MAX`].
        limit: u16,
    },
    /// Units of an order were handed to a carrier.
    Ship(Ship<'a>),
    /// Read the shipments of an order.
    Track {
        /// Whose order it must be; 0 (an operator) reads any.
        user: UserId,
        /// The order.
        order: OrderId,
    },
    /// A carrier says where a shipment is.
    TrackNote(TrackNote),
    /// The buyer signed for an order.
    Sign(Sign),
    /// The buyer has it all.
    ConfirmReceipt(ConfirmReceipt),
    /// Set what counts for one user.
    LimitPut(LimitPut),
    /// Read for whom something is set now, by user, ascending, from the first above `after`.
    LimitList {
        /// Users up to this one are left out; 0 starts at the beginning.
        after: UserId,
        /// 1 to [`PAGE_MAX`].
        limit: u16,
    },
    /// Make or replace a coupon.
    CouponDefine(CouponDefine<'a>),
    /// Take a coupon, to use it later.
    CouponClaim(CouponClaim),
    /// Read what coupons would do for a basket.
    CouponCheck(CouponCheck<'a>),
    /// Read a coupon. Its skus come with it.
    CouponGet {
        /// Whose claims and uses are read; 0: nobody's.
        user: UserId,
        /// The coupon.
        coupon: CouponId,
    },
    /// Read coupons (without their skus) by id, ascending, from the first above `after`.
    CouponList {
        /// Coupons up to this one are left out; 0 starts at the beginning.
        after: CouponId,
        /// 1 to [`PAGE_MAX`].
        limit: u16,
    },
    /// A buyer wants money of a line back.
    CaseOpen(CaseOpen),
    /// Read the after-sales cases of an order.
    CaseList {
        /// Whose order it must be; 0 (an operator) reads any.
        user: UserId,
        /// The order.
        order: OrderId,
    },
    /// An operator decides a case.
    CaseDecide(CaseDecide),
    /// The goods of a case came back.
    CaseReceive(CaseReceive),
}

/// What comes with every intent, whatever it wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Trace of the request; goes into the facts.
    pub trace: TraceId,
    /// The client says that it asked this before. The embedded store knows its ids exactly and does not need it.
    pub asked_before: bool,
}

/// A basket on its way to become an order.
///
/// Checked in this order, and the first failure answers: request id outside the window → the same (user,
/// request id) already here → skus known, then open → sale open → hold → currency → price and total → per-order
/// limit → per-user limit → cap → coupons → stock of every line → bounds of the ledger → take all. Each check runs over
/// all lines before the next one starts; the first failing line is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Create<'a> {
    /// Who buys; never 0.
    pub user: UserId,
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// The hold that becomes this order; 0 for none. Its user must be this one. The units that it holds count as
    /// there; what the order does not take of them is free again.
    pub hold: u64,
    /// Used by this order, at most one of each group.
    pub coupons: CouponIds,
    /// Must be the currency of every sku.
    pub currency: Currency,
    /// The total that the buyer was shown, 0 or more: PRICE_CHANGED where it is not the total now.
    pub total: MinorUnits,
    /// 1 to [`LINES_MAX`] lines, each sku once.
    pub lines: Lines<'a>,
    /// At most [`CLIENT_BYTES_MAX`].
    pub client_bytes: &'a [u8],
}

/// A basket to be checked and priced, and held where a request id says so.
///
/// Checked as [`Create`] is, without a hold and a total. Asked again with the same request id, it is priced anew
/// with the units of the hold that it made (HOLD_EXPIRED, HOLD_NOT_FOUND once that has ended).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prepare<'a> {
    /// Who asks; limits are judged for this user.
    pub user: UserId,
    /// Priced in, at most one of each group; a hold does not lock them, CREATE does.
    pub coupons: CouponIds,
    /// Must be the currency of every sku.
    pub currency: Currency,
    /// 1 to [`LINES_MAX`] lines, each sku once.
    pub lines: Lines<'a>,
    /// Hold the units, too, under this request id.
    pub hold: Option<RequestId>,
}

/// A line as the buyer asks for it. Price, sale and seller are the server's to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskedLine {
    /// What.
    pub sku: SkuId,
    /// From where; 0: the lowest-numbered warehouse that has enough (a line is never split).
    pub warehouse: WarehouseId,
    /// How many.
    pub quantity: Quantity,
}

/// 1 to [`LINES_MAX`] lines in which each sku stands once: checked once, here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lines<'a>(&'a [AskedLine]);

/// Why a list of lines is no basket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotABasket {
    /// No line at all, or more than [`LINES_MAX`].
    Count,
    /// This line (counted from 0) has sku 0.
    NoSku(usize),
    /// This line (counted from 0) repeats the sku of an earlier one.
    Repeated(usize),
}

impl<'a> Lines<'a> {
    /// The one way in.
    pub fn parse(lines: &'a [AskedLine]) -> Result<Lines<'a>, NotABasket> {
        if lines.is_empty() || lines.len() > LINES_MAX {
            return Err(NotABasket::Count);
        }
        if let Some(nameless) = lines.iter().position(|line| line.sku == SkuId(0)) {
            return Err(NotABasket::NoSku(nameless));
        }
        match first_repeated(lines) {
            Some(line) => Err(NotABasket::Repeated(line)),
            None => Ok(Lines(lines)),
        }
    }

    /// The lines, in the order of the request.
    pub const fn as_slice(self) -> &'a [AskedLine] {
        self.0
    }
}

/// The first line whose sku stands in an earlier line.
fn first_repeated(lines: &[AskedLine]) -> Option<usize> {
    // Nearly every basket is short: comparing all pairs of a few lines beats sorting them.
    if lines.len() <= 16 {
        return (1..lines.len()).find(|&at| lines[..at].iter().any(|earlier| earlier.sku == lines[at].sku));
    }
    let mut by_sku = [(SkuId(0), 0_u16); LINES_MAX];
    let by_sku = &mut by_sku[..lines.len()];
    for (at, (slot, line)) in by_sku.iter_mut().zip(lines).enumerate() {
        *slot = (line.sku, at as u16);
    }
    by_sku.sort_unstable();
    by_sku.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1 as usize).min()
}

/// Ends an order before it is paid.
///
/// Checked in this order: request id → order there and this user's → version → state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancel {
    /// Whose order it must be; 0: an operator ends it.
    pub user: UserId,
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// The order.
    pub order: OrderId,
    /// The version that the order must have; 0: any.
    pub version: u32,
    /// The shop's own number for why; kept in the history.
    pub why: u16,
}

/// A sku as the operator wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkuPut {
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// The version that this one replaces; 0: the sku is new.
    pub replaces: u32,
    /// The sku itself; its `version` is the server's to say and ignored here.
    pub sku: Sku,
}

/// What is known of a sku.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sku {
    /// Never 0.
    pub id: SkuId,
    /// Counts from 1; one more with each SKU_PUT.
    pub version: u32,
    /// Whose goods these are.
    pub seller: SellerId,
    /// Never 0.
    pub currency: Currency,
    /// Price of one unit outside any sale, 0 or more.
    pub unit_price: MinorUnits,
    /// How long an unpaid order holds its units, 1 to [`HOLD_SECONDS_MAX`].
    pub hold_seconds: u32,
    /// False: every CREATE that names it answers SKU_CLOSED.
    pub open: bool,
    /// What one unit weighs, for freight by weight; 0 where that does not matter.
    pub weight_grams: u32,
}

flat! {
    Sku {
        id: SkuId,
        version: u32,
        seller: SellerId,
        currency: Currency,
        unit_price: MinorUnits,
        hold_seconds: u32,
        open: bool,
        weight_grams: u32,
    }
    Sale {
        id: SaleId,
        version: u32,
        closed_from: MicrosUtc,
        opens: MicrosUtc,
        closes: MicrosUtc,
        user_limit_units: u32,
        order_limit_units: u32,
        cap_units: u64,
        hold_seconds: u32,
    }
}

/// A sale as the operator wants it: this is the whole of it, and skus that are not named leave the sale.
///
/// Checked in this order: request id → version → skus known → windows of one sku do not overlap (INVALID_FIELD,
/// naming the item). Two windows overlap when their spans from `closed_from` to `closes` do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SalePut<'a> {
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// The version that this one replaces; 0: the sale is new.
    pub replaces: u32,
    /// The sale itself; its `version` is the server's to say and ignored here.
    pub sale: Sale,
    /// At most [`SALE_SKUS_MAX`], each once.
    pub skus: &'a [SaleSku],
}

/// What is known of a sale, but for its skus.
///
/// At any instant the sale with the latest `closed_from` not after it speaks for the sku: SALE_NOT_OPEN before
/// `opens`, its price and limits until `closes`, SALE_ENDED from then on. Where no sale speaks, the sku sells by
/// its own price and hold time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sale {
    /// Never 0.
    pub id: SaleId,
    /// Counts from 1; one more with each SALE_PUT.
    pub version: u32,
    /// From when its skus answer SALE_NOT_OPEN; not after `opens`.
    pub closed_from: MicrosUtc,
    /// The first instant at which it sells; before `closes`.
    pub opens: MicrosUtc,
    /// The first instant at which it does not sell any more.
    pub closes: MicrosUtc,
    /// Units that one user may take over all its skus; 0: no limit.
    pub user_limit_units: u32,
    /// Units that one order may take over all its skus; 0: no limit.
    pub order_limit_units: u32,
    /// Units that it sells over all its skus; 0: no cap.
    pub cap_units: u64,
    /// How long an unpaid order holds its units, 1 to [`HOLD_SECONDS_MAX`].
    pub hold_seconds: u32,
}

/// A sku in a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaleSku {
    /// The sku.
    pub sku: SkuId,
    /// Price of one unit in this sale, 0 or more.
    pub unit_price: MinorUnits,
}

/// A change of one shelf. Deltas, so two operators do not overwrite each other.
///
/// Checked in this order: request id → sku known → no field below 0 (INVALID_FIELD) → `on_hand` not taken below
/// what is held (INSUFFICIENT_STOCK), unless the reason is [`AdjustReason::Lost`]. A shelf that is not there yet
/// starts at 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockAdjust {
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// The sku.
    pub sku: SkuId,
    /// Never 0.
    pub warehouse: WarehouseId,
    /// Added to `on_hand`.
    pub on_hand_delta: i64,
    /// Added to `safety`: units kept back from selling.
    pub safety_delta: i64,
    /// Added to `unavailable`: units that are there but cannot be sold (damaged, being counted).
    pub unavailable_delta: i64,
    /// Why `on_hand` changes.
    pub reason: AdjustReason,
}

/// Why units came or went otherwise than by a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AdjustReason {
    /// Goods came in (or a delivery was booked back).
    Received,
    /// A count, a loss, a find.
    Adjusted,
    /// A buyer's units came back.
    Returned,
    /// Units are gone (stolen, broken, miscounted), whoever holds them: the shelf may end below what is held, and
    /// who pays for units that are not there waits for people (STOCK_EXCEPTION). `on_hand` must fall.
    Lost,
}

/// Opens an attempt to pay the whole of an order.
///
/// Checked in this order: request id → order there and this user's → state (ALREADY_PAID where the money is
/// there, else WRONG_STATE) → attempts of the order and bounds of the ledger. The first attempt of an order
/// extends its hold, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayOpen {
    /// Whose order it must be; 0: an operator opens it.
    pub user: UserId,
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// The order.
    pub order: OrderId,
    /// Where the buyer pays; never 0.
    pub gateway: GatewayId,
}

/// What a gateway says of an attempt, its signature verified by whoever made this intent.
///
/// It carries no request id: what it says is true or was said before, and then it changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayCallback {
    /// Who says it: PAYMENT_NOT_FOUND where the attempt was opened for another.
    pub gateway: GatewayId,
    /// The attempt.
    pub payment: PaymentId,
    /// What became of it.
    pub outcome: PayOutcome,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayOutcome {
    /// Money arrived.
    Succeeded {
        /// How much, 0 or more.
        amount: MinorUnits,
        /// In which currency.
        currency: Currency,
        /// The gateway's own number of the transfer.
        reference: u64,
    },
    /// No money will come.
    Failed,
}

/// Gives an attempt up. Where it is open and the order's latest, the order goes back to PENDING_PAYMENT.
///
/// Checked in this order: request id → payment there and this user's → its money is not there (ALREADY_PAID).
/// One that is closed or failed is answered as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayClose {
    /// Whose order it must be; 0: an operator closes it.
    pub user: UserId,
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// The attempt.
    pub payment: PaymentId,
}

/// Asks the gateway, for an operator, to send money of a payment back.
///
/// Checked in this order: request id → payment there → money there that is not on its way back
/// (REFUND_EXCEEDS_PAID) → no other refund of the payment on its way (WRONG_STATE: ask again after its result).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refund {
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// The payment.
    pub payment: PaymentId,
    /// How much, 0 or more; 0: all that is left of it.
    pub amount: MinorUnits,
    /// The shop's own number for why.
    pub why: u16,
}

/// What a gateway says of a refund, its signature verified by whoever made this intent.
///
/// Checked in this order: payment there and this gateway's → it has such a refund → the amount is the refund's
/// (AMOUNT_MISMATCH, and nothing is recorded). What was said before changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefundResult {
    /// Who says it.
    pub gateway: GatewayId,
    /// The payment.
    pub payment: PaymentId,
    /// Which refund of the payment, counted from 1.
    pub number: u16,
    /// Whether the money went back.
    pub succeeded: bool,
    /// How much the refund is about.
    pub amount: MinorUnits,
}

/// An operator puts an order right, where nothing else can.
///
/// Checked in this order: request id → order there → version → what the repair itself wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repair {
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// The order.
    pub order: OrderId,
    /// The version that the order must have; 0: any.
    pub version: u32,
    /// What is to be done.
    pub action: RepairAction,
}

/// What a [`Repair`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepairAction {
    /// Takes the money of a mismatched payment for the order's total, as if exactly that had come.
    ///
    /// Checked in this order: payment there and the order's → its money waits for an operator (ALREADY_PAID where it
    /// paid or goes back, WRONG_STATE where nothing came or a refund was asked for) → the order's currency → the order
    /// wants money (ALREADY_PAID), or its timer ended it and all that it had can be had again (WRONG_STATE).
    Settle(PaymentId),
    /// Sells the units of an order in STOCK_EXCEPTION to it after all: it is CONFIRMED.
    ///
    /// Checked in this order: state (WRONG_STATE) → units of each line on its shelf that nobody holds and that can
    /// be sold, those kept as safety included (SOLD_OUT, INSUFFICIENT_STOCK) → bounds of the ledger.
    Restock,
}

/// Which orders of a user to read, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List {
    /// Whose; never 0.
    pub user: UserId,
    /// Only orders made before this one, which need not be there any more; 0 starts at the newest.
    pub before: OrderId,
    /// Only orders in the state of this number; 0: all.
    pub state: u8,
    /// 1 to [`PAGE_MAX`].
    pub limit: u16,
}

impl Intent<'_> {
    /// Who asks under which request id, for what changes something; reads and what a gateway says have none.
    pub fn request(&self) -> Option<RequestKey> {
        let (who, id) = match self {
            Intent::Create(create) => (create.user, create.request),
            Intent::Cancel(cancel) => (cancel.user, cancel.request),
            Intent::SkuPut(put) => (UserId(0), put.request),
            Intent::SalePut(put) => (UserId(0), put.request),
            Intent::FreightPut(put) => (UserId(0), put.request),
            Intent::StockAdjust(adjust) => (UserId(0), adjust.request),
            Intent::StockTransfer(transfer) => (UserId(0), transfer.request),
            Intent::StockReturn(back) => (UserId(0), back.request),
            Intent::StockReserve(reserve) => (reserve.user, reserve.request),
            Intent::StockRelease(end) | Intent::StockCommit(end) => (end.user, end.request),
            Intent::StockExtend(extend) => (extend.user, extend.request),
            Intent::LetterPark(park) => (UserId(0), park.request),
            Intent::LetterEnd(end) => (UserId(0), end.request),
            Intent::Prepare(Prepare { user, hold: Some(request), .. }) => (*user, *request),
            Intent::PayOpen(open) => (open.user, open.request),
            Intent::PayClose(close) => (close.user, close.request),
            Intent::Refund(refund) => (UserId(0), refund.request),
            Intent::Repair(repair) => (UserId(0), repair.request),
            Intent::SwitchPut(put) => (UserId(0), put.request),
            Intent::Ship(ship) => (UserId(0), ship.request),
            Intent::TrackNote(note) => (UserId(0), note.request),
            Intent::Sign(sign) => (UserId(0), sign.request),
            Intent::ConfirmReceipt(confirm) => (confirm.user, confirm.request),
            Intent::LimitPut(put) => (UserId(0), put.request),
            Intent::CouponDefine(define) => (UserId(0), define.request),
            Intent::CouponClaim(claim) => (claim.user, claim.request),
            Intent::CaseOpen(open) => (open.user, open.request),
            Intent::CaseDecide(decide) => (UserId(0), decide.request),
            Intent::CaseReceive(receive) => (UserId(0), receive.request),
            // What a gateway says is remembered by the payment that it is about.
            Intent::PayCallback(_) | Intent::RefundResult(_) => return None,
            Intent::Prepare(_)
            | Intent::Track { .. }
            | Intent::CaseList { .. }
            | Intent::Get { .. }
            | Intent::GetByRequest { .. }
            | Intent::List(_)
            | Intent::History { .. }
            | Intent::SkuGet(_)
            | Intent::SkuList { .. }
            | Intent::SaleGet(_)
            | Intent::SaleList { .. }
            | Intent::FreightList { .. }
            | Intent::StockGet { .. }
            | Intent::Holdings
            | Intent::CursorMove(_)
            | Intent::CursorGet(_)
            | Intent::PayGet { .. }
            | Intent::LetterList(_)
            | Intent::LimitList { .. }
            | Intent::Scan(_)
            | Intent::SwitchList { .. }
            | Intent::CouponCheck(_)
            | Intent::CouponGet { .. }
            | Intent::CouponList { .. } => return None,
        };
        Some(RequestKey { who, id })
    }

    /// The order that this one looks at or changes, by its own id or by that of a payment.
    pub fn order(&self) -> Option<Making> {
        let order = match self {
            Intent::Cancel(cancel) => cancel.order,
            Intent::Get { order, .. }
            | Intent::History { order, .. }
            | Intent::Track { order, .. }
            | Intent::CaseList { order, .. } => *order,
            Intent::PayOpen(open) => open.order,
            Intent::PayGet { order: OrderId(0), payment, .. } => return Some(payment.making()),
            Intent::PayGet { order, .. } => *order,
            Intent::PayCallback(callback) => return Some(callback.payment.making()),
            Intent::PayClose(close) => return Some(close.payment.making()),
            Intent::Refund(refund) => return Some(refund.payment.making()),
            Intent::RefundResult(result) => return Some(result.payment.making()),
            Intent::Repair(repair) => repair.order,
            Intent::Ship(ship) => ship.order,
            Intent::TrackNote(note) => note.order,
            Intent::Sign(sign) => sign.order,
            Intent::ConfirmReceipt(confirm) => confirm.order,
            Intent::CaseOpen(open) => open.order,
            Intent::CaseDecide(decide) => decide.order,
            Intent::CaseReceive(receive) => receive.order,
            Intent::Create(_)
            | Intent::Prepare(_)
            | Intent::SkuPut(_)
            | Intent::SalePut(_)
            | Intent::FreightPut(_)
            | Intent::FreightList { .. }
            | Intent::StockAdjust(_)
            | Intent::StockTransfer(_)
            | Intent::StockReturn(_)
            | Intent::StockReserve(_)
            | Intent::StockRelease(_)
            | Intent::StockCommit(_)
            | Intent::StockExtend(_)
            | Intent::GetByRequest { .. }
            | Intent::List(_)
            | Intent::SkuGet(_)
            | Intent::SkuList { .. }
            | Intent::SaleGet(_)
            | Intent::SaleList { .. }
            | Intent::StockGet { .. }
            | Intent::Holdings
            | Intent::CursorMove(_)
            | Intent::CursorGet(_)
            | Intent::Scan(_)
            | Intent::SwitchPut(_)
            | Intent::SwitchList { .. }
            | Intent::LimitPut(_)
            | Intent::LimitList { .. }
            | Intent::LetterPark(_)
            | Intent::LetterEnd(_)
            | Intent::LetterList(_)
            | Intent::CouponDefine(_)
            | Intent::CouponClaim(_)
            | Intent::CouponCheck(_)
            | Intent::CouponGet { .. }
            | Intent::CouponList { .. } => return None,
        };
        (order != OrderId(0)).then(|| order.making())
    }
}
