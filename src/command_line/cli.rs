//! Command line as clap sees it: every command and option is declared here once, with its help text.
//!
//! Help, usage errors, shell completions and the manual page are generated from these declarations. Doc comments of
//! fields are help texts. Values are checked here one by one; [`super::arguments`] checks how they go together.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueHint};

use super::limits::LimitOptions;
use super::network::NetworkOptions;
use super::target::{self, Target};
use super::values::{self, OutputFormat, RecordFile, RendererOption, ReportFile};
use crate::about::VERSION_AND_NOTICES;
use crate::media::FrameRate;
use crate::media::reencode::Quality;
use crate::proto::fec::ParityLayout;
use crate::proto::rtsp::Npt;
use crate::server_embed::Segmentation;
use crate::session::{ClassroomUrl, Fingerprint, PlayoutDelay, TransportPreference};
use crate::settings::ThemePreference;

/// Motion JPEG player with an RTSP/RTP server inside
#[derive(Debug, Parser)]
#[command(
    name = "reelay",
    version,
    long_version = VERSION_AND_NOTICES,
    after_help = NOTES,
    args_conflicts_with_subcommands = true,
    args_override_self = true,
    subcommand_value_name = "COMMAND"
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub window: Window,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Serve(Serve),
    Probe(Probe),
    Proxy(Proxy),
    Convert(Convert),
    Completions(Completions),
    /// Print the name of the graphics card that the window can use
    #[command(name = GRAPHICS_CARD_COMMAND, hide = true)]
    GraphicsCard,
    /// Print the manual page of reelay and its commands
    #[command(after_help = MAN_EXAMPLES)]
    Man,
}

/// Name of the command that searches for graphics cards, which the window runs.
pub const GRAPHICS_CARD_COMMAND: &str = "graphics-card";

const NOTES: &str = "\
Without a command, reelay opens a window, which shows the film or stream, or the start screen if there is none. If a window of \
this user is open on the display already, that one opens the film or stream and comes to the front, with the options \
--play, --fps, --theme and --snapshot-rate; --new-window, --verbose, and --renderer with gpu or software, open another window. \
\"reelay COMMAND --help\" lists the options of a command.

Examples:
  reelay movie.mjpeg --play
  reelay rtsp://camera.local:554/live
  reelay --classroom 127.0.0.1:1025/movie.Mjpeg";

const MAN_EXAMPLES: &str = "\
Examples:
  reelay man | man -l -
  reelay man > ~/.local/share/man/man1/reelay.1";

#[derive(Debug, Args)]
pub struct Window {
    /// Films, folders of films or of JPEG files, lists (.m3u), or streams like rtsp://camera.local:554/live; also
    /// rtsps://, http:// and https://. Several are played one after the other
    #[arg(value_name = "FILE|URL", value_parser = target(), value_hint = ValueHint::AnyPath)]
    pub targets: Vec<Target>,

    /// Film on a classroom server, like 127.0.0.1:1025/movie.Mjpeg
    #[arg(long, value_name = "HOST:PORT/FILE", value_parser = target::parse_classroom_url)]
    pub classroom: Vec<ClassroomUrl>,

    /// Start to play at once
    #[arg(long)]
    pub play: bool,

    /// Snapshots per second of a camera that sends one JPEG per HTTP request (0.1 to 240) [default: 5]
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    pub snapshot_rate: Option<FrameRate>,

    /// Frames per second of films that state no rate, like 25 or 29.97 (0.1 to 240) [default: the preference, which is
    /// 20 initially]
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    pub fps: Option<FrameRate>,

    /// Open another window, even if there is one on this display already
    #[arg(long)]
    pub new_window: bool,

    /// Theme of the window: dark, light or system [default: the preference, which is system at first]
    #[arg(long, value_name = "NAME", value_parser = theme(), hide_possible_values = true)]
    pub theme: Option<ThemePreference>,

