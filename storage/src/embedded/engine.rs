//! The one writer: takes intents, lets the ledger decide them, and lets answers go when what they depend on is
//! durable. It never waits, reads no clock, and knows neither threads nor files: [`Engine::turn`] is all.
//!
//! An answer depends on every fact made before it was decided, its own or another's: a refusal «sold out» may
//! not leave before the order that took the last unit is safe. So it waits for the group of the last fact, and
//! when nothing is pending it leaves at once.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use domain::{Intent, Ledger, Making, Micros, MicrosUtc, Needs, Reason, Verdict};

use super::checkpoint::taking::{JournalNow, Taken, Taking};
use super::config::Config;
use super::counters::{Counters, add};
use super::disk::HotDisk;
use super::fatal::Fatal;
use super::journal::{Journal, Room};
use super::port::Port;
use super::record::{EXPIRY_BYTES_MAX, entry_bytes_max};
use super::rest::{Outlook, Rest, parked};
use crate::batch::{IntentBatch, Submitted};
use crate::store::{Answer, NotDecided, Outcome};

/// Orders that one turn lets expire, at most, so that intents wait no longer than a few hundred microseconds.
const EXPIRED_A_TURN_MAX: usize = 1_024;
/// Orders that expire between two looks at the room in the group.
const EXPIRED_AT_ONCE_MAX: usize = 32;
/// What a full disk tells clients to wait: somebody has to make room first.
const DISK_FULL_RETRY_AFTER_MS: u32 = 1_000;
/// How soon to look again for a segment that is being made, since nothing rings when it is there.
const SEGMENT_POLL: Micros = Micros(1_000);
/// What a checkpoint that lags too far behind tells clients to wait: writing one takes about as long.
const LAG_RETRY_AFTER_MS: u32 = 1_000;
/// What an order at rest that cannot be read tells clients to wait: somebody has to see to the disk first.
const COLD_RETRY_AFTER_MS: u32 = 1_000;

/// When the next turn is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// At once: there is more to do, or the outbox has to be emptied first.
    Again,
    /// When something is submitted or completes, or after this time at the latest.
    Within(Micros),
    /// When something is submitted or completes.
    Idle,
}

/// The engine: a ledger, a journal, and the handles' ports.
#[derive(Debug)]
pub struct Engine<H: HotDisk> {
    ledger: Ledger,
    journal: Journal<H>,
    ports: Vec<Port>,
    checkpoints: Taking,
    rest: Rest,
    /// Bytes of journal that the opening replayed.
    replayed_bytes: u64,
    counters: Arc<Counters>,
    answers_waiting: usize,
    answers_waiting_max: usize,
    retry_after_ms: u32,
    expired_at_once: usize,
    /// No order expires before; nothing until the first turn has said when serving began.
    expires_from: Option<MicrosUtc>,
    opening_grace: Micros,
    draining: bool,
    leaving: bool,
}

/// What a batch that could not be finished waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// The disk has to complete something.
    Disk,
    /// The next segment has to be there.
    Segment,
    /// The handle has to take answers.
    Handle,
}

/// What came of an intent that has what it waited for.
enum Woken {
    /// As of this position.
    Decided(Outcome, u64),
    /// It needs another order.
    Needs(Making),
}

impl<H: HotDisk> Engine<H> {
    pub(crate) fn new(
        config: &Config,
        ledger: Ledger,
        journal: Journal<H>,
        ports: Vec<Port>,
        checkpoints: Taking,
        rest: Rest,
        replayed_bytes: u64,
    ) -> Engine<H> {
        let counters = Arc::new(Counters::default());
        counters.last_position.store(journal.last_position(), Relaxed);
        counters.durable_position.store(journal.durable_position(), Relaxed);
        counters.orders_max.store(config.ledger.orders_max as u64, Relaxed);
        counters.checkpoint_lag_bytes_max.store(config.checkpoint_lag_bytes_max, Relaxed);
        Engine {
            ledger,
            journal,
            ports,
            checkpoints,
            rest,
            replayed_bytes,
            counters,
            answers_waiting: 0,
            answers_waiting_max: config.answers_waiting_max,
            retry_after_ms: config.retry_after_ms,
            expired_at_once: (config.group_bytes / 2 / EXPIRY_BYTES_MAX).clamp(1, EXPIRED_AT_ONCE_MAX),
            expires_from: None,
            opening_grace: Micros::from_seconds(config.opening_grace_seconds),
            draining: false,
            leaving: false,
        }
    }

