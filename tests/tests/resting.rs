//! Orders at rest, on the real server: whoever asks for one hears what was heard before it rested, many at once and
//! over kills, and what is done to it is done as if it had never left memory.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use std::thread;
use std::time::{Duration, Instant};

use e2e::Server;
use e2e::wire::{Heard, Wire, frame};
use protocol::structs::{GetHead, ListHead, StatsHead};
use protocol::{Kind, KindCode, Nothing, messages};
use tidegate_sdk::{
    AdjustReason, Aftersale, AftersaleState, Currency, Error, GatewayId, HistoryRow, Money, Order,
    OrderBrief, OrderId, OrderPage, Payment, PaymentId, RequestId, Returned, SkuId, State, Status as Said,
    TestGateway, Tracked, UserId, WarehouseId, blocking::Client,
};

const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");
const PRICE: Money = Money::new(19_99, Currency::EUR);
const KEY: &str = "the key of the only gateway 12345";
const OPERATOR: UserId = UserId(0);
/// Who holds every eighth order.
const BUYERS: u64 = 8;
/// A machine may stand still for a while.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the server is told: orders rest soon, checkpoints come often, and it begins from one.
fn settings(rest_after_seconds: &'static str) -> [(&'static str, &'static str); 6] {
    [
        ("TIDEGATE_STORE_REST_AFTER_SECONDS", rest_after_seconds),
        ("TIDEGATE_JOURNAL_SEGMENT_BYTES", "2097152"),
        ("TIDEGATE_JOURNAL_GROUP_BYTES", "262144"),
        ("TIDEGATE_JOURNAL_CHECKPOINT_BYTES", "131072"),
        ("TIDEGATE_PAYMENTS_GATEWAYS", "[{ id = 1, key_env = \"KEY_OF_THE_GATEWAY\" }]"),
        ("KEY_OF_THE_GATEWAY", KEY),
    ]
}

/// A shop whose orders are at rest most of the time.
struct Shop {
    server: Server,
    client: Client,
    made: Vec<Made>,
}

/// An order, and what made it and paid for it.
#[derive(Clone, Copy, Debug)]
struct Made {
    order: OrderId,
    user: UserId,
    request: RequestId,
    payment: Option<PaymentId>,
}

/// All that may be asked about an order.
type ToldOrder = (Order, Vec<HistoryRow>, Tracked, Vec<Aftersale>, Option<Payment>);

/// All that may be asked about all orders.
#[derive(Debug, PartialEq)]
struct Told {
    orders: Vec<ToldOrder>,
    by_request: Vec<Order>,
    of_buyers: Vec<Vec<OrderBrief>>,
    by_state: Vec<Vec<OrderBrief>>,
    scanned: Vec<OrderBrief>,
    scanned_of_state: Vec<OrderBrief>,
}

impl Shop {
    /// Its orders come to each place that waits for no payment: cancelled, confirmed, sent in part, on its way,
    /// arrived, complete, being paid back, with a case.
    fn open(rest_after_seconds: &'static str, orders: u64) -> Shop {
        let server = Server::start_in(TIDEGATE, &[], &settings(rest_after_seconds));
        let client = Client::connect_with(server.patiently()).unwrap();
        client.wait(client.sku_put(SkuId(1), PRICE)).unwrap();
        let adjust = client.stock_adjust(SkuId(1), WarehouseId(1)).on_hand(1_000_000, AdjustReason::Received);
        client.wait(adjust).unwrap();
        let mut shop = Shop { server, client, made: Vec::new() };
        shop.made = (0..orders).map(|number| shop.live(number)).collect();
        shop
    }

    fn live(&self, number: u64) -> Made {
        let (client, user) = (&self.client, UserId(1 + number % BUYERS));
        let request = client.new_request_id();
        let create = client.create(user, self.total()).line(SkuId(1), 2).client_bytes(number.to_le_bytes());
        let order = client.wait(create.request_id(request)).unwrap().order;
        let made = Made { order, user, request, payment: None };
        if number.is_multiple_of(9) {
            client.wait(client.cancel(user, order)).unwrap();
            return made;
        }
        let payment = client.wait(client.pay_open(user, order, GatewayId(1))).unwrap();
        client.wait(self.gateway().paid(client, &payment)).unwrap();
        match number % 9 {
            1 => (),
            2 => drop(client.wait(client.ship(order).line(SkuId(1), 1)).unwrap()),
            3 => drop(client.wait(client.cancel(user, order)).unwrap()),
            stage => {
                client.wait(client.ship(order).carried_by("DHL", "JJD 77")).unwrap();
                if stage > 4 {
                    client.wait(client.sign(order)).unwrap();
                }
                if stage == 6 {
                    client.wait(client.aftersale_open(user, order, SkuId(1)).returning(1)).unwrap();
                }
                if stage > 6 {
                    client.wait(client.confirm_receipt(user, order)).unwrap();
                }
            }
        }
        Made { payment: Some(payment.payment), ..made }
    }

