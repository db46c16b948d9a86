//! Search for the next message behind bytes that belong to none.
//!
//! Some cameras put a few bytes between interleaved packets, or state a length that is too small. ffmpeg and live555
//! search for the next `$` or response; so does this, and requires that what follows makes sense.

/// State of the search in one connection.
#[derive(Debug, Default)]
pub struct Resync {
    /// True once a message or packet has been read: then the peer speaks RTSP.
    has_message: bool,
    /// Channels on which RTP or RTCP has arrived, one bit each.
    channels: [u64; 4],
    /// Bytes skipped since the last message; `None` if nothing is being skipped.
    skipped: Option<usize>,
}

/// Number of bytes of an interleaved packet that are examined: `$`, channel, length, and the first byte of RTP or RTCP.
const FRAME_START: usize = 5;

/// Beginning of a status line, where `d` stands for a digit.
const STATUS_LINE: &[u8] = b"RTSP/d.d ddd";

/// Minimum length of an RTP or RTCP packet in bytes; an empty receiver report has 8.
const MIN_PACKET_LENGTH: u16 = 8;

impl Resync {
    /// Returns true if bytes that belong to no message may be skipped.
    pub fn can_start(&self, max_skipped: usize) -> bool {
        self.has_message && max_skipped > 0
    }

    /// Starts to skip bytes, of which the first belongs to no message.
    pub fn start(&mut self) {
        self.skipped = Some(0);
    }

    /// Ends skipping, at the beginning of a message.
    pub fn stop(&mut self) {
        self.skipped = None;
    }

    /// Returns true while bytes are being skipped.
    pub fn is_skipping(&self) -> bool {
        self.skipped.is_some()
    }

    /// Adds skipped bytes; returns their number since the last message.
    pub fn add_skipped(&mut self, bytes: usize) -> usize {
        let total = self.skipped.unwrap_or_default().saturating_add(bytes);
        self.skipped = Some(total);
        total
    }

    /// Remembers that a message or packet was read.
    pub fn handle_message(&mut self) {
        self.has_message = true;
    }

    /// Remembers the channel of a packet, if it is RTP or RTCP.
    pub fn handle_packet(&mut self, channel: u8, packet: &[u8]) {
        if packet.first().is_some_and(|first| is_rtp_version(*first)) {
            self.channels[usize::from(channel / 64)] |= 1 << (channel % 64);
        }
    }

    /// Returns true if RTP or RTCP has arrived on this channel, or on the other one of its pair.
    fn is_known(&self, channel: u8) -> bool {
        [channel, channel ^ 1]
            .iter()
            .any(|channel| self.channels[usize::from(channel / 64)] & (1 << (channel % 64)) != 0)
    }

    /// Returns true if `bytes`, which begin with `$`, are an interleaved packet; `None` if more bytes are needed.
    /// Before the first packet nothing is known about the channels. After that a packet that is not RTP or RTCP, or on
    /// another channel, is believed if it is complete and another packet or a response follows it.
    pub fn is_frame(&self, bytes: &[u8]) -> Option<bool> {
        let &[_, channel, high, low, ..] = bytes else { return None };
        let is_expected = self.is_known(channel) && bytes.get(4).is_none_or(|first| is_rtp_version(*first));
        if is_expected || self.channels == [0; 4] {
            return Some(true);
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        match bytes.get(4 + length..) {
            None => Some(false),
            Some([]) => None,
            Some([b'$', ..]) => Some(true),
            Some(following) => is_status_line(following),
        }
    }

    /// Finds the next beginning of a packet or response behind the first byte of those being skipped. Returns the
    /// number of bytes before it and true, or the number of bytes that can be dropped and false.
    pub fn find_start(&self, bytes: &[u8]) -> (usize, bool) {
        let first = usize::from(self.skipped == Some(0)).min(bytes.len());
        for at in memchr::memchr2_iter(b'$', b'R', &bytes[first..]).map(|at| first + at) {
            match self.is_start(&bytes[at..]) {
                Some(true) => return (at, true),
                Some(false) => {}
                None => return (at, false),
            }
        }
        (bytes.len(), false)
    }

    /// Returns true if a packet on a known channel or a status line begins here; `None` if more bytes are needed.
    fn is_start(&self, bytes: &[u8]) -> Option<bool> {
        if bytes.first() == Some(&b'$') {
            let &[_, channel, high, low, first] = bytes.first_chunk::<FRAME_START>()?;
            let length = u16::from_be_bytes([high, low]);
            return Some(self.is_known(channel) && length >= MIN_PACKET_LENGTH && is_rtp_version(first));
        }
        is_status_line(bytes)
    }
}

/// Returns true if `bytes` begin with a status line (RFC 2326 §7.1); `None` if more bytes are needed.
pub fn is_status_line(bytes: &[u8]) -> Option<bool> {
    let is_match = bytes.iter().zip(STATUS_LINE).all(|(byte, pattern)| match pattern {
        b'd' => byte.is_ascii_digit(),
        other => byte == other,
    });
    if is_match && bytes.len() < STATUS_LINE.len() { None } else { Some(is_match) }
}

/// Returns true if the first byte of a packet states version 2 (RFC 3550 §5.1, §6.4.1).
fn is_rtp_version(first: u8) -> bool {
    first >> 6 == 2
}
