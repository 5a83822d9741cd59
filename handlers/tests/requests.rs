//! What each kind of frame asks of the store, what a wrong field is answered with, and how answers come back.

mod support;

use domain::coupon::CouponShare;
use domain::order::State;
use domain::refusal::{Reason, Refusal};
use domain::verdict::{HistoryRow, HistoryView, OrderPage, OrderView, ShelfView};
use domain::{
    Actor, CouponId, MicrosUtc, MinorUnits, OrderId, RequestId, SkuId, UserId, Verdict, WarehouseId,
};
use handlers::{OF_A_JOURNAL, SERVED};
use protocol::structs::*;
use protocol::{Flags, Kind, KindCode, Meta, Nothing, Status, messages, text};
use storage::NotDecided;
use support::*;

/// The intent that these bytes become, in its own words, without what is the same for all.
fn becomes(bytes: &[u8], intent: &str) {
    let mut house = House::new().known();
    house.give(bytes);
    assert_eq!(house.heard(), [], "the store answers, not the gateway");
    assert_eq!(house.store().intents(), [intent]);
}

/// The status that these bytes are refused with, and the line it names.
fn refused(bytes: &[u8], status: Status, line: u32) {
    let mut house = House::new().known();
    let heard = house.ask(bytes);
    assert_eq!((heard.status(), heard.refusal().line), (Some(status), line));
    assert_eq!((heard.header.correlation, heard.header.trace), (5, 6));
    assert_eq!(house.store().intents(), [""; 0], "nothing reached the store");
    // A well-formed request that is wrong does not end the connection.
    assert_eq!(house.ask(&ping()).header.kind, KindCode::from(Kind::Ping).answer());
}

const NO_LINE: u32 = u32::MAX;

#[test]
fn a_create_becomes_an_intent_with_every_field() {
    let coupons = Coupons::of([88, 9, 0, 0]);
    let head = CreateHead { hold: 3, coupons, client_bytes: 4, ..CREATE_HEAD };
    becomes(
        &frame::<messages::Create>(&head, &[LINE, AskedLine { sku: 8, ..LINE }], b"gift"),
        "Create(Create { user: UserId(9), request: RequestId(1), hold: 3, coupons: CouponIds([CouponId(88), \
         CouponId(9), CouponId(0), CouponId(0)]), currency: Currency(978), total: MinorUnits(500), lines: Lines([AskedLine { sku: SkuId(7), warehouse: WarehouseId(1), \
         quantity: Quantity(2) }, AskedLine { sku: SkuId(8), warehouse: WarehouseId(1), \
         quantity: Quantity(2) }]), client_bytes: [103, 105, 102, 116] })",
    );
}

#[test]
fn a_create_with_a_wrong_field_is_refused() {
    let with = |head: CreateHead, lines: &[AskedLine]| frame::<messages::Create>(&head, lines, &[]);
    for (bytes, line) in [
        (with(CreateHead { user: 0, ..CREATE_HEAD }, &[LINE]), NO_LINE),
        (with(CreateHead { coupons: Coupons::of([0, 1, 0, 0]), ..CREATE_HEAD }, &[LINE]), NO_LINE),
        (with(CreateHead { total: -1, ..CREATE_HEAD }, &[LINE]), NO_LINE),
        (with(CreateHead { currency: 0, ..CREATE_HEAD }, &[LINE]), NO_LINE),
        (with(CREATE_HEAD, &[AskedLine { sku: 0, ..LINE }]), 0),
        (with(CREATE_HEAD, &[LINE, AskedLine { sku: 8, quantity: 0, ..LINE }]), 1),
        (with(CREATE_HEAD, &[LINE, AskedLine { sku: 8, quantity: 1_000_001, ..LINE }]), 1),
        (with(CREATE_HEAD, &[LINE, AskedLine { sku: 8, ..LINE }, LINE]), 2),
    ] {
        refused(&bytes, Status::InvalidField, line);
    }
}

