//! Where facts begin for whoever recomputes them: with the first one, or behind a checkpoint.
//!
//! Where older segments were deleted, a checkpoint and the orders at rest as of its position are what is left of them: an
//! opening balance. The older of two is taken, so that as many facts as there are can be judged; where it cannot be read,
//! the newer one.

use domain::{ImageFault, Ledger, LedgerBounds, Making, OrderBalance, RecordFault, Rules};

use super::chain::{Chain, Survey, survey};
use super::checkpoint::layout::Boundary;
use super::checkpoint::reading::{BadCheckpoint, header_of, is_older, measure, restore};
use super::cold::{ColdError, OrdersAtRest};
use super::damage::{Damage, Place};
use super::disk::{Held, ReadDisk};
use super::journal::Identity;
use super::reader::hold_oldest;

/// Where facts begin.
#[derive(Debug)]
pub enum Beginning {
    /// With the store's first fact, or there is no journal.
    First,
    /// Behind a checkpoint.
    Behind(Box<Checkpoint>),
}

/// A checkpoint that facts go on behind. It was read to its end, and is whole. The facts stay for as long as this does,
/// whatever a server lets go meanwhile; the checkpoint itself may leave.
#[derive(Debug)]
pub struct Checkpoint {
    file: String,
    identity: Identity,
    boundary: Boundary,
    /// The least that it fits.
    bounds: LedgerBounds,
    _held: Option<Held>,
}

/// Why there is no opening balance. Each is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum NoBalance {
    /// The journal cannot be read.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// What stands in for what left the folder cannot be read.
    #[error("{begins}; and of the checkpoints none can be read: {damage}")]
    BadCheckpoint {
        /// What is not there.
        begins: Damage,
        /// Of the newest.
        damage: Box<Damage>,
    },
    /// No checkpoint stands in for what left the folder.
    #[error("{begins}; no checkpoint goes on behind it, either")]
    NoCheckpoint {
        /// What is not there.
        begins: Damage,
    },
    /// All of them stand behind what is asked for.
    #[error(
        "{begins}; the oldest checkpoint is of position {earliest}, and nothing before that is known here"
    )]
    Later {
        /// What is not there.
        begins: Damage,
        /// The first position that something is known of.
        earliest: u64,
    },
    /// The orders at rest cannot be read.
    #[error(transparent)]
    Cold(#[from] ColdError),
    /// Orders that the checkpoint does not hold are not at rest, either.
    #[error(
        "{file} was made while {wanted} orders were at rest, and the folder cold has {found} of them: restore a copy"
    )]
    OrdersMissing {
        /// The checkpoint.
        file: String,
        /// Orders at rest, as it says.
        wanted: u64,
        /// As they are.
        found: u64,
    },
    /// An order at rest makes no sense.
    #[error("the order made at {made}: {fault}; restore a copy")]
    Order {
        /// As its id says.
        made: u64,
        /// What is wrong with it.
        fault: RecordFault,
    },
}

/// Where facts begin that lead at least up to `through`. Reads all of a checkpoint where one is needed.
///
/// # Errors
/// Where the first fact has left the folder, and no checkpoint that can be read stands between it and `through`.
pub fn beginning(disk: &impl ReadDisk, through: u64) -> Result<Beginning, NoBalance> {
    let survey = survey(disk)?;
    let held = hold_oldest(disk, &survey);
    let begins = match Chain::new(disk, &survey) {
        Ok(_) => return Ok(Beginning::First),
        Err(begins @ Damage::BeginsLater { .. }) => begins,
        Err(damage) => return Err(damage.into()),
    };
    let (mut earliest, mut damage) = (None, None);
    // The oldest first, of the two that openings go by.
    let behind_newest = survey.checkpoints.len().saturating_sub(2);
    for file in survey.checkpoints.values().skip(behind_newest).filter(|file| !is_older(disk, file)) {
        match Checkpoint::of(disk, &survey, file) {
            Ok(checkpoint) if checkpoint.position() <= through => {
                return Ok(Beginning::Behind(Box::new(Checkpoint { _held: held, ..checkpoint })));
            }
            Ok(checkpoint) => earliest = earliest.or(Some(checkpoint.position())),
            Err(why) => damage = Some(why),
        }
    }
    match (earliest, damage) {
        (Some(earliest), _) => Err(NoBalance::Later { begins, earliest }),
        (None, Some(damage)) => Err(NoBalance::BadCheckpoint { begins, damage: Box::new(damage) }),
        (None, None) => Err(NoBalance::NoCheckpoint { begins }),
    }
}

