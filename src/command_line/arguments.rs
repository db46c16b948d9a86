//! Arguments of each command after all checks. Sans-I/O.

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};

use super::argument_error::ArgumentError;
use super::cli::{self, Cli};
use super::target::{self, Target, TargetError};
use super::values::{OutputFormat, RecordFile, ReportFile, ValueError};
use super::{completions, man};
use crate::impairment::EmulatorSettings;
use crate::media::FrameRate;
use crate::media::reencode::Quality;
use crate::net::limits::Limits;
use crate::proto::rtsp::Npt;
use crate::session::{ClassroomUrl, Fingerprint, SourceUrl, TransportPreference};
use crate::settings::ThemePreference;

/// Task that the command line asks for.
#[derive(Debug, PartialEq)]
pub enum Invocation {
    /// Opens the window (`reelay` without a subcommand).
    Window(WindowArguments),
    /// Serves films to RTSP players (`reelay serve`).
    Serve(ServeArguments),
    /// Plays without a window and measures the reception (`reelay probe`).
    Probe(ProbeArguments),
    /// Emulates a bad network between players and a server (`reelay proxy`).
    Proxy(ProxyArguments),
    /// Writes a film in another format (`reelay convert`).
    Convert(ConvertArguments),
    /// Prints a text, such as help, on stdout.
    Print(String),
}

/// Arguments of the window.
#[derive(Debug, Default, PartialEq)]
pub struct WindowArguments {
    /// Film or stream to open; `None` shows the start screen.
    pub target: Option<Target>,
    /// Starts to play at once.
    pub play: bool,
    /// Frame rate of films that state none; `None` for the saved setting.
    pub rate: Option<FrameRate>,
    /// Snapshots per second over HTTP; `None` for the default.
    pub snapshot_rate: Option<FrameRate>,
    /// Theme of this run; `None` for the saved setting.
    pub theme: Option<ThemePreference>,
    /// Logs debug messages too.
    pub verbose: bool,
}

/// Arguments of `reelay serve`.
#[derive(Debug, PartialEq)]
pub struct ServeArguments {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Films and folders of films; at least one.
    pub paths: Vec<PathBuf>,
    /// Frame rate of films that state none; `None` without `--fps`.
    pub rate: Option<FrameRate>,
    /// Only user who is admitted; `None` admits everyone.
    pub user: Option<UserArguments>,
    /// Certificate and key of the server; `None` without TLS.
    pub tls: Option<TlsArguments>,
    /// Time without a connection, request or RTCP packet of the client after which a session ends.
    pub session_timeout: Duration,
    /// JPEG quality of frames that are re-encoded.
    pub quality: Quality,
    /// Limits on the clients.
    pub limits: Limits,
    /// Emulated network; `None` if no option of it was given.
    pub network: Option<EmulatorSettings>,
    /// Logs debug messages too.
    pub verbose: bool,
}

/// User who is admitted to the server.
#[derive(Debug, PartialEq, Eq)]
pub struct UserArguments {
    /// Name of the user.
    pub name: String,
    /// File whose first line is the password: on the command line every user of the machine could read it.
    pub password_file: PathBuf,
}

/// Files that a server with TLS needs, both in PEM.
#[derive(Debug, PartialEq, Eq)]
pub struct TlsArguments {
    /// File with the certificate, and those of its issuers.
    pub certificate_file: PathBuf,
    /// File with the private key.
    pub key_file: PathBuf,
}

