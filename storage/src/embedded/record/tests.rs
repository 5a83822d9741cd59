//! Entries there and back, their bytes pinned, and hostile ones refused.

use domain::aftersale::{Case, CaseKind, CaseState};
use domain::coupon::{Benefit, COUPONS_MAX, Coupon, CouponIds, CouponScope, CouponShare};
use domain::fact::{
    CancelReason, Fact, Line, OrderCreated, RefundReason, Request, RequestKey, ShelfUnits, Stamp,
    StockAdjusted,
};
use domain::freight::{FreightBy, FreightRule};
use domain::hold::HoldEnd;
use domain::intent::{AdjustReason, AskedLine, Create, LINES_MAX, Lines, Sale, SaleSku, Sku};
use domain::letter::LetterReason;
use domain::limit::{UserLimit, UserList};
use domain::shipment::{Waybill, Whereabouts};
use domain::switch::{Note, Scope, Stops};
use domain::{
    Actor, CouponId, Currency, CursorName, GatewayId, Intent, MicrosUtc, MinorUnits, OrderId, PaymentId,
    Quantity, RequestId, SaleId, SellerId, SkuId, TraceId, UserId, WarehouseId,
};

use super::{BadEntry, Decoder, EntryWriter, HEAD_BYTES, entry_bytes_max};

/// The bytes of one entry for each kind of fact and each shape of header: `name hex`, a line each.
const VECTORS: &str = include_str!("../../../vectors/entries.txt");

const ORDER: OrderId = OrderId(0x0123_4567_89AB_CDEF);
const TWO: Quantity = Quantity::parse(2).unwrap();
const UNITS: [ShelfUnits; 1] = [ShelfUnits { sku: SkuId(0x51), warehouse: WarehouseId(0x52), quantity: TWO }];
const LINES: [Line; 1] = [Line {
    sku: SkuId(0x51),
    seller: SellerId(0x53),
    warehouse: WarehouseId(0x52),
    sale: SaleId(0x54),
    quantity: TWO,
    parcel: 0x55,
    unit_price: MinorUnits(250),
    discount: MinorUnits(20),
    freight: MinorUnits(399),
}];
const SALE_SKUS: [SaleSku; 2] = [
    SaleSku { sku: SkuId(0x51), unit_price: MinorUnits(100) },
    SaleSku { sku: SkuId(0x56), unit_price: MinorUnits(0) },
];

fn user_stamp() -> Stamp {
    let user = UserId(0x1122_3344_5566_7788);
    Stamp {
        at: MicrosUtc(1_767_225_600_000_000),
        actor: Actor::User(user),
        request: Some(Request {
            key: RequestKey { who: user, id: RequestId(0xAA << 80 | 0xBB) },
            body: 0xCCDD,
        }),
        trace: TraceId(0),
    }
}

fn created() -> Fact<'static> {
    Fact::OrderCreated(OrderCreated {
        order: ORDER,
        user: UserId(0x1122_3344_5566_7788),
        hold: 0x61,
        currency: Currency(978),
        discount: MinorUnits(20),
        freight: MinorUnits(399),
        total: MinorUnits(879),
        pay_until: MicrosUtc(1_767_226_500_000_000),
        lines: &LINES,
        client_bytes: b"gift",
    })
}

const COUPON: Coupon = Coupon {
    id: CouponId(0x70),
    version: 2,
    currency: Currency(978),
    benefit: Benefit::Percent { basis_points: 1_500, cap: MinorUnits(700) },
    threshold: MinorUnits(5_000),
    scope: CouponScope::Skus,
    opens: MicrosUtc(20),
    closes: MicrosUtc(30),
    quota: 1_000,
    user_quota: 3,
    group: 0x71,
    rank: 0x72,
    must_claim: true,
};

const SHARES: [CouponShare; 2] = [
    CouponShare { coupon: CouponId(0x70), discount: MinorUnits(700) },
    CouponShare { coupon: CouponId(0x73), discount: MinorUnits(1) },
];

