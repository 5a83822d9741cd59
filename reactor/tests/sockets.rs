//! A reactor and real sockets on loopback.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use support::{Server, echo};

mod support;

#[test]
fn what_comes_in_byte_by_byte_goes_out_again() {
    let server = Server::start(echo());
    let mut client = server.connect();
    for byte in b"one byte at a time" {
        client.write_all(&[*byte]).unwrap();
        let mut back = [0];
        client.read_exact(&mut back).unwrap();
        assert_eq!(back[0], *byte);
    }
}

#[test]
fn a_client_that_only_ended_its_sending_half_gets_the_rest() {
    let server = Server::start(echo());
    let mut client = server.connect();
    client.write_all(b"last words").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut back = Vec::new();
    client.read_to_end(&mut back).unwrap();
    assert_eq!(back, b"last words");
    let _: TcpStream = client;
}
