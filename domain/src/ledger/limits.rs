//! Users who are blocked, preferred, or have a limit of their own.

use alloc::collections::{BTreeMap, BTreeSet};
use core::ops::Bound;

use alloc::vec::Vec;

use crate::fact::{Fact, Facts, RequestKey, Stamp};
use crate::ids::{TraceId, UserId};
use crate::intent::{Intent, LimitPut, PAGE_MAX, Sale};
use crate::ledger::bounds::LedgerBounds;
use crate::ledger::image::{ImageFault, ImagePart, Reading, put_many};
use crate::ledger::requests::Subject;
use crate::ledger::{Ledger, by_operator};
use crate::limit::{UserLimit, UserList};
use crate::refusal::{Reason, Refusal};
use crate::table::Imaged;
use crate::units::MicrosUtc;
use crate::verdict::{Page, Verdict, digest_limit};

/// Rows whose time is over that one change takes out, besides its own work: more than it adds.
const FORGET_MAX: usize = 2;

/// Everybody for whom something is set.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    rows: BTreeMap<UserId, UserLimit>,
    /// Those whose time ends, the first to end in front.
    ends: BTreeSet<(MicrosUtc, UserId)>,
}

impl Limits {
    pub(crate) const fn bytes(bounds: &LedgerBounds) -> u64 {
        // Nodes of these trees are at least half full.
        let row = size_of::<(UserId, UserLimit)>() + size_of::<(MicrosUtc, UserId)>();
        (2 * bounds.limits_max * row) as u64
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether one more user has room, once a change at this time has taken out what is over.
    pub(crate) fn has_room(&self, bounds: &LedgerBounds, now: MicrosUtc, user: UserId) -> bool {
        let over = self.over(now).take(FORGET_MAX).count();
        self.rows.contains_key(&user) || self.rows.len() - over < bounds.limits_max
    }

    /// All of them, some of which may be over.
    pub(crate) fn all(&self) -> impl Iterator<Item = &UserLimit> {
        self.rows.values()
    }

    /// How many count at this time, and the sum of their digests.
    pub(crate) fn digest(&self, now: MicrosUtc) -> (u64, u64) {
        let counting = self.rows.values().filter(|row| row.counts(now));
        counting.fold((0, 0), |(count, sum), row| (count + 1, sum.wrapping_add(digest_limit(row))))
    }

    /// What is set for a user, whether it still counts or not.
    pub(crate) fn row(&self, user: UserId) -> Option<&UserLimit> {
        self.rows.get(&user)
    }

    /// This is set, whatever was. There is room.
    pub(crate) fn lay(&mut self, limit: UserLimit) {
        self.remove(limit.user);
        self.insert(limit);
    }

    fn of(&self, user: UserId, now: MicrosUtc) -> Option<&UserLimit> {
        self.rows.get(&user).filter(|row| row.counts(now))
    }

    fn over(&self, now: MicrosUtc) -> impl Iterator<Item = (MicrosUtc, UserId)> {
        self.ends.iter().take_while(move |(until, _)| *until <= now).copied()
    }

    fn change(&mut self, now: MicrosUtc, limit: &UserLimit) {
        let mut leaving = [UserId(0); FORGET_MAX];
        for (leaving, (_, user)) in leaving.iter_mut().zip(self.over(now)) {
            *leaving = user;
        }
        leaving.iter().for_each(|user| self.remove(*user));
        self.remove(limit.user);
        if limit.any() {
            self.insert(*limit);
        }
    }

    fn insert(&mut self, limit: UserLimit) {
        self.rows.insert(limit.user, limit);
        if limit.until != MicrosUtc(0) {
            self.ends.insert((limit.until, limit.user));
        }
    }

    fn remove(&mut self, user: UserId) {
        if let Some(row) = self.rows.remove(&user) {
            self.ends.remove(&(row.until, user));
        }
    }
}

/// All of it is small.
impl ImagePart for Limits {
    fn put_head(&self, out: &mut Vec<u8>) {
        put_many(self.rows.values().copied(), out);
    }

    fn take_head(&mut self, from: &mut Reading<'_>) -> Result<(), ImageFault> {
        for limit in from.many(("limits_max", from.bounds.limits_max))? {
            self.insert(limit?);
        }
        Ok(())
    }

    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Imaged)> {
        Vec::new()
    }
}

impl Ledger {
    pub(super) fn put_limit(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        put: &LimitPut,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        let LimitPut { request, limit } = *put;
        if limit.user == UserId(0) || (!limit.any() && limit.until != MicrosUtc(0)) {
            return Err(Refusal::of(Reason::InvalidField));
        }
        let key = RequestKey { who: UserId(0), id: request };
        let body = Intent::LimitPut(*put).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        if !limit.counts(now) {
            return Err(Refusal::of(Reason::InvalidField));
        }
        if limit.any() && !self.limits.has_room(&self.bounds, now, limit.user) {
            return Err(Refusal::of(Reason::Overloaded));
        }
        self.judge_room_for_change(now)?;

        // Doing.
        self.enter_one(&by_operator(now, trace, key, body), &Fact::LimitChanged(limit), facts);
        Ok(Verdict::Limited)
    }

    pub(super) fn list_limits(&self, now: MicrosUtc, after: UserId, limit: u16) -> Result<Verdict, Refusal> {
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(Refusal::of(Reason::InvalidField));
        }
        let behind = self.limits.rows.range((Bound::Excluded(after), Bound::Unbounded));
        let mut behind = behind.map(|(_, row)| *row).filter(|row| row.counts(now));
        let items = behind.by_ref().take(usize::from(limit)).collect();
        Ok(Verdict::Limits(Page { items, more: behind.next().is_some() }.into()))
    }

    pub(super) fn limit_changed(&mut self, stamp: &Stamp, limit: &UserLimit) {
        self.limits.change(stamp.at, limit);
        self.remember(stamp, Subject::Limit);
    }

    /// BLOCKED for whoever is.
    pub(super) fn judge_blocked(&self, now: MicrosUtc, user: UserId) -> Result<(), Refusal> {
        let blocked = self.limits.of(user, now).filter(|row| row.list == UserList::Blocked);
        match blocked.map(|row| row.until) {
            Some(MicrosUtc(0)) => Err(Refusal::of(Reason::Blocked)),
            Some(until) => Err(Refusal::of(Reason::Blocked).with(now.0, until.0)),
            None => Ok(()),
        }
    }

    /// Whether this user may buy in a sale before it opens.
    pub(super) fn is_preferred(&self, user: UserId, now: MicrosUtc) -> bool {
        self.limits.of(user, now).is_some_and(|row| row.list == UserList::Preferred)
    }

    /// Units that this user may take of a sale; 0: as many as there are.
    #[inline]
    pub(super) fn user_limit(&self, sale: &Sale, user: UserId, now: MicrosUtc) -> u32 {
        if self.limits.is_empty() || sale.user_limit_units == 0 {
            return sale.user_limit_units;
        }
        let own = self.limits.of(user, now).map_or(0, |row| row.sale_units);
        if own == 0 { sale.user_limit_units } else { own }
    }
}
