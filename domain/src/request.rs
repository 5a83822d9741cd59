//! Request ids: whether one is still inside its window, and what makes two requests the same.

use crate::coupon::{Benefit, Coupon, CouponIds, CouponScope};
use crate::freight::FreightRule;
use crate::ids::RequestId;
use crate::intent::{
    AdjustReason, AskedLine, Cancel, CaseDecide, CaseOpen, CaseReceive, ConfirmReceipt, CouponClaim,
    CouponDefine, Create, EndHold, FreightPut, Intent, LetterEnd, LetterPark, LimitPut, Lines, PayClose,
    PayOpen, Prepare, Refund, Repair, RepairAction, SalePut, SentLine, Ship, Sign, SkuPut, StockAdjust,
    StockExtend, StockReserve, StockReturn, StockTransfer, SwitchPut, TrackNote,
};
use crate::refusal::{Reason, Refusal};
use crate::units::{Micros, MicrosUtc};
use crate::verdict::mix;

/// What may differ between installations and is no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How long a request id is remembered, counted from the time written in it.
    pub request_window: Micros,
    /// How far a request id's own time may be ahead of ledger time.
    pub request_ahead: Micros,
    /// How long from the opening of its first attempt an order is held at least.
    pub payment_extension: Micros,
    /// How long after its delivery an order counts as complete, where nobody says so; 0: never.
    pub completion: Micros,
}

impl Rules {
    /// A day back, five minutes ahead; ten minutes to pay; ten days to say that something is wrong.
    pub const DEFAULT: Rules = Rules {
        request_window: Micros::from_seconds(24 * 3_600),
        request_ahead: Micros::from_seconds(300),
        payment_extension: Micros::from_seconds(600),
        completion: Micros::from_seconds(10 * 24 * 3_600),
    };

    /// The earliest time that an id may carry.
    pub(crate) const fn earliest(&self, now: MicrosUtc) -> MicrosUtc {
        MicrosUtc(now.0.saturating_sub(self.request_window.0))
    }

    /// REQUEST_ID_EXPIRED for an id whose own time is outside the window, known or not.
    #[inline]
    pub(crate) fn judge_request(&self, now: MicrosUtc, id: RequestId) -> Result<(), Refusal> {
        let time = id.time();
        if time < self.earliest(now) || time > now.after(self.request_ahead) {
            return Err(Refusal::of(Reason::RequestIdExpired).with(time.0, now.0));
        }
        Ok(())
    }
}

/// Version of [`Intent::body_hash`]: the hashes are stored, so a change of what they cover takes a new number.
const BODY_HASH_VERSION: u64 = 1;

impl Intent<'_> {
    /// Hash over kind and every field but the request id: the same id with another hash is REQUEST_ID_REUSED.
    /// The same on every machine and for ever. 0 for what carries no request id.
    pub fn body_hash(&self) -> u64 {
        match self {
            Intent::Create(it) => hash_create(it),
            Intent::Cancel(it) => hash_cancel(it),
            Intent::SkuPut(it) => hash_sku_put(it),
            Intent::SalePut(it) => hash_sale_put(it),
            Intent::FreightPut(it) => hash_freight_put(it),
            Intent::StockAdjust(it) => hash_stock_adjust(it),
            Intent::StockTransfer(it) => hash_stock_transfer(it),
            Intent::StockReturn(it) => hash_stock_return(it),
            Intent::StockReserve(it) => hash_stock_reserve(it),
            Intent::StockRelease(it) => hash_end_hold(0x0203, it),
            Intent::StockCommit(it) => hash_end_hold(0x0204, it),
            Intent::StockExtend(it) => hash_stock_extend(it),
            Intent::LetterPark(it) => hash_letter_park(it),
            Intent::LetterEnd(it) => hash_letter_end(it),
            Intent::LimitPut(it) => hash_limit_put(it),
            Intent::SwitchPut(it) => hash_switch_put(it),
            Intent::CouponDefine(it) => hash_coupon_define(it),
            Intent::CouponClaim(it) => hash_coupon_claim(it),
            Intent::Prepare(it) if it.hold.is_some() => hash_prepare(it),
            Intent::PayOpen(it) => hash_pay_open(it),
            Intent::PayClose(it) => hash_pay_close(it),
            Intent::Refund(it) => hash_refund(it),
            Intent::Repair(it) => hash_repair(it),
            Intent::Ship(it) => hash_ship(it),
            Intent::TrackNote(it) => hash_track_note(it),
            Intent::Sign(it) => hash_sign(it),
            Intent::ConfirmReceipt(it) => hash_confirm_receipt(it),
            Intent::CaseOpen(it) => hash_case_open(it),
            Intent::CaseDecide(it) => hash_case_decide(it),
            Intent::CaseReceive(it) => hash_case_receive(it),
            Intent::Prepare(_)
            | Intent::Get { .. }
            | Intent::GetByRequest { .. }
            | Intent::List(_)
            | Intent::History { .. }
            | Intent::SkuGet(_)
            | Intent::SkuList { .. }
            | Intent::SaleGet(_)
            | Intent::SaleList { .. }
            | Intent::FreightList { .. }
            | Intent::StockGet { .. }
            | Intent::Holdings
            | Intent::CursorMove(_)
            | Intent::CursorGet(_)
            | Intent::SwitchList { .. }
            | Intent::Scan(_)
            | Intent::LimitList { .. }
            | Intent::CouponCheck(_)
            | Intent::CouponGet { .. }
            | Intent::CouponList { .. }
            | Intent::PayGet { .. }
            | Intent::Track { .. }
            | Intent::CaseList { .. }
            | Intent::PayCallback(_)
            | Intent::RefundResult(_)
            | Intent::LetterList(_) => 0,
        }
    }
}

