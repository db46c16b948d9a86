//! Names of recordings and snapshots, and the folders for them.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use jiff::Zoned;

/// Maximum number of characters of the film's name in a file name.
const MAX_NAME: usize = 80;

/// Maximum number of names that are tried.
const MAX_NUMBER: u32 = 1_000;

/// Folders of the user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFolders {
    /// Folder for recordings.
    pub videos: PathBuf,
    /// Folder for snapshots.
    pub pictures: PathBuf,
}

impl UserFolders {
    /// Returns the folders of this system: on Linux those of `user-dirs.dirs`, elsewhere those in the home folder.
    /// Reads a file.
    pub fn of_system() -> Self {
        let Ok(strategy) = etcetera::choose_base_strategy() else { return Self::default() };
        let home = strategy.home_dir();
        let configured = fs::read_to_string(strategy.config_dir().join("user-dirs.dirs")).unwrap_or_default();
        let folder = |key, default| user_folder(&configured, key, home).unwrap_or_else(|| home.join(default));
        let videos = if cfg!(target_os = "macos") { "Movies" } else { "Videos" };
        Self { videos: folder("XDG_VIDEOS_DIR", videos), pictures: folder("XDG_PICTURES_DIR", "Pictures") }
    }
}

/// Returns a folder of `user-dirs.dirs`, whose lines are `XDG_VIDEOS_DIR="$HOME/Videos"`.
fn user_folder(configured: &str, key: &str, home: &Path) -> Option<PathBuf> {
    let line =
        configured.lines().find_map(|line| line.trim().strip_prefix(key)?.trim_start().strip_prefix('='))?;
    let value = line.trim().strip_prefix('"')?.strip_suffix('"')?;
    match value.strip_prefix("$HOME") {
        Some(below) => Some(home.join(below.trim_start_matches('/'))),
        None => Some(PathBuf::from(value)).filter(|path| path.is_absolute()),
    }
}

/// Returns the file name without its extension: name of the film, date and time.
pub fn file_stem(film: &str, now: &Zoned) -> String {
    let film = film.rsplit_once('.').map_or(film, |(stem, _)| if stem.is_empty() { film } else { stem });
    let is_allowed = |c: char| !c.is_control() && !r#"/\:*?"<>|"#.contains(c);
    let film: String = film.chars().map(|c| if is_allowed(c) { c } else { '-' }).take(MAX_NAME).collect();
    let film = match film.trim_matches(|c: char| c == '.' || c.is_whitespace()) {
        "" => "film",
        film => film,
    };
    format!("{film} {}", now.strftime("%Y-%m-%d %H.%M.%S"))
}

/// Returns the path of a new file in a folder, which is created. Blocks.
///
/// # Errors
/// Returns an error if the folder cannot be created, or has 1,000 files of this name.
pub fn unused_path(folder: &Path, stem: &str, extension: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let numbered = (2..=MAX_NUMBER).map(|number| format!("{stem} {number}.{extension}"));
    let names = std::iter::once(format!("{stem}.{extension}")).chain(numbered);
    names
        .map(|name| folder.join(name))
        .find(|path| fs::symlink_metadata(path).is_err())
        .ok_or_else(|| ErrorKind::AlreadyExists.into())
}

/// Writes a new file; nothing of it stays if that fails. Blocks.
///
/// # Errors
/// Returns an error if the file exists or cannot be written.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes).inspect_err(|_| {
        // The error of the write is reported.
        let _ = fs::remove_file(path);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_film_date_and_time_and_no_separators() {
        let now: Zoned = "2026-11-29T03:24:05[UTC]".parse().unwrap();
        let stem = |film| file_stem(film, &now);
        assert_eq!(stem("movie.Mjpeg"), "movie 2026-11-29 03.24.05");
        assert_eq!(stem("video.cgi"), "video 2026-11-29 03.24.05");
        assert_eq!(stem("../a\\b:c?.mov"), "-a-b-c- 2026-11-29 03.24.05");
        assert_eq!(stem(".."), "film 2026-11-29 03.24.05");
        assert_eq!(stem(&"ü".repeat(500)).chars().count(), MAX_NAME + 20);
    }

    #[test]
    fn files_are_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("Videos/new");
        let next = || unused_path(&folder, "film", "mov").unwrap();
        for name in ["film.mov", "film 2.mov", "film 3.mov"] {
            assert_eq!(next(), folder.join(name));
            write_new(&next(), b"film").unwrap();
        }
        assert_eq!(write_new(&folder.join("film.mov"), b"").unwrap_err().kind(), ErrorKind::AlreadyExists);
    }

    #[test]
    fn folders_of_the_desktop_are_used() {
        let configured = "# comment\nXDG_PICTURES_DIR=\"/media/pictures\"\nXDG_VIDEOS_DIR=\"$HOME/Filme\"\n";
        let folder = |key| user_folder(configured, key, Path::new("/home/ann"));
        assert_eq!(folder("XDG_VIDEOS_DIR"), Some("/home/ann/Filme".into()));
        assert_eq!(folder("XDG_PICTURES_DIR"), Some("/media/pictures".into()));
        assert_eq!(folder("XDG_MUSIC_DIR"), None);
        assert_eq!(user_folder("XDG_VIDEOS_DIR=\"relative\"", "XDG_VIDEOS_DIR", Path::new("/")), None);
    }
}
