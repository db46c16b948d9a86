//! The response to DESCRIBE. Sans-I/O.

use std::net::IpAddr;
use std::time::Duration;

use super::resource::Resource;
use super::url_parameters::{asks_for_restarts, asks_for_retransmission, parity_layout, stream_control};
use crate::about::PRODUCT;
use crate::media::reencode::rfc2435_size;
use crate::media_file::MediaInfo;
use crate::proto::fec::FecFormat;
use crate::proto::rtsp::{Request, Response, StatusCode, header};
use crate::proto::sdp::{
    Feedback, FeedbackSources, JPEG_PAYLOAD_TYPE, MediaDescription, ParitySources, RTX_ENCODING,
    RepairWindow, RetransmissionFormat, SessionDescription,
};
use crate::server_embed::stream::{
    FEC_PAYLOAD_TYPE, HISTORY_TIME, Identity, RTX_PAYLOAD_TYPE, parity_ssrc, retransmission_ssrc,
};

const APPLICATION_SDP: &str = "application/sdp";

/// Version in the origin line (`o=`). Constant, because a description does not change while the file is open.
const SDP_VERSION: u64 = 1;

/// Returns the response to DESCRIBE; 406 if the Accept header excludes SDP. `host` is the server's address for the
/// origin line. `identity` is that of the next session, for a description of its retransmissions and parity packets;
/// `None` if there are none because packets travel on the connection only.
pub fn describe(
    request: &Request,
    resource: &Resource,
    media: &MediaInfo,
    host: IpAddr,
    identity: Option<&Identity>,
) -> Response {
    if !accepts_sdp(request) {
        return Response::error(StatusCode::NOT_ACCEPTABLE, "only application/sdp is available");
    }
    let mut description = session_description(media);
    let parity_layout = identity.and_then(|_| parity_layout(request));
    for stream in &mut description.media {
        stream.control = Some(stream_control(parity_layout, asks_for_restarts(request)));
        let Some(identity) = identity else { continue };
        if asks_for_retransmission(request) {
            add_retransmission(stream, identity);
        }
        if let Some(layout) = parity_layout {
            add_parity(stream, layout.format(), media.times.rate().interval(), identity);
        }
    }
    Response::new(StatusCode::OK)
        .with_header(header::CONTENT_BASE, format!("{}/", presentation_url(&request.uri, resource)))
        .with_body(APPLICATION_SDP, description.encode((media.id, SDP_VERSION), host))
}

/// Adds the retransmissions to the description of a stream (RFC 4588 §8.6).
fn add_retransmission(stream: &mut MediaDescription, identity: &Identity) {
    let format = RetransmissionFormat {
        payload_type: RTX_PAYLOAD_TYPE,
        original: JPEG_PAYLOAD_TYPE,
        time_ms: u32::try_from(HISTORY_TIME.as_millis()).ok(),
    };
    let sources = FeedbackSources {
        ssrc: identity.ssrc,
        retransmission: retransmission_ssrc(identity.ssrc),
        cname: identity.cname.clone(),
    };
    stream.formats.push(RTX_PAYLOAD_TYPE);
    stream.rtpmaps.push((RTX_PAYLOAD_TYPE, RTX_ENCODING.to_owned()));
    stream.feedback = Some(Feedback {
        nack: true,
        reduced_size: true,
        retransmissions: vec![format],
        sources: Some(sources),
    });
}

/// Adds the parity packets to the description of a stream (RFC 5109 §12, RFC 8627 §5.2, RFC 5956 §4.3).
fn add_parity(
    stream: &mut MediaDescription,
    format: FecFormat,
    frame_interval: Duration,
    identity: &Identity,
) {
    stream.formats.push(FEC_PAYLOAD_TYPE);
    stream.rtpmaps.push((FEC_PAYLOAD_TYPE, format.encoding().to_owned()));
    if format == FecFormat::Flexfec {
        // All packets that protect each other are of one frame.
        stream.repair_window = Some(RepairWindow { payload_type: FEC_PAYLOAD_TYPE, length: frame_interval });
    }
    stream.parity_sources = Some(ParitySources {
        ssrc: identity.ssrc,
        parity: parity_ssrc(identity.ssrc),
        cname: identity.cname.clone(),
    });
}

/// URL of the media file, spelled as in the request URL of the file or its stream. The query is removed, because the
/// client appends the control URL to it.
fn presentation_url<'a>(url: &'a str, resource: &Resource) -> &'a str {
    let url = url.split('?').next().unwrap_or_default().trim_end_matches('/');
    match resource {
        // The stream is the last segment, however it is percent-encoded.
        Resource::Track(_) => url.rsplit_once('/').map_or(url, |(presentation, _)| presentation),
        _ => url,
    }
}

