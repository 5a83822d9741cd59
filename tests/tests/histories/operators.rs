//! What operators put in the way of everybody.

use domain::intent::{PAGE_MAX, SwitchPut};
use domain::switch::{Note, Scope, Stops, Switch};
use domain::{Intent, SaleId, Verdict};

use super::{Envelope, History};

impl History {
    pub(super) fn operate(&mut self) -> Intent<'static> {
        if self.dice.u8(0..4) == 0 {
            let after = self.dice.bool().then(|| self.scope());
            return Intent::SwitchList { after, limit: self.dice.u16(1..=PAGE_MAX) };
        }
        let scope = self.scope();
        let stands = self.switches().iter().find(|it| it.scope == scope).map_or(0, |it| it.version);
        let stops = Stops::parse(self.dice.u8(0..8)).expect("three bits");
        Intent::SwitchPut(SwitchPut {
            request: self.request(),
            scope,
            replaces: self.version_near(stands),
            stops,
            note: Note::parse(self.dice.choice(&[&b""[..], b"price was wrong"]).expect("a choice"))
                .expect("a note"),
        })
    }

    /// Soon after a switch was set, somebody clears it: a shop that stands still tells nothing new.
    pub(super) fn clear_a_switch(&mut self) -> Option<Intent<'static>> {
        if self.dice.u8(0..8) != 0 {
            return None;
        }
        let Switch { scope, version, .. } = *self.switches().first()?;
        let (request, stops) = (self.request(), Stops::default());
        let note = Note::parse(b"").expect("no words are a note");
        Some(Intent::SwitchPut(SwitchPut { request, scope, replaces: version, stops, note }))
    }

    fn switches(&mut self) -> Vec<Switch> {
        let all = Intent::SwitchList { after: None, limit: PAGE_MAX };
        let Verdict::Switches(page) = self.model.answer(self.now, Envelope::default(), &all) else {
            panic!("a list of switches is never refused")
        };
        page.items
    }

    fn scope(&mut self) -> Scope {
        match self.dice.u8(0..3) {
            0 => Scope::All,
            1 => Scope::Sale(SaleId(self.dice.u32(1..=self.world.sales.max(1)))),
            _ => Scope::Sku(self.sku()),
        }
    }
}
