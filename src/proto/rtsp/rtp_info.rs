//! The RTP-Info header (RFC 2326 §12.33).

use std::fmt;

use super::list::split_list;

/// The first packet that a PLAY brings, for one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpInfo {
    /// The stream's URL.
    pub url: String,
    /// The sequence number of the first packet.
    pub sequence: Option<u16>,
    /// The RTP timestamp that corresponds to the start of the Range.
    pub rtptime: Option<u32>,
}

impl RtpInfo {
    /// The entries of a header, one for each stream.
    pub fn parse_all(value: &str) -> Vec<Self> {
        // A URL may hold a comma, so entries are told apart by their `url=`.
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
