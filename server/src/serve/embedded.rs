//! The store in this process: opened, told about, and joined to its threads in one of two layouts.

use std::sync::Arc;
use std::sync::mpsc;

use affinity::Layout;
use anyhow::Context;
use domain::PassedBound;
use reactor::Reactor;
use storage::embedded::{ClockReading, FileDisk, OpenError, Opened, open};

use super::{Parts, Settings, Threads, fused, split};
use crate::config::Config;
use crate::folders::Folders;

/// The store, with the folders that others read beside it.
pub(super) struct Embedded {
    opened: Opened<FileDisk>,
    folders: Folders,
}

impl Embedded {
    /// Opens it: reads the journal, cuts its torn tail.
    pub(super) fn open(config: &Config, settings: &Settings) -> anyhow::Result<Embedded> {
        Ok(Embedded { opened: open_store(config, settings)?, folders: Folders::of(config) })
    }

    /// The store's own id.
    pub(super) const fn id(&self) -> u128 {
        self.opened.report.store_id
    }

    /// Starts all threads; `ready` hears how many orders there are after the first turn.
    pub(super) fn start(
        self,
        parts: &Parts,
        reactors: Vec<Reactor>,
        ready: mpsc::Sender<u64>,
    ) -> anyhow::Result<Threads> {
        let Embedded { opened, folders } = self;
        match parts.plan.layout {
            Layout::Fused => Ok(vec![fused::start(opened, &folders, parts, reactors, ready)?]),
            Layout::Split => split::start(opened, &folders, parts, reactors, ready),
            Layout::Workers => unreachable!("workers are planned for a cluster only"),
        }
    }
}

fn open_store(config: &Config, settings: &Settings) -> anyhow::Result<Opened<FileDisk>> {
    let data = &config.store.data;
    let disk = FileDisk::make(data).with_context(|| {
        format!("the data folder {} cannot be made: choose another with --data", data.display())
    })?;
    let mut told = 0;
    let opened = open(Arc::new(disk), settings.store.clone(), ClockReading::now(), &mut |replayed| {
        // A long replay says that it lives, every ten million facts.
        if replayed.facts / 10_000_000 > told {
            told = replayed.facts / 10_000_000;
            tracing::info!(facts = replayed.facts, groups = replayed.groups, "replaying the journal");
        }
    })
    .map_err(in_keys)?;
    let report = &opened.report;
    tracing::info!(
        run = report.run,
        checkpoint = report.checkpoint_position,
        facts = report.replayed.facts,
        groups = report.replayed.groups,
        durability = report.path.name(),
        "the store is open"
    );
    // The chain always ends somewhere; only groups behind its end are worth a line.
    if let Some(tail) = report.tail.as_ref().filter(|tail| tail.stranded_groups > 0) {
        tracing::info!(?tail, "what stood behind the last good group was never acknowledged");
    }
    Ok(opened)
}

/// The error with the name that a bound has in the configuration: the ledger's without its `_max`.
fn in_keys(error: OpenError) -> anyhow::Error {
    match &error {
        OpenError::TooSmall { place, bound: PassedBound { name, value } } => {
            let key = name.trim_end_matches("_max");
            anyhow::anyhow!(
                "{place} holds more than [bounds] {key} = {value} allows: set a larger {key} in the \
                 configuration, then start again"
            )
        }
        OpenError::Config(_)
        | OpenError::Cold { .. }
        | OpenError::InUse { .. }
        | OpenError::Folder { .. }
        | OpenError::NotOurs { .. }
        | OpenError::Damaged { .. }
        | OpenError::NoBeginning { .. }
        | OpenError::Archive { .. }
        | OpenError::Full { .. }
        | OpenError::Clock(_) => error.into(),
    }
}
