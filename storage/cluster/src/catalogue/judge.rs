//! One try of a change: rows laid under the home's lock, the desk's word, and what is to be written.

use std::collections::BTreeSet;

use domain::desk::{Changes, Desk, Key, Moved, Need, Row, RowFault, Task};
use domain::intent::Envelope;
use domain::{Intent, Makings, MicrosUtc, OrderId, Reason, Refusal, RequestKey, Verdict};
use storage::embedded::record::Entries;

use super::Catalogue;
use super::image::Image;
use super::sums::{HomeSide, sums};
use super::taking::{Lack, Taken};
use crate::links::Links;
use crate::mysql::{CatalogueRow, EventRow, Fault, FaultKind, HomeTx, HomeWrite, Numbers, Standing};
use crate::refused::{put_refusal, take_refusal};
use crate::shelf::{Attempt, ShelfKey};

/// What is asked of the home.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The node's time.
    pub now: MicrosUtc,
    /// What comes with it.
    pub envelope: Envelope,
    /// What is wanted.
    pub intent: &'a Intent<'a>,
}

/// Who decides, and by what.
pub(super) struct Judge<'a> {
    pub links: &'a Links,
    pub catalogue: &'a Catalogue,
    pub desk: &'a mut Desk,
    pub asked: Asked<'a>,
}

/// What came of one try.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing is to be written, or not more than the refusal.
    Said(Verdict),
    /// It is true from the COMMIT on.
    Done(Verdict, HomeWrite),
    /// The refusal is final, for the request may have been asked before and be under way.
    Refused(Refusal, HomeWrite),
    /// Units have to be taken first.
    Lacks(Lack),
    /// The attempt that units were taken under is dead by now.
    Overtaken,
}

