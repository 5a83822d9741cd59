//! Connects again what broke, beside the load: a greeting waits for its answer, and the load waits for nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use reactor::Inlet;

use crate::talk::Talk;

/// Between two attempts.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Asks for connections; see [`start`].
#[derive(Debug)]
pub(crate) struct Connector {
    wishes: Sender<()>,
}

/// The thread that connects; ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Connecting {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Connector {
    /// One more connection is wanted. (Bounded: one wish for each connection that broke.)
    pub(crate) fn want_one(&self) {
        // Without the thread the run is over, and nothing is wanted any more.
        let _ = self.wishes.send(());
    }
}

/// Starts the thread: greeted connections to `target` come through `inlet`.
pub(crate) fn start(target: String, inlet: Inlet) -> std::io::Result<(Connector, Connecting)> {
    let (wishes, wanted) = channel();
    let over = Arc::new(AtomicBool::new(false));
    let seen = over.clone();
    let thread = std::thread::Builder::new()
        .name("reconnect".to_owned())
        .spawn(move || serve(&target, &inlet, &wanted, &seen))?;
    Ok((Connector { wishes }, Connecting { over, thread: Some(thread) }))
}

fn serve(target: &str, inlet: &Inlet, wanted: &Receiver<()>, over: &AtomicBool) {
    while wanted.recv().is_ok() {
        while !over.load(Ordering::Relaxed) {
            let stream = Talk::open(target).and_then(Talk::into_stream);
            if stream.is_ok_and(|stream| inlet.offer(stream).is_ok()) {
                break;
            }
            std::thread::sleep(AGAIN_AFTER);
        }
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It only ends by itself; that it panicked would have been printed.
            let _ = thread.join();
        }
    }
}
