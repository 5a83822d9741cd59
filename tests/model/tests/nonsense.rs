//! Facts come from a disk: whatever they say, the audit ends with a report and not with a panic.

use domain::aftersale::{Case, CaseKind, CaseState};
use domain::coupon::{Benefit, Coupon, CouponScope, CouponShare};
use domain::fact::{
    Actor, CancelReason, Fact, Line, OrderCreated, RefundReason, Request, RequestKey, ShelfUnits, Stamp,
    StockAdjusted,
};
use domain::hold::HoldEnd;
use domain::intent::{AdjustReason, Sale, SaleSku, Sku};
use domain::letter::LetterReason;
use domain::limit::{UserLimit, UserList};
use domain::shipment::{Waybill, Whereabouts};
use domain::switch::{Note, Scope, Stops};
use domain::{
    CouponId, Currency, CursorName, GatewayId, Micros, MicrosUtc, MinorUnits, OrderId, PaymentId, Quantity,
    RequestId, SaleId, SellerId, SkuId, TraceId, UserId, WarehouseId,
};
use model::Auditor;

const ROUNDS: u64 = 200;
const ENTRIES: u64 = 200;

#[test]
fn nonsense_is_reported_and_never_a_panic() {
    let first = match std::env::var("TIDEGATE_SEED") {
        Ok(seed) => {
            u64::from_str_radix(seed.trim_start_matches("0x"), 16).expect("TIDEGATE_SEED is hexadecimal")
        }
        Err(_) => fastrand::u64(..),
    };
    for seed in (0..ROUNDS).map(|round| first.wrapping_add(round)) {
        println!("TIDEGATE_SEED={seed:#x}");
        let mut dice = Dice(fastrand::Rng::with_seed(seed));
        let mut auditor = Auditor::new(Micros(dice.number()));
        for _ in 0..ENTRIES {
            let stamp = dice.stamp();
            dice.facts(|facts| auditor.entry(stamp.at.0 as u64, &stamp, facts));
        }
        let report = auditor.finish(None);
        assert!(!report.ok(), "nonsense passed the audit; again with TIDEGATE_SEED={seed:#x}");
    }
}

struct Dice(fastrand::Rng);

impl Dice {
    /// Small and known, so that facts meet each other; or anything at all.
    fn number(&mut self) -> i64 {
        match self.0.u8(0..8) {
            0 => i64::MAX,
            1 => i64::MIN,
            2 => self.0.i64(..),
            _ => self.0.i64(0..4),
        }
    }

    fn quantity(&mut self) -> Quantity {
        Quantity::parse(self.0.u32(1..=Quantity::MAX)).expect("in range")
    }

    fn stamp(&mut self) -> Stamp {
        let user = UserId(self.number() as u64);
        let actor = match self.0.u8(0..4) {
            0 => Actor::User(user),
            1 => Actor::Operator(self.number() as u32),
            2 => Actor::Gateway(GatewayId(self.number() as u16)),
            _ => Actor::Timer,
        };
        let key = RequestKey { who: user, id: RequestId(self.0.u128(..)) };
        let request = self.0.bool().then_some(Request { key, body: 0 });
        Stamp { at: MicrosUtc(self.number()), actor, request, trace: TraceId(0) }
    }

