//! A reactor and real sockets on loopback: what clients do, and what becomes of the others meanwhile.

#![allow(clippy::unwrap_used)] // The lint spares only functions marked as tests, not their helpers.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use reactor::{Bounds, Connection, Ended, Next, Output, Reactor, Received, Refused, Service, Turn};
use support::{GIVE_UP, Server, echo, eventually, is_quick, reset};

mod support;

/// Whole lines come back; the rest waits for its end.
fn echo_lines() -> impl FnMut(Connection, &[u8], &mut Output) -> Received + Send {
    |connection, bytes: &[u8], out: &mut Output| {
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        match out.write(connection, &bytes[..whole]) {
            Ok(()) => Received::Taken(whole),
            Err(_) => Received::Close,
        }
    }
}

/// Each byte asks for so many in return.
fn magnify(factor: usize) -> impl FnMut(Connection, &[u8], &mut Output) -> Received + Send {
    let answer = vec![b'x'; factor];
    move |connection, bytes: &[u8], out: &mut Output| {
        for _ in bytes {
            if out.write(connection, &answer).is_err() {
                return Received::Close;
            }
        }
        Received::Taken(bytes.len())
    }
}

fn exchange(client: &mut TcpStream, text: &[u8]) {
    client.write_all(text).unwrap();
    let mut back = vec![0; text.len()];
    client.read_exact(&mut back).unwrap();
    assert!(back == text, "what came back differs");
}

/// True: the server has closed or reset it.
fn is_ended(client: &mut TcpStream) -> bool {
    match client.read(&mut [0; 4096]) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
    }
}

#[test]
fn bytes_that_come_one_by_one() {
    let server = Server::start(echo());
    let mut client = server.connect();
    for byte in b"one byte at a time" {
        exchange(&mut client, &[*byte]);
    }
}

#[test]
fn a_message_in_pieces_is_handed_over_whole() {
    let server = Server::start(echo_lines());
    let mut client = server.connect();
    let line = [vec![b'a'; 300_000], vec![b'\n']].concat();
    for piece in line.chunks(70_001) {
        client.write_all(piece).unwrap();
        std::thread::sleep(Duration::from_millis(2));
    }
    let mut back = vec![0; line.len()];
    client.read_exact(&mut back).unwrap();
    assert!(back == line);
    // Then many in one segment, the last of them cut.
    client.write_all(b"1\n2\n3\n4\nfi").unwrap();
    let mut back = [0; 8];
    client.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"1\n2\n3\n4\n");
    exchange_rest(&mut client, b"ve\n", b"five\n");
}

fn exchange_rest(client: &mut TcpStream, rest: &[u8], whole: &[u8]) {
    client.write_all(rest).unwrap();
    let mut back = vec![0; whole.len()];
    client.read_exact(&mut back).unwrap();
    assert_eq!(back, whole);
}

#[test]
fn many_connections_at_once_each_with_much() {
    let server = Server::start(echo());
    std::thread::scope(|scope| {
        for number in 0..64u8 {
            let mut client = server.connect();
            scope.spawn(move || {
                let text: Vec<u8> = (0..200_000u32).map(|i| (i as u8) ^ number).collect();
                for _ in 0..3 {
                    exchange(&mut client, &text);
                }
            });
        }
    });
    assert_eq!(server.counters.accepted.get(), 64);
    eventually("all are gone", || server.counters.connections() == 0);
}

#[test]
fn a_client_that_ended_its_sending_half_gets_what_was_written() {
    let server = Server::start(echo());
    let mut client = server.connect();
    client.write_all(b"last words").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut back = Vec::new();
    client.read_to_end(&mut back).unwrap();
    assert_eq!(back, b"last words");
    eventually("it is gone", || server.counters.closed.get() == 1);
}