#[test]
fn the_other_kinds_become_their_intents() {
    let prepare = PrepareHead { request: 0, user: 9, coupons: Coupons::NONE, currency: 978, hold: false };
    becomes(
        &frame::<messages::Prepare>(&prepare, &[LINE], &[]),
        "Prepare(Prepare { user: UserId(9), coupons: CouponIds([CouponId(0), CouponId(0), CouponId(0), \
         CouponId(0)]), currency: Currency(978), lines: Lines([AskedLine { sku: SkuId(7), warehouse: WarehouseId(1), quantity: Quantity(2) }]), hold: None })",
    );
    becomes(
        &frame::<messages::Cancel>(
            &CancelHead { request: 1, user: 9, order: 77, version: 2, why: 3 },
            &[],
            &[],
        ),
        "Cancel(Cancel { user: UserId(9), request: RequestId(1), order: OrderId(77), version: 2, why: 3 })",
    );
    becomes(
        &frame::<messages::Get>(&GetHead { request: 0, user: 0, order: 77 }, &[], &[]),
        "Get { user: UserId(0), order: OrderId(77) }",
    );
    becomes(
        &frame::<messages::Get>(&GetHead { request: 1, user: 9, order: 0 }, &[], &[]),
        "GetByRequest { user: UserId(9), request: RequestId(1) }",
    );
    becomes(
        &frame::<messages::List>(&ListHead { user: 9, before: 77, limit: 100, state: 12 }, &[], &[]),
        "List(List { user: UserId(9), before: OrderId(77), state: 12, limit: 100 })",
    );
    becomes(
        &frame::<messages::History>(&HistoryHead { user: 9, order: 77 }, &[], &[]),
        "History { user: UserId(9), order: OrderId(77) }",
    );
    becomes(
        &frame::<messages::StockGet>(&StockGetHead { sku: 7, warehouse: 0 }, &[], &[]),
        "StockGet { sku: SkuId(7), warehouse: WarehouseId(0) }",
    );
    becomes(&frame::<messages::SkuGet>(&SkuGetHead { sku: 7 }, &[], &[]), "SkuGet(SkuId(7))");
    becomes(
        &frame::<messages::SkuList>(&SkuListHead { after: 7, limit: 1 }, &[], &[]),
        "SkuList { after: SkuId(7), limit: 1 }",
    );
    becomes(&frame::<messages::SaleGet>(&SaleGetHead { sale: 4 }, &[], &[]), "SaleGet(SaleId(4))");
    becomes(
        &frame::<messages::FreightList>(
            &FreightListHead { after_seller: 7, after_currency: 840, limit: 9 },
            &[],
            &[],
        ),
        "FreightList { seller: SellerId(7), currency: Currency(840), limit: 9 }",
    );
    becomes(
        &frame::<messages::SaleList>(&SaleListHead { after: 4, limit: 100 }, &[], &[]),
        "SaleList { after: SaleId(4), limit: 100 }",
    );
    becomes(&frame::<messages::Audit>(&Nothing, &[], &[]), "Holdings");
}

const SKU_PUT: SkuPutHead = SkuPutHead {
    request: 1,
    sku: 7,
    unit_price: 250,
    replaces: 0,
    seller: 0,
    hold_seconds: 900,
    weight_grams: 30,
    currency: 978,
    open: true,
};
const FREIGHT_PUT: FreightPutHead = FreightPutHead {
    request: 1,
    free_from: 5_000,
    base: 490,
    first: 2_000,
    step: 1_000,
    per_step: 150,
    seller: 7,
    replaces: 0,
    currency: 978,
    by: 2,
};
const SALE_PUT: SalePutHead = SalePutHead {
    request: 1,
    closed_from: 10,
    opens: 20,
    closes: 30,
    cap_units: 5,
    sale: 4,
    replaces: 0,
    user_limit_units: 2,
    order_limit_units: 1,
    hold_seconds: 60,
};
const ADJUST: StockAdjustHead = StockAdjustHead {
    request: 1,
    sku: 7,
    on_hand_delta: 100,
    safety_delta: 0,
    unavailable_delta: 0,
    warehouse: 1,
    reason: 1,
};

