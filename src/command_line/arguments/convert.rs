//! Checks of the arguments of `convert`. Sans-I/O.

use std::path::Path;

use super::ConvertArguments;
use super::checks::check_tls;
use crate::command_line::argument_error::ArgumentError;
use crate::command_line::cli;
use crate::command_line::target::{self, Target, TargetError};
use crate::command_line::values::OutputFormat;
use crate::proto::rtsp::Npt;

impl cli::Convert {
    /// Checks the target, and what the options say together.
    pub(super) fn check(self, is_folder: impl Fn(&Path) -> bool) -> Result<ConvertArguments, ArgumentError> {
        let positional = |error: TargetError| ArgumentError::Positional(error.to_string());
        let (target, output) = match (self.classroom, self.output) {
            (None, Some(output)) => (Target::try_from(self.input).map_err(positional)?, output),
            (Some(url), None) => (Target::Stream(url.into()), self.input),
            _ => return Err(ArgumentError::SeveralToConvert),
        };
        check_tls(&target, self.transport, self.tls_fingerprint)?;
        let output = target::parse_path(output).map_err(positional)?;
        let format = output_format(&output, self.format, is_folder)?;
        let end_of = |duration: Npt| {
            let from = self.from.unwrap_or(Npt::ZERO).as_micros();
            Npt::from_micros(from.saturating_add(duration.as_micros()))
        };
        let to = self.to.or(self.duration.map(end_of));
        if self.duration == Some(Npt::ZERO) {
            return Err(ArgumentError::EmptyDuration);
        }
        let from = self.from.unwrap_or(Npt::ZERO);
        // One time names the frame that is shown then.
        let is_frame = format == OutputFormat::Image && to == Some(from);
        if !is_frame && to.is_some_and(|to| to <= from) {
            return Err(ArgumentError::EmptyPart);
        }
        Ok(ConvertArguments {
            target,
            output,
            format,
            from: self.from,
            to,
            rate: self.fps,
            transport: self.transport,
            tls_fingerprint: self.tls_fingerprint,
            force: self.force,
            verbose: self.verbosity.verbose,
        })
    }
}

/// Returns the format that the extension of a file and `--format` select. A folder exists, or its path ends in a
/// separator.
fn output_format(
    path: &Path,
    requested: Option<OutputFormat>,
    is_folder: impl Fn(&Path) -> bool,
) -> Result<OutputFormat, ArgumentError> {
    if path.to_string_lossy().ends_with(std::path::is_separator) || is_folder(path) {
        return if requested.is_some() {
            Err(ArgumentError::FormatByExtension)
        } else {
            Ok(OutputFormat::Folder)
        };
    }
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    match (extension.as_deref(), requested) {
        (Some("avi"), None) => Ok(OutputFormat::Avi),
        (Some("mov" | "qt"), None) => Ok(OutputFormat::Mov),
        (Some("mpjpeg"), None) => Ok(OutputFormat::Multipart),
        (Some("jpg" | "jpeg"), None) => Ok(OutputFormat::Image),
        (Some("avi" | "mov" | "qt" | "mpjpeg" | "jpg" | "jpeg"), Some(_)) => {
            Err(ArgumentError::FormatByExtension)
        }
        (Some("mjpeg" | "mjpg" | "mjp"), format) => Ok(format.unwrap_or(OutputFormat::Raw)),
        _ => Err(ArgumentError::OutputExtension(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::tests::parse_line;
    use super::*;
    use crate::command_line::arguments::Invocation;
    use crate::media::FrameRate;
    use crate::session::{SourceUrl, TransportPreference};

    #[test]
    fn convert_options_are_parsed() {
        let parse_convert = |line: &str| match parse_line(line) {
            Ok(Invocation::Convert(convert)) => Ok(convert),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error),
        };
        let convert =
            parse_convert("convert in.Mjpeg out.AVI --from 1:30 --to 95.5 --fps 25 --force").unwrap();
        assert_eq!((convert.target, convert.output), (Target::File("in.Mjpeg".into()), "out.AVI".into()));
        assert_eq!((convert.format, convert.rate), (OutputFormat::Avi, Some(FrameRate::per_second(25))));
        let micros = |position: Option<Npt>| position.map(Npt::as_micros);
        assert_eq!((micros(convert.from), micros(convert.to)), (Some(90_000_000), Some(95_500_000)));
        let part =
            parse_convert("convert rtsp://h/film out.mov --from 10 --duration 1:00 --transport udp").unwrap();
        assert_eq!((micros(part.to), part.transport), (Some(70_000_000), Some(TransportPreference::Udp)));
        let classroom = parse_convert("convert --classroom 127.0.0.1:1025/movie.Mjpeg out.mov").unwrap();
        assert!(matches!(classroom.target, Target::Stream(SourceUrl::Classroom(_))));
        assert_eq!(classroom.output, PathBuf::from("out.mov"));
        let format = |line: &str| parse_convert(line).map(|convert| convert.format);
        assert_eq!(format("convert in.avi out.MOV"), Ok(OutputFormat::Mov));
        assert_eq!(format("convert in.avi out.mpjpeg"), Ok(OutputFormat::Multipart));
        assert_eq!(format("convert in.avi out.mjpeg"), Ok(OutputFormat::Raw));
        assert_eq!(format("convert in.avi out.mjpeg --format classroom"), Ok(OutputFormat::Classroom));
        assert_eq!(format("convert in.avi out.JPG --from 5 --to 5"), Ok(OutputFormat::Image));
        for folder in ["out/", "out.jpg/", "folder", "folder.avi"] {
            assert_eq!(format(&format!("convert in.avi {folder}")), Ok(OutputFormat::Folder), "{folder}");
        }
        for (line, part) in [
            ("convert in.avi out.mp4", "out.mp4 has no extension of a format that is written"),
            ("convert in.avi out", "out has no extension of a format that is written"),
            ("convert in.avi out.avi --format raw", "--format is for names that end in .mjpeg"),
            ("convert in.avi out.jpg --format raw", "--format is for names that end in .mjpeg"),
            ("convert in.avi out/ --format raw", "--format is for names that end in .mjpeg"),
            ("convert in.avi out.jpg --from 5 --to 4", "--from is not before --to"),
            ("convert in.avi out.avi --from 5 --to 5", "--from is not before --to"),
            ("convert in.avi out.avi --duration 0", "--duration is zero"),
            ("convert in.avi out.avi --classroom h:1/f", "One film or stream is converted at a time"),
            ("convert in.avi out.avi --from 1:99", "--from cannot be \"1:99\""),
            ("convert in.avi", "OUT is missing"),
        ] {
            let error = parse_convert(line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
