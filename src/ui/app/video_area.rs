//! Size of the video area, and full screen.

use std::time::Duration;

use iced::{Size, Task, window};

use super::message::Message;
use super::state::App;
use crate::ui::widget::video;

/// Time that the controls stay visible in full screen after the pointer has moved.
const CONTROLS_TIMEOUT: Duration = Duration::from_secs(3);

impl App {
    /// Returns the physical pixels per pixel of the layout: the factor of the system and that of the user.
    pub(super) fn pixel_ratio(&self) -> f32 {
        self.window.scale_factor * self.interface_scale()
    }

    /// Stores the size of the video area, in logical pixels, and passes it to the decoder in physical pixels.
    pub(super) fn set_video_area(&mut self, area: Size) {
        self.video_area = area;
        if let Some(decoder) = &self.decoder {
            // The area is empty before the first layout.
            decoder.set_scaler(self.scaler);
            let is_known = area.width >= 1.0 && area.height >= 1.0;
            decoder.set_area(is_known.then(|| video::physical_size(area, self.pixel_ratio())));
        }
    }

    /// Asks the system whether the window is minimized.
    pub(super) fn check_minimized(&self) -> Task<Message> {
        self.window.id.map_or_else(Task::none, |id| window::is_minimized(id).map(Message::Minimized))
    }

    /// Stops decoding while the window is minimized.
    pub(super) fn set_minimized(&mut self, is_minimized: bool) {
        self.window.is_minimized = is_minimized;
        if let Some(decoder) = &self.decoder {
            decoder.set_hidden(is_minimized);
        }
    }

    /// Switches between window and full screen; does nothing on the start screen.
    pub(super) fn toggle_fullscreen(&mut self) -> Task<Message> {
        let Some(id) = self.window.id.filter(|_| self.playback.source().is_some()) else {
            return Task::none();
        };
        // The bar moves to another place, where the time line is not held.
        self.release_time_line();
        self.window.is_fullscreen = !self.window.is_fullscreen;
        self.window.pointer_moved_at = None;
        self.close_fullscreen_panels();
        let mode = if self.window.is_fullscreen { window::Mode::Fullscreen } else { window::Mode::Windowed };
        window::set_mode(id, mode)
    }

    /// Returns true if the controls are shown over the video: in full screen, while the pointer moves or the time line
    /// is dragged.
    pub(super) fn has_overlay_controls(&self) -> bool {
        let idle = self.window.pointer_moved_at.map(|moved| self.now.saturating_duration_since(moved));
        let is_pointer_active =
            self.time_line_input.drag.is_some() || idle.is_some_and(|idle| idle < CONTROLS_TIMEOUT);
        self.window.is_fullscreen && is_pointer_active
    }
}
