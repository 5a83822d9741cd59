//! The configuration: one typed value, read from TOML and the environment, printed with its comments.
//!
//! Each key stands once, in the `sections!` table below: its comment is the rustdoc and the comment in the
//! printed TOML, its default is the code's. Here is no meaning: who uses a value judges it.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cli::BadUsage;

/// Defines the sections, the whole [`Config`], and the walk over all keys that reading and printing share.
macro_rules! sections {
    ($( $(#[doc = $section_doc:literal])+ $section:ident: $Section:ident {
        $( $(#[doc = $doc:literal])+ $key:ident: $Type:ty = $default:expr, )+
    } )+) => {
        $(
            $(#[doc = $section_doc])+
            #[derive(Clone, Debug, PartialEq)]
            pub struct $Section { $( $(#[doc = $doc])+ pub $key: $Type, )+ }

            impl Default for $Section {
                fn default() -> Self {
                    Self { $( $key: $default, )+ }
                }
            }
        )+

        /// The whole configuration.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Config { $( $(#[doc = $section_doc])+ pub $section: $Section, )+ }

        impl Config {
            /// Every section and key, in the order in which they are printed.
            pub const KEYS: &[(&str, &[&str])] = &[ $( (stringify!($section), &[ $( stringify!($key), )+ ]), )+ ];

            /// The whole configuration as TOML: each key with its comment and this value.
            pub fn to_toml(&self) -> String {
                let mut text = String::new();
                $(
                    comment(&mut text, &[ $( $section_doc, )+ ]);
                    let _ = writeln!(text, "[{}]", stringify!($section));
                    $(
                        comment(&mut text, &[ $( $doc, )+ ]);
                        assign(&mut text, stringify!($key), &self.$section.$key);
                    )+
                    text.push('\n');
                )+
                text
            }

            /// Sets one key. The caller has looked it up in [`Config::KEYS`].
            fn set(&mut self, section: &str, key: &str, value: toml::Value) -> Result<(), toml::de::Error> {
                match (section, key) {
                    $( $( (stringify!($section), stringify!($key)) => {
                        self.$section.$key = Deserialize::deserialize(value)?;
                    } )+ )+
                    _ => unreachable!("{section}.{key} was looked up in KEYS"),
                }
                Ok(())
            }
        }
    };
}

sections! {
    /// Where the server is reached.
    server: Server {
        /// Address and port to listen on. Port 0 takes a free one, named in the ready line.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 7171)),
    }

    /// Where orders live.
    store: Store {
        /// Which house stands behind the door: "embedded" keeps all in this process and its data folder.
        mode: StoreMode = StoreMode::Embedded,
        /// The data folder. Made where it is missing; one process at a time uses it.
        data: PathBuf = PathBuf::from("tidegate-data"),
    }
}

/// Which store serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreMode {
    /// Engine and journal in this process.
    Embedded,
}

impl Config {
    /// The defaults, overruled by the file (if one is named), overruled by the environment.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Config> {
        let mut config = Config::default();
        if let Some(file) = file {
            let text = std::fs::read_to_string(file).map_err(|why| {
                BadUsage(format!("the configuration {} cannot be read: {why}", file.display()))
            })?;
            config
                .overrule_by_toml(&text)
                .map_err(|why| BadUsage(format!("the configuration {} is wrong: {why}", file.display())))?;
        }
        config.overrule_by_environment(std::env::vars())?;
        Ok(config)
    }

    /// Takes over what a TOML text says. An unknown section or key is an error that names the nearest known one.
    pub fn overrule_by_toml(&mut self, text: &str) -> Result<(), BadUsage> {
        let table: toml::Table = text.parse().map_err(|why: toml::de::Error| BadUsage(in_one_line(&why)))?;
        for (section, value) in table {
            let keys = keys_of(&section)?;
            let toml::Value::Table(values) = value else {
                return Err(BadUsage(format!("«{section}» is a section: write [{section}]")));
            };
            for (key, value) in values {
                known(&key, keys, &format!("key in [{section}]"))?;
                self.set(&section, &key, value)
                    .map_err(|why| BadUsage(format!("{section}.{key}: {}", in_one_line(&why))))?;
            }
        }
        Ok(())
    }

    /// Takes over every variable `TIDEGATE_<SECTION>_<KEY>`; other variables are not looked at.
    pub fn overrule_by_environment(
        &mut self,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<(), BadUsage> {
        for (name, text) in variables {
            let Some((section, keys, key)) = section_and_key(&name) else { continue };
            known(&key, keys, &format!("key in {name}: [{section}]"))?;
            // What reads as a TOML value is one (numbers, booleans); all else is a string without its quotes.
            let parsed =
                format!("it = {text}").parse::<toml::Table>().ok().and_then(|mut it| it.remove("it"));
            let as_text = toml::Value::String(text);
            let tried = match parsed {
                Some(value) => self.set(section, &key, value).or_else(|_| self.set(section, &key, as_text)),
                None => self.set(section, &key, as_text),
            };
            tried.map_err(|why| BadUsage(format!("{name}: {}", in_one_line(&why))))?;
        }
        Ok(())
    }
}

/// The section that a variable's name begins with, its keys, and the rest of the name as a key.
fn section_and_key(variable: &str) -> Option<(&'static str, &'static [&'static str], String)> {
    let name = variable.strip_prefix("TIDEGATE_")?.to_ascii_lowercase();
    Config::KEYS.iter().find_map(|&(section, keys)| {
        let key = name.strip_prefix(section)?.strip_prefix('_')?;
        Some((section, keys, key.to_owned()))
    })
}

fn keys_of(section: &str) -> Result<&'static [&'static str], BadUsage> {
    let sections: Vec<&str> = Config::KEYS.iter().map(|(name, _)| *name).collect();
    known(section, &sections, "section")?;
    let (_, keys) = Config::KEYS.iter().find(|(name, _)| *name == section).expect("it is known");
    Ok(keys)
}

/// Refuses a name that is not in the list, and says which one was probably meant.
fn known(name: &str, list: &[&str], what: &str) -> Result<(), BadUsage> {
    if list.contains(&name) {
        return Ok(());
    }
    let nearest = list.iter().min_by_key(|known| strsim::damerau_levenshtein(name, known));
    let nearest = nearest.expect("no list of names is empty");
    Err(BadUsage(format!("«{name}» is no {what}; did you mean «{nearest}»?")))
}

fn in_one_line(why: &toml::de::Error) -> String {
    why.message().replace('\n', " ")
}

fn comment(text: &mut String, lines: &[&str]) {
    for line in lines {
        let _ = writeln!(text, "#{line}");
    }
}

fn assign(text: &mut String, key: &str, value: &impl Serialize) {
    let value = toml::Value::try_from(value).expect("every type in the table is a TOML value");
    let _ = writeln!(text, "{key} = {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(toml: &str) -> String {
        Config::default().overrule_by_toml(toml).expect_err("it is wrong").to_string()
    }

    fn from_environment(name: &str, value: &str) -> Result<Config, String> {
        let mut config = Config::default();
        let variables = [(name.to_owned(), value.to_owned())];
        config.overrule_by_environment(variables.into_iter()).map_err(|why| why.to_string())?;
        Ok(config)
    }

    #[test]
    fn the_printed_default_parses_back_to_the_default() {
        let mut config = Config::default();
        config.server.listen = SocketAddr::from(([0, 0, 0, 0], 1));
        config.overrule_by_toml(&Config::default().to_toml()).expect("it was printed by us");
        assert_eq!(config, Config::default());
    }

    #[test]
    fn every_key_is_printed_under_a_comment() {
        let text = Config::default().to_toml();
        let table: toml::Table = text.parse().expect("it is TOML");
        let lines: Vec<&str> = text.lines().collect();
        for (section, keys) in Config::KEYS {
            let printed = table[*section].as_table().expect("a section");
            assert_eq!(printed.len(), keys.len(), "[{section}]");
            for key in *keys {
                assert!(printed.contains_key(*key), "{section}.{key}");
                let starts = format!("{key} = ");
                let at = lines.iter().position(|line| line.starts_with(&starts)).expect("the key's line");
                assert!(lines[at - 1].starts_with("# "), "{section}.{key} has no comment");
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_what_was_meant() {
        for (toml, told) in [
            ("[server]\nlisten_to = 1", "«listen_to» is no key in [server]; did you mean «listen»?"),
            ("[sever]\nlisten = 1", "«sever» is no section; did you mean «server»?"),
            ("server = 1", "«server» is a section: write [server]"),
        ] {
            assert_eq!(refused(toml), told);
        }
        assert!(refused("[server]\nlisten = 7171").starts_with("server.listen: "));
        assert!(
            refused("[store]\nmode = \"cloud\"").contains("unknown variant `cloud`, expected `embedded`")
        );
        assert!(!refused("[server\n").contains('\n'));
    }

    #[test]
    fn the_environment_beats_the_file() {
        let config = from_environment("TIDEGATE_SERVER_LISTEN", "[::1]:9").expect("an address");
        assert_eq!(config.server.listen, "[::1]:9".parse::<SocketAddr>().expect("an address"));
        let config = from_environment("TIDEGATE_STORE_DATA", "7").expect("a path may look like a number");
        assert_eq!(config.store.data, PathBuf::from("7"));
        assert_eq!(from_environment("TIDEGATE_SEED", "7").expect("not ours"), Config::default());
        assert_eq!(
            from_environment("TIDEGATE_SERVER_LISTEM", "7").expect_err("a typo"),
            "«listem» is no key in TIDEGATE_SERVER_LISTEM: [server]; did you mean «listen»?"
        );
    }
}
