//! What all servers of a cluster say at about one moment, and whether it fits together.
//!
//! Redis and the databases cannot be read as of one instant, and while orders go on units are on their way between
//! them. So a shelf is only called wrong when two looks in a row find it the same and wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use storage_cluster::catalogue::Catalogue;
use storage_cluster::links::Servers;
use storage_cluster::mysql::{Database, Fault, ShelfHere};
use storage_cluster::shelf::ShelfKey;
use storage_cluster::{mysql, redis};

/// Looks at shelves that do not agree, until they do or stand still.
const LOOKS_MAX: u32 = 4;
/// Between two of them.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// All that was found.
#[derive(Debug)]
pub struct Overview {
    /// Each Redis that gives units away, or why none could be asked.
    pub redis: Result<Vec<redis::Alive>, String>,
    /// The databases, by their numbers.
    pub databases: Vec<DatabaseNow>,
    /// All shelves; none where not every server could be asked.
    pub shelves: Vec<ShelfNow>,
}

/// A database.
#[derive(Debug)]
pub struct DatabaseNow {
    /// `host:port/database`.
    pub name: String,
    /// Whether it is the home.
    pub is_home: bool,
    /// How many of the slots have their users here; none where the home could not be asked.
    pub slots: Option<usize>,
    /// What it says of itself, or why it does not.
    pub alive: Result<mysql::Alive, Fault>,
}

/// A shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShelfNow {
    /// Which.
    pub shelf: ShelfKey,
    /// The highest epoch of its fences; 0: it was never opened.
    pub epoch: u64,
    /// Units before any moved: a sale's cap, a coupon's quota; 0 for stock, whose units come as deltas of the home.
    pub total: u64,
    /// What the deltas of each database come to, by number.
    pub taken: Vec<i64>,
    /// Units that came back in the databases, and are not yet in Redis.
    pub returning: i64,
    /// Units and held records in Redis; none where the shelf is closed there.
    pub in_redis: Option<InRedis>,
    /// Whether it fits together.
    pub state: ShelfState,
}

/// What Redis has of an open shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InRedis {
    /// Units to give away.
    pub units: i64,
    /// Records of units that were taken, and are not yet known as sold or free.
    pub held: u64,
}

/// Whether Redis and the databases agree on a shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShelfState {
    /// Nothing moves, nothing is held, and they do not. A unit is lost, or was given away twice.
    Differs,
    /// Redis gives none of its units away until somebody has opened it.
    Closed,
    /// Units are held: for orders on their way, or for the reconciler.
    Held,
    /// It changed from look to look.
    Moving,
    /// They do, to the unit.
    Agrees,
}

impl ShelfState {
    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            ShelfState::Differs => "differs",
            ShelfState::Closed => "closed",
            ShelfState::Held => "held",
            ShelfState::Moving => "moving",
            ShelfState::Agrees => "agrees",
        }
    }
}

impl ShelfNow {
    /// Units that the databases say are left.
    pub fn left(&self) -> i64 {
        let total = i64::try_from(self.total).unwrap_or(i64::MAX);
        total.saturating_sub(self.taken.iter().sum())
    }

    /// By this look alone.
    fn judge(&self) -> ShelfState {
        match self.in_redis {
            None => ShelfState::Closed,
            Some(InRedis { units, held: 0 }) if units + self.returning == self.left() => ShelfState::Agrees,
            Some(InRedis { held: 0, .. }) => ShelfState::Differs,
            Some(_) => ShelfState::Held,
        }
    }
}

impl Overview {
    /// Asks all servers. Who cannot be asked is told in the overview.
    ///
    /// # Errors
    /// An address that is none.
    pub async fn of(servers: &Servers) -> Result<Overview, Fault> {
        let databases = servers.mysql.iter().map(|url| Database::new(url, servers.limits));
        let databases = databases.collect::<Result<Vec<_>, _>>()?;
        let home = &databases[usize::from(servers.home.0)];
        let client = redis::Client::connect(&servers.redis).await;
        let redis = match &client {
            Ok(client) => client.servers().await.map_err(|failed| failed.to_string()),
            Err(failed) => Err(failed.to_string()),
        };
        let slots = slots(home).await.ok();
        let mut looked = Vec::with_capacity(databases.len());
        for (number, database) in databases.iter().enumerate() {
            looked.push(DatabaseNow {
                name: database.name().to_owned(),
                is_home: number == usize::from(servers.home.0),
                slots: slots
                    .as_ref()
                    .map(|slots| slots.iter().filter(|&&of| usize::from(of) == number).count()),
                alive: alive(database).await,
            });
        }
        let all_live = redis.is_ok() && looked.iter().all(|database| database.alive.is_ok());
        let shelves = match &client {
            Ok(client) if all_live => settled(client, &databases, home).await,
            Ok(_) | Err(_) => None,
        };
        if let Ok(client) = client {
            client.close().await;
        }
        Ok(Overview { redis, databases: looked, shelves: shelves.unwrap_or_default() })
    }

