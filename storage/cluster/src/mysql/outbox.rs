//! Events on their way out. An event is there from its order's commit on, and is published at least once: by its mark,
//! never by «number above the last», for numbers commit out of order. Those of one order have numbers in the order in
//! which they became true, as each of its transactions locks its row.
//!
//! What one transaction tells is one row: a row an order was a fifth of what a commit cost the server.

use domain::{MicrosUtc, OrderId};

use super::fault::{Fault, FaultKind};
use super::pool::Lease;
use super::rows::EventRow;
use super::text::{Cell, Sql};

/// What one transaction told, and nobody has published yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its mark's name.
    pub seq: u64,
    /// The events, those of one order in the order in which they became true.
    pub events: Vec<EventRow>,
}

/// What waits, oldest numbers first, of at most so many transactions.
///
/// # Errors
/// The database's.
pub async fn unpublished(lease: &mut Lease<'_>, most: usize) -> Result<Vec<Waiting>, Fault> {
    let mut sql = Sql::new();
    sql.raw("SELECT seq, events FROM outbox FORCE INDEX (to_publish) WHERE published = FALSE");
    sql.raw(" ORDER BY seq LIMIT ").number(most as u64);
    let rows = lease.read(&sql).await?.next::<(u64, Vec<u8>)>()?;
    let waiting = |(seq, bytes): (u64, Vec<u8>)| {
        let events = parted(&bytes).ok_or_else(|| {
            Fault::new(FaultKind::Corrupt, format!("row {seq} of the outbox makes no sense"))
        })?;
        Ok(Waiting { seq, events })
    };
    rows.into_iter().map(waiting).collect()
}

/// How many transactions wait, counted up to `most`, and when what the oldest of them told became true.
///
/// # Errors
/// The database's.
pub async fn backlog(lease: &mut Lease<'_>, most: u64) -> Result<(u64, Option<MicrosUtc>), Fault> {
    let mut sql = Sql::new();
    sql.raw("SELECT COUNT(*) FROM (SELECT seq FROM outbox FORCE INDEX (to_publish) WHERE published = FALSE LIMIT ");
    sql.number(most).raw(") AS waiting; SELECT events FROM outbox FORCE INDEX (to_publish)");
    sql.raw(" WHERE published = FALSE ORDER BY seq LIMIT 1");
    let mut answer = lease.read(&sql).await?;
    let rows = answer.next::<(u64,)>()?.first().map_or(0, |(rows,)| *rows);
    let oldest = answer.next::<(Vec<u8>,)>()?;
    let oldest =
        oldest.first().and_then(|(bytes,)| parted(bytes)).and_then(|events| Some(events.first()?.at));
    Ok((rows, oldest))
}

/// Marks what these transactions told as published.
///
/// # Errors
/// The database's; then they are published again.
pub async fn mark_published(lease: &mut Lease<'_>, seqs: &[u64]) -> Result<(), Fault> {
    if seqs.is_empty() {
        return Ok(());
    }
    let mut sql = Sql::new();
    sql.raw("UPDATE outbox SET published = TRUE WHERE ");
    for seq in seqs {
        sql.choice(&["seq"], &[Cell::Number(*seq)]);
    }
    lease.run(&sql).await
}

/// Deletes what was published, oldest numbers first, at most so many rows. Says how many.
///
/// # Errors
/// The database's.
pub async fn forget_published(lease: &mut Lease<'_>, most: usize) -> Result<u64, Fault> {
    let mut sql = Sql::new();
    sql.raw("DELETE FROM outbox WHERE published = TRUE ORDER BY seq LIMIT ").number(most as u64);
    lease.run(&sql).await?;
    Ok(lease.affected())
}

/// Order, time and length before each body, little-endian.
const HEAD_BYTES: usize = 20;

/// The events of one transaction as one value.
pub(super) fn joined(events: &[EventRow]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(events.iter().map(|event| HEAD_BYTES + event.body.len()).sum());
    for EventRow { order, at, body } in events {
        bytes.extend(order.0.to_le_bytes());
        bytes.extend(at.0.to_le_bytes());
        bytes
            .extend(u32::try_from(body.len()).expect("a body is bounded by what a BLOB holds").to_le_bytes());
        bytes.extend(body);
    }
    bytes
}

/// The opposite of [`joined`]; nothing where the bytes are not of it.
fn parted(mut bytes: &[u8]) -> Option<Vec<EventRow>> {
    let mut events = Vec::new();
    while !bytes.is_empty() {
        let (order, rest) = bytes.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (body, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        events.push(EventRow {
            order: OrderId(u64::from_le_bytes(*order)),
            at: MicrosUtc(i64::from_le_bytes(*at)),
            body: body.to_vec(),
        });
        bytes = rest;
    }
    Some(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_back_and_cut_ones_are_noticed() {
        let event =
            |order, body: &[u8]| EventRow { order: OrderId(order), at: MicrosUtc(-5), body: body.to_vec() };
        let events = [event(1, b"created"), event(u64::MAX, b""), event(1, b"cancelled")];
        let bytes = joined(&events);
        assert_eq!(parted(&bytes).as_deref(), Some(&events[..]));
        let whole = [0, HEAD_BYTES + 7, 2 * HEAD_BYTES + 7, bytes.len()];
        for cut in (0..bytes.len()).filter(|cut| !whole.contains(cut)) {
            assert_eq!(parted(&bytes[..cut]), None, "cut at {cut}");
        }
    }
}
