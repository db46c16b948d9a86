//! Session descriptions: written and parsed again, they are the same.

use std::net::{IpAddr, Ipv4Addr};

use reelay::proto::sdp::{FRAME_RATE_RANGE, MediaDescription, SessionDescription};

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Returns what writing keeps: a name that is empty is written as `-`.
fn written_form(description: SessionDescription) -> SessionDescription {
    let name = if description.name.is_empty() { "-".to_owned() } else { description.name };
    SessionDescription { name, ..description }
}

fn check_media(media: &MediaDescription) {
    assert!(media.frame_rate.is_none_or(|rate| FRAME_RATE_RANGE.contains(&rate)));
    for text in [media.encoding_name(), media.encoding_and_media_type()] {
        assert!(!text.contains(char::is_control) && text.chars().count() <= 100, "{text:?}");
    }
}

pub fn body(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (mut mistakes, lines) = (0, text.lines().count());
    let parsed = SessionDescription::parse_reporting(&text, &mut |_, _| mistakes += 1);
    assert!(mistakes <= 2 * lines + 1, "{mistakes} mistakes in {lines} lines");
    let Ok(description) = parsed else { return };
    assert!(!description.media.is_empty() || text.contains("v=0"));
    description.media.iter().for_each(check_media);
    if let Some((media, payload_type)) = description.jpeg_media() {
        assert!(
            media.formats.contains(&payload_type)
                || media.rtpmaps.iter().any(|(mapped, _)| *mapped == payload_type)
        );
        description.media_range(media);
    }
    let is_plain = !text.contains(|c: char| c.is_control() && c != '\r' && c != '\n');
    if is_plain && description.media.iter().all(|media| !media.is_malformed) {
        let written = description.encode((1, 1), HOST);
        let again = SessionDescription::parse(&written).expect("a written description is valid");
        assert_eq!(written_form(again), written_form(description), "{written}");
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    [
        "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=Camera\r\nt=0 0\r\na=control:*\r\na=range:npt=0-25.5\r\na=tool:x 1.0\r\nm=video 0 RTP/AVP 26\r\na=framerate:29.97\r\na=control:track1\r\na=x-dimensions:640,480\r\n",
        "v=0\ns= \nm=audio 0 RTP/AVP 0 8\na=rtpmap:8 PCMA/8000\nm=video 0 RTP/AVP 96\na=rtpmap:96 JPEG/90000\na=framesize:96 4096-2160\na=control:rtsp://h/film/trackID=2\na=range:npt=now-\n",
        "m=video 0 RTP/AVP 96\r\na=rtpmap: 26  JPEG/90000\r\na=x-reelay-jpeg-header:1\r\na=rtcp-xr:rcvr-rtt=sender voip-metrics\r\nbroken\r\n",
        "v=0\r\ns=A\r\nm=video\r\na=rtpmap:26 JPEG/90000\r\nm=application 0 RTP/AVP 107\r\na=control track3\r\n",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .chain([format!("v=0\ns={} b\nm=video 0 RTP/AVP 26\n", "a".repeat(199)).into_bytes()])
    .collect()
}
