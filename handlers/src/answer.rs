//! What the store answered, as frames.

use domain::order::State;
use domain::payment::{PaymentState, RefundState};
use domain::verdict::{HistoryView, OrderBrief, PaymentBrief};
use domain::{Reason, Refusal, Verdict};
use protocol::bounds::HISTORY_ROWS_MAX;
use protocol::structs::{
    AckAnswerHead, Aftersale, AftersaleGetAnswerHead, BatchAnswerItem, DeadLettersAnswerHead,
    FreightPutAnswerHead, HistoryAnswerHead, ListAnswerHead, PageHead, SalePutAnswerHead, SkuPutAnswerHead,
    SwitchAnswerHead, TrackAnswerHead,
};
use protocol::{Flags, Kind, Meta, Nothing, Status, messages};
use storage::Outcome;

use crate::aftersale::case_to_wire;
use crate::catalogue::{sale_sku_to_wire, sale_to_wire, shelf_to_wire, sku_to_wire, sku_view_to_wire};
use crate::coupon;
use crate::create::{brief_to_wire, line_to_wire, priced_to_wire};
use crate::freight::rule_to_wire;
use crate::guards::{limit_to_wire, switch_to_wire};
use crate::letters::letter_to_wire;
use crate::outlet::Outlet;
use crate::payment::payment_to_wire;
use crate::pen::{Pen, To, refused_item};
use crate::reads::{order_to_wire, row_to_wire};
use crate::refused::{Refused, from_not_decided, from_refusal};
use crate::shipment::tracked_to_wire;
use crate::stock::{hold_to_wire, transfer_to_wire};

/// Writes the answer to a request of this kind.
pub(crate) fn write_outcome(
    pen: &mut Pen,
    to: &mut To<'_, impl Outlet>,
    meta: &Meta,
    kind: Kind,
    outcome: &Outcome,
) {
    match outcome {
        Ok(verdict) => write_verdict(pen, to, meta, kind, verdict),
        Err(why) => pen.refuse(to, meta, kind.into(), &from_not_decided(*why)),
    }
}