#[test]
fn operators_work_becomes_intents() {
    becomes(
        &frame::<messages::SkuPut>(&SKU_PUT, &[], &[]),
        "SkuPut(SkuPut { request: RequestId(1), replaces: 0, sku: Sku { id: SkuId(7), version: 0, \
         seller: SellerId(0), currency: Currency(978), unit_price: MinorUnits(250), hold_seconds: 900, \
         open: true, weight_grams: 30 } })",
    );
    becomes(
        &frame::<messages::FreightPut>(&FREIGHT_PUT, &[], &[]),
        "FreightPut(FreightPut { request: RequestId(1), replaces: 0, rule: FreightRule { seller: SellerId(7), \
         currency: Currency(978), version: 0, by: Weight, free_from: MinorUnits(5000), base: MinorUnits(490), \
         first: 2000, step: 1000, per_step: MinorUnits(150) } })",
    );
    becomes(
        &frame::<messages::SalePut>(&SALE_PUT, &[SaleSku { sku: 7, unit_price: 99 }], &[]),
        "SalePut(SalePut { request: RequestId(1), replaces: 0, sale: Sale { id: SaleId(4), version: 0, \
         closed_from: MicrosUtc(10), opens: MicrosUtc(20), closes: MicrosUtc(30), user_limit_units: 2, \
         order_limit_units: 1, cap_units: 5, hold_seconds: 60 }, skus: [SaleSku { sku: SkuId(7), \
         unit_price: MinorUnits(99) }] })",
    );
    becomes(
        &frame::<messages::StockAdjust>(&ADJUST, &[], &[]),
        "StockAdjust(StockAdjust { request: RequestId(1), sku: SkuId(7), warehouse: WarehouseId(1), \
         on_hand_delta: 100, safety_delta: 0, unavailable_delta: 0, reason: Received })",
    );
}

const TRANSFER: StockTransferHead = StockTransferHead { request: 1, sku: 7, units: 5, from: 1, to: 2 };
const RETURN: StockReturnHead = StockReturnHead { request: 1, sku: 7, units: 5, warehouse: 2 };

#[test]
fn units_that_move_without_being_held_become_intents() {
    let transfer = |head: StockTransferHead| frame::<messages::StockTransfer>(&head, &[], &[]);
    let back = |head: StockReturnHead| frame::<messages::StockReturn>(&head, &[], &[]);
    becomes(
        &transfer(TRANSFER),
        "StockTransfer(StockTransfer { request: RequestId(1), sku: SkuId(7), from: WarehouseId(1), \
         to: WarehouseId(2), units: 5 })",
    );
    becomes(
        &back(RETURN),
        "StockReturn(StockReturn { request: RequestId(1), sku: SkuId(7), warehouse: WarehouseId(2), units: 5 })",
    );
    for bytes in [
        transfer(StockTransferHead { sku: 0, ..TRANSFER }),
        transfer(StockTransferHead { units: 0, ..TRANSFER }),
        transfer(StockTransferHead { units: 1 << 63, ..TRANSFER }),
        transfer(StockTransferHead { from: 0, ..TRANSFER }),
        transfer(StockTransferHead { to: 0, ..TRANSFER }),
        transfer(StockTransferHead { to: 1, ..TRANSFER }),
        back(StockReturnHead { sku: 0, ..RETURN }),
        back(StockReturnHead { units: 0, ..RETURN }),
        back(StockReturnHead { units: u64::MAX, ..RETURN }),
        back(StockReturnHead { warehouse: 0, ..RETURN }),
    ] {
        refused(&bytes, Status::InvalidField, NO_LINE);
    }
}

