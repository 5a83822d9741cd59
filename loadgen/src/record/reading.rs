//! Reads a record back, row by row.

use std::collections::HashMap;

use crate::life::Act;
use crate::record::{ACCEPTED, Asked, Lived, MAGIC, Record, Recorded, UNKNOWN};

#[derive(Default)]
pub(super) struct Reading {
    pub(super) record: Record,
    pub(super) has_header: bool,
    place_of: HashMap<u64, usize>,
}

impl Reading {
    pub(super) fn row(&mut self, row: u64, text: &str) -> Result<(), String> {
        if row == 1 {
            return self.header(text);
        }
        let (mark, rest) = text.split_once(' ').unwrap_or((text, ""));
        let mut fields = rest.split(' ');
        match mark {
            "#" => return Ok(()),
            "sku" => {
                let sku = (number(&mut fields, "sku")?, number(&mut fields, "units")?);
                self.record.skus.push(sku);
                // What was sellable is for who judges the history; asking the server needs it not.
                let _sellable: u64 = number(&mut fields, "sellable units")?;
            }
            ">" => return self.asked(&mut fields),
            "+" => {
                let at = self.place(&mut fields)?;
                // Known already: whatever comes of asking again, the first answer stands.
                let outcome = self.record.asked[at].outcome;
                self.record.asked[at].outcome = match outcome {
                    Recorded::Accepted(_) | Recorded::Unknown => outcome,
                    Recorded::Refused => Recorded::Unknown,
                };
            }
            "<" => return self.answered(&mut fields),
            "!" => return self.act_asked(&mut fields),
            "=" => return self.act_answered(&mut fields),
            _ => return Err(format!("no row begins with «{}»", mark.chars().take(20).collect::<String>())),
        }
        nothing_left(fields.next())
    }

    fn header(&mut self, text: &str) -> Result<(), String> {
        let rest = text.strip_prefix(MAGIC).and_then(|rest| rest.strip_prefix(' '));
        let mut fields = rest.ok_or_else(|| format!("a record begins with «{MAGIC}»"))?.split(' ');
        self.record.started_at_us = number(&mut fields, "time")?;
        self.record.currency = number(&mut fields, "currency")?;
        self.has_header = true;
        nothing_left(fields.next())
    }

    fn asked<'a>(&mut self, fields: &mut impl Iterator<Item = &'a str>) -> Result<(), String> {
        let Record { asked, lines, .. } = &mut self.record;
        let first_line = u32::try_from(lines.len()).map_err(|_| "too many lines in one record".to_owned())?;
        let mut row = Asked {
            number: number(fields, "number")?,
            user: number(fields, "user")?,
            request: request_id(fields)?,
            total: number(fields, "total")?,
            outcome: Recorded::Unknown,
            life: Lived::default(),
            first_line,
            line_count: 0,
        };
        for field in fields {
            let (sku, units) = field.split_once('*').ok_or("a line is SKU*UNITS")?;
            let (mut sku, mut units) = (std::iter::once(sku), std::iter::once(units));
            lines.push((number(&mut sku, "sku")?, number(&mut units, "units")?));
            row.line_count += 1;
        }
        if self.place_of.insert(row.number, asked.len()).is_some() {
            return Err(format!("number {} was asked before", row.number));
        }
        asked.push(row);
        Ok(())
    }

    fn answered<'a>(&mut self, fields: &mut impl Iterator<Item = &'a str>) -> Result<(), String> {
        let at = self.place(fields)?;
        let status = fields.next().ok_or("an answer has a status")?;
        let found = match status {
            ACCEPTED => Recorded::Accepted(number(fields, "order")?),
            status if tells_nothing(status) => Recorded::Unknown,
            _ => Recorded::Refused,
        };
        let asked = &mut self.record.asked[at];
        match (asked.outcome, found) {
            (Recorded::Accepted(one), Recorded::Accepted(other)) if one != other => {
                return Err(format!("number {} became order {one} and order {other}", asked.number));
            }
            // An order that was promised once is promised, whatever a later ask was told.
            (Recorded::Accepted(_), _) => (),
            (Recorded::Refused | Recorded::Unknown, found) => asked.outcome = found,
        }
        nothing_left(fields.next())
    }

    fn act_asked<'a>(&mut self, fields: &mut impl Iterator<Item = &'a str>) -> Result<(), String> {
        let at = self.place(fields)?;
        let name = fields.next().ok_or("its act is missing")?;
        let act = Act::named(name).ok_or_else(|| {
            format!("there is no act called «{}»", name.chars().take(20).collect::<String>())
        })?;
        let asked = &mut self.record.asked[at];
        let before = |what| Err(format!("number {} was asked for more before it was {what}", asked.number));
        match asked.outcome {
            Recorded::Accepted(_) if asked.life.unknown.is_some() => return before("answered"),
            Recorded::Accepted(_) => (),
            Recorded::Refused | Recorded::Unknown => return before("accepted"),
        }
        // Until an answer comes.
        asked.life.unknown = Some(act);
        self.record.has_lives = true;
        nothing_left(fields.next())
    }

    fn act_answered<'a>(&mut self, fields: &mut impl Iterator<Item = &'a str>) -> Result<(), String> {
        let at = self.place(fields)?;
        let status = fields.next().ok_or("an answer has a status")?;
        let Asked { number: order, life, .. } = &mut self.record.asked[at];
        let act = life.unknown.ok_or_else(|| format!("number {order} was asked for nothing"))?;
        if status == ACCEPTED {
            let payment: u64 = number(fields, "payment")?;
            life.standing = life.standing.after(act);
            life.payment = life.payment.max(payment);
            life.acts = life.acts.saturating_add(1);
            life.unknown = None;
        } else if !tells_nothing(status) {
            life.unknown = None;
        }
        nothing_left(fields.next())
    }

    fn place<'a>(&self, fields: &mut impl Iterator<Item = &'a str>) -> Result<usize, String> {
        let number: u64 = number(fields, "number")?;
        self.place_of.get(&number).copied().ok_or_else(|| format!("number {number} was not asked before"))
    }
}

fn number<'a, N: std::str::FromStr>(
    fields: &mut impl Iterator<Item = &'a str>,
    name: &str,
) -> Result<N, String> {
    let text = fields.next().ok_or_else(|| format!("its {name} is missing"))?;
    text.parse().map_err(|_| format!("its {name} is no number in range"))
}

fn request_id<'a>(fields: &mut impl Iterator<Item = &'a str>) -> Result<u128, String> {
    let text = fields.next().filter(|text| text.len() == 32);
    text.and_then(|text| u128::from_str_radix(text, 16).ok())
        .ok_or_else(|| "a request id has 32 hex digits".to_owned())
}

fn nothing_left(field: Option<&str>) -> Result<(), String> {
    field.map_or(Ok(()), |_| Err("it has a field too many".to_owned()))
}

/// Whether a status leaves open what was done.
fn tells_nothing(status: &str) -> bool {
    matches!(status, UNKNOWN | "OUTCOME_UNKNOWN" | "INTERNAL")
}
