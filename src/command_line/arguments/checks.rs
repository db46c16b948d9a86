//! Checks of the arguments of the window, `serve`, `probe` and `proxy`. Sans-I/O.

use super::{ProbeArguments, ProxyArguments, ServeArguments, TlsArguments, UserArguments, WindowArguments};
use crate::command_line::argument_error::ArgumentError;
use crate::command_line::cli;
use crate::command_line::target::Target;
use crate::command_line::values::ValueError;
use crate::impairment::EmulatorSettings;
use crate::net::limits::Limits;
use crate::session::{ClassroomUrl, Fingerprint, SourceUrl, TransportPreference};

impl cli::Window {
    /// Checks what the options say together.
    pub(super) fn check(self) -> Result<WindowArguments, ArgumentError> {
        let classroom = self.classroom.into_iter().map(|url| Target::Stream(url.into()));
        Ok(WindowArguments {
            targets: self.targets.into_iter().chain(classroom).collect(),
            play: self.play,
            rate: self.fps,
            snapshot_rate: self.snapshot_rate,
            new_window: self.new_window,
            theme: self.theme,
            renderer: self.renderer,
            verbose: self.verbosity.verbose,
        })
    }
}

impl cli::Serve {
    /// Checks what the options say together.
    pub(super) fn check(self) -> Result<ServeArguments, ArgumentError> {
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
            segmentation: self.segmentation,
            limits: self.limits.apply(Limits::default()),
            network: self.network.settings()?,
            verbose: self.verbosity.verbose,
        })
    }
}

impl cli::Probe {
    /// Checks what the options say together.
    pub(super) fn check(self) -> Result<ProbeArguments, ArgumentError> {
        let target = only_target(self.target, self.classroom)
            .ok_or(ArgumentError::SeveralForProbe)?
            .ok_or(ArgumentError::NothingToProbe)?;
        let is_http = matches!(target, Target::Stream(SourceUrl::Http(_)));
        let has_repair = self.retransmission || self.fec.is_some();
        if is_http && (self.transport.is_some() || self.rtp_port.is_some() || has_repair) {
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
            retransmission: self.retransmission,
            fec: self.fec,
            playout_delay: self.playout_delay,
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
        arguments.check_repair()?;
        arguments.check_tls()?;
        Ok(arguments)
    }
}

impl ProbeArguments {
    /// Checks that packets can be lost, and repaired.
    fn check_repair(&self) -> Result<(), ArgumentError> {
        let is_tls = matches!(&self.target, Target::Stream(SourceUrl::Rtsp(url)) if url.is_tls());
        let is_reliable = self.transport == TransportPreference::Tcp || is_tls;
        match is_reliable || self.is_classroom() {
            true if self.retransmission => Err(ArgumentError::Retransmission),
            true if self.fec.is_some() => Err(ArgumentError::Fec),
            _ => Ok(()),
        }
    }

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
    /// Checks what the options say together.
    pub(super) fn check(self) -> Result<ProxyArguments, ArgumentError> {
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
pub(super) fn check_tls(
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

/// Returns the one target that was named, if any; `None` if there are several.
fn only_target(target: Option<Target>, classroom: Vec<ClassroomUrl>) -> Option<Option<Target>> {
    let mut targets = target.into_iter().chain(classroom.into_iter().map(|url| Target::Stream(url.into())));
    let first = targets.next();
    targets.next().is_none().then_some(first)
}
