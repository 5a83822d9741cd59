//! Connections to one database: few, checked when they are made, and none of them used again after it went wrong.
//!
//! The driver's own pool resets a connection each time it comes back (a round trip an order batch, and the session's
//! settings gone) and waits for ever for a free one; this one does neither. Everything has a time-out: to connect, to
//! get a connection, for a statement, for a COMMIT.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mysql_async::prelude::{FromRow, Queryable};
use mysql_async::{Conn, Opts, OptsBuilder, Row};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::fault::{Fault, FaultKind, TxFault};
use super::settings;
use super::text::Sql;

/// How many connections a node has to a database, and how long it waits for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Until a new connection is there and checked.
    pub connect: Duration,
    /// Until a connection is free.
    pub acquire: Duration,
    /// For the statements of one round trip. Above the server's own lock wait, whose answer is the better one.
    pub statement: Duration,
    /// For COMMIT: then its outcome counts as unknown.
    pub commit: Duration,
}

impl Limits {
    /// Four batches at work, and nothing waits longer than five seconds.
    pub const DEFAULT: Limits = Limits {
        connections: 4,
        connect: Duration::from_secs(2),
        acquire: Duration::from_millis(500),
        statement: Duration::from_millis(1_000 * settings::LOCK_WAIT_SECONDS_MAX + 1_000),
        commit: Duration::from_secs(5),
    };
}

/// A connection that nobody used for this long is asked whether it still lives before it is.
const PING_AFTER: Duration = Duration::from_secs(1);
/// How long a connection that is given up may take to say good-bye.
const CLOSE_MAX: Duration = Duration::from_secs(1);
/// How long a statement may take that makes tables.
const MAKING_MAX: Duration = Duration::from_secs(30);
/// What the driver accepts as one packet of an answer: a row has a record and little more.
const ANSWER_BYTES_MAX: usize = 32 << 20;

/// One database, and this node's connections to it.
pub struct Database {
    name: String,
    opts: Opts,
    limits: Limits,
    permits: Semaphore,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    conn: Conn,
    since: Instant,
}

/// A connection that is at work for one caller. Given back when dropped, where nothing was left open on it.
pub struct Lease<'a> {
    database: &'a Database,
    /// Taken out only by `drop`.
    conn: Option<Conn>,
    /// Something is under way: dropped now, the next caller would read this one's answer.
    at_work: bool,
    in_transaction: bool,
    /// For the statements of one round trip.
    statement: Duration,
    /// An answer was not what was asked for: whatever comes next on this connection may be another one's, too.
    strange: Arc<AtomicBool>,
    _permit: SemaphorePermit<'a>,
}

impl Database {
    /// A database by its address. Nothing is connected yet.
    ///
    /// # Errors
    /// What is no address; the words do not repeat it, as it has a password.
    pub fn new(url: &str, limits: Limits) -> Result<Database, Fault> {
        let opts = Opts::from_url(url).map_err(|why| {
            Fault::new(FaultKind::Address, format!("the address of a database is wrong ({why})"))
        })?;
        let Some(database) = opts.db_name() else {
            return Err(Fault::new(FaultKind::Address, "the address of a database names no database"));
        };
        let name = format!("{}:{}/{database}", opts.ip_or_hostname(), opts.tcp_port());
        let opts = OptsBuilder::from_opts(opts)
            .prefer_socket(false)
            .stmt_cache_size(0)
            .max_allowed_packet(Some(ANSWER_BYTES_MAX))
            // Known, so that it is not asked for: connections are looked at before they are used, not by their age.
            .wait_timeout(Some(28_800));
        Ok(Database {
            name,
            opts: opts.into(),
            limits,
            permits: Semaphore::new(limits.connections),
            idle: Mutex::new(Vec::with_capacity(limits.connections)),
        })
    }

