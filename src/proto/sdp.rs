//! Session descriptions (RFC 4566), limited to the lines that RTSP uses (RFC 2326 appendix C).

use std::fmt::{self, Write as _};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::fec::FecFormat;
use super::mistake::Mistake;
use super::rtsp::NptRange;

/// Description of a presentation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SessionDescription {
    /// Session name (`s=`), for display.
    pub name: String,
    /// Aggregate control URL of the presentation (`a=control`), absolute or relative.
    pub control: Option<String>,
    /// Playable range of the presentation (`a=range`); `None` if it is missing or not in normal play time.
    pub range: Option<NptRange>,
    /// Name of the program that wrote the description (`a=tool`).
    pub tool: Option<String>,
    /// Descriptions of the streams (`m=`), at most 64.
    pub media: Vec<MediaDescription>,
}

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
    /// SSRCs of the stream and of its parity packets (`a=ssrc-group:FEC-FR`, RFC 5956 §4.3); `None` if they are not stated.
    pub parity_sources: Option<ParitySources>,
    /// Repair window of parity packets (`a=fmtp:… repair-window=…`, RFC 8627 §5.1); `None` if it is not stated.
    pub repair_window: Option<RepairWindow>,
    /// The `m=` line has fewer than three words.
    pub is_malformed: bool,
}

/// Feedback on a stream (RFC 4585 §4) and the retransmission that it requests (RFC 4588 §8).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Feedback {
    /// The server accepts generic NACK (`a=rtcp-fb:… nack`).
    pub nack: bool,
    /// The server accepts RTCP packets that are no compound (`a=rtcp-rsize`, RFC 5506 §5).
    pub reduced_size: bool,
    /// Retransmission formats (`a=fmtp:… apt=…`), at most 16.
    pub retransmissions: Vec<RetransmissionFormat>,
    /// SSRCs of the stream and of its retransmissions, with their CNAME (`a=ssrc-group:FID`, RFC 5576 §4.2).
    pub sources: Option<FeedbackSources>,
}

/// Format of the retransmissions of a stream (RFC 4588 §8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetransmissionFormat {
    /// Payload type of retransmissions.
    pub payload_type: u8,
    /// Payload type of the original packets (`apt`).
    pub original: u8,
    /// Time for which the server keeps packets, in ms (`rtx-time`); `None` if it does not state it.
    pub time_ms: Option<u32>,
}

/// SSRCs of a stream and of its retransmissions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedbackSources {
    /// SSRC of the original packets.
    pub ssrc: u32,
    /// SSRC of the retransmissions.
    pub retransmission: u32,
    /// CNAME of both (`a=ssrc:… cname:…`); empty if it is not stated.
    pub cname: String,
}

/// SSRCs of a stream and of the parity packets that protect it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParitySources {
    /// SSRC of the protected packets.
    pub ssrc: u32,
    /// SSRC of the parity packets.
    pub parity: u32,
    /// CNAME of both (`a=ssrc:… cname:…`); empty if it is not stated.
    pub cname: String,
}

/// Time that the packets span which a parity packet protects, itself included (RFC 8627 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepairWindow {
    /// Payload type of the parity packets.
    pub payload_type: u8,
    /// Length, in whole microseconds.
    pub length: Duration,
}

/// Profile with feedback (RFC 4585 §4.1).
const FEEDBACK_PROFILE: &str = "RTP/AVPF";

/// Encoding of retransmissions in `rtpmap` (RFC 4588 §8.6).
pub const RTX_ENCODING: &str = "rtx/90000";

/// Maximum number of retransmission formats of one stream.
const MAX_RETRANSMISSION_FORMATS: usize = 16;

/// Parameter of `fmtp` for the time that parity packets span, in microseconds (RFC 8627 §5.1).
const REPAIR_WINDOW: &str = "repair-window";

/// Static payload type of JPEG (RFC 3551 §6).
pub const JPEG_PAYLOAD_TYPE: u8 = 26;

