//! The home's transaction, and a node's image of the catalogue.

use std::collections::BTreeSet;

use domain::desk::{Desk, DeskSize, Key, Moved, Need, Place, Row, Shared, ShelfMoved};
use domain::intent::{Sale, Sku};
use domain::letter::LetterReason;
use domain::request::Rules;
use domain::shelf::Shelf;
use domain::{
    Currency, CursorName, MicrosUtc, MinorUnits, RequestKey, SaleId, SellerId, SkuId, UserId, WarehouseId,
};
use storage_cluster::catalogue::{Catalogue, UNBOUNDED_UNITS};
use storage_cluster::mysql::{
    CursorMoved, Database, HomeTx, HomeWrite, Lease, Limits, Raised, Standing, forget_cursor, move_cursor,
    numbers, raise, read_catalogue, read_cursor, read_letters,
};
use storage_cluster::redis::Window;
use storage_cluster::shelf::{CatalogueVersion, Epoch, HoldId, ShelfKey};

use crate::shard::{Shard, request, runtime};

const SKU: SkuId = SkuId(70);
const HERE: WarehouseId = WarehouseId(1);
const SHELF: ShelfKey = ShelfKey::Stock(SKU, HERE);

fn sku(version: u32) -> Row {
    Row::Sku(Sku {
        id: SKU,
        version,
        seller: SellerId(0),
        currency: Currency(978),
        unit_price: MinorUnits(500),
        hold_seconds: 600,
        open: true,
        weight_grams: 0,
    })
}

fn sale(id: u32, version: u32, [closed_from, opens, closes]: [i64; 3]) -> Sale {
    Sale {
        id: SaleId(id),
        version,
        closed_from: MicrosUtc(closed_from),
        opens: MicrosUtc(opens),
        closes: MicrosUtc(closes),
        user_limit_units: 0,
        order_limit_units: 0,
        cap_units: 9,
        hold_seconds: 60,
    }
}

fn place(sale: &Sale) -> (Key, Option<Row>) {
    let Sale { id, closed_from, .. } = *sale;
    let place = Place { sku: SKU, sale: id, closed_from, unit_price: MinorUnits(400) };
    (Key::Place(SKU, id), Some(Row::Place(place)))
}

fn rows(rows: impl IntoIterator<Item = Row>) -> Vec<(Key, Option<Row>)> {
    rows.into_iter().map(|row| (row.key(), Some(row))).collect()
}

/// One change of the catalogue; says its number.
async fn put(lease: &mut Lease<'_>, rows: Vec<(Key, Option<Row>)>) -> u64 {
    let (tx, _) = HomeTx::begin(lease, None, u64::MAX).await.unwrap();
    tx.write(&HomeWrite { rows, ..HomeWrite::default() }).await.unwrap()
}

#[tokio::test]
async fn changes_are_numbered_and_an_image_reads_only_what_it_has_not() {
    let shard = Shard::start().await;
    let mut lease = shard.database.lease().await.unwrap();
    let image = Catalogue::new();
    image.refresh(&mut lease).await.unwrap();
    assert_eq!(image.change(), 0);

    assert_eq!(put(&mut lease, rows([sku(1)])).await, 1);
    assert_eq!(put(&mut lease, rows([sku(2), Row::Shelf(SKU, HERE, Shelf::default())])).await, 2);
    image.refresh(&mut lease).await.unwrap();
    assert_eq!((image.change(), image.warehouses_of(SKU)), (2, vec![HERE]));
    assert_eq!(image.version_of(SHELF), CatalogueVersion(2));

    let coming = sale(5, 1, [0, 10, 20]);
    let mut changed = rows([Row::Sale(coming)]);
    changed.push(place(&coming));
    assert_eq!(put(&mut lease, changed).await, 3);
    let new = read_catalogue(&mut lease, 2).await.unwrap();
    let keys: Vec<Key> = new.iter().map(|row| row.key).collect();
    assert_eq!(keys, [Key::Sale(SaleId(5)), Key::Place(SKU, SaleId(5))]);
    image.refresh(&mut lease).await.unwrap();
    assert_eq!(image.version_of(SHELF), CatalogueVersion(3));
    let cap = ShelfKey::SaleCap(SaleId(5));
    assert_eq!(image.shelves(), [cap, SHELF]);
    assert_eq!((image.total(cap), image.total(SHELF)), (9, 0));
    put(&mut lease, rows([Row::Sale(Sale { cap_units: 0, ..coming })])).await;
    image.refresh(&mut lease).await.unwrap();
    assert_eq!((image.shelves().len(), image.total(cap)), (2, UNBOUNDED_UNITS), "counted all the same");
}

