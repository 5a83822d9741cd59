//! What operators tell a shop: switches, and limits of single users.

use domain::intent::{LimitPut, Scan, SwitchPut};
use domain::limit::{UserLimit, UserList};
use domain::switch::{Note, Scope, Stops, Switch};
use domain::verdict::Page;
use domain::{Intent, MicrosUtc, OrderId, SaleId, SkuId, UserId, Verdict};

use super::{BEGIN, Shop, value};

impl Shop {
    /// `switch all stops creating,paying [replaces 1] [note why] [twice]`, `switch sku:5 stops changing`,
    /// `clear sale:7 replaces 2`, `switches [after sale:7] [limit 2]`
    pub fn tell_switch(&mut self, words: &[&str]) -> String {
        if words[0] == "switches" {
            let after = value::<String>(words, "after").map(|text| scope(&text));
            let limit = value(words, "limit").unwrap_or(100);
            let verdict = self.read(&Intent::SwitchList { after, limit });
            return self.words(&verdict);
        }
        let stops: String = value(words, "stops").unwrap_or_default();
        let stops = Stops {
            creating: stops.contains("creating"),
            paying: stops.contains("paying"),
            changing: stops.contains("changing"),
        };
        let note: String = value(words, "note").unwrap_or_default();
        let put = SwitchPut {
            request: self.request(),
            scope: scope(words[1]),
            replaces: value(words, "replaces").unwrap_or(0),
            stops,
            note: Note::parse(note.as_bytes()).expect("the story's notes are notes"),
        };
        let verdict = self.changed(&Intent::SwitchPut(put), words);
        self.words(&verdict)
    }

    /// `limit 5 blocked [until 50] [twice]`, `limit 5 preferred units 3`, `limit 5` (takes it away),
    /// `limits [after 5] [limit 2]`
    pub fn tell_limit(&mut self, words: &[&str]) -> String {
        if words[0] == "limits" {
            let after = UserId(value(words, "after").unwrap_or(0));
            let limit = value(words, "limit").unwrap_or(100);
            let verdict = self.read(&Intent::LimitList { after, limit });
            return self.words(&verdict);
        }
        let list = match words.get(2) {
            Some(&"blocked") => UserList::Blocked,
            Some(&"preferred") => UserList::Preferred,
            Some(_) | None => UserList::Ordinary,
        };
        let limit = UserLimit {
            user: UserId(words[1].parse().expect("a user")),
            list,
            sale_units: value(words, "units").unwrap_or(0),
            until: value::<String>(words, "until").map_or(MicrosUtc(0), |text| self.seconds(&text)),
        };
        let request = self.request();
        let verdict = self.changed(&Intent::LimitPut(LimitPut { request, limit }), words);
        self.words(&verdict)
    }

    /// `scan [before A] [user 5] [state 12] [sku 1] [sale 7] [from 10] [to 20] [limit 2]`
    pub fn scanned(&mut self, step: &str) -> Verdict {
        let words: Vec<&str> = step.split_whitespace().collect();
        let before = value::<String>(&words, "before").map_or(OrderId(0), |name| self.named(&name).0);
        let time = |name| value::<String>(&words, name).map_or(MicrosUtc(0), |text| self.seconds(&text));
        let scan = Scan {
            before,
            user: UserId(value(&words, "user").unwrap_or(0)),
            state: value(&words, "state").unwrap_or(0),
            sku: SkuId(value(&words, "sku").unwrap_or(0)),
            sale: SaleId(value(&words, "sale").unwrap_or(0)),
            from: time("from"),
            to: time("to"),
            limit: value(&words, "limit").unwrap_or(100),
        };
        self.read(&Intent::Scan(scan))
    }

    pub fn limits_words(&self, page: &Page<UserLimit>) -> String {
        let one = |it: &UserLimit| {
            let until = match it.until {
                MicrosUtc(0) => String::new(),
                until => format!(" until {}", (until.0 - BEGIN.0) / 1_000_000),
            };
            format!("{} {:?} units {}{until}", it.user.0, it.list, it.sale_units)
        };
        let all: Vec<String> = page.items.iter().map(one).collect();
        format!("{}{}", all.join(", "), if page.more { " …" } else { "" })
    }

    pub fn switches_words(page: &Page<Switch>) -> String {
        let one =
            |it: &Switch| format!("{:?} stops {} v{} {}", it.scope, it.stops.bits(), it.version, it.note);
        let all: Vec<String> = page.items.iter().map(one).collect();
        format!("{}{}", all.join(", "), if page.more { " …" } else { "" })
    }
}

/// `all`, `sale:7`, `sku:5`
fn scope(text: &str) -> Scope {
    match text.split_once(':') {
        None => Scope::All,
        Some(("sale", id)) => Scope::Sale(SaleId(id.parse().expect("a sale"))),
        Some((_, id)) => Scope::Sku(SkuId(id.parse().expect("a sku"))),
    }
}
