//! Freight rules from version to version, and what orders bore of them.

use domain::fact::OrderCreated;
use domain::freight::FreightRule;
use domain::verdict::{Holdings, digest_freight};

use super::Auditor;
use super::tally::Rule;
use crate::freight::{Sent, in_range, parts};

impl Auditor {
    pub(super) fn freight_changed(&mut self, rule: &FreightRule) {
        let place = (rule.seller, rule.currency);
        let before = self.books.freight.get(&place).map_or(0, |known| known.version);
        self.tally.check(Rule::Catalogue, Some(rule.version) == before.checked_add(1), || {
            format!("version {} of the freight of {place:?} follows version {before}", rule.version)
        });
        self.tally
            .check(Rule::Catalogue, in_range(rule), || format!("a field is out of its range: {rule:?}"));
        self.books.freight.insert(place, *rule);
    }

    /// Each line against the rules of that time. What the other fields of a line say is judged elsewhere.
    pub(super) fn judge_freight(&mut self, created: &OrderCreated<'_>) {
        let sent = |line: &domain::fact::Line| {
            let units = i128::from(line.quantity.get());
            let grams = self.books.skus.get(&line.sku).map_or(0, |sku| sku.weight_grams);
            let goods = i128::from(line.unit_price.0) * units - i128::from(line.discount.0);
            Sent { seller: line.seller, goods, units, grams: i128::from(grams) * units }
        };
        let sent: Vec<Sent> = created.lines.iter().map(sent).collect();
        // Goods below 0 are blamed on the money; nothing follows from them.
        if sent.iter().any(|line| line.goods < 0) {
            return;
        }
        let expected = parts(&self.books.freight, created.currency, &sent);
        let borne: Vec<i64> = created.lines.iter().map(|line| line.freight.0).collect();
        self.tally.check(Rule::Freight, expected.as_ref() == Some(&borne), || {
            format!("the lines of order {} bear {borne:?} of freight, not {expected:?}", created.order.0)
        });
    }

    pub(super) fn compare_freight(&mut self, holdings: &Holdings) {
        let rules = self.books.freight.values();
        let digest = rules.fold(0_u64, |sum, rule| sum.wrapping_add(digest_freight(rule)));
        let count = self.books.freight.len() as u64;
        let equal = (holdings.freight_rules, holdings.freight_digest) == (count, digest);
        self.tally.check(Rule::StoreFreight, equal, || {
            format!("the store has {} freight rules, the facts make {count}", holdings.freight_rules)
        });
    }
}
