//! Reader of RTSP messages of both dialects: in pieces, written again, and within its limits.

use reelay::proto::rtsp::{
    FramingError, Message, MessageLimits, MessageReader, Request, Response, encode_interleaved,
};

use super::input::{Input, pieces};

/// Limits that inputs reach.
const SMALL: MessageLimits = MessageLimits { max_uri: 100, max_head: 400, max_body: 600, max_skipped: 0 };

/// Maximum length of an interleaved packet with its four bytes of framing.
const MAX_FRAME: usize = 4 + 65_535;

/// What was read from a byte stream.
#[derive(Debug, PartialEq)]
struct Reading {
    messages: Vec<Message>,
    error: Option<FramingError>,
    has_mistakes: bool,
}

fn read(limits: MessageLimits, pieces: &[&[u8]]) -> Reading {
    let mut reader = MessageReader::new(limits);
    let mut reading = Reading { messages: Vec::new(), error: None, has_mistakes: false };
    let (max_held, mut held) = (limits.max_head + limits.max_body + limits.max_skipped + MAX_FRAME, 0);
    // Junk is a mistake once it has ended.
    let end: &[u8] = if limits.max_skipped > 0 { b"\r\n\r\nRTSP/1.0 200 OK\r\n\r\n" } else { b"" };
    'input: for piece in pieces.iter().chain([&end]) {
        reader.push(piece);
        held += piece.len();
        loop {
            match reader.poll_message() {
                Ok(Some(message)) => {
                    held = piece.len();
                    reading.messages.push(message);
                }
                Ok(None) => break,
                Err(error) => {
                    reading.error = Some(error);
                    break 'input;
                }
            }
        }
        assert!(held <= max_held + piece.len(), "{held} bytes are kept without a message");
        while reader.poll_mistake().is_some() {
            reading.has_mistakes = true;
        }
    }
    while reader.poll_mistake().is_some() {
        reading.has_mistakes = true;
    }
    match &reading.error {
        Some(error) => {
            assert!((400..500).contains(&error.status_code().code()));
            reader.rejected_cseq();
        }
        None => {
            let _ = reader.incomplete_message().map(|incomplete| incomplete.to_string());
            let may_be_complete = reader.may_be_complete();
            let last = reader.finish_classroom();
            assert_eq!(last.is_some(), may_be_complete);
            assert!(last.is_none() || !reader.is_mid_message(), "bytes follow the last request");
            reading.messages.extend(last);
        }
    }
    reading
}

/// Parses a message that was written.
fn read_one(bytes: &[u8]) -> Option<Message> {
    const ANY: MessageLimits = MessageLimits {
        max_uri: usize::MAX / 8,
        max_head: usize::MAX / 8,
        max_body: usize::MAX / 8,
        max_skipped: 0,
    };
    let reading = read(ANY, &[bytes]);
    assert_eq!((reading.messages.len(), &reading.error), (1, &None), "{}", bytes.escape_ascii());
    reading.messages.into_iter().next()
}

fn check_request(request: &Request) {
    assert!(!request.uri.contains(|c: char| c.is_ascii_whitespace()), "{request:?}");
    // Without control characters, a request for a file is one of the other dialect.
    if request.uri != "*" && !request.uri.contains("://") {
        return;
    }
    let Some(Message::Request(again)) = read_one(&request.encode()) else { panic!("{request:?}") };
    let parts = |request: &Request| {
        (request.method.clone(), request.uri.clone(), request.headers.cseq(), request.body.clone())
    };
    assert_eq!(parts(&again), parts(request));
    assert_eq!(read_one(&again.encode()), Some(Message::Request(again)));
}

fn check_response(response: &Response) {
    assert!(!response.reason_phrase.contains(char::is_control), "{response:?}");
    let Some(Message::Response(again)) = read_one(&response.encode()) else { panic!("{response:?}") };
    let parts = |response: &Response| {
        (response.status, response.reason_phrase.clone(), response.headers.cseq(), response.body.clone())
    };
    assert_eq!(parts(&again), parts(response));
    assert_eq!(read_one(&again.encode()), Some(Message::Response(again)));
}

