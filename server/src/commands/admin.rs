//! `tidegate admin`: people's way in, over the same wire as everybody else's.
//!
//! It asks through the SDK's blocking face and shows what comes back; it decides nothing. `show.rs` lays answers
//! out as tables or JSON.

mod aftersale;
mod coupon;
mod dlq;
mod events;
mod freight;
mod limit;
mod pay;
pub(crate) mod show;
mod stock;
mod switch;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand};
use serde_json::Value;
use tidegate_sdk::blocking::Client;
use tidegate_sdk::{
    Cause, Currency, Error, MicrosUtc, Money, OrderId, OrderPage, Refused, SaleId, SellerId, SkuId, State,
    Status, UserId,
};

use crate::cli::{BadUsage, print};
use show::Shown;

/// How long one answer may take. People wait, but not for ever.
const DEADLINE: Duration = Duration::from_secs(10);

/// Look at a running server's skus, sales, stock and orders, and change them
#[derive(Debug, Args)]
#[command(after_help = "Example: tidegate admin sku put 1 --price 19.99 --currency EUR
Example: tidegate admin stock adjust 1 --warehouse 1 --on-hand 500
Example: tidegate admin --json order list 7")]
pub struct Admin {
    /// The server, host:port.
    #[arg(
        long,
        global = true,
        env = "TIDEGATE_TARGET",
        default_value = "127.0.0.1:7171",
        value_name = "ADDRESS"
    )]
    target: String,
    /// Print JSON. Ids are strings in it, because many readers round large numbers.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What is sold
    #[command(subcommand, after_help = "Example: tidegate admin sku list")]
    Sku(SkuAction),
    /// Sales: skus with their own price, window, limits and cap
    #[command(subcommand, after_help = "Example: tidegate admin sale list")]
    Sale(SaleAction),
    /// Units on shelves
    #[command(subcommand, after_help = "Example: tidegate admin stock get 1")]
    Stock(stock::StockAction),
    /// Orders, of any user
    #[command(subcommand, after_help = "Example: tidegate admin order list 7")]
    Order(OrderAction),
    /// Follow what happens: a JSON object a line
    #[command(after_help = "Example: tidegate admin events --from 0 --type OrderCreated --limit 10
Example: tidegate admin events --from cursor:warehouse --sku 1")]
    Events(events::Follow),
    /// What subscribers to events could not take
    #[command(subcommand, after_help = "Example: tidegate admin dlq list")]
    Dlq(dlq::DlqAction),
    /// What sellers take for sending
    #[command(subcommand, after_help = "Example: tidegate admin freight list")]
    Freight(freight::FreightAction),
    /// Payments and refunds
    #[command(subcommand, after_help = "Example: tidegate admin pay get --order 382516920123392001")]
    Pay(pay::PayAction),
    /// After-sales: buyers who want money back, with the goods or without
    #[command(subcommand, after_help = "Example: tidegate admin aftersale get 382516920123392001")]
    Aftersale(aftersale::AftersaleAction),
    /// Blocked and preferred users, and limits of their own
    #[command(subcommand, after_help = "Example: tidegate admin limit put 7 --list blocked")]
    Limit(limit::LimitAction),
    /// Stop creating, paying or changing: for the whole shop, a sale or a sku
    #[command(subcommand, after_help = "Example: tidegate admin switch set --stop creating --sku 1")]
    Switch(switch::SwitchAction),
    /// Coupons: what they take off, for whom, how often
    #[command(subcommand, after_help = "Example: tidegate admin coupon list")]
    Coupon(coupon::CouponAction),
    /// What the server counted since it started, and how full its bounds are
    #[command(after_help = "Example: tidegate admin --json stats")]
    Stats,
}

