//! HOLDINGS adds up what lies in all databases to what a ledger holds.

use domain::aftersale::CaseKind;
use domain::coupon::{Benefit, Coupon, CouponIds, CouponScope};
use domain::fact::{Fact, Facts, Stamp};
use domain::freight::{FreightBy, FreightRule};
use domain::intent::{
    AskedLine, Cancel, CaseOpen, CouponDefine, Create, Envelope, FreightPut, LimitPut, Lines, PayCallback,
    PayOpen, PayOutcome, Refund, Sale, SalePut, SaleSku, SentLine, Ship, Sign, SwitchPut, TrackNote,
};
use domain::ledger::{Ledger, LedgerBounds, OrderBalance};
use domain::limit::{UserLimit, UserList};
use domain::request::Rules;
use domain::shipment::{Waybill, Whereabouts};
use domain::switch::{Note, Scope, Stops};
use domain::verdict::{Holdings, OrderBrief, ShelfView};
use domain::{
    CouponId, Currency, GatewayId, Intent, MicrosUtc, MinorUnits, OrderId, PaymentId, Quantity, SaleId,
    SellerId, SkuId, UserId, Verdict,
};

use crate::shop::{HERE, Node, Shop, now};

const SALE: SaleId = SaleId(5);
const COUPON: CouponId = CouponId(9);
const EURO: Currency = Currency(978);

/// Facts that nobody hears.
struct Unheard;

impl Facts for Unheard {
    fn begin(&mut self, _: &Stamp) {}
    fn fact(&mut self, _: &Fact<'_>) {}
    fn end(&mut self) {}
}

/// A ledger, and a cluster that is told the same.
struct Both {
    shop: Shop,
    node: Node,
    ledger: Ledger,
    at: MicrosUtc,
    /// Of intents that the ledger alone was told.
    requests: Vec<domain::RequestKey>,
}

impl Both {
    async fn start() -> Both {
        let shop = Shop::start().await;
        let node = shop.node().await;
        let bounds = LedgerBounds { orders_max: 100, request_ids_max: 1_000, ..LedgerBounds::DEFAULT };
        let ledger = Ledger::new(small(bounds), Rules::DEFAULT, 1);
        Both { shop, node, ledger, at: now(), requests: Vec::new() }
    }

    /// An operator's intent, told to both.
    async fn operate(&mut self, intent: Intent<'_>) {
        let said = self.ledger.apply(self.at, Envelope::default(), &intent, &mut Unheard);
        assert!(!matches!(said, Verdict::Refused(_)), "{said:?}: {intent:?}");
        assert_eq!(self.node.ask_at(self.at, false, &intent).await.outcome, Ok(said));
    }

    /// A user's, told to the ledger alone.
    fn tell(&mut self, intent: Intent<'_>) -> Verdict {
        self.requests.extend(intent.request());
        let said = self.ledger.apply(self.at, Envelope::default(), &intent, &mut Unheard);
        assert!(!matches!(said, Verdict::Refused(_)), "{said:?}: {intent:?}");
        said
    }

    fn create(&mut self, user: u64, sku: u64, quantity: u32, coupons: CouponIds, total: i64) -> OrderId {
        let quantity = Quantity::parse(quantity).unwrap();
        let lines = [AskedLine { sku: SkuId(sku), warehouse: HERE, quantity }];
        let create = Create {
            user: UserId(user),
            request: self.shop.request(),
            hold: 0,
            coupons,
            currency: EURO,
            total: MinorUnits(total),
            lines: Lines::parse(&lines).unwrap(),
            client_bytes: b"a gift",
        };
        let made = self.tell(Intent::Create(create));
        let Verdict::Order(OrderBrief { order, .. }) = made else { panic!("{made:?}") };
        order
    }

    fn held(&mut self) -> Holdings {
        let said = self.ledger.apply(self.at, Envelope::default(), &Intent::Holdings, &mut Unheard);
        let Verdict::Holdings(held) = said else { panic!("{said:?}") };
        *held
    }

    async fn cluster_holds(&self) -> Holdings {
        let said = self.node.ask_at(self.at, false, &Intent::Holdings).await.outcome;
        let Ok(Verdict::Holdings(held)) = said else { panic!("{said:?}") };
        *held
    }

