//! PURE. What DESCRIBE tells of a stream.

use super::error::Failure;
use crate::media::jpeg::Dimensions;
use crate::proto::rtsp::{Method, NptRange, Response, RtspUrl, header};
use crate::proto::sdp::{MediaDescription, SessionDescription};

/// A stream that can be played.
#[derive(Debug, Clone, PartialEq)]
pub struct Presentation {
    /// What the server calls it.
    pub name: String,
    /// What the server calls itself.
    pub server: Option<String>,
    /// The URL of the whole, for PLAY, PAUSE and TEARDOWN.
    pub aggregate_url: String,
    /// The URL of the JPEG stream, for SETUP.
    pub stream_url: String,
    /// What can be played; unknown if nothing is said.
    pub range: Option<NptRange>,
    /// Frames a second, if that is said.
    pub frame_rate: Option<f64>,
    /// The size of the pictures, if that is said.
    pub dimensions: Option<Dimensions>,
    /// The RTP payload type of the JPEG stream.
    pub payload_type: u8,
    /// Original header segments can be had.
    pub offers_jpeg_header: bool,
    /// The server answers what measures a round trip.
    pub measures_round_trip: bool,
    /// Streams that are not played, by what they carry: `PCMU audio`.
    pub others: Vec<String>,
}

impl Presentation {
    /// Reads the answer to a DESCRIBE of `url`.
    ///
    /// # Errors
    /// When it is no description, or has no JPEG in it.
    pub fn read(response: &Response, url: &RtspUrl) -> Result<Self, Failure> {
        let fault = |what: String| Failure::BadAnswer { method: Method::Describe, what };
        let text = String::from_utf8_lossy(&response.body);
        let session = SessionDescription::parse(&text).map_err(|error| fault(error.to_string()))?;
        let Some((media, payload_type)) = session.jpeg() else {
            return Err(Failure::NoJpeg { found: session.media.iter().map(|m| m.encoding_name()).collect() });
        };
        let base = [header::CONTENT_BASE, header::CONTENT_LOCATION]
            .into_iter()
            .find_map(|name| response.headers.get(name).filter(|value| is_absolute(value)))
            .map_or_else(|| url.to_string(), |base| base.trim().to_owned());
        let aggregate_url = join(&base, session.control.as_deref());
        let stream_url = join(&base, media.control.as_deref());
        let others = session.media.iter().filter(|other| !std::ptr::eq(*other, media));
        Ok(Self {
            name: session.name.clone(),
            server: response.headers.get(header::SERVER).map(str::to_owned).or_else(|| session.tool.clone()),
            aggregate_url,
            stream_url,
            range: session.range_of(media).map(with_some_length),
            frame_rate: media.frame_rate,
            dimensions: media.dimensions.map(|(width, height)| Dimensions { width, height }),
            payload_type,
            offers_jpeg_header: media.jpeg_header,
            measures_round_trip: media.round_trip,
            others: others.map(MediaDescription::encoding_and_kind).collect(),
        })
    }

    /// Whether it happens now and nowhere else in time, so that there is nothing to seek in.
    pub fn is_live(&self) -> bool {
        self.range.is_some_and(|range| range.start.is_none())
    }

    /// A sentence about what is not played, if there is anything.
    pub fn on_others(&self) -> Option<String> {
        let (last, before) = self.others.split_last()?;
        let others = match before {
            [] => last.clone(),
            _ => format!("{} and {last}", before.join(", ")),
        };
        Some(format!("The stream also holds {others}, which Reelay does not play."))
    }
}

fn is_absolute(url: &str) -> bool {
    url.trim().get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("rtsp://"))
}

/// A control URL (RFC 2326 §C.1.1): absolute, or behind the base, whose last part is never replaced, as all servers
/// expect it; `*` and nothing at all mean the base itself.
fn join(base: &str, control: Option<&str>) -> String {
    match control.map(str::trim) {
        None | Some("" | "*") => base.to_owned(),
        Some(absolute) if is_absolute(absolute) => absolute.to_owned(),
        Some(relative) => format!("{}/{}", base.trim_end_matches('/'), relative.trim_start_matches('/')),
    }
}

