//! Encodes the movie atom (`moov`) of a film with one track of Motion JPEG.

use crate::media::jpeg::Dimensions;
use crate::media::time_base::TimeBase;
use crate::proto::rtsp::Npt;

/// Movie atom of a film that is written, and what it needs to know of the frames.
#[derive(Debug)]
pub struct MovieWriter {
    /// Clock of film and track.
    clock: TimeBase,
    /// Frames in file order.
    frames: Vec<Frame>,
    /// Sizes in pixels of the frames, each once. Each becomes a sample description.
    sizes: Vec<Dimensions>,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    offset: u64,
    length: u32,
    /// Time in units of the clock's fraction of a second.
    time: u64,
    /// Number of the size, from 1.
    description: u32,
}

/// Maximum number of different sizes of frames in a film.
pub const MAX_SIZES: usize = 100;

/// Matrix of a picture that is shown as it is (ISO 14496-12 §6.2.2).
const IDENTITY: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// Code of the language "undetermined" (ISO 14496-12 §8.4.2).
const UNDETERMINED: u32 = 0x55C4;

/// Resolution of a picture, 72 dpi as a fixed-point number.
const RESOLUTION: u32 = 72 << 16;

impl MovieWriter {
    /// Creates a movie atom without frames. Times are rounded to the ticks of the clock.
    pub fn new(clock: TimeBase) -> Self {
        Self { clock, frames: Vec::new(), sizes: Vec::new() }
    }

    /// Returns the number of frames.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Adds a frame. Returns `None`, and adds nothing, if there are more than [`MAX_SIZES`] sizes of frames.
    pub fn push(&mut self, offset: u64, length: u32, time: Npt, size: Dimensions) -> Option<()> {
        let known = self.sizes.iter().position(|known| *known == size);
        let number = match known {
            Some(number) => number,
            None if self.sizes.len() < MAX_SIZES => {
                self.sizes.push(size);
                self.sizes.len() - 1
            }
            None => return None,
        };
        let time = self.units_of(time);
        // Two frames never have the same time, and none is before its predecessor.
        let time = self.frames.last().map_or(time, |last| time.max(last.time + 1));
        self.frames.push(Frame { offset, length, time, description: number as u32 + 1 });
        Some(())
    }

    /// Removes the last frame. Returns the position at which it began; `None` if there is none.
    pub fn pop(&mut self) -> Option<u64> {
        self.frames.pop().map(|removed| removed.offset)
    }

    /// Encodes the atom of a film that ends at `end`.
    pub fn encode(&self, end: Npt) -> Vec<u8> {
        let (timescale, _) = self.clock.fraction();
        let start = self.frames.first().map_or(0, |first| first.time);
        let last = self.frames.last().map_or(0, |last| last.time);
        let end = self.units_of(end).max(last + u64::from(!self.frames.is_empty()));
        let track = Track { writer: self, timescale, start, end };
        atom(b"moov", &[movie_header(timescale, end), track.encode()].concat())
    }

    /// Returns a time in units of the clock's fraction of a second: ticks times the numerator.
    fn units_of(&self, time: Npt) -> u64 {
        let (_, seconds) = self.clock.fraction();
        self.clock.nearest_tick(time).saturating_mul(u64::from(seconds))
    }
}

/// The track while it is encoded.
struct Track<'a> {
    writer: &'a MovieWriter,
    timescale: u32,
    /// Time of the first frame.
    start: u64,
    end: u64,
}

