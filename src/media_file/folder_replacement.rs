//! Replacement of a folder of JPEG files by a new one. An error leaves the old film or the new one, and never a mix.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::frame_names::{all_names, create_frame_folder, remove_frame_folder};

/// Returns true if a folder can be moved aside as far as that is known before: it is no working directory and not the
/// root of a mounted disk. Blocks.
pub fn can_be_moved(folder: &Path) -> bool {
    let is_current = std::env::current_dir().is_ok_and(|current| current.starts_with(folder));
    !is_current && folder.parent().is_some_and(|parent| is_on_one_disk(folder, parent))
}

#[cfg(unix)]
fn is_on_one_disk(folder: &Path, parent: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let device = |path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
    device(folder).is_some() && device(folder) == device(parent)
}

#[cfg(not(unix))]
fn is_on_one_disk(_: &Path, _: &Path) -> bool {
    true
}

/// Moves the folder `path` aside to `old`, gives its name to the folder `new`, and removes the old one. Its files that
/// are not replaced are moved to the new one; returns false if they have stayed in `old`. Blocks.
///
/// # Errors
/// Returns an error if a folder cannot be renamed; then the old one has its name.
pub fn swap(new: &Path, path: &Path, old: &Path, is_replaced: impl Fn(&Path) -> bool) -> io::Result<bool> {
    if fs::symlink_metadata(old).is_ok() {
        // A program that was killed has left it.
        remove_frame_folder(old)?;
    }
    fs::set_permissions(new, fs::metadata(path)?.permissions())?;
    fs::rename(path, old)?;
    if let Err(error) = fs::rename(new, path) {
        // The second error would not help the user.
        let _ = fs::rename(old, path);
        return Err(error);
    }
    let moved = move_others(old, path, is_replaced);
    if let Err(error) = &moved {
        tracing::warn!(%error, old = %old.display(), "cannot move files of the old folder");
    }
    // What is left of it is hidden.
    let _ = remove_frame_folder(old);
    Ok(moved.is_ok())
}

fn move_others(old: &Path, path: &Path, is_replaced: impl Fn(&Path) -> bool) -> io::Result<()> {
    for name in all_names(old)?.into_iter().filter(|name| !is_replaced(name)) {
        fs::rename(old.join(&name), path.join(&name))?;
    }
    Ok(())
}

/// Moves the files with the names `new` from the folder `part` into the folder `path`, whose files that are replaced
/// are moved aside before and removed after. Blocks.
///
/// # Errors
/// Returns an error if a file cannot be moved; then those that were moved are moved back.
pub fn move_into(
    part: &Path,
    path: &Path,
    new: &[PathBuf],
    is_replaced: impl Fn(&Path) -> bool,
) -> io::Result<()> {
    let replaced: Vec<_> = all_names(path)?.into_iter().filter(|name| is_replaced(name)).collect();
    if replaced.is_empty() {
        return move_files(new, part, path);
    }
    let aside = path.join(".reelay.old");
    create_frame_folder(&aside)?;
    let moved = move_files(&replaced, path, &aside).and_then(|()| {
        // A frame that cannot be moved back stays in the hidden folder.
        move_files(new, part, path).inspect_err(|_| drop(move_files(&replaced, &aside, path)))
    });
    match moved {
        Ok(()) => drop(remove_frame_folder(&aside)),
        // It is empty, unless a frame has stayed in it.
        Err(_) => drop(fs::remove_dir(&aside)),
    }
    moved
}

/// Moves files to another folder, or none of them if one cannot be moved.
fn move_files(names: &[PathBuf], from: &Path, to: &Path) -> io::Result<()> {
    for (number, name) in names.iter().enumerate() {
        if let Err(error) = fs::rename(from.join(name), to.join(name)) {
            for moved in &names[..number] {
                // A file that stays there is complete.
                let _ = fs::rename(to.join(moved), from.join(moved));
            }
            return Err(error);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates a folder with files, each of which contains the name of the folder.
    fn folder_of(parent: &Path, name: &str, files: &[&str]) -> PathBuf {
        let folder = parent.join(name);
        fs::create_dir(&folder).unwrap();
        files.iter().for_each(|file| fs::write(folder.join(file), name).unwrap());
        folder
    }

    /// Returns the names and the contents of the files of a folder.
    fn contents(folder: &Path) -> Vec<(String, String)> {
        let read = |name: PathBuf| {
            let text = fs::read_to_string(folder.join(&name)).unwrap_or_else(|_| "a folder".to_owned());
            (name.to_str().unwrap().to_owned(), text)
        };
        let mut contents: Vec<_> = all_names(folder).unwrap().into_iter().map(read).collect();
        contents.sort();
        contents
    }

    fn is_jpeg(name: &Path) -> bool {
        name.extension().is_some_and(|extension| extension == "jpg")
    }

    fn paths(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn failed_swap_leaves_the_old_folder() {
        let temporary = tempfile::tempdir().unwrap();
        let at = |name: &str| temporary.path().join(name);
        let path = folder_of(temporary.path(), "film", &["000001.jpg", "notes.txt"]);
        let before = contents(&path);
        for new in [at("missing"), temporary.path().to_owned()] {
            // A folder cannot be moved into itself.
            assert!(swap(&new, &path, &at("old"), is_jpeg).is_err());
            assert_eq!(contents(&path), before);
        }
        // Something that is no old film is in the way.
        let old = folder_of(temporary.path(), "old", &["letter.txt"]);
        let new = folder_of(temporary.path(), "new", &["000001.jpg"]);
        assert!(swap(&new, &path, &old, is_jpeg).is_err());
        assert_eq!((contents(&path), contents(&new).len()), (before, 1));
    }

    #[test]
    fn other_files_that_cannot_be_moved_are_named() {
        let temporary = tempfile::tempdir().unwrap();
        let path = folder_of(temporary.path(), "film", &["000001.jpg", "notes"]);
        let new = folder_of(temporary.path(), "new", &["000001.jpg"]);
        // A file cannot take the place of a folder.
        fs::create_dir(new.join("notes")).unwrap();
        let old = temporary.path().join("old");
        assert!(!swap(&new, &path, &old, is_jpeg).unwrap());
        assert_eq!(contents(&old), [("notes".to_owned(), "film".to_owned())], "nothing is lost");
        assert_eq!(contents(&path)[0], ("000001.jpg".to_owned(), "new".to_owned()));
    }

    #[test]
    fn files_that_cannot_be_moved_into_a_folder_leave_the_old_ones() {
        let temporary = tempfile::tempdir().unwrap();
        let path = folder_of(temporary.path(), "film", &["000001.jpg", "000002.jpg", "notes.txt"]);
        let part = folder_of(&path, ".part", &["000001.jpg"]);
        let before = contents(&path);
        let new = paths(&["000001.jpg", "000002.jpg"]);
        assert!(move_into(&part, &path, &new, is_jpeg).is_err(), "the second file is missing");
        assert_eq!((contents(&path), contents(&part).len()), (before, 1));
        fs::write(part.join("000002.jpg"), "new").unwrap();
        move_into(&part, &path, &new, is_jpeg).unwrap();
        let names: Vec<_> = contents(&path).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, [".part", "000001.jpg", "000002.jpg", "notes.txt"]);
        assert_eq!(fs::read(path.join("000002.jpg")).unwrap(), b"new");
    }
}
