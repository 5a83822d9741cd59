//! A node's work on one ask, step by step. A node keeps nothing: when it dies, the ask is gone, and what it left behind
//! in Redis and MySQL is all there is. Two asks of one request id run side by side when a client has given up the
//! first; on which nodes they run makes no difference, so nodes have no names here.

use crate::client::Heard;
use crate::message::Message;
use crate::mutation::{Mutation, Rules};
use crate::mysql::{Committed, Row};
use crate::redis::{Held, Reserved};
use crate::story::{Story, name};
use crate::world::{Fate, Model, World};
use crate::{Attempt, Epoch, HoldId, RequestNo, SHELVES, ShelfNo};

/// An ask that a node works on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ask {
    /// Which ask of its client, from 1.
    pub no: u8,
    /// The flag in the frame: this request id was asked before.
    pub retry: bool,
    /// Which attempt it makes; 0: not known yet.
    pub attempt: Attempt,
    /// What comes next.
    pub step: Step,
    /// What it got of each shelf.
    pub got: [Got; SHELVES],
}

/// A unit that RESERVE gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Got {
    /// Its hold id; 0: none.
    pub hold: HoldId,
    /// The epoch in which it was given.
    pub epoch: Epoch,
    /// Whether this ask took it; else another ask did and this one saw it.
    pub own: bool,
}

/// What an ask does next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Read the key row: an order or a refusal there is the answer; a dead row numbers the attempt.
    #[default]
    Look,
    /// RESERVE on this shelf.
    Reserve(ShelfNo),
    /// The order's transaction; then the answer.
    Commit,
    /// The outcome of COMMIT is unknown: make the row dead, or find the order.
    Doubt,
    /// Give back what it took of this shelf and nobody else has seen; then refuse.
    GiveBack(ShelfNo, Why),
    /// Make the row refused; then SOLD_OUT.
    Refuse,
    /// FINISH on this shelf; the client has its answer.
    Finish(ShelfNo),
}

/// Why an ask ends without an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// No unit is left on a shelf.
    SoldOut,
    /// Nothing is known, or a shelf is not open: ask again.
    Unavailable,
}

impl Ask {
    /// The message of this step; looking has none, for its loss is the loss of the ask.
    fn message(&self, rules: Rules, request: RequestNo, world: &World) -> Option<Message> {
        match self.step {
            Step::Look => None,
            Step::Reserve(shelf) => {
                Some(Message::Reserve(shelf, request, self.hold(world.redis[shelf].epoch)))
            }
            Step::Commit => Some(Message::Commit(
                request,
                self.attempt,
                self.got.map(|got| got.hold),
                self.got.map(|got| got.epoch),
            )),
            Step::Refuse if !rules.broken(Mutation::RefusalNotKept) => Some(Message::Refuse(request)),
            Step::Doubt | Step::Refuse => Some(Message::MakeDead(request, self.attempt)),
            Step::GiveBack(shelf, _) => {
                Some(Message::GiveBackOwn(shelf, request, self.got[shelf].hold, self.got[shelf].epoch))
            }
            Step::Finish(shelf) => {
                Some(Message::Finish(shelf, request, self.got[shelf].hold, self.got[shelf].epoch))
            }
        }
    }

    /// The record that this ask's RESERVE writes: a fresh hold id. A node that knows an older epoch is told STALE,
    /// learns the shelf's and sends another RESERVE, so here it always knows it; a RESERVE that is late may not.
    fn hold(&self, epoch: Epoch) -> Held {
        Held { hold: self.no, epoch, attempt: self.attempt, shared: false }
    }

    /// After the answer only FINISH is left, which needs the hold ids.
    fn answered(mut self, step: Step) -> Self {
        (self.retry, self.attempt, self.step) = (false, 0, step);
        self
    }
}

impl World {
    /// What can become of an ask's next step.
    pub fn fates_of_ask(&self, ask: &Ask) -> impl Iterator<Item = Fate> {
        let knows = !matches!(ask.step, Step::Reserve(shelf) if self.redis[shelf].epoch == 0);
        let late = ask.step != Step::Look && knows && self.faults.time_outs > 0 && !self.late.is_full();
        let dies = self.faults.deaths > 0;
        let fates = [(Fate::Done, true), (Fate::TimesOut, late), (Fate::Dies, dies)];
        fates.into_iter().filter_map(|(fate, can)| can.then_some(fate))
    }

    /// A node does the next step of an ask, or waits for it in vain, or dies before it.
    pub fn step_ask(&mut self, model: &Model, request: RequestNo, at: usize, fate: Fate, story: &mut Story) {
        let ask = self.asks[request].take(at);
        let next = match fate {
            Fate::Done => self.next_of_ask(model, request, ask, story),
            Fate::TimesOut => self.ask_times_out(model, request, ask, story),
            Fate::Dies => {
                self.faults.deaths -= 1;
                story.say(|| {
                    format!("the node of {}'s ask {} dies before {:?}", name(request), ask.no, ask.step)
                });
                None
            }
        };
        if let Some(next) = next {
            self.asks[request].put(next);
        }
    }

