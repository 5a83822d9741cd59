//! Cases of payments and refunds.

use super::*;

const PAYMENT: u64 = 0x1211_D1E5_B000_1001;

const OPEN: Payment = Payment {
    payment: PAYMENT,
    order: ORDER,
    amount: 4_497,
    arrived: 0,
    refunded: 0,
    refund_amount: 0,
    pay_until: NOON + 15 * MINUTE,
    order_version: 2,
    currency: 978,
    arrived_currency: 978,
    gateway: 3,
    refund_number: 0,
    state: 1,
    refund_state: 0,
    order_state: 3,
};

const PAID: Payment = Payment { arrived: 4_497, order_version: 3, state: 4, order_state: 6, ..OPEN };

const SIGNATURE: [u128; 2] =
    [0x0102_0304_0506_0708_090A_0B0C_0D0E_0F10, 0x1112_1314_1516_1718_191A_1B1C_1D1E_1F20];

pub fn files() -> Vec<File> {
    vec![open(), callback(), get(), close(), refund(), refund_result(), repair()]
}

fn open() -> File {
    let mut open = File::of("PAY_OPEN");
    let head = PayOpenHead { request: REQUEST, user: 42, order: ORDER, gateway: 3 };
    open.message::<PayOpen>(vec![("at gateway 3", head, vec![], b"")]);
    open.message::<PayOpenAnswer>(vec![("the first attempt", OPEN, vec![], b"")]);
    open.refusal(Kind::PayOpen.into(), Status::AlreadyPaid, 0, WHOLE);
    open
}

fn callback() -> File {
    let mut callback = File::of("PAY_CALLBACK");
    let paid = PayCallbackHead {
        payment: PAYMENT,
        amount: 4_497,
        reference: 88_001_234,
        signed_at: NOON,
        currency: 978,
        gateway: 3,
        outcome: 1,
        signature_first: SIGNATURE[0],
        signature_second: SIGNATURE[1],
    };
    let failed = PayCallbackHead { amount: 0, reference: 0, outcome: 2, ..paid };
    callback.message::<PayCallback>(vec![("paid", paid, vec![], b""), ("failed", failed, vec![], b"")]);
    callback.message::<PayCallbackAnswer>(vec![("paid", PAID, vec![], b"")]);
    callback.refusal(Kind::PayCallback.into(), Status::BadSignature, 0, WHOLE);
    let mismatch = refusal(Refusal::NO_LINE, 4_496, 4_497);
    callback.refusal(Kind::PayCallback.into(), Status::AmountMismatch, 0, mismatch);
    callback
}

fn get() -> File {
    let mut get = File::of("PAY_GET");
    let head = PayGetHead { user: 42, order: 0, payment: PAYMENT };
    get.message::<PayGet>(vec![("an attempt", head, vec![], b"")]);
    get.message::<PayGetAnswer>(vec![("paid", PAID, vec![], b"")]);
    get.refusal(Kind::PayGet.into(), Status::PaymentNotFound, 0, WHOLE);
    get
}

fn close() -> File {
    let mut close = File::of("PAY_CLOSE");
    let head = PayCloseHead { request: REQUEST, user: 42, payment: PAYMENT };
    close.message::<PayClose>(vec![("the buyer gives up", head, vec![], b"")]);
    let closed = Payment { order_version: 3, state: 3, order_state: 2, ..OPEN };
    close.message::<PayCloseAnswer>(vec![("closed", closed, vec![], b"")]);
    close.refusal(Kind::PayClose.into(), Status::AlreadyPaid, 0, WHOLE);
    close
}

fn refund() -> File {
    let mut refund = File::of("REFUND");
    let head = RefundHead { request: REQUEST, payment: PAYMENT, amount: 500, why: 7 };
    refund.message::<Refund>(vec![("in part", head, vec![], b"")]);
    let asked = Payment { refund_amount: 500, refund_number: 1, refund_state: 1, ..PAID };
    refund.message::<RefundAnswer>(vec![("asked", asked, vec![], b"")]);
    let more = refusal(Refusal::NO_LINE, 4_498, 4_497);
    refund.refusal(Kind::Refund.into(), Status::RefundExceedsPaid, 0, more);
    refund
}

fn refund_result() -> File {
    let mut result = File::of("REFUND_RESULT");
    let head = RefundResultHead {
        payment: PAYMENT,
        amount: 500,
        signed_at: NOON,
        gateway: 3,
        number: 1,
        succeeded: true,
        signature_first: SIGNATURE[0],
        signature_second: SIGNATURE[1],
    };
    result.message::<RefundResult>(vec![("went back", head, vec![], b"")]);
    let done = Payment { refunded: 500, refund_amount: 500, refund_number: 1, refund_state: 3, ..PAID };
    result.message::<RefundResultAnswer>(vec![("done", done, vec![], b"")]);
    result.refusal(Kind::RefundResult.into(), Status::PaymentNotFound, 0, WHOLE);
    result
}

fn repair() -> File {
    let mut repair = File::of("REPAIR");
    let head = RepairHead { request: REQUEST, order: ORDER, payment: PAYMENT, version: 2, action: 1 };
    let restock = RepairHead { payment: 0, version: 0, action: 2, ..head };
    repair.message::<Repair>(vec![
        ("settle what came", head, vec![], b""),
        ("units were found", restock, vec![], b""),
    ]);
    repair.message::<RepairAnswer>(vec![("confirmed", BRIEF, vec![], b"")]);
    repair.refusal(Kind::Repair.into(), Status::WrongState, 0, refusal(Refusal::NO_LINE, 6, 12));
    repair
}
