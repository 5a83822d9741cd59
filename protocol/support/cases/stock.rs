//! Cases of stock that is held without an order, or moves without being held.

use super::*;

const HOLD: HoldBrief = HoldBrief { hold: ORDER + 1, user: 42, until: NOON + MINUTE, state: 1 };

pub fn files() -> Vec<File> {
    [holds(), moves()].into_iter().flatten().collect()
}

fn holds() -> Vec<File> {
    let mut reserve = File::of("STOCK_RESERVE");
    let head = StockReserveHead { request: REQUEST, user: 42, hold_seconds: 60 };
    let lines = vec![ASKED, AskedLine { sku: 1_002, warehouse: 2, quantity: 1 }];
    reserve.message::<StockReserve>(vec![("two lines for a minute", head, lines, b"")]);
    reserve.message::<StockReserveAnswer>(vec![("open", HOLD, vec![], b"")]);
    reserve.refusal(Kind::StockReserve.into(), Status::SoldOut, 0, refusal(1, 1, 0));

    let end = EndHoldHead { request: REQUEST + 1, user: 42, hold: ORDER + 1 };
    let mut release = File::of("STOCK_RELEASE");
    release.message::<StockRelease>(vec![("a hold", end, vec![], b"")]);
    release.message::<StockReleaseAnswer>(vec![("freed", HoldBrief { state: 4, ..HOLD }, vec![], b"")]);
    release.refusal(Kind::StockRelease.into(), Status::HoldNotFound, 0, WHOLE);

    let mut commit = File::of("STOCK_COMMIT");
    commit.message::<StockCommit>(vec![("by an operator", EndHoldHead { user: 0, ..end }, vec![], b"")]);
    commit.message::<StockCommitAnswer>(vec![("sold", HoldBrief { state: 3, ..HOLD }, vec![], b"")]);
    let late = refusal(Refusal::NO_LINE, NOON + 2 * MINUTE, NOON + MINUTE);
    commit.refusal(Kind::StockCommit.into(), Status::HoldExpired, 0, late);

    let mut extend = File::of("STOCK_EXTEND");
    let head = StockExtendHead { request: REQUEST + 2, user: 42, hold: ORDER + 1, hold_seconds: 120 };
    extend.message::<StockExtend>(vec![("two minutes from now", head, vec![], b"")]);
    let longer = HoldBrief { until: NOON + 2 * MINUTE, ..HOLD };
    extend.message::<StockExtendAnswer>(vec![("longer", longer, vec![], b"")]);
    extend.refusal(Kind::StockExtend.into(), Status::HoldExpired, 0, late);
    vec![reserve, release, commit, extend]
}

fn moves() -> Vec<File> {
    let mut transfer = File::of("STOCK_TRANSFER");
    let head = StockTransferHead { request: REQUEST, sku: 1_001, units: 250, from: 1, to: 2 };
    transfer.message::<StockTransfer>(vec![("from 1 to 2", head, vec![], b"")]);
    let to = Shelf { on_hand: 250, held: 0, safety: 0, unavailable: 0, sold: 0, sellable: 250, ..SHELF };
    let both = StockTransferAnswerHead { from: SHELF, to: Shelf { warehouse: 2, ..to } };
    transfer.message::<StockTransferAnswer>(vec![("both shelves now", both, vec![], b"")]);
    transfer.refusal(
        Kind::StockTransfer.into(),
        Status::InsufficientStock,
        0,
        refusal(Refusal::NO_LINE, 250, 120),
    );

    let mut back = File::of("STOCK_RETURN");
    let head = StockReturnHead { request: REQUEST, sku: 1_001, units: 2, warehouse: 1 };
    back.message::<StockReturn>(vec![("two came back", head, vec![], b"")]);
    back.message::<StockReturnAnswer>(vec![("the shelf now", SHELF, vec![], b"")]);
    back.refusal(Kind::StockReturn.into(), Status::InsufficientStock, 0, refusal(Refusal::NO_LINE, 2, 1));
    vec![transfer, back]
}
