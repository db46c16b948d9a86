//! Waiting for what may never be due.

use std::time::Instant;

use tokio::time::sleep_until;

/// Waits until then, or for ever.
pub async fn wait_for_deadline(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
