//! Orders that leave memory and come back: the engine's side of the cold store.
//!
//! A batch of orders goes to rest in three steps: packed, which makes its records true as of the last fact; put, when
//! that fact is durable, so that the cold store never knows more than the journal; left, when the cold store has it,
//! so that whoever asks finds an order in memory or there. An order that changes in between stays. Several batches are
//! under way at a time, in the order in which they were packed. A checkpoint is published when what rested before it
//! is durable, too.

pub(crate) mod opening;
pub(crate) mod parked;

use std::collections::VecDeque;
use std::ops::ControlFlow;

use domain::intent::Intent;
use domain::{Ledger, Looked, Making, Micros, MicrosUtc, Needs, OrderId, RecordFault, UserId};

pub(crate) use parked::Outlook;
use parked::{Full, Parked};

use super::cold::{
    Answer, Ask, ColdDesk, DueKey, IN_FLIGHT_MAX, LATEST, RECORD_BYTES_MAX, RestingBatch, Statistics,
};
use crate::batch::Submitted;
use crate::planted::{self, Bug};

/// Batches under way, at most.
const BATCHES_MAX: usize = 16;
/// Of these, as many are under way where the cold store keeps up.
const BATCHES_KEPT_UP: usize = 4;
/// Rows that the hand goes over in one turn, at most: it passes an order some rounds before that rests.
const ROWS_A_TURN: usize = 2_048;
/// As few are not worth a batch, unless they have waited for [`HAND_EVERY_MIN`].
const ROWS_WORTH_A_TURN: usize = 256;
/// How often the hand moves while nothing else happens: as often as half of a turn's rows are due, within these bounds.
const HAND_EVERY_MIN: Micros = Micros(10_000);
const HAND_EVERY_MAX: Micros = Micros(5_000_000);
/// How often to ask what becomes due, and how far ahead: less than [`Ledger::AWAKE_BEFORE_DUE`] together.
const DUE_EVERY: Micros = Micros::from_seconds(10);
const DUE_AHEAD: Micros = Micros::from_seconds(60);
const _: () = assert!(DUE_EVERY.0 + DUE_AHEAD.0 < Ledger::AWAKE_BEFORE_DUE.0);
/// Orders that become due and are asked for at once, at most.
const DUE_AT_ONCE: usize = 128;
const _: () =
    assert!(parked::PARKED_MAX + DUE_AT_ONCE + BATCHES_MAX + 8 < IN_FLIGHT_MAX, "no question finds it full");
/// What reads are for.
const FOR_PARKED: u64 = 0;
const FOR_DUE: u64 = 1;
/// How soon to look for an answer where nothing rings: most do.
const ANSWER_POLL: Micros = Micros(1_000);

/// What the engine does about orders at rest.
#[derive(Debug)]
pub(crate) struct Rest {
    desk: Box<dyn ColdDesk>,
    /// An order that nobody touched for so long rests, give or take half of it.
    rest_after: Micros,
    /// Batches that are not under way.
    idle: Vec<RestingBatch>,
    /// Those that wait for their last fact to be durable. All others the cold store has.
    packed: VecDeque<RestingBatch>,
    hand: Hand,
    parked: Parked,
    due: Due,
    /// Batches that it has put, in this run and before.
    batches: u64,
    /// Something rested that no sync covers.
    unsynced: bool,
    sync: Sync,
    /// Where the newest checkpoint stands.
    forget_through: u64,
    /// Buffers of records that were read.
    records: Vec<Vec<u8>>,
}

/// Where the time of the hand stands.
#[derive(Debug, Default)]
struct Hand {
    moved_at: Option<MicrosUtc>,
    /// Rows that the time until then allows, and that were not looked at.
    owed: usize,
    /// Rows since anybody was found who may rest.
    empty_rows: usize,
    /// All rows were, as of this position: nothing to look for until there are more facts, or somebody came back.
    still_at: Option<u64>,
}

/// What becomes due among the orders at rest.
#[derive(Debug, Default)]
struct Due {
    /// All up to here were asked for.
    after: Option<DueKey>,
    ask_at: Option<MicrosUtc>,
    is_asked: bool,
    found: Vec<DueKey>,
    /// Found, and not in memory yet.
    wanted: Vec<u64>,
    /// Of these, how many are being read.
    reading: usize,
}

