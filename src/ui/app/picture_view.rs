//! Size, rotation and reflection of the picture.

use iced::Task;

use super::message::Message;
use super::picture_action::PictureAction;
use super::playback::Source;
use super::state::App;
use crate::session::{Orientation, PictureView};

impl App {
    pub(super) fn handle_picture_action(&mut self, action: PictureAction) -> Task<Message> {
        match action {
            PictureAction::SetSize(size) => {
                self.settings.picture_size = size;
                self.apply_picture_view();
                self.save_settings()
            }
            PictureAction::Rotate => self.set_orientation(self.orientation.rotated()),
            PictureAction::Flip => self.set_orientation(self.orientation.flipped()),
        }
    }

    /// Turns the picture, now and when the film is opened again.
    fn set_orientation(&mut self, orientation: Orientation) -> Task<Message> {
        if self.playback.source().is_none() {
            return Task::none();
        }
        self.orientation = orientation;
        self.apply_picture_view();
        match self.playback.source().and_then(Source::file_path) {
            Some(path) => {
                self.settings.change_film(path, |film| film.orientation = orientation);
                self.save_settings()
            }
            None => Task::none(),
        }
    }

    /// Turns the picture of the film or stream that was just opened as it was turned before.
    pub(super) fn restore_orientation(&mut self) {
        let path = self.playback.source().and_then(Source::file_path);
        self.orientation = path.map_or(Orientation::default(), |path| self.settings.film(&path).orientation);
        self.apply_picture_view();
    }

    pub(super) fn apply_picture_view(&self) {
        if let Some(decoder) = &self.decoder {
            decoder
                .set_view(PictureView { scaling: self.settings.picture_size, orientation: self.orientation });
        }
    }

    /// Returns true if an action describes how the picture is shown.
    pub(super) fn is_picture_action_on(&self, action: PictureAction) -> bool {
        match action {
            PictureAction::SetSize(size) => size == self.settings.picture_size,
            PictureAction::Rotate => self.orientation.degrees() != 0,
            PictureAction::Flip => self.orientation.is_flipped(),
        }
    }
}
