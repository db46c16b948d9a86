//! Selection of the senders whose datagrams belong to a session, shared by the receivers of RTP and RTCP.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::impairment::PacketKind;
use crate::proto::rtp::HEADER_LENGTH;
use crate::proto::rtsp::{PortPair, Transport};

/// Filter that passes the datagrams of one sender of RTP and of one sender of RTCP.
///
/// The server may send from another address than that of the RTSP connection, or from other ports than it has stated.
/// The first sender whose datagrams make sense is selected. Another one replaces it only if it agrees better with what
/// the server has stated, or after a time without datagrams.
#[derive(Debug)]
pub struct SourceFilter {
    /// Address of the server on the RTSP connection.
    peer: IpAddr,
    /// `source` of the Transport header, if it is an address.
    source: Option<IpAddr>,
    /// `server_port` of the Transport header.
    server_port: Option<PortPair>,
    /// False before the response to SETUP, and for classroom servers, which send from another port after a pause.
    checks_port: bool,
    payload_type: Option<u8>,
    rtp: Option<Sender>,
    rtcp: Option<Sender>,
    /// Number of datagrams of other senders.
    ignored: u64,
}

/// Selected sender.
#[derive(Debug, Clone, Copy)]
struct Sender {
    address: SocketAddr,
    rank: Rank,
    /// Arrival time of its last datagram.
    last: Instant,
}

/// Agreement of a sender with what the server has stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Neither address nor port are known.
    Unknown,
    /// Either the address or the port is the stated one.
    Partial,
    /// The address is the stated one, and so is the port, if one is stated.
    Stated,
}

/// Time without datagrams after which another sender can replace the selected one.
const MAX_SILENCE: Duration = Duration::from_secs(2);

/// Packet types of RTCP (RFC 3550 §12.1, RFC 3611 §2).
const RTCP_PACKET_TYPES: std::ops::RangeInclusive<u8> = 200..=207;

impl SourceFilter {
    /// Creates a filter for a session with this server.
    pub fn new(peer: IpAddr) -> Self {
        Self {
            peer,
            source: None,
            server_port: None,
            checks_port: false,
            payload_type: None,
            rtp: None,
            rtcp: None,
            ignored: 0,
        }
    }

    /// Sets the transport of the response to SETUP, and the payload type of the SDP. The senders are selected again.
    pub fn set_transport(&mut self, transport: &Transport, payload_type: Option<u8>) {
        let source = transport.source.as_deref().and_then(|source| source.parse::<IpAddr>().ok());
        self.source =
            source.map(|ip| ip.to_canonical()).filter(|ip| !ip.is_unspecified() && !ip.is_multicast());
        self.server_port = transport.server_port;
        self.payload_type = payload_type;
        self.checks_port = true;
        (self.rtp, self.rtcp) = (None, None);
    }

    /// Returns true if a datagram that arrived at `now` belongs to the session.
    pub fn accepts(&mut self, now: Instant, kind: PacketKind, from: SocketAddr, datagram: &[u8]) -> bool {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let rank = self.rank(kind, from);
        let selected = if kind.is_rtp() { self.rtp } else { self.rtcp };
        let is_selected = selected.is_some_and(|sender| match self.checks_port {
            true => sender.address == from,
            false => sender.address.ip() == from.ip(),
        });
        let can_replace = selected.is_none_or(|sender| {
            rank > sender.rank || now.saturating_duration_since(sender.last) >= MAX_SILENCE
        });
        // Classroom servers send datagrams without an RTP header.
        let makes_sense = self.makes_sense(kind, datagram) || !self.checks_port && rank == Rank::Stated;
        let is_accepted = is_selected || can_replace && makes_sense;
        if is_accepted {
            let sender = Some(Sender { address: from, rank, last: now });
            match kind.is_rtp() {
                true => self.rtp = sender,
                false => self.rtcp = sender,
            }
        } else {
            self.ignored += 1;
        }
        is_accepted
    }