    fn facts(&mut self, mut give: impl FnMut(&[Fact<'_>])) {
        let lines: Vec<_> = (0..self.0.usize(0..4)).map(|_| self.line()).collect();
        let units: Vec<_> = (lines.iter())
            .map(|line| ShelfUnits { sku: line.sku, warehouse: line.warehouse, quantity: line.quantity })
            .collect();
        let skus: Vec<_> = (0..self.0.usize(0..4))
            .map(|_| SaleSku { sku: SkuId(self.number() as u64), unit_price: MinorUnits(self.number()) })
            .collect();
        let coupon_skus: Vec<_> = skus.iter().map(|item| item.sku).collect();
        let shares: Vec<_> = (0..self.0.usize(0..3))
            .map(|_| CouponShare {
                coupon: CouponId(self.number() as u64),
                discount: MinorUnits(self.number()),
            })
            .collect();
        let coupons = (coupon_skus.as_slice(), shares.as_slice());
        let facts: Vec<_> =
            (0..self.0.usize(0..5)).map(|_| self.fact(&lines, &units, &skus, coupons)).collect();
        give(&facts);
    }

    fn fact<'a>(
        &mut self,
        lines: &'a [Line],
        units: &'a [ShelfUnits],
        skus: &'a [SaleSku],
        (coupon_skus, shares): (&'a [SkuId], &'a [CouponShare]),
    ) -> Fact<'a> {
        let (order, version) = (OrderId(self.number() as u64), self.number() as u32);
        let (sku, moved) = (SkuId(self.number() as u64), self.number() as u64);
        let (from, to) = (WarehouseId(self.number() as u32), WarehouseId(self.number() as u32));
        let (hold, until) = (self.number() as u64, MicrosUtc(self.number()));
        let payment = PaymentId::new(order, self.number() as u16);
        let (amount, number) = (MinorUnits(self.number()), self.number() as u16);
        let (gateway, reference) = (GatewayId(self.number() as u16), 0);
        match self.0.u8(0..41) {
            37 => {
                let (attempt, currency) = (version as u16, Currency(978));
                Fact::PaymentRepeated { payment, order, attempt, amount, currency, reference }
            }
            38 => Fact::PaymentOverdrawn { payment, order, beyond: amount, currency: Currency(978) },
            39 => Fact::StockException { order, version, units },
            36 => Fact::AftersaleChanged(self.case()),
            26 => Fact::HoldMade { hold, user: UserId(self.number() as u64), until, units },
            27 => Fact::HoldExtended { hold, until },
            28 => Fact::HoldEnded { hold, end: HoldEnd::Taken, units },
            31 => Fact::CouponDefined { coupon: self.coupon(), skus: coupon_skus },
            32 => Fact::CouponClaimed { coupon: CouponId(moved), user: UserId(self.number() as u64) },
            33 => Fact::CouponLocked { order, coupons: shares },
            34 => Fact::CouponReleased { order, coupons: shares },
            35 => Fact::CouponUsed { order, coupons: shares },
            0 => Fact::SkuChanged(self.sku()),
            1 => Fact::SaleChanged { sale: self.sale(), skus },
            2 => Fact::StockAdjusted(self.adjusted()),
            3 => Fact::OrderCreated(self.created(lines)),
            4 => Fact::StockReserved { order, units },
            5 => Fact::StockReduced { order, units },
            6 => Fact::StockReleased { order, units },
            7 => Fact::OrderConfirmed { order, version },
            8 => Fact::OrderCancelled { order, version, reason: CancelReason::Timer, why: 0 },
            9 => Fact::PaymentOpened { payment, order, version, gateway, pay_until: MicrosUtc(amount.0) },
            10 => Fact::PaymentFailed { payment, order, version, by_gateway: self.0.bool() },
            11 => Fact::PaymentSuccess { payment, order, amount, reference, surplus: self.0.bool() },
            12 => Fact::PaymentMismatched { payment, order, amount, currency: Currency(978), reference },
            13 => {
                let (currency, reason, why) = (Currency(978), RefundReason::Late, 0);
                Fact::RefundRequested { payment, order, version, number, amount, currency, reason, why }
            }
            14 => Fact::RefundFailed { payment, order, number },
            16 => Fact::StockTransferred { sku, from, to, units: moved },
            23 => Fact::LetterParked {
                subscriber: CursorName::parse([b'a'; 32]).expect("letters"),
                position: moved,
                reason: LetterReason::parse(b"no").expect("letters"),
            },
            24 => Fact::LetterEnded {
                subscriber: CursorName::parse([b'a'; 32]).expect("letters"),
                position: moved,
                retried: version == 0,
            },
            25 => Fact::SwitchChanged {
                scope: Scope::parse(self.0.u8(1..4), self.0.u64(..4)).unwrap_or(Scope::All),
                stops: Stops::parse(self.0.u8(0..8)).expect("three bits"),
                version,
                note: Note::parse(b"why").expect("printable"),
            },
            29 => Fact::LimitChanged(UserLimit {
                user: UserId(self.number() as u64),
                list: UserList::Blocked,
                sale_units: version,
                until,
            }),
            18 => Fact::CursorMoved {
                name: CursorName::parse([b'a'; 32]).expect("letters"),
                position: moved,
                forgotten: version == 0,
            },
            17 => Fact::StockReturned { sku, warehouse: to, units: moved },
            15 => Fact::RefundSettled { payment, order, number, amount, currency: Currency(978) },
            19 => Fact::OrderShipped {
                order,
                version,
                number,
                whole: self.0.bool(),
                waybill: Waybill::NONE,
                units,
            },
            20 => Fact::ShipmentTracked { order, number, note: Whereabouts::NONE },
            21 => Fact::OrderDelivered { order, version },
            22 => Fact::OrderCompleted { order, version },
            _ => Fact::RefundDone { order, version, amount: MinorUnits(self.number()), why: 0 },
        }
    }

