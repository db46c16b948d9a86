//! File dialogs of the operating system, and the fallback where there are none.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::{Duration, Instant};
use std::{fs, io};

use etcetera::BaseStrategy as _;
use iced::{Task, window};
use rfd::{AsyncFileDialog, FileHandle};

/// Result of the dialog of `pick`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PickResult {
    /// Path of the chosen file or folder.
    File(PathBuf),
    /// The user closed the dialog.
    Cancelled,
    /// The system could not show a dialog.
    NoDialog,
}

/// Shortest time in which a user can close a dialog. rfd reports a missing portal in the same way as a cancelled
/// dialog; a result earlier than this means that no dialog was shown.
const MIN_DIALOG_TIME: Duration = Duration::from_millis(150);

/// Extensions of the files that the dialog shows, in each case in which they are common.
const SHOWN_EXTENSIONS: [&str; 20] = [
    "mjpeg", "Mjpeg", "MJPEG", "mjpg", "MJPG", "mjp", "mpjpeg", "avi", "AVI", "mov", "MOV", "qt", "mp4",
    "MP4", "m4v", "M4V", "jpg", "JPG", "jpeg", "JPEG",
];

/// Kind of path that a dialog lets the user choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PickKind {
    /// A film, or an image.
    File,
    /// A folder of JPEG files.
    Folder,
}

/// Shows a dialog to choose a file or a folder, with `window` as its parent.
pub fn pick(window: Option<window::Id>, kind: PickKind) -> Task<PickResult> {
    let dialog = move || match kind {
        PickKind::File => AsyncFileDialog::new()
            .set_title("Open a Motion JPEG film")
            .add_filter("Motion JPEG", &SHOWN_EXTENSIONS)
            .add_filter("All files", &["*"]),
        PickKind::Folder => AsyncFileDialog::new().set_title("Open a folder of JPEG files"),
    };
    match window {
        Some(id) => window::run(id, move |window| run_open_dialog(dialog().set_parent(&window), kind))
            .then(Task::future),
        None => Task::future(run_open_dialog(dialog(), kind)),
    }
}

fn run_open_dialog(
    dialog: AsyncFileDialog,
    kind: PickKind,
) -> impl Future<Output = PickResult> + Send + 'static {
    let started_at = Instant::now();
    let picking: Pin<Box<dyn Future<Output = Option<FileHandle>> + Send>> = match kind {
        PickKind::File => Box::pin(dialog.pick_file()),
        PickKind::Folder => Box::pin(dialog.pick_folder()),
    };
    async move {
        match picking.await {
            Some(file) => PickResult::File(file.path().to_owned()),
            None if started_at.elapsed() < MIN_DIALOG_TIME => PickResult::NoDialog,
            None => PickResult::Cancelled,
        }
    }
}

/// Result of the dialog of `save_file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaveResult {
    /// Path that the file was written to.
    Saved(PathBuf),
    /// The user closed the dialog.
    Cancelled,
    /// The file could not be written; holds a sentence for the user.
    Failed(String),
}

/// Shows a dialog to save `bytes`, with `name` as the suggested file name, and writes the file. If the system has no
/// dialog, the file is written to the home folder under a name that is not in use.
pub fn save_file(window: Option<window::Id>, name: &'static str, bytes: Vec<u8>) -> Task<SaveResult> {
    let dialog = move || AsyncFileDialog::new().set_title("Save").set_file_name(name);
    match window {
        Some(id) => window::run(id, move |window| run_save_dialog(dialog().set_parent(&window), name, bytes))
            .then(Task::future),
        None => Task::future(run_save_dialog(dialog(), name, bytes)),
    }
}

fn run_save_dialog(
    dialog: AsyncFileDialog,
    name: &'static str,
    bytes: Vec<u8>,
) -> impl Future<Output = SaveResult> + Send + 'static {
    let started_at = Instant::now();
    let asking = dialog.save_file();
    async move {
        let path = match asking.await {
            Some(file) => file.path().to_owned(),
            None if started_at.elapsed() >= MIN_DIALOG_TIME => return SaveResult::Cancelled,
            None => match unused_home_path(name) {
                Ok(path) => path,
                Err(error) => return save_failed(Path::new(name), &error),
            },
        };
        let writing = {
            let path = path.clone();
            tokio::task::spawn_blocking(move || fs::write(path, bytes))
        };
        match writing.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(()) => SaveResult::Saved(path),
            Err(error) => save_failed(&path, &error),
        }
    }
}

fn save_failed(path: &Path, error: &io::Error) -> SaveResult {
    SaveResult::Failed(format!("{} cannot be saved ({error}); choose another location.", path.display()))
}

/// Returns a path in the home folder at which there is no file: `name`, or `name` with a number from 2 to 1,000.
fn unused_home_path(name: &str) -> io::Result<PathBuf> {
    let home = etcetera::choose_base_strategy().map_err(io::Error::other)?.home_dir().to_owned();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, "txt"));
    let numbered = (2..=1_000).map(|number| format!("{stem} {number}.{extension}"));
    std::iter::once(name.to_owned())
        .chain(numbered)
        .map(|name| home.join(name))
        .find(|path| !path.exists())
        .ok_or_else(|| io::Error::other("the home folder already has 1,000 files of this name"))
}
