//! The transaction that changes orders.

use domain::order::State;
use domain::verdict::HistoryRow;
use domain::{Actor, UserId};
use storage_cluster::mysql::{
    Change, ChangeDesk, Changed, ChangedOrder, EventRow, Found, Standing, change, due_orders, order,
};
use storage_cluster::shelf::Epoch;

use crate::shard::{FIRST, Orders, STOCK, Shard, held, now, prepared, request};

/// What the request of a change led to, as the desk writes it.
const LED_TO: &[u8] = b"this order was cancelled";

/// Cancels whatever waits for its payment, and refuses the rest.
struct Canceller<'a>(&'a [Change]);

impl ChangeDesk for Canceller<'_> {
    type Refusal = State;

    fn decide(&mut self, at: usize, found: Found<'_>) -> Result<ChangedOrder, State> {
        let before = found.order;
        if before.state != State::PendingPayment {
            return Err(before.state);
        }
        let mut row = before.clone();
        (row.state, row.version, row.due_at) = (State::Cancelled, before.version + 1, None);
        let counted = self.0[at].counts.iter().map(|key| (*key, found.counts.get(key) - 1)).collect();
        let history = HistoryRow {
            from: Some(before.state),
            to: row.state,
            at: now(),
            actor: Actor::Timer,
            why: 0,
            version: row.version,
        };
        Ok(ChangedOrder {
            history: vec![history],
            moved: vec![held(STOCK, -1)],
            items: Vec::new(),
            hold: None,
            led_to: LED_TO.to_vec(),
            counts: counted,
            events: vec![EventRow { order: row.id, at: now(), body: vec![2; 20] }],
            row,
        })
    }
}

fn changes(orders: &Orders, places: &[usize]) -> Vec<Change> {
    let change = |at: &usize| Change {
        order: orders.batch[*at].order,
        version: 1,
        request: None,
        shelves: vec![(STOCK, None)],
        counts: orders.batch[*at].counts.clone(),
    };
    places.iter().map(change).collect()
}

/// Cancels the orders at these places, all of which wait for their payment.
pub async fn cancel(shard: &Shard, orders: &Orders, places: &[usize]) {
    let outcomes = run(shard, &changes(orders, places)).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Changed::Now), "{outcomes:?}");
}

async fn run(shard: &Shard, changes: &[Change]) -> Vec<Changed<State>> {
    change(&shard.database, &shard.slices, changes, &mut Canceller(changes)).await
}

#[tokio::test]
async fn what_a_cancelled_order_had_comes_back_in_the_same_step() {
    let shard = Shard::start().await;
    let orders = Orders::of(1, 10);
    shard.commit(&orders).await;
    cancel(&shard, &orders, &[3, 4, 5]).await;
    assert_eq!(shard.number("SELECT SUM(units) FROM stock_delta"), 7);
    assert_eq!(shard.number("SELECT SUM(units) FROM loose_units WHERE epoch = 1"), 3);
    assert_eq!(shard.number("SELECT COUNT(*) FROM user_counts WHERE units = 0"), 3);
    assert_eq!(shard.number("SELECT COUNT(*) FROM outbox"), 2, "one row a transaction");
    assert_eq!(shard.over_slices("1", "order_history"), 13);
    let mut lease = shard.database.lease().await.unwrap();
    let read = order(&mut lease, &shard.slices, orders.batch[3].order).await.unwrap().unwrap();
    assert_eq!((read.row.state, read.row.version, read.row.due_at), (State::Cancelled, 2, None));
    assert_eq!(read.items.len(), 1, "who compares holds finds them on an ended order, too");
}

#[tokio::test]
async fn a_change_that_was_decided_on_an_older_version_does_nothing() {
    let shard = Shard::start().await;
    let orders = Orders::of(1, 2);
    shard.commit(&orders).await;
    cancel(&shard, &orders, &[0]).await;
    let mut late = changes(&orders, &[0, 1]);
    let moved = Changed::Moved { version: 2 };
    assert_eq!(run(&shard, &late).await, [moved, Changed::Now]);
    late[0].version = 2;
    assert_eq!(run(&shard, &late[..1]).await, [Changed::Refused(State::Cancelled)]);
    late[0].order = prepared(99).order;
    assert_eq!(run(&shard, &late[..1]).await, [Changed::NoOrder]);
    assert_eq!(shard.number("SELECT SUM(units) FROM loose_units"), 2);
}

#[tokio::test]
async fn the_same_change_asked_for_twice_is_done_once() {
    let shard = Shard::start().await;
    let orders = Orders::of(1, 1);
    shard.commit(&orders).await;
    let mut asked = changes(&orders, &[0]);
    asked[0].request = Some((domain::RequestKey { who: UserId(1), id: request(500) }, 77));
    assert_eq!(run(&shard, &asked).await, [Changed::Now]);
    let done = Standing::Done { body_hash: 77, hold: None, led_to: LED_TO.to_vec() };
    assert_eq!(run(&shard, &asked).await, [Changed::Stands(done)]);
}

#[tokio::test]
async fn units_that_are_taken_again_are_judged_by_their_epoch() {
    let shard = Shard::start().await;
    let orders = Orders::of(1, 1);
    shard.commit(&orders).await;
    let mut asked = changes(&orders, &[0]);
    let other = FIRST.next();
    asked[0].shelves = vec![(STOCK, Some(other))];
    let fenced = |epoch: Option<Epoch>| Changed::Fenced { shelf: STOCK, epoch };
    assert_eq!(run(&shard, &asked).await, [fenced(Some(FIRST))]);
}

#[tokio::test]
async fn what_is_due_is_told_by_the_databases_clock() {
    let shard = Shard::start().await;
    let orders = Orders::of(1, 3);
    shard.commit(&orders).await;
    let slice = shard.slices.all()[0];
    let mut lease = shard.database.lease().await.unwrap();
    assert_eq!(due_orders(&mut lease, &slice, 10).await.unwrap(), []);
    let due = orders.batch[1].order;
    let text = format!("UPDATE orders_{} SET due_at = 1 WHERE id = {}", slice.name(), due.0);
    shard.server.sql("shop", &text).unwrap();
    let found = due_orders(&mut lease, &slice, 10).await.unwrap();
    assert_eq!(found.iter().map(|row| row.id).collect::<Vec<_>>(), [due]);
}
