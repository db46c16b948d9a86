//! Everything that is known of an open film without reading its frames.

use super::index_progress::IndexProgress;
use crate::media::FrameRate;
use crate::media::container::ContainerFormat;
use crate::media::jpeg::Dimensions;
use crate::proto::rtsp::{Npt, NptRange};

/// An open film, as it is known at one instant: its index may still be growing.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaInfo {
    /// Different for each film that was opened since the program started.
    pub id: u64,
    /// The name of its file, or the name under which it is served.
    pub name: String,
    /// The format of the file.
    pub layout: ContainerFormat,
    /// Size of its first frame, in pixels.
    pub dimensions: Dimensions,
    /// Its frame rate, or the one assumed where the file states none.
    pub rate: FrameRate,
    /// The index so far.
    pub progress: IndexProgress,
}

impl MediaInfo {
    /// Number of frames that are known.
    pub fn frames(&self) -> u64 {
        self.progress.frames
    }

    /// Tells whether these are all frames.
    pub fn is_complete(&self) -> bool {
        self.progress.is_finished()
    }

    /// The range that can be played: to the end, or open while the end is not known.
    pub fn range(&self) -> NptRange {
        let end = self.is_complete().then(|| self.rate.npt_of(self.frames()));
        NptRange { start: Some(Npt::ZERO), end }
    }

    /// What is wrong with the film, once all of it has been read: a sentence, with what to do.
    pub fn flaw(&self) -> Option<String> {
        self.progress.warning(&self.name)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A film of this many frames at 20 a second.
    pub(crate) fn info(frames: u64) -> MediaInfo {
        MediaInfo {
            id: 1,
            name: "movie".to_owned(),
            layout: ContainerFormat::Classroom,
            dimensions: Dimensions { width: 384, height: 288 },
            rate: FrameRate::CLASSROOM,
            progress: IndexProgress { frames, defects: Some(Default::default()), has_failed: false },
        }
    }

    #[test]
    fn the_range_is_open_while_the_index_grows() {
        assert_eq!(info(500).range(), NptRange::parse("npt=0-25").unwrap());
        let growing =
            MediaInfo { progress: IndexProgress { frames: 500, ..IndexProgress::default() }, ..info(0) };
        assert_eq!(growing.range(), NptRange::parse("npt=0-").unwrap());
    }
}
