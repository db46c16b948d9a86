//! Which films are served, and under which names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::{fs, io};

use super::error::FilmError;
use super::file::Film;
use crate::media::FrameRate;
use crate::media::container::has_film_extension;

/// The films of a server, by the name that stands in their URL.
///
/// A URL is looked up among these names and never turned into a path, so no request reaches a file that was not
/// meant to be served.
#[derive(Debug, Default)]
pub struct Library {
    entries: RwLock<BTreeMap<String, Entry>>,
}

#[derive(Debug, Clone)]
enum Entry {
    Open(Arc<Film>),
    /// Found in a folder, and opened by the first who asks for it.
    Listed {
        path: PathBuf,
        rate: FrameRate,
    },
}

/// What was found in a folder.
#[derive(Debug, Default)]
pub struct Folder {
    /// The names of the films that are served.
    pub names: Vec<String>,
    /// What is called a film or a folder and is left out: for each a sentence that says why.
    pub left_out: Vec<String>,
    /// What is served under another name than its own: for each a sentence that says under which.
    pub renamed: Vec<String>,
}

/// A sentence about a film that is served as `name`, because its own is taken.
pub fn renamed(path: &Path, name: &str, own: &str) -> String {
    format!("{} is served as {name}, as there is another {own}.", path.display())
}

impl Library {
    /// Serves a film that is open; returns the name that it got.
    pub fn add(&self, film: Arc<Film>) -> String {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let name = free_name(&entries, film.name());
        entries.insert(name.clone(), Entry::Open(film));
        name
    }

    /// Serves the films of a folder and of the folders in it. Blocks.
    ///
    /// # Errors
    /// When the folder itself cannot be read.
    pub fn add_folder(&self, folder: &Path, rate: FrameRate) -> io::Result<Folder> {
        let mut search = Search::default();
        search.enter(folder, "", 0)?;
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let (mut names, mut renames) = (Vec::new(), Vec::new());
        for (own, path) in search.films {
            let name = free_name(&entries, &own);
            if name != own {
                renames.push(renamed(&path, &name, &own));
            }
            entries.insert(name.clone(), Entry::Listed { path, rate });
            names.push(name);
        }
        Ok(Folder { names, left_out: search.left_out, renamed: renames })
    }

    /// Serves nothing any more. Sessions that have begun keep their film.
    pub fn clear(&self) {
        self.entries.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Whether a film of this name is served.
    pub fn serves(&self, name: &str) -> bool {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }

    /// The name of the film that is meant: the very name, or the same in other letters, or else the same file in
    /// whatever folder. Classroom programs name files as they stand, or stood, on a disk.
    pub fn name_like(&self, wanted: &str) -> Option<String> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let matches: [&dyn Fn(&str) -> bool; 4] = [
            &|name| name == wanted,
            &|name| name.eq_ignore_ascii_case(wanted),
            &|name| last_component(name) == last_component(wanted),
            &|name| last_component(name).eq_ignore_ascii_case(last_component(wanted)),
        ];
        matches.iter().find_map(|is_meant| entries.keys().find(|name| is_meant(name)).cloned())
    }

    /// The film of this name, opened if it has not been yet; `opened` is called with one that has just been. May block.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn film(&self, name: &str, opened: impl FnOnce(&Arc<Film>)) -> Result<Option<Arc<Film>>, FilmError> {
        let entry = self.entries.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        match entry {
            None => Ok(None),
            Some(Entry::Open(film)) => Ok(Some(film)),
            Some(Entry::Listed { path, rate }) => {
                let film = Film::open(&path, name, rate)?;
                let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
                match entries.get_mut(name) {
                    // Two may have opened it at the same time; the first one's is kept.
                    Some(Entry::Open(first)) => Ok(Some(first.clone())),
                    Some(entry) => {
                        opened(&film);
                        *entry = Entry::Open(film.clone());
                        Ok(Some(film))
                    }
                    None => Ok(None),
                }
            }
        }
    }
}

