//! What mends: the reconciler ends held records that nobody ended, the relay brings returned units back, the opener
//! opens a shelf again after Redis lost it. All may die at any step, and two of each may run at once: the lock rows
//! that keep them apart are an economy, not a guard.

use crate::message::Message;
use crate::mutation::{Mutation, Rules};
use crate::mysql::{Desk, Row};
use crate::redis::{Returned, Verdict};
use crate::story::{Story, name};
use crate::world::{Fate, Model, World};
use crate::{Attempt, Epoch, HoldId, RequestNo, SHARDS, ShardNo, ShelfNo, Units, home};

/// A reconciler at work on one held record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reconciling {
    /// The shelf.
    pub shelf: ShelfNo,
    /// The request id.
    pub request: RequestNo,
    /// The record as it was read.
    pub hold: HoldId,
    /// The record as it was read.
    pub epoch: Epoch,
    /// The record as it was read.
    pub attempt: Attempt,
    /// How far it is.
    pub step: Judging,
}

/// How far a reconciler is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Judging {
    /// It has read the record; next it asks MySQL.
    #[default]
    Read,
    /// MySQL has judged; next the script.
    Judged(Verdict),
    /// Only where it gives back before the dead row: next the dead row.
    Late,
}

/// An opener at work on one shelf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Opener {
    /// The shelf.
    pub shelf: ShelfNo,
    /// The epoch that it opens.
    pub epoch: Epoch,
    /// The total, less what it has summed so far.
    pub units: Units,
    /// What comes next.
    pub step: OpenerStep,
}

/// What an opener does next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OpenerStep {
    /// Only where it sums before it fences: raise the home fence.
    #[default]
    Bump,
    /// Raise this shard's fence and sum there, in one transaction.
    Raise(ShardNo),
    /// Only where it sums apart: sum.
    Sum,
    /// INIT.
    Init,
}

impl World {
    /// The reconciler finds a held record (in truth: one that is older than any ask takes).
    pub fn find_record(&mut self, shelf: ShelfNo, request: RequestNo, story: &mut Story) {
        let record = self.redis[shelf].record(request).expect("only a record can be found");
        story.say(|| {
            format!("the reconciler finds {}'s hold {} on shelf {shelf}", name(request), record.hold)
        });
        self.reconcilers.put(Reconciling {
            shelf,
            request,
            hold: record.hold,
            epoch: record.epoch,
            attempt: record.attempt,
            step: Judging::Read,
        });
    }

    /// The reconciler's next step: first MySQL's judgement, which is final, then the script that acts on it.
    pub fn step_reconciler(&mut self, model: &Model, at: usize, fate: Fate, story: &mut Story) {
        let mut work = self.reconcilers.take(at);
        match work.step {
            Judging::Read => {
                let verdict = self.judge(model, &work);
                story.say(|| format!("the reconciler asks for {}'s row: {verdict:?}", name(work.request)));
                work.step = Judging::Judged(verdict);
                self.reconcilers.put(work);
            }
            Judging::Judged(verdict) => {
                self.end_record(model, &work, verdict, fate, story);
                if model.rules.broken(Mutation::GiveBackBeforeDead) {
                    work.step = Judging::Late;
                    self.reconcilers.put(work);
                }
            }
            Judging::Late => {
                let row = self.mysql.make_dead(work.request, work.attempt);
                story.say(|| format!("the reconciler makes {}'s row dead: {row:?}", name(work.request)));
            }
        }
    }

    /// The row is made dead for the record's attempt before anything is given back: then its order can no longer come.
    fn judge(&mut self, model: &Model, work: &Reconciling) -> Verdict {
        let row = if model.rules.broken(Mutation::GiveBackBeforeDead) {
            match self.mysql.rows[work.request] {
                Row::None => Row::Dead(work.attempt),
                row @ (Row::Dead(_) | Row::Refused | Row::Order { .. }) => row,
            }
        } else {
            self.mysql.make_dead(work.request, work.attempt)
        };
        match row {
            Row::Order { holds, .. } => Verdict::Order(holds[work.shelf]),
            Row::Dead(n) => Verdict::Dead(n),
            Row::Refused => Verdict::Refused,
            Row::None => Verdict::Dead(0), // Only where dead rows are deleted: it ends nothing.
        }
    }