/// Attribute of a server that can send the original JPEG header segments.
const JPEG_HEADER_ATTRIBUTE: &str = "x-reelay-jpeg-header";

/// Attribute that lists the extended reports that a server supports (RFC 3611 §5.1).
const RTCP_XR_ATTRIBUTE: &str = "rtcp-xr";

/// Parameter of [`RTCP_XR_ATTRIBUTE`] for reports that measure the round trip from the receiver.
const RCVR_RTT: &str = "rcvr-rtt=";

/// Reason why a text is not a session description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// The first line is not `v=0`.
    #[error("the session description does not begin with v=0")]
    Version,
    /// An `m=` line has fewer than three words.
    #[error("a media line of the session description is malformed")]
    MediaLine,
    /// The description has more `m=` lines than are accepted.
    #[error("the session description has more than {MAX_MEDIA} streams")]
    TooManyStreams,
}

impl SessionDescription {
    /// Parses a description. Unknown lines are ignored, and malformed ones are passed over if a stream remains without
    /// them.
    ///
    /// # Errors
    /// Returns an [`SdpError`] if the text has neither `v=0` nor a stream, if all its media lines are malformed, or if it
    /// has more than 64 streams.
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        Self::parse_reporting(text, &mut |_, _| ())
    }

    /// Parses a description as [`SessionDescription::parse`] does, and passes each mistake in it and the line to
    /// `report`.
    ///
    /// # Errors
    /// The same as those of [`SessionDescription::parse`].
    pub fn parse_reporting(text: &str, report: &mut impl FnMut(Mistake, &str)) -> Result<Self, SdpError> {
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        let mut lines = lines.filter(|line| !line.is_empty()).peekable();
        let has_version = lines.next_if_eq(&"v=0").is_some();
        let mut session = Self::default();
        let mut has_malformed_media = false;
        for line in lines {
            let Some((kind, value)) = line.split_once('=') else {
                report(Mistake::MalformedSdpLine, line);
                continue;
            };
            match kind.trim_end() {
                "s" => session.name = readable_text(value),
                "m" if session.media.len() < MAX_MEDIA => {
                    let media = MediaDescription::parse(value);
                    if media.is_malformed {
                        report(Mistake::MalformedSdpLine, line);
                        has_malformed_media = true;
                    }
                    session.media.push(media);
                }
                "m" => return Err(SdpError::TooManyStreams),
                "a" => session.parse_attribute(value.trim_start(), report),
                _ => {}
            }
        }
        // A malformed media line is made up for by an rtpmap below it.
        session.media.retain(|media| !media.is_malformed || !media.rtpmaps.is_empty());
        match session.media.is_empty() {
            true if has_malformed_media => return Err(SdpError::MediaLine),
            true if !has_version => return Err(SdpError::Version),
            _ if !has_version => report(Mistake::MissingSdpVersion, ""),
            _ => {}
        }
        Ok(session)
    }

    fn parse_attribute(&mut self, attribute: &str, report: &mut impl FnMut(Mistake, &str)) {
        let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
        let (name, value) = (name.trim_end(), value.trim());
        if name.contains(char::is_whitespace) {
            // Such as `a=control track1`.
            report(Mistake::MalformedSdpLine, &format!("a={attribute}"));
        }
        if let Some(media) = self.media.last_mut() {
            return media.parse_attribute(name, value, report);
        }
        match name {
            "control" => self.control = Some(value.to_owned()),
            "range" => self.range = NptRange::parse(value).ok(),
            "tool" => self.tool = Some(readable_text(value)),
            _ => {}
        }
    }

    /// Returns the first stream that carries JPEG, and its payload type for JPEG. Only if the `m=` line of none lists one,
    /// an rtpmap decides alone.
    pub fn jpeg_media(&self) -> Option<(&MediaDescription, u8)> {
        let find = |payload_type: fn(&MediaDescription) -> Option<u8>| {
            self.media.iter().find_map(|media| Some((media, payload_type(media)?)))
        };
        find(MediaDescription::jpeg_payload_type)
            .or_else(|| find(MediaDescription::unlisted_jpeg_payload_type))
    }

    /// Returns the playable range of a stream: its own, or that of the presentation.
    pub fn media_range(&self, media: &MediaDescription) -> Option<NptRange> {
        media.range.or(self.range)
    }

    /// Encodes the description. `origin` is the session identifier and version of the `o=` line, `host` the address of
    /// the server.
    pub fn encode(&self, origin: (u64, u64), host: std::net::IpAddr) -> String {
        let (address_type, unspecified) = match host {
            std::net::IpAddr::V4(_) => ("IP4", "0.0.0.0"),
            std::net::IpAddr::V6(_) => ("IP6", "::"),
        };
        let mut text = String::new();
        // Writing to a String cannot fail.
        let mut line = |line: fmt::Arguments<'_>| {
            let _ = text.write_fmt(line);
            text.push_str("\r\n");
        };
        line(format_args!("v=0"));
        line(format_args!("o=- {} {} IN {address_type} {host}", origin.0, origin.1));
        line(format_args!("s={}", single_line(&self.name)));
        line(format_args!("c=IN {address_type} {unspecified}"));
        line(format_args!("t=0 0"));
        if let Some(tool) = &self.tool {
            line(format_args!("a=tool:{tool}"));
        }
        if let Some(control) = &self.control {
            line(format_args!("a=control:{control}"));
        }
        if let Some(range) = &self.range {
            line(format_args!("a=range:{range}"));
        }
        for media in &self.media {
            media.write(&mut line);
        }
        text
    }
}

