//! Random histories: what the home answers is what a ledger answers to the same intents, refusal by refusal, whichever node
//! is asked, whichever shelves are open; and in the end Redis gives away what the ledger would.
//!
//! A history is made of its seed alone. `TIDEGATE_SEED=0x… cargo test -p storage-cluster --test catalogue alike` runs one
//! again.

use std::collections::BTreeSet;
use std::env;

use domain::coupon::{Benefit, Coupon, CouponIds, CouponScope};
use domain::fact::{Fact, Facts, Stamp};
use domain::freight::{FreightBy, FreightRule};
use domain::intent::{
    AdjustReason, AskedLine, CouponDefine, Create, CursorMove, Envelope, FreightPut, LetterEnd, LetterList,
    LetterPark, LimitPut, Lines, PAGE_MAX, Sale, SalePut, SaleSku, Sku, SkuPut, StockAdjust, StockReturn,
    StockTransfer, SwitchPut,
};
use domain::ledger::{Ledger, LedgerBounds};
use domain::letter::LetterReason;
use domain::limit::{UserLimit, UserList};
use domain::request::Rules;
use domain::switch::{Note, Scope, Stops};
use domain::{
    CouponId, Currency, CursorName, Intent, Micros, MicrosUtc, MinorUnits, Quantity, RequestId, SaleId,
    SellerId, SkuId, UserId, Verdict, WarehouseId,
};
use fastrand::Rng;
use storage_cluster::redis::{Ask, Reserved, Terms, Window};
use storage_cluster::shelf::{Attempt, HoldId, Holder, ShelfKey};

use crate::shop::{HERE, Node, Shop, now};

/// Histories with a new seed in each run.
const NEW: usize = 2;
const STEPS: usize = 250;
/// Free of charge, in no sale and under no switch: what buyers buy here.
const GIFT: SkuId = SkuId(9);
const SKUS: u64 = 4;
const SALES: u32 = 3;
const COUPONS: u64 = 2;

const BOUNDS: LedgerBounds = LedgerBounds {
    orders_max: 1_000,
    lines_max: 2_000,
    client_bytes_max: 1 << 16,
    history_rows_max: 10_000,
    request_ids_max: 10_000,
    changes_max: 8_000,
    payments_max: 2_000,
    shipments_max: 1_000,
    sent_lines_max: 1_000,
    cases_max: 1_000,
    user_counts_max: 1_000,
    skus_max: 100,
    shelves_max: 1_000,
    sales_max: 10,
    sale_skus_max: 1_000,
    holds_max: 100,
    hold_lines_max: 1_000,
    limits_max: 100,
    dead_letters_max: LedgerBounds::DEFAULT.dead_letters_max,
    coupons_max: 10,
    coupon_skus_max: 1_000,
    coupon_users_max: 1_000,
    coupon_orders_max: 1_000,
};

#[tokio::test]
async fn the_home_answers_every_history_like_a_ledger() {
    if let Ok(seed) = env::var("TIDEGATE_SEED") {
        let digits = seed.trim_start_matches("0x");
        return History::run(u64::from_str_radix(digits, 16).unwrap()).await;
    }
    for _ in 0..NEW {
        let seed = fastrand::u64(..);
        println!("TIDEGATE_SEED={seed:#x}");
        History::run(seed).await;
    }
}

struct History {
    dice: Rng,
    shop: Shop,
    nodes: [Node; 2],
    ledger: Ledger,
    now: MicrosUtc,
    asked: u64,
    /// What was asked before, to be asked again.
    told: Vec<Intent<'static>>,
    /// Shelves that nobody has opened yet.
    to_open: BTreeSet<ShelfKey>,
    accepted: usize,
    bought: u64,
}

/// Facts that nobody hears.
struct Unheard;

