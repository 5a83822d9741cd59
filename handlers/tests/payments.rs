//! What gateways say: believed when it is signed with their key, lately, and not otherwise.

mod support;

use domain::payment::{PaymentState, RefundState};
use domain::verdict::PaymentBrief;
use domain::{Currency, GatewayId, MinorUnits, OrderId, PaymentId, Verdict};
use handlers::Keys;
use protocol::structs::*;
use protocol::{GatewayKey, HEADER_BYTES, SIGNATURE_BYTES, Status, messages};
use support::*;

const SAID: PayCallbackHead = PayCallbackHead {
    payment: 77,
    amount: 500,
    reference: 9,
    signed_at: NOW.0,
    currency: 978,
    gateway: 3,
    outcome: 1,
    signature_first: 0,
    signature_second: 0,
};

const REFUNDED: RefundResultHead = RefundResultHead {
    payment: 77,
    amount: 500,
    signed_at: NOW.0,
    gateway: 3,
    number: 1,
    succeeded: true,
    signature_first: 0,
    signature_second: 0,
};

/// A frame whose body ends with its signature by this key.
fn signed(key: &[u8], mut bytes: Vec<u8>) -> Vec<u8> {
    let kind = [bytes[8], bytes[9]];
    let end = bytes.len() - SIGNATURE_BYTES;
    let said = [&kind, &bytes[HEADER_BYTES..end]].concat();
    bytes[end..].copy_from_slice(&GatewayKey::new(key).sign(&said));
    seal(&mut bytes);
    bytes
}

fn callback(head: PayCallbackHead) -> Vec<u8> {
    signed(KEY, frame::<messages::PayCallback>(&head, &[], &[]))
}

fn becomes(bytes: &[u8], intent: &str) {
    let mut house = House::new().known();
    house.give(bytes);
    assert_eq!(house.heard(), []);
    assert_eq!(house.store().intents(), [intent]);
}

/// Not a byte of it reaches the store.
fn refused(bytes: &[u8], status: Status) {
    let mut house = House::new().known();
    assert_eq!(house.ask(bytes).status(), Some(status));
    assert_eq!(house.store().intents(), [""; 0]);
}

#[test]
fn what_is_signed_is_believed() {
    becomes(
        &callback(SAID),
        "PayCallback(PayCallback { gateway: GatewayId(3), payment: PaymentId(77), outcome: Succeeded { amount: \
         MinorUnits(500), currency: Currency(978), reference: 9 } })",
    );
    becomes(
        &callback(PayCallbackHead { outcome: 2, ..SAID }),
        "PayCallback(PayCallback { gateway: GatewayId(3), payment: PaymentId(77), outcome: Failed })",
    );
    becomes(
        &signed(KEY, frame::<messages::RefundResult>(&REFUNDED, &[], &[])),
        "RefundResult(RefundResult { gateway: GatewayId(3), payment: PaymentId(77), number: 1, succeeded: true, \
         amount: MinorUnits(500) })",
    );
}

#[test]
fn a_forged_or_changed_callback_is_not() {
    refused(&frame::<messages::PayCallback>(&SAID, &[], &[]), Status::BadSignature);
    let other = signed(b"a key that is of somebody else!!", frame::<messages::PayCallback>(&SAID, &[], &[]));
    refused(&other, Status::BadSignature);
    let good = callback(SAID);
    for at in HEADER_BYTES..good.len() {
        for bit in [1, 0x80] {
            let mut changed = good.clone();
            changed[at] ^= bit;
            seal(&mut changed);
            refused(&changed, Status::BadSignature);
        }
    }
    // What one kind signed is nothing for the other, though the body might fit.
    let mut turned = signed(KEY, frame::<messages::RefundResult>(&REFUNDED, &[], &[]));
    turned[8] = 0x02;
    seal(&mut turned);
    refused(&turned, Status::InvalidField);
}

#[test]
fn a_truncated_callback_is_refused() {
    let good = callback(SAID);
    for length in HEADER_BYTES..good.len() {
        let mut short = good[..length].to_vec();
        short[..4].copy_from_slice(&(length as u32).to_le_bytes());
        seal(&mut short);
        refused(&short, Status::InvalidField);
    }
}

