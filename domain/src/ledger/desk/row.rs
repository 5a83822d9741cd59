//! Rows, as a store keeps them: what each is named by, what it says, and its bytes.
//!
//! A row says all that it says by ids, never by a slot, so it means the same on every desk. Its bytes begin with the
//! version of their layout, and name the row, too: one that was filed under another name is found out.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use crate::coupon::{Coupon, CouponCounts};
use crate::cursor::CursorName;
use crate::fact::{RequestKey, ShelfUnits};
use crate::freight::FreightRule;
use crate::hold::Hold;
use crate::ids::{
    CouponId, Making, OrderId, PaymentId, RequestId, SaleId, SellerId, SkuId, UserId, WarehouseId,
};
use crate::image::{Flat, flat};
use crate::intent::{Sale, Sku};
use crate::ledger::rest::{RecordFault, put_counted, take_counted};
use crate::letter::LetterReason;
use crate::limit::UserLimit;
use crate::shelf::Shelf;
use crate::switch::{Note, Scope, Switch};
use crate::units::{Currency, MicrosUtc, MinorUnits};

/// Of the layout of all rows: another one is another version. (An order's record has a version of its own, too.)
const ROW_VERSION: u16 = 1;

/// What a row is named by. Its order is that of the rows of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// What is known of a sku.
    Sku(SkuId),
    /// A sale, without its skus.
    Sale(SaleId),
    /// A sku's place in a sale.
    Place(SkuId, SaleId),
    /// What a seller takes for sending.
    Freight(SellerId, Currency),
    /// A coupon, and the skus of its scope.
    Coupon(CouponId),
    /// What is set for a user.
    Limit(UserId),
    /// A switch that is set.
    Switch(Scope),
    /// The number of the last change of any switch.
    SwitchVersion,
    /// What is counted over all users.
    Shared(Shared),
    /// A request that is remembered.
    Request(RequestKey),
    /// An order, with its payments, shipments, coupons and cases.
    Order(OrderId),
    /// Units of a sale that a user has.
    Count(SaleId, UserId),
    /// How often a user took a coupon.
    CouponUser(CouponId, UserId),
    /// Units set aside without an order.
    Hold(u64),
    /// Refunds of an order's payments that failed and were asked for otherwise since.
    FailedRefunds(OrderId),
    /// The order that was made then: a payment's id leads there (it has no slot).
    Making(Making),
    /// A fact that a subscriber parked.
    Letter(CursorName, u64),
    /// How many are parked.
    Letters,
}

/// Counted over all users, so no shard of a cluster has the whole truth of it: a shelf, in the words of the cluster's
/// protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shared {
    /// Units of a sku in a warehouse.
    Shelf(SkuId, WarehouseId),
    /// Units that a sale's cap counts.
    Cap(SaleId),
    /// How often a coupon was taken, which its quota counts.
    Quota(CouponId),
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// See [`Key::Sku`].
    Sku(Sku),
    /// See [`Key::Sale`].
    Sale(Sale),
    /// See [`Key::Place`].
    Place(Place),
    /// See [`Key::Freight`].
    Freight(FreightRule),
    /// See [`Key::Coupon`].
    Coupon(Coupon, Vec<SkuId>),
    /// See [`Key::Limit`].
    Limit(UserLimit),
    /// See [`Key::Switch`].
    Switch(Switch),
    /// See [`Key::SwitchVersion`].
    SwitchVersion(u32),
    /// See [`Shared::Shelf`].
    Shelf(SkuId, WarehouseId, Shelf),
    /// See [`Shared::Cap`].
    Cap(SaleId, u64),
    /// See [`Shared::Quota`].
    Quota(CouponId, CouponCounts),
    /// See [`Key::Request`].
    Request(RequestKey, LedTo),
    /// See [`Key::Order`]: the order's record, as [`Resting`](crate::ledger::Resting) has it.
    Order(OrderId, Box<[u8]>),
    /// See [`Key::Count`]: 1 or more.
    Count(SaleId, UserId, u32),
    /// See [`Key::CouponUser`].
    CouponUser(CouponId, UserId, CouponCounts),
    /// See [`Key::Hold`].
    Hold(HoldRecord),
    /// See [`Key::FailedRefunds`]: 1 or more.
    FailedRefunds(OrderId, Vec<FailedRefund>),
    /// See [`Key::Making`].
    Making(Making, OrderId),
    /// See [`Key::Letter`]: when, and why.
    Letter(CursorName, u64, MicrosUtc, Box<str>),
    /// See [`Key::Letters`].
    Letters(u64),
}