#[test]
fn holds_become_intents() {
    let head = StockReserveHead { request: 1, user: 9, hold_seconds: 60 };
    let end = EndHoldHead { request: 1, user: 9, hold: 7 };
    let longer = StockExtendHead { request: 1, user: 9, hold: 7, hold_seconds: 60 };
    let reserve =
        |head: StockReserveHead, lines: &[AskedLine]| frame::<messages::StockReserve>(&head, lines, &[]);
    let extend = |head: StockExtendHead| frame::<messages::StockExtend>(&head, &[], &[]);
    let lines = format!(
        "Lines([AskedLine {{ sku: SkuId({}), warehouse: WarehouseId({}), quantity: Quantity({}) }}])",
        LINE.sku, LINE.warehouse, LINE.quantity
    );
    becomes(
        &reserve(head, &[LINE]),
        &format!(
            "StockReserve(StockReserve {{ user: UserId(9), request: RequestId(1), hold_seconds: 60, lines: {lines} }})"
        ),
    );
    becomes(
        &frame::<messages::StockRelease>(&end, &[], &[]),
        "StockRelease(EndHold { user: UserId(9), request: RequestId(1), hold: 7 })",
    );
    becomes(
        &frame::<messages::StockCommit>(&EndHoldHead { user: 0, ..end }, &[], &[]),
        "StockCommit(EndHold { user: UserId(0), request: RequestId(1), hold: 7 })",
    );
    becomes(
        &extend(longer),
        "StockExtend(StockExtend { user: UserId(9), request: RequestId(1), hold: 7, hold_seconds: 60 })",
    );
    let prepare = PrepareHead { request: 5, user: 9, coupons: Coupons::NONE, currency: 978, hold: true };
    becomes(
        &frame::<messages::Prepare>(&prepare, &[LINE], &[]),
        &format!(
            "Prepare(Prepare {{ user: UserId(9), coupons: CouponIds([CouponId(0), CouponId(0), CouponId(0), \
             CouponId(0)]), currency: Currency(978), lines: {lines}, hold: Some(RequestId(5)) }})"
        ),
    );
    for (bytes, line) in [
        (reserve(StockReserveHead { hold_seconds: 0, ..head }, &[LINE]), NO_LINE),
        (reserve(StockReserveHead { hold_seconds: 2_592_001, ..head }, &[LINE]), NO_LINE),
        (reserve(head, &[LINE, LINE]), 1),
        (frame::<messages::StockRelease>(&EndHoldHead { hold: 0, ..end }, &[], &[]), NO_LINE),
        (frame::<messages::StockCommit>(&EndHoldHead { hold: 0, ..end }, &[], &[]), NO_LINE),
        (extend(StockExtendHead { hold: 0, ..longer }), NO_LINE),
        (extend(StockExtendHead { hold_seconds: 0, ..longer }), NO_LINE),
    ] {
        refused(&bytes, Status::InvalidField, line);
    }
}

#[test]
fn wrong_fields_of_the_other_kinds_are_refused() {
    let prepare = PrepareHead { request: 0, user: 9, coupons: Coupons::NONE, currency: 978, hold: false };
    let list = ListHead { user: 9, before: 0, limit: 100, state: 0 };
    let sku_put = |head: SkuPutHead| frame::<messages::SkuPut>(&head, &[], &[]);
    let sale_put = |head: SalePutHead, skus: &[SaleSku]| frame::<messages::SalePut>(&head, skus, &[]);
    let freight = |head: FreightPutHead| frame::<messages::FreightPut>(&head, &[], &[]);
    let adjust = |head: StockAdjustHead| frame::<messages::StockAdjust>(&head, &[], &[]);
    let sku = SaleSku { sku: 7, unit_price: 1 };
    for (bytes, line) in [
        (frame::<messages::Prepare>(&PrepareHead { request: 1, ..prepare }, &[LINE], &[]), NO_LINE),
        (frame::<messages::Get>(&GetHead { request: 0, user: 9, order: 0 }, &[], &[]), NO_LINE),
        (frame::<messages::Get>(&GetHead { request: 1, user: 9, order: 1 }, &[], &[]), NO_LINE),
        (frame::<messages::Get>(&GetHead { request: 1, user: 0, order: 0 }, &[], &[]), NO_LINE),
        (frame::<messages::List>(&ListHead { user: 0, ..list }, &[], &[]), NO_LINE),
        (frame::<messages::List>(&ListHead { limit: 0, ..list }, &[], &[]), NO_LINE),
        (frame::<messages::List>(&ListHead { limit: 101, ..list }, &[], &[]), NO_LINE),
        (frame::<messages::List>(&ListHead { state: 15, ..list }, &[], &[]), NO_LINE),
        (frame::<messages::History>(&HistoryHead { user: 9, order: 0 }, &[], &[]), NO_LINE),
        (frame::<messages::StockGet>(&StockGetHead { sku: 0, warehouse: 1 }, &[], &[]), NO_LINE),
        (frame::<messages::SkuGet>(&SkuGetHead { sku: 0 }, &[], &[]), NO_LINE),
        (frame::<messages::SkuList>(&SkuListHead { after: 0, limit: 0 }, &[], &[]), NO_LINE),
        (frame::<messages::SaleGet>(&SaleGetHead { sale: 0 }, &[], &[]), NO_LINE),
        (frame::<messages::SaleList>(&SaleListHead { after: 0, limit: 101 }, &[], &[]), NO_LINE),
        (freight(FreightPutHead { by: 4, ..FREIGHT_PUT }), NO_LINE),
        (freight(FreightPutHead { currency: 0, ..FREIGHT_PUT }), NO_LINE),
        (freight(FreightPutHead { free_from: -1, ..FREIGHT_PUT }), NO_LINE),
        (freight(FreightPutHead { base: -1, ..FREIGHT_PUT }), NO_LINE),
        (freight(FreightPutHead { per_step: -1, ..FREIGHT_PUT }), NO_LINE),
        (freight(FreightPutHead { step: 0, ..FREIGHT_PUT }), NO_LINE),
        (sku_put(SkuPutHead { sku: 0, ..SKU_PUT }), NO_LINE),
        (sku_put(SkuPutHead { unit_price: -1, ..SKU_PUT }), NO_LINE),
        (sku_put(SkuPutHead { currency: 0, ..SKU_PUT }), NO_LINE),
        (sku_put(SkuPutHead { hold_seconds: 0, ..SKU_PUT }), NO_LINE),
        (sku_put(SkuPutHead { hold_seconds: 2_592_001, ..SKU_PUT }), NO_LINE),
        (sale_put(SalePutHead { sale: 0, ..SALE_PUT }, &[sku]), NO_LINE),
        (sale_put(SalePutHead { closed_from: -1, ..SALE_PUT }, &[sku]), NO_LINE),
        (sale_put(SalePutHead { closed_from: 21, ..SALE_PUT }, &[sku]), NO_LINE),
        (sale_put(SalePutHead { closes: 20, ..SALE_PUT }, &[sku]), NO_LINE),
        (sale_put(SalePutHead { hold_seconds: 0, ..SALE_PUT }, &[sku]), NO_LINE),
        (sale_put(SALE_PUT, &[sku, SaleSku { sku: 0, ..sku }]), 1),
        (sale_put(SALE_PUT, &[sku, SaleSku { sku: 8, unit_price: -1 }]), 1),
        (sale_put(SALE_PUT, &[sku, SaleSku { sku: 8, ..sku }, sku]), 2),
        (adjust(StockAdjustHead { sku: 0, ..ADJUST }), NO_LINE),
        (adjust(StockAdjustHead { warehouse: 0, ..ADJUST }), NO_LINE),
        (adjust(StockAdjustHead { reason: 0, ..ADJUST }), NO_LINE),
        (adjust(StockAdjustHead { reason: 4, ..ADJUST }), NO_LINE),
    ] {
        refused(&bytes, Status::InvalidField, line);
    }
}

