//! A gateway between a store that only records and an outlet that only keeps, and frames to give it.
#![allow(dead_code)] // Each test file uses its part.

use std::collections::HashMap;
use std::sync::Arc;

use domain::order::State;
use domain::verdict::{Holdings, OrderBrief};
use domain::{Currency, Micros, MicrosUtc, MinorUnits, OrderId, UserId, Verdict};
use handlers::{
    About, AuditDesk, AuditFailed, AuditReport, Bounds, Client, Common, Desks, EventDesk, Gateway, Host,
    Keys, OF_A_JOURNAL, Outlet, Rates, Subscription, Taken,
};
use protocol::structs::{AskedLine, Coupons, CreateHead, Event, HelloHead, Refusal};
use protocol::{
    Header, Kind, KindCode, Message, Meta, Nothing, Parsed, Split, Status, append, messages, parse,
    parse_refusal, split,
};
use storage::{Answer, IntentBatch, Outcome, Share, Stats, Store, Ticket};

pub const NOW: MicrosUtc = MicrosUtc(1_750_000_000_000_000);
pub const CLIENT: Client = Client { slot: 0, generation: 0 };

/// Records what is submitted; answers what it is told to.
#[derive(Debug)]
pub struct FakeStore {
    free: Vec<IntentBatch>,
    reserved: usize,
    /// Tickets not answered yet, with what was asked.
    pub asked: Vec<(Ticket, String)>,
    /// Deadlines, in the same order.
    pub deadlines: Vec<Option<MicrosUtc>>,
    answers: Vec<Answer>,
    spare: Vec<Answer>,
    /// Recording allocates; a test that counts allocations turns it off.
    pub records: bool,
    tickets: Vec<Ticket>,
}

impl FakeStore {
    pub fn new(batches: usize, reserved: usize, intents: usize) -> FakeStore {
        FakeStore {
            free: (0..batches).map(|_| IntentBatch::with_capacity(intents)).collect(),
            reserved,
            asked: Vec::new(),
            deadlines: Vec::new(),
            answers: Vec::with_capacity(4_096),
            spare: Vec::with_capacity(4_096),
            records: true,
            tickets: Vec::with_capacity(4_096),
        }
    }

    /// Answers the oldest request.
    pub fn answer(&mut self, outcome: Outcome) {
        let (ticket, _) = self.asked.remove(0);
        self.answers.push(Answer { ticket, position: 7, at: MicrosUtc(0), outcome });
    }

    /// Answers everything with clones of this, where nothing is recorded.
    pub fn answer_all(&mut self, outcome: &Outcome) {
        let answers = self.tickets.drain(..);
        self.answers.extend(answers.map(|ticket| Answer {
            ticket,
            position: 7,
            at: MicrosUtc(0),
            outcome: outcome.clone(),
        }));
    }

    /// What was asked and is not answered yet.
    pub fn intents(&self) -> Vec<&str> {
        self.asked.iter().map(|(_, intent)| intent.as_str()).collect()
    }

    /// Keeps all batches, as a store does that is behind.
    pub fn keep_batches(&mut self, free: usize) {
        self.free.truncate(free);
    }
}

impl Store for FakeStore {
    fn lend(&mut self, share: Share) -> Option<IntentBatch> {
        if share == Share::Any && self.free.len() <= self.reserved { None } else { self.free.pop() }
    }

    fn submit(&mut self, mut batch: IntentBatch) {
        for submitted in batch.iter() {
            if self.records {
                self.asked.push((submitted.ticket, format!("{:?}", submitted.intent)));
                self.deadlines.push(submitted.deadline);
            } else {
                self.tickets.push(submitted.ticket);
            }
        }
        batch.clear();
        self.free.push(batch);
    }

    fn poll(&mut self) -> Option<Vec<Answer>> {
        if self.answers.is_empty() {
            return None;
        }
        Some(std::mem::replace(&mut self.answers, std::mem::take(&mut self.spare)))
    }

    fn give_back(&mut self, answers: Vec<Answer>) {
        assert!(answers.is_empty(), "answers come back emptied");
        self.spare = answers;
    }

    fn stats(&self) -> Stats {
        Stats { decided: 11, created: 5, ..Stats::default() }
    }
}

