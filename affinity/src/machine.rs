//! What the kernel tells about the machine, read from /sys and /proc.
//!
//! Containers and virtual machines hide much of it: what cannot be read is taken as the plain case (each CPU a core
//! of its own, one memory node, no limit, interrupts unknown). Only no CPU at all is an error.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::thread::{CpuSet, sched_getaffinity};

/// A machine, as far as this process may use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// CPUs that this process may run on, by id.
    pub cpus: Vec<Cpu>,
    /// Thousandths of a CPU's time that the cgroup grants, of all CPUs together. Nothing: no limit.
    pub quota_millicpus: Option<u64>,
    /// CPUs that take the interrupts of the disk under the data folder. Empty: unknown, or no disk of its own.
    pub disk_cpus: Vec<usize>,
}

/// One CPU as the scheduler counts: a hardware thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpu {
    /// The kernel's number.
    pub id: usize,
    /// The lowest CPU that shares the core with this one; equal to `id` for the first of each core.
    pub core: usize,
    /// Memory node.
    pub node: usize,
}

/// The machine cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The affinity mask cannot be read.
    #[error("cannot read which CPUs this process may use: {0}")]
    Mask(#[from] io::Error),
}

impl Machine {
    /// This machine, with the disk under `data` (or under its nearest parent that exists).
    pub fn read(data: Option<&Path>) -> Result<Machine, ReadError> {
        let mask = sched_getaffinity(None).map_err(io::Error::from)?;
        let allowed: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&cpu| mask.is_set(cpu)).collect();
        let device = data.and_then(device_of);
        Ok(Machine::read_under(Path::new("/"), &allowed, device))
    }

    /// The same from a tree that looks like `/` (with `sys/` and `proc/` in it): for tests.
    fn read_under(root: &Path, allowed: &[usize], device: Option<(u32, u32)>) -> Machine {
        let cpus = allowed.iter().map(|&id| read_cpu(root, id)).collect();
        let disk_cpus = device.map(|device| disk_cpus(root, device)).unwrap_or_default();
        Machine { cpus, quota_millicpus: quota_millicpus(root), disk_cpus }
    }

    /// CPUs' worth of time that this process has, rounded up: at least 1.
    pub fn usable_cpus(&self) -> usize {
        let granted = self.quota_millicpus.map_or(usize::MAX, |quota| quota.div_ceil(1000) as usize);
        self.cpus.len().min(granted).max(1)
    }
}

/// Device number of the file system that holds a path.
fn device_of(path: &Path) -> Option<(u32, u32)> {
    let absolute = std::path::absolute(path).ok()?;
    let device = absolute.ancestors().find_map(|folder| fs::metadata(folder).ok())?.dev();
    Some((rustix::fs::major(device), rustix::fs::minor(device)))
}

fn read_cpu(root: &Path, id: usize) -> Cpu {
    let folder = root.join(format!("sys/devices/system/cpu/cpu{id}"));
    let siblings = read_list(&folder.join("topology/thread_siblings_list"));
    let node = fs::read_dir(&folder).ok().and_then(|entries| {
        entries.flatten().find_map(|entry| entry.file_name().to_str()?.strip_prefix("node")?.parse().ok())
    });
    Cpu { id, core: siblings.iter().copied().min().unwrap_or(id).min(id), node: node.unwrap_or(0) }
}

/// The tightest `cpu.max` of this process's cgroup and of those above it.
fn quota_millicpus(root: &Path) -> Option<u64> {
    let own = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let path = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    // Beside the old hierarchies the new one is mounted one folder deeper.
    let mounts = ["sys/fs/cgroup", "sys/fs/cgroup/unified"].map(|mount| root.join(mount));
    mounts
        .iter()
        .flat_map(|mount| {
            let group = mount.join(path);
            let folders: Vec<PathBuf> = group.ancestors().map(Path::to_path_buf).collect();
            folders.into_iter().take_while(move |folder| folder.starts_with(mount))
        })
        .filter_map(|folder| parse_cpu_max(&fs::read_to_string(folder.join("cpu.max")).ok()?))
        .min()
}