    fn total(&self) -> Money {
        Money::new(2 * PRICE.minor_units, PRICE.currency)
    }

    fn gateway(&self) -> TestGateway {
        TestGateway::new(GatewayId(1), KEY.as_bytes())
    }

    fn stats(&self) -> StatsHead {
        self.client.wait(self.client.stats()).unwrap()
    }

    /// Until no order is in memory that may rest.
    fn wait_until_all_rest(&self) {
        let since = Instant::now();
        loop {
            let stats = self.stats();
            if stats.orders == 0 && stats.orders_at_rest == self.made.len() as u64 {
                return;
            }
            let (here, there) = (stats.orders, stats.orders_at_rest);
            assert!(
                since.elapsed() < PATIENCE,
                "{here} in memory and {there} at rest: {}",
                self.server.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn told(&self) -> Told {
        let client = &self.client;
        let orders = self.made.iter().map(|made| {
            let Made { order, user, .. } = *made;
            let payment = made.payment.map(|payment| client.wait(client.pay_get(user, payment)).unwrap());
            let tracked = client.wait(client.track(user, order)).unwrap();
            let cases = client.wait(client.aftersale_get(user, order)).unwrap();
            let history = client.wait(client.history(user, order)).unwrap();
            (client.wait(client.get(user, order)).unwrap(), history, tracked, cases, payment)
        });
        let by_request = |made: &Made| client.wait(client.get_by_request(made.user, made.request)).unwrap();
        let buyers = || (1..=BUYERS).map(UserId);
        Told {
            orders: orders.collect(),
            by_request: self.made.iter().map(by_request).collect(),
            of_buyers: buyers().map(|user| self.listed(user, None)).collect(),
            by_state: buyers().map(|user| self.listed(user, Some(State::Completed))).collect(),
            scanned: self.scanned(None),
            scanned_of_state: self.scanned(Some(State::Delivered)),
        }
    }

    /// Pages of three, to the last.
    fn listed(&self, user: UserId, state: Option<State>) -> Vec<OrderBrief> {
        let page = |before: Option<OrderId>| {
            let mut ask = self.client.list(user).limit(3);
            ask = state.map_or(ask.clone(), |state| ask.in_state(state));
            self.client.wait(before.map_or(ask.clone(), |before| ask.before(before))).unwrap()
        };
        all_pages(page)
    }

    fn scanned(&self, state: Option<State>) -> Vec<OrderBrief> {
        let page = |before: Option<OrderId>| {
            let mut ask = self.client.orders_scan().limit(7);
            ask = state.map_or(ask.clone(), |state| ask.in_state(state));
            self.client.wait(before.map_or(ask.clone(), |before| ask.before(before))).unwrap()
        };
        all_pages(page)
    }

    fn kill_and_restart(&mut self) {
        self.server.kill();
        self.server.restart();
        self.client = Client::connect_with(self.server.patiently()).unwrap();
    }

    /// Both ways: as the server says, and as its files do when it has ended.
    fn audits(mut self) {
        self.audits_at(&["--target", self.server.address()]);
        assert_eq!(self.server.terminate(PATIENCE).code(), Some(0), "{}", self.server.log());
        self.audits_at(&["--data", self.server.data().to_str().unwrap()]);
    }

    /// What `tidegate inspect` prints of its folder.
    fn inspects(&self, what: &[&str]) -> String {
        let data = self.server.data();
        let ran = self.server.run(&[&["inspect", data.to_str().unwrap()], what].concat());
        assert!(ran.status.success(), "{what:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    }

    fn audits_at(&self, place: &[&str]) {
        let ran = self.server.run(&[&["audit"], place].concat());
        let said = [ran.stdout, ran.stderr].map(|it| String::from_utf8(it).unwrap()).concat();
        assert!(ran.status.success(), "{place:?}: {said}");
    }
}

fn all_pages(page: impl Fn(Option<OrderId>) -> OrderPage) -> Vec<OrderBrief> {
    let mut all = Vec::new();
    let mut before = None;
    loop {
        let OrderPage { items, next } = page(before);
        all.extend(items);
        before = next;
        if before.is_none() {
            return all;
        }
    }
}

fn said<T: std::fmt::Debug>(answer: Result<T, Error>) -> Said {
    answer.unwrap_err().refused().unwrap()
}

#[test]
fn orders_at_rest_are_told_as_if_they_had_never_left_memory_and_over_kills() {
    for rest_after_seconds in ["1", "0"] {
        let mut shop = Shop::open(rest_after_seconds, 72);
        let before = shop.told();
        assert_eq!(before.scanned.len(), 72);
        shop.wait_until_all_rest();
        assert_eq!(shop.told(), before);
        shop.wait_until_all_rest();
        for _ in 0..2 {
            shop.kill_and_restart();
            assert!(!shop.server.log().contains("checkpoint=0"), "it began from a checkpoint");
            assert_eq!(shop.told(), before);
            shop.wait_until_all_rest();
        }
        shop.audits();
    }
}

#[test]
fn inspect_shows_orders_at_rest_and_how_they_were_before() {
    let mut shop = Shop::open("0", 9);
    shop.wait_until_all_rest();
    let Made { user, order, .. } = shop.made[8];
    // Checkpoints behind it, each with a sync of what rested before: what was not synced may be gone from the folder.
    for number in 9..45 {
        let made = shop.live(number);
        shop.made.push(made);
    }
    shop.wait_until_all_rest();
    assert!(shop.stats().cold_bytes > 0);
    let last = shop.stats().last_position;
    assert_eq!(shop.server.terminate(PATIENCE).code(), Some(0), "{}", shop.server.log());

    let versions = shop.inspects(&["--cold", "--order", &order.to_string()]);
    let newest = versions.lines().next().unwrap();
    let newest: serde_json::Value = serde_json::from_str(newest).unwrap();
    assert_eq!((&newest["user"], &newest["state"]), (&user.0.into(), &"COMPLETED".into()));
    let lines = newest["lines"].as_array().unwrap();
    assert_eq!((lines.len(), &lines[0]["quantity"], &lines[0]["unit_price"]), (1, &2.into(), &19_99.into()));
    assert!(newest["fault"].is_null(), "{newest}");
    let of_user = shop.inspects(&["--cold", "--user", &user.to_string()]);
    assert!(of_user.contains(&order.to_string()), "{of_user}");

    let as_of = |position: u64| -> serde_json::Value {
        let (position, order) = (position.to_string(), order.to_string());
        serde_json::from_str(&shop.inspects(&["--as-of", &position, "--order", &order])).unwrap()
    };
    assert_eq!(as_of(last)["order"]["state"], "COMPLETED");
    let history = as_of(last)["order"]["history"].as_array().unwrap().len();
    assert!(history > 3);
    let earlier = (1..last).rev().map(as_of).find(|then| then["order"]["state"] != "COMPLETED").unwrap();
    assert_eq!(earlier["order"]["state"], "DELIVERED", "{earlier}");
}

#[test]
fn requests_that_made_orders_at_rest_are_still_known() {
    let mut shop = Shop::open("0", 18);
    for _ in 0..2 {
        shop.wait_until_all_rest();
        let client = &shop.client;
        for (number, made) in shop.made.iter().enumerate() {
            let bytes = (number as u64).to_le_bytes();
            let again = client.create(made.user, shop.total()).line(SkuId(1), 2).client_bytes(bytes);
            assert_eq!(client.wait(again.again(made.request)).unwrap().order, made.order);
            let other = client.create(made.user, PRICE).line(SkuId(1), 1).client_bytes(bytes);
            assert_eq!(said(client.wait(other.again(made.request))), Said::RequestIdReused);
        }
        shop.kill_and_restart();
    }
    shop.audits();
}

#[test]
fn nobody_finds_an_order_that_was_never_made_nor_another_ones_among_those_at_rest() {
    let shop = Shop::open("0", 9);
    shop.wait_until_all_rest();
    let client = &shop.client;
    let first = shop.made[0].order;
    let made_up = OrderId(domain::OrderId::new(domain::OrderId(first.0).ms() - 1, 77, 4_000).0);
    let another_slot = OrderId(first.0 ^ 1 << 12);
    for (user, order) in [(OPERATOR, made_up), (OPERATOR, another_slot), (UserId(99), first)] {
        assert_eq!(said(client.wait(client.get(user, order))), Said::OrderNotFound);
        assert_eq!(said(client.wait(client.history(user, order))), Said::OrderNotFound);
        assert_eq!(said(client.wait(client.track(user, order))), Said::OrderNotFound);
        assert_eq!(said(client.wait(client.pay_latest(user, order))), Said::OrderNotFound);
        assert_eq!(said(client.wait(client.cancel(user, order))), Said::OrderNotFound);
        assert_eq!(said(client.wait(client.confirm_receipt(user, order))), Said::OrderNotFound);
        assert_eq!(said(client.wait(client.aftersale_get(user, order))), Said::OrderNotFound);
    }
    assert_eq!(said(client.wait(client.ship(made_up))), Said::OrderNotFound);
    assert_eq!(said(client.wait(client.sign(another_slot))), Said::OrderNotFound);
    shop.audits();
}

#[test]
fn orders_at_rest_go_on_where_they_were() {
    let mut shop = Shop::open("0", 18);
    shop.wait_until_all_rest();
    let payments: Vec<_> = shop.told().orders.into_iter().map(|(.., payment)| payment).collect();
    let (client, made) = (&shop.client, shop.made.clone());
    let of = |place: usize| (made[place].user, made[place].order);
    let paid = |place: usize| payments[place].unwrap();
    shop.wait_until_all_rest();

    let (buyer, order) = of(0);
    assert_eq!(said(client.wait(client.ship(order))), Said::WrongState, "it is cancelled");
    assert_eq!(said(client.wait(client.pay_open(buyer, order, GatewayId(1)))), Said::WrongState);
    assert_eq!(client.wait(client.ship(of(1).1)).unwrap().state, State::Shipped);
    let (buyer, order) = of(10);
    assert_eq!(client.wait(client.cancel(buyer, order)).unwrap().state, State::Refunding);
    assert_eq!(client.wait(client.ship(of(2).1)).unwrap().state, State::Shipped);
    let said_again = client.wait(shop.gateway().paid(client, &paid(4))).unwrap();
    assert_eq!(said_again.order_state, State::Shipped, "the gateway repeats itself");
    let refunded = shop.gateway().refunded(client, &paid(3)).unwrap();
    assert_eq!(client.wait(refunded).unwrap().order_state, State::Refunded);
    client.wait(shop.gateway().refund_failed(client, &paid(12)).unwrap()).unwrap();
    assert_eq!(client.wait(client.sign(of(4).1)).unwrap().state, State::Delivered);
    let (buyer, order) = of(5);
    assert_eq!(client.wait(client.confirm_receipt(buyer, order)).unwrap().state, State::Completed);
    let decided = client.wait(client.aftersale_decide(of(6).1, 1, true)).unwrap();
    assert_eq!(decided.state, AftersaleState::AwaitingGoods);
    let (buyer, order) = of(14);
    let case = client.wait(client.aftersale_open(buyer, order, SkuId(1)).amount(5_00)).unwrap();
    assert_eq!(case.state, AftersaleState::Open);

    // Once more: each rests as it is now, and goes on from there, behind a kill, too.
    shop.wait_until_all_rest();
    shop.kill_and_restart();
    shop.wait_until_all_rest();
    let client = &shop.client;
    assert_eq!(client.wait(client.track_note(of(1).1, 1, "Ulm")).unwrap().state, State::Shipped);
    assert_eq!(client.wait(client.track(OPERATOR, of(1).1)).unwrap().shipments[0].note, "Ulm");
    client.wait(client.refund(paid(12).payment)).unwrap();
    let asked = client.wait(client.pay_get(OPERATOR, paid(12).payment)).unwrap();
    let refunded = client.wait(shop.gateway().refunded(client, &asked).unwrap()).unwrap();
    assert_eq!(refunded.order_state, State::Refunded);
    let received = client.wait(client.aftersale_receive(of(6).1, 1, Returned::Sellable)).unwrap();
    assert_eq!(received.state, AftersaleState::Refunding);
    let refused = client.wait(client.aftersale_decide(of(14).1, 1, false)).unwrap();
    assert_eq!(refused.state, AftersaleState::Refused);
    shop.wait_until_all_rest();
    let states: Vec<_> = [10, 3, 4, 5].map(|place| shop.told().orders[place].0.brief.state).into();
    assert_eq!(states, [State::Refunding, State::Refunded, State::Delivered, State::Completed]);
    shop.audits();
}

#[test]
fn many_ask_for_orders_at_rest_and_in_memory_at_once() {
    let shop = Shop::open("0", 45);
    let before = shop.told();
    shop.wait_until_all_rest();
    let asks = |client: Client, seed: u64| {
        let mut rng = fastrand::Rng::with_seed(seed);
        for _ in 0..300 {
            let place = rng.usize(..shop.made.len());
            let (made, told) = (shop.made[place], &before.orders[place]);
            let Made { user, order, .. } = made;
            match rng.u8(..5) {
                0 => assert_eq!(client.wait(client.get(user, order)).unwrap(), told.0),
                1 => assert_eq!(client.wait(client.history(user, order)).unwrap(), told.1),
                2 => assert_eq!(client.wait(client.track(user, order)).unwrap(), told.2),
                3 => {
                    let of_buyer = &before.of_buyers[user.0 as usize - 1];
                    let at = of_buyer.iter().position(|brief| brief.order == order).unwrap();
                    let page = client.wait(client.list(user).before(order).limit(2)).unwrap();
                    let behind = &of_buyer[at + 1..];
                    assert_eq!(page.items, behind[..page.items.len()]);
                    assert!(page.next.is_some() || page.items.len() == behind.len());
                }
                // Of somebody else, so that nothing above changes: it is in memory until it is cancelled.
                _ => {
                    let new = client.create(UserId(1_000 + seed), PRICE).line(SkuId(1), 1);
                    let new = client.wait(new).unwrap();
                    assert_eq!(client.wait(client.get(new.user, new.order)).unwrap().brief, new);
                    client.wait(client.cancel(new.user, new.order)).unwrap();
                    let now = client.wait(client.get(new.user, new.order)).unwrap();
                    assert_eq!(now.brief.state, State::Cancelled);
                    let newest = client.wait(client.list(new.user).limit(1)).unwrap().items;
                    assert_eq!(newest, [now.brief], "own writes are seen");
                }
            }
        }
    };
    thread::scope(|scope| {
        for seed in 1..=6 {
            let client = Client::connect_with(shop.server.patiently()).unwrap();
            scope.spawn(move || asks(client, seed));
        }
    });
    shop.audits();
}

#[test]
fn a_stop_answers_all_who_wait_for_orders_at_rest() {
    let mut shop = Shop::open("0", 36);
    shop.wait_until_all_rest();
    let mut wire = Wire::connect(shop.server.address());
    let who_reads = shop.server.freeze("cold\n");
    let mut asked = 0;
    for round in 0..10 {
        for (place, made) in (0..).zip(&shop.made) {
            let (user, order) = (made.user.0, made.order.0);
            let list = ListHead { user, before: 0, limit: 10, state: 0 };
            wire.send(&frame::<messages::Get>(asked, &GetHead { request: 0, user, order }, &[]));
            if (round + place) % 4 == 0 {
                wire.send(&frame::<messages::List>(1_000 + asked, &list, &[]));
            }
            asked += 1;
        }
    }
    // What comes behind them on the connection is answered: so they were taken, and nobody waits for nothing.
    wire.send(&frame::<messages::Ping>(9_999, &Nothing {}, &[]));
    let mut heard: Vec<Heard> = Vec::new();
    while heard.last().is_none_or(|it| it.header.correlation != 9_999) {
        heard.push(wire.hear().unwrap());
    }
    assert!(heard.len() < 20, "most wait: {}", heard.len());
    shop.server.ask_to_end();
    thread::sleep(Duration::from_millis(200));
    drop(who_reads);
    heard.extend(wire.hear_to_the_end());
    assert_eq!(shop.server.ended(PATIENCE).code(), Some(0), "{}", shop.server.log());

    let answers = |kind: Kind| heard.iter().filter(move |it| it.header.kind == KindCode::from(kind).answer());
    assert_eq!(answers(Kind::Get).count() as u64, asked);
    assert_eq!(answers(Kind::List).count() as u64, asked / 4);
    assert!(answers(Kind::Get).chain(answers(Kind::List)).all(|it| it.status().is_none()));
    shop.server.restart();
    shop.client = Client::connect_with(shop.server.patiently()).unwrap();
    shop.audits();
}
