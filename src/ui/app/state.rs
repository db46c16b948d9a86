//! State of the application, its start, and opening and connecting.

use std::sync::Arc;
use std::time::Instant;

use iced::theme::Mode;
use iced::widget::image;
use iced::{Size, Theme};
use tokio::sync::watch;

use super::backend_subscription::BackendSubscription;
use super::banner_timeout::BannerTimeout;
use super::before_stream::BeforeStream;
use super::frame_rate;
use super::later_starts::LaterStarts;
use super::logo::logo;
use super::menu::Menu;
use super::panel_state::Panels;
use super::play_list::PlayList;
use super::playback::{Playback, SignInRequest, TrustRequest};
use super::posters::Posters;
use super::recent_state::RecentState;
use super::recording_state::Recording;
use super::session_record::SessionRecord;
use super::sharing_state::SharingState;
use super::time_line::TimeLineInput;
use super::window_state::WindowState;
use crate::backend::{BackendHandle, FrameRates, MediaSource};
use crate::media::FrameRate;
use crate::recording::UserFolders;
use crate::session::{Decoder, Orientation, Scaler};
use crate::settings::{
    MAX_INTERFACE_SCALE, MIN_INTERFACE_SCALE, SaveOrder, Settings, SettingsProblem, ThemePreference,
};
use crate::ui::dialog::{connect, help, preferences, sign_in, summary};
use crate::ui::panel::{messages, network, statistics};
use crate::ui::text_format::state_name;
use crate::ui::theme;
use crate::ui::widget::video::PictureHandle;

/// Application with all state that the window shows.
#[derive(Debug)]
pub struct App {
    pub(super) playback: Playback,
    /// Films and streams that are played one after the other; the current one is that of `playback`.
    pub(super) play_list: PlayList,
    pub(super) backend: BackendHandle,
    pub(super) settings: Settings,
    pub(super) save_order: SaveOrder,
    /// Theme from the command line, which is not saved.
    pub(super) theme_override: Option<ThemePreference>,
    pub(super) system_theme: Mode,
    pub(super) frame_rates: FrameRates,
    pub(super) frame_rate_field: frame_rate::Field,
    /// Outputs of the backend; `None` until [`App::attach`].
    pub(super) backend_subscription: Option<BackendSubscription>,
    /// Later starts of the program; `None` if another window takes what they open.
    pub(super) later_starts: Option<LaterStarts>,
    /// True while the screen saver is kept away.
    pub(super) screen_on: watch::Sender<bool>,
    /// Decoder, which is given the size of the video area; `None` until [`App::attach`].
    pub(super) decoder: Option<Arc<Decoder>>,
    pub(super) picture: Option<PictureHandle>,
    /// Rotation and reflection of the open film or stream.
    pub(super) orientation: Orientation,
    pub(super) session_record: SessionRecord,
    /// State to restore if the stream cannot be set up; `None` once it is.
    pub(super) before_stream: Option<BeforeStream>,
    /// Play list that was replaced by what is being opened; `None` once that is open.
    pub(super) replaced_list: Option<PlayList>,
    pub(super) banner_timeout: BannerTimeout,
    pub(super) recording: Recording,
    pub(super) folders: UserFolders,
    /// True if the desktop delivers no dropped files to the window.
    pub(super) lacks_drops: bool,
    pub(super) recents: RecentState,
    pub(super) posters: Posters,
    pub(super) sharing: SharingState,
    /// Input of the Connect dialog, for the next time it is opened.
    pub(super) connect_form: connect::Form,
    pub(super) dialog: Option<Dialog>,
    /// A file dialog of the system is open.
    pub(super) is_file_dialog_open: bool,
    pub(super) menu: Option<Menu>,
    pub(super) panels: Panels,
    pub(super) network: network::Panel,
    pub(super) statistics: statistics::Panel,
    pub(super) messages: messages::Panel,
    pub(super) time_line_input: TimeLineInput,
    /// Time at which the frame on the screen was last remembered, for resuming; `None` before the first.
    pub(super) frame_remembered_at: Option<Instant>,
    /// Time of the last message. The view shows this time, so that it depends on the state only.
    pub(super) now: Instant,
    /// Size of the video area in logical pixels; zero before the first layout.
    pub(super) video_area: Size,
    /// Part of the program that scales the pictures.
    pub(super) scaler: Scaler,
    pub(super) window: WindowState,
    pub(super) is_file_hovering: bool,
    pub(super) logo: image::Handle,
}

/// Dialog that is open, with its input.
#[derive(Debug)]
pub(super) enum Dialog {
    Connect(connect::Form),
    Preferences(preferences::Form, PreviousTheme),
    SignIn(Box<SignInRequest>, sign_in::Form),
    Trust(Box<TrustRequest>),
    Summary(Box<summary::Summary>),
    PlayList,
    Help(help::Page),
}