/// Accepted frame rates, in frames per second. A rate outside is an error of the sender and treated as unknown.
pub const FRAME_RATE_RANGE: RangeInclusive<f64> = 0.1..=240.0;

/// Maximum number of streams. Real presentations have a few; the limit bounds memory for hostile descriptions.
const MAX_MEDIA: usize = 64;

/// Replaces control characters, which could start another line, and an empty name by `-` (RFC 4566 §5.3).
fn single_line(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if name.trim().is_empty() { "-".to_owned() } else { name }
}

impl MediaDescription {
    /// Parses the value of an `m=` line, for example `video 0 RTP/AVP 26`.
    fn parse(value: &str) -> Self {
        let mut words = value.split_ascii_whitespace();
        let media_type = words.next().unwrap_or_default().to_owned();
        let (port, protocol) = (words.next(), words.next());
        let formats = words.filter_map(|word| word.parse().ok()).collect();
        let is_malformed = port.is_none() || protocol.is_none();
        let has_feedback = protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case(FEEDBACK_PROFILE));
        let feedback = has_feedback.then(Feedback::default);
        Self { media_type, formats, is_malformed, feedback, ..Self::default() }
    }

    fn parse_attribute(&mut self, name: &str, value: &str, report: &mut impl FnMut(Mistake, &str)) {
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
                let sources = parse_source_pair(value, "FEC-FR");
                self.parity_sources =
                    sources.map(|(ssrc, parity)| ParitySources { ssrc, parity, cname: String::new() });
            }
            ("ssrc", Some(sources)) => {
                if let Some(cname) = parse_cname(value, [sources.ssrc, sources.parity]) {
                    sources.cname = cname;
                }
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

    /// Returns a payload type that `rtpmap` maps to JPEG although the `m=` line does not list it; `None` if there is none.
    /// Such a description comes from a template in Java that many students fill in.
    fn unlisted_jpeg_payload_type(&self) -> Option<u8> {
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

    fn write(&self, line: &mut impl FnMut(fmt::Arguments<'_>)) {
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
        if let Some(ParitySources { ssrc, parity, cname }) = &self.parity_sources {
            line(format_args!("a=ssrc-group:FEC-FR {ssrc} {parity}"));
            if self.feedback.as_ref().is_none_or(|feedback| feedback.sources.is_none()) {
                line(format_args!("a=ssrc:{ssrc} cname:{cname}"));
            }
            line(format_args!("a=ssrc:{parity} cname:{cname}"));
        }
        if let Some(RepairWindow { payload_type, length }) = self.repair_window {
            line(format_args!("a=fmtp:{payload_type} {REPAIR_WINDOW}={}", length.as_micros()));
        }
    }
}

impl RepairWindow {
    /// Parses the value of `fmtp`, for example `98 ToP=2; repair-window=200000`.
    fn parse(value: &str) -> Option<Self> {
        let (payload_type, parameters) = value.split_once(char::is_whitespace)?;
        let mut parameters = parameters.split(';').filter_map(|parameter| parameter.trim().split_once('='));
        let (_, length) = parameters.find(|(name, _)| name.eq_ignore_ascii_case(REPAIR_WINDOW))?;
        let length = Duration::from_micros(length.trim().parse::<u32>().ok()?.into());
        Some(Self { payload_type: payload_type.parse().ok()?, length })
    }
}

impl Feedback {
    fn parse_attribute(&mut self, name: &str, value: &str) {
        match name {
            "rtcp-fb" => self.nack |= value.split_ascii_whitespace().skip(1).eq(["nack"]),
            "rtcp-rsize" => self.reduced_size = true,
            "fmtp" if self.retransmissions.len() < MAX_RETRANSMISSION_FORMATS => {
                self.retransmissions.extend(RetransmissionFormat::parse(value))
            }
            "ssrc-group" => self.sources = self.sources.take().or_else(|| FeedbackSources::parse(value)),
            "ssrc" => {
                if let Some(sources) = &mut self.sources
                    && let Some(cname) = parse_cname(value, [sources.ssrc, sources.retransmission])
                {
                    sources.cname = cname;
                }
            }
            _ => {}
        }
    }

    fn write(&self, line: &mut impl FnMut(fmt::Arguments<'_>)) {
        for RetransmissionFormat { payload_type, original, time_ms } in &self.retransmissions {
            match time_ms {
                Some(time) => line(format_args!("a=fmtp:{payload_type} apt={original};rtx-time={time}")),
                None => line(format_args!("a=fmtp:{payload_type} apt={original}")),
            }
            if self.nack {
                line(format_args!("a=rtcp-fb:{original} nack"));
            }
        }
        if self.reduced_size {
            line(format_args!("a=rtcp-rsize"));
        }
        if let Some(FeedbackSources { ssrc, retransmission, cname }) = &self.sources {
            line(format_args!("a=ssrc-group:FID {ssrc} {retransmission}"));
            line(format_args!("a=ssrc:{ssrc} cname:{cname}"));
            line(format_args!("a=ssrc:{retransmission} cname:{cname}"));
        }
    }
}

impl RetransmissionFormat {
    /// Parses the value of an fmtp attribute, `97 apt=26;rtx-time=1000`; `None` if it is about another format.
    fn parse(value: &str) -> Option<Self> {
        let (payload_type, parameters) = value.split_once(char::is_whitespace)?;
        let parameter = |name: &str| {
            let mut pairs = parameters.split(';').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
        };
        Some(Self {
            payload_type: payload_type.parse().ok()?,
            original: parameter("apt")?.parse().ok()?,
            time_ms: parameter("rtx-time").and_then(|time| time.parse().ok()),
        })
    }
}

impl FeedbackSources {
    /// Parses the value of an ssrc-group attribute, `FID 1 2`; `None` for other groups.
    fn parse(value: &str) -> Option<Self> {
        let (ssrc, retransmission) = parse_source_pair(value, "FID")?;
        Some(Self { ssrc, retransmission, cname: String::new() })
    }
}

/// Returns the first two SSRCs of an ssrc-group attribute (RFC 5576 §4.2) with these semantics; `None` for other groups.
fn parse_source_pair(value: &str, semantics: &str) -> Option<(u32, u32)> {
    let mut words = value.split_ascii_whitespace();
    (words.next()? == semantics).then_some(())?;
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

/// Returns the CNAME in the value of an ssrc attribute (RFC 5576 §4.1), `7 cname:x`, if it is that of one of these SSRCs.
fn parse_cname(value: &str, ssrcs: [u32; 2]) -> Option<String> {
    let (ssrc, cname) = value.split_once(" cname:")?;
    let ssrc = ssrc.trim().parse().ok()?;
    ssrcs.contains(&ssrc).then(|| readable_text(cname))
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

/// Returns a word of a description without control characters and at most [`MAX_WORD_LENGTH`] long, for a message.
fn printable(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).take(MAX_WORD_LENGTH).collect()
}

/// Maximum number of characters of an encoding or media type in a message; registered names are shorter.
const MAX_WORD_LENGTH: usize = 40;

fn parse_dimensions(value: &str, separator: char) -> Option<(u16, u16)> {
    let (width, height) = value.split_once(separator)?;
    Some((width.trim().parse().ok()?, height.trim().parse().ok()?))
}

/// Returns whether an encoding of rtpmap is JPEG (RFC 3555 §4.1.6), with or without its clock rate.
fn is_jpeg(encoding: &str) -> bool {
    encoding.split('/').next().is_some_and(|name| name.eq_ignore_ascii_case("JPEG"))
}

/// Returns a text of a description without control characters and at most [`MAX_TEXT_LENGTH`] long.
fn readable_text(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(MAX_TEXT_LENGTH).collect()
}

/// Maximum number of characters of the session name and of the tool.
const MAX_TEXT_LENGTH: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=A camera\r\nt=0 0\r\na=control:*\r\n\
        a=range:npt=now-\r\nm=audio 0 RTP/AVP 0\r\na=control:stream=1\r\nm=video 0 RTP/AVP 98 26\r\n\
        c=IN IP4 0.0.0.0\r\na=rtpmap:98 H264/90000\r\na=framerate:25.000000\r\na=control:stream=0\r\n\
        a=x-dimensions:2592,1944\r\n";

    #[test]
    fn jpeg_stream_is_found_among_others() {
        let session = SessionDescription::parse(CAMERA).unwrap();
        assert_eq!((session.name.as_str(), session.control.as_deref()), ("A camera", Some("*")));
        let (media, payload_type) = session.jpeg_media().unwrap();
        assert_eq!(payload_type, 26);
        assert_eq!(media.control.as_deref(), Some("stream=0"));
        assert_eq!((media.frame_rate, media.dimensions), (Some(25.0), Some((2_592, 1_944))));
        assert_eq!(session.media_range(media), Some(NptRange::default()));
        assert_eq!(session.media[0].encoding_and_media_type(), "PCMU audio");
        assert_eq!(media.encoding_name(), "H264");
    }

    #[test]
    fn dimensions_are_read_from_either_attribute() {
        for (lines, size) in [
            ("a=framesize:26 2592-1944\n", Some((2_592, 1_944))),
            ("a=framesize:26 640-480\na=x-dimensions:2592,1944\n", Some((2_592, 1_944))),
            ("a=x-dimensions:2592,1944\na=framesize:26 640-480\n", Some((2_592, 1_944))),
            ("a=framesize:26\n", None),
            ("a=framesize:26 640x480\n", None),
        ] {
            let session = SessionDescription::parse(&format!("v=0\nm=video 0 RTP/AVP 26\n{lines}")).unwrap();
            assert_eq!(session.media[0].dimensions, size, "{lines}");
        }
    }

    #[test]
    fn every_stream_has_a_readable_name() {
        for (lines, name) in [
            ("m=audio 0 RTP/AVP 97\na=rtpmap:97 MPEG4-GENERIC/48000/2\n", "MPEG4-GENERIC audio"),
            ("m=audio 0 RTP/AVP 8 0\n", "PCMA audio"),
            ("m=video 0 RTP/AVP 34\n", "H263 video"),
            ("m=video 0 RTP/AVP 77\n", "payload type 77 video"),
            (
                "m=application 0 RTP/AVP 107\na=rtpmap:107 vnd.onvif.metadata/90000\n",
                "vnd.onvif.metadata application",
            ),
            ("m=text 0 RTP/AVP\n", "text"),
            ("m=audio 0 RTP/AVP 97\na=rtpmap:97 \u{1b}[2Jclear/8000\n", "[2Jclear audio"),
        ] {
            let session = SessionDescription::parse(&format!("v=0\n{lines}")).unwrap();
            assert_eq!(session.media[0].encoding_and_media_type(), name);
        }
    }

    #[test]
    fn dynamic_payload_type_mapped_to_jpeg_is_found() {
        let text = "v=0\nm=video 0 RTP/AVP 96\na=rtpmap:96 jpeg/90000\n";
        assert_eq!(SessionDescription::parse(text).unwrap().jpeg_media().unwrap().1, 96);
        let text = "v=0\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n";
        assert!(SessionDescription::parse(text).unwrap().jpeg_media().is_none());
    }

    #[test]
    fn description_round_trips() {
        let session = SessionDescription {
            name: "movie.Mjpeg".to_owned(),
            control: Some("*".to_owned()),
            range: Some(NptRange::parse("npt=0-25").unwrap()),
            tool: Some("Reelay".to_owned()),
            media: vec![MediaDescription {
                media_type: "video".to_owned(),
                formats: vec![26],
                rtpmaps: vec![(26, "JPEG/90000".to_owned())],
                control: Some("track1".to_owned()),
                frame_rate: Some(29.97),
                dimensions: Some((384, 288)),
                jpeg_header: true,
                receiver_rtt: true,
                feedback: None,
                parity_sources: None,
                repair_window: None,
                range: None,
                is_malformed: false,
            }],
        };
        let text = session.encode((7, 1), "127.0.0.1".parse().unwrap());
        assert!(
            text.starts_with(
                "v=0\r\no=- 7 1 IN IP4 127.0.0.1\r\ns=movie.Mjpeg\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
            ),
            "{text}"
        );
        assert!(text.contains("a=x-reelay-jpeg-header:1\r\n"));
        assert_eq!(SessionDescription::parse(&text).unwrap(), session);
    }

    #[test]
    fn retransmission_is_described_with_the_feedback_profile_only() {
        let format = RetransmissionFormat { payload_type: 97, original: 26, time_ms: Some(1_000) };
        let sources = FeedbackSources { ssrc: 7, retransmission: 4_000_000_000, cname: "x".to_owned() };
        let feedback = Feedback {
            nack: true,
            reduced_size: true,
            retransmissions: vec![format],
            sources: Some(sources),
        };
        let media = MediaDescription {
            media_type: "video".to_owned(),
            formats: vec![26, 97],
            rtpmaps: vec![(26, "JPEG/90000".to_owned()), (97, "rtx/90000".to_owned())],
            feedback: Some(feedback),
            ..MediaDescription::default()
        };
        let session = SessionDescription { name: "-".to_owned(), media: vec![media], ..Default::default() };
        let text = session.encode((7, 1), "127.0.0.1".parse().unwrap());
        let lines = "m=video 0 RTP/AVPF 26 97\r\na=rtpmap:26 JPEG/90000\r\na=rtpmap:97 rtx/90000\r\n\
            a=fmtp:97 apt=26;rtx-time=1000\r\na=rtcp-fb:26 nack\r\na=rtcp-rsize\r\n\
            a=ssrc-group:FID 7 4000000000\r\na=ssrc:7 cname:x\r\na=ssrc:4000000000 cname:x\r\n";
        assert!(text.ends_with(lines), "{text}");
        assert_eq!(SessionDescription::parse(&text).unwrap(), session);
        assert_eq!(
            (session.jpeg_media().unwrap().1, session.media[0].retransmission_of(26)),
            (26, Some(format))
        );
        for (from, to) in [
            ("RTP/AVPF", "RTP/AVP"),
            ("26 nack\r\n", "26 nack pli\r\n"),
            ("apt=26", "apt=9"),
            ("97 rtx", "98 rtx"),
        ] {
            let other = SessionDescription::parse(&text.replace(from, to)).unwrap();
            assert_eq!(other.media[0].retransmission_of(26), None, "{to}");
        }
    }

    #[test]
    fn parity_packets_are_described_with_and_without_feedback() {
        let cname = || "x".to_owned();
        let parity_sources = Some(ParitySources { ssrc: 7, parity: 8, cname: cname() });
        let plain = MediaDescription {
            media_type: "video".to_owned(),
            formats: vec![26, 98],
            rtpmaps: vec![(98, FecFormat::Ulpfec.encoding().to_owned())],
            parity_sources,
            ..MediaDescription::default()
        };
        let sources = FeedbackSources { ssrc: 7, retransmission: 9, cname: cname() };
        let feedback = Feedback { sources: Some(sources), ..Feedback::default() };
        let both = MediaDescription { feedback: Some(feedback), ..plain.clone() };
        let grid = MediaDescription {
            rtpmaps: vec![(98, FecFormat::Flexfec.encoding().to_owned())],
            repair_window: Some(RepairWindow { payload_type: 98, length: Duration::from_millis(40) }),
            ..plain.clone()
        };
        let group = "a=ssrc-group:FEC-FR 7 8\r\n";
        for (media, end) in [
            (
                plain,
                format!(
                    "m=video 0 RTP/AVP 26 98\r\na=rtpmap:98 ulpfec/90000\r\n{group}a=ssrc:7 cname:x\r\na=ssrc:8 cname:x\r\n"
                ),
            ),
            (both, format!("a=ssrc:7 cname:x\r\na=ssrc:9 cname:x\r\n{group}a=ssrc:8 cname:x\r\n")),
            (
                grid,
                format!("{group}a=ssrc:7 cname:x\r\na=ssrc:8 cname:x\r\na=fmtp:98 repair-window=40000\r\n"),
            ),
        ] {
            let format = if end.contains("fmtp") { FecFormat::Flexfec } else { FecFormat::Ulpfec };
            let session =
                SessionDescription { name: "-".to_owned(), media: vec![media], ..Default::default() };
            let text = session.encode((7, 1), "127.0.0.1".parse().unwrap());
            assert!(text.ends_with(&end), "{text}");
            let parsed = SessionDescription::parse(&text).unwrap();
            assert_eq!(parsed, session);
            assert_eq!(parsed.media[0].parity_format(), Some((98, format)));
            let other = SessionDescription::parse(&text.replace(format.encoding(), "red/90000")).unwrap();
            assert_eq!(other.media[0].parity_format(), None);
        }
    }

    /// Parses a description. Returns the payload type of JPEG and the mistakes.
    fn jpeg_and_mistakes(text: &str) -> (Option<u8>, Vec<Mistake>) {
        let mut mistakes = Vec::new();
        let session = SessionDescription::parse_reporting(text, &mut |mistake, _| mistakes.push(mistake));
        (session.unwrap().jpeg_media().map(|(_, payload_type)| payload_type), mistakes)
    }

    #[test]
    fn description_without_version_is_read_behind_bom_and_blank_lines() {
        for start in ["", "\u{feff}", "\r\n", "\u{feff}\r\n  \r\n", " "] {
            let media = format!("{start}m=video 0 RTP/AVP 26\r\na=control:t\r\n");
            assert_eq!(jpeg_and_mistakes(&media), (Some(26), vec![Mistake::MissingSdpVersion]), "{start:?}");
            let with_version = format!("{start}v=0\r\nm=video 0 RTP/AVP 26\r\n");
            assert_eq!(jpeg_and_mistakes(&with_version), (Some(26), vec![]), "{start:?}");
        }
    }

    #[test]
    fn rtpmap_is_read_with_any_white_space() {
        for rtpmap in
            ["96\tJPEG/90000 ", "96  JPEG/90000", " 96 JPEG/90000", "96\t \tJPEG / 90000", "96 JPEG/90000\t"]
        {
            let text = format!("v=0\nm=video 0 RTP/AVP 96\na=rtpmap:{rtpmap}\n");
            let (payload_type, mistakes) = jpeg_and_mistakes(&text);
            assert_eq!(payload_type, Some(96), "{rtpmap:?}");
            let is_trimmed = rtpmap.trim() == "96 JPEG/90000";
            assert_eq!(mistakes.is_empty(), is_trimmed, "{rtpmap:?}");
        }
    }

    /// Descriptions of a template in Java: a control attribute without a colon, and a payload type that only rtpmap
    /// states.
    #[test]
    fn rtpmap_with_jpeg_is_believed_over_media_line() {
        let streams = [
            ("m=video\na=control trackID=0\na=rtpmap:26 JPEG/90000\nm=audio 0 RTP/AVP 0\n", 26),
            ("m=video 0 RTP/AVP 96\na=rtpmap:26 JPEG/90000\n", 26),
            ("m=video 0 RTP/AVP 0\na=rtpmap:26 jpeg/90000\n", 26),
            ("m=video 0 RTP/AVP\na=rtpmap:97 JPEG\nm=audio 0 RTP/AVP 0\n", 97),
            ("m=video 0 RTP/AVP 96\na=rtpmap:26 JPEG/90000\nm=video 0 RTP/AVP 26\n", 26),
        ];
        for (lines, payload_type) in streams {
            assert_eq!(jpeg_and_mistakes(&format!("v=0\n{lines}")).0, Some(payload_type), "{lines}");
        }
        let (_, mistakes) = jpeg_and_mistakes(&format!("v=0\n{}", streams[0].0));
        assert_eq!(mistakes, [Mistake::MalformedSdpLine; 2]);
        let h264 = "v=0\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=rtpmap:26 H264/90000\n";
        assert_eq!(jpeg_and_mistakes(h264).0, None);
    }

    #[test]
    fn names_have_no_control_characters_and_are_clipped() {
        let text = format!("v=0\ns=a\x1b]0;title\x07b\na=tool:{}\nm=video 0 RTP/AVP 26\n", "x".repeat(9_000));
        let session = SessionDescription::parse(&text).unwrap();
        assert_eq!(session.name, "a]0;titleb");
        assert_eq!(session.tool.unwrap().len(), MAX_TEXT_LENGTH);
    }

    #[test]
    fn malformed_and_oversized_descriptions_are_rejected() {
        assert!(SessionDescription::parse("").is_err());
        assert!(SessionDescription::parse("<html>").is_err());
        assert!(SessionDescription::parse("v=0\nm=video\n").is_err());
        assert!(SessionDescription::parse(&format!("v=0\n{}", "m=video 0 RTP/AVP 26\n".repeat(65))).is_err());
    }

    #[test]
    fn out_of_range_frame_rate_is_ignored() {
        for (stated, expected) in
            [("25", Some(25.0)), ("1e-300", None), ("0", None), ("1e9", None), ("NaN", None)]
        {
            let text = format!("v=0\nm=video 0 RTP/AVP 26\na=framerate:{stated}\n");
            assert_eq!(SessionDescription::parse(&text).unwrap().media[0].frame_rate, expected, "{stated}");
        }
    }
}
