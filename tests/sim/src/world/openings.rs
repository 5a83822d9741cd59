//! Who has the data folder alone, without the archive: an audit of it begins behind a checkpoint, and holds as well.

use domain::{LedgerBounds, Rules};
use model::Opening;
use storage::embedded::balance::{Beginning, Checkpoint, NoBalance, beginning};
use storage::embedded::cold::OrdersAtRest;
use storage::embedded::disk::ReadDisk;
use storage::embedded::reader;

/// Audits what is in a folder, if older facts have left it; says whether they have.
pub(super) fn audit(here: &impl ReadDisk, at_rest: &dyn OrdersAtRest) -> Result<bool, String> {
    let checkpoint = match beginning(here, u64::MAX) {
        Ok(Beginning::First) => return Ok(false),
        Ok(Beginning::Behind(checkpoint)) => checkpoint,
        Err(why) => return Err(format!("opened, and now an audit cannot begin: {why}")),
    };
    let mut auditor = books(here, &checkpoint, at_rest)
        .map_err(|why| format!("an audit cannot begin behind {}: {why}", checkpoint.position()))?
        .opened();
    let reading = reader::read_behind(here, &checkpoint, u64::MAX, |record| {
        auditor.fact(record.position, record.begins_entry, record.stamp, record.fact);
    });
    if let Some(damage) = reading.damage {
        return Err(format!("behind a checkpoint, the journal is damaged: {damage}"));
    }
    let report = auditor.finish(None);
    let failed: Vec<_> = report.failed().collect();
    if failed.is_empty() {
        Ok(true)
    } else {
        Err(format!("behind a checkpoint, the audit names {failed:#?}"))
    }
}

fn books(
    here: &impl ReadDisk,
    checkpoint: &Checkpoint,
    at_rest: &dyn OrdersAtRest,
) -> Result<Opening, NoBalance> {
    let ledger = checkpoint.ledger(here, Rules::DEFAULT, LedgerBounds::NONE)?;
    let mut opening = Opening::new(Rules::DEFAULT.request_window, checkpoint.position(), ledger.balance());
    checkpoint.each_order(&ledger, Some(at_rest), |order| opening.order(order))?;
    Ok(opening)
}
