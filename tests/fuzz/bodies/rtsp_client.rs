//! Client of standard RTSP: it writes complete messages only, its time goes on, and it stops.

use reelay::media::payload::PayloadFormat;
use reelay::proto::fec::{FecFormat, Parity};
use reelay::proto::rtp::Header;
use reelay::proto::rtsp::{Message, MessageLimits, MessageReader, RtspUrl};
use reelay::proto::rtx::{self, RtxFields};
use reelay::session::RtspClient;

use super::input::Input;
use super::jpegs::{JpegKind, test_jpeg};
use super::player::{Player, Script, client_options};
use super::rfc2435_depacketizer::packet_blocks;
use super::rtcp_packet;

/// Limits beyond those of all servers: a server may redirect to a long URL.
const LIMITS: MessageLimits =
    MessageLimits { max_uri: 1 << 20, max_head: 1 << 21, max_body: 1 << 20, max_skipped: 0 };

/// Checks that the client writes complete messages, and nothing that a server has inserted; returns the CSeq of a
/// request.
fn check_write(bytes: &[u8]) -> Option<u32> {
    let mut reader = MessageReader::new(LIMITS);
    reader.push(bytes);
    let message = reader.poll_message().unwrap_or_else(|error| panic!("{error}: {}", bytes.escape_ascii()));
    assert!(!reader.is_mid_message(), "more than one message: {}", bytes.escape_ascii());
    match message {
        Some(Message::Request(request)) => {
            assert_eq!(request.encode(), bytes, "{}", bytes.escape_ascii());
            Some(request.headers.cseq().expect("every request has a CSeq"))
        }
        Some(Message::Response(_) | Message::Interleaved { .. }) => None,
        other => panic!("{other:?}: {}", bytes.escape_ascii()),
    }
}

pub fn body(data: &[u8]) {
    let mut input = Input::new(data);
    let (options, start) = client_options(input.byte());
    let url = RtspUrl::parse("rtsp://user:secret@127.0.0.1:8554/film").expect("a URL");
    Player::new(RtspClient::new(url, options), start, check_write).play(&mut input);
}

const OK: &str = "RTSP/1.0 200 OK\r\nCSeq: {C}\r\n";

fn described(script: Script) -> Script {
    described_with(script, "RTP/AVP 26", FecFormat::Ulpfec)
}

fn described_with(script: Script, profile: &str, parity: FecFormat) -> Script {
    let parity = parity.encoding();
    let sdp = format!(
        "v=0\r\ns=Camera\r\na=range:npt=0-2.0\r\nm=video 0 {profile}\r\na=framerate:25\r\na=control:track1\r\n\
         a=x-reelay-jpeg-header:1\r\na=rtcp-xr:rcvr-rtt=sender\r\na=rtpmap:97 rtx/90000\r\n\
         a=fmtp:97 apt=26;rtx-time=1000\r\na=rtcp-fb:26 nack\r\na=rtcp-rsize\r\n\
         a=rtpmap:98 {parity}\r\na=ssrc-group:FEC-FR 7 9\r\na=fmtp:98 repair-window=200000\r\n"
    );
    let length = sdp.len();
    script.respond(&format!("{OK}Public: OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER\r\n\r\n")).respond(
        &format!("{OK}Content-Base: rtsp://127.0.0.1:8554/film/\r\nContent-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{sdp}"),
    )
}

fn playing(script: Script, transport: &str) -> Script {
    playing_with(script, transport, FecFormat::Ulpfec)
}

fn playing_with(script: Script, transport: &str, parity: FecFormat) -> Script {
    let has_feedback = transport.starts_with("RTP/AVPF");
    described_with(script, if has_feedback { "RTP/AVPF 26 97 98" } else { "RTP/AVP 26 98" }, parity)
        .respond(&format!("{OK}Session: 12345678;timeout=60\r\nTransport: {transport}\r\n\r\n"))
        .respond(&format!("{OK}Session: 12345678\r\nRange: npt=0-2.0\r\nRTP-Info: url=rtsp://127.0.0.1:8554/film/track1;seq=65530;rtptime=0\r\n\r\n"))
}

const UDP: &str = "RTP/AVP;unicast;client_port=19456-19457;server_port=6970-6971;ssrc=00000007";
const FEEDBACK: &str = "RTP/AVPF;unicast;client_port=19456-19457;server_port=6970-6971;ssrc=00000007";
const TCP: &str = "RTP/AVP/TCP;unicast;interleaved=0-1";

