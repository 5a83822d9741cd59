//! `tidegate inspect`: reads a data folder offline and shows what is in it, damaged or not. It changes nothing.

mod as_of;
mod cold;
mod json;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use domain::Stamp;
use domain::fact::Fact;
use domain::switch::Scope;
use domain::{Actor, OrderId, SkuId, UserId};
use storage::embedded::FileDisk;
use storage::embedded::disk::ReadDisk;
use storage::embedded::reader::{self, CheckpointSeen, Reading, SegmentSeen, SegmentsSeen};

use crate::cli::{BadUsage, print, say};
use crate::config::Config;
use crate::folders::ArchiveFlag;
use crate::serve::Settings;
use json::json_of;

/// Read a data folder offline: what its journal holds, whether it is whole
///
/// Prints each segment with its groups and facts, then how the journal ends: in good order, in a torn tail (never
/// acknowledged, the next start cuts it off), or in damage with its place. Exits 1 on damage.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tidegate inspect tidegate-data\n  tidegate inspect tidegate-data --order 264905538293956608\n  tidegate inspect tidegate-data --cold --user 7\n  tidegate inspect tidegate-data --as-of 1200 --order 264905538293956608"
)]
pub struct Inspect {
    /// The data folder.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Print the facts, one JSON object a line, instead of the summary.
    #[arg(long)]
    records: bool,
    /// Only facts of this order. Prints facts, as --records does.
    #[arg(long, value_name = "ID")]
    order: Option<u64>,
    /// Only facts about this sku.
    #[arg(long, value_name = "ID")]
    sku: Option<u64>,
    /// Only facts of this user and of the orders that the user made.
    #[arg(long, value_name = "ID", conflicts_with = "as_of")]
    user: Option<u64>,
    /// Print the orders at rest, one JSON object a line, instead of facts: the newest version of each, or with --order
    /// all versions of it. Not while a server runs on the folder.
    #[arg(long, conflicts_with_all = ["records", "sku", "as_of"])]
    cold: bool,
    /// Show how an order, a sku or a sale was behind this fact, as JSON, instead of facts.
    #[arg(long, value_name = "POSITION")]
    as_of: Option<u64>,
    /// The sale that is shown.
    #[arg(long, value_name = "ID", requires = "as_of")]
    sale: Option<u32>,
    #[command(flatten)]
    archive: ArchiveFlag,
    /// The configuration of the server, which tells how long request ids are remembered; for --as-of.
    #[arg(long, value_name = "FILE", requires = "as_of")]
    config: Option<PathBuf>,
}

