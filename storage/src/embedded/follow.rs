//! Reads the facts of a journal while it is being written, from any position on: for events. Changes nothing.
//!
//! `chain.rs` judges a whole folder; this follows the same chain through groups that are known to be durable,
//! so what continues the chain is taken, and what does not is not there yet. A [`Standing`] is a place in the chain
//! and a few words long; the bytes at hand belong to the [`Follower`], however many read through it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;

use domain::{Fact, OrderId};

use super::chain::{Segment, segment};
use super::cold::made_at;
use super::damage::{Damage, Place};
use super::disk::{BLOCK_BYTES, ReadDisk};
use super::journal::layout::{GROUP_HEADER_BYTES, GroupHeader, GroupRef, SEGMENT_HEADER_BYTES};
use super::journal::segment::{Name, parse_name, segment_name};
use super::reader::{Record, each_entry};
use super::record::Decoder;

/// Bytes read at once where much is to be read.
const WINDOW_BYTES_MAX: usize = 1 << 20;
/// What a fact takes on disk, about: how much to read for a few of them.
const FACT_BYTES: u64 = 128;
/// Bytes of journal between two marks, at least.
const MARK_EVERY_BYTES: u64 = 1 << 20;
/// Marks kept, at most: then every other one goes, and they stand twice as far from each other.
const MARKS_MAX: usize = 1 << 14;

/// A place in the chain: behind a group of it, or before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Number of the segment and offset where the next group is expected; nothing before the first cut.
    at: Option<(u64, u64)>,
    last: GroupRef,
    run: u64,
    next_fact: u64,
}

impl Standing {
    const BEGINNING: Standing = Standing { at: None, last: GroupRef::NONE, run: 0, next_fact: 1 };

    /// Position of the next fact.
    pub const fn next_fact(&self) -> u64 {
        self.next_fact
    }
}

/// Why facts cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The segments that they stood in were deleted.
    #[error("the journal does not go back so far: it begins behind position {oldest}")]
    Gone {
        /// The oldest position that facts can be read behind.
        oldest: u64,
    },
    /// What is there is damaged.
    #[error(transparent)]
    Damaged(#[from] Damage),
}

/// Reads groups of a folder that another thread writes.
#[derive(Debug)]
pub struct Follower<D> {
    disk: D,
    segments: BTreeMap<u64, Known>,
    /// Segments that begin with a cut, by the number of the group that the cut names.
    cuts: BTreeSet<(u64, u64)>,
    window: Window,
    decoder: Decoder,
    /// Places by the time of the first order made behind them.
    marks: BTreeMap<u64, Standing>,
    mark_every_bytes: u64,
}

#[derive(Debug)]
struct Known {
    segment: Segment,
    /// The header of its first group, once it is written.
    first: Option<GroupHeader>,
}

#[derive(Debug, Default)]
struct Window {
    segment: u64,
    offset: u64,
    bytes: Vec<u8>,
}

impl<D: ReadDisk> Follower<D> {
    /// Reads this folder from outside.
    pub fn new(disk: D) -> Follower<D> {
        Follower {
            disk,
            segments: BTreeMap::new(),
            cuts: BTreeSet::new(),
            window: Window::default(),
            decoder: Decoder::default(),
            marks: BTreeMap::new(),
            mark_every_bytes: MARK_EVERY_BYTES,
        }
    }

    /// A place from which the facts behind `position` can be read: at most a segment before them.
    ///
    /// # Errors
    /// [`Unreadable::Gone`] where the facts right behind it were deleted.
    pub fn seek(&mut self, position: u64) -> Result<Standing, Unreadable> {
        self.look_again()?;
        let mut best = None;
        let mut oldest = None;
        for number in self.numbers() {
            let Some(first) = self.first_group(number)? else { continue };
            let behind = first.first_fact - 1;
            oldest = Some(oldest.map_or(behind, |oldest: u64| oldest.min(behind)));
            let later = best.is_none_or(|best: Standing| first.number() > best.last.number);
            if behind <= position && later {
                best = Some(before(number, &first));
            }
        }
        match (best, oldest) {
            (Some(best), _) => Ok(best),
            (None, Some(oldest)) => Err(Unreadable::Gone { oldest }),
            // Nothing was written yet.
            (None, None) => Ok(Standing::BEGINNING),
        }
    }

