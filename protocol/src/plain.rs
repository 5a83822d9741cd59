//! Structs of plain data: how they lie on the wire, and how they are read and written.
//!
//! Each is an rkyv archive of unaligned little-endian numbers, so its fields follow each other without gaps and
//! in the order of the struct. [`plain!`] declares struct and table at once.

use std::fmt::Debug;

/// A struct of fixed size with no pointers.
pub trait Plain: Copy + Debug + PartialEq + 'static {
    /// Name, size and fields.
    const LAYOUT: Layout;

    /// The struct in exactly these bytes; nothing where their number or a field's value (a bool that is neither
    /// 0 nor 1) is none of this struct.
    fn read(bytes: &[u8]) -> Option<Self>;

    /// Fills exactly these bytes. Panics where their number is not the struct's: callers cut them by
    /// [`Layout::bytes`].
    fn write(&self, out: &mut [u8]);
}

/// How a struct lies on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// The struct's name in this crate.
    pub name: &'static str,
    /// What it is, a line each.
    pub doc: &'static [&'static str],
    /// Size.
    pub bytes: usize,
    /// In the order in which they lie, without gaps.
    pub fields: &'static [Field],
}

/// A field of a [`Layout`].
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Bytes before it in the struct.
    pub offset: usize,
    /// Size.
    pub bytes: usize,
    /// What it is.
    pub shape: Shape,
    /// Unit and bounds, a line each.
    pub doc: &'static [&'static str],
}

/// What a field is.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Unsigned, little-endian, of the field's size.
    Unsigned,
    /// Two's complement, little-endian, of the field's size.
    Signed,
    /// One byte, 0 or 1.
    Bool,
    /// ASCII, filled up with zero bytes.
    Text,
    /// Another struct in its place.
    Struct(&'static Layout),
}

/// No bytes: the head or item of a kind that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nothing;

impl Plain for Nothing {
    const LAYOUT: Layout = Layout { name: "Nothing", doc: &["No bytes."], bytes: 0, fields: &[] };

    fn read(bytes: &[u8]) -> Option<Nothing> {
        bytes.is_empty().then_some(Nothing)
    }

    fn write(&self, out: &mut [u8]) {
        assert!(out.is_empty(), "nothing has no bytes");
    }
}

/// A text field: the first bytes of `text` up to `N`, each that is not printable ASCII as `?`, then zeros.
pub fn text<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [0; N];
    for (to, from) in field.iter_mut().zip(text.bytes()) {
        *to = if from.is_ascii_graphic() || from == b' ' { from } else { b'?' };
    }
    field
}

/// What a text field says, up to its first zero byte. Nothing where that is not printable ASCII: such bytes are
/// not to reach a log or a terminal.
pub fn text_of(field: &[u8]) -> Option<&str> {
    let text = field.split(|&byte| byte == 0).next()?;
    let printable = text.iter().all(|&byte| byte.is_ascii_graphic() || byte == b' ');
    printable.then(|| std::str::from_utf8(text).ok())?
}

/// What can be a field.
pub(crate) trait Wired {
    const BYTES: usize;
    const SHAPE: Shape;
}

macro_rules! wired {
    ($($type:ty: $shape:ident),+) => {
        $(impl Wired for $type {
            const BYTES: usize = size_of::<$type>();
            const SHAPE: Shape = Shape::$shape;
        })+
    };
}
wired!(u8: Unsigned, u16: Unsigned, u32: Unsigned, u64: Unsigned, u128: Unsigned, i64: Signed, bool: Bool);

impl<const N: usize> Wired for [u8; N] {
    const BYTES: usize = N;
    const SHAPE: Shape = Shape::Text;
}

/// Gives each field the offset behind the one before it.
pub(crate) const fn laid_out<const N: usize>(mut fields: [Field; N]) -> [Field; N] {
    let mut at = 1;
    while at < N {
        fields[at].offset = fields[at - 1].offset + fields[at - 1].bytes;
        at += 1;
    }
    fields
}

/// Declares structs, each with its table. The doc lines of a field are its unit and bounds in `docs/WIRE.md`, too.
macro_rules! plain {
    ($(
        $(#[doc = $doc:literal])+
        pub struct $name:ident / $archived:ident {
            $($(#[doc = $field_doc:literal])+ pub $field:ident: $type:ty,)+
        }
    )+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
        #[rkyv(archived = $archived, derive(Debug))]
        pub struct $name {
            $($(#[doc = $field_doc])+ pub $field: $type,)+
        }

        impl $crate::plain::Wired for $name {
            const BYTES: usize = size_of::<$archived>();
            const SHAPE: $crate::plain::Shape = $crate::plain::Shape::Struct(&<$name as $crate::plain::Plain>::LAYOUT);
        }

        impl $crate::plain::Plain for $name {
            const LAYOUT: $crate::plain::Layout = $crate::plain::Layout {
                name: stringify!($name),
                doc: &[$($doc),+],
                bytes: size_of::<$archived>(),
                fields: &$crate::plain::laid_out([$($crate::plain::Field {
                    name: stringify!($field),
                    offset: 0,
                    bytes: <$type as $crate::plain::Wired>::BYTES,
                    shape: <$type as $crate::plain::Wired>::SHAPE,
                    doc: &[$($field_doc),+],
                }),+]),
            };

            #[inline]
            fn read(bytes: &[u8]) -> Option<$name> {
                if bytes.len() != size_of::<$archived>() {
                    return None;
                }
                let archived = rkyv::api::low::access::<$archived, rkyv::rancor::Failure>(bytes).ok()?;
                rkyv::api::low::deserialize::<$name, rkyv::rancor::Failure>(archived).ok()
            }

            #[inline]
            fn write(&self, out: &mut [u8]) {
                assert_eq!(out.len(), size_of::<$archived>(), "callers cut the bytes by the layout");
                rkyv::api::low::to_bytes_in_with_alloc::<_, _, rkyv::rancor::Failure>(
                    self,
                    rkyv::ser::writer::Buffer::from(out),
                    rkyv::ser::allocator::SubAllocator::empty(),
                )
                .expect("the bytes are as many as the archive's");
            }
        }

        // No gap before, between or behind fields: every archived type has alignment 1.
        const _: () = {
            assert!(align_of::<$archived>() == 1);
            assert!(size_of::<$archived>() == 0 $(+ <$type as $crate::plain::Wired>::BYTES)+);
        };
    )+};
}
pub(crate) use plain;
