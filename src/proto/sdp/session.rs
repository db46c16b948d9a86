//! Description of a presentation.

use std::fmt::{self, Write as _};

use super::media::MediaDescription;
use super::text::{readable_text, single_line};
use crate::proto::mistake::Mistake;
use crate::proto::rtsp::NptRange;

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

/// Maximum number of streams. Real presentations have a few; the limit bounds memory for hostile descriptions.
const MAX_MEDIA: usize = 64;

impl SessionDescription {
    /// Parses a description. Unknown lines are ignored, and malformed ones are passed over if a stream remains without
    /// them.
    ///
    /// # Errors
    /// Returns an [`SdpError`] if the text has neither `v=0` nor a stream, if all its media lines are malformed, or if
    /// it has more than 64 streams.
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

    /// Returns the first stream that carries JPEG, and its payload type for JPEG. Only if the `m=` line of none lists
    /// one, an rtpmap decides alone.
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
