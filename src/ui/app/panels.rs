//! Open panels: which are open, how wide they are, and where they are in the window.

use std::time::Instant;

use iced::widget::{column, container, opaque, row, space};
use iced::{Fill, FillPortion, Size, Task};

use super::header;
use super::message::Message;
use super::panel_state::{EdgeAction, lesson_panels};
use super::state::App;
use crate::session::RtspState;
use crate::settings::PanelKind;
use crate::ui::panel::arrangement::{Arrangement, BARS_HEIGHT};
use crate::ui::panel::layout::Parts;
use crate::ui::panel::{self, statistics};
use crate::ui::renderer::{Column, Element, Row};
use crate::ui::theme;
use crate::ui::widget::drag_edge::{EDGE_WIDTH, drag_edge};
use crate::ui::widget::hint::Position;

/// Distance between two panels in logical pixels, through which the background shows.
const GAP: f32 = 2.0;

/// Parts of the height of the lesson layout for the picture and for the panels below it.
const LESSON_HEIGHTS: (u16, u16) = (2, 3);

/// Parts of the width of the lesson layout for the picture and for the panels beside it.
const LESSON_WIDTHS: (u16, u16) = (2, 5);

impl App {
    /// Returns the visible panels and their place in a window of this size, and remembers that size.
    pub(super) fn arrange_panels(&self, window: Size) -> Arrangement {
        self.panels.window.set(window);
        self.arrangement()
    }

    fn arrangement(&self) -> Arrangement {
        let is_lesson = self.settings.panels.is_lesson && !self.window.is_fullscreen;
        let width = self.settings.panels.width as f32;
        Arrangement::new(self.open_panels(), self.panels.window.get(), width, is_lesson)
    }

    /// Returns the open panels, visible or not, in the order in which they were opened.
    pub(super) fn open_panels(&self) -> &[PanelKind] {
        match (self.window.is_fullscreen, self.settings.panels.is_lesson) {
            (true, _) => &self.panels.fullscreen,
            (false, true) => &self.panels.lesson,
            (false, false) => &self.settings.panels.open,
        }
    }

    /// Closes a visible panel, and opens any other. A panel that is open but had no space becomes visible.
    pub(super) fn toggle_panel(&mut self, panel: PanelKind) -> Task<Message> {
        let is_visible = self.arrangement().visible().contains(&panel);
        let open = match (self.window.is_fullscreen, self.settings.panels.is_lesson) {
            (true, _) => &mut self.panels.fullscreen,
            (false, true) => &mut self.panels.lesson,
            (false, false) => &mut self.settings.panels.open,
        };
        open.retain(|other| *other != panel);
        if !is_visible {
            open.push(panel);
        }
        if self.window.is_fullscreen { Task::none() } else { self.save_settings() }
    }

    /// Opens a panel that is not visible.
    pub(super) fn show_panel(&mut self, panel: PanelKind) -> Task<Message> {
        match self.arrangement().visible().contains(&panel) {
            true => Task::none(),
            false => self.toggle_panel(panel),
        }
    }

    /// Switches between the lesson layout, with all panels, and the panels that were open before.
    pub(super) fn toggle_lesson(&mut self) -> Task<Message> {
        self.settings.panels.is_lesson = !self.settings.panels.is_lesson;
        self.panels.lesson = lesson_panels();
        self.save_settings()
    }

    /// Closes the panels of full screen.
    pub(super) fn close_fullscreen_panels(&mut self) {
        self.panels.fullscreen.clear();
    }

    pub(super) fn handle_panel_edge(&mut self, action: EdgeAction) -> Task<Message> {
        match action {
            EdgeAction::Drag(x) => {
                let width = self.arrangement().width_at(x, self.panels.window.get().width);
                self.settings.panels.width = width.unwrap_or(self.settings.panels.width);
                Task::none()
            }
            EdgeAction::Release => self.save_settings(),
        }
    }

