//! The shop as SPEC tells it: one state, one step an intent. Bounds of the ledger (OVERLOADED) are not its business.

mod aftersale;
mod basket;
mod changes;
mod coupons;
mod freight;
mod holds;
mod letters;
mod operators;
mod payments;
mod reads;
mod shipping;
mod stock;
mod warehouses;

use std::collections::BTreeMap;

use domain::cursor::CURSORS_MAX;
use domain::fact::{Actor, ShelfUnits};
use domain::hold::{Hold, HoldState};
use domain::intent::{CouponDefine, CursorMove};
use domain::intent::{Envelope, Sku};
use domain::limit::UserLimit;
use domain::order::State;
use domain::switch::{Scope, Switch};
use domain::verdict::{HistoryRow, OrderView, SaleSummary, ShelfView, TransferView};
use domain::{
    CouponId, Currency, CursorName, Intent, Micros, MicrosUtc, MinorUnits, OrderId, PaymentId, Reason,
    Refusal, RequestId, SaleId, SellerId, SkuId, UserId, Verdict, WarehouseId, fact::RequestKey,
};

/// A request id may be made this much ahead of ledger time.
const REQUEST_AHEAD_MAX: Micros = Micros::from_seconds(5 * 60);

/// Answers every intent as SPEC says.
#[derive(Clone, Debug)]
pub struct Model {
    request_window: Micros,
    /// Time of the last change.
    time: MicrosUtc,
    /// `(ms, sequence)` of the last order.
    last_id: Option<(u64, u16)>,
    skus: BTreeMap<SkuId, Sku>,
    sales: BTreeMap<SaleId, OneSale>,
    shelves: BTreeMap<(SkuId, WarehouseId), Shelf>,
    orders: BTreeMap<OrderId, OneOrder>,
    holds: BTreeMap<u64, OneHold>,
    coupons: coupons::Coupons,
    /// Units that a user's orders hold or bought in a sale; a pair without units is not there.
    taken_by_user: BTreeMap<(SaleId, UserId), u64>,
    requests: BTreeMap<RequestKey, Remembered>,
    freight: crate::freight::Rules,
    /// Where each subscriber stands.
    cursors: BTreeMap<CursorName, u64>,
    /// What they parked, when and why.
    letters: BTreeMap<(CursorName, u64), (MicrosUtc, String)>,
    limits: BTreeMap<UserId, UserLimit>,
    /// Those that are set.
    switches: BTreeMap<Scope, Switch>,
    /// How often any switch was changed.
    switch_changes: u32,
}

/// The order named is not there, not unpaid, or its time is not up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotDue;

#[derive(Clone, Debug)]
struct OneSale {
    /// The sale and the units that its orders hold or bought.
    summary: SaleSummary,
    prices: BTreeMap<SkuId, MinorUnits>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Shelf {
    on_hand: u64,
    held: u64,
    safety: u64,
    unavailable: u64,
    sold: u64,
    /// Sold units that came back here: by an order's refund or by STOCK_RETURN.
    returned: u64,
}

#[derive(Clone, Debug)]
struct OneOrder {
    view: OrderView,
    history: Vec<HistoryRow>,
    payments: Vec<payments::OnePayment>,
    shipments: Vec<shipping::OneShipment>,
    cases: Vec<aftersale::OneCase>,
}

#[derive(Clone, Debug)]
struct OneHold {
    hold: Hold,
    /// The time in the id of the request that made it.
    made: MicrosUtc,
    units: Vec<ShelfUnits>,
}

/// What a request did: asked again, it answers with how that stands now.
#[derive(Clone, Debug)]
struct Remembered {
    /// The whole intent in words: equal words are an equal kind and body.
    body: String,
    about: Subject,
}

#[derive(Clone, Copy, Debug)]
enum Subject {
    Order(OrderId),
    Sku(SkuId),
    Sale(SaleId),
    Shelf(SkuId, WarehouseId),
    Hold(u64),
    Switch { version: u32 },
    Limit,
    Shelves { sku: SkuId, from: WarehouseId, to: WarehouseId },
    Letters,
    Payment(PaymentId),
    Coupon(CouponId),
    CouponTaken(CouponId, UserId),
    Freight(SellerId, Currency),
    Case(OrderId, u16),
}

impl Model {
    /// An empty shop that remembers request ids for this long after the time in them.
    pub fn new(request_window: Micros) -> Model {
        Model {
            request_window,
            time: MicrosUtc(0),
            last_id: None,
            skus: BTreeMap::new(),
            sales: BTreeMap::new(),
            shelves: BTreeMap::new(),
            orders: BTreeMap::new(),
            holds: BTreeMap::new(),
            coupons: coupons::Coupons::default(),
            taken_by_user: BTreeMap::new(),
            requests: BTreeMap::new(),
            freight: BTreeMap::new(),
            cursors: BTreeMap::new(),
            letters: BTreeMap::new(),
            limits: BTreeMap::new(),
            switches: BTreeMap::new(),
            switch_changes: 0,
        }
    }

