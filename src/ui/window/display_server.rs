//! Display that the window opens on, according to the environment, and errors that name it.

use std::env;
#[cfg(unix)]
use std::process::Command;

/// Display of the desktop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayServer {
    /// Environment variable that selects the display, and its value. `None` on Windows and macOS, which have one
    /// display.
    variable: Option<(&'static str, String)>,
    /// True if this is a Wayland display and `DISPLAY` names an X11 display as well.
    has_x11_fallback: bool,
}

/// Environment variables of a Wayland display, in the order in which wayland-client reads them.
const WAYLAND_VARIABLES: [&str; 2] = ["WAYLAND_SOCKET", "WAYLAND_DISPLAY"];

/// Environment variable of an X11 display.
const X11_VARIABLE: &str = "DISPLAY";

impl DisplayServer {
    /// Returns the display that winit will use; `None` if the environment names none.
    pub fn from_env() -> Option<Self> {
        match cfg!(any(target_os = "windows", target_os = "macos")) {
            true => Some(Self { variable: None, has_x11_fallback: false }),
            false => Self::select(|variable| env::var(variable).ok().filter(|name| !name.is_empty())),
        }
    }

    /// Prefers Wayland to X11: under Wayland, `DISPLAY` usually names Xwayland.
    fn select(read_variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let named = |variable| read_variable(variable).map(|name| (variable, name));
        let wayland = WAYLAND_VARIABLES.into_iter().find_map(named);
        let x11 = named(X11_VARIABLE);
        let has_alternative = wayland.is_some() && x11.is_some();
        wayland.or(x11).map(|named| Self { variable: Some(named), has_x11_fallback: has_alternative })
    }

    /// Returns the name of the display, which is the same for all programs on it; `None` if it has none.
    pub fn name(&self) -> Option<&str> {
        match &self.variable {
            // A file descriptor of this process.
            Some(("WAYLAND_SOCKET", _)) => None,
            Some((_, name)) => Some(name),
            None => Some("desktop"),
        }
    }

    /// Returns true if files that are dropped on the window are delivered: winit 0.30 does not do so under Wayland.
    pub fn delivers_drops(&self) -> bool {
        !self.variable.as_ref().is_some_and(|(variable, _)| WAYLAND_VARIABLES.contains(variable))
    }

    /// Replaces the process by a new one without the Wayland variables, so that it uses the X11 display. Returns if
    /// there is no X11 display, or if the program cannot be started.
    pub fn restart_on_x11(&self) {
        #[cfg(unix)]
        if self.has_x11_fallback {
            let error = restart_without(&WAYLAND_VARIABLES);
            tracing::debug!(%error, "cannot restart on X11 display");
        }
    }

    /// Returns the error for the user; `error` is the panic message of iced or winit.
    pub fn error_message(&self, error: &str) -> String {
        tracing::debug!(error, "cannot open window");
        let reason = match (find_missing_library(error), &self.variable) {
            (Some(library), _) => format!(": {library} cannot be loaded; install the package that has it"),
            (None, Some((variable, name))) => format!(" on the display \"{name}\"; check {variable}"),
            (None, None) => "; run it with --verbose for details".to_owned(),
        };
        format!(
            "The window cannot be opened{reason}, or use \"reelay serve\" and \"reelay probe\", which work without one."
        )
    }
}

/// Replaces the process by a new one of the same program, without these variables; returns only if that fails.
#[cfg(unix)]
fn restart_without(variables: &[&str]) -> std::io::Error {
    use std::os::unix::process::CommandExt;
    let program = match env::current_exe() {
        Ok(program) => program,
        Err(error) => return error,
    };
    let mut command = Command::new(program);
    for variable in variables {
        command.env_remove(variable);
    }
    command.args(env::args_os().skip(1)).exec()
}

/// Returns the name of a library that could not be loaded, such as `libX11-xcb.so.1`, from an error message.
fn find_missing_library(error: &str) -> Option<&str> {
    let is_name_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    error
        .split(|c| !is_name_char(c))
        .map(|word| word.trim_end_matches('.'))
        .find(|word| word.starts_with("lib") && word.contains(".so"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(variables: &[(&str, &str)]) -> Option<DisplayServer> {
        DisplayServer::select(|variable| {
            variables.iter().find(|(name, _)| *name == variable).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn wayland_is_preferred_and_x11_is_fallback() {
        assert_eq!(select(&[]), None);
        let x11 = select(&[("DISPLAY", ":0")]).unwrap();
        assert_eq!(
            x11,
            DisplayServer { variable: Some(("DISPLAY", ":0".to_owned())), has_x11_fallback: false }
        );
        let both = select(&[("DISPLAY", ":0"), ("WAYLAND_DISPLAY", "wayland-0")]).unwrap();
        assert!(both.has_x11_fallback);
        assert!(both.error_message("").contains("\"wayland-0\"; check WAYLAND_DISPLAY"));
        assert!(!both.delivers_drops());
        assert!(select(&[("DISPLAY", ":0")]).unwrap().delivers_drops());
        assert!(!select(&[("WAYLAND_SOCKET", "5")]).unwrap().has_x11_fallback);
        assert_eq!((x11.name(), both.name()), (Some(":0"), Some("wayland-0")));
        assert_eq!(select(&[("WAYLAND_SOCKET", "5")]).unwrap().name(), None);
    }

    #[test]
    fn error_message_names_missing_library() {
        let display = select(&[("DISPLAY", ":0")]).unwrap();
        let sentence = display.error_message("Library libxkbcommon-x11.so could not be loaded.");
        assert!(sentence.contains("libxkbcommon-x11.so cannot be loaded; install"), "{sentence}");
        let sentence = display.error_message(
            "Create event loop: Os(OsError { error: XNotSupported(LibraryOpenError(OpenError { kind: Library, \
             detail: \"libX11-xcb.so.1: cannot open shared object file\" })) })",
        );
        assert!(sentence.contains(": libX11-xcb.so.1 cannot be loaded"), "{sentence}");
        assert!(display.error_message("XOpenDisplayFailed").contains("\":0\"; check DISPLAY"));
    }
}
