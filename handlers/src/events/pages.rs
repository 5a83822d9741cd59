//! Pieces of the log as events, read and decoded once however many subscribers want them.

use std::cell::OnceCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use domain::{CursorName, Fact, OrderId};
use protocol::EventType;
use protocol::structs::Event;

use super::orders::Orders;
use super::sketch::{Parts, Sketch, sketch, with_coupon, with_line, with_shelf};
use super::{EventLog, Filter, LogFailed};

/// Bytes of pages that are kept, at most, but for the last one.
const PAGES_BYTES_MAX: usize = 16 << 20;

/// The events between two positions.
#[derive(Debug)]
pub(super) struct Page {
    /// The page begins behind this position.
    pub(super) after: u64,
    /// And goes up to this one.
    pub(super) through: u64,
    items: Vec<Event>,
    /// For each event the place behind its last item.
    ends: Vec<usize>,
    /// Events that are for one subscriber alone, by position.
    addressed: BTreeMap<u64, CursorName>,
    /// Places of events by what their items name, sorted; made for the first who asks.
    by_sku: OnceCell<Vec<(u64, u32)>>,
    by_user: OnceCell<Vec<(u64, u32)>>,
}

impl Page {
    /// The items of each event behind a position, by event; those that cannot be wanted may be left out.
    pub(super) fn events_behind(&self, position: u64, filter: &Filter) -> impl Iterator<Item = &[Event]> {
        let skip = self.ends.partition_point(|&end| self.items[end - 1].position <= position);
        // A hundred subscribers of a sku each do not look at all events a hundred times.
        let named = match *filter {
            _ if !self.addressed.is_empty() => None,
            Filter { sku: 0, user: 0, .. } => None,
            Filter { sku: 0, user, .. } => Some((user, self.by(&self.by_user, |item| item.user))),
            Filter { sku, .. } => Some((sku, self.by(&self.by_sku, |item| item.sku))),
        };
        let (all, some) = match named {
            None => (skip..self.ends.len(), &[][..]),
            Some((wanted, sorted)) => {
                let from = sorted.partition_point(|&named| named < (wanted, skip as u32));
                let to = from + sorted[from..].partition_point(|&(named, _)| named == wanted);
                (0..0, &sorted[from..to])
            }
        };
        all.chain(some.iter().map(|&(_, place)| place as usize)).map(|place| self.event(place))
    }

    fn event(&self, place: usize) -> &[Event] {
        let begin = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.items[begin..self.ends[place]]
    }

    fn by<'a>(
        &self,
        index: &'a OnceCell<Vec<(u64, u32)>>,
        names: impl Fn(&Event) -> u64,
    ) -> &'a [(u64, u32)] {
        index.get_or_init(|| {
            let places = 0..self.ends.len();
            let of = |place| self.event(place).iter().map(move |item| (item, place as u32));
            let mut named: Vec<_> = places.flat_map(of).map(|(item, place)| (names(item), place)).collect();
            named.sort_unstable();
            named.dedup();
            named
        })
    }

    /// The one subscriber that the event at this position is for; nothing where it is for all.
    pub(super) fn addressee(&self, position: u64) -> Option<CursorName> {
        if self.addressed.is_empty() { None } else { self.addressed.get(&position).copied() }
    }

    fn bytes(&self) -> usize {
        // With both indexes, made or not.
        self.items.len() * (size_of::<Event>() + 2 * size_of::<(u64, u32)>())
            + self.ends.len() * size_of::<usize>()
    }
}

/// The pages read last.
#[derive(Debug)]
pub(super) struct Pages<L> {
    pub(super) log: L,
    orders: Orders,
    by_after: BTreeMap<u64, Rc<Page>>,
    oldest_first: VecDeque<u64>,
    bytes: usize,
}

impl<L: EventLog> Pages<L> {
    pub(super) fn new(log: L) -> Pages<L> {
        let orders = Orders::default();
        Pages { log, orders, by_after: BTreeMap::new(), oldest_first: VecDeque::new(), bytes: 0 }
    }

    /// A page that has the position behind `cursor`; nothing where that is not durable yet.
    pub(super) fn behind(&mut self, cursor: u64) -> Result<Option<Rc<Page>>, LogFailed> {
        if cursor >= self.log.durable() {
            return Ok(None);
        }
        let kept = self.by_after.range(..=cursor).next_back().map(|(_, page)| page);
        if let Some(page) = kept.filter(|page| page.through > cursor) {
            return Ok(Some(Rc::clone(page)));
        }
        let page = Rc::new(self.read(cursor)?);
        if page.through <= cursor {
            return Ok(None);
        }
        self.keep(&page);
        Ok(Some(page))
    }

