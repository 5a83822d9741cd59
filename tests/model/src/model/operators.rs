//! What operators put in the way of everybody: switches, and lists of users.

use domain::intent::{LimitPut, Prepare, Sale, SwitchPut};
use domain::limit::{UserLimit, UserList};
use domain::switch::{SWITCHES_MAX, Scope, Stops, Switch};
use domain::{Intent, MicrosUtc, OrderId, PaymentId, Reason, Refusal, SaleId, SkuId, UserId, Verdict};

use super::reads::page;
use super::{Model, Subject};

/// A part of what an intent is about: the line that names it, the sku, and the sale that it sells or sold in.
type Part = (Option<usize>, Option<SkuId>, Option<SaleId>);

impl Model {
    pub(super) fn switch_put(&mut self, now: MicrosUtc, put: &SwitchPut<'_>) -> Result<Subject, Refusal> {
        let SwitchPut { request: _, scope, replaces, stops, note } = *put;
        let standing = self.switches.get(&scope).map_or(0, |switch| switch.version);
        if replaces != standing {
            return Err(Refusal::of(Reason::VersionConflict).with(i64::from(replaces), i64::from(standing)));
        }
        let known = match scope {
            Scope::All => true,
            Scope::Sale(sale) => self.sales.contains_key(&sale),
            Scope::Sku(sku) => self.skus.contains_key(&sku),
        };
        if stops != Stops::default() && !known {
            return Err(Refusal::of(Reason::SkuNotFound));
        }
        if standing == 0 && self.switches.len() == SWITCHES_MAX {
            return Err(Refusal::of(Reason::Overloaded));
        }

        self.switch_changes += 1;
        let version = self.switch_changes;
        if stops == Stops::default() {
            self.switches.remove(&scope);
        } else {
            let note = note.as_str().into();
            self.switches.insert(scope, Switch { scope, stops, version, since: now, note });
        }
        Ok(Subject::Switch { version })
    }

    pub(super) fn switch_list(&self, after: Option<Scope>, limit: u16) -> Verdict {
        let found = self.switches.values().filter(|switch| after.is_none_or(|after| switch.scope > after));
        Verdict::Switches(Box::new(page(found.cloned(), limit)))
    }

