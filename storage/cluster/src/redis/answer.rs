//! What scripts say, as types. A word that no script says is no answer: [`Garbled`], and never a panic.

use std::str::FromStr;

use domain::{MicrosUtc, RequestId, UserId};

use super::asked::Own;
use crate::shelf::{Attempt, CatalogueVersion, Epoch, HoldId, Holder, ShardNo};

/// What RESERVE says of one ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// The units were taken, under the ask's hold id.
    Taken,
    /// This request holds its units already, under this hold id. No unit moved; the record is shared now, and of this
    /// attempt.
    Seen {
        /// The hold id that its order's lines would carry.
        hold: HoldId,
    },
    /// The shelf is open in another epoch. Ask there, with a fresh hold id.
    Stale {
        /// That epoch.
        open: Epoch,
    },
    /// The shelf has no epoch, or another incarnation's: it has to be opened before anybody gets anything.
    Closed,
    /// Sku or sale have another version here.
    StaleCatalogue {
        /// The shelf's.
        version: CatalogueVersion,
    },
    /// This request holds units for another body.
    Reused,
    /// A later attempt has the record; this one cannot commit.
    LowerAttempt {
        /// That attempt.
        attempt: Attempt,
    },
    /// What the node judged by does not hold at this instant.
    NotNow {
        /// On which side of it.
        side: NotNow,
        /// Redis's clock.
        now: MicrosUtc,
    },
    /// Fewer units than were asked for; 0: none.
    SoldOut {
        /// How many there are.
        left: u64,
    },
}

/// On which side of a window an instant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotNow {
    /// Before it begins.
    Early,
    /// It has ended.
    Late,
}

/// What FINISH says of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// It is gone; its units are sold.
    Ended,
    /// There is no record of this holder under this hold id, in this epoch.
    Gone,
}

/// What giving back says of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivenBack {
    /// It is gone; its units are free.
    Ended,
    /// Another ask has seen it and may be committing it: it stays.
    Shared,
    /// There is no record of this holder under this hold id, in this epoch.
    Gone,
}

/// What became of a record that MySQL judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// Its order has these units: it is gone, and nothing comes back.
    Sold,
    /// No order has these units: it is gone, and they are free.
    Freed,
    /// A later attempt has seen it since and may commit it: it stays.
    Later {
        /// That attempt.
        attempt: Attempt,
    },
    /// There is no record of this holder under this hold id, in this epoch.
    Gone,
}

/// What RETURN says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// Added, now or by an earlier copy.
    Added,
    /// The shelf is not open in this epoch yet, or not in this incarnation: send it again later.
    NotYet,
    /// An earlier batch is missing.
    Gap {
        /// The number of the last one that was added.
        last: u64,
    },
    /// The shelf is past this epoch: its sum has the units.
    Void {
        /// The epoch of the shelf.
        open: Epoch,
    },
}

/// What INIT says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// The shelf is open in this epoch.
    Now,
    /// It is open in this epoch, or a further one, already.
    Passed {
        /// The epoch of the shelf.
        open: Epoch,
    },
}

/// What a new catalogue version came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatalogueSet {
    /// This one stands now: at least the one that was asked.
    Stands(CatalogueVersion),
    /// The shelf is open in another epoch.
    Stale {
        /// That epoch.
        open: Epoch,
    },
    /// The shelf has to be opened.
    Closed,
}

/// What a shelf is, and on which server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// `master_replid` of the server that answered.
    pub server: String,
    /// Its clock.
    pub now: MicrosUtc,
    /// How many records are held, of whatever epoch.
    pub held: u64,
    /// The shelf; none where Redis has none.
    pub shelf: Option<Shelf>,
}

/// A shelf's own fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelf {
    /// The epoch it was opened in.
    pub epoch: Epoch,
    /// The server that it was opened on.
    pub incarnation: String,
    /// Units that can be taken.
    pub units: i64,
    /// The version of sku and sale.
    pub catalogue: CatalogueVersion,
    /// The number of the last batch that was added, of each shard that returned any; in no order.
    pub returned: Vec<(ShardNo, u64)>,
}

impl Look {
    /// The epoch in which it gives units away; none where it has to be opened first.
    pub fn open(&self) -> Option<Epoch> {
        let shelf = self.shelf.as_ref()?;
        (shelf.incarnation == self.server).then_some(shelf.epoch)
    }
}

/// A held record: units taken, not yet known as sold or free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldRecord {
    /// Whose, and under which hold id.
    pub own: Own,
    /// The highest attempt that was given it.
    pub attempt: Attempt,
    /// Whether another ask than the one that took it has seen it.
    pub shared: bool,
    /// How many units.
    pub units: u32,
    /// The hash of its CREATE's body.
    pub body: u64,
    /// When it was last taken or seen, by Redis's clock.
    pub at: MicrosUtc,
}

