//! Demuxer for formats without an index: classroom records, and JPEG frames one after the other.

use std::mem;

use super::demuxer::{Demuxer, FileDefects, FrameEntry, ReadRequest};
use super::record::{MAX_LENGTH_FIELD, SOI, is_length_byte, starts_with_record};
use crate::media::FrameRate;
use crate::media::jpeg::{FrameParser, MAX_FRAME_SIZE, ParseStatus, marker};
use crate::proto::rtsp::Npt;

/// Finds frames by reading the file from beginning to end and parsing the markers of each frame.
///
/// Both formats are treated alike. Bytes between frames (length fields of the classroom format, multipart boundaries,
/// padding, junk) are skipped, and each frame is parsed up to EOI, so that several frames in one record become separate
/// entries. A length field only helps to recover from a truncated record: if a frame does not end in its record and the
/// next record begins there, the frame is damaged.
///
/// Some cameras write no EOI at all: their frames end where the next one begins. A frame without EOI is damaged only if
/// other frames of the file have one.
#[derive(Debug)]
pub struct SequentialDemuxer {
    /// Frame rate for all frames, since the file states no times.
    rate: FrameRate,
    /// Position of the next byte to be parsed, in bytes.
    position: u64,
    state: ScanState,
    defects: FileDefects,
    end_marker_use: EndMarkerUse,
    /// Number of frames found so far.
    frames: u64,
    /// Length of these frames, in bytes.
    frame_bytes: u64,
    /// Length of the last of them, in bytes.
    last_length: u64,
    /// End of the last frame, or of one that is too long, in bytes from the start of the file.
    last_end: u64,
    /// Number of damaged frames before that end.
    damaged_before: u64,
    /// Number of frames before which others are missing.
    gaps: u64,
    is_done: bool,
}

/// Use of EOI in a file.
#[derive(Debug)]
enum EndMarkerUse {
    /// No frame with EOI was found yet. Contains start and end of the first frame if it has no EOI, in bytes from the
    /// start of the file.
    Unknown { unmarked: Option<(u64, u64)> },
    /// Frames end with EOI.
    Written,
    /// Frames end without EOI.
    Omitted,
}

/// Number of bytes read at a time before the first frame is known.
const FIRST_READ_LENGTH: usize = 64 * 1024;

/// Number of bytes read at a time after the first frame.
const READ_LENGTH: usize = 1024 * 1024;

/// Minimum number of frames for each gap that is taken for damage.
const MIN_FRAMES_OF_A_GAP: u64 = 10;

/// Kind of the byte at the current position.
#[derive(Debug)]
enum ScanState {
    /// A byte before, between or after frames.
    BetweenFrames(SoiSearch),
    /// A byte of a frame.
    InFrame(PartialFrame),
    /// The first byte after a record whose frame has not ended. Either the record is truncated or its length field is
    /// wrong; the following bytes show which.
    AfterRecord {
        frame: PartialFrame,
        /// Bytes read at the current position and not parsed yet.
        lookahead: Vec<u8>,
    },
}

/// Search for the beginning of the next frame.
#[derive(Debug, Default)]
struct SoiSearch {
    /// Number of bytes of [`SOI`] that the last bytes match.
    matched: usize,
    /// Bytes before the matched ones, at most [`MAX_LENGTH_FIELD`].
    tail: Vec<u8>,
    /// End of the record that contains the current position, in bytes from the start of the file; `None` outside a
    /// record.
    record_end: Option<u64>,
}

/// A frame that has begun.
#[derive(Debug)]
struct PartialFrame {
    /// Position of SOI in the file, in bytes.
    start: u64,
    parser: FrameParser,
    /// End of the record that contains the frame, in bytes from the start of the file; `None` if there is no record, or
    /// its length field is wrong.
    record_end: Option<u64>,
}

impl Demuxer for SequentialDemuxer {
    fn poll_read(&mut self) -> ReadRequest {
        match self.is_done {
            true => ReadRequest::Done,
            false => ReadRequest::Range {
                offset: self.position + self.lookahead_length(),
                length: if self.frames == 0 { FIRST_READ_LENGTH } else { READ_LENGTH },
            },
        }
    }

    fn handle_bytes(&mut self, offset: u64, bytes: &[u8], entries: &mut Vec<FrameEntry>) {
        debug_assert_eq!(offset, self.position + self.lookahead_length(), "the file is read in order");
        match bytes.is_empty() {
            true => self.finish(entries),
            false => self.push(bytes, entries),
        }
    }

