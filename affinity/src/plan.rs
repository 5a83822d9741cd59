//! From a machine and wishes to seats: pure, so every machine can be tried in a test.

use std::fmt;

use crate::machine::{Cpu, Machine};
use crate::seat::Seat;

/// What an operator asks for; what is left open is decided by the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Fused or split; with workers only where it is asked for.
    pub layout: Option<Layout>,
    /// How many sub-reactors. Fused has one.
    pub reactors: Option<usize>,
    /// How many workers, at most one for each sub-reactor. Only with [`Layout::Workers`].
    pub workers: Option<usize>,
    /// The CPUs to use, the engine's first. Fewer than threads: they are used again from the first.
    pub cpus: Vec<usize>,
    /// A load generator runs on this machine, too: leave it a CPU.
    pub generator: bool,
}

/// Who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The only sub-reactor, between its sockets: no wake and no ring between them. Faster on one or two cores.
    Fused,
    /// A thread of its own.
    Split,
    /// Nobody here: workers ask servers elsewhere, and wait for them more than they compute.
    Workers,
}

/// Where each thread sits. `Display` says so, and why, in a few lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Who decides.
    pub layout: Layout,
    /// The engine's thread; with `Fused` that of the sub-reactor. With `Workers` there is none.
    pub engine: Seat,
    /// The sub-reactors; with `Fused` one, the engine's.
    pub reactors: Vec<Seat>,
    /// The workers; none but with `Workers`.
    pub workers: Vec<Seat>,
    /// The acceptor. It sleeps unless somebody connects, and never takes a core of its own.
    pub acceptor: Seat,
    /// A load generator on the same machine.
    pub generator: Seat,
    /// Why, a sentence each.
    pub reasons: Vec<String>,
}

/// The wishes cannot be met. Says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A CPU was asked for that this process may not use.
    #[error("cpu {cpu} is not among those that this process may use: {allowed:?}")]
    NotAllowed {
        /// Asked for.
        cpu: usize,
        /// May be used.
        allowed: Vec<usize>,
    },
    /// No sub-reactor, or too many.
    #[error("reactors = {asked}: must be 1 to {most}{because}")]
    Reactors {
        /// Asked for.
        asked: usize,
        /// The most.
        most: usize,
        /// The reason, if it is not plain.
        because: &'static str,
    },
    /// No worker, or more than there are sub-reactors to work for.
    #[error("workers = {asked}: must be 1 to {most}, the number of reactors")]
    Workers {
        /// Asked for.
        asked: usize,
        /// The most.
        most: usize,
    },
    /// This process may use no CPU that we know of.
    #[error("no CPU to run on: the affinity mask of this process is empty")]
    NoCpu,
}

/// More sub-reactors than this gain nothing in front of one engine.
const REACTORS_MAX: usize = 16;

/// Sub-reactors that one engine keeps busy, as far as was measured: it takes about half of each frame's work.
const REACTORS_BY_DEFAULT_MAX: usize = 4;

/// Pairs of sub-reactor and worker by default, at most: servers elsewhere are full before more of them are.
const PAIRS_BY_DEFAULT_MAX: usize = 4;

/// Seats the threads of a server.
pub fn plan(machine: &Machine, wishes: &Wishes) -> Result<Plan, PlanError> {
    check(machine, wishes)?;
    let usable = if wishes.cpus.is_empty() { machine.usable_cpus() } else { wishes.cpus.len() };
    let mut reasons = Vec::new();

    let many = wishes.reactors.is_some_and(|reactors| reactors > 1);
    let layout = wishes.layout.unwrap_or(if usable >= 3 || many { Layout::Split } else { Layout::Fused });
    reasons.push(why_layout(layout, wishes, usable));

    let free = order(machine, wishes);
    let (reactors, workers) = counts(layout, wishes, usable);
    if workers > reactors {
        return Err(PlanError::Workers { asked: workers, most: reactors });
    }

    let engines = usize::from(layout == Layout::Split);
    let pinned = pins(machine, wishes, layout, engines + reactors + workers, &mut reasons);
    let seat = |place: usize| if pinned { Seat::Cpu(free[place % free.len()]) } else { Seat::Anywhere };
    let engine = if layout == Layout::Workers { Seat::Anywhere } else { seat(0) };
    let workers: Vec<Seat> = (reactors..reactors + workers).map(seat).collect();
    let reactors: Vec<Seat> = (engines..engines + reactors).map(seat).collect();
    let taken: Vec<Seat> = [engine].into_iter().chain(reactors.iter().chain(&workers).copied()).collect();
    let generator = generator_seat(machine, pinned, &taken, &free);
    if pinned && layout != Layout::Workers {
        explain_disk(machine, &engine, &mut reasons);
    }
    Ok(Plan { layout, engine, reactors, workers, acceptor: Seat::Anywhere, generator, reasons })
}

