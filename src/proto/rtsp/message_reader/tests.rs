//! Tests of the reader of RTSP messages.

use super::*;

fn messages(bytes: &[u8]) -> Result<Vec<Message>, FramingError> {
    let mut reader = MessageReader::new(MessageLimits::SERVER);
    reader.push(bytes);
    let mut messages = Vec::new();
    while let Some(message) = reader.poll_message()? {
        messages.push(message);
    }
    Ok(messages)
}

fn single_request(bytes: &[u8]) -> Request {
    match messages(bytes).unwrap().as_slice() {
        [Message::Request(request)] => request.clone(),
        other => panic!("not one request: {other:?}"),
    }
}

#[test]
fn method_that_is_no_token_or_begins_a_packet_is_refused() {
    for line in ["RTSP/1.AMETER", " RTSP/1.0", "a/b", "(x)", "\t$PLAY"] {
        let request = format!("{line} rtsp://h/film RTSP/1.0\r\nCSeq: 7\r\n\r\n");
        assert!(matches!(messages(request.as_bytes()), Err(FramingError::Malformed(_))), "{line}");
    }
}

#[test]
fn request_is_parsed_across_any_split() {
    let bytes = b"DESCRIBE rtsp://127.0.0.1/film RTSP/1.0\r\nCSeq: 2\r\nAccept: application/sdp\r\n\r\n";
    for cut in 0..bytes.len() {
        let mut reader = MessageReader::new(MessageLimits::SERVER);
        reader.push(&bytes[..cut]);
        assert_eq!(reader.poll_message().unwrap(), None);
        reader.push(&bytes[cut..]);
        let Some(Message::Request(request)) = reader.poll_message().unwrap() else { panic!("cut at {cut}") };
        assert_eq!(request.method, Method::Describe);
        assert_eq!(request.headers.get("accept"), Some("application/sdp"));
        assert!(!reader.is_mid_message());
    }
}

#[test]
fn content_length_has_digits_only() {
    for value in ["+5", "-5", "", "5 5", "0x5", "5.0"] {
        let request = format!("ANNOUNCE * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: {value}\r\n\r\nhello");
        let error = messages(request.as_bytes()).unwrap_err();
        assert_eq!(error, FramingError::InvalidContentLength(value.to_owned()));
    }
}

#[test]
fn responses_requests_and_packets_can_alternate() {
    let mut bytes = b"RTSP/1.0 200 OK\r\nCSeq: 4\r\nContent-Length: 3\r\n\r\nabc".to_vec();
    bytes.extend_from_slice(&encode_interleaved(1, &[0x81, 0xC9, 0, 1]));
    bytes.extend_from_slice(b"\r\nOPTIONS * RTSP/1.0\nCSeq: 9\n\n");
    let messages = messages(&bytes).unwrap();
    assert!(matches!(&messages[0], Message::Response(r) if r.status == StatusCode::OK && r.body == "abc"));
    assert_eq!(
        messages[1],
        Message::Interleaved { channel: 1, packet: Bytes::from_static(&[0x81, 0xC9, 0, 1]) }
    );
    assert!(matches!(&messages[2], Message::Request(r) if r.method == Method::Options));
    assert_eq!(messages.len(), 3);
}

#[test]
fn folded_and_repeated_headers_are_parsed() {
    let request =
        single_request(b"PLAY rtsp://h/f RTSP/1.0\r\nCSeq: 1\r\nRequire: a,\r\n\tb\r\nRequire: c\r\n\r\n");
    assert_eq!(request.headers.get_all("Require").collect::<Vec<_>>(), ["a, b", "c"]);
}

