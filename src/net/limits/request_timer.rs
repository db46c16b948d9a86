//! Deadlines of the requests on one connection. Sans-I/O.

use std::time::{Duration, Instant};

use super::values::Limits;

/// Deadlines of one connection. They depend on complete requests only, so a client cannot extend them by single bytes.
///
/// Call [`handle_message`](Self::handle_message) for each complete message, and
/// [`handle_received`](Self::handle_received) after all messages of a read.
#[derive(Debug)]
pub struct RequestTimer {
    request_timeout: Duration,
    idle_timeout: Duration,
    /// Time of the last complete request, or of the connection.
    last_request: Instant,
    /// Arrival of the first byte of an incomplete message; `None` between messages.
    first_byte: Option<Instant>,
}

impl RequestTimer {
    /// Pause after which a request without a blank line is complete. Classroom programs send such requests.
    pub const REQUEST_END_TIMEOUT: Duration = Duration::from_millis(50);

    /// Creates the deadlines of a connection that was accepted at `now`.
    pub fn new(limits: &Limits, now: Instant) -> Self {
        let Limits { request_timeout, idle_timeout, .. } = *limits;
        Self { request_timeout, idle_timeout, last_request: now, first_byte: None }
    }

    /// Handles the end of a message. Only a request restarts the idle timeout, not an interleaved packet.
    pub fn handle_message(&mut self, now: Instant, is_request: bool) {
        self.first_byte = None;
        if is_request {
            self.last_request = now;
        }
    }

    /// Handles the end of a read. `is_mid_message` is true if bytes of an incomplete message are buffered.
    pub fn handle_received(&mut self, now: Instant, is_mid_message: bool) {
        self.first_byte = is_mid_message.then_some(self.first_byte.unwrap_or(now));
    }

    /// Returns the deadline of the next read; `None` if there is none: between messages on a connection with a session,
    /// which has a timeout of its own. `may_be_complete` is true if the buffered bytes may be a complete request
    /// without a blank line.
    pub fn poll_timeout(&self, now: Instant, may_be_complete: bool, has_session: bool) -> Option<Instant> {
        match self.first_byte.map(|first_byte| first_byte + self.request_timeout) {
            Some(deadline) if may_be_complete => Some(deadline.min(now + Self::REQUEST_END_TIMEOUT)),
            Some(deadline) => Some(deadline),
            None => (!has_session).then_some(self.last_request + self.idle_timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn request_deadline_counts_from_its_first_byte() {
        let (limits, start) = (Limits::default(), Instant::now());
        let mut timer = RequestTimer::new(&limits, start);
        for second in 5..15 {
            timer.handle_received(start + SECOND * second, true);
            let deadline = timer.poll_timeout(start + SECOND * second, false, true);
            assert_eq!(deadline, Some(start + SECOND * 5 + limits.request_timeout));
        }
        timer.handle_message(start + SECOND * 15, true);
        timer.handle_received(start + SECOND * 15, true);
        let deadline = timer.poll_timeout(start + SECOND * 15, false, true);
        assert_eq!(
            deadline,
            Some(start + SECOND * 15 + limits.request_timeout),
            "the next request has begun"
        );
        timer.handle_message(start + SECOND * 16, true);
        timer.handle_received(start + SECOND * 16, false);
        assert_eq!(timer.poll_timeout(start + SECOND * 16, false, true), None);
    }

    #[test]
    fn idle_deadline_counts_from_the_last_request() {
        let (limits, start) = (Limits::default(), Instant::now());
        let mut timer = RequestTimer::new(&limits, start);
        timer.handle_message(start + SECOND, true);
        timer.handle_received(start + SECOND, false);
        // Blank lines and interleaved packets are no requests.
        timer.handle_received(start + SECOND * 100, false);
        timer.handle_message(start + SECOND * 200, false);
        let deadline = Some(start + SECOND + limits.idle_timeout);
        assert_eq!(timer.poll_timeout(start + SECOND * 200, false, false), deadline);
        assert_eq!(timer.poll_timeout(start + SECOND * 200, false, true), None);
    }

    #[test]
    fn request_without_blank_line_ends_with_a_pause_or_at_its_deadline() {
        let (limits, start) = (Limits::default(), Instant::now());
        let mut timer = RequestTimer::new(&limits, start);
        timer.handle_received(start, true);
        let pause = Some(start + RequestTimer::REQUEST_END_TIMEOUT);
        assert_eq!(timer.poll_timeout(start, true, false), pause);
        let deadline = start + limits.request_timeout;
        assert_eq!(timer.poll_timeout(deadline, true, false), Some(deadline));
    }
}
