//! The record of a run: what was asked, before it is asked, and what was answered. So that afterwards, whoever
//! was killed, each promise can be held against the store (see `verify`).
//!
//! Text, a row a line, fields parted by one space:
//!
//! | row | meaning |
//! | --- | --- |
//! | `tidegate-record 1 AT_US CURRENCY` | the first: format, the server's time when the run began, ISO 4217 number |
//! | `# …` | for people |
//! | `sku SKU UNITS SELLABLE` | held and sold of this sku before the run, and what was sellable when it began |
//! | `> N USER REQUEST TOTAL SKU*UNITS …` | about to be asked: number N (from 0), request id in 32 hex digits |
//! | `+ N` | about to be asked again, the same request id |
//! | `< N ACCEPTED ORDER` | answered: this order |
//! | `< N STATUS` | answered with this status; UNKNOWN: the run ended without an answer |
//! | `! N KIND` | about to be asked for the order of number N: its next act |
//! | `= N ACCEPTED PAYMENT` | that act was done; the payment that the answer names, 0: none |
//! | `= N STATUS` | that act was answered with this status; UNKNOWN as above |
//!
//! A killed generator leaves a torn last row at most; readers leave it out.

mod reading;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::life::{Act, Standing};
use crate::record::reading::Reading;

/// What stands for status 0 in a row.
pub const ACCEPTED: &str = "ACCEPTED";
/// What stands for «no answer came».
pub const UNKNOWN: &str = "UNKNOWN";
/// Bytes of one row, at most: 256 lines of 32 bytes, and the rest.
pub const ROW_BYTES_MAX: usize = 16 * 1024;
const MAGIC: &str = "tidegate-record 1";
/// Bytes that are collected before they are written although no send waits for them.
const BUFFER_BYTES: usize = 1 << 20;

/// Writes a record. Rows are collected; [`Recorder::flush`] before the sends leave makes them outlive a kill of
/// this process (they are in the system's hands then, not on the disk).
#[derive(Debug)]
pub struct Recorder {
    file: File,
    rows: Vec<u8>,
}

/// A request that is about to be asked.
#[derive(Clone, Copy, Debug)]
pub struct AskedRow<'a> {
    /// Counts from 0; its answer names it.
    pub number: u64,
    /// Who asks.
    pub user: u64,
    /// Under which id.
    pub request: u128,
    /// The total shown, minor units.
    pub total: i64,
    /// (sku, units), as asked.
    pub lines: &'a [(u64, u32)],
}

impl Recorder {
    /// Makes the file (an earlier one of this name is emptied).
    pub fn create(path: &Path, started_at_us: i64, currency: u16) -> io::Result<Recorder> {
        let mut recorder =
            Recorder { file: File::create(path)?, rows: Vec::with_capacity(BUFFER_BYTES + ROW_BYTES_MAX) };
        writeln!(recorder.rows, "{MAGIC} {started_at_us} {currency}")?;
        recorder.flush()?;
        Ok(recorder)
    }

    /// Goes on where an earlier one ended. A row that was torn when its writer was killed goes: nothing of it was
    /// sent.
    pub fn go_on(path: &Path) -> io::Result<Recorder> {
        let file = File::options().read(true).append(true).open(path)?;
        let bytes = file.metadata()?.len();
        let mut end = vec![0; ROW_BYTES_MAX.min(bytes as usize)];
        let from = bytes - end.len() as u64;
        file.read_exact_at(&mut end, from)?;
        let torn = end.iter().rev().take_while(|&&byte| byte != b'\n').count();
        file.set_len(bytes - torn as u64)?;
        Ok(Recorder { file, rows: Vec::with_capacity(BUFFER_BYTES + ROW_BYTES_MAX) })
    }

