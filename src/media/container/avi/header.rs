//! The header list of an AVI file (`hdrl`): its streams, and where their indexes are.

use super::codec;
use super::riff::{Chunks, FourCc, four_cc_at, u16_at, u32_at, u64_at};
use crate::media::container::unsupported::{UnsupportedFile, VideoCodec};
use crate::media::jpeg::Dimensions;
use crate::media::time_base::TimeBase;

/// Name of the format, for messages.
const CONTAINER: &str = "an AVI film";

/// Maximum number of streams that are considered.
const MAX_STREAMS: u8 = 100;

/// Header of a file with Motion JPEG.
#[derive(Debug, Clone, PartialEq)]
pub struct AviHeader {
    /// The first stream of Motion JPEG.
    pub video: VideoStream,
    /// Names of the other streams, for a message.
    pub other_streams: Vec<String>,
}

/// A stream of Motion JPEG.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoStream {
    /// Number of the stream, which its chunks have in their identifiers; below 100.
    pub number: u8,
    /// Clock of the stream, one tick a frame; `None` if the file states no rate that can be used.
    pub time_base: Option<TimeBase>,
    /// Time of the first frame, in ticks (`dwStart`).
    pub start: u32,
    /// Number of frames that the file states (`dwLength`), in ticks; 0 if it states none.
    pub length: u32,
    /// Size of the frames in pixels; `None` if it is not stated.
    pub dimensions: Option<Dimensions>,
    /// Index of the stream (`indx`); `None` if the header has none.
    pub index: Option<StreamIndex>,
}

/// Index of a stream in the header list (OpenDML AVI §3.0).
#[derive(Debug, Clone, PartialEq)]
pub enum StreamIndex {
    /// Positions of the index chunks, in file order.
    Super(Vec<IndexSegment>),
    /// Index chunk with its header, without those of RIFF.
    Standard(Vec<u8>),
}

/// Entry of a super index: an index chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexSegment {
    /// Position of the header of the index chunk, in bytes from the start of the file.
    pub offset: u64,
}

/// Highest tick rate that is believed, in ticks per second. Films of variable rate are written with 1,000.
const MAX_TICK_RATE: f64 = 10_000.0;

/// Lowest tick rate that is believed: a frame an hour.
const MIN_TICK_RATE: f64 = 1.0 / 3_600.0;

impl AviHeader {
    /// Parses the data of the header list, after its type.
    ///
    /// # Errors
    /// Returns the reason if the file has no stream of Motion JPEG.
    pub fn parse(hdrl: &[u8]) -> Result<Self, UnsupportedFile> {
        let mut micros_per_frame = 0;
        let mut streams = Vec::new();
        for (id, data) in Chunks(hdrl) {
            match (&id, four_cc_at(data, 0)) {
                (b"avih", _) => micros_per_frame = u32_at(data, 0).unwrap_or(0),
                (b"LIST", Some(list)) if &list == b"strl" && streams.len() < usize::from(MAX_STREAMS) => {
                    streams.push(Stream::parse(&data[4..]));
                }
                _ => {}
            }
        }
        let Some(number) = streams.iter().position(Stream::is_motion_jpeg) else {
            let videos = streams.iter().filter(|stream| stream.kind == StreamKind::Video);
            return Err(match videos.map(|stream| codec::other_codec(stream.codec)).next() {
                Some(codec) => UnsupportedFile::Codec { container: CONTAINER, codec },
                None if streams.iter().any(|stream| stream.kind == StreamKind::Interleaved) => {
                    UnsupportedFile::Codec { container: CONTAINER, codec: VideoCodec::Named("DV") }
                }
                None => UnsupportedFile::NoVideo(CONTAINER),
            });
        };
        let stream = &streams[number];
        let others = streams.iter().enumerate().filter(|(other, _)| *other != number);
        Ok(Self {
            video: VideoStream {
                number: number as u8,
                time_base: stream.time_base().or_else(|| checked_time_base(1_000_000, micros_per_frame)),
                start: stream.start,
                length: stream.length,
                dimensions: stream.dimensions,
                index: stream.index.clone(),
            },
            other_streams: others.map(|(_, stream)| stream.name()).collect(),
        })
    }
}

