//! Times of the frames of a film: stated by its file, or those of an assumed rate.

use std::sync::Arc;

use super::frame_index::FrameIndex;
use crate::media::frame_rate::FrameRate;
use crate::proto::rtsp::Npt;

/// Times of the frames of a film.
#[derive(Debug, Clone)]
pub enum FrameTimes {
    /// The file states no times: frame 0 is at 0, and all frames have the interval of this rate.
    Assumed(FrameRate),
    /// The file states the time of each frame.
    Stated(Arc<FrameIndex>),
}

impl FrameTimes {
    /// Returns the frame rate: the assumed one, the one that the file states, or the mean if the intervals differ.
    pub fn rate(&self) -> FrameRate {
        match self {
            Self::Assumed(rate) => *rate,
            Self::Stated(index) => index.rate(),
        }
    }

    /// Returns true if the file states no times.
    pub fn is_assumed(&self) -> bool {
        matches!(self, Self::Assumed(_))
    }

    /// Returns the rate for display: `25 fps`, or `20 fps (assumed)`.
    pub fn rate_text(&self) -> String {
        match self {
            Self::Assumed(rate) => format!("{rate} fps (assumed)"),
            Self::Stated(index) => format!("{} fps", index.rate()),
        }
    }

    /// Returns the time of a frame; that of the frame after the last one is the end of the film.
    pub fn npt_of(&self, frame: u64) -> Npt {
        match self {
            Self::Assumed(rate) => rate.npt_of(frame),
            Self::Stated(index) => index.npt_of(frame),
        }
    }

    /// Returns the number of the frame that is shown at a position, from 0.
    pub fn frame_at(&self, position: Npt) -> u64 {
        match self {
            Self::Assumed(rate) => rate.frame_at(position),
            Self::Stated(index) => index.frame_at(position),
        }
    }

    /// Returns the number of the first frame that begins at or after a position, from 0.
    pub fn first_frame_from(&self, position: Npt) -> u64 {
        match self {
            Self::Assumed(rate) => rate.first_frame_from(position),
            Self::Stated(index) => index.first_frame_from(position),
        }
    }
}

impl PartialEq for FrameTimes {
    /// Compares assumed rates, and for stated times whether they are those of the same open file.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Assumed(rate), Self::Assumed(other)) => rate == other,
            (Self::Stated(index), Self::Stated(other)) => Arc::ptr_eq(index, other),
            _ => false,
        }
    }
}
