//! The client: a connection (one a master in a Cluster) on which any number of calls wait for their answers at once.
//!
//! Whoever makes all calls of a turn before waiting for the first (`join_all`) waits for the slowest, not for their sum.
//! Each call is a write of its own, as the library hands on scripts: what a turn asks of one shelf belongs in one call.
//!
//! Nothing is sent twice by itself, with two exceptions where the server says that it has run nothing: it does not have
//! the script, or the key is another server's.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use fred::clients::Client as Fred;
use fred::error::Error;
use fred::interfaces::{ClientLike, LuaInterface};
use fred::types::config::{ConnectionConfig, PerformanceConfig, ReconnectPolicy, Server, UnresponsiveConfig};
use fred::types::{Builder, InfoKind, Value};

use super::answer::{
    self, CatalogueSet, Finished, Garbled, GivenBack, HeldPage, Judged, Look, Opened, Reserved, Returned,
};
use super::asked::{Ask, Batch, Judgement, Opening, Own, Terms};
use super::check::{Alive, Unfit, alive};
use super::failed::{Failed, Why, is_noscript};
use super::script::{Hashes, Script};
use super::{CALL_MAX, PAGE_MAX, Settings};
use crate::shelf::{CatalogueVersion, Epoch, ShelfKey};

/// How many calls of one client may wait for their answers; further ones are refused.
const WAITING_MAX: usize = 8_192;
/// How often a key's slot may turn out to be another server's, for one call.
const REDIRECTIONS_MAX: u32 = 3;
/// Each pause between two tries to connect is so many times the one before.
const RECONNECT_FACTOR: u32 = 2;

/// Redis, as the protocol asks it.
#[derive(Debug)]
pub struct Client {
    fred: Fred,
    hashes: Hashes,
    /// Goes with each call and comes back with its answer, so that an answer to another call is not believed.
    next_tag: AtomicU64,
    waiting: AtomicUsize,
}

impl Client {
    /// Connects. A connection that breaks later is made again, again and again; calls meanwhile fail in their time.
    ///
    /// # Errors
    /// The address is wrong, or nobody answers there in time.
    pub async fn connect(settings: &Settings) -> Result<Client, Failed> {
        let fred = build(settings).map_err(|error| Failed::of(&error))?;
        fred.init().await.map_err(|error| Failed::NotDone(Why::Unreachable(error.details().into())))?;
        Ok(Client { fred, hashes: Hashes::new(), next_tag: AtomicU64::new(1), waiting: AtomicUsize::new(0) })
    }

    /// Ends the connection.
    pub async fn close(self) {
        // Nobody waits for an answer any more: how it ends changes nothing.
        let _ = self.fred.quit().await;
    }

    /// Whether there is a connection, as far as anybody knows.
    pub fn is_connected(&self) -> bool {
        self.fred.is_connected()
    }

    /// What does not fit about the servers, one sentence each; empty: all is well.
    ///
    /// # Errors
    /// A server does not answer.
    pub async fn check(&self) -> Result<Vec<Unfit>, Failed> {
        Ok(self.servers().await?.into_iter().flat_map(|alive| alive.unfit).collect())
    }

    /// Each server that gives units away (several in a Cluster), as it says it is.
    ///
    /// # Errors
    /// A server does not answer.
    pub async fn servers(&self) -> Result<Vec<Alive>, Failed> {
        let mut found = Vec::new();
        for server in self.fred.active_connections() {
            let info: String = self.info(&server).await.map_err(|error| Failed::of(&error))?;
            found.push(alive(&server.to_string(), &info));
        }
        Ok(found)
    }

    /// RESERVE, for up to [`CALL_MAX`] asks, in their order; each stands or falls alone.
    ///
    /// # Errors
    /// [`Failed::NotDone`]: no unit moved. [`Failed::MayBeDone`]: any of them may have; the reconciler sees to them.
    ///
    /// # Panics
    /// With more asks.
    pub async fn reserve(
        &self,
        shelf: ShelfKey,
        terms: &Terms,
        asks: &[Ask],
    ) -> Result<Vec<Reserved>, Failed> {
        let said = self.call_each(Script::Reserve, shelf, terms.words(), asks.iter().map(Ask::words)).await?;
        self.read(said, |words| answer::reserved(words, asks.len())).await
    }

