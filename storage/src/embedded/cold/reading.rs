//! Reading the trees: what a cold store answers, whoever has it open.

use std::ops::{Bound, ControlFlow};

use domain::MicrosUtc;
use domain::verdict::OrderBrief;
use lsm_tree::{AbstractTree, Slice};

use super::layout::{due_key, due_of, made_of, older_key, older_of, order_key, user_key};
use super::store::{ColdError, DueKey, OrdersAtRest, Statistics, UserAsk, Version};
use super::trees::{NOW, Trees};

impl OrdersAtRest for Trees {
    fn each_as_of(&self, through: u64, each: &mut dyn FnMut(u64, &[u8])) -> Result<(), ColdError> {
        let mut older = Vec::new();
        for entry in self.orders.range::<[u8; 8], _>(.., NOW, None) {
            let (key, value) = self.entry("orders", entry)?;
            let (Some(made), Some((newest, record))) = (made_of(&key), self.opener.version(&key, &value))
            else {
                return Err(self.damaged("orders", &key));
            };
            if newest.through <= through {
                each(made, record);
            } else if self.read(made, through, &mut older)?.is_some() {
                // A version is in `older` before its successor takes its place, whoever else is putting it.
                each(made, &older);
            }
        }
        Ok(())
    }
}

impl Trees {
    pub(super) fn newest_version(&self, made: u64) -> Result<Option<(Version, Slice)>, ColdError> {
        let key = order_key(made);
        let found = self.orders.get(key, NOW);
        let Some(value) = found.map_err(|error| self.fault("orders", &key, error))? else {
            return Ok(None);
        };
        match self.opener.version(&key, &value) {
            Some((version, _)) => Ok(Some((version, value))),
            None => Err(self.damaged("orders", &key)),
        }
    }

    pub(super) fn read(
        &self,
        made: u64,
        through: u64,
        record: &mut Vec<u8>,
    ) -> Result<Option<Version>, ColdError> {
        record.clear();
        let key = order_key(made);
        let Some((newest, value)) = self.newest_version(made)? else { return Ok(None) };
        if newest.through <= through {
            let (_, bytes) = self.opener.version(&key, &value).expect("it was just taken apart");
            record.extend_from_slice(bytes);
            return Ok(Some(newest));
        }
        let older = older_key(made, through)..=older_key(made, 0);
        let Some(entry) = self.older.range(older, NOW, None).next() else { return Ok(None) };
        let (key, value) = self.entry("older", entry)?;
        let (Some((_, version_through)), Some((version, bytes))) =
            (older_of(&key), self.opener.version(&key, &value))
        else {
            return Err(self.damaged("older", &key));
        };
        debug_assert_eq!(version_through, version.through, "the seal covers both");
        record.extend_from_slice(bytes);
        Ok(Some(version))
    }

    pub(super) fn of_user(&self, ask: UserAsk, page: &mut Vec<OrderBrief>) -> Result<u64, ColdError> {
        let UserAsk { user, before_made, state, limit, looks_max } = ask;
        let Some(first) = before_made.checked_sub(1) else { return Ok(0) };
        let mut orders = self.by_user.range(user_key(user, first)..=user_key(user, 0), NOW, None);
        let (mut looks, mut found, mut last) = (0, 0, 0);
        while found < limit && looks < looks_max {
            let Some(entry) = orders.next() else { return Ok(0) };
            let (key, value) = self.entry("by_user", entry)?;
            let Some((made, brief)) = self.opener.brief(&key, &value) else {
                return Err(self.damaged("by_user", &key));
            };
            if state.is_none_or(|state| state == brief.state) {
                page.push(brief);
                found += 1;
            }
            looks += 1;
            last = made;
        }
        let is_older = orders.next().map(|entry| self.entry("by_user", entry)).transpose()?.is_some();
        Ok(if is_older { last } else { 0 })
    }

    pub(super) fn newest(
        &self,
        before_made: u64,
        looks_max: usize,
        each: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<u64, ColdError> {
        let mut orders = self.orders.range(..order_key(before_made), NOW, None).rev();
        let (mut looks, mut last) = (0, 0);
        let mut flow = ControlFlow::Continue(());
        while flow.is_continue() && looks < looks_max {
            let Some(entry) = orders.next() else { return Ok(0) };
            let (key, value) = self.entry("orders", entry)?;
            let (Some(made), Some((_, record))) = (made_of(&key), self.opener.version(&key, &value)) else {
                return Err(self.damaged("orders", &key));
            };
            flow = each(made, record);
            looks += 1;
            last = made;
        }
        let is_older = orders.next().map(|entry| self.entry("orders", entry)).transpose()?.is_some();
        Ok(if is_older { last } else { 0 })
    }

    pub(super) fn due(
        &self,
        after: Option<DueKey>,
        until: MicrosUtc,
        limit: usize,
        found: &mut Vec<DueKey>,
    ) -> Result<(), ColdError> {
        if after.is_some_and(|(due, made)| (due, made) >= (until, u64::MAX)) {
            return Ok(());
        }
        let from = after.map_or(Bound::Unbounded, |(due, made)| Bound::Excluded(due_key(due, made)));
        let to = Bound::Included(due_key(until, u64::MAX));
        let room = found.len() + limit;
        for entry in self.due.range((from, to), NOW, None) {
            if found.len() == room {
                break;
            }
            let (key, _) = self.entry("due", entry)?;
            let (due, made) = due_of(&key).ok_or_else(|| self.damaged("due", &key))?;
            // A crash may have left one that its order has no more.
            if self.newest_version(made)?.is_some_and(|(newest, _)| newest.due == Some(due)) {
                found.push((due, made));
            }
        }
        Ok(())
    }

    pub(super) fn statistics(&self) -> Statistics {
        Statistics {
            orders_about: self.orders.approximate_len() as u64,
            disk_bytes: self.in_order_of_writing().iter().map(|(_, tree)| tree.disk_space()).sum(),
        }
    }
}
