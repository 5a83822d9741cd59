//! Random histories: after every step the ledger that only replayed the facts answers like the one that lived
//! them, and nothing is lost, doubled or oversold.

mod shop;

use std::collections::BTreeMap;

use domain::aftersale::{Case, CaseKind, CaseState, Condition};
use domain::coupon::{CouponCounts, CouponIds};
use domain::intent::{
    AskedLine, Cancel, CaseDecide, CaseOpen, CaseReceive, ConfirmReceipt, CouponClaim, Create, Lines,
    PayCallback, PayClose, PayOpen, PayOutcome, Refund, RefundResult, SentLine, Ship, Sign, TrackNote,
};
use domain::order::State;
use domain::payment::{ATTEMPTS_MAX, PaymentState, REPEATS_MAX, RefundState};
use domain::shipment::{Waybill, Whereabouts};
use domain::verdict::Holdings;
use domain::{
    CouponId, GatewayId, Intent, MicrosUtc, MinorUnits, OrderId, PaymentId, Quantity, Reason, Refusal,
    RequestId, SaleId, SkuId, UserId, Verdict, WarehouseId,
};
use shop::{BOUNDS, EURO, Shop};

const SKUS: u64 = 6;
/// The last is never made.
const COUPONS: u64 = 4;
/// Has to be claimed.
const CLAIMED: u64 = 3;
const SEEDS: u64 = 60;
const STEPS: usize = 1_500;
/// How often a run must have used each coupon, and exchanged units: these are seldom.
const RARE: u64 = 20;

#[test]
fn replayed_is_lived_and_units_are_conserved() {
    let seeds = match std::env::var("TIDEGATE_SEED") {
        Ok(seed) => vec![seed.parse().expect("TIDEGATE_SEED is a number")],
        Err(_) => (0..SEEDS).collect(),
    };
    let (many, mut seen) = (seeds.len() > 1, [0; COUPONS as usize]);
    for seed in seeds {
        println!("TIDEGATE_SEED={seed}");
        live(seed, &mut seen);
    }
    assert!(!many || seen.iter().all(|&times| times >= RARE), "coupons used, units exchanged: {seen:?}");
}

/// A shelf by sku and warehouse, and units on it.
type Units = BTreeMap<(SkuId, WarehouseId), u64>;

/// A history as it goes on.
struct History {
    shop: Shop,
    random: fastrand::Rng,
    /// What operators put on each shelf.
    brought: BTreeMap<(SkuId, WarehouseId), i64>,
    asked: Vec<Asked>,
    /// At the latest balance.
    exchanged_units: u64,
    /// How many were written while the ledger went on.
    images: u32,
}

/// A CREATE that made an order.
struct Asked {
    user: UserId,
    request: RequestId,
    total: MinorUnits,
    coupons: CouponIds,
    lines: Vec<AskedLine>,
}

/// Adds up how often each coupon was used, and last how many units were exchanged.
fn live(seed: u64, seen: &mut [u64; COUPONS as usize]) {
    let random = fastrand::Rng::with_seed(seed);
    let mut history = History {
        shop: Shop::new(BOUNDS),
        random,
        brought: BTreeMap::new(),
        asked: Vec::new(),
        exchanged_units: 0,
        images: 0,
    };
    for sku in 1..=SKUS {
        history.shop.tell(&format!("sku {sku} price {} hold {}", (sku % 3) * 50, 5 + sku * 7));
        history.bring(sku, 1 + (sku % 2) as u32, 40);
        history.bring(sku, 3, 25);
    }
    history
        .shop
        .tell("sale 1 skus 1:10,2:0 closed_from 5 opens 20 closes 4000 user 9 order 6 cap 60 hold 11");
    history.shop.tell("sale 2 skus 3:7 opens 50 closes 90 user 3");
    history.shop.tell("coupon 1 off 60 closes 900000 quota 25 each 4");
    history.shop.tell("coupon 2 percent 3000 cap 90 of 1,2,5 closes 900000 rank 1");
    history.shop.tell("coupon 3 off 25 threshold 100 closes 900000 each 9 claim");
    for step in 0..STEPS {
        history.step();
        history.remember();
        let holdings = history.shop.holdings();
        assert_eq!(
            holdings.orders.iter().sum::<u64>(),
            history.asked.len() as u64,
            "an order is lost or doubled"
        );
        if step % 50 == 0 || step + 1 == STEPS {
            history.balance(&holdings);
        }
    }
    assert!(history.asked.len() > 50, "hardly an order was made");
    assert!(history.images > 3, "hardly an image was written");
    let [coupons @ .., exchanged] = seen;
    for (coupon, used) in (1..).map(CouponId).zip(coupons) {
        *used += history.counts_of(coupon, UserId(1)).0.used;
    }
    *exchanged += history.exchanged_units;
}

