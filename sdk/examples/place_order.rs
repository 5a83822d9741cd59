//! The core of a shop's backend in a few lines: place an order, read it, end it.
//!
//! Needs a server (`tidegate serve`) that sells sku 1 for 19.99 EUR; the example `flash_shop` sets up its own.
use tidegate_sdk::{Client, Currency, Error, Money, SkuId, UserId};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let target = std::env::args().nth(1).unwrap_or("127.0.0.1:7171".into());
    let shop = Client::connect(target).await?;
    let (buyer, price) = (UserId(7), Money::new(39_98, Currency::EUR));
    let placed = shop.create(buyer, price).line(SkuId(1), 2).await?;
    println!("order {} is {}, to be paid until {}", placed.order, placed.state, placed.pay_until);
    let order = shop.get(buyer, placed.order).await?;
    println!("{} line, {} in all", order.lines.len(), order.brief.total);
    let ended = shop.cancel(buyer, placed.order).await?;
    println!("order {} is {}", ended.order, ended.state);
    Ok(())
}
