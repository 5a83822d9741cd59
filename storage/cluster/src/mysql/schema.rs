//! The tables, made by numbered files under `schema/`. A database remembers which files it has had, with a hash of
//! each, so a file that was changed after it ran is noticed.
//!
//! MySQL commits at each CREATE TABLE, so a file cannot run as a whole or not at all. Each of its statements therefore
//! does nothing when it is repeated, and what died in the middle is simply run again.

use mysql_async::Row;
use xxhash_rust::xxh3::xxh3_64;

use super::fault::{Fault, FaultKind};
use super::pool::{Database, Lease};
use super::text::{Cell, Sql};

/// What a database is for. One may be both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Totals, slots, locks, the catalogue: one database of the cluster.
    Home,
    /// Orders of the users whose slots live here.
    Shard,
}

/// One file of a schema.
struct Migration {
    number: u64,
    text: &'static str,
}

const HOME: &[Migration] = &[Migration { number: 1, text: include_str!("schema/home_0001_tables.sql") }];

const SHARD: &[Migration] = &[
    Migration { number: 1, text: include_str!("schema/shard_0001_tables.sql") },
    Migration { number: 2, text: include_str!("schema/shard_0002_request_keys.sql") },
];

/// A lock of the server's, not a row: the tables are not there yet. Its name is one for all databases of a server.
const LOCK: &str = "SELECT GET_LOCK('tidegate schema', 2)";
const UNLOCK: &str = "SELECT RELEASE_LOCK('tidegate schema')";

const APPLIED: &str = "CREATE TABLE IF NOT EXISTS schema_files (role TINYINT UNSIGNED NOT NULL, number INT UNSIGNED \
     NOT NULL, hash BIGINT UNSIGNED NOT NULL, PRIMARY KEY (role, number)) ENGINE = InnoDB";

impl Role {
    fn number(self) -> u64 {
        match self {
            Role::Home => 1,
            Role::Shard => 2,
        }
    }

    fn migrations(self) -> &'static [Migration] {
        match self {
            Role::Home => HOME,
            Role::Shard => SHARD,
        }
    }
}

/// Brings a database's tables to the newest form. Says how many files it ran; 0: they were all there.
///
/// # Errors
/// The database cannot be reached, or has had a file that this build does not have, or with another content.
pub async fn migrate(database: &Database, role: Role) -> Result<usize, Fault> {
    let mut lease = database.lease().await?;
    lease.be_patient();
    let got = lease.read(Sql::new().raw(LOCK)).await?.next::<(Option<u8>,)>()?;
    if got != [(Some(1),)] {
        return Err(Fault::new(FaultKind::Locked, "another node is making tables"));
    }
    let ran = migrate_locked(&mut lease, role).await;
    // Where this fails the lock goes with the connection; what went wrong before it is what people want to hear of.
    let unlocked = lease.read(Sql::new().raw(UNLOCK)).await.and_then(|mut answer| answer.next::<Row>());
    let ran = ran?;
    unlocked?;
    Ok(ran)
}

async fn migrate_locked(lease: &mut Lease<'_>, role: Role) -> Result<usize, Fault> {
    lease.run(Sql::new().raw(APPLIED)).await?;
    let mut asked = Sql::new();
    asked.raw("SELECT number, hash FROM schema_files WHERE role = ").number(role.number());
    let applied = lease.read(&asked).await?.next::<(u64, u64)>()?;
    let migrations = role.migrations();
    if let Some((number, _)) =
        applied.iter().find(|(number, _)| !migrations.iter().any(|m| m.number == *number))
    {
        return Err(Fault::new(
            FaultKind::Setting,
            format!("the database is of a newer Tidegate (its schema has file {number})"),
        ));
    }
    let mut ran = 0;
    for migration in migrations {
        let hash = xxh3_64(migration.text.as_bytes());
        match applied.iter().find(|(number, _)| *number == migration.number) {
            Some((_, had)) if *had == hash => (),
            Some(_) => {
                let number = migration.number;
                let said = format!("file {number} of the schema is not the one that made this database");
                return Err(Fault::new(FaultKind::Setting, said));
            }
            None => {
                run(lease, role, migration, hash).await?;
                ran += 1;
            }
        }
    }
    Ok(ran)
}

async fn run(lease: &mut Lease<'_>, role: Role, migration: &Migration, hash: u64) -> Result<(), Fault> {
    for statement in statements(migration.text) {
        lease.run(Sql::new().raw(statement)).await?;
    }
    let mut done = Sql::new();
    done.raw("INSERT INTO schema_files (role, number, hash) VALUES ");
    done.row(&[Cell::Number(role.number()), Cell::Number(migration.number), Cell::Number(hash)]);
    lease.run(&done).await
}

/// The statements of a file: they end with `;`, which stands nowhere else in these files but in comments' lines, and
/// those are left to the server.
pub(super) fn statements(text: &str) -> impl Iterator<Item = &str> {
    text.split(";\n").map(str::trim).filter(|statement| !statement.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_count_up_and_only_make_what_is_not_there() {
        for role in [Role::Home, Role::Shard] {
            let numbers: Vec<u64> = role.migrations().iter().map(|migration| migration.number).collect();
            assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "{role:?}");
            for statement in role.migrations().iter().flat_map(|migration| statements(migration.text)) {
                let code =
                    statement.lines().find(|line| !line.is_empty() && !line.starts_with("--")).unwrap_or("");
                let repeatable =
                    code.starts_with("CREATE TABLE IF NOT EXISTS") || code.starts_with("INSERT IGNORE");
                assert!(repeatable, "{role:?}: {code}");
            }
        }
    }
}