/// Every kind of fact, and every shape of header.
fn examples() -> Vec<(&'static str, Stamp, Vec<Fact<'static>>)> {
    let user = user_stamp();
    let operator = Stamp { actor: Actor::Operator(9), trace: TraceId(0xF00D), ..user };
    let timer = Stamp { actor: Actor::Timer, request: None, ..user };
    let acking = Stamp { request: None, ..operator };
    let mut cursor = [0; 32];
    cursor[..9].copy_from_slice(b"warehouse");
    let cursor = CursorName::parse(cursor).unwrap();
    let order = ORDER;
    let sku = Sku {
        id: SkuId(0x51),
        version: 3,
        seller: SellerId(0x53),
        currency: Currency(978),
        unit_price: MinorUnits(250),
        hold_seconds: 900,
        open: true,
        weight_grams: 0,
    };
    let rule = FreightRule {
        seller: SellerId(0x53),
        currency: Currency(978),
        version: 0x70,
        by: FreightBy::Weight,
        free_from: MinorUnits(0x71),
        base: MinorUnits(0x72),
        first: 0x73,
        step: 0x74,
        per_step: MinorUnits(0x75),
    };
    let sale = Sale {
        id: SaleId(0x54),
        version: 1,
        closed_from: MicrosUtc(10),
        opens: MicrosUtc(20),
        closes: MicrosUtc(30),
        user_limit_units: 4,
        order_limit_units: 5,
        cap_units: 600,
        hold_seconds: 120,
    };
    let adjusted = StockAdjusted {
        sku: SkuId(0x51),
        warehouse: WarehouseId(0x52),
        on_hand_delta: -7,
        safety_delta: 8,
        unavailable_delta: 9,
        reason: AdjustReason::Returned,
        order,
    };
    let until = MicrosUtc(1_767_226_500_000_000);
    let limited = Fact::LimitChanged(UserLimit {
        user: UserId(0x6E),
        list: UserList::Preferred,
        sale_units: 0x6F,
        until,
    });
    let switched = Fact::SwitchChanged {
        scope: Scope::Sku(sku.id),
        stops: Stops { creating: true, paying: false, changing: true },
        version: 0x6D,
        note: Note::parse(b"why").expect("three letters"),
    };
    let (warehouse, to) = (WarehouseId(0x52), WarehouseId(0x57));
    let transferred = Fact::StockTransferred { sku: sku.id, from: warehouse, to, units: 0x6A };
    let (payment, gateway) = (PaymentId::new(order, 1), GatewayId(0x60));
    let (amount, reason) = (MinorUnits(879), RefundReason::Duplicate);
    let waybill = Waybill { carrier: [0x63; 16], tracking: [0x64; 40] };
    let callback = Stamp { actor: Actor::Gateway(gateway), request: None, ..user };
    let cancelled = Fact::OrderCancelled { order, version: 2, reason: CancelReason::Timer, why: 0x77 };
    let of_sale = Coupon {
        benefit: Benefit::Amount(amount),
        scope: CouponScope::Sale(sale.id),
        must_claim: false,
        ..COUPON
    };
    vec![
        ("created", user, vec![created(), Fact::StockReserved { order, units: &UNITS }]),
        ("reduced", user, vec![Fact::StockReduced { order, units: &UNITS }]),
        ("confirmed", user, vec![Fact::OrderConfirmed { order, version: 2 }]),
        ("excepted", callback, vec![Fact::StockException { order, version: 3, units: &UNITS }]),
        (
            "lost",
            operator,
            vec![Fact::StockAdjusted(StockAdjusted { reason: AdjustReason::Lost, ..adjusted })],
        ),
        ("expired", timer, vec![cancelled, Fact::StockReleased { order, units: &UNITS }]),
        ("refunded", user, vec![Fact::RefundDone { order, version: 3, amount: MinorUnits(879), why: 1 }]),
        ("adjusted", operator, vec![Fact::StockAdjusted(adjusted)]),
        ("sku", operator, vec![Fact::SkuChanged(sku)]),
        ("weighed", operator, vec![Fact::SkuChanged(Sku { weight_grams: 0x76, ..sku })]),
        ("freight", operator, vec![Fact::FreightChanged(rule)]),
        ("held", user, vec![Fact::HoldMade { hold: 0x61, user: UserId(8), until, units: &UNITS }]),
        ("extended", user, vec![Fact::HoldExtended { hold: 0x61, until }]),
        ("hold_ended", timer, vec![Fact::HoldEnded { hold: 0x61, end: HoldEnd::Expired, units: &UNITS }]),
        ("transferred", operator, vec![transferred]),
        ("returned", operator, vec![Fact::StockReturned { sku: sku.id, warehouse, units: 0x6B }]),
        ("cursor", acking, vec![Fact::CursorMoved { name: cursor, position: 0x6C, forgotten: false }]),
        ("forgotten", acking, vec![Fact::CursorMoved { name: cursor, position: 0, forgotten: true }]),
        (
            "letter",
            operator,
            vec![Fact::LetterParked { subscriber: cursor, position: 0x6D, reason: letter_reason() }],
        ),
        ("retried", operator, vec![Fact::LetterEnded { subscriber: cursor, position: 0x6D, retried: true }]),
        ("dropped", operator, vec![Fact::LetterEnded { subscriber: cursor, position: 0x6D, retried: false }]),
        ("switched", operator, vec![switched]),
        ("limited", operator, vec![limited]),
        ("sale", operator, vec![Fact::SaleChanged { sale, skus: &SALE_SKUS }]),
        (
            "paying",
            user,
            vec![
                Fact::PaymentOpened { payment, order, version: 2, gateway, pay_until: MicrosUtc(40) },
                Fact::PaymentFailed { payment, order, version: 3, by_gateway: true },
            ],
        ),
        (
            "paid",
            callback,
            vec![
                Fact::PaymentSuccess { payment, order, amount, reference: 0x61, surplus: true },
                Fact::PaymentMismatched { payment, order, amount, currency: Currency(840), reference: 0x62 },
                Fact::PaymentRepeated {
                    payment,
                    order,
                    attempt: 3,
                    amount,
                    currency: Currency(840),
                    reference: 0x63,
                },
            ],
        ),
        (
            "back",
            callback,
            vec![
                Fact::RefundRequested {
                    payment,
                    order,
                    version: 4,
                    number: 5,
                    amount,
                    currency: Currency(840),
                    reason,
                    why: 6,
                },
                Fact::RefundFailed { payment, order, number: 5 },
                Fact::RefundSettled { payment, order, number: 5, amount, currency: Currency(840) },
                Fact::PaymentOverdrawn { payment, order, beyond: amount, currency: Currency(840) },
            ],
        ),
        (
            "shipped",
            operator,
            vec![Fact::OrderShipped { order, version: 5, number: 2, whole: true, waybill, units: &UNITS }],
        ),
        (
            "tracked",
            operator,
            vec![Fact::ShipmentTracked { order, number: 2, note: Whereabouts([0x65; 40]) }],
        ),
        (
            "aftersale",
            user,
            vec![Fact::AftersaleChanged(Case {
                order,
                number: 2,
                kind: CaseKind::ReturnRefund,
                state: CaseState::Refunding,
                sku: SkuId(0x51),
                units: 3,
                amount: MinorUnits(879),
                refund: 4,
                why: 0x66,
            })],
        ),
        (
            "exchanged",
            operator,
            vec![
                Fact::AftersaleChanged(Case {
                    order,
                    number: 3,
                    kind: CaseKind::Exchange,
                    state: CaseState::Done,
                    sku: SkuId(0x51),
                    units: 2,
                    amount: MinorUnits(0),
                    refund: 0,
                    why: 0x66,
                }),
                Fact::StockReserved { order, units: &UNITS },
                Fact::StockReduced { order, units: &UNITS },
            ],
        ),
        ("delivered", operator, vec![Fact::OrderDelivered { order, version: 6 }]),
        ("completed", user, vec![Fact::OrderCompleted { order, version: 7 }]),
        ("coupon", operator, vec![Fact::CouponDefined { coupon: COUPON, skus: &[SkuId(0x51), SkuId(0x52)] }]),
        ("sale_coupon", operator, vec![Fact::CouponDefined { coupon: of_sale, skus: &[] }]),
        ("claimed", user, vec![Fact::CouponClaimed { coupon: COUPON.id, user: UserId(8) }]),
        (
            "coupons",
            user,
            vec![
                Fact::CouponLocked { order, coupons: &SHARES },
                Fact::CouponReleased { order, coupons: &SHARES[..1] },
                Fact::CouponUsed { order, coupons: &SHARES },
            ],
        ),
    ]
}

