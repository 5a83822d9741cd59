//! Tells systemd how the server is, where systemd asked to hear it (`Type=notify`).

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use super::watch::watchdog;

/// The socket named by `NOTIFY_SOCKET`, if there is one.
#[derive(Debug)]
pub struct Notifier {
    systemd: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// Looks at the environment. A socket that cannot be used is told in the log and then left alone.
    pub fn from_environment() -> Notifier {
        let variable = |name| std::env::var(name).ok();
        let (usec, pid) = (variable("WATCHDOG_USEC"), variable("WATCHDOG_PID"));
        let watchdog = watchdog(usec.as_deref(), pid.as_deref(), std::process::id());
        let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
            return Notifier { systemd: None, watchdog: None };
        };
        let address = match name.as_bytes() {
            [b'@', abstract_name @ ..] => SocketAddr::from_abstract_name(abstract_name),
            _ => SocketAddr::from_pathname(&name),
        };
        let socket = address.and_then(|address| Ok((UnixDatagram::unbound()?, address)));
        let systemd = socket.inspect_err(|why| tracing::warn!("NOTIFY_SOCKET cannot be used: {why}")).ok();
        Notifier { systemd, watchdog }
    }

    /// The server takes orders.
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={status}\n"));
    }

    /// All threads of the server go on.
    pub fn alive(&self) {
        self.send("WATCHDOG=1\n");
    }

    /// How long systemd waits for [`Notifier::alive`], if it does.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// The server drains.
    pub fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=draining\n");
    }

    fn send(&self, state: &str) {
        let Some((socket, address)) = &self.systemd else { return };
        if let Err(why) = socket.send_to_addr(state.as_bytes(), address) {
            tracing::warn!("systemd does not hear us: {why}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemd_hears_of_every_stage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        let address = SocketAddr::from_pathname(&path).unwrap();
        let systemd_socket = Some((UnixDatagram::unbound().unwrap(), address));
        let notifier = Notifier { systemd: systemd_socket, watchdog: None };
        let mut heard = [0; 100];
        notifier.ready("on port 1");
        let bytes = systemd.recv(&mut heard).unwrap();
        assert_eq!(&heard[..bytes], b"READY=1\nSTATUS=on port 1\n");
        notifier.alive();
        let bytes = systemd.recv(&mut heard).unwrap();
        assert_eq!(&heard[..bytes], b"WATCHDOG=1\n");
        notifier.stopping();
        let bytes = systemd.recv(&mut heard).unwrap();
        assert_eq!(&heard[..bytes], b"STOPPING=1\nSTATUS=draining\n");
    }
}
