//! A flash sale in small: an operator sets up a sku, its stock and a sale with a limit a user, then a thousand
//! buyers come at once, and a few come again. Nothing is oversold, and everybody hears why.
//!
//! Needs a server: `tidegate serve`. Run it twice and it opens the next sale.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_sdk::{
    AdjustReason, Client, Currency, Error, MicrosUtc, Money, SaleId, SkuId, Status, UserId, WarehouseId,
};

const BUYERS: u64 = 1_000;
const UNITS: i64 = 300;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let target = std::env::args().nth(1).unwrap_or("127.0.0.1:7171".into());
    let shop = Client::builder(target).connections(4).connect().await?;

    // Ids of this run: the clock makes them new ones.
    let run = shop.server_time().0 as u64 / 1_000_000;
    let (sku, sale) = (SkuId(run), SaleId(run as u32));
    let price = Money::new(19_99, Currency::EUR);
    open_the_sale(&shop, sku, sale, price).await?;

    let buyers: Vec<_> = (1..=BUYERS)
        .map(|user| tokio::spawn(IntoFuture::into_future(shop.create(UserId(user), price).line(sku, 1))))
        .collect();
    let mut answers = BTreeMap::new();
    let mut winner = None;
    for (user, buyer) in (1..).zip(buyers) {
        let answer = buyer.await.expect("no buyer panics");
        let word = match answer {
            Ok(_) => {
                winner = Some(UserId(user));
                "ordered"
            }
            Err(Error::Refused(refused)) => refused.status.name(),
            Err(other) => return Err(other),
        };
        *answers.entry(word).or_insert(0) += 1;
    }
    println!("{BUYERS} buyers, {UNITS} units: {answers:?}");

    if let Some(winner) = winner {
        let greedy = shop.create(winner, price).line(sku, 1).await;
        let status = greedy.err().and_then(|why| why.refused()).map_or("an order", Status::name);
        println!("user {winner} comes again and gets {status}: one unit a user");
    }
    let stock = shop.stock_get(sku).await?;
    println!("{} on hand, {} held, {} left to sell", stock.on_hand, stock.held, stock.sellable);
    assert_eq!(stock.held, UNITS as u64, "every unit is held once");
    Ok(())
}

/// A sku that sells for half its price for an hour, one unit a user.
async fn open_the_sale(shop: &Client, sku: SkuId, sale: SaleId, price: Money) -> Result<(), Error> {
    shop.sku_put(sku, Money::new(price.minor_units * 2, price.currency)).await?;
    shop.stock_adjust(sku, WarehouseId(1)).on_hand(UNITS, AdjustReason::Received).await?;
    // A second ago: our idea of the server's time may be off by the way there and back.
    let opens = MicrosUtc(shop.server_time().0 - 1_000_000);
    let closes = opens.after(Duration::from_secs(3_600));
    shop.sale_put(sale, opens, closes).sku(sku, price.minor_units).user_limit(1).await?;
    Ok(())
}
