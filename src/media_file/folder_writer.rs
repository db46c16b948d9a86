//! Writing of a film as a folder of JPEG files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::folder_replacement;
use super::frame_names::{FrameNames, create_frame_folder, remove_frame_folder, visible_names};
use crate::media::container::{has_image_extension, has_media_extension};

/// Folder that is being written: `000001.jpg`, `000002.jpg` and so on.
///
/// It is written beside its path and renamed by [`finish`](Self::finish), when all of it is on the disk. A folder that
/// is to be replaced is moved aside then, and removed; its files that are no frames are moved to the new one. The files
/// for an empty folder, and for one that cannot be moved, are written into a hidden folder inside of it and moved when
/// all are complete. Dropping it before removes what was written.
#[derive(Debug)]
pub struct FolderWriter {
    /// Path of the folder, without links if it exists.
    path: PathBuf,
    /// Folder that the files are written to; `None` once they have their names.
    part: Option<PathBuf>,
    place: PartPlace,
    names: FrameNames,
    replaced: ReplacedFrames,
    /// Maximum number of frames.
    max_frames: u64,
    /// Number of frames written.
    frames: u64,
    /// Length of all files, in bytes.
    length: u64,
}

/// Place of the files that are being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartPlace {
    /// Beside the path of the folder.
    Beside,
    /// In the folder, which exists.
    Inside,
}

/// Files of an existing folder that are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReplacedFrames {
    /// No files: the folder must be empty.
    Nothing,
    /// Files with the names of new frames. There must be no others that would be frames.
    SameNames,
    /// All files that have names of frames, because the number of new ones is not known before.
    All,
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
    /// The film is complete at its path, but files of the old folder that are no frames have stayed in this folder.
    #[error("its other files are in {}", .0.display())]
    OthersLeft(PathBuf),
}

impl FolderWriteError {
    /// Returns the error as a sentence about the folder with this path; `None` for an error of the system.
    pub fn sentence(&self, path: &Path) -> Option<String> {
        let name = path.display();
        match self {
            Self::Io(_) => None,
            Self::NotEmpty => Some(format!(
                "{name} is not empty; choose another folder, or replace its numbered .jpg files with --force."
            )),
            Self::OtherFile(other) => {
                let other = other.display();
                Some(format!(
                    "{name} holds {other}, which would be mistaken for a part of the film; move it, or choose another \
                     folder."
                ))
            }
            Self::OthersLeft(old) => {
                let old = old.display();
                Some(format!(
                    "{name} is complete, but its other files could not be moved; fetch them from {old}."
                ))
            }
        }
    }
}

