//! From what was typed to what is meant.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

use super::argument_error::ArgumentError;
use super::help;
use super::network::NetworkArguments;
use crate::file_url;
use crate::impairment::EmulatorSettings;
use crate::media::FrameRate;
use crate::media::reencode::Quality;
use crate::proto::rtsp::RtspUrl;
use crate::session::{ClassroomUrl, SourceUrl, TransportPreference};
use crate::settings::ThemePreference;

/// What the program is to do.
#[derive(Debug, PartialEq)]
pub enum Invocation {
    /// Open the window.
    Window(WindowArguments),
    /// Serve films.
    Serve(ServeArguments),
    /// Play without a window.
    Probe(ProbeArguments),
    /// Stand between a player and a server.
    Link(LinkArguments),
    /// Print this.
    Print(&'static str),
}

/// What is to be played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A file on this machine.
    File(PathBuf),
    /// A stream from a server.
    Stream(SourceUrl),
}

/// For the window.
#[derive(Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct WindowArguments {
    pub target: Option<Target>,
    pub play: bool,
    pub rate: Option<FrameRate>,
    pub theme: Option<ThemePreference>,
    pub verbose: bool,
}

/// For `serve`.
#[derive(Debug, PartialEq)]
#[allow(missing_docs)]
pub struct ServeArguments {
    pub listen: SocketAddr,
    pub paths: Vec<PathBuf>,
    pub rate: FrameRate,
    pub user: Option<String>,
    pub password_file: Option<PathBuf>,
    pub session_timeout: Option<Duration>,
    pub quality: Quality,
    pub network: Option<EmulatorSettings>,
    pub verbose: bool,
}

/// For `probe`.
#[derive(Debug, PartialEq)]
#[allow(missing_docs)]
pub struct ProbeArguments {
    pub target: Target,
    pub seconds: Option<Duration>,
    pub frames: Option<u64>,
    pub transport: TransportPreference,
    pub rtp_port: Option<u16>,
    pub rate: FrameRate,
    pub save_frames: Option<PathBuf>,
    pub report: Option<ReportFile>,
    pub network: Option<EmulatorSettings>,
    pub json: bool,
    pub verbose: bool,
}

/// A file for everything that was measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFile {
    /// Where it is to be.
    pub path: PathBuf,
    /// What it is to hold.
    pub format: ReportFormat,
}

/// What a file for everything that was measured holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFormat {
    /// A row for each second.
    Csv,
    /// Everything.
    Json,
}

/// For `link`.
#[derive(Debug, PartialEq)]
#[allow(missing_docs)]
pub struct LinkArguments {
    pub listen: SocketAddr,
    /// The server's host and port.
    pub to: (String, u16),
    pub network: EmulatorSettings,
    pub verbose: bool,
}

/// The port on which `serve` listens: 554 needs privileges, and this is what everyone takes instead.
const DEFAULT_LISTEN: ([u8; 4], u16) = ([127, 0, 0, 1], 8554);

/// The port on which `link` listens: the one behind that of `serve`.
const DEFAULT_LINK_LISTEN: ([u8; 4], u16) = ([127, 0, 0, 1], 8555);

const VERSION: &str = concat!("reelay ", env!("CARGO_PKG_VERSION"), "\n");

/// Reads the arguments behind the program's name.
///
/// # Errors
/// A sentence about the first that means nothing.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, ArgumentError> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let command = arguments.first().and_then(|first| first.to_str());
    let (parse, help): (fn(Parser) -> _, _) = match command {
        Some("serve") => (parse_serve, "reelay serve --help"),
        Some("probe") => (parse_probe, "reelay probe --help"),
        Some("link") => (parse_link, "reelay link --help"),
        _ => return parse_window(Parser::from_args(arguments)),
    };
    parse(Parser::from_args(arguments.into_iter().skip(1))).map_err(|error| error.with_help(help))
}

