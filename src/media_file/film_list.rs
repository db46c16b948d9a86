//! Lists of films: the films of a folder, and `.m3u` files.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::error::{MediaFileError, MediaFileErrorKind};
use super::library::{FoundFilms, find_films};
use super::natural_order;

/// Entry of a list of films.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListedFilm {
    /// Film on this machine.
    File(PathBuf),
    /// URL as it stands in the list.
    Url(String),
}

/// Maximum length of a list that is read, in bytes.
const MAX_LIST_SIZE: u64 = 4 * 1024 * 1024;

/// Returns true if the file name is that of a list (`.m3u` or `.m3u8`).
pub fn is_list_name(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["m3u", "m3u8"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// Reads the films of an `.m3u` file. Blocks.
///
/// # Errors
/// Returns an error if the file cannot be read, is larger than 4 MiB, or names no film.
pub fn read_list(path: &Path, name: &str) -> Result<Vec<ListedFilm>, MediaFileError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let films = parse_list(&read_text(path, name)?, folder);
    let fail = || MediaFileError::new(name, path, MediaFileErrorKind::EmptyList);
    if films.is_empty() { Err(fail()) } else { Ok(films) }
}

/// Reads a text file; bytes that are not UTF-8 are replaced. Blocks.
///
/// # Errors
/// Returns an error if the file cannot be read, or is larger than 4 MiB.
pub(super) fn read_text(path: &Path, name: &str) -> Result<String, MediaFileError> {
    let fail = |kind| MediaFileError::new(name, path, kind);
    let mut bytes = Vec::new();
    let file = File::open(path).and_then(|file| match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a file")),
    });
    let read = file.and_then(|file| file.take(MAX_LIST_SIZE + 1).read_to_end(&mut bytes));
    read.map_err(|error| fail(MediaFileErrorKind::Io(error)))?;
    if bytes.len() as u64 > MAX_LIST_SIZE {
        return Err(fail(MediaFileErrorKind::ListTooLarge));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Films of a folder and of those below it, in natural order.
#[derive(Debug)]
pub struct FilmsOfFolder {
    /// Films, which may be none.
    pub films: Vec<ListedFilm>,
    /// Messages for users about the media files and folders that are left out, with the reason.
    pub skipped: Vec<String>,
}

/// Returns the films of a folder and of those below it, in natural order. Blocks.
///
/// # Errors
/// Returns an error if the folder cannot be read.
pub fn films_of_folder(folder: &Path) -> io::Result<FilmsOfFolder> {
    let FoundFilms { mut films, skipped } = find_films(folder)?;
    films.sort_by(|(first, _), (second, _)| natural_order::compare_names(first.as_ref(), second.as_ref()));
    Ok(FilmsOfFolder { films: films.into_iter().map(|(_, path)| ListedFilm::File(path)).collect(), skipped })
}

/// Parses an `.m3u` file: a path or a URL on each line; lines that begin with `#` are comments. Paths count from
/// `folder`.
fn parse_list(text: &str, folder: &Path) -> Vec<ListedFilm> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| match line.split_once("://") {
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("file") => ListedFilm::File(file_path(line)),
            Some(_) => ListedFilm::Url(line.to_owned()),
            None => ListedFilm::File(folder.join(line)),
        })
        .collect()
}

/// Returns the path of a `file:` URL, or the text itself if it is none that names a file here.
fn file_path(url: &str) -> PathBuf {
    crate::file_url::to_path(url).unwrap_or_else(|| PathBuf::from(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_paths_urls_and_comments() {
        let text = "\u{feff}#EXTM3U\r\n#EXTINF:10,Talk\r\ntalk.mjpeg\r\n\r\n  /films/a b.avi \n\
                    rtsp://lab.example:8554/movie\nfile:///films/a%20c.mov\n";
        let file = |path: &str| ListedFilm::File(path.into());
        let expected = [
            file("/lists/talk.mjpeg"),
            file("/films/a b.avi"),
            ListedFilm::Url("rtsp://lab.example:8554/movie".to_owned()),
            file("/films/a c.mov"),
        ];
        assert_eq!(parse_list(text, Path::new("/lists")), expected);
        assert_eq!(parse_list("# nothing\n", Path::new("/")), []);
    }

    #[test]
    fn lists_are_known_by_their_extension() {
        assert!(is_list_name(Path::new("a.m3u")) && is_list_name(Path::new("a.M3U8")));
        assert!(!is_list_name(Path::new("m3u")) && !is_list_name(Path::new("a.mjpeg")));
    }

    #[test]
    fn list_without_films_and_one_that_is_too_large_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.m3u");
        let sentence = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read_list(&path, "list.m3u").unwrap_err().to_string()
        };
        assert!(sentence("#EXTM3U\n").contains("names no film"));
        assert!(sentence(&"x\n".repeat(3_000_000)).contains("larger than 4 MiB"));
        std::fs::remove_file(&path).unwrap();
        assert!(read_list(&path, "list.m3u").is_err());
        assert!(read_list(folder.path(), "list.m3u").is_err(), "a folder is no list");
    }

    #[test]
    fn films_of_a_folder_are_in_natural_order() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("more")).unwrap();
        for name in ["10.mjpeg", "9.mjpeg", "more/1.mjpeg", "notes.txt"] {
            std::fs::write(folder.path().join(name), b"\xFF\xD8\xFFx").unwrap();
        }
        std::fs::write(folder.path().join("text.mjpeg"), b"no film").unwrap();
        let FilmsOfFolder { films, skipped } = films_of_folder(folder.path()).unwrap();
        let expected = ["9.mjpeg", "10.mjpeg", "more/1.mjpeg"];
        assert_eq!(films, expected.map(|name| ListedFilm::File(folder.path().join(name))));
        assert!(matches!(skipped.as_slice(), [reason] if reason.contains("text.mjpeg")), "{skipped:?}");
    }
}