impl Inspect {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        std::fs::read_dir(&self.dir)
            .with_context(|| format!("{} cannot be read: name a data folder", self.dir.display()))?;
        let folders = self.archive.beside(&self.dir, None)?;
        let disk = folders.journal();
        if let Some(position) = self.as_of {
            let rules = Settings::of(&Config::load(self.config.as_deref())?)?.store.rules;
            let wanted = as_of::Wanted { order: self.order, sku: self.sku, sale: self.sale };
            if wanted.is_nothing() {
                return Err(BadUsage("name what is to be shown: --order, --sku or --sale".into()).into());
            }
            print(&as_of::show(&folders, rules, position, &wanted)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        if self.cold {
            let out = BufWriter::new(std::io::stdout().lock());
            cold::print(&FileDisk::at(&self.dir), self.order.map(OrderId), self.user.map(UserId), out)?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut filter = Filter::new(self.order, self.sku, self.user);
        let mut cold_fault = None;
        let reading = if self.records || filter.is_some() {
            let out = BufWriter::new(std::io::stdout().lock());
            print_records(&disk, &mut filter, out)?
        } else {
            let (row, fault) = cold::row(&FileDisk::at(&self.dir));
            cold_fault = fault;
            print_summary(&disk, &row)?
        };
        let behind = reading.summary.begins_behind;
        if behind > 0 {
            say(&format_args!(
                "the journal begins behind fact {behind}; what stood before was archived or deleted: name the archive \
                 with --archive to have it read"
            ));
        }
        if let Some(damage) = &reading.damage {
            say(&format_args!("damaged: {damage}"));
        }
        if let Some(fault) = &cold_fault {
            say(&format_args!("damaged: {fault}"));
        }
        let is_whole = reading.damage.is_none() && cold_fault.is_none();
        Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Which facts are wanted. Each that is given has to fit.
#[derive(Debug)]
struct Filter {
    order: Option<OrderId>,
    sku: Option<SkuId>,
    user: Option<UserId>,
    /// Orders of the user, learned as they are made: what a timer does to them names no user.
    orders_of_user: BTreeSet<OrderId>,
}

impl Filter {
    fn new(order: Option<u64>, sku: Option<u64>, user: Option<u64>) -> Filter {
        Filter {
            order: order.map(OrderId),
            sku: sku.map(SkuId),
            user: user.map(UserId),
            orders_of_user: BTreeSet::new(),
        }
    }

    fn is_some(&self) -> bool {
        self.order.is_some() || self.sku.is_some() || self.user.is_some()
    }

    fn wants(&mut self, stamp: &Stamp, fact: &Fact<'_>) -> bool {
        let order = fact.order();
        let fits_user = self.user.is_none_or(|user| {
            let made_by_user = matches!(fact, Fact::OrderCreated(created) if created.user == user);
            if let (true, Some(order)) = (made_by_user, order) {
                self.orders_of_user.insert(order);
            }
            stamp.actor == Actor::User(user) || order.is_some_and(|it| self.orders_of_user.contains(&it))
        });
        fits_user
            && self.order.is_none_or(|wanted| order == Some(wanted))
            && self.sku.is_none_or(|sku| names_sku(fact, sku))
    }
}

fn names_sku(fact: &Fact<'_>, sku: SkuId) -> bool {
    match fact {
        Fact::OrderCreated(created) => created.lines.iter().any(|line| line.sku == sku),
        Fact::StockReserved { units, .. }
        | Fact::StockReduced { units, .. }
        | Fact::StockReleased { units, .. }
        | Fact::StockException { units, .. }
        | Fact::OrderShipped { units, .. }
        | Fact::HoldMade { units, .. }
        | Fact::HoldEnded { units, .. } => units.iter().any(|it| it.sku == sku),
        Fact::StockAdjusted(adjusted) => adjusted.sku == sku,
        Fact::AftersaleChanged(case) => case.sku == sku,
        Fact::StockTransferred { sku: moved, .. } | Fact::StockReturned { sku: moved, .. } => *moved == sku,
        Fact::SkuChanged(changed) => changed.id == sku,
        Fact::SaleChanged { skus, .. } => skus.iter().any(|it| it.sku == sku),
        Fact::SwitchChanged { scope, .. } => *scope == Scope::Sku(sku),
        Fact::CouponDefined { skus, .. } => skus.contains(&sku),
        Fact::LimitChanged(_)
        | Fact::OrderConfirmed { .. }
        | Fact::FreightChanged(_)
        | Fact::OrderCancelled { .. }
        | Fact::RefundDone { .. }
        | Fact::CursorMoved { .. }
        | Fact::LetterParked { .. }
        | Fact::LetterEnded { .. }
        | Fact::HoldExtended { .. }
        | Fact::PaymentOpened { .. }
        | Fact::PaymentFailed { .. }
        | Fact::PaymentSuccess { .. }
        | Fact::PaymentMismatched { .. }
        | Fact::PaymentRepeated { .. }
        | Fact::PaymentOverdrawn { .. }
        | Fact::RefundRequested { .. }
        | Fact::RefundFailed { .. }
        | Fact::RefundSettled { .. }
        | Fact::ShipmentTracked { .. }
        | Fact::OrderDelivered { .. }
        | Fact::OrderCompleted { .. }
        | Fact::CouponClaimed { .. }
        | Fact::CouponLocked { .. }
        | Fact::CouponReleased { .. }
        | Fact::CouponUsed { .. } => false,
    }
}

fn print_records(disk: &impl ReadDisk, filter: &mut Filter, mut out: impl Write) -> anyhow::Result<Reading> {
    let mut written = Ok(());
    let reading = reader::read_what_is_there(disk, u64::MAX, |record| {
        if written.is_ok() && filter.wants(record.stamp, record.fact) {
            written = writeln!(out, "{}", json_of(&record));
        }
    });
    match written.and_then(|()| out.flush()) {
        Err(failed) if failed.kind() != ErrorKind::BrokenPipe => Err(failed.into()),
        Ok(()) | Err(_) => Ok(reading), // A reader that went away (`| head`) is no failure of ours.
    }
}

/// What is counted of one segment.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    groups: u64,
    facts: u64,
    bytes: u64,
}

fn print_summary(disk: &impl ReadDisk, cold_row: &str) -> anyhow::Result<Reading> {
    let (text, reading) = summary(disk);
    print(&(text + cold_row))?;
    Ok(reading)
}

fn summary(disk: &impl ReadDisk) -> (String, Reading) {
    let mut counted: BTreeMap<String, Counted> = BTreeMap::new();
    let reading = reader::read_groups(disk, |group| {
        let segment = counted.entry(group.place.file).or_default();
        segment.groups += 1;
        segment.facts += u64::from(group.header.facts);
        segment.bytes += group.header.padded_bytes() as u64;
    });
    // Where not even the names can be read there is no table, and the damage says so.
    let segments = reader::segments(disk).unwrap_or_default();
    let checkpoints = reader::checkpoints(disk).unwrap_or_default();
    let text = rows(&segments, &counted) + &checkpoint_rows(&checkpoints) + &ending(&reading);
    let broken = checkpoints.into_iter().find_map(|checkpoint| checkpoint.damage);
    (text, Reading { damage: reading.damage.or(broken), ..reading })
}

/// A row a segment, readable or not, by name.
fn rows(segments: &SegmentsSeen, counted: &BTreeMap<String, Counted>) -> String {
    let SegmentsSeen { readable, damaged } = segments;
    let mut rows: BTreeMap<&str, String> = BTreeMap::new();
    for SegmentSeen { file, run, cut_after, .. } in readable {
        let Counted { groups, facts, bytes } = counted.get(file).copied().unwrap_or_default();
        let cut = cut_after.map(|group| format!(", opened after group {group}")).unwrap_or_default();
        let row = format!("run {run:<4} {groups:>8} groups {facts:>10} facts {bytes:>12} bytes{cut}");
        rows.insert(file, row);
    }
    for (file, damage) in damaged {
        rows.insert(file, format!("damaged: {damage}"));
    }
    let store = readable.first().map(|first| format!("store {:032x}\n", first.store_id));
    rows.iter().fold(store.unwrap_or_default(), |mut text, (file, row)| {
        let _ = writeln!(text, "{file}  {row}");
        text
    })
}

/// A row a checkpoint.
fn checkpoint_rows(checkpoints: &[CheckpointSeen]) -> String {
    checkpoints.iter().fold(
        String::new(),
        |mut text, CheckpointSeen { file, bytes, group, position, damage }| {
            let _ = match (group, damage) {
                (Some(group), None) => {
                    writeln!(text, "{file}  all up to fact {position}, behind group {group}, {bytes} bytes")
                }
                (_, Some(damage)) => writeln!(text, "{file}  damaged: {damage}"),
                (None, None) => Ok(()),
            };
            text
        },
    )
}

/// The sums, and how the journal ends.
fn ending(reading: &Reading) -> String {
    let mut text = String::new();
    let it = &reading.summary;
    let _ = writeln!(
        text,
        "{} segments, {} openings, last run {}: {} groups ({} of them seals), {} facts, {} bytes",
        it.segments,
        it.cuts,
        it.run,
        it.groups,
        it.sealing_groups,
        it.facts - it.begins_behind,
        it.bytes
    );
    if it.spares > 0 {
        let _ = writeln!(text, "{} spare files, which the next start deletes", it.spares);
    }
    match &it.tail {
        Some(tail) if tail.stranded_groups > 0 => {
            let (place, groups) = (&tail.place, tail.stranded_groups);
            let _ = writeln!(text, "torn tail from {place}, {groups} whole groups in it: never acknowledged");
        }
        Some(tail) => {
            let _ = writeln!(text, "whole up to {}", tail.place);
        }
        None if it.segments == 0 && reading.damage.is_none() => {
            let _ = writeln!(text, "no journal here: an empty folder becomes a new store when it is served");
        }
        None => (),
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::intent::{AdjustReason, AskedLine, Create, Envelope, Lines, Sku, SkuPut, StockAdjust};
    use domain::order::State;
    use domain::verdict::OrderBrief;
    use domain::{
        Currency, Intent, MicrosUtc, MinorUnits, Quantity, RequestId, Rules, SellerId, WarehouseId,
    };
    use serde_json::Value;
    use storage::embedded::Background;
    use storage::embedded::cold::{ColdSettings, ColdStore, DiskCold, Resting, RestingBatch, order_made_at};
    use storage::embedded::{BlockingFiles, ClockReading, Config, FusedStore, identity_of, open};
    use storage::{Share, Store, Submitted, Ticket};

    use super::*;

    /// A folder with sku 7, its stock, and an order each of users 1 and 2, left in good order.
    fn sold() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(FileDisk::at(dir.path()));
        let opened = open(disk, config(), ClockReading::now(), &mut |_| ()).unwrap();
        let mut store: FusedStore<BlockingFiles> = opened.fused_inline().unwrap();
        let mut files = BlockingFiles::default();
        let request = |n: u128| RequestId((ClockReading::now().wall.0 as u128 / 1_000) << 80 | n);
        let (sku, warehouse, currency) = (SkuId(7), WarehouseId(1), Currency(978));
        let (unit_price, seller) = (MinorUnits(250), SellerId(0));
        let sku_put = SkuPut {
            request: request(1),
            replaces: 0,
            sku: Sku {
                id: sku,
                version: 0,
                seller,
                currency,
                unit_price,
                hold_seconds: 900,
                open: true,
                weight_grams: 0,
            },
        };
        let stock = StockAdjust {
            request: request(2),
            sku,
            warehouse,
            on_hand_delta: 5,
            safety_delta: 0,
            unavailable_delta: 0,
            reason: AdjustReason::Received,
        };
        let asked = [AskedLine { sku, warehouse, quantity: Quantity::parse(1).unwrap() }];
        let create = |user| {
            let (user, request, total) = (UserId(user), request(10 + u128::from(user)), MinorUnits(250));
            let lines = Lines::parse(&asked).unwrap();
            Intent::Create(Create {
                user,
                request,
                hold: 0,
                coupons: domain::coupon::CouponIds::NONE,
                currency,
                total,
                lines,
                client_bytes: b"gift",
            })
        };
        let mut batch = store.lend(Share::Any).unwrap();
        for intent in [Intent::SkuPut(sku_put), Intent::StockAdjust(stock), create(1), create(2)] {
            let envelope = Envelope::default();
            batch.push(&Submitted { ticket: Ticket(0), envelope, deadline: None, intent }).unwrap();
        }
        store.submit(batch);
        store.turn(ClockReading::now(), &mut files).unwrap();
        store.engine().leave();
        while !store.engine().is_settled() {
            store.turn(ClockReading::now(), &mut files).unwrap();
        }
        dir
    }

    /// The folder after one more opening.
    fn reopened(dir: &tempfile::TempDir) {
        let disk = Arc::new(FileDisk::at(dir.path()));
        let opened = open(disk, config(), ClockReading::now(), &mut |_| ()).unwrap();
        drop(opened.fused_inline::<BlockingFiles>().unwrap());
    }

    fn config() -> Config {
        Config { segment_bytes: 2 << 20, segments_ahead: 1, ..Config::default() }
    }

    fn records(
        dir: &tempfile::TempDir,
        order: Option<u64>,
        sku: Option<u64>,
        user: Option<u64>,
    ) -> Vec<Value> {
        let mut out = Vec::new();
        let mut filter = Filter::new(order, sku, user);
        let reading = print_records(&FileDisk::at(dir.path()), &mut filter, &mut out).unwrap();
        assert!(reading.damage.is_none());
        let text = String::from_utf8(out).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn records_are_json_lines_and_filters_narrow_them() {
        let dir = sold();
        let all = records(&dir, None, None, None);
        let names: Vec<_> = all.iter().map(|it| it["fact"].as_str().unwrap()).collect();
        assert_eq!(names[..2], ["SkuChanged", "StockAdjusted"]);
        assert_eq!((all[0]["position"].as_u64(), all[1]["on_hand_delta"].as_i64()), (Some(1), Some(5)));

        let of_user = records(&dir, None, None, Some(2));
        let order = of_user[0]["order"].as_u64().unwrap();
        assert_eq!((of_user.len(), of_user[0]["client_bytes"].as_str()), (2, Some("67696674")));
        assert_eq!(records(&dir, Some(order), None, None), of_user);
        assert_eq!(records(&dir, None, Some(7), None).len(), all.len());
        assert_eq!(records(&dir, None, Some(8), None).len(), 0);
    }

    #[test]
    fn orders_at_rest_are_shown_by_user_and_in_all_their_versions() {
        let dir = sold();
        let disk = FileDisk::at(dir.path());
        let lines = |order: Option<u64>, user: Option<u64>| {
            let mut out = Vec::new();
            cold::print(&disk, order.map(OrderId), user.map(UserId), &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
        };
        let (row, fault) = cold::row(&disk);
        assert!(fault.is_none() && row.contains("about 0 orders"), "nothing rests yet: {row}");
        std::fs::remove_dir_all(dir.path().join("cold")).unwrap();
        assert_eq!((cold::row(&disk), lines(None, None)), ((String::new(), None), vec![]));

        let identity = identity_of(&disk).unwrap().unwrap();
        let mut store =
            DiskCold::open(dir.path(), identity, ColdSettings::default(), Background::NICE).unwrap();
        let mut batch = RestingBatch::new();
        for (through, record) in [(7, &b"short"[..]), (9, b"longer")] {
            batch.begin(through);
            for user in [1, 2] {
                batch.push(at_rest(UserId(user), through, record));
            }
            store.put(&batch).unwrap();
        }
        store.begin_sync();
        while store.synced().is_none() {
            std::thread::yield_now();
        }
        assert!(cold::row(&disk).0.contains("in use"));
        drop(store);

        let (row, fault) = cold::row(&disk);
        assert!(fault.is_none() && row.contains("synced up to fact 9"), "{row}");
        let (all, of_user) = (lines(None, None), lines(None, Some(2)));
        assert_eq!((all.len(), of_user.len(), &all[1]), (2, 1, &of_user[0]));
        assert_eq!((&of_user[0]["user"], &of_user[0]["record_bytes"]), (&2.into(), &6.into()));
        assert!(of_user[0]["fault"].is_string(), "a record that nobody can read is told: {}", of_user[0]);
        let versions = lines(of_user[0]["order"].as_u64(), None);
        let through: Vec<_> = versions.iter().map(|it| it["through"].as_u64().unwrap()).collect();
        assert_eq!(through, [9, 7]);

        std::fs::remove_file(dir.path().join("cold/mark")).unwrap();
        let (row, fault) = cold::row(&disk);
        assert!(fault.is_some() && row.contains("damaged"), "{row}");
    }

    fn at_rest(user: UserId, through: u64, record: &[u8]) -> Resting<'_> {
        let brief = OrderBrief {
            order: order_made_at(user.0, user),
            user,
            state: State::Confirmed,
            version: through as u32,
            total: MinorUnits(250),
            currency: Currency(978),
            created_at: MicrosUtc(1),
            pay_until: MicrosUtc(2),
        };
        Resting { brief, due: None, was_kept: through > 7, record }
    }

    #[test]
    fn the_past_is_shown_as_it_was() {
        let dir = sold();
        let all = records(&dir, None, None, None);
        let order = all[4]["order"].as_u64().unwrap();
        let wanted = as_of::Wanted { order: Some(order), sku: Some(7), sale: None };
        let shown = |position| {
            let folders = crate::folders::Folders { data: dir.path().to_owned(), archive: None };
            as_of::show(&folders, Rules::DEFAULT, position, &wanted)
                .map(|text| serde_json::from_str::<Value>(&text).unwrap())
        };
        let before = shown(2).unwrap();
        assert_eq!((&before["position"], &before["order"]), (&2.into(), &Value::Null));
        assert_eq!((&before["sku"]["held"], &before["sku"]["sellable"]), (&0.into(), &5.into()));
        let after = shown(5).unwrap();
        assert_eq!(after["position"], 6, "an order's facts belong together");
        assert_eq!((&after["sku"]["held"], &after["sku"]["sellable"]), (&2.into(), &3.into()));
        assert_eq!(
            (&after["order"]["state"], &after["order"]["user"]),
            (&"PENDING_PAYMENT".into(), &2.into())
        );
        assert_eq!(after["order"]["history"][0]["to"], "PENDING_PAYMENT");
        let error = shown(7).unwrap_err().to_string();
        assert!(error.contains("ends at position 6"), "{error}");
    }

    #[test]
    fn the_summary_says_how_the_journal_ends() {
        let dir = sold();
        let (text, reading) = summary(&FileDisk::at(dir.path()));
        assert!(reading.damage.is_none());
        assert!(text.contains("2 groups (1 of them seals), 6 facts"), "{text}");
        assert!(text.contains("whole up to 0000000000000001.journal at byte 12288"), "{text}");

        let segment = dir.path().join("0000000000000001.journal");
        let mut bytes = std::fs::read(&segment).unwrap();
        bytes[4_096 + 200] ^= 1;
        std::fs::write(&segment, bytes).unwrap();
        let (_, reading) = summary(&FileDisk::at(dir.path()));
        let damage = reading.damage.map(|damage| damage.to_string()).unwrap_or_default();
        assert!(damage.contains("damaged at 0000000000000001.journal at byte 4096"), "{damage}");

        let empty = tempfile::tempdir().unwrap();
        let (text, _) = summary(&FileDisk::at(empty.path()));
        assert!(text.contains("no journal here"), "{text}");
    }

    #[test]
    fn a_damaged_segment_header_is_named_beside_all_that_is_readable() {
        let dir = sold();
        reopened(&dir);
        let second = dir.path().join("0000000000000002.journal");
        let mut bytes = std::fs::read(&second).unwrap();
        bytes[9] ^= 1;
        std::fs::write(&second, bytes).unwrap();
        let (text, reading) = summary(&FileDisk::at(dir.path()));
        let rows: Vec<&str> = text.lines().collect();
        assert!(rows[0].starts_with("store "), "{text}");
        assert!(
            rows[1].starts_with("0000000000000001.journal  run 1") && rows[1].contains("6 facts"),
            "{text}"
        );
        let damage = "the header of 0000000000000002.journal is damaged (at byte 0)";
        assert!(text.contains(&format!("0000000000000002.journal  damaged: {damage}")), "{text}");
        assert!(text.contains("6 facts") && !text.contains("whole up to"), "{text}");
        assert_eq!(reading.damage.unwrap().to_string(), damage);
        assert_eq!(
            Inspect {
                archive: ArchiveFlag::default(),
                dir: dir.path().into(),
                records: false,
                order: None,
                sku: None,
                user: None,
                cold: false,
                as_of: None,
                sale: None,
                config: None,
            }
            .run()
            .unwrap(),
            ExitCode::FAILURE
        );
    }
}
