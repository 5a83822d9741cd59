//! CREATE, step by step as `docs/CLUSTER.md` has it: attempt, RESERVE, commit, answer, FINISH.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::rc::Rc;

use domain::desk::{Key, RowFault, Shared, Task};
use domain::intent::Envelope;
use domain::verdict::OrderBrief;
use domain::{Intent, Makings, MicrosUtc, OrderId, Reason, Refusal, RequestKey, UserId, Verdict};
use storage::{NotDecided, Outcome};
use tokio::sync::oneshot;
use tokio::task::spawn_local;

use super::commit::{Committing, NotMade, run_commits};
use super::node::Node;
use super::orders::{READS_MAX, replay};
use super::plan::{Give, Known, lay};
use super::rows::count_keys;
use super::shelves::{self, Ending};
use super::worker::Asked;
use crate::mysql::{self, Committed, Ending as KeyEnding, Prepared, Standing, TxFault};
use crate::redis::{Ask, Own, Reserved, Window};
use crate::refused::put_refusal;
use crate::shelf::{Attempt, CatalogueVersion, Epoch, HoldId, Holder, ShardNo, ShelfKey};

/// What an order takes, and under which id it is made, where all that is wanted can be had.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub now: MicrosUtc,
    /// As they stood before: whoever decides again draws the same id.
    pub makings: Makings,
    pub order: OrderId,
    pub wanted: BTreeMap<Shared, u64>,
    /// Rows of its user that are counts.
    pub counted: Vec<Key>,
    /// Other rows of its user that it was decided by.
    pub known: Known,
    /// The number of the catalogue's last change that it was decided by.
    pub catalogue: u64,
}

/// Units that Redis gave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Got {
    pub shared: Shared,
    pub units: u32,
    pub epoch: Epoch,
    pub hold: HoldId,
    /// This ask took them; else another ask of the same request did.
    pub own: bool,
}

/// Why not all units were given. What was taken went back.
enum Short {
    /// A shelf has no more than these.
    Left(Shared, u64),
    /// By Redis's clock it is another time, and what was judged by does not hold then.
    NotNow(MicrosUtc),
    /// The catalogue has changed: judge again.
    Catalogue,
    /// This request holds units for another body.
    Reused,
    /// Ask again.
    Unavailable,
}

/// How often an ask is planned: a warehouse that is empty, a catalogue that changes.
const PLANS_MAX: usize = 4;
/// How often a shelf is asked: it may have another epoch, or another catalogue.
const ASKS_A_SHELF: usize = 4;
/// How often a doubt is looked into before the client hears that nobody knows.
const DOUBTS_MAX: usize = 3;

/// One ask.
struct Asking<'a> {
    node: &'a Rc<Node>,
    asked: &'a Asked,
    envelope: Envelope,
    user: UserId,
    key: RequestKey,
    body: u64,
}

/// Makes an order, or says why not.
pub(super) async fn create(node: &Rc<Node>, asked: &Asked) -> Outcome {
    let submitted = asked.submitted();
    let Intent::Create(create) = submitted.intent else { return Err(NotDecided::NotServed) };
    let asking = Asking {
        node,
        asked,
        envelope: submitted.envelope,
        user: create.user,
        key: RequestKey { who: create.user, id: create.request },
        body: submitted.intent.body_hash(),
    };
    asking.ask().await
}

