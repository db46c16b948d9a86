//! Negotiation of the transport in SETUP: where packets are sent, and in which payload format. Sans-I/O.

use std::net::IpAddr;

use super::handlers::{Resource, TRACK_CONTROL, asks_for_restarts, parity_layout};
use crate::media::payload::PayloadFormat;
use crate::proto::fec::ParityLayout;
use crate::proto::rtsp::{
    ChannelPair, LowerTransport, PortPair, Request, Response, StatusCode, Transport, header,
};

/// Destination of the packets of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Datagrams to these ports of the client's host.
    Udp(PortPair),
    /// Interleaved on these channels of the connection.
    Interleaved(ChannelPair),
    /// Datagrams to this port of the client's host, without RTCP, for classroom programs.
    RtpOnly(u16),
}

/// Transport negotiated by a SETUP request and its response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NegotiatedTransport {
    /// Destination of the packets.
    pub delivery: Delivery,
    /// Payload format of the frames.
    pub payload_format: PayloadFormat,
    /// The profile is RTP/AVPF: the client may send feedback, and requests retransmissions over UDP.
    has_feedback: bool,
    /// Arrangement of the packets that parity packets protect; `None` without any.
    parity_layout: Option<ParityLayout>,
    /// Ports from which the server sends datagrams; 0 if interleaved.
    server_ports: PortPair,
}

/// Properties of the connection that received a SETUP request.
#[derive(Clone, Copy)]
pub struct SetupContext<'a> {
    /// Address of the client's host, the only one to which RTP is sent.
    pub peer: IpAddr,
    /// Returns the ports from which the server sends, which are bound by the first call; `None` if none can be bound on
    /// the local address.
    pub server_ports: &'a dyn Fn() -> Option<PortPair>,
    /// Channels of the connection.
    pub channels: &'a InterleavedChannels,
}

/// Use of the 256 interleaved channels of a connection (RFC 2326 §10.12).
#[derive(Debug, Clone)]
pub struct InterleavedChannels {
    in_use: [bool; 256],
}

impl Default for InterleavedChannels {
    fn default() -> Self {
        Self { in_use: [false; 256] }
    }
}

impl InterleavedChannels {
    /// Returns the requested pair if it is free, else the first free one; `None` if all are in use.
    fn find_free(&self, requested: Option<ChannelPair>) -> Option<ChannelPair> {
        let is_free = |pair: &ChannelPair| {
            pair.rtp != pair.rtcp
                && !self.in_use[usize::from(pair.rtp)]
                && !self.in_use[usize::from(pair.rtcp)]
        };
        let pairs = (0..=u8::MAX).step_by(2).map(|rtp| ChannelPair { rtp, rtcp: rtp + 1 });
        requested.into_iter().chain(pairs).find(is_free)
    }

    /// Marks both channels of a pair as in use or free.
    pub fn set_in_use(&mut self, pair: ChannelPair, in_use: bool) {
        self.in_use[usize::from(pair.rtp)] = in_use;
        self.in_use[usize::from(pair.rtcp)] = in_use;
    }
}

/// Selects the first transport in a SETUP request that the server supports.
///
/// # Errors
/// Returns the response to send: 459 for the URL of the file instead of its stream, 400 without a Transport header,
/// 461 if no alternative is supported.
pub fn negotiate(
    request: &Request,
    resource: &Resource,
    context: SetupContext<'_>,
) -> Result<NegotiatedTransport, Response> {
    if !matches!(resource, Resource::Track(_)) {
        // SETUP names a stream, PLAY the presentation (RFC 2326 §14.2, §14.3).
        return Err(Response::error(
            StatusCode::AGGREGATE_OPERATION_NOT_ALLOWED,
            format_args!("SETUP needs the URL of the stream: add /{TRACK_CONTROL}"),
        ));
    }
    let Some(value) = request.headers.get_list(header::TRANSPORT) else {
        return Err(Response::error(StatusCode::BAD_REQUEST, "SETUP needs a Transport header"));
    };
    let offers = Transport::parse_all(&value);
    let accepted = offers.iter().find_map(|offer| accept_offer(offer, context));
    accepted.map(|transport| transport.with_url_parameters(request)).ok_or_else(|| {
        Response::error(
            StatusCode::UNSUPPORTED_TRANSPORT,
            "only unicast RTP/AVP to the requesting host is supported, over UDP or interleaved",
        )
    })
}

