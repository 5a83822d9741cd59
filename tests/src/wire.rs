//! A client without manners: a plain socket that sends what it is told, whole frames or not.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use protocol::structs::{AskedLine, Coupons, CreateHead, HelloHead};
use protocol::{Flags, Header, Message, Meta, Split, Status, append, messages, split, text};

/// Whoever waits longer than this for an answer has failed.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// A connection and what was read from it and not looked at.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its header.
    pub header: Header,
    /// Its body.
    pub body: Vec<u8>,
}

impl Heard {
    /// Why not, if not.
    pub fn status(&self) -> Option<Status> {
        self.header.status.known()
    }
}

impl Wire {
    /// A connection that has said nothing.
    ///
    /// # Panics
    /// Where nobody listens.
    pub fn stranger(address: &str) -> Wire {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(ANSWER_WITHIN)).expect("it is not zero");
        stream.set_nodelay(true).expect("it is a TCP socket");
        Wire { stream, read: Vec::new() }
    }

    /// A connection that has said HELLO and was answered.
    ///
    /// # Panics
    /// Where it was not.
    pub fn connect(address: &str) -> Wire {
        let mut wire = Wire::stranger(address);
        wire.send(&hello());
        let heard = wire.hear().expect("HELLO is answered");
        assert_eq!(heard.status(), None, "HELLO was refused");
        wire
    }

    /// Sends bytes; what a closed connection does not take is lost.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Sends bytes, or says that the connection takes no more.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.set_write_timeout(Some(ANSWER_WITHIN))?;
        self.stream.write_all(bytes)
    }

    /// Sends nothing more, and may still hear.
    pub fn end_input(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The next answer; nothing when the connection was closed.
    ///
    /// # Panics
    /// Where nothing comes for long, or something that is no frame.
    pub fn hear(&mut self) -> Option<Heard> {
        loop {
            match split(&self.read, protocol::bounds::FRAME_BYTES_MAX) {
                Split::Frame { header, body, used } => {
                    let heard = Heard { header, body: body.to_owned() };
                    self.read.drain(..used);
                    return Some(heard);
                }
                Split::NeedMore => {
                    let mut bytes = [0; 65_536];
                    match self.stream.read(&mut bytes) {
                        Ok(0) => return None,
                        Ok(read) => self.read.extend_from_slice(&bytes[..read]),
                        Err(why) if why.kind() == io::ErrorKind::ConnectionReset => return None,
                        Err(why) => panic!("no answer: {why}"),
                    }
                }
                Split::Bad(status) => panic!("the server sent something that is no frame: {status:?}"),
            }
        }
    }

    /// All answers until the connection is closed.
    ///
    /// # Panics
    /// Where it is not.
    pub fn hear_to_the_end(&mut self) -> Vec<Heard> {
        std::iter::from_fn(|| self.hear()).collect()
    }
}

/// A frame of this kind.
///
/// # Panics
/// Where the kind does not allow so many items or bytes.
pub fn frame<M: Message>(correlation: u64, head: &M::Head, items: &[M::Item]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let meta = Meta { correlation, ..Meta::default() };
    append::<M>(&mut bytes, &meta, head, items.iter().copied(), &[]).expect("the kind allows it");
    bytes
}

/// The frame that every connection begins with.
pub fn hello() -> Vec<u8> {
    let head = HelloHead { client: text("end to end"), client_version: text("1") };
    frame::<messages::Hello>(0, &head, &[])
}

/// One unit of sku 1 for 19.99 EUR, by a user and request id made of `number`, stamped `unix_ms`.
pub fn create(number: u64, unix_ms: u64) -> Vec<u8> {
    create_asked(number, unix_ms, Flags::default())
}

/// The same request, asked before.
pub fn create_again(number: u64, unix_ms: u64) -> Vec<u8> {
    create_asked(number, unix_ms, Flags::ASKED_BEFORE)
}

fn create_asked(number: u64, unix_ms: u64, flags: Flags) -> Vec<u8> {
    let head = CreateHead {
        request: u128::from(unix_ms) << 80 | u128::from(number),
        user: number + 1,
        hold: 0,
        coupons: Coupons::NONE,
        total: 19_99,
        currency: 978,
        client_bytes: 0,
    };
    let mut bytes = Vec::new();
    let meta = Meta { correlation: number, flags, ..Meta::default() };
    let line = AskedLine { sku: 1, warehouse: 1, quantity: 1 };
    append::<messages::Create>(&mut bytes, &meta, &head, [line], &[]).expect("the kind allows it");
    bytes
}

/// Milliseconds since 1970, as request ids carry them.
///
/// # Panics
/// Where the clock stands before 1970.
pub fn unix_ms() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().expect("it is after 1970");
    since.as_millis() as u64
}
