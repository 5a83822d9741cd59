//! What goes wrong with a database, each told by its kind and in one sentence that says what to do.

use std::time::{Duration, Instant};

use servers::mariadb::Mariadb;
use storage_cluster::mysql::{
    Committed, Counts, Database, Desk, FaultKind, Limits, NewOrder, Raised, Role, SLOTS, TxFault, commit,
    deal_slots, look, migrate, move_slot, raise, read_slots, take_lock,
};
use storage_cluster::shelf::ShardNo;

use crate::shard::{FIRST, Orders, STOCK, Shard, prepared, runtime};

/// Why no connection is made.
async fn refused(url: &str) -> (FaultKind, String) {
    let fault = match Database::new(url, Limits::DEFAULT) {
        Ok(database) => database.lease().await.map(drop).unwrap_err(),
        Err(fault) => fault,
    };
    (fault.kind, fault.to_string())
}

#[tokio::test]
async fn whoever_is_not_let_in_is_told_why() {
    let server = Mariadb::start(&["shop"]).unwrap();
    let url = server.url("shop");
    let (kind, said) = refused(&url.replace(":tidegate@", ":wrong@")).await;
    assert_eq!(kind, FaultKind::Login, "{said}");
    assert!(said.contains("Access denied") && said.contains("grant the user"), "{said}");
    assert_eq!(refused(&server.url("nowhere")).await.0, FaultKind::NoDatabase);
    assert_eq!(refused("redis://127.0.0.1:1/").await.0, FaultKind::Address);
    assert_eq!(refused("mysql://user@127.0.0.1:1").await.0, FaultKind::Address);
    drop(server);
    let (kind, said) = refused(&url).await;
    assert_eq!(kind, FaultKind::Unreachable, "{said}");
    assert!(!said.contains(":tidegate@"), "no password in an error: {said}");
}

#[tokio::test]
async fn a_server_that_breaks_a_promise_is_not_used() {
    let mut server = Mariadb::start(&["shop"]).unwrap();
    for (option, kind, words) in [
        ("--sync-binlog=0", FaultKind::Setting, "sync_binlog is 0 and has to be 1"),
        ("--innodb-flush-log-at-trx-commit=2", FaultKind::Setting, "has to be 1"),
        ("--max-allowed-packet=1M", FaultKind::Setting, "max_allowed_packet"),
        ("--read-only=ON", FaultKind::ReadOnly, "name the primary"),
    ] {
        server.restart_with(&[option]).unwrap();
        let (found, said) = refused(&server.url("shop")).await;
        assert!(found == kind && said.contains(words), "{option}: {said}");
    }
    // These a connection sets for itself.
    server
        .restart_with(&["--transaction-isolation=REPEATABLE-READ", "--innodb-lock-wait-timeout=50"])
        .unwrap();
    let database = Database::new(&server.url("shop"), Limits::DEFAULT).unwrap();
    assert!(database.lease().await.is_ok());
}

#[tokio::test]
async fn a_missing_table_is_the_schemas_fault_and_nothing_is_done() {
    let shard = Shard::start().await;
    shard.server.sql("shop", "DROP TABLE outbox").unwrap();
    let outcomes = shard.commit(&Orders::of(1, 3)).await;
    for outcome in outcomes {
        let Committed::Failed(TxFault::NotDone(fault)) = outcome else { panic!("{outcome:?}") };
        assert!(fault.kind == FaultKind::Schema && fault.to_string().contains("cluster init"), "{fault}");
    }
    assert_eq!(shard.over_slices("1", "orders"), 0, "what was written before it is gone");
}

#[tokio::test]
async fn a_schema_is_made_once_and_a_strange_one_is_left_alone() {
    let server = Mariadb::start(&["shop"]).unwrap();
    let database = Database::new(&server.url("shop"), Limits::DEFAULT).unwrap();
    assert_eq!(migrate(&database, Role::Shard).await, Ok(2));
    assert_eq!(migrate(&database, Role::Shard).await, Ok(0));
    assert_eq!(migrate(&database, Role::Home).await, Ok(1));
    server.sql("shop", "UPDATE schema_files SET hash = 1 WHERE role = 2 AND number = 1").unwrap();
    let fault = migrate(&database, Role::Shard).await.unwrap_err();
    assert!(fault.to_string().contains("file 1 of the schema is not the one"), "{fault}");
    server.sql("shop", "INSERT INTO schema_files VALUES (1, 99, 0)").unwrap();
    let fault = migrate(&database, Role::Home).await.unwrap_err();
    assert!(fault.to_string().contains("newer Tidegate"), "{fault}");
}

