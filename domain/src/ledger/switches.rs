//! Switches: what operators stopped. What each intent does and names, in their eyes, is in `guards.rs`.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::ops::Bound;

use alloc::vec::Vec;

use crate::fact::{Fact, Facts, RequestKey, Stamp};
use crate::ids::{TraceId, UserId};
use crate::image::Flat;
use crate::intent::{Intent, PAGE_MAX, SwitchPut};
use crate::ledger::guards::Part;
use crate::ledger::image::{ImageFault, ImagePart, Reading, put_many, put_text};
use crate::ledger::requests::Subject;
use crate::ledger::{Ledger, by_operator};
use crate::refusal::{Reason, Refusal};
use crate::switch::{Deed, Note, SWITCHES_MAX, Scope, Stops, Switch};
use crate::table::Imaged;
use crate::units::MicrosUtc;
use crate::verdict::{Page, Verdict, digest_switch};

/// All switches that are set; at most [`SWITCHES_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Switches {
    set: BTreeMap<Scope, Switch>,
    /// Of the last change of any.
    version: u32,
}

impl Switches {
    pub(crate) fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.set.len()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Switch> {
        self.set.values()
    }

    /// How often any was changed.
    pub(crate) fn changes(&self) -> u32 {
        self.version
    }

    pub(crate) fn digest(&self) -> u64 {
        self.set.values().fold(0, |sum, switch| sum.wrapping_add(digest_switch(switch)))
    }

    /// The switch that is set for a scope.
    pub(crate) fn row(&self, scope: Scope) -> Option<&Switch> {
        self.set.get(&scope)
    }

    /// Number of the last change of any.
    pub(crate) fn version(&self) -> u32 {
        self.version
    }

    /// This was the number of the last change of any.
    pub(crate) fn set_version(&mut self, version: u32) {
        self.version = version;
    }

    /// This is set, whatever was.
    pub(crate) fn lay(&mut self, switch: Switch) {
        self.set.insert(switch.scope, switch);
    }

    fn stops(&self, scope: Scope, deed: Deed) -> bool {
        self.set.get(&scope).is_some_and(|switch| switch.stops.stop(deed))
    }

    /// The whole shop first, then the parts in their order, of each the sku before the sale.
    pub(super) fn judge(&self, deed: Deed, parts: impl Iterator<Item = Part>) -> Result<(), Refusal> {
        let off = |scope: Scope| {
            let there = scope.id() as i64; // Ids are u64: whoever reads it casts it back.
            Refusal::of(Reason::SwitchedOff).with(i64::from(scope.number()), there)
        };
        if self.is_empty() {
            return Ok(());
        }
        if self.stops(Scope::All, deed) {
            return Err(off(Scope::All));
        }
        for Part { line, sku, sale } in parts {
            let scopes = [sku.map(Scope::Sku), sale.map(Scope::Sale)];
            if let Some(scope) = scopes.into_iter().flatten().find(|&scope| self.stops(scope, deed)) {
                let refusal = off(scope);
                return Err(line.map_or(refusal, |line| refusal.at_line(line)));
            }
        }
        Ok(())
    }
}

/// All of it is small.
impl ImagePart for Switches {
    fn put_head(&self, out: &mut Vec<u8>) {
        self.version.put(out);
        let rows = self.set.values().map(|it| (it.scope, (it.stops, (it.version, it.since))));
        put_many(rows, out);
        self.set.values().for_each(|switch| put_text(&switch.note, out));
    }

    fn take_head(&mut self, from: &mut Reading<'_>) -> Result<(), ImageFault> {
        self.version = from.one()?;
        for switch in from.many(("switches", SWITCHES_MAX))? {
            let (scope, (stops, (version, since))) = switch?;
            self.set.insert(scope, Switch { scope, stops, version, since, note: Box::default() });
        }
        for switch in self.set.values_mut() {
            switch.note = from.text()?;
        }
        Ok(())
    }

    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Imaged)> {
        Vec::new()
    }
}

impl Ledger {
    pub(super) fn put_switch(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        put: &SwitchPut<'_>,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        let SwitchPut { request, scope, replaces, stops, note } = *put;
        if replaces == 0 && !stops.any() {
            return Err(Refusal::of(Reason::InvalidField));
        }
        let key = RequestKey { who: UserId(0), id: request };
        let body = Intent::SwitchPut(*put).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        let there = self.switches.set.get(&scope).map_or(0, |switch| switch.version);
        if replaces != there {
            return Err(Refusal::of(Reason::VersionConflict).with(i64::from(replaces), i64::from(there)));
        }
        if stops.any() {
            self.judge_scope_known(scope)?;
        }
        if there == 0 && self.switches.len() >= SWITCHES_MAX {
            return Err(Refusal::of(Reason::Overloaded));
        }
        let version = self.switches.version.checked_add(1).ok_or(Refusal::of(Reason::InvalidField))?;
        self.judge_room_for_change(now)?;

        // Doing.
        let fact = Fact::SwitchChanged { scope, stops, version, note };
        self.enter_one(&by_operator(now, trace, key, body), &fact, facts);
        Ok(Verdict::Switched { version })
    }

    pub(super) fn list_switches(&self, after: Option<Scope>, limit: u16) -> Result<Verdict, Refusal> {
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(Refusal::of(Reason::InvalidField));
        }
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut behind = self.switches.set.range((from, Bound::Unbounded)).map(|(_, switch)| switch.clone());
        let items = behind.by_ref().take(usize::from(limit)).collect();
        Ok(Verdict::Switches(Page { items, more: behind.next().is_some() }.into()))
    }

    pub(super) fn switch_changed(
        &mut self,
        stamp: &Stamp,
        (scope, stops): (Scope, Stops),
        version: u32,
        note: Note<'_>,
    ) {
        self.switches.version = version;
        if stops.any() {
            let switch = Switch { scope, stops, version, since: stamp.at, note: note.as_str().into() };
            self.switches.set.insert(scope, switch);
        } else {
            self.switches.set.remove(&scope);
        }
        self.remember(stamp, Subject::Switch { version });
    }

    fn judge_scope_known(&self, scope: Scope) -> Result<(), Refusal> {
        let known = match scope {
            Scope::All => true,
            Scope::Sale(sale) => self.goods.find_sale(sale).is_some(),
            Scope::Sku(sku) => self.goods.find_sku(sku).is_some(),
        };
        if known { Ok(()) } else { Err(Refusal::of(Reason::SkuNotFound)) }
    }
}
