//! Telling Redis of a newer catalogue, so that nobody buys by an older one from here on.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::Catalogue;
use crate::links::Links;
use crate::redis::Failed;
use crate::shelf::ShelfKey;

/// Shelves that are told at once.
const TOGETHER: usize = 64;
/// Shelves that are told before the answer. Of others, whoever buys there by the new version tells.
const TOLD_MAX: usize = 4_096;

/// Raises the versions of these shelves in Redis to what the image says, where they are open. As well as it goes: whoever
/// buys by the newer version raises what was not.
pub(super) async fn raise_versions(links: &Links, catalogue: &Catalogue, shelves: &BTreeSet<ShelfKey>) {
    let shelves: Vec<ShelfKey> = shelves.iter().copied().take(TOLD_MAX).collect();
    for some in shelves.chunks(TOGETHER) {
        let said = join_all(some.iter().map(|shelf| raise_version(links, catalogue, *shelf))).await;
        if said.iter().any(Result::is_err) {
            return; // Redis is not well: it would cost the operator a time-out for every piece of them.
        }
    }
}

async fn raise_version(links: &Links, catalogue: &Catalogue, shelf: ShelfKey) -> Result<(), Failed> {
    if let Some(epoch) = links.redis.look(shelf).await?.open() {
        links.redis.set_catalogue(shelf, epoch, catalogue.version_of(shelf)).await?;
    }
    Ok(())
}
