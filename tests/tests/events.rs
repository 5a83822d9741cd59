//! Events: what became durable reaches whoever subscribed, once or again but never with a gap, and a subscriber
//! that does not read costs nobody anything.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use std::collections::BTreeSet;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use e2e::Server;
use e2e::feed::{EVERYTHING, FEED, Feed, PRICE, shop, understood};
use e2e::wire::{Wire, create, frame, unix_ms};
use protocol::structs::{
    AskedLine, CreateHead, Event, OrderBrief, SubscribeHead, UnsubscribeAnswerHead, UnsubscribeHead,
};
use protocol::{EventType, Flags, Plain, Status, messages, text};
use tidegate_sdk::{
    BatchOrder, Currency, Error, EventFilter, Money, OrderId, SkuId, StartAt, UserId, blocking::Client,
};

const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");

/// Types and orders, in order.
fn told(events: &[Event]) -> Vec<(EventType, u64)> {
    events.iter().map(|event| (EventType::from_number(event.event).unwrap(), event.order)).collect()
}

#[test]
fn every_fact_comes_once_and_in_order_with_what_it_is_about() {
    use EventType::*;
    let server = shop(TIDEGATE, &[]);
    let client = Client::connect(server.address()).unwrap();
    let mut live = Feed::open(&server, SubscribeHead { from: 0, ..EVERYTHING });
    let basket =
        client.create(UserId(7), Money::new(59_97, Currency::EUR)).line(SkuId(1), 1).line(SkuId(2), 2);
    let OrderId(order) = client.wait(basket).unwrap().order;
    client.wait(client.cancel(UserId(7), OrderId(order))).unwrap();

    let mut all = Feed::open(&server, EVERYTHING);
    let of_shop = all.take(12);
    let (of_shop, of_order) = of_shop.split_at(4);
    assert_eq!(told(of_shop), [(SkuChanged, 0), (StockAdjusted, 0), (SkuChanged, 0), (StockAdjusted, 0)]);
    assert_eq!(
        (of_shop[1].sku, of_shop[1].warehouse, of_shop[1].units, of_shop[1].actor),
        (1, 1, 1_000_000, 2)
    );
    let twice = |event| [(event, order), (event, order)];
    let expected: Vec<_> =
        [OrderCreated, StockReserved, OrderCancelled, StockReleased].into_iter().flat_map(twice).collect();
    let mut names = told(of_order);
    names.sort_by_key(|(event, _)| *event == StockReleased); // The order of the last two is the ledger's to say.
    assert_eq!(names, expected);
    for event in of_order {
        assert_eq!((event.user, event.amount, event.currency, event.schema), (7, 59_97, 978, 1), "{event:?}");
        let units = if event.sku == 1 { 1 } else { 2 };
        assert_eq!((event.units, event.warehouse, event.unit_price), (units, 1, 19_99), "{event:?}");
        assert_eq!((event.actor, event.actor_id), (1, 7));
        assert_ne!(event.request, 0);
    }
    let states: BTreeSet<_> =
        of_order.iter().map(|event| (event.event, event.state, event.version)).collect();
    assert!(
        states.contains(&(OrderCreated.number(), 2, 1)) && states.contains(&(OrderCancelled.number(), 12, 2))
    );

    let seen_live = live.take(8);
    let positions = |events: &[Event]| events.iter().map(|it| (it.position, it.part)).collect::<Vec<_>>();
    assert_eq!(positions(&seen_live), positions(of_order), "from now on: nothing before, everything after");
}

#[test]
fn what_the_filter_leaves_out_moves_the_cursor() {
    let server = shop(TIDEGATE, &[]);
    let client = Client::connect(server.address()).unwrap();
    let (created, cancelled) = (EventType::OrderCreated, EventType::OrderCancelled);
    let mut of_user = Feed::open(&server, SubscribeHead { user: 9, ..EVERYTHING });
    let mut of_sku = Feed::open(&server, SubscribeHead { sku: 2, types: created.bit(), ..EVERYTHING });
    let mut of_nobody = Feed::open(&server, SubscribeHead { user: 1 << 60, ..EVERYTHING });
    let mut of_no_sale = Feed::open(&server, SubscribeHead { sale: 5, ..EVERYTHING });
    let mut orders = Vec::new();
    for user in 1..=20 {
        let sku = SkuId(1 + user % 2);
        orders.push(client.wait(client.create(UserId(user), PRICE).line(sku, 1)).unwrap().order.0);
    }
    client.wait(client.cancel(UserId(9), OrderId(orders[8]))).unwrap();
    let end = Feed::open(&server, SubscribeHead { from: 0, ..EVERYTHING }).through;

    let of_user = of_user.take(4);
    assert!(of_user.iter().all(|event| event.user == 9 && event.order == orders[8]));
    assert!(told(&of_user).contains(&(cancelled, orders[8])), "of its order, whoever the fact names");
    let odd: Vec<_> = orders.iter().step_by(2).map(|&order| (created, order)).collect();
    assert_eq!(told(&of_sku.take(10)), odd);
    for left_out in [&mut of_nobody, &mut of_no_sale] {
        while left_out.through < end {
            assert_eq!(left_out.next_frame().len(), 0);
        }
        assert!(left_out.heartbeats > 0);
    }
}