#[test]
fn a_lock_that_is_not_to_be_had_reaches_only_the_order_that_wants_it() {
    let runtime = runtime();
    let shard = &runtime.block_on(Shard::start());
    let mut batch = Orders::of(1, 8);
    runtime.block_on(shard.commit(&Orders { limit: 0, batch: vec![prepared(5)], record: vec![1] }));
    batch.batch[4].ask.key.id.0 += 1; // another request of user 5
    // Somebody sits on the count of user 5, longer than a transaction waits for a lock.
    let hold = "START TRANSACTION; SELECT * FROM user_counts WHERE user = 5 FOR UPDATE; SELECT SLEEP(30)";
    std::thread::scope(|threads| {
        threads.spawn(move || shard.server.sql("shop", hold));
        std::thread::sleep(Duration::from_millis(300));
        let outcomes = runtime.block_on(shard.commit(&batch));
        for (at, outcome) in outcomes.iter().enumerate() {
            match outcome {
                Committed::Now => assert_ne!(at, 4),
                Committed::Failed(TxFault::NotDone(fault)) => {
                    assert_eq!((at, fault.kind), (4, FaultKind::Locked));
                }
                other => panic!("order {at}: {other:?}"),
            }
        }
        let sleeper = "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'";
        let id = shard.number(sleeper);
        shard.server.sql("shop", &format!("KILL {id}")).unwrap();
    });
    assert_eq!(shard.over_slices("1", "orders"), 8);
}

/// Stands still in the middle of its transaction, with its fences locked: stopped, or cut off from the server.
struct Sleeper(Orders);

impl Desk for Sleeper {
    type Refusal = &'static str;

    fn decide(&mut self, at: usize, counts: &Counts) -> Result<NewOrder, &'static str> {
        std::thread::sleep(Duration::from_secs(14));
        self.0.decide(at, counts)
    }
}

#[test]
fn a_node_that_stands_still_keeps_its_fences_for_ten_seconds_and_not_for_hours() {
    let runtime = runtime();
    let shard = &runtime.block_on(Shard::start());
    let orders = Orders::of(1, 1);
    std::thread::scope(|threads| {
        let sleeper = threads.spawn(|| {
            let database = Database::new(&shard.server.url("shop"), Limits::DEFAULT).unwrap();
            let mut desk = Sleeper(orders.clone());
            self::runtime().block_on(commit(&database, &shard.slices, &orders.batch, &mut desk))
        });
        std::thread::sleep(Duration::from_millis(500));
        let begun = Instant::now();
        let raised = runtime.block_on(async {
            loop {
                match raise(&mut shard.database.lease().await.unwrap(), STOCK, FIRST.next()).await {
                    Err(TxFault::NotDone(fault)) if fault.kind == FaultKind::Locked => (),
                    other => return other,
                }
            }
        });
        assert_eq!(raised, Ok(Raised::Sum(0)));
        assert!(begun.elapsed() < Duration::from_secs(13), "{:?}", begun.elapsed());
        let outcome = sleeper.join().unwrap();
        assert!(matches!(&outcome[..], [Committed::Failed(TxFault::NotDone(_))]), "{outcome:?}");
    });
}

#[tokio::test]
async fn transactions_that_wait_for_each_other_all_end_well() {
    let shard = Shard::start().await;
    let nodes: Vec<_> =
        (0..3).map(|_| Database::new(&shard.server.url("shop"), Limits::DEFAULT).unwrap()).collect();
    // The same users in each node's batches, in different orders: counts that are there, and counts that are not.
    let batches = |node: u64| (0..6_u64).map(move |round| batch_of(node, round)).collect::<Vec<_>>();
    let work = async |node: usize| {
        for orders in batches(node as u64) {
            let mut desk = orders.clone();
            let made = commit(&nodes[node], &shard.slices, &orders.batch, &mut desk).await;
            assert_eq!(made, vec![Committed::Now; 16]);
        }
    };
    tokio::join!(work(0), work(1), work(2));
    assert_eq!(shard.number("SELECT SUM(units) FROM user_counts"), 3 * 6 * 16);
    assert_eq!(shard.number("SELECT SUM(units) FROM stock_delta"), 3 * 6 * 16);
}

