//! The reconciler: held records that are older than any ask takes. It makes the key row dead for the record's attempt,
//! and ends the record by what stands there then.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{OrderId, RequestKey, UserId};

use super::trouble::Trouble;
use crate::links::Links;
use crate::mysql::{self, BATCH_MAX, Ending, Fault, Lease, NoSlice, Slice, Standing};
use crate::redis::{CALL_MAX, HeldRecord, Judged, Judgement, PAGE_MAX, Verdict};
use crate::shelf::{HoldId, Holder, ShardNo, ShelfKey};

/// What became of records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Records whose units are free again.
    pub freed: u64,
    /// Their units.
    pub freed_units: u64,
    /// Records whose units an order has.
    pub sold: u64,
    /// Records that another one ended meanwhile.
    pub gone: u64,
    /// Records that stay: a later attempt has them, or their database did not answer.
    pub left: u64,
    /// Why records stay that should not; the last reason.
    pub trouble: Option<Trouble>,
}

/// Ends a shelf's records that were last taken or seen so long ago, by Redis's clock.
pub async fn reconcile_shelf(links: &Links, shelf: ShelfKey, age: Duration) -> Reconciled {
    let mut done = Reconciled::default();
    let mut skip = 0;
    loop {
        let page = match links.redis.held_older_than(shelf, age, skip).await {
            Ok(page) => page,
            Err(failed) => {
                done.trouble = Some(failed.into());
                return done;
            }
        };
        let Some(epoch) = page.epoch else { return done };
        let judged = judge(links, shelf, &page.records, &mut done).await;
        let ended_before = done.freed + done.sold + done.gone;
        let mut said = Vec::with_capacity(judged.len());
        for some in judged.chunks(CALL_MAX) {
            let judgements: Vec<Judgement> = some.iter().map(|(_, judgement)| *judgement).collect();
            match links.redis.judge(shelf, epoch, &judgements).await {
                Ok(answers) => said.extend(some.iter().zip(answers)),
                Err(failed) => {
                    // Whether they ended is not known: the next round sees.
                    done.trouble = Some(failed.into());
                    return done;
                }
            }
        }
        said.into_iter().for_each(|((record, _), judged)| done.count(record, judged));
        let ended = done.freed + done.sold + done.gone - ended_before;
        // Those of the page that stay are the oldest of the next one.
        skip += page.looked_at.saturating_sub(usize::try_from(ended).unwrap_or(usize::MAX));
        if page.looked_at < PAGE_MAX {
            return done;
        }
    }
}

impl Reconciled {
    fn count(&mut self, record: &HeldRecord, judged: Judged) {
        match judged {
            Judged::Freed => {
                self.freed += 1;
                self.freed_units += u64::from(record.units);
            }
            Judged::Sold => self.sold += 1,
            Judged::Gone => self.gone += 1,
            Judged::Later { .. } => self.left += 1,
        }
    }

    fn leave(&mut self, records: usize, trouble: impl Into<Trouble>) {
        self.left += records as u64;
        self.trouble = Some(trouble.into());
    }
}

/// Where the key row of a holder is. An operator's stands in the home: its stock moves there.
pub fn database_of(links: &Links, holder: Holder) -> ShardNo {
    match holder.user {
        UserId(0) => links.home_no(),
        user => links.of_user(user),
    }
}

/// What MySQL says of each record; those of a database that does not answer are left.
async fn judge(
    links: &Links,
    shelf: ShelfKey,
    records: &[HeldRecord],
    done: &mut Reconciled,
) -> Vec<(HeldRecord, Judgement)> {
    let mut of_databases = BTreeMap::<ShardNo, Vec<HeldRecord>>::new();
    for record in records {
        of_databases.entry(database_of(links, record.own.holder)).or_default().push(*record);
    }
    let mut judged = Vec::with_capacity(records.len());
    for (no, records) in of_databases {
        for some in records.chunks(BATCH_MAX) {
            match judge_in(links, no, shelf, some).await {
                Ok(verdicts) => {
                    let judgements = some.iter().zip(verdicts);
                    judged.extend(
                        judgements.map(|(record, verdict)| (*record, Judgement { own: record.own, verdict })),
                    );
                }
                Err(trouble) => done.leave(some.len(), trouble),
            }
        }
    }
    judged
}

/// The rows are dead before anything is read of them: no attempt up to a record's own can commit behind the judgement.
async fn judge_in(
    links: &Links,
    no: ShardNo,
    shelf: ShelfKey,
    records: &[HeldRecord],
) -> Result<Vec<Verdict>, Trouble> {
    let mut lease = links.database(no).lease().await?;
    let ends: Vec<(RequestKey, Ending)> = records.iter().map(ending).collect();
    let stands = mysql::end(&mut lease, &ends).await?;
    let orders = stands.iter().filter_map(|standing| match standing {
        Standing::Order { order, .. } => Some(*order),
        Standing::Dead(_) | Standing::Done { .. } | Standing::Refused { .. } => None,
    });
    let bought = holds_of(links, &mut lease, no, shelf, orders.collect()).await?;
    let verdict = |standing| match standing {
        Standing::Dead(attempt) => Verdict::Dead(attempt),
        Standing::Refused { .. } => Verdict::Refused,
        Standing::Order { order, .. } => Verdict::Order(bought.get(&order).copied().unwrap_or(NO_HOLD)),
        Standing::Done { hold, .. } => Verdict::Order(hold.unwrap_or(NO_HOLD)),
    };
    Ok(stands.into_iter().map(verdict).collect())
}

/// Of who took nothing of the shelf: no record has this hold id.
const NO_HOLD: HoldId = HoldId(0);

fn ending(record: &HeldRecord) -> (RequestKey, Ending) {
    let Holder { user, request } = record.own.holder;
    (RequestKey { who: user, id: request }, Ending::Dead(record.attempt))
}

async fn holds_of(
    links: &Links,
    lease: &mut Lease<'_>,
    no: ShardNo,
    shelf: ShelfKey,
    orders: Vec<OrderId>,
) -> Result<BTreeMap<OrderId, HoldId>, Fault> {
    let mut of_slices = BTreeMap::<u64, (Slice, Vec<OrderId>)>::new();
    for order in orders {
        let slice = links.slices_for(no, order).await?.of(order);
        match slice {
            Ok(slice) => of_slices.entry(slice.first_ms).or_insert((slice, Vec::new())).1.push(order),
            // A committed order lies in a slice; one that nobody knows was not read, and nothing is said of it.
            Err(NoSlice::ReadAgain | NoSlice::BeforeTheFirst) => {
                let said = format!("order {} lies in no slice", order.0);
                return Err(Fault::new(mysql::FaultKind::Corrupt, said));
            }
        }
    }
    let mut holds = BTreeMap::new();
    for (slice, orders) in of_slices.values() {
        holds.append(&mut mysql::holds(lease, slice, shelf, orders).await?);
    }
    Ok(holds)
}
