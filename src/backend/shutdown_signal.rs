//! The signals that end the program.

#[cfg(unix)]
use std::task::Poll;

/// Ctrl+C, or the system's wish that the program end: SIGTERM, or SIGHUP when its terminal is closed.
#[derive(Debug)]
pub struct ShutdownSignal {
    #[cfg(unix)]
    signals: Vec<tokio::signal::unix::Signal>,
}

impl ShutdownSignal {
    /// Listens from now on, on the runtime that it is called on. Before, a signal ends the program on the spot.
    #[cfg(unix)]
    pub fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let hangup = Some(SignalKind::hangup()).filter(|_| !is_hangup_ignored());
        let kinds = [SignalKind::interrupt(), SignalKind::terminate()].into_iter().chain(hangup);
        // One that the system does not give never comes.
        Self { signals: kinds.filter_map(|kind| signal(kind).ok()).collect() }
    }

    /// Listens from now on.
    #[cfg(not(unix))]
    pub fn listen() -> Self {
        Self {}
    }

    /// Waits for one.
    #[cfg(unix)]
    pub async fn recv(&mut self) {
        std::future::poll_fn(|context| {
            let has_arrived = self.signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
            if has_arrived { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Waits for one.
    #[cfg(not(unix))]
    pub async fn arrives(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without signals there is nothing to wait for.
            std::future::pending::<()>().await;
        }
    }
}

/// Whether the program was started to outlive its terminal, as `nohup` does. Only Linux tells.
#[cfg(unix)]
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // A bit for each signal; SIGHUP is the first.
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 != 0)
}