#[test]
fn limits_apply_to_incomplete_messages() {
    let long_uri = format!("OPTIONS rtsp://h/{} RTSP/1.0", "a".repeat(3_000));
    assert_eq!(messages(long_uri.as_bytes()), Err(FramingError::UriTooLong));
    let with_uri_length = |length: usize| {
        let url = format!("rtsp://h/{}", "a".repeat(length - 9));
        messages(format!("GET_PARAMETER {url} RTSP/1.0\r\nCSeq: 1\r\n\r\n").as_bytes())
    };
    assert!(with_uri_length(MessageLimits::SERVER.max_uri).is_ok());
    assert_eq!(with_uri_length(MessageLimits::SERVER.max_uri + 1), Err(FramingError::UriTooLong));
    let long_head = format!("OPTIONS * RTSP/1.0\r\nX: {}", "a".repeat(20_000));
    assert_eq!(messages(long_head.as_bytes()), Err(FramingError::HeadTooLong));
    let long_body = b"OPTIONS * RTSP/1.0\r\nContent-Length: 99999999\r\n\r\n";
    assert_eq!(messages(long_body), Err(FramingError::BodyTooLong));
}

#[test]
fn rejected_message_reports_its_cseq() {
    let cseq = |bytes: &[u8]| {
        let mut reader = MessageReader::new(MessageLimits::SERVER);
        reader.push(bytes);
        assert!(reader.poll_message().is_err());
        reader.rejected_cseq()
    };
    assert_eq!(cseq(b"OPTIONS * RTSP/1.0\r\nno colon\r\ncseq: 7\r\n\r\n"), Some(7));
    assert_eq!(cseq(b"OPTIONS * RTSP/1.0\r\nCSeq: 8\r\nContent-Length: 99999999\r\n\r\n"), Some(8));
    let long_head = format!("OPTIONS * RTSP/1.0\r\nX: {}\r\nCSeq: 9\r\n", "a".repeat(20_000));
    assert_eq!(cseq(long_head.as_bytes()), None, "the search ends at the limit");
    assert_eq!(cseq(b"GET / HTTP/1.1\r\nCSeq: x\r\n\r\n"), None);
    assert_eq!(cseq(b"\x16\x03\x01 \r\n\r\nCSeq: 3"), None);
}

#[test]
fn body_longer_than_content_length_is_rejected() {
    let describe_response = |length: usize, following: &str| {
        let sdp = "v=0\r\ns=film\r\nm=video 0 RTP/AVP 26\r\n";
        messages(format!("RTSP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n{sdp}{following}").as_bytes())
    };
    for following in
        ["", "$\0\0\x01x", "\r\n", "RTSP/1.0 200 OK\r\n\r\n", "RT", "TEARDOWN * RTSP/1.0\r\n\r\n"]
    {
        assert!(describe_response(35, following).is_ok(), "{following:?}");
    }
    for short in [5, 9, 14, 16] {
        assert_eq!(describe_response(short, ""), Err(FramingError::ContentLengthTooShort), "{short}");
    }
}

#[test]
fn conflicting_content_lengths_are_rejected() {
    let with_second_length = |second: &str| {
        format!("OPTIONS * RTSP/1.0\r\nContent-Length: 2\r\ncontent-length: {second}\r\n\r\nxy")
    };
    assert_eq!(&single_request(with_second_length("2").as_bytes()).body[..], b"xy");
    assert_eq!(
        messages(with_second_length("0").as_bytes()),
        Err(FramingError::InvalidContentLength("0".to_owned()))
    );
}

/// Reads the bytes as a client, in pieces of this size. Returns the lengths of the packets, the number of responses,
/// and the mistakes.
fn read_as_client(bytes: &[u8], piece: usize) -> Result<(Vec<usize>, usize, Vec<Mistake>), FramingError> {
    let mut reader = MessageReader::new(MessageLimits::CLIENT);
    let (mut packets, mut responses, mut mistakes) = (Vec::new(), 0, Vec::new());
    for piece in bytes.chunks(piece) {
        reader.push(piece);
        while let Some(message) = reader.poll_message()? {
            match message {
                Message::Interleaved { packet, .. } => packets.push(packet.len()),
                Message::Response(_) => responses += 1,
                other => panic!("{other:?}"),
            }
        }
        mistakes.extend(std::iter::from_fn(|| reader.poll_mistake()).map(|(mistake, _)| mistake));
    }
    Ok((packets, responses, mistakes))
}

