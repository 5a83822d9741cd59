//! The payments in memory: a row an attempt, linked from its order's rare part. Orders without one pay nothing.

use alloc::vec;
use alloc::vec::Vec;

use crate::fact::RefundReason;
use crate::ids::{GatewayId, PaymentId};
use crate::image::{Flat, flat};
use crate::ledger::bounds::LedgerBounds;
use crate::ledger::image::{ImageFault, ImagePart, Reading};
use crate::payment::{Money, PaymentState};
use crate::pool::{Pool, linked};
use crate::table::Imaged;
use crate::units::{Currency, MinorUnits};
use crate::verdict::digest_payment;

/// An attempt as it lies in memory: one cache line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payment {
    pub(crate) id: PaymentId,
    /// Of the gateway's transfer.
    pub(crate) reference: u64,
    pub(crate) money: Money,
    /// The order's slot.
    pub(crate) order: u32,
    /// The order's attempt before this one.
    pub(crate) older: u32,
    pub(crate) gateway: GatewayId,
    pub(crate) currency: Currency,
    pub(crate) state: PaymentState,
    /// What asked for the latest refund.
    pub(crate) reason: RefundReason,
    /// The attempt by which this money came once more; 0: this is an attempt that was opened.
    pub(crate) came_by: u16,
}

const PAYMENT_BYTES_MAX: usize = 64;
const _: () = assert!(size_of::<Payment>() <= PAYMENT_BYTES_MAX);

/// The payments of all orders in memory.
#[derive(Debug)]
pub(crate) struct Payments {
    rows: Pool<Payment>,
    sums: PaymentSums,
}

/// Sums over all payments, kept as they change.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PaymentSums {
    /// By state number − 1.
    pub(crate) payments: [u64; 6],
    pub(crate) arrived: i64,
    pub(crate) refunded: i64,
    pub(crate) digest: u64,
}

flat! {
    Payment {
        id: PaymentId,
        reference: u64,
        money: Money,
        order: u32,
        older: u32,
        gateway: GatewayId,
        currency: Currency,
        state: PaymentState,
        reason: RefundReason,
        came_by: u16,
    }
    PaymentSums { payments: [u64; 6], arrived: i64, refunded: i64, digest: u64 }
}

linked! { Payment { older } }

impl ImagePart for Payments {
    fn put_head(&self, out: &mut Vec<u8>) {
        (self.sums, self.rows.state()).put(out);
    }

    fn take_head(&mut self, from: &mut Reading<'_>) -> Result<(), ImageFault> {
        let rows;
        (self.sums, rows) = from.one()?;
        self.rows.set_state(rows);
        Ok(())
    }

    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Imaged)> {
        vec![("payments_max", self.rows.table())]
    }
}

impl Payments {
    pub(crate) const fn bytes(bounds: &LedgerBounds) -> u64 {
        (bounds.payments_max * size_of::<Payment>()) as u64
    }

    pub(crate) fn new(bounds: &LedgerBounds) -> Payments {
        Payments { rows: Pool::with_rows_max(bounds.payments_max), sums: PaymentSums::default() }
    }

    pub(crate) fn sums(&self) -> &PaymentSums {
        &self.sums
    }

    /// Whether so many more fit.
    #[inline]
    pub(crate) fn has_room(&self, bounds: &LedgerBounds, payments: usize) -> bool {
        self.rows.used() + payments <= bounds.payments_max
    }

    #[inline]
    pub(crate) fn at(&self, slot: u32) -> &Payment {
        self.rows.at(slot)
    }

    /// An order's attempts from the one in `newest` on, newest first.
    pub(crate) fn attempts_from(&self, newest: u32) -> impl Iterator<Item = (u32, &Payment)> {
        self.rows.from(newest)
    }

    /// Adds an open attempt, or what is to become money that came once more. There is room for it.
    pub(crate) fn add(
        &mut self,
        (id, came_by): (PaymentId, u16),
        order: u32,
        older: u32,
        gateway: GatewayId,
        currency: Currency,
    ) -> u32 {
        let payment = Payment {
            id,
            reference: 0,
            money: Money::NONE,
            order,
            older,
            gateway,
            currency,
            state: PaymentState::Open,
            reason: RefundReason::Operator,
            came_by,
        };
        self.sums.add(&payment);
        self.rows.add(payment)
    }

    /// Adds an order's payments, newest first, which were here before; says where the newest is. There is room for
    /// them.
    pub(crate) fn add_all(&mut self, order: u32, payments: &[Payment]) -> u32 {
        self.rows.add_all(payments.iter().map(|it| Payment { order, ..*it }))
    }

    /// The sums, which did not know these payments, count them from here.
    pub(crate) fn count(&mut self, payments: &[Payment]) {
        payments.iter().for_each(|payment| self.sums.add(payment));
    }

    /// An order leaves memory, whose newest payment is this; the sums still count them.
    pub(crate) fn forget_from(&mut self, newest: u32) {
        self.rows.free_from(newest);
    }

    pub(crate) fn change(&mut self, slot: u32, change: impl FnOnce(&mut Payment)) {
        let payment = self.rows.at_mut(slot);
        self.sums.take(payment);
        change(payment);
        self.sums.add(payment);
    }
}

impl PaymentSums {
    fn add(&mut self, payment: &Payment) {
        self.payments[usize::from(payment.state.number()) - 1] += 1;
        self.arrived = self.arrived.wrapping_add(payment.money.arrived.0);
        self.refunded = self.refunded.wrapping_add(payment.money.refunded.0);
        self.digest = self.digest.wrapping_add(digest_of(payment));
    }

    fn take(&mut self, payment: &Payment) {
        self.payments[usize::from(payment.state.number()) - 1] -= 1;
        self.arrived = self.arrived.wrapping_sub(payment.money.arrived.0);
        self.refunded = self.refunded.wrapping_sub(payment.money.refunded.0);
        self.digest = self.digest.wrapping_sub(digest_of(payment));
    }
}

fn digest_of(payment: &Payment) -> u64 {
    let Money { arrived, refunded, refund, .. } = payment.money;
    let asked_back = if payment.money.is_asked() { payment.money.refund_amount } else { MinorUnits::ZERO };
    digest_payment(payment.id, payment.state, refund, [arrived, refunded, asked_back])
}
