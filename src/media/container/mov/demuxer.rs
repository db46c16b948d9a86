//! Demuxer for QuickTime and MP4 files.

use super::atom::AtomHeader;
use super::movie::{Container, Movie};
use crate::media::container::demuxer::{
    Demuxer, FileDefects, FilmProperties, FrameEntry, ReadRequest, SourceFile,
};
use crate::media::container::sequential::SequentialDemuxer;
use crate::media::container::unsupported::UnsupportedFile;
use crate::media::frame_rate::FrameRate;
use crate::media::jpeg::MAX_FRAME_SIZE;
use crate::media::time_base::TimeBase;
use crate::proto::rtp::CLOCK_RATE;
use crate::proto::rtsp::Npt;

/// Finds the frames of a QuickTime or MP4 file (ISO 14496-12).
///
/// The top-level atoms are stepped over until the movie atom (`moov`), which has all positions and times, is found. A
/// file without one, whose writer was stopped, has the frames of the index beside the recording. Without that index, it
/// is searched for frames from its beginning to its end; their times are unknown.
#[derive(Debug)]
pub struct MovDemuxer {
    source: SourceFile,
    /// Frames of the index beside a recording that was not completed; empty for other files.
    recorded: Vec<FrameEntry>,
    container: Container,
    state: State,
    properties: FilmProperties,
    refusal: Option<UnsupportedFile>,
    end: Npt,
    defects: FileDefects,
}

#[derive(Debug)]
enum State {
    /// The header of the top-level atom at this position is read; at most this number of atoms more.
    FindMovie {
        position: u64,
        atoms_left: u32,
    },
    /// The data of the movie atom is read; `collected` is its beginning.
    ReadMovie {
        position: u64,
        length: usize,
        collected: Vec<u8>,
    },
    /// The file has no movie atom: it is searched for frames.
    Search {
        demuxer: Box<SequentialDemuxer>,
        has_frames: bool,
    },
    Done,
}

/// Maximum number of top-level atoms before the movie atom.
const MAX_ATOMS: u32 = 10_000;

/// Maximum length of the movie atom, in bytes: about 16 bytes a frame.
const MAX_MOVIE_LENGTH: u64 = 64 * 1024 * 1024;

/// Number of bytes of the movie atom that are read at a time.
const MOVIE_READ: usize = 1024 * 1024;

/// Length of the shortest JPEG: SOI and EOI.
const MIN_FRAME_SIZE: u32 = 4;

impl Demuxer for MovDemuxer {
    fn poll_read(&mut self) -> ReadRequest {
        match &mut self.state {
            State::FindMovie { position, .. } => {
                ReadRequest::Range { offset: *position, length: AtomHeader::MAX_LENGTH }
            }
            State::ReadMovie { position, length, collected } => ReadRequest::Range {
                offset: *position + collected.len() as u64,
                length: (*length - collected.len()).min(MOVIE_READ),
            },
            State::Search { demuxer, .. } => demuxer.poll_read(),
            State::Done => ReadRequest::Done,
        }
    }

    fn handle_bytes(&mut self, offset: u64, bytes: &[u8], entries: &mut Vec<FrameEntry>) {
        match &mut self.state {
            State::FindMovie { position, atoms_left } => {
                let (position, atoms_left) = (*position, *atoms_left);
                self.find_movie(position, atoms_left, bytes, entries);
            }
            State::ReadMovie { length, collected, .. } => {
                collected.extend_from_slice(bytes);
                if bytes.is_empty() || collected.len() >= *length {
                    let moov = std::mem::take(collected);
                    self.parse_movie(&moov, entries);
                }
            }
            State::Search { demuxer, has_frames } => {
                let known = entries.len();
                demuxer.handle_bytes(offset, bytes, entries);
                *has_frames |= entries.len() > known;
            }
            State::Done => {}
        }
    }

    fn defects(&self) -> FileDefects {
        match &self.state {
            // Between its frames, the film may have sound.
            State::Search { demuxer, .. } => FileDefects { missing: 0, ..demuxer.defects() },
            _ => self.defects,
        }
    }

    fn end(&self) -> Npt {
        match &self.state {
            State::Search { demuxer, .. } => demuxer.end(),
            _ => self.end,
        }
    }

    fn properties(&self) -> FilmProperties {
        self.properties.clone()
    }

    fn refusal(&self) -> Option<UnsupportedFile> {
        match &self.state {
            State::Search { has_frames: false, .. } => {
                Some(UnsupportedFile::WithoutIndex(self.container.name()))
            }
            _ => self.refusal,
        }
    }
}

impl MovDemuxer {
    /// Creates a demuxer for a file.
    pub fn new(source: SourceFile) -> Self {
        Self {
            source,
            recorded: Vec::new(),
            container: Container::QuickTime,
            state: State::FindMovie { position: 0, atoms_left: MAX_ATOMS },
            properties: FilmProperties::default(),
            refusal: None,
            end: Npt::ZERO,
            defects: FileDefects::default(),
        }
    }

