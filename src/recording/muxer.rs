//! Muxer of a recording, whose size and rate are known only when its first frames have arrived. Sans-I/O.

use std::collections::VecDeque;

use bytes::Bytes;

use super::format::RecordingFormat;
use crate::media::container::{
    AviMuxer, MovMuxer, MultipartMuxer, Muxer, MuxerError, MuxerWrite, RemovedSample, SequentialMuxer,
    has_appendix,
};
use crate::media::jpeg::{Dimensions, frame_dimensions, split_fields};
use crate::media::{FrameRate, TimeBase};
use crate::proto::rtsp::Npt;

/// Muxer that begins its file with the first frame, and an AVI file with the first `AVI_START_FRAMES`, because the
/// clock of an AVI file is at its beginning.
#[derive(Debug)]
pub struct RecordingMuxer {
    format: RecordingFormat,
    /// Rate that the stream states; `None` if it states none.
    stated_rate: Option<FrameRate>,
    /// Size of the first frame; `None` before it.
    dimensions: Option<Dimensions>,
    /// Frames that wait for the clock of an AVI file.
    waiting: Vec<(Bytes, Npt)>,
    muxer: Option<Box<dyn Muxer>>,
    frames: u64,
    /// Positions of the last frames of a multipart file, whose muxer removes none.
    last_parts: PartPositions,
}

/// Positions of the last parts of a multipart file.
#[derive(Debug, Default)]
struct PartPositions {
    /// Number of bytes that were returned to be written.
    length: u64,
    /// Positions of the last parts in bytes, the oldest first.
    starts: VecDeque<u64>,
}

impl PartPositions {
    /// Maximum number of parts that can be removed: more than the reserve of a full disk takes.
    const MAX: usize = 1_024;

    /// Adds a part that consists of these writes.
    fn push(&mut self, writes: &[MuxerWrite]) {
        if self.starts.len() == Self::MAX {
            self.starts.pop_front();
        }
        self.starts.push_back(self.length);
        self.length += writes.iter().map(MuxerWrite::appended_length).sum::<u64>();
    }

    fn pop(&mut self) -> Option<RemovedSample> {
        let start = self.starts.pop_back()?;
        self.length = start;
        Some(RemovedSample { start, is_frame: true })
    }
}

/// Number of frames by which the clock of an AVI file is chosen.
const AVI_START_FRAMES: usize = 8;

/// Maximum number of frames of a recording: a movie atom of 60 MB, or 27 hours at 30 frames per second. Programs, and
/// Reelay too, read the movie atom as a whole.
const MAX_FRAMES: u64 = 3_000_000;

/// Maximum length of the boundary that closes a multipart file, in bytes: 70 characters (RFC 2046 §5.1.1), four dashes
/// and two line breaks.
const MAX_CLOSING_BOUNDARY: u64 = 78;

/// Maximum difference between the time of a frame and its tick, in µs, for a clock that has one tick for each frame:
/// the time stamps of cameras are often milliseconds.
const MAX_ROUNDING: u64 = 1_000;

/// Rates that cameras and films have, in frames per 1,001 seconds or frames per second.
const USUAL_RATES: [(u32, u32); 17] = [
    (1, 1),
    (2, 1),
    (5, 1),
    (10, 1),
    (12, 1),
    (25, 2),
    (15, 1),
    (20, 1),
    (24_000, 1_001),
    (24, 1),
    (25, 1),
    (30_000, 1_001),
    (30, 1),
    (50, 1),
    (60_000, 1_001),
    (60, 1),
    (100, 1),
];

impl RecordingMuxer {
    /// Creates a muxer. `stated_rate` is the rate that the stream states.
    pub fn new(format: RecordingFormat, stated_rate: Option<FrameRate>) -> Self {
        Self {
            format,
            stated_rate,
            dimensions: None,
            waiting: Vec::new(),
            muxer: None,
            frames: 0,
            last_parts: PartPositions::default(),
        }
    }

