//! Size of the window when it opens.

use iced::Size;

/// Size of a window on a monitor that is large enough, in logical pixels.
pub const INITIAL_SIZE: Size = Size::new(900.0, 640.0);

/// Minimum size of the window, in logical pixels.
pub const MIN_SIZE: Size = Size::new(640.0, 420.0);

/// Part of the monitor that stays free, for the edges of the window and the bars of the desktop, in logical pixels.
const MARGIN: f32 = 64.0;

/// Returns the size that makes a new window fit on a monitor of this size, not below the minimum; `None` if it fits
/// already.
pub fn size_on(monitor: Size) -> Option<Size> {
    let fit = |initial: f32, min: f32, monitor: f32| initial.min(monitor - MARGIN).max(min);
    let size = Size::new(
        fit(INITIAL_SIZE.width, MIN_SIZE.width, monitor.width),
        fit(INITIAL_SIZE.height, MIN_SIZE.height, monitor.height),
    );
    (size != INITIAL_SIZE).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_window_fits_on_its_monitor() {
        assert_eq!(size_on(Size::new(1_920.0, 1_080.0)), None);
        // 1920×1080 pixels at a scale of 200 %.
        assert_eq!(size_on(Size::new(960.0, 540.0)), Some(Size::new(896.0, 476.0)));
        assert_eq!(size_on(Size::new(1_080.0, 600.0)), Some(Size::new(900.0, 536.0)));
        assert_eq!(size_on(Size::new(320.0, 240.0)), Some(MIN_SIZE));
    }
}
