//! What operators, carriers and buyers ask about an order on its way.

use domain::intent::{ConfirmReceipt, SentLine, Ship, Sign, TrackNote};
use domain::order::State;
use domain::shipment::{Waybill, Whereabouts};
use domain::verdict::OrderView;
use domain::{Intent, OrderId, Quantity, UserId, Verdict};

use super::{Envelope, History};

impl History {
    pub(super) fn shipping<'a>(&mut self, lines: &'a [SentLine]) -> Intent<'a> {
        let request = self.request();
        match self.dice.u8(0..10) {
            0..=3 => {
                let sendable = [State::Confirmed, State::PartShipped];
                let order = if lines.is_empty() { self.order_in(&sendable) } else { self.planned };
                let waybill = Waybill { carrier: [self.dice.u8(..); 16], ..Waybill::NONE };
                Intent::Ship(Ship { request, order, version: self.version_of(order), waybill, lines })
            }
            4..=5 => {
                let order = self.order_in(&[State::Shipped]);
                Intent::Sign(Sign { request, order, version: self.version_of(order) })
            }
            6 => {
                let order = self.order_in(&[State::Delivered]);
                let user = self.buyer_of(order);
                let version = self.version_of(order);
                Intent::ConfirmReceipt(ConfirmReceipt { user, request, order, version })
            }
            7 => {
                let order = self.order_in(&[State::Shipped, State::PartShipped]);
                let (number, note) = (self.dice.u16(0..4), Whereabouts([self.dice.u8(..); 40]));
                Intent::TrackNote(TrackNote { request, order, number, note })
            }
            _ => {
                let order = self.order_in(&[State::Shipped, State::PartShipped, State::Refunded]);
                Intent::Track { user: self.buyer_of(order), order }
            }
        }
    }

    /// Lines of the order that is sent next; often none, which is all of it.
    pub(super) fn sent_lines(&mut self) -> Vec<SentLine> {
        self.planned = self.order_in(&[State::Confirmed, State::PartShipped]);
        let Some(view) = self.view(self.planned).filter(|_| self.dice.bool()) else { return Vec::new() };
        let mut lines = Vec::new();
        for line in &view.lines {
            if self.dice.bool() {
                let most = line.quantity.get() + u32::from(!self.mostly());
                let units = self.dice.u32(1..=most);
                let quantity = Quantity::parse(units).unwrap_or(line.quantity);
                lines.push(SentLine { sku: line.sku, quantity });
            }
        }
        if !self.mostly() {
            lines.push(SentLine { sku: self.sku(), quantity: Quantity::parse(1).expect("one") });
        }
        lines
    }

    /// Mostly an order in one of these states, where one is soon found.
    pub(super) fn order_in(&mut self, states: &[State]) -> OrderId {
        let mut order = self.order();
        for _ in 0..8 {
            if self.view(order).is_some_and(|view| states.contains(&view.brief.state)) {
                break;
            }
            order = self.order();
        }
        order
    }

    pub(super) fn buyer_of(&mut self, order: OrderId) -> UserId {
        let buyer = self.view(order).map_or(UserId(1), |view| view.brief.user);
        match self.dice.u8(0..8) {
            0 => UserId(0),
            1 => self.user(),
            _ => buyer,
        }
    }

    fn version_of(&mut self, order: OrderId) -> u32 {
        let stands = self.view(order).map_or(1, |view| view.brief.version);
        if self.dice.bool() { 0 } else { self.version_near(stands) }
    }

    pub(super) fn view(&mut self, order: OrderId) -> Option<OrderView> {
        let read = Intent::Get { user: UserId(0), order };
        let answer = self.model.answer(self.now, Envelope::default(), &read);
        if let Verdict::OrderFound(view) = answer { Some(*view) } else { None }
    }
}
