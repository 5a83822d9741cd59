//! Holds on a desk.

use super::Holds;
use crate::fact::ShelfUnits;
use crate::hold::{Hold, HoldState};
use crate::units::MicrosUtc;

impl Holds {
    /// Adds a hold that was made elsewhere. There is room for it, and it is not here. It stays here however it ends: what
    /// led to it is remembered elsewhere.
    pub(crate) fn lay(&mut self, hold: Hold, made: MicrosUtc, units: &[ShelfUnits]) -> u32 {
        let slot = self.add(hold, made, units);
        if hold.state != HoldState::Open {
            self.open -= 1;
        }
        self.rows[slot as usize].requests = 1;
        slot
    }
}
