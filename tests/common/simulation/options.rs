//! Options of a simulated world.

use std::time::Duration;

use reelay::impairment::Impairments;
use reelay::media::payload::PayloadFormat;
use reelay::session::{EmulatorPlacement, PlayoutDelay, StreamOptions};

pub const MS: Duration = Duration::from_millis(1);

/// Options of a simulated world.
pub struct WorldOptions {
    pub frames: Vec<Vec<u8>>,
    /// Number of times that the film consists of these frames.
    pub repeats: u64,
    /// Payload format of the frames.
    pub format: PayloadFormat,
    pub stream: StreamOptions,
    pub playout_delay: PlayoutDelay,
    /// Impairments of RTP and RTCP from the server.
    pub impairments: Impairments,
    pub seed: u64,
    /// End of the link at which the impairments are applied.
    pub placement: EmulatorPlacement,
    /// One-way delay of the RTSP connection.
    pub latency: Duration,
    /// Share of the RTCP packets to the server that are lost over UDP, 0 to 1.
    pub upstream_loss: f64,
    /// One-way delay of RTCP packets to the server; `None` for `latency`.
    pub upstream_delay: Option<Duration>,
    /// Drops all RTCP packets to the client.
    pub drops_rtcp: bool,
    /// Drops all UDP datagrams to the client.
    pub drops_udp: bool,
    /// The server is still indexing the media file and does not know its length.
    pub is_indexing: bool,
    /// The server sends no response.
    pub is_unresponsive: bool,
    /// Value of the Scale header that the server adds to every PLAY request.
    pub scale: Option<&'static str>,
    /// Treatment of the Scale header by the server.
    pub scale_support: ScaleSupport,
}

/// Treatment of the Scale header by a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScaleSupport {
    #[default]
    Plays,
    Ignores,
    /// Refuses the PLAY with status 451.
    Refuses,
}

impl WorldOptions {
    pub fn new(frames: Vec<Vec<u8>>) -> Self {
        Self {
            frames,
            repeats: 1,
            format: PayloadFormat::OriginalHeader,
            stream: StreamOptions::default(),
            playout_delay: (50 * MS).into(),
            impairments: Impairments::default(),
            seed: 1,
            placement: EmulatorPlacement::AtServer,
            latency: MS,
            upstream_loss: 0.0,
            upstream_delay: None,
            drops_rtcp: false,
            drops_udp: false,
            is_indexing: false,
            is_unresponsive: false,
            scale: None,
            scale_support: ScaleSupport::default(),
        }
    }
}