    /// Answers one intent at this ledger time, which never goes back. The envelope changes no answer.
    pub fn answer(&mut self, now: MicrosUtc, _envelope: Envelope, intent: &Intent<'_>) -> Verdict {
        self.decide(now, intent).unwrap_or_else(Verdict::Refused)
    }

    /// Unpaid orders whose time is up, and delivered ones that count as complete; longest overdue first.
    pub fn due(&self, now: MicrosUtc) -> Vec<OrderId> {
        let mut due: Vec<_> = (self.orders.values())
            .filter_map(|order| match order.view.brief.state {
                State::PendingPayment | State::Paying => Some((order.view.brief.pay_until, order)),
                State::Delivered => Some((order.completes_at(), order)),
                State::Reserving
                | State::Paid
                | State::StockException
                | State::Confirmed
                | State::PartShipped
                | State::Shipped
                | State::Completed
                | State::Failed
                | State::Cancelled
                | State::Refunding
                | State::Refunded => None,
            })
            .filter(|(due, _)| *due <= now)
            .map(|(due, order)| (due, order.view.brief.order))
            .collect();
        due.sort();
        due.into_iter().map(|(_, order)| order).collect()
    }

    /// Lets its timer end one order that is due.
    pub fn expire_one(&mut self, now: MicrosUtc, order: OrderId) -> Result<(), NotDue> {
        if !self.due(now).contains(&order) {
            return Err(NotDue);
        }
        self.by_timer(now, order);
        Ok(())
    }

    /// Lets the timers end every order that is due, and says which.
    pub fn expire(&mut self, now: MicrosUtc) -> Vec<OrderId> {
        let due = self.due(now);
        for &order in &due {
            self.by_timer(now, order);
        }
        due
    }

    fn by_timer(&mut self, now: MicrosUtc, order: OrderId) {
        if self.orders[&order].view.brief.state == State::Delivered {
            self.move_to(now, order, State::Completed, Actor::Timer, 0);
        } else {
            self.end_unpaid(now, order, Actor::Timer, 0);
        }
        self.time = now;
    }

