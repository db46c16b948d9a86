//! The media files that a server offers, by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::{fs, io};

use super::error::{MediaFileError, MediaFileErrorKind};
use super::file::MediaFile;
use super::folder_listing::{MAX_DEPTH, links_inside};
use crate::media::FrameRate;
use crate::media::container::has_media_extension;

/// The media files of a server, by their name in RTSP URLs.
///
/// The path of a URL is looked up among these names and never used as a file path, so no request can reach a file
/// that is not served.
#[derive(Debug, Default)]
pub struct Library {
    entries: RwLock<BTreeMap<String, LibraryEntry>>,
}

#[derive(Debug, Clone)]
enum LibraryEntry {
    Open {
        media_file: Arc<MediaFile>,
        /// Folder in which it was found, without links, and which it must not leave by one; `None` if it was added
        /// itself.
        root: Option<Arc<Path>>,
    },
    /// Found in a folder and opened by the first request for it.
    Listed { path: PathBuf, rate: FrameRate, root: Arc<Path> },
}

/// Files that [`Library::add_folder`] found in a folder.
#[derive(Debug, Default)]
pub struct AddedFolder {
    /// Names of the files that are served.
    pub names: Vec<String>,
    /// Messages for users about the media files and folders that are not served, with the reason.
    pub skipped: Vec<String>,
    /// Number of those whose names are not UTF-8.
    pub non_utf8: usize,
    /// Messages for users about the files that are served under another name than their own.
    pub renamed: Vec<String>,
}

/// Message for users about a file that is served as `name` because its own name is in use.
pub fn renamed_message(path: &Path, name: &str, original: &str) -> String {
    format!("{} is served as {name}, because the name {original} is in use.", path.display())
}

impl Library {
    /// Adds an open file; returns the name under which it is served.
    pub fn add(&self, media_file: Arc<MediaFile>) -> String {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let name = unique_name(&entries, media_file.name());
        entries.insert(name.clone(), LibraryEntry::Open { media_file, root: None });
        name
    }

    /// Adds the media files of a folder and of its subfolders, up to 8 levels deep. They are opened when first
    /// requested. Blocks.
    ///
    /// # Errors
    /// Returns an error if the folder itself cannot be read.
    pub fn add_folder(&self, folder: &Path, rate: FrameRate) -> io::Result<AddedFolder> {
        let mut search = FolderSearch::new(folder)?;
        search.read_folder(folder, "", 0)?;
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let (mut names, mut renames) = (Vec::new(), Vec::new());
        let root: Arc<Path> = search.canonical.into();
        for (original, path) in search.files {
            let name = unique_name(&entries, &original);
            if name != original {
                renames.push(renamed_message(&path, &name, &original));
            }
            entries.insert(name.clone(), LibraryEntry::Listed { path, rate, root: root.clone() });
            names.push(name);
        }
        Ok(AddedFolder { names, skipped: search.skipped, non_utf8: search.non_utf8, renamed: renames })
    }

    /// Removes all files. Existing sessions keep theirs open.
    pub fn clear(&self) {
        self.entries.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Returns true if a file is served under exactly this name.
    pub fn contains(&self, name: &str) -> bool {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }

    /// Finds a served name for a file name as classroom clients send it, which may be a path on the client's own disk:
    /// the exact name, else the name without regard to case, else the last path component, else that without regard to
    /// case.
    pub fn find_name(&self, requested: &str) -> Option<String> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let matches: [&dyn Fn(&str) -> bool; 4] = [
            &|name| name == requested,
            &|name| name.eq_ignore_ascii_case(requested),
            &|name| last_component(name) == last_component(requested),
            &|name| last_component(name).eq_ignore_ascii_case(last_component(requested)),
        ];
        matches.iter().find_map(|is_match| entries.keys().find(|name| is_match(name)).cloned())
    }

