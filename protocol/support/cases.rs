//! An ordinary case or more of each message; [`super::File::message`] adds the edges.

mod aftersale;
mod coupon;
mod freight;
mod guards;
mod payment;
mod shipment;
mod stock;

use protocol::messages::*;
use protocol::structs::*;
use protocol::{EventType, Kind, KindCode, Nothing, Status, text};

use super::File;

/// 2026-06-18 12:00:00 UTC, µs.
const NOON: i64 = 1_781_784_000_000_000;
const REQUEST: u128 = (NOON as u128 / 1_000) << 80 | 0x7A11_5EED;
const ORDER: u64 = 0x1211_D1E5_B028_6001;
const MINUTE: i64 = 60_000_000;

const WHOLE: Refusal = Refusal::WHOLE;

const BRIEF: OrderBrief = OrderBrief {
    order: ORDER,
    user: 42,
    total: 4_497,
    created_at: NOON,
    pay_until: NOON + 15 * MINUTE,
    version: 1,
    currency: 978,
    state: 2,
};

const ASKED: AskedLine = AskedLine { sku: 1_001, warehouse: 0, quantity: 2 };

const LINE: Line = Line {
    sku: 1_001,
    unit_price: 1_999,
    discount: 0,
    freight: 499,
    seller: 0,
    warehouse: 1,
    sale: 618,
    quantity: 2,
    parcel: 0,
};

const SHELF: Shelf = Shelf {
    sku: 1_001,
    on_hand: 10_000,
    held: 120,
    safety: 10,
    unavailable: 3,
    sold: 2_400,
    sellable: 9_867,
    warehouse: 1,
};

const SKU: Sku = Sku {
    sku: 1_001,
    unit_price: 2_499,
    version: 3,
    seller: 7,
    hold_seconds: 900,
    weight_grams: 1_500,
    currency: 978,
    open: true,
};

const SALE: Sale = Sale {
    closed_from: NOON - 60 * MINUTE,
    opens: NOON,
    closes: NOON + 120 * MINUTE,
    cap_units: 10_000,
    taken_units: 2_520,
    sale: 618,
    version: 2,
    user_limit_units: 2,
    order_limit_units: 2,
    hold_seconds: 300,
};

