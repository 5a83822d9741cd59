//! The orders in memory, their lines, client bytes and history; found by id, by user and in the order of their
//! making.

mod image;
mod made;
mod record;
mod resting;

use alloc::vec::Vec;

use crate::fact::{Actor, Line, OrderCreated, Request};
use crate::ids::{GatewayId, Making, OrderId, RequestId, SaleId, SellerId, SkuId, UserId, WarehouseId};
use crate::ledger::bounds::LedgerBounds;
use crate::ledger::completions::COMPLETION_BYTES;
use crate::order::State;
pub(crate) use crate::pool::NONE;
use crate::pool::{Linked, Pool, linked};
use crate::slot_table::{HashKey, SlotTable, Tag};
use crate::table::Table;
use crate::units::{Currency, MicrosUtc, MinorUnits, Quantity};
use crate::verdict::{HistoryRow, OrderBrief};
use made::ByMaking;
pub(crate) use record::OrderRecord;
pub(crate) use resting::{Found, RestMarks};

/// An order as it lies in memory: two cache lines. Rarely used parts are elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct LiveOrder {
    pub(crate) id: OrderId,
    pub(crate) user: UserId,
    request: [u64; 2],
    pub(crate) body: u64,
    pub(crate) created_at: MicrosUtc,
    pub(crate) pay_until: MicrosUtc,
    pub(crate) total: MinorUnits,
    lines: LinesPlace,
    /// The user's orders in memory that were made before and after this one.
    pub(crate) older: u32,
    newer: u32,
    /// Neighbours in the payment timer's list; the first one links free rows, too.
    pub(crate) timer_next: u32,
    pub(crate) timer_prev: u32,
    /// Its latest history row; the first one follows from the order itself.
    history: u32,
    /// What few orders have; [`NONE`]: this one has nothing of it.
    rare: u32,
    pub(crate) version: u32,
    pub(crate) currency: Currency,
    pub(crate) state: State,
    pub(crate) rest: RestMarks,
}

const LIVE_ORDER_BYTES_MAX: usize = 128;
const _: () = assert!(size_of::<LiveOrder>() <= LIVE_ORDER_BYTES_MAX);

/// Where an order's lines are.
#[derive(Clone, Copy, Debug)]
enum LinesPlace {
    /// Here: one line with nothing unusual about it.
    Here(PlainLine),
    /// In the pool of plain lines, where none has anything unusual about it, or in that of whole ones. (One variant,
    /// for it hides in the quantity of `Here`, which is never 0; a second one would make every order larger.)
    Pooled { first: u32, plain: bool },
}

/// A line of an order that has more than one. Not aligned to words, or each would be larger.
#[derive(Clone, Copy, Debug)]
#[repr(C, packed(4))]
struct PlainCell {
    line: PlainLine,
    next: u32,
}

const _: () = assert!(size_of::<PlainCell>() == 36);

/// A line with something unusual about it.
#[derive(Clone, Copy, Debug)]
struct WholeCell {
    line: Line,
    next: u32,
}

/// A piece of a client's own bytes.
#[derive(Clone, Copy, Debug)]
struct ClientCell {
    bytes: [u8; CLIENT_CELL_BYTES],
    /// How many of them count.
    filled: u8,
    next: u32,
}

const CLIENT_CELL_BYTES: usize = LedgerBounds::CLIENT_PIECE_BYTES;
const _: () = assert!(size_of::<ClientCell>() == 32);

/// A line without discount and freight, in parcel 0: nearly every one. It takes little more than half of a whole one.
#[derive(Clone, Copy, Debug)]
struct PlainLine {
    sku: SkuId,
    unit_price: MinorUnits,
    seller: SellerId,
    warehouse: WarehouseId,
    sale: SaleId,
    quantity: Quantity,
}