impl History {
    fn step(&mut self) {
        match self.random.u32(..100) {
            0..32 => self.create(),
            32..54 => self.move_money(),
            54..60 => self.send(),
            60..67 => self.aftersale(),
            67..75 => self.cancel(),
            75..87 => self.pass_time(),
            87..92 => {
                let (sku, warehouse, units) =
                    (self.random.u64(1..=SKUS), self.random.u32(1..=3), self.random.i64(-10..15));
                self.bring(sku, warehouse, units);
            }
            92..94 => self.change_sale(),
            94..96 => self.claim(),
            _ => self.ask_again(),
        }
    }

    /// Now and then a ledger is another one, made of an image; and all the time an image is written.
    fn remember(&mut self) {
        let bytes = self.random.usize(..20_000);
        self.images += u32::from(self.shop.write_image(bytes));
        match self.random.u32(..150) {
            0 => self.shop.is_reborn(),
            1 => self.shop.mirror_is_reborn(),
            _ => {}
        }
    }

    fn create(&mut self) {
        let random = &mut self.random;
        let mut skus: Vec<u64> = (1..=SKUS).collect();
        random.shuffle(&mut skus);
        skus.truncate(random.usize(1..4));
        let mut line = |sku| AskedLine {
            sku: SkuId(sku),
            warehouse: WarehouseId(random.u32(..4)),
            quantity: Quantity::parse(random.u32(1..5)).expect("a few"),
        };
        let lines = skus.into_iter().map(&mut line).collect();
        let user = UserId(random.u64(1..12));
        let mut ids: Vec<u64> = (1..=COUPONS).collect();
        random.shuffle(&mut ids);
        // Mostly none, or one that is there; two seldom.
        let named = random.u64(..12).saturating_sub(6).min(COUPONS) as usize / 2;
        let id = |at| if at < named { ids[at] } else { 0 };
        let coupons = CouponIds::parse([id(0), id(1), id(2), id(3)]).expect("each once");
        let request = self.shop.request();
        let mut asked = Asked { user, request, total: MinorUnits(0), coupons, lines };
        let mut verdict = self.shop.apply(&asked.intent());
        if let Verdict::Refused(Refusal { reason: Reason::PriceChanged, there, .. }) = verdict {
            asked.total = MinorUnits(there);
            verdict = self.shop.apply(&asked.intent());
        }
        if let Verdict::Order(brief) = verdict {
            self.shop.orders.push((String::new(), brief.order, user, request));
            self.asked.push(asked);
        }
    }

    fn claim(&mut self) {
        let coupon = if self.random.u8(..4) == 0 { self.random.u64(1..=COUPONS) } else { CLAIMED };
        let (user, coupon) = (UserId(self.random.u64(1..12)), CouponId(coupon));
        let claim = Intent::CouponClaim(CouponClaim { user, request: self.shop.request(), coupon });
        self.twice(&claim);
    }

    fn cancel(&mut self) {
        let Some(&(_, order, owner, _)) = self.random.choice(&self.shop.orders) else { return };
        let user = if self.random.u8(..8) == 0 { UserId(0) } else { owner };
        let (request, version) = (self.shop.request(), self.random.u32(..3));
        let cancel = Intent::Cancel(Cancel { user, request, order, version, why: self.random.u16(..) });
        let verdict = self.shop.apply(&cancel);
        if matches!(verdict, Verdict::Order(_)) {
            let entries = self.shop.mirror.entries;
            assert_eq!(self.shop.apply(&cancel), verdict, "the same cancel again");
            assert_eq!(self.shop.mirror.entries, entries, "nothing is done twice");
        }
    }

