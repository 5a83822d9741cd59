//! LIMIT_PUT, LIMIT_LIST, SWITCH and SWITCH_LIST.

use protocol::structs as wire;
use protocol::{Nothing, Parsed, messages, text};

use super::sealed::Wire;
use super::{Ask, Changes, Request};
use crate::shop::{self, Page, Switch, UserLimit};
use crate::values::{MicrosUtc, Scope, Stops, UserId, UserList};

/// What a page holds where nobody says otherwise.
const PAGE: u16 = 100;

/// Sets, replaces or clears a switch.
#[derive(Clone, Debug)]
pub struct SwitchPut {
    scope: Scope,
    stops: Stops,
    replaces: u32,
    note: [u8; 96],
}

impl SwitchPut {
    pub(crate) fn new(scope: Scope, stops: Stops, replaces: u32) -> SwitchPut {
        SwitchPut { scope, stops, replaces, note: [0; 96] }
    }
}

impl Request<SwitchPut> {
    /// The version that this one replaces. Without it none may be set for the scope; otherwise VERSION_CONFLICT.
    pub fn replaces(mut self, version: u32) -> Self {
        self.ask.replaces = version;
        self
    }

    /// Why, for other operators: up to 96 characters, each that is not printable ASCII as `?`.
    pub fn note(mut self, why: &str) -> Self {
        self.ask.note = text(why);
        self
    }
}

impl Wire for SwitchPut {
    type Question = messages::Switch;
    type Reply = messages::SwitchAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::SwitchHead {
        let SwitchPut { scope, stops, replaces, note } = *self;
        let (scope, id) = (scope.number(), scope.id());
        wire::SwitchHead { request, id, replaces, scope, stops: stops.bits(), note }
    }
}

/// The answer is the version that the change made.
impl Ask for SwitchPut {
    type Answer = u32;

    fn read(answer: &Parsed<'_, messages::SwitchAnswer>) -> Option<u32> {
        Some(answer.head.version)
    }
}

impl Changes for SwitchPut {}

/// Reads the switches that are set.
#[derive(Clone, Debug)]
pub struct SwitchList {
    after: Option<Scope>,
    limit: u16,
}

impl SwitchList {
    pub(crate) fn new() -> SwitchList {
        SwitchList { after: None, limit: PAGE }
    }
}

impl Request<SwitchList> {
    /// Only switches behind this one: the last one of a page brings the next page.
    pub fn after(mut self, scope: Scope) -> Self {
        self.ask.after = Some(scope);
        self
    }

    /// Switches of one page, 1 to 100. Default 100.
    pub fn limit(mut self, switches: u16) -> Self {
        self.ask.limit = switches;
        self
    }
}

impl Wire for SwitchList {
    type Question = messages::SwitchList;
    type Reply = messages::SwitchListAnswer;
    const CHANGES: bool = false;

    fn head(&self, _request: u128) -> wire::SwitchListHead {
        let (after_scope, after_id) = self.after.map_or((0, 0), |scope| (scope.number(), scope.id()));
        wire::SwitchListHead { after_id, limit: self.limit, after_scope }
    }
}

impl Ask for SwitchList {
    type Answer = Page<Switch>;

    fn read(answer: &Parsed<'_, messages::SwitchListAnswer>) -> Option<Page<Switch>> {
        let items = answer.items.iter().map(|item| shop::switch(&item)).collect::<Option<_>>()?;
        Some(Page { items, more: answer.head.more })
    }
}

/// Sets what counts for one user: what is not named is not set any more.
#[derive(Clone, Debug)]
pub struct LimitPut {
    limit: wire::UserLimit,
}

impl LimitPut {
    pub(crate) fn new(user: UserId, list: UserList) -> LimitPut {
        LimitPut { limit: wire::UserLimit { user: user.0, until: 0, sale_units: 0, list: list.number() } }
    }
}

impl Request<LimitPut> {
    /// Units that the user may take of each sale that has a per-user limit, instead of that limit. Default 0: as the
    /// sale says.
    pub fn sale_units(mut self, units: u32) -> Self {
        self.ask.limit.sale_units = units;
        self
    }

    /// From when on none of this counts any more. Default: it counts until it is changed.
    pub fn until(mut self, at: MicrosUtc) -> Self {
        self.ask.limit.until = at.0;
        self
    }
}

impl Wire for LimitPut {
    type Question = messages::LimitPut;
    type Reply = messages::LimitPutAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::LimitPutHead {
        wire::LimitPutHead { request, limit: self.limit }
    }
}

impl Ask for LimitPut {
    type Answer = ();

    fn read(answer: &Parsed<'_, messages::LimitPutAnswer>) -> Option<()> {
        let Nothing = answer.head;
        Some(())
    }
}

impl Changes for LimitPut {}

/// Reads for which users something is set.
#[derive(Clone, Debug)]
pub struct LimitList {
    after: UserId,
    limit: u16,
}

impl LimitList {
    pub(crate) fn new() -> LimitList {
        LimitList { after: UserId(0), limit: PAGE }
    }
}

impl Request<LimitList> {
    /// Only users above this one: the last one of a page brings the next page.
    pub fn after(mut self, user: UserId) -> Self {
        self.ask.after = user;
        self
    }

    /// Users of one page, 1 to 100. Default 100.
    pub fn limit(mut self, users: u16) -> Self {
        self.ask.limit = users;
        self
    }
}

impl Wire for LimitList {
    type Question = messages::LimitList;
    type Reply = messages::LimitListAnswer;
    const CHANGES: bool = false;

    fn head(&self, _request: u128) -> wire::LimitListHead {
        wire::LimitListHead { after: self.after.0, limit: self.limit }
    }
}

impl Ask for LimitList {
    type Answer = Page<UserLimit>;

    fn read(answer: &Parsed<'_, messages::LimitListAnswer>) -> Option<Page<UserLimit>> {
        let items = answer.items.iter().map(|item| shop::user_limit(&item)).collect::<Option<_>>()?;
        Some(Page { items, more: answer.head.more })
    }
}