/// Theme from before the Preferences dialog, which shows a chosen theme at once and can be cancelled.
#[derive(Debug, Clone, Copy)]
pub(super) struct PreviousTheme {
    pub theme_override: Option<ThemePreference>,
    pub saved: ThemePreference,
}

/// Options of the application at its start.
#[derive(Debug, Default)]
pub struct AppOptions {
    /// Settings as loaded from the settings file.
    pub settings: Settings,
    /// Theme instead of the saved one; not saved.
    pub theme: Option<ThemePreference>,
    /// Frame rate of all films that state none, instead of the saved ones; not saved.
    pub frame_rate: Option<FrameRate>,
    /// Folders for recordings and snapshots.
    pub folders: UserFolders,
    /// True if the desktop delivers no dropped files to the window, so that it does not ask for any.
    pub lacks_drops: bool,
}

impl AppOptions {
    /// Returns the frame rates of films that state none, from the command line or from the settings.
    pub fn frame_rates(&self) -> FrameRates {
        let mut rates = FrameRates::new(self.frame_rate.unwrap_or(self.settings.frame_rate));
        // The last one was set first.
        for film in self.settings.films.iter().rev().filter(|_| self.frame_rate.is_none()) {
            if let Some(rate) = film.frame_rate {
                rates.set_rate_of(MediaSource::File(film.path.clone()), rate);
            }
        }
        rates
    }
}

impl App {
    /// Creates an application that shows the start screen.
    pub fn new(backend: BackendHandle, options: AppOptions) -> Self {
        Self {
            playback: Playback::new(backend.clone()),
            play_list: PlayList::default(),
            backend,
            frame_rates: options.frame_rates(),
            frame_rate_field: frame_rate::Field::default(),
            save_order: SaveOrder::new(options.settings.clone()),
            settings: options.settings,
            theme_override: options.theme,
            system_theme: Mode::None,
            backend_subscription: None,
            later_starts: None,
            screen_on: watch::Sender::new(false),
            decoder: None,
            picture: None,
            orientation: Orientation::default(),
            session_record: SessionRecord::default(),
            before_stream: None,
            replaced_list: None,
            banner_timeout: BannerTimeout::default(),
            recording: Recording::default(),
            folders: options.folders,
            lacks_drops: options.lacks_drops,
            recents: RecentState::default(),
            posters: Posters::default(),
            sharing: SharingState::default(),
            connect_form: connect::Form::default(),
            dialog: None,
            is_file_dialog_open: false,
            menu: None,
            panels: Panels::default(),
            network: network::Panel::default(),
            statistics: statistics::Panel::default(),
            messages: messages::Panel::default(),
            time_line_input: TimeLineInput::default(),
            frame_remembered_at: None,
            now: Instant::now(),
            video_area: Size::ZERO,
            scaler: Scaler::default(),
            window: WindowState::default(),
            is_file_hovering: false,
            logo: logo(),
        }
    }

    /// Connects the application to the outputs of a backend. The decoder is given the size of the video area.
    pub fn attach(&mut self, backend_subscription: BackendSubscription, decoder: Arc<Decoder>) {
        self.backend_subscription = Some(backend_subscription);
        self.decoder = Some(decoder);
        self.apply_picture_view();
    }

    /// Shows that the settings file has a problem, until the notice is dismissed or a later one replaces it.
    pub fn show_settings_problem(&mut self, problem: &SettingsProblem) {
        self.playback.show_error_while_opening(problem.to_string());
    }

    /// Returns the current settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the title of the window: name of the media, its place in the list, state, and "Reelay".
    pub fn title(&self) -> String {
        let place = match self.play_list.entries().len() {
            0 | 1 => String::new(),
            count => format!(" ({} of {count})", self.play_list.current() + 1),
        };
        match self.playback.name() {
            Some(name) => format!("{name}{place} – {} – Reelay", state_name(self.playback.state())),
            None => "Reelay".to_owned(),
        }
    }

    /// Returns the size of text and controls, as a factor from 1 to 2.
    pub fn interface_scale(&self) -> f32 {
        f32::from(self.settings.interface_scale.clamp(MIN_INTERFACE_SCALE, MAX_INTERFACE_SCALE)) / 100.0
    }

    /// Returns the theme: from the command line, from the settings, or of the system.
    pub fn theme(&self) -> Theme {
        match (self.theme_override.unwrap_or(self.settings.theme), self.system_theme) {
            (ThemePreference::Light, _) | (ThemePreference::System, Mode::Light) => theme::light(),
            (ThemePreference::Dark, _) | (ThemePreference::System, Mode::Dark | Mode::None) => theme::dark(),
        }
    }
}
