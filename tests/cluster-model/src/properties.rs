//! What must be true: in every state, and at rest, when everything that repairs has done its work and no further fault
//! happens.

use crate::client::Heard;
use crate::mysql::Row;
use crate::story::{Story, name};
use crate::world::{Action, Fate, Model, World};
use crate::{ASKS, RequestNo, SHARDS, ShelfNo, Units};

/// A property of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// Live orders of a shelf have at most its total.
    NeverOversold,
    /// Whoever was told «accepted» has an order (which may have ended since), and hears it again when it asks again.
    AcceptedIsNeverLost,
    /// A request id makes at most one order.
    OneOrderARequest,
    /// Whoever was told SOLD_OUT gets no order unless it asks again.
    SoldOutIsFinal,
    /// R1: what an open shelf gives away is at most its total less its live orders.
    RedisUnderPromises,
    /// At rest no unit is missing: Redis has the total less the live orders, and no held record.
    NoUnitIsLost,
    /// At rest whoever asks again, with nothing going wrong, hears something definite.
    NobodyIsWedged,
}

impl Property {
    /// Every one.
    pub const ALL: &[Self] = &[
        Self::NeverOversold,
        Self::AcceptedIsNeverLost,
        Self::OneOrderARequest,
        Self::SoldOutIsFinal,
        Self::RedisUnderPromises,
        Self::NoUnitIsLost,
        Self::NobodyIsWedged,
    ];

    /// Whether it needs a look at what is at rest; all others are judged in each state by itself.
    pub fn is_judged_at_rest(self) -> bool {
        match self {
            Self::AcceptedIsNeverLost | Self::NoUnitIsLost | Self::NobodyIsWedged => true,
            Self::NeverOversold
            | Self::OneOrderARequest
            | Self::SoldOutIsFinal
            | Self::RedisUnderPromises => false,
        }
    }
}

/// Most steps until everything rests; more is a repair that goes round in circles.
const STEPS_TO_REST: usize = 100;

/// The first of these properties that this state breaks by itself.
pub fn broken_now(model: &Model, world: &World, judged: &[Property]) -> Option<Property> {
    let holds = |property: &Property| match property {
        Property::NeverOversold => {
            model.shelves().all(|shelf| live_units(model, world, shelf) <= model.scenario.stock[shelf])
        }
        Property::OneOrderARequest => world.mysql.orders.iter().all(|orders| *orders <= 1),
        Property::SoldOutIsFinal => model.requests().all(|request| {
            world.clients[request].heard != Heard::SoldOut || world.mysql.orders[request] == 0
        }),
        Property::RedisUnderPromises => model.shelves().all(|shelf| under_promises(model, world, shelf)),
        Property::AcceptedIsNeverLost => model.requests().all(|request| {
            world.clients[request].heard != Heard::Accepted || is_order(world.mysql.rows[request])
        }),
        Property::NoUnitIsLost | Property::NobodyIsWedged => true,
    };
    judged.iter().copied().find(|property| !holds(property))
}

/// The first of these properties that is broken when everything has come to rest from here. Only states in which no
/// node is at work are asked: all others lead to one, by steps that the search tries too.
pub fn broken_at_rest(
    model: &Model,
    world: &World,
    judged: &[Property],
    story: &mut Story,
) -> Option<Property> {
    if world.is_at_work() || !judged.iter().any(|property| property.is_judged_at_rest()) {
        return None;
    }
    story.say(|| "and from here, without any further fault:".into());
    let Some(mut rest) = come_to_rest(model, world, story) else {
        return judged.contains(&Property::NobodyIsWedged).then_some(Property::NobodyIsWedged);
    };
    if let Some(broken) = off_at_rest(model, &rest, judged, story) {
        return Some(broken);
    }
    for request in model.requests() {
        if let Some(broken) = ask_again(model, &mut rest, request, judged, story) {
            return Some(broken);
        }
    }
    off_at_rest(model, &rest, judged, story)
}

fn off_at_rest(model: &Model, rest: &World, judged: &[Property], story: &mut Story) -> Option<Property> {
    let off = model.shelves().find(|shelf| {
        let free = model.scenario.stock[*shelf] - live_units(model, rest, *shelf);
        rest.redis[*shelf].units < free
    })?;
    story.say(|| {
        format!(
            "at rest Redis has {} of shelf {off}, of {} in stock {} are in live orders",
            rest.redis[off].units,
            model.scenario.stock[off],
            live_units(model, rest, off)
        )
    });
    judged.contains(&Property::NoUnitIsLost).then_some(Property::NoUnitIsLost)
}