pub fn files() -> Vec<File> {
    [
        session(),
        orders(),
        shop(),
        stock::files(),
        payment::files(),
        shipment::files(),
        coupon::files(),
        aftersale::files(),
        events(),
        operate(),
        guards::files(),
        freight::files(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn refusal(line: u32, asked: i64, there: i64) -> Refusal {
    Refusal { line, asked, there }
}

fn session() -> Vec<File> {
    let mut hello = File::of("HELLO");
    let head = HelloHead { client: text("tidegate-load"), client_version: text("0.1.0") };
    hello.message::<Hello>(vec![("a client", head, vec![], b"")]);
    let answer = HelloAnswerHead {
        store: 0x0192_F0C0_FFEE_7A11_8000_0000_0000_0001,
        server_time: NOON,
        request_window_us: 24 * 60 * MINUTE,
        request_ahead_us: 5 * MINUTE,
        frame_bytes_max: 1 << 20,
        in_flight_max: 1_024,
        lines_max: 256,
        client_bytes_max: 1_024,
        batch_items_max: 4_096,
        page_max: 100,
        server: text("tidegate 0.1.0"),
        wire_version: 1,
    };
    let kinds = [Kind::Hello, Kind::Ping, Kind::Create].map(|kind| KindServed { kind: kind.code() });
    hello.message::<HelloAnswer>(vec![("three kinds served", answer, kinds.to_vec(), b"")]);
    hello.refusal(Kind::Hello.into(), Status::AuthRequired, 0, WHOLE);
    hello.refusal(KindCode::NO_REQUEST, Status::UnsupportedVersion, 0, WHOLE);

    let mut ping = File::of("PING");
    ping.message::<Ping>(vec![("a ping", Nothing, vec![], b"")]);
    ping.message::<PingAnswer>(vec![("the time", PingAnswerHead { server_time: NOON }, vec![], b"")]);
    ping.refusal(Kind::Ping.into(), Status::TooManyInFlight, 5, WHOLE);

    let mut goaway = File::of("GOAWAY");
    goaway.message::<Goaway>(vec![("the client is done", Nothing, vec![], b"")]);
    goaway.message::<GoawayAnswer>(vec![(
        "two answers to come",
        GoawayAnswerHead { in_flight: 2 },
        vec![],
        b"",
    )]);
    goaway.refusal(Kind::Goaway.into(), Status::GoingAway, 1_000, WHOLE);
    vec![hello, ping, goaway]
}

fn orders() -> Vec<File> {
    let mut prepare = File::of("PREPARE");
    let head = PrepareHead { request: 0, user: 42, coupons: Coupons::NONE, currency: 978, hold: false };
    let holds = PrepareHead { request: REQUEST, hold: true, ..head };
    let coupons = PrepareHead { coupons: coupon::TWO, ..head };
    prepare.message::<Prepare>(vec![
        ("one line", head, vec![ASKED], b""),
        ("with two coupons", coupons, vec![ASKED], b""),
        ("one line to be held", holds, vec![ASKED], b""),
    ]);
    let priced = PrepareAnswerHead {
        total: 4_497,
        discount: 0,
        freight: 499,
        hold: 0,
        hold_until: 0,
        hold_seconds: 300,
    };
    let held = PrepareAnswerHead { hold: ORDER + 1, hold_until: NOON + 5 * MINUTE, ..priced };
    prepare.message::<PrepareAnswer>(vec![
        ("one line", priced, vec![LINE], b""),
        ("one line held", held, vec![LINE], b""),
    ]);
    prepare.refusal(Kind::Prepare.into(), Status::InsufficientStock, 0, refusal(0, 2, 1));

    let mut create = File::of("CREATE");
    let head = CreateHead {
        request: REQUEST,
        user: 42,
        hold: 0,
        coupons: Coupons::NONE,
        total: 4_497,
        currency: 978,
        client_bytes: 0,
    };
    let basket = (1..=256).map(|sku| AskedLine { sku, warehouse: 0, quantity: 1 }).collect();
    create.message::<Create>(vec![
        ("one line", head, vec![ASKED], b""),
        ("one line and a note", CreateHead { client_bytes: 4, ..head }, vec![ASKED], b"gift"),
        ("with two coupons", CreateHead { coupons: coupon::TWO, total: 3_000, ..head }, vec![ASKED], b""),
        ("a full basket", head, basket, b""),
        (
            "wrong in the shop, well formed on the wire",
            CreateHead { user: 0, ..head },
            vec![ASKED, ASKED],
            b"",
        ),
    ]);
    let free = OrderBrief { total: 0, state: 6, ..BRIEF };
    create.message::<CreateAnswer>(vec![
        ("waits for payment", BRIEF, vec![], b""),
        ("free", free, vec![], b""),
    ]);
    for (status, body) in [
        (Status::SoldOut, refusal(0, 2, 0)),
        (Status::PriceChanged, refusal(Refusal::NO_LINE, 4_497, 4_997)),
        (Status::RequestIdExpired, refusal(Refusal::NO_LINE, NOON - 25 * 60 * MINUTE, NOON)),
        (Status::InvalidField, refusal(255, i64::MIN, i64::MAX)),
    ] {
        create.refusal(Kind::Create.into(), status, 0, body);
    }
    create.refusal(Kind::Create.into(), Status::Overloaded, 20, WHOLE);

    let mut get = File::of("GET");
    let by_order = GetHead { request: 0, user: 42, order: ORDER };
    let by_request = GetHead { request: REQUEST, user: 42, order: 0 };
    get.message::<Get>(vec![("by order", by_order, vec![], b""), ("by request id", by_request, vec![], b"")]);
    let found = OrderHead {
        brief: BRIEF,
        request: REQUEST,
        hold: 0,
        coupons: Coupons::NONE,
        coupon_discounts: CouponDiscounts::of([0; 4]),
        discount: 0,
        freight: 499,
        client_bytes: 4,
    };
    let discounts = CouponDiscounts::of([800, 200, 0, 0]);
    let cheaper = OrderHead {
        coupons: coupon::TWO,
        coupon_discounts: discounts,
        discount: 1_000,
        client_bytes: 0,
        ..found
    };
    get.message::<GetAnswer>(vec![
        ("with a note", found, vec![LINE], b"gift"),
        ("with two coupons", cheaper, vec![Line { discount: 1_000, ..LINE }], b""),
    ]);
    get.refusal(Kind::Get.into(), Status::OrderNotFound, 0, WHOLE);

    let mut list = File::of("LIST");
    let head = ListHead { user: 42, before: 0, limit: 20, state: 0 };
    list.message::<List>(vec![("the newest", head, vec![], b"")]);
    let two = vec![BRIEF, OrderBrief { order: ORDER - 1, ..BRIEF }];
    list.message::<ListAnswer>(vec![
        ("none", ListAnswerHead { next: 0 }, vec![], b""),
        ("none here, go on", ListAnswerHead { next: ORDER - 9 }, vec![], b""),
        ("two of more", ListAnswerHead { next: ORDER - 1 }, two, b""),
    ]);
    list.refusal(Kind::List.into(), Status::InvalidField, 0, WHOLE);
    list.refusal(Kind::List.into(), Status::OrderNotFound, 0, WHOLE);

    let mut history = File::of("HISTORY");
    history.message::<History>(vec![("an order's", HistoryHead { user: 42, order: ORDER }, vec![], b"")]);
    let made = HistoryRow { at: NOON, actor_id: 42, version: 1, why: 0, from: 0, to: 2, actor: 1 };
    let ended =
        HistoryRow { at: NOON + 15 * MINUTE, actor_id: 0, version: 2, why: 0, from: 2, to: 12, actor: 3 };
    let of = HistoryAnswerHead { order: ORDER };
    history.message::<HistoryAnswer>(vec![("made, then ended by the timer", of, vec![made, ended], b"")]);
    history.refusal(Kind::History.into(), Status::OrderNotFound, 0, WHOLE);

    let mut cancel = File::of("CANCEL");
    let head = CancelHead { request: REQUEST + 1, user: 42, order: ORDER, version: 1, why: 17 };
    cancel.message::<Cancel>(vec![("by the user", head, vec![], b"")]);
    cancel.message::<CancelAnswer>(vec![(
        "done",
        OrderBrief { version: 2, state: 12, ..BRIEF },
        vec![],
        b"",
    )]);
    cancel.refusal(Kind::Cancel.into(), Status::WrongState, 0, refusal(Refusal::NO_LINE, 12, 6));

    let mut batch = File::of("BATCH");
    let item = BatchItem {
        request: REQUEST,
        user: 42,
        sku: 1_001,
        total: 1_999,
        warehouse: 0,
        quantity: 1,
        currency: 978,
        asked_before: false,
    };
    let again = BatchItem { request: REQUEST + 1, user: 43, asked_before: true, ..item };
    batch.message::<Batch>(vec![("a first ask and another ask", Nothing, vec![item, again], b"")]);
    let done = BatchAnswerItem { order: ORDER, asked: 0, there: 0, retry_after_ms: 0, status: 0 };
    let late =
        BatchAnswerItem { order: 0, asked: 1, there: 0, retry_after_ms: 0, status: Status::SoldOut.code() };
    batch.message::<BatchAnswer>(vec![("one done, one sold out", Nothing, vec![done, late], b"")]);
    batch.refusal(Kind::Batch.into(), Status::Draining, 5_000, WHOLE);
    vec![prepare, create, get, list, history, cancel, batch]
}

fn shop() -> Vec<File> {
    let mut stock_get = File::of("STOCK_GET");
    let one = StockGetHead { sku: 1_001, warehouse: 1 };
    let sum = StockGetHead { sku: 1_001, warehouse: 0 };
    stock_get.message::<StockGet>(vec![("one shelf", one, vec![], b""), ("all of a sku", sum, vec![], b"")]);
    stock_get.message::<StockGetAnswer>(vec![("one shelf", SHELF, vec![], b"")]);
    stock_get.refusal(Kind::StockGet.into(), Status::SkuNotFound, 0, WHOLE);

    let mut adjust = File::of("STOCK_ADJUST");
    let head = StockAdjustHead {
        request: REQUEST,
        sku: 1_001,
        on_hand_delta: 10_000,
        safety_delta: 10,
        unavailable_delta: 0,
        warehouse: 1,
        reason: 1,
    };
    let loss = StockAdjustHead {
        on_hand_delta: -3,
        safety_delta: -10,
        unavailable_delta: i64::MIN,
        reason: 2,
        ..head
    };
    let gone = StockAdjustHead { on_hand_delta: -3, safety_delta: 0, reason: 5, ..head };
    adjust.message::<StockAdjust>(vec![
        ("goods came in", head, vec![], b""),
        ("a loss", loss, vec![], b""),
        ("units are gone", gone, vec![], b""),
    ]);
    adjust.message::<StockAdjustAnswer>(vec![("the shelf now", SHELF, vec![], b"")]);
    adjust.refusal(
        Kind::StockAdjust.into(),
        Status::InsufficientStock,
        0,
        refusal(Refusal::NO_LINE, -200, 120),
    );

    let mut sku_put = File::of("SKU_PUT");
    let head = SkuPutHead {
        request: REQUEST,
        sku: 1_001,
        unit_price: 2_499,
        replaces: 0,
        seller: 7,
        hold_seconds: 900,
        weight_grams: 1_500,
        currency: 978,
        open: true,
    };
    let closed = SkuPutHead { replaces: 1, open: false, ..head };
    sku_put.message::<SkuPut>(vec![("new", head, vec![], b""), ("closed", closed, vec![], b"")]);
    sku_put.message::<SkuPutAnswer>(vec![("new", SkuPutAnswerHead { sku: 1_001, version: 1 }, vec![], b"")]);
    sku_put.refusal(Kind::SkuPut.into(), Status::VersionConflict, 0, refusal(Refusal::NO_LINE, 0, 3));

    let mut sku_get = File::of("SKU_GET");
    sku_get.message::<SkuGet>(vec![("a sku", SkuGetHead { sku: 1_001 }, vec![], b"")]);
    let found = SkuGetAnswerHead { sku: SKU, stock: Shelf { warehouse: 0, ..SHELF }, sale: 618 };
    sku_get.message::<SkuGetAnswer>(vec![("in a sale", found, vec![], b"")]);
    sku_get.refusal(Kind::SkuGet.into(), Status::SkuNotFound, 0, WHOLE);

    let mut sku_list = File::of("SKU_LIST");
    sku_list.message::<SkuList>(vec![(
        "from the beginning",
        SkuListHead { after: 0, limit: 100 },
        vec![],
        b"",
    )]);
    sku_list.message::<SkuListAnswer>(vec![("the last one", PageHead { more: false }, vec![SKU], b"")]);
    sku_list.refusal(Kind::SkuList.into(), Status::InvalidField, 0, WHOLE);

    let mut sale_put = File::of("SALE_PUT");
    let head = SalePutHead {
        request: REQUEST,
        closed_from: SALE.closed_from,
        opens: SALE.opens,
        closes: SALE.closes,
        cap_units: 10_000,
        sale: 618,
        replaces: 0,
        user_limit_units: 2,
        order_limit_units: 2,
        hold_seconds: 300,
    };
    let skus = vec![SaleSku { sku: 1_001, unit_price: 1_999 }, SaleSku { sku: 1_002, unit_price: 0 }];
    sale_put.message::<SalePut>(vec![
        ("two skus", head, skus.clone(), b""),
        ("nothing left in it", SalePutHead { replaces: 1, ..head }, vec![], b""),
    ]);
    sale_put.message::<SalePutAnswer>(vec![(
        "new",
        SalePutAnswerHead { sale: 618, version: 1 },
        vec![],
        b"",
    )]);
    sale_put.refusal(Kind::SalePut.into(), Status::InvalidField, 0, refusal(1, 0, 0));

    let mut sale_get = File::of("SALE_GET");
    sale_get.message::<SaleGet>(vec![("a sale", SaleGetHead { sale: 618 }, vec![], b"")]);
    sale_get.message::<SaleGetAnswer>(vec![("two skus", SALE, skus, b"")]);
    sale_get.refusal(Kind::SaleGet.into(), Status::SkuNotFound, 0, WHOLE);

    let mut sale_list = File::of("SALE_LIST");
    sale_list.message::<SaleList>(vec![("behind one", SaleListHead { after: 617, limit: 1 }, vec![], b"")]);
    sale_list.message::<SaleListAnswer>(vec![("one of more", PageHead { more: true }, vec![SALE], b"")]);
    sale_list.refusal(Kind::SaleList.into(), Status::UnknownKind, 0, WHOLE);
    vec![stock_get, adjust, sku_put, sku_get, sku_list, sale_put, sale_get, sale_list]
}

fn events() -> Vec<File> {
    let mut subscribe = File::of("SUBSCRIBE");
    let head = SubscribeHead {
        cursor: text(""),
        position: 0,
        types: 0,
        user: 0,
        sku: 0,
        sale: 0,
        credit_events: 1_024,
        credit_bytes: 1 << 20,
        partition: 0,
        from: 0,
    };
    let created = EventType::OrderCreated.bit() | EventType::OrderCancelled.bit();
    let of_a_sale = SubscribeHead { position: 41, types: created, sale: 618, from: 1, ..head };
    let named = SubscribeHead { cursor: text("warehouse"), from: 2, ..head };
    subscribe.message::<Subscribe>(vec![
        ("everything from now on", head, vec![], b""),
        ("two types of one sale behind a position", of_a_sale, vec![], b""),
        ("behind a named cursor", named, vec![], b""),
    ]);
    let answer = SubscribeAnswerHead { after: 41, through: 57, durable: 60, server_time: NOON, partition: 0 };
    let event = Event {
        position: 44,
        previous: 41,
        again: 0,
        at: NOON,
        order: ORDER,
        payment: 0,
        coupon: 0,
        user: 42,
        sku: 1_001,
        unit_price: 1_999,
        amount: 4_497,
        units: 2,
        safety_delta: 0,
        unavailable_delta: 0,
        actor_id: 42,
        request: REQUEST,
        trace: 7,
        warehouse: 1,
        sale: 618,
        version: 1,
        event: EventType::OrderCreated.number(),
        schema: 1,
        part: 0,
        parts: 1,
        currency: 978,
        why: 0,
        state: 2,
        reason: 0,
        actor: 1,
    };
    let timed_out = Event {
        position: 52,
        previous: 44,
        event: EventType::OrderCancelled.number(),
        version: 2,
        state: 12,
        reason: 2,
        actor: 3,
        actor_id: 0,
        request: 0,
        trace: 0,
        ..event
    };
    subscribe.message::<SubscribeAnswer>(vec![
        ("created, then timed out", answer, vec![event, timed_out], b""),
        ("nothing that the filter wants", answer, vec![], b""),
    ]);
    subscribe.refusal(Kind::Subscribe.into(), Status::CursorTooOld, 0, refusal(Refusal::NO_LINE, 3, 17));

    let mut ack = File::of("ACK");
    let grant = AckHead {
        cursor: text(""),
        position: 0,
        subscription: 7,
        credit_events: 512,
        credit_bytes: 1 << 19,
        partition: 0,
        forget: false,
    };
    let moved = AckHead { cursor: text("warehouse"), position: 57, ..grant };
    ack.message::<Ack>(vec![
        ("credit alone", grant, vec![], b""),
        ("a cursor and credit", moved, vec![], b""),
    ]);
    ack.message::<AckAnswer>(vec![("it stands there", AckAnswerHead { position: 57 }, vec![], b"")]);
    ack.refusal(Kind::Ack.into(), Status::InvalidField, 0, WHOLE);

    let mut unsubscribe = File::of("UNSUBSCRIBE");
    unsubscribe.message::<Unsubscribe>(vec![(
        "a subscription",
        UnsubscribeHead { subscription: 7 },
        vec![],
        b"",
    )]);
    let through = UnsubscribeAnswerHead { through: 57 };
    unsubscribe.message::<UnsubscribeAnswer>(vec![("where it ended", through, vec![], b"")]);
    unsubscribe.refusal(Kind::Unsubscribe.into(), Status::InvalidField, 0, WHOLE);
    vec![subscribe, ack, unsubscribe, dead_letters()]
}

fn dead_letters() -> File {
    let mut letters = File::of("DEAD_LETTERS");
    let read = DeadLettersHead {
        request: 0,
        subscriber: text(""),
        reason: text(""),
        position: 0,
        partition: 0,
        limit: 100,
        action: 0,
    };
    let (subscriber, reason) = (text("warehouse"), text("no such bin"));
    let park =
        DeadLettersHead { request: REQUEST, subscriber, reason, position: 44, limit: 0, action: 1, ..read };
    letters.message::<DeadLetters>(vec![
        ("the first page", read, vec![], b""),
        ("one could not be taken", park, vec![], b""),
        ("tell it again", DeadLettersHead { reason: text(""), action: 2, ..park }, vec![], b""),
    ]);
    let letter = DeadLetter { subscriber, reason, position: 44, at: 1_782_907_200_123_456, partition: 0 };
    let head = DeadLettersAnswerHead { parked: 2, more: true };
    letters.message::<DeadLettersAnswer>(vec![
        ("one of two", head, vec![letter], b""),
        ("a change", DeadLettersAnswerHead { parked: 1, more: false }, vec![], b""),
    ]);
    letters.refusal(Kind::DeadLetters.into(), Status::Overloaded, 250, WHOLE);
    letters.refusal(Kind::DeadLetters.into(), Status::InvalidField, 0, WHOLE);
    letters
}

fn operate() -> Vec<File> {
    let mut stats = File::of("STATS");
    stats.message::<Stats>(vec![("all", Nothing, vec![], b"")]);
    stats.message::<StatsAnswer>(vec![]);
    stats.refusal(Kind::Stats.into(), Status::Forbidden, 0, WHOLE);

    let mut audit = File::of("AUDIT");
    audit.message::<Audit>(vec![("all", Nothing, vec![], b"")]);
    let head = AuditHead {
        ok: false,
        position: 1_000_000,
        at: NOON,
        stock: 10_000,
        sold: 9_000,
        held: 1_001,
        orders: 10_001,
        oversold: 1,
        duplicate_orders: 0,
        lost: 0,
        millis: 850,
        begins_behind: 900_000,
    };
    let invariant = |name, violations| Invariant { name: text(name), counted: 1_000, violations };
    let found = vec![invariant("nothing oversold", 1), invariant("one order a request id", 0)];
    audit.message::<AuditAnswer>(vec![("one unit too many", head, found, b"")]);
    audit.refusal(Kind::Audit.into(), Status::StoreUnavailable, 100, WHOLE);

    let mut drain = File::of("DRAIN");
    drain.message::<Drain>(vec![
        ("no new orders", DrainHead { on: true }, vec![], b""),
        ("orders again", DrainHead { on: false }, vec![], b""),
    ]);
    drain.message::<DrainAnswer>(vec![(
        "three to answer",
        DrainAnswerHead { on: true, in_flight: 3 },
        vec![],
        b"",
    )]);
    drain.refusal(Kind::Drain.into(), Status::Internal, 0, WHOLE);
    vec![stats, audit, drain]
}
