//! A disk for the crash rounds that loses what was not synced. It is a file system in memory, mounted through
//! FUSE, so that the real server runs on it unchanged; at a power cut each thing that nobody had synced is kept,
//! dropped or torn by a seeded choice:
//!
//! - a write is durable when it completes on a file opened with O_DSYNC or O_SYNC, or when an fsync or fdatasync of
//!   its file, asked for after it completed, has returned. Else each of its sectors of 512 bytes or 4 KiB is kept,
//!   dropped or torn by itself, and the size that it gave the file likewise;
//! - a name that came, went or changed is durable when an fsync of its folder has returned. Else it is kept or
//!   dropped, each by itself and in any order; a rename is never half there;
//! - what was under way at the cut was never acknowledged, and is treated as not synced.
//!
//! Nothing is kept back that a real disk could not lose, and nothing is kept of caches: all files are opened past
//! the kernel's page cache. What it does not do: bits that rot, writes that land in the wrong place, errors (the
//! simulated disk of `storage/tests` knows some of these).

mod content;
mod fuse;
mod names;
mod world;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use fuser::{BackgroundSession, MountOption};
use rustix::io::Errno;

use crate::fuse::Mounted;
use crate::world::World;

/// The most that all files may have together, bytes. A disk that is full says so.
pub const DISK_BYTES_MAX: u64 = 4 << 30;

/// A process that was killed may hold its files for some ms more; then the mount is busy.
const UNMOUNTS_WITHIN: Duration = Duration::from_secs(10);

/// What a power cut met that was not synced, and what it took of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Writes that were not durable.
    pub writes: u64,
    /// Of these, how many left nothing behind.
    pub writes_dropped: u64,
    /// Of these, how many are there in part.
    pub writes_torn: u64,
    /// Sizes of files that are not what was last seen.
    pub sizes_dropped: u64,
    /// Names that came, went or changed and were not durable.
    pub names: u64,
    /// Of these, how many are as they were before.
    pub names_dropped: u64,
}

impl std::ops::AddAssign for Losses {
    fn add_assign(&mut self, more: Losses) {
        let Losses { writes, writes_dropped, writes_torn, sizes_dropped, names, names_dropped } = more;
        self.writes += writes;
        self.writes_dropped += writes_dropped;
        self.writes_torn += writes_torn;
        self.sizes_dropped += sizes_dropped;
        self.names += names;
        self.names_dropped += names_dropped;
    }
}

/// A mounted disk. Dropped, it is unmounted and all that was on it is gone.
#[derive(Debug)]
pub struct PowerCutDisk {
    at: PathBuf,
    world: Arc<World>,
    session: Option<BackgroundSession>,
    platter: Option<JoinHandle<()>>,
    /// Goes last: until then the mount may need it.
    _sweeper: Sweeper,
}

/// What is missing for a mount on this machine, as half a sentence; nothing: it should go.
pub fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("root, who alone may mount a file system".into());
    }
    match std::fs::File::options().read(true).write(true).open("/dev/fuse") {
        Ok(_) => None,
        Err(error) => Some(format!("/dev/fuse (`modprobe fuse` brings it where the kernel has it): {error}")),
    }
}

impl PowerCutDisk {
    /// Mounts an empty disk on a folder. The seed decides what a cut keeps; moments are the machine's own.
    pub fn mount(at: &Path, seed: u64) -> io::Result<PowerCutDisk> {
        PowerCutDisk::mount_world(at, World::new(seed, false))
    }

    /// Mounts a disk that says of everything that it is durable, and of nothing is it true: whoever trusts what was
    /// acknowledged must notice.
    pub fn mount_lying(at: &Path, seed: u64) -> io::Result<PowerCutDisk> {
        PowerCutDisk::mount_world(at, World::new(seed, true))
    }

    fn mount_world(at: &Path, world: World) -> io::Result<PowerCutDisk> {
        let world = Arc::new(world);
        let theirs = Arc::clone(&world);
        let platter = thread::Builder::new().name("platter".into()).spawn(move || theirs.complete_all())?;
        let platter = Some(platter);
        let _sweeper = Sweeper::start(at)?;
        let mut disk = PowerCutDisk { at: at.to_owned(), world, session: None, platter, _sweeper };
        disk.attach()?;
        Ok(disk)
    }

    /// Cuts the power: from here on nothing is written, read or acknowledged. Whoever runs on it is to be killed.
    pub fn cut(&self) -> Losses {
        self.world.cut()
    }

    /// Cuts the power in the moment in which so many writes more have come, the last of them not done; or after this
    /// time, where no such write comes. What one process does meanwhile ends in the middle of a write.
    pub fn cut_at_write(&self, writes: u32, within: Duration) -> Losses {
        self.world.cut_at_write(writes, within)
    }

    /// Gives it power again, mounted anew with what the cut left. Whoever ran on it must have ended.
    pub fn power_on(&mut self) -> io::Result<()> {
        self.detach()?;
        self.world.power_on();
        self.attach()
    }

    fn attach(&mut self) -> io::Result<()> {
        let mut config = fuser::Config::default();
        config.mount_options =
            vec![MountOption::FSName("powercut".into()), MountOption::NoSuid, MountOption::NoDev];
        self.session = Some(fuser::spawn_mount(Mounted::new(Arc::clone(&self.world)), &self.at, &config)?);
        Ok(())
    }

    fn detach(&mut self) -> io::Result<()> {
        let Some(session) = self.session.take() else { return Ok(()) };
        let started = Instant::now();
        loop {
            match rustix::mount::unmount(&self.at, rustix::mount::UnmountFlags::empty()) {
                Err(Errno::BUSY) if started.elapsed() < UNMOUNTS_WITHIN => {
                    thread::sleep(Duration::from_millis(5));
                }
                // Somebody looks into it: it goes from the tree now, and for good when they leave.
                Err(Errno::BUSY) => {
                    rustix::mount::unmount(&self.at, rustix::mount::UnmountFlags::DETACH)?;
                    return Err(io::Error::other(format!("{} is still in use", self.at.display())));
                }
                Err(error) => return Err(error.into()),
                Ok(()) => return session.join(),
            }
        }
    }
}

impl Drop for PowerCutDisk {
    fn drop(&mut self) {
        // Nothing may hang on it while it goes.
        self.world.cut();
        if let Err(error) = self.detach() {
            eprintln!("{} is not unmounted ({error}): run `umount {}`", self.at.display(), self.at.display());
        }
        self.world.stop();
        if let Some(platter) = self.platter.take() {
            // A panic of that thread has been printed by it; there is nothing to save here.
            let _ = platter.join();
        }
    }
}

/// A process that takes the mount away when this one was killed and could not: a mount without its file system is a
/// nuisance until somebody unmounts it by hand.
#[derive(Debug)]
struct Sweeper(Child);

impl Sweeper {
    fn start(at: &Path) -> io::Result<Sweeper> {
        // It reads until our end of the pipe is closed, by whatever end we come to. Ctrl-C reaches it, too.
        let script = r#"trap "" INT TERM HUP; read -r _; exec umount -l "$0""#;
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).arg(at).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Sweeper(shell.spawn()?))
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        // Both fail only where it has ended already, which is what we want.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
