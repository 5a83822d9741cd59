//! `tidegate admin coupon`: coupons as an operator puts, tries and hands them out.

use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand};
use tidegate_sdk::blocking::Client;
use tidegate_sdk::{Benefit, CouponId, Currency, MicrosUtc, SaleId, SkuId, UserId};

use super::show::{self, Shown};
use super::{Page, amount, currency};
use crate::cli::BadUsage;

#[derive(Debug, Subcommand)]
pub enum CouponAction {
    /// Make a coupon, or replace one
    #[command(after_help = "Example: tidegate admin coupon put 7 --percent 15 --cap 30.00 --currency EUR \
                            --threshold 50.00 --opens 2026-11-27T00:00:00Z --closes 2026-12-01T00:00:00Z \
                            --quota 10000 --user-quota 1")]
    Put(CouponPut),
    /// Show a coupon, how often it was taken, and what a user has of it
    #[command(after_help = "Example: tidegate admin coupon get 7 --user 42")]
    Get {
        coupon: u64,
        /// Whose claims and uses to show, too.
        #[arg(long)]
        user: Option<u64>,
    },
    /// Show coupons by id
    #[command(after_help = "Example: tidegate admin coupon list --after 100")]
    List {
        /// Only coupons above this one.
        #[arg(long, default_value_t = 0)]
        after: u64,
        #[command(flatten)]
        page: Page,
    },
    /// Take a coupon for a user
    #[command(after_help = "Example: tidegate admin coupon claim 7 --user 42")]
    Claim {
        coupon: u64,
        #[arg(long)]
        user: u64,
    },
    /// Show what coupons would do for a basket; nothing is locked
    #[command(after_help = "Example: tidegate admin coupon check 7 9 --user 42 --currency EUR --line 1=2")]
    Check(CouponCheck),
}

#[derive(Debug, Args)]
pub struct CouponPut {
    coupon: u64,
    /// Three letters or the ISO 4217 number.
    #[arg(long, value_parser = currency)]
    currency: Currency,
    /// What it takes off.
    #[arg(long, value_name = "AMOUNT", required_unless_present = "percent", conflicts_with = "percent")]
    amount: Option<String>,
    /// The part that it takes off, up to two digits behind the point.
    #[arg(long, value_parser = basis_points)]
    percent: Option<u16>,
    /// The most that a percentage takes off [default: no cap].
    #[arg(long, value_name = "AMOUNT", requires = "percent")]
    cap: Option<String>,
    /// What the goods in its scope must come to, before any coupon.
    #[arg(long, value_name = "AMOUNT", default_value = "0")]
    threshold: String,
    /// Good for lines of this sku only; once for each sku.
    #[arg(long = "sku")]
    skus: Vec<u64>,
    /// Good for lines that sell in this sale only.
    #[arg(long, conflicts_with = "skus")]
    sale: Option<u32>,
    /// The first instant at which it can be claimed and used, like 2026-11-27T09:00:00Z.
    #[arg(long, value_name = "TIME")]
    opens: MicrosUtc,
    /// The first instant at which it cannot any more.
    #[arg(long, value_name = "TIME")]
    closes: MicrosUtc,
    /// How often it can be claimed (or, without --must-claim, used) over all users; 0: no limit.
    #[arg(long, default_value_t = 0)]
    quota: u64,
    /// How often one user can; 0: no limit.
    #[arg(long, default_value_t = 0)]
    user_quota: u32,
    /// An order has at most one coupon of each group.
    #[arg(long, default_value_t = 0)]
    group: u32,
    /// Coupons of an order are applied by rank, the lowest first.
    #[arg(long, default_value_t = 0)]
    rank: u16,
    /// A user must claim it first; each claim is good for one use.
    #[arg(long)]
    must_claim: bool,
    /// The version that this one replaces; 0: the coupon is new.
    #[arg(long, default_value_t = 0, value_name = "VERSION")]
    replaces: u32,
}

