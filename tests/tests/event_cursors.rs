//! Cursors: a subscriber that comes back, after whatever happened, goes on exactly where it was; or is told that it
//! cannot.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use std::fs;

use e2e::feed::{EVERYTHING, FEED, Feed, shop};
use e2e::wire::{Wire, create, frame, unix_ms};
use protocol::structs::{AckAnswerHead, AckHead, Event, OrderBrief, Refusal, SubscribeHead};
use protocol::{EventType, Kind, KindCode, Plain, Status, messages};

const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");

const CURSOR: AckHead = AckHead {
    cursor: text_of_cursor(),
    position: 0,
    subscription: 0,
    credit_events: 0,
    credit_bytes: 0,
    partition: 0,
    forget: false,
};

const fn text_of_cursor() -> [u8; 32] {
    let mut padded = [0; 32];
    padded[0] = b'w';
    padded
}

/// What ACK of this is answered.
fn acked(wire: &mut Wire, head: &AckHead) -> Result<u64, Status> {
    wire.send(&frame::<messages::Ack>(9, head, &[]));
    loop {
        let heard = wire.hear().unwrap();
        if heard.header.correlation == 9 {
            return match heard.status() {
                None => Ok(AckAnswerHead::read(&heard.body).unwrap().position),
                Some(status) => Err(status),
            };
        }
    }
}

#[test]
fn a_named_cursor_survives_restarts_and_moves_only_on() {
    let mut server = shop(TIDEGATE, &[]);
    let mut wire = Wire::connect(server.address());
    let named = SubscribeHead { from: 2, cursor: CURSOR.cursor, ..EVERYTHING };
    let mut from_the_first = Feed::open(&server, named);
    assert_eq!(from_the_first.through, 0, "a new name begins behind 0");
    assert_eq!(from_the_first.take(4)[0].position, 1);

    assert_eq!(acked(&mut wire, &AckHead { position: 3, ..CURSOR }), Ok(3));
    assert_eq!(acked(&mut wire, &AckHead { position: 2, ..CURSOR }), Ok(3), "it never moves back");
    for round in 0..3 {
        server.kill();
        server.restart();
        wire = Wire::connect(server.address());
        let mut feed = Feed::open(&server, named);
        assert_eq!((feed.through, feed.take(1)[0].position), (3, 4), "round {round}");
        assert_eq!(acked(&mut wire, &AckHead { position: 0, ..CURSOR }), Ok(3));
    }
    // Moving it is no event: whoever sees everything sees nothing of it, but the position moves on.
    let end = Feed::open(&server, SubscribeHead { from: 0, ..EVERYTHING }).through;
    assert_eq!(acked(&mut wire, &AckHead { position: 4, ..CURSOR }), Ok(4));
    let mut behind = Feed::open(&server, SubscribeHead { position: end, ..EVERYTHING });
    while behind.through == end {
        assert_eq!(behind.next_frame().len(), 0);
    }

    let nonsense = [
        (AckHead { position: u64::MAX, ..CURSOR }, "beyond the end"),
        (AckHead { cursor: [0xFF; 32], ..CURSOR }, "a name that is no text"),
        (AckHead { cursor: [0; 32], position: 1, ..CURSOR }, "a position without a name"),
        (AckHead { cursor: [0; 32], forget: true, ..CURSOR }, "nothing to forget"),
        (AckHead { partition: 1, ..CURSOR }, "a partition that is not there"),
        (AckHead { credit_events: 1, ..CURSOR }, "credit for nothing"),
    ];
    for (head, what) in nonsense {
        assert_eq!(acked(&mut wire, &head), Err(Status::InvalidField), "{what}");
    }
    assert_eq!(acked(&mut wire, &AckHead { forget: true, ..CURSOR }), Ok(0));
    assert_eq!(Feed::open(&server, named).through, 0, "forgotten");
    let audit = server.run(&["audit", "--target", server.address()]);
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
}

/// Makes so many orders, and says which.
fn buy(wire: &mut Wire, numbers: std::ops::Range<u64>) -> Vec<u64> {
    let mut orders = Vec::new();
    for first in numbers.clone().step_by(500) {
        let piece = first..numbers.end.min(first + 500);
        let asked: Vec<u8> = piece.clone().flat_map(|number| create(number, unix_ms())).collect();
        wire.send(&asked);
        orders.extend(piece.map(|_| {
            let heard = wire.hear().unwrap();
            assert_eq!(heard.status(), None);
            OrderBrief::read(&heard.body).unwrap().order
        }));
    }
    orders
}

fn created(events: &[Event]) -> Vec<u64> {
    let created = events.iter().filter(|event| event.event == EventType::OrderCreated.number());
    created.map(|event| event.order).collect()
}

