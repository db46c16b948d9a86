//! Size and place of the window from one start to the next: what is remembered of them.

use iced::window::Mode;
use iced::{Point, Size};

use super::window_size::{INITIAL_SIZE, position_on};
use crate::settings::{Settings, WindowSettings};

/// Place of the window, as the system tells it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WindowPlace {
    /// Size of the content, in logical pixels of the view.
    pub size: Size,
    /// Upper left corner of the frame, in logical points; `None` if the system does not tell.
    pub position: Option<Point>,
    /// Size of the monitor, in logical pixels of the view; `None` if the system does not tell.
    pub monitor: Option<Size>,
    /// The window is maximized.
    pub is_maximized: bool,
    /// The window is minimized; `None` if the system does not tell.
    pub is_minimized: Option<bool>,
    /// Window, full screen, or hidden.
    pub mode: Mode,
}

/// Knowledge of the place of the window while it is open.
#[derive(Debug, Default)]
pub struct PlaceState {
    /// The window has changed since it was asked for its place.
    pub is_changed: bool,
    /// The program ends when the place is known and saved.
    pub is_closing: bool,
}

/// Returns the size and the place of a window with these settings, in logical pixels of the view and in logical points.
pub fn initial_place(settings: &Settings) -> (Size, Option<Point>) {
    let scale = scale_of(settings);
    let size = settings
        .window
        .size
        .map_or(INITIAL_SIZE, |(width, height)| Size::new(width as f32 / scale, height as f32 / scale));
    (size, settings.window.position.map(|(x, y)| Point::new(x as f32, y as f32)))
}

/// Returns the size of text and controls, as a factor from 1.
pub fn scale_of(settings: &Settings) -> f32 {
    f32::from(settings.interface_scale.max(1)) / 100.0
}

/// Returns what is remembered of a place. Of a window that is maximized or in full screen, the size and the position
/// from before are kept; of a minimized one, everything.
pub fn remembered(before: WindowSettings, place: WindowPlace, scale: f32) -> WindowSettings {
    if place.is_minimized == Some(true) || place.mode == Mode::Hidden {
        return before;
    }
    if place.mode == Mode::Fullscreen {
        return before;
    }
    if place.is_maximized {
        return WindowSettings { is_maximized: true, ..before };
    }
    let size = place.size * scale;
    let position = place.position.zip(place.monitor);
    let position = position.and_then(|(position, monitor)| position_on(monitor * scale, position, size));
    WindowSettings {
        size: Some((size.width.round() as u32, size.height.round() as u32)),
        position: position.map(|position| (position.x.round() as i32, position.y.round() as i32)),
        is_maximized: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: WindowSettings =
        WindowSettings { size: Some((1_000, 700)), position: Some((30, 40)), is_maximized: false };

    fn place(width: f32, x: f32) -> WindowPlace {
        WindowPlace {
            size: Size::new(width, 500.0),
            position: Some(Point::new(x, 20.0)),
            monitor: Some(Size::new(1_920.0, 1_080.0)),
            is_maximized: false,
            is_minimized: Some(false),
            mode: Mode::Windowed,
        }
    }

    #[test]
    fn size_and_place_of_an_ordinary_window_are_remembered() {
        let moved = remembered(BEFORE, place(800.0, 60.0), 1.0);
        assert_eq!(
            moved,
            WindowSettings { size: Some((800, 500)), position: Some((60, 20)), is_maximized: false }
        );
        // On Wayland there is no position.
        let unknown = WindowPlace { position: None, is_minimized: None, ..place(800.0, 0.0) };
        assert_eq!(remembered(BEFORE, unknown, 1.0).position, None);
        assert_eq!(remembered(BEFORE, place(800.0, 2_500.0), 1.0).position, None, "another monitor");
        let maximized = WindowSettings { is_maximized: true, ..BEFORE };
        assert!(!remembered(maximized, place(800.0, 60.0), 1.0).is_maximized);
    }

    #[test]
    fn maximized_minimized_and_full_screen_windows_keep_the_ordinary_size() {
        let maximized = WindowPlace { is_maximized: true, ..place(1_920.0, 0.0) };
        assert_eq!(remembered(BEFORE, maximized, 1.0), WindowSettings { is_maximized: true, ..BEFORE });
        let fullscreen = WindowPlace { mode: Mode::Fullscreen, ..place(1_920.0, 0.0) };
        assert_eq!(remembered(BEFORE, fullscreen, 1.0), BEFORE);
        let minimized = WindowPlace { is_minimized: Some(true), ..place(1.0, -32_000.0) };
        assert_eq!(remembered(BEFORE, minimized, 1.0), BEFORE);
    }

    #[test]
    fn enlarged_text_does_not_change_the_size_of_the_window() {
        let settings = Settings { interface_scale: 150, window: BEFORE, ..Settings::default() };
        let (size, position) = initial_place(&settings);
        assert_eq!((size.width.round(), position), (667.0, Some(Point::new(30.0, 40.0))));
        let monitor = Some(Size::new(1_280.0, 720.0));
        let shown = WindowPlace { size, position, monitor, ..place(0.0, 0.0) };
        assert_eq!(remembered(WindowSettings::default(), shown, 1.5), BEFORE);
    }
}
