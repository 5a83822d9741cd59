//! Facts about what operators put in everybody's way, to bytes and back.

use domain::fact::Fact;
use domain::limit::{UserLimit, UserList};
use domain::switch::{NOTE_BYTES, Note, Scope, Stops};
use domain::{MicrosUtc, UserId};

use super::decode::{BadEntry, Cursor};
use super::encode::EntryWriter;
use super::kind;

/// Bytes of what is set for a user.
pub(super) const LIMIT_BYTES: usize = 8 + 1 + 4 + 8;
/// Bytes of a switch before its note.
pub(super) const SWITCH_BYTES: usize = 1 + 8 + 1 + 4 + 1;
const _: () = assert!(NOTE_BYTES <= u8::MAX as usize);

impl EntryWriter<'_> {
    pub(super) fn switch(&mut self, scope: Scope, stops: Stops, version: u32, note: Note<'_>) {
        self.kind(kind::SWITCH_CHANGED);
        self.u8(scope.number());
        self.u64(scope.id());
        self.u8(stops.bits());
        self.u32(version);
        self.u8(note.as_str().len() as u8);
        self.bytes(note.as_str().as_bytes());
    }

    pub(super) fn limit(&mut self, limit: &UserLimit) {
        let UserLimit { user, list, sale_units, until } = *limit;
        self.kind(kind::LIMIT_CHANGED);
        self.u64(user.0);
        self.u8(list.number());
        self.u32(sale_units);
        self.i64(until.0);
    }
}

pub(super) fn switch<'a>(from: &mut Cursor<'a>) -> Result<Fact<'a>, BadEntry> {
    let (number, id) = (from.u8()?, from.u64()?);
    let scope = Scope::parse(number, id).ok_or(BadEntry::Field("scope"))?;
    let stops = Stops::parse(from.u8()?).ok_or(BadEntry::Field("stops"))?;
    let version = from.u32()?;
    let length = usize::from(from.u8()?);
    let note = Note::parse(from.take(length)?).ok_or(BadEntry::Field("note"))?;
    Ok(Fact::SwitchChanged { scope, stops, version, note })
}

pub(super) fn limit<'a>(from: &mut Cursor<'_>) -> Result<Fact<'a>, BadEntry> {
    Ok(Fact::LimitChanged(UserLimit {
        user: UserId(from.u64()?),
        list: UserList::from_number(from.u8()?).ok_or(BadEntry::Field("list"))?,
        sale_units: from.u32()?,
        until: MicrosUtc(from.i64()?),
    }))
}