/// A sku's place in a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The sku.
    pub sku: SkuId,
    /// The sale.
    pub sale: SaleId,
    /// From when the sale speaks for the sku, as the sale says: which of a sku's places speaks now is seen without
    /// all its sales.
    pub closed_from: MicrosUtc,
    /// Price of one unit in this sale.
    pub unit_price: MinorUnits,
}

/// A hold with all that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldRecord {
    /// What is known of it.
    pub hold: Hold,
    /// The time in the id of the request that made it.
    pub made: MicrosUtc,
    /// In the order of its lines; nothing once it has ended.
    pub units: Vec<ShelfUnits>,
}

/// A refund that failed and was asked for otherwise since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedRefund {
    /// Of which payment.
    pub payment: PaymentId,
    /// Which of its refunds.
    pub number: u16,
    /// What it was about.
    pub amount: MinorUnits,
}

/// What a remembered request led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedTo {
    /// It made this order, which has its hash.
    Made(OrderId),
    /// It changed something.
    Change {
        /// Hash of its kind and body.
        body: u64,
        /// What.
        about: About,
    },
}

/// What a request that made no order changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// This order.
    Order(OrderId),
    /// This sku was put.
    Sku(SkuId),
    /// This sale was put.
    Sale(SaleId),
    /// This freight rule was put.
    Freight(SellerId, Currency),
    /// This shelf was adjusted, or sold units came back to it.
    Shelf(SkuId, WarehouseId),
    /// This hold was made, ended or extended.
    Hold(u64),
    /// Something was set for a user.
    Limit,
    /// A switch was changed: this is the version that it made.
    Switch(u32),
    /// Units of the sku went from the one warehouse to the other.
    Shelves(SkuId, [WarehouseId; 2]),
    /// This payment of the order was opened or closed, or a refund of it was asked for.
    Payment(OrderId, PaymentId),
    /// This after-sales case of the order was opened, decided, or its goods came.
    Case(OrderId, u16),
    /// A dead letter was parked or ended.
    Letters,
    /// This coupon was defined.
    Coupon(CouponId),
    /// This user claimed this coupon.
    CouponTaken(CouponId, UserId),
}

/// Why a row cannot lie on a desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFault {
    /// Bytes in it mean nothing: it is none, or damaged.
    Nonsense,
    /// It was written by a newer version of this program.
    Version(u16),
    /// An order's record was.
    RecordVersion(u16),
    /// Others name this row, and it is nowhere: rows are lost, or were not read as one.
    Missing(Key),
    /// Orders or holds say that more is counted here than is: rows are lost, or were not read as one.
    Contradicted(Key),
    /// The desk is too small for what was asked of it: ask less at once, or take a larger one.
    Full(&'static str),
}

flat! {
    Place { sku: SkuId, sale: SaleId, closed_from: MicrosUtc, unit_price: MinorUnits }
    FailedRefund { payment: PaymentId, number: u16, amount: MinorUnits }
}

impl Row {
    /// What it is named by.
    pub fn key(&self) -> Key {
        match self {
            Row::Sku(sku) => Key::Sku(sku.id),
            Row::Sale(sale) => Key::Sale(sale.id),
            Row::Place(it) => Key::Place(it.sku, it.sale),
            Row::Freight(rule) => Key::Freight(rule.seller, rule.currency),
            Row::Coupon(coupon, _) => Key::Coupon(coupon.id),
            Row::Limit(limit) => Key::Limit(limit.user),
            Row::Switch(switch) => Key::Switch(switch.scope),
            Row::SwitchVersion(_) => Key::SwitchVersion,
            Row::Shelf(sku, warehouse, _) => Key::Shared(Shared::Shelf(*sku, *warehouse)),
            Row::Cap(sale, _) => Key::Shared(Shared::Cap(*sale)),
            Row::Quota(coupon, _) => Key::Shared(Shared::Quota(*coupon)),
            Row::Request(key, _) => Key::Request(*key),
            Row::Order(order, _) => Key::Order(*order),
            Row::Count(sale, user, _) => Key::Count(*sale, *user),
            Row::CouponUser(coupon, user, _) => Key::CouponUser(*coupon, *user),
            Row::Hold(it) => Key::Hold(it.hold.id),
            Row::FailedRefunds(order, _) => Key::FailedRefunds(*order),
            Row::Making(making, _) => Key::Making(*making),
            Row::Letter(subscriber, position, ..) => Key::Letter(*subscriber, *position),
            Row::Letters(_) => Key::Letters,
        }
    }

