//! The client of Tidegate: pooled, pipelined, and safe to retry.
//!
//! ```no_run
//! # async fn buy() -> Result<(), tidegate_sdk::Error> {
//! use tidegate_sdk::{Client, Currency, Money, SkuId, UserId};
//!
//! let client = Client::connect("127.0.0.1:7171").await?;
//! let order = client.create(UserId(7), Money::new(39_98, Currency::EUR)).line(SkuId(1), 2).await?;
//! println!("order {} is {}; pay until {}", order.order, order.state, order.pay_until);
//! # Ok(())
//! # }
//! ```
//!
//! Every request is a value that can be refined (a deadline, a trace, a request id of your own) and is sent when it
//! is awaited. A clone of a [`Client`] shares its connections, and any number of tasks may use them at once.
//!
//! **Asking twice does once.** Every request that changes something carries a [`RequestId`]. When a connection is
//! lost or the server cannot tell, the client asks again with the same id, within the deadline and a bounded budget
//! of retries. What it could not find out in time comes back as [`Error::OutcomeUnknown`] with the id: ask again
//! with [`Request::again`], tomorrow if need be.
//!
//! **Three kinds of failure** never mix: the shop said no ([`Error::Refused`]), nobody knows yet
//! ([`Error::TryAgain`], [`Error::OutcomeUnknown`]), or one side broke the rules of the wire
//! ([`Error::Violation`]).
//!
//! This crate knows the wire and nothing of the server's inside; prices, limits and stock are the server's to judge.
#![forbid(unsafe_code)]

mod client;
mod coupon;
mod error;
mod events;
mod shop;
mod test_gateway;
mod values;

pub mod blocking;
pub mod request;

// How a request gets to a server and back, from the outside in.
mod attempts;
mod clock;
mod connection;
mod pool;

pub use client::{Builder, CONNECTIONS_MAX, Client, IN_FLIGHT_MAX};
pub use coupon::{
    Benefit, Coupon, CouponChecked, CouponScope, CouponShare, CouponTaken, CouponWithSkus, CouponsChecked,
};
pub use error::{Cause, Error, Refused, Violation};
pub use events::{DeadLetter, DeadLetters, Event, EventFilter, EventItem, Events, StartAt};
pub use protocol::{Class, EventType, GatewayKey, Kind, Status, text_of};
pub use request::{AdjustReason, BatchOrder, BatchOutcome, Request};
pub use shop::{
    Actor, Aftersale, AftersaleKind, AftersaleState, Audit, FreightBy, FreightRule, HistoryRow, Hold,
    HoldState, Line, Order, OrderBrief, OrderPage, Page, Payment, PaymentState, Priced, PricedHold,
    RefundNow, RefundState, Returned, Sale, SaleWithSkus, Shelf, Shipment, Sku, SkuNow, Stats, Switch,
    Tracked, Transferred, UserLimit,
};
pub use test_gateway::TestGateway;
pub use values::*;