    /// FINISH: the units of these records (up to [`CALL_MAX`]) are sold.
    ///
    /// # Errors
    /// Each may or may not have ended; the reconciler sees to them.
    ///
    /// # Panics
    /// With more records.
    pub async fn finish(
        &self,
        shelf: ShelfKey,
        epoch: Epoch,
        records: &[Own],
    ) -> Result<Vec<Finished>, Failed> {
        let said = self
            .call_each(Script::Finish, shelf, [epoch_word(epoch)], records.iter().map(Own::words))
            .await?;
        self.read(said, |words| answer::finished(words, records.len())).await
    }

    /// An ask gives back what it took (up to [`CALL_MAX`] records), where nothing was sent to MySQL for it.
    ///
    /// # Errors
    /// Each may or may not have ended; the reconciler sees to them.
    ///
    /// # Panics
    /// With more records.
    pub async fn give_back(
        &self,
        shelf: ShelfKey,
        epoch: Epoch,
        records: &[Own],
    ) -> Result<Vec<GivenBack>, Failed> {
        let said = self
            .call_each(Script::GiveBack, shelf, [epoch_word(epoch)], records.iter().map(Own::words))
            .await?;
        self.read(said, |words| answer::given_back(words, records.len())).await
    }

    /// Ends records (up to [`CALL_MAX`]) as MySQL judged them.
    ///
    /// # Errors
    /// Each may or may not have ended: judge again.
    ///
    /// # Panics
    /// With more records.
    pub async fn judge(
        &self,
        shelf: ShelfKey,
        epoch: Epoch,
        judged: &[Judgement],
    ) -> Result<Vec<Judged>, Failed> {
        let each = judged.iter().map(Judgement::words);
        let said = self.call_each(Script::Judge, shelf, [epoch_word(epoch)], each).await?;
        self.read(said, |words| answer::judged(words, judged.len())).await
    }

    /// RETURN: may be sent again until there is an answer.
    ///
    /// # Errors
    /// It may or may not have been added.
    pub async fn return_batch(&self, shelf: ShelfKey, batch: Batch) -> Result<Returned, Failed> {
        let said = self.call(Script::Return, shelf, batch.words().into()).await?;
        self.read(said, answer::returned).await
    }

    /// INIT: to be sent once. Without an answer the next opening has a further epoch.
    ///
    /// # Errors
    /// [`Failed::MayBeDone`]: the shelf may be open, and units may be sold under it.
    pub async fn init(&self, shelf: ShelfKey, opening: Opening) -> Result<Opened, Failed> {
        let said = self.call(Script::Init, shelf, opening.words().into()).await?;
        self.read(said, answer::opened).await
    }

    /// From now on only who knows this version is given units of the shelf.
    ///
    /// # Errors
    /// It may or may not stand.
    pub async fn set_catalogue(
        &self,
        shelf: ShelfKey,
        epoch: Epoch,
        version: CatalogueVersion,
    ) -> Result<CatalogueSet, Failed> {
        let args = vec![epoch_word(epoch), version.0.to_string()];
        let said = self.call(Script::Catalogue, shelf, args).await?;
        self.read(said, answer::catalogue_set).await
    }

    /// What the shelf is, and on which server.
    ///
    /// # Errors
    /// There is no answer; nothing changes by looking.
    pub async fn look(&self, shelf: ShelfKey) -> Result<Look, Failed> {
        let said = self.call(Script::Look, shelf, Vec::new()).await?;
        self.read(said, answer::look).await
    }

    /// A page of held records that were last taken or seen so long ago, oldest first, behind the first `skip`.
    ///
    /// # Errors
    /// There is no answer; nothing changes by looking.
    pub async fn held_older_than(
        &self,
        shelf: ShelfKey,
        age: Duration,
        skip: usize,
    ) -> Result<HeldPage, Failed> {
        let args = vec![age.as_micros().to_string(), skip.to_string(), PAGE_MAX.to_string()];
        let said = self.call(Script::Scan, shelf, args).await?;
        self.read(said, answer::held_page).await
    }

    /// A call about several things; without any there is nothing to ask.
    async fn call_each<const HEAD: usize, const EACH: usize>(
        &self,
        script: Script,
        shelf: ShelfKey,
        head: [String; HEAD],
        each: impl ExactSizeIterator<Item = [String; EACH]>,
    ) -> Result<Vec<String>, Failed> {
        assert!((1..=CALL_MAX).contains(&each.len()), "a call is about 1 to {CALL_MAX} things");
        let mut args = Vec::with_capacity(HEAD + EACH * each.len());
        args.extend(head);
        args.extend(each.flatten());
        self.call(script, shelf, args).await
    }

