//! The client against a server that does what the test says: each test is a script of both sides.

mod fake;

use std::time::Duration;

use fake::{Fake, Peer, brief, create_head, expired};
use protocol::{Flags, Kind, Status};
use tidegate_sdk::{
    Builder, Cause, Client, Currency, Error, MicrosUtc, Money, OrderId, Refused, RequestId, SkuId, State,
    UserId, Violation,
};
use tokio::task::JoinHandle;

const PRICE: Money = Money::new(19_99, Currency::EUR);

/// A client with one connection, so that the script knows where the next frame comes.
fn one_connection(fake: &Fake) -> Builder {
    Client::builder(fake.address()).connections(1).deadline(Duration::from_secs(60))
}

/// Orders one unit of sku 1 for this user, in a task of its own.
fn order(client: &Client, user: u64) -> JoinHandle<Result<tidegate_sdk::OrderBrief, Error>> {
    tokio::spawn(client.create(UserId(user), PRICE).line(SkuId(1), 1).into_future())
}

/// For what has spans of some 100 ms in it: a machine that stands still for longer than that looks like a server that
/// is too late, and does so in one try; what is wrong in the client is so in all.
async fn once_in_three_tries<T: Future<Output = ()> + Send + 'static>(mut test: impl FnMut() -> T) {
    for _ in 0..2 {
        if tokio::spawn(test()).await.is_ok() {
            return;
        }
    }
    test().await;
}

#[tokio::test]
async fn answers_in_any_order_find_their_askers() {
    let mut fake = Fake::start().await;
    let client = one_connection(&fake).build();
    let asked: Vec<_> = (1..=3).map(|user| order(&client, user)).collect();
    let mut peer = fake.accept().await;
    let mut requests = vec![peer.next().await, peer.next().await, peer.next().await];
    requests.reverse();
    for request in &requests {
        peer.answer_create(request, brief(create_head(request).user)).await;
    }
    for (user, asked) in (1..).zip(asked) {
        let placed = asked.await.unwrap().unwrap();
        assert_eq!(
            (placed.user, placed.order, placed.state),
            (UserId(user), OrderId(user), State::PendingPayment)
        );
        assert_eq!(placed.total, PRICE);
    }
}

#[tokio::test]
async fn a_lost_connection_is_asked_again_with_the_same_id_and_the_flag() {
    let mut fake = Fake::start().await;
    let client = one_connection(&fake).build();
    let asked = order(&client, 7);
    let mut peer = fake.accept().await;
    let first = peer.next().await;
    assert_eq!(first.header.flags, Flags::NONE);
    drop(peer); // after it was asked, before it answered

    let mut peer = fake.accept().await;
    let second = peer.next().await;
    assert_eq!(second.header.flags, Flags::ASKED_BEFORE);
    assert_eq!(second.body, first.body, "same request id, same body");
    peer.answer_create(&second, brief(7)).await;
    assert_eq!(asked.await.unwrap().unwrap().order, OrderId(7));
}

