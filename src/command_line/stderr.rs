//! Standard error, for which nobody waits: it may be full, or closed, or a pipe that nobody reads.
//!
//! What is told goes to a thread that writes it. Whoever serves or plays goes on meanwhile.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Tells people something, in a line of its own.
pub fn tell(line: impl fmt::Display) {
    STDERR.push(format!("{line}\n").into());
}

/// Shows something as it is.
pub fn show(text: impl Into<String>) {
    STDERR.push(text.into().into());
}

/// Waits until everything is written, a second at the most.
pub fn flush() {
    STDERR.flush(PATIENCE);
}

/// Standard error for whoever wants something to write to. Each write is kept whole.
#[derive(Debug, Clone, Copy)]
pub struct Writer;

impl Write for Writer {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        STDERR.push(octets.to_vec());
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Pieces that may wait. More are lost, and counted.
const MOST: usize = 1_024;

/// How long the end of the program waits for what has not been written.
const PATIENCE: Duration = Duration::from_secs(1);

static STDERR: LazyLock<Queue> = LazyLock::new(|| {
    // Without a thread nothing is written, and nothing else suffers.
    let _ = thread::Builder::new().name("stderr".to_owned()).spawn(|| STDERR.write_to(io::stderr()));
    Queue::default()
});

/// What is on its way to standard error.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    has_changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    pieces: VecDeque<Vec<u8>>,
    /// Those behind the last of `pieces` for which there was no room.
    lost: u64,
    /// One has been taken out, and is not written yet.
    is_writing: bool,
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, piece: Vec<u8>) {
        self.waiting().push(piece);
        self.has_changed.notify_all();
    }

    /// Writes what comes, for ever. What cannot be written is gone.
    fn write_to(&self, mut out: impl Write) {
        loop {
            let piece = self.take();
            let _ = out.write_all(&piece).and_then(|()| out.flush());
        }
    }

    /// Waits for the next piece.
    fn take(&self) -> Vec<u8> {
        let mut waiting = self.waiting();
        waiting.is_writing = false;
        loop {
            if let Some(piece) = waiting.take() {
                waiting.is_writing = true;
                return piece;
            }
            // Whoever waits until everything is written.
            self.has_changed.notify_all();
            waiting = self.has_changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn flush(&self, patience: Duration) {
        let waiting = self.waiting();
        // Out of patience is as good as done.
        let _ = self.has_changed.wait_timeout_while(waiting, patience, |waiting| !waiting.is_empty());
    }
}

impl Waiting {
    /// Once something is lost, everything is, until what waits is written: so it is known where the gap is.
    fn push(&mut self, piece: Vec<u8>) {
        match self.lost == 0 && self.pieces.len() < MOST {
            true => self.pieces.push_back(piece),
            false => self.lost += 1,
        }
    }

    fn take(&mut self) -> Option<Vec<u8>> {
        let piece = self.pieces.pop_front();
        piece.or_else(|| match std::mem::take(&mut self.lost) {
            0 => None,
            lost => Some(format!("{lost} lines are missing here, as nobody read them.\n").into()),
        })
    }

    fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.lost == 0 && !self.is_writing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_counted_where_it_is_missing() {
        let mut waiting = Waiting::default();
        for number in 0..MOST + 3 {
            waiting.push(number.to_string().into());
        }
        assert_eq!(waiting.take(), Some("0".into()));
        // There is room again, but not for what comes behind a gap.
        waiting.push("late".into());
        let rest: Vec<_> = std::iter::from_fn(|| waiting.take()).collect();
        assert_eq!(rest.len(), MOST);
        assert_eq!(rest.last().unwrap(), b"4 lines are missing here, as nobody read them.\n");
        waiting.push("new".into());
        assert_eq!(waiting.take(), Some("new".into()));
    }
}
