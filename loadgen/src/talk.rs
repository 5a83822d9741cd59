//! One connection for what surrounds the load: greeting, catalogue, reading back, STATS and AUDIT. It blocks, and
//! it pipelines; the load itself goes through `drive`.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use protocol::bounds::FRAME_BYTES_MAX;
use protocol::messages::{Hello, HelloAnswer};
use protocol::structs::{HelloAnswerHead, HelloHead, Refusal};
use protocol::{Header, Message, Meta, Parsed, Split, Status, parse, parse_refusal, split, text};

/// How long a connection may take to be there.
const CONNECT_SECONDS_MAX: u64 = 3;
/// How long one answer may take. An audit reads the whole journal, so it gets longer.
pub(crate) const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);
pub(crate) const AUDIT_TIME_MAX: Duration = Duration::from_secs(600);
/// Requests in flight here, at most; fewer where the server allows fewer. So many of the longest orders stay below
/// the bytes that a server keeps for a client that is busy elsewhere.
const WINDOW_MAX: usize = 64;

/// A greeted connection.
#[derive(Debug)]
pub(crate) struct Talk {
    wire: Wire,
    hello: HelloAnswerHead,
    greeted: Instant,
}

/// A connection, its bytes on the way, and how many requests may be in flight.
#[derive(Debug)]
struct Wire {
    stream: TcpStream,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    window: usize,
}

/// Why there is no answer to go on with.
#[derive(Debug)]
pub(crate) enum TalkError {
    /// The connection does not work (any more).
    Broken(io::Error),
    /// The server said no where it must not.
    Refused {
        /// What was asked.
        asked: &'static str,
        /// What it said.
        status: Status,
    },
    /// The other side does not speak this protocol.
    Foreign,
}

/// An answer's body, or the refusal in its place.
pub(crate) type Answered<'a, M> = Result<Parsed<'a, M>, (Status, Refusal)>;

impl Talk {
    /// Connects and says HELLO.
    pub(crate) fn open(target: &str) -> Result<Talk, TalkError> {
        let stream = connect(target).map_err(TalkError::Broken)?;
        let mut wire = Wire { stream, inbox: Vec::new(), outbox: Vec::new(), window: 1 };
        wire.set_answer_time(Duration::from_secs(CONNECT_SECONDS_MAX))?;
        let head =
            HelloHead { client: text("tidegate load"), client_version: text(env!("CARGO_PKG_VERSION")) };
        let hello = wire.ask::<Hello, HelloAnswer, _>(&head, [], |answer| answer.head)?;
        wire.window = WINDOW_MAX.min(hello.in_flight_max as usize).max(1);
        wire.set_answer_time(ANSWER_TIME_MAX)?;
        Ok(Talk { wire, hello, greeted: Instant::now() })
    }

    /// What the server said of itself.
    pub(crate) fn hello(&self) -> &HelloAnswerHead {
        &self.hello
    }

    /// The server's time now, by its greeting and the time since. Microseconds.
    pub(crate) fn server_time_us(&self) -> i64 {
        self.hello.server_time + self.greeted.elapsed().as_micros() as i64
    }

    /// A request id that was never used before.
    pub(crate) fn new_request_id(&self) -> u128 {
        let ms = (self.server_time_us() / 1_000) as u128;
        ms << 80 | fastrand::u128(..) >> 48
    }

    /// The socket, greeted and with nothing under way.
    pub(crate) fn into_stream(self) -> Result<TcpStream, TalkError> {
        self.wire.stream.set_read_timeout(None).map_err(TalkError::Broken)?;
        Ok(self.wire.stream)
    }

    /// How long to wait for an answer from now on.
    pub(crate) fn set_answer_time(&mut self, longest: Duration) -> Result<(), TalkError> {
        self.wire.set_answer_time(longest)
    }

