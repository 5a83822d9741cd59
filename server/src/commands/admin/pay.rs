//! `tidegate admin pay`: payments as an operator sees them, and a gateway played by hand.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use tidegate_sdk::blocking::Client;
use tidegate_sdk::{Currency, GatewayId, OrderId, Payment, PaymentId, TestGateway, UserId};

use super::show::{self, Shown};
use super::{amount, currency};
use crate::cli::BadUsage;
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub enum PayAction {
    /// Open an attempt to pay an order
    #[command(after_help = "Example: tidegate admin pay open 382516920123392001 --gateway 1")]
    Open {
        order: u64,
        /// Where the buyer pays.
        #[arg(long)]
        gateway: u16,
    },
    /// Show an attempt, or an order's latest
    #[command(after_help = "Example: tidegate admin pay get --order 382516920123392001")]
    Get {
        #[arg(required_unless_present = "order")]
        payment: Option<u64>,
        #[arg(long, conflicts_with = "payment")]
        order: Option<u64>,
    },
    /// Give an attempt up
    #[command(after_help = "Example: tidegate admin pay close 382516920119201793")]
    Close { payment: u64 },
    /// Ask the gateway to send money back: all that is left of a payment, or a part
    #[command(after_help = "Example: tidegate admin pay refund 382516920119201793 --amount 5.00 --why 12")]
    Refund {
        payment: u64,
        /// How much; without it, all that is left.
        #[arg(long)]
        amount: Option<String>,
        /// The shop's own number for why; it stays with the fact.
        #[arg(long, default_value_t = 0)]
        why: u16,
    },
    /// Take money of another amount, in the order's currency, for what was to be paid: the order is confirmed
    #[command(after_help = "Example: tidegate admin pay settle 382516920119201793")]
    Settle { payment: u64 },
    /// Play the gateway: sign with its configured key, and say how an attempt or its refund went
    #[command(after_help = "Example: tidegate admin pay simulate 382516920119201793 --config tidegate.toml")]
    Simulate(Simulate),
}

#[derive(Debug, Args)]
pub struct Simulate {
    payment: u64,
    /// The server's configuration, for the gateway's key in [payments].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// It went wrong.
    #[arg(long)]
    failed: bool,
    /// It is about the payment's latest refund.
    #[arg(long, conflicts_with_all = ["amount", "currency", "reference"])]
    refund: bool,
    /// What arrived, where it is not what was asked for.
    #[arg(long)]
    amount: Option<String>,
    /// The currency in which it arrived, where it is not the order's.
    #[arg(long, value_parser = currency)]
    currency: Option<Currency>,
    /// The gateway's own number of the transfer.
    #[arg(long, default_value_t = 1)]
    reference: u64,
}

impl PayAction {
    pub fn ask(self, client: &Client) -> anyhow::Result<Shown> {
        // On the wire, user 0 is an operator, who may see any payment.
        let operator = UserId(0);
        let payment = match self {
            PayAction::Open { order, gateway } => {
                client.wait(client.pay_open(operator, OrderId(order), GatewayId(gateway)))?
            }
            PayAction::Get { payment, order } => match (payment, order) {
                (Some(payment), _) => client.wait(client.pay_get(operator, PaymentId(payment)))?,
                (None, order) => {
                    client.wait(client.pay_latest(operator, OrderId(order.unwrap_or_default())))?
                }
            },
            PayAction::Close { payment } => client.wait(client.pay_close(operator, PaymentId(payment)))?,
            PayAction::Refund { payment, amount: part, why } => {
                let payment = PaymentId(payment);
                let mut request = client.refund(payment).why(why);
                if let Some(part) = part {
                    // Money goes back in the currency in which it came.
                    let found = client.wait(client.pay_get(operator, payment))?;
                    request = request.amount(amount(&part, found.arrived.currency)?.minor_units);
                }
                client.wait(request)?
            }
            PayAction::Settle { payment } => {
                let found = client.wait(client.pay_get(operator, PaymentId(payment)))?;
                client.wait(client.settle(found.order, found.payment))?;
                client.wait(client.pay_get(operator, found.payment))?
            }
            PayAction::Simulate(simulate) => simulate.ask(client)?,
        };
        Ok(show::payment(&payment))
    }
}

impl Simulate {
    fn ask(self, client: &Client) -> anyhow::Result<Payment> {
        let found = client.wait(client.pay_get(UserId(0), PaymentId(self.payment)))?;
        let config = Config::load(self.config.as_deref())?;
        let gateway = config.payments.gateways.iter().find(|it| it.id == found.gateway.0);
        let gateway = gateway.ok_or_else(|| {
            let id = found.gateway;
            BadUsage(format!("the configuration has no gateway {id} in [payments]: name it with --config"))
        })?;
        let played = TestGateway::new(found.gateway, &gateway.key()?);
        if self.refund {
            let told = match self.failed {
                false => played.refunded(client, &found),
                true => played.refund_failed(client, &found),
            };
            return Ok(client.wait(told.context("nobody asked for a refund of this payment")?)?);
        }
        let mut money = found.amount;
        if let Some(text) = &self.amount {
            money = amount(text, self.currency.unwrap_or(money.currency))?;
        }
        money.currency = self.currency.unwrap_or(money.currency);
        let told = match self.failed {
            false => played.arrived(client, &found, money, self.reference),
            true => played.failed(client, &found),
        };
        Ok(client.wait(told)?)
    }
}
