//! One store, from an empty folder on: process after process opens it, serves, and ends somehow.

mod faults;
mod openings;

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Write;
use std::sync::Arc;

use domain::intent::Envelope;
use domain::{Intent, LedgerBounds, Micros, MicrosUtc, Verdict};
use fastrand::Rng;
use storage::embedded::disk::DurabilityPath;
use storage::embedded::follow::{Follower, Standing};
use storage::embedded::{
    ClockReading, Config, Durability, Expiry, FusedStore, Joined, OpenError, Retention, open, reader,
};
use storage::{Answer, IntentBatch, Share, Store, Submitted, Ticket};

use crate::Tally;
use crate::disk::{End, MemDisk, MemHot, Outside};
use crate::draw::{self, Drawn};
use crate::judge::{Answered, Judge};

/// 2026-01-01, in microseconds.
const START: i64 = 1_767_225_600_000_000;
/// Intents of one store, at most.
const ASKED_MAX: usize = 8_000;
/// Steps that are shown when something is wrong.
const SHOWN: usize = 24;
/// Turns that a graceful end may take.
const LEAVING_TURNS_MAX: u32 = 20_000;
/// Turns by which timers may be late when something failed.
const PATIENCE_TURNS: u32 = 10;
/// Seconds after an opening in which nothing expires.
const GRACE_SECONDS: i64 = 1;
/// How far the wall clock may be set back before an opening refuses.
const BEHIND_MAX_US: i64 = 300_000_000;
/// Every so many openings all facts are compared with what they were; else only those that are new.
const COMPARED_EVERY: u64 = 4;

/// More than a store of so few steps needs, so that openings stay cheap.
const BOUNDS: LedgerBounds = LedgerBounds {
    orders_max: 2_000,
    lines_max: 6_000,
    client_bytes_max: 1 << 20,
    history_rows_max: 20_000,
    request_ids_max: 13_000,
    changes_max: 9_000,
    payments_max: 3_000,
    shipments_max: 3_000,
    sent_lines_max: 6_000,
    cases_max: 500,
    user_counts_max: 1_000,
    skus_max: 64,
    shelves_max: 64,
    sales_max: 16,
    sale_skus_max: 64,
    holds_max: 500,
    hold_lines_max: 1_500,
    limits_max: 64,
    dead_letters_max: 8,
    coupons_max: 8,
    coupon_skus_max: 64,
    coupon_users_max: 64,
    coupon_orders_max: 64,
};

/// A store's folder, clock and judge, and all that was asked of it.
#[derive(Debug)]
pub(crate) struct World {
    dice: Rng,
    disk: MemDisk,
    config: Config,
    judge: Option<Judge>,
    asked: IntentBatch,
    steps_max: u64,
    steps: u64,
    openings: u64,
    /// Time since the beginning: what the boot clock says.
    boot_us: i64,
    /// How far the wall clock is from it.
    wall_us: i64,
    /// The last process sealed its journal: from here on any bit that turns over must show or not matter.
    sealed: bool,
    /// The disk has as little room as it gets.
    full: bool,
    /// The last checkpoint that was taken away.
    done_without: String,
    story: VecDeque<Event>,
}

#[derive(Debug)]
enum Event {
    Asked(usize),
    Happened(String),
}

/// A process that serves.
#[derive(Debug)]
struct Life {
    store: FusedStore<MemHot>,
    hot: MemHot,
    follower: Follower<Outside>,
    standing: Standing,
    /// Submitted and not answered. One that waits for an order at rest is passed by others.
    pending: BTreeSet<usize>,
    /// Orders, by now.
    at_rest: u64,
    /// Ledger time of its first turn.
    began: Option<MicrosUtc>,
    now: MicrosUtc,
}

/// What stays in the data folder. Nothing is deleted: the judge reads the archive, too.
fn retention(dice: &mut Rng, segment_bytes: u64, checkpoint_bytes: u64) -> Retention {
    let bytes = *dice.choice(&[0, 1, 2, 4]).expect("a choice") * segment_bytes;
    let seconds = *dice.choice(&[0, 5, 300]).expect("a choice");
    match checkpoint_bytes > 0 && (bytes > 0 || seconds > 0) {
        true => Retention { bytes, seconds, expiry: Expiry::Archive("archive".into()) },
        false => Retention::DEFAULT,
    }
}

/// How a life went on after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Lives,
    /// Something of the disk failed, or all stopped.
    Dies,
}