#[test]
fn client_skips_junk_between_packets_and_responses() {
    let packet = |channel, length: usize| {
        let mut packet = vec![0x41; length];
        packet[0] = 0x80;
        encode_interleaved(channel, &packet)
    };
    let response = b"RTSP/1.0 200 OK\r\nCSeq: 4\r\n\r\n";
    let junks: [&[u8]; 9] = [
        b"\0",
        b"ab",
        b"hello world\r\n\r\n",
        b"OK",
        b"$",
        b"$\x07\xff\xff",
        b"$\0\xff\xff\x13",
        b"RTSP/1.0 \xff",
        b"\r\n$$$R$RTSP/",
    ];
    for junk in junks {
        let mut bytes = response.to_vec();
        for length in [900, 20, 1_400] {
            bytes.extend_from_slice(&packet(0, length));
            bytes.extend_from_slice(junk);
        }
        bytes.extend_from_slice(&packet(1, 28));
        bytes.extend_from_slice(junk);
        bytes.extend_from_slice(response);
        bytes.extend_from_slice(&packet(0, 50));
        for piece in [1, 7, 1_000, usize::MAX] {
            let (packets, responses, mistakes) = read_as_client(&bytes, piece).unwrap();
            let case = format!("{:?} in pieces of {piece}", String::from_utf8_lossy(junk));
            assert_eq!((packets, responses), (vec![900, 20, 1_400, 28, 50], 2), "{case}");
            assert_eq!(mistakes, [Mistake::JunkBetweenMessages; 4], "{case}");
        }
    }
}

#[test]
fn endless_junk_and_junk_before_the_first_message_are_rejected() {
    let response = b"RTSP/1.0 200 OK\r\nCSeq: 4\r\n\r\n".to_vec();
    let endless = [&response[..], &[0; 100_000]].concat();
    assert!(matches!(read_as_client(&endless, 10_000), Err(FramingError::Malformed(_))));
    let bounded = [&response[..], &[0; 60_000], &response[..]].concat();
    assert_eq!(read_as_client(&bounded, 10_000).unwrap().1, 2);
    assert!(matches!(read_as_client(b"\0RTSP/1.0 200 OK\r\n\r\n", 99), Err(FramingError::Malformed(_))));
}

#[test]
fn packet_that_is_no_rtp_is_read_between_others() {
    let mut bytes = encode_interleaved(0, &[0x80; 20]).to_vec();
    for other in [&[][..], &[0x13; 40]] {
        bytes.extend_from_slice(&encode_interleaved(0, other));
        bytes.extend_from_slice(&encode_interleaved(6, other));
    }
    bytes.extend_from_slice(&encode_interleaved(0, &[0x80; 30]));
    let (packets, _, mistakes) = read_as_client(&bytes, usize::MAX).unwrap();
    assert_eq!((packets, mistakes), (vec![20, 0, 0, 40, 40, 30], vec![]));
}

#[test]
fn header_line_without_colon_is_passed_over_in_a_response() {
    let bytes = b"RTSP/1.0 200 OK\r\n folded\r\nno colon here\r\nCSeq: 4\r\nanother\r\nSession: 7\r\n\r\n";
    let mut reader = MessageReader::new(MessageLimits::CLIENT);
    reader.push(bytes);
    let Ok(Some(Message::Response(response))) = reader.poll_message() else { panic!("no response") };
    assert_eq!((response.headers.cseq(), response.headers.get("Session")), (Some(4), Some("7")));
    assert_eq!(reader.poll_mistake(), Some((Mistake::HeaderWithoutColon, " folded".to_owned())));
    assert_eq!(reader.poll_mistake(), None, "one mistake is enough for a message");
}

