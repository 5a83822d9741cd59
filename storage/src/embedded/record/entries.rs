//! Entries for whoever keeps facts elsewhere than in a journal.

use domain::MicrosUtc;
use domain::fact::{Fact, Facts, Stamp};

use super::encode::{ENTRY_BYTES_MAX, EntryWriter};

/// One entry as it lies in a journal's group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Of its stamp.
    pub at: MicrosUtc,
    /// For [`super::Decoder::entry`].
    pub bytes: Vec<u8>,
}

/// Takes facts and makes entries of them.
#[derive(Debug)]
pub struct Entries {
    /// For the entry that is open; as long as the longest one.
    room: Box<[u8]>,
    so_far: (usize, u16),
    at: MicrosUtc,
    entries: Vec<Entry>,
}

impl Entries {
    /// With room for the longest entry. To be used again and again.
    pub fn new() -> Entries {
        let room = vec![0; ENTRY_BYTES_MAX].into_boxed_slice();
        Entries { room, so_far: (0, 0), at: MicrosUtc(0), entries: Vec::new() }
    }

    /// What was made since this was asked last, in order.
    pub fn take(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.entries)
    }

    fn write(&mut self, write: impl FnOnce(&mut EntryWriter<'_>)) {
        let mut writer = EntryWriter::resume(&mut self.room, self.so_far);
        write(&mut writer);
        self.so_far = writer.so_far();
    }
}

impl Default for Entries {
    fn default() -> Entries {
        Entries::new()
    }
}

impl Facts for Entries {
    fn begin(&mut self, stamp: &Stamp) {
        (self.so_far, self.at) = ((0, 0), stamp.at);
        self.write(|writer| writer.begin(stamp));
    }

    fn fact(&mut self, fact: &Fact<'_>) {
        self.write(|writer| writer.fact(fact));
    }

    fn end(&mut self) {
        self.write(|writer| {
            writer.end();
        });
        let (bytes, _) = self.so_far;
        self.entries.push(Entry { at: self.at, bytes: self.room[..bytes].to_vec() });
    }
}

#[cfg(test)]
mod tests {
    use domain::{Actor, OrderId, TraceId};

    use super::*;
    use crate::embedded::record::Decoder;

    #[test]
    fn an_entry_is_read_as_it_was_told() {
        let stamp = |at| Stamp { at: MicrosUtc(at), actor: Actor::Timer, request: None, trace: TraceId(7) };
        let fact = |version| Fact::OrderConfirmed { order: OrderId(5), version };
        let mut entries = Entries::new();
        for (at, versions) in [(100, 1..4), (200, 9..10)] {
            entries.begin(&stamp(at));
            versions.for_each(|version| entries.fact(&fact(version)));
            entries.end();
        }
        let told = entries.take();
        assert!(entries.take().is_empty());

        let mut read = Vec::new();
        for entry in &told {
            let each = |of: &Stamp, it: &Fact<'_>| read.push((*of, format!("{it:?}")));
            let head = Decoder::default().entry(&entry.bytes, each).unwrap();
            assert_eq!((head.bytes, head.stamp.at), (entry.bytes.len(), entry.at));
        }
        let wanted = [(100, 1), (100, 2), (100, 3), (200, 9)];
        assert_eq!(read, wanted.map(|(at, version)| (stamp(at), format!("{:?}", fact(version)))));
    }
}
