//! Slices: the tables of orders, one after the other in time, so that none grows large. Which slice an order lies in
//! follows from the milliseconds of its id and from the table `slices`, on every node alike.
//!
//! A slice is entered into `slices` [`SliceRules::lead`] before its first order. So a node that reads the table at an
//! instant knows all slices that begin within the lead after it, and none for ids beyond; for those it reads again. Both
//! instants are the database's own, and a row that reader and opener lock puts them in order: no node's clock counts.

use std::time::Duration;

use domain::OrderId;

use super::fault::{Fault, FaultKind, TxFault};
use super::pool::{Lease, START};
use super::schema::statements;
use super::text::{Cell, Sql};

/// No table of orders may have more rows.
pub const ROWS_MAX: u64 = 500_000;

/// When the next slice is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SliceRules {
    /// How long before its first order a slice is entered. Ids that are further ahead of the database's clock than this,
    /// less the age of what a node knows, wait: so it has to be more than nodes' clocks are apart.
    pub lead: Duration,
    /// Orders a second that one database takes at most.
    pub orders_per_second_max: u64,
}

impl SliceRules {
    /// Ten seconds. A minute would be 480,000 orders at 8,000 a second: more than a slice may have.
    pub const DEFAULT: SliceRules =
        SliceRules { lead: Duration::from_secs(10), orders_per_second_max: 20_000 };

    /// Rows from which on the next slice is opened, so that this one does not pass [`ROWS_MAX`] until it begins.
    pub const fn open_at_rows(&self) -> u64 {
        let still_to_come = (self.lead.as_secs() + COUNT_SECONDS_MIN) * self.orders_per_second_max;
        ROWS_MAX.saturating_sub(still_to_come)
    }

    fn lead_ms(&self) -> u64 {
        u64::try_from(self.lead.as_millis()).unwrap_or(u64::MAX)
    }

    /// When a slice with so many rows has to be counted again.
    fn count_again_after(&self, rows: u64) -> Duration {
        let left = self.open_at_rows().saturating_sub(rows) / self.orders_per_second_max.max(1);
        Duration::from_secs(left.clamp(COUNT_SECONDS_MIN, COUNT_SECONDS_MAX))
    }
}

/// Rows are counted this far apart at least, and at most, in seconds.
const COUNT_SECONDS_MIN: u64 = 1;
const COUNT_SECONDS_MAX: u64 = 60;
/// The slice of the next month is entered this long before it begins.
const MONTH_AHEAD_MS: u64 = 3_600_000;
const _: () = assert!(SliceRules::DEFAULT.open_at_rows() >= ROWS_MAX / 2);

/// Tables of orders from one instant on, until the next slice begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Milliseconds of the first order id that may lie in it, as [`OrderId::ms`].
    pub first_ms: u64,
    /// Year and month of that instant: 202611.
    pub month: u32,
    /// Counts within the month, from 0.
    pub number: u16,
}

impl Slice {
    /// What the names of its tables end with: `202611_03`.
    pub fn name(&self) -> String {
        format!("{}_{:02}", self.month, self.number)
    }
}

/// The slices of one database, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slices {
    /// By their first milliseconds.
    slices: Vec<Slice>,
    /// Ids before this are judged by `slices`; there may be others for later ones.
    known_until_ms: u64,
}

/// Why no slice is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSlice {
    /// The id is later than what is known: read the slices again.
    ReadAgain,
    /// The id is earlier than the first slice: no order has it.
    BeforeTheFirst,
}

impl Slices {
    /// Which slice an order lies in.
    ///
    /// # Errors
    /// Where that cannot be said, or there is none.
    pub fn of(&self, order: OrderId) -> Result<Slice, NoSlice> {
        if order.ms() >= self.known_until_ms {
            return Err(NoSlice::ReadAgain);
        }
        let after = self.slices.partition_point(|slice| slice.first_ms <= order.ms());
        after.checked_sub(1).map(|at| self.slices[at]).ok_or(NoSlice::BeforeTheFirst)
    }

    /// All that are known, by their first milliseconds.
    pub fn all(&self) -> &[Slice] {
        &self.slices
    }
}

/// Reads the slices of a database.
///
/// # Errors
/// The database's.
pub async fn read_slices(lease: &mut Lease<'_>, rules: &SliceRules) -> Result<Slices, Fault> {
    let read = read_locked(lease, "LOCK IN SHARE MODE").await;
    lease.roll_back().await;
    let Seen { now_ms, slices } = read?;
    Ok(Slices { slices, known_until_ms: now_ms.saturating_add(rules.lead_ms()) })
}

