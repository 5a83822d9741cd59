//! Cases of what operators put in everybody's way.

use super::*;

pub fn files() -> Vec<File> {
    let mut switch = File::of("SWITCH");
    let head = SwitchHead {
        request: REQUEST,
        id: 1_001,
        replaces: 0,
        scope: 3,
        stops: 1,
        note: text("price was wrong"),
    };
    switch.message::<Switch>(vec![
        ("no orders of one sku", head, vec![], b""),
        ("read only", SwitchHead { id: 0, scope: 1, stops: 4, note: [0; 96], ..head }, vec![], b""),
        ("cleared", SwitchHead { replaces: 7, stops: 0, ..head }, vec![], b""),
    ]);
    switch.message::<SwitchAnswer>(vec![("version 7", SwitchAnswerHead { version: 7 }, vec![], b"")]);
    switch.refusal(Kind::Switch.into(), Status::VersionConflict, 0, refusal(Refusal::NO_LINE, 0, 7));

    let mut list = File::of("SWITCH_LIST");
    list.message::<SwitchList>(vec![
        ("from the beginning", SwitchListHead { after_id: 0, limit: 100, after_scope: 0 }, vec![], b""),
        ("behind sale 7", SwitchListHead { after_id: 7, limit: 20, after_scope: 2 }, vec![], b""),
    ]);
    let item =
        SwitchItem { id: 1_001, since: NOON, version: 7, scope: 3, stops: 1, note: text("price was wrong") };
    list.message::<SwitchListAnswer>(vec![
        ("none is set", PageHead { more: false }, vec![], b""),
        ("one", PageHead { more: false }, vec![item], b""),
    ]);

    let mut put = File::of("LIMIT_PUT");
    let limit = UserLimit { user: 42, until: 0, sale_units: 0, list: 1 };
    put.message::<LimitPut>(vec![
        ("blocked", LimitPutHead { request: REQUEST, limit }, vec![], b""),
        (
            "preferred for an hour, five units of each sale",
            LimitPutHead {
                request: REQUEST,
                limit: UserLimit { until: NOON + 60 * MINUTE, sale_units: 5, list: 2, ..limit },
            },
            vec![],
            b"",
        ),
        ("nothing", LimitPutHead { request: REQUEST, limit: UserLimit { list: 0, ..limit } }, vec![], b""),
    ]);
    put.message::<LimitPutAnswer>(vec![("it counts", Nothing, vec![], b"")]);
    put.refusal(Kind::LimitPut.into(), Status::InvalidField, 0, WHOLE);

    let mut limits = File::of("LIMIT_LIST");
    limits.message::<LimitList>(vec![(
        "from the beginning",
        LimitListHead { after: 0, limit: 100 },
        vec![],
        b"",
    )]);
    limits.message::<LimitListAnswer>(vec![
        ("nobody", PageHead { more: false }, vec![], b""),
        ("two", PageHead { more: true }, vec![limit, UserLimit { user: 43, list: 2, ..limit }], b""),
    ]);

    let mut scan = File::of("ORDERS_SCAN");
    let all = OrdersScanHead { before: 0, user: 0, sku: 0, from: 0, to: 0, sale: 0, limit: 100, state: 0 };
    let some = OrdersScanHead {
        before: ORDER,
        user: 42,
        sku: 1_001,
        from: NOON - 60 * MINUTE,
        to: NOON,
        sale: 618,
        limit: 20,
        state: 2,
    };
    scan.message::<OrdersScan>(vec![("the newest", all, vec![], b""), ("by everything", some, vec![], b"")]);
    scan.message::<OrdersScanAnswer>(vec![
        ("the last page", ListAnswerHead { next: 0 }, vec![BRIEF], b""),
        ("nothing so far", ListAnswerHead { next: ORDER }, vec![], b""),
    ]);
    scan.refusal(Kind::OrdersScan.into(), Status::OrderNotFound, 0, WHOLE);

    vec![switch, list, put, limits, scan]
}