    /// Renderer of the window: auto (the graphics card, if it is known to work), gpu or software
    #[arg(long, value_name = "NAME", value_parser = renderer(), default_value = "auto", hide_possible_values = true)]
    pub renderer: RendererOption,

    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// Serve films to RTSP players, without a window, until Ctrl+C
#[derive(Debug, Args)]
#[command(after_help = SERVE_NOTES)]
pub struct Serve {
    /// Films, or folders with .mov, .mp4, .avi, .mpjpeg, .mjpeg, .mjpg and .mjp films. A folder without films whose
    /// JPEG files are frames, or a JPEG file, is a film too
    #[arg(value_name = "PATH", required = true, value_parser = OsStringValueParser::new().try_map(target::parse_path))]
    pub paths: Vec<PathBuf>,

    /// Address that players connect to; 0.0.0.0:8554 admits other machines
    #[arg(
        long,
        value_name = "ADDR:PORT",
        value_parser = values::parse_listen_address,
        default_value_t = SocketAddr::from(([127, 0, 0, 1], 8554))
    )]
    pub listen: SocketAddr,

    /// Frames per second of films that state no rate, like 25 or 29.97 (0.1 to 240) [default: 20]
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    pub fps: Option<FrameRate>,

    /// Only user who is admitted (Digest or Basic authentication); needs --password-file
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,

    /// File whose first line is the password of that user
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub password_file: Option<PathBuf>,

    /// File with the certificate of the server in PEM, and those of its issuers after it; encrypts all connections
    /// (TLS); needs --tls-key
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub tls_cert: Option<PathBuf>,

    /// File with the private key of that certificate in PEM
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub tls_key: Option<PathBuf>,

    /// Seconds without a connection, request or RTCP packet of the client after which its session ends (5 to 86400)
    #[arg(
        long,
        value_name = "SECONDS",
        value_parser = values::parse_session_timeout,
        default_value = "60",
        allow_hyphen_values = true
    )]
    pub session_timeout: Duration,

    /// JPEG quality of frames that RTP (RFC 2435) cannot carry as they are and that are re-encoded, from 1 to 100
    #[arg(long, value_name = "N", default_value = "90", allow_hyphen_values = true)]
    pub quality: Quality,

    /// Segmentation offload for packets over UDP: auto (from 16 sessions on), always or never. It costs less, but a
    /// capture on this machine shows several packets as one
    #[arg(long, value_name = "WHEN", value_parser = segmentation(), default_value = "auto", hide_possible_values = true)]
    pub segmentation: Segmentation,

    #[command(flatten)]
    pub verbosity: Verbosity,

    #[command(flatten)]
    pub limits: LimitOptions,

    #[command(flatten)]
    pub network: NetworkOptions,
}

const SERVE_NOTES: &str = "\
When the server is ready, it prints the rtsp:// or rtsps:// URL of each film on stdout. It logs each request on stderr: client, \
method, session and status.

Examples:
  reelay serve films/
  reelay serve --listen 0.0.0.0:8554 --user ann --password-file pw.txt films/
  reelay serve --listen 0.0.0.0:8322 --tls-cert cert.pem --tls-key key.pem films/
  reelay serve --preset \"Busy Wi-Fi\" movie.mjpeg";

/// Play a film or stream without a window, and measure what arrives
#[derive(Debug, Args)]
#[command(
    override_usage = "reelay probe [OPTIONS] <FILE|URL>\n       reelay probe [OPTIONS] --classroom <HOST:PORT/FILE>",
    after_help = PROBE_NOTES
)]
pub struct Probe {
    /// Film, folder of JPEG files, or stream like rtsp://camera.local:554/live; also rtsps://, http:// and https://
    #[arg(value_name = "FILE|URL", value_parser = target(), value_hint = ValueHint::AnyPath)]
    pub target: Option<Target>,

    /// Film on a classroom server, like 127.0.0.1:1025/movie.Mjpeg; such a server uses a dialect of RTSP that only this
    /// option selects
    #[arg(long, value_name = "HOST:PORT/FILE", value_parser = target::parse_classroom_url)]
    pub classroom: Vec<ClassroomUrl>,

    /// Stop this many seconds after the first frame [default: at the end, or after 10 if the stream has no end and
    /// --frames is not given]
    #[arg(long, value_name = "SECONDS", value_parser = values::parse_play_seconds, allow_hyphen_values = true)]
    pub seconds: Option<Duration>,

