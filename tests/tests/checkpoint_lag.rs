//! A checkpoint that lags too far behind the journal: new orders wait for it, all else goes on.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use std::thread;
use std::time::{Duration, Instant};

use e2e::Server;
use e2e::wire::{Wire, create, frame, unix_ms};
use protocol::structs::{CancelHead, OrderBrief};
use protocol::{Plain, Status, messages};
use tidegate_sdk::{
    AdjustReason, Currency, GatewayId, Money, OrderId, PaymentState, SkuId, TestGateway, UserId, WarehouseId,
    blocking::Client,
};

const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");
const PRICE: Money = Money::new(19_99, Currency::EUR);
const KEY: &str = "the key of the only gateway 12345";
const LAG_MAX: u64 = 2 << 20;
/// A machine may stand still for a while.
const PATIENCE: Duration = Duration::from_secs(60);

const SETTINGS: &[(&str, &str)] = &[
    ("TIDEGATE_JOURNAL_SEGMENT_BYTES", "2097152"),
    ("TIDEGATE_JOURNAL_GROUP_BYTES", "262144"),
    ("TIDEGATE_JOURNAL_CHECKPOINT_BYTES", "1048576"),
    ("TIDEGATE_JOURNAL_CHECKPOINT_LAG_BYTES_MAX", "2097152"),
    ("TIDEGATE_PAYMENTS_GATEWAYS", "[{ id = 1, key_env = \"KEY_OF_THE_GATEWAY\" }]"),
    ("KEY_OF_THE_GATEWAY", KEY),
];

/// Asks for an order; its brief, or why not.
fn buys(wire: &mut Wire, number: u64, now: u64) -> Result<OrderBrief, Status> {
    wire.send(&create(number, now));
    let heard = wire.hear().unwrap();
    match heard.status() {
        None => Ok(OrderBrief::read(&heard.body).unwrap()),
        Some(status) => Err(status),
    }
}

#[test]
fn new_orders_wait_for_a_checkpoint_that_is_held_back_and_come_back_when_it_is_there() {
    let server = Server::start_in(TIDEGATE, &[], SETTINGS);
    let client = Client::connect_with(server.patiently()).unwrap();
    client.wait(client.sku_put(SkuId(1), PRICE)).unwrap();
    let adjust = client.stock_adjust(SkuId(1), WarehouseId(1)).on_hand(1_000_000, AdjustReason::Received);
    client.wait(adjust).unwrap();
    let now = unix_ms();
    let mut wire = Wire::connect(server.address());

    // Who writes checkpoints hangs; who sells does not. An order at a time takes a block of 4 KiB.
    let held_back = server.freeze("checkpoints");
    let mut orders = Vec::new();
    let refused = loop {
        match buys(&mut wire, orders.len() as u64 + 1, now) {
            Ok(order) => orders.push(order),
            Err(status) => break status,
        }
        assert!(orders.len() as u64 * 4_096 <= 2 * LAG_MAX, "nobody minds how far it lags");
    };
    assert_eq!(refused, Status::Overloaded);
    let stats = client.wait(client.stats()).unwrap();
    println!("{} orders until a lag of {} bytes", orders.len(), stats.checkpoint_lag_bytes);
    assert!((LAG_MAX..LAG_MAX + (1 << 18)).contains(&stats.checkpoint_lag_bytes));
    assert_eq!(stats.checkpoint_lag_bytes_max, LAG_MAX);
    assert!(stats.checkpoint_lag_facts >= orders.len() as u64);

    // Money that arrives, and units that are given back.
    let [paid, cancelled] = [orders[0], orders[1]];
    let open = client.pay_open(UserId(paid.user), OrderId(paid.order), GatewayId(1));
    let payment = client.wait(open).unwrap();
    let gateway = TestGateway::new(GatewayId(1), KEY.as_bytes());
    assert_eq!(client.wait(gateway.paid(&client, &payment)).unwrap().state, PaymentState::Paid);
    let request = u128::from(now) << 80 | 1 << 70;
    let head = CancelHead { request, user: cancelled.user, order: cancelled.order, version: 0, why: 0 };
    wire.send(&frame::<messages::Cancel>(9, &head, &[]));
    assert_eq!(wire.hear().unwrap().status(), None);
    let number = orders.len() as u64 + 1;
    assert_eq!(buys(&mut wire, number, now).unwrap_err(), Status::Overloaded);

    drop(held_back);
    let since = Instant::now();
    while buys(&mut wire, number, now).is_err() {
        assert!(since.elapsed() < PATIENCE, "it has caught up, and nothing is sold: {}", server.log());
        thread::sleep(Duration::from_millis(10));
    }
    assert!(client.wait(client.stats()).unwrap().checkpoint_lag_bytes < LAG_MAX);
}
