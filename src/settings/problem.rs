//! Problems of a settings file, each one sentence. Sans-I/O.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

/// Value of a settings file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoredValue {
    /// Key of the value, such as `theme`, or `servers[2].dialect`, counted from 1.
    pub key: String,
    /// Rule that the value breaks, such as `a theme is dark, light or system`.
    pub rule: String,
}

impl fmt::Display for IgnoredValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.key, self.rule)
    }
}

/// Problem of a settings file, for the user. Settings are usable in every case.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingsProblem {
    /// Some values cannot be used and stay at their defaults.
    #[error("Ignored in {}: {}; correct the file with a text editor.", .path.display(), list(.values))]
    Ignored {
        /// Path of the file.
        path: PathBuf,
        /// The values; at least one.
        values: Vec<IgnoredValue>,
    },
    /// The file is neither TOML nor, if it is an old one, JSON, and was renamed.
    #[error(
        "{} cannot be parsed ({reason}); it was renamed to {}, and the default settings are used.",
        .path.display(),
        file_name(.renamed_to)
    )]
    SetAside {
        /// Path that the file had.
        path: PathBuf,
        /// Reason given by the parser.
        reason: String,
        /// Path that the file has now.
        renamed_to: PathBuf,
    },
    /// The file cannot be read, or cannot be understood and not be renamed either.
    #[error("{} cannot be used ({reason}); the default settings are used until it is corrected.", .path.display())]
    Unusable {
        /// Path of the file.
        path: PathBuf,
        /// Reason given by the system or by the parser.
        reason: String,
    },
}

fn list(values: &[IgnoredValue]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn file_name(path: &std::path::Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_one_sentence() {
        let path = PathBuf::from("settings.toml");
        let value = |key: &str, rule: &str| IgnoredValue { key: key.to_owned(), rule: rule.to_owned() };
        let values = vec![value("theme", "a theme is dark, light or system"), value("x", "a rule")];
        assert_eq!(
            SettingsProblem::Ignored { path: path.clone(), values }.to_string(),
            "Ignored in settings.toml: theme (a theme is dark, light or system), x (a rule); correct the file \
             with a text editor."
        );
        let renamed_to = PathBuf::from("folder/settings.toml.broken");
        let reason = "line 3: invalid string".to_owned();
        assert_eq!(
            SettingsProblem::SetAside { path, reason, renamed_to }.to_string(),
            "settings.toml cannot be parsed (line 3: invalid string); it was renamed to settings.toml.broken, and \
             the default settings are used."
        );
    }
}