    /// The next group at this place, which then is behind it; facts up to `after` are left out, unread where
    /// whole groups of them are. False: there is none, yet. `through` is the last durable position.
    pub fn next(
        &mut self,
        at: &mut Standing,
        after: u64,
        through: u64,
        mut each: impl FnMut(Record<'_>),
    ) -> Result<bool, Unreadable> {
        if at.next_fact > through {
            return Ok(false);
        }
        let wanted = (through - at.next_fact + 1).saturating_mul(FACT_BYTES);
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX).min(WINDOW_BYTES_MAX);
        let Some((number, offset, header, checksum)) = self.find_next(at, wanted)? else { return Ok(false) };
        let began = *at;
        at.at = Some((number, offset + header.padded_bytes() as u64));
        at.last = GroupRef { number: header.number(), checksum };
        at.next_fact = header.first_fact + u64::from(header.facts);
        if at.next_fact <= after + 1 {
            return Ok(true);
        }
        let mut first_order = None;
        let group = self.window.held(number, offset, header.bytes as usize);
        let group = group.expect("its checksum was compared in this window");
        let mut position = header.first_fact;
        each_entry(
            &mut self.decoder,
            &group[GROUP_HEADER_BYTES..],
            header.facts,
            |place, stamp, fact| {
                if let Fact::OrderCreated(created) = fact {
                    first_order.get_or_insert(made_at(created.order));
                }
                if position > after {
                    each(Record { position, begins_entry: place == 0, stamp, fact });
                }
                position += 1;
            },
            u64::MAX,
        )
        .map_err(|why| Damage::Entry { place: Place { file: segment_name(number), offset }, why })?;
        if let Some(first_order) = first_order {
            self.mark(first_order, began);
        }
        Ok(true)
    }

    /// A place before the fact that made this order, as near to it as was marked so far. `through` is the last
    /// durable position.
    ///
    /// # Errors
    /// [`Unreadable::Gone`] where the order was made in segments that were deleted.
    pub fn seek_order(&mut self, order: OrderId, through: u64) -> Result<Standing, Unreadable> {
        self.look_again()?;
        let made = made_at(order);
        let mut best = Standing::BEGINNING;
        let mut oldest = None;
        if let Some((_, marked)) = self.marks.range(..=made).next_back() {
            best = *marked;
        }
        // Orders are made in the order of their ids, so of the segments behind the mark all those are passed whose
        // first order is not later.
        for number in self.numbers() {
            let Some(first) = self.first_group(number)? else { continue };
            let behind = first.first_fact - 1;
            oldest = Some(oldest.map_or(behind, |oldest: u64| oldest.min(behind)));
            if first.number() <= best.last.number + 1 || first.first_fact > through {
                continue;
            }
            match self.first_order(before(number, &first), through)? {
                Some(first_order) if first_order > made => break,
                Some(_) => best = before(number, &first),
                None => (),
            }
        }
        match oldest {
            Some(oldest) if oldest > 0 && best == Standing::BEGINNING => Err(Unreadable::Gone { oldest }),
            Some(_) | None => Ok(best),
        }
    }

    /// When the first order behind this place was made.
    fn first_order(&mut self, mut at: Standing, through: u64) -> Result<Option<u64>, Unreadable> {
        let mut first = None;
        while first.is_none() {
            let going_on = self.next(&mut at, 0, through, |record| {
                if let Fact::OrderCreated(created) = record.fact {
                    first.get_or_insert(made_at(created.order));
                }
            })?;
            if !going_on {
                break;
            }
        }
        Ok(first)
    }

