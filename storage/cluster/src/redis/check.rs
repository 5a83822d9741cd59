//! What a Redis says of itself, and what it has to be set to before units are trusted to it.

use std::fmt;

/// Something about a server that does not fit. Its text is one sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It may throw keys away: a shelf that is gone is closed, a held record that is gone is a unit lost.
    Evicts {
        /// Which server.
        server: String,
        /// Its `maxmemory-policy`.
        policy: String,
    },
    /// Too old for scripts that say beforehand what they need.
    Old {
        /// Which server.
        server: String,
        /// Its `redis_version`.
        version: String,
    },
    /// It is a replica.
    Replica {
        /// Which server.
        server: String,
    },
}

/// A server, as it says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alive {
    /// Which, host:port.
    pub server: String,
    /// Its `redis_version`.
    pub version: String,
    /// Since when it runs, in seconds.
    pub up_seconds: u64,
    /// Its `master_replid`: with another one, shelves are opened again.
    pub incarnation: String,
    /// Replicas that follow it.
    pub replicas: u64,
    /// What does not fit.
    pub unfit: Vec<Unfit>,
}

/// Reads what a server says in INFO.
pub(super) fn alive(server: &str, info: &str) -> Alive {
    let number = |name: &str| value(info, name).parse().unwrap_or(0);
    Alive {
        server: server.to_owned(),
        version: value(info, "redis_version"),
        up_seconds: number("uptime_in_seconds"),
        incarnation: value(info, "master_replid"),
        replicas: number("connected_slaves"),
        unfit: unfit(server, info),
    }
}

/// The value of a line `name:value`.
fn value(info: &str, name: &str) -> String {
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

/// Since when scripts may begin with `#!lua`.
pub(super) const VERSION_MIN: (u32, u32) = (7, 0);

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::Evicts { server, policy } => {
                write!(
                    f,
                    "Redis {server} has maxmemory-policy {policy}: set it to noeviction, or it drops units"
                )
            }
            Unfit::Old { server, version } => {
                let (major, minor) = VERSION_MIN;
                write!(f, "Redis {server} is version {version}: install {major}.{minor} or later")
            }
            Unfit::Replica { server } => {
                write!(
                    f,
                    "Redis {server} is a replica: name its master, or its sentinels with redis-sentinel://"
                )
            }
        }
    }
}

/// What does not fit, by what a server says in INFO.
pub(super) fn unfit(server: &str, info: &str) -> Vec<Unfit> {
    let value = |name| value(info, name);
    let server = || server.to_owned();
    let mut found = Vec::new();
    let policy = value("maxmemory_policy");
    if policy != "noeviction" {
        found.push(Unfit::Evicts { server: server(), policy });
    }
    let version = value("redis_version");
    if parse_version(&version).is_none_or(|version| version < VERSION_MIN) {
        found.push(Unfit::Old { server: server(), version });
    }
    if value("role") != "master" {
        found.push(Unfit::Replica { server: server() });
    }
    found
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(info: &str, sentences: &[&str]) {
        let found: Vec<String> = unfit("127.0.0.1:6379", info).iter().map(Unfit::to_string).collect();
        assert_eq!(found, sentences, "{info}");
    }

    #[test]
    fn what_a_server_says_of_itself_is_read() {
        let info = "# Server\r\nredis_version:7.0.15\r\nuptime_in_seconds:42\r\nrole:master\r\n\
                    connected_slaves:2\r\nmaster_replid:c0ffee\r\nmaxmemory_policy:noeviction\r\n";
        let alive = alive("127.0.0.1:6379", info);
        assert_eq!((alive.version.as_str(), alive.up_seconds, alive.replicas), ("7.0.15", 42, 2));
        assert_eq!((alive.incarnation.as_str(), alive.unfit), ("c0ffee", vec![]));
    }

    #[test]
    fn each_thing_that_does_not_fit_is_a_sentence_with_what_to_do() {
        check("redis_version:7.0.15\r\nmaxmemory_policy:noeviction\r\nrole:master\r\n", &[]);
        check("redis_version:8.2.0\r\nmaxmemory_policy:noeviction\r\nrole:master\r\n", &[]);
        check(
            "redis_version:7.0.15\r\nmaxmemory_policy:allkeys-lru\r\nrole:master\r\n",
            &[
                "Redis 127.0.0.1:6379 has maxmemory-policy allkeys-lru: set it to noeviction, or it drops units",
            ],
        );
        check(
            "redis_version:6.2.7\r\nmaxmemory_policy:noeviction\r\nrole:slave\r\n",
            &[
                "Redis 127.0.0.1:6379 is version 6.2.7: install 7.0 or later",
                "Redis 127.0.0.1:6379 is a replica: name its master, or its sentinels with redis-sentinel://",
            ],
        );
        check(
            "nothing",
            &[
                "Redis 127.0.0.1:6379 has maxmemory-policy : set it to noeviction, or it drops units",
                "Redis 127.0.0.1:6379 is version : install 7.0 or later",
                "Redis 127.0.0.1:6379 is a replica: name its master, or its sentinels with redis-sentinel://",
            ],
        );
    }
}
