//! Freight in the words of stories.

use domain::freight::{FreightBy, FreightRule};
use domain::intent::FreightPut;
use domain::verdict::Page;
use domain::{Currency, Intent, MinorUnits, SellerId, Verdict};

use super::{EURO, Shop, value};

impl Shop {
    /// `freight [seller 7] by weight base 490 [first 2000] [step 1000] [each 150] [free 5000] [currency 840]
    /// [replaces 1] [twice]`
    pub fn tell_freight(&mut self, words: &[&str]) -> String {
        let by = match value::<String>(words, "by").as_deref() {
            Some("weight") => FreightBy::Weight,
            Some("count") => FreightBy::Count,
            _ => FreightBy::Total,
        };
        let money = |name| MinorUnits(value(words, name).unwrap_or(0));
        let rule = FreightRule {
            seller: SellerId(value(words, "seller").unwrap_or(0)),
            currency: Currency(value(words, "currency").unwrap_or(EURO.0)),
            version: 0,
            by,
            free_from: money("free"),
            base: money("base"),
            first: value(words, "first").unwrap_or(0),
            step: value(words, "step").unwrap_or(0),
            per_step: money("each"),
        };
        let (request, replaces) = (self.request(), value(words, "replaces").unwrap_or(0));
        let verdict = self.changed(&Intent::FreightPut(FreightPut { request, replaces, rule }), words);
        self.words(&verdict)
    }

    /// `rules [seller 0] [in 840] [limit 2]`
    pub fn tell_rules(&mut self, words: &[&str]) -> String {
        let seller = SellerId(value(words, "seller").unwrap_or(0));
        let (currency, limit) =
            (Currency(value(words, "in").unwrap_or(0)), value(words, "limit").unwrap_or(100));
        let verdict = self.read(&Intent::FreightList { seller, currency, limit });
        self.words(&verdict)
    }

    /// `freights A`: what each line bears.
    pub fn tell_freights(&mut self, words: &[&str]) -> String {
        let (order, user, _) = self.named(words[1]);
        let Verdict::OrderFound(found) = self.read(&Intent::Get { user, order }) else {
            panic!("a known order")
        };
        let borne: Vec<String> = found.lines.iter().map(|line| line.freight.0.to_string()).collect();
        borne.join(" ")
    }
}

pub fn rules_in_words(page: &Page<FreightRule>) -> String {
    let rule = |it: &FreightRule| format!("{}/{}={}", it.seller.0, it.currency.0, it.base.0);
    let rules: Vec<String> = page.items.iter().map(rule).collect();
    format!("{}{}", rules.join(" "), if page.more { " …" } else { "" })
}
