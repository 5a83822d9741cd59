//! The home's transaction: what operators change. It begins with the row that counts the changes of the catalogue, so that
//! they are decided one after the other, each knowing all before it. Then its own fences, in share mode like everybody's.
//!
//! Unlike the batches of `commit` it reads as it goes: what is decided says what is to be read next.

use std::collections::{BTreeMap, BTreeSet};

use domain::RequestKey;
use domain::cursor::CursorName;
use domain::desk::{Key, Moved, Row};

use super::catalogue::{CatalogueRow, cells_of, put_catalogue, read_catalogue};
use super::commit::{ask_for_fences, fences};
use super::fault::{Fault, FaultKind, TxFault};
use super::keys::{Over, ask_for_keys, known, put_keys};
use super::moved::{Moves, Numbers, numbers_of};
use super::outbox;
use super::pool::{Lease, START};
use super::rows::{EventRow, Standing};
use super::subscribers::{count_letters, read_letter};
use super::text::{Cell, Sql, shelf_cells};
use crate::shelf::{Epoch, ShelfKey};

/// A transaction of the home that has the catalogue to itself.
#[derive(Debug)]
pub struct HomeTx<'l, 'a> {
    lease: &'l mut Lease<'a>,
    /// The number of the last change.
    changes: u64,
    standing: Option<Standing>,
    /// Fences that are locked; none: never raised here.
    fences: BTreeMap<ShelfKey, Option<Epoch>>,
}

/// What such a transaction writes.
#[derive(Clone, Debug, Default)]
pub struct HomeWrite {
    /// What stands under the request from now on, over what [`HomeTx::standing`] said.
    pub standing: Option<(RequestKey, Standing)>,
    /// Rows of the catalogue as they are now; nothing: gone.
    pub rows: Vec<(Key, Option<Row>)>,
    /// Dead letters as they are now; nothing: gone.
    pub letters: Vec<(CursorName, u64, Option<Row>)>,
    /// By how much counts over all users moved. Where units moved, the fence is locked.
    pub moved: Vec<Moved>,
    /// What is told, as the domain writes facts.
    pub events: Vec<EventRow>,
}

impl<'l, 'a> HomeTx<'l, 'a> {
    /// Begins it, and reads what of the catalogue was changed since this number, and what stands under the request.
    ///
    /// # Errors
    /// The database's; nothing was done.
    pub async fn begin(
        lease: &'l mut Lease<'a>,
        request: Option<RequestKey>,
        since: u64,
    ) -> Result<(HomeTx<'l, 'a>, Vec<CatalogueRow>), Fault> {
        let begun = begin(lease, request, since).await;
        match begun {
            Ok((changes, standing, rows)) => {
                Ok((HomeTx { lease, changes, standing, fences: BTreeMap::new() }, rows))
            }
            Err(fault) => {
                lease.roll_back().await;
                Err(fault)
            }
        }
    }

    /// What stands under the request.
    pub const fn standing(&self) -> Option<&Standing> {
        self.standing.as_ref()
    }

    /// The sums of shelves in this database.
    ///
    /// # Errors
    /// The database's.
    pub async fn numbers_of(&mut self, shelves: &[ShelfKey]) -> Result<BTreeMap<ShelfKey, Numbers>, Fault> {
        numbers_of(self.lease, shelves).await
    }

    /// Locks fences of this database, in share mode, and says their epochs; none: it was never raised, and is not until
    /// this transaction has ended.
    ///
    /// # Errors
    /// The database's.
    pub async fn lock_fences(
        &mut self,
        shelves: &BTreeSet<ShelfKey>,
    ) -> Result<&BTreeMap<ShelfKey, Option<Epoch>>, Fault> {
        let new: BTreeSet<ShelfKey> =
            shelves.iter().filter(|shelf| !self.fences.contains_key(shelf)).copied().collect();
        if new.is_empty() {
            return Ok(&self.fences);
        }
        // A row of epoch 0 where there is none, so that there is something to lock.
        let mut sql = Sql::new();
        sql.raw("INSERT IGNORE INTO fences (shelf_kind, shelf_id, place, epoch) VALUES ");
        for shelf in &new {
            let [kind, id, place] = shelf_cells(*shelf);
            sql.row(&[kind, id, place, Cell::Number(0)]);
        }
        sql.raw(";");
        ask_for_fences(&mut sql, &new);
        let mut answer = self.lease.read(&sql).await?;
        answer.skip()?;
        let raised = fences(&mut answer, &new)?;
        self.fences.extend(new.into_iter().map(|shelf| (shelf, raised.get(&shelf).copied())));
        Ok(&self.fences)
    }