    /// An attempt opened, told about, closed or sent back, right or wrong; each twice, and once done.
    fn move_money(&mut self) {
        let waits = |state| matches!(state, State::PendingPayment | State::Paying);
        let Some((order, user)) = self.an_order(waits) else { return };
        let first = self.random.u8(..3) != 0;
        let payment = PaymentId::new(order, if first { 1 } else { self.random.u16(1..4) });
        let gateway = GatewayId(if first { 1 } else { self.random.u16(1..=2) });
        let Verdict::OrderFound(found) = self.shop.read(&Intent::Get { user, order }) else {
            panic!("{order:?} is lost")
        };
        let mostly = self.random.u8(..8) != 0;
        let amount = if mostly { found.brief.total } else { MinorUnits(self.random.i64(0..200)) };
        let request = self.shop.request();
        let succeeded = Intent::PayCallback(PayCallback {
            gateway,
            payment,
            outcome: PayOutcome::Succeeded { amount, currency: EURO, reference: request.0 as u64 },
        });
        let intent = match self.random.u8(..10) {
            0..3 => Intent::PayOpen(PayOpen { user, request, order, gateway }),
            3..6 => succeeded,
            6 => Intent::PayCallback(PayCallback { gateway, payment, outcome: PayOutcome::Failed }),
            7 => Intent::PayClose(PayClose { user, request, payment }),
            8 => {
                let amount = MinorUnits(self.random.i64(0..60));
                Intent::Refund(Refund { request, payment, amount, why: 0 })
            }
            _ => {
                let read = Intent::PayGet { user, order: OrderId(0), payment };
                let Verdict::Payment(it) = self.shop.read(&read) else { return };
                let (succeeded, amount) = (self.random.bool(), it.refund_amount);
                let (number, gateway) = (it.refund_number, it.gateway);
                Intent::RefundResult(RefundResult { gateway, payment, number, succeeded, amount })
            }
        };
        let first = self.shop.apply(&intent);
        let entries = self.shop.mirror.entries;
        let again = self.shop.apply(&intent);
        if !matches!(first, Verdict::Refused(_)) {
            let same = again == first || matches!(intent, Intent::RefundResult(_));
            assert!(same, "{intent:?}: {first:?}, and again {again:?}");
        }
        assert_eq!(self.shop.mirror.entries, entries, "nothing is done twice");
    }

    /// Any order is sent, in parts or at once, signed for, received, or where its carrier says; twice, and once done.
    fn send(&mut self) {
        let Some((order, user)) = self.an_order(is_sold) else { return };
        let random = &mut self.random;
        let mut line =
            |sku| SentLine { sku: SkuId(sku), quantity: Quantity::parse(random.u32(1..4)).expect("a few") };
        let lines: Vec<SentLine> =
            (1..=SKUS).map(&mut line).filter(|it| it.sku.0 % 2 == order.0 % 2).collect();
        let lines = &lines[..self.random.usize(..2)];
        let (request, version) = (self.shop.request(), 0);
        let intent = match self.random.u8(..8) {
            0..4 => Intent::Ship(Ship { request, order, version, waybill: Waybill::NONE, lines }),
            4..6 => Intent::Sign(Sign { request, order, version }),
            6 => Intent::ConfirmReceipt(ConfirmReceipt { user, request, order, version }),
            _ => {
                let (number, note) = (self.random.u16(..3), Whereabouts([self.random.u8(..); 40]));
                Intent::TrackNote(TrackNote { request, order, number, note })
            }
        };
        self.twice(&intent);
    }

    /// Any order's case is opened, decided, or its goods come back; twice, and once done.
    fn aftersale(&mut self) {
        let Some((order, user)) = self.an_order(is_sold) else { return };
        let request = self.shop.request();
        let cases = self.cases_of(order);
        let number = self.random.u16(1..4);
        let case = cases.get(usize::from(number) - 1);
        let intent = match case.map(|case| case.state) {
            Some(CaseState::AwaitingGoods) if self.random.u8(..4) != 0 => {
                let condition = if self.random.bool() { Condition::Sellable } else { Condition::Unavailable };
                let warehouse = WarehouseId(0);
                Intent::CaseReceive(CaseReceive { request, order, number, warehouse, condition })
            }
            Some(_) => {
                let (accept, amount) = (self.random.u8(..5) != 0, MinorUnits(0));
                Intent::CaseDecide(CaseDecide { request, order, number, accept, amount, why: 0 })
            }
            None => {
                let sku = SkuId(self.random.u64(1..=SKUS));
                let (kind, units) = match self.random.u8(..4) {
                    0 => (CaseKind::Refund, 0),
                    1 => (CaseKind::ReturnRefund, self.random.u32(1..3)),
                    _ => (CaseKind::Exchange, self.random.u32(1..3)),
                };
                let amount = MinorUnits(0);
                Intent::CaseOpen(CaseOpen { user, request, order, kind, sku, units, amount, why: 0 })
            }
        };
        self.twice(&intent);
    }

