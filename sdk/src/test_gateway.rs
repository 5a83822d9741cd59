//! A payment gateway that says whatever it is told to: for tests, demos and trials. No bank, no money.

use protocol::GatewayKey;

use crate::client::Client;
use crate::request::{PayCallback, RefundResult, Request};
use crate::shop::Payment;
use crate::values::{GatewayId, Money};

/// Plays the gateway of this id by its key: makes signed callbacks, as the real one's would come in. What is said of
/// a payment of another gateway is refused by the server, as are callbacks signed with another key.
#[derive(Clone, Debug)]
pub struct TestGateway {
    id: GatewayId,
    key: GatewayKey,
}

impl TestGateway {
    /// The gateway of this id, which signs with this key, both as the server's configuration has them.
    pub fn new(id: GatewayId, key: &[u8]) -> TestGateway {
        TestGateway { id, key: GatewayKey::new(key) }
    }

    /// The buyer paid all that was asked for. The transfer's number is made from the payment's.
    pub fn paid(&self, client: &Client, payment: &Payment) -> Request<PayCallback> {
        self.arrived(client, payment, payment.amount, payment.payment.0)
    }

    /// This much came, in this currency, by the transfer of this number.
    pub fn arrived(
        &self,
        client: &Client,
        payment: &Payment,
        money: Money,
        reference: u64,
    ) -> Request<PayCallback> {
        self.says(client, payment, Some((money, reference)))
    }

    /// No money will come.
    pub fn failed(&self, client: &Client, payment: &Payment) -> Request<PayCallback> {
        self.says(client, payment, None)
    }

    /// The payment's latest refund went through; nothing where it has none.
    pub fn refunded(&self, client: &Client, payment: &Payment) -> Option<Request<RefundResult>> {
        self.says_of_refund(client, payment, true)
    }

    /// The payment's latest refund could not be made; nothing where it has none.
    pub fn refund_failed(&self, client: &Client, payment: &Payment) -> Option<Request<RefundResult>> {
        self.says_of_refund(client, payment, false)
    }

    fn says(&self, client: &Client, payment: &Payment, paid: Option<(Money, u64)>) -> Request<PayCallback> {
        client.pay_callback(payment.payment, self.id, paid, client.server_time()).signed(&self.key)
    }

    fn says_of_refund(
        &self,
        client: &Client,
        payment: &Payment,
        succeeded: bool,
    ) -> Option<Request<RefundResult>> {
        let refund = payment.refund?;
        let about = (refund.number, refund.amount.minor_units);
        let told = client.refund_result(payment.payment, self.id, about, succeeded, client.server_time());
        Some(told.signed(&self.key))
    }
}
