//! Opening a folder: read what is there, refuse what is damaged, cut, and only then serve.
//!
//! The order of the steps is the rule. Nothing is changed until all of it has been judged good; what was read is
//! synced before anything is built on it; and the cut stands, durably, before the first group can be written.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use domain::{Fact, Ledger, Micros, MicrosUtc, PassedBound, Stamp};

use super::chain::{Chain, Survey, TornTail, survey};
use super::checkpoint::layout::Boundary;
use super::checkpoint::maker::{CheckpointMaker, InlineCheckpoints, ThreadCheckpoints};
use super::checkpoint::reading::{BadCheckpoint, header_of, is_older, restore};
use super::checkpoint::taking::{Pace, Taking, Usable};
use super::clock::{ClockBehind, ClockReading, LedgerClock};
use super::cold::{ColdDesk, ColdError, ColdStore, InlineDesk, ThreadDesk};
use super::config::{BadConfig, Config, Durability};
use super::damage::Damage;
use super::disk::{Disk, DurabilityPath, HotDisk, ReadDisk};
use super::engine::Engine;
use super::fused::FusedStore;
use super::journal::maker::{InlineMaker, Plan, ReadySegment, SegmentMaker, ThreadMaker};
use super::journal::segment::{make_spare, promote, segment_name, spare_name};
use super::journal::{GroupRef, Identity, Journal, SegmentHeader, Start};
use super::port::Port;
use super::reader::each_entry;
use super::record::Decoder;
use super::rest::Rest;
use super::rest::opening::OpeningCold;
use super::retention::{
    Expiry, InlineKeeper, Leaving, SegmentKeeper, ThreadKeeper, archive_of, begins_behind,
};
use super::split::{self, EngineSide, Ring, StoreHandle};
use crate::batch::IntentBatch;
use crate::planted::{self, Bug};

/// Groups between two calls of the progress callback.
const GROUPS_A_REPORT: u64 = 1_024;