fn accept_offer(offer: &Transport, context: SetupContext<'_>) -> Option<NegotiatedTransport> {
    let has_other_destination =
        offer.destination.as_deref().is_some_and(|host| host.parse() != Ok(context.peer));
    if offer.multicast || has_other_destination || !offer.is_play_mode() {
        return None;
    }
    let (delivery, server_ports) = match offer.lower_transport {
        LowerTransport::Udp => (Delivery::Udp(offer.client_port?), (context.server_ports)()?),
        LowerTransport::Tcp => {
            let channels = context.channels.find_free(offer.interleaved)?;
            (Delivery::Interleaved(channels), PortPair { rtp: 0, rtcp: 0 })
        }
    };
    let payload_format = match (offer.jpeg_header, offer.jpeg_restart) {
        (true, true) => PayloadFormat::OriginalWithRestarts,
        (true, false) => PayloadFormat::OriginalHeader,
        (false, _) => PayloadFormat::Rfc2435,
    };
    let has_feedback = offer.has_feedback;
    Some(NegotiatedTransport { delivery, payload_format, has_feedback, parity_layout: None, server_ports })
}

impl NegotiatedTransport {
    /// Transport of a classroom program, whose SETUP states only a port. `has_small_buffer` is true if it receives
    /// datagrams of up to 15,000 bytes only.
    pub fn classroom(port: u16, has_small_buffer: bool, server_ports: PortPair) -> Self {
        let payload_format =
            if has_small_buffer { PayloadFormat::SmallClassroom } else { PayloadFormat::Classroom };
        let delivery = Delivery::RtpOnly(port);
        Self { delivery, payload_format, has_feedback: false, parity_layout: None, server_ports }
    }

    /// Returns the transport with what the URL of a SETUP asks for. The original header has restart markers only by
    /// agreement.
    fn with_url_parameters(self, request: &Request) -> Self {
        let payload_format = match self.payload_format {
            PayloadFormat::Rfc2435 if asks_for_restarts(request) => PayloadFormat::Rfc2435WithRestarts,
            payload_format => payload_format,
        };
        Self { payload_format, parity_layout: parity_layout(request), ..self }
    }

    /// Returns true if packets are sent again that the client requests by generic NACK. Interleaved packets are not
    /// lost.
    pub fn has_retransmission(&self) -> bool {
        self.has_feedback && matches!(self.delivery, Delivery::Udp(_))
    }

    /// Returns the arrangement of the packets that parity packets protect, if the client wants any. Interleaved packets
    /// are not lost.
    pub fn parity_layout(&self) -> Option<ParityLayout> {
        self.parity_layout.filter(|_| matches!(self.delivery, Delivery::Udp(_)))
    }

    /// Returns true if the session ends with its connection: interleaved packets need it, and classroom programs send
    /// nothing else that would keep the session alive.
    pub fn ends_with_connection(&self) -> bool {
        !matches!(self.delivery, Delivery::Udp(_))
    }