    /// Stop after this many frames
    #[arg(long, value_name = "N", value_parser = values::parse_frame_count, allow_hyphen_values = true)]
    pub frames: Option<u64>,

    /// Transport of RTP: udp, or tcp for RTP interleaved on the RTSP connection [default: udp, or tcp if the server
    /// offers no UDP or the URL begins with rtsps://]
    #[arg(long, value_name = "NAME", value_parser = transport(), hide_possible_values = true)]
    pub transport: Option<TransportPreference>,

    /// Time between the earliest arrival that the network allows and display, like 100ms, or auto for a delay that
    /// follows the jitter [default: 50ms]
    #[arg(long, value_name = "TIME", value_parser = values::parse_playout_delay, allow_hyphen_values = true)]
    pub playout_delay: Option<PlayoutDelay>,

    /// Request lost packets again over UDP, if the server offers it (RFC 4588)
    #[arg(long)]
    pub retransmission: bool,

    /// Ask for parity packets over UDP, from which lost packets are recovered, if the server offers them: one for every
    /// N packets at most (RFC 5109), such as 5, or for each row and column of a grid (RFC 8627), such as 10x5
    #[arg(long, value_name = "N|CxR", allow_hyphen_values = true)]
    pub fec: Option<ParityLayout>,

    /// Snapshots per second of a camera that sends one JPEG per HTTP request (0.1 to 240) [default: 5]
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    pub snapshot_rate: Option<FrameRate>,

    /// Certificate that is trusted although the system does not trust it, by its SHA-256 fingerprint; for rtsps:// and
    /// https://
    #[arg(long, value_name = "SHA256")]
    pub tls_fingerprint: Option<Fingerprint>,

    /// Local port for RTP, an even number from 2 to 65534, as RTCP uses the next one; with --classroom it may be odd
    /// [default: any free port]
    #[arg(long, value_name = "PORT", value_parser = values::parse_rtp_port, allow_hyphen_values = true)]
    pub rtp_port: Option<u16>,

    /// Frames per second of a film that states no rate, like 25 or 29.97 (0.1 to 240)
    #[arg(long, value_name = "RATE", default_value_t = FrameRate::CLASSROOM, allow_hyphen_values = true)]
    pub fps: FrameRate,

    /// Do not show frames of which a part was lost; otherwise that part shows the frame before
    #[arg(long)]
    pub drop_damaged: bool,

    #[command(flatten)]
    pub verbosity: Verbosity,

    /// Save each complete frame as 000001.jpg, 000002.jpg and so on in this folder
    #[arg(long, value_name = "DIR", help_heading = OUTPUT, value_hint = ValueHint::DirPath)]
    pub save_frames: Option<PathBuf>,

    /// Record what arrives, with the original bytes and times of the frames: into FILE.mov, FILE.avi (times are ticks
    /// of a clock), FILE.mpjpeg (a saved HTTP stream), or FILE.mjpeg (classroom format, without times)
    #[arg(
        long,
        value_name = "FILE",
        help_heading = OUTPUT,
        value_parser = record_file(),
        value_hint = ValueHint::FilePath
    )]
    pub record: Option<RecordFile>,

    /// Write the report: one row per second into FILE.csv, or all of it into FILE.json
    #[arg(
        long,
        value_name = "FILE",
        help_heading = OUTPUT,
        value_parser = report_file(),
        value_hint = ValueHint::FilePath
    )]
    pub report: Option<ReportFile>,

    /// Print the figures as one JSON object
    #[arg(long, help_heading = OUTPUT)]
    pub json: bool,

    #[command(flatten)]
    pub network: NetworkOptions,
}

const OUTPUT: &str = "Output";

const PROBE_NOTES: &str = "\
Exit status: 0 if at least one complete frame arrived and the stream did not break off before its end, 1 if not, and 2 \
if the arguments are wrong.

Examples:
  reelay probe rtsp://camera.local:554/live --seconds 30
  reelay probe http://camera.local/video --json
  reelay probe rtsp://camera.local:554/live --seconds 3600 --record camera.mov
  reelay probe movie.mjpeg --loss 5% --burst 3 --report session.csv";

