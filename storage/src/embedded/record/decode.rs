//! Bytes to facts. The bytes are hostile until read: every count is compared with what is left before it counts.

use domain::fact::{
    CancelReason, Fact, Line, OrderCreated, Request, RequestKey, ShelfUnits, Stamp, StockAdjusted,
};
use domain::hold::HoldEnd;
use domain::intent::{AdjustReason, CLIENT_BYTES_MAX, LINES_MAX, SALE_SKUS_MAX, Sale, SaleSku, Sku};
use domain::letter::LetterReason;
use domain::{
    Actor, Currency, CursorName, GatewayId, MicrosUtc, MinorUnits, OrderId, Quantity, RequestId, SaleId,
    SellerId, SkuId, TraceId, UserId, WarehouseId,
};

use super::{
    FACT_VERSION, HEAD_BYTES, LINE_BYTES, SALE_SKU_BYTES, SKU_WITH_WEIGHT, UNITS_BYTES, aftersale, coupons,
    flag, freight, kind, operators, payments, shipments,
};

/// Why bytes are no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEntry {
    /// A length or count does not agree with the bytes that are there.
    #[error("it is cut short or its lengths disagree")]
    Length,
    /// A field is out of its range.
    #[error("its {0} is out of range")]
    Field(&'static str),
    /// A fact kind that this build does not know.
    #[error("it holds a fact of kind {0}, which this version of Tidegate does not know")]
    UnknownKind(u8),
    /// A schema version that this build does not know.
    #[error(
        "it holds a fact of kind {kind} in schema version {version}, newer than this version of Tidegate"
    )]
    NewerVersion {
        /// Of the fact.
        kind: u8,
        /// Of its schema.
        version: u8,
    },
}

/// What an entry says before its facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryHead {
    /// What its facts have in common.
    pub stamp: Stamp,
    /// How many facts follow, 1 or more.
    pub facts: u16,
    /// Bytes of the whole entry.
    pub bytes: usize,
    head_bytes: usize,
}

/// Decodes entries, keeping the lists of the fact at hand in vectors that are used again.
#[derive(Debug, Default)]
pub struct Decoder {
    lines: Vec<Line>,
    units: Vec<ShelfUnits>,
    skus: Vec<SaleSku>,
    coupons: coupons::Room,
}

impl Decoder {
    /// Decodes the entry that `bytes` begin with, giving each fact to `each` with the stamp and its place in the
    /// entry. Facts before a bad one have been given by then: judge a whole group before you use it.
    pub fn entry(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&Stamp, &Fact<'_>),
    ) -> Result<EntryHead, BadEntry> {
        let head = EntryHead::parse(bytes)?;
        let mut from = Cursor { bytes: &bytes[head.head_bytes..head.bytes] };
        for _ in 0..head.facts {
            let fact = self.fact(&mut from)?;
            each(&head.stamp, &fact);
        }
        match from.bytes {
            [] => Ok(head),
            [..] => Err(BadEntry::Length),
        }
    }

