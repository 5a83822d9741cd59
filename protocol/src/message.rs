//! Bodies: checked and read from a frame's bytes, and written into a caller's.

use std::fmt;
use std::marker::PhantomData;

use crate::bounds::FRAME_BYTES_MAX;
use crate::code::{KindCode, StatusCode};
use crate::header::{Flags, HEADER_BYTES, Header, seal, seal_before};
use crate::kind::Kind;
use crate::plain::{Layout, Plain};
use crate::status::Status;
use crate::structs::Refusal;

/// A request or answer of one kind; [`crate::messages`] has them all.
pub trait Message {
    /// The struct that the body begins with.
    type Head: Plain;
    /// The struct that follows it, so many times as the header says.
    type Item: Plain;
    /// Kind, sizes and bounds.
    const ABOUT: About;

    /// How many of the client's own bytes follow the items, by this head.
    fn tail_bytes(_head: &Self::Head) -> usize {
        0
    }
}

/// What a [`Message`] is made of.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The request's kind.
    pub kind: Kind,
    /// Whether this is the answer.
    pub answer: bool,
    /// The struct that the body begins with.
    pub head: &'static Layout,
    /// The struct that follows it.
    pub item: &'static Layout,
    /// Items, at least.
    pub items_min: u32,
    /// Items, at most.
    pub items_max: u32,
    /// What follows the items, for the kinds that carry the client's own bytes.
    pub tail: Option<Tail>,
}

/// The client's own bytes at the end of a body.
#[derive(Clone, Copy, Debug)]
pub struct Tail {
    /// The field of the head that says how many they are.
    pub field: &'static str,
    /// How many, at most.
    pub bytes_max: u32,
}

impl About {
    /// The kind as it stands in the header.
    pub const fn kind_code(&self) -> KindCode {
        let request = KindCode(self.kind.code());
        if self.answer { request.answer() } else { request }
    }

    /// Bytes of the longest frame of this message.
    pub const fn frame_bytes_max(&self) -> usize {
        let items = self.items_max as usize * self.item.bytes;
        HEADER_BYTES + self.head.bytes + items + self.tail_bytes_max()
    }

    /// Bytes behind the items, at most.
    pub const fn tail_bytes_max(&self) -> usize {
        match self.tail {
            Some(tail) => tail.bytes_max as usize,
            None => 0,
        }
    }
}

/// A body that is what its kind says: sizes and counts are right, and every struct can be read. Its numbers are
/// still only numbers.
pub struct Parsed<'a, M: Message> {
    /// The head, copied out.
    pub head: M::Head,
    /// The items, where they lie.
    pub items: Items<'a, M::Item>,
    /// The client's own bytes, where they lie.
    pub tail: &'a [u8],
}

/// The items of a body, where they lie.
pub struct Items<'a, T> {
    bytes: &'a [u8],
    count: usize,
    of: PhantomData<T>,
}

/// Reads a body. Where its size or counts are not those of the kind, INVALID_FIELD: the frame itself was well
/// formed, so the connection goes on. The kind must be `M`'s, and the status 0 (else see [`parse_refusal`]).
pub fn parse<'a, M: Message>(header: &Header, body: &'a [u8]) -> Result<Parsed<'a, M>, Status> {
    let about = M::ABOUT;
    let count = header.items;
    let (head, rest) = body.split_at_checked(about.head.bytes).ok_or(Status::InvalidField)?;
    if header.kind != about.kind_code() || count < about.items_min || count > about.items_max {
        return Err(Status::InvalidField);
    }
    // Fits: `items_max` structs fit one frame, as asserted beside the messages.
    let items_bytes = count as usize * about.item.bytes;
    let (items, tail) = rest.split_at_checked(items_bytes).ok_or(Status::InvalidField)?;
    let head = M::Head::read(head).ok_or(Status::InvalidField)?;
    let tail_fits = tail.len() == M::tail_bytes(&head) && tail.len() <= about.tail_bytes_max();
    let items = Items::check(items, count as usize).filter(|_| tail_fits).ok_or(Status::InvalidField)?;
    Ok(Parsed { head, items, tail })
}

/// Reads the body of an answer whose status is not 0. Where it is none, the peer breaks the rules of the wire.
pub fn parse_refusal(header: &Header, body: &[u8]) -> Result<Refusal, Status> {
    if header.items != 0 || header.status.is_ok() || !header.kind.is_answer() {
        return Err(Status::InvalidField);
    }
    Refusal::read(body).ok_or(Status::InvalidField)
}

