//! `tidegate cluster` and `tidegate check` against a real Redis and real databases: ready, half ready, wrong, gone.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use std::process::Output;

use e2e::cluster::{Cluster, DATABASES};
use serde_json::{Value, json};

const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", stdout(output), stderr(output));
    stdout(output)
}

/// What a command prints that fails with this exit code, on both streams.
fn failed(output: &Output, code: i32) -> String {
    let said = format!("{}{}", stdout(output), stderr(output));
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

fn status(cluster: &Cluster) -> Value {
    let output = cluster.run(TIDEGATE, &["cluster", "status", "--json"]);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(&output)))
}

#[test]
fn a_cluster_is_made_once_and_shown() {
    let cluster = Cluster::start();

    let before = cluster.run(TIDEGATE, &["cluster", "status"]);
    assert!(failed(&before, 1).contains("run `tidegate cluster init`"));
    let checked = failed(&cluster.run(TIDEGATE, &["check"]), 1);
    assert!(
        checked.contains("pass  redis") && checked.contains("-> run `tidegate cluster init`"),
        "{checked}"
    );

    for _ in 0..2 {
        let made = cluster.run(TIDEGATE, &["cluster", "init"]);
        assert_eq!(done(&made), "");
        assert!(stderr(&made).contains("the tables are there in all 2 databases"), "{}", stderr(&made));
    }

    let shown = status(&cluster);
    assert_eq!((&shown["ok"], &shown["shelves"]), (&json!(true), &json!([])));
    let slots = |number: usize| shown["databases"][number]["slots"].clone();
    assert_eq!((slots(0), slots(1)), (json!(512), json!(512)));
    assert_eq!(
        (&shown["databases"][0]["home"], &shown["databases"][1]["home"]),
        (&json!(true), &json!(false))
    );
    assert!(shown["redis"][0]["incarnation"].as_str().is_some_and(|id| id.len() == 40), "{shown}");
    assert!(done(&cluster.run(TIDEGATE, &["cluster", "status"])).contains("no shelves"));
    let checked = done(&cluster.run(TIDEGATE, &["check"]));
    assert!(checked.contains("home database") && checked.contains("durable commits, 512 slots"), "{checked}");

    let slices = done(&cluster.run(TIDEGATE, &["cluster", "slices"]));
    for name in DATABASES {
        assert!(slices.lines().any(|line| line.contains(name) && line.ends_with("begun")), "{slices}");
    }
    assert!(slices.contains("the largest table has 0 of at most 500000 rows"), "{slices}");
}

#[test]
fn what_is_wrong_with_a_server_is_a_sentence_without_its_password() {
    let mut cluster = Cluster::start();
    done(&cluster.run(TIDEGATE, &["cluster", "init"]));
    let (redis, good) = (cluster.redis.url(), DATABASES.map(|name| cluster.mariadb.url(name)));

    // A password that is not right: the other servers are shown all the same.
    let port = cluster.mariadb.port();
    let stranger = format!("mysql://nobody:hush@127.0.0.1:{port}/{}", DATABASES[1]);
    cluster.configure(&redis, &[good[0].clone(), stranger]);
    let said = failed(&cluster.run(TIDEGATE, &["cluster", "status"]), 1);
    assert!(said.contains("correct user and password") && said.contains("512"), "{said}");
    assert!(!said.contains("hush"), "{said}");
    let printed = done(&cluster.run(TIDEGATE, &["config", "print"]));
    assert!(printed.contains("mysql://nobody:***@127.0.0.1") && !printed.contains("hush"), "{printed}");

    // A database that was never made, a key that is wrong.
    cluster.configure(&redis, &[cluster.mariadb.url("nowhere")]);
    assert!(failed(&cluster.run(TIDEGATE, &["cluster", "init"]), 1).contains("create the database"));
    cluster.configure(&redis, &[]);
    assert!(
        failed(&cluster.run(TIDEGATE, &["cluster", "init"]), 2).contains("[store.cluster] mysql: name 1")
    );

    // A setting that loses orders.
    cluster.configure(&redis, &good);
    cluster.mariadb.sql(DATABASES[0], "SET GLOBAL innodb_flush_log_at_trx_commit = 2").unwrap();
    let said = failed(&cluster.run(TIDEGATE, &["check"]), 1);
    assert!(said.contains("innodb_flush_log_at_trx_commit is 2 and has to be 1"), "{said}");
    cluster.mariadb.sql(DATABASES[0], "SET GLOBAL innodb_flush_log_at_trx_commit = 1").unwrap();
    cluster.redis.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let said = failed(&cluster.run(TIDEGATE, &["check"]), 1);
    assert!(said.contains("-> set it to noeviction, or it drops units"), "{said}");
    assert_eq!(status(&cluster)["ok"], json!(false));

    // Redis is gone.
    cluster.redis.kill();
    let said = failed(&cluster.run(TIDEGATE, &["cluster", "status"]), 1);
    assert!(said.contains("redis cannot be asked: ") && said.contains("512"), "{said}");
}

#[test]
fn the_demo_sells_from_a_cluster_with_nothing_in_it_and_its_sums_agree() {
    let cluster = Cluster::start();
    let sold = cluster.run(TIDEGATE, &["demo", "--cluster", "--seconds", "2"]);
    let said = done(&sold);
    assert!(said.contains("Audit by sums: "), "{said}{}", stderr(&sold));
    let shelves = status(&cluster)["shelves"].as_array().unwrap().clone();
    assert!(!shelves.is_empty() && shelves.iter().all(|shelf| shelf["state"] == "agrees"), "{shelves:#?}");
    let again = failed(&cluster.run(TIDEGATE, &["demo", "--cluster"]), 2);
    assert!(again.contains("this cluster has shelves already"), "{again}");
}
