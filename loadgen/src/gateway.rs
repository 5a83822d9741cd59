//! The payment gateway that a lifecycle plays: it signs what it tells, as a real one would.

use hmac::{Hmac, Mac};
use protocol::messages::{PayCallback, PayCallbackAnswer, PayOpen, PayOpenAnswer};
use protocol::structs::{PayOpenHead, SIGNATURE_BYTES};
use protocol::{Kind, Message, Plain, Status};
use sha2::Sha256;

use crate::asking;
use crate::plan::LoadPlan;
use crate::talk::Talk;

/// The gateway's number where none is named.
pub const GATEWAY: u16 = 1;
/// The key that it signs with where none is named. Everybody knows it: a server that believes it is for trying out.
pub const GATEWAY_KEY: &str = "tidegate load is not a real gateway";
/// Bytes of the longest thing that a gateway says.
const SAID_BYTES_MAX: usize = 128;

/// Who signs callbacks.
#[derive(Clone)]
pub(crate) struct Gateway {
    pub(crate) id: u16,
    /// The key, taken in once: what is left for each message is its own bytes.
    mac: Hmac<Sha256>,
}

impl Gateway {
    pub(crate) fn new(id: u16, key: &[u8]) -> Gateway {
        Gateway { id, mac: Hmac::new_from_slice(key).expect("HMAC takes keys of any length") }
    }

    /// The two halves of the signature of a body that ends with them.
    pub(crate) fn sign<P: Plain>(&self, kind: Kind, body: &P) -> [u128; 2] {
        const { assert!(P::LAYOUT.bytes <= SAID_BYTES_MAX && P::LAYOUT.bytes > SIGNATURE_BYTES) };
        let mut said = [0; SAID_BYTES_MAX];
        body.write(&mut said[..P::LAYOUT.bytes]);
        let said = &said[..P::LAYOUT.bytes - SIGNATURE_BYTES];
        let mac = self.mac.clone().chain_update(kind.code().to_le_bytes()).chain_update(said);
        let signature: [u8; SIGNATURE_BYTES] = mac.finalize().into_bytes().into();
        let mut halves = [0; 2];
        for (half, bytes) in halves.iter_mut().zip(signature.chunks_exact(SIGNATURE_BYTES / 2)) {
            *half = bytes.iter().rev().fold(0, |number, &byte| number << 8 | u128::from(byte));
        }
        halves
    }
}

/// Asks the server, before anything is sold, whether it knows the gateway and believes its key: for an order and a
/// payment that there cannot be. The error is a sentence that says what to do.
pub(crate) fn greet(talk: &mut Talk, plan: &LoadPlan) -> Result<(), String> {
    let (id, key) = &plan.gateway;
    let gateway = Gateway::new(*id, key);
    let (request, order) = (talk.new_request_id(), NOBODYS);
    let open = PayOpenHead { request, user: 0, order, gateway: gateway.id };
    let found = refusal::<PayOpen, PayOpenAnswer>(talk, &open)?;
    if found == Status::InvalidField {
        return Err(format!(
            "it has no gateway {id}; give it one, TIDEGATE_PAYMENTS_GATEWAYS='[{{ id = {id}, key_env = \
             \"TIDEGATE_GATEWAY_KEY\" }}]' with the same TIDEGATE_GATEWAY_KEY as here (without it: «{GATEWAY_KEY}»)"
        ));
    }
    expect(found, Status::OrderNotFound, "PAY_OPEN of no order")?;
    let told = asking::callback(&gateway, NOBODYS, 0, 0, talk.server_time_us());
    let found = refusal::<PayCallback, PayCallbackAnswer>(talk, &told)?;
    if found == Status::BadSignature {
        return Err(format!(
            "it does not believe gateway {id}: BAD_SIGNATURE; name the key that its [payments] gateways has by \
             --gateway-key or TIDEGATE_GATEWAY_KEY"
        ));
    }
    expect(found, Status::PaymentNotFound, "PAY_CALLBACK of no payment")
}

fn expect(found: Status, expected: Status, asked: &str) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{asked} was answered with {}: {}", found.name(), found.meaning()))
}

/// An order and a payment that there cannot be: ids begin with milliseconds, and these are seventy years off.
const NOBODYS: u64 = i64::MAX as u64;

/// The status of a request that must be refused.
fn refusal<Q: Message, A: Message>(talk: &mut Talk, head: &Q::Head) -> Result<Status, String> {
    let mut found = None;
    let asked = talk.ask_each::<Q, A>(
        1,
        |_| *head,
        |_, answer| {
            found = answer.err().map(|(status, _)| status);
            Ok(())
        },
    );
    asked.map_err(|error| error.to_string())?;
    found.ok_or_else(|| format!("{} of what there cannot be was accepted", Q::ABOUT.kind.name()))
}

/// Its key stays where it is.
impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use protocol::structs::{PayCallbackHead, signed_part};

    use super::*;

    #[test]
    fn a_signature_is_hmac_sha256_over_the_kind_and_the_body_before_it() {
        let mut head = PayCallbackHead {
            payment: 7,
            amount: 1_990,
            reference: 3,
            signed_at: 1_000_000,
            currency: 978,
            gateway: 1,
            outcome: 1,
            signature_first: 0,
            signature_second: 0,
        };
        let gateway = Gateway::new(1, GATEWAY_KEY.as_bytes());
        [head.signature_first, head.signature_second] = gateway.sign(Kind::PayCallback, &head);
        let mut body = [0; PayCallbackHead::LAYOUT.bytes];
        head.write(&mut body);
        let (kind, said, signature) = signed_part(Kind::PayCallback, &body).expect("it is long enough");
        let mac: Hmac<Sha256> = Hmac::new_from_slice(GATEWAY_KEY.as_bytes()).expect("any key does");
        let right = mac.chain_update(kind).chain_update(said).finalize().into_bytes();
        assert_eq!(right[..], signature[..]);
        assert!(!format!("{gateway:?}").contains("key"), "a key is never shown");
    }
}
