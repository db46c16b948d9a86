//! Client of the classroom dialect: it writes requests of three lines only, its time goes on, and it stops.

use reelay::proto::rtsp::{Message, MessageLimits, MessageReader};
use reelay::session::{ClassroomClient, ClassroomUrl};

use super::classroom_depacketizer::datagrams;
use super::input::Input;
use super::jpegs::{JpegKind, test_jpeg};
use super::player::{Player, Script, client_options};

/// Number of bytes that servers read of a request.
const MAX_REQUEST: usize = 256;

fn check_write(bytes: &[u8]) -> Option<u32> {
    let mut reader = MessageReader::new(MessageLimits::SERVER);
    reader.push(bytes);
    assert!(bytes.len() <= MAX_REQUEST && bytes.ends_with(b"\n"), "{}", bytes.escape_ascii());
    assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 3, "{}", bytes.escape_ascii());
    let early = reader.poll_message();
    assert_eq!(early, Ok(None), "more than one request: {}", bytes.escape_ascii());
    let Some(Message::Classroom(request)) = reader.finish_classroom() else {
        panic!("{}", bytes.escape_ascii())
    };
    Some(request.cseq.expect("every request has a CSeq"))
}

pub fn body(data: &[u8]) {
    let mut input = Input::new(data);
    let (options, start) = client_options(input.byte());
    let url = ClassroomUrl::new("127.0.0.1", 1_025, "movie.Mjpeg").expect("a file of a classroom server");
    Player::new(ClassroomClient::new(url, options), start, check_write).play(&mut input);
}

fn playing(choice: u8, headers: &str) -> Script {
    let response = format!("RTSP/1.0 200 OK\nCSeq: {{C}}\nSession: 123456\n{headers}");
    Script::new(choice).respond(&response).respond(&response)
}

pub fn seeds() -> Vec<Vec<u8>> {
    let jpegs: Vec<_> = (0..6).map(|seed| test_jpeg(JpegKind::Classroom444, (32, 32), seed, 0)).collect();
    let response = "RTSP/1.0 200 OK\nCSeq: {C}\nSession: 123456\n";
    let mut seeds: Vec<_> = (0..6)
        .map(|way| {
            let script =
                playing(if way == 1 { 8 } else { 0 }, if way == 0 { "TotalFrames: 6\n" } else { "" });
            let script = datagrams(way, &jpegs)
                .iter()
                .fold(script, |script, datagram| script.packet(datagram).wait(20));
            script
                .wait(4_000)
                .command(1)
                .respond(response)
                .command(2)
                .respond(response)
                .command(0)
                .respond(response)
        })
        .collect();
    seeds.push(
        Script::new(4).respond("RTSP/1.0 500 ERROR\r\nCSeq: {C}\r\n\r\n").wait(3_000).respond(response),
    );
    seeds.push(playing(4, "Total time: 0.5\r\n\r\n").wait(8_000).lose_connection().wait(1_000));
    seeds.into_iter().map(|script| script.0).collect()
}
