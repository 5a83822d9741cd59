//! What a statement says of a payment beside what the ledger says: pure, so that every case is a row of a test.

use tidegate_sdk::{Money, Payment, PaymentId, PaymentState, RefundNow, RefundState};

use super::statement::{Row, Says};

/// A difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The line of the statement that shows it.
    pub row: Row,
    /// The payment, where the line names one.
    pub payment: Option<PaymentId>,
    pub what: What,
}

/// What is different.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The buyer paid, and the ledger has no such payment.
    PaidWithoutOrder,
    /// The payment is not of the order that the line names.
    OtherOrder,
    /// The ledger has another amount or currency for what arrived.
    AmountDiffers,
    /// Money came more than once by one attempt; the ledger has it once.
    PaidTwice,
    /// Another amount than was asked for is there, and nobody has sent it back or settled it.
    WaitsForPeople,
    /// The gateway says that it failed, and the ledger has money.
    FailedWithMoney,
    /// What went back is more than the ledger knows of, or another refund.
    RefundDiffers,
    /// The ledger believes that it went through, and it stands in no line.
    NotInStatement,
    /// The ledger has not heard what became of the attempt.
    MissingCallback(Missing),
    /// The ledger has not heard what became of its refund.
    MissingRefundResult { number: u16, amount: Money, succeeded: bool },
}

/// What a missing callback has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    Paid { money: Money, reference: u64 },
    Failed,
}

impl What {
    /// Its name in tables and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            What::PaidWithoutOrder => "paid_without_order",
            What::OtherOrder => "other_order",
            What::AmountDiffers => "amount_differs",
            What::PaidTwice => "paid_twice",
            What::WaitsForPeople => "waits_for_people",
            What::FailedWithMoney => "failed_with_money",
            What::RefundDiffers => "refund_differs",
            What::NotInStatement => "not_in_statement",
            What::MissingCallback(_) => "missing_callback",
            What::MissingRefundResult { .. } => "missing_refund_result",
        }
    }

    /// Whether the gateway's own word, said again, puts it right.
    pub const fn can_be_said_again(self) -> bool {
        match self {
            What::MissingCallback(_) | What::MissingRefundResult { .. } => true,
            What::PaidWithoutOrder
            | What::OtherOrder
            | What::AmountDiffers
            | What::PaidTwice
            | What::WaitsForPeople
            | What::FailedWithMoney
            | What::RefundDiffers
            | What::NotInStatement => false,
        }
    }

    /// What people do about it.
    pub const fn remedy(self) -> &'static str {
        match self {
            What::PaidWithoutOrder => "find the buyer, and send the money back at the gateway",
            What::OtherOrder => "find out which of the two the buyer paid",
            What::AmountDiffers => "ask the gateway which amount is right",
            What::PaidTwice => {
                "send the second transfer back: `tidegate admin pay refund` where it is a payment of its own, else at the \
                 gateway"
            }
            What::WaitsForPeople => "`tidegate admin pay refund` or `settle` it",
            What::FailedWithMoney => "ask the gateway whether the money is there",
            What::RefundDiffers => "ask the gateway what it sent back, and on whose word",
            What::NotInStatement => "look into the statement of the day before, then ask the gateway for it",
            What::MissingCallback(_) | What::MissingRefundResult { .. } => "run again with --repair",
        }
    }
}

/// The differences between the lines about one payment and what the ledger has, in the order in which they are to
/// be repaired: money that came before what went back of it.
pub fn compare(payment: PaymentId, rows: &[Row], ledger: Option<&Payment>) -> Vec<Finding> {
    let mut found = Found { payment, findings: Vec::new() };
    let Some(ledger) = ledger else {
        // Of an attempt that brought nothing, nothing is missed.
        for row in rows.iter().filter(|row| row.says != Says::Failed) {
            found.add(*row, What::PaidWithoutOrder);
        }
        return found.findings;
    };
    if let Some(row) = rows.iter().find(|row| row.order.is_some_and(|order| order != ledger.order)) {
        found.add(*row, What::OtherOrder);
        return found.findings;
    }
    let paid = transfers(rows, Says::Paid);
    found.compare_arrival(&paid, rows, ledger);
    found.compare_refunds(rows, ledger);
    found.findings
}

