//! What arrives, measured. Pure: every call takes the time.

mod meter;
mod reception;

pub use meter::Meter;
pub use reception::{Arrival, Reception, Sent};

use serde::Serialize;

use crate::impairment::Emulated;

/// The figures of one session at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Snapshot {
    /// RTP packets from the first that was announced to the last that arrived; when the stream has ended, to the last
    /// that was sent, if that is known.
    pub packets_expected: u64,
    /// Different RTP packets among these that arrived.
    pub packets_received: u64,
    /// Those that did not.
    pub packets_lost: u64,
    /// Packets that arrived again.
    pub packets_duplicated: u64,
    /// Packets that arrived behind one with a higher sequence number.
    pub packets_reordered: u64,
    /// Lost of expected; unknown before anything was expected.
    pub loss_ratio: Option<f64>,
    /// Interarrival jitter (RFC 3550 §6.4.1, appendix A.8) in milliseconds; unknown before two packets have arrived.
    pub jitter_ms: Option<f64>,
    /// Bits of RTP payload in the last second.
    pub bits_per_second: f64,
    /// Octets of RTP payload in all.
    pub payload_octets: u64,
    /// Pictures that arrived whole.
    pub frames_complete: u64,
    /// Pictures of which something is missing.
    pub frames_incomplete: u64,
    /// Pictures that arrived whole and cannot be understood.
    pub frames_unusable: u64,
    /// Pictures that lost their APPn and COM segments because their header was longer than a packet.
    pub headers_reduced: u64,
    /// Pictures that arrived in the last second.
    pub frames_per_second: f64,
    /// Pictures that were due too late to be shown.
    pub frames_dropped_late: u64,
    /// What the emulated network has done to the packets, if it was ever in their way.
    #[serde(skip)]
    pub emulated: Option<Emulated>,
}