#[test]
fn a_service_that_owes_answers_keeps_a_half_closed_connection() {
    /// Answers in the turn after the client's end, hangs up, and stops when that is done.
    #[derive(Default)]
    struct Late {
        owed: Option<Connection>,
        done: bool,
    }
    impl Service for Late {
        fn opened(&mut self, _connection: Connection, _out: &mut Output) {}
        fn received(&mut self, _connection: Connection, bytes: &[u8], _out: &mut Output) -> Received {
            Received::Taken(bytes.len())
        }
        fn input_ended(&mut self, connection: Connection, _out: &mut Output) -> Ended {
            self.owed = Some(connection);
            Ended::Keep
        }
        fn closed(&mut self, _connection: Connection) {
            self.done = true;
        }
        fn turn(&mut self, turn: Turn<'_>) -> Next {
            if let Some(connection) = self.owed.take() {
                turn.out.write(connection, b"late").unwrap();
                turn.out.close(connection);
                assert_eq!(turn.out.write(connection, b"too late"), Err(Refused::Gone));
            }
            if self.done { Next::Stop } else { Next::Within(Duration::from_millis(1)) }
        }
    }

    let mut reactor = Reactor::new(&Bounds::DEFAULT).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    reactor.adopt(listener.accept().unwrap().0).unwrap();
    let running = std::thread::spawn(move || reactor.run(&mut Late::default()).unwrap());
    client.write_all(b"a question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut back = Vec::new();
    client.read_to_end(&mut back).unwrap();
    assert_eq!(back, b"late");
    running.join().unwrap();
}

#[test]
fn a_client_that_resets_while_it_is_sent_to_harms_nobody() {
    let server = Server::start(magnify(100_000));
    let mut other = server.connect();
    for _ in 0..20 {
        let mut client = server.connect();
        client.write_all(b"123").unwrap();
        client.read_exact(&mut [0; 1000]).unwrap();
        reset(client);
    }
    eventually("the reset ones are gone", || server.counters.closed.get() == 20);
    other.write_all(b"1").unwrap();
    other.read_exact(&mut vec![0; 100_000]).unwrap();
}

#[test]
fn a_client_that_never_reads_is_cut_off_at_its_cap_alone() {
    let bounds = Bounds { connection_out_bytes: 256 << 10, ..Bounds::DEFAULT };
    let server = Server::start_with(&bounds, magnify(10_000));
    let mut reader = server.connect();
    let mut silent = server.connect();
    eventually("the silent one is cut off", || {
        let _ = silent.write_all(&[1; 40]);
        server.counters.output_cut_off.get() == 1
    });
    eventually("its connection is gone", || server.counters.connections() == 1);
    for _ in 0..10 {
        reader.write_all(&[1; 10]).unwrap();
        reader.read_exact(&mut vec![0; 100_000]).unwrap();
    }
    assert_eq!(server.counters.output_cut_off.get(), 1, "decided once");
}

#[test]
fn all_output_together_is_bounded_too() {
    let bounds = Bounds { connection_out_bytes: 1 << 20, out_bytes: 1 << 20, ..Bounds::DEFAULT };
    let server = Server::start_with(&bounds, magnify(300_000));
    let mut silent: Vec<TcpStream> = (0..30).map(|_| server.connect()).collect();
    for client in &mut silent {
        client.write_all(b"123").unwrap();
    }
    eventually("those beyond the bound are cut off", || {
        for client in &mut silent {
            let _ = client.write_all(b"1");
        }
        server.counters.output_cut_off.get() > 0
    });
}

#[test]
fn a_message_that_does_not_end_is_cut_off_at_its_bound() {
    let bounds = Bounds { connection_in_bytes: 100_000, ..Bounds::DEFAULT };
    let server = Server::start_with(&bounds, echo_lines());
    let mut other = server.connect();
    let mut endless = server.connect();
    let _ = endless.write_all(&[b'a'; 110_000]);
    eventually("it is cut off", || server.counters.input_cut_off.get() == 1);
    assert!(is_ended(&mut endless));
    exchange(&mut other, b"a line\n");
}

#[test]
fn all_unfinished_messages_together_are_bounded_too() {
    let bounds = Bounds { connection_in_bytes: 100_000, in_bytes: 300_000, ..Bounds::DEFAULT };
    let server = Server::start_with(&bounds, echo_lines());
    let mut clients: Vec<TcpStream> = (0..6).map(|_| server.connect()).collect();
    for client in &mut clients {
        let _ = client.write_all(&[b'a'; 90_000]);
    }
    eventually("three fit, three are cut off", || server.counters.input_cut_off.get() == 3);
    drop(clients);
    eventually("all are gone", || server.counters.connections() == 0);
    // What they held is free again.
    let mut client = server.connect();
    exchange(&mut client, &[&[b'a'; 90_000][..], b"\n"].concat());
    assert_eq!(server.counters.input_cut_off.get(), 3);
}

#[test]
fn the_last_bytes_arrive_though_the_client_keeps_sending() {
    let server = Server::start(|connection, _bytes: &[u8], out: &mut Output| {
        let _ = out.write(connection, b"that was wrong; good bye");
        Received::Close
    });
    for _ in 0..50 {
        let mut client = server.connect();
        // More than one receive, so that something unread is left when the server closes.
        client.write_all(&[b'?'; 50_000]).unwrap();
        let mut back = Vec::new();
        client.read_to_end(&mut back).unwrap();
        assert_eq!(back, b"that was wrong; good bye");
    }
    eventually("all are gone", || server.counters.connections() == 0);
}

#[test]
fn a_closing_client_that_does_not_read_is_not_waited_for() {
    let bounds = Bounds { closing_ms: 100, connection_out_bytes: 32 << 20, ..Bounds::DEFAULT };
    let answer = vec![b'x'; 16 << 20];
    let server = Server::start_with(&bounds, move |connection, _bytes: &[u8], out: &mut Output| {
        out.write(connection, &answer).unwrap();
        Received::Close
    });
    let mut client = server.connect();
    client.write_all(b"?").unwrap();
    eventually("it is cut off", || server.counters.closing_cut_off.get() == 1);
    eventually("it is gone", || server.counters.closed.get() == 1);
}

#[test]
fn two_thousand_silent_connections_cost_nothing() {
    let server = Server::start(echo());
    let silent: Vec<TcpStream> = (0..2_000).map(|_| server.connect()).collect();
    eventually("all are there", || server.counters.accepted.get() == 2_000);
    let mut busy = server.connect();
    exchange(&mut busy, &[7; 100_000]);

    eventually("nobody says anything: the reactor sleeps", || {
        let before = (server.counters.enters.get(), server.counters.turns.get());
        std::thread::sleep(Duration::from_millis(200));
        before == (server.counters.enters.get(), server.counters.turns.get())
    });
    exchange(&mut busy, b"and wakes");
    drop(silent);
    eventually("all are gone", || server.counters.connections() == 1);
}

#[test]
fn at_the_bound_of_connections_a_new_one_is_closed_and_the_others_go_on() {
    let bounds = Bounds { connections: 3, ..Bounds::DEFAULT };
    let server = Server::start_with(&bounds, echo());
    let mut inside: Vec<TcpStream> = (0..3).map(|_| server.connect()).collect();
    eventually("three are in", || server.counters.accepted.get() == 3);
    assert!(is_ended(&mut server.connect()));
    assert_eq!(server.counters.refused_connections.get(), 1);
    for client in &mut inside {
        exchange(client, b"still here");
    }
    // A place that was left is used again.
    inside.pop();
    eventually("one has left", || server.counters.closed.get() == 1);
    exchange(&mut server.connect(), b"hello");
}

#[test]
fn when_all_receive_buffers_are_filled_receiving_goes_on() {
    let bounds = Bounds { recv_buffers: 2, recv_buffer_bytes: 64, ..Bounds::DEFAULT };
    let server = Server::start_with(&bounds, echo());
    std::thread::scope(|scope| {
        for number in 0..16u8 {
            let mut client = server.connect();
            scope.spawn(move || {
                for _ in 0..20 {
                    exchange(&mut client, &[number; 2_000]);
                }
            });
        }
    });
    assert!(server.counters.enobufs.get() > 0, "the test is to reach the bound");
}

#[test]
fn stopping_sends_what_was_written_and_frees_the_port() {
    let stopped = || {
        let server = Server::start(magnify(1_000_000));
        let address = server.address;
        let mut client = server.connect();
        client.write_all(b"1").unwrap();
        let reading = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            let mut back = Vec::new();
            client.read_to_end(&mut back).unwrap();
            back.len()
        });
        eventually("the answer is written", || server.counters.sends.get() > 0);
        let began = Instant::now();
        server.stop();
        let took = began.elapsed();
        assert_eq!(reading.join().unwrap(), 1_000_000);
        let again = std::net::TcpListener::bind(address);
        assert!(again.is_ok(), "the port is free at once: {again:?}");
        took
    };
    assert!(is_quick(Duration::from_secs(4), stopped), "a silent client does not hold the end up");
}