    fn decide(&mut self, now: MicrosUtc, intent: &Intent<'_>) -> Result<Verdict, Refusal> {
        self.in_the_way(now, intent)?;
        changes::fields_in_range(intent)?;
        if let Some(key) = intent.request()
            && let Some(about) = self.asked_before(now, key, intent)?
        {
            if let (Intent::Prepare(prepare), Subject::Hold(hold)) = (intent, about) {
                return self.prepare(now, prepare, Some(hold)).map(|(verdict, _)| verdict);
            }
            return Ok(self.as_it_stands(about));
        }
        let about = match intent {
            Intent::Create(create) => self.create(now, create)?,
            Intent::Cancel(cancel) => self.cancel(now, cancel)?,
            Intent::SkuPut(put) => self.sku_put(put)?,
            Intent::SalePut(put) => self.sale_put(put)?,
            Intent::FreightPut(put) => self.freight_put(put)?,
            Intent::FreightList { seller, currency, limit } => {
                return Ok(self.freight_list((*seller, *currency), *limit));
            }
            Intent::StockAdjust(adjust) => self.stock_adjust(adjust)?,
            Intent::StockTransfer(transfer) => self.stock_transfer(transfer)?,
            Intent::StockReturn(back) => self.stock_return(back)?,
            Intent::StockReserve(reserve) => self.stock_reserve(now, reserve)?,
            Intent::StockRelease(end) => self.end_open_hold(now, end, HoldState::Released)?,
            Intent::StockCommit(end) => self.end_open_hold(now, end, HoldState::Committed)?,
            Intent::StockExtend(extend) => self.stock_extend(now, extend)?,
            Intent::Prepare(prepare) => match self.prepare(now, prepare, None)? {
                (verdict, None) => return Ok(verdict),
                (verdict, Some(about)) => {
                    self.remember(now, intent, about);
                    return Ok(verdict);
                }
            },
            Intent::PayOpen(open) => self.pay_open(now, open)?,
            Intent::Scan(scan) => return self.scan(scan),
            Intent::SwitchPut(put) => self.switch_put(now, put)?,
            Intent::LimitPut(put) => self.limit_put(now, put)?,
            Intent::LimitList { after, limit } => return Ok(self.limit_list(now, *after, *limit)),
            Intent::SwitchList { after, limit } => return Ok(self.switch_list(*after, *limit)),
            Intent::PayClose(close) => match self.pay_close(now, close)? {
                Some(about) => about,
                None => return Ok(Verdict::Payment(self.payment_brief(close.payment))),
            },
            Intent::Refund(refund) => self.refund(refund)?,
            Intent::Repair(repair) => self.repair(now, repair)?,
            Intent::CaseOpen(open) => self.case_open(now, open)?,
            Intent::CaseDecide(decide) => self.case_decide(now, decide)?,
            Intent::CaseReceive(receive) => self.case_receive(now, receive)?,
            Intent::CaseList { user, order } => return self.case_list(*user, *order),
            Intent::Ship(ship) => self.ship(now, ship)?,
            Intent::TrackNote(note) => self.track_note(now, note)?,
            Intent::Sign(sign) => self.sign(now, sign)?,
            Intent::ConfirmReceipt(confirm) => self.confirm_receipt(now, confirm)?,
            Intent::Track { user, order } => return self.track(*user, *order),
            Intent::CouponDefine(define) => self.coupon_define(define)?,
            Intent::CouponClaim(claim) => self.coupon_claim(now, claim)?,
            Intent::CouponCheck(check) => return self.coupon_check(now, check),
            Intent::CouponGet { user, coupon } => return self.coupon_get(*user, *coupon),
            Intent::CouponList { after, limit } => return Ok(self.coupon_list(*after, *limit)),
            Intent::PayCallback(said) => return self.pay_callback(now, said),
            Intent::RefundResult(said) => return self.refund_result(now, said),
            Intent::PayGet { user, order, payment } => return self.pay_get(*user, *order, *payment),
            Intent::Get { user, order } => return self.get(*user, *order),
            Intent::GetByRequest { user, request } => return self.get_by_request(now, *user, *request),
            Intent::List(list) => return self.list(list),
            Intent::History { user, order } => return self.history(*user, *order),
            Intent::SkuGet(sku) => return self.sku_get(now, *sku),
            Intent::SkuList { after, limit } => return Ok(self.sku_list(*after, *limit)),
            Intent::SaleGet(sale) => return self.sale_get(*sale),
            Intent::SaleList { after, limit } => return Ok(self.sale_list(*after, *limit)),
            Intent::StockGet { sku, warehouse } => return self.stock_get(*sku, *warehouse),
            Intent::LetterPark(park) => self.letter_park(now, park),
            Intent::LetterEnd(end) => self.letter_end(end)?,
            Intent::LetterList(list) => return Ok(self.letter_list(list)),
            Intent::CursorMove(wanted) => return self.cursor_move(now, wanted),
            Intent::CursorGet(name) => {
                return Ok(Verdict::Cursor(self.cursors.get(name).copied().unwrap_or(0)));
            }
            Intent::Holdings => return Ok(Verdict::Holdings(Box::new(self.holdings()))),
        };
        self.remember(now, intent, about);
        Ok(self.as_it_stands(about))
    }

