//! Orders in an image.

use alloc::vec;
use alloc::vec::Vec;

use super::{ActorKind, LaterRow, LinesPlace, LiveOrder, NONE, Orders, PlainLine, Rare};
use crate::fact::Line;
use crate::ids::{OrderId, SaleId, SellerId, SkuId, UserId, WarehouseId};
use crate::image::{Flat, flat, flat_variants};
use crate::ledger::bounds::LedgerBounds;
use crate::ledger::image::{ImageFault, ImagePart, Reading};
use crate::ledger::room::PassedBound;
use crate::ledger::timers::TimedLinks;
use crate::order::{State, is_timed};
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
        timer_next: u32,
        timer_prev: u32,
        request_next: u32,
        history: u32,
        rare: u32,
        version: u32,
        currency: Currency,
        state: State,
    }
    PlainLine {
        sku: SkuId,
        unit_price: MinorUnits,
        seller: SellerId,
        warehouse: WarehouseId,
        sale: SaleId,
        quantity: Quantity,
    }
    Rare { client_bytes: u32, payments: u32, shipments: u32, coupons: u32, cases: u32 }
    LaterRow { at: MicrosUtc, who: u32, older: u32, version: u32, why: u16, states: u8, actor: ActorKind }
}
flat_variants! { ActorKind { 1 User, 2 Operator, 3 Timer, 4 Gateway } }

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
            LinesPlace::Arena { first, count, plain } => {
                2_u8.put(out);
                (*first, (*count, *plain)).put(out);
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
                let (first, (count, plain)) = Flat::take(&mut bytes)?;
                Some(LinesPlace::Arena { first, count, plain })
            }
            _ => None,
        }
    }
}

impl ImagePart for Orders {
    fn put_head(&self, _: &mut Vec<u8>) {}

    fn take_head(&mut self, _: &mut Reading<'_>) -> Result<(), ImageFault> {
        Ok(())
    }

    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Imaged)> {
        vec![
            ("orders_max", &mut self.rows),
            ("lines_max", &mut self.plain_lines),
            ("lines_max", &mut self.whole_lines as &mut crate::table::Table<Line>),
            ("client_bytes_max", &mut self.client_bytes),
            ("orders_max", &mut self.rare),
            ("history_rows_max", &mut self.history),
            ("orders_max", &mut self.took_over),
        ]
    }
}

impl Orders {
    /// Those that the payment timer has.
    pub(crate) fn timed(&self) -> impl Iterator<Item = TimedLinks> {
        let armed = (0..).zip(self.rows.iter()).filter(|(_, order)| is_timed(order.state));
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
        let mut has_newer = vec![false; self.rows.len()];
        for order in self.rows.iter().filter(|order| order.older != NONE) {
            has_newer[order.older as usize] = true;
        }
        for (slot, has_newer) in (0..).zip(has_newer) {
            let LiveOrder { id, user, .. } = *self.at(slot);
            self.by_id.insert(self.id_tag(id), slot);
            if !has_newer {
                self.by_user.insert(self.user_tag(user), slot);
            }
        }
        Ok(())
    }
}
