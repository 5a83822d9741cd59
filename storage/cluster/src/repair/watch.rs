//! Noticing: which shelves are to be opened. Redis has none, or another incarnation's, or an epoch that a fence is not at.

use std::collections::BTreeMap;

use futures_util::future::{join, join_all};

use super::totals::Totals;
use super::trouble::Trouble;
use crate::links::Links;
use crate::mysql::{self, Fault, OPEN_MAX};
use crate::redis::{Failed, Look};
use crate::shelf::{CatalogueVersion, Epoch, ShardNo, ShelfKey};

/// What a look at some shelves found.
#[derive(Debug, Default)]
pub struct Noticed {
    /// Those that are to be opened, each with the highest epoch that Redis or a fence has; none never had one.
    pub closed: BTreeMap<ShelfKey, Option<Epoch>>,
    /// Open shelves that have to be told a newer version, each with its epoch.
    pub older: BTreeMap<ShelfKey, (Epoch, CatalogueVersion)>,
    /// Shelves that cannot be judged now, as a server does not answer: they stay as they are.
    pub unknown: usize,
    /// That server's words; the last ones.
    pub trouble: Option<Trouble>,
}

/// Looks at shelves, any number, in Redis and in every database. A shelf of which a database does not say its fence is
/// not opened: that would take every fence, and until then close it for those databases that do answer.
pub async fn look_at(links: &Links, totals: &impl Totals, shelves: &[ShelfKey]) -> Noticed {
    let mut noticed = Noticed::default();
    for some in shelves.chunks(OPEN_MAX) {
        let looks = join_all(some.iter().map(|shelf| links.redis.look(*shelf)));
        let fences = join_all(links.databases().map(|(no, _)| fences_in(links, no, some)));
        let (looks, fences) = join(looks, fences).await;
        let fences: Result<Vec<_>, Fault> = fences.into_iter().collect();
        match fences {
            Ok(fences) => {
                for (shelf, look) in some.iter().zip(looks) {
                    noticed.judge(totals, *shelf, look, &fences);
                }
            }
            Err(fault) => {
                noticed.unknown += some.len();
                noticed.trouble = Some(fault.into());
            }
        }
    }
    noticed
}

type Fences = BTreeMap<ShelfKey, Epoch>;

async fn fences_in(links: &Links, no: ShardNo, shelves: &[ShelfKey]) -> Result<Fences, Fault> {
    mysql::read_fences(&mut links.database(no).lease().await?, shelves).await
}

impl Noticed {
    fn judge(
        &mut self,
        totals: &impl Totals,
        shelf: ShelfKey,
        look: Result<Look, Failed>,
        fences: &[Fences],
    ) {
        let look = match look {
            Ok(look) => look,
            Err(failed) => {
                self.unknown += 1;
                self.trouble = Some(failed.into());
                return;
            }
        };
        let fences = fences.iter().map(|of| of.get(&shelf).copied());
        let open = look.open();
        let in_redis = look.shelf.as_ref().map(|shelf| shelf.epoch);
        let version = totals.version(shelf);
        match open.filter(|open| fences.clone().all(|fence| fence == Some(*open))) {
            Some(epoch) => {
                if look.shelf.is_some_and(|shelf| shelf.catalogue < version) {
                    self.older.insert(shelf, (epoch, version));
                }
            }
            None => {
                let highest = fences.max().flatten().max(in_redis);
                self.closed.insert(shelf, highest);
            }
        }
    }
}
