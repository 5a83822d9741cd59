//! CREATE and PREPARE: what a basket costs, whether it can be had, and the order that it becomes.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use crate::coupon::{COUPONS_MAX, CouponIds, CouponLine, CouponShare};
use crate::fact::{Actor, Fact, Facts, Line, OrderCreated, Request, RequestKey, ShelfUnits, Stamp};
use crate::freight::FreightLine;
use crate::hold::HoldEnd;
use crate::ids::{SaleId, SellerId, TraceId, UserId, WarehouseId};
use crate::intent::{AskedLine, CLIENT_BYTES_MAX, Create, Intent, LINES_MAX, Prepare};
use crate::ledger::Ledger;
use crate::ledger::choice::Server;
use crate::ledger::counts::USER_UNITS_MAX;
use crate::ledger::orders::{NONE, OrderNeeds, Orders, client_cells};
use crate::order::{self, State};
use crate::refusal::{Reason, Refusal};
use crate::request::hash_create;
use crate::sale;
use crate::units::{Currency, Micros, MicrosUtc, MinorUnits};
use crate::verdict::{PricedView, Verdict};

/// Room for one basket on its way, kept between baskets so that nothing is allocated for one.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(super) planned: Vec<Planned>,
    sales: Vec<SaleUnits>,
    lines: Vec<Line>,
    pub(super) units: Vec<ShelfUnits>,
    /// What the hold that is taken over holds.
    pub(super) taken: Vec<ShelfUnits>,
    /// Grows with the largest basket whose warehouses were hard to choose.
    pub(super) servers: Vec<Server>,
    /// What coupons take off each line; empty without coupons.
    pub(super) coupon_lines: Vec<CouponLine>,
    shares: Vec<CouponShare>,
    /// What sending each line costs; empty where nobody takes anything.
    pub(super) freight: Vec<FreightLine>,
}

/// What was found out about a line so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planned {
    pub(super) sku: u32,
    /// The sale that speaks for it; [`NONE`]: none.
    sale: u32,
    sale_id: SaleId,
    pub(super) unit_price: MinorUnits,
    hold_seconds: u32,
    pub(super) seller: SellerId,
    pub(super) warehouse: WarehouseId,
    /// 0, unless the basket leaves from several warehouses.
    pub(super) parcel: u32,
}

/// Units of one sale in the basket.
#[derive(Clone, Copy, Debug)]
struct SaleUnits {
    sale: u32,
    first_line: usize,
    units: u64,
}

/// What CREATE and PREPARE have in common.
#[derive(Clone, Copy, Debug)]
struct Basket<'a> {
    user: UserId,
    currency: Currency,
    lines: &'a [AskedLine],
    /// The hold whose units count as there; 0: none.
    hold: u64,
    coupons: CouponIds,
    /// The total that a CREATE shows.
    shown: Option<MinorUnits>,
}

/// A basket that can be had.
#[derive(Clone, Copy, Debug)]
struct Plan {
    total: MinorUnits,
    discount: MinorUnits,
    freight: MinorUnits,
    hold_seconds: u32,
}

impl Plan {
    #[inline]
    fn pay_until(&self, now: MicrosUtc) -> MicrosUtc {
        now.after(Micros::from_seconds(self.hold_seconds))
    }

    /// Every line is as plain as most are: see [`Orders::pooled_lines`].
    #[inline]
    fn is_plain(&self) -> bool {
        self.discount == MinorUnits::ZERO && self.freight == MinorUnits::ZERO
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Scratch {
            planned: Vec::with_capacity(LINES_MAX),
            sales: Vec::with_capacity(LINES_MAX),
            lines: Vec::with_capacity(LINES_MAX),
            units: Vec::with_capacity(LINES_MAX),
            taken: Vec::with_capacity(LINES_MAX),
            servers: Vec::new(),
            coupon_lines: Vec::with_capacity(LINES_MAX),
            shares: Vec::with_capacity(COUPONS_MAX),
            freight: Vec::new(),
        }
    }
}

/// The scratch where it is while nobody uses it: lending it moves a pointer, not seven vectors.
#[derive(Debug)]
pub(crate) struct Spare(Option<Box<Scratch>>);

impl Default for Spare {
    fn default() -> Self {
        Spare(Some(Box::default()))
    }
}

impl Spare {
    const LENT: &str = "who borrows the scratch gives it back before anybody else runs";

