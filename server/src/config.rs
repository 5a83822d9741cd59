//! The configuration: one typed value, read from TOML and the environment, printed with its comments.
//!
//! Each key stands once, in the `sections!` table below: its comment is the rustdoc and the comment in the
//! printed TOML, its default is the code's. Here is no meaning: who uses a value judges it.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::cli::BadUsage;

/// Defines the sections, the whole [`Config`], and the walk over all keys that reading and printing share.
macro_rules! sections {
    ($( $(#[doc = $section_doc:literal])+ $section:ident: $Section:ident {
        $( $(#[doc = $doc:literal])+ $key:ident: $Type:ty = $default:expr, )+
    } )+) => {
        $(
            $(#[doc = $section_doc])+
            #[derive(Clone, Debug, PartialEq)]
            pub struct $Section { $( $(#[doc = $doc])+ pub $key: $Type, )+ }

            impl Default for $Section {
                fn default() -> Self {
                    Self { $( $key: $default, )+ }
                }
            }
        )+

        /// The whole configuration.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Config { $( $(#[doc = $section_doc])+ pub $section: $Section, )+ }

        impl Config {
            /// Every section and key, in the order in which they are printed. `a_b` is the section `[a.b]`.
            pub const KEYS: &[(&str, &[&str])] = &[ $( (stringify!($section), &[ $( stringify!($key), )+ ]), )+ ];

            /// The whole configuration as TOML: each key with its comment and this value.
            pub fn to_toml(&self) -> String {
                let mut text = String::new();
                $(
                    comment(&mut text, &[ $( $section_doc, )+ ]);
                    let _ = writeln!(text, "[{}]", title(stringify!($section)));
                    $(
                        comment(&mut text, &[ $( $doc, )+ ]);
                        assign(&mut text, stringify!($key), &self.$section.$key);
                    )+
                    text.push('\n');
                )+
                text
            }

            /// Sets one key. The caller has looked it up in [`Config::KEYS`].
            fn set(&mut self, section: &str, key: &str, value: toml::Value) -> Result<(), toml::de::Error> {
                match (section, key) {
                    $( $( (stringify!($section), stringify!($key)) => {
                        self.$section.$key = Deserialize::deserialize(value)?;
                    } )+ )+
                    _ => unreachable!("{section}.{key} was looked up in KEYS"),
                }
                Ok(())
            }
        }
    };
}

sections! {
    /// Where the server is reached, and how it ends.
    server: Server {
        /// Address and port to listen on. Port 0 takes a free one, named in the ready line.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 7171)),
        /// How long SIGTERM waits for what was taken to be answered, seconds. Then the server ends as it is.
        drain_seconds: u32 = 10,
    }

    /// Where orders live.
    store: Store {
        /// Which house stands behind the door: "embedded" keeps all in this process and its data folder; "cluster" keeps
        /// nothing here, and all in the servers of [store.cluster].
        mode: StoreMode = StoreMode::Embedded,
        /// The data folder. Made where it is missing; one process at a time uses it.
        data: PathBuf = PathBuf::from("tidegate-data"),
        /// Start although the wall clock is more than five minutes behind the last order in the journal.
        accept_clock: bool = false,
        /// How long a request id is remembered, counted from the time written in it, hours.
        request_window_hours: u32 = 24,
        /// How far a request id's own time may be ahead of the server's, seconds.
        request_ahead_seconds: u32 = 300,
        /// Bytes that the data folder may come to: orders are switched off before. 0: what its file system has room for.
        disk_budget_bytes: u64 = 0,
        /// From so many percent of that on there is a warning in the log and in STATS; 0: none.
        disk_warn_percent: u8 = 80,
        /// From so many percent of that on new orders are answered SWITCHED_OFF, until it is 5 percent less; 0: they go on
        /// until the disk is full.
        disk_stop_percent: u8 = 90,
        /// An order that waits for no timer and that nobody touched for so long leaves memory, give or take half of it,
        /// and comes back from disk for whoever asks for it, seconds.
        rest_after_seconds: u32 = 600,
        /// Memory for reading orders at rest, bytes.
        cold_cache_bytes: u64 = 64 << 20,
        /// Orders on their way to rest that wait in memory to be written out together, bytes; twice as much meanwhile.
        cold_write_buffer_bytes: u64 = 32 << 20,
        /// How long after a start no unpaid order expires, so that payments that waited can arrive, seconds.
        opening_grace_seconds: u32 = 60,
    }

    /// The servers of the cluster store, for mode = "cluster": Redis gives units away, databases keep the orders.
    /// docs/CLUSTER.md says how.
    store_cluster: StoreCluster {
        /// Redis: redis://user:password@host:port, redis-cluster://host:port?node=host:port, or
        /// redis-sentinel://host:port?node=host:port&sentinelServiceName=name. Printed without the password.
        redis: Address = Address::default(),
        /// The databases, each mysql://user:password@host:port/database. Their order is their numbers for ever: new ones
        /// come at the end. Printed without the passwords; TIDEGATE_STORE_CLUSTER_MYSQL takes the same list.
        mysql: Vec<Address> = Vec::new(),
        /// The number of the database, from 0, that is also the home of what stands once: catalogue, slots, locks.
        home: u16 = 0,
        /// The file that events are appended to, a line of JSON each, at least once; one node writes at a time, so that each
        /// names its own. Empty: events are not written anywhere.
        events_file: PathBuf = PathBuf::new(),
        /// Threads that talk to these servers, at most one for each reactor; 0 decides by cores.
        workers: usize = 0,
        /// A connection to Redis is made within so long, milliseconds.
        redis_connect_ms: u32 = 1_000,
        /// Redis answers a call within so long, or whether it was done is unknown, milliseconds.
        redis_call_ms: u32 = 500,
        /// A connection to Redis with calls on it that says nothing for so long is given up, milliseconds.
        redis_silence_ms: u32 = 1_000,
        /// The shortest pause between two tries to connect to Redis, milliseconds.
        redis_reconnect_ms_min: u32 = 20,
        /// The longest, milliseconds.
        redis_reconnect_ms_max: u32 = 500,
        /// Connections of one worker to one database.
        mysql_connections: usize = 4,
        /// A connection to a database is made and looked at within so long, milliseconds.
        mysql_connect_ms: u32 = 2_000,
        /// Waiting for a free connection ends after so long, milliseconds.
        mysql_acquire_ms: u32 = 500,
        /// The statements of one round trip end within so long: more than the 2 s that a database waits for a lock, milliseconds.
        mysql_statement_ms: u32 = 3_000,
        /// A COMMIT that is not answered within so long has an unknown outcome, milliseconds.
        mysql_commit_ms: u32 = 5_000,
    }

    /// How facts become durable.
    journal: Journal {
        /// Bytes of a segment file: a multiple of 4096 with room for the largest group.
        segment_bytes: usize = 64 << 20,
        /// Segments that lie ready, filled with zeros, ahead of use.
        segments_ahead: usize = 3,
        /// Bytes of the largest group, which is what one write carries: a multiple of 4096.
        group_bytes: usize = 1 << 20,
        /// How a group becomes durable: "dsync" by each write, "fsync" by a sync after it, "auto" tries both.
        durability: Durability = Durability::Auto,
        /// Bytes of journal between two checkpoints. A start reads one checkpoint and what stands behind it; 0 takes none,
        /// and a start reads everything.
        checkpoint_bytes: u64 = 256 << 20,
        /// Bytes of journal behind the newest checkpoint at which CREATE is OVERLOADED until there is a newer one, so that
        /// a start never reads much more; at least twice checkpoint_bytes, 0: none.
        checkpoint_lag_bytes_max: u64 = 2 << 30,
        /// What becomes of segments that no start needs any more and that are beyond what the next two keys keep: "keep" lets
        /// them lie, for ever; "archive" takes them to archive_dir; "delete" deletes them, and with them the oldest facts.
        on_expiry: OnExpiry = OnExpiry::Keep,
        /// Bytes of segments that stay in the data folder; 0: any. Events are there for as long as their segments are.
        retain_bytes: u64 = 0,
        /// For how long a segment stays, from its last fact on, seconds; 0: any time.
        retain_seconds: u32 = 0,
        /// The folder of segments that left the data folder: outside of it, of this store alone. Made where it is missing.
        archive_dir: PathBuf = PathBuf::new(),
        /// From the durability of all to the empty group that seals it, microseconds.
        seal_after_us: u32 = 1_000,
    }

    /// How fast clients may ask; 0 turns a limit off. CANCEL is never limited, since it frees stock.
    rates: Rates {
        /// Requests a second of one user, over all its connections to one reactor.
        user_per_s: u32 = 0,
        /// Requests that a user may send at once after a pause.
        user_burst: u32 = 20,
        /// Users whose pace is remembered: a power of two, at least 8. Beyond it newcomers are RATE_LIMITED.
        users: u32 = 1 << 17,
        /// Requests a second of one connection, BATCH items counted.
        connection_per_s: u32 = 0,
        /// Requests that a connection may send at once after a pause.
        connection_burst: u32 = 1_000,
    }

    /// What the store may hold in memory. At a bound CREATE answers OVERLOADED, and payments and cancels go on.
    bounds: Bounds {
        /// Orders in memory: those that wait for payment, and those that were used within rest_after_seconds. When it
        /// is three quarters full others go to rest sooner. Orders at rest do not count.
        orders: usize = 8_000_000,
        /// Lines of orders that have more than one.
        lines: usize = 8_000_000,
        /// Bytes of the clients' own, over all orders.
        client_bytes: usize = 256 << 20,
        /// Transitions of orders behind their first: six for each order that waits for payment.
        history_rows: usize = 50_000_000,
        /// Request ids inside their window: one an order, one for its cancel, one for each attempt to pay.
        request_ids: usize = 26_000_000,
        /// Request ids that made no order: cancels, payments and operators' work.
        changes: usize = 18_000_000,
        /// Attempts to pay: one for each order that waits for payment is kept.
        payments: usize = 9_000_000,
        /// Shipments.
        shipments: usize = 4_000_000,
        /// Lines of shipments of orders that do not go at once.
        sent_lines: usize = 4_000_000,
        /// After-sales cases.
        cases: usize = 1_000_000,
        /// Pairs of sale and user that have units counted.
        user_counts: usize = 8_000_000,
        /// Skus.
        skus: usize = 1_000_000,
        /// Pairs of sku and warehouse.
        shelves: usize = 1_000_000,
        /// Sales.
        sales: usize = 10_000,
        /// Pairs of sale and sku.
        sale_skus: usize = 1_000_000,
        /// Holds: open ones, and ended ones as long as their request ids are remembered.
        holds: usize = 1_000_000,
        /// Users who are blocked, preferred, or have a limit of their own.
        user_limits: usize = 100_000,
        /// Facts that subscribers parked as dead letters.
        dead_letters: usize = 10_000,
        /// Lines of open holds.
        hold_lines: usize = 2_000_000,
        /// Coupons.
        coupons: usize = 10_000,
        /// Pairs of coupon and sku.
        coupon_skus: usize = 1_000_000,
        /// Pairs of coupon and user that have a claim, or a use that was not given back.
        coupon_users: usize = 2_000_000,
        /// Orders that were made with coupons.
        coupon_orders: usize = 2_000_000,
    }

    /// Who may say that money arrived, and how long an order waits for it.
    payments: Payments {
        /// The gateways whose callbacks are believed, each with the key that it signs with, in a file or in an
        /// environment variable: [{ id = 1, key_file = "/etc/tidegate/gateway-1" }, { id = 2, key_env = "SHOP_KEY" }].
        gateways: Vec<Gateway> = Vec::new(),
        /// How far the time in a callback may be from the server's, 1 to 86400 seconds.
        callback_window_seconds: u32 = 300,
        /// From the opening of its first payment on, an order is held for at least so many seconds.
        hold_extension_seconds: u32 = 600,
    }

    /// How an order comes to its buyer.
    shipping: Shipping {
        /// From its delivery on, an order counts as complete after so many seconds, where nobody says so before; 0: never.
        completion_seconds: u32 = 864_000,
    }

    /// What requests on their way may take, for each reactor.
    requests: Requests {
        /// Unanswered requests of all connections. More: OVERLOADED.
        in_flight: u32 = 65_536,
        /// Of these, places that only cancels and operators' work may take.
        in_flight_reserved: u32 = 4_096,
        /// Unanswered requests of one connection. More: TOO_MANY_IN_FLIGHT.
        connection_in_flight: u32 = 1_024,
        /// Unanswered BATCHes of one connection. More: TOO_MANY_IN_FLIGHT.
        connection_batches: u32 = 8,
        /// Bytes of unread answers beyond which a connection's requests are TOO_MANY_IN_FLIGHT.
        connection_answer_bytes: u32 = 1 << 20,
        /// Unanswered BATCHes of all connections. More: OVERLOADED.
        batches: u32 = 64,
        /// Subscriptions to events of all connections. More: OVERLOADED.
        subscriptions: u32 = 256,
        /// Bytes of events that leave in a second: sending them takes time from orders. More waits in the journal.
        event_bytes_per_s: u32 = 100 << 20,
        /// Refusals for want of stock that are told as events in a second, where somebody listens: samples.
        refusal_events_per_s: u32 = 100,
        /// Orders of a store that AUDIT recomputes, in some 230 bytes of memory for each as long as it lasts. More:
        /// SWITCHED_OFF; audit a backup then.
        audit_orders: u64 = 8_000_000,
        /// What OVERLOADED and TOO_MANY_IN_FLIGHT tell a client to wait, milliseconds.
        retry_after_ms: u32 = 20,
        /// Batches of intents between a reactor and the engine. None left: OVERLOADED.
        store_batches: usize = 64,
        /// Of these, batches that only cancels and operators' work may use.
        store_batches_reserved: usize = 8,
        /// Intents in one such batch.
        store_batch_intents: usize = 512,
        /// Vectors of answers between the engine and a reactor. None left: intents wait in their batches.
        answer_vectors: usize = 32,
        /// Answers that wait for the disk. Beyond it intents wait in their batches.
        answers_waiting: usize = 1 << 18,
    }

    /// What sockets may take, for each reactor.
    connections: Connections {
        /// Connections at once. One more is closed at once.
        connections: usize = 16_384,
        /// Bytes of one connection that wait for the rest of their frame: longer than the longest frame.
        connection_in_bytes: usize = (1 << 20) + 4_096,
        /// Bytes of answers that one client has not read, at which it is cut off: at least 4 times
        /// requests.connection_answer_bytes.
        connection_out_bytes: usize = 4 << 20,
        /// Bytes that wait for the rest of their frame, of all connections. Who needs more is cut off.
        in_bytes: usize = 64 << 20,
        /// Bytes of unread answers, of all connections. Who needs more is cut off.
        out_bytes: usize = 256 << 20,
        /// Buffers that the kernel receives into: a power of two, at most 32768.
        recv_buffers: usize = 1_024,
        /// Bytes of one of them.
        recv_buffer_bytes: usize = 4_096,
        /// Accepted sockets that a reactor has not taken over yet. One more is closed.
        inlet_sockets: usize = 1_024,
        /// How long a thread watches for work before it sleeps, microseconds.
        spin_us: u64 = 100,
        /// How long a connection that is being closed may take to read its last bytes, milliseconds.
        closing_ms: u64 = 1_000,
        /// How long a new connection may take to say HELLO, 1 to 3600 seconds. Then it is closed.
        hello_seconds: u32 = 10,
    }

    /// Which threads there are, and where they run.
    threads: Threads {
        /// "fused": one thread has sockets and engine; "split": the engine has its own; "auto" decides by cores.
        layout: Layout = Layout::Auto,
        /// Sub-reactors; 0 decides by cores.
        reactors: usize = 0,
        /// CPUs to use, the engine's first; empty decides by the machine.
        cpus: Vec<usize> = Vec::new(),
        /// Leave a CPU to a load generator on this machine.
        leave_generator_cpu: bool = false,
    }
}

/// Which store serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreMode {
    /// Engine and journal in this process.
    Embedded,
    /// Redis and MySQL, for any number of servers like this one.
    Cluster,
}

/// A payment gateway. Its key is never printed, only where it lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// Its number: what PAY_OPEN and callbacks name. Never 0.
    pub id: u16,
    /// The file that holds its key: all of it but for white space at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// The environment variable that holds its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
}

impl Gateway {
    /// Its key, from where it lies.
    ///
    /// # Errors
    /// Where it is not there, or named twice or not at all.
    pub fn key(&self) -> Result<Vec<u8>, BadUsage> {
        let id = self.id;
        let text = match (&self.key_file, &self.key_env) {
            (Some(file), None) => std::fs::read(file)
                .map_err(|why| BadUsage(format!("the key of gateway {id}, {}: {why}", file.display())))?,
            (None, Some(name)) => std::env::var(name)
                .map_err(|why| BadUsage(format!("the key of gateway {id}, variable {name}: {why}")))?
                .into_bytes(),
            (None, None) | (Some(_), Some(_)) => {
                return Err(BadUsage(format!("gateway {id}: name either key_file or key_env")));
            }
        };
        Ok(text.trim_ascii_end().to_vec())
    }
}

/// How a group becomes durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Whichever is faster on this disk, measured at every start.
    Auto,
    /// Each write carries its own sync.
    Dsync,
    /// A sync follows the writes.
    Fsync,
}

/// What becomes of a segment that is kept no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnExpiry {
    /// It stays.
    Keep,
    /// It goes to the archive.
    Archive,
    /// It is deleted.
    Delete,
}

/// Who runs the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// By the number of cores.
    Auto,
    /// The only sub-reactor.
    Fused,
    /// A thread of its own.
    Split,
}

impl Config {
    /// The defaults, overruled by the file (if one is named), overruled by the environment.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Config> {
        let mut config = Config::default();
        if let Some(file) = file {
            let text = std::fs::read_to_string(file).map_err(|why| {
                BadUsage(format!("the configuration {} cannot be read: {why}", file.display()))
            })?;
            config
                .overrule_by_toml(&text)
                .map_err(|why| BadUsage(format!("the configuration {} is wrong: {why}", file.display())))?;
        }
        config.overrule_by_environment(std::env::vars())?;
        Ok(config)
    }

    /// Takes over what a TOML text says. An unknown section or key is an error that names the nearest known one.
    pub fn overrule_by_toml(&mut self, text: &str) -> Result<(), BadUsage> {
        let table: toml::Table = text.parse().map_err(|why: toml::de::Error| BadUsage(in_one_line(&why)))?;
        for (name, value) in table {
            let (section, keys) = section_named(&name)?;
            self.overrule_section(section, keys, value)?;
        }
        Ok(())
    }

    /// The same for one section, and for those within it: `[store.cluster]` is a table in the table `[store]`.
    fn overrule_section(
        &mut self,
        section: &'static str,
        keys: &[&str],
        value: toml::Value,
    ) -> Result<(), BadUsage> {
        let shown = title(section);
        let toml::Value::Table(values) = value else {
            return Err(BadUsage(format!("«{shown}» is a section: write [{shown}]")));
        };
        for (key, value) in values {
            let within = format!("{section}_{key}");
            if let Some(&(within, keys)) = Config::KEYS.iter().find(|(name, _)| *name == within) {
                self.overrule_section(within, keys, value)?;
                continue;
            }
            known(&key, keys, &format!("key in [{shown}]"))?;
            self.set(section, &key, value)
                .map_err(|why| BadUsage(format!("{shown}.{key}: {}", in_one_line(&why))))?;
        }
        Ok(())
    }

    /// Takes over every variable `TIDEGATE_<SECTION>_<KEY>`; other variables are not looked at.
    pub fn overrule_by_environment(
        &mut self,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<(), BadUsage> {
        for (name, text) in variables {
            let Some((section, keys, key)) = section_and_key(&name) else { continue };
            known(&key, keys, &format!("key in {name}: [{}]", title(section)))?;
            // What reads as a TOML value is one (numbers, booleans); all else is a string without its quotes.
            let parsed =
                format!("it = {text}").parse::<toml::Table>().ok().and_then(|mut it| it.remove("it"));
            let as_text = toml::Value::String(text);
            let tried = match parsed {
                Some(value) => self.set(section, &key, value).or_else(|_| self.set(section, &key, as_text)),
                None => self.set(section, &key, as_text),
            };
            tried.map_err(|why| BadUsage(format!("{name}: {}", in_one_line(&why))))?;
        }
        Ok(())
    }
}

/// The section that a variable's name begins with (the longest: `store_cluster` before `store`), its keys, and the rest
/// of the name as a key.
fn section_and_key(variable: &str) -> Option<(&'static str, &'static [&'static str], String)> {
    let name = variable.strip_prefix("TIDEGATE_")?.to_ascii_lowercase();
    let of_section = |&(section, keys): &(&'static str, &'static [&'static str])| {
        let key = name.strip_prefix(section)?.strip_prefix('_')?;
        Some((section, keys, key.to_owned()))
    };
    Config::KEYS.iter().filter_map(of_section).max_by_key(|(section, ..)| section.len())
}

/// A section and its keys by its name in TOML.
fn section_named(name: &str) -> Result<(&'static str, &'static [&'static str]), BadUsage> {
    let titles: Vec<String> = Config::KEYS.iter().map(|(section, _)| title(section)).collect();
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    known(name, &titles, "section")?;
    let found = Config::KEYS.iter().find(|(section, _)| title(section) == name);
    Ok(*found.expect("it is known"))
}

/// A section as it stands in TOML: no single word of a section's name has an underscore.
fn title(section: &str) -> String {
    section.replace('_', ".")
}

/// Refuses a name that is not in the list, and says which one was probably meant.
fn known(name: &str, list: &[&str], what: &str) -> Result<(), BadUsage> {
    if list.contains(&name) {
        return Ok(());
    }
    let nearest = list.iter().min_by_key(|known| strsim::damerau_levenshtein(name, known));
    let nearest = nearest.expect("no list of names is empty");
    Err(BadUsage(format!("«{name}» is no {what}; did you mean «{nearest}»?")))
}

fn in_one_line(why: &toml::de::Error) -> String {
    why.message().replace('\n', " ")
}

fn comment(text: &mut String, lines: &[&str]) {
    for line in lines {
        let _ = writeln!(text, "#{line}");
    }
}

fn assign(text: &mut String, key: &str, value: &impl Serialize) {
    let value = toml::Value::try_from(value).expect("every type in the table is a TOML value");
    let _ = writeln!(text, "{key} = {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(toml: &str) -> String {
        Config::default().overrule_by_toml(toml).expect_err("it is wrong").to_string()
    }

    fn from_environment(name: &str, value: &str) -> Result<Config, String> {
        let mut config = Config::default();
        let variables = [(name.to_owned(), value.to_owned())];
        config.overrule_by_environment(variables.into_iter()).map_err(|why| why.to_string())?;
        Ok(config)
    }

    #[test]
    fn the_printed_default_parses_back_to_the_default() {
        let mut config = Config::default();
        config.server.listen = SocketAddr::from(([0, 0, 0, 0], 1));
        config.overrule_by_toml(&Config::default().to_toml()).expect("it was printed by us");
        assert_eq!(config, Config::default());
    }

    #[test]
    fn every_key_is_printed_under_a_comment() {
        let text = Config::default().to_toml();
        let table: toml::Table = text.parse().expect("it is TOML");
        let lines: Vec<&str> = text.lines().collect();
        for (section, keys) in Config::KEYS {
            let within =
                Config::KEYS.iter().filter(|(name, _)| name.starts_with(&format!("{section}_"))).count();
            let printed = section.split('_').try_fold(&table, |table, word| table.get(word)?.as_table());
            let printed = printed.expect("a section");
            assert_eq!(printed.len(), keys.len() + within, "[{section}]");
            for key in *keys {
                assert!(printed.contains_key(*key), "{section}.{key}");
                let starts = format!("{key} = ");
                let at = lines.iter().position(|line| line.starts_with(&starts)).expect("the key's line");
                assert!(lines[at - 1].starts_with("# "), "{section}.{key} has no comment");
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_what_was_meant() {
        for (toml, told) in [
            ("[server]\nlisten_to = 1", "«listen_to» is no key in [server]; did you mean «listen»?"),
            ("[sever]\nlisten = 1", "«sever» is no section; did you mean «server»?"),
            ("server = 1", "«server» is a section: write [server]"),
            ("[store]\ncluster = 1", "«store.cluster» is a section: write [store.cluster]"),
            ("[store_cluster]\nhome = 1", "«store_cluster» is no section; did you mean «store.cluster»?"),
            ("[store.cluster]\nhom = 1", "«hom» is no key in [store.cluster]; did you mean «home»?"),
        ] {
            assert_eq!(refused(toml), told);
        }
        assert!(refused("[server]\nlisten = 7171").starts_with("server.listen: "));
        assert!(
            refused("[store]\nmode = \"cloud\"").contains("unknown variant `cloud`, expected `embedded` or")
        );
        assert!(refused("[store.cluster]\nhome = -1").starts_with("store.cluster.home: "));
        assert!(!refused("[server\n").contains('\n'));
    }

    #[test]
    fn a_section_within_another_is_read_and_printed_without_its_passwords() {
        let mut config = Config::default();
        let text = "[store]\nmode = \"cluster\"\n[store.cluster]\nredis = \"redis://:hush@r:1\"\n\
                    mysql = [\"mysql://a:hush@b/c\", \"mysql://a:hush@d/c\"]\n";
        config.overrule_by_toml(text).expect("as the docs write it");
        assert_eq!((config.store.mode, config.store_cluster.mysql.len()), (StoreMode::Cluster, 2));
        assert_eq!(config.store_cluster.mysql[1].reveal(), "mysql://a:hush@d/c");
        let printed = config.to_toml();
        assert!(printed.contains("\n[store.cluster]\n") && printed.contains("\"mysql://a:***@b/c\""));
        assert!(!printed.contains("hush") && !format!("{config:?}").contains("hush"));
    }

    #[test]
    fn the_environment_beats_the_file() {
        let config = from_environment("TIDEGATE_SERVER_LISTEN", "[::1]:9").expect("an address");
        assert_eq!(config.server.listen, "[::1]:9".parse::<SocketAddr>().expect("an address"));
        let config = from_environment("TIDEGATE_STORE_DATA", "7").expect("a path may look like a number");
        assert_eq!(config.store.data, PathBuf::from("7"));
        let config = from_environment("TIDEGATE_STORE_CLUSTER_HOME", "1").expect("the longer section's");
        assert_eq!(config.store_cluster.home, 1);
        let mysql = r#"["mysql://a:b@c/d"]"#;
        let config = from_environment("TIDEGATE_STORE_CLUSTER_MYSQL", mysql).expect("a list");
        assert_eq!(config.store_cluster.mysql, [Address::from("mysql://a:b@c/d")]);
        assert_eq!(from_environment("TIDEGATE_SEED", "7").expect("not ours"), Config::default());
        assert_eq!(
            from_environment("TIDEGATE_SERVER_LISTEM", "7").expect_err("a typo"),
            "«listem» is no key in TIDEGATE_SERVER_LISTEM: [server]; did you mean «listen»?"
        );
    }
}
