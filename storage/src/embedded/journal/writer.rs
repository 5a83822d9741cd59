//! The journal's writer: collects entries into the open group, seals it, writes it, and knows what is durable.
//!
//! Commit adapts: a group goes out at once while fewer than [`GROUPS_IN_FLIGHT_MAX`] are under way, and collects
//! while they are. How it becomes durable is one step with two ways ([`DurabilityPath`]); the order of
//! completions never shows, since only the prefix counts.

#[cfg(feature = "planted")]
#[path = "split_entry.rs"]
mod split_entry;

use std::collections::VecDeque;

use domain::{Fact, Facts, Micros, MicrosUtc, Stamp};

use super::buffer::AlignedBuffer;
use super::layout::{GROUP_HEADER_BYTES, GroupHeader, GroupRef, Identity, SEGMENT_HEADER_BYTES};
use super::maker::{Making, ReadySegment, SegmentMaker};
use super::sinks::Sinks;
use crate::embedded::checkpoint::layout::Boundary;
use crate::embedded::counters::Counters;
use crate::embedded::disk::{BLOCK_BYTES, DurabilityPath, FileDone, GROUPS_IN_FLIGHT_MAX, HotDisk};
use crate::embedded::fatal::Fatal;
use crate::embedded::record::EntryWriter;
use crate::planted::{self, Bug};

/// Token of a sync; writes carry their group's number, which never gets there.
const SYNC_TOKEN: u64 = u64::MAX;

/// Sizes and times of the journal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Of every segment of this run.
    pub segment_bytes: usize,
    /// Of the largest group, header included; a multiple of a block, at most a segment without its header.
    pub group_bytes: usize,
    /// How long after all is durable the sealing group is written.
    pub seal_after: Micros,
    /// How groups become durable.
    pub path: DurabilityPath,
}

/// Where the log goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    pub identity: Identity,
    pub run: u64,
    pub last: GroupRef,
    pub next_fact: u64,
}

/// Whether an entry fits the open group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// It does.
    Yes,
    /// Not now, but when the open group or another has left, or a segment was made.
    Later,
    /// Not until somebody makes room on the disk.
    DiskFull,
    /// Never: it is larger than any group.
    Never,
}

#[derive(Debug)]
pub(crate) struct Journal<H: HotDisk> {
    limits: Limits,
    identity: Identity,
    run: u64,
    /// The last group sealed, and where it stands; nothing while it is one of an earlier run.
    last: GroupRef,
    last_at: Option<GroupAt>,
    /// Bytes of all groups sealed.
    sealed_bytes: u64,
    open: OpenGroup,
    free: Vec<AlignedBuffer>,
    in_flight: VecDeque<Flight>,
    sync: Option<Sync>,
    current: Option<Current<H::Slot>>,
    retired: Vec<Current<H::Slot>>,
    next: Option<ReadySegment<H::File>>,
    maker: Box<dyn SegmentMaker<H::File>>,
    maker_fails: bool,
    sinks: Sinks,
    durable_fact: u64,
    /// Number of the last group sealed with facts in it.
    last_with_facts: u64,
    /// All is durable since then, but not sealed.
    unsealed_since: Option<MicrosUtc>,
}

/// The group that collects.
#[derive(Debug)]
struct OpenGroup {
    buffer: AlignedBuffer,
    bytes: usize,
    facts: u32,
    first_fact: u64,
}

/// A group between its sealing and its durability.
#[derive(Debug)]
struct Flight {
    number: u64,
    last_fact: u64,
    segment: u64,
    started_at: MicrosUtc,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Writing,
    /// Written, not synced; only on the FSYNC path.
    Written,
    /// A sync that was started after its write completed is under way.
    Syncing,
    Durable,
}

/// The one sync under way, and of which segment.
#[derive(Clone, Copy, Debug)]
struct Sync {
    segment: u64,
}

/// Where a group stands.
#[derive(Clone, Copy, Debug)]
struct GroupAt {
    segment: u64,
    offset: u64,
}

#[derive(Clone, Copy, Debug)]
struct Current<S> {
    number: u64,
    slot: S,
    offset: usize,
}

