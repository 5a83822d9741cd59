//! The payment gateway that a lifecycle plays: it signs what it tells, as a real one would.

use protocol::messages::{PayCallback, PayCallbackAnswer, PayOpen, PayOpenAnswer};
use protocol::structs::PayOpenHead;
use protocol::{GatewayKey, Message, SIGNATURE_BYTES, Signed, Status};

use crate::asking;
use crate::plan::LoadPlan;
use crate::talk::Talk;

/// The gateway's number where none is named.
pub const GATEWAY: u16 = 1;
/// The key that it signs with where none is named. Everybody knows it: a server that believes it is for trying out.
pub const GATEWAY_KEY: &str = "tidegate load is not a real gateway";
/// Bytes of the longest thing that a gateway signs, its kind included.
const SAID_BYTES_MAX: usize = 128;
/// Of the kind, which is signed before the body.
const KIND_BYTES: usize = 2;

/// Who signs callbacks.
#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    pub(crate) id: u16,
    key: GatewayKey,
}

impl Gateway {
    pub(crate) fn new(id: u16, key: &[u8]) -> Gateway {
        Gateway { id, key: GatewayKey::new(key) }
    }

    /// The same, signed. [`Signed::signed`] does as much, but allocates each time.
    pub(crate) fn sign<S: Signed>(&self, head: S) -> S {
        const { assert!(KIND_BYTES + S::LAYOUT.bytes <= SAID_BYTES_MAX) };
        let mut said = [0; SAID_BYTES_MAX];
        let (kind, body) = said[..KIND_BYTES + S::LAYOUT.bytes].split_at_mut(KIND_BYTES);
        kind.copy_from_slice(&S::KIND.code().to_le_bytes());
        head.write(body);
        let signature = self.key.sign(&said[..KIND_BYTES + S::LAYOUT.bytes - SIGNATURE_BYTES]);
        head.with_signature(&signature)
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

#[cfg(test)]
mod tests {
    use protocol::structs::{PayCallbackHead, RefundResultHead};

    use super::*;

    #[test]
    fn it_signs_as_the_wire_says() {
        let gateway = Gateway::new(GATEWAY, GATEWAY_KEY.as_bytes());
        let told = PayCallbackHead {
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
        assert_eq!(gateway.sign(told), told.signed(&gateway.key));
        let sent_back = RefundResultHead {
            payment: 7,
            amount: 1_990,
            signed_at: 1_000_000,
            gateway: 1,
            number: 1,
            succeeded: true,
            signature_first: 0,
            signature_second: 0,
        };
        assert_eq!(gateway.sign(sent_back), sent_back.signed(&gateway.key));
        assert!(!format!("{gateway:?}").contains(GATEWAY_KEY), "a key is never shown");
    }
}