    /// Checks that the format can hold a frame. Returns the size of the film, as far as it is known.
    fn check(&self, jpeg: &[u8]) -> Result<Option<Dimensions>, MuxerError> {
        if self.frames >= MAX_FRAMES {
            return Err(MuxerError::FileTooLong);
        }
        if !self.format.keeps_fields() && split_fields(jpeg).is_some() {
            return Err(MuxerError::TwoFields);
        }
        if self.format.ends_frames_at_eoi() && has_appendix(jpeg, false) {
            return Err(MuxerError::Appendix);
        }
        let found = frame_dimensions(jpeg);
        match (self.format, self.dimensions, found) {
            (RecordingFormat::Avi, Some(first), Some(found)) if first != found => {
                Err(MuxerError::OtherSize { found, first })
            }
            // A frame without a valid header has the size of the others.
            (_, first, found) => Ok(first.or(found)),
        }
    }

    /// Creates the muxer of the format, and passes the frames to it that have waited.
    fn begin(&mut self, writes: &mut Vec<MuxerWrite>) -> Result<(), MuxerError> {
        // A film whose first frames are all damaged states no real size.
        let dimensions = self.dimensions.unwrap_or(Dimensions { width: 1, height: 1 });
        let mut muxer: Box<dyn Muxer> = match self.format {
            RecordingFormat::Mov => Box::new(MovMuxer::new(dimensions, TimeBase::RTP_VIDEO)),
            RecordingFormat::Avi => {
                let times: Vec<_> = self.waiting.iter().map(|(_, time)| *time).collect();
                Box::new(AviMuxer::new(dimensions, choose_time_base(&times, self.stated_rate)))
            }
            RecordingFormat::Multipart => Box::new(MultipartMuxer),
            RecordingFormat::Classroom => Box::new(SequentialMuxer::classroom()),
            // Each file of a folder is written by the folder's writer, without a muxer.
            RecordingFormat::Raw | RecordingFormat::Image | RecordingFormat::Folder => {
                Box::new(SequentialMuxer::raw())
            }
        };
        let waiting = std::mem::take(&mut self.waiting);
        let written = waiting.into_iter().try_for_each(|(jpeg, time)| muxer.write_frame(jpeg, time, writes));
        self.muxer = Some(muxer);
        written
    }
}

impl Muxer for RecordingMuxer {
    fn write_frame(
        &mut self,
        jpeg: Bytes,
        time: Npt,
        writes: &mut Vec<MuxerWrite>,
    ) -> Result<(), MuxerError> {
        self.dimensions = self.check(&jpeg)?;
        match (&mut self.muxer, self.format) {
            (None, RecordingFormat::Avi) => {
                self.waiting.push((jpeg, time));
                if self.waiting.len() >= AVI_START_FRAMES {
                    self.begin(writes)?;
                }
            }
            (None, _) => {
                self.begin(writes)?;
                return self.write_frame(jpeg, time, writes);
            }
            (Some(muxer), format) => {
                let written = writes.len();
                muxer.write_frame(jpeg, time, writes)?;
                if format == RecordingFormat::Multipart {
                    self.last_parts.push(&writes[written..]);
                }
            }
        }
        self.frames += 1;
        Ok(())
    }

    fn finish(&mut self, end: Npt, writes: &mut Vec<MuxerWrite>) {
        if self.muxer.is_none() && !self.waiting.is_empty() {
            // The frames fit, because each was checked.
            let _ = self.begin(writes);
        }
        if let Some(muxer) = &mut self.muxer {
            muxer.finish(end, writes);
        }
    }

    fn finish_length(&self) -> u64 {
        match self.format {
            RecordingFormat::Multipart => MAX_CLOSING_BOUNDARY,
            _ => self.muxer.as_ref().map_or(0, |muxer| muxer.finish_length()),
        }
    }

    fn remove_last(&mut self) -> Option<RemovedSample> {
        let removed = match self.format {
            RecordingFormat::Multipart => self.last_parts.pop()?,
            _ => self.muxer.as_mut()?.remove_last()?,
        };
        self.frames -= u64::from(removed.is_frame);
        Some(removed)
    }