    fn defects(&self) -> FileDefects {
        // Space between many frames is padding, or holds something else.
        let is_damage = self.gaps * MIN_FRAMES_OF_A_GAP <= self.frames;
        FileDefects { missing: if is_damage { self.defects.missing } else { 0 }, ..self.defects }
    }

    fn end(&self) -> Npt {
        self.rate.npt_of(self.frames)
    }
}

impl SequentialDemuxer {
    /// Creates a demuxer for a file with this frame rate.
    pub fn new(rate: FrameRate) -> Self {
        Self {
            rate,
            position: 0,
            state: ScanState::BetweenFrames(SoiSearch::default()),
            defects: FileDefects::default(),
            end_marker_use: EndMarkerUse::Unknown { unmarked: None },
            frames: 0,
            frame_bytes: 0,
            last_length: 0,
            last_end: 0,
            damaged_before: 0,
            gaps: 0,
            is_done: false,
        }
    }

    /// Returns the number of bytes after the position that were read and not parsed yet.
    fn lookahead_length(&self) -> u64 {
        match &self.state {
            ScanState::AfterRecord { lookahead, .. } => lookahead.len() as u64,
            ScanState::BetweenFrames(_) | ScanState::InFrame(_) => 0,
        }
    }

    /// Parses the next bytes and appends the frames that end in them.
    fn push(&mut self, mut bytes: &[u8], entries: &mut Vec<FrameEntry>) {
        while !bytes.is_empty() {
            let consumed = match &mut self.state {
                ScanState::BetweenFrames(_) => self.find_soi(bytes),
                ScanState::InFrame(_) => self.parse_frame(bytes, entries),
                ScanState::AfterRecord { .. } => self.extend_lookahead(bytes, entries),
            };
            bytes = &bytes[consumed..];
        }
    }

    /// Handles the end of the file.
    fn finish(&mut self, entries: &mut Vec<FrameEntry>) {
        if let ScanState::AfterRecord { .. } = self.state {
            self.resolve_lookahead(entries);
        }
        if let ScanState::InFrame(frame) = self.take_state() {
            let is_known_end = match self.end_marker_use {
                EndMarkerUse::Unknown { unmarked: Some(_) } | EndMarkerUse::Omitted => true,
                _ => frame.record_end == Some(self.position),
            };
            if frame.parser.is_in_scan() && is_known_end {
                self.end_unmarked_frame(frame.start, self.position, entries);
            } else {
                self.defects.is_truncated = true;
            }
        }
        if let EndMarkerUse::Unknown { unmarked: Some((start, end)) } = self.end_marker_use {
            self.add_entry(start, end, entries);
        }
        self.is_done = true;
    }

    /// Searches for the next SOI and returns the number of bytes consumed.
    fn find_soi(&mut self, bytes: &[u8]) -> usize {
        let ScanState::BetweenFrames(search) = &mut self.state else { return 0 };
        for (index, &byte) in bytes.iter().enumerate() {
            if search.push(byte) {
                let consumed = index + 1;
                let start = self.position + consumed as u64 - SOI.len() as u64;
                let record_end = search.record_end_for(start);
                let mut parser = FrameParser::default();
                // Every frame begins with these bytes, so the status is `Incomplete`.
                parser.advance(SOI);
                self.state = ScanState::InFrame(PartialFrame { start, parser, record_end });
                self.position += consumed as u64;
                return consumed;
            }
        }
        self.position += bytes.len() as u64;
        bytes.len()
    }