impl Facts for Unheard {
    fn begin(&mut self, _: &Stamp) {}
    fn fact(&mut self, _: &Fact<'_>) {}
    fn end(&mut self) {}
}

impl History {
    async fn run(seed: u64) {
        let shop = Shop::start().await;
        let nodes = [shop.node().await, shop.node().await];
        let mut history = History {
            dice: Rng::with_seed(seed),
            shop,
            nodes,
            ledger: Ledger::new(BOUNDS, Rules::DEFAULT, 7),
            now: now(),
            asked: 0,
            told: Vec::new(),
            to_open: BTreeSet::new(),
            accepted: 0,
            bought: 0,
        };
        let gift = history.sku(GIFT, MinorUnits(0), 0);
        history.step(gift).await;
        let gifts = history.adjusted(GIFT, HERE, (30, 0, 0), AdjustReason::Received);
        history.step(gifts).await;
        for _ in 0..STEPS {
            history.now = history.now.after(Micros(history.dice.i64(0..400_000)));
            match history.dice.u8(0..12) {
                0 | 1 => history.buy().await,
                2 => history.open_some().await,
                3 if !history.told.is_empty() => {
                    let again = *history.dice.choice(&history.told).unwrap();
                    history.step(again).await;
                }
                _ => {
                    let intent = history.draw();
                    history.step(intent).await;
                }
            }
        }
        history.compare_units().await;
        println!(
            "{} changes accepted, {} orders, {} taken under holds",
            history.accepted,
            history.bought,
            history.held()
        );
        assert!(history.accepted > STEPS / 10, "only {} were accepted: too tame", history.accepted);
    }

    /// Both are asked, and say the same.
    async fn step(&mut self, intent: Intent<'static>) {
        let wanted = self.ledger.apply(self.now, Envelope::default(), &intent, &mut Unheard);
        let node = &self.nodes[self.dice.usize(0..2)];
        let decided = node.ask_at(self.now, false, &intent).await;
        assert_eq!(decided.outcome, Ok(wanted.clone()), "{:?} to {intent:?}", decided.trouble);
        self.to_open.extend(decided.to_open);
        let changes = intent.request().is_some();
        self.accepted += usize::from(changes && !matches!(wanted, Verdict::Refused(_)));
        if changes {
            self.told.push(intent);
        }
    }

    /// Changes that took units out of Redis.
    fn held(&self) -> i64 {
        self.shop.number("home", "SELECT COUNT(*) FROM request_keys_0 WHERE hold IS NOT NULL")
    }

    async fn open_some(&mut self) {
        let some: BTreeSet<ShelfKey> = self.to_open.iter().filter(|_| self.dice.bool()).copied().collect();
        self.to_open.retain(|shelf| !some.contains(shelf));
        self.nodes[0].open(&some).await;
    }

    /// What Redis gives a buyer the ledger sells: Redis may only under-promise. The order itself is the shard's business,
    /// which is told here what it moves.
    async fn buy(&mut self) {
        let (units, hold, request) = (self.dice.u32(1..4), HoldId(self.dice.u128(1..)), self.request());
        let shelf = ShelfKey::Stock(GIFT, HERE);
        let links = &self.nodes[1].links;
        let Some(there) = links.redis.look(shelf).await.unwrap().shelf else { return };
        let terms = Terms { epoch: there.epoch, catalogue: there.catalogue, window: Window::default() };
        let user = UserId(100 + self.bought);
        let ask = Ask {
            holder: Holder { user, request },
            attempt: Attempt(1),
            hold,
            units: units.try_into().unwrap(),
            body: 5,
        };
        let said = links.redis.reserve(shelf, &terms, &[ask]).await.unwrap()[0];
        if said != Reserved::Taken || self.nodes[1].fence(shelf) != Some(there.epoch) {
            return; // Sold out, or closed: its COMMIT would meet the fence.
        }
        let lines = [AskedLine { sku: GIFT, warehouse: HERE, quantity: Quantity::parse(units).unwrap() }];
        let create = Create {
            user,
            request,
            hold: 0,
            coupons: CouponIds::default(),
            currency: Currency(978),
            total: MinorUnits(0),
            lines: Lines::parse(&lines).unwrap(),
            client_bytes: &[],
        };
        let made = self.ledger.apply(self.now, Envelope::default(), &Intent::Create(create), &mut Unheard);
        assert!(matches!(made, Verdict::Order(_)), "Redis gave {units} units: {made:?}");
        self.bought += 1;
        let epoch = there.epoch.get();
        self.shop.sql(
            "shard",
            &format!(
                "INSERT INTO stock_delta (shelf_kind, shelf_id, place, epoch, units, n1, n2, n3, n4, n5, n6) \
                 VALUES (1, {}, {}, {epoch}, {units}, -{units}, 0, 0, 0, {units}, 0)",
                GIFT.0, HERE.0
            ),
        );
        let own = storage_cluster::redis::Own { holder: Holder { user, request }, hold };
        self.nodes[1].links.redis.finish(shelf, there.epoch, &[own]).await.unwrap();
    }