#[test]
fn no_gap_and_no_reorder_over_kills_and_reconnects() {
    let mut server = shop(TIDEGATE, &[]);
    let mut seen = Vec::new();
    let mut through = 0;
    let mut accepted = BTreeSet::new();
    let mut number = 0;
    for round in 0..4 {
        let mut feed = Feed::open(&server, SubscribeHead { position: through, ..EVERYTHING });
        feed.previous = through;
        let mut buyers = Wire::connect(server.address());
        for _ in 0..300 {
            buyers.send(&create(number, unix_ms()));
            number += 1;
        }
        for _ in 0..300 {
            let heard = buyers.hear().unwrap();
            assert_eq!(heard.status(), None);
            accepted.insert(OrderBrief::read(&heard.body).unwrap().order);
        }
        // Some of it is read, in some rounds all; the rest after the restart.
        let wanted = [250, 600, 1, 600][round];
        seen.extend(feed.take(wanted));
        through = feed.through;
        server.kill();
        server.restart();
    }
    let mut feed = Feed::open(&server, SubscribeHead { position: through, ..EVERYTHING });
    let end = Feed::open(&server, SubscribeHead { from: 0, ..EVERYTHING }).through;
    while feed.through < end {
        seen.extend(feed.next_frame());
    }
    assert!(seen.is_sorted_by_key(|event| event.position), "in order over all lives");
    let created: Vec<u64> = seen
        .iter()
        .filter(|event| event.event == EventType::OrderCreated.number())
        .map(|event| event.order)
        .collect();
    assert_eq!(created.len(), accepted.len(), "each once");
    assert_eq!(created.into_iter().collect::<BTreeSet<_>>(), accepted, "all of them");
    let mut whole = Feed::open(&server, EVERYTHING);
    let mut again = Vec::new();
    while whole.through < end {
        again.extend(whole.next_frame());
    }
    let places =
        |events: &[Event]| events.iter().map(|it| (it.position, it.part, it.event)).collect::<Vec<_>>();
    assert_eq!(places(&again), places(&seen), "from the beginning it is the same");
}

#[test]
fn nothing_is_sent_beyond_the_credit_and_it_goes_on_from_there() {
    let server = shop(TIDEGATE, &[]);
    let few = SubscribeHead { credit_events: 3, credit_bytes: 1 << 20, ..EVERYTHING };
    let mut feed = Feed::open(&server, few);
    let first = feed.take(3);
    assert_eq!(told(&first).len(), 3);
    for _ in 0..2 {
        assert_eq!(feed.next_frame().len(), 0, "heartbeats are free, events are not");
    }
    assert_eq!(feed.through, first[2].position, "and do not pass what is still to come");
    feed.grant(1);
    assert_eq!(feed.take(1)[0].position, first[2].position + 1);

    // Bytes count as well: one event is sent while any are left.
    let one_byte = SubscribeHead { credit_bytes: 1, ..EVERYTHING };
    let mut feed = Feed::open(&server, one_byte);
    assert_eq!(feed.take(1).len(), 1);
    assert_eq!(feed.next_frame().len(), 0);
}

