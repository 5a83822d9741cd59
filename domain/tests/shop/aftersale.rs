//! The story's words about after-sales cases.

use domain::aftersale::{CaseKind, Condition};
use domain::intent::{CaseDecide, CaseOpen, CaseReceive};
use domain::verdict::CaseView;
use domain::{Intent, MinorUnits, SkuId, UserId, WarehouseId};

use super::{Shop, value};

impl Shop {
    /// `case A sku 1 [units 2] [amount 50] [by 7]`: for goods where units are named, else for money alone;
    /// `exchange A sku 1 units 2 [amount 50] [by 7]`;
    /// `accept A.1 [amount 50]`, `refuse A.1`, `goods A.1 [at 2] [unavailable|lost]`, `cases A [by 7]`; each but
    /// the last [twice].
    pub fn tell_case(&mut self, words: &[&str]) -> String {
        let (name, number) = words[1].split_once('.').unwrap_or((words[1], "0"));
        let (order, buyer, _) = self.named(name);
        let number = number.parse().expect("which case");
        let (request, amount) = (self.request(), MinorUnits(value(words, "amount").unwrap_or(0)));
        let intent = match words[0] {
            word @ ("case" | "exchange") => {
                let units: Option<u32> = value(words, "units");
                let kind = match (word, units) {
                    ("exchange", _) => CaseKind::Exchange,
                    (_, Some(_)) => CaseKind::ReturnRefund,
                    (_, None) => CaseKind::Refund,
                };
                let user = value(words, "by").map_or(buyer, UserId);
                let sku = SkuId(value(words, "sku").expect("of which line"));
                let units = units.unwrap_or(0);
                Intent::CaseOpen(CaseOpen { user, request, order, kind, sku, units, amount, why: 3 })
            }
            "goods" => {
                let condition = match words {
                    [.., "unavailable"] => Condition::Unavailable,
                    [.., "lost"] => Condition::Lost,
                    _ => Condition::Sellable,
                };
                let warehouse = WarehouseId(value(words, "at").unwrap_or(0));
                Intent::CaseReceive(CaseReceive { request, order, number, warehouse, condition })
            }
            "cases" => {
                let user = value(words, "by").map_or(UserId(0), UserId);
                let verdict = self.read(&Intent::CaseList { user, order });
                return self.words(&verdict);
            }
            word => {
                let accept = word == "accept";
                Intent::CaseDecide(CaseDecide { request, order, number, accept, amount, why: 4 })
            }
        };
        let verdict = self.apply(&intent);
        if words.contains(&"twice") {
            let entries = self.mirror.entries;
            assert_eq!(self.apply(&intent), verdict, "the same again");
            assert_eq!(self.mirror.entries, entries, "nothing is done twice");
        }
        self.words(&verdict)
    }
}

/// `A.1 Refunding 500 of 1x2`, with the units where any come back.
pub fn case(order: &str, view: &CaseView) -> String {
    let case = &view.case;
    let units = if case.units == 0 { String::new() } else { format!("x{}", case.units) };
    format!("{order}.{} {:?} {} of {}{units}", case.number, case.state, case.amount.0, case.sku.0)
}