    /// With everything opened anew, nothing is loose any more.
    async fn compare_units(&mut self) {
        let held = self.ledger.apply(self.now, Envelope::default(), &Intent::Holdings, &mut Unheard);
        let Verdict::Holdings(held) = held else { panic!("{held:?}") };
        let node = &self.nodes[0];
        let mut home = node.links.home().lease().await.unwrap();
        node.catalogue.refresh(&mut home).await.unwrap();
        let stock: BTreeSet<ShelfKey> =
            held.shelves.iter().map(|shelf| ShelfKey::Stock(shelf.sku, shelf.warehouse)).collect();
        let kept: BTreeSet<ShelfKey> = node.catalogue.shelves().into_iter().collect();
        assert!(stock.is_subset(&kept), "{stock:?} of {kept:?}");
        assert_eq!(kept.len(), stock.len() + held.sales.len() + held.coupons.len());
        node.open(&stock).await;
        for shelf in &held.shelves {
            let key = ShelfKey::Stock(shelf.sku, shelf.warehouse);
            let signed = |units: u64| i64::try_from(units).unwrap();
            let sellable =
                signed(shelf.on_hand) - signed(shelf.held) - signed(shelf.safety) - signed(shelf.unavailable);
            assert_eq!(node.units(key).await, Some(sellable), "{shelf:?}");
        }
    }

    fn draw(&mut self) -> Intent<'static> {
        match self.dice.u8(0..24) {
            0..3 => {
                let (sku, price) = (SkuId(self.dice.u64(0..=SKUS)), MinorUnits(self.dice.i64(-1..900)));
                let stands = self.version_of_sku(sku);
                self.sku(sku, price, stands)
            }
            3..6 => self.sale_put(),
            6 => self.freight_put(),
            7 | 8 => self.coupon_define(),
            9 => self.limit_put(),
            10 => self.switch_put(),
            11..15 => {
                let (sku, warehouse) = (self.stocked(), self.warehouse());
                let deltas = (self.dice.i64(-8..20), self.dice.i64(-2..3), self.dice.i64(-2..3));
                let reasons = [AdjustReason::Received, AdjustReason::Adjusted, AdjustReason::Lost];
                let reason = *self.dice.choice(&reasons).unwrap();
                self.adjusted(sku, warehouse, deltas, reason)
            }
            15 | 16 => Intent::StockTransfer(StockTransfer {
                request: self.request(),
                sku: self.stocked(),
                from: self.warehouse(),
                to: self.warehouse(),
                units: self.dice.u64(0..6),
            }),
            17 => Intent::StockReturn(StockReturn {
                request: self.request(),
                sku: self.stocked(),
                warehouse: self.warehouse(),
                units: self.dice.u64(0..3),
            }),
            18 => self.letter(),
            _ => self.read(),
        }
    }