#[test]
fn a_subscriber_that_never_reads_costs_nobody_anything() {
    let server = shop(TIDEGATE, &[]);
    let mut deaf: Vec<Feed> = (0..100).map(|_| Feed::open(&server, EVERYTHING)).collect();
    let client = Client::connect(server.address()).unwrap();
    let mut buyers = Wire::connect(server.address());
    let mut number = 0;
    let mut buy = |orders: u64| {
        for _ in 0..orders / 500 {
            for _ in 0..500 {
                buyers.send(&create(number, unix_ms()));
                number += 1;
            }
            for _ in 0..500 {
                assert_eq!(buyers.hear().unwrap().status(), None);
            }
        }
    };
    buy(10_000);
    let before = client.wait(client.stats()).unwrap().resident_bytes;
    buy(40_000);
    let after = client.wait(client.stats()).unwrap();
    // A resident order takes some 200 bytes; what 100 subscribers would be owed is some 1,400 MB.
    assert!(after.resident_bytes < before + (96 << 20), "from {before} to {} bytes", after.resident_bytes);
    assert_eq!(after.cut_off, 0, "and nobody was cut off");
    // It lost nothing: as soon as it reads, everything comes.
    let feed = &mut deaf[50];
    let mut orders = 0;
    while orders < 50_000 {
        orders += feed.next_frame().iter().filter(|it| it.event == EventType::OrderCreated.number()).count();
    }
}

#[test]
fn what_is_no_subscription_is_refused_and_the_connection_goes_on() {
    let server = shop(TIDEGATE, &[]);
    let mut wire = Wire::connect(server.address());
    let refused = [
        (SubscribeHead { partition: 1, ..EVERYTHING }, "a partition that is not there"),
        (SubscribeHead { from: 3, ..EVERYTHING }, "from nowhere"),
        (SubscribeHead { from: 0, position: 1, ..EVERYTHING }, "now, and a position"),
        (SubscribeHead { position: 1_000_000, ..EVERYTHING }, "beyond the end"),
        (SubscribeHead { position: u64::MAX, ..EVERYTHING }, "far beyond the end"),
        (SubscribeHead { types: 1, ..EVERYTHING }, "type 0"),
        (SubscribeHead { types: 1 << 63, ..EVERYTHING }, "a type that is none"),
        (SubscribeHead { cursor: [0xFF; 32], ..EVERYTHING }, "a name that is no text"),
        (SubscribeHead { from: 2, position: 1, cursor: text("a"), ..EVERYTHING }, "a cursor, and a position"),
        (SubscribeHead { from: 2, ..EVERYTHING }, "a cursor without a name"),
    ];
    for (head, what) in refused {
        wire.send(&frame::<messages::Subscribe>(FEED, &head, &[]));
        assert_eq!(wire.hear().unwrap().status(), Some(Status::InvalidField), "{what}");
    }
    let end = UnsubscribeHead { subscription: FEED };
    wire.send(&frame::<messages::Unsubscribe>(3, &end, &[]));
    assert_eq!(wire.hear().unwrap().status(), Some(Status::InvalidField), "there is none to end");
    wire.send(&frame::<messages::Subscribe>(FEED, &SubscribeHead { from: 0, ..EVERYTHING }, &[]));
    assert_eq!(wire.hear().unwrap().status(), None);
    wire.send(&frame::<messages::Subscribe>(FEED, &SubscribeHead { from: 0, ..EVERYTHING }, &[]));
    assert_eq!(wire.hear().unwrap().status(), Some(Status::InvalidField), "its correlation is taken");
    wire.send(&frame::<messages::Unsubscribe>(3, &end, &[]));
    let last = wire.hear().unwrap();
    assert!(!last.header.flags.has(Flags::MORE), "the last frame of the answer");
    let ended = wire.hear().unwrap();
    assert_eq!(ended.header.correlation, 3);
    assert_eq!(UnsubscribeAnswerHead::read(&ended.body).unwrap().through, understood(&last).0.through);
}

#[test]
fn one_subscription_too_many_is_overloaded_and_ended_ones_make_room() {
    let server = Server::start(TIDEGATE);
    let mut wire = Wire::connect(server.address());
    let head = SubscribeHead { from: 0, ..EVERYTHING };
    let subscribe = |wire: &mut Wire, correlation| {
        wire.send(&frame::<messages::Subscribe>(correlation, &head, &[]));
        loop {
            let heard = wire.hear().unwrap();
            if heard.header.correlation == correlation {
                return heard.status();
            }
        }
    };
    let mut taken = 0;
    let refused = loop {
        match subscribe(&mut wire, 1 + taken) {
            None => taken += 1,
            Some(status) => break status,
        }
    };
    assert_eq!(refused, Status::Overloaded);
    assert_eq!(taken % 256, 0, "256 for each reactor");
    drop(wire);
    let began = Instant::now();
    let mut wire = Wire::connect(server.address());
    while subscribe(&mut wire, 1) == Some(Status::Overloaded) {
        assert!(began.elapsed() < Duration::from_secs(5), "a closed connection frees its subscriptions");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// An address that stays while the server behind it comes and goes.
fn forwarder(server: &Server) -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let to = Arc::new(Mutex::new(server.address().to_owned()));
    let target = Arc::clone(&to);
    std::thread::spawn(move || {
        for from in listener.incoming().map_while(Result::ok) {
            let Ok(to) = TcpStream::connect(target.lock().unwrap().as_str()) else { continue };
            for (mut from, mut to) in [
                (from.try_clone().unwrap(), to.try_clone().unwrap()),
                (to.try_clone().unwrap(), from.try_clone().unwrap()),
            ] {
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Both);
                    let _ = from.shutdown(Shutdown::Both);
                });
            }
        }
    });
    (address, to)
}

