//! The RTP-Info header (RFC 2326 §12.33).

use std::fmt;

use super::list::split_list;

/// The first packet of one stream after a PLAY request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpInfo {
    /// URL of the stream (`url`).
    pub url: String,
    /// Sequence number of the first packet (`seq`); `None` if it is missing or invalid.
    pub sequence: Option<u16>,
    /// RTP timestamp of the start of the Range (`rtptime`), in ticks; `None` if it is missing or invalid.
    pub rtptime: Option<u32>,
}

impl RtpInfo {
    /// Parses the entries of a header, one for each stream. Parts before the first `url=` are ignored.
    pub fn parse_all(value: &str) -> Vec<Self> {
        // A URL can contain a comma, so an entry begins at `url=`, not at a comma.
        let mut entries = Vec::<Self>::new();
        for part in split_list(value, |c| matches!(c, ';' | ',')) {
            match (part.split_once('='), entries.last_mut()) {
                (Some(("url", url)), _) => {
                    entries.push(Self {
                        url: url.trim_matches('"').to_owned(),
                        sequence: None,
                        rtptime: None,
                    });
                }
                (Some(("seq", number)), Some(entry)) => entry.sequence = number.parse().ok(),
                (Some(("rtptime", number)), Some(entry)) => entry.rtptime = number.parse().ok(),
                _ => {}
            }
        }
        entries
    }
}

impl fmt::Display for RtpInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "url={}", self.url)?;
        if let Some(sequence) = self.sequence {
            write!(f, ";seq={sequence}")?;
        }
        if let Some(rtptime) = self.rtptime {
            write!(f, ";rtptime={rtptime}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_parsed_with_optional_parts() {
        let all = RtpInfo::parse_all(
            "url=rtsp://h/test/stream=0;seq=1645;rtptime=2018330188,url=rtsp://h/test/stream=1;seq=7",
        );
        assert_eq!(
            all,
            [
                RtpInfo {
                    url: "rtsp://h/test/stream=0".into(),
                    sequence: Some(1645),
                    rtptime: Some(2_018_330_188)
                },
                RtpInfo { url: "rtsp://h/test/stream=1".into(), sequence: Some(7), rtptime: None },
            ]
        );
        assert_eq!(all[0].to_string(), "url=rtsp://h/test/stream=0;seq=1645;rtptime=2018330188");
        assert!(RtpInfo::parse_all("seq=1;rtptime=2").is_empty());
    }
}