    /// Returns the area between header and controls: the screen, and the panels around it.
    pub(super) fn view_middle<'a>(
        &'a self,
        screen: Element<'a, Message>,
        arrangement: &Arrangement,
    ) -> Element<'a, Message> {
        match arrangement {
            Arrangement::Columns { .. } => {
                row![screen].extend(self.view_columns(arrangement)).height(Fill).into()
            }
            Arrangement::Below(panels) => {
                let (screen_part, panel_part) = LESSON_HEIGHTS;
                let height =
                    self.height_of_middle() * f32::from(panel_part) / f32::from(screen_part + panel_part);
                let panels = (!panels.is_empty())
                    .then(|| self.view_row(panels, height).height(FillPortion(panel_part)).into());
                column![container(screen).height(FillPortion(screen_part))].extend(panels).height(Fill).into()
            }
            Arrangement::Beside(panels) => {
                let (screen_part, panel_part) = LESSON_WIDTHS;
                let panels = (!panels.is_empty()).then(|| {
                    self.view_row(panels, self.height_of_middle()).width(FillPortion(panel_part)).into()
                });
                row![container(screen).width(FillPortion(screen_part))].extend(panels).height(Fill).into()
            }
        }
    }

    /// Returns the panels over the right edge of full screen; `None` if none is open.
    pub(super) fn view_overlay_panels(&self, arrangement: &Arrangement) -> Option<Element<'_, Message>> {
        let columns = self.view_columns(arrangement)?;
        Some(row![space::horizontal(), opaque(columns)].height(Fill).into())
    }

    /// Returns the columns of panels with the edge to drag; `None` if no panel is open.
    fn view_columns(&self, arrangement: &Arrangement) -> Option<Element<'_, Message>> {
        let Arrangement::Columns { columns, .. } = arrangement else { return None };
        if columns.is_empty() {
            return None;
        }
        let edge = drag_edge(EdgeAction::Drag, EdgeAction::Release).map(Message::PanelEdge);
        let views = columns.iter().map(|panels| {
            let height = self.height_of_middle() / panels.len() as f32;
            let panels = panels.iter().map(|panel| self.view_panel(*panel, height, Position::Left));
            Column::with_children(panels).spacing(GAP).width(Fill).height(Fill).into()
        });
        let width = arrangement.total_width() - EDGE_WIDTH;
        let columns = Row::with_children(views).spacing(GAP).width(width).height(Fill);
        // The gaps show this background, in full screen too.
        Some(container(row![edge, columns].height(Fill)).style(theme::page).into())
    }

    /// Returns the height between header and controls, in logical pixels.
    fn height_of_middle(&self) -> f32 {
        self.panels.window.get().height - BARS_HEIGHT
    }

    fn view_row(&self, panels: &[PanelKind], height: f32) -> Row<'_, Message> {
        let panels = panels.iter().enumerate().map(|(index, panel)| {
            // There is nothing at the left of the first one.
            self.view_panel(*panel, height, if index == 0 { Position::Right } else { Position::Left })
        });
        Row::with_children(panels).spacing(GAP).width(Fill).height(Fill)
    }

    /// Returns a panel of about this height in logical pixels, whether it is open or not, with its tooltips at `hints`.
    pub fn view_panel(&self, panel: PanelKind, height: f32, hints: Position) -> Element<'_, Message> {
        let (session_record, figures) = (&self.session_record, self.session_record.figures());
        let parts = match panel {
            PanelKind::Network => {
                let content = self.network.view(
                    self.playback.host(),
                    self.playback.is_http(),
                    figures.snapshot.emulated,
                    hints,
                );
                Parts {
                    toolbar: None,
                    short_toolbar: None,
                    fixed_rows: None,
                    content: content.map(Message::Network),
                }
            }
            PanelKind::Statistics => {
                let is_dark = theme::is_dark(&self.theme());
                let is_playing = self.playback.state() == RtspState::Playing;
                let content =
                    self.statistics.view(figures, session_record.history(), is_playing, is_dark, hints);
                let toolbar = statistics::Panel::toolbar(figures).map(Message::Statistics);
                let content = content.map(Message::Statistics);
                Parts { toolbar: Some(toolbar), short_toolbar: None, fixed_rows: None, content }
            }
            PanelKind::Messages => {
                let message_log = session_record.message_log();
                Parts {
                    toolbar: Some(self.messages.toolbar(message_log, self.now).map(Message::Messages)),
                    short_toolbar: Some(
                        self.messages.short_toolbar(message_log, self.now).map(Message::Messages),
                    ),
                    fixed_rows: Some(self.messages.fixed_rows(message_log).map(Message::Messages)),
                    content: self.messages.view(message_log, Instant::now()).map(Message::Messages),
                }
            }
        };
        let on_close = Message::Header(header::Action::TogglePanel(panel));
        panel::layout::view(panel, height, parts, on_close)
    }
}
