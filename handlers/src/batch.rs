//! BATCH: the answers of many one-line orders, gathered in the order of their items until all are there.

use domain::TraceId;
use protocol::bounds::BATCH_ITEMS_MAX;
use protocol::structs::BatchAnswerItem;

use crate::outlet::Client;

/// Bytes that an unanswered BATCH takes at its longest.
pub(crate) const BATCH_BYTES: usize =
    size_of::<Gathering>() + BATCH_ITEMS_MAX as usize * size_of::<BatchAnswerItem>();

const NOTHING: BatchAnswerItem =
    BatchAnswerItem { order: 0, asked: 0, there: 0, retry_after_ms: 0, status: 0 };

/// A BATCH whose items are not all answered.
#[derive(Debug)]
pub(crate) struct Gathering {
    pub(crate) client: Client,
    pub(crate) correlation: u64,
    pub(crate) trace: TraceId,
    /// One an item, in the order of the request.
    pub(crate) items: Vec<BatchAnswerItem>,
    missing: usize,
}

/// The BATCHes under way: at most so many, and their buffers are used again.
#[derive(Debug)]
pub(crate) struct Batches {
    places: Vec<Gathering>,
    free: Vec<u32>,
    max: u32,
}

impl Batches {
    pub(crate) fn new(max: u32) -> Batches {
        Batches { places: Vec::with_capacity(max as usize), free: Vec::with_capacity(max as usize), max }
    }

    /// A place for a BATCH of so many items; nothing when all are taken.
    pub(crate) fn begin(
        &mut self,
        client: Client,
        correlation: u64,
        trace: TraceId,
        items: usize,
    ) -> Option<u32> {
        let place = match self.free.pop() {
            Some(place) => place,
            None if self.places.len() < self.max as usize => {
                self.places.push(Gathering { client, correlation, trace, items: Vec::new(), missing: 0 });
                self.places.len() as u32 - 1
            }
            None => return None,
        };
        let gathering = &mut self.places[place as usize];
        *gathering = Gathering {
            client,
            correlation,
            trace,
            items: std::mem::take(&mut gathering.items),
            missing: items,
        };
        gathering.items.clear();
        gathering.items.resize(items, NOTHING);
        Some(place)
    }

    /// Keeps an item's answer. The BATCH, when this was the last that was missing; call [`Batches::end`] then.
    pub(crate) fn answer(&mut self, place: u32, item: u32, answer: BatchAnswerItem) -> Option<&Gathering> {
        let gathering = &mut self.places[place as usize];
        gathering.items[item as usize] = answer;
        gathering.missing -= 1;
        (gathering.missing == 0).then_some(&*gathering)
    }

    /// Gives a place back.
    pub(crate) fn end(&mut self, place: u32) {
        self.free.push(place);
    }
}
