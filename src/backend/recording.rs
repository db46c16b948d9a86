//! Recording and snapshots of the window.

use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use jiff::Zoned;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::media::FrameRate;
use crate::media_file::RecordingPlace;
use crate::recording::{
    Recorder, RecordingFormat, RecordingOptions, RecordingProgress, RecordingResult, SnapshotFormat,
    file_stem, save_snapshot, unused_path,
};
use crate::session::{RecorderSlot, SessionStatus};

/// Recording that the window asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordingRequest {
    /// Name of the film or stream, for the file name.
    pub name: String,
    /// Folder for the file; created if it does not exist.
    pub folder: PathBuf,
    /// Format of the file.
    pub format: RecordingFormat,
    /// Rate that the film or stream states; `None` if it states none.
    pub stated_rate: Option<FrameRate>,
}

/// Snapshot that the window asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRequest {
    /// JPEG of the frame on the screen.
    pub jpeg: Bytes,
    /// Name of the film or stream, for the file name.
    pub name: String,
    /// Folder for the file; created if it does not exist.
    pub folder: PathBuf,
    /// Format of the file.
    pub format: SnapshotFormat,
}

/// Change of the recording.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordingUpdate {
    /// More has been recorded.
    Progress(RecordingProgress),
    /// The recording has ended.
    Ended(RecordingResult),
}

/// Recording of the window, and the place at which it joins the session.
#[derive(Debug, Default)]
pub struct WindowRecording {
    slot: RecorderSlot,
    state: Option<State>,
    /// The recording was ended, maybe before it had begun.
    is_stopped: bool,
}

#[derive(Debug)]
enum State {
    /// A name that is not in use is searched for.
    Naming(JoinHandle<Result<Recorder, String>>),
    Running(Recorder, watch::Receiver<RecordingProgress>),
}

impl WindowRecording {
    /// Returns the place at which the recording joins a session.
    pub fn slot(&self) -> RecorderSlot {
        self.slot.clone()
    }

    /// Starts a recording, unless there is one.
    pub fn start(&mut self, request: RecordingRequest) {
        if self.state.is_none() {
            let task = tokio::task::spawn_blocking(move || start_recorder(request));
            (self.state, self.is_stopped) = (Some(State::Naming(task)), false);
        }
    }

    /// Ends the recording, if there is one; the update follows when the film is complete.
    pub fn stop(&mut self) {
        self.slot.set(None);
        self.is_stopped = true;
        if let Some(State::Running(recorder, _)) = &self.state {
            recorder.stop();
        }
    }

    /// Closes the gap in the film while the session is paused.
    pub fn handle_status(&self, status: &SessionStatus) {
        if let Some(State::Running(recorder, _)) = &self.state {
            recorder.handle_status(status);
        }
    }

    /// Waits for the next update; never returns without a recording.
    pub async fn next_update(&mut self) -> RecordingUpdate {
        if let Some(State::Naming(task)) = &mut self.state {
            let started = task.await.unwrap_or_else(|error| Err(format!("Nothing was recorded: {error}.")));
            match started {
                Ok(recorder) => self.join(recorder),
                Err(sentence) => return self.end(failed(sentence)),
            }
        }
        let Some(State::Running(recorder, progress)) = &mut self.state else {
            return std::future::pending().await;
        };
        let queue = recorder.queue();
        tokio::select! {
            result = recorder.finished() => self.end(result),
            Ok(()) = progress.changed() => RecordingUpdate::Progress(*progress.borrow_and_update()),
            // A disk that writes nothing makes no progress, but frames are missing from now on.
            () = queue.wait_for_left_out() => RecordingUpdate::Progress(RecordingProgress {
                left_out: queue.left_out(),
                ..*progress.borrow()
            }),
        }
    }

    /// Lets a recording join the session, unless it was ended meanwhile.
    fn join(&mut self, recorder: Recorder) {
        match self.is_stopped {
            true => recorder.stop(),
            false => self.slot.set(Some(recorder.queue())),
        }
        let progress = recorder.progress();
        self.state = Some(State::Running(recorder, progress));
    }

    fn end(&mut self, result: RecordingResult) -> RecordingUpdate {
        self.slot.set(None);
        self.state = None;
        RecordingUpdate::Ended(result)
    }

    /// Ends the recording and waits until the film is complete.
    pub async fn finish(&mut self) {
        self.stop();
        while self.state.is_some() {
            self.next_update().await;
        }
    }
}

/// Starts to record to a new file. Blocks.
fn start_recorder(request: RecordingRequest) -> Result<Recorder, String> {
    let RecordingRequest { name, folder, format, stated_rate } = request;
    let path = unused_path(&folder, &file_stem(&name, &Zoned::now()), format.extension())
        .map_err(|error| format!("{} cannot be used ({error}); choose another folder.", folder.display()))?;
    let options = RecordingOptions {
        path,
        place: RecordingPlace::Direct,
        format,
        stated_rate,
        rate: None,
        max_length: None,
        waits_over_tcp: false,
    };
    Recorder::start(options).map_err(|error| format!("The system cannot start threads: {error}."))
}

fn failed(sentence: String) -> RecordingResult {
    RecordingResult {
        path: PathBuf::new(),
        recorded: RecordingProgress::default(),
        error: Some(sentence),
        max_time_error: crate::proto::rtsp::Npt::ZERO,
    }
}

/// Saves a snapshot. Returns its path, or a sentence. Blocks.
pub fn save(request: &SnapshotRequest) -> Result<PathBuf, String> {
    let SnapshotRequest { jpeg, name, folder, format } = request;
    save_snapshot(folder, &file_stem(name, &Zoned::now()), jpeg, *format).map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::StorageFull => "free some space on the disk",
            _ => "check that files can be written there",
        };
        format!("The snapshot cannot be saved in {} ({error}); {advice}.", folder.display())
    })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::session::Frame;

    /// A named pipe that nothing reads blocks the writer: a disk that does not respond.
    #[tokio::test]
    async fn frames_that_are_left_out_are_shown_while_the_disk_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film.mjpeg");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let options = RecordingOptions {
            path: path.clone(),
            place: RecordingPlace::Direct,
            format: RecordingFormat::Classroom,
            stated_rate: None,
            rate: None,
            max_length: None,
            waits_over_tcp: false,
        };
        let recorder = Recorder::start(options).unwrap();
        let (queue, mut recording) = (recorder.queue(), WindowRecording::default());
        recording.join(recorder);
        let frame = |timestamp| Frame::complete(Bytes::from_static(b"frame"), timestamp, Instant::now());
        let mut timestamps = 0..;
        while queue.left_out() < 3 {
            queue.push(frame(timestamps.next().unwrap() * 4_500));
        }
        let RecordingUpdate::Progress(progress) = recording.next_update().await else {
            panic!("it has ended")
        };
        assert_eq!((progress.frames, progress.left_out), (0, 3));
        // The writer ends, and leaves the frames that it has not written.
        drop(std::fs::File::open(&path).unwrap());
        recording.stop();
        let result = loop {
            if let RecordingUpdate::Ended(result) = recording.next_update().await {
                break result;
            }
        };
        assert_eq!(result.recorded.left_out, 3);
    }
}