    /// What stands in the way of an intent that was not asked before.
    pub(super) fn in_the_way(&self, now: MicrosUtc, intent: &Intent<'_>) -> Result<(), Refusal> {
        let known = intent.request().is_some_and(|key| {
            self.request_in_window(now, key.id).is_err() || self.requests.contains_key(&key)
        });
        if known {
            return Ok(());
        }
        let lines = |lines: &domain::intent::Lines<'_>| -> Vec<Part> {
            let part = |(at, line): (usize, &domain::intent::AskedLine)| {
                let sale = self.sale_speaking(now, line.sku).filter(|_| self.skus.contains_key(&line.sku));
                (Some(at), Some(line.sku), sale.map(|sale| sale.summary.sale.id))
            };
            lines.as_slice().iter().enumerate().map(part).collect()
        };
        let creating: fn(Stops) -> bool = |stops| stops.creating || stops.changing;
        let paying: fn(Stops) -> bool = |stops| stops.paying || stops.changing;
        let changing: fn(Stops) -> bool = |stops| stops.changing;
        let sku = |sku| vec![(None, Some(sku), None)];
        let (stopped, parts) = match intent {
            Intent::Create(create) => (creating, lines(&create.lines)),
            Intent::Prepare(Prepare { lines: basket, .. }) => (creating, lines(basket)),
            Intent::StockReserve(reserve) => (creating, lines(&reserve.lines)),
            Intent::PayOpen(open) => (paying, self.parts_of_order(open.order)),
            Intent::PayClose(close) => (changing, self.parts_of_payment(close.payment)),
            Intent::Refund(refund) => (changing, self.parts_of_payment(refund.payment)),
            Intent::Repair(repair) => (changing, self.parts_of_order(repair.order)),
            Intent::CaseOpen(open) => (changing, self.parts_of_order(open.order)),
            Intent::CaseDecide(decide) => (changing, self.parts_of_order(decide.order)),
            Intent::CaseReceive(receive) => (changing, self.parts_of_order(receive.order)),
            Intent::Ship(ship) => (changing, self.parts_of_order(ship.order)),
            Intent::TrackNote(note) => (changing, self.parts_of_order(note.order)),
            Intent::Sign(sign) => (changing, self.parts_of_order(sign.order)),
            Intent::ConfirmReceipt(confirm) => (changing, self.parts_of_order(confirm.order)),
            Intent::LimitPut(_) => (changing, Vec::new()),
            Intent::SkuPut(put) => (changing, sku(put.sku.id)),
            Intent::SalePut(put) => {
                let skus = put.skus.iter().enumerate().map(|(at, item)| (Some(at), Some(item.sku), None));
                let parts = [(None, None, Some(put.sale.id))].into_iter().chain(skus);
                (changing, parts.collect())
            }
            Intent::CouponDefine(define) => {
                let skus = define.skus.iter().enumerate().map(|(at, sku)| (Some(at), Some(*sku), None));
                let sale = match define.coupon.scope {
                    domain::coupon::CouponScope::Sale(sale) => vec![(None, None, Some(sale))],
                    domain::coupon::CouponScope::All | domain::coupon::CouponScope::Skus => Vec::new(),
                };
                (changing, sale.into_iter().chain(skus).collect())
            }
            Intent::CouponClaim(_) => (changing, Vec::new()),
            Intent::FreightPut(_) => (changing, Vec::new()),
            Intent::StockAdjust(adjust) => (changing, sku(adjust.sku)),
            Intent::StockTransfer(transfer) => (changing, sku(transfer.sku)),
            Intent::StockReturn(back) => (changing, sku(back.sku)),
            Intent::StockCommit(end) => (changing, self.parts_of_hold(end.hold)),
            Intent::StockExtend(extend) => (changing, self.parts_of_hold(extend.hold)),
            Intent::Cancel(_)
            | Intent::StockRelease(_)
            | Intent::PayCallback(_)
            | Intent::RefundResult(_)
            | Intent::SwitchPut(_)
            | Intent::CursorMove(_)
            | Intent::Get { .. }
            | Intent::GetByRequest { .. }
            | Intent::List(_)
            | Intent::History { .. }
            | Intent::SkuGet(_)
            | Intent::SkuList { .. }
            | Intent::SaleGet(_)
            | Intent::SaleList { .. }
            | Intent::FreightList { .. }
            | Intent::StockGet { .. }
            | Intent::PayGet { .. }
            | Intent::SwitchList { .. }
            | Intent::Scan(_)
            | Intent::LimitList { .. }
            | Intent::LetterPark(_)
            | Intent::LetterEnd(_)
            | Intent::LetterList(_)
            | Intent::CursorGet(_)
            | Intent::Track { .. }
            | Intent::CouponCheck(_)
            | Intent::CouponGet { .. }
            | Intent::CouponList { .. }
            | Intent::CaseList { .. }
            | Intent::Holdings => return Ok(()),
        };
        let off = |scope: &Scope| self.switches.get(scope).is_some_and(|switch| stopped(switch.stops));
        let refusal = |scope: Scope| {
            Refusal::of(Reason::SwitchedOff).with(i64::from(scope.number()), scope.id() as i64)
        };
        if off(&Scope::All) {
            return Err(refusal(Scope::All));
        }
        for (line, sku, sale) in parts {
            let scopes = sku.map(Scope::Sku).into_iter().chain(sale.map(Scope::Sale));
            let Some(scope) = scopes.into_iter().find(off) else { continue };
            return Err(line.map_or(refusal(scope), |line| refusal(scope).at_line(line)));
        }
        match newcomer(intent) {
            Some(user) => self.not_blocked(now, user),
            None => Ok(()),
        }
    }

    fn not_blocked(&self, now: MicrosUtc, user: UserId) -> Result<(), Refusal> {
        match self.limit_of(user, now) {
            Some(UserLimit { list: UserList::Blocked, until, .. }) if until.0 == 0 => {
                Err(Refusal::of(Reason::Blocked))
            }
            Some(UserLimit { list: UserList::Blocked, until, .. }) => {
                Err(Refusal::of(Reason::Blocked).with(now.0, until.0))
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn limit_put(&mut self, now: MicrosUtc, put: &LimitPut) -> Result<Subject, Refusal> {
        let limit = put.limit;
        if limit.until.0 != 0 && limit.until <= now {
            return Err(Refusal::of(Reason::InvalidField));
        }
        self.limits.insert(limit.user, limit);
        if limit.list == UserList::Ordinary && limit.sale_units == 0 {
            self.limits.remove(&limit.user);
        }
        Ok(Subject::Limit)
    }

    pub(super) fn limit_list(&self, now: MicrosUtc, after: UserId, limit: u16) -> Verdict {
        let found = self.limits_at(now).filter(|limit| limit.user > after).copied();
        Verdict::Limits(Box::new(page(found, limit)))
    }

    /// What still counts.
    pub(super) fn limits_at(&self, now: MicrosUtc) -> impl Iterator<Item = &UserLimit> {
        self.limits.values().filter(move |limit| limit.until.0 == 0 || limit.until > now)
    }

    fn limit_of(&self, user: UserId, now: MicrosUtc) -> Option<UserLimit> {
        self.limits_at(now).find(|limit| limit.user == user).copied()
    }

    /// A preferred user buys while the sale is still coming.
    pub(super) fn may_be_early(&self, user: UserId, now: MicrosUtc) -> bool {
        self.limit_of(user, now).is_some_and(|limit| limit.list == UserList::Preferred)
    }

    /// Units that a user may take of a sale; 0: no limit.
    pub(super) fn user_limit_of(&self, sale: &Sale, user: UserId, now: MicrosUtc) -> u64 {
        let own = self.limit_of(user, now).map_or(0, |limit| limit.sale_units);
        u64::from(if own == 0 || sale.user_limit_units == 0 { sale.user_limit_units } else { own })
    }

    fn parts_of_order(&self, order: OrderId) -> Vec<Part> {
        let lines = self.orders.get(&order).into_iter().flat_map(|order| &order.view.lines);
        lines.map(|line| (None, Some(line.sku), Some(line.sale).filter(|sale| sale.0 != 0))).collect()
    }

    fn parts_of_payment(&self, payment: PaymentId) -> Vec<Part> {
        let opened = |attempts: usize| (1..=attempts).contains(&usize::from(payment.attempt()));
        let order =
            self.orders.iter().find(|(id, order)| payment.is_of(**id) && opened(order.payments.len()));
        order.map_or(Vec::new(), |(id, _)| self.parts_of_order(*id))
    }

    fn parts_of_hold(&self, hold: u64) -> Vec<Part> {
        let open = self.holds.get(&hold).filter(|it| it.hold.state == domain::hold::HoldState::Open);
        open.into_iter().flat_map(|it| &it.units).map(|units| (None, Some(units.sku), None)).collect()
    }
}

/// Who wants something new: an order, a hold, or more time for one.
fn newcomer(intent: &Intent<'_>) -> Option<UserId> {
    if let Intent::Create(create) = intent {
        return Some(create.user);
    }
    if let Intent::Prepare(prepare) = intent {
        return Some(prepare.user);
    }
    if let Intent::CouponClaim(claim) = intent {
        return Some(claim.user);
    }
    if let Intent::StockReserve(reserve) = intent {
        return Some(reserve.user);
    }
    if let Intent::StockExtend(extend) = intent {
        return Some(extend.user);
    }
    None
}
