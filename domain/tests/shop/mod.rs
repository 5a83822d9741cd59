//! A shop that is told stories in words. It keeps a second ledger that is fed with nothing but the facts of the
//! first, and after each step both must answer alike. The only place in these tests that knows the API.
#![allow(dead_code)] // Each test file uses its part.

mod aftersale;
mod coupons;
mod freight;
mod images;
mod operators;
mod shipping;

use domain::intent::{
    AdjustReason, AskedLine, Cancel, Create, EndHold, Envelope, Lines, List, PayCallback, PayClose, PayOpen,
    PayOutcome, Prepare, Refund, RefundResult, Repair, RepairAction, Sale, SalePut, SaleSku, Sku, SkuPut,
    StockAdjust, StockExtend, StockReserve, StockReturn, StockTransfer,
};
use domain::payment::RefundState;
use domain::verdict::{Holdings, PaymentBrief};
use domain::{
    Currency, Fact, Facts, GatewayId, Intent, Ledger, LedgerBounds, Micros, MicrosUtc, MinorUnits, OrderId,
    PaymentId, Quantity, Reason, Refusal, RequestId, Rules, SaleId, SellerId, SkuId, Stamp, UserId, Verdict,
    WarehouseId,
};

/// Second 0 of every story.
pub const BEGIN: MicrosUtc = MicrosUtc(1_750_000_000_000_000);
pub const EURO: Currency = Currency(978);

/// Small enough to be filled, large enough for every story.
pub const BOUNDS: LedgerBounds = LedgerBounds {
    orders_max: 3_000,
    lines_max: 12_000,
    client_bytes_max: 1 << 20,
    history_rows_max: 20_000,
    request_ids_max: 10_000,
    changes_max: 7_000,
    payments_max: 3_000,
    shipments_max: 3_000,
    sent_lines_max: 3_000,
    cases_max: 3_000,
    user_counts_max: 3_000,
    skus_max: 400,
    shelves_max: 800,
    sales_max: 20,
    sale_skus_max: 400,
    holds_max: 500,
    hold_lines_max: 1_000,
    limits_max: 500,
    dead_letters_max: 4,
    coupons_max: 20,
    coupon_skus_max: 100,
    coupon_users_max: 2_000,
    coupon_orders_max: 2_000,
};

/// Hands each fact to the second ledger as a journal would.
pub struct Mirror {
    pub ledger: Ledger,
    stamp: Option<Stamp>,
    /// Names of the facts of the last entry.
    pub last: Vec<String>,
    pub entries: usize,
}

impl Facts for Mirror {
    fn begin(&mut self, stamp: &Stamp) {
        assert!(self.stamp.is_none(), "an entry within an entry");
        self.stamp = Some(*stamp);
        self.last.clear();
        self.entries += 1;
    }
    fn fact(&mut self, fact: &Fact<'_>) {
        let text = format!("{fact:?}");
        self.last.push(text.split(['(', ' ']).next().unwrap_or_default().to_owned());
        self.ledger.replay(&self.stamp.expect("an entry is open"), fact).expect("it has the same bounds");
    }
    fn end(&mut self) {
        assert!(self.stamp.take().is_some() && !self.last.is_empty(), "an entry without a fact");
    }
}

pub struct Shop {
    pub ledger: Ledger,
    pub mirror: Mirror,
    pub now: MicrosUtc,
    pub drawn: u128,
    /// Orders of the story by name, with the request that made each.
    pub orders: Vec<(String, OrderId, UserId, RequestId)>,
    /// Holds of the story by name, with their users.
    pub holds: Vec<(String, u64, UserId)>,
    /// The image of the live ledger that is being written, and how it must end.
    image: Option<images::Writing>,
}

/// Tells a story, steps split by `;`, and compares the answer to its last step.
pub fn check(story: &str, answer: &str) {
    let mut shop = Shop::new(BOUNDS);
    let mut said = String::new();
    for step in story.split(';').map(str::trim).filter(|step| !step.is_empty()) {
        said = shop.tell(step);
    }
    assert_eq!(said, answer, "{story}");
}

