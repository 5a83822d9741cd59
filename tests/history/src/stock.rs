//! Stock that is linearizable as far as intervals can tell: sku by sku, life by life.

use std::collections::HashMap;

use crate::Verdict;
use crate::reading::{History, Request, Row, Said, SkuBefore};
use crate::requests::name;

/// One sku in one life.
struct Shelf<'a> {
    before: SkuBefore,
    /// (request, units of it).
    requests: Vec<(&'a Request, u64)>,
}

/// Units over time: a step at each row where something changes, and from there on.
#[derive(Default)]
struct Steps(Vec<(Row, i128)>);

/// What may be true of a shelf, and what must be.
struct Bounds {
    /// The most that may be gone: everything asked for that was not refused, less what surely came back.
    most_gone: Steps,
    /// The least that must be gone: everything answered, less what possibly came back.
    least_gone: Steps,
}

pub(crate) fn judge(history: &History, verdict: &mut Verdict) {
    // Held and sold of each sku at the end of the last life that knew it, at least and at most.
    let mut carried: HashMap<u64, (i128, i128)> = HashMap::new();
    for (at, life) in history.lives.iter().enumerate() {
        let mut shelves: HashMap<u64, Shelf<'_>> = HashMap::new();
        for &before in &life.skus {
            shelves.insert(before.sku, Shelf { before, requests: Vec::new() });
        }
        let mine: Vec<_> = history.requests.iter().filter(|request| request.life == at).collect();
        for &request in &mine {
            for &(sku, units) in history.lines(request) {
                if let Some(shelf) = shelves.get_mut(&sku) {
                    shelf.requests.push((request, units));
                }
            }
        }
        verdict.skus += shelves.len() as u64;
        let mut bounds: HashMap<u64, (SkuBefore, Bounds)> = HashMap::with_capacity(shelves.len());
        // By the order of the record, so that the same history is told in the same words.
        for &SkuBefore { sku, .. } in &life.skus {
            let Some(shelf) = shelves.remove(&sku) else { continue };
            shelf.holds_what_was_carried(&carried, verdict);
            carried.insert(sku, shelf.carries());
            let of = shelf.bounds();
            shelf.never_oversold(&of, verdict);
            shelf.accepted_had_room(&of, verdict);
            bounds.insert(sku, (shelf.before, of));
        }
        for request in mine {
            refusals_were_right(request, history.lines(request), &bounds, verdict);
        }
    }
}

impl Shelf<'_> {
    fn bounds(&self) -> Bounds {
        let (mut most, mut least) = (Vec::new(), Vec::new());
        for &(request, units) in &self.requests {
            let units = i128::from(units);
            if let Some(asked) = request.possible_from {
                most.push((asked, units));
            }
            if let Some((answered, _)) = request.accepted {
                least.push((answered, units));
            }
            let back = request.given_back;
            if let Some(surely) = back.surely {
                most.push((surely, -units));
            }
            if let Some(possibly) = back.possibly {
                least.push((possibly, -units));
            }
        }
        Bounds { most_gone: Steps::of(most), least_gone: Steps::of(least) }
    }

    /// What was held and sold, at least and at most, when the life is over. What came back after it was sold counts
    /// as sold; only a cancel of an unpaid order makes it less.
    fn carries(&self) -> (i128, i128) {
        let before = i128::from(self.before.units);
        self.requests.iter().fold((before, before), |(least, most), &(request, units)| {
            let units = i128::from(units);
            let back = request.given_back;
            let is_kept = request.accepted.is_some() && !(back.was_unpaid && back.possibly.is_some());
            let may_be_kept = request.possible_from.is_some() && back.surely.is_none();
            (least + if is_kept { units } else { 0 }, most + if may_be_kept { units } else { 0 })
        })
    }

    fn holds_what_was_carried(&self, carried: &HashMap<u64, (i128, i128)>, verdict: &mut Verdict) {
        let SkuBefore { sku, units, .. } = self.before;
        let Some(&(least, most)) = carried.get(&sku) else { return };
        if !(least..=most).contains(&i128::from(units)) {
            verdict.broken(|| {
                format!(
                    "sku {sku} held and sold {units} units after the restart; by what was answered before it is \
                     {least} to {most}"
                )
            });
        }
    }

    fn never_oversold(&self, bounds: &Bounds, verdict: &mut Verdict) {
        let SkuBefore { sku, sellable, .. } = self.before;
        let Some(&(row, gone)) = bounds.least_gone.0.iter().max_by_key(|(_, gone)| *gone) else { return };
        if gone > i128::from(sellable) {
            verdict.broken(|| {
                format!("sku {sku} is oversold at row {row}: {gone} of {sellable} units are taken")
            });
        }
    }

    fn accepted_had_room(&self, bounds: &Bounds, verdict: &mut Verdict) {
        let SkuBefore { sku, sellable, .. } = self.before;
        for &(request, units) in &self.requests {
            let (Some(asked), Some((answered, order))) = (request.possible_from, request.accepted) else {
                continue;
            };
            // Up to the row before its own answer, so that it does not count itself.
            let least = bounds.least_gone.least(asked, answered - 1);
            if least + i128::from(units) > i128::from(sellable) {
                verdict.broken(|| {
                    format!(
                        "order {order} took {units} of sku {sku} between rows {asked} and {answered}, when at least \
                         {least} of {sellable} were gone"
                    )
                });
            }
        }
    }
}