    /// One turn: collects what the disk completed, decides what was submitted, starts writes, lets answers go.
    ///
    /// `now` is ledger time, never before that of an earlier turn. After an error nothing may be answered any
    /// more: [`Fatal::abort`] is what a process does with it.
    pub fn turn(&mut self, now: MicrosUtc, disk: &mut H) -> Result<Progress, Fatal> {
        self.journal.collect(now, disk, &self.counters)?;
        self.release();
        let held = self.decide_what_rested(now, disk);
        let more_expire = self.expire(now, disk);
        let held = held.or_else(|| self.decide(now, disk));
        self.journal.start(now, self.leaving, disk, &self.counters);
        self.release();
        let positions = (self.journal.last_position(), self.journal.durable_position());
        let more_rest = self.rest.let_go(now, &mut self.ledger, positions);
        let more_image = self.take_checkpoint(now);
        self.count();
        Ok(self.progress(now, held, more_expire || more_image || more_rest))
    }

    /// From now on CREATE is answered DRAINING; everything else goes on.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Drains, and seals the journal as soon as all is durable, without waiting for the sealing time.
    pub fn leave(&mut self) {
        self.draining = true;
        self.leaving = true;
    }

    /// Whether all that was submitted is decided, durable, sealed and handed out: the process may end.
    pub fn is_settled(&self) -> bool {
        !self.journal.is_busy()
            && self.journal.seal_due().is_none()
            && self.answers_waiting == 0
            && !self.rest.has_parked()
            && !self.ports.iter().any(Port::has_batches)
    }

    /// Whether the threads behind the engine have more to do than they get done: whoever shares their cores lets them.
    pub fn is_followed_slowly(&self) -> bool {
        self.rest.is_behind()
    }

