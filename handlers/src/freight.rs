//! Freight rules, from the wire and back.

use domain::freight::{FreightBy, FreightRule};
use domain::intent::FreightPut;
use domain::{Currency, Intent, MinorUnits, RequestId, SellerId};
use protocol::{Header, messages, parse, structs};

use crate::create::{known_currency, not_negative};
use crate::reads::page;
use crate::refused::Refused;

/// FREIGHT_PUT as an intent.
pub(crate) fn put(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::FreightPutHead {
        request,
        free_from,
        base,
        first,
        step,
        per_step,
        seller,
        replaces,
        currency,
        by,
    } = parse::<messages::FreightPut>(header, body)?.head;
    let rule = FreightRule {
        seller: SellerId(seller),
        currency: known_currency(currency)?,
        version: 0,
        by: FreightBy::from_number(by).ok_or(Refused::field("by"))?,
        free_from: not_negative("free_from", free_from)?,
        base: not_negative("base", base)?,
        first,
        step,
        per_step: not_negative("per_step", per_step)?,
    };
    if step == 0 && rule.per_step != MinorUnits::ZERO {
        return Err(Refused::field("step"));
    }
    Ok(Intent::FreightPut(FreightPut { request: RequestId(request), replaces, rule }))
}

/// FREIGHT_LIST as an intent.
pub(crate) fn list(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::FreightListHead { after_seller, after_currency, limit } =
        parse::<messages::FreightList>(header, body)?.head;
    let (seller, currency) = (SellerId(after_seller), Currency(after_currency));
    Ok(Intent::FreightList { seller, currency, limit: page(limit)? })
}

/// A rule, for the wire.
pub(crate) fn rule_to_wire(rule: &FreightRule) -> structs::FreightRule {
    let FreightRule { seller, currency, version, by, free_from, base, first, step, per_step } = *rule;
    structs::FreightRule {
        free_from: free_from.0,
        base: base.0,
        first,
        step,
        per_step: per_step.0,
        seller: seller.0,
        version,
        currency: currency.0,
        by: by.number(),
    }
}
