//! From which warehouse each line leaves, and in which parcel.

use std::collections::{BTreeMap, BTreeSet};

use domain::fact::ShelfUnits;
use domain::intent::{AskedLine, WAREHOUSES_A_SKU_MAX};
use domain::{Reason, Refusal, SkuId, WarehouseId};

use super::{Model, Shelf};

impl Model {
    /// A shelf for each line that has all of it; the first line without one is to blame. Units of a hold that is
    /// taken over count as there.
    pub(super) fn shelves_for(
        &self,
        lines: &[AskedLine],
        taken: &[ShelfUnits],
    ) -> Result<Vec<ShelfUnits>, Refusal> {
        let mut can_serve = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            can_serve.push(self.who_can_serve(line, taken).map_err(|refusal| refusal.at_line(at))?);
        }
        let chosen = choose(lines, &can_serve, taken);
        let units = |(line, warehouse): (&AskedLine, WarehouseId)| ShelfUnits {
            sku: line.sku,
            warehouse,
            quantity: line.quantity,
        };
        Ok(lines.iter().zip(chosen).map(units).collect())
    }

    /// The warehouses that have all of a line, of those that it allows.
    fn who_can_serve(
        &self,
        asked: &AskedLine,
        taken: &[ShelfUnits],
    ) -> Result<BTreeSet<WarehouseId>, Refusal> {
        let wanted = asked.quantity.units();
        let there: Vec<_> = (self.shelves_of(asked.sku))
            .filter(|(warehouse, _)| asked.warehouse == WarehouseId(0) || asked.warehouse == *warehouse)
            .map(|(warehouse, shelf)| (warehouse, there(shelf, held_at(taken, asked.sku, warehouse))))
            .collect();
        let able: BTreeSet<_> = there.iter().filter(|it| it.1 >= wanted).map(|it| it.0).collect();
        if !able.is_empty() {
            return Ok(able);
        }
        match there.iter().map(|it| it.1).max().unwrap_or(0) {
            0 => Err(Refusal::of(Reason::SoldOut).with(wanted as i64, 0)),
            most => Err(Refusal::of(Reason::InsufficientStock).with(wanted as i64, most as i64)),
        }
    }

    /// A sku lies in so many warehouses and no more.
    pub(super) fn may_lie_in(&self, sku: SkuId, warehouse: WarehouseId) -> Result<(), Refusal> {
        let shelves = self.shelves_of(sku).filter(|it| it.0 != warehouse).count();
        if shelves < WAREHOUSES_A_SKU_MAX {
            return Ok(());
        }
        Err(Refusal::of(Reason::InvalidField).with(shelves as i64 + 1, WAREHOUSES_A_SKU_MAX as i64))
    }
}

/// What a shelf has for who holds `own` units of it. Of a shelf that lost units, nobody gets what others hold.
fn there(shelf: &Shelf, own: u64) -> u64 {
    (shelf.sellable() + own).min(shelf.on_hand.saturating_sub(shelf.held - own))
}

/// ADR 0018: a line's own warehouse; else that of its hold; else one that the basket uses by these; and for the
/// rest, one by one, the warehouse that serves most of it. Of equals, the lowest number.
fn choose(
    lines: &[AskedLine],
    can_serve: &[BTreeSet<WarehouseId>],
    taken: &[ShelfUnits],
) -> Vec<WarehouseId> {
    let mut chosen = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        let of_hold = taken.iter().find(|it| it.sku == line.sku).map(|it| it.warehouse);
        let wanted = if line.warehouse == WarehouseId(0) { of_hold } else { Some(line.warehouse) };
        if let Some(warehouse) = wanted.filter(|it| can_serve[at].contains(it)) {
            chosen.insert(at, warehouse);
        }
    }
    let used: BTreeSet<_> = chosen.values().copied().collect();
    for (at, able) in can_serve.iter().enumerate() {
        if let (false, Some(&warehouse)) = (chosen.contains_key(&at), used.intersection(able).next()) {
            chosen.insert(at, warehouse);
        }
    }
    while chosen.len() < lines.len() {
        let mut serves: BTreeMap<WarehouseId, usize> = BTreeMap::new();
        for (_, able) in can_serve.iter().enumerate().filter(|(at, _)| !chosen.contains_key(at)) {
            for &warehouse in able {
                *serves.entry(warehouse).or_default() += 1;
            }
        }
        let most = serves.values().copied().max().unwrap_or(0);
        let Some((&best, _)) = serves.iter().find(|it| *it.1 == most) else { break };
        for (at, able) in can_serve.iter().enumerate() {
            if able.contains(&best) {
                chosen.entry(at).or_insert(best);
            }
        }
    }
    chosen.into_values().collect()
}

/// The warehouses of a basket, in the order of its lines: the place of one is the number of its parcel.
pub(super) fn parcels(shelves: &[ShelfUnits]) -> Vec<WarehouseId> {
    let mut seen = Vec::new();
    for it in shelves {
        if !seen.contains(&it.warehouse) {
            seen.push(it.warehouse);
        }
    }
    seen
}

/// Units of a hold on one shelf.
fn held_at(taken: &[ShelfUnits], sku: SkuId, warehouse: WarehouseId) -> u64 {
    let of_shelf = taken.iter().filter(|it| (it.sku, it.warehouse) == (sku, warehouse));
    of_shelf.map(|it| it.quantity.units()).sum()
}
