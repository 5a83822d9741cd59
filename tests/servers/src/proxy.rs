//! A proxy between a client and a server, which cuts and swallows what it is told to: what a network does, at the very
//! instant that a test wants it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What one `read` takes; a test's answers fit.
const PIECE_BYTES: usize = 64 << 10;
/// How often a waiting thread looks whether the proxy is still wanted.
const LOOK: Duration = Duration::from_millis(20);
/// As many connections as a test makes through one proxy, and then some.
const CONNECTIONS_MAX: usize = 256;

/// Listens on a port of its own and passes on what comes, both ways, until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    rules: Arc<Rules>,
}

#[derive(Debug, Default)]
struct Rules {
    ended: AtomicBool,
    /// New connections are closed at once.
    refuses: AtomicBool,
    /// Pieces from the server that are not passed on.
    swallow: AtomicUsize,
    /// When something goes from the client to the server, everything is cut right behind it.
    cut_behind_next: AtomicBool,
    /// The same for a piece that has these bytes.
    cut_behind: Mutex<Option<&'static [u8]>>,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// In front of a server on loopback.
    ///
    /// # Panics
    /// Where no port can be had.
    pub fn to(server: u16) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has ports");
        let port = listener.local_addr().expect("it is bound").port();
        listener.set_nonblocking(true).expect("a socket can be");
        let rules = Arc::new(Rules::default());
        let of_thread = Arc::clone(&rules);
        thread::spawn(move || accept(&listener, server, &of_thread));
        Proxy { port, rules }
    }

    /// Where clients find it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The next pieces that the server sends are lost, and the connection stands.
    pub fn swallow_answers(&self, pieces: usize) {
        self.rules.swallow.store(pieces, Ordering::Release);
    }

    /// The next thing that a client sends reaches the server, and then all connections end: its answer never comes.
    pub fn cut_behind_next(&self) {
        self.rules.cut_behind_next.store(true, Ordering::Release);
    }

    /// The next thing that a client sends with these bytes in it reaches the server, and then all connections end.
    pub fn cut_behind(&self, bytes: &'static [u8]) {
        *self.rules.cut_behind.lock().expect("nobody panics with it") = Some(bytes);
    }

    /// Ends all connections, and lets none in.
    pub fn cut(&self) {
        self.rules.refuses.store(true, Ordering::Release);
        self.rules.end_all();
    }

    /// Lets connections in again.
    pub fn mend(&self) {
        self.rules.refuses.store(false, Ordering::Release);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.rules.ended.store(true, Ordering::Release);
        self.rules.end_all();
    }
}

impl Rules {
    /// Whether a piece of a client is one to cut behind; each order to cut counts once.
    fn is_cut(&self, piece: &[u8]) -> bool {
        let mut bytes = self.cut_behind.lock().expect("nobody panics with it");
        let found = bytes.is_some_and(|bytes| piece.windows(bytes.len()).any(|window| window == bytes));
        if found {
            *bytes = None;
        }
        found || self.cut_behind_next.swap(false, Ordering::AcqRel)
    }

    fn end_all(&self) {
        for stream in self.open.lock().expect("nobody panics with it").drain(..) {
            // It may have ended by itself.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn accept(listener: &TcpListener, server: u16, rules: &Arc<Rules>) {
    while !rules.ended.load(Ordering::Acquire) {
        match listener.accept() {
            Ok((client, _)) if rules.refuses.load(Ordering::Acquire) => drop(client),
            // A server that is gone is a closed connection to the client, too.
            Ok((client, _)) => drop(join(client, server, rules)),
            Err(_) => thread::sleep(LOOK),
        }
    }
}

fn join(client: TcpStream, server: u16, rules: &Arc<Rules>) -> io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server))?;
    for stream in [&client, &server] {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
    }
    {
        let mut open = rules.open.lock().expect("nobody panics with it");
        assert!(open.len() < CONNECTIONS_MAX, "a proxy of a test has at most {CONNECTIONS_MAX} connections");
        open.extend([client.try_clone()?, server.try_clone()?]);
    }
    let (to_client, to_server) = (client.try_clone()?, server.try_clone()?);
    let (up, down) = (Arc::clone(rules), Arc::clone(rules));
    thread::spawn(move || {
        pass(client, to_server, |piece| if up.is_cut(piece) { Then::Cut } else { Then::Pass }, &up)
    });
    thread::spawn(move || {
        pass(
            server,
            to_client,
            |_| {
                let swallow = down
                    .swallow
                    .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
                if swallow.is_ok() { Then::Swallow } else { Then::Pass }
            },
            &down,
        )
    });
    Ok(())
}

/// What becomes of a piece.
enum Then {
    Pass,
    Swallow,
    Cut,
}

fn pass(mut from: TcpStream, mut to: TcpStream, judge: impl Fn(&[u8]) -> Then, rules: &Rules) {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let bytes = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(bytes) => bytes,
            Err(why) if why.kind() == ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let (sent, cut) = match judge(&piece[..bytes]) {
            Then::Pass => (to.write_all(&piece[..bytes]), false),
            Then::Swallow => (Ok(()), false),
            Then::Cut => (to.write_all(&piece[..bytes]), true),
        };
        if cut {
            // The client's side first: what the server answers finds nobody.
            let _ = from.shutdown(Shutdown::Both);
            rules.end_all();
        }
        if sent.is_err() || cut {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