    /// The ledger's orders and requests, as shards keep them: each in one database or the other.
    fn keep_orders(&self) {
        let mut orders = Vec::new();
        self.ledger.each_record(|_, record| orders.push(record.to_vec()));
        for (at, record) in orders.iter().enumerate() {
            let OrderBrief { order, user, state, version, total, currency, created_at, .. } =
                OrderBalance::read(record).unwrap().brief;
            let no = at % 2;
            let links = &self.node.links;
            let slice = links.slices(storage_cluster::shelf::ShardNo(no as u16)).all()[0];
            let hex: String = record.iter().map(|byte| format!("{byte:02x}")).collect();
            let row = format!(
                "INSERT INTO orders_{} VALUES ({}, {}, {}, {version}, {}, NULL, {}, {}, x'{hex}')",
                slice.name(),
                order.0,
                user.0,
                state.number(),
                created_at.0,
                total.0,
                currency.0
            );
            self.shop.sql(DATABASES[no], &row);
        }
        for (at, key) in self.requests.iter().enumerate() {
            let row = format!(
                "INSERT INTO request_keys_{} VALUES ({}, x'{:032x}', 2, 0, 0, 0, NULL, x'')",
                at % 8,
                key.who.0,
                key.id.0
            );
            self.shop.sql(DATABASES[at % 2], &row);
        }
    }