    /// `host:port/database`, without user and password.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A connection for one piece of work.
    ///
    /// # Errors
    /// None is free in time, or none can be made: unreachable, not let in, a setting that breaks a promise.
    pub async fn lease(&self) -> Result<Lease<'_>, Fault> {
        let permit = match timeout(self.limits.acquire, self.permits.acquire()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) | Err(_) => {
                let all = self.limits.connections;
                return Err(self.fault(FaultKind::NoConnection, format!("all {all} connections are at work")));
            }
        };
        let conn = match self.take_idle().await {
            Some(conn) => conn,
            None => self.connect().await?,
        };
        Ok(Lease {
            database: self,
            conn: Some(conn),
            at_work: false,
            in_transaction: false,
            statement: self.limits.statement,
            strange: Arc::default(),
            _permit: permit,
        })
    }

    async fn take_idle(&self) -> Option<Conn> {
        loop {
            let Idle { mut conn, since } = self.idle().pop()?;
            if since.elapsed() < PING_AFTER {
                return Some(conn);
            }
            match timeout(self.limits.connect, conn.ping()).await {
                Ok(Ok(())) => return Some(conn),
                Ok(Err(_)) | Err(_) => close(conn),
            }
        }
    }

    async fn connect(&self) -> Result<Conn, Fault> {
        let connecting = async {
            let mut conn = Conn::new(self.opts.clone()).await?;
            conn.query_drop(settings::SESSION).await?;
            let variables: Vec<(String, String)> = conn.query(settings::ASKED).await?;
            Ok::<_, mysql_async::Error>((conn, variables))
        };
        match timeout(self.limits.connect, connecting).await {
            Ok(Ok((conn, variables))) => match settings::judge(&variables) {
                Ok(()) => Ok(conn),
                Err(fault) => {
                    close(conn);
                    Err(self.named(fault))
                }
            },
            Ok(Err(why)) => {
                let mut fault = Fault::of(&why);
                if fault.kind == FaultKind::Lost {
                    fault.kind = FaultKind::Unreachable;
                }
                Err(self.named(fault))
            }
            Err(_) => {
                let waited = self.limits.connect;
                Err(self.fault(FaultKind::Unreachable, format!("no connection within {waited:?}")))
            }
        }
    }

    fn fault(&self, kind: FaultKind, said: String) -> Fault {
        self.named(Fault { kind, said })
    }

    /// The fault with the database's name before it.
    fn named(&self, Fault { kind, said }: Fault) -> Fault {
        Fault { kind, said: format!("{}: {said}", self.name) }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        // Nothing that holds the lock can panic in the middle of a change.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("name", &self.name)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Lease<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("database", &self.database.name).finish_non_exhaustive()
    }
}

