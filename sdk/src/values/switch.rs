//! What a switch is about, what it stops, and the lists of users.

use std::fmt;

use super::{SaleId, SkuId};

/// What a switch is about. At most one is set for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The whole shop.
    All,
    /// What sells in this sale, and the sale itself.
    Sale(SaleId),
    /// This sku.
    Sku(SkuId),
}

impl Scope {
    /// The number on the wire.
    pub const fn number(self) -> u8 {
        match self {
            Scope::All => 1,
            Scope::Sale(_) => 2,
            Scope::Sku(_) => 3,
        }
    }

    /// Id of the sale or sku; 0 for the whole shop.
    pub const fn id(self) -> u64 {
        match self {
            Scope::All => 0,
            Scope::Sale(sale) => sale.0 as u64,
            Scope::Sku(sku) => sku.0,
        }
    }

    /// The scope of this number and id, as in a switch or in `asked` and `there` of SWITCHED_OFF.
    pub fn from_numbers(number: u8, id: u64) -> Option<Scope> {
        match number {
            1 if id == 0 => Some(Scope::All),
            2 => u32::try_from(id).ok().map(|sale| Scope::Sale(SaleId(sale))),
            3 => Some(Scope::Sku(SkuId(id))),
            _ => None,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::All => f.pad("all"),
            Scope::Sale(sale) => f.pad(&format!("sale {sale}")),
            Scope::Sku(sku) => f.pad(&format!("sku {sku}")),
        }
    }
}

/// What a switch stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stops {
    /// What leads to new orders: CREATE and BATCH, PREPARE, STOCK_RESERVE.
    pub creating: bool,
    /// PAY_OPEN. Money that arrives is taken all the same.
    pub paying: bool,
    /// Both of these and every other change, but what gives units back, what a gateway tells, timers, ACK and
    /// SWITCH itself.
    pub changing: bool,
}

impl Stops {
    /// On the wire: the sum of 1 creating, 2 paying, 4 changing.
    pub const fn bits(self) -> u8 {
        self.creating as u8 | (self.paying as u8) << 1 | (self.changing as u8) << 2
    }

    /// The stops of these bits; nothing where others are set.
    pub const fn from_bits(bits: u8) -> Option<Stops> {
        if bits > 7 {
            return None;
        }
        Some(Stops { creating: bits & 1 != 0, paying: bits & 2 != 0, changing: bits & 4 != 0 })
    }
}

impl fmt::Display for Stops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [(self.creating, "creating"), (self.paying, "paying"), (self.changing, "changing")];
        let set: Vec<&str> = names.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
        f.pad(&if set.is_empty() { "nothing".to_string() } else { set.join(", ") })
    }
}

/// The list that a user is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UserList {
    /// None.
    #[default]
    Ordinary,
    /// Makes no new orders and no holds (BLOCKED); orders that are there are paid, cancelled and refunded as ever.
    Blocked,
    /// Buys in a sale from its `closed_from` on, before it opens to all.
    Preferred,
}

impl UserList {
    /// The number on the wire.
    pub const fn number(self) -> u8 {
        match self {
            UserList::Ordinary => 0,
            UserList::Blocked => 1,
            UserList::Preferred => 2,
        }
    }

    /// The list of this number, if there is one.
    pub const fn from_number(number: u8) -> Option<UserList> {
        match number {
            0 => Some(UserList::Ordinary),
            1 => Some(UserList::Blocked),
            2 => Some(UserList::Preferred),
            _ => None,
        }
    }
}

impl fmt::Display for UserList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            UserList::Ordinary => "ordinary",
            UserList::Blocked => "blocked",
            UserList::Preferred => "preferred",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_and_stops_go_there_and_back() {
        for scope in [Scope::All, Scope::Sale(SaleId(7)), Scope::Sku(SkuId(u64::MAX))] {
            assert_eq!(Scope::from_numbers(scope.number(), scope.id()), Some(scope));
        }
        for (number, id) in [(0, 0), (1, 5), (2, 1 << 32), (4, 0)] {
            assert_eq!(Scope::from_numbers(number, id), None);
        }
        for bits in 0..=u8::MAX {
            assert_eq!(Stops::from_bits(bits).map(Stops::bits), (bits < 8).then_some(bits));
        }
        assert_eq!(Stops { creating: true, changing: true, paying: false }.to_string(), "creating, changing");
    }
}