    /// Every server lives and fits, and no shelf is wrong.
    pub fn is_well(&self) -> bool {
        let redis = self
            .redis
            .as_ref()
            .is_ok_and(|servers| !servers.is_empty() && servers.iter().all(|server| server.unfit.is_empty()));
        let dealt = self.databases.iter().all(|database| database.slots.is_some());
        redis
            && dealt
            && self.databases.iter().all(|database| database.alive.is_ok())
            && self.shelves.iter().all(|shelf| shelf.state != ShelfState::Differs)
    }
}

async fn alive(database: &Database) -> Result<mysql::Alive, Fault> {
    mysql::alive(&mut database.lease().await?).await
}

/// Whose number each slot has.
async fn slots(home: &Database) -> Result<Vec<u16>, Fault> {
    let slots = mysql::read_slots(&mut home.lease().await?).await?;
    Ok(slots.into_iter().map(|(shard, _version)| shard.0).collect())
}

/// All shelves, looked at until those that do not agree stand still. None: a server went away meanwhile.
async fn settled(client: &redis::Client, databases: &[Database], home: &Database) -> Option<Vec<ShelfNow>> {
    let mut shelves = look(client, databases, home).await?;
    for _ in 1..LOOKS_MAX {
        if shelves.iter().all(|shelf| matches!(shelf.state, ShelfState::Agrees | ShelfState::Closed)) {
            break;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        let before = std::mem::replace(&mut shelves, look(client, databases, home).await?);
        for shelf in &mut shelves {
            let stood_still = before.iter().any(|old| {
                old.shelf == shelf.shelf && (old.taken == shelf.taken) && (old.in_redis == shelf.in_redis)
            });
            if shelf.state == ShelfState::Differs && !stood_still {
                shelf.state = ShelfState::Moving;
            }
        }
        if shelves.iter().all(|shelf| shelf.state != ShelfState::Moving) {
            break;
        }
    }
    Some(shelves)
}

async fn look(client: &redis::Client, databases: &[Database], home: &Database) -> Option<Vec<ShelfNow>> {
    let mut here: Vec<Vec<ShelfHere>> = Vec::with_capacity(databases.len());
    for database in databases {
        here.push(mysql::shelves_here(&mut database.lease().await.ok()?).await.ok()?);
    }
    let catalogue = Catalogue::new();
    catalogue.refresh(&mut home.lease().await.ok()?).await.ok()?;
    let mut shelves: BTreeMap<ShelfKey, ShelfNow> = BTreeMap::new();
    let of = |shelf| ShelfNow {
        shelf,
        epoch: 0,
        total: catalogue.total(shelf),
        taken: vec![0; databases.len()],
        returning: 0,
        in_redis: None,
        state: ShelfState::Closed,
    };
    shelves.extend(catalogue.shelves().into_iter().map(|shelf| (shelf, of(shelf))));
    for (number, rows) in here.into_iter().enumerate() {
        for ShelfHere { shelf, epoch, taken, returning } in rows {
            let now = shelves.entry(shelf).or_insert_with(|| of(shelf));
            now.epoch = now.epoch.max(epoch);
            now.taken[number] = taken;
            now.returning += returning;
        }
    }
    for now in shelves.values_mut() {
        let look = client.look(now.shelf).await.ok()?;
        let open = look.open().is_some();
        now.in_redis =
            look.shelf.filter(|_| open).map(|shelf| InRedis { units: shelf.units, held: look.held });
        now.state = now.judge();
    }
    Some(shelves.into_values().collect())
}

#[cfg(test)]
mod tests {
    use domain::{SkuId, WarehouseId};

    use super::*;

    /// A shelf of 100 units, of which so many left by each of two databases.
    fn shelf(taken: [i64; 2], returning: i64, in_redis: Option<(i64, u64)>) -> ShelfNow {
        ShelfNow {
            shelf: ShelfKey::Stock(SkuId(1), WarehouseId(1)),
            epoch: 1,
            total: 100,
            taken: taken.to_vec(),
            returning,
            in_redis: in_redis.map(|(units, held)| InRedis { units, held }),
            state: ShelfState::Closed,
        }
    }

    #[test]
    fn redis_has_what_the_databases_say_is_left() {
        for (taken, returning, in_redis, state) in [
            ([0, 0], 0, Some((100, 0)), ShelfState::Agrees),
            ([30, 20], 0, Some((50, 0)), ShelfState::Agrees),
            ([30, 20], 5, Some((45, 0)), ShelfState::Agrees), // five are on their way back
            ([-900, 20], 0, Some((980, 0)), ShelfState::Agrees), // an operator's units came by the home's deltas
            ([30, 20], 0, Some((51, 0)), ShelfState::Differs),
            ([30, 20], 0, Some((49, 0)), ShelfState::Differs),
            ([30, 20], 0, Some((49, 1)), ShelfState::Held),
            ([30, 20], 0, None, ShelfState::Closed),
        ] {
            let shelf = shelf(taken, returning, in_redis);
            assert_eq!(shelf.judge(), state, "{shelf:?}");
        }
    }
}
