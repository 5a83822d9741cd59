//! The client: how it is set up, and one method for each thing that can be asked.

use std::sync::Arc;
use std::time::Duration;

use crate::attempts::{Asker, Budget, Options, Question};
use crate::clock::ServerClock;
use crate::connection::{Answer, Opening};
use crate::coupon::Benefit;
use crate::error::Error;
use crate::events::{EventFilter, Events, StartAt};
use crate::pool::Pool;
use crate::request::*;
use crate::shop::Returned;
use crate::values::{
    CouponId, Currency, GatewayId, HoldId, MicrosUtc, Money, OrderId, PaymentId, RequestId, SaleId, Scope,
    SellerId, SkuId, Stops, UserId, UserList, WarehouseId,
};

/// Connections of one client, at most.
pub const CONNECTIONS_MAX: usize = 1_024;
/// Unanswered requests of one connection, at most.
pub const IN_FLIGHT_MAX: usize = 65_536;

/// A client of one Tidegate (or of several addresses of it). Clones share everything.
#[derive(Clone, Debug)]
pub struct Client {
    asker: Arc<Asker>,
    deadline: Duration,
}

/// How a client is set up. The defaults suit a web server in the same data centre.
#[derive(Clone, Debug)]
pub struct Builder {
    addresses: Vec<String>,
    connections: usize,
    deadline: Duration,
    retry_burst: u32,
    opening: Opening,
}

impl Client {
    /// Connects to a server, `host:port`, with the defaults of [`Builder`].
    pub async fn connect(address: impl Into<String>) -> Result<Client, Error> {
        Client::builder(address).connect().await
    }

    /// A client of this server, `host:port`, to be refined.
    pub fn builder(address: impl Into<String>) -> Builder {
        Builder {
            addresses: vec![address.into()],
            connections: 2,
            deadline: Duration::from_secs(10),
            retry_burst: 4_096,
            opening: Opening {
                connect_within: Duration::from_secs(3),
                in_flight_max: 1_024,
                silence_max: Duration::from_secs(10),
                client_name: "tidegate-sdk".into(),
            },
        }
    }

    /// Makes an order: holds every line or nothing. `total` is what the buyer was shown.
    pub fn create(&self, user: UserId, total: Money) -> Request<Create> {
        self.request(Create::new(user, total))
    }

    /// Checks and prices a basket; holds nothing. `currency` stands in the answer's minor units.
    pub fn prepare(&self, user: UserId, currency: Currency) -> Request<Prepare> {
        self.request(Prepare::new(user, currency))
    }

    /// Reads an order of this user.
    pub fn get(&self, user: UserId, order: OrderId) -> Request<Get> {
        self.request(Get::by_order(user, order))
    }

    /// Reads the order that this request of the user made.
    pub fn get_by_request(&self, user: UserId, request: RequestId) -> Request<Get> {
        self.request(Get::by_request(user, request))
    }

    /// Reads a user's orders, newest first, a page at a time.
    pub fn list(&self, user: UserId) -> Request<List> {
        self.request(List::new(user))
    }

    /// Reads how an order of this user came to its state, oldest first.
    pub fn history(&self, user: UserId, order: OrderId) -> Request<History> {
        self.request(History { user, order })
    }

    /// Records, for an operator, that an order was handed to a carrier: all that is left of it, or some lines.
    pub fn ship(&self, order: OrderId) -> Request<Ship> {
        self.request(Ship::new(order))
    }

    /// Reads what was sent of an order of this user; user 0 (an operator) reads any.
    pub fn track(&self, user: UserId, order: OrderId) -> Request<Track> {
        self.request(Track { user, order })
    }

    /// Records, for an operator, where a shipment (counted from 1) is: at most 40 bytes of printable ASCII, which take
    /// the place of the note before.
    pub fn track_note(&self, order: OrderId, shipment: u16, note: &str) -> Request<TrackNote> {
        self.request(TrackNote { order, number: shipment, note: note.into() })
    }

    /// Records, for an operator, that the buyer signed for an order.
    pub fn sign(&self, order: OrderId) -> Request<Sign> {
        self.request(Sign { order })
    }

