//! Output to standard error that never blocks the program, even if it is full, closed, or a pipe that is not read.
//!
//! [`print_line`], [`print()`] and [`StderrWriter`] put chunks into a queue, which a thread writes. A full queue drops
//! lines and counts them. [`flush`] waits, for a limited time, until the queue is written.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, thread};

/// Prints a line; drops it if the queue is full.
pub fn print_line(line: impl fmt::Display) {
    STDERR.push(format!("{line}\n").into());
}

/// Prints a text as it is, without a line break; drops it if the queue is full.
pub fn print(text: impl Into<String>) {
    STDERR.push(text.into().into());
}

/// Waits until everything is written, for at most `FLUSH_TIMEOUT`.
pub fn flush() {
    STDERR.flush(FLUSH_TIMEOUT);
}

/// Standard error as a [`Write`], for the log. The bytes of one write stay together.
#[derive(Debug, Clone, Copy)]
pub struct StderrWriter;

impl Write for StderrWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        STDERR.push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Maximum number of chunks in the queue. Further ones are dropped and counted.
const MAX_QUEUED: usize = 1_024;

/// Maximum time that the end of the program waits for unwritten chunks.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

static STDERR: LazyLock<Queue> = LazyLock::new(|| {
    // Without the thread nothing is written; the program works all the same.
    let _ = thread::Builder::new().name("stderr".to_owned()).spawn(|| STDERR.write_to(io::stderr()));
    Queue::default()
});

/// Queue of the chunks that are to be written to standard error.
#[derive(Default)]
struct Queue {
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Default)]
struct QueueState {
    chunks: VecDeque<Vec<u8>>,
    /// Number of chunks dropped after the last one in `chunks`.
    dropped: u64,
    /// A chunk has been removed from the queue and is being written.
    is_writing: bool,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, chunk: Vec<u8>) {
        self.state().push(chunk);
        self.changed.notify_all();
    }

    /// Writes the chunks and never returns. A chunk that cannot be written is lost.
    fn write_to(&self, mut out: impl Write) {
        loop {
            let chunk = self.wait_and_pop();
            let _ = out.write_all(&chunk).and_then(|()| out.flush());
        }
    }

    /// Waits for the next chunk.
    fn wait_and_pop(&self) -> Vec<u8> {
        let mut state = self.state();
        state.is_writing = false;
        loop {
            if let Some(chunk) = state.pop() {
                state.is_writing = true;
                return chunk;
            }
            // Wakes `flush`.
            self.changed.notify_all();
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn flush(&self, timeout: Duration) {
        let state = self.state();
        // After the timeout the program ends and the rest is lost.
        let _ = self.changed.wait_timeout_while(state, timeout, |state| !state.is_empty());
    }
}

impl QueueState {
    /// Adds a chunk. After a dropped one all further ones are dropped until the queue is empty, so that the position of
    /// the gap is known.
    fn push(&mut self, chunk: Vec<u8>) {
        match self.dropped == 0 && self.chunks.len() < MAX_QUEUED {
            true => self.chunks.push_back(chunk),
            false => self.dropped += 1,
        }
    }

    fn pop(&mut self) -> Option<Vec<u8>> {
        let chunk = self.chunks.pop_front();
        chunk.or_else(|| match std::mem::take(&mut self.dropped) {
            0 => None,
            dropped => Some(format!("{dropped} lines are missing here because they were not read.\n").into()),
        })
    }

    fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.dropped == 0 && !self.is_writing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_lines_are_counted_at_the_gap() {
        let mut state = QueueState::default();
        for number in 0..MAX_QUEUED + 3 {
            state.push(number.to_string().into());
        }
        assert_eq!(state.pop(), Some("0".into()));
        // The queue has space again, but not for lines after the gap.
        state.push("late".into());
        let rest: Vec<_> = std::iter::from_fn(|| state.pop()).collect();
        assert_eq!(rest.len(), MAX_QUEUED);
        assert_eq!(rest.last().unwrap(), b"4 lines are missing here because they were not read.\n");
        state.push("new".into());
        assert_eq!(state.pop(), Some("new".into()));
    }
}
