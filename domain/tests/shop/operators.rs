//! What operators tell a shop: switches.

use domain::intent::SwitchPut;
use domain::switch::{Note, Scope, Stops, Switch};
use domain::verdict::Page;
use domain::{Intent, SaleId, SkuId};

use super::{Shop, value};

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
