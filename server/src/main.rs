//! The `tidegate` binary. All of it is in the library, so that tests can build the same program.

use std::process::ExitCode;

/// The ledger's tables are looked at all over: with pages of 2 MiB deciding an order takes two thirds of the time.
#[global_allocator]
static MEMORY: reactor::HugePages = reactor::HugePages;

fn main() -> ExitCode {
    tidegate::main()
}
