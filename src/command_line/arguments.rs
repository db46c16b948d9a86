//! Arguments of each command after all checks. Sans-I/O.

mod checks;
mod convert;

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};

use super::argument_error::ArgumentError;
use super::cli::{self, Cli};
use super::target::Target;
use super::values::{OutputFormat, RecordFile, RendererOption, ReportFile};
use super::{completions, man};
use crate::impairment::EmulatorSettings;
use crate::media::FrameRate;
use crate::media::reencode::Quality;
use crate::net::limits::Limits;
use crate::proto::fec::ParityLayout;
use crate::proto::rtsp::Npt;
use crate::server_embed::Segmentation;
use crate::session::{Fingerprint, PlayoutDelay, TransportPreference};
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
    /// Prints the name of the graphics card that the window can use (`reelay graphics-card`).
    GraphicsCard,
    /// Prints a text, such as help, on stdout.
    Print(String),
}

/// Arguments of the window.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WindowArguments {
    /// Films and streams to open, one after the other; without any, the start screen is shown.
    pub targets: Vec<Target>,
    /// Starts to play at once.
    pub play: bool,
    /// Frame rate of films that state none; `None` for the saved setting.
    pub rate: Option<FrameRate>,
    /// Snapshots per second over HTTP; `None` for the default.
    pub snapshot_rate: Option<FrameRate>,
    /// Opens a window even if there is one already.
    pub new_window: bool,
    /// Theme of this run; `None` for the saved setting.
    pub theme: Option<ThemePreference>,
    /// Renderer of the window.
    pub renderer: RendererOption,
    /// Logs debug messages too.
    pub verbose: bool,
}

impl WindowArguments {
    /// Returns true if a window of its own is opened even if there is one already. The debug messages that `--verbose`
    /// asks for are those of this process, and an open window keeps its renderer.
    pub fn wants_own_window(&self) -> bool {
        self.new_window || self.verbose || self.renderer != RendererOption::Auto
    }
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
    /// Use of segmentation offload for packets over UDP.
    pub segmentation: Segmentation,
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
    /// Requests lost packets again (RFC 4588).
    pub retransmission: bool,
    /// Arrangement of the packets that parity packets protect; `None` without `--fec`.
    pub fec: Option<ParityLayout>,
    /// Playout delay; `None` without `--playout-delay`.
    pub playout_delay: Option<PlayoutDelay>,
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
        Some(cli::Command::Convert(arguments)) => arguments.check(is_folder).map(Invocation::Convert),
        Some(cli::Command::Completions(arguments)) => {
            Ok(Invocation::Print(completions::script(arguments.shell)))
        }
        Some(cli::Command::GraphicsCard) => Ok(Invocation::GraphicsCard),
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

#[cfg(test)]
mod tests;