/// What the sender of a frame chooses in its header; the rest follows from the body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// The frame's bits.
    pub flags: Flags,
    /// In a request: milliseconds that the asker will wait, 0 for no limit. In an answer: milliseconds before
    /// which asking again is of no use.
    pub time_ms: u32,
    /// The asker's own number.
    pub correlation: u64,
    /// W3C trace id; 0 for none.
    pub trace: u128,
}

impl Meta {
    /// Of an answer to this request: its number and trace, nothing else.
    pub const fn answering(request: &Header) -> Meta {
        Meta { flags: Flags::NONE, time_ms: 0, correlation: request.correlation, trace: request.trace }
    }
}

/// Why a frame cannot be written. Nothing of it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unencodable {
    /// The buffer has not so many bytes.
    NoRoom {
        /// Bytes of the frame.
        bytes: usize,
    },
    /// Fewer or more items than the kind allows.
    Items,
    /// Another number of the client's own bytes than the head says, or more than the kind allows.
    Tail,
    /// A text that is longer than its field, or not printable ASCII.
    Text,
}

/// Bytes of a frame with so many items and bytes behind them.
pub const fn frame_bytes<M: Message>(items: usize, tail_bytes: usize) -> usize {
    HEADER_BYTES + M::ABOUT.head.bytes + items * M::ABOUT.item.bytes + tail_bytes
}

/// Writes a whole frame at the front of `out` and says how long it is. Allocates nothing.
pub fn encode<M: Message>(
    out: &mut [u8],
    meta: &Meta,
    head: &M::Head,
    items: impl IntoIterator<Item = M::Item, IntoIter: ExactSizeIterator>,
    tail: &[u8],
) -> Result<usize, Unencodable> {
    let about = M::ABOUT;
    let items = items.into_iter();
    let count = checked_count(&about, items.len())?;
    if tail.len() != M::tail_bytes(head) || tail.len() > about.tail_bytes_max() {
        return Err(Unencodable::Tail);
    }
    let bytes = frame_bytes::<M>(items.len(), tail.len());
    let frame = out.get_mut(..bytes).ok_or(Unencodable::NoRoom { bytes })?;
    let (header, body) = frame.split_at_mut(HEADER_BYTES);
    header.copy_from_slice(&meta.header(about.kind_code(), StatusCode::OK, bytes, count).to_bytes());
    let (head_bytes, rest) = body.split_at_mut(about.head.bytes);
    head.write(head_bytes);
    let (items_bytes, tail_bytes) = rest.split_at_mut(count as usize * about.item.bytes);
    if about.item.bytes > 0 {
        for (place, item) in items_bytes.chunks_exact_mut(about.item.bytes).zip(items) {
            item.write(place);
        }
    }
    tail_bytes.copy_from_slice(tail);
    seal(frame);
    Ok(bytes)
}

/// Like [`encode`], behind what `out` holds; allocates only when `out` has to grow.
pub fn append<M: Message>(
    out: &mut Vec<u8>,
    meta: &Meta,
    head: &M::Head,
    items: impl IntoIterator<Item = M::Item, IntoIter: ExactSizeIterator>,
    tail: &[u8],
) -> Result<usize, Unencodable> {
    let items = items.into_iter();
    let from = out.len();
    checked_count(&M::ABOUT, items.len())?;
    out.resize(from + frame_bytes::<M>(items.len(), tail.len()), 0);
    let done = encode::<M>(&mut out[from..], meta, head, items, tail);
    if done.is_err() {
        out.truncate(from);
    }
    done
}

/// Like [`append`] for a frame whose last items were written before, by [`append_items`], and stay where they are:
/// `out` gets the frame up to `behind`, which holds so many items and is to follow it.
pub fn append_before<M: Message>(
    out: &mut Vec<u8>,
    meta: &Meta,
    head: &M::Head,
    items: impl IntoIterator<Item = M::Item, IntoIter: ExactSizeIterator>,
    behind: &[u8],
) -> Result<usize, Unencodable> {
    let about = M::ABOUT;
    let items = items.into_iter();
    if about.item.bytes == 0 || !behind.len().is_multiple_of(about.item.bytes) || M::tail_bytes(head) > 0 {
        return Err(Unencodable::Items);
    }
    let count = checked_count(&about, items.len() + behind.len() / about.item.bytes)?;
    let from = out.len();
    out.resize(from + frame_bytes::<M>(items.len(), 0), 0);
    let frame = &mut out[from..];
    let bytes = frame.len() + behind.len();
    let (header, body) = frame.split_at_mut(HEADER_BYTES);
    header.copy_from_slice(&meta.header(about.kind_code(), StatusCode::OK, bytes, count).to_bytes());
    let (head_bytes, places) = body.split_at_mut(about.head.bytes);
    head.write(head_bytes);
    for (place, item) in places.chunks_exact_mut(about.item.bytes).zip(items) {
        item.write(place);
    }
    seal_before(frame, behind);
    Ok(bytes)
}