/// Opens what has to be open ahead: the first slice of all, the next month's, and another one where the present one is
/// nearly full. Says when to look again. Any number of nodes may do it at once.
///
/// # Errors
/// The database's. What was half done is done by the next look.
pub async fn tend_slices(lease: &mut Lease<'_>, rules: &SliceRules) -> Result<Duration, TxFault> {
    let read = read_locked(lease, "LOCK IN SHARE MODE").await;
    lease.roll_back().await;
    let Seen { now_ms, slices } = read?;
    let Some(present) = slices.iter().rfind(|slice| slice.first_ms <= now_ms) else {
        // Orders of any age may come, as ids are drawn before; 0 is the row that is locked.
        open(lease, rules, &slices, month_of(now_ms), |_| 1).await?;
        return Ok(Duration::ZERO);
    };
    let next_month_ms = first_of_month_after(now_ms);
    if next_month_ms - now_ms <= MONTH_AHEAD_MS && !slices.iter().any(|slice| slice.first_ms >= next_month_ms)
    {
        open(lease, rules, &slices, month_of(next_month_ms), |_| next_month_ms).await?;
        return Ok(Duration::ZERO);
    }
    let soon_ms = now_ms + rules.lead_ms();
    if let Some(next) = slices.iter().find(|slice| slice.first_ms > now_ms && slice.first_ms <= soon_ms) {
        return Ok(Duration::from_millis(next.first_ms - now_ms));
    }
    let mut sql = Sql::new();
    sql.raw("SELECT COUNT(*) FROM ").table_of("orders_", present);
    let rows = lease.read(&sql).await?.next::<(u64,)>()?.first().map_or(0, |(rows,)| *rows);
    if rows < rules.open_at_rows() {
        return Ok(rules.count_again_after(rows));
    }
    open(lease, rules, &slices, present.month, |now_ms| now_ms + rules.lead_ms()).await?;
    Ok(rules.lead)
}

/// What `slices` has, and the database's own time, in milliseconds of order ids.
struct Seen {
    now_ms: u64,
    slices: Vec<Slice>,
}

/// Begins a transaction that has the row which puts readers and openers in order, and reads under it.
async fn read_locked(lease: &mut Lease<'_>, lock: &'static str) -> Result<Seen, Fault> {
    let mut sql = Sql::new();
    sql.raw(START).raw("SELECT number FROM slices WHERE first_ms = 0 ").raw(lock);
    // SYSDATE is when it is called, NOW would be when its statement began: before it waited for the lock.
    sql.raw("; SELECT CAST(FLOOR(UNIX_TIMESTAMP(SYSDATE(3)) * 1000) AS UNSIGNED)");
    sql.raw("; SELECT first_ms, month, number FROM slices WHERE first_ms > 0 ORDER BY first_ms");
    let mut answer = lease.begin(&sql).await?;
    answer.skip()?; // START TRANSACTION
    if answer.next::<(u16,)>()?.is_empty() {
        return Err(Fault::new(FaultKind::Schema, "the table slices has lost its first row"));
    }
    let unix_ms = answer.next::<(i64,)>()?.first().map_or(0, |(ms,)| *ms);
    let rows = answer.next::<(u64, u32, u16)>()?;
    Ok(Seen {
        now_ms: u64::try_from(unix_ms - OrderId::EPOCH_MS).unwrap_or(0),
        slices: rows.into_iter().map(|(first_ms, month, number)| Slice { first_ms, month, number }).collect(),
    })
}

/// Makes the tables of another slice, then enters it. Where somebody entered one meanwhile, nothing is entered.
async fn open(
    lease: &mut Lease<'_>,
    rules: &SliceRules,
    had: &[Slice],
    month: u32,
    first_ms: impl Fn(u64) -> u64,
) -> Result<(), TxFault> {
    // CREATE TABLE commits what is open, so the tables come first. When another node is faster they are its tables.
    let number =
        had.iter().filter(|slice| slice.month == month).map(|slice| slice.number + 1).max().unwrap_or(0);
    let mut slice = Slice { first_ms: 0, month, number };
    lease.be_patient();
    for statement in statements(include_str!("schema/slice.sql")) {
        let mut sql = Sql::new();
        for (at, part) in statement.split("{slice}").enumerate() {
            if at > 0 {
                sql.table_of("", &slice);
            }
            sql.raw(part);
        }
        lease.run(&sql).await?;
    }
    let entered = async {
        let seen = read_locked(lease, "FOR UPDATE").await?;
        slice.first_ms = first_ms(seen.now_ms);
        // A slice of the coming month that took long may not begin before all nodes can know it; the next look enters
        // it later. The first of all may: nobody has written yet.
        let in_time = had.is_empty() || slice.first_ms >= seen.now_ms + rules.lead_ms();
        if seen.slices != had || !in_time {
            return Ok(false);
        }
        let Slice { first_ms, month, number } = slice;
        let mut sql = Sql::new();
        sql.raw("INSERT INTO slices (first_ms, month, number) VALUES ");
        sql.row(&[first_ms, u64::from(month), u64::from(number)].map(Cell::Number));
        lease.run(&sql).await?;
        Ok::<bool, Fault>(true)
    };
    match entered.await {
        Ok(true) => lease.commit().await,
        Ok(false) => {
            lease.roll_back().await;
            Ok(())
        }
        Err(fault) => {
            lease.roll_back().await;
            Err(fault.into())
        }
    }
}

