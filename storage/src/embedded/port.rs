//! The engine's side of one handle: batches in, answers out, each bounded by what goes round.

use std::collections::VecDeque;

use crate::batch::IntentBatch;
use crate::lane::lend;
use crate::store::{Answer, Share};

/// Batches and answers of one handle. Nothing is made after the start: what is missing here is under way.
#[derive(Debug)]
pub(crate) struct Port {
    inbox: VecDeque<IntentBatch>,
    /// Intents of the first batch that are decided.
    decided: usize,
    free: Vec<IntentBatch>,
    reserved: usize,
    /// Answers by the group that they wait for, in order.
    waiting: VecDeque<Waiting>,
    outbox: VecDeque<Vec<Answer>>,
    pool: Vec<Vec<Answer>>,
}

#[derive(Debug)]
struct Waiting {
    group: u64,
    answers: Vec<Answer>,
}

impl Port {
    /// A port with its batches (none where the handle keeps them itself) and its vectors of answers.
    pub(crate) fn new(
        batches: Vec<IntentBatch>,
        reserved: usize,
        batches_max: usize,
        vectors: usize,
    ) -> Port {
        Port {
            inbox: VecDeque::with_capacity(batches_max),
            decided: 0,
            free: batches,
            reserved,
            waiting: VecDeque::with_capacity(vectors),
            outbox: VecDeque::with_capacity(vectors),
            pool: (0..vectors).map(|_| Vec::new()).collect(),
        }
    }

    pub(crate) fn lend(&mut self, share: Share) -> Option<IntentBatch> {
        lend(&mut self.free, self.reserved, share)
    }

    pub(crate) fn submit(&mut self, batch: IntentBatch) {
        if batch.is_empty() {
            self.free.push(batch);
        } else {
            self.inbox.push_back(batch);
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Vec<Answer>> {
        self.outbox.pop_front()
    }

    pub(crate) fn give_back(&mut self, mut answers: Vec<Answer>) {
        answers.clear();
        self.pool.push(answers);
    }

    /// A batch that is through and may go back to its handle.
    pub(crate) fn take_free(&mut self) -> Option<IntentBatch> {
        self.free.pop()
    }

    /// Takes the first batch out, to be put back or finished, and says how many of its intents are decided.
    pub(crate) fn take_batch(&mut self) -> Option<(IntentBatch, usize)> {
        self.inbox.pop_front().map(|batch| (batch, self.decided))
    }

    /// Puts a batch back in front, not yet through.
    pub(crate) fn keep_batch(&mut self, batch: IntentBatch, decided: usize) {
        self.decided = decided;
        self.inbox.push_front(batch);
    }

    /// The batch is through.
    pub(crate) fn finish_batch(&mut self, mut batch: IntentBatch) {
        batch.clear();
        self.decided = 0;
        self.free.push(batch);
    }

    pub(crate) fn has_batches(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// Whether one more answer surely finds a vector. Not: the handle has to give some back first.
    pub(crate) fn can_answer(&self) -> bool {
        !self.pool.is_empty()
    }

    /// Keeps an answer until this group is durable; 0: until the end of the turn.
    pub(crate) fn answer(&mut self, group: u64, answer: Answer) {
        match self.waiting.back_mut() {
            Some(last) if last.group == group => last.answers.push(answer),
            Some(_) | None => {
                let mut answers = self.pool.pop().expect("who answers has asked for room");
                answers.push(answer);
                self.waiting.push_back(Waiting { group, answers });
            }
        }
    }

    /// Lets the answers go that wait for groups up to this one. Says how many.
    pub(crate) fn release(&mut self, durable_through: u64) -> usize {
        let mut released = 0;
        while self.waiting.front().is_some_and(|first| first.group <= durable_through) {
            let Some(Waiting { answers, .. }) = self.waiting.pop_front() else { break };
            released += answers.len();
            self.outbox.push_back(answers);
        }
        released
    }
}
