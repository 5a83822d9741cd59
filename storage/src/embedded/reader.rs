//! Reads a folder's journal from outside: for `audit`, `inspect` and whoever wants the facts. Changes nothing.
//!
//! It goes by the same rules as opening (`chain.rs`), so what it calls a torn tail, opening cuts off, and what it
//! calls damage, opening refuses.

use domain::{Fact, Stamp};

use super::balance::Checkpoint;
use super::chain::{Chain, Survey, TornTail, survey, survey_what_is_readable};
use super::checkpoint::layout::Boundary;
use super::checkpoint::reading::look_over;
use super::damage::{Damage, Place};
use super::disk::{Held, ReadDisk};
use super::journal::GroupHeader;
use super::record::{BadEntry, Decoder, EntryHead};

/// What a journal holds, counted while it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Segments under their final name.
    pub segments: u64,
    /// Segments and checkpoints in the making, of no use any more.
    pub spares: u64,
    /// Openings that the chain went through.
    pub cuts: u64,
    /// The run of the last group.
    pub run: u64,
    /// Groups in the chain.
    pub groups: u64,
    /// Of these, groups without facts, which seal.
    pub sealing_groups: u64,
    /// Bytes of the chain's groups, padding included.
    pub bytes: u64,
    /// Position that the chain begins behind: 0 unless older segments have left the folder.
    pub begins_behind: u64,
    /// Position of the last fact of the chain.
    pub facts: u64,
    /// What stands behind the chain's end.
    pub tail: Option<TornTail>,
}

/// One fact with all that is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Counts from 1, without gaps.
    pub position: u64,
    /// Whether an entry begins here: its facts belong together.
    pub begins_entry: bool,
    /// What the facts of the entry have in common.
    pub stamp: &'a Stamp,
    /// The fact.
    pub fact: &'a Fact<'a>,
}

/// What reading a journal came to.
#[derive(Debug)]
pub struct Reading {
    /// What was read, up to the damage if there is any.
    pub summary: Summary,
    /// Where the journal cannot be read without losing something, and why.
    pub damage: Option<Damage>,
}

/// A group of the chain, without its facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSeen {
    /// Where it begins.
    pub place: Place,
    /// What it says of itself.
    pub header: GroupHeader,
}

