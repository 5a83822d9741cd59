//! Which groups of a folder count: the rules of opening, shared by opening, `audit` and `inspect`.
//!
//! A folder's good groups form one chain: each names the one before it by number and checksum. [`survey`] reads
//! the segments' headers, [`Chain`] follows the groups, [`Chain::judge_rest`] decides whether what is left over
//! is a torn tail (nothing of it was acknowledged) or the trace of damage (something was). Nothing is changed.

use std::collections::BTreeMap;

use super::checkpoint::layout::Boundary;
use super::damage::{Damage, Evidence, Place};
use super::disk::{BLOCK_BYTES, ReadDisk};
use super::journal::layout::{
    BadSegment, GROUP_HEADER_BYTES, GroupHeader, GroupRef, Identity, SEGMENT_HEADER_BYTES, SegmentHeader,
};
use super::journal::segment::{Name, parse_name, segment_name};
use crate::planted::{self, Bug};

/// Bytes read at a time.
const WINDOW_BYTES: usize = 4 << 20;

/// A segment under its final name, with a good header.
#[derive(Clone, Debug)]
pub struct Segment {
    /// File name.
    pub file: String,
    /// What it says of itself.
    pub header: SegmentHeader,
}

/// What lies in a folder.
#[derive(Debug, Default)]
pub struct Survey {
    /// By number.
    pub segments: Vec<Segment>,
    /// Checkpoints, by the last group that is in each.
    pub checkpoints: BTreeMap<u64, String>,
    /// Segments and checkpoints in the making, of no use any more.
    pub spares: Vec<String>,
    /// Whether the cold store's folder is there.
    pub has_cold_store: bool,
    /// What is not ours.
    pub others: Vec<String>,
}

/// Reads the names in the folder and the headers of all segments. All of them are good.
pub fn survey(disk: &impl ReadDisk) -> Result<Survey, Damage> {
    let (survey, damaged) = survey_what_is_readable(disk)?;
    damaged.into_iter().next().map_or(Ok(survey), |(_, damage)| Err(damage))
}

/// The same, without the segments whose header is not good: those stand beside it, by name, each with its damage.
/// To look at only; a store is never built on it.
pub fn survey_what_is_readable(disk: &impl ReadDisk) -> Result<(Survey, Vec<(String, Damage)>), Damage> {
    let names = disk.list().map_err(|source| Damage::Io { file: disk.place(), source })?;
    let mut survey = Survey::default();
    let mut damaged = Vec::new();
    for name in names {
        match parse_name(&name) {
            Name::Segment(number) => match segment(disk, name.clone(), number) {
                Ok(segment) => survey.segments.push(segment),
                Err(damage) => damaged.push((name, damage)),
            },
            Name::Checkpoint(group) => drop(survey.checkpoints.insert(group, name)),
            Name::Spare | Name::Making => survey.spares.push(name),
            Name::Cold => survey.has_cold_store = true,
            Name::Other => survey.others.push(name),
        }
    }
    survey.segments.sort_by_key(|segment| segment.header.number);
    if let [first, rest @ ..] = &survey.segments[..]
        && let Some(foreign) = rest.iter().find(|it| it.header.identity != first.header.identity)
    {
        let damage = Damage::Foreign { file: foreign.file.clone(), other: first.file.clone() };
        damaged.push((foreign.file.clone(), damage));
    }
    damaged.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok((survey, damaged))
}

/// Who the store of a folder is, as far as that can be read; nothing in a folder without a journal.
pub fn identity_of(disk: &impl ReadDisk) -> Result<Option<Identity>, Damage> {
    survey_what_is_readable(disk).map(|(survey, _)| survey.identity())
}

impl Survey {
    /// Whether the store's first segment is here, or nothing at all.
    pub fn has_beginning(&self) -> bool {
        let begins = |it: &Segment| it.header.cut.is_some_and(|after| after == GroupRef::NONE);
        self.segments.is_empty() || self.segments.iter().any(begins)
    }

    /// Who the store is; nothing in an empty folder.
    pub fn identity(&self) -> Option<Identity> {
        self.segments.first().map(|segment| segment.header.identity)
    }

    /// The highest run and the highest number in any header; 0 in an empty folder.
    pub(crate) fn highest(&self) -> (u64, u64) {
        let run = self.segments.iter().map(|it| it.header.run).max().unwrap_or(0);
        let number = self.segments.iter().map(|it| it.header.number).max().unwrap_or(0);
        (run, number)
    }
}

