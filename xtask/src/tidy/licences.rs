//! Licences of all that we build with, by an allow-list. A choice («or») needs one that we allow, a sum («and»)
//! needs all.

use serde_json::Value;

use super::Findings;

const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0", // asks nothing of who passes binaries on; xxhash-rust, which the cold store's trees stand on
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Zlib",
];

pub fn check(metadata: &Value) -> Findings {
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let untidy = packages.iter().filter(|package| !package["license"].as_str().is_some_and(is_allowed));
    untidy
        .map(|package| {
            let (name, licence) = (&package["name"], &package["license"]);
            format!("Cargo.lock: {name} has the licence {licence}, which is not on our list: do without it")
        })
        .collect()
}

/// Judges an SPDX expression. What is not understood is not allowed.
fn is_allowed(expression: &str) -> bool {
    // «MIT/Apache-2.0» is how «or» was written once.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut words = words.as_slice();
    any_of(&mut words) == Some(true) && words.is_empty()
}

/// Nothing: not understood. So in the two below.
fn any_of(words: &mut &[&str]) -> Option<bool> {
    let mut allowed = all_of(words)?;
    while let Some(rest) = words.strip_prefix(&["OR"]) {
        *words = rest;
        // Not `||`: the other side is read either way.
        allowed |= all_of(words)?;
    }
    Some(allowed)
}

fn all_of(words: &mut &[&str]) -> Option<bool> {
    let mut allowed = one(words)?;
    while let Some(rest) = words.strip_prefix(&["AND"]) {
        *words = rest;
        allowed &= one(words)?;
    }
    Some(allowed)
}

fn one(words: &mut &[&str]) -> Option<bool> {
    match **words {
        ["(", ref rest @ ..] => {
            *words = rest;
            let allowed = any_of(words)?;
            *words = words.strip_prefix(&[")"])?;
            Some(allowed)
        }
        [licence, "WITH", exception, ref rest @ ..] => {
            *words = rest;
            Some(ALLOWED.contains(&format!("{licence} WITH {exception}").as_str()))
        }
        [licence, ref rest @ ..] => {
            *words = rest;
            Some(ALLOWED.contains(&licence))
        }
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn expressions_are_judged_as_spdx_means_them() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "MIT OR Apache-2.0 OR LGPL-2.1-or-later",
            "Unlicense OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert!(is_allowed(good), "{good}");
        }
        for bad in
            ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR GPL-3.0) AND MPL-2.0", "MIT OR", "(MIT", "MIT)", ""]
        {
            assert!(!is_allowed(bad), "{bad}");
        }
    }
}
