//! Orders that go to rest and come back, in the middle of a history.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use domain::fact::Facts;
use domain::intent::Envelope;
use domain::verdict::OrderBrief;
use domain::{
    Intent, Ledger, Making, MicrosUtc, Needs, OrderId, PageFilter, PagePart, RestingOrder, UserId, Verdict,
};
use fastrand::Rng;

/// Once in so many steps some orders go to rest.
const STEPS_A_REST: u32 = 6;

/// What keeps the orders at rest, as far as an answer shows it: the newest record of each.
#[derive(Debug, Default)]
pub struct Bed {
    kept: BTreeMap<Making, Kept>,
    /// Handed out and not yet kept.
    leaving: Vec<(OrderId, Kept)>,
    /// Orders that left memory, and that came back.
    pub left: u64,
    pub came_back: u64,
}

#[derive(Clone, Debug)]
struct Kept {
    due: Option<MicrosUtc>,
    record: Vec<u8>,
}

impl Bed {
    /// Lets orders go, now and then.
    pub fn take_some(&mut self, dice: &mut Rng, ledger: &mut Ledger) {
        if dice.u32(0..STEPS_A_REST) > 0 {
            return;
        }
        // What was handed out before is kept by now. Some of it changed meanwhile, and stays.
        for (order, kept) in std::mem::take(&mut self.leaving) {
            self.kept.insert(order.making(), kept);
            self.left += u64::from(ledger.rested(order));
        }
        let rows = *dice.choice(&[1, 30, ledger.rows()]).expect("a choice");
        ledger.rest(rows, dice.u8(0..=Ledger::REST_ROUNDS), |resting| {
            let was_kept = self.kept.contains_key(&resting.brief.order.making());
            assert_eq!(resting.was_kept, was_kept, "{:?}", resting.brief);
            let kept = Kept { due: resting.due, record: resting.record.to_vec() };
            self.leaving.push((resting.brief.order, kept));
            ControlFlow::Continue(())
        });
    }

    /// What is kept of orders, at rest or awake again.
    pub fn records(&self) -> impl Iterator<Item = (Making, &[u8])> {
        self.kept.iter().map(|(&made, kept)| (made, &kept.record[..]))
    }

    /// Hands back what becomes due by then.
    pub fn wake_due(&mut self, now: MicrosUtc, ledger: &mut Ledger) {
        for kept in self.kept.values().filter(|kept| kept.due.is_some_and(|due| due <= now)) {
            let order = RestingOrder::read(&kept.record).expect("a record is an order");
            if rests(ledger, order.brief.order) {
                self.came_back += 1;
                ledger.wake(&kept.record).expect("there is room for all");
            }
        }
    }

    /// What the ledger answers, once it has what it needs.
    pub fn ask(
        &mut self,
        ledger: &mut Ledger,
        now: MicrosUtc,
        envelope: Envelope,
        intent: &Intent<'_>,
        facts: &mut impl Facts,
    ) -> Verdict {
        loop {
            match ledger.needs(intent) {
                Needs::Nothing => break,
                Needs::Page(filter) => return ledger.page(&filter, &self.part(ledger, &filter)),
                Needs::Order { making, is_there } => match self.kept.get(&making) {
                    Some(kept) => {
                        self.came_back += 1;
                        ledger.wake(&kept.record).expect("there is room for all");
                    }
                    None if is_there => panic!("the order made at {} is nowhere", making.0),
                    None => break,
                },
            }
        }
        ledger.apply(now, envelope, intent, facts)
    }

    /// Of all that is at rest. (What is awake is left out: in its place it would be counted, and a page be shorter than
    /// the model's.)
    fn part(&self, ledger: &Ledger, filter: &PageFilter) -> PagePart {
        let orders = self.kept.range(..filter.before).rev().map(|(_, kept)| {
            let RestingOrder { brief, lines } =
                RestingOrder::read(&kept.record).expect("a record is an order");
            (brief, lines.into_iter())
        });
        let of_user = |brief: &OrderBrief| filter.user == UserId(0) || brief.user == filter.user;
        filter.part(orders.filter(|(brief, _)| of_user(brief) && rests(ledger, brief.order)))
    }
}

fn rests(ledger: &Ledger, order: OrderId) -> bool {
    ledger.needs(&Intent::Get { user: UserId(0), order }) != Needs::Nothing
}
