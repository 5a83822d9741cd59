//! Orders at rest while a journal is replayed: facts wake those that they change, and where memory fills up others go.

use std::ops::ControlFlow;
use std::sync::Arc;

use domain::{Fact, Ledger, Making, RecordFault};

use crate::embedded::Background;
use crate::embedded::cold::{ColdError, ColdSettings, ColdStore, LATEST, RECORD_BYTES_MAX, RestingBatch};
use crate::embedded::disk::Disk;
use crate::embedded::journal::Identity;
use crate::planted::{self, Bug};

/// The cold store of an opening. It is opened when it is needed: nothing is made in a folder that may be refused.
pub(crate) struct OpeningCold<D: Disk> {
    disk: Arc<D>,
    identity: Identity,
    settings: (ColdSettings, Background),
    store: Option<Box<dyn ColdStore>>,
    /// What it has to have, by the checkpoint.
    batches: u64,
    record: Vec<u8>,
    batch: RestingBatch,
}

impl<D: Disk> OpeningCold<D> {
    /// Behind a checkpoint that was taken when it had put so many batches.
    pub(crate) fn new(
        disk: Arc<D>,
        identity: Identity,
        settings: (ColdSettings, Background),
        batches: u64,
    ) -> OpeningCold<D> {
        let (record, batch) = (Vec::new(), RestingBatch::new());
        OpeningCold { disk, identity, settings, store: None, batches, record, batch }
    }

    /// Has the order in memory that the next fact changes. The ledger is as of `position`.
    pub(crate) fn wake_for(
        &mut self,
        ledger: &mut Ledger,
        position: u64,
        fact: &Fact<'_>,
    ) -> Result<(), ColdError> {
        let Some(making) = ledger.needs_of_fact(fact) else { return Ok(()) };
        let mut record = std::mem::take(&mut self.record);
        let through = if planted::is(Bug::WokenAsOfNow) { LATEST } else { position };
        let version = self.store()?.read(making.0, through, &mut record)?;
        if version.is_none() {
            return Err(self.damaged(making, "it is not there"));
        }
        let woken = match ledger.wake(&record) {
            Err(RecordFault::PassedBound(_)) => {
                self.make_room(ledger, ledger.bounds().orders_max / 2, position)?;
                ledger.wake(&record)
            }
            woken => woken,
        };
        self.record = record;
        woken.map_err(|fault| self.damaged(making, &fault.to_string()))
    }

    /// Lets orders go where memory is nearly full. The ledger is as of `position`.
    pub(crate) fn keep_room(&mut self, ledger: &mut Ledger, position: u64) -> Result<(), ColdError> {
        let orders_max = ledger.bounds().orders_max;
        if ledger.orders() > orders_max - orders_max / 8 {
            self.make_room(ledger, orders_max / 2, position)?;
        }
        Ok(())
    }

    /// Lets orders go again that this replay woke, where what is kept for their ends is more than there is. The ledger
    /// is as of `position`.
    pub(crate) fn keep_ends(&mut self, ledger: &mut Ledger, position: u64) -> Result<(), ColdError> {
        if ledger.at_rest() == 0 || ledger.judge_replayed().is_ok() {
            return Ok(());
        }
        self.make_room(ledger, 0, position)
    }

    /// Judges the store: what it knows, the journal has to know.
    pub(crate) fn judge(&mut self, position: u64) -> Result<(), ColdError> {
        let through = self.store()?.standing().through;
        if through > position {
            let why = format!("it knows the fact {through}, and the journal ends with {position}");
            return Err(ColdError::Damaged { place: self.disk.place(), why });
        }
        Ok(())
    }

    /// The store, judged.
    pub(crate) fn finish(mut self, position: u64) -> Result<Box<dyn ColdStore>, ColdError> {
        self.judge(position)?;
        Ok(self.store.expect("it was opened to be judged"))
    }

    /// Lets orders go until so few are in memory, if so many may.
    fn make_room(&mut self, ledger: &mut Ledger, enough: usize, position: u64) -> Result<(), ColdError> {
        let mut rows = 2 * ledger.rows();
        while rows > 0 && ledger.orders() > enough {
            let mut batch = std::mem::take(&mut self.batch);
            batch.begin(position);
            let looked = rows.min(1_024);
            rows -= looked;
            ledger.rest(looked, 1, |order| {
                batch.push(order);
                if batch.has_room(RECORD_BYTES_MAX) {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            });
            if !batch.is_empty() {
                let store = self.store()?;
                while !store.has_room() {
                    std::thread::yield_now();
                }
                store.put(&batch)?;
                for order in batch.orders() {
                    ledger.rested(order.brief.order);
                }
            }
            self.batch = batch;
        }
        Ok(())
    }

    fn store(&mut self) -> Result<&mut Box<dyn ColdStore>, ColdError> {
        let store = match self.store.take() {
            Some(store) => store,
            None => {
                let (settings, background) = self.settings;
                let store = self.disk.open_cold(self.identity, settings, background)?;
                let (has, wanted) = (store.standing().batches, self.batches);
                if has < wanted {
                    let why = format!("it has {has} batches of orders of {wanted}: it is an older copy");
                    return Err(ColdError::Damaged { place: self.disk.place(), why });
                }
                store
            }
        };
        Ok(self.store.insert(store))
    }

    fn damaged(&self, making: Making, why: &str) -> ColdError {
        let place = format!("{}, the order made at {}", self.disk.place(), making.0);
        ColdError::Damaged { place, why: why.to_owned() }
    }
}
