//! Films that a server sends again from their start, each time that it is connected to. Sans-I/O.

use bytes::Bytes;

/// Detects that a stream begins again with the frame with which it has begun, after its connection was set up again:
/// then it is a film that has an end, and the server does not say so.
///
/// No two frames of a camera are equal, because of noise. A stream whose first two frames are equal is a test image or
/// a camera without noise, and tells nothing.
#[derive(Debug, Default)]
pub struct Repetition {
    first: Option<Bytes>,
    /// The second frame has arrived and is another one.
    has_changed: bool,
    /// Number of frames.
    frames: u64,
    /// The next frame is the first of a connection.
    is_connected_again: bool,
}

impl Repetition {
    /// Handles a lost connection.
    pub fn handle_reconnection(&mut self) {
        self.is_connected_again = true;
    }

    /// Handles a frame. Returns true if the film begins again with it.
    pub fn is_repeated(&mut self, jpeg: &Bytes) -> bool {
        self.frames += 1;
        match (&self.first, self.frames) {
            (None, _) => self.first = Some(jpeg.clone()),
            (Some(first), 2) => self.has_changed = first != jpeg,
            _ => {}
        }
        let is_first = std::mem::take(&mut self.is_connected_again);
        is_first && self.frames > 2 && self.has_changed && self.first.as_ref() == Some(jpeg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the number of frames up to the repetition. `-` is a lost connection; other letters are frames.
    fn frames_until_repetition(stream: &str) -> Option<usize> {
        let (mut repetition, mut frames) = (Repetition::default(), 0);
        for letter in stream.bytes() {
            if letter == b'-' {
                repetition.handle_reconnection();
            } else if repetition.is_repeated(&Bytes::from(vec![letter])) {
                return Some(frames);
            } else {
                frames += 1;
            }
        }
        None
    }

    #[test]
    fn film_that_begins_again_after_a_reconnection_is_a_repetition() {
        assert_eq!(frames_until_repetition("abc-abc"), Some(3));
        assert_eq!(frames_until_repetition("abc-de-abc"), Some(5));
        assert_eq!(frames_until_repetition("abcabc-def-gha"), None, "a camera, or a film in a loop");
        assert_eq!(frames_until_repetition("aaa-aaa"), None, "a test image");
        assert_eq!(frames_until_repetition("a-abc"), None, "one frame tells nothing");
    }
}
