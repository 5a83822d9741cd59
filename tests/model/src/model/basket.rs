//! CREATE and PREPARE: a basket judged check by check, each over all lines before the next one starts.

use domain::coupon::{CouponIds, CouponShare};
use domain::fact::{Actor, Line, ShelfUnits};
use domain::hold::HoldState;
use domain::intent::{AskedLine, Create, Prepare, Sku};
use domain::order::State;
use domain::verdict::{HistoryRow, OrderBrief, OrderView, PricedView, SaleSummary};
use domain::{
    Currency, Micros, MicrosUtc, MinorUnits, OrderId, Reason, Refusal, SaleId, UserId, Verdict, WarehouseId,
};

use super::coupons::Priced;
use super::warehouses::parcels;
use super::{Model, OneOrder, Subject};

/// What CREATE and PREPARE have in common.
struct Basket<'a> {
    user: UserId,
    hold: u64,
    coupons: &'a CouponIds,
    currency: Currency,
    /// The total that the buyer was shown; PREPARE shows none.
    shown: Option<MinorUnits>,
    lines: &'a [AskedLine],
}

/// A basket that passed every check.
struct Judged {
    lines: Vec<Line>,
    total: MinorUnits,
    discount: MinorUnits,
    freight: MinorUnits,
    coupons: Vec<CouponShare>,
    hold_seconds: u32,
}

/// How one line sells now.
struct Offer<'a> {
    asked: AskedLine,
    sku: &'a Sku,
    sale: Option<&'a SaleSummary>,
    unit_price: MinorUnits,
}

/// Units of one sale in a basket.
struct SaleUnits<'a> {
    sale: &'a SaleSummary,
    first_line: usize,
    units: u64,
}

impl Model {
    pub(super) fn create(&mut self, now: MicrosUtc, create: &Create<'_>) -> Result<Subject, Refusal> {
        let judged = self.judge(
            now,
            &Basket {
                user: create.user,
                hold: create.hold,
                coupons: &create.coupons,
                currency: create.currency,
                shown: Some(create.total),
                lines: create.lines.as_slice(),
            },
        )?;

        let order = self.next_order_id(now, create.user);
        if create.hold != 0 {
            self.end_hold(create.hold, HoldState::Taken);
        }
        self.hold_units(create.user, &judged.lines);
        let brief = OrderBrief {
            order,
            user: create.user,
            state: State::PendingPayment,
            version: 1,
            total: judged.total,
            currency: create.currency,
            created_at: now,
            pay_until: now.after(Micros::from_seconds(judged.hold_seconds)),
        };
        let view = OrderView {
            brief,
            request: create.request,
            hold: create.hold,
            coupons: judged.coupons,
            discount: judged.discount,
            freight: judged.freight,
            lines: judged.lines,
            client_bytes: create.client_bytes.to_vec(),
        };
        let actor = Actor::User(create.user);
        let made = HistoryRow { from: None, to: State::PendingPayment, at: now, actor, why: 0, version: 1 };
        self.orders.insert(
            order,
            OneOrder {
                view,
                history: vec![made],
                payments: Vec::new(),
                shipments: Vec::new(),
                cases: Vec::new(),
            },
        );
        self.lock_coupons(order);
        if judged.total == MinorUnits::ZERO {
            self.confirm(now, order, actor);
        }
        Ok(Subject::Order(order))
    }

    /// Prices a basket; holds it where it carries a request id. `made` is the hold that it made when it was asked
    /// before.
    pub(super) fn prepare(
        &mut self,
        now: MicrosUtc,
        prepare: &Prepare<'_>,
        made: Option<u64>,
    ) -> Result<(Verdict, Option<Subject>), Refusal> {
        let judged = self.judge(
            now,
            &Basket {
                user: prepare.user,
                hold: made.unwrap_or(0),
                coupons: &prepare.coupons,
                currency: prepare.currency,
                shown: None,
                lines: prepare.lines.as_slice(),
            },
        )?;
        let mut about = made.map(Subject::Hold);
        if let (None, Some(request)) = (made, prepare.hold) {
            let units = judged.lines.iter().map(units_of_line).collect();
            about = Some(self.make_hold(now, prepare.user, request, judged.hold_seconds, units));
        }
        let hold = match about {
            Some(Subject::Hold(hold)) => Some(self.holds[&hold].hold),
            Some(_) | None => None,
        };
        let view = PricedView {
            total: judged.total,
            discount: judged.discount,
            freight: judged.freight,
            hold_seconds: judged.hold_seconds,
            hold: hold.map_or(0, |hold| hold.id),
            hold_until: hold.map_or(MicrosUtc(0), |hold| hold.until),
            lines: judged.lines,
        };
        Ok((Verdict::Priced(Box::new(view)), about))
    }

