//! One order from its first hold to its last refund, with each event that comes of it, on one connection.
//!
//! `cargo run --release --example order_lifecycle` starts a server of its own, in a temporary folder and on a free
//! port. To use one that runs: `-- --target 127.0.0.1:7171 --gateway-key KEY`, where gateway 1 of its configuration
//! signs with that key (`[payments] gateways = [{ id = 1, key_env = "SHOP_KEY" }]`).

#[path = "order_lifecycle/own_server.rs"]
mod own_server;

use std::path::PathBuf;
use std::time::Duration;

use own_server::OwnServer;
use tidegate_sdk::{
    AdjustReason, Client, Currency, Event, EventFilter, EventType, Events, GatewayId, Money, SkuId, StartAt,
    TestGateway, UserId, WarehouseId,
};

type Failed = Box<dyn std::error::Error>;

/// What the own server believes callbacks by.
const KEY: &str = "the key of an example, which signs for nobody's money";
const BUYER: UserId = UserId(7);
/// An event follows its cause at once; this is for machines that stand still.
const EVENT_WITHIN: Duration = Duration::from_secs(30);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let asked = Asked::from_args()?;
    let (target, key, _server) = match asked.target {
        Some(target) => (target, asked.gateway_key.ok_or("--target needs --gateway-key")?, None),
        None => {
            let server = OwnServer::start(asked.tidegate, KEY)?;
            (server.address().to_owned(), KEY.to_owned(), Some(server))
        }
    };
    // One connection: events come between the answers.
    let shop = Client::builder(target).connections(1).connect().await?;
    live_an_order(&shop, &TestGateway::new(GatewayId(1), key.as_bytes())).await
}

async fn live_an_order(shop: &Client, gateway: &TestGateway) -> Result<(), Failed> {
    // A sku that nobody has: the clock makes it a new one.
    let (sku, price) = (SkuId(shop.server_time().0 as u64), Money::new(19_99, Currency::EUR));
    let mut told = Told(shop.subscribe(EventFilter::ALL, StartAt::Now));

    // Together: the first event is waited for before it can come.
    let listed = async { shop.sku_put(sku, price).await };
    let (event, listed) = tokio::join!(told.of("the shop lists a sku", EventType::SkuChanged), listed);
    event.and(listed.map_err(Failed::from))?;

    shop.stock_adjust(sku, WarehouseId(1)).on_hand(10, AdjustReason::Received).await?;
    told.of("ten units come in", EventType::StockAdjusted).await?;

    let held = shop.prepare_hold(BUYER, Currency::EUR).line(sku, 2).await?;
    told.of("a buyer's basket is held", EventType::StockReserved).await?;

    let total = Money::new(held.priced.total, Currency::EUR);
    let placed = shop.create(BUYER, total).line(sku, 2).hold(held.hold).await?;
    told.of("it becomes an order", EventType::StockReserved).await?;

    let payment = shop.pay_open(BUYER, placed.order, GatewayId(1)).await?;
    told.of("the buyer goes to pay", EventType::PaymentOpened).await?;

    let paid = gateway.paid(shop, &payment).await?;
    told.of("the gateway says, signed, that money came", EventType::OrderConfirmed).await?;

    shop.ship(placed.order).carried_by("snail", "S-0001").await?;
    told.of("the warehouse sends it", EventType::OrderShipped).await?;

    shop.track_note(placed.order, 1, "on the way").await?;
    told.of("the carrier says where it is", EventType::ShipmentTracked).await?;

    shop.sign(placed.order).await?;
    told.of("the buyer signs for it", EventType::OrderDelivered).await?;

    shop.confirm_receipt(BUYER, placed.order).await?;
    told.of("and says that all is there", EventType::OrderCompleted).await?;

    let asked = shop.refund(paid.payment).await?;
    told.of("later the shop asks the gateway to pay back", EventType::RefundRequested).await?;

    gateway.refunded(shop, &asked).ok_or("a refund was asked for")?.await?;
    told.of("which says, signed, that it did", EventType::RefundDone).await?;
    told.of("and so the order is over", EventType::RefundDone).await?;

    let ended = shop.get(BUYER, placed.order).await?.brief;
    println!("order {} is {}, version {}", ended.order, ended.state, ended.version);
    Ok(())
}

/// The events, printed as they come.
struct Told(Events);

impl Told {
    /// Prints the events of a step, up to the last one.
    async fn of(&mut self, step: &str, last: EventType) -> Result<(), Failed> {
        println!("{step}");
        loop {
            let event = tokio::time::timeout(EVENT_WITHIN, self.0.next()).await??;
            println!("    {}", in_words(&event));
            if event.event == Ok(last) {
                return Ok(());
            }
        }
    }
}

fn in_words(event: &Event) -> String {
    let name = event.event.map_or_else(|number| format!("event {number}"), |event| event.name().to_owned());
    let mut words = format!("{:>4}  {name:<18}", event.position);
    for item in event.items.iter().filter(|item| item.units != 0) {
        words += &format!(" {:+} of sku {}", item.units, item.sku);
    }
    if let Some(amount) = event.amount.filter(|amount| amount.minor_units != 0) {
        words += &format!(" {amount}");
    }
    if let Some(state) = event.state {
        words += &format!(" order is {state}");
    }
    words
}

/// What the command line says.
#[derive(Default)]
struct Asked {
    target: Option<String>,
    gateway_key: Option<String>,
    tidegate: Option<PathBuf>,
}

impl Asked {
    fn from_args() -> Result<Asked, Failed> {
        let (mut asked, mut args) = (Asked::default(), std::env::args().skip(1));
        while let Some(flag) = args.next() {
            let value = args.next().ok_or_else(|| format!("{flag} needs a value"))?;
            match flag.as_str() {
                "--target" => asked.target = Some(value),
                "--gateway-key" => asked.gateway_key = Some(value),
                "--tidegate" => asked.tidegate = Some(value.into()),
                _ => return Err(format!("{flag}: say --target and --gateway-key, or --tidegate PATH").into()),
            }
        }
        Ok(asked)
    }
}
