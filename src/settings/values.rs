//! Settings of the window. Sans-I/O.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::panels::PanelSettings;
use super::recents::Recent;
use super::window::WindowSettings;
use crate::media::FrameRate;
use crate::proto::fec::ParityLayout;
use crate::recording::{RecordingFormat, SnapshotFormat};
use crate::session::{
    DEFAULT_PLAYOUT_DELAY, Fingerprint, Orientation, PlayoutDelay, Scaling, TrustedCertificate,
};

/// Usual and smallest size of text and controls, in percent.
pub const MIN_INTERFACE_SCALE: u8 = 100;

/// Largest size of text and controls, in percent.
pub const MAX_INTERFACE_SCALE: u8 = 200;

/// Values that are saved between runs of the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Set of buttons below the video.
    pub controls: Controls,
    /// Theme of the window.
    pub theme: ThemePreference,
    /// Frame rate of films that state none.
    pub frame_rate: FrameRate,
    /// Playout delay, in milliseconds; values above [`MAX_PLAYOUT_DELAY_MS`] count as that.
    pub playout_delay_ms: u32,
    /// The playout delay follows the jitter of the network instead.
    pub automatic_playout_delay: bool,
    /// Lost packets are requested again where the server can send them.
    pub retransmission: bool,
    /// Arrangement of the packets that parity packets protect, where the server offers these; `None` for no parity
    /// packets.
    pub error_correction: Option<ParityLayout>,
    /// Size of text and controls in percent, from [`MIN_INTERFACE_SCALE`] to [`MAX_INTERFACE_SCALE`].
    pub interface_scale: u8,
    /// Format of recordings.
    pub recording_format: RecordingFormat,
    /// Format of snapshots.
    pub snapshot_format: SnapshotFormat,
    /// Folder in which the dialog to open a film begins; `None` for the choice of the system.
    pub film_folder: Option<PathBuf>,
    /// Folder in which the dialog to save a file begins; `None` for the choice of the system.
    pub save_folder: Option<PathBuf>,
    /// Frames of which a part is missing are shown, with that part from the frame before.
    pub show_damaged_frames: bool,
    /// Parts of a frame that are not its own are tinted.
    pub tint_missing_parts: bool,
    /// Open panels and their width.
    pub panels: PanelSettings,
    /// Size and place of the window.
    pub window: WindowSettings,
    /// Films and streams that are opened are remembered.
    pub keep_recents: bool,
    /// Films and streams that were opened before, at most [`MAX_RECENTS`](super::recents::MAX_RECENTS), each once; the
    /// last one first.
    pub recents: Vec<Recent>,
    /// Number of times that this process has cleared the recents; not in the settings file.
    pub recents_cleared: u32,
    /// Certificates that the user trusts although the system does not, one for each server; the last one first.
    pub certificates: Vec<TrustedCertificate>,
    /// Size of the picture in the window.
    pub picture_size: Scaling,
    /// With three buttons, PLAY follows SETUP when something is opened.
    pub play_when_opened: bool,
    /// The window stays above all others.
    pub keep_on_top: bool,
    /// Films continue where they were left.
    pub resume_films: bool,
    /// Settings of single films, one entry for each; the last one first.
    pub films: Vec<FilmSettings>,
}

/// Settings of one film.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FilmSettings {
    /// Absolute path of the film.
    pub path: PathBuf,
    /// Frame rate that the user has set for a film that states none.
    pub frame_rate: Option<FrameRate>,
    /// Rotation and reflection of its picture.
    pub orientation: Orientation,
    /// Number of the frame at which it was left, from 0; `None` for the first one, and after the end.
    pub left_at_frame: Option<u64>,
}

impl FilmSettings {
    /// Returns the settings without the frame at which the film was left.
    fn without_position(&self) -> Self {
        Self { left_at_frame: None, ..self.clone() }
    }

    /// Returns true if nothing is set.
    fn is_empty(&self) -> bool {
        *self == Self { path: self.path.clone(), ..Self::default() }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            controls: Controls::default(),
            theme: ThemePreference::default(),
            frame_rate: FrameRate::CLASSROOM,
            playout_delay_ms: u32::try_from(DEFAULT_PLAYOUT_DELAY.as_millis()).unwrap_or_default(),
            automatic_playout_delay: false,
            retransmission: false,
            error_correction: None,
            interface_scale: MIN_INTERFACE_SCALE,
            recording_format: RecordingFormat::default(),
            snapshot_format: SnapshotFormat::default(),
            film_folder: None,
            save_folder: None,
            show_damaged_frames: true,
            tint_missing_parts: false,
            panels: PanelSettings::default(),
            window: WindowSettings::default(),
            keep_recents: true,
            recents: Vec::new(),
            recents_cleared: 0,
            certificates: Vec::new(),
            picture_size: Scaling::default(),
            play_when_opened: false,
            keep_on_top: false,
            resume_films: false,
            films: Vec::new(),
        }
    }
}