    fn remember(&mut self, now: MicrosUtc, intent: &Intent<'_>, about: Subject) {
        self.time = now;
        if let Some(key) = intent.request() {
            self.requests.insert(key, Remembered { body: body_of(intent), about });
        }
    }

    fn cursor_move(&mut self, now: MicrosUtc, wanted: &CursorMove) -> Result<Verdict, Refusal> {
        let CursorMove { name, position, forget } = *wanted;
        let there = self.cursors.get(&name).copied();
        if forget {
            if self.cursors.remove(&name).is_some() {
                self.time = now;
            }
            return Ok(Verdict::Cursor(0));
        }
        match there {
            Some(there) if there >= position => Ok(Verdict::Cursor(there)),
            None if self.cursors.len() == CURSORS_MAX => Err(Refusal::of(Reason::Overloaded)),
            Some(_) | None => {
                self.cursors.insert(name, position);
                self.time = now;
                Ok(Verdict::Cursor(position))
            }
        }
    }

    /// The id's own time is judged first, known or not; then whether it did something already.
    fn asked_before(
        &self,
        now: MicrosUtc,
        key: RequestKey,
        intent: &Intent<'_>,
    ) -> Result<Option<Subject>, Refusal> {
        self.request_in_window(now, key.id)?;
        match self.requests.get(&key) {
            None => Ok(None),
            Some(earlier) if earlier.body == body_of(intent) => Ok(Some(earlier.about)),
            Some(_) => Err(Refusal::of(Reason::RequestIdReused)),
        }
    }

    fn request_in_window(&self, now: MicrosUtc, id: RequestId) -> Result<(), Refusal> {
        let age = now.since(id.time());
        if age > self.request_window || id.time().since(now) > REQUEST_AHEAD_MAX {
            return Err(Refusal::of(Reason::RequestIdExpired).with(id.time().0, now.0));
        }
        Ok(())
    }

    /// What a change answers, asked for the first time or again.
    fn as_it_stands(&self, about: Subject) -> Verdict {
        match about {
            Subject::Order(order) => Verdict::Order(self.orders[&order].view.brief),
            Subject::Sku(sku) => Verdict::Sku { sku, version: self.skus[&sku].version },
            Subject::Sale(sale) => Verdict::Sale { sale, version: self.sales[&sale].summary.sale.version },
            Subject::Freight(seller, currency) => {
                Verdict::Freight { seller, currency, version: self.freight[&(seller, currency)].version }
            }
            Subject::Shelf(sku, warehouse) => {
                Verdict::Shelf(self.shelves[&(sku, warehouse)].view(sku, warehouse))
            }
            Subject::Letters => Verdict::LettersParked(self.letters.len() as u64),
            Subject::Limit => Verdict::Limited,
            Subject::Switch { version } => Verdict::Switched { version },
            Subject::Hold(hold) => Verdict::Hold(self.holds[&hold].hold),
            Subject::Shelves { sku, from, to } => {
                let view = |warehouse| self.shelves[&(sku, warehouse)].view(sku, warehouse);
                Verdict::Transferred(Box::new(TransferView { from: view(from), to: view(to) }))
            }
            Subject::Case(order, number) => self.case_answer(order, number),
            Subject::Payment(payment) => Verdict::Payment(self.payment_brief(payment)),
            Subject::Coupon(coupon) => self.coupon_as_it_stands(coupon),
            Subject::CouponTaken(coupon, user) => self.coupon_taken(coupon, user),
        }
    }

