//! The configuration of the cluster store as its crate wants it.

use std::time::Duration;

use storage_cluster::links::Servers;
use storage_cluster::mysql::{LOCK_WAIT_SECONDS_MAX, SLOTS, SliceRules};
use storage_cluster::shelf::ShardNo;
use storage_cluster::{mysql, redis};

use crate::cli::BadUsage;
use crate::config;

/// Connections of one worker to one database: more than this keep no database busier.
const CONNECTIONS_MAX: usize = 256;
/// The longest that anything may be waited for, milliseconds.
const WAIT_MS_MAX: u32 = 60_000;

/// Where a cluster's servers are. Nobody is asked yet.
///
/// # Errors
/// A key that cannot be right: one sentence that names it.
pub fn servers(cluster: &config::StoreCluster) -> Result<Servers, BadUsage> {
    let config::StoreCluster {
        redis,
        mysql,
        home,
        workers: _,     // The plan's.
        events_file: _, // The engine's, not a server's.
        redis_connect_ms,
        redis_call_ms,
        redis_silence_ms,
        redis_reconnect_ms_min,
        redis_reconnect_ms_max,
        mysql_connections,
        mysql_connect_ms,
        mysql_acquire_ms,
        mysql_statement_ms,
        mysql_commit_ms,
    } = cluster;
    let fault = |why: String| Err(BadUsage(format!("[store.cluster] {why}")));
    if redis.is_empty() {
        return fault("redis: name the Redis that gives units away, such as redis://127.0.0.1:6379".into());
    }
    if mysql.is_empty() || mysql.len() > usize::from(SLOTS) {
        return fault(format!(
            "mysql: name 1 to {SLOTS} databases, each mysql://user:password@host:port/database"
        ));
    }
    if usize::from(*home) >= mysql.len() {
        return fault(format!("home: must be below {}, the number of databases in mysql", mysql.len()));
    }
    if *mysql_connections == 0 || *mysql_connections > CONNECTIONS_MAX {
        return fault(format!("mysql_connections: must be 1 to {CONNECTIONS_MAX}"));
    }
    let in_time = |ms: &u32| (1..=WAIT_MS_MAX).contains(ms);
    for (key, ms) in [
        ("redis_connect_ms", redis_connect_ms),
        ("redis_call_ms", redis_call_ms),
        ("redis_silence_ms", redis_silence_ms),
        ("redis_reconnect_ms_min", redis_reconnect_ms_min),
        ("redis_reconnect_ms_max", redis_reconnect_ms_max),
        ("mysql_connect_ms", mysql_connect_ms),
        ("mysql_acquire_ms", mysql_acquire_ms),
        ("mysql_statement_ms", mysql_statement_ms),
        ("mysql_commit_ms", mysql_commit_ms),
    ] {
        if !in_time(ms) {
            return fault(format!("{key}: must be 1 to {WAIT_MS_MAX}"));
        }
    }
    if redis_reconnect_ms_min > redis_reconnect_ms_max {
        return fault("redis_reconnect_ms_min: must be at most redis_reconnect_ms_max".into());
    }
    if u64::from(*mysql_statement_ms) <= LOCK_WAIT_SECONDS_MAX * 1_000 {
        let wait_ms = LOCK_WAIT_SECONDS_MAX * 1_000;
        return fault(format!(
            "mysql_statement_ms: must be more than the {wait_ms} that a database waits for a lock"
        ));
    }
    let span = |ms: &u32| Duration::from_millis(u64::from(*ms));
    let timeouts = redis::Timeouts {
        connect: span(redis_connect_ms),
        call: span(redis_call_ms),
        silence: span(redis_silence_ms),
        reconnect: (span(redis_reconnect_ms_min), span(redis_reconnect_ms_max)),
    };
    Ok(Servers {
        redis: redis::Settings { url: redis.reveal().to_owned(), timeouts },
        mysql: mysql.iter().map(|address| address.reveal().to_owned()).collect(),
        home: ShardNo(*home),
        limits: mysql::Limits {
            connections: *mysql_connections,
            connect: span(mysql_connect_ms),
            acquire: span(mysql_acquire_ms),
            statement: span(mysql_statement_ms),
            commit: span(mysql_commit_ms),
        },
        slices: SliceRules::DEFAULT,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, StoreMode};
    use crate::serve::Settings;

    fn cluster(change: fn(&mut config::StoreCluster)) -> Result<Settings, BadUsage> {
        let mut config = Config::default();
        config.store.mode = StoreMode::Cluster;
        config.store_cluster.redis = "redis://127.0.0.1:1".into();
        config.store_cluster.mysql = vec!["mysql://a:b@c/d".into(), "mysql://a:b@e/d".into()];
        change(&mut config.store_cluster);
        Settings::of(&config)
    }

    #[test]
    fn the_defaults_of_a_cluster_are_those_of_its_crate() {
        let servers = cluster(|_| ()).unwrap().cluster.unwrap();
        assert_eq!(servers.redis, redis::Settings::new("redis://127.0.0.1:1"));
        assert_eq!((servers.limits, servers.home), (mysql::Limits::DEFAULT, ShardNo(0)));
        assert_eq!(servers.mysql, ["mysql://a:b@c/d", "mysql://a:b@e/d"]);
        assert!(Settings::of(&Config::default()).unwrap().cluster.is_none(), "unless it is asked for");
    }

    #[test]
    fn a_fault_of_a_cluster_names_its_key() {
        type Change = fn(&mut config::StoreCluster);
        let faults: [(Change, &str); 8] = [
            (|it| it.redis = "".into(), "redis: name the Redis"),
            (|it| it.mysql.clear(), "mysql: name 1 to 1024 databases"),
            (|it| it.home = 2, "home: must be below 2"),
            (|it| it.mysql_connections = 0, "mysql_connections: must be 1 to 256"),
            (|it| it.redis_call_ms = 0, "redis_call_ms: must be 1 to 60000"),
            (|it| it.mysql_commit_ms = 60_001, "mysql_commit_ms: must be 1 to 60000"),
            (
                |it| it.redis_reconnect_ms_min = 501,
                "redis_reconnect_ms_min: must be at most redis_reconnect_ms_max",
            ),
            (|it| it.mysql_statement_ms = 2_000, "mysql_statement_ms: must be more than the 2000 that"),
        ];
        for (change, told) in faults {
            let fault = cluster(change).unwrap_err().to_string();
            assert!(fault.starts_with(&format!("[store.cluster] {told}")), "{fault}");
        }
    }
}
