//! The pointer over the time line, and the picture of the frame there.

use super::state::App;
use super::time_line::{Action, HoverCardContent, HoverPicture, TimeLine};
use crate::backend::{Command, Thumbnail, ThumbnailRequest};
use crate::proto::rtsp::Npt;

impl App {
    pub(super) fn handle_time_line(&mut self, action: Action) {
        match action {
            Action::Drag(position) => self.drag_time_line(position),
            Action::Release => self.release_time_line(),
            Action::Scroll(delta) => self.scroll_time_line(delta),
            Action::Hover(position) => self.hover_time_line(position),
            Action::ToggleRemaining => {
                self.time_line_input.shows_remaining = !self.time_line_input.shows_remaining
            }
        }
    }

    fn hover_time_line(&mut self, position: Option<Npt>) {
        self.time_line_input.hover.position = position;
        if let Some(position) = position.or(self.time_line_input.drag) {
            self.request_thumbnail(position);
        }
    }

    /// Requests the picture of the frame at a position of a file, unless it was the last one.
    pub(super) fn request_thumbnail(&mut self, position: Npt) {
        let Some(frame) = self.playback.file_frame_at(position) else { return };
        let request = ThumbnailRequest { frame, orientation: self.orientation };
        if self.time_line_input.hover.requested.replace(request) != Some(request) {
            self.backend.send(Command::Thumbnail(request));
        }
    }

    pub(super) fn handle_thumbnail(&mut self, generation: u64, thumbnail: &Thumbnail) {
        if generation == self.playback.generation() {
            self.time_line_input.hover.picture = Some(HoverPicture::new(thumbnail));
        }
    }

    /// Returns the state of the time line.
    pub(super) fn time_line(&self) -> TimeLine {
        // Nothing lies over a dialog or a menu.
        let is_covered = self.dialog.is_some() || self.menu.is_some();
        let position =
            self.time_line_input.drag.or(self.time_line_input.hover.position).filter(|_| !is_covered);
        let card = position.map(|position| HoverCardContent {
            position,
            frame: self.playback.frame_number_at(position),
            is_indexed: self.playback.position().duration.is_none_or(|end| position <= end),
            picture: self.time_line_input.hover.picture.clone(),
        });
        TimeLine {
            drag: self.time_line_input.drag,
            shows_remaining: self.time_line_input.shows_remaining,
            card,
        }
    }
}
