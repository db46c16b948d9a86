use std::time::Duration;

use super::text::MAX_TEXT_LENGTH;
use super::*;
use crate::proto::fec::FecFormat;
use crate::proto::mistake::Mistake;
use crate::proto::rtsp::NptRange;

const CAMERA: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=A camera\r\nt=0 0\r\na=control:*\r\n\
    a=range:npt=now-\r\nm=audio 0 RTP/AVP 0\r\na=control:stream=1\r\nm=video 0 RTP/AVP 98 26\r\n\
    c=IN IP4 0.0.0.0\r\na=rtpmap:98 H264/90000\r\na=framerate:25.000000\r\na=control:stream=0\r\n\
    a=x-dimensions:2592,1944\r\n";

#[test]
fn jpeg_stream_is_found_among_others() {
    let session = SessionDescription::parse(CAMERA).unwrap();
    assert_eq!((session.name.as_str(), session.control.as_deref()), ("A camera", Some("*")));
    let (media, payload_type) = session.jpeg_media().unwrap();
    assert_eq!(payload_type, 26);
    assert_eq!(media.control.as_deref(), Some("stream=0"));
    assert_eq!((media.frame_rate, media.dimensions), (Some(25.0), Some((2_592, 1_944))));
    assert_eq!(session.media_range(media), Some(NptRange::default()));
    assert_eq!(session.media[0].encoding_and_media_type(), "PCMU audio");
    assert_eq!(media.encoding_name(), "H264");
}

#[test]
fn dimensions_are_read_from_either_attribute() {
    for (lines, size) in [
        ("a=framesize:26 2592-1944\n", Some((2_592, 1_944))),
        ("a=framesize:26 640-480\na=x-dimensions:2592,1944\n", Some((2_592, 1_944))),
        ("a=x-dimensions:2592,1944\na=framesize:26 640-480\n", Some((2_592, 1_944))),
        ("a=framesize:26\n", None),
        ("a=framesize:26 640x480\n", None),
    ] {
        let session = SessionDescription::parse(&format!("v=0\nm=video 0 RTP/AVP 26\n{lines}")).unwrap();
        assert_eq!(session.media[0].dimensions, size, "{lines}");
    }
}

/// The static payload types of RFC 3551 section 6.
#[test]
fn static_payload_types_have_their_names() {
    let expected = "0 PCMU,3 GSM,4 G723,5 DVI4,6 DVI4,7 LPC,8 PCMA,9 G722,10 L16,11 L16,12 QCELP,13 CN,14 MPA,15 G728,\
        16 DVI4,17 DVI4,18 G729,25 CelB,26 JPEG,28 nv,31 H261,32 MPV,33 MP2T,34 H263";
    let named = (0..96).filter_map(|payload_type: u8| {
        let session = SessionDescription::parse(&format!("v=0\nm=x 0 RTP/AVP {payload_type}\n")).unwrap();
        let name = session.media[0].encoding_and_media_type();
        (!name.starts_with("payload type"))
            .then(|| format!("{payload_type} {}", name.strip_suffix(" x").unwrap()))
    });
    assert_eq!(named.collect::<Vec<_>>().join(","), expected);
}

#[test]
fn every_stream_has_a_readable_name() {
    for (lines, name) in [
        ("m=audio 0 RTP/AVP 97\na=rtpmap:97 MPEG4-GENERIC/48000/2\n", "MPEG4-GENERIC audio"),
        ("m=audio 0 RTP/AVP 8 0\n", "PCMA audio"),
        ("m=video 0 RTP/AVP 34\n", "H263 video"),
        ("m=video 0 RTP/AVP 77\n", "payload type 77 video"),
        (
            "m=application 0 RTP/AVP 107\na=rtpmap:107 vnd.onvif.metadata/90000\n",
            "vnd.onvif.metadata application",
        ),
        ("m=text 0 RTP/AVP\n", "text"),
        ("m=audio 0 RTP/AVP 97\na=rtpmap:97 \u{1b}[2Jclear/8000\n", "[2Jclear audio"),
    ] {
        let session = SessionDescription::parse(&format!("v=0\n{lines}")).unwrap();
        assert_eq!(session.media[0].encoding_and_media_type(), name);
    }
}

