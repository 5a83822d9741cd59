//! What a frame may hold, at most. HELLO's answer carries these, so a client need not know them by heart.

/// Bytes of a whole frame, at most.
pub const FRAME_BYTES_MAX: usize = 1 << 20;
/// Bytes of a whole frame before HELLO is answered, at most: a stranger cannot make us keep more.
pub const FRAME_BYTES_MAX_BEFORE_HELLO: usize = 512;
/// Lines of one basket, at most.
pub const LINES_MAX: u32 = 256;
/// Bytes of the client's own in one order, at most.
pub const CLIENT_BYTES_MAX: u32 = 1_024;
/// Orders, skus or sales of one page, at most.
pub const PAGE_MAX: u32 = 100;
/// Skus of one sale, at most: what fits one frame.
pub const SALE_SKUS_MAX: u32 = 60_000;
/// Skus that one coupon names, at most: what fits one frame.
pub const COUPON_SKUS_MAX: u32 = 60_000;
/// Coupons of one basket, at most.
pub const COUPONS_MAX: u32 = 4;
/// Orders of one BATCH, at most.
pub const BATCH_ITEMS_MAX: u32 = 4_096;
/// Rows of one HISTORY answer, at most: what fits one frame.
pub const HISTORY_ROWS_MAX: u32 = 32_768;
/// Cases of one AFTERSALE_GET answer: the most that an order can have.
pub const AFTERSALES_MAX: u32 = 32;
/// Lines of one TRACK answer, at most: those of the most shipments that an order can have.
pub const TRACKED_LINES_MAX: u32 = 32 * LINES_MAX;
/// Kinds that HELLO's answer can name, at most: it stays below [`FRAME_BYTES_MAX_BEFORE_HELLO`] so that a client
/// can be as strict as the server.
pub const KINDS_MAX: u32 = 128;
/// Event items of one frame, at most: more than an event of the longest basket has.
pub const EVENT_ITEMS_MAX: u32 = 4_096;
/// Invariants that AUDIT's answer can name, at most.
pub const INVARIANTS_MAX: u32 = 256;