impl World {
    pub(crate) fn new(seed: u64, steps_max: u64) -> World {
        let mut dice = Rng::with_seed(seed);
        let path = if dice.bool() { DurabilityPath::Dsync } else { DurabilityPath::Fsync };
        let segment_bytes = *dice.choice(&[24 << 10, 32 << 10, 64 << 10]).expect("a choice");
        let checkpoint_bytes = *dice.choice(&[0, 12 << 10, 24 << 10, 48 << 10]).expect("a choice");
        let config = Config {
            ledger: BOUNDS,
            segment_bytes,
            checkpoint_bytes,
            retention: retention(&mut Rng::with_seed(!seed), segment_bytes as u64, checkpoint_bytes),
            rest_after_seconds: *dice.choice(&[0, 1, 60, 600]).expect("a choice"),
            group_bytes: 16 << 10,
            durability: Durability::Always(path),
            opening_grace_seconds: GRACE_SECONDS as _,
            batches: 8,
            batches_reserved: 2,
            batch_intents: 16,
            answers_waiting_max: *dice.choice(&[5, 1_000]).expect("a choice"),
            ..Config::default()
        };
        World {
            disk: MemDisk::new(dice.u64(..)),
            dice,
            config,
            judge: Some(Judge::new()),
            asked: IntentBatch::with_capacity(ASKED_MAX),
            steps_max,
            steps: 0,
            openings: 0,
            boot_us: 0,
            wall_us: 0,
            sealed: false,
            full: false,
            done_without: String::new(),
            story: VecDeque::with_capacity(SHOWN),
        }
    }

    /// Steps of this store so far.
    pub(crate) fn step(&self) -> u64 {
        self.steps
    }

    /// All of it: processes until the steps are done, then one on a kind disk, and the audit.
    pub(crate) fn live(&mut self, tally: &mut Tally) -> Result<(), String> {
        while self.steps < self.steps_max {
            let Some(life) = self.open(tally)? else { continue };
            self.serve(life, tally)?;
        }
        self.finish(tally)?;
        tally.steps += self.steps;
        let losses = self.disk.losses();
        tally.faults.io_errors += losses.failed;
        tally.faults.late_writes += losses.late;
        tally.faults.lost_sectors += losses.sectors;
        tally.faults.lost_names += losses.names;
        Ok(())
    }

    /// The last steps.
    pub(crate) fn story(&self) -> String {
        let mut story = String::from("\nthe last steps:\n");
        for event in &self.story {
            let mut line = match event {
                Event::Asked(place) => format!("{place}: {:?}", self.asked.at(*place).intent),
                Event::Happened(what) => what.clone(),
            };
            line.truncate(300);
            writeln!(story, "  {line}").expect("a string grows");
        }
        story
    }

    /// The next process opens the folder, while whatever may happen to it happens.
    fn open(&mut self, tally: &mut Tally) -> Result<Option<Life>, String> {
        self.steps += 1;
        self.disk = self.disk.next_process();
        if self.dice.u8(0..3) == 0 {
            self.disk.be_slow();
        }
        self.boot_us += self.dice.i64(1..2_000_000);
        if self.dice.u8(0..8) == 0 {
            self.jump(tally);
        }
        let sealed = std::mem::take(&mut self.sealed);
        let rotten = if sealed && self.dice.bool() { self.rot(tally) } else { None };
        if rotten.is_none() {
            // An opening looks at each file a few times, syncs most of them, and then makes a few.
            let operations = 20 + 3 * self.disk.files() as u64;
            match self.dice.u8(0..16) {
                0..=3 => self.disk.stop_in(self.dice.u64(0..operations)),
                4 | 5 => self.disk.fail_in(self.dice.u64(0..operations)),
                6 => self.fill_up(tally),
                _ => (),
            }
        }
        let before = rotten.is_some().then(|| (self.disk.content(), self.disk.losses().late));
        let config = self.config.clone();
        let opened = open(Arc::new(self.disk.clone()), config, self.reading(), &mut |_| ());
        let opened = opened.and_then(|opened| {
            let (report, at_rest) = (opened.report.clone(), opened.orders_at_rest());
            let store = opened.fused_inline();
            let store = store.map_err(|source| OpenError::Folder { place: "memory".into(), source })?;
            Ok((store, report, at_rest))
        });
        if let (Some((before, late)), Err(OpenError::Damaged { .. })) = (before, &opened)
            && late == self.disk.losses().late
            && before != self.disk.content()
        {
            return Err("an opening that refused has changed the folder".into());
        }
        if let Some((name, byte, bit)) = &rotten {
            self.disk.flip(name, *byte, *bit);
            if matches!(opened, Err(OpenError::Damaged { .. })) {
                self.do_without(name, tally);
            }
        }
        let (store, report, at_rest) = match opened {
            Ok(opened) => opened,
            Err(error) => return self.refused(error, rotten.is_some(), tally).map(|()| None),
        };
        if self.disk.is_stopped() {
            self.end(End::Kill, MemHot::new(&self.disk), true, tally);
            return Ok(None);
        }
        tally.openings += 1;
        tally.from_checkpoints += u64::from(report.checkpoint_position > 0);
        self.happened(|| {
            format!(
                "opened: run {}, checkpoint {}, replayed {:?}, tail {:?}",
                report.run, report.checkpoint_position, report.replayed, report.tail
            )
        });
        self.disk.go_on();
        self.read_all()?;
        tally.audits_behind_checkpoints +=
            u64::from(openings::audit(&self.disk.seen_from_outside(), &*at_rest)?);
        let now = self.now_of(store);
        Ok(Some(now))
    }

