//! The bytes of the cold store's trees. `docs/DISK.md` has the tables.
//!
//! Keys are big-endian, since trees sort by bytes; values little-endian, as everywhere else. Where something is read
//! newest first, its number stands inverted in the key.

use domain::order::State;
use domain::verdict::OrderBrief;
use domain::{Currency, MicrosUtc, MinorUnits, UserId};

use super::store::{Version, order_made_at};
use crate::embedded::journal::Identity;
use crate::embedded::journal::layout::{u16_at, u32_at, u64_at};

/// Bytes in front of each value: its checksum.
const SEAL_BYTES: usize = 4;
/// Bytes of a version in front of its record.
const VERSION_BYTES: usize = 16;
/// Bytes of a brief.
const BRIEF_BYTES: usize = 31;
/// Stands for no due time.
const NEVER: i64 = i64::MAX;

/// `made`: the key of an order's newest version.
pub(super) fn order_key(made: u64) -> [u8; 8] {
    made.to_be_bytes()
}

pub(super) fn made_of(key: &[u8]) -> Option<u64> {
    key.first_chunk().map(|made| u64::from_be_bytes(*made))
}

/// `made | !through`: the key of an order's older version.
pub(super) fn older_key(made: u64, through: u64) -> [u8; 16] {
    pair(made, !through)
}

pub(super) fn older_of(key: &[u8]) -> Option<(u64, u64)> {
    unpair(key).map(|(made, through)| (made, !through))
}

/// `through of the newer | made | through`: the key of a version that has a successor.
pub(super) fn superseded_key(newer_through: u64, made: u64, through: u64) -> [u8; 24] {
    let mut key = [0; 24];
    key[..16].copy_from_slice(&pair(newer_through, made));
    key[16..].copy_from_slice(&through.to_be_bytes());
    key
}

/// Which version it is: made and through.
pub(super) fn superseded_of(key: &[u8]) -> Option<(u64, u64)> {
    let key: &[u8; 24] = key.try_into().ok()?;
    unpair(&key[8..])
}

/// `user | !made`: the key of what LIST shows.
pub(super) fn user_key(user: UserId, made: u64) -> [u8; 16] {
    pair(user.0, !made)
}

pub(super) fn user_of(key: &[u8]) -> Option<(UserId, u64)> {
    unpair(key).map(|(user, made)| (UserId(user), !made))
}

/// `due | made`, the sign of `due` turned so that times before 1970 sort before the others.
pub(super) fn due_key(due: MicrosUtc, made: u64) -> [u8; 16] {
    pair((due.0 as u64) ^ (1 << 63), made)
}

pub(super) fn due_of(key: &[u8]) -> Option<(MicrosUtc, u64)> {
    unpair(key).map(|(due, made)| (MicrosUtc((due ^ (1 << 63)) as i64), made))
}

fn pair(first: u64, second: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&first.to_be_bytes());
    key[8..].copy_from_slice(&second.to_be_bytes());
    key
}

fn unpair(key: &[u8]) -> Option<(u64, u64)> {
    let (first, second) = (key.first_chunk()?, key.last_chunk()?);
    (key.len() == 16).then(|| (u64::from_be_bytes(*first), u64::from_be_bytes(*second)))
}

/// Puts a value together in a buffer that is used again, its checksum in front.
///
/// The trees have checksums of their own, over blocks. This one goes from end to end and covers the key and the
/// store's salt too: a value that turns up under another key, or in another store, is not taken for good.
#[derive(Clone, Debug)]
pub(super) struct Sealer {
    salt: u32,
    value: Vec<u8>,
}

impl Sealer {
    pub(super) fn new(identity: Identity) -> Sealer {
        Sealer { salt: identity.salt, value: Vec::new() }
    }

    /// A version of an order.
    pub(super) fn version(&mut self, key: &[u8], version: Version, record: &[u8]) -> &[u8] {
        let Version { through, due } = version;
        self.begin();
        self.value.extend_from_slice(&through.to_le_bytes());
        self.value.extend_from_slice(&due.map_or(NEVER, |due| due.0).to_le_bytes());
        self.value.extend_from_slice(record);
        self.seal(key)
    }

    /// What LIST shows of an order: all but what the key says.
    pub(super) fn brief(&mut self, key: &[u8], brief: &OrderBrief) -> &[u8] {
        let OrderBrief { order: _, user: _, state, version, total, currency, created_at, pay_until } = *brief;
        self.begin();
        self.value.extend_from_slice(&total.0.to_le_bytes());
        self.value.extend_from_slice(&created_at.0.to_le_bytes());
        self.value.extend_from_slice(&pay_until.0.to_le_bytes());
        self.value.extend_from_slice(&version.to_le_bytes());
        self.value.extend_from_slice(&currency.0.to_le_bytes());
        self.value.push(state.number());
        self.seal(key)
    }

    fn begin(&mut self) {
        self.value.clear();
        self.value.extend_from_slice(&[0; SEAL_BYTES]);
    }

    fn seal(&mut self, key: &[u8]) -> &[u8] {
        let checksum = checksum(self.salt, key, &self.value[SEAL_BYTES..]);
        self.value[..SEAL_BYTES].copy_from_slice(&checksum.to_le_bytes());
        &self.value
    }
}

/// Takes values apart; nothing where one is not what was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opener {
    salt: u32,
}

impl Opener {
    pub(super) fn new(identity: Identity) -> Opener {
        Opener { salt: identity.salt }
    }

