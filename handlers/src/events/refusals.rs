//! StockReserveFailed: refusals for want of stock, for who listens now. They are no facts and never on disk, so they
//! are samples: so many a second, of requests that could be watched on their way. Without a listener nothing is done.

use core::num::NonZeroU32;

use domain::fact::{Actor, Request, Stamp};
use domain::intent::{AskedLine, Create, LINES_MAX, Prepare, StockReserve};
use domain::{Intent, MicrosUtc, Reason, RequestKey, TraceId, Verdict};
use protocol::EventType;
use protocol::structs::Event;
use storage::Outcome;

use super::sketch::blank;

/// Requests of one gateway that are watched at once. The answers of others are not told.
const WATCHED_MAX: usize = 1_024;

/// What they take: at worst each has the longest basket.
pub(crate) const WATCHED_BYTES: usize =
    WATCHED_MAX * (size_of::<Watched>() + LINES_MAX * size_of::<AskedLine>());

/// Where a watched request is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row(NonZeroU32);

impl Row {
    fn of(at: usize) -> Row {
        let behind = u32::try_from(at + 1).ok().and_then(NonZeroU32::new);
        Row(behind.expect("rows are few, and count from 0"))
    }

    fn at(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// What a gateway watches.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    wanted: bool,
    /// May be told in this second.
    left: u32,
    second: i64,
    rows: Vec<Watched>,
    free: Vec<Row>,
}

/// A request on its way.
#[derive(Debug)]
struct Watched {
    key: RequestKey,
    trace: TraceId,
    lines: Vec<AskedLine>,
}

impl Refusals {
    /// A turn begins. `wanted`: somebody listens; `a_second`: how many are told in one, at most.
    pub(crate) fn begin(&mut self, now: MicrosUtc, wanted: bool, a_second: u32) {
        self.wanted = wanted;
        let second = now.0.div_euclid(1_000_000);
        if wanted && second != self.second {
            (self.second, self.left) = (second, a_second);
        }
    }

    /// Watches a request that may be refused for want of stock, if somebody listens and there is room: its row.
    #[inline]
    pub(crate) fn watch(&mut self, intent: &Intent<'_>, trace: TraceId) -> Option<Row> {
        if !self.wanted || self.left == 0 {
            return None;
        }
        self.keep(intent, trace)
    }

    #[cold]
    fn keep(&mut self, intent: &Intent<'_>, trace: TraceId) -> Option<Row> {
        let (Intent::Create(Create { lines, .. })
        | Intent::Prepare(Prepare { lines, hold: Some(_), .. })
        | Intent::StockReserve(StockReserve { lines, .. })) = intent
        else {
            return None;
        };
        let (lines, key) = (lines.as_slice(), intent.request()?);
        if let Some(row) = self.free.pop() {
            let watched = &mut self.rows[row.at()];
            (watched.key, watched.trace) = (key, trace);
            watched.lines.clear();
            watched.lines.extend_from_slice(lines);
            return Some(row);
        }
        if self.rows.len() >= WATCHED_MAX {
            return None;
        }
        self.rows.push(Watched { key, trace, lines: lines.to_vec() });
        Some(Row::of(self.rows.len() - 1))
    }

    /// A watched request was not asked after all.
    pub(crate) fn leave(&mut self, row: Row) {
        self.free.push(row);
    }

    /// What became of a watched request: an event, if it is one and may be told.
    pub(crate) fn judge(&mut self, now: MicrosUtc, row: Row, outcome: &Outcome) -> Option<Event> {
        self.free.push(row);
        let Ok(Verdict::Refused(refusal)) = outcome else { return None };
        let sold_out = refusal.reason == Reason::SoldOut;
        if !sold_out && refusal.reason != Reason::InsufficientStock {
            return None;
        }
        let Watched { key, trace, lines } = &self.rows[row.at()];
        let AskedLine { sku, warehouse, quantity } = lines.get(refusal.line as usize).copied()?;
        self.left = self.left.checked_sub(1)?;
        let request = Some(Request { key: *key, body: 0 });
        let stamp = Stamp { at: now, actor: Actor::User(key.who), request, trace: *trace };
        Some(Event {
            event: EventType::StockReserveFailed.number(),
            user: key.who.0,
            sku: sku.0,
            warehouse: warehouse.0,
            units: quantity.get().into(),
            reason: if sold_out { 1 } else { 2 },
            ..blank(0, &stamp)
        })
    }
}