/// How many sub-reactors and workers.
fn counts(layout: Layout, wishes: &Wishes, usable: usize) -> (usize, usize) {
    let generator_cpus = usize::from(wishes.generator && usable > 1);
    match layout {
        Layout::Fused => (1, 0),
        Layout::Split => {
            // One is the engine's; with four and more one is left to background threads and the disk.
            let spare = usize::from(usable >= 4).max(generator_cpus);
            let by_cpus = usable.saturating_sub(1 + spare).clamp(1, REACTORS_BY_DEFAULT_MAX);
            (wishes.reactors.unwrap_or(by_cpus), 0)
        }
        Layout::Workers => {
            // One is left to all else, such as servers on the same machine.
            let by_cpus = (usable.saturating_sub(1 + generator_cpus) / 2).clamp(1, PAIRS_BY_DEFAULT_MAX);
            let reactors = wishes.reactors.unwrap_or(by_cpus.max(wishes.workers.unwrap_or(1)));
            (reactors, wishes.workers.unwrap_or(by_cpus.min(reactors)))
        }
    }
}

fn check(machine: &Machine, wishes: &Wishes) -> Result<(), PlanError> {
    if machine.cpus.is_empty() {
        return Err(PlanError::NoCpu);
    }
    let allowed: Vec<usize> = machine.cpus.iter().map(|cpu| cpu.id).collect();
    if let Some(&cpu) = wishes.cpus.iter().find(|cpu| !allowed.contains(cpu)) {
        return Err(PlanError::NotAllowed { cpu, allowed });
    }
    match (wishes.reactors, wishes.layout) {
        (Some(asked), Some(Layout::Fused)) if asked != 1 => {
            Err(PlanError::Reactors { asked, most: 1, because: " when fused: the engine has one thread" })
        }
        (Some(asked), _) if asked == 0 || asked > REACTORS_MAX => {
            Err(PlanError::Reactors { asked, most: REACTORS_MAX, because: "" })
        }
        _ => match wishes.workers {
            Some(asked) if asked == 0 || asked > REACTORS_MAX => {
                Err(PlanError::Workers { asked, most: wishes.reactors.unwrap_or(REACTORS_MAX) })
            }
            _ => Ok(()),
        },
    }
}

fn why_layout(layout: Layout, wishes: &Wishes, usable: usize) -> String {
    let asked = if wishes.layout.is_some() { "as configured" } else { "by the number of cpus" };
    match layout {
        Layout::Fused => {
            format!("{asked}, {usable}: one thread for sockets and engine saves every wake between them")
        }
        Layout::Split => format!("{asked}, {usable}: the engine has a thread of its own"),
        Layout::Workers => {
            "the store is in servers elsewhere: workers ask them, reactors have the sockets".into()
        }
    }
}