    /// Appends its bytes.
    pub fn put(&self, out: &mut Vec<u8>) {
        (ROW_VERSION, self.number()).put(out);
        match self {
            Row::Sku(sku) => sku.put(out),
            Row::Sale(sale) => sale.put(out),
            Row::Place(place) => place.put(out),
            Row::Freight(rule) => rule.put(out),
            Row::Coupon(coupon, skus) => {
                coupon.put(out);
                put_counted(skus.iter().copied(), out);
            }
            Row::Limit(limit) => limit.put(out),
            Row::Switch(Switch { scope, stops, version, since, note }) => {
                (*scope, (*stops, (*version, *since))).put(out);
                put_words(note, out);
            }
            Row::SwitchVersion(version) => version.put(out),
            Row::Shelf(sku, warehouse, shelf) => (*sku, (*warehouse, *shelf)).put(out),
            Row::Cap(sale, units) => (*sale, *units).put(out),
            Row::Quota(coupon, counts) => (*coupon, *counts).put(out),
            Row::Request(key, led_to) => {
                (key.who, key.id).put(out);
                led_to.put(out);
            }
            Row::Order(order, record) => {
                order.put(out);
                out.extend_from_slice(record);
            }
            Row::Count(sale, user, units) => (*sale, (*user, *units)).put(out),
            Row::CouponUser(coupon, user, counts) => (*coupon, (*user, *counts)).put(out),
            Row::Hold(HoldRecord { hold, made, units }) => {
                (*hold, *made).put(out);
                put_counted(units.iter().copied(), out);
            }
            Row::FailedRefunds(order, refunds) => {
                order.put(out);
                put_counted(refunds.iter().copied(), out);
            }
            Row::Making(making, order) => (making.0, *order).put(out),
            Row::Letter(subscriber, position, at, reason) => {
                (*subscriber, (*position, *at)).put(out);
                put_words(reason, out);
            }
            Row::Letters(parked) => parked.put(out),
        }
    }

    /// Reads a row. An order's record is read when it is laid.
    ///
    /// # Errors
    /// Where the bytes are damaged or of another version.
    pub fn parse(mut bytes: &[u8]) -> Result<Row, RowFault> {
        let version = u16::take(&mut bytes).ok_or(RowFault::Nonsense)?;
        if version != ROW_VERSION {
            return Err(RowFault::Version(version));
        }
        Row::take(&mut bytes).filter(|_| bytes.is_empty()).ok_or(RowFault::Nonsense)
    }

    fn take(from: &mut &[u8]) -> Option<Row> {
        Some(match u8::take(from)? {
            1 => Row::Sku(Flat::take(from)?),
            2 => Row::Sale(Flat::take(from)?),
            3 => Row::Place(Flat::take(from)?),
            4 => Row::Freight(Flat::take(from)?),
            5 => Row::Coupon(Flat::take(from)?, take_counted(from)?),
            6 => Row::Limit(Flat::take(from)?),
            7 => {
                let (scope, (stops, (version, since))) = Flat::take(from)?;
                let note = Note::parse(take_words(from)?)?.as_str().into();
                Row::Switch(Switch { scope, stops, version, since, note })
            }
            8 => Row::SwitchVersion(Flat::take(from)?),
            9 => {
                let (sku, (warehouse, shelf)) = Flat::take(from)?;
                Row::Shelf(sku, warehouse, shelf)
            }
            10 => Row::Cap(Flat::take(from)?, Flat::take(from)?),
            11 => Row::Quota(Flat::take(from)?, Flat::take(from)?),
            12 => {
                let key = RequestKey { who: Flat::take(from)?, id: RequestId::take(from)? };
                Row::Request(key, LedTo::take(from)?)
            }
            13 => Row::Order(Flat::take(from)?, core::mem::take(from).into()),
            14 => Row::Count(Flat::take(from)?, Flat::take(from)?, Flat::take(from)?),
            15 => Row::CouponUser(Flat::take(from)?, Flat::take(from)?, Flat::take(from)?),
            16 => {
                let (hold, made) = Flat::take(from)?;
                Row::Hold(HoldRecord { hold, made, units: take_counted(from)? })
            }
            17 => Row::FailedRefunds(Flat::take(from)?, take_counted(from)?),
            18 => Row::Making(Making(u64::take(from)?), Flat::take(from)?),
            19 => {
                let (subscriber, (position, at)) = Flat::take(from)?;
                let reason = LetterReason::parse(take_words(from)?)?.as_str().into();
                Row::Letter(subscriber, position, at, reason)
            }
            20 => Row::Letters(Flat::take(from)?),
            _ => return None,
        })
    }

