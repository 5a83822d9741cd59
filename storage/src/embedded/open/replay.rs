//! The journal, fact by fact, into a ledger.

use domain::{Fact, Ledger, PassedBound, Stamp};

use super::Replayed;
use crate::embedded::chain::{Chain, TornTail};
use crate::embedded::cold::ColdError;
use crate::embedded::damage::Damage;
use crate::embedded::disk::Disk;
use crate::embedded::journal::GroupRef;
use crate::embedded::reader::each_entry;
use crate::embedded::record::Decoder;
use crate::embedded::rest::opening::OpeningCold;
use crate::planted::{self, Bug};

/// Groups between two calls of the progress callback.
const GROUPS_A_REPORT: u64 = 1_024;

/// What reading the chain came to.
pub(super) struct Replay {
    pub(super) replayed: Replayed,
    pub(super) last: GroupRef,
    pub(super) next_fact: u64,
    pub(super) tail: Option<TornTail>,
    /// Segments, by place in the survey, that hold no group of the chain.
    pub(super) without_groups: Vec<usize>,
    /// The run, segment and offset that the chain ends at.
    pub(super) end: Option<(u64, u64, u64)>,
    /// The ledger was full before the journal ended; the rest of it was only read.
    pub(super) passed: Option<PassedBound>,
    /// Orders at rest could not be woken or kept; the rest of the journal was only read.
    pub(super) cold: Option<ColdError>,
}

/// Follows the chain to its end, gives the ledger every fact, and judges what is left over.
pub(super) fn replay<D: Disk>(
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