    /// A remark for people.
    pub fn remark(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.rows, "# {}", text.replace('\n', " "))
    }

    /// What was held and sold of a sku before the run, and what was sellable when it began.
    pub fn sku(&mut self, sku: u64, units_before: u64, sellable: u64) -> io::Result<()> {
        writeln!(self.rows, "sku {sku} {units_before} {sellable}")?;
        self.relieve()
    }

    /// A request is about to be asked for the first time.
    pub fn asked(&mut self, row: &AskedRow<'_>) -> io::Result<()> {
        let AskedRow { number, user, request, total, lines } = row;
        write!(self.rows, "> {number} {user} {request:032x} {total}")?;
        for (sku, units) in *lines {
            write!(self.rows, " {sku}*{units}")?;
        }
        self.rows.push(b'\n');
        self.relieve()
    }

    /// A request is about to be asked again.
    pub fn asked_again(&mut self, number: u64) -> io::Result<()> {
        writeln!(self.rows, "+ {number}")?;
        self.relieve()
    }

    /// A request was accepted.
    pub fn accepted(&mut self, number: u64, order: u64) -> io::Result<()> {
        writeln!(self.rows, "< {number} {ACCEPTED} {order}")?;
        self.relieve()
    }

    /// A request was answered with a status, or [`UNKNOWN`].
    pub fn not_accepted(&mut self, number: u64, status: &str) -> io::Result<()> {
        writeln!(self.rows, "< {number} {status}")?;
        self.relieve()
    }

    /// The next act of an order is about to be asked for.
    pub fn act_asked(&mut self, number: u64, act: Act) -> io::Result<()> {
        writeln!(self.rows, "! {number} {}", act.kind().name())?;
        self.relieve()
    }

    /// It was done; `payment` is the one that the answer names, 0: none.
    pub fn act_done(&mut self, number: u64, payment: u64) -> io::Result<()> {
        writeln!(self.rows, "= {number} {ACCEPTED} {payment}")?;
        self.relieve()
    }

    /// It was answered with a status, or [`UNKNOWN`].
    pub fn act_not_done(&mut self, number: u64, status: &str) -> io::Result<()> {
        writeln!(self.rows, "= {number} {status}")?;
        self.relieve()
    }

    /// Hands all rows to the system.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.rows)?;
        self.rows.clear();
        Ok(())
    }

    fn relieve(&mut self) -> io::Result<()> {
        if self.rows.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }
}

/// A record, read back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The server's time when the run began, microseconds.
    pub started_at_us: i64,
    /// Of all orders; ISO 4217 numeric.
    pub currency: u16,
    /// (sku, held and sold before the run).
    pub skus: Vec<(u64, u64)>,
    asked: Vec<Asked>,
    lines: Vec<(u64, u32)>,
    /// Whether any order was asked for an act.
    has_lives: bool,
}

/// A request of a record and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its number in the record.
    pub number: u64,
    /// Who asked.
    pub user: u64,
    /// Under which id.
    pub request: u128,
    /// The total shown, minor units.
    pub total: i64,
    /// What came of it.
    pub outcome: Recorded,
    /// What came of its order since.
    pub(crate) life: Lived,
    first_line: u32,
    line_count: u32,
}

/// What a record says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It became this order.
    Accepted(u64),
    /// It was answered with a status that says: nothing was done.
    Refused,
    /// No answer, or one that does not know: it may have become an order.
    Unknown,
}

/// What a record says of an order behind its CREATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lived {
    /// Where what was acknowledged led it.
    pub(crate) standing: Standing,
    /// Asked for, and nobody knows whether it was done.
    pub(crate) unknown: Option<Act>,
    /// The payment that was opened; 0: none that is known.
    pub(crate) payment: u64,
    /// Acts acknowledged.
    pub(crate) acts: u32,
}

impl Default for Lived {
    fn default() -> Lived {
        Lived { standing: Standing::CREATED, unknown: None, payment: 0, acts: 0 }
    }
}

/// Why a file is no record.
#[derive(Debug)]
pub enum NotARecord {
    /// The file could not be read.
    Read(io::Error),
    /// A row is wrong.
    Row {
        /// Counted from 1.
        row: u64,
        /// What is wrong with it.
        why: String,
    },
}

impl Record {
    /// Opens and reads a record.
    pub fn open(path: &Path) -> Result<Record, NotARecord> {
        Record::read(BufReader::with_capacity(1 << 20, File::open(path).map_err(NotARecord::Read)?))
    }

    /// Reads a record.
    pub fn read(mut file: impl BufRead) -> Result<Record, NotARecord> {
        let mut reading = Reading::default();
        let mut bytes = Vec::new();
        for row in 1.. {
            bytes.clear();
            let bound = ROW_BYTES_MAX as u64 + 1;
            (&mut file).take(bound).read_until(b'\n', &mut bytes).map_err(NotARecord::Read)?;
            if bytes.len() > ROW_BYTES_MAX {
                return Err(NotARecord::Row { row, why: format!("it is longer than {ROW_BYTES_MAX} bytes") });
            }
            // A row without its end was being written when the generator was killed: nothing of it was sent.
            if bytes.pop() != Some(b'\n') {
                break;
            }
            let text = std::str::from_utf8(&bytes).map_err(|_| "it is not UTF-8 text".to_owned());
            text.and_then(|text| reading.row(row, text)).map_err(|why| NotARecord::Row { row, why })?;
        }
        if reading.has_header {
            Ok(reading.record)
        } else {
            Err(NotARecord::Row { row: 1, why: format!("a record begins with «{MAGIC}»") })
        }
    }