    /// Transport header of the response.
    pub fn transport_header(&self, ssrc: u32) -> Transport {
        let transport = match self.delivery {
            Delivery::Udp(client_port) => Transport {
                client_port: Some(client_port),
                server_port: Some(self.server_ports),
                ..Transport::udp()
            },
            Delivery::Interleaved(channels) => Transport { interleaved: Some(channels), ..Transport::tcp() },
            Delivery::RtpOnly(rtp) => {
                Transport { client_port: Some(PortPair { rtp, rtcp: rtp }), ..Transport::udp() }
            }
        };
        let jpeg_restart = self.payload_format == PayloadFormat::OriginalWithRestarts;
        let jpeg_header = jpeg_restart || self.payload_format == PayloadFormat::OriginalHeader;
        let has_feedback = self.has_feedback;
        let mode = Some("PLAY".to_owned());
        Transport { ssrc: Some(ssrc), mode, jpeg_header, jpeg_restart, has_feedback, ..transport }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtsp::Method;

    fn negotiate_header(transport: &'static str) -> Result<String, u16> {
        negotiate_with_channels(transport, &InterleavedChannels::default())
    }

    #[test]
    fn parity_packets_are_sent_over_udp_only() {
        let layout = |uri: &str, transport: &'static str| {
            let request = Request::new(Method::Setup, uri).with_header(header::TRANSPORT, transport);
            let channels = InterleavedChannels::default();
            let context = SetupContext {
                peer: "127.0.0.1".parse().unwrap(),
                server_ports: &|| Some(PortPair { rtp: 6_970, rtcp: 6_971 }),
                channels: &channels,
            };
            let resource = Resource::from_request(&request).unwrap();
            let layout = negotiate(&request, &resource, context).unwrap().parity_layout();
            layout.map(|layout| layout.to_string())
        };
        let udp = "RTP/AVP;unicast;client_port=5000-5001";
        assert_eq!(layout("rtsp://h/movie/track1?fec=5", udp).as_deref(), Some("5"));
        assert_eq!(layout("rtsp://h/movie/track1?fec=10x5", udp).as_deref(), Some("10x5"));
        assert_eq!(layout("rtsp://h/movie/track1?fec=25", udp), None);
        assert_eq!(layout("rtsp://h/movie/track1", udp), None);
        assert_eq!(layout("rtsp://h/movie/track1?fec=5", "RTP/AVP/TCP;interleaved=0-1"), None);
    }

