//! Position and length of the media, for the time line.

use super::source::Source;
use super::state::Playback;
use crate::backend::Command;
use crate::media::FrameRate;
use crate::media::container::FrameTimes;
use crate::proto::rtsp::Npt;
use crate::session::{Dialect, Goal, RtspState, SessionCommand, SourceUrl};

/// Position and length of the media, for the time line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlaybackPosition {
    /// Position that the user has asked for, or that playback has reached; `None` before the first frame.
    pub elapsed: Option<Npt>,
    /// Position of the frame on the screen, which may be an older one; `None` before the first frame.
    pub shown: Option<Npt>,
    /// Length of the media, or of the part that is indexed; `None` if unknown, as for a live stream.
    pub duration: Option<Npt>,
    /// True while the index of a file is still growing.
    pub is_growing: bool,
    /// Length that the complete media are expected to have while the index is growing; `None` if that is not known.
    pub expected_duration: Option<Npt>,
    /// Number of the frame on the screen, from 1; `None` without a frame or without a known frame rate.
    pub frame_number: Option<u64>,
    /// Number of frames in the media, or in the part that is indexed; `None` if unknown.
    pub frame_count: Option<u64>,
    /// True if the user can seek.
    pub can_seek: bool,
    /// True for a stream without an end.
    pub is_live: bool,
}

/// Returns the number of the frame at a position, from 1.
fn frame_number_at(position: Npt, times: Option<&FrameTimes>, frame_count: Option<u64>) -> Option<u64> {
    // A position that was computed from an RTP timestamp is up to a tick before the time of its frame.
    let position = Npt::from_micros(position.as_micros().saturating_add(RTP_TICK_US));
    times.map(|times| times.frame_at(position).saturating_add(1).min(frame_count.unwrap_or(u64::MAX)))
}

/// Maximum distance of the last shown frame from the end, in µs, at which an ended stream counts as played to its end.
/// The last frames may have been lost.
const END_TOLERANCE_US: u64 = 500_000;

/// Length of an RTP tick, in µs, rounded up.
const RTP_TICK_US: u64 = 12;

impl PlaybackPosition {
    /// Returns the right end of the time line: the expected length while the index is growing, or else the length.
    pub fn line_end(&self) -> Npt {
        let duration = self.duration.unwrap_or_default();
        self.expected_duration.map_or(duration, |expected| expected.max(duration))
    }
}

impl Playback {
    /// Stores the position of the picture that is shown; `None` keeps the previous one.
    pub fn set_picture_position(&mut self, position: Option<Npt>) {
        if position.is_some() {
            self.line_position = position;
            self.picture_position = position;
        }
    }

    /// Seeks. Unless it is playing, a file shows the frame there at once, and a remote stream plays from there later.
    pub fn seek(&mut self, position: Npt) {
        self.resume = None;
        self.has_ended = false;
        self.line_position = Some(position);
        self.send_command(SessionCommand::Seek(position));
        if self.goal != Goal::Playing {
            self.pending_seek = Some(position);
            self.preview(position);
        }
    }

    /// Returns the position at which a paused remote stream will resume, if the frame on the screen is another one.
    /// `None` for a file, which shows the frame at once.
    pub fn pending_position(&self, drag_position: Option<Npt>) -> Option<Npt> {
        let is_off_screen = self.media_info.is_none() && self.goal != Goal::Playing;
        drag_position.or(self.pending_seek).filter(|_| is_off_screen)
    }

    /// Shows the frame of a file at a position without playing; does nothing for a remote stream.
    pub fn preview(&self, position: Npt) {
        if let Some(frame) = self.file_frame_at(position) {
            self.backend.send(Command::Preview(frame));
        }
    }

    /// Shows the frame of a file at a position while it plays, until it plays from another position; does nothing for a
    /// remote stream.
    pub fn scrub(&self, position: Npt) {
        if let Some(frame) = self.file_frame_at(position) {
            self.backend.send(Command::Scrub(frame));
        }
    }

    /// Returns the number of the frame of a file at a position, from 0; `None` for a remote stream, and before a frame
    /// is indexed.
    pub fn file_frame_at(&self, position: Npt) -> Option<u64> {
        let info = self.media_info.as_ref()?;
        Some(info.times.frame_at(position).min(info.progress.frames.checked_sub(1)?))
    }

