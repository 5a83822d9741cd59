//! All there is at one instant, what can happen next, and what then is.

use std::hash::{Hash, Hasher};

use crate::client::{Client, Heard};
use crate::few::Few;
use crate::message::Message;
use crate::mutation::{Mutation, Rules};
use crate::mysql::{Mysql, Row};
use crate::node::Ask;
use crate::redis::Shelf;
use crate::repair::{Opener, Reconciling};
use crate::scenarios::{Faults, Order, Scenario};
use crate::search::Mixer;
use crate::story::{Story, name};
use crate::{ASKS, LATE, REQUESTS, RequestNo, SHARDS, SHELVES, ShardNo, ShelfNo, WORKERS};

/// A scenario under rules.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// Who asks for what, and what may go wrong.
    pub scenario: Scenario,
    /// The protocol, whole or with one rule broken.
    pub rules: Rules,
}

/// All there is at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct World {
    /// What Redis has of each shelf.
    pub redis: [Shelf; SHELVES],
    /// What a replica, or the disk of each shelf's Redis, has: an older state.
    pub saved: [Shelf; SHELVES],
    /// A master that was replaced and does not know it yet; only where nodes can still reach it.
    pub deposed: [Shelf; SHELVES],
    /// The MySQL shards.
    pub mysql: Mysql,
    /// Clients, one a request id.
    pub clients: [Client; REQUESTS],
    /// Asks that nodes work on, by request id.
    pub asks: [Few<Ask, ASKS>; REQUESTS],
    /// Reconcilers at work.
    pub reconcilers: Few<Reconciling, WORKERS>,
    /// Openers at work.
    pub openers: Few<Opener, WORKERS>,
    /// Messages that nobody waits for.
    pub late: Few<Message, LATE>,
    /// Faults that may still happen.
    pub faults: Faults,
}

/// What becomes of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Done, and its answer came.
    Done,
    /// Sent; its answer does not come. It may be done later, or never.
    TimesOut,
    /// Who would do it dies before it.
    Dies,
}

/// Something that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A client asks.
    Ask(RequestNo),
    /// A node does an ask's next step.
    Step(RequestNo, usize, Fate),
    /// A late message lands.
    Land(usize),
    /// A live order is cancelled by its user, or expires.
    EndOrder(RequestNo),
    /// Units given back become a batch.
    NumberBatch(ShelfNo, ShardNo),
    /// A batch goes to Redis.
    SendReturn(ShelfNo, ShardNo, Fate),
    /// A reconciler finds a held record.
    FindRecord(ShelfNo, RequestNo),
    /// A reconciler's next step.
    Reconcile(usize, Fate),
    /// An opener begins.
    BeginOpening(ShelfNo),
    /// An opener's next step.
    Open(usize, Fate),
    /// The replica gets what its Redis has now; or the disk does.
    Save(ShelfNo),
    /// The replica is promoted, or the server comes back from its disk: with lost writes, if any came after saving.
    FailOver(ShelfNo),
    /// Nodes reach the other one of two masters: the deposed one, or the new one again.
    Stray(ShelfNo),
    /// FLUSHALL, or a restart with nothing.
    Flush(ShelfNo),
    /// A held record expires: only where records are dropped early.
    DropRecord(ShelfNo, RequestNo),
    /// A dead row is deleted: only where that is done.
    DeleteDeadRow(RequestNo),
}

