//! A toy shop that speaks the wire: a thread a connection, a map behind a lock, and faults on demand. It shows what
//! the generator makes of a server, good or bad; the real one is tested end to end elsewhere.

mod life;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use protocol::bounds::{FRAME_BYTES_MAX, PAGE_MAX};
use protocol::messages::*;
use protocol::structs::*;
use protocol::{
    Header, Message, Meta, Parsed, Plain, Split, Status, append, append_refusal, parse, split, text,
};

/// What the shop does wrong.
#[derive(Debug, Default)]
pub struct Faults {
    /// Every so many CREATEs nothing is answered any more, on any connection, and all break; 0: never.
    pub break_after: AtomicU64,
    /// Nobody can connect any more.
    pub closed: AtomicBool,
    /// Asking again makes a new order.
    pub forgets: AtomicBool,
    /// Money that arrived is not kept.
    pub loses_money: AtomicBool,
    /// Callbacks are not believed.
    pub doubts_gateways: AtomicBool,
    /// Every so many orders are acknowledged and not kept; 0: none.
    pub loses_one_in: AtomicU64,
}

#[derive(Debug, Default)]
struct Shop {
    skus: HashMap<u64, (SkuPutHead, u32)>,
    sales: HashMap<u32, (SalePutHead, u32, Vec<SaleSku>)>,
    /// on hand, held
    shelves: HashMap<u64, (i64, i64)>,
    orders: HashMap<(u64, u128), (OrderBrief, Vec<AskedLine>)>,
    by_user: HashMap<u64, Vec<OrderBrief>>,
    taken: HashMap<u64, u64>,
    /// By order: who asked for it and how, which is where it is.
    asks: HashMap<u64, (u64, u128)>,
    /// By payment.
    payments: HashMap<u64, Payment>,
    last_order: u64,
    creates: u64,
    sockets: Vec<TcpStream>,
}

/// A shop that is open until it is dropped.
pub struct Toy {
    pub address: String,
    pub faults: Arc<Faults>,
    shop: Arc<Mutex<Shop>>,
}

type Answer<A> = Result<(<A as Message>::Head, Vec<<A as Message>::Item>), (Status, Refusal)>;

impl Toy {
    pub fn open() -> Toy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let toy = Toy { address, faults: Arc::default(), shop: Arc::default() };
        let (faults, shop) = (toy.faults.clone(), toy.shop.clone());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if faults.closed.load(Ordering::SeqCst) {
                    continue;
                }
                let _ = stream.set_nodelay(true);
                shop.lock().unwrap().sockets.push(stream.try_clone().unwrap());
                let (faults, shop) = (faults.clone(), shop.clone());
                thread::spawn(move || serve(stream, &faults, &shop));
            }
        });
        toy
    }

    /// Units sold or held of all skus, and orders.
    pub fn taken(&self) -> (u64, u64) {
        let shop = self.shop.lock().unwrap();
        (shop.shelves.values().map(|shelf| shelf.1 as u64).sum(), shop.orders.len() as u64)
    }

    /// (units, money) of each sku and of each user.
    pub fn sums(&self) -> (HashMap<u64, u64>, HashMap<u64, i64>) {
        let shop = self.shop.lock().unwrap();
        let (mut skus, mut users) = (HashMap::new(), HashMap::new());
        for (brief, lines) in shop.orders.values() {
            *users.entry(brief.user).or_default() += brief.total;
            for line in lines {
                *skus.entry(line.sku).or_default() += u64::from(line.quantity);
            }
        }
        (skus, users)
    }

    /// Everybody is thrown out; `closed` says whether anybody may come back.
    pub fn throw_out(&self, closed: bool) {
        self.faults.closed.store(closed, Ordering::SeqCst);
        throw_out(&mut self.shop.lock().unwrap());
    }
}

fn throw_out(shop: &mut Shop) {
    for socket in shop.sockets.drain(..) {
        let _ = socket.shutdown(Shutdown::Both);
    }
}

