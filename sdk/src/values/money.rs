//! Money: whole minor units of a currency. Nothing here adds up: sums are the server's to make.

use std::fmt;

/// ISO 4217 numeric code of a currency: 978 is the euro. 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(pub u16);

/// So many minor units of a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    /// In the currency's smallest unit (cents, for most).
    pub minor_units: i64,
    /// Which currency.
    pub currency: Currency,
}

/// Number, letters and digits behind the point of the currencies that people ask for. All others work, too, and
/// are shown by their number.
const KNOWN: &[(u16, &str, u32)] = &[
    (36, "AUD", 2),
    (48, "BHD", 3),
    (124, "CAD", 2),
    (152, "CLP", 0),
    (156, "CNY", 2),
    (203, "CZK", 2),
    (208, "DKK", 2),
    (344, "HKD", 2),
    (348, "HUF", 2),
    (352, "ISK", 0),
    (356, "INR", 2),
    (360, "IDR", 2),
    (376, "ILS", 2),
    (392, "JPY", 0),
    (400, "JOD", 3),
    (410, "KRW", 0),
    (414, "KWD", 3),
    (458, "MYR", 2),
    (484, "MXN", 2),
    (554, "NZD", 2),
    (578, "NOK", 2),
    (608, "PHP", 2),
    (682, "SAR", 2),
    (702, "SGD", 2),
    (704, "VND", 0),
    (710, "ZAR", 2),
    (752, "SEK", 2),
    (756, "CHF", 2),
    (764, "THB", 2),
    (784, "AED", 2),
    (826, "GBP", 2),
    (840, "USD", 2),
    (901, "TWD", 2),
    (946, "RON", 2),
    (949, "TRY", 2),
    (978, "EUR", 2),
    (985, "PLN", 2),
    (986, "BRL", 2),
];

impl Currency {
    /// The euro.
    pub const EUR: Currency = Currency(978);
    /// The US dollar.
    pub const USD: Currency = Currency(840);
    /// The pound sterling.
    pub const GBP: Currency = Currency(826);
    /// The renminbi.
    pub const CNY: Currency = Currency(156);
    /// The yen.
    pub const JPY: Currency = Currency(392);

    /// The currency of these three letters, or of this number.
    pub fn parse(text: &str) -> Option<Currency> {
        let by_letters = KNOWN.iter().find(|(_, letters, _)| letters.eq_ignore_ascii_case(text));
        match by_letters {
            Some((number, ..)) => Some(Currency(*number)),
            None => text.parse().ok().filter(|number| (1..=999).contains(number)).map(Currency),
        }
    }

    fn known(self) -> Option<(&'static str, u32)> {
        let at = KNOWN.binary_search_by_key(&self.0, |(number, ..)| *number).ok()?;
        Some((KNOWN[at].1, KNOWN[at].2))
    }
}

impl Money {
    /// So many minor units: `Money::new(39_98, Currency::EUR)` is 39.98 EUR.
    pub const fn new(minor_units: i64, currency: Currency) -> Money {
        Money { minor_units, currency }
    }

    /// Reads an amount as people write it: `39.98` with at most the currency's digits behind the point. Whole minor
    /// units where those digits are not known. Nothing where it is no such number.
    pub fn parse(amount: &str, currency: Currency) -> Option<Money> {
        let digits = currency.known().map_or(0, |(_, digits)| digits as usize);
        let (whole, rest) = amount.split_once('.').unwrap_or((amount, ""));
        let written = whole.strip_prefix('-').unwrap_or(whole);
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let ends_in_point = amount.ends_with('.');
        if written.is_empty()
            || !is_number(written)
            || !is_number(rest)
            || rest.len() > digits
            || ends_in_point
        {
            return None;
        }
        format!("{whole}{rest:0<digits$}").parse().ok().map(|minor_units| Money { minor_units, currency })
    }
}

/// Three letters, or the number of a currency that has none here.
impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known() {
            Some((letters, _)) => f.pad(letters),
            None => f.pad(&self.0.to_string()),
        }
    }
}

/// `39.98 EUR`; `3998 minor units of 999` where the digits of the currency are not known.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.currency.known() {
            Some((letters, 0)) => format!("{} {letters}", self.minor_units),
            Some((letters, digits)) => {
                let (unit, sign) = (10_u64.pow(digits), if self.minor_units < 0 { "-" } else { "" });
                let (whole, rest) =
                    (self.minor_units.unsigned_abs() / unit, self.minor_units.unsigned_abs() % unit);
                format!("{sign}{whole}.{rest:0digits$} {letters}", digits = digits as usize)
            }
            None => format!("{} minor units of {}", self.minor_units, self.currency),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_shown_with_the_digits_of_its_currency() {
        let shown = |minor_units, currency| Money::new(minor_units, currency).to_string();
        assert_eq!(shown(39_98, Currency::EUR), "39.98 EUR");
        assert_eq!(shown(-5, Currency::USD), "-0.05 USD");
        assert_eq!(shown(500, Currency::JPY), "500 JPY");
        assert_eq!(shown(1_500, Currency(414)), "1.500 KWD");
        assert_eq!(shown(7, Currency(999)), "7 minor units of 999");
        assert_eq!(shown(i64::MIN, Currency::EUR), "-92233720368547758.08 EUR");
    }

    #[test]
    fn amounts_are_read_as_they_are_written() {
        let read = |amount, currency| Money::parse(amount, currency).map(|money| money.minor_units);
        assert_eq!(read("39.98", Currency::EUR), Some(39_98));
        assert_eq!(read("39.9", Currency::EUR), Some(39_90));
        assert_eq!(read("-0.05", Currency::EUR), Some(-5));
        assert_eq!(read("40", Currency::EUR), Some(40_00));
        assert_eq!(read("500", Currency::JPY), Some(500));
        assert_eq!(read("7", Currency(999)), Some(7));
        for bad in ["", "-", ".5", "5.", "1.234", "1,50", "1e3", "+1", "--1", "1.-5", "99999999999999999999"]
        {
            assert_eq!(read(bad, Currency::EUR), None, "{bad}");
        }
        assert_eq!(read("5.0", Currency::JPY), None);
    }

    #[test]
    fn currencies_are_found_by_letters_and_by_number() {
        assert!(KNOWN.is_sorted_by_key(|(number, ..)| *number));
        assert_eq!(Currency::parse("eur"), Some(Currency::EUR));
        assert_eq!(Currency::parse("978"), Some(Currency::EUR));
        assert_eq!(
            (Currency::parse("0"), Currency::parse("EU"), Currency::parse("70000")),
            (None, None, None)
        );
    }
}
