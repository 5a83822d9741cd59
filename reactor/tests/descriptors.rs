//! Without file descriptors: in a process of its own, since the limit is the process's.

#![allow(clippy::unwrap_used)] // The lint spares only functions marked as tests, not their helpers.

use std::fs::File;
use std::io::{Read, Write};

use rustix::process::{Resource, getrlimit, setrlimit};
use support::{Server, echo, eventually};

mod support;

#[test]
fn accepting_waits_for_a_descriptor_and_goes_on() {
    // First: an accept that is armed keeps the limit that it began with.
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = Some(64);
    setrlimit(Resource::Nofile, limit).unwrap();
    let server = Server::start(echo());
    let mut client = server.connect();
    eventually("it is in", || server.counters.accepted.get() == 1);
    let unconnected =
        rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).unwrap();
    let hogs: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();

    // The kernel takes the connection; nobody can accept it.
    rustix::net::connect(&unconnected, &server.address).unwrap();
    let mut waiting = std::net::TcpStream::from(unconnected);
    eventually("accepting paused", || server.accepted.out_of_descriptors.get() > 0);
    client.write_all(b"others go on").unwrap();
    client.read_exact(&mut [0; 12]).unwrap();

    drop(hogs);
    waiting.write_all(b"at last").unwrap();
    let mut back = [0; 7];
    waiting.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"at last");
    assert!(server.accepted.out_of_descriptors.get() < 1_000, "it waits between tries");
}
