//! Listing of a folder: its JPEG files, or the film that makes it a list of films.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use super::error::MediaFileErrorKind;
use super::natural_order::compare_names;
use super::open_file::is_film;
use crate::media::container::{has_image_extension, has_media_extension};

/// Files of a folder that are frames or films. Hidden files, and links out of the folder, are left out.
#[derive(Debug, Default)]
pub struct FolderListing {
    /// Names of the JPEG files, in the order of the system.
    pub images: Vec<Box<OsStr>>,
    /// Path of a film in the folder or below; `None` if there is none.
    pub film: Option<PathBuf>,
}

/// Maximum number of entries of a folder, and of all folders below it. The names of this many files, and their index,
/// take some 100 MB.
pub const MAX_ENTRIES: usize = 1_000_000;

/// Maximum length of all names of JPEG files together, in bytes.
pub const MAX_NAME_BYTES: usize = 64 * 1024 * 1024;

/// Maximum depth of subfolders in which films are searched for.
pub const MAX_DEPTH: usize = 8;

/// Kind of an entry of a folder.
enum EntryKind {
    Image,
    /// File with the extension of a film.
    FilmName,
    Subfolder,
    Other,
}

impl FolderListing {
    /// Lists a folder. Blocks.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be read, or if it has more than [`MAX_ENTRIES`] entries or
    /// [`MAX_NAME_BYTES`] bytes of names.
    pub fn read(folder: &Path) -> Result<Self, MediaFileErrorKind> {
        let canonical = fs::canonicalize(folder).map_err(MediaFileErrorKind::Io)?;
        let (mut images, mut film_names, mut subfolders) = (Vec::new(), Vec::new(), Vec::new());
        let (mut entries, mut name_bytes) = (0, 0);
        for entry in fs::read_dir(folder).map_err(MediaFileErrorKind::Io)? {
            let entry = entry.map_err(MediaFileErrorKind::Io)?;
            let name = entry.file_name();
            entries += 1;
            match kind(&entry, &name, &canonical) {
                EntryKind::Image => {
                    name_bytes += name.len();
                    images.push(name.into_boxed_os_str());
                }
                EntryKind::FilmName => film_names.push(name),
                EntryKind::Subfolder => subfolders.push(name),
                EntryKind::Other => {}
            }
            if entries > MAX_ENTRIES || name_bytes > MAX_NAME_BYTES {
                return Err(MediaFileErrorKind::FolderTooLarge);
            }
        }
        film_names.sort_unstable_by(|first, second| compare_names(first, second));
        let film = film_names.iter().map(|name| folder.join(name)).find(|path| is_film(path));
        let film = film.or_else(|| {
            subfolders.sort_unstable_by(|first, second| compare_names(first, second));
            subfolders.iter().find_map(|name| film_below(&folder.join(name), &canonical, 1, &mut entries))
        });
        Ok(Self { images, film })
    }
}

fn kind(entry: &DirEntry, name: &OsString, canonical: &Path) -> EntryKind {
    let Ok(kind) = entry.file_type() else { return EntryKind::Other };
    let (is_image, is_film_name) =
        (has_image_extension(Path::new(name)), has_media_extension(Path::new(name)));
    let is_file = || kind.is_file() || kind.is_symlink() && links_inside(&entry.path(), canonical);
    match () {
        () if name.as_encoded_bytes().starts_with(b".") => EntryKind::Other,
        // Links to folders are not followed: the target could contain this folder.
        () if kind.is_dir() => EntryKind::Subfolder,
        () if is_image && is_file() => EntryKind::Image,
        () if is_film_name && is_file() => EntryKind::FilmName,
        () => EntryKind::Other,
    }
}

/// Returns true if a link leads to a file inside of a folder, which is given without links. Blocks.
pub fn links_inside(link: &Path, canonical_folder: &Path) -> bool {
    fs::canonicalize(link).is_ok_and(|target| target.starts_with(canonical_folder) && target.is_file())
}