    /// Opens an after-sales case about one line of this user's order; user 0 (an operator) opens it for the buyer.
    pub fn aftersale_open(&self, user: UserId, order: OrderId, sku: SkuId) -> Request<AftersaleOpen> {
        self.request(AftersaleOpen { user, order, sku, amount: 0, units: 0, exchange: false, why: 0 })
    }

    /// Reads the after-sales cases of an order of this user, oldest first; user 0 (an operator) reads any.
    pub fn aftersale_get(&self, user: UserId, order: OrderId) -> Request<AftersaleGet> {
        self.request(AftersaleGet { user, order })
    }

    /// Decides, for an operator, the order's case of this number.
    pub fn aftersale_decide(&self, order: OrderId, number: u16, accept: bool) -> Request<AftersaleDecide> {
        self.request(AftersaleDecide { order, number, accept, amount: 0, why: 0 })
    }

    /// Records, for an operator, that the goods of an accepted case came back.
    pub fn aftersale_receive(
        &self,
        order: OrderId,
        number: u16,
        returned: Returned,
    ) -> Request<AftersaleReceive> {
        self.request(AftersaleReceive { order, number, returned, warehouse: WarehouseId(0) })
    }

    /// The buyer has it all, and the order is complete; user 0 (an operator) says it for the buyer.
    pub fn confirm_receipt(&self, user: UserId, order: OrderId) -> Request<ConfirmReceipt> {
        self.request(ConfirmReceipt { user, order })
    }

    /// Opens an attempt to pay an order of this user at a gateway of the server's configuration.
    pub fn pay_open(&self, user: UserId, order: OrderId, gateway: GatewayId) -> Request<PayOpen> {
        self.request(PayOpen { user, order, gateway })
    }

    /// Reads a payment attempt of this user's order; user 0 (an operator) reads any.
    pub fn pay_get(&self, user: UserId, payment: PaymentId) -> Request<PayGet> {
        self.request(PayGet { user, order: OrderId(0), payment })
    }

    /// Reads the latest payment attempt of an order.
    pub fn pay_latest(&self, user: UserId, order: OrderId) -> Request<PayGet> {
        self.request(PayGet { user, order, payment: PaymentId(0) })
    }

    /// Gives a payment attempt up; user 0 (an operator) gives up any.
    pub fn pay_close(&self, user: UserId, payment: PaymentId) -> Request<PayClose> {
        self.request(PayClose { user, payment })
    }

    /// What a gateway says of an attempt; sign it with [`Request::signed_by`]. `paid` is what arrived and the
    /// gateway's own number of the transfer; nothing says that the attempt failed.
    pub fn pay_callback(
        &self,
        payment: PaymentId,
        gateway: GatewayId,
        paid: Option<(Money, u64)>,
        signed_at: MicrosUtc,
    ) -> Request<PayCallback> {
        self.request(PayCallback::new(payment, gateway, paid, signed_at))
    }

    /// Asks the gateway, for an operator, to send back what is left of a payment, or a part of it.
    pub fn refund(&self, payment: PaymentId) -> Request<Refund> {
        self.request(Refund::new(payment))
    }

    /// What a gateway says of a refund (its number and amount in minor units); sign it with
    /// [`Request::signed_by`].
    pub fn refund_result(
        &self,
        payment: PaymentId,
        gateway: GatewayId,
        refund: (u16, i64),
        succeeded: bool,
        signed_at: MicrosUtc,
    ) -> Request<RefundResult> {
        self.request(RefundResult::new(payment, gateway, refund, succeeded, signed_at))
    }

    /// For an operator: takes the money of a mismatched payment for its order's total, and confirms the order.
    pub fn settle(&self, order: OrderId, payment: PaymentId) -> Request<Settle> {
        self.request(Settle::new(order, payment))
    }

    /// For an operator: sells units to an order in STOCK_EXCEPTION after all, and confirms it. They must be on the
    /// shelves of its lines; those that are kept as safety count, so put them in as such and nobody else has them.
    pub fn restock(&self, order: OrderId) -> Request<Restock> {
        self.request(Restock::new(order))
    }