    fn now_of(&mut self, mut store: FusedStore<MemHot>) -> Life {
        let now = store.now(self.reading());
        let mut follower = Follower::new(self.disk.seen_from_outside());
        let heard = self.judge().heard();
        let standing = follower.seek(heard).expect("it was just read");
        Life {
            store,
            hot: MemHot::new(&self.disk),
            follower,
            standing,
            pending: BTreeSet::new(),
            at_rest: 0,
            began: None,
            now,
        }
    }

    /// Whether an opening may refuse for this reason, by what was done to it.
    fn refused(&mut self, error: OpenError, rotten: bool, tally: &mut Tally) -> Result<(), String> {
        let failed = self.disk.losses().failed > 0 && !self.disk.will_fail();
        let why = format!("an opening refused: {error}");
        self.happened(|| why.clone());
        let inside = self.disk.is_stopped();
        let allowed = match error {
            OpenError::Damaged { .. } if rotten => {
                tally.faults.refused_bits += 1;
                self.sealed = true; // As it was: another bit may turn over.
                true
            }
            OpenError::Clock(clock) => {
                let mut last = MicrosUtc(0);
                let journal = self.disk.seen_from_outside();
                reader::read_what_is_there(&journal, u64::MAX, |record| last = record.stamp.at);
                let behind = last.since(self.reading().wall);
                self.wall_us += behind.0; // Somebody sets the clock.
                // A dead process's write may have landed meanwhile: then the journal is longer now.
                clock.behind.0 > BEHIND_MAX_US && behind >= clock.behind
            }
            OpenError::Full { .. } if self.full => {
                self.make_room();
                true
            }
            OpenError::Damaged { .. }
            | OpenError::Full { .. }
            | OpenError::Folder { .. }
            | OpenError::Archive { .. } => inside || failed,
            OpenError::Config(_)
            | OpenError::Cold { .. }
            | OpenError::NoBeginning { .. }
            | OpenError::InUse { .. }
            | OpenError::NotOurs { .. }
            | OpenError::TooSmall { .. } => false,
        };
        if !allowed {
            return Err(why);
        }
        let how = if self.dice.bool() { End::Kill } else { End::PowerCut };
        self.end(how, MemHot::new(&self.disk), inside, tally);
        Ok(())
    }

    /// Everything in the journal, as an opening left it.
    fn read_all(&mut self) -> Result<(), String> {
        self.openings += 1;
        let judge = self.judge.as_mut().expect("it judges until the end");
        let known = if self.openings.is_multiple_of(COMPARED_EVERY) { 0 } else { judge.heard() };
        let mut heard = Ok(());
        let mut last = 0;
        let archive = self.disk.archived().seen_from_outside();
        let journal = Joined::new(self.disk.seen_from_outside(), Some(archive));
        let reading = reader::read(&journal, u64::MAX, |record| {
            last = record.position;
            if heard.is_ok() && record.position > known {
                heard = judge.hear(&record);
            }
        });
        heard?;
        if let Some(damage) = reading.damage {
            return Err(format!("opened, and now it is damaged: {damage}"));
        }
        judge.opened(last, &self.asked)
    }