#[test]
fn a_service_that_panics_takes_its_own_reactor_down_and_nothing_else() {
    /// Panics while bytes of ours are being sent and others are being received.
    struct Faulty;
    impl Service for Faulty {
        fn opened(&mut self, connection: Connection, out: &mut Output) {
            out.write(connection, &[1; 900_000]).unwrap();
        }
        fn received(&mut self, _connection: Connection, _bytes: &[u8], _out: &mut Output) -> Received {
            panic!("a planted bug");
        }
        fn closed(&mut self, _connection: Connection) {}
        fn turn(&mut self, _turn: Turn<'_>) -> Next {
            Next::Idle
        }
    }

    let panicked = || {
        let mut reactor = Reactor::new(&Bounds::DEFAULT).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut clients: Vec<TcpStream> = Vec::new();
        for _ in 0..8 {
            clients.push(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
            reactor.adopt(listener.accept().unwrap().0).unwrap();
        }
        let began = Instant::now();
        let running = std::thread::spawn(move || reactor.run(&mut Faulty));
        for client in &mut clients {
            let _ = client.write_all(&[2; 10_000]);
        }
        assert!(running.join().is_err());
        let took = began.elapsed();
        for client in &mut clients {
            client.set_read_timeout(Some(GIVE_UP)).unwrap();
            while !is_ended(client) {}
        }
        took
    };
    assert!(is_quick(Duration::from_secs(4), panicked), "what was under way is cancelled, not waited for");
}

#[test]
fn random_pieces_at_random_times_all_come_back() {
    let seed = std::env::var("TIDEGATE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos() as u64
    });
    println!("TIDEGATE_SEED={seed}");
    let mut state = seed | 1;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let server = Server::start_with(&Bounds { recv_buffers: 8, ..Bounds::DEFAULT }, echo_lines());
    let mut clients: Vec<(TcpStream, Vec<u8>)> = (0..8).map(|_| (server.connect(), Vec::new())).collect();
    for _ in 0..2_000 {
        let count = clients.len();
        let (client, sent) = &mut clients[random(count)];
        let mut piece: Vec<u8> = (0..random(600)).map(|_| b'a' + random(26) as u8).collect();
        if random(3) == 0 {
            piece.push(b'\n');
        }
        client.write_all(&piece).unwrap();
        sent.extend_from_slice(&piece);
        if random(50) == 0 {
            client.write_all(b"\n").unwrap();
            sent.push(b'\n');
            let mut back = vec![0; sent.len()];
            client.read_exact(&mut back).unwrap();
            assert!(back == *sent, "again with TIDEGATE_SEED={seed}");
            sent.clear();
        }
    }
}
