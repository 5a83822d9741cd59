//! Numbers as people read them.

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate or another number that is not whole, rounded and grouped: `1,234,567`.
pub fn rounded(number: f64) -> String {
    // Casts of floats saturate, and nothing here is negative.
    grouped(number.round() as u64)
}

/// Microseconds with a unit that keeps three digits: `312 µs`, `4.05 ms`, `1.20 s`.
pub fn span_us(us: f64) -> String {
    match us {
        us if us < 99.95 => format!("{us:.1} µs"),
        us if us < 999.5 => format!("{us:.0} µs"),
        us if us < 9_995.0 => format!("{:.2} ms", us / 1e3),
        us if us < 99_950.0 => format!("{:.1} ms", us / 1e3),
        us if us < 999_500.0 => format!("{:.0} ms", us / 1e3),
        us => format!("{:.2} s", us / 1e6),
    }
}

/// Bytes with a unit: `512 B`, `12.3 MB`. Decimal units.
pub fn bytes(count: u64) -> String {
    let count = count as f64;
    match count {
        count if count < 1e3 => format!("{count} B"),
        count if count < 1e6 => format!("{:.1} kB", count / 1e3),
        count if count < 1e9 => format!("{:.1} MB", count / 1e6),
        count => format!("{:.2} GB", count / 1e9),
    }
}

/// A share of a whole: `85.7 %`. A share that is there never shows as nothing.
pub fn percent(part: u64, whole: u64) -> String {
    let share = if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 };
    if part > 0 && share < 0.05 { "< 0.1 %".to_owned() } else { format!("{share:.1} %") }
}

/// `1 sku`, `4 skus`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        for (us, text) in [
            (0.0, "0.0 µs"),
            (99.96, "100 µs"),
            (312.4, "312 µs"),
            (999.6, "1.00 ms"),
            (4_051.0, "4.05 ms"),
            (9_996.0, "10.0 ms"),
            (99_960.0, "100 ms"),
            (1_200_000.0, "1.20 s"),
        ] {
            assert_eq!(span_us(us), text);
        }
        assert_eq!((bytes(512), bytes(12_345_678)), ("512 B".to_owned(), "12.3 MB".to_owned()));
        assert_eq!((percent(1, 3), percent(1, 1_000_000)), ("33.3 %".to_owned(), "< 0.1 %".to_owned()));
        assert_eq!(percent(0, 0), "0.0 %");
        assert_eq!((counted(1, "sku", "skus"), counted(0, "sku", "skus")), ("1 sku".into(), "0 skus".into()));
    }
}
