//! Attributes of the parity packets of a stream.

use std::fmt;
use std::time::Duration;

use super::source_group::{parse_cname, parse_source_pair};

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

/// Parameter of `fmtp` for the time that parity packets span, in microseconds (RFC 8627 §5.1).
const REPAIR_WINDOW: &str = "repair-window";

impl ParitySources {
    /// Parses the value of an ssrc-group attribute, `FEC-FR 1 2` (RFC 5956 §4.3); `None` for other groups.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let (ssrc, parity) = parse_source_pair(value, "FEC-FR")?;
        Some(Self { ssrc, parity, cname: String::new() })
    }

    /// Takes the CNAME from the value of an ssrc attribute, if it is that of one of both.
    pub(super) fn parse_cname(&mut self, value: &str) {
        if let Some(cname) = parse_cname(value, [self.ssrc, self.parity]) {
            self.cname = cname;
        }
    }

    /// Writes the attributes. `has_cname` is true if that of the stream is written already.
    pub(super) fn write(&self, has_cname: bool, line: &mut impl FnMut(fmt::Arguments<'_>)) {
        let Self { ssrc, parity, cname } = self;
        line(format_args!("a=ssrc-group:FEC-FR {ssrc} {parity}"));
        if !has_cname {
            line(format_args!("a=ssrc:{ssrc} cname:{cname}"));
        }
        line(format_args!("a=ssrc:{parity} cname:{cname}"));
    }
}

impl RepairWindow {
    /// Parses the value of `fmtp`, for example `98 ToP=2; repair-window=200000`.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let (payload_type, parameters) = value.split_once(char::is_whitespace)?;
        let mut parameters = parameters.split(';').filter_map(|parameter| parameter.trim().split_once('='));
        let (_, length) = parameters.find(|(name, _)| name.eq_ignore_ascii_case(REPAIR_WINDOW))?;
        let length = Duration::from_micros(length.trim().parse::<u32>().ok()?.into());
        Some(Self { payload_type: payload_type.parse().ok()?, length })
    }

    pub(super) fn write(self, line: &mut impl FnMut(fmt::Arguments<'_>)) {
        let Self { payload_type, length } = self;
        line(format_args!("a=fmtp:{payload_type} {REPAIR_WINDOW}={}", length.as_micros()));
    }
}