#[derive(Debug, Subcommand)]
enum SkuAction {
    /// Make a sku, or replace one
    #[command(after_help = "Example: tidegate admin sku put 1 --price 19.99 --currency EUR --replaces 1")]
    Put(SkuPut),
    /// Show a sku, its stock, and the sale that speaks for it now
    #[command(after_help = "Example: tidegate admin sku get 1")]
    Get { sku: u64 },
    /// Show skus by id
    #[command(after_help = "Example: tidegate admin sku list --after 100")]
    List {
        /// Only skus above this one.
        #[arg(long, default_value_t = 0)]
        after: u64,
        #[command(flatten)]
        page: Page,
    },
}

#[derive(Debug, Args)]
struct SkuPut {
    sku: u64,
    /// Price of one unit outside any sale.
    #[arg(long, value_name = "AMOUNT")]
    price: String,
    /// Three letters or the ISO 4217 number.
    #[arg(long, value_parser = currency)]
    currency: Currency,
    /// The version that this one replaces; 0: the sku is new.
    #[arg(long, default_value_t = 0, value_name = "VERSION")]
    replaces: u32,
    /// Whose goods; 0 is the shop.
    #[arg(long, default_value_t = 0)]
    seller: u32,
    /// How long an unpaid order holds its units.
    #[arg(long, default_value_t = 900, value_parser = clap::value_parser!(u32).range(1..=2_592_000))]
    hold_seconds: u32,
    /// What one unit weighs, for freight by weight.
    #[arg(long, default_value_t = 0, value_name = "GRAMS")]
    weight_grams: u32,
    /// Nobody can order it until it is put again without this.
    #[arg(long)]
    closed: bool,
}

#[derive(Debug, Subcommand)]
enum SaleAction {
    /// Make a sale, or replace one: the skus named are all that it has
    #[command(after_help = "Example: tidegate admin sale put 5 --opens 2026-11-27T09:00:00Z \
                            --closes 2026-11-27T12:00:00Z --sku 1=9.99 --user-limit 2")]
    Put(SalePut),
    /// Show a sale with its skus
    #[command(after_help = "Example: tidegate admin sale get 5")]
    Get { sale: u32 },
    /// Show sales by id
    #[command(after_help = "Example: tidegate admin sale list")]
    List {
        /// Only sales above this one.
        #[arg(long, default_value_t = 0)]
        after: u32,
        #[command(flatten)]
        page: Page,
    },
}

#[derive(Debug, Args)]
struct SalePut {
    sale: u32,
    /// The first instant at which it sells, like 2026-11-27T09:00:00Z.
    #[arg(long, value_name = "TIME")]
    opens: MicrosUtc,
    /// The first instant at which it does not sell any more.
    #[arg(long, value_name = "TIME")]
    closes: MicrosUtc,
    /// From when its skus answer SALE_NOT_OPEN [default: when it opens].
    #[arg(long, value_name = "TIME")]
    closed_from: Option<MicrosUtc>,
    /// A sku and its price of one unit in this sale; once for each sku.
    #[arg(long = "sku", value_name = "SKU=AMOUNT", value_parser = sku_and_amount)]
    skus: Vec<(SkuId, String)>,
    /// The version that this one replaces; 0: the sale is new.
    #[arg(long, default_value_t = 0, value_name = "VERSION")]
    replaces: u32,
    /// Units that one user may take over all its skus; 0: no limit.
    #[arg(long, default_value_t = 0, value_name = "UNITS")]
    user_limit: u32,
    /// Units that one order may take over all its skus; 0: no limit.
    #[arg(long, default_value_t = 0, value_name = "UNITS")]
    order_limit: u32,
    /// Units that it sells over all its skus; 0: no cap.
    #[arg(long, default_value_t = 0, value_name = "UNITS")]
    cap: u64,
    /// How long an unpaid order holds its units.
    #[arg(long, default_value_t = 900, value_parser = clap::value_parser!(u32).range(1..=2_592_000))]
    hold_seconds: u32,
}