    /// An order and its buyer: in half of the draws one in such a state, if there is any.
    fn an_order(&mut self, fits: impl Fn(State) -> bool) -> Option<(OrderId, UserId)> {
        let from = self.random.usize(..self.shop.orders.len().max(1));
        let picky = self.random.bool();
        let mut found = None;
        for at in (from..self.shop.orders.len()).chain(0..from) {
            let (_, order, user, _) = self.shop.orders[at];
            let Verdict::OrderFound(view) = self.shop.read(&Intent::Get { user, order }) else {
                panic!("{order:?} is lost")
            };
            if !picky || fits(view.brief.state) {
                return Some((order, user));
            }
            found = Some((order, user));
        }
        found
    }

    /// What is asked again has the same answer, and is not done again.
    fn twice(&mut self, intent: &Intent<'_>) {
        let first = self.shop.apply(intent);
        let entries = self.shop.mirror.entries;
        if !matches!(first, Verdict::Refused(_)) {
            assert_eq!(self.shop.apply(intent), first, "the same again");
        }
        assert_eq!(self.shop.mirror.entries, entries, "nothing is done twice");
    }

    fn cases_of(&mut self, order: OrderId) -> Vec<Case> {
        let Verdict::Cases(view) = self.shop.read(&Intent::CaseList { user: UserId(0), order }) else {
            panic!("{order:?} is lost")
        };
        view.cases.iter().map(|it| it.case).collect()
    }

    /// How often the coupon was taken by all, and by this user.
    fn counts_of(&mut self, coupon: CouponId, user: UserId) -> (CouponCounts, CouponCounts) {
        let Verdict::CouponFound(found) = self.shop.read(&Intent::CouponGet { user, coupon }) else {
            panic!("{coupon:?} is lost")
        };
        (found.summary.counts, found.taken.counts)
    }

    /// Units of each line that were sent so far.
    fn sent_of(&mut self, order: OrderId) -> BTreeMap<SkuId, u64> {
        let Verdict::Shipments(view) = self.shop.read(&Intent::Track { user: UserId(0), order }) else {
            panic!("{order:?} is lost")
        };
        let mut sent = BTreeMap::new();
        for (place, shipment) in view.shipments.iter().enumerate() {
            assert_eq!(usize::from(shipment.number), place + 1);
            for line in &shipment.lines {
                *sent.entry(line.sku).or_default() += line.quantity.units();
            }
        }
        sent
    }

    /// Mostly seconds; sometimes a day, so that request ids leave their window.
    fn pass_time(&mut self) {
        let seconds = if self.random.u8(..40) == 0 { 90_000 } else { self.random.i64(0..20) };
        self.shop.now = MicrosUtc(self.shop.now.0 + seconds * 1_000_000 + self.random.i64(0..1_000_000));
        let most = self.random.usize(..5);
        assert!(self.shop.expire(most) <= most, "expiring takes no more than it may");
    }

    fn bring(&mut self, sku: u64, warehouse: u32, units: i64) {
        if self.shop.tell(&format!("stock {sku}@{warehouse} {units:+}")).contains("on hand") {
            *self.brought.entry((SkuId(sku), WarehouseId(warehouse))).or_default() += units;
        }
    }

    fn change_sale(&mut self) {
        let Verdict::SaleFound(sale) = self.shop.read(&Intent::SaleGet(SaleId(1))) else { panic!("sale 1") };
        let (user, version) = (self.random.u32(..20), sale.summary.sale.version);
        let answer = self
            .shop
            .tell(&format!("sale 1 skus 1:10,4:5 opens 20 closes 900000 user {user} replaces {version}"));
        assert_eq!(answer, format!("sale 1 v{}", version + 1));
    }

    /// The answer is the order as it stands, or that the id is too old; never a second order.
    fn ask_again(&mut self) {
        let Some(asked) = self.random.choice(&self.asked) else { return };
        let entries = self.shop.mirror.entries;
        let verdict = self.shop.apply(&asked.intent());
        if let Verdict::Refused(refusal) = verdict {
            assert_eq!(refusal.reason, Reason::RequestIdExpired);
        } else {
            assert!(matches!(verdict, Verdict::Order(brief) if brief.user == asked.user), "{verdict:?}");
        }
        assert_eq!(self.shop.mirror.entries, entries, "nothing is done twice");
    }

