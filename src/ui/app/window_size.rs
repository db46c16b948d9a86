//! Size and place of the window when it opens, and their limits.

use iced::{Point, Size};

/// Size of a window on a monitor that is large enough, in logical pixels.
pub const INITIAL_SIZE: Size = Size::new(900.0, 640.0);

/// Minimum size of the window, in logical pixels.
pub const MIN_SIZE: Size = Size::new(640.0, 420.0);

/// Part of the monitor that stays free, for the edges of the window and the bars of the desktop, in logical pixels.
const MARGIN: f32 = 64.0;

/// Returns the size of a window on a monitor of this size, for one that has opened with the wanted size, but at least
/// with [`MIN_SIZE`]; `None` if it has it. A size that is remembered may take the space of the bars of the desktop, as
/// it did before.
pub fn size_on(monitor: Size, wanted: Size, is_remembered: bool) -> Option<Size> {
    let has_space = wanted.width <= monitor.width && wanted.height <= monitor.height;
    let size = if is_remembered && has_space { wanted } else { within(monitor, wanted) };
    let size = at_least(size, within(monitor, MIN_SIZE));
    (size != at_least(wanted, MIN_SIZE)).then_some(size)
}

fn at_least(size: Size, min: Size) -> Size {
    Size::new(size.width.max(min.width), size.height.max(min.height))
}

/// Returns a size, reduced to what a monitor of this size has space for.
fn within(monitor: Size, size: Size) -> Size {
    let fit = |size: f32, monitor: f32| size.min((monitor - MARGIN).max(0.0));
    Size::new(fit(size.width, monitor.width), fit(size.height, monitor.height))
}

/// Returns the minimum size of a window on a monitor of this size, and the size to which one of this size is to be
/// enlarged, `None` if it is large enough. Both are in pixels of the view, of which a larger scale leaves fewer.
pub fn sizes_after_scaling(size: Size, monitor: Option<Size>) -> (Size, Option<Size>) {
    let min = monitor.map_or(MIN_SIZE, |monitor| within(monitor, MIN_SIZE));
    let enlarged = at_least(size, min);
    (min, (enlarged != size).then_some(enlarged))
}

/// Returns the upper left corner at which a window of this size is on a monitor that begins at the origin; `None` if
/// that corner is outside of it, on another monitor.
pub fn position_on(monitor: Size, position: Point, size: Size) -> Option<Point> {
    let fit = |position: f32, size: f32, monitor: f32| {
        let is_on = position < monitor && position > -size;
        is_on.then(|| position.min(monitor - size).max(0.0))
    };
    let x = fit(position.x, size.width, monitor.width)?;
    Some(Point::new(x, fit(position.y, size.height, monitor.height)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_window_fits_on_its_monitor() {
        let size_on = |width, height| super::size_on(Size::new(width, height), INITIAL_SIZE, false);
        assert_eq!(size_on(1_920.0, 1_080.0), None);
        // 1920×1080 pixels at a scale of 200 %.
        assert_eq!(size_on(960.0, 540.0), Some(Size::new(896.0, 476.0)));
        assert_eq!(size_on(1_080.0, 600.0), Some(Size::new(900.0, 536.0)));
        // 1280×800 pixels at a scale of 200 %: less than the minimum, so that nothing is off the screen.
        assert_eq!(size_on(640.0, 400.0), Some(Size::new(576.0, 336.0)));
    }

    #[test]
    fn remembered_window_has_its_size_again() {
        let size_on = |monitor: (f32, f32), wanted: (f32, f32)| {
            super::size_on(Size::new(monitor.0, monitor.1), Size::new(wanted.0, wanted.1), true)
        };
        // 1366×768 pixels at a scale of 200 %. The window has opened with the usual minimum.
        let small = (683.0, 384.0);
        assert_eq!(size_on(small, (619.0, 320.0)), Some(Size::new(619.0, 320.0)));
        assert_eq!(size_on(small, (640.0, 420.0)), Some(Size::new(619.0, 320.0)));
        // Almost the whole monitor.
        assert_eq!(size_on((1_920.0, 1_080.0), (1_910.0, 1_050.0)), None);
        assert_eq!(size_on((1_920.0, 1_080.0), (320.0, 210.0)), None, "it has opened with the minimum");
    }

    #[test]
    fn larger_text_enlarges_a_window_that_is_too_small_for_it() {
        let monitor = Some(Size::new(960.0, 540.0));
        let after = |width, height, monitor| sizes_after_scaling(Size::new(width, height), monitor);
        assert_eq!(after(320.0, 210.0, monitor), (MIN_SIZE, Some(MIN_SIZE)));
        assert_eq!(after(800.0, 300.0, None), (MIN_SIZE, Some(Size::new(800.0, 420.0))));
        assert_eq!(after(700.0, 500.0, monitor), (MIN_SIZE, None));
        let small = Size::new(512.0, 384.0);
        let fitting = Size::new(448.0, 320.0);
        assert_eq!(after(320.0, 210.0, Some(small)), (fitting, Some(fitting)), "smaller than the monitor");
    }

    #[test]
    fn remembered_window_is_never_off_the_screen() {
        let (monitor, size) = (Size::new(1_920.0, 1_080.0), Size::new(1_000.0, 700.0));
        let place = |x, y| position_on(monitor, Point::new(x, y), size);
        assert_eq!(place(300.0, 200.0), Some(Point::new(300.0, 200.0)));
        assert_eq!(place(1_500.0, 900.0), Some(Point::new(920.0, 380.0)));
        assert_eq!(place(-400.0, -20.0), Some(Point::new(0.0, 0.0)));
        assert_eq!((place(1_920.0, 200.0), place(-1_000.0, 200.0)), (None, None), "another monitor");
        // A monitor that is smaller than the window.
        let small = position_on(Size::new(640.0, 480.0), Point::new(10.0, 10.0), size);
        assert_eq!(small, Some(Point::ORIGIN));
        assert_eq!(super::size_on(Size::new(1_024.0, 768.0), size, false), Some(Size::new(960.0, 700.0)));
    }
}