    /// Returns the file served under `name`; `None` if there is none. Opens it if necessary, and again if the file at
    /// its path has changed since it was opened; existing sessions keep the one that they have. `on_open` is called if
    /// this call opened it. Blocks.
    ///
    /// # Errors
    /// Returns an error if the file cannot be opened.
    pub fn media_file(
        &self,
        name: &str,
        on_open: impl FnOnce(&Arc<MediaFile>),
    ) -> Result<Option<Arc<MediaFile>>, MediaFileError> {
        let entry = self.entries.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        let (media_file, previous, root) = match entry {
            None => return Ok(None),
            Some(LibraryEntry::Open { media_file, .. }) if media_file.is_unchanged() => {
                return Ok(Some(media_file));
            }
            Some(LibraryEntry::Open { media_file: previous, root }) => {
                match reopen(&previous, root.as_deref()) {
                    Ok(media_file) => (media_file, Some(previous), root),
                    Err(error) if previous.is_available() => return Err(error),
                    // The caller finds out that the file is missing or was truncated.
                    Err(_) => return Ok(Some(previous)),
                }
            }
            Some(LibraryEntry::Listed { path, rate, root }) => {
                check_root(&path, name, &root)?;
                (MediaFile::open(&path, name, rate)?, None, Some(root))
            }
        };
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        match entries.get_mut(name) {
            // Two requests may open the file at the same time; the first result is kept.
            Some(LibraryEntry::Open { media_file: first, .. })
                if previous.is_none_or(|previous| previous.id() != first.id()) =>
            {
                Ok(Some(first.clone()))
            }
            Some(entry) => {
                on_open(&media_file);
                *entry = LibraryEntry::Open { media_file: media_file.clone(), root };
                Ok(Some(media_file))
            }
            None => Ok(None),
        }
    }
}

/// Films of a folder and of its subfolders, in no order.
#[derive(Debug)]
pub struct FoundFilms {
    /// Names relative to the folder, and paths.
    pub films: Vec<(String, PathBuf)>,
    /// Messages for users about the media files and folders that are left out, with the reason.
    pub skipped: Vec<String>,
}

/// Returns the films of a folder and of its subfolders. Blocks.
///
/// # Errors
/// Returns an error if the folder itself cannot be read.
pub fn find_films(folder: &Path) -> io::Result<FoundFilms> {
    let mut search = FolderSearch::new(folder)?;
    search.read_folder(folder, "", 0)?;
    Ok(FoundFilms { films: search.files, skipped: search.skipped })
}

/// Opens a file again, if it is still in the folder in which it was found.
fn reopen(previous: &MediaFile, root: Option<&Path>) -> Result<Arc<MediaFile>, MediaFileError> {
    if let (Some(root), Some(path)) = (root, previous.path()) {
        check_root(path, previous.name(), root)?;
    }
    previous.reopen()
}

