//! Opening the window and closing it.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use iced::{Settings as IcedSettings, Size, window};

use super::app::{App, AppOptions, Message, logo_pixels};
use super::display::Display;
use super::feed::Feed;
use super::opening::Opening;
use super::theme::{FONT, FONTS, size};
use crate::backend::{Backend, BackendOptions, FilmSource};
use crate::command_line::{Target, WindowArguments};
use crate::session::MachineOptions;
use crate::settings::Settings;

/// Why there is no window. A sentence for people.
#[derive(Debug)]
pub struct WindowError(String);

impl fmt::Display for WindowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WindowError {}

/// What the desktop calls the program; the name of its `.desktop` file.
const APPLICATION_ID: &str = "reelay";

/// Opens the window and stays until it is closed; then says goodbye to the server.
///
/// # Errors
/// When there is no display, or something that everything needs is not to be had.
pub fn run(arguments: WindowArguments) -> Result<(), WindowError> {
    let Some(display) = Display::of_environment() else {
        return Err(WindowError(
            "There is no display to open a window on; \"reelay serve\" and \"reelay probe\" work without one.".to_owned(),
        ));
    };
    let settings_read = Settings::load();
    let options = BackendOptions {
        rate: arguments.rate.unwrap_or(settings_read.frame_rate),
        playout_delay: settings_read.playout_delay(),
    };
    let (backend, outlets) = Backend::start(options)
        .map_err(|error| WindowError(format!("The embedded server cannot start: {error}.")))?;
    let app_options = AppOptions { settings: settings_read, theme: arguments.theme, rate: arguments.rate };
    let mut app = App::new(backend.handle(), app_options);
    let decoder = outlets.decoder.clone();
    app.attach(Feed::new(outlets), decoder);
    if let Some(target) = arguments.target {
        begin_with(&mut app, target, arguments.play);
    }
    let opening = Opening::default();
    let result = opening.attempt(|| show(app, opening.clone()));
    backend.finish();
    match result {
        Ok(result) => result.map_err(|error| WindowError(format!("The window cannot be opened: {error}."))),
        Err(words) => {
            display.give_way();
            Err(WindowError(display.explain(&words)))
        }
    }
}

fn begin_with(app: &mut App, target: Target, plays: bool) {
    match target {
        Target::File(path) => app.open(FilmSource::File(path), plays),
        Target::Stream(url) => {
            let options = MachineOptions::for_source(&url);
            app.connect(url, options, plays);
        }
    }
}

/// Shows the window until it is closed.
fn show(app: App, opening: Opening) -> iced::Result {
    // The toolkit wants to be able to boot twice, and never does.
    let app = Mutex::new(Some(app));
    let boot = move || {
        let app = app.lock().unwrap_or_else(PoisonError::into_inner).take();
        (app.expect("the window is opened once"), iced::system::theme().map(Message::SystemTheme))
    };
    let update = move |app: &mut App, message: Message| {
        if let Message::WindowOpened(_) = message {
            opening.succeed();
        }
        app.update(message)
    };
    iced::application(boot, update, App::view)
        .title(App::title)
        .theme(App::theme)
        .subscription(App::subscription)
        .settings(settings())
        .window(window_settings())
        .run()
}

/// Fonts and sizes.
pub fn settings() -> IcedSettings {
    IcedSettings {
        id: Some(APPLICATION_ID.to_owned()),
        fonts: FONTS.iter().map(|font| (*font).into()).collect(),
        default_font: FONT,
        default_text_size: size::NORMAL.into(),
        antialiasing: true,
        ..IcedSettings::default()
    }
}

fn window_settings() -> window::Settings {
    let (width, height, pixels) = logo_pixels();
    window::Settings {
        size: Size::new(900.0, 640.0),
        min_size: Some(Size::new(640.0, 420.0)),
        icon: window::icon::from_rgba(pixels, width, height).ok(),
        #[cfg(target_os = "linux")]
        platform_specific: window::settings::PlatformSpecific {
            application_id: APPLICATION_ID.to_owned(),
            ..Default::default()
        },
        ..window::Settings::default()
    }
}
