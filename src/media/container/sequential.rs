//! The formats without an index: classroom records, and JPEG frames one after the other.

use super::demuxer::{Demuxer, FrameEntry, Outcome, ReadRequest};
use super::identify::{MAX_LENGTH_FIELD, SOI, is_length_byte, starts_with_record};
use crate::media::FrameRate;
use crate::media::jpeg::{FrameParser, MAX_FRAME_SIZE, ParseStatus};

/// Takes a film's bytes in order and tells where its pictures are.
///
/// Both layouts go through the same pass. What stands between pictures (the length field of the classroom format,
/// boundaries, padding, junk) is stepped over, and pictures are followed by their markers, so that several pictures
/// in one record come apart as well. A length field is believed only where it helps: at its end a record that was
/// cut short gives way to the next one.
#[derive(Debug)]
pub struct SequentialDemuxer {
    /// The file states no times: frames follow each other at this rate.
    rate: FrameRate,
    /// Bytes taken so far.
    position: u64,
    place: Place,
    outcome: Outcome,
    /// Number of frames found so far.
    frames: u64,
    is_done: bool,
}

/// Bytes read at a time before the first frame is known.
const FIRST_READ: usize = 64 * 1024;

/// Bytes read at a time afterwards.
const READ: usize = 1024 * 1024;

/// What the byte at `position` belongs to.
#[derive(Debug)]
enum Place {
    Between(Gap),
    Picture(Picture),
    /// The record ended before its picture did; a few bytes more tell which of the two is wrong.
    Overrun {
        picture: Picture,
        held: Vec<u8>,
    },
}

#[derive(Debug, Default)]
struct Gap {
    /// How much of [`SOI`] the last bytes match.
    matched: usize,
    /// The bytes before that, as many as a length field may have.
    tail: Vec<u8>,
    /// The end of the record that the gap lies in, if it does.
    record_end: Option<u64>,
}

#[derive(Debug)]
struct Picture {
    start: u64,
    walker: FrameParser,
    record_end: Option<u64>,
}

impl Demuxer for SequentialDemuxer {
    fn poll_read(&mut self) -> ReadRequest {
        match self.is_done {
            true => ReadRequest::Done,
            false => ReadRequest::Range {
                offset: self.position + self.held(),
                length: if self.frames == 0 { FIRST_READ } else { READ },
            },
        }
    }

    fn handle_bytes(&mut self, offset: u64, bytes: &[u8], entries: &mut Vec<FrameEntry>) {
        debug_assert_eq!(offset, self.position + self.held(), "the file is read in order");
        match bytes.is_empty() {
            true => self.finish(entries),
            false => self.push(bytes, entries),
        }
    }

    fn outcome(&self) -> Outcome {
        self.outcome
    }
}

impl SequentialDemuxer {
    /// A demuxer for a film whose frames follow each other at this rate.
    pub fn new(rate: FrameRate) -> Self {
        Self {
            rate,
            position: 0,
            place: Place::Between(Gap::default()),
            outcome: Outcome::default(),
            frames: 0,
            is_done: false,
        }
    }

    /// Bytes behind the position that were read and wait to be understood.
    fn held(&self) -> u64 {
        match &self.place {
            Place::Overrun { held, .. } => held.len() as u64,
            Place::Between(_) | Place::Picture(_) => 0,
        }
    }

    /// Takes the next bytes and appends the pictures that end among them.
    fn push(&mut self, mut bytes: &[u8], entries: &mut Vec<FrameEntry>) {
        while !bytes.is_empty() {
            let taken = match &mut self.place {
                Place::Between(_) => self.cross_gap(bytes),
                Place::Picture(_) => self.follow_picture(bytes, entries),
                Place::Overrun { .. } => self.weigh_overrun(bytes, entries),
            };
            bytes = &bytes[taken..];
        }
    }

    /// The file has ended.
    fn finish(&mut self, entries: &mut Vec<FrameEntry>) {
        if let Place::Overrun { .. } = self.place {
            self.settle_overrun(entries);
        }
        if let Place::Picture(_) = self.place {
            self.outcome.cut = true;
        }
        self.is_done = true;
    }

