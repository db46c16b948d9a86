//! The writer of a connection: responses and interleaved packets, in the order in which they are queued.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::interleaved_packets::InterleavedPackets;

/// Timeout of the items that are written together.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum number of bytes that are queued for a connection.
const MAX_QUEUED_BYTES: usize = 384 * 1024;

/// Free space from which on more packets are queued, in bytes; more than the packets that are queued together.
const MIN_SPACE: usize = 128 * 1024;

/// Number of bytes that an item of the queue counts at least, so that the number of items is limited too.
const MIN_ITEM_BYTES: usize = 512;

/// Maximum number of items that are written together.
const MAX_WRITTEN_TOGETHER: usize = 64;

/// Number of bytes from which on no further item is written together with the others. Their space is free again when
/// all are written, so that a slow client is not sent everything that fits into the queue at once.
const WRITTEN_TOGETHER_BYTES: usize = 64 * 1024;

/// Sender of the bytes that a connection writes.
#[derive(Debug, Clone)]
pub struct WriteQueue {
    sender: mpsc::UnboundedSender<Outgoing>,
    /// Free space, in bytes.
    space: Arc<Semaphore>,
}

/// Receiver of the bytes that a connection writes.
pub type WriteQueueReceiver = mpsc::UnboundedReceiver<Outgoing>;

/// Content of an item of the queue.
#[derive(Debug)]
pub enum Content {
    /// Response, or one interleaved packet.
    Bytes(Bytes),
    /// Interleaved packets of a frame.
    Packets(InterleavedPackets),
}

impl Content {
    fn length(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Packets(packets) => packets.length(),
        }
    }

    fn add_slices<'a>(&'a self, slices: &mut Vec<IoSlice<'a>>) {
        match self {
            Self::Bytes(bytes) => slices.push(IoSlice::new(bytes)),
            Self::Packets(packets) => slices.extend(packets.slices()),
        }
    }
}

/// Item queued for a connection.
#[derive(Debug)]
pub struct Outgoing {
    content: Content,
    /// Dropped when the bytes have been written, or when the connection is closed.
    _written: Option<oneshot::Sender<()>>,
    /// Space that the bytes take in the queue.
    _space: Option<OwnedSemaphorePermit>,
}

impl WriteQueue {
    /// Creates an empty queue.
    pub fn new() -> (Self, WriteQueueReceiver) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender, space: Arc::new(Semaphore::new(MAX_QUEUED_BYTES)) }, receiver)
    }

    /// Returns true if packets can be queued, or if the connection is closed.
    pub fn has_capacity(&self) -> bool {
        self.space.available_permits() >= MIN_SPACE || self.sender.is_closed()
    }

    /// Waits until [`has_capacity`](Self::has_capacity) returns true.
    pub async fn wait_for_capacity(&self) {
        // The space of all queued bytes is free again when the connection is closed.
        drop(self.space.acquire_many(MIN_SPACE as u32).await);
    }

    /// Queues an item, waiting until there is space. `written` is dropped when it has been written, or if the
    /// connection is closed.
    pub async fn send(&self, content: Content, written: Option<oneshot::Sender<()>>) {
        let space = self.space.clone().acquire_many_owned(space_of(&content)).await.ok();
        // Fails if the connection is closed, which its sessions learn separately.
        let _ = self.sender.send(Outgoing { content, _written: written, _space: space });
    }

    /// Queues bytes.
    ///
    /// # Errors
    /// Returns [`io::ErrorKind::WouldBlock`] if the queue is full, or if the connection is closed.
    pub fn try_send(&self, bytes: Bytes) -> io::Result<()> {
        let full = || io::Error::new(io::ErrorKind::WouldBlock, "the connection is full or closed");
        let content = Content::Bytes(bytes);
        let space = self.space.clone().try_acquire_many_owned(space_of(&content)).map_err(|_| full())?;
        self.sender.send(Outgoing { content, _written: None, _space: Some(space) }).map_err(|_| full())
    }
}

fn space_of(content: &Content) -> u32 {
    content.length().clamp(MIN_ITEM_BYTES, MAX_QUEUED_BYTES) as u32
}

/// Writes everything from the queue until all of its senders are dropped, and closes the sending direction. Items that
/// are queued together are written together.
///
/// # Errors
/// Returns an error if the connection breaks, or if it takes more than 10 s to write what is written together.
pub async fn write_outgoing(
    mut half: impl AsyncWrite + Unpin,
    mut queue: WriteQueueReceiver,
) -> io::Result<()> {
    let mut items = Vec::with_capacity(MAX_WRITTEN_TOGETHER);
    while let Some(first) = queue.recv().await {
        let mut length = first.content.length();
        items.push(first);
        while length < WRITTEN_TOGETHER_BYTES
            && items.len() < MAX_WRITTEN_TOGETHER
            && let Ok(next) = queue.try_recv()
        {
            length += next.content.length();
            items.push(next);
        }
        timeout(WRITE_TIMEOUT, write_all(&mut half, &items)).await??;
        items.clear();
    }
    timeout(WRITE_TIMEOUT, half.shutdown()).await?
}

/// Writes and flushes all items, by as few system calls as possible.
async fn write_all(half: &mut (impl AsyncWrite + Unpin), items: &[Outgoing]) -> io::Result<()> {
    let mut slices = Vec::new();
    items.iter().for_each(|item| item.content.add_slices(&mut slices));
    let mut rest = &mut slices[..];
    // Items without bytes would end the loop below with an error.
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        let written = half.write_vectored(rest).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        IoSlice::advance_slices(&mut rest, written);
    }
    half.flush().await
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn queued_items_are_written_in_order_and_their_space_is_free_again() {
        let (queue, receiver) = WriteQueue::new();
        let items: Vec<_> =
            (0..200_u8).map(|number| Bytes::from(vec![number; usize::from(number)])).collect();
        items.iter().for_each(|item| queue.try_send(item.clone()).unwrap());
        assert!(queue.space.available_permits() <= MAX_QUEUED_BYTES - 200 * MIN_ITEM_BYTES);
        let (mut near, far) = tokio::io::duplex(1_000);
        let space = queue.space.clone();
        drop(queue);
        let mut received = Vec::new();
        let (read, written) = tokio::join!(near.read_to_end(&mut received), write_outgoing(far, receiver));
        assert_eq!(read.unwrap(), received.len());
        written.unwrap();
        assert_eq!(received, items.concat());
        assert_eq!(space.available_permits(), MAX_QUEUED_BYTES);
    }

    #[tokio::test]
    async fn full_queue_has_no_capacity_until_it_is_written_or_closed() {
        let (queue, mut receiver) = WriteQueue::new();
        let item = Bytes::from(vec![0; MAX_QUEUED_BYTES - MIN_SPACE + 1]);
        assert!(queue.has_capacity());
        queue.try_send(item.clone()).unwrap();
        assert!(!queue.has_capacity());
        assert_eq!(queue.try_send(item.clone()).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let mut context = Context::from_waker(Waker::noop());
        let mut wait = pin!(queue.wait_for_capacity());
        assert!(wait.as_mut().poll(&mut context).is_pending());
        drop(receiver.recv().await);
        assert!(wait.as_mut().poll(&mut context).is_ready());
        assert!(queue.has_capacity());
        queue.try_send(item.clone()).unwrap();
        drop(receiver);
        queue.wait_for_capacity().await;
        assert!(queue.try_send(item).is_err());
    }
}
