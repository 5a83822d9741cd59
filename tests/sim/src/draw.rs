//! What people ask: mostly what the shop can do, by what the model knows of it; now and then nonsense.

mod rest;

use domain::coupon::Coupon;
use domain::intent::{
    AdjustReason, AskedLine, Cancel, Create, EndHold, Lines, List, PAGE_MAX, PayCallback, PayOpen,
    PayOutcome, Prepare, Refund, RefundResult, Sale, SalePut, SaleSku, Ship, Sign, Sku, SkuPut, StockAdjust,
    StockExtend, StockReserve,
};
use domain::shipment::Waybill;
use domain::{
    Currency, GatewayId, Intent, Micros, MicrosUtc, MinorUnits, OrderId, PaymentId, Quantity, RequestId,
    SaleId, SellerId, SkuId, UserId, Verdict, WarehouseId,
};
use fastrand::Rng;

use crate::judge::Judge;

const EUR: Currency = Currency(978);
const USERS: u64 = 6;
const SKUS: u64 = 5;
const GATEWAY: GatewayId = GatewayId(1);
/// Bytes of the client's own, so that some groups are many blocks long.
const CLIENT_BYTES: [u8; 900] = [0xAB; 900];

/// Lists that an intent borrows, drawn before it.
#[derive(Debug)]
pub(crate) struct Drawn {
    lines: Vec<AskedLine>,
    sale_skus: Vec<SaleSku>,
    coupon: Coupon,
}

impl Drawn {
    pub(crate) fn new(dice: &mut Rng, now: MicrosUtc) -> Drawn {
        let mut skus: Vec<u64> = (1..=SKUS).collect();
        dice.shuffle(&mut skus);
        let lines = skus[..dice.usize(1..4)].iter().map(|&sku| AskedLine {
            sku: SkuId(sku),
            warehouse: WarehouseId(dice.u32(0..2)),
            quantity: Quantity::parse(dice.u32(1..4)).expect("in range"),
        });
        let lines = lines.collect();
        let sale_skus = skus.iter().take(2).map(|&sku| SaleSku { sku: SkuId(sku), unit_price: price(dice) });
        let sale_skus = sale_skus.collect();
        Drawn { lines, sale_skus, coupon: rest::coupon(dice, now) }
    }
}

/// Draws an intent. `now` is about the store's time; `judge` knows what the shop holds.
pub(crate) fn intent<'a>(dice: &mut Rng, judge: &mut Judge, now: MicrosUtc, drawn: &'a Drawn) -> Intent<'a> {
    let request = request(dice, now);
    let user = UserId(dice.u64(1..=USERS));
    match dice.u8(0..56) {
        0 | 1 => Intent::SkuPut(sku_put(dice, judge, request)),
        2 => Intent::SalePut(sale_put(dice, judge, now, request, &drawn.sale_skus)),
        3..=6 => Intent::StockAdjust(StockAdjust {
            request,
            sku: sku(dice),
            warehouse: WarehouseId(1),
            on_hand_delta: dice.i64(-5..60),
            safety_delta: 0,
            unavailable_delta: 0,
            reason: AdjustReason::Received,
        }),
        7..=19 => Intent::Create(create(dice, judge, request, user, drawn)),
        20 | 21 => {
            let order = order(dice, judge);
            Intent::Cancel(Cancel { user: UserId(0), request, order, version: 0, why: 1 })
        }
        22..=24 => {
            let order = order(dice, judge);
            Intent::PayOpen(PayOpen { user: UserId(0), request, order, gateway: GATEWAY })
        }
        25..=27 => Intent::PayCallback(callback(dice, judge)),
        28 => {
            let (payment, amount) = (payment(dice, judge), MinorUnits(dice.i64(0..100)));
            Intent::Refund(Refund { request, payment, amount, why: 1 })
        }
        29 => {
            let payment = payment(dice, judge);
            let found = brief(judge, payment);
            let (number, amount) =
                found.map_or((1, MinorUnits(1)), |it| (it.refund_number, it.refund_amount));
            let succeeded = dice.bool();
            Intent::RefundResult(RefundResult { gateway: GATEWAY, payment, number, succeeded, amount })
        }
        30 | 31 => {
            let waybill = Waybill { carrier: [dice.u8(..); 16], ..Waybill::NONE };
            let order = order(dice, judge);
            Intent::Ship(Ship { request, order, version: 0, waybill, lines: &[] })
        }
        32 => Intent::Sign(Sign { request, order: order(dice, judge), version: 0 }),
        33..=35 => Intent::StockReserve(StockReserve {
            user,
            request,
            hold_seconds: dice.u32(1..60),
            lines: Lines::parse(&drawn.lines).expect("drawn as a basket"),
        }),
        36..=38 => {
            let (hold, user) = hold(dice, judge);
            match dice.u8(0..3) {
                0 => Intent::StockRelease(EndHold { user, request, hold }),
                1 => Intent::StockCommit(EndHold { user, request, hold }),
                _ => Intent::StockExtend(StockExtend { user, request, hold, hold_seconds: 100 }),
            }
        }
        39 => Intent::Holdings,
        40 => Intent::StockGet { sku: sku(dice), warehouse: WarehouseId(0) },
        41 => Intent::List(List { user, before: OrderId(0), state: 0, limit: 20 }),
        42 => Intent::History { user: UserId(0), order: order(dice, judge) },
        43 => Intent::SkuGet(sku(dice)),
        44 | 45 => Intent::Get { user: UserId(0), order: order(dice, judge) },
        _ => rest::intent(dice, judge, now, request, drawn),
    }
}

