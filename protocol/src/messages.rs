//! What each kind's request and answer are made of.

use crate::bounds::{
    AFTERSALES_MAX, BATCH_ITEMS_MAX, CLIENT_BYTES_MAX, COUPON_SKUS_MAX, COUPONS_MAX, EVENT_ITEMS_MAX,
    HISTORY_ROWS_MAX, INVARIANTS_MAX, KINDS_MAX, LINES_MAX, PAGE_MAX, SALE_SKUS_MAX, TRACKED_LINES_MAX,
};
use crate::kind::Kind;
use crate::message::{About, Message, Tail};
use crate::plain::{Nothing, Plain};
use crate::structs::*;

/// Declares a message: its kind, head, items and how many, and where its head keeps the length of its tail.
macro_rules! messages {
    ($($name:ident = $kind:ident $side:ident, $head:ident, $item:ident $least:literal to $most:expr
        $(, tail $tail:ident to $tail_most:expr)?;)+) => {
        $(
            #[doc = concat!("The ", stringify!($side), " of ", stringify!($kind), ".")]
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub enum $name {}

            impl Message for $name {
                type Head = $head;
                type Item = $item;
                const ABOUT: About = About {
                    kind: Kind::$kind,
                    answer: messages!(@is_answer $side),
                    head: &$head::LAYOUT,
                    item: &$item::LAYOUT,
                    items_min: $least,
                    items_max: $most,
                    tail: messages!(@tail $($tail $tail_most)?),
                };
                $(fn tail_bytes(head: &$head) -> usize {
                    usize::from(head.$tail)
                })?
            }
        )+

        /// Every message that there is, by kind, each request before its answer.
        pub const ALL: &[About] = &[$($name::ABOUT),+];
    };
    (@tail) => { None };
    (@tail $field:ident $most:expr) => { Some(Tail { field: stringify!($field), bytes_max: $most }) };
    (@is_answer request) => { false };
    (@is_answer answer) => { true };
}

