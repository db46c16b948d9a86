//! Incremental search for the end of a frame.

use super::limits::MAX_HEADER_JUNK;
use super::marker;

/// Parses the markers of one JPEG, from SOI to EOI, in pieces of any size.
///
/// A search for `FF D9` would stop at the EOI of a thumbnail in an APPn segment. The parser skips segments by their
/// lengths and searches only the entropy-coded data.
#[derive(Debug, Clone)]
pub struct FrameParser {
    state: ParserState,
    has_frame_header: bool,
    /// Number of segments begun.
    segment_count: usize,
    /// Number of bytes between header segments that belong to no segment.
    junk: usize,
    /// Precision, height and width in the current frame header (T.81 §B.2.2), and the number of bytes of them parsed.
    frame_size: ([u8; 5], usize),
}

/// The kind of the next byte.
#[derive(Debug, Clone, Copy)]
enum ParserState {
    /// First byte of SOI.
    SoiPrefix,
    /// Second byte of SOI.
    SoiCode,
    /// 0xFF before a marker code, between segments.
    MarkerPrefix,
    /// Marker code between segments, or another 0xFF.
    MarkerCode,
    /// High byte of the length of a segment.
    LengthHigh { code: u8 },
    /// Low byte of the length of a segment.
    LengthLow { code: u8, high: u8 },
    /// Body of a segment.
    SegmentBody { code: u8, remaining: usize },
    /// Entropy-coded data of a scan, after the body of SOS.
    EntropyData,
    /// Byte after 0xFF in entropy-coded data.
    EntropyMarkerCode,
}

/// Status after the bytes passed to [`FrameParser::advance`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseStatus {
    /// All bytes are part of the frame, which is not complete yet.
    Incomplete,
    /// The frame is complete.
    Complete {
        /// Number of bytes given that are part of the frame, EOI included.
        consumed: usize,
    },
    /// A byte cannot be at its position in a frame.
    Invalid {
        /// Number of bytes before the invalid one.
        consumed: usize,
        /// The byte before the invalid one was 0xFF, so that both together can be the SOI of the next frame.
        after_ff: bool,
    },
}

impl Default for FrameParser {
    fn default() -> Self {
        Self {
            state: ParserState::SoiPrefix,
            has_frame_header: false,
            segment_count: 0,
            junk: 0,
            frame_size: ([0; 5], 0),
        }
    }
}

impl FrameParser {
    /// Parses the next bytes of the frame. Do not call again after [`ParseStatus::Complete`] or
    /// [`ParseStatus::Invalid`].
    pub fn advance(&mut self, bytes: &[u8]) -> ParseStatus {
        let mut position = 0;
        while let Some(&byte) = bytes.get(position) {
            self.state = match self.state {
                ParserState::SegmentBody { code, remaining } => {
                    let skipped = remaining.min(bytes.len() - position);
                    if marker::is_start_of_frame(code)
                        && let Some(before) = self.find_zero_width(&bytes[position..][..skipped])
                    {
                        return ParseStatus::Invalid { consumed: position + before, after_ff: false };
                    }
                    position += skipped;
                    state_after_body(code, remaining - skipped)
                }
                ParserState::EntropyData => match memchr::memchr(0xFF, &bytes[position..]) {
                    Some(distance) => {
                        position += distance + 1;
                        ParserState::EntropyMarkerCode
                    }
                    None => return ParseStatus::Incomplete,
                },
                state => match self.transition(state, byte) {
                    Transition::State(state) => {
                        position += 1;
                        state
                    }
                    Transition::End => return ParseStatus::Complete { consumed: position + 1 },
                    Transition::Invalid => {
                        let after_ff = matches!(
                            state,
                            ParserState::SoiCode | ParserState::MarkerCode | ParserState::EntropyMarkerCode
                        );
                        return ParseStatus::Invalid { consumed: position, after_ff };
                    }
                },
            };
        }
        ParseStatus::Incomplete
    }

    /// Returns true if the current position is in entropy-coded data, where a frame can end without EOI.
    pub fn is_in_scan(&self) -> bool {
        matches!(self.state, ParserState::EntropyData | ParserState::EntropyMarkerCode)
    }