#[test]
fn dynamic_payload_type_mapped_to_jpeg_is_found() {
    let text = "v=0\nm=video 0 RTP/AVP 96\na=rtpmap:96 jpeg/90000\n";
    assert_eq!(SessionDescription::parse(text).unwrap().jpeg_media().unwrap().1, 96);
    let text = "v=0\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n";
    assert!(SessionDescription::parse(text).unwrap().jpeg_media().is_none());
}

#[test]
fn description_round_trips() {
    let session = SessionDescription {
        name: "movie.Mjpeg".to_owned(),
        control: Some("*".to_owned()),
        range: Some(NptRange::parse("npt=0-25").unwrap()),
        tool: Some("Reelay".to_owned()),
        media: vec![MediaDescription {
            media_type: "video".to_owned(),
            formats: vec![26],
            rtpmaps: vec![(26, "JPEG/90000".to_owned())],
            control: Some("track1".to_owned()),
            frame_rate: Some(29.97),
            dimensions: Some((384, 288)),
            jpeg_header: true,
            receiver_rtt: true,
            feedback: None,
            parity_sources: None,
            repair_window: None,
            range: None,
            is_malformed: false,
        }],
    };
    let text = session.encode((7, 1), "127.0.0.1".parse().unwrap());
    assert!(
        text.starts_with("v=0\r\no=- 7 1 IN IP4 127.0.0.1\r\ns=movie.Mjpeg\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"),
        "{text}"
    );
    assert!(text.contains("a=x-reelay-jpeg-header:1\r\n"));
    assert_eq!(SessionDescription::parse(&text).unwrap(), session);
}

#[test]
fn retransmission_is_described_with_the_feedback_profile_only() {
    let format = RetransmissionFormat { payload_type: 97, original: 26, time_ms: Some(1_000) };
    let sources = FeedbackSources { ssrc: 7, retransmission: 4_000_000_000, cname: "x".to_owned() };
    let feedback =
        Feedback { nack: true, reduced_size: true, retransmissions: vec![format], sources: Some(sources) };
    let media = MediaDescription {
        media_type: "video".to_owned(),
        formats: vec![26, 97],
        rtpmaps: vec![(26, "JPEG/90000".to_owned()), (97, "rtx/90000".to_owned())],
        feedback: Some(feedback),
        ..MediaDescription::default()
    };
    let session = SessionDescription { name: "-".to_owned(), media: vec![media], ..Default::default() };
    let text = session.encode((7, 1), "127.0.0.1".parse().unwrap());
    let lines = "m=video 0 RTP/AVPF 26 97\r\na=rtpmap:26 JPEG/90000\r\na=rtpmap:97 rtx/90000\r\n\
        a=fmtp:97 apt=26;rtx-time=1000\r\na=rtcp-fb:26 nack\r\na=rtcp-rsize\r\n\
        a=ssrc-group:FID 7 4000000000\r\na=ssrc:7 cname:x\r\na=ssrc:4000000000 cname:x\r\n";
    assert!(text.ends_with(lines), "{text}");
    assert_eq!(SessionDescription::parse(&text).unwrap(), session);
    assert_eq!((session.jpeg_media().unwrap().1, session.media[0].retransmission_of(26)), (26, Some(format)));
    for (from, to) in [
        ("RTP/AVPF", "RTP/AVP"),
        ("26 nack\r\n", "26 nack pli\r\n"),
        ("apt=26", "apt=9"),
        ("97 rtx", "98 rtx"),
    ] {
        let other = SessionDescription::parse(&text.replace(from, to)).unwrap();
        assert_eq!(other.media[0].retransmission_of(26), None, "{to}");
    }
}

