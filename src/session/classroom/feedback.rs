//! Receiver reports for servers that wait for one after each frame. Sans-I/O.
//!
//! Classroom servers send no RTCP and most expect none. Some block after each frame until a datagram arrives on a fixed
//! UDP port of their machine, where the client of the exercise reports loss. They are recognized by their silence after
//! the first frame.

use std::time::{Duration, Instant};

use super::error::FEEDBACK_PORT;
use crate::proto::rtcp::{self, ReportBlock, RtcpPacket};
use crate::proto::rtsp::{PortPair, Transport};
use crate::session::options::RtcpIdentity;

/// Interval between two reports.
const FEEDBACK_INTERVAL: Duration = Duration::from_millis(100);

/// Scheduler of the reports of one session.
#[derive(Debug, Default)]
pub struct Feedback {
    /// Time at which the next report is due; `None` unless the server has fallen silent after the first frame.
    next_report_at: Option<Instant>,
}

impl Feedback {
    /// Returns true if reports are sent.
    pub fn is_on(&self) -> bool {
        self.next_report_at.is_some()
    }

    /// Starts to send reports, the first one at `now`.
    pub fn start(&mut self, now: Instant) {
        self.next_report_at.get_or_insert(now);
    }

    /// Time at which the next report is due; `None` if the server needs none.
    pub fn next_report_at(&self) -> Option<Instant> {
        self.next_report_at
    }

    /// Returns true once for each report that is due at `now`, and schedules the next one.
    pub fn take_due(&mut self, now: Instant) -> bool {
        let is_due = self.next_report_at.is_some_and(|at| now >= at);
        if is_due {
            self.next_report_at = Some(now + FEEDBACK_INTERVAL);
        }
        is_due
    }
}

/// Returns the transport to whose ports the reports are sent.
pub fn feedback_transport() -> Transport {
    let server_port = PortPair { rtp: FEEDBACK_PORT - 1, rtcp: FEEDBACK_PORT };
    Transport { server_port: Some(server_port), ..Transport::udp() }
}

/// Encodes a compound packet with a receiver report (RFC 3550 §6.1).
pub fn encode_report(identity: &RtcpIdentity, block: ReportBlock) -> Vec<u8> {
    rtcp::encode(&[
        RtcpPacket::ReceiverReport { ssrc: identity.ssrc, blocks: vec![block] },
        RtcpPacket::SourceDescription { ssrc: identity.ssrc, cname: identity.cname.clone() },
    ])
}
