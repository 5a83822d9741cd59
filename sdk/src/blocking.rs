//! The same client for programs without async: the calling thread drives its own small runtime while it waits.
//!
//! ```no_run
//! # fn buy() -> Result<(), tidegate_sdk::Error> {
//! use tidegate_sdk::{Currency, Money, SkuId, UserId, blocking};
//!
//! let client = blocking::Client::connect("127.0.0.1:7171")?;
//! let order = client.wait(client.create(UserId(7), Money::new(39_98, Currency::EUR)).line(SkuId(1), 2))?;
//! # Ok(())
//! # }
//! ```

use std::future::IntoFuture;
use std::ops::Deref;

use tokio::runtime::{Builder as RuntimeBuilder, Runtime};

use crate::client::Builder;
use crate::error::{Cause, Error};

/// A client that blocks. It makes requests like [`crate::Client`] (which it derefs to), and [`Client::wait`] sends
/// them.
#[derive(Debug)]
pub struct Client {
    client: crate::Client,
    runtime: Runtime,
}

impl Client {
    /// Connects to a server, `host:port`, with the defaults of [`Builder`].
    pub fn connect(address: impl Into<String>) -> Result<Client, Error> {
        Client::connect_with(crate::Client::builder(address))
    }

    /// Connects as the builder says.
    ///
    /// Must not be called from async code: a thread that drives one runtime cannot block on another.
    pub fn connect_with(builder: Builder) -> Result<Client, Error> {
        let runtime = RuntimeBuilder::new_current_thread().enable_io().enable_time().build();
        let runtime = runtime.map_err(|why| Error::TryAgain {
            cause: Cause::Unreachable(format!("this machine gives no sockets: {why}")),
            retry_after: std::time::Duration::ZERO,
        })?;
        let client = runtime.block_on(builder.connect())?;
        Ok(Client { client, runtime })
    }

    /// Sends a request (or runs anything async) and blocks until it is done.
    pub fn wait<R: IntoFuture>(&self, request: R) -> R::Output {
        self.runtime.block_on(request.into_future())
    }
}

impl Deref for Client {
    type Target = crate::Client;

    fn deref(&self) -> &crate::Client {
        &self.client
    }
}
