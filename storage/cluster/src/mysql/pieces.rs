//! Batches in pieces: what is tried in one transaction, and halved when something is wrong, until a fault reaches only
//! the order that is at fault.

use std::collections::VecDeque;

use super::fault::{FaultKind, TxFault};
use super::keys::TRIES;
use super::slices::Slice;

/// Orders of one slice that are tried together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub slice: Slice,
    /// Places in the batch.
    pub orders: Vec<usize>,
    /// A key that was there already was met: from now on key rows are looked at before anything is written.
    pub met_a_duplicate: bool,
    /// How often a piece of one order was tried.
    tries: usize,
}

/// A batch, cut where a transaction has to end.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pieces: VecDeque<Piece>,
}

impl Pieces {
    /// Puts an order behind those before it. `apart` says of which of them it has to be apart: who asks twice at once
    /// hears the second time what the first one did.
    pub fn put(&mut self, slice: Slice, at: usize, apart: impl Fn(usize) -> bool) {
        match self.pieces.back_mut() {
            Some(piece) if piece.slice == slice && !piece.orders.iter().any(|other| apart(*other)) => {
                piece.orders.push(at);
            }
            Some(_) | None => {
                self.pieces.push_back(Piece { slice, orders: vec![at], met_a_duplicate: false, tries: 0 });
            }
        }
    }

    /// Tries each piece, by halves where one order may be at fault. `failed` makes an outcome of what stays wrong.
    pub async fn run<O>(
        mut self,
        outcomes: &mut [Option<O>],
        mut attempt: impl AsyncFnMut(&Piece) -> Result<Vec<(usize, O)>, TxFault>,
        failed: impl Fn(&TxFault) -> O,
    ) {
        while let Some(mut piece) = self.pieces.pop_front() {
            match attempt(&piece).await {
                Ok(decided) => decided.into_iter().for_each(|(at, outcome)| outcomes[at] = Some(outcome)),
                Err(TxFault::NotDone(fault))
                    if fault.kind == FaultKind::Duplicate && !piece.met_a_duplicate =>
                {
                    piece.met_a_duplicate = true;
                    self.pieces.push_front(piece);
                }
                Err(TxFault::NotDone(fault))
                    if fault.kind.may_be_one_orders() && piece.may_be_tried_again() =>
                {
                    piece.smaller().into_iter().rev().for_each(|piece| self.pieces.push_front(piece));
                }
                Err(fault) => piece.orders.iter().for_each(|at| outcomes[*at] = Some(failed(&fault))),
            }
        }
    }
}

impl Piece {
    fn may_be_tried_again(&self) -> bool {
        self.orders.len() > 1 || self.tries + 1 < TRIES
    }

    /// Its halves; of one order, that one once more.
    fn smaller(mut self) -> Vec<Piece> {
        if self.orders.len() == 1 {
            self.tries += 1;
            return vec![self];
        }
        let back = self.orders.split_off(self.orders.len() / 2);
        let back = Piece { orders: back, ..self };
        vec![self, back]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::fault::Fault;

    const SLICE: Slice = Slice { first_ms: 1, month: 202_611, number: 0 };

    /// Runs a batch of which some orders are bad, and says what became of each and how many transactions it took.
    fn run(orders: usize, bad: &[usize], kind: FaultKind) -> (Vec<bool>, usize) {
        let mut pieces = Pieces::default();
        (0..orders).for_each(|at| pieces.put(SLICE, at, |_| false));
        let mut outcomes = vec![None; orders];
        let mut transactions = 0;
        let attempt = async |piece: &Piece| {
            transactions += 1;
            if piece.orders.iter().any(|at| bad.contains(at)) {
                return Err(TxFault::NotDone(Fault::new(kind, "bad")));
            }
            Ok(piece.orders.iter().map(|at| (*at, true)).collect())
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(pieces.run(&mut outcomes, attempt, |_| false));
        (outcomes.into_iter().map(Option::unwrap).collect(), transactions)
    }

    #[test]
    fn one_bad_order_fails_alone() {
        for bad in [0, 17, 63] {
            let (outcomes, transactions) = run(64, &[bad], FaultKind::Duplicate);
            assert!(outcomes.iter().enumerate().all(|(at, made)| *made == (at != bad)), "{bad}");
            // Once without a look and once with one, two a halving, and the one order as often as it is tried.
            assert_eq!(transactions, 2 + 2 * 6 + (TRIES - 1));
        }
    }

    #[test]
    fn a_servers_fault_is_not_looked_for_among_orders() {
        assert_eq!(run(64, &[3], FaultKind::ReadOnly), (vec![false; 64], 1));
    }

    #[test]
    fn slices_and_what_has_to_be_apart_part_a_batch() {
        let mut pieces = Pieces::default();
        let next = Slice { number: 1, ..SLICE };
        pieces.put(SLICE, 0, |_| false);
        pieces.put(SLICE, 1, |_| false);
        pieces.put(SLICE, 2, |other| other == 0);
        pieces.put(next, 3, |_| false);
        let orders: Vec<_> = pieces.pieces.iter().map(|piece| piece.orders.clone()).collect();
        assert_eq!(orders, [vec![0, 1], vec![2], vec![3]]);
    }
}