    /// Parses the current frame up to its end or the end of its record, and returns the number of bytes consumed.
    fn parse_frame(&mut self, bytes: &[u8], entries: &mut Vec<FrameEntry>) -> usize {
        let ScanState::InFrame(frame) = &mut self.state else { return 0 };
        let remaining_in_record = frame.record_end.map(|end| end.saturating_sub(self.position));
        if remaining_in_record == Some(0) {
            self.start_lookahead();
            return 0;
        }
        let available = remaining_in_record.map_or(bytes.len(), |remaining| {
            bytes.len().min(usize::try_from(remaining).unwrap_or(usize::MAX))
        });
        let status = frame.parser.advance(&bytes[..available]);
        let (start, record_end, is_in_scan) = (frame.start, frame.record_end, frame.parser.is_in_scan());
        let consumed = match status {
            ParseStatus::Incomplete => available,
            ParseStatus::Complete { consumed } | ParseStatus::Invalid { consumed, .. } => consumed,
        };
        self.position += consumed as u64;
        match status {
            ParseStatus::Incomplete => {}
            ParseStatus::Complete { .. } => {
                self.end_marked_frame(start, entries);
                self.state = ScanState::BetweenFrames(SoiSearch { record_end, ..SoiSearch::default() });
            }
            ParseStatus::Invalid { after_ff, .. } => {
                let is_soi = after_ff && bytes.get(consumed) == Some(&marker::SOI);
                match is_in_scan && is_soi {
                    true => self.end_unmarked_frame(start, self.position - 1, entries),
                    false => self.defects.damaged += 1,
                }
                let matched = usize::from(after_ff);
                self.state =
                    ScanState::BetweenFrames(SoiSearch { matched, record_end, ..SoiSearch::default() });
            }
        }
        consumed
    }

    /// Adds the frame that ends with EOI at the current position.
    fn end_marked_frame(&mut self, start: u64, entries: &mut Vec<FrameEntry>) {
        if let EndMarkerUse::Unknown { unmarked } = self.end_marker_use {
            self.defects.damaged += u64::from(unmarked.is_some());
            self.end_marker_use = EndMarkerUse::Written;
        }
        self.add_entry(start, self.position, entries);
    }

    /// Adds a frame without EOI, or counts it as damaged if other frames have EOI. Positions are in bytes from the
    /// start of the file.
    fn end_unmarked_frame(&mut self, start: u64, end: u64, entries: &mut Vec<FrameEntry>) {
        match self.end_marker_use {
            EndMarkerUse::Written => self.defects.damaged += 1,
            EndMarkerUse::Omitted => self.add_entry(start, end, entries),
            EndMarkerUse::Unknown { unmarked: None } => {
                self.end_marker_use = EndMarkerUse::Unknown { unmarked: Some((start, end)) };
            }
            EndMarkerUse::Unknown { unmarked: Some((first_start, first_end)) } => {
                self.end_marker_use = EndMarkerUse::Omitted;
                self.add_entry(first_start, first_end, entries);
                self.add_entry(start, end, entries);
            }
        }
    }

    /// Adds a frame. Positions are in bytes from the start of the file.
    fn add_entry(&mut self, start: u64, end: u64, entries: &mut Vec<FrameEntry>) {
        match u32::try_from(end - start) {
            Ok(length) if length as usize <= MAX_FRAME_SIZE => {
                self.count_missing(start, length.into());
                entries.push(FrameEntry { offset: start, length, time: self.rate.npt_of(self.frames) });
                self.frames += 1;
                self.frame_bytes += u64::from(length);
                self.last_length = length.into();
            }
            _ => {
                self.count_missing(start, end - start);
                self.defects.oversized += 1;
            }
        }
        self.last_end = end;
        self.damaged_before = self.defects.damaged;
    }

    /// Counts the frames of which nothing is found between the last frame and the one at `start`: as many as fit there,
    /// without those that are counted already. They are taken to be as long as the frames around them, or as the mean.
    fn count_missing(&mut self, start: u64, length: u64) {
        let Some(mean) = self.frame_bytes.checked_div(self.frames) else { return };
        let usual = mean.max(self.last_length).max(length).max(1);
        let fitting = (start.saturating_sub(self.last_end) + usual / 2) / usual;
        let counted = self.defects.damaged - self.damaged_before;
        self.defects.missing += fitting.saturating_sub(counted);
        self.gaps += u64::from(fitting > counted);
    }

    /// Returns the current state and replaces it by a new search.
    fn take_state(&mut self) -> ScanState {
        mem::replace(&mut self.state, ScanState::BetweenFrames(SoiSearch::default()))
    }

    /// Begins to look ahead, at the end of a record whose frame has not ended.
    fn start_lookahead(&mut self) {
        self.state = match self.take_state() {
            ScanState::InFrame(frame) => ScanState::AfterRecord { frame, lookahead: Vec::new() },
            state => state,
        };
    }

    /// Buffers bytes after the end of a record until they can contain a length field and SOI. Returns the number of
    /// bytes consumed.
    fn extend_lookahead(&mut self, bytes: &[u8], entries: &mut Vec<FrameEntry>) -> usize {
        let ScanState::AfterRecord { lookahead, .. } = &mut self.state else { return 0 };
        let missing = MAX_LENGTH_FIELD + SOI.len() - lookahead.len();
        let consumed = bytes.len().min(missing);
        lookahead.extend_from_slice(&bytes[..consumed]);
        if consumed == missing {
            self.resolve_lookahead(entries);
        }
        consumed
    }

