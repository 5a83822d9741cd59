//! Bytes from strangers: never a panic, never a wrong frame, and the same outcome however they are cut.
//! A failing run names its seed; TIDEGATE_SEED=0x… runs it again.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use fastrand::Rng;
use protocol::bounds::{FRAME_BYTES_MAX, FRAME_BYTES_MAX_BEFORE_HELLO};
use protocol::messages::*;
use protocol::{
    About, Header, Message, Meta, Plain, Shape, Split, Status, Unencodable, append, encode, parse,
    parse_refusal, split, structs,
};

/// Seeds that found something once, each with a word on what it was. None so far.
const KEPT: &[u64] = &[];
const ROUNDS: u64 = 4;

/// Runs `test` with fresh seeds and those kept, and says which one failed.
fn with_seeds(test: impl Fn(&mut Rng)) {
    let given = std::env::var("TIDEGATE_SEED").ok();
    let given =
        given.map(|text| u64::from_str_radix(text.trim_start_matches("0x"), 16).expect("a seed in hex"));
    let fresh = (0..ROUNDS).map(|_| fastrand::u64(..));
    let seeds: Vec<u64> =
        given.map_or_else(|| KEPT.iter().copied().chain(fresh).collect(), |seed| vec![seed]);
    for seed in seeds {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| test(&mut Rng::with_seed(seed)))) {
            eprintln!("again with TIDEGATE_SEED={seed:#x}");
            resume_unwind(panic);
        }
    }
}

/// Every frame of the golden vectors.
fn corpus() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")).expect("the vectors")
    {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("a text file");
        for digits in text.lines().filter_map(|line| line.strip_prefix("hex = ")) {
            let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex digits");
            frames.push((0..digits.len()).step_by(2).map(byte).collect());
        }
    }
    assert!(frames.len() > 100, "the vectors are there");
    frames
}

/// Hands every message's name to another macro.
macro_rules! for_every_message {
    ($each:ident) => {
        $each! {
            Hello HelloAnswer Ping PingAnswer Goaway GoawayAnswer Prepare PrepareAnswer Create
            CreateAnswer Get GetAnswer List ListAnswer History HistoryAnswer Cancel CancelAnswer
            StockGet StockGetAnswer StockAdjust StockAdjustAnswer SaleGet SaleGetAnswer SkuPut
            SkuPutAnswer SalePut SalePutAnswer Stats StatsAnswer Audit AuditAnswer Drain DrainAnswer
            SkuGet SkuGetAnswer SkuList SkuListAnswer SaleList SaleListAnswer FreightPut
            FreightPutAnswer FreightList FreightListAnswer Batch BatchAnswer
        }
    };
}

/// Reads a body as every message that there is; what can be read is written again and must give the same bytes.
fn read_as_anything(header: &Header, body: &[u8], frame: &[u8]) {
    macro_rules! each {
        ($($message:ident)+) => { $(read_as::<$message>(header, body, frame);)+ };
    }
    for_every_message!(each);
    if let Ok(refusal) = parse_refusal(header, body) {
        assert_eq!(refusal, structs::Refusal::read(body).expect("it was read"));
    }
    let _ = (protocol::describe::values(header, body), header.to_string(), header.check_request());
}

fn read_as<M: Message>(header: &Header, body: &[u8], frame: &[u8]) {
    let Ok(parsed) = parse::<M>(header, body) else { return };
    let Header { flags, time_ms, correlation, trace, status, .. } = *header;
    let mut again = Vec::new();
    let meta = Meta { flags, time_ms, correlation, trace };
    append::<M>(&mut again, &meta, &parsed.head, parsed.items.iter(), parsed.tail).expect("it was read");
    if status.is_ok() {
        assert_eq!(again, frame, "{header}");
    }
}

/// Puts the right checksum into bytes that may or may not be a frame.
fn seal(frame: &mut [u8]) {
    if let Some(length) = u32::try_from(frame.len()).ok().filter(|_| frame.len() >= 48) {
        frame[0..4].copy_from_slice(&length.to_le_bytes());
        frame[44..48].fill(0);
        let crc = crc32c::crc32c(frame);
        frame[44..48].copy_from_slice(&crc.to_le_bytes());
    }
}

