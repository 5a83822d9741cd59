//! What a gateway signs with its key, and whether it did: HMAC-SHA256 over the kind (two bytes, little-endian) and
//! all bytes of the body before the signature, which is the body's end.

use core::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::kind::Kind;
use crate::plain::Plain;
use crate::structs::{PayCallbackHead, RefundResultHead};

/// Bytes of a gateway's signature, at the end of what it says.
pub const SIGNATURE_BYTES: usize = 32;

/// A gateway's key, ready to sign and to verify. It is never printed.
#[derive(Clone)]
pub struct GatewayKey(Hmac<Sha256>);

impl GatewayKey {
    /// A key of any length; whether it is too short to be safe is for who takes it to judge.
    pub fn new(key: &[u8]) -> GatewayKey {
        GatewayKey(Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
    }

    /// HMAC-SHA256 with this key over all that is to be signed.
    pub fn sign(&self, said: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.0.clone().chain_update(said).finalize().into_bytes().into()
    }

    /// Whether the body ends with this key's signature. It takes the same time however much of a forged one is
    /// right. A body that is too short to have a signature has none.
    pub fn has_signed(&self, kind: Kind, body: &[u8]) -> bool {
        let Some((said, signature)) = body.split_last_chunk::<SIGNATURE_BYTES>() else { return false };
        let mac = self.0.clone().chain_update(kind.code().to_le_bytes()).chain_update(said);
        mac.verify_slice(signature).is_ok()
    }
}

impl fmt::Debug for GatewayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GatewayKey")
    }
}

/// A head that ends with a gateway's signature.
pub trait Signed: Plain {
    /// The kind whose head it is.
    const KIND: Kind;

    /// The same with this signature, as it is.
    #[must_use]
    fn with_signature(self, signature: &[u8; SIGNATURE_BYTES]) -> Self;

    /// The bytes that are signed.
    fn said(&self) -> Vec<u8> {
        let mut said = Self::KIND.code().to_le_bytes().to_vec();
        let kind_bytes = said.len();
        said.resize(kind_bytes + Self::LAYOUT.bytes, 0);
        self.write(&mut said[kind_bytes..]);
        said.truncate(said.len() - SIGNATURE_BYTES);
        said
    }

    /// The same, signed with this key.
    #[must_use]
    fn signed(self, key: &GatewayKey) -> Self {
        let signature = key.sign(&self.said());
        self.with_signature(&signature)
    }
}

impl Signed for PayCallbackHead {
    const KIND: Kind = Kind::PayCallback;

    fn with_signature(self, signature: &[u8; SIGNATURE_BYTES]) -> Self {
        let [signature_first, signature_second] = halves(signature);
        PayCallbackHead { signature_first, signature_second, ..self }
    }
}

impl Signed for RefundResultHead {
    const KIND: Kind = Kind::RefundResult;

    fn with_signature(self, signature: &[u8; SIGNATURE_BYTES]) -> Self {
        let [signature_first, signature_second] = halves(signature);
        RefundResultHead { signature_first, signature_second, ..self }
    }
}

/// The two fields that a signature lies in.
fn halves(signature: &[u8; SIGNATURE_BYTES]) -> [u128; 2] {
    let (first, second) = signature.split_at(SIGNATURE_BYTES / 2);
    [first, second].map(|half| half.iter().rev().fold(0, |number, byte| number << 8 | u128::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: PayCallbackHead = PayCallbackHead {
        payment: 1,
        amount: 2,
        reference: 3,
        signed_at: 4,
        currency: 5,
        gateway: 6,
        outcome: 1,
        signature_first: 0,
        signature_second: 0,
    };

    fn body(head: &impl Plain, bytes: usize) -> Vec<u8> {
        let mut body = vec![0; bytes];
        head.write(&mut body);
        body
    }

    #[test]
    fn a_signature_lies_at_the_end_of_the_body_as_it_is() {
        let signature: [u8; SIGNATURE_BYTES] = core::array::from_fn(|place| place as u8);
        let body = body(&HEAD.with_signature(&signature), PayCallbackHead::LAYOUT.bytes);
        let (said, found) = body.split_last_chunk().expect("it is long enough");
        assert_eq!(*found, signature);
        assert_eq!([&Kind::PayCallback.code().to_le_bytes(), said].concat(), HEAD.said());
    }

    #[test]
    fn what_a_key_signed_it_knows_and_no_other_key_does() {
        let (key, other) = (GatewayKey::new(b"this one"), GatewayKey::new(b"that one"));
        let body = body(&HEAD.signed(&key), PayCallbackHead::LAYOUT.bytes);
        assert!(key.has_signed(Kind::PayCallback, &body));
        assert!(!other.has_signed(Kind::PayCallback, &body));
        assert!(!key.has_signed(Kind::RefundResult, &body));
        for length in 0..body.len() {
            assert!(!key.has_signed(Kind::PayCallback, &body[..length]), "cut to {length}");
        }
    }

    /// RFC 4231, test case 2.
    #[test]
    fn the_signature_is_hmac_sha256() {
        let signature = GatewayKey::new(b"Jefe").sign(b"what do ya want for nothing?");
        let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
