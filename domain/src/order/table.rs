//! The life of an order as a table: in which states an event may happen, and what it does. What stands in no row
//! is refused with WRONG_STATE. `docs/LIFECYCLE.md` is printed from it.

use crate::order::State;
use crate::order::State::{
    Cancelled, Completed, Confirmed, Delivered, Failed, Paid, PartShipped, Paying, PendingPayment, Refunded,
    Refunding, Reserving, Shipped, StockException,
};

/// What happens to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// All of its total is there; of a total of 0, at once.
    Settled,
    /// All of its total is there, and units that it holds are gone from their shelves.
    UnitsGone,
    /// An operator found units for it after all.
    Restocked,
    /// The time to pay is over.
    TimedOut,
    /// Somebody ends it.
    Cancel,
    /// Somebody ends it, and it has no money that would have to go back.
    CancelFree,
    /// An attempt to pay it was opened.
    AttemptOpened,
    /// Its latest attempt brought nothing.
    AttemptFailed,
    /// Its total came after the timer had ended it, and all of it can be had again.
    SettledLate,
    /// Its total came after it had ended, and goes back.
    SentBackLate,
    /// All of its money went back.
    AllRefunded,
    /// Some of it was sent, and something is left.
    PartSent,
    /// What was left of it was sent.
    AllSent,
    /// The buyer signed for it.
    Signed,
    /// The buyer has it all, or had the time to say otherwise.
    Received,
    /// An operator ends it on its way: it is lost, or taken back.
    TakenBack,
    /// An operator ends it on its way, and it has no money that would have to go back.
    TakenBackFree,
}

/// What an event does to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// What it holds becomes sold.
    Confirm,
    /// What it holds is let go; it waits for people.
    Except,
    /// Units are taken for it anew, and sold.
    Restock,
    /// What it holds and counts goes back.
    Cancel,
    /// What was sold and counted goes back, and all its money, of which there is none.
    RefundFree,
    /// It waits for an attempt.
    Pay,
    /// It waits for another attempt.
    AwaitPayment,
    /// What it had held and counted is taken again, and sold.
    Revive,
    /// Its money is asked back.
    Refund,
    /// Its money went back, and what was still sold and counted goes back.
    FinishRefund,
    /// Some of it is on its way.
    ShipPart,
    /// All of it is on its way.
    ShipRest,
    /// It arrived.
    Deliver,
    /// Nothing more is to come.
    Complete,
}

/// A row of [`TABLE`].
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// In any of these states
    pub from: &'static [State],
    /// this may happen,
    pub on: Event,
    /// and does this.
    pub does: Step,
}

/// Everything that moves an order from one state to another.
pub const TABLE: &[Row] = &[
    row(&[PendingPayment], Event::AttemptOpened, Step::Pay),
    row(&[Paying], Event::AttemptFailed, Step::AwaitPayment),
    row(&[PendingPayment, Paying], Event::Settled, Step::Confirm),
    row(&[PendingPayment, Paying], Event::UnitsGone, Step::Except),
    row(&[StockException], Event::Restocked, Step::Restock),
    row(&[PendingPayment, Paying], Event::TimedOut, Step::Cancel),
    row(&[PendingPayment, Paying], Event::Cancel, Step::Cancel),
    row(&[PendingPayment, Paying], Event::CancelFree, Step::Cancel),
    row(&[Cancelled], Event::SettledLate, Step::Revive),
    row(&[Cancelled], Event::SentBackLate, Step::Refund),
    row(&[StockException, Confirmed], Event::CancelFree, Step::RefundFree),
    row(&[Paid, StockException, Confirmed], Event::Cancel, Step::Refund),
    row(&[Confirmed, PartShipped], Event::PartSent, Step::ShipPart),
    row(&[Confirmed, PartShipped], Event::AllSent, Step::ShipRest),
    row(&[PartShipped, Shipped], Event::TakenBack, Step::Refund),
    row(&[PartShipped, Shipped], Event::TakenBackFree, Step::RefundFree),
    row(&[Shipped], Event::Signed, Step::Deliver),
    row(&[Delivered], Event::Received, Step::Complete),
    row(&[Refunding, Delivered, Completed], Event::AllRefunded, Step::FinishRefund),
];

const fn row(from: &'static [State], on: Event, does: Step) -> Row {
    Row { from, on, does }
}

impl Event {
    /// Every event.
    pub const ALL: [Event; 17] = [
        Event::Settled,
        Event::UnitsGone,
        Event::Restocked,
        Event::TimedOut,
        Event::Cancel,
        Event::CancelFree,
        Event::AttemptOpened,
        Event::AttemptFailed,
        Event::SettledLate,
        Event::SentBackLate,
        Event::AllRefunded,
        Event::PartSent,
        Event::AllSent,
        Event::Signed,
        Event::Received,
        Event::TakenBack,
        Event::TakenBackFree,
    ];

    /// The state that the event usually leads to, for the refusal where it leads nowhere.
    const fn wanted(self) -> State {
        match self {
            Event::Settled | Event::SettledLate | Event::Restocked => Confirmed,
            Event::UnitsGone => StockException,
            Event::TimedOut | Event::Cancel | Event::CancelFree => Cancelled,
            Event::AttemptOpened => Paying,
            Event::AttemptFailed => PendingPayment,
            Event::SentBackLate | Event::TakenBack => Refunding,
            Event::AllRefunded | Event::TakenBackFree => Refunded,
            Event::PartSent => PartShipped,
            Event::AllSent => Shipped,
            Event::Signed => Delivered,
            Event::Received => Completed,
        }
    }
}

