//! The program that end-to-end tests run: the same as `tidegate`, built with the tests, so never an old one.

use std::process::ExitCode;

fn main() -> ExitCode {
    tidegate::main()
}
