//! The protocol with one rule broken. The search must find what goes wrong with each (`tests/mutations.rs`): a rule
//! whose breaking nobody notices is not needed, or the bounds are too small to need it.

use crate::properties::Property;

/// A broken rule, named by what the code does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// The transaction of an order does not compare the epochs of its units with the fences.
    NoFenceOnCreate,
    /// Cancelling reads the fences without locking them.
    NoFenceOnCancel,
    /// RETURN adds whatever comes.
    ReturnWithoutNumbers,
    /// A batch that may have been sent takes further units.
    BatchGrowsAfterSending,
    /// The opener sums before it raises the fences.
    SumBeforeFence,
    /// The opener raises all fences and sums later, in transactions of their own.
    SumAfterFence,
    /// INIT is sent when the home shard is fenced; the other one is summed as it is and fenced afterwards.
    InitBeforeAllFenced,
    /// An INIT without an answer is sent again.
    InitTwice,
    /// Raising sets the fence whatever it is.
    FenceMayFall,
    /// RETURN does not compare the incarnation.
    ReturnToAnyIncarnation,
    /// INIT opens over any epoch.
    InitOverAnyEpoch,
    /// RESERVE does not compare the incarnation.
    NoIncarnationCheck,
    /// RESERVE answers «seen» before it compares the incarnation.
    SeenBeforeIncarnation,
    /// RESERVE answers «seen» to an attempt below the record's.
    LowerAttemptServed,
    /// «Seen» leaves the record's attempt as it is.
    AttemptNotRaised,
    /// An ask gives back what it took although another ask has seen it.
    SharedMarkIgnored,
    /// A client library sends a RESERVE once more, with the same hold id.
    ReserveRepeated,
    /// A held record is dropped before the reconciler has seen it.
    RecordDroppedEarly,
    /// A dead row ends a record whatever the record's attempt.
    AttemptNotCompared,
    /// The reconciler gives back what no order has, and makes the row dead afterwards.
    GiveBackBeforeDead,
    /// An order's lines carry no hold ids: every record of its request id counts as bought.
    HoldIdsLeftOut,
    /// FINISH removes whatever record the request id has.
    FinishByRequest,
    /// An attempt commits over any dead row.
    RevivalWithoutCompare,
    /// A dead row is deleted while its request id may still be asked.
    DeadRowDeleted,
    /// The key (user, request id) is not unique.
    KeyNotUnique,
    /// The client is answered when Redis has given every unit, before MySQL's commit.
    AnswerBeforeCommit,
    /// A retry does not look at its key row.
    RetryDoesNotLook,
    /// A retry is refused with SOLD_OUT, and its key row does not say so.
    RefusalWithoutRow,
    /// A refusal only makes the row dead for its attempt: a later attempt may commit over it.
    RefusalNotKept,
    /// A client asks again without the retry flag.
    FlagForgotten,
    /// A client believes the answer to an ask that it has given up.
    LateAnswerHeard,
}

impl Mutation {
    /// Every one.
    pub const ALL: &[Self] = &[
        Self::NoFenceOnCreate,
        Self::NoFenceOnCancel,
        Self::ReturnWithoutNumbers,
        Self::BatchGrowsAfterSending,
        Self::SumBeforeFence,
        Self::SumAfterFence,
        Self::InitBeforeAllFenced,
        Self::InitTwice,
        Self::FenceMayFall,
        Self::ReturnToAnyIncarnation,
        Self::InitOverAnyEpoch,
        Self::NoIncarnationCheck,
        Self::SeenBeforeIncarnation,
        Self::LowerAttemptServed,
        Self::AttemptNotRaised,
        Self::SharedMarkIgnored,
        Self::ReserveRepeated,
        Self::RecordDroppedEarly,
        Self::AttemptNotCompared,
        Self::GiveBackBeforeDead,
        Self::HoldIdsLeftOut,
        Self::FinishByRequest,
        Self::RevivalWithoutCompare,
        Self::DeadRowDeleted,
        Self::KeyNotUnique,
        Self::AnswerBeforeCommit,
        Self::RetryDoesNotLook,
        Self::RefusalWithoutRow,
        Self::RefusalNotKept,
        Self::FlagForgotten,
        Self::LateAnswerHeard,
    ];
}

