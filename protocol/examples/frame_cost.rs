//! What a one-line CREATE and its answer cost to write and to read, in nanoseconds a frame:
//! `cargo run --release -p protocol --example frame_cost`

use std::hint::black_box;
use std::time::Instant;

use protocol::bounds::FRAME_BYTES_MAX;
use protocol::messages::{Create, CreateAnswer};
use protocol::structs::{AskedLine, Coupons, CreateHead, OrderBrief};
use protocol::{Message, Meta, Split, encode, parse, split};

const FRAMES: u64 = 4_000_000;
/// Frames that lie behind each other, as in a receive buffer: most begin at odd addresses.
const IN_A_ROW: usize = 64;

fn main() {
    let lines = [AskedLine { sku: 5, warehouse: 1, quantity: 2 }];
    let order = OrderBrief {
        order: 1 << 60,
        user: 42,
        total: 1_999,
        created_at: 1_700_000_000_000_000,
        pay_until: 1_700_000_900_000_000,
        version: 1,
        currency: 978,
        state: 2,
    };
    let create = |n: u64| CreateHead {
        request: u128::from(n) << 80,
        user: n,
        hold: 0,
        coupons: Coupons::NONE,
        total: 1_999,
        currency: 978,
        client_bytes: 0,
    };
    measure::<Create, _>("CREATE", |out, n| encode::<Create>(out, &meta(n), &create(n), lines, b""));
    measure::<CreateAnswer, _>("CREATE answer", |out, n| {
        encode::<CreateAnswer>(out, &meta(n), &OrderBrief { user: n, ..order }, [], b"")
    });
}

fn meta(n: u64) -> Meta {
    Meta { correlation: n, ..Meta::default() }
}

fn measure<M, F>(name: &str, write: F)
where
    M: Message,
    F: Fn(&mut [u8], u64) -> Result<usize, protocol::Unencodable>,
{
    let mut row = vec![0; IN_A_ROW * 256];
    let mut end = 0;
    let began = Instant::now();
    for round in 0..FRAMES / IN_A_ROW as u64 {
        end = 1;
        for n in 0..IN_A_ROW as u64 {
            end += write(&mut row[end..], black_box(round + n)).expect("the row has room");
        }
        black_box(&row);
    }
    let write_ns = began.elapsed().as_nanos() as f64 / FRAMES as f64;

    let began = Instant::now();
    let mut seen = 0;
    for _ in 0..FRAMES / IN_A_ROW as u64 {
        let mut rest = &black_box(&row)[1..end];
        while let Split::Frame { header, body, used } = split(rest, FRAME_BYTES_MAX) {
            let parsed = parse::<M>(&header, body).expect("as it was written");
            seen += u64::from(black_box(parsed).items.len() == header.items as usize);
            rest = &rest[used..];
        }
    }
    assert_eq!(seen, FRAMES);
    let read_ns = began.elapsed().as_nanos() as f64 / FRAMES as f64;
    let bytes = (end - 1) / IN_A_ROW;
    println!("{name}: {bytes} bytes, write {write_ns:.1} ns, read {read_ns:.1} ns");
}
