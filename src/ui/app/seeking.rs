//! Seeking by the time line, by the mouse wheel over it, and by keys.

use iced::mouse::ScrollDelta;

use super::playback::Button;
use super::state::App;
use crate::proto::rtsp::Npt;
use crate::session::Goal;

/// Seconds by which one line of the mouse wheel seeks.
const SECONDS_PER_LINE: f32 = 5.0;

/// Maximum movement of the wheel in one event, in lines.
const MAX_LINES: f32 = 10.0;

/// Distance on a touch pad, in logical pixels, that counts as one line.
const PIXELS_PER_LINE: f32 = 40.0;

/// Distance between the end of a stream and the position that the key End seeks to, in µs.
const END_DISTANCE_US: u64 = 1_000_000;

impl App {
    /// Moves the handle of the time line; a file shows the frame there, whether it plays or not.
    pub(super) fn drag_time_line(&mut self, position: Npt) {
        if self.playback.position().can_seek {
            // Beyond the part that is indexed, nothing can be shown yet.
            let position = self.playback.position().duration.map_or(position, |end| position.min(end));
            self.time_line_input.drag = Some(position);
            self.request_thumbnail(position);
            match self.playback.goal() {
                Goal::Playing => self.playback.scrub(position),
                _ => self.playback.preview(position),
            }
        }
    }

    /// Seeks to the position of the handle.
    pub(super) fn release_time_line(&mut self) {
        if let Some(position) = self.time_line_input.drag.take() {
            self.playback.seek(self.clamp_to_last_frame(position));
        }
    }

    /// Seeks by this many seconds, backward if negative. Skipping beyond the end of ended media does nothing.
    pub(super) fn skip(&mut self, seconds: i8) {
        let position = self.playback.position();
        if let (Some(elapsed), true) = (position.elapsed, position.can_seek) {
            let step = u64::from(seconds.unsigned_abs()) * 1_000_000;
            let micros = elapsed.as_micros();
            let target = if seconds < 0 { micros.saturating_sub(step) } else { micros.saturating_add(step) };
            let is_beyond_end = position.duration.is_some_and(|end| target >= end.as_micros());
            if seconds > 0 && self.playback.has_ended() && is_beyond_end {
                return;
            }
            self.playback.seek(self.clamp_to_last_frame(Npt::from_micros(target)));
        }
    }

    /// Shows the next frame, or the previous one. A film that is playing is paused.
    pub(super) fn step(&mut self, towards_end: bool) {
        let (position, times) = (self.playback.position(), self.playback.frame_times());
        let number = position.elapsed.and_then(|elapsed| self.playback.frame_number_at(elapsed));
        let (Some(number), Some(times), true) = (number, times, self.playback.can_step()) else { return };
        if self.playback.goal() == Goal::Playing {
            self.playback.press(Button::Pause, self.settings.controls);
        }
        let last = position.frame_count.unwrap_or(number).saturating_sub(1);
        let target = if towards_end { number.min(last) } else { number.saturating_sub(2) };
        if target != number.saturating_sub(1) {
            self.playback.seek(times.npt_of(target));
        }
    }

    /// Seeks to the first frame.
    pub(super) fn seek_to_start(&mut self) {
        if self.playback.position().can_seek {
            self.playback.seek(Npt::from_micros(0));
        }
    }

    /// Seeks to the last frame, or to shortly before the end if its position is not known.
    pub(super) fn seek_to_end(&mut self) {
        let position = self.playback.position();
        let Some(end) = position.duration.filter(|_| position.can_seek && !self.playback.has_ended()) else {
            return;
        };
        let target = match position.frame_count {
            Some(_) => end,
            None => Npt::from_micros(end.as_micros().saturating_sub(END_DISTANCE_US)),
        };
        self.playback.seek(self.clamp_to_last_frame(target));
    }

    /// Seeks by the movement of the mouse wheel, forward if the wheel is moved away from the user.
    pub(super) fn scroll_time_line(&mut self, delta: ScrollDelta) {
        let lines = match delta {
            ScrollDelta::Lines { y, .. } => y,
            ScrollDelta::Pixels { y, .. } => y / PIXELS_PER_LINE,
        };
        let scrolled = (self.time_line_input.scrolled_lines + lines).clamp(-MAX_LINES, MAX_LINES);
        self.time_line_input.scrolled_lines = scrolled.fract();
        let seconds = (scrolled.trunc() * SECONDS_PER_LINE) as i8;
        if seconds != 0 {
            self.skip(seconds);
        }
    }

    /// Limits a position to that of the last frame. The duration is the end of that frame, where there is none to show.
    fn clamp_to_last_frame(&self, position: Npt) -> Npt {
        match (self.playback.frame_times(), self.playback.position().frame_count) {
            (Some(times), Some(frames)) => position.min(times.npt_of(frames.saturating_sub(1))),
            _ => position,
        }
    }
}