impl Track<'_> {
    fn encode(&self) -> Vec<u8> {
        atom(b"trak", &[self.header(), self.edits(), self.media()].concat())
    }

    fn duration(&self) -> u64 {
        self.end - self.start
    }

    fn header(&self) -> Vec<u8> {
        let size = self
            .writer
            .sizes
            .iter()
            .fold((0, 0), |(width, height), size| (size.width.max(width), size.height.max(height)));
        // Enabled, and in the movie.
        let mut header = FullAtom::new(b"tkhd", self.end, 3);
        header.times();
        header.numbers(&[1, 0]);
        header.duration(self.end);
        header.numbers(&[0, 0, 0, 0]);
        header.numbers(&IDENTITY);
        header.numbers(&[u32::from(size.0) << 16, u32::from(size.1) << 16]);
        header.encode()
    }

    /// Encodes the edit list: a pause before the first frame, if it is not at the start.
    fn edits(&self) -> Vec<u8> {
        if self.start == 0 {
            return Vec::new();
        }
        let mut list = FullAtom::new(b"elst", self.end, 0);
        list.numbers(&[2]);
        list.duration(self.start);
        // -1 in both lengths: nothing is shown.
        list.duration(u64::MAX);
        list.numbers(&[0x1_0000]);
        list.duration(self.duration());
        list.duration(0);
        list.numbers(&[0x1_0000]);
        atom(b"edts", &list.encode())
    }

    fn media(&self) -> Vec<u8> {
        let mut header = FullAtom::new(b"mdhd", self.end, 0);
        header.times();
        header.numbers(&[self.timescale]);
        header.duration(self.duration());
        header.numbers(&[UNDETERMINED << 16]);
        let handler = self::handler(b"mhlr", b"vide", b"Video");
        // Graphics mode and colour of QuickTime: copy.
        let video = full_atom(b"vmhd", 1, &[0, 0, 0, 0, 0, 0, 0, 0]);
        // One reference, whose flag says that the frames are in this file.
        let references =
            full_atom(b"dref", 0, &[&1_u32.to_be_bytes()[..], &full_atom(b"url ", 1, &[])].concat());
        let data_handler = self::handler(b"dhlr", b"url ", b"Data");
        let information = [video, data_handler, atom(b"dinf", &references), self.sample_table()].concat();
        atom(b"mdia", &[header.encode(), handler, atom(b"minf", &information)].concat())
    }

    fn sample_table(&self) -> Vec<u8> {
        let parts = [self.descriptions(), self.durations(), self.chunks(), self.lengths(), self.offsets()];
        atom(b"stbl", &parts.concat())
    }

    fn descriptions(&self) -> Vec<u8> {
        let sizes = &self.writer.sizes;
        let descriptions: Vec<u8> = sizes.iter().flat_map(|size| description(*size)).collect();
        full_atom(b"stsd", 0, &[&(sizes.len() as u32).to_be_bytes()[..], &descriptions].concat())
    }

    /// Encodes the durations of the frames, in runs of the same duration.
    fn durations(&self) -> Vec<u8> {
        let frames = &self.writer.frames;
        let ends = frames.iter().skip(1).map(|next| next.time).chain([self.end]);
        let durations = frames.iter().zip(ends).map(|(frame, end)| end - frame.time);
        // Longer than a duration can be: years, in every clock that is used.
        runs(b"stts", durations.map(|duration| u32::try_from(duration).unwrap_or(u32::MAX)))
    }

    /// Encodes which chunk has which description. Each frame is a chunk.
    fn chunks(&self) -> Vec<u8> {
        let mut runs = Vec::new();
        let mut last = 0;
        for (chunk, frame) in (1..).zip(&self.writer.frames) {
            if frame.description != last {
                runs.push([chunk, 1, frame.description]);
                last = frame.description;
            }
        }
        table(b"stsc", &runs)
    }

    fn lengths(&self) -> Vec<u8> {
        let frames = &self.writer.frames;
        // No length that all frames have, then the number of lengths.
        let head = [0, frames.len() as u32];
        let numbers = head.into_iter().chain(frames.iter().map(|frame| frame.length));
        full_atom(b"stsz", 0, &numbers.flat_map(u32::to_be_bytes).collect::<Vec<_>>())
    }

    fn offsets(&self) -> Vec<u8> {
        let frames = &self.writer.frames;
        let count = (frames.len() as u32).to_be_bytes();
        let offsets = frames.iter().flat_map(|frame| frame.offset.to_be_bytes());
        full_atom(b"co64", 0, &count.into_iter().chain(offsets).collect::<Vec<_>>())
    }
}