    /// Looks for the next SOI; returns the bytes taken.
    fn cross_gap(&mut self, bytes: &[u8]) -> usize {
        let Place::Between(gap) = &mut self.place else { return 0 };
        for (index, &byte) in bytes.iter().enumerate() {
            if gap.take(byte) {
                let taken = index + 1;
                let start = self.position + taken as u64 - SOI.len() as u64;
                let record_end = gap.record_end_for(start);
                let mut walker = FrameParser::default();
                // The three bytes of SOI are what a picture begins with, so this cannot fail.
                walker.advance(SOI);
                self.place = Place::Picture(Picture { start, walker, record_end });
                self.position += taken as u64;
                return taken;
            }
        }
        self.position += bytes.len() as u64;
        bytes.len()
    }

    /// Follows a picture to its end, or to the end of its record; returns the bytes taken.
    fn follow_picture(&mut self, bytes: &[u8], entries: &mut Vec<FrameEntry>) -> usize {
        let Place::Picture(picture) = &mut self.place else { return 0 };
        let in_record = picture.record_end.map(|end| end.saturating_sub(self.position));
        if in_record == Some(0) {
            let Place::Picture(picture) = std::mem::replace(&mut self.place, Place::Between(Gap::default()))
            else {
                return 0;
            };
            self.place = Place::Overrun { picture, held: Vec::new() };
            return 0;
        }
        let within = in_record
            .map_or(bytes.len(), |left| bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
        let step = picture.walker.advance(&bytes[..within]);
        let (start, record_end) = (picture.start, picture.record_end);
        let taken = match step {
            ParseStatus::Incomplete => within,
            ParseStatus::Complete { consumed } | ParseStatus::Invalid { consumed, .. } => consumed,
        };
        self.position += taken as u64;
        match step {
            ParseStatus::Incomplete => {}
            ParseStatus::Complete { .. } => {
                self.record(start, entries);
                self.place = Place::Between(Gap { record_end, ..Gap::default() });
            }
            ParseStatus::Invalid { after_ff: behind_ff, .. } => {
                self.outcome.damaged += 1;
                let matched = usize::from(behind_ff);
                self.place = Place::Between(Gap { matched, record_end, ..Gap::default() });
            }
        }
        taken
    }

    fn record(&mut self, start: u64, entries: &mut Vec<FrameEntry>) {
        match u32::try_from(self.position - start) {
            Ok(length) if length as usize <= MAX_FRAME_SIZE => {
                entries.push(FrameEntry { offset: start, length, time: self.rate.npt_of(self.frames) });
                self.frames += 1;
            }
            _ => self.outcome.oversized += 1,
        }
    }

    /// Holds bytes behind the record's end until they tell what they are; returns the bytes taken.
    fn weigh_overrun(&mut self, bytes: &[u8], entries: &mut Vec<FrameEntry>) -> usize {
        let Place::Overrun { held, .. } = &mut self.place else { return 0 };
        let wanted = MAX_LENGTH_FIELD + SOI.len() - held.len();
        let taken = bytes.len().min(wanted);
        held.extend_from_slice(&bytes[..taken]);
        if taken == wanted {
            self.settle_overrun(entries);
        }
        taken
    }

    /// A new record begins here: the picture was cut. Anything else: the length field was wrong.
    fn settle_overrun(&mut self, entries: &mut Vec<FrameEntry>) {
        let Place::Overrun { picture, held } =
            std::mem::replace(&mut self.place, Place::Between(Gap::default()))
        else {
            return;
        };
        if starts_with_record(&held) {
            self.outcome.damaged += 1;
        } else {
            self.place = Place::Picture(Picture { record_end: None, ..picture });
        }
        self.push(&held, entries);
    }
}

impl Gap {
    /// Takes one byte; whether it completes an SOI.
    fn take(&mut self, byte: u8) -> bool {
        if byte == SOI[self.matched] {
            self.matched += 1;
            return self.matched == SOI.len();
        }
        self.tail.extend_from_slice(&SOI[..self.matched]);
        self.matched = usize::from(byte == SOI[0]);
        if self.matched == 0 {
            self.tail.push(byte);
        }
        let surplus = self.tail.len().saturating_sub(MAX_LENGTH_FIELD);
        self.tail.drain(..surplus);
        false
    }

