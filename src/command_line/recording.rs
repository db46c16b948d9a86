//! Recordings of the commands: start, and the report at the end.

use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use super::error::CommandError;
use super::stderr;
use crate::backend::ShutdownSignal;
use crate::format::enumerated;
use crate::recording::{Recorder, RecordingOptions, RecordingResult};
use crate::session::Presentation;

/// Minimum time for a recording to be completed, before Ctrl+C ends that: some programs send a signal twice.
const MIN_WAIT: Duration = Duration::from_secs(1);

/// Starts a recording. What its format does not keep is said before.
///
/// # Errors
/// Returns a [`CommandError`] if the folder of the file does not exist, or the system cannot create a thread.
pub fn start(options: RecordingOptions) -> Result<Recorder, CommandError> {
    let folder = options.path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let folder = folder.display();
        return Err(CommandError::new(format!(
            "There is no folder {folder} to record to; create it, or choose another one."
        )));
    }
    if let Some(warning) = options.format.warning().filter(|_| options.rate.is_none()) {
        stderr::print_line(warning);
    }
    Recorder::start(options)
        .map_err(|error| CommandError::new(format!("The system cannot start threads: {error}.")))
}

/// Returns the sentence for a disk that has not responded. `written` is the path of what was recorded; `None` if
/// nothing was created.
fn unresponsive_disk(written: Option<&Path>) -> String {
    let advice = written.map_or("record to another disk".to_owned(), |written| {
        format!("open {} with Reelay, which finds its frames", written.display())
    });
    format!("The recording is not complete, because the disk has not responded; {advice}.")
}

/// Ends a recording and waits until it is complete, or until Ctrl+C at least a second later: a disk may never
/// respond.
///
/// # Errors
/// Returns a [`CommandError`] after Ctrl+C.
pub async fn finish(
    recorder: &mut Recorder,
    signal: &mut ShutdownSignal,
) -> Result<RecordingResult, CommandError> {
    recorder.stop();
    let started = Instant::now();
    loop {
        tokio::select! {
            biased;
            result = recorder.finished() => return Ok(result),
            () = signal.recv() => if started.elapsed() >= MIN_WAIT {
                return Err(CommandError::new(unresponsive_disk(recorder.written_path())));
            }
        }
    }
}

/// Prints which streams are left out, if there are any.
pub fn print_left_out_streams(presentation: &Presentation) {
    if let Some(others) = enumerated(&presentation.other_streams) {
        stderr::print_line(format_args!("The stream also contains {others}, which is left out."));
    }
}

/// Prints what was recorded: on stdout if it is the result of the command, otherwise on stderr.
///
/// # Errors
/// Returns the error of the recording.
pub fn report(result: RecordingResult, is_result: bool) -> Result<(), CommandError> {
    result.notes().iter().for_each(stderr::print_line);
    if result.recorded.frames > 0 {
        match is_result {
            // The film is written, whether this line is read or not.
            true => drop(writeln!(io::stdout(), "{}", result.summary())),
            false => stderr::print_line(result.summary()),
        }
    }
    result.error.map_or(Ok(()), |sentence| Err(CommandError::new(sentence)))
}