/// `quota period` in microseconds, or `max period`.
fn parse_cpu_max(text: &str) -> Option<u64> {
    let (quota, period) = text.trim().split_once(' ')?;
    let (quota, period): (u64, u64) = (quota.parse().ok()?, period.parse().ok()?);
    (quota.checked_mul(1000)?).checked_div(period)
}

/// CPUs that take interrupts of a block device, or of the controller that it hangs on. Best effort.
fn disk_cpus(root: &Path, (major, minor): (u32, u32)) -> Vec<usize> {
    let Ok(device) = fs::canonicalize(root.join(format!("sys/dev/block/{major}:{minor}"))) else {
        return vec![];
    };
    // …/pci0000:00/0000:00:02.0/virtio1/block/vda/vda1: the driver names its interrupts after the part before
    // `block` (virtio1-req.0), NVMe after the controller (…/nvme/nvme0/nvme0n1: nvme0q1).
    let names: Vec<String> = device
        .components()
        .filter_map(|part| part.as_os_str().to_str())
        .filter(|part| part.ends_with(|c: char| c.is_ascii_digit()) && part.starts_with(char::is_alphabetic))
        .filter(|part| !part.starts_with("pci") && !part.starts_with("sd") && !part.starts_with("vd"))
        .map(str::to_owned)
        .collect();
    let interrupts = fs::read_to_string(root.join("proc/interrupts")).unwrap_or_default();
    let mut cpus: Vec<usize> = interrupts
        .lines()
        .filter_map(|line| line.trim().split_once(':'))
        .filter(|(_, rest)| names.iter().any(|name| is_queue_of(rest, name)))
        .flat_map(|(irq, _)| {
            let folder = root.join("proc/irq").join(irq);
            let effective = read_list(&folder.join("effective_affinity_list"));
            if effective.is_empty() { read_list(&folder.join("smp_affinity_list")) } else { effective }
        })
        .collect();
    cpus.sort_unstable();
    cpus.dedup();
    cpus
}

/// True for interrupts that bring completions: the device's name, then a separator or queue, not its settings.
fn is_queue_of(line: &str, device: &str) -> bool {
    let Some(action) = line.split_whitespace().last() else { return false };
    let Some(queue) = action.strip_prefix(device) else { return false };
    let settings = queue == "-config" || queue == "q0";
    !settings && (queue.is_empty() || queue.starts_with(['-', 'q', '.']))
}

/// A list as the kernel prints them: `0-3,8`. Unreadable: empty.
fn read_list(file: &Path) -> Vec<usize> {
    fs::read_to_string(file).map(|text| parse_list(&text)).unwrap_or_default()
}

