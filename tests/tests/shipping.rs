//! Orders on their way, on the real server: what is sent stays sent over a kill, and everybody hears of it.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use std::path::Path;

use e2e::Server;
use tidegate_sdk::{
    AdjustReason, AftersaleKind, AftersaleState, Currency, Error, EventFilter, EventType, GatewayId, Money,
    OrderId, Returned, SkuId, StartAt, State, Status, UserId, WarehouseId, blocking::Client,
};

const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");
const BUYER: UserId = UserId(7);
const OPERATOR: UserId = UserId(0);
/// An event as a subscriber hears it: its type, the state that it led to, and units by sku.
type Heard = (EventType, Option<State>, Vec<(SkuId, i64)>);
const TOTAL: Money = Money::new(2 * 15_00 + 3 * 2_50, Currency::EUR);

/// A shop with a gateway that is played by hand, and two skus in two warehouses.
struct Shop {
    server: Server,
    client: Client,
    folder: tempfile::TempDir,
}

impl Shop {
    fn open() -> Shop {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        std::fs::write(&key, [b'k'; 32]).unwrap();
        let config = format!("[payments]\ngateways = [{{ id = 1, key_file = {key:?} }}]\n");
        std::fs::write(folder.path().join("shop.toml"), config).unwrap();
        let config = folder.path().join("shop.toml");
        let server = Server::start_with(TIDEGATE, &["--config", path(&config)]);
        let client = Client::connect_with(server.patiently()).unwrap();
        for (sku, price) in [(1, 15_00), (2, 2_50)] {
            client.wait(client.sku_put(SkuId(sku), Money::new(price, Currency::EUR))).unwrap();
            let warehouse = WarehouseId(sku as u32);
            let shelf = client.stock_adjust(SkuId(sku), warehouse).on_hand(10, AdjustReason::Received);
            client.wait(shelf).unwrap();
        }
        Shop { server, client, folder }
    }

    fn paid_order(&self) -> OrderId {
        let client = &self.client;
        let create = client.create(BUYER, TOTAL).line(SkuId(1), 2).line(SkuId(2), 3);
        let order = client.wait(create).unwrap().order;
        let payment = client.wait(client.pay_open(BUYER, order, GatewayId(1))).unwrap().payment;
        self.simulate(&[&payment.to_string()]);
        order
    }

    /// The gateway says how a payment, or its refund, went.
    fn simulate(&self, what: &[&str]) {
        let config = self.folder.path().join("shop.toml");
        let command = ["admin", "pay", "simulate", "--config", path(&config)];
        let ran = self.server.run(&[&command, what].concat());
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }

    fn state(&self, order: OrderId) -> State {
        self.client.wait(self.client.get(OPERATOR, order)).unwrap().brief.state
    }