    /// The answer's words, without its tag.
    async fn call(&self, script: Script, shelf: ShelfKey, args: Vec<String>) -> Result<Vec<String>, Failed> {
        // Without a connection the library would keep it until there is one; that is somebody else's time by then.
        if !self.is_connected() {
            return Err(Failed::NotDone(Why::Unreachable("there is none at the moment".into())));
        }
        let _waiting = self.wait()?;
        let tag = self.next_tag.fetch_add(1, Ordering::Relaxed).to_string();
        let keys = keys(shelf);
        let args: Vec<String> = std::iter::once(tag.clone()).chain(args).collect();
        let hash = self.hashes.of(script);
        let mut said: Result<Value, Error> = self.fred.evalsha(hash, keys.to_vec(), args.clone()).await;
        if said.as_ref().is_err_and(is_noscript) {
            // It was not run. EVAL carries it along, and the server has it from then on.
            said = self.fred.eval(script.source(), keys.to_vec(), args).await;
        }
        let said = said.map_err(|error| Failed::of(&error))?;
        let mut words: Vec<String> = match said.convert() {
            Ok(words) => words,
            Err(error) => return Err(self.distrust(Garbled(error.details().into())).await),
        };
        if words.first() != Some(&tag) {
            return Err(self.distrust(Garbled(format!("an answer to call {:?}", words.first()))).await);
        }
        words.remove(0);
        Ok(words)
    }

    /// A place among the calls that wait, until it is dropped.
    fn wait(&self) -> Result<Waiting<'_>, Failed> {
        let place = Waiting(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) < WAITING_MAX {
            Ok(place)
        } else {
            Err(Failed::NotDone(Why::TooManyInFlight))
        }
    }

    async fn read<T>(
        &self,
        words: Vec<String>,
        parse: impl FnOnce(&[&str]) -> Result<T, Garbled>,
    ) -> Result<T, Failed> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match parse(&words) {
            Ok(said) => Ok(said),
            Err(garbled) => Err(self.distrust(garbled).await),
        }
    }

    /// What else comes on this connection may be another call's, too: it is given up.
    async fn distrust(&self, Garbled(said): Garbled) -> Failed {
        // Where it cannot be given up there is none any more.
        let _ = self.fred.force_reconnection().await;
        Failed::MayBeDone(Why::Garbled(said))
    }

    async fn info(&self, server: &Server) -> Result<String, Error> {
        if self.fred.is_clustered() {
            self.fred.with_cluster_node(server).info(Some(InfoKind::All)).await
        } else {
            self.fred.info(Some(InfoKind::All)).await
        }
    }
}

/// One of the calls that wait.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn build(settings: &Settings) -> Result<Fred, Error> {
    let timeouts = settings.timeouts;
    let config = fred::types::config::Config::from_url(&settings.url)?;
    let mut builder = Builder::from_config(config);
    builder
        .with_performance_config(|performance: &mut PerformanceConfig| {
            performance.default_command_timeout = timeouts.call;
        })
        .with_connection_config(|connection: &mut ConnectionConfig| {
            connection.connection_timeout = timeouts.connect;
            connection.internal_command_timeout = timeouts.connect;
            // One: a call whose connection broke has failed, and is not sent again.
            connection.max_command_attempts = 1;
            connection.max_command_buffer_len = WAITING_MAX;
            // A server that comes back with another password and gets the old one again is waited for, too.
            connection.reconnect_on_auth_error = true;
            connection.max_redirections = REDIRECTIONS_MAX;
            connection.tcp.nodelay = Some(true);
            connection.unresponsive =
                UnresponsiveConfig { max_timeout: Some(timeouts.silence), interval: timeouts.silence / 4 };
        });
    let (shortest, longest) = timeouts.reconnect;
    let ms = |pause: Duration| u32::try_from(pause.as_millis()).unwrap_or(u32::MAX);
    // Tries without end: 0 is «no bound» on their number.
    builder.set_policy(ReconnectPolicy::new_exponential(0, ms(shortest), ms(longest), RECONNECT_FACTOR));
    builder.build()
}

/// The braces make a shelf's keys share a slot of a Cluster.
fn keys(shelf: ShelfKey) -> [String; 3] {
    [format!("tg:{{{shelf}}}:shelf"), format!("tg:{{{shelf}}}:held"), format!("tg:{{{shelf}}}:ages")]
}

fn epoch_word(epoch: Epoch) -> String {
    epoch.get().to_string()
}