    /// One request without items, which must be answered well.
    pub(crate) fn ask<Q: Message, A: Message, T>(
        &mut self,
        head: &Q::Head,
        read: impl FnOnce(&Parsed<'_, A>) -> T,
    ) -> Result<T, TalkError> {
        self.wire.ask::<Q, A, T>(head, [], read)
    }

    /// `count` requests of one kind without items, as many in flight as allowed: `head` makes request n, `read` is
    /// given its answer. Answers come in any order.
    pub(crate) fn ask_each<Q: Message, A: Message>(
        &mut self,
        count: usize,
        mut head: impl FnMut(usize) -> Q::Head,
        read: impl FnMut(usize, Answered<'_, A>) -> Result<(), TalkError>,
    ) -> Result<(), TalkError> {
        let write = |at, correlation, out: &mut Vec<u8>| {
            append::<Q>(out, &meta(correlation), &head(at), []);
            Ok(())
        };
        self.wire.ask_each::<A>(count, write, read)
    }

    /// Like [`Talk::ask_each`], for requests that are written as they are, under the correlation that is given.
    /// `write` may fail, and nothing of that request leaves then.
    pub(crate) fn ask_each_frame<A: Message>(
        &mut self,
        count: usize,
        write: impl FnMut(usize, u64, &mut Vec<u8>) -> Result<(), TalkError>,
        read: impl FnMut(usize, Answered<'_, A>) -> Result<(), TalkError>,
    ) -> Result<(), TalkError> {
        self.wire.ask_each::<A>(count, write, read)
    }

    /// One request with items.
    pub(crate) fn ask_with_items<Q: Message, A: Message, T>(
        &mut self,
        head: &Q::Head,
        items: impl IntoIterator<Item = Q::Item, IntoIter: ExactSizeIterator> + Clone,
        read: impl FnOnce(&Parsed<'_, A>) -> T,
    ) -> Result<T, TalkError> {
        self.wire.ask::<Q, A, T>(head, items, read)
    }
}

impl Wire {
    fn set_answer_time(&mut self, longest: Duration) -> Result<(), TalkError> {
        self.stream.set_read_timeout(Some(longest)).map_err(TalkError::Broken)
    }

    fn ask<Q: Message, A: Message, T>(
        &mut self,
        head: &Q::Head,
        items: impl IntoIterator<Item = Q::Item, IntoIter: ExactSizeIterator> + Clone,
        read: impl FnOnce(&Parsed<'_, A>) -> T,
    ) -> Result<T, TalkError> {
        let mut found = None;
        let mut read = Some(read);
        self.ask_each::<A>(
            1,
            |_, correlation, out| {
                append::<Q>(out, &meta(correlation), head, items.clone());
                Ok(())
            },
            |_, answer| {
                let asked = Q::ABOUT.kind.name();
                let parsed = answer.map_err(|(status, _)| TalkError::Refused { asked, status })?;
                found = read.take().map(|read| read(&parsed));
                Ok(())
            },
        )?;
        found.ok_or(TalkError::Foreign)
    }

    /// `count` requests: `write` appends request n with this meta.
    fn ask_each<A: Message>(
        &mut self,
        count: usize,
        mut write: impl FnMut(usize, u64, &mut Vec<u8>) -> Result<(), TalkError>,
        mut read: impl FnMut(usize, Answered<'_, A>) -> Result<(), TalkError>,
    ) -> Result<(), TalkError> {
        let (mut sent, mut answered) = (0, 0);
        while answered < count {
            self.outbox.clear();
            // Half a window at a time: a send a request would cost more than all the rest.
            while sent < count && sent - answered < self.window {
                write(sent, sent as u64, &mut self.outbox)?;
                sent += 1;
            }
            self.stream.write_all(&self.outbox).map_err(TalkError::Broken)?;
            let wanted = if sent < count { sent - self.window / 2 } else { sent };
            let goal = wanted.clamp(answered + 1, sent);
            while answered < goal {
                answered += self.read_answers::<A>(sent, &mut read)?;
            }
        }
        Ok(())
    }

    /// Waits for bytes and reads the whole answers in them. How many there were.
    fn read_answers<A: Message>(
        &mut self,
        sent: usize,
        read: &mut impl FnMut(usize, Answered<'_, A>) -> Result<(), TalkError>,
    ) -> Result<usize, TalkError> {
        let mut chunk = [0; 64 * 1024];
        let bytes = loop {
            match self.stream.read(&mut chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                read => break read.map_err(TalkError::Broken)?,
            }
        };
        if bytes == 0 {
            return Err(TalkError::Broken(io::ErrorKind::ConnectionAborted.into()));
        }
        self.inbox.extend_from_slice(&chunk[..bytes]);
        let (mut at, mut answers) = (0, 0);
        loop {
            match split(&self.inbox[at..], FRAME_BYTES_MAX) {
                Split::NeedMore => break,
                Split::Bad(_) => return Err(TalkError::Foreign),
                Split::Frame { header, body, used } => {
                    let number = usize::try_from(header.correlation).ok().filter(|&number| number < sent);
                    read(number.ok_or(TalkError::Foreign)?, answered::<A>(&header, body)?)?;
                    at += used;
                    answers += 1;
                }
            }
        }
        self.inbox.drain(..at);
        Ok(answers)
    }
}

/// Appends a request's frame. Whoever calls keeps to the bounds of the kind.
pub(crate) fn append<Q: Message>(
    out: &mut Vec<u8>,
    meta: &Meta,
    head: &Q::Head,
    items: impl IntoIterator<Item = Q::Item, IntoIter: ExactSizeIterator>,
) {
    protocol::append::<Q>(out, meta, head, items, &[]).expect("items are within the bounds of their kind");
}

fn meta(correlation: u64) -> Meta {
    Meta { correlation, ..Meta::default() }
}

/// The body of an answer, or of a refusal in its place.
fn answered<'a, A: Message>(header: &Header, body: &'a [u8]) -> Result<Answered<'a, A>, TalkError> {
    let status = header.status;
    if status.is_ok() {
        return parse::<A>(header, body).map(Ok).map_err(|_| TalkError::Foreign);
    }
    let refusal = parse_refusal(header, body).map_err(|_| TalkError::Foreign)?;
    Ok(Err((Status::from_code(status.0).ok_or(TalkError::Foreign)?, refusal)))
}

fn connect(target: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in target.to_socket_addrs()? {
        match connect_to(&address) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn connect_to(address: &SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(address, Duration::from_secs(CONNECT_SECONDS_MAX))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl std::fmt::Display for TalkError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TalkError::Broken(error) => write!(f, "{error}"),
            TalkError::Refused { asked, status } => {
                write!(f, "{asked} was answered with {}: {}", status.name(), status.meaning())
            }
            TalkError::Foreign => write!(f, "its answer is not one of this protocol"),
        }
    }
}

impl std::error::Error for TalkError {}