/// Set of buttons below the video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Controls {
    /// Play, Pause and Stop.
    #[default]
    Three,
    /// Setup, Play, Pause and Teardown, one for each RTSP request.
    Four,
}

impl Controls {
    /// Returns the name in the settings file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Three => "three",
            Self::Four => "four",
        }
    }
}

/// Error of a text that names no set of buttons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("controls are three or four")]
pub struct ParseControlsError;

impl FromStr for Controls {
    type Err = ParseControlsError;

    fn from_str(text: &str) -> Result<Self, ParseControlsError> {
        let all = [Self::Three, Self::Four];
        all.into_iter().find(|controls| controls.as_str() == text).ok_or(ParseControlsError)
    }
}

/// Theme of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ThemePreference {
    /// The theme of the desktop, followed when it changes.
    #[default]
    System,
    /// Light text on a dark background.
    Dark,
    /// Dark text on a light background.
    Light,
}

impl ThemePreference {
    /// Returns the name in the settings file and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Dark => "dark",
            Self::Light => "light",
        }
    }
}

/// Error of a text that names no theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a theme is dark, light or system")]
pub struct ParseThemeError;

impl FromStr for ThemePreference {
    type Err = ParseThemeError;

    fn from_str(text: &str) -> Result<Self, ParseThemeError> {
        let all = [Self::System, Self::Dark, Self::Light];
        all.into_iter().find(|theme| theme.as_str() == text).ok_or(ParseThemeError)
    }
}

impl Settings {
    /// Trusts a certificate of a server, in place of the one that was trusted before. Beyond `MAX_CERTIFICATES`, those
    /// that were trusted first are forgotten.
    pub fn trust_certificate(&mut self, address: String, fingerprint: Fingerprint) {
        self.certificates.retain(|known| !known.address.eq_ignore_ascii_case(&address));
        self.certificates.insert(0, TrustedCertificate { address, fingerprint });
        self.certificates.truncate(MAX_CERTIFICATES);
    }

    /// Remembers the frame rate of a film.
    pub fn remember_frame_rate(&mut self, path: PathBuf, frame_rate: FrameRate) {
        self.change_film(path, |film| film.frame_rate = Some(frame_rate));
    }

    /// Returns what is set for a film; the defaults if that is nothing.
    pub fn film(&self, path: &Path) -> FilmSettings {
        self.films.iter().find(|known| known.path == path).cloned().unwrap_or_default()
    }

    /// Changes what is set for a film. Beyond `MAX_FILMS`, those that were changed first are forgotten, and of these
    /// first the ones of which only a position is known. A path that is not Unicode cannot be written to the settings
    /// file, and is not remembered.
    pub fn change_film(&mut self, path: PathBuf, change: impl FnOnce(&mut FilmSettings)) {
        if path.to_str().is_none() {
            return;
        }
        let mut film = FilmSettings { path, ..FilmSettings::default() };
        if let Some(at) = self.films.iter().position(|known| known.path == film.path) {
            film = self.films.remove(at);
        }
        change(&mut film);
        if film.is_empty() {
            return;
        }
        self.films.insert(0, film);
        if self.films.len() > MAX_FILMS {
            // What the user has set is kept longer than where films were left.
            let only_left = self.films.iter().rposition(|film| film.without_position().is_empty());
            self.films.remove(only_left.unwrap_or(MAX_FILMS));
        }
    }

    /// Forgets the films and streams that were opened before, and where films were left.
    pub fn clear_recents(&mut self) {
        self.recents_cleared = self.recents_cleared.wrapping_add(1);
        self.recents.clear();
        self.films.iter_mut().for_each(|film| film.left_at_frame = None);
        self.films.retain(|film| !film.is_empty());
    }

    /// Returns the playout delay of a session: automatic, or the one that is set.
    pub fn playout(&self) -> PlayoutDelay {
        match self.automatic_playout_delay {
            true => PlayoutDelay::Auto,
            false => self.playout_delay().into(),
        }
    }

