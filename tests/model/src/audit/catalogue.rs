//! Skus and sales: versions, ranges, and windows that may not overlap.

use std::collections::BTreeMap;

use domain::intent::{HOLD_SECONDS_MAX, SALE_SKUS_MAX, Sale, SaleSku, Sku};
use domain::{Currency, MinorUnits, SaleId, SkuId};

use super::Auditor;
use super::books::SaleBook;
use super::tally::Rule;

impl Auditor {
    pub(super) fn sku_changed(&mut self, sku: &Sku) {
        let before = self.books.skus.get(&sku.id).map_or(0, |known| known.version);
        self.tally.check(Rule::Catalogue, Some(sku.version) == before.checked_add(1), || {
            format!("version {} of sku {} follows version {before}", sku.version, sku.id.0)
        });
        let in_range = sku.id != SkuId(0)
            && sku.currency != Currency(0)
            && sku.unit_price >= MinorUnits::ZERO
            && (1..=HOLD_SECONDS_MAX).contains(&sku.hold_seconds);
        self.tally.check(Rule::Catalogue, in_range, || format!("a field is out of its range: {sku:?}"));
        self.books.skus.insert(sku.id, *sku);
    }

    pub(super) fn sale_changed(&mut self, sale: &Sale, skus: &[SaleSku]) {
        let before = self.books.sales.get(&sale.id).map_or(0, |known| known.sale.version);
        self.tally.check(Rule::Catalogue, Some(sale.version) == before.checked_add(1), || {
            format!("version {} of sale {} follows version {before}", sale.version, sale.id.0)
        });
        let in_range = sale.id != SaleId(0)
            && sale.closed_from <= sale.opens
            && sale.opens < sale.closes
            && (1..=HOLD_SECONDS_MAX).contains(&sale.hold_seconds)
            && skus.len() <= SALE_SKUS_MAX;
        self.tally.check(Rule::Catalogue, in_range, || format!("a field is out of its range: {sale:?}"));

        let mut prices = BTreeMap::new();
        for item in skus {
            let once = prices.insert(item.sku, item.unit_price).is_none();
            let known = self.books.skus.contains_key(&item.sku) && item.unit_price >= MinorUnits::ZERO;
            self.tally.check(Rule::Catalogue, once && known, || {
                format!(
                    "sale {} has a sku that is unknown, twice in it or without a price: {item:?}",
                    sale.id.0
                )
            });
        }
        self.replace_sale(sale, prices);
    }

    fn replace_sale(&mut self, sale: &Sale, prices: BTreeMap<SkuId, MinorUnits>) {
        let replaced = self.books.sales.remove(&sale.id);
        let taken = replaced.as_ref().map_or(0, |book| book.taken);
        for sku in replaced.iter().flat_map(|book| book.prices.keys()) {
            if let Some(sales) = self.books.sales_of.get_mut(sku) {
                sales.retain(|other| *other != sale.id);
            }
        }
        for sku in prices.keys() {
            self.windows_apart(sale, *sku);
            self.books.sales_of.entry(*sku).or_default().push(sale.id);
        }
        self.books.sales.insert(sale.id, SaleBook { sale: *sale, prices, taken });
    }

    fn windows_apart(&mut self, sale: &Sale, sku: SkuId) {
        let overlapping = (self.books.sales_of.get(&sku).into_iter().flatten())
            .filter_map(|other| self.books.sales.get(other))
            .map(|book| book.sale)
            .find(|other| other.closed_from < sale.closes && sale.closed_from < other.closes);
        self.tally.check(Rule::Catalogue, overlapping.is_none(), || {
            let other = overlapping.map_or(SaleId(0), |other| other.id);
            format!("sales {} and {} both speak for sku {}", sale.id.0, other.0, sku.0)
        });
    }
}