/// The sync that the checkpoint under way waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sync {
    Done,
    Underway,
    /// It never will be.
    Failed,
}

impl Rest {
    pub(crate) fn new(desk: Box<dyn ColdDesk>, rest_after: Micros) -> Rest {
        Rest {
            batches: desk.opened_at().batches,
            desk,
            rest_after,
            idle: (0..BATCHES_MAX).map(|_| RestingBatch::new()).collect(),
            packed: VecDeque::with_capacity(BATCHES_MAX),
            hand: Hand::default(),
            parked: Parked::new(),
            due: Due::default(),
            // What the opening let rest is not.
            unsynced: true,
            sync: Sync::Done,
            forget_through: 0,
            records: Vec::new(),
        }
    }

    /// Takes the next answer of the cold store, if there is one. `last` is the position of the last fact.
    pub(crate) fn collect_one(&mut self, ledger: &mut Ledger, last: u64) -> bool {
        let Some(answer) = self.desk.collect() else { return false };
        match answer {
            Answer::Rested { batch, result } => {
                // What is not kept stays; the cold store has said why.
                if result.is_ok() {
                    self.unsynced = true;
                    self.batches += 1;
                    for order in batch.orders() {
                        if !ledger.rested(order.brief.order) {
                            // It may rest again, and the hand passed it by while it was on its way.
                            self.hand.still_at = None;
                        }
                    }
                }
                self.idle.push(batch);
            }
            Answer::Read { token, made, record, result } => {
                self.due.reading -= usize::from(token == FOR_DUE);
                self.came(ledger, Making(made), &record, result.map(|version| version.is_some()));
                self.records.push(record);
            }
            Answer::Page { token, result } => {
                if let Err(error) = &result {
                    tracing::error!(%error, "a page cannot be read");
                }
                // At once: an order that leaves memory with a later answer is in neither part.
                let ledger = &*ledger;
                let page =
                    result.ok().map(|part| move |filter: &_| Outlook::Page(ledger.page(filter, &part), last));
                self.parked.page_came(token as usize, page);
            }
            Answer::Due { found, result, .. } => self.became_due(ledger, found, result.is_ok()),
            Answer::Forgot(Ok(true)) => self.forget(self.forget_through),
            Answer::Forgot(Ok(false) | Err(_)) => (),
            Answer::Synced { result, .. } => {
                self.sync = if result.is_ok() { Sync::Done } else { Sync::Failed };
            }
        }
        true
    }

    /// Moves the hand, and lets those go that it finds. True: there is more to do at once.
    pub(crate) fn let_go(
        &mut self,
        now: MicrosUtc,
        ledger: &mut Ledger,
        (last, durable): (u64, u64),
    ) -> bool {
        self.ask_what_is_due(now, ledger);
        if !self.desk.is_broken() {
            self.pack(now, ledger, last);
        }
        while let Some(batch) = self.packed.pop_front_if(|batch| may_be_put(batch, durable)) {
            self.desk.ask(Ask::Rest(batch)).expect("no more batches are under way than there are");
        }
        !self.idle.is_empty() && self.hand.owed >= ROWS_WORTH_A_TURN && !self.desk.is_broken()
    }

    /// Whether the cold store has more to put than it gets done beside all else: several batches wait for it.
    pub(crate) fn is_behind(&self) -> bool {
        BATCHES_MAX - self.idle.len() > BATCHES_KEPT_UP
    }

