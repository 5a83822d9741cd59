//! Instants, and how people write them (RFC 3339, in UTC).

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An instant: microseconds since 1970-01-01, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MicrosUtc(pub i64);

/// The text is no instant like `2026-11-21T12:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time like 2026-11-21T12:00:00Z")]
pub struct NotATime;

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

impl MicrosUtc {
    /// The wall clock of this machine. The server judges by its own.
    pub fn now() -> MicrosUtc {
        SystemTime::now().into()
    }

    /// The instant so much later; stays at the end of time instead of passing it.
    #[must_use]
    pub fn after(self, span: Duration) -> MicrosUtc {
        MicrosUtc(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl From<SystemTime> for MicrosUtc {
    fn from(time: SystemTime) -> MicrosUtc {
        let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => MicrosUtc(micros(after)),
            Err(before) => MicrosUtc(-micros(before.duration())),
        }
    }
}

/// `2026-11-21T12:00:00.25Z`; the fraction only where there is one.
impl fmt::Display for MicrosUtc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0.div_euclid(MICROS_PER_SECOND), self.0.rem_euclid(MICROS_PER_SECOND));
        let (year, month, day) = civil_of_days(seconds.div_euclid(SECONDS_PER_DAY));
        let of_day = seconds.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        if micros != 0 {
            text.push_str(format!(".{micros:06}").trim_end_matches('0'));
        }
        text.push('Z');
        f.pad(&text)
    }
}

/// Reads what [`fmt::Display`] writes: years 1970 to 9999, `Z` only (other offsets are easily mistaken).
impl FromStr for MicrosUtc {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<MicrosUtc, NotATime> {
        let text = text.strip_suffix(['Z', 'z']).ok_or(NotATime)?;
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let bytes = whole.as_bytes();
        if bytes.len() != 19
            || [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')].iter().any(|(at, is)| bytes[*at] != *is)
        {
            return Err(NotATime);
        }
        if !matches!(bytes[10], b'T' | b't' | b' ') {
            return Err(NotATime);
        }
        let number = |from: usize, to: usize| digits(bytes.get(from..to).unwrap_or_default());
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        if year < 1970 || hour > 23 || minute > 59 || second > 59 || fraction.len() > 6 || fraction.is_empty()
        {
            return Err(NotATime);
        }
        let days = days_of_civil(year, month, day);
        // A day that the month does not have comes back as another one.
        if civil_of_days(days) != (year, month, day) {
            return Err(NotATime);
        }
        let micros = digits(format!("{fraction:0<6}").as_bytes())?;
        let seconds = days * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second;
        Ok(MicrosUtc(seconds * MICROS_PER_SECOND + micros))
    }
}

fn digits(text: &[u8]) -> Result<i64, NotATime> {
    text.iter().try_fold(0, |number, digit| match digit {
        b'0'..=b'9' => Ok(number * 10 + i64::from(digit - b'0')),
        _ => Err(NotATime),
    })
}

/// Year, month and day of a day counted from 1970-01-01. Years begin in March here, so that the leap day is the
/// last one and every month's start is a line through the five-month pattern 153.
fn civil_of_days(days: i64) -> (i64, i64, i64) {
    let from_0000_03_01 = days + 719_468;
    let era = from_0000_03_01.div_euclid(146_097);
    let of_era = from_0000_03_01.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// The way back.
fn days_of_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_as_rfc_3339() {
        let check = |micros: i64, text: &str| {
            assert_eq!(MicrosUtc(micros).to_string(), text);
            assert_eq!(text.parse(), Ok(MicrosUtc(micros)), "{text}");
        };
        check(0, "1970-01-01T00:00:00Z");
        check(951_782_400_000_000, "2000-02-29T00:00:00Z");
        check(1_704_067_199_999_999, "2023-12-31T23:59:59.999999Z");
        check(1_704_067_200_250_000, "2024-01-01T00:00:00.25Z");
        check(253_402_300_799_000_000, "9999-12-31T23:59:59Z");
        assert_eq!(MicrosUtc(-1).to_string(), "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in [
            "",
            "Z",
            "2026-11-21",
            "2026-11-21T12:00:00",
            "2026-11-21T12:00:00+01:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-10T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T12:00:00.Z",
            "2026-11-21T12:00:00.1234567Z",
            "2026-11-21T12:00:0éZ",
            "2026/11/21T12:00:00Z",
        ] {
            assert_eq!(bad.parse::<MicrosUtc>(), Err(NotATime), "{bad}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        for day in 0..146_097 {
            let (year, month, date) = civil_of_days(day);
            assert_eq!(days_of_civil(year, month, date), day);
        }
    }
}