/// Held records, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldPage {
    /// The shelf's epoch, in which all of them are; none where Redis has no shelf.
    pub epoch: Option<Epoch>,
    /// How many were looked at: fewer than [`super::PAGE_MAX`] is the end.
    pub looked_at: usize,
    /// Those of the epoch.
    pub records: Vec<HeldRecord>,
}

/// Bytes that no script of ours says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Garbled(pub String);

type Parsed<T> = Result<T, Garbled>;

pub(super) fn reserved(words: &[&str], asks: usize) -> Parsed<Vec<Reserved>> {
    match words {
        ["closed", _] => Ok(vec![Reserved::Closed; asks]),
        ["stale", open] => Ok(vec![Reserved::Stale { open: epoch(open)? }; asks]),
        ["open", said @ ..] => each(said, asks, reserved_one),
        _ => Err(garbled(words)),
    }
}

fn reserved_one(said: &str) -> Parsed<Reserved> {
    Ok(match split(said) {
        ("taken", "") => Reserved::Taken,
        ("seen", hold) => Reserved::Seen { hold: hold_id(hold)? },
        ("reused", "") => Reserved::Reused,
        ("lower", attempt) => Reserved::LowerAttempt { attempt: Attempt(number(attempt)?) },
        ("catalogue", version) => Reserved::StaleCatalogue { version: CatalogueVersion(number(version)?) },
        ("early", now) => Reserved::NotNow { side: NotNow::Early, now: MicrosUtc(number(now)?) },
        ("late", now) => Reserved::NotNow { side: NotNow::Late, now: MicrosUtc(number(now)?) },
        ("short", left) => Reserved::SoldOut { left: number(left)? },
        _ => return Err(garbled(&[said])),
    })
}

pub(super) fn finished(words: &[&str], records: usize) -> Parsed<Vec<Finished>> {
    each(words, records, |said| match said {
        "ended" => Ok(Finished::Ended),
        "gone" => Ok(Finished::Gone),
        _ => Err(garbled(&[said])),
    })
}

pub(super) fn given_back(words: &[&str], records: usize) -> Parsed<Vec<GivenBack>> {
    each(words, records, |said| match said {
        "ended" => Ok(GivenBack::Ended),
        "shared" => Ok(GivenBack::Shared),
        "gone" => Ok(GivenBack::Gone),
        _ => Err(garbled(&[said])),
    })
}

pub(super) fn judged(words: &[&str], records: usize) -> Parsed<Vec<Judged>> {
    each(words, records, |said| {
        Ok(match split(said) {
            ("sold", "") => Judged::Sold,
            ("freed", "") => Judged::Freed,
            ("gone", "") => Judged::Gone,
            ("later", attempt) => Judged::Later { attempt: Attempt(number(attempt)?) },
            _ => return Err(garbled(&[said])),
        })
    })
}

pub(super) fn returned(words: &[&str]) -> Parsed<Returned> {
    match words {
        ["added"] => Ok(Returned::Added),
        ["not_yet", _] => Ok(Returned::NotYet),
        ["gap", last] => Ok(Returned::Gap { last: number(last)? }),
        ["void", open] => Ok(Returned::Void { open: epoch(open)? }),
        _ => Err(garbled(words)),
    }
}

pub(super) fn opened(words: &[&str]) -> Parsed<Opened> {
    match words {
        ["opened"] => Ok(Opened::Now),
        ["passed", open] => Ok(Opened::Passed { open: epoch(open)? }),
        _ => Err(garbled(words)),
    }
}

pub(super) fn catalogue_set(words: &[&str]) -> Parsed<CatalogueSet> {
    match words {
        ["version", version] => Ok(CatalogueSet::Stands(CatalogueVersion(number(version)?))),
        ["stale", open] => Ok(CatalogueSet::Stale { open: epoch(open)? }),
        ["closed", _] => Ok(CatalogueSet::Closed),
        _ => Err(garbled(words)),
    }
}

pub(super) fn look(words: &[&str]) -> Parsed<Look> {
    let [server, now, held, fields @ ..] = words else { return Err(garbled(words)) };
    let shelf = if fields.is_empty() { None } else { Some(shelf(fields)?) };
    Ok(Look { server: (*server).into(), now: MicrosUtc(number(now)?), held: number(held)?, shelf })
}

fn shelf(fields: &[&str]) -> Parsed<Shelf> {
    let value = |name: &str| {
        let at = fields.chunks_exact(2).find(|pair| pair[0] == name);
        at.map(|pair| pair[1]).ok_or_else(|| garbled(fields))
    };
    let mut returned = Vec::new();
    for pair in fields.chunks_exact(2) {
        if let Some(shard) = pair[0].strip_prefix('r').and_then(|shard| shard.parse().ok()) {
            returned.push((ShardNo(shard), number(pair[1])?));
        }
    }
    Ok(Shelf {
        epoch: epoch(value("epoch")?)?,
        incarnation: value("incarnation")?.into(),
        units: number(value("units")?)?,
        catalogue: CatalogueVersion(number(value("catalogue")?)?),
        returned,
    })
}