/// Maximum number of frames of a folder whose number is not known before: six digits.
const MAX_RECORDED_FRAMES: u64 = 999_999;

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

    /// Creates the folder that is written first. `max_frames` is the number of frames, of which some may not be
    /// written. If `replaces`, files of an existing folder that have the names of frames are replaced. Blocks.
    ///
    /// # Errors
    /// Returns an error if it cannot be created, or if a file would stay in the folder that would be taken for a part
    /// of the film.
    pub fn create(path: &Path, max_frames: u64, replaces: bool) -> Result<Self, FolderWriteError> {
        let replaced = if replaces { ReplacedFrames::SameNames } else { ReplacedFrames::Nothing };
        Self::new(path, max_frames, replaced)
    }

    /// Creates the folder of a recording, whose number of frames is not known before. If `replaces`, all files of an
    /// existing folder that have names of frames are replaced. Blocks.
    ///
    /// # Errors
    /// Returns an error as [`create`](Self::create) does.
    pub fn record(path: &Path, replaces: bool) -> Result<Self, FolderWriteError> {
        let replaced = if replaces { ReplacedFrames::All } else { ReplacedFrames::Nothing };
        Self::new(path, MAX_RECORDED_FRAMES, replaced)
    }

    fn new(path: &Path, max_frames: u64, replaced: ReplacedFrames) -> Result<Self, FolderWriteError> {
        let names = FrameNames::for_count(max_frames);
        let exists = path.is_dir();
        let path = if exists { fs::canonicalize(path)? } else { path.to_owned() };
        let mut writer = Self {
            path,
            part: None,
            place: PartPlace::Beside,
            names,
            replaced,
            max_frames,
            frames: 0,
            length: 0,
        };
        if exists {
            writer.check_remaining(max_frames)?;
        }
        (writer.place, writer.part) = writer.create_part(exists)?;
        Ok(writer)
    }

    /// Creates the folder that the files are written to: inside of a folder with nothing to replace, and of one that
    /// cannot be moved or whose parent cannot be written.
    fn create_part(&self, exists: bool) -> io::Result<(PartPlace, Option<PathBuf>)> {
        let is_moved = !visible_names(&self.path).is_ok_and(|names| names.is_empty())
            && folder_replacement::can_be_moved(&self.path);
        let part = beside(&self.path, "part");
        if !exists {
            let part = part?;
            create_frame_folder(&part)?;
            return Ok((PartPlace::Beside, Some(part)));
        }
        if let Some(part) = part.ok().filter(|part| is_moved && create_frame_folder(part).is_ok()) {
            return Ok((PartPlace::Beside, Some(part)));
        }
        let part = self.path.join(".reelay.part");
        create_frame_folder(&part)?;
        Ok((PartPlace::Inside, Some(part)))
    }

    /// Returns the folder that the files are written to now.
    pub fn part(&self) -> &Path {
        self.part.as_deref().unwrap_or(&self.path)
    }

    /// Returns the length of all files, in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Returns true if no more frames can be written.
    pub fn is_full(&self) -> bool {
        self.frames >= self.max_frames
    }

    /// Writes the file of the next frame. Blocks.
    ///
    /// # Errors
    /// Returns an error if it cannot be written; then there is no such file.
    pub fn write_frame(&mut self, jpeg: &[u8]) -> io::Result<()> {
        let path = self.part.as_ref().ok_or(ErrorKind::NotFound)?.join(self.names.name(self.frames + 1));
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        if let Err(error) = file.write_all(jpeg) {
            // A file that stays is removed with the others.
            let _ = fs::remove_file(path);
            return Err(error);
        }
        self.frames += 1;
        self.length += jpeg.len() as u64;
        Ok(())
    }

    /// Removes the file of the last frame; returns true if there was one. Blocks.
    ///
    /// # Errors
    /// Returns an error if it cannot be removed.
    pub fn remove_last(&mut self) -> io::Result<bool> {
        if self.frames == 0 {
            return Ok(false);
        }
        let path = self.part().join(self.names.name(self.frames));
        self.length = self.length.saturating_sub(fs::metadata(&path)?.len());
        fs::remove_file(path)?;
        self.frames -= 1;
        Ok(true)
    }

    /// Gives the files their names, and returns the length of all in bytes. Blocks until they are on the disk.
    ///
    /// # Errors
    /// Returns an error if the files cannot be renamed, or if another file was added to the folder. Then what was in
    /// the folder is unchanged.
    pub fn finish(mut self) -> Result<u64, FolderWriteError> {
        self.try_finish()
    }

    /// Does what [`finish`](Self::finish) does, and can be called again if it fails.
    ///
    /// # Errors
    /// Returns an error as [`finish`](Self::finish) does.
    pub fn try_finish(&mut self) -> Result<u64, FolderWriteError> {
        let part = self.part.clone().ok_or_else(|| io::Error::from(ErrorKind::NotFound))?;
        self.sync(&part)?;
        let exists = self.path.is_dir();
        if exists {
            self.check_remaining(self.frames)?;
        }
        let others_left = match exists {
            true => self.replace(&part)?,
            false => fs::rename(&part, &self.path).map(|()| None)?,
        };
        self.part = None;
        // The film is complete, and a crash now leaves the old one or this one.
        let _ = sync_folder(self.path.parent().unwrap_or(&self.path));
        others_left.map_or(Ok(self.length), |old| Err(FolderWriteError::OthersLeft(old)))
    }

    /// Puts the files into a folder that exists. Returns the folder in which its other files have stayed, if they have.
    fn replace(&self, part: &Path) -> io::Result<Option<PathBuf>> {
        let is_replaced = |name: &Path| self.is_replaced(name, self.frames);
        if self.place == PartPlace::Beside {
            let old = beside(&self.path, "old")?;
            match folder_replacement::swap(part, &self.path, &old, is_replaced) {
                Ok(all_moved) => return Ok(Some(old).filter(|_| !all_moved)),
                // Some systems cannot rename every folder.
                Err(error) => tracing::debug!(%error, "cannot move the folder aside"),
            }
        }
        let new: Vec<_> = (1..=self.frames).map(|number| PathBuf::from(self.names.name(number))).collect();
        folder_replacement::move_into(part, &self.path, &new, is_replaced)?;
        // An empty hidden folder does no harm.
        let _ = remove_frame_folder(part);
        Ok(None)
    }

    /// Waits until the files are on the disk. All have been written before the first one is waited for, so the system
    /// writes them together.
    fn sync(&self, part: &Path) -> io::Result<()> {
        for number in 1..=self.frames {
            // Some systems need the right to write for this.
            OpenOptions::new().write(true).open(part.join(self.names.name(number)))?.sync_all()?;
        }
        sync_folder(part)
    }

    /// Leaves the files that were written in their folder, and returns its path.
    pub fn keep(mut self) -> PathBuf {
        self.part.take().unwrap_or_else(|| self.path.clone())
    }

    /// Returns true if a file of the old folder is replaced by one of this many frames.
    fn is_replaced(&self, name: &Path, frames: u64) -> bool {
        match (self.replaced, self.names.number(name)) {
            (ReplacedFrames::SameNames, Some(number)) => (1..=frames).contains(&number),
            (ReplacedFrames::All, Some(_)) => true,
            _ => false,
        }
    }

    /// Checks that no file that stays in the folder would be a frame of the film, or make it a list of films.
    fn check_remaining(&self, frames: u64) -> Result<(), FolderWriteError> {
        let mut found = visible_names(&self.path)?;
        if self.replaced == ReplacedFrames::Nothing && !found.is_empty() {
            return Err(FolderWriteError::NotEmpty);
        }
        found.sort_unstable();
        let is_part = |name: &Path| has_image_extension(name) || has_media_extension(name);
        match found.into_iter().find(|name| is_part(name) && !self.is_replaced(name, frames)) {
            Some(name) => Err(FolderWriteError::OtherFile(name)),
            None => Ok(()),
        }
    }
}