impl Shop {
    pub fn new(bounds: LedgerBounds) -> Shop {
        // One seed, for images hold what hashes there are of it; in the histories of the whole the seeds differ.
        let ledger = || Ledger::new(bounds, Rules::DEFAULT, 1);
        let mirror = Mirror { ledger: ledger(), stamp: None, last: Vec::new(), entries: 0 };
        Shop {
            ledger: ledger(),
            mirror,
            now: BEGIN,
            drawn: 0,
            orders: Vec::new(),
            holds: Vec::new(),
            image: None,
        }
    }

    pub fn apply(&mut self, intent: &Intent<'_>) -> Verdict {
        let before = self.mirror.entries;
        let verdict = self.ledger.apply(self.now, Envelope::default(), intent, &mut self.mirror);
        if matches!(verdict, Verdict::Refused(_)) {
            assert_eq!(self.mirror.entries, before, "a refusal made facts: {intent:?}");
        }
        verdict
    }

    pub fn holdings(&mut self) -> Holdings {
        let Verdict::Holdings(live) = self.apply(&Intent::Holdings) else {
            panic!("holdings are always told")
        };
        let replayed = self.mirrored(&Intent::Holdings);
        assert_eq!(Verdict::Holdings(live.clone()), replayed, "replayed otherwise than lived");
        *live
    }

