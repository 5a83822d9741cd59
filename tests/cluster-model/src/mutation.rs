//! The protocol with one rule broken. The search must find what goes wrong with each (`tests/mutations.rs`): a rule
//! whose breaking nobody notices is not needed, or the bounds are too small to need it.

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
    /// A retry does not look at its key row.
    RetryDoesNotLook,
    /// A retry is refused with SOLD_OUT without a dead row.
    SoldOutWithoutDeadRow,
    /// An ask is begun after its client gave it up: the deadline is compared before the look at the key row.
    LateAskBegun,
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
        Self::RetryDoesNotLook,
        Self::SoldOutWithoutDeadRow,
        Self::LateAskBegun,
        Self::LateAnswerHeard,
    ];
}

/// The rules in force: all, or all but one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules(Option<Mutation>);

impl Rules {
    /// The protocol as it is.
    pub const KEPT: Self = Self(None);

    /// The protocol without one rule.
    pub fn without(mutation: Mutation) -> Self {
        Self(Some(mutation))
    }

    /// Whether this is the rule that is broken.
    pub fn broken(self, mutation: Mutation) -> bool {
        self.0 == Some(mutation)
    }
}
