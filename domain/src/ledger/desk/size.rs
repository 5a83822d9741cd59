//! How much a desk can be asked for, and the bounds of a ledger that never says no to that.

use crate::aftersale::CASES_OF_ORDER_MAX;
use crate::coupon::COUPONS_MAX;
use crate::intent::{CLIENT_BYTES_MAX, LINES_MAX, SALE_SKUS_MAX, WAREHOUSES_A_SKU_MAX};
use crate::ledger::LedgerBounds;
use crate::payment::{ATTEMPTS_MAX, REPEATS_MAX};
use crate::shipment::SHIPMENTS_OF_ORDER_MAX;

/// What a desk is large enough for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeskSize {
    /// Intents (or orders and holds to be ended) of one transaction.
    pub intents: usize,
    /// Lines of all of them together; and so many again of the orders and holds that they are about. A sku of a sale
    /// or coupon that is put counts as a line.
    pub lines: usize,
}

/// Orders that an intent has to do with: one that it makes, one that it names, one that its request made before.
const ORDERS_AN_INTENT: usize = 3;
/// History rows of an order, about: what it came through, and what it keeps room for.
const HISTORY_ROWS_AN_ORDER: usize = 256;
const PAYMENTS_AN_ORDER: usize = (ATTEMPTS_MAX + REPEATS_MAX + 1) as usize;
const SHIPMENTS_AN_ORDER: usize = SHIPMENTS_OF_ORDER_MAX as usize + 1;
const CASES_AN_ORDER: usize = CASES_OF_ORDER_MAX as usize + 1;
/// Request ids that an order or an open hold keeps room for, and those of its intent.
const IDS_AN_ORDER: usize = 5;

impl DeskSize {
    /// One intent of any kind but those that name the skus of a sale or coupon.
    pub const ONE: DeskSize = DeskSize { intents: 1, lines: LINES_MAX };
    /// One intent of any kind.
    pub const ANY_ONE: DeskSize = DeskSize { intents: 1, lines: SALE_SKUS_MAX };
    /// A batch of a shard's orders.
    pub const BATCH: DeskSize = DeskSize { intents: 64, lines: 1_024 };

    /// The bounds of a ledger that has room for all of it.
    pub(super) const fn bounds(self) -> LedgerBounds {
        let DeskSize { intents, lines } = self;
        let orders = ORDERS_AN_INTENT * intents;
        // Asked for, and of what it is about.
        let both = 2 * lines;
        let coupons = COUPONS_MAX * orders + intents;
        LedgerBounds {
            orders_max: orders,
            lines_max: both,
            client_bytes_max: orders * (CLIENT_BYTES_MAX + LedgerBounds::CLIENT_PIECE_BYTES),
            history_rows_max: orders * HISTORY_ROWS_AN_ORDER,
            request_ids_max: orders * IDS_AN_ORDER + 2 * intents,
            changes_max: orders * IDS_AN_ORDER + 2 * intents,
            payments_max: orders * PAYMENTS_AN_ORDER,
            shipments_max: orders * SHIPMENTS_AN_ORDER,
            sent_lines_max: both * SHIPMENTS_AN_ORDER,
            cases_max: orders * CASES_AN_ORDER,
            user_counts_max: both + lines,
            skus_max: both + intents,
            shelves_max: both + intents * WAREHOUSES_A_SKU_MAX,
            sales_max: both + intents,
            sale_skus_max: 2 * both,
            holds_max: 2 * intents,
            hold_lines_max: both,
            limits_max: 3 * intents,
            dead_letters_max: LedgerBounds::DEFAULT.dead_letters_max,
            coupons_max: coupons,
            coupon_skus_max: LedgerBounds::DEFAULT.coupon_skus_max,
            coupon_users_max: coupons,
            coupon_orders_max: orders,
        }
    }
}

const _: () = assert!(DeskSize::ONE.bounds().fault().is_none());
const _: () = assert!(DeskSize::ANY_ONE.bounds().fault().is_none());
const _: () = assert!(DeskSize::BATCH.bounds().fault().is_none());
