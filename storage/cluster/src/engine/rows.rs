//! What a desk says, as a shard keeps it, and back.

use domain::coupon::CouponCounts;
use domain::desk::{Changes, Desk, Key, Moved, Row, RowFault};
use domain::verdict::HistoryRow;
use domain::{CouponId, SaleId, UserId};
use storage::embedded::record::Entry;

use crate::mysql::{CountKey, CountKind, Counts, EventRow, OrderRow};

/// All that one decision about an order writes in its shard.
#[derive(Debug)]
pub(super) struct Written {
    pub row: OrderRow,
    /// The transitions that it made, oldest first.
    pub history: Vec<HistoryRow>,
    pub moved: Vec<Moved>,
    pub counts: Vec<(CountKey, u64)>,
    pub events: Vec<EventRow>,
}

/// A desk changed what a shard cannot write: the rows of two orders, or of none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a decision about one order changed something else: {0:?}")]
pub(super) struct Strange(pub Option<Key>);

impl Written {
    /// Reads a decision off its desk. `version_before` is that of the order when it was laid; 0 for a new one.
    ///
    /// # Errors
    /// Where it is not about one order.
    pub fn of(
        desk: &Desk,
        changes: Changes,
        version_before: u32,
        entries: Vec<Entry>,
    ) -> Result<Written, Strange> {
        let Changes { rows, moved } = changes;
        let mut order = None;
        let mut failed = None;
        let mut counts = Vec::new();
        for (key, row) in rows {
            match (key, row) {
                (Key::Order(id), Some(Row::Order(_, record))) if order.is_none() => {
                    order = Some((id, record))
                }
                (Key::Count(sale, user), row) => {
                    let units = if let Some(Row::Count(_, _, units)) = row { units.into() } else { 0 };
                    counts.push((sale_units(sale, user), units));
                }
                (Key::CouponUser(coupon, user), row) => {
                    let its =
                        if let Some(Row::CouponUser(.., its)) = row { its } else { CouponCounts::default() };
                    counts.extend(coupon_counts(coupon, user, &its));
                }
                (Key::FailedRefunds(_), row) => failed = Some(row),
                // What a request led to stands in its key row; a payment's id leads to its order by itself.
                (Key::Request(_) | Key::Making(_), _) => (),
                (other, _) => return Err(Strange(Some(other))),
            }
        }
        let (id, record) = order.ok_or(Strange(None))?;
        let on_desk = desk.order(id).ok_or(Strange(Some(Key::Order(id))))?;
        // What was not touched stays; a desk says so by saying nothing.
        let failed = match failed {
            Some(row) => row,
            None => desk.failed_refunds(id),
        };
        let brief = on_desk.brief;
        let row = OrderRow {
            id,
            user: brief.user,
            state: brief.state,
            version: brief.version,
            made_at: brief.created_at,
            due_at: on_desk.due,
            total: brief.total,
            currency: brief.currency,
            record: put_record(&record, failed.as_ref()),
        };
        let history = on_desk.history.into_iter().filter(|step| step.version > version_before).collect();
        let event = |entry: Entry| EventRow { order: id, at: entry.at, body: entry.bytes };
        let events = entries.into_iter().map(event).collect();
        Ok(Written { row, history, moved, counts, events })
    }
}

/// The column of an order's record: how many bytes of failed refunds, these, the domain's record.
fn put_record(record: &[u8], failed: Option<&Row>) -> Vec<u8> {
    let mut refunds = Vec::new();
    if let Some(failed) = failed {
        failed.put(&mut refunds);
    }
    let mut bytes = Vec::with_capacity(2 + refunds.len() + record.len());
    bytes.extend((refunds.len() as u16).to_le_bytes());
    bytes.extend(refunds);
    bytes.extend(record);
    bytes
}

/// The rows that an order's row is on a desk.
///
/// # Errors
/// The column is damaged.
pub(super) fn rows_of(order: &OrderRow) -> Result<[(Key, Option<Row>); 2], RowFault> {
    let (refunds, record) = parted(order)?;
    let refunds = if refunds.is_empty() { None } else { Some(Row::parse(refunds)?) };
    let record = Row::Order(order.id, record.into());
    Ok([(Key::Order(order.id), Some(record)), (Key::FailedRefunds(order.id), refunds)])
}

/// The domain's record of an order.
///
/// # Errors
/// The column is damaged.
pub(super) fn record_of(order: &OrderRow) -> Result<&[u8], RowFault> {
    parted(order).map(|(_, record)| record)
}

/// The opposite of [`put_record`].
fn parted(order: &OrderRow) -> Result<(&[u8], &[u8]), RowFault> {
    let (length, rest) = order.record.split_first_chunk().ok_or(RowFault::Nonsense)?;
    rest.split_at_checked(usize::from(u16::from_le_bytes(*length))).ok_or(RowFault::Nonsense)
}

fn sale_units(sale: SaleId, user: UserId) -> CountKey {
    CountKey { user, kind: CountKind::SaleUnits, subject: sale.0.into() }
}

const COUPON_KINDS: [CountKind; 3] =
    [CountKind::CouponClaimed, CountKind::CouponLocked, CountKind::CouponUsed];

fn coupon_counts(coupon: CouponId, user: UserId, counts: &CouponCounts) -> [(CountKey, u64); 3] {
    let CouponCounts { claimed, locked, used } = *counts;
    let key = |kind| CountKey { user, kind, subject: coupon.0 };
    let [of_claimed, of_locked, of_used] = COUPON_KINDS.map(key);
    [(of_claimed, claimed), (of_locked, locked), (of_used, used)]
}

/// The counts that a row of a user is kept as; none: it is kept otherwise.
pub(super) fn count_keys(key: &Key) -> Vec<CountKey> {
    match *key {
        Key::Count(sale, user) => vec![sale_units(sale, user)],
        Key::CouponUser(coupon, user) => {
            coupon_counts(coupon, user, &CouponCounts::default()).map(|(key, _)| key).into()
        }
        Key::Sku(_)
        | Key::Sale(_)
        | Key::Place(..)
        | Key::Freight(..)
        | Key::Coupon(_)
        | Key::Limit(_)
        | Key::Switch(_)
        | Key::SwitchVersion
        | Key::Shared(_)
        | Key::Request(_)
        | Key::Order(_)
        | Key::Hold(_)
        | Key::FailedRefunds(_)
        | Key::Making(_)
        | Key::Letter(..)
        | Key::Letters => Vec::new(),
    }
}

/// The row that such counts are.
pub(super) fn row_of_counts(key: &Key, counts: &Counts) -> Option<Row> {
    if let Key::Count(sale, user) = *key {
        let units = u32::try_from(counts.get(&sale_units(sale, user))).unwrap_or(u32::MAX);
        return (units > 0).then_some(Row::Count(sale, user, units));
    }
    let Key::CouponUser(coupon, user) = *key else { return None };
    let get = |kind| counts.get(&CountKey { user, kind, subject: coupon.0 });
    let [claimed, locked, used] = COUPON_KINDS.map(get);
    let its = CouponCounts { claimed, locked, used };
    (its != CouponCounts::default()).then_some(Row::CouponUser(coupon, user, its))
}