/// What few orders have, linked from those that have it. A free row links to the next free one by `client_bytes`.
#[derive(Clone, Copy, Debug)]
struct Rare {
    client_bytes: u32,
    /// The newest attempt to pay.
    payments: u32,
    /// The newest shipment.
    shipments: u32,
    /// Where its coupons are.
    coupons: u32,
    /// The newest after-sales case.
    cases: u32,
    /// The hold that the order took over, in two halves; 0: none.
    hold: [u32; 2],
}

impl Rare {
    const NONE: Rare = Rare {
        client_bytes: NONE,
        payments: NONE,
        shipments: NONE,
        coupons: NONE,
        cases: NONE,
        hold: [0; 2],
    };
}

/// A transition behind the first one.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct LaterRow {
    at: MicrosUtc,
    /// The operator's key or the gateway; a user is the order's own.
    who: u32,
    older: u32,
    version: u32,
    why: u16,
    /// The states that it led from and to: four bits each.
    states: u8,
    actor: ActorKind,
}

const _: () = assert!(size_of::<LaterRow>() == 24);
/// A state's number fits half of a byte.
const _: () = assert!(State::ALL.len() < 16);

linked! { WholeCell { next } ClientCell { next } Rare { client_bytes } LaterRow { older } }

impl Linked for PlainCell {
    #[inline]
    fn next(&self) -> u32 {
        self.next
    }

    #[inline]
    fn set_next(&mut self, next: u32) {
        self.next = next;
    }
}

#[derive(Clone, Copy, Debug)]
enum ActorKind {
    User,
    Operator,
    Timer,
    Gateway,
}

/// How an order came to its state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LatestStep {
    pub(crate) at: MicrosUtc,
    pub(crate) from: State,
    pub(crate) by_timer: bool,
}

/// All orders in memory.
#[derive(Debug)]
pub(crate) struct Orders {
    key: HashKey,
    rows: Table<LiveOrder>,
    free_rows: u32,
    rows_used: usize,
    by_id: SlotTable,
    /// To the newest order of each user.
    by_user: SlotTable,
    by_making: ByMaking,
    plain_lines: Pool<PlainCell>,
    whole_lines: Pool<WholeCell>,
    client_bytes: Pool<ClientCell>,
    /// At most one an order.
    rare: Pool<Rare>,
    history: Pool<LaterRow>,
    /// Where the hand stands that looks for orders which may rest.
    hand: usize,
}

/// What a new order needs room for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OrderNeeds {
    pub(crate) lines: usize,
    pub(crate) client_cells: usize,
    /// Those of its creation, and those kept for its end and that of all others.
    pub(crate) history_rows: usize,
}

impl Orders {
    pub(crate) const fn bytes(bounds: &LedgerBounds) -> u64 {
        2 * SlotTable::bytes(bounds.orders_max)
            + (bounds.orders_max * (size_of::<LiveOrder>() + size_of::<Rare>())) as u64
            + ByMaking::bytes(bounds.orders_max)
            + (bounds.orders_max * COMPLETION_BYTES) as u64
            + (bounds.lines_max * size_of::<WholeCell>()) as u64
            + (bounds.history_rows_max * size_of::<LaterRow>()) as u64
            + (bounds.client_bytes_max / CLIENT_CELL_BYTES * size_of::<ClientCell>()) as u64
    }

