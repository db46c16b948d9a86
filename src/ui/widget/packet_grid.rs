//! Grid of the last packets: one cell for each packet, one row for each frame.

use iced::widget::canvas::{Path, Stroke};
use iced::widget::{Row as Line, container, row, text};
use iced::{Center, Color, Fill, Point, Rectangle, Size};

use super::drawing::drawing;
use crate::stats::{Fate, PacketLogRow};
use crate::ui::renderer::{Cache, Element, Frame};
use crate::ui::theme::{self, Colours, size, space};

/// Number of rows (frames) shown.
const ROW_COUNT: usize = 24;

/// Distance from one row to the next, in logical pixels.
const ROW_HEIGHT: f32 = 8.0;

/// Width of a cell in logical pixels, if the row is wide enough.
const CELL_WIDTH: f32 = 11.0;

/// Minimum width of a cell in logical pixels. If a frame has more packets than fit, several share a cell.
const MIN_CELL_WIDTH: f32 = 4.0;

/// Returns the grid of these rows, the newest at the bottom. Redrawn only after the cache has been cleared.
pub fn packet_grid<'a, Message: 'a>(cache: &'a Cache, rows: &'a [PacketLogRow]) -> Element<'a, Message> {
    let height = ROW_COUNT as f32 * ROW_HEIGHT;
    drawing(Some(cache), move |frame, theme| draw_rows(frame, rows, theme::colours(theme)))
        .width(Fill)
        .height(height)
        .into()
}

fn draw_rows(frame: &mut Frame, rows: &[PacketLogRow], colours: &Colours) {
    let shown = &rows[rows.len().saturating_sub(ROW_COUNT)..];
    let max_packets = shown.iter().map(|row| row.packets.len()).max().unwrap_or_default().max(1);
    let width = frame.width();
    let cell = (width / max_packets as f32).clamp(MIN_CELL_WIDTH, CELL_WIDTH);
    // With fewer rows than fit, the newest is still at the bottom.
    let first = ROW_COUNT - shown.len();
    for (index, row) in shown.iter().enumerate() {
        let y = (first + index) as f32 * ROW_HEIGHT;
        let packets_per_cell = row.packets.len().div_ceil((width / cell) as usize).max(1);
        for (column, packets) in row.packets.chunks(packets_per_cell).enumerate() {
            let worst = packets.iter().copied().max_by_key(|fate| severity(*fate)).unwrap_or(Fate::Received);
            let bounds =
                Rectangle::new(Point::new(column as f32 * cell, y), Size::new(cell - 1.0, ROW_HEIGHT - 1.0));
            draw_cell(frame, bounds, worst, colours);
        }
    }
}

/// Returns the rank of a fate; of packets that share a cell, the one with the highest rank is shown.
fn severity(fate: Fate) -> u8 {
    match fate {
        Fate::Received => 0,
        Fate::Duplicated => 1,
        Fate::Reordered => 2,
        Fate::Repaired => 3,
        Fate::Late => 4,
        Fate::Lost => 5,
    }
}

fn colour(fate: Fate, colours: &Colours) -> Color {
    match fate {
        Fate::Received => colours.playing,
        Fate::Duplicated => colours.ready,
        Fate::Reordered => colours.warm,
        Fate::Repaired => colours.playing,
        Fate::Late => colours.late,
        Fate::Lost => colours.danger,
    }
}

/// Draws a cell. Each fate also has a shape of its own, for users who cannot distinguish the colours.
fn draw_cell(frame: &mut Frame, bounds: Rectangle, fate: Fate, colours: &Colours) {
    let colour = colour(fate, colours);
    let (x, y, width, height) = (bounds.x, bounds.y, bounds.width, bounds.height);
    let mark = Stroke::default().with_color(colours.surface).with_width(1.4);
    match fate {
        Fate::Received => frame.fill_rectangle(Point::new(x, y), bounds.size(), colour),
        Fate::Duplicated => {
            frame.fill_rectangle(Point::new(x, y), bounds.size(), colour);
            let middle = (x + width / 2.0).round();
            frame.stroke(&Path::line(Point::new(middle, y), Point::new(middle, y + height)), mark);
        }
        Fate::Reordered => {
            frame.fill_rectangle(Point::new(x, y), bounds.size(), colour);
            frame.stroke(&Path::line(Point::new(x, y + height), Point::new(x + width, y)), mark);
        }
        Fate::Late => {
            let half = Size::new(width, (height / 2.0).floor());
            frame.fill_rectangle(Point::new(x, y + height - half.height), half, colour);
        }
        Fate::Lost | Fate::Repaired => {
            let outline =
                Path::rectangle(Point::new(x + 0.75, y + 0.75), Size::new(width - 1.5, height - 1.5));
            frame.stroke(&outline, Stroke::default().with_color(colour).with_width(1.5));
        }
    }
}

/// Returns the legend of the grid.
pub fn legend<'a, Message: 'a>() -> Element<'a, Message> {
    let fates = [
        (Fate::Received, "received"),
        (Fate::Lost, "lost"),
        (Fate::Repaired, "repaired"),
        (Fate::Reordered, "reordered"),
        (Fate::Late, "late"),
        (Fate::Duplicated, "duplicate"),
    ];
    let entries = fates.map(|(fate, name)| {
        let cell = drawing(None, move |frame, theme| {
            let bounds = Rectangle::new(Point::ORIGIN, Size::new(CELL_WIDTH - 1.0, ROW_HEIGHT - 1.0));
            draw_cell(frame, bounds, fate, theme::colours(theme));
        });
        let cell = cell.width(CELL_WIDTH).height(ROW_HEIGHT);
        row![cell, text(name).size(size::SMALL).style(theme::muted)]
            .spacing(space::TIGHT)
            .align_y(Center)
            .into()
    });
    container(Line::with_children(entries).spacing(space::NORMAL).wrap()).into()
}