impl<H: HotDisk> Journal<H> {
    /// Goes on at `start`, in the segment that the opening made.
    pub(crate) fn new(
        limits: Limits,
        start: Start,
        cut: ReadySegment<H::File>,
        maker: Box<dyn SegmentMaker<H::File>>,
    ) -> Journal<H> {
        assert!(limits.group_bytes.is_multiple_of(BLOCK_BYTES) && limits.group_bytes > GROUP_HEADER_BYTES);
        assert!(limits.group_bytes + SEGMENT_HEADER_BYTES <= limits.segment_bytes);
        let Start { identity, run, last, next_fact } = start;
        let buffer = AlignedBuffer::new(limits.group_bytes);
        Journal {
            limits,
            identity,
            run,
            last,
            last_at: None,
            sealed_bytes: 0,
            open: OpenGroup { buffer, bytes: GROUP_HEADER_BYTES, facts: 0, first_fact: next_fact },
            free: (0..GROUPS_IN_FLIGHT_MAX).map(|_| AlignedBuffer::new(limits.group_bytes)).collect(),
            in_flight: VecDeque::with_capacity(GROUPS_IN_FLIGHT_MAX),
            sync: None,
            current: None,
            retired: Vec::with_capacity(GROUPS_IN_FLIGHT_MAX),
            next: Some(cut),
            maker,
            maker_fails: false,
            sinks: Sinks::new(last.number),
            durable_fact: next_fact - 1,
            last_with_facts: 0,
            unsealed_since: None,
        }
    }

    /// Whether an entry of at most so many bytes fits the open group. What `spares_the_rest` (CREATE) leaves the
    /// last eighth of the last segment to others, so that cancels and payments go on for a while on a full disk.
    pub(crate) fn room(&mut self, bytes: usize, spares_the_rest: bool) -> Room {
        if GROUP_HEADER_BYTES + bytes > self.limits.group_bytes {
            return Room::Never;
        }
        self.look_for_next_segment();
        let end = self.open.bytes + bytes;
        if end > self.limits.group_bytes {
            return Room::Later;
        }
        if self.next.is_some() {
            return Room::Yes;
        }
        let left = self.current.map_or(0, |current| self.limits.segment_bytes - current.offset);
        // One block stays for the group that seals.
        let kept = BLOCK_BYTES + if spares_the_rest { self.limits.segment_bytes / 8 } else { 0 };
        match (end.next_multiple_of(BLOCK_BYTES) + kept <= left, self.maker_fails) {
            (true, _) => Room::Yes,
            (false, false) => Room::Later,
            (false, true) => Room::DiskFull,
        }
    }

