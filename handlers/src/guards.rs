//! What operators put in everybody's way, from the wire and back: switches, and lists of users.

use domain::intent::{LimitPut, SwitchPut};
use domain::limit::{UserLimit, UserList};
use domain::switch::{Note, Scope, Stops, Switch};
use domain::{Intent, MicrosUtc, RequestId, UserId};
use protocol::{Header, messages, parse, structs, text};

use crate::reads::page;
use crate::refused::Refused;

/// SWITCH as an intent. `note` is room for its note.
pub(crate) fn switch<'a>(header: &Header, body: &[u8], note: &'a mut Vec<u8>) -> Result<Intent<'a>, Refused> {
    let structs::SwitchHead { request, id, replaces, scope, stops, note: padded } =
        parse::<messages::Switch>(header, body)?.head;
    let scope = Scope::parse(scope, id).ok_or(Refused::field("scope or id"))?;
    let stops = Stops::parse(stops).ok_or(Refused::field("stops"))?;
    if !stops.any() && replaces == 0 {
        return Err(Refused::field("replaces"));
    }
    let length = padded.iter().position(|&byte| byte == 0).unwrap_or(padded.len());
    let (words, padding) = padded.split_at(length);
    if padding.iter().any(|&byte| byte != 0) {
        return Err(Refused::field("note"));
    }
    note.clear();
    note.extend_from_slice(words);
    let note = Note::parse(note).ok_or(Refused::field("note"))?;
    Ok(Intent::SwitchPut(SwitchPut { request: RequestId(request), scope, replaces, stops, note }))
}

/// SWITCH_LIST as an intent.
pub(crate) fn switch_list(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::SwitchListHead { after_id, limit, after_scope } =
        parse::<messages::SwitchList>(header, body)?.head;
    let after = match (after_scope, after_id) {
        (0, 0) => None,
        (scope, id) => Some(Scope::parse(scope, id).ok_or(Refused::field("after_scope or after_id"))?),
    };
    Ok(Intent::SwitchList { after, limit: page(limit)? })
}

/// LIMIT_PUT as an intent.
pub(crate) fn limit_put(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::LimitPutHead { request, limit } = parse::<messages::LimitPut>(header, body)?.head;
    let structs::UserLimit { user, until, sale_units, list } = limit;
    if user == 0 {
        return Err(Refused::field("user"));
    }
    let list = UserList::from_number(list).ok_or(Refused::field("list"))?;
    let limit = UserLimit { user: UserId(user), list, sale_units, until: MicrosUtc(until) };
    if until < 0 || (until != 0 && !limit.any()) {
        return Err(Refused::field("until"));
    }
    Ok(Intent::LimitPut(LimitPut { request: RequestId(request), limit }))
}

/// LIMIT_LIST as an intent.
pub(crate) fn limit_list(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::LimitListHead { after, limit } = parse::<messages::LimitList>(header, body)?.head;
    Ok(Intent::LimitList { after: UserId(after), limit: page(limit)? })
}

/// What is set for a user, for the wire.
pub(crate) fn limit_to_wire(limit: &UserLimit) -> structs::UserLimit {
    let UserLimit { user, list, sale_units, until } = *limit;
    structs::UserLimit { user: user.0, until: until.0, sale_units, list: list.number() }
}

/// A switch that is set, for the wire.
pub(crate) fn switch_to_wire(switch: &Switch) -> structs::SwitchItem {
    let Switch { scope, stops, version, since, note } = switch;
    structs::SwitchItem {
        id: scope.id(),
        since: since.0,
        version: *version,
        scope: scope.number(),
        stops: stops.bits(),
        note: text(note),
    }
}
