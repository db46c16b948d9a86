//! What is remembered from one start to the next.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use std::{fmt, fs, io};

use etcetera::BaseStrategy as _;
use serde::{Deserialize, Serialize};

use crate::media::FrameRate;
use crate::session::{DEFAULT_PLAYOUT_DELAY, Dialect};

/// Everything that is remembered. What a file lacks, or a newer one has more, does no harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Three buttons or four.
    pub controls: Controls,
    /// Dark, light, or as the system has it.
    pub theme: ThemePreference,
    /// Frames a second of films that state no rate, in the words in which it is typed.
    #[serde(with = "frame_rate_text")]
    pub frame_rate: FrameRate,
    /// How long pictures wait, in milliseconds.
    pub playout_delay_ms: u32,
    /// Servers that were connected to, the last one first.
    pub servers: Vec<KnownServer>,
}

/// A server, and what it speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownServer {
    /// Host and port, as in a URL.
    pub address: String,
    /// What was chosen for it.
    pub dialect: Dialect,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            controls: Controls::default(),
            theme: ThemePreference::default(),
            frame_rate: FrameRate::CLASSROOM,
            playout_delay_ms: u32::try_from(DEFAULT_PLAYOUT_DELAY.as_millis()).unwrap_or_default(),
            servers: Vec::new(),
        }
    }
}

mod frame_rate_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    use crate::media::FrameRate;

    pub fn serialize<S: Serializer>(frame_rate: &FrameRate, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(frame_rate)
    }

    pub fn deserialize<'a, D: Deserializer<'a>>(deserializer: D) -> Result<FrameRate, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The buttons under the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Controls {
    /// Play, Pause, Stop.
    #[default]
    Three,
    /// Setup, Play, Pause, Teardown.
    Four,
}

/// Dark, light, or as the system has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum ThemePreference {
    #[default]
    System,
    Dark,
    Light,
}

/// A text that names no theme.
#[derive(Debug)]
pub struct ParseThemeError;

impl fmt::Display for ParseThemeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a theme is dark, light or system")
    }
}

impl std::error::Error for ParseThemeError {}

impl FromStr for ThemePreference {
    type Err = ParseThemeError;

    fn from_str(text: &str) -> Result<Self, ParseThemeError> {
        match text {
            "system" => Ok(Self::System),
            "dark" => Ok(Self::Dark),
            "light" => Ok(Self::Light),
            _ => Err(ParseThemeError),
        }
    }
}

impl Settings {
    /// Reads what was remembered; the defaults where nothing was, or nothing that can be read.
    pub fn load() -> Self {
        let Some(path) = settings_path() else { return Self::default() };
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).unwrap_or_else(|error| {
                tracing::warn!(path = %path.display(), %error, "the settings cannot be read; the defaults are used");
                Self::default()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::default(),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "the settings cannot be read; the defaults are used");
                Self::default()
            }
        }
    }

    /// Remembers.
    ///
    /// # Errors
    /// When there is no place for it, or the place cannot be written to.
    pub fn save(&self) -> io::Result<()> {
        let path = settings_path()
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no home folder"))?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        // Written beside and renamed, so that a crash leaves the old ones.
        let temporary = path.with_extension("new");
        fs::write(&temporary, serde_json::to_vec_pretty(self)?)?;
        fs::rename(&temporary, &path)
    }

    /// Remembers what a server speaks. The one that was not connected to for longest is forgotten.
    pub fn remember_server(&mut self, address: String, dialect: Dialect) {
        self.servers.retain(|known| !known.address.eq_ignore_ascii_case(&address));
        self.servers.insert(0, KnownServer { address, dialect });
        self.servers.truncate(MAX_SERVERS);
    }

    /// How long pictures wait.
    pub fn playout_delay(&self) -> Duration {
        Duration::from_millis(u64::from(self.playout_delay_ms.min(MAX_PLAYOUT_DELAY_MS)))
    }
}

/// The longest playout delay that can be set, in milliseconds.
pub const MAX_PLAYOUT_DELAY_MS: u32 = 5_000;

/// Servers that are remembered.
const MAX_SERVERS: usize = 32;

fn settings_path() -> Option<PathBuf> {
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.config_dir().join("reelay").join("settings.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_older_and_newer_versions_are_read() {
        let read = |text: &str| serde_json::from_str::<Settings>(text).unwrap();
        assert_eq!(read("{}"), Settings::default());
        let settings = read(r#"{"controls": "four", "theme": "light", "colour": 7}"#);
        assert_eq!((settings.controls, settings.theme), (Controls::Four, ThemePreference::Light));
        assert_eq!(settings.frame_rate, FrameRate::CLASSROOM, "an older file lacks it");
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(read(&text), settings);
        let settings = Settings { frame_rate: FrameRate::new(30_000, 1_001).unwrap(), ..settings };
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(read(&text), settings, "{text}");
    }

    #[test]
    fn known_servers_are_unique_and_bounded() {
        let mut settings = Settings::default();
        for port in 0..100 {
            settings.remember_server(format!("lab.example:{port}"), Dialect::Standard);
        }
        settings.remember_server("LAB.example:99".to_owned(), Dialect::Classroom);
        assert_eq!(settings.servers.len(), MAX_SERVERS);
        let addresses = |n: usize| settings.servers[n].address.as_str();
        assert_eq!(
            [addresses(0), addresses(1), addresses(31)],
            ["LAB.example:99", "lab.example:98", "lab.example:68"]
        );
        let text = serde_json::to_string(&settings).unwrap();
        assert!(text.contains(r#"{"address":"LAB.example:99","dialect":"classroom"}"#), "{text}");
    }
}