#[test]
fn parity_packets_are_described_with_and_without_feedback() {
    let cname = || "x".to_owned();
    let parity_sources = Some(ParitySources { ssrc: 7, parity: 8, cname: cname() });
    let plain = MediaDescription {
        media_type: "video".to_owned(),
        formats: vec![26, 98],
        rtpmaps: vec![(98, FecFormat::Ulpfec.encoding().to_owned())],
        parity_sources,
        ..MediaDescription::default()
    };
    let sources = FeedbackSources { ssrc: 7, retransmission: 9, cname: cname() };
    let feedback = Feedback { sources: Some(sources), ..Feedback::default() };
    let both = MediaDescription { feedback: Some(feedback), ..plain.clone() };
    let grid = MediaDescription {
        rtpmaps: vec![(98, FecFormat::Flexfec.encoding().to_owned())],
        repair_window: Some(RepairWindow { payload_type: 98, length: Duration::from_millis(40) }),
        ..plain.clone()
    };
    let group = "a=ssrc-group:FEC-FR 7 8\r\n";
    for (media, end) in [
        (
            plain,
            format!(
                "m=video 0 RTP/AVP 26 98\r\na=rtpmap:98 ulpfec/90000\r\n{group}a=ssrc:7 cname:x\r\na=ssrc:8 cname:x\r\n"
            ),
        ),
        (both, format!("a=ssrc:7 cname:x\r\na=ssrc:9 cname:x\r\n{group}a=ssrc:8 cname:x\r\n")),
        (grid, format!("{group}a=ssrc:7 cname:x\r\na=ssrc:8 cname:x\r\na=fmtp:98 repair-window=40000\r\n")),
    ] {
        let format = if end.contains("fmtp") { FecFormat::Flexfec } else { FecFormat::Ulpfec };
        let session = SessionDescription { name: "-".to_owned(), media: vec![media], ..Default::default() };
        let text = session.encode((7, 1), "127.0.0.1".parse().unwrap());
        assert!(text.ends_with(&end), "{text}");
        let parsed = SessionDescription::parse(&text).unwrap();
        assert_eq!(parsed, session);
        assert_eq!(parsed.media[0].parity_format(), Some((98, format)));
        let other = SessionDescription::parse(&text.replace(format.encoding(), "red/90000")).unwrap();
        assert_eq!(other.media[0].parity_format(), None);
    }
}

/// Parses a description. Returns the payload type of JPEG and the mistakes.
fn jpeg_and_mistakes(text: &str) -> (Option<u8>, Vec<Mistake>) {
    let mut mistakes = Vec::new();
    let session = SessionDescription::parse_reporting(text, &mut |mistake, _| mistakes.push(mistake));
    (session.unwrap().jpeg_media().map(|(_, payload_type)| payload_type), mistakes)
}

#[test]
fn description_without_version_is_read_behind_bom_and_blank_lines() {
    for start in ["", "\u{feff}", "\r\n", "\u{feff}\r\n  \r\n", " "] {
        let media = format!("{start}m=video 0 RTP/AVP 26\r\na=control:t\r\n");
        assert_eq!(jpeg_and_mistakes(&media), (Some(26), vec![Mistake::MissingSdpVersion]), "{start:?}");
        let with_version = format!("{start}v=0\r\nm=video 0 RTP/AVP 26\r\n");
        assert_eq!(jpeg_and_mistakes(&with_version), (Some(26), vec![]), "{start:?}");
    }
}

#[test]
fn rtpmap_is_read_with_any_white_space() {
    for rtpmap in
        ["96\tJPEG/90000 ", "96  JPEG/90000", " 96 JPEG/90000", "96\t \tJPEG / 90000", "96 JPEG/90000\t"]
    {
        let text = format!("v=0\nm=video 0 RTP/AVP 96\na=rtpmap:{rtpmap}\n");
        let (payload_type, mistakes) = jpeg_and_mistakes(&text);
        assert_eq!(payload_type, Some(96), "{rtpmap:?}");
        let is_trimmed = rtpmap.trim() == "96 JPEG/90000";
        assert_eq!(mistakes.is_empty(), is_trimmed, "{rtpmap:?}");
    }
}