#[tokio::test]
async fn a_version_grows_with_whatever_speaks_for_a_shelf_and_never_falls() {
    let shard = Shard::start().await;
    let mut lease = shard.database.lease().await.unwrap();
    let image = Catalogue::new();
    let first = sale(5, 1, [0, 10, 20]);
    let mut changed = rows([sku(1), Row::Sale(first)]);
    changed.push(place(&first));
    put(&mut lease, changed).await;
    // The sale alone: another cap.
    put(&mut lease, rows([Row::Sale(Sale { cap_units: 3, ..sale(5, 2, [0, 10, 20]) })])).await;
    image.refresh(&mut lease).await.unwrap();
    assert_eq!(image.version_of(SHELF), CatalogueVersion(2));
    assert_eq!(image.version_of(ShelfKey::SaleCap(SaleId(5))), CatalogueVersion(2));

    // The sku leaves the sale, which is changed once more: that is nothing to the sku any more.
    let mut changed = rows([Row::Sale(sale(5, 3, [0, 10, 20]))]);
    changed.push((Key::Place(SKU, SaleId(5)), None));
    put(&mut lease, changed).await;
    put(&mut lease, rows([Row::Sale(sale(5, 4, [0, 10, 20]))])).await;
    image.refresh(&mut lease).await.unwrap();
    assert_eq!(image.version_of(SHELF), CatalogueVersion(3));
    assert_eq!(image.version_of(ShelfKey::SaleCap(SaleId(5))), CatalogueVersion(4));
    let another = Catalogue::new();
    another.refresh(&mut lease).await.unwrap();
    assert_eq!(another.version_of(SHELF), CatalogueVersion(3), "who comes later counts what is gone, too");
}

#[tokio::test]
async fn what_is_judged_now_holds_until_another_sale_speaks_or_this_one_ends() {
    let shard = Shard::start().await;
    let mut lease = shard.database.lease().await.unwrap();
    let image = Catalogue::new();
    let (first, second) = (sale(5, 1, [100, 110, 120]), sale(6, 1, [130, 140, 150]));
    let mut changed = rows([sku(1), Row::Sale(first), Row::Sale(second)]);
    changed.extend([place(&first), place(&second)]);
    put(&mut lease, changed).await;
    image.refresh(&mut lease).await.unwrap();
    let window = |from: Option<i64>, until: Option<i64>| Window {
        from: from.map(MicrosUtc),
        until: until.map(MicrosUtc),
    };
    for (now, holds) in [
        (50, window(None, Some(100))),
        (105, window(Some(100), Some(120))),
        (110, window(Some(110), Some(120))),
        (125, window(Some(110), Some(130))),
        (145, window(Some(140), Some(150))),
        (200, window(Some(140), None)),
    ] {
        assert_eq!(image.window_of(SHELF, MicrosUtc(now)), holds, "at {now}");
    }
    let other = ShelfKey::Stock(SkuId(71), HERE);
    assert_eq!(image.window_of(other, MicrosUtc(1)), Window::default());
}

#[tokio::test]
async fn the_image_lays_what_is_the_catalogues_and_nothing_else() {
    let shard = Shard::start().await;
    let mut lease = shard.database.lease().await.unwrap();
    let image = Catalogue::new();
    let sale = sale(5, 1, [0, 10, 20]);
    let mut changed = rows([sku(1), Row::Sale(sale), Row::Shelf(SKU, HERE, Shelf::default())]);
    changed.push(place(&sale));
    put(&mut lease, changed).await;
    image.refresh(&mut lease).await.unwrap();
    let mut desk = Desk::new(DeskSize::ONE, Rules::DEFAULT, 1, MicrosUtc(15));
    for need in [
        Need::Row(Key::Sku(SKU)),
        Need::Row(Key::Sku(SkuId(71))),
        Need::PlacesOfSku(SKU),
        Need::PlacesOfSale(SaleId(5)),
        Need::Row(Key::Sale(SaleId(5))),
        Need::Switches,
    ] {
        assert_eq!(image.lay(&mut desk, &need), Ok(true), "{need:?}");
    }
    for need in [
        Need::ShelvesOf(SKU),
        Need::Row(Key::Shared(Shared::Shelf(SKU, HERE))),
        Need::Row(Key::Shared(Shared::Cap(SaleId(5)))),
        Need::Row(Key::Count(SaleId(5), UserId(3))),
    ] {
        assert_eq!(image.lay(&mut desk, &need), Ok(false), "{need:?}");
    }
}