/// Arguments of `reelay probe`.
#[derive(Debug, PartialEq)]
pub struct ProbeArguments {
    /// Film or stream to play.
    pub target: Target,
    /// Maximum playing time after the first frame; `None` without `--seconds`.
    pub seconds: Option<Duration>,
    /// Maximum number of complete frames; `None` without `--frames`.
    pub frames: Option<u64>,
    /// Transport of RTP: UDP, or interleaved on the RTSP connection.
    pub transport: TransportPreference,
    /// Local RTP port; `None` for any.
    pub rtp_port: Option<u16>,
    /// Certificate that is trusted at every server; `None` without `--tls-fingerprint`.
    pub tls_fingerprint: Option<Fingerprint>,
    /// Snapshots per second over HTTP; `None` for the default.
    pub snapshot_rate: Option<FrameRate>,
    /// Frame rate of a film that states none.
    pub rate: FrameRate,
    /// Folder for the complete frames; `None` saves none.
    pub save_frames: Option<PathBuf>,
    /// File for the recording; `None` records nothing.
    pub record: Option<RecordFile>,
    /// File for the report; `None` writes none.
    pub report: Option<ReportFile>,
    /// Damaged frames count as not shown.
    pub drop_damaged: bool,
    /// Emulated network; `None` if no option of it was given.
    pub network: Option<EmulatorSettings>,
    /// Prints the figures as JSON.
    pub json: bool,
    /// Logs debug messages too.
    pub verbose: bool,
}

/// Arguments of `reelay proxy`.
#[derive(Debug, PartialEq)]
pub struct ProxyArguments {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Host and port of the server.
    pub server: (String, u16),
    /// Limits on the clients.
    pub limits: Limits,
    /// Emulated network; without faults if no option of it was given.
    pub network: EmulatorSettings,
    /// Logs debug messages too.
    pub verbose: bool,
}

/// Arguments of `reelay convert`.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvertArguments {
    /// Film or stream to convert.
    pub target: Target,
    /// Path of the file or folder to write, whose extension has selected `format`.
    pub output: PathBuf,
    /// Format of that file.
    pub format: OutputFormat,
    /// Start of the part to convert; `None` for the start of the film.
    pub from: Option<Npt>,
    /// End of the part to convert; `None` for the end of the film.
    pub to: Option<Npt>,
    /// Frame rate of the file instead of the times of the film.
    pub rate: Option<FrameRate>,
    /// Transport of RTP of a stream; `None` for TCP, or UDP if the server refuses it.
    pub transport: Option<TransportPreference>,
    /// Certificate that is trusted at every server of a stream; `None` without `--tls-fingerprint`.
    pub tls_fingerprint: Option<Fingerprint>,
    /// Replaces an existing file, or the numbered files of a folder.
    pub force: bool,
    /// Logs debug messages too.
    pub verbose: bool,
}

/// Parses the arguments after the program's name. `is_folder` tells whether there is a folder at a path.
///
/// # Errors
/// Returns an [`ArgumentError`] for the first argument that cannot be used.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    is_folder: impl Fn(&Path) -> bool,
) -> Result<Invocation, ArgumentError> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let program = OsString::from("reelay");
    let cli = match Cli::try_parse_from(std::iter::once(&program).chain(&arguments)) {
        Ok(cli) => cli,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok(Invocation::Print(error.to_string()));
        }
        Err(error) => {
            let command = command_name(arguments.first().map(OsString::as_os_str));
            return Err(ArgumentError::from_clap(&error, command.as_deref()));
        }
    };
    match cli.command {
        None => cli.window.check().map(Invocation::Window),
        Some(cli::Command::Serve(serve)) => serve.check().map(Invocation::Serve),
        Some(cli::Command::Probe(probe)) => probe.check().map(Invocation::Probe),
        Some(cli::Command::Proxy(proxy)) => proxy.check().map(Invocation::Proxy),
        Some(cli::Command::Convert(convert)) => convert.check(is_folder).map(Invocation::Convert),
        Some(cli::Command::Completions(arguments)) => {
            Ok(Invocation::Print(completions::script(arguments.shell)))
        }
        Some(cli::Command::Man) => Ok(Invocation::Print(man::page())),
    }
}

/// Returns the name of a subcommand, which always stands first, if the first argument is one.
fn command_name(first: Option<&OsStr>) -> Option<String> {
    let first = first?.to_str()?;
    let mut command = Cli::command();
    command.build();
    command.find_subcommand(first).map(|subcommand| subcommand.get_name().to_owned())
}