    fn judge(&self, now: MicrosUtc, basket: &Basket<'_>) -> Result<Judged, Refusal> {
        let offers = self.offers(now, basket.user, basket.lines)?;
        let taken = match basket.hold {
            0 => Vec::new(),
            hold => self.open_hold(now, basket.user, hold)?,
        };
        right_currency(basket.currency, &offers)?;
        let goods = total_of(&offers)?;
        let mut priced: Vec<Priced> = offers.iter().map(Offer::priced).collect();
        // A coupon that does not fit is told behind the limits; a total with it cannot be judged before.
        let coupons = self.discount(now, basket.currency, basket.coupons, &mut priced);
        let discount = MinorUnits(priced.iter().map(|line| line.off as i64).sum());
        let mut lines: Vec<Line> = offers.iter().zip(&priced).map(|(offer, it)| offer.line(it)).collect();
        let mut freight = MinorUnits::ZERO;
        if coupons.is_ok() {
            freight = self.send(basket.currency, &mut lines)?;
        }
        let total =
            MinorUnits(goods.0 - discount.0).plus(freight).ok_or(Refusal::of(Reason::InvalidField))?;
        if let Some(shown) = basket.shown
            && coupons.is_ok()
            && shown != total
        {
            return Err(Refusal::of(Reason::PriceChanged).with(shown.0, total.0));
        }
        self.within_limits(now, basket.user, &units_by_sale(&offers))?;
        let coupons = coupons?;
        self.may_use_all(basket.user, basket.coupons)?;

        let shelves = self.shelves_for(basket.lines, &taken)?;
        let parcels = parcels(&shelves);
        for (line, shelf) in lines.iter_mut().zip(&shelves) {
            line.warehouse = shelf.warehouse;
            line.parcel = parcels.iter().position(|it| *it == shelf.warehouse).unwrap_or(0) as u32;
        }
        let hold_seconds = offers.iter().map(Offer::hold_seconds).min().unwrap_or(0);
        Ok(Judged { lines, total, discount, freight, coupons, hold_seconds })
    }

    /// A basket as its coupons see it.
    pub(super) fn priced(
        &self,
        now: MicrosUtc,
        (user, currency): (UserId, Currency),
        lines: &[AskedLine],
    ) -> Result<Vec<Priced>, Refusal> {
        let offers = self.offers(now, user, lines)?;
        right_currency(currency, &offers)?;
        total_of(&offers)?;
        Ok(offers.iter().map(Offer::priced).collect())
    }

    /// Skus known, then open; then the sale of each open.
    fn offers(&self, now: MicrosUtc, user: UserId, lines: &[AskedLine]) -> Result<Vec<Offer<'_>>, Refusal> {
        let mut offers = Vec::new();
        for (at, &asked) in lines.iter().enumerate() {
            let sku = self.skus.get(&asked.sku).ok_or(Refusal::of(Reason::SkuNotFound).at_line(at))?;
            offers.push(Offer { asked, sku, sale: None, unit_price: sku.unit_price });
        }
        if let Some(at) = offers.iter().position(|offer| !offer.sku.open) {
            return Err(Refusal::of(Reason::SkuClosed).at_line(at));
        }
        for (at, offer) in offers.iter_mut().enumerate() {
            let Some(speaking) = self.sale_speaking(now, offer.sku.id) else { continue };
            let sale = speaking.summary.sale;
            if now < sale.opens && !self.may_be_early(user, now) {
                return Err(Refusal::of(Reason::SaleNotOpen).at_line(at).with(now.0, sale.opens.0));
            }
            if now >= sale.closes {
                return Err(Refusal::of(Reason::SaleEnded).at_line(at).with(now.0, sale.closes.0));
            }
            offer.sale = Some(&speaking.summary);
            offer.unit_price = speaking.prices[&offer.sku.id];
        }
        Ok(offers)
    }

    /// Per-order limits of all sales, then per-user limits of all, then caps of all.
    fn within_limits(&self, now: MicrosUtc, user: UserId, sales: &[SaleUnits<'_>]) -> Result<(), Refusal> {
        let refuse = |reason, of: &SaleUnits<'_>, there: u64| {
            Err(Refusal::of(reason).at_line(of.first_line).with(of.units as i64, there as i64))
        };
        for of in sales {
            let limit = u64::from(of.sale.sale.order_limit_units);
            if limit != 0 && of.units > limit {
                return refuse(Reason::OrderLimit, of, limit);
            }
        }
        for of in sales {
            let limit = self.user_limit_of(&of.sale.sale, user, now);
            let taken = self.taken_by_user.get(&(of.sale.sale.id, user)).copied().unwrap_or(0);
            let left = limit.saturating_sub(taken);
            if limit != 0 && of.units > left {
                return refuse(Reason::UserLimit, of, left);
            }
        }
        for of in sales {
            let cap = of.sale.sale.cap_units;
            let left = cap.saturating_sub(of.sale.taken_units);
            if cap != 0 && of.units > left {
                return refuse(Reason::SaleCap, of, left);
            }
        }
        Ok(())
    }

    /// `(ms, sequence)` only grows; a full millisecond takes the next one.
    pub(super) fn next_order_id(&mut self, now: MicrosUtc, user: UserId) -> OrderId {
        let now_ms = (now.0.div_euclid(1_000) - OrderId::EPOCH_MS).max(0) as u64;
        let (ms, sequence) = match self.last_id {
            Some((ms, sequence)) if ms >= now_ms && sequence + 1 < OrderId::SEQUENCES_PER_MS => {
                (ms, sequence + 1)
            }
            Some((ms, _)) if ms >= now_ms => (ms + 1, 0),
            Some(_) | None => (now_ms, 0),
        };
        self.last_id = Some((ms, sequence));
        OrderId::new(ms, OrderId::slot_of(user), sequence)
    }

    fn hold_units(&mut self, user: UserId, lines: &[Line]) {
        for line in lines {
            let units = line.quantity.units();
            self.shelves.entry((line.sku, line.warehouse)).or_default().held += units;
            if let Some(sale) = self.sales.get_mut(&line.sale) {
                sale.summary.taken_units += units;
                *self.taken_by_user.entry((line.sale, user)).or_default() += units;
            }
        }
    }
}

