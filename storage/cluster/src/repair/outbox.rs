//! The relay of events: from the outbox of each database to the sink, then the mark. A node that dies in between leaves
//! them unmarked, and they come again.

use super::sink::Sink;
use super::trouble::Trouble;
use crate::links::Links;
use crate::mysql;
use crate::shelf::ShardNo;

/// Transactions whose events go to the sink at once; one has those of up to [`mysql::BATCH_MAX`] orders.
pub const PUBLISH_MAX: usize = 64;

/// Publishes what waits first in a database. Says how many transactions that was, and how many events; fewer than
/// [`PUBLISH_MAX`] is the end.
///
/// # Errors
/// The database's, or the sink's: what was not marked comes again.
pub async fn relay_events(links: &Links, no: ShardNo, sink: &mut impl Sink) -> Result<(usize, u64), Trouble> {
    let waiting = mysql::unpublished(&mut links.database(no).lease().await?, PUBLISH_MAX).await?;
    if waiting.is_empty() {
        return Ok((0, 0));
    }
    let seqs: Vec<u64> = waiting.iter().map(|waiting| waiting.seq).collect();
    let events: Vec<_> = waiting.into_iter().flat_map(|waiting| waiting.events).collect();
    let count = events.len() as u64;
    // No connection to the database waits while the sink works.
    sink.publish(no, events).await?;
    mysql::mark_published(&mut links.database(no).lease().await?, &seqs).await?;
    Ok((seqs.len(), count))
}