/// The skus and the stock that a new shop begins with.
pub(crate) fn opening_stock(now: MicrosUtc) -> Vec<Intent<'static>> {
    let id = |n: u64| RequestId(((now.0 / 1_000) as u128) << 80 | u128::from(n));
    let put = |sku| {
        let put = Sku {
            id: SkuId(sku),
            version: 0,
            seller: SellerId(1),
            currency: EUR,
            unit_price: MinorUnits(sku as i64 * 10),
            hold_seconds: 5,
            open: true,
            weight_grams: 0,
        };
        Intent::SkuPut(SkuPut { request: id(sku), replaces: 0, sku: put })
    };
    let stock = |sku| {
        Intent::StockAdjust(StockAdjust {
            request: id(sku + 100),
            sku: SkuId(sku),
            warehouse: WarehouseId(1),
            on_hand_delta: 200,
            safety_delta: 0,
            unavailable_delta: 0,
            reason: AdjustReason::Received,
        })
    };
    (1..=SKUS).flat_map(|sku| [put(sku), stock(sku)]).collect()
}

/// What shows most of a shop at once: asked after each opening.
pub(crate) fn looking_around() -> Vec<Intent<'static>> {
    let list =
        |user| Intent::List(List { user: UserId(user), before: OrderId(0), state: 0, limit: PAGE_MAX });
    let shelf = |sku| Intent::StockGet { sku: SkuId(sku), warehouse: WarehouseId(0) };
    let skus = Intent::SkuList { after: SkuId(0), limit: PAGE_MAX };
    let coupons = Intent::CouponList { after: domain::CouponId(0), limit: PAGE_MAX };
    let tables = [Intent::Holdings, skus, coupons].into_iter();
    tables.chain((1..=USERS).map(list)).chain((1..=SKUS).map(shelf)).collect()
}

fn sku_put(dice: &mut Rng, judge: &mut Judge, request: RequestId) -> SkuPut {
    let id = sku(dice);
    let stands =
        if let Verdict::SkuFound(found) = judge.read(&Intent::SkuGet(id)) { found.sku.version } else { 0 };
    let sku = Sku {
        id,
        version: 0,
        seller: SellerId(1),
        currency: EUR,
        unit_price: price(dice),
        hold_seconds: dice.u32(1..30),
        open: dice.u8(0..10) != 0,
        weight_grams: 0,
    };
    SkuPut { request, replaces: stands, sku }
}

