//! Refunds that failed and were asked for otherwise since. A gateway may have sent their money all the same, and then
//! it has to be known what they were about. They are few, and leave when their money went.

use alloc::vec::Vec;

use crate::ids::PaymentId;
use crate::image::flat;
use crate::ledger::image::{ImageFault, ImagePart, Reading, put_many};
use crate::payment::FAILED_REFUNDS_MAX;
use crate::table::Imaged;
use crate::units::MinorUnits;

/// All of them, by payment and number.
#[derive(Debug)]
pub(crate) struct FailedRefunds {
    rows: Vec<FailedRefund>,
}

#[derive(Clone, Copy, Debug)]
struct FailedRefund {
    payment: PaymentId,
    amount: MinorUnits,
    number: u16,
}

flat! { FailedRefund { payment: PaymentId, amount: MinorUnits, number: u16 } }

/// All of it is small.
impl ImagePart for FailedRefunds {
    fn put_head(&self, out: &mut Vec<u8>) {
        put_many(self.rows.iter().copied(), out);
    }

    fn take_head(&mut self, from: &mut Reading<'_>) -> Result<(), ImageFault> {
        for row in from.many(("failed refunds", FAILED_REFUNDS_MAX))? {
            self.rows.push(row?);
        }
        Ok(())
    }

    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Imaged)> {
        Vec::new()
    }
}

impl FailedRefunds {
    pub(crate) const BYTES_MAX: u64 = (FAILED_REFUNDS_MAX * size_of::<FailedRefund>()) as u64;

    pub(crate) fn new() -> FailedRefunds {
        FailedRefunds { rows: Vec::with_capacity(FAILED_REFUNDS_MAX) }
    }

    /// Payment, number and amount of each.
    pub(crate) fn all(&self) -> impl Iterator<Item = (PaymentId, u16, MinorUnits)> {
        self.rows.iter().map(|it| (it.payment, it.number, it.amount))
    }

    pub(crate) fn has_room(&self) -> bool {
        self.rows.len() < FAILED_REFUNDS_MAX
    }

    /// What this refund was about, if it was left behind.
    pub(crate) fn find(&self, payment: PaymentId, number: u16) -> Option<MinorUnits> {
        self.place(payment, number).ok().map(|place| self.rows[place].amount)
    }

    /// Those of a payment: which, and what each was about.
    pub(crate) fn of(&self, payment: PaymentId) -> impl Iterator<Item = (u16, MinorUnits)> {
        let from = self.rows.partition_point(|it| it.payment < payment);
        self.rows[from..].iter().take_while(move |it| it.payment == payment).map(|it| (it.number, it.amount))
    }

    /// Leaves one behind. There is room for it.
    pub(crate) fn add(&mut self, payment: PaymentId, number: u16, amount: MinorUnits) {
        assert!(self.has_room(), "room for a failed refund was looked for");
        let place = self.place(payment, number).expect_err("a refund is left behind once");
        self.rows.insert(place, FailedRefund { payment, amount, number });
    }

    /// Its money went after all.
    pub(crate) fn remove(&mut self, payment: PaymentId, number: u16) {
        let place = self.place(payment, number).expect("a refund that went late was left behind");
        self.rows.remove(place);
    }

    fn place(&self, payment: PaymentId, number: u16) -> Result<usize, usize> {
        self.rows.binary_search_by_key(&(payment, number), |it| (it.payment, it.number))
    }
}
