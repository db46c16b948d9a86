//! The window from start to end.

use std::env;
use std::sync::{Mutex, PoisonError};

use super::display_server::DisplayServer;
use super::panic_guard::PanicGuard;
use super::settings::{iced_settings, window_settings};
use crate::backend::{Backend, BackendOptions, Command};
use crate::command_line::{Target, WindowArguments, stderr};
use crate::recording::UserFolders;
use crate::settings::{LoadedSettings, Settings};
use crate::ui::app::{App, AppOptions, BackendSubscription, Message};
use crate::ui::hand_over::{self, Listener, Request, Start};
use crate::ui::renderer::choose_renderer;

/// Error that keeps the window from opening, as a sentence for the user.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WindowError(String);

/// Opens the window and returns when it is closed and the session is torn down. If there is an open window, hands the
/// arguments over to it instead and returns at once.
///
/// # Errors
/// Returns an error if there is no display, if the backend cannot start, or if iced cannot open the window.
pub fn run(arguments: WindowArguments) -> Result<(), WindowError> {
    let Some(display) = DisplayServer::from_env() else {
        return Err(WindowError(
            "There is no display to open a window on; \"reelay serve\" and \"reelay probe\" work without one."
                .to_owned(),
        ));
    };
    let renderer = arguments.renderer;
    let listener = match look_for_window(&display, &arguments) {
        Start::HandedOver => return check_files(&arguments.targets),
        Start::Window(listener) => listener,
    };
    choose_renderer(renderer);
    let LoadedSettings { settings: saved_settings, problem } = Settings::load();
    let app_options = AppOptions {
        settings: saved_settings,
        theme: arguments.theme,
        frame_rate: arguments.rate,
        folders: UserFolders::of_system(),
        lacks_drops: !display.delivers_drops(),
    };
    let options = BackendOptions {
        frame_rates: app_options.frame_rates(),
        playout_delay: app_options.settings.playout_delay(),
    };
    let (backend, outputs) = Backend::start(options)
        .map_err(|error| WindowError(format!("The embedded server cannot start: {error}.")))?;
    backend.handle().send(Command::SetTrustedCertificates(app_options.settings.certificates.clone()));
    let mut app = App::new(backend.handle(), app_options);
    app.configure_backend();
    let decoder = outputs.decoder.clone();
    app.attach(BackendSubscription::new(outputs), decoder);
    if let Some(listener) = listener {
        app.listen(listener);
    }
    app.open_targets(arguments);
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

/// Checks the files that were handed over, for the exit status. The window says it too.
///
/// # Errors
/// Returns an error that names the first file that does not exist.
fn check_files(targets: &[Target]) -> Result<(), WindowError> {
    let is_missing =
        |target: &Target| matches!(target, Target::File(path) if matches!(path.try_exists(), Ok(false)));
    let Some(Target::File(path)) = targets.iter().find(|target| is_missing(target)) else { return Ok(()) };
    let is_name = path.extension().is_none() && path.components().count() == 1;
    let advice = if is_name { "; \"reelay --help\" lists the commands" } else { "" };
    Err(WindowError(format!("There is no file {}; check its name and folder{advice}.", path.display())))
}

/// Hands the arguments over to the open window, unless a new one is wanted.
fn look_for_window(display: &DisplayServer, arguments: &WindowArguments) -> Start<Listener> {
    let Some(display_name) = display.name() else { return Start::Window(None) };
    let folder = match env::current_dir() {
        Ok(folder) => folder,
        Err(error) => {
            tracing::debug!(%error, "there is no working folder");
            return Start::Window(None);
        }
    };
    let request = Request { folder, arguments: env::args_os().skip(1).collect() };
    let start = hand_over::start(display_name, Some(&request).filter(|_| !arguments.wants_own_window()));
    if matches!(start, Start::HandedOver) {
        stderr::print_line(format_args!("reelay: the open window takes it; --new-window opens another one"));
    }
    start
}

/// Runs iced until the window is closed.
fn run_app(app: App, panic_guard: PanicGuard) -> iced::Result {
    let window = window_settings(app.settings());
    // iced takes a boot function that could be called again, but calls it once.
    let app = Mutex::new(Some(app));
    let boot = move || {
        let app = app.lock().unwrap_or_else(PoisonError::into_inner).take();
        (app.expect("iced calls boot once"), iced::system::theme().map(Message::SystemTheme))
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
        .scale_factor(App::interface_scale)
        .subscription(App::subscription)
        .settings(iced_settings())
        .window(window)
        .run()
}
