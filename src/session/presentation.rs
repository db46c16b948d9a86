//! Presentation that DESCRIBE returns. Sans-I/O.

use super::error::SessionError;
use crate::format::enumerated;
use crate::media::jpeg::Dimensions;
use crate::proto::fec::FecFormat;
use crate::proto::mistake::Mistake;
use crate::proto::rtsp::{Method, NptRange, Response, RtspUrl, encode_whitespace, header};
use crate::proto::sdp::{JPEG_PAYLOAD_TYPE, MediaDescription, SessionDescription};

/// Presentation with a JPEG stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Presentation {
    /// Session name (SDP `s=`).
    pub name: String,
    /// Name of the server software, from the Server header or SDP `a=tool`.
    pub server: Option<String>,
    /// Aggregate control URL, for PLAY, PAUSE and TEARDOWN.
    pub aggregate_url: String,
    /// Control URL of the JPEG stream, for SETUP.
    pub stream_url: String,
    /// Range that can be played (`a=range`); `None` if it is not stated. A live stream has a range without a start.
    pub range: Option<NptRange>,
    /// Frames per second (`a=framerate`), if stated.
    pub frame_rate: Option<f64>,
    /// Size of the frames in pixels, if stated.
    pub dimensions: Option<Dimensions>,
    /// RTP payload type of the JPEG stream; 26 unless it is mapped (RFC 3551 §6).
    pub payload_type: u8,
    /// True if the server can send the original JPEG headers (`a=x-reelay-jpeg-header`).
    pub offers_jpeg_header: bool,
    /// True if the server responds to receiver reference times (`a=rtcp-xr:rcvr-rtt`, RFC 3611 §5.1).
    pub has_receiver_rtt: bool,
    /// Repair of lost packets that the server offers; `None` if it offers none.
    pub repair: Option<Box<RepairOffers>>,
    /// Streams that are not played, by encoding and media type, such as `PCMU audio`.
    pub other_streams: Vec<String>,
}

/// Means by which lost packets of the JPEG stream can be repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepairOffers {
    /// Retransmission (RFC 4588); `None` if it is not offered.
    pub retransmission: Option<RetransmissionOffer>,
    /// Parity packets (RFC 5109, RFC 8627); `None` if they are not offered.
    pub parity: Option<ParityOffer>,
}

/// Returns what a description offers for the repair of packets with this payload type; `None` if that is nothing.
fn repair_offers(media: &MediaDescription, payload_type: u8) -> Option<Box<RepairOffers>> {
    let offers = RepairOffers {
        retransmission: retransmission_offer(media, payload_type),
        parity: parity_offer(media),
    };
    (offers.retransmission.is_some() || offers.parity.is_some()).then(|| Box::new(offers))
}

/// Retransmission of the packets of the JPEG stream that a server offers (RFC 4588).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetransmissionOffer {
    /// RTP payload type of retransmissions.
    pub payload_type: u8,
    /// SSRC of retransmissions (`a=ssrc-group:FID`); `None` if it is not stated.
    pub ssrc: Option<u32>,
    /// True if requests need not be part of a compound packet (`a=rtcp-rsize`, RFC 5506).
    pub reduced_size: bool,
}

/// Parity packets of the JPEG stream that a server offers (RFC 5109, RFC 8627).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParityOffer {
    /// RTP payload type of parity packets.
    pub payload_type: u8,
    /// Their format.
    pub format: FecFormat,
    /// SSRC of parity packets (`a=ssrc-group:FEC-FR`); `None` if it is not stated.
    pub ssrc: Option<u32>,
}

/// Returns the parity packets that a description offers.
fn parity_offer(media: &MediaDescription) -> Option<ParityOffer> {
    let ssrc = media.parity_sources.as_ref().map(|sources| sources.parity);
    let (payload_type, format) = media.parity_format()?;
    Some(ParityOffer { payload_type, format, ssrc })
}

/// Returns the retransmission that a description offers for packets with this payload type.
fn retransmission_offer(media: &MediaDescription, payload_type: u8) -> Option<RetransmissionOffer> {
    let format = media.retransmission_of(payload_type)?;
    let feedback = media.feedback.as_ref()?;
    Some(RetransmissionOffer {
        payload_type: format.payload_type,
        ssrc: feedback.sources.as_ref().map(|sources| sources.retransmission),
        reduced_size: feedback.reduced_size,
    })
}

impl Presentation {
    /// Parses the response to a DESCRIBE of `url`.
    ///
    /// # Errors
    /// Returns an error if the body is not an SDP description, or describes no JPEG stream.
    pub fn parse(response: &Response, url: &RtspUrl) -> Result<Self, SessionError> {
        Self::parse_reporting(response, url, &mut |_, _| ())
    }

