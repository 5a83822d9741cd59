//! Messages whose sender no longer waits. Each may still land, at any later time, or never: a time-out says nothing.
//! (What its sender does wait for lands at once; a slow network is then a slow sender.)

use crate::redis::{Held, Verdict};
use crate::story::{Story, name};
use crate::world::{Model, World};
use crate::{Attempt, Epoch, HoldId, RequestNo, SHELVES, ShardNo, ShelfNo, Units};

/// A message to Redis or MySQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Message {
    /// RESERVE.
    Reserve(ShelfNo, RequestNo, Held),
    /// An ask gives back what it took.
    GiveBackOwn(ShelfNo, RequestNo, HoldId, Epoch),
    /// FINISH.
    Finish(ShelfNo, RequestNo, HoldId, Epoch),
    /// The reconciler ends a record.
    Judge(ShelfNo, RequestNo, HoldId, Epoch, Verdict),
    /// RETURN: batch number, units.
    Return(ShelfNo, ShardNo, Epoch, u8, Units),
    /// INIT.
    Init(ShelfNo, Epoch, Units),
    /// An order's transaction, or its COMMIT.
    Commit(RequestNo, Attempt, [HoldId; SHELVES], [Epoch; SHELVES]),
    /// A dead row.
    MakeDead(RequestNo, Attempt),
    /// A row that says that its request id is refused.
    Refuse(RequestNo),
    /// Only without a fence on cancel: the fences were read, the rest comes later.
    EndOrder(RequestNo, [Epoch; SHELVES]),
}

impl Default for Message {
    fn default() -> Self {
        Self::MakeDead(0, 0)
    }
}

impl Message {
    /// The request id that it is about.
    pub fn request(self) -> Option<RequestNo> {
        match self {
            Self::Reserve(_, request, _)
            | Self::GiveBackOwn(_, request, ..)
            | Self::Finish(_, request, ..)
            | Self::Judge(_, request, ..)
            | Self::Commit(request, ..)
            | Self::MakeDead(request, _)
            | Self::Refuse(request)
            | Self::EndOrder(request, _) => Some(request),
            Self::Return(..) | Self::Init(..) => None,
        }
    }

    /// The same message about a request id without a name, for comparing request ids.
    pub fn nameless(mut self) -> Self {
        match &mut self {
            Self::Reserve(_, request, _)
            | Self::GiveBackOwn(_, request, ..)
            | Self::Finish(_, request, ..)
            | Self::Judge(_, request, ..)
            | Self::Commit(request, ..)
            | Self::MakeDead(request, _)
            | Self::Refuse(request)
            | Self::EndOrder(request, _) => *request = 0,
            Self::Return(..) | Self::Init(..) => (),
        }
        self
    }

    /// In words.
    pub fn in_words(self) -> String {
        match self {
            Self::Reserve(shelf, request, asked) => format!(
                "RESERVE of {} on shelf {shelf} (epoch {}, attempt {}, hold {})",
                name(request),
                asked.epoch,
                asked.attempt,
                asked.hold
            ),
            Self::GiveBackOwn(shelf, request, hold, _) => {
                format!("giving back of {}'s own hold {hold} on shelf {shelf}", name(request))
            }
            Self::Finish(shelf, request, hold, _) => {
                format!("FINISH of {}'s hold {hold} on shelf {shelf}", name(request))
            }
            Self::Judge(shelf, request, hold, _, verdict) => {
                format!("ending of {}'s hold {hold} on shelf {shelf} as {verdict:?}", name(request))
            }
            Self::Return(shelf, shard, epoch, number, units) => {
                format!("RETURN of {units} to shelf {shelf} (epoch {epoch}, shard {shard}'s batch {number})")
            }
            Self::Init(shelf, epoch, units) => {
                format!("INIT of shelf {shelf} with {units} units at epoch {epoch}")
            }
            Self::Commit(request, attempt, holds, epochs) => {
                format!("COMMIT of {} (attempt {attempt}, holds {holds:?}, epochs {epochs:?})", name(request))
            }
            Self::MakeDead(request, attempt) => format!("dead row {attempt} of {}", name(request)),
            Self::Refuse(request) => format!("refusal of {}", name(request)),
            Self::EndOrder(request, _) => format!("end of {}'s order", name(request)),
        }
    }
}

impl World {
    /// A late message lands. Whoever sent it hears nothing of it.
    pub fn land(&mut self, model: &Model, at: usize, story: &mut Story) {
        let message = self.late.take(at);
        let rules = model.rules;
        let said = match message {
            Message::Reserve(shelf, request, asked) => {
                format_if(story, self.redis[shelf].reserve(rules, request, asked))
            }
            Message::GiveBackOwn(shelf, request, hold, epoch) => {
                self.redis[shelf].give_back_own(rules, request, hold, epoch);
                String::new()
            }
            Message::Finish(shelf, request, hold, epoch) => {
                self.redis[shelf].finish(rules, request, hold, epoch);
                String::new()
            }
            Message::Judge(shelf, request, hold, epoch, verdict) => {
                self.redis[shelf].judge(rules, request, hold, epoch, verdict);
                String::new()
            }
            Message::Return(shelf, shard, epoch, number, units) => {
                format_if(story, self.redis[shelf].add_batch(rules, shard, epoch, number, units))
            }
            Message::Init(shelf, epoch, units) => {
                self.redis[shelf].init(rules, epoch, units);
                String::new()
            }
            Message::Commit(request, attempt, holds, epochs) => {
                let order = model.order(request);
                let whose = (request, order.basket, order.shard);
                format_if(story, self.mysql.commit(rules, whose, attempt, holds, epochs))
            }
            Message::MakeDead(request, attempt) => format_if(story, self.mysql.make_dead(request, attempt)),
            Message::Refuse(request) => format_if(story, self.mysql.refuse(request)),
            Message::EndOrder(request, read) => {
                let order = model.order(request);
                self.mysql.end_order(request, order.basket, order.shard, read);
                String::new()
            }
        };
        story.say(|| format!("late, the {} lands {said}", message.in_words()));
    }
}

fn format_if(story: &Story, said: impl std::fmt::Debug) -> String {
    if story.is_told() { format!("→ {said:?}") } else { String::new() }
}
