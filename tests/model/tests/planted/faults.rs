//! Journals with one fault each, told entry by entry to whoever listens: the audit itself, or a folder on disk.

#[path = "exceptions.rs"]
mod exceptions;

use domain::aftersale::{Case, CaseKind, CaseState};
use domain::coupon::{Benefit, Coupon, CouponScope, CouponShare};
use domain::fact::{
    Actor, CancelReason, Fact, Line, OrderCreated, Request, RequestKey, ShelfUnits, Stamp, StockAdjusted,
};
use domain::intent::{AdjustReason, Sale, SaleSku, Sku};
use domain::shipment::Waybill;
use domain::{
    CouponId, Currency, Micros, MicrosUtc, MinorUnits, OrderId, Quantity, RequestId, SaleId, SellerId, SkuId,
    TraceId, UserId, WarehouseId,
};
use model::FIRST_POSITION;

/// When the story begins: 2026-01-01T00:00:00Z.
pub const START: MicrosUtc = MicrosUtc(1_767_225_600_000_000);
pub const BUYER: UserId = UserId(41);
pub const EURO: Currency = Currency(978);

/// Sells by its own price of 250.
pub const PLAIN: SkuId = SkuId(7);
/// Sells in the sale, for 100.
pub const ON_SALE: SkuId = SkuId(8);
pub const SALE: SaleId = SaleId(3);
pub const WAREHOUSE: WarehouseId = WarehouseId(1);
pub const COUPON: CouponId = CouponId(5);

/// Whoever is told the entries: the position of the first fact, the stamp and the facts.
pub type Sink<'a> = dyn FnMut(u64, &Stamp, &[Fact<'_>]) + 'a;
/// Whoever judges a fault: the invariants that it breaks, and how to plant it in a healthy journal.
pub type Names<'a> = dyn FnMut(&[&str], &dyn Fn(&mut Journal<'_>)) + 'a;