    pub(crate) fn new(bounds: &LedgerBounds, key: HashKey) -> Orders {
        Orders {
            key,
            rows: Table::with_rows_max(bounds.orders_max),
            free_rows: NONE,
            rows_used: 0,
            by_id: SlotTable::with_rows_max(bounds.orders_max),
            by_user: SlotTable::with_rows_max(bounds.orders_max),
            by_making: ByMaking::with_orders_max(bounds.orders_max),
            // Both together are bounded; what is never touched takes no memory.
            plain_lines: Pool::with_rows_max(bounds.lines_max),
            whole_lines: Pool::with_rows_max(bounds.lines_max),
            client_bytes: Pool::with_rows_max(bounds.client_bytes_max / CLIENT_CELL_BYTES),
            rare: Pool::with_rows_max(bounds.orders_max),
            history: Pool::with_rows_max(bounds.history_rows_max),
            hand: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows_used
    }

    #[inline]
    pub(crate) fn at(&self, slot: u32) -> &LiveOrder {
        &self.rows[slot as usize]
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, slot: u32) -> &mut LiveOrder {
        &mut self.rows[slot as usize]
    }

    #[inline]
    pub(crate) fn find(&self, id: OrderId) -> Option<u32> {
        self.by_id.find(self.id_tag(id), |slot| self.at(slot).id == id)
    }

    /// The order that was made then, whatever its slot.
    #[inline]
    pub(crate) fn find_made(&self, made: Making) -> Option<u32> {
        self.by_id.find(self.id_tag(made.any_order()), |slot| self.at(slot).id.making() == made)
    }

    /// The order in memory that was made last.
    #[inline]
    pub(crate) fn newest(&self) -> Option<u32> {
        self.by_making.newest()
    }

    /// The orders that were made before then, newest first.
    pub(crate) fn made_before(&self, made: Making) -> impl Iterator<Item = u32> {
        self.by_making.before(made, |slot| self.at(slot).id.making())
    }

    /// A user's orders that were made before then, newest first.
    pub(crate) fn of_user(&self, user: UserId, made: Making) -> impl Iterator<Item = u32> {
        let slot = |slot: u32| (slot != NONE).then_some(slot);
        // A page begins at an order of the page before it, which is here unless it went to rest meanwhile.
        let begin = self.find_made(made).filter(|&it| self.at(it).user == user);
        let all = core::iter::successors(begin.or_else(|| self.newest_of(user)), move |&it| {
            slot(self.at(it).older)
        });
        all.skip_while(move |&it| self.at(it).id.making() >= made)
    }

    /// The newest order of a user.
    #[inline]
    pub(crate) fn newest_of(&self, user: UserId) -> Option<u32> {
        self.by_user.find(self.user_tag(user), |slot| self.at(slot).user == user)
    }

    /// Loads what making orders of the users of these tags will look at.
    #[inline]
    pub(crate) fn touch(&self, tags: &[Tag]) {
        self.by_user.touch(tags);
    }

    /// Whether one more order fits.
    #[inline]
    pub(crate) fn has_room(&self, bounds: &LedgerBounds, needs: &OrderNeeds) -> bool {
        self.rows_used < bounds.orders_max
            && self.has_room_for_lines(bounds, needs.lines)
            && self.has_room_for_client_bytes(bounds, needs.client_cells)
            && self.has_room_for_rows(bounds, needs.history_rows)
    }

    #[inline]
    pub(crate) fn has_room_for_lines(&self, bounds: &LedgerBounds, pooled_lines: usize) -> bool {
        self.plain_lines.used() + self.whole_lines.used() + pooled_lines <= bounds.lines_max
    }

    #[inline]
    pub(crate) fn has_room_for_client_bytes(&self, bounds: &LedgerBounds, cells: usize) -> bool {
        self.client_bytes.used() + cells <= bounds.client_bytes_max / CLIENT_CELL_BYTES
    }

    /// Rows of the history behind the first of each order.
    #[inline]
    pub(crate) fn has_room_for_rows(&self, bounds: &LedgerBounds, rows: usize) -> bool {
        self.history.used() + rows <= bounds.history_rows_max
    }

    /// Lines that go to the pools, of an order with so many lines; `plain`: without discount and freight.
    pub(crate) const fn pooled_lines(lines: usize, plain: bool) -> usize {
        if lines == 1 && plain { 0 } else { lines }
    }

    /// Lines, and cells of client bytes, that go to the pools with this order.
    pub(crate) fn pooled_of(created: &OrderCreated<'_>) -> (usize, usize) {
        let lines = match created.lines {
            [line] if PlainLine::of(line).is_some() => 0,
            lines => lines.len(),
        };
        (lines, client_cells(created.client_bytes.len()))
    }

    /// Adds an order in PENDING_PAYMENT. There is room for it, and its id is new.
    pub(crate) fn add(&mut self, at: MicrosUtc, request: Request, created: &OrderCreated<'_>) -> u32 {
        let lines = self.keep_lines(created.lines);
        let client_bytes = self.keep_client_bytes(created.client_bytes);
        let rare = if client_bytes == NONE && created.hold == 0 {
            NONE
        } else {
            self.rare.add(Rare { client_bytes, hold: halves(created.hold), ..Rare::NONE })
        };
        let older = self.newest_of(created.user);
        let order = LiveOrder {
            id: created.order,
            user: created.user,
            request: [(request.key.id.0 >> 64) as u64, request.key.id.0 as u64],
            body: request.body,
            created_at: at,
            pay_until: created.pay_until,
            total: created.total,
            lines,
            older: older.unwrap_or(NONE),
            newer: NONE,
            timer_next: NONE,
            timer_prev: NONE,
            history: NONE,
            rare,
            version: 1,
            currency: created.currency,
            state: State::PendingPayment,
            rest: RestMarks::AWAKE,
        };
        let slot = self.add_row(order);
        self.by_id.insert(self.id_tag(created.order), slot);
        self.by_making.push(created.order.making(), slot);
        let tag = self.user_tag(created.user);
        match older {
            Some(older) => {
                self.rows[older as usize].newer = slot;
                self.by_user.replace(tag, older, slot);
            }
            None => self.by_user.insert(tag, slot),
        }
        slot
    }

    fn add_row(&mut self, order: LiveOrder) -> u32 {
        self.rows_used += 1;
        if self.free_rows == NONE {
            return self.rows.push(order);
        }
        let slot = self.free_rows;
        self.free_rows = self.at(slot).timer_next;
        self.rows[slot as usize] = order;
        slot
    }

    /// Moves an order on and leaves a history row.
    pub(crate) fn transit(
        &mut self,
        slot: u32,
        to: State,
        version: u32,
        at: MicrosUtc,
        actor: Actor,
        why: u16,
    ) {
        let (actor, who) = match actor {
            Actor::User(user) => {
                debug_assert_eq!(user, self.at(slot).user, "of users, only its own changes an order");
                (ActorKind::User, 0)
            }
            Actor::Operator(key) => (ActorKind::Operator, key),
            Actor::Timer => (ActorKind::Timer, 0),
            Actor::Gateway(gateway) => (ActorKind::Gateway, u32::from(gateway.0)),
        };
        let order = &mut self.rows[slot as usize];
        order.history = self.history.add(LaterRow {
            at,
            who,
            older: order.history,
            version,
            why,
            states: order.state.number() << 4 | to.number(),
            actor,
        });
        order.state = to;
        order.version = version;
    }

    /// The order's lines, in their order.
    #[inline]
    pub(crate) fn line(&self, slot: u32, at: usize) -> Option<Line> {
        match self.at(slot).lines {
            LinesPlace::Here(line) => (at == 0).then(|| line.whole()),
            LinesPlace::Pooled { first, plain } => self.pooled_lines_from(first, plain).nth(at),
        }
    }

    /// The order's lines, in their order.
    pub(crate) fn lines(&self, slot: u32) -> impl Iterator<Item = Line> {
        let (here, first, plain) = match self.at(slot).lines {
            LinesPlace::Here(line) => (Some(line.whole()), NONE, true),
            LinesPlace::Pooled { first, plain } => (None, first, plain),
        };
        here.into_iter().chain(self.pooled_lines_from(first, plain))
    }

    /// One of the two is empty.
    fn pooled_lines_from(&self, first: u32, plain: bool) -> impl Iterator<Item = Line> {
        let (plain, whole) = if plain { (first, NONE) } else { (NONE, first) };
        let plain = self.plain_lines.from(plain).map(|(_, cell)| { cell.line }.whole());
        plain.chain(self.whole_lines.from(whole).map(|(_, cell)| cell.line))
    }

    /// The hold that the order took over; 0: none.
    pub(crate) fn hold(&self, slot: u32) -> u64 {
        self.rare_of(slot).map_or(0, |rare| u64::from(rare.hold[0]) << 32 | u64::from(rare.hold[1]))
    }

    /// The order's newest attempt to pay; [`NONE`]: none.
    pub(crate) fn newest_payment(&self, slot: u32) -> u32 {
        self.rare_of(slot).map_or(NONE, |rare| rare.payments)
    }

    /// This is the order's newest attempt to pay from here.
    pub(crate) fn set_newest_payment(&mut self, slot: u32, payment: u32) {
        self.rare_mut(slot).payments = payment;
    }

    /// The order's newest shipment; [`NONE`]: none.
    pub(crate) fn newest_shipment(&self, slot: u32) -> u32 {
        self.rare_of(slot).map_or(NONE, |rare| rare.shipments)
    }

    /// This is the order's newest shipment from here.
    pub(crate) fn set_newest_shipment(&mut self, slot: u32, shipment: u32) {
        self.rare_mut(slot).shipments = shipment;
    }

    /// Where the order's coupons are; [`NONE`]: it never had any.
    #[inline]
    pub(crate) fn coupons(&self, slot: u32) -> u32 {
        self.rare_of(slot).map_or(NONE, |rare| rare.coupons)
    }

    /// The order's coupons are there from here.
    pub(crate) fn set_coupons(&mut self, slot: u32, coupons: u32) {
        self.rare_mut(slot).coupons = coupons;
    }

    /// The order's newest after-sales case; [`NONE`]: none.
    pub(crate) fn newest_case(&self, slot: u32) -> u32 {
        self.rare_of(slot).map_or(NONE, |rare| rare.cases)
    }

    /// This is the order's newest after-sales case from here.
    pub(crate) fn set_newest_case(&mut self, slot: u32, case: u32) {
        self.rare_mut(slot).cases = case;
    }

    /// The latest transition behind the first: from where to where, and whether the timer did it.
    pub(crate) fn latest_step(&self, slot: u32) -> Option<LatestStep> {
        let (_, row) = self.history.from(self.at(slot).history).next()?;
        let by_timer = matches!(row.actor, ActorKind::Timer);
        Some(LatestStep { at: row.at, from: row.from(), by_timer })
    }

    /// When an order that waits for its completion was delivered.
    pub(crate) fn delivered_at(&self, slot: u32) -> MicrosUtc {
        self.latest_step(slot).map_or(self.at(slot).created_at, |step| step.at)
    }

    /// The client's own bytes.
    pub(crate) fn client_bytes(&self, slot: u32) -> Vec<u8> {
        let first = self.rare_of(slot).map_or(NONE, |rare| rare.client_bytes);
        let mut bytes = Vec::new();
        for (_, cell) in self.client_bytes.from(first) {
            bytes.extend_from_slice(&cell.bytes[..usize::from(cell.filled)]);
        }
        bytes
    }

    /// Every transition, oldest first.
    pub(crate) fn history(&self, slot: u32) -> Vec<HistoryRow> {
        let order = self.at(slot);
        let later = self.history.from(order.history);
        let mut rows: Vec<_> = later.map(|(_, row)| row.whole(order.user)).collect();
        rows.push(HistoryRow::made(order.created_at, order.user));
        rows.reverse();
        rows
    }

    fn keep_lines(&mut self, lines: &[Line]) -> LinesPlace {
        if let [line] = lines
            && let Some(plain) = PlainLine::of(line)
        {
            return LinesPlace::Here(plain);
        }
        let plain = lines.iter().all(|line| PlainLine::of(line).is_some());
        let first = if plain {
            let lines = lines.iter().filter_map(PlainLine::of);
            self.plain_lines.add_all(lines.map(|line| PlainCell { line, next: NONE }))
        } else {
            self.whole_lines.add_all(lines.iter().map(|&line| WholeCell { line, next: NONE }))
        };
        LinesPlace::Pooled { first, plain }
    }

    fn rare_of(&self, slot: u32) -> Option<&Rare> {
        let rare = self.at(slot).rare;
        (rare != NONE).then(|| self.rare.at(rare))
    }

    fn rare_mut(&mut self, slot: u32) -> &mut Rare {
        if self.at(slot).rare == NONE {
            let rare = self.rare.add(Rare::NONE);
            self.at_mut(slot).rare = rare;
        }
        let rare = self.at(slot).rare;
        self.rare.at_mut(rare)
    }

    fn keep_client_bytes(&mut self, bytes: &[u8]) -> u32 {
        self.client_bytes.add_all(bytes.chunks(CLIENT_CELL_BYTES).map(|piece| {
            let mut bytes = [0; CLIENT_CELL_BYTES];
            bytes[..piece.len()].copy_from_slice(piece);
            ClientCell { bytes, filled: piece.len() as u8, next: NONE }
        }))
    }

    /// Eight ids that were drawn one after the other share a cache line of the table.
    #[inline]
    fn id_tag(&self, id: OrderId) -> Tag {
        let sequence = u32::from(id.sequence());
        let first_of_8 = self.key.tag(id.ms(), u64::from(sequence / 8));
        self.by_id.tag_behind(first_of_8, sequence % 8)
    }

    #[inline]
    pub(crate) fn user_tag(&self, user: UserId) -> Tag {
        self.key.tag(user.0, 1)
    }
}

/// Cells that so many client bytes take.
pub(crate) const fn client_cells(client_bytes: usize) -> usize {
    client_bytes.div_ceil(CLIENT_CELL_BYTES)
}

/// The upper and the lower half.
const fn halves(word: u64) -> [u32; 2] {
    [(word >> 32) as u32, word as u32]
}

impl LiveOrder {
    /// The request that made it.
    #[inline]
    pub(crate) fn request(&self) -> RequestId {
        RequestId(u128::from(self.request[0]) << 64 | u128::from(self.request[1]))
    }

