//! `cargo xtask lifecycle`: the page on an order's life, printed from the table that the ledger decides by.

use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result};
use domain::order::{Event, Row, State, Step, TABLE, step};

use crate::tools;

/// Where the page is, from the workspace's folder.
pub const PAGE: &str = "docs/LIFECYCLE.md";

/// Arguments of `cargo xtask lifecycle`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Put it into docs/LIFECYCLE.md instead of printing it.
    #[arg(long)]
    write: bool,
}

/// Prints the page, or puts it into its place.
pub fn run(args: &Args) -> Result<()> {
    if args.write {
        let path = tools::root().join(PAGE);
        return fs::write(&path, page()).with_context(|| format!("cannot write {}", path.display()));
    }
    print!("{}", page());
    Ok(())
}

/// The whole page.
pub fn page() -> String {
    format!(
        "<!-- Printed by `cargo xtask lifecycle --write` from domain/src/order/table.rs: change it there. -->\n\n\
         # The life of an order\n\n\
         An order is in one state, and has a version that counts its steps from 1. What is in the table below \
         happens as one durable\nstep and leaves a row of history (from, to, when, who, why); anything else is \
         answered `WRONG_STATE` with the state that\nwas wanted and the one that is, and changes nothing. Money \
         that arrives is always recorded, whatever the state.\n\n\
         {diagram}\n## What happens when\n\n{rows}\n## Every state and event\n\n\
         A number is the state that follows; a dot is `WRONG_STATE`.\n\n{pairs}",
        diagram = diagram(),
        rows = rows(),
        pairs = pairs(),
    )
}

/// The table as a picture that code hosts draw: an arrow a pair of states, with all that leads along it.
fn diagram() -> String {
    let mut text = String::from("```mermaid\nstateDiagram-v2\n    [*] --> PENDING_PAYMENT: created\n");
    for from in State::ALL {
        for to in State::ALL {
            let leads = |row: &&Row| row.from.contains(&from) && row.does.to() == to;
            let on: Vec<_> = TABLE.iter().filter(leads).map(|row| trigger(row.on)).collect();
            if !on.is_empty() {
                let _ = writeln!(text, "    {} --> {}: {}", name(from), name(to), on.join(" / "));
            }
        }
    }
    text + "```\n"
}

fn rows() -> String {
    let mut text = String::from("| from | to | on | what the same step does |\n| --- | --- | --- | --- |\n");
    for Row { from, on, does } in TABLE {
        let from: Vec<_> = from.iter().map(|state| name(*state)).collect();
        let (from, to) = (from.join(", "), name(does.to()));
        let _ = writeln!(text, "| {from} | {to} | {} | {} |", trigger(*on), effect(*does));
    }
    text
}

/// A row a state, a column an event.
fn pairs() -> String {
    let mut text = String::from("| |");
    for event in Event::ALL {
        let _ = write!(text, " {} |", trigger(event));
    }
    text += "\n| --- |";
    text += &" --- |".repeat(Event::ALL.len());
    for state in State::ALL {
        let _ = write!(text, "\n| {} {} |", state.number(), name(state));
        for event in Event::ALL {
            match step(state, event) {
                Ok(step) => _ = write!(text, " {} |", step.to().number()),
                Err(_) => text += " · |",
            }
        }
    }
    text + "\n"
}

/// As on the wire.
fn name(state: State) -> &'static str {
    match state {
        State::Reserving => "RESERVING",
        State::PendingPayment => "PENDING_PAYMENT",
        State::Paying => "PAYING",
        State::Paid => "PAID",
        State::StockException => "STOCK_EXCEPTION",
        State::Confirmed => "CONFIRMED",
        State::PartShipped => "PART_SHIPPED",
        State::Shipped => "SHIPPED",
        State::Delivered => "DELIVERED",
        State::Completed => "COMPLETED",
        State::Failed => "FAILED",
        State::Cancelled => "CANCELLED",
        State::Refunding => "REFUNDING",
        State::Refunded => "REFUNDED",
    }
}

/// Who or what does it.
const fn trigger(event: Event) -> &'static str {
    match event {
        Event::Settled => "all of its money came",
        Event::UnitsGone => "all of its money came, and units of it are gone",
        Event::Restocked => "units were found for it, by an operator",
        Event::TimedOut => "time to pay over",
        Event::Cancel => "cancelled",
        Event::CancelFree => "cancelled, free of charge",
        Event::AttemptOpened => "payment opened",
        Event::AttemptFailed => "its latest attempt failed",
        Event::SettledLate => "late money, all can be had again",
        Event::SentBackLate => "late money otherwise",
        Event::AllRefunded => "whole refund done",
        Event::PartSent => "sent in part",
        Event::AllSent => "all that was left sent",
        Event::Signed => "signed for",
        Event::Received => "buyer, or timer",
        Event::TakenBack => "lost or taken back, by an operator",
        Event::TakenBackFree => "lost or taken back, free of charge",
    }
}

const fn effect(step: Step) -> &'static str {
    match step {
        Step::Confirm => "what is held becomes sold, the coupon is used, the timer stops",
        Step::Except => "holds go back, the coupon is used, the timer stops; people are told",
        Step::Restock => "units of its shelves become sold",
        Step::Cancel => "holds, limits, coupon go back",
        Step::RefundFree => "what was not sent and limits go back; there is no money",
        Step::Pay => "attempt 1; the hold is extended once",
        Step::AwaitPayment => "another attempt may be opened until the time is over",
        Step::Revive => "stock, limits, cap and coupon are taken again, and sold",
        Step::Refund => "a refund of what is left is asked for",
        Step::FinishRefund => "what was not sent goes back to stock",
        Step::ShipPart => "units of some lines are on their way, and what is left can still be sent",
        Step::ShipRest => "everything is on its way",
        Step::Deliver => "the time begins after which it counts as complete",
        Step::Complete => "nothing more is to come; money can still go back",
    }
}
