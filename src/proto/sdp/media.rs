//! Description of one stream: its `m=` line and the attributes below it.

use std::fmt;
use std::ops::RangeInclusive;

use super::feedback::{Feedback, RTX_ENCODING, RetransmissionFormat};
use super::parity::{ParitySources, RepairWindow};
use super::text::printable;
use crate::proto::fec::FecFormat;
use crate::proto::mistake::Mistake;
use crate::proto::rtsp::NptRange;

/// Description of one stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MediaDescription {
    /// Media type of the `m=` line, for example `video` or `audio`.
    pub media_type: String,
    /// RTP payload types of the `m=` line, in order of preference.
    pub formats: Vec<u8>,
    /// Payload types with encoding and clock rate (`a=rtpmap`), for example `JPEG/90000`.
    pub rtpmaps: Vec<(u8, String)>,
    /// URL for SETUP (`a=control`), absolute or relative.
    pub control: Option<String>,
    /// Playable range of this stream (`a=range`); `None` if it is missing or not in normal play time.
    pub range: Option<NptRange>,
    /// Frame rate in frames per second (`a=framerate`); `None` if it is missing or outside [`FRAME_RATE_RANGE`].
    pub frame_rate: Option<f64>,
    /// Width and height in pixels (`a=x-dimensions` or `a=framesize`), for frames larger than RFC 2435 can state.
    pub dimensions: Option<(u16, u16)>,
    /// The server can send the original JPEG header segments (`a=x-reelay-jpeg-header:1`).
    pub jpeg_header: bool,
    /// The server responds to round-trip measurements of the receiver (`a=rtcp-xr:rcvr-rtt`, RFC 3611 §5.1).
    pub receiver_rtt: bool,
    /// Feedback profile of the `m=` line, `RTP/AVPF`, and what its attributes offer; `None` for `RTP/AVP`.
    pub feedback: Option<Feedback>,
    /// SSRCs of the stream and of its parity packets (`a=ssrc-group:FEC-FR`, RFC 5956 §4.3); `None` if they are not
    /// stated.
    pub parity_sources: Option<ParitySources>,
    /// Repair window of parity packets (`a=fmtp:… repair-window=…`, RFC 8627 §5.1); `None` if it is not stated.
    pub repair_window: Option<RepairWindow>,
    /// The `m=` line has fewer than three words.
    pub is_malformed: bool,
}

/// Accepted frame rates, in frames per second. A rate outside is an error of the sender and treated as unknown.
pub const FRAME_RATE_RANGE: RangeInclusive<f64> = 0.1..=240.0;

/// Static payload type of JPEG (RFC 3551 §6).
pub const JPEG_PAYLOAD_TYPE: u8 = 26;

/// Attribute of a server that can send the original JPEG header segments.
const JPEG_HEADER_ATTRIBUTE: &str = "x-reelay-jpeg-header";

/// Attribute that lists the extended reports that a server supports (RFC 3611 §5.1).
const RTCP_XR_ATTRIBUTE: &str = "rtcp-xr";

/// Parameter of [`RTCP_XR_ATTRIBUTE`] for reports that measure the round trip from the receiver.
const RCVR_RTT: &str = "rcvr-rtt=";

/// Profile with feedback (RFC 4585 §4.1).
const FEEDBACK_PROFILE: &str = "RTP/AVPF";

