//! The Transport header (RFC 2326 §12.39).

use std::fmt;

use super::list::split_list;

/// UDP ports of RTP and RTCP, usually consecutive (RFC 3550 §11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PortPair {
    /// UDP port of RTP; not zero.
    pub rtp: u16,
    /// UDP port of RTCP; not zero.
    pub rtcp: u16,
}

/// Interleaved channels of RTP and RTCP on the RTSP connection (RFC 2326 §10.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChannelPair {
    /// Channel number of RTP.
    pub rtp: u8,
    /// Channel number of RTCP.
    pub rtcp: u8,
}

/// The protocol that carries RTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LowerTransport {
    /// UDP datagrams (`RTP/AVP`).
    Udp,
    /// Interleaved on the RTSP connection (`RTP/AVP/TCP`).
    Tcp,
}

impl LowerTransport {
    /// Returns the name used in machine-readable output: `udp` or `tcp`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// An alternative of a Transport header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transport {
    /// Lower transport, UDP if the header does not state it.
    pub lower_transport: LowerTransport,
    /// Multicast delivery is requested (`multicast`). Reelay does not support it.
    pub multicast: bool,
    /// Ports on which the client receives RTP and RTCP (`client_port`).
    pub client_port: Option<PortPair>,
    /// Ports from which the server sends RTP and RTCP (`server_port`).
    pub server_port: Option<PortPair>,
    /// Channels on the RTSP connection (`interleaved`).
    pub interleaved: Option<ChannelPair>,
    /// Address to which the stream is sent (`destination`); `None` for the peer of the connection.
    pub destination: Option<String>,
    /// Address from which the stream is sent (`source`); `None` for the peer of the connection.
    pub source: Option<String>,
    /// SSRC of the sender (`ssrc`, hexadecimal).
    pub ssrc: Option<u32>,
    /// Methods of the session (`mode`), such as `PLAY,RECORD`; `None` for `PLAY`.
    pub mode: Option<String>,
    /// The original JPEG header segments are sent in an RTP header extension (`x-jpeg-header=1`).
    pub jpeg_header: bool,
    /// The profile is `RTP/AVPF`: the receiver may send feedback at once (RFC 4585 §3).
    pub has_feedback: bool,
    /// With the original JPEG header segments, restart markers are inserted, and each packet states the restart
    /// intervals in it and the identity of the header (`x-jpeg-restart=1`).
    pub jpeg_restart: bool,
}

/// Transport parameter by which a player requests the original JPEG header segments.
const JPEG_HEADER_PARAMETER: &str = "x-jpeg-header";

/// Transport parameter by which a player requests restart markers besides the original JPEG header segments.
const JPEG_RESTART_PARAMETER: &str = "x-jpeg-restart";

impl Transport {
    /// Returns unicast over UDP without further parameters.
    pub fn udp() -> Self {
        Self {
            lower_transport: LowerTransport::Udp,
            multicast: false,
            client_port: None,
            server_port: None,
            interleaved: None,
            destination: None,
            source: None,
            ssrc: None,
            mode: None,
            jpeg_header: false,
            has_feedback: false,
            jpeg_restart: false,
        }
    }

    /// Returns unicast interleaved on the RTSP connection without further parameters.
    pub fn tcp() -> Self {
        Self { lower_transport: LowerTransport::Tcp, ..Self::udp() }
    }

