//! An audit that has begun: with the first fact, or behind a checkpoint, whose orders are its opening balance.

use domain::{LedgerBounds, OrderBalance, Rules};
use model::{Auditor, Opening};
use storage::embedded::balance::{Beginning, Checkpoint, NoBalance};
use storage::embedded::cold::OrdersAtRest;
use storage::embedded::disk::ReadDisk;
use storage::embedded::reader::{self, Reading, Record};

/// An auditor that stands where facts begin.
#[derive(Debug)]
pub struct Begun {
    /// It has judged the opening balance, and hears of the facts.
    pub auditor: Auditor,
    /// What they begin behind; nothing before the first.
    pub checkpoint: Option<Box<Checkpoint>>,
    /// Holds that were open there.
    pub open_holds: usize,
}

impl Begun {
    /// An audit that begins here; `each` sees the orders of the opening balance.
    ///
    /// # Errors
    /// Where the checkpoint or the orders at rest as of it cannot be read.
    pub fn at(
        disk: &impl ReadDisk,
        beginning: Beginning,
        rules: Rules,
        at_rest: Option<&dyn OrdersAtRest>,
        mut each: impl FnMut(&OrderBalance),
    ) -> Result<Begun, NoBalance> {
        let checkpoint = match beginning {
            Beginning::First => {
                let auditor = Auditor::new(rules.request_window);
                return Ok(Begun { auditor, checkpoint: None, open_holds: 0 });
            }
            Beginning::Behind(checkpoint) => checkpoint,
        };
        let ledger = checkpoint.ledger(disk, rules, LedgerBounds::NONE)?;
        let balance = ledger.balance();
        let open_holds = balance.holds.len();
        let mut opening = Opening::new(rules.request_window, checkpoint.position(), balance);
        checkpoint.each_order(&ledger, at_rest, |order| {
            each(order);
            opening.order(order);
        })?;
        Ok(Begun { auditor: opening.opened(), checkpoint: Some(checkpoint), open_holds })
    }

    /// Lets the auditor hear of every fact up to a position, and `each` behind it.
    pub fn read(&mut self, disk: &impl ReadDisk, through: u64, mut each: impl FnMut(&Record<'_>)) -> Reading {
        let Begun { auditor, checkpoint, .. } = self;
        read(disk, checkpoint.as_deref(), through, |record| {
            auditor.fact(record.position, record.begins_entry, record.stamp, record.fact);
            each(&record);
        })
    }

    /// The same facts once more, for `each` alone.
    pub fn read_again(&self, disk: &impl ReadDisk, through: u64, each: impl FnMut(Record<'_>)) -> Reading {
        read(disk, self.checkpoint.as_deref(), through, each)
    }
}

fn read(
    disk: &impl ReadDisk,
    checkpoint: Option<&Checkpoint>,
    through: u64,
    each: impl FnMut(Record<'_>),
) -> Reading {
    match checkpoint {
        None => reader::read(disk, through, each),
        Some(checkpoint) => reader::read_behind(disk, checkpoint, through, each),
    }
}
