//! Requests as values: refined by their methods, sent when they are awaited.

mod aftersale;
mod coupon;
mod events;
mod freight;
mod guards;
mod letters;
mod operate;
mod order;
mod payment;
mod scan;
mod shipment;
mod shop;
mod stock;

use std::fmt::Debug;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use protocol::{Message, Meta, Parsed};

pub use aftersale::{AftersaleDecide, AftersaleGet, AftersaleOpen, AftersaleReceive};
pub use coupon::{CouponCheck, CouponClaim, CouponDefine, CouponGet, CouponList};
pub use events::Ack;
pub use freight::{FreightList, FreightPut};
pub use guards::{LimitList, LimitPut, SwitchList, SwitchPut};
pub use letters::{EndLetter, ListLetters, ParkLetter};
pub use operate::{Audit, Drain, Ping, Stats};
pub use order::{Batch, BatchOrder, BatchOutcome, Cancel, Create, Get, History, List, Prepare, PrepareHold};
pub use payment::{PayCallback, PayClose, PayGet, PayOpen, Refund, RefundResult, Restock, Settle};
pub use scan::OrdersScan;
pub use shipment::{ConfirmReceipt, Ship, Sign, Track, TrackNote};
pub use shop::{AdjustReason, SaleGet, SaleList, SalePut, SkuGet, SkuList, SkuPut, StockAdjust, StockGet};
pub use stock::{StockCommit, StockExtend, StockRelease, StockReserve, StockReturn, StockTransfer};

use crate::attempts::{Options, Question};
use crate::client::Client;
use crate::error::{Error, Violation};
use crate::values::RequestId;

/// One request. It does nothing until it is awaited; dropping it then stops waiting, not the server.
#[must_use = "a request is sent when it is awaited"]
#[derive(Clone, Debug)]
pub struct Request<A> {
    client: Client,
    options: Options,
    ask: A,
}

/// What can be asked. Sealed: the wire has as many kinds as it has.
pub trait Ask: Wire + Debug + Send + Sync + 'static {
    /// What comes back.
    type Answer: Send + 'static;
    #[doc(hidden)]
    fn read(answer: &Parsed<'_, Self::Reply>) -> Option<Self::Answer>;
}

/// What carries a request id, because it changes something.
pub trait Changes: Ask {}

mod sealed {
    use protocol::{Message, Signed};

    /// How a request lies on the wire.
    pub trait Wire {
        type Question: Message;
        type Reply: Message;
        const CHANGES: bool;
        fn head(&self, request: u128) -> <Self::Question as Message>::Head;
        fn items(&self, _asked_before: bool) -> Vec<<Self::Question as Message>::Item> {
            Vec::new()
        }
        fn tail(&self) -> &[u8] {
            &[]
        }
        fn item_count(&self) -> usize {
            0
        }
        /// Whether its texts lie in their fields as they are.
        fn texts_fit(&self) -> bool {
            true
        }
        /// The request id, where the asker gave it with the body.
        fn own_request(&self) -> Option<u128> {
            None
        }
    }

    /// What a gateway tells: its head ends with the gateway's signature.
    pub trait Told {
        type Head: Signed;
        fn told(&mut self) -> &mut Self::Head;
    }
}
use sealed::Wire;

/// Whether a text lies in a field of so many bytes as it is.
fn fits(text: &str, bytes_max: usize) -> bool {
    text.len() <= bytes_max && text.bytes().all(|it| it.is_ascii_graphic() || it == b' ')
}

impl<A> Request<A> {
    pub(crate) fn new(client: Client, deadline: Duration, ask: A) -> Request<A> {
        let options = Options { deadline, trace: 0, request: None, asked_before: false };
        Request { client, options, ask }
    }

    /// From the first attempt to the last answer, all retries included. The server is told what is left of it, and
    /// does not begin what comes too late.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.options.deadline = deadline;
        self
    }

    /// W3C trace id, for the server's logs and for the facts that this causes; 0 for none.
    pub fn trace(mut self, trace: u128) -> Self {
        self.options.trace = trace;
        self
    }
}

impl<A: Changes> Request<A> {
    /// A request id of your own (see [`Client::new_request_id`]), which must never have been sent.
    pub fn request_id(mut self, request: RequestId) -> Self {
        self.options.request = Some(request);
        self
    }

    /// The same request as one that was sent before under this id, by this process or another, and whose outcome is
    /// unknown. Everything else must be the same, too, or the answer is REQUEST_ID_REUSED.
    pub fn again(mut self, request: RequestId) -> Self {
        self.options.request = Some(request);
        self.options.asked_before = true;
        self
    }
}

impl<A: Ask> IntoFuture for Request<A> {
    type Output = Result<A::Answer, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Request { client, mut options, ask } = self;
            options.request = options.request.or_else(|| ask.own_request().map(RequestId));
            let answer = client.ask(&Written(&ask), &options).await?;
            let unreadable = || Violation::Server("an answer that cannot be read").into();
            let parsed =
                protocol::parse::<A::Reply>(&answer.header, &answer.body).map_err(|_| unreadable())?;
            A::read(&parsed).ok_or_else(unreadable)
        })
    }
}

/// A request as the wire has it.
struct Written<'a, A>(&'a A);

impl<A: Ask> Question for Written<'_, A> {
    fn changes(&self) -> bool {
        A::CHANGES
    }

    fn frame_bytes(&self) -> Result<usize, Violation> {
        let about = <A::Question as Message>::ABOUT;
        let (items, tail) = (self.0.item_count(), self.0.tail().len());
        // Said here and not only when it is written, so that what can never be sent waits for no connection.
        if items < about.items_min as usize || items > about.items_max as usize {
            return Err(protocol::Unencodable::Items.into());
        }
        if tail > about.tail_bytes_max() {
            return Err(protocol::Unencodable::Tail.into());
        }
        if !self.0.texts_fit() {
            return Err(protocol::Unencodable::Text.into());
        }
        Ok(protocol::frame_bytes::<A::Question>(items, tail))
    }

    fn write(&self, meta: &Meta, request: RequestId, out: &mut Vec<u8>) -> Result<(), Violation> {
        let asked_before = meta.flags.has(protocol::Flags::ASKED_BEFORE);
        let items = self.0.items(asked_before);
        protocol::append::<A::Question>(out, meta, &self.0.head(request.0), items, self.0.tail())?;
        Ok(())
    }
}