    /// Whether there is nothing to be paid.
    pub(crate) fn is_free(&self) -> bool {
        self.total == MinorUnits::ZERO
    }

    pub(crate) fn brief(&self) -> OrderBrief {
        OrderBrief {
            order: self.id,
            user: self.user,
            state: self.state,
            version: self.version,
            total: self.total,
            currency: self.currency,
            created_at: self.created_at,
            pay_until: self.pay_until,
        }
    }
}

impl PlainLine {
    /// The line without what is 0 in it, if that is 0.
    fn of(line: &Line) -> Option<PlainLine> {
        let Line { sku, seller, warehouse, sale, quantity, parcel, unit_price, discount, freight } = *line;
        let plain = parcel == 0 && discount == MinorUnits::ZERO && freight == MinorUnits::ZERO;
        plain.then_some(PlainLine { sku, unit_price, seller, warehouse, sale, quantity })
    }

    fn whole(self) -> Line {
        let PlainLine { sku, unit_price, seller, warehouse, sale, quantity } = self;
        let (discount, freight) = (MinorUnits::ZERO, MinorUnits::ZERO);
        Line { sku, seller, warehouse, sale, quantity, parcel: 0, unit_price, discount, freight }
    }
}

impl LaterRow {
    fn from(&self) -> State {
        State::from_number(self.states >> 4).expect("a state was put there")
    }

    fn to(&self) -> State {
        State::from_number(self.states & 0xF).expect("a state was put there")
    }

    /// The row, of an order of this user.
    fn whole(&self, user: UserId) -> HistoryRow {
        let LaterRow { at, who, why, version, actor, .. } = *self;
        let actor = actor.whole(who, user);
        HistoryRow { from: Some(self.from()), to: self.to(), at, actor, why, version }
    }
}

impl ActorKind {
    /// With who it was, of an order of this user.
    fn whole(self, who: u32, user: UserId) -> Actor {
        match self {
            ActorKind::User => Actor::User(user),
            ActorKind::Operator => Actor::Operator(who),
            ActorKind::Timer => Actor::Timer,
            ActorKind::Gateway => Actor::Gateway(GatewayId(who as u16)),
        }
    }
}