    /// Decides how a frame continues that has not ended in its record. If another record begins, the frame ends there;
    /// otherwise the length field is wrong and the frame continues.
    fn resolve_lookahead(&mut self, entries: &mut Vec<FrameEntry>) {
        let ScanState::AfterRecord { frame, lookahead } = self.take_state() else { return };
        if starts_with_record(&lookahead) {
            match frame.parser.is_in_scan() {
                true => self.end_unmarked_frame(frame.start, self.position, entries),
                false => self.defects.damaged += 1,
            }
        } else {
            self.state = ScanState::InFrame(PartialFrame { record_end: None, ..frame });
        }
        self.push(&lookahead, entries);
    }
}

impl SoiSearch {
    /// Handles the next byte and returns true if it completes [`SOI`].
    fn push(&mut self, byte: u8) -> bool {
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

    /// Returns the end of the record that contains a frame at `start`: the current record, or one whose length field
    /// precedes the frame. `None` if there is no record.
    fn record_end_for(&self, start: u64) -> Option<u64> {
        if let Some(end) = self.record_end.filter(|&end| start < end) {
            return Some(end);
        }
        let field = self.tail.iter().rev().take_while(|byte| is_length_byte(**byte)).count();
        let field = std::str::from_utf8(&self.tail[self.tail.len() - field..]).ok()?;
        let length: u64 = field.trim().parse().ok()?;
        start.checked_add(length).filter(|_| length > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame whose entropy-coded data is `data`.
    fn frame(data: &[u8]) -> Vec<u8> {
        [&[0xFF, 0xD8, 0xFF, 0xC0, 0, 3, 8, 0xFF, 0xDA, 0, 2][..], data, &[0xFF, 0xD9]].concat()
    }

    fn record(frames: &[u8]) -> Vec<u8> {
        [format!("{:05}", frames.len()).as_bytes(), frames].concat()
    }

    /// Returns the frames and the defects that are found; the same for pieces of any size.
    fn index(file: &[u8]) -> (Vec<Vec<u8>>, FileDefects) {
        let expected = index_in_chunks(file, file.len().max(1));
        for chunk_size in [1, 2, 3, 7] {
            assert_eq!(index_in_chunks(file, chunk_size), expected, "in pieces of {chunk_size} bytes");
        }
        expected
    }

    fn index_in_chunks(file: &[u8], chunk_size: usize) -> (Vec<Vec<u8>>, FileDefects) {
        let (mut demuxer, mut entries) = (SequentialDemuxer::new(FrameRate::CLASSROOM), Vec::new());
        while let ReadRequest::Range { offset, .. } = demuxer.poll_read() {
            let rest = &file[offset as usize..];
            demuxer.handle_bytes(offset, &rest[..rest.len().min(chunk_size)], &mut entries);
        }
        for (number, entry) in (0..).zip(&entries) {
            assert_eq!(entry.time, FrameRate::CLASSROOM.npt_of(number));
        }
        let read = |entry: &FrameEntry| file[entry.offset as usize..][..entry.length as usize].to_vec();
        (entries.iter().map(read).collect(), demuxer.defects())
    }

    const ONE_DAMAGED: FileDefects = FileDefects {
        damaged: 1,
        oversized: 0,
        is_truncated: false,
        missing: 0,
        unmarked: 0,
        skipped_files: 0,
    };

    #[test]
    fn records_and_raw_frames_give_the_same_entries() {
        let (a, b) = (frame(b"first"), frame(&[1, 0xFF, 0, 2]));
        let expected = (vec![a.clone(), b.clone()], FileDefects::default());
        assert_eq!(index(&[record(&a), record(&b)].concat()), expected);
        assert_eq!(index(&[a.clone(), b.clone()].concat()), expected);
        assert_eq!(index(&[b"junk \xFF".to_vec(), a, vec![0; 40], b, vec![0; 3]].concat()), expected);
    }

    #[test]
    fn frames_in_one_record_are_separate_entries() {
        let (a, b, c) = (frame(b"a"), frame(b"bb"), frame(b"ccc"));
        let file = [record(&[a.clone(), b.clone()].concat()), record(&c)].concat();
        assert_eq!(index(&file), (vec![a, b, c], FileDefects::default()));
    }

    #[test]
    fn truncated_record_does_not_affect_the_next_one() {
        let (a, b) = (frame(b"a long first frame"), frame(b"b"));
        let file = [record(&a[..12]), record(&b)].concat();
        assert_eq!(index(&file), (vec![b], ONE_DAMAGED));
    }

    #[test]
    fn wrong_length_field_is_ignored() {
        let (a, b) = (frame(b"a first frame"), frame(b"b"));
        let file = [b"00012".to_vec(), a.clone(), b"99999".to_vec(), b.clone()].concat();
        assert_eq!(index(&file), (vec![a, b], FileDefects::default()));
    }

    /// Neither SOI nor EOI is left of some frames, which are counted by the space that they took.
    #[test]
    fn overwritten_frames_are_counted_by_their_length() {
        let frames: Vec<_> = (0..30).map(|number| frame(&[number; 400])).collect();
        let length = record(&frames[0]).len();
        let far = 4 * length + 50;
        for (first, last, damaged, missing) in [(0, 10, 0, 1), (3, far, 0, 5), (20, far, 1, 4)] {
            let mut file: Vec<u8> = frames.iter().flat_map(|frame| record(frame)).collect();
            file[10 * length + first..10 * length + last].fill_with({
                // A segment of an impossible length.
                let mut segment = [0xFF, 0xC4, 0, 0].into_iter().cycle();
                move || segment.next().unwrap()
            });
            let (found, defects) = index_in_chunks(&file, file.len());
            let case = format!("{first}..{last}: {defects:?}");
            assert_eq!((defects.damaged, defects.missing), (damaged, missing), "{case}");
            assert_eq!(found.len() as u64 + damaged + missing, 30, "{case}");
        }
    }

    #[test]
    fn frame_that_is_too_long_hides_no_others() {
        let large = frame(&vec![7; MAX_FRAME_SIZE]);
        let file = [vec![frame(&[1; 400]); 20], vec![large], vec![frame(&[2; 400]); 20]].concat().concat();
        let defects = FileDefects { oversized: 1, ..FileDefects::default() };
        assert_eq!(index_in_chunks(&file, file.len()).1, defects);
    }

    #[test]
    fn space_between_all_frames_is_no_damage() {
        let file: Vec<u8> =
            (0..30).flat_map(|number| [frame(&[number; 40]), vec![0; 200]].concat()).collect();
        assert_eq!(index_in_chunks(&file, file.len()).1, FileDefects::default());
    }

    #[test]
    fn damaged_frame_does_not_affect_the_next_one() {
        let (a, b) = (frame(b"a"), frame(b"b"));
        let without_eoi = [&a[..a.len() - 2], &b].concat();
        assert_eq!(index(&without_eoi), (vec![b.clone()], ONE_DAMAGED));
        let with_invalid_marker = [&[0xFF, 0xD8, 0xFF, 0x00, 7, 7][..], &b].concat();
        assert_eq!(index(&with_invalid_marker), (vec![b], ONE_DAMAGED));
    }

    #[test]
    fn frames_of_a_file_without_eoi_are_complete() {
        let without_eoi = |data: &[u8]| frame(data)[..11 + data.len()].to_vec();
        let frames = vec![without_eoi(b"a"), without_eoi(b"bb"), without_eoi(b"ccc")];
        let expected = (frames.clone(), FileDefects::default());
        assert_eq!(index(&frames.concat()), expected);
        assert_eq!(index(&frames.iter().flat_map(|frame| record(frame)).collect::<Vec<_>>()), expected);
        assert_eq!(index(&record(&frames[0])), (frames[..1].to_vec(), FileDefects::default()));
        // Without a record, the end of the only frame is not known.
        assert_eq!(index(&frames[0]), (vec![], FileDefects { is_truncated: true, ..FileDefects::default() }));
    }

    #[test]
    fn truncated_last_frame_is_left_out_and_reported() {
        let (a, b) = (frame(b"a"), frame(b"b"));
        let defects = FileDefects { is_truncated: true, ..FileDefects::default() };
        for kept in 3..b.len() {
            let file = [record(&a), record(&b)[..5 + kept].to_vec()].concat();
            assert_eq!(index(&file), (vec![a.clone()], defects), "{kept} bytes are kept");
        }
    }
}