    /// Stands for the kind in its bytes.
    const fn number(&self) -> u8 {
        match self {
            Row::Sku(_) => 1,
            Row::Sale(_) => 2,
            Row::Place(_) => 3,
            Row::Freight(_) => 4,
            Row::Coupon(..) => 5,
            Row::Limit(_) => 6,
            Row::Switch(_) => 7,
            Row::SwitchVersion(_) => 8,
            Row::Shelf(..) => 9,
            Row::Cap(..) => 10,
            Row::Quota(..) => 11,
            Row::Request(..) => 12,
            Row::Order(..) => 13,
            Row::Count(..) => 14,
            Row::CouponUser(..) => 15,
            Row::Hold(_) => 16,
            Row::FailedRefunds(..) => 17,
            Row::Making(..) => 18,
            Row::Letter(..) => 19,
            Row::Letters(_) => 20,
        }
    }
}

impl LedTo {
    fn put(&self, out: &mut Vec<u8>) {
        match *self {
            LedTo::Made(order) => (1_u8, order).put(out),
            LedTo::Change { body, about } => {
                (2_u8, body).put(out);
                about.put(out);
            }
        }
    }

    fn take(from: &mut &[u8]) -> Option<LedTo> {
        match u8::take(from)? {
            1 => Some(LedTo::Made(Flat::take(from)?)),
            2 => Some(LedTo::Change { body: Flat::take(from)?, about: About::take(from)? }),
            _ => None,
        }
    }
}

impl About {
    fn put(&self, out: &mut Vec<u8>) {
        match *self {
            About::Order(order) => (1_u8, order).put(out),
            About::Sku(sku) => (2_u8, sku).put(out),
            About::Sale(sale) => (3_u8, sale).put(out),
            About::Freight(seller, currency) => (4_u8, (seller, currency)).put(out),
            About::Shelf(sku, warehouse) => (5_u8, (sku, warehouse)).put(out),
            About::Hold(hold) => (6_u8, hold).put(out),
            About::Limit => 7_u8.put(out),
            About::Switch(version) => (8_u8, version).put(out),
            About::Shelves(sku, warehouses) => (9_u8, (sku, warehouses)).put(out),
            About::Payment(order, payment) => (10_u8, (order, payment)).put(out),
            About::Case(order, number) => (11_u8, (order, number)).put(out),
            About::Letters => 12_u8.put(out),
            About::Coupon(coupon) => (13_u8, coupon).put(out),
            About::CouponTaken(coupon, user) => (14_u8, (coupon, user)).put(out),
        }
    }

    fn take(from: &mut &[u8]) -> Option<About> {
        Some(match u8::take(from)? {
            1 => About::Order(Flat::take(from)?),
            2 => About::Sku(Flat::take(from)?),
            3 => About::Sale(Flat::take(from)?),
            4 => About::Freight(Flat::take(from)?, Flat::take(from)?),
            5 => About::Shelf(Flat::take(from)?, Flat::take(from)?),
            6 => About::Hold(Flat::take(from)?),
            7 => About::Limit,
            8 => About::Switch(Flat::take(from)?),
            9 => About::Shelves(Flat::take(from)?, Flat::take(from)?),
            10 => About::Payment(Flat::take(from)?, Flat::take(from)?),
            11 => About::Case(Flat::take(from)?, Flat::take(from)?),
            12 => About::Letters,
            13 => About::Coupon(Flat::take(from)?),
            14 => About::CouponTaken(Flat::take(from)?, Flat::take(from)?),
            _ => return None,
        })
    }
}

/// Appends a short text.
fn put_words(words: &str, out: &mut Vec<u8>) {
    put_counted(words.bytes(), out);
}

/// Takes what [`put_words`] wrote, as bytes.
fn take_words<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (words, rest) = {
        let bytes = u16::take(from)?;
        from.split_at_checked(bytes.into())?
    };
    *from = rest;
    Some(words)
}

impl From<RecordFault> for RowFault {
    fn from(fault: RecordFault) -> RowFault {
        match fault {
            RecordFault::Nonsense => RowFault::Nonsense,
            RecordFault::Version(version) => RowFault::RecordVersion(version),
            RecordFault::PassedBound(bound) => RowFault::Full(bound.name),
        }
    }
}

impl fmt::Display for RowFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RowFault::Nonsense => write!(f, "a row holds bytes that mean nothing"),
            RowFault::Version(version) => {
                write!(f, "a row has version {version}, and this program reads {ROW_VERSION}")
            }
            RowFault::RecordVersion(version) => {
                write!(f, "an order's record has version {version}, which this program does not read")
            }
            RowFault::Missing(key) => write!(f, "{key:?} is named by other rows, and is nowhere"),
            RowFault::Contradicted(key) => {
                write!(f, "orders or holds have more than {key:?} says")
            }
            RowFault::Full(what) => write!(f, "the desk has no room left: {what}"),
        }
    }
}

impl core::error::Error for RowFault {}