    fn mark(&mut self, first_order: u64, at: Standing) {
        let Some((number, offset)) = at.at else { return };
        if self.marks.range(..=first_order).next_back().is_some_and(|(_, near)| {
            near.at.is_some_and(|(of, there)| of == number && offset.abs_diff(there) < self.mark_every_bytes)
        }) {
            return;
        }
        if self.marks.len() >= MARKS_MAX {
            let mut keep = false;
            self.marks.retain(|_, _| {
                keep = !keep;
                keep
            });
            self.mark_every_bytes *= 2;
        }
        self.marks.insert(first_order, at);
    }

    /// The group that continues the chain at this place.
    fn find_next(
        &mut self,
        at: &mut Standing,
        wanted: usize,
    ) -> Result<Option<(u64, u64, GroupHeader, u32)>, Unreadable> {
        match self.find_in_known(at, wanted) {
            Ok(Some(found)) => return Ok(Some(found)),
            Ok(None) => (),
            Err(why) if is_missing(&why) => (), // Deleted since the folder was looked at.
            Err(why) => return Err(why.into()),
        }
        // A new segment, or bytes that were written since the window was read.
        self.window.bytes.clear();
        self.look_again()?;
        let found = self.find_in_known(at, wanted)?;
        if found.is_none() && at.at.is_some_and(|(number, _)| !self.segments.contains_key(&number)) {
            *at = self.seek(at.next_fact - 1)?;
            return Ok(self.find_in_known(at, wanted)?);
        }
        Ok(found)
    }

    fn find_in_known(
        &mut self,
        at: &mut Standing,
        wanted: usize,
    ) -> Result<Option<(u64, u64, GroupHeader, u32)>, Damage> {
        self.follow_cut(at);
        let Some((number, offset)) = at.at else { return Ok(None) };
        if let Some((header, checksum)) = self.successor(at, number, offset, wanted)? {
            return Ok(Some((number, offset, header, checksum)));
        }
        let rolled = self
            .segments
            .range(number + 1..)
            .find(|(_, known)| known.segment.header.run == at.run && known.segment.header.cut.is_none());
        let Some((&rolled, _)) = rolled else { return Ok(None) };
        let start = SEGMENT_HEADER_BYTES as u64;
        let found = self.successor(at, rolled, start, wanted)?;
        Ok(found.map(|(header, checksum)| (rolled, start, header, checksum)))
    }

    /// At each group, a cut that names it comes before the next group; of several, the one of the highest run.
    fn follow_cut(&self, at: &mut Standing) {
        let named = self.cuts.range((at.last.number, 0)..=(at.last.number, u64::MAX));
        let later = named.filter_map(|(_, number)| {
            let header = &self.segments[number].segment.header;
            (header.cut == Some(at.last) && header.run > at.run).then_some((header.run, *number))
        });
        if let Some((run, number)) = later.max() {
            at.run = run;
            at.at = Some((number, SEGMENT_HEADER_BYTES as u64));
        }
    }

    fn successor(
        &mut self,
        at: &Standing,
        number: u64,
        offset: u64,
        wanted: usize,
    ) -> Result<Option<(GroupHeader, u32)>, Damage> {
        let Some(known) = self.segments.get(&number) else { return Ok(None) };
        let (disk, segment) = (&self.disk, &known.segment);
        let identity = segment.header.identity;
        let Some(block) = self.window.bytes(disk, segment, offset, BLOCK_BYTES, wanted)? else {
            return Ok(None);
        };
        let Some(header) = GroupHeader::peek(&identity, block) else { return Ok(None) };
        if header.run != at.run || header.previous != at.last || header.first_fact != at.next_fact {
            return Ok(None);
        }
        let Some(group) = self.window.bytes(disk, segment, offset, header.bytes as usize, wanted)? else {
            return Ok(None);
        };
        Ok(header.check(&identity, group).map(|checksum| (header, checksum)))
    }