fn movie_header(timescale: u32, duration: u64) -> Vec<u8> {
    let mut header = FullAtom::new(b"mvhd", duration, 0);
    header.times();
    header.numbers(&[timescale]);
    header.duration(duration);
    // Normal rate and volume.
    header.numbers(&[0x1_0000, 0x0100_0000, 0, 0]);
    header.numbers(&IDENTITY);
    header.numbers(&[0; 6]);
    header.numbers(&[2]);
    header.encode()
}

/// Encodes the description of Motion JPEG of a size (QuickTime File Format, "Video sample description").
fn description(size: Dimensions) -> Vec<u8> {
    let mut name = [0; 32];
    let text = b"\x0CMotion JPEG ";
    name[..text.len()].copy_from_slice(text);
    let data = [
        &[0; 6][..],
        &1_u16.to_be_bytes(),
        // Version, vendor, temporal and spatial quality.
        &[0; 16],
        &size.width.to_be_bytes(),
        &size.height.to_be_bytes(),
        &RESOLUTION.to_be_bytes(),
        &RESOLUTION.to_be_bytes(),
        &[0; 4],
        // One frame a sample.
        &1_u16.to_be_bytes(),
        &name,
        // Depth of 24 bits, no colour table.
        &24_u16.to_be_bytes(),
        &u16::MAX.to_be_bytes(),
    ];
    atom(b"jpeg", &data.concat())
}

fn handler(component: &[u8; 4], kind: &[u8; 4], name: &[u8]) -> Vec<u8> {
    let name = [&[name.len() as u8][..], name].concat();
    full_atom(b"hdlr", 0, &[&component[..], kind, &[0; 12], &name].concat())
}

/// Encodes runs of equal values: how many, and the value.
fn runs(kind: &[u8; 4], values: impl Iterator<Item = u32>) -> Vec<u8> {
    let mut runs: Vec<[u32; 2]> = Vec::new();
    for value in values {
        match runs.last_mut() {
            Some([count, last]) if *last == value => *count += 1,
            _ => runs.push([1, value]),
        }
    }
    table(kind, &runs)
}

/// Encodes a table: the number of entries, and the entries.
fn table<const N: usize>(kind: &[u8; 4], entries: &[[u32; N]]) -> Vec<u8> {
    let count = (entries.len() as u32).to_be_bytes();
    let entries = entries.iter().flatten().flat_map(|number| number.to_be_bytes());
    full_atom(kind, 0, &count.into_iter().chain(entries).collect::<Vec<_>>())
}

/// Encodes an atom.
fn atom(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    // The largest one, the movie atom, has less than 40 bytes a frame, so 4 GB of it are 100 million frames.
    let length = u32::try_from(data.len() + 8).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], kind, data].concat()
}

/// Encodes an atom with version 0 and flags.
fn full_atom(kind: &[u8; 4], flags: u32, data: &[u8]) -> Vec<u8> {
    atom(kind, &[&flags.to_be_bytes()[..], data].concat())
}

/// Atom with times and durations, whose version says how long they are.
struct FullAtom {
    kind: [u8; 4],
    /// Times and durations have 8 bytes.
    is_long: bool,
    data: Vec<u8>,
}

impl FullAtom {
    /// Begins an atom; `longest` is its longest duration.
    fn new(kind: &[u8; 4], longest: u64, flags: u32) -> Self {
        let is_long = longest >= u64::from(u32::MAX);
        let version = if is_long { 1 << 24 } else { 0 };
        Self { kind: *kind, is_long, data: (version | flags).to_be_bytes().to_vec() }
    }

    fn numbers(&mut self, numbers: &[u32]) {
        self.data.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
    }

    /// Appends a duration.
    fn duration(&mut self, duration: u64) {
        let bytes = duration.to_be_bytes();
        self.data.extend_from_slice(if self.is_long { &bytes } else { &bytes[4..] });
    }

    /// Appends the times of creation and modification, which are not stated.
    fn times(&mut self) {
        self.duration(0);
        self.duration(0);
    }