fn parse_window(mut parser: Parser) -> Result<Invocation, ArgumentError> {
    let mut window = WindowArguments::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Value(target) if window.target.is_none() => window.target = Some(read_target(target)?),
            Arg::Long("classroom") if window.target.is_none() => {
                window.target = Some(read_classroom(&mut parser)?);
            }
            Arg::Value(_) | Arg::Long("classroom") => {
                return Err(ArgumentError::new(
                    "The window plays one film; name one file or URL.".to_owned(),
                ));
            }
            Arg::Long("play") => window.play = true,
            Arg::Long("fps") => window.rate = Some(read(&mut parser, "--fps")?),
            Arg::Long("theme") => window.theme = Some(read(&mut parser, "--theme")?),
            Arg::Long("verbose") | Arg::Short('v') => window.verbose = true,
            Arg::Long("help") | Arg::Short('h') => return Ok(Invocation::Print(help::GENERAL)),
            Arg::Long("version") | Arg::Short('V') => return Ok(Invocation::Print(VERSION)),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Invocation::Window(window))
}

fn parse_serve(mut parser: Parser) -> Result<Invocation, ArgumentError> {
    let mut serve = ServeArguments {
        listen: DEFAULT_LISTEN.into(),
        paths: Vec::new(),
        rate: FrameRate::CLASSROOM,
        user: None,
        password_file: None,
        session_timeout: None,
        quality: Quality::default(),
        network: None,
        verbose: false,
    };
    let mut network = NetworkArguments::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Value(path) => serve.paths.push(read_path(path)?),
            Arg::Long("listen") => serve.listen = read_address(&mut parser)?,
            Arg::Long("fps") => serve.rate = read(&mut parser, "--fps")?,
            Arg::Long("user") => serve.user = Some(parser.value()?.string()?),
            Arg::Long("password-file") => serve.password_file = Some(parser.value()?.into()),
            Arg::Long("session-timeout") => serve.session_timeout = Some(read_session_timeout(&mut parser)?),
            Arg::Long("quality") => serve.quality = read(&mut parser, "--quality")?,
            Arg::Long("verbose") | Arg::Short('v') => serve.verbose = true,
            Arg::Long("help") | Arg::Short('h') => return Ok(Invocation::Print(help::SERVE)),
            Arg::Long(option) => {
                let option = option.to_owned();
                take_network(&mut network, &option, &mut parser)?;
            }
            other => return Err(other.unexpected().into()),
        }
    }
    if serve.user.is_some() != serve.password_file.is_some() {
        return Err(ArgumentError::new(
            "--user and --password-file belong together; give both or none.".to_owned(),
        ));
    }
    serve.network = network.conditions()?;
    match serve.paths.is_empty() {
        true => Err(ArgumentError::new("Nothing to serve; name at least one film or folder.".to_owned())),
        false => Ok(Invocation::Serve(serve)),
    }
}

fn parse_probe(mut parser: Parser) -> Result<Invocation, ArgumentError> {
    let mut target = None;
    let mut probe = ProbeArguments {
        target: Target::File(PathBuf::new()),
        seconds: None,
        frames: None,
        transport: TransportPreference::Auto,
        rtp_port: None,
        rate: FrameRate::CLASSROOM,
        save_frames: None,
        report: None,
        network: None,
        json: false,
        verbose: false,
    };
    let mut network = NetworkArguments::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Value(value) if target.is_none() => target = Some(read_target(value)?),
            Arg::Long("classroom") if target.is_none() => target = Some(read_classroom(&mut parser)?),
            Arg::Value(_) | Arg::Long("classroom") => {
                return Err(ArgumentError::new(
                    "One film or stream is probed at a time; name one.".to_owned(),
                ));
            }
            Arg::Long("seconds") => probe.seconds = Some(read_seconds(&mut parser)?),
            Arg::Long("frames") => probe.frames = Some(read_count(&mut parser)?),
            Arg::Long("transport") => probe.transport = read_transport(&mut parser)?,
            Arg::Long("rtp-port") => probe.rtp_port = Some(read_rtp_port(&mut parser)?),
            Arg::Long("fps") => probe.rate = read(&mut parser, "--fps")?,
            Arg::Long("save-frames") => probe.save_frames = Some(parser.value()?.into()),
            Arg::Long("report") => probe.report = Some(read_report_file(&mut parser)?),
            Arg::Long("json") => probe.json = true,
            Arg::Long("verbose") | Arg::Short('v') => probe.verbose = true,
            Arg::Long("help") | Arg::Short('h') => return Ok(Invocation::Print(help::PROBE)),
            Arg::Long(option) => {
                let option = option.to_owned();
                take_network(&mut network, &option, &mut parser)?;
            }
            other => return Err(other.unexpected().into()),
        }
    }
    probe.network = network.conditions()?;
    probe.target =
        target.ok_or_else(|| ArgumentError::new("Nothing to probe; name a film or a stream.".to_owned()))?;
    check_rtp_port(&probe)?;
    check_transport(&probe)?;
    Ok(Invocation::Probe(probe))
}

