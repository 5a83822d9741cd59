//! What is for sale in a run, set up over the same wire: skus, their stock, and the sale with its limit.
//!
//! Ids come from the seed, so runs do not meet each other; a run that repeats a seed finds what the earlier one
//! left and makes new versions of it.

use protocol::messages::{
    SaleGet, SaleGetAnswer, SalePut, SalePutAnswer, SkuGet, SkuGetAnswer, SkuPut, SkuPutAnswer, StockAdjust,
    StockAdjustAnswer,
};
use protocol::structs::{SaleGetHead, SalePutHead, SaleSku, SkuGetHead, SkuPutHead, StockAdjustHead};
use protocol::{Message, Status};

use crate::plan::{LoadPlan, Scenario};
use crate::random::mix;
use crate::talk::{Talk, TalkError};

/// All money of a run: euro.
pub(crate) const CURRENCY: u16 = 978;
/// Where all stock of a run lies.
pub(crate) const WAREHOUSE: u32 = 1;
/// STOCK_ADJUST's reason for units that came in.
pub(crate) const RECEIVED: u8 = 1;
const SALE_HOURS: i64 = 48;
/// Units that one user may take in the sale of a flash run, …
const FLASH_USER_LIMIT: u32 = 2;
/// … and in all others, where users buy once.
const USER_LIMIT: u32 = 1_000;

/// What is for sale.
#[derive(Clone, Debug)]
pub(crate) struct Market {
    pub(crate) goods: Vec<OnSale>,
    sale: Option<SalePlan>,
}

/// A sku that is for sale.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnSale {
    pub(crate) sku: u64,
    /// Price of one unit that a buyer is shown now.
    pub(crate) price: i64,
    /// Price outside the sale.
    list_price: i64,
    /// How long an unpaid order keeps its units outside the sale, seconds.
    hold_seconds: u32,
    /// Units to be sellable when the run begins.
    stock: u64,
    /// Of the sku, as the server counts.
    pub(crate) version: u32,
    /// Held and sold before the run.
    pub(crate) units_before: u64,
    sellable_before: u64,
}

#[derive(Clone, Copy, Debug)]
struct SalePlan {
    id: u32,
    user_limit_units: u32,
    hold_seconds: u32,
}

impl Market {
    /// What this plan sells.
    pub(crate) fn planned(plan: &LoadPlan) -> Market {
        if let Scenario::Replay(replay) = &plan.scenario {
            // Id 0 names nothing: no server takes such a sku. Its orders are sent all the same.
            let goods = replay.purchases.goods().iter().map(|goods| {
                let stock = replay.stock.unwrap_or(goods.units);
                OnSale::new(plan, goods.sku, (goods.first_price, goods.first_price), stock)
            });
            return Market { goods: goods.collect(), sale: None };
        }
        let seed = plan.scenario.name().bytes().fold(plan.seed, |seed, byte| mix(seed ^ u64::from(byte)));
        // Twelve digits that end in the sku's number within the run: easy to read, and a million runs apart.
        let base = (1_000_000 + seed % 1_000_000) * 100_000;
        let goods = (1..=u64::from(plan.skus)).map(|number| {
            let list_price = 990 + (mix(seed ^ number) % 400) as i64 * 50;
            let price = if plan.free { 0 } else { list_price / 2 };
            OnSale::new(plan, base + number, (price, list_price), plan.stock)
        });
        let user_limit_units = match plan.scenario {
            Scenario::Flash => FLASH_USER_LIMIT,
            Scenario::Steady if plan.free => 0,
            Scenario::Steady
            | Scenario::SoldOut
            | Scenario::Cart
            | Scenario::Lifecycle(_)
            | Scenario::Mixed(_)
            | Scenario::Replay(_) => USER_LIMIT,
        };
        let id = 1 + (mix(seed) % u64::from(u32::MAX - 1)) as u32;
        Market {
            goods: goods.collect(),
            sale: Some(SalePlan { id, user_limit_units, hold_seconds: plan.hold_seconds }),
        }
    }

    /// Units of all skus that are to be sellable when the run begins.
    pub(crate) fn stock_units(&self) -> u64 {
        self.goods.iter().fold(0, |sum, goods| sum.saturating_add(goods.stock))
    }

    /// Makes the server's catalogue so. What it refuses of values that a file brought stays refused: the orders
    /// will be, too. `tell` is called before each step.
    pub(crate) fn set_up(&mut self, talk: &mut Talk, tell: &mut impl FnMut(&str)) -> Result<(), TalkError> {
        tell("reading what is there");
        self.read(talk)?;
        tell("setting up skus");
        self.put_skus(talk)?;
        tell("setting up stock");
        self.adjust_stock(talk)?;
        if let Some(sale) = self.sale {
            tell("opening the sale");
            self.put_sale(talk, sale)?;
        }
        Ok(())
    }