impl Model {
    /// What a request id asks for.
    pub fn order(&self, request: RequestNo) -> &'static Order {
        &self.scenario.orders[request]
    }

    /// Whether the opener sums in the transactions that raise the fences.
    pub fn sums_under_fence(&self) -> bool {
        !self.rules.broken(Mutation::SumBeforeFence) && !self.rules.broken(Mutation::SumAfterFence)
    }

    /// The beginning: every shelf open at epoch 1, nobody has asked.
    pub fn beginning(&self) -> World {
        let mut world = World { faults: self.scenario.faults, ..World::default() };
        for shelf in self.shelves() {
            world.redis[shelf] = Shelf::open(1, self.scenario.stock[shelf]);
            world.saved[shelf] = world.redis[shelf];
            for desk in &mut world.mysql.shelves[shelf] {
                desk.fence = 1;
            }
        }
        world
    }

    /// The scenario's request ids.
    pub fn requests(&self) -> std::ops::Range<RequestNo> {
        0..self.scenario.orders.len()
    }

    /// The scenario's shelves: those with stock.
    pub fn shelves(&self) -> impl Iterator<Item = ShelfNo> + use<> {
        let stock = self.scenario.stock;
        (0..SHELVES).filter(move |shelf| stock[*shelf] > 0)
    }

    /// All that can happen now.
    pub fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        actions.clear();
        self.actions_of_clients(world, actions);
        actions.extend((0..world.late.len()).map(Action::Land));
        self.actions_of_repair(world, actions);
        self.actions_of_redis(world, actions);
        self.actions_of_mutations(world, actions);
    }

    fn actions_of_clients(&self, world: &World, actions: &mut Vec<Action>) {
        for request in self.requests() {
            let client = &world.clients[request];
            if client.heard == Heard::Nothing && client.asks < self.order(request).asks {
                actions.push(Action::Ask(request));
            }
            for (at, ask) in world.asks[request].iter().enumerate() {
                actions.extend(world.fates_of_ask(&ask).map(|fate| Action::Step(request, at, fate)));
            }
            if world.faults.ends > 0 && world.mysql.is_live(request) {
                actions.push(Action::EndOrder(request));
            }
        }
    }

    fn actions_of_repair(&self, world: &World, actions: &mut Vec<Action>) {
        let late = world.faults.time_outs > 0 && !world.late.is_full();
        let fates = [Fate::Done, Fate::TimesOut];
        let fates = &fates[..if late { 2 } else { 1 }];
        for shelf in self.shelves() {
            for shard in 0..SHARDS {
                if world.may_number(self, shelf, shard) {
                    actions.push(Action::NumberBatch(shelf, shard));
                }
                let desk = &world.mysql.shelves[shelf][shard];
                let open = desk.fence == world.redis[shelf].epoch && world.redis[shelf].same_incarnation;
                if desk.batch_units > 0 && (open || self.rules.broken(Mutation::ReturnToAnyIncarnation)) {
                    actions.extend(fates.iter().map(|fate| Action::SendReturn(shelf, shard, *fate)));
                }
            }
            let found =
                |request| world.reconcilers.iter().any(|work| (work.shelf, work.request) == (shelf, request));
            if world.reconcilers.len() < usize::from(self.scenario.reconcilers) {
                let records = self.requests().filter(|request| world.redis[shelf].record(*request).is_some());
                // Two reconcilers on one record are two late scripts: those come with time-outs.
                actions.extend(
                    records.filter(|request| !found(*request)).map(|at| Action::FindRecord(shelf, at)),
                );
            }
            let opening = world.openers.iter().any(|opener| opener.shelf == shelf);
            let wanted = world.is_closed(shelf) && !opening || world.faults.spare_openers > 0;
            if wanted && !world.openers.is_full() {
                actions.push(Action::BeginOpening(shelf));
            }
        }
        for (at, work) in world.reconcilers.iter().enumerate() {
            let script = matches!(work.step, crate::repair::Judging::Judged(_));
            let fates = if script { fates } else { &fates[..1] };
            actions.extend(fates.iter().map(|fate| Action::Reconcile(at, *fate)));
        }
        for (at, opener) in world.openers.iter().enumerate() {
            actions.extend(world.fates_of_opener(&opener).map(|fate| Action::Open(at, fate)));
        }
    }

    fn actions_of_redis(&self, world: &World, actions: &mut Vec<Action>) {
        for shelf in self.shelves() {
            if world.faults.saves > 0 && world.saved[shelf] != world.redis[shelf] {
                actions.push(Action::Save(shelf));
            }
            if world.faults.fail_overs > 0 {
                actions.push(Action::FailOver(shelf));
            }
            if world.faults.strays > 0 && world.deposed[shelf].epoch > 0 {
                actions.push(Action::Stray(shelf));
            }
            if world.faults.flushes > 0 {
                actions.push(Action::Flush(shelf));
            }
        }
    }

    fn actions_of_mutations(&self, world: &World, actions: &mut Vec<Action>) {
        for request in self.requests() {
            if self.rules.broken(Mutation::RecordDroppedEarly) {
                let held = self.shelves().filter(|shelf| world.redis[*shelf].record(request).is_some());
                actions.extend(held.map(|shelf| Action::DropRecord(shelf, request)));
            }
            if self.rules.broken(Mutation::DeadRowDeleted)
                && matches!(world.mysql.rows[request], Row::Dead(_))
            {
                actions.push(Action::DeleteDeadRow(request));
            }
        }
    }

    /// What then is.
    pub fn after(&self, world: &World, action: Action, story: &mut Story) -> World {
        let mut next = *world;
        match action {
            Action::Ask(request) => next.ask(self, request, story),
            Action::Step(request, at, fate) => next.step_ask(self, request, at, fate, story),
            Action::Land(at) => next.land(self, at, story),
            Action::EndOrder(request) => next.end_order(self, request, story),
            Action::NumberBatch(shelf, shard) => next.number_batch(self.rules, shelf, shard, story),
            Action::SendReturn(shelf, shard, fate) => next.send_return(self, shelf, shard, fate, story),
            Action::FindRecord(shelf, request) => next.find_record(shelf, request, story),
            Action::Reconcile(at, fate) => next.step_reconciler(self, at, fate, story),
            Action::BeginOpening(shelf) => {
                // Who opens without need saw a shelf closed that another has opened since.
                let opening = next.openers.iter().any(|opener| opener.shelf == shelf);
                if !next.is_closed(shelf) || opening {
                    next.faults.spare_openers -= 1;
                }
                next.begin_opening(self, shelf, story);
            }
            Action::Open(at, fate) => next.step_opener(self, at, fate, story),
            Action::Save(shelf) => {
                next.faults.saves -= 1;
                next.saved[shelf] = next.redis[shelf];
                story.say(|| format!("the replica of shelf {shelf} has all that its Redis has"));
            }
            Action::FailOver(shelf) => {
                next.faults.fail_overs -= 1;
                if next.faults.strays > 0 {
                    next.deposed[shelf] = next.redis[shelf];
                }
                let saved = next.saved[shelf];
                next.redis[shelf].come_back_as(saved);
                story.say(|| format!("FAIL-OVER of shelf {shelf}: Redis is {:?}", next.redis[shelf]));
            }
            Action::Stray(shelf) => {
                next.faults.strays -= 1;
                std::mem::swap(&mut next.redis[shelf], &mut next.deposed[shelf]);
                if next.faults.strays == 0 {
                    next.deposed[shelf] = Shelf::default(); // Nobody reaches it any more.
                }
                story.say(|| format!("all reach the other master of shelf {shelf}: {:?}", next.redis[shelf]));
            }
            Action::Flush(shelf) => {
                next.faults.flushes -= 1;
                next.redis[shelf] = Shelf::default();
                story.say(|| format!("FLUSH of shelf {shelf}: nothing is left"));
            }
            Action::DropRecord(shelf, request) => {
                next.redis[shelf].held[request] = Default::default();
                story.say(|| format!("{}'s record on shelf {shelf} is dropped", name(request)));
            }
            Action::DeleteDeadRow(request) => {
                next.mysql.rows[request] = Row::None;
                story.say(|| format!("{}'s dead row is deleted", name(request)));
            }
        }
        next
    }
}