fn parse_link(mut parser: Parser) -> Result<Invocation, ArgumentError> {
    let (mut listen, mut to, mut verbose) = (DEFAULT_LINK_LISTEN.into(), None, false);
    let mut network = NetworkArguments::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("listen") => listen = read_address(&mut parser)?,
            Arg::Long("to") => to = Some(read_server(&mut parser)?),
            Arg::Long("verbose") | Arg::Short('v') => verbose = true,
            Arg::Long("help") | Arg::Short('h') => return Ok(Invocation::Print(help::LINK)),
            Arg::Long(option) => {
                let option = option.to_owned();
                take_network(&mut network, &option, &mut parser)?;
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let to = to.ok_or_else(|| {
        ArgumentError::new("Nothing to link to; name the server with --to HOST:PORT.".to_owned())
    })?;
    let network =
        network.conditions()?.unwrap_or(EmulatorSettings { is_on: true, ..EmulatorSettings::default() });
    Ok(Invocation::Link(LinkArguments { listen, to, network, verbose }))
}

fn read_server(parser: &mut Parser) -> Result<(String, u16), ArgumentError> {
    let text = parser.value()?.string()?;
    // An IPv6 address stands in brackets.
    let parts = text.rsplit_once(':').and_then(|(host, port)| {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bare.or((!host.contains([':', '/'])).then_some(host))?;
        Some((host.to_owned(), port.parse().ok().filter(|port| *port > 0)?))
    });
    parts.filter(|(host, _)| !host.is_empty()).ok_or_else(|| {
        ArgumentError::new(format!("--to cannot be \"{text}\": it is HOST:PORT, like camera.local:554."))
    })
}

/// The end of its name says what a file is to hold.
fn read_report_file(parser: &mut lexopt::Parser) -> Result<ReportFile, ArgumentError> {
    let path = PathBuf::from(parser.value()?);
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    let format = match extension.as_deref() {
        Some("csv") => ReportFormat::Csv,
        Some("json") => ReportFormat::Json,
        _ => {
            return Err(ArgumentError::new(format!(
                "--report cannot be \"{}\": its name ends in .csv for a row a second, or in .json for everything.",
                path.display()
            )));
        }
    };
    Ok(ReportFile { path, format })
}

/// An option of the emulated network, or none at all.
fn take_network(
    network: &mut NetworkArguments,
    option: &str,
    parser: &mut Parser,
) -> Result<(), ArgumentError> {
    match network.take(option, parser)? {
        true => Ok(()),
        false => Err(Arg::Long(option).unexpected().into()),
    }
}

/// A path. Desktops name files by URLs as well.
fn read_path(value: OsString) -> Result<PathBuf, ArgumentError> {
    match value.to_str() {
        Some("") => Err(ArgumentError::new("\"\" names nothing; give the path of a film.")),
        Some(text) if file_url::is_file_url(text) => file_url::to_path(text).ok_or_else(|| {
            ArgumentError::new(format!("{text} names no file of this machine; give its path."))
        }),
        _ => Ok(value.into()),
    }
}

/// A URL if it looks like one, else a file.
fn read_target(value: OsString) -> Result<Target, ArgumentError> {
    match value.to_str() {
        Some(text) if file_url::is_file_url(text) => read_path(value).map(Target::File),
        Some(text) if text.contains("://") => {
            let url = RtspUrl::parse(text).map_err(|error| {
                ArgumentError::new(format!(
                    "{text} is no URL that can be played: {error}; try rtsp://HOST:PORT/PATH."
                ))
            })?;
            Ok(Target::Stream(url.into()))
        }
        _ => read_path(value).map(Target::File),
    }
}

fn read_classroom(parser: &mut Parser) -> Result<Target, ArgumentError> {
    let text = parser.value()?.string()?;
    if text.contains("://") {
        return Err(ArgumentError::new(format!(
            "--classroom cannot be \"{text}\": it is HOST:PORT/FILE without rtsp://, like 127.0.0.1:1025/movie.Mjpeg."
        )));
    }
    text.parse().map(|url: ClassroomUrl| Target::Stream(url.into())).map_err(|error| {
        ArgumentError::new(format!(
            "--classroom cannot be \"{text}\": {error}; try HOST:PORT/FILE, like 127.0.0.1:1025/movie.Mjpeg."
        ))
    })
}

/// A value whose own error says what it should be.
fn read<T>(parser: &mut Parser, option: &str) -> Result<T, ArgumentError>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    let text = parser.value()?.string()?;
    text.parse().map_err(|error| ArgumentError::new(format!("{option} cannot be \"{text}\": {error}.")))
}