/// Every fault there is.
pub const ALL: &[fn(&mut Names<'_>)] = &[
    a_healthy_journal_passes,
    the_log_itself,
    facts_that_belong_together,
    orders_as_they_are_made,
    sales_and_their_limits,
    orders_as_they_move,
    a_free_order_is_sold_at_once_and_comes_back_whole,
    coupons_and_their_quotas,
    units_given_for_units_that_come_back,
    exceptions::paid_orders_whose_units_are_gone,
];

/// Nothing is wrong.
pub fn a_healthy_journal_passes(names: &mut Names<'_>) {
    names(&[], &|_| ());
    names(&[], &|journal| {
        let order = journal.creates(&[line(PLAIN, 2), line(ON_SALE, 1)], |_| ());
        journal.at(START.after(Micros::from_seconds(30)));
        journal.expires(&order);
    });
}

/// Positions, times and requests.
pub fn the_log_itself(names: &mut Names<'_>) {
    names(&["positions"], &|journal| journal.position += 1);
    names(&["positions"], &|journal| journal.position -= 1);
    names(&["time"], &|journal| {
        journal.adjusts(|_| ());
        journal.at(MicrosUtc(START.0 - 1));
        journal.adjusts(|_| ());
        journal.at(START);
    });
    names(&["request-ids"], &|journal| {
        journal.requests -= 1;
        journal.adjusts(|_| ());
    });
    names(&["request-ids"], &|journal| {
        journal.creates(&[line(PLAIN, 1)], |_| ());
        journal.requests -= 1;
        journal.creates(&[line(PLAIN, 1)], |_| ());
    });
}

/// Entries that are not whole, or not by whom they say.
pub fn facts_that_belong_together(names: &mut Names<'_>) {
    names(&["entries"], &|journal| {
        let order = journal.order(&[line(PLAIN, 1)]);
        journal.by(user(), &[Fact::OrderCreated(order)]);
    });
    names(&["entries"], &|journal| {
        let order = journal.creates(&[line(PLAIN, 1)], |_| ());
        let units = units_of(&order);
        journal.by(user(), &[Fact::StockReleased { order: order.order, units: &units }]);
    });
    names(&["entries"], &|journal| {
        let order = journal.creates(&[line(PLAIN, 1)], |_| ());
        journal.cancels(&order, 2, Actor::Operator(0), CancelReason::User);
    });
    names(&["entries"], &|journal| journal.by(Actor::Timer, &[Fact::StockAdjusted(units_in(PLAIN, 1))]));
    names(&["units"], &|journal| {
        let order = journal.order(&[line(PLAIN, 2)]);
        let units = [ShelfUnits { quantity: quantity(1), ..units_of(&order)[0] }];
        journal.by(
            user(),
            &[Fact::OrderCreated(order), Fact::StockReserved { order: order.order, units: &units }],
        );
    });
}

/// Ids, baskets, prices and money.
pub fn orders_as_they_are_made(names: &mut Names<'_>) {
    let plain = [line(PLAIN, 1)];
    names(&["order-ids"], &|journal| {
        journal.creates(&plain, |order| order.order = OrderId(order.order.0 ^ 1 << 12));
    });
    names(&["order-ids"], &|journal| {
        let first = journal.creates(&plain, |_| ());
        journal.creates(&plain, |order| order.order = first.order);
    });
    names(&["baskets"], &|journal| {
        journal.creates(&[line(PLAIN, 1), line(PLAIN, 1)], |_| ());
    });
    names(&["prices"], &|journal| {
        journal.creates(&[Line { unit_price: MinorUnits(249), ..line(PLAIN, 1) }], |_| ());
    });
    names(&["prices"], &|journal| {
        journal.creates(&plain, |order| order.currency = Currency(840));
    });
    names(&["money"], &|journal| {
        journal.creates(&plain, |order| order.total = MinorUnits(249));
    });
    names(&["money"], &|journal| {
        let cheaper = Line { discount: MinorUnits(50), ..line(PLAIN, 1) };
        journal.creates(&[cheaper], |order| order.discount = MinorUnits(49));
    });
    names(&["freight"], &|journal| {
        let dearer = Line { freight: MinorUnits(50), ..line(PLAIN, 1) };
        journal.creates(&[dearer], |order| (order.freight.0, order.total.0) = (50, 300));
    });
    names(&["pay-until"], &|journal| {
        journal.creates(&plain, |order| order.pay_until.0 += 1);
    });
    names(&["oversold"], &|journal| {
        journal.creates(&[line(PLAIN, 11)], |_| ());
    });
}

/// Windows, limits, caps, and the catalogue behind them.
pub fn sales_and_their_limits(names: &mut Names<'_>) {
    names(&["sale-open"], &|journal| {
        journal.at(START.after(Micros::from_seconds(3_600)));
        journal.creates(&[line(ON_SALE, 1)], |_| ());
    });
    names(&["sale-open"], &|journal| {
        let outside = Line { sale: SaleId(0), unit_price: MinorUnits(200), ..line(ON_SALE, 1) };
        journal.creates(&[outside], |order| order.pay_until = START.after(Micros::from_seconds(60)));
    });
    names(&["sale-open"], &|journal| {
        journal.by(operator(), &[Fact::SkuChanged(Sku { version: 2, open: false, ..sku(PLAIN, 250) })]);
        journal.creates(&[line(PLAIN, 1)], |_| ());
    });
    names(&["order-limit"], &|journal| {
        journal.creates(&[line(ON_SALE, 4)], |_| ());
    });
    names(&["user-limit"], &|journal| {
        journal.creates(&[line(ON_SALE, 3)], |_| ());
        journal.creates(&[line(ON_SALE, 2)], |_| ());
    });
    names(&["cap"], &|journal| {
        for buyer in 1..=3 {
            journal.creates_for(UserId(buyer), &[line(ON_SALE, 3)], |_| ());
        }
    });
    names(&["catalogue"], &|journal| {
        journal.by(operator(), &[Fact::SkuChanged(Sku { version: 3, ..sku(PLAIN, 250) })]);
    });
    names(&["catalogue"], &|journal| {
        let beside = Sale { id: SaleId(4), ..sale() };
        let skus = [SaleSku { sku: ON_SALE, unit_price: MinorUnits(90) }];
        journal.by(operator(), &[Fact::SaleChanged { sale: beside, skus: &skus }]);
    });
}

/// Transitions, expiries and shelves.
pub fn orders_as_they_move(names: &mut Names<'_>) {
    names(&["transitions"], &|journal| {
        let order = journal.creates(&[line(PLAIN, 1)], |_| ());
        journal.cancels(&order, 3, user(), CancelReason::User);
    });
    names(&["transitions"], &|journal| {
        let order = journal.creates(&[line(PLAIN, 1)], |_| ());
        journal.cancels(&order, 2, user(), CancelReason::User);
        journal.cancels(&order, 3, user(), CancelReason::User);
    });
    names(&["transitions"], &|journal| {
        let order = journal.creates(&[line(PLAIN, 1)], |_| ());
        let units = units_of(&order);
        let sold = Fact::StockReduced { order: order.order, units: &units };
        journal.by(user(), &[sold, Fact::OrderConfirmed { order: order.order, version: 2 }]);
    });
    names(&["transitions"], &|journal| {
        let stranger = journal.order(&[line(PLAIN, 1)]);
        journal.cancels(&stranger, 2, user(), CancelReason::User);
    });
    names(&["expiry"], &|journal| {
        let order = journal.creates(&[line(PLAIN, 1)], |_| ());
        journal.at(MicrosUtc(order.pay_until.0 - 1));
        journal.expires(&order);
    });
    names(&["oversold"], &|journal| {
        journal.creates(&[line(PLAIN, 3)], |_| ());
        journal.adjusts(|adjusted| adjusted.on_hand_delta = -8);
    });
    names(&["shelves"], &|journal| journal.adjusts(|adjusted| adjusted.safety_delta = -1));
}

/// Orders with nothing to pay.
pub fn a_free_order_is_sold_at_once_and_comes_back_whole(names: &mut Names<'_>) {
    let free = [Line { discount: MinorUnits(250), ..line(PLAIN, 1) }];
    names(&[], &|journal| {
        let order = journal.gives_away(&free);
        journal.takes_back(&order, 1, MinorUnits(0));
    });
    names(&["units"], &|journal| {
        let order = journal.gives_away(&free);
        journal.takes_back(&order, 2, MinorUnits(0));
    });
    names(&["money"], &|journal| {
        let order = journal.gives_away(&free);
        journal.takes_back(&order, 1, MinorUnits(1));
    });
    names(&["entries"], &|journal| {
        journal.creates(&free, |order| order.discount = MinorUnits(250));
    });
}

/// Exchanges: as many units as come back leave the shelf before they are there.
pub fn units_given_for_units_that_come_back(names: &mut Names<'_>) {
    names(&[], &|journal| {
        let order = journal.awaits_goods();
        journal.exchanges(order, (1, 1), MinorUnits(0));
    });
    names(&["entries"], &|journal| {
        let order = journal.awaits_goods();
        let returned = StockAdjusted { reason: AdjustReason::Returned, order, ..units_in(PLAIN, 1) };
        let done = case(order, CaseState::Done);
        journal.by(operator(), &[Fact::AftersaleChanged(done), Fact::StockAdjusted(returned)]);
    });
    names(&["units"], &|journal| {
        let order = journal.awaits_goods();
        journal.exchanges(order, (2, 1), MinorUnits(0));
    });
    names(&["units"], &|journal| {
        let order = journal.awaits_goods();
        journal.exchanges(order, (1, 2), MinorUnits(0));
    });
    // The unit that came back is given for itself.
    names(&["oversold"], &|journal| {
        let order = journal.awaits_goods();
        journal.adjusts(|adjusted| adjusted.on_hand_delta = -9);
        journal.exchanges(order, (1, 1), MinorUnits(0));
    });
    names(&["aftersale"], &|journal| {
        let order = journal.awaits_goods();
        journal.exchanges(order, (1, 1), MinorUnits(1));
    });
}

/// Coupons of orders that are made, that move, and that are too many.
pub fn coupons_and_their_quotas(names: &mut Names<'_>) {
    let cheaper = [Line { discount: MinorUnits(50), ..line(PLAIN, 1) }];
    names(&[], &|journal| {
        let order = journal.creates(&cheaper, |_| ());
        journal.cancels(&order, 2, user(), CancelReason::User);
        journal.creates(&cheaper, |_| ());
        journal.creates_for(UserId(42), &cheaper, |_| ());
    });
    names(&["coupons"], &|journal| {
        let created = journal.order(&cheaper);
        let (order, units) = (created.order, units_of(&created));
        journal.by(user(), &[Fact::OrderCreated(created), Fact::StockReserved { order, units: &units }]);
    });
    names(&["coupons"], &|journal| {
        let created = journal.order(&cheaper);
        let (order, units) = (created.order, units_of(&created));
        let coupons = [share(MinorUnits(49))];
        let locked = Fact::CouponLocked { order, coupons: &coupons };
        let held = Fact::StockReserved { order, units: &units };
        journal.by(user(), &[Fact::OrderCreated(created), held, locked]);
    });
    names(&["coupons"], &|journal| {
        let created = journal.creates(&cheaper, |_| ());
        let (order, units) = (created.order, units_of(&created));
        let (version, reason) = (2, CancelReason::User);
        let freed = Fact::StockReleased { order, units: &units };
        journal.by(user(), &[Fact::OrderCancelled { order, version, reason, why: 0 }, freed]);
    });
    names(&["coupons"], &|journal| {
        journal.at(coupon().closes);
        journal.creates(&cheaper, |_| ());
    });
    names(&["coupons"], &|journal| {
        let skipped = Coupon { version: 3, ..coupon() };
        journal.by(operator(), &[Fact::CouponDefined { coupon: skipped, skus: &[] }]);
    });
    names(&["coupons"], &|journal| {
        journal.by(user(), &[Fact::CouponClaimed { coupon: COUPON, user: BUYER }]); // Nobody must claim it.
    });
    names(&["coupon-quota"], &|journal| {
        journal.creates(&cheaper, |_| ());
        journal.creates(&cheaper, |_| ()); // One a user.
    });
    names(&["coupon-quota"], &|journal| {
        for buyer in 1..=3 {
            journal.creates_for(UserId(buyer), &cheaper, |_| ()); // Two in all.
        }
    });
    names(&["coupon-quota"], &|journal| {
        journal.creates(&cheaper, |_| ());
        journal.creates_for(UserId(42), &cheaper, |_| ());
        let fewer = Coupon { version: 2, quota: 1, ..coupon() };
        journal.by(operator(), &[Fact::CouponDefined { coupon: fewer, skus: &[] }]);
    });
}

/// A journal as it is written, entry by entry.
pub struct Journal<'a> {
    sink: Box<Sink<'a>>,
    pub position: u64,
    now: MicrosUtc,
    pub requests: u64,
    orders: u16,
}