    /// Recomputes shelves and limits from the orders alone; every read answers alike, lived and replayed.
    fn balance(&mut self, holdings: &Holdings) {
        let (mut held, mut sold, mut returned) = (Units::new(), Units::new(), Units::new());
        let mut taken: BTreeMap<SaleId, u64> = BTreeMap::new();
        let mut pairs: BTreeMap<(SaleId, UserId), u64> = BTreeMap::new();
        let mut coupons: BTreeMap<(CouponId, UserId), (u64, u64)> = BTreeMap::new();
        let (mut arrived, mut refunded) = (0, 0);
        self.exchanged_units = 0;
        for (_, order, user, _) in self.shop.orders.clone() {
            let Verdict::OrderFound(found) = self.shop.read(&Intent::Get { user, order }) else {
                panic!("{order:?} is lost")
            };
            let state = found.brief.state;
            let Verdict::History(rows) = self.shop.read(&Intent::History { user, order }) else {
                panic!("a history")
            };
            assert_eq!(rows.rows.last().map(|row| (row.to, row.version)), Some((state, found.brief.version)));
            let was_sold = rows.rows.iter().any(|row| row.to == State::Confirmed);
            let money = self.money_of(order, user, state, was_sold);
            let sent = self.sent_of(order);
            let all =
                found.lines.iter().all(|line| sent.get(&line.sku).copied() == Some(line.quantity.units()));
            let arrived_whole = matches!(state, State::Shipped | State::Delivered | State::Completed);
            assert!(all || !arrived_whole, "{state:?} and not all sent");
            assert!(sent.is_empty() || was_sold, "sent unsold");
            (arrived, refunded) = (arrived + money.0, refunded + money.1);
            let waits = matches!(state, State::PendingPayment | State::Paying);
            for share in &found.coupons {
                let (locked, used) = coupons.entry((share.coupon, user)).or_default();
                (*locked, *used) = (*locked + u64::from(waits), *used + u64::from(was_sold));
            }
            let taken_off: i64 = found.coupons.iter().map(|share| share.discount.0).sum();
            assert_eq!(taken_off, found.discount.0, "{found:?}");
            assert_eq!(taken_off, found.lines.iter().map(|line| line.discount.0).sum::<i64>(), "{found:?}");
            let cases = self.cases_of(order);
            for line in &found.lines {
                let (shelf, units) = ((line.sku, line.warehouse), line.quantity.units());
                let count =
                    |into: &mut Units, yes| *into.entry(shelf).or_default() += if yes { units } else { 0 };
                count(&mut held, waits);
                count(&mut sold, was_sold);
                let (given, came, away) = exchanged_and_returned(&cases, line.sku);
                self.exchanged_units += given;
                *sold.entry(shelf).or_default() += given;
                *returned.entry(shelf).or_default() += came;
                let with_buyer = sent.get(&line.sku).copied().unwrap_or(0);
                assert!(away <= with_buyer, "more came back than went: {cases:?}");
                // What was never sent came back by itself.
                let left = units - sent.get(&line.sku).copied().unwrap_or(0);
                let back = if was_sold && state == State::Refunded { left } else { 0 };
                *returned.entry(shelf).or_default() += back;
                let counts = waits || was_sold && state != State::Refunded;
                if counts && line.sale != SaleId(0) {
                    *taken.entry(line.sale).or_default() += units;
                    *pairs.entry((line.sale, user)).or_default() += units;
                }
            }
        }
        assert_eq!((holdings.arrived, holdings.refunded), (arrived, refunded), "money is lost or made");
        for shelf in &holdings.shelves {
            let of = |units: &Units| units.get(&(shelf.sku, shelf.warehouse)).copied().unwrap_or(0);
            let brought = self.brought[&(shelf.sku, shelf.warehouse)] as u64;
            assert_eq!((shelf.held, shelf.sold), (of(&held), of(&sold)), "{shelf:?}");
            assert_eq!(shelf.on_hand, brought + of(&returned) - of(&sold), "{shelf:?}");
        }
        for sale in &holdings.sales {
            assert_eq!(sale.taken_units, taken.get(&sale.sale.id).copied().unwrap_or(0), "{sale:?}");
        }
        assert_eq!(holdings.user_counts, pairs.len() as u64);
        self.balance_coupons(&coupons);
        for user in (1..12).map(UserId) {
            self.shop.tell(&format!("list {}", user.0));
        }
    }
}

