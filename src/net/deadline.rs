//! A sleep until an optional deadline.

use std::time::Instant;

use tokio::time::sleep_until;

/// Sleeps until `deadline`; never returns if it is `None`.
pub async fn wait_for_deadline(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