impl cli::Window {
    fn check(self) -> Result<WindowArguments, ArgumentError> {
        let target = only_target(self.target, self.classroom).ok_or(ArgumentError::SeveralForWindow)?;
        Ok(WindowArguments {
            target,
            play: self.play,
            rate: self.fps,
            snapshot_rate: self.snapshot_rate,
            theme: self.theme,
            verbose: self.verbosity.verbose,
        })
    }
}

impl cli::Serve {
    fn check(self) -> Result<ServeArguments, ArgumentError> {
        let user = match (self.user, self.password_file) {
            (Some(name), Some(password_file)) => Some(UserArguments { name, password_file }),
            (None, None) => None,
            _ => return Err(ArgumentError::IncompleteUser),
        };
        let tls = match (self.tls_cert, self.tls_key) {
            (Some(certificate_file), Some(key_file)) => Some(TlsArguments { certificate_file, key_file }),
            (None, None) => None,
            _ => return Err(ArgumentError::IncompleteTls),
        };
        Ok(ServeArguments {
            listen: self.listen,
            paths: self.paths,
            rate: self.fps,
            user,
            tls,
            session_timeout: self.session_timeout,
            quality: self.quality,
            limits: self.limits.apply(Limits::default()),
            network: self.network.settings()?,
            verbose: self.verbosity.verbose,
        })
    }
}

impl cli::Probe {
    fn check(self) -> Result<ProbeArguments, ArgumentError> {
        let target = only_target(self.target, self.classroom)
            .ok_or(ArgumentError::SeveralForProbe)?
            .ok_or(ArgumentError::NothingToProbe)?;
        let is_http = matches!(target, Target::Stream(SourceUrl::Http(_)));
        if is_http && (self.transport.is_some() || self.rtp_port.is_some()) {
            return Err(ArgumentError::RtpOptions);
        }
        if !is_http && self.snapshot_rate.is_some() {
            return Err(ArgumentError::SnapshotRate);
        }
        let arguments = ProbeArguments {
            target,
            seconds: self.seconds,
            frames: self.frames,
            transport: self.transport.unwrap_or_default(),
            rtp_port: self.rtp_port,
            tls_fingerprint: self.tls_fingerprint,
            snapshot_rate: self.snapshot_rate,
            rate: self.fps,
            save_frames: self.save_frames,
            record: self.record,
            report: self.report,
            drop_damaged: self.drop_damaged,
            network: self.network.settings()?,
            json: self.json,
            verbose: self.verbosity.verbose,
        };
        arguments.check_rtp_port()?;
        arguments.check_transport()?;
        arguments.check_tls()?;
        Ok(arguments)
    }
}

impl ProbeArguments {
    fn is_classroom(&self) -> bool {
        matches!(self.target, Target::Stream(SourceUrl::Classroom(_)))
    }

    /// Checks that the RTP port leaves the next one for RTCP (RFC 3550 §11); a classroom server sends no RTCP.
    fn check_rtp_port(&self) -> Result<(), ArgumentError> {
        match self.rtp_port.filter(|port| !port.is_multiple_of(2)) {
            Some(port) if !self.is_classroom() => {
                Err(ArgumentError::option_value("--rtp-port", port, &ValueError::RtpPort))
            }
            _ => Ok(()),
        }
    }

    fn check_tls(&self) -> Result<(), ArgumentError> {
        check_tls(&self.target, Some(self.transport), self.tls_fingerprint)
    }

    fn check_transport(&self) -> Result<(), ArgumentError> {
        match self.is_classroom() && self.transport == TransportPreference::Tcp {
            true => Err(ArgumentError::ClassroomTransport),
            false => Ok(()),
        }
    }
}

