//! Where answers go: what a gateway needs of whoever owns the sockets.

/// Names a connection. A slot is used again, a name never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    /// Place in the owner's table, below [`crate::Bounds::connections`].
    pub slot: u32,
    /// How often the place was used before.
    pub generation: u32,
}

/// Takes bytes to the connections. A connection that is gone takes nothing, and that is no error: its end is
/// told by [`crate::Gateway::closed`].
pub trait Outlet {
    /// Takes the bytes of whole frames; the owner cuts off a client that lets too many pile up.
    fn write(&mut self, client: Client, bytes: &[u8]);

    /// Bytes written to a client that have not left yet; 0 for one that is gone.
    fn queued_bytes(&mut self, client: Client) -> usize;

    /// Takes nothing more from a client, and closes it when what was written to it has left.
    fn close(&mut self, client: Client);
}
