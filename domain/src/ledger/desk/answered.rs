//! Which intents are decided on desks, and where.

use crate::intent::Intent;

/// How an intent is answered by a store that keeps rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// A desk decides it where the rows of its user lie. What is counted over all users may be given from elsewhere.
    ByAShard,
    /// A desk decides it where the catalogue and the counts over all users lie.
    AtHome,
    /// It is read off tables: pages, sums, and cursors, which are one row each.
    FromTables,
}

impl Answered {
    /// How this intent is.
    pub const fn of(intent: &Intent<'_>) -> Answered {
        match intent {
            Intent::Create(_)
            | Intent::Prepare(_)
            | Intent::Cancel(_)
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
            | Intent::CouponClaim(_)
            | Intent::CouponCheck(_)
            | Intent::CouponGet { .. }
            | Intent::CaseOpen(_)
            | Intent::CaseList { .. }
            | Intent::CaseDecide(_)
            | Intent::CaseReceive(_) => Answered::ByAShard,
            Intent::SkuPut(_)
            | Intent::SkuGet(_)
            | Intent::SalePut(_)
            | Intent::FreightPut(_)
            | Intent::StockGet { .. }
            | Intent::StockAdjust(_)
            | Intent::StockTransfer(_)
            | Intent::StockReturn(_)
            | Intent::LimitPut(_)
            | Intent::SwitchPut(_)
            | Intent::CouponDefine(_)
            | Intent::LetterPark(_)
            | Intent::LetterEnd(_) => Answered::AtHome,
            Intent::List(_)
            | Intent::Scan(_)
            | Intent::SkuList { .. }
            | Intent::SaleGet(_)
            | Intent::SaleList { .. }
            | Intent::FreightList { .. }
            | Intent::SwitchList { .. }
            | Intent::LimitList { .. }
            | Intent::CouponList { .. }
            | Intent::LetterList(_)
            | Intent::CursorMove(_)
            | Intent::CursorGet(_)
            | Intent::Holdings => Answered::FromTables,
        }
    }
}