#[derive(Debug, Subcommand)]
enum OrderAction {
    /// Show an order with its lines
    #[command(after_help = "Example: tidegate admin order get 382516920123392001")]
    Get { order: u64 },
    /// Show a user's orders, newest first
    #[command(after_help = "Example: tidegate admin order list 7 --state PENDING_PAYMENT")]
    List {
        /// Whose.
        #[arg(value_parser = some_id)]
        user: u64,
        /// Only orders older than this one of the user.
        #[arg(long, default_value_t = 0, value_name = "ORDER")]
        before: u64,
        /// Only orders in this state.
        #[arg(long, value_parser = state)]
        state: Option<State>,
        #[command(flatten)]
        page: Page,
    },
    /// Show orders of all users, newest first
    #[command(after_help = "Example: tidegate admin order scan --state pending_payment --sku 1
Example: tidegate admin --json order scan --from 2026-11-27T09:00:00Z --to 2026-11-27T09:05:00Z")]
    Scan(Scan),
    /// Show how an order came to its state
    #[command(after_help = "Example: tidegate admin order history 382516920123392001")]
    History { order: u64 },
    /// End an order that has not arrived; what was not sent goes back to its shelf, and its money where it was paid
    #[command(after_help = "Example: tidegate admin order cancel 382516920123392001 --why 12")]
    Cancel {
        order: u64,
        /// Only if the order has this version; 0: any.
        #[arg(long, default_value_t = 0)]
        version: u32,
        /// The shop's own number for why; kept in the history.
        #[arg(long, default_value_t = 0)]
        why: u16,
    },
    /// Sell units to an order in STOCK_EXCEPTION after all: they are on the shelves of its lines, safety included
    #[command(after_help = "Example: tidegate admin order restock 382516920123392001")]
    Restock {
        order: u64,
        /// Only if the order has this version; 0: any.
        #[arg(long, default_value_t = 0)]
        version: u32,
    },
    /// Record that an order was handed to a carrier: all that is left of it, or some lines
    #[command(
        after_help = "Example: tidegate admin order ship 382516920123392001 --carrier DHL --line 1001:2"
    )]
    Ship {
        order: u64,
        /// Units of one line, as sku:units; may be said again. Without it, all that is left.
        #[arg(long = "line", value_name = "SKU:UNITS", value_parser = sent_line)]
        lines: Vec<(SkuId, u32)>,
        /// Who carries it.
        #[arg(long, default_value = "")]
        carrier: String,
        /// The carrier's number of it.
        #[arg(long, default_value = "")]
        tracking: String,
        /// Only if the order has this version; 0: any.
        #[arg(long, default_value_t = 0)]
        version: u32,
    },
    /// Show what was sent of an order; or note where one of its shipments is
    #[command(
        after_help = "Example: tidegate admin order track 382516920123392001 --shipment 1 --note Leipzig"
    )]
    Track {
        order: u64,
        /// Which of its shipments, counted from 1.
        #[arg(long, requires = "note")]
        shipment: Option<u16>,
        /// Where it is, in its carrier's words.
        #[arg(long, requires = "shipment")]
        note: Option<String>,
    },
    /// Record that the buyer signed for an order of which everything was sent
    #[command(after_help = "Example: tidegate admin order sign 382516920123392001")]
    Sign { order: u64 },
    /// Complete a delivered order for its buyer
    #[command(after_help = "Example: tidegate admin order receipt 382516920123392001")]
    Receipt { order: u64 },
}

#[derive(Debug, Args)]
struct Page {
    /// How many.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=100))]
    limit: u16,
}