/// A segment by its name and number, its header read.
pub(crate) fn segment(disk: &impl ReadDisk, file: String, number: u64) -> Result<Segment, Damage> {
    let cannot_read = |source| Damage::Io { file: file.clone(), source };
    let mut block = [0; BLOCK_BYTES];
    let read = disk.read_at(&file, 0, &mut block).map_err(cannot_read)?;
    let bytes = disk.file_bytes(&file).map_err(cannot_read)?;
    let header = match SegmentHeader::decode(&block) {
        Ok(header) if read == BLOCK_BYTES && header.number == number => header,
        Ok(_) | Err(BadSegment::Damaged) => return Err(Damage::BadHeader { file }),
        Err(BadSegment::Newer(version)) => return Err(Damage::Newer { file, version }),
    };
    if bytes < header.bytes {
        return Err(Damage::CutShort { file, bytes, expected: header.bytes });
    }
    Ok(Segment { file, header })
}

/// A group of the chain.
#[derive(Debug)]
pub struct ChainGroup<'a> {
    /// Where it begins.
    pub place: Place,
    /// Its header.
    pub header: GroupHeader,
    /// Its entries, one behind the other.
    pub entries: &'a [u8],
}

/// Follows the good groups of a folder from the first to the last.
#[derive(Debug)]
pub struct Chain<'d, D> {
    disk: &'d D,
    survey: &'d Survey,
    identity: Identity,
    /// Segments that begin with a cut, by the number of the group that the cut names.
    cuts: BTreeMap<u64, Vec<usize>>,
    window: Window,
    last: GroupRef,
    run: u64,
    next_fact: u64,
    /// Segment and offset where the next group is expected; nothing before the first cut.
    at: Option<(usize, u64)>,
    /// For each segment, up to where the chain went in it; 0 where it never was.
    used: Vec<u64>,
    cuts_passed: u64,
}

/// What stands behind the chain's end, when none of it was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// Where the next group was expected.
    pub place: Place,
    /// Whole groups behind that place which the chain does not reach.
    pub stranded_groups: u64,
}

