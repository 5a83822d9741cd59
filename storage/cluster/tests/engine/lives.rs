//! Whole lives of orders: what is done to them after they are made, said again, and by timers.

use domain::coupon::{Benefit, Coupon, CouponIds, CouponScope};
use domain::intent::{
    ConfirmReceipt, CouponDefine, Create, Envelope, PayCallback, PayOpen, PayOutcome, Refund, RefundResult,
    Ship, Sign,
};
use domain::order::State;
use domain::payment::PaymentState;
use domain::shipment::Waybill;
use domain::verdict::PaymentBrief;
use domain::{CouponId, GatewayId, Intent, MicrosUtc, MinorUnits, Reason, UserId, Verdict};

use crate::shop::{Cluster, EUR, Node, PRICE, create, line, now, request};
use crate::{SKU, nothing_is_lost};

const GATEWAY: GatewayId = GatewayId(1);

fn payment(node: &mut Node, intent: Intent<'_>) -> PaymentBrief {
    let verdict = node.ask(intent);
    let Verdict::Payment(brief) = verdict else { panic!("{verdict:?}") };
    brief
}

/// Asks once more with the flag, as a client does that heard nothing: the same answer.
fn the_same_again(node: &mut Node, intent: Intent<'_>) {
    let again = Envelope { asked_before: true, ..Envelope::default() };
    let answers = node.ask_all(&[(again, intent), (Envelope::default(), intent)]);
    assert_eq!(answers[0], answers[1], "{intent:?}");
    assert!(matches!(answers[0], Ok(Verdict::Order(_) | Verdict::Payment(_))), "{:?}", answers[0]);
}

#[test]
fn an_order_is_paid_sent_received_and_done() {
    let cluster = Cluster::start();
    let mut node = Node::start(&cluster);
    node.stock(SKU, 10);
    let user = UserId(1);
    let made = node.order(create(1, request(), &[line(SKU, 2)]));

    let open = Intent::PayOpen(PayOpen { user, request: request(), order: made.order, gateway: GATEWAY });
    let opened = payment(&mut node, open);
    the_same_again(&mut node, open);
    let paid = PayOutcome::Succeeded { amount: made.total, currency: EUR, reference: 77 };
    let callback =
        Intent::PayCallback(PayCallback { gateway: GATEWAY, payment: opened.payment, outcome: paid });
    let arrived = payment(&mut node, callback);
    assert_eq!((arrived.payment, arrived.state), (opened.payment, PaymentState::Paid));
    assert_eq!(payment(&mut node, callback), arrived, "a gateway says it twice");

    let (order, version) = (made.order, 0);
    let ship = Intent::Ship(Ship { request: request(), order, version, waybill: Waybill::NONE, lines: &[] });
    let sent = node.order(ship);
    the_same_again(&mut node, ship);
    let sign = Intent::Sign(Sign { request: request(), order, version });
    let signed = node.order(sign);
    let confirm = Intent::ConfirmReceipt(ConfirmReceipt { user, request: request(), order, version });
    let done = node.order(confirm);
    the_same_again(&mut node, confirm);
    assert_eq!([sent.state, signed.state, done.state], [State::Shipped, State::Delivered, State::Completed]);

    let Verdict::History(history) = node.ask(Intent::History { user, order }) else { panic!("it has one") };
    let versions: Vec<u32> = history.rows.iter().map(|row| row.version).collect();
    assert_eq!(versions, (1..=done.version).collect::<Vec<_>>());
    nothing_is_lost(&cluster, SKU, 8);
}