    fn fact<'a, 'b: 'a>(&'a mut self, from: &mut Cursor<'b>) -> Result<Fact<'a>, BadEntry> {
        let kind = from.u8()?;
        let version = from.u8()?;
        match kind {
            kind::ORDER_CREATED
            | kind::STOCK_RESERVED
            | kind::STOCK_REDUCED
            | kind::STOCK_RELEASED
            | kind::ORDER_CONFIRMED
            | kind::STOCK_EXCEPTION
            | kind::ORDER_CANCELLED
            | kind::REFUND_DONE
            | kind::STOCK_ADJUSTED
            | kind::SKU_CHANGED
            | kind::SALE_CHANGED
            | kind::FREIGHT_CHANGED
            | kind::STOCK_TRANSFERRED
            | kind::STOCK_RETURNED
            | kind::CURSOR_MOVED
            | kind::LETTER_PARKED
            | kind::LETTER_ENDED
            | kind::HOLD_MADE
            | kind::HOLD_EXTENDED
            | kind::HOLD_ENDED
            | kind::AFTERSALE_CHANGED
            | kind::SWITCH_CHANGED
            | kind::LIMIT_CHANGED => (),
            kind if payments::is_payment(kind) || shipments::is_shipment(kind) => (),
            kind if coupons::is_coupon(kind) => (),
            unknown => return Err(BadEntry::UnknownKind(unknown)),
        }
        match version {
            FACT_VERSION => (),
            SKU_WITH_WEIGHT if kind == kind::SKU_CHANGED => (),
            0 => return Err(BadEntry::Field("schema version")),
            newer => return Err(BadEntry::NewerVersion { kind, version: newer }),
        }
        match kind {
            kind::ORDER_CREATED => self.created(from),
            kind::STOCK_RESERVED => {
                let order = OrderId(from.u64()?);
                Ok(Fact::StockReserved { order, units: self.units(from)? })
            }
            kind::STOCK_REDUCED => {
                let order = OrderId(from.u64()?);
                Ok(Fact::StockReduced { order, units: self.units(from)? })
            }
            kind::STOCK_RELEASED => {
                let order = OrderId(from.u64()?);
                Ok(Fact::StockReleased { order, units: self.units(from)? })
            }
            kind::ORDER_CONFIRMED => {
                Ok(Fact::OrderConfirmed { order: OrderId(from.u64()?), version: from.u32()? })
            }
            kind::STOCK_EXCEPTION => {
                let (order, version) = (OrderId(from.u64()?), from.u32()?);
                Ok(Fact::StockException { order, version, units: self.units(from)? })
            }
            kind::ORDER_CANCELLED => Ok(Fact::OrderCancelled {
                order: OrderId(from.u64()?),
                version: from.u32()?,
                reason: cancel_reason(from.u8()?)?,
                why: from.u16()?,
            }),
            kind::REFUND_DONE => Ok(Fact::RefundDone {
                order: OrderId(from.u64()?),
                version: from.u32()?,
                amount: MinorUnits(from.i64()?),
                why: from.u16()?,
            }),
            kind::STOCK_ADJUSTED => adjusted(from),
            kind::SKU_CHANGED => sku(from, version),
            kind::FREIGHT_CHANGED => freight::freight(from),
            kind::CURSOR_MOVED => Ok(Fact::CursorMoved {
                name: CursorName::parse(from.array()?).ok_or(BadEntry::Field("cursor"))?,
                position: from.u64()?,
                forgotten: match from.u8()? {
                    0 => false,
                    1 => true,
                    _ => return Err(BadEntry::Field("forgotten flag")),
                },
            }),
            kind::LETTER_PARKED => {
                let subscriber = CursorName::parse(from.array()?).ok_or(BadEntry::Field("subscriber"))?;
                let (position, length) = (from.u64()?, from.u8()?);
                let reason =
                    LetterReason::parse(from.take(length.into())?).ok_or(BadEntry::Field("reason"))?;
                Ok(Fact::LetterParked { subscriber, position, reason })
            }
            kind::LETTER_ENDED => Ok(Fact::LetterEnded {
                subscriber: CursorName::parse(from.array()?).ok_or(BadEntry::Field("subscriber"))?,
                position: from.u64()?,
                retried: match from.u8()? {
                    0 => false,
                    1 => true,
                    _ => return Err(BadEntry::Field("retried flag")),
                },
            }),
            kind::HOLD_MADE => {
                let (hold, user, until) = (from.u64()?, UserId(from.u64()?), MicrosUtc(from.i64()?));
                Ok(Fact::HoldMade { hold, user, until, units: self.units(from)? })
            }
            kind::HOLD_EXTENDED => {
                Ok(Fact::HoldExtended { hold: from.u64()?, until: MicrosUtc(from.i64()?) })
            }
            kind::HOLD_ENDED => {
                let hold = from.u64()?;
                let end = HoldEnd::from_number(from.u8()?).ok_or(BadEntry::Field("end of a hold"))?;
                Ok(Fact::HoldEnded { hold, end, units: self.units(from)? })
            }
            kind::STOCK_TRANSFERRED => Ok(Fact::StockTransferred {
                sku: SkuId(from.u64()?),
                from: WarehouseId(from.u32()?),
                to: WarehouseId(from.u32()?),
                units: from.u64()?,
            }),
            kind::STOCK_RETURNED => Ok(Fact::StockReturned {
                sku: SkuId(from.u64()?),
                warehouse: WarehouseId(from.u32()?),
                units: from.u64()?,
            }),
            kind::SWITCH_CHANGED => operators::switch(from),
            kind::LIMIT_CHANGED => operators::limit(from),
            kind if payments::is_payment(kind) => payments::payment(kind, from),
            kind::AFTERSALE_CHANGED => aftersale::changed(from),
            kind if shipments::is_shipment(kind) => self.shipment(kind, from),
            kind if coupons::is_coupon(kind) => coupons::coupon(kind, from, &mut self.coupons),
            _ => self.sale(from), // SALE_CHANGED: the kinds were told apart above.
        }
    }

