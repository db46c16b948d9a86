//! Options of a session.

use std::fmt;
use std::time::Duration;

use super::source_url::{Dialect, SourceUrl};
use crate::impairment::Emulator;
use crate::net::udp_ports;
use crate::proto::rtcp::Epoch;

/// How much longer a picture waits than the quickest one needed.
pub const DEFAULT_PLAYOUT_DELAY: Duration = Duration::from_millis(50);

/// No packet for this long is told to the user.
pub const WAITING_TIMEOUT: Duration = Duration::from_millis(500);

/// How a session behaves.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// The RTSP part.
    pub rtsp: RtspOptions,
    /// How much longer a picture waits than the quickest one needed.
    pub playout_delay: Duration,
    /// Bytes asked for as the kernel's buffer of the UDP ports.
    pub receive_buffer_size: usize,
    /// The emulated network.
    pub emulator: EmulatorOptions,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            rtsp: RtspOptions::default(),
            playout_delay: DEFAULT_PLAYOUT_DELAY,
            receive_buffer_size: udp_ports::SOCKET_BUFFER_SIZE,
            emulator: EmulatorOptions::default(),
        }
    }
}

/// How a player behaves.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// The RTSP part.
    pub rtsp: RtspOptions,
    /// How much longer a picture waits than the quickest one needed.
    pub playout_delay: Duration,
    /// Who it is in RTCP.
    pub rtcp_identity: RtcpIdentity,
    /// The emulated network.
    pub emulator: EmulatorOptions,
    /// Two clocks of this machine.
    pub epoch: Epoch,
}

/// What may carry RTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TransportPreference {
    /// Datagrams, and the connection if the server has none.
    #[default]
    Auto,
    /// Datagrams.
    Udp,
    /// The RTSP connection.
    Tcp,
}

/// How a machine behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtspOptions {
    /// What may carry RTP.
    pub transport: TransportPreference,
    /// The player's own RTP port, for those who must fix it.
    pub rtp_port: Option<u16>,
    /// How long an answer may take.
    pub response_timeout: Duration,
    /// Whether a server that is lost is looked for again, until the user has enough of it.
    pub reconnects: bool,
}

impl Default for RtspOptions {
    fn default() -> Self {
        Self {
            transport: TransportPreference::Auto,
            rtp_port: None,
            response_timeout: Duration::from_secs(5),
            reconnects: false,
        }
    }
}

impl RtspOptions {
    /// For a person who watches a stream from elsewhere: a server that is lost is looked for again. A classroom server
    /// is not, as it would begin the film anew.
    pub fn for_source(url: &SourceUrl) -> Self {
        Self { reconnects: url.dialect() == Dialect::Standard, ..Self::default() }
    }
}

/// The emulated network, as a player meets it.
#[derive(Debug, Clone, Default)]
pub struct EmulatorOptions {
    /// The network.
    pub emulator: Emulator,
    /// Where packets pass it.
    pub placement: EmulatorPlacement,
}

/// Where packets pass the emulated network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EmulatorPlacement {
    /// On this player's way in: the server knows nothing of it.
    #[default]
    AtClient,
    /// On the way out of a server in this process.
    AtServer,
}

impl fmt::Display for EmulatorPlacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtClient => "at this player's way in",
            Self::AtServer => "at the embedded server's way out",
        })
    }
}

/// Who reports.
#[derive(Debug, Clone)]
pub struct RtcpIdentity {
    /// The player's own synchronisation source; random.
    pub ssrc: u32,
    /// The player's canonical name (RFC 7022 wants it to say nothing of the machine).
    pub cname: String,
}
