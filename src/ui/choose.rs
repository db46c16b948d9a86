//! The system's dialogs that ask for a file, and what to do where there are none.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use etcetera::BaseStrategy as _;
use iced::{Task, window};
use rfd::AsyncFileDialog;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// This file.
    File(PathBuf),
    /// None, as the user wished.
    Cancelled,
    /// The system has no dialog to show.
    NoDialog,
}

/// A dialog that is gone sooner than this was never there: nobody reads and cancels so fast.
const SOONEST: Duration = Duration::from_millis(150);

/// Shows the dialog in front of the window.
pub fn choose(window: Option<window::Id>) -> Task<Choice> {
    let dialog = || {
        AsyncFileDialog::new()
            .set_title("Open a Motion JPEG film")
            .add_filter("Motion JPEG", &["mjpeg", "Mjpeg", "MJPEG", "mjpg", "MJPG", "mjp"])
            .add_filter("All files", &["*"])
    };
    match window {
        Some(id) => window::run(id, move |window| pick(dialog().set_parent(&window))).then(Task::future),
        None => Task::future(pick(dialog())),
    }
}

fn pick(dialog: AsyncFileDialog) -> impl Future<Output = Choice> + Send + 'static {
    let began = Instant::now();
    let picking = dialog.pick_file();
    async move {
        match picking.await {
            Some(file) => Choice::File(file.path().to_owned()),
            None if began.elapsed() < SOONEST => Choice::NoDialog,
            None => Choice::Cancelled,
        }
    }
}

/// What came of saving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saving {
    /// It is in this file.
    Saved(PathBuf),
    /// It is nowhere, as the user wished.
    Cancelled,
    /// It is nowhere; a sentence says why.
    Failed(String),
}

/// Asks where to save something that is to be called so. Where the system has no dialog, it is saved in the home folder.
pub fn save(window: Option<window::Id>, name: &'static str, octets: Vec<u8>) -> Task<Saving> {
    let dialog = move || AsyncFileDialog::new().set_title("Save").set_file_name(name);
    match window {
        Some(id) => {
            window::run(id, move |window| write_where_asked(dialog().set_parent(&window), name, octets))
                .then(Task::future)
        }
        None => Task::future(write_where_asked(dialog(), name, octets)),
    }
}

fn write_where_asked(
    dialog: AsyncFileDialog,
    name: &'static str,
    octets: Vec<u8>,
) -> impl Future<Output = Saving> + Send + 'static {
    let began = Instant::now();
    let asking = dialog.save_file();
    async move {
        let path = match asking.await {
            Some(file) => file.path().to_owned(),
            None if began.elapsed() >= SOONEST => return Saving::Cancelled,
            None => match free_in_home(name) {
                Ok(path) => path,
                Err(error) => return failed(Path::new(name), &error),
            },
        };
        let writing = {
            let path = path.clone();
            tokio::task::spawn_blocking(move || fs::write(path, octets))
        };
        match writing.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(()) => Saving::Saved(path),
            Err(error) => failed(&path, &error),
        }
    }
}

fn failed(path: &Path, error: &io::Error) -> Saving {
    Saving::Failed(format!("{} cannot be saved ({error}); choose another place.", path.display()))
}

/// A file in the home folder that is not there yet.
fn free_in_home(name: &str) -> io::Result<PathBuf> {
    let home = etcetera::choose_base_strategy().map_err(io::Error::other)?.home_dir().to_owned();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, "txt"));
    let numbered = (2..=1_000).map(|number| format!("{stem} {number}.{extension}"));
    std::iter::once(name.to_owned())
        .chain(numbered)
        .map(|name| home.join(name))
        .find(|path| !path.exists())
        .ok_or_else(|| io::Error::other("the home folder is full of them"))
}
