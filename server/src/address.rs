//! Addresses of servers with their passwords: used as they are, and shown without.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What stands for a password wherever an address is shown.
const HIDDEN: &str = "***";

/// The address of a server, `scheme://user:password@host:port/…`. Whatever prints it, be it the configuration, a log
/// or `{:?}`, prints [`HIDDEN`] for its passwords; [`Address::reveal`] is for who connects.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// As it was configured, password and all. Not for people's eyes.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether none was named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Address {
    fn from(text: &str) -> Address {
        Address(text.to_owned())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_passwords(&self.0))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.contains(HIDDEN) {
            let told = "the password was left out where this was printed: write it in again";
            return Err(serde::de::Error::custom(told));
        }
        Ok(Address(text))
    }
}

/// Hides too much rather than too little: what a password with an unescaped `@`, `/` or `?` would leave uncovered by
/// the rules of addresses is covered by these.
fn without_passwords(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    let rest = match rest.rsplit_once('@') {
        None => rest.to_owned(),
        Some((user, place)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:{HIDDEN}@{place}"),
            // Redis knows passwords without users.
            None if scheme.contains("redis") => format!("{HIDDEN}@{place}"),
            None => format!("{user}@{place}"),
        },
    };
    let shown: Vec<String> = rest.split('&').map(without_value).collect();
    let begins = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    format!("{begins}{}", shown.join("&"))
}

/// `sentinelPassword=…` and the like, in what follows the `?`.
fn without_value(part: &str) -> String {
    match part.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().ends_with("password") => format!("{name}={HIDDEN}"),
        _ => part.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Address::from(text).to_string()
    }

    #[test]
    fn no_password_is_ever_shown() {
        for (text, shows) in [
            ("mysql://shop:secret@db-1:3306/tidegate", "mysql://shop:***@db-1:3306/tidegate"),
            ("mysql://root@127.0.0.1:3306/tidegate", "mysql://root@127.0.0.1:3306/tidegate"),
            ("redis://127.0.0.1:6379", "redis://127.0.0.1:6379"),
            ("redis://:secret@127.0.0.1:6379/1", "redis://:***@127.0.0.1:6379/1"),
            ("redis://secret@127.0.0.1:6379", "redis://***@127.0.0.1:6379"),
            // None of these is right, and none is told.
            ("mysql://shop:sec/ret@db/tidegate", "mysql://shop:***@db/tidegate"),
            ("mysql://shop:s?e@c:ret@db/tidegate", "mysql://shop:***@db/tidegate"),
            ("shop:secret@db/tidegate", "shop:***@db/tidegate"),
            (
                "redis-sentinel://a:s@h:1?node=i:1&sentinelServiceName=x&sentinelPassword=t",
                "redis-sentinel://a:***@h:1?node=i:1&sentinelServiceName=x&sentinelPassword=***",
            ),
            ("redis-sentinel://h:1?sentinelPassword=t", "redis-sentinel://h:1?sentinelPassword=***"),
            ("", ""),
        ] {
            assert_eq!(shown(text), shows);
            assert!(!format!("{:?}", Address::from(text)).contains("secret"));
            assert_eq!(Address::from(text).reveal(), text);
        }
    }

    #[test]
    fn what_was_printed_is_not_taken_for_the_password() {
        let read = |text: &str| toml::Value::String(text.to_owned()).try_into::<Address>();
        assert_eq!(read("mysql://a:b@c/d").unwrap().reveal(), "mysql://a:b@c/d");
        let told = read("mysql://a:***@c/d").unwrap_err().to_string();
        assert!(told.contains("write it in again"), "{told}");
    }
}
