//! A disk that runs full under load: who is refused, who gets through, and how the server starts on it.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use std::collections::VecDeque;
use std::fs;
use std::time::{Duration, Instant};

use e2e::wire::{Wire, frame, unix_ms};
use e2e::{Server, SmallDisk};
use protocol::structs::{AskedLine, CancelHead, Coupons, CreateHead, OrderBrief};
use protocol::{Meta, Plain, Status, append, messages};
use tidegate_sdk::{
    AdjustReason, Currency, GatewayId, Money, OrderId, PaymentState, SkuId, State, TestGateway, UserId,
    WarehouseId, blocking::Client,
};

const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");
const PRICE: Money = Money::new(19_99, Currency::EUR);
const KEY: &str = "the key of the only gateway 12345";
const SEGMENT_BYTES: u64 = 2 << 20;
/// Orders that are answered before the next ones are asked for.
const AT_ONCE: u64 = 64;
/// A machine may stand still for a while.
const PATIENCE: Duration = Duration::from_secs(60);

/// Small segments, a checkpoint every few of them, and a gateway.
const SETTINGS: &[(&str, &str)] = &[
    ("TIDEGATE_JOURNAL_SEGMENT_BYTES", "2097152"),
    ("TIDEGATE_JOURNAL_GROUP_BYTES", "262144"),
    ("TIDEGATE_JOURNAL_SEGMENTS_AHEAD", "1"),
    ("TIDEGATE_JOURNAL_CHECKPOINT_BYTES", "3145728"),
    // Not the budget, but the disk itself is to end it.
    ("TIDEGATE_STORE_DISK_STOP_PERCENT", "0"),
    ("TIDEGATE_PAYMENTS_GATEWAYS", "[{ id = 1, key_env = \"KEY_OF_THE_GATEWAY\" }]"),
    ("KEY_OF_THE_GATEWAY", KEY),
];

/// A shop on a disk of its own, and what it promised.
struct Shop {
    server: Server,
    /// Orders that were acknowledged and not asked for otherwise since, with their users.
    pending: VecDeque<(u64, u64)>,
    cancelled: Vec<(u64, u64)>,
    asked: u64,
}

impl Shop {
    fn on(disk: &SmallDisk, more: &[(&str, &str)]) -> Shop {
        let settings = [SETTINGS, more].concat();
        let server = Server::start_on(TIDEGATE, Some(&disk.path().join("data")), &[], &settings);
        let client = Client::connect_with(server.patiently()).unwrap();
        client.wait(client.sku_put(SkuId(1), PRICE)).unwrap();
        let adjust = client.stock_adjust(SkuId(1), WarehouseId(1)).on_hand(1_000_000, AdjustReason::Received);
        client.wait(adjust).unwrap();
        Shop { server, pending: VecDeque::new(), cancelled: Vec::new(), asked: 0 }
    }

    fn client(&self) -> Client {
        Client::connect_with(self.server.patiently()).unwrap()
    }

    /// Asks for so many orders at once. Those that are refused all have the same status.
    fn buys(&mut self, wire: &mut Wire) -> Option<Status> {
        let now = unix_ms();
        let mut refused = None;
        for _ in 0..AT_ONCE {
            self.asked += 1;
            wire.send(&create(self.asked, now));
        }
        for _ in 0..AT_ONCE {
            let heard = wire.hear().unwrap();
            match heard.status() {
                None => {
                    let order = OrderBrief::read(&heard.body).unwrap();
                    self.pending.push_back((order.order, order.user));
                }
                Some(status) => {
                    assert_eq!(*refused.get_or_insert(status), status);
                    assert!(heard.header.time_ms >= 1_000, "there is no use in asking again soon");
                }
            }
        }
        refused
    }

    /// Buys until nothing is sold any more, and says what is answered instead.
    fn buys_until_refused(&mut self) -> Status {
        let mut wire = Wire::connect(self.server.address());
        let since = Instant::now();
        loop {
            if let Some(status) = self.buys(&mut wire) {
                return status;
            }
            assert!(since.elapsed() < PATIENCE, "the disk does not run full");
        }
    }

    fn buys_when_there_is_room(&mut self) {
        let mut wire = Wire::connect(self.server.address());
        let since = Instant::now();
        while self.buys(&mut wire).is_some() {
            assert!(since.elapsed() < PATIENCE, "there is room, and nothing is sold: {}", self.server.log());
        }
    }

    /// Cancels an order; what is said of it.
    fn cancels(&mut self, wire: &mut Wire) -> Option<Status> {
        let (order, user) = self.pending.pop_front().unwrap();
        self.asked += 1;
        let head = CancelHead { request: request(self.asked, unix_ms()), user, order, version: 0, why: 0 };
        wire.send(&frame::<messages::Cancel>(self.asked, &head, &[]));
        let status = wire.hear().unwrap().status();
        match status {
            None => self.cancelled.push((order, user)),
            Some(_) => self.pending.push_front((order, user)),
        }
        status
    }