    /// The scratch, until [`Spare::give_back`].
    #[inline]
    pub(super) fn lend(&mut self) -> Box<Scratch> {
        self.0.take().expect(Self::LENT)
    }

    #[inline]
    pub(super) fn give_back(&mut self, scratch: Box<Scratch>) {
        self.0 = Some(scratch);
    }

    /// Empty room for the units of an order; it comes back by [`Spare::put_units_back`].
    pub(super) fn take_units(&mut self) -> Vec<ShelfUnits> {
        let mut units = mem::take(&mut self.0.as_mut().expect(Self::LENT).units);
        units.clear();
        units
    }

    pub(super) fn put_units_back(&mut self, units: Vec<ShelfUnits>) {
        self.0.as_mut().expect(Self::LENT).units = units;
    }
}

impl Ledger {
    /// All or nothing: an order that holds every line, or the first thing that stands against it.
    pub(super) fn create(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        create: &Create<'_>,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        let mut scratch = self.scratch.lend();
        let decided = self.create_with(now, trace, create, facts, &mut scratch);
        self.scratch.give_back(scratch);
        decided
    }

    fn create_with(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        create: &Create<'_>,
        facts: &mut impl Facts,
        scratch: &mut Scratch,
    ) -> Result<Verdict, Refusal> {
        // Looking. Each check runs over all lines before the next one starts.
        judge_fields(create)?;
        let key = RequestKey { who: create.user, id: create.request };
        if let Some(answer) = self.asked_before(now, key, || hash_create(create))? {
            return Ok(answer);
        }
        let asked = create.lines.as_slice();
        let basket = Basket {
            user: create.user,
            currency: create.currency,
            lines: asked,
            hold: create.hold,
            coupons: create.coupons,
            shown: Some(create.total),
        };
        let plan = self.plan(now, &basket, scratch)?;
        self.judge_room_for_order(now, create, &plan, scratch)?;

        // Doing. From here the order stands: no `return`, no `?`, nothing that can fail.
        let order = self.ids.next(now, create.user);
        let request = Request { key, body: hash_create(create) };
        let stamp = Stamp { at: now, actor: Actor::User(create.user), request: Some(request), trace };
        scratch.settle_lines(asked);
        scratch.settle_discounts();
        scratch.settle_freight();
        let created = OrderCreated {
            order,
            user: create.user,
            hold: create.hold,
            currency: create.currency,
            discount: plan.discount,
            freight: plan.freight,
            total: plan.total,
            pay_until: plan.pay_until(now),
            lines: &scratch.lines,
            client_bytes: create.client_bytes,
        };
        let units = scratch.units.as_slice();
        facts.begin(&stamp);
        if create.hold != 0 {
            let (hold, end) = (create.hold, HoldEnd::Taken);
            self.enter(&stamp, &Fact::HoldEnded { hold, end, units: &scratch.taken }, facts);
        }
        self.enter(&stamp, &Fact::OrderCreated(created), facts);
        self.enter(&stamp, &Fact::StockReserved { order, units }, facts);
        let coupons = scratch.shares.as_slice();
        if !coupons.is_empty() {
            self.enter(&stamp, &Fact::CouponLocked { order, coupons }, facts);
        }
        if plan.total == MinorUnits::ZERO {
            self.enter(&stamp, &Fact::StockReduced { order, units }, facts);
            if !coupons.is_empty() {
                self.enter(&stamp, &Fact::CouponUsed { order, coupons }, facts);
            }
            self.enter(&stamp, &Fact::OrderConfirmed { order, version: 2 }, facts);
        }
        facts.end();
        let made = self.orders.newest().expect("an order was made just now");
        Ok(Verdict::Order(self.orders.at(made).brief()))
    }