fn serve(mut stream: TcpStream, faults: &Faults, shop: &Mutex<Shop>) {
    let (mut inbox, mut out, mut chunk) = (Vec::new(), Vec::new(), vec![0; 64 << 10]);
    while let Ok(bytes @ 1..) = stream.read(&mut chunk) {
        inbox.extend_from_slice(&chunk[..bytes]);
        let mut at = 0;
        while let Split::Frame { header, body, used } = split(&inbox[at..], FRAME_BYTES_MAX) {
            at += used;
            if !answer(&header, body, faults, &mut shop.lock().unwrap(), &mut out) {
                return;
            }
        }
        inbox.drain(..at);
        if stream.write_all(&out).is_err() {
            return;
        }
        out.clear();
    }
}

/// False: the connection breaks.
fn answer(header: &Header, body: &[u8], faults: &Faults, shop: &mut Shop, out: &mut Vec<u8>) -> bool {
    let kind = header.kind;
    if kind == Create::ABOUT.kind_code() {
        shop.creates += 1;
        let every = faults.break_after.load(Ordering::SeqCst);
        if every > 0 && shop.creates.is_multiple_of(every) {
            throw_out(shop);
            return false;
        }
        reply::<Create, CreateAnswer>(header, body, out, |ask| shop.create(&ask, faults));
    } else if kind == Hello::ABOUT.kind_code() {
        reply::<Hello, HelloAnswer>(header, body, out, |_| Ok((hello(), vec![])));
    } else if kind == SkuGet::ABOUT.kind_code() {
        reply::<SkuGet, SkuGetAnswer>(header, body, out, |ask| shop.sku(ask.head.sku));
    } else if kind == SkuPut::ABOUT.kind_code() {
        reply::<SkuPut, SkuPutAnswer>(header, body, out, |ask| shop.put_sku(ask.head));
    } else if kind == StockAdjust::ABOUT.kind_code() {
        reply::<StockAdjust, StockAdjustAnswer>(header, body, out, |ask| {
            shop.shelves.entry(ask.head.sku).or_default().0 += ask.head.on_hand_delta;
            Ok((shop.shelf(ask.head.sku), vec![]))
        });
    } else if kind == StockGet::ABOUT.kind_code() {
        reply::<StockGet, StockGetAnswer>(header, body, out, |ask| Ok((shop.shelf(ask.head.sku), vec![])));
    } else if kind == SaleGet::ABOUT.kind_code() {
        reply::<SaleGet, SaleGetAnswer>(header, body, out, |ask| match shop.sales.get(&ask.head.sale) {
            Some((put, version, skus)) => Ok((sale(put, *version), skus.clone())),
            None => Err((Status::SkuNotFound, Refusal::WHOLE)),
        });
    } else if kind == SalePut::ABOUT.kind_code() {
        reply::<SalePut, SalePutAnswer>(header, body, out, |ask| {
            let version = ask.head.replaces + 1;
            shop.sales.insert(ask.head.sale, (ask.head, version, ask.items.iter().collect()));
            Ok((SalePutAnswerHead { sale: ask.head.sale, version }, vec![]))
        });
    } else if kind == Get::ABOUT.kind_code() {
        reply::<Get, GetAnswer>(header, body, out, |ask| shop.get(&ask.head));
    } else if kind == List::ABOUT.kind_code() {
        reply::<List, ListAnswer>(header, body, out, |ask| shop.list(&ask.head));
    } else if kind == Stats::ABOUT.kind_code() {
        reply::<Stats, StatsAnswer>(header, body, out, |_| Ok((stats(), vec![])));
    } else if kind == Audit::ABOUT.kind_code() {
        reply::<Audit, AuditAnswer>(header, body, out, |_| Ok((shop.audit(), vec![])));
    } else if !life::answer(header, body, faults, shop, out) {
        append_refusal(out, &Meta::answering(header), kind, Status::UnknownKind, &Refusal::WHOLE);
    }
    true
}

