//! Threads with a tokio runtime of their own.

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Maximum time in which tasks end after shutdown.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// Number of tasks that a thread runs before it looks for new events and expired timers.
/// With the defaults of 61 and 31, connections that keep a thread busy delay the frames of other clients.
pub const EVENT_INTERVAL: u32 = 5;

/// Starts a thread with a runtime, on which tasks can be spawned. A task wakes another one of the thread without a
/// system call, and waits for none of other threads. The thread ends when `tasks` have ended after `shutdown`, or 1 s
/// after it.
///
/// # Errors
/// Returns an error if the system cannot create the thread, or what the runtime needs.
pub fn start_runtime_thread(
    name: &str,
    shutdown: &CancellationToken,
    tasks: &TaskTracker,
) -> io::Result<Handle> {
    let (shutdown, tasks) = (shutdown.clone(), tasks.clone());
    let (started, is_started) = mpsc::channel();
    let run_thread = move || {
        let runtime = build_runtime();
        let handle = runtime.as_ref().map(|runtime| runtime.handle().clone());
        // Received below.
        let _ = started.send(handle.map_err(|error| io::Error::new(error.kind(), error.to_string())));
        if let Ok(runtime) = runtime {
            run(runtime, &shutdown, &tasks);
        }
    };
    thread::Builder::new().name(name.to_owned()).spawn(run_thread)?;
    is_started.recv().map_err(io::Error::other)?
}

fn build_runtime() -> io::Result<Runtime> {
    Builder::new_current_thread()
        .event_interval(EVENT_INTERVAL)
        .global_queue_interval(EVENT_INTERVAL)
        .enable_all()
        .build()
}

fn run(runtime: Runtime, shutdown: &CancellationToken, tasks: &TaskTracker) {
    let have_ended = runtime.block_on(async {
        shutdown.cancelled().await;
        tasks.close();
        timeout(STOP_TIMEOUT, tasks.wait()).await.is_ok()
    });
    tracing::debug!(have_ended, "thread ends");
    // Without waiting for reads of files.
    runtime.shutdown_background();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tasks_run_until_they_end_after_shutdown() {
        let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
        let runtime = start_runtime_thread("example", &shutdown, &tasks).unwrap();
        let ended = shutdown.clone();
        let work = async move {
            ended.cancelled().await;
            tokio::task::yield_now().await;
            thread::current().name().map(str::to_owned)
        };
        let work = tasks.spawn_on(work, &runtime);
        shutdown.cancel();
        assert_eq!(work.await.unwrap().as_deref(), Some("example"));
    }
}