    /// The sale that speaks for a sku: the latest whose `closed_from` has come.
    fn sale_speaking(&self, now: MicrosUtc, sku: SkuId) -> Option<&OneSale> {
        (self.sales.values())
            .filter(|sale| sale.prices.contains_key(&sku) && sale.summary.sale.closed_from <= now)
            .max_by_key(|sale| sale.summary.sale.closed_from)
    }

    /// Shelves of a sku, by warehouse.
    fn shelves_of(&self, sku: SkuId) -> impl Iterator<Item = (WarehouseId, &Shelf)> {
        (self.shelves.iter())
            .filter(move |((of, _), _)| *of == sku)
            .map(|((_, warehouse), shelf)| (*warehouse, shelf))
    }
}

impl Shelf {
    fn sellable(&self) -> u64 {
        self.on_hand.saturating_sub(self.held).saturating_sub(self.safety).saturating_sub(self.unavailable)
    }

    fn view(&self, sku: SkuId, warehouse: WarehouseId) -> ShelfView {
        let Shelf { on_hand, held, safety, unavailable, sold, returned: _ } = *self;
        ShelfView { sku, warehouse, on_hand, held, safety, unavailable, sold, sellable: self.sellable() }
    }
}

/// The intent in words. Versions inside of what is put are the server's to say, so they are left out.
fn body_of(intent: &Intent<'_>) -> String {
    match intent {
        Intent::SkuPut(put) => {
            let mut put = *put;
            put.sku.version = 0;
            format!("{:?}", Intent::SkuPut(put))
        }
        Intent::SalePut(put) => {
            let mut put = *put;
            put.sale.version = 0;
            format!("{:?}", Intent::SalePut(put))
        }
        Intent::CouponDefine(define) => {
            let coupon = domain::coupon::Coupon { version: 0, ..*define.coupon };
            format!("{:?}", Intent::CouponDefine(CouponDefine { coupon: &coupon, ..*define }))
        }
        Intent::FreightPut(put) => {
            let mut put = *put;
            put.rule.version = 0;
            format!("{:?}", Intent::FreightPut(put))
        }
        Intent::CouponClaim(_)
        | Intent::CouponCheck(_)
        | Intent::CouponGet { .. }
        | Intent::CouponList { .. }
        | Intent::Create(_)
        | Intent::Cancel(_)
        | Intent::StockAdjust(_)
        | Intent::StockTransfer(_)
        | Intent::StockReturn(_)
        | Intent::StockReserve(_)
        | Intent::StockRelease(_)
        | Intent::StockCommit(_)
        | Intent::StockExtend(_)
        | Intent::Prepare(_)
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
        | Intent::CursorMove(_)
        | Intent::CursorGet(_)
        | Intent::LetterPark(_)
        | Intent::LetterEnd(_)
        | Intent::LetterList(_)
        | Intent::Holdings
        | Intent::Scan(_)
        | Intent::SwitchPut(_)
        | Intent::SwitchList { .. }
        | Intent::LimitPut(_)
        | Intent::LimitList { .. }
        | Intent::PayOpen(_)
        | Intent::PayCallback(_)
        | Intent::PayGet { .. }
        | Intent::PayClose(_)
        | Intent::Refund(_)
        | Intent::RefundResult(_)
        | Intent::Repair(_)
        | Intent::Ship(_)
        | Intent::Track { .. }
        | Intent::CaseOpen(_)
        | Intent::CaseList { .. }
        | Intent::CaseDecide(_)
        | Intent::CaseReceive(_)
        | Intent::TrackNote(_)
        | Intent::Sign(_)
        | Intent::ConfirmReceipt(_) => format!("{intent:?}"),
    }
}