/// The file's own name, in a path of any system.
fn last_component(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// `movie.mjpeg`, or `movie-2.mjpeg` if that is taken.
fn free_name(entries: &BTreeMap<String, Entry>, name: &str) -> String {
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

/// Folders in folders are followed this far.
const DEEPEST: usize = 8;

/// The films below a folder, and what is left out.
#[derive(Debug, Default)]
struct Search {
    /// Names, relative to the first folder and with slashes, and paths.
    films: Vec<(String, PathBuf)>,
    left_out: Vec<String>,
}

impl Search {
    fn enter(&mut self, folder: &Path, prefix: &str, depth: usize) -> io::Result<()> {
        let mut children: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
        children.sort_by_key(fs::DirEntry::file_name);
        for child in children {
            let (path, file_name) = (child.path(), child.file_name());
            let Some(file_name) = file_name.to_str() else {
                self.leave_out_unnamed(&path);
                continue;
            };
            let name = format!("{prefix}{file_name}");
            // Links are not followed into other folders, which could be above this one.
            if child.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.take_folder(&path, &name, depth);
            } else if path.is_file() && has_film_extension(&path) {
                self.take_film(path, name);
            }
        }
        Ok(())
    }

    /// A URL could not be told to anybody.
    fn leave_out_unnamed(&mut self, path: &Path) {
        if path.is_dir() || has_film_extension(path) {
            let path = path.display();
            self.left_out.push(format!("{path} is left out, as its name is not UTF-8; rename it."));
        }
    }

    fn take_folder(&mut self, path: &Path, name: &str, depth: usize) {
        if depth == DEEPEST {
            return;
        }
        if let Err(error) = self.enter(path, &format!("{name}/"), depth + 1) {
            let path = path.display();
            self.left_out.push(format!("{path} is left out ({error}); check its permissions."));
        }
    }

    fn take_film(&mut self, path: PathBuf, name: String) {
        match Film::look_at(&path, &name) {
            Ok(()) => self.films.push((name, path)),
            Err(error) => self.left_out.push(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_never_given_twice() {
        let listed = Entry::Listed { path: PathBuf::new(), rate: FrameRate::CLASSROOM };
        let mut entries = BTreeMap::new();
        for expected in ["movie.Mjpeg", "movie-2.Mjpeg", "movie-3.Mjpeg"] {
            let name = free_name(&entries, "movie.Mjpeg");
            assert_eq!(name, expected);
            entries.insert(name, listed.clone());
        }
        entries.insert("film".to_owned(), listed);
        assert_eq!(free_name(&entries, "film"), "film-2");
    }

    #[test]
    fn a_file_is_found_by_how_a_classroom_program_may_call_it() {
        let library = Library::default();
        let listed = Entry::Listed { path: PathBuf::new(), rate: FrameRate::CLASSROOM };
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
            assert_eq!(library.name_like(wanted).as_deref(), found, "{wanted}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_folder_that_cannot_be_read_is_left_out() {
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
        // Nothing is locked for an administrator.
        let sentence = format!("{} is left out (", locked.display());
        assert_eq!(found.left_out.iter().any(|left_out| left_out.starts_with(&sentence)), is_locked);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_name_that_is_no_text_is_left_out_and_one_that_is_taken_is_changed() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        let unnamed = folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xE9.mjpeg"));
        let film = folder.path().join("film.mjpeg");
        for path in [&unnamed, &film, &folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xE9.txt"))] {
            fs::write(path, b"\xFF\xD8\xFFx").unwrap();
        }
        let library = Library::default();
        let found = library.add_folder(folder.path(), FrameRate::CLASSROOM).unwrap();
        let sentence = format!("{} is left out, as its name is not UTF-8; rename it.", unnamed.display());
        assert_eq!((found.left_out, found.renamed.len()), (vec![sentence], 0));
        let again = library.add_folder(folder.path(), FrameRate::CLASSROOM).unwrap();
        let sentence =
            format!("{} is served as film-2.mjpeg, as there is another film.mjpeg.", film.display());
        assert_eq!((again.names, again.renamed), (vec!["film-2.mjpeg".to_owned()], vec![sentence]));
    }

    #[test]
    fn a_folder_gives_its_films_and_nothing_above_it() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.mjpeg", "b.MJPG", "notes.txt", "deep/c.mjpeg"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            // Whether more of it is whole is seen when it is opened.
            fs::write(path, b"\xFF\xD8\xFFx").unwrap();
        }
        fs::write(folder.path().join("empty.mjpeg"), b"").unwrap();
        fs::write(folder.path().join("deep/letter.mjpeg"), b"A letter.").unwrap();
        let library = Library::default();
        let found = library.add_folder(folder.path(), FrameRate::CLASSROOM).unwrap();
        assert_eq!(found.names, ["a.mjpeg", "b.MJPG", "deep/c.mjpeg"]);
        let [letter, empty] = &found.left_out[..] else { panic!("{found:?}") };
        assert!(letter.starts_with("deep/letter.mjpeg is a text file"), "{letter}");
        assert!(empty.starts_with("empty.mjpeg is empty"), "{empty}");
        assert!(library.film("notes.txt", |_| {}).unwrap().is_none());
        assert!(library.film("../a.mjpeg", |_| {}).unwrap().is_none());
        assert!(library.film("a.mjpeg", |_| {}).is_err());
    }
}
