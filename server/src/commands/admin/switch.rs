//! `tidegate admin switch`: what operators stop, and let go on.

use anyhow::anyhow;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use tidegate_sdk::blocking::Client;
use tidegate_sdk::{Error, Page, SaleId, Scope, SkuId, Status, Stops, Switch};

use super::show::{self, Shown};
use super::some_id;
use crate::cli::BadUsage;

/// Characters of a note, at most.
const NOTE_CHARS: usize = 96;

#[derive(Debug, Subcommand)]
pub enum SwitchAction {
    /// Stop creating, paying or changing; a switch that is set is replaced
    #[command(
        after_help = "Example: tidegate admin switch set --stop creating --note 'price was wrong' --sku 1
Example: tidegate admin switch set --stop changing"
    )]
    Set(Set),
    /// Let it go on
    #[command(after_help = "Example: tidegate admin switch clear --sku 1")]
    Clear(Place),
    /// Show the switches that are set
    #[command(after_help = "Example: tidegate admin switch list")]
    List,
}

/// The whole shop, unless a sale or sku is named.
#[derive(Debug, Args)]
pub struct Place {
    /// Only what sells in this sale.
    #[arg(long, conflicts_with = "sku", value_parser = clap::value_parser!(u32).range(1..))]
    sale: Option<u32>,
    /// Only this sku.
    #[arg(long, value_parser = some_id)]
    sku: Option<u64>,
}

#[derive(Debug, Args)]
pub struct Set {
    /// What to stop: creating new orders, paying (money that arrives is taken all the same), or changing (read
    /// only: all but cancels, releases, timers and what gateways tell). Repeat it for more than one.
    #[arg(long = "stop", required = true, value_name = "WHAT")]
    stops: Vec<What>,
    /// Why, for other operators: up to 96 printable ASCII characters.
    #[arg(long, default_value = "", value_parser = note)]
    note: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    Creating,
    Paying,
    Changing,
}

impl SwitchAction {
    pub fn ask(self, client: &Client) -> anyhow::Result<Shown> {
        match self {
            SwitchAction::Set(set) => {
                let scope = set.place.scope();
                let has = |what| set.stops.contains(&what);
                let stops = Stops {
                    creating: has(What::Creating),
                    paying: has(What::Paying),
                    changing: has(What::Changing),
                };
                let there = all(client)?.into_iter().find(|switch| switch.scope == scope);
                let replaces = there.map_or(0, |switch| switch.version);
                changed(client.wait(client.switch_put(scope, stops).replaces(replaces).note(&set.note)))?;
            }
            SwitchAction::Clear(place) => {
                let scope = place.scope();
                let there = all(client)?.into_iter().find(|switch| switch.scope == scope);
                let switch = there.ok_or_else(|| {
                    anyhow!("no switch is set for {scope}: `tidegate admin switch list` shows those that are")
                })?;
                changed(client.wait(client.switch_clear(scope, switch.version)))?;
            }
            SwitchAction::List => (),
        }
        Ok(shown(&all(client)?))
    }
}

impl Place {
    fn scope(&self) -> Scope {
        match (self.sale, self.sku) {
            (Some(sale), _) => Scope::Sale(SaleId(sale)),
            (None, Some(sku)) => Scope::Sku(SkuId(sku)),
            (None, None) => Scope::All,
        }
    }
}

/// Between reading its version and changing it, another operator may have been there.
fn changed(answer: Result<u32, Error>) -> anyhow::Result<u32> {
    match answer {
        Err(error) if error.refused() == Some(Status::VersionConflict) => {
            Err(anyhow!("another operator changed this switch just now: see `tidegate admin switch list`"))
        }
        answer => Ok(answer?),
    }
}

/// Every switch that is set: few enough to be read whole.
fn all(client: &Client) -> anyhow::Result<Vec<Switch>> {
    let mut found: Vec<Switch> = Vec::new();
    loop {
        let mut request = client.switch_list();
        if let Some(last) = found.last() {
            request = request.after(last.scope);
        }
        let Page { items, more } = client.wait(request)?;
        found.extend(items);
        if !more {
            return Ok(found);
        }
    }
}

fn shown(switches: &[Switch]) -> Shown {
    let row = |it: &Switch| {
        let (stops, since) = (it.stops.to_string(), it.since.to_string());
        vec![it.scope.to_string(), stops, since, it.version.to_string(), it.note.clone()]
    };
    let text = if switches.is_empty() {
        "no switch is set\n".into()
    } else {
        show::table(
            &["scope", "stops", "since", "version", "note"],
            &switches.iter().map(row).collect::<Vec<_>>(),
        )
    };
    let json = |it: &Switch| {
        let Stops { creating, paying, changing } = it.stops;
        let (scope, id) = match it.scope {
            Scope::All => ("all", Value::Null),
            Scope::Sale(sale) => ("sale", json!(sale.to_string())),
            Scope::Sku(sku) => ("sku", json!(sku.to_string())),
        };
        json!({
            "scope": scope, "id": id, "stops": {"creating": creating, "paying": paying, "changing": changing},
            "since_us": it.since.0, "version": it.version, "note": it.note,
        })
    };
    Shown { text, json: json!({"switches": switches.iter().map(json).collect::<Vec<_>>()}) }
}

fn note(text: &str) -> Result<String, BadUsage> {
    let printable = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if printable && text.len() <= NOTE_CHARS {
        return Ok(text.into());
    }
    Err(BadUsage(format!("a note has up to {NOTE_CHARS} printable ASCII characters")))
}