    /// All requests, in the order in which they were first asked.
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// Whether orders went on behind their CREATE.
    pub(crate) fn has_lives(&self) -> bool {
        self.has_lives
    }

    /// (sku, units) of one request, as asked.
    pub fn lines(&self, asked: &Asked) -> &[(u64, u32)] {
        &self.lines[asked.first_line as usize..][..asked.line_count as usize]
    }
}

impl From<io::Error> for NotARecord {
    fn from(error: io::Error) -> NotARecord {
        NotARecord::Read(error)
    }
}

impl std::fmt::Display for NotARecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NotARecord::Read(error) => write!(f, "cannot be read: {error}"),
            NotARecord::Row { row, why } => write!(f, "line {row}: {why}"),
        }
    }
}

impl std::error::Error for NotARecord {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the rows below a header; gives `number:outcome` each, or the error.
    fn check(rows: &str, expected: &str) {
        let found = match Record::read(format!("{MAGIC} 1000 978\n{rows}").as_bytes()) {
            Ok(record) => {
                let told = |asked: &Asked| match asked.outcome {
                    Recorded::Accepted(order) => format!("{}:order {order}", asked.number),
                    Recorded::Refused => format!("{}:refused", asked.number),
                    Recorded::Unknown => format!("{}:unknown", asked.number),
                };
                record.asked().iter().map(told).collect::<Vec<_>>().join(" ")
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected, "of {rows}");
    }

    const ASKED: &str = "> 0 7 0000000000000000000000000000000a 300 10*2 11*1\n";

    #[test]
    fn what_was_answered_last_counts_but_a_promise_stays() {
        check("", "");
        check(ASKED, "0:unknown");
        check(&format!("{ASKED}< 0 ACCEPTED 99\n"), "0:order 99");
        check(&format!("{ASKED}< 0 SOLD_OUT\n"), "0:refused");
        check(&format!("{ASKED}< 0 UNKNOWN\n"), "0:unknown");
        check(&format!("{ASKED}< 0 OUTCOME_UNKNOWN\n"), "0:unknown");
        check(&format!("{ASKED}< 0 ACCEPTED 99\n+ 0\n< 0 UNKNOWN\n"), "0:order 99");
        check(&format!("{ASKED}< 0 UNKNOWN\n+ 0\n< 0 ACCEPTED 99\n"), "0:order 99");
        check(&format!("{ASKED}< 0 SOLD_OUT\n+ 0\n"), "0:unknown");
        // Torn by a kill: not sent, or not known to be answered.
        check(&format!("{ASKED}< 0 ACCEPTED 9"), "0:unknown");
        check(&format!("{ASKED}> 1 8 0000"), "0:unknown");
    }

    #[test]
    fn a_wrong_row_is_named() {
        check("x\n", "line 2: no row begins with «x»");
        check("< 4 SOLD_OUT\n", "line 2: number 4 was not asked before");
        check(&format!("{ASKED}{ASKED}"), "line 3: number 0 was asked before");
        check("> 0 7 zz 300 10*2\n", "line 2: a request id has 32 hex digits");
        check(&ASKED.replace("10*2", "10"), "line 2: a line is SKU*UNITS");
        check(
            &format!("{ASKED}< 0 ACCEPTED 99\n+ 0\n< 0 ACCEPTED 98\n"),
            "line 5: number 0 became order 99 and order 98",
        );
        let error = Record::read("something else\n".as_bytes()).expect_err("no record").to_string();
        assert_eq!(error, "line 1: a record begins with «tidegate-record 1»");
        assert!(Record::read(&b""[..]).is_err());
    }

    #[test]
    fn a_record_goes_on_behind_its_last_whole_row() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("record.txt");
        for torn in ["", "< 0 ACCEP"] {
            std::fs::write(&path, format!("{MAGIC} 1000 978\n{ASKED}{torn}")).expect("it is written");
            let mut recorder = Recorder::go_on(&path).expect("a record");
            recorder.asked_again(0).expect("a row");
            recorder.accepted(0, 99).expect("a row");
            recorder.flush().expect("the rows leave");
            let record = Record::open(&path).expect("a good record");
            assert_eq!(record.asked()[0].outcome, Recorded::Accepted(99));
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let seed = crate::testing::seed();
        let mut random = fastrand::Rng::with_seed(seed);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("record.txt");
        let mut recorder = Recorder::create(&path, 1_000, 978).expect("a new file");
        let mut expected = Record { started_at_us: 1_000, currency: 978, ..Record::default() };
        recorder.remark("two\nlines").expect("a remark");
        recorder.sku(7, 70, 30).expect("a sku");
        expected.skus.push((7, 70));
        for number in 0..2_000 {
            let lines: Vec<_> = (0..random.usize(1..4)).map(|_| (random.u64(..), random.u32(..))).collect();
            let mut asked = Asked {
                number,
                user: random.u64(..),
                request: random.u128(..),
                total: random.i64(..),
                outcome: Recorded::Unknown,
                life: Lived::default(),
                first_line: expected.lines.len() as u32,
                line_count: lines.len() as u32,
            };
            let Asked { user, request, total, .. } = asked;
            recorder.asked(&AskedRow { number, user, request, total, lines: &lines }).expect("a row");
            match random.u8(..4) {
                0 => {
                    recorder.accepted(number, number * 3).expect("a row");
                    asked.outcome = Recorded::Accepted(number * 3);
                    live(&mut recorder, number, &mut asked.life, random.u8(..));
                    expected.has_lives = true;
                }
                1 => {
                    recorder.not_accepted(number, "USER_LIMIT").expect("a row");
                    asked.outcome = Recorded::Refused;
                }
                2 => recorder.not_accepted(number, UNKNOWN).expect("a row"),
                _ => recorder.asked_again(number).expect("a row"),
            }
            expected.lines.extend(lines);
            expected.asked.push(asked);
        }
        recorder.flush().expect("the rows leave");
        let found = Record::open(&path).expect("a good record");
        assert!(found == expected, "again with TIDEGATE_SEED={seed:#x}");
    }

    /// An order is opened for payment, and then: paid, refused, lost.
    fn live(recorder: &mut Recorder, number: u64, life: &mut Lived, chance: u8) {
        recorder.act_asked(number, Act::PayOpen).expect("a row");
        recorder.act_done(number, number + 1).expect("a row");
        recorder.act_asked(number, Act::PayCallback).expect("a row");
        *life = Lived {
            standing: Standing::CREATED.after(Act::PayOpen),
            unknown: None,
            payment: number + 1,
            acts: 1,
        };
        match chance % 3 {
            0 => {
                recorder.act_done(number, number + 1).expect("a row");
                (life.standing, life.acts) = (life.standing.after(Act::PayCallback), 2);
            }
            1 => recorder.act_not_done(number, "OVERLOADED").expect("a row"),
            _ => life.unknown = Some(Act::PayCallback),
        }
    }

    #[test]
    fn what_an_order_went_through_is_read() {
        let created = format!("{ASKED}< 0 ACCEPTED 99\n");
        let lived = |rows: &str| {
            let record = Record::read(format!("{MAGIC} 1000 978\n{created}{rows}").as_bytes());
            let life = record.expect("good rows").asked()[0].life;
            (life.standing.state, life.unknown, life.payment, life.acts)
        };
        assert_eq!(lived(""), (2, None, 0, 0));
        assert_eq!(lived("! 0 PAY_OPEN\n"), (2, Some(Act::PayOpen), 0, 0));
        assert_eq!(lived("! 0 PAY_OPEN\n= 0 ACCEPTED 55\n"), (3, None, 55, 1));
        assert_eq!(lived("! 0 CANCEL\n= 0 OVERLOADED\n"), (2, None, 0, 0));
        assert_eq!(lived("! 0 CANCEL\n= 0 OUTCOME_UNKNOWN\n"), (2, Some(Act::Cancel), 0, 0));
        assert_eq!(lived("! 0 CANCEL\n= 0 ACCEPTED 0\n"), (12, None, 0, 1));
        check(&format!("{created}! 0 CREATE\n"), "line 4: there is no act called «CREATE»");
        check(&format!("{created}= 0 OVERLOADED\n"), "line 4: number 0 was asked for nothing");
        check(&format!("{ASKED}! 0 CANCEL\n"), "line 3: number 0 was asked for more before it was accepted");
        let twice = format!("{created}! 0 CANCEL\n! 0 CANCEL\n");
        check(&twice, "line 5: number 0 was asked for more before it was answered");
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let seed = crate::testing::seed();
        let mut random = fastrand::Rng::with_seed(seed);
        let alphabet = b"0123456789abcdef<>+!=# *\n\n skuACCEPTED\xff-";
        for _ in 0..20_000 {
            let mut text = format!("{MAGIC} 1000 978\n{ASKED}").into_bytes();
            text.truncate(random.usize(..=text.len()).max(random.usize(..=text.len())));
            for _ in 0..random.usize(..60) {
                text.push(alphabet[random.usize(..alphabet.len())]);
            }
            match Record::read(text.as_slice()) {
                Ok(record) => assert!(record.asked().len() <= 20),
                Err(error) => assert!(error.to_string().starts_with("line "), "{error}"),
            }
        }
    }
}
