//! Options of a session.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::certificate::TrustedCertificates;
use super::classroom::PortSpelling;
use super::source_url::{Dialect, SourceUrl};
use crate::impairment::Emulator;
use crate::net::udp_ports;
use crate::proto::fec::ParityLayout;
use crate::proto::rtcp::Epoch;

/// Default playout delay.
pub const DEFAULT_PLAYOUT_DELAY: Duration = Duration::from_millis(50);

/// Playout delay: time between the earliest arrival that the network allows and display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayoutDelay {
    /// A delay that the user has set.
    Fixed(Duration),
    /// A delay that follows the jitter of the network. It is [`DEFAULT_PLAYOUT_DELAY`] at first, and never less.
    Auto,
}

impl PlayoutDelay {
    /// Delay at the start of a session.
    pub fn initial(self) -> Duration {
        match self {
            Self::Fixed(delay) => delay,
            Self::Auto => DEFAULT_PLAYOUT_DELAY,
        }
    }
}

impl From<Duration> for PlayoutDelay {
    fn from(delay: Duration) -> Self {
        Self::Fixed(delay)
    }
}

/// Time without a packet after which missing data is reported to the user.
pub const WAITING_TIMEOUT: Duration = Duration::from_millis(500);

/// Options of a session.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// Options of the stream.
    pub stream: StreamOptions,
    /// Time between the earliest arrival that the network allows and display.
    pub playout_delay: PlayoutDelay,
    /// Size in bytes requested for the receive buffers of the UDP sockets.
    pub receive_buffer_size: usize,
    /// Options of the emulated network.
    pub emulator: EmulatorOptions,
    /// Certificates that the user trusts although the system does not.
    pub trusted: Arc<TrustedCertificates>,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            stream: StreamOptions::default(),
            playout_delay: PlayoutDelay::Fixed(DEFAULT_PLAYOUT_DELAY),
            receive_buffer_size: udp_ports::SOCKET_BUFFER_SIZE,
            emulator: EmulatorOptions::default(),
            trusted: Arc::default(),
        }
    }
}

/// Options of a client.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Options of the stream.
    pub stream: StreamOptions,
    /// Time between the earliest arrival that the network allows and display.
    pub playout_delay: PlayoutDelay,
    /// SSRC and CNAME in RTCP.
    pub rtcp_identity: RtcpIdentity,
    /// Options of the emulated network.
    pub emulator: EmulatorOptions,
    /// Instant and NTP time of this machine at the same moment.
    pub epoch: Epoch,
}

/// Transports that RTP may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TransportPreference {
    /// UDP, or the RTSP connection if UDP is refused or blocked, or the connection is encrypted.
    #[default]
    Auto,
    /// UDP, without falling back to TCP.
    Udp,
    /// The RTSP connection (RFC 2326 §10.12).
    Tcp,
}

/// Options of one stream: transport, requests, and what only classroom servers or HTTP need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamOptions {
    /// Transports that RTP may use.
    pub transport: TransportPreference,
    /// RTP port of the client; RTCP uses the next one. `None` lets the system choose.
    pub rtp_port: Option<u16>,
    /// Timeout of a connection attempt and of each request.
    pub response_timeout: Duration,
    /// True if a lost session is set up again, as long as the user does not stop it.
    pub reconnects: bool,
    /// True if lost packets are requested again over UDP, where the server offers it (RFC 4585, RFC 4588).
    pub retransmission: bool,
    /// Arrangement of the packets that parity packets protect over UDP, where the server offers them (RFC 5109, RFC
    /// 8627); `None` for no parity packets.
    pub fec: Option<ParityLayout>,
    /// Spelling of the RTP port in SETUP that a classroom server is known to read; others are tried after it.
    pub port_spelling: PortSpelling,
    /// Options of a stream over HTTP.
    pub http: HttpOptions,
}

/// Options of a stream over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpOptions {
    /// Interval between the requests for snapshots of a camera that sends one JPEG per request.
    pub snapshot_interval: Duration,
    /// True if the stream has ended when the server closes the connection between two frames, unless it has shown that
    /// it is live. Its length is unknown then, and a camera that is started again looks the same.
    pub ends_at_close: bool,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self { snapshot_interval: DEFAULT_SNAPSHOT_INTERVAL, ends_at_close: false }
    }
}

/// Default interval between the requests for snapshots: five per second, which every camera can follow.
pub const DEFAULT_SNAPSHOT_INTERVAL: Duration = Duration::from_millis(200);

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            transport: TransportPreference::Auto,
            rtp_port: None,
            response_timeout: Duration::from_secs(5),
            reconnects: false,
            retransmission: false,
            fec: None,
            port_spelling: PortSpelling::default(),
            http: HttpOptions::default(),
        }
    }
}

impl StreamOptions {
    /// Creates the options for playing a stream in the window: a lost session is set up again, except with a classroom
    /// server, which would start the film from the beginning.
    pub fn for_source(url: &SourceUrl) -> Self {
        Self { reconnects: url.dialect() != Dialect::Classroom, ..Self::default() }
    }
}

/// Options of the emulated network for one client.
#[derive(Debug, Clone, Default)]
pub struct EmulatorOptions {
    /// Emulator with its settings.
    pub emulator: Emulator,
    /// Place at which packets pass it.
    pub placement: EmulatorPlacement,
}

/// Place at which packets pass the emulated network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EmulatorPlacement {
    /// Input of this client; the server is not involved.
    #[default]
    AtClient,
    /// Output of a server in this process.
    AtServer,
}

impl fmt::Display for EmulatorPlacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtClient => "at the player's input",
            Self::AtServer => "at the embedded server's output",
        })
    }
}

/// Identity of the client in RTCP.
#[derive(Debug, Clone)]
pub struct RtcpIdentity {
    /// SSRC of the client; random.
    pub ssrc: u32,
    /// CNAME of the client; random, because RFC 7022 advises against names that identify the machine.
    pub cname: String,
}
