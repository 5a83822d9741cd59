//! Switches: what an operator stopped, for which part of the shop, and why.

use alloc::vec::Vec;

use crate::ids::{SaleId, SkuId};
use crate::image::Flat;
use crate::units::MicrosUtc;

/// Bytes of a switch's note, at most.
pub const NOTE_BYTES: usize = 96;
/// Switches that can be set at once. One more is OVERLOADED; whoever clears one makes room.
pub const SWITCHES_MAX: usize = 1_024;

/// What a switch is about. At most one is set for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The whole shop.
    All,
    /// What sells in this sale, and the sale itself.
    Sale(SaleId),
    /// This sku.
    Sku(SkuId),
}

impl Flat for Scope {
    const BYTES: usize = <(u8, u64)>::BYTES;

    fn put(&self, out: &mut Vec<u8>) {
        (self.number(), self.id()).put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let (number, id) = Flat::take(from)?;
        Scope::parse(number, id)
    }
}

impl Scope {
    /// The scope of this number with this id; nothing where there is no such number, no such id, or an id that
    /// the scope has no use for.
    pub fn parse(number: u8, id: u64) -> Option<Scope> {
        match (number, id) {
            (1, 0) => Some(Scope::All),
            (2, 1..) => Some(Scope::Sale(SaleId(u32::try_from(id).ok()?))),
            (3, 1..) => Some(Scope::Sku(SkuId(id))),
            (_, _) => None,
        }
    }

    /// 1 the whole shop, 2 a sale, 3 a sku.
    pub const fn number(self) -> u8 {
        match self {
            Scope::All => 1,
            Scope::Sale(_) => 2,
            Scope::Sku(_) => 3,
        }
    }

    /// Id of the sale or sku; 0 for the whole shop.
    pub const fn id(self) -> u64 {
        match self {
            Scope::All => 0,
            Scope::Sale(sale) => sale.0 as u64,
            Scope::Sku(sku) => sku.0,
        }
    }
}

/// What a switch stops. Nothing at all: it is not set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stops {
    /// What leads to new orders: CREATE and BATCH, PREPARE, STOCK_RESERVE.
    pub creating: bool,
    /// PAY_OPEN. A callback is money that arrived, and is taken.
    pub paying: bool,
    /// Both of these, and whatever else changes something, but what gives units back (CANCEL, STOCK_RELEASE),
    /// what a gateway tells (PAY_CALLBACK, REFUND_RESULT), timers, ACK and SWITCH itself.
    pub changing: bool,
}

impl Flat for Stops {
    const BYTES: usize = 1;

    fn put(&self, out: &mut Vec<u8>) {
        self.bits().put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        u8::take(from).and_then(Stops::parse)
    }
}

impl Stops {
    /// The stops of these bits, 1 creating, 2 paying, 4 changing; nothing where others are set.
    pub const fn parse(bits: u8) -> Option<Stops> {
        if bits > 7 {
            return None;
        }
        Some(Stops { creating: bits & 1 != 0, paying: bits & 2 != 0, changing: bits & 4 != 0 })
    }

    /// 1 creating, 2 paying, 4 changing.
    pub const fn bits(self) -> u8 {
        self.creating as u8 | (self.paying as u8) << 1 | (self.changing as u8) << 2
    }

    /// Whether it stops anything.
    pub const fn any(self) -> bool {
        self.creating || self.paying || self.changing
    }

    /// Whether it stops such a deed.
    pub const fn stop(self, deed: Deed) -> bool {
        self.changing
            || match deed {
                Deed::Creating => self.creating,
                Deed::Paying => self.paying,
                Deed::Changing => false,
            }
    }
}

/// What a request does, in the eyes of a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It leads to a new order.
    Creating,
    /// It leads to a payment.
    Paying,
    /// It changes something else.
    Changing,
}

/// Why an operator did something, in words for other operators: at most [`NOTE_BYTES`] printable ASCII characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Note<'a>(&'a str);

impl Note<'static> {
    /// No words.
    pub const NONE: Note<'static> = Note("");
}

impl<'a> Note<'a> {
    /// The one way in.
    pub fn parse(text: &'a [u8]) -> Option<Note<'a>> {
        let printable = text.iter().all(|&byte| byte == b' ' || byte.is_ascii_graphic());
        let fits = printable && text.len() <= NOTE_BYTES;
        fits.then(|| Note(core::str::from_utf8(text).expect("ASCII is UTF-8")))
    }

    /// The words.
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

/// A switch that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// What it is about.
    pub scope: Scope,
    /// What it stops; something.
    pub stops: Stops,
    /// Counts over all changes of all switches, so that one set anew is told from one cleared since.
    pub version: u32,
    /// When it was changed last.
    pub since: MicrosUtc,
    /// Why.
    pub note: alloc::boxed::Box<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ids_make_scopes() {
        for scope in [Scope::All, Scope::Sale(SaleId(7)), Scope::Sku(SkuId(u64::MAX))] {
            assert_eq!(Scope::parse(scope.number(), scope.id()), Some(scope));
        }
        for (number, id) in [(0, 0), (1, 1), (2, 0), (2, 1 << 32), (3, 0), (4, 1)] {
            assert_eq!(Scope::parse(number, id), None, "{number} {id}");
        }
    }

    #[test]
    fn bits_make_stops_and_read_only_stops_all() {
        for bits in 0..=u8::MAX {
            assert_eq!(Stops::parse(bits).map(Stops::bits), (bits < 8).then_some(bits));
        }
        let stops = |bits| {
            let stops = Stops::parse(bits).expect("three bits");
            [Deed::Creating, Deed::Paying, Deed::Changing].map(|deed| stops.stop(deed))
        };
        assert_eq!(stops(0), [false, false, false]);
        assert_eq!(stops(1), [true, false, false]);
        assert_eq!(stops(2), [false, true, false]);
        assert_eq!(stops(4), [true, true, true]);
    }

    #[test]
    fn a_note_is_what_may_stand_on_a_terminal() {
        assert_eq!(Note::parse(b"").map(Note::as_str), Some(""));
        assert_eq!(Note::parse(&[b'a'; NOTE_BYTES]).map(|note| note.as_str().len()), Some(NOTE_BYTES));
        for nonsense in [&[b'a'; NOTE_BYTES + 1][..], b"a\n", b"\0", "ü".as_bytes()] {
            assert_eq!(Note::parse(nonsense), None, "{nonsense:?}");
        }
    }
}
