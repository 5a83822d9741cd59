//! Cases of shipments.

use super::*;

const CONFIRMED: OrderBrief = OrderBrief { version: 3, state: 6, ..BRIEF };

pub fn files() -> Vec<File> {
    vec![confirm_receipt(), ship(), track(), sign()]
}

fn confirm_receipt() -> File {
    let mut confirm = File::of("CONFIRM_RECEIPT");
    let head = ConfirmReceiptHead { request: REQUEST, user: 42, order: ORDER, version: 0 };
    confirm.message::<ConfirmReceipt>(vec![("the buyer has it", head, vec![], b"")]);
    let completed = OrderBrief { version: 7, state: 10, ..BRIEF };
    confirm.message::<ConfirmReceiptAnswer>(vec![("completed", completed, vec![], b"")]);
    let shipped = refusal(Refusal::NO_LINE, 10, 8);
    confirm.refusal(Kind::ConfirmReceipt.into(), Status::WrongState, 0, shipped);
    confirm
}

fn ship() -> File {
    let mut ship = File::of("SHIP");
    let (carrier, tracking) = (text("Hermes"), text("JJD 0123 4567 89"));
    let head = ShipHead { request: REQUEST, order: ORDER, version: 3, carrier, tracking };
    let one = SentLine { sku: 1_001, quantity: 1 };
    ship.message::<Ship>(vec![("all that is left", head, vec![], b""), ("in part", head, vec![one], b"")]);
    let part = OrderBrief { version: 4, state: 7, ..CONFIRMED };
    let shipped = OrderBrief { version: 4, state: 8, ..CONFIRMED };
    ship.message::<ShipAnswer>(vec![("shipped", shipped, vec![], b""), ("in part", part, vec![], b"")]);
    ship.refusal(Kind::Ship.into(), Status::WrongState, 0, refusal(Refusal::NO_LINE, 8, 13));
    ship.refusal(Kind::Ship.into(), Status::InsufficientStock, 0, refusal(0, 2, 1));
    ship
}

fn track() -> File {
    let mut track = File::of("TRACK");
    let read = TrackHead { request: 0, user: 42, order: ORDER, number: 0, note: [0; 40] };
    let note = TrackHead { request: REQUEST, user: 0, number: 2, note: text("Leipzig, sorted"), ..read };
    track.message::<Track>(vec![("an order", read, vec![], b""), ("a note", note, vec![], b"")]);
    let head = TrackAnswerHead { brief: OrderBrief { version: 5, state: 8, ..CONFIRMED } };
    let first = TrackedLine {
        at: NOON,
        noted_at: NOON,
        sku: 1_001,
        quantity: 1,
        number: 1,
        carrier: text("Hermes"),
        tracking: text("JJD 0123 4567 89"),
        note: [0; 40],
    };
    let second = TrackedLine {
        at: NOON + MINUTE,
        noted_at: NOON + 2 * MINUTE,
        number: 2,
        tracking: text("JJD 0123 4567 90"),
        note: text("Leipzig, sorted"),
        ..first
    };
    track.message::<TrackAnswer>(vec![
        ("two shipments", head, vec![first, second], b""),
        ("noted", head, vec![], b""),
    ]);
    track.refusal(Kind::Track.into(), Status::OrderNotFound, 0, WHOLE);
    track
}

fn sign() -> File {
    let mut sign = File::of("SIGN");
    let head = SignHead { request: REQUEST, order: ORDER, version: 0 };
    sign.message::<Sign>(vec![("signed for", head, vec![], b"")]);
    let delivered = OrderBrief { version: 6, state: 9, ..BRIEF };
    sign.message::<SignAnswer>(vec![("delivered", delivered, vec![], b"")]);
    sign.refusal(Kind::Sign.into(), Status::WrongState, 0, refusal(Refusal::NO_LINE, 9, 7));
    sign
}