/// Emulate a bad network between RTSP players and a server, until Ctrl+C
#[derive(Debug, Args)]
#[command(after_help = PROXY_NOTES)]
pub struct Proxy {
    /// RTSP server, like camera.local:554
    #[arg(long = "to", value_name = "HOST:PORT", required = true, value_parser = values::parse_server_address)]
    pub server: (String, u16),

    /// Address that players connect to; 0.0.0.0:8555 admits other machines
    #[arg(
        long,
        value_name = "ADDR:PORT",
        value_parser = values::parse_listen_address,
        default_value_t = SocketAddr::from(([127, 0, 0, 1], 8555))
    )]
    pub listen: SocketAddr,

    #[command(flatten)]
    pub verbosity: Verbosity,

    #[command(flatten)]
    pub limits: LimitOptions,

    #[command(flatten)]
    pub network: NetworkOptions,
}

const PROXY_NOTES: &str = "\
Players connect to this address instead of the server's; the rest of their URL stays the same. The RTP and RTCP \
packets that the server sends pass through the emulated network, over UDP or interleaved; RTSP itself does not.

Examples:
  reelay proxy --to camera.local:554 --rate 2M --queue 32K
  reelay probe rtsp://127.0.0.1:8555/live";

/// Write the frames of a film or stream in another format, without encoding them again
#[derive(Debug, Args)]
#[command(
    override_usage = "reelay convert [OPTIONS] <IN|URL> <OUT>\n       reelay convert [OPTIONS] --classroom <HOST:PORT/FILE> <OUT>",
    after_help = CONVERT_NOTES
)]
pub struct Convert {
    /// Film or folder of JPEG files to convert, or stream like rtsp://camera.local:554/live; also http:// and https://
    #[arg(value_name = "IN|URL", required = true, value_hint = ValueHint::AnyPath)]
    pub input: OsString,

    /// File to write; its extension selects the format: .mov, .avi, .mpjpeg (a saved HTTP stream), .mjpeg, or .jpg for
    /// one frame. Or a folder, which ends in / or exists, for 000001.jpg, 000002.jpg and so on
    #[arg(value_name = "OUT", required_unless_present = "classroom", value_hint = ValueHint::AnyPath)]
    pub output: Option<OsString>,

    /// Film on a classroom server to convert, like 127.0.0.1:1025/movie.Mjpeg
    #[arg(long, value_name = "HOST:PORT/FILE", value_parser = target::parse_classroom_url)]
    pub classroom: Option<ClassroomUrl>,

    /// Format of a .mjpeg file: raw, frames one after the other, or classroom, each frame after its length in five
    /// digits [default: raw]
    #[arg(long, value_name = "NAME", value_parser = output_format(), hide_possible_values = true)]
    pub format: Option<OutputFormat>,

    /// Start of the part to convert, like 90, 1:30 or 0:01:30.5 [default: the start of the film]
    #[arg(long, value_name = "TIME", value_parser = values::parse_position, allow_hyphen_values = true)]
    pub from: Option<Npt>,

    /// End of the part to convert; of a stream without a start, the time to record [default: the end of the film]
    #[arg(long, value_name = "TIME", value_parser = values::parse_position, allow_hyphen_values = true)]
    pub to: Option<Npt>,

    /// Length of the part to convert, instead of its end
    #[arg(
        long,
        value_name = "TIME",
        value_parser = values::parse_position,
        conflicts_with = "to",
        allow_hyphen_values = true
    )]
    pub duration: Option<Npt>,

    /// Transport of RTP of a stream: udp, or tcp for RTP interleaved on the RTSP connection [default: tcp, over which
    /// nothing is lost, or udp if the server refuses it]
    #[arg(long, value_name = "NAME", value_parser = transport(), hide_possible_values = true)]
    pub transport: Option<TransportPreference>,

    /// Certificate of a stream that is trusted although the system does not trust it, by its SHA-256 fingerprint; for
    /// rtsps:// and https://
    #[arg(long, value_name = "SHA256")]
    pub tls_fingerprint: Option<Fingerprint>,

    /// Frames per second of the file, like 25 or 29.97 (0.1 to 240) [default: the times of the film, or 20 if it states
    /// none]
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    pub fps: Option<FrameRate>,

    /// Replace an existing file, or the numbered .jpg files of a folder
    #[arg(long)]
    pub force: bool,

    #[command(flatten)]
    pub verbosity: Verbosity,
}