/// Items as they lie in a frame, for [`append_before`].
pub fn append_items<T: Plain>(out: &mut Vec<u8>, items: &[T]) {
    let (from, bytes) = (out.len(), T::LAYOUT.bytes);
    out.resize(from + items.len() * bytes, 0);
    if bytes > 0 {
        for (place, item) in out[from..].chunks_exact_mut(bytes).zip(items) {
            item.write(place);
        }
    }
}

/// Bytes of every refusal's frame.
pub const REFUSAL_FRAME_BYTES: usize = HEADER_BYTES + Refusal::LAYOUT.bytes;

/// Writes the answer that says no: `kind` is the request's, or [`KindCode::NO_REQUEST`].
pub fn encode_refusal(
    out: &mut [u8],
    meta: &Meta,
    kind: KindCode,
    status: Status,
    refusal: &Refusal,
) -> Result<usize, Unencodable> {
    let bytes = REFUSAL_FRAME_BYTES;
    let frame = out.get_mut(..bytes).ok_or(Unencodable::NoRoom { bytes })?;
    let (header, body) = frame.split_at_mut(HEADER_BYTES);
    header.copy_from_slice(&meta.header(kind.answer(), status.into(), bytes, 0).to_bytes());
    refusal.write(body);
    seal(frame);
    Ok(bytes)
}

/// Like [`encode_refusal`], behind what `out` holds.
pub fn append_refusal(out: &mut Vec<u8>, meta: &Meta, kind: KindCode, status: Status, refusal: &Refusal) {
    let from = out.len();
    out.resize(from + REFUSAL_FRAME_BYTES, 0);
    encode_refusal(&mut out[from..], meta, kind, status, refusal).expect("room was made for it");
}

impl Meta {
    fn header(&self, kind: KindCode, status: StatusCode, bytes: usize, items: u32) -> Header {
        let Meta { flags, time_ms, correlation, trace } = *self;
        debug_assert!(bytes <= FRAME_BYTES_MAX, "the bounds of every message fit a frame");
        Header { length: bytes as u32, flags, kind, status, time_ms, correlation, trace, items }
    }
}

/// The number of items, where the kind allows it.
fn checked_count(about: &About, items: usize) -> Result<u32, Unencodable> {
    let count = u32::try_from(items).map_err(|_| Unencodable::Items)?;
    if count < about.items_min || count > about.items_max { Err(Unencodable::Items) } else { Ok(count) }
}

impl<'a, T: Plain> Items<'a, T> {
    /// Items in exactly these bytes, if each can be read.
    fn check(bytes: &'a [u8], count: usize) -> Option<Items<'a, T>> {
        let items = Items { bytes, count, of: PhantomData };
        (0..count).all(|place| items.read(place).is_some()).then_some(items)
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The item at this place, counted from 0; nothing behind the last one.
    pub fn get(&self, place: usize) -> Option<T> {
        if place < self.count { self.read(place) } else { None }
    }

    /// All items, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = T> + use<'a, T> {
        let items = *self;
        (0..self.count)
            .map(move |place| items.read(place).expect("each was read once, when the body was parsed"))
    }

    fn read(&self, place: usize) -> Option<T> {
        let bytes = T::LAYOUT.bytes;
        T::read(self.bytes.get(place * bytes..(place + 1) * bytes)?)
    }
}

// By hand: derives would ask the same of `T` and `M`, which are only names here.
impl<T> Clone for Items<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Items<'_, T> {}

impl<T: Plain> fmt::Debug for Items<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<M: Message> fmt::Debug for Parsed<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parsed { head, items, tail } = self;
        f.debug_struct("Parsed").field("head", head).field("items", items).field("tail", tail).finish()
    }
}

impl fmt::Display for Unencodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unencodable::NoRoom { bytes } => write!(f, "the frame needs {bytes} bytes"),
            Unencodable::Items => f.write_str("the kind does not allow so many items, or so few"),
            Unencodable::Tail => f.write_str("the client's own bytes are not as many as the head says"),
            Unencodable::Text => f.write_str("a text is too long for its field, or not printable ASCII"),
        }
    }
}

impl std::error::Error for Unencodable {}
