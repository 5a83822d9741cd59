//! What operators say about freight.

use domain::freight::{FreightBy, FreightRule};
use domain::intent::{FreightPut, PAGE_MAX};
use domain::{Currency, Intent, MinorUnits, SellerId, Verdict};

use super::{Envelope, History};

impl History {
    pub(super) fn freight_put(&mut self) -> FreightPut {
        let (seller, currency) = (SellerId(self.dice.u32(0..3)), self.currency());
        let list = Intent::FreightList { seller: SellerId(0), currency: Currency(0), limit: PAGE_MAX };
        let Verdict::FreightRules(rules) = self.model.answer(self.now, Envelope::default(), &list) else {
            panic!("FREIGHT_LIST is never refused");
        };
        let stands = rules.items.iter().find(|it| (it.seller, it.currency) == (seller, currency));
        let by = *self.dice.choice(&FreightBy::ALL).expect("a choice");
        let rule = FreightRule {
            seller,
            currency,
            version: self.dice.u32(..),
            by,
            free_from: self.price(),
            base: self.charge(),
            first: self.dice.u64(0..3_000),
            step: self.dice.u64(0..2_000),
            per_step: self.charge(),
        };
        let replaces = self.version_near(stands.map_or(0, |rule| rule.version));
        FreightPut { request: self.request(), replaces, rule }
    }

    /// Little; now and then nonsense.
    fn charge(&mut self) -> MinorUnits {
        MinorUnits(match self.dice.u8(0..30) {
            0 => -1,
            1 => i64::MAX / 3,
            _ => self.dice.i64(0..40),
        })
    }

    pub(super) fn freight_list(&mut self) -> Intent<'static> {
        let limit = *self.dice.choice(&[0, 1, 2, PAGE_MAX]).expect("a choice");
        // Which page is not judged before the ledger: it is 1 to 100 there.
        let (seller, currency) = (SellerId(self.dice.u32(0..3)), Currency(self.dice.u16(977..979)));
        Intent::FreightList { seller, currency, limit: limit.max(1) }
    }
}