#[test]
fn reason_phrase_has_no_control_characters_and_is_clipped() {
    let reason = |text: &str| {
        let bytes = format!("RTSP/1.0 404 {text}\r\nCSeq: 1\r\n\r\n");
        match messages(bytes.as_bytes()).unwrap().as_slice() {
            [Message::Response(response)] => response.reason_phrase.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(reason("Gone\x1b[2J\x1b]0;title\x07 now\u{9b}1m"), "Gone [2J ]0;title  now 1m");
    assert_eq!(reason(&"é".repeat(500)).chars().count(), MAX_REASON_PHRASE);
    assert_eq!(reason("Not Found"), "Not Found");
}

#[test]
fn incomplete_message_reports_missing_part() {
    let incomplete = |bytes: &[u8]| {
        let mut reader = MessageReader::new(MessageLimits::CLIENT);
        reader.push(bytes);
        assert_eq!(reader.poll_message(), Ok(None));
        reader.incomplete_message()
    };
    assert_eq!(incomplete(b""), None);
    assert_eq!(incomplete(b"$\0\0\x09x"), None);
    assert_eq!(incomplete(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPub"), Some(IncompleteMessage::Head));
    let body = IncompleteMessage::Body { received: 3, expected: 500 };
    assert_eq!(incomplete(b"RTSP/1.0 200 OK\r\nContent-Length: 500\r\n\r\nv=0"), Some(body));
}

#[test]
fn non_rtsp_input_is_rejected() {
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"OPTIONS * RTSP/1.0\r\nno colon here\r\n\r\n",
        b"RTSP/1.0 abc OK\r\n\r\n",
        b" \x1b[2JOPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    ] {
        assert!(matches!(messages(bytes), Err(FramingError::Malformed(_))), "{bytes:?}");
    }
    for length in ["-4", "many", "99999999999999999999999"] {
        let request = format!("OPTIONS * RTSP/1.0\r\nContent-Length: {length}\r\n\r\n");
        assert_eq!(messages(request.as_bytes()), Err(FramingError::InvalidContentLength(length.to_owned())));
    }
}

#[test]
fn last_classroom_request_is_finished_by_the_caller() {
    let mut reader = MessageReader::new(MessageLimits::SERVER);
    reader
        .push(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\nPLAY m RTSP/1.0\nCSeq: 2\n\nPAUSE m RTSP/1.0\nCSeq: 3");
    assert!(matches!(reader.poll_message(), Ok(Some(Message::Request(_)))));
    assert!(matches!(reader.poll_message(), Ok(Some(Message::Classroom(play))) if play.cseq == Some(2)));
    assert_eq!(reader.poll_message(), Ok(None));
    assert!(reader.may_be_complete());
    reader.push(b"3");
    assert_eq!(reader.poll_message(), Ok(None));
    let Some(Message::Classroom(pause)) = reader.finish_classroom() else { panic!("no request") };
    assert_eq!((pause.method, pause.cseq), (Method::Pause, Some(33)));
    assert!(!reader.is_mid_message() && reader.finish_classroom().is_none());
}

#[test]
fn joined_classroom_request_is_found_when_its_line_is_complete() {
    let bytes = b"PLAY m RTSP/1.0\nCSeq: 2PAUSE m RTSP/1.0 rtsp://h RTSP/1.0\n\n";
    for split in 1..bytes.len() {
        let mut reader = MessageReader::new(MessageLimits::SERVER);
        let mut messages = 0;
        for piece in [&bytes[..split], &bytes[split..]] {
            reader.push(piece);
            while reader.poll_message().unwrap().is_some() {
                messages += 1;
            }
        }
        assert_eq!((messages, reader.is_mid_message()), (1, false), "{split}");
    }
}

#[test]
fn standard_request_is_never_finished_early() {
    let bytes = b"SETUP rtsp://h/movie.Mjpeg/track1 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP\r\n\r\n";
    let mut reader = MessageReader::new(MessageLimits::SERVER);
    for &byte in &bytes[..bytes.len() - 1] {
        reader.push(&[byte]);
        assert_eq!(reader.poll_message(), Ok(None));
        assert!(!reader.may_be_complete() && reader.finish_classroom().is_none());
    }
    reader.push(b"\n");
    assert!(matches!(reader.poll_message(), Ok(Some(Message::Request(_)))));
}

#[test]
fn endless_classroom_request_is_rejected() {
    let endless = format!("PLAY m RTSP/1.0\n{}", "X: y\n".repeat(1_000));
    assert_eq!(messages(endless.as_bytes()), Err(FramingError::HeadTooLong));
}

#[test]
fn request_of_other_rtsp_version_is_parsed() {
    let request = single_request(b"OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n");
    assert_eq!(request.version, Version { major: 2, minor: 0 });
}