#[test]
fn the_sdks_stream_survives_kills_and_goes_on_from_its_cursor() {
    let mut server = shop(TIDEGATE, &[]);
    let (address, target) = forwarder(&server);
    let client = Client::connect(&address).unwrap();
    let filter = EventFilter::ALL.of_type(EventType::OrderCreated);
    let start = StartAt::Cursor("fulfilment".into());
    let mut events = client.subscribe(filter, start.clone());
    let mut placed = Vec::new();
    let mut seen = Vec::new();
    for round in 0..3_u64 {
        for user in 1..=50 {
            let order = client.create(UserId(100 * round + user), PRICE).line(SkuId(1), 1);
            placed.push(client.wait(order).unwrap().order);
        }
        for _ in 0..40 {
            let event = client.wait(events.next()).unwrap();
            assert_eq!((event.event, event.items.len()), (Ok(EventType::OrderCreated), 1));
            assert_eq!(event.amount, Some(PRICE));
            seen.push(event.order.unwrap());
        }
        server.kill();
        server.restart();
        *target.lock().unwrap() = server.address().to_owned();
    }
    assert_eq!(seen, placed[..seen.len()], "in order, and each once, as it was the same stream all along");

    // Another program goes on where this one says that it has come.
    client.wait(events.flush()).unwrap();
    drop(events);
    let mut others = client.subscribe(filter, start);
    while seen.len() < placed.len() {
        seen.push(client.wait(others.next()).unwrap().order.unwrap());
    }
    assert_eq!(seen, placed);
    assert!(client.wait(client.ack("fulfilment", 1)).unwrap() > 1, "it moved, and does not move back");

    // More than the credit, with nobody waiting for long: granted again as it is taken.
    let mut all = client.subscribe(EventFilter::ALL, StartAt::Behind(0));
    let mut buyers = Wire::connect(server.address());
    for number in 10_000..15_000 {
        buyers.send(&create(number, unix_ms()));
        buyers.hear().unwrap();
    }
    let mut previous = 0;
    for _ in 0..10_000 {
        let event = client.wait(all.next()).unwrap();
        assert_eq!(event.previous, previous);
        previous = event.position;
    }
    let too_far = client.wait(client.subscribe(EventFilter::ALL, StartAt::Behind(u64::MAX)).next());
    assert!(matches!(too_far, Err(Error::Refused(refused)) if refused.status == Status::InvalidField));
}

