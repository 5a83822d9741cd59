//! ORDERS_SCAN.

use protocol::structs as wire;
use protocol::{Parsed, messages};

use super::sealed::Wire;
use super::{Ask, Request};
use crate::shop::{self, OrderPage};
use crate::values::{MicrosUtc, OrderId, SaleId, SkuId, State, UserId};

/// Reads orders of everybody, newest first.
#[derive(Clone, Debug)]
pub struct OrdersScan {
    head: wire::OrdersScanHead,
}

impl OrdersScan {
    pub(crate) fn new() -> OrdersScan {
        let head = wire::OrdersScanHead {
            before: 0,
            user: 0,
            sku: 0,
            from: 0,
            to: 0,
            sale: 0,
            limit: 100,
            state: 0,
        };
        OrdersScan { head }
    }
}

impl Request<OrdersScan> {
    /// Only orders made before this one: a page's [`next`](OrderPage::next) brings the next page.
    pub fn before(mut self, order: OrderId) -> Self {
        self.ask.head.before = order.0;
        self
    }

    /// Only this user's orders.
    pub fn of_user(mut self, user: UserId) -> Self {
        self.ask.head.user = user.0;
        self
    }

    /// Only orders in this state.
    pub fn in_state(mut self, state: State) -> Self {
        self.ask.head.state = state.number();
        self
    }

    /// Only orders with a line of this sku.
    pub fn with_sku(mut self, sku: SkuId) -> Self {
        self.ask.head.sku = sku.0;
        self
    }

    /// Only orders with a line that sold in this sale; with a sku, one line must be both.
    pub fn in_sale(mut self, sale: SaleId) -> Self {
        self.ask.head.sale = sale.0;
        self
    }

    /// Only orders made at this time or later.
    pub fn made_from(mut self, at: MicrosUtc) -> Self {
        self.ask.head.from = at.0;
        self
    }

    /// Only orders made before this time.
    pub fn made_before(mut self, at: MicrosUtc) -> Self {
        self.ask.head.to = at.0;
        self
    }

    /// Orders of one page, 1 to 100. Default 100. A page may have fewer, or none, and still a next one.
    pub fn limit(mut self, orders: u16) -> Self {
        self.ask.head.limit = orders;
        self
    }
}

impl Wire for OrdersScan {
    type Question = messages::OrdersScan;
    type Reply = messages::OrdersScanAnswer;
    const CHANGES: bool = false;

    fn head(&self, _request: u128) -> wire::OrdersScanHead {
        self.head
    }
}

impl Ask for OrdersScan {
    type Answer = OrderPage;

    fn read(answer: &Parsed<'_, messages::OrdersScanAnswer>) -> Option<OrderPage> {
        let items = answer.items.iter().map(|item| shop::brief(&item)).collect::<Option<_>>()?;
        let next = Some(OrderId(answer.head.next)).filter(|&order| order != OrderId(0));
        Some(OrderPage { items, next })
    }
}