fn write_verdict(pen: &mut Pen, to: &mut To<'_, impl Outlet>, meta: &Meta, kind: Kind, verdict: &Verdict) {
    match verdict {
        Verdict::Refused(refusal) => {
            let refused = from_refusal(refusal, to.retry_after_ms);
            pen.refuse(to, meta, kind.into(), &refused);
        }
        Verdict::Order(brief) => write_order(pen, to, meta, kind, brief),
        Verdict::Case(view) => write_case(pen, to, meta, kind, &case_to_wire(view)),
        Verdict::Cases(view) => {
            let head = AftersaleGetAnswerHead { brief: brief_to_wire(&view.order) };
            let items = view.cases.iter().map(case_to_wire);
            pen.answer_read::<messages::AftersaleGetAnswer>(to, meta, &head, items, &[]);
        }
        Verdict::Shipments(view) => {
            let head = TrackAnswerHead { brief: brief_to_wire(&view.order) };
            pen.answer_read::<messages::TrackAnswer>(to, meta, &head, tracked_to_wire(view), &[]);
        }
        Verdict::Shelf(shelf) if kind == Kind::StockAdjust => {
            pen.answer::<messages::StockAdjustAnswer>(to, meta, &shelf_to_wire(shelf), [], &[]);
        }
        Verdict::Shelf(shelf) if kind == Kind::StockReturn => {
            pen.answer::<messages::StockReturnAnswer>(to, meta, &shelf_to_wire(shelf), [], &[]);
        }
        Verdict::Hold(hold) if kind == Kind::StockRelease => {
            pen.answer::<messages::StockReleaseAnswer>(to, meta, &hold_to_wire(hold), [], &[]);
        }
        Verdict::Hold(hold) if kind == Kind::StockCommit => {
            pen.answer::<messages::StockCommitAnswer>(to, meta, &hold_to_wire(hold), [], &[]);
        }
        Verdict::Hold(hold) if kind == Kind::StockExtend => {
            pen.answer::<messages::StockExtendAnswer>(to, meta, &hold_to_wire(hold), [], &[]);
        }
        Verdict::Hold(hold) => {
            pen.answer::<messages::StockReserveAnswer>(to, meta, &hold_to_wire(hold), [], &[]);
        }
        Verdict::Transferred(view) => {
            pen.answer::<messages::StockTransferAnswer>(to, meta, &transfer_to_wire(view), [], &[]);
        }
        Verdict::Shelf(shelf) => {
            pen.answer::<messages::StockGetAnswer>(to, meta, &shelf_to_wire(shelf), [], &[]);
        }
        Verdict::Sku { sku, version } => {
            let head = SkuPutAnswerHead { sku: sku.0, version: *version };
            pen.answer::<messages::SkuPutAnswer>(to, meta, &head, [], &[]);
        }
        Verdict::Sale { sale, version } => {
            let head = SalePutAnswerHead { sale: sale.0, version: *version };
            pen.answer::<messages::SalePutAnswer>(to, meta, &head, [], &[]);
        }
        Verdict::Priced(view) => {
            let lines = view.lines.iter().map(line_to_wire);
            pen.answer_read::<messages::PrepareAnswer>(to, meta, &priced_to_wire(view), lines, &[]);
        }
        Verdict::OrderFound(view) => {
            let lines = view.lines.iter().map(line_to_wire);
            pen.answer_read::<messages::GetAnswer>(to, meta, &order_to_wire(view), lines, &view.client_bytes);
        }
        Verdict::Orders(page) if kind == Kind::OrdersScan => {
            let head = ListAnswerHead { next: page.next.0 };
            let orders = page.items.iter().map(brief_to_wire);
            pen.answer_read::<messages::OrdersScanAnswer>(to, meta, &head, orders, &[]);
        }
        Verdict::Orders(page) => {
            let head = ListAnswerHead { next: page.next.0 };
            pen.answer_read::<messages::ListAnswer>(
                to,
                meta,
                &head,
                page.items.iter().map(brief_to_wire),
                &[],
            );
        }
        Verdict::History(view) => write_history(pen, to, meta, view),
        Verdict::SkuFound(view) => {
            pen.answer_read::<messages::SkuGetAnswer>(to, meta, &sku_view_to_wire(view), [], &[]);
        }
        Verdict::Skus(page) => {
            let head = PageHead { more: page.more };
            pen.answer_read::<messages::SkuListAnswer>(
                to,
                meta,
                &head,
                page.items.iter().map(sku_to_wire),
                &[],
            );
        }
        Verdict::SaleFound(view) => {
            let skus = view.skus.iter().map(sale_sku_to_wire);
            pen.answer_read::<messages::SaleGetAnswer>(to, meta, &sale_to_wire(&view.summary), skus, &[]);
        }
        Verdict::Sales(page) => {
            let head = PageHead { more: page.more };
            let sales = page.items.iter().map(sale_to_wire);
            pen.answer_read::<messages::SaleListAnswer>(to, meta, &head, sales, &[]);
        }
        Verdict::Limited => pen.answer::<messages::LimitPutAnswer>(to, meta, &Nothing, [], &[]),
        Verdict::Limits(page) => {
            let head = PageHead { more: page.more };
            let limits = page.items.iter().map(limit_to_wire);
            pen.answer_read::<messages::LimitListAnswer>(to, meta, &head, limits, &[]);
        }
        Verdict::Switched { version } => {
            let head = SwitchAnswerHead { version: *version };
            pen.answer::<messages::SwitchAnswer>(to, meta, &head, [], &[]);
        }
        Verdict::Switches(page) => {
            let head = PageHead { more: page.more };
            let switches = page.items.iter().map(switch_to_wire);
            pen.answer_read::<messages::SwitchListAnswer>(to, meta, &head, switches, &[]);
        }
        Verdict::Freight { seller, currency, version } => {
            let (seller, currency, version) = (seller.0, currency.0, *version);
            let head = FreightPutAnswerHead { seller, version, currency };
            pen.answer::<messages::FreightPutAnswer>(to, meta, &head, [], &[]);
        }
        Verdict::FreightRules(page) => {
            let head = PageHead { more: page.more };
            let rules = page.items.iter().map(rule_to_wire);
            pen.answer_read::<messages::FreightListAnswer>(to, meta, &head, rules, &[]);
        }
        Verdict::Cursor(position) => {
            let head = AckAnswerHead { position: *position };
            pen.answer::<messages::AckAnswer>(to, meta, &head, [], &[]);
        }
        Verdict::Payment(brief) => write_payment(pen, to, meta, kind, brief),
        Verdict::Mismatched(brief) if brief.refunded > brief.arrived => {
            let (payment, order) = (brief.payment.0, brief.order.0);
            let (refunded, arrived) = (brief.refunded.0, brief.arrived.0);
            tracing::warn!(payment, order, refunded, arrived, "more went back than came: settle it by hand");
            let beyond = Refusal::of(Reason::AmountMismatch).with(refunded, arrived);
            pen.refuse(to, meta, kind.into(), &from_refusal(&beyond, 0));
        }
        Verdict::Mismatched(brief) => {
            // It is recorded, and it is not what was asked for: the gateway is told so, and so are people.
            let (payment, order) = (brief.payment.0, brief.order.0);
            let (arrived, wanted) = (brief.arrived.0, brief.amount.0);
            tracing::warn!(
                payment,
                order,
                arrived,
                wanted,
                "other money came than was asked for, or once more: refund or settle it"
            );
            let mismatch = Refusal::of(Reason::AmountMismatch).with(brief.arrived.0, brief.amount.0);
            pen.refuse(to, meta, kind.into(), &from_refusal(&mismatch, 0));
        }
        Verdict::LettersParked(parked) => {
            let head = DeadLettersAnswerHead { parked: *parked, more: false };
            pen.answer::<messages::DeadLettersAnswer>(to, meta, &head, [], &[]);
        }
        Verdict::Letters(page) => {
            let head = DeadLettersAnswerHead { parked: page.parked, more: page.more };
            let items = page.items.iter().map(letter_to_wire);
            pen.answer_read::<messages::DeadLettersAnswer>(to, meta, &head, items, &[]);
        }
        Verdict::Coupon { .. }
        | Verdict::CouponTaken(_)
        | Verdict::CouponsChecked(_)
        | Verdict::CouponFound(_)
        | Verdict::Coupons(_) => coupon::write(pen, to, meta, verdict),
        Verdict::Holdings(_) => pen.refuse(to, meta, kind.into(), &out_of_place(kind)),
    }
}

