//! `tidegate serve`: the server.

use std::io::Read;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::cli::say;
use crate::config::Config;
use crate::serve::{Drainer, Notifier, Running, start};

/// Serve orders over TCP
///
/// One line on stderr says when it is ready. SIGTERM and SIGINT drain: no new orders, what was taken is answered,
/// then exit 0; a second signal ends at once.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: tidegate serve --listen 127.0.0.1:7171 --data ./orders
Example: tidegate config print --default > tidegate.toml && tidegate serve --config tidegate.toml")]
pub struct Serve {
    /// The TOML file to read first; TIDEGATE_<SECTION>_<KEY> of the environment beats it.
    #[arg(long, value_name = "FILE", env = "TIDEGATE_CONFIG")]
    config: Option<PathBuf>,
    /// Address and port; port 0 takes a free one [default: 127.0.0.1:7171].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// The data folder, made where it is missing [default: tidegate-data].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Start although the wall clock is more than five minutes behind the last order in the journal.
    #[arg(long)]
    accept_clock: bool,
}

impl Serve {
    /// Runs it until a signal comes.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let Serve { config, listen, data, accept_clock } = self;
        let mut config = Config::load(config.as_deref())?;
        if let Some(listen) = listen {
            config.server.listen = listen;
        }
        if let Some(data) = data {
            config.store.data = data;
        }
        config.store.accept_clock |= accept_clock;

        let drainer = Arc::new(OnceLock::new());
        hear_signals(Arc::clone(&drainer)).context("signals cannot be heard")?;
        let running = start(&config)?;
        let ready = ready_line(&running, &config);
        let notifier = Notifier::from_environment();
        say(&ready);
        notifier.ready(&ready);
        let _ = drainer.set((running.drainer(), notifier));
        running.wait()?;
        tracing::info!("drained; what was acknowledged is in the journal");
        Ok(ExitCode::SUCCESS)
    }
}

fn ready_line(running: &Running, config: &Config) -> String {
    format!(
        "tidegate {} ready on {}: embedded store in {}, {} orders, {}",
        env!("CARGO_PKG_VERSION"),
        running.address,
        config.store.data.display(),
        running.orders,
        running.seats(),
    )
}

/// Heard from before the store is opened: while the server still starts there is nothing to drain, and the process
/// ends at once.
fn hear_signals(drainer: Arc<OnceLock<(Drainer, Notifier)>>) -> std::io::Result<()> {
    let (mut heard, signalled) = UnixStream::pair()?;
    for signal in [SIGTERM, SIGINT] {
        signal_hook::low_level::pipe::register(signal, signalled.try_clone()?)?;
    }
    let hear = move || {
        let mut draining = false;
        // A signal writes a byte. The other end lives as long as the process, so this ends with it.
        while heard.read_exact(&mut [0]).is_ok() {
            match drainer.get() {
                Some((drainer, notifier)) if !draining => {
                    draining = true;
                    tracing::info!("draining; a second signal ends at once");
                    notifier.stopping();
                    drainer.drain();
                }
                Some(_) => std::process::exit(1),
                None => std::process::exit(0),
            }
        }
    };
    std::thread::Builder::new().name("tidegate-signals".to_owned()).spawn(hear).map(drop)
}