fn check(message: &Message) {
    match message {
        Message::Request(request) => check_request(request),
        Message::Response(response) => check_response(response),
        Message::Classroom(request) => {
            assert!(
                !request.file.contains(char::is_control) && request.client_port != Some(0),
                "{request:?}"
            );
        }
        Message::Interleaved { channel, packet } => {
            assert_eq!(read_one(&encode_interleaved(*channel, packet)).as_ref(), Some(message));
        }
    }
}

pub fn body(data: &[u8]) {
    let mut input = Input::new(data);
    let (kind, choice) = (input.byte(), input.byte());
    let bytes = input.rest();
    let limits = match kind % 3 {
        0 => MessageLimits::SERVER,
        1 => SMALL,
        _ => MessageLimits { max_skipped: 200, ..SMALL },
    };
    let at_once = read(limits, &[bytes]);
    let max_length = [1, 3, 16, 200][usize::from(kind / 3) % 4];
    let in_pieces = read(limits, &pieces(bytes, choice, max_length));
    // What ends a response or an interleaved packet can depend on the bytes after it, and on those that have arrived.
    let is_alike = |reading: &Reading| match &reading.error {
        Some(FramingError::ContentLengthTooShort) => false,
        error => limits.max_skipped == 0 || !reading.has_mistakes && error.is_none(),
    };
    if is_alike(&at_once) && is_alike(&in_pieces) {
        assert_eq!(in_pieces, at_once);
    }
    at_once.messages.iter().for_each(check);
}

pub fn seeds() -> Vec<Vec<u8>> {
    let streams: [&[u8]; 14] = [
        b"OPTIONS rtsp://h/film RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: x\r\n\r\nDESCRIBE rtsp://h/film RTSP/1.0\r\nCSeq: 2\r\nAccept: application/sdp\r\n\r\n",
        b"SETUP rtsp://h/film/track1 RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP;unicast;client_port=5000-5001\r\n\r\n\r\nPLAY rtsp://h/film RTSP/1.0\r\nCSeq: 4\r\nSession: 12345678\r\nRange: npt=0-\r\n\r\n",
        b"GET_PARAMETER rtsp://h/film RTSP/1.0\r\nCSeq: 5\r\nContent-Type: text/parameters\r\nContent-Length: 10\r\n\r\nposition\r\nTEARDOWN * RTSP/1.0\nCSeq: 6\nSession: a\n b\n\n",
        b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: OPTIONS,\r\n DESCRIBE\r\n\r\n$\0\0\x0c\x80\x1a\0\x01\0\0\0\0\0\0\0\x09RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 5\r\n\r\nv=0\r\n$\x01\0\x08\x80\xc9\0\x01\0\0\0\x09xx$\0\0\x0c\x80\x1a\0\x02\0\0\0\0\0\0\0\x09",
        b"RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\nWWW-Authenticate: Digest realm=\"x\", nonce=\"n\"\r\nno colon\r\n\r\n",
        b"SETUP movie.Mjpeg RTSP/1.0\nCSeq: 1\nTransport: RTP/UDP; client_port= 25000\n\nPLAY movie.Mjpeg RTSP/1.0\nCSeq: 2\nSession: 123456",
        b"SETUP movie.Mjpeg RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/UDP; client_port= 25000\r\nPLAY movie.Mjpeg RTSP/1.0\r\nCSeq: 2\r\nSession: 123456PAUSE movie.Mjpeg RTSP/1.0\r\nCSeq: 3\r\nSession: 1",
        b"SETUP movie.Mjpeg\n1\n RTSP/1.0 RTP/UDP 25000PLAY\n2\nTEARDOWN\n3\n",
        b"SETUP my film.Mjpeg RTSP/1.0\nCSeq: 1\nTransport: TCP; client_port= 25000\n\n$\0\0\x04abcd",
        b"GET /film HTTP/1.1\r\nHost: h\r\n\r\n",
        b"RTSP/1.0 401 x\nA: b\n\n$\0\0\x04abc\n$\0\0\0\0\xf2\xf5\xaa,=$\0\0\x04abcd",
        b"\t$PARAMETER rtsp://h/film RTSP/1.0\r\nCSeq: 5\r\n\r\n",
        b"SET_PARAMETER rtsp://h/film RTSP/1.0\r\nCSeq: 7\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\na: OPTIONS * RTSP/2.0\r\nCSeq: x\r\n\r\n",
    ];
    (0..).zip(streams).map(|(kind, stream)| [&[kind, 7], stream].concat()).collect()
}