    /// All that was acknowledged is there, and nothing else.
    fn is_whole(&self) {
        let client = self.client();
        for (orders, state) in [
            (&self.pending.iter().copied().collect::<Vec<_>>(), State::PendingPayment),
            (&self.cancelled, State::Cancelled),
        ] {
            for &(order, user) in orders {
                let found = client.wait(client.get(UserId(user), OrderId(order))).unwrap();
                assert_eq!(found.brief.state, state, "order {order}");
            }
        }
        assert_eq!(client.wait(client.stock_get(SkuId(1))).unwrap().held, self.pending.len() as u64);
        let audited = self.server.run(&["audit", "--target", self.server.address()]);
        assert!(audited.status.success(), "{}", String::from_utf8_lossy(&audited.stdout));
    }

    /// A start fails with one sentence, and changes nothing.
    fn does_not_start(&mut self) {
        let names = |shop: &Shop| {
            let folder = fs::read_dir(shop.server.data()).unwrap();
            let mut names: Vec<_> = folder.map(|it| it.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let before = names(self);
        let why = self.server.try_restart(&[]).unwrap_err().to_string();
        let sentence =
            format!("has no room for one more segment of {SEGMENT_BYTES} bytes: make room, then start again");
        let said: Vec<_> = why.lines().filter(|line| line.contains("error: ")).collect();
        assert!(matches!(said[..], [it] if it.contains(&sentence)), "{why}");
        assert_eq!(names(self), before);
    }
}

fn request(number: u64, now: u64) -> u128 {
    u128::from(now) << 80 | u128::from(number)
}

/// One unit of sku 1 by a user of its own, with as many bytes of the client's as there may be: it fills a disk soon.
fn create(number: u64, now: u64) -> Vec<u8> {
    let client = [7; 1_024];
    let head = CreateHead {
        request: request(number, now),
        user: number,
        hold: 0,
        coupons: Coupons::NONE,
        total: 19_99,
        currency: 978,
        client_bytes: client.len() as u16,
    };
    let mut bytes = Vec::new();
    let meta = Meta { correlation: number, ..Meta::default() };
    let line = AskedLine { sku: 1, warehouse: 1, quantity: 1 };
    append::<messages::Create>(&mut bytes, &meta, &head, [line], &client).unwrap();
    bytes
}

#[test]
fn a_disk_that_runs_full_costs_new_orders_and_nothing_else() {
    let Some(disk) = SmallDisk::mount(24 << 20) else { return };
    let mut shop = Shop::on(&disk, &[]);
    assert_eq!(shop.buys_until_refused(), Status::StoreUnavailable);
    let made = shop.pending.len();
    println!("{made} orders until the disk was full");
    assert!(made > 5_000, "{made}");

    // Whoever frees units, pays, or only reads, gets through. Room for them is bounded, and its end is an answer.
    let client = shop.client();
    let (order, user) = shop.pending.pop_front().unwrap();
    let payment = client.wait(client.pay_open(UserId(user), OrderId(order), GatewayId(1))).unwrap();
    let gateway = TestGateway::new(GatewayId(1), KEY.as_bytes());
    assert_eq!(client.wait(gateway.paid(&client, &payment)).unwrap().state, PaymentState::Paid);
    let mut wire = Wire::connect(shop.server.address());
    let mut freed = 0;
    let ended_with = loop {
        match shop.cancels(&mut wire) {
            None => freed += 1,
            Some(status) => break status,
        }
    };
    println!("{freed} cancels went through");
    assert!(freed >= 20, "{freed}"); // A block each, and one for each seal between them.
    assert_eq!(ended_with, Status::StoreUnavailable);
    shop.is_whole();

    // A stop still seals the journal, and the log says what it was.
    assert_eq!(shop.server.terminate(PATIENCE).code(), Some(0), "{}", shop.server.log());
    assert!(shop.server.log().contains("the next journal segment cannot be made"), "{}", shop.server.log());
}

#[test]
fn a_server_sells_again_when_there_is_room_with_or_without_a_restart() {
    let Some(disk) = SmallDisk::mount(40 << 20) else { return };
    // A checkpoint in the making is deleted by a start, which may be all the room that it needs.
    let mut shop = Shop::on(&disk, &[("TIDEGATE_JOURNAL_CHECKPOINT_BYTES", "0")]);
    for round in 0..3 {
        // Somebody else fills the disk while orders come in.
        let mut wire = Wire::connect(shop.server.address());
        assert_eq!(shop.buys(&mut wire), None, "round {round}");
        disk.fill();
        assert_eq!(shop.buys_until_refused(), Status::StoreUnavailable);
        if round > 0 {
            shop.server.kill();
            shop.does_not_start();
        }
        disk.make_room();
        if round > 0 {
            shop.server.restart();
        }
        shop.buys_when_there_is_room();
        assert_eq!(shop.cancels(&mut Wire::connect(shop.server.address())), None);
    }
    shop.is_whole();
}
