//! An audit that begins behind a checkpoint: its balance is the opening of the books.
//!
//! What was before is taken on trust (who asked for what, what the catalogue said when an order was made, how units came
//! to their shelves), but it has to add up: whatever a ledger sums up of its orders is summed up here anew, from the orders
//! themselves, and compared. From there on the facts are judged like all others.

use domain::coupon::CouponCounts;
use domain::fact::{Actor, RequestKey};
use domain::hold::HoldState;
use domain::ledger::{Balance, OrderBalance, PaymentBalance, ShelfBalance, ShipmentBalance};
use domain::order::State;
use domain::verdict::{HistoryRow, OrderBrief, SaleView, ShelfView, digest_note, digest_shipment};
use domain::{Micros, MinorUnits, OrderId, PaymentId};

use super::Auditor;
use super::books::{
    Books, CaseBook, CouponBook, HoldBook, LineBook, OnShelves, OrderBook, PaymentBook, SaleBook, ShelfBook,
};
use super::tally::Rule;

/// Books that are being opened.
#[derive(Debug)]
pub struct Opening {
    auditor: Auditor,
    balance: Balance,
}

impl Opening {
    /// Behind this position, where a ledger held this beside its orders. Requests count as remembered for
    /// `request_window` after the time in their ids.
    pub fn new(request_window: Micros, position: u64, balance: Balance) -> Opening {
        let mut auditor = Auditor::new(request_window);
        auditor.next_position = position.saturating_add(1);
        auditor.begins_behind = position;
        auditor.time = balance.holdings.at;
        auditor.requests.extend(&balance.requests);
        auditor.books = Books::behind(&balance);
        auditor.tally.at(position);
        Opening { auditor, balance }
    }

    /// An order that there was. Each comes once, in any order.
    pub fn order(&mut self, order: &OrderBalance) {
        let OrderBrief { order: id, user, .. } = order.brief;
        let Auditor { books, tally, requests, .. } = &mut self.auditor;
        let known = books.orders.contains_key(&id) || books.holds.contains_key(&id.0);
        let drawn = Some((id.ms(), id.sequence())) <= self.balance.newest_id;
        tally.check(Rule::OrderIds, !known && drawn && id.slot() == OrderId::slot_of(user), || {
            format!("order id {} is there twice, was not drawn or has another user's slot", id.0)
        });
        if known {
            return;
        }
        let key = RequestKey { who: user, id: order.request };
        tally.check(Rule::RequestIds, requests.insert(key), || {
            format!("request {:032x} of {} did something twice", key.id.0, user.0)
        });
        let book = OrderBook::behind(order, &self.balance.failed_refunds);
        for it in &order.shipments {
            books.shipments += 1;
            books.shipments_digest = books.shipments_digest.wrapping_add(digest_of(id, it));
        }
        books.count_opened(&book);
        books.orders.insert(id, book);
    }

    /// All orders are there: judges that the balance adds up, and goes on to the facts behind it.
    pub fn opened(self) -> Auditor {
        let Opening { mut auditor, balance } = self;
        let OnShelves { sold, .. } = auditor.books.on_shelves();
        for (place, shelf) in &mut auditor.books.shelves {
            let by_orders = sold.get(place).copied().unwrap_or(0);
            // Holds that ended have sold the rest. Nobody knows them any more, but none sold less than nothing.
            shelf.sold_before = (shelf.sold - by_orders).max(0);
        }
        auditor.judge_end();
        auditor.compare(&balance.holdings);
        auditor
    }
}

impl Books {
    /// Without orders. What they hold and count is counted with each of them.
    fn behind(balance: &Balance) -> Books {
        let mut books = Books { last_id: balance.newest_id, ..Books::default() };
        books.skus = balance.skus.iter().map(|sku| (sku.id, *sku)).collect();
        for SaleView { summary, skus } in &balance.sales {
            let sale = summary.sale;
            let prices = skus.iter().map(|item| (item.sku, item.unit_price)).collect();
            skus.iter().for_each(|item| books.sales_of.entry(item.sku).or_default().push(sale.id));
            books.sales.insert(sale.id, SaleBook { sale, prices, taken: 0 });
        }
        books.freight = balance.freight.iter().map(|rule| ((rule.seller, rule.currency), *rule)).collect();
        books.shelves = (balance.shelves.iter())
            .map(|shelf| ((shelf.view.sku, shelf.view.warehouse), ShelfBook::behind(shelf)))
            .collect();
        for (hold, units) in &balance.holds {
            let lines: Vec<_> = units.iter().map(LineBook::from).collect();
            let book = HoldBook { user: hold.user, until: hold.until, state: HoldState::Open, lines };
            books.holds.insert(hold.id, book);
        }
        for summary in &balance.coupons {
            let book = CouponBook { coupon: summary.coupon, counts: CouponCounts::default() };
            books.coupons.insert(summary.coupon.id, book);
        }
        for &(coupon, user, claimed) in &balance.claims {
            books.coupon_users.entry((coupon, user)).or_default().claimed += claimed;
            if let Some(book) = books.coupons.get_mut(&coupon) {
                book.counts.claimed += claimed;
            }
        }
        books.cursors = balance.cursors.iter().copied().collect();
        books.letters = balance.letters.iter().copied().collect();
        books.limits = balance.limits.iter().map(|limit| (limit.user, *limit)).collect();
        books.switches = balance.switches.iter().map(|switch| (switch.scope, switch.clone())).collect();
        books.switch_changes = balance.switch_changes;
        books
    }