    /// Ends an unpaid order of this user, or a paid one that was not shipped: its money goes back.
    pub fn cancel(&self, user: UserId, order: OrderId) -> Request<Cancel> {
        self.request(Cancel::new(user, order))
    }

    /// Sends many one-line orders in one frame, each decided for itself.
    pub fn batch(&self, orders: Vec<BatchOrder>) -> Request<Batch> {
        self.request(Batch { orders })
    }

    /// Follows events from somewhere on, over lost connections and restarts of the server. Nothing is sent until the
    /// first [`Events::next`].
    pub fn subscribe(&self, filter: EventFilter, start: StartAt) -> Events {
        Events::new(Arc::clone(&self.asker), filter, start)
    }

    /// Moves a named cursor of events on, durably, and says where it stands: it never moves back.
    pub fn ack(&self, cursor: impl Into<String>, position: u64) -> Request<Ack> {
        self.request(Ack { cursor: cursor.into(), position, forget: false })
    }

    /// Forgets a named cursor of events.
    pub fn forget_cursor(&self, cursor: impl Into<String>) -> Request<Ack> {
        self.request(Ack { cursor: cursor.into(), position: 0, forget: true })
    }

    /// Parks an event that this subscriber (the name of its cursor) cannot take, durably, so that it can go on behind
    /// it: why in at most 64 printable ASCII characters. The answer: how many are parked now.
    pub fn park_letter(
        &self,
        subscriber: impl Into<String>,
        position: u64,
        reason: impl Into<String>,
    ) -> Request<ParkLetter> {
        self.request(ParkLetter { subscriber: subscriber.into(), position, reason: reason.into() })
    }

    /// Has a subscriber told of an event again that it parked; it is not parked any more.
    pub fn retry_letter(&self, subscriber: impl Into<String>, position: u64) -> Request<EndLetter> {
        self.request(EndLetter { subscriber: subscriber.into(), position, retry: true })
    }

    /// Drops what a subscriber parked.
    pub fn drop_letter(&self, subscriber: impl Into<String>, position: u64) -> Request<EndLetter> {
        self.request(EndLetter { subscriber: subscriber.into(), position, retry: false })
    }

    /// Reads what subscribers parked, by name and position, a page at a time.
    pub fn dead_letters(&self) -> Request<ListLetters> {
        self.request(ListLetters::new())
    }

    /// Reads a sku's stock, over all its warehouses unless one is named.
    pub fn stock_get(&self, sku: SkuId) -> Request<StockGet> {
        self.request(StockGet::new(sku))
    }

    /// Changes a shelf by deltas.
    pub fn stock_adjust(&self, sku: SkuId, warehouse: WarehouseId) -> Request<StockAdjust> {
        self.request(StockAdjust::new(sku, warehouse))
    }

    /// Checks and prices a basket and holds its units, for [`Request::hold`] of a CREATE to take over.
    pub fn prepare_hold(&self, user: UserId, currency: Currency) -> Request<PrepareHold> {
        self.request(PrepareHold(Prepare::new(user, currency)))
    }

    /// Sets units aside without an order: every line or nothing. User 0: an operator's hold.
    pub fn stock_reserve(&self, user: UserId) -> Request<StockReserve> {
        self.request(StockReserve::new(user))
    }

    /// Frees what a hold of this user set aside. User 0: an operator frees any.
    pub fn stock_release(&self, user: UserId, hold: HoldId) -> Request<StockRelease> {
        self.request(StockRelease { user, hold })
    }

    /// Sells what a hold of this user set aside, without an order. User 0: an operator sells any.
    pub fn stock_commit(&self, user: UserId, hold: HoldId) -> Request<StockCommit> {
        self.request(StockCommit { user, hold })
    }

    /// Makes a hold of this user last so many seconds from now, and never shorter. User 0: an operator's doing.
    pub fn stock_extend(&self, user: UserId, hold: HoldId, hold_seconds: u32) -> Request<StockExtend> {
        self.request(StockExtend { user, hold, hold_seconds })
    }

    /// Moves units that nobody holds from one warehouse to another, in one step.
    pub fn stock_transfer(
        &self,
        sku: SkuId,
        from: WarehouseId,
        to: WarehouseId,
        units: u64,
    ) -> Request<StockTransfer> {
        self.request(StockTransfer { sku, from, to, units })
    }