impl Admin {
    /// Asks, and prints what came back.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let builder = tidegate_sdk::Client::builder(&self.target)
            .connections(1)
            .deadline(DEADLINE)
            // A server that is not there is said at once; a lost answer is asked for again.
            .retry_burst(3)
            .client_name("tidegate-admin");
        let client = Client::connect_with(builder).map_err(|why| told(why, &self.target))?;
        let shown = self.what.ask(&client).map_err(|why| match why.downcast::<Error>() {
            Ok(error) => told(error, &self.target),
            Err(why) => why,
        })?;
        if let Some(shown) = shown {
            print(&if self.json { json_text(&shown.json) } else { shown.text })?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl What {
    /// What is to be shown; nothing where it was printed as it came.
    fn ask(self, client: &Client) -> anyhow::Result<Option<Shown>> {
        let shown = match self {
            What::Events(follow) => {
                follow.print(client)?;
                return Ok(None);
            }
            What::Sku(action) => action.ask(client),
            What::Sale(action) => action.ask(client),
            What::Stock(action) => action.ask(client),
            What::Order(action) => action.ask(client),
            What::Dlq(action) => action.ask(client),
            What::Pay(action) => action.ask(client),
            What::Aftersale(action) => action.ask(client),
            What::Limit(action) => action.ask(client),
            What::Switch(action) => action.ask(client),
            What::Coupon(action) => action.ask(client),
            What::Freight(action) => action.ask(client),
            What::Stats => Ok(show::stats(&client.wait(client.stats())?)),
        };
        shown.map(Some)
    }
}

impl SkuAction {
    fn ask(self, client: &Client) -> anyhow::Result<Shown> {
        match self {
            SkuAction::Put(put) => {
                let price = amount(&put.price, put.currency)?;
                let mut request = client.sku_put(SkuId(put.sku), price).replaces(put.replaces);
                request = request.seller(SellerId(put.seller)).hold_seconds(put.hold_seconds);
                request = request.weight_grams(put.weight_grams);
                let request = if put.closed { request.closed() } else { request };
                client.wait(request)?;
                Ok(show::sku_now(&client.wait(client.sku_get(SkuId(put.sku)))?))
            }
            SkuAction::Get { sku } => Ok(show::sku_now(&client.wait(client.sku_get(SkuId(sku)))?)),
            SkuAction::List { after, page } => {
                let request = client.sku_list().after(SkuId(after)).limit(page.limit);
                Ok(show::skus(&client.wait(request)?))
            }
        }
    }
}

impl SaleAction {
    fn ask(self, client: &Client) -> anyhow::Result<Shown> {
        match self {
            SaleAction::Put(put) => put.ask(client),
            SaleAction::Get { sale } => Ok(show::sale(&client.wait(client.sale_get(SaleId(sale)))?)),
            SaleAction::List { after, page } => {
                let request = client.sale_list().after(SaleId(after)).limit(page.limit);
                Ok(show::sales(&client.wait(request)?))
            }
        }
    }
}

impl SalePut {
    fn ask(self, client: &Client) -> anyhow::Result<Shown> {
        if self.closes <= self.opens {
            let backwards = "it would close before it opens: --closes must be later than --opens";
            return Err(BadUsage(backwards.into()).into());
        }
        if self.closed_from.is_some_and(|from| from > self.opens) {
            let late = "--closed-from must not be later than --opens";
            return Err(BadUsage(late.into()).into());
        }
        let sale = SaleId(self.sale);
        let mut request = client.sale_put(sale, self.opens, self.closes);
        for (sku, price) in &self.skus {
            // A sale sells in each sku's own currency, so that is how its price is read.
            let known = client.wait(client.sku_get(*sku))?;
            request = request.sku(*sku, amount(price, known.sku.unit_price.currency)?.minor_units);
        }
        if let Some(at) = self.closed_from {
            request = request.closed_from(at);
        }
        request = request.replaces(self.replaces).user_limit(self.user_limit).order_limit(self.order_limit);
        client.wait(request.cap(self.cap).hold_seconds(self.hold_seconds))?;
        Ok(show::sale(&client.wait(client.sale_get(sale))?))
    }
}

/// All that is named must fit; without anything, it is every order.
#[derive(Debug, Args)]
struct Scan {
    /// Only orders in this state.
    #[arg(long, value_parser = state)]
    state: Option<State>,
    /// Only orders with a line of this sku.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    sku: u64,
    /// Only orders with a line that sold in this sale; with --sku, one line must be both.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    sale: u32,
    /// Only this user's orders.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    user: u64,
    /// Only orders made at this time or later, like 2026-11-27T09:00:00Z.
    #[arg(long, value_name = "TIME")]
    from: Option<MicrosUtc>,
    /// Only orders made before this time.
    #[arg(long, value_name = "TIME")]
    to: Option<MicrosUtc>,
    /// Only orders made before this one.
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "ORDER")]
    before: u64,
    #[command(flatten)]
    page: Page,
}