    /// The end of the record that a picture at `start` begins, or goes on with.
    fn record_end_for(&self, start: u64) -> Option<u64> {
        if let Some(end) = self.record_end.filter(|&end| start < end) {
            return Some(end);
        }
        let field = self.tail.iter().rev().take_while(|o| is_length_byte(**o)).count();
        let field = std::str::from_utf8(&self.tail[self.tail.len() - field..]).ok()?;
        let length: u64 = field.trim().parse().ok()?;
        start.checked_add(length).filter(|_| length > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture whose entropy-coded data is `data`.
    fn picture(data: &[u8]) -> Vec<u8> {
        [&[0xFF, 0xD8, 0xFF, 0xC0, 0, 3, 8, 0xFF, 0xDA, 0, 2][..], data, &[0xFF, 0xD9]].concat()
    }

    fn record(pictures: &[u8]) -> Vec<u8> {
        [format!("{:05}", pictures.len()).as_bytes(), pictures].concat()
    }

    /// The pictures that are found, and what else was met; the same for every way to cut the bytes.
    fn index(bytes: &[u8]) -> (Vec<Vec<u8>>, Outcome) {
        let whole = index_in_chunks(bytes, bytes.len().max(1));
        for chunk in [1, 2, 3, 7] {
            assert_eq!(index_in_chunks(bytes, chunk), whole, "in chunks of {chunk}");
        }
        whole
    }

    fn index_in_chunks(bytes: &[u8], chunk: usize) -> (Vec<Vec<u8>>, Outcome) {
        let (mut demuxer, mut entries) = (SequentialDemuxer::new(FrameRate::CLASSROOM), Vec::new());
        while let ReadRequest::Range { offset, .. } = demuxer.poll_read() {
            let rest = &bytes[offset as usize..];
            demuxer.handle_bytes(offset, &rest[..rest.len().min(chunk)], &mut entries);
        }
        for (number, entry) in (0..).zip(&entries) {
            assert_eq!(entry.time, FrameRate::CLASSROOM.npt_of(number));
        }
        let cut = |entry: &FrameEntry| bytes[entry.offset as usize..][..entry.length as usize].to_vec();
        (entries.iter().map(cut).collect(), demuxer.outcome())
    }

    #[test]
    fn records_and_raw_pictures_come_out_the_same() {
        let (a, b) = (picture(b"first"), picture(&[1, 0xFF, 0, 2]));
        let expected = (vec![a.clone(), b.clone()], Outcome::default());
        assert_eq!(index(&[record(&a), record(&b)].concat()), expected);
        assert_eq!(index(&[a.clone(), b.clone()].concat()), expected);
        assert_eq!(index(&[b"junk \xFF".to_vec(), a, vec![0; 40], b, vec![0; 3]].concat()), expected);
    }

    #[test]
    fn several_pictures_in_a_record_come_apart() {
        let (a, b, c) = (picture(b"a"), picture(b"bb"), picture(b"ccc"));
        let film = [record(&[a.clone(), b.clone()].concat()), record(&c)].concat();
        assert_eq!(index(&film), (vec![a, b, c], Outcome::default()));
    }

    #[test]
    fn a_record_that_was_cut_short_gives_way_to_the_next() {
        let (a, b) = (picture(b"a long first picture"), picture(b"b"));
        let film = [record(&a[..12]), record(&b)].concat();
        assert_eq!(index(&film), (vec![b], Outcome { damaged: 1, ..Outcome::default() }));
    }

    #[test]
    fn a_wrong_length_field_costs_nothing() {
        let (a, b) = (picture(b"a first picture"), picture(b"b"));
        let film = [b"00012".to_vec(), a.clone(), b"99999".to_vec(), b.clone()].concat();
        assert_eq!(index(&film), (vec![a, b], Outcome::default()));
    }

    #[test]
    fn damage_in_the_middle_costs_one_picture() {
        let (a, b) = (picture(b"a"), picture(b"b"));
        let headless = [&a[..a.len() - 2], &b].concat();
        assert_eq!(index(&headless), (vec![b.clone()], Outcome { damaged: 1, ..Outcome::default() }));
        let broken = [&[0xFF, 0xD8, 0xFF, 0x00, 7, 7][..], &b].concat();
        assert_eq!(index(&broken), (vec![b], Outcome { damaged: 1, ..Outcome::default() }));
    }

    #[test]
    fn a_cut_last_picture_is_dropped_and_said() {
        let (a, b) = (picture(b"a"), picture(b"b"));
        for kept in 3..b.len() {
            let film = [record(&a), record(&b)[..5 + kept].to_vec()].concat();
            assert_eq!(
                index(&film),
                (vec![a.clone()], Outcome { cut: true, ..Outcome::default() }),
                "{kept} kept"
            );
        }
    }
}