fn read_address(parser: &mut Parser) -> Result<SocketAddr, ArgumentError> {
    let text = parser.value()?.string()?;
    text.parse().map_err(|_| {
        ArgumentError::new(format!(
            "--listen cannot be \"{text}\": it is ADDR:PORT, like 127.0.0.1:8554 or [::]:8554."
        ))
    })
}

/// Seconds in a year; a clock that is asked for more may have no such instant.
const LONGEST_PROBE: f64 = 31_536_000.0;

fn read_seconds(parser: &mut Parser) -> Result<Duration, ArgumentError> {
    let text = parser.value()?.string()?;
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0 && *seconds <= LONGEST_PROBE);
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).ok_or_else(|| {
        ArgumentError::new(format!(
            "--seconds cannot be \"{text}\": it is a number above 0, like 10 or 2.5, and a year at the most."
        ))
    })
}

fn read_session_timeout(parser: &mut Parser) -> Result<Duration, ArgumentError> {
    let text = parser.value()?.string()?;
    text.parse().ok().filter(|seconds| (5..=86_400).contains(seconds)).map(Duration::from_secs).ok_or_else(
        || {
            ArgumentError::new(format!(
                "--session-timeout cannot be \"{text}\": it is a number of seconds from 5 to 86400."
            ))
        },
    )
}

fn read_count(parser: &mut Parser) -> Result<u64, ArgumentError> {
    let text = parser.value()?.string()?;
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| {
        ArgumentError::new(format!("--frames cannot be \"{text}\": it is a whole number above 0."))
    })
}

fn read_transport(parser: &mut Parser) -> Result<TransportPreference, ArgumentError> {
    let text = parser.value()?.string()?;
    match text.as_str() {
        "udp" => Ok(TransportPreference::Udp),
        "tcp" => Ok(TransportPreference::Tcp),
        _ => Err(ArgumentError::new(format!("--transport cannot be \"{text}\": it is udp or tcp."))),
    }
}

fn read_rtp_port(parser: &mut Parser) -> Result<u16, ArgumentError> {
    let text = parser.value()?.string()?;
    text.parse().ok().filter(|port| (1..=65_534).contains(port)).ok_or_else(|| wrong_rtp_port(&text))
}

