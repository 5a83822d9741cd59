//! Asking until there is an answer: the same request id each time, within the deadline and a budget of retries
//! that all requests of a client share. Here alone is decided what a status means for asking again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use protocol::structs::Refusal;
use protocol::{Class, Flags, Meta, Status};
use tokio::time::{Instant, sleep, timeout_at};

use crate::clock::ServerClock;
use crate::connection::{Answer, Broken};
use crate::error::{Cause, Error, Refused, Violation};
use crate::pool::Pool;
use crate::values::{MicrosUtc, RequestId};

/// The pause before the first retry is up to this long; it doubles with each further one …
const BACKOFF_FIRST: Duration = Duration::from_millis(10);
/// … up to this.
const BACKOFF_MAX: Duration = Duration::from_secs(1);
/// Requests that earn one retry: at rest, retries are at most a tenth of what is asked.
const REQUESTS_A_RETRY: u64 = 10;

/// What the asker chose for one request.
#[derive(Clone, Debug)]
pub struct Options {
    /// From the first attempt to the last answer.
    pub deadline: Duration,
    /// W3C trace id; 0 for none.
    pub trace: u128,
    /// The asker's own request id.
    pub request: Option<RequestId>,
    /// It was sent before, by whomever.
    pub asked_before: bool,
}

/// One request, as often as it has to be written.
pub trait Question: Send + Sync {
    /// Whether a request id goes with it: then not knowing is an outcome of its own.
    fn changes(&self) -> bool;
    /// Bytes of its frame.
    fn frame_bytes(&self) -> Result<usize, Violation>;
    /// Writes its frame behind what `out` holds.
    fn write(&self, meta: &Meta, request: RequestId, out: &mut Vec<u8>) -> Result<(), Violation>;
}

/// What all requests of a client share.
#[derive(Debug)]
pub struct Asker {
    pub pool: Pool,
    pub clock: ServerClock,
    pub budget: Budget,
}

/// How many retries are left. Each costs one; requests earn them back, up to `burst`.
#[derive(Debug)]
pub struct Budget {
    burst: u64,
    /// In parts of a retry, [`REQUESTS_A_RETRY`] to one.
    parts: AtomicU64,
}

impl Asker {
    /// Asks until there is an answer with status 0, or a reason to stop.
    pub async fn ask(&self, question: &dyn Question, options: &Options) -> Result<Answer, Error> {
        self.budget.earn();
        let mut progress = Progress {
            changes: question.changes(),
            request: options.request.unwrap_or_else(|| self.clock.request_id()),
            may_renew: options.request.is_none(),
            sent: options.asked_before,
            may_be_done: options.asked_before,
            attempts: 0,
        };
        let until = Instant::now() + options.deadline;
        loop {
            let next = match timeout_at(until, self.attempt(question, options, until, &mut progress)).await {
                Ok(outcome) => self.judge(outcome, &mut progress),
                Err(_) => Next::Stop(progress.give_up(Cause::Deadline, Duration::ZERO)),
            };
            let (cause, retry_after) = match next {
                Next::Done(answer) => return Ok(answer),
                Next::Stop(why) => return Err(why),
                Next::AtOnce => continue,
                Next::Again(cause, retry_after) => (cause, retry_after),
            };
            let pause = retry_after + progress.backoff();
            if Instant::now() + pause >= until || !self.budget.spend() {
                return Err(progress.give_up(cause, retry_after));
            }
            sleep(pause).await;
        }
    }

    /// Sends once and waits for the answer.
    async fn attempt(
        &self,
        question: &dyn Question,
        options: &Options,
        until: Instant,
        progress: &mut Progress,
    ) -> Attempt {
        progress.attempts += 1;
        let frame_bytes = match question.frame_bytes() {
            Ok(bytes) => bytes,
            Err(why) => return Attempt::Unsent(Broken::Against(why)),
        };
        let connection = match self.pool.connection(&self.clock).await {
            Ok(connection) => connection,
            Err(why) => return Attempt::Unsent(why),
        };
        let flags = if progress.sent && progress.changes { Flags::ASKED_BEFORE } else { Flags::NONE };
        let (request, trace) = (progress.request, options.trace);
        let mut write = |correlation: u64, out: &mut Vec<u8>| {
            // 0 would mean «no limit».
            let left_ms = until.saturating_duration_since(Instant::now()).as_millis().max(1);
            let time_ms = u32::try_from(left_ms).unwrap_or(u32::MAX);
            question.write(&Meta { flags, time_ms, correlation, trace }, request, out)
        };
        let reply = match connection.send(frame_bytes, &mut write).await {
            Ok(reply) => reply,
            Err(why) => return Attempt::Unsent(why),
        };
        // From here to the answer it may be done; where the deadline cuts us off, that stays.
        let before = std::mem::replace(&mut progress.may_be_done, true);
        progress.sent = true;
        match reply.await {
            Ok(Ok(answer)) => {
                progress.may_be_done = before;
                Attempt::Answered(answer)
            }
            Ok(Err(why)) => Attempt::Lost(why),
            // The connection's tasks always answer; they end without only when the runtime does.
            Err(_) => Attempt::Lost(Broken::Lost("the runtime is shutting down".into())),
        }
    }

    /// What an attempt means for the next one.
    fn judge(&self, attempt: Attempt, progress: &mut Progress) -> Next {
        match attempt {
            Attempt::Answered(answer) => self.judge_answer(answer, progress),
            Attempt::Unsent(Broken::Lost(why)) => Next::Again(Cause::Unreachable(why), Duration::ZERO),
            Attempt::Unsent(Broken::Against(why)) => Next::Stop(progress.give_up_against(why)),
            Attempt::Lost(Broken::Lost(why)) => Next::Again(Cause::Lost(why), Duration::ZERO),
            Attempt::Lost(Broken::Against(why)) => Next::Stop(progress.give_up_against(why)),
        }
    }

