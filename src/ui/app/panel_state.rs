//! State of the open panels, and the drag of their edge.

use std::cell::Cell;

use iced::Size;

use super::window_size::INITIAL_SIZE;
use crate::settings::PanelKind;

/// State of the panels that is not saved; the settings hold the rest.
#[derive(Debug)]
pub struct Panels {
    /// Open panels of the lesson layout, the last one was opened last.
    pub lesson: Vec<PanelKind>,
    /// Open panels of full screen, the last one was opened last.
    pub fullscreen: Vec<PanelKind>,
    /// Size of the window in logical pixels when the view was laid out last.
    pub window: Cell<Size>,
}

impl Default for Panels {
    fn default() -> Self {
        Self { lesson: lesson_panels(), fullscreen: Vec::new(), window: Cell::new(INITIAL_SIZE) }
    }
}

/// Returns the panels that the lesson layout opens. The last one is visible where there is space for one.
pub fn lesson_panels() -> Vec<PanelKind> {
    PanelKind::ALL.into_iter().rev().collect()
}

/// Drag of the edge of the panels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum EdgeAction {
    /// The edge is at this x coordinate of the window, in logical pixels.
    Drag(f32),
    /// The edge was released.
    Release,
}