fn check_transport(probe: &ProbeArguments) -> Result<(), ArgumentError> {
    match (&probe.target, probe.transport) {
        (Target::Stream(SourceUrl::Classroom(_)), TransportPreference::Tcp) => Err(ArgumentError::new(
            "Classroom servers send over UDP alone; leave --transport out.".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// A classroom server sends no RTCP, for which the next port would be.
fn check_rtp_port(probe: &ProbeArguments) -> Result<(), ArgumentError> {
    match (probe.rtp_port, &probe.target) {
        (None, _) | (_, Target::Stream(SourceUrl::Classroom(_))) => Ok(()),
        (Some(port), _) if port.is_multiple_of(2) => Ok(()),
        (Some(port), _) => Err(wrong_rtp_port(&port.to_string())),
    }
}

fn wrong_rtp_port(text: &str) -> ArgumentError {
    ArgumentError::new(format!(
        "--rtp-port cannot be \"{text}\": it is an even number from 2 to 65534, as RTCP takes the next; with \
         --classroom it may be odd."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Invocation, String> {
        parse(line.split_whitespace().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn commands_and_options_are_read() {
        assert_eq!(of(""), Ok(Invocation::Window(WindowArguments::default())));
        let Ok(Invocation::Window(window)) = of("movie.Mjpeg --play --fps 25") else { panic!() };
        assert_eq!(window.target, Some(Target::File("movie.Mjpeg".into())));
        assert!(window.play && window.rate == Some(FrameRate::per_second(25)));
        let Ok(Invocation::Window(window)) = of("file:///films/a%20talk.mjpeg") else { panic!() };
        assert_eq!(window.target, Some(Target::File("/films/a talk.mjpeg".into())));
        let Ok(Invocation::Serve(serve)) = of("serve --listen 0.0.0.0:9000 --quality 80 a b") else {
            panic!()
        };
        assert_eq!((serve.listen.to_string().as_str(), serve.paths.len()), ("0.0.0.0:9000", 2));
        assert_eq!(Some(serve.quality), Quality::new(80));
        let Ok(Invocation::Probe(probe)) = of("probe rtsp://h/f --transport=tcp --seconds 2.5 --json") else {
            panic!()
        };
        assert_eq!(
            (probe.transport, probe.seconds),
            (TransportPreference::Tcp, Some(Duration::from_millis(2_500)))
        );
        let Ok(Invocation::Probe(probe)) = of("probe --classroom 127.0.0.1:1025/movie.Mjpeg") else {
            panic!()
        };
        let url = ClassroomUrl::new("127.0.0.1", 1_025, "movie.Mjpeg").unwrap();
        assert_eq!(probe.target, Target::Stream(url.into()));
        let Ok(Invocation::Link(link)) = of("link --to [::1]:554 --listen 0.0.0.0:9000 --loss 5%") else {
            panic!()
        };
        assert_eq!((link.to, link.listen.port()), (("::1".to_owned(), 554), 9_000));
        assert!(link.network.is_on && link.network.impairments.loss.ratio == 0.05);
        assert_eq!(of("--version"), Ok(Invocation::Print(VERSION)));
    }

    #[test]
    fn a_classroom_server_may_send_to_an_odd_port() {
        for line in ["probe --rtp-port 25001 --classroom h:1/f", "probe --classroom h:1/f --rtp-port 25001"] {
            let Ok(Invocation::Probe(probe)) = of(line) else { panic!("{line}") };
            assert_eq!(probe.rtp_port, Some(25_001));
        }
    }

    #[test]
    fn nothing_is_no_film() {
        for line in [&[""][..], &["probe", ""], &["serve", ""]] {
            let error = parse(line.iter().map(OsString::from)).unwrap_err().to_string();
            assert_eq!(error, "\"\" names nothing; give the path of a film.");
        }
    }

    #[test]
    fn what_means_nothing_gets_one_sentence() {
        for (line, part) in [
            ("--colour", "--colour"),
            ("a.mjpeg b.mjpeg", "one file"),
            ("http://h/x", "rtsp://"),
            ("--fps fast", "a frame rate is"),
            ("file://elsewhere/film.mjpeg", "no file of this machine"),
            ("serve file://elsewhere/film.mjpeg", "no file of this machine"),
            ("serve", "name at least one"),
            ("serve --listen 8554 x", "ADDR:PORT"),
            ("serve --user ann x", "belong together"),
            ("serve --session-timeout 1 x", "from 5 to 86400"),
            ("serve --quality best x", "from 1 to 100"),
            ("probe", "name a film"),
            ("link", "--to HOST:PORT"),
            ("link --to camera", "HOST:PORT"),
            ("link --to rtsp://camera:554", "HOST:PORT"),
            ("link --to camera:0", "HOST:PORT"),
            ("link --to camera:554 --loss 5", "like 5%"),
            ("link --to camera:554 film", "film"),
            ("probe x --transport carrier-pigeon", "udp or tcp"),
            ("probe x --rtp-port 5001", "an even number"),
            ("probe x --rtp-port 0 --classroom h:1/f", "an even number"),
            ("probe --classroom rtsp://localhost:1025/f", "without rtsp://"),
            ("probe --colour", "\"reelay probe --help\" lists"),
            ("serve --colour", "\"reelay serve --help\" lists"),
            ("link --colour", "\"reelay link --help\" lists"),
            ("probe x --frames", "\"reelay probe --help\" lists"),
            ("probe x --seconds -1", "above 0"),
            ("probe x --seconds 1e19", "a year at the most"),
            ("probe x --frames 0", "above 0"),
            ("probe --classroom localhost/movie.Mjpeg", "names no port"),
            ("probe --classroom localhost:1025", "HOST:PORT/FILE"),
            ("probe --classroom localhost:1025/f --transport tcp", "UDP alone"),
            ("probe x --classroom localhost:1025/f", "name one"),
            ("probe x --frames", "--frames"),
        ] {
            let error = of(line).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
            assert!(error.ends_with('.') && !error.contains('\n'), "{line}: {error}");
        }
    }
}