impl cli::Proxy {
    fn check(self) -> Result<ProxyArguments, ArgumentError> {
        let without_faults = EmulatorSettings { is_on: true, ..EmulatorSettings::default() };
        Ok(ProxyArguments {
            listen: self.listen,
            server: self.server,
            limits: self.limits.apply(Limits::for_proxy()),
            network: self.network.settings()?.unwrap_or(without_faults),
            verbose: self.verbosity.verbose,
        })
    }
}

/// Checks the options of a command that are about TLS. A stream without TLS may redirect to one with TLS.
fn check_tls(
    target: &Target,
    transport: Option<TransportPreference>,
    fingerprint: Option<Fingerprint>,
) -> Result<(), ArgumentError> {
    let is_tls = matches!(target, Target::Stream(url) if url.is_tls());
    if is_tls && transport == Some(TransportPreference::Udp) {
        return Err(ArgumentError::UdpOverTls);
    }
    let has_tls = matches!(target, Target::Stream(SourceUrl::Rtsp(_) | SourceUrl::Http(_)));
    match fingerprint.is_some() && !has_tls {
        true => Err(ArgumentError::TlsFingerprint),
        false => Ok(()),
    }
}

/// Returns the format that the extension of a file and `--format` select. A folder exists, or its path ends in a separator.
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

