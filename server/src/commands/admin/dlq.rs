//! `tidegate admin dlq`: what subscribers could not take, and what becomes of it.

use clap::Subcommand;
use serde_json::json;
use tidegate_sdk::blocking::Client;
use tidegate_sdk::{DeadLetter, Error};

use super::show::{self, Shown};

#[derive(Debug, Subcommand)]
pub enum DlqAction {
    /// Show what is parked, by subscriber and position
    #[command(after_help = "Example: tidegate admin dlq list
Example: tidegate admin dlq list warehouse")]
    List {
        /// Only what this subscriber parked, by the name of its cursor.
        subscriber: Option<String>,
    },
    /// Park an event for a subscriber by hand
    #[command(after_help = "Example: tidegate admin dlq park warehouse 4711 --reason \"no such bin\"")]
    Park {
        subscriber: String,
        position: u64,
        /// Why, in at most 64 printable ASCII characters.
        #[arg(long, value_parser = reason)]
        reason: String,
    },
    /// Tell a subscriber again of what it parked
    #[command(after_help = "Example: tidegate admin dlq retry warehouse 4711")]
    Retry { subscriber: String, position: u64 },
    /// Drop what a subscriber parked
    #[command(after_help = "Example: tidegate admin dlq drop warehouse 4711")]
    Drop { subscriber: String, position: u64 },
}

impl DlqAction {
    pub fn ask(self, client: &Client) -> anyhow::Result<Shown> {
        let change = match self {
            DlqAction::List { subscriber } => {
                let letters = all(client, subscriber.as_deref())?;
                return Ok(show::letters(&letters));
            }
            DlqAction::Park { subscriber, position, reason } => {
                client.wait(client.park_letter(subscriber, position, reason))
            }
            DlqAction::Retry { subscriber, position } => {
                client.wait(client.retry_letter(subscriber, position))
            }
            DlqAction::Drop { subscriber, position } => client.wait(client.drop_letter(subscriber, position)),
        };
        let parked = change?;
        Ok(Shown { text: format!("done; {parked} parked now\n"), json: json!({ "parked": parked }) })
    }
}

/// All that is parked, or what this subscriber parked; the server bounds how many that can be.
fn all(client: &Client, subscriber: Option<&str>) -> Result<Vec<DeadLetter>, Error> {
    let mut letters: Vec<DeadLetter> = Vec::new();
    let mut after = (subscriber.unwrap_or_default().to_owned(), 0);
    loop {
        let page = client.wait(client.dead_letters().after(after.0, after.1))?;
        let last = page.items.last().filter(|_| page.more);
        let last = last.map(|letter| (letter.subscriber.clone(), letter.position));
        letters
            .extend(page.items.into_iter().filter(|it| subscriber.is_none_or(|name| it.subscriber == name)));
        match last {
            Some(last) if subscriber.is_none_or(|name| last.0 == name) => after = last,
            Some(_) | None => return Ok(letters),
        }
    }
}

fn reason(text: &str) -> Result<String, String> {
    let printable = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    match (1..=64).contains(&text.len()) && printable {
        true => Ok(text.to_owned()),
        false => Err("a reason has 1 to 64 printable ASCII characters".to_owned()),
    }
}