#[test]
fn a_kind_is_served_or_unknown_and_hello_says_which() {
    let mut house = House::new();
    house.gateway.opened(CLIENT, &mut house.out);
    let greeting = house.ask(&hello());
    let told: Vec<u16> = greeting.read::<messages::HelloAnswer>().items.iter().map(|it| it.kind).collect();
    let head = greeting.read::<messages::HelloAnswer>().head;
    assert_eq!((head.store, head.server_time, head.request_window_us), (42, NOW.0, 60_000_000));
    for code in 1..0x0B00 {
        let mut bytes = ping();
        bytes[8..10].copy_from_slice(&u16::to_le_bytes(code));
        seal(&mut bytes);
        let unknown = !SERVED.iter().any(|kind| kind.code() == code);
        assert_eq!(told.contains(&code), !unknown, "kind {code:04X}");
        if unknown {
            assert_eq!(house.ask(&bytes).status(), Some(Status::UnknownKind), "kind {code:04X}");
        } else if code != Kind::Goaway.code() {
            // An empty body is right for some and wrong for others, but known to all.
            house.give(&bytes);
            assert!(house.heard().iter().all(|heard| heard.status() != Some(Status::UnknownKind)));
        }
    }
}

#[test]
fn what_a_store_has_nothing_for_is_unknown_and_hello_does_not_name_it() {
    let mut house = House::without_journal();
    house.gateway.opened(CLIENT, &mut house.out);
    let greeting = house.ask(&hello());
    let told: Vec<u16> = greeting.read::<messages::HelloAnswer>().items.iter().map(|it| it.kind).collect();
    assert_eq!(told.len() + OF_A_JOURNAL.len(), SERVED.len());
    for kind in OF_A_JOURNAL {
        let mut bytes = ping();
        bytes[8..10].copy_from_slice(&kind.code().to_le_bytes());
        seal(&mut bytes);
        assert!(!told.contains(&kind.code()), "{kind:?}");
        assert_eq!(house.ask(&bytes).status(), Some(Status::UnknownKind), "{kind:?}");
    }
}

