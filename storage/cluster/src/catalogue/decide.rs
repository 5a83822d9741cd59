//! What operators want: decided at the home, one change after the other, each knowing all before it.
//!
//! What only adds or sets is one transaction. What takes units away takes them first ([`Taken`]), and then the same
//! transaction finds them taken. In doubt about a COMMIT the key row is made dead, and what stands there is the answer:
//! nothing is given back on a guess.

use std::collections::BTreeSet;

use domain::desk::{Answered, Desk, Key, Row};
use domain::{Intent, RequestKey, Verdict};
use storage::{NotDecided, Outcome};

use super::Catalogue;
use super::holdings::holdings;
use super::image::shelf_to_open;
use super::judge::{Asked, Judge, Step, changed_rows};
use super::lists;
use super::sums::HomeSide;
use super::taking::{NotTaken, Taken};
use super::told;
use crate::links::Links;
use crate::mysql::{self, CatalogueRow, Ending, Fault, FaultKind, HomeTx, HomeWrite, Standing, TxFault};
use crate::shelf::{Attempt, ShelfKey};

/// What is not decided may be asked again after so many milliseconds.
pub const RETRY_AFTER_MS: u32 = 50;
/// How often a change is tried, where others are in its way or what it took is not right any more.
const TRIES: usize = 6;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The answer.
    pub outcome: Outcome,
    /// Shelves that are to be opened now: new ones, and those that were closed for this.
    pub to_open: BTreeSet<ShelfKey>,
    /// What went wrong with a server, for the log; the outcome says what the client has to know of it.
    pub trouble: Option<String>,
}

/// Decides what is answered [at home](Answered::AtHome), or [from tables](Answered::FromTables) of the home. The desk is of
/// [`domain::desk::DeskSize::ANY_ONE`]. What shards answer, or their tables (LIST, ORDERS_SCAN), is not served here.
pub async fn decide(links: &Links, catalogue: &Catalogue, desk: &mut Desk, asked: Asked<'_>) -> Decided {
    let judge = Judge { links, catalogue, desk, asked };
    let mut deciding = Deciding { judge, to_open: BTreeSet::new(), trouble: None, in_flight: Vec::new() };
    let outcome = match Answered::of(asked.intent) {
        Answered::FromTables => match deciding.read_tables().await {
            Ok(verdict) => verdict.ok_or(NotDecided::NotServed),
            Err(fault) => Err(deciding.unavailable(&fault)),
        },
        Answered::AtHome => match asked.intent.request() {
            Some(key) => deciding.change(key).await,
            None => match deciding.read().await {
                Ok(verdict) => Ok(verdict),
                Err(fault) => Err(deciding.unavailable(&fault)),
            },
        },
        Answered::ByAShard => Err(NotDecided::NotServed),
    };
    let Deciding { to_open, trouble, .. } = deciding;
    Decided { outcome, to_open, trouble }
}

struct Deciding<'a> {
    judge: Judge<'a>,
    to_open: BTreeSet<ShelfKey>,
    trouble: Option<String>,
    /// Rows of the COMMIT that is in doubt.
    in_flight: Vec<(Key, Option<Row>)>,
}

/// How a try ended.
enum Tried {
    Said(Verdict),
    Done(Verdict, Vec<CatalogueRow>),
    Again,
    NotDone,
    Unknown,
}