impl<'a> Journal<'a> {
    /// Two skus, one of them in a sale, ten units of each, and a coupon.
    pub fn healthy(sink: impl FnMut(u64, &Stamp, &[Fact<'_>]) + 'a) -> Journal<'a> {
        let sink = Box::new(sink);
        let mut journal = Journal { sink, position: FIRST_POSITION, now: START, requests: 0, orders: 0 };
        journal.by(operator(), &[Fact::SkuChanged(sku(PLAIN, 250))]);
        journal.by(operator(), &[Fact::SkuChanged(sku(ON_SALE, 200))]);
        let skus = [SaleSku { sku: ON_SALE, unit_price: MinorUnits(100) }];
        journal.by(operator(), &[Fact::SaleChanged { sale: sale(), skus: &skus }]);
        journal.by(operator(), &[Fact::StockAdjusted(units_in(PLAIN, 10))]);
        journal.by(operator(), &[Fact::StockAdjusted(units_in(ON_SALE, 10))]);
        journal.by(operator(), &[Fact::CouponDefined { coupon: coupon(), skus: &[] }]);
        journal
    }

    pub fn at(&mut self, now: MicrosUtc) {
        self.now = now;
    }

    pub fn by(&mut self, actor: Actor, facts: &[Fact<'_>]) {
        self.requests += 1;
        let who = match actor {
            Actor::User(user) => Some(user),
            Actor::Operator(key) => Some(UserId(u64::from(key))),
            Actor::Timer | Actor::Gateway(_) => None,
        };
        let id = RequestId((START.0 as u128 / 1_000) << 80 | u128::from(self.requests));
        let request = who.map(|who| Request { key: RequestKey { who, id }, body: 0 });
        let stamp = Stamp { at: self.now, actor, request, trace: TraceId(0) };
        (self.sink)(self.position, &stamp, facts);
        self.position += facts.len() as u64;
    }

    pub fn adjusts(&mut self, change: impl FnOnce(&mut StockAdjusted)) {
        let mut adjusted = units_in(PLAIN, 0);
        change(&mut adjusted);
        self.by(operator(), &[Fact::StockAdjusted(adjusted)]);
    }

    /// An order of the buyer, as it should be. Its lines live as long as the test's process, so that orders are
    /// plain values.
    pub fn order(&mut self, lines: &[Line]) -> OrderCreated<'static> {
        self.orders += 1;
        let lines: &[Line] = lines.to_vec().leak();
        let ms = (self.now.0 / 1_000 - OrderId::EPOCH_MS) as u64;
        let cost = |line: &Line| line.unit_price.0 * i64::from(line.quantity.get()) - line.discount.0;
        let hold = |line: &Line| if line.sale == SALE { 30 } else { 60 };
        OrderCreated {
            order: OrderId::new(ms, OrderId::slot_of(BUYER), self.orders),
            user: BUYER,
            hold: 0,
            currency: EURO,
            discount: MinorUnits(lines.iter().map(|line| line.discount.0).sum()),
            freight: MinorUnits(0),
            total: MinorUnits(lines.iter().map(cost).sum()),
            pay_until: self.now.after(Micros::from_seconds(lines.iter().map(hold).min().unwrap_or(0))),
            lines,
            client_bytes: b"",
        }
    }

    pub fn creates(
        &mut self,
        lines: &[Line],
        change: impl FnOnce(&mut OrderCreated<'static>),
    ) -> OrderCreated<'static> {
        self.creates_for(BUYER, lines, change)
    }

    pub fn creates_for(
        &mut self,
        user: UserId,
        lines: &[Line],
        change: impl FnOnce(&mut OrderCreated<'static>),
    ) -> OrderCreated<'static> {
        let mut order = self.order(lines);
        order.user = user;
        order.order = OrderId::new(order.order.ms(), OrderId::slot_of(user), order.order.sequence());
        change(&mut order);
        let units = units_of(&order);
        let held = Fact::StockReserved { order: order.order, units: &units };
        let coupons = [share(order.discount)];
        let locked = Fact::CouponLocked { order: order.order, coupons: &coupons };
        let facts = [Fact::OrderCreated(order), held, locked];
        self.by(Actor::User(user), if order.discount.0 == 0 { &facts[..2] } else { &facts });
        order
    }

    pub fn gives_away(&mut self, lines: &[Line]) -> OrderCreated<'static> {
        let created = self.order(lines);
        let (order, units) = (created.order, units_of(&created));
        let coupons = [share(created.discount)];
        self.by(
            user(),
            &[
                Fact::OrderCreated(created),
                Fact::StockReserved { order, units: &units },
                Fact::CouponLocked { order, coupons: &coupons },
                Fact::StockReduced { order, units: &units },
                Fact::CouponUsed { order, coupons: &coupons },
                Fact::OrderConfirmed { order, version: 2 },
            ],
        );
        created
    }

