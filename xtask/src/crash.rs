//! `cargo xtask crash`: real processes, killed for real. Each round loads a fresh server, kills it with -9 at a
//! random moment, opens its folder again, asks again for what has no answer, asks for every recorded request, sells
//! on, audits what lies on disk, and has the records judged as one history (`tests/history`). Every other round plays
//! lives of orders: paid, shipped, signed for, cancelled, refunded. With `--power-cut` the data folder lies on a disk
//! that loses what was not synced (`tests/powercut`), and each kill is a power cut as well.

mod power;
mod process;
mod round;

use anyhow::{Result, bail};
use powercut::Losses;

use crate::tools;
use round::{Disk, Done, Round};

/// How often to crash, and how.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples: cargo xtask crash --rounds 20\n          cargo xtask crash --power-cut --rounds 50"
)]
pub struct Args {
    /// Servers to kill.
    #[arg(long, default_value_t = 20)]
    rounds: u32,
    /// Cut the power as well: drop and tear what the server had not synced. Needs root and /dev/fuse.
    #[arg(long)]
    power_cut: bool,
    /// Cut the power of a disk that calls durable what is not: the rounds must find it, or they prove nothing.
    #[arg(long, conflicts_with = "power_cut")]
    lying_disk: bool,
    /// Seed of the moments; a failing run prints the one to give here.
    #[arg(long, env = "TIDEGATE_SEED")]
    seed: Option<u64>,
    /// The server is killed within so many milliseconds of load.
    #[arg(long, default_value_t = 3_000)]
    within_ms: u64,
    /// Use the optimised build: more orders a second, without debug assertions.
    #[arg(long)]
    release: bool,
}

/// Rounds that are played beyond those asked for while no cut lost anything.
const ROUNDS_ADDED_MAX: u32 = 10;

impl Args {
    /// What `cargo xtask test` runs.
    pub fn short() -> Args {
        Args { rounds: 3, power_cut: false, lying_disk: false, seed: None, within_ms: 1_500, release: false }
    }

    /// What `cargo xtask test` runs with power cuts.
    pub fn short_power_cut() -> Args {
        Args { power_cut: true, ..Args::short() }
    }
}

/// The rounds cannot be played on this machine.
#[derive(Debug)]
pub struct NotHere(String);

impl std::fmt::Display for NotHere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "power cuts need {}", self.0)
    }
}

impl std::error::Error for NotHere {}

/// Runs the rounds and fails when one does; on a lying disk it fails when none does.
pub fn run(args: &Args) -> Result<()> {
    match rounds(args) {
        Ok(_) if args.lying_disk => {
            bail!("{} rounds on a lying disk, and nothing was found lost", args.rounds)
        }
        Err(found) if args.lying_disk && !found.is::<NotHere>() => {
            println!("the disk lied, and it was found: {found:#}");
            Ok(())
        }
        played => played.map(drop),
    }
}

/// Runs the rounds; the line that sums them up is printed and given back. [`NotHere`] where they cannot be played.
pub fn rounds(args: &Args) -> Result<String> {
    let disk = match (args.lying_disk, args.power_cut) {
        (true, _) => Disk::ThatLies,
        (false, true) => Disk::WithPowerCuts,
        (false, false) => Disk::OfTheMachine,
    };
    if disk != Disk::OfTheMachine
        && let Some(what) = powercut::missing()
    {
        return Err(NotHere(what).into());
    }
    let binary = tools::build_binary("tidegate", args.release)?;
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("crash: seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut sum = Sum::default();
    // Few cuts may all have met an idle disk: then there are some more.
    let more_until_lost = if disk == Disk::OfTheMachine { 0 } else { ROUNDS_ADDED_MAX };
    while sum.rounds < args.rounds || (sum.has_lost_nothing() && sum.rounds < args.rounds + more_until_lost) {
        let number = sum.rounds + 1;
        let mut round = Round::begin(&binary, disk, &mut random)?;
        let words = round.disk_in_words();
        let outcome = round.run(&mut random, number, args.within_ms);
        let done = outcome.map_err(|why| {
            let kept = round.keep();
            why.context(format!(
                "round {number} of seed {seed} failed{words}; its files are in {}; run again with \
                 TIDEGATE_SEED={seed}",
                kept.display()
            ))
        })?;
        print_round(number, &done, &words, args.power_cut);
        sum.add(&done);
    }
    let summary = sum.in_words(args.power_cut);
    println!("{summary}");
    if args.power_cut && sum.has_lost_nothing() {
        bail!("no power cut dropped or tore any write, so nothing is proved: give more --rounds");
    }
    Ok(summary)
}

/// What all rounds did.
#[derive(Default)]
struct Sum {
    rounds: u32,
    acknowledged: u64,
    verified: u64,
    went_on: u64,
    asks: u64,
    refusals: u64,
    at_rest: u64,
    archived: u64,
    losses: Losses,
}

impl Sum {
    fn add(&mut self, done: &Done) {
        self.rounds += 1;
        self.acknowledged += done.acknowledged;
        self.verified += done.verified;
        self.went_on += done.went_on;
        self.asks += done.history.asks;
        self.refusals += done.history.refusals;
        self.at_rest += done.at_rest[0];
        self.archived += done.archived.unwrap_or(0);
        self.losses += done.losses;
    }

    fn has_lost_nothing(&self) -> bool {
        self.losses.writes_dropped + self.losses.writes_torn == 0
    }

    fn in_words(&self, cuts_power: bool) -> String {
        let Sum { rounds, acknowledged, verified, went_on, asks, refusals, at_rest, archived, losses } = self;
        let (what, lost) = if cuts_power {
            ("power-cut", format!("; {}", losses_in_words(losses)))
        } else {
            ("crash", String::new())
        };
        format!(
            "{what}: {rounds} rounds, {acknowledged} acknowledged, {verified} verified, lost 0, oversold 0; {went_on} \
             payments, shipments and refunds where they were; {at_rest} orders at rest when killed, {archived} segments archived; histories of {asks} asks linearizable, {refusals} refusals \
             for want of stock among them{lost}"
        )
    }
}

fn print_round(number: u32, done: &Done, disk: &str, cuts_power: bool) {
    println!(
        "round {number:>3}: {}, killed after {} ms, {} orders and {} acts behind them acknowledged, {} unknown, {} \
         verified, audit ok",
        done.scenario, done.killed_after_ms, done.acknowledged, done.went_on, done.unknown, done.verified
    );
    let [before, behind] = done.at_rest;
    println!(
        "           at rest after {} s: {before} orders just before the kill, {behind} when all were verified",
        done.rest_after_seconds
    );
    if let Some(archived) = done.archived {
        println!("           {archived} segments left the data folder");
    }
    println!("           {}", done.history);
    if cuts_power {
        println!("          {disk}: {}", losses_in_words(&done.losses));
    }
}

fn losses_in_words(losses: &Losses) -> String {
    let Losses { writes, writes_dropped, writes_torn, sizes_dropped, names, names_dropped } = losses;
    format!(
        "of {writes} writes not synced {writes_dropped} dropped and {writes_torn} torn, {sizes_dropped} sizes \
         dropped, of {names} directory entries not synced {names_dropped} dropped"
    )
}