    fn created<'a, 'b: 'a>(&'a mut self, from: &mut Cursor<'b>) -> Result<Fact<'a>, BadEntry> {
        let order = OrderId(from.u64()?);
        let user = UserId(from.u64()?);
        let hold = from.u64()?;
        let currency = Currency(from.u16()?);
        let discount = MinorUnits(from.i64()?);
        let freight = MinorUnits(from.i64()?);
        let total = MinorUnits(from.i64()?);
        let pay_until = MicrosUtc(from.i64()?);
        let lines = usize::from(from.u16()?);
        let client_bytes = usize::from(from.u16()?);
        if lines == 0 || lines > LINES_MAX {
            return Err(BadEntry::Field("number of lines"));
        }
        if client_bytes > CLIENT_BYTES_MAX {
            return Err(BadEntry::Field("number of client bytes"));
        }
        from.has(lines * LINE_BYTES + client_bytes)?;
        self.lines.clear();
        for _ in 0..lines {
            self.lines.push(line(from)?);
        }
        let client_bytes = from.take(client_bytes)?;
        let lines = &self.lines;
        Ok(Fact::OrderCreated(OrderCreated {
            order,
            user,
            hold,
            currency,
            discount,
            freight,
            total,
            pay_until,
            lines,
            client_bytes,
        }))
    }

    pub(super) fn units<'a>(&'a mut self, from: &mut Cursor<'_>) -> Result<&'a [ShelfUnits], BadEntry> {
        let count = usize::from(from.u16()?);
        if count == 0 || count > LINES_MAX {
            return Err(BadEntry::Field("number of shelves"));
        }
        from.has(count * UNITS_BYTES)?;
        self.units.clear();
        for _ in 0..count {
            let (sku, warehouse) = (SkuId(from.u64()?), WarehouseId(from.u32()?));
            self.units.push(ShelfUnits { sku, warehouse, quantity: quantity(from)? });
        }
        Ok(&self.units)
    }

    fn sale<'a>(&'a mut self, from: &mut Cursor<'_>) -> Result<Fact<'a>, BadEntry> {
        let sale = Sale {
            id: SaleId(from.u32()?),
            version: from.u32()?,
            closed_from: MicrosUtc(from.i64()?),
            opens: MicrosUtc(from.i64()?),
            closes: MicrosUtc(from.i64()?),
            user_limit_units: from.u32()?,
            order_limit_units: from.u32()?,
            cap_units: from.u64()?,
            hold_seconds: from.u32()?,
        };
        let count = from.u32()? as usize;
        if count > SALE_SKUS_MAX {
            return Err(BadEntry::Field("number of skus"));
        }
        from.has(count * SALE_SKU_BYTES)?;
        self.skus.clear();
        for _ in 0..count {
            self.skus.push(SaleSku { sku: SkuId(from.u64()?), unit_price: MinorUnits(from.i64()?) });
        }
        Ok(Fact::SaleChanged { sale, skus: &self.skus })
    }
}

impl EntryHead {
    /// Reads the header of the entry that `bytes` begin with.
    pub fn parse(bytes: &[u8]) -> Result<EntryHead, BadEntry> {
        let mut from = Cursor { bytes };
        let length = from.u32()? as usize;
        if length < HEAD_BYTES || length > bytes.len() {
            return Err(BadEntry::Length);
        }
        let mut from = Cursor { bytes: &bytes[4..length] };
        let facts = from.u16()?;
        if facts == 0 {
            return Err(BadEntry::Field("number of facts"));
        }
        let flags = from.u8()?;
        let at = MicrosUtc(from.i64()?);
        let actor = match flags & flag::ACTOR_MASK {
            flag::ACTOR_USER => Actor::User(UserId(from.u64()?)),
            flag::ACTOR_OPERATOR => Actor::Operator(from.u32()?),
            flag::ACTOR_TIMER => Actor::Timer,
            _ => Actor::Gateway(GatewayId(from.u16()?)), // ACTOR_GATEWAY: two bits have no fifth value.
        };
        let known = flag::ACTOR_MASK | flag::REQUEST | flag::WHO_IS_ACTOR | flag::TRACE;
        if flags & !known != 0 {
            return Err(BadEntry::Field("flags"));
        }
        let request = match (flags & flag::REQUEST != 0, flags & flag::WHO_IS_ACTOR != 0) {
            (false, false) => None,
            (false, true) => return Err(BadEntry::Field("flags")),
            (true, who_is_actor) => Some(request(&mut from, actor, who_is_actor)?),
        };
        let trace = TraceId(if flags & flag::TRACE != 0 { from.u128()? } else { 0 });
        let stamp = Stamp { at, actor, request, trace };
        Ok(EntryHead { stamp, facts, bytes: length, head_bytes: length - from.bytes.len() })
    }
}

