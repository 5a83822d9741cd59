//! Every bound, filled: full is an answer, and what frees stock gets through.

mod support;

use domain::order::State;
use domain::verdict::OrderView;
use domain::{Micros, MicrosUtc, MinorUnits, RequestId, Verdict};
use handlers::{Bounds, Client, Rates, Taken};
use protocol::structs::*;
use protocol::{GatewayKey, Kind, KindCode, Nothing, Signed, Status, messages};
use support::*;

fn cancel() -> Vec<u8> {
    let head = CancelHead { request: 1, user: 9, order: 77, version: 0, why: 0 };
    frame::<messages::Cancel>(&head, &[], &[])
}

fn batch() -> Vec<u8> {
    let item = BatchItem {
        request: 1,
        user: 9,
        sku: 7,
        total: 500,
        warehouse: 0,
        quantity: 2,
        currency: 978,
        asked_before: false,
    };
    frame::<messages::Batch>(&Nothing, &[item, item], &[])
}

fn sku_get() -> Vec<u8> {
    frame::<messages::SkuGet>(&SkuGetHead { sku: 7 }, &[], &[])
}

#[test]
fn in_flight_a_connection() {
    let bounds = Bounds { connection_in_flight: 2, retry_after_ms: 33, ..Bounds::DEFAULT };
    let mut house = House::with(bounds, Rates::default(), FakeStore::new(4, 1, 64)).known();
    house.give(&create());
    house.give(&create());
    let heard = house.ask(&create());
    assert_eq!((heard.status(), heard.header.time_ms), (Some(Status::TooManyInFlight), 33));
    let other = Client { slot: 1, generation: 0 };
    house.greet(other);
    house.give_to(other, &create());
    assert_eq!(house.store().intents().len(), 3, "others are unharmed");
    house.store().answer(order());
    house.turn();
    assert_eq!(house.heard().len(), 1);
    house.give(&create());
    assert_eq!(house.heard(), [], "one was answered, one more is taken");
}

#[test]
fn in_flight_of_all_connections_with_a_share_for_what_frees_stock() {
    let bounds = Bounds { in_flight: 3, in_flight_reserved: 1, ..Bounds::DEFAULT };
    let mut house = House::with(bounds, Rates::default(), FakeStore::new(4, 1, 64)).known();
    house.give(&create());
    house.give(&create());
    assert_eq!(house.ask(&create()).status(), Some(Status::Overloaded));
    house.give(&cancel());
    assert_eq!(house.store().intents().len(), 3, "the cancel got through");
    assert_eq!(house.ask(&cancel()).status(), Some(Status::Overloaded), "until that is full, too");
}

#[test]
fn payments_have_the_reserved_share_while_creates_flood() {
    let bounds = Bounds { in_flight: 9, in_flight_reserved: 7, ..Bounds::DEFAULT };
    let mut house = House::with(bounds, Rates::default(), FakeStore::new(16, 1, 64)).known();
    house.give(&create());
    house.give(&create());
    let gets_through = |house: &mut House, payment: &[u8]| {
        assert_eq!(house.ask(&create()).status(), Some(Status::Overloaded));
        house.give(payment);
        assert_eq!(house.heard(), [], "a payment was refused");
    };
    let (request, user, payment) = (1, 9, 78);
    let open = PayOpenHead { request, user, order: 77, gateway: 3 };
    gets_through(&mut house, &frame::<messages::PayOpen>(&open, &[], &[]));
    let said = PayCallbackHead {
        payment,
        amount: 500,
        reference: 9,
        signed_at: NOW.0,
        currency: 978,
        gateway: 3,
        outcome: 1,
        signature_first: 0,
        signature_second: 0,
    };
    let key = GatewayKey::new(KEY);
    gets_through(&mut house, &frame::<messages::PayCallback>(&said.signed(&key), &[], &[]));
    gets_through(&mut house, &frame::<messages::PayGet>(&PayGetHead { user, order: 0, payment }, &[], &[]));
    gets_through(
        &mut house,
        &frame::<messages::PayClose>(&PayCloseHead { request, user, payment }, &[], &[]),
    );
    let refund = RefundHead { request, payment, amount: 1, why: 0 };
    gets_through(&mut house, &frame::<messages::Refund>(&refund, &[], &[]));
    let result = RefundResultHead {
        payment,
        amount: 1,
        signed_at: NOW.0,
        gateway: 3,
        number: 1,
        succeeded: true,
        signature_first: 0,
        signature_second: 0,
    };
    gets_through(&mut house, &frame::<messages::RefundResult>(&result.signed(&key), &[], &[]));
    let repair = RepairHead { request, order: 77, payment, version: 0, action: 1 };
    gets_through(&mut house, &frame::<messages::Repair>(&repair, &[], &[]));
    assert_eq!(house.store().intents().len(), 9);
}

