//! A few threads for what would hold up the runtime's own.

use std::sync::Arc;
use std::{io, thread};

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Places for blocking work, about as many as there are cores: more would only take turns.
#[derive(Debug)]
pub struct BlockingPool(Arc<Semaphore>);

impl BlockingPool {
    /// As many as there are cores.
    pub fn per_core() -> Self {
        Self::new(thread::available_parallelism().map_or(1, usize::from))
    }

    fn new(permits: usize) -> Self {
        Self(Arc::new(Semaphore::new(permits)))
    }

    /// Does something that blocks, once there is a place for it. Who does not wait for the end of it leaves the place
    /// taken, as work that has begun cannot be broken off; work that has not begun is never done then.
    ///
    /// # Errors
    /// When the work has panicked, or the runtime ends.
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
        let workers = BlockingPool::new(2);
        let gate = Arc::new(Barrier::new(3));
        for _ in 0..2 {
            let work = gate.clone();
            let given_up = timeout(Duration::ZERO, workers.run(move || work.wait())).await;
            assert!(given_up.is_err());
        }
        assert_eq!(workers.0.available_permits(), 0);
        gate.wait();
        assert_eq!(workers.run(|| 3).await.unwrap(), 3, "the places are free again");
    }
}