    /// Where the ledger puts its facts. [`Self::room`] was asked.
    pub(crate) fn facts(&mut self) -> GroupFacts<'_> {
        let OpenGroup { buffer, bytes, facts, .. } = &mut self.open;
        let writer = EntryWriter::new(buffer.as_mut_slice(), *bytes);
        GroupFacts { writer, bytes, facts }
    }

    /// Takes what the disk has completed.
    pub(crate) fn collect(&mut self, now: MicrosUtc, disk: &mut H, counters: &Counters) -> Result<(), Fatal> {
        while let Some(FileDone { token, result, buffer }) = disk.completed() {
            match (token, result) {
                (SYNC_TOKEN, Ok(())) => self.synced(),
                (SYNC_TOKEN, Err(_)) if planted::is(Bug::SyncErrorIgnored) => self.synced(),
                (SYNC_TOKEN, Err(source)) => return Err(Fatal::sync(source)),
                (number, Ok(())) => self.written(number, buffer),
                (number, Err(_)) if planted::is(Bug::WriteErrorIgnored) => self.written(number, buffer),
                (number, Err(source)) => return Err(Fatal::write(number, source)),
            }
        }
        self.advance(now, disk, counters);
        Ok(())
    }

    /// Starts what can be started: the open group, if it holds facts; a sync; the sealing group, if it is due or
    /// `leaving`.
    pub(crate) fn start(&mut self, now: MicrosUtc, leaving: bool, disk: &mut H, counters: &Counters) {
        if self.open.facts > 0 && self.can_write() {
            self.write_open_group(now, disk, counters);
        }
        if planted::is(Bug::SealOmitted) {
            self.unsealed_since = None;
        }
        if self.seal_due().is_some_and(|due| leaving || due <= now) && self.can_write() {
            self.write_open_group(now, disk, counters);
            self.unsealed_since = None;
        }
        self.start_sync(disk);
    }

    /// Sends the open group off in the middle of a turn, because the next entry does not fit. False: not now.
    pub(crate) fn make_room(&mut self, now: MicrosUtc, disk: &mut H, counters: &Counters) -> bool {
        let can = self.open.facts > 0 && self.can_write();
        if can {
            self.write_open_group(now, disk, counters);
        }
        can
    }

    /// The group that must be durable before an answer decided now may leave; 0: it may leave at once.
    pub(crate) fn needed_now(&self) -> u64 {
        if planted::is(Bug::AnswerBeforeDurable) {
            return 0;
        }
        if self.open.facts > 0 {
            self.last.number + 1
        } else if self.last_with_facts > self.sinks.durable_through() {
            self.last_with_facts
        } else {
            0
        }
    }

    /// Every group up to this one is durable.
    pub(crate) fn durable_through(&self) -> u64 {
        self.sinks.durable_through()
    }

    /// Every fact up to this position is durable.
    pub(crate) fn durable_position(&self) -> u64 {
        self.durable_fact
    }

    /// Position of the last fact made.
    pub(crate) fn last_position(&self) -> u64 {
        self.open.first_fact + u64::from(self.open.facts) - 1
    }

    /// The boundary behind the last group; nothing while facts wait for the next one, or before this run's first.
    pub(crate) fn boundary(&self) -> Option<Boundary> {
        let inside = planted::is(Bug::CheckpointInsideGroup);
        let GroupAt { segment, offset } = self.last_at.filter(|_| self.open.facts == 0 || inside)?;
        let next_fact = self.open.first_fact;
        // Of the cold store the journal knows nothing.
        Some(Boundary { group: self.last, run: self.run, segment, offset, next_fact, cold_batches: 0 })
    }

    /// Bytes of all groups that this run sealed.
    pub(crate) fn sealed_bytes(&self) -> u64 {
        self.sealed_bytes
    }

    /// When the sealing group is to be written, if one is.
    pub(crate) fn seal_due(&self) -> Option<MicrosUtc> {
        self.unsealed_since.map(|since| since.after(self.limits.seal_after))
    }

    /// Whether anything is under way or waits to be.
    pub(crate) fn is_busy(&self) -> bool {
        self.open.facts > 0 || !self.in_flight.is_empty()
    }

    /// Whether facts wait for a segment that is not there yet: nothing will wake the caller when it is.
    pub(crate) fn waits_for_segment(&self) -> bool {
        self.next.is_none() && self.open.facts > 0 && self.in_flight.len() < GROUPS_IN_FLIGHT_MAX
    }

    fn look_for_next_segment(&mut self) {
        if self.next.is_none() {
            self.maker_fails = false;
            match self.maker.take() {
                Making::Ready(ready) => self.next = Some(ready),
                Making::Busy => (),
                Making::Failing => self.maker_fails = true,
            }
        }
    }

    fn can_write(&mut self) -> bool {
        if self.in_flight.len() == GROUPS_IN_FLIGHT_MAX {
            return false;
        }
        self.fits_current() || {
            self.look_for_next_segment();
            self.next.is_some()
        }
    }

    fn fits_current(&self) -> bool {
        let padded = self.open.bytes.next_multiple_of(BLOCK_BYTES);
        let past = if planted::is(Bug::SegmentEndPassed) { BLOCK_BYTES } else { 0 };
        self.current.is_some_and(|current| current.offset + padded <= self.limits.segment_bytes + past)
    }

    /// Seals the open group (which may be empty: then it seals what is before it) and starts its write.
    fn write_open_group(&mut self, now: MicrosUtc, disk: &mut H, counters: &Counters) {
        if !self.fits_current() {
            self.roll(disk);
        }
        let fresh = self.free.pop().expect("a buffer for each group in flight, and the open one");
        let OpenGroup { mut buffer, bytes, facts, first_fact } = std::mem::replace(
            &mut self.open,
            OpenGroup { buffer: fresh, bytes: GROUP_HEADER_BYTES, facts: 0, first_fact: 0 },
        );
        self.open.first_fact = first_fact + u64::from(facts);
        let header = GroupHeader {
            run: self.run,
            previous: self.last,
            first_fact,
            facts,
            bytes: bytes as u32,
            durable_through: match planted::is(Bug::DurableThroughOmitted) {
                true => 0,
                false => self.sinks.durable_through(),
            },
        };
        let checksum = header.seal(&self.identity, buffer.as_mut_slice());
        let number = header.number();
        self.last = GroupRef { number, checksum };
        self.unsealed_since = None;
        if facts > 0 {
            self.last_with_facts = number;
        }
        let padded = header.padded_bytes();
        let current = self.current.as_mut().expect("a roll has put a segment here");
        let offset = current.offset;
        current.offset += padded;
        self.last_at = Some(GroupAt { segment: current.number, offset: offset as u64 });
        self.sealed_bytes += padded as u64;
        self.in_flight.push_back(Flight {
            number,
            last_fact: self.open.first_fact - 1,
            segment: current.number,
            started_at: now,
            progress: Progress::Writing,
        });
        let (buffer, range) = buffer.into_parts(padded);
        disk.write(current.slot, offset as u64, buffer, range, number);
        counters.wrote(padded);
    }

    /// Goes on in the next segment; the old file stays open until its last group is durable.
    fn roll(&mut self, disk: &mut H) {
        let ReadySegment { number, file } = self.next.take().expect("who rolls has looked for it");
        let slot = disk.adopt(file);
        let torn = planted::torn_tail().filter(|&(segment, _)| segment == number);
        let offset = torn.map_or(SEGMENT_HEADER_BYTES, |(_, offset)| offset as usize);
        let fresh = Current { number, slot, offset };
        if let Some(full) = self.current.replace(fresh) {
            self.retired.push(full);
        }
    }

    fn written(&mut self, number: u64, buffer: Option<Vec<u8>>) {
        let flight = self.in_flight.iter_mut().find(|flight| flight.number == number);
        let flight = flight.expect("only groups in flight complete");
        assert_eq!(flight.progress, Progress::Writing, "a group completes once");
        flight.progress = match self.limits.path {
            DurabilityPath::Dsync => Progress::Durable,
            DurabilityPath::Fsync => Progress::Written,
        };
        let bytes = buffer.expect("a write gives its buffer back");
        self.free.push(AlignedBuffer::again(bytes, self.limits.group_bytes));
    }

    /// One sync at a time, of the file of the oldest group that needs one; it covers every group of that file
    /// whose write has completed by now, and none that completes while it runs.
    fn start_sync(&mut self, disk: &mut H) {
        if self.sync.is_some() {
            return;
        }
        let Some(oldest) = self.in_flight.iter().find(|flight| flight.progress == Progress::Written) else {
            return;
        };
        let segment = oldest.segment;
        for flight in &mut self.in_flight {
            if flight.segment == segment && flight.progress == Progress::Written {
                flight.progress = Progress::Syncing;
            }
        }
        let files = self.current.iter().chain(&self.retired);
        let file = files.into_iter().find(|file| file.number == segment);
        let slot = file.expect("a file stays open until its last group is durable").slot;
        disk.sync_data(slot, SYNC_TOKEN);
        self.sync = Some(Sync { segment });
    }

    fn synced(&mut self) {
        let sync = self.sync.take().expect("one sync at a time");
        for flight in &mut self.in_flight {
            let late = flight.progress == Progress::Written && planted::is(Bug::SyncCountsLateWrites);
            if flight.segment == sync.segment && (flight.progress == Progress::Syncing || late) {
                flight.progress = Progress::Durable;
            }
        }
    }

    /// Only the prefix counts: a group is durable when it and every group before it are.
    fn advance(&mut self, now: MicrosUtc, disk: &mut H, counters: &Counters) {
        let durable = |flight: &Flight| flight.progress == Progress::Durable;
        if planted::is(Bug::LaterGroupCounts)
            && let Some(later) = self.in_flight.iter().rev().find(|flight| durable(flight))
        {
            self.sinks.disk_holds(later.number.max(self.sinks.durable_through()));
            self.durable_fact = self.durable_fact.max(later.last_fact);
        }
        while self.in_flight.front().is_some_and(durable) {
            let Some(flight) = self.in_flight.pop_front() else { break };
            self.sinks.disk_holds(flight.number.max(self.sinks.durable_through()));
            self.durable_fact = flight.last_fact.max(self.durable_fact);
            counters.durable(now.since(flight.started_at));
            if self.in_flight.is_empty() && self.last_with_facts == flight.number {
                self.unsealed_since = Some(now);
            }
        }
        let (in_flight, sync) = (&self.in_flight, &self.sync);
        self.retired.retain(|file| {
            let used = in_flight.iter().any(|flight| flight.segment == file.number)
                || sync.is_some_and(|sync| sync.segment == file.number);
            if !used {
                disk.release(file.slot);
            }
            used
        });
    }
}

/// The open group, as the ledger sees it.
#[derive(Debug)]
pub(crate) struct GroupFacts<'a> {
    writer: EntryWriter<'a>,
    bytes: &'a mut usize,
    facts: &'a mut u32,
}

impl Facts for GroupFacts<'_> {
    fn begin(&mut self, stamp: &Stamp) {
        self.writer.begin(stamp);
    }

    fn fact(&mut self, fact: &Fact<'_>) {
        self.writer.fact(fact);
    }

    fn end(&mut self) {
        *self.facts += u32::from(self.writer.end());
        *self.bytes = self.writer.at();
    }
}