/// Checks that a file has not become a link out of its folder.
fn check_root(path: &Path, name: &str, root: &Path) -> Result<(), MediaFileError> {
    match fs::canonicalize(path) {
        Ok(target) if !target.starts_with(root) => {
            Err(MediaFileError::new(name, path, MediaFileErrorKind::LinkOutOfFolder))
        }
        // Opening a file that is missing fails with a better message.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Last component of a path in Unix or Windows notation.
fn last_component(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// Returns `name`, or if it is in use the first free of `movie-2.mjpeg`, `movie-3.mjpeg`, …
fn unique_name(entries: &BTreeMap<String, LibraryEntry>, name: &str) -> String {
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
        _ => (name, String::new()),
    };
    let numbered = (2..).map(|number| format!("{stem}-{number}{extension}"));
    std::iter::once(name.to_owned())
        .chain(numbered)
        .find(|candidate| !entries.contains_key(candidate))
        .unwrap_or_default()
}

/// A recursive search for media files.
#[derive(Debug)]
struct FolderSearch {
    /// Path of the first folder without links.
    canonical: PathBuf,
    /// Names relative to the first folder, with slashes, and paths.
    files: Vec<(String, PathBuf)>,
    /// Messages for users about files and folders that are skipped.
    skipped: Vec<String>,
    /// Number of those whose names are not UTF-8.
    non_utf8: usize,
}

impl FolderSearch {
    fn new(folder: &Path) -> io::Result<Self> {
        Ok(Self { canonical: fs::canonicalize(folder)?, files: Vec::new(), skipped: Vec::new(), non_utf8: 0 })
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str, depth: usize) -> io::Result<()> {
        let mut children: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
        children.sort_by_key(fs::DirEntry::file_name);
        for child in children {
            let (path, file_name) = (child.path(), child.file_name());
            if file_name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let Some(file_name) = file_name.to_str() else {
                self.skip_non_utf8(&path);
                continue;
            };
            let name = format!("{prefix}{file_name}");
            // Symbolic links to folders are not followed: the target could contain this folder.
            if child.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.add_subfolder(&path, &name, depth);
            } else if has_media_extension(&path) && path.is_file() {
                // A link may lead to a file that the user who serves the folder does not mean to serve.
                match links_inside(&path, &self.canonical) {
                    true => self.add_file(path, name),
                    false => self.skip_link(&path),
                }
            }
        }
        Ok(())
    }

    /// Skips a media file or folder whose name is not UTF-8, because its URL could not be shown to users.
    fn skip_non_utf8(&mut self, path: &Path) {
        if path.is_dir() || has_media_extension(path) {
            let path = path.display();
            self.skipped.push(format!("{path} is left out, because its name is not UTF-8; rename it."));
            self.non_utf8 += 1;
        }
    }

    fn skip_link(&mut self, path: &Path) {
        let path = path.display();
        self.skipped.push(format!(
            "{path} is left out, because it is a link out of the folder; name the film itself."
        ));
    }

    fn add_subfolder(&mut self, path: &Path, name: &str, depth: usize) {
        if depth == MAX_DEPTH {
            return;
        }
        if let Err(error) = self.read_folder(path, &format!("{name}/"), depth + 1) {
            let path = path.display();
            self.skipped.push(format!("{path} is left out ({error}); check its permissions."));
        }
    }

    fn add_file(&mut self, path: PathBuf, name: String) {
        match MediaFile::check(&path, &name) {
            Ok(()) => self.files.push((name, path)),
            Err(error) => self.skipped.push(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed() -> LibraryEntry {
        LibraryEntry::Listed { path: PathBuf::new(), rate: FrameRate::CLASSROOM, root: Path::new("").into() }
    }

    #[test]
    fn served_names_are_unique() {
        let listed = listed();
        let mut entries = BTreeMap::new();
        for expected in ["movie.Mjpeg", "movie-2.Mjpeg", "movie-3.Mjpeg"] {
            let name = unique_name(&entries, "movie.Mjpeg");
            assert_eq!(name, expected);
            entries.insert(name, listed.clone());
        }
        entries.insert("film".to_owned(), listed);
        assert_eq!(unique_name(&entries, "film"), "film-2");
    }

    #[test]
    fn find_name_ignores_case_and_folders() {
        let library = Library::default();
        let listed = listed();
        for name in ["Movie.mjpeg", "movie.Mjpeg", "deep/other.mjpeg", "other/movie.Mjpeg"] {
            library.entries.write().unwrap().insert(name.to_owned(), listed.clone());
        }
        for (wanted, found) in [
            ("movie.Mjpeg", Some("movie.Mjpeg")),
            ("Movie.mjpeg", Some("Movie.mjpeg")),
            ("MOVIE.MJPEG", Some("Movie.mjpeg")),
            ("other.mjpeg", Some("deep/other.mjpeg")),
            ("/home/films/OTHER.mjpeg", Some("deep/other.mjpeg")),
            ("C:\\films\\movie.Mjpeg", Some("movie.Mjpeg")),
            ("../deep/../other.mjpeg", Some("deep/other.mjpeg")),
            ("deep", None),
            ("missing.Mjpeg", None),
            ("", None),
        ] {
            assert_eq!(library.find_name(wanted).as_deref(), found, "{wanted}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn unreadable_folder_is_skipped() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let locked = folder.path().join("locked");
        fs::create_dir(&locked).unwrap();
        fs::write(folder.path().join("film.mjpeg"), b"\xFF\xD8\xFFx").unwrap();
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o0)).unwrap();
        let is_locked = fs::read_dir(&locked).is_err();
        let found = Library::default().add_folder(folder.path(), FrameRate::CLASSROOM).unwrap();
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(found.names, ["film.mjpeg"]);
        // Permissions do not apply to root.
        let message = format!("{} is left out (", locked.display());
        assert_eq!(found.skipped.iter().any(|skipped| skipped.starts_with(&message)), is_locked);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn non_utf8_name_is_skipped_and_duplicate_name_is_changed() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        let unnamed = folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xE9.mjpeg"));
        let film = folder.path().join("film.mjpeg");
        for path in [&unnamed, &film, &folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xE9.txt"))] {
            fs::write(path, b"\xFF\xD8\xFFx").unwrap();
        }
        let library = Library::default();
        let found = library.add_folder(folder.path(), FrameRate::CLASSROOM).unwrap();
        let message = format!("{} is left out, because its name is not UTF-8; rename it.", unnamed.display());
        assert_eq!((found.skipped, found.non_utf8, found.renamed.len()), (vec![message], 1, 0));
        let again = library.add_folder(folder.path(), FrameRate::CLASSROOM).unwrap();
        let message =
            format!("{} is served as film-2.mjpeg, because the name film.mjpeg is in use.", film.display());
        assert_eq!((again.names, again.renamed), (vec!["film-2.mjpeg".to_owned()], vec![message]));
    }

    #[test]
    #[cfg(unix)]
    fn link_out_of_the_folder_is_not_served() {
        use std::os::unix::fs::symlink;
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |name: &str| folder.path().join(name);
        for path in [at("film.mjpeg"), other.path().join("secret.mjpeg")] {
            fs::write(path, b"\xFF\xD8\xFFx").unwrap();
        }
        fs::create_dir(at("sub")).unwrap();
        symlink(at("film.mjpeg"), at("sub/inside.mjpeg")).unwrap();
        symlink(other.path().join("secret.mjpeg"), at("sub/out.mjpeg")).unwrap();
        symlink(other.path(), at("folder.mjpeg")).unwrap();
        // The folder that is served may itself be a link.
        symlink(folder.path(), other.path().join("films")).unwrap();
        for served in [folder.path().to_owned(), other.path().join("films")] {
            let found = Library::default().add_folder(&served, FrameRate::CLASSROOM).unwrap();
            assert_eq!(found.names, ["film.mjpeg", "sub/inside.mjpeg"]);
            let [skipped] = &found.skipped[..] else { panic!("{found:?}") };
            assert!(
                skipped.contains("out.mjpeg is left out, because it is a link out of the folder"),
                "{skipped}"
            );
        }
    }

    #[test]
    fn add_folder_serves_only_files_below_it() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.mjpeg", "b.MJPG", "notes.txt", "deep/c.mjpeg"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            // Only the first bytes are checked until the file is opened.
            fs::write(path, b"\xFF\xD8\xFFx").unwrap();
        }
        fs::write(folder.path().join("empty.mjpeg"), b"").unwrap();
        fs::write(folder.path().join("deep/letter.mjpeg"), b"A letter.").unwrap();
        let library = Library::default();
        let found = library.add_folder(folder.path(), FrameRate::CLASSROOM).unwrap();
        assert_eq!(found.names, ["a.mjpeg", "b.MJPG", "deep/c.mjpeg"]);
        let [letter, empty] = &found.skipped[..] else { panic!("{found:?}") };
        assert!(letter.starts_with("deep/letter.mjpeg is a text file"), "{letter}");
        assert!(empty.starts_with("empty.mjpeg is empty"), "{empty}");
        assert!(library.media_file("notes.txt", |_| {}).unwrap().is_none());
        assert!(library.media_file("../a.mjpeg", |_| {}).unwrap().is_none());
        assert!(library.media_file("a.mjpeg", |_| {}).is_err());
    }
}