/// Returns the path of a film in a subfolder or below. Folders that cannot be read have none.
fn film_below(folder: &Path, canonical: &Path, depth: usize, entries: &mut usize) -> Option<PathBuf> {
    let children: io::Result<Vec<_>> = fs::read_dir(folder)
        .and_then(|children| children.take(MAX_ENTRIES.saturating_sub(*entries)).collect());
    let mut children: Vec<_> = children.ok()?.into_iter().map(|child| (child.file_name(), child)).collect();
    *entries = entries.saturating_add(children.len());
    children.sort_unstable_by(|(first, _), (second, _)| compare_names(first, second));
    children.iter().find_map(|(name, child)| match kind(child, name, canonical) {
        EntryKind::FilmName => Some(child.path()).filter(|path| is_film(path)),
        EntryKind::Subfolder if depth < MAX_DEPTH => film_below(&child.path(), canonical, depth + 1, entries),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_of(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"\xFF\xD8\xFFx").unwrap();
        }
        folder
    }

    fn images(folder: &Path) -> Vec<String> {
        let mut listing = FolderListing::read(folder).unwrap();
        assert_eq!(listing.film, None);
        listing.images.sort_by(|first, second| compare_names(first, second));
        listing.images.iter().map(|name| name.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn images_are_listed_in_natural_order_without_other_files() {
        let folder = folder_of(&[
            "img10.jpg",
            "img2.JPEG",
            "IMG1.JPG",
            ".hidden.jpg",
            "notes.txt",
            "below/deep.jpg",
            "img3.png",
            "img02.jpg",
        ]);
        assert_eq!(images(folder.path()), ["IMG1.JPG", "img2.JPEG", "img02.jpg", "img10.jpg"]);
        assert_eq!(images(&folder.path().join("below")), ["deep.jpg"]);
    }

    #[test]
    fn film_in_the_folder_or_below_is_found() {
        let film = |folder: &Path| FolderListing::read(folder).unwrap().film;
        let folder = folder_of(&["1.jpg", "b.avi.txt", "c/d/film.mjpeg", "e/other.mjpeg"]);
        assert_eq!(film(folder.path()), Some(folder.path().join("c/d/film.mjpeg")));
        fs::write(folder.path().join("a.mjpeg"), b"A letter.").unwrap();
        assert_eq!(film(folder.path()), Some(folder.path().join("c/d/film.mjpeg")), "a letter is no film");
        fs::write(folder.path().join("z.mjpeg"), b"\xFF\xD8\xFFx").unwrap();
        assert_eq!(film(folder.path()), Some(folder.path().join("z.mjpeg")));
        let deep = folder_of(&["1/2/3/4/5/6/7/8/film.mjpeg"]);
        assert!(film(deep.path()).is_some());
        let too_deep = folder_of(&["1/2/3/4/5/6/7/8/9/film.mjpeg"]);
        assert_eq!(film(too_deep.path()), None);
    }

    #[test]
    #[cfg(unix)]
    fn links_are_followed_only_inside_the_folder() {
        use std::os::unix::fs::symlink;
        let (folder, other) = (folder_of(&["1.jpg", "sub/2.jpg"]), folder_of(&["3.jpg", "film.mjpeg"]));
        let at = |name: &str| folder.path().join(name);
        symlink(other.path().join("3.jpg"), at("out.jpg")).unwrap();
        symlink(other.path().join("film.mjpeg"), at("film.mjpeg")).unwrap();
        symlink(other.path(), at("folder")).unwrap();
        symlink(at("sub/2.jpg"), at("in.jpg")).unwrap();
        symlink(at("nothing.jpg"), at("broken.jpg")).unwrap();
        assert_eq!(images(folder.path()), ["1.jpg", "in.jpg"]);
        // A folder that is itself reached by a link.
        symlink(folder.path(), other.path().join("link")).unwrap();
        assert_eq!(images(&other.path().join("link")), ["1.jpg", "in.jpg"]);
    }
}
