//! The scripts, as files that `redis-cli` can load too. Each begins with a line that says what the server compares before
//! it runs it, so that none fails in its middle; then `scripts/shelf.lua`, then its own.

use fred::util::sha1_hash;

/// One step of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Script {
    Reserve,
    Finish,
    GiveBack,
    Judge,
    Return,
    Init,
    Catalogue,
    Look,
    Scan,
}

/// What takes memory is refused when there is none; what frees it is not; what only reads runs anywhere.
macro_rules! source {
    ($first_line:literal, $file:literal) => {
        concat!(
            $first_line,
            "\n",
            include_str!("scripts/shelf.lua"),
            include_str!(concat!("scripts/", $file))
        )
    };
}

impl Script {
    pub(super) const ALL: [Script; 9] = [
        Script::Reserve,
        Script::Finish,
        Script::GiveBack,
        Script::Judge,
        Script::Return,
        Script::Init,
        Script::Catalogue,
        Script::Look,
        Script::Scan,
    ];

    pub(super) const fn source(self) -> &'static str {
        match self {
            Script::Reserve => source!("#!lua", "reserve.lua"),
            Script::Finish => source!("#!lua flags=allow-oom", "finish.lua"),
            Script::GiveBack => source!("#!lua flags=allow-oom", "give_back.lua"),
            Script::Judge => source!("#!lua flags=allow-oom", "judge.lua"),
            Script::Return => source!("#!lua flags=allow-oom", "return.lua"),
            Script::Init => source!("#!lua", "init.lua"),
            Script::Catalogue => source!("#!lua flags=allow-oom", "catalogue.lua"),
            Script::Look => source!("#!lua flags=no-writes", "look.lua"),
            Script::Scan => source!("#!lua flags=no-writes", "scan.lua"),
        }
    }
}

/// The names under which servers keep the scripts.
#[derive(Debug)]
pub(super) struct Hashes([String; Script::ALL.len()]);

impl Hashes {
    pub(super) fn new() -> Hashes {
        Hashes(Script::ALL.map(|script| sha1_hash(script.source())))
    }

    pub(super) fn of(&self, script: Script) -> &str {
        &self.0[script as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_script_is_found_under_its_own_hash() {
        let hashes = Hashes::new();
        for script in Script::ALL {
            assert_eq!(hashes.of(script), sha1_hash(script.source()), "{script:?}");
        }
    }
}