    fn next_of_ask(&mut self, model: &Model, request: RequestNo, ask: Ask, story: &mut Story) -> Option<Ask> {
        match ask.step {
            Step::Look => self.look(model, request, ask, story),
            Step::Reserve(shelf) => self.reserve(model, request, ask, shelf, story),
            Step::Commit => self.commit(model, request, ask, story),
            Step::Doubt => self.doubt(model, request, ask, story),
            Step::GiveBack(shelf, why) => {
                let got = ask.got[shelf];
                self.redis[shelf].give_back_own(model.rules, request, got.hold, got.epoch);
                story.say(|| {
                    format!("{}'s ask {} gives back its own on shelf {shelf}", name(request), ask.no)
                });
                self.give_back_from(model, request, ask, shelf + 1, why, story)
            }
            Step::Refuse => self.refuse(model, request, ask, story),
            Step::Finish(shelf) => {
                let got = ask.got[shelf];
                self.redis[shelf].finish(model.rules, request, got.hold, got.epoch);
                story.say(|| format!("{}'s ask {}: FINISH on shelf {shelf}", name(request), ask.no));
                finish_from(model, request, ask, shelf + 1)
            }
        }
    }

    /// Attempts. A retry reads its key row first: an order there is the answer, whatever Redis would say (its
    /// record may be finished and its shelf sold out), and so is a refusal, which stands; `dead n` makes this attempt
    /// n + 1.
    fn look(&mut self, model: &Model, request: RequestNo, mut ask: Ask, story: &mut Story) -> Option<Ask> {
        story.say(|| format!("{}'s ask {} looks: {:?}", name(request), ask.no, self.mysql.rows[request]));
        ask.attempt = match self.mysql.rows[request] {
            Row::Order { .. } => {
                self.answer(model.rules, request, ask.no, Heard::Accepted, story);
                return None;
            }
            Row::Refused => {
                self.answer(model.rules, request, ask.no, Heard::SoldOut, story);
                return None;
            }
            Row::Dead(n) => n + 1,
            Row::None => 1,
        };
        ask.step = Step::Reserve(model.order(request).basket.from(0)?);
        Some(ask)
    }

    /// RESERVE, one script a shelf, the shelves of a basket in fixed order.
    fn reserve(
        &mut self,
        model: &Model,
        request: RequestNo,
        mut ask: Ask,
        shelf: ShelfNo,
        story: &mut Story,
    ) -> Option<Ask> {
        let asked = ask.hold(self.redis[shelf].epoch);
        let reserved = self.redis[shelf].reserve(model.rules, request, asked);
        story.say(|| {
            format!(
                "{}'s ask {}: RESERVE on shelf {shelf} (epoch {}, attempt {}) → {reserved:?}",
                name(request),
                ask.no,
                asked.epoch,
                asked.attempt
            )
        });
        let (hold, own) = match reserved {
            Reserved::Taken => (asked.hold, true),
            // Its own hold id: a client library repeated the RESERVE.
            Reserved::Seen(hold) => (hold, hold == asked.hold),
            Reserved::SoldOut => return self.fail(model, request, ask, Why::SoldOut, story),
            Reserved::Stale | Reserved::LowerAttempt => {
                return self.fail(model, request, ask, Why::Unavailable, story);
            }
        };
        ask.got[shelf] = Got { hold, epoch: asked.epoch, own };
        ask.step = match model.order(request).basket.from(shelf + 1) {
            Some(next) => Step::Reserve(next),
            None => Step::Commit,
        };
        if ask.step == Step::Commit && model.rules.broken(Mutation::AnswerBeforeCommit) {
            self.answer(model.rules, request, ask.no, Heard::Accepted, story);
        }
        Some(ask)
    }

    /// MySQL judges; only after its commit the client is answered.
    fn commit(&mut self, model: &Model, request: RequestNo, ask: Ask, story: &mut Story) -> Option<Ask> {
        let order = model.order(request);
        let whose = (request, order.basket, order.shard);
        let (holds, epochs) = (ask.got.map(|got| got.hold), ask.got.map(|got| got.epoch));
        let committed = self.mysql.commit(model.rules, whose, ask.attempt, holds, epochs);
        story.say(|| {
            format!(
                "{}'s ask {}: COMMIT (attempt {}, holds {holds:?}, epochs {epochs:?}) → {committed:?}",
                name(request),
                ask.no,
                ask.attempt
            )
        });
        match committed {
            Committed::Now => {
                self.answer(model.rules, request, ask.no, Heard::Accepted, story);
                finish_from(model, request, ask, 0)
            }
            // What this ask holds is the reconciler's: it compares hold ids.
            Committed::Before => {
                self.answer(model.rules, request, ask.no, Heard::Accepted, story);
                None
            }
            Committed::Refused => {
                self.answer(model.rules, request, ask.no, Heard::SoldOut, story);
                None
            }
            Committed::DeadInTheWay | Committed::Fenced => {
                story.say(|| "  STORE_UNAVAILABLE: ask again".into());
                None
            }
        }
    }

