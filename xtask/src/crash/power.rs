//! The disk of a power-cut round: how the server is set up on it, and the cut itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use powercut::{Losses, PowerCutDisk};

/// How groups become durable: both ways are played.
const DURABILITY: [&str; 2] = ["dsync", "fsync"];
/// Small segments, so that seconds of load roll often, and with them names come and go.
const SEGMENT_MIB: [usize; 3] = [2, 4, 16];
/// The largest group has to fit into the smallest segment.
pub(super) const GROUP_BYTES: usize = 256 << 10;

/// Most cuts wait for one of so many writes, so that something is lost also where the disk is seldom busy …
const WRITES_UNTIL_CUT_MAX: u32 = 64;
/// … but no longer than this.
const CUT_WITHIN: Duration = Duration::from_millis(500);

/// A disk and what its cuts took so far.
pub(super) struct Power {
    disk: PowerCutDisk,
    at: PathBuf,
    durability: &'static str,
    segment_mib: usize,
    pub losses: Losses,
}

impl Power {
    /// Makes the folder and mounts an empty disk there.
    pub fn new(at: &Path, lies: bool, random: &mut fastrand::Rng) -> Result<Power> {
        fs::create_dir(at)?;
        let mount = if lies { PowerCutDisk::mount_lying } else { PowerCutDisk::mount };
        let disk = mount(at, random.u64(..));
        Ok(Power {
            disk: disk.with_context(|| format!("no disk can be mounted on {}", at.display()))?,
            at: at.to_owned(),
            durability: DURABILITY[random.usize(..DURABILITY.len())],
            segment_mib: SEGMENT_MIB[random.usize(..SEGMENT_MIB.len())],
            losses: Losses::default(),
        })
    }

    /// The data folder. The server makes it, and so has to make its name durable.
    pub fn data(&self) -> PathBuf {
        self.at.join("data")
    }

    /// What the server is told of its journal, as variables of its environment.
    pub fn settings(&self) -> [(&'static str, String); 3] {
        [
            ("TIDEGATE_JOURNAL_DURABILITY", self.durability.to_owned()),
            ("TIDEGATE_JOURNAL_SEGMENT_BYTES", self.segment_bytes().to_string()),
            ("TIDEGATE_JOURNAL_GROUP_BYTES", GROUP_BYTES.to_string()),
        ]
    }

    pub fn segment_bytes(&self) -> usize {
        self.segment_mib << 20
    }

    pub fn in_words(&self) -> String {
        format!(" on {}, segments of {} MiB", self.durability, self.segment_mib)
    }

    /// The power goes, at any moment or in the middle of a write; then whoever ran on it is killed, then it comes back with what the cut left.
    pub fn cut(&mut self, random: &mut fastrand::Rng, kill: impl FnOnce() -> Result<()>) -> Result<()> {
        self.losses += if random.u8(..4) == 0 {
            self.disk.cut()
        } else {
            self.disk.cut_at_write(random.u32(1..=WRITES_UNTIL_CUT_MAX), CUT_WITHIN)
        };
        kill()?;
        self.disk.power_on().context("the disk does not come back")
    }

    /// Copies what is on it, data folder and archive, into a folder for people to look into.
    pub fn save(mut self, to: &Path) -> Result<()> {
        // Where the round failed between a cut and its end, the power is still off.
        self.disk.power_on()?;
        copy(&self.at, to)
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
