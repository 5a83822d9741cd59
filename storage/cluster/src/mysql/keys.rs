//! Key rows: what stands under a request id. Looking at them, and ending attempts: for a while, or for good.

use std::collections::BTreeMap;

use domain::{OrderId, RequestId, RequestKey, UserId};

use super::BATCH_MAX;
use super::fault::{Fault, FaultKind, TxFault};
use super::pool::{Answer, Lease, START};
use super::rows::{REFUSAL_BYTES_MAX, Standing, request_bytes};
use super::text::{Cell, KEY_TABLES, Sql, key_table};
use crate::shelf::{Attempt, HoldId};

/// How the attempts of a request id end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Those up to this one: in doubt about it, or before what it holds is given back.
    Dead(Attempt),
    /// All, with a refusal that whoever asks again hears.
    Refused {
        /// Of the request.
        body_hash: u64,
        /// At most [`REFUSAL_BYTES_MAX`] bytes.
        refusal: Vec<u8>,
    },
}

/// What stands, by request id; what is not in it stands nowhere.
pub(super) type Known = BTreeMap<RequestKey, Standing>;

/// How often a transaction over few rows is tried where others are in its way.
pub(super) const TRIES: usize = 3;

/// What stands under request ids of users of this shard, at most [`BATCH_MAX`], in their order.
///
/// # Errors
/// The database's.
pub async fn look(lease: &mut Lease<'_>, keys: &[RequestKey]) -> Result<Vec<Option<Standing>>, Fault> {
    assert!(keys.len() <= BATCH_MAX, "{} request ids in one look", keys.len());
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new();
    let lists = ask_for_keys(&mut sql, keys.iter(), "");
    let known = known(&mut lease.read(&sql).await?, lists)?;
    Ok(keys.iter().map(|key| known.get(key).cloned()).collect())
}

/// Ends attempts of request ids, at most [`BATCH_MAX`], each once: makes key rows dead, by insert or over the dead attempt
/// right before, or refused, over nothing or whatever is dead. Says what stands under each afterwards; what was done, or
/// was refused before, stays and is the answer. No attempt up to a dead row's number can commit any more, and none at all
/// over a refusal. Whoever does not hear its outcome does it again: twice does nothing more.
///
/// # Errors
/// The database's; then nothing is known of any of them.
pub async fn end(lease: &mut Lease<'_>, ends: &[(RequestKey, Ending)]) -> Result<Vec<Standing>, TxFault> {
    assert!(ends.len() <= BATCH_MAX, "{} request ids in one transaction", ends.len());
    if ends.is_empty() {
        return Ok(Vec::new());
    }
    let mut tries = 0;
    loop {
        tries += 1;
        let fault = match try_to_end(lease, ends).await {
            Ok((known, changed)) => {
                if changed {
                    lease.commit().await?;
                } else {
                    lease.roll_back().await;
                }
                return Ok(ends.iter().map(|(key, _)| known[key].clone()).collect());
            }
            Err(fault) => fault,
        };
        lease.roll_back().await;
        if tries == TRIES || !fault.kind.may_be_one_orders() {
            return Err(fault.into());
        }
    }
}

async fn try_to_end(lease: &mut Lease<'_>, ends: &[(RequestKey, Ending)]) -> Result<(Known, bool), Fault> {
    // Looking.
    let mut sql = Sql::new();
    sql.raw(START);
    let lists = ask_for_keys(&mut sql, ends.iter().map(|(key, _)| key), " FOR UPDATE");
    let mut answer = lease.begin(&sql).await?;
    answer.skip()?;
    let before = known(&mut answer, lists)?;
    let mut after = before.clone();
    for (key, ending) in ends {
        let standing = after.remove(key);
        let ended = match ending {
            Ending::Dead(attempt) => Standing::dead(standing, *attempt),
            Ending::Refused { refusal, .. } if refusal.len() > REFUSAL_BYTES_MAX => {
                return Err(Fault::new(FaultKind::Unfit, format!("a refusal of {} bytes", refusal.len())));
            }
            Ending::Refused { body_hash, refusal } => Standing::refused(standing, *body_hash, refusal),
        };
        after.insert(*key, ended);
    }

    // Doing. Rows that were there are locked; one that has come meanwhile is a duplicate, and never overwritten.
    let changed = after.iter().filter(|(key, standing)| before.get(key) != Some(standing));
    let (old, new): (Vec<_>, Vec<_>) = changed.partition(|(key, _)| before.contains_key(key));
    let mut sql = Sql::new();
    put_keys(&mut sql, &new, Over::Nothing);
    put_keys(&mut sql, &old, Over::Locked);
    if sql.is_empty() {
        return Ok((after, false));
    }
    lease.run(&sql).await?;
    Ok((after, true))
}

