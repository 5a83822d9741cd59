//! Intents that wait for orders at rest. There are so many places and no more; who finds none is told so.

use std::collections::{HashMap, VecDeque};

use domain::{Making, PageFilter, Verdict};

use crate::batch::{IntentBatch, Submitted};

/// Intents that wait, at most.
pub(crate) const PARKED_MAX: usize = 512;

/// All that wait, each in a place of its own.
#[derive(Debug)]
pub(crate) struct Parked {
    places: Vec<Waiting>,
    free: Vec<usize>,
    /// Who waits for which order, first come first.
    by_order: HashMap<Making, VecDeque<usize>>,
    /// Who has what it waited for, first come first.
    ready: VecDeque<(usize, Outlook)>,
}

/// One that waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) port: usize,
    /// Holds this intent alone.
    pub(crate) batch: IntentBatch,
    /// Of its page, if it is one.
    filter: Option<PageFilter>,
}

/// What became of what an intent waited for.
#[derive(Debug)]
pub(crate) enum Outlook {
    /// The order is in memory.
    Awake,
    /// There is no order that was made then.
    NoOrder(Making),
    /// Its page, as of this position.
    Page(Verdict, u64),
    /// It cannot be read.
    Unreadable,
    /// Memory has no room for it.
    NoRoom,
}

/// All places are taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Full;

impl Parked {
    pub(crate) fn new() -> Parked {
        let place = || Waiting { port: 0, batch: IntentBatch::with_capacity(1), filter: None };
        Parked {
            places: (0..PARKED_MAX).map(|_| place()).collect(),
            free: (0..PARKED_MAX).collect(),
            by_order: HashMap::with_capacity(PARKED_MAX),
            ready: VecDeque::with_capacity(PARKED_MAX),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.free.len() == PARKED_MAX
    }

    /// Lets an intent wait for an order. True: it is the first that does.
    pub(crate) fn await_order(
        &mut self,
        making: Making,
        port: usize,
        submitted: &Submitted<'_>,
    ) -> Result<bool, Full> {
        let place = self.take_place(port, submitted, None)?;
        Ok(self.join(making, place))
    }

    /// Lets an intent wait for the orders of its page, and says where it is.
    pub(crate) fn await_page(
        &mut self,
        filter: PageFilter,
        port: usize,
        submitted: &Submitted<'_>,
    ) -> Result<usize, Full> {
        self.take_place(port, submitted, Some(filter))
    }

    /// Lets one that was ready wait for another order. True: it is the first that does.
    pub(crate) fn await_another(&mut self, making: Making, place: usize) -> bool {
        self.join(making, place)
    }

    /// What became of an order that some may wait for.
    pub(crate) fn order_came(&mut self, making: Making, outlook: impl Fn() -> Outlook) {
        for place in self.by_order.remove(&making).unwrap_or_default() {
            self.ready.push_back((place, outlook()));
        }
    }

    /// The orders at rest for the page of this one came, or cannot be read.
    pub(crate) fn page_came(&mut self, place: usize, page: Option<impl FnOnce(&PageFilter) -> Outlook>) {
        let outlook = match (self.places[place].filter, page) {
            (Some(filter), Some(page)) => page(&filter),
            (_, _) => Outlook::Unreadable,
        };
        self.ready.push_back((place, outlook));
    }

    /// The first that is ready. It stays parked until it is let go, waits for another order, or is put back.
    pub(crate) fn next_ready(&mut self) -> Option<(usize, Outlook)> {
        self.ready.pop_front()
    }

    /// Puts one back that was ready, before all others.
    pub(crate) fn put_back(&mut self, place: usize, outlook: Outlook) {
        self.ready.push_front((place, outlook));
    }

    /// The one at this place. Its batch may be taken for a while, and put back.
    pub(crate) fn at(&mut self, place: usize) -> &mut Waiting {
        &mut self.places[place]
    }

    /// It is answered.
    pub(crate) fn let_go(&mut self, place: usize) {
        self.places[place].batch.clear();
        self.free.push(place);
    }

    fn join(&mut self, making: Making, place: usize) -> bool {
        let waiting = self.by_order.entry(making).or_default();
        waiting.push_back(place);
        waiting.len() == 1
    }

    fn take_place(
        &mut self,
        port: usize,
        submitted: &Submitted<'_>,
        filter: Option<PageFilter>,
    ) -> Result<usize, Full> {
        let place = self.free.pop().ok_or(Full)?;
        let waiting = &mut self.places[place];
        (waiting.port, waiting.filter) = (port, filter);
        waiting.batch.push(submitted).expect("a batch of its own has room for it");
        Ok(place)
    }
}