    /// Moves the hand as far as the time since allows, and packs what it finds.
    fn pack(&mut self, now: MicrosUtc, ledger: &mut Ledger, last: u64) {
        let Some(mut batch) = self.idle.pop() else { return };
        batch.begin(last);
        let (rows, rounds) = self.rows_to_look_at(now, ledger, last);
        if rows > 0 {
            let looked = ledger.rest(rows, rounds, |order| {
                batch.push(order);
                let more = batch.has_room(RECORD_BYTES_MAX);
                if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            self.hand.looked(looked, ledger.rows(), last);
        }
        if batch.is_empty() {
            self.idle.push(batch);
        } else {
            self.packed.push_back(batch);
        }
    }

    /// What an intent waits for, if it has to. It is parked then, and comes back by [`Rest::next_ready`].
    pub(crate) fn park(
        &mut self,
        ledger: &Ledger,
        port: usize,
        submitted: &Submitted<'_>,
    ) -> Result<bool, Full> {
        match ledger.needs(&submitted.intent) {
            Needs::Nothing => Ok(false),
            Needs::Order { making, is_there: _ } => {
                if self.parked.await_order(making, port, submitted)? {
                    self.read(making, FOR_PARKED);
                }
                Ok(true)
            }
            Needs::Page(filter) => {
                let place = self.parked.await_page(filter, port, submitted)?;
                let asked = self.desk.ask(Ask::Page { token: place as u64, filter });
                asked.expect("the desk has room for all that may be parked");
                Ok(true)
            }
        }
    }

    /// What an intent that was parked waits for now, where it has to wait once more.
    pub(crate) fn park_again(&mut self, making: Making, place: usize) {
        if self.parked.await_another(making, place) {
            self.read(making, FOR_PARKED);
        }
    }

    pub(crate) fn parked(&mut self) -> &mut Parked {
        &mut self.parked
    }

    pub(crate) fn has_parked(&self) -> bool {
        !self.parked.is_empty()
    }

    /// A checkpoint is taken of this instant: what rests by now has to be durable before it may be published.
    pub(crate) fn begin_sync(&mut self) {
        if std::mem::take(&mut self.unsynced) && !planted::is(Bug::ColdNotSynced) {
            self.sync = Sync::Underway;
            self.desk.ask(Ask::Sync { token: 0 }).expect("one sync is asked for at a time");
        }
    }

    pub(crate) fn batches(&self) -> u64 {
        self.batches
    }

    pub(crate) fn is_synced(&self) -> bool {
        self.sync == Sync::Done
    }

    /// No opening begins before this position any more.
    pub(crate) fn forget(&mut self, through: u64) {
        self.forget_through = through;
        // Where there is no room, the next checkpoint asks again.
        let _ = self.desk.ask(Ask::Forget { through });
    }

    pub(crate) fn statistics(&self) -> Statistics {
        self.desk.statistics()
    }

    /// When to look again though nothing happens.
    pub(crate) fn look_again_in(&self, ledger: &Ledger) -> Option<Micros> {
        if self.desk.in_flight() > 0 {
            return Some(ANSWER_POLL);
        }
        let hand = ledger.rows() > 0 && self.hand.still_at.is_none() && !self.desk.is_broken();
        let hand = hand.then(|| self.hand_every(ledger));
        let due = (ledger.at_rest() > 0).then_some(DUE_EVERY);
        hand.into_iter().chain(due).min()
    }

    fn hand_every(&self, ledger: &Ledger) -> Micros {
        if is_short_of_room(ledger) {
            return HAND_EVERY_MIN;
        }
        let a_turn = self.a_round().0 / ledger.rows().max(1) as i64 * (ROWS_A_TURN / 2) as i64;
        Micros(a_turn.clamp(HAND_EVERY_MIN.0, HAND_EVERY_MAX.0))
    }

    /// The time in which the hand goes over all rows once.
    fn a_round(&self) -> Micros {
        Micros((self.rest_after.0 / i64::from(Ledger::REST_ROUNDS)).max(1))
    }

    /// The rows that the time since allows, and how long who is there must have been left alone.
    fn rows_to_look_at(&mut self, now: MicrosUtc, ledger: &Ledger, last: u64) -> (usize, u8) {
        let (orders, orders_max, rows) = (ledger.orders(), ledger.bounds().orders_max, ledger.rows());
        if rows == 0 || self.hand.still_at == Some(last) {
            self.hand.owed = 0;
            return (0, 0);
        }
        let moved_at = *self.hand.moved_at.get_or_insert(now);
        let since = now.since(moved_at);
        let rounds = if self.rest_after == Micros(0) || orders > orders_max - orders_max / 8 {
            self.hand.owed = rows;
            0
        } else if is_short_of_room(ledger) {
            self.hand.owed = rows;
            1
        } else {
            let micros = u128::try_from(since.0).unwrap_or(0);
            let due = (rows as u128 * micros / self.a_round().0 as u128).min(rows as u128) as usize;
            if due == 0 || (self.hand.owed + due < ROWS_WORTH_A_TURN && since < HAND_EVERY_MIN) {
                return (0, 0);
            }
            self.hand.owed = (self.hand.owed + due).min(rows);
            Ledger::REST_ROUNDS
        };
        self.hand.moved_at = Some(now);
        (self.hand.owed.min(ROWS_A_TURN), rounds)
    }

    fn read(&mut self, making: Making, token: u64) {
        self.due.reading += usize::from(token == FOR_DUE);
        let mut record = self.records.pop().unwrap_or_default();
        record.clear();
        let read = Ask::Read { token, made: making.0, through: LATEST, record };
        self.desk.ask(read).expect("the desk has room for all that may be parked");
    }

    /// An order was read, or is not there.
    fn came<E: std::fmt::Display>(
        &mut self,
        ledger: &mut Ledger,
        making: Making,
        record: &[u8],
        is_there: Result<bool, E>,
    ) {
        self.hand.still_at = None;
        let woken = match is_there {
            Ok(true) => ledger.wake(record),
            Ok(false) => {
                self.due.wanted.retain(|&wanted| wanted != making.0);
                return self.parked.order_came(making, || Outlook::NoOrder(making));
            }
            Err(error) => {
                tracing::error!(%error, "an order at rest cannot be read");
                return self.parked.order_came(making, || Outlook::Unreadable);
            }
        };
        match woken {
            Ok(()) => {
                self.due.wanted.retain(|&wanted| wanted != making.0);
                self.parked.order_came(making, || Outlook::Awake);
            }
            // What is due is asked for again.
            Err(RecordFault::PassedBound(_)) => self.parked.order_came(making, || Outlook::NoRoom),
            Err(fault @ (RecordFault::Nonsense | RecordFault::Version(_))) => {
                tracing::error!(%fault, made = making.0, "an order at rest cannot be read");
                self.due.wanted.retain(|&wanted| wanted != making.0);
                self.parked.order_came(making, || Outlook::Unreadable);
            }
        }
    }

    /// Asks now and then which orders become due, and hands them back to the ledger.
    fn ask_what_is_due(&mut self, now: MicrosUtc, ledger: &Ledger) {
        let busy = self.due.is_asked || self.due.reading > 0;
        if ledger.at_rest() == 0 || busy || self.due.ask_at.is_some_and(|at| now < at) {
            return;
        }
        self.due.ask_at = Some(now.after(DUE_EVERY));
        if !self.due.wanted.is_empty() {
            // Memory had no room for them before.
            for made in self.due.wanted.clone() {
                self.read(Making(made), FOR_DUE);
            }
            return;
        }
        self.due.is_asked = true;
        let mut found = std::mem::take(&mut self.due.found);
        found.clear();
        let (after, until) = (self.due.after, now.after(DUE_AHEAD));
        let ask = Ask::Due { token: 0, after, until, limit: DUE_AT_ONCE, found };
        self.desk.ask(ask).expect("what is due is asked for once at a time");
    }

    fn became_due(&mut self, ledger: &Ledger, found: Vec<DueKey>, is_read: bool) {
        self.due.is_asked = false;
        if is_read && let Some(&last) = found.last() {
            self.due.after = Some(last);
            // There may be more: as soon as these are here.
            if found.len() == DUE_AT_ONCE {
                self.due.ask_at = None;
            }
            for &(_, made) in &found {
                let (user, order) = (UserId(0), Making(made).any_order());
                debug_assert!(order != OrderId(0), "no order has the id 0");
                if ledger.needs(&Intent::Get { user, order }) != Needs::Nothing {
                    self.due.wanted.push(made);
                    self.read(Making(made), FOR_DUE);
                }
            }
        }
        self.due.found = found;
    }
}

impl Hand {
    /// So far it came; there are `all` rows.
    fn looked(&mut self, Looked { rows, may_rest }: Looked, all: usize, last: u64) {
        self.owed = self.owed.saturating_sub(rows);
        self.empty_rows = if may_rest > 0 { 0 } else { self.empty_rows + rows };
        self.still_at = (self.empty_rows >= all).then_some(last);
        if self.still_at.is_some() {
            self.empty_rows = 0;
        }
    }
}

/// The cold store never knows more than the journal.
fn may_be_put(batch: &RestingBatch, durable: u64) -> bool {
    batch.through() <= durable || planted::is(Bug::RestBeforeDurable)
}

/// Whether orders have to rest sooner than they were meant to.
fn is_short_of_room(ledger: &Ledger) -> bool {
    let orders_max = ledger.bounds().orders_max;
    ledger.orders() > orders_max - orders_max / 4
}
