//! What is read off tables: pages of the catalogue, letters, cursors.

use std::ops::Bound::{Excluded, Included};

use domain::coupon::{Coupon, CouponCounts};
use domain::desk::{Key, Row};
use domain::freight::FreightRule;
use domain::intent::{CursorMove, LetterList, PAGE_MAX, Sale, Sku};
use domain::limit::UserLimit;
use domain::switch::{Scope, Switch};
use domain::verdict::{CouponSummary, LetterPage, Page, SaleSummary, SaleView};
use domain::{
    CouponId, Currency, Intent, MicrosUtc, Reason, Refusal, SaleId, SellerId, SkuId, UserId, Verdict,
};

use super::Catalogue;
use super::sums::{HomeSide, sums};
use crate::links::Links;
use crate::mysql::{CursorMoved, Fault, Lease, forget_cursor, move_cursor, read_cursor, read_letters};
use crate::shelf::ShelfKey;

/// Answers such an intent; nothing, where it is not read off tables of the home.
///
/// # Errors
/// A database's.
pub(super) async fn answer(
    links: &Links,
    catalogue: &Catalogue,
    now: MicrosUtc,
    intent: &Intent<'_>,
) -> Result<Option<Verdict>, Fault> {
    if let Some(limit) = limit_of(intent)
        && !(1..=PAGE_MAX).contains(&limit)
    {
        return Ok(Some(Verdict::Refused(Refusal::of(Reason::InvalidField))));
    }
    let mut lease = links.home().lease().await?;
    catalogue.refresh(&mut lease).await?;
    let verdict = match *intent {
        Intent::SkuList { after, limit } => {
            let keys = (Excluded(Key::Sku(after)), Included(Key::Sku(SkuId(u64::MAX))));
            Verdict::Skus(catalogue.page(keys, limit, sku_of).into())
        }
        Intent::SaleList { after, limit } => {
            let keys = (Excluded(Key::Sale(after)), Included(Key::Sale(SaleId(u32::MAX))));
            let page = catalogue.page(keys, limit, sale_of);
            Verdict::Sales(with_taken(links, &mut lease, page).await?.into())
        }
        Intent::SaleGet(sale) => sale_found(links, catalogue, &mut lease, sale).await?,
        Intent::FreightList { seller, currency, limit } => {
            let last = Key::Freight(SellerId(u32::MAX), Currency(u16::MAX));
            let keys = (Excluded(Key::Freight(seller, currency)), Included(last));
            Verdict::FreightRules(catalogue.page(keys, limit, freight_of).into())
        }
        Intent::SwitchList { after, limit } => {
            let first = after.map_or(Included(Key::Switch(Scope::All)), |after| Excluded(Key::Switch(after)));
            let last = Key::Switch(Scope::Sku(SkuId(u64::MAX)));
            Verdict::Switches(catalogue.page((first, Included(last)), limit, switch_of).into())
        }
        Intent::LimitList { after, limit } => {
            let keys = (Excluded(Key::Limit(after)), Included(Key::Limit(UserId(u64::MAX))));
            let counts = |row: &Row| user_limit_of(row).filter(|limit| limit.counts(now));
            Verdict::Limits(catalogue.page(keys, limit, counts).into())
        }
        Intent::CouponList { after, limit } => {
            let keys = (Excluded(Key::Coupon(after)), Included(Key::Coupon(CouponId(u64::MAX))));
            let page = catalogue.page(keys, limit, coupon_of);
            Verdict::Coupons(with_counts(links, &mut lease, page).await?.into())
        }
        Intent::LetterList(list) => letters(&mut lease, &list).await?,
        Intent::CursorMove(wanted) => moved(&mut lease, &wanted).await?,
        Intent::CursorGet(name) => Verdict::Cursor(read_cursor(&mut lease, name).await?),
        Intent::List(_)
        | Intent::Scan(_)
        | Intent::Holdings
        | Intent::Create(_)
        | Intent::Prepare(_)
        | Intent::Cancel(_)
        | Intent::SkuPut(_)
        | Intent::SkuGet(_)
        | Intent::SalePut(_)
        | Intent::FreightPut(_)
        | Intent::StockGet { .. }
        | Intent::StockAdjust(_)
        | Intent::StockTransfer(_)
        | Intent::StockReturn(_)
        | Intent::StockReserve(_)
        | Intent::StockRelease(_)
        | Intent::StockCommit(_)
        | Intent::StockExtend(_)
        | Intent::Get { .. }
        | Intent::GetByRequest { .. }
        | Intent::History { .. }
        | Intent::PayOpen(_)
        | Intent::PayCallback(_)
        | Intent::PayGet { .. }
        | Intent::PayClose(_)
        | Intent::Refund(_)
        | Intent::RefundResult(_)
        | Intent::Repair(_)
        | Intent::Ship(_)
        | Intent::Track { .. }
        | Intent::TrackNote(_)
        | Intent::Sign(_)
        | Intent::ConfirmReceipt(_)
        | Intent::CouponDefine(_)
        | Intent::CouponClaim(_)
        | Intent::CouponCheck(_)
        | Intent::CouponGet { .. }
        | Intent::LimitPut(_)
        | Intent::SwitchPut(_)
        | Intent::LetterPark(_)
        | Intent::LetterEnd(_)
        | Intent::CaseOpen(_)
        | Intent::CaseList { .. }
        | Intent::CaseDecide(_)
        | Intent::CaseReceive(_) => return Ok(None),
    };
    Ok(Some(verdict))
}

