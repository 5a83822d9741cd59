//! One session over one TCP connection: any number of tasks send through it, answers find their asker by
//! correlation, and when it ends every asker hears so. It never asks twice; `attempts.rs` does.
//!
//! Two tasks serve it. The writer sends all frames that were gathered while it was busy in one write; the reader
//! hands out answers. Both end with the connection, and the connection ends when its last handle is dropped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use protocol::messages::{Hello, HelloAnswer, Ping, Unsubscribe};
use protocol::structs::{HelloHead, UnsubscribeHead};
use protocol::{Flags, HEADER_BYTES, Header, Kind, KindCode, Meta, Nothing, Split, Status, bounds};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, timeout};

use crate::error::Violation;
use crate::values::MicrosUtc;

/// Bytes that wait to be written, at most: senders wait until some are gone.
const OUT_BYTES_MAX: usize = 4 * bounds::FRAME_BYTES_MAX;
/// Bytes read at once, at least.
const READ_BYTES: usize = 64 * 1024;
/// Frames of one subscription that nobody has taken, at most. Credit keeps it below; where frames without events pass
/// it, the subscription ends and its owner asks again from where it was.
const FEED_FRAMES_MAX: usize = 1_024;
/// Correlation of our own PINGs; requests count up from 1 and never get there.
const PING_CORRELATION: u64 = u64::MAX;
const _: () = assert!(OUT_BYTES_MAX >= bounds::FRAME_BYTES_MAX && OUT_BYTES_MAX <= u32::MAX as usize);

/// A frame that came back.
#[derive(Debug)]
pub struct Answer {
    pub header: Header,
    pub body: Vec<u8>,
}

/// Why a connection does not work (any more).
#[derive(Clone, Debug)]
pub enum Broken {
    /// The network, or the server's end of it.
    Lost(String),
    /// Something that does not mend by connecting again.
    Against(Violation),
}

/// What a session is opened with.
#[derive(Clone, Debug)]
pub struct Opening {
    /// For connecting, and for HELLO's answer.
    pub connect_within: Duration,
    /// Unanswered requests, at most; the server may allow fewer.
    pub in_flight_max: usize,
    /// With answers or subscriptions outstanding, nothing may be silent for longer.
    pub silence_max: Duration,
    /// For the server's logs.
    pub client_name: String,
}

/// A handle of a session. When the last one is dropped, the connection is closed.
#[derive(Debug)]
pub struct Connection {
    shared: Arc<Shared>,
}

/// Writes one frame of this correlation behind what the buffer holds.
pub type Encode<'a> = dyn FnMut(u64, &mut Vec<u8>) -> Result<(), Violation> + Send + 'a;

/// What became of one request.
pub type Reply = oneshot::Receiver<Result<Answer, Broken>>;

