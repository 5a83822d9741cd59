//! How large a ledger has to be for an image: for whoever reads one and does not know under which bounds it was made.

use crate::image::ImageSource;
use crate::ledger::Ledger;
use crate::ledger::bounds::LedgerBounds;
use crate::ledger::image::{IMAGE_VERSION, ImageFault, Reading};
use crate::request::Rules;
use crate::table::RowsFault;

/// No ledger holds more of anything.
const MOST: usize = (1 << 31) - 1;

impl LedgerBounds {
    /// Room for nothing.
    pub const NONE: LedgerBounds = LedgerBounds {
        orders_max: 0,
        lines_max: 0,
        client_bytes_max: 0,
        history_rows_max: 0,
        request_ids_max: 0,
        changes_max: 0,
        payments_max: 0,
        shipments_max: 0,
        sent_lines_max: 0,
        cases_max: 0,
        user_counts_max: 0,
        skus_max: 0,
        shelves_max: 0,
        sales_max: 0,
        sale_skus_max: 0,
        holds_max: 0,
        hold_lines_max: 0,
        limits_max: 0,
        dead_letters_max: 0,
        coupons_max: 0,
        coupon_skus_max: 0,
        coupon_users_max: 0,
        coupon_orders_max: 0,
    };

    /// Room for what both have room for together, or for as much as any ledger can hold.
    #[must_use]
    pub fn plus(mut self, mut other: LedgerBounds) -> LedgerBounds {
        for ((_, bound), (_, more)) in self.fields().into_iter().zip(other.fields()) {
            *bound = bound.saturating_add(*more).min(MOST);
        }
        self
    }

    /// Each with its name.
    fn fields(&mut self) -> [(&'static str, &mut usize); 23] {
        let LedgerBounds {
            orders_max,
            lines_max,
            client_bytes_max,
            history_rows_max,
            request_ids_max,
            changes_max,
            payments_max,
            shipments_max,
            sent_lines_max,
            cases_max,
            user_counts_max,
            skus_max,
            shelves_max,
            sales_max,
            sale_skus_max,
            holds_max,
            hold_lines_max,
            limits_max,
            dead_letters_max,
            coupons_max,
            coupon_skus_max,
            coupon_users_max,
            coupon_orders_max,
        } = self;
        [
            ("orders_max", orders_max),
            ("lines_max", lines_max),
            ("client_bytes_max", client_bytes_max),
            ("history_rows_max", history_rows_max),
            ("request_ids_max", request_ids_max),
            ("changes_max", changes_max),
            ("payments_max", payments_max),
            ("shipments_max", shipments_max),
            ("sent_lines_max", sent_lines_max),
            ("cases_max", cases_max),
            ("user_counts_max", user_counts_max),
            ("skus_max", skus_max),
            ("shelves_max", shelves_max),
            ("sales_max", sales_max),
            ("sale_skus_max", sale_skus_max),
            ("holds_max", holds_max),
            ("hold_lines_max", hold_lines_max),
            ("limits_max", limits_max),
            ("dead_letters_max", dead_letters_max),
            ("coupons_max", coupons_max),
            ("coupon_skus_max", coupon_skus_max),
            ("coupon_users_max", coupon_users_max),
            ("coupon_orders_max", coupon_orders_max),
        ]
    }
}

impl Ledger {
    /// The least bounds under which [`Ledger::from_image`] takes this image. Reads all of it, and keeps nothing.
    ///
    /// # Errors
    /// Where the image is damaged or of another version.
    pub fn bounds_of_image(from: &mut dyn ImageSource) -> Result<LedgerBounds, ImageFault> {
        let (mut most, mut bounds) = (LedgerBounds::NONE, LedgerBounds::NONE);
        most.fields().into_iter().for_each(|(_, bound)| *bound = MOST);
        let mut small = Ledger::new(LedgerBounds::NONE, Rules::DEFAULT, 0);
        let mut reading = Reading::of(from, most);
        let version = reading.one()?;
        if version != IMAGE_VERSION {
            return Err(ImageFault::Version(version));
        }
        small.take_own(&mut reading)?;
        for part in small.parts() {
            part.take_head(&mut reading)?;
        }
        for part in small.parts() {
            // Two tables under one bound share it, or have as many rows as it says each: room for both will do.
            for (name, table) in part.tables() {
                let rows = table.pass_image(reading.source()).map_err(|fault| match fault {
                    RowsFault::Unreadable => ImageFault::Unreadable,
                    RowsFault::Nonsense | RowsFault::TooMany => ImageFault::Nonsense,
                })?;
                let rows =
                    usize::try_from(rows).ok().filter(|&rows| rows <= MOST).ok_or(ImageFault::Nonsense)?;
                let pieces = if name == "client_bytes_max" { LedgerBounds::CLIENT_PIECE_BYTES } else { 1 };
                let field = bounds.fields().into_iter().find(|(known, _)| *known == name);
                let (_, bound) = field.expect("each table has the name of its bound");
                *bound = bound.saturating_add(rows.saturating_mul(pieces));
            }
        }
        // What is small stands in no table; all changes are request ids, too.
        bounds.limits_max = small.limits.all().count();
        bounds.dead_letters_max = small.letters.len();
        (bounds.coupons_max, bounds.coupon_skus_max) = small.coupons.len();
        bounds.request_ids_max = bounds.request_ids_max.saturating_add(bounds.changes_max);
        if bounds.fault().is_some() { Err(ImageFault::Nonsense) } else { Ok(bounds) }
    }
}
