//! Names of the files of a folder whose JPEG files are the frames of a film.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Names of the files of frames: `000001.jpg`, `000002.jpg` and so on.
#[derive(Debug, Clone, Copy)]
pub struct FrameNames {
    digits: usize,
}

/// Minimum number of digits in the name of a frame.
const MIN_DIGITS: usize = 6;

/// Maximum number of digits of a number of frames.
const MAX_DIGITS: usize = 20;

impl FrameNames {
    /// Returns the names of this many frames.
    pub fn for_count(frames: u64) -> Self {
        Self { digits: frames.to_string().len().max(MIN_DIGITS) }
    }

    /// Returns the name of a frame, by its number from 1.
    pub fn name(self, number: u64) -> String {
        format!("{number:0digits$}.jpg", digits = self.digits)
    }

    /// Returns the number of a frame with this name; `None` if it is no such name.
    pub fn number(self, name: &Path) -> Option<u64> {
        let number = name.to_str()?.strip_suffix(".jpg")?.parse().ok()?;
        (self.name(number) == name.to_str()?).then_some(number)
    }
}

/// Returns true if a name is that of a frame, with any number of digits.
pub fn is_frame_name(name: &Path) -> bool {
    (MIN_DIGITS..=MAX_DIGITS).any(|digits| FrameNames { digits }.number(name).is_some())
}

/// Returns the names of a folder's entries, without hidden ones. Blocks.
///
/// # Errors
/// Returns an error if the folder cannot be read.
pub fn visible_names(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let is_visible = |name: &PathBuf| !name.as_os_str().as_encoded_bytes().starts_with(b".");
    Ok(all_names(folder)?.into_iter().filter(is_visible).collect())
}

/// Returns the names of all entries of a folder. Blocks.
///
/// # Errors
/// Returns an error if the folder cannot be read.
pub fn all_names(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| entry.map(|entry| PathBuf::from(entry.file_name()))).collect()
}

/// Creates a folder for files of frames. One that a program has left which was killed is removed first. Blocks.
///
/// # Errors
/// Returns an error if it cannot be created, or if it has other files.
pub fn create_frame_folder(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            remove_frame_folder(folder)?;
            fs::create_dir(folder)
        }
        result => result,
    }
}

/// Removes a folder that has only files with the names of frames. Other files in it stay, and it stays with them. A
/// link is not followed. Blocks.
///
/// # Errors
/// Returns an error if the folder stays.
pub fn remove_frame_folder(folder: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(folder)?.is_dir() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    for name in visible_names(folder)?.into_iter().filter(|name| is_frame_name(name)) {
        fs::remove_file(folder.join(name))?;
    }
    fs::remove_dir(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_six_digits_or_more() {
        let names = |frames| FrameNames::for_count(frames);
        assert_eq!(names(999_999).name(1), "000001.jpg");
        assert_eq!(names(1_000_000).name(1), "0000001.jpg");
        for (name, number) in [
            ("000012.jpg", Some(12)),
            ("12.jpg", None),
            ("000012.JPG", None),
            ("+00012.jpg", None),
            ("0000012.jpg", None),
        ] {
            assert_eq!(names(5).number(Path::new(name)), number, "{name}");
        }
    }
}
