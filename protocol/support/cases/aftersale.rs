//! Cases of after-sales.

use super::*;

const BROKEN: Aftersale = Aftersale {
    order: ORDER,
    sku: 1_001,
    amount: 19_99,
    opened_at: NOON,
    changed_at: NOON,
    units: 1,
    order_version: 6,
    number: 1,
    currency: 978,
    refund: 0,
    why: 7,
    kind: 2,
    state: 1,
    order_state: 9,
};

pub fn files() -> Vec<File> {
    vec![open(), get(), decide(), receive()]
}

fn open() -> File {
    let mut open = File::of("AFTERSALE_OPEN");
    let goods = AftersaleOpenHead {
        request: REQUEST,
        user: 42,
        order: ORDER,
        sku: 1_001,
        amount: 0,
        units: 1,
        why: 7,
        kind: 2,
    };
    let money = AftersaleOpenHead { amount: 5_00, units: 0, kind: 1, ..goods };
    open.message::<AftersaleOpen>(vec![
        ("goods come back", goods, vec![], b""),
        ("money alone", money, vec![], b""),
        ("an exchange", AftersaleOpenHead { kind: 3, ..goods }, vec![], b""),
    ]);
    open.message::<AftersaleOpenAnswer>(vec![("open", BROKEN, vec![], b"")]);
    open.refusal(
        Kind::AftersaleOpen.into(),
        Status::RefundExceedsPaid,
        0,
        refusal(Refusal::NO_LINE, 20_00, 19_99),
    );
    open
}

fn get() -> File {
    let mut get = File::of("AFTERSALE_GET");
    get.message::<AftersaleGet>(vec![("an order", AftersaleGetHead { user: 42, order: ORDER }, vec![], b"")]);
    let head = AftersaleGetAnswerHead { brief: OrderBrief { version: 6, state: 9, ..BRIEF } };
    let refused = Aftersale { number: 2, state: 5, changed_at: NOON + MINUTE, ..BROKEN };
    get.message::<AftersaleGetAnswer>(vec![
        ("two cases", head, vec![BROKEN, refused], b""),
        ("none", head, vec![], b""),
    ]);
    get.refusal(Kind::AftersaleGet.into(), Status::OrderNotFound, 0, WHOLE);
    get
}

fn decide() -> File {
    let mut decide = File::of("AFTERSALE_DECIDE");
    let yes = AftersaleDecideHead {
        request: REQUEST,
        order: ORDER,
        amount: 10_00,
        number: 1,
        why: 0,
        accept: true,
    };
    let no = AftersaleDecideHead { amount: 0, why: 9, accept: false, ..yes };
    decide.message::<AftersaleDecide>(vec![("accept a part", yes, vec![], b""), ("refuse", no, vec![], b"")]);
    let waits = Aftersale { amount: 10_00, state: 2, why: 0, ..BROKEN };
    decide.message::<AftersaleDecideAnswer>(vec![("goods are awaited", waits, vec![], b"")]);
    decide.refusal(Kind::AftersaleDecide.into(), Status::WrongState, 0, WHOLE);
    decide
}

fn receive() -> File {
    let mut receive = File::of("AFTERSALE_RECEIVE");
    let head = AftersaleReceiveHead { request: REQUEST, order: ORDER, warehouse: 0, number: 1, condition: 1 };
    receive.message::<AftersaleReceive>(vec![("as good as new", head, vec![], b"")]);
    let refunding = Aftersale { amount: 10_00, refund: 1, state: 3, why: 0, ..BROKEN };
    let exchanged = Aftersale { amount: 0, kind: 3, state: 4, why: 0, ..BROKEN };
    receive.message::<AftersaleReceiveAnswer>(vec![
        ("refunding", refunding, vec![], b""),
        ("exchanged", exchanged, vec![], b""),
    ]);
    receive.refusal(Kind::AftersaleReceive.into(), Status::WrongState, 0, WHOLE);
    receive.refusal(Kind::AftersaleReceive.into(), Status::SoldOut, 0, refusal(Refusal::NO_LINE, 1, 0));
    receive
}