    /// Takes sold units back onto a shelf, whichever warehouse sold them.
    pub fn stock_return(&self, sku: SkuId, warehouse: WarehouseId, units: u64) -> Request<StockReturn> {
        self.request(StockReturn { sku, warehouse, units })
    }

    /// Makes a sku, or replaces it where [`Request::replaces`] names its version.
    pub fn sku_put(&self, sku: SkuId, unit_price: Money) -> Request<SkuPut> {
        self.request(SkuPut::new(sku, unit_price))
    }

    /// Reads a sku, its stock, and the sale that speaks for it now.
    pub fn sku_get(&self, sku: SkuId) -> Request<SkuGet> {
        self.request(SkuGet { sku })
    }

    /// Reads skus by id, a page at a time.
    pub fn sku_list(&self) -> Request<SkuList> {
        self.request(SkuList::new())
    }

    /// Makes a sale that sells from `opens` until `closes`, or replaces it where [`Request::replaces`] names its
    /// version.
    pub fn sale_put(&self, sale: SaleId, opens: MicrosUtc, closes: MicrosUtc) -> Request<SalePut> {
        self.request(SalePut::new(sale, opens, closes))
    }

    /// Reads a sale with its skus.
    pub fn sale_get(&self, sale: SaleId) -> Request<SaleGet> {
        self.request(SaleGet { sale })
    }

    /// Reads sales by id, a page at a time.
    pub fn sale_list(&self) -> Request<SaleList> {
        self.request(SaleList::new())
    }

    /// Puts a user on a list, or on none; [`Request::sale_units`] gives the user a limit of their own in sales.
    pub fn limit_put(&self, user: UserId, list: UserList) -> Request<LimitPut> {
        self.request(LimitPut::new(user, list))
    }

    /// Reads for which users something is set, a page at a time.
    pub fn limit_list(&self) -> Request<LimitList> {
        self.request(LimitList::new())
    }

    /// Reads orders of everybody by what they are, newest first, a page at a time.
    pub fn orders_scan(&self) -> Request<OrdersScan> {
        self.request(OrdersScan::new())
    }

    /// Stops something for the whole shop, a sale or a sku: from the next request on, SWITCHED_OFF.
    pub fn switch_put(&self, scope: Scope, stops: Stops) -> Request<SwitchPut> {
        self.request(SwitchPut::new(scope, stops, 0))
    }

    /// Lets go on what the switch of this scope, in this version, stops.
    pub fn switch_clear(&self, scope: Scope, version: u32) -> Request<SwitchPut> {
        self.request(SwitchPut::new(scope, Stops::default(), version))
    }

    /// Reads the switches that are set, a page at a time.
    pub fn switch_list(&self) -> Request<SwitchList> {
        self.request(SwitchList::new())
    }

    /// Makes a coupon that can be claimed and used from `opens` until `closes`, or replaces it where
    /// [`Request::replaces`] names its version.
    pub fn coupon_define(
        &self,
        coupon: CouponId,
        currency: Currency,
        benefit: Benefit,
        opens: MicrosUtc,
        closes: MicrosUtc,
    ) -> Request<CouponDefine> {
        self.request(CouponDefine::new(coupon, currency, benefit, (opens, closes)))
    }

    /// Takes a coupon for this user, to use it later.
    pub fn coupon_claim(&self, user: UserId, coupon: CouponId) -> Request<CouponClaim> {
        self.request(CouponClaim { user, coupon })
    }

    /// What coupons would do for a basket of this user; nothing is locked.
    pub fn coupon_check(&self, user: UserId, currency: Currency) -> Request<CouponCheck> {
        self.request(CouponCheck::new(user, currency))
    }

    /// Reads a coupon with its skus.
    pub fn coupon_get(&self, coupon: CouponId) -> Request<CouponGet> {
        self.request(CouponGet::new(coupon))
    }

    /// Reads coupons by id, a page at a time.
    pub fn coupon_list(&self) -> Request<CouponList> {
        self.request(CouponList::new())
    }