/// Three kinds are answered with the same words.
fn write_case(pen: &mut Pen, to: &mut To<'_, impl Outlet>, meta: &Meta, kind: Kind, case: &Aftersale) {
    if kind == Kind::AftersaleDecide {
        pen.answer::<messages::AftersaleDecideAnswer>(to, meta, case, [], &[]);
    } else if kind == Kind::AftersaleReceive {
        pen.answer::<messages::AftersaleReceiveAnswer>(to, meta, case, [], &[]);
    } else {
        pen.answer::<messages::AftersaleOpenAnswer>(to, meta, case, [], &[]);
    }
}

/// Seven kinds are answered with the same words.
fn write_order(pen: &mut Pen, to: &mut To<'_, impl Outlet>, meta: &Meta, kind: Kind, brief: &OrderBrief) {
    let head = brief_to_wire(brief);
    if kind == Kind::Cancel {
        pen.answer::<messages::CancelAnswer>(to, meta, &head, [], &[]);
    } else if kind == Kind::Repair {
        pen.answer::<messages::RepairAnswer>(to, meta, &head, [], &[]);
    } else if kind == Kind::Ship {
        pen.answer::<messages::ShipAnswer>(to, meta, &head, [], &[]);
    } else if kind == Kind::Track {
        pen.answer::<messages::TrackAnswer>(to, meta, &TrackAnswerHead { brief: head }, [], &[]);
    } else if kind == Kind::Sign {
        pen.answer::<messages::SignAnswer>(to, meta, &head, [], &[]);
    } else if kind == Kind::ConfirmReceipt {
        pen.answer::<messages::ConfirmReceiptAnswer>(to, meta, &head, [], &[]);
    } else {
        pen.answer::<messages::CreateAnswer>(to, meta, &head, [], &[]);
    }
}