impl Drop for FolderWriter {
    fn drop(&mut self) {
        if let Some(part) = &self.part {
            // An error leaves a hidden folder whose name shows that it is a part.
            let _ = remove_frame_folder(part);
        }
    }
}

/// Returns the path of a hidden folder beside another one.
fn beside(path: &Path, suffix: &str) -> io::Result<PathBuf> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?);
    name.push(".");
    name.push(suffix);
    Ok(path.with_file_name(name))
}

/// Waits until the names in a folder are on the disk, where the system can do that.
fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    match cfg!(unix) {
        true => File::open(folder)?.sync_all(),
        false => Ok(()),
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

    /// A recording replaces all numbered files, because it may have fewer frames than the old film.
    #[test]
    fn recording_replaces_all_frames_and_keeps_other_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("frames");
        write(&path, &[b"1", b"2", b"3"], false).unwrap();
        fs::write(path.join("notes.txt"), b"A letter.").unwrap();
        fs::create_dir(path.join(".hidden")).unwrap();
        assert!(matches!(FolderWriter::record(&path, false), Err(FolderWriteError::NotEmpty)));
        let mut writer = FolderWriter::record(&path, true).unwrap();
        writer.write_frame(b"new").unwrap();
        writer.write_frame(b"left out").unwrap();
        assert!(writer.remove_last().unwrap());
        assert_eq!(names(folder.path()), [".frames.part", "frames"], "the old film is complete until then");
        assert_eq!(fs::read(path.join("000001.jpg")).unwrap(), b"1");
        assert_eq!(writer.finish().unwrap(), 3);
        assert_eq!(names(folder.path()), ["frames"]);
        assert_eq!(names(&path), [".hidden", "000001.jpg", "notes.txt"]);
        assert_eq!(fs::read(path.join("000001.jpg")).unwrap(), b"new");
    }

    #[test]
    fn recording_that_is_kept_stays_beside_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = FolderWriter::record(&folder.path().join("frames"), false).unwrap();
        writer.write_frame(b"x").unwrap();
        let kept = writer.keep();
        assert_eq!(kept, folder.path().join(".frames.part"));
        assert_eq!(names(&kept), ["000001.jpg"]);
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
}