fn refusals_were_right(
    request: &Request,
    lines: &[(u64, u64)],
    bounds: &HashMap<u64, (SkuBefore, Bounds)>,
    verdict: &mut Verdict,
) {
    for answer in &request.answers {
        let is_right = |sellable: i128, units: i128, bounds: &Bounds| {
            let left_at_least = sellable - bounds.most_gone.most(answer.asked, answer.at);
            let left_at_most = sellable - bounds.least_gone.least(answer.asked, answer.at);
            match answer.said {
                Said::SoldOut => left_at_least <= 0,
                Said::InsufficientStock => left_at_least < units && left_at_most > 0,
                Said::Order(_) | Said::RefusedByRule(_) | Said::Refused | Said::Nothing => true,
            }
        };
        match answer.said {
            Said::SoldOut | Said::InsufficientStock => verdict.refusals += 1,
            Said::Order(_) | Said::RefusedByRule(_) | Said::Refused | Said::Nothing => continue,
        }
        // A sku whose stock is not known may always have been the one.
        let may_be = lines.iter().any(|(sku, units)| match bounds.get(sku) {
            Some((before, of)) => is_right(i128::from(before.sellable), i128::from(*units), of),
            None => true,
        });
        if !may_be {
            verdict.broken(|| {
                format!(
                    "{} was told {:?} between rows {} and {}, when there was enough of {lines:?}",
                    name(request),
                    answer.said,
                    answer.asked,
                    answer.at
                )
            });
        }
    }
}

impl Steps {
    fn of(mut changes: Vec<(Row, i128)>) -> Steps {
        changes.sort_unstable_by_key(|(row, _)| *row);
        let mut units = 0;
        for (_, change) in &mut changes {
            units += *change;
            *change = units;
        }
        Steps(changes)
    }

    /// The most at any row of this interval.
    fn most(&self, from: Row, to: Row) -> i128 {
        self.between(from, to).max().unwrap_or(0)
    }

    /// The least at any row of this interval.
    fn least(&self, from: Row, to: Row) -> i128 {
        self.between(from, to).min().unwrap_or(0)
    }

    /// What stands when the interval begins, and each change in it: as many as were in flight, so there are few.
    fn between(&self, from: Row, to: Row) -> impl Iterator<Item = i128> {
        let first = self.0.partition_point(|(row, _)| *row <= from);
        let behind = self.0.partition_point(|(row, _)| *row <= to).max(first);
        let standing = first.checked_sub(1).map_or(0, |before| self.0[before].1);
        std::iter::once(standing).chain(self.0[first..behind].iter().map(|(_, units)| *units))
    }
}
