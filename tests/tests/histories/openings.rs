//! Audits that begin in the middle of a history, with what the ledger holds there as the opening balance.

use domain::OrderBalance;
use domain::request::Rules;
use model::{AuditReport, Opening, Totals};

use super::History;

impl History {
    /// From here a second audit hears of the facts, and of none before.
    pub fn audit_begins_anew(&mut self) {
        let balance = self.ledger.balance();
        let at_rest = balance.orders_at_rest;
        let mut opening = Opening::new(Rules::DEFAULT.request_window, self.listeners.position - 1, balance);
        let mut order =
            |record: &[u8]| opening.order(&OrderBalance::read(record).expect("a record is an order"));
        self.ledger.each_record(|_, record| order(record));
        let resting = self.bed.records().filter(|(made, _)| self.ledger.may_be_at_rest(*made));
        let found = resting.map(|(_, record)| order(record)).count() as u64;
        assert_eq!(found, at_rest, "orders at rest{}", self.story());
        let mut auditor = opening.opened();
        if !auditor.sound_so_far() {
            let report = auditor.finish(None);
            panic!("the opening is not sound: {:#?}{}", report.failed().collect::<Vec<_>>(), self.story());
        }
        self.listeners.anew = Some(auditor);
    }
}

/// What both audits have to come to alike.
pub fn assert_same(whole: &AuditReport, anew: &AuditReport, story: &str) {
    let failed: Vec<_> = anew.failed().collect();
    assert!(anew.ok(), "behind {} the audit names {failed:#?}{story}", anew.begins_behind);
    let Totals { facts, .. } = anew.totals;
    assert_eq!(facts + anew.begins_behind, whole.totals.facts, "{story}");
    assert_eq!(Totals { facts: whole.totals.facts, ..anew.totals }, whole.totals, "{story}");
}