    /// What the ledger that only replayed answers.
    pub fn mirrored(&mut self, intent: &Intent<'_>) -> Verdict {
        struct Never;
        impl Facts for Never {
            fn begin(&mut self, _: &Stamp) {
                panic!("a read makes no facts")
            }
            fn fact(&mut self, _: &Fact<'_>) {}
            fn end(&mut self) {}
        }
        self.mirror.ledger.apply(self.now, Envelope::default(), intent, &mut Never)
    }

    /// A read, which both ledgers must answer alike.
    pub fn read(&mut self, intent: &Intent<'_>) -> Verdict {
        let live = self.apply(intent);
        assert_eq!(live, self.mirrored(intent), "replayed otherwise than lived: {intent:?}");
        live
    }

    pub fn request(&mut self) -> RequestId {
        self.drawn += 1;
        RequestId(((self.now.0 / 1_000) as u128) << 80 | self.drawn)
    }

    pub fn expire(&mut self, orders_max: usize) -> usize {
        self.ledger.expire(self.now, orders_max, &mut self.mirror)
    }

    pub fn seconds(&self, word: &str) -> MicrosUtc {
        MicrosUtc(BEGIN.0 + (word.parse::<f64>().expect("seconds") * 1e6) as i64)
    }

    pub fn named(&self, name: &str) -> (OrderId, UserId, RequestId) {
        let found = self.orders.iter().find(|order| order.0 == name);
        found.map(|&(_, order, user, request)| (order, user, request)).expect("the story made this order")
    }

    /// One step, and the answer in words.
    pub fn tell(&mut self, step: &str) -> String {
        let words: Vec<&str> = step.split_whitespace().collect();
        let said = match words[0] {
            "at" => {
                self.now = self.seconds(words[1]);
                format!("{} expired", self.expire(1_000))
            }
            "sku" => self.tell_sku(&words),
            "stock" => self.tell_stock(&words),
            "sale" => self.tell_sale(&words),
            "transfer" | "return" => self.tell_moved(&words),
            "reserve" => self.tell_reserve(&words),
            "release" | "commit" | "extend" => self.tell_hold(&words),
            "create" | "again" | "prepare" => self.tell_basket(&words),
            "cancel" => self.tell_cancel(&words),
            "get" => {
                let (order, _, _) = self.named(words[1]);
                let user = UserId(value(&words, "by").unwrap_or(0));
                let verdict = self.read(&Intent::Get { user, order });
                self.words(&verdict)
            }
            "getreq" => {
                let (_, user, request) = self.named(words[1]);
                let verdict = self.read(&Intent::GetByRequest { user, request });
                self.words(&verdict)
            }
            "list" => self.tell_list(&words),
            "scan" => {
                let verdict = self.scanned(step);
                self.words(&verdict)
            }
            "limit" | "limits" => self.tell_limit(&words),
            "switch" | "clear" | "switches" => self.tell_switch(&words),
            "coupon" => self.tell_coupon(&words),
            "claim" => self.tell_claim(&words),
            "check" => self.tell_check(&words),
            "coupons" => self.tell_taken(&words),
            "pay" | "close" | "payment" => self.tell_payment(&words),
            "paid" | "failed" | "refund" | "refunded" | "unrefunded" | "settle" => self.tell_money(&words),
            "restock" => self.tell_restock(&words),
            "case" | "exchange" | "accept" | "refuse" | "goods" | "cases" => self.tell_case(&words),
            "ship" | "sign" | "receive" | "track" | "note" => self.tell_shipping(&words),
            "history" => {
                let (order, user, _) = self.named(words[1]);
                let verdict = self.read(&Intent::History { user, order });
                self.words(&verdict)
            }
            "shelf" => {
                let (sku, warehouse) = place(words[1]);
                let verdict = self.read(&Intent::StockGet { sku, warehouse });
                self.words(&verdict)
            }
            "taken" => {
                let id = SaleId(words[1].parse().expect("a sale"));
                let Verdict::SaleFound(sale) = self.read(&Intent::SaleGet(id)) else {
                    panic!("a known sale")
                };
                format!("{} of {} skus", sale.summary.taken_units, sale.skus.len())
            }
            "freight" => self.tell_freight(&words),
            "rules" => self.tell_rules(&words),
            "freights" => self.tell_freights(&words),
            "facts" => self.mirror.last.join(" "),
            "parcels" => {
                let (order, user, _) = self.named(words[1]);
                let Verdict::OrderFound(found) = self.read(&Intent::Get { user, order }) else {
                    panic!("a known order")
                };
                let parcel = |line: &domain::fact::Line| format!("{}@{}", line.parcel, line.warehouse.0);
                found.lines.iter().map(parcel).collect::<Vec<_>>().join(" ")
            }
            other => panic!("no story knows «{other}»"),
        };
        self.holdings();
        said
    }

    /// One step, without a look at what everything adds up to behind it: for stories of thousands of steps.
    pub fn quietly(&mut self, step: &str) {
        let words: Vec<&str> = step.split_whitespace().collect();
        let said = self.tell_basket(&words);
        assert!(said.contains("PendingPayment"), "{step}: {said}");
    }

    /// `sku 1 price 500 [hold 60] [currency 840] [closed] [replaces 1]`
    fn tell_sku(&mut self, words: &[&str]) -> String {
        let sku = Sku {
            id: SkuId(words[1].parse().expect("a sku")),
            version: 0,
            seller: SellerId(value(words, "seller").unwrap_or(0)),
            currency: Currency(value(words, "currency").unwrap_or(EURO.0)),
            unit_price: MinorUnits(value(words, "price").unwrap_or(100)),
            hold_seconds: value(words, "hold").unwrap_or(60),
            open: !words.contains(&"closed"),
            weight_grams: value(words, "grams").unwrap_or(0),
        };
        let request = self.request();
        let replaces = value(words, "replaces").unwrap_or(0);
        let verdict = self.apply(&Intent::SkuPut(SkuPut { request, replaces, sku }));
        self.words(&verdict)
    }

    /// `stock 1@2 +10 [safety 3] [unavailable 1]`
    fn tell_stock(&mut self, words: &[&str]) -> String {
        let (sku, warehouse) = place(words[1]);
        let request = self.request();
        let verdict = self.apply(&Intent::StockAdjust(StockAdjust {
            request,
            sku,
            warehouse,
            on_hand_delta: words[2].parse().expect("units"),
            safety_delta: value(words, "safety").unwrap_or(0),
            unavailable_delta: value(words, "unavailable").unwrap_or(0),
            reason: if words.contains(&"lost") { AdjustReason::Lost } else { AdjustReason::Received },
        }));
        self.words(&verdict)
    }

    /// `reserve H lines 1@1x2,2@0x1 [user 5] [seconds 60] [twice]`; user 1, where nobody is named.
    fn tell_reserve(&mut self, words: &[&str]) -> String {
        let listed: String = value(words, "lines").expect("a hold has lines");
        let lines: Vec<AskedLine> = listed.split(',').map(line).collect();
        let lines = Lines::parse(&lines).expect("the story's holds are baskets");
        let user = UserId(value(words, "user").unwrap_or(1));
        let hold_seconds = value(words, "seconds").unwrap_or(60);
        let request = self.request();
        let reserve = Intent::StockReserve(StockReserve { user, request, hold_seconds, lines });
        let verdict = self.changed(&reserve, words);
        if let Verdict::Hold(hold) = &verdict {
            self.holds.push((words[1].to_owned(), hold.id, user));
        }
        self.words(&verdict)
    }

    /// `release H [by 5] [twice]`, `commit H …`, `extend H seconds 60 …`; by its user, where nobody is named.
    fn tell_hold(&mut self, words: &[&str]) -> String {
        let (hold, owner) = self.hold_named(words[1]);
        let (user, request) = (value(words, "by").map_or(owner, UserId), self.request());
        let end = EndHold { user, request, hold };
        let intent = match words[0] {
            "release" => Intent::StockRelease(end),
            "commit" => Intent::StockCommit(end),
            _ => {
                let hold_seconds = value(words, "seconds").expect("for how long");
                Intent::StockExtend(StockExtend { user, request, hold, hold_seconds })
            }
        };
        let verdict = self.changed(&intent, words);
        self.words(&verdict)
    }

    /// Holds by name; a number names one that the story did not make.
    fn hold_named(&self, name: &str) -> (u64, UserId) {
        match self.holds.iter().find(|hold| hold.0 == name) {
            Some(&(_, hold, user)) => (hold, user),
            None => (name.parse().expect("the story made this hold"), UserId(1)),
        }
    }

    /// What a change answers; with `twice`, asked again it answers the same and does nothing.
    pub fn changed(&mut self, intent: &Intent<'_>, words: &[&str]) -> Verdict {
        let verdict = self.apply(intent);
        if words.contains(&"twice") {
            let entries = self.mirror.entries;
            assert_eq!(self.apply(intent), verdict, "the same again");
            assert_eq!(self.mirror.entries, entries, "nothing is done twice");
        }
        verdict
    }

    /// `transfer 1@2 3 units 10 [twice]`, `return 1@2 units 1 [twice]`
    fn tell_moved(&mut self, words: &[&str]) -> String {
        let (sku, warehouse) = place(words[1]);
        let (request, units) = (self.request(), value(words, "units").expect("how many"));
        let to = || WarehouseId(words[2].parse().expect("a warehouse"));
        let intent = match words[0] {
            "transfer" => {
                Intent::StockTransfer(StockTransfer { request, sku, from: warehouse, to: to(), units })
            }
            _ => Intent::StockReturn(StockReturn { request, sku, warehouse, units }),
        };
        let verdict = self.changed(&intent, words);
        self.words(&verdict)
    }

    /// `sale 7 skus 1:80,2:90 [closed_from 0] [opens 0] [closes 1000] [user 2] [order 2] [cap 5] [replaces 1]`
    fn tell_sale(&mut self, words: &[&str]) -> String {
        let listed: String = value(words, "skus").unwrap_or_default();
        let item = |text: &str| {
            let (sku, price) = text.split_once(':').expect("sku:price");
            let unit_price = MinorUnits(price.parse().expect("a price"));
            SaleSku { sku: SkuId(sku.parse().expect("a sku")), unit_price }
        };
        let skus: Vec<SaleSku> = listed.split(',').filter(|text| !text.is_empty()).map(item).collect();
        let time = |name, otherwise| self.seconds(&value::<String>(words, name).unwrap_or(otherwise));
        let opens = time("opens", "0".to_owned());
        let sale = Sale {
            id: SaleId(words[1].parse().expect("a sale")),
            version: 0,
            closed_from: time("closed_from", value(words, "opens").unwrap_or("0".to_owned())),
            opens,
            closes: time("closes", "1000".to_owned()),
            user_limit_units: value(words, "user").unwrap_or(0),
            order_limit_units: value(words, "order").unwrap_or(0),
            cap_units: value(words, "cap").unwrap_or(0),
            hold_seconds: value(words, "hold").unwrap_or(30),
        };
        let request = self.request();
        let replaces = value(words, "replaces").unwrap_or(0);
        let verdict = self.apply(&Intent::SalePut(SalePut { request, replaces, sale, skus: &skus }));
        self.words(&verdict)
    }

    /// `create A user 5 lines 1@1x2,2@0x1 [total 500] [currency 840] [bytes 9] [hold 1] [age 90000]`; without a
    /// total, the one that PRICE_CHANGED tells. `again A …` asks with the request id of A.
    fn tell_basket(&mut self, words: &[&str]) -> String {
        let listed: String = value(words, "lines").expect("a basket has lines");
        let lines: Vec<AskedLine> = listed.split(',').map(line).collect();
        let lines = Lines::parse(&lines).expect("the story's baskets are baskets");
        let user = UserId(value(words, "user").unwrap_or(1));
        let currency = Currency(value(words, "currency").unwrap_or(EURO.0));
        let coupons = coupons::of_basket(words);
        if words[0] == "prepare" {
            let Some(name) = value::<String>(words, "holds") else {
                let verdict =
                    self.read(&Intent::Prepare(Prepare { user, coupons, currency, lines, hold: None }));
                return self.words(&verdict);
            };
            let hold = Some(self.request());
            let prepare = Intent::Prepare(Prepare { user, coupons, currency, lines, hold });
            let verdict = self.changed(&prepare, words);
            if let Verdict::Priced(priced) = &verdict {
                self.holds.push((name, priced.hold, user));
            }
            if let Some(after) = value::<String>(words, "again_after") {
                let said = self.tell(&after.replace('_', " "));
                assert!(!said.contains("refused"), "{said}");
                let again = self.apply(&prepare);
                return self.words(&again);
            }
            return self.words(&verdict);
        }
        let mut request = if words[0] == "again" { self.named(words[1]).2 } else { self.request() };
        if let Some(age) = value::<i64>(words, "age") {
            let ms = self.now.0 / 1_000 - age * 1_000;
            request = RequestId((ms as u128) << 80 | self.drawn);
        }
        let client_bytes = vec![7; value(words, "bytes").unwrap_or(0)];
        let hold = value::<String>(words, "hold").map_or(0, |name| self.hold_named(&name).0);
        let total = MinorUnits(value(words, "total").unwrap_or(0));
        let create =
            Create { user, request, hold, coupons, currency, total, lines, client_bytes: &client_bytes };
        let mut verdict = self.apply(&Intent::Create(create));
        if let Verdict::Refused(Refusal { reason: Reason::PriceChanged, there, .. }) = verdict
            && !words.contains(&"total")
        {
            let total = MinorUnits(there);
            verdict = self.apply(&Intent::Create(Create { total, ..create }));
        }
        if let Verdict::Order(brief) = &verdict
            && words[0] == "create"
        {
            self.orders.push((words[1].to_owned(), brief.order, user, request));
        }
        self.words(&verdict)
    }

    /// `cancel A [by 5] [version 1] [again]`; by the buyer, where nobody is named.
    fn tell_cancel(&mut self, words: &[&str]) -> String {
        let (order, user, _) = self.named(words[1]);
        let user = value(words, "by").map_or(user, UserId);
        let request = self.request();
        let version = value(words, "version").unwrap_or(0);
        let verdict = self.apply(&Intent::Cancel(Cancel { user, request, order, version, why: 9 }));
        if words.contains(&"twice") {
            let again = self.apply(&Intent::Cancel(Cancel { user, request, order, version, why: 9 }));
            assert_eq!(again, verdict, "the same cancel again");
            let other = self.apply(&Intent::Cancel(Cancel { user, request, order, version, why: 8 }));
            return self.words(&other);
        }
        self.words(&verdict)
    }

    /// `pay A [by 7] [gateway 2] [twice]`, `close A.1 [by 7]`, `payment A.1`, `payment A` (the latest)
    fn tell_payment(&mut self, words: &[&str]) -> String {
        let (name, attempt) = words[1].split_once('.').unwrap_or((words[1], "0"));
        let (order, user, _) = self.named(name);
        let user = value(words, "by").map_or(user, UserId);
        let payment = PaymentId::new(order, attempt.parse().expect("an attempt"));
        let gateway = GatewayId(value(words, "gateway").unwrap_or(1));
        let request = self.request();
        let verdict = match words[0] {
            "pay" => {
                let open = Intent::PayOpen(PayOpen { user, request, order, gateway });
                let verdict = self.apply(&open);
                if words.contains(&"twice") {
                    assert_eq!(self.apply(&open), verdict, "the same payment opened again");
                }
                verdict
            }
            "close" => self.apply(&Intent::PayClose(PayClose { user, request, payment })),
            _ if attempt == "0" => self.read(&Intent::PayGet { user, order, payment: PaymentId(0) }),
            _ => self.read(&Intent::PayGet { user, order: OrderId(0), payment }),
        };
        self.words(&verdict)
    }

    /// `restock A [version 2] [twice]`
    fn tell_restock(&mut self, words: &[&str]) -> String {
        let (order, _, _) = self.named(words[1]);
        let version = value(words, "version").unwrap_or(0);
        let request = self.request();
        let repair = Intent::Repair(Repair { request, order, version, action: RepairAction::Restock });
        let verdict = self.changed(&repair, words);
        self.words(&verdict)
    }

    /// `paid A.1 [amount 499] [currency 840] [gateway 2] [reference 9]`, `failed A.1`, `refund A.1 [amount 20]`,
    /// `refunded A.1 [number 1] [amount 20]`, `unrefunded A.1 …`,
    /// `settle A.1 [of B] [version 2] [twice]`; amounts as the order and the refund have them.
    fn tell_money(&mut self, words: &[&str]) -> String {
        let (name, attempt) = words[1].split_once('.').expect("order.attempt");
        let (order, _, _) = self.named(name);
        let payment = PaymentId::new(order, attempt.parse().expect("an attempt"));
        let found = self.read(&Intent::PayGet { user: UserId(0), order: OrderId(0), payment });
        let (total, refund) = if let Verdict::Payment(it) = found {
            (it.amount, (it.refund_number, it.refund_amount))
        } else {
            (MinorUnits(100), (1, MinorUnits(100)))
        };
        let gateway = GatewayId(value(words, "gateway").unwrap_or(1));
        let amount = value(words, "amount").map(MinorUnits);
        let intent = match words[0] {
            "paid" => {
                let currency = Currency(value(words, "currency").unwrap_or(EURO.0));
                let amount = amount.unwrap_or(total);
                // An attempt has one transfer, unless the story says otherwise.
                let reference = value(words, "reference").unwrap_or(payment.0);
                let outcome = PayOutcome::Succeeded { amount, currency, reference };
                Intent::PayCallback(PayCallback { gateway, payment, outcome })
            }
            "failed" => Intent::PayCallback(PayCallback { gateway, payment, outcome: PayOutcome::Failed }),
            "refund" => {
                let amount = amount.unwrap_or(MinorUnits(0));
                Intent::Refund(Refund { request: self.request(), payment, amount, why: 4 })
            }
            "settle" => {
                let order = value::<String>(words, "of").map_or(order, |name| self.named(&name).0);
                let version = value(words, "version").unwrap_or(0);
                let action = RepairAction::Settle(payment);
                let repair = Intent::Repair(Repair { request: self.request(), order, version, action });
                let verdict = self.apply(&repair);
                if words.contains(&"twice") {
                    assert_eq!(self.apply(&repair), verdict, "the same repair again");
                }
                return self.words(&verdict);
            }
            word => Intent::RefundResult(RefundResult {
                gateway,
                payment,
                number: value(words, "number").unwrap_or(refund.0),
                succeeded: word == "refunded",
                amount: amount.unwrap_or(refund.1),
            }),
        };
        let verdict = self.apply(&intent);
        self.words(&verdict)
    }

    /// `list 5 [before A] [state 12] [limit 2]`
    fn tell_list(&mut self, words: &[&str]) -> String {
        let before = value::<String>(words, "before").map_or(OrderId(0), |name| self.named(&name).0);
        let list = List {
            user: UserId(words[1].parse().expect("a user")),
            before,
            state: value(words, "state").unwrap_or(0),
            limit: value(words, "limit").unwrap_or(100),
        };
        let verdict = self.read(&Intent::List(list));
        self.words(&verdict)
    }

    pub fn words(&self, verdict: &Verdict) -> String {
        let name = |order: OrderId| {
            let known = self.orders.iter().find(|known| known.1 == order);
            known.map_or("?", |known| known.0.as_str())
        };
        match verdict {
            Verdict::Refused(refusal) => refused(refusal),
            Verdict::Order(it) => format!("{} {:?} v{}", name(it.order), it.state, it.version),
            Verdict::Sku { sku, version } => format!("sku {} v{version}", sku.0),
            Verdict::Sale { sale, version } => format!("sale {} v{version}", sale.0),
            Verdict::Freight { seller, currency: _, version } => {
                format!("freight of {} v{version}", seller.0)
            }
            Verdict::FreightRules(page) => freight::rules_in_words(page),
            Verdict::Shelf(it) => {
                format!(
                    "{} on hand, {} held, {} sold, {} sellable",
                    it.on_hand, it.held, it.sold, it.sellable
                )
            }
            Verdict::Hold(it) => {
                let seconds = (it.until.0 - BEGIN.0) / 1_000_000;
                format!("{:?} until {seconds}", it.state)
            }
            Verdict::Transferred(it) => format!("{} left, {} there", it.from.on_hand, it.to.on_hand),
            Verdict::Priced(it) => {
                let from: Vec<u32> = it.lines.iter().map(|line| line.warehouse.0).collect();
                let freight =
                    if it.freight.0 == 0 { String::new() } else { format!(" freight {}", it.freight.0) };
                format!("total {}{freight} from {from:?} for {} s", it.total.0, it.hold_seconds)
            }
            Verdict::OrderFound(it) => {
                let (brief, bytes) = (&it.brief, it.client_bytes.len());
                let (state, lines) = (brief.state, it.lines.len());
                format!("{} {state:?} total {} lines {lines} bytes {bytes}", name(brief.order), brief.total.0)
            }
            Verdict::Orders(page) => {
                let names: Vec<&str> = page.items.iter().map(|it| name(it.order)).collect();
                format!("{}{}", names.join(" "), if page.next == OrderId(0) { "" } else { " …" })
            }
            Verdict::History(it) => {
                let row = |row: &domain::verdict::HistoryRow| format!("{:?} by {:?}", row.to, row.actor);
                it.rows.iter().map(row).collect::<Vec<_>>().join(", ")
            }
            Verdict::Payment(it) => paid(name(it.order), it),
            Verdict::Mismatched(it) => format!("AmountMismatch: {}", paid(name(it.order), it)),
            Verdict::Switched { version } => format!("switched v{version}"),
            Verdict::Switches(page) => Shop::switches_words(page),
            Verdict::Case(it) => aftersale::case(name(it.case.order), it),
            Verdict::Cases(it) => {
                let order = name(it.order.order);
                let cases: Vec<_> = it.cases.iter().map(|case| aftersale::case(order, case)).collect();
                format!("{order} {:?}: {}", it.order.state, cases.join(", "))
            }
            Verdict::Shipments(it) => shipping::shipments(name(it.order.order), it),
            Verdict::Limited => "limited".into(),
            Verdict::Limits(page) => self.limits_words(page),
            Verdict::SkuFound(_)
            | Verdict::Skus(_)
            | Verdict::SaleFound(_)
            | Verdict::Sales(_)
            | Verdict::Cursor(_)
            | Verdict::LettersParked(_)
            | Verdict::Letters(_)
            | Verdict::Holdings(_) => format!("{verdict:?}"),
            Verdict::Coupon { .. }
            | Verdict::CouponTaken(_)
            | Verdict::CouponsChecked(_)
            | Verdict::CouponFound(_)
            | Verdict::Coupons(_) => coupons::words(verdict).unwrap_or_else(|| format!("{verdict:?}")),
        }
    }
}

/// `A.1 Paid 500, A Confirmed v3`, with the money that went or goes back.
fn paid(order: &str, it: &PaymentBrief) -> String {
    let mut said = format!("{order}.{} {:?}", it.payment.attempt(), it.state);
    if it.state.has_arrived() {
        said += &format!(" {}", it.arrived.0);
    }
    if it.refund_state != RefundState::None {
        said += &format!(" refund {} of {} {:?}", it.refund_number, it.refund_amount.0, it.refund_state);
    }
    if it.refunded > it.arrived {
        said += &format!(" beyond {}", it.refunded.0 - it.arrived.0);
    }
    said + &format!(", {order} {:?} v{}", it.order_state, it.order_version)
}

fn refused(refusal: &Refusal) -> String {
    let mut said = format!("{:?}", refusal.reason);
    if refusal.line != Refusal::NO_LINE {
        said += &format!(" line {}", refusal.line);
    }
    if (refusal.asked, refusal.there) != (0, 0) {
        // Instants are told in seconds of the story.
        let told = |number: i64| if number > BEGIN.0 / 2 { (number - BEGIN.0) / 1_000_000 } else { number };
        said += &format!(" asked {} there {}", told(refusal.asked), told(refusal.there));
    }
    said
}

/// The word behind this one, as a value.
pub fn value<T: std::str::FromStr>(words: &[&str], name: &str) -> Option<T> {
    let at = words.iter().position(|&word| word == name)?;
    words.get(at + 1)?.parse().ok()
}

/// `sku@warehouse`
fn place(text: &str) -> (SkuId, WarehouseId) {
    let (sku, warehouse) = text.split_once('@').expect("sku@warehouse");
    (SkuId(sku.parse().expect("a sku")), WarehouseId(warehouse.parse().expect("a warehouse")))
}

/// `sku@warehousexunits`
pub fn line(text: &str) -> AskedLine {
    let (shelf, units) = text.split_once('x').expect("sku@warehousexunits");
    let (sku, warehouse) = place(shelf);
    let quantity = Quantity::parse(units.parse().expect("units")).expect("a quantity");
    AskedLine { sku, warehouse, quantity }
}

/// A day and some, after which no request id of the story is known.
pub const TWO_DAYS: Micros = Micros::from_seconds(2 * 24 * 3_600);