fn accepts_sdp(request: &Request) -> bool {
    let mut types = request.headers.get_all(header::ACCEPT).flat_map(|value| value.split(',')).peekable();
    types.peek().is_none()
        || types.any(|accepted| {
            let (kind, parameters) = accepted.split_once(';').unwrap_or((accepted, ""));
            let kinds = [APPLICATION_SDP, "application/*", "*/*"];
            !has_zero_quality(parameters) && kinds.iter().any(|one| kind.trim().eq_ignore_ascii_case(one))
        })
}

/// Returns true for `q=0`, which excludes a media type (RFC 2068 §3.9).
fn has_zero_quality(parameters: &str) -> bool {
    let quality =
        parameters.split(';').filter_map(|parameter| parameter.split_once('=')).find_map(|(name, value)| {
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f64>().ok())
        });
    quality.flatten().is_some_and(|quality| quality <= 0.0)
}

fn session_description(media: &MediaInfo) -> SessionDescription {
    let size = rfc2435_size(media.dimensions);
    SessionDescription {
        name: media.name.clone(),
        control: Some("*".to_owned()),
        range: Some(media.range()),
        tool: Some(PRODUCT.to_owned()),
        media: vec![MediaDescription {
            media_type: "video".to_owned(),
            formats: vec![JPEG_PAYLOAD_TYPE],
            rtpmaps: vec![(JPEG_PAYLOAD_TYPE, "JPEG/90000".to_owned())],
            control: None,
            range: None,
            frame_rate: Some(media.times.rate().as_f64()),
            dimensions: Some((size.width, size.height)),
            jpeg_header: true,
            receiver_rtt: true,
            feedback: None,
            parity_sources: None,
            repair_window: None,
            is_malformed: false,
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media_file::IndexProgress;
    use crate::media_file::info::tests::info;
    use crate::proto::rtsp::Method;

    fn describe_request(uri: &str, accept: &'static str) -> Request {
        Request::new(Method::Describe, uri).with_header(header::CSEQ, "1").with_header(header::ACCEPT, accept)
    }

    #[test]
    fn describe_returns_content_base_track_and_range() {
        let media = info(500);
        let resource = Resource::Presentation(media.name.clone());
        let request = describe_request("rtsp://127.0.0.1:8554/movie", "application/sdp");
        let response = describe(&request, &resource, &media, "127.0.0.1".parse().unwrap(), None);
        assert_eq!(response.headers.get(header::CONTENT_BASE), Some("rtsp://127.0.0.1:8554/movie/"));
        for url in [
            "rtsp://h/movie?quality=1",
            "rtsp://h/movie/",
            "rtsp://h/movie/track1?x=/",
            "rtsp://h/movie/%74rack1",
        ] {
            let request = Request { uri: url.to_owned(), ..request.clone() };
            let resource = Resource::from_request(&request).unwrap();
            let response = describe(&request, &resource, &media, "127.0.0.1".parse().unwrap(), None);
            assert_eq!(response.headers.get(header::CONTENT_BASE), Some("rtsp://h/movie/"), "{url}");
        }
        let text = std::str::from_utf8(&response.body).unwrap();
        for line in [
            "a=range:npt=0.000-25.000",
            "a=rtpmap:26 JPEG/90000",
            "a=framerate:20",
            "a=x-reelay-jpeg-header:1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in {text}");
        }
        let growing =
            MediaInfo { progress: IndexProgress { frames: 500, ..IndexProgress::default() }, ..media };
        let response = describe(&request, &resource, &growing, "127.0.0.1".parse().unwrap(), None);
        assert!(std::str::from_utf8(&response.body).unwrap().contains("a=range:npt=0.000-\r\n"));
    }

    #[test]
    fn retransmission_is_described_only_to_those_that_ask() {
        let media = info(500);
        let resource = Resource::Presentation(media.name.clone());
        let identity =
            Identity { ssrc: 7, first_sequence: 0, first_timestamp: 0, cname: "server".to_owned() };
        let describe = |request: &Request, identity| {
            let response = describe(request, &resource, &media, "127.0.0.1".parse().unwrap(), identity);
            String::from_utf8(response.body.to_vec()).unwrap()
        };
        let plain = describe_request("rtsp://h/movie?quality=1", "application/sdp");
        let by_header = plain.clone().with_header(header::X_REELAY_RETRANSMISSION, "1");
        let by_url = Request { uri: "rtsp://h/movie?quality=1&retransmission=1".to_owned(), ..plain.clone() };
        let text = describe(&plain, Some(&identity));
        assert!(text.contains("m=video 0 RTP/AVP 26\r\n") && !text.contains("rtx"), "{text}");
        for request in [by_header, by_url] {
            let text = describe(&request, Some(&identity));
            for line in [
                "m=video 0 RTP/AVPF 26 97",
                "a=rtpmap:97 rtx/90000",
                "a=fmtp:97 apt=26;rtx-time=1000",
                "a=rtcp-fb:26 nack",
                "a=ssrc-group:FID 7 4294967288",
            ] {
                assert!(text.lines().any(|l| l == line), "{line} in {text}");
            }
            assert!(!describe(&request, None).contains("rtx"), "packets on the connection are not lost");
        }
    }

    #[test]
    fn parity_packets_are_described_only_to_those_that_ask() {
        let media = info(500);
        let resource = Resource::Presentation(media.name.clone());
        let identity =
            Identity { ssrc: 7, first_sequence: 0, first_timestamp: 0, cname: "server".to_owned() };
        let describe = |request: &Request| {
            let host = "127.0.0.1".parse().unwrap();
            let response = describe(request, &resource, &media, host, Some(&identity));
            String::from_utf8(response.body.to_vec()).unwrap()
        };
        let plain = describe_request("rtsp://h/movie?quality=1", "application/sdp");
        for other in ["rtsp://h/movie?fec=1", "rtsp://h/movie?fec=", "rtsp://h/movie?fec=x", "rtsp://h/movie"]
        {
            assert!(
                !describe(&Request { uri: other.to_owned(), ..plain.clone() }).contains("ulpfec"),
                "{other}"
            );
        }
        let by_header = plain.clone().with_header(header::X_REELAY_FEC, "5");
        let by_url = Request { uri: "rtsp://h/movie?quality=1&fec=5".to_owned(), ..plain.clone() };
        let with_both = by_url.clone().with_header(header::X_REELAY_RETRANSMISSION, "1");
        for (request, formats) in
            [(by_header, "RTP/AVP 26 98"), (by_url, "RTP/AVP 26 98"), (with_both, "RTP/AVPF 26 97 98")]
        {
            let text = describe(&request);
            for line in [
                &format!("m=video 0 {formats}"),
                "a=rtpmap:98 ulpfec/90000",
                "a=control:track1?fec=5",
                "a=ssrc-group:FEC-FR 7 1431655762",
            ] {
                assert!(text.lines().any(|l| l == line), "{line} in {text}");
            }
        }
        let grid = describe(&plain.clone().with_header(header::X_REELAY_FEC, "10x5"));
        for line in [
            "m=video 0 RTP/AVP 26 98",
            "a=rtpmap:98 flexfec/90000",
            "a=fmtp:98 repair-window=50000",
            "a=control:track1?fec=10x5",
            "a=ssrc-group:FEC-FR 7 1431655762",
        ] {
            assert!(grid.lines().any(|l| l == line), "{line} in {grid}");
        }
    }

    #[test]
    fn url_of_the_stream_has_the_restarts_that_were_asked_for() {
        let media = info(500);
        let resource = Resource::Presentation(media.name.clone());
        for (url, control) in [
            ("rtsp://h/movie", "a=control:track1"),
            ("rtsp://h/movie?restarts=0", "a=control:track1"),
            ("rtsp://h/movie?restarts=1&quality=1", "a=control:track1?restarts=1"),
            ("rtsp://h/movie?fec=5&restarts=1", "a=control:track1?restarts=1"),
        ] {
            let request = describe_request(url, "application/sdp");
            let response = describe(&request, &resource, &media, "127.0.0.1".parse().unwrap(), None);
            let text = std::str::from_utf8(&response.body).unwrap();
            assert!(text.lines().any(|line| line == control), "{url}: {text}");
        }
    }

    #[test]
    fn describe_without_accepted_sdp_is_406() {
        let media = info(1);
        let status = |accept: &'static str| {
            let (request, resource) =
                (describe_request("rtsp://h/movie", accept), Resource::Presentation("movie".to_owned()));
            describe(&request, &resource, &media, "::1".parse().unwrap(), None).status.code()
        };
        assert_eq!(status("application/rtsl, application/mheg"), 406);
        assert_eq!(status("text/html, application/SDP;level=2"), 200);
        assert_eq!(status("*/*"), 200);
        assert_eq!(status("application/sdp; q=0, text/html"), 406);
        assert_eq!(status("application/sdp;q=0.5"), 200);
    }
}
