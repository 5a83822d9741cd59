//! A fixed number of connections, opened when they are first needed and again when they broke.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Mutex;

use crate::clock::ServerClock;
use crate::connection::{Broken, Connection, Opening};

/// The connections of one client.
#[derive(Debug)]
pub struct Pool {
    addresses: Vec<String>,
    opening: Opening,
    slots: Vec<Slot>,
    next: AtomicUsize,
}

/// A place for a connection. Whoever finds it empty opens one while the others who came here wait: a server that
/// comes back is greeted once a slot, not once a request.
#[derive(Debug)]
struct Slot {
    connection: Mutex<Option<Arc<Connection>>>,
    /// Grows with each opening, so that a slot whose server went away turns to the next address.
    openings: AtomicUsize,
}

impl Pool {
    /// `size` connections to these addresses in turn; both are at least 1.
    pub fn new(addresses: Vec<String>, size: usize, opening: Opening) -> Pool {
        let slot = |at| Slot { connection: Mutex::new(None), openings: AtomicUsize::new(at) };
        Pool { addresses, opening, slots: (0..size).map(slot).collect(), next: AtomicUsize::new(0) }
    }

    /// A connection that takes requests: the next in turn, opened if it has to be.
    pub async fn connection(&self, clock: &ServerClock) -> Result<Arc<Connection>, Broken> {
        let slot = &self.slots[self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len()];
        let mut place = slot.connection.lock().await;
        if let Some(connection) = place.as_ref().filter(|connection| connection.takes_requests()) {
            return Ok(connection.clone());
        }
        // Requests that the old one still has to answer keep it alive until then.
        *place = None;
        let address = &self.addresses[slot.openings.fetch_add(1, Ordering::Relaxed) % self.addresses.len()];
        let (connection, server_time) = Connection::open(address, &self.opening).await?;
        clock.set(server_time);
        Ok(place.insert(Arc::new(connection)).clone())
    }
}
