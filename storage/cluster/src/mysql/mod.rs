//! The MySQL half of the cluster store: what it commits is true. Databases are shards by user, and one of them, or
//! another one, is the home of what stands once.
//!
//! Every transaction is a function here that takes plain rows and a connection. A decision of the shop that depends on
//! what the transaction reads under its locks is made by the caller's [`Desk`], in the middle of the transaction; no
//! rule of the shop stands here. What this module does not know: Redis, and who calls what when.
//!
//! Locks are always taken in the same order: fences by shelf, key rows by table and key, order rows by id, counts by key.
//! (What operators change begins with the catalogue's number and its own key row, which nobody else locks.)
//! What is left to deadlock is rolled back as a whole and tried again, or halved.

mod catalogue;
mod change;
mod commit;
mod fault;
mod fence;
mod holds;
mod home;
mod keys;
mod moved;
mod nodes;
mod opening;
mod operate;
mod outbox;
mod overview;
mod pieces;
mod pool;
mod read;
mod returns;
mod rows;
mod scan;
mod schema;
mod settings;
mod slices;
mod subscribers;
mod text;
mod tidy;
mod write;

pub use catalogue::{CatalogueRow, read_catalogue};
pub use change::{Change, ChangeDesk, Changed, Found, change};
pub use commit::{Committed, Counts, Desk, Prepared, commit};
pub use fault::{Fault, FaultKind, TxFault};
pub use fence::{Raised, compact, raise, sum};
pub use holds::holds;
pub use home::{SLOTS, deal_slots, move_slot, read_slots, take_lock};
pub use keys::{Ending, end, look};
pub use moved::{Numbers, numbers, numbers_behind, numbers_of};
pub use nodes::{leave_node, renew_node, take_node};
pub use opening::{Fenced, OPEN_MAX, begin_openings, raise_fences, read_fences};
pub use operate::{HomeTx, HomeWrite};
pub use outbox::{Waiting, backlog, forget_published, mark_published, unpublished};
pub use overview::{Alive, ShelfHere, SliceHere, alive, cluster_id, shelves_here, slices_here};
pub use pool::{Database, Lease, Limits};
pub use read::{Order, due_orders, order, order_made, orders, page_of_user, user_counts};
pub use returns::{ReturnBatch, confirm_return, next_return, shelves_with_returns};
pub use rows::{
    Ask, BODY_BYTES_MAX, ChangedOrder, CountKey, CountKind, EventRow, ItemRow, NewOrder, OrderRow,
    REFUSAL_BYTES_MAX, Standing,
};
pub use scan::{count_requests, counts_behind, orders_behind};
pub use schema::{Role, migrate};
pub use settings::{LOCK_WAIT_SECONDS_MAX, STATEMENT_BYTES_MAX};
pub use slices::{NoSlice, ROWS_MAX, Slice, SliceRules, Slices, read_slices, tend_slices};
pub use subscribers::{CursorMoved, forget_cursor, move_cursor, read_cursor, read_letters};
pub use text::KEY_TABLES;
pub use tidy::{forget_returns, shelves_to_compact};

/// Orders, or request ids, in one transaction at most.
pub const BATCH_MAX: usize = 64;