/// The CPUs in the order to take them: on the memory node with the most of them, away from the disk's interrupt, a
/// core each before its second hardware thread.
fn order(machine: &Machine, wishes: &Wishes) -> Vec<usize> {
    if !wishes.cpus.is_empty() {
        return wishes.cpus.clone();
    }
    let on_node = |node: usize| machine.cpus.iter().filter(|cpu| cpu.node == node).count();
    let home = machine.cpus.iter().map(|cpu| cpu.node).max_by_key(|&node| (on_node(node), usize::MAX - node));
    let avoid = avoidable(machine);
    let second_thread =
        |cpu: &Cpu| machine.cpus.iter().any(|other| other.core == cpu.core && other.id < cpu.id);
    let mut cpus: Vec<&Cpu> = machine.cpus.iter().collect();
    cpus.sort_by_key(|cpu| (Some(cpu.node) != home, avoid.contains(&cpu.id), second_thread(cpu), cpu.id));
    cpus.into_iter().map(|cpu| cpu.id).collect()
}

/// The disk's CPUs, if others are left: with a queue on every CPU there is nothing to keep off.
fn avoidable(machine: &Machine) -> Vec<usize> {
    let all = machine.cpus.iter().all(|cpu| machine.disk_cpus.contains(&cpu.id));
    if all { vec![] } else { machine.disk_cpus.clone() }
}

/// Whether threads stay on their CPUs.
fn pins(
    machine: &Machine,
    wishes: &Wishes,
    layout: Layout,
    threads: usize,
    reasons: &mut Vec<String>,
) -> bool {
    if !wishes.cpus.is_empty() {
        return true;
    }
    if machine.cpus.len() == 1 {
        reasons.push("one cpu: nothing to choose".into());
        return false;
    }
    if machine.quota_millicpus.is_some_and(|quota| quota < machine.cpus.len() as u64 * 1000) {
        reasons.push(
            "the cgroup grants less time than there are cpus: others share them, so nothing is pinned".into(),
        );
        return false;
    }
    if threads > machine.cpus.len() {
        reasons.push("more threads than cpus: nothing is pinned".into());
        return false;
    }
    if layout == Layout::Workers && threads == machine.cpus.len() {
        reasons.push("no cpu would be left to other servers on this machine: nothing is pinned".into());
        return false;
    }
    true
}

/// A CPU that nobody else has, best the disk's: the generator sleeps there, so interrupts do not wait for it.
fn generator_seat(machine: &Machine, pinned: bool, taken: &[Seat], order: &[usize]) -> Seat {
    let taken = |cpu: usize| taken.contains(&Seat::Cpu(cpu));
    if !pinned {
        return Seat::Anywhere;
    }
    let others = machine.cpus.iter().map(|cpu| cpu.id).filter(|cpu| !order.contains(cpu));
    let mut left: Vec<usize> = order.iter().copied().chain(others).filter(|&cpu| !taken(cpu)).collect();
    left.sort_by_key(|cpu| !machine.disk_cpus.contains(cpu));
    left.first().map_or(Seat::Anywhere, |&cpu| Seat::Cpu(cpu))
}