struct Found {
    payment: PaymentId,
    findings: Vec<Finding>,
}

impl Found {
    fn add(&mut self, row: Row, what: What) {
        self.findings.push(Finding { row, payment: Some(self.payment), what });
    }

    fn compare_arrival(&mut self, paid: &[Row], rows: &[Row], ledger: &Payment) {
        let has_money = match ledger.state {
            PaymentState::Paid | PaymentState::Surplus | PaymentState::Mismatched => true,
            PaymentState::Open | PaymentState::Failed | PaymentState::Closed => false,
        };
        let Some(first) = paid.first() else {
            let Some(failed) = rows.iter().find(|row| row.says == Says::Failed) else { return };
            if has_money {
                self.add(*failed, What::FailedWithMoney);
            } else if ledger.state == PaymentState::Open {
                self.add(*failed, What::MissingCallback(Missing::Failed));
            }
            return;
        };
        if !has_money {
            let (money, reference) = (first.money, first.reference);
            self.add(*first, What::MissingCallback(Missing::Paid { money, reference }));
        } else if !paid.iter().any(|row| row.money == ledger.arrived) {
            self.add(*first, What::AmountDiffers);
        } else if ledger.state == PaymentState::Mismatched
            && ledger.refunded.minor_units == 0
            && !is_asked(ledger)
        {
            self.add(*first, What::WaitsForPeople);
        }
        for second in &paid[1..] {
            self.add(*second, What::PaidTwice);
        }
    }

    fn compare_refunds(&mut self, rows: &[Row], ledger: &Payment) {
        let went_back = transfers(rows, Says::Refunded);
        let (numbered, plain): (Vec<_>, Vec<_>) = went_back.iter().partition(|row| row.refund != 0);
        for row in numbered {
            self.compare_numbered(row, true, ledger);
        }
        let came_from = |row: &&&Row| row.money.currency == ledger.arrived.currency;
        if let Some(row) = plain.iter().find(|row| !came_from(row)) {
            self.add(**row, What::RefundDiffers);
            return;
        }
        // Lines without a number are counted together: a statement of one day need not have those of the day before.
        let sum = plain.iter().fold(0_i128, |sum, row| sum + i128::from(row.money.minor_units));
        let more = sum - i128::from(ledger.refunded.minor_units);
        let open = ledger.refund.filter(|refund| refund.state != RefundState::Done);
        match (plain.last(), open) {
            (None, _) => (),
            (Some(_), _) if more <= 0 => (),
            (Some(row), Some(refund)) if more == i128::from(refund.amount.minor_units) => {
                self.add(**row, missing_result(&refund, true));
            }
            (Some(row), _) => self.add(**row, What::RefundDiffers),
        }
        for row in rows.iter().filter(|row| row.says == Says::RefundFailed) {
            if row.refund != 0 {
                self.compare_numbered(row, false, ledger);
            } else if let Some(refund) =
                ledger.refund.filter(|it| it.state == RefundState::Asked && it.amount == row.money)
            {
                // One that failed before it went through is told by the line about that.
                if more <= 0 {
                    self.add(*row, missing_result(&refund, false));
                }
            }
        }
    }

    fn compare_numbered(&mut self, row: &Row, succeeded: bool, ledger: &Payment) {
        let refund = ledger.refund.filter(|refund| refund.number == row.refund);
        match refund {
            // Only the latest refund is told here, and the earlier ones had an answer before it was asked for.
            None if ledger.refund.is_some_and(|latest| latest.number > row.refund) => (),
            Some(refund) if refund.amount == row.money => match (refund.state, succeeded) {
                (RefundState::Asked, _) | (RefundState::Failed, true) => {
                    self.add(*row, missing_result(&refund, succeeded));
                }
                (RefundState::Done, false) => self.add(*row, What::RefundDiffers),
                (RefundState::Done, true) | (RefundState::Failed, false) => (),
            },
            None | Some(_) => self.add(*row, What::RefundDiffers),
        }
    }
}

