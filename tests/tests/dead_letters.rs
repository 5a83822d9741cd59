//! Dead letters: what a subscriber cannot take does not hold it up, is not lost, and comes again when somebody
//! says so; to it alone.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use std::fs;

use e2e::feed::{EVERYTHING, Feed, PRICE, shop};
use e2e::wire::{Wire, frame, unix_ms};
use protocol::structs::{AckHead, DeadLetter, DeadLettersAnswerHead, DeadLettersHead, SubscribeHead};
use protocol::{EventType, Kind, KindCode, Status, messages, parse, text};
use tidegate_sdk::{Error, EventFilter, SkuId, StartAt, UserId, blocking::Client};

const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");
const READ: u8 = 0;
const PARK: u8 = 1;
const RETRY: u8 = 2;
const DROP: u8 = 3;

/// Asks for something about a letter; the answer's head and items, or why not.
fn letters(wire: &mut Wire, head: &DeadLettersHead) -> Result<(u64, Vec<DeadLetter>), Status> {
    wire.send(&frame::<messages::DeadLetters>(9, head, &[]));
    let heard = wire.hear().unwrap();
    assert_eq!(heard.header.kind, KindCode::from(Kind::DeadLetters).answer());
    match heard.status() {
        Some(status) => Err(status),
        None => {
            let parsed = parse::<messages::DeadLettersAnswer>(&heard.header, &heard.body).unwrap();
            let DeadLettersAnswerHead { parked, more } = parsed.head;
            assert!(!more);
            Ok((parked, parsed.items.iter().collect()))
        }
    }
}

const NOTHING: DeadLettersHead = DeadLettersHead {
    request: 0,
    subscriber: [0; 32],
    reason: [0; 64],
    position: 0,
    partition: 0,
    limit: 0,
    action: READ,
};

fn change(number: u128, action: u8, subscriber: &str, position: u64) -> DeadLettersHead {
    let request = u128::from(unix_ms()) << 80 | number;
    let reason = text(if action == PARK { "no such bin" } else { "" });
    DeadLettersHead { request, subscriber: text(subscriber), reason, position, action, ..NOTHING }
}

fn all() -> DeadLettersHead {
    DeadLettersHead { limit: 100, ..NOTHING }
}

fn named(name: &str, from: u8) -> SubscribeHead {
    SubscribeHead { cursor: text(name), from, ..EVERYTHING }
}

