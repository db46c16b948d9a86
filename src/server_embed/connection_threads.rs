//! Threads that serve connections.

use std::io;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::options::ThreadOptions;
use crate::net::runtime_thread::start_runtime_thread;

/// Threads that serve connections and their sessions, each with a runtime of its own.
#[derive(Debug)]
pub struct ConnectionThreads {
    threads: Vec<ConnectionThread>,
    shared_places: usize,
}

#[derive(Debug)]
struct ConnectionThread {
    runtime: Handle,
    places: Arc<()>,
}

/// Place of a connection or of a session on its thread; free again when it is dropped.
#[derive(Debug, Clone, Default)]
pub struct ThreadPlace {
    _place: Option<Arc<()>>,
}

impl ConnectionThread {
    fn taken_places(&self) -> usize {
        Arc::strong_count(&self.places) - 1
    }
}

impl ConnectionThreads {
    /// Starts the threads, which end when all tasks have ended after `shutdown`, or 1 s after it.
    ///
    /// # Errors
    /// Returns an error if the system cannot create a thread.
    pub fn start(
        options: ThreadOptions,
        shutdown: &CancellationToken,
        tasks: &TaskTracker,
    ) -> io::Result<Self> {
        let start = |_| {
            let runtime = start_runtime_thread("connections", shutdown, tasks)?;
            Ok(ConnectionThread { runtime, places: Arc::default() })
        };
        let threads = (0..options.count).map(start).collect::<io::Result<_>>()?;
        Ok(Self { threads, shared_places: options.shared_places })
    }

    /// Returns the runtime for a new connection, and its place there: the first that has few, or else the one with the
    /// fewest; `None` for the current runtime.
    pub fn assign(&self) -> Option<(Handle, ThreadPlace)> {
        let threads = || self.threads.iter();
        let free = threads().find(|thread| thread.taken_places() < self.shared_places);
        let thread = free.or_else(|| threads().min_by_key(|thread| thread.taken_places()))?;
        Some((thread.runtime.clone(), ThreadPlace { _place: Some(thread.places.clone()) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(count: usize, shutdown: &CancellationToken) -> ConnectionThreads {
        let options = ThreadOptions { count, shared_places: 3 };
        ConnectionThreads::start(options, shutdown, &TaskTracker::new()).unwrap()
    }

    #[test]
    fn connections_fill_one_thread_after_the_other() {
        let shutdown = CancellationToken::new();
        let threads = start(2, &shutdown);
        let taken = || threads.threads.iter().map(ConnectionThread::taken_places).collect::<Vec<_>>();
        let mut places: Vec<_> = (0..3).map(|_| threads.assign().unwrap().1).collect();
        assert_eq!(taken(), [3, 0]);
        places.extend((0..7).map(|_| threads.assign().unwrap().1));
        assert_eq!(taken(), [5, 5], "all have many: the one with the fewest");
        let session = places.pop();
        drop(places);
        assert_eq!(taken().iter().sum::<usize>(), 1);
        drop(session);
        assert_eq!(taken(), [0, 0]);
        shutdown.cancel();
    }

    #[test]
    fn without_threads_the_current_runtime_serves() {
        assert!(start(0, &CancellationToken::new()).assign().is_none());
    }
}