#[test]
fn a_subscriber_that_vanishes_comes_back_after_a_restart_to_what_it_had_not_acknowledged() {
    let mut server = shop(TIDEGATE, &[]);
    let named = SubscribeHead { from: 2, cursor: CURSOR.cursor, ..EVERYTHING };
    let mut feed = Feed::open(&server, named);
    let mut orders = buy(&mut Wire::connect(server.address()), 0..2_000);
    // It takes some, acknowledges a part of them on its own connection, and is gone without a word.
    let seen = feed.take(1_500);
    let acknowledged = seen[700].position;
    feed.wire.send(&frame::<messages::Ack>(9, &AckHead { position: acknowledged, ..CURSOR }, &[]));
    while feed.wire.hear().unwrap().header.kind != KindCode::from(Kind::Ack).answer() {}
    drop(feed);
    orders.extend(buy(&mut Wire::connect(server.address()), 2_000..3_000));
    server.kill();
    server.restart();
    orders.extend(buy(&mut Wire::connect(server.address()), 3_000..3_500));

    let mut back = Feed::open(&server, named);
    assert_eq!(back.through, acknowledged, "behind what it acknowledged, not behind what it was sent");
    let again = back.take(1);
    assert_eq!(again[0].position, acknowledged + 1, "at least once: what came in between comes again");
    let before: Vec<Event> = seen.into_iter().filter(|event| event.position <= acknowledged).collect();
    let mut all = created(&before);
    all.extend(created(&again));
    while all.len() < orders.len() {
        all.extend(created(&back.next_frame()));
    }
    assert_eq!(all, orders, "and nothing is missing");
    let audit = server.run(&["audit", "--target", server.address()]);
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
}

#[test]
fn a_cursor_behind_what_is_kept_is_told_so_and_where_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("tidegate.toml");
    fs::write(&config, "[journal]\nsegment_bytes = 1048576\ngroup_bytes = 65536\n").unwrap();
    let server = shop(TIDEGATE, &["--config", config.to_str().unwrap()]);
    let mut orders = buy(&mut Wire::connect(server.address()), 0..5_000);
    let mut behind = Feed::open(&server, SubscribeHead { credit_events: 10, ..EVERYTHING });
    assert_eq!(behind.take(10).len(), 10);
    orders.extend(buy(&mut Wire::connect(server.address()), 5_000..25_000));
    let end = Feed::open(&server, SubscribeHead { from: 0, ..EVERYTHING }).through;

    // As `on_expiry = "delete"` does it, only all at once.
    let mut segments: Vec<_> = fs::read_dir(server.data())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "journal"))
        .collect();
    segments.sort();
    assert!(segments.len() >= 4, "{segments:?}");
    segments[..2].iter().for_each(|segment| fs::remove_file(segment).unwrap());

    let too_old = |head: SubscribeHead| {
        let mut feed = Feed::open(&server, head);
        loop {
            // What the server still has at hand may come, without a gap as ever; then it says what is gone.
            match feed.try_frame() {
                Ok(events) => assert!(!events.is_empty(), "it says so at once"),
                Err(heard) => {
                    assert_eq!(heard.status(), Some(Status::CursorTooOld));
                    let Refusal { asked, there, .. } = Refusal::read(&heard.body).unwrap();
                    assert_eq!(
                        asked.cast_unsigned(),
                        feed.through,
                        "the cursor that nothing is known behind"
                    );
                    return there.cast_unsigned();
                }
            }
        }
    };
    let oldest = too_old(EVERYTHING);
    assert!(oldest > 0 && oldest < end, "{oldest} of {end}");
    assert_eq!(too_old(SubscribeHead { position: 4_000, ..EVERYTHING }), oldest);
    assert_eq!(too_old(SubscribeHead { from: 2, cursor: CURSOR.cursor, ..EVERYTHING }), oldest);

    // From where it says, everything is there.
    let mut kept = Feed::open(&server, SubscribeHead { position: oldest, ..EVERYTHING });
    let mut seen = Vec::new();
    while kept.through < end {
        seen.extend(created(&kept.next_frame()));
    }
    assert!(seen.len() > 1_000 && orders.ends_with(&seen), "{} of {}", seen.len(), orders.len());
    // One that was on its way is told, too, and not left to wait.
    let more = AckHead {
        cursor: [0; 32],
        subscription: FEED,
        credit_events: u32::MAX,
        credit_bytes: 1 << 30,
        ..CURSOR
    };
    behind.wire.send(&frame::<messages::Ack>(2, &more, &[]));
    let told = std::iter::from_fn(|| behind.wire.hear()).find_map(|heard| heard.status());
    assert_eq!(told, Some(Status::CursorTooOld));
}