/// Why a folder could not be opened. Each is one sentence that says what to do; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The settings do not go together.
    #[error("the configuration is wrong: {0}")]
    Config(#[from] BadConfig),
    /// Another process has the folder.
    #[error("{place} is used by another process: stop it, or name another folder")]
    InUse {
        /// The folder.
        place: String,
    },
    /// The folder is not there or cannot be written.
    #[error("{place} cannot be used as a data folder ({source}): make it writable, or name another folder")]
    Folder {
        /// The folder.
        place: String,
        /// What the system said.
        source: io::Error,
    },
    /// The folder holds something, but no journal.
    #[error("{place} holds {file}, which is not Tidegate's: name an empty folder, or a data folder")]
    NotOurs {
        /// The folder.
        place: String,
        /// One of the files.
        file: String,
    },
    /// What is there cannot be read without losing something.
    #[error("{place}: {damage}; nothing was changed, look with `tidegate inspect {place}`, restore a copy")]
    Damaged {
        /// The folder.
        place: String,
        /// What and where.
        damage: Damage,
    },
    /// The oldest segments are gone, and no checkpoint stands in for them.
    #[error(
        "{place}: the journal begins with {file}, and no checkpoint goes on behind it: copy all segments before it \
         back from the archive, or restore a backup; nothing was changed"
    )]
    NoBeginning {
        /// The folder.
        place: String,
        /// The oldest segment.
        file: String,
    },
    /// Segments cannot go where they are to go.
    #[error(
        "{place} cannot be the archive of segments ({why}): name another folder in [journal] archive_dir"
    )]
    Archive {
        /// The archive.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// The journal holds more than the ledger may.
    #[error("{place} holds more than the bound {} = {} allows: set a larger one, then start again", bound.name, bound.value)]
    TooSmall {
        /// The folder.
        place: String,
        /// The first bound that was passed, as configured.
        bound: PassedBound,
    },
    /// There is no room for one more segment.
    #[error("{place} has no room for one more segment of {bytes} bytes: make room, then start again")]
    Full {
        /// The folder.
        place: String,
        /// Of a segment.
        bytes: u64,
    },
    /// The orders at rest cannot be used.
    #[error("{place}: {error}")]
    Cold {
        /// The folder.
        place: String,
        /// Why not, and what to do.
        error: ColdError,
    },
    /// The wall clock cannot be believed.
    #[error(transparent)]
    Clock(#[from] ClockBehind),
}

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

/// A folder that is open: what became of it, and what serves from it.
#[derive(Debug)]
pub struct Opened<D: Disk> {
    disk: Arc<D>,
    config: Config,
    ledger: Ledger,
    clock: LedgerClock,
    plan: Plan,
    start: Start,
    cold: Box<dyn ColdStore>,
    usable: Usable,
    leaving: Option<Leaving<D>>,
    /// What was found.
    pub report: OpenReport,
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
    let place = disk.place();
    config.check()?;
    let folder = |source| OpenError::Folder { place: place.clone(), source };
    let damaged = |damage| match damage_or_no_beginning(damage) {
        Ok(damage) => OpenError::Damaged { place: place.clone(), damage },
        Err(file) => OpenError::NoBeginning { place: place.clone(), file },
    };
    let cannot_write = |source: io::Error| {
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            OpenError::Full { place: place.clone(), bytes: config.segment_bytes as u64 }
        } else {
            folder(source)
        }
    };
    if !disk.lock().map_err(folder)? {
        return Err(OpenError::InUse { place });
    }

    // Looking: nothing is changed until all has been judged good.
    let found = survey(&*disk).map_err(damaged)?;
    let is_new = found.segments.is_empty();
    if let (true, Some((&group, checkpoint))) = (is_new, found.checkpoints.last_key_value()) {
        let (checkpoint, file) = (checkpoint.clone(), "the journal".into());
        return Err(damaged(Damage::NotBehind { checkpoint, file, group }));
    }
    if is_new && found.has_cold_store {
        return Err(damaged(Damage::NoJournal));
    }
    if let (true, Some(file)) = (is_new, found.others.iter().find(|name| *name != "lost+found")) {
        return Err(OpenError::NotOurs { place, file: file.clone() });
    }
    let identity = match found.identity() {
        Some(identity) => identity,
        None => fresh_identity(&*disk).map_err(folder)?,
    };
    // One of an older version is left out: the journal has it all.
    let newest = found.checkpoints.last_key_value().filter(|(_, file)| !is_older(&*disk, file));
    let mut usable = Usable::default();
    let (mut ledger, chain) = match newest {
        Some((_, file)) => {
            let restored = restore(&*disk, file, identity, (config.ledger, config.rules));
            let (ledger, boundary) = restored.map_err(|bad| match bad {
                BadCheckpoint::Damaged(damage) => damaged(damage),
                BadCheckpoint::PassedBound(bound) => OpenError::TooSmall { place: place.clone(), bound },
            })?;
            usable = Usable { newest: Some(boundary), older: older_of(&*disk, &found, identity) };
            (ledger, Some(Chain::behind(&*disk, &found, file, &boundary).map_err(damaged)?))
        }
        None => {
            let ledger = Ledger::new(config.ledger, config.rules, identity.ledger_seed);
            (ledger, Chain::new(&*disk, &found).map_err(damaged)?)
        }
    };
    let checkpoint_position = chain.as_ref().map_or(0, |chain| chain.next_fact() - 1);
    let cold_batches = usable.newest.map_or(0, |newest| newest.cold_batches);
    let mut cold = OpeningCold::new(Arc::clone(&disk), identity, config.cold, cold_batches);
    let replay = replay(chain, found.segments.len(), (&mut ledger, &mut cold), progress).map_err(damaged)?;
    if let Some(error) = replay.cold {
        return Err(OpenError::Cold { place, error });
    }
    if replay.passed.is_none() {
        let kept = cold.keep_ends(&mut ledger, replay.next_fact - 1);
        kept.map_err(|error| OpenError::Cold { place: place.clone(), error })?;
    }
    if let Some(bound) = replay.passed.or(ledger.judge_replayed().err()) {
        return Err(OpenError::TooSmall { place, bound });
    }
    let last_fact_at = (replay.next_fact > 1).then(|| ledger.last_entry_at());
    let clock =
        LedgerClock::start(reading, last_fact_at.unwrap_or(MicrosUtc(i64::MIN)), config.accept_clock)?;
    // A new folder gets its cold store behind its first segment: one without a journal would be refused.
    if !is_new {
        let judged = cold.judge(replay.next_fact - 1);
        judged.map_err(|error| OpenError::Cold { place: place.clone(), error })?;
    }

    let behind = begins_behind(&*disk).map_err(damaged)?;
    let archive = archive_of(&*disk, &config.retention, identity, behind);
    let archive = archive.map_err(|(place, why)| OpenError::Archive { place, why })?;
    let leaving = match config.retention.expiry {
        Expiry::Keep => None,
        Expiry::Archive(_) | Expiry::Delete => {
            Some(Leaving::new(Arc::clone(&disk), archive, config.retention.clone(), behind))
        }
    };

    // Doing: what was read is made durable, then the cut.
    let path = match config.durability {
        Durability::Auto => disk.faster_path().map_err(cannot_write)?,
        Durability::Always(path) => path,
    };
    let (highest_run, highest_number) = found.highest();
    let cut = SegmentHeader {
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
        make_cut(&*disk, &found, &replay, &cut).map_err(cannot_write)?;
    }
    let cut = SegmentHeader { run: torn.map_or(cut.run, |(run, ..)| run), ..cut };
    let start = Start { identity, run: cut.run, last: replay.last, next_fact: replay.next_fact };
    let report = OpenReport {
        store_id: identity.store,
        is_new,
        run: cut.run,
        checkpoint_position,
        begins_behind: behind,
        replayed: replay.replayed,
        tail: replay.tail,
        last_fact_at,
        path,
    };
    let cold = cold.finish(replay.next_fact - 1).map_err(|error| OpenError::Cold { place, error })?;
    let plan = Plan { next: SegmentHeader { cut: None, ..cut }, path, ahead: config.segments_ahead };
    Ok(Opened { disk, config, ledger, clock, plan, start, cold, usable, leaving, report })
}