    /// What an order counts of sales and coupons.
    fn count_opened(&mut self, order: &OrderBook) {
        let (holds, counts) = match order.state {
            State::PendingPayment | State::Paying => (true, true),
            State::Reserving | State::Failed | State::Cancelled | State::Refunded => (false, false),
            // Late money that goes back counts nothing.
            State::Refunding => (false, order.counted),
            State::Paid
            | State::StockException
            | State::Confirmed
            | State::PartShipped
            | State::Shipped
            | State::Delivered
            | State::Completed => (false, true),
        };
        for line in order.lines.iter().filter(|_| counts) {
            self.count(order.user, line, 1);
        }
        // A used coupon stays used.
        if !holds && !order.counted {
            return;
        }
        for share in &order.coupons {
            let pair = self.coupon_users.entry((share.coupon, order.user)).or_default();
            for counts in
                [pair].into_iter().chain(self.coupons.get_mut(&share.coupon).map(|it| &mut it.counts))
            {
                counts.locked += u64::from(holds);
                counts.used += u64::from(!holds);
            }
        }
    }
}

impl ShelfBook {
    /// What came and went before is one sum.
    fn behind(balance: &ShelfBalance) -> ShelfBook {
        let ShelfView { on_hand, held, safety, unavailable, sold, .. } = balance.view;
        let [on_hand, held, safety, unavailable, sold] =
            [on_hand, held, safety, unavailable, sold].map(i128::from);
        let came_back = i128::from(balance.came_back);
        let received = on_hand + sold - came_back;
        ShelfBook {
            on_hand,
            held,
            safety,
            unavailable,
            received,
            returned: came_back,
            came_back,
            sold,
            ..ShelfBook::default()
        }
    }
}

impl OrderBook {
    fn behind(order: &OrderBalance, failed: &[(PaymentId, u16, MinorUnits)]) -> OrderBook {
        let OrderBalance { brief, lines, coupons, history, payments, shipments, cases, .. } = order;
        let came_to = |to| history.iter().any(|row| row.to == to);
        let sold = came_to(State::Confirmed);
        let cancelled = history.iter().rev().find(|row| row.to == State::Cancelled);
        let mut book = OrderBook {
            user: brief.user,
            state: brief.state,
            version: brief.version,
            total: brief.total,
            pay_until: brief.pay_until,
            lines: lines.iter().map(LineBook::from).collect(),
            currency: brief.currency,
            ended_by_timer: cancelled.is_some_and(|HistoryRow { actor, .. }| *actor == Actor::Timer),
            sold,
            counted: sold || came_to(State::StockException),
            discount: MinorUnits(lines.iter().fold(0, |sum, line| line.discount.0.wrapping_add(sum))),
            coupons: coupons.clone(),
            payments: payments.iter().map(|it| PaymentBook::behind(it, failed)).collect(),
            sent: lines.iter().map(|_| 0).collect(),
            shipments: shipments.iter().map(|it| it.note).collect(),
            cases: Vec::new(),
        };
        for it in shipments {
            book.send(&it.units);
        }
        for it in cases {
            book.cases.push(CaseBook { case: it.case, opened_at: it.opened_at, changed_at: it.changed_at });
        }
        book
    }
}

impl PaymentBook {
    fn behind(balance: &PaymentBalance, failed: &[(PaymentId, u16, MinorUnits)]) -> PaymentBook {
        let PaymentBalance { payment, gateway, state, money, currency, reference, came_by } = *balance;
        // They stand by payment and number.
        let from = failed.partition_point(|(of, ..)| *of < payment);
        let left_behind = failed[from..].iter().take_while(|(of, ..)| *of == payment);
        PaymentBook {
            gateway,
            state,
            arrived: i128::from(money.arrived.0),
            currency,
            refunded: i128::from(money.refunded.0),
            refund: (money.refund_number, i128::from(money.refund_amount.0), money.refund),
            failed: left_behind.map(|&(_, number, amount)| (number, i128::from(amount.0))).collect(),
            came_by,
            reference,
        }
    }
}

/// The shipment and its latest note, as a store sums them up.
fn digest_of(order: OrderId, it: &ShipmentBalance) -> u64 {
    let note = it.note.map_or(0, |(at, note)| digest_note(order, it.number, at, &note));
    digest_shipment(order, it.number, it.at, &it.waybill, &it.units).wrapping_add(note)
}