#[test]
fn random_bytes_are_refused_or_wait() {
    with_seeds(|rng| {
        for _ in 0..50_000 {
            let mut bytes: Vec<u8> = (0..rng.usize(..200)).map(|_| rng.u8(..)).collect();
            let max = if rng.bool() { FRAME_BYTES_MAX } else { FRAME_BYTES_MAX_BEFORE_HELLO };
            let outcome = split(&bytes, max);
            assert!(!matches!(outcome, Split::Frame { .. }), "a checksum by chance: {bytes:02x?}");
            // The same bytes behind a right header reach the bodies.
            if bytes.len() >= 48 {
                bytes[4..7].copy_from_slice(b"TG\x01");
                bytes[10..12].fill(0);
                let at = rng.usize(..ALL.len());
                bytes[8..10].copy_from_slice(&ALL[at].kind_code().0.to_le_bytes());
                bytes[41..44].fill(0);
                seal(&mut bytes);
                let Split::Frame { header, body, used } = split(&bytes, max) else { panic!("{bytes:02x?}") };
                assert_eq!(used, bytes.len());
                read_as_anything(&header, body, &bytes);
            }
        }
    });
}

#[test]
fn a_changed_bit_never_passes_the_checksum() {
    for frame in corpus().iter().filter(|frame| frame.len() < 400) {
        if !matches!(split(frame, FRAME_BYTES_MAX), Split::Frame { .. }) {
            continue;
        }
        for bit in 0..frame.len() * 8 {
            let mut changed = frame.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let outcome = split(&changed, FRAME_BYTES_MAX);
            assert!(!matches!(outcome, Split::Frame { .. }), "bit {bit} of {frame:02x?}: {outcome:?}");
        }
    }
}

#[test]
fn mutations_with_a_right_checksum_are_read_or_refused() {
    let corpus = corpus();
    with_seeds(|rng| {
        for _ in 0..20_000 {
            let mut frame = corpus[rng.usize(..corpus.len())].clone();
            for _ in 0..rng.usize(1..4) {
                mutate(rng, &mut frame);
            }
            seal(&mut frame);
            if let Split::Frame { header, body, .. } = split(&frame, FRAME_BYTES_MAX) {
                read_as_anything(&header, body, &frame);
            }
        }
    });
}

fn mutate(rng: &mut Rng, frame: &mut Vec<u8>) {
    if frame.is_empty() {
        return;
    }
    let at = rng.usize(..frame.len());
    match rng.u8(..6) {
        0 => frame[at] = rng.u8(..),
        1 => frame[at] ^= 1 << rng.u8(..8),
        2 => frame.truncate(at),
        3 => frame.insert(at, rng.u8(..)),
        4 => frame.extend((0..rng.usize(..64)).map(|_| rng.u8(..))),
        _ if frame.len() >= 44 => frame[40 + at % 4] = rng.u8(..),
        _ => frame.clear(),
    }
}

#[test]
fn every_truncation_waits_and_every_cut_gives_the_same() {
    for bytes in corpus() {
        let whole = split(&bytes, FRAME_BYTES_MAX);
        let mut decided_at = None;
        for cut in 0..=bytes.len() {
            match (decided_at, split(&bytes[..cut], FRAME_BYTES_MAX)) {
                (None, Split::NeedMore) => (),
                (None, outcome) => {
                    assert_eq!(outcome, whole);
                    decided_at = Some(cut);
                }
                (Some(_), outcome) => assert_eq!(outcome, whole, "more bytes changed a decision"),
            }
        }
    }
}

#[test]
fn ten_frames_in_one_segment_come_out_one_by_one() {
    let ten: Vec<_> = corpus()
        .into_iter()
        .filter(|frame| matches!(split(frame, FRAME_BYTES_MAX), Split::Frame { .. }))
        .take(10)
        .collect();
    let segment = ten.concat();
    let mut rest = &segment[..];
    for frame in &ten {
        let Split::Frame { used, .. } = split(rest, FRAME_BYTES_MAX) else { panic!("a frame") };
        assert_eq!(&rest[..used], frame);
        rest = &rest[used..];
    }
    assert_eq!(split(rest, FRAME_BYTES_MAX), Split::NeedMore);
}

#[test]
fn any_other_length_or_count_of_a_body_is_an_invalid_field() {
    for frame in corpus() {
        let Split::Frame { header, body, .. } = split(&frame, FRAME_BYTES_MAX) else { continue };
        let about = ALL.iter().find(|about| about.kind_code() == header.kind);
        let Some(about) = about.filter(|_| header.status.is_ok()) else { continue };
        for cut in 0..body.len() {
            refused(about, &header, &body[..cut]);
        }
        refused(about, &header, &[body, &[0]].concat());
        if about.item.bytes > 0 {
            refused(about, &Header { items: header.items + 1, ..header }, body);
            refused(about, &Header { items: header.items.wrapping_sub(1), ..header }, body);
        }
        let countless = Header { items: u32::MAX, ..header };
        refused(about, &countless, body);
        assert_eq!(protocol::describe::values(&countless, body), None);
    }
}

