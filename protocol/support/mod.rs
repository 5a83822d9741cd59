//! The golden vectors: what they say, and how a record of them is written. Shared by the example that writes
//! `protocol/vectors/` and the test that holds the code to it.

mod cases;

use std::fmt::Write;

use protocol::bounds::FRAME_BYTES_MAX;
use protocol::{Header, KindCode, Message, Meta, Shape, Split, Status, append, append_refusal, describe};
use protocol::{parse, parse_refusal, split, structs};

/// A file of vectors.
pub struct File {
    pub name: String,
    pub text: String,
}

/// Head, items and the client's own bytes of a case, with a few words on what it shows.
pub type Shown<M> = (&'static str, <M as Message>::Head, Vec<<M as Message>::Item>, &'static [u8]);

/// Every file as it must be.
pub fn files() -> Vec<File> {
    let mut files = cases::files();
    files.push(bad_frames());
    files
}

impl File {
    pub fn of(name: &str) -> File {
        let text = format!(
            "# {name}: frames and what they say. A changed line is an incompatible change of the wire.\n\
             # Written by `cargo run -p protocol --example vectors`; read by protocol/tests and sdk/python/tests.\n"
        );
        File { name: format!("{}.txt", name.to_lowercase()), text }
    }

    /// Adds the cases shown, one in which each byte differs from its neighbours, and one of the highest values.
    pub fn message<M: Message>(&mut self, shown: Vec<Shown<M>>) {
        for (case, head, items, tail) in &shown {
            self.frame::<M>(case, head, items, tail);
        }
        let mut next = 0_u8;
        self.edge::<M>("each byte differs from its neighbours", 7, || {
            next = next.wrapping_add(1);
            next
        });
        self.edge::<M>("every bit set", M::ABOUT.tail_bytes_max(), || 0xFF);
    }

    /// Adds the answer that says no.
    pub fn refusal(
        &mut self,
        kind: KindCode,
        status: Status,
        retry_after_ms: u32,
        refusal: structs::Refusal,
    ) {
        let meta = Meta { time_ms: retry_after_ms, ..meta() };
        let mut frame = Vec::new();
        append_refusal(&mut frame, &meta, kind, status, &refusal);
        let (header, body) = whole(&frame);
        assert_eq!(parse_refusal(&header, body), Ok(refusal));
        self.record(status.name(), &frame);
    }

    fn frame<M: Message>(&mut self, case: &str, head: &M::Head, items: &[M::Item], tail: &[u8]) {
        let mut frame = Vec::new();
        append::<M>(&mut frame, &meta(), head, items.iter().copied(), tail)
            .expect("cases keep to the bounds");
        let (header, body) = whole(&frame);
        let parsed = parse::<M>(&header, body).expect("what was written can be read");
        assert_eq!(parsed.head, *head);
        assert_eq!(parsed.items.iter().collect::<Vec<_>>(), items);
        assert_eq!(parsed.tail, tail);
        self.record(case, &frame);
    }

    /// A case whose numbers are made of `byte`; texts and bools are what they may be.
    fn edge<M: Message>(&mut self, case: &str, tail_bytes: usize, mut byte: impl FnMut() -> u8) {
        use protocol::Plain;
        let about = M::ABOUT;
        let mut made = |layout: &protocol::Layout| {
            let mut bytes = vec![0; layout.bytes];
            fill(&mut bytes, layout, &mut byte);
            bytes
        };
        let mut head = made(about.head);
        let tail = match about.tail {
            Some(tail) => {
                let length = about
                    .head
                    .fields
                    .iter()
                    .find(|field| field.name == tail.field)
                    .expect("the tail's field");
                head[length.offset..length.offset + 2].copy_from_slice(&(tail_bytes as u16).to_le_bytes());
                vec![0xA5; tail_bytes]
            }
            None => Vec::new(),
        };
        let head = M::Head::read(&head).expect("a head of its own layout");
        let count = about.items_max.min(about.items_min.max(2));
        let items: Vec<_> = (0..count)
            .map(|_| M::Item::read(&made(about.item)).expect("an item of its own layout"))
            .collect();
        self.frame::<M>(case, &head, &items, &tail);
    }

    fn record(&mut self, case: &str, frame: &[u8]) {
        let (header, body) = whole(frame);
        let values = describe::values(&header, body).expect("the tables know every case");
        let _ = write!(self.text, "\ncase = {case}\nhex = {}\n{values}", hex(frame));
    }
}

/// Bytes that are no frame, or not yet one, and what is said of them.
fn bad_frames() -> File {
    let mut good = Vec::new();
    append::<protocol::messages::Ping>(&mut good, &meta(), &protocol::Nothing, [], b"").expect("a ping");
    let with = |at: usize, byte: u8| {
        let mut changed = good.clone();
        changed[at] = byte;
        changed
    };
    let mut file = File::of("BAD_FRAMES");
    let mut add = |case: &str, bytes: &[u8]| {
        let outcome = match split(bytes, FRAME_BYTES_MAX) {
            Split::NeedMore => "NEED_MORE",
            Split::Frame { .. } => "FRAME",
            Split::Bad(status) => status.name(),
        };
        let _ = write!(file.text, "\ncase = {case}\nhex = {}\noutcome = {outcome}\n", hex(bytes));
    };
    add("a frame", &good);
    add("nothing yet", &[]);
    add("six bytes", &good[..6]);
    add("all but the last byte", &good[..good.len() - 1]);
    add("another magic", &with(5, b'H'));
    add("another protocol", b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n");
    add("another version", &with(6, 2));
    add("shorter than a header", &with(0, 47));
    add("longer than 1 MiB", &with(2, 0x10));
    add("a flipped bit in the header", &with(16, good[16] ^ 1));
    add("a flipped bit in the checksum", &with(44, good[44] ^ 1));
    file
}

/// A header in which no field is 0 but those that must be.
fn meta() -> Meta {
    Meta {
        flags: protocol::Flags::NONE,
        time_ms: 0,
        correlation: 0x0102_0304_0506_0708,
        trace: 0x4BF9_2F35 << 96 | 1,
    }
}

fn whole(frame: &[u8]) -> (Header, &[u8]) {
    let Split::Frame { header, body, used } = split(frame, FRAME_BYTES_MAX) else {
        panic!("no frame: {frame:02x?}")
    };
    assert_eq!(used, frame.len());
    (header, body)
}

/// Fills a struct's bytes; bools become 1 and texts letters.
fn fill(bytes: &mut [u8], layout: &protocol::Layout, byte: &mut impl FnMut() -> u8) {
    for field in layout.fields {
        let place = &mut bytes[field.offset..field.offset + field.bytes];
        match field.shape {
            Shape::Unsigned | Shape::Signed => place.fill_with(&mut *byte),
            Shape::Bool => place.fill(1),
            Shape::Text => place.fill_with(|| b'a' + byte() % 26),
            Shape::Struct(inner) => fill(place, inner, byte),
        }
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