#[test]
fn batches_to_the_store_with_a_share_for_what_frees_stock() {
    let mut house = House::new().known();
    house.store().keep_batches(4);
    assert_eq!(house.ask(&create()).status(), Some(Status::Overloaded));
    assert_eq!(house.ask(&sku_get()).status(), Some(Status::Overloaded));
    assert_eq!(
        house.ask(&frame::<messages::Prepare>(&prepare(), &[LINE], &[])).status(),
        Some(Status::Overloaded)
    );
    house.give(&cancel());
    assert!(house.store().intents()[0].starts_with("Cancel"));
    let item = house.ask(&batch()).read::<messages::BatchAnswer>().items.get(0).unwrap();
    assert_eq!(item.status, Status::Overloaded.code());
    house.store().keep_batches(0);
    assert_eq!(house.ask(&cancel()).status(), Some(Status::Overloaded));
}

fn prepare() -> PrepareHead {
    PrepareHead { request: 0, user: 9, coupons: Coupons::NONE, currency: 978, hold: false }
}

#[test]
fn a_full_batch_is_followed_by_the_next_and_the_order_stays() {
    let mut house = House::with(Bounds::DEFAULT, Rates::default(), FakeStore::new(4, 1, 2)).known();
    let mut bytes = Vec::new();
    for request in 1..=5 {
        bytes.extend(frame::<messages::Create>(&CreateHead { request, ..CREATE_HEAD }, &[LINE], &[]));
        bytes.extend(cancel());
    }
    house.give(&bytes);
    let asked: Vec<bool> = house.store().intents().iter().map(|it| it.starts_with("Create")).collect();
    assert_eq!(asked, [true, false].repeat(5));
}

#[test]
fn batches_under_way() {
    let bounds = Bounds { connection_batches: 1, batches: 2, ..Bounds::DEFAULT };
    let mut house = House::with(bounds, Rates::default(), FakeStore::new(8, 1, 64)).known();
    house.give(&batch());
    assert_eq!(house.ask(&batch()).status(), Some(Status::TooManyInFlight));
    for slot in 1..3 {
        house.greet(Client { slot, generation: 0 });
    }
    house.give_to(Client { slot: 1, generation: 0 }, &batch());
    let third = Client { slot: 2, generation: 0 };
    house.give_to(third, &batch());
    assert_eq!(house.heard_by(third)[0].status(), Some(Status::Overloaded));
    for _ in 0..4 {
        house.store().answer(order());
    }
    house.turn();
    assert_eq!(house.heard().len(), 1);
    house.give_to(third, &batch());
    assert_eq!(house.heard_by(third), [], "a place came free");
}

#[test]
fn a_client_that_does_not_read_is_not_asked_on_for_more() {
    let mut house = House::new().known();
    house.out.queued = Bounds::DEFAULT.connection_answer_bytes as usize + 1;
    assert_eq!(house.ask(&create()).status(), Some(Status::TooManyInFlight));
    house.out.queued = 0;
    let get = frame::<messages::Get>(&GetHead { request: 0, user: 9, order: 77 }, &[], &[]);
    house.give(&get);
    house.out.queued = 2 * Bounds::DEFAULT.connection_answer_bytes as usize;
    let Ok(Verdict::Order(brief)) = order() else { unreachable!("it is an order") };
    let view = OrderView {
        brief,
        request: RequestId(1),
        hold: 0,
        coupons: Vec::new(),
        discount: MinorUnits(0),
        freight: MinorUnits(0),
        lines: Vec::new(),
        client_bytes: Vec::new(),
    };
    house.store().answer(Ok(Verdict::OrderFound(Box::new(view))));
    house.turn();
    assert_eq!(house.heard()[0].status(), Some(Status::Overloaded), "a read can be asked again");
    assert_eq!(brief.state, State::PendingPayment);
}

#[test]
fn the_pace_of_a_user_and_of_a_connection() {
    let rates = Rates { user_per_s: 10, user_burst: 2, connection_per_s: 0, connection_burst: 0 };
    let mut house = House::with(Bounds::DEFAULT, rates, FakeStore::new(4, 1, 64)).known();
    house.give(&create());
    house.give(&create());
    let heard = house.ask(&create());
    assert_eq!((heard.status(), heard.header.time_ms), (Some(Status::RateLimited), 100));
    house.give(&cancel());
    house.give(&frame::<messages::Create>(&CreateHead { user: 10, ..CREATE_HEAD }, &[LINE], &[]));
    assert_eq!(house.store().intents().len(), 4, "cancels and other users pass");
    house.gateway.begin(MicrosUtc(NOW.0 + 100_000));
    house.give(&create());
    assert_eq!(house.store().intents().len(), 5, "a token came");

    let rates = Rates { user_per_s: 0, user_burst: 0, connection_per_s: 1, connection_burst: 3 };
    let mut house = House::with(Bounds::DEFAULT, rates, FakeStore::new(4, 1, 64)).known();
    house.give(&batch());
    house.give(&create());
    assert_eq!(house.ask(&create()).status(), Some(Status::RateLimited), "the items of a BATCH count");
}

#[test]
fn a_connection_beyond_the_bound_is_closed() {
    let bounds = Bounds { connections: 1, ..Bounds::DEFAULT };
    let mut house = House::with(bounds, Rates::default(), FakeStore::new(4, 1, 64)).known();
    let second = Client { slot: 1, generation: 0 };
    house.gateway.opened(second, &mut house.out);
    assert_eq!(house.out.closed, [second]);
    assert_eq!(house.give_to(second, &hello()), Taken::Close);
}

