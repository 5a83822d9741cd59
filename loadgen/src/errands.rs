//! Requests that stand for themselves, which a mixed shop has beside its orders: reads, and stock without an order.

use protocol::messages::{
    Get, GetAnswer, List, ListAnswer, StockAdjust, StockAdjustAnswer, StockCommit, StockCommitAnswer,
    StockGet, StockGetAnswer, StockRelease, StockReleaseAnswer, StockReserve, StockReserveAnswer,
};
use protocol::structs::{
    AskedLine, EndHoldHead, GetHead, ListHead, StockAdjustHead, StockGetHead, StockReserveHead,
};
use protocol::{Header, Kind, Meta, parse};

use crate::market::{RECEIVED, WAREHOUSE};
use crate::talk::append;

/// Orders of a page that a buyer looks at.
const PAGE_ORDERS: u16 = 10;
/// HOLD_BRIEF's states of a hold that was sold, and of one that was freed.
const SOLD: u8 = 3;
const FREED: u8 = 4;

/// A request without a life behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// A buyer looks at an order that is there.
    Get { user: u64, order: u64 },
    /// A buyer looks at the newest orders.
    List { user: u64 },
    /// How many there are of a sku.
    StockGet { sku: u64 },
    /// One more unit came in.
    StockAdjust { sku: u64 },
    /// One unit is held without an order; afterwards it is sold, or freed.
    Reserve { user: u64, sku: u64, sells: bool },
    /// The hold is freed.
    Release { user: u64, hold: u64 },
    /// The hold is sold.
    Commit { user: u64, hold: u64 },
}

/// What an answer to an errand says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// It is about what was asked.
    pub(crate) is_right: bool,
    /// What is to be asked because of it.
    pub(crate) then: Option<Errand>,
}

impl Errand {
    pub(crate) const KINDS: [Kind; 7] = [
        Kind::Get,
        Kind::List,
        Kind::StockGet,
        Kind::StockAdjust,
        Kind::StockReserve,
        Kind::StockRelease,
        Kind::StockCommit,
    ];

    pub(crate) const fn kind(self) -> Kind {
        match self {
            Errand::Get { .. } => Kind::Get,
            Errand::List { .. } => Kind::List,
            Errand::StockGet { .. } => Kind::StockGet,
            Errand::StockAdjust { .. } => Kind::StockAdjust,
            Errand::Reserve { .. } => Kind::StockReserve,
            Errand::Release { .. } => Kind::StockRelease,
            Errand::Commit { .. } => Kind::StockCommit,
        }
    }

    /// A shop in order may say no to it: the shelf may be empty.
    pub(crate) const fn may_be_refused(self) -> bool {
        matches!(self, Errand::Reserve { .. })
    }

    /// Appends its frame. Reads have no request id; a hold lasts `hold_seconds`.
    pub(crate) fn append(self, out: &mut Vec<u8>, meta: &Meta, request: u128, hold_seconds: u32) {
        match self {
            Errand::Get { user, order } => {
                append::<Get>(out, meta, &GetHead { request: 0, user, order }, []);
            }
            Errand::List { user } => {
                let head = ListHead { user, before: 0, limit: PAGE_ORDERS, state: 0 };
                append::<List>(out, meta, &head, []);
            }
            Errand::StockGet { sku } => {
                append::<StockGet>(out, meta, &StockGetHead { sku, warehouse: 0 }, []);
            }
            Errand::StockAdjust { sku } => {
                let head = StockAdjustHead {
                    request,
                    sku,
                    on_hand_delta: 1,
                    safety_delta: 0,
                    unavailable_delta: 0,
                    warehouse: WAREHOUSE,
                    reason: RECEIVED,
                };
                append::<StockAdjust>(out, meta, &head, []);
            }
            Errand::Reserve { user, sku, sells: _ } => {
                let head = StockReserveHead { request, user, hold_seconds };
                append::<StockReserve>(out, meta, &head, [AskedLine { sku, warehouse: 0, quantity: 1 }]);
            }
            Errand::Release { user, hold } => {
                append::<StockRelease>(out, meta, &EndHoldHead { request, user, hold }, []);
            }
            Errand::Commit { user, hold } => {
                append::<StockCommit>(out, meta, &EndHoldHead { request, user, hold }, []);
            }
        }
    }

    /// Reads its answer; nothing where it is none.
    pub(crate) fn read(self, header: &Header, body: &[u8]) -> Option<Told> {
        let mut then = None;
        let is_right = match self {
            Errand::Get { user, order } => {
                let brief = parse::<GetAnswer>(header, body).ok()?.head.brief;
                (brief.user, brief.order) == (user, order)
            }
            Errand::List { user } => {
                let page = parse::<ListAnswer>(header, body).ok()?;
                !page.items.is_empty() && page.items.iter().all(|brief| brief.user == user)
            }
            Errand::StockGet { sku } => parse::<StockGetAnswer>(header, body).ok()?.head.sku == sku,
            Errand::StockAdjust { sku } => parse::<StockAdjustAnswer>(header, body).ok()?.head.sku == sku,
            Errand::Reserve { user, sku: _, sells } => {
                let brief = parse::<StockReserveAnswer>(header, body).ok()?.head;
                let hold = brief.hold;
                then =
                    Some(if sells { Errand::Commit { user, hold } } else { Errand::Release { user, hold } });
                brief.user == user && hold != 0
            }
            Errand::Release { user: _, hold } => {
                let brief = parse::<StockReleaseAnswer>(header, body).ok()?.head;
                (brief.hold, brief.state) == (hold, FREED)
            }
            Errand::Commit { user: _, hold } => {
                let brief = parse::<StockCommitAnswer>(header, body).ok()?.head;
                (brief.hold, brief.state) == (hold, SOLD)
            }
        };
        Some(Told { is_right, then })
    }
}
