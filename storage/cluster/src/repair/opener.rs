//! Opening shelves: the bump in the home, the fences everywhere else, INIT once. In three steps for many shelves at
//! once, any of which may be the last thing that a node does.
//!
//! An opening that does not end leaves fences above what Redis gives under: the shelf sells nothing until another opening,
//! with a further number, does end.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::totals::Totals;
use super::trouble::Trouble;
use crate::links::Links;
use crate::mysql::{self, Fault, FaultKind, Fenced, OPEN_MAX, TxFault};
use crate::redis::{Failed, Opened, Opening};
use crate::shelf::{CatalogueVersion, Epoch, ShardNo, ShelfKey};

/// What became of the opening of one shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is open in this epoch.
    Open(Epoch),
    /// Another opener is further, and has raised this fence or opened this epoch.
    Passed(Epoch),
    /// INIT was sent, and nobody knows whether it was done. It is not sent again: the next opening has a further epoch.
    InDoubt(Failed),
    /// A server could not be asked. Nothing was sent to Redis: the shelf stays closed.
    NotOpened(Trouble),
}

/// Openings under way.
#[derive(Debug, Default)]
pub struct Openings {
    at_work: BTreeMap<ShelfKey, Work>,
    ended: BTreeMap<ShelfKey, Ended>,
}

#[derive(Clone, Copy, Debug)]
struct Work {
    epoch: Epoch,
    /// Units of live orders, as far as databases were asked.
    sum: i64,
}

/// Opens shelves, any number, each once, and says what became of each. With each goes the highest epoch that was
/// seen of it anywhere, or nothing.
pub async fn open_shelves(
    links: &Links,
    totals: &impl Totals,
    shelves: &BTreeMap<ShelfKey, Option<Epoch>>,
) -> BTreeMap<ShelfKey, Ended> {
    let mut ended = BTreeMap::new();
    let all: Vec<_> = shelves.iter().map(|(shelf, seen)| (*shelf, *seen)).collect();
    for some in all.chunks(OPEN_MAX) {
        let mut openings = Openings::begin(links, some.iter().copied().collect()).await;
        openings.raise(links).await;
        openings.init(links, totals).await;
        ended.append(&mut openings.ended);
    }
    ended
}

/// Opens one shelf. One try.
pub async fn open_shelf(links: &Links, totals: &impl Totals, shelf: ShelfKey) -> Ended {
    let ended = open_shelves(links, totals, &BTreeMap::from([(shelf, None)])).await;
    ended.into_values().next().expect("each shelf that is opened has an end")
}

impl Openings {
    /// The bump: the home gives each shelf its number, raises its own fence to it, and sums.
    ///
    /// # Panics
    /// With more than [`OPEN_MAX`] shelves.
    pub async fn begin(links: &Links, shelves: BTreeMap<ShelfKey, Option<Epoch>>) -> Openings {
        let mut openings = Openings::default();
        let home = links.home_no();
        let said = by_parts(shelves, async |part| {
            let mut lease = links.database(home).lease().await?;
            mysql::begin_openings(&mut lease, part).await
        });
        for (shelf, said) in said.await {
            match said {
                Ok(Fenced::Raised { epoch, sum }) => {
                    openings.at_work.insert(shelf, Work { epoch, sum });
                }
                Ok(Fenced::There { epoch }) => openings.end(shelf, Ended::Passed(epoch)),
                Err(fault) => openings.end(shelf, Ended::NotOpened(fault.into())),
            }
        }
        openings
    }

    /// Raises every other database's fences, all databases at once, and sums there.
    pub async fn raise(&mut self, links: &Links) {
        let epochs: BTreeMap<ShelfKey, Epoch> =
            self.at_work.iter().map(|(shelf, work)| (*shelf, work.epoch)).collect();
        let others = links.databases().filter(|(no, _)| *no != links.home_no());
        let raises = others.map(|(no, _)| raise_in(links, no, epochs.clone()));
        for (shelf, said) in join_all(raises).await.into_iter().flatten() {
            // Where one database has ended it, what the others said is of no use any more.
            let Some(work) = self.at_work.get_mut(&shelf) else { continue };
            match said {
                Ok(Fenced::Raised { sum, .. }) => work.sum += sum,
                Ok(Fenced::There { epoch }) => self.end(shelf, Ended::Passed(epoch)),
                Err(fault) => self.end(shelf, Ended::NotOpened(fault.into())),
            }
        }
    }

