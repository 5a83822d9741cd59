//! `tidegate admin freight`: what sellers take for sending.

use anyhow::anyhow;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tidegate_sdk::blocking::Client;
use tidegate_sdk::{Currency, FreightBy, FreightRule, Page, SellerId};

use super::show::{self, Shown};
use super::{amount, currency};

#[derive(Debug, Subcommand)]
pub enum FreightAction {
    /// Make what a seller takes for sending goods in a currency, or replace it
    #[command(after_help = "Example: tidegate admin freight put 0 --currency EUR --base 4.90 --by weight \
                            --first 2000 --step 1000 --each 1.50 --free-from 50.00")]
    Put(Put),
    /// Show what a seller takes
    #[command(after_help = "Example: tidegate admin freight get 0 --currency EUR")]
    Get {
        /// Whose goods; 0 is the shop.
        seller: u32,
        #[arg(long, value_parser = currency)]
        currency: Currency,
    },
    /// Show what all sellers take, by seller and currency
    #[command(after_help = "Example: tidegate admin freight list --after-seller 7 --after-currency EUR")]
    List {
        /// Only rules above that of this seller and --after-currency.
        #[arg(long, default_value_t = 0, value_name = "SELLER", requires = "after_currency")]
        after_seller: u32,
        #[arg(long, value_name = "CURRENCY", value_parser = currency)]
        after_currency: Option<Currency>,
        #[command(flatten)]
        page: super::Page,
    },
}

#[derive(Debug, Args)]
pub struct Put {
    /// Whose goods; 0 is the shop.
    seller: u32,
    /// Three letters or the ISO 4217 number.
    #[arg(long, value_parser = currency)]
    currency: Currency,
    /// What sending costs, up to --first.
    #[arg(long, value_name = "AMOUNT")]
    base: String,
    /// From which sum of a basket's goods on they go free; without it they never do.
    #[arg(long, value_name = "AMOUNT")]
    free_from: Option<String>,
    /// What --first and --step count: minor units of the goods' price, grams, or units.
    #[arg(long, default_value = "total")]
    by: By,
    /// How much of it the base covers.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// How much more each --each covers; without it the base is for any basket.
    #[arg(long, default_value_t = 0, requires = "each")]
    step: u64,
    /// What each step begun beyond the first costs.
    #[arg(long, value_name = "AMOUNT", requires = "step")]
    each: Option<String>,
    /// The version that this one replaces; 0: the rule is new.
    #[arg(long, default_value_t = 0, value_name = "VERSION")]
    replaces: u32,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum By {
    /// What the goods cost after discounts.
    Total,
    /// What they weigh, by `sku put --weight-grams`.
    Weight,
    /// How many there are.
    Count,
}

impl FreightAction {
    pub fn ask(self, client: &Client) -> anyhow::Result<Shown> {
        match self {
            FreightAction::Put(put) => {
                let (seller, currency) = (SellerId(put.seller), put.currency);
                put.send(client)?;
                rule_of(client, seller, currency)
            }
            FreightAction::Get { seller, currency } => rule_of(client, SellerId(seller), currency),
            FreightAction::List { after_seller, after_currency, page } => {
                let after = after_currency.unwrap_or(Currency(0));
                let request = client.freight_list().after(SellerId(after_seller), after).limit(page.limit);
                Ok(rules(&client.wait(request)?))
            }
        }
    }
}

impl Put {
    fn send(self, client: &Client) -> anyhow::Result<()> {
        let minor_units = |text: &Option<String>| {
            text.as_ref().map_or(Ok(0), |it| Ok(amount(it, self.currency)?.minor_units))
        };
        let (free_from, each): (anyhow::Result<i64>, anyhow::Result<i64>) =
            (minor_units(&self.free_from), minor_units(&self.each));
        let by = match self.by {
            By::Total => FreightBy::Total,
            By::Weight => FreightBy::Weight,
            By::Count => FreightBy::Count,
        };
        let request = client
            .freight_put(SellerId(self.seller), amount(&self.base, self.currency)?)
            .replaces(self.replaces)
            .free_from(free_from?)
            .steps(by, self.first, self.step, each?);
        client.wait(request)?;
        Ok(())
    }
}

/// The rule of a seller and currency: the first behind the currency before.
fn rule_of(client: &Client, seller: SellerId, currency: Currency) -> anyhow::Result<Shown> {
    let before = Currency(currency.0.saturating_sub(1));
    let page = client.wait(client.freight_list().after(seller, before).limit(1))?;
    match page.items.first() {
        Some(found) if (found.seller, found.base.currency) == (seller, currency) => Ok(rule(found)),
        Some(_) | None => Err(anyhow!(
            "seller {seller} has no rule in {currency}, so sending is free: see `tidegate admin freight list`"
        )),
    }
}

fn rule(rule: &FreightRule) -> Shown {
    let rows = [
        ("seller", rule.seller.to_string()),
        ("base", rule.base.to_string()),
        ("covers", covers(rule)),
        ("then", steps(rule)),
        ("free from", free_from(rule)),
        ("version", rule.version.to_string()),
    ];
    Shown { text: show::pairs(&rows), json: rule_json(rule) }
}

fn rules(page: &Page<FreightRule>) -> Shown {
    let row = |rule: &FreightRule| {
        let (base, version) = (rule.base.to_string(), rule.version.to_string());
        vec![rule.seller.to_string(), base, covers(rule), steps(rule), free_from(rule), version]
    };
    let heads = ["seller", "base", "covers", "then", "free from", "version"];
    let next = show::last_of(page)
        .map(|last| format!("--after-seller {} --after-currency {}", last.seller, last.base.currency));
    show::paged(&heads, &page.items, row, rule_json, next)
}

fn covers(rule: &FreightRule) -> String {
    if rule.step == 0 { "any basket".into() } else { measure(rule, rule.first) }
}

fn steps(rule: &FreightRule) -> String {
    if rule.step == 0 { "-".into() } else { format!("{} each {}", rule.per_step, measure(rule, rule.step)) }
}

fn measure(rule: &FreightRule, much: u64) -> String {
    match rule.by {
        FreightBy::Total => format!("{much} minor units"),
        FreightBy::Weight => format!("{much} g"),
        FreightBy::Count => format!("{much} units"),
    }
}

fn free_from(rule: &FreightRule) -> String {
    rule.free_from.map_or("never".into(), |sum| sum.to_string())
}

fn rule_json(rule: &FreightRule) -> Value {
    let by = match rule.by {
        FreightBy::Total => "total",
        FreightBy::Weight => "weight",
        FreightBy::Count => "count",
    };
    json!({"seller": rule.seller.to_string(), "currency": rule.base.currency.to_string(), "by": by,
           "base_minor": rule.base.minor_units, "first": rule.first, "step": rule.step,
           "per_step_minor": rule.per_step.minor_units,
           "free_from_minor": rule.free_from.map(|sum| sum.minor_units), "version": rule.version})
}
