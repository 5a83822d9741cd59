//! Prints every table of `docs/WIRE.md` as it must stand there, or with `--write` puts the tables into the page and
//! into the Python client: `cargo run -q -p protocol --example wire_tables -- --write`

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use protocol::describe;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() != Some("--write") {
        for (name, table) in describe::tables() {
            print!("<!-- table: {name} -->\n{table}<!-- end -->\n\n");
        }
        return ExitCode::SUCCESS;
    }
    match write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn write() -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = root.join("docs/WIRE.md");
    let old = fs::read_to_string(&page).map_err(|error| format!("docs/WIRE.md: {error}"))?;
    let new = describe::page(&old)?;
    fs::write(page, new).map_err(|error| format!("docs/WIRE.md: {error}"))?;
    let tables = "sdk/python/tidegate/_tables.py";
    fs::write(root.join(tables), describe::python()).map_err(|error| format!("{tables}: {error}"))
}
