//! Writes the golden vectors into `protocol/vectors/`: `cargo run -p protocol --example vectors`
//!
//! A changed line in a file that was there before is an incompatible change of the wire: clients that exist would
//! break. New files and new cases are none.

#[path = "../support/mod.rs"]
mod support;

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    std::fs::create_dir_all(&folder)?;
    for file in support::files() {
        std::fs::write(folder.join(file.name), file.text)?;
    }
    Ok(())
}