    pub fn takes_back(&mut self, order: &OrderCreated<'_>, units: i64, amount: MinorUnits) {
        let returned = StockAdjusted {
            reason: AdjustReason::Returned,
            order: order.order,
            ..units_in(order.lines[0].sku, units)
        };
        let refunded = Fact::RefundDone { order: order.order, version: 3, amount, why: 0 };
        self.by(user(), &[Fact::StockAdjusted(returned), refunded]);
    }

    /// A free unit was sent, and is to come back for another one.
    pub fn awaits_goods(&mut self) -> OrderId {
        let created = self.gives_away(&[Line { discount: MinorUnits(250), ..line(PLAIN, 1) }]);
        let (order, units) = (created.order, units_of(&created));
        let (version, waybill) = (3, Waybill::NONE);
        let shipped = Fact::OrderShipped { order, version, number: 1, whole: true, waybill, units: &units };
        self.by(operator(), &[shipped]);
        for state in [CaseState::Open, CaseState::AwaitingGoods] {
            self.by(operator(), &[Fact::AftersaleChanged(case(order, state))]);
        }
        order
    }

    /// So many units go for so many, and so much money.
    pub fn exchanges(&mut self, order: OrderId, (goes, comes): (u32, i64), amount: MinorUnits) {
        let done = Case { amount, ..case(order, CaseState::Done) };
        let units = [ShelfUnits { sku: PLAIN, warehouse: WAREHOUSE, quantity: quantity(goes) }];
        let returned = StockAdjusted { reason: AdjustReason::Returned, order, ..units_in(PLAIN, comes) };
        let facts = [
            Fact::AftersaleChanged(done),
            Fact::StockReserved { order, units: &units },
            Fact::StockReduced { order, units: &units },
            Fact::StockAdjusted(returned),
        ];
        self.by(operator(), &facts);
    }

