//! The orders in memory, their lines, client bytes and history; found by id and by user.

mod image;

use alloc::vec::Vec;

use crate::fact::{Actor, Line, OrderCreated, Request};
use crate::ids::{GatewayId, OrderId, PaymentId, RequestId, SaleId, SellerId, SkuId, UserId, WarehouseId};
use crate::ledger::bounds::LedgerBounds;
use crate::order::State;
use crate::slot_table::{HashKey, SlotTable, Tag};
use crate::table::Table;
use crate::units::{Currency, MicrosUtc, MinorUnits, Quantity};
use crate::verdict::{HistoryRow, OrderBrief};

/// Stands for «no slot» wherever rows are linked.
pub(crate) const NONE: u32 = u32::MAX;

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
    /// The user's order before this one.
    pub(crate) older: u32,
    /// Neighbours in the payment timer's list.
    pub(crate) timer_next: u32,
    pub(crate) timer_prev: u32,
    /// The next in the list of request ids of about the same time.
    pub(crate) request_next: u32,
    /// Its latest history row; the first one follows from the order itself.
    history: u32,
    /// What few orders have; [`NONE`]: this one has nothing of it.
    rare: u32,
    pub(crate) version: u32,
    pub(crate) currency: Currency,
    pub(crate) state: State,
}

const LIVE_ORDER_BYTES_MAX: usize = 128;
const _: () = assert!(size_of::<LiveOrder>() <= LIVE_ORDER_BYTES_MAX);

/// Where an order's lines are.
#[derive(Clone, Copy, Debug)]
enum LinesPlace {
    /// Here: one line with nothing unusual about it.
    Here(PlainLine),
    /// In the arena of plain lines, where none has anything unusual about it, or in that of whole ones. (One variant,
    /// for it hides in the quantity of `Here`, which is never 0; a second one would make every order larger.)
    Arena { first: u32, count: u16, plain: bool },
}

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

/// What few orders have, linked from those that have it.
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
}

impl Rare {
    const NONE: Rare =
        Rare { client_bytes: NONE, payments: NONE, shipments: NONE, coupons: NONE, cases: NONE };
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

/// All orders. Their slots count from 0 in the order in which they were made.
#[derive(Debug)]
pub(crate) struct Orders {
    key: HashKey,
    rows: Table<LiveOrder>,
    by_id: SlotTable,
    /// To the newest order of each user.
    by_user: SlotTable,
    plain_lines: Table<PlainLine>,
    whole_lines: Table<Line>,
    client_bytes: Table<u8>,
    /// At most one an order.
    rare: Table<Rare>,
    history: Table<LaterRow>,
    /// The holds that orders took over, by slot: few orders have one, so it is not in their rows.
    took_over: Table<(u32, u64)>,
}

/// What a new order needs room for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OrderNeeds {
    pub(crate) lines: usize,
    pub(crate) client_bytes: usize,
    /// Those of its creation, and those kept for its end and that of all others.
    pub(crate) history_rows: usize,
}

impl Orders {
    pub(crate) const fn bytes(bounds: &LedgerBounds) -> u64 {
        2 * SlotTable::bytes(bounds.orders_max)
            + (bounds.orders_max * (size_of::<LiveOrder>() + size_of::<Rare>())) as u64
            + (bounds.lines_max * size_of::<Line>()) as u64
            + (bounds.history_rows_max * size_of::<LaterRow>()) as u64
            + bounds.client_bytes_max as u64
            + (bounds.orders_max * size_of::<(u32, u64)>()) as u64
    }

