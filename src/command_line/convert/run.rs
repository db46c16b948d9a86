//! Run of `reelay convert`, from the arguments to the complete file.

use std::io::{self, ErrorKind, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::output::{self, Output};
use super::plan::{CheckedFrame, Plan, PlanOptions, Source};
use super::progress_bar::ProgressBar;
use super::stream::convert_stream;
use crate::backend::{self, ShutdownSignal};
use crate::command_line::arguments::ConvertArguments;
use crate::command_line::error::CommandError;
use crate::command_line::stderr;
use crate::command_line::target::Target;
use crate::format;
use crate::media::FrameRate;
use crate::media::container::{ContainerFormat, FrameEntry, has_appendix};
use crate::media::jpeg::{JpegHeader, frame_dimensions, split_fields};
use crate::media_file::{FilmWriteError, MediaFile};

/// Number of bytes of a frame that are read to check its header.
const CHECKED_LENGTH: usize = 16 * 1024;

/// Converts a film or a stream.
///
/// # Errors
/// Returns a [`CommandError`] if the film cannot be opened or read, if the target cannot hold it or cannot be written,
/// or after Ctrl+C; no part of the target stays. A stream that breaks off is an error too, but what was recorded stays.
pub fn convert(arguments: &ConvertArguments) -> Result<(), CommandError> {
    let runtime = backend::runtime()
        .map_err(|error| CommandError::new(format!("The system cannot start threads: {error}.")))?;
    let input = match &arguments.target {
        Target::File(input) => input,
        Target::Stream(url) => {
            output::check(None, arguments)?;
            return runtime.block_on(convert_stream(url, arguments));
        }
    };
    output::check(Some(input), arguments)?;
    // Before signals are caught, because it may take long; nothing has been written yet.
    let rate = arguments.rate.unwrap_or(FrameRate::CLASSROOM);
    let film = MediaFile::open(input, &backend::file_name(input), rate)
        .map_err(|error| CommandError::new(error.to_string()))?;
    runtime.block_on(async {
        let mut end_signal = ShutdownSignal::listen();
        let is_cancelled = Arc::new(AtomicBool::new(false));
        let conversion =
            Conversion { film, arguments: arguments.clone(), is_cancelled: is_cancelled.clone() };
        let mut task = tokio::task::spawn_blocking(move || conversion.run());
        let finished = tokio::select! {
            finished = &mut task => finished,
            () = end_signal.recv() => {
                // The task ends soon, and removes what it has written.
                is_cancelled.store(true, Ordering::Relaxed);
                task.await
            }
        };
        finished
            .unwrap_or_else(|error| Err(CommandError::new(format!("The conversion has failed: {error}."))))
    })
}

struct Conversion {
    film: Arc<MediaFile>,
    arguments: ConvertArguments,
    is_cancelled: Arc<AtomicBool>,
}

impl Conversion {
    fn run(&self) -> Result<(), CommandError> {
        let frames = self.wait_for_index()?;
        let source = Source {
            name: self.film.name().to_owned(),
            times: self.film.times(),
            time_base: self.film.film_properties().time_base,
            frames,
            other_streams: self.film.film_properties().other_streams.clone(),
        };
        let ConvertArguments { format, from, to, rate, .. } = self.arguments;
        let mut plan =
            Plan::new(source, PlanOptions { format, from, to, rate }).map_err(CommandError::new)?;
        self.check_frames(&mut plan)?;
        let warning = self.film.info().warning();
        warning.into_iter().chain(plan.notes()).for_each(stderr::print_line);
        let output = Output::create(&plan, &self.arguments)?;
        self.write(&plan, output)
    }

    /// Waits until the complete film is indexed, and returns the number of its frames.
    fn wait_for_index(&self) -> Result<u64, CommandError> {
        let progress = self.film.progress();
        let mut bar = ProgressBar::new("Reading");
        loop {
            let known = *progress.borrow();
            if known.is_finished() {
                bar.clear();
                return Ok(known.frames);
            }
            bar.update(known.frames, None);
            self.check_cancelled(&mut bar)?;
            std::thread::sleep(INDEX_POLL_INTERVAL);
        }
    }

    fn check_cancelled(&self, bar: &mut ProgressBar) -> Result<(), CommandError> {
        if !self.is_cancelled.load(Ordering::Relaxed) {
            return Ok(());
        }
        bar.clear();
        let name = self.arguments.output.display();
        Err(CommandError::new(format!("The conversion was stopped; {name} was not written.")))
    }

    /// Checks the header of each frame before anything is written.
    fn check_frames(&self, plan: &mut Plan) -> Result<(), CommandError> {
        let mut bar = ProgressBar::new("Checking");
        let frames = plan.frames();
        let total = frames.end - frames.start;
        for number in frames.clone() {
            bar.update(number - frames.start, Some(total));
            self.check_cancelled(&mut bar)?;
            let Some(entry) = self.film.entry(number) else { continue };
            let checked = self.check_frame(number, entry)?;
            if let Some(checked) = checked {
                plan.check(checked).map_err(|sentence| {
                    bar.clear();
                    CommandError::new(sentence)
                })?;
            }
        }
        bar.clear();
        Ok(())
    }

    /// Reads the header of a frame; `None` if no frame is where the index says.
    fn check_frame(&self, number: u64, entry: FrameEntry) -> Result<Option<CheckedFrame>, CommandError> {
        let needs_end = self.arguments.format.ends_frames_at_eoi() && self.is_of_images();
        let checked_length = if needs_end { usize::MAX } else { CHECKED_LENGTH };
        let Some(mut jpeg) = self.read(entry, checked_length)? else { return Ok(None) };
        let is_complete = jpeg.len() == entry.length as usize;
        // A field, or a header that is longer, needs the complete frame.
        let has_size = JpegHeader::parse(&jpeg).is_ok_and(|header| header.dimensions().height > 0);
        if !is_complete
            && (!has_size
                || jpeg.get(..64).is_some_and(|start| memchr::memmem::find(start, b"AVI1").is_some()))
        {
            let Some(complete) = self.read(entry, usize::MAX)? else { return Ok(None) };
            jpeg = complete;
        }
        Ok(Some(CheckedFrame {
            number,
            length: entry.length,
            dimensions: frame_dimensions(&jpeg),
            is_interlaced: split_fields(&jpeg).is_some(),
            has_appendix: has_appendix(&jpeg, self.is_of_images()),
        }))
    }

    fn is_of_images(&self) -> bool {
        matches!(self.film.format(), ContainerFormat::Image | ContainerFormat::Folder)
    }

    /// Reads up to `max_length` bytes of a frame; `None` if no frame is where the index says.
    fn read(&self, entry: FrameEntry, max_length: usize) -> Result<Option<bytes::Bytes>, CommandError> {
        match self.film.read_start(entry, max_length) {
            Ok(jpeg) => Ok(Some(jpeg)),
            Err(error) if error.kind() == ErrorKind::InvalidData => Ok(None),
            Err(error) => {
                let name = self.film.name();
                Err(CommandError::new(format!("{name} cannot be read ({error}); open it again.")))
            }
        }
    }

    fn write(&self, plan: &Plan, mut output: Output) -> Result<(), CommandError> {
        let mut bar = ProgressBar::new("Writing");
        let frames = plan.frames();
        let total = frames.end - frames.start;
        let mut written = 0;
        for number in frames.clone() {
            bar.update(number - frames.start, Some(total));
            self.check_cancelled(&mut bar)?;
            let entry = self.film.entry(number);
            let Some(jpeg) = entry.map(|entry| self.read(entry, usize::MAX)).transpose()?.flatten() else {
                continue;
            };
            if let Err(error) = output.write_frame(jpeg, plan.time_of(number)) {
                bar.clear();
                return Err(match error {
                    FilmWriteError::Io(error) => output::write_error(&self.arguments.output, &error),
                    FilmWriteError::Muxer(error) => {
                        CommandError::new(format!("Frame {} cannot be written: {error}.", number + 1))
                    }
                });
            }
            written += 1;
        }
        if written == 0 {
            bar.clear();
            let name = self.film.name();
            return Err(CommandError::new(format!("No frame of {name} could be read; copy it again.")));
        }
        let end = plan.time_of(frames.end);
        let length = output.finish(end, &self.arguments.output);
        bar.clear();
        self.print_result(written, total, end.as_secs_f64(), length?);
        Ok(())
    }

    fn print_result(&self, written: u64, total: u64, seconds: f64, length: u64) {
        if written < total {
            let skipped = format::counted(total - written, "frame");
            let name = self.film.name();
            stderr::print_line(format_args!(
                "{skipped} of {name} could not be read and left out; copy it again."
            ));
        }
        let (name, frames) = (self.arguments.output.display(), format::counted(written, "frame"));
        let size = format::byte_size(length);
        // The film is written, whether this line is read or not.
        let _ = writeln!(io::stdout(), "{name}: {frames}, {seconds:.3} s, {size}");
    }
}

/// Interval at which the progress of the index is read.
const INDEX_POLL_INTERVAL: std::time::Duration = std::time::Duration::from_millis(20);