    pub fn cancels(&mut self, order: &OrderCreated<'_>, version: u32, actor: Actor, reason: CancelReason) {
        let (discount, order, units) = (order.discount, order.order, units_of(order));
        let freed = Fact::StockReleased { order, units: &units };
        let coupons = [share(discount)];
        let back = Fact::CouponReleased { order, coupons: &coupons };
        let facts = [Fact::OrderCancelled { order, version, reason, why: 0 }, freed, back];
        self.by(actor, if discount.0 == 0 { &facts[..2] } else { &facts });
    }

    pub fn expires(&mut self, order: &OrderCreated<'_>) {
        self.cancels(order, 2, Actor::Timer, CancelReason::Timer);
    }
}

pub fn user() -> Actor {
    Actor::User(BUYER)
}

pub fn operator() -> Actor {
    Actor::Operator(0)
}

pub fn quantity(units: u32) -> Quantity {
    Quantity::parse(units).expect("a quantity in range")
}

pub fn sku(id: SkuId, unit_price: i64) -> Sku {
    let (seller, unit_price) = (SellerId(0), MinorUnits(unit_price));
    let (open, weight_grams) = (true, 0);
    Sku { id, version: 1, seller, currency: EURO, unit_price, hold_seconds: 60, open, weight_grams }
}