impl Checkpoint {
    fn of(disk: &impl ReadDisk, survey: &Survey, file: &str) -> Result<Checkpoint, Damage> {
        let file = file.to_owned();
        let identity = survey.identity().ok_or_else(|| Damage::BadHeader { file: file.clone() })?;
        let boundary = header_of(disk, &file, identity)?.boundary;
        Chain::behind(disk, survey, &file, &boundary)?;
        let bounds = measure(disk, &file, identity)?;
        Ok(Checkpoint { file, identity, boundary, bounds, _held: None })
    }

    /// Position of the last fact that is in it.
    pub fn position(&self) -> u64 {
        self.boundary.next_fact - 1
    }

    /// Its ledger, with what was in memory there, and room for `more`.
    ///
    /// # Errors
    /// Where it cannot be read any more.
    pub fn ledger(
        &self,
        disk: &impl ReadDisk,
        rules: Rules,
        more: LedgerBounds,
    ) -> Result<Ledger, NoBalance> {
        match restore(disk, &self.file, self.identity, (self.bounds.plus(more), rules)) {
            Ok((ledger, _)) => Ok(ledger),
            Err(BadCheckpoint::Damaged(damage)) => Err(damage.into()),
            // It is not what it was when it was measured.
            Err(BadCheckpoint::PassedBound(bound)) => {
                let place = Place { file: self.file.clone(), offset: 0 };
                Err(Damage::Checkpoint { place, why: ImageFault::PassedBound(bound) }.into())
            }
        }
    }

    /// Its ledger with all orders in memory, and room for `more` beside what it holds itself.
    ///
    /// # Errors
    /// Where it cannot be read any more, or the orders at rest cannot, or they are not as many as they were.
    pub fn whole_ledger(
        &self,
        disk: &impl ReadDisk,
        at_rest: Option<&dyn OrdersAtRest>,
        rules: Rules,
        more: LedgerBounds,
    ) -> Result<Ledger, NoBalance> {
        let mut ledger = self.ledger(disk, rules, more)?;
        let mut fault = None;
        self.each_at_rest(ledger.at_rest(), at_rest, |made, record| {
            let rests = ledger.may_be_at_rest(Making(made));
            if rests && fault.is_none() {
                fault = ledger.wake(record).err().map(|fault| NoBalance::Order { made, fault });
            }
            rests
        })?;
        fault.map_or(Ok(ledger), Err)
    }

    /// Shows each order that there was at its position: those in memory, then those at rest.
    ///
    /// # Errors
    /// Where those at rest cannot be read, or are not as many as they were.
    pub fn each_order(
        &self,
        ledger: &Ledger,
        at_rest: Option<&dyn OrdersAtRest>,
        mut each: impl FnMut(&OrderBalance),
    ) -> Result<(), NoBalance> {
        let mut fault = None;
        let mut show = |made: u64, record: &[u8]| match OrderBalance::read(record) {
            Ok(order) => each(&order),
            Err(why) => fault = Some(NoBalance::Order { made, fault: why }),
        };
        ledger.each_record(|made, record| show(made.0, record));
        self.each_at_rest(ledger.at_rest(), at_rest, |made, record| {
            // What came back by then was changed in memory, where it is shown above.
            let rests = ledger.may_be_at_rest(Making(made));
            if rests {
                show(made, record);
            }
            rests
        })?;
        fault.map_or(Ok(()), Err)
    }

    /// Shows each order in the cold store as of its position. `each` says whether it was at rest there; so many were.
    fn each_at_rest(
        &self,
        wanted: u64,
        at_rest: Option<&dyn OrdersAtRest>,
        mut each: impl FnMut(u64, &[u8]) -> bool,
    ) -> Result<(), NoBalance> {
        let mut found = 0;
        if let Some(at_rest) = at_rest.filter(|_| wanted > 0) {
            at_rest
                .each_as_of(self.position(), &mut |made, record| found += u64::from(each(made, record)))?;
        }
        if found == wanted {
            return Ok(());
        }
        Err(NoBalance::OrdersMissing { file: self.file.clone(), wanted, found })
    }

    /// Facts behind it.
    pub(crate) fn chain<'d, D: ReadDisk>(
        &self,
        disk: &'d D,
        survey: &'d Survey,
    ) -> Result<Chain<'d, D>, Damage> {
        Chain::behind(disk, survey, &self.file, &self.boundary)
    }
}