    fn case(&mut self) -> Case {
        Case {
            order: OrderId(self.number() as u64),
            number: self.number() as u16,
            kind: *self
                .0
                .choice(&[CaseKind::Refund, CaseKind::ReturnRefund, CaseKind::Exchange])
                .expect("a choice"),
            state: *self.0.choice(&CaseState::ALL).expect("a choice"),
            sku: SkuId(self.number() as u64),
            units: self.number() as u32,
            amount: MinorUnits(self.number()),
            refund: self.number() as u16,
            why: 0,
        }
    }

    fn sku(&mut self) -> Sku {
        Sku {
            id: SkuId(self.number() as u64),
            version: self.number() as u32,
            seller: SellerId(0),
            currency: Currency(self.number() as u16),
            unit_price: MinorUnits(self.number()),
            hold_seconds: self.number() as u32,
            open: self.0.bool(),
            weight_grams: self.number() as u32,
        }
    }

    fn coupon(&mut self) -> Coupon {
        let amount = MinorUnits(self.number());
        Coupon {
            id: CouponId(self.number() as u64),
            version: self.number() as u32,
            currency: Currency(self.number() as u16),
            benefit: match self.0.bool() {
                true => Benefit::Amount(amount),
                false => Benefit::Percent { basis_points: self.number() as u16, cap: amount },
            },
            threshold: MinorUnits(self.number()),
            scope: match self.0.u8(0..3) {
                0 => CouponScope::All,
                1 => CouponScope::Skus,
                _ => CouponScope::Sale(SaleId(self.number() as u32)),
            },
            opens: MicrosUtc(self.number()),
            closes: MicrosUtc(self.number()),
            quota: self.number() as u64,
            user_quota: self.number() as u32,
            group: self.number() as u32,
            rank: self.number() as u16,
            must_claim: self.0.bool(),
        }
    }

    fn sale(&mut self) -> Sale {
        Sale {
            id: SaleId(self.number() as u32),
            version: self.number() as u32,
            closed_from: MicrosUtc(self.number()),
            opens: MicrosUtc(self.number()),
            closes: MicrosUtc(self.number()),
            user_limit_units: self.number() as u32,
            order_limit_units: self.number() as u32,
            cap_units: self.number() as u64,
            hold_seconds: self.number() as u32,
        }
    }

    fn adjusted(&mut self) -> StockAdjusted {
        StockAdjusted {
            sku: SkuId(self.number() as u64),
            warehouse: WarehouseId(self.number() as u32),
            on_hand_delta: self.number(),
            safety_delta: self.number(),
            unavailable_delta: self.number(),
            reason: if self.0.bool() { AdjustReason::Returned } else { AdjustReason::Lost },
            order: OrderId(self.number() as u64),
        }
    }

    fn created<'a>(&mut self, lines: &'a [Line]) -> OrderCreated<'a> {
        OrderCreated {
            order: OrderId(self.number() as u64),
            user: UserId(self.number() as u64),
            hold: self.number() as u64,
            currency: Currency(self.number() as u16),
            discount: MinorUnits(self.number()),
            freight: MinorUnits(self.number()),
            total: MinorUnits(self.number()),
            pay_until: MicrosUtc(self.number()),
            lines,
            client_bytes: b"",
        }
    }

    fn line(&mut self) -> Line {
        Line {
            sku: SkuId(self.number() as u64),
            seller: SellerId(self.number() as u32),
            warehouse: WarehouseId(self.number() as u32),
            sale: SaleId(self.number() as u32),
            quantity: self.quantity(),
            parcel: 0,
            unit_price: MinorUnits(self.number()),
            discount: MinorUnits(self.number()),
            freight: MinorUnits(self.number()),
        }
    }
}
