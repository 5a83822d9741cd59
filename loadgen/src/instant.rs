//! Times as people write them: RFC 3339, read and printed. Microseconds since 1970, UTC.

/// Reads `1997-01-31T23:59:59Z`, with a fraction of a second and an offset where there is one. Nothing: it is no
/// such time, or no day of the calendar.
pub fn parse_rfc3339_us(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() < 20 || !text.is_ascii() {
        return None;
    }
    let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    let separated = separators.iter().all(|&(at, byte)| bytes[at] == byte);
    if !separated || !matches!(bytes[10], b'T' | b't' | b' ') {
        return None;
    }
    let [year, month, day] = [digits(&text[..4])?, digits(&text[5..7])?, digits(&text[8..10])?];
    let [hour, minute, second] = [digits(&text[11..13])?, digits(&text[14..16])?, digits(&text[17..19])?];
    let in_range = (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
    if !in_range || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (fraction_us, zone) = parse_fraction(&text[19..])?;
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some((seconds - parse_offset_seconds(zone)?) * 1_000_000 + fraction_us)
}

/// Prints an instant as `1997-01-31T23:59:59Z`; the fraction of the second is left out.
pub fn rfc3339(at_us: i64) -> String {
    let seconds = at_us.div_euclid(1_000_000);
    let (year, month, day) = date_of(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn digits(text: &str) -> Option<i64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Microseconds of `.25…`, and what stands behind it.
fn parse_fraction(text: &str) -> Option<(i64, &str)> {
    let Some(rest) = text.strip_prefix('.') else { return Some((0, text)) };
    let end = rest.bytes().position(|byte| !byte.is_ascii_digit())?;
    if end == 0 {
        return None;
    }
    let six = rest[..end].bytes().chain(std::iter::repeat(b'0')).take(6);
    Some((six.fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0')), &rest[end..]))
}

fn parse_offset_seconds(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hour, minute) = zone[1..].split_once(':')?;
    if hour.len() != 2 || minute.len() != 2 {
        return None;
    }
    let (hour, minute) = (digits(hour)?, digits(minute)?);
    (hour < 24 && minute < 60).then_some(sign * (hour * 3_600 + minute * 60))
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar. Years begin in March here, so that the leap day is
/// the last one of its year and needs no case of its own.
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + day_of_year - DAYS_TO_1970
}

/// From the first of March of year 0.
const DAYS_TO_1970: i64 = 719_468;

/// The other way round: the year that begins in March and holds the day, then month and day in it.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_TO_1970;
    // 146,097 days are 400 years, exactly. The estimate is at most one year too late.
    let mut year = (days * 400).div_euclid(146_097) + 1;
    while days_since_1970(year, 3, 1) + DAYS_TO_1970 > days {
        year -= 1;
    }
    let day_of_year = days - (days_since_1970(year, 3, 1) + DAYS_TO_1970);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let check =
            |text: &str, expected: Option<i64>| assert_eq!(parse_rfc3339_us(text), expected, "{text}");
        check("1970-01-01T00:00:00Z", Some(0));
        check("1997-01-01T00:00:00Z", Some(852_076_800_000_000));
        check("2024-02-29T12:30:15.25Z", Some(1_709_209_815_250_000));
        check("2024-02-29T12:30:15.1234567Z", Some(1_709_209_815_123_456));
        check("1970-01-01T01:00:00+01:00", Some(0));
        check("1969-12-31T23:59:59Z", Some(-1_000_000));
        check("2023-02-29T00:00:00Z", None);
        check("1997-01-01", None);
        check("1997-01-01T24:00:00Z", None);
        check("1997-01-01T00:00:00", None);
        check("1997-01-01T00:00:00.Z", None);
        check("1997-01-01T00:00:00+1:00", None);
        check("+997-01-01T00:00:00Z", None);
    }

    #[test]
    fn every_day_of_a_thousand_years_prints_and_reads_back() {
        for day in (-200_000..200_000_i64).step_by(7) {
            let at_us = (day * 86_400 + 3_723) * 1_000_000;
            assert_eq!(parse_rfc3339_us(&rfc3339(at_us)), Some(at_us), "{}", rfc3339(at_us));
        }
    }
}