impl World {
    /// Cancel by the user, or the payment timer: both end a live order in one transaction under the fences. It needs
    /// nobody to have heard of the order.
    fn end_order(&mut self, model: &Model, request: RequestNo, story: &mut Story) {
        self.faults.ends -= 1;
        let order = model.order(request);
        let read = self.mysql.fences(order.shard);
        if model.rules.broken(Mutation::NoFenceOnCancel) {
            self.late.put(Message::EndOrder(request, read));
            story.say(|| format!("the end of {}'s order has read the fences {read:?}", name(request)));
        } else {
            self.mysql.end_order(request, order.basket, order.shard, read);
            story.say(|| format!("{}'s order ends", name(request)));
        }
    }

    /// Whether any node is in the middle of anything.
    pub fn is_at_work(&self) -> bool {
        let repairs = !self.openers.is_empty() || !self.reconcilers.is_empty();
        repairs || self.asks.iter().any(|asks| !asks.is_empty())
    }

    /// A number for this state; request ids that ask for the same are exchangeable, so states that differ only in
    /// which of them is which have the same number.
    pub fn fingerprint(&self, model: &Model) -> u64 {
        let mut each = [0; REQUESTS];
        for request in model.requests() {
            each[request] = self.fingerprint_of(model, request);
        }
        each.sort_unstable();
        let mut all = Mixer::default();
        each.hash(&mut all);
        for shelf in model.shelves() {
            for key in [&self.redis[shelf], &self.saved[shelf], &self.deposed[shelf]] {
                (key.epoch, key.same_incarnation, key.units, key.returned).hash(&mut all);
            }
            self.mysql.shelves[shelf].hash(&mut all);
        }
        self.openers.as_slice().hash(&mut all);
        for message in self.late.iter().filter(|message| message.request().is_none()) {
            message.hash(&mut all);
        }
        self.faults.hash(&mut all);
        all.finish()
    }

    /// All that is about one request id.
    fn fingerprint_of(&self, model: &Model, request: RequestNo) -> u64 {
        let mut one = Mixer::default();
        model.order(request).hash(&mut one);
        (self.clients[request], self.asks[request].as_slice()).hash(&mut one);
        (self.mysql.rows[request], self.mysql.orders[request]).hash(&mut one);
        for shelf in model.shelves() {
            for key in [&self.redis[shelf], &self.saved[shelf], &self.deposed[shelf]] {
                key.held[request].hash(&mut one);
            }
        }
        for message in self.late.iter().filter(|message| message.request() == Some(request)) {
            message.nameless().hash(&mut one);
        }
        for work in self.reconcilers.iter().filter(|work| work.request == request) {
            Reconciling { request: 0, ..work }.hash(&mut one);
        }
        one.finish()
    }
}