fn letter_reason() -> LetterReason<'static> {
    LetterReason::parse(b"no such account").unwrap()
}

fn encoded(stamp: &Stamp, facts: &[Fact<'_>]) -> Vec<u8> {
    let mut buffer = vec![0xEE; 1 << 16];
    let mut writer = EntryWriter::new(&mut buffer, 0);
    writer.begin(stamp);
    facts.iter().for_each(|fact| writer.fact(fact));
    assert_eq!(usize::from(writer.end()), facts.len());
    let length = writer.at();
    buffer.truncate(length);
    buffer
}

#[test]
fn every_fact_comes_back_and_its_bytes_are_pinned() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut now = String::new();
    for (name, stamp, facts) in examples() {
        let bytes = encoded(&stamp, &facts);
        let mut at = 0;
        let head = Decoder::default().entry(&bytes, |its_stamp, fact| {
            assert_eq!((its_stamp, fact), (&stamp, &facts[at]), "{name}");
            at += 1;
        });
        assert_eq!(head.map(|head| (head.bytes, usize::from(head.facts))), Ok((bytes.len(), facts.len())));
        now += &format!("{name} {}\n", hex(&bytes));
    }
    assert_eq!(now, VECTORS, "the layout of entries changed: that needs a new schema version");
}

#[test]
fn a_one_line_order_is_small() {
    let stamp = Stamp { trace: TraceId(1), ..user_stamp() };
    let bytes = encoded(&stamp, &[created(), Fact::StockReserved { order: ORDER, units: &UNITS }]);
    assert!(bytes.len() <= 220, "{} bytes, with trace and four client bytes", bytes.len());
}

