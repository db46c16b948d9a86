//! Values of RTSP headers, and URLs: written and parsed again, they are the same.

use reelay::proto::rtsp::{Factor, NptRange, RtpInfo, RtspUrl, SessionHeader, Transport};

use super::input::Input;

fn check_transport(text: &str) {
    let transports = Transport::parse_all(text);
    assert!(transports.len() <= 1 + text.matches(',').count());
    for transport in transports {
        assert!(transport.client_port.is_none_or(|ports| ports.rtp != 0 && ports.rtcp != 0));
        let written = transport.to_string();
        if transport.mode.as_ref().is_some_and(|mode| mode.contains('"')) {
            continue;
        }
        let expected = Transport { destination: None, source: None, ..transport };
        assert_eq!(Transport::parse_all(&written), [expected], "{written}");
    }
}

fn check_rtp_info(text: &str) {
    for info in RtpInfo::parse_all(text) {
        let is_plain = !info.url.contains([';', ',', '"', '\\']) && info.url.trim() == info.url;
        if is_plain {
            assert_eq!(RtpInfo::parse_all(&info.to_string()), [info]);
        }
    }
}

fn check_range(text: &str) {
    if let Ok(range) = NptRange::parse(text) {
        assert_eq!(NptRange::parse(&range.to_string()), Ok(range));
    }
}

fn check_session(text: &str) {
    if let Some(session) = SessionHeader::parse(text) {
        assert!(session.timeout.is_none_or(|timeout| timeout.as_secs() <= 24 * 60 * 60));
        assert_eq!(SessionHeader::parse(&session.to_string()), Some(session));
    }
}

fn check_factor(text: &str) {
    if let Ok(factor) = Factor::parse(text) {
        assert_eq!(Factor::parse(&factor.to_string()), Ok(factor));
    }
}

fn check_url(text: &str) {
    // The host ends the URL of a server, the other text is a Location header.
    let (url, location) = text.split_once('|').unwrap_or((text, "next"));
    let Ok(url) = RtspUrl::parse(url) else { return };
    for url in [Ok(url.clone()), url.join(location)].into_iter().flatten() {
        let written = url.to_string();
        assert!(!written.contains(|c: char| c.is_control() || c.is_whitespace()), "{written:?}");
        let again = RtspUrl::parse(&written).unwrap_or_else(|error| panic!("{written:?}: {error}"));
        assert_eq!(again.to_string(), written);
        assert_eq!((again.host(), again.port()), (url.host(), url.port()));
        let _ = (url.decoded_path(), url.display_name(), url.host_and_port(), url.credentials());
    }
}

pub fn body(data: &[u8]) {
    let mut input = Input::new(data);
    let kind = input.byte();
    let text = String::from_utf8_lossy(input.rest());
    match kind % 6 {
        0 => check_transport(&text),
        1 => check_rtp_info(&text),
        2 => check_range(&text),
        3 => check_session(&text),
        4 => check_factor(&text),
        _ => check_url(&text),
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let values = [
        (0, "RTP/AVP;unicast;client_port=5000-5001;mode=\"PLAY,RECORD\", RTP/AVP/TCP;interleaved=0-1"),
        (0, "RTP/AVP/UDP;unicast;source=10.0.0.1;server_port=6970-6971;client_port=5000;ssrc=DEADBEEF"),
        (
            0,
            "RTP/AVP;multicast;destination=224.2.0.1;ttl=127;port=3456-3457;x-jpeg-header=1;x-jpeg-restart=1",
        ),
        (1, "url=rtsp://h/film/track1;seq=65535;rtptime=4294967295,url=rtsp://h/film/track2;seq=1"),
        (1, "url=\"rtsp://h/a,b;c\";rtptime=0;seq=0"),
        (2, "npt=0.000-25.000"),
        (2, "npt=00:00:12.5-01:59:59.999999;time=19970123T143720Z"),
        (2, "npt=now-"),
        (2, "npt=-7.5"),
        (2, "smpte=10:12:33:20-"),
        (3, "47112344;timeout=60"),
        (4, "-1.5"),
        (4, "0.25"),
        (4, "2"),
        (5, "rtsp://user:p%40ss@[fe80::1%25eth0]:8554/a%20b/c?x=1&y=/2|rtsp://other:554/d"),
        (5, "rtsp://camera.example/live stream/trackID=1|/moved/here"),
        (5, "RTSP://h?query|relative"),
        (5, "rtsp://[[eh0]:8554/a|rtsp://[::1/b"),
    ];
    values.iter().map(|(kind, text)| [&[*kind], text.as_bytes()].concat()).collect()
}
