//! The movie atom (`moov`): tracks, and the track of Motion JPEG among them.

use super::atom::{Atoms, Code, code_at, find, find_path, u16_at, u32_at};
use super::codec::{self, Codec, VIDEO_DESCRIPTION_LENGTH};
use super::edit_list::{EditList, ShownSample};
use super::sample_table::{Sample, SampleTable};
use crate::media::container::demuxer::FilmProperties;
use crate::media::container::unsupported::{UnsupportedFile, VideoCodec};
use crate::media::frame_rate::FrameRate;
use crate::media::jpeg::Dimensions;
use crate::media::time_base::TimeBase;
use crate::proto::rtsp::Npt;

/// Film with Motion JPEG.
#[derive(Debug)]
pub struct Movie {
    /// Samples that are shown, in this order.
    pub samples: Vec<ShownSample>,
    /// End of the last sample.
    pub end: Npt,
    /// The file states times.
    pub has_times: bool,
    /// Number of samples that are not Motion JPEG.
    pub other_samples: u64,
    /// Statements of the file.
    pub properties: FilmProperties,
}

/// Maximum number of tracks that are considered.
const MAX_TRACKS: usize = 100;

impl Movie {
    /// Parses the data of a movie atom. `container` names the format in messages.
    ///
    /// # Errors
    /// Returns the reason if the film has no track of Motion JPEG that can be read.
    pub fn parse(moov: &[u8], container: Container) -> Result<Self, UnsupportedFile> {
        if find(moov, *b"cmov").is_some() {
            return Err(UnsupportedFile::Container("a QuickTime film with a compressed index"));
        }
        let film_clock = find(moov, *b"mvhd").and_then(clock).unwrap_or(0);
        let tracks: Vec<_> = Atoms(moov)
            .filter(|(kind, _)| kind == b"trak")
            .take(MAX_TRACKS)
            .map(|(_, trak)| Track::parse(trak))
            .collect();
        let playable = || tracks.iter().enumerate().filter(|(_, track)| track.has_motion_jpeg());
        let other_video = tracks.iter().find_map(Track::other_video);
        // A still beside a video of another codec is its cover.
        let film = match other_video {
            Some(_) => playable().find(|(_, track)| track.table().samples().len() > 1),
            None => playable().next(),
        };
        let Some((number, track)) = film else {
            return Err(match other_video {
                Some(codec) => UnsupportedFile::Codec { container: container.name(), codec },
                None => UnsupportedFile::NoVideo(container.name()),
            });
        };
        if find(moov, *b"mvex").is_some() {
            return Err(UnsupportedFile::MotionJpegIn(container.fragmented_name()));
        }
        if track.is_external() {
            return Err(UnsupportedFile::Other("a QuickTime film whose frames are in another file"));
        }
        let others = tracks.iter().enumerate().filter(|(other, _)| *other != number);
        let other_streams = others.filter_map(|(_, track)| track.name()).collect();
        Ok(track.film(film_clock, other_streams))
    }
}

/// Format of the file, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// QuickTime.
    QuickTime,
    /// MP4 and its kin.
    Mp4,
}

impl Container {
    /// Returns the format by the data of the file type atom (`ftyp`).
    pub fn of_brand(ftyp: &[u8]) -> Self {
        if ftyp.starts_with(b"qt  ") { Self::QuickTime } else { Self::Mp4 }
    }

    /// Returns the name.
    pub fn name(self) -> &'static str {
        match self {
            Self::QuickTime => "a QuickTime film",
            Self::Mp4 => "an MP4 film",
        }
    }

    /// Returns the name of a file whose index is spread over it.
    pub fn fragmented_name(self) -> &'static str {
        match self {
            Self::QuickTime => "a fragmented QuickTime film",
            Self::Mp4 => "a fragmented MP4 film",
        }
    }
}

/// A track, in the bytes of the movie atom.
#[derive(Debug)]
struct Track<'a> {
    trak: &'a [u8],
    /// Kind of media (`hdlr`): `vide`, `soun` and others.
    media: Code,
    stbl: &'a [u8],
    descriptions: Vec<Description<'a>>,
}

/// A sample description (`stsd`), with its length field.
#[derive(Debug)]
struct Description<'a> {
    code: Code,
    bytes: &'a [u8],
}

/// Maximum number of sample descriptions that are considered.
const MAX_DESCRIPTIONS: usize = 100;

impl<'a> Track<'a> {
    /// Parses the data of a track. What is missing is empty.
    fn parse(trak: &'a [u8]) -> Self {
        let stbl = find_path(trak, &[*b"mdia", *b"minf", *b"stbl"]).unwrap_or_default();
        let hdlr = find_path(trak, &[*b"mdia", *b"hdlr"]).unwrap_or_default();
        let mut descriptions = Vec::new();
        let mut rest = find(stbl, *b"stsd").and_then(|stsd| stsd.get(8..)).unwrap_or_default();
        while let (Some(length), Some(code)) = (u32_at(rest, 0), code_at(rest, 4))
            && descriptions.len() < MAX_DESCRIPTIONS
        {
            let (bytes, next) = rest.split_at((length as usize).clamp(8, rest.len()));
            descriptions.push(Description { code, bytes });
            rest = next;
        }
        Self { trak, media: code_at(hdlr, 8).unwrap_or_default(), stbl, descriptions }
    }