    /// The header of a segment's first group, if the chain goes through it.
    fn first_group(&mut self, number: u64) -> Result<Option<GroupHeader>, Damage> {
        let known = self.segments.get_mut(&number).expect("asked for by a number that is known");
        if known.first.is_none() {
            let mut block = [0; BLOCK_BYTES];
            let Segment { file, header } = &known.segment;
            let read = match self.disk.read_at(file, SEGMENT_HEADER_BYTES as u64, &mut block) {
                Ok(read) => read,
                Err(source) if source.kind() == ErrorKind::NotFound => return Ok(None),
                Err(source) => return Err(Damage::Io { file: file.clone(), source }),
            };
            let group = GroupHeader::peek(&header.identity, &block[..read]);
            known.first = group.filter(|group| {
                group.run == header.run && header.cut.is_none_or(|cut| group.previous == cut)
            });
        }
        let Some(first) = known.first else { return Ok(None) };
        // A later run cut the chain before this group: it is none of it.
        let passed = self
            .cuts
            .range(..(first.number(), 0))
            .any(|(_, cut)| self.segments[cut].segment.header.run > first.run);
        Ok((!passed).then_some(first))
    }

    fn numbers(&self) -> Vec<u64> {
        self.segments.keys().copied().collect()
    }

    /// Reads the headers of segments that are new, and forgets those that were deleted.
    fn look_again(&mut self) -> Result<(), Damage> {
        let names = self.disk.list().map_err(|source| Damage::Io { file: self.disk.place(), source })?;
        let mut known = 0;
        let mut oldest = u64::MAX;
        let mut fresh = Vec::new();
        for name in names {
            let Name::Segment(number) = parse_name(&name) else { continue };
            oldest = oldest.min(number);
            if self.segments.contains_key(&number) {
                known += 1;
            } else {
                fresh.push((number, name));
            }
        }
        if known < self.segments.len() {
            // The oldest go first, so what is kept is what is there.
            self.segments.retain(|&number, _| number >= oldest);
            self.cuts.retain(|&(_, number)| number >= oldest);
            self.marks.retain(|_, standing| standing.at.is_some_and(|(number, _)| number >= oldest));
        }
        for (number, name) in fresh {
            let segment = match segment(&self.disk, name, number) {
                Ok(segment) => segment,
                Err(why) if is_missing(&why) => continue,
                Err(why) => return Err(why),
            };
            if let Some(cut) = segment.header.cut {
                self.cuts.insert((cut.number, number));
            }
            self.segments.insert(number, Known { segment, first: None });
        }
        Ok(())
    }
}

impl Window {
    /// So many bytes of a segment, read ahead up to `wanted`; nothing where the segment has not so many.
    fn bytes(
        &mut self,
        disk: &impl ReadDisk,
        segment: &Segment,
        offset: u64,
        bytes: usize,
        wanted: usize,
    ) -> Result<Option<&[u8]>, Damage> {
        let Segment { file, header } = segment;
        let rest = header.bytes.saturating_sub(offset);
        if bytes as u64 > rest {
            return Ok(None);
        }
        if self.held(header.number, offset, bytes).is_none() {
            let take = (bytes.max(wanted) as u64).next_multiple_of(BLOCK_BYTES as u64).min(rest);
            (self.segment, self.offset) = (header.number, offset);
            self.bytes.resize(take as usize, 0);
            let read = disk.read_at(file, offset, &mut self.bytes);
            let read = read.map_err(|source| Damage::Io { file: file.clone(), source })?;
            self.bytes.truncate(read);
        }
        Ok(self.held(header.number, offset, bytes))
    }

    fn held(&self, segment: u64, offset: u64, bytes: usize) -> Option<&[u8]> {
        let from = usize::try_from(offset.checked_sub(self.offset)?).ok()?;
        let held = self.bytes.get(from..from.checked_add(bytes)?)?;
        (self.segment == segment).then_some(held)
    }
}

/// The file is not there (any more).
fn is_missing(why: &Damage) -> bool {
    matches!(why, Damage::Io { source, .. } if source.kind() == ErrorKind::NotFound)
}

/// The place before a segment's first group.
const fn before(number: u64, first: &GroupHeader) -> Standing {
    Standing {
        at: Some((number, SEGMENT_HEADER_BYTES as u64)),
        last: first.previous,
        run: first.run,
        next_fact: first.first_fact,
    }
}