    /// A process serves until it leaves or something ends it.
    fn serve(&mut self, mut life: Life, tally: &mut Tally) -> Result<(), String> {
        let leaves_at = self.steps + self.dice.u64(10..300);
        let leaves = self.dice.u8(0..3) == 0;
        if !leaves {
            // Many die young, before they have written anything.
            let most = if self.dice.u8(0..3) == 0 { 30 } else { 900 };
            self.disk.stop_in(self.dice.u64(1..most));
        }
        let is_new = self.asked.is_empty();
        self.submit(&mut life, &draw::looking_around(), tally);
        if is_new {
            let stock = draw::opening_stock(life.now);
            self.submit(&mut life, &stock, tally);
        }
        loop {
            if leaves && self.steps >= leaves_at {
                return self.leave(life, tally);
            }
            if self.steps >= self.steps_max {
                return self.leave(life, tally);
            }
            self.disturb(tally);
            if self.dice.u8(0..3) != 0 {
                self.ask(&mut life, tally);
            }
            if self.turn(&mut life, tally)? == Next::Dies {
                let how = if self.dice.bool() { End::Kill } else { End::PowerCut };
                tally.at_rest += life.at_rest;
                self.end(how, life.hot, false, tally);
                return Ok(());
            }
        }
    }

    fn ask(&mut self, life: &mut Life, tally: &mut Tally) {
        for _ in 0..self.dice.u8(1..4) {
            if self.asked.len() + 16 > ASKED_MAX {
                return;
            }
            if !self.asked.is_empty() && self.dice.u8(0..10) == 0 {
                let place = self.dice.usize(self.asked.len().saturating_sub(60)..self.asked.len());
                self.ask_again(life, place, tally);
                continue;
            }
            let drawn = Drawn::new(&mut self.dice, life.now);
            let judge = self.judge.as_mut().expect("it judges until the end");
            let intent = draw::intent(&mut self.dice, judge, life.now, &drawn);
            self.submit(life, &[intent], tally);
        }
    }

    /// The same request once more, under a trace of its own.
    fn ask_again(&mut self, life: &mut Life, place: usize, tally: &mut Tally) {
        let mut earlier = IntentBatch::with_capacity(1);
        earlier.push(&self.asked.at(place)).expect("room for one");
        self.submit(life, &[earlier.at(0).intent], tally);
    }

