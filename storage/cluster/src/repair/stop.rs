//! How loops are told to end: between two steps, never in the middle of one.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// Who has it ends the loops: by saying so, or by dropping it.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// What each loop watches.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Nobody was told yet.
    pub fn new() -> (Stopper, Stop) {
        let (sender, receiver) = watch::channel(false);
        (Stopper(sender), Stop(receiver))
    }

    /// Returns when it is told.
    pub async fn told(&mut self) {
        // Nobody is left who could tell: that is the end, too.
        let _ = self.0.wait_for(|told| *told).await;
    }

    /// Waits so long, or until it is told. Says whether it was.
    pub async fn pause(&mut self, pause: Duration) -> bool {
        timeout(pause, self.told()).await.is_ok()
    }
}

impl Stopper {
    /// Tells all loops to end behind the step that they are at.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn loops_end_when_they_are_told_or_when_nobody_can_tell_them() {
        let (stopper, mut stop) = Stop::new();
        assert!(!stop.pause(Duration::from_millis(1)).await);
        let mut other = stop.clone();
        stopper.stop();
        assert!(stop.pause(Duration::MAX).await);
        drop(stopper);
        assert!(other.pause(Duration::MAX).await);
        let (stopper, mut stop) = Stop::new();
        drop(stopper);
        stop.told().await;
    }
}
