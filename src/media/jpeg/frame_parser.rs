//! Finding the end of a picture in bytes as they come.

use super::marker;

/// Follows the markers of one JPEG, from SOI to EOI.
///
/// The end of a picture is never looked for as `FF D9`: a thumbnail inside an APPn segment has one too. Segments
/// are stepped over by their lengths, and only the entropy-coded data is searched.
#[derive(Debug, Clone)]
pub struct FrameParser {
    state: ParserState,
    has_frame_header: bool,
}

/// Where the next byte belongs.
#[derive(Debug, Clone, Copy)]
enum ParserState {
    /// The first byte of SOI.
    SoiPrefix,
    /// The second byte of SOI.
    SoiCode,
    /// 0xFF before a marker code, between segments.
    MarkerPrefix,
    /// A marker code between segments.
    MarkerCode,
    /// The high byte of a segment's length.
    LengthHigh { code: u8 },
    /// The low byte of a segment's length.
    LengthLow { code: u8, high: u8 },
    /// The body of a segment.
    SegmentBody { code: u8, remaining: usize },
    /// Entropy-coded data.
    EntropyData,
    /// Behind an 0xFF in entropy-coded data.
    EntropyMarkerCode,
}

/// What became of the bytes given to [`Walker::advance`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseStatus {
    /// All belong to the picture, and it goes on.
    Incomplete,
    /// The picture ends behind this many of them.
    Complete {
        /// Bytes of the picture among those given.
        consumed: usize,
    },
    /// After this many of them stands something that no picture has there.
    Invalid {
        /// Bytes before the offending one.
        consumed: usize,
        /// The byte before the offending one was an 0xFF, so that a new picture may begin with the two.
        after_ff: bool,
    },
}

impl Default for FrameParser {
    fn default() -> Self {
        Self { state: ParserState::SoiPrefix, has_frame_header: false }
    }
}

impl FrameParser {
    /// Takes the next bytes of the picture.
    pub fn advance(&mut self, bytes: &[u8]) -> ParseStatus {
        let mut position = 0;
        while let Some(&byte) = bytes.get(position) {
            self.state = match self.state {
                ParserState::SegmentBody { code, remaining: left } => {
                    let taken = left.min(bytes.len() - position);
                    position += taken;
                    state_after_body(code, left - taken)
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
                        let behind_ff = matches!(
                            state,
                            ParserState::SoiCode | ParserState::MarkerCode | ParserState::EntropyMarkerCode
                        );
                        return ParseStatus::Invalid { consumed: position, after_ff: behind_ff };
                    }
                },
            };
        }
        ParseStatus::Incomplete
    }

    fn transition(&mut self, state: ParserState, byte: u8) -> Transition {
        match (state, byte) {
            (ParserState::SoiPrefix, 0xFF) => Transition::State(ParserState::SoiCode),
            (ParserState::SoiCode, marker::SOI) => Transition::State(ParserState::MarkerPrefix),
            // Any number of 0xFF may stand before a marker code (T.81 §B.1.1.2).
            (ParserState::MarkerPrefix | ParserState::MarkerCode, 0xFF) => {
                Transition::State(ParserState::MarkerCode)
            }
            (ParserState::EntropyMarkerCode, 0xFF) => Transition::State(ParserState::EntropyMarkerCode),
            // A stuffed zero, or a restart marker: the entropy-coded data goes on.
            (ParserState::EntropyMarkerCode, 0x00 | marker::RST0..=marker::RST7) => {
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
                    Some(left) => Transition::State(state_after_body(code, usize::from(left))),
                    None => Transition::Invalid,
                }
            }
            _ => Transition::Invalid,
        }
    }

    fn start_segment(&mut self, code: u8) -> Transition {
        self.has_frame_header |= marker::is_start_of_frame(code);
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

/// Behind the header of a scan comes its data; behind DNL, which ends the first scan's data, more of it or a marker.
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

    /// A thumbnail's EOI inside APP1, fill bytes, a restart marker, two scans.
    const FRAME: &[u8] = &[
        0xFF, 0xD8, // SOI
        0xFF, 0xE1, 0x00, 0x06, 0xFF, 0xD8, 0xFF, 0xD9, // APP1 with SOI and EOI in it
        0xFF, 0xFF, 0xFF, 0xC2, 0x00, 0x03, 0x08, // SOF2 behind fill bytes
        0xFF, 0xDA, 0x00, 0x02, 0x11, 0xFF, 0x00, 0x22, 0xFF, 0xD0, 0x33, // SOS, data
        0xFF, 0xC4, 0x00, 0x02, 0xFF, 0xDA, 0x00, 0x02, 0x44, // DHT, SOS, data
        0xFF, 0xD9, // EOI
    ];

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
    fn malformed_marker_sequence_is_invalid() {
        for bytes in [
            &b"12345"[..],
            &[0xFF, 0xD8, 0x00],
            &[0xFF, 0xD8, 0xFF, 0xD9],             // no picture inside
            &[0xFF, 0xD8, 0xFF, 0xDA, 0x00, 0x02], // a scan without a frame
            &[0xFF, 0xD8, 0xFF, 0xDB, 0x00, 0x01], // a length that does not count itself
            &[0xFF, 0xD8, 0xFF, 0x02],             // a reserved marker
        ] {
            assert!(
                matches!(FrameParser::default().advance(bytes), ParseStatus::Invalid { .. }),
                "{bytes:02X?}"
            );
        }
    }
}
