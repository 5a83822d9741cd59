//! The smallest use of the reactor: what comes in goes out again.
//!
//! `cargo run --release -p reactor --example echo -- 127.0.0.1:7000`, then `nc 127.0.0.1 7000`.

use reactor::{Acceptor, Bounds, Connection, Next, Output, Reactor, Received, Service, Turn};

struct Echo;

impl Service for Echo {
    fn opened(&mut self, _connection: Connection, _out: &mut Output) {}

    fn received(&mut self, connection: Connection, bytes: &[u8], out: &mut Output) -> Received {
        match out.write(connection, bytes) {
            Ok(()) => Received::Taken(bytes.len()),
            Err(_) => Received::Close,
        }
    }

    fn closed(&mut self, _connection: Connection) {}

    fn turn(&mut self, _turn: Turn<'_>) -> Next {
        Next::Idle
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:7000".into()).parse()?;
    let reactor = Reactor::new(&Bounds::DEFAULT)?;
    let acceptor = Acceptor::listen(address, vec![reactor.inlet()])?;
    println!("echo on {}", acceptor.address());
    std::thread::spawn(move || acceptor.run());
    reactor.run(&mut Echo)?;
    Ok(())
}