/// A mutation, and where it is found out.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// What is broken.
    pub mutation: Mutation,
    /// The scenario in which that shows.
    pub scenario: &'static str,
    /// What it breaks there; several mutations break more than this.
    pub breaks: Property,
}

/// Mutations that break a property.
pub const NEEDED: &[Found] = &[
    found(Mutation::NoFenceOnCreate, "fail-over", Property::NeverOversold),
    found(Mutation::NoFenceOnCancel, "cancel and flush", Property::NoUnitIsLost),
    found(Mutation::ReturnWithoutNumbers, "cancel", Property::NeverOversold),
    found(Mutation::BatchGrowsAfterSending, "cancel", Property::NoUnitIsLost),
    found(Mutation::SumBeforeFence, "flush", Property::NeverOversold),
    found(Mutation::SumAfterFence, "cancel and flush", Property::NeverOversold),
    found(Mutation::InitBeforeAllFenced, "flush", Property::NeverOversold),
    found(Mutation::InitTwice, "flush", Property::NeverOversold),
    found(Mutation::FenceMayFall, "flush", Property::NeverOversold),
    found(Mutation::ReturnToAnyIncarnation, "split brain", Property::NoUnitIsLost),
    found(Mutation::NoIncarnationCheck, "fail-over", Property::NeverOversold),
    found(Mutation::SeenBeforeIncarnation, "fail-over", Property::NeverOversold),
    found(Mutation::AttemptNotRaised, "retries", Property::NeverOversold),
    found(Mutation::SharedMarkIgnored, "baskets", Property::RedisUnderPromises),
    found(Mutation::ReserveRepeated, "rush", Property::NoUnitIsLost),
    found(Mutation::RecordDroppedEarly, "rush", Property::NoUnitIsLost),
    found(Mutation::AttemptNotCompared, "retries", Property::NeverOversold),
    found(Mutation::GiveBackBeforeDead, "retries", Property::NeverOversold),
    found(Mutation::HoldIdsLeftOut, "rush", Property::NoUnitIsLost),
    found(Mutation::FinishByRequest, "rush", Property::NoUnitIsLost),
    found(Mutation::RevivalWithoutCompare, "retries", Property::NeverOversold),
    found(Mutation::DeadRowDeleted, "retries", Property::NeverOversold),
    found(Mutation::KeyNotUnique, "rush", Property::OneOrderARequest),
    found(Mutation::RetryDoesNotLook, "retries", Property::NobodyIsWedged),
    found(Mutation::AnswerBeforeCommit, "retries", Property::AcceptedIsNeverLost),
    found(Mutation::RefusalWithoutRow, "retries", Property::SoldOutIsFinal),
    found(Mutation::RefusalNotKept, "retries", Property::SoldOutIsFinal),
    found(Mutation::FlagForgotten, "retries", Property::SoldOutIsFinal),
    found(Mutation::LateAnswerHeard, "retries", Property::SoldOutIsFinal),
];

/// Rules that spare work and guard nothing: the search ends without a violation when they are broken, in the scenario
/// that could show one.
pub const ECONOMIES: &[(Mutation, &str)] =
    &[(Mutation::InitOverAnyEpoch, "openers die"), (Mutation::LowerAttemptServed, "retries")];

const fn found(mutation: Mutation, scenario: &'static str, breaks: Property) -> Found {
    Found { mutation, scenario, breaks }
}

/// The rules in force: all, or all but one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    broken: Option<Mutation>,
}

impl Rules {
    /// The protocol as it is.
    pub const KEPT: Self = Self { broken: None };

    /// The protocol without one rule.
    pub fn without(mutation: Mutation) -> Self {
        Self { broken: Some(mutation) }
    }

    /// Whether this is the rule that is broken.
    pub fn broken(self, mutation: Mutation) -> bool {
        self.broken == Some(mutation)
    }
}
