//! The transaction that changes orders: cancel, expiry, a payment, whatever else becomes of one. In the shape of
//! `commit`: fences in share mode, key rows, then the order rows and the counts; the desk decides; one COMMIT.
//!
//! Who changes an order has read it before, without locks, to know its shelves and counts. The transaction compares the
//! version: when it moved meanwhile, nothing is done and it is read again.

use std::collections::BTreeSet;

use domain::{OrderId, RequestKey};

use super::BATCH_MAX;
use super::commit::{Counts, ask_for_counts, ask_for_fences, counts, fences};
use super::fault::{Fault, TxFault};
use super::keys::{Known, ask_for_keys, known};
use super::pieces::{Piece, Pieces};
use super::pool::{Database, Lease, START};
use super::read::{ask_for_orders, order_rows};
use super::rows::{ChangedOrder, CountKey, OrderRow, Standing};
use super::slices::{NoSlice, Slices};
use super::text::Sql;
use super::write::{Fences, Rows};
use crate::shelf::{Epoch, ShelfKey};

/// A change of one order, as far as it is known before the transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The order. It is of this shard.
    pub order: OrderId,
    /// Its version when it was read.
    pub version: u32,
    /// The request that asks for it and the hash of its body; timers and gateways have none.
    pub request: Option<(RequestKey, u64)>,
    /// The shelves whose units it moves. With an epoch: units are taken again, and Redis gave them under this one.
    pub shelves: Vec<(ShelfKey, Option<Epoch>)>,
    /// What is counted of its user.
    pub counts: Vec<CountKey>,
}

/// What a transaction read of an order under its locks.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The order, at the version that was asked for.
    pub order: &'a OrderRow,
    /// The counts that were asked for.
    pub counts: &'a Counts,
}

/// Who decides what becomes of an order. It may be asked several times: only what it said last counts.
pub trait ChangeDesk {
    /// Why nothing is changed.
    type Refusal;

    /// Decides about the change at this place of the batch.
    ///
    /// # Errors
    /// The shop refuses it.
    fn decide(&mut self, at: usize, found: Found<'_>) -> Result<ChangedOrder, Self::Refusal>;
}

/// What became of one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed<R> {
    /// It is done.
    Now,
    /// Something stands under its request id: compare the body hash; what was done then is the answer.
    Stands(Standing),
    /// There is no such order.
    NoOrder,
    /// The order has another version by now: read it again.
    Moved {
        /// The version.
        version: u32,
    },
    /// A shelf has another epoch here than Redis gave under.
    Fenced {
        /// The shelf.
        shelf: ShelfKey,
        /// The epoch here; nothing: this shard knows no such shelf.
        epoch: Option<Epoch>,
    },
    /// The desk refused it.
    Refused(R),
    /// Its id lies in no slice that is known.
    NoSlice(NoSlice),
    /// The database's fault. [`TxFault::Unknown`]: read the order, or ask again with the same request id.
    Failed(TxFault),
}

/// Changes orders, at most [`BATCH_MAX`], and says what became of each, in their order. Units that come back leave the
/// sum here, and are loose units under the fence's epoch for Redis to hear of.
pub async fn change<D: ChangeDesk>(
    database: &Database,
    slices: &Slices,
    batch: &[Change],
    desk: &mut D,
) -> Vec<Changed<D::Refusal>> {
    assert!(batch.len() <= BATCH_MAX, "{} orders in one batch", batch.len());
    let mut outcomes: Vec<_> = batch.iter().map(|_| None).collect();
    let mut pieces = Pieces::default();
    for (at, change) in batch.iter().enumerate() {
        let same = |other: usize| {
            let key = |change: &Change| change.request.map(|(key, _)| key);
            batch[other].order == change.order
                || key(&batch[other]).is_some_and(|other| Some(other) == key(change))
        };
        match slices.of(change.order) {
            Ok(slice) => pieces.put(slice, at, same),
            Err(why) => outcomes[at] = Some(Changed::NoSlice(why)),
        }
    }
    let attempt = async |piece: &Piece| try_piece(database, piece, batch, desk).await;
    pieces.run(&mut outcomes, attempt, |fault| Changed::Failed(fault.clone())).await;
    outcomes
        .into_iter()
        .map(|outcome| outcome.expect("each change is in one piece, or has no slice"))
        .collect()
}

type Decided<R> = Vec<(usize, Changed<R>)>;

async fn try_piece<D: ChangeDesk>(
    database: &Database,
    piece: &Piece,
    batch: &[Change],
    desk: &mut D,
) -> Result<Decided<D::Refusal>, TxFault> {
    let mut lease = database.lease().await?;
    let written = write_piece(&mut lease, piece, batch, desk).await;
    lease.end(written).await
}

