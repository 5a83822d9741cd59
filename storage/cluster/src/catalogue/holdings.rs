//! HOLDINGS: everything countable, over all databases, for audits. It reads all that there is, so it takes its time, and
//! it is of one instant only where nothing changes meanwhile.

use std::collections::BTreeMap;

use domain::coupon::CouponCounts;
use domain::desk::Row;
use domain::ledger::OrderBalance;
use domain::payment::Money;
use domain::request::Rules;
use domain::verdict::{
    CouponSummary, Holdings, SaleSummary, ShelfView, digest_case, digest_coupon_user, digest_freight,
    digest_limit, digest_note, digest_order, digest_payment, digest_shipment, digest_switch,
    digest_user_count,
};
use domain::{CouponId, MicrosUtc, MinorUnits, OrderId, RequestId, SaleId, UserId};

use super::Catalogue;
use crate::links::Links;
use crate::mysql::{
    CountKey, CountKind, Fault, FaultKind, Lease, Numbers, OrderRow, Slice, count_requests, counts_behind,
    numbers_behind, orders_behind,
};
use crate::shelf::ShelfKey;

/// Rows of one page.
const PAGE_ROWS: usize = 500;

/// What all databases hold.
///
/// # Errors
/// Any database's: a part of a sum is none. Or a record that makes no sense.
pub(super) async fn holdings(
    links: &Links,
    catalogue: &Catalogue,
    rules: &Rules,
    now: MicrosUtc,
) -> Result<Holdings, Fault> {
    catalogue.refresh(&mut links.home().lease().await?).await?;
    let mut held = Holdings { at: now, ..Holdings::default() };
    let mut sums = BTreeMap::<ShelfKey, Numbers>::new();
    let earliest_ms = now.0.saturating_sub(rules.request_window.0).max(0).div_euclid(1_000);
    let earliest = RequestId((earliest_ms as u128) << 80);
    for (no, database) in links.databases() {
        let slices = links.read_slices(no).await?;
        let mut lease = database.lease().await?;
        add_sums(&mut sums, &mut lease).await?;
        for slice in slices.all() {
            add_orders(&mut held, &mut lease, slice).await?;
        }
        add_user_counts(&mut held, &mut lease).await?;
        held.requests += count_requests(&mut lease, earliest).await?;
    }
    catalogue.each_row(|row| add_row(&mut held, row, &sums));
    Ok(held)
}

async fn add_sums(sums: &mut BTreeMap<ShelfKey, Numbers>, lease: &mut Lease<'_>) -> Result<(), Fault> {
    let mut after = None;
    loop {
        let page = numbers_behind(lease, after, PAGE_ROWS).await?;
        let is_last = page.len() < PAGE_ROWS;
        // By the table's order, which is that of the keys.
        after = page.keys().next_back().copied();
        page.into_iter().for_each(|(shelf, numbers)| sums.entry(shelf).or_default().add(numbers));
        if is_last {
            return Ok(());
        }
    }
}

async fn add_orders(held: &mut Holdings, lease: &mut Lease<'_>, slice: &Slice) -> Result<(), Fault> {
    let mut after = OrderId(0);
    loop {
        let page = orders_behind(lease, slice, after, PAGE_ROWS).await?;
        for row in &page {
            after = row.id;
            add_order(held, row)?;
        }
        if page.len() < PAGE_ROWS {
            return Ok(());
        }
    }
}

fn add_order(held: &mut Holdings, row: &OrderRow) -> Result<(), Fault> {
    let strange = |why: &dyn std::fmt::Debug| {
        Fault::new(FaultKind::Corrupt, format!("the record of order {}: {why:?}", row.id.0))
    };
    let order = OrderBalance::read(&row.record).map_err(|why| strange(&why))?;
    let brief = order.brief;
    if (brief.order, brief.state, brief.version, brief.total) != (row.id, row.state, row.version, row.total) {
        return Err(strange(&brief));
    }
    let state = usize::from(row.state.number()) - 1;
    held.orders[state] += 1;
    held.totals[state] = held.totals[state].wrapping_add(row.total.0);
    add(&mut held.orders_digest, digest_order(row.id, row.user, row.state, row.version, row.total));
    for it in &order.payments {
        let Money { arrived, refunded, refund, refund_amount, .. } = it.money;
        let asked_back = if it.money.is_asked() { refund_amount } else { MinorUnits::ZERO };
        held.payments[usize::from(it.state.number()) - 1] += 1;
        held.arrived = held.arrived.wrapping_add(arrived.0);
        held.refunded = held.refunded.wrapping_add(refunded.0);
        let digest = digest_payment(it.payment, it.state, refund, [arrived, refunded, asked_back]);
        add(&mut held.payments_digest, digest);
    }
    for it in &order.shipments {
        held.shipments += 1;
        let digest = digest_shipment(row.id, it.number, it.at, &it.waybill, &it.units);
        add(&mut held.shipments_digest, digest);
        let note = it.note.map_or(0, |(at, note)| digest_note(row.id, it.number, at, &note));
        add(&mut held.shipments_digest, note);
    }
    for it in &order.cases {
        held.cases += 1;
        add(&mut held.cases_digest, digest_case(&it.case, it.opened_at, it.changed_at));
    }
    Ok(())
}