impl Scan {
    /// The server looks at a bounded number of orders for a page; people want a full one.
    fn ask(self, client: &Client) -> anyhow::Result<Shown> {
        let wanted = usize::from(self.page.limit);
        let mut page = OrderPage { items: Vec::new(), next: Some(OrderId(self.before)) };
        while let (Some(before), true) = (page.next, page.items.len() < wanted) {
            let mut request = client.orders_scan().before(before).of_user(UserId(self.user));
            request = request.with_sku(SkuId(self.sku)).in_sale(SaleId(self.sale));
            request = request.limit((wanted - page.items.len()) as u16);
            if let Some(state) = self.state {
                request = request.in_state(state);
            }
            if let Some(from) = self.from {
                request = request.made_from(from);
            }
            if let Some(to) = self.to {
                request = request.made_before(to);
            }
            let OrderPage { items, next } = client.wait(request)?;
            page.items.extend(items);
            page.next = next;
        }
        Ok(show::scanned(&page))
    }
}

impl OrderAction {
    fn ask(self, client: &Client) -> anyhow::Result<Shown> {
        // On the wire, user 0 is an operator, who may see any order.
        let operator = UserId(0);
        match self {
            OrderAction::Get { order } => {
                Ok(show::order(&client.wait(client.get(operator, OrderId(order)))?))
            }
            OrderAction::List { user, before, state, page } => {
                let mut request = client.list(UserId(user)).before(OrderId(before)).limit(page.limit);
                if let Some(state) = state {
                    request = request.in_state(state);
                }
                Ok(show::orders(&client.wait(request)?))
            }
            OrderAction::Scan(scan) => scan.ask(client),
            OrderAction::History { order } => {
                Ok(show::history(&client.wait(client.history(operator, OrderId(order)))?))
            }
            OrderAction::Cancel { order, version, why } => {
                let request = client.cancel(operator, OrderId(order)).version(version).why(why);
                Ok(show::order_brief(&client.wait(request)?))
            }
            OrderAction::Restock { order, version } => {
                let request = client.restock(OrderId(order)).version(version);
                Ok(show::order_brief(&client.wait(request)?))
            }
            OrderAction::Ship { order, lines, carrier, tracking, version } => {
                let mut request =
                    client.ship(OrderId(order)).carried_by(&carrier, &tracking).version(version);
                for (sku, units) in lines {
                    request = request.line(sku, units);
                }
                Ok(show::order_brief(&client.wait(request)?))
            }
            OrderAction::Track { order, shipment, note } => {
                if let (Some(shipment), Some(note)) = (shipment, note) {
                    client.wait(client.track_note(OrderId(order), shipment, &note))?;
                }
                Ok(show::tracked(&client.wait(client.track(operator, OrderId(order)))?))
            }
            OrderAction::Sign { order } => Ok(show::order_brief(&client.wait(client.sign(OrderId(order)))?)),
            OrderAction::Receipt { order } => {
                Ok(show::order_brief(&client.wait(client.confirm_receipt(operator, OrderId(order)))?))
            }
        }
    }
}

