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

    vec![switch, list]
}