    fn max_time_error(&self) -> Npt {
        self.muxer.as_ref().map_or(Npt::ZERO, |muxer| muxer.max_time_error())
    }
}

/// Returns the clock of which the times of the first frames are ticks: that of the stated rate, or of the usual one
/// that fits best, otherwise one of milliseconds.
fn choose_time_base(times: &[Npt], stated_rate: Option<FrameRate>) -> TimeBase {
    let stated = stated_rate.and_then(TimeBase::from_rate);
    let usual = USUAL_RATES.iter().filter_map(|(ticks, seconds)| TimeBase::new(*ticks, *seconds));
    let max_error = |base: &TimeBase| {
        let mut last = None;
        let mut max = 0;
        for time in times {
            let tick = base.nearest_tick(*time);
            let is_later = last.replace(tick).is_none_or(|last| last < tick);
            max = u64::max(max, base.npt_of(tick).as_micros().abs_diff(time.as_micros()));
            if !is_later || max > MAX_ROUNDING {
                return None;
            }
        }
        Some(max)
    };
    if let Some(stated) = stated.filter(|stated| max_error(stated).is_some()) {
        return stated;
    }
    // One frame fits every clock.
    let usual = usual.filter(|_| times.len() > 1).filter_map(|base| Some((max_error(&base)?, base)));
    usual.min_by_key(|(error, _)| *error).map_or(TimeBase::MILLISECONDS, |(_, base)| base)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the clock for frames at these µs.
    fn chosen(micros: &[u64], stated_rate: Option<FrameRate>) -> (u32, u32) {
        let times: Vec<_> = micros.iter().map(|micros| Npt::from_micros(*micros)).collect();
        choose_time_base(&times, stated_rate).fraction()
    }

    #[test]
    fn frame_with_data_behind_its_jpeg_ends_a_recording_that_would_cut_it() {
        use RecordingFormat::{Avi, Classroom, Mov, Multipart, Raw};
        const SAMPLE: &[u8] = include_bytes!("../../assets/sample.mjpeg");
        let length = std::str::from_utf8(&SAMPLE[..5]).unwrap().parse::<usize>().unwrap();
        let jpeg = &SAMPLE[5..5 + length];
        let written = |format, frame: Vec<u8>| {
            RecordingMuxer::new(format, None).write_frame(frame.into(), Npt::ZERO, &mut Vec::new())
        };
        for (format, cuts) in [(Mov, false), (Avi, false), (Multipart, true), (Classroom, true), (Raw, true)]
        {
            let expected = if cuts { Err(MuxerError::Appendix) } else { Ok(()) };
            assert_eq!(written(format, [jpeg, jpeg].concat()), expected, "{format}");
            assert_eq!(written(format, [jpeg, &[0; 7]].concat()), Ok(()), "{format}: padding");
        }
    }

    #[test]
    fn clock_of_avi_is_that_of_the_rate_or_of_milliseconds() {
        assert_eq!(chosen(&[0, 50_000, 100_000, 200_000], None), (20, 1), "a frame was lost");
        assert_eq!(chosen(&[0, 33_367, 66_733, 100_100], None), (30_000, 1_001));
        assert_eq!(chosen(&[0, 33_333, 66_667, 100_000], None), (30, 1));
        assert_eq!(chosen(&[0, 125_000, 250_000], FrameRate::new(8, 1)), (8, 1), "stated and not usual");
        assert_eq!(chosen(&[0, 33_000, 67_000, 100_000], None), (30, 1), "times in milliseconds");
        assert_eq!(chosen(&[0, 41_234, 83_900, 120_000], None), (1_000, 1));
        assert_eq!(chosen(&[0, 40_000, 80_000], FrameRate::new(20, 1)), (25, 1), "stated wrongly");
        assert_eq!(chosen(&[0], None), (1_000, 1));
    }
}