#[test]
fn a_request_carries_its_deadline_and_trace_to_the_store_and_back() {
    let mut house = House::new().known();
    let meta = Meta { flags: Flags::ASKED_BEFORE, time_ms: 250, correlation: 1 << 40, trace: 0xABCD };
    house.give(&frame_with::<messages::Create>(&meta, &CREATE_HEAD, &[LINE], &[]));
    assert_eq!(house.store().deadlines, [Some(MicrosUtc(NOW.0 + 250_000))]);
    house.store().answer(order());
    house.turn();
    let heard = house.heard().remove(0);
    assert_eq!((heard.header.correlation, heard.header.trace), (1 << 40, 0xABCD));
    assert_eq!(heard.read::<messages::CreateAnswer>().head.order, 77);
}

#[test]
fn every_refusal_and_non_decision_has_its_status() {
    let mut house = House::new().known();
    let refusal = Refusal::of(Reason::SoldOut).at_line(3).with(2, 0);
    let heard = house.ask_store(&create(), Ok(Verdict::Refused(refusal)));
    let body = heard.refusal();
    assert_eq!((heard.status(), body.line, body.asked, body.there), (Some(Status::SoldOut), 3, 2, 0));
    for (outcome, status, retry_after_ms) in [
        (NotDecided::Overloaded { retry_after_ms: 9 }, Status::Overloaded, 9),
        (NotDecided::DeadlineExceeded, Status::DeadlineExceeded, 0),
        (NotDecided::Draining, Status::Draining, 0),
        (NotDecided::Unavailable { retry_after_ms: 8 }, Status::StoreUnavailable, 8),
        (NotDecided::SwitchedOff { retry_after_ms: 7 }, Status::SwitchedOff, 7),
        (NotDecided::NotServed, Status::UnknownKind, 0),
        (NotDecided::OutcomeUnknown, Status::OutcomeUnknown, 0),
    ] {
        let heard = house.ask_store(&create(), Err(outcome));
        assert_eq!((heard.status(), heard.header.time_ms), (Some(status), retry_after_ms));
    }
}

#[test]
fn what_was_read_comes_back_whole() {
    let mut house = House::new().known();
    let Ok(Verdict::Order(brief)) = order() else { unreachable!("it is an order") };
    let get = frame::<messages::Get>(&GetHead { request: 0, user: 9, order: 77 }, &[], &[]);
    let view = OrderView {
        brief,
        request: RequestId(1),
        hold: 0,
        coupons: vec![CouponShare { coupon: CouponId(88), discount: MinorUnits(60) }],
        discount: MinorUnits(60),
        freight: MinorUnits(0),
        lines: vec![line()],
        client_bytes: b"gift".to_vec(),
    };
    let heard = house.ask_store(&get, Ok(Verdict::OrderFound(Box::new(view))));
    let found = heard.read::<messages::GetAnswer>();
    assert_eq!((found.head.brief.order, found.head.request, found.tail), (77, 1, &b"gift"[..]));
    assert_eq!(
        (found.head.coupons.to_array(), found.head.coupon_discounts.to_array()),
        ([88, 0, 0, 0], [60, 0, 0, 0])
    );
    assert_eq!(found.items.get(0).map(|line| (line.sku, line.quantity)), Some((7, 2)));

    let list = frame::<messages::List>(&ListHead { user: 9, before: 0, limit: 2, state: 0 }, &[], &[]);
    let page = OrderPage { items: vec![brief, brief], next: brief.order };
    let heard = house.ask_store(&list, Ok(Verdict::Orders(Box::new(page))));
    let listed = heard.read::<messages::ListAnswer>();
    assert_eq!((listed.items.len(), listed.head.next), (2, brief.order.0));

    let row = HistoryRow {
        from: None,
        to: State::PendingPayment,
        at: NOW,
        actor: Actor::User(UserId(9)),
        why: 0,
        version: 1,
    };
    let rows = HistoryView {
        order: OrderId(77),
        rows: vec![row, HistoryRow { from: Some(row.to), to: State::Cancelled, actor: Actor::Timer, ..row }],
    };
    let history = frame::<messages::History>(&HistoryHead { user: 9, order: 77 }, &[], &[]);
    let heard = house.ask_store(&history, Ok(Verdict::History(Box::new(rows))));
    let told: Vec<_> = heard
        .read::<messages::HistoryAnswer>()
        .items
        .iter()
        .map(|it| (it.from, it.to, it.actor, it.actor_id))
        .collect();
    assert_eq!(told, [(0, 2, 1, 9), (2, 12, 3, 0)]);

    let shelf = ShelfView {
        sku: SkuId(7),
        warehouse: WarehouseId(1),
        on_hand: 5,
        held: 1,
        safety: 0,
        unavailable: 0,
        sold: 2,
        sellable: 4,
    };
    let get = frame::<messages::StockGet>(&StockGetHead { sku: 7, warehouse: 1 }, &[], &[]);
    let heard = house.ask_store(&get, Ok(Verdict::Shelf(shelf)));
    assert_eq!(heard.read::<messages::StockGetAnswer>().head.sellable, 4);
    let heard =
        house.ask_store(&frame::<messages::StockAdjust>(&ADJUST, &[], &[]), Ok(Verdict::Shelf(shelf)));
    assert_eq!(heard.read::<messages::StockAdjustAnswer>().head.on_hand, 5);
}