pub fn seeds() -> Vec<Vec<u8>> {
    let jpegs: Vec<_> = (0..6).map(|seed| test_jpeg(JpegKind::Standard420, (32, 32), seed, 0)).collect();
    let packets = packet_blocks(&jpegs, PayloadFormat::OriginalHeader);
    let reports = rtcp_packet::seeds();
    let with_packets =
        |script: Script| packets.iter().fold(script, |script, packet| script.packet(packet).wait(40));
    // Each second packet is lost and sent again.
    let with_retransmissions = |script: Script| {
        packets.iter().enumerate().fold(script, |script, (index, packet)| match index % 2 {
            0 => script.packet(packet).wait(10),
            _ => {
                let fields = RtxFields { payload_type: 97, ssrc: 8, sequence: index as u16 };
                script.wait(10).packet(&rtx::encode(packet, fields).expect("a packet")).wait(10)
            }
        })
    };
    // Each third packet is lost and recovered.
    let with_parity = |script: Script, format: FecFormat| {
        packets.chunks(3).fold(script, |script, group| {
            let mut parity = Parity::new(format);
            group.iter().for_each(|packet| _ = parity.add(packet));
            let header = Header { marker: false, payload_type: 98, sequence: 0, timestamp: 0, ssrc: 9 };
            let script = group.iter().take(2).fold(script, |script, packet| script.packet(packet).wait(10));
            let header = match format {
                FecFormat::Ulpfec => header.encode(false).to_vec(),
                FecFormat::Flexfec => header.encode_with_csrc(7).to_vec(),
            };
            script.packet(&[&header[..], &parity.encode()].concat()).wait(10)
        })
    };
    let with_frames =
        |script: Script| packets.iter().fold(script, |script, packet| script.interleaved(0, packet).wait(40));
    let challenge = "RTSP/1.0 401 Unauthorized\r\nCSeq: {C}\r\nWWW-Authenticate: Digest realm=\"x\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n";
    let empty = format!("{OK}Session: 12345678\r\n\r\n");
    [
        with_packets(playing(Script::new(0), UDP)).rtcp(&reports[0]).wait(500).rtcp(&reports[3]).wait(3_000).respond(&empty),
        with_retransmissions(playing(Script::new(16), FEEDBACK)).wait(3_000).respond(&empty),
        with_retransmissions(playing(Script::new(60), FEEDBACK)).wait(3_000).respond(&empty),
        with_parity(playing(Script::new(64), UDP), FecFormat::Ulpfec).wait(3_000).respond(&empty),
        with_parity(playing(Script::new(80), FEEDBACK), FecFormat::Ulpfec).wait(3_000).respond(&empty),
        with_parity(playing_with(Script::new(192), UDP, FecFormat::Flexfec), FecFormat::Flexfec).wait(3_000).respond(&empty),
        with_packets(playing(Script::new(12), UDP)).wait(20_000).lose_connection().wait(2_000),
        with_frames(playing(Script::new(1), TCP)).interleaved(1, &reports[0]).wait(200).command(0).respond(&empty),
        with_frames(playing(Script::new(5), TCP)).wait(30_000).respond(&empty).wait(30_000),
        with_packets(playing(Script::new(0), UDP).command(1).respond(&empty).seek(1_000)).command(3).respond(&format!("{OK}Session: 12345678\r\nRange: npt=1-\r\nRTP-Info: url=track1;seq=9;rtptime=90000\r\n\r\n")),
        described(Script::new(2)).respond("RTSP/1.0 461 Unsupported Transport\r\nCSeq: {C}\r\n\r\n").respond(&format!("{OK}Session: a\r\nTransport: {TCP}\r\n\r\n")),
        described(Script::new(0).respond(challenge)).respond(challenge),
        Script::new(4).respond("RTSP/1.0 302 Moved\r\nCSeq: {C}\r\nLocation: rtsp://127.0.0.2/other film\r\n\r\n").wait(100),
        playing(Script::new(6), UDP).wait(6_000).respond("OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\nREDIRECT rtsp://127.0.0.1:8554/film RTSP/1.0\r\nCSeq: 10\r\nLocation: rtsp://127.0.0.1:8554/film\r\n\r\n").wait(4_000),
    ]
    .into_iter()
    .map(|script| script.0)
    .collect()
}
