//! Blocking work on a limited number of threads.

use std::sync::Arc;
use std::{io, thread};

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// A limit on concurrent blocking work: one job per core, because more would not finish sooner.
#[derive(Debug)]
pub struct BlockingPool(Arc<Semaphore>);

impl BlockingPool {
    /// Creates a pool with one permit per core.
    pub fn per_core() -> Self {
        Self::new(thread::available_parallelism().map_or(1, usize::from))
    }

    fn new(permits: usize) -> Self {
        Self(Arc::new(Semaphore::new(permits)))
    }

    /// Runs `work` on a blocking thread once a permit is free, and returns its result.
    ///
    /// Dropping the returned future before `work` has started cancels it. Work that has started cannot be cancelled;
    /// it keeps its permit until it ends.
    ///
    /// # Errors
    /// Returns an error if `work` panics or the runtime shuts down.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let permit = self.0.clone().acquire_owned().await.map_err(io::Error::other)?;
        let done = spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        done.await.map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn abandoned_work_keeps_its_permit() {
        let pool = BlockingPool::new(2);
        let gate = Arc::new(Barrier::new(3));
        for _ in 0..2 {
            let work = gate.clone();
            let result = timeout(Duration::ZERO, pool.run(move || work.wait())).await;
            assert!(result.is_err());
        }
        assert_eq!(pool.0.available_permits(), 0);
        gate.wait();
        assert_eq!(pool.run(|| 3).await.unwrap(), 3, "the permits are free again");
    }
}
