//! Units that an operator takes away, before the home's transaction: out of Redis as a buyer does, or, where Redis has not
//! so many (an operator may take what is kept back, too), by closing the shelf.
//!
//! A shelf is closed by an opening that stops before INIT: every fence is above what Redis gives under, so that nothing can
//! be taken of it in any database, and sums are exact. Whoever closed it has it opened.

use std::num::NonZeroU32;

use domain::RequestKey;
use futures_util::future::join_all;

use crate::links::Links;
use crate::mysql::{Database, Raised, Standing, raise};
use crate::redis::{Ask, Judgement, Own, Reserved, Terms, Verdict, Window};
use crate::shelf::{Attempt, Epoch, HoldId, Holder, ShelfKey};

/// What the next try of the transaction may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Nothing was taken.
    Nothing,
    /// Redis gave these units.
    Held(Held),
    /// Nobody is given any, as long as every fence is at this epoch.
    Closed {
        /// The shelf.
        shelf: ShelfKey,
        /// Of its fences.
        epoch: Epoch,
    },
}

/// Units that Redis gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub shelf: ShelfKey,
    pub epoch: Epoch,
    pub own: Own,
    pub attempt: Attempt,
    pub units: u64,
}

/// What the transaction lacks of a shelf that was opened before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lack {
    pub shelf: ShelfKey,
    /// Of the home's fence.
    pub epoch: Epoch,
    /// Under which number it asks.
    pub attempt: Attempt,
    /// So many units; none: that nobody can take any.
    pub units: Option<u64>,
}

/// Nothing was taken, and whoever asked may ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotTaken;

/// How often RESERVE is asked anew, by what it said.
const ASKS_MAX: usize = 3;

impl Taken {
    /// Takes what is lacking.
    pub async fn of(links: &Links, lack: Lack, (key, body): (RequestKey, u64)) -> Result<Taken, NotTaken> {
        // A record has at most 32 bits of units.
        let units = lack.units.and_then(|units| u32::try_from(units).ok()).and_then(NonZeroU32::new);
        match units {
            Some(units) => reserve(links, &lack, units, (key, body)).await,
            None => close(links, &lack).await,
        }
    }

    /// Whether so many units of a shelf, whose fence is at this epoch, are taken by this attempt.
    pub fn has(&self, shelf: ShelfKey, epoch: Epoch, (units, attempt): (u64, Attempt)) -> bool {
        match self {
            Taken::Nothing => false,
            Taken::Held(held) => {
                (held.shelf, held.epoch) == (shelf, epoch) && (held.units, held.attempt) == (units, attempt)
            }
            Taken::Closed { .. } => self.has_closed(shelf, epoch),
        }
    }

    /// Whether nothing can be taken of a shelf whose fence is at this epoch.
    pub fn has_closed(&self, shelf: ShelfKey, epoch: Epoch) -> bool {
        *self == Taken::Closed { shelf, epoch }
    }

    /// Under which hold units were bought.
    pub fn hold(&self) -> Option<HoldId> {
        match self {
            Taken::Held(held) => Some(held.own.hold),
            Taken::Nothing | Taken::Closed { .. } => None,
        }
    }

    /// The shelf that was closed, and has to be opened.
    pub fn closed(&self) -> Option<ShelfKey> {
        match self {
            Taken::Closed { shelf, .. } => Some(*shelf),
            Taken::Nothing | Taken::Held(_) => None,
        }
    }

    /// The units are the operator's: the record goes.
    pub async fn finish(&self, links: &Links) {
        if let Taken::Held(Held { shelf, epoch, own, .. }) = self {
            // What is not ended here the reconciler ends.
            let _ = links.redis.finish(*shelf, *epoch, &[*own]).await;
        }
    }

    /// Nothing was committed under them, and nothing will be by this try: they go back.
    pub async fn give_back(&self, links: &Links) {
        if let Taken::Held(Held { shelf, epoch, own, .. }) = self {
            // Where another ask of the same request has seen them it may be committing them: then they stay.
            let _ = links.redis.give_back(*shelf, *epoch, &[*own]).await;
        }
    }

    /// The record ends by what stands under its request: no attempt that it may belong to is under way any more.
    pub async fn end(&self, links: &Links, stands: &Standing) {
        let Taken::Held(Held { shelf, epoch, own, .. }) = self else { return };
        let verdict = match stands {
            Standing::Dead(attempt) => Verdict::Dead(*attempt),
            Standing::Refused { .. } => Verdict::Refused,
            Standing::Done { hold, .. } => Verdict::Order(hold.unwrap_or(NO_HOLD)),
            Standing::Order { .. } => Verdict::Order(NO_HOLD),
        };
        // What is not ended here the reconciler ends.
        let _ = links.redis.judge(*shelf, *epoch, &[Judgement { own: *own, verdict }]).await;
    }
}

/// No RESERVE has this one: nothing was bought.
const NO_HOLD: HoldId = HoldId(0);

async fn reserve(
    links: &Links,
    lack: &Lack,
    units: NonZeroU32,
    (key, body): (RequestKey, u64),
) -> Result<Taken, NotTaken> {
    let Lack { shelf, attempt, .. } = *lack;
    let holder = Holder { user: key.who, request: key.id };
    let look = links.redis.look(shelf).await.map_err(|_| NotTaken)?;
    let Some((mut epoch, mut catalogue)) = look.open().zip(look.shelf.map(|shelf| shelf.catalogue)) else {
        return close(links, lack).await;
    };
    for _ in 0..ASKS_MAX {
        // An operator takes units at no price: whatever version stands is right.
        let terms = Terms { epoch, catalogue, window: Window::default() };
        let hold = HoldId(fastrand::u128(1..));
        let ask = Ask { holder, attempt, hold, units, body };
        let said = links.redis.reserve(shelf, &terms, &[ask]).await.map_err(|_| NotTaken)?;
        let held = |hold| {
            let own = Own { holder, hold };
            Taken::Held(Held { shelf, epoch, own, attempt, units: units.get().into() })
        };
        match said.first().copied() {
            Some(Reserved::Taken) => return Ok(held(hold)),
            Some(Reserved::Seen { hold }) => return Ok(held(hold)),
            Some(Reserved::Stale { open }) => epoch = open,
            Some(Reserved::StaleCatalogue { version }) => catalogue = version,
            Some(Reserved::Closed | Reserved::SoldOut { .. }) => return close(links, lack).await,
            // Another ask of this request is at work, or it was asked with another body and is not over.
            Some(Reserved::Reused | Reserved::LowerAttempt { .. } | Reserved::NotNow { .. }) | None => {
                return Err(NotTaken);
            }
        }
    }
    Err(NotTaken)
}

/// Raises every fence of a shelf above what Redis gives under. The home's first, which gives the epoch its number: there
/// only one can have raised it.
async fn close(links: &Links, lack: &Lack) -> Result<Taken, NotTaken> {
    let (shelf, epoch) = (lack.shelf, lack.epoch.next());
    let to_raise = async |database: &Database| {
        let mut lease = database.lease().await.map_err(|_| NotTaken)?;
        match raise(&mut lease, shelf, epoch).await {
            Ok(Raised::Sum(_)) => Ok(()),
            // Another one is opening or closing it.
            Ok(Raised::There { .. }) | Err(_) => Err(NotTaken),
        }
    };
    to_raise(links.home()).await?;
    let others = links.databases().filter(|(no, _)| *no != links.home_no());
    let raised = join_all(others.map(|(_, database)| to_raise(database))).await;
    raised.into_iter().collect::<Result<(), NotTaken>>()?;
    Ok(Taken::Closed { shelf, epoch })
}
