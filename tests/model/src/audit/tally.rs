//! The invariants by name, and how often each was looked at and broken.

/// One invariant, and how it fared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invariant {
    /// Short and stable: what scripts look for.
    pub name: &'static str,
    /// What it says, in a sentence.
    pub says: &'static str,
    /// How often it was looked at.
    pub counted: u64,
    /// How often it did not hold.
    pub violations: u64,
    /// The first violation in words, with its position.
    pub first: Option<String>,
}

macro_rules! rules {
    ($($rule:ident $name:literal $says:literal)*) => {
        /// What must be true of every journal.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Rule { $($rule),* }

        /// Names and sentences, in the order of [`Rule`].
        const RULES: &[(Rule, &str, &str)] = &[$((Rule::$rule, $name, $says)),*];
    };
}

rules! {
    Positions "positions" "facts follow each other without a gap"
    Time "time" "ledger time never goes back"
    RequestIds "request-ids" "a request does something once"
    Entries "entries" "facts that belong together stand together, and are by whom they say"
    Catalogue "catalogue" "skus and sales change version by version, and no two sales speak for one sku"
    OrderIds "order-ids" "order ids are unique, grow, and carry the slot of their user"
    Baskets "baskets" "an order has 1 to 256 lines, each with a known sku of its own, a warehouse, and its parcel"
    SaleOpen "sale-open" "what was sold was open, in the sale that spoke for it"
    Prices "prices" "price, currency and seller are what the catalogue said at that time"
    Money "money" "goods - discount + freight = total, to the cent"
    Freight "freight" "each line bears what the sellers' freight rules said at that time"
    OrderLimit "order-limit" "no order took more of a sale than one order may"
    UserLimit "user-limit" "no user took more of a sale than one user may"
    Cap "cap" "no sale took more than its cap"
    PayUntil "pay-until" "an order holds its units for the shortest hold time of its lines"
    Payments "payments" "money arrives once an attempt, and what it does is what the order's state says"
    Refunds "refunds" "no more goes back than came, and one refund of a payment at a time"
    PaidOrders "paid-orders" "who sold goods was paid for them, once; money without use is on its way back"
    Shipments "shipments" "no more was sent than was bought, and SHIPPED is what was sent whole"
    Aftersale "aftersale" "cases of a line take no more than it cost, and bring no more back than was sent"
    Transitions "transitions" "each transition is one that exists, and versions step by one"
    Expiry "expiry" "no order expired before its time"
    Units "units" "what was held, sold, freed or returned is what the order's lines say"
    Oversold "oversold" "nothing was promised that the shelf could not sell"
    Exceptions "exceptions" "who paid and waits for units waits because some of them were gone"
    Held "held" "held = what open orders and holds have set aside, on every shelf"
    Shelves "shelves" "on hand = received + returned + adjusted + transferred - sold, on every shelf"
    Returns "returns" "no more units of a sku came back than were sold"
    Coupons "coupons" "coupons change version by version, go with their orders, and take off what the lines say"
    CouponQuota "coupon-quota" "no coupon was claimed or used more often than it may be, by one user or all"
    Cursors "cursors" "a subscriber's cursor moves on, and never past the last fact"
    Letters "letters" "what a subscriber parked was there, and what ended was parked"
    Blocked "blocked" "no blocked user made an order or a hold or claimed a coupon, and what is set for a user is in range"
    Switches "switches" "nothing was done that a switch had stopped, and switches change version by version"
    StoreTime "store-time" "the store stands at the time of the last fact"
    StoreSales "store-sales" "the store counts each sale as its orders do"
    StoreOrders "store-orders" "the store has each order, in its state, with its total"
    StorePayments "store-payments" "the store has each payment, in its state, with its money"
    StoreShipments "store-shipments" "the store has each shipment, with its units and its latest note"
    StoreCoupons "store-coupons" "the store counts each coupon, and each user's, as the facts do"
    StoreCases "store-cases" "the store has each after-sales case, in its state, with its amount"
    StoreUsers "store-users" "the store counts each user in each sale as the orders do"
    StoreLimits "store-limits" "the store has what operators set for users"
    StoreSwitches "store-switches" "the store has the switches that operators set"
    StoreFreight "store-freight" "the store has each freight rule"
    StoreRequests "store-requests" "the store remembers each request inside the window"
}

/// What the invariant of this name says, if there is one.
pub fn says(name: &str) -> Option<&'static str> {
    RULES.iter().find(|(_, known, _)| *known == name).map(|&(_, _, says)| says)
}

/// From here on, an invariant is about what a store holds.
const FIRST_OF_STORE: usize = Rule::StoreTime as usize;

/// How every invariant fared so far.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    position: u64,
    rows: [Row; RULES.len()],
}

#[derive(Clone, Debug, Default)]
struct Row {
    counted: u64,
    violations: u64,
    first: Option<String>,
}

impl Default for Tally {
    fn default() -> Tally {
        Tally { position: 0, rows: std::array::from_fn(|_| Row::default()) }
    }
}

impl Tally {
    /// What is checked from now on is about the fact at this position.
    pub(super) fn at(&mut self, position: u64) {
        self.position = position;
    }

    /// Counts a look, and a violation where it did not hold; only the first is put in words.
    pub(super) fn check(&mut self, rule: Rule, holds: bool, words: impl FnOnce() -> String) {
        let row = &mut self.rows[rule as usize];
        row.counted += 1;
        if holds {
            return;
        }
        row.violations += 1;
        if row.first.is_none() {
            row.first = Some(format!("at position {}: {}", self.position, words()));
        }
    }

    /// Whether nothing was violated so far.
    pub(super) fn sound(&self) -> bool {
        self.rows.iter().all(|row| row.violations == 0)
    }

    /// The report; what is about a store is left out where none was compared.
    pub(super) fn invariants(self, with_store: bool) -> Vec<Invariant> {
        let judged = if with_store { RULES.len() } else { FIRST_OF_STORE };
        (self.rows.into_iter().zip(RULES).take(judged))
            .map(|(row, &(_, name, says))| {
                let Row { counted, violations, first } = row;
                Invariant { name, says, counted, violations, first }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_stands_at_its_own_row_and_has_its_own_name() {
        for (place, (rule, name, _)) in RULES.iter().enumerate() {
            assert_eq!(*rule as usize, place);
            assert_eq!(RULES.iter().filter(|(_, other, _)| other == name).count(), 1, "{name}");
        }
    }
}
