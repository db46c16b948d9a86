//! Finding the end of a picture in bytes as they come.

use super::marker;

/// Follows the markers of one JPEG, from SOI to EOI.
///
/// The end of a picture is never looked for as `FF D9`: a thumbnail inside an APPn segment has one too. Segments
/// are stepped over by their lengths, and only the entropy-coded data is searched.
#[derive(Debug, Clone)]
pub struct Walker {
    state: State,
    saw_frame_header: bool,
}

/// Where the next octet belongs.
#[derive(Debug, Clone, Copy)]
enum State {
    /// The first octet of SOI.
    Begin,
    /// The second octet of SOI.
    BeginCode,
    /// 0xFF before a marker code, between segments.
    Marker,
    /// A marker code between segments.
    Code,
    /// The high octet of a segment's length.
    LengthHigh { code: u8 },
    /// The low octet of a segment's length.
    LengthLow { code: u8, high: u8 },
    /// The body of a segment.
    Body { code: u8, left: usize },
    /// Entropy-coded data.
    Scan,
    /// Behind an 0xFF in entropy-coded data.
    ScanCode,
}

/// What became of the octets given to [`Walker::advance`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// All belong to the picture, and it goes on.
    More,
    /// The picture ends behind this many of them.
    End {
        /// Octets of the picture among those given.
        consumed: usize,
    },
    /// After this many of them stands something that no picture has there.
    Broken {
        /// Octets before the offending one.
        consumed: usize,
        /// The octet before the offending one was an 0xFF, so that a new picture may begin with the two.
        behind_ff: bool,
    },
}

impl Default for Walker {
    fn default() -> Self {
        Self { state: State::Begin, saw_frame_header: false }
    }
}

impl Walker {
    /// Takes the next octets of the picture.
    pub fn advance(&mut self, octets: &[u8]) -> Step {
        let mut at = 0;
        while let Some(&octet) = octets.get(at) {
            self.state = match self.state {
                State::Body { code, left } => {
                    let taken = left.min(octets.len() - at);
                    at += taken;
                    after_body(code, left - taken)
                }
                State::Scan => match memchr::memchr(0xFF, &octets[at..]) {
                    Some(distance) => {
                        at += distance + 1;
                        State::ScanCode
                    }
                    None => return Step::More,
                },
                state => match self.next(state, octet) {
                    Next::State(state) => {
                        at += 1;
                        state
                    }
                    Next::End => return Step::End { consumed: at + 1 },
                    Next::Broken => {
                        let behind_ff = matches!(state, State::BeginCode | State::Code | State::ScanCode);
                        return Step::Broken { consumed: at, behind_ff };
                    }
                },
            };
        }
        Step::More
    }

    fn next(&mut self, state: State, octet: u8) -> Next {
        match (state, octet) {
            (State::Begin, 0xFF) => Next::State(State::BeginCode),
            (State::BeginCode, marker::SOI) => Next::State(State::Marker),
            // Any number of 0xFF may stand before a marker code (T.81 §B.1.1.2).
            (State::Marker | State::Code, 0xFF) => Next::State(State::Code),
            (State::ScanCode, 0xFF) => Next::State(State::ScanCode),
            // A stuffed zero, or a restart marker: the entropy-coded data goes on.
            (State::ScanCode, 0x00 | marker::RST0..=marker::RST7) => Next::State(State::Scan),
            (State::ScanCode, marker::EOI) => Next::End,
            (State::Code | State::ScanCode, code) if marker::has_segment(code) => self.open_segment(code),
            (State::LengthHigh { code }, high) => Next::State(State::LengthLow { code, high }),
            (State::LengthLow { code, high }, low) => match u16::from_be_bytes([high, low]).checked_sub(2) {
                Some(left) => Next::State(after_body(code, usize::from(left))),
                None => Next::Broken,
            },
            _ => Next::Broken,
        }
    }

    fn open_segment(&mut self, code: u8) -> Next {
        self.saw_frame_header |= marker::is_start_of_frame(code);
        if code == marker::SOS && !self.saw_frame_header {
            return Next::Broken;
        }
        Next::State(State::LengthHigh { code })
    }
}

enum Next {
    State(State),
    End,
    Broken,
}

/// Behind the header of a scan comes its data; behind DNL, which ends the first scan's data, more of it or a marker.
fn after_body(code: u8, left: usize) -> State {
    match (left, code) {
        (0, marker::SOS | marker::DNL) => State::Scan,
        (0, _) => State::Marker,
        (left, code) => State::Body { code, left },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thumbnail's EOI inside APP1, fill octets, a restart marker, two scans.
    const PICTURE: &[u8] = &[
        0xFF, 0xD8, // SOI
        0xFF, 0xE1, 0x00, 0x06, 0xFF, 0xD8, 0xFF, 0xD9, // APP1 with SOI and EOI in it
        0xFF, 0xFF, 0xFF, 0xC2, 0x00, 0x03, 0x08, // SOF2 behind fill octets
        0xFF, 0xDA, 0x00, 0x02, 0x11, 0xFF, 0x00, 0x22, 0xFF, 0xD0, 0x33, // SOS, data
        0xFF, 0xC4, 0x00, 0x02, 0xFF, 0xDA, 0x00, 0x02, 0x44, // DHT, SOS, data
        0xFF, 0xD9, // EOI
    ];

    #[test]
    fn the_end_is_found_however_the_bytes_are_cut() {
        let followed = [PICTURE, b"00123"].concat();
        for cut in 0..PICTURE.len() {
            let mut walker = Walker::default();
            assert_eq!(walker.advance(&followed[..cut]), Step::More, "cut at {cut}");
            assert_eq!(walker.advance(&followed[cut..]), Step::End { consumed: PICTURE.len() - cut });
        }
    }

    #[test]
    fn a_missing_end_shows_where_the_next_picture_begins() {
        let cut = &PICTURE[..PICTURE.len() - 2];
        let followed = [cut, PICTURE].concat();
        let broken = Step::Broken { consumed: cut.len() + 1, behind_ff: true };
        assert_eq!(Walker::default().advance(&followed), broken);
    }

    #[test]
    fn what_no_picture_has_is_broken() {
        for octets in [
            &b"12345"[..],
            &[0xFF, 0xD8, 0x00],
            &[0xFF, 0xD8, 0xFF, 0xD9],             // no picture inside
            &[0xFF, 0xD8, 0xFF, 0xDA, 0x00, 0x02], // a scan without a frame
            &[0xFF, 0xD8, 0xFF, 0xDB, 0x00, 0x01], // a length that does not count itself
            &[0xFF, 0xD8, 0xFF, 0x02],             // a reserved marker
        ] {
            assert!(matches!(Walker::default().advance(octets), Step::Broken { .. }), "{octets:02X?}");
        }
    }
}