fn explain_disk(machine: &Machine, engine: &Seat, reasons: &mut Vec<String>) {
    let avoid = avoidable(machine);
    let Some(disk) = avoid.first() else { return };
    let on_disk = avoid.iter().any(|&cpu| *engine == Seat::Cpu(cpu));
    reasons.push(if on_disk {
        format!("the disk's interrupts arrive on cpu {disk}, where the engine sits: expect slower commits")
    } else {
        format!("the disk's interrupts arrive on cpu {disk}: a busy thread there would hold commits up")
    });
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |seats: &[Seat]| seats.iter().map(Seat::to_string).collect::<Vec<_>>().join(", ");
        let reactors = list(&self.reactors);
        match self.layout {
            Layout::Fused => writeln!(f, "plan: fused; sub-reactor with engine on {}", self.engine)?,
            Layout::Split => {
                writeln!(f, "plan: split; engine on {}, sub-reactors on {reactors}", self.engine)?;
            }
            Layout::Workers => {
                writeln!(f, "plan: workers on {}, sub-reactors on {reactors}", list(&self.workers))?;
            }
        }
        write!(f, "  acceptor on {}, a load generator on {}", self.acceptor, self.generator)?;
        for reason in &self.reasons {
            write!(f, "\n  {reason}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `cpus`: one word each, `id` or `id/core` or `id/core@node`. `disk`: the CPUs of its interrupts.
    fn machine(cpus: &str, disk: &[usize], quota_millicpus: Option<u64>) -> Machine {
        let cpus = cpus
            .split_whitespace()
            .map(|word| {
                let (place, node) = word.split_once('@').unwrap_or((word, "0"));
                let (id, core) = place.split_once('/').unwrap_or((place, place));
                Cpu { id: id.parse().unwrap(), core: core.parse().unwrap(), node: node.parse().unwrap() }
            })
            .collect();
        Machine { cpus, quota_millicpus, disk_cpus: disk.to_vec() }
    }

    /// The plan in short: `layout engine [reactors] generator`; with workers those instead of the engine.
    fn short(plan: &Plan) -> String {
        let seat = |seat: &Seat| match seat {
            Seat::Cpu(cpu) => cpu.to_string(),
            Seat::Anywhere => "*".into(),
        };
        let list = |seats: &[Seat]| seats.iter().map(seat).collect::<Vec<_>>().join(" ");
        let decides = if plan.workers.is_empty() { seat(&plan.engine) } else { list(&plan.workers) };
        let reactors = list(&plan.reactors);
        format!("{:?} {decides} [{reactors}] {}", plan.layout, seat(&plan.generator))
    }

    fn check(machine: Machine, wishes: Wishes, expected: &str) {
        let plan = plan(&machine, &wishes).unwrap();
        assert_eq!(short(&plan), expected, "{machine:?} {wishes:?}\n{plan}");
    }

    fn with_generator() -> Wishes {
        Wishes { generator: true, ..Wishes::default() }
    }

    #[test]
    fn few_cpus_are_fused_and_more_are_split() {
        check(machine("0", &[], None), Wishes::default(), "Fused * [*] *");
        check(machine("0 1", &[], None), Wishes::default(), "Fused 0 [0] 1");
        check(machine("0 1 2", &[], None), Wishes::default(), "Split 0 [1 2] *");
        check(machine("0 1 2 3", &[], None), Wishes::default(), "Split 0 [1 2] 3");
        check(machine("0 1 2 3 4 5 6 7", &[], None), Wishes::default(), "Split 0 [1 2 3 4] 5");
    }

    #[test]
    fn workers_and_reactors_come_in_pairs_and_leave_a_cpu_to_other_servers() {
        let workers = || Wishes { layout: Some(Layout::Workers), ..Wishes::default() };
        check(machine("0", &[], None), workers(), "Workers * [*] *");
        check(machine("0 1", &[], None), workers(), "Workers * [*] *");
        check(machine("0 1 2", &[], None), workers(), "Workers 1 [0] 2");
        check(machine("0 1 2 3 4 5", &[], None), workers(), "Workers 2 3 [0 1] 4");
        let generator = Wishes { generator: true, ..workers() };
        check(machine("0 1 2 3 4 5", &[], None), generator, "Workers 2 3 [0 1] 4");
        let one = Wishes { workers: Some(1), reactors: Some(3), ..workers() };
        check(machine("0 1 2 3 4", &[], None), one, "Workers 3 [0 1 2] 4");
        let two = Wishes { workers: Some(2), ..workers() };
        check(machine("0 1", &[], None), two, "Workers * * [* *] *");
        let cpus = Wishes { cpus: vec![3, 1], ..workers() };
        check(machine("0 1 2 3", &[], None), cpus, "Workers 1 [3] 0");
        for (asked, reactors, most) in [(3, Some(2), 2), (0, None, REACTORS_MAX), (17, None, REACTORS_MAX)] {
            let wishes = Wishes { workers: Some(asked), reactors, ..workers() };
            let refused = plan(&machine("0 1", &[], None), &wishes);
            assert_eq!(refused, Err(PlanError::Workers { asked, most }));
        }
    }

    #[test]
    fn a_load_generator_gets_a_cpu_of_its_own() {
        check(machine("0", &[], None), with_generator(), "Fused * [*] *");
        check(machine("0 1", &[], None), with_generator(), "Fused 0 [0] 1");
        check(machine("0 1 2", &[], None), with_generator(), "Split 0 [1] 2");
        check(machine("0 1 2 3", &[], None), with_generator(), "Split 0 [1 2] 3");
    }

    #[test]
    fn the_server_keeps_off_the_disks_interrupt_and_the_generator_goes_there() {
        check(machine("0 1", &[0], None), with_generator(), "Fused 1 [1] 0");
        check(machine("0 1", &[1], None), with_generator(), "Fused 0 [0] 1");
        check(machine("0 1 2 3", &[1], None), with_generator(), "Split 0 [2 3] 1");
        // A queue on every CPU: nothing to keep off.
        check(machine("0 1 2 3", &[0, 1, 2, 3], None), with_generator(), "Split 0 [1 2] 3");
    }

    #[test]
    fn a_core_each_before_second_hardware_threads() {
        check(machine("0/0 1/0 2/2 3/2", &[], None), with_generator(), "Split 0 [2 1] 3");
        check(machine("0/0 1/1 2/0 3/1", &[], None), with_generator(), "Split 0 [1 2] 3");
    }

    #[test]
    fn all_stay_on_the_memory_node_with_the_most_cpus() {
        check(machine("0@0 1@1 2@1 3@1 4@1", &[], None), with_generator(), "Split 1 [2 3 4] 0");
    }

    #[test]
    fn a_tight_quota_counts_as_fewer_cpus_and_nothing_is_pinned() {
        check(machine("0 1 2 3", &[], Some(1_500)), Wishes::default(), "Fused * [*] *");
        check(machine("0 1 2 3", &[], Some(3_000)), Wishes::default(), "Split * [* *] *");
        check(machine("0 1 2 3", &[], Some(400_000)), Wishes::default(), "Split 0 [1 2] 3");
    }

    #[test]
    fn wishes_beat_the_machine() {
        let split = Wishes { layout: Some(Layout::Split), ..with_generator() };
        check(machine("0 1", &[], None), split, "Split 0 [1] *");
        let fused = Wishes { layout: Some(Layout::Fused), ..with_generator() };
        check(machine("0 1 2 3", &[0], None), fused, "Fused 1 [1] 0");
        let three = Wishes { reactors: Some(3), ..Wishes::default() };
        check(machine("0 1", &[], None), three, "Split * [* * *] *");
        let cpus = Wishes { cpus: vec![3, 1], ..Wishes::default() };
        check(machine("0 1 2 3", &[3], None), cpus, "Fused 3 [3] 1");
        let cpus = Wishes { cpus: vec![3, 1, 0], ..Wishes::default() };
        check(machine("0 1 2 3", &[3], None), cpus, "Split 3 [1 0] 2");
    }

    #[test]
    fn wishes_that_cannot_be_met_are_said() {
        let two = machine("0 1", &[], None);
        let refused = |wishes: Wishes| plan(&two, &wishes).unwrap_err().to_string();
        let cpus = Wishes { cpus: vec![7], ..Wishes::default() };
        assert_eq!(refused(cpus), "cpu 7 is not among those that this process may use: [0, 1]");
        let none = Wishes { reactors: Some(0), ..Wishes::default() };
        assert_eq!(refused(none), "reactors = 0: must be 1 to 16");
        let fused = Wishes { layout: Some(Layout::Fused), reactors: Some(2), ..Wishes::default() };
        assert_eq!(refused(fused), "reactors = 2: must be 1 to 1 when fused: the engine has one thread");
        assert_eq!(plan(&machine("", &[], None), &Wishes::default()), Err(PlanError::NoCpu));
    }

    #[test]
    fn a_plan_explains_itself() {
        let text = plan(&machine("0 1", &[1], None), &with_generator()).unwrap().to_string();
        let expected = "plan: fused; sub-reactor with engine on cpu 0\n  acceptor on any cpu, a load generator on cpu \
                        1\n  by the number of cpus, 2: one thread for sockets and engine saves every wake between \
                        them\n  the disk's interrupts arrive on cpu 1: a busy thread there would hold commits up";
        assert_eq!(text, expected);
    }
}