    /// Returns the playout delay that is set, at most [`MAX_PLAYOUT_DELAY_MS`].
    pub fn playout_delay(&self) -> Duration {
        Duration::from_millis(u64::from(self.playout_delay_ms.min(MAX_PLAYOUT_DELAY_MS)))
    }
}

/// Maximum playout delay that can be set, in milliseconds.
pub const MAX_PLAYOUT_DELAY_MS: u32 = 5_000;

/// Maximum number of films with settings of their own.
pub(super) const MAX_FILMS: usize = 256;

/// Maximum number of trusted certificates.
pub(super) const MAX_CERTIFICATES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_for_a_film_is_kept_longer_than_where_films_were_left() {
        let mut settings = Settings::default();
        settings.change_film("/films/set".into(), |film| film.frame_rate = Some(FrameRate::per_second(5)));
        for number in 0..2 * MAX_FILMS as u64 {
            settings.change_film(format!("/films/{number}").into(), |film| film.left_at_frame = Some(number));
        }
        assert_eq!(settings.films.len(), MAX_FILMS);
        let frame_rate = |settings: &Settings| settings.film(Path::new("/films/set")).frame_rate;
        assert_eq!(frame_rate(&settings), Some(FrameRate::per_second(5)));
        settings.clear_recents();
        assert_eq!((settings.films.len(), frame_rate(&settings)), (1, Some(FrameRate::per_second(5))));
    }

    #[test]
    fn one_certificate_is_trusted_for_each_server() {
        let mut settings = Settings::default();
        for number in 0..500_u32 {
            let fingerprint = Fingerprint::of(&number.to_be_bytes());
            settings.trust_certificate(format!("camera{number}:322"), fingerprint);
        }
        assert_eq!(settings.certificates.len(), MAX_CERTIFICATES);
        settings.trust_certificate("CAMERA499:322".to_owned(), Fingerprint::of(b"new"));
        let of_camera = |known: &&TrustedCertificate| known.address.eq_ignore_ascii_case("camera499:322");
        let known: Vec<_> = settings.certificates.iter().filter(of_camera).collect();
        assert_eq!(known.len(), 1);
        assert_eq!(known[0].fingerprint, Fingerprint::of(b"new"));
    }

    #[test]
    fn one_frame_rate_is_kept_for_each_film() {
        let mut settings = Settings::default();
        for number in 0..500 {
            let path = format!("/films/{number}.mjpeg").into();
            settings.remember_frame_rate(path, FrameRate::per_second(5));
        }
        settings.remember_frame_rate("/films/499.mjpeg".into(), FrameRate::per_second(6));
        assert_eq!(settings.films.len(), MAX_FILMS);
        let film = |path: &str, rate| FilmSettings {
            path: path.into(),
            frame_rate: Some(FrameRate::per_second(rate)),
            ..FilmSettings::default()
        };
        assert_eq!(settings.films[..2], [film("/films/499.mjpeg", 6), film("/films/498.mjpeg", 5)]);
    }

    #[test]
    fn film_without_settings_is_forgotten() {
        let mut settings = Settings::default();
        let path = PathBuf::from("/films/talk.mjpeg");
        let turned = Orientation::default().rotated();
        settings.change_film(path.clone(), |film| film.orientation = turned);
        settings.remember_frame_rate(path.clone(), FrameRate::per_second(5));
        assert_eq!(settings.film(&path).orientation, turned);
        settings.change_film(path.clone(), |film| film.frame_rate = None);
        assert_eq!(settings.films.len(), 1);
        settings.change_film(path.clone(), |film| film.orientation = Orientation::default());
        assert_eq!(settings.films, []);
        assert_eq!(settings.film(&path), FilmSettings::default());
    }

    #[test]
    fn playout_delay_is_bounded() {
        let settings = Settings { playout_delay_ms: 60_000, ..Settings::default() };
        assert_eq!(settings.playout_delay(), Duration::from_secs(5));
        assert_eq!(settings.playout(), PlayoutDelay::Fixed(Duration::from_secs(5)));
        let automatic = Settings { automatic_playout_delay: true, ..settings };
        assert_eq!(automatic.playout(), PlayoutDelay::Auto);
        assert_eq!(Settings::default().playout_delay(), DEFAULT_PLAYOUT_DELAY);
    }
}
