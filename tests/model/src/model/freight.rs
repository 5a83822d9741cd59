//! Freight rules, and what a basket bears of them.

use domain::fact::Line;
use domain::intent::FreightPut;
use domain::{Currency, MinorUnits, Reason, Refusal, SellerId, Verdict};

use super::changes::next_version;
use super::reads::page;
use super::{Model, Subject};
use crate::freight::{Sent, parts};

impl Model {
    pub(super) fn freight_put(&mut self, put: &FreightPut) -> Result<Subject, Refusal> {
        let place = (put.rule.seller, put.rule.currency);
        let standing = self.freight.get(&place).map_or(0, |rule| rule.version);
        let mut rule = put.rule;
        rule.version = next_version(put.replaces, standing)?;
        self.freight.insert(place, rule);
        Ok(Subject::Freight(place.0, place.1))
    }

    pub(super) fn freight_list(&self, after: (SellerId, Currency), limit: u16) -> Verdict {
        let found = self.freight.iter().filter(|(place, _)| **place > after).map(|(_, rule)| *rule);
        Verdict::FreightRules(Box::new(page(found, limit)))
    }

    /// Puts freight on the lines; what it comes to.
    pub(super) fn send(&self, currency: Currency, lines: &mut [Line]) -> Result<MinorUnits, Refusal> {
        let sent: Vec<Sent> = lines.iter().map(|line| self.sent(line)).collect();
        let borne = parts(&self.freight, currency, &sent).ok_or(TOO_MUCH)?;
        let whole: i128 = borne.iter().copied().map(i128::from).sum();
        for (line, part) in lines.iter_mut().zip(borne) {
            line.freight = MinorUnits(part);
        }
        i64::try_from(whole).map(MinorUnits).map_err(|_| TOO_MUCH)
    }

    fn sent(&self, line: &Line) -> Sent {
        let units = i128::from(line.quantity.get());
        let grams = self.skus.get(&line.sku).map_or(0, |sku| sku.weight_grams);
        Sent {
            seller: line.seller,
            goods: i128::from(line.unit_price.0) * units - i128::from(line.discount.0),
            units,
            grams: i128::from(grams) * units,
        }
    }
}

/// More than money can be.
const TOO_MUCH: Refusal = Refusal::of(Reason::InvalidField);
