//! Opening a folder: read what is there, refuse what is damaged, cut, and only then serve.
//!
//! The order of the steps is the rule. Nothing is changed until all of it has been judged good; what was read is
//! synced before anything is built on it; and the cut stands, durably, before the first group can be written.

mod error;
mod opened;
mod replay;

use std::io;
use std::sync::Arc;

use domain::{Ledger, MicrosUtc};

use super::chain::{Chain, Survey, TornTail, survey};
use super::checkpoint::layout::Boundary;
use super::checkpoint::reading::{BadCheckpoint, header_of, is_older, restore};
use super::checkpoint::taking::Usable;
use super::clock::{ClockReading, LedgerClock};
use super::config::{Config, Durability};
use super::damage::Damage;
use super::disk::{Disk, DurabilityPath, ReadDisk};
use super::journal::maker::Plan;
use super::journal::segment::{make_spare, promote, spare_name};
use super::journal::{GroupRef, Identity, SegmentHeader, Start};
use super::rest::opening::OpeningCold;
use super::retention::{Expiry, Leaving, archive_of, begins_behind};
use crate::planted::{self, Bug};
use error::Blame;
use replay::{Replay, replay};

pub use error::OpenError;
pub use opened::Opened;

/// How far the replay is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Groups of the chain read so far.
    pub groups: u64,
    /// Facts in them.
    pub facts: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// What an opening found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenReport {
    /// Names the store for ever.
    pub store_id: u128,
    /// Whether this opening made it.
    pub is_new: bool,
    /// This opening's number, from 1.
    pub run: u64,
    /// Position up to which a checkpoint told what had happened; 0: none did.
    pub checkpoint_position: u64,
    /// Position that the journal in the folder begins behind; more than 0 where older segments have left it.
    pub begins_behind: u64,
    /// What was replayed behind it.
    pub replayed: Replayed,
    /// What was cut off behind it: torn by a crash, never acknowledged.
    pub tail: Option<TornTail>,
    /// Time of the last fact.
    pub last_fact_at: Option<MicrosUtc>,
    /// How groups become durable from here on.
    pub path: DurabilityPath,
}

/// Opens a folder: replays its journal into a fresh ledger and cuts. `progress` hears of a long replay.
pub fn open<D: Disk>(
    disk: Arc<D>,
    config: Config,
    reading: ClockReading,
    progress: &mut dyn FnMut(Replayed),
) -> Result<Opened<D>, OpenError> {
    config.check()?;
    let blame = Blame::new(disk.place(), &config);
    if !disk.lock().map_err(|source| blame.folder(source))? {
        return Err(blame.in_use());
    }
    let found = survey(&*disk).map_err(|damage| blame.damaged(damage))?;
    let seen = look(&disk, &config, &found, reading, progress, &blame)?;
    // Nothing was changed so far, and all has been judged good.
    cut(disk, config, &found, seen, &blame)
}

/// What a folder holds, judged.
struct Seen<D: Disk> {
    identity: Identity,
    ledger: Ledger,
    clock: LedgerClock,
    cold: OpeningCold<D>,
    usable: Usable,
    leaving: Option<Leaving<D>>,
    replay: Replay,
    checkpoint_position: u64,
    begins_behind: u64,
    last_fact_at: Option<MicrosUtc>,
}

