//! Standard error, for which nobody waits: it may be full, or closed, or a pipe that nobody reads.
//!
//! What is told goes to a thread that writes it. Whoever serves or plays goes on meanwhile.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, thread};

/// Tells people something, in a line of its own.
pub fn print_line(line: impl fmt::Display) {
    STDERR.push(format!("{line}\n").into());
}

/// Shows something as it is.
pub fn print(text: impl Into<String>) {
    STDERR.push(text.into().into());
}

/// Waits until everything is written, a second at the most.
pub fn flush() {
    STDERR.flush(FLUSH_TIMEOUT);
}

/// Standard error for whoever wants something to write to. Each write is kept whole.
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

/// Pieces that may wait. More are lost, and counted.
const MAX_QUEUED: usize = 1_024;

/// How long the end of the program waits for what has not been written.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

static STDERR: LazyLock<Queue> = LazyLock::new(|| {
    // Without a thread nothing is written, and nothing else suffers.
    let _ = thread::Builder::new().name("stderr".to_owned()).spawn(|| STDERR.write_to(io::stderr()));
    Queue::default()
});

/// What is on its way to standard error.
#[derive(Default)]
struct Queue {
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Default)]
struct QueueState {
    chunks: VecDeque<Vec<u8>>,
    /// Those behind the last of `pieces` for which there was no room.
    dropped: u64,
    /// One has been taken out, and is not written yet.
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

    /// Writes what comes, for ever. What cannot be written is gone.
    fn write_to(&self, mut out: impl Write) {
        loop {
            let piece = self.wait_and_pop();
            let _ = out.write_all(&piece).and_then(|()| out.flush());
        }
    }

    /// Waits for the next piece.
    fn wait_and_pop(&self) -> Vec<u8> {
        let mut waiting = self.state();
        waiting.is_writing = false;
        loop {
            if let Some(piece) = waiting.pop() {
                waiting.is_writing = true;
                return piece;
            }
            // Whoever waits until everything is written.
            self.changed.notify_all();
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn flush(&self, timeout: Duration) {
        let waiting = self.state();
        // Out of patience is as good as done.
        let _ = self.changed.wait_timeout_while(waiting, timeout, |waiting| !waiting.is_empty());
    }
}

impl QueueState {
    /// Once something is lost, everything is, until what waits is written: so it is known where the gap is.
    fn push(&mut self, chunk: Vec<u8>) {
        match self.dropped == 0 && self.chunks.len() < MAX_QUEUED {
            true => self.chunks.push_back(chunk),
            false => self.dropped += 1,
        }
    }

    fn pop(&mut self) -> Option<Vec<u8>> {
        let piece = self.chunks.pop_front();
        piece.or_else(|| match std::mem::take(&mut self.dropped) {
            0 => None,
            lost => Some(format!("{lost} lines are missing here, as nobody read them.\n").into()),
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
        let mut waiting = QueueState::default();
        for number in 0..MAX_QUEUED + 3 {
            waiting.push(number.to_string().into());
        }
        assert_eq!(waiting.pop(), Some("0".into()));
        // There is room again, but not for what comes behind a gap.
        waiting.push("late".into());
        let rest: Vec<_> = std::iter::from_fn(|| waiting.pop()).collect();
        assert_eq!(rest.len(), MAX_QUEUED);
        assert_eq!(rest.last().unwrap(), b"4 lines are missing here, as nobody read them.\n");
        waiting.push("new".into());
        assert_eq!(waiting.pop(), Some("new".into()));
    }
}