/// Returns a clock of this number of ticks in this number of seconds, if it can be that of a film.
fn checked_time_base(ticks: u32, seconds: u32) -> Option<TimeBase> {
    TimeBase::new(ticks, seconds).filter(|base| (MIN_TICK_RATE..=MAX_TICK_RATE).contains(&base.as_f64()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StreamKind {
    Video,
    Sound,
    Text,
    /// Video and sound in one stream, which only DV has.
    Interleaved,
    Other,
}

/// A stream of any kind.
#[derive(Debug)]
struct Stream {
    kind: StreamKind,
    codec: FourCc,
    /// Format of the sound; 0 for other streams.
    sound_format: u16,
    scale: u32,
    rate: u32,
    start: u32,
    length: u32,
    dimensions: Option<Dimensions>,
    index: Option<StreamIndex>,
}

impl Stream {
    /// Parses the data of a stream list (`strl`), after its type. What is missing is zero.
    fn parse(strl: &[u8]) -> Self {
        let mut stream = Self {
            kind: StreamKind::Other,
            codec: [0; 4],
            sound_format: 0,
            scale: 0,
            rate: 0,
            start: 0,
            length: 0,
            dimensions: None,
            index: None,
        };
        for (id, data) in Chunks(strl) {
            match &id {
                b"strh" => stream.parse_header(data),
                b"strf" => stream.parse_format(data),
                b"indx" => stream.index = parse_index(data),
                _ => {}
            }
        }
        stream
    }

    fn parse_header(&mut self, strh: &[u8]) {
        self.kind = match &four_cc_at(strh, 0).unwrap_or_default() {
            b"vids" => StreamKind::Video,
            b"auds" => StreamKind::Sound,
            b"txts" => StreamKind::Text,
            b"iavs" => StreamKind::Interleaved,
            _ => StreamKind::Other,
        };
        self.codec = four_cc_at(strh, 4).unwrap_or_default();
        [self.scale, self.rate, self.start, self.length] =
            [20, 24, 28, 32].map(|at| u32_at(strh, at).unwrap_or(0));
    }

    /// Parses BITMAPINFOHEADER or WAVEFORMATEX, by the kind of the stream. Tables in the data after BITMAPINFOHEADER
    /// are not needed: they are the standard ones, which frames without tables imply.
    fn parse_format(&mut self, strf: &[u8]) {
        if self.kind == StreamKind::Sound {
            self.sound_format = u16_at(strf, 0).unwrap_or(0);
            return;
        }
        // The compression counts, and the handler in the stream header only if it is missing (ffmpeg, VirtualDub).
        self.codec = four_cc_at(strf, 16).filter(|code| *code != [0; 4]).unwrap_or(self.codec);
        let side = |at| u32_at(strf, at).map(|side| side.cast_signed().unsigned_abs());
        let (width, height) = (side(4).unwrap_or(0), side(8).unwrap_or(0));
        self.dimensions = match (u16::try_from(width), u16::try_from(height)) {
            (Ok(width @ 1..), Ok(height @ 1..)) => Some(Dimensions { width, height }),
            _ => None,
        };
    }

    fn is_motion_jpeg(&self) -> bool {
        self.kind == StreamKind::Video && codec::is_motion_jpeg(self.codec)
    }

    fn time_base(&self) -> Option<TimeBase> {
        checked_time_base(self.rate, self.scale)
    }

    /// Returns the name for a message.
    fn name(&self) -> String {
        match self.kind {
            StreamKind::Video if self.is_motion_jpeg() => "another video".to_owned(),
            StreamKind::Video => format!("a video that is {}", codec::other_codec(self.codec)),
            StreamKind::Sound => codec::sound_name(self.sound_format).to_owned(),
            StreamKind::Text => "subtitles".to_owned(),
            StreamKind::Interleaved | StreamKind::Other => "another stream".to_owned(),
        }
    }
}

/// Parses `indx`; `None` if it is empty or of an unknown type.
fn parse_index(indx: &[u8]) -> Option<StreamIndex> {
    /// Type of an index of index chunks (`AVI_INDEX_OF_INDEXES`).
    const INDEX_OF_INDEXES: u8 = 0;
    /// Length of the fields before the entries, in bytes.
    const HEADER_LENGTH: usize = 24;
    let (kind, count) = (*indx.get(3)?, usize::try_from(u32_at(indx, 4)?).ok()?);
    if kind != INDEX_OF_INDEXES {
        return Some(StreamIndex::Standard(indx.to_vec()));
    }
    let entries = indx.get(HEADER_LENGTH..)?.chunks_exact(16).take(count);
    let segments: Vec<_> =
        entries.filter_map(|entry| u64_at(entry, 0)).map(|offset| IndexSegment { offset }).collect();
    (!segments.is_empty()).then_some(StreamIndex::Super(segments))
}
