//! Which way an intent goes, all of them in one table.

use domain::intent::List;
use domain::{Intent, UserId};

/// How a node answers an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// CREATE: by Redis and the user's shard.
    Create,
    /// What becomes of an order, in its shard.
    Change,
    /// What a user has, read and judged on a desk.
    Read(UserId),
    /// A page of a user's orders.
    List(List),
    /// Where the catalogue lies.
    Home,
    /// Not yet in a cluster.
    NotServed,
}

impl Way {
    pub const fn of(intent: &Intent<'_>) -> Way {
        match *intent {
            Intent::Create(_) => Way::Create,
            Intent::Cancel(_)
            | Intent::ConfirmReceipt(_)
            | Intent::PayOpen(_)
            | Intent::PayCallback(_)
            | Intent::PayClose(_)
            | Intent::Refund(_)
            | Intent::RefundResult(_)
            | Intent::Repair(_)
            | Intent::Ship(_)
            | Intent::TrackNote(_)
            | Intent::Sign(_)
            | Intent::CaseOpen(_)
            | Intent::CaseDecide(_)
            | Intent::CaseReceive(_) => Way::Change,
            Intent::Get { user, .. }
            | Intent::GetByRequest { user, .. }
            | Intent::History { user, .. }
            | Intent::Track { user, .. }
            | Intent::CaseList { user, .. }
            | Intent::PayGet { user, .. }
            | Intent::CouponGet { user, .. } => Way::Read(user),
            Intent::CouponCheck(check) => Way::Read(check.user),
            Intent::Prepare(prepare) if prepare.hold.is_none() => Way::Read(prepare.user),
            Intent::List(list) => Way::List(list),
            // Units set aside without an order, claims, and pages over all users.
            Intent::Prepare(_)
            | Intent::StockReserve(_)
            | Intent::StockRelease(_)
            | Intent::StockCommit(_)
            | Intent::StockExtend(_)
            | Intent::CouponClaim(_)
            | Intent::Scan(_) => Way::NotServed,
            Intent::SkuPut(_)
            | Intent::SkuGet(_)
            | Intent::SkuList { .. }
            | Intent::SalePut(_)
            | Intent::SaleGet(_)
            | Intent::SaleList { .. }
            | Intent::FreightPut(_)
            | Intent::FreightList { .. }
            | Intent::StockGet { .. }
            | Intent::StockAdjust(_)
            | Intent::StockTransfer(_)
            | Intent::StockReturn(_)
            | Intent::LimitPut(_)
            | Intent::LimitList { .. }
            | Intent::SwitchPut(_)
            | Intent::SwitchList { .. }
            | Intent::CouponDefine(_)
            | Intent::CouponList { .. }
            | Intent::LetterPark(_)
            | Intent::LetterEnd(_)
            | Intent::LetterList(_)
            | Intent::CursorMove(_)
            | Intent::CursorGet(_)
            | Intent::Holdings => Way::Home,
        }
    }
}