    /// A version of an order and its record.
    pub(super) fn version<'v>(&self, key: &[u8], value: &'v [u8]) -> Option<(Version, &'v [u8])> {
        let (head, record) = self.open(key, value)?.split_at_checked(VERSION_BYTES)?;
        let due = u64_at(head, 8) as i64;
        let due = (due != NEVER).then_some(MicrosUtc(due));
        Some((Version { through: u64_at(head, 0), due }, record))
    }

    /// What LIST shows of this user's order.
    pub(super) fn brief(&self, key: &[u8], value: &[u8]) -> Option<(u64, OrderBrief)> {
        let (user, made) = user_of(key)?;
        let bytes: &[u8; BRIEF_BYTES] = self.open(key, value)?.try_into().ok()?;
        let brief = OrderBrief {
            order: order_made_at(made, user),
            user,
            state: State::from_number(bytes[30])?,
            version: u32_at(bytes, 24),
            total: MinorUnits(u64_at(bytes, 0) as i64),
            currency: Currency(u16_at(bytes, 28)),
            created_at: MicrosUtc(u64_at(bytes, 8) as i64),
            pay_until: MicrosUtc(u64_at(bytes, 16) as i64),
        };
        Some((made, brief))
    }

    fn open<'v>(&self, key: &[u8], value: &'v [u8]) -> Option<&'v [u8]> {
        let (seal, body) = value.split_at_checked(SEAL_BYTES)?;
        (u32_at(seal, 0) == checksum(self.salt, key, body)).then_some(body)
    }
}

fn checksum(salt: u32, key: &[u8], body: &[u8]) -> u32 {
    let salted = crc32c::crc32c(&salt.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c_append(salted, key), body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::cold::made_at;

    const IDENTITY: Identity = Identity::of_a_trial(0x5A17);
    const BRIEF: OrderBrief = OrderBrief {
        order: order_made_at(0x0000_0123_4567_89AB, UserId(0x77)),
        user: UserId(0x77),
        state: State::Confirmed,
        version: 0x0A0B_0C0D,
        total: MinorUnits(0x0102),
        currency: Currency(156),
        created_at: MicrosUtc(0x0304),
        pay_until: MicrosUtc(-2),
    };

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn what_lies_on_disk_never_changes() {
        let mut sealer = Sealer::new(IDENTITY);
        let version = Version { through: 0x0506, due: Some(MicrosUtc(0x0708)) };
        let never = Version { through: 0x0506, due: None };
        for (what, bytes, expected) in [
            ("order", order_key(0x0102).to_vec(), "0000000000000102"),
            ("older", older_key(0x0102, 0x0304).to_vec(), "0000000000000102fffffffffffffcfb"),
            (
                "superseded",
                superseded_key(1, 2, 3).to_vec(),
                "000000000000000100000000000000020000000000000003",
            ),
            ("user", user_key(UserId(1), 2).to_vec(), "0000000000000001fffffffffffffffd"),
            ("due", due_key(MicrosUtc(1), 2).to_vec(), "80000000000000010000000000000002"),
            ("past due", due_key(MicrosUtc(-1), 2).to_vec(), "7fffffffffffffff0000000000000002"),
            (
                "version",
                sealer.version(&order_key(1), version, b"rec").to_vec(),
                "0fac6bbb06050000000000000807000000000000726563",
            ),
            (
                "never due",
                sealer.version(&order_key(1), never, b"").to_vec(),
                "f4f9812f0605000000000000ffffffffffffff7f",
            ),
            (
                "brief",
                sealer.brief(&user_key(BRIEF.user, made_at(BRIEF.order)), &BRIEF).to_vec(),
                "9cb37c5a02010000000000000403000000000000feffffffffffffff0d0c0b0a9c0006",
            ),
        ] {
            assert_eq!(hex(&bytes), expected, "{what}");
        }
    }

    #[test]
    fn what_was_written_is_read_under_its_own_key_in_its_own_store_only() {
        let (mut sealer, opener) = (Sealer::new(IDENTITY), Opener::new(IDENTITY));
        let key = user_key(BRIEF.user, made_at(BRIEF.order));
        let value = sealer.brief(&key, &BRIEF).to_vec();
        assert_eq!(opener.brief(&key, &value), Some((made_at(BRIEF.order), BRIEF)));
        assert_eq!(opener.brief(&user_key(BRIEF.user, 1), &value), None);
        assert_eq!(Opener::new(Identity::of_a_trial(1)).brief(&key, &value), None);
        for cut in 0..value.len() {
            assert_eq!(opener.brief(&key, &value[..cut]), None);
        }

        let version = Version { through: 9, due: Some(MicrosUtc(-1)) };
        let value = sealer.version(&order_key(1), version, b"record").to_vec();
        assert_eq!(opener.version(&order_key(1), &value), Some((version, &b"record"[..])));
        assert_eq!(opener.version(&order_key(2), &value), None);
        assert_eq!(opener.version(&order_key(1), &value[..SEAL_BYTES]), None);
        assert_eq!(due_of(&due_key(MicrosUtc(-1), 3)), Some((MicrosUtc(-1), 3)));
        assert_eq!(superseded_of(&superseded_key(1, 2, 3)), Some((2, 3)));
        assert_eq!(older_of(&older_key(1, 2)), Some((1, 2)));
        assert_eq!(
            (made_of(&[1]), user_of(&[1; 17]), due_of(&[]), superseded_of(&[1; 16])),
            (None, None, None, None)
        );
    }
}
