//! The opener's loop: it hears of closed shelves from whoever met one, looks at some by itself all the time, and at all of
//! them when one turns out closed, for what closed it has most often closed the others, too.

use std::collections::BTreeMap;
use std::time::Instant;

use super::opener::{Ended, open_shelves};
use super::stop::Stop;
use super::totals::Totals;
use super::wanted::Why;
use super::watch::{Noticed, look_at};
use super::{Job, Repairs};
use crate::shelf::{Epoch, ShelfKey};

/// Shelves that are looked at without anybody having told of them: in a Cluster each may be another master's.
const PROBES: usize = 8;

/// What the loop remembers.
#[derive(Debug, Default)]
struct Memory {
    /// Where the next probe begins.
    next_probe: usize,
    /// When all shelves were last looked at.
    last_round: Option<Instant>,
    /// Since when shelves are closed while every server answers.
    closed_since: BTreeMap<ShelfKey, Instant>,
}

impl<T: Totals> Repairs<T> {
    /// Keeps shelves open until it is told to stop.
    pub(super) async fn keep_open(&self, mut stop: Stop) {
        let mut memory = Memory::default();
        loop {
            let settled = self.look_and_open(&mut memory).await;
            tokio::select! {
                () = stop.told() => return,
                () = self.wanted.told(), if settled => (),
                () = tokio::time::sleep(self.settings.probe_every) => (),
            }
        }
    }

    /// Says whether there is nothing left that has to be tried again soon.
    async fn look_and_open(&self, memory: &mut Memory) -> bool {
        let told = self.wanted.take();
        let all = self.totals.shelves();
        let mut is_round = memory.last_round.is_none_or(|at| at.elapsed() >= self.settings.round_every);
        let mut noticed = if is_round {
            look_at(&self.links, &self.totals, &all).await
        } else {
            let some: Vec<ShelfKey> = memory.probes(&all).chain(told.keys().copied()).collect();
            look_at(&self.links, &self.totals, &some).await
        };
        let may_look_again = memory.last_round.is_none_or(|at| at.elapsed() >= self.settings.probe_every);
        if !is_round && !noticed.closed.is_empty() && may_look_again {
            is_round = true;
            let told_of = std::mem::take(&mut noticed.closed);
            noticed = look_at(&self.links, &self.totals, &all).await;
            // One that the catalogue does not name any more is opened, too: somebody asks for it.
            told_of.into_iter().for_each(|(shelf, seen)| {
                noticed.closed.entry(shelf).or_insert(seen);
            });
        }
        if is_round {
            memory.last_round = Some(Instant::now());
            self.counters.closed_now.set(noticed.closed.len() as u64);
            self.counters.unknown_now.set(noticed.unknown as u64);
        }
        memory.remember(&noticed);
        self.raise_versions(&noticed).await;
        let mut wanted = noticed.closed;
        let lost = told.iter().filter(|(_, why)| **why == Why::Lost);
        wanted.extend(lost.map(|(shelf, _)| (*shelf, None)));
        if let Some(trouble) = &noticed.trouble {
            self.counters.note(trouble);
        }
        if wanted.is_empty() {
            return noticed.trouble.is_none();
        }
        let opened = self.alone(Job::Opener).await && self.open(memory, &wanted).await;
        if !opened {
            wanted.keys().for_each(|shelf| {
                self.wanted.tell(*shelf, told.get(shelf).copied().unwrap_or(Why::Closed));
            });
        }
        opened
    }

    /// Says whether all of them are open, or another opener's.
    async fn open(&self, memory: &mut Memory, shelves: &BTreeMap<ShelfKey, Option<Epoch>>) -> bool {
        let mut all = true;
        for (shelf, ended) in open_shelves(&self.links, &self.totals, shelves).await {
            match ended {
                Ended::Open(_) => {
                    self.counters.opened.add(1);
                    if let Some(since) = memory.closed_since.remove(&shelf) {
                        let ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
                        self.counters.closed_ms_max.raise_to(ms);
                    }
                }
                Ended::Passed(_) => self.counters.openings_passed.add(1),
                Ended::InDoubt(failed) => {
                    all = false;
                    self.counters.openings_failed.add(1);
                    self.counters.note(&failed.into());
                }
                Ended::NotOpened(trouble) => {
                    all = false;
                    self.counters.openings_failed.add(1);
                    self.counters.note(&trouble);
                }
            }
        }
        all
    }

    async fn raise_versions(&self, noticed: &Noticed) {
        for (shelf, (epoch, version)) in &noticed.older {
            // Where it fails the next look finds it again.
            let _ = self.links.redis.set_catalogue(*shelf, *epoch, *version).await;
        }
    }
}

impl Memory {
    /// The next few shelves in turn.
    fn probes<'a>(&mut self, all: &'a [ShelfKey]) -> impl Iterator<Item = ShelfKey> + use<'a> {
        let begin = if self.next_probe < all.len() { self.next_probe } else { 0 };
        self.next_probe = begin + PROBES;
        all.iter().skip(begin).take(PROBES).copied()
    }

    /// Time in which a server does not answer is not the opener's.
    fn remember(&mut self, noticed: &Noticed) {
        let now = Instant::now();
        if noticed.unknown > 0 {
            self.closed_since.clear();
        }
        for shelf in noticed.closed.keys() {
            self.closed_since.entry(*shelf).or_insert(now);
        }
        if noticed.closed.is_empty() {
            self.closed_since.clear();
        }
    }
}
