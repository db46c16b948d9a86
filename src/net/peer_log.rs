//! A limit on the log lines of each client, with a timer that reports those that are left out.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::deadline::wait_for_deadline;
use super::limits::{AddressGroup, LogLimiter};

/// Limits the log lines of each client address. Clones share their counts.
#[derive(Debug, Clone)]
pub struct PeerLog(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    limiter: LogLimiter,
    /// A task waits for the time at which lines that were left out are reported.
    has_task: bool,
}

impl PeerLog {
    /// Creates a limit of `max_lines` lines for each second and client address.
    pub fn new(max_lines: u32) -> Self {
        let state = State { limiter: LogLimiter::new(max_lines), has_task: false };
        Self(Arc::new(Mutex::new(state)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns true if a line about a client may be logged. If not, `report` is called within 2 s with its address and
    /// the number of lines that were left out. Must be called on a tokio runtime.
    pub fn admit(&self, peer: IpAddr, report: impl Fn(AddressGroup, u64) + Send + 'static) -> bool {
        let mut state = self.lock();
        let is_admitted = state.limiter.admit(Instant::now(), peer.into());
        if !state.has_task && state.limiter.poll_timeout().is_some() {
            state.has_task = true;
            tokio::spawn(self.clone().report_left_out(report));
        }
        is_admitted
    }

    /// Returns true if a debug line about a client may be logged. The number of those that are left out is a debug
    /// line, too. Must be called on a tokio runtime.
    pub fn admits_debug(&self, peer: IpAddr) -> bool {
        let report = |address, count| tracing::debug!(%address, count, "debug lines left out");
        tracing::enabled!(tracing::Level::DEBUG) && self.admit(peer, report)
    }

    /// Reports the lines that were left out, until no more are.
    async fn report_left_out(self, report: impl Fn(AddressGroup, u64)) {
        loop {
            let deadline = {
                let mut state = self.lock();
                let deadline = state.limiter.poll_timeout();
                state.has_task = deadline.is_some();
                deadline
            };
            if deadline.is_none() {
                return;
            }
            wait_for_deadline(deadline).await;
            loop {
                let left_out = self.lock().limiter.poll_left_out(Instant::now());
                let Some((address, count)) = left_out else { break };
                report(address, count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn debug_lines_are_limited_only_where_they_are_logged() {
        let (log, peer) = (PeerLog::new(3), IpAddr::from([127, 0, 0, 1]));
        let admitted = || (0..10).filter(|_| log.admits_debug(peer)).count();
        assert_eq!(
            tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::default(), admitted),
            0
        );
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_writer(std::io::sink)
            .finish();
        assert_eq!(tracing::subscriber::with_default(subscriber, admitted), 3);
    }

    #[tokio::test]
    async fn lines_that_are_left_out_are_reported() {
        let (log, peer) = (PeerLog::new(2), IpAddr::from([127, 0, 0, 1]));
        let (reports, mut reported) = mpsc::unbounded_channel();
        for round in 0..2 {
            let report =
                |reports: mpsc::UnboundedSender<_>| move |_, count: u64| reports.send(count).unwrap();
            let admitted = (0..10).filter(|_| log.admit(peer, report(reports.clone()))).count();
            assert_eq!((admitted, reported.recv().await), (2, Some(8)), "round {round}");
        }
    }
}
