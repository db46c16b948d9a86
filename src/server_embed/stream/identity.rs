//! SSRC, CNAME and initial counters of a stream. Sans-I/O.

/// SSRC, CNAME and initial counters of a stream. RFC 3550 §5.1 requires random values.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Synchronization source identifier (RFC 3550 §8.1).
    pub ssrc: u32,
    /// Sequence number of the first packet.
    pub first_sequence: u16,
    /// RTP timestamp of the instant at which the stream is created, in ticks of 90 kHz.
    pub first_timestamp: u32,
    /// Canonical name for RTCP SDES. RFC 7022 recommends one that does not identify the machine.
    pub cname: String,
}

/// Returns the SSRC of the retransmissions of a stream: as random as that of the stream, and different from it.
pub fn retransmission_ssrc(ssrc: u32) -> u32 {
    !ssrc
}

/// Returns the SSRC of the parity packets of a stream: as random as that of the stream, and different from it and from
/// that of the retransmissions.
pub fn parity_ssrc(ssrc: u32) -> u32 {
    ssrc ^ 0x5555_5555
}