/// No message of this kind is found in the body.
fn refused(about: &About, header: &Header, body: &[u8]) {
    let mut frame = vec![0; 48];
    frame.extend_from_slice(body);
    macro_rules! each {
        ($($message:ident)+) => { $(if $message::ABOUT.kind_code() == about.kind_code() {
            assert_eq!(parse::<$message>(header, body).err(), Some(Status::InvalidField), "{header}: {body:02x?}");
        })+ };
    }
    for_every_message!(each);
}

#[test]
fn random_messages_come_back_as_they_went() {
    with_seeds(|rng| {
        for _ in 0..2_000 {
            comes_back::<Create>(rng);
            comes_back::<GetAnswer>(rng);
            comes_back::<SalePut>(rng);
            comes_back::<SkuGetAnswer>(rng);
            comes_back::<StatsAnswer>(rng);
            comes_back::<HistoryAnswer>(rng);
            comes_back::<BatchAnswer>(rng);
        }
    });
}

fn comes_back<M: Message>(rng: &mut Rng) {
    let about = M::ABOUT;
    let mut head = random_struct(rng, about.head);
    let tail: Vec<u8> = (0..rng.usize(..=about.tail_bytes_max())).map(|_| rng.u8(..)).collect();
    if let Some(field) =
        about.tail.and_then(|tail| about.head.fields.iter().find(|field| field.name == tail.field))
    {
        head[field.offset..field.offset + 2].copy_from_slice(&(tail.len() as u16).to_le_bytes());
    }
    let head = M::Head::read(&head).expect("a head of its layout");
    let count = rng.u32(about.items_min..=about.items_max.min(300));
    let items: Vec<M::Item> = (0..count)
        .map(|_| M::Item::read(&random_struct(rng, about.item)).expect("an item of its layout"))
        .collect();
    let mut bytes = Vec::new();
    append::<M>(&mut bytes, &Meta::default(), &head, items.iter().copied(), &tail)
        .expect("within the bounds");
    let Split::Frame { header, body, .. } = split(&bytes, FRAME_BYTES_MAX) else { panic!("a frame") };
    let parsed = parse::<M>(&header, body).expect("as it was written");
    assert_eq!((parsed.head, parsed.items.iter().collect::<Vec<_>>(), parsed.tail), (head, items, &tail[..]));
}

fn random_struct(rng: &mut Rng, layout: &protocol::Layout) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..layout.bytes).map(|_| rng.u8(..)).collect();
    for field in layout.fields {
        let place = &mut bytes[field.offset..field.offset + field.bytes];
        match field.shape {
            Shape::Bool => place[0] &= 1,
            Shape::Struct(inner) => place.copy_from_slice(&random_struct(rng, inner)),
            Shape::Unsigned | Shape::Signed | Shape::Text => (),
        }
    }
    bytes
}

#[test]
fn a_bool_that_is_neither_0_nor_1_is_an_invalid_field() {
    let mut frame = Vec::new();
    append::<Drain>(&mut frame, &Meta::default(), &structs::DrainHead { on: true }, [], b"")
        .expect("a drain");
    let Split::Frame { header, .. } = split(&frame, FRAME_BYTES_MAX) else { panic!("a frame") };
    assert!(parse::<Drain>(&header, &[1]).is_ok());
    assert_eq!(parse::<Drain>(&header, &[2]).err(), Some(Status::InvalidField));
}

#[test]
fn what_does_not_fit_is_not_written() {
    let head = structs::SalePutHead::read(&[1; 68]).expect("numbers");
    let sku = structs::SaleSku { sku: 1, unit_price: 2 };
    let mut out = [0xEE; 200];
    let write = |out: &mut [u8], skus: usize| {
        encode::<SalePut>(out, &Meta::default(), &head, std::iter::repeat_n(sku, skus), b"")
    };
    assert_eq!(write(&mut out, 60_001), Err(Unencodable::Items));
    assert_eq!(write(&mut out, 6), Err(Unencodable::NoRoom { bytes: 212 }));
    assert_eq!(encode::<SalePut>(&mut out, &Meta::default(), &head, [sku], b"x"), Err(Unencodable::Tail));
    assert_eq!(out, [0xEE; 200]);
    assert_eq!(write(&mut out, 5), Ok(196));
    let mut full = Vec::new();
    let longest =
        append::<SalePut>(&mut full, &Meta::default(), &head, std::iter::repeat_n(sku, 60_000), b"");
    assert!(longest.is_ok_and(|bytes| bytes == full.len() && bytes <= FRAME_BYTES_MAX));
}