/// One more ask, at rest, alone.
fn ask_again(
    model: &Model,
    rest: &mut World,
    request: RequestNo,
    judged: &[Property],
    story: &mut Story,
) -> Option<Property> {
    let heard = rest.clients[request].heard;
    if heard == Heard::SoldOut {
        return None; // It has its answer, and asking anew is a new question.
    }
    assert!(rest.clients[request].asks < ASKS as u8, "the last ask needs a number too");
    rest.clients[request].heard = Heard::Nothing;
    rest.ask(model, request, story);
    let Some(next) = come_to_rest(model, rest, story) else {
        return judged.contains(&Property::NobodyIsWedged).then_some(Property::NobodyIsWedged);
    };
    *rest = next;
    match (heard, rest.clients[request].heard) {
        (_, Heard::Nothing) => {
            story.say(|| format!("client {} hears nothing definite", name(request)));
            judged.contains(&Property::NobodyIsWedged).then_some(Property::NobodyIsWedged)
        }
        (Heard::Accepted, Heard::SoldOut) => {
            story.say(|| format!("client {} was told that it has an order", name(request)));
            let judged = judged.contains(&Property::AcceptedIsNeverLost);
            judged.then_some(Property::AcceptedIsNeverLost)
        }
        (_, Heard::Accepted | Heard::SoldOut) => None,
    }
}

/// Does whatever is to be done, one thing at a time, until nothing is. `None`: it does not end.
fn come_to_rest(model: &Model, world: &World, story: &mut Story) -> Option<World> {
    let mut world = *world;
    for _ in 0..STEPS_TO_REST {
        let Some(action) = next_of_repair(model, &world) else {
            return Some(world);
        };
        world = model.after(&world, action, story);
    }
    story.say(|| format!("… and so on: {STEPS_TO_REST} steps did not bring it to rest"));
    None
}

/// What a store without faults does next.
fn next_of_repair(model: &Model, world: &World) -> Option<Action> {
    if let Some(request) = model.requests().find(|request| !world.asks[*request].is_empty()) {
        return Some(Action::Step(request, 0, Fate::Done));
    }
    if !world.openers.is_empty() {
        return Some(Action::Open(0, Fate::Done));
    }
    if !world.reconcilers.is_empty() {
        return Some(Action::Reconcile(0, Fate::Done));
    }
    if let Some(shelf) = model.shelves().find(|shelf| world.is_closed(*shelf)) {
        return Some(Action::BeginOpening(shelf));
    }
    for shelf in model.shelves() {
        for shard in 0..SHARDS {
            if world.mysql.shelves[shelf][shard].batch_units > 0 {
                return Some(Action::SendReturn(shelf, shard, Fate::Done));
            }
            if world.may_number(model, shelf, shard) {
                return Some(Action::NumberBatch(shelf, shard));
            }
        }
        let held = |request: &RequestNo| world.redis[shelf].record(*request).is_some();
        if let Some(request) = model.requests().find(held) {
            return Some(Action::FindRecord(shelf, request));
        }
    }
    None
}

/// Units of a shelf in live orders, by the orders themselves.
fn live_units(model: &Model, world: &World, shelf: ShelfNo) -> Units {
    let buys = |request: &RequestNo| model.order(*request).basket.shelves().any(|at| at == shelf);
    let live = model.requests().filter(|request| buys(request) && world.mysql.is_live(*request));
    // A second order of a request id has units of its own.
    live.map(|request| world.mysql.orders[request].cast_signed()).sum()
}

fn under_promises(model: &Model, world: &World, shelf: ShelfNo) -> bool {
    let key = &world.redis[shelf];
    let open = world.mysql.shelves[shelf].iter().all(|desk| desk.fence == key.epoch);
    let gives = open && key.same_incarnation;
    !gives || key.units <= model.scenario.stock[shelf] - live_units(model, world, shelf)
}

fn is_order(row: Row) -> bool {
    match row {
        Row::Order { .. } => true,
        Row::None | Row::Dead(_) | Row::Refused => false,
    }
}
