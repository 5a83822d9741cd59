//! What operators ask of users' limits.

use crate::ids::RequestId;
use crate::limit::UserLimit;

/// Sets what counts for one user from now on, or takes it away.
///
/// Checked in this order: fields → request id → `until` still to come (INVALID_FIELD) → room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitPut {
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// The whole of what is set; where it sets nothing, `until` is 0.
    pub limit: UserLimit,
}
