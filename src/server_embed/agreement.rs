//! PURE. What SETUP agrees on: where the packets go, and in which form.

use std::net::IpAddr;

use super::desk::{Resource, TRACK};
use crate::media::payload::Form;
use crate::proto::rtsp::{ChannelPair, Lower, PortPair, Request, Response, Status, Transport, header};

/// Where the packets of a session go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Datagrams to these ports of the host that asked.
    Udp(PortPair),
    /// These channels of the connection that asked.
    Interleaved(ChannelPair),
    /// Datagrams to this port of the host that asked, and no RTCP: classroom programs have none.
    RtpAlone(u16),
}

/// What a SETUP and its answer agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Where the packets go.
    pub delivery: Delivery,
    /// How pictures travel.
    pub form: Form,
    /// The server's ports, for datagrams.
    server_ports: PortPair,
}

/// What the connection that a SETUP came on has to give.
#[derive(Debug, Clone, Copy)]
pub struct Facilities<'a> {
    /// The host at its other end; RTP goes there and nowhere else.
    pub peer: IpAddr,
    /// The ports from which this server sends; `None` if it has none on this address.
    pub server_ports: Option<PortPair>,
    /// The connection's channels.
    pub channels: &'a Channels,
}

/// The 256 channels of a connection.
#[derive(Debug, Clone)]
pub struct Channels {
    in_use: [bool; 256],
}

impl Default for Channels {
    fn default() -> Self {
        Self { in_use: [false; 256] }
    }
}

impl Channels {
    /// The pair that was asked for, or the first that is free if it is in use.
    fn choose(&self, wanted: Option<ChannelPair>) -> Option<ChannelPair> {
        let is_free = |pair: &ChannelPair| {
            pair.rtp != pair.rtcp
                && !self.in_use[usize::from(pair.rtp)]
                && !self.in_use[usize::from(pair.rtcp)]
        };
        let pairs = (0..=u8::MAX).step_by(2).map(|rtp| ChannelPair { rtp, rtcp: rtp + 1 });
        wanted.into_iter().chain(pairs).find(is_free)
    }

    /// Marks a pair as in use, or as free again.
    pub fn mark(&mut self, pair: ChannelPair, in_use: bool) {
        self.in_use[usize::from(pair.rtp)] = in_use;
        self.in_use[usize::from(pair.rtcp)] = in_use;
    }
}

/// Takes the first of a SETUP's alternatives that can be had.
///
/// # Errors
/// The refusal: 459, 400 or 461.
pub fn agree(
    request: &Request,
    resource: &Resource,
    facilities: Facilities<'_>,
) -> Result<Agreement, Response> {
    if !matches!(resource, Resource::Track(_)) {
        // A film is set up stream by stream, and played as a whole (RFC 2326 §14.2, §14.3).
        return Err(Response::refusal(
            Status::AGGREGATE_NOT_ALLOWED,
            format_args!("the film's stream is set up: add /{TRACK} to its URL"),
        ));
    }
    let Some(value) = request.headers.get_list(header::TRANSPORT) else {
        return Err(Response::refusal(Status::BAD_REQUEST, "SETUP needs a Transport header"));
    };
    let offers = Transport::parse_all(&value);
    offers.iter().find_map(|offer| take(offer, facilities)).ok_or_else(|| {
        Response::refusal(
            Status::UNSUPPORTED_TRANSPORT,
            "RTP/AVP is served unicast, by UDP or interleaved, to the host that asks for it",
        )
    })
}

fn take(offer: &Transport, facilities: Facilities<'_>) -> Option<Agreement> {
    let elsewhere = offer.destination.as_deref().is_some_and(|host| host.parse() != Ok(facilities.peer));
    if offer.multicast || elsewhere || !offer.is_for_playing() {
        return None;
    }
    let (delivery, server_ports) = match offer.lower {
        Lower::Udp => (Delivery::Udp(offer.client_port?), facilities.server_ports?),
        Lower::Tcp => {
            let channels = facilities.channels.choose(offer.interleaved)?;
            (Delivery::Interleaved(channels), PortPair { rtp: 0, rtcp: 0 })
        }
    };
    let form = if offer.jpeg_header { Form::OriginalHeader } else { Form::Standard };
    Some(Agreement { delivery, form, server_ports })
}

impl Agreement {
    /// What a classroom program gets, which has nothing to choose but the port.
    pub fn classroom(port: u16, server_ports: PortPair) -> Self {
        Self { delivery: Delivery::RtpAlone(port), form: Form::Classroom, server_ports }
    }

    /// Whether the session is over when the connection is: nothing else could speak for it.
    pub fn ends_with_connection(&self) -> bool {
        !matches!(self.delivery, Delivery::Udp(_))
    }

