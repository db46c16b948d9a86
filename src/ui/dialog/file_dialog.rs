//! File dialogs of the operating system, and the fallback where there are none.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::{Duration, Instant};
use std::{fs, io};

use etcetera::BaseStrategy as _;
use iced::{Task, window};
use rfd::{AsyncFileDialog, FileHandle};

use crate::recording::unused_path;

/// Result of the dialog of `pick`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PickResult {
    /// Paths of the chosen files or of the folder; at least one.
    Paths(Vec<PathBuf>),
    /// The user closed the dialog.
    Cancelled,
    /// The system could not show a dialog.
    NoDialog,
}

/// Shortest time in which a user can close a dialog. rfd reports a missing portal in the same way as a cancelled
/// dialog; a result earlier than this means that no dialog was shown.
const MIN_DIALOG_TIME: Duration = Duration::from_millis(150);

/// Extensions of the files that the dialog shows, in each case in which they are common.
const SHOWN_EXTENSIONS: [&str; 26] = [
    "mjpeg", "Mjpeg", "MJPEG", "mjpg", "MJPG", "mjp", "mpjpeg", "avi", "AVI", "mov", "MOV", "qt", "mp4",
    "MP4", "m4v", "M4V", "jpg", "JPG", "jpeg", "JPEG", "m3u", "M3U", "m3u8", "M3U8", "sdp", "SDP",
];

/// Kind of path that a dialog lets the user choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PickKind {
    /// Films, images or lists.
    File,
    /// A folder of JPEG files or of films.
    Folder,
}

/// Shows a dialog to choose a file or a folder, with `window` as its parent. The dialog begins in `folder` if that
/// exists.
pub fn pick(window: Option<window::Id>, kind: PickKind, folder: Option<PathBuf>) -> Task<PickResult> {
    let dialog = move || in_folder(new_dialog(kind), folder.as_deref());
    match window {
        Some(id) => window::run(id, move |window| run_open_dialog(dialog().set_parent(&window), kind))
            .then(Task::future),
        None => Task::future(run_open_dialog(dialog(), kind)),
    }
}

fn new_dialog(kind: PickKind) -> AsyncFileDialog {
    match kind {
        PickKind::File => AsyncFileDialog::new()
            .set_title("Open Motion JPEG films")
            .add_filter("All films", &SHOWN_EXTENSIONS)
            .add_filter("All files", &["*"]),
        PickKind::Folder => AsyncFileDialog::new().set_title("Open a folder of films or of JPEG files"),
    }
}

/// Lets the dialog begin in a folder; a folder that is gone leaves the choice to the system.
fn in_folder(dialog: AsyncFileDialog, folder: Option<&Path>) -> AsyncFileDialog {
    match folder.filter(|folder| folder.is_dir()) {
        Some(folder) => dialog.set_directory(folder),
        None => dialog,
    }
}

fn run_open_dialog(
    dialog: AsyncFileDialog,
    kind: PickKind,
) -> impl Future<Output = PickResult> + Send + 'static {
    let started_at = Instant::now();
    let picking: Pin<Box<dyn Future<Output = Option<Vec<FileHandle>>> + Send>> = match kind {
        PickKind::File => Box::pin(dialog.pick_files()),
        PickKind::Folder => Box::pin(dialog.pick_folders()),
    };
    async move {
        match picking.await.filter(|files| !files.is_empty()) {
            Some(files) => PickResult::Paths(files.iter().map(|file| file.path().to_owned()).collect()),
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

/// File to save.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaveRequest {
    /// Suggested name, with its extension.
    pub name: String,
    /// Folder in which the dialog begins; `None` for the choice of the system.
    pub folder: Option<PathBuf>,
    /// Content of the file.
    pub bytes: Vec<u8>,
}

/// Shows a dialog to save a file, and writes it. The dialog asks before a file is replaced. If the system has no
/// dialog, the file is written to the home folder under a name that is not in use.
pub fn save_file(window: Option<window::Id>, request: SaveRequest) -> Task<SaveResult> {
    let dialog = AsyncFileDialog::new().set_title("Save").set_file_name(&request.name);
    let dialog = in_folder(dialog, request.folder.as_deref());
    match window {
        Some(id) => window::run(id, move |window| run_save_dialog(dialog.set_parent(&window), request))
            .then(Task::future),
        None => Task::future(run_save_dialog(dialog, request)),
    }
}

fn run_save_dialog(
    dialog: AsyncFileDialog,
    request: SaveRequest,
) -> impl Future<Output = SaveResult> + Send + 'static {
    let started_at = Instant::now();
    let SaveRequest { name, bytes, .. } = request;
    let asking = dialog.save_file();
    async move {
        let path = match asking.await {
            Some(file) => file.path().to_owned(),
            None if started_at.elapsed() >= MIN_DIALOG_TIME => return SaveResult::Cancelled,
            None => match unused_home_path(&name) {
                Ok(path) => path,
                Err(error) => return save_failed(Path::new(&name), &error),
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

/// Returns a path in the home folder at which there is no file.
fn unused_home_path(name: &str) -> io::Result<PathBuf> {
    let home = etcetera::choose_base_strategy().map_err(io::Error::other)?.home_dir().to_owned();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, "txt"));
    unused_path(&home, stem, extension)
}