impl cli::Convert {
    fn check(self, is_folder: impl Fn(&Path) -> bool) -> Result<ConvertArguments, ArgumentError> {
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

/// Returns the one target that was named, if any; `None` if there are several.
fn only_target(target: Option<Target>, classroom: Vec<ClassroomUrl>) -> Option<Option<Target>> {
    let mut targets = target.into_iter().chain(classroom.into_iter().map(|url| Target::Stream(url.into())));
    let first = targets.next();
    targets.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server_embed::ServerOptions;

    fn parse_line(line: &str) -> Result<Invocation, String> {
        let is_folder = |path: &Path| path == Path::new("folder") || path == Path::new("folder.avi");
        parse(line.split_whitespace().map(OsString::from), is_folder).map_err(|error| error.to_string())
    }

    fn parse_window(line: &str) -> WindowArguments {
        let Ok(Invocation::Window(window)) = parse_line(line) else { panic!("{line}") };
        window
    }

    fn parse_serve(line: &str) -> ServeArguments {
        let Ok(Invocation::Serve(serve)) = parse_line(line) else { panic!("{line}") };
        serve
    }

    fn parse_probe(line: &str) -> ProbeArguments {
        let Ok(Invocation::Probe(probe)) = parse_line(line) else { panic!("{line}") };
        probe
    }

    fn parse_proxy(line: &str) -> ProxyArguments {
        let Ok(Invocation::Proxy(proxy)) = parse_line(line) else { panic!("{line}") };
        proxy
    }

    #[test]
    fn clap_accepts_the_declarations() {
        Cli::command().debug_assert();
    }

    #[test]
    fn window_options_are_parsed() {
        assert_eq!(parse_line(""), Ok(Invocation::Window(WindowArguments::default())));
        let window = parse_window("movie.Mjpeg --play --fps 25 --theme light -v");
        assert_eq!(window.target, Some(Target::File("movie.Mjpeg".into())));
        assert!(window.play && window.verbose && window.rate == Some(FrameRate::per_second(25)));
        assert_eq!(window.theme, Some(ThemePreference::Light));
        let window = parse_window("file:///films/a%20talk.mjpeg");
        assert_eq!(window.target, Some(Target::File("/films/a talk.mjpeg".into())));
    }

    #[test]
    fn command_name_is_a_file_unless_it_stands_first() {
        for line in ["-- serve", "--play serve", "./serve"] {
            let target = parse_window(line).target;
            assert!(matches!(target, Some(Target::File(path)) if path.ends_with("serve")), "{line}");
        }
    }

    #[test]
    fn serve_options_are_parsed() {
        let serve = parse_serve(
            "serve --listen 0.0.0.0:9000 --quality 80 a --user ann --password-file p --session-timeout 5 b",
        );
        assert_eq!((serve.listen.to_string().as_str(), serve.paths.len()), ("0.0.0.0:9000", 2));
        assert_eq!((Some(serve.quality), serve.session_timeout), (Quality::new(80), Duration::from_secs(5)));
        let user = UserArguments { name: "ann".to_owned(), password_file: "p".into() };
        assert_eq!((serve.user, serve.network), (Some(user), None));
    }

    #[test]
    fn limit_options_of_serve_and_proxy_are_parsed() {
        let limits = parse_serve("serve --max-connections-per-address 1000 x").limits;
        assert_eq!(limits, Limits::default().with_connections(None, Some(1_000)));
        let limits = parse_proxy("proxy --to h:1 --max-connections 9 --max-connections-per-address 3").limits;
        assert_eq!(limits, Limits::for_proxy().with_connections(Some(9), Some(3)));
        assert_eq!(parse_serve("serve x").limits, ServerOptions::default().limits);
        assert_eq!(parse_proxy("proxy --to h:1").limits, Limits::for_proxy());
    }

    #[test]
    fn serve_defaults_are_those_of_the_server() {
        let (serve, options) = (parse_serve("serve x"), ServerOptions::default());
        assert_eq!(serve.listen.to_string(), "127.0.0.1:8554");
        assert_eq!((serve.session_timeout, serve.quality), (options.session_timeout, options.quality));
        assert_eq!((serve.rate, serve.user), (None, None));
    }

    #[test]
    fn tls_options_are_parsed() {
        let serve = parse_serve("serve --tls-cert c.pem --tls-key k.pem x");
        let files = TlsArguments { certificate_file: "c.pem".into(), key_file: "k.pem".into() };
        assert_eq!((serve.tls, serve.listen.port()), (Some(files), 8_554));
        let fingerprint = Fingerprint::of(b"certificate");
        // A URL without TLS may redirect.
        for url in ["rtsps://camera/live", "https://camera/video", "rtsp://camera/live"] {
            for spelling in [fingerprint.to_string(), fingerprint.to_string().replace(':', "").to_lowercase()]
            {
                let probe = parse_probe(&format!("probe {url} --tls-fingerprint {spelling}"));
                assert_eq!(probe.tls_fingerprint, Some(fingerprint));
            }
        }
        let probe = parse_probe("probe rtsps://camera/live --transport tcp");
        assert!(
            matches!(probe.target, Target::Stream(url) if url.is_tls() && url.host_and_port() == "camera:322")
        );
    }

    #[test]
    fn probe_options_are_parsed() {
        let probe = parse_probe("probe rtsp://h/f --transport=tcp --seconds 2.5 --json --frames 7");
        assert_eq!((probe.transport, probe.frames), (TransportPreference::Tcp, Some(7)));
        assert_eq!(probe.seconds, Some(Duration::from_millis(2_500)));
        assert!(probe.json && !probe.verbose && probe.rate == FrameRate::CLASSROOM);
        let probe = parse_probe("probe --classroom 127.0.0.1:1025/movie.Mjpeg");
        let url = ClassroomUrl::new("127.0.0.1", 1_025, "movie.Mjpeg").unwrap();
        assert_eq!(probe.target, Target::Stream(url.into()));
        assert_eq!(probe.transport, TransportPreference::Auto);
    }

    #[test]
    fn proxy_options_are_parsed() {
        let proxy = parse_proxy("proxy --to [::1]:554 --listen 0.0.0.0:9000 --loss 5%");
        assert_eq!((proxy.server, proxy.listen.port()), (("::1".to_owned(), 554), 9_000));
        assert!(proxy.network.is_on && proxy.network.impairments.loss.ratio == 0.05);
        let proxy = parse_proxy("proxy --to h:1");
        assert!(proxy.network.is_on && proxy.listen.to_string() == "127.0.0.1:8555");
    }

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

    #[test]
    fn last_of_repeated_options_counts() {
        let probe = parse_probe("probe x --seconds 1 --seconds 2 --json --json --loss 1% --loss 2%");
        assert_eq!(probe.seconds, Some(Duration::from_secs(2)));
        assert_eq!(probe.network.unwrap().impairments.loss.ratio, 0.02);
    }

    #[test]
    fn options_of_the_other_protocol_are_refused() {
        let digits = "0a".repeat(32);
        for (line, error) in [
            ("probe http://h/video --transport udp", ArgumentError::RtpOptions),
            ("probe http://h/video --rtp-port 5000", ArgumentError::RtpOptions),
            ("probe rtsp://h/video --snapshot-rate 5", ArgumentError::SnapshotRate),
            ("probe film.avi --snapshot-rate 5", ArgumentError::SnapshotRate),
            ("probe rtsps://h/video --transport udp", ArgumentError::UdpOverTls),
            (&format!("probe film.avi --tls-fingerprint {digits}"), ArgumentError::TlsFingerprint),
            (&format!("probe --classroom h:1/f --tls-fingerprint {digits}"), ArgumentError::TlsFingerprint),
        ] {
            assert_eq!(parse_line(line), Err(error.to_string()), "{line}");
        }
    }

    #[test]
    fn rtp_port_may_be_odd_for_classroom_servers() {
        for line in ["probe --rtp-port 25001 --classroom h:1/f", "probe --classroom h:1/f --rtp-port 25001"] {
            assert_eq!(parse_probe(line).rtp_port, Some(25_001));
        }
    }

    #[test]
    fn help_and_version_are_printed() {
        let version = concat!("reelay ", env!("CARGO_PKG_VERSION"), "\n");
        assert_eq!(parse_line("-V"), Ok(Invocation::Print(version.to_owned())));
        let Ok(Invocation::Print(notices)) = parse_line("--version") else { panic!("no text") };
        assert!(notices.starts_with(version.trim_end()), "{notices}");
        let required = "This software is based in part on the work of the Independent JPEG Group.";
        assert!(notices.contains(required), "the licence of jpeg-encoder requires it: {notices}");
        for (line, part) in [
            ("--help", "reelay [OPTIONS] [FILE|URL]"),
            ("x.mjpeg -h", "completions"),
            ("serve --help", "reelay serve [OPTIONS] <PATH>..."),
            ("probe --seconds 5 -h", "--classroom <HOST:PORT/FILE>"),
            ("proxy --help", "--to <HOST:PORT>"),
            ("help probe", "--save-frames <DIR>"),
            ("man --help", "man -l"),
        ] {
            let Ok(Invocation::Print(text)) = parse_line(line) else { panic!("{line}") };
            assert!(text.contains(part), "{line}: {text}");
        }
    }

    #[test]
    fn empty_path_is_rejected() {
        for line in [&[""][..], &["probe", ""], &["serve", ""]] {
            let error = parse(line.iter().map(OsString::from), |_| false).unwrap_err().to_string();
            assert_eq!(error, "The path is empty; give the path of a film.");
        }
    }

    #[test]
    #[cfg(unix)]
    fn text_that_is_not_utf8_is_rejected_unless_it_is_a_path() {
        use std::os::unix::ffi::OsStringExt as _;
        let name = OsString::from_vec(b"\xff.csv".to_vec());
        let arguments = ["probe", "--report"].map(OsString::from);
        let Ok(Invocation::Probe(probe)) = parse(
            arguments.into_iter().chain([
                name.clone(),
                OsString::from("--save-frames"),
                name.clone(),
                name.clone(),
            ]),
            |_| false,
        ) else {
            panic!("paths need not be UTF-8")
        };
        assert_eq!(probe.target, Target::File(name.clone().into()));
        assert_eq!(probe.report.unwrap().path, PathBuf::from(name.clone()));
        let error =
            parse(["serve".into(), "--user".into(), name, "x".into()], |_| false).unwrap_err().to_string();
        assert!(error.contains("UTF-8") && error.ends_with('.'), "{error}");
    }

    #[test]
    fn errors_are_one_sentence() {
        for (line, part) in [
            ("--colour", "--colour"),
            ("a.mjpeg b.mjpeg", "one file"),
            ("a.mjpeg serve", "one file"),
            ("a.mjpeg --classroom h:1/f", "one file"),
            ("ftp://h/x", "rtsp://"),
            ("--fps fast", "a frame rate is"),
            ("--fps -1", "a frame rate is"),
            ("--theme purple", "--theme cannot be \"purple\": it is dark, light or system."),
            ("--play=yes", "--play takes no value, but \"yes\" was given"),
            ("--pla", "but --play is"),
            ("--loss 5% probe x", "but \"reelay probe --loss\" is one"),
            ("file://elsewhere/film.mjpeg", "no file of this machine"),
            ("serve file://elsewhere/film.mjpeg", "no file of this machine"),
            ("serve", "name at least one"),
            ("serve --listen 8554 x", "ADDR:PORT"),
            ("serve --user ann x", "require each other"),
            ("serve --password-file p x", "require each other"),
            ("serve --tls-cert c x", "--tls-cert and --tls-key require each other"),
            ("serve --tls-key k x", "--tls-cert and --tls-key require each other"),
            ("probe rtsps://h/f --tls-fingerprint 12:34", "64 hexadecimal digits"),
            ("serve --session-timeout 1 x", "from 5 to 86400"),
            ("serve --max-connections 0 x", "from 1 to 100000"),
            ("proxy --to h:1 --max-connections-per-address many", "from 1 to 100000"),
            ("serve --quality best x", "from 1 to 100"),
            ("serve --version", "--version"),
            ("probe", "name a film"),
            ("probe x --report figures.txt", "in .csv for one row per second"),
            ("proxy", "--to HOST:PORT"),
            ("proxy --to camera", "HOST:PORT"),
            ("proxy --to rtsp://camera:554", "HOST:PORT"),
            ("proxy --to camera:0", "HOST:PORT"),
            ("proxy --to camera:554 --loss 5", "like 5%"),
            ("proxy --to camera:554 film", "\"film\" is not expected here"),
            ("probe x --transport carrier-pigeon", "udp or tcp"),
            ("probe x --rtp-port 5001", "\"5001\": it is an even number"),
            ("probe x --rtp-port 0 --classroom h:1/f", "an even number"),
            ("probe --classroom rtsp://localhost:1025/f", "without rtsp://"),
            ("--colour", "\"reelay --help\" lists"),
            ("probe --colour", "\"reelay probe --help\" lists"),
            ("serve --colour", "\"reelay serve --help\" lists"),
            ("proxy --colour", "\"reelay proxy --help\" lists"),
            ("probe x --frames", "\"reelay probe --help\" lists"),
            ("probe x --los 5%", "but --loss is"),
            ("probe x --seconds -1", "above 0"),
            ("probe x --seconds 1e19", "at most one year"),
            ("probe x --frames 0", "above 0"),
            ("probe --classroom localhost/movie.Mjpeg", "names no port"),
            ("probe --classroom localhost:1025", "HOST:PORT/FILE"),
            ("probe --classroom localhost:1025/f --transport tcp", "UDP only"),
            ("probe x --classroom localhost:1025/f", "name one"),
            ("probe --classroom localhost:1025/f --classroom localhost:1025/g", "name one"),
            ("probe x y", "name one"),
            ("probe x --frames", "--frames needs a value"),
            ("completions", "SHELL"),
            ("completions korn", "bash"),
            ("man page", "\"page\" is not expected here"),
            ("help korn", "\"korn\" is not a command"),
            ("link --to camera:554", "--to"),
        ] {
            let error = parse_line(line).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
            assert!(error.ends_with('.') && !error.contains('\n'), "{line}: {error}");
        }
    }
}