    /// What the engine counts.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    pub(crate) fn port(&mut self, port: usize) -> &mut Port {
        &mut self.ports[port]
    }

    fn release(&mut self) {
        let durable = self.journal.durable_through();
        for port in &mut self.ports {
            self.answers_waiting -= port.release(durable);
        }
    }

    /// Lets orders expire whose time is up. True: there are more.
    fn expire(&mut self, now: MicrosUtc, disk: &mut H) -> bool {
        let from = *self.expires_from.get_or_insert(now.after(self.opening_grace));
        let mut expired = 0;
        while expired < EXPIRED_A_TURN_MAX && self.is_due(now, from) {
            match self.journal.room(self.expired_at_once * EXPIRY_BYTES_MAX, false) {
                Room::Yes => {
                    expired += self.ledger.expire(now, self.expired_at_once, &mut self.journal.facts());
                }
                Room::Later if self.journal.make_room(now, disk, &self.counters) => (),
                // Units stay held a little longer; a turn comes when the disk has completed something.
                Room::Later | Room::DiskFull | Room::Never => break,
            }
        }
        add(&self.counters.expired, expired as u64);
        expired >= EXPIRED_A_TURN_MAX && self.is_due(now, from)
    }

    fn is_due(&self, now: MicrosUtc, from: MicrosUtc) -> bool {
        now >= from && self.ledger.next_due().is_some_and(|due| due <= now)
    }

    /// Decides what was submitted, batch by batch over all ports in turn.
    fn decide(&mut self, now: MicrosUtc, disk: &mut H) -> Option<Held> {
        let mut held = None;
        let mut open = true;
        while open {
            open = false;
            for port in 0..self.ports.len() {
                let Some((batch, decided)) = self.ports[port].take_batch() else { continue };
                match self.decide_batch(now, port, &batch, decided, disk) {
                    Ok(()) => {
                        self.ports[port].finish_batch(batch);
                        open = true;
                    }
                    Err((why, decided)) => {
                        self.ports[port].keep_batch(batch, decided);
                        held = Some(why);
                    }
                }
            }
        }
        held
    }

    /// Decides the intents of a batch from `decided` on; says where it had to stop, and why.
    fn decide_batch(
        &mut self,
        now: MicrosUtc,
        port: usize,
        batch: &IntentBatch,
        decided: usize,
        disk: &mut H,
    ) -> Result<(), (Held, usize)> {
        for place in decided..batch.len() {
            if (place - decided).is_multiple_of(Ledger::WARMED_AT_ONCE) {
                self.ledger.warm(now, (place..batch.len()).map(|place| batch.at(place).intent));
            }
            if !self.ports[port].can_answer() {
                return Err((Held::Handle, place));
            }
            if self.answers_waiting >= self.answers_waiting_max {
                return Err((Held::Disk, place));
            }
            let submitted = batch.at(place);
            let outcome = match self.rest.park(&self.ledger, port, &submitted) {
                Ok(true) => continue,
                Ok(false) => self.outcome(now, &submitted, disk).map_err(|held| (held, place))?,
                Err(parked::Full) => self.overloaded(),
            };
            let (ticket, position) = (submitted.ticket, self.journal.last_position());
            self.answer(port, Answer { ticket, position, at: now, outcome });
        }
        Ok(())
    }

    /// Takes one answer of the cold store after the other and decides what waited for it before the next is looked at:
    /// so a page shows what was asked before it, though that had to wait for an order.
    fn decide_what_rested(&mut self, now: MicrosUtc, disk: &mut H) -> Option<Held> {
        loop {
            if let Some(held) = self.decide_woken(now, disk) {
                return Some(held);
            }
            if self.answers_waiting >= self.answers_waiting_max {
                return Some(Held::Disk);
            }
            if !self.ports.iter().all(Port::can_answer) {
                return Some(Held::Handle);
            }
            if !self.rest.collect_one(&mut self.ledger, self.journal.last_position()) {
                return None;
            }
        }
    }

    /// Decides what waited for orders at rest and has them now: before all that came later.
    fn decide_woken(&mut self, now: MicrosUtc, disk: &mut H) -> Option<Held> {
        while let Some((place, outlook)) = self.rest.parked().next_ready() {
            let waiting = self.rest.parked().at(place);
            let (port, batch) =
                (waiting.port, std::mem::replace(&mut waiting.batch, IntentBatch::with_capacity(0)));
            let full = !self.ports[port].can_answer();
            let decided = match self.answers_waiting >= self.answers_waiting_max {
                true => Err(Held::Disk),
                false if full => Err(Held::Handle),
                false => self.outcome_of_woken(now, &batch.at(0), &outlook, disk),
            };
            let ticket = batch.at(0).ticket;
            self.rest.parked().at(place).batch = batch;
            match decided {
                Ok(Woken::Decided(outcome, position)) => {
                    self.rest.parked().let_go(place);
                    self.answer(port, Answer { ticket, position, at: now, outcome });
                }
                Ok(Woken::Needs(making)) => self.rest.park_again(making, place),
                Err(held) => {
                    self.rest.parked().put_back(place, outlook);
                    return Some(held);
                }
            }
        }
        None
    }

    fn outcome_of_woken(
        &mut self,
        now: MicrosUtc,
        submitted: &Submitted<'_>,
        outlook: &Outlook,
        disk: &mut H,
    ) -> Result<Woken, Held> {
        let last = self.journal.last_position();
        let absent = match outlook {
            Outlook::Awake => None,
            Outlook::NoOrder(making) => Some(*making),
            Outlook::Page(page, position) => {
                add(&self.counters.decided, 1);
                return Ok(Woken::Decided(Ok(page.clone()), *position));
            }
            Outlook::Unreadable => return Ok(Woken::Decided(self.unavailable(), last)),
            Outlook::NoRoom => return Ok(Woken::Decided(self.overloaded(), last)),
        };
        match self.ledger.needs(&submitted.intent) {
            Needs::Order { making, is_there: true } if absent == Some(making) => {
                tracing::error!(
                    made = making.0,
                    "the cold store misses an order: restore a copy of the folder"
                );
                return Ok(Woken::Decided(self.unavailable(), last));
            }
            Needs::Order { making, .. } if absent != Some(making) => return Ok(Woken::Needs(making)),
            Needs::Nothing | Needs::Order { .. } | Needs::Page(_) => (),
        }
        let outcome = self.outcome(now, submitted, disk)?;
        Ok(Woken::Decided(outcome, self.journal.last_position()))
    }

    fn answer(&mut self, port: usize, answer: Answer) {
        self.ports[port].answer(self.journal.needed_now(), answer);
        self.answers_waiting += 1;
    }

    fn overloaded(&self) -> Outcome {
        add(&self.counters.not_decided, 1);
        Err(NotDecided::Overloaded { retry_after_ms: self.retry_after_ms })
    }

    fn unavailable(&self) -> Outcome {
        add(&self.counters.not_decided, 1);
        Err(NotDecided::Unavailable { retry_after_ms: COLD_RETRY_AFTER_MS })
    }

    /// Decides one intent, or says what it has to wait for.
    fn outcome(&mut self, now: MicrosUtc, submitted: &Submitted<'_>, disk: &mut H) -> Result<Outcome, Held> {
        let not_begun = self.not_begun(now, submitted, disk)?;
        #[cfg(feature = "planted")]
        let mark = self.journal.mark();
        let outcome = match not_begun {
            Some(not_decided) => Err(not_decided),
            None => self.apply(now, submitted),
        };
        #[cfg(feature = "planted")]
        if crate::planted::is(crate::planted::Bug::EntrySplit) {
            self.journal.split_entry(mark, now, disk, &self.counters);
        }
        if outcome.is_err() {
            add(&self.counters.not_decided, 1);
        }
        Ok(outcome)
    }

    /// What keeps an intent from being begun: time, draining, room for its facts. All of it before the step.
    fn not_begun(
        &mut self,
        now: MicrosUtc,
        submitted: &Submitted<'_>,
        disk: &mut H,
    ) -> Result<Option<NotDecided>, Held> {
        if submitted.deadline.is_some_and(|deadline| deadline <= now) {
            return Ok(Some(NotDecided::DeadlineExceeded));
        }
        let creates = leads_to_an_order(&submitted.intent);
        if creates && self.draining {
            return Ok(Some(NotDecided::Draining));
        }
        if creates && self.checkpoints.is_behind() {
            return Ok(Some(NotDecided::Overloaded { retry_after_ms: LAG_RETRY_AFTER_MS }));
        }
        if creates && self.counters.is_disk_stopped() && !self.is_known(now, submitted) {
            return Ok(Some(NotDecided::SwitchedOff { retry_after_ms: DISK_FULL_RETRY_AFTER_MS }));
        }
        let bytes = entry_bytes_max(&submitted.intent);
        if bytes == 0 {
            return Ok(None); // A read makes no facts.
        }
        loop {
            match self.journal.room(bytes, creates) {
                Room::Yes => return Ok(None),
                Room::Later if self.journal.make_room(now, disk, &self.counters) => (),
                Room::Later if self.journal.is_busy() => return Err(Held::Disk),
                Room::Later => return Err(Held::Segment),
                Room::DiskFull => {
                    return Ok(Some(NotDecided::Unavailable { retry_after_ms: DISK_FULL_RETRY_AFTER_MS }));
                }
                Room::Never => {
                    return Ok(Some(NotDecided::Overloaded { retry_after_ms: self.retry_after_ms }));
                }
            }
        }
    }

    /// Whether this order was made before: then its buyer hears of it, whatever is switched off now.
    fn is_known(&mut self, now: MicrosUtc, submitted: &Submitted<'_>) -> bool {
        let Intent::Create(create) = &submitted.intent else { return false };
        let get = Intent::GetByRequest { user: create.user, request: create.request };
        let verdict = self.ledger.apply(now, submitted.envelope, &get, &mut self.journal.facts());
        matches!(verdict, Verdict::OrderFound(_))
    }

    fn apply(&mut self, now: MicrosUtc, submitted: &Submitted<'_>) -> Outcome {
        let before = self.journal.last_position();
        let Submitted { envelope, ref intent, .. } = *submitted;
        let verdict = self.ledger.apply(now, envelope, intent, &mut self.journal.facts());
        if let Verdict::Refused(refusal) = &verdict {
            if refusal.reason == Reason::Overloaded {
                return Err(NotDecided::Overloaded { retry_after_ms: self.retry_after_ms });
            }
            add(&self.counters.refused, 1);
        }
        let created = matches!(intent, Intent::Create(_)) && self.journal.last_position() > before;
        add(&self.counters.created, u64::from(created));
        add(&self.counters.decided, 1);
        Ok(verdict)
    }

    /// True: there is more of it to be done at once.
    fn take_checkpoint(&mut self, now: MicrosUtc) -> bool {
        let journal = JournalNow {
            boundary: self.journal.boundary(),
            bytes: self.replayed_bytes + self.journal.sealed_bytes(),
            position: self.journal.last_position(),
            durable_through: self.journal.durable_through(),
            cold_synced: self.rest.is_synced(),
            cold_batches: self.rest.batches(),
        };
        let Taken { more, begun, needed } = self.checkpoints.turn(now, &mut self.ledger, journal);
        if begun {
            self.rest.begin_sync();
        }
        if let Some(boundary) = needed {
            self.rest.forget(boundary.next_fact - 1);
        }
        more
    }

    fn count(&self) {
        self.counters.orders.store(self.ledger.orders() as u64, Relaxed);
        self.counters.at_rest.store(self.ledger.at_rest(), Relaxed);
        self.counters.cold_bytes.store(self.rest.statistics().disk_bytes, Relaxed);
        self.counters.last_position.store(self.journal.last_position(), Relaxed);
        self.counters.durable_position.store(self.journal.durable_position(), Relaxed);
        self.counters.lag(self.checkpoints.lag());
        if let Some(behind) = self.checkpoints.begins_behind() {
            self.counters.begins_behind.store(behind, Relaxed);
        }
    }

    fn progress(&self, now: MicrosUtc, held: Option<Held>, more: bool) -> Progress {
        if more || held == Some(Held::Handle) {
            return Progress::Again;
        }
        let seal = self.journal.seal_due();
        let expiry = self.ledger.next_due().map(|due| due.max(self.expires_from.unwrap_or(due)));
        let segment = held == Some(Held::Segment) || self.journal.waits_for_segment();
        let segment = segment.then_some(now.after(SEGMENT_POLL));
        let checkpoint = self.checkpoints.next_due(now);
        let rest = self.rest.look_again_in(&self.ledger).map(|micros| now.after(micros));
        // What is due already waits for the disk, which wakes the caller; the poll keeps a full disk from
        // turning that into a busy loop.
        let soonest = [seal, expiry, segment, checkpoint, rest].into_iter().flatten().min();
        match soonest {
            Some(due) if due > now => Progress::Within(due.since(now)),
            Some(_) => Progress::Within(SEGMENT_POLL),
            None => Progress::Idle,
        }
    }
}