impl Asking<'_> {
    async fn ask(&self) -> Outcome {
        let attempt = match self.attempt().await? {
            Ok(attempt) => attempt,
            Err(standing) => return self.replay(&standing).await,
        };
        let mut left = BTreeMap::new();
        let mut now = self.node.now();
        for _ in 0..PLANS_MAX {
            let plan = match self.plan_by_now(now, &left).await? {
                Ok(plan) => plan,
                Err(refusal) => return self.refuse(refusal).await,
            };
            match self.reserve(attempt, &plan).await {
                Ok(got) => return self.commit(attempt, plan, got).await,
                Err(Short::Left(shared, units)) => drop(left.insert(shared, units)),
                Err(Short::NotNow(at)) => now = at,
                Err(Short::Catalogue) => (),
                Err(Short::Reused) => return Ok(Verdict::Refused(Refusal::of(Reason::RequestIdReused))),
                Err(Short::Unavailable) => break,
            }
        }
        Err(self.node.unavailable())
    }

    /// Attempts: a retry looks first, and hears what stands there.
    async fn attempt(&self) -> Result<Result<Attempt, Standing>, NotDecided> {
        if !self.envelope.asked_before {
            return Ok(Ok(Attempt(1)));
        }
        Ok(match self.node.look(self.key).await? {
            None => Ok(Attempt(1)),
            Some(Standing::Dead(dead)) => match dead.0.checked_add(1) {
                Some(next) => Ok(Attempt(next)),
                None => return Err(self.node.unavailable()),
            },
            Some(stands) => Err(stands),
        })
    }

    async fn replay(&self, standing: &Standing) -> Outcome {
        replay(self.node, self.envelope, &self.asked.submitted().intent, self.key, standing).await
    }

    /// A plan; or a refusal by a catalogue that has all changes that were answered before this ask came. (A plan needs no
    /// such care: Redis compares versions.)
    async fn plan_by_now(
        &self,
        now: MicrosUtc,
        left: &BTreeMap<Shared, u64>,
    ) -> Result<Result<Plan, Refusal>, NotDecided> {
        let planned = self.plan(now, left).await?;
        match &planned {
            Err(refusal) if !is_about_units(refusal.reason) => (),
            Ok(_) | Err(_) => return Ok(planned),
        }
        let before = self.node.catalogue.change();
        // Where the home does not answer, the image has to do.
        if self.node.catch_up().await && self.node.catalogue.change() != before {
            return self.plan(now, left).await;
        }
        Ok(planned)
    }

    /// What the shop says where units are to be had: which ones, or why not.
    async fn plan(
        &self,
        now: MicrosUtc,
        left: &BTreeMap<Shared, u64>,
    ) -> Result<Result<Plan, Refusal>, NotDecided> {
        let node = self.node;
        let submitted = self.asked.submitted();
        let believed = |shared: &Shared| {
            let said = left.get(shared).copied();
            // A retry may have its units already: it asks, whatever others heard.
            let ask_anyway = self.envelope.asked_before;
            said.or_else(|| node.shelves.left(ShelfKey::from(*shared), node.left_for).filter(|_| !ask_anyway))
        };
        let mut known = Known::from([(Key::Request(self.key), None)]);
        // What a user has of a sale is judged in the transaction; until then it may be nothing.
        let as_none = |key: &Key| matches!(key, Key::Count(..));
        for _ in 0..READS_MAX {
            // Drawn, and used, before anybody else can draw.
            let Some(makings) = node.makings() else { return Err(node.unavailable()) };
            let decided = node.on_desk(now, |desk, entries| {
                let task = Task::Ask(&submitted.intent);
                let missing = lay(desk, &node.catalogue, &known, Give::Plenty(&believed), task, as_none)?;
                if !missing.is_empty() {
                    return Ok(Err(missing));
                }
                let mut drawn = makings.clone();
                let verdict = desk.decide(self.envelope, &submitted.intent, &mut drawn, entries);
                Ok::<_, RowFault>(Ok((verdict, desk.wanted(), desk.changes(), drawn)))
            });
            let (verdict, wanted, changes, drawn) = match decided.map_err(|fault| node.unsound(fault))? {
                Ok(decided) => decided,
                Err(missing) => {
                    node.read(node.shard_of(self.user), &missing, &mut known).await?;
                    continue;
                }
            };
            if let Verdict::Refused(refusal) = verdict {
                return Ok(Err(refusal));
            }
            let Verdict::Order(brief) = verdict else { return Err(node.unsound(RowFault::Nonsense)) };
            node.used(drawn);
            let counted = changes.rows.into_iter().map(|(key, _)| key);
            let counted = counted.filter(|key| !count_keys(key).is_empty()).collect();
            let (order, catalogue) = (brief.order, node.catalogue.change());
            return Ok(Ok(Plan { now, makings, order, wanted, counted, known, catalogue }));
        }
        Err(node.unavailable())
    }

    /// RESERVE, shelf by shelf in their order. Where one has too little, what was taken goes back.
    async fn reserve(&self, attempt: Attempt, plan: &Plan) -> Result<Vec<Got>, Short> {
        let mut got = Vec::with_capacity(plan.wanted.len());
        let mut wanted: Vec<_> = plan.wanted.iter().map(|(shared, units)| (*shared, *units)).collect();
        wanted.sort_unstable_by_key(|(shared, _)| ShelfKey::from(*shared));
        for (shared, units) in wanted {
            match self.reserve_one(attempt, plan, shared, units).await {
                Ok(one) => got.push(one),
                Err(short) => {
                    self.give_back(&got).await;
                    return Err(short);
                }
            }
        }
        Ok(got)
    }

    async fn reserve_one(
        &self,
        attempt: Attempt,
        plan: &Plan,
        shared: Shared,
        units: u64,
    ) -> Result<Got, Short> {
        let (node, shelf) = (self.node, ShelfKey::from(shared));
        let Some(count) = u32::try_from(units).ok().and_then(NonZeroU32::new) else {
            return Err(Short::Unavailable);
        };
        for _ in 0..ASKS_A_SHELF {
            let ask = Ask {
                holder: Holder { user: self.user, request: self.key.id },
                attempt,
                hold: HoldId(fastrand::u128(1..)),
                units: count,
                body: self.body,
            };
            // What is shown to Redis is never newer than what was judged by.
            if node.catalogue.change() != plan.catalogue {
                return Err(Short::Catalogue);
            }
            let judged_by = (node.catalogue.version_of(shelf), node.catalogue.window_of(shelf, plan.now));
            let (said, epoch) = match shelves::reserve(node, shelf, ask, judged_by).await {
                Ok(said) => said,
                Err(failed) => {
                    tracing::debug!(%failed, %shelf, "RESERVE has no answer");
                    return Err(Short::Unavailable);
                }
            };
            let got = |hold, own| Ok(Got { shared, units: count.get(), epoch, hold, own });
            match said {
                Reserved::Taken => return got(ask.hold, true),
                Reserved::Seen { hold } => return got(hold, false),
                // The shelf has said which; ask there, with a fresh hold id.
                Reserved::Stale { .. } => (),
                Reserved::StaleCatalogue { version } => self.agree(shelf, epoch, judged_by, version).await?,
                Reserved::SoldOut { left } => {
                    node.shelves.set_left(shelf, left);
                    return Err(Short::Left(shared, left));
                }
                Reserved::NotNow { now, .. } => return Err(Short::NotNow(now)),
                Reserved::Reused => return Err(Short::Reused),
                Reserved::LowerAttempt { .. } => return Err(Short::Unavailable),
                Reserved::Closed => {
                    node.open(shelf);
                    return Err(Short::Unavailable);
                }
            }
        }
        Err(Short::Unavailable)
    }

    /// Node and shelf know different catalogues: the older one learns.
    async fn agree(
        &self,
        shelf: ShelfKey,
        epoch: Epoch,
        (mine, _): (CatalogueVersion, Window),
        shelfs: CatalogueVersion,
    ) -> Result<(), Short> {
        if mine > shelfs {
            // Without an answer the next one tells it.
            let _ = self.node.links.redis.set_catalogue(shelf, epoch, mine).await;
            return Ok(());
        }
        Err(if self.node.catch_up().await { Short::Catalogue } else { Short::Unavailable })
    }

    async fn give_back(&self, got: &[Got]) {
        for one in got.iter().filter(|it| it.own) {
            shelves::give_back(self.node, ShelfKey::from(one.shared), self.ending(one)).await;
        }
    }

    const fn ending(&self, got: &Got) -> Ending {
        let holder = Holder { user: self.user, request: self.key.id };
        Ending { own: Own { holder, hold: got.hold }, epoch: got.epoch }
    }

    /// MySQL judges; only behind its commit the client is answered.
    async fn commit(&self, attempt: Attempt, plan: Plan, got: Vec<Got>) -> Outcome {
        let node = self.node;
        let no = node.shard_of(self.user);
        let (committed, made) = self.committed(no, attempt, plan, &got).await;
        match committed {
            Committed::Now => {
                node.counters.created();
                for one in &got {
                    shelves::finish(node, ShelfKey::from(one.shared), self.ending(one));
                }
                Ok(Verdict::Order(made.expect("what is committed was decided")))
            }
            Committed::Stands(standing) => self.replay(&standing).await,
            Committed::Refused(NotMade::Refused(refusal)) => {
                self.give_back(&got).await;
                self.refuse(refusal).await
            }
            Committed::Failed(TxFault::Unknown(fault)) => {
                node.failed(no, &fault);
                self.doubt(no, attempt).await
            }
            Committed::Fenced { shelf, .. } => {
                // Somebody is opening it, or died over that.
                node.open(shelf);
                self.not_done(&got).await
            }
            Committed::Refused(NotMade::Unsound(fault)) => {
                node.unsound(fault);
                self.not_done(&got).await
            }
            Committed::Failed(TxFault::NotDone(fault)) => {
                node.failed(no, &fault);
                self.not_done(&got).await
            }
            Committed::Refused(NotMade::Changed)
            | Committed::DeadInTheWay(_)
            | Committed::OrderIdTaken
            | Committed::NoSlice(_) => self.not_done(&got).await,
        }
    }

    /// Goes along with all others that this shard commits now.
    async fn committed(
        &self,
        no: ShardNo,
        attempt: Attempt,
        plan: Plan,
        got: &[Got],
    ) -> (Committed<NotMade>, Option<OrderBrief>) {
        let prepared = Prepared {
            ask: mysql::Ask { key: self.key, attempt, body_hash: self.body },
            order: plan.order,
            shelves: got.iter().map(|one| (ShelfKey::from(one.shared), one.epoch)).collect(),
            counts: plan.counted.iter().flat_map(count_keys).collect(),
        };
        let (reply, said) = oneshot::channel();
        let job = Committing { asked: self.asked.clone(), plan, got: got.to_vec(), prepared, reply };
        if self.node.committing.push(no, job) {
            spawn_local(run_commits(Rc::clone(self.node), no));
        }
        said.await.expect("a round answers all its orders")
    }

    /// Surely nothing was done under this attempt.
    async fn not_done(&self, got: &[Got]) -> Outcome {
        self.give_back(got).await;
        Err(self.node.unavailable())
    }

    /// Nobody knows whether attempt a was committed: its row is made dead, or the order is there. Its units wait for the
    /// reconciler, or for the next attempt, which sees them.
    async fn doubt(&self, no: ShardNo, attempt: Attempt) -> Outcome {
        let node = self.node;
        node.counters.in_doubt();
        for _ in 0..DOUBTS_MAX {
            match self.end(no, KeyEnding::Dead(attempt)).await {
                Ok(Standing::Dead(_)) => return Err(node.unavailable()),
                Ok(standing) => return self.replay(&standing).await,
                Err(fault) => drop(node.failed(no, fault.fault())),
            }
        }
        Err(NotDecided::OutcomeUnknown)
    }

    /// A first ask may be refused at once. Of one that was asked before an attempt may still be on its way: its row says so
    /// first, for good.
    async fn refuse(&self, refusal: Refusal) -> Outcome {
        if !self.envelope.asked_before {
            return Ok(Verdict::Refused(refusal));
        }
        let no = self.node.shard_of(self.user);
        let ending = KeyEnding::Refused { body_hash: self.body, refusal: put_refusal(&refusal) };
        match self.end(no, ending).await {
            Ok(standing) => self.replay(&standing).await,
            Err(fault) => Err(self.node.failed(no, fault.fault())),
        }
    }

    async fn end(&self, no: ShardNo, ending: KeyEnding) -> Result<Standing, TxFault> {
        let mut lease = self.node.links.database(no).lease().await?;
        let mut stands = mysql::end(&mut lease, &[(self.key, ending)]).await?;
        Ok(stands.remove(0))
    }
}

/// Whether a refusal says that there is too little, and not what the catalogue says.
fn is_about_units(reason: Reason) -> bool {
    matches!(reason, Reason::SoldOut | Reason::InsufficientStock | Reason::SaleCap | Reason::CouponExhausted)
}