    fn end_record(
        &mut self,
        model: &Model,
        work: &Reconciling,
        verdict: Verdict,
        fate: Fate,
        story: &mut Story,
    ) {
        let Reconciling { shelf, request, hold, epoch, .. } = *work;
        let message = Message::Judge(shelf, request, hold, epoch, verdict);
        match fate {
            Fate::Done | Fate::Dies => {
                self.redis[shelf].judge(model.rules, request, hold, epoch, verdict);
                story.say(|| format!("{}, units free now: {}", message.in_words(), self.redis[shelf].units));
            }
            Fate::TimesOut => {
                self.faults.time_outs -= 1;
                self.late.put(message);
                story.say(|| format!("the reconciler waits in vain: {}", message.in_words()));
            }
        }
    }

    /// Units given back become a batch.
    pub fn number_batch(&mut self, rules: Rules, shelf: ShelfNo, shard: ShardNo, story: &mut Story) {
        let desk = &mut self.mysql.shelves[shelf][shard];
        desk.number_batch(rules);
        let (batch, units) = (desk.batch, desk.batch_units);
        story.say(|| format!("shard {shard} numbers batch {batch} of shelf {shelf}: {units} units"));
    }

    /// Whether a batch may be numbered: none that may have been sent is without Redis's word.
    pub fn may_number(&self, model: &Model, shelf: ShelfNo, shard: ShardNo) -> bool {
        let desk = &self.mysql.shelves[shelf][shard];
        let sent = desk.batch_units > 0 && !model.rules.broken(Mutation::BatchGrowsAfterSending);
        desk.loose > 0 && !sent
    }

    /// RETURN is sent again until Redis says that it has it.
    pub fn send_return(
        &mut self,
        model: &Model,
        shelf: ShelfNo,
        shard: ShardNo,
        fate: Fate,
        story: &mut Story,
    ) {
        let Desk { fence, batch, batch_units, .. } = self.mysql.shelves[shelf][shard];
        let message = Message::Return(shelf, shard, fence, batch, batch_units);
        match fate {
            Fate::Done | Fate::Dies => {
                let said = self.redis[shelf].add_batch(model.rules, shard, fence, batch, batch_units);
                story.say(|| {
                    format!("{} → {said:?}, units free now: {}", message.in_words(), self.redis[shelf].units)
                });
                match said {
                    Returned::Added | Returned::Void => {
                        self.mysql.shelves[shelf][shard].batch_units = 0;
                    }
                    Returned::NotYet => (),
                }
            }
            Fate::TimesOut => {
                self.faults.time_outs -= 1;
                self.late.put(message);
                story.say(|| format!("the relay waits in vain: {}", message.in_words()));
            }
        }
    }

    /// Whether a shelf wants to be opened: Redis has none, or another incarnation's, or a fence refuses what it gives.
    pub fn is_closed(&self, shelf: ShelfNo) -> bool {
        let key = &self.redis[shelf];
        let fenced = self.mysql.shelves[shelf].iter().any(|desk| desk.fence != key.epoch);
        key.epoch == 0 || !key.same_incarnation || fenced
    }

    /// An opener begins: the bump in the home database is one transaction with its fence and its sum, and what it
    /// made is the epoch's number, so no two openers have the same.
    pub fn begin_opening(&mut self, model: &Model, shelf: ShelfNo, story: &mut Story) {
        let mut opener = Opener { shelf, ..Opener::default() };
        if model.rules.broken(Mutation::SumBeforeFence) {
            opener.units = model.scenario.stock[shelf] - self.sold(shelf);
        } else {
            opener = self.bump(model, opener);
        }
        story.say(|| format!("an opener begins: {opener:?}"));
        self.openers.put(opener);
    }

