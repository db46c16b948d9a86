//! The display that the window opens on, as the environment names it, and what is said where it does not.

use std::env;
#[cfg(unix)]
use std::process::Command;

/// A display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayServer {
    /// The variable that names it, and the name. Windows and macOS have one display, without a name.
    variable: Option<(&'static str, String)>,
    /// It is one of Wayland, and one of X11 is named as well.
    has_x11_fallback: bool,
}

/// The variables that name a Wayland display, in the toolkit's order.
const WAYLAND_VARIABLES: [&str; 2] = ["WAYLAND_SOCKET", "WAYLAND_DISPLAY"];

/// The variable that names an X11 display.
const X11_VARIABLE: &str = "DISPLAY";

impl DisplayServer {
    /// The display that the toolkit takes; `None` if there is none.
    pub fn from_env() -> Option<Self> {
        match cfg!(any(target_os = "windows", target_os = "macos")) {
            true => Some(Self { variable: None, has_x11_fallback: false }),
            false => Self::select(|variable| env::var(variable).ok().filter(|name| !name.is_empty())),
        }
    }

    /// Wayland comes before X11, as an X11 display may be a guest on it.
    fn select(read_variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let named = |variable| read_variable(variable).map(|name| (variable, name));
        let wayland = WAYLAND_VARIABLES.into_iter().find_map(named);
        let x11 = named(X11_VARIABLE);
        let has_alternative = wayland.is_some() && x11.is_some();
        wayland.or(x11).map(|named| Self { variable: Some(named), has_x11_fallback: has_alternative })
    }

    /// Begins the program anew, on the X11 display, if no window opens here and that is named as well. Returns if it
    /// is not, or if that fails.
    pub fn restart_on_x11(&self) {
        #[cfg(unix)]
        if self.has_x11_fallback {
            let error = restart_without(&WAYLAND_VARIABLES);
            tracing::debug!(%error, "the program cannot begin anew on the X11 display");
        }
    }

    /// Why no window opens here, given the words with which the toolkit gave up.
    pub fn error_message(&self, error: &str) -> String {
        tracing::debug!(error, "no window opens");
        let why = match (find_missing_library(error), &self.variable) {
            (Some(library), _) => format!(": {library} cannot be loaded; install the package that has it"),
            (None, Some((variable, name))) => format!(" on the display \"{name}\"; check {variable}"),
            (None, None) => "; --verbose tells more".to_owned(),
        };
        format!(
            "The window cannot be opened{why}, or use \"reelay serve\" and \"reelay probe\", which work without one."
        )
    }
}

/// Replaces this program by itself without these variables; returns only if that fails.
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

/// The library that the toolkit could not load, such as `libX11-xcb.so.1`.
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
        assert!(!select(&[("WAYLAND_SOCKET", "5")]).unwrap().has_x11_fallback);
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