impl Connection {
    /// Connects, says HELLO, and gives the session with the server's time.
    pub async fn open(address: &str, opening: &Opening) -> Result<(Connection, MicrosUtc), Broken> {
        let opened = timeout(opening.connect_within, say_hello(address, opening)).await;
        let (stream, received, hello) =
            opened.map_err(|_| Broken::Lost(format!("{address} does not answer")))??;
        let in_flight_max = opening.in_flight_max.min(hello.in_flight_max as usize).max(1);
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                out: Vec::new(),
                waiting: HashMap::with_capacity(in_flight_max),
                feeds: HashMap::new(),
                next_correlation: 1,
                heard_at: Instant::now(),
                pinged: false,
                leaving: false,
                broken: None,
            }),
            something_to_write: Notify::new(),
            closed: Notify::new(),
            places: Arc::new(Semaphore::new(in_flight_max)),
            room: Semaphore::new(OUT_BYTES_MAX),
            silence_max: opening.silence_max,
        });
        let (from_server, to_server) = stream.into_split();
        tokio::spawn(write_all_frames(shared.clone(), to_server));
        tokio::spawn(read_all_frames(shared.clone(), from_server, received));
        Ok((Connection { shared }, MicrosUtc(hello.server_time)))
    }

    /// Sends one frame, written by `encode` with the correlation it is given; the reply comes when it comes.
    ///
    /// Waits for a place among the unanswered and for room in the buffer. Until then dropping this future leaves
    /// nothing behind; from then on the frame is sent, and dropping the reply only means that nobody hears it.
    pub async fn send(&self, frame_bytes: usize, encode: &mut Encode<'_>) -> Result<Reply, Broken> {
        let ended = || self.shared.lock().ended();
        let place = self.shared.places.clone().acquire_owned().await.map_err(|_| ended())?;
        let bytes =
            u32::try_from(frame_bytes.min(bounds::FRAME_BYTES_MAX)).expect("frames are at most 1 MiB");
        let room = self.shared.room.acquire_many(bytes).await.map_err(|_| ended())?;

        let mut state = self.shared.lock();
        if !state.takes_requests() {
            return Err(state.ended());
        }
        let (correlation, before) = (state.next_correlation, state.out.len());
        encode(correlation, &mut state.out).map_err(Broken::Against)?;
        debug_assert_eq!(state.out.len() - before, frame_bytes, "room was taken for exactly this frame");
        state.next_correlation += 1;
        if state.waiting.is_empty() {
            // Silence counts from here: before, the server had nothing to say.
            state.heard_at = Instant::now();
        }
        let (answer, reply) = oneshot::channel();
        state.waiting.insert(correlation, Waiting { answer, _place: place });
        drop(state);
        // The writer gives it back when the bytes are gone.
        room.forget();
        self.shared.something_to_write.notify_one();
        Ok(reply)
    }

    /// Sends a SUBSCRIBE; its frames come until one says that it was the last, or the connection ends.
    pub async fn subscribe(
        &self,
        frame_bytes: usize,
        encode: &mut Encode<'_>,
    ) -> Result<(u64, Receiver<Answer>), Broken> {
        let ended = || self.shared.lock().ended();
        let bytes = u32::try_from(frame_bytes).expect("frames are at most 1 MiB");
        let room = self.shared.room.acquire_many(bytes).await.map_err(|_| ended())?;
        let mut state = self.shared.lock();
        if !state.takes_requests() {
            return Err(state.ended());
        }
        let correlation = state.next_correlation;
        encode(correlation, &mut state.out).map_err(Broken::Against)?;
        state.next_correlation += 1;
        if state.waiting.is_empty() && state.feeds.is_empty() {
            state.heard_at = Instant::now();
        }
        let (frames, received) = channel(FEED_FRAMES_MAX);
        state.feeds.insert(correlation, Feed::Open(frames));
        drop(state);
        room.forget();
        self.shared.something_to_write.notify_one();
        Ok((correlation, received))
    }

    /// Ends a subscription: nobody takes its frames any more.
    pub fn unsubscribe(&self, subscription: u64) {
        self.shared.unsubscribe(subscription);
    }

    /// Whether new requests may go here: false once it broke or the server said GOAWAY.
    pub fn takes_requests(&self) -> bool {
        self.shared.lock().takes_requests()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.end(Broken::Lost("the client was closed".into()));
    }
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    something_to_write: Notify,
    closed: Notify,
    /// One for each request that may be unanswered.
    places: Arc<Semaphore>,
    /// One for each byte that may wait to be written.
    room: Semaphore,
    silence_max: Duration,
}

#[derive(Debug)]
struct State {
    /// Whole frames, to be written next. At most [`OUT_BYTES_MAX`].
    out: Vec<u8>,
    /// By correlation; at most as many as there are places.
    waiting: HashMap<u64, Waiting>,
    /// Subscriptions, by correlation.
    feeds: HashMap<u64, Feed>,
    next_correlation: u64,
    /// When the server last said something, or was first asked after a pause.
    heard_at: Instant,
    /// A PING of our own is unanswered.
    pinged: bool,
    /// The server takes nothing more; what it took is still answered.
    leaving: bool,
    broken: Option<Broken>,
}

/// An unanswered request. It keeps its place until it is answered, whether or not somebody still listens: for the
/// server it is in flight.
#[derive(Debug)]
struct Waiting {
    answer: oneshot::Sender<Result<Answer, Broken>>,
    _place: OwnedSemaphorePermit,
}

/// Where the frames of a subscription go.
#[derive(Debug)]
enum Feed {
    /// To its owner.
    Open(Sender<Answer>),
    /// Nowhere: it was ended, and this is what still comes.
    Ending,
}

impl State {
    fn takes_requests(&self) -> bool {
        self.broken.is_none() && !self.leaving
    }

