//! The proxy's view of a connection: every byte is forwarded, and only ports are rewritten.

use reelay::proto::rtsp::{PortPair, encode_interleaved};
use reelay::proxy::part_reader::{PartReader, StreamPart};
use reelay::proxy::transport::{PortParameter, is_transport_header, parameter_value, rewrite_parameters};

use super::input::{Input, pieces};
use super::rtsp_messages;

/// Maximum number of bytes that are kept: a line, or an interleaved packet.
const MAX_KEPT: usize = 4 + 65_535;

/// Returns all parts, those of a body joined, and whether the stream was refused.
fn split(pieces: &[&[u8]]) -> (Vec<StreamPart>, bool) {
    let (mut reader, mut parts) = (PartReader::default(), Vec::<StreamPart>::new());
    let mut kept = 0;
    for piece in pieces {
        reader.push(piece);
        kept += piece.len();
        loop {
            match reader.next_part() {
                Ok(Some(part)) => {
                    kept -= bytes_of(&part).len();
                    append(&mut parts, part);
                }
                Ok(None) => break,
                Err(_) => return (parts, true),
            }
        }
        assert!(kept <= MAX_KEPT, "{kept} bytes are kept");
        assert!(reader.is_mid_message() || kept == 0);
    }
    assert_eq!(reader.may_be_complete(), reader.flush_line().map(|line| append(&mut parts, line)).is_some());
    (parts, false)
}

fn append(parts: &mut Vec<StreamPart>, part: StreamPart) {
    match (parts.last_mut(), part) {
        (Some(StreamPart::Body(body)), StreamPart::Body(more)) => *body = [&body[..], &more].concat().into(),
        (_, part) => parts.push(part),
    }
}

fn bytes_of(part: &StreamPart) -> Vec<u8> {
    match part {
        StreamPart::Line(bytes) | StreamPart::Body(bytes) => bytes.to_vec(),
        StreamPart::Interleaved { channel, packet } => encode_interleaved(*channel, packet).to_vec(),
    }
}

fn check_line(line: &str) {
    is_transport_header(line);
    assert_eq!(rewrite_parameters(line, |_, _| None), line);
    assert_eq!(rewrite_parameters(line, |_, value| Some(value.to_owned())), line);
    let Some(port) = parameter_value(line, "client_port").and_then(PortParameter::parse) else { return };
    let ports = PortPair { rtp: 50_000, rtcp: 50_001 };
    let rewritten = rewrite_parameters(line, |name, value| {
        (name == "client_port").then(|| PortParameter::parse(value).map(|port| port.format(ports))).flatten()
    });
    let again = parameter_value(&rewritten, "client_port").and_then(PortParameter::parse);
    assert_eq!(again.map(|port| port.ports), Some(ports), "{line:?} becomes {rewritten:?}");
    assert_eq!(again.map(|again| again.format(port.ports)), Some(port.format(port.ports)));
}

pub fn body(data: &[u8]) {
    let mut input = Input::new(data);
    let (kind, choice) = (input.byte(), input.byte());
    let bytes = input.rest();
    let (parts, is_refused) = split(&[bytes]);
    let forwarded: Vec<u8> = parts.iter().flat_map(bytes_of).collect();
    assert!(bytes.starts_with(&forwarded), "the forwarded bytes differ");
    let max_length = [1, 3, 16, 200][usize::from(kind) % 4];
    assert_eq!(split(&pieces(bytes, choice, max_length)), (parts.clone(), is_refused));
    for part in &parts {
        if let StreamPart::Line(line) = part
            && let Ok(line) = std::str::from_utf8(line)
        {
            check_line(line);
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let transports = b"\0\x07Transport: RTP/AVP;unicast;client_port=5000-5001,RTP/AVP;client_port=6000;server_port=7-8\r\n\r\nTransport: RTP/UDP 25000\n";
    let mut seeds = rtsp_messages::seeds();
    seeds.push(transports.to_vec());
    seeds
}
