//! What operators ask of switches.

use crate::ids::RequestId;
use crate::switch::{Note, Scope, Stops};

/// Sets, replaces or clears a switch. It counts from the next intent on.
///
/// Checked in this order: fields → request id → version → sale or sku known (when it is set) → room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwitchPut<'a> {
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// What it is about.
    pub scope: Scope,
    /// The version that this one replaces; 0: none is set for this scope.
    pub replaces: u32,
    /// What it stops from now on; nothing clears it, which must name the version that it clears.
    pub stops: Stops,
    /// Why.
    pub note: Note<'a>,
}
