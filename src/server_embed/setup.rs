//! PURE. What SETUP agrees on: where the packets go, and in which form.

use std::net::IpAddr;

use super::handlers::{Resource, TRACK_CONTROL};
use crate::media::payload::PayloadFormat;
use crate::proto::rtsp::{
    ChannelPair, LowerTransport, PortPair, Request, Response, StatusCode, Transport, header,
};

/// Where the packets of a session go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Datagrams to these ports of the host that asked.
    Udp(PortPair),
    /// These channels of the connection that asked.
    Interleaved(ChannelPair),
    /// Datagrams to this port of the host that asked, and no RTCP: classroom programs have none.
    RtpOnly(u16),
}

/// What a SETUP and its answer agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NegotiatedTransport {
    /// Where the packets go.
    pub delivery: Delivery,
    /// How pictures travel.
    pub form: PayloadFormat,
    /// The server's ports, for datagrams.
    server_ports: PortPair,
}

/// What the connection that a SETUP came on has to give.
#[derive(Debug, Clone, Copy)]
pub struct SetupContext<'a> {
    /// The host at its other end; RTP goes there and nowhere else.
    pub peer: IpAddr,
    /// The ports from which this server sends; `None` if it has none on this address.
    pub server_ports: Option<PortPair>,
    /// The connection's channels.
    pub channels: &'a InterleavedChannels,
}

/// The 256 channels of a connection.
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
    /// The pair that was asked for, or the first that is free if it is in use.
    fn find_free(&self, requested: Option<ChannelPair>) -> Option<ChannelPair> {
        let is_free = |pair: &ChannelPair| {
            pair.rtp != pair.rtcp
                && !self.in_use[usize::from(pair.rtp)]
                && !self.in_use[usize::from(pair.rtcp)]
        };
        let pairs = (0..=u8::MAX).step_by(2).map(|rtp| ChannelPair { rtp, rtcp: rtp + 1 });
        requested.into_iter().chain(pairs).find(is_free)
    }

    /// Marks a pair as in use, or as free again.
    pub fn set_in_use(&mut self, pair: ChannelPair, in_use: bool) {
        self.in_use[usize::from(pair.rtp)] = in_use;
        self.in_use[usize::from(pair.rtcp)] = in_use;
    }
}

/// Takes the first of a SETUP's alternatives that can be had.
///
/// # Errors
/// The refusal: 459, 400 or 461.
pub fn negotiate(
    request: &Request,
    resource: &Resource,
    context: SetupContext<'_>,
) -> Result<NegotiatedTransport, Response> {
    if !matches!(resource, Resource::Track(_)) {
        // A film is set up stream by stream, and played as a whole (RFC 2326 §14.2, §14.3).
        return Err(Response::error(
            StatusCode::AGGREGATE_OPERATION_NOT_ALLOWED,
            format_args!("the film's stream is set up: add /{TRACK_CONTROL} to its URL"),
        ));
    }
    let Some(value) = request.headers.get_list(header::TRANSPORT) else {
        return Err(Response::error(StatusCode::BAD_REQUEST, "SETUP needs a Transport header"));
    };
    let offers = Transport::parse_all(&value);
    offers.iter().find_map(|offer| accept_offer(offer, context)).ok_or_else(|| {
        Response::error(
            StatusCode::UNSUPPORTED_TRANSPORT,
            "RTP/AVP is served unicast, by UDP or interleaved, to the host that asks for it",
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
        LowerTransport::Udp => (Delivery::Udp(offer.client_port?), context.server_ports?),
        LowerTransport::Tcp => {
            let channels = context.channels.find_free(offer.interleaved)?;
            (Delivery::Interleaved(channels), PortPair { rtp: 0, rtcp: 0 })
        }
    };
    let form = if offer.jpeg_header { PayloadFormat::OriginalHeader } else { PayloadFormat::Rfc2435 };
    Some(NegotiatedTransport { delivery, form, server_ports })
}

impl NegotiatedTransport {
    /// What a classroom program gets, which has nothing to choose but the port.
    pub fn classroom(port: u16, server_ports: PortPair) -> Self {
        Self { delivery: Delivery::RtpOnly(port), form: PayloadFormat::Classroom, server_ports }
    }

    /// Whether the session is over when the connection is: nothing else could speak for it.
    pub fn ends_with_connection(&self) -> bool {
        !matches!(self.delivery, Delivery::Udp(_))
    }

    /// The Transport header of the answer.
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
        let jpeg_header = self.form == PayloadFormat::OriginalHeader;
        Transport { ssrc: Some(ssrc), mode: Some("PLAY".to_owned()), jpeg_header, ..transport }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtsp::Method;

    fn negotiate_header(transport: &'static str) -> Result<String, u16> {
        negotiate_with_channels(transport, &InterleavedChannels::default())
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
            server_ports: Some(PortPair { rtp: 6_000, rtcp: 6_001 }),
            channels,
        };
        negotiate(&request, &resource, context)
            .map(|agreement| agreement.transport_header(0xAB).to_string())
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
        let facilities = SetupContext { peer, server_ports: None, channels: &InterleavedChannels::default() };
        let agreed = negotiate(&request, &resource, facilities).unwrap().delivery;
        assert_eq!(agreed, Delivery::Interleaved(ChannelPair { rtp: 4, rtcp: 5 }));
    }

    #[test]
    fn jpeg_header_extension_is_granted_on_request() {
        let granted = negotiate_header("RTP/AVP;unicast;client_port=5000-5001;x-jpeg-header=1").unwrap();
        assert!(granted.ends_with(";x-jpeg-header=1"), "{granted}");
        assert!(!negotiate_header("RTP/AVP;unicast;client_port=5000-5001").unwrap().contains("jpeg"));
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
        let facilities = SetupContext { peer, server_ports: None, channels: &InterleavedChannels::default() };
        assert_eq!(negotiate(&request, &resource, facilities).unwrap_err().status.code(), 459);
    }

    #[test]
    fn used_channel_pair_is_replaced_by_free_pair() {
        let mut channels = InterleavedChannels::default();
        channels.set_in_use(ChannelPair { rtp: 0, rtcp: 1 }, true);
        let granted = negotiate_with_channels("RTP/AVP/TCP;unicast;interleaved=0-1", &channels).unwrap();
        assert!(granted.contains("interleaved=2-3"), "{granted}");
    }
}