    fn on_hand(&self, sku: u64) -> u64 {
        self.client.wait(self.client.stock_get(SkuId(sku))).unwrap().on_hand
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn an_order_is_sent_in_parts_and_what_is_sent_stays_sent_over_kills() {
    let mut shop = Shop::open();
    let order = shop.paid_order();
    let client = &shop.client;
    let part = client.ship(order).line(SkuId(1), 2).carried_by("DHL", "JJD 77");
    assert_eq!(client.wait(part).unwrap().state, State::PartShipped);
    assert_eq!(client.wait(client.track_note(order, 1, "Leipzig")).unwrap().state, State::PartShipped);
    let cancelled = client.wait(client.cancel(BUYER, order));
    assert!(matches!(cancelled, Err(Error::Refused(refused)) if refused.status == Status::WrongState));
    let before = client.wait(client.track(BUYER, order)).unwrap();
    let first = &before.shipments[0];
    assert_eq!((first.number, first.carrier.as_str(), first.note.as_str()), (1, "DHL", "Leipzig"));
    assert_eq!(first.lines, [(SkuId(1), 2)]);

    shop.server.kill();
    shop.server.restart();
    shop.client = Client::connect_with(shop.server.patiently()).unwrap();
    let client = &shop.client;
    assert_eq!(client.wait(client.track(BUYER, order)).unwrap(), before);
    let twice = client.wait(client.ship(order).line(SkuId(1), 1)).unwrap_err();
    assert_eq!(twice.refused(), Some(Status::InsufficientStock), "what was sent is not sent again");
    assert_eq!(client.wait(client.ship(order)).unwrap().state, State::Shipped);
    assert_eq!(client.wait(client.sign(order)).unwrap().state, State::Delivered);
    assert_eq!(client.wait(client.confirm_receipt(BUYER, order)).unwrap().state, State::Completed);
    let rest = &client.wait(client.track(OPERATOR, order)).unwrap().shipments[1];
    assert_eq!((rest.number, rest.lines.as_slice()), (2, [(SkuId(2), 3)].as_slice()));
    assert!(client.wait(client.audit()).unwrap().ok);
}

#[test]
fn subscribers_hear_what_was_sent_and_that_it_arrived() {
    let shop = Shop::open();
    let order = shop.paid_order();
    let client = &shop.client;
    client.wait(client.ship(order).line(SkuId(2), 1)).unwrap();
    client.wait(client.ship(order)).unwrap();
    client.wait(client.track_note(order, 2, "Ulm")).unwrap();
    client.wait(client.sign(order)).unwrap();
    client.wait(client.confirm_receipt(BUYER, order)).unwrap();

    let mut events = client.subscribe(EventFilter::ALL.user(BUYER), StartAt::Behind(0));
    let mut heard: Vec<Heard> = Vec::new();
    while heard.last().is_none_or(|(event, ..)| *event != EventType::OrderCompleted) {
        let event = client.wait(events.next()).unwrap();
        let items: Vec<_> = event.items.iter().map(|it| (it.sku, it.units)).collect();
        heard.push((event.event.unwrap(), event.state, items));
    }
    let from = heard.iter().position(|(event, ..)| *event == EventType::OrderShipped).unwrap();
    let lines = vec![(SkuId(1), 2), (SkuId(2), 3)];
    assert_eq!(
        heard[from..],
        [
            (EventType::OrderShipped, Some(State::PartShipped), vec![(SkuId(2), 1)]),
            (EventType::OrderShipped, Some(State::Shipped), vec![(SkuId(1), 2), (SkuId(2), 2)]),
            (EventType::ShipmentTracked, None, vec![(SkuId(0), 0)]),
            (EventType::OrderDelivered, Some(State::Delivered), lines.clone()),
            (EventType::OrderCompleted, Some(State::Completed), lines),
        ]
    );
}

#[test]
fn a_lost_parcel_is_paid_back_and_only_what_was_never_sent_is_sold_again() {
    let shop = Shop::open();
    let order = shop.paid_order();
    let client = &shop.client;
    client.wait(client.ship(order).line(SkuId(1), 2)).unwrap();
    assert_eq!(client.wait(client.cancel(OPERATOR, order).why(5)).unwrap().state, State::Refunding);
    let late = client.wait(client.ship(order)).unwrap_err();
    assert_eq!(late.refused(), Some(Status::WrongState), "what is taken back is not sent");
    let payment = client.wait(client.pay_latest(OPERATOR, order)).unwrap();
    assert_eq!(payment.refund.map(|refund| refund.amount), Some(TOTAL));
    shop.simulate(&[&payment.payment.to_string(), "--refund"]);
    assert_eq!(shop.state(order), State::Refunded);
    assert_eq!((shop.on_hand(1), shop.on_hand(2)), (8, 10));
    assert_eq!(client.wait(client.stock_return(SkuId(1), WarehouseId(1), 2)).unwrap().on_hand, 10);
    assert!(client.wait(client.audit()).unwrap().ok);
}

#[test]
fn goods_come_back_and_their_money_goes_over_a_kill() {
    let mut shop = Shop::open();
    let order = shop.paid_order();
    let client = &shop.client;
    client.wait(client.ship(order)).unwrap();
    client.wait(client.sign(order)).unwrap();
    let case = client.wait(client.aftersale_open(BUYER, order, SkuId(1)).returning(1).why(3)).unwrap();
    assert_eq!((case.state, case.number, case.amount.minor_units), (AftersaleState::Open, 1, 15_00));
    let too_much = client.wait(client.aftersale_open(BUYER, order, SkuId(1)).amount(15_01)).unwrap_err();
    assert_eq!(too_much.refused(), Some(Status::RefundExceedsPaid));
    let decided = client.wait(client.aftersale_decide(order, 1, true).amount(14_00)).unwrap();
    assert_eq!(decided.state, AftersaleState::AwaitingGoods);
    let before = client.wait(client.aftersale_get(BUYER, order)).unwrap();

    shop.server.kill();
    shop.server.restart();
    shop.client = Client::connect_with(shop.server.patiently()).unwrap();
    let client = &shop.client;
    assert_eq!(client.wait(client.aftersale_get(OPERATOR, order)).unwrap(), before);
    let received = client.wait(client.aftersale_receive(order, 1, Returned::Unavailable)).unwrap();
    assert_eq!((received.state, received.refund), (AftersaleState::Refunding, Some(1)));
    let shelf = client.wait(client.stock_get(SkuId(1))).unwrap();
    assert_eq!((shelf.on_hand, shelf.sellable), (9, 8));
    let payment = client.wait(client.pay_latest(OPERATOR, order)).unwrap();
    assert_eq!(payment.refund.map(|refund| refund.amount.minor_units), Some(14_00));
    assert!(client.wait(client.audit()).unwrap().ok);
}

#[test]
fn an_exchange_of_a_sold_out_sku_stays_open_over_a_kill_until_units_are_there() {
    let mut shop = Shop::open();
    let order = shop.paid_order();
    let client = &shop.client;
    client.wait(client.ship(order)).unwrap();
    let case = client.wait(client.aftersale_open(BUYER, order, SkuId(1)).exchanging(2)).unwrap();
    assert_eq!((case.kind, case.units, case.amount.minor_units), (AftersaleKind::Exchange, 2, 0));
    client.wait(client.aftersale_decide(order, 1, true)).unwrap();
    let taken = client.stock_adjust(SkuId(1), WarehouseId(1)).on_hand(-8, AdjustReason::Adjusted);
    client.wait(taken).unwrap();
    let refused = client.wait(client.aftersale_receive(order, 1, Returned::Sellable)).unwrap_err();
    assert_eq!(refused.refused(), Some(Status::SoldOut));

    shop.server.kill();
    shop.server.restart();
    shop.client = Client::connect_with(shop.server.patiently()).unwrap();
    let client = &shop.client;
    let found = client.wait(client.aftersale_get(BUYER, order)).unwrap();
    assert_eq!(found.iter().map(|it| it.state).collect::<Vec<_>>(), [AftersaleState::AwaitingGoods]);
    let more = client.stock_adjust(SkuId(1), WarehouseId(1)).on_hand(5, AdjustReason::Received);
    client.wait(more).unwrap();
    let done = client.wait(client.aftersale_receive(order, 1, Returned::Unavailable)).unwrap();
    assert_eq!((done.state, done.refund), (AftersaleState::Done, None));
    // Five came, two of them went to the buyer, and the two that came back cannot be sold.
    let shelf = client.wait(client.stock_get(SkuId(1))).unwrap();
    assert_eq!((shelf.on_hand, shelf.sellable), (5, 3));
    let payment = client.wait(client.pay_latest(OPERATOR, order)).unwrap();
    assert_eq!(payment.refund, None, "no money moves");
    assert!(client.wait(client.audit()).unwrap().ok);
}

#[test]
fn an_operator_settles_a_case_from_the_terminal_and_subscribers_hear_of_it() {
    let shop = Shop::open();
    let order = shop.paid_order();
    let does = |line: &str| {
        let args: Vec<&str> = ["admin", "aftersale"].into_iter().chain(line.split(' ')).collect();
        let ran = shop.server.run(&args);
        assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    };
    assert_eq!(does(&format!("get {order}")), "none\n");
    assert!(does(&format!("open {order} --sku 2 --amount 5.00 --why 4")).contains("5.00 EUR"));
    assert!(does(&format!("decide {order} 1 --accept")).contains("REFUNDING"));
    let client = &shop.client;
    let payment = client.wait(client.pay_latest(OPERATOR, order)).unwrap().payment;
    shop.simulate(&[&payment.to_string(), "--refund"]);
    assert!(does(&format!("get {order}")).contains("DONE"));
    assert!(does(&format!("open {order} --sku 2 --amount 1.00")).contains("OPEN"));
    assert!(does(&format!("decide {order} 2 --refuse")).contains("REFUSED"));
    assert_eq!(shop.state(order), State::Confirmed, "a part that goes back moves no order");
    client.wait(client.ship(order)).unwrap();
    assert!(does(&format!("open {order} --sku 2 --units 1 --exchange")).contains("exchange"));
    assert!(does(&format!("decide {order} 3 --accept")).contains("AWAITING_GOODS"));
    assert!(does(&format!("receive {order} 3 --condition lost")).contains("DONE"));

    let filter = EventFilter::ALL.of_type(EventType::AftersaleChanged);
    let mut events = client.subscribe(filter, StartAt::Behind(0));
    for (state, amount) in [(1, 5_00), (3, 5_00), (4, 5_00), (1, 1_00), (5, 1_00), (1, 0), (2, 0), (4, 0)] {
        let event = client.wait(events.next()).unwrap();
        let heard = (event.order, event.reason, event.amount.map(|money| money.minor_units));
        assert_eq!(heard, (Some(order), state, Some(amount)));
    }
    assert!(client.wait(client.audit()).unwrap().ok);
}

#[test]
fn an_operator_sends_an_order_from_the_terminal() {
    let shop = Shop::open();
    let order = shop.paid_order().to_string();
    let does = |line: &str| {
        let args: Vec<&str> = ["admin", "order"].into_iter().chain(line.split(' ')).collect();
        let ran = shop.server.run(&args);
        assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    };
    let part = format!("ship {order} --line 1:1 --line 2:3 --carrier DHL --tracking JJD77");
    assert!(does(&part).contains("PART_SHIPPED"));
    assert!(does(&format!("track {order}")).contains("1 of 1, 3 of 2"));
    assert!(does(&format!("track {order} --shipment 1 --note Leipzig")).contains("Leipzig ("));
    assert!(does(&format!("ship {order}")).contains("SHIPPED"));
    assert!(does(&format!("sign {order}")).contains("DELIVERED"));
    assert!(does(&format!("receipt {order}")).contains("COMPLETED"));
}