fn reply<Q: Message, A: Message>(
    header: &Header,
    body: &[u8],
    out: &mut Vec<u8>,
    decide: impl FnOnce(Parsed<'_, Q>) -> Answer<A>,
) {
    let meta = Meta::answering(header);
    match parse::<Q>(header, body).map_err(|status| (status, Refusal::WHOLE)).and_then(decide) {
        Ok((head, items)) => {
            let tail = vec![0; A::tail_bytes(&head)];
            append::<A>(out, &meta, &head, items, &tail).expect("the toy keeps to the bounds");
        }
        Err((status, refusal)) => append_refusal(out, &meta, header.kind, status, &refusal),
    }
}

impl Shop {
    /// Price and limit of a sku, now.
    fn price(&self, sku: u64) -> Option<(i64, u32)> {
        let of_sale = self.sales.values().find_map(|(put, _, skus)| {
            let found = skus.iter().find(|item| item.sku == sku)?;
            Some((found.unit_price, put.user_limit_units))
        });
        of_sale.or_else(|| self.skus.get(&sku).map(|(put, _)| (put.unit_price, 0)))
    }

    fn create(&mut self, ask: &Parsed<'_, Create>, faults: &Faults) -> Answer<CreateAnswer> {
        let refuse = |status| Err((status, Refusal::WHOLE));
        let head = ask.head;
        let lines: Vec<AskedLine> = ask.items.iter().collect();
        if head.user == 0 || lines.iter().any(|line| line.sku == 0 || line.quantity == 0) {
            return refuse(Status::InvalidField);
        }
        let known = self.orders.get(&(head.user, head.request));
        if let Some((brief, _)) = known.filter(|_| !faults.forgets.load(Ordering::SeqCst)) {
            return Ok((*brief, vec![]));
        }
        let mut total = 0;
        let mut limit = 0;
        for line in &lines {
            let Some((price, user_limit)) = self.price(line.sku) else { return refuse(Status::SkuNotFound) };
            total += price * i64::from(line.quantity);
            limit = limit.max(user_limit);
        }
        if total != head.total {
            return refuse(Status::PriceChanged);
        }
        let units: u64 = lines.iter().map(|line| u64::from(line.quantity)).sum();
        if limit > 0 && self.taken.get(&head.user).copied().unwrap_or(0) + units > u64::from(limit) {
            return refuse(Status::UserLimit);
        }
        for line in &lines {
            match self.shelf(line.sku).sellable {
                0 => return refuse(Status::SoldOut),
                sellable if sellable < u64::from(line.quantity) => return refuse(Status::InsufficientStock),
                _ => (),
            }
        }
        self.last_order += 1;
        let brief = OrderBrief {
            order: self.last_order,
            user: head.user,
            total,
            created_at: now_us(),
            pay_until: now_us() + 1_000_000,
            version: 1,
            currency: head.currency,
            state: 2,
        };
        let loses = faults.loses_one_in.load(Ordering::SeqCst);
        if loses > 0 && self.last_order.is_multiple_of(loses) {
            return Ok((brief, vec![]));
        }
        *self.taken.entry(head.user).or_default() += units;
        for line in &lines {
            self.shelves.entry(line.sku).or_default().1 += i64::from(line.quantity);
        }
        self.by_user.entry(head.user).or_default().push(brief);
        self.asks.insert(brief.order, (head.user, head.request));
        self.orders.insert((head.user, head.request), (brief, lines));
        Ok((brief, vec![]))
    }

    fn shelf(&self, sku: u64) -> Shelf {
        let (on_hand, held) = self.shelves.get(&sku).copied().unwrap_or_default();
        Shelf {
            sku,
            on_hand: on_hand as u64,
            held: held as u64,
            safety: 0,
            unavailable: 0,
            sold: 0,
            sellable: (on_hand - held).max(0) as u64,
            warehouse: 0,
        }
    }

    fn sku(&self, sku: u64) -> Answer<SkuGetAnswer> {
        let (put, version) = self.skus.get(&sku).ok_or((Status::SkuNotFound, Refusal::WHOLE))?;
        let SkuPutHead { unit_price, seller, hold_seconds, weight_grams, currency, open, .. } = *put;
        let found =
            Sku { sku, unit_price, version: *version, seller, hold_seconds, weight_grams, currency, open };
        Ok((SkuGetAnswerHead { sku: found, stock: self.shelf(sku), sale: 0 }, vec![]))
    }

    fn put_sku(&mut self, put: SkuPutHead) -> Answer<SkuPutAnswer> {
        if put.sku == 0 || put.unit_price < 0 {
            return Err((Status::InvalidField, Refusal::WHOLE));
        }
        let stands = self.skus.get(&put.sku).map_or(0, |(_, version)| *version);
        if put.replaces != stands {
            return Err((Status::VersionConflict, Refusal::WHOLE));
        }
        self.skus.insert(put.sku, (put, stands + 1));
        Ok((SkuPutAnswerHead { sku: put.sku, version: stands + 1 }, vec![]))
    }

    fn get(&self, ask: &GetHead) -> Answer<GetAnswer> {
        let by_request = (ask.user, ask.request);
        let found = self.orders.get(self.asks.get(&ask.order).unwrap_or(&by_request));
        let (brief, lines) = found.ok_or((Status::OrderNotFound, Refusal::WHOLE))?;
        let line = |line: &AskedLine| Line {
            sku: line.sku,
            unit_price: 0,
            discount: 0,
            freight: 0,
            seller: 0,
            warehouse: 1,
            sale: 0,
            quantity: line.quantity,
            parcel: 0,
        };
        let head = OrderHead {
            brief: *brief,
            request: ask.request,
            hold: 0,
            coupons: Coupons::NONE,
            coupon_discounts: CouponDiscounts::of([0; 4]),
            discount: 0,
            freight: 0,
            client_bytes: 0,
        };
        Ok((head, lines.iter().map(line).collect()))
    }

    fn list(&self, ask: &ListHead) -> Answer<ListAnswer> {
        let of_user = self.by_user.get(&ask.user).into_iter().flatten().copied();
        let mut found: Vec<OrderBrief> =
            of_user.filter(|brief| ask.before == 0 || brief.order < ask.before).collect();
        found.sort_unstable_by_key(|brief| std::cmp::Reverse(brief.order));
        let more = found.len() > PAGE_MAX as usize;
        found.truncate(PAGE_MAX as usize);
        let next = if more { found[found.len() - 1].order } else { 0 };
        Ok((ListAnswerHead { next }, found))
    }

    fn audit(&self) -> AuditHead {
        AuditHead {
            ok: true,
            position: 0,
            at: now_us(),
            stock: self.shelves.values().map(|shelf| shelf.0).sum(),
            sold: 0,
            held: self.shelves.values().map(|shelf| shelf.1 as u64).sum(),
            orders: self.orders.len() as u64,
            oversold: self.shelves.values().map(|shelf| (shelf.1 - shelf.0).max(0) as u64).sum(),
            duplicate_orders: 0,
            lost: 0,
            millis: 0,
            begins_behind: 0,
        }
    }
}

fn sale(put: &SalePutHead, version: u32) -> Sale {
    Sale {
        closed_from: put.closed_from,
        opens: put.opens,
        closes: put.closes,
        cap_units: put.cap_units,
        taken_units: 0,
        sale: put.sale,
        version,
        user_limit_units: put.user_limit_units,
        order_limit_units: put.order_limit_units,
        hold_seconds: put.hold_seconds,
    }
}

fn hello() -> HelloAnswerHead {
    HelloAnswerHead {
        store: 7,
        server_time: now_us(),
        request_window_us: 86_400_000_000,
        request_ahead_us: 300_000_000,
        frame_bytes_max: FRAME_BYTES_MAX as u32,
        in_flight_max: 1_024,
        lines_max: 256,
        client_bytes_max: 1_024,
        batch_items_max: 4_096,
        page_max: PAGE_MAX,
        server: text("toy 1.0"),
        wire_version: 1,
    }
}

fn stats() -> StatsHead {
    let mut bytes = vec![0; StatsHead::LAYOUT.bytes];
    bytes[..32].copy_from_slice(&text::<32>("toy 1.0"));
    bytes[32..48].copy_from_slice(&text::<16>("embedded"));
    StatsHead::read(&bytes).expect("zeros are a good StatsHead")
}

fn now_us() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros() as i64
}