fn sale_put<'a>(
    dice: &mut Rng,
    judge: &mut Judge,
    now: MicrosUtc,
    request: RequestId,
    skus: &'a [SaleSku],
) -> SalePut<'a> {
    let id = SaleId(dice.u32(1..3));
    let found = judge.read(&Intent::SaleGet(id));
    let stands = if let Verdict::SaleFound(found) = found { found.summary.sale.version } else { 0 };
    let sale = Sale {
        id,
        version: 0,
        closed_from: now.after(Micros(-1_000_000)),
        opens: now.after(Micros(dice.i64(-1_000..1_000_000))),
        closes: now.after(Micros(dice.i64(2_000_000..60_000_000))),
        user_limit_units: dice.u32(0..5),
        order_limit_units: 0,
        cap_units: dice.u64(0..60),
        hold_seconds: dice.u32(1..30),
    };
    SalePut { request, replaces: stands, sale, skus }
}

fn create<'a>(
    dice: &mut Rng,
    judge: &mut Judge,
    request: RequestId,
    user: UserId,
    drawn: &'a Drawn,
) -> Create<'a> {
    let lines = Lines::parse(&drawn.lines).expect("drawn as a basket");
    let coupons = rest::coupons_of_basket(dice);
    let prepare = Prepare { user, coupons, currency: EUR, lines, hold: None };
    let priced = judge.read(&Intent::Prepare(prepare));
    let total = if let Verdict::Priced(priced) = priced { priced.total } else { price(dice) };
    let bytes = if dice.bool() { 0 } else { dice.usize(0..CLIENT_BYTES.len()) };
    let (hold, user) = if dice.u8(0..6) == 0 { hold(dice, judge) } else { (0, user) };
    let client_bytes = &CLIENT_BYTES[..bytes];
    Create { user, request, hold, coupons, currency: EUR, total, lines, client_bytes }
}

fn callback(dice: &mut Rng, judge: &mut Judge) -> PayCallback {
    let payment = payment(dice, judge);
    let amount = brief(judge, payment).map_or(MinorUnits(5), |it| it.amount);
    let outcome = match dice.u8(0..6) {
        0 => PayOutcome::Failed,
        _ => PayOutcome::Succeeded { amount, currency: EUR, reference: dice.u64(0..2) },
    };
    PayCallback { gateway: GATEWAY, payment, outcome }
}

fn brief(judge: &mut Judge, payment: PaymentId) -> Option<domain::verdict::PaymentBrief> {
    let read = Intent::PayGet { user: UserId(0), order: OrderId(0), payment };
    if let Verdict::Payment(brief) = judge.read(&read) { Some(brief) } else { None }
}

/// Mostly an attempt that is there.
fn payment(dice: &mut Rng, judge: &mut Judge) -> PaymentId {
    let mut payment = PaymentId::new(order(dice, judge), 1);
    for _ in 0..4 {
        if brief(judge, payment).is_some() {
            break;
        }
        payment = PaymentId::new(order(dice, judge), 1);
    }
    payment
}

/// One of somebody's latest orders, most of the time.
fn order(dice: &mut Rng, judge: &mut Judge) -> OrderId {
    let user = UserId(dice.u64(1..=USERS));
    let list = Intent::List(List { user, before: OrderId(0), state: 0, limit: PAGE_MAX.min(8) });
    let Verdict::Orders(made) = judge.read(&list) else { return OrderId(7) };
    let made = dice.choice(&made.items).map(|brief| brief.order);
    made.filter(|_| dice.u8(0..16) != 0).unwrap_or(OrderId(dice.u64(..)))
}

/// One of the last holds that were made, and whose it is.
fn hold(dice: &mut Rng, judge: &Judge) -> (u64, UserId) {
    let holds = judge.holds();
    let latest = &holds[holds.len().saturating_sub(6)..];
    dice.choice(latest).copied().unwrap_or((7, UserId(1)))
}

fn sku(dice: &mut Rng) -> SkuId {
    let one_unknown = u64::from(dice.u8(0..20) == 0);
    SkuId(dice.u64(1..=SKUS + one_unknown))
}

fn price(dice: &mut Rng) -> MinorUnits {
    MinorUnits(dice.i64(0..100))
}

/// An id of about now; now and then far from it.
fn request(dice: &mut Rng, now: MicrosUtc) -> RequestId {
    let far = if dice.u8(0..50) == 0 { dice.i64(-90_000_000..400_000) } else { 0 };
    RequestId(((now.0 / 1_000 + far) as u128) << 80 | dice.u128(0..1 << 80))
}
