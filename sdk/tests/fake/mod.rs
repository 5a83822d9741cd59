//! A server for tests: it accepts, says HELLO, and then does only what the script says.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use std::time::Duration;

use protocol::messages::{CreateAnswer, GoawayAnswer, HelloAnswer, PingAnswer};
use protocol::structs as wire;
use protocol::{Header, KindCode, Meta, Split, Status, bounds};
use tidegate_sdk::MicrosUtc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// No step of a script takes longer; past it, the test has failed.
const STEP: Duration = Duration::from_secs(60);

pub struct Fake {
    listener: TcpListener,
    pub in_flight_max: u32,
    pub server_time: MicrosUtc,
}

/// The server's end of one connection.
pub struct Peer {
    stream: TcpStream,
    received: Vec<u8>,
}

/// A frame that the client sent.
pub struct Sent {
    pub header: Header,
    pub body: Vec<u8>,
}

impl Fake {
    pub async fn start() -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Fake { listener, in_flight_max: 1_024, server_time: MicrosUtc::now() }
    }

    pub fn address(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    /// The next connection, with HELLO done.
    pub async fn accept(&mut self) -> Peer {
        let mut peer = self.accept_silently().await;
        let hello = peer.next().await;
        let head = wire::HelloAnswerHead {
            store: 1,
            server_time: self.server_time.0,
            request_window_us: 86_400_000_000,
            request_ahead_us: 300_000_000,
            frame_bytes_max: bounds::FRAME_BYTES_MAX as u32,
            in_flight_max: self.in_flight_max,
            lines_max: bounds::LINES_MAX,
            client_bytes_max: bounds::CLIENT_BYTES_MAX,
            batch_items_max: bounds::BATCH_ITEMS_MAX,
            page_max: bounds::PAGE_MAX,
            server: protocol::text("fake"),
            wire_version: protocol::VERSION,
        };
        let mut out = Vec::new();
        protocol::append::<HelloAnswer>(&mut out, &Meta::answering(&hello.header), &head, [], &[]).unwrap();
        peer.raw(&out).await;
        peer
    }

    /// Answers HELLO with this, and closes.
    pub async fn accept_and_refuse(&mut self, status: Status) {
        let mut peer = self.accept_silently().await;
        let hello = peer.next().await;
        let mut out = Vec::new();
        let meta = Meta::answering(&hello.header);
        protocol::append_refusal(&mut out, &meta, KindCode::NO_REQUEST, status, &wire::Refusal::WHOLE);
        peer.raw(&out).await;
    }

    async fn accept_silently(&mut self) -> Peer {
        let (stream, _) = timeout(STEP, self.listener.accept()).await.expect("the client connects").unwrap();
        Peer { stream, received: Vec::new() }
    }
}

impl Peer {
    /// The next frame that the client sends.
    pub async fn next(&mut self) -> Sent {
        loop {
            if let Split::Frame { header, body, used } =
                protocol::split(&self.received, bounds::FRAME_BYTES_MAX)
            {
                let sent = Sent { header, body: body.to_vec() };
                self.received.drain(..used);
                return sent;
            }
            let read = timeout(STEP, self.stream.read_buf(&mut self.received)).await;
            assert_ne!(read.expect("the client sends").unwrap(), 0, "the client closed the connection");
        }
    }

    /// Nothing comes for so long.
    pub async fn is_quiet_for(&mut self, span: Duration) -> bool {
        self.received.is_empty() && timeout(span, self.stream.read_buf(&mut self.received)).await.is_err()
    }

    pub async fn answer_create(&mut self, sent: &Sent, brief: wire::OrderBrief) {
        self.raw(&Peer::create_answer(sent, brief)).await;
    }

    pub fn create_answer(sent: &Sent, brief: wire::OrderBrief) -> Vec<u8> {
        let mut out = Vec::new();
        protocol::append::<CreateAnswer>(&mut out, &Meta::answering(&sent.header), &brief, [], &[]).unwrap();
        out
    }

    pub async fn answer_ping(&mut self, sent: &Sent, server_time: MicrosUtc) {
        let (mut out, head) = (Vec::new(), wire::PingAnswerHead { server_time: server_time.0 });
        protocol::append::<PingAnswer>(&mut out, &Meta::answering(&sent.header), &head, [], &[]).unwrap();
        self.raw(&out).await;
    }

    pub async fn refuse(&mut self, sent: &Sent, status: Status, retry_after_ms: u32) {
        self.refuse_with(sent, status, retry_after_ms, wire::Refusal::WHOLE).await;
    }

    pub async fn refuse_with(
        &mut self,
        sent: &Sent,
        status: Status,
        retry_after_ms: u32,
        refusal: wire::Refusal,
    ) {
        let meta = Meta { time_ms: retry_after_ms, ..Meta::answering(&sent.header) };
        let mut out = Vec::new();
        protocol::append_refusal(&mut out, &meta, sent.header.kind, status, &refusal);
        self.raw(&out).await;
    }

    /// The server says that it takes nothing more on this connection.
    pub async fn goaway(&mut self) {
        let mut out = Vec::new();
        let head = wire::GoawayAnswerHead { in_flight: 1 };
        protocol::append::<GoawayAnswer>(&mut out, &Meta::default(), &head, [], &[]).unwrap();
        self.raw(&out).await;
    }

    pub async fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }
}

/// The head of a CREATE.
pub fn create_head(sent: &Sent) -> wire::CreateHead {
    protocol::parse::<protocol::messages::Create>(&sent.header, &sent.body).unwrap().head
}

/// An order of this user, whose id is the user's.
pub fn brief(user: u64) -> wire::OrderBrief {
    wire::OrderBrief {
        order: user,
        user,
        total: 19_99,
        created_at: 0,
        pay_until: 900_000_000,
        version: 1,
        currency: 978,
        state: 2,
    }
}

/// What REQUEST_ID_EXPIRED carries: the server's time, in microseconds.
pub fn expired(server_time_us: i64) -> wire::Refusal {
    wire::Refusal { line: wire::Refusal::NO_LINE, asked: 0, there: server_time_us }
}