/// Descriptions of a template in Java: a control attribute without a colon, and a payload type that only rtpmap
/// states.
#[test]
fn rtpmap_with_jpeg_is_believed_over_media_line() {
    let streams = [
        ("m=video\na=control trackID=0\na=rtpmap:26 JPEG/90000\nm=audio 0 RTP/AVP 0\n", 26),
        ("m=video 0 RTP/AVP 96\na=rtpmap:26 JPEG/90000\n", 26),
        ("m=video 0 RTP/AVP 0\na=rtpmap:26 jpeg/90000\n", 26),
        ("m=video 0 RTP/AVP\na=rtpmap:97 JPEG\nm=audio 0 RTP/AVP 0\n", 97),
        ("m=video 0 RTP/AVP 96\na=rtpmap:26 JPEG/90000\nm=video 0 RTP/AVP 26\n", 26),
    ];
    for (lines, payload_type) in streams {
        assert_eq!(jpeg_and_mistakes(&format!("v=0\n{lines}")).0, Some(payload_type), "{lines}");
    }
    let (_, mistakes) = jpeg_and_mistakes(&format!("v=0\n{}", streams[0].0));
    assert_eq!(mistakes, [Mistake::MalformedSdpLine; 2]);
    let h264 = "v=0\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=rtpmap:26 H264/90000\n";
    assert_eq!(jpeg_and_mistakes(h264).0, None);
}

#[test]
fn names_have_no_control_characters_and_are_clipped() {
    let text = format!("v=0\ns=a\x1b]0;title\x07b\na=tool:{}\nm=video 0 RTP/AVP 26\n", "x".repeat(9_000));
    let session = SessionDescription::parse(&text).unwrap();
    assert_eq!(session.name, "a]0;titleb");
    assert_eq!(session.tool.unwrap().len(), MAX_TEXT_LENGTH);
}

#[test]
fn malformed_and_oversized_descriptions_are_rejected() {
    for (text, error) in
        [("", SdpError::Version), ("<html>", SdpError::Version), ("v=0\nm=video\n", SdpError::MediaLine)]
    {
        assert_eq!(SessionDescription::parse(text).unwrap_err(), error, "{text:?}");
    }
    assert!(SessionDescription::parse("v=0\ns=no stream\n").unwrap().media.is_empty());
    assert!(SessionDescription::parse(&format!("v=0\n{}", "m=video 0 RTP/AVP 26\n".repeat(65))).is_err());
}

#[test]
fn range_may_be_stated_for_the_session_or_for_the_stream() {
    for lines in ["a=range:npt=0-5\nm=video 0 RTP/AVP 26\n", "m=video 0 RTP/AVP 26\na=range:npt=0-5\n"] {
        let session = SessionDescription::parse(&format!("v=0\n{lines}")).unwrap();
        let range = session.range.or(session.media[0].range);
        assert_eq!(range.map(|range| range.to_string()).as_deref(), Some("npt=0.000-5.000"), "{lines}");
    }
}

#[test]
fn out_of_range_frame_rate_is_ignored() {
    for (stated, expected) in
        [("25", Some(25.0)), ("1e-300", None), ("0", None), ("1e9", None), ("NaN", None)]
    {
        let text = format!("v=0\nm=video 0 RTP/AVP 26\na=framerate:{stated}\n");
        assert_eq!(SessionDescription::parse(&text).unwrap().media[0].frame_rate, expected, "{stated}");
    }
}

#[test]
fn name_that_is_cut_at_a_space_is_the_same_when_written_and_read_again() {
    let name = format!("{} and more", "a".repeat(MAX_TEXT_LENGTH - 1));
    let session = SessionDescription::parse(&format!("v=0\ns={name}\nm=video 0 RTP/AVP 26\n")).unwrap();
    assert_eq!(session.name, "a".repeat(MAX_TEXT_LENGTH - 1));
}
