//! Orders in an image.

use alloc::vec;
use alloc::vec::Vec;

use super::{ActorKind, CLIENT_CELL_BYTES, ClientCell, LaterRow, LinesPlace, LiveOrder, NONE, Orders};
use super::{PlainCell, PlainLine, Rare, RestMarks, WholeCell};
use crate::fact::Line;
use crate::ids::{OrderId, SaleId, SellerId, SkuId, UserId, WarehouseId};
use crate::image::{Flat, flat, flat_variants};
use crate::ledger::bounds::LedgerBounds;
use crate::ledger::image::{ImageFault, ImagePart, Reading};
use crate::ledger::room::PassedBound;
use crate::ledger::timers::TimedLinks;
use crate::order::{State, is_timed, waits_for_completion};
use crate::table::Imaged;
use crate::units::{Currency, MicrosUtc, MinorUnits, Quantity};

flat! {
    LiveOrder {
        id: OrderId,
        user: UserId,
        request: [u64; 2],
        body: u64,
        created_at: MicrosUtc,
        pay_until: MicrosUtc,
        total: MinorUnits,
        lines: LinesPlace,
        older: u32,
        newer: u32,
        timer_next: u32,
        timer_prev: u32,
        history: u32,
        rare: u32,
        version: u32,
        currency: Currency,
        state: State,
        rest: RestMarks,
    }
    PlainLine {
        sku: SkuId,
        unit_price: MinorUnits,
        seller: SellerId,
        warehouse: WarehouseId,
        sale: SaleId,
        quantity: Quantity,
    }
    WholeCell { line: Line, next: u32 }
    ClientCell { bytes: [u8; CLIENT_CELL_BYTES], filled: u8, next: u32 }
    Rare { client_bytes: u32, payments: u32, shipments: u32, coupons: u32, cases: u32, hold: [u32; 2] }
    LaterRow { at: MicrosUtc, who: u32, older: u32, version: u32, why: u16, states: u8, actor: ActorKind }
}
flat_variants! { ActorKind { 1 User, 2 Operator, 3 Timer, 4 Gateway } }

impl Flat for PlainCell {
    const BYTES: usize = PlainLine::BYTES + u32::BYTES;

    fn put(&self, out: &mut Vec<u8>) {
        let PlainCell { line, next } = *self;
        line.put(out);
        next.put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Some(PlainCell { line: Flat::take(from)?, next: Flat::take(from)? })
    }
}

/// As long as a plain line, whatever it is.
impl Flat for LinesPlace {
    const BYTES: usize = 1 + PlainLine::BYTES;

    fn put(&self, out: &mut Vec<u8>) {
        let end = out.len() + Self::BYTES;
        match self {
            LinesPlace::Here(line) => {
                1_u8.put(out);
                line.put(out);
            }
            LinesPlace::Pooled { first, plain } => {
                2_u8.put(out);
                (*first, *plain).put(out);
            }
        }
        out.resize(end, 0);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let (mut bytes, rest) = from.split_at_checked(Self::BYTES)?;
        *from = rest;
        match u8::take(&mut bytes)? {
            1 => PlainLine::take(&mut bytes).map(LinesPlace::Here),
            2 => {
                let (first, plain) = Flat::take(&mut bytes)?;
                Some(LinesPlace::Pooled { first, plain })
            }
            _ => None,
        }
    }
}

impl ImagePart for Orders {
    fn put_head(&self, out: &mut Vec<u8>) {
        (self.free_rows, self.rows_used as u64).put(out);
        [self.plain_lines.state(), self.whole_lines.state(), self.client_bytes.state()].put(out);
        [self.rare.state(), self.history.state()].put(out);
    }

    fn take_head(&mut self, from: &mut Reading<'_>) -> Result<(), ImageFault> {
        let rows_used: u64;
        (self.free_rows, rows_used) = from.one()?;
        self.rows_used = rows_used as usize;
        let [plain_lines, whole_lines, client_bytes] = from.one()?;
        self.plain_lines.set_state(plain_lines);
        self.whole_lines.set_state(whole_lines);
        self.client_bytes.set_state(client_bytes);
        let [rare, history] = from.one()?;
        self.rare.set_state(rare);
        self.history.set_state(history);
        Ok(())
    }

    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Imaged)> {
        vec![
            ("orders_max", &mut self.rows),
            ("lines_max", self.plain_lines.table()),
            ("lines_max", self.whole_lines.table()),
            ("client_bytes_max", self.client_bytes.table()),
            ("orders_max", self.rare.table()),
            ("history_rows_max", self.history.table()),
        ]
    }
}

impl Orders {
    /// Those that the payment timer has.
    pub(crate) fn timed(&self) -> impl Iterator<Item = TimedLinks> {
        let armed = self.in_memory().filter(|(_, order)| is_timed(order.state));
        armed.map(|(slot, order)| {
            let LiveOrder { pay_until, timer_prev, timer_next, .. } = *order;
            TimedLinks { slot, until: pay_until, prev: timer_prev, next: timer_next }
        })
    }

    /// Finds the indexes anew.
    pub(crate) fn index(&mut self, bounds: &LedgerBounds) -> Result<(), ImageFault> {
        // Each of the two tables has room for all that both may have together.
        if !self.has_room_for_lines(bounds, 0) {
            let (name, value) = ("lines_max", bounds.lines_max);
            return Err(ImageFault::PassedBound(PassedBound { name, value }));
        }
        // As good as in the order of their making where none ever rested.
        let mut made = Vec::with_capacity(self.rows_used);
        for slot in 0..self.rows.len() as u32 {
            let LiveOrder { id, user, newer, rest, .. } = *self.at(slot);
            if rest.is_free() {
                continue;
            }
            if rest != rest.read_back() {
                self.rows[slot as usize].rest = rest.read_back();
            }
            made.push((id.making(), slot));
            self.by_id.insert(self.id_tag(id), slot);
            if newer == NONE {
                self.by_user.insert(self.user_tag(user), slot);
            }
        }
        made.sort();
        for (making, slot) in made {
            self.by_making.push(making, slot);
        }
        Ok(())
    }

    /// Orders whose delivery is behind them and whose completion is not, and when they were delivered.
    pub(crate) fn delivered(&self) -> impl Iterator<Item = (MicrosUtc, u32)> {
        let waiting = self.in_memory().filter(|(_, order)| waits_for_completion(order.state));
        waiting.map(|(slot, _)| (self.delivered_at(slot), slot))
    }

    fn in_memory(&self) -> impl Iterator<Item = (u32, &LiveOrder)> {
        (0..).zip(self.rows.iter()).filter(|(_, order)| !order.rest.is_free())
    }
}