/// What went wrong, and what to do about it, in one sentence.
pub(super) fn told(error: Error, target: &str) -> anyhow::Error {
    match error {
        Error::Refused(refused) => match remedy(&refused) {
            Some(remedy) => anyhow!("{refused}: {remedy}"),
            None => anyhow!("{refused}"),
        },
        Error::TryAgain { cause: Cause::Unreachable(why), .. } => {
            let why = why.trim_start_matches(target).trim_start_matches(": ");
            anyhow!(
                "no server answers at {target} ({why}): start one with `tidegate serve`, or name it with --target"
            )
        }
        Error::TryAgain { cause, .. } => anyhow!("nothing was done, as {cause}: try again"),
        Error::OutcomeUnknown { cause, .. } => {
            anyhow!("it may have been done or not, as {cause}: look with `get` before trying again")
        }
        Error::Violation(why) => anyhow!("{why}: is {target} a Tidegate server of this version?"),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "most refusals say enough by themselves")]
fn remedy(refused: &Refused) -> Option<String> {
    match refused.status {
        Status::VersionConflict if refused.there == 0 => Some("it is new, so leave --replaces away".into()),
        Status::VersionConflict => Some(format!("look at it with `get`, then use version {}", refused.there)),
        Status::SkuNotFound => {
            Some("see which there are with `tidegate admin sku list` or `sale list`".into())
        }
        Status::PaymentNotFound => {
            Some("see the order's latest with `tidegate admin pay get --order`".into())
        }
        Status::BadSignature => {
            Some("the server has another key for this gateway, or its clock is off".into())
        }
        Status::AmountMismatch => {
            Some("the money is recorded; send it back with `tidegate admin pay refund`".into())
        }
        Status::Blocked => Some("see it with `tidegate admin limit get USER`".into()),
        Status::SwitchedOff => Some("see why with `tidegate admin switch list`".into()),
        Status::CouponNotFound => Some("see which there are with `tidegate admin coupon list`".into()),
        Status::CouponExhausted => {
            Some("its quota cannot be less than what was taken; see `tidegate admin coupon get`".into())
        }
        Status::OrderNotFound => Some("find it with `tidegate admin order list USER`".into()),
        Status::InsufficientStock => Some("open orders hold these units, so cancel some first".into()),
        Status::WrongState => Some("see how it got there with `tidegate admin order history`".into()),
        Status::HoldNotFound | Status::HoldExpired => {
            Some("it was taken over, sold, freed or its time ran out; its units are not set aside".into())
        }
        Status::InvalidField => {
            Some("a value is out of its range, or windows of one sku overlap; see --help".into())
        }
        Status::UnknownKind => Some("this server cannot do that".into()),
        _ => None,
    }
}

fn amount(text: &str, currency: Currency) -> anyhow::Result<Money> {
    let read = Money::parse(text, currency).filter(|money| money.minor_units >= 0);
    read.ok_or_else(|| BadUsage(format!("{text:?} is no price in {currency}: write it like 19.99")).into())
}

/// An id of somebody or something: 0 is neither.
fn some_id(text: &str) -> Result<u64, BadUsage> {
    let id = text.parse().ok().filter(|&id: &u64| id != 0);
    id.ok_or_else(|| BadUsage("ids are whole numbers from 1 on".into()))
}

fn some_warehouse(text: &str) -> Result<u32, BadUsage> {
    let id = text.parse().ok().filter(|&id: &u32| id != 0);
    id.ok_or_else(|| BadUsage("warehouses are whole numbers from 1 on".into()))
}

fn currency(text: &str) -> anyhow::Result<Currency> {
    Currency::parse(text)
        .with_context(|| format!("{text:?} is no currency: use letters like EUR, or a number"))
}