/// Words taken in one after the other; their order counts.
struct BodyHash(u64);

impl BodyHash {
    /// `kind` is the request's kind on the wire.
    const fn of_kind(kind: u64) -> BodyHash {
        BodyHash(mix(BODY_HASH_VERSION, kind))
    }

    #[inline]
    const fn word(self, word: u64) -> BodyHash {
        // The running hash and the word share a factor: no word alone makes the product 0 and forgets the rest.
        BodyHash(mix(self.0 ^ word, 0x2545_F491_4F6C_DD1D).wrapping_add(self.0.rotate_left(23)))
    }

    fn bytes(self, bytes: &[u8]) -> BodyHash {
        bytes.chunks(8).fold(self.word(bytes.len() as u64), |hash, chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            hash.word(u64::from_le_bytes(word))
        })
    }
}

pub(crate) fn hash_create(create: &Create<'_>) -> u64 {
    let Create { user, request: _, hold, coupons, currency, total, lines, client_bytes } = *create;
    let head =
        BodyHash::of_kind(0x0102).word(user.0).word(hold).word(u64::from(currency.0)).word(total.0 as u64);
    let lines = lines.as_slice();
    let whole = lines.iter().fold(head.word(lines.len() as u64), hash_line).bytes(client_bytes);
    hash_coupons(whole, &coupons).0
}

/// Nothing where there is none: an order without coupons has the hash that it had before there were any.
#[inline]
fn hash_coupons(hash: BodyHash, coupons: &CouponIds) -> BodyHash {
    if coupons.is_empty() {
        return hash;
    }
    coupons.to_array().into_iter().fold(hash, BodyHash::word)
}

#[inline]
fn hash_line(hash: BodyHash, line: &AskedLine) -> BodyHash {
    let AskedLine { sku, warehouse, quantity } = *line;
    hash.word(sku.0).word(u64::from(warehouse.0) << 32 | u64::from(quantity.get()))
}

fn hash_cancel(cancel: &Cancel) -> u64 {
    let Cancel { user, request: _, order, version, why } = *cancel;
    BodyHash::of_kind(0x0106).word(user.0).word(order.0).word(u64::from(version) << 16 | u64::from(why)).0
}

fn hash_pay_open(open: &PayOpen) -> u64 {
    let PayOpen { user, request: _, order, gateway } = *open;
    BodyHash::of_kind(0x0301).word(user.0).word(order.0).word(u64::from(gateway.0)).0
}

fn hash_pay_close(close: &PayClose) -> u64 {
    let PayClose { user, request: _, payment } = *close;
    BodyHash::of_kind(0x0304).word(user.0).word(payment.0).0
}

fn hash_refund(refund: &Refund) -> u64 {
    let Refund { request: _, payment, amount, why } = *refund;
    BodyHash::of_kind(0x0305).word(payment.0).word(amount.0 as u64).word(u64::from(why)).0
}

