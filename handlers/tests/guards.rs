//! What operators put in everybody's way: its frames become intents, or are refused before the store sees them.

mod support;

use protocol::structs::{LimitListHead, LimitPutHead, OrdersScanHead, SwitchHead, SwitchListHead, UserLimit};
use protocol::{Status, messages, text};
use support::{House, frame};

fn becomes(bytes: &[u8], intent: &str) {
    let mut house = House::new().known();
    house.give(bytes);
    assert_eq!(house.heard(), [], "the store answers, not the gateway");
    assert_eq!(house.store().intents(), [intent]);
}

fn is_no_field(bytes: &[u8]) {
    let mut house = House::new().known();
    assert_eq!(house.ask(bytes).status(), Some(Status::InvalidField));
    assert_eq!(house.store().intents(), [""; 0], "nothing reached the store");
}

const SWITCH: SwitchHead = SwitchHead { request: 1, id: 7, replaces: 0, scope: 3, stops: 5, note: [0; 96] };
const SWITCHES: SwitchListHead = SwitchListHead { after_id: 0, limit: 100, after_scope: 0 };

#[test]
fn a_switch_becomes_an_intent_with_every_field() {
    let switch = |head: SwitchHead| frame::<messages::Switch>(&head, &[], &[]);
    becomes(
        &switch(SwitchHead { note: text("price was wrong"), ..SWITCH }),
        "SwitchPut(SwitchPut { request: RequestId(1), scope: Sku(SkuId(7)), replaces: 0, \
         stops: Stops { creating: true, paying: false, changing: true }, note: Note(\"price was wrong\") })",
    );
    becomes(
        &switch(SwitchHead { scope: 1, id: 0, stops: 0, replaces: 3, note: [b'a'; 96], ..SWITCH }),
        &format!(
            "SwitchPut(SwitchPut {{ request: RequestId(1), scope: All, replaces: 3, \
             stops: Stops {{ creating: false, paying: false, changing: false }}, note: Note(\"{}\") }})",
            "a".repeat(96)
        ),
    );
    let mut hidden = text::<96>("seen");
    hidden[90] = b'x';
    for head in [
        SwitchHead { scope: 0, ..SWITCH },
        SwitchHead { scope: 4, ..SWITCH },
        SwitchHead { scope: 1, ..SWITCH },
        SwitchHead { scope: 2, id: 1 << 32, ..SWITCH },
        SwitchHead { id: 0, ..SWITCH },
        SwitchHead { stops: 8, ..SWITCH },
        SwitchHead { stops: 0, ..SWITCH },
        SwitchHead { note: [7; 96], ..SWITCH },
        SwitchHead { note: [0xFF; 96], ..SWITCH },
        SwitchHead { note: hidden, ..SWITCH },
    ] {
        is_no_field(&switch(head));
    }
}

#[test]
fn lists_begin_anywhere_and_have_a_bound() {
    let list = |head: SwitchListHead| frame::<messages::SwitchList>(&head, &[], &[]);
    becomes(&list(SWITCHES), "SwitchList { after: None, limit: 100 }");
    becomes(
        &list(SwitchListHead { after_id: 7, after_scope: 2, limit: 1 }),
        "SwitchList { after: Some(Sale(SaleId(7))), limit: 1 }",
    );
    is_no_field(&list(SwitchListHead { limit: 0, ..SWITCHES }));
    is_no_field(&list(SwitchListHead { limit: 101, ..SWITCHES }));
    is_no_field(&list(SwitchListHead { after_id: 7, ..SWITCHES }));
    is_no_field(&list(SwitchListHead { after_scope: 4, ..SWITCHES }));
}

#[test]
fn limits_become_intents_with_every_field() {
    let limit = UserLimit { user: 7, until: 9, sale_units: 5, list: 2 };
    let put = |limit: UserLimit| frame::<messages::LimitPut>(&LimitPutHead { request: 1, limit }, &[], &[]);
    becomes(
        &put(limit),
        "LimitPut(LimitPut { request: RequestId(1), limit: UserLimit { user: UserId(7), list: Preferred, \
         sale_units: 5, until: MicrosUtc(9) } })",
    );
    let nothing = UserLimit { until: 0, sale_units: 0, list: 0, ..limit };
    becomes(
        &put(nothing),
        "LimitPut(LimitPut { request: RequestId(1), limit: UserLimit { user: UserId(7), list: Ordinary, \
         sale_units: 0, until: MicrosUtc(0) } })",
    );
    is_no_field(&put(UserLimit { user: 0, ..limit }));
    is_no_field(&put(UserLimit { list: 3, ..limit }));
    is_no_field(&put(UserLimit { until: -1, ..limit }));
    is_no_field(&put(UserLimit { until: 9, ..nothing }));
    let list = |head: LimitListHead| frame::<messages::LimitList>(&head, &[], &[]);
    becomes(&list(LimitListHead { after: 7, limit: 2 }), "LimitList { after: UserId(7), limit: 2 }");
    is_no_field(&list(LimitListHead { after: 7, limit: 0 }));
}

#[test]
fn a_scan_becomes_an_intent_with_every_filter() {
    let head = OrdersScanHead { before: 1, user: 2, sku: 3, from: 4, to: 5, sale: 6, limit: 7, state: 8 };
    let scan = |head: OrdersScanHead| frame::<messages::OrdersScan>(&head, &[], &[]);
    becomes(
        &scan(head),
        "Scan(Scan { before: OrderId(1), user: UserId(2), state: 8, sku: SkuId(3), sale: SaleId(6), \
         from: MicrosUtc(4), to: MicrosUtc(5), limit: 7 })",
    );
    is_no_field(&scan(OrdersScanHead { limit: 0, ..head }));
    is_no_field(&scan(OrdersScanHead { limit: 101, ..head }));
    is_no_field(&scan(OrdersScanHead { state: 15, ..head }));
    is_no_field(&scan(OrdersScanHead { from: -1, ..head }));
    is_no_field(&scan(OrdersScanHead { to: -1, ..head }));
}