    pub(crate) fn new(bounds: &LedgerBounds, key: HashKey) -> Orders {
        Orders {
            key,
            rows: Table::with_rows_max(bounds.orders_max),
            by_id: SlotTable::with_rows_max(bounds.orders_max),
            by_user: SlotTable::with_rows_max(bounds.orders_max),
            // Both together are bounded; what is never touched takes no memory.
            plain_lines: Table::with_rows_max(bounds.lines_max),
            whole_lines: Table::with_rows_max(bounds.lines_max),
            client_bytes: Table::with_rows_max(bounds.client_bytes_max),
            rare: Table::with_rows_max(bounds.orders_max),
            history: Table::with_rows_max(bounds.history_rows_max),
            took_over: Table::with_rows_max(bounds.orders_max),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
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

    /// How many orders were made before this time; their slots count from 0.
    pub(crate) fn made_before(&self, time: MicrosUtc) -> usize {
        self.rows.partition_point(|order| order.created_at < time)
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
        self.rows.len() < bounds.orders_max
            && self.has_room_for_lines(bounds, needs.lines)
            && self.has_room_for_client_bytes(bounds, needs.client_bytes)
            && self.has_room_for_rows(bounds, needs.history_rows)
    }

    #[inline]
    pub(crate) fn has_room_for_lines(&self, bounds: &LedgerBounds, arena_lines: usize) -> bool {
        self.plain_lines.len() + self.whole_lines.len() + arena_lines <= bounds.lines_max
    }

    #[inline]
    pub(crate) fn has_room_for_client_bytes(&self, bounds: &LedgerBounds, arena_bytes: usize) -> bool {
        self.client_bytes.len() + arena_bytes <= bounds.client_bytes_max
    }

    /// Rows of the history behind the first of each order.
    #[inline]
    pub(crate) fn has_room_for_rows(&self, bounds: &LedgerBounds, rows: usize) -> bool {
        self.history.len() + rows <= bounds.history_rows_max
    }

    /// Lines that go to the arena, of an order with so many lines; `plain`: without discount and freight.
    pub(crate) const fn arena_lines(lines: usize, plain: bool) -> usize {
        if lines == 1 && plain { 0 } else { lines }
    }

    /// Bytes that so many client bytes take.
    pub(crate) const fn arena_bytes(client_bytes: usize) -> usize {
        if client_bytes == 0 { 0 } else { client_bytes + CLIENT_LENGTH_BYTES }
    }

    /// Lines and bytes that go to the arenas with this order.
    pub(crate) fn arena_of(created: &OrderCreated<'_>) -> (usize, usize) {
        let lines = match created.lines {
            [line] if PlainLine::of(line).is_some() => 0,
            lines => lines.len(),
        };
        (lines, Self::arena_bytes(created.client_bytes.len()))
    }

    /// Adds an order in PENDING_PAYMENT. There is room for it, and its id is new.
    pub(crate) fn add(&mut self, at: MicrosUtc, request: Request, created: &OrderCreated<'_>) -> u32 {
        let slot = self.rows.len() as u32;
        let lines = self.keep_lines(created.lines);
        let rare = match self.keep_client_bytes(created.client_bytes) {
            NONE => NONE,
            client_bytes => self.add_rare(Rare { client_bytes, ..Rare::NONE }),
        };
        let older = self.newest_of(created.user);
        self.rows.push(LiveOrder {
            id: created.order,
            user: created.user,
            request: [(request.key.id.0 >> 64) as u64, request.key.id.0 as u64],
            body: request.body,
            created_at: at,
            pay_until: created.pay_until,
            total: created.total,
            lines,
            older: older.unwrap_or(NONE),
            timer_next: NONE,
            timer_prev: NONE,
            request_next: NONE,
            history: NONE,
            rare,
            version: 1,
            currency: created.currency,
            state: State::PendingPayment,
        });
        if created.hold != 0 {
            self.took_over.push((slot, created.hold));
        }
        self.by_id.insert(self.id_tag(created.order), slot);
        let tag = self.user_tag(created.user);
        match older {
            Some(older) => self.by_user.replace(tag, older, slot),
            None => self.by_user.insert(tag, slot),
        }
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
        order.history = self.history.push(LaterRow {
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
            LinesPlace::Arena { count, .. } if at >= usize::from(count) => None,
            LinesPlace::Arena { first, plain: true, .. } => {
                Some(self.plain_lines[first as usize + at].whole())
            }
            LinesPlace::Arena { first, plain: false, .. } => Some(self.whole_lines[first as usize + at]),
        }
    }

    /// The order's lines, in their order.
    pub(crate) fn lines(&self, slot: u32) -> impl Iterator<Item = Line> {
        (0..).map_while(move |at| self.line(slot, at))
    }

    /// The hold that the order took over; 0: none.
    pub(crate) fn hold(&self, slot: u32) -> u64 {
        self.took_over.binary_search_by_key(&slot, |row| row.0).map_or(0, |at| self.took_over[at].1)
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

    /// The order that has this millisecond and sequence in its id, whatever its slot.
    pub(crate) fn find_of_payment(&self, payment: PaymentId) -> Option<u32> {
        self.by_id.find(self.id_tag(OrderId(payment.0)), |slot| payment.is_of(self.at(slot).id))
    }

    /// The latest transition behind the first: from where to where, and whether the timer did it.
    pub(crate) fn latest_step(&self, slot: u32) -> Option<LatestStep> {
        let row = self.history.get(self.at(slot).history as usize)?;
        let by_timer = matches!(row.actor, ActorKind::Timer);
        Some(LatestStep { at: row.at, from: row.from(), by_timer })
    }

    /// The client's own bytes.
    pub(crate) fn client_bytes(&self, slot: u32) -> &[u8] {
        let at = self.rare_of(slot).map_or(NONE, |rare| rare.client_bytes);
        if at == NONE {
            return &[];
        }
        let (length, rest) = self.client_bytes[at as usize..]
            .split_first_chunk::<CLIENT_LENGTH_BYTES>()
            .expect("bytes stand behind their length");
        &rest[..usize::from(u16::from_le_bytes(*length))]
    }

    /// Every transition, oldest first.
    pub(crate) fn history(&self, slot: u32) -> Vec<HistoryRow> {
        let order = self.at(slot);
        let mut rows = Vec::new();
        let mut later = order.history;
        while later != NONE {
            let row = &self.history[later as usize];
            rows.push(row.whole(order.user));
            later = row.older;
        }
        rows.push(HistoryRow {
            from: None,
            to: State::PendingPayment,
            at: order.created_at,
            actor: Actor::User(order.user),
            why: 0,
            version: 1,
        });
        rows.reverse();
        rows
    }

    fn keep_lines(&mut self, lines: &[Line]) -> LinesPlace {
        if let [line] = lines
            && let Some(plain) = PlainLine::of(line)
        {
            return LinesPlace::Here(plain);
        }
        let count = lines.len() as u16;
        if lines.iter().all(|line| PlainLine::of(line).is_some()) {
            let first = self.plain_lines.extend(lines.iter().filter_map(PlainLine::of));
            return LinesPlace::Arena { first, count, plain: true };
        }
        let first = self.whole_lines.extend(lines.iter().copied());
        LinesPlace::Arena { first, count, plain: false }
    }

    fn rare_of(&self, slot: u32) -> Option<&Rare> {
        self.rare.get(self.at(slot).rare as usize)
    }

    fn rare_mut(&mut self, slot: u32) -> &mut Rare {
        if self.at(slot).rare == NONE {
            let rare = self.add_rare(Rare::NONE);
            self.at_mut(slot).rare = rare;
        }
        let rare = self.at(slot).rare;
        &mut self.rare[rare as usize]
    }

    fn add_rare(&mut self, rare: Rare) -> u32 {
        self.rare.push(rare)
    }

    fn keep_client_bytes(&mut self, bytes: &[u8]) -> u32 {
        if bytes.is_empty() {
            return NONE;
        }
        let length = (bytes.len() as u16).to_le_bytes();
        self.client_bytes.extend(length.into_iter().chain(bytes.iter().copied()))
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

/// Before each order's bytes stands how many they are.
const CLIENT_LENGTH_BYTES: usize = size_of::<u16>();

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
        let actor = match actor {
            ActorKind::User => Actor::User(user),
            ActorKind::Operator => Actor::Operator(who),
            ActorKind::Timer => Actor::Timer,
            ActorKind::Gateway => Actor::Gateway(GatewayId(who as u16)),
        };
        HistoryRow { from: Some(self.from()), to: self.to(), at, actor, why, version }
    }
}
