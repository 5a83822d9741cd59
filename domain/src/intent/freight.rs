//! What operators ask about freight.

use crate::freight::FreightRule;
use crate::ids::RequestId;

/// Makes or replaces the rule of a seller and currency.
///
/// Checked in this order: fields → request id → version → the bounds of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreightPut {
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// The version that this one replaces; 0 = the rule is new.
    pub replaces: u32,
    /// The rule itself; its `version` is the server's to say and ignored here.
    pub rule: FreightRule,
}