    /// The Transport header of the answer.
    pub fn transport(&self, ssrc: u32) -> Transport {
        let delivered = match self.delivery {
            Delivery::Udp(client_port) => Transport {
                client_port: Some(client_port),
                server_port: Some(self.server_ports),
                ..Transport::udp()
            },
            Delivery::Interleaved(channels) => Transport { interleaved: Some(channels), ..Transport::tcp() },
            Delivery::RtpAlone(rtp) => {
                Transport { client_port: Some(PortPair { rtp, rtcp: rtp }), ..Transport::udp() }
            }
        };
        let jpeg_header = self.form == Form::OriginalHeader;
        Transport { ssrc: Some(ssrc), mode: Some("PLAY".to_owned()), jpeg_header, ..delivered }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtsp::Method;

    fn ask(transport: &'static str) -> Result<String, u16> {
        ask_on(transport, &Channels::default())
    }

    fn ask_on(transport: &'static str, channels: &Channels) -> Result<String, u16> {
        let request = Request::new(Method::Setup, "rtsp://h/movie/track1").with(header::TRANSPORT, transport);
        let resource = Resource::of(&request).unwrap();
        let facilities = Facilities {
            peer: "192.0.2.7".parse().unwrap(),
            server_ports: Some(PortPair { rtp: 6_000, rtcp: 6_001 }),
            channels,
        };
        agree(&request, &resource, facilities)
            .map(|agreement| agreement.transport(0xAB).to_string())
            .map_err(|refusal| refusal.status.code())
    }

    #[test]
    fn the_first_alternative_that_can_be_had_is_taken() {
        let udp = "RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001;ssrc=000000AB;mode=\"PLAY\"";
        assert_eq!(ask("RTP/AVP/UDP;unicast;client_port=5000-5001").as_deref(), Ok(udp));
        let tcp = "RTP/AVP/TCP;unicast;interleaved=4-5;ssrc=000000AB;mode=\"PLAY\"";
        assert_eq!(ask("RTP/AVP;multicast,RTP/AVP/TCP;unicast;interleaved=4-5").as_deref(), Ok(tcp));
    }

    #[test]
    fn alternatives_may_stand_in_lines_of_their_own() {
        let request = Request::new(Method::Setup, "rtsp://h/movie/track1")
            .with(header::TRANSPORT, "RTP/AVP;multicast")
            .with(header::TRANSPORT, "RTP/AVP/TCP;unicast;interleaved=4-5");
        let resource = Resource::of(&request).unwrap();
        let peer = "192.0.2.7".parse().unwrap();
        let facilities = Facilities { peer, server_ports: None, channels: &Channels::default() };
        let agreed = agree(&request, &resource, facilities).unwrap().delivery;
        assert_eq!(agreed, Delivery::Interleaved(ChannelPair { rtp: 4, rtcp: 5 }));
    }

    #[test]
    fn the_header_extension_is_granted_to_those_who_ask() {
        let granted = ask("RTP/AVP;unicast;client_port=5000-5001;x-jpeg-header=1").unwrap();
        assert!(granted.ends_with(";x-jpeg-header=1"), "{granted}");
        assert!(!ask("RTP/AVP;unicast;client_port=5000-5001").unwrap().contains("jpeg"));
    }

    #[test]
    fn what_cannot_be_had_is_461() {
        for transport in [
            "RTP/AVP;multicast",
            "RTP/SAVP;unicast;client_port=5000-5001",
            "RTP/AVP;unicast",
            "RTP/AVP;unicast;client_port=5000-5001;mode=RECORD",
            "RTP/AVP;unicast;client_port=5000-5001;destination=198.51.100.1",
        ] {
            assert_eq!(ask(transport), Err(461), "{transport}");
        }
        assert!(ask("RTP/AVP;unicast;client_port=5000-5001;destination=192.0.2.7").is_ok());
    }

    #[test]
    fn a_film_as_a_whole_is_not_set_up() {
        let request = Request::new(Method::Setup, "rtsp://h/movie").with(header::TRANSPORT, "RTP/AVP/TCP");
        let resource = Resource::of(&request).unwrap();
        let peer = "192.0.2.7".parse().unwrap();
        let facilities = Facilities { peer, server_ports: None, channels: &Channels::default() };
        assert_eq!(agree(&request, &resource, facilities).unwrap_err().status.code(), 459);
    }

    #[test]
    fn a_channel_in_use_is_replaced_by_a_free_one() {
        let mut channels = Channels::default();
        channels.mark(ChannelPair { rtp: 0, rtcp: 1 }, true);
        let granted = ask_on("RTP/AVP/TCP;unicast;interleaved=0-1", &channels).unwrap();
        assert!(granted.contains("interleaved=2-3"), "{granted}");
    }
}
