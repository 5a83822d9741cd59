//! Subscribers to events that read as fast as they can and look at nothing: what the server pays for them is to be
//! measured, not what they do with it, so the kernel throws the bytes away unread.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use anyhow::{Result, ensure};
use protocol::structs::{Event, SubscribeHead};
use protocol::{Plain, messages};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, recv};
use serde::Serialize;

use crate::asking::Asking;
use crate::case::Audience;

/// Between two looks at whether it is over.
const LOOK_EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// Bytes thrown away by one call, at most.
const READ_BYTES: usize = 1 << 20;

/// What all of them together were sent.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Heard {
    /// How many subscribers there were.
    pub subscribers: u32,
    /// Bytes of frames.
    pub bytes: u64,
    /// Events of one item, about.
    pub events: u64,
}

/// Subscribers that listen until this is asked what they heard.
#[derive(Debug)]
pub struct Listening {
    over: Arc<AtomicBool>,
    bytes: Arc<AtomicU64>,
    subscribers: u32,
    thread: JoinHandle<Result<()>>,
}

impl Listening {
    /// Opens a connection each, and subscribes from now on.
    pub fn begin(address: &str, audience: Audience) -> Result<Listening> {
        let subscribers = audience.subscribers;
        let streams = (0..subscribers)
            .map(|number| subscribe(address, audience, number))
            .collect::<Result<Vec<_>>>()?;
        let (over, bytes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (seen_over, counted) = (Arc::clone(&over), Arc::clone(&bytes));
        let thread = std::thread::spawn(move || listen(&streams, &seen_over, &counted));
        Ok(Listening { over, bytes, subscribers, thread })
    }

    /// Ends them all.
    pub fn end(self) -> Result<Heard> {
        let bytes = self.bytes.load(Ordering::Relaxed);
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("listening never panics")?;
        let events = bytes / Event::LAYOUT.bytes as u64;
        Ok(Heard { subscribers: self.subscribers, bytes, events })
    }
}

/// A connection that has said HELLO and SUBSCRIBE, and was answered.
fn subscribe(address: &str, audience: Audience, number: u32) -> Result<TcpStream> {
    let mut asking = Asking::open(address)?;
    let sku = if audience.own_sku { u64::from(number) + 1 } else { 0 };
    let head = SubscribeHead {
        cursor: [0; 32],
        position: 0,
        types: 0,
        user: 0,
        sku,
        sale: 0,
        credit_events: u32::MAX,
        credit_bytes: u32::MAX,
        partition: 0,
        from: 0,
    };
    asking.ask::<messages::Subscribe, messages::SubscribeAnswer>(&head)?;
    Ok(asking.into_stream())
}

/// Throws away what comes, and counts it.
fn listen(streams: &[TcpStream], over: &AtomicBool, bytes: &AtomicU64) -> Result<()> {
    let mut nowhere = vec![0; READ_BYTES];
    while !over.load(Ordering::Relaxed) {
        let mut waiting: Vec<_> = streams.iter().map(|stream| PollFd::new(stream, PollFlags::IN)).collect();
        poll(&mut waiting, Some(&LOOK_EVERY))?;
        for (stream, _) in streams.iter().zip(&waiting).filter(|(_, ready)| !ready.revents().is_empty()) {
            // TRUNC: the bytes are taken from the socket and copied nowhere.
            let (_, taken) = recv(stream, &mut nowhere[..], RecvFlags::TRUNC | RecvFlags::DONTWAIT)?;
            ensure!(taken > 0, "a subscriber was cut off");
            bytes.fetch_add(taken as u64, Ordering::Relaxed);
        }
    }
    Ok(())
}
