//! Bytes that nobody's client sends: each ends in its status or a closed connection, and never in a panic.

mod support;

use handlers::{Client, Taken};
use protocol::{KindCode, Status};
use support::*;

/// What a connection that has said HELLO hears of these bytes, and whether it is closed.
fn hears(bytes: &[u8]) -> (Option<Status>, bool) {
    let mut house = House::new().known();
    let closed = house.give(bytes) == Taken::Close;
    let heard = house.heard();
    assert!(heard.len() <= 1);
    assert_eq!(house.store().intents(), [""; 0], "nothing reached the store");
    (heard.first().and_then(Heard::status), closed)
}

/// A good CREATE with one change, under a right checksum.
fn changed(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = create();
    change(&mut bytes);
    seal(&mut bytes);
    bytes
}

#[test]
fn bytes_that_are_no_frame_are_told_so_and_end_the_connection() {
    let set = |at: usize, value: &[u8]| changed(|bytes| bytes[at..at + value.len()].copy_from_slice(value));
    for (bytes, status) in [
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), Status::BadFrame),
        (vec![0xFF; 100], Status::BadFrame),
        (vec![0; 7], Status::BadFrame),
        (set(0, &47_u32.to_le_bytes()), Status::BadFrame),
        (set(0, &0_u32.to_le_bytes()), Status::BadFrame),
        (set(0, &1_048_577_u32.to_le_bytes()), Status::FrameTooLarge),
        (set(0, &u32::MAX.to_le_bytes()), Status::FrameTooLarge),
        (set(4, b"XX"), Status::BadFrame),
        (set(6, &[2]), Status::UnsupportedVersion),
    ] {
        assert_eq!(hears(&bytes), (Some(status), true), "{status:?}");
    }
    let mut bytes = create();
    bytes[60] ^= 1;
    assert_eq!(hears(&bytes), (Some(Status::BadChecksum), true));
}

#[test]
fn a_frame_that_is_well_formed_but_wrong_is_told_so_and_the_connection_goes_on() {
    let set = |at: usize, value: &[u8]| changed(|bytes| bytes[at..at + value.len()].copy_from_slice(value));
    for (bytes, status) in [
        // Bits of the flags: «more» belongs in answers, the others do not exist.
        (set(7, &[1]), Status::InvalidField),
        (set(7, &[0xFC]), Status::InvalidField),
        // A status in a request, an answer instead of a request.
        (set(10, &1_u16.to_le_bytes()), Status::InvalidField),
        (set(8, &0x8102_u16.to_le_bytes()), Status::InvalidField),
        // A kind that is not built yet, and one that there will never be.
        (set(8, &0x0701_u16.to_le_bytes()), Status::UnknownKind),
        (set(8, &0x7FFF_u16.to_le_bytes()), Status::UnknownKind),
        // Counts and sizes that do not fit each other.
        (set(40, &0_u32.to_le_bytes()), Status::InvalidField),
        (set(40, &2_u32.to_le_bytes()), Status::InvalidField),
        (set(40, &u32::MAX.to_le_bytes()), Status::InvalidField),
        (shorter(1), Status::InvalidField),
        (shorter(16), Status::InvalidField),
        (longer(1), Status::InvalidField),
        (longer(4_000), Status::InvalidField),
    ] {
        assert_eq!(hears(&bytes), (Some(status), false), "{status:?}");
    }
}

/// A CREATE whose last bytes are missing, its length telling so.
fn shorter(bytes_less: usize) -> Vec<u8> {
    changed(|bytes| {
        bytes.truncate(bytes.len() - bytes_less);
        let length = bytes.len() as u32;
        bytes[..4].copy_from_slice(&length.to_le_bytes());
    })
}

/// A CREATE with bytes behind its last item.
fn longer(bytes_more: usize) -> Vec<u8> {
    changed(|bytes| {
        bytes.extend(vec![7; bytes_more]);
        let length = bytes.len() as u32;
        bytes[..4].copy_from_slice(&length.to_le_bytes());
    })
}

#[test]
fn how_bytes_are_cut_makes_no_difference() {
    let mut ten = Vec::new();
    (0..10).for_each(|_| ten.extend(create()));
    let mut house = House::new().known();
    assert_eq!(house.give(&ten), Taken::Bytes(ten.len()));
    assert_eq!(house.store().intents().len(), 10, "ten frames in one segment");

    let mut house = House::new().known();
    let mut waiting = Vec::new();
    for byte in ten {
        waiting.push(byte);
        let Taken::Bytes(taken) = house.give(&waiting) else { panic!("a good frame closes nothing") };
        waiting.drain(..taken);
    }
    assert!(waiting.is_empty());
    assert_eq!(house.store().intents().len(), 10, "byte by byte");
}

#[test]
fn a_good_frame_before_garbage_is_served() {
    let mut house = House::new().known();
    let mut bytes = create();
    bytes.extend(b"garbage");
    assert_eq!(house.give(&bytes), Taken::Close);
    assert_eq!(house.store().intents().len(), 1);
    let heard = house.heard();
    assert_eq!(heard[0].header.kind, KindCode::NO_REQUEST);
    house.gateway.closed(CLIENT);
    house.store().answer(order());
    house.turn();
    assert_eq!(house.heard(), [], "who is gone hears nothing");
}

#[test]
fn a_stranger_gets_no_further_than_hello() {
    let mut house = House::new();
    house.gateway.opened(CLIENT, &mut house.out);
    assert_eq!(house.give(&ping()), Taken::Close);
    assert_eq!(house.heard()[0].status(), Some(Status::AuthRequired));

    let mut house = House::new();
    house.gateway.opened(CLIENT, &mut house.out);
    let mut large = hello();
    large[..4].copy_from_slice(&513_u32.to_le_bytes());
    assert_eq!(house.give(&large), Taken::Close, "before HELLO a frame has 512 bytes at most");
    assert_eq!(house.heard()[0].status(), Some(Status::FrameTooLarge));

    let mut house = House::new();
    house.gateway.opened(CLIENT, &mut house.out);
    let mut rude = hello();
    rude[48] = 0x1B; // An escape sequence is not for our log.
    seal(&mut rude);
    assert_eq!(house.ask(&rude).status(), Some(Status::InvalidField));
    assert_eq!(house.give(&ping()), Taken::Close, "that was no greeting");
}

#[test]
fn answers_find_who_asked_and_nobody_else() {
    let mut house = House::new().known();
    house.give(&create());
    house.gateway.closed(CLIENT);
    let next = Client { generation: 1, ..CLIENT };
    house.greet(next);
    house.store().answer(order());
    house.turn();
    assert_eq!(house.heard(), [], "the first is gone");
    assert_eq!(house.heard_by(next), [], "and the next one in its place did not ask");
    assert!(!house.gateway.busy());
    assert_eq!(house.give_to(CLIENT, &ping()), Taken::Close, "bytes for a name of the past");
}

#[test]
fn random_bytes_never_panic() {
    let seed = std::env::var("TIDEGATE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("again with TIDEGATE_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..20_000 {
        let mut house = House::new().known();
        let mut bytes = create();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(7..bytes.len());
            bytes[at] = random.u8(..);
        }
        bytes[6] = 1;
        if random.bool() {
            seal(&mut bytes);
        }
        house.give(&bytes);
        house.turn();
        assert!(house.heard().len() <= 1);
    }
}
