//! The generator against a toy shop: what it sends adds up, and what goes wrong is said.

#[allow(clippy::unwrap_used)] // a step that fails is the test's failure
mod toy;

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use loadgen::purchases::{HEADER, Purchases};
use loadgen::report::{Ended, Mode};
use loadgen::{Act, Lifecycle, LoadPlan, Mixed, Pace, Replay, Report, Scenario, Silent};
use toy::Toy;

fn plan(toy: &Toy, scenario: Scenario) -> LoadPlan {
    LoadPlan { connections: 8, pipeline: 16, users: 5_000, ..LoadPlan::new(&toy.address, scenario) }
}

/// Until the run is well under way.
fn wait_for_orders(toy: &Toy) {
    let began = Instant::now();
    while toy.taken().1 < 5_000 {
        assert!(began.elapsed() < Duration::from_secs(300), "nothing is ordered");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn play(plan: &LoadPlan) -> Report {
    let report = loadgen::run(plan, &mut Silent::default()).expect("the toy shop is open");
    let told =
        report.accepted + report.done + report.retries.answered_with_their_order + report.refused_total();
    assert_eq!(report.sent, report.answered + report.unknown, "every request is answered or unknown");
    assert_eq!(report.answered, told, "every answer is one of these");
    assert_eq!(report.timeline.accepted.iter().sum::<u64>(), report.accepted);
    report
}

#[test]
fn a_flash_sale_sells_exactly_the_stock() {
    let toy = Toy::open();
    let plan = LoadPlan { requests_max: Some(30_000), stock: 500, ..plan(&toy, Scenario::Flash) };
    let report = play(&plan);
    assert_eq!((report.sent, report.ended, report.mode), (30_000, Ended::Done, Mode::Closed));
    assert_eq!((report.accepted_units, report.stock_units), (2_000, 2_000));
    assert_eq!(toy.taken(), (2_000, report.accepted));
    assert!(report.refused["SOLD_OUT"] > 0 && report.refused["USER_LIMIT"] > 0, "{:?}", report.refused);
    assert!(report.is_good(), "{:?}", report.first_errors);
    // The same seed again finds the skus that are there, and fills them up.
    let again = play(&plan);
    assert_eq!((again.stock_units, again.accepted_units), (2_000, 2_000));
}

#[test]
fn steady_orders_are_all_accepted() {
    let toy = Toy::open();
    let report = play(&LoadPlan {
        requests_max: Some(5_000),
        seconds_max: None,
        skus: 1,
        ..plan(&toy, Scenario::Steady)
    });
    assert_eq!((report.accepted, report.accepted_units, report.users), (5_000, 5_000, 5_000));
}

#[test]
fn carts_have_several_lines() {
    let toy = Toy::open();
    let report = play(&LoadPlan { requests_max: Some(2_000), skus: 20, ..plan(&toy, Scenario::Cart) });
    assert_eq!(report.accepted, 2_000);
    assert!(report.accepted_units > 6_000);
    assert_eq!(toy.taken(), (report.accepted_units, 2_000));
}

fn lifecycle() -> Scenario {
    Scenario::Lifecycle(Lifecycle::default())
}

#[test]
fn lives_go_to_their_end() {
    let toy = Toy::open();
    let report = play(&LoadPlan { requests_max: Some(2_000), ..plan(&toy, lifecycle()) });
    assert!(report.is_good(), "{:?}", report.first_errors);
    assert_eq!((report.accepted, report.refused_total()), (2_000, 0));
    let answered = |kind: &str| report.kinds[kind].answered;
    let (cancelled, refunded) = (2_000 - answered("PAY_OPEN"), answered("REFUND_RESULT"));
    assert!((300..500).contains(&cancelled), "one in five is cancelled: {cancelled}");
    assert!((60..140).contains(&refunded), "one in twenty is refunded: {refunded}");
    assert_eq!(answered("PAY_CALLBACK"), answered("PAY_OPEN"));
    assert_eq!(answered("SHIP"), answered("SIGN"));
    assert_eq!(answered("REFUND") + answered("CANCEL"), cancelled + refunded);
    assert_eq!(report.kinds.values().map(|it| it.answered).sum::<u64>(), report.answered);
    assert!(report.kinds["SIGN"].latency_us.p50 > 0.0 && report.kinds["SIGN"].per_s > 0.0);
}

#[test]
fn a_mixed_shop_is_read_more_than_it_sells() {
    let toy = Toy::open();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let record = folder.path().join("r.txt");
    let mixed = Scenario::Mixed(Mixed { subscribers: 2 });
    let plan = LoadPlan { requests_max: Some(1_000), record: Some(record.clone()), ..plan(&toy, mixed) };
    let report = play(&plan);
    assert!(report.is_good(), "{:?}", report.first_errors);
    let answered = |kind: &str| report.kinds[kind].answered;
    assert_eq!((report.accepted, answered("CREATE"), report.subscribers), (1_000, 1_000, 2));
    for (kind, a_hundred) in [("GET", 40), ("LIST", 15), ("STOCK_GET", 25), ("STOCK_RESERVE", 5)] {
        let expected = a_hundred * 1_000 / 12;
        assert!(
            answered(kind).abs_diff(expected) < expected / 3,
            "{kind}: {}, not {expected}",
            answered(kind)
        );
    }
    assert_eq!(answered("STOCK_RESERVE"), answered("STOCK_RELEASE") + answered("STOCK_COMMIT"));
    let found = loadgen::verify(&toy.address, &record, &mut Silent::default()).expect("a good record");
    assert!(found.is_good(), "{found}");
    assert_eq!(found.skus, 900, "those that holds took are not counted");
}

#[test]
fn until_leaves_every_order_at_the_same_act() {
    let toy = Toy::open();
    let until = Lifecycle { lines: 2, until: Some(Act::PayCallback) };
    let report = play(&LoadPlan { requests_max: Some(500), ..plan(&toy, Scenario::Lifecycle(until)) });
    assert_eq!((report.accepted, report.done, report.answered), (500, 1_000, 1_500));
    assert!(report.accepted_units >= 1_000, "two lines each");
}

#[test]
fn lives_on_schedule_are_asked_act_by_act() {
    let toy = Toy::open();
    let report =
        play(&LoadPlan { pace: Pace::PerSecond(4_000), seconds_max: Some(1), ..plan(&toy, lifecycle()) });
    assert_eq!((report.mode, report.sent, report.unsent), (Mode::Open, 4_000, 0));
    assert!((600..1_400).contains(&report.accepted), "{} orders", report.accepted);
    assert!(report.is_good(), "{:?}", report.first_errors);
}

#[test]
fn lives_that_break_off_are_where_the_record_says() {
    let toy = Toy::open();
    toy.faults.break_after.store(1_000, Ordering::SeqCst);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let record = folder.path().join("r.txt");
    let plan =
        LoadPlan { requests_max: Some(4_000), record: Some(record.clone()), ..plan(&toy, lifecycle()) };
    let report = play(&plan);
    assert!(report.unknown > 0, "what was in flight when it broke");
    toy.faults.break_after.store(0, Ordering::SeqCst);
    let found = loadgen::verify(&toy.address, &record, &mut Silent::default()).expect("a good record");
    assert!(found.is_good(), "{found}");
    assert_eq!((found.accepted, found.acts), (report.accepted, report.done));
    assert_eq!(found.unknown + found.acts_unknown, report.unknown);
}

#[test]
fn a_shop_that_loses_money_is_found_out() {
    let toy = Toy::open();
    toy.faults.loses_money.store(true, Ordering::SeqCst);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let record = folder.path().join("r.txt");
    let until = Scenario::Lifecycle(Lifecycle { lines: 1, until: Some(Act::PayCallback) });
    let plan = LoadPlan { requests_max: Some(100), record: Some(record.clone()), ..plan(&toy, until) };
    assert_eq!(play(&plan).done, 200);
    let found = loadgen::verify(&toy.address, &record, &mut Silent::default()).expect("a good record");
    assert_eq!(found.differences, 100, "{found}");
}

#[test]
fn a_gateway_that_is_not_believed_is_said_in_a_sentence() {
    let toy = Toy::open();
    toy.faults.doubts_gateways.store(true, Ordering::SeqCst);
    let error = loadgen::run(&plan(&toy, lifecycle()), &mut Silent::default());
    let error = error.expect_err("nothing is sold").to_string();
    assert!(error.contains("BAD_SIGNATURE") && error.contains("--gateway-key"), "{error}");
    assert_eq!(toy.taken(), (0, 0));
}

#[test]
fn sold_out_and_whoever_has_an_order_gets_it_again() {
    let toy = Toy::open();
    let plan = LoadPlan { requests_max: Some(20_000), ..plan(&toy, Scenario::SoldOut) };
    let report = play(&plan);
    assert_eq!(report.accepted_units, report.stock_units);
    assert!(report.retries.sent > 50, "{:?}", report.retries);
    assert_eq!(report.retries.sent, report.retries.answered_with_their_order);
    assert!(report.is_good(), "{:?}", report.first_errors);
}

#[test]
fn a_server_that_forgets_is_found_out() {
    let toy = Toy::open();
    toy.faults.forgets.store(true, Ordering::SeqCst);
    let plan = LoadPlan { requests_max: Some(20_000), stock: 5_000, ..plan(&toy, Scenario::SoldOut) };
    let report = play(&plan);
    assert!(report.errors > 0 && !report.is_good());
    assert!(report.first_errors[0].contains("when asked again"), "{:?}", report.first_errors);
}

#[test]
fn an_open_loop_keeps_its_pace() {
    let toy = Toy::open();
    let began = Instant::now();
    let report = play(&LoadPlan {
        pace: Pace::PerSecond(2_000),
        requests_max: Some(2_000),
        seconds_max: None,
        skus: 5,
        ..plan(&toy, Scenario::Steady)
    });
    assert_eq!((report.mode, report.offered_per_s), (Mode::Open, 2_000.0));
    assert_eq!((report.sent, report.accepted, report.unsent), (2_000, 2_000, 0));
    assert!(began.elapsed() > Duration::from_millis(900), "not sooner: {:?}", began.elapsed());
}

/// Rows of a made-up shop, with what it comes to a sku and a user.
fn history(orders: u64, seed: u64) -> (String, HashMap<u64, u64>, HashMap<u64, i64>, u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut text, mut skus, mut users, mut refused) =
        (format!("{HEADER}\n"), HashMap::new(), HashMap::new(), 0);
    let mut prices = [100_i64; 300];
    for order in 1..=orders {
        let user = random.u64(1..50);
        let lines = if random.u8(..10) == 0 { 256 } else { random.usize(1..4) };
        if random.u8(..5) == 0 {
            prices[random.usize(..300)] = random.i64(0..1_000);
        }
        let is_refused = random.u8(..20) == 0;
        refused += u64::from(is_refused);
        for (line, price) in prices.iter().enumerate().take(lines) {
            let (sku, quantity) = (line as u64 + 1, if is_refused { 0 } else { random.u64(1..5) });
            for _ in 0..1 + random.u8(..2) {
                text += &format!(
                    "{order},{user},1997-01-01T00:00:{:02}Z,{sku},{quantity},{}\n",
                    order * 60 / (orders + 1),
                    price
                );
                *skus.entry(sku).or_default() += quantity;
                *users.entry(user).or_default() += quantity as i64 * price;
            }
        }
    }
    skus.retain(|_, units| *units > 0);
    users.retain(|_, money| *money > 0);
    (text, skus, users, refused)
}

#[test]
fn a_replay_meets_each_price_and_adds_up() {
    let seed = 0x7a11;
    let (text, skus, users, refused) = history(500, seed);
    let purchases = Purchases::read(text.as_bytes()).expect("a good file");
    let toy = Toy::open();
    let report = play(&plan(&toy, Scenario::Replay(Replay { purchases, stock: None })));
    assert_eq!((report.sent, report.accepted, report.refused_total()), (500, 500 - refused, refused));
    assert_eq!(report.refused.get("INVALID_FIELD").copied().unwrap_or(0), refused, "{:?}", report.refused);
    let (skus_found, mut users_found) = toy.sums();
    users_found.retain(|_, money| *money > 0);
    assert_eq!((skus_found, users_found), (skus, users));
}

#[test]
fn a_replay_at_its_own_pace_is_pressed_into_its_seconds() {
    let (text, ..) = history(200, 5);
    let purchases = Purchases::read(text.as_bytes()).expect("a good file");
    let toy = Toy::open();
    let began = Instant::now();
    let report = play(&LoadPlan {
        pace: Pace::Trace,
        seconds_max: Some(1),
        ..plan(&toy, Scenario::Replay(Replay { purchases, stock: None }))
    });
    assert_eq!((report.sent, report.mode), (200, Mode::Open));
    assert!(began.elapsed() > Duration::from_millis(900), "{:?}", began.elapsed());
}

#[test]
fn what_breaks_is_connected_again_and_the_record_is_true() {
    let toy = Toy::open();
    toy.faults.break_after.store(7_000, Ordering::SeqCst);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let record = folder.path().join("r.txt");
    let plan = LoadPlan {
        requests_max: Some(20_000),
        stock: 500,
        record: Some(record.clone()),
        ..plan(&toy, Scenario::Flash)
    };
    let report = play(&plan);
    assert_eq!(report.ended, Ended::Done);
    assert!(report.unknown > 0, "what was in flight when it broke");
    toy.faults.break_after.store(0, Ordering::SeqCst);
    let found = loadgen::verify(&toy.address, &record, &mut Silent::default()).expect("a good record");
    assert!(found.is_good(), "{found}");
    assert_eq!((found.accepted, found.unknown), (report.accepted, report.unknown));
    assert_eq!(found.skus, 4);
}

#[test]
fn a_server_that_is_gone_ends_the_run_with_a_record() {
    let toy = Toy::open();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let record = folder.path().join("r.txt");
    let plan =
        LoadPlan { seconds_max: Some(600), record: Some(record.clone()), ..plan(&toy, Scenario::Steady) };
    let report = std::thread::scope(|scope| {
        let run = scope.spawn(|| play(&plan));
        wait_for_orders(&toy);
        toy.throw_out(true);
        run.join().expect("it ends by itself")
    });
    assert_eq!(report.ended, Ended::ServerGone);
    assert!(!report.is_good() && report.answered > 0 && report.audit.is_none());
    toy.faults.closed.store(false, Ordering::SeqCst);
    let found = loadgen::verify(&toy.address, &record, &mut Silent::default()).expect("a good record");
    assert!(found.is_good(), "{found}");
    assert_eq!(found.accepted, report.accepted);
}

#[test]
fn a_store_that_loses_orders_is_found_out() {
    let toy = Toy::open();
    toy.faults.loses_one_in.store(100, Ordering::SeqCst);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let record = folder.path().join("r.txt");
    let plan =
        LoadPlan { requests_max: Some(1_000), record: Some(record.clone()), ..plan(&toy, Scenario::Steady) };
    assert_eq!(play(&plan).accepted, 1_000);
    let found = loadgen::verify(&toy.address, &record, &mut Silent::default()).expect("a good record");
    assert_eq!(found.differences, 10, "{found}");
    assert!(found.first_differences[0].ends_with("is lost"), "{found}");
}

#[test]
fn whoever_stops_a_run_gets_its_report() {
    let toy = Toy::open();
    let mut watcher = Silent::default();
    let stop = watcher.stop.clone();
    let plan = LoadPlan { seconds_max: Some(600), ..plan(&toy, Scenario::Steady) };
    let report = std::thread::scope(|scope| {
        let run = scope.spawn(|| loadgen::run(&plan, &mut watcher));
        wait_for_orders(&toy);
        stop.store(true, Ordering::SeqCst);
        run.join().expect("it ends by itself").expect("with a report")
    });
    assert_eq!((report.ended, report.unknown), (Ended::Interrupted, 0), "what was on its way is waited for");
    assert!(report.answered > 0 && report.is_good());
}

#[test]
fn nobody_there_is_said_in_a_sentence() {
    let error = loadgen::run(&LoadPlan::new("127.0.0.1:1", Scenario::Steady), &mut Silent::default());
    let error = error.expect_err("nobody listens there").to_string();
    assert!(error.contains("127.0.0.1:1 cannot be loaded") && error.contains("is it running"), "{error}");
}
