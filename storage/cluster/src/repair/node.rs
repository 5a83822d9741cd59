//! A node's number. Order ids are made with it, so it is one node's alone: leased in the home for some seconds, renewed
//! at a third of them, and given up by the node itself before anybody else may have it.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::stop::Stop;
use super::trouble::Trouble;
use crate::links::Links;
use crate::mysql;

/// How long a number is a node's, and how long nobody's afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTimes {
    /// From each renewal on.
    pub lease: Duration,
    /// A number that was not given back rests so long: the home's clock may be set forward.
    pub grace: Duration,
}

impl LeaseTimes {
    /// Ten seconds, and twenty of rest.
    pub const DEFAULT: LeaseTimes =
        LeaseTimes { lease: Duration::from_secs(10), grace: Duration::from_secs(20) };
}

/// Who has a number, or had one.
#[derive(Debug)]
pub struct NodeLease {
    links: Rc<Links>,
    times: LeaseTimes,
    held: Cell<Option<Held>>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    number: u16,
    /// Fresh with each number: an answer that never came may have taken another one.
    owner: u64,
    /// By this node's monotonic clock, counted from before the home was asked.
    until: Instant,
}

/// No number to begin with.
#[derive(Debug, thiserror::Error)]
pub enum NoNumber {
    /// The home does not answer.
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// All are leased, or rest after a node that did not give its number back.
    #[error(
        "all {} numbers of nodes are in use: end a node, or wait until the leases of dead ones are over",
        domain::Makings::NODES_MAX
    )]
    AllInUse,
}

/// Leases a number.
///
/// # Errors
/// The home does not answer, or has none.
pub async fn lease_node(links: Rc<Links>, times: LeaseTimes) -> Result<NodeLease, NoNumber> {
    let lease = NodeLease { links, times, held: Cell::new(None) };
    if lease.take().await? { Ok(lease) } else { Err(NoNumber::AllInUse) }
}

impl NodeLease {
    /// The number, from 0 to below [`domain::Makings::NODES_MAX`]; nothing where somebody else may have it by now: then no
    /// order id may be made. It may be another one each time.
    pub fn number(&self) -> Option<u16> {
        self.held.get().filter(|held| Instant::now() < held.until).map(|held| held.number)
    }

    /// Keeps the number, and takes another one where it was lost, until it is told to stop; then gives it back.
    pub async fn keep(&self, mut stop: Stop) {
        while !stop.pause(self.times.lease / 3).await {
            // The home does not answer: the number runs out by itself, and is asked for again.
            let _ = self.renew().await;
        }
        if let Some(Held { number, owner, .. }) = self.held.take() {
            let leave =
                async { mysql::leave_node(&mut self.links.home().lease().await?, number, owner).await };
            // Where it fails, its time runs out.
            let _ = leave.await;
        }
    }

    /// Renews the number, or takes another one where it is lost. Says whether there is one.
    ///
    /// # Errors
    /// The home's; the number is there until its time is over.
    pub async fn renew(&self) -> Result<bool, Trouble> {
        let Some(Held { number, owner, .. }) = self.held.get() else { return self.take().await };
        let asked = Instant::now();
        let mut home = self.links.home().lease().await?;
        if mysql::renew_node(&mut home, number, owner, ms(self.times.lease)).await? {
            self.held.set(Some(Held { number, owner, until: asked + self.times.lease }));
            return Ok(true);
        }
        drop(home);
        self.held.set(None);
        self.take().await
    }

    async fn take(&self) -> Result<bool, Trouble> {
        let owner = RandomState::new().hash_one(Instant::now());
        let asked = Instant::now();
        let mut home = self.links.home().lease().await?;
        let LeaseTimes { lease, grace } = self.times;
        let number = mysql::take_node(&mut home, owner, ms(lease), ms(grace)).await?;
        self.held.set(number.map(|number| Held { number, owner, until: asked + lease }));
        Ok(number.is_some())
    }
}

fn ms(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}
