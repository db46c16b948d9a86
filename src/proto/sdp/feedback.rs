//! Attributes of feedback on a stream and of its retransmission.

use std::fmt;

use super::source_group::{parse_cname, parse_source_pair};

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

/// Encoding of retransmissions in `rtpmap` (RFC 4588 §8.6).
pub const RTX_ENCODING: &str = "rtx/90000";

/// Maximum number of retransmission formats of one stream.
const MAX_RETRANSMISSION_FORMATS: usize = 16;

impl Feedback {
    pub(super) fn parse_attribute(&mut self, name: &str, value: &str) {
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

    pub(super) fn write(&self, line: &mut impl FnMut(fmt::Arguments<'_>)) {
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