    /// Makes what a seller takes for sending goods in a currency, or replaces it where [`Request::replaces`] names
    /// its version: `base` for any basket, unless [`Request::steps`] or [`Request::free_from`] say more.
    pub fn freight_put(&self, seller: SellerId, base: Money) -> Request<FreightPut> {
        self.request(FreightPut::new(seller, base))
    }

    /// Reads freight rules by seller and currency, a page at a time.
    pub fn freight_list(&self) -> Request<FreightList> {
        self.request(FreightList::new())
    }

    /// Reads what the server counted.
    pub fn stats(&self) -> Request<Stats> {
        self.request(Stats)
    }

    /// Has the server recompute everything from its facts and compare; takes seconds where there are millions.
    pub fn audit(&self) -> Request<Audit> {
        self.request(Audit).deadline(Duration::from_secs(300))
    }

    /// Stops (or takes up again) taking new orders. The answer: how many requests have none yet.
    pub fn drain(&self, on: bool) -> Request<Drain> {
        self.request(Drain { on })
    }

    /// Asks whether the server is there; gives its time.
    pub fn ping(&self) -> Request<Ping> {
        self.request(Ping)
    }

    /// The server's time, as far as this client knows it, without asking.
    pub fn server_time(&self) -> MicrosUtc {
        self.asker.clock.now()
    }

    /// A request id that nobody has, for who wants to write it down before asking.
    pub fn new_request_id(&self) -> RequestId {
        self.asker.clock.request_id()
    }

    pub(crate) async fn ask(&self, question: &dyn Question, options: &Options) -> Result<Answer, Error> {
        self.asker.ask(question, options).await
    }

    fn request<A>(&self, ask: A) -> Request<A> {
        Request::new(self.clone(), self.deadline, ask)
    }
}

impl Builder {
    /// One more address of the same Tidegate; connections are spread over all, and turn to the next when one goes
    /// away.
    #[must_use]
    pub fn address(mut self, address: impl Into<String>) -> Builder {
        self.addresses.push(address.into());
        self
    }

    /// Connections, 1 to [`CONNECTIONS_MAX`]. Default 2. What exceeds the range is brought into it.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Builder {
        self.connections = connections.clamp(1, CONNECTIONS_MAX);
        self
    }

    /// Unanswered requests of one connection, 1 to [`IN_FLIGHT_MAX`]; who comes when all places are taken waits
    /// within its deadline. Default 1,024; the server may allow fewer. What exceeds the range is brought into it.
    #[must_use]
    pub fn in_flight_max(mut self, requests: usize) -> Builder {
        self.opening.in_flight_max = requests.clamp(1, IN_FLIGHT_MAX);
        self
    }

    /// From the first attempt to the last answer of one request, all retries included. Default 10 s.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Builder {
        self.deadline = deadline;
        self
    }

    /// For connecting and HELLO together. Default 3 s.
    #[must_use]
    pub fn connect_within(mut self, span: Duration) -> Builder {
        self.opening.connect_within = span;
        self
    }

    /// A server that owes answers, says nothing for so long, and does not answer a PING at half that time, is taken
    /// for gone. Default 10 s.
    #[must_use]
    pub fn silence_max(mut self, span: Duration) -> Builder {
        self.opening.silence_max = span;
        self
    }

    /// Retries that may be made at once, over all requests of the client; ten requests earn one back. Default 4,096.
    #[must_use]
    pub fn retry_burst(mut self, retries: u32) -> Builder {
        self.retry_burst = retries;
        self
    }

    /// What the server's logs call us: printable ASCII, at most 32 bytes are kept.
    #[must_use]
    pub fn client_name(mut self, name: impl Into<String>) -> Builder {
        self.opening.client_name = name.into();
        self
    }

    /// Sets the client up, and makes sure that the server is there.
    pub async fn connect(self) -> Result<Client, Error> {
        let client = self.build();
        client.ping().await?;
        Ok(client)
    }

    /// Sets the client up; connections are opened when the first requests need them.
    pub fn build(self) -> Client {
        let pool = Pool::new(self.addresses, self.connections, self.opening);
        let asker = Asker { pool, clock: ServerClock::new(), budget: Budget::new(self.retry_burst) };
        Client { asker: Arc::new(asker), deadline: self.deadline }
    }
}
