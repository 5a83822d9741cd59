//! Cases of freight rules.

use super::*;

const RULE: FreightRule = FreightRule {
    free_from: 5_000,
    base: 490,
    first: 2_000,
    step: 1_000,
    per_step: 150,
    seller: 7,
    version: 2,
    currency: 978,
    by: 2,
};

pub fn files() -> Vec<File> {
    let mut put = File::of("FREIGHT_PUT");
    let FreightRule { free_from, base, first, step, per_step, seller, currency, by, version: _ } = RULE;
    let head = FreightPutHead {
        request: REQUEST,
        free_from,
        base,
        first,
        step,
        per_step,
        seller,
        replaces: 1,
        currency,
        by,
    };
    let flat = FreightPutHead { free_from: 0, first: 0, step: 0, per_step: 0, replaces: 0, by: 1, ..head };
    put.message::<FreightPut>(vec![("by weight", head, vec![], b""), ("one price", flat, vec![], b"")]);
    let answer = FreightPutAnswerHead { seller: 7, version: 2, currency: 978 };
    put.message::<FreightPutAnswer>(vec![("replaced", answer, vec![], b"")]);
    put.refusal(Kind::FreightPut.into(), Status::VersionConflict, 0, refusal(Refusal::NO_LINE, 0, 1));

    let mut list = File::of("FREIGHT_LIST");
    let head = FreightListHead { after_seller: 0, after_currency: 0, limit: 100 };
    let behind = FreightListHead { after_seller: 7, after_currency: 840, limit: 1 };
    list.message::<FreightList>(vec![
        ("from the beginning", head, vec![], b""),
        ("behind one", behind, vec![], b""),
    ]);
    list.message::<FreightListAnswer>(vec![("the last one", PageHead { more: false }, vec![RULE], b"")]);
    list.refusal(Kind::FreightList.into(), Status::InvalidField, 0, WHOLE);
    vec![put, list]
}