impl Judge<'_> {
    /// Decides under the lock of this transaction, with what was taken before it.
    ///
    /// # Errors
    /// A database's, or rows that make no sense.
    pub async fn judge(&mut self, tx: &mut HomeTx<'_, '_>, taken: &Taken) -> Result<Step, Fault> {
        let key = self.asked.intent.request().expect("what changes something has a request id");
        let before = tx.standing().cloned();
        let attempt = match &before {
            Some(Standing::Dead(dead)) => Attempt(dead.0.saturating_add(1)),
            None | Some(Standing::Done { .. } | Standing::Refused { .. } | Standing::Order { .. }) => {
                Attempt(1)
            }
        };
        self.desk.clear(self.asked.now, self.asked.now.0.unsigned_abs());
        self.lay(&mut HomeSide::Tx(tx)).await?;
        let mut entries = Entries::new();
        let Asked { envelope, intent, .. } = self.asked;
        let verdict = self.desk.decide(envelope, intent, &mut Makings::of_all(), &mut entries);
        let changes = self.desk.changes();

        if let Some(Standing::Refused { body_hash, refusal }) = &before {
            return Ok(Step::Said(self.refused_before(verdict, *body_hash, refusal)?));
        }
        if let Verdict::Refused(refusal) = verdict {
            return Ok(self.refuse(refusal, key, before.as_ref()));
        }
        if changes == Changes::default() {
            return Ok(Step::Said(verdict));
        }
        let rows = self.rows_of(&changes);
        if !self.catalogue.has_room_for(&rows) {
            return Ok(self.refuse(Refusal::of(Reason::Overloaded), key, before.as_ref()));
        }
        if let Some(lack) = self.lack(tx, &changes, &rows, (taken, attempt)).await? {
            return Ok(match taken {
                Taken::Held(held) if held.attempt != attempt => Step::Overtaken,
                Taken::Held(_) | Taken::Nothing | Taken::Closed { .. } => Step::Lacks(lack),
            });
        }
        let write = HomeWrite {
            standing: Some((key, self.done(key, &changes, taken)?)),
            letters: letters_of(&changes),
            moved: changes.moved,
            events: entries.take().into_iter().map(event).collect(),
            rows,
        };
        Ok(Step::Done(verdict, write))
    }

    /// Lays all that the intent needs.
    ///
    /// # Errors
    /// A database's, or rows that make no sense.
    pub async fn lay(&mut self, home: &mut HomeSide<'_, '_, '_>) -> Result<(), Fault> {
        loop {
            let needs = self.desk.needs([Task::Ask(self.asked.intent)]).map_err(unsound)?;
            if needs.is_empty() {
                return Ok(());
            }
            let mut shelves = BTreeSet::new();
            for need in needs {
                if self.catalogue.lay(self.desk, &need).map_err(unsound)? {
                    continue;
                }
                match need {
                    Need::Row(Key::Shared(shared)) => {
                        shelves.insert(ShelfKey::from(shared));
                    }
                    Need::ShelvesOf(sku) => {
                        let its = self.catalogue.warehouses_of(sku).into_iter();
                        shelves.extend(its.map(|warehouse| ShelfKey::Stock(sku, warehouse)));
                    }
                    Need::Row(key) => {
                        if let Some(row) = home.row(&key).await? {
                            self.desk.lay(row).map_err(unsound)?;
                        }
                    }
                    Need::PlacesOfSku(_) | Need::PlacesOfSale(_) | Need::Switches => {
                        unreachable!("the catalogue has laid it")
                    }
                }
            }
            // Of a shelf that is nowhere there is no row; and sums of it that other databases may have are none.
            let shelves: Vec<ShelfKey> =
                shelves.into_iter().filter(|shelf| self.catalogue.has(*shelf)).collect();
            let sums = sums(self.links, home, &shelves).await?;
            for shelf in shelves {
                let numbers = sums.get(&shelf).copied().unwrap_or_default();
                self.desk.lay(numbers.row(shelf)).map_err(unsound)?;
            }
        }
    }

    /// A retry's refusal stands from now on: an earlier ask that is still on its way can no longer land behind it.
    fn refuse(&self, refusal: Refusal, key: RequestKey, before: Option<&Standing>) -> Step {
        let is_about_the_id = matches!(refusal.reason, Reason::RequestIdExpired | Reason::RequestIdReused);
        let is_open = matches!(before, None | Some(Standing::Dead(_)));
        if !self.asked.envelope.asked_before || is_about_the_id || !is_open {
            return Step::Said(Verdict::Refused(refusal));
        }
        let standing =
            Standing::Refused { body_hash: self.asked.intent.body_hash(), refusal: put_refusal(&refusal) };
        let write = HomeWrite { standing: Some((key, standing)), ..HomeWrite::default() };
        Step::Refused(refusal, write)
    }

    /// What a request hears that was refused for good. An id outside of the window is refused for that, as ever.
    fn refused_before(&self, now: Verdict, body_hash: u64, kept: &[u8]) -> Result<Verdict, Fault> {
        if matches!(now, Verdict::Refused(Refusal { reason: Reason::RequestIdExpired, .. })) {
            return Ok(now);
        }
        if body_hash != self.asked.intent.body_hash() {
            return Ok(Verdict::Refused(Refusal::of(Reason::RequestIdReused)));
        }
        let kept = take_refusal(kept);
        kept.map(Verdict::Refused)
            .ok_or_else(|| Fault::new(FaultKind::Corrupt, "a refusal that makes no sense"))
    }

    /// The catalogue's rows among those that changed, and the shelves that were made.
    fn rows_of(&self, changes: &Changes) -> Vec<(Key, Option<Row>)> {
        let rows = changes.rows.iter().filter(|(key, _)| Image::has(key)).cloned();
        let made = changes.moved.iter().filter_map(|moved| match moved {
            Moved::Shelf(sku, warehouse, _) => {
                let shelf = ShelfKey::Stock(*sku, *warehouse);
                let row = Numbers::default().row(shelf);
                (!self.catalogue.has(shelf)).then(|| (row.key(), Some(row)))
            }
            Moved::Cap(..) | Moved::Quota(..) => None,
        });
        // Whoever sets a limit takes some away that are over, so that they do not fill the room of those that count.
        let sets_a_limit = changes.rows.iter().any(|(key, _)| matches!(key, Key::Limit(_)));
        let over = if sets_a_limit { FORGET_MAX } else { 0 };
        let over = self.catalogue.limits_over(self.asked.now, over).into_iter();
        let over = over.filter(|key| !changes.rows.iter().any(|(changed, _)| changed == key));
        rows.chain(made).chain(over.map(|key| (key, None))).collect()
    }

    /// What has to be taken before this can be written: units, or a bound that is about to change. Locks the fences.
    async fn lack(
        &self,
        tx: &mut HomeTx<'_, '_>,
        changes: &Changes,
        rows: &[(Key, Option<Row>)],
        (taken, attempt): (&Taken, Attempt),
    ) -> Result<Option<Lack>, Fault> {
        let rebound: Vec<ShelfKey> =
            rows.iter().filter_map(|(_, row)| self.catalogue.bounds_otherwise(row.as_ref()?)).collect();
        let moved: Vec<(ShelfKey, Numbers)> = changes.moved.iter().map(Numbers::of).collect();
        let shelves = moved.iter().map(|(shelf, _)| *shelf).chain(rebound.iter().copied()).collect();
        let fences = tx.lock_fences(&shelves).await?;
        // Nobody was ever given any of a shelf without an epoch, and nobody is while its fence is locked.
        for (shelf, by) in moved {
            if let (Some(epoch), Ok(units @ 1..)) = (fences[&shelf], u64::try_from(by.units))
                && !taken.has(shelf, epoch, (units, attempt))
            {
                return Ok(Some(Lack { shelf, epoch, attempt, units: Some(units) }));
            }
        }
        for shelf in rebound {
            if let Some(epoch) = fences[&shelf]
                && !taken.has_closed(shelf, epoch)
            {
                return Ok(Some(Lack { shelf, epoch, attempt, units: None }));
            }
        }
        Ok(None)
    }

    fn done(&self, key: RequestKey, changes: &Changes, taken: &Taken) -> Result<Standing, Fault> {
        let row =
            changes.rows.iter().find(|(of, _)| *of == Key::Request(key)).and_then(|(_, row)| row.as_ref());
        let row = row.ok_or_else(|| Fault::new(FaultKind::Corrupt, "a change that no request led to"))?;
        let mut led_to = Vec::new();
        row.put(&mut led_to);
        Ok(Standing::Done { body_hash: self.asked.intent.body_hash(), hold: taken.hold(), led_to })
    }
}

/// Limits that are over and go with one that is set, at most.
const FORGET_MAX: usize = 4;

/// Rows as they are after a change of this number.
pub(super) fn changed_rows(rows: Vec<(Key, Option<Row>)>, changed: u64) -> Vec<CatalogueRow> {
    rows.into_iter().map(|(key, row)| CatalogueRow { key, changed, row }).collect()
}

fn letters_of(changes: &Changes) -> Vec<(domain::CursorName, u64, Option<Row>)> {
    let letter = |(key, row): &(Key, Option<Row>)| {
        if let Key::Letter(subscriber, position) = *key {
            Some((subscriber, position, row.clone()))
        } else {
            None
        }
    };
    changes.rows.iter().filter_map(letter).collect()
}

fn event(entry: storage::embedded::record::Entry) -> EventRow {
    EventRow { order: OrderId(0), at: entry.at, body: entry.bytes }
}

pub(super) fn unsound(fault: RowFault) -> Fault {
    Fault::new(FaultKind::Corrupt, format!("rows of the home contradict each other: {fault:?}"))
}
