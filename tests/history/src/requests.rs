//! Once by request id, and order ids that count up in real time.

use std::collections::HashMap;

use crate::Verdict;
use crate::reading::{History, Request, Row, Said};

pub(crate) fn judge(history: &History, verdict: &mut Verdict) {
    one_request_an_id(history, verdict);
    one_order_a_request(history, verdict);
    one_request_an_order(history, verdict);
    ids_in_real_time(history, verdict);
}

fn one_request_an_id(history: &History, verdict: &mut Verdict) {
    let mut seen = HashMap::with_capacity(history.requests.len());
    for request in &history.requests {
        verdict.requests += 1;
        verdict.asks += request.asks;
        verdict.accepted += u64::from(request.accepted.is_some());
        verdict.unknown += u64::from(request.accepted.is_none() && request.possible_from.is_some());
        if seen.insert((request.user, request.id), ()).is_some() {
            verdict.broken(|| format!("{} was made by two requests", name(request)));
        }
    }
}

fn one_order_a_request(history: &History, verdict: &mut Verdict) {
    for request in &history.requests {
        let Some((accepted_at, order)) = request.accepted else { continue };
        for answer in &request.answers {
            match &answer.said {
                Said::Order(other) if *other != order => {
                    verdict.broken(|| {
                        format!(
                            "{} became order {order} and order {other} (row {})",
                            name(request),
                            answer.at
                        )
                    });
                }
                said @ (Said::SoldOut | Said::InsufficientStock | Said::RefusedByRule(_))
                    if answer.asked > accepted_at =>
                {
                    verdict.broken(|| {
                        format!(
                            "{} was order {order} at row {accepted_at}, and was refused at row {}: {said:?}",
                            name(request),
                            answer.at
                        )
                    });
                }
                Said::Order(_)
                | Said::SoldOut
                | Said::InsufficientStock
                | Said::RefusedByRule(_)
                | Said::Refused
                | Said::Nothing => (),
            }
        }
    }
}

fn one_request_an_order(history: &History, verdict: &mut Verdict) {
    let mut seen: HashMap<u64, &Request> = HashMap::with_capacity(history.requests.len());
    for request in &history.requests {
        let Some((_, order)) = request.accepted else { continue };
        if let Some(other) = seen.insert(order, request) {
            verdict.broken(|| format!("order {order} is {} and {}", name(other), name(request)));
        }
    }
}

fn ids_in_real_time(history: &History, verdict: &mut Verdict) {
    // (row, whether it is an ask, request): at each ask, the highest id answered before it is known.
    let mut events: Vec<(Row, bool, &Request)> = Vec::with_capacity(2 * history.requests.len());
    for request in &history.requests {
        if let (Some((answered, _)), Some(asked)) = (request.accepted, request.possible_from) {
            events.push((asked, true, request));
            events.push((answered, false, request));
        }
    }
    events.sort_unstable_by_key(|(row, ..)| *row);
    let mut highest: Option<u64> = None;
    for (row, is_ask, request) in events {
        let Some((_, order)) = request.accepted else { continue };
        if !is_ask {
            highest = highest.max_by_place(order);
        } else if let Some(before) = highest
            && order != before // Two requests of one order are found above.
            && place(order) <= place(before)
        {
            verdict.broken(|| {
                format!(
                    "{} left at row {row}, when order {before} had been answered, and became the earlier order \
                     {order}",
                    name(request)
                )
            });
        }
    }
}

/// Where the log has an order: by its millisecond and its sequence; the slot between them tells of its user.
fn place(order: u64) -> (u64, u64) {
    (order >> 22, order & 0xFFF)
}

trait Later {
    fn max_by_place(self, order: u64) -> Option<u64>;
}

impl Later for Option<u64> {
    fn max_by_place(self, order: u64) -> Option<u64> {
        Some(self.map_or(order, |before| if place(before) > place(order) { before } else { order }))
    }
}

pub(crate) fn name(request: &Request) -> String {
    format!("request {:032x} of user {}", request.id, request.user)
}