#[tokio::test]
async fn an_operators_units_are_deltas_and_loose_where_the_shelf_was_opened() {
    let shard = Shard::start().await;
    let mut lease = shard.database.lease().await.unwrap();
    let received = |units| Moved::Shelf(SKU, HERE, ShelfMoved { on_hand: units, ..ShelfMoved::default() });
    let key = RequestKey { who: UserId(0), id: request(1) };
    let done = Standing::Done { body_hash: 7, hold: Some(HoldId(9)), led_to: vec![1, 2, 3] };

    let (mut tx, _) = HomeTx::begin(&mut lease, Some(key), 0).await.unwrap();
    assert_eq!(tx.standing(), None);
    let fences = tx.lock_fences(&BTreeSet::from([SHELF])).await.unwrap();
    assert_eq!(fences[&SHELF], None, "never opened");
    let write =
        HomeWrite { standing: Some((key, done.clone())), moved: vec![received(10)], ..HomeWrite::default() };
    tx.write(&write).await.unwrap();
    assert_eq!(shard.number("SELECT COUNT(*) FROM loose_units"), 0, "its first opening sums it");

    assert_eq!(raise(&mut lease, SHELF, Epoch::FIRST).await, Ok(Raised::Sum(-10)));
    let (mut tx, _) = HomeTx::begin(&mut lease, Some(key), 0).await.unwrap();
    assert_eq!(tx.standing(), Some(&done));
    assert_eq!(tx.lock_fences(&BTreeSet::from([SHELF])).await.unwrap()[&SHELF], Some(Epoch::FIRST));
    tx.write(&HomeWrite { moved: vec![received(5)], ..HomeWrite::default() }).await.unwrap();
    assert_eq!(shard.number("SELECT SUM(units) FROM loose_units WHERE epoch = 1"), 5);
    let sums = numbers(&mut lease, SHELF).await.unwrap();
    assert_eq!((sums.units, sums.each), (-15, [15, 0, 0, 0, 0, 0]));
    let shelf = Shelf { on_hand: 15, ..Shelf::default() };
    assert_eq!(sums.row(SHELF), Row::Shelf(SKU, HERE, shelf));
}

#[test]
fn two_changes_come_one_after_the_other() {
    let shard = runtime().block_on(Shard::start());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                runtime().block_on(async {
                    // Of its own: a connection belongs to the runtime that made it.
                    let database = Database::new(&shard.server.url("shop"), Limits::DEFAULT).unwrap();
                    let mut lease = database.lease().await.unwrap();
                    for _ in 0..5 {
                        let (tx, seen) = HomeTx::begin(&mut lease, None, 0).await.unwrap();
                        let version = seen.first().map_or(0, |row| row.changed) as u32;
                        let write = HomeWrite { rows: rows([sku(version + 1)]), ..HomeWrite::default() };
                        let number = tx.write(&write).await.unwrap();
                        assert_eq!(number, u64::from(version) + 1, "it saw the one before it");
                    }
                });
            });
        }
    });
    assert_eq!(shard.number("SELECT changes FROM catalogue_changes"), 20);
}

#[tokio::test]
async fn letters_and_cursors_are_kept() {
    let shard = Shard::start().await;
    let mut lease = shard.database.lease().await.unwrap();
    let mut name = [0; 32];
    name[..4].copy_from_slice(b"mail");
    let name = CursorName::parse(name).unwrap();
    assert_eq!(read_cursor(&mut lease, name).await, Ok(0));
    assert_eq!(move_cursor(&mut lease, name, 7).await, Ok(CursorMoved::Stands(7)));
    assert_eq!(move_cursor(&mut lease, name, 5).await, Ok(CursorMoved::Stands(7)), "it never goes back");
    assert_eq!(move_cursor(&mut lease, name, 9).await, Ok(CursorMoved::Stands(9)));
    forget_cursor(&mut lease, name).await.unwrap();
    assert_eq!(read_cursor(&mut lease, name).await, Ok(0));

    let reason = LetterReason::parse(b"unreadable").unwrap().as_str();
    let letter = |position| (name, position, Some(Row::Letter(name, position, MicrosUtc(3), reason.into())));
    let (tx, _) = HomeTx::begin(&mut lease, None, 0).await.unwrap();
    let letters = vec![letter(4), letter(2), letter(8)];
    tx.write(&HomeWrite { letters, ..HomeWrite::default() }).await.unwrap();
    let (mut tx, _) = HomeTx::begin(&mut lease, None, 0).await.unwrap();
    assert_eq!(tx.letters().await, Ok(3));
    assert_eq!(tx.letter(name, 4).await, Ok(letter(4).2));
    tx.write(&HomeWrite { letters: vec![(name, 4, None)], ..HomeWrite::default() }).await.unwrap();
    let (page, parked) = read_letters(&mut lease, Some((name, 2)), 10).await.unwrap();
    assert_eq!((page.len(), page[0].position, parked), (1, 8, 2));
}