    /// Returns the number of the frame, from 0, at which a file continues if it is left now: that on the screen, or the
    /// first one after the end. `None` if it is not set up, or not yet where it is to continue.
    pub fn frame_to_leave(&self) -> Option<u64> {
        let is_set_up = self.goal != Goal::Stopped && self.status.state != RtspState::Init;
        let position = self.picture_position.filter(|_| is_set_up && self.resume.is_none())?;
        if self.has_ended { Some(0) } else { self.file_frame_at(position) }
    }

    /// Returns position and length.
    pub fn position(&self) -> PlaybackPosition {
        let times = self.frame_times();
        let described_range = self.presentation.as_ref().and_then(|presentation| presentation.range);
        let (duration, is_growing, frame_count) = match &self.media_info {
            Some(info) => {
                let frames = info.progress.frames;
                (Some(info.times.npt_of(frames)), !info.progress.is_finished(), Some(frames))
            }
            None => {
                let end = described_range.and_then(|range| range.end);
                let frames = end.zip(times.as_ref()).map(|(end, times)| times.first_frame_from(end));
                (end, false, frames)
            }
        };
        let expected_duration = self.media_info.as_ref().filter(|_| is_growing).and_then(|info| {
            let expected = info.progress.expected_frames()?;
            // A rate that is assumed or stated goes on; times that differ are not known yet.
            let duration = info.times.npt_of(info.progress.frames).as_micros();
            let micros =
                u128::from(duration) * u128::from(expected) / u128::from(info.progress.frames.max(1));
            u64::try_from(micros).ok().map(Npt::from_micros)
        });
        let number_at = |position| frame_number_at(position, times.as_ref(), frame_count);
        let frame_number = self.picture_position.and_then(number_at);
        let at_end = |position| self.end_position(position, duration).unwrap_or(position);
        let is_last_frame = frame_number == frame_count;
        let shown = self.picture_position.map(|it| if is_last_frame { at_end(it) } else { it });
        let elapsed = self.line_position.map(at_end);
        // A range without a start ("npt=now-") is that of a live stream, in which there is no seeking.
        let is_live = self.media_info.is_none() && described_range.is_some_and(|range| range.start.is_none());
        let can_seek = duration.is_some() && !is_live && self.status.state != RtspState::Init;
        let is_live = is_live && duration.is_none() && self.is_of_live_source();
        PlaybackPosition {
            elapsed,
            shown,
            duration,
            is_growing,
            expected_duration,
            frame_number,
            frame_count,
            can_seek,
            is_live,
        }
    }

    /// Returns true if single frames can be shown. A remote stream shows a frame only after PLAY.
    pub fn can_step(&self) -> bool {
        self.media_info.is_some() && self.position().can_seek
    }

    /// Returns the number of the frame at a position, from 1; `None` without a known frame rate.
    pub fn frame_number_at(&self, position: Npt) -> Option<u64> {
        frame_number_at(position, self.frame_times().as_ref(), self.position().frame_count)
    }

    /// Returns true if a range without a start means a live stream. Classroom servers state no range, and have films.
    fn is_of_live_source(&self) -> bool {
        let is_classroom = |url: &SourceUrl| url.dialect() == Dialect::Classroom;
        matches!(self.source(), Some(Source::Stream(url, _)) if !is_classroom(url))
    }

    /// Returns the duration as the position if the stream has ended near it. A file that could not be read to its end
    /// stops earlier.
    fn end_position(&self, position: Npt, duration: Option<Npt>) -> Option<Npt> {
        let remaining = duration?.as_micros().saturating_sub(position.as_micros());
        duration.filter(|_| self.has_ended && remaining <= END_TOLERANCE_US)
    }

    /// Returns the times of the file's frames, or those of the rate that the server has described; `None` if neither is
    /// known.
    pub fn frame_times(&self) -> Option<FrameTimes> {
        let described = || {
            let rate = self.presentation.as_ref()?.frame_rate?;
            rate.to_string().parse().ok().map(FrameTimes::Assumed)
        };
        self.media_info.as_ref().map(|info| info.times.clone()).or_else(described)
    }

    /// Returns the frame rate of a film on this machine that states none; `None` for all other media.
    pub fn assumed_rate(&self) -> Option<FrameRate> {
        match self.media_info.as_ref()?.times {
            FrameTimes::Assumed(rate) => Some(rate),
            FrameTimes::Stated(_) => None,
        }
    }
}