#[test]
fn draining_takes_no_new_orders_and_everything_else() {
    let mut house = House::new().known();
    let drain = |on| frame::<messages::Drain>(&DrainHead { on }, &[], &[]);
    house.give(&create());
    house.turn();
    let told = house.ask(&drain(true)).read::<messages::DrainAnswer>().head;
    assert_eq!((told.on, told.in_flight), (true, 1));
    for bytes in [create(), batch(), frame::<messages::Prepare>(&prepare(), &[LINE], &[])] {
        assert_eq!(house.ask(&bytes).status(), Some(Status::Draining));
    }
    house.give(&cancel());
    house.give(&sku_get());
    assert_eq!(house.store().intents().len(), 3);
    assert!(!house.ask(&drain(false)).read::<messages::DrainAnswer>().head.on);
    house.give(&create());
    assert_eq!(house.store().intents().len(), 4, "orders are taken again");
}

#[test]
fn leaving_tells_everybody_answers_what_was_taken_and_closes() {
    let mut house = House::new().known();
    let idle = Client { slot: 1, generation: 0 };
    house.greet(idle);
    house.give(&create());
    house.gateway.leave(&mut house.out);
    assert_eq!(house.out.closed, [idle], "who waits for nothing is closed at once");
    let goaway = house.heard().remove(0);
    assert_eq!(goaway.header.kind, KindCode::from(Kind::Goaway).answer());
    assert_eq!(goaway.read::<messages::GoawayAnswer>().head.in_flight, 1);
    assert_eq!(house.ask(&create()).status(), Some(Status::Draining));
    assert_eq!(house.ask(&sku_get()).status(), Some(Status::GoingAway));
    assert!(house.gateway.busy());
    house.store().answer(order());
    house.turn();
    assert_eq!(house.heard()[0].read::<messages::CreateAnswer>().head.order, 77);
    assert_eq!(house.out.closed, [idle, CLIENT]);
    assert!(!house.gateway.busy());
}

#[test]
fn a_client_that_says_goaway_or_ends_its_input_still_hears_its_answers() {
    let mut house = House::new().known();
    house.give(&create());
    let told = house.ask(&frame::<messages::Goaway>(&Nothing, &[], &[]));
    assert_eq!(told.read::<messages::GoawayAnswer>().head.in_flight, 1);
    assert_eq!(house.ask(&sku_get()).status(), Some(Status::GoingAway));
    assert_eq!(house.out.closed, []);
    house.store().answer(order());
    house.turn();
    assert_eq!((house.heard().len(), house.out.closed.as_slice()), (1, &[CLIENT][..]));

    let mut house = House::new().known();
    assert!(!house.gateway.input_ended(CLIENT), "nothing is owed");
    let mut house = House::new().known();
    house.give(&create());
    assert!(house.gateway.input_ended(CLIENT));
    house.store().answer(order());
    house.turn();
    assert_eq!((house.heard().len(), house.out.closed.as_slice()), (1, &[CLIENT][..]));
}

#[test]
fn a_connection_has_its_time_to_say_hello_and_a_greeted_one_all_the_time() {
    let client = |slot| Client { slot, generation: 3 };
    let at = |seconds| NOW.after(Micros::from_seconds(seconds));
    let mut house = House::new().known();
    for slot in 1..=200 {
        house.gateway.opened(client(slot), &mut house.out);
    }
    house.give_to(client(1), &hello()[..40]); // A part of it is no HELLO.
    house.greet(client(201));
    house.gateway.begin(at(4));
    house.greet(client(202));
    house.gateway.opened(client(203), &mut house.out);
    house.gateway.closed(client(200)); // Gone by itself.
    house.turn();
    assert_eq!(house.gateway.next_due(), Some(Micros::from_seconds(6)));

    house.gateway.begin(MicrosUtc(at(10).0 - 1));
    house.turn();
    assert!(house.out.closed.is_empty(), "not yet");
    house.gateway.begin(at(10));
    for _ in 0..4 {
        house.turn(); // A wave of them takes a few turns.
    }
    let closed: Vec<u32> = house.out.closed.drain(..).map(|client| client.slot).collect();
    assert_eq!(closed, (1..=199).collect::<Vec<_>>(), "in the order in which they came");
    assert_eq!(house.heard_by(client(7))[0].status(), Some(Status::AuthRequired));
    assert_eq!(house.common.counters()[0].silent.get(), 199);
    assert_eq!(house.gateway.next_due(), Some(Micros::from_seconds(4)), "the one who came at 4 s");

    house.gateway.begin(at(1_000));
    house.turn();
    assert_eq!(house.out.closed, [client(203)]);
    assert_eq!(house.gateway.next_due(), None, "those who greeted stay");
    assert_eq!(house.give_to(client(201), &ping()), Taken::Bytes(ping().len()));
    assert_eq!(house.heard_by(client(201))[0].status(), None);
}
