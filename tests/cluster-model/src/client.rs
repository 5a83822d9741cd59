//! Clients: each has one request id and asks with it until it hears something definite.

use crate::RequestNo;
use crate::mutation::{Mutation, Rules};
use crate::node::{Ask, Step};
use crate::story::{Story, name};
use crate::world::{Model, World};

/// What a client has done and heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Client {
    /// How often it has asked. Whoever asks again has given up the ask before, and no longer listens to it.
    pub asks: u8,
    /// The definite answer that it heard.
    pub heard: Heard,
}

/// A definite answer. All others (STORE_UNAVAILABLE, SKU_CLOSED, OUTCOME_UNKNOWN, silence) mean: ask again, with the
/// retry flag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Heard {
    /// None yet.
    #[default]
    Nothing,
    /// The order stands.
    Accepted,
    /// There will be no order of this request id. (Who was told so by the first ask may ask again.)
    SoldOut,
}

impl World {
    /// A client asks, the first time without the retry flag, later with it. It may do so while a node still works on
    /// the ask before: its time was up, or its connection broke.
    pub fn ask(&mut self, model: &Model, request: RequestNo, story: &mut Story) {
        let client = &mut self.clients[request];
        client.asks += 1;
        let retry = client.asks > 1 && !model.rules.broken(Mutation::FlagForgotten);
        let first = model.order(request).basket.from(0).expect("a basket is not empty");
        let looks = retry && !model.rules.broken(Mutation::RetryDoesNotLook);
        self.asks[request].put(Ask {
            no: client.asks,
            retry,
            attempt: u8::from(!looks),
            step: if looks { Step::Look } else { Step::Reserve(first) },
            ..Ask::default()
        });
        let no = client.asks;
        story.say(|| {
            let flag = if retry { ", with the retry flag" } else { "" };
            format!("client {} asks for the {no}. time{flag}", name(request))
        });
    }

    /// A node answers an ask. Only the client's last ask is listened to.
    pub fn answer(&mut self, rules: Rules, request: RequestNo, ask: u8, answer: Heard, story: &mut Story) {
        let client = &mut self.clients[request];
        let listens = client.asks == ask || rules.broken(Mutation::LateAnswerHeard);
        if client.heard == Heard::Nothing && listens {
            client.heard = answer;
            story.say(|| format!("  client {} hears {answer:?}", name(request)));
        } else {
            story.say(|| format!("  {answer:?} reaches nobody: client {} gave up ask {ask}", name(request)));
        }
    }
}