fn batch_of(node: u64, round: u64) -> Orders {
    let mut orders = Orders::of(1, 0);
    for user in 0..16 {
        let user = if node.is_multiple_of(2) { 1 + user } else { 16 - user };
        let mut one = prepared(user);
        one.ask.key.id.0 += u128::from((node << 16 | round) << 16);
        one.order.0 += (node * 6 + round) << 22;
        orders.batch.push(one);
    }
    orders
}

#[tokio::test]
async fn a_paused_server_costs_a_time_out_and_not_more() {
    let shard = Shard::start_impatient().await;
    shard.commit(&Orders::of(1, 1)).await;
    shard.server.pause();
    let begun = Instant::now();
    let outcomes = shard.commit(&Orders::of(2, 2)).await;
    let waited = begun.elapsed();
    shard.server.resume();
    for outcome in outcomes {
        let Committed::Failed(TxFault::NotDone(fault)) = outcome else { panic!("{outcome:?}") };
        assert!(matches!(fault.kind, FaultKind::TimedOut | FaultKind::Unreachable), "{fault}");
    }
    assert!(waited < Duration::from_secs(2), "{waited:?}");
    assert_eq!(shard.commit(&Orders::of(4, 1)).await, [Committed::Now]);
    assert_eq!(shard.over_slices("1", "orders"), 2, "what timed out is not done later");
}

#[tokio::test]
async fn a_killed_server_comes_back_with_every_commit() {
    let mut shard = Shard::start().await;
    assert_eq!(shard.commit(&Orders::of(1, 64)).await, vec![Committed::Now; 64]);
    shard.server.kill();
    let outcomes = shard.commit(&Orders::of(65, 1)).await;
    let [Committed::Failed(TxFault::NotDone(_))] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    shard.server.restart().unwrap();
    assert_eq!(shard.commit(&Orders::of(66, 1)).await, [Committed::Now], "old connections are not used");
    assert_eq!(shard.over_slices("1", "orders"), 65);
}

#[tokio::test]
async fn more_work_than_connections_waits_and_is_told() {
    let server = Mariadb::start(&["shop"]).unwrap();
    let limits = Limits { connections: 2, acquire: Duration::from_millis(100), ..Limits::DEFAULT };
    let database = Database::new(&server.url("shop"), limits).unwrap();
    let (a, _b) = (database.lease().await.unwrap(), database.lease().await.unwrap());
    let fault = database.lease().await.map(drop).unwrap_err();
    assert_eq!(fault.kind, FaultKind::NoConnection);
    let id = a.id();
    drop(a);
    assert_eq!(database.lease().await.unwrap().id(), id, "a connection serves again");
}

#[tokio::test]
async fn a_call_that_is_given_up_leaves_no_connection_that_answers_for_it() {
    let shard = Shard::start().await;
    let mut lease = shard.database.lease().await.unwrap();
    let id = lease.id();
    let keys = [prepared(1).ask.key];
    shard.server.pause();
    let given_up = tokio::time::timeout(Duration::from_millis(50), look(&mut lease, &keys)).await;
    shard.server.resume();
    assert!(given_up.is_err());
    drop(lease);
    assert_ne!(shard.database.lease().await.unwrap().id(), id);
}

#[tokio::test]
async fn the_home_keeps_slots_and_locks() {
    let shard = Shard::start().await;
    let mut lease = shard.database.lease().await.unwrap();
    assert_eq!(read_slots(&mut lease).await, Ok(vec![]));
    deal_slots(&mut lease, 2).await.unwrap();
    deal_slots(&mut lease, 1).await.unwrap(); // dealt once and for all
    let slots = read_slots(&mut lease).await.unwrap();
    assert_eq!(slots.len(), usize::from(SLOTS));
    assert_eq!((slots[0], slots[511], slots[512]), ((ShardNo(0), 1), (ShardNo(0), 1), (ShardNo(1), 1)));
    assert_eq!(move_slot(&mut lease, 7, ShardNo(1), 1).await, Ok(true));
    assert_eq!(move_slot(&mut lease, 7, ShardNo(0), 1).await, Ok(false), "over another version");

    assert_eq!(take_lock(&mut lease, "reconciler", 1, 200).await, Ok(true));
    assert_eq!(take_lock(&mut lease, "reconciler", 2, 200).await, Ok(false));
    assert_eq!(take_lock(&mut lease, "reconciler", 1, 200).await, Ok(true), "its owner keeps it");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(take_lock(&mut lease, "reconciler", 2, 200).await, Ok(true));
}