/// Keeps what is written.
#[derive(Debug, Default)]
pub struct FakeOutlet {
    pub written: HashMap<Client, Vec<u8>>,
    pub closed: Vec<Client>,
    /// What clients have not read, as far as the gateway is told.
    pub queued: usize,
    pub frames: u64,
    /// Where frames are only counted, nothing is allocated.
    pub counts_only: bool,
}

impl Outlet for FakeOutlet {
    fn write(&mut self, client: Client, bytes: &[u8]) {
        self.frames += 1;
        if !self.counts_only {
            self.written.entry(client).or_default().extend_from_slice(bytes);
        }
    }

    fn queued_bytes(&mut self, _client: Client) -> usize {
        self.queued
    }

    fn close(&mut self, client: Client) {
        self.closed.push(client);
    }
}

/// A desk that reports at once.
#[derive(Debug, Default)]
pub struct FakeDesk(Option<u64>);

impl AuditDesk for FakeDesk {
    fn begin(&mut self, _holdings: Box<Holdings>, position: u64) {
        self.0 = Some(position);
    }

    fn poll(&mut self) -> Option<Result<AuditReport, AuditFailed>> {
        let position = self.0.take()?;
        Some(Ok(AuditReport { ok: true, position, ..AuditReport::default() }))
    }
}

/// All of it.
pub struct House {
    pub gateway: Gateway<FakeStore>,
    pub out: FakeOutlet,
    pub common: Arc<Common>,
}

/// An answer that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub header: Header,
    pub body: Vec<u8>,
}

impl Heard {
    pub fn status(&self) -> Option<Status> {
        self.header.status.known()
    }

    pub fn refusal(&self) -> Refusal {
        parse_refusal(&self.header, &self.body).expect("it is a refusal")
    }

    pub fn read<M: Message>(&self) -> Parsed<'_, M> {
        assert_eq!(self.status(), None, "it is no refusal");
        parse::<M>(&self.header, &self.body).expect("it is an answer of that kind")
    }
}

impl House {
    pub fn new() -> House {
        House::with(Bounds::DEFAULT, Rates::default(), FakeStore::new(16, 4, 64))
    }

    pub fn with(bounds: Bounds, rates: Rates, store: FakeStore) -> House {
        let desks = Desks { audit: Box::new(FakeDesk::default()), events: Box::new(FakeEvents::default()) };
        House::of(bounds, rates, store, &[], desks)
    }

    /// Before a store that has no journal.
    pub fn without_journal() -> House {
        let store = FakeStore::new(16, 4, 64);
        House::of(Bounds::DEFAULT, Rates::default(), store, OF_A_JOURNAL, Desks::unmanned())
    }

    fn of(bounds: Bounds, rates: Rates, store: FakeStore, lacks: &'static [Kind], desks: Desks) -> House {
        let about = About {
            server: "tidegate test".to_owned(),
            store: 42,
            store_mode: "embedded",
            request_window: Micros::from_seconds(60),
            request_ahead: Micros::from_seconds(6),
            durable: true,
            reactors: 1,
            workers: 1,
            cores: 2,
            started_at: NOW,
        };
        let host = Box::new(|| Host { connections: 3, ..Host::default() });
        let common = Arc::new(Common::new(about, 1, host).with_keys(keys()).without(lacks));
        let mut gateway = Gateway::new(store, bounds, &rates, Arc::clone(&common), 0, desks, 1);
        gateway.begin(NOW);
        House { gateway, out: FakeOutlet::default(), common }
    }

    /// A connection that has said HELLO.
    pub fn known(mut self) -> House {
        self.greet(CLIENT);
        self
    }

    pub fn greet(&mut self, client: Client) {
        self.gateway.opened(client, &mut self.out);
        assert_eq!(self.give_to(client, &hello()), Taken::Bytes(hello().len()));
        let heard = self.heard_by(client);
        assert_eq!(heard[0].header.kind, KindCode::from(Kind::Hello).answer());
        assert_eq!(heard[0].status(), None);
    }

    pub fn give(&mut self, bytes: &[u8]) -> Taken {
        self.give_to(CLIENT, bytes)
    }

    pub fn give_to(&mut self, client: Client, bytes: &[u8]) -> Taken {
        let taken = self.gateway.received(client, bytes, &mut self.out);
        self.gateway.submit();
        taken
    }