#[test]
fn admin_prints_events_as_lines_of_json() {
    let server = shop(TIDEGATE, &[]);
    let client = Client::connect(server.address()).unwrap();
    let order = client.wait(client.create(UserId(7), PRICE).line(SkuId(1), 1)).unwrap().order;
    let run = |flags: &[&str]| {
        let output = server.run(&[&["admin", "events"], flags].concat());
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, lines, _) = run(&["--from", "0", "--type", "OrderCreated", "--user", "7", "--limit", "1"]);
    assert_eq!((code, lines.lines().count()), (Some(0), 1));
    assert!(
        lines.contains(r#""event":"OrderCreated""#) && lines.contains(&format!(r#""order":"{order}""#)),
        "{lines}"
    );
    // A named cursor goes on where the last run ended.
    let (_, first, _) = run(&["--from", "cursor:people", "--limit", "2"]);
    let (_, second, _) = run(&["--from", "cursor:people", "--limit", "2"]);
    assert!(first.contains(r#""position":1,"#) && second.contains(r#""position":3,"#), "{first}{second}");
    for (flags, told) in [
        (["--from", "0", "--type", "OrderCreate"], "did you mean «OrderCreated»?"),
        (["--from", "then", "--limit", "1"], "nowhere to begin"),
    ] {
        let (code, _, wrong) = run(&flags);
        assert!(code == Some(2) && wrong.contains(told), "{code:?} {wrong}");
    }
}

#[test]
fn refusals_are_told_to_who_listens_now_and_to_nobody_else() {
    let server = shop(TIDEGATE, &[]);
    let client = Client::connect(server.address()).unwrap();
    client.wait(client.sku_put(SkuId(9), PRICE)).unwrap();
    let refusals = EventType::StockReserveFailed.bit();
    let mut everything = Feed::open(&server, EVERYTHING);
    everything.take(5);
    let sold_out = |user: u64, units: u32| {
        let total = Money::new(19_99 * i64::from(units + 1), Currency::EUR);
        let basket = client.create(UserId(user), total).line(SkuId(1), 1).line(SkuId(9), units);
        assert!(matches!(client.wait(basket), Err(Error::Refused(_))));
    };
    // Before somebody listens, and not told later either.
    sold_out(1, 1);
    let mut listener = Feed::open(&server, SubscribeHead { types: refusals, from: 0, ..EVERYTHING });
    let mut of_one = Feed::open(&server, SubscribeHead { types: refusals, user: 3, from: 0, ..EVERYTHING });
    let mut both =
        Feed::open(&server, SubscribeHead { types: refusals | EventType::OrderCreated.bit(), ..EVERYTHING });
    // With their first heartbeat all of them are heard of.
    for feed in [&mut listener, &mut of_one, &mut both] {
        assert_eq!(feed.next_frame().len(), 0);
    }
    let at = listener.through;
    sold_out(2, 7);
    sold_out(3, 8);
    let told_live = listener.take(2);
    let brief =
        |event: &Event| (event.event, event.user, event.sku, event.units, event.reason, event.position);
    let kind = EventType::StockReserveFailed.number();
    assert_eq!(
        told_live.iter().map(brief).collect::<Vec<_>>(),
        [(kind, 2, 9, 7, 1, at), (kind, 3, 9, 8, 1, at)]
    );
    assert!(told_live.iter().all(|event| event.request != 0 && event.schema == 1 && event.previous == at));
    assert_eq!(of_one.take(1)[0].user, 3);
    let mut seen = both.take(2);
    let order = client.wait(client.create(UserId(4), PRICE).line(SkuId(1), 1)).unwrap().order.0;
    seen.extend(both.take(1));
    assert_eq!(seen.iter().map(|event| event.user).collect::<Vec<_>>(), [2, 3, 4], "facts go on as ever");
    assert_eq!(seen[2].order, order);
    assert_eq!(told_types(&everything.take(2)), [EventType::OrderCreated, EventType::StockReserved]);

    // An item of a BATCH is an ask like any other.
    let item = |user: u64, sku: u64| BatchOrder {
        request: client.new_request_id(),
        asked_before: false,
        user: UserId(user),
        sku: SkuId(sku),
        warehouse: None,
        quantity: 1,
        total: PRICE,
    };
    client.wait(client.batch(vec![item(5, 9), item(6, 1), item(7, 9)])).unwrap();
    let users = |events: Vec<Event>| events.iter().map(|event| event.user).collect::<Vec<_>>();
    assert_eq!(users(listener.take(2)), [5, 7]);
    let at = at + 4;

    // A flood is sampled.
    let mut buyers = Wire::connect(server.address());
    for number in 0..5_000 {
        let head = CreateHead {
            request: u128::from(unix_ms()) << 80 | u128::from(number),
            user: number + 1,
            hold: 0,
            coupons: protocol::structs::Coupons::NONE,
            total: 19_99,
            currency: 978,
            client_bytes: 0,
        };
        let line = AskedLine { sku: 9, warehouse: 0, quantity: 1 };
        buyers.send(&frame::<messages::Create>(number, &head, &[line]));
        assert_eq!(buyers.hear().unwrap().status(), Some(Status::SoldOut));
    }
    let mut sampled = 0;
    let flooded = Instant::now();
    while flooded.elapsed() < Duration::from_secs(2) {
        sampled += listener.next_frame().len();
    }
    assert!((1..4_000).contains(&sampled), "{sampled} of 5,000 in some seconds");
    let durable = Feed::open(&server, SubscribeHead { from: 0, ..EVERYTHING }).through;
    assert_eq!(durable, at, "nothing of it is on disk");
}

fn told_types(events: &[Event]) -> Vec<EventType> {
    told(events).into_iter().map(|(event, _)| event).collect()
}