/// Reads every fact up to a position, in order. What was read before damage was found has been given by then.
///
/// A position in the middle of an entry includes the whole entry. With `u64::MAX` the rest behind the last group
/// is judged as well, and [`Summary::tail`] is there. Where the first fact has left the folder, that is
/// [`Damage::BeginsLater`], and nothing is read.
pub fn read(disk: &impl ReadDisk, through: u64, each: impl FnMut(Record<'_>)) -> Reading {
    read_from(Beginning::First, disk, through, each)
}

/// The same from the oldest fact that is there, which [`Summary::begins_behind`] tells.
pub fn read_what_is_there(disk: &impl ReadDisk, through: u64, each: impl FnMut(Record<'_>)) -> Reading {
    read_from(Beginning::Oldest, disk, through, each)
}

/// The same from behind a checkpoint, whose opening balance tells what was before.
pub fn read_behind(
    disk: &impl ReadDisk,
    checkpoint: &Checkpoint,
    through: u64,
    each: impl FnMut(Record<'_>),
) -> Reading {
    read_from(Beginning::Behind(checkpoint), disk, through, each)
}

fn read_from(
    begin: Beginning<'_>,
    disk: &impl ReadDisk,
    through: u64,
    mut each: impl FnMut(Record<'_>),
) -> Reading {
    let mut summary = Summary::default();
    let damage = survey(disk)
        .and_then(|survey| read_into(begin, disk, &survey, through, &mut |_| (), &mut each, &mut summary))
        .err();
    Reading { summary, damage }
}

/// Reads every group from the oldest one on, and judges the rest. Where segments are damaged from their header on, it
/// follows the others as far as their chain goes: for who wants to see what is left.
pub fn read_groups(disk: &impl ReadDisk, mut each: impl FnMut(GroupSeen)) -> Reading {
    let mut summary = Summary::default();
    let (survey, damaged) = match survey_what_is_readable(disk) {
        Ok(seen) => seen,
        Err(damage) => return Reading { summary, damage: Some(damage) },
    };
    let read =
        read_into(Beginning::Oldest, disk, &survey, u64::MAX, &mut each, &mut |_| (), &mut summary).err();
    // A damaged header is why the chain ends where it does.
    let damage = damaged.into_iter().next().map(|(_, damage)| damage);
    if damage.is_some() {
        summary.tail = None;
    }
    Reading { summary, damage: damage.or(read) }
}

/// A segment, as its header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentSeen {
    /// File name.
    pub file: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// The store that it belongs to.
    pub store_id: u128,
    /// The opening that made it.
    pub run: u64,
    /// It begins with a cut after the group of this number.
    pub cut_after: Option<u64>,
}

/// All segments of a folder.
#[derive(Debug, Default)]
pub struct SegmentsSeen {
    /// Those with a good header, by number.
    pub readable: Vec<SegmentSeen>,
    /// The others: file name, and what is wrong with it.
    pub damaged: Vec<(String, Damage)>,
}

/// The headers of all segments.
pub fn segments(disk: &impl ReadDisk) -> Result<SegmentsSeen, Damage> {
    let (survey, damaged) = survey_what_is_readable(disk)?;
    let seen = survey.segments.into_iter().map(|segment| SegmentSeen {
        file: segment.file,
        bytes: segment.header.bytes,
        store_id: segment.header.identity.store,
        run: segment.header.run,
        cut_after: segment.header.cut.map(|last| last.number),
    });
    Ok(SegmentsSeen { readable: seen.collect(), damaged })
}

/// A checkpoint, as its header says, and what is wrong with it.
#[derive(Debug)]
pub struct CheckpointSeen {
    /// File name.
    pub file: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// The last group that is in it; nothing where not even that can be read.
    pub group: Option<u64>,
    /// Position of the last fact that is in it.
    pub position: u64,
    /// Where it does not say what was written to it.
    pub damage: Option<Damage>,
}

/// All checkpoints of a folder, each read to its end.
pub fn checkpoints(disk: &impl ReadDisk) -> Result<Vec<CheckpointSeen>, Damage> {
    let (survey, _) = survey_what_is_readable(disk)?;
    let seen = survey.checkpoints.into_values().map(|file| {
        let bytes = disk.file_bytes(&file).unwrap_or(0);
        match look_over(disk, &file, survey.segments.first().map(|segment| segment.header.identity)) {
            (Some(Boundary { group, next_fact, .. }), damage) => {
                CheckpointSeen { file, bytes, group: Some(group.number), position: next_fact - 1, damage }
            }
            (None, damage) => CheckpointSeen { file, bytes, group: None, position: 0, damage },
        }
    });
    Ok(seen.collect())
}

/// Where reading begins.
#[derive(Clone, Copy)]
enum Beginning<'c> {
    /// With the store's first fact, or not at all.
    First,
    /// With the oldest fact that is there.
    Oldest,
    /// With the first fact that is not in a checkpoint.
    Behind(&'c Checkpoint),
}

fn read_into(
    begin: Beginning<'_>,
    disk: &impl ReadDisk,
    survey: &Survey,
    through: u64,
    each_group: &mut impl FnMut(GroupSeen),
    each: &mut impl FnMut(Record<'_>),
    summary: &mut Summary,
) -> Result<(), Damage> {
    summary.segments = survey.segments.len() as u64;
    summary.spares = survey.spares.len() as u64;
    // A backup or somebody who looks: the server lets no segment go meanwhile.
    let _held = hold_oldest(disk, survey);
    let chain = match begin {
        Beginning::First => Chain::new(disk, survey)?,
        Beginning::Oldest => Chain::from_oldest(disk, survey)?,
        Beginning::Behind(checkpoint) => Some(checkpoint.chain(disk, survey)?),
    };
    let Some(mut chain) = chain else { return Ok(()) };
    summary.begins_behind = chain.next_fact() - 1;
    summary.facts = summary.begins_behind;
    let mut decoder = Decoder::default();
    while summary.facts < through {
        let Some(group) = chain.next_group()? else {
            let tail = chain.judge_rest()?;
            summary.tail = Some(tail);
            break;
        };
        each_group(GroupSeen { place: group.place.clone(), header: group.header });
        summary.groups += 1;
        summary.sealing_groups += u64::from(group.header.facts == 0);
        summary.bytes += group.header.padded_bytes() as u64;
        let limit = through - summary.facts;
        let read = each_entry(
            &mut decoder,
            group.entries,
            group.header.facts,
            |place, stamp, fact| {
                // Positions are counted here; the header's first fact was compared with them by the chain.
                summary.facts += 1;
                each(Record { position: summary.facts, begins_entry: place == 0, stamp, fact });
            },
            limit,
        );
        read.map_err(|why| Damage::Entry { place: group.place, why })?;
        (summary.run, summary.cuts) = (chain.run(), chain.cuts_passed());
    }
    Ok(())
}

/// Keeps a server from letting segments go, until the value is dropped: the oldest goes first or none. Nothing where it
/// is just going: who reads then hears that it is not there.
pub(crate) fn hold_oldest(disk: &impl ReadDisk, survey: &Survey) -> Option<Held> {
    let oldest = survey.segments.first()?;
    disk.hold(&oldest.file).unwrap_or_default()
}

/// Decodes a group's entries one by one, and holds them to the group's count. Stops behind the entry in which
/// `limit` facts are reached.
pub(crate) fn each_entry(
    decoder: &mut Decoder,
    mut entries: &[u8],
    facts: u32,
    mut each: impl FnMut(usize, &Stamp, &Fact<'_>),
    limit: u64,
) -> Result<(), BadEntry> {
    let mut seen = 0_u64;
    while !entries.is_empty() {
        if seen >= limit {
            return Ok(());
        }
        let mut place = 0;
        let EntryHead { facts, bytes, .. } = decoder.entry(entries, |stamp, fact| {
            each(place, stamp, fact);
            place += 1;
        })?;
        seen += u64::from(facts);
        entries = &entries[bytes..];
    }
    if seen == u64::from(facts) { Ok(()) } else { Err(BadEntry::Field("number of facts in the group")) }
}

impl Summary {
    /// Where the chain ends, if the rest was judged.
    pub fn end(&self) -> Option<&Place> {
        self.tail.as_ref().map(|tail| &tail.place)
    }
}