    /// The one answer to these bytes, which is given at once.
    pub fn ask(&mut self, bytes: &[u8]) -> Heard {
        self.give(bytes);
        let mut heard = self.heard();
        assert_eq!(heard.len(), 1, "one answer: {heard:?}");
        heard.remove(0)
    }

    /// The one answer to these bytes, once the store has answered so.
    pub fn ask_store(&mut self, bytes: &[u8], outcome: Outcome) -> Heard {
        self.give(bytes);
        self.store().answer(outcome);
        self.turn();
        let mut heard = self.heard();
        assert_eq!(heard.len(), 1, "one answer: {heard:?}");
        heard.remove(0)
    }

    pub fn turn(&mut self) {
        self.gateway.submit();
        self.gateway.answer(&mut self.out);
    }

    pub fn store(&mut self) -> &mut FakeStore {
        self.gateway.store_mut()
    }

    pub fn heard(&mut self) -> Vec<Heard> {
        self.heard_by(CLIENT)
    }

    pub fn heard_by(&mut self, client: Client) -> Vec<Heard> {
        let bytes = self.out.written.remove(&client).unwrap_or_default();
        let mut rest = bytes.as_slice();
        let mut heard = Vec::new();
        while !rest.is_empty() {
            let Split::Frame { header, body, used } = split(rest, 1 << 20) else {
                panic!("the gateway wrote something that is no frame");
            };
            heard.push(Heard { header, body: body.to_owned() });
            rest = &rest[used..];
        }
        heard
    }
}

/// Gateway 3 signs with this.
pub const KEY: &[u8] = b"a key of thirty-two bytes in all";

fn keys() -> Keys {
    Keys::new(&[(3, KEY.to_vec())], Micros::from_seconds(300)).expect("one good key")
}

/// A frame of this kind with correlation 5 and trace 6.
pub fn frame<M: Message>(head: &M::Head, items: &[M::Item], tail: &[u8]) -> Vec<u8> {
    frame_with::<M>(&Meta { correlation: 5, trace: 6, ..Meta::default() }, head, items, tail)
}

pub fn frame_with<M: Message>(meta: &Meta, head: &M::Head, items: &[M::Item], tail: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    append::<M>(&mut bytes, meta, head, items.iter().copied(), tail).expect("it is within the kind's bounds");
    bytes
}

pub fn hello() -> Vec<u8> {
    let head = HelloHead { client: protocol::text("test"), client_version: protocol::text("1") };
    frame::<messages::Hello>(&head, &[], &[])
}

pub fn ping() -> Vec<u8> {
    frame::<messages::Ping>(&Nothing, &[], &[])
}

pub const CREATE_HEAD: CreateHead = CreateHead {
    request: 1,
    user: 9,
    hold: 0,
    coupons: Coupons::NONE,
    total: 500,
    currency: 978,
    client_bytes: 0,
};
pub const LINE: AskedLine = AskedLine { sku: 7, warehouse: 1, quantity: 2 };

pub fn create() -> Vec<u8> {
    frame::<messages::Create>(&CREATE_HEAD, &[LINE], &[])
}

/// The order that a fake store makes.
pub fn order() -> Outcome {
    Ok(Verdict::Order(OrderBrief {
        order: OrderId(77),
        user: UserId(9),
        state: State::PendingPayment,
        version: 1,
        total: MinorUnits(500),
        currency: Currency(978),
        created_at: NOW,
        pay_until: NOW,
    }))
}

/// Puts the right checksum into a frame whose bytes were changed.
pub fn seal(frame: &mut [u8]) {
    frame[44..48].fill(0);
    let crc = crc32c(frame);
    frame[44..48].copy_from_slice(&crc.to_le_bytes());
}

/// CRC-32C bit by bit: slow, and not the implementation under test.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ (0x82F6_3B78 & (crc & 1).wrapping_neg()))
    })
}

/// Takes so many subscriptions and sends nothing.
#[derive(Debug, Default)]
pub struct FakeEvents {
    pub taken: Vec<Arc<Subscription>>,
}

impl EventDesk for FakeEvents {
    fn subscribe(&mut self, subscription: Arc<Subscription>) -> bool {
        self.taken.push(subscription);
        true
    }

    fn nudge(&mut self) {}

    fn wants_refusals(&self) -> bool {
        false
    }

    fn tell_refusal(&mut self, _refusal: Event) {}

    fn ready(&mut self) -> bool {
        false
    }
}