/// Six kinds are answered with the same words.
fn write_payment(pen: &mut Pen, to: &mut To<'_, impl Outlet>, meta: &Meta, kind: Kind, brief: &PaymentBrief) {
    let head = payment_to_wire(brief);
    if kind == Kind::RefundResult && brief.refund_state == RefundState::Failed {
        let (payment, order, amount) = (head.payment, head.order, head.refund_amount);
        tracing::warn!(
            payment,
            order,
            amount,
            "the gateway could not send money back: ask for the refund again"
        );
    }
    if kind == Kind::PayCallback
        && brief.state == PaymentState::Paid
        && brief.order_state == State::StockException
    {
        let (payment, order) = (head.payment, head.order);
        tracing::warn!(
            payment,
            order,
            "paid, and its units are gone: find some and restock it, or cancel it"
        );
    }
    if kind == Kind::PayOpen {
        pen.answer::<messages::PayOpenAnswer>(to, meta, &head, [], &[]);
    } else if kind == Kind::PayCallback {
        pen.answer::<messages::PayCallbackAnswer>(to, meta, &head, [], &[]);
    } else if kind == Kind::PayClose {
        pen.answer::<messages::PayCloseAnswer>(to, meta, &head, [], &[]);
    } else if kind == Kind::Refund {
        pen.answer::<messages::RefundAnswer>(to, meta, &head, [], &[]);
    } else if kind == Kind::RefundResult {
        pen.answer::<messages::RefundResultAnswer>(to, meta, &head, [], &[]);
    } else {
        pen.answer::<messages::PayGetAnswer>(to, meta, &head, [], &[]);
    }
}

/// The answer to an item of a BATCH.
pub(crate) fn item_of(outcome: &Outcome, retry_after_ms: u32) -> BatchAnswerItem {
    match outcome {
        Ok(Verdict::Order(brief)) => {
            BatchAnswerItem { order: brief.order.0, asked: 0, there: 0, retry_after_ms: 0, status: 0 }
        }
        Ok(Verdict::Refused(refusal)) => refused_item(&from_refusal(refusal, retry_after_ms)),
        Err(why) => refused_item(&from_not_decided(*why)),
        Ok(
            Verdict::Sku { .. }
            | Verdict::Sale { .. }
            | Verdict::Shelf(_)
            | Verdict::Hold(_)
            | Verdict::Transferred(_)
            | Verdict::Priced(_)
            | Verdict::OrderFound(_)
            | Verdict::Orders(_)
            | Verdict::History(_)
            | Verdict::SkuFound(_)
            | Verdict::Skus(_)
            | Verdict::Freight { .. }
            | Verdict::FreightRules(_)
            | Verdict::SaleFound(_)
            | Verdict::Sales(_)
            | Verdict::Limited
            | Verdict::Limits(_)
            | Verdict::Switched { .. }
            | Verdict::Switches(_)
            | Verdict::Cursor(_)
            | Verdict::LettersParked(_)
            | Verdict::Letters(_)
            | Verdict::Holdings(_)
            | Verdict::Payment(_)
            | Verdict::Mismatched(_)
            | Verdict::Case(_)
            | Verdict::Cases(_)
            | Verdict::Shipments(_)
            | Verdict::Coupon { .. }
            | Verdict::CouponTaken(_)
            | Verdict::CouponsChecked(_)
            | Verdict::CouponFound(_)
            | Verdict::Coupons(_),
        ) => refused_item(&out_of_place(Kind::Batch)),
    }
}

/// Rows beyond what a frame holds go into further frames of the same answer.
fn write_history(pen: &mut Pen, to: &mut To<'_, impl Outlet>, meta: &Meta, view: &HistoryView) {
    let head = HistoryAnswerHead { order: view.order.0 };
    let mut rows = view.rows.as_slice();
    while rows.len() > HISTORY_ROWS_MAX as usize {
        let (now, later) = rows.split_at(HISTORY_ROWS_MAX as usize);
        let meta = Meta { flags: Flags::MORE, ..*meta };
        pen.answer::<messages::HistoryAnswer>(to, &meta, &head, now.iter().map(row_to_wire), &[]);
        rows = later;
    }
    pen.answer_read::<messages::HistoryAnswer>(to, meta, &head, rows.iter().map(row_to_wire), &[]);
}

/// The store answered something that was not asked: a bug of ours.
pub(crate) fn out_of_place(kind: Kind) -> Refused {
    tracing::error!(kind = kind.name(), "the store gave an answer of another kind");
    Refused::of(Status::Internal, "an answer of another kind")
}
