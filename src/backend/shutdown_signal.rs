//! Signals of the operating system that end the program.

#[cfg(unix)]
use std::task::Poll;

/// Listener for Ctrl+C and, on Unix, for SIGTERM and SIGHUP (closed terminal).
#[derive(Debug)]
pub struct ShutdownSignal {
    #[cfg(unix)]
    signals: Vec<tokio::signal::unix::Signal>,
}

impl ShutdownSignal {
    /// Starts to listen; must be called within a Tokio runtime. Until then these signals kill the process.
    #[cfg(unix)]
    pub fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let hangup = Some(SignalKind::hangup()).filter(|_| !is_hangup_ignored());
        let kinds = [SignalKind::interrupt(), SignalKind::terminate()].into_iter().chain(hangup);
        // A signal that cannot be listened to keeps its default effect.
        Self { signals: kinds.filter_map(|kind| signal(kind).ok()).collect() }
    }

    /// Starts to listen; must be called within a Tokio runtime.
    #[cfg(not(unix))]
    pub fn listen() -> Self {
        Self {}
    }

    /// Waits for the next signal.
    #[cfg(unix)]
    pub async fn recv(&mut self) {
        std::future::poll_fn(|context| {
            let has_arrived = self.signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
            if has_arrived { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Waits for the next signal.
    #[cfg(not(unix))]
    pub async fn recv(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            // The system delivers no signals.
            std::future::pending::<()>().await;
        }
    }
}

/// Returns true if the process was started with SIGHUP ignored, as `nohup` does. Known only on Linux; false elsewhere.
#[cfg(unix)]
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // One bit for each signal; SIGHUP is the lowest.
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 != 0)
}