    /// Creates a demuxer for a recording that may not be complete, with the frames of the index beside it.
    pub fn with_recorded(source: SourceFile, recorded: Vec<FrameEntry>) -> Self {
        Self { recorded, ..Self::new(source) }
    }

    /// Adds the frames of the index beside the recording. Returns false if there are none.
    fn recover(&mut self, entries: &mut Vec<FrameEntry>) -> bool {
        let (Some(first), Some(last)) = (self.recorded.first(), self.recorded.last()) else { return false };
        let intervals = self.recorded.len() as u64 - 1;
        let assumed = self.source.assumed_rate.npt_of(1).as_micros();
        let length = last.time.as_micros() - first.time.as_micros();
        let mean = length.checked_div(intervals).unwrap_or(assumed).max(1);
        self.end = Npt::from_micros(last.time.as_micros().saturating_add(mean));
        let rate = FrameRate::new(1_000_000, u32::try_from(mean).unwrap_or(u32::MAX));
        self.properties = FilmProperties {
            rate: Some(rate.unwrap_or(self.source.assumed_rate)),
            time_base: TimeBase::new(CLOCK_RATE, 1),
            ..FilmProperties::default()
        };
        entries.append(&mut self.recorded);
        self.state = State::Done;
        true
    }

    /// Handles the header of a top-level atom.
    fn find_movie(&mut self, position: u64, atoms_left: u32, bytes: &[u8], entries: &mut Vec<FrameEntry>) {
        let rest = self.source.length.saturating_sub(position);
        let header = AtomHeader::parse(bytes).filter(|_| atoms_left > 0);
        let Some(header) =
            header.filter(|header| header.kind.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' '))
        else {
            if self.recover(entries) {
                return;
            }
            let demuxer = Box::new(SequentialDemuxer::new(self.source.assumed_rate));
            self.state = State::Search { demuxer, has_frames: false };
            return;
        };
        let length = header.length.unwrap_or(rest).min(rest);
        match &header.kind {
            b"moov" if length - header.header_length.min(length) <= MAX_MOVIE_LENGTH => {
                let data = length.saturating_sub(header.header_length);
                // The limit fits into the memory of every system.
                let length = usize::try_from(data).unwrap_or(0);
                let position = position + header.header_length;
                self.state = State::ReadMovie { position, length, collected: Vec::new() };
                if length == 0 {
                    self.refuse(UnsupportedFile::NoVideo(self.container.name()));
                }
            }
            b"moov" => self
                .refuse(UnsupportedFile::MotionJpegIn("a QuickTime film with an index of more than 64 MiB")),
            b"moof" => self.refuse(UnsupportedFile::Container(self.container.fragmented_name())),
            kind => {
                if kind == b"ftyp" {
                    self.container =
                        Container::of_brand(bytes.get(header.header_length as usize..).unwrap_or_default());
                }
                let position = position.saturating_add(length.max(1));
                self.state = State::FindMovie { position, atoms_left: atoms_left.saturating_sub(1) };
            }
        }
    }

    fn refuse(&mut self, reason: UnsupportedFile) {
        (self.refusal, self.state) = (Some(reason), State::Done);
    }

    /// Adds the frames of the movie atom.
    fn parse_movie(&mut self, moov: &[u8], entries: &mut Vec<FrameEntry>) {
        let movie = match Movie::parse(moov, self.container) {
            Ok(movie) => movie,
            // The program may have been killed while it wrote the movie atom.
            Err(_) if self.recover(entries) => return,
            Err(reason) => return self.refuse(reason),
        };
        let has_times = movie.has_times;
        let mut frames = 0;
        self.defects.damaged += movie.other_samples;
        for shown in &movie.samples {
            let sample = &shown.sample;
            let end = sample.offset.saturating_add(u64::from(sample.size));
            if sample.size < MIN_FRAME_SIZE {
                self.defects.damaged += 1;
            } else if end > self.source.length {
                self.defects.missing += u64::from(self.defects.is_truncated);
                self.defects.is_truncated = true;
            } else if sample.size as usize > MAX_FRAME_SIZE {
                self.defects.oversized += 1;
            } else {
                let time = if has_times { shown.time } else { self.source.assumed_rate.npt_of(frames) };
                entries.push(FrameEntry { offset: sample.offset, length: sample.size, time });
                frames += 1;
            }
        }
        self.end = if has_times { movie.end } else { self.source.assumed_rate.npt_of(frames) };
        self.properties = movie.properties;
        if has_times {
            // A mean outside the range of rates does not matter: the frames have their times.
            self.properties.rate.get_or_insert(self.source.assumed_rate);
        }
        self.state = State::Done;
    }
}