    #[test]
    fn restart_markers_are_sent_to_others_on_request() {
        let format = |uri: &str, transport: &'static str| {
            let request = Request::new(Method::Setup, uri).with_header(header::TRANSPORT, transport);
            let channels = InterleavedChannels::default();
            let context = SetupContext {
                peer: "127.0.0.1".parse().unwrap(),
                server_ports: &|| None,
                channels: &channels,
            };
            let resource = Resource::from_request(&request).unwrap();
            negotiate(&request, &resource, context).unwrap().payload_format
        };
        let (plain, with_restarts) = ("rtsp://h/movie/track1", "rtsp://h/movie/track1?restarts=1");
        let others = "RTP/AVP/TCP;interleaved=0-1";
        assert_eq!(format(plain, others), PayloadFormat::Rfc2435);
        assert_eq!(format(with_restarts, others), PayloadFormat::Rfc2435WithRestarts);
        let reelay = "RTP/AVP/TCP;interleaved=0-1;x-jpeg-header=1";
        assert_eq!(format(with_restarts, reelay), PayloadFormat::OriginalHeader);
    }

    fn negotiate_with_channels(
        transport: &'static str,
        channels: &InterleavedChannels,
    ) -> Result<String, u16> {
        let request =
            Request::new(Method::Setup, "rtsp://h/movie/track1").with_header(header::TRANSPORT, transport);
        let resource = Resource::from_request(&request).unwrap();
        let context = SetupContext {
            peer: "192.0.2.7".parse().unwrap(),
            server_ports: &|| Some(PortPair { rtp: 6_000, rtcp: 6_001 }),
            channels,
        };
        negotiate(&request, &resource, context)
            .map(|negotiated| negotiated.transport_header(0xAB).to_string())
            .map_err(|refusal| refusal.status.code())
    }

    #[test]
    fn first_supported_alternative_is_chosen() {
        let udp = "RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001;ssrc=000000AB;mode=\"PLAY\"";
        assert_eq!(negotiate_header("RTP/AVP/UDP;unicast;client_port=5000-5001").as_deref(), Ok(udp));
        let tcp = "RTP/AVP/TCP;unicast;interleaved=4-5;ssrc=000000AB;mode=\"PLAY\"";
        assert_eq!(
            negotiate_header("RTP/AVP;multicast,RTP/AVP/TCP;unicast;interleaved=4-5").as_deref(),
            Ok(tcp)
        );
    }

    #[test]
    fn alternatives_in_separate_header_lines_are_read() {
        let request = Request::new(Method::Setup, "rtsp://h/movie/track1")
            .with_header(header::TRANSPORT, "RTP/AVP;multicast")
            .with_header(header::TRANSPORT, "RTP/AVP/TCP;unicast;interleaved=4-5");
        let resource = Resource::from_request(&request).unwrap();
        let peer = "192.0.2.7".parse().unwrap();
        let context =
            SetupContext { peer, server_ports: &|| None, channels: &InterleavedChannels::default() };
        let delivery = negotiate(&request, &resource, context).unwrap().delivery;
        assert_eq!(delivery, Delivery::Interleaved(ChannelPair { rtp: 4, rtcp: 5 }));
    }

    #[test]
    fn jpeg_header_extension_is_granted_on_request() {
        let granted = negotiate_header("RTP/AVP;unicast;client_port=5000-5001;x-jpeg-header=1").unwrap();
        assert!(granted.ends_with(";x-jpeg-header=1"), "{granted}");
        let offer = "RTP/AVP;unicast;client_port=5000-5001;x-jpeg-header=1;x-jpeg-restart=1";
        let granted = negotiate_header(offer).unwrap();
        assert!(granted.ends_with(";x-jpeg-header=1;x-jpeg-restart=1"), "{granted}");
        let restart_alone = negotiate_header("RTP/AVP;unicast;client_port=5000-5001;x-jpeg-restart=1");
        assert!(!restart_alone.unwrap().contains("jpeg"));
        assert!(!negotiate_header("RTP/AVP;unicast;client_port=5000-5001").unwrap().contains("jpeg"));
    }

    #[test]
    fn feedback_profile_is_granted_on_request() {
        let granted = negotiate_header("RTP/AVPF;unicast;client_port=5000-5001").unwrap();
        assert!(granted.starts_with("RTP/AVPF;unicast;client_port=5000-5001;"), "{granted}");
        let granted = negotiate_header("RTP/AVPF/TCP;unicast;interleaved=0-1").unwrap();
        assert!(granted.starts_with("RTP/AVPF/TCP;unicast;interleaved=0-1;"), "{granted}");
    }

    #[test]
    fn unsupported_transport_is_461() {
        for transport in [
            "RTP/AVP;multicast",
            "RTP/SAVP;unicast;client_port=5000-5001",
            "RTP/AVP;unicast",
            "RTP/AVP;unicast;client_port=5000-5001;mode=RECORD",
            "RTP/AVP;unicast;client_port=5000-5001;destination=198.51.100.1",
        ] {
            assert_eq!(negotiate_header(transport), Err(461), "{transport}");
        }
        assert!(negotiate_header("RTP/AVP;unicast;client_port=5000-5001;destination=192.0.2.7").is_ok());
    }

    #[test]
    fn setup_of_presentation_url_is_459() {
        let request =
            Request::new(Method::Setup, "rtsp://h/movie").with_header(header::TRANSPORT, "RTP/AVP/TCP");
        let resource = Resource::from_request(&request).unwrap();
        let peer = "192.0.2.7".parse().unwrap();
        let context =
            SetupContext { peer, server_ports: &|| None, channels: &InterleavedChannels::default() };
        assert_eq!(negotiate(&request, &resource, context).unwrap_err().status.code(), 459);
    }

    #[test]
    fn used_channel_pair_is_replaced_by_free_pair() {
        let mut channels = InterleavedChannels::default();
        channels.set_in_use(ChannelPair { rtp: 0, rtcp: 1 }, true);
        let granted = negotiate_with_channels("RTP/AVP/TCP;unicast;interleaved=0-1", &channels).unwrap();
        assert!(granted.contains("interleaved=2-3"), "{granted}");
    }
}
