//! Many intents in a few flat vectors, so that a turn's worth crosses a ring in one push.

use std::ops::Range;

use domain::coupon::{Coupon, CouponIds};
use domain::intent::{
    AskedLine, CouponCheck, CouponDefine, Create, Envelope, LetterPark, Lines, Prepare, SalePut, SaleSku,
    SentLine, Ship, StockReserve, SwitchPut,
};
use domain::letter::LetterReason;
use domain::switch::Note;
use domain::{Currency, CursorName, Intent, MicrosUtc, MinorUnits, RequestId, SkuId, UserId};

/// The asker's own value: comes back with the answer, means nothing to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);

/// One intent of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submitted<'a> {
    /// Comes back with the answer.
    pub ticket: Ticket,
    /// What comes with every intent.
    pub envelope: Envelope,
    /// Ledger time from which the asker does not wait any more; checked before the step, never after.
    pub deadline: Option<MicrosUtc>,
    /// What is wanted.
    pub intent: Intent<'a>,
}

/// The batch has no room for this intent; submit it and lend another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// Intents in the order in which they are to be decided. Owns what they borrow.
#[derive(Debug)]
pub struct IntentBatch {
    intents_max: usize,
    entries: Vec<Stored>,
    lines: Vec<AskedLine>,
    skus: Vec<SaleSku>,
    sent_lines: Vec<SentLine>,
    coupons: Vec<Coupon>,
    coupon_skus: Vec<SkuId>,
    bytes: Vec<u8>,
}

/// An intent whose lists, if it has any, lie in the vectors of its batch.
#[derive(Clone, Debug)]
struct Stored {
    ticket: Ticket,
    envelope: Envelope,
    deadline: Option<MicrosUtc>,
    intent: Bare,
}

/// An intent without its lists.
#[derive(Clone, Debug)]
enum Bare {
    CouponDefine {
        request: RequestId,
        replaces: u32,
        coupon: u32,
        skus: Range<u32>,
    },
    CouponCheck {
        user: UserId,
        currency: Currency,
        coupons: CouponIds,
        lines: Range<u32>,
    },
    Create {
        create: CreateHead,
        lines: Range<u32>,
        client_bytes: Range<u32>,
    },
    Prepare {
        user: UserId,
        coupons: CouponIds,
        currency: Currency,
        lines: Range<u32>,
        hold: Option<RequestId>,
    },
    StockReserve {
        user: UserId,
        request: RequestId,
        hold_seconds: u32,
        lines: Range<u32>,
    },
    SalePut {
        put: SalePut<'static>,
        skus: Range<u32>,
    },
    LetterPark {
        request: RequestId,
        subscriber: CursorName,
        position: u64,
        reason: Range<u32>,
    },
    SwitchPut {
        put: SwitchPut<'static>,
        note: Range<u32>,
    },
    Ship {
        ship: Ship<'static>,
        lines: Range<u32>,
    },
    Whole(Intent<'static>),
}

#[derive(Clone, Copy, Debug)]
struct CreateHead {
    user: UserId,
    request: RequestId,
    hold: u64,
    coupons: CouponIds,
    currency: Currency,
    total: MinorUnits,
}

impl IntentBatch {
    /// Room for `intents_max` intents, and for lists as long as usual without growing.
    pub fn with_capacity(intents_max: usize) -> IntentBatch {
        IntentBatch {
            intents_max,
            entries: Vec::with_capacity(intents_max),
            lines: Vec::with_capacity(2 * intents_max),
            skus: Vec::new(),
            sent_lines: Vec::new(),
            coupons: Vec::new(),
            coupon_skus: Vec::new(),
            bytes: Vec::with_capacity(64 * intents_max),
        }
    }

    /// Copies an intent in, behind those that are there.
    pub fn push(&mut self, submitted: &Submitted<'_>) -> Result<(), NoRoom> {
        if self.entries.len() == self.intents_max {
            return Err(NoRoom);
        }
        let Submitted { ticket, envelope, deadline, intent } = *submitted;
        let intent = self.keep(intent);
        self.entries.push(Stored { ticket, envelope, deadline, intent });
        Ok(())
    }