    /// What CREATE would decide about this basket; with a request id, its units are held for that CREATE.
    pub(super) fn prepare(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        prepare: &Prepare<'_>,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        if prepare.user == UserId(0) {
            return Err(Refusal::of(Reason::InvalidField));
        }
        let mut scratch = Scratch::default();
        let Some(request) = prepare.hold else {
            let plan = self.plan_prepared(now, prepare, 0, &mut scratch)?;
            return Ok(priced(&plan, scratch.lines, 0, MicrosUtc(0)));
        };
        let key = RequestKey { who: prepare.user, id: request };
        let body = Intent::Prepare(*prepare).body_hash();
        match self.asked_before(now, key, || body)? {
            None => {
                let plan = self.plan_prepared(now, prepare, 0, &mut scratch)?;
                let request = Request { key, body };
                let hold = self.make_hold(now, trace, request, plan.hold_seconds, &scratch.units, facts)?;
                Ok(priced(&plan, scratch.lines, hold.id, hold.until))
            }
            Some(Verdict::Hold(hold)) => {
                let plan = self.plan_prepared(now, prepare, hold.id, &mut scratch)?;
                Ok(priced(&plan, scratch.lines, hold.id, hold.until))
            }
            Some(other) => Ok(other), // No other kind has this body; who asks gets what it led to.
        }
    }

    fn plan_prepared(
        &self,
        now: MicrosUtc,
        prepare: &Prepare<'_>,
        hold: u64,
        scratch: &mut Scratch,
    ) -> Result<Plan, Refusal> {
        let lines = prepare.lines.as_slice();
        let Prepare { user, coupons, currency, .. } = *prepare;
        let basket = Basket { user, currency, lines, hold, coupons, shown: None };
        let plan = self.plan(now, &basket, scratch)?;
        scratch.settle_lines(lines);
        scratch.settle_discounts();
        scratch.settle_freight();
        Ok(plan)
    }

    /// Everything between the request id and the bounds, in the order of SPEC. Fills `scratch.planned` and
    /// `scratch.sales`; with coupons, what they take off, too.
    fn plan(&self, now: MicrosUtc, basket: &Basket<'_>, scratch: &mut Scratch) -> Result<Plan, Refusal> {
        self.find_prices(now, basket.user, basket.lines, &mut scratch.planned)?;
        scratch.taken.clear();
        if basket.hold != 0 {
            let slot = self.open_hold(now, basket.user, basket.hold)?;
            scratch.taken.extend(self.holds.units(slot));
        }
        self.judge_currency(basket.currency, &scratch.planned)?;
        let goods = price(basket.lines, &scratch.planned)?;
        let discounted = self.discount(now, basket, scratch);
        // Where the coupons are good for nothing, there is no total to compare with: they are refused below.
        let (mut freight, mut total) = (MinorUnits::ZERO, goods);
        if let Ok(discount) = discounted {
            freight = self.freight(basket.currency, basket.lines, scratch)?;
            total =
                MinorUnits(goods.0 - discount.0).plus(freight).ok_or(Refusal::of(Reason::InvalidField))?;
            if let Some(shown) = basket.shown {
                judge_total(shown, total)?;
            }
        }
        let Scratch { planned, sales, taken, servers, .. } = scratch;
        sum_up_sales(basket.lines, planned, sales);
        self.judge_limits(now, basket.user, sales)?;
        let discount = discounted?;
        if !basket.coupons.is_empty() {
            self.judge_uses(basket.user, &basket.coupons)?;
        }
        self.choose_shelves(basket.lines, planned, taken, servers)?;
        let hold_seconds = planned.iter().map(|line| line.hold_seconds).min();
        let hold_seconds = hold_seconds.expect("a basket has a line");
        Ok(Plan { total, discount, freight, hold_seconds })
    }

    /// What a basket costs before coupons, now. Fills `scratch.planned`.
    pub(super) fn price_lines(
        &self,
        now: MicrosUtc,
        (user, currency): (UserId, Currency),
        asked: &[AskedLine],
        scratch: &mut Scratch,
    ) -> Result<MinorUnits, Refusal> {
        self.find_prices(now, user, asked, &mut scratch.planned)?;
        self.judge_currency(currency, &scratch.planned)?;
        price(asked, &scratch.planned)
    }

    /// Skus known, then open, then their sales.
    #[inline]
    fn find_prices(
        &self,
        now: MicrosUtc,
        user: UserId,
        asked: &[AskedLine],
        planned: &mut Vec<Planned>,
    ) -> Result<(), Refusal> {
        self.find_skus(asked, planned)?;
        self.judge_skus_open(planned)?;
        self.find_sales(now, user, planned)
    }

    /// What the basket's coupons take off; nearly every basket has none.
    #[inline]
    fn discount(
        &self,
        now: MicrosUtc,
        basket: &Basket<'_>,
        scratch: &mut Scratch,
    ) -> Result<MinorUnits, Refusal> {
        scratch.coupon_lines.clear();
        scratch.shares.clear();
        if basket.coupons.is_empty() {
            return Ok(MinorUnits::ZERO);
        }
        scratch.set_coupon_lines(basket.lines);
        let Scratch { coupon_lines, shares, .. } = scratch;
        self.apply_coupons(now, basket.currency, &basket.coupons, coupon_lines, shares)
    }

    /// Skus known.
    #[inline]
    pub(super) fn find_skus(&self, asked: &[AskedLine], planned: &mut Vec<Planned>) -> Result<(), Refusal> {
        planned.clear();
        for (at, line) in asked.iter().enumerate() {
            let Some(slot) = self.goods.find_sku(line.sku) else {
                return Err(Refusal::of(Reason::SkuNotFound).at_line(at));
            };
            let sku = self.goods.sku(slot);
            planned.push(Planned {
                sku: slot,
                sale: NONE,
                sale_id: SaleId(0),
                unit_price: sku.unit_price,
                hold_seconds: sku.hold_seconds,
                seller: sku.seller,
                warehouse: line.warehouse,
                parcel: 0,
            });
        }
        Ok(())
    }

    #[inline]
    fn judge_skus_open(&self, planned: &[Planned]) -> Result<(), Refusal> {
        match planned.iter().position(|line| !self.goods.sku(line.sku).open) {
            Some(at) => Err(Refusal::of(Reason::SkuClosed).at_line(at)),
            None => Ok(()),
        }
    }

    /// The sales that speak for the skus are open (or coming, for a preferred user); they say price and hold time.
    #[inline]
    fn find_sales(&self, now: MicrosUtc, user: UserId, planned: &mut [Planned]) -> Result<(), Refusal> {
        for (at, line) in planned.iter_mut().enumerate() {
            let Some(item) = self.goods.speaking(line.sku, now) else { continue };
            let sale = &self.goods.sale(item.sale).sale;
            if let Err(refusal) = sale::judge_open(sale, now)
                && !(refusal.reason == Reason::SaleNotOpen && self.is_preferred(user, now))
            {
                return Err(refusal.at_line(at));
            }
            (line.sale, line.sale_id) = (item.sale, sale.id);
            (line.unit_price, line.hold_seconds) = (item.unit_price, sale.hold_seconds);
        }
        Ok(())
    }

    #[inline]
    fn judge_currency(&self, asked: Currency, planned: &[Planned]) -> Result<(), Refusal> {
        for (at, line) in planned.iter().enumerate() {
            let there = self.goods.sku(line.sku).currency;
            if there != asked {
                let refusal = Refusal::of(Reason::CurrencyMismatch).at_line(at);
                return Err(refusal.with(i64::from(asked.0), i64::from(there.0)));
            }
        }
        Ok(())
    }

    /// Each limit over all sales before the next limit.
    #[inline]
    fn judge_limits(&self, now: MicrosUtc, user: UserId, sales: &[SaleUnits]) -> Result<(), Refusal> {
        for it in sales {
            sale::judge_order_limit(&self.goods.sale(it.sale).sale, it.units)
                .map_err(|refusal| refusal.at_line(it.first_line))?;
        }
        for it in sales {
            let sale = &self.goods.sale(it.sale).sale;
            let limit = self.user_limit(sale, user, now);
            if limit != 0 {
                sale::judge_user_limit(limit, self.counts.units(sale.id, user), it.units)
                    .map_err(|refusal| refusal.at_line(it.first_line))?;
            }
        }
        for it in sales {
            let row = self.goods.sale(it.sale);
            sale::judge_cap(&row.sale, row.taken_units, it.units)
                .map_err(|refusal| refusal.at_line(it.first_line))?;
        }
        Ok(())
    }

    /// Room for the order, and for its end.
    fn judge_room_for_order(
        &self,
        now: MicrosUtc,
        create: &Create<'_>,
        plan: &Plan,
        scratch: &Scratch,
    ) -> Result<(), Refusal> {
        // Room for its end, and for its first attempt to pay: one that has nothing to pay is confirmed at once.
        let free = create.total == MinorUnits::ZERO;
        let attempts = usize::from(!free);
        let rows = if free {
            1 + order::rows_kept(State::Confirmed, false)
        } else {
            order::rows_kept(State::PendingPayment, false)
        };
        // A hold that is taken over does not end by a request of its own any more.
        let ids_kept = self.kept_ids() + 1 + attempts - usize::from(create.hold != 0);
        let needs = OrderNeeds {
            lines: Orders::pooled_lines(create.lines.as_slice().len(), plan.is_plain()),
            client_cells: client_cells(create.client_bytes.len()),
            history_rows: self.rows_kept + rows,
        };
        let fits = self.orders.has_room(&self.bounds, &needs)
            && self.requests.has_room(&self.bounds, now, (ids_kept + 1, ids_kept))
            && self.payments.has_room(&self.bounds, self.unopened + attempts)
            && self.timers.reaches(now, plan.pay_until(now))
            && self.has_room_for_coupons(create.user, &create.coupons)
            && self.counts.len() + scratch.sales.len() <= self.bounds.user_counts_max
            && scratch.sales.iter().all(|it| {
                let sale = self.goods.sale(it.sale).sale.id;
                self.counts.units(sale, create.user) + it.units <= USER_UNITS_MAX
            });
        if fits { Ok(()) } else { Err(Refusal::of(Reason::Overloaded)) }
    }
}