    /// Submits these in one batch, if one is free.
    fn submit(&mut self, life: &mut Life, intents: &[Intent<'_>], tally: &mut Tally) {
        let Some(mut batch) = life.store.lend(Share::Any) else { return };
        for &intent in intents {
            let place = self.asked.len();
            let envelope = Envelope { trace: Judge::trace(place), asked_before: false };
            let submitted = Submitted { ticket: Ticket(place as u64), envelope, deadline: None, intent };
            if self.asked.push(&submitted).is_err() || batch.push(&submitted).is_err() {
                break;
            }
            life.pending.insert(place);
            tally.asked += 1;
            self.remember(Event::Asked(place));
        }
        life.store.submit(batch);
    }

    /// Time passes, the engine turns, and what came of it is judged.
    fn turn(&mut self, life: &mut Life, tally: &mut Tally) -> Result<Next, String> {
        self.steps += 1;
        self.boot_us += match self.dice.u16(0..400) {
            0 => 40_000_000,
            1..=20 => 2_000_000,
            _ => self.dice.i64(0..1_200),
        };
        let reading = self.reading();
        life.now = life.store.now(reading);
        life.began.get_or_insert(life.now);
        let failed = self.disk.losses().failed;
        let turned = life.store.turn(reading, &mut life.hot);
        let stats = life.store.stats();
        life.at_rest = stats.at_rest;
        if let Err(fatal) = turned {
            // Nothing is answered any more.
            let failed = self.disk.losses().failed > failed;
            self.happened(|| format!("the process ends: {fatal}"));
            return if failed { Ok(Next::Dies) } else { Err(format!("nothing failed, and yet: {fatal}")) };
        }
        let judged = self.judge().judged();
        self.take_answers(life)?;
        self.follow(life, stats.durable_position)?;
        tally.answers += self.judge().judged() - judged;
        Ok(if self.disk.is_stopped() { Next::Dies } else { Next::Lives })
    }

    fn take_answers(&mut self, life: &mut Life) -> Result<(), String> {
        while let Some(mut answers) = life.store.poll() {
            for answer in answers.drain(..) {
                let Answer { ticket, at, .. } = answer;
                let place = ticket.0 as usize;
                if !life.pending.remove(&place) {
                    return Err(format!("an answer to {ticket:?}, which waits for none"));
                }
                self.judge().answered(Answered { place, at, answer });
            }
            life.store.give_back(answers);
        }
        Ok(())
    }

    /// Hears what the journal holds durably, and judges by it.
    fn follow(&mut self, life: &mut Life, durable: u64) -> Result<(), String> {
        let judge = self.judge.as_mut().expect("it judges until the end");
        let mut heard = Ok(());
        loop {
            let after = judge.heard();
            let more = life.follower.next(&mut life.standing, after, durable, |record| {
                if heard.is_ok() {
                    heard = judge.hear(&record);
                }
            });
            if !more.map_err(|why| format!("the journal cannot be followed: {why}"))? {
                break;
            }
        }
        heard?;
        judge.judge(&self.asked)
    }

    /// A graceful end: all is answered and sealed, and no timer is late.
    fn leave(&mut self, mut life: Life, tally: &mut Tally) -> Result<(), String> {
        self.disk.go_on();
        self.make_room();
        life.store.engine().leave();
        let mut patience = PATIENCE_TURNS;
        for _ in 0..LEAVING_TURNS_MAX {
            if self.turn(&mut life, tally)? == Next::Dies {
                self.end(End::Kill, life.hot, false, tally);
                return Ok(());
            }
            if life.store.engine().is_settled() && life.pending.is_empty() {
                let grace = Micros::from_seconds(GRACE_SECONDS as _);
                if life.began.is_some_and(|began| life.now > began.after(grace)) {
                    let judge = self.judge.as_mut().expect("it judges until the end");
                    let late = judge.judge_timers(life.now, &self.asked);
                    // A segment that could not be made just now keeps timers, until it is tried again.
                    if late.is_err() && patience > 0 {
                        patience -= 1;
                        continue;
                    }
                    late?;
                }
                self.sealed = true;
                self.happened(|| "left in peace".into());
                let how = if self.dice.bool() { End::Kill } else { End::PowerCut };
                self.end(how, life.hot, false, tally);
                return Ok(());
            }
        }
        Err(format!("it does not settle: {} wait", life.pending.len()))
    }

    fn end(&mut self, how: End, hot: MemHot, inside: bool, tally: &mut Tally) {
        match how {
            End::Kill => tally.faults.kills += 1,
            End::PowerCut => tally.faults.power_cuts += 1,
        }
        tally.faults.inside_openings += u64::from(inside);
        self.happened(|| format!("{how:?}"));
        self.disk.end(how, hot);
    }

    /// The last process has a kind disk: it says what it holds, and the audit judges the journal by that.
    fn finish(&mut self, tally: &mut Tally) -> Result<(), String> {
        self.make_room();
        self.disk = self.disk.next_process();
        self.wall_us = 0;
        let config = Config { accept_clock: true, ..self.config.clone() };
        let opened = open(Arc::new(self.disk.clone()), config, self.reading(), &mut |_| ());
        let opened = opened.map_err(|why| format!("the last opening refused: {why}"))?;
        let store = opened.fused_inline().map_err(|why| why.to_string())?;
        self.openings = COMPARED_EVERY - 1; // All of it is compared.
        self.read_all()?;
        let mut life = self.now_of(store);
        self.submit(&mut life, &[Intent::Holdings], tally);
        life.store.engine().leave();
        while !(life.store.engine().is_settled() && life.pending.is_empty()) {
            self.turn(&mut life, tally)?;
        }
        let judge = self.judge.as_mut().expect("it judges until the end");
        judge.drain(&self.asked)?;
        let Verdict::Holdings(held) = judge.read(&Intent::Holdings) else {
            return Err("HOLDINGS is never refused".into());
        };
        tally.facts += judge.heard();
        tally.archived += self.disk.archived_segments();
        self.judge.take().expect("it judges until the end").finish(&held)
    }

    fn judge(&mut self) -> &mut Judge {
        self.judge.as_mut().expect("it judges until the end")
    }

    fn reading(&self) -> ClockReading {
        let wall = MicrosUtc(START + self.boot_us + self.wall_us);
        ClockReading { wall, boot: Micros(self.boot_us) }
    }

    fn happened(&mut self, what: impl FnOnce() -> String) {
        self.remember(Event::Happened(what()));
    }

    fn remember(&mut self, event: Event) {
        if self.story.len() == SHOWN {
            self.story.pop_front();
        }
        self.story.push_back(event);
    }
}