    /// How many intents there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The intent at this place, counted from 0. Panics behind the last one, as a slice does.
    pub fn at(&self, place: usize) -> Submitted<'_> {
        let Stored { ticket, envelope, deadline, ref intent } = self.entries[place];
        Submitted { ticket, envelope, deadline, intent: self.whole(intent) }
    }

    /// All intents, in order.
    pub fn iter(&self) -> impl Iterator<Item = Submitted<'_>> {
        (0..self.len()).map(|place| self.at(place))
    }

    /// Empties the batch and keeps its room.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.lines.clear();
        self.skus.clear();
        self.sent_lines.clear();
        self.coupons.clear();
        self.coupon_skus.clear();
        self.bytes.clear();
    }

    fn keep(&mut self, intent: Intent<'_>) -> Bare {
        match intent {
            Intent::Create(Create { user, request, hold, coupons, currency, total, lines, client_bytes }) => {
                Bare::Create {
                    create: CreateHead { user, request, hold, coupons, currency, total },
                    lines: copied(&mut self.lines, lines.as_slice()),
                    client_bytes: copied(&mut self.bytes, client_bytes),
                }
            }
            Intent::Prepare(Prepare { user, coupons, currency, lines, hold }) => Bare::Prepare {
                user,
                coupons,
                currency,
                lines: copied(&mut self.lines, lines.as_slice()),
                hold,
            },
            Intent::StockReserve(StockReserve { user, request, hold_seconds, lines }) => {
                let lines = copied(&mut self.lines, lines.as_slice());
                Bare::StockReserve { user, request, hold_seconds, lines }
            }
            Intent::SalePut(SalePut { request, replaces, sale, skus }) => Bare::SalePut {
                put: SalePut { request, replaces, sale, skus: &[] },
                skus: copied(&mut self.skus, skus),
            },
            Intent::SwitchPut(SwitchPut { request, scope, replaces, stops, note }) => Bare::SwitchPut {
                put: SwitchPut { request, scope, replaces, stops, note: Note::NONE },
                note: copied(&mut self.bytes, note.as_str().as_bytes()),
            },
            Intent::CouponDefine(CouponDefine { request, replaces, coupon, skus }) => {
                self.coupons.push(*coupon);
                let (coupon, skus) = (self.coupons.len() as u32 - 1, copied(&mut self.coupon_skus, skus));
                Bare::CouponDefine { request, replaces, coupon, skus }
            }
            Intent::CouponCheck(CouponCheck { user, currency, coupons, lines }) => {
                let lines = copied(&mut self.lines, lines.as_slice());
                Bare::CouponCheck { user, currency, coupons, lines }
            }
            Intent::CouponClaim(it) => Bare::Whole(Intent::CouponClaim(it)),
            Intent::CouponGet { user, coupon } => Bare::Whole(Intent::CouponGet { user, coupon }),
            Intent::CouponList { after, limit } => Bare::Whole(Intent::CouponList { after, limit }),
            Intent::Cancel(it) => Bare::Whole(Intent::Cancel(it)),
            Intent::SkuPut(it) => Bare::Whole(Intent::SkuPut(it)),
            Intent::FreightPut(it) => Bare::Whole(Intent::FreightPut(it)),
            Intent::FreightList { seller, currency, limit } => {
                Bare::Whole(Intent::FreightList { seller, currency, limit })
            }
            Intent::StockAdjust(it) => Bare::Whole(Intent::StockAdjust(it)),
            Intent::StockTransfer(it) => Bare::Whole(Intent::StockTransfer(it)),
            Intent::StockReturn(it) => Bare::Whole(Intent::StockReturn(it)),
            Intent::StockRelease(it) => Bare::Whole(Intent::StockRelease(it)),
            Intent::StockCommit(it) => Bare::Whole(Intent::StockCommit(it)),
            Intent::StockExtend(it) => Bare::Whole(Intent::StockExtend(it)),
            Intent::Get { user, order } => Bare::Whole(Intent::Get { user, order }),
            Intent::GetByRequest { user, request } => Bare::Whole(Intent::GetByRequest { user, request }),
            Intent::List(it) => Bare::Whole(Intent::List(it)),
            Intent::History { user, order } => Bare::Whole(Intent::History { user, order }),
            Intent::SkuGet(sku) => Bare::Whole(Intent::SkuGet(sku)),
            Intent::SkuList { after, limit } => Bare::Whole(Intent::SkuList { after, limit }),
            Intent::SaleGet(sale) => Bare::Whole(Intent::SaleGet(sale)),
            Intent::SaleList { after, limit } => Bare::Whole(Intent::SaleList { after, limit }),
            Intent::StockGet { sku, warehouse } => Bare::Whole(Intent::StockGet { sku, warehouse }),
            Intent::CursorMove(it) => Bare::Whole(Intent::CursorMove(it)),
            Intent::CursorGet(it) => Bare::Whole(Intent::CursorGet(it)),
            Intent::LetterPark(LetterPark { request, subscriber, position, reason }) => {
                let reason = copied(&mut self.bytes, reason.as_str().as_bytes());
                Bare::LetterPark { request, subscriber, position, reason }
            }
            Intent::LetterEnd(it) => Bare::Whole(Intent::LetterEnd(it)),
            Intent::LetterList(it) => Bare::Whole(Intent::LetterList(it)),
            Intent::LimitPut(it) => Bare::Whole(Intent::LimitPut(it)),
            Intent::LimitList { after, limit } => Bare::Whole(Intent::LimitList { after, limit }),
            Intent::Scan(it) => Bare::Whole(Intent::Scan(it)),
            Intent::SwitchList { after, limit } => Bare::Whole(Intent::SwitchList { after, limit }),
            Intent::Holdings => Bare::Whole(Intent::Holdings),
            Intent::PayOpen(it) => Bare::Whole(Intent::PayOpen(it)),
            Intent::PayCallback(it) => Bare::Whole(Intent::PayCallback(it)),
            Intent::PayGet { user, order, payment } => Bare::Whole(Intent::PayGet { user, order, payment }),
            Intent::PayClose(it) => Bare::Whole(Intent::PayClose(it)),
            Intent::Refund(it) => Bare::Whole(Intent::Refund(it)),
            Intent::RefundResult(it) => Bare::Whole(Intent::RefundResult(it)),
            Intent::Repair(it) => Bare::Whole(Intent::Repair(it)),
            Intent::Ship(Ship { request, order, version, waybill, lines }) => Bare::Ship {
                ship: Ship { request, order, version, waybill, lines: &[] },
                lines: copied(&mut self.sent_lines, lines),
            },
            Intent::Track { user, order } => Bare::Whole(Intent::Track { user, order }),
            Intent::TrackNote(it) => Bare::Whole(Intent::TrackNote(it)),
            Intent::CaseOpen(it) => Bare::Whole(Intent::CaseOpen(it)),
            Intent::CaseList { user, order } => Bare::Whole(Intent::CaseList { user, order }),
            Intent::CaseDecide(it) => Bare::Whole(Intent::CaseDecide(it)),
            Intent::CaseReceive(it) => Bare::Whole(Intent::CaseReceive(it)),
            Intent::Sign(it) => Bare::Whole(Intent::Sign(it)),
            Intent::ConfirmReceipt(it) => Bare::Whole(Intent::ConfirmReceipt(it)),
        }
    }

    fn whole<'a>(&'a self, bare: &Bare) -> Intent<'a> {
        match bare {
            Bare::Create { create, lines, client_bytes } => {
                let CreateHead { user, request, hold, coupons, currency, total } = *create;
                let lines = self.basket(lines);
                let client_bytes = &self.bytes[places(client_bytes)];
                Intent::Create(Create { user, request, hold, coupons, currency, total, lines, client_bytes })
            }
            Bare::Prepare { user, coupons, currency, lines, hold } => Intent::Prepare(Prepare {
                user: *user,
                coupons: *coupons,
                currency: *currency,
                lines: self.basket(lines),
                hold: *hold,
            }),
            Bare::StockReserve { user, request, hold_seconds, lines } => Intent::StockReserve(StockReserve {
                user: *user,
                request: *request,
                hold_seconds: *hold_seconds,
                lines: self.basket(lines),
            }),
            Bare::SalePut { put, skus } => {
                Intent::SalePut(SalePut { skus: &self.skus[places(skus)], ..*put })
            }
            Bare::LetterPark { request, subscriber, position, reason } => Intent::LetterPark(LetterPark {
                request: *request,
                subscriber: *subscriber,
                position: *position,
                reason: LetterReason::parse(&self.bytes[places(reason)])
                    .expect("only parsed reasons are pushed"),
            }),
            Bare::SwitchPut { put, note } => {
                let note = Note::parse(&self.bytes[places(note)]).expect("only parsed notes are pushed");
                Intent::SwitchPut(SwitchPut { note, ..*put })
            }
            Bare::Ship { ship, lines } => {
                Intent::Ship(Ship { lines: &self.sent_lines[places(lines)], ..*ship })
            }
            Bare::CouponDefine { request, replaces, coupon, skus } => Intent::CouponDefine(CouponDefine {
                request: *request,
                replaces: *replaces,
                coupon: &self.coupons[*coupon as usize],
                skus: &self.coupon_skus[places(skus)],
            }),
            Bare::CouponCheck { user, currency, coupons, lines } => Intent::CouponCheck(CouponCheck {
                user: *user,
                currency: *currency,
                coupons: *coupons,
                lines: self.basket(lines),
            }),
            Bare::Whole(intent) => *intent,
        }
    }

    fn basket(&self, lines: &Range<u32>) -> Lines<'_> {
        Lines::parse(&self.lines[places(lines)]).expect("only parsed lines are pushed")
    }
}

