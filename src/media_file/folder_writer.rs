//! Writing of a film as a folder of JPEG files.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::media::container::{has_image_extension, has_media_extension};

/// Folder that is being written: `000001.jpg`, `000002.jpg` and so on.
///
/// A folder that does not exist is written beside its path and renamed by [`finish`](Self::finish). The files for a folder
/// that exists are written into a hidden folder inside of it and moved when all are complete. Dropping it before removes
/// what was written.
#[derive(Debug)]
pub struct FolderWriter {
    path: PathBuf,
    /// Folder that the files are written to; `None` once they have their names.
    part: Option<PathBuf>,
    names: FrameNames,
    /// Replaces files with the names of frames.
    replaces: bool,
    /// Number of frames written.
    frames: u64,
    /// Length of all files, in bytes.
    length: u64,
}

/// Reason why a folder cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum FolderWriteError {
    /// The system cannot write, for example because the disk is full.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The folder has files, and they are not to be replaced.
    #[error("the folder is not empty")]
    NotEmpty,
    /// A JPEG file or a film would stay in the folder: it would be a frame, or the folder would be a list of films.
    #[error("{} is in the folder", .0.display())]
    OtherFile(PathBuf),
}

/// Names of the files of frames.
#[derive(Debug, Clone, Copy)]
struct FrameNames {
    digits: usize,
}

/// Minimum number of digits in the name of a frame.
const MIN_DIGITS: usize = 6;

impl FrameNames {
    /// Returns the names of this many frames.
    fn for_count(frames: u64) -> Self {
        Self { digits: frames.to_string().len().max(MIN_DIGITS) }
    }

    /// Returns the name of a frame, by its number from 1.
    fn name(self, number: u64) -> String {
        format!("{number:0digits$}.jpg", digits = self.digits)
    }

    /// Returns the number of a frame with this name; `None` if it is no such name.
    fn number(self, name: &Path) -> Option<u64> {
        let number = name.to_str()?.strip_suffix(".jpg")?.parse().ok()?;
        (self.name(number) == name.to_str()?).then_some(number)
    }
}

impl FolderWriter {
    /// Checks that an existing folder has no files but hidden ones, unless those with the names of frames are replaced.
    /// Blocks.
    ///
    /// # Errors
    /// Returns an error if the folder has files, or cannot be read.
    pub fn check_empty(path: &Path, replaces: bool) -> Result<(), FolderWriteError> {
        match !replaces && !visible_names(path)?.is_empty() {
            true => Err(FolderWriteError::NotEmpty),
            false => Ok(()),
        }
    }

    /// Creates the folder that is written first. `max_frames` is the number of frames, of which some may not be written. If
    /// `replaces`, files of an existing folder that have the names of frames are replaced. Blocks.
    ///
    /// # Errors
    /// Returns an error if it cannot be created, or if a file would stay in the folder that would be taken for a part of
    /// the film.
    pub fn create(path: &Path, max_frames: u64, replaces: bool) -> Result<Self, FolderWriteError> {
        let names = FrameNames::for_count(max_frames);
        let part = if path.is_dir() {
            check_remaining(path, names, max_frames, replaces)?;
            path.join(".reelay.part")
        } else {
            let mut name = std::ffi::OsString::from(".");
            name.push(path.file_name().ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?);
            name.push(".part");
            path.with_file_name(name)
        };
        if let Err(error) = fs::create_dir(&part) {
            if error.kind() != ErrorKind::AlreadyExists {
                return Err(error.into());
            }
            // A program that was killed has left it.
            remove_part(&part)?;
            fs::create_dir(&part)?;
        }
        Ok(Self { path: path.to_owned(), part: Some(part), names, replaces, frames: 0, length: 0 })
    }

    /// Writes the file of the next frame. Blocks.
    ///
    /// # Errors
    /// Returns an error if it cannot be written.
    pub fn write_frame(&mut self, jpeg: &[u8]) -> io::Result<()> {
        let part = self.part.as_ref().ok_or(ErrorKind::NotFound)?;
        let path = part.join(self.names.name(self.frames + 1));
        fs::OpenOptions::new().write(true).create_new(true).open(path)?.write_all(jpeg)?;
        self.frames += 1;
        self.length += jpeg.len() as u64;
        Ok(())
    }

    /// Gives the files their names, and returns the length of all in bytes. Blocks.
    ///
    /// # Errors
    /// Returns an error if the files cannot be renamed, or if another file was added to the folder. Then nothing was written,
    /// unless files were to be replaced.
    pub fn finish(mut self) -> Result<u64, FolderWriteError> {
        let part = self.part.clone().ok_or_else(|| io::Error::from(ErrorKind::NotFound))?;
        if !self.path.is_dir() {
            fs::rename(&part, &self.path)?;
            self.part = None;
            return Ok(self.length);
        }
        check_remaining(&self.path, self.names, self.frames, self.replaces)?;
        for number in 1..=self.frames {
            let name = self.names.name(number);
            if let Err(error) = fs::rename(part.join(&name), self.path.join(&name)) {
                self.undo(number);
                return Err(error.into());
            }
        }
        Ok(self.length)
    }

