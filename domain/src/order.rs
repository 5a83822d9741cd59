//! An order's states, and which event leads from which to which.

/// Where an order stands. The numbers are on the wire and on disk, so they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum State {
    /// Kept for queued orders; nothing enters it yet.
    Reserving = 1,
    /// Units are held; the payment timer runs.
    PendingPayment = 2,
    /// A payment attempt is open.
    Paying = 3,
    /// Paid, not yet confirmed: passed through within one step.
    Paid = 4,
    /// Paid, but the units are gone (cluster only).
    StockException = 5,
    /// Paid (or free), units sold; waits to be shipped.
    Confirmed = 6,
    /// Some lines are shipped.
    PartShipped = 7,
    /// Every line is shipped or cancelled.
    Shipped = 8,
    /// Signed for.
    Delivered = 9,
    /// Closed by the buyer or by time.
    Completed = 10,
    /// Kept for queued orders; nothing enters it yet.
    Failed = 11,
    /// Ended before payment; units, limits and coupon went back.
    Cancelled = 12,
    /// Money is on its way back.
    Refunding = 13,
    /// Money went back (or there was none).
    Refunded = 14,
}

impl State {
    /// Every state, by number.
    pub const ALL: [State; 14] = [
        State::Reserving,
        State::PendingPayment,
        State::Paying,
        State::Paid,
        State::StockException,
        State::Confirmed,
        State::PartShipped,
        State::Shipped,
        State::Delivered,
        State::Completed,
        State::Failed,
        State::Cancelled,
        State::Refunding,
        State::Refunded,
    ];

    /// The number on the wire and on disk.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The state of this number, if there is one.
    pub const fn from_number(number: u8) -> Option<State> {
        match number {
            1..=14 => Some(Self::ALL[number as usize - 1]),
            _ => None,
        }
    }
}

/// What happens to an order. What ships adds its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// All of its total is there; of a total of 0, at once.
    Settled,
    /// The time to pay is over.
    TimedOut,
    /// Somebody ends it. `free`: it has no money that would have to go back.
    Cancel {
        /// Whether the order has no money.
        free: bool,
    },
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
}

/// What an event does to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// What it holds becomes sold.
    Confirm,
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
}