/// Appends a list and says where it lies now. Frames and batches are bounded far below 2^32 items.
fn copied<T: Copy>(into: &mut Vec<T>, list: &[T]) -> Range<u32> {
    let from = into.len() as u32;
    into.extend_from_slice(list);
    from..into.len() as u32
}

fn places(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Quantity, WarehouseId};

    #[test]
    fn what_goes_in_comes_out_and_full_is_said() {
        let line = |sku| AskedLine {
            sku: SkuId(sku),
            warehouse: WarehouseId(1),
            quantity: Quantity::parse(2).expect("two is a quantity"),
        };
        let lines = [line(7), line(9)];
        let create = Intent::Create(Create {
            user: UserId(1),
            request: RequestId(2),
            hold: 0,
            coupons: CouponIds::parse([7, 9, 0, 0]).expect("two coupons"),
            currency: Currency(978),
            total: MinorUnits(500),
            lines: Lines::parse(&lines).expect("two skus"),
            client_bytes: b"gift",
        });
        let read = Intent::SkuGet(SkuId(7));
        let submitted = |ticket, intent| Submitted {
            ticket: Ticket(ticket),
            envelope: Envelope::default(),
            deadline: Some(MicrosUtc(9)),
            intent,
        };

        let mut batch = IntentBatch::with_capacity(2);
        for round in 0..3 {
            assert_eq!(batch.push(&submitted(round, create)), Ok(()));
            assert_eq!(batch.push(&submitted(round + 1, read)), Ok(()));
            assert_eq!(batch.push(&submitted(9, read)), Err(NoRoom));
            let there: Vec<_> = batch.iter().collect();
            assert_eq!(there, [submitted(round, create), submitted(round + 1, read)]);
            batch.clear();
            assert!(batch.is_empty());
        }
    }
}
