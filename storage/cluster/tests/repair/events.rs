//! The relay of events: each comes at least once, those of one order in the order in which they became true.

use storage_cluster::mysql::{self, EventRow};
use storage_cluster::repair::{PUBLISH_MAX, Sink, SinkFault, Trouble, relay_events};
use storage_cluster::shelf::ShardNo;

use crate::world::{OTHER, STOCK, World};

/// Keeps what it is given, and fails as often as it is told.
#[derive(Default)]
struct Kept {
    events: Vec<EventRow>,
    fails: usize,
    /// Whether it keeps events before it fails.
    keeps_all_the_same: bool,
}

impl Sink for Kept {
    async fn publish(&mut self, of: ShardNo, events: Vec<EventRow>) -> Result<(), SinkFault> {
        assert_eq!(of, OTHER);
        let fails = self.fails > 0;
        if !fails || self.keeps_all_the_same {
            self.events.extend(events);
        }
        self.fails = self.fails.saturating_sub(1);
        if fails { Err(SinkFault("no".into())) } else { Ok(()) }
    }
}

#[tokio::test]
async fn events_of_an_order_come_in_their_order_and_once_where_nothing_goes_wrong() {
    let world = World::open().await;
    let mut orders = Vec::new();
    for _ in 0..4 {
        let buy = world.buy(OTHER).await;
        world.cancel(&buy).await;
        orders.push(buy.order);
    }
    let mut sink = Kept::default();
    assert_eq!(relay_events(&world.links, OTHER, &mut sink).await, Ok((8, 8)));
    assert_eq!(relay_events(&world.links, OTHER, &mut sink).await, Ok((0, 0)));
    for order in orders {
        let of_order: Vec<_> =
            sink.events.iter().filter(|event| event.order == order).map(|event| &event.body[..]).collect();
        assert_eq!(of_order, [&b"created"[..], b"cancelled"]);
    }
    storage_cluster::repair::tidy(&world.links, OTHER).await.unwrap();
    assert_eq!(world.number(OTHER, "SELECT COUNT(*) FROM outbox"), 0, "what is published goes");
}

#[tokio::test]
async fn what_the_sink_did_not_take_comes_again() {
    let world = World::open().await;
    world.buy(OTHER).await;
    for keeps_all_the_same in [false, true] {
        let mut sink = Kept { fails: 2, keeps_all_the_same, ..Kept::default() };
        for _ in 0..2 {
            let failed = relay_events(&world.links, OTHER, &mut sink).await;
            assert_eq!(failed, Err(Trouble::Sink(SinkFault("no".into()))));
        }
        let (rows, oldest) =
            mysql::backlog(&mut world.links.database(OTHER).lease().await.unwrap(), 10).await.unwrap();
        assert_eq!((rows, oldest.is_some()), (1, true));
        assert_eq!(relay_events(&world.links, OTHER, &mut sink).await, Ok((1, 1)));
        assert_eq!(sink.events.len(), if keeps_all_the_same { 3 } else { 1 });
        world.buy(OTHER).await;
    }
    world.assert_whole(STOCK).await;
}

#[tokio::test]
async fn more_than_one_call_takes_comes_in_several() {
    let world = World::open().await;
    for _ in 0..PUBLISH_MAX + 1 {
        world.buy(OTHER).await;
    }
    let mut sink = Kept::default();
    assert_eq!(relay_events(&world.links, OTHER, &mut sink).await, Ok((PUBLISH_MAX, PUBLISH_MAX as u64)));
    assert_eq!(relay_events(&world.links, OTHER, &mut sink).await, Ok((1, 1)));
    assert!(sink.events.is_sorted_by_key(|event| event.at), "oldest first");
}