    /// Parses the response as [`Presentation::parse`] does, and passes each mistake in it that was tolerated to
    /// `report`, with the line.
    ///
    /// # Errors
    /// The same as those of [`Presentation::parse`].
    pub fn parse_reporting(
        response: &Response,
        url: &RtspUrl,
        report: &mut impl FnMut(Mistake, &str),
    ) -> Result<Self, SessionError> {
        let invalid_response =
            |problem: String| SessionError::InvalidResponse { method: Method::Describe, problem };
        let text = String::from_utf8_lossy(&response.body);
        let session = SessionDescription::parse_reporting(&text, report)
            .map_err(|error| invalid_response(error.to_string()))?;
        let Some((media, payload_type)) = session.jpeg_media() else {
            return Err(SessionError::NoJpeg {
                found: session.media.iter().map(|m| m.encoding_name()).collect(),
            });
        };
        if !media.formats.contains(&payload_type) {
            report(Mistake::UnlistedPayloadType, &format!("payload type {payload_type}"));
        }
        let base = [header::CONTENT_BASE, header::CONTENT_LOCATION]
            .into_iter()
            .find_map(|name| response.headers.get(name).filter(|value| RtspUrl::has_rtsp_scheme(value)))
            .map_or_else(|| url.to_string(), |base| base.trim().to_owned());
        let aggregate_url = join_control_url(&base, session.control.as_deref());
        let stream_url = join_control_url(&base, media.control.as_deref());
        let other_media = session.media.iter().filter(|other| !std::ptr::eq(*other, media));
        Ok(Self {
            name: session.name.clone(),
            server: server_name(response).or_else(|| session.tool.clone()),
            aggregate_url,
            stream_url,
            range: session.media_range(media).map(ignore_zero_length),
            frame_rate: media.frame_rate,
            dimensions: media.dimensions.map(|(width, height)| Dimensions { width, height }),
            payload_type,
            offers_jpeg_header: media.jpeg_header,
            has_receiver_rtt: media.receiver_rtt,
            repair: repair_offers(media, payload_type),
            other_streams: other_media.map(MediaDescription::encoding_and_media_type).collect(),
        })
    }

    /// Creates the presentation of a live stream over a protocol without DESCRIBE. `server` is the Server header.
    pub fn live(name: String, server: Option<&str>) -> Self {
        Self {
            name,
            server: server.map(clip_server_name),
            aggregate_url: String::new(),
            stream_url: String::new(),
            range: Some(NptRange { start: None, end: None }),
            frame_rate: None,
            dimensions: None,
            payload_type: JPEG_PAYLOAD_TYPE,
            offers_jpeg_header: false,
            has_receiver_rtt: false,
            repair: None,
            other_streams: Vec::new(),
        }
    }

    /// Returns the retransmission that the server offers (RFC 4588); `None` if it offers none.
    pub fn retransmission(&self) -> Option<RetransmissionOffer> {
        self.repair.as_ref()?.retransmission
    }

    /// Returns the parity packets that the server offers; `None` if it offers none.
    pub fn parity(&self) -> Option<ParityOffer> {
        self.repair.as_ref()?.parity
    }

    /// Returns the kinds of repair of lost packets that the server offers, in words for a report.
    pub fn repair(&self) -> Vec<&'static str> {
        let retransmission = self.retransmission().map(|_| "retransmission");
        let parity = self.parity().map(|_| "error correction");
        retransmission.into_iter().chain(parity).collect()
    }

    /// Returns true if the stream is live, so seeking is not possible.
    pub fn is_live(&self) -> bool {
        self.range.is_some_and(|range| range.start.is_none())
    }

    /// Returns a sentence about the streams that are not played; `None` if there are none.
    pub fn other_streams_note(&self) -> Option<String> {
        let others = enumerated(&self.other_streams)?;
        Some(format!("The stream also contains {others}, which Reelay does not play."))
    }
}

/// Maximum number of characters of the name of the server software.
const MAX_SERVER_NAME: usize = 200;

/// Returns the Server header, clipped to [`MAX_SERVER_NAME`].
fn server_name(response: &Response) -> Option<String> {
    response.headers.get(header::SERVER).map(clip_server_name)
}

fn clip_server_name(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(MAX_SERVER_NAME).collect()
}

