//! The transaction that makes orders: a batch of one shard, all or nothing, and halved until what is wrong with one
//! order reaches only that one.
//!
//! A first attempt's key row is not looked at before it is written: nearly all are new, and the plain INSERT finds those
//! that are not. Only then the batch begins again with a look at them all, and hears what stands.
//!
//! Three round trips: look (fences in share mode, key rows, counts), write (one statement a table), COMMIT. COMMIT goes
//! by itself, so that only it can leave an outcome unknown.

use std::collections::{BTreeMap, BTreeSet};

use domain::OrderId;

use super::BATCH_MAX;
use super::fault::{Fault, FaultKind, TxFault};
use super::keys::{Known, ask_for_keys, known};
use super::pieces::{Piece, Pieces};
use super::pool::{Answer, Database, Lease, START};
use super::rows::{Ask, CountKey, CountKind, NewOrder, Standing};
use super::slices::{NoSlice, Slices};
use super::text::{Sql, shelf_of};
use super::write::{Fences, Rows};
use crate::shelf::{Attempt, Epoch, ShelfKey};

/// An ask that Redis gave its units to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The ask. Its user is of this shard.
    pub ask: Ask,
    /// The order's id, drawn for it.
    pub order: OrderId,
    /// The shelves that it took from, each with the epoch that Redis gave under.
    pub shelves: Vec<(ShelfKey, Epoch)>,
    /// What is counted of its user.
    pub counts: Vec<CountKey>,
}

/// Who decides what an order writes, from what the transaction reads under its locks. It may be asked about an order
/// several times, as batches are tried again: only what it said last counts.
pub trait Desk {
    /// Why an order is not made.
    type Refusal;

    /// Decides about the order at this place of the batch.
    ///
    /// # Errors
    /// The shop refuses it. Its units stay held until whoever took them gives them back.
    fn decide(&mut self, at: usize, counts: &Counts) -> Result<NewOrder, Self::Refusal>;
}

/// Counts of users as the transaction read them, with what orders before this one in the batch added.
#[derive(Debug, Default)]
pub struct Counts {
    pub(super) read: BTreeMap<CountKey, u64>,
    pub(super) changed: BTreeMap<CountKey, u64>,
}

/// What became of one order of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed<R> {
    /// It stands.
    Now,
    /// Something was done or refused under its request id: compare the body hash; that is the answer.
    Stands(Standing),
    /// A dead row is in the way of this attempt, or the one that it saw is gone: ask again.
    DeadInTheWay(Option<Attempt>),
    /// A shelf has another epoch here than Redis gave under.
    Fenced {
        /// The shelf.
        shelf: ShelfKey,
        /// The epoch here; nothing: this shard knows no such shelf.
        epoch: Option<Epoch>,
    },
    /// The desk refused it. Final only when the key row is dead first, where the ask was not the first one.
    Refused(R),
    /// Another order has its id: draw another one.
    OrderIdTaken,
    /// Its id lies in no slice that is known.
    NoSlice(NoSlice),
    /// The database's fault. [`TxFault::Unknown`]: make its key row dead before anything else is believed.
    Failed(TxFault),
}

impl Counts {
    /// As they were read.
    pub(super) fn of(read: BTreeMap<CountKey, u64>) -> Counts {
        Counts { read, changed: BTreeMap::new() }
    }

    /// How many; 0 where nothing was counted yet.
    pub fn get(&self, key: &CountKey) -> u64 {
        self.changed.get(key).or(self.read.get(key)).copied().unwrap_or(0)
    }
}

/// Makes orders, at most [`BATCH_MAX`], and says what became of each, in their order. What a desk may rely on,
/// where what it decides is committed: the counts are locked, the fences stand, and under the request id is no row, or the
/// dead one right before.
pub async fn commit<D: Desk>(
    database: &Database,
    slices: &Slices,
    batch: &[Prepared],
    desk: &mut D,
) -> Vec<Committed<D::Refusal>> {
    assert!(batch.len() <= BATCH_MAX, "{} orders in one batch", batch.len());
    let mut outcomes: Vec<_> = batch.iter().map(|_| None).collect();
    let mut pieces = Pieces::default();
    for (at, order) in batch.iter().enumerate() {
        match slices.of(order.order) {
            Ok(slice) => pieces.put(slice, at, |other| batch[other].ask.key == order.ask.key),
            Err(why) => outcomes[at] = Some(Committed::NoSlice(why)),
        }
    }
    let attempt = async |piece: &Piece| try_piece(database, piece, batch, desk).await;
    pieces.run(&mut outcomes, attempt, failed).await;
    outcomes
        .into_iter()
        .map(|outcome| outcome.expect("each order is in one piece, or has no slice"))
        .collect()
}