const fn missing_result(refund: &RefundNow, succeeded: bool) -> What {
    What::MissingRefundResult { number: refund.number, amount: refund.amount, succeeded }
}

fn is_asked(ledger: &Payment) -> bool {
    ledger.refund.is_some_and(|refund| refund.state == RefundState::Asked)
}

/// Rows that say this, each transfer once: a line that stands there again word for word is no second transfer.
fn transfers(rows: &[Row], says: Says) -> Vec<Row> {
    let mut once: Vec<Row> = Vec::new();
    for row in rows.iter().filter(|row| row.says == says) {
        let same = |it: &Row| {
            (it.money, it.at, it.reference, it.refund) == (row.money, row.at, row.reference, row.refund)
                || row.reference != 0 && (it.money, it.reference) == (row.money, row.reference)
        };
        if !once.iter().any(same) {
            once.push(*row);
        }
    }
    once
}

#[cfg(test)]
mod tests {
    use tidegate_sdk::{Currency, GatewayId, MicrosUtc, OrderId, State};

    use super::*;

    const EUR: fn(i64) -> Money = |minor_units| Money::new(minor_units, Currency::EUR);

    fn ledger(state: PaymentState, arrived: i64) -> Payment {
        Payment {
            payment: PaymentId(77),
            order: OrderId(70),
            order_state: State::Paying,
            order_version: 2,
            pay_until: MicrosUtc(0),
            gateway: GatewayId(1),
            state,
            amount: EUR(500),
            arrived: EUR(arrived),
            refunded: EUR(0),
            refund: None,
        }
    }

    /// Paid 500, of which `refunded` went back, and then this.
    fn refunding(refunded: i64, number: u16, amount: i64, state: RefundState) -> Payment {
        let refund = Some(RefundNow { number, amount: EUR(amount), state });
        Payment { refunded: EUR(refunded), refund, ..ledger(PaymentState::Paid, 500) }
    }

    fn row(says: Says, amount: i64) -> Row {
        Row { line: 2, order: None, says, money: EUR(amount), at: MicrosUtc(1), reference: 0, refund: 0 }
    }

    fn paid(amount: i64, reference: u64) -> Row {
        Row { reference, ..row(Says::Paid, amount) }
    }

    fn refunded(amount: i64, refund: u16) -> Row {
        // Each at its own time, so that none looks like a line that stands there twice.
        Row { refund, at: MicrosUtc(amount), ..row(Says::Refunded, amount) }
    }

    fn check(ledger: Payment, rows: &[Row], found: &[&str]) {
        let findings = compare(ledger.payment, rows, Some(&ledger));
        let names: Vec<_> = findings.iter().map(|it| it.what.name()).collect();
        assert_eq!(names, found, "{ledger:?} {rows:?}");
    }

    #[test]
    fn money_that_the_ledger_has_is_no_finding() {
        check(ledger(PaymentState::Paid, 500), &[paid(500, 1)], &[]);
        check(ledger(PaymentState::Surplus, 500), &[paid(500, 1)], &[]);
        check(ledger(PaymentState::Paid, 500), &[row(Says::Failed, 0), paid(500, 1)], &[]);
        // The same line twice is one transfer.
        check(ledger(PaymentState::Paid, 500), &[paid(500, 1), paid(500, 1)], &[]);
        // What an operator took for the total is what arrived.
        check(ledger(PaymentState::Paid, 499), &[paid(499, 1)], &[]);
        check(ledger(PaymentState::Failed, 0), &[row(Says::Failed, 0)], &[]);
        check(ledger(PaymentState::Closed, 0), &[row(Says::Failed, 0)], &[]);
    }

