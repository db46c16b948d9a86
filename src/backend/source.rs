//! Media on this machine: files and the built-in sample.

use std::path::{self, Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::media::FrameRate;
use crate::media_file::{
    FilmsOfFolder, ListedFilm, MediaFile, MediaFileError, films_of_folder, is_description_name, is_list_name,
    read_description, read_list,
};
use crate::session::SourceUrl;

/// Source of a local video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaSource {
    /// File, or folder of JPEG files, with this path.
    File(PathBuf),
    /// Sample video that is part of the program.
    Sample,
}

impl MediaSource {
    /// Returns the file name, or [`SAMPLE_NAME`].
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => file_name(path),
            Self::Sample => SAMPLE_NAME.to_owned(),
        }
    }

    /// Returns the source with an absolute path, which is the same for every current folder.
    pub fn absolute(self) -> Self {
        match self {
            Self::File(path) => Self::File(path::absolute(&path).unwrap_or(path)),
            Self::Sample => self,
        }
    }

    /// Opens the source; `rate` is used if the file states no frame rate. Blocks until the first frame is found, or
    /// until soon after `cancelled` is.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, is neither Motion JPEG nor a list of films, or if that was not
    /// known when it was cancelled.
    pub fn open(
        &self,
        rate: FrameRate,
        cancelled: &CancellationToken,
    ) -> Result<OpenedSource, MediaFileError> {
        match self {
            Self::File(path) => open_path(path, rate, cancelled),
            Self::Sample => MediaFile::from_memory(SAMPLE, SAMPLE_NAME, rate).map(OpenedSource::Film),
        }
    }
}

/// Content of a source that was opened.
#[derive(Debug)]
pub enum OpenedSource {
    /// Film whose first frame is known.
    Film(Arc<MediaFile>),
    /// List of films and streams: the films of a folder, those of an `.m3u` file, or the stream of an `.sdp` file.
    /// Never empty.
    List(FoundList),
}

/// List of films and streams that a source turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundList {
    /// Films and streams in the order of the list.
    pub entries: Vec<ListEntry>,
    /// Sentences for the user about the films of a folder that are left out.
    pub skipped: Vec<String>,
}

impl From<Vec<ListEntry>> for FoundList {
    fn from(entries: Vec<ListEntry>) -> Self {
        Self { entries, skipped: Vec::new() }
    }
}

/// Entry of a list of films.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListEntry {
    /// Film on this machine.
    Film(MediaSource),
    /// Film of which there is no file, or no longer.
    MissingFilm(MediaSource),
    /// Stream of a server.
    Stream(SourceUrl),
}

fn open_path(
    path: &Path,
    rate: FrameRate,
    cancelled: &CancellationToken,
) -> Result<OpenedSource, MediaFileError> {
    let name = file_name(path);
    if is_list_name(path) {
        return Ok(OpenedSource::List(list_entries(read_list(path, &name)?, cancelled).into()));
    }
    if is_description_name(path) {
        return Ok(OpenedSource::List(list_entries(vec![read_description(path, &name)?], cancelled).into()));
    }
    match MediaFile::open_unless_cancelled(path, &name, rate, cancelled) {
        Ok(film) => Ok(OpenedSource::Film(film)),
        Err(error) if error.is_folder_of_films() => match films_of_folder(path) {
            Ok(FilmsOfFolder { films, skipped }) if !films.is_empty() => {
                Ok(OpenedSource::List(FoundList { entries: list_entries(films, cancelled), skipped }))
            }
            // The folder has changed, or the names of its films are not UTF-8.
            Ok(_) | Err(_) => Err(error),
        },
        Err(error) => Err(error),
    }
}

/// Returns the entries of a list. A URL that cannot be played becomes the path of a file, whose error names it. Once
/// `cancelled`, no file is looked for any more: on a network drive, that may take long.
fn list_entries(films: Vec<ListedFilm>, cancelled: &CancellationToken) -> Vec<ListEntry> {
    let is_missing = |path: &Path| !cancelled.is_cancelled() && matches!(path.try_exists(), Ok(false));
    let entry = |film| match film {
        ListedFilm::File(path) if is_missing(&path) => ListEntry::MissingFilm(MediaSource::File(path)),
        ListedFilm::File(path) => ListEntry::Film(MediaSource::File(path)),
        ListedFilm::Url(url) => match SourceUrl::parse(&url) {
            Some(url) => ListEntry::Stream(url),
            None => ListEntry::Film(MediaSource::File(url.into())),
        },
    };
    films.into_iter().map(entry).collect()
}

/// Bytes of the sample video.
pub(super) static SAMPLE: &[u8] = include_bytes!("../../assets/sample.mjpeg");

/// File name under which the sample is shown and served.
pub const SAMPLE_NAME: &str = "sample.mjpeg";

/// Returns the last component of a path, or the complete path if it has none. "." and ".." stand for the folder that
/// they name.
pub fn file_name(path: &Path) -> String {
    let resolved = if path.file_name().is_none() { path.canonicalize().ok() } else { None };
    let path = resolved.as_deref().unwrap_or(path);
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn open(path: &Path) -> Result<OpenedSource, MediaFileError> {
        MediaSource::File(path.to_owned()).open(FrameRate::CLASSROOM, &CancellationToken::new())
    }

    fn entries(path: &Path) -> Vec<ListEntry> {
        match open(path).unwrap() {
            OpenedSource::List(list) => list.entries,
            OpenedSource::Film(film) => panic!("{film:?}"),
        }
    }

    fn film(path: PathBuf) -> ListEntry {
        ListEntry::Film(MediaSource::File(path))
    }

    #[test]
    fn folder_of_films_is_their_list_and_any_other_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(open(folder.path()).is_err());
        fs::write(folder.path().join("notes.txt"), "none").unwrap();
        assert!(open(folder.path()).is_err());
        let paths = ["a.mjpeg", "b.mjpeg"].map(|name| folder.path().join(name));
        paths.iter().for_each(|path| fs::write(path, SAMPLE).unwrap());
        assert_eq!(entries(folder.path()), paths.clone().map(film));
        assert!(matches!(open(&paths[0]), Ok(OpenedSource::Film(_))));
    }

    #[test]
    fn list_may_name_films_streams_and_what_cannot_be_played() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("list.m3u");
        fs::write(folder.path().join("film.mjpeg"), SAMPLE).unwrap();
        fs::write(&list, "missing.mjpeg\nfilm.mjpeg\nrtsp://camera/video\nftp://camera/film.mjpeg\n")
            .unwrap();
        let stream = SourceUrl::parse("rtsp://camera/video").unwrap();
        assert_eq!(
            entries(&list),
            [
                ListEntry::MissingFilm(MediaSource::File(folder.path().join("missing.mjpeg"))),
                film(folder.path().join("film.mjpeg")),
                ListEntry::Stream(stream),
                film("ftp://camera/film.mjpeg".into())
            ]
        );
    }
}
