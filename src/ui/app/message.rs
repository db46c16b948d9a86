//! Messages of the application.

use std::path::PathBuf;
use std::time::Instant;

use iced::theme::Mode;
use iced::{Size, window};

use super::backend_subscription::BackendUpdate;
use super::menu::{self, Menu};
use super::panel_state::EdgeAction;
use super::window_place::WindowPlace;
use super::{banner, controls, frame_rate, header, sharing_bar, start_screen};
use crate::backend::Poster;
use crate::command_line::WindowArguments;
use crate::session::Scaler;
use crate::ui::dialog::file_dialog::{PickResult, SaveResult};
use crate::ui::dialog::{connect, help, play_list, preferences, sign_in, summary, trust};
use crate::ui::panel::{messages, network, statistics};
use crate::ui::shortcuts::Shortcut;

/// Input of the application: from the backend, from parts of the window, and from the system.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Message {
    Backend(BackendUpdate),
    Header(header::Action),
    Start(start_screen::Action),
    Controls(controls::Action),
    Connect(connect::Message),
    Preferences(preferences::Message),
    SignIn(sign_in::Message),
    Trust(trust::Message),
    PlayList(play_list::Message),
    Banner(banner::Action),
    Menu(menu::Action),
    ShowMenu(Menu),
    FrameRate(frame_rate::Message),
    Network(network::Message),
    Statistics(statistics::Action),
    Messages(messages::Message),
    Summary(summary::Message),
    /// Drag of the edge of the panels.
    PanelEdge(EdgeAction),
    Help(help::Message),
    /// Poster of a film of the start screen; `None` if it has none.
    PosterRead(PathBuf, Option<Poster>),
    Sharing(sharing_bar::Action),
    FilePicked(PickResult),
    FileSaved(SaveResult),
    Shortcut(Shortcut),
    /// New size of the video area, in logical pixels.
    VideoResized(Size, Scaler),
    VideoDoubleClicked,
    /// Time to find out whether the window is minimized.
    CheckMinimized,
    /// State of the window; `None` if the system does not tell.
    Minimized(Option<bool>),
    /// Movement of the pointer, or use of the controls by keys, in full screen.
    PointerMoved,
    /// Physical pixels per logical pixel.
    ScaleFactor(f32),
    SystemTheme(Mode),
    WindowOpened(window::Id),
    /// Size of the monitor with the new window, in logical pixels; `None` if the system does not tell.
    MonitorSize(Option<Size>),
    /// The window was moved or resized.
    WindowChanged,
    /// Time to ask the window for its place.
    CheckPlace,
    /// Place of the window.
    PlaceFound(WindowPlace),
    /// The user closes the window.
    CloseRequested,
    FileHovered,
    FileHoverLeft,
    FileDropped(PathBuf),
    /// Arguments of another start of the program.
    HandedOver(Box<WindowArguments>),
    SettingsSaved(Result<(), String>),
    /// A file or folder was opened with the program of the system, or not, for the reason in a sentence.
    OpenedWithSystem(Result<(), String>),
    /// Time of a redraw, while something visible depends on the time.
    Tick(Instant),
    /// Signal of the operating system to end the program.
    ShutdownRequested,
}