/// A film of no length has one that is not known.
fn with_some_length(range: NptRange) -> NptRange {
    let begin = range.start.unwrap_or_default();
    NptRange { end: range.end.filter(|end| *end > begin), ..range }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtsp::Status;

    fn read(base: Option<&'static str>, sdp: &'static str) -> Result<Presentation, Failure> {
        let mut response = Response::new(Status::OK);
        if let Some(base) = base {
            response = response.with(header::CONTENT_BASE, base);
        }
        Presentation::read(
            &response.with_body("application/sdp", sdp),
            &RtspUrl::parse("rtsp://h/test").unwrap(),
        )
    }

    const JPEG: &str = "v=0\ns=x\na=control:*\na=range:npt=now-\nm=video 0 RTP/AVP 26\na=control:stream=0\n";

    #[test]
    fn urls_come_from_the_base_and_the_controls() {
        let presentation = read(Some("rtsp://h/test/"), JPEG).unwrap();
        assert_eq!(presentation.aggregate_url, "rtsp://h/test/");
        assert_eq!(presentation.stream_url, "rtsp://h/test/stream=0");
        assert!(presentation.is_live());
        let presentation = read(None, JPEG).unwrap();
        assert_eq!(
            (presentation.aggregate_url.as_str(), presentation.stream_url.as_str()),
            ("rtsp://h/test", "rtsp://h/test/stream=0")
        );
        let absolute = "v=0\nm=video 0 RTP/AVP 26\na=control:rtsp://h:99/other/a\n";
        assert_eq!(read(Some("rtsp://h/test/"), absolute).unwrap().stream_url, "rtsp://h:99/other/a");
        let bare = "v=0\nm=video 0 RTP/AVP 26\n";
        assert_eq!(read(None, bare).unwrap().stream_url, "rtsp://h/test");
    }

    #[test]
    fn what_is_not_played_is_named() {
        assert_eq!(read(None, JPEG).unwrap().on_others(), None);
        let sound = "v=0\nm=audio 0 RTP/AVP 0\nm=video 0 RTP/AVP 26\n";
        let presentation = read(None, sound).unwrap();
        assert_eq!(presentation.others, ["PCMU audio"]);
        let sentence = "The stream also holds PCMU audio, which Reelay does not play.";
        assert_eq!(presentation.on_others().as_deref(), Some(sentence));
        let much = "v=0\nm=audio 0 RTP/AVP 0\nm=video 0 RTP/AVP 26\nm=video 0 RTP/AVP 26\nm=text 0 RTP/AVP 98\n\
                    a=rtpmap:98 t140/1000\n";
        assert!(
            read(None, much).unwrap().on_others().unwrap().contains("PCMU audio, JPEG video and t140 text,")
        );
    }

    #[test]
    fn without_jpeg_it_says_what_there_is() {
        let other = "v=0\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\nm=audio 0 RTP/AVP 97\na=rtpmap:97 OPUS/48000\n";
        let failure = read(None, other).unwrap_err();
        assert_eq!(failure, Failure::NoJpeg { found: vec!["H264".to_owned(), "OPUS".to_owned()] });
        assert!(failure.to_string().starts_with("This stream holds H264 and OPUS; "));
        assert!(matches!(read(None, "hello"), Err(Failure::BadAnswer { .. })));
    }

    #[test]
    fn a_film_of_no_length_has_one_that_is_not_known() {
        let range = |text| with_some_length(NptRange::parse(text).unwrap()).to_string();
        assert_eq!(range("npt=0-0"), "npt=0.000-");
        assert_eq!(range("npt=0-0.05"), "npt=0.000-0.050");
    }
}
