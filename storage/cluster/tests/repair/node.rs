//! Numbers of nodes: one node's at a time, and given up by itself before another one may have it.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Instant;

use storage_cluster::repair::{LeaseTimes, NoNumber, NodeLease, Stop, lease_node};

use crate::world::{World, ms};

const TIMES: LeaseTimes = LeaseTimes { lease: ms(900), grace: ms(600) };

async fn lease(world: &World) -> Result<NodeLease, NoNumber> {
    lease_node(Rc::clone(&world.links), TIMES).await
}

#[tokio::test]
async fn all_nodes_have_different_numbers_and_there_are_64() {
    let world = World::start().await;
    let times = LeaseTimes::DEFAULT;
    let mut leases = Vec::new();
    for _ in 0..64 {
        leases.push(lease_node(Rc::clone(&world.links), times).await.unwrap());
    }
    let numbers: BTreeSet<u16> = leases.iter().map(|lease| lease.number().unwrap()).collect();
    assert_eq!(numbers, (0..64).collect());
    assert!(matches!(lease(&world).await, Err(NoNumber::AllInUse)));

    // One that ends in order leaves its number to the next one at once.
    let (stopper, stop) = Stop::new();
    stopper.stop();
    let number = leases[7].number();
    leases[7].keep(stop).await;
    assert_eq!(leases[7].number(), None);
    assert_eq!(lease(&world).await.unwrap().number(), number);
}

#[tokio::test]
async fn a_number_is_kept_as_long_as_the_home_answers() {
    let world = World::start().await;
    let lease = lease(&world).await.unwrap();
    let number = lease.number();
    let (stopper, stop) = Stop::new();
    let watching = async {
        let begun = Instant::now();
        while begun.elapsed() < 3 * TIMES.lease {
            assert_eq!(lease.number(), number);
            tokio::time::sleep(ms(20)).await;
        }
        stopper.stop();
    };
    tokio::join!(lease.keep(stop), watching);
}

#[tokio::test]
async fn who_does_not_reach_the_home_has_no_number_before_anybody_else_may_have_it() {
    let world = World::start().await;
    let first = lease(&world).await.unwrap();
    let number = first.number();
    world.home.pause();
    let begun = Instant::now();
    while first.number().is_some() {
        tokio::time::sleep(ms(10)).await;
    }
    assert!(begun.elapsed() <= TIMES.lease + ms(100), "{:?}", begun.elapsed());
    assert!(first.renew().await.is_err() && first.number().is_none());
    world.home.resume();

    // Another node takes all numbers that there are; the first one's comes last, after its rest.
    let others = LeaseTimes { grace: ms(0), ..LeaseTimes::DEFAULT };
    tokio::time::sleep(TIMES.lease + TIMES.grace).await;
    for _ in 0..64 {
        let lease = lease_node(Rc::clone(&world.links), others).await.unwrap();
        assert!(lease.number().is_some());
    }
    assert!(!first.renew().await.unwrap(), "its number is somebody else's, and there is no other");
    assert_eq!(first.number(), None);
    world.home.sql("home", "UPDATE nodes SET until = 0 WHERE number = 5").unwrap();
    assert!(first.renew().await.unwrap());
    assert_eq!(first.number(), Some(5));
    assert_ne!(number, Some(5));
}
