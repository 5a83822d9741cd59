//! A server for one example: `tidegate serve` on a free port, in a temporary folder that goes with it.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The variable that hands the gateway's key to the server.
const KEY_VARIABLE: &str = "TIDEGATE_EXAMPLE_KEY";

/// Ends with this value.
pub struct OwnServer {
    child: Child,
    address: String,
    folder: PathBuf,
}

impl OwnServer {
    /// Starts this program, or else the one that cargo builds beside the example. Gateway 1 signs with `key`.
    pub fn start(tidegate: Option<PathBuf>, key: &str) -> Result<OwnServer, Box<dyn Error>> {
        let program = tidegate.map_or_else(beside_this, Ok)?;
        let folder = std::env::temp_dir().join(format!("tidegate-order-lifecycle-{}", std::process::id()));
        std::fs::create_dir(&folder)?;
        let config = folder.join("tidegate.toml");
        let gateways = format!("[payments]\ngateways = [{{ id = 1, key_env = \"{KEY_VARIABLE}\" }}]\n");
        std::fs::write(&config, gateways)?;
        let child = Command::new(&program)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder.join("data"))
            .arg("--config")
            .arg(config)
            .env(KEY_VARIABLE, key)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|why| format!("{} does not start: {why}", program.display()))?;
        let mut server = OwnServer { child, address: String::new(), folder };
        server.address = server.ready_address()?;
        Ok(server)
    }

    /// Where it listens, host:port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Reads what it says up to its ready line, which names the address.
    fn ready_address(&mut self) -> Result<String, Box<dyn Error>> {
        let mut said = BufReader::new(self.child.stderr.take().expect("stderr is piped"));
        let (mut line, mut all) = (String::new(), String::new());
        while said.read_line(&mut line)? > 0 {
            let address = line.split_once(" ready on ").and_then(|(_, behind)| behind.split(": ").next());
            if let Some(address) = address {
                let address = address.to_owned();
                // Read on, so that the server never waits for a full pipe.
                std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
                return Ok(address);
            }
            all += &std::mem::take(&mut line);
        }
        Err(format!("the server does not get ready: {all}").into())
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The server's program in the folder that the example was built into. Under `cargo run` it is brought up to date.
fn beside_this() -> Result<PathBuf, Box<dyn Error>> {
    let example = std::env::current_exe()?;
    let folder = example.parent().and_then(Path::parent).ok_or("the example lies in no folder")?;
    if let Some(cargo) = std::env::var_os("CARGO") {
        let profile = if folder.ends_with("release") { "release" } else { "dev" };
        let built =
            Command::new(cargo).args(["build", "--package", "tidegate", "--profile", profile]).status()?;
        if !built.success() {
            return Err("the server cannot be built".into());
        }
    }
    let program = folder.join("tidegate").with_extension(std::env::consts::EXE_EXTENSION);
    if !program.exists() {
        let name = program.display();
        return Err(format!("{name} is not there: `cargo build --release`, or name one by --tidegate").into());
    }
    Ok(program)
}
