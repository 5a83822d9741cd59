//! Tries out, on this very machine, all that a reactor needs of the kernel. For `check`: a list of features by name
//! would not know what a seccomp profile or a limit forbids.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::acceptor::Acceptor;
use crate::bounds::Bounds;
use crate::output::Output;
use crate::reactor::Reactor;
use crate::service::{Connection, Next, Received, Service, Turn};
use crate::setup::SetupError;

/// Serves one message over loopback through rings with these bounds: multishot accept and receive, provided
/// buffers, a send, doorbells. Errors say what is missing and what to do. Takes some milliseconds.
pub fn try_out(bounds: &Bounds) -> Result<(), SetupError> {
    let reactor = Reactor::new(bounds)?;
    let acceptor = Acceptor::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), vec![reactor.inlet()])?;
    let (address, stopper, bell) = (acceptor.address(), acceptor.stopper(), reactor.doorbell());
    let stop = Arc::new(AtomicBool::new(false));
    let mut echo = Echo { stop: stop.clone() };
    std::thread::scope(|scope| {
        let accepting = scope.spawn(move || acceptor.run());
        let serving = scope.spawn(move || reactor.run(&mut echo));
        let answered = ask(address);
        stopper.stop();
        stop.store(true, Ordering::Release);
        bell.ring();
        let ended = [accepting.join(), serving.join()];
        for result in ended {
            let result = result.expect("a reactor that only echoes does not panic");
            result.map_err(|error| SetupError::Other(std::io::Error::other(error)))?;
        }
        answered.map_err(|_| SetupError::KernelTooOld { missing: "multishot accept or receive of io_uring" })
    })
}

fn ask(address: SocketAddr) -> std::io::Result<()> {
    let mut client = TcpStream::connect(address)?;
    client.set_read_timeout(Some(Duration::from_secs(1)))?;
    client.write_all(b"?")?;
    client.read_exact(&mut [0])
}

struct Echo {
    stop: Arc<AtomicBool>,
}

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
        if self.stop.load(Ordering::Acquire) { Next::Stop } else { Next::Idle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_what_a_reactor_needs() {
        assert_eq!(try_out(&Bounds::DEFAULT).map_err(|error| error.to_string()), Ok(()));
    }

    #[test]
    fn bounds_that_cannot_be_are_said_first() {
        let bounds = Bounds { recv_buffers: 3, ..Bounds::DEFAULT };
        let error = try_out(&bounds).unwrap_err().to_string();
        assert_eq!(error, "recv_buffers: must be a power of two of at most 32768");
    }
}