#[test]
fn a_retried_letter_comes_again_to_its_subscriber_alone_until_it_is_acknowledged() {
    let mut server = shop(TIDEGATE, &[]);
    let mut wire = Wire::connect(server.address());
    let mut bins = Feed::open(&server, named("bins", 2));
    let mut others = Feed::open(&server, named("others", 2));
    let mut nobody = Feed::open(&server, EVERYTHING);
    let first = bins.take(4)[1];
    for feed in [&mut others, &mut nobody] {
        feed.take(4);
    }
    assert_eq!(letters(&mut wire, &change(1, PARK, "bins", first.position)).unwrap().0, 1);
    server.kill();
    server.restart();
    wire = Wire::connect(server.address());
    let (parked, there) = letters(&mut wire, &all()).unwrap();
    assert_eq!((parked, there.len()), (1, 1), "parked for good");
    assert_eq!((there[0].subscriber, there[0].position), (text("bins"), first.position));
    assert_eq!(there[0].reason, text("no such bin"));

    let behind = |feed: &Feed, name| SubscribeHead { position: feed.through, ..named(name, 1) };
    let mut feeds = [
        Feed::open(&server, behind(&bins, "bins")),
        Feed::open(&server, behind(&others, "others")),
        Feed::open(&server, behind(&nobody, "")),
        // Whoever filters is told of what it parked all the same.
        Feed::open(&server, SubscribeHead { types: EventType::OrderCreated.bit(), ..behind(&bins, "bins") }),
    ];
    assert_eq!(letters(&mut wire, &change(2, RETRY, "bins", first.position)), Ok((0, vec![])));
    for told in [0, 3] {
        let again = feeds[told].take(1)[0];
        assert!(again.position > first.position && again.again == first.position, "{again:?}");
        let expected = protocol::structs::Event {
            position: again.position,
            previous: again.previous,
            again: first.position,
            ..first
        };
        assert_eq!(again, expected, "all else as it was");
    }
    let retried = feeds[0].through;
    for untold in [1, 2] {
        while feeds[untold].through < retried {
            assert_eq!(feeds[untold].next_frame().len(), 0, "it is not for them");
        }
    }
    // Not acknowledged: after a crash it comes again. Acknowledged: it does not.
    server.kill();
    server.restart();
    let mut bins = Feed::open(&server, named("bins", 2));
    let told = bins.take(5);
    assert_eq!((told[1].position, told[4].again), (first.position, first.position));
    let acked = AckHead {
        cursor: text("bins"),
        position: told[4].position,
        subscription: 0,
        credit_events: 0,
        credit_bytes: 0,
        partition: 0,
        forget: false,
    };
    let mut wire = Wire::connect(server.address());
    wire.send(&frame::<messages::Ack>(2, &acked, &[]));
    assert_eq!(wire.hear().unwrap().status(), None);
    let mut bins = Feed::open(&server, named("bins", 2));
    assert_eq!(bins.next_frame().len(), 0);

    // What was told again can be parked and told again, once more; and dropped.
    assert_eq!(letters(&mut wire, &change(3, PARK, "bins", told[4].position)).unwrap().0, 1);
    assert_eq!(letters(&mut wire, &change(4, RETRY, "bins", told[4].position)).unwrap().0, 0);
    let third = bins.take(1)[0];
    assert_eq!((third.again, third.sku, third.event), (told[4].position, first.sku, first.event));
    assert_eq!(letters(&mut wire, &change(5, PARK, "bins", third.position)).unwrap().0, 1);
    assert_eq!(letters(&mut wire, &change(6, DROP, "bins", third.position)).unwrap().0, 0);
    let audit = server.run(&["audit", "--target", server.address()]);
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
}

#[test]
fn a_full_list_of_letters_and_nonsense_are_answers() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("tidegate.toml");
    fs::write(&config, "[bounds]\ndead_letters = 2\n").unwrap();
    let server = shop(TIDEGATE, &["--config", config.to_str().unwrap()]);
    let mut wire = Wire::connect(server.address());
    assert_eq!(letters(&mut wire, &change(1, PARK, "a", 1)).unwrap().0, 1);
    let second = change(2, PARK, "b", 1);
    assert_eq!(letters(&mut wire, &second).unwrap().0, 2);
    assert_eq!(letters(&mut wire, &second).unwrap().0, 2, "the same request again");
    assert_eq!(letters(&mut wire, &change(3, PARK, "c", 1)), Err(Status::Overloaded));
    assert_eq!(
        letters(&mut wire, &DeadLettersHead { action: DROP, reason: [0; 64], ..second }),
        Err(Status::RequestIdReused)
    );

    let nonsense = [
        (DeadLettersHead { position: 0, ..change(4, PARK, "a", 0) }, "no position"),
        (change(5, PARK, "a", 1_000_000), "beyond the end"),
        (change(6, PARK, "a", u64::MAX), "far beyond the end"),
        (change(7, PARK, "", 1), "nobody"),
        (DeadLettersHead { reason: [0; 64], ..change(8, PARK, "a", 2) }, "no reason"),
        (DeadLettersHead { reason: [b'\n'; 64], ..change(9, PARK, "a", 2) }, "a reason that is no text"),
        (DeadLettersHead { subscriber: [0xFF; 32], ..change(10, PARK, "a", 2) }, "a name that is no text"),
        (DeadLettersHead { partition: 1, ..change(11, PARK, "a", 2) }, "a partition that is not there"),
        (DeadLettersHead { limit: 1, ..change(12, PARK, "a", 2) }, "a limit for nothing"),
        (DeadLettersHead { reason: text("why"), ..change(13, RETRY, "a", 1) }, "a reason for nothing"),
        (change(14, RETRY, "a", 2), "not parked"),
        (change(15, DROP, "z", 1), "not parked by that one"),
        (change(16, 4, "a", 1), "an action that is none"),
        (DeadLettersHead { limit: 0, ..all() }, "no letters"),
        (DeadLettersHead { limit: 101, ..all() }, "too many letters"),
        (DeadLettersHead { request: 1, ..all() }, "a request that changes nothing"),
        (DeadLettersHead { position: 1, ..all() }, "behind a letter of nobody"),
    ];
    for (head, what) in nonsense {
        assert_eq!(letters(&mut wire, &head), Err(Status::InvalidField), "{what}");
    }
    let late = DeadLettersHead { request: 1, ..change(0, PARK, "a", 2) };
    assert_eq!(letters(&mut wire, &late), Err(Status::RequestIdExpired));
    assert_eq!(letters(&mut wire, &change(17, DROP, "a", 1)).unwrap().0, 1);
    assert_eq!(letters(&mut wire, &change(18, PARK, "c", 1)).unwrap().0, 2, "an ended one makes room");
}