    fn judge_answer(&self, answer: Answer, progress: &mut Progress) -> Next {
        if answer.header.status.is_ok() {
            return match answer.header.flags.has(Flags::MORE) {
                false => Next::Done(answer),
                true => Next::Stop(
                    Violation::Server("an answer in several frames, to a kind that has one").into(),
                ),
            };
        }
        let Some(status) = answer.header.status.known() else {
            return Next::Stop(progress.give_up_against(Violation::UnknownStatus(answer.header.status.0)));
        };
        let Ok(refusal) = protocol::parse_refusal(&answer.header, &answer.body) else {
            return Next::Stop(progress.give_up_against(Violation::Server("a refusal that cannot be read")));
        };
        let retry_after = Duration::from_millis(answer.header.time_ms.into());
        match (status, status.class()) {
            (Status::RequestIdExpired, _) => self.judge_expired(&refusal, progress),
            (Status::DeadlineExceeded, _) => Next::Stop(progress.give_up(Cause::Status(status), retry_after)),
            // Nothing was done, and another connection takes it.
            (Status::GoingAway, _) => Next::Again(Cause::Status(status), Duration::ZERO),
            (_, Class::Refused) => Next::Stop(refused(status, &refusal).into()),
            (_, Class::TryAgain) => Next::Again(Cause::Status(status), retry_after),
            (_, Class::OutcomeUnknown) => {
                progress.may_be_done = true;
                Next::Again(Cause::Status(status), retry_after)
            }
            (_, Class::Session) => Next::Stop(progress.give_up_against(Violation::Session(status))),
        }
    }

    /// Our clock was wrong: the refusal says by how much. A new id is only safe while the old one did nothing.
    fn judge_expired(&self, refusal: &Refusal, progress: &mut Progress) -> Next {
        let expired = Status::RequestIdExpired;
        if progress.may_be_done {
            // Too old to be remembered: whether it was done, no server can tell any more.
            return Next::Stop(progress.give_up(Cause::Status(expired), Duration::ZERO));
        }
        self.clock.set(MicrosUtc(refusal.there));
        if !progress.may_renew {
            return Next::Stop(refused(expired, refusal).into());
        }
        progress.may_renew = false;
        progress.request = self.clock.request_id();
        progress.sent = false;
        Next::AtOnce
    }
}

/// What one attempt came to.
enum Attempt {
    /// The server surely did not get it.
    Unsent(Broken),
    /// It was sent, and the connection ended.
    Lost(Broken),
    Answered(Answer),
}

/// What to do after an attempt.
enum Next {
    Done(Answer),
    Stop(Error),
    AtOnce,
    Again(Cause, Duration),
}

/// What is known of a request while it is asked again and again.
struct Progress {
    changes: bool,
    request: RequestId,
    /// The id is ours, and may be replaced once where the server calls it expired.
    may_renew: bool,
    /// This id was sent at least once.
    sent: bool,
    /// One of the attempts so far may have done it.
    may_be_done: bool,
    attempts: u32,
}

impl Progress {
    fn give_up(&self, cause: Cause, retry_after: Duration) -> Error {
        if self.changes && self.may_be_done {
            Error::OutcomeUnknown { request: self.request, cause }
        } else {
            Error::TryAgain { cause, retry_after }
        }
    }

    /// A broken rule says nothing of what was done before it.
    fn give_up_against(&self, why: Violation) -> Error {
        if self.changes && self.may_be_done {
            Error::OutcomeUnknown { request: self.request, cause: Cause::Violation(why) }
        } else {
            Error::Violation(why)
        }
    }

    /// A random share of a span that doubles with each attempt: those who failed together come back apart.
    fn backoff(&self) -> Duration {
        let doubled = BACKOFF_FIRST.saturating_mul(1 << self.attempts.saturating_sub(1).min(16));
        doubled.min(BACKOFF_MAX).mul_f64(fastrand::f64())
    }
}

impl Budget {
    /// Begins full.
    pub fn new(burst: u32) -> Budget {
        let burst = u64::from(burst) * REQUESTS_A_RETRY;
        Budget { burst, parts: AtomicU64::new(burst) }
    }

    fn earn(&self) {
        // Fails only where it is full.
        let _ = self.parts.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |parts| {
            (parts < self.burst).then_some(parts + 1)
        });
    }

    fn spend(&self) -> bool {
        let spent = self
            .parts
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |parts| parts.checked_sub(REQUESTS_A_RETRY));
        spent.is_ok()
    }
}

pub(crate) fn refused(status: Status, refusal: &Refusal) -> Refused {
    let line = (refusal.line != Refusal::NO_LINE).then_some(refusal.line);
    Refused { status, line, asked: refusal.asked, there: refusal.there }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_bounds_retries_and_is_earned_back() {
        let budget = Budget::new(2);
        assert!(budget.spend() && budget.spend());
        assert!(!budget.spend(), "the burst is used up");
        (0..REQUESTS_A_RETRY - 1).for_each(|_| budget.earn());
        assert!(!budget.spend());
        budget.earn();
        assert!(budget.spend() && !budget.spend());
        (0..1_000).for_each(|_| budget.earn());
        assert!(budget.spend() && budget.spend() && !budget.spend(), "never more than the burst");
    }

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let pause = |attempts| {
            let request = RequestId(0);
            Progress { changes: true, request, may_renew: true, sent: true, may_be_done: false, attempts }
                .backoff()
        };
        assert!((0..100).all(|_| pause(1) <= BACKOFF_FIRST));
        assert!((0..100).all(|_| pause(u32::MAX) <= BACKOFF_MAX));
    }
}