#[test]
fn money_goes_back_once() {
    let cluster = Cluster::start();
    let mut node = Node::start(&cluster);
    node.stock(SKU, 10);
    let made = node.order(create(1, request(), &[line(SKU, 2)]));
    let open = PayOpen { user: UserId(1), request: request(), order: made.order, gateway: GATEWAY };
    let opened = payment(&mut node, Intent::PayOpen(open)).payment;
    let paid = PayOutcome::Succeeded { amount: made.total, currency: EUR, reference: 77 };
    payment(&mut node, Intent::PayCallback(PayCallback { gateway: GATEWAY, payment: opened, outcome: paid }));

    let refund = Refund { request: request(), payment: opened, amount: MinorUnits(0), why: 3 };
    payment(&mut node, Intent::Refund(refund));
    the_same_again(&mut node, Intent::Refund(refund));
    let too_much = Refund { request: request(), ..refund };
    assert_eq!(node.refusal(Intent::Refund(too_much)).reason, Reason::RefundExceedsPaid);
    let back =
        RefundResult { gateway: GATEWAY, payment: opened, number: 1, succeeded: true, amount: made.total };
    let done = payment(&mut node, Intent::RefundResult(back));
    assert_eq!((done.refunded, done.order_state), (made.total, State::Confirmed));
    assert_eq!(payment(&mut node, Intent::RefundResult(back)), done, "a gateway says it twice");
    // The buyer keeps the goods: nobody has asked for them.
    nothing_is_lost(&cluster, SKU, 8);
}

#[test]
fn what_nobody_pays_is_ended_and_may_be_bought_again() {
    let cluster = Cluster::start();
    let mut node = Node::start(&cluster);
    node.stock_held_for(SKU, 3, 1);
    let made = node.order(create(1, request(), &[line(SKU, 3)]));
    assert_eq!(node.refusal(create(2, request(), &[line(SKU, 1)])).reason, Reason::SoldOut);
    cluster.wait_until("what came back", |cluster| cluster.units_in_redis(SKU) == 3);
    let Verdict::OrderFound(found) = node.ask(Intent::Get { user: UserId(1), order: made.order }) else {
        panic!("it is there")
    };
    assert_eq!(found.brief.state, State::Cancelled);
    node.order(create(2, request(), &[line(SKU, 3)]));
    nothing_is_lost(&cluster, SKU, 3);
}

#[test]
fn a_coupon_is_used_as_often_as_it_may_be() {
    let cluster = Cluster::start();
    let mut node = Node::start(&cluster);
    node.stock(SKU, 10);
    let coupon = Coupon {
        id: CouponId(9),
        version: 0,
        currency: EUR,
        benefit: Benefit::Amount(MinorUnits(100)),
        threshold: MinorUnits(0),
        scope: CouponScope::All,
        opens: MicrosUtc(now().0 - 1_000_000),
        closes: MicrosUtc(now().0 + 3_600_000_000),
        quota: 2,
        user_quota: 1,
        group: 0,
        rank: 0,
        must_claim: false,
    };
    let define = CouponDefine { request: request(), replaces: 0, coupon: &coupon, skus: &[] };
    assert!(matches!(node.ask(Intent::CouponDefine(define)), Verdict::Coupon { version: 1, .. }));

    let lines = [line(SKU, 1)];
    let with_coupon = |user| {
        let Intent::Create(plain) = create(user, request(), &lines) else { panic!("a create") };
        let coupons = CouponIds::parse([9, 0, 0, 0]).expect("one coupon");
        Intent::Create(Create { coupons, total: MinorUnits(PRICE.0 - 100), ..plain })
    };
    let made = node.order(with_coupon(1));
    assert_eq!(made.total, MinorUnits(PRICE.0 - 100));
    assert_eq!(node.refusal(with_coupon(1)).reason, Reason::CouponUserLimit);
    node.order(with_coupon(2));
    assert_eq!(node.refusal(with_coupon(3)).reason, Reason::CouponExhausted);
    let Verdict::CouponFound(found) = node.ask(Intent::CouponGet { user: UserId(1), coupon: CouponId(9) })
    else {
        panic!("it is there")
    };
    assert_eq!((found.summary.counts.locked, found.summary.counts.used), (2, 0));
    // Who cancels has it again, and so has the quota.
    node.order(crate::shop::cancel(1, made.order));
    cluster.wait_until("the use back", |cluster| {
        cluster.redis.ask(&["HGET", "tg:{quota.9}:shelf", "units"]).text() == "1"
    });
    node.order(with_coupon(1));
    nothing_is_lost(&cluster, SKU, 10);
}
