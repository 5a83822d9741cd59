//! Pieces of the stream as a filter wants them, written once for all subscribers who stand at their beginning.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::CursorName;
use protocol::bounds::EVENT_ITEMS_MAX;
use protocol::structs::Event;
use protocol::{Plain, append_items};

use super::pages::Pages;
use super::{EventLog, Filter, LogFailed, OFFER_BYTES};

/// Pieces that are kept, at most: one for each filter at each place where somebody stands.
const PIECES_MAX: usize = 64;
/// Pages that are looked through for one piece before somebody else has its turn.
const PAGES_A_TURN: usize = 16;
/// Items of one piece, but for those of its last event.
const PIECE_ITEMS: usize = OFFER_BYTES / Event::LAYOUT.bytes;

/// Events behind a position, up to another.
#[derive(Debug)]
pub(super) struct Piece {
    filter: Filter,
    after: u64,
    /// All up to here is in it, or left out by the filter.
    pub(super) through: u64,
    /// Nothing is durable behind it.
    pub(super) is_last: bool,
    /// The items of its first event. What was sent before it differs from one subscriber to the other.
    pub(super) first: Vec<Event>,
    /// The items of the other events, as they lie in a frame.
    pub(super) behind: Arc<[u8]>,
    /// Events in it.
    pub(super) events: u64,
    /// Items in it.
    pub(super) items: usize,
    /// Position of its last event; 0 where it has none.
    pub(super) last: u64,
    /// Some event in it was for one subscriber alone: then it is for this subscriber (or for none by name).
    for_one: Option<Option<CursorName>>,
}

/// The pieces written last.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    kept: VecDeque<Arc<Piece>>,
    items: Vec<Event>,
}

/// Whose piece it is to be, and how long at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) filter: Filter,
    pub(super) subscriber: Option<CursorName>,
    pub(super) after: u64,
    /// Events; at least 1.
    pub(super) events: u64,
    /// Items, but for those of the last event; at least 1.
    pub(super) items: usize,
}

impl Pieces {
    /// The next piece for a subscriber.
    pub(super) fn next(
        &mut self,
        pages: &mut Pages<impl EventLog>,
        wanted: &Wanted,
    ) -> Result<Arc<Piece>, LogFailed> {
        let fits = |piece: &&Arc<Piece>| piece.fits(wanted);
        if let Some(piece) = self.kept.iter().rev().find(fits) {
            return Ok(Arc::clone(piece));
        }
        let (piece, is_cut) = self.gather(pages, wanted)?;
        let piece = Arc::new(piece);
        // One that ends where somebody's credit does is of no use to others, nor is an empty one.
        if !is_cut && piece.through > piece.after {
            if self.kept.len() >= PIECES_MAX {
                self.kept.pop_front();
            }
            self.kept.push_back(Arc::clone(&piece));
        }
        Ok(piece)
    }

    /// Collects events; says whether credit ended it.
    fn gather(
        &mut self,
        pages: &mut Pages<impl EventLog>,
        wanted: &Wanted,
    ) -> Result<(Piece, bool), LogFailed> {
        let Wanted { filter, subscriber, after, .. } = *wanted;
        let Pieces { items, .. } = self;
        items.clear();
        let mut piece = Piece {
            filter,
            after,
            through: after,
            is_last: false,
            first: Vec::new(),
            behind: Arc::new([]),
            events: 0,
            items: 0,
            last: 0,
            for_one: None,
        };
        let mut is_cut = false;
        'pages: for _ in 0..PAGES_A_TURN {
            let page = match pages.behind(piece.through) {
                Ok(Some(page)) => page,
                Ok(None) => {
                    piece.is_last = true;
                    break;
                }
                Err(why) if piece.through == after => return Err(why),
                Err(_) => break, // What there is goes first, then the next look says why no more.
            };
            for event in page.events_behind(piece.through, &filter) {
                let Some(Event { position, .. }) = event.first().copied() else { continue };
                let wants = match page.addressee(position) {
                    None => filter.wants(event),
                    addressee => {
                        piece.for_one = Some(subscriber);
                        addressee == subscriber
                    }
                };
                if wants {
                    let is_full =
                        items.len() >= PIECE_ITEMS || items.len() + event.len() > EVENT_ITEMS_MAX as usize;
                    is_cut = piece.events >= wanted.events || items.len() >= wanted.items;
                    if is_full || is_cut {
                        break 'pages;
                    }
                    items.extend(event.iter().map(|item| Event { previous: piece.last, ..*item }));
                    if piece.events == 0 {
                        piece.first.extend_from_slice(event);
                    }
                    (piece.last, piece.events) = (position, piece.events + 1);
                }
                piece.through = position;
            }
            piece.through = page.through;
        }
        piece.items = items.len();
        let mut behind = Vec::new();
        append_items(&mut behind, &items[piece.first.len()..]);
        piece.behind = behind.into();
        Ok((piece, is_cut))
    }
}

impl Piece {
    /// These events of one item, which are no facts: all at this cursor, behind this event.
    pub(super) fn of_now(cursor: u64, previous: u64, events: &[Event]) -> Piece {
        let (first, others) = events.split_at(events.len().min(1));
        let others: Vec<_> = others.iter().map(|event| Event { previous, ..*event }).collect();
        let mut behind = Vec::new();
        append_items(&mut behind, &others);
        Piece {
            filter: Filter::default(),
            after: cursor,
            through: cursor,
            is_last: true,
            first: first.to_vec(),
            behind: behind.into(),
            events: events.len() as u64,
            items: events.len(),
            last: previous,
            for_one: None,
        }
    }

    fn fits(&self, wanted: &Wanted) -> bool {
        self.after == wanted.after
            && self.filter == wanted.filter
            && self.for_one.is_none_or(|of| of == wanted.subscriber)
            && self.events <= wanted.events
            && self.items <= wanted.items
    }
}
