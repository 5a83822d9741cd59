//! Tells systemd how the server is, where systemd asked to hear it (`Type=notify`).

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The socket named by `NOTIFY_SOCKET`, if there is one.
#[derive(Debug)]
pub struct Notifier(Option<(UnixDatagram, SocketAddr)>);

impl Notifier {
    /// Looks at the environment. A socket that cannot be used is told in the log and then left alone.
    pub fn from_environment() -> Notifier {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return Notifier(None) };
        let address = match name.as_bytes() {
            [b'@', abstract_name @ ..] => SocketAddr::from_abstract_name(abstract_name),
            _ => SocketAddr::from_pathname(&name),
        };
        let socket = address.and_then(|address| Ok((UnixDatagram::unbound()?, address)));
        Notifier(socket.inspect_err(|why| tracing::warn!("NOTIFY_SOCKET cannot be used: {why}")).ok())
    }

    /// The server takes orders.
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={status}\n"));
    }

    /// The server drains.
    pub fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=draining\n");
    }

    fn send(&self, state: &str) {
        let Some((socket, address)) = &self.0 else { return };
        if let Err(why) = socket.send_to_addr(state.as_bytes(), address) {
            tracing::warn!("systemd does not hear us: {why}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemd_hears_ready_and_stopping() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        let address = SocketAddr::from_pathname(&path).unwrap();
        let notifier = Notifier(Some((UnixDatagram::unbound().unwrap(), address)));
        let mut heard = [0; 100];
        notifier.ready("on port 1");
        let bytes = systemd.recv(&mut heard).unwrap();
        assert_eq!(&heard[..bytes], b"READY=1\nSTATUS=on port 1\n");
        notifier.stopping();
        let bytes = systemd.recv(&mut heard).unwrap();
        assert_eq!(&heard[..bytes], b"STOPPING=1\nSTATUS=draining\n");
    }
}
