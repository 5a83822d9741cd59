//! `tidegate admin aftersale`: cases of buyers who want money back, with the goods or without, or other goods.

use clap::{Subcommand, ValueEnum};
use tidegate_sdk::blocking::Client;
use tidegate_sdk::{OrderId, Returned, SkuId, UserId, WarehouseId};

use super::amount;
use super::show::{self, Shown};

#[derive(Debug, Subcommand)]
pub enum AftersaleAction {
    /// Open a case for a buyer, about one line of an order
    #[command(after_help = "Example: tidegate admin aftersale open 382516920123392001 --sku 1001 --units 1")]
    Open {
        order: u64,
        /// The line.
        #[arg(long)]
        sku: u64,
        /// Units that come back first; without it, money goes back alone.
        #[arg(long, default_value_t = 0)]
        units: u32,
        /// Other units go for those that come back, and no money.
        #[arg(long, requires = "units", conflicts_with = "amount")]
        exchange: bool,
        /// How much; without it, all that the line still has.
        #[arg(long)]
        amount: Option<String>,
        /// The shop's own number for why.
        #[arg(long, default_value_t = 0)]
        why: u16,
    },
    /// Show the cases of an order
    #[command(after_help = "Example: tidegate admin aftersale get 382516920123392001")]
    Get { order: u64 },
    /// Decide a case: --accept or --refuse
    #[command(after_help = "Example: tidegate admin aftersale decide 382516920123392001 1 --accept")]
    Decide {
        order: u64,
        /// Which of its cases, counted from 1.
        number: u16,
        /// Money goes back, or money or new goods are to go back once the old ones are there.
        #[arg(long, required_unless_present = "refuse", conflicts_with = "refuse")]
        accept: bool,
        /// Nothing goes back.
        #[arg(long)]
        refuse: bool,
        /// How much goes back; without it, what was asked for.
        #[arg(long, conflicts_with = "refuse")]
        amount: Option<String>,
        /// The shop's own number for why.
        #[arg(long, default_value_t = 0)]
        why: u16,
    },
    /// Record that the goods of an accepted case came back; an exchange gives the new ones then
    #[command(
        after_help = "Example: tidegate admin aftersale receive 382516920123392001 1 --condition unavailable"
    )]
    Receive {
        order: u64,
        /// Which of its cases, counted from 1.
        number: u16,
        /// Where they came to; without it, where they were sent from.
        #[arg(long, default_value_t = 0)]
        warehouse: u32,
        #[arg(long, value_enum, default_value_t = Condition::Sellable)]
        condition: Condition,
    },
}

/// In which condition goods came back.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Condition {
    /// They can be sold again.
    Sellable,
    /// They lie on the shelf and cannot be sold as they are.
    Unavailable,
    /// They are not kept.
    Lost,
}

impl AftersaleAction {
    pub fn ask(self, client: &Client) -> anyhow::Result<Shown> {
        // On the wire, user 0 is an operator, who may see any order.
        let operator = UserId(0);
        // Money goes back in the currency in which it came.
        let minor_units = |order: u64, text: Option<String>| match text {
            None => Ok(0),
            Some(text) => {
                let found = client.wait(client.get(operator, OrderId(order)))?;
                Ok::<_, anyhow::Error>(amount(&text, found.brief.total.currency)?.minor_units)
            }
        };
        let case = match self {
            AftersaleAction::Open { order, sku, units, exchange, amount, why } => {
                let open = client.aftersale_open(operator, OrderId(order), SkuId(sku));
                let amount = minor_units(order, amount)?;
                let open = if exchange { open.exchanging(units) } else { open.returning(units) };
                client.wait(open.amount(amount).why(why))?
            }
            AftersaleAction::Get { order } => {
                let cases = client.wait(client.aftersale_get(operator, OrderId(order)))?;
                return Ok(show::aftersales(&cases));
            }
            AftersaleAction::Decide { order, number, accept, refuse: _, amount, why } => {
                let amount = minor_units(order, amount)?;
                let decide = client.aftersale_decide(OrderId(order), number, accept);
                client.wait(decide.amount(amount).why(why))?
            }
            AftersaleAction::Receive { order, number, warehouse, condition } => {
                let returned = match condition {
                    Condition::Sellable => Returned::Sellable,
                    Condition::Unavailable => Returned::Unavailable,
                    Condition::Lost => Returned::Lost,
                };
                let receive = client.aftersale_receive(OrderId(order), number, returned);
                client.wait(receive.at(WarehouseId(warehouse)))?
            }
        };
        Ok(show::aftersales(&[case]))
    }
}