fn request(from: &mut Cursor<'_>, actor: Actor, who_is_actor: bool) -> Result<Request, BadEntry> {
    let who = if !who_is_actor {
        UserId(from.u64()?)
    } else {
        match actor {
            Actor::User(user) => user,
            Actor::Operator(_) | Actor::Timer | Actor::Gateway(_) => return Err(BadEntry::Field("flags")),
        }
    };
    Ok(Request { key: RequestKey { who, id: RequestId(from.u128()?) }, body: from.u64()? })
}

fn line(from: &mut Cursor<'_>) -> Result<Line, BadEntry> {
    Ok(Line {
        sku: SkuId(from.u64()?),
        seller: SellerId(from.u32()?),
        warehouse: WarehouseId(from.u32()?),
        sale: SaleId(from.u32()?),
        quantity: quantity(from)?,
        parcel: from.u32()?,
        unit_price: MinorUnits(from.i64()?),
        discount: MinorUnits(from.i64()?),
        freight: MinorUnits(from.i64()?),
    })
}

fn quantity(from: &mut Cursor<'_>) -> Result<Quantity, BadEntry> {
    Quantity::parse(from.u32()?).ok_or(BadEntry::Field("quantity"))
}

fn adjusted<'a>(from: &mut Cursor<'_>) -> Result<Fact<'a>, BadEntry> {
    Ok(Fact::StockAdjusted(StockAdjusted {
        sku: SkuId(from.u64()?),
        warehouse: WarehouseId(from.u32()?),
        on_hand_delta: from.i64()?,
        safety_delta: from.i64()?,
        unavailable_delta: from.i64()?,
        reason: adjust_reason(from.u8()?)?,
        order: OrderId(from.u64()?),
    }))
}

fn sku<'a>(from: &mut Cursor<'_>, schema: u8) -> Result<Fact<'a>, BadEntry> {
    Ok(Fact::SkuChanged(Sku {
        id: SkuId(from.u64()?),
        version: from.u32()?,
        seller: SellerId(from.u32()?),
        currency: Currency(from.u16()?),
        unit_price: MinorUnits(from.i64()?),
        hold_seconds: from.u32()?,
        open: from.flag("open flag")?,
        weight_grams: if schema == SKU_WITH_WEIGHT { from.u32()? } else { 0 },
    }))
}

fn cancel_reason(number: u8) -> Result<CancelReason, BadEntry> {
    match number {
        1 => Ok(CancelReason::User),
        2 => Ok(CancelReason::Timer),
        3 => Ok(CancelReason::Operator),
        4 => Ok(CancelReason::Risk),
        _ => Err(BadEntry::Field("cancel reason")),
    }
}

fn adjust_reason(number: u8) -> Result<AdjustReason, BadEntry> {
    match number {
        1 => Ok(AdjustReason::Received),
        2 => Ok(AdjustReason::Adjusted),
        3 => Ok(AdjustReason::Returned),
        4 => Ok(AdjustReason::Lost),
        _ => Err(BadEntry::Field("reason")),
    }
}

/// Takes fields off the front of bytes.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn has(&self, bytes: usize) -> Result<(), BadEntry> {
        if self.bytes.len() < bytes { Err(BadEntry::Length) } else { Ok(()) }
    }

    pub(super) fn take(&mut self, bytes: usize) -> Result<&'a [u8], BadEntry> {
        let (taken, rest) = self.bytes.split_at_checked(bytes).ok_or(BadEntry::Length)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], BadEntry> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>().ok_or(BadEntry::Length)?;
        self.bytes = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, BadEntry> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(super) fn flag(&mut self, name: &'static str) -> Result<bool, BadEntry> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(BadEntry::Field(name)),
        }
    }

    pub(super) fn u16(&mut self) -> Result<u16, BadEntry> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, BadEntry> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, BadEntry> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn u128(&mut self) -> Result<u128, BadEntry> {
        Ok(u128::from_le_bytes(self.array()?))
    }

    pub(super) fn i64(&mut self) -> Result<i64, BadEntry> {
        Ok(i64::from_le_bytes(self.array()?))
    }
}
