//! What all gateways of one server share: who we are, whether we drain, what each counted.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use domain::{Micros, MicrosUtc};
use protocol::Kind;

use crate::gateway::SERVED;
use crate::signed::Keys;

/// What HELLO and STATS tell of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Name and version: at most 32 ASCII characters are told.
    pub server: String,
    /// The store's own id.
    pub store: u128,
    /// Which store serves: `embedded` or `cluster`.
    pub store_mode: &'static str,
    /// A request id older than this is expired.
    pub request_window: Micros,
    /// A request id further ahead than this is expired.
    pub request_ahead: Micros,
    /// What is answered survives a power cut.
    pub durable: bool,
    /// Sub-reactors.
    pub reactors: u32,
    /// Threads that serve.
    pub workers: u32,
    /// Cores that the server may use.
    pub cores: u32,
    /// When it began to serve.
    pub started_at: MicrosUtc,
}

/// What only the owner of sockets and process can count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Connections open now.
    pub connections: u64,
    /// Of at most so many.
    pub connections_max: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections cut off by the owner: nobody read their answers, or their input was too long.
    pub cut_off: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Memory of the process that is resident.
    pub resident_bytes: u64,
}

/// A number that one thread adds to and any may read.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Load and store, no locked instruction: there is one writer.
    pub(crate) fn add(&self, more: u64) {
        self.set(self.get().wrapping_add(more));
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// What one gateway counted. On cache lines of its own, as every request writes to it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counters {
    /// Frames received, good ones.
    pub frames_in: Counter,
    /// Frames sent.
    pub frames_out: Counter,
    /// Frames whose length, magic, version or checksum was wrong.
    pub bad_frames: Counter,
    /// Connections closed because they did not say HELLO in time.
    pub silent: Counter,
    /// Requests refused before the store.
    pub turned_away: Counter,
    /// Requests that the store has not answered.
    pub in_flight: Counter,
}

/// What all gateways of one server share.
pub struct Common {
    /// Who we are.
    pub about: About,
    keys: Keys,
    /// What HELLO names.
    kinds: Box<[Kind]>,
    /// Kinds of [`SERVED`] that the store has not.
    lacks: &'static [Kind],
    counters: Box<[Counters]>,
    host: Box<dyn Fn() -> Host + Send + Sync>,
    draining: AtomicBool,
    auditing: AtomicBool,
}

impl Common {
    /// For so many gateways; `host` is asked when somebody wants STATS.
    pub fn new(about: About, gateways: usize, host: Box<dyn Fn() -> Host + Send + Sync>) -> Common {
        let counters = (0..gateways.max(1)).map(|_| Counters::default()).collect();
        let (draining, auditing) = (AtomicBool::new(false), AtomicBool::new(false));
        let (keys, kinds) = (Keys::default(), SERVED.into());
        Common { about, keys, kinds, lacks: &[], counters, host, draining, auditing }
    }

    /// The same, believing the callbacks of gateways with these keys. Without, no gateway is known.
    #[must_use]
    pub fn with_keys(self, keys: Keys) -> Common {
        Common { keys, ..self }
    }

    /// The same before a store that has nothing for these kinds: they are UNKNOWN_KIND, and HELLO does not name them.
    #[must_use]
    pub fn without(self, lacks: &'static [Kind]) -> Common {
        let kinds = SERVED.iter().copied().filter(|kind| !lacks.contains(kind)).collect();
        Common { kinds, lacks, ..self }
    }

    pub(crate) const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The kinds that HELLO names.
    pub(crate) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// Whether the store has something for this kind of [`SERVED`]. Asked for every frame; most stores lack none.
    pub(crate) fn has(&self, kind: Kind) -> bool {
        !self.lacks.contains(&kind)
    }

    /// Whether new orders are refused.
    pub fn draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// From now on CREATE, PREPARE and BATCH answer DRAINING, or are taken again.
    pub fn set_draining(&self, on: bool) {
        self.draining.store(on, Ordering::Relaxed);
    }

    /// What each gateway counted.
    pub fn counters(&self) -> &[Counters] {
        &self.counters
    }

    /// Requests of all connections that the store has not answered.
    pub fn in_flight(&self) -> u64 {
        self.sum(|counters| &counters.in_flight)
    }

    pub(crate) fn sum(&self, of: impl Fn(&Counters) -> &Counter) -> u64 {
        self.counters.iter().map(|counters| of(counters).get()).sum()
    }

    pub(crate) fn host(&self) -> Host {
        (self.host)()
    }

    /// True: the audit is the caller's to run, until [`Common::end_audit`].
    pub(crate) fn begin_audit(&self) -> bool {
        !self.auditing.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn end_audit(&self) {
        self.auditing.store(false, Ordering::Release);
    }
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Common").field("about", &self.about).finish_non_exhaustive()
    }
}
