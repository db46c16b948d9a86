//! Opening the window and closing it.

mod display_server;
mod panic_guard;

use std::fmt;
use std::sync::{Mutex, PoisonError};

use iced::{Settings as IcedSettings, Size, window};

use self::display_server::DisplayServer;
use self::panic_guard::PanicGuard;
use super::app::backend_events::BackendSubscription;
use super::app::{App, AppOptions, Message, logo_pixels};
use super::theme::{FONT, FONTS, size};
use crate::backend::{Backend, BackendOptions, MediaSource};
use crate::command_line::{Target, WindowArguments};
use crate::session::RtspOptions;
use crate::settings::{LoadedSettings, Settings};

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
    let Some(display) = DisplayServer::from_env() else {
        return Err(WindowError(
            "There is no display to open a window on; \"reelay serve\" and \"reelay probe\" work without one.".to_owned(),
        ));
    };
    let LoadedSettings { settings: saved_settings, problem } = Settings::load();
    let options = BackendOptions {
        frame_rate: arguments.rate.unwrap_or(saved_settings.frame_rate),
        playout_delay: saved_settings.playout_delay(),
    };
    let (backend, outputs) = Backend::start(options)
        .map_err(|error| WindowError(format!("The embedded server cannot start: {error}.")))?;
    let app_options =
        AppOptions { settings: saved_settings, theme: arguments.theme, frame_rate: arguments.rate };
    let mut app = App::new(backend.handle(), app_options);
    let decoder = outputs.decoder.clone();
    app.attach(BackendSubscription::new(outputs), decoder);
    if let Some(target) = arguments.target {
        open_target(&mut app, target, arguments.play);
    }
    if let Some(problem) = problem {
        app.show_settings_problem(&problem);
    }
    let panic_guard = PanicGuard::default();
    let result = panic_guard.catch_panic(|| run_app(app, panic_guard.clone()));
    backend.shutdown();
    match result {
        Ok(result) => result.map_err(|error| WindowError(format!("The window cannot be opened: {error}."))),
        Err(message) => {
            display.restart_on_x11();
            Err(WindowError(display.error_message(&message)))
        }
    }
}

fn open_target(app: &mut App, target: Target, play: bool) {
    match target {
        Target::File(path) => app.open(MediaSource::File(path), play),
        Target::Stream(url) => {
            let options = RtspOptions::for_source(&url);
            app.connect(url, options, play);
        }
    }
}

/// Shows the window until it is closed.
fn run_app(app: App, panic_guard: PanicGuard) -> iced::Result {
    // The toolkit wants to be able to boot twice, and never does.
    let app = Mutex::new(Some(app));
    let boot = move || {
        let app = app.lock().unwrap_or_else(PoisonError::into_inner).take();
        (app.expect("the window is opened once"), iced::system::theme().map(Message::SystemTheme))
    };
    let update = move |app: &mut App, message: Message| {
        if let Message::WindowOpened(_) = message {
            panic_guard.disarm();
        }
        app.update(message)
    };
    iced::application(boot, update, App::view)
        .title(App::title)
        .theme(App::theme)
        .subscription(App::subscription)
        .settings(iced_settings())
        .window(window_settings())
        .run()
}

/// Fonts and sizes.
pub fn iced_settings() -> IcedSettings {
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