impl Lease<'_> {
    /// The server's name for this connection, as in its list of processes.
    pub fn id(&self) -> u32 {
        self.conn.as_ref().map_or(0, Conn::id)
    }

    /// From now on statements may take as long as making tables does, on a disk that others use, too.
    pub(super) fn be_patient(&mut self) {
        self.statement = self.statement.max(MAKING_MAX);
    }

    /// Runs statements that answer with rows, each with a list of its own. One without rows has an empty list, or none at the end.
    pub(super) async fn read(&mut self, sql: &Sql) -> Result<Answer, Fault> {
        debug_assert!(!sql.is_empty());
        if self.at_work {
            let said = "an earlier statement has no answer yet, and the next one would be taken for it";
            return Err(self.database.fault(FaultKind::Lost, said.into()));
        }
        let wait = self.statement;
        let conn = self.conn.as_mut().expect("a lease has its connection until it is dropped");
        self.at_work = true;
        let asking = async {
            let mut results = conn.query_iter(sql.text()).await?;
            let mut lists = Vec::new();
            while !results.is_empty() {
                lists.push(results.collect::<Row>().await?);
            }
            results.drop_result().await?;
            Ok::<_, mysql_async::Error>(lists)
        };
        match timeout(wait, asking).await {
            Ok(Ok(lists)) => {
                self.at_work = false;
                Ok(Answer { lists: lists.into_iter(), strange: Arc::clone(&self.strange) })
            }
            Ok(Err(why)) => {
                let fault = self.database.named(Fault::of(&why));
                self.at_work = !fault.kind.spares_the_connection();
                self.distrust_idle(&fault);
                Err(fault)
            }
            Err(_) => Err(self.database.fault(FaultKind::TimedOut, format!("no answer within {wait:?}"))),
        }
    }

    /// Runs statements that answer with no rows.
    pub(super) async fn run(&mut self, sql: &Sql) -> Result<(), Fault> {
        self.read(sql).await.map(drop)
    }

    /// [`Lease::read`] of a transaction's first statements.
    pub(super) async fn begin(&mut self, sql: &Sql) -> Result<Answer, Fault> {
        debug_assert!(sql.text().starts_with(START) && !self.in_transaction);
        self.in_transaction = true;
        self.read(sql).await
    }

    /// How many rows the last statement changed.
    pub(super) fn affected(&self) -> u64 {
        self.conn.as_ref().map_or(0, Conn::affected_rows)
    }

    /// Ends the transaction. Whatever goes wrong from here on leaves its outcome unknown: even an error that the
    /// server says may come after it wrote its logs.
    pub(super) async fn commit(&mut self) -> Result<(), TxFault> {
        let wait = self.database.limits.commit;
        let conn = self.conn.as_mut().expect("a lease has its connection until it is dropped");
        self.at_work = true;
        let fault = match timeout(wait, conn.query_drop("COMMIT")).await {
            Ok(Ok(())) => {
                (self.at_work, self.in_transaction) = (false, false);
                return Ok(());
            }
            Ok(Err(why)) => self.database.named(Fault::of(&why)),
            Err(_) => self.database.fault(FaultKind::TimedOut, format!("COMMIT took more than {wait:?}")),
        };
        self.distrust_idle(&fault);
        Err(TxFault::Unknown(fault))
    }

    /// Ends the transaction by what came of it: commits where it wrote something, as the second word says, and otherwise
    /// leaves no trace.
    pub(super) async fn end<T>(&mut self, written: Result<(T, bool), Fault>) -> Result<T, TxFault> {
        match written {
            Ok((decided, true)) => self.commit().await.map(|()| decided),
            Ok((decided, false)) => {
                self.roll_back().await;
                Ok(decided)
            }
            Err(fault) => {
                self.roll_back().await;
                Err(fault.into())
            }
        }
    }

    /// Ends the transaction without a trace. Where even that fails the connection is closed, which does the same.
    pub(super) async fn roll_back(&mut self) {
        if self.at_work || self.strange.load(Ordering::Relaxed) {
            return; // the connection goes when the lease does
        }
        let wait = self.database.limits.statement;
        let conn = self.conn.as_mut().expect("a lease has its connection until it is dropped");
        self.at_work = true;
        if let Ok(Ok(())) = timeout(wait, conn.query_drop("ROLLBACK")).await {
            (self.at_work, self.in_transaction) = (false, false);
        }
    }

    /// When one connection broke, those that wait are broken, too: the next callers shall not find out one by one.
    fn distrust_idle(&self, fault: &Fault) {
        if fault.kind == FaultKind::Lost {
            let broken = std::mem::take(&mut *self.database.idle());
            broken.into_iter().for_each(|idle| close(idle.conn));
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        if self.at_work || self.in_transaction || self.strange.load(Ordering::Relaxed) {
            close(conn);
        } else {
            self.database.idle().push(Idle { conn, since: Instant::now() });
        }
    }
}

/// How a transaction's first statements begin.
pub(super) const START: &str = "START TRANSACTION;";

/// Closes a connection without waiting for it, and without reading what is still to come on it.
fn close(conn: Conn) {
    // Outside of a runtime the process is about to end, and its sockets with it.
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(timeout(CLOSE_MAX, conn.disconnect()));
    }
}

/// The lists of rows that statements answered with, one after the other.
#[derive(Debug)]
pub(super) struct Answer {
    lists: std::vec::IntoIter<Vec<Row>>,
    strange: Arc<AtomicBool>,
}

impl Answer {
    /// The rows of the next statement.
    pub fn next<T: FromRow>(&mut self) -> Result<Vec<T>, Fault> {
        let list = self.lists.next().ok_or_else(|| self.is_strange("a statement has no answer"))?;
        let row = |row| {
            mysql_async::from_row_opt(row)
                .map_err(|why| self.is_strange(&format!("a row has other columns ({why})")))
        };
        list.into_iter().map(row).collect()
    }

    /// Past the answer of a statement that has no rows.
    pub fn skip(&mut self) -> Result<(), Fault> {
        self.next::<Row>().map(drop)
    }

    fn is_strange(&self, why: &str) -> Fault {
        self.strange.store(true, Ordering::Relaxed);
        Fault::new(FaultKind::Corrupt, why)
    }
}