    fn keep(&mut self, page: &Rc<Page>) {
        self.bytes += page.bytes();
        self.oldest_first.push_back(page.after);
        if let Some(replaced) = self.by_after.insert(page.after, Rc::clone(page)) {
            self.bytes -= replaced.bytes();
            self.oldest_first.retain(|&after| after != page.after);
            self.oldest_first.push_back(page.after);
        }
        while self.bytes > PAGES_BYTES_MAX && self.by_after.len() > 1 {
            let Some(oldest) = self.oldest_first.pop_front() else { break };
            self.bytes -= self.by_after.remove(&oldest).map_or(0, |gone| gone.bytes());
        }
    }

    fn read(&mut self, after: u64) -> Result<Page, LogFailed> {
        let Pages { log, orders, .. } = self;
        let mut sketches = Vec::new();
        let through = log.read(after, &mut |position, stamp, fact| {
            if let Fact::OrderCreated(created) = fact {
                orders.learn(created);
            }
            sketches.extend(sketch(position, stamp, fact));
        })?;
        let ends = Vec::with_capacity(sketches.len());
        let mut page = Page {
            after,
            through,
            items: Vec::new(),
            ends,
            addressed: BTreeMap::new(),
            by_sku: OnceCell::new(),
            by_user: OnceCell::new(),
        };
        for sketch in &sketches {
            match sketch.parts {
                Parts::Again { subscriber, position } => {
                    page.addressed.insert(sketch.event.position, subscriber);
                    draw_again(&mut page.items, &sketch.event, position, orders, log)?;
                }
                Parts::One | Parts::Shelves(_) | Parts::Moved(_) | Parts::Lines | Parts::Coupons(_) => {
                    draw(&mut page.items, sketch, orders, log)?;
                }
            }
            page.ends.push(page.items.len());
        }
        Ok(page)
    }
}

/// The items of the event at a position before, told again at this one.
fn draw_again(
    items: &mut Vec<Event>,
    here: &Event,
    mut of: u64,
    orders: &mut Orders,
    log: &mut impl EventLog,
) -> Result<(), LogFailed> {
    let begin = items.len();
    let again = of;
    // What was parked may itself have been told again: then what that told.
    while let Some(found) = sketch_at(of, log)? {
        match found.parts {
            Parts::Again { position, .. } if position < of => of = position,
            Parts::Again { .. } => break,
            Parts::One | Parts::Shelves(_) | Parts::Moved(_) | Parts::Lines | Parts::Coupons(_) => {
                draw(items, &found, orders, log)?;
                break;
            }
        }
    }
    if items.len() == begin {
        items.push(*here);
    }
    for item in &mut items[begin..] {
        (item.position, item.again) = (here.position, again);
    }
    Ok(())
}

/// The event at a position; nothing where none is, or where it is not kept any more.
fn sketch_at(at: u64, log: &mut impl EventLog) -> Result<Option<Sketch>, LogFailed> {
    let mut found = None;
    let Some(before) = at.checked_sub(1) else { return Ok(None) };
    let read = log.read(before, &mut |position, stamp, fact| {
        if position == at {
            found = sketch(position, stamp, fact);
        }
    });
    match read {
        Ok(_) => Ok(found),
        Err(LogFailed::Gone { .. }) => Ok(None),
        Err(why) => Err(why),
    }
}

/// The items of an event, with what is known of its order.
fn draw(
    items: &mut Vec<Event>,
    sketch: &Sketch,
    orders: &mut Orders,
    log: &mut impl EventLog,
) -> Result<(), LogFailed> {
    let mut event = sketch.event;
    let known = match event.order {
        0 => None,
        order => orders.get(OrderId(order), log)?,
    };
    if let Some(known) = &known {
        event.user = known.user;
        // A fact about money says how much, of what; nothing is an amount, too.
        if event.currency == 0 {
            event.currency = known.currency;
            // Of a case, nothing is what goes back: an exchange.
            let has_none = event.amount == 0 && event.event != EventType::AftersaleChanged.number();
            event.amount = if has_none { known.total } else { event.amount };
        }
    }
    let lines = known.as_ref().map_or(&[][..], |known| &known.lines);
    let begin = items.len();
    match &sketch.parts {
        Parts::One => items.push(event),
        Parts::Shelves(shelves) => items.extend(
            shelves
                .iter()
                .map(|shelf| with_shelf(event, shelf, lines.iter().find(|line| line.sku == shelf.sku.0))),
        ),
        Parts::Moved(shelves) => {
            items.extend(shelves.map(|(warehouse, units)| Event { warehouse: warehouse.0, units, ..event }))
        }
        Parts::Again { .. } => (),
        Parts::Coupons(shares) => items.extend(shares.iter().map(|share| with_coupon(event, share))),
        Parts::Lines => items.extend(lines.iter().map(|line| with_line(event, line))),
    }
    if items.len() == begin {
        items.push(event); // Of an order that no fact made: it still is an event.
    }
    let parts = items.len() - begin;
    for (part, item) in items[begin..].iter_mut().enumerate() {
        // Baskets have at most 256 lines.
        (item.part, item.parts) = (part as u16, parts as u16);
    }
    Ok(())
}
