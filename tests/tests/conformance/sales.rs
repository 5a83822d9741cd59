//! Sales: their price, hours, limits and caps.

use tidegate_sdk::{MicrosUtc, SaleId, Status, UserList};

use crate::shop::{BUYER, OTHER, SKU, Shop, eur, why};

const SALE: SaleId = SaleId(5);

/// Now and so many seconds from now.
fn at(shop: &Shop, seconds: i64) -> MicrosUtc {
    MicrosUtc(shop.client.server_time().0 + seconds * 1_000_000)
}

/// Buys at the sale's price.
fn buys(
    shop: &Shop,
    user: tidegate_sdk::UserId,
    units: u32,
) -> Result<tidegate_sdk::OrderBrief, tidegate_sdk::Error> {
    shop.ask(shop.client.create(user, eur(9_99 * i64::from(units))).line(SKU, units))
}

pub fn a_sale_has_its_price(shop: &Shop) {
    let client = &shop.client;
    shop.ask(client.sale_put(SALE, at(shop, -1), at(shop, 3_600)).sku(SKU, 9_99)).unwrap();
    assert_eq!(why(shop.buys(BUYER, 1)), Status::PriceChanged);
    let order = buys(shop, BUYER, 2).unwrap().order;
    assert_eq!(shop.order(BUYER, order).lines[0].unit_price, 9_99);
    let sale = shop.ask(client.sale_get(SALE)).unwrap();
    assert_eq!(sale.skus, [(SKU, 9_99)]);
    assert_eq!(shop.ask(client.sale_list()).unwrap().items, [sale.sale]);
    let over_it = client.sale_put(SaleId(6), at(shop, 60), at(shop, 120)).sku(SKU, 8_99);
    assert_eq!(why(shop.ask(over_it)), Status::InvalidField, "two sales of one sku at one time");
}

pub fn a_sale_has_its_hours(shop: &Shop) {
    let client = &shop.client;
    let coming = client.sale_put(SALE, at(shop, 600), at(shop, 1_200)).sku(SKU, 9_99);
    shop.ask(coming.closed_from(at(shop, -1))).unwrap();
    assert_eq!(why(buys(shop, BUYER, 1)), Status::SaleNotOpen);
    let over = client.sale_put(SALE, at(shop, -1_200), at(shop, -600)).sku(SKU, 9_99).replaces(1);
    shop.ask(over).unwrap();
    assert_eq!(why(buys(shop, BUYER, 1)), Status::SaleEnded);
    let open = client.sale_put(SALE, at(shop, -1), at(shop, 600)).sku(SKU, 9_99).replaces(2);
    shop.ask(open).unwrap();
    buys(shop, BUYER, 1).unwrap();
}

pub fn a_user_buys_so_many_in_a_sale(shop: &Shop) {
    let client = &shop.client;
    let sale = client.sale_put(SALE, at(shop, -1), at(shop, 3_600)).sku(SKU, 9_99).user_limit(2);
    shop.ask(sale).unwrap();
    let first = buys(shop, BUYER, 1).unwrap();
    assert_eq!(why(buys(shop, BUYER, 2)), Status::UserLimit);
    buys(shop, BUYER, 1).unwrap();
    assert_eq!(why(buys(shop, BUYER, 1)), Status::UserLimit);
    buys(shop, OTHER, 2).unwrap();
    // What is cancelled is not counted any more.
    shop.ask(client.cancel(BUYER, first.order)).unwrap();
    buys(shop, BUYER, 1).unwrap();
    assert_eq!(why(buys(shop, BUYER, 1)), Status::UserLimit);
}

pub fn an_order_has_so_many_in_a_sale(shop: &Shop) {
    let sale = shop.client.sale_put(SALE, at(shop, -1), at(shop, 3_600)).sku(SKU, 9_99).order_limit(2);
    shop.ask(sale).unwrap();
    assert_eq!(why(buys(shop, BUYER, 3)), Status::OrderLimit);
    buys(shop, BUYER, 2).unwrap();
    buys(shop, BUYER, 2).unwrap();
}

pub fn a_sale_sells_so_many_in_all(shop: &Shop) {
    let client = &shop.client;
    let sale = client.sale_put(SALE, at(shop, -1), at(shop, 3_600)).sku(SKU, 9_99).cap(5);
    shop.ask(sale).unwrap();
    let first = buys(shop, BUYER, 3).unwrap();
    assert_eq!(why(buys(shop, OTHER, 3)), Status::SaleCap);
    buys(shop, OTHER, 2).unwrap();
    assert_eq!(why(buys(shop, OTHER, 1)), Status::SaleCap);
    shop.ask(client.cancel(BUYER, first.order)).unwrap();
    shop.comes_to(Status::SaleCap, || buys(shop, OTHER, 3));
    assert_eq!(why(buys(shop, BUYER, 1)), Status::SaleCap);
}

pub fn a_preferred_user_buys_before_the_others(shop: &Shop) {
    let client = &shop.client;
    let coming = client.sale_put(SALE, at(shop, 600), at(shop, 1_200)).sku(SKU, 9_99);
    shop.ask(coming.closed_from(at(shop, -1))).unwrap();
    shop.ask(client.limit_put(BUYER, UserList::Preferred)).unwrap();
    buys(shop, BUYER, 1).unwrap();
    assert_eq!(why(buys(shop, OTHER, 1)), Status::SaleNotOpen);
}