async fn add_user_counts(held: &mut Holdings, lease: &mut Lease<'_>) -> Result<(), Fault> {
    let mut after = None;
    // The three counts of a user's coupon are three rows, with those of his other coupons between them.
    let mut of_user = (UserId(0), BTreeMap::<CouponId, CouponCounts>::new());
    loop {
        let page = counts_behind(lease, after, PAGE_ROWS).await?;
        for (key, units) in &page {
            after = Some(*key);
            if key.user != of_user.0 {
                add_coupons(held, std::mem::replace(&mut of_user, (key.user, BTreeMap::new())));
            }
            add_user_count(held, *key, *units, &mut of_user.1)?;
        }
        if page.len() < PAGE_ROWS {
            add_coupons(held, of_user);
            return Ok(());
        }
    }
}

fn add_user_count(
    held: &mut Holdings,
    key: CountKey,
    units: u64,
    coupons: &mut BTreeMap<CouponId, CouponCounts>,
) -> Result<(), Fault> {
    let CountKey { user, kind, subject } = key;
    if units == 0 {
        return Ok(());
    }
    match kind {
        CountKind::SaleUnits => {
            let sale = u32::try_from(subject)
                .map_err(|_| Fault::new(FaultKind::Corrupt, format!("a count is of sale {subject}")))?;
            held.user_counts += 1;
            add(&mut held.user_counts_digest, digest_user_count(SaleId(sale), user, units));
        }
        CountKind::CouponClaimed => coupons.entry(CouponId(subject)).or_default().claimed = units,
        CountKind::CouponLocked => coupons.entry(CouponId(subject)).or_default().locked = units,
        CountKind::CouponUsed => coupons.entry(CouponId(subject)).or_default().used = units,
    }
    Ok(())
}

fn add_coupons(held: &mut Holdings, (user, coupons): (UserId, BTreeMap<CouponId, CouponCounts>)) {
    for (coupon, counts) in coupons {
        held.coupon_users += 1;
        add(&mut held.coupon_users_digest, digest_coupon_user(coupon, user, &counts));
    }
}

/// What the catalogue has, with the sums of what it names.
fn add_row(held: &mut Holdings, row: &Row, sums: &BTreeMap<ShelfKey, Numbers>) {
    let sum = |shelf: ShelfKey| sums.get(&shelf).copied().unwrap_or_default().row(shelf);
    match row {
        Row::Shelf(sku, warehouse, _) => {
            if let Row::Shelf(sku, warehouse, shelf) = sum(ShelfKey::Stock(*sku, *warehouse)) {
                held.shelves.push(ShelfView {
                    sku,
                    warehouse,
                    on_hand: shelf.on_hand,
                    held: shelf.held,
                    safety: shelf.safety,
                    unavailable: shelf.unavailable,
                    sold: shelf.sold,
                    sellable: shelf.sellable(),
                });
            }
        }
        Row::Sale(sale) => {
            let units = if let Row::Cap(_, units) = sum(ShelfKey::SaleCap(sale.id)) { units } else { 0 };
            held.sales.push(SaleSummary { sale: *sale, taken_units: units });
        }
        Row::Coupon(coupon, _) => {
            let counts = sum(ShelfKey::CouponQuota(coupon.id));
            let counts = if let Row::Quota(_, counts) = counts { counts } else { CouponCounts::default() };
            held.coupons.push(CouponSummary { coupon: *coupon, counts });
        }
        Row::Freight(rule) => {
            held.freight_rules += 1;
            add(&mut held.freight_digest, digest_freight(rule));
        }
        Row::Limit(limit) if limit.counts(held.at) => {
            held.limits += 1;
            add(&mut held.limits_digest, digest_limit(limit));
        }
        Row::Switch(switch) => {
            held.switches += 1;
            add(&mut held.switches_digest, digest_switch(switch));
        }
        Row::Limit(_)
        | Row::Sku(_)
        | Row::Place(_)
        | Row::SwitchVersion(_)
        | Row::Cap(..)
        | Row::Quota(..)
        | Row::Request(..)
        | Row::Order(..)
        | Row::Count(..)
        | Row::CouponUser(..)
        | Row::Hold(_)
        | Row::FailedRefunds(..)
        | Row::Making(..)
        | Row::Letter(..)
        | Row::Letters(_) => (),
    }
}

fn add(sum: &mut u64, digest: u64) {
    *sum = sum.wrapping_add(digest);
}
