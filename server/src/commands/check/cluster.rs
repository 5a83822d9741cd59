//! The servers of a cluster store, row by row: what docs/CLUSTER.md wants of them.

use storage_cluster::{mysql, redis};

use super::{Fail, Pass, Row, row};
use crate::commands::cluster::{DatabaseNow, Overview};

/// A row a server.
pub fn rows(overview: &Overview) -> Vec<Row> {
    let mut rows = match &overview.redis {
        Ok(servers) => servers.iter().flat_map(redis_rows).collect(),
        Err(why) => {
            vec![row(Fail, "redis", why.clone(), "start it, or name another in [store.cluster] redis")]
        }
    };
    rows.extend(overview.databases.iter().map(database_row));
    rows
}

fn redis_rows(server: &redis::Alive) -> Vec<Row> {
    let redis::Alive { server, version, unfit, .. } = server;
    if unfit.is_empty() {
        return vec![row(Pass, "redis", format!("{server}, {version}, noeviction, a master"), "")];
    }
    // Each is one sentence, and behind its colon stands what to do.
    let failed = unfit.iter().map(ToString::to_string).map(|said| match said.split_once(": ") {
        Some((found, remedy)) => row(Fail, "redis", found, remedy),
        None => row(Fail, "redis", said.clone(), said),
    });
    failed.collect()
}

fn database_row(database: &DatabaseNow) -> Row {
    let DatabaseNow { name, is_home, slots, alive } = database;
    let what = if *is_home { "home database" } else { "database" };
    match (alive, slots) {
        (Ok(mysql::Alive { version, .. }), Some(slots)) => {
            row(Pass, what, format!("{name}, {version}, durable commits, {slots} slots"), "")
        }
        (Ok(_), None) => {
            row(Fail, what, format!("{name} belongs to no cluster yet"), "run `tidegate cluster init`")
        }
        (Err(fault), _) => row(Fail, what, fault.said.clone(), fault.kind.remedy()),
    }
}

#[cfg(test)]
mod tests {
    use storage_cluster::redis::Unfit;

    use super::*;

    #[test]
    fn each_fault_of_a_server_is_a_row_with_what_to_do() {
        let server = "127.0.0.1:6379".to_owned();
        let evicts = Unfit::Evicts { server: server.clone(), policy: "allkeys-lru".into() };
        let alive = |unfit| redis::Alive {
            server: server.clone(),
            version: "7.0.15".into(),
            up_seconds: 1,
            incarnation: "c0ffee".into(),
            replicas: 0,
            unfit,
        };
        let database = |slots| DatabaseNow {
            name: "a:1/tidegate".into(),
            is_home: true,
            slots,
            alive: Ok(mysql::Alive { version: "10.11".into(), up_seconds: 1, unpublished: 0 }),
        };
        let found = |unfit, slots| Overview {
            redis: Ok(vec![alive(unfit)]),
            databases: vec![database(slots)],
            shelves: vec![],
        };
        let good = rows(&found(vec![], Some(1_024)));
        assert!(good.iter().all(|row| row.verdict == Pass && row.remedy.is_empty()), "{good:?}");
        let bad = rows(&found(vec![evicts], None));
        assert_eq!(bad[0].found, "Redis 127.0.0.1:6379 has maxmemory-policy allkeys-lru");
        assert_eq!(bad[0].remedy, "set it to noeviction, or it drops units");
        assert_eq!((bad[1].verdict, bad[1].remedy.as_str()), (Fail, "run `tidegate cluster init`"));
        let nobody = Overview { redis: Err("nobody is there".into()), databases: vec![], shelves: vec![] };
        assert_eq!(rows(&nobody)[0].found, "nobody is there");
    }
}
