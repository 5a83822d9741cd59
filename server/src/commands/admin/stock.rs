//! `tidegate admin stock`: units on shelves, held or moved without an order.

use clap::{Args, Subcommand};
use tidegate_sdk::blocking::Client;
use tidegate_sdk::{AdjustReason, HoldId, SkuId, UserId, WarehouseId};

use super::show::{self, Shown};
use super::some_warehouse;
use crate::cli::BadUsage;

#[derive(Debug, Subcommand)]
pub enum StockAction {
    /// Change a shelf by so many units more or fewer
    #[command(
        after_help = "Example: tidegate admin stock adjust 1 --warehouse 1 --on-hand -3 --reason adjusted"
    )]
    Adjust(StockAdjust),
    /// Set units of a sku aside without an order
    #[command(after_help = "Example: tidegate admin stock reserve 1 --warehouse 1 --units 5 --seconds 600")]
    Reserve {
        sku: u64,
        /// From where; 0: the server chooses.
        #[arg(long, default_value_t = 0)]
        warehouse: u32,
        #[arg(long)]
        units: u32,
        /// For how long.
        #[arg(long, default_value_t = 900, value_parser = clap::value_parser!(u32).range(1..=2_592_000))]
        seconds: u32,
        /// Whose hold it is, for an order to take over; 0: nobody's but yours.
        #[arg(long, default_value_t = 0)]
        user: u64,
    },
    /// Free what a hold set aside
    #[command(after_help = "Example: tidegate admin stock release 382516920123392001")]
    Release { hold: u64 },
    /// Sell what a hold set aside, without an order
    #[command(after_help = "Example: tidegate admin stock commit 382516920123392001")]
    Commit { hold: u64 },
    /// Make a hold last so long from now, never shorter
    #[command(after_help = "Example: tidegate admin stock extend 382516920123392001 --seconds 600")]
    Extend {
        hold: u64,
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=2_592_000))]
        seconds: u32,
    },
    /// Move units from one warehouse to another
    #[command(after_help = "Example: tidegate admin stock transfer 1 --from 1 --to 2 --units 50")]
    Transfer {
        sku: u64,
        /// The warehouse that they leave.
        #[arg(long, value_name = "WAREHOUSE", value_parser = some_warehouse)]
        from: u32,
        /// The warehouse that they come to.
        #[arg(long, value_name = "WAREHOUSE", value_parser = some_warehouse)]
        to: u32,
        #[arg(long)]
        units: u64,
    },
    /// Take sold units back onto a shelf
    #[command(after_help = "Example: tidegate admin stock return 1 --warehouse 1 --units 2")]
    Return {
        sku: u64,
        /// Where they came to.
        #[arg(long, value_parser = some_warehouse)]
        warehouse: u32,
        #[arg(long)]
        units: u64,
    },
    /// Show a sku's stock, over all its warehouses unless one is named
    #[command(after_help = "Example: tidegate admin stock get 1 --warehouse 2")]
    Get {
        sku: u64,
        #[arg(long, default_value_t = 0)]
        warehouse: u32,
    },
}

#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub struct StockAdjust {
    sku: u64,
    #[arg(long, value_parser = some_warehouse)]
    warehouse: u32,
    /// Units that came, or below 0 went.
    #[arg(long, default_value_t = 0, value_name = "UNITS")]
    pub(super) on_hand: i64,
    /// Why they came or went.
    #[arg(long, default_value = "received")]
    reason: Reason,
    /// So many units more are kept back from selling.
    #[arg(long, default_value_t = 0, value_name = "UNITS")]
    safety: i64,
    /// So many units more are there but cannot be sold.
    #[arg(long, default_value_t = 0, value_name = "UNITS")]
    unavailable: i64,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Reason {
    /// Goods came in.
    Received,
    /// A count, a loss, a find.
    Adjusted,
    /// A buyer's units came back.
    Returned,
    /// Units are gone, whoever holds them.
    Lost,
}

impl StockAction {
    pub fn ask(self, client: &Client) -> anyhow::Result<Shown> {
        // On the wire, user 0 is an operator, who may end any hold.
        let operator = UserId(0);
        match self {
            StockAction::Adjust(adjust) => {
                if (adjust.on_hand, adjust.safety, adjust.unavailable) == (0, 0, 0) {
                    let nothing = "nothing would change: give --on-hand, --safety or --unavailable";
                    return Err(BadUsage(nothing.into()).into());
                }
                let request = client
                    .stock_adjust(SkuId(adjust.sku), WarehouseId(adjust.warehouse))
                    .on_hand(adjust.on_hand, adjust.reason.into())
                    .safety(adjust.safety)
                    .unavailable(adjust.unavailable);
                Ok(show::shelf(&client.wait(request)?))
            }
            StockAction::Reserve { sku, warehouse, units, seconds, user } => {
                let request = client
                    .stock_reserve(UserId(user))
                    .line_from(SkuId(sku), WarehouseId(warehouse), units)
                    .hold_seconds(seconds);
                Ok(show::hold(&client.wait(request)?))
            }
            StockAction::Release { hold } => {
                Ok(show::hold(&client.wait(client.stock_release(operator, HoldId(hold)))?))
            }
            StockAction::Commit { hold } => {
                Ok(show::hold(&client.wait(client.stock_commit(operator, HoldId(hold)))?))
            }
            StockAction::Extend { hold, seconds } => {
                Ok(show::hold(&client.wait(client.stock_extend(operator, HoldId(hold), seconds))?))
            }
            StockAction::Transfer { sku, from, to, units } => {
                let request = client.stock_transfer(SkuId(sku), WarehouseId(from), WarehouseId(to), units);
                Ok(show::transferred(&client.wait(request)?))
            }
            StockAction::Return { sku, warehouse, units } => {
                let request = client.stock_return(SkuId(sku), WarehouseId(warehouse), units);
                Ok(show::shelf(&client.wait(request)?))
            }
            StockAction::Get { sku, warehouse } => {
                let request = client.stock_get(SkuId(sku)).warehouse(WarehouseId(warehouse));
                Ok(show::shelf(&client.wait(request)?))
            }
        }
    }
}

impl From<Reason> for AdjustReason {
    fn from(reason: Reason) -> AdjustReason {
        match reason {
            Reason::Received => AdjustReason::Received,
            Reason::Adjusted => AdjustReason::Adjusted,
            Reason::Returned => AdjustReason::Returned,
            Reason::Lost => AdjustReason::Lost,
        }
    }
}