    /// A dead letter, as the domain writes its row.
    ///
    /// # Errors
    /// The database's.
    pub async fn letter(&mut self, subscriber: CursorName, position: u64) -> Result<Option<Row>, Fault> {
        read_letter(self.lease, subscriber, position).await
    }

    /// How many dead letters there are.
    ///
    /// # Errors
    /// The database's.
    pub async fn letters(&mut self) -> Result<u64, Fault> {
        count_letters(self.lease).await
    }

    /// Writes and ends it. Says the number that the change has; that of the last one, where the catalogue did not change.
    ///
    /// # Errors
    /// The database's. Where the outcome is unknown, the key row decides.
    ///
    /// # Panics
    /// Where units move under a fence that was not locked.
    pub async fn write(self, what: &HomeWrite) -> Result<u64, TxFault> {
        let HomeTx { lease, changes, standing, fences } = self;
        let changed = changes + u64::from(!what.rows.is_empty());
        match write(lease, changed, standing.is_some(), &fences, what).await {
            Ok(()) => lease.commit().await.map(|()| changed),
            Err(fault) => {
                lease.roll_back().await;
                Err(fault.into())
            }
        }
    }

    /// Ends it without a trace.
    pub async fn roll_back(self) {
        self.lease.roll_back().await;
    }
}

type Begun = (u64, Option<Standing>, Vec<CatalogueRow>);

async fn begin(lease: &mut Lease<'_>, request: Option<RequestKey>, since: u64) -> Result<Begun, Fault> {
    let mut sql = Sql::new();
    sql.raw(START).raw("SELECT changes FROM catalogue_changes WHERE id = 1 FOR UPDATE;");
    let lists = ask_for_keys(&mut sql, request.iter(), " FOR UPDATE");
    let mut answer = lease.begin(&sql).await?;
    answer.skip()?;
    let changes = answer.next::<(u64,)>()?.first().map(|(changes,)| *changes);
    let changes =
        changes.ok_or_else(|| Fault::new(FaultKind::Corrupt, "nobody counts the catalogue's changes"))?;
    let standing = known(&mut answer, lists)?.into_values().next();
    let rows = if changes > since { read_catalogue(lease, since).await? } else { Vec::new() };
    Ok((changes, standing, rows))
}

async fn write(
    lease: &mut Lease<'_>,
    changed: u64,
    is_over_a_row: bool,
    fences: &BTreeMap<ShelfKey, Option<Epoch>>,
    what: &HomeWrite,
) -> Result<(), Fault> {
    let HomeWrite { standing, rows, letters, moved, events } = what;
    debug_assert!(rows.iter().all(|(key, _)| cells_of(key).is_some()));
    put_catalogue(lease, changed, rows).await?;
    let mut sql = Sql::new();
    if !rows.is_empty() {
        sql.raw("UPDATE catalogue_changes SET changes = ").number(changed).raw(" WHERE id = 1;");
    }
    if let Some((key, standing)) = standing {
        let over = if is_over_a_row { Over::Locked } else { Over::Nothing };
        put_keys(&mut sql, &[(key, standing)], over);
    }
    put_letters(&mut sql, letters);
    let mut moves = Moves::default();
    moves.take(moved, |shelf| fences.contains_key(shelf));
    let raised = fences.iter().filter_map(|(shelf, epoch)| Some((*shelf, (*epoch)?))).collect();
    moves.put(&mut sql, &raised);
    if !events.is_empty() {
        sql.raw("INSERT INTO outbox (events) VALUES ").row(&[Cell::Bytes(&outbox::joined(events))]).raw(";");
    }
    if sql.is_empty() {
        return Ok(());
    }
    lease.run(&sql).await
}

fn put_letters(sql: &mut Sql, letters: &[(CursorName, u64, Option<Row>)]) {
    for (subscriber, position, row) in letters {
        let [subscriber, position] = [Cell::Bytes(subscriber.as_padded()), Cell::Number(*position)];
        if let Some(row) = row {
            let mut body = Vec::new();
            row.put(&mut body);
            sql.raw("INSERT INTO dead_letters (subscriber, position, body) VALUES ");
            sql.row(&[subscriber, position, Cell::Bytes(&body)]);
            sql.raw(" ON DUPLICATE KEY UPDATE body = VALUES(body);");
        } else {
            sql.raw("DELETE FROM dead_letters WHERE ")
                .choice(&["subscriber", "position"], &[subscriber, position]);
            sql.raw(";");
        }
    }
}