/// Resolves a control attribute (RFC 2326 §C.1.1). A relative URL is appended to the base, whose last segment is never
/// replaced: all servers expect that. `*` and a missing attribute mean the base itself. White space is percent-encoded
/// and control characters are removed, since the URL becomes a word of the request line.
fn join_control_url(base: &str, control: Option<&str>) -> String {
    encode_whitespace(&match control.map(str::trim) {
        None | Some("" | "*") => base.to_owned(),
        Some(absolute) if RtspUrl::has_rtsp_scheme(absolute) => absolute.to_owned(),
        Some(relative) => format!("{}/{}", base.trim_end_matches('/'), relative.trim_start_matches('/')),
    })
}

/// Removes the end of a range of zero length: servers state one if they do not know the duration.
fn ignore_zero_length(range: NptRange) -> NptRange {
    let start = range.start.unwrap_or_default();
    NptRange { end: range.end.filter(|end| *end > start), ..range }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtsp::StatusCode;

    fn parse(base: Option<&'static str>, sdp: &'static str) -> Result<Presentation, SessionError> {
        let mut response = Response::new(StatusCode::OK);
        if let Some(base) = base {
            response = response.with_header(header::CONTENT_BASE, base);
        }
        Presentation::parse(
            &response.with_body("application/sdp", sdp),
            &RtspUrl::parse("rtsp://h/test").unwrap(),
        )
    }

    const JPEG: &str = "v=0\ns=x\na=control:*\na=range:npt=now-\nm=video 0 RTP/AVP 26\na=control:stream=0\n";

    #[test]
    fn control_urls_resolve_against_base() {
        let presentation = parse(Some("rtsp://h/test/"), JPEG).unwrap();
        assert_eq!(presentation.aggregate_url, "rtsp://h/test/");
        assert_eq!(presentation.stream_url, "rtsp://h/test/stream=0");
        assert!(presentation.is_live());
        let presentation = parse(None, JPEG).unwrap();
        assert_eq!(
            (presentation.aggregate_url.as_str(), presentation.stream_url.as_str()),
            ("rtsp://h/test", "rtsp://h/test/stream=0")
        );
        let injecting = "v=0\nm=video 0 RTP/AVP 26\na=control:my track RTSP/1.0\rX: y\n";
        let stream_url = parse(Some("rtsp://h/test/"), injecting).unwrap().stream_url;
        assert_eq!(
            stream_url, "rtsp://h/test/my%20track%20RTSP/1.0X:%20y",
            "it is one word of the request line"
        );
        let absolute = "v=0\nm=video 0 RTP/AVP 26\na=control:rtsp://h:99/other/a\n";
        assert_eq!(parse(Some("rtsp://h/test/"), absolute).unwrap().stream_url, "rtsp://h:99/other/a");
        let without_control = "v=0\nm=video 0 RTP/AVP 26\n";
        assert_eq!(parse(None, without_control).unwrap().stream_url, "rtsp://h/test");
    }

    #[test]
    fn other_streams_are_named() {
        assert_eq!(parse(None, JPEG).unwrap().other_streams_note(), None);
        let with_audio = "v=0\nm=audio 0 RTP/AVP 0\nm=video 0 RTP/AVP 26\n";
        let presentation = parse(None, with_audio).unwrap();
        assert_eq!(presentation.other_streams, ["PCMU audio"]);
        let sentence = "The stream also contains PCMU audio, which Reelay does not play.";
        assert_eq!(presentation.other_streams_note().as_deref(), Some(sentence));
        let several = "v=0\nm=audio 0 RTP/AVP 0\nm=video 0 RTP/AVP 26\nm=video 0 RTP/AVP 26\nm=text 0 RTP/AVP 98\n\
                    a=rtpmap:98 t140/1000\n";
        assert!(
            parse(None, several)
                .unwrap()
                .other_streams_note()
                .unwrap()
                .contains("PCMU audio, JPEG video and t140 text,")
        );
    }

    #[test]
    fn missing_jpeg_error_lists_found_encodings() {
        let other = "v=0\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\nm=audio 0 RTP/AVP 97\na=rtpmap:97 OPUS/48000\n";
        let error = parse(None, other).unwrap_err();
        assert_eq!(error, SessionError::NoJpeg { found: vec!["H264".to_owned(), "OPUS".to_owned()] });
        assert!(error.to_string().starts_with("This stream contains H264 and OPUS; "));
        assert!(matches!(parse(None, "hello"), Err(SessionError::InvalidResponse { .. })));
    }

    #[test]
    fn zero_length_range_is_open_ended() {
        let range = |text| ignore_zero_length(NptRange::parse(text).unwrap()).to_string();
        assert_eq!(range("npt=0-0"), "npt=0.000-");
        assert_eq!(range("npt=0-0.05"), "npt=0.000-0.050");
    }
}