/// Reads all there is.
fn look<D: Disk>(
    disk: &Arc<D>,
    config: &Config,
    found: &Survey,
    reading: ClockReading,
    progress: &mut dyn FnMut(Replayed),
    blame: &Blame,
) -> Result<Seen<D>, OpenError> {
    let is_new = found.segments.is_empty();
    if is_new {
        judge_empty(found, blame)?;
    }
    let identity = match found.identity() {
        Some(identity) => identity,
        None => fresh_identity(&**disk).map_err(|source| blame.folder(source))?,
    };
    let (mut ledger, chain, usable) = beginning(&**disk, config, found, identity, blame)?;
    let checkpoint_position = chain.as_ref().map_or(0, |chain| chain.next_fact() - 1);
    let cold_batches = usable.newest.map_or(0, |newest| newest.cold_batches);
    let mut cold =
        OpeningCold::new(Arc::clone(disk), identity, (config.cold, config.background), cold_batches);
    let mut replay = replay(chain, found.segments.len(), (&mut ledger, &mut cold), progress)
        .map_err(|damage| blame.damaged(damage))?;
    let through = replay.next_fact - 1;
    if let Some(error) = replay.cold.take() {
        return Err(blame.cold(error));
    }
    if replay.passed.is_none() {
        cold.keep_ends(&mut ledger, through).map_err(|error| blame.cold(error))?;
    }
    if let Some(bound) = replay.passed.or(ledger.judge_replayed().err()) {
        return Err(blame.too_small(bound));
    }
    let last_fact_at = (through > 0).then(|| ledger.last_entry_at());
    let clock =
        LedgerClock::start(reading, last_fact_at.unwrap_or(MicrosUtc(i64::MIN)), config.accept_clock)?;
    // A new folder gets its cold store behind its first segment: one without a journal would be refused.
    if !is_new {
        cold.judge(through).map_err(|error| blame.cold(error))?;
    }
    let begins_behind = begins_behind(&**disk).map_err(|damage| blame.damaged(damage))?;
    let archive = archive_of(&**disk, &config.retention, identity, begins_behind);
    let archive = archive.map_err(|(place, why)| OpenError::Archive { place, why })?;
    let leaving = match config.retention.expiry {
        Expiry::Keep => None,
        Expiry::Archive(_) | Expiry::Delete => {
            Some(Leaving::new(Arc::clone(disk), archive, config.retention.clone(), begins_behind))
        }
    };
    Ok(Seen {
        identity,
        ledger,
        clock,
        cold,
        usable,
        leaving,
        replay,
        checkpoint_position,
        begins_behind,
        last_fact_at,
    })
}

/// A folder without a journal holds nothing, or it lost one, or it is somebody else's.
fn judge_empty(found: &Survey, blame: &Blame) -> Result<(), OpenError> {
    if let Some((&group, checkpoint)) = found.checkpoints.last_key_value() {
        let (checkpoint, file) = (checkpoint.clone(), "the journal".into());
        return Err(blame.damaged(Damage::NotBehind { checkpoint, file, group }));
    }
    if found.has_cold_store {
        return Err(blame.damaged(Damage::NoJournal));
    }
    match found.others.iter().find(|name| *name != "lost+found") {
        Some(file) => Err(blame.not_ours(file)),
        None => Ok(()),
    }
}

/// Where the replay begins: the newest checkpoint and the chain behind it, or an empty ledger and the whole chain.
fn beginning<'a, D: Disk>(
    disk: &'a D,
    config: &Config,
    found: &'a Survey,
    identity: Identity,
    blame: &Blame,
) -> Result<(Ledger, Option<Chain<'a, D>>, Usable), OpenError> {
    // One of an older version is left out: the journal has it all.
    let Some((_, file)) = found.checkpoints.last_key_value().filter(|(_, file)| !is_older(disk, file)) else {
        let ledger = Ledger::new(config.ledger, config.rules, identity.ledger_seed);
        let chain = Chain::new(disk, found).map_err(|damage| blame.damaged(damage))?;
        return Ok((ledger, chain, Usable::default()));
    };
    let restored = restore(disk, file, identity, (config.ledger, config.rules));
    let (ledger, boundary) = restored.map_err(|bad| match bad {
        BadCheckpoint::Damaged(damage) => blame.damaged(damage),
        BadCheckpoint::PassedBound(bound) => blame.too_small(bound),
    })?;
    let usable = Usable { newest: Some(boundary), older: older_of(disk, found, identity) };
    let chain = Chain::behind(disk, found, file, &boundary).map_err(|damage| blame.damaged(damage))?;
    Ok((ledger, Some(chain), usable))
}