#[derive(Debug, Args)]
pub struct CouponCheck {
    /// One to four.
    #[arg(required = true, num_args = 1..=4)]
    coupons: Vec<u64>,
    #[arg(long)]
    user: u64,
    /// Three letters or the ISO 4217 number.
    #[arg(long, value_parser = currency)]
    currency: Currency,
    /// A sku and how many of it; once for each sku.
    #[arg(long = "line", value_name = "SKU=UNITS", value_parser = sku_and_units, required = true)]
    lines: Vec<(SkuId, u32)>,
}

impl CouponAction {
    pub fn ask(self, client: &Client) -> anyhow::Result<Shown> {
        Ok(match self {
            CouponAction::Put(put) => put.ask(client)?,
            CouponAction::Get { coupon, user } => {
                let get = client.coupon_get(CouponId(coupon)).of_user(UserId(user.unwrap_or(0)));
                show::coupon(&client.wait(get)?)
            }
            CouponAction::List { after, page } => {
                let list = client.coupon_list().after(CouponId(after)).limit(page.limit);
                show::coupons(&client.wait(list)?)
            }
            CouponAction::Claim { coupon, user } => {
                show::coupon_taken(&client.wait(client.coupon_claim(UserId(user), CouponId(coupon)))?)
            }
            CouponAction::Check(check) => {
                let mut request = client.coupon_check(UserId(check.user), check.currency);
                for coupon in check.coupons {
                    request = request.coupon(CouponId(coupon));
                }
                for (sku, units) in check.lines {
                    request = request.line(sku, units);
                }
                show::coupons_checked(&client.wait(request)?, check.currency)
            }
        })
    }
}

impl CouponPut {
    fn ask(self, client: &Client) -> anyhow::Result<Shown> {
        let minor = |text: &str| amount(text, self.currency).map(|money| money.minor_units);
        let benefit = match (&self.amount, self.percent) {
            (Some(text), _) => Benefit::Amount(minor(text)?),
            (None, Some(basis_points)) => {
                let cap = self.cap.as_deref().map_or(Ok(0), minor)?;
                Benefit::Percent { basis_points, cap }
            }
            (None, None) => return Err(BadUsage("name --amount or --percent".into()).into()),
        };
        let coupon = CouponId(self.coupon);
        let mut request = client
            .coupon_define(coupon, self.currency, benefit, self.opens, self.closes)
            .threshold(minor(&self.threshold)?)
            .quota(self.quota)
            .user_quota(self.user_quota)
            .group(self.group)
            .rank(self.rank)
            .replaces(self.replaces);
        for sku in self.skus {
            request = request.sku(SkuId(sku));
        }
        if let Some(sale) = self.sale {
            request = request.sale(SaleId(sale));
        }
        if self.must_claim {
            request = request.must_claim();
        }
        client.wait(request)?;
        Ok(show::coupon(&client.wait(client.coupon_get(coupon))?))
    }
}

/// `15` or `7.25`, in hundredths of a percent.
fn basis_points(text: &str) -> anyhow::Result<u16> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() > 3 || part.len() > 2 || part.is_empty() || !digits(whole) || !digits(part) {
        bail!("{text:?} is no percentage: write it like 15 or 7.25");
    }
    let wrong = || anyhow!("{text:?} is no percentage: write it like 15 or 7.25");
    let whole: u16 = whole.parse().map_err(|_| wrong())?;
    let part: u16 = format!("{part:0<2}").parse().map_err(|_| wrong())?;
    match whole * 100 + part {
        points @ 1..=10_000 => Ok(points),
        _ => bail!("{text:?} is not above 0 and at most 100"),
    }
}

fn sku_and_units(text: &str) -> anyhow::Result<(SkuId, u32)> {
    let (sku, units) = text.split_once('=').context("write it like 17=2")?;
    let sku = sku.parse().with_context(|| format!("{sku:?} is no sku: write it like 17=2"))?;
    Ok((SkuId(sku), units.parse().with_context(|| format!("{units:?} is no number: write it like 17=2"))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_have_two_digits_behind_the_point() {
        let read = |text: &str| basis_points(text).ok();
        assert_eq!([read("15"), read("7.25"), read("0.5"), read("100")], [1_500, 725, 50, 10_000].map(Some));
        assert_eq!([read("0"), read("100.01"), read("1."), read("7.255"), read("-1"), read("")], [None; 6]);
    }
}