    /// Removes the files before frame `end` from a folder that was empty.
    fn undo(&self, end: u64) {
        if !self.replaces {
            for number in 1..end {
                // A file that stays is complete.
                let _ = fs::remove_file(self.path.join(self.names.name(number)));
            }
        }
    }
}

impl Drop for FolderWriter {
    fn drop(&mut self) {
        if let Some(part) = &self.part {
            // An error leaves a hidden folder whose name shows that it is a part.
            let _ = remove_part(part);
        }
    }
}

/// Removes a folder that has only files with the names of frames. Other files in it stay, and it stays with them.
/// A link is not followed.
fn remove_part(part: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(part)?.is_dir() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    for name in visible_names(part)? {
        let is_frame = (MIN_DIGITS..=20).any(|digits| FrameNames { digits }.number(&name).is_some());
        if is_frame {
            fs::remove_file(part.join(name))?;
        }
    }
    fs::remove_dir(part)
}

/// Returns the names of a folder's entries, without hidden ones.
fn visible_names(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let names = fs::read_dir(folder)?.map(|entry| entry.map(|entry| PathBuf::from(entry.file_name())));
    let is_visible = |name: &PathBuf| !name.as_os_str().as_encoded_bytes().starts_with(b".");
    names.filter(|name| name.as_ref().map_or(true, is_visible)).collect()
}

/// Checks that no file that stays in the folder would be a frame of the film, or make it a list of films.
fn check_remaining(
    folder: &Path,
    names: FrameNames,
    frames: u64,
    replaces: bool,
) -> Result<(), FolderWriteError> {
    let mut found = visible_names(folder)?;
    if !replaces && !found.is_empty() {
        return Err(FolderWriteError::NotEmpty);
    }
    found.sort_unstable();
    let is_replaced = |name: &Path| names.number(name).is_some_and(|number| (1..=frames).contains(&number));
    let is_part = |name: &Path| has_image_extension(name) || has_media_extension(name);
    match found.into_iter().find(|name| is_part(name) && !is_replaced(name)) {
        Some(name) => Err(FolderWriteError::OtherFile(name)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, frames: &[&[u8]], replaces: bool) -> Result<u64, FolderWriteError> {
        let mut writer = FolderWriter::create(path, frames.len() as u64, replaces)?;
        frames.iter().for_each(|frame| writer.write_frame(frame).unwrap());
        writer.finish()
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn folder_has_its_name_only_when_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("frames/");
        let mut writer = FolderWriter::create(&path, 2, false).unwrap();
        writer.write_frame(b"jpeg").unwrap();
        assert_eq!(names(folder.path()), [".frames.part"]);
        drop(writer);
        assert_eq!(names(folder.path()), Vec::<String>::new(), "nothing half stays");
        // A program that was killed has left a part.
        fs::create_dir(folder.path().join(".frames.part")).unwrap();
        fs::write(folder.path().join(".frames.part/0000007.jpg"), b"old").unwrap();
        assert_eq!(write(&path, &[b"a", b"bc"], false).unwrap(), 3);
        assert_eq!(
            (names(folder.path()), names(&path)),
            (vec!["frames".to_owned()], vec!["000001.jpg".to_owned(), "000002.jpg".to_owned()])
        );
        assert_eq!(fs::read(path.join("000002.jpg")).unwrap(), b"bc");
        assert!(matches!(write(&path, &[b"d"], false), Err(FolderWriteError::NotEmpty)));
    }

    #[test]
    fn only_files_with_the_names_of_frames_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        write(path, &[b"1", b"2", b"3"], false).unwrap();
        fs::write(path.join("notes.txt"), b"A letter.").unwrap();
        let other = |frames: &[&[u8]]| match write(path, frames, true) {
            Err(FolderWriteError::OtherFile(name)) => name.to_str().unwrap().to_owned(),
            result => panic!("{result:?}"),
        };
        assert_eq!(other(&[b"x", b"y"]), "000003.jpg", "an old frame would be the end of the new film");
        fs::write(path.join("0000001.jpg"), b"other").unwrap();
        assert_eq!(other(&[b"x", b"y", b"z"]), "0000001.jpg");
        fs::rename(path.join("0000001.jpg"), path.join("film.AVI")).unwrap();
        assert_eq!(other(&[b"x", b"y", b"z"]), "film.AVI");
        assert_eq!(fs::read(path.join("000001.jpg")).unwrap(), b"1", "nothing was replaced");
        fs::remove_file(path.join("film.AVI")).unwrap();
        write(path, &[b"x", b"y", b"z", b"+"], true).unwrap();
        assert_eq!(names(path), ["000001.jpg", "000002.jpg", "000003.jpg", "000004.jpg", "notes.txt"]);
        assert_eq!(fs::read(path.join("000001.jpg")).unwrap(), b"x");
    }

    #[test]
    fn frame_that_was_not_written_does_not_leave_an_old_one() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[b"1", b"2"], false).unwrap();
        let mut writer = FolderWriter::create(folder.path(), 2, true).unwrap();
        writer.write_frame(b"x").unwrap();
        assert!(
            matches!(writer.finish(), Err(FolderWriteError::OtherFile(name)) if name == Path::new("000002.jpg"))
        );
        assert_eq!(fs::read(folder.path().join("000001.jpg")).unwrap(), b"1");
        assert_eq!(names(folder.path()), ["000001.jpg", "000002.jpg"]);
    }

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
