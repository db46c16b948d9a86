//! The writer of a connection: responses and interleaved packets, in the order in which they are queued.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// Timeout of one write to a connection.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Size of the write buffer, in bytes.
const WRITE_BUFFER_SIZE: usize = 64 * 1024;

/// Bytes queued for a connection.
#[derive(Debug)]
pub struct Outgoing {
    /// Encoded response or interleaved packet.
    pub bytes: Bytes,
    /// Dropped when the bytes have been written, or when the connection is closed.
    pub written: Option<oneshot::Sender<()>>,
}

/// Writes everything from the queue until all of its senders are dropped, and closes the sending direction. Items that are
/// queued together are written together.
///
/// # Errors
/// Returns an error if the connection breaks, or if a write takes more than 10 s.
pub async fn write_outgoing(
    half: impl AsyncWrite + Unpin,
    mut queue: mpsc::Receiver<Outgoing>,
) -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(WRITE_BUFFER_SIZE, half);
    let mut written = Vec::new();
    while let Some(first) = queue.recv().await {
        let mut next = Some(first);
        while let Some(outgoing) = next {
            timeout(WRITE_TIMEOUT, writer.write_all(&outgoing.bytes)).await??;
            written.extend(outgoing.written);
            next = queue.try_recv().ok();
        }
        timeout(WRITE_TIMEOUT, writer.flush()).await??;
        written.clear();
    }
    timeout(WRITE_TIMEOUT, writer.shutdown()).await?
}