    fn rank(&self, kind: PacketKind, from: SocketAddr) -> Rank {
        let is_known = from.ip() == self.peer || Some(from.ip()) == self.source;
        // The sender of RTCP is that of RTP.
        let is_known = is_known
            || kind == PacketKind::Rtcp && self.rtp.is_some_and(|sender| sender.address.ip() == from.ip());
        let port =
            self.server_port.map(|ports| from.port() == if kind.is_rtp() { ports.rtp } else { ports.rtcp });
        match (is_known, port) {
            (true, None | Some(true)) => Rank::Stated,
            (true, Some(false)) | (false, Some(true)) => Rank::Partial,
            (false, None | Some(false)) => Rank::Unknown,
        }
    }

    fn makes_sense(&self, kind: PacketKind, datagram: &[u8]) -> bool {
        let &[first, second, ..] = datagram else { return false };
        let is_version_2 = first >> 6 == 2 || !self.checks_port;
        is_version_2
            && match kind.is_rtp() {
                true => {
                    datagram.len() > HEADER_LENGTH
                        && self.payload_type.is_none_or(|payload_type| payload_type == second & 0x7F)
                }
                false => datagram.len() >= 8 && RTCP_PACKET_TYPES.contains(&second),
            }
    }

    /// Returns the addresses to which reports are sent: that of the sender of RTP, or before its first datagram all
    /// that the server has stated.
    pub fn destinations(&self) -> impl Iterator<Item = IpAddr> + use<> {
        let sender = self.rtp.map(|sender| sender.address.ip());
        let first = sender.unwrap_or(self.peer);
        let second = self.source.filter(|source| sender.is_none() && *source != first);
        [Some(first), second].into_iter().flatten()
    }

    /// Number of datagrams of other senders, and of those that make no sense.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }
}

/// Filter that threads and tasks share.
#[derive(Debug, Clone)]
pub struct SharedSourceFilter(Arc<Mutex<SourceFilter>>);

impl SharedSourceFilter {
    /// Creates a filter for a session with this server.
    pub fn new(peer: IpAddr) -> Self {
        Self(Arc::new(Mutex::new(SourceFilter::new(peer))))
    }

    /// Locks the filter, for a call that does not wait.
    pub fn lock(&self) -> MutexGuard<'_, SourceFilter> {
        // No call leaves the filter in an invalid state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTP: &[u8] = &[0x80, 26, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1];
    const OTHER_TYPE: &[u8] = &[0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1];

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn filter(source: Option<&str>, server_port: Option<u16>) -> SourceFilter {
        let mut filter = SourceFilter::new([127, 0, 1, 1].into());
        let transport = Transport {
            source: source.map(str::to_owned),
            server_port: server_port.map(|rtp| PortPair { rtp, rtcp: rtp + 1 }),
            ..Transport::udp()
        };
        filter.set_transport(&transport, Some(26));
        filter
    }

    fn accepts(filter: &mut SourceFilter, now: Instant, from: &str) -> bool {
        filter.accepts(now, PacketKind::Rtp, address(from), RTP)
    }

    #[test]
    fn first_sender_that_makes_sense_is_selected() {
        let now = Instant::now();
        for source in [None, Some("127.0.0.1"), Some("camera.local")] {
            for server_port in [None, Some(6_000)] {
                let mut filter = filter(source, server_port);
                assert!(!filter.accepts(now, PacketKind::Rtp, address("127.0.0.1:6000"), OTHER_TYPE));
                assert!(!filter.accepts(now, PacketKind::Rtp, address("127.0.0.1:6000"), b"junk"));
                assert!(accepts(&mut filter, now, "127.0.0.1:6000"), "{source:?} {server_port:?}");
                assert!(!accepts(&mut filter, now, "127.0.0.9:6000"), "another address");
                assert!(!accepts(&mut filter, now, "127.0.0.1:6002"), "another port");
                assert!(accepts(&mut filter, now, "127.0.0.1:6000"));
                assert_eq!(filter.ignored(), 4);
                assert_eq!(filter.destinations().collect::<Vec<_>>(), [IpAddr::from([127, 0, 0, 1])]);
            }
        }
    }