impl Offer<'_> {
    fn hold_seconds(&self) -> u32 {
        self.sale.map_or(self.sku.hold_seconds, |summary| summary.sale.hold_seconds)
    }

    fn priced(&self) -> Priced {
        Priced {
            sku: self.sku.id,
            sale: self.sale.map_or(SaleId(0), |summary| summary.sale.id),
            goods: i128::from(self.unit_price.0) * i128::from(self.asked.quantity.get()),
            off: 0,
        }
    }

    /// Without freight, before a warehouse is found.
    fn line(&self, priced: &Priced) -> Line {
        Line {
            sku: self.sku.id,
            seller: self.sku.seller,
            warehouse: WarehouseId(0),
            sale: self.sale.map_or(SaleId(0), |summary| summary.sale.id),
            quantity: self.asked.quantity,
            parcel: 0,
            unit_price: self.unit_price,
            discount: MinorUnits(priced.off as i64),
            freight: MinorUnits::ZERO,
        }
    }
}

fn units_of_line(line: &Line) -> ShelfUnits {
    ShelfUnits { sku: line.sku, warehouse: line.warehouse, quantity: line.quantity }
}

fn right_currency(asked: Currency, offers: &[Offer<'_>]) -> Result<(), Refusal> {
    for (at, offer) in offers.iter().enumerate() {
        let there = offer.sku.currency;
        if there != asked {
            let numbers = (i64::from(asked.0), i64::from(there.0));
            return Err(Refusal::of(Reason::CurrencyMismatch).at_line(at).with(numbers.0, numbers.1));
        }
    }
    Ok(())
}

/// The sum of the lines, as it grows. Goods that do not fit are their line's fault; a sum that does not fit is
/// nobody's alone.
fn total_of(offers: &[Offer<'_>]) -> Result<MinorUnits, Refusal> {
    let mut total = MinorUnits::ZERO;
    for (at, offer) in offers.iter().enumerate() {
        let goods = offer.unit_price.times(offer.asked.quantity);
        let goods = goods.ok_or(Refusal::of(Reason::InvalidField).at_line(at))?;
        total = total.plus(goods).ok_or(Refusal::of(Reason::InvalidField))?;
    }
    Ok(total)
}

/// The sales of a basket, in the order of their first lines.
fn units_by_sale<'a>(offers: &[Offer<'a>]) -> Vec<SaleUnits<'a>> {
    let mut sales: Vec<SaleUnits<'a>> = Vec::new();
    for (at, offer) in offers.iter().enumerate() {
        let Some(sale) = offer.sale else { continue };
        let units = offer.asked.quantity.units();
        match sales.iter_mut().find(|of| of.sale.sale.id == sale.sale.id) {
            Some(of) => of.units += units,
            None => sales.push(SaleUnits { sale, first_line: at, units }),
        }
    }
    sales
}
