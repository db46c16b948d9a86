//! Arrangement of the open panels: which of them are visible, and where.

use iced::Size;

use crate::settings::{MAX_PANEL_WIDTH, MIN_PANEL_WIDTH, PanelKind};

/// Width of the window from which two panels are visible, one above the other, in logical pixels.
const MIN_WIDTH_OF_STACK: f32 = 1_200.0;

/// Width of the window from which panels are side by side, in logical pixels.
const MIN_WIDTH_OF_COLUMNS: f32 = 1_600.0;

/// Minimum width of the picture beside one column of panels, in logical pixels.
const MIN_PICTURE_WIDTH: f32 = 320.0;

/// Minimum width of the picture beside several columns of panels, in logical pixels.
const MIN_PICTURE_WIDTH_OF_COLUMNS: f32 = 480.0;

/// Minimum height of a panel above or below another one, in logical pixels.
const MIN_STACKED_HEIGHT: f32 = 200.0;

/// Height of header, controls and status bar together, in logical pixels.
pub const BARS_HEIGHT: f32 = 180.0;

/// Minimum size of a window for the lesson layout, in logical pixels.
const MIN_LESSON_SIZE: Size = Size::new(900.0, 560.0);

/// Width of the window from which the panels of the lesson layout are beside the picture, not below it, in logical
/// pixels.
const MIN_WIDTH_BESIDE: f32 = 1_600.0;

/// Visible panels and their place.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrangement {
    /// Panels at the right of the picture, in columns from left to right, each from top to bottom. No column is empty.
    Columns {
        /// Panels of each column.
        columns: Vec<Vec<PanelKind>>,
        /// Width of a column in logical pixels.
        width: f32,
    },
    /// Panels in a row below a small picture.
    Below(Vec<PanelKind>),
    /// Panels in a row beside a small picture.
    Beside(Vec<PanelKind>),
}

impl Arrangement {
    /// Arranges the open panels in a window of this size. `open` is in the order in which they were opened; of those
    /// for which there is no space, the ones that were opened last are visible. `width` is that of a column.
    pub fn new(open: &[PanelKind], window: Size, width: f32, is_lesson: bool) -> Self {
        let is_lesson_visible =
            window.width >= MIN_LESSON_SIZE.width && window.height >= MIN_LESSON_SIZE.height;
        match is_lesson && is_lesson_visible {
            true if window.width >= MIN_WIDTH_BESIDE => Self::Beside(in_order(open)),
            true => Self::Below(in_order(open)),
            false => Self::in_columns(open, window, width),
        }
    }

    fn in_columns(open: &[PanelKind], window: Size, width: f32) -> Self {
        let max_columns = match window.width >= MIN_WIDTH_OF_COLUMNS {
            true => (((window.width - MIN_PICTURE_WIDTH_OF_COLUMNS) / width) as usize).max(1),
            false => 1,
        };
        let can_stack =
            window.width >= MIN_WIDTH_OF_STACK && window.height - BARS_HEIGHT >= 2.0 * MIN_STACKED_HEIGHT;
        let max_rows = if can_stack { 2 } else { 1 };
        let mut visible = in_order(&open[open.len().saturating_sub(max_columns * max_rows)..]);
        let mut columns = Vec::new();
        while !visible.is_empty() {
            // The last columns have two panels where there are more panels than columns.
            let is_single = visible.len() <= max_columns - columns.len() || columns.len() + 1 < max_columns;
            let rest = visible.split_off(if is_single { 1 } else { visible.len().min(max_rows) });
            columns.push(std::mem::replace(&mut visible, rest));
        }
        Self::Columns { columns, width: column_width(width, window.width) }
    }

    /// Returns the visible panels.
    pub fn visible(&self) -> Vec<PanelKind> {
        match self {
            Self::Columns { columns, .. } => columns.concat(),
            Self::Below(panels) | Self::Beside(panels) => panels.clone(),
        }
    }

    /// Returns the width of all columns together, in logical pixels; 0 if the panels are not in columns.
    pub fn total_width(&self) -> f32 {
        match self {
            Self::Columns { columns, width } => columns.len() as f32 * width,
            Self::Below(_) | Self::Beside(_) => 0.0,
        }
    }