impl Scratch {
    /// The lines as coupons see them; they are priced.
    pub(super) fn set_coupon_lines(&mut self, asked: &[AskedLine]) {
        self.coupon_lines.clear();
        self.coupon_lines.extend(asked.iter().zip(&self.planned).map(|(line, planned)| {
            let goods = planned.unit_price.times(line.quantity).expect("the basket was priced");
            CouponLine::new(line.sku, planned.sale_id, goods)
        }));
    }

    /// What sending costs, on the lines as decided.
    #[inline]
    fn settle_freight(&mut self) {
        for (line, freight) in self.lines.iter_mut().zip(&self.freight) {
            line.freight = freight.freight;
        }
    }

    /// What coupons take off the lines as decided.
    #[inline]
    fn settle_discounts(&mut self) {
        for (line, coupons) in self.lines.iter_mut().zip(&self.coupon_lines) {
            line.discount = coupons.discount;
        }
    }

    /// The lines as decided, and their units.
    #[inline]
    pub(super) fn settle_lines(&mut self, asked: &[AskedLine]) {
        self.lines.clear();
        self.units.clear();
        for (line, planned) in asked.iter().zip(&self.planned) {
            let (sku, quantity, warehouse) = (line.sku, line.quantity, planned.warehouse);
            self.units.push(ShelfUnits { sku, warehouse, quantity });
            self.lines.push(Line {
                sku,
                seller: planned.seller,
                warehouse,
                sale: planned.sale_id,
                quantity,
                parcel: planned.parcel,
                unit_price: planned.unit_price,
                discount: MinorUnits::ZERO,
                freight: MinorUnits::ZERO,
            });
        }
    }
}

