//! What an order's own rows are when it rests.

use alloc::vec;
use alloc::vec::Vec;

use super::{ActorKind, LaterRow, LiveOrder, NONE, Orders, PlainLine, Rare, RestMarks};
use super::{client_cells, halves};
use crate::fact::Line;
use crate::ids::{OrderId, RequestId, UserId};
use crate::image::{Flat, flat};
use crate::ledger::bounds::LedgerBounds;
use crate::ledger::rest::{put_counted, take_counted};
use crate::order::State;
use crate::units::{Currency, MicrosUtc, MinorUnits};
use crate::verdict::{HistoryRow, OrderBrief};

/// What each order has; it stands first in a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordHead {
    order: OrderId,
    user: UserId,
    state: State,
    version: u32,
    total: MinorUnits,
    currency: Currency,
    created_at: MicrosUtc,
    pay_until: MicrosUtc,
    request: [u64; 2],
    body: u64,
    hold: u64,
}

/// A transition, without its link.
#[derive(Clone, Copy, Debug)]
struct Transition {
    at: MicrosUtc,
    who: u32,
    version: u32,
    why: u16,
    states: u8,
    actor: ActorKind,
}

flat! {
    RecordHead {
        order: OrderId,
        user: UserId,
        state: State,
        version: u32,
        total: MinorUnits,
        currency: Currency,
        created_at: MicrosUtc,
        pay_until: MicrosUtc,
        request: [u64; 2],
        body: u64,
        hold: u64,
    }
    Transition { at: MicrosUtc, who: u32, version: u32, why: u16, states: u8, actor: ActorKind }
}

/// An order's own rows, read from a record.
#[derive(Clone, Debug)]
pub(crate) struct OrderRecord {
    head: RecordHead,
    pub(crate) lines: Vec<Line>,
    client_bytes: Vec<u8>,
    /// Newest first.
    history: Vec<Transition>,
}

impl OrderRecord {
    pub(crate) fn take(from: &mut &[u8]) -> Option<OrderRecord> {
        let head = RecordHead::take(from)?;
        let lines = if bool::take(from)? {
            take_counted::<PlainLine>(from)?.into_iter().map(PlainLine::whole).collect()
        } else {
            take_counted(from)?
        };
        let (client_bytes, history): (_, Vec<Transition>) = (take_counted(from)?, take_counted(from)?);
        let is_state = |number| State::from_number(number).is_some();
        let are_states = |it: &Transition| is_state(it.states >> 4) && is_state(it.states & 0xF);
        if !history.iter().all(are_states) {
            return None;
        }
        Some(OrderRecord { head, lines, client_bytes, history })
    }

    pub(crate) fn brief(&self) -> OrderBrief {
        let RecordHead { order, user, state, version, total, currency, created_at, pay_until, .. } =
            self.head;
        OrderBrief { order, user, state, version, total, currency, created_at, pay_until }
    }
}

/// For who makes no rows of it.
impl OrderRecord {
    /// The request that made it.
    pub(crate) fn request(&self) -> RequestId {
        let [high, low] = self.head.request;
        RequestId(u128::from(high) << 64 | u128::from(low))
    }

    pub(crate) fn client_bytes(&self) -> usize {
        self.client_bytes.len()
    }

    /// Every transition, oldest first. Nothing where one names no state.
    pub(crate) fn history(&self) -> Option<Vec<HistoryRow>> {
        let RecordHead { user, created_at, .. } = self.head;
        let mut rows = vec![HistoryRow::made(created_at, user)];
        for it in self.history.iter().rev() {
            let Transition { at, who, version, why, states, actor } = *it;
            let (from, to) = (State::from_number(states >> 4)?, State::from_number(states & 0xF)?);
            rows.push(HistoryRow { from: Some(from), to, at, actor: actor.whole(who, user), why, version });
        }
        Some(rows)
    }
}

impl Orders {
    /// Appends the order's own rows.
    pub(crate) fn put_record(&self, slot: u32, out: &mut Vec<u8>) {
        let order = self.at(slot);
        let LiveOrder { id, user, request, body, created_at, pay_until, total, .. } = *order;
        let LiveOrder { version, currency, state, .. } = *order;
        let hold = self.hold(slot);
        let (order, later) = (id, order.history);
        RecordHead {
            order,
            user,
            state,
            version,
            total,
            currency,
            created_at,
            pay_until,
            request,
            body,
            hold,
        }
        .put(out);
        let plain = self.lines(slot).all(|line| PlainLine::of(&line).is_some());
        plain.put(out);
        if plain {
            put_counted(self.lines(slot).filter_map(|line| PlainLine::of(&line)), out);
        } else {
            put_counted(self.lines(slot), out);
        }
        put_counted(self.client_bytes(slot).into_iter(), out);
        let transitions = self.history.from(later).map(|(_, row)| {
            let LaterRow { at, who, version, why, states, actor, .. } = *row;
            Transition { at, who, version, why, states, actor }
        });
        put_counted(transitions, out);
    }

    /// Whether the order finds room here, besides the history rows that are kept.
    pub(crate) fn has_room_for_record(
        &self,
        bounds: &LedgerBounds,
        record: &OrderRecord,
        rows_kept: usize,
    ) -> bool {
        let plain = record.lines.iter().all(|line| PlainLine::of(line).is_some());
        self.rows_used < bounds.orders_max
            && self.has_room_for_lines(bounds, Self::pooled_lines(record.lines.len(), plain))
            && self.has_room_for_client_bytes(bounds, client_cells(record.client_bytes.len()))
            && self.has_room_for_rows(bounds, record.history.len() + rows_kept)
    }

    /// Adds an order that was at rest. There is room for it, and it is not here.
    pub(crate) fn add_record(&mut self, record: &OrderRecord) -> u32 {
        let RecordHead { order, user, state, version, total, currency, created_at, pay_until, .. } =
            record.head;
        let RecordHead { request, body, hold, .. } = record.head;
        let lines = self.keep_lines(&record.lines);
        let client_bytes = self.keep_client_bytes(&record.client_bytes);
        let rare = if client_bytes == NONE && hold == 0 {
            NONE
        } else {
            self.rare.add(Rare { client_bytes, hold: halves(hold), ..Rare::NONE })
        };
        let later = record.history.iter().map(|it| {
            let Transition { at, who, version, why, states, actor } = *it;
            LaterRow { at, who, older: NONE, version, why, states, actor }
        });
        let history = self.history.add_all(later);
        self.put_back(LiveOrder {
            id: order,
            user,
            request,
            body,
            created_at,
            pay_until,
            total,
            lines,
            older: NONE,
            newer: NONE,
            timer_next: NONE,
            timer_prev: NONE,
            history,
            rare,
            version,
            currency,
            state,
            rest: RestMarks::WOKEN,
        })
    }
}