    /// Returns the width of a panel whose left edge, that of the leftmost column, is dragged to `x` in a window of this
    /// width, all in logical pixels; `None` if the panels are not in columns.
    pub fn width_at(&self, x: f32, window_width: f32) -> Option<u32> {
        let Self::Columns { columns, .. } = self else { return None };
        let width = (window_width - x) / columns.len().max(1) as f32;
        Some(column_width(width, window_width).round() as u32)
    }
}

/// Returns the panels in the order in which they are shown.
fn in_order(panels: &[PanelKind]) -> Vec<PanelKind> {
    PanelKind::ALL.into_iter().filter(|panel| panels.contains(panel)).collect()
}

/// Limits the width of a column, so that a part of the picture stays visible beside it.
fn column_width(width: f32, window_width: f32) -> f32 {
    let max = (window_width - MIN_PICTURE_WIDTH).min(MAX_PANEL_WIDTH as f32);
    width.min(max).max(MIN_PANEL_WIDTH as f32)
}

#[cfg(test)]
mod tests {
    use PanelKind::{Messages, Network, Statistics};

    use super::*;

    fn columns(open: &[PanelKind], window: (f32, f32), width: f32) -> Vec<Vec<PanelKind>> {
        match Arrangement::new(open, window.into(), width, false) {
            Arrangement::Columns { columns, .. } => columns,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn number_of_visible_panels_depends_on_the_window() {
        let all = [Messages, Network, Statistics];
        assert_eq!(columns(&all, (1_199.0, 800.0), 380.0), [[Statistics]]);
        assert_eq!(columns(&all, (1_200.0, 800.0), 380.0), [[Network, Statistics]]);
        assert_eq!(columns(&all, (1_200.0, 500.0), 380.0), [[Statistics]], "too low for two");
        assert_eq!(columns(&all, (1_620.0, 900.0), 380.0), [[Network], [Statistics], [Messages]]);
        assert_eq!(columns(&all[..2], (1_600.0, 500.0), 380.0), [[Network], [Messages]]);
        assert_eq!(
            columns(&all, (1_600.0, 900.0), 500.0),
            [vec![Network], vec![Statistics, Messages]],
            "three columns do not fit"
        );
        assert_eq!(columns(&all, (1_600.0, 900.0), 800.0), [[Network, Statistics]]);
        assert_eq!(columns(&[], (1_600.0, 900.0), 800.0), Vec::<Vec<_>>::new());
    }

    #[test]
    fn panel_opened_last_is_visible_and_the_others_come_back() {
        assert_eq!(columns(&[Statistics, Network], (900.0, 640.0), 380.0), [[Network]]);
        assert_eq!(columns(&[Network, Statistics], (900.0, 640.0), 380.0), [[Statistics]]);
        assert_eq!(columns(&[Network, Statistics], (1_280.0, 800.0), 380.0), [[Network, Statistics]]);
    }

    #[test]
    fn width_is_clamped_so_that_the_picture_stays_visible() {
        let width = |width, window| match Arrangement::new(&[Network], window, width, false) {
            Arrangement::Columns { width, .. } => width,
            other => panic!("{other:?}"),
        };
        assert_eq!(width(380.0, Size::new(1_280.0, 800.0)), 380.0);
        assert_eq!(width(800.0, Size::new(900.0, 640.0)), 580.0);
        assert_eq!(width(800.0, Size::new(640.0, 420.0)), 320.0);
        let dragged = |x| {
            let window = Size::new(1_280.0, 800.0);
            Arrangement::new(&[Network], window, 380.0, false).width_at(x, window.width)
        };
        assert_eq!([dragged(800.0), dragged(0.0), dragged(1_270.0)], [Some(480), Some(800), Some(300)]);
        let three = Arrangement::new(&PanelKind::ALL, Size::new(1_920.0, 1_000.0), 380.0, false);
        assert_eq!(three.width_at(720.0, 1_920.0), Some(400), "all three get the same width");
    }

    #[test]
    fn lesson_layout_needs_a_large_window() {
        let arranged =
            |width, height| Arrangement::new(&PanelKind::ALL, Size::new(width, height), 380.0, true);
        assert_eq!(arranged(900.0, 640.0), Arrangement::Below(PanelKind::ALL.to_vec()));
        assert_eq!(arranged(1_920.0, 1_000.0), Arrangement::Beside(PanelKind::ALL.to_vec()));
        assert_eq!(arranged(640.0, 420.0).visible(), [Messages]);
    }
}
