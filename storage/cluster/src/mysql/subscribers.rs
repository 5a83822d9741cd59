//! What the home keeps for subscribers: how far each has come, and what it parked. A cursor is one row, compared and moved
//! by one statement; letters are changed by [`HomeTx`](super::HomeTx).

use domain::cursor::{CURSORS_MAX, CursorName};
use domain::desk::Row;
use domain::letter::DeadLetter;

use super::fault::{Fault, FaultKind};
use super::pool::Lease;
use super::text::{Cell, Sql};

/// What became of a cursor that somebody moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CursorMoved {
    /// It stands here now: where it was told to, or further on.
    Stands(u64),
    /// There are as many as there may be, and it is none of them.
    Full,
}

/// Where a subscriber's cursor stands; 0: nowhere yet.
///
/// # Errors
/// The database's.
pub async fn read_cursor(lease: &mut Lease<'_>, name: CursorName) -> Result<u64, Fault> {
    let mut sql = Sql::new();
    ask_for_cursor(&mut sql, name);
    Ok(lease.read(&sql).await?.next::<(u64,)>()?.first().map_or(0, |(position,)| *position))
}

/// Moves a cursor on; it never goes back. Twice does nothing more.
///
/// # Errors
/// The database's; it may have moved all the same.
pub async fn move_cursor(
    lease: &mut Lease<'_>,
    name: CursorName,
    position: u64,
) -> Result<CursorMoved, Fault> {
    let mut sql = Sql::new();
    sql.raw("UPDATE cursors SET position = ").number(position).raw(" WHERE name = ");
    sql.cell(Cell::Bytes(name.as_padded())).raw(" AND position < ").number(position).raw(";");
    // The bound is counted without a lock: some few may come at once, and no more than these pass it.
    sql.raw("INSERT IGNORE INTO cursors (name, position) SELECT ").cell(Cell::Bytes(name.as_padded()));
    sql.raw(", ")
        .number(position)
        .raw(" FROM DUAL WHERE (SELECT COUNT(*) FROM (SELECT 1 FROM cursors LIMIT ");
    sql.number(CURSORS_MAX as u64).raw(") AS some) < ").number(CURSORS_MAX as u64).raw(";");
    ask_for_cursor(&mut sql, name);
    let mut answer = lease.read(&sql).await?;
    answer.skip()?;
    answer.skip()?;
    let stands = answer.next::<(u64,)>()?.first().map(|(position,)| CursorMoved::Stands(*position));
    Ok(stands.unwrap_or(CursorMoved::Full))
}

/// Forgets a cursor. Twice does nothing more.
///
/// # Errors
/// The database's; it may be forgotten all the same.
pub async fn forget_cursor(lease: &mut Lease<'_>, name: CursorName) -> Result<(), Fault> {
    let mut sql = Sql::new();
    sql.raw("DELETE FROM cursors WHERE name = ").cell(Cell::Bytes(name.as_padded()));
    lease.run(&sql).await
}

/// Letters behind this one, at most so many, by subscriber and position; and how many there are in all.
///
/// # Errors
/// The database's.
pub async fn read_letters(
    lease: &mut Lease<'_>,
    after: Option<(CursorName, u64)>,
    most: usize,
) -> Result<(Vec<DeadLetter>, u64), Fault> {
    let mut sql = Sql::new();
    sql.raw("SELECT body FROM dead_letters");
    if let Some((subscriber, position)) = after {
        let subscriber = Cell::Bytes(subscriber.as_padded());
        sql.raw(" WHERE subscriber > ").cell(subscriber).raw(" OR (subscriber = ").cell(subscriber);
        sql.raw(" AND position > ").number(position).raw(")");
    }
    sql.raw(" ORDER BY subscriber, position LIMIT ").number(most as u64).raw(";").raw(COUNT);
    let mut answer = lease.read(&sql).await?;
    let letters =
        answer.next::<(Vec<u8>,)>()?.iter().map(|(body,)| letter_of(body)).collect::<Result<_, _>>()?;
    Ok((letters, answer.next::<(u64,)>()?.first().map_or(0, |(letters,)| *letters)))
}

/// A dead letter, as the domain writes its row.
pub(super) async fn read_letter(
    lease: &mut Lease<'_>,
    subscriber: CursorName,
    position: u64,
) -> Result<Option<Row>, Fault> {
    let mut sql = Sql::new();
    sql.raw("SELECT body FROM dead_letters WHERE ");
    sql.choice(&["subscriber", "position"], &[Cell::Bytes(subscriber.as_padded()), Cell::Number(position)]);
    let rows = lease.read(&sql).await?.next::<(Vec<u8>,)>()?;
    rows.first().map(|(body,)| parse(body)).transpose()
}

/// How many letters there are.
pub(super) async fn count_letters(lease: &mut Lease<'_>) -> Result<u64, Fault> {
    let rows = lease.read(Sql::new().raw(COUNT)).await?.next::<(u64,)>()?;
    Ok(rows.first().map_or(0, |(letters,)| *letters))
}

const COUNT: &str = "SELECT COUNT(*) FROM dead_letters";

fn ask_for_cursor(sql: &mut Sql, name: CursorName) {
    sql.raw("SELECT position FROM cursors WHERE name = ").cell(Cell::Bytes(name.as_padded()));
}

fn letter_of(body: &[u8]) -> Result<DeadLetter, Fault> {
    let row = parse(body)?;
    let Row::Letter(subscriber, position, at, reason) = row else { return Err(strange(&row)) };
    Ok(DeadLetter { subscriber, position, at, reason })
}

fn parse(body: &[u8]) -> Result<Row, Fault> {
    Row::parse(body).map_err(|why| strange(&why))
}

fn strange(what: &impl std::fmt::Debug) -> Fault {
    Fault::new(FaultKind::Corrupt, format!("a dead letter makes no sense: {what:?}"))
}