#[test]
fn the_bound_of_a_create_holds_for_the_largest_one() {
    let asked: Vec<_> = (1..=LINES_MAX as u64)
        .map(|sku| AskedLine { sku: SkuId(sku), warehouse: WarehouseId(1), quantity: TWO })
        .collect();
    let intent = Intent::Create(Create {
        user: UserId(1),
        request: RequestId(1),
        hold: 9,
        coupons: CouponIds::parse([1, 2, 3, 4]).unwrap(),
        currency: Currency(978),
        total: MinorUnits(0),
        lines: Lines::parse(&asked).unwrap(),
        client_bytes: &[1; 1_024],
    });
    let units = vec![UNITS[0]; LINES_MAX];
    let lines = vec![LINES[0]; LINES_MAX];
    let Fact::OrderCreated(order) = created() else { unreachable!() };
    let created = Fact::OrderCreated(OrderCreated { lines: &lines, client_bytes: &[1; 1_024], ..order });
    let stamp = Stamp { actor: Actor::User(UserId(8)), trace: TraceId(1), ..user_stamp() };
    let facts = [
        Fact::HoldEnded { hold: 9, end: HoldEnd::Taken, units: &units },
        created,
        Fact::StockReserved { order: ORDER, units: &units },
        Fact::CouponLocked { order: ORDER, coupons: &[SHARES[0]; COUPONS_MAX] },
        Fact::StockReduced { order: ORDER, units: &units },
        Fact::CouponUsed { order: ORDER, coupons: &[SHARES[0]; COUPONS_MAX] },
        Fact::OrderConfirmed { order: ORDER, version: 2 },
    ];
    assert!(encoded(&stamp, &facts).len() <= entry_bytes_max(&intent));
}

#[test]
fn cut_short_anywhere_it_is_refused() {
    for (name, stamp, facts) in examples() {
        let bytes = encoded(&stamp, &facts);
        for length in 0..bytes.len() {
            let mut cut = bytes[..length].to_vec();
            assert!(Decoder::default().entry(&cut, |_, _| ()).is_err(), "{name} cut to {length}");
            if let Some(own_length) = cut.first_chunk_mut::<4>() {
                *own_length = (length as u32).to_le_bytes();
                assert!(Decoder::default().entry(&cut, |_, _| ()).is_err(), "{name} says {length} itself");
            }
        }
    }
}

#[test]
fn hostile_bytes_are_an_error_or_an_entry_never_a_panic() {
    let seed = std::env::var("TIDEGATE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("TIDEGATE_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let examples = examples();
    let mut decoder = Decoder::default();
    for _ in 0..50_000 {
        let (_, stamp, facts) = &examples[rng.usize(..examples.len())];
        let mut bytes = encoded(stamp, facts);
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(..bytes.len());
            bytes[at] = rng.u8(..);
        }
        bytes.extend((0..rng.usize(..8)).map(|_| rng.u8(..)));
        let _ = decoder.entry(&bytes, |_, _| ());
    }
}

#[test]
fn each_wrong_field_is_named() {
    let bytes = encoded(&user_stamp(), &[created()]);
    let head = HEAD_BYTES + 8 + 16 + 8;
    let (kind, version, lines) = (head, head + 1, head + 2 + 8 + 8 + 8 + 2 + 4 * 8);
    let quantity = lines + 4 + 8 + 4 + 4 + 4;
    let check = |at: usize, value: u8, why: BadEntry| {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        assert_eq!(Decoder::default().entry(&bytes, |_, _| ()), Err(why), "byte {at} is {value}");
    };
    check(4, 0, BadEntry::Field("number of facts"));
    check(4, 2, BadEntry::Length);
    check(6, 0b1000_0100, BadEntry::Field("flags"));
    check(6, 0b0000_1000, BadEntry::Field("flags"));
    check(kind, 200, BadEntry::UnknownKind(200));
    check(version, 0, BadEntry::Field("schema version"));
    check(version, 2, BadEntry::NewerVersion { kind: 1, version: 2 });
    check(lines, 0, BadEntry::Field("number of lines"));
    check(lines + 1, 255, BadEntry::Field("number of lines"));
    check(lines, 200, BadEntry::Length);
    check(lines + 3, 255, BadEntry::Field("number of client bytes"));
    check(quantity, 0, BadEntry::Field("quantity"));
}