    fn encode(self) -> Vec<u8> {
        atom(&self.kind, &self.data)
    }
}

#[cfg(test)]
mod tests {
    use super::super::movie::{Container, Movie};
    use super::*;

    const SIZE: Dimensions = Dimensions { width: 96, height: 64 };

    fn ms(time: u64) -> Npt {
        Npt::from_micros(time * 1_000)
    }

    /// Encodes a film whose frames have these times, and parses it again.
    fn round_trip(clock: TimeBase, times: &[u64], end: u64) -> Movie {
        let mut writer = MovieWriter::new(clock);
        for (number, time) in (0..).zip(times) {
            writer.push(5_000_000_000 + number * 10, 10, ms(*time), SIZE).unwrap();
        }
        let moov = writer.encode(ms(end));
        assert_eq!(moov[..8], [&(moov.len() as u32).to_be_bytes()[..], b"moov"].concat());
        Movie::parse(&moov[8..], Container::QuickTime).unwrap()
    }

    fn times_in_ms(movie: &Movie) -> Vec<u64> {
        movie.samples.iter().map(|shown| shown.time.as_micros() / 1_000).collect()
    }

    #[test]
    fn frames_come_back_with_their_times() {
        let clock = TimeBase::new(25, 1).unwrap();
        let movie = round_trip(clock, &[0, 40, 80, 200], 240);
        assert_eq!((times_in_ms(&movie), movie.end), (vec![0, 40, 80, 200], ms(240)));
        assert_eq!(movie.samples[1].sample.offset, 5_000_000_010);
        assert_eq!(movie.properties.dimensions, Some(SIZE));
        let constant = round_trip(clock, &[0, 40, 80], 120);
        assert_eq!(constant.properties.rate, clock.frame_rate());
    }

    #[test]
    fn first_frame_may_begin_late() {
        let movie = round_trip(TimeBase::new(1_000, 1).unwrap(), &[500, 533, 571], 600);
        assert_eq!((times_in_ms(&movie), movie.end), (vec![500, 533, 571], ms(600)));
    }

    /// Durations of 32 bits end after 71 minutes with a clock of microseconds.
    #[test]
    fn hours_of_microseconds_have_their_times() {
        let times: Vec<u64> = (0..300).map(|minute| 7 + minute * 60_000).collect();
        let movie = round_trip(TimeBase::new(1_000_000, 1).unwrap(), &times, 18_000_007);
        assert_eq!((times_in_ms(&movie), movie.end), (times, ms(18_000_007)));
    }

    #[test]
    fn clock_of_ntsc_is_exact() {
        let clock = TimeBase::new(30_000, 1_001).unwrap();
        let mut writer = MovieWriter::new(clock);
        for frame in 0..1_000 {
            writer.push(frame, 10, clock.npt_of(frame), SIZE).unwrap();
        }
        let movie = Movie::parse(&writer.encode(clock.npt_of(1_000))[8..], Container::QuickTime).unwrap();
        assert!((0..).zip(&movie.samples).all(|(frame, shown)| shown.time == clock.npt_of(frame)));
        assert_eq!(movie.properties.rate, clock.frame_rate());
    }

    #[test]
    fn frames_of_several_sizes_have_their_descriptions() {
        let mut writer = MovieWriter::new(TimeBase::new(25, 1).unwrap());
        for (frame, width) in [96, 96, 48, 96].into_iter().enumerate() {
            writer.push(0, 10, ms(frame as u64 * 40), Dimensions { width, height: 64 }).unwrap();
        }
        let movie = Movie::parse(&writer.encode(ms(160))[8..], Container::QuickTime).unwrap();
        let descriptions: Vec<_> = movie.samples.iter().map(|shown| shown.sample.description).collect();
        assert_eq!(descriptions, [1, 1, 2, 1]);
        for width in 1..MAX_SIZES as u16 - 1 {
            writer.push(0, 10, ms(0), Dimensions { width, height: 1 }).unwrap();
        }
        assert_eq!(writer.push(0, 10, ms(0), Dimensions { width: 1, height: 2 }), None);
    }
}