    fn is_video(&self) -> bool {
        &self.media == b"vide"
    }

    fn has_motion_jpeg(&self) -> bool {
        self.is_video() && self.descriptions.iter().any(Description::is_motion_jpeg)
    }

    /// Returns the codec of a track of video that is not Motion JPEG.
    fn other_video(&self) -> Option<VideoCodec> {
        let first = self.descriptions.first().filter(|_| self.is_video() && !self.has_motion_jpeg())?;
        match Codec::of_video(first.code, first.bytes) {
            Codec::Other(codec) => Some(codec),
            Codec::MotionJpeg => None,
        }
    }

    /// Returns true if the samples are in another file: the flag of a reference in `dref` that says "in this file" is
    /// not set.
    fn is_external(&self) -> bool {
        let dref = find_path(self.trak, &[*b"mdia", *b"minf", *b"dinf", *b"dref"]).unwrap_or_default();
        let first = Atoms(dref.get(8..).unwrap_or_default()).next();
        first.is_some_and(|(kind, data)| {
            matches!(&kind, b"url " | b"urn " | b"alis")
                && u32_at(data, 0).is_some_and(|flags| flags & 1 == 0)
        })
    }

    /// Returns the name of a track that is not played; `None` if it needs no mention.
    fn name(&self) -> Option<String> {
        let code = self.descriptions.first().map(|description| description.code);
        match &self.media {
            b"soun" => Some(code.map_or("sound", codec::sound_name).to_owned()),
            b"vide" => Some("another video track".to_owned()),
            b"text" | b"sbtl" | b"subt" | b"clcp" => Some("subtitles".to_owned()),
            _ => None,
        }
    }

    fn table(&self) -> SampleTable<'a> {
        SampleTable::parse(self.stbl)
    }

    /// Returns the film of a track of Motion JPEG.
    fn film(&self, film_clock: u32, other_streams: Vec<String>) -> Movie {
        let track_clock = find_path(self.trak, &[*b"mdia", *b"mdhd"]).and_then(clock).unwrap_or(0);
        let table = self.table();
        let mut samples = table.samples();
        let is_playable = |sample: &Sample| {
            let number = usize::try_from(sample.description).unwrap_or(usize::MAX).saturating_sub(1);
            self.descriptions.get(number).is_none_or(Description::is_motion_jpeg)
        };
        let all = samples.len();
        samples.retain(is_playable);
        let other_samples = (all - samples.len()) as u64;
        samples.sort_by_key(|sample| sample.start);
        let edits = EditList::parse(self.trak, film_clock, track_clock);
        let has_times = table.has_times() && track_clock > 0;
        let (shown, end) = edits.apply(&samples);
        let time_base = TimeBase::new(track_clock, 1).filter(|_| has_times);
        let constant = table.constant_duration().and_then(|duration| TimeBase::new(track_clock, duration));
        let rate = constant.and_then(TimeBase::frame_rate).or_else(|| mean_rate(&shown, end));
        Movie {
            samples: shown,
            end,
            has_times,
            other_samples,
            properties: FilmProperties {
                rate: rate.filter(|_| has_times),
                time_base: time_base.filter(|_| edits.is_on_track_clock()),
                dimensions: self.dimensions(),
                other_streams,
            },
        }
    }

    /// Returns the size in the first sample description of Motion JPEG.
    fn dimensions(&self) -> Option<Dimensions> {
        let description = self.descriptions.iter().find(|description| description.is_motion_jpeg())?;
        let bytes = description.bytes.get(..VIDEO_DESCRIPTION_LENGTH)?;
        let (width, height) = (u16_at(bytes, 32)?, u16_at(bytes, 34)?);
        (width > 0 && height > 0).then_some(Dimensions { width, height })
    }
}

impl Description<'_> {
    fn is_motion_jpeg(&self) -> bool {
        Codec::of_video(self.code, self.bytes) == Codec::MotionJpeg
    }
}

/// Returns the mean rate of samples that are shown from the first one's time to `end`.
fn mean_rate(samples: &[ShownSample], end: Npt) -> Option<FrameRate> {
    let seconds = end.as_secs_f64() - samples.first()?.time.as_secs_f64();
    FrameRate::new((samples.len() as f64 / seconds * 1_000.0).round() as u32, 1_000)
}

/// Returns the ticks a second in the data of a header of film or track (`mvhd`, `mdhd`).
fn clock(header: &[u8]) -> Option<u32> {
    let is_long = header.first() == Some(&1);
    u32_at(header, if is_long { 20 } else { 12 }).filter(|clock| *clock > 0)
}