impl<'d, D: ReadDisk> Chain<'d, D> {
    /// Starts before the store's first group. Nothing for a folder without segments.
    ///
    /// # Errors
    /// [`Damage::BeginsLater`] where that group has left the folder.
    pub fn new(disk: &'d D, survey: &'d Survey) -> Result<Option<Chain<'d, D>>, Damage> {
        if survey.has_beginning() {
            return Ok(Chain::before_all(disk, survey));
        }
        let behind = Chain::from_oldest(disk, survey)?.map_or(0, |chain| chain.next_fact - 1);
        Err(Damage::BeginsLater { file: survey.segments[0].file.clone(), behind })
    }

    /// Starts before the oldest group that is here, whatever stood before it.
    pub fn from_oldest(disk: &'d D, survey: &'d Survey) -> Result<Option<Chain<'d, D>>, Damage> {
        let Some(mut chain) = Chain::before_all(disk, survey) else { return Ok(None) };
        if survey.has_beginning() {
            return Ok(Some(chain));
        }
        let (start, oldest) = (SEGMENT_HEADER_BYTES as u64, &survey.segments[0].header);
        match oldest.cut {
            Some(after) => {
                chain.last = after;
                chain.follow_cut();
            }
            None => {
                let first = chain.good_group(0, start)?.filter(|(header, _)| header.run == oldest.run);
                let (first, _) = first.ok_or_else(|| Damage::Oldest { place: chain.place(0, start) })?;
                (chain.last, chain.run, chain.at) = (first.previous, first.run, Some((0, start)));
            }
        }
        if let Some((segment, offset)) = chain.at
            && let Some((first, _)) = chain.good_group(segment, offset)?
        {
            chain.next_fact = first.first_fact;
        }
        Ok(Some(chain))
    }

    fn before_all(disk: &'d D, survey: &'d Survey) -> Option<Chain<'d, D>> {
        let identity = survey.identity()?;
        let mut cuts: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (at, segment) in survey.segments.iter().enumerate() {
            if let Some(after) = segment.header.cut {
                cuts.entry(after.number).or_default().push(at);
            }
        }
        Some(Chain {
            disk,
            survey,
            identity,
            cuts,
            window: Window::default(),
            last: GroupRef::NONE,
            run: 0,
            next_fact: 1,
            at: None,
            used: vec![0; survey.segments.len()],
            cuts_passed: 0,
        })
    }

    /// Starts behind a checkpoint, whose last group must be there. Older segments are not read.
    pub(crate) fn behind(
        disk: &'d D,
        survey: &'d Survey,
        checkpoint: &str,
        boundary: &Boundary,
    ) -> Result<Chain<'d, D>, Damage> {
        let Boundary { group, run, segment, offset, next_fact, cold_batches: _ } = *boundary;
        let not_behind = || Damage::NotBehind {
            checkpoint: checkpoint.into(),
            file: segment_name(segment),
            group: group.number,
        };
        let mut chain = Chain::before_all(disk, survey).ok_or_else(not_behind)?;
        let at = survey.segments.iter().position(|it| it.header.number == segment).ok_or_else(not_behind)?;
        let last = chain.good_group(at, offset)?.filter(|(header, checksum)| {
            header.run == run && GroupRef { number: header.number(), checksum: *checksum } == group
        });
        let (header, _) = last.ok_or_else(not_behind)?;
        let end = offset + header.padded_bytes() as u64;
        for (used, segment) in chain.used.iter_mut().zip(&survey.segments[..at]) {
            *used = segment.header.bytes;
        }
        chain.used[at] = end;
        Ok(Chain { last: group, run, next_fact, at: Some((at, end)), ..chain })
    }

    /// The next group of the chain; nothing behind the last one, for good.
    pub fn next_group(&mut self) -> Result<Option<ChainGroup<'_>>, Damage> {
        self.follow_cut();
        let Some((segment, offset, header, checksum)) = self.find_next()? else { return Ok(None) };
        let end = offset + header.padded_bytes() as u64;
        self.at = Some((segment, end));
        self.used[segment] = end;
        self.last = GroupRef { number: header.number(), checksum };
        self.next_fact = header.first_fact + u64::from(header.facts);
        let place = self.place(segment, offset);
        let group = self.window.bytes(self.disk, self.survey, segment, offset, header.bytes as usize)?;
        Ok(Some(ChainGroup { place, header, entries: &group[GROUP_HEADER_BYTES..] }))
    }

    /// The last group so far.
    pub fn last(&self) -> GroupRef {
        self.last
    }

    /// Number of the segment and offset behind the last group, and the position of the last fact; nothing before the first
    /// group.
    pub(crate) fn at(&self) -> Option<(u64, u64, u64)> {
        let (segment, offset) = self.at.filter(|_| self.last != GroupRef::NONE)?;
        Some((self.survey.segments[segment].header.number, offset, self.next_fact - 1))
    }

    /// The run that the chain is in.
    pub fn run(&self) -> u64 {
        self.run
    }

    /// Position of the next fact.
    pub fn next_fact(&self) -> u64 {
        self.next_fact
    }

    /// Cuts that the chain went through, the first one of the store included.
    pub fn cuts_passed(&self) -> u64 {
        self.cuts_passed
    }

    /// Whether the chain has a group in this segment (by its place in the survey).
    pub(crate) fn is_used(&self, segment: usize) -> bool {
        self.used[segment] > 0
    }

    /// After the last group: looks at all that the chain does not reach, and says whether the chain ends in a torn
    /// tail or in damage.
    pub fn judge_rest(&mut self) -> Result<TornTail, Damage> {
        let missing = self.expected_place()?;
        if planted::is(Bug::RestNotJudged) {
            return Ok(TornTail { place: missing, stranded_groups: 0 });
        }
        let group = self.last.number + 1;
        let damaged = |evidence, why| Damage::Middle { missing: missing.clone(), group, evidence, why };
        for (at, segment) in self.survey.segments.iter().enumerate() {
            if segment.header.run > self.run {
                return Err(damaged(self.place(at, 0), Evidence::OfALaterRun));
            }
        }
        let mut stranded_groups = 0;
        for at in 0..self.survey.segments.len() {
            let mut offset = self.used[at].max(SEGMENT_HEADER_BYTES as u64);
            while offset < self.survey.segments[at].header.bytes {
                if let Some((header, _)) = self.good_group(at, offset)? {
                    if header.run > self.run {
                        return Err(damaged(self.place(at, offset), Evidence::OfALaterRun));
                    }
                    if header.durable_through >= group {
                        return Err(damaged(self.place(at, offset), Evidence::SaysItWasDurable));
                    }
                    stranded_groups += u64::from(header.run == self.run);
                }
                // Block by block, not from group to group: a group that looks whole may itself be the remains
                // of a longer one.
                offset += BLOCK_BYTES as u64;
            }
        }
        Ok(TornTail { place: missing, stranded_groups })
    }

    /// Where the next group would stand, for people: right here, or where the run's next segment begins if there
    /// is nothing here and something there.
    fn expected_place(&mut self) -> Result<Place, Damage> {
        let start = SEGMENT_HEADER_BYTES as u64;
        let Some((segment, offset)) = self.at else { return Ok(self.place(0, start)) };
        if let Some(rolled) = self.rolled_from(segment)
            && self.is_blank(segment, offset)?
            && !self.is_blank(rolled, start)?
        {
            return Ok(self.place(rolled, start));
        }
        Ok(self.place(segment, offset))
    }

    /// Whether the block at this place is all zeros, or behind the end.
    fn is_blank(&mut self, segment: usize, offset: u64) -> Result<bool, Damage> {
        if offset + BLOCK_BYTES as u64 > self.survey.segments[segment].header.bytes {
            return Ok(true);
        }
        let block = self.window.bytes(self.disk, self.survey, segment, offset, BLOCK_BYTES)?;
        Ok(block.iter().all(|&byte| byte == 0))
    }

    /// The segment that the same run used after this one.
    fn rolled_from(&self, segment: usize) -> Option<usize> {
        (segment + 1..self.survey.segments.len()).find(|&at| {
            let header = &self.survey.segments[at].header;
            header.run == self.run && header.cut.is_none()
        })
    }

    /// At each group, a cut that names it comes before the next group; of several, the one of the highest run.
    fn follow_cut(&mut self) {
        let named = self.cuts.get(&self.last.number).into_iter().flatten().copied();
        let later = named.filter(|&at| {
            let header = &self.survey.segments[at].header;
            header.cut == Some(self.last) && header.run > self.run
        });
        if let Some(at) = later.max_by_key(|&at| self.survey.segments[at].header.run) {
            self.run = self.survey.segments[at].header.run;
            self.at = Some((at, SEGMENT_HEADER_BYTES as u64));
            self.cuts_passed += 1;
        }
    }

    /// The next group stands right here, or at the beginning of the run's next segment.
    fn find_next(&mut self) -> Result<Option<(usize, u64, GroupHeader, u32)>, Damage> {
        let Some((segment, offset)) = self.at else { return Ok(None) };
        if let Some((header, checksum)) = self.successor(segment, offset)? {
            return Ok(Some((segment, offset, header, checksum)));
        }
        let Some(rolled) = self.rolled_from(segment) else { return Ok(None) };
        let start = SEGMENT_HEADER_BYTES as u64;
        Ok(self.successor(rolled, start)?.map(|(header, checksum)| (rolled, start, header, checksum)))
    }

    /// The good group at this place, if it continues the chain.
    fn successor(&mut self, segment: usize, offset: u64) -> Result<Option<(GroupHeader, u32)>, Damage> {
        let (run, last, next_fact) = (self.run, self.last, self.next_fact);
        let group = self.good_group(segment, offset)?;
        Ok(group.filter(|(header, _)| {
            header.run == run && header.previous == last && header.first_fact == next_fact
        }))
    }

    /// The group at this place, if its own checksum matches.
    fn good_group(&mut self, segment: usize, offset: u64) -> Result<Option<(GroupHeader, u32)>, Damage> {
        let room = self.survey.segments[segment].header.bytes.saturating_sub(offset);
        if room < BLOCK_BYTES as u64 || (room == BLOCK_BYTES as u64 && planted::is(Bug::LastBlockNotRead)) {
            return Ok(None);
        }
        let block = self.window.bytes(self.disk, self.survey, segment, offset, BLOCK_BYTES)?;
        let Some(header) = GroupHeader::peek(&self.identity, block) else { return Ok(None) };
        if u64::from(header.bytes) > room {
            return Ok(None);
        }
        let group = self.window.bytes(self.disk, self.survey, segment, offset, header.bytes as usize)?;
        Ok(header.check(&self.identity, group).map(|checksum| (header, checksum)))
    }

    fn place(&self, segment: usize, offset: u64) -> Place {
        Place { file: segment_name(self.survey.segments[segment].header.number), offset }
    }
}

/// A piece of one segment in memory.
#[derive(Debug, Default)]
struct Window {
    segment: usize,
    offset: u64,
    bytes: Vec<u8>,
}

impl Window {
    /// So many bytes of a segment, which has them by its header.
    fn bytes(
        &mut self,
        disk: &impl ReadDisk,
        survey: &Survey,
        segment: usize,
        offset: u64,
        bytes: usize,
    ) -> Result<&[u8], Damage> {
        let inside = self.segment == segment
            && offset >= self.offset
            && offset + bytes as u64 <= self.offset + self.bytes.len() as u64;
        if !inside {
            let Segment { file, header } = &survey.segments[segment];
            let rest = (header.bytes - offset) as usize;
            (self.segment, self.offset) = (segment, offset);
            self.bytes.resize(rest.min(bytes.max(WINDOW_BYTES)), 0);
            let read = disk
                .read_at(file, offset, &mut self.bytes)
                .map_err(|source| Damage::Io { file: file.clone(), source })?;
            self.bytes[read..].fill(0); // It shrank since its size was asked: reads as zeros, no group.
        }
        let from = (offset - self.offset) as usize;
        Ok(&self.bytes[from..from + bytes])
    }
}
