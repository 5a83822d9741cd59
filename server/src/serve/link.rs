//! Small joints: the gateway's outlet over the reactor's output, names of connections, and what wakes whom.

use handlers::{Client, Outlet};
use reactor::{Connection, Doorbell, Output};
use storage::Ring;

/// The gateway's way out.
pub(super) struct Out<'a>(pub(super) &'a mut Output);

impl Outlet for Out<'_> {
    fn write(&mut self, client: Client, bytes: &[u8]) {
        // Gone or cut off: `closed` tells the gateway, and there is nobody left to tell about the bytes.
        let _ = self.0.write(connection(client), bytes);
    }

    fn queued_bytes(&mut self, client: Client) -> usize {
        self.0.queued_bytes(connection(client))
    }

    fn close(&mut self, client: Client) {
        self.0.close(connection(client));
    }
}

/// The reactor's name as the gateway's.
pub(super) const fn client(connection: Connection) -> Client {
    let Connection { slot, generation } = connection;
    Client { slot, generation }
}

const fn connection(client: Client) -> Connection {
    let Client { slot, generation } = client;
    Connection { slot, generation }
}

/// What became of bytes, in the reactor's words.
pub(super) const fn received(taken: handlers::Taken) -> reactor::Received {
    match taken {
        handlers::Taken::Bytes(bytes) => reactor::Received::Taken(bytes),
        handlers::Taken::Close => reactor::Received::Close,
    }
}

/// Wakes a reactor's thread for the store.
pub(super) struct Bell(pub(super) Doorbell);

impl Ring for Bell {
    fn ring(&self) {
        self.0.ring();
    }
}
