//! The system's dialog that asks for a file, and what to do where there is none.

use std::path::PathBuf;
use std::time::{Duration, Instant};

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
