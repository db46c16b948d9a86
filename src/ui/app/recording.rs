//! Recording and snapshots: from clicks to commands, and from updates to notices.

use std::path::{Path, PathBuf};

use iced::Task;

use super::message::Message;
use super::recording_state::{Recording, RecordingState};
use super::state::App;
use crate::backend::{Command, MediaSource, RecordingRequest, RecordingUpdate, SnapshotRequest};
use crate::format::counted;
use crate::media::FrameRate;
use crate::media::container::has_media_extension;
use crate::recording::RecordingResult;

impl App {
    /// Starts to record, or ends the recording.
    pub(super) fn toggle_recording(&mut self) {
        match self.recording.state {
            RecordingState::Off => self.start_recording(),
            RecordingState::On(_) => {
                self.recording.state = RecordingState::Ending;
                self.backend.send(Command::StopRecording);
            }
            RecordingState::Ending => {}
        }
    }

    fn start_recording(&mut self) {
        let Some(name) = self.playback.source().and_then(|_| self.playback.name()) else { return };
        let format = self.settings.recording_format;
        let others = self.playback.other_streams();
        let left_out = others.map(|others| format!("The recording does not contain {others}."));
        let notes: Vec<_> = format.warning().map(str::to_owned).into_iter().chain(left_out).collect();
        if !notes.is_empty() {
            self.playback.show_info(notes.join(" "));
        }
        self.recording = Recording::start(self.frames_incomplete());
        self.backend.send(Command::StartRecording(RecordingRequest {
            name,
            folder: self.folders.videos.clone(),
            format,
            stated_rate: self.stated_rate(),
        }));
    }

    /// Counts the incomplete frames of a recording; to be called when there are new figures.
    pub(super) fn count_recorded_losses(&mut self) {
        let total = self.frames_incomplete();
        match self.recording.state {
            RecordingState::Off => {}
            RecordingState::On(_) | RecordingState::Ending => self.recording.losses.update(total),
        }
    }

    fn frames_incomplete(&self) -> u64 {
        self.session_record.figures().snapshot.frames_incomplete
    }

    /// Rate that the film or stream states.
    fn stated_rate(&self) -> Option<FrameRate> {
        self.playback.frame_times().map(|times| times.rate())
    }

    /// Saves the frame on the screen.
    pub(super) fn save_snapshot(&mut self) {
        let (Some(picture), Some(name)) = (&self.picture, self.playback.name()) else { return };
        self.backend.send(Command::SaveSnapshot(SnapshotRequest {
            jpeg: picture.picture().original_jpeg(),
            name,
            folder: self.folders.pictures.clone(),
            format: self.settings.snapshot_format,
        }));
    }

    pub(super) fn handle_recording_update(&mut self, update: RecordingUpdate) {
        match update {
            RecordingUpdate::Progress(progress) => {
                if let RecordingState::On(shown) = &mut self.recording.state {
                    *shown = progress;
                }
            }
            RecordingUpdate::Ended(result) => {
                let has_ended_by_itself = matches!(self.recording.state, RecordingState::On(_));
                self.recording.state = RecordingState::Off;
                self.show_recorded(&result, has_ended_by_itself);
            }
        }
    }

    fn show_recorded(&mut self, result: &RecordingResult, has_ended_by_itself: bool) {
        let is_error = result.error.is_some();
        if result.recorded.frames == 0 {
            return self.playback.show_error(result.error.clone().unwrap_or_default());
        }
        let recorded = format!("Recorded {}.", result.summary());
        let incomplete = self.recording.losses.incomplete;
        let incomplete =
            (incomplete > 0).then(|| format!("Not recorded: {}.", counted(incomplete, "incomplete frame")));
        let end = (has_ended_by_itself && !is_error).then(|| match self.recording.has_film_ended {
            true => "It ended with the film.".to_owned(),
            false => "It ended with the session.".to_owned(),
        });
        let notes = result.notes().into_iter().chain(incomplete).chain(end);
        let sentences: Vec<_> = result.error.iter().cloned().chain([recorded]).chain(notes).collect();
        self.playback.show_saved(sentences.join(" "), result.path.clone(), is_error);
    }

    pub(super) fn handle_snapshot_saved(&mut self, saved: Result<PathBuf, String>) {
        match saved {
            Ok(path) => self.playback.show_saved(format!("Saved as {}.", path.display()), path, false),
            Err(sentence) => self.playback.show_error(sentence),
        }
    }

    /// Opens the file that was saved: a film in this window, an image with the program of the system.
    pub(super) fn open_saved(&mut self) -> Task<Message> {
        let Some(path) = self.playback.saved_path().map(Path::to_owned) else { return Task::none() };
        if has_media_extension(&path) {
            self.open(MediaSource::File(path), true);
            return Task::none();
        }
        open_with_system(path)
    }

    /// Shows the folder of the file that was saved.
    pub(super) fn show_saved_folder(&mut self) -> Task<Message> {
        let folder = self.playback.saved_path().and_then(Path::parent).map(Path::to_owned);
        folder.map_or_else(Task::none, open_with_system)
    }
}

/// Opens a file or a folder with the program of the system for it. Blocks.
fn open_path(path: &Path) -> Result<(), String> {
    // A path is one argument, whatever it contains; an absolute one is not taken for an option or a URL.
    let opened = std::path::absolute(path).and_then(open::that_detached);
    opened.map_err(|error| {
        format!("The system cannot open {} ({error}); open it with a file manager.", path.display())
    })
}

/// Opens a file or a folder with the program of the system for it.
fn open_with_system(path: PathBuf) -> Task<Message> {
    Task::future(async move {
        let opening = tokio::task::spawn_blocking(move || open_path(&path));
        Message::OpenedWithSystem(opening.await.unwrap_or_else(|error| Err(error.to_string())))
    })
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::*;

    /// Path to open, in the process in which another program takes the place of that of the system.
    const PATH_TO_OPEN: &str = "REELAY_TEST_PATH_TO_OPEN";

    /// The program is found by an environment variable of the process, so this test runs itself in one of its own.
    #[test]
    fn path_is_one_argument_whatever_it_contains() {
        if let Some(path) = std::env::var_os(PATH_TO_OPEN) {
            return open_path(Path::new(&path)).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let (program, opened) = (folder.path().join("xdg-open"), folder.path().join("opened"));
        let script = "#!/bin/sh\nprintf '%s\\n' \"$#\" \"$1\" > opened.part && mv opened.part opened\n";
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let search = format!("{}:/usr/bin:/bin", folder.path().display());
        for name in
            ["a film 100%20.mov", "-rf", "--help", "50% \"x\" 'y' $HOME `z`", "http:", "mailto:a@b", "ähm#?&"]
        {
            let mut own = Command::new(std::env::current_exe().unwrap());
            own.args(["--exact", "ui::app::recording::tests::path_is_one_argument_whatever_it_contains"]);
            own.current_dir(folder.path()).env("PATH", &search).env(PATH_TO_OPEN, name);
            let output = own.output().unwrap();
            let printed = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
            let started = Instant::now();
            while !opened.exists() {
                assert!(started.elapsed() < Duration::from_secs(60), "{name} is not opened");
                std::thread::sleep(Duration::from_millis(5));
            }
            let expected = format!("1\n{}\n", folder.path().join(name).display());
            assert_eq!(fs::read_to_string(&opened).unwrap(), expected);
            fs::remove_file(&opened).unwrap();
        }
    }
}