    /// What the orders moved of each shelf.
    fn keep_moves(&self, before: &Holdings, after: &Holdings) {
        let mut rows = Vec::new();
        for (was, is) in before.shelves.iter().zip(&after.shelves) {
            let numbers =
                |it: &ShelfView| [it.on_hand, it.held, it.safety, it.unavailable, it.sold].map(|n| n as i64);
            let [a, b, c, d, e] = numbers(is);
            let [v, w, x, y, z] = numbers(was);
            let by = [a - v, b - w, c - x, d - y, e - z];
            let units = by[1] + by[2] + by[3] - by[0];
            rows.push(row((1, is.sku.0, is.warehouse.0), units, &by));
        }
        for sale in &after.sales {
            rows.push(row(
                (2, sale.sale.id.0.into(), 0),
                sale.taken_units as i64,
                &[sale.taken_units as i64],
            ));
        }
        for it in &after.coupons {
            let by = [it.counts.claimed, it.counts.locked, it.counts.used].map(|n| n as i64);
            rows.push(row((3, it.coupon.id.0, 0), by[1] + by[2], &by));
        }
        let columns = "shelf_kind, shelf_id, place, epoch, units, n1, n2, n3, n4, n5, n6";
        for (at, row) in rows.iter().enumerate() {
            self.shop.sql(DATABASES[at % 2], &format!("INSERT INTO stock_delta ({columns}) VALUES {row}"));
        }
    }
}

const DATABASES: [&str; 2] = ["home", "shard"];

fn row((kind, id, place): (u8, u64, u32), units: i64, by: &[i64]) -> String {
    let numbers: String = (0..6).map(|at| format!(", {}", by.get(at).copied().unwrap_or(0))).collect();
    format!("({kind}, {id}, {place}, 1, {units}{numbers})")
}

/// Few of everything.
fn small(bounds: LedgerBounds) -> LedgerBounds {
    LedgerBounds {
        lines_max: 1_000,
        client_bytes_max: 1 << 16,
        history_rows_max: 2_000,
        changes_max: 800,
        payments_max: 200,
        shipments_max: 100,
        sent_lines_max: 100,
        cases_max: 100,
        user_counts_max: 100,
        skus_max: 100,
        shelves_max: 100,
        sales_max: 10,
        sale_skus_max: 100,
        holds_max: 10,
        hold_lines_max: 10,
        limits_max: 10,
        coupons_max: 10,
        coupon_skus_max: 10,
        coupon_users_max: 100,
        coupon_orders_max: 100,
        ..bounds
    }
}

#[tokio::test]
async fn all_databases_together_hold_what_a_ledger_holds() {
    let mut both = Both::start().await;
    set_up(&mut both).await;
    let before = both.held();
    assert_eq!(both.cluster_holds().await, Holdings { at: both.at, ..before.clone() });

    // One waits, one is cancelled, one is in the sale with a coupon, one lives a whole life.
    both.create(1, 7, 2, CouponIds::default(), 1_000);
    let cancelled = both.create(3, 7, 1, CouponIds::default(), 500);
    let (request, user) = (both.shop.request(), UserId(3));
    both.tell(Intent::Cancel(Cancel { user, request, order: cancelled, version: 0, why: 4 }));
    both.create(4, 8, 1, CouponIds::parse([COUPON.0, 0, 0, 0]).unwrap(), 300);
    live(&mut both, 2);

    let after = both.held();
    both.keep_orders();
    both.keep_moves(&before, &after);
    both.shop.sql("shard", "INSERT INTO user_counts VALUES (4, 1, 5, 1), (4, 3, 9, 1), (6, 1, 5, 0)");
    assert_eq!(both.cluster_holds().await, Holdings { at: both.at, ..after.clone() });
    assert_eq!((after.orders.iter().sum::<u64>(), after.shipments, after.cases), (4, 1, 1));
    assert!(after.arrived > after.refunded, "{after:?}");
}

async fn set_up(both: &mut Both) {
    for sku in [7, 8] {
        let put = both.shop.put_sku(sku);
        both.operate(put).await;
        let received = both.shop.adjust(sku, 50);
        both.operate(received).await;
    }
    let (hour, at) = (3_600_000_000, both.at.0);
    let sale = Sale {
        id: SALE,
        version: 0,
        closed_from: MicrosUtc(at - hour),
        opens: MicrosUtc(at - hour),
        closes: MicrosUtc(at + hour),
        user_limit_units: 3,
        order_limit_units: 0,
        cap_units: 40,
        hold_seconds: 60,
    };
    let skus = [SaleSku { sku: SkuId(8), unit_price: MinorUnits(400) }];
    let request = both.shop.request();
    both.operate(Intent::SalePut(SalePut { request, replaces: 0, sale, skus: &skus })).await;
    let coupon = Coupon {
        id: COUPON,
        version: 0,
        currency: EURO,
        benefit: Benefit::Amount(MinorUnits(100)),
        threshold: MinorUnits(0),
        scope: CouponScope::All,
        opens: MicrosUtc(at - hour),
        closes: MicrosUtc(at + hour),
        quota: 10,
        user_quota: 0,
        group: 0,
        rank: 0,
        must_claim: false,
    };
    let request = both.shop.request();
    both.operate(Intent::CouponDefine(CouponDefine { request, replaces: 0, coupon: &coupon, skus: &[] }))
        .await;
    let request = both.shop.request();
    let limit = UserLimit { user: UserId(30), list: UserList::Preferred, sale_units: 0, until: MicrosUtc(0) };
    both.operate(Intent::LimitPut(LimitPut { request, limit })).await;
    let request = both.shop.request();
    let (stops, note) = (Stops::parse(1).unwrap(), Note::parse(b"price was wrong").unwrap());
    let scope = Scope::Sku(SkuId(7));
    both.operate(Intent::SwitchPut(SwitchPut { request, scope, replaces: 0, stops, note })).await;
    let request = both.shop.request();
    both.operate(Intent::SwitchPut(SwitchPut { request, scope, replaces: 1, stops: Stops::default(), note }))
        .await;
    let rule = FreightRule {
        seller: SellerId(3),
        currency: EURO,
        version: 0,
        by: FreightBy::Count,
        free_from: MinorUnits(0),
        base: MinorUnits(10),
        first: 1,
        step: 1,
        per_step: MinorUnits(1),
    };
    let request = both.shop.request();
    both.operate(Intent::FreightPut(FreightPut { request, replaces: 0, rule })).await;
}

/// Paid, sent, noted, signed for; then a part comes back.
fn live(both: &mut Both, user: u64) {
    let order = both.create(user, 7, 2, CouponIds::default(), 1_000);
    let (user, gateway, payment) = (UserId(user), GatewayId(1), PaymentId::new(order, 1));
    let request = both.shop.request();
    both.tell(Intent::PayOpen(PayOpen { user, request, order, gateway }));
    let outcome = PayOutcome::Succeeded { amount: MinorUnits(1_000), currency: EURO, reference: 77 };
    both.tell(Intent::PayCallback(PayCallback { gateway, payment, outcome }));
    let lines = [SentLine { sku: SkuId(7), quantity: Quantity::parse(2).unwrap() }];
    let request = both.shop.request();
    both.tell(Intent::Ship(Ship { request, order, version: 0, waybill: Waybill::NONE, lines: &lines }));
    let (request, note) = (both.shop.request(), Whereabouts([b'x'; 40]));
    both.tell(Intent::TrackNote(TrackNote { request, order, number: 1, note }));
    let request = both.shop.request();
    both.tell(Intent::Sign(Sign { request, order, version: 0 }));
    let (request, sku) = (both.shop.request(), SkuId(7));
    let (kind, units, amount) = (CaseKind::ReturnRefund, 1, MinorUnits(500));
    both.tell(Intent::CaseOpen(CaseOpen { user, request, order, kind, sku, units, amount, why: 0 }));
    let request = both.shop.request();
    both.tell(Intent::Refund(Refund { request, payment, amount: MinorUnits(100), why: 0 }));
}
