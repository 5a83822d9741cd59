//! Cases of stock that moves without being held.

use super::*;

pub fn files() -> Vec<File> {
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