fn line() -> domain::fact::Line {
    domain::fact::Line {
        sku: SkuId(7),
        seller: domain::SellerId(0),
        warehouse: WarehouseId(1),
        sale: domain::SaleId(0),
        quantity: domain::Quantity::parse(2).expect("two is a quantity"),
        parcel: 0,
        unit_price: MinorUnits(250),
        discount: MinorUnits(0),
        freight: MinorUnits(0),
    }
}

#[test]
fn a_batch_is_answered_in_the_order_of_its_items() {
    let item = BatchItem {
        request: 1,
        user: 9,
        sku: 7,
        total: 500,
        warehouse: 0,
        quantity: 2,
        currency: 978,
        asked_before: false,
    };
    let mut house = House::new().known();
    let items = [item, BatchItem { quantity: 0, ..item }, BatchItem { request: 2, ..item }];
    house.give(&frame::<messages::Batch>(&Nothing, &items, &[]));
    assert_eq!(house.store().intents().len(), 2, "the second item is refused at the edge");
    house.turn();
    assert_eq!(house.heard(), [], "the answer waits for all");
    house.store().answer(Ok(Verdict::Refused(Refusal::of(Reason::SoldOut).with(2, 0))));
    house.store().answer(order());
    house.turn();
    let heard = house.heard().remove(0);
    let told: Vec<_> =
        heard.read::<messages::BatchAnswer>().items.iter().map(|it| (it.order, it.status)).collect();
    assert_eq!(told, [(0, Status::SoldOut.code()), (0, Status::InvalidField.code()), (77, 0)]);
}

#[test]
fn stats_tell_what_store_gateway_and_host_counted() {
    let mut house = House::new().known();
    house.ask(&frame::<messages::SkuGet>(&SkuGetHead { sku: 0 }, &[], &[]));
    let heard = house.ask(&frame::<messages::Stats>(&Nothing, &[], &[]));
    let stats = heard.read::<messages::StatsAnswer>().head;
    assert_eq!((stats.decided, stats.created, stats.connections), (11, 5, 3));
    assert_eq!((stats.frames_in, stats.frames_out, stats.turned_away), (3, 2, 1));
    assert_eq!(stats.store_mode, text("embedded"));
}

#[test]
fn one_audit_at_a_time() {
    let mut house = House::new().known();
    let audit = frame::<messages::Audit>(&Nothing, &[], &[]);
    house.give(&audit);
    let second = house.ask(&audit);
    assert_eq!((second.status(), second.header.time_ms), (Some(Status::Overloaded), 1_000));
    house.store().answer(Ok(Verdict::Holdings(Box::default())));
    house.turn();
    let report = house.heard().remove(0).read::<messages::AuditAnswer>().head;
    assert_eq!((report.ok, report.position), (true, 7), "at the position at which the holdings were read");
    house.give(&audit);
    assert_eq!(house.store().intents(), ["Holdings"], "the next one may begin");
}