    /// Parses the alternatives of a header, in the sender's order of preference. Profiles other than RTP/AVP and
    /// RTP/AVPF, and malformed alternatives, are skipped.
    pub fn parse_all(value: &str) -> Vec<Self> {
        split_list(value, |c| c == ',').filter_map(Self::parse).collect()
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = split_list(text, |c| c == ';');
        let protocol = parts.next()?.to_ascii_uppercase();
        let (has_feedback, lower) = match protocol.strip_prefix("RTP/AVPF") {
            Some(lower) => (true, lower),
            None => (false, protocol.strip_prefix("RTP/AVP")?),
        };
        let transport = match lower {
            "" | "/UDP" => Self::udp(),
            "/TCP" => Self::tcp(),
            _ => return None,
        };
        let mut transport = Self { has_feedback, ..transport };
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            transport.parse_parameter(name.trim(), value.trim().trim_matches('"'))?;
        }
        Some(transport)
    }

    /// Stores a parameter; `None` if it is a malformed port or channel pair.
    fn parse_parameter(&mut self, name: &str, value: &str) -> Option<()> {
        match name.to_ascii_lowercase().as_str() {
            "multicast" => self.multicast = true,
            "client_port" => self.client_port = Some(parse_port_pair(value)?),
            "server_port" => self.server_port = Some(parse_port_pair(value)?),
            "interleaved" => self.interleaved = Some(parse_channel_pair(value)?),
            "destination" if !value.is_empty() => self.destination = Some(value.to_owned()),
            "source" if !value.is_empty() => self.source = Some(value.to_owned()),
            "ssrc" => self.ssrc = u32::from_str_radix(value, 16).ok(),
            "mode" => self.mode = Some(value.to_owned()),
            JPEG_HEADER_PARAMETER => self.jpeg_header = value == "1",
            JPEG_RESTART_PARAMETER => self.jpeg_restart = value == "1",
            // Unknown parameters are ignored.
            _ => {}
        }
        Some(())
    }

    /// Returns true if the mode includes PLAY, the only one that the server supports.
    pub fn is_play_mode(&self) -> bool {
        self.mode.as_deref().is_none_or(|mode| mode.split(',').any(|m| m.trim().eq_ignore_ascii_case("play")))
    }
}

/// Parses `5000-5001`, or `5000` with RTCP on the next port.
fn parse_port_pair(text: &str) -> Option<PortPair> {
    let (rtp, rtcp) = parse_number_pair::<u16>(text)?;
    let rtcp = match rtcp {
        Some(rtcp) => rtcp,
        None => rtp.checked_add(1)?,
    };
    (rtp != 0 && rtcp != 0).then_some(PortPair { rtp, rtcp })
}

fn parse_channel_pair(text: &str) -> Option<ChannelPair> {
    let (rtp, rtcp) = parse_number_pair::<u8>(text)?;
    let rtcp = match rtcp {
        Some(rtcp) => rtcp,
        None => rtp.checked_add(1)?,
    };
    Some(ChannelPair { rtp, rtcp })
}