    /// Doubt about attempt a: make the row `dead a`. An order that is there decides; else no attempt up to a can
    /// commit any more, and the client may ask again. Never a compensation on a guess: the units wait for the
    /// reconciler, or for the next attempt, which sees them.
    fn doubt(&mut self, model: &Model, request: RequestNo, ask: Ask, story: &mut Story) -> Option<Ask> {
        let row = self.mysql.make_dead(request, ask.attempt);
        story.say(|| {
            format!("{}'s ask {} in doubt makes its row dead {}: {row:?}", name(request), ask.no, ask.attempt)
        });
        match row {
            Row::Order { .. } => self.answer(model.rules, request, ask.no, Heard::Accepted, story),
            Row::Refused => self.answer(model.rules, request, ask.no, Heard::SoldOut, story),
            Row::Dead(_) | Row::None => story.say(|| "  STORE_UNAVAILABLE: ask again".into()),
        }
        None
    }

    /// A shelf has none, or does not answer: what this ask took and no other has seen goes back at once.
    fn fail(
        &mut self,
        model: &Model,
        request: RequestNo,
        ask: Ask,
        why: Why,
        story: &mut Story,
    ) -> Option<Ask> {
        self.give_back_from(model, request, ask, 0, why, story)
    }

    fn give_back_from(
        &mut self,
        model: &Model,
        request: RequestNo,
        mut ask: Ask,
        shelf: ShelfNo,
        why: Why,
        story: &mut Story,
    ) -> Option<Ask> {
        if let Some(own) = (shelf..SHELVES).find(|at| ask.got[*at].own) {
            ask.step = Step::GiveBack(own, why);
            return Some(ask);
        }
        ask.got = [Got::default(); SHELVES];
        match why {
            Why::Unavailable => {
                story.say(|| format!("  STORE_UNAVAILABLE for {}'s ask {}", name(request), ask.no));
                None
            }
            // A first ask may be refused at once. Of one that was asked before, an attempt may still be on its way:
            // it is fenced off first.
            Why::SoldOut if ask.retry && !model.rules.broken(Mutation::RefusalWithoutRow) => {
                ask.step = Step::Refuse;
                Some(ask)
            }
            Why::SoldOut => {
                self.answer(model.rules, request, ask.no, Heard::SoldOut, story);
                None
            }
        }
    }

    /// SOLD_OUT for a retry: its row says so first, so that no earlier ask lands after the refusal.
    fn refuse(&mut self, model: &Model, request: RequestNo, ask: Ask, story: &mut Story) -> Option<Ask> {
        let row = if model.rules.broken(Mutation::RefusalNotKept) {
            self.mysql.make_dead(request, ask.attempt)
        } else {
            self.mysql.refuse(request)
        };
        story.say(|| format!("{}'s ask {} makes its row refused: {row:?}", name(request), ask.no));
        let answer = match row {
            Row::Order { .. } => Heard::Accepted,
            Row::Refused | Row::Dead(_) | Row::None => Heard::SoldOut,
        };
        self.answer(model.rules, request, ask.no, answer, story);
        None
    }

    /// The message is on its way, and its answer does not come.
    fn ask_times_out(
        &mut self,
        model: &Model,
        request: RequestNo,
        mut ask: Ask,
        story: &mut Story,
    ) -> Option<Ask> {
        self.faults.time_outs -= 1;
        let message = ask.message(model.rules, request, self).expect("looking does not time out");
        self.late.put(message);
        story.say(|| format!("{}'s ask {} waits in vain: {}", name(request), ask.no, message.in_words()));
        match ask.step {
            Step::Reserve(_) if model.rules.broken(Mutation::ReserveRepeated) => {
                self.next_of_ask(model, request, ask, story)
            }
            Step::Reserve(_) => self.fail(model, request, ask, Why::Unavailable, story),
            Step::Commit => {
                (ask.step, ask.got) = (Step::Doubt, [Got::default(); SHELVES]);
                Some(ask)
            }
            // OUTCOME_UNKNOWN: ask again.
            Step::Look | Step::Doubt | Step::Refuse => None,
            Step::GiveBack(shelf, why) => self.give_back_from(model, request, ask, shelf + 1, why, story),
            Step::Finish(shelf) => finish_from(model, request, ask, shelf + 1),
        }
    }
}

/// FINISH, after the answer. What is not finished here, the reconciler finishes.
fn finish_from(model: &Model, request: RequestNo, ask: Ask, shelf: ShelfNo) -> Option<Ask> {
    let next = model.order(request).basket.from(shelf)?;
    Some(ask.answered(Step::Finish(next)))
}
