//! Desks of a node: rows laid from what it knows, and what is missing said.

use std::collections::BTreeMap;

use domain::desk::{Desk, Key, Need, Row, RowFault, Shared, Task};

use crate::catalogue::Catalogue;

/// Rows of users as they were read; nothing where there is none. For one decision.
pub(super) type Known = BTreeMap<Key, Option<Row>>;

/// What is counted over all users, as it is laid.
#[derive(Clone, Copy)]
pub(super) enum Give<'a> {
    /// As many as one likes, except where fewer are known to be left: to find out what is wanted.
    Plenty(&'a dyn Fn(&Shared) -> Option<u64>),
    /// These units, which Redis gave, and no others.
    Exactly(&'a BTreeMap<Shared, u64>),
    /// As it stands, to be read: the sums over all databases.
    AsItIs,
}

/// More than any order takes, and few enough to add up.
const PLENTY: u64 = 1 << 40;

impl Give<'_> {
    /// How many are given of this; nothing where rows say what there is.
    fn units(&self, shared: &Shared) -> Option<u64> {
        match self {
            Give::Plenty(left) => Some(left(shared).unwrap_or(PLENTY)),
            Give::Exactly(given) => Some(given.get(shared).copied().unwrap_or(0)),
            Give::AsItIs => None,
        }
    }
}

/// Lays all that the task needs. Says which rows of users are missing: read them, clear the desk, and lay again;
/// nothing: the desk can decide. `as_none` says of which rows it is taken for granted that they are not there.
///
/// # Errors
/// Rows that contradict each other.
pub(super) fn lay(
    desk: &mut Desk,
    catalogue: &Catalogue,
    known: &Known,
    give: Give<'_>,
    task: Task<'_>,
    as_none: impl Fn(&Key) -> bool,
) -> Result<Vec<Key>, RowFault> {
    loop {
        let needs = desk.needs([task])?;
        if needs.is_empty() {
            return Ok(Vec::new());
        }
        let (mut shared, mut missing) = (Vec::new(), Vec::new());
        for need in needs {
            match need {
                Need::Row(Key::Shared(one)) => shared.push(one),
                Need::ShelvesOf(sku) => {
                    shared.extend(catalogue.warehouses_of(sku).into_iter().map(|at| Shared::Shelf(sku, at)));
                }
                Need::Row(key) if is_of_a_user(&key) => match known.get(&key) {
                    Some(Some(row)) => desk.lay(row.clone())?,
                    Some(None) => (),
                    None if as_none(&key) => (),
                    None => missing.push(key),
                },
                Need::Row(_) | Need::PlacesOfSku(_) | Need::PlacesOfSale(_) | Need::Switches => {
                    catalogue.lay(desk, &need)?;
                }
            }
        }
        for one in shared {
            match (give.units(&one), known.get(&Key::Shared(one))) {
                // What it is of is asked for beside it, and may be nowhere.
                (Some(units), _) => {
                    let _ = desk.give(one, units);
                }
                (None, Some(Some(row))) => desk.lay(row.clone())?,
                (None, Some(None)) => (),
                (None, None) => missing.push(Key::Shared(one)),
            }
        }
        if !missing.is_empty() {
            return Ok(missing);
        }
    }
}

/// Whether a row lies in a shard, with its user's.
fn is_of_a_user(key: &Key) -> bool {
    match key {
        Key::Request(_)
        | Key::Order(_)
        | Key::Count(..)
        | Key::CouponUser(..)
        | Key::Hold(_)
        | Key::FailedRefunds(_)
        | Key::Making(_) => true,
        Key::Sku(_)
        | Key::Sale(_)
        | Key::Place(..)
        | Key::Freight(..)
        | Key::Coupon(_)
        | Key::Limit(_)
        | Key::Switch(_)
        | Key::SwitchVersion
        | Key::Shared(_)
        | Key::Letter(..)
        | Key::Letters => false,
    }
}
