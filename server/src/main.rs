//! The `tidegate` binary. All of it is in the library, so that tests can build the same program.

use std::process::ExitCode;

fn main() -> ExitCode {
    tidegate::main()
}