    fn bump(&mut self, model: &Model, mut opener: Opener) -> Opener {
        let desk = &mut self.mysql.shelves[opener.shelf][home(opener.shelf)];
        opener.epoch = desk.fence + 1;
        let sold = desk.raise(opener.epoch, model.rules).expect("one more is above");
        if model.sums_under_fence() {
            opener.units = model.scenario.stock[opener.shelf] - sold;
        }
        opener.step = OpenerStep::Raise(other(opener.shelf));
        if model.rules.broken(Mutation::InitBeforeAllFenced) {
            opener.units -= self.mysql.shelves[opener.shelf][other(opener.shelf)].sold;
            opener.step = OpenerStep::Init;
        }
        opener
    }

    /// What can become of an opener's next step. A raise without an answer is the end of the opener; a slow one is a
    /// slow opener.
    pub fn fates_of_opener(&self, opener: &Opener) -> impl Iterator<Item = Fate> {
        let late = opener.step == OpenerStep::Init && self.faults.time_outs > 0 && !self.late.is_full();
        let dies = self.faults.deaths > 0;
        let fates = [(Fate::Done, true), (Fate::TimesOut, late), (Fate::Dies, dies)];
        fates.into_iter().filter_map(|(fate, can)| can.then_some(fate))
    }

    /// An opener's next step.
    pub fn step_opener(&mut self, model: &Model, at: usize, fate: Fate, story: &mut Story) {
        let opener = self.openers.take(at);
        if fate == Fate::Dies {
            self.faults.deaths -= 1;
            story.say(|| format!("the opener of epoch {} dies before {:?}", opener.epoch, opener.step));
            return;
        }
        let next = match opener.step {
            OpenerStep::Bump => Some(self.bump(model, opener)),
            OpenerStep::Raise(shard) => self.raise(model, opener, shard, story),
            OpenerStep::Sum => {
                let units = model.scenario.stock[opener.shelf] - self.sold(opener.shelf);
                Some(Opener { units, step: OpenerStep::Init, ..opener })
            }
            OpenerStep::Init => self.init(model, opener, fate, story),
        };
        if let Some(next) = next {
            story.say(|| format!("the opener goes on: {next:?}"));
            self.openers.put(next);
        }
    }

    /// One transaction a shard: raises its fence and, under that lock, sums.
    fn raise(
        &mut self,
        model: &Model,
        mut opener: Opener,
        shard: ShardNo,
        story: &mut Story,
    ) -> Option<Opener> {
        let desk = &mut self.mysql.shelves[opener.shelf][shard];
        let Some(sold) = desk.raise(opener.epoch, model.rules) else {
            story.say(|| format!("the opener of epoch {} gives up: shard {shard} is there", opener.epoch));
            return None;
        };
        story.say(|| format!("shard {shard}'s fence of shelf {} is {}", opener.shelf, opener.epoch));
        if model.rules.broken(Mutation::InitBeforeAllFenced) {
            return None;
        }
        if model.sums_under_fence() {
            opener.units -= sold;
        }
        let apart = model.rules.broken(Mutation::SumAfterFence);
        opener.step = if apart { OpenerStep::Sum } else { OpenerStep::Init };
        Some(opener)
    }

    /// INIT, when all shards are fenced, and once: without an answer nobody knows whether units were sold under it,
    /// so the next one has a further epoch.
    fn init(&mut self, model: &Model, opener: Opener, fate: Fate, story: &mut Story) -> Option<Opener> {
        let Opener { shelf, epoch, units, .. } = opener;
        let message = Message::Init(shelf, epoch, units);
        if fate == Fate::TimesOut {
            self.faults.time_outs -= 1;
            self.late.put(message);
            story.say(|| format!("the opener waits in vain: {}", message.in_words()));
        }
        if fate == Fate::Done || model.rules.broken(Mutation::InitTwice) {
            self.redis[shelf].init(model.rules, epoch, units);
            story.say(|| message.in_words());
        }
        let rest = model.rules.broken(Mutation::InitBeforeAllFenced);
        rest.then_some(Opener { step: OpenerStep::Raise(other(shelf)), ..opener })
    }

    /// Units of live orders by the sums of all shards.
    pub fn sold(&self, shelf: ShelfNo) -> Units {
        self.mysql.shelves[shelf].iter().map(|desk| desk.sold).sum()
    }
}

/// The shard that is not the shelf's home.
fn other(shelf: ShelfNo) -> ShardNo {
    (home(shelf) + 1) % SHARDS
}
