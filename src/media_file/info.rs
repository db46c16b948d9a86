//! Properties of an open media file that are known without reading its frames.

use super::index_progress::IndexProgress;
use crate::format::enumerated;
use crate::media::container::{ContainerFormat, FrameTimes};
use crate::media::jpeg::Dimensions;
use crate::proto::rtsp::{Npt, NptRange};

/// Snapshot of an open media file; its index may still be growing.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaInfo {
    /// Number of the open file, unique within the process.
    pub id: u64,
    /// Display name: the file name, or the name under which the file is served.
    pub name: String,
    /// Container format, detected from the first bytes of the file.
    pub format: ContainerFormat,
    /// Size of the first frame, in pixels.
    pub dimensions: Dimensions,
    /// Kind of JPEG of the first frame, for a message, if the decoder does not know it; `None` if it may be able to
    /// show the film.
    pub undecodable_kind: Option<&'static str>,
    /// Times of the frames, stated by the file or assumed.
    pub times: FrameTimes,
    /// Streams that are not played, for a message: `PCM sound`.
    pub other_streams: Vec<String>,
    /// Progress of the index.
    pub progress: IndexProgress,
}

impl MediaInfo {
    /// Number of frames indexed so far.
    pub fn frames(&self) -> u64 {
        self.progress.frames
    }

    /// Returns true if the number of frames is final.
    pub fn is_complete(&self) -> bool {
        self.progress.is_finished()
    }

    /// Range that can be played, from 0 to the end; open-ended while the file is being indexed.
    pub fn range(&self) -> NptRange {
        let end = self.is_complete().then(|| self.times.npt_of(self.frames()));
        NptRange { start: Some(Npt::ZERO), end }
    }

    /// Returns the message for users about streams that are not played; `None` if there are none.
    pub fn other_streams_note(&self) -> Option<String> {
        let others = enumerated(&self.other_streams)?;
        Some(format!("{} also contains {others}, which Reelay does not play.", self.name))
    }

    /// Returns the message for users about a film that cannot be shown, or about a damaged file; `None` if nothing is
    /// wrong. Damage is known when the file has been indexed.
    pub fn warning(&self) -> Option<String> {
        let undecodable = self.undecodable_kind.map(|kind| {
            format!(
                "{} cannot be shown, because its frames are {kind}; convert them to baseline JPEG.",
                self.name
            )
        });
        undecodable.or_else(|| self.progress.warning(&self.name))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::media::FrameRate;

    /// A completely indexed file of this many frames at 20 frames/s.
    pub(crate) fn info(frames: u64) -> MediaInfo {
        MediaInfo {
            id: 1,
            name: "movie".to_owned(),
            format: ContainerFormat::Classroom,
            dimensions: Dimensions { width: 384, height: 288 },
            undecodable_kind: None,
            times: FrameTimes::Assumed(FrameRate::CLASSROOM),
            other_streams: Vec::new(),
            progress: IndexProgress { frames, defects: Some(Default::default()), ..IndexProgress::default() },
        }
    }

    #[test]
    fn range_is_open_while_index_grows() {
        assert_eq!(info(500).range(), NptRange::parse("npt=0-25").unwrap());
        let growing =
            MediaInfo { progress: IndexProgress { frames: 500, ..IndexProgress::default() }, ..info(0) };
        assert_eq!(growing.range(), NptRange::parse("npt=0-").unwrap());
    }
}