    fn read(&mut self, talk: &mut Talk) -> Result<(), TalkError> {
        let ids: Vec<u64> = self.goods.iter().map(|goods| goods.sku).collect();
        talk.ask_each::<SkuGet, SkuGetAnswer>(
            ids.len(),
            |at| SkuGetHead { sku: ids[at] },
            |at, answer| {
                match answer {
                    Ok(found) => {
                        let goods = &mut self.goods[at];
                        goods.version = found.head.sku.version;
                        goods.units_before = found.head.stock.held + found.head.stock.sold;
                        goods.sellable_before = found.head.stock.sellable;
                    }
                    Err((Status::SkuNotFound, _)) => (),
                    Err((status, _)) => tolerate::<SkuGet>(status)?,
                }
                Ok(())
            },
        )
    }

    fn put_skus(&mut self, talk: &mut Talk) -> Result<(), TalkError> {
        let heads: Vec<SkuPutHead> =
            self.goods.iter().map(|goods| goods.put_head(talk.new_request_id(), goods.list_price)).collect();
        talk.ask_each::<SkuPut, SkuPutAnswer>(
            heads.len(),
            |at| heads[at],
            |at, answer| match answer {
                Ok(put) => {
                    self.goods[at].version = put.head.version;
                    Ok(())
                }
                Err((status, _)) => tolerate::<SkuPut>(status),
            },
        )
    }

    fn adjust_stock(&mut self, talk: &mut Talk) -> Result<(), TalkError> {
        let wanted =
            self.goods.iter().filter(|goods| goods.stock != goods.sellable_before && goods.version > 0);
        let heads: Vec<StockAdjustHead> =
            wanted.map(|goods| goods.adjust_head(talk.new_request_id())).collect();
        talk.ask_each::<StockAdjust, StockAdjustAnswer>(
            heads.len(),
            |at| heads[at],
            |_, answer| match answer {
                Ok(_) => Ok(()),
                Err((status, _)) => tolerate::<StockAdjust>(status),
            },
        )
    }

    fn put_sale(&self, talk: &mut Talk, sale: SalePlan) -> Result<(), TalkError> {
        let mut replaces = 0;
        talk.ask_each::<SaleGet, SaleGetAnswer>(
            1,
            |_| SaleGetHead { sale: sale.id },
            |_, answer| {
                match answer {
                    Ok(found) => replaces = found.head.version,
                    Err((Status::SkuNotFound, _)) => (),
                    Err((status, _)) => return Err(TalkError::Refused { asked: "SALE_GET", status }),
                }
                Ok(())
            },
        )?;
        let opens = talk.server_time_us() - 1_000_000;
        let head = SalePutHead {
            request: talk.new_request_id(),
            closed_from: opens,
            opens,
            closes: opens + SALE_HOURS * 3_600_000_000,
            cap_units: 0,
            sale: sale.id,
            replaces,
            user_limit_units: sale.user_limit_units,
            order_limit_units: 0,
            hold_seconds: sale.hold_seconds,
        };
        let skus = self.goods.iter().map(|goods| SaleSku { sku: goods.sku, unit_price: goods.price });
        talk.ask_with_items::<SalePut, SalePutAnswer, _>(&head, skus, |_| ())
    }
}

impl OnSale {
    fn new(plan: &LoadPlan, sku: u64, (price, list_price): (i64, i64), stock: u64) -> OnSale {
        OnSale {
            sku,
            price,
            list_price,
            hold_seconds: plan.hold_seconds,
            stock,
            version: 0,
            units_before: 0,
            sellable_before: 0,
        }
    }

    /// Units that are sellable when the run begins; none of a sku that the server did not take.
    pub(crate) fn sellable_at_start(&self) -> u64 {
        if self.version > 0 { self.stock } else { 0 }
    }

    /// This sku at a price, replacing the version that stands.
    pub(crate) fn put_head(&self, request: u128, unit_price: i64) -> SkuPutHead {
        SkuPutHead {
            request,
            sku: self.sku,
            unit_price,
            replaces: self.version,
            seller: 0,
            hold_seconds: self.hold_seconds,
            weight_grams: 0,
            currency: CURRENCY,
            open: true,
        }
    }

    fn adjust_head(&self, request: u128) -> StockAdjustHead {
        // A shelf counts in 64 bits, but one change in 63: what is more is out of every warehouse's reach.
        let clamped = |units: u64| i64::try_from(units).unwrap_or(i64::MAX);
        let delta = clamped(self.stock) - clamped(self.sellable_before);
        const COUNTED: u8 = 2;
        StockAdjustHead {
            request,
            sku: self.sku,
            on_hand_delta: delta,
            safety_delta: 0,
            unavailable_delta: 0,
            warehouse: WAREHOUSE,
            reason: if delta > 0 { RECEIVED } else { COUNTED },
        }
    }
}

/// A value of the file that the shop does not take is the file's matter; anything else is in the way of the run.
fn tolerate<Q: Message>(status: Status) -> Result<(), TalkError> {
    if status == Status::InvalidField {
        return Ok(());
    }
    Err(TalkError::Refused { asked: Q::ABOUT.kind.name(), status })
}
