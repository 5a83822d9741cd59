//! `tidegate serve`: the server.

use std::io::Read;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::cli::say;
use crate::config::{Config, StoreCluster, StoreMode};
use crate::serve::{Drainer, Notifier, Running, start};

/// A server that still runs so long after its time to drain hangs.
const HUNG_AFTER: Duration = Duration::from_secs(5);

/// Serve orders over TCP
///
/// One line on stderr says when it is ready. SIGTERM and SIGINT drain: no new orders, what was taken is answered,
/// the journal is sealed, then exit 0. A second signal ends at once with exit 1, and so does a server that has not
/// ended 5 seconds after [server] drain_seconds: as behind a crash, the next start has all that was acknowledged.
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
        let drain_for = Duration::from_secs(u64::from(config.server.drain_seconds));
        hear_signals(Arc::clone(&drainer), drain_for + HUNG_AFTER).context("signals cannot be heard")?;
        let running = start(&config)?;
        let ready = ready_line(&running, &config);
        let notifier = Arc::new(Notifier::from_environment());
        say(&ready);
        notifier.ready(&ready);
        let (watch, told) = (running.watch(), Arc::clone(&notifier));
        std::thread::Builder::new()
            .name("tidegate-watch".to_owned())
            .spawn(move || watch.tell(&told))
            .context("a thread cannot be started: raise the limit of processes (ulimit -u)")?;
        let _ = drainer.set((running.drainer(), notifier));
        running.wait()?;
        tracing::info!("drained; what was acknowledged is there for good");
        Ok(ExitCode::SUCCESS)
    }
}

fn ready_line(running: &Running, config: &Config) -> String {
    let store = match config.store.mode {
        StoreMode::Embedded => {
            format!("embedded store in {}, {} orders", config.store.data.display(), running.orders)
        }
        StoreMode::Cluster => {
            let StoreCluster { redis, mysql, .. } = &config.store_cluster;
            format!("cluster store over {redis} and {} databases", mysql.len())
        }
    };
    let version = env!("CARGO_PKG_VERSION");
    format!("tidegate {version} ready on {}: {store}, {}", running.address, running.seats())
}

/// Heard from before the store is opened: while the server still starts there is nothing to drain, and the process
/// ends at once.
///
/// Whoever has not drained `within` this time hangs: the process ends without.
fn hear_signals(drainer: Arc<OnceLock<(Drainer, Arc<Notifier>)>>, within: Duration) -> std::io::Result<()> {
    let (mut heard, signalled) = UnixStream::pair()?;
    for signal in [SIGTERM, SIGINT] {
        signal_hook::low_level::pipe::register(signal, signalled.try_clone()?)?;
    }
    let hear = move || {
        let mut draining = false;
        // A signal writes a byte. The other end lives as long as the process, so only the time to drain ends this.
        while heard.read_exact(&mut [0]).is_ok() {
            match drainer.get() {
                Some((drainer, notifier)) if !draining => {
                    draining = true;
                    tracing::info!("draining; a second signal ends at once");
                    notifier.stopping();
                    drainer.drain();
                    // It is not zero, so it is taken.
                    let _ = heard.set_read_timeout(Some(within));
                }
                Some(_) => std::process::exit(1),
                None => std::process::exit(0),
            }
        }
        tracing::error!(
            "a thread hangs, so the server ends without draining; what was acknowledged is on disk"
        );
        std::process::exit(1)
    };
    std::thread::Builder::new().name("tidegate-signals".to_owned()).spawn(hear).map(drop)
}