    /// Records bytes of the frame header. If they state a width of 0, which no frame has, returns the number of bytes
    /// before its last one.
    fn find_zero_width(&mut self, body: &[u8]) -> Option<usize> {
        let (size, filled) = &mut self.frame_size;
        let missing = size.len() - *filled;
        for (slot, byte) in size[*filled..].iter_mut().zip(body) {
            *slot = *byte;
            *filled += 1;
        }
        (missing > 0 && *filled == size.len() && size[3..] == [0, 0]).then(|| missing - 1)
    }

    fn transition(&mut self, state: ParserState, byte: u8) -> Transition {
        match (state, byte) {
            (ParserState::SoiPrefix, 0xFF) => Transition::State(ParserState::SoiCode),
            (ParserState::SoiCode, marker::SOI) => Transition::State(ParserState::MarkerPrefix),
            // Any number of fill bytes 0xFF can precede a marker code (T.81 §B.1.1.2).
            (ParserState::MarkerPrefix | ParserState::MarkerCode, 0xFF) => {
                Transition::State(ParserState::MarkerCode)
            }
            (ParserState::EntropyMarkerCode, 0xFF) => Transition::State(ParserState::EntropyMarkerCode),
            // Some encoders write SOI twice.
            (ParserState::MarkerCode, marker::SOI) if self.segment_count == 0 => {
                Transition::State(ParserState::MarkerPrefix)
            }
            (ParserState::MarkerPrefix, _) => self.skip_junk(1),
            // A stuffed zero byte between segments.
            (ParserState::MarkerCode, 0x00) => self.skip_junk(2),
            // A stuffed zero byte or a restart marker: the entropy-coded data continues. Reserved codes, which some
            // encoders write after the last block, are passed over.
            (ParserState::EntropyMarkerCode, 0x00 | marker::RST0..=marker::RST7) => {
                Transition::State(ParserState::EntropyData)
            }
            (ParserState::EntropyMarkerCode, code) if marker::is_reserved(code) => {
                Transition::State(ParserState::EntropyData)
            }
            (ParserState::EntropyMarkerCode, marker::EOI) => Transition::End,
            (ParserState::MarkerCode | ParserState::EntropyMarkerCode, code) if marker::has_segment(code) => {
                self.start_segment(code)
            }
            (ParserState::LengthHigh { code }, high) => {
                Transition::State(ParserState::LengthLow { code, high })
            }
            (ParserState::LengthLow { code, high }, low) => {
                match u16::from_be_bytes([high, low]).checked_sub(2) {
                    Some(remaining) => Transition::State(state_after_body(code, usize::from(remaining))),
                    None => Transition::Invalid,
                }
            }
            _ => Transition::Invalid,
        }
    }

    /// Skips bytes between header segments that belong to no segment. There are none before the first segment, so that
    /// other bytes are not taken for a frame.
    fn skip_junk(&mut self, count: usize) -> Transition {
        self.junk += count;
        match self.segment_count > 0 && self.junk <= MAX_HEADER_JUNK {
            true => Transition::State(ParserState::MarkerPrefix),
            false => Transition::Invalid,
        }
    }

    fn start_segment(&mut self, code: u8) -> Transition {
        self.has_frame_header |= marker::is_start_of_frame(code);
        self.segment_count += 1;
        self.frame_size = ([0; 5], 0);
        if code == marker::SOS && !self.has_frame_header {
            return Transition::Invalid;
        }
        Transition::State(ParserState::LengthHigh { code })
    }
}

enum Transition {
    State(ParserState),
    End,
    Invalid,
}

