//! What is counted over all users: sums over every database, none of which has all of it.

use std::collections::BTreeMap;

use domain::desk::{Key, Row};
use futures_util::future::join_all;

use crate::links::Links;
use crate::mysql::{Fault, FaultKind, HomeTx, Lease, Numbers, Standing, numbers_of};
use crate::shelf::ShelfKey;

/// The home, as whoever adds up has it.
#[derive(Debug)]
pub(super) enum HomeSide<'r, 'l, 'a> {
    /// In the middle of a change.
    Tx(&'r mut HomeTx<'l, 'a>),
    /// To read only.
    Lease(&'r mut Lease<'a>),
}

impl HomeSide<'_, '_, '_> {
    async fn numbers_of(&mut self, shelves: &[ShelfKey]) -> Result<BTreeMap<ShelfKey, Numbers>, Fault> {
        match self {
            HomeSide::Tx(tx) => tx.numbers_of(shelves).await,
            HomeSide::Lease(lease) => numbers_of(lease, shelves).await,
        }
    }

    /// A row that the home has in a table of its own: the request, a letter, or their number.
    pub async fn row(&mut self, key: &Key) -> Result<Option<Row>, Fault> {
        let HomeSide::Tx(tx) = self else {
            return Err(Fault::new(FaultKind::Corrupt, format!("{key:?} is nothing that is read at home")));
        };
        match (key, tx.standing()) {
            (Key::Request(_), Some(Standing::Done { led_to, .. })) => {
                let row = Row::parse(led_to);
                row.map(Some).map_err(|why| Fault::new(FaultKind::Corrupt, format!("a key row: {why:?}")))
            }
            (Key::Request(_), _) => Ok(None),
            (Key::Letter(subscriber, position), _) => tx.letter(*subscriber, *position).await,
            (Key::Letters, _) => tx.letters().await.map(|letters| Some(Row::Letters(letters))),
            _ => Err(Fault::new(FaultKind::Corrupt, format!("{key:?} is nothing that is decided at home"))),
        }
    }
}

/// The sums of these shelves over all databases. They are not of one instant, but where nothing can be taken of a
/// shelf meanwhile.
///
/// # Errors
/// Any database's: a part of a sum is none.
pub(super) async fn sums(
    links: &Links,
    home: &mut HomeSide<'_, '_, '_>,
    shelves: &[ShelfKey],
) -> Result<BTreeMap<ShelfKey, Numbers>, Fault> {
    if shelves.is_empty() {
        return Ok(BTreeMap::new());
    }
    let others = links.databases().filter(|(no, _)| *no != links.home_no());
    let elsewhere = others.map(async |(_, database)| numbers_of(&mut database.lease().await?, shelves).await);
    let mut sums = home.numbers_of(shelves).await?;
    for theirs in join_all(elsewhere).await {
        for (shelf, numbers) in theirs? {
            sums.entry(shelf).or_default().add(numbers);
        }
    }
    Ok(sums)
}
