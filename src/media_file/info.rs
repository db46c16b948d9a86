//! PURE. What the protocol needs to know of a film.

use crate::media::FrameRate;
use crate::media::jpeg::Dimensions;
use crate::proto::rtsp::{Npt, NptRange, Response, Status};

/// A film as it is known at this instant: its index may still be growing.
#[derive(Debug, Clone, PartialEq)]
pub struct FilmFacts {
    /// What it is called.
    pub name: String,
    /// The identifier and the version of its description (`o=`).
    pub origin: (u64, u64),
    /// The size of its first picture.
    pub dimensions: Dimensions,
    /// How fast it plays.
    pub rate: FrameRate,
    /// The frames that are known.
    pub frames: u64,
    /// Whether these are all.
    pub whole: bool,
}

impl FilmFacts {
    /// What can be played: to the end, or openly while the end is not known.
    pub fn range(&self) -> NptRange {
        NptRange { start: Some(Npt::ZERO), end: self.whole.then(|| self.rate.npt_of(self.frames)) }
    }

    /// The frame at a position that a Range begins with.
    ///
    /// # Errors
    /// 457 behind the end; 456 where nothing is known yet.
    pub fn locate(&self, position: Npt) -> Result<u64, Response> {
        let frame = self.rate.frame_at(position);
        match (frame < self.frames, self.whole) {
            (true, _) => Ok(frame),
            (false, true) => Err(Response::refusal(
                Status::INVALID_RANGE,
                format_args!("the film ends at {}", self.rate.npt_of(self.frames)),
            )),
            (false, false) => Err(Response::refusal(
                Status::HEADER_NOT_VALID,
                format_args!(
                    "the film is still being read, and known up to {}",
                    self.rate.npt_of(self.frames)
                ),
            )),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A film of this many frames at 20 a second.
    pub(crate) fn facts(frames: u64) -> FilmFacts {
        FilmFacts {
            name: "movie".to_owned(),
            origin: (1, 1),
            dimensions: Dimensions { width: 384, height: 288 },
            rate: FrameRate::CLASSROOM,
            frames,
            whole: true,
        }
    }

    #[test]
    fn positions_are_found_refused_or_not_known_yet() {
        let film = facts(500);
        let locate = |film: &FilmFacts, micros| {
            film.locate(Npt::from_micros(micros)).map_err(|refusal| refusal.status.code())
        };
        assert_eq!(locate(&film, 0), Ok(0));
        assert_eq!(locate(&film, 20_000_000), Ok(400));
        assert_eq!(locate(&film, 24_999_999), Ok(499));
        assert_eq!(locate(&film, 25_000_000), Err(457));
        assert_eq!(locate(&FilmFacts { whole: false, ..film }, 25_000_000), Err(456));
    }
}
