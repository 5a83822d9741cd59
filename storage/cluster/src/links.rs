//! What one thread of a node talks to: Redis, and the databases, one of which is the home.
//!
//! Connections belong to the runtime they were made in, so each thread that works has links of its own.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use domain::{OrderId, UserId};

use crate::mysql::{self, Database, Fault, NoSlice, Role, SliceRules, Slices};
use crate::redis;
use crate::shelf::ShardNo;

/// Where a cluster's servers are, and how long is waited for them.
#[derive(Clone)]
pub struct Servers {
    /// Redis.
    pub redis: redis::Settings,
    /// The databases, by their numbers: [`ShardNo`] counts them. New ones are added at the end.
    pub mysql: Vec<String>,
    /// Which of them is the home. It may have users' orders, too.
    pub home: ShardNo,
    /// Connections of one thread to one database.
    pub limits: mysql::Limits,
    /// When slices are opened.
    pub slices: SliceRules,
}

/// Without addresses: they have passwords.
impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers")
            .field("databases", &self.mysql.len())
            .field("home", &self.home)
            .finish_non_exhaustive()
    }
}

/// The connections of one thread.
pub struct Links {
    /// Redis.
    pub redis: redis::Client,
    databases: Vec<Shard>,
    home: ShardNo,
    rules: SliceRules,
    /// Whose database has a slot's users, by slot; none before the slots were dealt out.
    slots: RefCell<Rc<[ShardNo]>>,
}

struct Shard {
    database: Database,
    slices: RefCell<Rc<Slices>>,
}

/// No connection to begin with.
#[derive(Debug, thiserror::Error)]
pub enum NoLink {
    /// Redis.
    #[error(transparent)]
    Redis(#[from] redis::Failed),
    /// A database.
    #[error("{database}: {fault}")]
    Mysql {
        /// Its name, without user and password.
        database: String,
        /// What is wrong.
        fault: Fault,
    },
    /// An address, or their number.
    #[error("{0}")]
    Settings(String),
}

impl Links {
    /// Connects to Redis, and reads which database has which users. A database is connected to when it is needed.
    ///
    /// # Errors
    /// What cannot be reached, or was never made (`tidegate cluster init`).
    pub async fn connect(servers: &Servers) -> Result<Links, NoLink> {
        let links = Links {
            redis: redis::Client::connect(&servers.redis).await?,
            databases: databases(servers)?,
            home: servers.home,
            rules: servers.slices,
            slots: RefCell::new(Rc::from([])),
        };
        links.read_slots().await.map_err(|fault| no_link(links.home(), fault))?;
        if links.slots.borrow().is_empty() {
            let said = "the cluster was never made: run `tidegate cluster init`".into();
            return Err(NoLink::Settings(said));
        }
        Ok(links)
    }

    /// The home.
    pub fn home(&self) -> &Database {
        self.database(self.home)
    }

    /// The home's number.
    pub const fn home_no(&self) -> ShardNo {
        self.home
    }

    /// A database by its number.
    ///
    /// # Panics
    /// There is no such number.
    pub fn database(&self, no: ShardNo) -> &Database {
        &self.databases[usize::from(no.0)].database
    }

    /// All databases, each with its number: every one of them has fences and deltas.
    pub fn databases(&self) -> impl Iterator<Item = (ShardNo, &Database)> {
        (0_u16..).map(ShardNo).zip(self.databases.iter().map(|shard| &shard.database))
    }

    /// Where a user's rows are.
    pub fn of_user(&self, user: UserId) -> ShardNo {
        self.of_slot(OrderId::slot_of(user))
    }

    /// Where an order is.
    pub fn of_order(&self, order: OrderId) -> ShardNo {
        self.of_slot(order.slot())
    }

    /// Where a slot's users are.
    pub fn of_slot(&self, slot: u16) -> ShardNo {
        self.slots.borrow()[usize::from(slot)]
    }