#[test]
fn a_stale_callback_is_refused_and_one_of_an_unknown_gateway() {
    let at = |seconds: i64| callback(PayCallbackHead { signed_at: NOW.0 + seconds * 1_000_000, ..SAID });
    refused(&at(-301), Status::BadSignature);
    refused(&at(301), Status::BadSignature);
    refused(&callback(PayCallbackHead { signed_at: i64::MIN, ..SAID }), Status::BadSignature);
    refused(&callback(PayCallbackHead { signed_at: i64::MAX, ..SAID }), Status::BadSignature);
    for seconds in [-300, 300] {
        let mut house = House::new().known();
        house.give(&at(seconds));
        assert_eq!(house.store().intents().len(), 1);
    }
    refused(&callback(PayCallbackHead { gateway: 4, ..SAID }), Status::BadSignature);
    refused(&callback(PayCallbackHead { gateway: 0, ..SAID }), Status::BadSignature);
}

#[test]
fn nonsense_that_is_well_signed_is_refused_for_what_it_is() {
    refused(&callback(PayCallbackHead { amount: -1, ..SAID }), Status::InvalidField);
    refused(&callback(PayCallbackHead { amount: i64::MIN, ..SAID }), Status::InvalidField);
    refused(&callback(PayCallbackHead { outcome: 0, ..SAID }), Status::InvalidField);
    refused(&callback(PayCallbackHead { outcome: 3, ..SAID }), Status::InvalidField);
}

#[test]
fn payments_are_opened_at_gateways_that_would_be_believed() {
    let open = |gateway| {
        frame::<messages::PayOpen>(&PayOpenHead { request: 1, user: 9, order: 77, gateway }, &[], &[])
    };
    becomes(
        &open(3),
        "PayOpen(PayOpen { user: UserId(9), request: RequestId(1), order: OrderId(77), gateway: GatewayId(3) })",
    );
    refused(&open(4), Status::InvalidField);
    refused(&open(0), Status::InvalidField);
    let get = |order, payment| frame::<messages::PayGet>(&PayGetHead { user: 9, order, payment }, &[], &[]);
    becomes(&get(77, 0), "PayGet { user: UserId(9), order: OrderId(77), payment: PaymentId(0) }");
    becomes(&get(0, 78), "PayGet { user: UserId(9), order: OrderId(0), payment: PaymentId(78) }");
    refused(&get(0, 0), Status::InvalidField);
    refused(&get(77, 78), Status::InvalidField);
    let refund = RefundHead { request: 1, payment: 77, amount: -1, why: 0 };
    refused(&frame::<messages::Refund>(&refund, &[], &[]), Status::InvalidField);
}

#[test]
fn money_of_another_amount_is_recorded_and_told() {
    let brief = PaymentBrief {
        payment: PaymentId(77),
        order: OrderId(70),
        order_state: domain::order::State::Paying,
        order_version: 2,
        pay_until: NOW,
        gateway: GatewayId(3),
        state: PaymentState::Mismatched,
        amount: MinorUnits(500),
        currency: Currency(978),
        arrived: MinorUnits(499),
        arrived_currency: Currency(978),
        refunded: MinorUnits(0),
        refund_number: 0,
        refund_amount: MinorUnits(0),
        refund_state: RefundState::None,
    };
    let mut house = House::new().known();
    let heard = house.ask_store(&callback(SAID), Ok(Verdict::Mismatched(brief)));
    assert_eq!(heard.status(), Some(Status::AmountMismatch));
    assert_eq!((heard.refusal().asked, heard.refusal().there), (499, 500));
    let heard = house.ask_store(&callback(SAID), Ok(Verdict::Payment(brief)));
    assert_eq!(heard.status(), None);
}

#[test]
fn keys_are_judged_and_never_printed() {
    let keys = |keys: &[(u16, &[u8])]| {
        let keys: Vec<_> = keys.iter().map(|(id, key)| (*id, key.to_vec())).collect();
        Keys::new(&keys, domain::Micros::from_seconds(1))
    };
    assert!(keys(&[(1, KEY), (2, KEY)]).is_ok());
    assert!(keys(&[(0, KEY)]).is_err());
    assert!(keys(&[(1, KEY), (1, KEY)]).is_err());
    assert!(keys(&[(1, b"short")]).is_err());
    assert!(keys(&vec![(1, KEY); handlers::GATEWAYS_MAX + 1]).is_err());
    let printed = format!("{:?}", keys(&[(7, KEY)]).unwrap());
    assert!(printed.contains('7') && !printed.contains("key of thirty"), "{printed}");
}