impl Step {
    /// The state that the step leads to.
    pub const fn to(self) -> State {
        match self {
            Step::Confirm | Step::Revive | Step::Restock => Confirmed,
            Step::Except => StockException,
            Step::Cancel => Cancelled,
            Step::RefundFree | Step::FinishRefund => Refunded,
            Step::Pay => Paying,
            Step::AwaitPayment => PendingPayment,
            Step::Refund => Refunding,
            Step::ShipPart => PartShipped,
            Step::ShipRest => Shipped,
            Step::Deliver => Delivered,
            Step::Complete => Completed,
        }
    }
}

/// The order's state does not allow this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongState {
    /// The state that the event wants.
    pub wanted: State,
    /// The state that the order is in.
    pub is: State,
}

/// What an event does to an order in this state. An event that leaves the state as it is (another attempt, a
/// refund in part) is no step, and leaves version and history alone.
pub const fn step(state: State, event: Event) -> Result<Step, WrongState> {
    match STEPS[state as usize - 1][event as usize] {
        Some(step) => Ok(step),
        None => Err(WrongState { wanted: event.wanted(), is: state }),
    }
}

/// [`TABLE`] by state and event, so that a step is one look.
static STEPS: [[Option<Step>; Event::ALL.len()]; State::ALL.len()] = by_state_and_event();

const fn by_state_and_event() -> [[Option<Step>; Event::ALL.len()]; State::ALL.len()] {
    let mut steps = [[None; Event::ALL.len()]; State::ALL.len()];
    let mut at = 0;
    while at < TABLE.len() {
        let Row { from, on, does } = TABLE[at];
        let mut state = 0;
        while state < from.len() {
            let place = &mut steps[from[state] as usize - 1][on as usize];
            assert!(place.is_none(), "two rows for one state and event");
            *place = Some(does);
            state += 1;
        }
        at += 1;
    }
    steps
}

/// Whether the user, the timer or an operator can still end an order in this state. The ledger keeps room for
/// the request that ends each such order, so that ending one never finds it full.
pub(crate) const fn can_end(state: State) -> bool {
    step(state, Event::Cancel).is_ok()
}

/// Whether the payment timer of an order in this state runs.
pub(crate) const fn is_timed(state: State) -> bool {
    step(state, Event::TimedOut).is_ok()
}

/// Whether an order in this state waits to count as complete.
pub(crate) const fn waits_for_completion(state: State) -> bool {
    step(state, Event::Received).is_ok()
}

/// History rows that are kept free for an order in this state: for its end, for its first attempt to pay, and for
/// all that money which arrives, or goes back, can do to it. So none of them ever finds the ledger full.
pub(crate) const fn rows_kept(state: State, has_payments: bool) -> usize {
    match (state, has_payments) {
        // An attempt is opened, and then as below.
        (PendingPayment | Paying, false) => 6,
        // Its attempt fails; it ends; its money comes late and revives it; it is cancelled; its money goes back.
        (Paying, true) => 5,
        (PendingPayment, true) => 4,
        // It is revived, or units are found for it; and then as below.
        (Cancelled | StockException, true) => 3,
        (Paid | Confirmed, true) => 2,
        // On its way, it is taken back and its money goes back; delivered, its timer completes it, and then.
        (PartShipped | Shipped | Delivered, true) => 2,
        (Completed, true) => 1,
        (Paid | StockException | Confirmed, false) => 1,
        (Refunding, _) => 1,
        (PartShipped | Shipped | Delivered, false) => 1,
        (Completed | Cancelled, false) => 0,
        (Reserving | Failed | Refunded, _) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_stand_at_their_own_places() {
        for (place, event) in Event::ALL.into_iter().enumerate() {
            assert_eq!(event as usize, place);
        }
    }

    #[test]
    fn what_stands_in_no_row_is_refused() {
        for state in State::ALL {
            for event in Event::ALL {
                let row = TABLE.iter().find(|row| row.on == event && row.from.contains(&state));
                assert_eq!(step(state, event).ok(), row.map(|row| row.does), "{state:?} {event:?}");
            }
        }
    }

    /// Rows kept before a step cover the step and what is kept behind it: room never runs out on the way.
    #[test]
    fn the_rows_kept_are_enough_for_every_way_on() {
        let ways = TABLE.iter().flat_map(|row| row.from.iter().map(move |&from| (from, row.on, row.does)));
        for (from, event, step) in ways {
            for has_payments in [false, true] {
                // Opening another attempt and sending an order look for room themselves.
                let looks = event == Event::AttemptOpened && has_payments
                    || matches!(step, Step::ShipPart | Step::ShipRest | Step::Deliver);
                let needs_payments = matches!(
                    step,
                    Step::Except | Step::Restock | Step::Refund | Step::Revive | Step::FinishRefund
                );
                if looks
                    || (needs_payments && !has_payments)
                    || (event == Event::AttemptFailed && !has_payments)
                {
                    continue;
                }
                // Before its first order id is out, a free order has looked for a row more.
                let free = usize::from(!has_payments && step == Step::Confirm);
                let kept = rows_kept(from, has_payments) + free;
                let after = has_payments || event == Event::AttemptOpened;
                assert!(kept > rows_kept(step.to(), after), "{from:?} {event:?} {has_payments}");
            }
        }
    }
}