impl MediaDescription {
    /// Parses the value of an `m=` line, for example `video 0 RTP/AVP 26`.
    pub(super) fn parse(value: &str) -> Self {
        let mut words = value.split_ascii_whitespace();
        let media_type = words.next().unwrap_or_default().to_owned();
        let (port, protocol) = (words.next(), words.next());
        let formats = words.filter_map(|word| word.parse().ok()).collect();
        let is_malformed = port.is_none() || protocol.is_none();
        let has_feedback = protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case(FEEDBACK_PROFILE));
        let feedback = has_feedback.then(Feedback::default);
        Self { media_type, formats, is_malformed, feedback, ..Self::default() }
    }

    pub(super) fn parse_attribute(
        &mut self,
        name: &str,
        value: &str,
        report: &mut impl FnMut(Mistake, &str),
    ) {
        match name {
            "control" => self.control = Some(value.to_owned()),
            "range" => self.range = NptRange::parse(value).ok(),
            "framerate" => {
                self.frame_rate = value.parse().ok().filter(|rate| FRAME_RATE_RANGE.contains(rate))
            }
            "x-dimensions" => self.dimensions = parse_dimensions(value, ','),
            // Payload type and `width-height` (3GPP TS 26.234 §5.3.3.2). `x-dimensions` has precedence.
            "framesize" => {
                let size =
                    value.split_once(char::is_whitespace).and_then(|(_, size)| parse_dimensions(size, '-'));
                self.dimensions = self.dimensions.or(size);
            }
            "rtpmap" => self.parse_rtpmap(value, report),
            JPEG_HEADER_ATTRIBUTE => self.jpeg_header = value == "1",
            RTCP_XR_ATTRIBUTE => {
                self.receiver_rtt = value.split_ascii_whitespace().any(|form| form.starts_with(RCVR_RTT));
            }
            _ => {
                self.parse_parity_attribute(name, value);
                if let Some(feedback) = &mut self.feedback {
                    feedback.parse_attribute(name, value);
                }
            }
        }
    }

    fn parse_parity_attribute(&mut self, name: &str, value: &str) {
        match (name, &mut self.parity_sources) {
            ("fmtp", _) => self.repair_window = self.repair_window.or_else(|| RepairWindow::parse(value)),
            ("ssrc-group", None) => {
                self.parity_sources = ParitySources::parse(value);
            }
            ("ssrc", Some(sources)) => {
                sources.parse_cname(value);
            }
            _ => {}
        }
    }

    /// Returns the payload type of parity packets and their format; `None` if there are none that are known.
    pub fn parity_format(&self) -> Option<(u8, FecFormat)> {
        let known = |payload_type: &u8| {
            let encoding = self.rtpmap_encoding(*payload_type)?;
            let format =
                FecFormat::ALL.into_iter().find(|format| encoding.eq_ignore_ascii_case(format.encoding()))?;
            Some((*payload_type, format))
        };
        self.formats.iter().find_map(known)
    }

    /// Returns the retransmission format of packets with this payload type, if the server accepts requests for them.
    pub fn retransmission_of(&self, payload_type: u8) -> Option<RetransmissionFormat> {
        let feedback = self.feedback.as_ref().filter(|feedback| feedback.nack)?;
        feedback.retransmissions.iter().copied().find(|format| {
            let encoding = self.rtpmap_encoding(format.payload_type);
            format.original == payload_type
                && format.payload_type != payload_type
                && encoding.is_some_and(|encoding| encoding.eq_ignore_ascii_case(RTX_ENCODING))
        })
    }

    /// Returns the payload type of JPEG in this stream: one that `rtpmap` maps to JPEG, or 26; `None` if there is none.
    pub fn jpeg_payload_type(&self) -> Option<u8> {
        self.formats.iter().copied().find(|&format| match self.rtpmap_encoding(format) {
            Some(encoding) => is_jpeg(encoding),
            None => format == JPEG_PAYLOAD_TYPE,
        })
    }

    /// Returns a payload type that `rtpmap` maps to JPEG although the `m=` line does not list it; `None` if there is
    /// none. Such a description comes from a template in Java that many students fill in.
    pub(super) fn unlisted_jpeg_payload_type(&self) -> Option<u8> {
        self.rtpmaps.iter().find(|(_, encoding)| is_jpeg(encoding)).map(|(payload_type, _)| *payload_type)
    }

    /// Parses the value of an rtpmap attribute, with any white space between its parts.
    fn parse_rtpmap(&mut self, value: &str, report: &mut impl FnMut(Mistake, &str)) {
        let mut words = value.split_whitespace();
        let payload_type = words.next().and_then(|word| word.parse().ok());
        let encoding: String = words.collect();
        let (Some(payload_type), false) = (payload_type, encoding.is_empty()) else {
            return report(Mistake::MalformedSdpLine, &format!("a=rtpmap:{value}"));
        };
        if value != format!("{payload_type} {encoding}") {
            report(Mistake::RtpmapSpacing, &format!("a=rtpmap:{value}"));
        }
        self.rtpmaps.push((payload_type, encoding));
    }

    fn rtpmap_encoding(&self, format: u8) -> Option<&str> {
        self.rtpmaps
            .iter()
            .find(|(payload_type, _)| *payload_type == format)
            .map(|(_, encoding)| encoding.as_str())
    }

    /// Returns the name of the encoding for display, for example `H264`, `MPEG4-GENERIC` or `PCMU`.
    pub fn encoding_name(&self) -> String {
        let mapped = |format| self.rtpmap_encoding(format).and_then(|encoding| encoding.split('/').next());
        let named =
            self.formats.iter().find_map(|&format| mapped(format).or_else(|| static_encoding(format)));
        match (named, self.formats.first()) {
            (Some(encoding), _) => printable(encoding),
            (None, Some(format)) => format!("payload type {format}"),
            (None, None) => printable(&self.media_type),
        }
    }

    /// Returns the name of the encoding and the media type, for example `PCMU audio`.
    pub fn encoding_and_media_type(&self) -> String {
        let (encoding, media_type) = (self.encoding_name(), printable(&self.media_type));
        if encoding == media_type { encoding } else { format!("{encoding} {media_type}") }
    }

    pub(super) fn write(&self, line: &mut impl FnMut(fmt::Arguments<'_>)) {
        let formats = self.formats.iter().map(u8::to_string).collect::<Vec<_>>().join(" ");
        let profile = if self.feedback.is_some() { FEEDBACK_PROFILE } else { "RTP/AVP" };
        line(format_args!("m={} 0 {profile} {formats}", self.media_type));
        for (payload_type, encoding) in &self.rtpmaps {
            line(format_args!("a=rtpmap:{payload_type} {encoding}"));
        }
        if let Some(control) = &self.control {
            line(format_args!("a=control:{control}"));
        }
        if let Some(range) = &self.range {
            line(format_args!("a=range:{range}"));
        }
        if let Some(rate) = self.frame_rate {
            line(format_args!("a=framerate:{rate}"));
        }
        if let Some((width, height)) = self.dimensions {
            line(format_args!("a=x-dimensions:{width},{height}"));
        }
        if self.jpeg_header {
            line(format_args!("a={JPEG_HEADER_ATTRIBUTE}:1"));
        }
        if self.receiver_rtt {
            line(format_args!("a={RTCP_XR_ATTRIBUTE}:{RCVR_RTT}sender"));
        }
        if let Some(feedback) = &self.feedback {
            feedback.write(line);
        }
        if let Some(sources) = &self.parity_sources {
            let has_cname = self.feedback.as_ref().is_some_and(|feedback| feedback.sources.is_some());
            sources.write(has_cname, line);
        }
        if let Some(window) = self.repair_window {
            window.write(line);
        }
    }
}

/// Returns the encoding of a static payload type (RFC 3551 §6).
fn static_encoding(payload_type: u8) -> Option<&'static str> {
    Some(match payload_type {
        0 => "PCMU",
        3 => "GSM",
        4 => "G723",
        5 | 6 | 16 | 17 => "DVI4",
        7 => "LPC",
        8 => "PCMA",
        9 => "G722",
        10 | 11 => "L16",
        12 => "QCELP",
        13 => "CN",
        14 => "MPA",
        15 => "G728",
        18 => "G729",
        25 => "CelB",
        JPEG_PAYLOAD_TYPE => "JPEG",
        28 => "nv",
        31 => "H261",
        32 => "MPV",
        33 => "MP2T",
        34 => "H263",
        _ => return None,
    })
}

fn parse_dimensions(value: &str, separator: char) -> Option<(u16, u16)> {
    let (width, height) = value.split_once(separator)?;
    Some((width.trim().parse().ok()?, height.trim().parse().ok()?))
}

/// Returns true if an encoding of rtpmap is JPEG (RFC 3555 §4.1.6), with or without its clock rate.
fn is_jpeg(encoding: &str) -> bool {
    encoding.split('/').next().is_some_and(|name| name.eq_ignore_ascii_case("JPEG"))
}
