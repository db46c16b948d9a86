//! Options of a session.

use std::fmt;
use std::time::Duration;

use super::source_url::{Dialect, SourceUrl};
use crate::impairment::Network;
use crate::net::udp_ports;
use crate::proto::rtcp::Epoch;

/// How much longer a picture waits than the quickest one needed.
pub const DEFAULT_DELAY: Duration = Duration::from_millis(50);

/// No packet for this long is told to the user.
pub const SILENCE: Duration = Duration::from_millis(500);

/// How a session behaves.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// The RTSP part.
    pub machine: MachineOptions,
    /// How much longer a picture waits than the quickest one needed.
    pub playout_delay: Duration,
    /// Octets asked for as the kernel's buffer of the UDP ports.
    pub receive_buffer: usize,
    /// The emulated network.
    pub emulation: Emulation,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            machine: MachineOptions::default(),
            playout_delay: DEFAULT_DELAY,
            receive_buffer: udp_ports::BUFFER,
            emulation: Emulation::default(),
        }
    }
}

/// How a player behaves.
#[derive(Debug, Clone)]
pub struct PlayerOptions {
    /// The RTSP part.
    pub machine: MachineOptions,
    /// How much longer a picture waits than the quickest one needed.
    pub playout_delay: Duration,
    /// Who it is in RTCP.
    pub reporter: Reporter,
    /// The emulated network.
    pub emulation: Emulation,
    /// Two clocks of this machine.
    pub epoch: Epoch,
}

/// What may carry RTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TransportChoice {
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
pub struct MachineOptions {
    /// What may carry RTP.
    pub transport: TransportChoice,
    /// The player's own RTP port, for those who must fix it.
    pub rtp_port: Option<u16>,
    /// How long an answer may take.
    pub patience: Duration,
    /// Whether a server that is lost is looked for again, until the user has enough of it.
    pub reconnects: bool,
}

impl Default for MachineOptions {
    fn default() -> Self {
        Self {
            transport: TransportChoice::Auto,
            rtp_port: None,
            patience: Duration::from_secs(5),
            reconnects: false,
        }
    }
}

impl MachineOptions {
    /// For a person who watches a stream from elsewhere: a server that is lost is looked for again. A classroom server
    /// is not, as it would begin the film anew.
    pub fn for_source(url: &SourceUrl) -> Self {
        Self { reconnects: url.dialect() == Dialect::Standard, ..Self::default() }
    }
}

/// The emulated network, as a player meets it.
#[derive(Debug, Clone, Default)]
pub struct Emulation {
    /// The network.
    pub network: Network,
    /// Where packets pass it.
    pub place: Place,
}

/// Where packets pass the emulated network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place {
    /// On this player's way in: the server knows nothing of it.
    #[default]
    WayIn,
    /// On the way out of a server in this process.
    AtServer,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WayIn => "at this player's way in",
            Self::AtServer => "at the embedded server's way out",
        })
    }
}

/// Who reports.
#[derive(Debug, Clone)]
pub struct Reporter {
    /// The player's own synchronisation source; random.
    pub ssrc: u32,
    /// The player's canonical name (RFC 7022 wants it to say nothing of the machine).
    pub cname: String,
}
