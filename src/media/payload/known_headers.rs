//! JPEG headers of the last frames, for frames whose first packet is lost.

use std::collections::VecDeque;

use bytes::Bytes;

use super::main_header::header_identity;

/// Headers by the identity that each packet of a frame states.
#[derive(Debug, Default)]
pub(super) struct KnownHeaders {
    /// The last one first.
    headers: VecDeque<(u32, Bytes)>,
}

/// Maximum number of headers. All frames of a film have the same one, or a few in turn.
const MAX_HEADERS: usize = 4;

/// Maximum length of a header that is kept, in bytes.
const MAX_LENGTH: usize = 64 * 1024;

impl KnownHeaders {
    /// Returns the header with this identity, from SOI to SOS.
    pub fn get(&self, identity: u32) -> Option<Bytes> {
        self.headers.iter().find(|(known, _)| *known == identity).map(|(_, header)| header.clone())
    }

    /// Keeps a header that was built from these header segments, unless they have another identity.
    pub fn insert(&mut self, identity: u32, segments: &[u8], header: &[u8]) {
        let is_known = self.headers.front().is_some_and(|(known, _)| *known == identity);
        if is_known || header.len() > MAX_LENGTH || header_identity(segments) != identity {
            return;
        }
        self.headers.retain(|(known, _)| *known != identity);
        self.headers.truncate(MAX_HEADERS - 1);
        self.headers.push_front((identity, Bytes::copy_from_slice(header)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_headers_are_kept_by_their_identity() {
        let mut known = KnownHeaders::default();
        let segments = |number: u8| [number; 5];
        let identity = |number| header_identity(&segments(number));
        for number in 0..10 {
            known.insert(identity(number), &segments(number), &[number]);
        }
        assert_eq!(known.get(identity(9)).as_deref(), Some(&[9][..]));
        assert_eq!(known.get(identity(6)).as_deref(), Some(&[6][..]));
        assert_eq!(known.get(identity(5)), None);
        known.insert(identity(20), &segments(21), &[21]);
        assert_eq!(known.get(identity(20)), None, "segments of another identity");
        known.insert(identity(22), &segments(22), &[0; MAX_LENGTH + 1]);
        assert_eq!(known.get(identity(22)), None);
    }
}
