//! Bounded queue of frames between a session and a thread that writes them.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::session::frame::Frame;

/// Input of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueuedFrame {
    /// Complete frame.
    Frame(Frame),
    /// Playing was paused: no time passes until the next frame.
    Pause,
}

/// Queue of frames that never blocks the session, unless the caller of [`FrameQueue::wait_for_space`] wants that.
/// Frames that do not fit are left out and counted.
#[derive(Debug, Default)]
pub struct FrameQueue {
    state: Mutex<QueueState>,
    /// A frame was added, or the queue was closed.
    added: Condvar,
    /// A frame was removed, or the queue was closed.
    removed: Notify,
    /// A frame was left out.
    left_out: Notify,
    /// The session waits for space if packets arrive on its connection: then the server waits too, and nothing is lost.
    waits_over_tcp: bool,
}

#[derive(Debug, Default)]
struct QueueState {
    frames: VecDeque<QueuedFrame>,
    bytes: usize,
    left_out: u64,
    is_closed: bool,
}

/// Maximum number of frames and pauses in the queue.
const MAX_FRAMES: usize = 2_048;

/// Maximum number of bytes in the queue; one frame may be longer.
const MAX_BYTES: usize = 64 * 1024 * 1024;

impl QueueState {
    fn is_full(&self) -> bool {
        self.frames.len() >= MAX_FRAMES || self.bytes >= MAX_BYTES
    }
}

impl FrameQueue {
    /// Creates an empty queue. If `waits_over_tcp`, no frame is left out that arrives on the connection of the session.
    pub fn new(waits_over_tcp: bool) -> Self {
        Self { waits_over_tcp, ..Self::default() }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a frame, or counts it as left out if the queue is full. Ignored after [`close`](Self::close).
    pub fn push(&self, frame: Frame) {
        let mut state = self.lock();
        if state.is_closed {
            return;
        }
        if state.is_full() {
            state.left_out += 1;
            self.left_out.notify_one();
            return;
        }
        state.bytes += frame.jpeg.len();
        state.frames.push_back(QueuedFrame::Frame(frame));
        self.added.notify_one();
    }

    /// Adds a pause, unless the last input is one.
    pub fn push_pause(&self) {
        let mut state = self.lock();
        let is_known = state.frames.back() == Some(&QueuedFrame::Pause);
        // One more than the limit, because a pause that is left out would be in the film.
        if !state.is_closed && !is_known && state.frames.len() <= MAX_FRAMES {
            state.frames.push_back(QueuedFrame::Pause);
            self.added.notify_one();
        }
    }

    /// Waits until the queue has space or is closed, if it was created for that.
    pub async fn wait_for_space(&self) {
        if !self.waits_over_tcp {
            return;
        }
        loop {
            let removed = self.removed.notified();
            let is_ready = {
                let state = self.lock();
                state.is_closed || !state.is_full()
            };
            if is_ready {
                return;
            }
            removed.await;
        }
    }

    /// Waits until a frame was left out since the last call. For one caller at a time.
    pub async fn wait_for_left_out(&self) {
        self.left_out.notified().await;
    }

    /// Ends the queue: later frames are ignored, those in it can still be removed.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.added.notify_one();
        self.removed.notify_one();
    }

    /// Waits for the next input and removes it; `None` if the queue is closed and empty. Blocks.
    pub fn pop(&self) -> Option<QueuedFrame> {
        let mut state = self.lock();
        loop {
            if let Some(frame) = state.frames.pop_front() {
                if let QueuedFrame::Frame(frame) = &frame {
                    state.bytes -= frame.jpeg.len();
                }
                self.removed.notify_one();
                return Some(frame);
            }
            if state.is_closed {
                return None;
            }
            state = self.added.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Number of frames that were left out.
    pub fn left_out(&self) -> u64 {
        self.lock().left_out
    }
}

/// Place at which a recording joins a session, before or while it runs.
#[derive(Debug, Clone, Default)]
pub struct RecorderSlot(Arc<Mutex<Option<Arc<FrameQueue>>>>);

impl RecorderSlot {
    /// Sets the queue that the frames of the session are added to from now on; `None` ends that.
    pub fn set(&self, queue: Option<Arc<FrameQueue>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = queue;
    }

    /// Returns the queue of the recording; `None` if nothing is recorded.
    pub fn queue(&self) -> Option<Arc<FrameQueue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn frame(timestamp: i64, length: usize) -> Frame {
        Frame::complete(vec![0; length].into(), timestamp, Instant::now())
    }

    /// A disk that does not write is a queue from which nothing is removed.
    #[test]
    fn frames_beyond_the_limits_are_left_out_and_counted() {
        let queue = FrameQueue::new(false);
        (0..MAX_FRAMES as i64 + 7).for_each(|number| queue.push(frame(number, 1)));
        queue.push_pause();
        queue.push_pause();
        assert_eq!((queue.left_out(), queue.lock().frames.len()), (7, MAX_FRAMES + 1));
        let large = FrameQueue::new(false);
        (0..70).for_each(|number| large.push(frame(number, 1024 * 1024)));
        assert_eq!((large.left_out(), large.lock().bytes), (6, MAX_BYTES));
        let QueuedFrame::Frame(first) = large.pop().unwrap() else { panic!("not a frame") };
        assert_eq!((first.timestamp, large.lock().bytes), (0, MAX_BYTES - 1024 * 1024));
    }

    #[test]
    fn closed_queue_is_emptied_and_takes_no_more_frames() {
        let queue = FrameQueue::new(false);
        queue.push(frame(1, 1));
        queue.close();
        queue.push(frame(2, 1));
        queue.push_pause();
        assert!(matches!(queue.pop(), Some(QueuedFrame::Frame(frame)) if frame.timestamp == 1));
        assert_eq!((queue.pop(), queue.left_out()), (None, 0));
    }

    #[tokio::test]
    async fn session_waits_for_space_only_if_it_is_asked_to() {
        let fill =
            |queue: &FrameQueue| (0..MAX_FRAMES as i64).for_each(|number| queue.push(frame(number, 1)));
        let (waiting, dropping) = (Arc::new(FrameQueue::new(true)), FrameQueue::new(false));
        fill(&waiting);
        fill(&dropping);
        dropping.wait_for_space().await;
        let removing = waiting.clone();
        let remover = tokio::spawn(async move { removing.pop() });
        waiting.wait_for_space().await;
        waiting.push(frame(9, 1));
        assert!(remover.await.unwrap().is_some());
        assert_eq!(waiting.left_out(), 0);
    }
}