/// Says also whether anything was written.
async fn write_piece<D: ChangeDesk>(
    lease: &mut Lease<'_>,
    piece: &Piece,
    batch: &[Change],
    desk: &mut D,
) -> Result<(Decided<D::Refusal>, bool), Fault> {
    let changes: Vec<&Change> = piece.orders.iter().map(|at| &batch[*at]).collect();
    let mut seen = look(lease, piece, &changes).await?;
    let mut rows = Rows::default();
    let mut decided = Vec::with_capacity(changes.len());
    for (at, change) in piece.orders.iter().zip(&changes) {
        let outcome = match seen.in_the_way(change) {
            Err(outcome) => outcome,
            Ok(order) => match desk.decide(*at, Found { order, counts: &seen.counts }) {
                Ok(changed) => {
                    assert!(
                        changed.row.version >= order.version,
                        "a change takes back the version of {:?}",
                        order.id
                    );
                    gather(&mut rows, &mut seen.counts, change, changed);
                    Changed::Now
                }
                Err(refusal) => Changed::Refused(refusal),
            },
        };
        decided.push((*at, outcome));
    }
    if rows.is_empty() {
        return Ok((decided, false));
    }
    rows.take_counts(&seen.counts);
    rows.write(lease, &piece.slice, &seen.fences).await?;
    Ok((decided, true))
}

struct Seen {
    fences: Fences,
    known: Known,
    orders: Vec<OrderRow>,
    counts: Counts,
}

impl Seen {
    /// The order's row, else what the change cannot pass.
    fn in_the_way<R>(&self, change: &Change) -> Result<&OrderRow, Changed<R>> {
        if let Some(standing) = change.request.and_then(|(key, _)| self.known.get(&key)) {
            return Err(Changed::Stands(standing.clone()));
        }
        let order = self.orders.iter().find(|order| order.id == change.order).ok_or(Changed::NoOrder)?;
        if order.version != change.version {
            return Err(Changed::Moved { version: order.version });
        }
        for (shelf, asked) in &change.shelves {
            let epoch = self.fences.get(shelf).copied();
            if epoch.is_none() || asked.is_some_and(|asked| epoch != Some(asked)) {
                return Err(Changed::Fenced { shelf: *shelf, epoch });
            }
        }
        Ok(order)
    }
}

fn gather(rows: &mut Rows, counts: &mut Counts, change: &Change, changed: ChangedOrder) {
    let ChangedOrder { row, history, moved, items, hold, led_to, counts: counted, events } = changed;
    assert_eq!(row.id, change.order, "the desk changed another order");
    if let Some((key, body_hash)) = change.request {
        rows.new_keys.push((key, Standing::Done { body_hash, hold, led_to }));
    }
    rows.moves.take(&moved, |shelf| change.shelves.iter().any(|(asked, _)| asked == shelf));
    for (key, units) in counted {
        assert!(change.counts.contains(&key), "the desk counted {key:?}, which was not asked for");
        counts.changed.insert(key, units);
    }
    rows.items.extend(items.into_iter().map(|item| (row.id, item)));
    rows.history.extend(history.into_iter().map(|one| (row.id, one)));
    rows.events.extend(events);
    rows.orders.push(row);
}

/// Begins the transaction and reads under its locks.
async fn look(lease: &mut Lease<'_>, piece: &Piece, changes: &[&Change]) -> Result<Seen, Fault> {
    let shelves = changes.iter().flat_map(|change| change.shelves.iter().map(|(shelf, _)| *shelf)).collect();
    let counted: BTreeSet<CountKey> =
        changes.iter().flat_map(|change| change.counts.iter().copied()).collect();
    let ids: BTreeSet<OrderId> = changes.iter().map(|change| change.order).collect();
    let mut sql = Sql::new();
    sql.raw(START);
    ask_for_fences(&mut sql, &shelves);
    let keys = changes.iter().filter_map(|change| change.request.as_ref().map(|(key, _)| key));
    let lists = ask_for_keys(&mut sql, keys, " FOR UPDATE");
    ask_for_orders(&mut sql, &piece.slice, &ids, " FOR UPDATE;");
    ask_for_counts(&mut sql, &counted, " FOR UPDATE;");
    let mut answer = lease.begin(&sql).await?;
    answer.skip()?;
    Ok(Seen {
        fences: fences(&mut answer, &shelves)?,
        known: known(&mut answer, lists)?,
        orders: order_rows(&mut answer)?,
        counts: Counts { read: counts(&mut answer, &counted)?, ..Counts::default() },
    })
}