fn hash_repair(repair: &Repair) -> u64 {
    let Repair { request: _, order, version, action } = *repair;
    let (number, payment) = match action {
        RepairAction::Settle(payment) => (1, payment.0),
        RepairAction::Restock => (2, 0),
    };
    BodyHash::of_kind(0x0108).word(order.0).word(u64::from(version)).word(number).word(payment).0
}

fn hash_ship(ship: &Ship<'_>) -> u64 {
    let Ship { request: _, order, version, waybill, lines } = *ship;
    let head = BodyHash::of_kind(0x0501).word(order.0).word(u64::from(version)).word(waybill.hash());
    let line = |hash: BodyHash, it: &SentLine| hash.word(it.sku.0).word(u64::from(it.quantity.get()));
    lines.iter().fold(head.word(lines.len() as u64), line).0
}

fn hash_track_note(note: &TrackNote) -> u64 {
    let TrackNote { request: _, order, number, note } = *note;
    let head = BodyHash::of_kind(0x0502).word(order.0).word(u64::from(number));
    note.words().fold(head, BodyHash::word).0
}

fn hash_sign(sign: &Sign) -> u64 {
    let Sign { request: _, order, version } = *sign;
    BodyHash::of_kind(0x0503).word(order.0).word(u64::from(version)).0
}

fn hash_case_open(open: &CaseOpen) -> u64 {
    let CaseOpen { user, request: _, order, kind, sku, units, amount, why } = *open;
    let head = BodyHash::of_kind(0x0601).word(user.0).word(order.0).word(u64::from(kind.number()));
    head.word(sku.0).word(u64::from(units)).word(amount.0 as u64).word(u64::from(why)).0
}

fn hash_case_decide(decide: &CaseDecide) -> u64 {
    let CaseDecide { request: _, order, number, accept, amount, why } = *decide;
    let head = BodyHash::of_kind(0x0603).word(order.0).word(u64::from(number)).word(u64::from(accept));
    head.word(amount.0 as u64).word(u64::from(why)).0
}

fn hash_case_receive(receive: &CaseReceive) -> u64 {
    let CaseReceive { request: _, order, number, warehouse, condition } = *receive;
    let head = BodyHash::of_kind(0x0604).word(order.0).word(u64::from(number));
    head.word(u64::from(warehouse.0)).word(u64::from(condition.number())).0
}

fn hash_confirm_receipt(confirm: &ConfirmReceipt) -> u64 {
    let ConfirmReceipt { user, request: _, order, version } = *confirm;
    BodyHash::of_kind(0x0107).word(user.0).word(order.0).word(u64::from(version)).0
}

fn hash_sku_put(put: &SkuPut) -> u64 {
    let SkuPut { request: _, replaces, sku } = *put;
    let hash = BodyHash::of_kind(0x0901)
        .word(sku.id.0)
        .word(u64::from(replaces) << 32 | u64::from(sku.seller.0))
        .word(sku.unit_price.0 as u64)
        .word(u64::from(sku.hold_seconds) << 32 | u64::from(sku.currency.0) << 1 | u64::from(sku.open));
    // Came later, so it is only there where it says something: hashes of before are the same for ever.
    if sku.weight_grams == 0 { hash.0 } else { hash.word(u64::from(sku.weight_grams)).0 }
}

fn hash_freight_put(put: &FreightPut) -> u64 {
    let FreightPut { request: _, replaces, rule } = *put;
    let FreightRule { seller, currency, version: _, by, free_from, base, first, step, per_step } = rule;
    BodyHash::of_kind(0x0910)
        .word(u64::from(replaces) << 32 | u64::from(seller.0))
        .word(u64::from(currency.0) << 8 | u64::from(by.number()))
        .word(free_from.0 as u64)
        .word(base.0 as u64)
        .word(first)
        .word(step)
        .word(per_step.0 as u64)
        .0
}

fn hash_sale_put(put: &SalePut<'_>) -> u64 {
    let SalePut { request: _, replaces, sale, skus } = *put;
    let head = BodyHash::of_kind(0x0902)
        .word(u64::from(sale.id.0) << 32 | u64::from(replaces))
        .word(sale.closed_from.0 as u64)
        .word(sale.opens.0 as u64)
        .word(sale.closes.0 as u64)
        .word(u64::from(sale.user_limit_units) << 32 | u64::from(sale.order_limit_units))
        .word(sale.cap_units)
        .word(u64::from(sale.hold_seconds))
        .word(skus.len() as u64);
    skus.iter().fold(head, |hash, item| hash.word(item.sku.0).word(item.unit_price.0 as u64)).0
}