    /// Reads again which database has which users.
    ///
    /// # Errors
    /// The home's; or a slot has a database that the settings do not name.
    pub async fn read_slots(&self) -> Result<(), Fault> {
        let slots = mysql::read_slots(&mut self.home().lease().await?).await?;
        let named = |(shard, _version): (ShardNo, u64)| {
            (usize::from(shard.0) < self.databases.len()).then_some(shard).ok_or_else(|| {
                let said = format!("a slot is database {}'s, and the settings name fewer", shard.0);
                Fault::new(mysql::FaultKind::Setting, said)
            })
        };
        let slots: Rc<[ShardNo]> = slots.into_iter().map(named).collect::<Result<_, _>>()?;
        *self.slots.borrow_mut() = slots;
        Ok(())
    }

    /// The slices of a database, as they were read last.
    pub fn slices(&self, no: ShardNo) -> Rc<Slices> {
        Rc::clone(&self.databases[usize::from(no.0)].slices.borrow())
    }

    /// The slices of a database, which know this order's id; read again where they do not.
    ///
    /// # Errors
    /// The database's.
    pub async fn slices_for(&self, no: ShardNo, order: OrderId) -> Result<Rc<Slices>, Fault> {
        let known = self.slices(no);
        if known.of(order) != Err(NoSlice::ReadAgain) {
            return Ok(known);
        }
        self.read_slices(no).await
    }

    /// Reads the slices of a database.
    ///
    /// # Errors
    /// The database's.
    pub async fn read_slices(&self, no: ShardNo) -> Result<Rc<Slices>, Fault> {
        let mut lease = self.database(no).lease().await?;
        let read = Rc::new(mysql::read_slices(&mut lease, &self.rules).await?);
        *self.databases[usize::from(no.0)].slices.borrow_mut() = Rc::clone(&read);
        Ok(read)
    }

    /// When slices are opened.
    pub const fn slice_rules(&self) -> &SliceRules {
        &self.rules
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let databases: Vec<&str> = self.databases.iter().map(|shard| shard.database.name()).collect();
        f.debug_struct("Links")
            .field("databases", &databases)
            .field("home", &self.home)
            .finish_non_exhaustive()
    }
}

/// Makes a cluster's tables, or brings them to the newest form; deals the slots out over all databases, where that was
/// not done; opens the first slices. Every database has the tables of a shard, the home too: an operator's stock moves
/// there as orders' do elsewhere.
///
/// # Errors
/// What cannot be reached, or has another form.
pub async fn init(servers: &Servers) -> Result<(), NoLink> {
    let databases = databases(servers)?;
    for (at, Shard { database, .. }) in databases.iter().enumerate() {
        let made = async {
            mysql::migrate(database, Role::Shard).await?;
            if at == usize::from(servers.home.0) {
                mysql::migrate(database, Role::Home).await?;
            }
            let mut lease = database.lease().await?;
            // The first call makes the first slice and asks to be called again.
            while tend(&mut lease, &servers.slices).await? == Duration::ZERO {}
            Ok::<_, Fault>(())
        };
        made.await.map_err(|fault| no_link(database, fault))?;
    }
    let home = &databases[usize::from(servers.home.0)].database;
    let count = u16::try_from(databases.len()).map_err(|_| NoLink::Settings("too many databases".into()))?;
    let dealt = async { mysql::deal_slots(&mut home.lease().await?, count).await };
    dealt.await.map_err(|fault| no_link(home, fault))
}

async fn tend(lease: &mut mysql::Lease<'_>, rules: &SliceRules) -> Result<Duration, Fault> {
    mysql::tend_slices(lease, rules).await.map_err(mysql::TxFault::into_fault)
}

fn databases(servers: &Servers) -> Result<Vec<Shard>, NoLink> {
    let Servers { mysql, home, limits, .. } = servers;
    if usize::from(home.0) >= mysql.len() || mysql.len() > usize::from(mysql::SLOTS) {
        return Err(NoLink::Settings(format!(
            "{} databases, and the home is number {}",
            mysql.len(),
            home.0
        )));
    }
    let shard = |url: &String| {
        let database = Database::new(url, *limits);
        let database = database.map_err(|fault| NoLink::Settings(fault.to_string()))?;
        Ok(Shard { database, slices: RefCell::default() })
    };
    mysql.iter().map(shard).collect()
}

fn no_link(database: &Database, fault: Fault) -> NoLink {
    NoLink::Mysql { database: database.name().into(), fault }
}