    fn read(&mut self) -> Intent<'static> {
        let limit = *self.dice.choice(&[0, 1, 2, PAGE_MAX]).unwrap();
        let name = self.name();
        match self.dice.u8(0..12) {
            0 => Intent::SkuGet(self.any_sku()),
            1 => Intent::StockGet { sku: self.stocked(), warehouse: self.warehouse() },
            2 => Intent::SkuList { after: SkuId(self.dice.u64(0..SKUS)), limit },
            3 => Intent::SaleGet(SaleId(self.dice.u32(0..=SALES))),
            4 => Intent::SaleList { after: SaleId(self.dice.u32(0..SALES)), limit },
            5 => {
                let (seller, currency) = (SellerId(self.dice.u32(0..2)), Currency(self.dice.u16(977..979)));
                Intent::FreightList { seller, currency, limit }
            }
            6 => Intent::SwitchList { after: self.dice.bool().then(|| self.scope()), limit },
            7 => Intent::LimitList { after: UserId(self.dice.u64(0..3)), limit },
            8 => Intent::CouponList { after: CouponId(self.dice.u64(0..COUPONS)), limit },
            9 => {
                let after = self.dice.bool().then(|| (name, self.dice.u64(0..4)));
                Intent::LetterList(LetterList { after, limit })
            }
            10 => Intent::CursorGet(name),
            _ => {
                let forget = self.dice.u8(0..4) == 0;
                Intent::CursorMove(CursorMove { name, position: self.dice.u64(0..9), forget })
            }
        }
    }

    fn sku(&mut self, id: SkuId, unit_price: MinorUnits, stands: u32) -> Intent<'static> {
        let sku = Sku {
            id,
            version: 0,
            // Nobody has a freight rule for who sends the gifts.
            seller: if id == GIFT { SellerId(7) } else { SellerId(self.dice.u32(0..2)) },
            currency: Currency(978),
            unit_price,
            hold_seconds: 60,
            open: id == GIFT || self.dice.u8(0..4) > 0,
            weight_grams: 0,
        };
        Intent::SkuPut(SkuPut { request: self.request(), replaces: self.near(stands), sku })
    }

    fn sale_put(&mut self) -> Intent<'static> {
        let id = SaleId(self.dice.u32(0..=SALES));
        let found = self.ledger_says(&Intent::SaleGet(id));
        let stands = if let Verdict::SaleFound(found) = found { found.summary.sale.version } else { 0 };
        let second = |history: &mut History| Micros::from_seconds(history.dice.u32(1..20));
        let closed_from = self.now.after(Micros(self.dice.i64(-20_000_000..20_000_000)));
        let opens = closed_from.after(second(self));
        let sale = Sale {
            id,
            version: 0,
            closed_from,
            opens,
            closes: opens.after(second(self)),
            user_limit_units: self.dice.u32(0..4),
            order_limit_units: self.dice.u32(0..4),
            cap_units: self.dice.u64(0..4) * 10,
            hold_seconds: 60,
        };
        let skus: Vec<SaleSku> = (0..self.dice.u64(0..3))
            .map(|_| SaleSku { sku: self.any_sku(), unit_price: MinorUnits(self.dice.i64(0..90)) })
            .collect();
        Intent::SalePut(SalePut {
            request: self.request(),
            replaces: self.near(stands),
            sale,
            skus: skus.leak(),
        })
    }

    fn freight_put(&mut self) -> Intent<'static> {
        let (seller, currency) = (SellerId(self.dice.u32(0..2)), Currency(978));
        let list = Intent::FreightList { seller: SellerId(0), currency: Currency(0), limit: PAGE_MAX };
        let Verdict::FreightRules(rules) = self.ledger_says(&list) else { panic!("a list is never refused") };
        let stands = rules.items.iter().find(|it| (it.seller, it.currency) == (seller, currency));
        let replaces = self.near(stands.map_or(0, |rule| rule.version));
        let rule = FreightRule {
            seller,
            currency,
            version: 0,
            by: *self.dice.choice(&FreightBy::ALL).unwrap(),
            free_from: MinorUnits(self.dice.i64(0..90)),
            base: MinorUnits(self.dice.i64(-1..40)),
            first: self.dice.u64(0..3_000),
            step: self.dice.u64(0..2_000),
            per_step: MinorUnits(self.dice.i64(0..40)),
        };
        Intent::FreightPut(FreightPut { request: self.request(), replaces, rule })
    }

    fn coupon_define(&mut self) -> Intent<'static> {
        let id = CouponId(self.dice.u64(0..=COUPONS));
        let found = self.ledger_says(&Intent::CouponGet { user: UserId(0), coupon: id });
        let stands = if let Verdict::CouponFound(found) = found { found.summary.coupon.version } else { 0 };
        let scope = match self.dice.u8(0..3) {
            0 => CouponScope::Skus,
            1 => CouponScope::Sale(SaleId(self.dice.u32(1..=SALES))),
            _ => CouponScope::All,
        };
        let skus = if scope == CouponScope::Skus { vec![self.any_sku()] } else { Vec::new() };
        let coupon = Coupon {
            id,
            version: 0,
            currency: Currency(978),
            benefit: Benefit::Amount(MinorUnits(self.dice.i64(0..90))),
            threshold: MinorUnits(0),
            scope,
            opens: self.now,
            closes: self.now.after(Micros::from_seconds(60)),
            quota: self.dice.u64(0..4),
            user_quota: 0,
            group: 0,
            rank: 0,
            must_claim: self.dice.bool(),
        };
        let (coupon, skus) = (&*Box::leak(Box::new(coupon)), &*skus.leak());
        Intent::CouponDefine(CouponDefine {
            request: self.request(),
            replaces: self.near(stands),
            coupon,
            skus,
        })
    }

    fn limit_put(&mut self) -> Intent<'static> {
        let list = UserList::from_number(self.dice.u8(0..3)).unwrap();
        let until = if self.dice.bool() { MicrosUtc(0) } else { self.now.after(Micros(2_000_000)) };
        let (user, sale_units) = (UserId(self.dice.u64(0..4)), self.dice.u32(0..3));
        let limit = UserLimit { user, list, sale_units, until };
        Intent::LimitPut(LimitPut { request: self.request(), limit })
    }

    fn switch_put(&mut self) -> Intent<'static> {
        let scope = self.scope();
        let all = Intent::SwitchList { after: None, limit: PAGE_MAX };
        let Verdict::Switches(switches) = self.ledger_says(&all) else { panic!("a list is never refused") };
        let stands = switches.items.iter().find(|it| it.scope == scope).map_or(0, |it| it.version);
        Intent::SwitchPut(SwitchPut {
            request: self.request(),
            scope,
            replaces: self.near(stands),
            // Sometimes what is switched off is changing itself, and only another SWITCH passes.
            stops: Stops::parse(*self.dice.choice(&[0, 0, 1, 2, 3, 7]).unwrap()).unwrap(),
            note: Note::parse(b"price was wrong").unwrap(),
        })
    }

    fn letter(&mut self) -> Intent<'static> {
        let (request, subscriber, position) = (self.request(), self.name(), self.dice.u64(0..4));
        if self.dice.bool() {
            let reason = LetterReason::parse(b"unreadable").unwrap();
            return Intent::LetterPark(LetterPark { request, subscriber, position, reason });
        }
        Intent::LetterEnd(LetterEnd { request, subscriber, position, retry: self.dice.bool() })
    }

    fn adjusted(
        &mut self,
        sku: SkuId,
        warehouse: WarehouseId,
        (on_hand_delta, safety_delta, unavailable_delta): (i64, i64, i64),
        reason: AdjustReason,
    ) -> Intent<'static> {
        let request = self.request();
        Intent::StockAdjust(StockAdjust {
            request,
            sku,
            warehouse,
            on_hand_delta,
            safety_delta,
            unavailable_delta,
            reason,
        })
    }

    fn ledger_says(&mut self, intent: &Intent<'_>) -> Verdict {
        self.ledger.apply(self.now, Envelope::default(), intent, &mut Unheard)
    }

    fn version_of_sku(&mut self, sku: SkuId) -> u32 {
        if let Verdict::SkuFound(found) = self.ledger_says(&Intent::SkuGet(sku)) {
            found.sku.version
        } else {
            0
        }
    }

    /// Mostly this one.
    fn near(&mut self, stands: u32) -> u32 {
        if self.dice.u8(0..8) == 0 { stands + 1 } else { stands }
    }

    /// Whose stock moves: buyers' gifts, too.
    fn stocked(&mut self) -> SkuId {
        if self.dice.bool() { GIFT } else { self.any_sku() }
    }

    fn any_sku(&mut self) -> SkuId {
        SkuId(self.dice.u64(1..=SKUS))
    }

    fn warehouse(&mut self) -> WarehouseId {
        WarehouseId(self.dice.u32(0..4))
    }

    fn scope(&mut self) -> Scope {
        if self.dice.bool() {
            Scope::Sku(self.any_sku())
        } else {
            Scope::Sale(SaleId(self.dice.u32(1..=SALES)))
        }
    }

    fn name(&mut self) -> CursorName {
        let mut name = [0; 32];
        name[0] = if self.dice.bool() { b'a' } else { b'b' };
        CursorName::parse(name).unwrap()
    }

    fn request(&mut self) -> RequestId {
        self.asked += 1;
        RequestId((self.now.0 / 1_000) as u128 * (1 << 80) + u128::from(self.asked))
    }
}
