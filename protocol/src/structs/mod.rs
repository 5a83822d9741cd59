//! The structs that bodies are made of. Plain numbers: what they mean in the shop is judged behind this crate.

// rkyv derives a resolver beside each struct, and gives it no Debug.
#![allow(missing_debug_implementations)]

mod aftersale;
mod coupon;
mod events;
mod freight;
mod guards;
mod operate;
mod order;
mod payment;
mod scan;
mod session;
mod shipment;
mod shop;
mod stock;

pub use aftersale::*;
pub use coupon::*;
pub use events::*;
pub use freight::*;
pub use guards::*;
pub use operate::*;
pub use order::*;
pub use payment::*;
pub use scan::*;
pub use session::*;
pub use shipment::*;
pub use shop::*;
pub use stock::*;