    fn ended(&self) -> Broken {
        self.broken.clone().unwrap_or_else(|| Broken::Lost("the server is going away".into()))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nobody panics while holding it, and if somebody did, every field is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first reason stays; everybody who waits hears it.
    fn end(&self, why: Broken) {
        let waiting = {
            let mut state = self.lock();
            if state.broken.is_some() {
                return;
            }
            state.broken = Some(why.clone());
            // Owners of subscriptions hear it by the end of their frames.
            state.feeds.clear();
            std::mem::take(&mut state.waiting)
        };
        self.places.close();
        self.room.close();
        // Both tasks: each looks at `broken` before it waits, and one stored permit each covers the moment between.
        self.something_to_write.notify_one();
        self.closed.notify_one();
        for (_, waiting) in waiting {
            // Who dropped its reply does not care.
            let _ = waiting.answer.send(Err(why.clone()));
        }
    }

    /// Asks whether the server is still there. Without room to write it the silence speaks for itself.
    fn ping(&self) {
        let Ok(room) = self.room.try_acquire_many(HEADER_BYTES as u32) else { return };
        let mut state = self.lock();
        let meta = Meta { correlation: PING_CORRELATION, ..Meta::default() };
        if protocol::append::<Ping>(&mut state.out, &meta, &Nothing, [], &[]).is_ok() {
            state.pinged = true;
            drop(state);
            room.forget();
            self.something_to_write.notify_one();
        }
    }

    /// Tells the server that nobody listens. Without room to write it the frames are dropped as they come.
    fn unsubscribe(&self, subscription: u64) {
        let bytes = protocol::frame_bytes::<Unsubscribe>(0, 0);
        let mut state = self.lock();
        if state.feeds.get_mut(&subscription).map(|feed| *feed = Feed::Ending).is_none() {
            return;
        }
        let Ok(room) = self.room.try_acquire_many(bytes as u32) else { return };
        let correlation = state.next_correlation;
        let meta = Meta { correlation, ..Meta::default() };
        let head = UnsubscribeHead { subscription };
        if protocol::append::<Unsubscribe>(&mut state.out, &meta, &head, [], &[]).is_ok() {
            state.next_correlation += 1;
            state.feeds.insert(correlation, Feed::Ending);
            drop(state);
            room.forget();
            self.something_to_write.notify_one();
        }
    }

    /// Hands a frame of a subscription to its owner. False: it is of none.
    fn feed(state: &mut State, header: Header, body: &[u8]) -> Option<u64> {
        let correlation = header.correlation;
        let feed = state.feeds.get(&correlation)?;
        let last = !header.flags.has(Flags::MORE);
        let gone = match feed {
            Feed::Open(frames) => frames.try_send(Answer { header, body: body.to_vec() }).is_err(),
            Feed::Ending => false,
        };
        if last {
            state.feeds.remove(&correlation);
        }
        Some(if gone && !last { correlation } else { 0 })
    }

    /// Hands an answer to its asker.
    fn answer(&self, header: Header, body: &[u8]) -> Result<(), Broken> {
        let server = |rule| Broken::Against(Violation::Server(rule));
        let mut state = self.lock();
        state.heard_at = Instant::now();
        if header.status.known() == Some(Status::GoingAway) {
            state.leaving = true;
            self.places.close();
        }
        if header.correlation == PING_CORRELATION && state.pinged {
            // Whatever it says: it is there.
            state.pinged = false;
            return Ok(());
        }
        if let Some(gone) = Shared::feed(&mut state, header, body) {
            drop(state);
            if gone != 0 {
                self.unsubscribe(gone);
            }
            return Ok(());
        }
        if let Some(waiting) = state.waiting.remove(&header.correlation) {
            drop(state);
            let _ = waiting.answer.send(Ok(Answer { header, body: body.to_vec() }));
            return Ok(());
        }
        match header.kind {
            kind if kind.known() == Some(Kind::Goaway) => {
                state.leaving = true;
                // Who waits for a place here goes elsewhere.
                self.places.close();
                Ok(())
            }
            KindCode::NO_REQUEST => match header.status.known() {
                Some(status) => Err(Broken::Against(Violation::Session(status))),
                None => Err(server("an answer to no request has no status that we know")),
            },
            _ => Err(server("an answer to what nobody asked")),
        }
    }
}

/// Connects and exchanges HELLO. What was read behind its answer is given back, too.
async fn say_hello(
    address: &str,
    opening: &Opening,
) -> Result<(TcpStream, BytesMut, protocol::structs::HelloAnswerHead), Broken> {
    let mut stream =
        TcpStream::connect(address).await.map_err(|why| Broken::Lost(format!("{address}: {why}")))?;
    let lost = |why: std::io::Error| Broken::Lost(why.to_string());
    // Frames are gathered here, not in the kernel.
    stream.set_nodelay(true).map_err(lost)?;
    let head = HelloHead {
        client: protocol::text(&opening.client_name),
        client_version: protocol::text(env!("CARGO_PKG_VERSION")),
    };
    let mut frame = Vec::new();
    protocol::append::<Hello>(&mut frame, &Meta::default(), &head, [], &[])
        .map_err(|why| Broken::Against(why.into()))?;
    stream.write_all(&frame).await.map_err(lost)?;

    let mut received = BytesMut::with_capacity(READ_BYTES);
    loop {
        match protocol::split(&received, bounds::FRAME_BYTES_MAX) {
            Split::NeedMore => {}
            Split::Bad(_) => return Err(Broken::Against(Violation::Server("HELLO's answer is no frame"))),
            Split::Frame { header, body, used } => {
                if let Some(status) = header.status.known() {
                    return Err(Broken::Against(Violation::Session(status)));
                }
                let answer = protocol::parse::<HelloAnswer>(&header, body)
                    .map_err(|_| Broken::Against(Violation::Server("HELLO's answer cannot be read")))?;
                let head = answer.head;
                received.advance(used);
                return Ok((stream, received, head));
            }
        }
        if stream.read_buf(&mut received).await.map_err(lost)? == 0 {
            return Err(Broken::Lost("the server closed the connection".into()));
        }
    }
}

/// Writes what was gathered, in one write, until the connection ends.
async fn write_all_frames(shared: Arc<Shared>, mut to_server: OwnedWriteHalf) {
    // Two buffers go round: one is filled while the other is written.
    let mut writing = Vec::new();
    loop {
        {
            let mut state = shared.lock();
            if state.broken.is_some() {
                return;
            }
            std::mem::swap(&mut writing, &mut state.out);
        }
        if writing.is_empty() {
            shared.something_to_write.notified().await;
            continue;
        }
        if let Err(why) = to_server.write_all(&writing).await {
            return shared.end(Broken::Lost(why.to_string()));
        }
        shared.room.add_permits(writing.len());
        writing.clear();
    }
}

/// Hands out what arrives, until the connection ends, goes silent, or breaks the rules.
async fn read_all_frames(shared: Arc<Shared>, mut from_server: OwnedReadHalf, mut received: BytesMut) {
    let why = loop {
        if let Err(why) = hand_out(&shared, &mut received) {
            break why;
        }
        received.reserve(READ_BYTES);
        let read = tokio::select! {
            read = from_server.read_buf(&mut received) => read,
            () = silence(&shared) => break Broken::Lost("the server is silent".into()),
            () = shared.closed.notified() => return,
        };
        match read {
            Ok(0) => break Broken::Lost("the server closed the connection".into()),
            Ok(_) => {}
            Err(why) => break Broken::Lost(why.to_string()),
        }
    };
    shared.end(why);
}

/// Every whole frame in what was received.
fn hand_out(shared: &Shared, received: &mut BytesMut) -> Result<(), Broken> {
    loop {
        match protocol::split(received, bounds::FRAME_BYTES_MAX) {
            Split::NeedMore => return Ok(()),
            Split::Bad(_) => return Err(Broken::Against(Violation::Server("what it sends are no frames"))),
            Split::Frame { header, body, used } => {
                shared.answer(header, body)?;
                received.advance(used);
            }
        }
    }
}

/// Ends when answers are outstanding and the server has said nothing for too long. At half that time it is asked
/// whether it is there, so that one slow answer (an audit takes minutes) is not taken for silence.
async fn silence(shared: &Shared) {
    loop {
        let (quiet_since, pinged) = {
            let state = shared.lock();
            let idle = state.waiting.is_empty() && state.feeds.is_empty();
            (if idle { Instant::now() } else { state.heard_at }, state.pinged)
        };
        let (ping_at, end_at) = (quiet_since + shared.silence_max / 2, quiet_since + shared.silence_max);
        let now = Instant::now();
        if end_at <= now {
            return;
        }
        if ping_at <= now && !pinged {
            shared.ping();
        }
        tokio::time::sleep_until(if ping_at <= now { end_at } else { ping_at }).await;
    }
}