    /// INIT, of those whose every fence is raised: once each.
    pub async fn init(&mut self, links: &Links, totals: &impl Totals) {
        if self.at_work.is_empty() {
            return;
        }
        let refreshed = async { totals.refresh(&mut links.home().lease().await?).await };
        if let Err(fault) = refreshed.await {
            let shelves: Vec<ShelfKey> = self.at_work.keys().copied().collect();
            for shelf in shelves {
                self.end(shelf, Ended::NotOpened(fault.clone().into()));
            }
            return;
        }
        let at_work = std::mem::take(&mut self.at_work);
        let inits = at_work.into_iter().map(|(shelf, work)| init_one(links, totals, shelf, work));
        for (shelf, ended) in join_all(inits).await {
            self.ended.insert(shelf, ended);
        }
    }

    /// What became of each shelf so far.
    pub fn ended(&self) -> &BTreeMap<ShelfKey, Ended> {
        &self.ended
    }

    fn end(&mut self, shelf: ShelfKey, ended: Ended) {
        self.at_work.remove(&shelf);
        self.ended.insert(shelf, ended);
    }
}

async fn raise_in(links: &Links, no: ShardNo, epochs: BTreeMap<ShelfKey, Epoch>) -> Vec<(ShelfKey, Said)> {
    by_parts(epochs, async |part| {
        let mut lease = links.database(no).lease().await?;
        mysql::raise_fences(&mut lease, part).await
    })
    .await
}

async fn init_one(links: &Links, totals: &impl Totals, shelf: ShelfKey, work: Work) -> (ShelfKey, Ended) {
    let Work { epoch, sum } = work;
    // Other threads refresh the image, too. The version first: then what is opened is never older than it says.
    let catalogue = totals.version(shelf);
    let total = i64::try_from(totals.total(shelf)).expect("totals are below 2^53");
    let opening = Opening { epoch, units: total.saturating_sub(sum), catalogue };
    let ended = match links.redis.init(shelf, opening).await {
        Ok(Opened::Now) => {
            mend_version(links, totals, shelf, epoch, catalogue).await;
            Ended::Open(epoch)
        }
        Ok(Opened::Passed { open }) => Ended::Passed(open),
        Err(failed @ Failed::NotDone(_)) => Ended::NotOpened(failed.into()),
        Err(failed @ Failed::MayBeDone(_)) => Ended::InDoubt(failed),
    };
    (shelf, ended)
}

/// The catalogue may have changed while INIT was on its way, over the version that it carried.
async fn mend_version(
    links: &Links,
    totals: &impl Totals,
    shelf: ShelfKey,
    epoch: Epoch,
    carried: CatalogueVersion,
) {
    let version = totals.version(shelf);
    if version > carried {
        // Where it fails, whoever buys by the newer version raises it.
        let _ = links.redis.set_catalogue(shelf, epoch, version).await;
    }
}

/// What a database said of one shelf.
type Said = Result<Fenced, TxFault>;

/// Into how many parts a transaction is cut when a lock of one of its shelves is not to be had.
const PARTS: usize = 16;

/// Tries all shelves in one transaction; where somebody has a lock of one of them for too long, in smaller ones, so that
/// the others are not kept from opening.
async fn by_parts<V: Copy>(
    shelves: BTreeMap<ShelfKey, V>,
    attempt: impl AsyncFn(&BTreeMap<ShelfKey, V>) -> Result<BTreeMap<ShelfKey, Fenced>, TxFault>,
) -> Vec<(ShelfKey, Said)> {
    let mut said = Vec::with_capacity(shelves.len());
    let mut parts = vec![shelves];
    while let Some(part) = parts.pop() {
        match attempt(&part).await {
            Ok(fenced) => said.extend(fenced.into_iter().map(|(shelf, fenced)| (shelf, Ok(fenced)))),
            Err(TxFault::NotDone(Fault { kind: FaultKind::Locked, .. })) if part.len() > 1 => {
                let rows: Vec<_> = part.into_iter().collect();
                let smaller = rows.chunks(rows.len().div_ceil(PARTS));
                parts.extend(smaller.map(|rows| rows.iter().copied().collect()));
            }
            Err(fault) => said.extend(part.into_keys().map(|shelf| (shelf, Err(fault.clone())))),
        }
    }
    said
}
