//! What gateways sign: whose key, and whether what came in was signed with it, lately.
//!
//! A callback that was caught and sent again is verified again and changes nothing, because the ledger knows it;
//! the window keeps old ones from being tried for ever.

use std::fmt;

use domain::{Micros, MicrosUtc};
use protocol::{GatewayKey, Header, Kind, Status, messages, parse};

use crate::refused::Refused;

/// Gateways of one server, at most.
pub const GATEWAYS_MAX: usize = 64;
/// Bytes of a key, at least: shorter ones can be guessed.
pub const KEY_BYTES_MIN: usize = 16;

/// The keys of the gateways whose callbacks are believed. Its keys are never printed.
#[derive(Clone, Default)]
pub struct Keys {
    keys: Vec<(u16, GatewayKey)>,
    window: Micros,
}

impl Keys {
    /// Keys by gateway; what was signed more than `window` before or after now is not believed.
    ///
    /// # Errors
    /// What is wrong with them: an id that is 0 or stands twice, a short key, more than [`GATEWAYS_MAX`].
    pub fn new(keys: &[(u16, Vec<u8>)], window: Micros) -> Result<Keys, String> {
        if keys.len() > GATEWAYS_MAX {
            return Err(format!("{} gateways: there may be {GATEWAYS_MAX}", keys.len()));
        }
        for (place, (gateway, key)) in keys.iter().enumerate() {
            if *gateway == 0 || keys[..place].iter().any(|(earlier, _)| earlier == gateway) {
                return Err(format!("gateway {gateway}: ids are 1 to 65535, each once"));
            }
            if key.len() < KEY_BYTES_MIN {
                return Err(format!("gateway {gateway}: its key is shorter than {KEY_BYTES_MIN} bytes"));
            }
        }
        Ok(Keys {
            keys: keys.iter().map(|(gateway, key)| (*gateway, GatewayKey::new(key))).collect(),
            window,
        })
    }

    /// Whether there is such a gateway.
    pub(crate) fn has(&self, gateway: u16) -> bool {
        self.keys.iter().any(|(known, _)| *known == gateway)
    }

    /// Whether a PAY_CALLBACK or REFUND_RESULT is its gateway's, and of now.
    pub(crate) fn verify(
        &self,
        now: MicrosUtc,
        kind: Kind,
        header: &Header,
        body: &[u8],
    ) -> Result<(), Refused> {
        const BAD: Refused = Refused::of(Status::BadSignature, "the gateway's signature, or its time");
        let (gateway, signed_at) = if kind == Kind::RefundResult {
            let head = parse::<messages::RefundResult>(header, body)?.head;
            (head.gateway, head.signed_at)
        } else {
            let head = parse::<messages::PayCallback>(header, body)?.head;
            (head.gateway, head.signed_at)
        };
        let (_, key) = self.keys.iter().find(|(known, _)| *known == gateway).ok_or(BAD)?;
        if !key.has_signed(kind, body) {
            return Err(BAD);
        }
        // Looked at last, so that the time is known to be the gateway's own.
        if now.0.abs_diff(signed_at) > self.window.0.unsigned_abs() { Err(BAD) } else { Ok(()) }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gateways: Vec<u16> = self.keys.iter().map(|(gateway, _)| *gateway).collect();
        f.debug_struct("Keys").field("gateways", &gateways).field("window", &self.window).finish()
    }
}
