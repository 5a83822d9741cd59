//! Token buckets, each kept as one instant: when it will be full again.

use domain::{MicrosUtc, UserId};
use protocol::Status;

use crate::bounds::Rates;
use crate::refused::Refused;

/// Bytes that a user's pace takes.
pub(crate) const USER_BYTES: usize = size_of::<UserBucket>();
/// Places in which a user can be remembered.
const WAYS: usize = 8;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// How fast buckets fill, and how much they hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Nanoseconds in which one token comes.
    interval_ns: i64,
    /// Nanoseconds in which an empty bucket fills.
    fill_ns: i64,
}

/// When the bucket is full again, nanoseconds UTC; in the past: it is full.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket {
    full_at_ns: i64,
}

/// Too fast: in how many milliseconds there is a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooFast {
    pub(crate) retry_after_ms: u32,
}

impl Pace {
    /// Nothing where `per_second` is 0: no limit.
    pub(crate) fn of(per_second: u32, burst: u32) -> Option<Pace> {
        let interval_ns = NANOS_PER_SECOND.checked_div(i64::from(per_second))?;
        Some(Pace { interval_ns, fill_ns: interval_ns * i64::from(burst.max(1)) })
    }

    /// Takes a token, if there is one.
    pub(crate) fn take(&self, bucket: &mut Bucket, now: MicrosUtc) -> Result<(), TooFast> {
        let now_ns = now.0.saturating_mul(1_000);
        let full_at_ns = bucket.full_at_ns.max(now_ns) + self.interval_ns;
        let too_early_ns = full_at_ns - self.fill_ns - now_ns;
        if too_early_ns > 0 {
            return Err(TooFast { retry_after_ms: ms_of(too_early_ns) });
        }
        bucket.full_at_ns = full_at_ns;
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct UserBucket {
    /// 0: the place is free.
    user: UserId,
    bucket: Bucket,
}

/// The buckets of users, in a table that never grows: a bucket is given up only when it is full, so nobody gets
/// tokens by being forgotten.
#[derive(Debug)]
pub(crate) struct UserBuckets {
    pace: Pace,
    seed: u64,
    sets: Vec<[UserBucket; WAYS]>,
}

impl UserBuckets {
    /// `seed` decides who shares places with whom: unknown to clients, so that none can crowd out another.
    pub(crate) fn new(pace: Pace, users_max: u32, seed: u64) -> UserBuckets {
        let sets = (users_max as usize / WAYS).next_power_of_two();
        UserBuckets { pace, seed, sets: vec![[UserBucket::default(); WAYS]; sets] }
    }

    /// Takes a token of this user's.
    pub(crate) fn take(&mut self, user: UserId, now: MicrosUtc) -> Result<(), TooFast> {
        let hash = (user.0 ^ self.seed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let place = (hash >> 32) as usize & (self.sets.len() - 1);
        let set = &mut self.sets[place];
        if let Some(known) = set.iter_mut().find(|known| known.user == user) {
            return self.pace.take(&mut known.bucket, now);
        }
        let longest_full = set.iter_mut().min_by_key(|known| known.bucket.full_at_ns);
        let longest_full = longest_full.expect("a set has places");
        let still_filling_ns = longest_full.bucket.full_at_ns - now.0.saturating_mul(1_000);
        if still_filling_ns > 0 {
            return Err(TooFast { retry_after_ms: ms_of(still_filling_ns) });
        }
        *longest_full = UserBucket { user, bucket: Bucket::default() };
        self.pace.take(&mut longest_full.bucket, now)
    }
}

/// The limits of a gateway, where there are any.
#[derive(Debug)]
pub(crate) struct Paces {
    connection: Option<Pace>,
    users: Option<UserBuckets>,
}

impl Paces {
    pub(crate) fn new(rates: &Rates, users_max: u32, seed: u64) -> Paces {
        let users = Pace::of(rates.user_per_s, rates.user_burst);
        Paces {
            connection: Pace::of(rates.connection_per_s, rates.connection_burst),
            users: users.map(|pace| UserBuckets::new(pace, users_max, seed)),
        }
    }

    /// Takes a token of the connection's and one of the user's; user 0 is nobody and has no limit.
    pub(crate) fn take(
        &mut self,
        connection: &mut Bucket,
        user: UserId,
        now: MicrosUtc,
    ) -> Result<(), Refused> {
        if let Some(pace) = &self.connection {
            pace.take(connection, now).map_err(|too_fast| too_fast.refused("this connection's pace"))?;
        }
        match &mut self.users {
            Some(users) if user != UserId(0) => {
                users.take(user, now).map_err(|too_fast| too_fast.refused("this user's pace"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl TooFast {
    fn refused(self, what: &'static str) -> Refused {
        Refused::later(Status::RateLimited, self.retry_after_ms, what)
    }
}

/// Rounded up, so that whoever waits so long finds a token.
fn ms_of(ns: i64) -> u32 {
    u32::try_from((ns + 999_999) / 1_000_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: MicrosUtc = MicrosUtc(1_700_000_000_000_000);
    const fn at_ms(ms: i64) -> MicrosUtc {
        MicrosUtc(START.0 + ms * 1_000)
    }

    #[test]
    fn a_burst_passes_then_one_an_interval() {
        let pace = Pace::of(10, 3).unwrap();
        let mut bucket = Bucket::default();
        for _ in 0..3 {
            assert_eq!(pace.take(&mut bucket, START), Ok(()));
        }
        assert_eq!(pace.take(&mut bucket, START), Err(TooFast { retry_after_ms: 100 }));
        assert_eq!(pace.take(&mut bucket, at_ms(99)), Err(TooFast { retry_after_ms: 1 }));
        assert_eq!(pace.take(&mut bucket, at_ms(100)), Ok(()));
        assert_eq!(pace.take(&mut bucket, at_ms(100)), Err(TooFast { retry_after_ms: 100 }));
        assert!(Pace::of(0, 9).is_none(), "0 is no limit");
    }

    #[test]
    fn a_full_table_limits_newcomers_and_forgets_nobody_early() {
        let mut users = UserBuckets::new(Pace::of(1, 1).unwrap(), WAYS as u32, 7);
        for user in 1..=WAYS as u64 {
            assert_eq!(users.take(UserId(user), START), Ok(()));
        }
        assert_eq!(users.take(UserId(99), START), Err(TooFast { retry_after_ms: 1_000 }));
        for user in 1..=WAYS as u64 {
            assert!(users.take(UserId(user), at_ms(500)).is_err(), "user {user} was forgotten");
        }
        assert_eq!(users.take(UserId(99), at_ms(1_000)), Ok(()));
    }
}