/// Makes durable what was read, and begins a segment behind it.
fn cut<D: Disk>(
    disk: Arc<D>,
    config: Config,
    found: &Survey,
    seen: Seen<D>,
    blame: &Blame,
) -> Result<Opened<D>, OpenError> {
    let Seen { identity, ledger, clock, cold, usable, leaving, replay, .. } = seen;
    let path = match config.durability {
        Durability::Auto => disk.faster_path().map_err(|source| blame.cannot_write(source))?,
        Durability::Always(path) => path,
    };
    let (highest_run, highest_number) = found.highest();
    let header = SegmentHeader {
        identity,
        run: highest_run + 1,
        number: highest_number + 1,
        bytes: config.segment_bytes as u64,
        cut: Some(match planted::is(Bug::CutNamesWrongGroup) {
            true => GroupRef { number: replay.last.number.saturating_sub(1), ..replay.last },
            false => replay.last,
        }),
    };
    let torn = replay.end.filter(|&(_, _, offset)| {
        let fits = offset + config.group_bytes as u64 <= config.segment_bytes as u64;
        fits && planted::is(Bug::TornTailReused)
    });
    planted::go_on_in(torn.map(|(_, segment, offset)| (segment, offset)));
    if torn.is_none() {
        make_cut(&*disk, found, &replay, &header).map_err(|source| blame.cannot_write(source))?;
    }
    let header = SegmentHeader { run: torn.map_or(header.run, |(run, ..)| run), ..header };
    let start = Start { identity, run: header.run, last: replay.last, next_fact: replay.next_fact };
    let report = OpenReport {
        store_id: identity.store,
        is_new: found.segments.is_empty(),
        run: header.run,
        checkpoint_position: seen.checkpoint_position,
        begins_behind: seen.begins_behind,
        replayed: replay.replayed,
        tail: replay.tail,
        last_fact_at: seen.last_fact_at,
        path,
    };
    let cold = cold.finish(replay.next_fact - 1).map_err(|error| blame.cold(error))?;
    let plan = Plan { next: SegmentHeader { cut: None, ..header }, path, ahead: config.segments_ahead };
    Ok(Opened { disk, config, ledger, clock, plan, start, cold, usable, leaving, report })
}

/// Makes durable what was read, then the segment that the chain goes on in, then tidies up behind it.
fn make_cut<D: Disk>(disk: &D, found: &Survey, replay: &Replay, cut: &SegmentHeader) -> io::Result<()> {
    for spare in found.spares.iter().filter(|_| !planted::is(Bug::SpareReused)) {
        // A write of a killed process may still land in it.
        disk.remove(spare)?;
    }
    // What was read may still be on its way to the disk: a killed process's write that nobody synced.
    for segment in found.segments.iter().filter(|_| !planted::is(Bug::ReadNotSynced)) {
        disk.sync_named(&segment.file)?;
    }
    disk.sync_folder()?;

    make_spare(disk, cut, || ())?;
    if let Err(error) = promote(disk, cut.number) {
        // Whether the new name is durable is open; the next opening takes it either way.
        let _ = disk.remove(&spare_name(cut.number));
        return Err(error);
    }

    // Segments without a group of the chain stand behind the cut, which is durable: nobody reads them again,
    // and each opening would leave two or three behind.
    for &at in &replay.without_groups {
        disk.remove(&found.segments[at].file)?;
    }
    Ok(())
}

/// The checkpoint before the newest, if it can be read: where the newest cannot, somebody takes that away, and an
/// opening begins with this one. Without it no segment leaves until there are two again.
fn older_of(disk: &impl ReadDisk, found: &Survey, identity: Identity) -> Option<Boundary> {
    let (_, older) = found.checkpoints.iter().nth_back(1)?;
    header_of(disk, older, identity).ok().map(|header| header.boundary)
}

/// A store that nobody has seen before.
fn fresh_identity(disk: &impl Disk) -> io::Result<Identity> {
    let mut random = [0; 28];
    disk.fill_random(&mut random)?;
    let (store, rest) = random.split_first_chunk().expect("28 bytes");
    let (ledger_seed, salt) = rest.split_first_chunk().expect("12 bytes");
    let salt = salt.first_chunk().expect("4 bytes");
    Ok(Identity {
        store: u128::from_le_bytes(*store),
        salt: u32::from_le_bytes(*salt),
        ledger_seed: u64::from_le_bytes(*ledger_seed),
    })
}