pub(super) fn held_page(words: &[&str]) -> Parsed<HeldPage> {
    const WIDTH: usize = 7;
    let [open, looked_at, rest @ ..] = words else { return Err(garbled(words)) };
    if rest.len() % WIDTH != 0 {
        return Err(garbled(words));
    }
    Ok(HeldPage {
        epoch: Epoch::parse(number(open)?),
        looked_at: number(looked_at)?,
        records: rest.chunks_exact(WIDTH).map(held_record).collect::<Parsed<_>>()?,
    })
}

fn held_record(words: &[&str]) -> Parsed<HeldRecord> {
    let [who, attempt, shared, hold, units, body, at] = words else { return Err(garbled(words)) };
    Ok(HeldRecord {
        own: Own { holder: holder(who)?, hold: hold_id(hold)? },
        attempt: Attempt(number(attempt)?),
        shared: *shared == "1",
        units: number(units)?,
        body: u64::from_str_radix(body, 16).map_err(|_| garbled(words))?,
        at: MicrosUtc(number(at)?),
    })
}

/// One answer for each that was asked.
fn each<T>(words: &[&str], asked: usize, one: impl Fn(&str) -> Parsed<T>) -> Parsed<Vec<T>> {
    if words.len() != asked {
        return Err(garbled(words));
    }
    words.iter().map(|said| one(said)).collect()
}

/// The word, and what comes with it.
fn split(said: &str) -> (&str, &str) {
    said.split_once(' ').unwrap_or((said, ""))
}

fn number<T: FromStr>(text: &str) -> Parsed<T> {
    text.parse().map_err(|_| garbled(&[text]))
}

fn epoch(text: &str) -> Parsed<Epoch> {
    Epoch::parse(number(text)?).ok_or_else(|| garbled(&[text]))
}

fn hold_id(text: &str) -> Parsed<HoldId> {
    u128::from_str_radix(text, 16).map(HoldId).map_err(|_| garbled(&[text]))
}

fn holder(text: &str) -> Parsed<Holder> {
    let (user, request) = text.split_once('.').ok_or_else(|| garbled(&[text]))?;
    let request = u128::from_str_radix(request, 16).map_err(|_| garbled(&[text]))?;
    Ok(Holder { user: UserId(number(user)?), request: RequestId(request) })
}

/// As much as a log line wants to have of it.
fn garbled(words: &[&str]) -> Garbled {
    const SHOWN_MAX: usize = 120;
    Garbled(words.join(" ").chars().take(SHOWN_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_scripts_write_them() {
        let hold = format!("seen {:032x}", 0xA);
        assert_eq!(
            reserved(&["open", "taken", &hold], 2),
            Ok(vec![Reserved::Taken, Reserved::Seen { hold: HoldId(0xA) }])
        );
        assert_eq!(reserved(&["closed", "0"], 2), Ok(vec![Reserved::Closed; 2]), "for each that was asked");
        assert_eq!(look(&["ab", "5", "0"]).map(|look| look.shelf), Ok(None));
        assert_eq!(held_page(&["0", "0"]).map(|page| page.epoch), Ok(None), "no shelf");
    }

    #[test]
    fn an_answer_for_fewer_or_more_than_asked_is_none() {
        assert!(reserved(&["open", "taken"], 2).is_err());
        assert!(reserved(&["open", "taken", "taken"], 1).is_err());
        assert!(finished(&[], 1).is_err());
    }

    /// What a broken server, or somebody between, may send: words in any order are an answer or none, never a panic.
    #[test]
    fn words_in_any_order_are_an_answer_or_none() {
        const WORDS: &[&str] = &[
            "open",
            "closed",
            "stale",
            "taken",
            "seen",
            "seen zz",
            "seen 0a",
            "lower 4294967296",
            "lower -1",
            "short ",
            "catalogue 9007199254740993",
            "early",
            "late 18446744073709551615",
            "ended",
            "gone",
            "gap",
            "void",
            "added",
            "opened",
            "passed",
            "version",
            "epoch",
            "incarnation",
            "units",
            "r1",
            "r",
            "0",
            "1",
            "-1",
            "",
            " ",
            "é",
            "17.0a",
            "17.",
            ".",
            "1e9",
        ];
        let mut rng = fastrand::Rng::with_seed(0x51);
        for _ in 0..20_000 {
            let words: Vec<&str> = (0..rng.usize(0..10)).map(|_| *rng.choice(WORDS).expect("some")).collect();
            let read = [
                reserved(&words, 2).is_ok(),
                finished(&words, 2).is_ok(),
                given_back(&words, 2).is_ok(),
                judged(&words, 2).is_ok(),
                returned(&words).is_ok(),
                opened(&words).is_ok(),
                catalogue_set(&words).is_ok(),
                look(&words).is_ok(),
                held_page(&words).is_ok(),
            ];
            assert!(!words.is_empty() || read == [false; 9], "nothing is no answer");
        }
    }
}