fn parse_list(text: &str) -> Vec<usize> {
    let mut list = Vec::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>()) else { return vec![] };
        if last < CpuSet::MAX_CPU {
            list.extend(first..=last);
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree that looks like `/`: files with their text.
    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn lists_are_read_as_the_kernel_writes_them() {
        assert_eq!(parse_list("0-3,8\n"), [0, 1, 2, 3, 8]);
        assert_eq!(parse_list("5\n"), [5]);
        assert_eq!(parse_list("\n"), []);
        assert_eq!(parse_list("what"), []);
    }

    #[test]
    fn quotas_are_thousandths_of_a_cpu() {
        assert_eq!(parse_cpu_max("150000 100000\n"), Some(1500));
        assert_eq!(parse_cpu_max("max 100000\n"), None);
        assert_eq!(parse_cpu_max("1 0\n"), None);
        assert_eq!(parse_cpu_max("garbage"), None);
    }

    #[test]
    fn hardware_threads_of_a_core_and_memory_nodes_are_found() {
        let root = tree(&[
            ("sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0,2"),
            ("sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "1,3"),
            ("sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "0,2"),
            ("sys/devices/system/cpu/cpu3/topology/thread_siblings_list", "1,3"),
            ("sys/devices/system/cpu/cpu1/node1/cpulist", "1,3"),
        ]);
        let machine = Machine::read_under(root.path(), &[1, 2, 3], None);
        let expected = [
            Cpu { id: 1, core: 1, node: 1 },
            Cpu { id: 2, core: 0, node: 0 },
            Cpu { id: 3, core: 1, node: 0 },
        ];
        assert_eq!(machine.cpus, expected);
        assert_eq!(machine.usable_cpus(), 3);
    }

    #[test]
    fn the_tightest_limit_of_the_groups_above_counts() {
        let root = tree(&[
            ("proc/self/cgroup", "3:cpuset:/\n0::/slice/service\n"),
            ("sys/fs/cgroup/slice/service/cpu.max", "max 100000"),
            ("sys/fs/cgroup/slice/cpu.max", "250000 100000"),
            ("sys/fs/cgroup/cpu.max", "400000 100000"),
        ]);
        let machine = Machine::read_under(root.path(), &[0, 1, 2, 3], None);
        assert_eq!(machine.quota_millicpus, Some(2500));
        assert_eq!(machine.usable_cpus(), 3);
    }

    #[test]
    fn the_disks_interrupt_is_followed_to_its_cpu() {
        let root = tree(&[
            ("sys/devices/pci0000:00/0000:00:02.0/virtio1/block/vda/vda1/size", "1"),
            (
                "proc/interrupts",
                "           CPU0       CPU1\n 35:          9          1  PCI-MSIX   0-edge      virtio1-config\n \
                 36:          0         99  PCI-MSIX   1-edge      virtio1-req.0\n \
                 37:          0         99  PCI-MSIX   1-edge      virtio10-req.0\n",
            ),
            ("proc/irq/35/effective_affinity_list", "0"),
            ("proc/irq/36/effective_affinity_list", "1"),
            ("proc/irq/37/effective_affinity_list", "0"),
        ]);
        fs::create_dir_all(root.path().join("sys/dev/block")).unwrap();
        let device = root.path().join("sys/devices/pci0000:00/0000:00:02.0/virtio1/block/vda/vda1");
        std::os::unix::fs::symlink(device, root.path().join("sys/dev/block/254:1")).unwrap();

        let machine = Machine::read_under(root.path(), &[0, 1], Some((254, 1)));
        assert_eq!(machine.disk_cpus, [1]);
        let unknown = Machine::read_under(root.path(), &[0, 1], Some((8, 0)));
        assert_eq!(unknown.disk_cpus, []);
    }

    #[test]
    fn nvme_queues_are_interrupts_of_the_controller() {
        assert!(is_queue_of("0 99 PCI-MSIX 1-edge nvme0q1", "nvme0"));
        assert!(!is_queue_of("0 99 PCI-MSIX 0-edge nvme0q0", "nvme0"));
        assert!(!is_queue_of("0 99 PCI-MSIX 1-edge nvme01q1", "nvme0"));
        assert!(!is_queue_of("", "nvme0"));
    }

    #[test]
    fn a_machine_that_tells_nothing_is_plain() {
        let root = tree(&[]);
        let machine = Machine::read_under(root.path(), &[0, 1], Some((8, 0)));
        let cpus = vec![Cpu { id: 0, core: 0, node: 0 }, Cpu { id: 1, core: 1, node: 0 }];
        assert_eq!(machine, Machine { cpus, quota_millicpus: None, disk_cpus: vec![] });
    }

    #[test]
    fn this_machine_can_be_read() {
        let machine = Machine::read(Some(Path::new("."))).unwrap();
        assert!(!machine.cpus.is_empty());
        assert!(machine.usable_cpus() >= 1);
    }
}
