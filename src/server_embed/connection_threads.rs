//! Threads that serve connections.

use std::io;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::net::runtime_thread::start_runtime_thread;

/// Threads that serve connections and their sessions, each with a runtime of its own.
#[derive(Debug, Default)]
pub struct ConnectionThreads(Vec<ConnectionThread>);

#[derive(Debug)]
struct ConnectionThread {
    runtime: Handle,
    /// Held by each connection of the thread.
    connections: Arc<()>,
}

/// Thread of a new connection.
pub struct AssignedThread {
    /// Runtime to spawn the connection on.
    pub runtime: Handle,
    /// Place of the connection on its thread; drop it when the connection ends.
    pub place: Arc<()>,
}

/// Number of connections of one thread from which on new ones are served by the next: few that play leave a core idle
/// most of the time, and are served the cheaper the fewer threads have to wake up.
const SHARED_CONNECTIONS: usize = 256;

impl ConnectionThreads {
    /// Starts `count` threads, which end when all tasks have ended after `shutdown`, or soon after it. With 0,
    /// connections are served on the current runtime.
    ///
    /// # Errors
    /// Returns an error if the system cannot create a thread.
    pub fn start(count: usize, shutdown: &CancellationToken, tasks: &TaskTracker) -> io::Result<Self> {
        let start = |_| {
            let runtime = start_runtime_thread("connections", shutdown, tasks)?;
            Ok(ConnectionThread { runtime, connections: Arc::default() })
        };
        (0..count).map(start).collect::<io::Result<_>>().map(Self)
    }

    /// Returns the thread for a new connection: the first that has few, or else the one with the fewest; `None` for the
    /// current runtime.
    pub fn assign(&self) -> Option<AssignedThread> {
        let connections = |thread: &&ConnectionThread| Arc::strong_count(&thread.connections) - 1;
        let is_free = |thread: &&ConnectionThread| connections(thread) < SHARED_CONNECTIONS;
        let thread = self.0.iter().find(is_free).or_else(|| self.0.iter().min_by_key(connections))?;
        Some(AssignedThread { runtime: thread.runtime.clone(), place: thread.connections.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_fill_one_thread_after_the_other() {
        let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
        let threads = ConnectionThreads::start(2, &shutdown, &tasks).unwrap();
        let used = |threads: &ConnectionThreads| -> Vec<_> {
            threads.0.iter().map(|thread| Arc::strong_count(&thread.connections) - 1).collect()
        };
        let mut places: Vec<_> = (0..SHARED_CONNECTIONS).map(|_| threads.assign().unwrap().place).collect();
        assert_eq!(used(&threads), [SHARED_CONNECTIONS, 0]);
        places.extend((0..SHARED_CONNECTIONS + 6).map(|_| threads.assign().unwrap().place));
        assert_eq!(used(&threads), [SHARED_CONNECTIONS + 3; 2], "all have many: the one with the fewest");
        drop(places);
        assert_eq!(used(&threads), [0, 0]);
        shutdown.cancel();
    }

    #[test]
    fn without_threads_the_current_runtime_serves() {
        let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
        assert!(ConnectionThreads::start(0, &shutdown, &tasks).unwrap().assign().is_none());
    }
}
