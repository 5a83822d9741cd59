//! What is written comes back, and one order lies where the page says.

use protocol::bounds::FRAME_BYTES_MAX;
use protocol::messages::Create;
use protocol::structs::{AskedLine, Coupons, CreateHead};
use protocol::{Flags, HEADER_BYTES, Header, Kind, Meta, Plain, Split, Status, append, parse, split};

const HEAD: CreateHead = CreateHead {
    request: 7,
    user: 42,
    hold: 0,
    coupons: Coupons::NONE,
    total: 1_999,
    currency: 978,
    client_bytes: 4,
};
const META: Meta = Meta { flags: Flags::ASKED_BEFORE, time_ms: 250, correlation: 9, trace: 0x0AF7 };

fn create_frame() -> Vec<u8> {
    let mut frame = Vec::new();
    let lines =
        [AskedLine { sku: 5, warehouse: 1, quantity: 2 }, AskedLine { sku: 6, warehouse: 0, quantity: 1 }];
    append::<Create>(&mut frame, &META, &HEAD, lines, b"gift").expect("two lines and four bytes");
    frame
}

#[test]
fn a_create_comes_back_as_it_went() {
    let bytes = create_frame();
    let Split::Frame { header, body, used } = split(&bytes, FRAME_BYTES_MAX) else { panic!("a whole frame") };
    assert_eq!(used, bytes.len());
    let Header { length, flags, kind, status, time_ms, correlation, trace, items } = header;
    assert_eq!((length as usize, kind.known(), kind.is_answer()), (used, Some(Kind::Create), false));
    assert_eq!(
        (flags, time_ms, correlation, trace),
        (META.flags, META.time_ms, META.correlation, META.trace)
    );
    assert!(status.is_ok());
    assert_eq!(items, 2);
    assert_eq!(header.check_request(), Ok(()));

    let create = parse::<Create>(&header, body).expect("a create");
    assert_eq!(create.head, HEAD);
    assert_eq!(create.items.iter().map(|line| line.sku).collect::<Vec<_>>(), [5, 6]);
    assert_eq!(create.tail, b"gift");
}

#[test]
fn fields_lie_where_the_page_says() {
    let bytes = create_frame();
    assert_eq!(&bytes[4..8], b"TG\x01\x02");
    assert_eq!(&bytes[8..12], [0x02, 0x01, 0, 0]);
    assert_eq!(bytes[24..40], META.trace.to_be_bytes(), "a trace is bytes, not a number");
    assert_eq!(
        bytes[HEADER_BYTES..HEADER_BYTES + 24],
        [&7_u128.to_le_bytes()[..], &42_u64.to_le_bytes()].concat()
    );
    assert_eq!(CreateHead::LAYOUT.bytes, 76);
    assert!(bytes.ends_with(b"gift"));
}

#[test]
fn a_frame_that_is_not_whole_or_not_right_says_so() {
    let bytes = create_frame();
    for cut in 0..bytes.len() {
        assert_eq!(split(&bytes[..cut], FRAME_BYTES_MAX), Split::NeedMore, "{cut} of {}", bytes.len());
    }
    let with = |at: usize, byte: u8| {
        let mut changed = bytes.clone();
        changed[at] = byte;
        changed
    };
    assert_eq!(split(&with(4, b'X'), FRAME_BYTES_MAX), Split::Bad(Status::BadFrame));
    assert_eq!(split(&with(6, 2), FRAME_BYTES_MAX), Split::Bad(Status::UnsupportedVersion));
    assert_eq!(split(&with(0, 47), FRAME_BYTES_MAX), Split::Bad(Status::BadFrame));
    assert_eq!(split(&with(2, 0x20), FRAME_BYTES_MAX), Split::Bad(Status::FrameTooLarge));
    assert_eq!(split(&bytes, bytes.len() - 1), Split::Bad(Status::FrameTooLarge));
    assert_eq!(split(&with(60, 0xEE), FRAME_BYTES_MAX), Split::Bad(Status::BadChecksum));
    assert_eq!(split(b"GET / HTTP/1.1\r\n", FRAME_BYTES_MAX), Split::Bad(Status::BadFrame));
}
