//! State of the window itself.

use std::time::Instant;

use iced::window;

use super::window_place::PlaceState;

/// State of the window itself, as the system tells it.
#[derive(Debug)]
pub struct WindowState {
    /// Window of the toolkit; `None` before it opens.
    pub id: Option<window::Id>,
    /// Knowledge of its place.
    pub place: PlaceState,
    /// Physical pixels per logical pixel of the system.
    pub scale_factor: f32,
    /// The window fills the screen.
    pub is_fullscreen: bool,
    /// The window was minimized when it was last checked.
    pub is_minimized: bool,
    /// Time of the last movement of the pointer, or use of the controls by keys, in full screen.
    pub pointer_moved_at: Option<Instant>,
}

impl Default for WindowState {
    fn default() -> Self {
        Self {
            id: None,
            place: PlaceState::default(),
            scale_factor: 1.0,
            is_fullscreen: false,
            is_minimized: false,
            pointer_moved_at: None,
        }
    }
}
