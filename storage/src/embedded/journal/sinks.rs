//! What counts as durable, decided in one place over all that must hold a group. Today that is this disk; a
//! standby that has synced the group will be another sink.

/// How far each sink holds the log, by group number: every group up to it, none left out.
#[derive(Debug)]
pub(crate) struct Sinks {
    disk_through: u64,
}

impl Sinks {
    /// At opening: all that was read has been synced.
    pub(crate) fn new(disk_through: u64) -> Sinks {
        Sinks { disk_through }
    }

    /// This disk holds every group up to this one.
    pub(crate) fn disk_holds(&mut self, through: u64) {
        debug_assert!(through >= self.disk_through, "what is durable stays durable");
        self.disk_through = through;
    }

    /// Every group up to this one may be acknowledged.
    pub(crate) fn durable_through(&self) -> u64 {
        self.disk_through
    }
}
