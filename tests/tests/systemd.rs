//! What systemd hears of a server: ready, alive while every thread goes on, stopping.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use e2e::Server;
use tempfile::TempDir;

const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");
/// How long «systemd» waits for a sign of life.
const WATCHDOG: Duration = Duration::from_millis(400);
/// A machine may stand still for a while.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a service of `Type=notify` is heard.
struct Systemd {
    socket: UnixDatagram,
    path: String,
    _folder: TempDir,
}

impl Systemd {
    fn listens() -> Systemd {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Systemd { socket, path: path.to_str().unwrap().to_owned(), _folder: folder }
    }

    fn starts(&self, layout: &str) -> Server {
        let watchdog = WATCHDOG.as_micros().to_string();
        let environment = [
            ("NOTIFY_SOCKET", &self.path[..]),
            ("WATCHDOG_USEC", &watchdog),
            ("TIDEGATE_THREADS_LAYOUT", layout),
        ];
        Server::start_in(TIDEGATE, &[], &environment)
    }

    /// The next message, if one comes in time.
    fn hears(&self, within: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(within)).unwrap();
        let mut bytes = [0; 4_096];
        match self.socket.recv(&mut bytes) {
            Ok(heard) => Some(String::from_utf8_lossy(&bytes[..heard]).into_owned()),
            Err(why) if why.kind() == ErrorKind::WouldBlock => None,
            Err(why) => panic!("{why}"),
        }
    }

    /// Takes what was said so far, and then waits for signs of life.
    fn hears_of_life(&self, times: usize) {
        while self.hears(Duration::from_millis(1)).is_some() {}
        for _ in 0..times {
            assert_eq!(self.hears(PATIENCE).as_deref(), Some("WATCHDOG=1\n"));
        }
    }

    /// Holds that it falls silent for longer than systemd waits. Some signs may be on their way.
    fn hears_nothing(&self) {
        let silent = (0..5).any(|_| self.hears(3 * WATCHDOG).is_none());
        assert!(silent, "signs of life go on");
    }
}

#[test]
fn systemd_hears_of_a_server_from_ready_to_stopping() {
    let systemd = Systemd::listens();
    let mut server = systemd.starts("auto");
    let ready = systemd.hears(PATIENCE).unwrap();
    assert!(ready.starts_with("READY=1\nSTATUS=tidegate ") && ready.contains(server.address()), "{ready}");
    // Nobody asks it for anything, and yet each of its threads is seen to go on.
    let began = Instant::now();
    systemd.hears_of_life(10);
    let took = began.elapsed();
    assert!(took >= 9 * WATCHDOG / 4, "10 signs within {took:?} are more than anybody asked for");
    assert_eq!(server.terminate(PATIENCE).code(), Some(0), "{}", server.log());
    let told = std::iter::from_fn(|| systemd.hears(Duration::from_millis(1)));
    assert!(told.into_iter().any(|it| it == "STOPPING=1\nSTATUS=draining\n"));
}

#[test]
fn systemd_hears_nothing_while_a_thread_hangs_though_the_process_lives() {
    for (layout, threads) in
        [("fused", &["tidegate-fused"][..]), ("split", &["tidegate-engine", "tidegate-reacto"][..])]
    {
        let systemd = Systemd::listens();
        let server = systemd.starts(layout);
        for thread in threads {
            systemd.hears_of_life(2);
            let frozen = server.freeze(thread);
            systemd.hears_nothing();
            let log = server.log();
            let name = thread.strip_prefix("tidegate-").unwrap();
            assert!(log.contains("a thread stands still") && log.contains(name), "{layout} {thread}: {log}");
            drop(frozen);
            systemd.hears_of_life(2);
            assert!(server.log().contains("all threads go on again"), "{}", server.log());
        }
    }
}
