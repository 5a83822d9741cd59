//! `tidegate admin limit`: blocked and preferred users, and limits of their own.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use tidegate_sdk::blocking::Client;
use tidegate_sdk::{MicrosUtc, Page, Status, UserId, UserLimit, UserList};

use super::show::{self, Shown};
use super::{Page as PageArgs, some_id};
use crate::cli::BadUsage;

#[derive(Debug, Subcommand)]
pub enum LimitAction {
    /// Block a user, prefer one, or give one a limit of their own; what is not named is not set any more
    #[command(after_help = "Example: tidegate admin limit put 7 --list blocked --until 2026-12-01T00:00:00Z
Example: tidegate admin limit put 7 --list preferred --sale-units 5
Example: tidegate admin limit put 7 --list none")]
    Put(Put),
    /// Show what is set for a user
    #[command(after_help = "Example: tidegate admin limit get 7")]
    Get {
        /// Who.
        #[arg(value_parser = some_id)]
        user: u64,
    },
    /// Show for whom something is set, by user
    #[command(after_help = "Example: tidegate admin limit list --after 100")]
    List {
        /// Only users above this one.
        #[arg(long, default_value_t = 0)]
        after: u64,
        #[command(flatten)]
        page: PageArgs,
    },
}

#[derive(Debug, Args)]
pub struct Put {
    /// Who.
    #[arg(value_parser = some_id)]
    user: u64,
    /// blocked: makes no new orders or holds, while orders that are there are paid, cancelled and refunded as ever.
    /// preferred: buys in a sale from its closed-from on, before it opens to all.
    #[arg(long, default_value = "none")]
    list: List,
    /// Units that the user may take of each sale that has a user limit, instead of that limit; 0: as it says.
    #[arg(long, default_value_t = 0, value_name = "UNITS")]
    sale_units: u32,
    /// From when on none of this counts any more, like 2026-12-01T00:00:00Z; without it, until it is changed.
    #[arg(long)]
    until: Option<MicrosUtc>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum List {
    None,
    Blocked,
    Preferred,
}

impl LimitAction {
    pub fn ask(self, client: &Client) -> anyhow::Result<Shown> {
        match self {
            LimitAction::Put(put) => {
                let (user, list) = (UserId(put.user), put.list.into());
                if list == UserList::Ordinary && put.sale_units == 0 && put.until.is_some() {
                    let nothing = "nothing would be set: give --list or --sale-units beside --until";
                    return Err(BadUsage(nothing.into()).into());
                }
                let put_until = put.until;
                let mut request = client.limit_put(user, list).sale_units(put.sale_units);
                if let Some(until) = put.until {
                    request = request.until(until);
                }
                let put = client.wait(request);
                if let (Some(until), Err(error)) = (put_until, &put)
                    && error.refused() == Some(Status::InvalidField)
                {
                    let over = format!("{until} is over by the server's clock: name a later --until");
                    return Err(BadUsage(over).into());
                }
                put?;
                Ok(shown(user, found(client, user)?))
            }
            LimitAction::Get { user } => {
                let user = UserId(user);
                Ok(shown(user, found(client, user)?))
            }
            LimitAction::List { after, page } => {
                let request = client.limit_list().after(UserId(after)).limit(page.limit);
                Ok(listed(&client.wait(request)?))
            }
        }
    }
}

impl From<List> for UserList {
    fn from(list: List) -> UserList {
        match list {
            List::None => UserList::Ordinary,
            List::Blocked => UserList::Blocked,
            List::Preferred => UserList::Preferred,
        }
    }
}

fn found(client: &Client, user: UserId) -> anyhow::Result<Option<UserLimit>> {
    let page = client.wait(client.limit_list().after(UserId(user.0 - 1)).limit(1))?;
    Ok(page.items.first().copied().filter(|limit| limit.user == user))
}

fn shown(user: UserId, limit: Option<UserLimit>) -> Shown {
    let Some(limit) = limit else {
        let nothing = UserLimit { user, list: UserList::Ordinary, sale_units: 0, until: None };
        return Shown { text: format!("nothing is set for user {user}\n"), json: limit_json(&nothing) };
    };
    let rows = HEADS.iter().copied().zip(row(&limit)).collect::<Vec<_>>();
    Shown { text: show::pairs(&rows), json: limit_json(&limit) }
}

fn listed(page: &Page<UserLimit>) -> Shown {
    let next = page.items.last().filter(|_| page.more).map(|last| format!("--after {}", last.user));
    show::paged(&HEADS, &page.items, row, limit_json, next)
}

const HEADS: [&str; 4] = ["user", "list", "units a sale", "until"];

fn row(limit: &UserLimit) -> Vec<String> {
    let units = if limit.sale_units == 0 { "as it says".into() } else { limit.sale_units.to_string() };
    let until = limit.until.map_or("no end".into(), |until| until.to_string());
    vec![limit.user.to_string(), limit.list.to_string(), units, until]
}

fn limit_json(limit: &UserLimit) -> Value {
    json!({
        "user": limit.user.to_string(), "list": limit.list.to_string(), "sale_units": limit.sale_units,
        "until_us": limit.until.map(|until| until.0),
    })
}