#[test]
fn the_sdk_parks_and_goes_on_and_admin_looks_retries_and_drops() {
    let server = shop(TIDEGATE, &[]);
    let client = Client::connect(server.address()).unwrap();
    for user in 1..=3 {
        client.wait(client.create(UserId(user), PRICE).line(SkuId(1), 1)).unwrap();
    }
    let filter = EventFilter::ALL.of_type(EventType::OrderCreated);
    let mut events = client.subscribe(filter, StartAt::Cursor("mail".into()));
    let mut parked = Vec::new();
    for user in 1..=3 {
        let event = client.wait(events.next()).unwrap();
        assert_eq!((event.user, event.again), (Some(UserId(user)), None));
        if user != 2 {
            client.wait(client.park_letter("mail", event.position, "no address")).unwrap();
            parked.push(event);
        }
    }
    let admin = |args: &[&str]| {
        let output = server.run(&[&["admin"], args].concat());
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, listed) = admin(&["dlq", "list"]);
    assert_eq!((code, listed.lines().count()), (Some(0), 3), "{listed}");
    assert!(listed.contains("mail") && listed.contains("no address"), "{listed}");
    let [first, third] = [&parked[0], &parked[1]].map(|event| event.position.to_string());
    assert_eq!(admin(&["dlq", "retry", "mail", &first]), (Some(0), "done; 1 parked now\n".into()));
    let again = client.wait(events.next()).unwrap();
    assert_eq!(
        (again.again, again.order, again.items),
        (Some(parked[0].position), parked[0].order, parked[0].items.clone())
    );
    assert_eq!(admin(&["dlq", "retry", "mail", &first]).0, Some(1), "it is not parked any more");
    assert_eq!(admin(&["dlq", "drop", "mail", &third]), (Some(0), "done; 0 parked now\n".into()));
    assert_eq!(admin(&["dlq", "list", "mail"]), (Some(0), "none\n".into()));
    let gone = client.wait(client.drop_letter("mail", parked[1].position));
    assert!(matches!(gone, Err(Error::Refused(refused)) if refused.status == Status::InvalidField));
    // More than a page.
    for position in 1..=8 {
        for of in 0..30 {
            client.wait(client.park_letter(format!("many-{of}"), position, "why not")).unwrap();
        }
    }
    let (_, json) = admin(&["--json", "dlq", "list"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["items"].as_array().unwrap().len(), 240);
    assert_eq!(admin(&["dlq", "list", "many-7"]).1.lines().count(), 9);
}