/// What key rows are written over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// No row: one that came meanwhile is a duplicate.
    Nothing,
    /// Rows that this transaction has read and locked.
    Locked,
}

/// Writes key rows, a statement a table, in one order: transactions with the same ids wait for each other instead of
/// deadlocking.
pub(super) fn put_keys(sql: &mut Sql, rows: &[(&RequestKey, &Standing)], over: Over) {
    let mut rows = rows.to_vec();
    rows.sort_unstable_by_key(|(key, _)| **key);
    for table in 0..KEY_TABLES {
        let mut of_table = rows.iter().filter(|(key, _)| key_table(key) == table).peekable();
        if of_table.peek().is_none() {
            continue;
        }
        sql.raw("INSERT INTO ").keys_of(table);
        sql.raw(" (user, request, kind, attempt, body_hash, subject, hold, said) VALUES ");
        of_table.for_each(|(key, standing)| put_key(sql, key, standing));
        if over == Over::Locked {
            sql.raw(" ON DUPLICATE KEY UPDATE kind = VALUES(kind), attempt = VALUES(attempt)");
            sql.raw(", body_hash = VALUES(body_hash), subject = VALUES(subject), hold = VALUES(hold)");
            sql.raw(", said = VALUES(said)");
        }
        sql.raw(";");
    }
}

fn put_key(sql: &mut Sql, key: &RequestKey, standing: &Standing) {
    let (kind, attempt, body_hash, subject, hold, said) = match standing {
        Standing::Dead(attempt) => (0, attempt.0, 0, 0, None, &[][..]),
        Standing::Order { order, body_hash } => (1, 0, *body_hash, order.0, None, &[][..]),
        Standing::Done { body_hash, hold, led_to } => (2, 0, *body_hash, 0, *hold, led_to.as_slice()),
        Standing::Refused { body_hash, refusal } => (3, 0, *body_hash, 0, None, refusal.as_slice()),
    };
    let hold = hold.map(|hold| hold.0.to_be_bytes());
    sql.row(&[
        Cell::Number(key.who.0),
        Cell::Bytes(&request_bytes(key.id)),
        Cell::Number(kind),
        Cell::Number(u64::from(attempt)),
        Cell::Number(body_hash),
        Cell::Number(subject),
        hold.as_ref().map_or(Cell::Null, |hold| Cell::Bytes(hold)),
        Cell::Bytes(said),
    ]);
}

/// Asks for key rows, a statement a table, tables and rows always in the same order. Says how many statements.
pub(super) fn ask_for_keys<'a>(
    sql: &mut Sql,
    keys: impl Iterator<Item = &'a RequestKey> + Clone,
    lock: &'static str,
) -> usize {
    let mut lists = 0;
    for table in 0..KEY_TABLES {
        let mut of_table = keys.clone().filter(|key| key_table(key) == table).peekable();
        if of_table.peek().is_none() {
            continue;
        }
        sql.raw("SELECT user, request, kind, attempt, body_hash, subject, hold, said FROM ").keys_of(table);
        // However few rows there are: a walk through the table would wait for everybody's locks.
        sql.raw(" FORCE INDEX (PRIMARY) WHERE ");
        of_table.for_each(|key| {
            sql.key_choice(key);
        });
        sql.raw(lock).raw(";");
        lists += 1;
    }
    lists
}

/// The answers to [`ask_for_keys`].
pub(super) fn known(answer: &mut Answer, lists: usize) -> Result<Known, Fault> {
    let mut known = Known::new();
    for _ in 0..lists {
        for (user, request, kind, attempt, body_hash, subject, hold, said) in
            answer.next::<(u64, Vec<u8>, u8, u32, u64, u64, Option<Vec<u8>>, Vec<u8>)>()?
        {
            let id = RequestId(number_of(request, "a request id")?);
            let standing = match kind {
                0 => Standing::Dead(Attempt(attempt)),
                1 => Standing::Order { order: OrderId(subject), body_hash },
                2 => {
                    let hold = hold.map(|hold| number_of(hold, "a hold id")).transpose()?.map(HoldId);
                    Standing::Done { body_hash, hold, led_to: said }
                }
                3 => Standing::Refused { body_hash, refusal: said },
                _ => return Err(Fault::new(FaultKind::Corrupt, format!("a key row is of kind {kind}"))),
            };
            known.insert(RequestKey { who: UserId(user), id }, standing);
        }
    }
    Ok(known)
}

fn number_of(bytes: Vec<u8>, what: &str) -> Result<u128, Fault> {
    let bytes = bytes.try_into();
    let bytes = bytes.map_err(|_| Fault::new(FaultKind::Corrupt, format!("{what} has not 16 bytes")))?;
    Ok(u128::from_be_bytes(bytes))
}