#[tokio::test]
async fn what_nobody_can_tell_is_asked_again_and_what_stays_so_is_said() {
    once_in_three_tries(|| async {
        let mut fake = Fake::start().await;
        let client = one_connection(&fake).build();

        let asked = order(&client, 7);
        let mut peer = fake.accept().await;
        let first = peer.next().await;
        peer.refuse(&first, Status::OutcomeUnknown, 0).await;
        let second = peer.next().await;
        assert_eq!((second.header.flags, &second.body), (Flags::ASKED_BEFORE, &first.body));
        peer.answer_create(&second, brief(7)).await;
        assert!(asked.await.unwrap().is_ok());

        let request = client.new_request_id();
        let create = client.create(UserId(8), PRICE).line(SkuId(1), 1).request_id(request);
        let asked = tokio::spawn(create.deadline(Duration::from_millis(200)).into_future());
        let sent = peer.next().await;
        assert_eq!(create_head(&sent).request, request.0);
        assert!((1..=200).contains(&sent.header.time_ms), "the server is told what time is left");
        // No answer: the deadline ends it, and the id comes back.
        let unknown = Error::OutcomeUnknown { request, cause: Cause::Deadline };
        assert_eq!(asked.await.unwrap(), Err(unknown));

        // Somebody asks again, later: the flag is set on the first frame already.
        let asked =
            tokio::spawn(client.create(UserId(8), PRICE).line(SkuId(1), 1).again(request).into_future());
        let again = peer.next().await;
        assert_eq!((again.header.flags, &again.body), (Flags::ASKED_BEFORE, &sent.body));
        peer.answer_create(&again, brief(8)).await;
        assert!(asked.await.unwrap().is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_read_is_never_unknown() {
    once_in_three_tries(|| async {
        let mut fake = Fake::start().await;
        let client = one_connection(&fake).build();
        let asked = tokio::spawn(
            client.get(UserId(7), OrderId(9)).deadline(Duration::from_millis(100)).into_future(),
        );
        let mut peer = fake.accept().await;
        let sent = peer.next().await;
        assert_eq!(sent.header.kind.known(), Some(Kind::Get));
        let too_late = Error::TryAgain { cause: Cause::Deadline, retry_after: Duration::ZERO };
        assert_eq!(asked.await.unwrap(), Err(too_late));
    })
    .await;
}

#[tokio::test]
async fn overloaded_is_asked_again_after_the_time_named() {
    let mut fake = Fake::start().await;
    let client = one_connection(&fake).build();
    let asked = order(&client, 7);
    let mut peer = fake.accept().await;
    let first = peer.next().await;
    let told = tokio::time::Instant::now();
    peer.refuse(&first, Status::Overloaded, 80).await;
    let second = peer.next().await;
    assert!(told.elapsed() >= Duration::from_millis(80));
    assert_eq!((second.header.flags, &second.body), (Flags::ASKED_BEFORE, &first.body));
    peer.refuse(&second, Status::Overloaded, 600_000).await;
    // Past the deadline: no use to wait. Nothing was done, so the outcome is known.
    let cause = Cause::Status(Status::Overloaded);
    assert_eq!(asked.await.unwrap(), Err(Error::TryAgain { cause, retry_after: Duration::from_secs(600) }));
}

#[tokio::test]
async fn a_refusal_says_which_line_and_how_much() {
    let mut fake = Fake::start().await;
    let client = one_connection(&fake).build();
    let asked = order(&client, 7);
    let mut peer = fake.accept().await;
    let sent = peer.next().await;
    let refusal = protocol::structs::Refusal { line: 2, asked: 3, there: 1 };
    peer.refuse_with(&sent, Status::InsufficientStock, 0, refusal).await;
    let refused = Refused { status: Status::InsufficientStock, line: Some(2), asked: 3, there: 1 };
    assert_eq!(asked.await.unwrap(), Err(Error::Refused(refused)));
}

#[tokio::test]
async fn request_ids_follow_the_servers_clock() {
    let mut fake = Fake::start().await;
    let ms = |request: u128| (request >> 80) as i64;
    let hello_ms = 1_800_000_000_000;
    fake.server_time = MicrosUtc(hello_ms * 1_000);
    let client = one_connection(&fake).build();

    // The id was made before the first HELLO, with the clock of this machine: the server calls it expired.
    let asked = order(&client, 7);
    let mut peer = fake.accept().await;
    let first = peer.next().await;
    let true_ms = 1_900_000_000_000;
    peer.refuse_with(&first, Status::RequestIdExpired, 0, expired(true_ms * 1_000)).await;
    let second = peer.next().await;
    let (old, new) = (create_head(&first).request, create_head(&second).request);
    assert!((true_ms..true_ms + 60_000).contains(&ms(new)), "a new id, made with the server's time");
    assert_ne!(old, new);
    assert_eq!(second.header.flags, Flags::NONE, "the new id was never sent");
    peer.refuse_with(&second, Status::RequestIdExpired, 0, expired(true_ms * 1_000)).await;
    let end = asked.await.unwrap().unwrap_err();
    assert_eq!(end.refused(), Some(Status::RequestIdExpired), "once is enough");

    drop(peer);
    let asked = order(&client, 7);
    let mut peer = fake.accept().await;
    let first = peer.next().await;
    // The id of an order that may have been made is never replaced.
    peer.refuse(&first, Status::OutcomeUnknown, 0).await;
    let second = peer.next().await;
    peer.refuse_with(&second, Status::RequestIdExpired, 0, expired(true_ms * 1_000)).await;
    let request = RequestId(create_head(&first).request);
    let cause = Cause::Status(Status::RequestIdExpired);
    assert_eq!(asked.await.unwrap(), Err(Error::OutcomeUnknown { request, cause }));
}

#[tokio::test]
async fn goaway_ends_the_session_but_not_its_requests() {
    let mut fake = Fake::start().await;
    let client = one_connection(&fake).build();
    let (before, marker) = (order(&client, 1), order(&client, 9));
    let mut old = fake.accept().await;
    let sent = [old.next().await, old.next().await];
    let of = |user| sent.iter().find(|sent| create_head(sent).user == user).unwrap();
    old.goaway().await;
    old.answer_create(of(9), brief(9)).await;
    assert!(marker.await.unwrap().is_ok(), "it came behind GOAWAY, so that was heard, too");

    let after = order(&client, 2);
    let mut new = fake.accept().await;
    let sent_after = new.next().await;
    assert_eq!(create_head(&sent_after).user, 2);
    new.answer_create(&sent_after, brief(2)).await;
    assert!(after.await.unwrap().is_ok());
    old.answer_create(of(1), brief(1)).await;
    assert!(before.await.unwrap().is_ok(), "what it took, it still answers");
}

#[tokio::test]
async fn going_away_as_an_answer_sends_the_request_elsewhere() {
    let mut fake = Fake::start().await;
    let client = one_connection(&fake).build();
    let asked = order(&client, 7);
    let mut peer = fake.accept().await;
    let first = peer.next().await;
    peer.refuse(&first, Status::GoingAway, 0).await;
    let mut peer = fake.accept().await;
    let second = peer.next().await;
    assert_eq!((second.header.flags, &second.body), (Flags::ASKED_BEFORE, &first.body));
    peer.answer_create(&second, brief(7)).await;
    assert!(asked.await.unwrap().is_ok());
}

#[tokio::test]
async fn garbage_is_a_violation_and_hides_no_outcome() {
    let answers: [&[u8]; 3] = [b"HTTP/1.1 400 Bad Request\r\n\r\n", &[0xFF; 64], &[0; 48]];
    for garbage in answers {
        let mut fake = Fake::start().await;
        let client = one_connection(&fake).build();
        let changing = order(&client, 7);
        let mut peer = fake.accept().await;
        let sent = peer.next().await;
        peer.raw(garbage).await;
        let violation = Violation::Server("what it sends are no frames");
        let request = RequestId(create_head(&sent).request);
        let cause = Cause::Violation(violation.clone());
        assert_eq!(changing.await.unwrap(), Err(Error::OutcomeUnknown { request, cause }));

        let reading = tokio::spawn(client.get(UserId(7), OrderId(9)).into_future());
        let mut peer = fake.accept().await;
        peer.next().await;
        peer.raw(garbage).await;
        assert_eq!(reading.await.unwrap(), Err(Error::Violation(violation)));
    }
}

#[tokio::test]
async fn answers_that_no_server_gives_are_violations() {
    let mut fake = Fake::start().await;
    let client = one_connection(&fake).build();
    // The right correlation, another kind's answer.
    let asked = tokio::spawn(client.get(UserId(7), OrderId(9)).into_future());
    let mut peer = fake.accept().await;
    let sent = peer.next().await;
    peer.answer_create(&sent, brief(7)).await;
    let unreadable = Error::Violation(Violation::Server("an answer that cannot be read"));
    assert_eq!(asked.await.unwrap(), Err(unreadable));

    // An answer to what nobody asked ends the connection.
    let asked = tokio::spawn(client.get(UserId(7), OrderId(9)).into_future());
    let mut sent = peer.next().await;
    sent.header.correlation += 1_000;
    peer.answer_create(&sent, brief(7)).await;
    let unasked = Error::Violation(Violation::Server("an answer to what nobody asked"));
    assert_eq!(asked.await.unwrap(), Err(unasked));
}

#[tokio::test]
async fn a_server_that_does_not_want_us_is_told_apart_from_one_that_is_not_there() {
    let mut fake = Fake::start().await;
    let client = one_connection(&fake).build();
    let asked = order(&client, 7);
    fake.accept_and_refuse(Status::UnsupportedVersion).await;
    let session = Error::Violation(Violation::Session(Status::UnsupportedVersion));
    assert_eq!(asked.await.unwrap(), Err(session));

    let address = fake.address();
    drop(fake);
    let gone = Client::builder(address).deadline(Duration::from_millis(200)).build();
    match gone.ping().await {
        Err(Error::TryAgain { cause: Cause::Unreachable(_), .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_in_flight_cap_makes_others_wait_and_a_dropped_request_keeps_its_place() {
    let mut fake = Fake::start().await;
    fake.in_flight_max = 2; // below what the client would like
    let client = one_connection(&fake).in_flight_max(100).build();
    let (first, second, third) = (order(&client, 1), order(&client, 2), order(&client, 3));
    let mut peer = fake.accept().await;
    let sent = [peer.next().await, peer.next().await];
    assert!(peer.is_quiet_for(Duration::from_millis(100)).await, "the third waits for a place");

    // Whoever gives up leaves its place taken until the answer comes: for the server it is in flight.
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert!(peer.is_quiet_for(Duration::from_millis(100)).await);
    let of_first = sent.iter().find(|sent| create_head(sent).user == 1).unwrap();
    peer.answer_create(of_first, brief(1)).await;
    let sent_third = peer.next().await;
    assert_eq!(create_head(&sent_third).user, 3);

    let of_second = sent.iter().find(|sent| create_head(sent).user == 2).unwrap();
    peer.answer_create(&sent_third, brief(3)).await;
    peer.answer_create(of_second, brief(2)).await;
    assert!(second.await.unwrap().is_ok() && third.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_silent_server_is_taken_for_gone() {
    once_in_three_tries(|| async {
        let mut fake = Fake::start().await;
        let client = one_connection(&fake).silence_max(Duration::from_millis(150)).build();
        let asked = order(&client, 7);
        let mut silent = fake.accept().await;
        let first = silent.next().await;
        let mut peer = fake.accept().await;
        let second = peer.next().await;
        assert_eq!((second.header.flags, &second.body), (Flags::ASKED_BEFORE, &first.body));
        peer.answer_create(&second, brief(7)).await;
        assert!(asked.await.unwrap().is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_slow_answer_is_not_silence() {
    once_in_three_tries(|| async {
        let mut fake = Fake::start().await;
        let client = one_connection(&fake).silence_max(Duration::from_millis(400)).build();
        let asked = order(&client, 7);
        let mut peer = fake.accept().await;
        let sent = peer.next().await;
        for _ in 0..3 {
            let ping = peer.next().await;
            assert_eq!(
                ping.header.kind.known(),
                Some(Kind::Ping),
                "asked whether it is there, at half the time"
            );
            peer.answer_ping(&ping, MicrosUtc(0)).await;
        }
        peer.answer_create(&sent, brief(7)).await;
        assert!(asked.await.unwrap().is_ok(), "600 ms later, on the same connection");
    })
    .await;
}

#[tokio::test]
async fn retries_end_with_the_budget() {
    let mut fake = Fake::start().await;
    let client = one_connection(&fake).retry_burst(2).build();
    let asked = order(&client, 7);
    let mut peer = fake.accept().await;
    for _ in 0..3 {
        let sent = peer.next().await;
        peer.refuse(&sent, Status::Overloaded, 0).await;
    }
    let cause = Cause::Status(Status::Overloaded);
    assert_eq!(asked.await.unwrap(), Err(Error::TryAgain { cause, retry_after: Duration::ZERO }));
    assert!(peer.is_quiet_for(Duration::from_millis(100)).await, "three asks, not more");
}

#[tokio::test]
async fn what_cannot_be_framed_is_said_at_once() {
    let fake = Fake::start().await;
    let client = one_connection(&fake).build();
    let none = client.create(UserId(7), PRICE).await;
    assert_eq!(none, Err(Error::Violation(Violation::Unsendable(protocol::Unencodable::Items))));
    let too_many = (1..=257).fold(client.create(UserId(7), PRICE), |create, sku| create.line(SkuId(sku), 1));
    assert_eq!(too_many.await, Err(Error::Violation(Violation::Unsendable(protocol::Unencodable::Items))));
    let too_long = client.create(UserId(7), PRICE).line(SkuId(1), 1).client_bytes(vec![0; 1_025]);
    assert_eq!(too_long.await, Err(Error::Violation(Violation::Unsendable(protocol::Unencodable::Tail))));
}

#[tokio::test]
async fn answers_survive_any_cut_into_segments() {
    let mut fake = Fake::start().await;
    let client = one_connection(&fake).build();
    let asked: Vec<_> = (1..=10).map(|user| order(&client, user)).collect();
    let mut peer = fake.accept().await;
    let mut bytes = Vec::new();
    for _ in 0..10 {
        let sent = peer.next().await;
        bytes.extend(Peer::create_answer(&sent, brief(create_head(&sent).user)));
    }
    // A first byte alone, then odd pieces across the borders of frames.
    for piece in bytes.chunks(7) {
        peer.raw(piece).await;
        tokio::task::yield_now().await;
    }
    for asked in asked {
        assert!(asked.await.unwrap().is_ok());
    }
}

#[test]
fn the_blocking_face_is_the_same_client() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut fake = runtime.block_on(Fake::start());
    let builder = one_connection(&fake);
    let server = std::thread::spawn(move || {
        runtime.block_on(async {
            let mut peer = fake.accept().await;
            let ping = peer.next().await;
            peer.answer_ping(&ping, MicrosUtc(5)).await;
            let create = peer.next().await;
            peer.answer_create(&create, brief(7)).await;
        });
    });
    let client = tidegate_sdk::blocking::Client::connect_with(builder).unwrap();
    let placed = client.wait(client.create(UserId(7), PRICE).line(SkuId(1), 1)).unwrap();
    assert_eq!(placed.order, OrderId(7));
    server.join().unwrap();
}
