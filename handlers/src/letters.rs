//! DEAD_LETTERS from the wire and back.

use domain::intent::{LetterEnd, LetterList, LetterPark};
use domain::letter::{DeadLetter, LETTER_REASON_BYTES_MAX, LetterReason};
use domain::{CursorName, Intent, RequestId};
use protocol::{Header, messages, parse, structs, text};

use crate::reads::page;
use crate::refused::Refused;

/// What DEAD_LETTERS is asked to do.
const READ: u8 = 0;
const PARK: u8 = 1;
const RETRY: u8 = 2;
const DROP: u8 = 3;

/// DEAD_LETTERS as an intent. `room` is where its reason lies, `durable` the last position that there is.
pub(crate) fn dead_letters<'a>(
    header: &Header,
    body: &[u8],
    room: &'a mut [u8; LETTER_REASON_BYTES_MAX],
) -> Result<Intent<'a>, Refused> {
    let structs::DeadLettersHead { request, subscriber, reason, position, partition, limit, action } =
        parse::<messages::DeadLetters>(header, body)?.head;
    if partition != 0 {
        return Err(Refused::field("partition"));
    }
    let request = RequestId(request);
    let named = || CursorName::parse(subscriber).ok_or(Refused::field("subscriber"));
    *room = reason;
    let length = reason.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    match action {
        READ if request != RequestId(0) => Err(Refused::field("request")),
        READ if length != 0 => Err(Refused::field("reason")),
        READ => {
            let from_the_beginning = subscriber == [0; 32] && position == 0;
            let after = if from_the_beginning { None } else { Some((named()?, position)) };
            Ok(Intent::LetterList(LetterList { after, limit: page(limit)? }))
        }
        _ if limit != 0 => Err(Refused::field("limit")),
        PARK => {
            let reason = LetterReason::parse(&room[..length]).ok_or(Refused::field("reason"))?;
            if position == 0 {
                return Err(Refused::field("position"));
            }
            Ok(Intent::LetterPark(LetterPark { request, subscriber: named()?, position, reason }))
        }
        RETRY | DROP if length != 0 => Err(Refused::field("reason")),
        RETRY | DROP => {
            let retry = action == RETRY;
            Ok(Intent::LetterEnd(LetterEnd { request, subscriber: named()?, position, retry }))
        }
        _ => Err(Refused::field("action")),
    }
}

/// A letter as an item.
pub(crate) fn letter_to_wire(letter: &DeadLetter) -> structs::DeadLetter {
    let DeadLetter { subscriber, position, at, reason } = letter;
    structs::DeadLetter {
        subscriber: *subscriber.as_padded(),
        reason: text(reason),
        position: *position,
        at: at.0,
        partition: 0,
    }
}
