//! Replaces parameter values in a Transport header and keeps the rest of the line byte for byte. Sans-I/O.
//!
//! Works for standard headers (RFC 2326 §12.39) and for those of classroom programs
//! (`Transport: RTP/UDP; client_port= 25000`).

use crate::proto::rtsp::PortPair;

/// Returns true if a line is a Transport header.
pub fn is_transport_header(line: &str) -> bool {
    line.split_once(':').is_some_and(|(name, _)| name.trim().eq_ignore_ascii_case("Transport"))
}

/// Value of a port parameter: a pair, or the RTP port alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortParameter {
    /// Ports; the RTCP port is the one after the RTP port if the header does not state it.
    pub ports: PortPair,
    is_pair: bool,
}

impl PortParameter {
    /// Parses `25000-25001` or `25000`; returns `None` for anything else, for port 0, and for 65535 alone.
    pub fn parse(text: &str) -> Option<Self> {
        let (rtp, rtcp) = match text.split_once('-') {
            Some((rtp, rtcp)) => (rtp, Some(rtcp.trim().parse::<u16>().ok()?)),
            None => (text, None),
        };
        let rtp = rtp.trim().parse::<u16>().ok().filter(|port| *port > 0)?;
        let next = rtp.checked_add(1);
        Some(Self { ports: PortPair { rtp, rtcp: rtcp.or(next)? }, is_pair: rtcp.is_some() })
    }

    /// Formats other ports in the same notation.
    pub fn format(self, PortPair { rtp, rtcp }: PortPair) -> String {
        if self.is_pair { format!("{rtp}-{rtcp}") } else { rtp.to_string() }
    }
}

/// Returns the value of the first parameter called `wanted`, in any case.
pub fn parameter_value<'a>(line: &'a str, wanted: &str) -> Option<&'a str> {
    let parameters = line.split([';', ',']).filter_map(|part| part.split_once('='));
    parameters
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))
        .map(|(_, value)| value.trim())
        .next()
}

/// Returns the line with some parameter values replaced. `replace` receives the name of each parameter, in lower
/// case, and its value, and returns the new value or `None` to keep it.
pub fn rewrite_parameters(line: &str, mut replace: impl FnMut(&str, &str) -> Option<String>) -> String {
    line.split_inclusive([';', ','])
        .map(|part| {
            let Some((name, rest)) = part.split_once('=') else {
                return rewrite_bare_port(part, &mut replace);
            };
            let value = rest.trim_end_matches([';', ',']).trim();
            match replace(&name.trim().to_ascii_lowercase(), value) {
                Some(new_value) if !value.is_empty() => {
                    format!("{name}={}", rest.replacen(value, &new_value, 1))
                }
                _ => part.to_owned(),
            }
        })
        .collect()
}

/// Returns the part of a line with the client's port replaced, where a classroom program writes it without a name:
/// `Transport: RTP/UDP 25000`.
fn rewrite_bare_port(part: &str, replace: &mut impl FnMut(&str, &str) -> Option<String>) -> String {
    const PROTOCOL: &str = "rtp/udp ";
    let Some(at) = part.to_ascii_lowercase().find(PROTOCOL) else { return part.to_owned() };
    let (before, rest) = part.split_at(at + PROTOCOL.len());
    let value = rest.trim_end_matches([';', ',']).trim();
    match replace("client_port", value) {
        Some(new_value) if !value.is_empty() => format!("{before}{}", rest.replacen(value, &new_value, 1)),
        _ => part.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replace_client_ports(line: &str) -> String {
        rewrite_parameters(line, |name, value| {
            let ports = PortParameter::parse(value)?;
            (name == "client_port").then(|| ports.format(PortPair { rtp: 6_000, rtcp: 6_001 }))
        })
    }

    #[test]
    fn only_port_values_are_rewritten() {
        for (line, expected) in [
            (
                "Transport: RTP/AVP/UDP;unicast;client_port=5000-5001;mode=\"PLAY\"\r\n",
                "Transport: RTP/AVP/UDP;unicast;client_port=6000-6001;mode=\"PLAY\"\r\n",
            ),
            ("Transport: RTP/UDP; client_port= 25000\n", "Transport: RTP/UDP; client_port= 6000\n"),
            ("transport:RTP/UDP;client_port=25000", "transport:RTP/UDP;client_port=6000"),
            (
                "Transport: RTP/AVP;client_port=1-2,RTP/AVP/TCP;interleaved=0-1\r\n",
                "Transport: RTP/AVP;client_port=6000-6001,RTP/AVP/TCP;interleaved=0-1\r\n",
            ),
            ("Transport: RTP/UDP 25000\r\n", "Transport: RTP/UDP 6000\r\n"),
            ("Transport: rtp/udp 25000", "Transport: rtp/udp 6000"),
            ("Transport: RTP/UDP \r\n", "Transport: RTP/UDP \r\n"),
            ("Transport: RTP/UDP; x\r\n", "Transport: RTP/UDP; x\r\n"),
            ("Transport: RTP/AVP;client_port=;x=,\r\n", "Transport: RTP/AVP;client_port=;x=,\r\n"),
            ("Transport: RTP/AVP;client_port=70000\r\n", "Transport: RTP/AVP;client_port=70000\r\n"),
        ] {
            assert!(is_transport_header(line));
            assert_eq!(replace_client_ports(line), expected);
        }
        assert!(!is_transport_header("CSeq: 1\r\n"));
    }

    #[test]
    fn parameter_name_is_case_insensitive() {
        let line = "Transport: RTP/AVP;unicast;Client_Port = 1-2;server_port=3-4\r\n";
        assert_eq!(
            [parameter_value(line, "client_port"), parameter_value(line, "server_port")],
            [Some("1-2"), Some("3-4")]
        );
        assert_eq!(parameter_value(line, "source"), None);
    }
}
