//! How many messages of 100 bytes a reactor answers in a second, asked by another on the next CPU.
//!
//! `cargo run --release -p reactor --example echo_rate -- [connections] [in flight on each] [seconds]`

use std::net::TcpStream;
use std::time::{Duration, Instant};

use affinity::{Machine, Seat, Wishes, plan};
use reactor::{Acceptor, Bounds, Connection, Counters, Next, Output, Reactor, Received, Service, Turn};

const MESSAGE_BYTES: usize = 100;

/// Answers each whole message with one of the same length.
struct Answering {
    stop_at: Instant,
}

impl Service for Answering {
    fn opened(&mut self, _connection: Connection, _out: &mut Output) {}

    fn received(&mut self, connection: Connection, bytes: &[u8], out: &mut Output) -> Received {
        let messages = bytes.chunks_exact(MESSAGE_BYTES);
        let rest = messages.remainder().len();
        for message in messages {
            if out.write(connection, message).is_err() {
                return Received::Close;
            }
        }
        Received::Taken(bytes.len() - rest)
    }

    fn closed(&mut self, _connection: Connection) {}

    fn turn(&mut self, turn: Turn<'_>) -> Next {
        if turn.now >= self.stop_at { Next::Stop } else { Next::Within(self.stop_at - turn.now) }
    }
}

/// Keeps so many messages in flight on each connection.
struct Asking {
    in_flight: usize,
    answered: u64,
    warm_at: Instant,
    answered_warm: Option<u64>,
    stop_at: Instant,
}

impl Service for Asking {
    fn opened(&mut self, connection: Connection, out: &mut Output) {
        for _ in 0..self.in_flight {
            out.write(connection, &[7; MESSAGE_BYTES]).expect("a fresh connection has room");
        }
    }

    fn received(&mut self, connection: Connection, bytes: &[u8], out: &mut Output) -> Received {
        let messages = bytes.len() / MESSAGE_BYTES;
        for _ in 0..messages {
            if out.write(connection, &[7; MESSAGE_BYTES]).is_err() {
                return Received::Close;
            }
        }
        self.answered += messages as u64;
        Received::Taken(messages * MESSAGE_BYTES)
    }

    fn closed(&mut self, _connection: Connection) {}

    fn turn(&mut self, turn: Turn<'_>) -> Next {
        if self.answered_warm.is_none() && turn.now >= self.warm_at {
            self.answered_warm = Some(self.answered);
        }
        if turn.now >= self.stop_at { Next::Stop } else { Next::Within(self.stop_at - turn.now) }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|word| word.parse()).collect::<Result<_, _>>()?;
    let (connections, in_flight, seconds) = match numbers[..] {
        [] => (64, 16, 3),
        [connections, in_flight] => (connections, in_flight, 3),
        [connections, in_flight, seconds] => (connections, in_flight, seconds),
        _ => return Err("give: connections, in flight on each, seconds".into()),
    };
    let data = std::env::current_dir()?;
    let plan = plan(&Machine::read(Some(&data))?, &Wishes { generator: true, ..Wishes::default() })?;

    let warm_at = Instant::now() + Duration::from_millis(500);
    let stop_at = warm_at + Duration::from_secs(seconds as u64);
    let server = Reactor::new(&Bounds::DEFAULT)?;
    let counters = server.counters();
    let acceptor = Acceptor::listen("127.0.0.1:0".parse()?, vec![server.inlet()])?;
    let (address, stopper) = (acceptor.address(), acceptor.stopper());
    let accepting = std::thread::spawn(move || acceptor.run());
    let seat = plan.reactors[0];
    let serving = std::thread::spawn(move || run(server, seat, &mut Answering { stop_at }));

    // It sleeps rather than spins: its CPU may be the one where the disk's interrupts arrive.
    let mut client = Reactor::new(&Bounds { spin_us: 0, ..Bounds::DEFAULT })?;
    for _ in 0..connections {
        client.adopt(TcpStream::connect(address)?).map_err(|_| "more connections than Bounds allow")?;
    }
    let mut asking = Asking { in_flight, answered: 0, warm_at, answered_warm: None, stop_at };
    run(client, plan.generator, &mut asking);
    serving.join().map_err(|_| "the server's thread panicked")?;
    stopper.stop();
    accepting.join().map_err(|_| "the acceptor's thread panicked")??;
    report(connections, in_flight, seconds, &asking, &counters);
    Ok(())
}

fn run(reactor: Reactor, seat: Seat, service: &mut impl Service) {
    seat.take().expect("the plan names CPUs that we may use");
    reactor.run(service).expect("the ring works");
}

fn report(connections: usize, in_flight: usize, seconds: usize, asking: &Asking, server: &Counters) {
    let answered = asking.answered - asking.answered_warm.unwrap_or(0);
    let per_1000 = |count: u64| count as f64 * 1000.0 / asking.answered.max(1) as f64;
    println!(
        "{connections} x {in_flight}: {:>9.0} messages/s; for 1,000 of them the server made {:.1} turns, {:.1} enters, \
         {:.1} sends, {:.1} receives, {:.2} sleeps",
        answered as f64 / seconds as f64,
        per_1000(server.turns.get()),
        per_1000(server.enters.get()),
        per_1000(server.sends.get()),
        per_1000(server.recvs.get()),
        per_1000(server.sleeps.get()),
    );
}