fn priced(plan: &Plan, lines: Vec<Line>, hold: u64, hold_until: MicrosUtc) -> Verdict {
    let Plan { total, discount, freight, hold_seconds } = *plan;
    Verdict::Priced(PricedView { total, discount, freight, hold_seconds, hold, hold_until, lines }.into())
}

/// Fields that the types leave open.
#[inline]
fn judge_fields(create: &Create<'_>) -> Result<(), Refusal> {
    if create.user == UserId(0) || create.total.0 < 0 || create.client_bytes.len() > CLIENT_BYTES_MAX {
        return Err(Refusal::of(Reason::InvalidField));
    }
    Ok(())
}

#[inline]
fn judge_total(shown: MinorUnits, total: MinorUnits) -> Result<(), Refusal> {
    if shown == total { Ok(()) } else { Err(Refusal::of(Reason::PriceChanged).with(shown.0, total.0)) }
}

/// What all lines cost together.
#[inline]
fn price(asked: &[AskedLine], planned: &[Planned]) -> Result<MinorUnits, Refusal> {
    let mut total = MinorUnits::ZERO;
    for (at, (line, planned)) in asked.iter().zip(planned).enumerate() {
        let goods = planned.unit_price.times(line.quantity);
        let goods = goods.ok_or(Refusal::of(Reason::InvalidField).at_line(at))?;
        total = total.plus(goods).ok_or(Refusal::of(Reason::InvalidField))?;
    }
    Ok(total)
}

/// The basket's units of each sale, in the order of their first lines.
#[inline]
fn sum_up_sales(asked: &[AskedLine], planned: &[Planned], sales: &mut Vec<SaleUnits>) {
    sales.clear();
    for (at, (line, planned)) in asked.iter().zip(planned).enumerate() {
        if planned.sale == NONE {
            continue;
        }
        match sales.iter_mut().find(|it| it.sale == planned.sale) {
            Some(it) => it.units += line.quantity.units(),
            None => {
                sales.push(SaleUnits { sale: planned.sale, first_line: at, units: line.quantity.units() });
            }
        }
    }
}