impl<D: Disk> Opened<D> {
    /// The store on the caller's own thread, whose turn runs the engine; `ring` wakes it.
    pub fn fused<H: HotDisk<File = D::File>>(self, ring: Arc<dyn Ring>) -> io::Result<FusedStore<H>> {
        let clock = self.clock.clone();
        let port = port(&self.config, true);
        Ok(FusedStore::new(self.into_engine(vec![port], Desk::Thread(ring), Helpers::threads)?, clock))
    }

    /// The engine for a thread of its own, and one handle for each ring: that of the thread which will use it.
    /// `engine_ring` wakes the engine's thread.
    pub fn split<H: HotDisk<File = D::File>>(
        self,
        engine_ring: Arc<dyn Ring>,
        handle_rings: Vec<Arc<dyn Ring>>,
    ) -> io::Result<(EngineSide<H>, Vec<StoreHandle>)> {
        let (clock, config) = (self.clock.clone(), self.config.clone());
        let ports = handle_rings.iter().map(|_| port(&config, false)).collect();
        let engine = self.into_engine(ports, Desk::Thread(Arc::clone(&engine_ring)), Helpers::threads)?;
        Ok(split::join(engine, clock, &config, engine_ring, handle_rings))
    }

    /// A fused store that makes its segments and checkpoints on the caller's thread, when they are needed: every step
    /// of it happens within a turn, so a test or a simulator sees them all.
    pub fn fused_inline<H: HotDisk<File = D::File>>(self) -> io::Result<FusedStore<H>>
    where
        D: std::fmt::Debug,
    {
        let clock = self.clock.clone();
        let port = port(&self.config, true);
        Ok(FusedStore::new(self.into_engine(vec![port], Desk::Inline, Helpers::inline)?, clock))
    }

    fn into_engine<H: HotDisk<File = D::File>>(
        self,
        ports: Vec<Port>,
        desk: Desk,
        helpers: impl FnOnce(Arc<D>, Identity, Plan, Option<Leaving<D>>) -> io::Result<Helpers<D>>,
    ) -> io::Result<Engine<H>> {
        let Opened { disk, config, ledger, clock: _, mut plan, start, cold, usable, leaving, report } = self;
        let torn = planted::torn_tail();
        let number = torn.map_or(plan.next.number, |(segment, _)| segment);
        let cut = ReadySegment { number, file: disk.open_for_groups(&segment_name(number), plan.path)? };
        plan.next.number += u64::from(torn.is_none());
        let Helpers { segments, checkpoints, keeper } = helpers(disk, start.identity, plan, leaving)?;
        let journal = Journal::new(config.limits(plan.path), start, cut, segments);
        let pace =
            Pace { every_bytes: config.checkpoint_bytes, lag_bytes_max: config.checkpoint_lag_bytes_max };
        let checkpoints = Taking::new(checkpoints, pace, usable, keeper);
        let desk: Box<dyn ColdDesk> = match desk {
            Desk::Thread(ring) => Box::new(ThreadDesk::start(cold, ring)?),
            Desk::Inline => Box::new(InlineDesk::new(cold)),
        };
        let rest = Rest::new(desk, Micros::from_seconds(config.rest_after_seconds));
        let engine = Engine::new(&config, ledger, journal, ports, checkpoints, rest, report.replayed.bytes);
        engine.counters().begins_behind.store(report.begins_behind, Ordering::Relaxed);
        Ok(engine)
    }
}

/// Where the engine asks for orders at rest.
enum Desk {
    /// At a thread, which wakes the engine.
    Thread(Arc<dyn Ring>),
    /// Within its own turn.
    Inline,
}

/// Who works beside the engine.
struct Helpers<D: Disk> {
    segments: Box<dyn SegmentMaker<D::File>>,
    checkpoints: Box<dyn CheckpointMaker>,
    keeper: Option<Box<dyn SegmentKeeper>>,
}