/// Open for an hour: 3 units an order, 4 a user, 8 in all.
pub fn sale() -> Sale {
    Sale {
        id: SALE,
        version: 1,
        closed_from: START,
        opens: START,
        closes: START.after(Micros::from_seconds(3_600)),
        user_limit_units: 4,
        order_limit_units: 3,
        cap_units: 8,
        hold_seconds: 30,
    }
}

/// For an hour, one a user and two in all.
pub fn coupon() -> Coupon {
    Coupon {
        id: COUPON,
        version: 1,
        currency: EURO,
        benefit: Benefit::Amount(MinorUnits(250)),
        threshold: MinorUnits(0),
        scope: CouponScope::All,
        opens: START,
        closes: START.after(Micros::from_seconds(3_600)),
        quota: 2,
        user_quota: 1,
        group: 1,
        rank: 1,
        must_claim: false,
    }
}

pub fn share(discount: MinorUnits) -> CouponShare {
    CouponShare { coupon: COUPON, discount }
}

pub fn case(order: OrderId, state: CaseState) -> Case {
    Case {
        order,
        number: 1,
        kind: CaseKind::Exchange,
        state,
        sku: PLAIN,
        units: 1,
        amount: MinorUnits(0),
        refund: 0,
        why: 0,
    }
}

pub fn units_in(sku: SkuId, units: i64) -> StockAdjusted {
    StockAdjusted {
        sku,
        warehouse: WAREHOUSE,
        on_hand_delta: units,
        safety_delta: 0,
        unavailable_delta: 0,
        reason: AdjustReason::Received,
        order: OrderId(0),
    }
}

pub fn line(sku: SkuId, units: u32) -> Line {
    let (sale, price) = if sku == ON_SALE { (SALE, 100) } else { (SaleId(0), 250) };
    Line {
        sku,
        seller: SellerId(0),
        warehouse: WAREHOUSE,
        sale,
        quantity: quantity(units),
        parcel: 0,
        unit_price: MinorUnits(price),
        discount: MinorUnits(0),
        freight: MinorUnits(0),
    }
}

pub fn units_of(order: &OrderCreated<'_>) -> Vec<ShelfUnits> {
    (order.lines.iter())
        .map(|line| ShelfUnits { sku: line.sku, warehouse: line.warehouse, quantity: line.quantity })
        .collect()
}