fn failed<R>(fault: &TxFault) -> Committed<R> {
    match fault {
        // Looked at so often, and no key row and no count was in the way: then it is the order's own row.
        TxFault::NotDone(fault) if fault.kind == FaultKind::Duplicate => Committed::OrderIdTaken,
        TxFault::NotDone(_) | TxFault::Unknown(_) => Committed::Failed(fault.clone()),
    }
}

type Decided<R> = Vec<(usize, Committed<R>)>;

/// One transaction over all orders of a piece.
async fn try_piece<D: Desk>(
    database: &Database,
    piece: &Piece,
    batch: &[Prepared],
    desk: &mut D,
) -> Result<Decided<D::Refusal>, TxFault> {
    let mut lease = database.lease().await?;
    let written = write_piece(&mut lease, piece, batch, desk).await;
    lease.end(written).await
}

/// Says also whether anything was written.
async fn write_piece<D: Desk>(
    lease: &mut Lease<'_>,
    piece: &Piece,
    batch: &[Prepared],
    desk: &mut D,
) -> Result<(Decided<D::Refusal>, bool), Fault> {
    let orders: Vec<&Prepared> = piece.orders.iter().map(|at| &batch[*at]).collect();
    let Seen { fences, known, mut counts } = look(lease, piece, &orders).await?;
    let mut rows = Rows::default();
    let mut decided = Vec::with_capacity(orders.len());
    for (at, order) in piece.orders.iter().zip(&orders) {
        let outcome = match in_the_way(order, &known, &fences) {
            Some(outcome) => outcome,
            None => match desk.decide(*at, &counts) {
                Ok(new) => {
                    gather(&mut rows, &mut counts, order, known.contains_key(&order.ask.key), new);
                    Committed::Now
                }
                Err(refusal) => Committed::Refused(refusal),
            },
        };
        decided.push((*at, outcome));
    }
    if rows.is_empty() {
        return Ok((decided, false));
    }
    rows.take_counts(&counts);
    rows.write(lease, &piece.slice, &fences).await?;
    Ok((decided, true))
}

/// What an order cannot pass: what stands under its request id, else a fence.
fn in_the_way<R>(order: &Prepared, known: &Known, fences: &Fences) -> Option<Committed<R>> {
    let standing = known.get(&order.ask.key);
    if !Standing::admits(standing, order.ask.attempt) {
        return Some(match standing {
            None => Committed::DeadInTheWay(None),
            Some(Standing::Dead(attempt)) => Committed::DeadInTheWay(Some(*attempt)),
            Some(standing @ (Standing::Order { .. } | Standing::Done { .. } | Standing::Refused { .. })) => {
                Committed::Stands(standing.clone())
            }
        });
    }
    let stands = |(shelf, epoch): &&(ShelfKey, Epoch)| fences.get(shelf) == Some(epoch);
    let (shelf, _) = order.shelves.iter().find(|asked| !stands(asked))?;
    Some(Committed::Fenced { shelf: *shelf, epoch: fences.get(shelf).copied() })
}

fn gather(rows: &mut Rows, counts: &mut Counts, order: &Prepared, over_dead: bool, new: NewOrder) {
    let NewOrder { row, items, moved, history, counts: counted, events } = new;
    assert_eq!(row.id, order.order, "the desk made another order");
    let Ask { key, attempt: _, body_hash } = order.ask;
    let standing = Standing::Order { order: row.id, body_hash };
    if over_dead { &mut rows.keys } else { &mut rows.new_keys }.push((key, standing));
    for item in &items {
        let asked = order.shelves.iter().any(|(shelf, _)| *shelf == item.shelf);
        assert!(asked, "the desk took of {:?}, which was not asked for", item.shelf);
    }
    rows.moves.take(&moved, |shelf| order.shelves.iter().any(|(asked, _)| asked == shelf));
    for (key, units) in counted {
        assert!(order.counts.contains(&key), "the desk counted {key:?}, which was not asked for");
        counts.changed.insert(key, units);
    }
    rows.items.extend(items.into_iter().map(|item| (row.id, item)));
    rows.history.extend(history.into_iter().map(|one| (row.id, one)));
    rows.events.extend(events);
    rows.new_orders.push(row);
}