fn is_sold(state: State) -> bool {
    matches!(
        state,
        State::Confirmed | State::PartShipped | State::Shipped | State::Delivered | State::Completed
    )
}

/// Units of the line that were given by exchanges, those that came back, and how many of these the buyer has no more.
fn exchanged_and_returned(cases: &[Case], sku: SkuId) -> (u64, u64, u64) {
    let (mut given, mut came) = (0, 0);
    for case in cases.iter().filter(|case| case.sku == sku) {
        let received = match case.state {
            CaseState::Open | CaseState::AwaitingGoods => false,
            CaseState::Refunding | CaseState::Done => true,
            CaseState::Refused => case.refund > 0, // Its goods had come when its money failed.
        };
        let units = if received { u64::from(case.units) } else { 0 };
        came += units;
        given += if case.kind == CaseKind::Exchange { units } else { 0 };
    }
    (given, came, came - given)
}

impl History {
    /// Coupons are locked by the orders that wait, and used by those that were sold, of each user and over all.
    fn balance_coupons(&mut self, taken: &BTreeMap<(CouponId, UserId), (u64, u64)>) {
        for coupon in (1..COUPONS).map(CouponId) {
            let mut all = (0, 0);
            for user in (1..12).map(UserId) {
                let (_, counts) = self.counts_of(coupon, user);
                let (locked, used) = taken.get(&(coupon, user)).copied().unwrap_or_default();
                assert_eq!((counts.locked, counts.used), (locked, used), "{coupon:?} of {user:?}");
                let to_claim = coupon.0 == CLAIMED;
                assert!(!to_claim || locked + used <= counts.claimed, "{coupon:?} of {user:?}");
                all = (all.0 + locked, all.1 + used);
            }
            let (counts, _) = self.counts_of(coupon, UserId(1));
            assert_eq!((counts.locked, counts.used), all, "{coupon:?}");
        }
        let (first, _) = self.counts_of(CouponId(1), UserId(1));
        assert!(first.locked + first.used <= 25, "more than its quota: {first:?}");
    }

    /// What arrived for an order and what went back; no order keeps money that it has no use for.
    fn money_of(&mut self, order: OrderId, user: UserId, state: State, was_sold: bool) -> (i64, i64) {
        let (mut arrived, mut refunded, mut paid) = (0, 0, 0);
        for attempt in 1..=ATTEMPTS_MAX + REPEATS_MAX {
            let payment = PaymentId::new(order, attempt);
            let read = Intent::PayGet { user, order: OrderId(0), payment };
            let Verdict::Payment(it) = self.shop.read(&read) else { break };
            assert!(MinorUnits::ZERO <= it.refunded && it.refunded <= it.arrived, "{it:?}");
            let back = it.refund_state == RefundState::Asked;
            assert!(!back || it.refunded.0 + it.refund_amount.0 <= it.arrived.0, "{it:?}");
            assert!(it.state.has_arrived() || it.arrived == MinorUnits::ZERO, "{it:?}");
            if it.state == PaymentState::Surplus && it.refunded < it.arrived {
                assert!(it.refund_number > 0, "nobody asked for it back: {it:?}");
            }
            if state == State::Refunded && it.state == PaymentState::Paid {
                assert_eq!(it.refunded, it.arrived, "{it:?}");
            }
            paid += usize::from(it.state == PaymentState::Paid);
            (arrived, refunded) = (arrived + it.arrived.0, refunded + it.refunded.0);
        }
        assert!(paid <= 1, "paid twice");
        if let Verdict::OrderFound(found) = self.shop.read(&Intent::Get { user, order }) {
            assert_eq!(
                paid == 1,
                was_sold && found.brief.total != MinorUnits::ZERO,
                "sold unpaid, or paid unsold"
            );
        }
        (arrived, refunded)
    }
}

impl Asked {
    fn intent(&self) -> Intent<'_> {
        Intent::Create(Create {
            user: self.user,
            request: self.request,
            hold: 0,
            coupons: self.coupons,
            currency: EURO,
            total: self.total,
            lines: Lines::parse(&self.lines).expect("distinct skus"),
            client_bytes: &b"gift"[..(self.request.0 % 4) as usize],
        })
    }
}
