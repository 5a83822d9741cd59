//! What the tests of the Redis half share: a server with a client, and asks in few words.
#![allow(dead_code, reason = "each test file uses its part of it")]

use std::num::NonZeroU32;

use domain::{RequestId, SaleId, SkuId, UserId, WarehouseId};
use servers::redis::Redis;
use servers::resp::Reply;
use storage_cluster::redis::{
    Ask, Client, GivenBack, Judged, Judgement, Look, Opened, Opening, Own, Reserved, Settings, Terms,
    Verdict, Window,
};
use storage_cluster::shelf::{Attempt, CatalogueVersion, Epoch, HoldId, Holder, ShelfKey};

/// The shelf that a test is about.
pub const SHELF: ShelfKey = ShelfKey::Stock(SkuId(17), WarehouseId(3));
/// Another one, in another slot.
pub const CAP: ShelfKey = ShelfKey::SaleCap(SaleId(5));
/// The version of sku and sale that stands.
pub const CATALOGUE: CatalogueVersion = CatalogueVersion(40);

pub fn epoch(raw: u64) -> Epoch {
    Epoch::parse(raw).expect("tests use epochs from 1")
}

pub fn holder(user: u64) -> Holder {
    Holder {
        user: UserId(user),
        request: RequestId(0x0190_0000_0000_0000_0000_0000_0000_0000 | u128::from(user)),
    }
}

/// A first ask of a user for one unit.
pub fn ask(user: u64, hold: u128) -> Ask {
    let body = 0xB0D1;
    Ask { holder: holder(user), attempt: Attempt(1), hold: HoldId(hold), units: NonZeroU32::MIN, body }
}

/// The same, for so many units.
pub fn ask_for(user: u64, hold: u128, units: u32) -> Ask {
    Ask { units: NonZeroU32::new(units).expect("nobody asks for nothing"), ..ask(user, hold) }
}

/// The same, under a number.
pub fn attempt(number: u32, user: u64, hold: u128) -> Ask {
    Ask { attempt: Attempt(number), ..ask(user, hold) }
}

pub fn own(user: u64, hold: u128) -> Own {
    Own { holder: holder(user), hold: HoldId(hold) }
}

/// In this epoch, by the version that stands, at any time.
pub fn terms(of: u64) -> Terms {
    Terms { epoch: epoch(of), catalogue: CATALOGUE, window: Window::default() }
}

pub async fn connect(url: String) -> Client {
    Client::connect(&Settings::new(url)).await.expect("the server answers")
}

/// Opens a shelf in an epoch.
pub async fn open(client: &Client, shelf: ShelfKey, of: u64, units: i64) {
    let opening = Opening { epoch: epoch(of), units, catalogue: CATALOGUE };
    assert_eq!(client.init(shelf, opening).await.expect("an answer"), Opened::Now, "{shelf} in epoch {of}");
}

/// A server of a test's own, and its client.
pub struct Shop {
    pub server: Redis,
    pub client: Client,
}

impl Shop {
    /// With the shelf open in epoch 1.
    pub async fn with(units: i64) -> Shop {
        let shop = Shop::closed().await;
        open(&shop.client, SHELF, 1, units).await;
        shop
    }

    /// Without a shelf.
    pub async fn closed() -> Shop {
        let server = Redis::start();
        let client = connect(server.url()).await;
        Shop { server, client }
    }

    /// RESERVE of one ask in epoch 1.
    pub async fn reserve(&self, one: Ask) -> Reserved {
        self.reserve_under(terms(1), one).await
    }

    pub async fn reserve_under(&self, terms: Terms, one: Ask) -> Reserved {
        self.client.reserve(SHELF, &terms, &[one]).await.expect("an answer")[0]
    }

    pub async fn give_back(&self, user: u64, hold: u128) -> GivenBack {
        self.client.give_back(SHELF, epoch(1), &[own(user, hold)]).await.expect("an answer")[0]
    }

    pub async fn judge(&self, user: u64, hold: u128, verdict: Verdict) -> Judged {
        let judgement = Judgement { own: own(user, hold), verdict };
        self.client.judge(SHELF, epoch(1), &[judgement]).await.expect("an answer")[0]
    }

    pub async fn look(&self) -> Look {
        self.client.look(SHELF).await.expect("an answer")
    }

    /// Units that can be taken, and how many records are held.
    pub async fn units_and_held(&self) -> (i64, u64) {
        let look = self.look().await;
        (look.shelf.expect("the shelf is there").units, look.held)
    }

    /// What a promoted replica or a restarted server is to the shelf: the same keys, another `master_replid`.
    pub fn become_another_incarnation(&self) {
        let other = "0".repeat(40);
        assert_eq!(self.server.ask(&["HSET", &key("shelf"), "incarnation", &other]), Reply::Number(0));
    }
}

/// A key of the shelf.
pub fn key(of: &str) -> String {
    format!("tg:{{{SHELF}}}:{of}")
}