/// What takes units for a new order: it waits while the journal is nearly full, and ends with draining.
const fn leads_to_an_order(intent: &Intent<'_>) -> bool {
    match intent {
        Intent::Create(_) | Intent::StockReserve(_) => true,
        Intent::Prepare(prepare) => prepare.hold.is_some(),
        Intent::Cancel(_)
        | Intent::SkuPut(_)
        | Intent::SalePut(_)
        | Intent::StockAdjust(_)
        | Intent::StockTransfer(_)
        | Intent::StockReturn(_)
        | Intent::FreightPut(_)
        | Intent::StockRelease(_)
        | Intent::StockCommit(_)
        | Intent::StockExtend(_)
        | Intent::PayOpen(_)
        | Intent::PayCallback(_)
        | Intent::PayGet { .. }
        | Intent::PayClose(_)
        | Intent::Refund(_)
        | Intent::RefundResult(_)
        | Intent::Repair(_)
        | Intent::Ship(_)
        | Intent::Track { .. }
        | Intent::CaseOpen(_)
        | Intent::CaseList { .. }
        | Intent::CaseDecide(_)
        | Intent::CaseReceive(_)
        | Intent::TrackNote(_)
        | Intent::Sign(_)
        | Intent::ConfirmReceipt(_)
        | Intent::CouponDefine(_)
        | Intent::CouponClaim(_)
        | Intent::CouponCheck(_)
        | Intent::CouponGet { .. }
        | Intent::CouponList { .. }
        | Intent::CursorMove(_)
        | Intent::CursorGet(_)
        | Intent::LetterPark(_)
        | Intent::LetterEnd(_)
        | Intent::LetterList(_)
        | Intent::LimitPut(_)
        | Intent::LimitList { .. }
        | Intent::Scan(_)
        | Intent::SwitchPut(_)
        | Intent::SwitchList { .. }
        | Intent::Get { .. }
        | Intent::GetByRequest { .. }
        | Intent::List(_)
        | Intent::History { .. }
        | Intent::SkuGet(_)
        | Intent::SkuList { .. }
        | Intent::SaleGet(_)
        | Intent::SaleList { .. }
        | Intent::FreightList { .. }
        | Intent::StockGet { .. }
        | Intent::Holdings => false,
    }
}
