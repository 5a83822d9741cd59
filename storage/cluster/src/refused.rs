//! A refusal as it is kept in a key row.

use domain::{Reason, Refusal};

/// Its bytes.
pub(crate) fn put_refusal(refusal: &Refusal) -> Vec<u8> {
    let Refusal { reason, line, asked, there } = *refusal; // no `..`: a new field stops the build here
    let mut bytes = vec![reason.number()];
    bytes.extend(line.to_le_bytes());
    bytes.extend(asked.to_le_bytes());
    bytes.extend(there.to_le_bytes());
    bytes
}

/// The opposite of [`put_refusal`]; nothing where the bytes are not of it.
pub(crate) fn take_refusal(bytes: &[u8]) -> Option<Refusal> {
    let (&[reason], rest) = bytes.split_first_chunk()?;
    let (line, rest) = rest.split_first_chunk()?;
    let (asked, rest) = rest.split_first_chunk()?;
    let there = rest.try_into().ok()?;
    Some(Refusal {
        reason: Reason::from_number(reason)?,
        line: u32::from_le_bytes(*line),
        asked: i64::from_le_bytes(*asked),
        there: i64::from_le_bytes(there),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_as_it_was_kept() {
        for reason in Reason::ALL {
            let refusal = Refusal::of(reason).at_line(3).with(-5, i64::MAX);
            let bytes = put_refusal(&refusal);
            assert!(bytes.len() <= crate::mysql::REFUSAL_BYTES_MAX);
            assert_eq!(take_refusal(&bytes), Some(refusal));
            assert_eq!(take_refusal(&bytes[1..]), None);
        }
    }
}
