//! Desks: rows laid, decided, read off; and rows that cannot be.

use std::collections::BTreeMap;

use domain::coupon::CouponIds;
use domain::desk::{Changes, Desk, DeskSize, Key, Need, Place, Row, RowFault, Shared, Task};
use domain::intent::{AskedLine, Cancel, Create, Envelope, Lines, Sale, Sku};
use domain::shelf::Shelf;
use domain::{
    Currency, Fact, Facts, Intent, Makings, MicrosUtc, MinorUnits, OrderId, Quantity, RequestId, Rules,
    SaleId, SellerId, SkuId, Stamp, UserId, Verdict, WarehouseId,
};

const NOW: MicrosUtc = MicrosUtc(1_750_000_000_000_000);
const SKU: SkuId = SkuId(7);
const SALE: SaleId = SaleId(3);
const SHELF: Shared = Shared::Shelf(SKU, WarehouseId(1));

struct Unheard;

impl Facts for Unheard {
    fn begin(&mut self, _: &Stamp) {}
    fn fact(&mut self, _: &Fact<'_>) {}
    fn end(&mut self) {}
}

/// Rows in a map: sku 7 in sale 3 for 100, two a user; five units of it.
struct Rows(BTreeMap<Key, Row>);

impl Rows {
    fn new() -> Rows {
        let sku = Sku {
            id: SKU,
            version: 1,
            seller: SellerId(0),
            currency: Currency(978),
            unit_price: MinorUnits(250),
            hold_seconds: 60,
            open: true,
            weight_grams: 0,
        };
        let sale = Sale {
            id: SALE,
            version: 1,
            closed_from: NOW,
            opens: NOW,
            closes: MicrosUtc(NOW.0 + 3_600_000_000),
            user_limit_units: 2,
            order_limit_units: 0,
            cap_units: 4,
            hold_seconds: 30,
        };
        let place = Place { sku: SKU, sale: SALE, closed_from: NOW, unit_price: MinorUnits(100) };
        let shelf = Shelf { on_hand: 5, ..Shelf::default() };
        let rows = [
            Row::Sku(sku),
            Row::Sale(sale),
            Row::Place(place),
            Row::Shelf(SKU, WarehouseId(1), shelf),
            Row::Cap(SALE, 0),
        ];
        Rows(rows.into_iter().map(|row| (row.key(), row)).collect())
    }

    fn of(&self, need: Need) -> Vec<Row> {
        let is_asked = |key: &Key| match need {
            Need::Row(wanted) => *key == wanted,
            Need::PlacesOfSku(sku) => matches!(key, Key::Place(its, _) if *its == sku),
            Need::PlacesOfSale(sale) => matches!(key, Key::Place(_, its) if *its == sale),
            Need::ShelvesOf(sku) => matches!(key, Key::Shared(Shared::Shelf(its, _)) if *its == sku),
            Need::Switches => matches!(key, Key::Switch(_) | Key::SwitchVersion),
        };
        self.0.iter().filter(|(key, _)| is_asked(key)).map(|(_, row)| row.clone()).collect()
    }

