//! The display that the window opens on, as the environment names it, and what is said where it does not.

use std::env;
#[cfg(unix)]
use std::process::Command;

/// A display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Display {
    /// The variable that names it, and the name. Windows and macOS have one display, without a name.
    named: Option<(&'static str, String)>,
    /// It is one of Wayland, and one of X11 is named as well.
    has_alternative: bool,
}

/// The variables that name a Wayland display, in the toolkit's order.
const WAYLAND: [&str; 2] = ["WAYLAND_SOCKET", "WAYLAND_DISPLAY"];

/// The variable that names an X11 display.
const X11: &str = "DISPLAY";

impl Display {
    /// The display that the toolkit takes; `None` if there is none.
    pub fn of_environment() -> Option<Self> {
        match cfg!(any(target_os = "windows", target_os = "macos")) {
            true => Some(Self { named: None, has_alternative: false }),
            false => Self::choose(|variable| env::var(variable).ok().filter(|name| !name.is_empty())),
        }
    }

    /// Wayland comes before X11, as an X11 display may be a guest on it.
    fn choose(name_in: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let named = |variable| name_in(variable).map(|name| (variable, name));
        let wayland = WAYLAND.into_iter().find_map(named);
        let x11 = named(X11);
        let has_alternative = wayland.is_some() && x11.is_some();
        wayland.or(x11).map(|named| Self { named: Some(named), has_alternative })
    }

    /// Begins the program anew, on the X11 display, if no window opens here and that is named as well. Returns if it
    /// is not, or if that fails.
    pub fn give_way(&self) {
        #[cfg(unix)]
        if self.has_alternative {
            let error = begin_without(&WAYLAND);
            tracing::debug!(%error, "the program cannot begin anew on the X11 display");
        }
    }

    /// Why no window opens here, given the words with which the toolkit gave up.
    pub fn explain(&self, words: &str) -> String {
        tracing::debug!(words, "no window opens");
        let why = match (missing_library(words), &self.named) {
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
fn begin_without(variables: &[&str]) -> std::io::Error {
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
fn missing_library(words: &str) -> Option<&str> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    words
        .split(|c| !is_of_name(c))
        .map(|word| word.trim_end_matches('.'))
        .find(|word| word.starts_with("lib") && word.contains(".so"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(named: &[(&str, &str)]) -> Option<Display> {
        Display::choose(|variable| {
            named.iter().find(|(name, _)| *name == variable).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn wayland_comes_first_and_x11_is_the_alternative() {
        assert_eq!(choose(&[]), None);
        let x11 = choose(&[("DISPLAY", ":0")]).unwrap();
        assert_eq!(x11, Display { named: Some(("DISPLAY", ":0".to_owned())), has_alternative: false });
        let both = choose(&[("DISPLAY", ":0"), ("WAYLAND_DISPLAY", "wayland-0")]).unwrap();
        assert!(both.has_alternative);
        assert!(both.explain("").contains("\"wayland-0\"; check WAYLAND_DISPLAY"));
        assert!(!choose(&[("WAYLAND_SOCKET", "5")]).unwrap().has_alternative);
    }

    #[test]
    fn a_missing_library_is_named() {
        let display = choose(&[("DISPLAY", ":0")]).unwrap();
        let sentence = display.explain("Library libxkbcommon-x11.so could not be loaded.");
        assert!(sentence.contains("libxkbcommon-x11.so cannot be loaded; install"), "{sentence}");
        let sentence = display.explain(
            "Create event loop: Os(OsError { error: XNotSupported(LibraryOpenError(OpenError { kind: Library, \
             detail: \"libX11-xcb.so.1: cannot open shared object file\" })) })",
        );
        assert!(sentence.contains(": libX11-xcb.so.1 cannot be loaded"), "{sentence}");
        assert!(display.explain("XOpenDisplayFailed").contains("\":0\"; check DISPLAY"));
    }
}
