//! The Python client against the real server: its own example, which checks what it reads.

use std::path::Path;
use std::process::Command;

use e2e::Server;

#[test]
fn the_python_client_places_holds_and_cancels_orders() {
    example_says("place_order.py", "cancelled, 10 units to sell again");
}

#[test]
fn the_python_client_follows_events() {
    example_says("follow_events.py", "every event came once and in order");
}

fn example_says(example: &str, expected: &str) {
    let server = Server::start(env!("CARGO_BIN_EXE_tidegate-under-test"));
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/python/examples").join(example);
    // No bytecode: a test run leaves nothing behind in the tree.
    let mut python = Command::new("python3");
    let ran = python.arg("-B").arg(example).arg(server.address()).output();
    let ran = ran.expect("python3 is installed: on Debian `apt-get install python3`");
    let (said, wrong) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{said}{wrong}");
    assert!(said.contains(expected), "{said}");
}