    /// Lays what these need, and says in how many rounds.
    fn lay(&self, desk: &mut Desk, tasks: &[Task<'_>]) -> Result<usize, RowFault> {
        for round in 0.. {
            let needs = desk.needs(tasks.iter().copied())?;
            if needs.is_empty() {
                return Ok(round);
            }
            for row in needs.into_iter().flat_map(|need| self.of(need)) {
                desk.lay(row)?;
            }
        }
        unreachable!("needs come to an end")
    }

    fn write(&mut self, changes: Changes) {
        for (key, row) in changes.rows {
            match row {
                Some(row) => drop(self.0.insert(key, row)),
                None => drop(self.0.remove(&key)),
            }
        }
        for moved in changes.moved {
            let key = Key::Shared(moved.of());
            let after = moved.applied(self.0.remove(&key)).expect("nothing falls below 0");
            self.0.insert(key, after);
        }
    }

    /// Decides one after the other on one desk, and writes.
    fn decide(&mut self, intents: &[Intent<'_>]) -> Vec<Verdict> {
        let mut desk = desk();
        let tasks: Vec<_> = intents.iter().map(Task::Ask).collect();
        self.lay(&mut desk, &tasks).expect("the rows are whole");
        let mut makings = Makings::of_all();
        let said = intents.iter().map(|it| desk.decide(Envelope::default(), it, &mut makings, &mut Unheard));
        let said = said.collect();
        self.write(desk.changes());
        said
    }

    fn bought() -> (Rows, OrderId) {
        let mut rows = Rows::new();
        let lines = [line(2)];
        let Verdict::Order(order) = rows.decide(&[create(5, 1, &lines)])[0] else { panic!("it can be had") };
        (rows, order.order)
    }
}

fn desk() -> Desk {
    Desk::new(DeskSize { intents: 4, lines: 8 }, Rules::DEFAULT, 1, NOW)
}

fn line(units: u32) -> AskedLine {
    let quantity = Quantity::parse(units).expect("a quantity");
    AskedLine { sku: SKU, warehouse: WarehouseId(0), quantity }
}

fn request(number: u128) -> RequestId {
    RequestId(((NOW.0 / 1_000) as u128) << 80 | number)
}

fn create(user: u64, number: u128, lines: &[AskedLine]) -> Intent<'_> {
    let units: u32 = lines.iter().map(|line| line.quantity.get()).sum();
    Intent::Create(Create {
        user: UserId(user),
        request: request(number),
        hold: 0,
        coupons: CouponIds::NONE,
        currency: Currency(978),
        total: MinorUnits(100 * i64::from(units)),
        lines: Lines::parse(lines).expect("a basket"),
        client_bytes: b"",
    })
}

fn cancel(order: OrderId, number: u128) -> Intent<'static> {
    Intent::Cancel(Cancel { user: UserId(5), request: request(number), order, version: 0, why: 0 })
}

fn in_a_word(verdict: &Verdict) -> String {
    if let Verdict::Order(brief) = verdict {
        return format!("{:?}", brief.state);
    }
    let Verdict::Refused(refusal) = verdict else { panic!("{verdict:?}") };
    format!("{:?}, {} of {}", refusal.reason, refusal.asked, refusal.there)
}

#[track_caller]
fn check(intents: &[Intent<'_>], said: &[&str]) {
    let verdicts = Rows::new().decide(intents);
    assert_eq!(verdicts.iter().map(in_a_word).collect::<Vec<_>>(), said);
}

#[test]
fn orders_of_a_batch_see_each_other() {
    let (one, two, three) = ([line(1)], [line(2)], [line(3)]);
    check(&[create(5, 1, &two), create(5, 2, &one)], &["PendingPayment", "UserLimit, 1 of 0"]);
    check(&[create(5, 1, &two), create(5, 1, &two)], &["PendingPayment", "PendingPayment"]);
    check(&[create(5, 1, &two), create(5, 1, &one)], &["PendingPayment", "RequestIdReused, 0 of 0"]);
    check(
        &[create(5, 1, &two), create(6, 2, &two), create(7, 3, &one)],
        &["PendingPayment", "PendingPayment", "SaleCap, 1 of 0"],
    );
    check(&[create(5, 1, &three)], &["UserLimit, 3 of 2"]);
}

#[test]
fn an_order_is_known_on_the_next_desk() {
    let (mut rows, order) = Rows::bought();
    let (two, one) = ([line(2)], [line(1)]);
    assert_eq!(in_a_word(&rows.decide(&[create(5, 1, &two)])[0]), "PendingPayment");
    assert_eq!(in_a_word(&rows.decide(&[create(5, 2, &one)])[0]), "UserLimit, 1 of 0");
    assert_eq!(in_a_word(&rows.decide(&[cancel(order, 3)])[0]), "Cancelled");
    assert_eq!(in_a_word(&rows.decide(&[create(5, 1, &two)])[0]), "Cancelled");
    assert_eq!(in_a_word(&rows.decide(&[create(5, 4, &two)])[0]), "PendingPayment");
    let Some(Row::Shelf(_, _, shelf)) = rows.0.get(&Key::Shared(SHELF)) else { panic!("the shelf is gone") };
    assert_eq!((shelf.on_hand, shelf.held), (5, 2));
    assert_eq!(rows.0.get(&Key::Shared(Shared::Cap(SALE))), Some(&Row::Cap(SALE, 2)));
    assert_eq!(rows.0.get(&Key::Count(SALE, UserId(5))), Some(&Row::Count(SALE, UserId(5), 2)));
}

#[test]
fn only_what_was_given_can_be_had() {
    let lines = [line(1)];
    let intents = [create(5, 1, &lines), create(6, 2, &lines)];
    let mut rows = Rows::new();
    rows.0.retain(|key, _| !matches!(key, Key::Shared(_)));
    let mut desk = desk();
    let rounds = rows.lay(&mut desk, &[Task::Ask(&intents[0]), Task::Ask(&intents[1])]);
    assert_eq!(rounds, Ok(2), "what the intents name, then what the sku leads to");
    desk.give(SHELF, 1).expect("its sku is here");
    desk.give(Shared::Cap(SALE), 2).expect("the sale is here");
    let mut makings = Makings::of_node(63).expect("a node");
    let mut decide = |desk: &mut Desk, at: usize| {
        desk.decide(Envelope::default(), &intents[at], &mut makings, &mut Unheard)
    };
    let Verdict::Order(made) = decide(&mut desk, 0) else { panic!("its unit was given") };
    assert_eq!(made.order.sequence() >> 6, 63, "the node's number is in the id");
    assert_eq!(desk.wanted(), BTreeMap::from([(SHELF, 1), (Shared::Cap(SALE), 1)]));
    assert_eq!(in_a_word(&decide(&mut desk, 1)), "SoldOut, 1 of 0");
    let moved = desk.changes().moved;
    let moved: Vec<_> = moved.iter().map(|it| (it.of(), it.units_taken())).collect();
    assert_eq!(moved, [(SHELF, 1), (Shared::Cap(SALE), 1)]);
    assert_eq!(desk.changes(), Changes::default(), "that was told once");
}

#[test]
fn an_order_ends_when_its_time_is_over_and_not_before() {
    for (seconds, ended) in [(29, 0), (31, 1)] {
        let (rows, order) = Rows::bought();
        let now = MicrosUtc(NOW.0 + seconds * 1_000_000);
        let mut desk = Desk::new(DeskSize::ONE, Rules::DEFAULT, 1, now);
        rows.lay(&mut desk, &[Task::EndOrder(order)]).expect("the rows are whole");
        assert_eq!(desk.expire(&mut Unheard), ended);
        let gone = desk.changes().rows.iter().filter(|(_, row)| row.is_none()).count();
        assert_eq!(gone, ended, "its user has nothing of the sale any more");
    }
}

#[test]
fn rows_that_are_lost_are_found_out() {
    let (rows, order) = Rows::bought();
    for (lost, fault) in [
        (Key::Sku(SKU), RowFault::Missing(Key::Sku(SKU))),
        (Key::Sale(SALE), RowFault::Missing(Key::Sale(SALE))),
        (Key::Shared(SHELF), RowFault::Missing(Key::Shared(SHELF))),
        (Key::Shared(Shared::Cap(SALE)), RowFault::Contradicted(Key::Shared(Shared::Cap(SALE)))),
        (Key::Count(SALE, UserId(5)), RowFault::Contradicted(Key::Count(SALE, UserId(5)))),
    ] {
        let left = rows.0.iter().filter(|(key, _)| **key != lost);
        let left = Rows(left.map(|(key, row)| (*key, row.clone())).collect());
        assert_eq!(left.lay(&mut desk(), &[Task::Ask(&cancel(order, 2))]), Err(fault));
    }
    let orders_request = Key::Request(domain::RequestKey { who: UserId(5), id: request(1) });
    let left = Rows(BTreeMap::from([(orders_request, rows.0[&orders_request].clone())]));
    let lines = [line(2)];
    let again = create(5, 1, &lines);
    let fault = RowFault::Missing(Key::Order(order));
    assert_eq!(left.lay(&mut desk(), &[Task::Ask(&again)]), Err(fault));
}

#[test]
fn a_desk_says_when_it_is_asked_too_much() {
    let lines = [line(1)];
    let intents: Vec<_> = (1..=5).map(|number| create(number as u64, number, &lines)).collect();
    let tasks: Vec<_> = intents.iter().map(Task::Ask).collect();
    assert!(matches!(desk().needs(tasks), Err(RowFault::Full(_))));
    let mut small = Desk::new(DeskSize { intents: 1, lines: 1 }, Rules::DEFAULT, 1, NOW);
    let many = |sku| Row::Sku(Sku { id: SkuId(sku), ..sku_of(&Rows::new()) });
    let laid = (1..).map(many).find_map(|row| small.lay(row).err());
    assert!(matches!(laid, Some(RowFault::Full(_))), "{laid:?}");
}

#[test]
#[should_panic(expected = "when it has the rows that it needs")]
fn a_desk_decides_nothing_without_its_rows() {
    let lines = [line(1)];
    desk().decide(Envelope::default(), &create(5, 1, &lines), &mut Makings::of_all(), &mut Unheard);
}

#[test]
fn damaged_rows_are_a_fault_and_never_a_panic() {
    let (rows, _) = Rows::bought();
    let mut random = fastrand::Rng::with_seed(5);
    for row in rows.0.values() {
        let mut whole = Vec::new();
        row.put(&mut whole);
        assert_eq!(Row::parse(&whole).as_ref(), Ok(row));
        for end in 0..whole.len() {
            let cut = Row::parse(&whole[..end]).and_then(|row| desk().lay(row));
            assert!(cut.is_err(), "{row:?} cut at {end}");
        }
        let newer = [&2_u16.to_le_bytes()[..], &whole[2..]].concat();
        assert_eq!(Row::parse(&newer), Err(RowFault::Version(2)));
        for _ in 0..200 {
            let mut damaged = whole.clone();
            let at = random.usize(..damaged.len());
            damaged[at] ^= 1 << random.u8(..8);
            // Some still mean something; whatever that is, it is laid, waits, or is refused.
            let _ = Row::parse(&damaged).and_then(|row| desk().lay(row));
        }
    }
}

fn sku_of(rows: &Rows) -> Sku {
    let Some(Row::Sku(sku)) = rows.0.get(&Key::Sku(SKU)) else { panic!("the sku is there") };
    *sku
}
