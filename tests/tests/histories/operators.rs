//! What operators put in the way of everybody.

use domain::intent::{LimitPut, PAGE_MAX, Scan, SwitchPut};
use domain::limit::{UserLimit, UserList};
use domain::switch::{Note, Scope, Stops, Switch};
use domain::{Intent, Micros, MicrosUtc, OrderId, SaleId, SkuId, UserId, Verdict};

use super::{Envelope, History};

impl History {
    pub(super) fn operate(&mut self) -> Intent<'static> {
        match self.dice.u8(0..12) {
            8..=11 => return Intent::Scan(self.scan()),
            0..=2 => return Intent::LimitPut(self.limit_put()),
            3 => {
                let after = if self.dice.bool() { self.user() } else { UserId(0) };
                return Intent::LimitList { after, limit: self.dice.u16(1..=PAGE_MAX) };
            }
            _ => (),
        }
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

    /// By a filter or two, from anywhere.
    fn scan(&mut self) -> Scan {
        let some = |history: &mut History| history.dice.u8(0..3) == 0;
        let before = if some(self) { self.order() } else { OrderId(0) };
        let user = if some(self) { self.user() } else { UserId(0) };
        let state = if some(self) { self.dice.u8(0..15) } else { 0 };
        let sku = if some(self) { self.sku() } else { SkuId(0) };
        let sale = if some(self) { SaleId(self.dice.u32(1..=self.world.sales.max(1))) } else { SaleId(0) };
        let ago = |history: &mut History| history.now.after(Micros(-history.dice.i64(0..20_000_000)));
        let from = if some(self) { ago(self) } else { MicrosUtc(0) };
        let to = if some(self) { ago(self) } else { MicrosUtc(0) };
        let limit = if some(self) { PAGE_MAX } else { self.dice.u16(1..5) };
        Scan { before, user, state, sku, sale, from, to, limit }
    }

    /// Mostly for a while: a shop whose users are all blocked tells nothing new.
    fn limit_put(&mut self) -> LimitPut {
        let user = if self.mostly() { self.user() } else { UserId(self.dice.u64(0..3)) };
        let list = UserList::from_number(self.dice.u8(0..3)).expect("three lists");
        let sale_units = if self.dice.bool() { 0 } else { self.dice.u32(0..6) };
        let until = match self.dice.u8(0..8) {
            0 => MicrosUtc(0),
            1 => self.now,
            _ => self.now.after(Micros(self.dice.i64(1..20_000_000))),
        };
        LimitPut { request: self.request(), limit: UserLimit { user, list, sale_units, until } }
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