    #[test]
    fn stated_source_is_an_address_of_a_sender() {
        for (stated, source) in [
            ("10.0.0.7", Some("10.0.0.7")),
            ("::ffff:10.0.0.7", Some("10.0.0.7")),
            ("0.0.0.0", None),
            ("::", None),
            ("239.1.2.3", None),
            ("ff02::1", None),
        ] {
            let source = source.map(|source| source.parse::<IpAddr>().unwrap());
            assert_eq!(filter(Some(stated), None).source, source, "{stated}");
        }
    }

    #[test]
    fn stated_sender_replaces_one_that_was_first() {
        let now = Instant::now();
        let mut filter = filter(None, Some(6_000));
        for from in ["10.0.0.7:5000", "10.0.0.7:6000", "127.0.1.1:6000"] {
            assert!(accepts(&mut filter, now, from), "{from}");
        }
        for from in ["10.0.0.7:5000", "10.0.0.7:6000", "127.0.1.1:6002"] {
            assert!(!accepts(&mut filter, now, from), "{from}");
        }
        // The server may continue from another port, but not while it sends from this one.
        assert!(!accepts(&mut filter, now + MAX_SILENCE / 2, "127.0.1.1:6002"));
        assert!(accepts(&mut filter, now + MAX_SILENCE, "127.0.1.1:6002"));
    }

    #[test]
    fn reports_of_other_senders_are_ignored() {
        let now = Instant::now();
        let bye = &[0x81, 203, 0, 1, 0, 0, 0, 9];
        let mut filter = filter(None, Some(6_000));
        assert!(accepts(&mut filter, now, "127.0.0.1:6000"));
        assert!(!filter.accepts(now, PacketKind::Rtcp, address("127.0.0.1:6001"), b"junk"));
        assert!(filter.accepts(now, PacketKind::Rtcp, address("127.0.0.1:6001"), bye));
        for from in ["127.0.0.1:7001", "127.0.0.9:6001", "127.0.1.1:7001"] {
            assert!(!filter.accepts(now, PacketKind::Rtcp, address(from), bye), "{from}");
        }
    }

    #[test]
    fn ports_of_classroom_servers_are_not_checked() {
        let now = Instant::now();
        let mut filter = SourceFilter::new([127, 0, 1, 1].into());
        assert!(filter.accepts(now, PacketKind::Rtp, address("127.0.1.1:7000"), b"a slice"));
        assert!(filter.accepts(now, PacketKind::Rtp, address("127.0.1.1:7002"), b"a slice"));
        assert!(!filter.accepts(now, PacketKind::Rtp, address("127.0.0.1:7000"), RTP));
        let mut filter = SourceFilter::new([127, 0, 1, 1].into());
        assert!(!filter.accepts(now, PacketKind::Rtp, address("127.0.0.1:7000"), b"x"));
        assert!(filter.accepts(now, PacketKind::Rtp, address("127.0.0.1:7000"), RTP));
        assert!(filter.accepts(now, PacketKind::Rtp, address("127.0.0.1:7002"), b"a slice"));
        assert!(!filter.accepts(now, PacketKind::Rtp, address("127.0.0.2:7000"), RTP));
    }

    #[test]
    fn reports_go_to_the_sender_or_to_each_address_that_it_may_have() {
        let destinations = |filter: &SourceFilter| filter.destinations().collect::<Vec<_>>();
        let (peer, source) = (IpAddr::from([127, 0, 1, 1]), IpAddr::from([10, 0, 0, 7]));
        assert_eq!(destinations(&filter(None, None)), [peer]);
        assert_eq!(destinations(&filter(Some("127.0.1.1"), None)), [peer]);
        let mut filter = filter(Some("10.0.0.7"), None);
        assert_eq!(destinations(&filter), [peer, source]);
        assert!(accepts(&mut filter, Instant::now(), "10.0.0.7:6000"));
        assert_eq!(destinations(&filter), [source]);
    }
}
