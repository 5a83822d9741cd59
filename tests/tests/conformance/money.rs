//! Payments and refunds, as a gateway tells of them.

use tidegate_sdk::{Payment, PaymentState, RefundState, State, Status};

use crate::shop::{BUYER, OTHER, SKU, Shop, eur, why};

/// A payment, as it is now.
fn now(shop: &Shop, payment: &Payment) -> Payment {
    shop.ask(shop.client.pay_get(BUYER, payment.payment)).unwrap()
}

pub fn what_is_paid_is_sold(shop: &Shop) {
    let (order, payment) = shop.buys_and_pays(BUYER, 2);
    assert_eq!((payment.state, payment.order_state), (PaymentState::Paid, State::Confirmed));
    assert_eq!((shop.state(order), shop.shelf()), (State::Confirmed, (8, 0, 8)));
    assert_eq!(shop.ask(shop.client.stock_get(SKU)).unwrap().sold, 2);
    let steps: Vec<_> = shop.ask(shop.client.history(BUYER, order)).unwrap();
    let states: Vec<_> = steps.iter().map(|row| row.to).collect();
    assert_eq!(states, [State::PendingPayment, State::Paying, State::Confirmed]);
    assert_eq!(shop.ask(shop.client.pay_latest(BUYER, order)).unwrap(), now(shop, &payment));
}

pub fn a_callback_said_twice_changes_nothing(shop: &Shop) {
    let order = shop.buys(BUYER, 1).unwrap().order;
    let payment = shop.opens(BUYER, order);
    let once = shop.ask(shop.gateway().paid(&shop.client, &payment)).unwrap();
    let twice = shop.ask(shop.gateway().paid(&shop.client, &payment)).unwrap();
    assert_eq!((once.order_version, once.arrived), (twice.order_version, twice.arrived));
    assert_eq!(shop.shelf(), (9, 0, 9));
}

pub fn other_money_than_was_asked_for_is_left_to_people(shop: &Shop) {
    let order = shop.buys(BUYER, 1).unwrap().order;
    let payment = shop.opens(BUYER, order);
    let arrived = shop.gateway().arrived(&shop.client, &payment, eur(9_99), 77);
    assert_eq!(why(shop.ask(arrived)), Status::AmountMismatch);
    assert_eq!(now(shop, &payment).arrived, eur(9_99), "it is a fact all the same");
    shop.ask(shop.client.settle(order, payment.payment)).unwrap();
    assert_eq!((shop.state(order), shop.shelf()), (State::Confirmed, (9, 0, 9)));
}

pub fn a_payment_that_failed_is_tried_again(shop: &Shop) {
    let order = shop.buys(BUYER, 1).unwrap().order;
    let first = shop.opens(BUYER, order);
    assert_eq!(shop.state(order), State::Paying);
    let failed = shop.ask(shop.gateway().failed(&shop.client, &first)).unwrap();
    assert_eq!((failed.state, failed.order_state), (PaymentState::Failed, State::PendingPayment));
    let second = shop.opens(BUYER, order);
    assert_ne!(first.payment, second.payment);
    shop.ask(shop.gateway().paid(&shop.client, &second)).unwrap();
    assert_eq!(shop.state(order), State::Confirmed);
}

pub fn late_money_buys_again_what_is_still_there(shop: &Shop) {
    let client = &shop.client;
    assert_eq!(shop.ask(client.sku_put(SKU, eur(19_99)).replaces(1).hold_seconds(1)), Ok(2));
    let [found, gone] = [BUYER, OTHER].map(|user| {
        let order = shop.buys(user, 5).unwrap().order;
        (order, shop.opens(user, order))
    });
    shop.becomes(found.0, State::Cancelled);
    shop.becomes(gone.0, State::Cancelled);
    shop.comes_to_sell(10);
    shop.settles();
    let late = shop.ask(shop.gateway().paid(client, &found.1)).unwrap();
    assert_eq!((late.order_state, shop.shelf()), (State::Confirmed, (5, 0, 5)));
    // The other five are sold meanwhile.
    shop.buys_and_pays(BUYER, 5);
    let late = shop.ask(shop.gateway().paid(client, &gone.1)).unwrap();
    assert_eq!((late.order_state, shop.shelf()), (State::Refunding, (0, 0, 0)));
}

pub fn money_for_what_the_buyer_cancelled_goes_back(shop: &Shop) {
    let client = &shop.client;
    let order = shop.buys(BUYER, 1).unwrap().order;
    let payment = shop.opens(BUYER, order);
    shop.ask(client.cancel(BUYER, order)).unwrap();
    shop.comes_to_sell(10);
    let late = shop.ask(shop.gateway().paid(client, &payment)).unwrap();
    assert_eq!(late.order_state, State::Refunding);
    let refunded = shop.ask(shop.gateway().refunded(client, &now(shop, &payment)).unwrap()).unwrap();
    assert_eq!((refunded.order_state, refunded.refunded), (State::Refunded, eur(19_99)));
}

pub fn a_paid_order_is_cancelled_by_a_refund(shop: &Shop) {
    let client = &shop.client;
    let (order, payment) = shop.buys_and_pays(BUYER, 3);
    assert_eq!(shop.ask(client.cancel(BUYER, order)).unwrap().state, State::Refunding);
    let failed = shop.gateway().refund_failed(client, &now(shop, &payment)).unwrap();
    assert_eq!(shop.ask(failed).unwrap().refund.unwrap().state, RefundState::Failed);
    assert_eq!(shop.state(order), State::Refunding, "it is asked for again");
    shop.ask(client.refund(payment.payment)).unwrap();
    let done = shop.ask(shop.gateway().refunded(client, &now(shop, &payment)).unwrap()).unwrap();
    assert_eq!((done.order_state, done.refunded), (State::Refunded, eur(59_97)));
    shop.comes_to_sell(10);
    assert_eq!(shop.shelf(), (10, 0, 10));
}

pub fn no_more_goes_back_than_came(shop: &Shop) {
    let client = &shop.client;
    let (order, payment) = shop.buys_and_pays(BUYER, 1);
    let too_much = client.refund(payment.payment).amount(20_00);
    assert_eq!(why(shop.ask(too_much)), Status::RefundExceedsPaid);
    shop.ask(client.refund(payment.payment).amount(5_00)).unwrap();
    let part = shop.ask(shop.gateway().refunded(client, &now(shop, &payment)).unwrap()).unwrap();
    assert_eq!((part.refunded, part.order_state), (eur(5_00), State::Confirmed));
    assert_eq!(shop.state(order), State::Confirmed, "a part moves amounts, not the state");
    let rest = client.refund(payment.payment).amount(15_00);
    assert_eq!(why(shop.ask(rest)), Status::RefundExceedsPaid);
}