fn sent_line(text: &str) -> anyhow::Result<(SkuId, u32)> {
    let (sku, units) =
        text.split_once(':').with_context(|| format!("{text:?} is not SKU:UNITS, as in 1001:2"))?;
    let sku = sku.parse().with_context(|| format!("{sku:?} is no sku: use its number"))?;
    let units = units.parse().with_context(|| format!("{units:?} is no number of units"))?;
    Ok((SkuId(sku), units))
}

fn state(text: &str) -> anyhow::Result<State> {
    let by_name = State::from_name(&text.to_ascii_uppercase().replace('-', "_"));
    by_name.with_context(|| {
        let names: Vec<&str> = State::ALL.iter().map(|state| state.name()).collect();
        format!("{text:?} is no state: use one of {}", names.join(", "))
    })
}

fn sku_and_amount(text: &str) -> anyhow::Result<(SkuId, String)> {
    let Some((sku, amount)) = text.split_once('=') else { bail!("write it like 17=9.99") };
    let sku = sku.parse().with_context(|| format!("{sku:?} is no sku: write it like 17=9.99"))?;
    Ok((SkuId(sku), amount.to_string()))
}

fn json_text(json: &Value) -> String {
    format!("{json:#}\n")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        admin: Admin,
    }

    fn parsed(line: &str) -> Result<What, String> {
        let words = std::iter::once("admin").chain(line.split(' '));
        Line::try_parse_from(words).map(|line| line.admin.what).map_err(|why| why.to_string())
    }

    #[test]
    fn what_people_type_is_understood() {
        match parsed(
            "sale put 5 --opens 2026-11-27T09:00:00Z --closes 2026-11-27T12:00:00Z --sku 1=9.99 --sku 2=5",
        ) {
            Ok(What::Sale(SaleAction::Put(put))) => {
                assert_eq!(put.opens.to_string(), "2026-11-27T09:00:00Z");
                assert_eq!(put.skus, [(SkuId(1), "9.99".into()), (SkuId(2), "5".into())]);
            }
            other => panic!("{other:?}"),
        }
        match parsed("stock adjust 1 --warehouse 2 --on-hand -3 --reason adjusted") {
            Ok(What::Stock(stock::StockAction::Adjust(adjust))) => assert_eq!(adjust.on_hand, -3),
            other => panic!("{other:?}"),
        }
        match parsed("order list 7 --state pending-payment") {
            Ok(What::Order(OrderAction::List { state, .. })) => {
                assert_eq!(state, Some(State::PendingPayment))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_what_to_write() {
        let check = |line: &str, says: &str| {
            let why = parsed(line).unwrap_err();
            assert!(why.contains(says), "{line}: {why}");
        };
        check("sku put 1 --price 5 --currency EURO", "is no currency: use letters like EUR");
        check("sale put 5 --opens tomorrow --closes never", "not a time like 2026-11-21T12:00:00Z");
        check("sale put 5 --sku 9.99", "write it like 17=9.99");
        check("order list 7 --state waiting", "use one of RESERVING, PENDING_PAYMENT");
        check("sku list --limit 101", "101 is not in 1..=100");
        let why = amount("19,99", Currency::EUR).unwrap_err();
        assert_eq!(why.to_string(), "\"19,99\" is no price in EUR: write it like 19.99");
        assert!(amount("-1", Currency::EUR).is_err(), "prices are 0 or more");
    }

    #[test]
    fn failures_say_what_to_do() {
        let refused = |status, asked, there| Error::Refused(Refused { status, line: None, asked, there });
        let check = |error: Error, says: &str| assert_eq!(told(error, "shop:7171").to_string(), says);
        check(
            refused(Status::VersionConflict, 1, 3),
            "VERSION_CONFLICT: asked for 1, there is 3: look at it with `get`, then use version 3",
        );
        check(
            Error::TryAgain {
                cause: Cause::Unreachable("shop:7171: refused".into()),
                retry_after: Duration::ZERO,
            },
            "no server answers at shop:7171 (refused): start one with `tidegate serve`, or name it with --target",
        );
    }
}