fn hash_stock_adjust(adjust: &StockAdjust) -> u64 {
    let StockAdjust { request: _, sku, warehouse, on_hand_delta, safety_delta, unavailable_delta, reason } =
        *adjust;
    let reason = match reason {
        AdjustReason::Received => 1_u64,
        AdjustReason::Adjusted => 2,
        AdjustReason::Returned => 3,
        AdjustReason::Lost => 4,
    };
    BodyHash::of_kind(0x0206)
        .word(sku.0)
        .word(u64::from(warehouse.0) << 32 | reason)
        .word(on_hand_delta as u64)
        .word(safety_delta as u64)
        .word(unavailable_delta as u64)
        .0
}

fn hash_stock_transfer(transfer: &StockTransfer) -> u64 {
    let StockTransfer { request: _, sku, from, to, units } = *transfer;
    BodyHash::of_kind(0x0207).word(sku.0).word(u64::from(from.0) << 32 | u64::from(to.0)).word(units).0
}

fn hash_stock_return(back: &StockReturn) -> u64 {
    let StockReturn { request: _, sku, warehouse, units } = *back;
    BodyHash::of_kind(0x0208).word(sku.0).word(u64::from(warehouse.0)).word(units).0
}

fn hash_stock_reserve(reserve: &StockReserve<'_>) -> u64 {
    let StockReserve { user, request: _, hold_seconds, lines } = *reserve;
    hash_lines(BodyHash::of_kind(0x0202).word(user.0).word(u64::from(hold_seconds)), lines).0
}

/// A PREPARE that holds.
fn hash_prepare(prepare: &Prepare<'_>) -> u64 {
    let Prepare { user, coupons, currency, lines, hold: _ } = *prepare;
    let head = BodyHash::of_kind(0x0101).word(user.0).word(u64::from(currency.0));
    hash_coupons(hash_lines(head, lines), &coupons).0
}

fn hash_coupon_define(define: &CouponDefine<'_>) -> u64 {
    let CouponDefine { request: _, replaces, coupon, skus } = *define;
    let Coupon { id, version: _, currency, benefit, threshold, scope, opens, closes, quota, .. } = *coupon;
    let Coupon { user_quota, group, rank, must_claim, .. } = *coupon;
    let (benefit, part, amount) = match benefit {
        Benefit::Amount(amount) => (1_u64, 0, amount),
        Benefit::Percent { basis_points, cap } => (2, basis_points, cap),
    };
    let (scope, sale) = match scope {
        CouponScope::All => (1_u64, 0),
        CouponScope::Skus => (2, 0),
        CouponScope::Sale(sale) => (3, sale.0),
    };
    let head = BodyHash::of_kind(0x0401)
        .word(id.0)
        .word(u64::from(replaces) << 32 | u64::from(currency.0) << 16 | u64::from(part))
        .word(benefit << 32 | scope << 16 | u64::from(must_claim))
        .word(amount.0 as u64)
        .word(threshold.0 as u64)
        .word(opens.0 as u64)
        .word(closes.0 as u64)
        .word(quota)
        .word(u64::from(user_quota) << 32 | u64::from(group))
        .word(u64::from(sale) << 32 | u64::from(rank))
        .word(skus.len() as u64);
    skus.iter().fold(head, |hash, sku| hash.word(sku.0)).0
}

fn hash_coupon_claim(claim: &CouponClaim) -> u64 {
    let CouponClaim { user, request: _, coupon } = *claim;
    BodyHash::of_kind(0x0402).word(user.0).word(coupon.0).0
}

fn hash_lines(head: BodyHash, lines: Lines<'_>) -> BodyHash {
    let lines = lines.as_slice();
    lines.iter().fold(head.word(lines.len() as u64), hash_line)
}

fn hash_end_hold(kind: u64, end: &EndHold) -> u64 {
    let EndHold { user, request: _, hold } = *end;
    BodyHash::of_kind(kind).word(user.0).word(hold).0
}

