//! Index of the frames of a film: position, length and time of each, in the order in which they are shown.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use super::demuxer::FrameEntry;
use crate::media::frame_rate::FrameRate;
use crate::proto::rtsp::Npt;

/// Frames of a film, shared by everything that plays it; grows while the file is read.
///
/// No two frames have the same time, because frames with the same RTP timestamp would be taken for one: a frame is at
/// least an RTP tick later than the one before it.
#[derive(Debug)]
pub struct FrameIndex {
    /// Rate that the file states, or the assumed one.
    rate: FrameRate,
    frames: RwLock<Frames>,
}

#[derive(Debug, Default)]
struct Frames {
    entries: Vec<FrameEntry>,
    /// End of the last frame.
    end: Npt,
}

/// Minimum time between two frames, in µs: the length of an RTP tick, rounded up.
const MIN_INTERVAL: u64 = 12;

/// Relative difference between the mean rate and the stated one, below which they are the same.
const RATE_TOLERANCE: f64 = 0.001;

impl FrameIndex {
    /// Creates an empty index of a film with this rate.
    pub fn new(rate: FrameRate) -> Self {
        Self { rate, frames: RwLock::default() }
    }

    fn frames(&self) -> RwLockReadGuard<'_, Frames> {
        self.frames.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves entries into the index. `end` is the end of the last one. Returns the number of frames in the index.
    pub fn append(&self, entries: &mut Vec<FrameEntry>, end: Npt) -> usize {
        let mut frames = self.frames.write().unwrap_or_else(PoisonError::into_inner);
        for mut entry in entries.drain(..) {
            if let Some(last) = frames.entries.last() {
                entry.time = entry.time.max(later(last.time, MIN_INTERVAL));
            }
            frames.entries.push(entry);
        }
        if let Some(last) = frames.entries.last() {
            frames.end = end.max(later(last.time, MIN_INTERVAL));
        }
        frames.entries.len()
    }

    /// Returns the number of frames.
    pub fn len(&self) -> usize {
        self.frames().entries.len()
    }

    /// Returns true if the index has no frame.
    pub fn is_empty(&self) -> bool {
        self.frames().entries.is_empty()
    }

    /// Returns the entry of a frame, by its number from 0; `None` if it is not in the index.
    pub fn entry(&self, frame: u64) -> Option<FrameEntry> {
        self.frames().entries.get(usize::try_from(frame).ok()?).copied()
    }

    /// Returns the frame that is last in the file; `None` without frames.
    pub fn last_entry(&self) -> Option<FrameEntry> {
        self.frames().entries.last().copied()
    }

    /// Returns the end of the frame that is last in the file, in bytes from the start of the file; 0 without frames.
    pub fn end_offset(&self) -> u64 {
        let frames = self.frames();
        frames.entries.last().map_or(0, |last| last.offset + u64::from(last.length))
    }

    /// Returns the rate of the film: the stated one, or the mean rate if the intervals of the frames differ from it.
    pub fn rate(&self) -> FrameRate {
        let frames = self.frames();
        let Some(first) = frames.entries.first() else { return self.rate };
        let seconds = Npt::from_micros(frames.end.as_micros() - first.time.as_micros()).as_secs_f64();
        let mean = frames.entries.len() as f64 / seconds;
        let is_stated = (mean / self.rate.as_f64() - 1.0).abs() < RATE_TOLERANCE || frames.entries.len() < 2;
        let measured = || FrameRate::new((mean * 1_000.0).round() as u32, 1_000);
        if is_stated { self.rate } else { measured().unwrap_or(self.rate) }
    }

    /// Returns the time of a frame. The time after the last frame is its end; later frames are estimated by the rate.
    pub fn npt_of(&self, frame: u64) -> Npt {
        let frames = self.frames();
        match usize::try_from(frame).ok().and_then(|frame| frames.entries.get(frame)) {
            Some(entry) => entry.time,
            None => {
                let beyond = self.rate.npt_of(frame - frames.entries.len() as u64);
                later(frames.end, beyond.as_micros())
            }
        }
    }

    /// Returns the number of the frame that is shown at a position. A position after the end gives the number of a
    /// frame that is not in the index.
    pub fn frame_at(&self, position: Npt) -> u64 {
        let frames = self.frames();
        let count = frames.entries.len() as u64;
        if position >= frames.end {
            let beyond = position.as_micros() - frames.end.as_micros();
            return count.saturating_add(self.rate.frame_at(Npt::from_micros(beyond)));
        }
        let started = frames.entries.partition_point(|entry| entry.time <= position) as u64;
        started.saturating_sub(1)
    }

    /// Returns the number of the first frame that begins at or after a position.
    pub fn first_frame_from(&self, position: Npt) -> u64 {
        let frame = self.frame_at(position);
        if self.npt_of(frame) < position { frame + 1 } else { frame }
    }
}

fn later(time: Npt, micros: u64) -> Npt {
    Npt::from_micros(time.as_micros().saturating_add(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(times: &[u64], end: u64) -> FrameIndex {
        let index = FrameIndex::new(FrameRate::per_second(10));
        let entry = |time: &u64| FrameEntry { offset: 0, length: 4, time: Npt::from_micros(*time) };
        index.append(&mut times.iter().map(entry).collect(), Npt::from_micros(end));
        index
    }

    #[test]
    fn positions_follow_the_times_of_the_frames() {
        let index = index(&[500_000, 600_000, 2_000_000], 2_100_000);
        let at = |micros| index.frame_at(Npt::from_micros(micros));
        assert_eq!([0, 499_999, 599_999, 600_000, 1_999_999, 2_000_000].map(at), [0, 0, 0, 1, 1, 2]);
        assert_eq!([2_100_000, 2_199_999, 2_200_000].map(at), [3, 3, 4], "after the end");
        let from = |micros| index.first_frame_from(Npt::from_micros(micros));
        assert_eq!([0, 500_000, 500_001, 2_000_000, 2_000_001].map(from), [0, 0, 1, 2, 3]);
        assert_eq!(
            [0, 2, 3, 5].map(|frame| index.npt_of(frame).as_micros()),
            [500_000, 2_000_000, 2_100_000, 2_300_000]
        );
    }

    #[test]
    fn frames_of_the_same_time_are_an_rtp_tick_apart() {
        let index = index(&[7, 7, 3, 1_000], 5);
        assert_eq!([0, 1, 2, 3, 4].map(|frame| index.npt_of(frame).as_micros()), [7, 19, 31, 1_000, 1_012]);
    }

    #[test]
    fn rate_is_the_mean_if_it_differs_from_the_stated_one() {
        assert_eq!(index(&[0, 100_000, 200_000], 300_000).rate(), FrameRate::per_second(10));
        assert_eq!(index(&[0, 100_000, 200_000], 600_000).rate(), FrameRate::per_second(5));
        assert_eq!(index(&[], 0).rate(), FrameRate::per_second(10));
    }
}