impl Step {
    /// The state that the step leads to.
    pub const fn to(self) -> State {
        match self {
            Step::Confirm | Step::Revive => State::Confirmed,
            Step::Cancel => State::Cancelled,
            Step::RefundFree | Step::FinishRefund => State::Refunded,
            Step::Pay => State::Paying,
            Step::AwaitPayment => State::PendingPayment,
            Step::Refund => State::Refunding,
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
    let step = match state {
        State::PendingPayment => match event {
            Event::Settled => Some(Step::Confirm),
            Event::TimedOut | Event::Cancel { .. } => Some(Step::Cancel),
            Event::AttemptOpened => Some(Step::Pay),
            Event::AttemptFailed | Event::SettledLate | Event::SentBackLate | Event::AllRefunded => None,
        },
        State::Paying => match event {
            Event::Settled => Some(Step::Confirm),
            Event::TimedOut | Event::Cancel { .. } => Some(Step::Cancel),
            Event::AttemptFailed => Some(Step::AwaitPayment),
            Event::AttemptOpened | Event::SettledLate | Event::SentBackLate | Event::AllRefunded => None,
        },
        State::Paid | State::StockException => paid(event, None),
        State::Confirmed => paid(event, Some(Step::RefundFree)),
        State::Cancelled => match event {
            Event::SettledLate => Some(Step::Revive),
            Event::SentBackLate => Some(Step::Refund),
            Event::Settled
            | Event::TimedOut
            | Event::Cancel { .. }
            | Event::AttemptOpened
            | Event::AttemptFailed
            | Event::AllRefunded => None,
        },
        State::Refunding | State::Delivered | State::Completed => match event {
            Event::AllRefunded => Some(Step::FinishRefund),
            Event::Settled
            | Event::TimedOut
            | Event::Cancel { .. }
            | Event::AttemptOpened
            | Event::AttemptFailed
            | Event::SettledLate
            | Event::SentBackLate => None,
        },
        State::Reserving | State::PartShipped | State::Shipped | State::Failed | State::Refunded => None,
    };
    match step {
        Some(step) => Ok(step),
        None => Err(WrongState { wanted: wanted(event), is: state }),
    }
}

/// Paid and not shipped: somebody can still end it.
const fn paid(event: Event, free: Option<Step>) -> Option<Step> {
    match event {
        Event::Cancel { free: false } => Some(Step::Refund),
        Event::Cancel { free: true } => free,
        Event::Settled
        | Event::TimedOut
        | Event::AttemptOpened
        | Event::AttemptFailed
        | Event::SettledLate
        | Event::SentBackLate
        | Event::AllRefunded => None,
    }
}

/// The state that an event usually leads to.
const fn wanted(event: Event) -> State {
    match event {
        Event::Settled | Event::SettledLate => State::Confirmed,
        Event::TimedOut | Event::Cancel { .. } => State::Cancelled,
        Event::AttemptOpened => State::Paying,
        Event::AttemptFailed => State::PendingPayment,
        Event::SentBackLate => State::Refunding,
        Event::AllRefunded => State::Refunded,
    }
}

/// Whether the user, the timer or an operator can still end an order in this state. The ledger keeps room for
/// the request that ends each such order, so that ending one never finds it full.
pub(crate) const fn can_end(state: State) -> bool {
    step(state, Event::Cancel { free: false }).is_ok()
}

/// Whether the payment timer of an order in this state runs.
pub(crate) const fn is_timed(state: State) -> bool {
    step(state, Event::TimedOut).is_ok()
}

/// History rows that are kept free for an order in this state: for its end, and where it has payments for all
/// that money which arrives, or goes back, can do to it. So neither ever finds the ledger full.
pub(crate) const fn rows_kept(state: State, has_payments: bool) -> usize {
    match (state, has_payments) {
        (State::PendingPayment | State::Paying, false) => 1,
        // Its attempt fails; it ends; its money comes late and revives it; it is cancelled; its money goes back.
        (State::Paying, true) => 5,
        (State::PendingPayment, true) => 4,
        (State::Cancelled, true) => 3,
        (State::Paid | State::StockException | State::Confirmed, true) => 2,
        (State::PartShipped | State::Shipped | State::Delivered | State::Completed, true) => 2,
        (State::Paid | State::StockException | State::Confirmed, false) => 1,
        (State::Refunding, _) => 1,
        (State::PartShipped | State::Shipped | State::Delivered | State::Completed, false) => 0,
        (State::Cancelled, false) => 0,
        (State::Reserving | State::Failed | State::Refunded, _) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_states_agree() {
        for number in 0..=u8::MAX {
            match State::from_number(number) {
                Some(state) => assert_eq!(state.number(), number),
                None => assert!(!(1..=14).contains(&number)),
            }
        }
    }

    /// Every step there is. All other pairs are WRONG_STATE.
    const LEADS: &[(State, Event, Step)] = &[
        (State::PendingPayment, Event::Settled, Step::Confirm),
        (State::Paying, Event::Settled, Step::Confirm),
        (State::PendingPayment, Event::TimedOut, Step::Cancel),
        (State::Paying, Event::TimedOut, Step::Cancel),
        (State::PendingPayment, Event::Cancel { free: false }, Step::Cancel),
        (State::Paying, Event::Cancel { free: false }, Step::Cancel),
        (State::PendingPayment, Event::Cancel { free: true }, Step::Cancel),
        (State::Paying, Event::Cancel { free: true }, Step::Cancel),
        (State::Confirmed, Event::Cancel { free: true }, Step::RefundFree),
        (State::Paid, Event::Cancel { free: false }, Step::Refund),
        (State::StockException, Event::Cancel { free: false }, Step::Refund),
        (State::Confirmed, Event::Cancel { free: false }, Step::Refund),
        (State::PendingPayment, Event::AttemptOpened, Step::Pay),
        (State::Paying, Event::AttemptFailed, Step::AwaitPayment),
        (State::Cancelled, Event::SettledLate, Step::Revive),
        (State::Cancelled, Event::SentBackLate, Step::Refund),
        (State::Refunding, Event::AllRefunded, Step::FinishRefund),
        (State::Delivered, Event::AllRefunded, Step::FinishRefund),
        (State::Completed, Event::AllRefunded, Step::FinishRefund),
    ];

    #[test]
    fn every_event_in_every_state_is_as_the_table_says() {
        let events = [
            Event::Settled,
            Event::TimedOut,
            Event::Cancel { free: false },
            Event::Cancel { free: true },
            Event::AttemptOpened,
            Event::AttemptFailed,
            Event::SettledLate,
            Event::SentBackLate,
            Event::AllRefunded,
        ];
        for state in State::ALL {
            for event in events {
                let row = LEADS.iter().find(|row| (row.0, row.1) == (state, event));
                match (row, step(state, event)) {
                    (Some(&(_, _, does)), Ok(step)) => assert_eq!(step, does, "{state:?} {event:?}"),
                    (None, Err(wrong)) => assert_eq!(wrong.is, state),
                    (row, step) => panic!("{state:?} {event:?}: {row:?} in the table, {step:?} in the code"),
                }
            }
        }
    }

    /// Rows kept before a step cover the step and what is kept behind it: room never runs out on the way.
    #[test]
    fn the_rows_kept_are_enough_for_every_way_on() {
        for &(from, event, step) in LEADS {
            for has_payments in [false, true] {
                // Opening an attempt and a refund of an order that has no more payments look for room themselves.
                let looks = event == Event::AttemptOpened;
                let needs_payments = matches!(step, Step::Refund | Step::Revive | Step::FinishRefund);
                if looks
                    || (needs_payments && !has_payments)
                    || (event == Event::AttemptFailed && !has_payments)
                {
                    continue;
                }
                // Before its first order id is out, a free order has looked for a row more.
                let free = usize::from(!has_payments && step == Step::Confirm);
                let kept = rows_kept(from, has_payments) + free;
                assert!(kept > rows_kept(step.to(), has_payments), "{from:?} {event:?} {has_payments}");
            }
        }
    }
}