fn hash_stock_extend(extend: &StockExtend) -> u64 {
    let StockExtend { user, request: _, hold, hold_seconds } = *extend;
    BodyHash::of_kind(0x0205).word(user.0).word(hold).word(u64::from(hold_seconds)).0
}

fn hash_letter_park(park: &LetterPark<'_>) -> u64 {
    let LetterPark { request: _, subscriber, position, reason } = *park;
    let head = BodyHash::of_kind(0x0804).bytes(subscriber.as_padded()).word(position);
    head.bytes(reason.as_str().as_bytes()).0
}

fn hash_letter_end(end: &LetterEnd) -> u64 {
    let LetterEnd { request: _, subscriber, position, retry } = *end;
    BodyHash::of_kind(0x0804).bytes(subscriber.as_padded()).word(position).word(u64::from(retry)).0
}

fn hash_limit_put(put: &LimitPut) -> u64 {
    let LimitPut { request: _, limit } = *put;
    BodyHash::of_kind(0x0903)
        .word(limit.user.0)
        .word(u64::from(limit.sale_units) << 8 | u64::from(limit.list.number()))
        .word(limit.until.0 as u64)
        .0
}

fn hash_switch_put(put: &SwitchPut<'_>) -> u64 {
    let SwitchPut { request: _, scope, replaces, stops, note } = *put;
    BodyHash::of_kind(0x0904)
        .word(u64::from(scope.number()))
        .word(scope.id())
        .word(u64::from(replaces) << 8 | u64::from(stops.bits()))
        .bytes(note.as_str().as_bytes())
        .0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{OrderId, SkuId, UserId, WarehouseId};
    use crate::intent::Lines;
    use crate::units::{Currency, MinorUnits, Quantity};

    #[test]
    fn an_id_is_judged_by_its_own_time() {
        let now = MicrosUtc(1_700_000_000_000_000);
        let judged = |offset_ms: i64| {
            let id = RequestId(((now.0 / 1_000 + offset_ms) as u128) << 80);
            Rules::DEFAULT.judge_request(now, id).is_ok()
        };
        assert!(judged(0) && judged(300_000) && judged(-86_400_000));
        assert!(!judged(300_001) && !judged(-86_400_001));
    }

    #[test]
    fn every_field_of_a_create_but_its_request_id_counts() {
        let quantity = Quantity::parse(2).expect("two is a quantity");
        let line = AskedLine { sku: SkuId(7), warehouse: WarehouseId(1), quantity };
        let lines = [line];
        let create = Create {
            user: UserId(1),
            request: RequestId(5),
            hold: 0,
            coupons: CouponIds::NONE,
            currency: Currency(978),
            total: MinorUnits(10),
            lines: Lines::parse(&lines).expect("one line"),
            client_bytes: b"gift",
        };
        let hash = hash_create(&create);
        assert_eq!(hash, hash_create(&Create { request: RequestId(6), ..create }));
        let (other_sku, other_place) =
            ([AskedLine { sku: SkuId(8), ..line }], [AskedLine { warehouse: WarehouseId(2), ..line }]);
        let others = [
            Create { user: UserId(2), ..create },
            Create { hold: 1, ..create },
            Create { coupons: CouponIds::parse([7, 0, 0, 0]).expect("one coupon"), ..create },
            Create { coupons: CouponIds::parse([8, 7, 0, 0]).expect("two coupons"), ..create },
            Create { coupons: CouponIds::parse([7, 8, 0, 0]).expect("two coupons"), ..create },
            Create { currency: Currency(840), ..create },
            Create { total: MinorUnits(11), ..create },
            Create { lines: Lines::parse(&other_sku).expect("one line"), ..create },
            Create { lines: Lines::parse(&other_place).expect("one line"), ..create },
            Create { client_bytes: b"gift\0", ..create },
            Create { client_bytes: b"", ..create },
        ];
        for other in others {
            assert_ne!(hash, hash_create(&other), "{other:?}");
        }
        // Stored in journals: a new number here is a new BODY_HASH_VERSION.
        assert_eq!(hash, 4_215_915_600_926_342_180);
        let cancel = Cancel { user: UserId(1), request: RequestId(5), order: OrderId(1), version: 0, why: 0 };
        assert_ne!(hash_cancel(&cancel), hash_cancel(&Cancel { why: 1, ..cancel }));
    }
}
