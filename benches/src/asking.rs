//! One connection, and one request at a time on it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use protocol::structs::HelloHead;
use protocol::{Message, Meta, Split, append, messages, parse, split, text};

/// An answer takes no longer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Bytes taken from the socket by one call, at most.
const READ_BYTES: usize = 64 << 10;

/// A connection that has said HELLO.
#[derive(Debug)]
pub struct Asking {
    stream: TcpStream,
    frame: Vec<u8>,
    inbox: Vec<u8>,
}

impl Asking {
    /// Connects and says HELLO.
    pub fn open(address: &str) -> Result<Asking> {
        let stream = TcpStream::connect(address).context("the server cannot be reached")?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        stream.set_nodelay(true)?;
        let mut asking = Asking { stream, frame: Vec::new(), inbox: Vec::new() };
        let hello = HelloHead { client: text("benches"), client_version: text(env!("CARGO_PKG_VERSION")) };
        asking.ask::<messages::Hello, messages::HelloAnswer>(&hello)?;
        Ok(asking)
    }

    /// Asks, and waits for the answer: its head, and how many items it has.
    pub fn ask<Q: Message, A: Message>(&mut self, head: &Q::Head) -> Result<(A::Head, usize)> {
        self.frame.clear();
        append::<Q>(&mut self.frame, &Meta::default(), head, [], &[]).context("the kind allows it")?;
        self.stream.write_all(&self.frame)?;
        self.inbox.clear();
        loop {
            match split(&self.inbox, protocol::bounds::FRAME_BYTES_MAX) {
                Split::NeedMore => (),
                Split::Bad(_) => anyhow::bail!("the server's answer is no frame"),
                Split::Frame { header, body, .. } => {
                    let asked = Q::ABOUT.kind.name();
                    ensure!(header.status.is_ok(), "{asked} was refused: {:?}", header.status);
                    let parsed = parse::<A>(&header, body);
                    let parsed = parsed.map_err(|_| anyhow::anyhow!("{asked} has another answer"))?;
                    return Ok((parsed.head, header.items as usize));
                }
            }
            let from = self.inbox.len();
            self.inbox.resize(from + READ_BYTES, 0);
            let bytes = self.stream.read(&mut self.inbox[from..]).context("there is no answer")?;
            ensure!(bytes > 0, "the server hung up");
            self.inbox.truncate(from + bytes);
        }
    }

    /// The socket, with nothing under way.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }
}
