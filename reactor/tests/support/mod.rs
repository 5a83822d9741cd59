//! A server in a thread, for the tests.

// Each test file uses its part; and the lint knows only functions marked as tests, not their helpers.
#![allow(dead_code, clippy::unwrap_used)]

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use reactor::{
    Acceptor, Bounds, Connection, Counters, Doorbell, Next, Output, Reactor, Received, Service, Stopper, Turn,
};

/// How long a test waits for what does come, unless the machine stands still: then it says so instead of hanging.
pub const GIVE_UP: Duration = Duration::from_secs(60);

/// A service made of one function: what to do with bytes.
pub struct Replies<F> {
    reply: F,
    stop: Arc<AtomicBool>,
}

impl<F: FnMut(Connection, &[u8], &mut Output) -> Received> Service for Replies<F> {
    fn opened(&mut self, _connection: Connection, _out: &mut Output) {}

    fn received(&mut self, connection: Connection, bytes: &[u8], out: &mut Output) -> Received {
        (self.reply)(connection, bytes, out)
    }

    fn closed(&mut self, _connection: Connection) {}

    fn turn(&mut self, _turn: Turn<'_>) -> Next {
        if self.stop.load(Ordering::Acquire) { Next::Stop } else { Next::Idle }
    }
}

/// Everything comes back.
pub fn echo() -> impl FnMut(Connection, &[u8], &mut Output) -> Received + Send {
    |connection, bytes: &[u8], out: &mut Output| match out.write(connection, bytes) {
        Ok(()) => Received::Taken(bytes.len()),
        Err(_) => Received::Close,
    }
}

/// An acceptor and one reactor. Stopped when dropped.
pub struct Server {
    pub address: SocketAddr,
    pub counters: Arc<Counters>,
    pub accepted: Arc<Counters>,
    stopper: Stopper,
    bell: Doorbell,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    pub fn start(reply: impl FnMut(Connection, &[u8], &mut Output) -> Received + Send + 'static) -> Server {
        Server::start_with(&Bounds::DEFAULT, reply)
    }

    pub fn start_with(
        bounds: &Bounds,
        reply: impl FnMut(Connection, &[u8], &mut Output) -> Received + Send + 'static,
    ) -> Server {
        let reactor = Reactor::new(bounds).unwrap();
        let acceptor = Acceptor::listen("127.0.0.1:0".parse().unwrap(), vec![reactor.inlet()]).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let mut service = Replies { reply, stop: stop.clone() };
        Server {
            address: acceptor.address(),
            counters: reactor.counters(),
            accepted: acceptor.counters(),
            stopper: acceptor.stopper(),
            bell: reactor.doorbell(),
            stop,
            threads: vec![
                std::thread::spawn(move || acceptor.run().unwrap()),
                std::thread::spawn(move || reactor.run(&mut service).unwrap()),
            ],
        }
    }

    /// A client with time-outs, so that a test fails instead of hanging.
    pub fn connect(&self) -> TcpStream {
        let client = TcpStream::connect(self.address).unwrap();
        client.set_read_timeout(Some(GIVE_UP)).unwrap();
        client.set_write_timeout(Some(GIVE_UP)).unwrap();
        client.set_nodelay(true).unwrap();
        client
    }

    /// Ends it and waits for its threads.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stopper.stop();
        self.stop.store(true, Ordering::Release);
        self.bell.ring();
        for thread in self.threads.drain(..) {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.unwrap();
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits until something is so, and says what if it never is.
pub fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let give_up = Instant::now() + GIVE_UP;
    while !so() {
        assert!(Instant::now() < give_up, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether something takes less than that, for once in three times: a machine that stands still for some seconds
/// hits one of them, a wait in the code hits all.
pub fn is_quick(at_most: Duration, mut something: impl FnMut() -> Duration) -> bool {
    (0..3).any(|_| something() < at_most)
}

/// Ends a connection the rude way: the other side gets a reset.
pub fn reset(client: TcpStream) {
    rustix::net::sockopt::set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
    drop(client);
}
