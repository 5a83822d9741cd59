//! The relay of returns: units of ended orders go back to Redis, in batches whose numbers have no gaps. A batch is sent
//! until Redis says that it has it, or that the shelf is past its epoch.

use super::trouble::Trouble;
use super::wanted::{Wanted, Why};
use crate::links::Links;
use crate::mysql::{self, ReturnBatch};
use crate::redis::{Batch, Returned};
use crate::shelf::{ShardNo, ShelfKey};

/// Shelves of one database in one round.
const SHELVES_MAX: usize = 256;
/// Batches of one shelf in one round; loose units come meanwhile, and others wait.
const BATCHES_MAX: usize = 8;

/// What a round over the shelves of a database came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relayed {
    /// Units that Redis has now, or has had.
    pub units: u64,
    /// Batches that it has.
    pub batches: u64,
    /// Batches that wait: their shelf is not open in their epoch.
    pub waiting: u64,
    /// Shelves that lost an earlier batch.
    pub gaps: u64,
    /// Why batches wait that should not; the last reason.
    pub trouble: Option<Trouble>,
}

/// Sends what a database has for Redis. Shelves that are not open, or lost something, are told of.
pub async fn relay_returns(links: &Links, no: ShardNo, wanted: &Wanted) -> Relayed {
    let mut relayed = Relayed::default();
    let shelves =
        async { mysql::shelves_with_returns(&mut links.database(no).lease().await?, SHELVES_MAX).await };
    match shelves.await {
        Ok(shelves) => {
            for shelf in shelves {
                if let Err(trouble) = relay_shelf(links, no, shelf, wanted, &mut relayed).await {
                    relayed.trouble = Some(trouble);
                }
            }
        }
        Err(fault) => relayed.trouble = Some(fault.into()),
    }
    relayed
}

async fn relay_shelf(
    links: &Links,
    no: ShardNo,
    shelf: ShelfKey,
    wanted: &Wanted,
    relayed: &mut Relayed,
) -> Result<(), Trouble> {
    for _ in 0..BATCHES_MAX {
        let made = mysql::next_return(&mut links.database(no).lease().await?, no, shelf).await?;
        let Some(made) = made else { return Ok(()) };
        let ReturnBatch { epoch, number, units, .. } = made;
        // No connection to the database waits while Redis works.
        let said = links.redis.return_batch(shelf, Batch { epoch, shard: no, number, units }).await?;
        match said {
            Returned::Added => {
                relayed.units += units;
                relayed.batches += 1;
            }
            // The shelf's sum has them.
            Returned::Void { .. } => (),
            Returned::NotYet => {
                relayed.waiting += 1;
                wanted.tell(shelf, Why::Closed);
                return Ok(());
            }
            // Redis had it, in this very incarnation: what else it lost nobody knows.
            Returned::Gap { .. } => {
                relayed.gaps += 1;
                wanted.tell(shelf, Why::Lost);
                return Ok(());
            }
        }
        mysql::confirm_return(&mut links.database(no).lease().await?, no, &made).await?;
    }
    Ok(())
}