const CONVERT_NOTES: &str = "\
Each frame keeps its bytes. Before it writes anything, convert reports what the format cannot hold; an existing file is \
replaced only when the new one is complete. Sound is left out. For a .jpg file, --from and --to with the same time name \
one frame. For films that are not Motion JPEG, the message has a \
command of ffmpeg that makes one of them. A stream is converted while it is played; a stream without an end until \
Ctrl+C, which completes the file or folder. Of a stream, a .jpg file holds the first frame. A lost connection is set up \
again, up to ten times without a frame between them; over HTTP, a server that closes it between two frames has sent a \
film, unless the response forbids caching or the frames have times.

Examples:
  reelay convert movie.Mjpeg movie.avi --fps 25
  reelay convert camera.avi camera.mov
  reelay convert rtsp://camera.local:554/live camera.mov --duration 1:00:00
  reelay convert capture.mpjpeg camera.mov
  reelay convert camera.avi frames/
  reelay convert rtsp://camera.local:554/live frames/ --duration 10
  reelay convert http://camera.local/video now.jpg
  reelay convert frames/ film.avi --fps 25
  reelay convert camera.avi photo.jpg --from 1:30 --to 1:30
  reelay convert camera.avi movie.mjpeg --format classroom --from 1:00 --to 1:30";

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub struct Completions {
    /// Shell that reads the script: bash, elvish, fish, powershell or zsh
    #[arg(value_name = "SHELL", hide_possible_values = true)]
    pub shell: clap_complete::Shell,
}

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  reelay completions bash > ~/.local/share/bash-completion/completions/reelay
  reelay completions zsh > ~/.zfunc/_reelay
  reelay completions fish > ~/.config/fish/completions/reelay.fish
  reelay completions powershell >> $PROFILE";

// Without a doc comment, which would replace that of the command.
#[derive(Debug, Args)]
pub struct Verbosity {
    /// Log more on stderr
    #[arg(short, long)]
    pub verbose: bool,
}

fn target() -> impl TypedValueParser<Value = Target> {
    OsStringValueParser::new().try_map(Target::try_from)
}

fn report_file() -> impl TypedValueParser<Value = ReportFile> {
    OsStringValueParser::new().try_map(ReportFile::try_from)
}

fn record_file() -> impl TypedValueParser<Value = RecordFile> {
    OsStringValueParser::new().try_map(RecordFile::try_from)
}

fn transport() -> impl TypedValueParser<Value = TransportPreference> {
    PossibleValuesParser::new(["udp", "tcp"]).map(|name| match name.as_str() {
        "tcp" => TransportPreference::Tcp,
        _ => TransportPreference::Udp,
    })
}

fn output_format() -> impl TypedValueParser<Value = OutputFormat> {
    PossibleValuesParser::new(["raw", "classroom"]).map(|name| match name.as_str() {
        "classroom" => OutputFormat::Classroom,
        _ => OutputFormat::Raw,
    })
}

fn renderer() -> impl TypedValueParser<Value = RendererOption> {
    PossibleValuesParser::new(["auto", "gpu", "software"]).map(|name| match name.as_str() {
        "gpu" => RendererOption::Gpu,
        "software" => RendererOption::Software,
        _ => RendererOption::Auto,
    })
}

fn segmentation() -> impl TypedValueParser<Value = Segmentation> {
    PossibleValuesParser::new(["auto", "always", "never"]).map(|name| match name.as_str() {
        "always" => Segmentation::Always,
        "never" => Segmentation::Never,
        _ => Segmentation::Auto,
    })
}

fn theme() -> impl TypedValueParser<Value = ThemePreference> {
    PossibleValuesParser::new(["dark", "light", "system"]).try_map(|name| name.parse::<ThemePreference>())
}