impl Deciding<'_> {
    fn unavailable(&mut self, fault: &Fault) -> NotDecided {
        self.trouble = Some(fault.to_string());
        NotDecided::Unavailable { retry_after_ms: RETRY_AFTER_MS }
    }

    /// Pages, sums, cursors; nothing where that is read off the tables of shards.
    async fn read_tables(&self) -> Result<Option<Verdict>, Fault> {
        let Judge { links, catalogue, asked, .. } = self.judge;
        if matches!(asked.intent, Intent::Holdings) {
            let held = holdings(links, catalogue, self.judge.desk.rules(), asked.now).await?;
            return Ok(Some(Verdict::Holdings(held.into())));
        }
        lists::answer(links, catalogue, asked.now, asked.intent).await
    }

    /// A look at a sku or its stock.
    async fn read(&mut self) -> Result<Verdict, Fault> {
        let Judge { links, catalogue, asked, .. } = self.judge;
        let mut lease = links.home().lease().await?;
        catalogue.refresh(&mut lease).await?;
        self.judge.desk.clear(asked.now, 1);
        self.judge.lay(&mut HomeSide::Lease(&mut lease)).await?;
        let mut makings = domain::Makings::of_all();
        let mut unheard = storage::embedded::record::Entries::new();
        Ok(self.judge.desk.decide(asked.envelope, asked.intent, &mut makings, &mut unheard))
    }

    async fn change(&mut self, key: RequestKey) -> Outcome {
        let links = self.judge.links;
        let mut taken = Taken::Nothing;
        for _ in 0..TRIES {
            match self.try_once(key, &mut taken).await {
                Tried::Said(verdict) => {
                    taken.give_back(links).await;
                    return Ok(verdict);
                }
                Tried::Done(verdict, rows) => {
                    self.tell(rows, taken.closed()).await;
                    taken.finish(links).await;
                    return Ok(verdict);
                }
                Tried::Again => (),
                Tried::NotDone => break,
                Tried::Unknown => return self.in_doubt(key, &taken).await,
            }
        }
        taken.give_back(links).await;
        Err(NotDecided::Unavailable { retry_after_ms: RETRY_AFTER_MS })
    }

    async fn try_once(&mut self, key: RequestKey, taken: &mut Taken) -> Tried {
        let (links, body) = (self.judge.links, self.judge.asked.intent.body_hash());
        let (step, written) = match self.transact(key, taken).await {
            Ok(tried) => tried,
            Err(TxFault::Unknown(fault)) => {
                self.trouble = Some(fault.to_string());
                return Tried::Unknown;
            }
            Err(TxFault::NotDone(fault)) => {
                self.trouble = Some(fault.to_string());
                // Another one's lock, or a key row that came meanwhile: it is looked at again.
                return if fault.kind.may_be_one_orders() { Tried::Again } else { Tried::NotDone };
            }
        };
        self.to_open.extend(taken.closed());
        match step {
            Step::Said(verdict) => Tried::Said(verdict),
            Step::Refused(refusal, _) => Tried::Said(Verdict::Refused(refusal)),
            Step::Done(verdict, HomeWrite { rows, .. }) => Tried::Done(verdict, changed_rows(rows, written)),
            Step::Overtaken => Tried::NotDone,
            Step::Lacks(lack) => {
                taken.give_back(links).await;
                *taken = Taken::Nothing;
                match Taken::of(links, lack, (key, body)).await {
                    Ok(now) => {
                        *taken = now;
                        Tried::Again
                    }
                    Err(NotTaken) => {
                        // It may be closed by now, by whomever.
                        self.to_open.insert(lack.shelf);
                        Tried::NotDone
                    }
                }
            }
        }
    }

    /// One transaction; says also the number that the change has.
    async fn transact(&mut self, key: RequestKey, taken: &Taken) -> Result<(Step, u64), TxFault> {
        let Judge { links, catalogue, .. } = self.judge;
        let mut lease = links.home().lease().await?;
        let (mut tx, rows) = HomeTx::begin(&mut lease, Some(key), catalogue.change()).await?;
        catalogue.apply(rows);
        match self.judge.judge(&mut tx, taken).await {
            Ok(step) => {
                let write = match &step {
                    Step::Done(_, write) | Step::Refused(_, write) => write,
                    Step::Said(_) | Step::Lacks(_) | Step::Overtaken => {
                        tx.roll_back().await;
                        return Ok((step, 0));
                    }
                };
                match tx.write(write).await {
                    Ok(written) => Ok((step, written)),
                    Err(fault) => {
                        self.in_flight.clone_from(&write.rows);
                        Err(fault)
                    }
                }
            }
            Err(fault) => {
                tx.roll_back().await;
                Err(fault.into())
            }
        }
    }

    /// COMMIT was sent and nobody knows what became of it: no attempt that may be under way commits from here on, and what
    /// stands then is what it is.
    async fn in_doubt(&mut self, key: RequestKey, taken: &Taken) -> Outcome {
        let stands = match self.make_dead(key).await {
            Ok(stands) => stands,
            Err(fault) => {
                self.trouble = Some(fault.to_string());
                return Err(NotDecided::OutcomeUnknown);
            }
        };
        taken.end(self.judge.links, &stands).await;
        if let Standing::Dead(_) = stands {
            return Err(NotDecided::Unavailable { retry_after_ms: RETRY_AFTER_MS });
        }
        // It was done, or refused for good: asked again, it says what it led to.
        let Tried::Said(verdict) = self.try_once(key, &mut Taken::Nothing).await else {
            return Err(NotDecided::OutcomeUnknown);
        };
        let rows = changed_rows(std::mem::take(&mut self.in_flight), self.judge.catalogue.change());
        self.tell(rows, taken.closed()).await;
        Ok(verdict)
    }

    /// Ends the attempt that may be under way; says what stands.
    async fn make_dead(&mut self, key: RequestKey) -> Result<Standing, Fault> {
        let mut lease = self.judge.links.home().lease().await?;
        let attempt = match mysql::look(&mut lease, &[key]).await?.pop().flatten() {
            None => Attempt(1),
            Some(Standing::Dead(dead)) => Attempt(dead.0.saturating_add(1)),
            Some(stands @ (Standing::Done { .. } | Standing::Refused { .. } | Standing::Order { .. })) => {
                return Ok(stands);
            }
        };
        let stands = mysql::end(&mut lease, &[(key, Ending::Dead(attempt))]).await;
        let stands = stands.map_err(TxFault::into_fault)?.pop().expect("each request id has what stands");
        match stands {
            Standing::Dead(dead) if dead < attempt => {
                Err(Fault::new(FaultKind::Locked, "another ask of the same request is at work"))
            }
            Standing::Dead(_) | Standing::Done { .. } | Standing::Refused { .. } | Standing::Order { .. } => {
                Ok(stands)
            }
        }
    }

    /// What was changed stands: here, in Redis, and with whoever opens shelves.
    async fn tell(&mut self, rows: Vec<CatalogueRow>, closed: Option<ShelfKey>) {
        let Judge { links, catalogue, .. } = self.judge;
        catalogue.apply(rows.clone());
        self.to_open.extend(rows.iter().filter_map(|row| shelf_to_open(row.row.as_ref()?)));
        let mut shelves = catalogue.shelves_by(&rows);
        // What is closed gets its version when it is opened.
        if let Some(closed) = closed {
            shelves.remove(&closed);
        }
        told::raise_versions(links, catalogue, &shelves).await;
    }
}