    #[test]
    fn money_that_the_ledger_has_not_heard_of_is_a_missing_callback() {
        for state in [PaymentState::Open, PaymentState::Failed, PaymentState::Closed] {
            check(ledger(state, 0), &[paid(500, 1)], &["missing_callback"]);
            check(ledger(state, 0), &[paid(499, 1)], &["missing_callback"]);
        }
        check(ledger(PaymentState::Open, 0), &[row(Says::Failed, 0)], &["missing_callback"]);
        check(
            ledger(PaymentState::Open, 0),
            &[paid(500, 1), paid(500, 2)],
            &["missing_callback", "paid_twice"],
        );
    }

    #[test]
    fn what_cannot_both_be_true_is_left_to_people() {
        check(ledger(PaymentState::Paid, 500), &[paid(499, 1)], &["amount_differs"]);
        let dollars = Row { money: Money::new(500, Currency(840)), ..paid(500, 1) };
        check(ledger(PaymentState::Paid, 500), &[dollars], &["amount_differs"]);
        check(ledger(PaymentState::Mismatched, 499), &[paid(499, 1)], &["waits_for_people"]);
        check(ledger(PaymentState::Paid, 500), &[paid(500, 1), paid(500, 2)], &["paid_twice"]);
        check(ledger(PaymentState::Paid, 500), &[row(Says::Failed, 0)], &["failed_with_money"]);
        let other = Row { order: Some(OrderId(71)), ..paid(500, 1) };
        check(ledger(PaymentState::Open, 0), &[other], &["other_order"]);
        let none =
            |rows: &[Row]| compare(PaymentId(7), rows, None).iter().map(|it| it.what).collect::<Vec<_>>();
        assert_eq!(none(&[paid(500, 1)]), [What::PaidWithoutOrder]);
        assert_eq!(none(&[row(Says::Failed, 0)]), []);
    }

    #[test]
    fn refunds_are_compared_by_their_number() {
        let asked = refunding(0, 1, 300, RefundState::Asked);
        check(asked, &[refunded(300, 1)], &["missing_refund_result"]);
        check(asked, &[refunded(299, 1)], &["refund_differs"]);
        check(asked, &[refunded(300, 2)], &["refund_differs"]);
        check(asked, &[Row { refund: 1, ..row(Says::RefundFailed, 300) }], &["missing_refund_result"]);
        let failed = refunding(0, 1, 300, RefundState::Failed);
        check(failed, &[refunded(300, 1)], &["missing_refund_result"]);
        check(failed, &[Row { refund: 1, ..row(Says::RefundFailed, 300) }], &[]);
        let second = refunding(300, 2, 100, RefundState::Asked);
        check(second, &[refunded(300, 1)], &[]);
        check(second, &[refunded(300, 1), refunded(100, 2)], &["missing_refund_result"]);
        check(ledger(PaymentState::Paid, 500), &[refunded(300, 1)], &["refund_differs"]);
    }

    #[test]
    fn refunds_without_a_number_are_compared_by_their_sum() {
        let asked = refunding(200, 2, 300, RefundState::Asked);
        check(asked, &[refunded(200, 0)], &[]);
        check(asked, &[refunded(200, 0), refunded(300, 0)], &["missing_refund_result"]);
        check(asked, &[refunded(200, 0), refunded(299, 0)], &["refund_differs"]);
        check(asked, &[row(Says::RefundFailed, 300)], &["missing_refund_result"]);
        check(refunding(500, 2, 300, RefundState::Done), &[refunded(200, 0), refunded(300, 0)], &[]);
        check(refunding(500, 2, 300, RefundState::Done), &[refunded(501, 0)], &["refund_differs"]);
        let dollars = Row { money: Money::new(300, Currency(840)), ..refunded(300, 0) };
        check(asked, &[dollars], &["refund_differs"]);
        let huge = [refunded(i64::MAX, 0), refunded(i64::MAX - 1, 0)];
        check(asked, &huge, &["refund_differs"]);
    }
}