messages! {
    Hello = Hello request, HelloHead, Nothing 0 to 0;
    HelloAnswer = Hello answer, HelloAnswerHead, KindServed 0 to KINDS_MAX;
    Ping = Ping request, Nothing, Nothing 0 to 0;
    PingAnswer = Ping answer, PingAnswerHead, Nothing 0 to 0;
    Goaway = Goaway request, Nothing, Nothing 0 to 0;
    GoawayAnswer = Goaway answer, GoawayAnswerHead, Nothing 0 to 0;
    Prepare = Prepare request, PrepareHead, AskedLine 1 to LINES_MAX;
    PrepareAnswer = Prepare answer, PrepareAnswerHead, Line 1 to LINES_MAX;
    Create = Create request, CreateHead, AskedLine 1 to LINES_MAX, tail client_bytes to CLIENT_BYTES_MAX;
    CreateAnswer = Create answer, OrderBrief, Nothing 0 to 0;
    Get = Get request, GetHead, Nothing 0 to 0;
    GetAnswer = Get answer, OrderHead, Line 1 to LINES_MAX, tail client_bytes to CLIENT_BYTES_MAX;
    List = List request, ListHead, Nothing 0 to 0;
    ListAnswer = List answer, ListAnswerHead, OrderBrief 0 to PAGE_MAX;
    History = History request, HistoryHead, Nothing 0 to 0;
    HistoryAnswer = History answer, HistoryAnswerHead, HistoryRow 1 to HISTORY_ROWS_MAX;
    Cancel = Cancel request, CancelHead, Nothing 0 to 0;
    CancelAnswer = Cancel answer, OrderBrief, Nothing 0 to 0;
    ConfirmReceipt = ConfirmReceipt request, ConfirmReceiptHead, Nothing 0 to 0;
    ConfirmReceiptAnswer = ConfirmReceipt answer, OrderBrief, Nothing 0 to 0;
    Repair = Repair request, RepairHead, Nothing 0 to 0;
    RepairAnswer = Repair answer, OrderBrief, Nothing 0 to 0;
    StockGet = StockGet request, StockGetHead, Nothing 0 to 0;
    StockGetAnswer = StockGet answer, Shelf, Nothing 0 to 0;
    StockAdjust = StockAdjust request, StockAdjustHead, Nothing 0 to 0;
    StockAdjustAnswer = StockAdjust answer, Shelf, Nothing 0 to 0;
    StockReserve = StockReserve request, StockReserveHead, AskedLine 1 to LINES_MAX;
    StockReserveAnswer = StockReserve answer, HoldBrief, Nothing 0 to 0;
    StockRelease = StockRelease request, EndHoldHead, Nothing 0 to 0;
    StockReleaseAnswer = StockRelease answer, HoldBrief, Nothing 0 to 0;
    StockCommit = StockCommit request, EndHoldHead, Nothing 0 to 0;
    StockCommitAnswer = StockCommit answer, HoldBrief, Nothing 0 to 0;
    StockExtend = StockExtend request, StockExtendHead, Nothing 0 to 0;
    StockExtendAnswer = StockExtend answer, HoldBrief, Nothing 0 to 0;
    StockTransfer = StockTransfer request, StockTransferHead, Nothing 0 to 0;
    StockTransferAnswer = StockTransfer answer, StockTransferAnswerHead, Nothing 0 to 0;
    StockReturn = StockReturn request, StockReturnHead, Nothing 0 to 0;
    StockReturnAnswer = StockReturn answer, Shelf, Nothing 0 to 0;
    PayOpen = PayOpen request, PayOpenHead, Nothing 0 to 0;
    PayOpenAnswer = PayOpen answer, Payment, Nothing 0 to 0;
    PayCallback = PayCallback request, PayCallbackHead, Nothing 0 to 0;
    PayCallbackAnswer = PayCallback answer, Payment, Nothing 0 to 0;
    PayGet = PayGet request, PayGetHead, Nothing 0 to 0;
    PayGetAnswer = PayGet answer, Payment, Nothing 0 to 0;
    PayClose = PayClose request, PayCloseHead, Nothing 0 to 0;
    PayCloseAnswer = PayClose answer, Payment, Nothing 0 to 0;
    Refund = Refund request, RefundHead, Nothing 0 to 0;
    RefundAnswer = Refund answer, Payment, Nothing 0 to 0;
    RefundResult = RefundResult request, RefundResultHead, Nothing 0 to 0;
    RefundResultAnswer = RefundResult answer, Payment, Nothing 0 to 0;
    CouponDefine = CouponDefine request, CouponDefineHead, CouponSku 0 to COUPON_SKUS_MAX;
    CouponDefineAnswer = CouponDefine answer, CouponDefineAnswerHead, Nothing 0 to 0;
    CouponClaim = CouponClaim request, CouponClaimHead, Nothing 0 to 0;
    CouponClaimAnswer = CouponClaim answer, CouponTaken, Nothing 0 to 0;
    CouponCheck = CouponCheck request, CouponCheckHead, AskedLine 1 to LINES_MAX;
    CouponCheckAnswer = CouponCheck answer, CouponCheckAnswerHead, CouponChecked 1 to COUPONS_MAX;
    CouponGet = CouponGet request, CouponGetHead, Nothing 0 to 0;
    CouponGetAnswer = CouponGet answer, CouponGetAnswerHead, CouponSku 0 to COUPON_SKUS_MAX;
    CouponList = CouponList request, CouponListHead, Nothing 0 to 0;
    CouponListAnswer = CouponList answer, PageHead, Coupon 0 to PAGE_MAX;
    Ship = Ship request, ShipHead, SentLine 0 to LINES_MAX;
    ShipAnswer = Ship answer, OrderBrief, Nothing 0 to 0;
    Track = Track request, TrackHead, Nothing 0 to 0;
    TrackAnswer = Track answer, TrackAnswerHead, TrackedLine 0 to TRACKED_LINES_MAX;
    Sign = Sign request, SignHead, Nothing 0 to 0;
    SignAnswer = Sign answer, OrderBrief, Nothing 0 to 0;
    AftersaleOpen = AftersaleOpen request, AftersaleOpenHead, Nothing 0 to 0;
    AftersaleOpenAnswer = AftersaleOpen answer, Aftersale, Nothing 0 to 0;
    AftersaleGet = AftersaleGet request, AftersaleGetHead, Nothing 0 to 0;
    AftersaleGetAnswer = AftersaleGet answer, AftersaleGetAnswerHead, Aftersale 0 to AFTERSALES_MAX;
    AftersaleDecide = AftersaleDecide request, AftersaleDecideHead, Nothing 0 to 0;
    AftersaleDecideAnswer = AftersaleDecide answer, Aftersale, Nothing 0 to 0;
    AftersaleReceive = AftersaleReceive request, AftersaleReceiveHead, Nothing 0 to 0;
    AftersaleReceiveAnswer = AftersaleReceive answer, Aftersale, Nothing 0 to 0;
    SaleGet = SaleGet request, SaleGetHead, Nothing 0 to 0;
    SaleGetAnswer = SaleGet answer, Sale, SaleSku 0 to SALE_SKUS_MAX;
    Subscribe = Subscribe request, SubscribeHead, Nothing 0 to 0;
    SubscribeAnswer = Subscribe answer, SubscribeAnswerHead, Event 0 to EVENT_ITEMS_MAX;
    Ack = Ack request, AckHead, Nothing 0 to 0;
    AckAnswer = Ack answer, AckAnswerHead, Nothing 0 to 0;
    Unsubscribe = Unsubscribe request, UnsubscribeHead, Nothing 0 to 0;
    UnsubscribeAnswer = Unsubscribe answer, UnsubscribeAnswerHead, Nothing 0 to 0;
    DeadLetters = DeadLetters request, DeadLettersHead, Nothing 0 to 0;
    DeadLettersAnswer = DeadLetters answer, DeadLettersAnswerHead, DeadLetter 0 to PAGE_MAX;
    SkuPut = SkuPut request, SkuPutHead, Nothing 0 to 0;
    SkuPutAnswer = SkuPut answer, SkuPutAnswerHead, Nothing 0 to 0;
    SalePut = SalePut request, SalePutHead, SaleSku 0 to SALE_SKUS_MAX;
    SalePutAnswer = SalePut answer, SalePutAnswerHead, Nothing 0 to 0;
    LimitPut = LimitPut request, LimitPutHead, Nothing 0 to 0;
    LimitPutAnswer = LimitPut answer, Nothing, Nothing 0 to 0;
    Switch = Switch request, SwitchHead, Nothing 0 to 0;
    SwitchAnswer = Switch answer, SwitchAnswerHead, Nothing 0 to 0;
    OrdersScan = OrdersScan request, OrdersScanHead, Nothing 0 to 0;
    OrdersScanAnswer = OrdersScan answer, ListAnswerHead, OrderBrief 0 to PAGE_MAX;
    Stats = Stats request, Nothing, Nothing 0 to 0;
    StatsAnswer = Stats answer, StatsHead, Nothing 0 to 0;
    Audit = Audit request, Nothing, Nothing 0 to 0;
    AuditAnswer = Audit answer, AuditHead, Invariant 0 to INVARIANTS_MAX;
    Drain = Drain request, DrainHead, Nothing 0 to 0;
    DrainAnswer = Drain answer, DrainAnswerHead, Nothing 0 to 0;
    SkuGet = SkuGet request, SkuGetHead, Nothing 0 to 0;
    SkuGetAnswer = SkuGet answer, SkuGetAnswerHead, Nothing 0 to 0;
    SkuList = SkuList request, SkuListHead, Nothing 0 to 0;
    SkuListAnswer = SkuList answer, PageHead, Sku 0 to PAGE_MAX;
    SaleList = SaleList request, SaleListHead, Nothing 0 to 0;
    SaleListAnswer = SaleList answer, PageHead, Sale 0 to PAGE_MAX;
    SwitchList = SwitchList request, SwitchListHead, Nothing 0 to 0;
    SwitchListAnswer = SwitchList answer, PageHead, SwitchItem 0 to PAGE_MAX;
    LimitList = LimitList request, LimitListHead, Nothing 0 to 0;
    LimitListAnswer = LimitList answer, PageHead, UserLimit 0 to PAGE_MAX;
    FreightPut = FreightPut request, FreightPutHead, Nothing 0 to 0;
    FreightPutAnswer = FreightPut answer, FreightPutAnswerHead, Nothing 0 to 0;
    FreightList = FreightList request, FreightListHead, Nothing 0 to 0;
    FreightListAnswer = FreightList answer, PageHead, FreightRule 0 to PAGE_MAX;
    Batch = Batch request, Nothing, BatchItem 1 to BATCH_ITEMS_MAX;
    BatchAnswer = Batch answer, Nothing, BatchAnswerItem 1 to BATCH_ITEMS_MAX;
}

// Every message at its longest fits one frame.
const _: () = {
    let mut at = 0;
    while at < ALL.len() {
        assert!(ALL[at].frame_bytes_max() <= crate::bounds::FRAME_BYTES_MAX);
        at += 1;
    }
};
