//! Bounds that are filled on purpose: nothing is lost, and whoever is inside does not notice.
#![allow(clippy::unwrap_used)] // The lint spares only functions marked as tests, not their helpers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Barrier;
use std::time::Duration;

use reactor::{Acceptor, Bounds, Connection, Next, Output, Reactor, Received, Service, Turn};
use support::{GIVE_UP, Server, echo, eventually};

mod support;

/// Sends a text and reads it back, whatever its length: a thread of its own sends.
fn exchange(client: &mut TcpStream, text: &[u8]) {
    std::thread::scope(|scope| {
        let mut sending = client.try_clone().unwrap();
        scope.spawn(move || sending.write_all(text).unwrap());
        let mut back = vec![0; text.len()];
        client.read_exact(&mut back).unwrap();
        assert!(back == text, "what came back differs");
    });
}

/// So many clients at once, each with `rounds` exchanges of so many bytes of its own.
fn all_at_once(server: &Server, clients: u8, rounds: usize, bytes: usize) {
    let together = Barrier::new(usize::from(clients));
    std::thread::scope(|scope| {
        for number in 0..clients {
            let (mut client, together) = (server.connect(), &together);
            scope.spawn(move || {
                together.wait();
                for round in 0..rounds {
                    exchange(&mut client, &vec![number ^ round as u8; bytes]);
                }
            });
        }
    });
}

/// Echoes until it has closed so many connections.
struct EchoUntilClosed(u64);

impl Service for EchoUntilClosed {
    fn opened(&mut self, _connection: Connection, _out: &mut Output) {}

    fn received(&mut self, connection: Connection, bytes: &[u8], out: &mut Output) -> Received {
        out.write(connection, bytes).map_or(Received::Close, |()| Received::Taken(bytes.len()))
    }

    fn closed(&mut self, _connection: Connection) {
        self.0 -= 1;
    }

    fn turn(&mut self, _turn: Turn<'_>) -> Next {
        // A connection that is gone is no reason for a turn.
        if self.0 == 0 { Next::Stop } else { Next::Within(Duration::from_millis(5)) }
    }
}

#[test]
fn a_full_inlet_closes_the_newcomer_and_those_in_line_are_served() {
    let reactor = Reactor::new(&Bounds { inlet_sockets: 2, ..Bounds::DEFAULT }).unwrap();
    let acceptor = Acceptor::listen("127.0.0.1:0".parse().unwrap(), vec![reactor.inlet()]).unwrap();
    let (address, counters, stopper) = (acceptor.address(), acceptor.counters(), acceptor.stopper());
    let connect = || {
        let client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(GIVE_UP)).unwrap();
        client
    };
    let accepting = std::thread::spawn(move || acceptor.run().unwrap());

    // The reactor does not run yet, so nobody takes the sockets out.
    let mut in_line: Vec<TcpStream> = (0..2).map(|_| connect()).collect();
    for refused in 1..=5 {
        assert!(matches!(connect().read(&mut [0]), Ok(0) | Err(_)), "closed, not left waiting");
        eventually("it is counted", || counters.refused_connections.get() == refused);
    }

    let serving = std::thread::spawn(move || reactor.run(&mut EchoUntilClosed(3)).unwrap());
    for client in &mut in_line {
        exchange(client, b"patience");
    }
    let mut next = connect();
    exchange(&mut next, b"there is room again");
    drop((in_line, next));
    serving.join().unwrap();
    stopper.stop();
    accepting.join().unwrap();
    assert_eq!(counters.refused_connections.get(), 5);
}

#[test]
fn when_the_pool_of_buffers_is_empty_or_full_bytes_still_arrive() {
    for (pooled_buffers, pooled_buffer_bytes) in [(0, 0), (1, 4 << 10), (1, 64 << 10)] {
        let bounds = Bounds { pooled_buffers, pooled_buffer_bytes, ..Bounds::DEFAULT };
        let server = Server::start_with(&bounds, echo());
        // 32 need a buffer at the same time, most grow beyond what is kept, and all give theirs back.
        all_at_once(&server, 32, 4, 200_000);
        eventually("all are gone", || server.counters.connections() == 0);
        assert_eq!(server.counters.send_bytes.get(), 32 * 4 * 200_000);
        all_at_once(&server, 2, 50, 100);
    }
}

#[test]
fn rings_far_too_small_for_a_turn_lose_nothing() {
    for (submissions, completions) in [(1, 1), (2, 2), (4, 8)] {
        let bounds = Bounds { submissions, completions, ..Bounds::DEFAULT };
        let mut reply = echo();
        let server = Server::start_with(&bounds, move |connection, bytes, out: &mut Output| {
            // Slow turns: of 48 clients that wait at once, most have sent while one is served, which is more than
            // the rings can hold.
            std::thread::sleep(Duration::from_micros(200));
            reply(connection, bytes, out)
        });
        all_at_once(&server, 48, 10, 1_000);
        eventually("all are gone", || server.counters.connections() == 0);
        assert_eq!(server.counters.send_bytes.get(), 48 * 10 * 1_000);
        assert_eq!(server.counters.recv_bytes.get(), 48 * 10 * 1_000);
        assert_eq!(server.counters.output_cut_off.get() + server.counters.input_cut_off.get(), 0);
    }
}