/// Items of a page that somebody asks for.
fn limit_of(intent: &Intent<'_>) -> Option<u16> {
    if let Intent::SkuList { limit, .. }
    | Intent::SaleList { limit, .. }
    | Intent::FreightList { limit, .. }
    | Intent::SwitchList { limit, .. }
    | Intent::LimitList { limit, .. }
    | Intent::CouponList { limit, .. }
    | Intent::LetterList(LetterList { limit, .. }) = intent
    {
        Some(*limit)
    } else {
        None
    }
}

async fn sale_found(
    links: &Links,
    catalogue: &Catalogue,
    home: &mut Lease<'_>,
    sale: SaleId,
) -> Result<Verdict, Fault> {
    let key = (Included(Key::Sale(sale)), Included(Key::Sale(sale)));
    let found = with_taken(links, home, catalogue.page(key, 1, sale_of)).await?.items.pop();
    Ok(match found {
        Some(summary) => Verdict::SaleFound(SaleView { summary, skus: catalogue.skus_of_sale(sale) }.into()),
        None => Verdict::Refused(Refusal::of(Reason::SkuNotFound)),
    })
}

/// Sales with what was taken of each, over all users.
async fn with_taken(
    links: &Links,
    home: &mut Lease<'_>,
    page: Page<Sale>,
) -> Result<Page<SaleSummary>, Fault> {
    let shelves: Vec<ShelfKey> = page.items.iter().map(|sale| ShelfKey::SaleCap(sale.id)).collect();
    let sums = sums(links, &mut HomeSide::Lease(home), &shelves).await?;
    let summary = |(sale, shelf): (Sale, &ShelfKey)| {
        let row = sums.get(shelf).copied().unwrap_or_default().row(*shelf);
        let taken_units = if let Row::Cap(_, units) = row { units } else { 0 };
        SaleSummary { sale, taken_units }
    };
    let items = page.items.into_iter().zip(&shelves).map(summary).collect();
    Ok(Page { items, more: page.more })
}

/// Coupons with how often each was taken, over all users.
async fn with_counts(
    links: &Links,
    home: &mut Lease<'_>,
    page: Page<Coupon>,
) -> Result<Page<CouponSummary>, Fault> {
    let shelves: Vec<ShelfKey> = page.items.iter().map(|coupon| ShelfKey::CouponQuota(coupon.id)).collect();
    let sums = sums(links, &mut HomeSide::Lease(home), &shelves).await?;
    let summary = |(coupon, shelf): (Coupon, &ShelfKey)| {
        let row = sums.get(shelf).copied().unwrap_or_default().row(*shelf);
        let counts = if let Row::Quota(_, counts) = row { counts } else { CouponCounts::default() };
        CouponSummary { coupon, counts }
    };
    let items = page.items.into_iter().zip(&shelves).map(summary).collect();
    Ok(Page { items, more: page.more })
}

async fn letters(home: &mut Lease<'_>, list: &LetterList) -> Result<Verdict, Fault> {
    let LetterList { after, limit } = *list;
    let (mut items, parked) = read_letters(home, after, usize::from(limit) + 1).await?;
    let more = items.len() > usize::from(limit);
    items.truncate(limit.into());
    Ok(Verdict::Letters(LetterPage { items, more, parked }.into()))
}

async fn moved(home: &mut Lease<'_>, wanted: &CursorMove) -> Result<Verdict, Fault> {
    let CursorMove { name, position, forget } = *wanted;
    if forget {
        forget_cursor(home, name).await?;
        return Ok(Verdict::Cursor(0));
    }
    Ok(match move_cursor(home, name, position).await? {
        CursorMoved::Stands(position) => Verdict::Cursor(position),
        CursorMoved::Full => Verdict::Refused(Refusal::of(Reason::Overloaded)),
    })
}

fn sku_of(row: &Row) -> Option<Sku> {
    if let Row::Sku(sku) = row { Some(*sku) } else { None }
}

fn sale_of(row: &Row) -> Option<Sale> {
    if let Row::Sale(sale) = row { Some(*sale) } else { None }
}

fn freight_of(row: &Row) -> Option<FreightRule> {
    if let Row::Freight(rule) = row { Some(*rule) } else { None }
}

fn switch_of(row: &Row) -> Option<Switch> {
    if let Row::Switch(switch) = row { Some(switch.clone()) } else { None }
}

fn coupon_of(row: &Row) -> Option<Coupon> {
    if let Row::Coupon(coupon, _) = row { Some(*coupon) } else { None }
}

fn user_limit_of(row: &Row) -> Option<UserLimit> {
    if let Row::Limit(limit) = row { Some(*limit) } else { None }
}