fn parse_number_pair<N: std::str::FromStr>(text: &str) -> Option<(N, Option<N>)> {
    match text.split_once('-') {
        Some((first, second)) => Some((first.trim().parse().ok()?, Some(second.trim().parse().ok()?))),
        None => Some((text.trim().parse().ok()?, None)),
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.has_feedback { "RTP/AVPF" } else { "RTP/AVP" })?;
        f.write_str(if self.lower_transport == LowerTransport::Tcp { "/TCP" } else { "" })?;
        f.write_str(if self.multicast { ";multicast" } else { ";unicast" })?;
        if let Some(PortPair { rtp, rtcp }) = self.client_port {
            write!(f, ";client_port={rtp}-{rtcp}")?;
        }
        if let Some(PortPair { rtp, rtcp }) = self.server_port {
            write!(f, ";server_port={rtp}-{rtcp}")?;
        }
        if let Some(ChannelPair { rtp, rtcp }) = self.interleaved {
            write!(f, ";interleaved={rtp}-{rtcp}")?;
        }
        if let Some(ssrc) = self.ssrc {
            write!(f, ";ssrc={ssrc:08X}")?;
        }
        if let Some(mode) = &self.mode {
            write!(f, ";mode=\"{mode}\"")?;
        }
        if self.jpeg_header {
            write!(f, ";{JPEG_HEADER_PARAMETER}=1")?;
        }
        if self.jpeg_restart {
            write!(f, ";{JPEG_RESTART_PARAMETER}=1")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transports_of_real_players_are_parsed() {
        let udp = Some(PortPair { rtp: 19_456, rtcp: 19_457 });
        for text in [
            "RTP/AVP/UDP;unicast;client_port=19456-19457",
            "RTP/AVP;unicast;client_port=19456-19457",
            "rtp/avp; unicast; client_port=19456",
        ] {
            let [transport] = &Transport::parse_all(text)[..] else { panic!("{text}") };
            assert_eq!(
                (transport.lower_transport, transport.client_port, transport.multicast),
                (LowerTransport::Udp, udp, false)
            );
        }
        let [tcp] = &Transport::parse_all("RTP/AVP/TCP;unicast;interleaved=2-3")[..] else { panic!() };
        assert_eq!(
            (tcp.lower_transport, tcp.interleaved),
            (LowerTransport::Tcp, Some(ChannelPair { rtp: 2, rtcp: 3 }))
        );
    }

    #[test]
    fn empty_addresses_are_not_stated() {
        let all = Transport::parse_all("RTP/AVP;unicast;source=;destination=;client_port=2-3");
        assert_eq!((all[0].source.as_deref(), all[0].destination.as_deref()), (None, None));
        let all = Transport::parse_all("RTP/AVP;unicast;source=10.0.0.1;destination=\"10.0.0.2\"");
        assert_eq!(
            (all[0].source.as_deref(), all[0].destination.as_deref()),
            (Some("10.0.0.1"), Some("10.0.0.2"))
        );
    }

    #[test]
    fn alternatives_keep_order_and_unknown_ones_are_skipped() {
        let all = Transport::parse_all(
            "RTP/SAVP;unicast;client_port=1-2, RTP/AVP;multicast;ttl=127, RTP/AVP/TCP;interleaved=0-1;mode=\"RECORD\"",
        );
        assert_eq!(all.len(), 2);
        assert!(all[0].multicast);
        assert!(!all[1].is_play_mode());
        let both = "RTP/AVP;unicast;mode=\"RECORD,PLAY\";client_port=1-2,RTP/AVP/TCP";
        let all = Transport::parse_all(both);
        assert_eq!((all.len(), all[0].is_play_mode(), all[0].client_port.is_some()), (2, true, true));
        assert!(Transport::parse_all("RTP/AVP;unicast;client_port=70000-70001").is_empty());
        assert!(Transport::parse_all("RTP/AVP;unicast;client_port=65535").is_empty());
        assert!(Transport::parse_all("").is_empty());
    }

    #[test]
    fn feedback_profile_is_kept() {
        for text in ["RTP/AVPF;unicast;client_port=5000-5001", "RTP/AVPF/TCP;unicast;interleaved=0-1"] {
            let [transport] = &Transport::parse_all(text)[..] else { panic!("{text}") };
            assert_eq!((transport.has_feedback, transport.to_string().as_str()), (true, text));
        }
        assert!(!Transport::parse_all("RTP/AVP/UDP;unicast")[0].has_feedback);
        assert!(Transport::parse_all("RTP/AVPFX;unicast,RTP/AVPF/SCTP,RTP/AV").is_empty());
    }

    #[test]
    fn server_transport_round_trips() {
        let response = Transport {
            client_port: Some(PortPair { rtp: 5_000, rtcp: 5_001 }),
            server_port: Some(PortPair { rtp: 6_000, rtcp: 6_001 }),
            ssrc: Some(0x0E7D_888E),
            mode: Some("PLAY".to_owned()),
            jpeg_header: true,
            jpeg_restart: true,
            ..Transport::udp()
        };
        let text = "RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001;ssrc=0E7D888E;mode=\"PLAY\";x-jpeg-header=1;x-jpeg-restart=1";
        assert_eq!(response.to_string(), text);
        assert_eq!(Transport::parse_all(text), [response]);
    }
}
