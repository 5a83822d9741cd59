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

/// What happens to an order. What pays, ships and takes back adds its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// All of its total is there; of a total of 0, at once.
    Settled,
    /// The time to pay is over.
    TimedOut,
    /// Somebody ends it. `free`: its total is 0, so there is no money to send back.
    Cancel {
        /// Whether the order's total is 0.
        free: bool,
    },
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
}

impl Step {
    /// The state that the step leads to.
    pub const fn to(self) -> State {
        match self {
            Step::Confirm => State::Confirmed,
            Step::Cancel => State::Cancelled,
            Step::RefundFree => State::Refunded,
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

/// What an event does to an order in this state.
pub const fn step(state: State, event: Event) -> Result<Step, WrongState> {
    match event {
        Event::Settled => settled(state),
        Event::TimedOut => ended(state),
        Event::Cancel { free: true } => ended_free(state),
        Event::Cancel { free: false } => ended(state),
    }
}

const fn settled(state: State) -> Result<Step, WrongState> {
    match state {
        State::PendingPayment | State::Paying => Ok(Step::Confirm),
        State::Reserving
        | State::Paid
        | State::StockException
        | State::Confirmed
        | State::PartShipped
        | State::Shipped
        | State::Delivered
        | State::Completed
        | State::Failed
        | State::Cancelled
        | State::Refunding
        | State::Refunded => Err(WrongState { wanted: State::Confirmed, is: state }),
    }
}

const fn ended(state: State) -> Result<Step, WrongState> {
    match state {
        State::PendingPayment | State::Paying => Ok(Step::Cancel),
        State::Reserving
        | State::Paid
        | State::StockException
        | State::Confirmed
        | State::PartShipped
        | State::Shipped
        | State::Delivered
        | State::Completed
        | State::Failed
        | State::Cancelled
        | State::Refunding
        | State::Refunded => Err(WrongState { wanted: State::Cancelled, is: state }),
    }
}

const fn ended_free(state: State) -> Result<Step, WrongState> {
    match state {
        State::PendingPayment | State::Paying => Ok(Step::Cancel),
        State::Confirmed => Ok(Step::RefundFree),
        State::Reserving
        | State::Paid
        | State::StockException
        | State::PartShipped
        | State::Shipped
        | State::Delivered
        | State::Completed
        | State::Failed
        | State::Cancelled
        | State::Refunding
        | State::Refunded => Err(WrongState { wanted: State::Cancelled, is: state }),
    }
}

/// Whether the user, the timer or an operator can still end an order in this state. The ledger keeps room for
/// the end of each such order, so that ending one never finds it full.
pub(crate) fn can_end(state: State, free: bool) -> bool {
    step(state, Event::Cancel { free }).is_ok()
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

    /// The states from which each event leads on, and where to. All other pairs are WRONG_STATE.
    const LEADS: &[(State, Event, State)] = &[
        (State::PendingPayment, Event::Settled, State::Confirmed),
        (State::Paying, Event::Settled, State::Confirmed),
        (State::PendingPayment, Event::TimedOut, State::Cancelled),
        (State::Paying, Event::TimedOut, State::Cancelled),
        (State::PendingPayment, Event::Cancel { free: false }, State::Cancelled),
        (State::Paying, Event::Cancel { free: false }, State::Cancelled),
        (State::PendingPayment, Event::Cancel { free: true }, State::Cancelled),
        (State::Paying, Event::Cancel { free: true }, State::Cancelled),
        (State::Confirmed, Event::Cancel { free: true }, State::Refunded),
    ];

    #[test]
    fn every_event_in_every_state_is_as_the_table_says() {
        let events =
            [Event::Settled, Event::TimedOut, Event::Cancel { free: false }, Event::Cancel { free: true }];
        for state in State::ALL {
            for event in events {
                let row = LEADS.iter().find(|row| (row.0, row.1) == (state, event));
                match (row, step(state, event)) {
                    (Some(&(_, _, to)), Ok(step)) => assert_eq!(step.to(), to, "{state:?} {event:?}"),
                    (None, Err(wrong)) => assert_eq!(wrong.is, state),
                    (row, step) => panic!("{state:?} {event:?}: {row:?} in the table, {step:?} in the code"),
                }
            }
        }
    }
}