/// Returns the state with `remaining` bytes of a segment body left. Entropy-coded data follows SOS. DNL ends the data
/// of the first scan (T.81 §B.2.5); the next marker is found like one in entropy-coded data.
fn state_after_body(code: u8, remaining: usize) -> ParserState {
    match (remaining, code) {
        (0, marker::SOS | marker::DNL) => ParserState::EntropyData,
        (0, _) => ParserState::MarkerPrefix,
        (remaining, code) => ParserState::SegmentBody { code, remaining },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame with the EOI of a thumbnail in APP1, fill bytes, a restart marker and two scans.
    const FRAME: &[u8] = &[
        0xFF, 0xD8, // SOI
        0xFF, 0xE1, 0x00, 0x06, 0xFF, 0xD8, 0xFF, 0xD9, // APP1 with SOI and EOI in it
        0xFF, 0xFF, 0xFF, 0xC2, 0x00, 0x03, 0x08, // SOF2 after fill bytes
        0xFF, 0xDA, 0x00, 0x02, 0x11, 0xFF, 0x00, 0x22, 0xFF, 0xD0, 0x33, // SOS, data
        0xFF, 0xC4, 0x00, 0x02, 0xFF, 0xDA, 0x00, 0x02, 0x44, // DHT, SOS, data
        0xFF, 0xD9, // EOI
    ];

    #[test]
    fn zero_width_is_found_at_the_same_byte_across_any_split() {
        let frame = [0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8, 0, 16, 0, 0, 1, 1, 0x11, 0, 0xFF, 0xDA];
        for cut in 0..=10 {
            let mut parser = FrameParser::default();
            assert_eq!(parser.advance(&frame[..cut]), ParseStatus::Incomplete, "cut at {cut}");
            let invalid = ParseStatus::Invalid { consumed: 10 - cut, after_ff: false };
            assert_eq!(parser.advance(&frame[cut..]), invalid, "cut at {cut}");
        }
    }

    #[test]
    fn end_is_found_across_any_split() {
        let followed = [FRAME, b"00123"].concat();
        for cut in 0..FRAME.len() {
            let mut parser = FrameParser::default();
            assert_eq!(parser.advance(&followed[..cut]), ParseStatus::Incomplete, "cut at {cut}");
            assert_eq!(
                parser.advance(&followed[cut..]),
                ParseStatus::Complete { consumed: FRAME.len() - cut }
            );
        }
    }

    #[test]
    fn missing_eoi_reports_start_of_next_frame() {
        let cut = &FRAME[..FRAME.len() - 2];
        let followed = [cut, FRAME].concat();
        let invalid = ParseStatus::Invalid { consumed: cut.len() + 1, after_ff: true };
        assert_eq!(FrameParser::default().advance(&followed), invalid);
    }

    #[test]
    fn odd_bytes_of_encoders_do_not_end_a_frame() {
        let (soi, rest) = FRAME.split_at(2);
        let (segment, scans) = rest.split_at(8);
        let (data, eoi) = scans.split_at(scans.len() - 2);
        for odd in [
            [soi, soi, rest].concat(),
            [soi, segment, &[0; 4], scans].concat(),
            [soi, segment, &[1, 0xFF, 0, 2], scans].concat(),
            [soi, segment, data, &[0xFF, 0x7F, 1], eoi].concat(),
        ] {
            for cut in 0..odd.len() {
                let mut parser = FrameParser::default();
                assert_eq!(parser.advance(&odd[..cut]), ParseStatus::Incomplete, "{odd:02X?}, cut at {cut}");
                let complete = ParseStatus::Complete { consumed: odd.len() - cut };
                assert_eq!(parser.advance(&odd[cut..]), complete, "{odd:02X?}, cut at {cut}");
            }
        }
        let long_junk = [soi, segment, &[0; MAX_HEADER_JUNK + 1], scans].concat();
        assert!(matches!(FrameParser::default().advance(&long_junk), ParseStatus::Invalid { .. }));
    }

    #[test]
    fn frame_of_width_zero_is_invalid_in_pieces_of_any_size() {
        let header = [0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8, 0, 16, 0, 0, 1, 1, 0x11, 0];
        for cut in 0..header.len() {
            let mut parser = FrameParser::default();
            let status = match parser.advance(&header[..cut]) {
                ParseStatus::Incomplete => parser.advance(&header[cut..]),
                status => status,
            };
            assert!(
                matches!(status, ParseStatus::Invalid { after_ff: false, .. }),
                "cut at {cut}: {status:?}"
            );
        }
    }

    #[test]
    fn malformed_marker_sequence_is_invalid() {
        for bytes in [
            &b"12345"[..],
            &[0xFF, 0xD8, 0x00],
            &[0xFF, 0xD8, 0xFF, 0xD9],             // EOI directly after SOI
            &[0xFF, 0xD8, 0xFF, 0xDA, 0x00, 0x02], // a scan without a frame header
            &[0xFF, 0xD8, 0xFF, 0xDB, 0x00, 0x01], // a length below 2, the size of the length field
            &[0xFF, 0xD8, 0xFF, 0x02],             // a reserved marker
        ] {
            assert!(
                matches!(FrameParser::default().advance(bytes), ParseStatus::Invalid { .. }),
                "{bytes:02X?}"
            );
        }
    }
}