/// Year and month, UTC, of an order id's milliseconds: 202611.
fn month_of(ms: u64) -> u32 {
    let (mut year, mut month, mut left) = (2024, 1, ms / DAY_MS);
    while left >= days(year, month) {
        left -= days(year, month);
        (year, month) = next_month(year, month);
    }
    year * 100 + month
}

/// The first milliseconds of the next month.
fn first_of_month_after(ms: u64) -> u64 {
    let (mut year, mut month, mut until) = (2024, 1, 0);
    while until <= ms {
        until += days(year, month) * DAY_MS;
        (year, month) = next_month(year, month);
    }
    until
}

const DAY_MS: u64 = 86_400_000;

fn next_month(year: u32, month: u32) -> (u32, u32) {
    if month == 12 { (year + 1, 1) } else { (year, month + 1) }
}

fn days(year: u32, month: u32) -> u64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slices that begin at these milliseconds, known until the last of them.
    fn slices(first: &[u64], known_until_ms: u64) -> Slices {
        let slice = |(number, first_ms): (usize, &u64)| Slice {
            first_ms: *first_ms,
            month: 202_611,
            number: number as u16,
        };
        Slices { slices: first.iter().enumerate().map(slice).collect(), known_until_ms }
    }

    /// Which slice an id of these milliseconds lies in.
    fn check(slices: &Slices, ms: u64, lies_in: Result<u16, NoSlice>) {
        let found = [OrderId::new(ms, 0, 0), OrderId::new(ms, 1_023, 4_095)];
        assert_eq!(found.map(|id| slices.of(id).map(|slice| slice.number)), [lies_in, lies_in], "{ms}");
    }

    #[test]
    fn the_slice_follows_from_the_id() {
        let slices = slices(&[100, 200, 300], 350);
        check(&slices, 99, Err(NoSlice::BeforeTheFirst));
        check(&slices, 100, Ok(0));
        check(&slices, 199, Ok(0));
        check(&slices, 200, Ok(1));
        check(&slices, 300, Ok(2));
        check(&slices, 349, Ok(2));
        check(&slices, 350, Err(NoSlice::ReadAgain));
        check(&Slices::default(), 0, Err(NoSlice::ReadAgain));
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        let at = |unix_seconds: u64| unix_seconds * 1_000 - OrderId::EPOCH_MS as u64;
        for (unix_seconds, month) in [
            (1_704_067_200, 202_401),
            (1_709_251_199, 202_402), // the 29th, one second before midnight
            (1_709_251_200, 202_403),
            (1_735_689_599, 202_412),
            (1_735_689_600, 202_501),
            (1_772_323_200, 202_603), // 2026 has no 29th
        ] {
            assert_eq!(month_of(at(unix_seconds)), month, "{unix_seconds}");
        }
        assert_eq!(first_of_month_after(at(1_735_689_599)), at(1_735_689_600));
        assert_eq!(first_of_month_after(at(1_735_689_600)), at(1_738_368_000));
    }

    #[test]
    fn a_slice_at_full_rate_ends_below_its_bound() {
        let rules = SliceRules::DEFAULT;
        let mut rows = 0;
        while rows < rules.open_at_rows() {
            rows += rules.count_again_after(rows).as_secs() * rules.orders_per_second_max;
        }
        let at_the_switch = rows + rules.lead.as_secs() * rules.orders_per_second_max;
        assert!(at_the_switch <= ROWS_MAX, "{at_the_switch}");
    }

    #[test]
    fn a_name_is_month_and_number() {
        let name = |number| Slice { first_ms: 0, month: 202_611, number }.name();
        assert_eq!([name(3), name(12), name(120)], ["202611_03", "202611_12", "202611_120"]);
    }
}