impl<D: Disk> Helpers<D> {
    /// Each on a thread of its own.
    fn threads(
        disk: Arc<D>,
        identity: Identity,
        plan: Plan,
        leaving: Option<Leaving<D>>,
    ) -> io::Result<Helpers<D>> {
        let segments = Box::new(ThreadMaker::start(Arc::clone(&disk), plan)?);
        let keeper: Option<Box<dyn SegmentKeeper>> = match leaving {
            Some(leaving) => Some(Box::new(ThreadKeeper::start(leaving)?)),
            None => None,
        };
        Ok(Helpers { segments, checkpoints: Box::new(ThreadCheckpoints::start(disk, identity)?), keeper })
    }

    /// All within the engine's turn.
    fn inline(
        disk: Arc<D>,
        identity: Identity,
        plan: Plan,
        leaving: Option<Leaving<D>>,
    ) -> io::Result<Helpers<D>>
    where
        D: std::fmt::Debug,
    {
        let segments = Box::new(InlineMaker::new(Arc::clone(&disk), plan));
        let keeper = leaving.map(|leaving| Box::new(InlineKeeper::new(leaving)) as Box<dyn SegmentKeeper>);
        Ok(Helpers { segments, checkpoints: Box::new(InlineCheckpoints::new(disk, identity)), keeper })
    }
}

fn port(config: &Config, keeps_batches: bool) -> Port {
    let batches = if keeps_batches { config.batches } else { 0 };
    let batches = (0..batches).map(|_| IntentBatch::with_capacity(config.batch_intents)).collect();
    Port::new(batches, config.batches_reserved, config.batches, config.answer_vectors)
}

/// What reading the chain came to.
struct Replay {
    replayed: Replayed,
    last: GroupRef,
    next_fact: u64,
    tail: Option<TornTail>,
    /// Segments, by place in the survey, that hold no group of the chain.
    without_groups: Vec<usize>,
    /// The run, segment and offset that the chain ends at.
    end: Option<(u64, u64, u64)>,
    /// The ledger was full before the journal ended; the rest of it was only read.
    passed: Option<PassedBound>,
    /// Orders at rest could not be woken or kept; the rest of the journal was only read.
    cold: Option<ColdError>,
}

/// Follows the chain to its end, gives the ledger every fact, and judges what is left over.
fn replay<D: Disk>(
    chain: Option<Chain<'_, D>>,
    segments: usize,
    (ledger, cold): (&mut Ledger, &mut OpeningCold<D>),
    progress: &mut dyn FnMut(Replayed),
) -> Result<Replay, Damage> {
    let mut replayed = Replayed::default();
    let (mut passed, mut cold_error) = (None, None);
    let Some(mut chain) = chain else {
        let last = GroupRef::NONE;
        return Ok(Replay {
            replayed,
            last,
            next_fact: 1,
            tail: None,
            without_groups: vec![],
            end: None,
            passed,
            cold: None,
        });
    };
    let mut decoder = Decoder::default();
    while let Some(group) = chain.next_group()? {
        let mut position = group.header.first_fact - 1;
        let replay_one = |_, stamp: &Stamp, fact: &Fact<'_>| {
            if passed.is_none() && cold_error.is_none() {
                cold_error = cold.wake_for(ledger, position, fact).err();
            }
            position += 1;
            if passed.is_none() && cold_error.is_none() {
                passed = ledger.replay(stamp, fact).err();
                if planted::is(Bug::ReleaseReplayedTwice) && matches!(fact, Fact::StockReleased { .. }) {
                    passed = ledger.replay(stamp, fact).err();
                }
            }
        };
        each_entry(&mut decoder, group.entries, group.header.facts, replay_one, u64::MAX)
            .map_err(|why| Damage::Entry { place: group.place, why })?;
        if cold_error.is_none() {
            cold_error = cold.keep_room(ledger, position).err();
        }
        replayed.groups += 1;
        replayed.facts += u64::from(group.header.facts);
        replayed.bytes += group.header.padded_bytes() as u64;
        if replayed.groups.is_multiple_of(GROUPS_A_REPORT) {
            progress(replayed);
        }
    }
    let tail = chain.judge_rest()?;
    let without_groups = (0..segments).filter(|&at| !chain.is_used(at)).collect();
    Ok(Replay {
        replayed,
        last: chain.last(),
        next_fact: chain.next_fact(),
        tail: Some(tail),
        without_groups,
        end: chain.at().map(|(segment, offset, _)| (chain.run(), segment, offset)),
        passed,
        cold: cold_error,
    })
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

/// Without its oldest segments a journal is not damaged: it lacks a checkpoint that goes on in it. The oldest file, then.
fn damage_or_no_beginning(damage: Damage) -> Result<Damage, String> {
    if let Damage::BeginsLater { file, .. } = damage { Err(file) } else { Ok(damage) }
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