struct Seen {
    fences: Fences,
    known: Known,
    counts: Counts,
}

/// Begins the transaction and reads under its locks.
async fn look(lease: &mut Lease<'_>, piece: &Piece, orders: &[&Prepared]) -> Result<Seen, Fault> {
    let shelves = orders.iter().flat_map(|order| order.shelves.iter().map(|(shelf, _)| *shelf)).collect();
    let counted = orders.iter().flat_map(|order| order.counts.iter().copied()).collect();
    let mut sql = Sql::new();
    sql.raw(START);
    ask_for_fences(&mut sql, &shelves);
    let looked_at = |ask: &&Ask| piece.met_a_duplicate || ask.attempt != Attempt(1);
    let keys = orders.iter().map(|order| &order.ask).filter(looked_at).map(|ask| &ask.key);
    let lists = ask_for_keys(&mut sql, keys, " FOR UPDATE");
    ask_for_counts(&mut sql, &counted, " FOR UPDATE;");
    let mut answer = lease.begin(&sql).await?;
    answer.skip()?;
    let fences = fences(&mut answer, &shelves)?;
    let known = known(&mut answer, lists)?;
    let counts = Counts { read: counts(&mut answer, &counted)?, changed: BTreeMap::new() };
    Ok(Seen { fences, known, counts })
}

/// Locks fences in share mode, in the order of their index.
pub(super) fn ask_for_fences(sql: &mut Sql, shelves: &BTreeSet<ShelfKey>) {
    if shelves.is_empty() {
        return;
    }
    sql.raw("SELECT shelf_kind, shelf_id, place, epoch FROM fences FORCE INDEX (PRIMARY) WHERE ");
    for shelf in shelves {
        sql.shelf_choice(*shelf);
    }
    sql.raw(" LOCK IN SHARE MODE;");
}

pub(super) fn fences(answer: &mut Answer, shelves: &BTreeSet<ShelfKey>) -> Result<Fences, Fault> {
    let mut fences = Fences::new();
    if shelves.is_empty() {
        return Ok(fences);
    }
    for (kind, id, place, epoch) in answer.next::<(u8, u64, u32, u64)>()? {
        let shelf = shelf_of((kind, id, place))
            .ok_or_else(|| Fault::new(FaultKind::Corrupt, format!("a fence is of kind {kind}")))?;
        // A row of epoch 0 is there to be locked by an opener; nothing was ever given under it.
        if let Some(epoch) = Epoch::parse(epoch) {
            fences.insert(shelf, epoch);
        }
    }
    Ok(fences)
}

/// Asks for counts that there are. Those that are not there cannot be locked: their INSERT finds out who was faster.
pub(super) fn ask_for_counts(sql: &mut Sql, counted: &BTreeSet<CountKey>, end: &'static str) {
    if counted.is_empty() {
        return;
    }
    sql.raw("SELECT user, kind, subject, units FROM user_counts FORCE INDEX (PRIMARY) WHERE ");
    for key in counted {
        sql.count_choice(key);
    }
    sql.raw(end);
}

pub(super) fn counts(
    answer: &mut Answer,
    counted: &BTreeSet<CountKey>,
) -> Result<BTreeMap<CountKey, u64>, Fault> {
    if counted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = answer.next::<(u64, u8, u64, u64)>()?;
    rows.into_iter()
        .map(|(user, kind, subject, units)| {
            let kind = CountKind::from_number(kind)
                .ok_or_else(|| Fault::new(FaultKind::Corrupt, format!("a count is of kind {kind}")))?;
            Ok((CountKey { user: domain::UserId(user), kind, subject }, units))
        })
        .collect()
}
