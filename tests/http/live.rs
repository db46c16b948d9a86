//! Live streams whose sender's clock is fast or slow: the delay after an hour is what it was after a minute.

use std::time::{Duration, Instant};

use reelay::media::payload::{PayloadFormat, packetize};
use reelay::proto::rtsp::{Message, MessageLimits, MessageReader, RtspUrl, encode_interleaved};
use reelay::session::{ClientInput, Goal, RtspClient, StreamOptions, TransportPreference};

use super::jpegs::{JpegKind, test_jpeg};
use super::player::{MS, Player, START_S, jpeg, timed_part};

/// Interval between frames by the clock of the sender.
const INTERVAL: Duration = Duration::from_millis(100);

const HOUR: Duration = Duration::from_secs(3_600);

/// Returns the local time at which a sender's clock shows `sender_time`, if it is fast by `ppm` millionths.
fn local_time(sender_time: Duration, ppm: i64) -> Duration {
    let nanos = sender_time.as_nanos() as i128 * 1_000_000 / (1_000_000 + i128::from(ppm));
    Duration::from_nanos(nanos as u64)
}

/// Sends frames for an hour of the sender's clock with `send`, which is given the number of the frame and the time of
/// the sender. Returns the delays from sending to the screen, and the number of frames that were not shown.
fn play_for_an_hour(
    mut player: Player,
    ppm: i64,
    mut send: impl FnMut(&mut Player, u32, Duration),
) -> (Vec<Duration>, u64) {
    let (begin, mut delays) = (player.elapsed(), Vec::new());
    for number in 0..HOUR.div_duration_f64(INTERVAL) as u32 {
        let due = begin + local_time(INTERVAL * number, ppm);
        player.run_for(due.saturating_sub(player.elapsed()));
        send(&mut player, number, INTERVAL * number);
        let start = player.now - player.elapsed();
        delays.extend(player.shown.drain(..).map(|(at, frame)| at - frame.arrival.duration_since(start)));
    }
    let dropped = player.snapshot().frames_dropped_late;
    (delays, dropped)
}

fn assert_delay_stays(case: &str, (delays, dropped): (Vec<Duration>, u64)) {
    let minute = 600;
    let mean = |delays: &[Duration]| delays.iter().sum::<Duration>() / delays.len() as u32;
    let (first, last) = (mean(&delays[minute..2 * minute]), mean(&delays[delays.len() - minute..]));
    assert!(first.abs_diff(last) < 2 * MS, "{case}: {first:?} after a minute, {last:?} after an hour");
    assert!(delays.iter().max().unwrap() < &(60 * MS), "{case}: {:?}", delays.iter().max());
    assert!(
        delays.len() as u64 + dropped + 5 > 36_000 && dropped < 5,
        "{case}: {} and {dropped}",
        delays.len()
    );
}

#[test]
fn delay_over_http_does_not_grow_with_the_sender_clock() {
    for (ppm, has_times) in [(300, true), (-300, true), (300, false), (-300, false)] {
        let player = Player::playing();
        let data = jpeg(b"live");
        let played = play_for_an_hour(player, ppm, |player, _, time| {
            let time = Duration::from_secs(START_S) + time;
            let header = format!("X-Timestamp: {}.{:06}\r\n", time.as_secs(), time.subsec_micros());
            player.receive(timed_part(&data, if has_times { &header } else { "" }));
        });
        assert_delay_stays(&format!("{ppm} ppm, {has_times}"), played);
    }
}

/// Returns a client that plays a live stream over interleaved RTSP.
fn playing_rtsp() -> Player {
    let start = Instant::now();
    let mut options = Player::options(start, false, Default::default());
    options.stream = StreamOptions { transport: TransportPreference::Tcp, ..options.stream };
    let client = RtspClient::new(RtspUrl::parse("rtsp://camera/live").unwrap(), options);
    let mut player = Player::with_client(Box::new(client), start);
    player.set_goal(Goal::Playing);
    player.accept();
    let sdp = "v=0\r\na=range:npt=now-\r\nm=video 0 RTP/AVP 26\r\na=framerate:10\r\n";
    for (headers, body) in [
        ("", ""),
        ("Content-Type: application/sdp\r\n", sdp),
        ("Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", ""),
        ("Session: 1\r\n", ""),
    ] {
        respond(&mut player, headers, body);
    }
    player
}

/// Responds to the last request with status 200.
fn respond(player: &mut Player, headers: &str, body: &str) {
    let mut reader = MessageReader::new(MessageLimits::SERVER);
    reader.push(player.requests.last().unwrap().as_bytes());
    let Some(Message::Request(request)) = reader.poll_message().unwrap() else { panic!("no request") };
    let (cseq, length) = (request.headers.cseq().unwrap(), body.len());
    player.receive(format!(
        "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    ));
}

#[test]
fn delay_over_rtsp_does_not_grow_with_the_sender_clock() {
    let jpeg = test_jpeg(JpegKind::Standard420, (32, 32), 1, 90);
    let packets = packetize(&jpeg, PayloadFormat::OriginalHeader).unwrap();
    for ppm in [300, -300] {
        let mut player = playing_rtsp();
        let (mut sequence, mut buffer, mut requests) = (0u16, Vec::new(), player.requests.len());
        player.run_for(10 * MS);
        let played = play_for_an_hour(player, ppm, |player, _, time| {
            let timestamp = (time.as_micros() * 9 / 100) as u32;
            for index in 0..packets.packets().len() {
                packets.write_packet(index, sequence, timestamp, 77, &mut buffer);
                sequence = sequence.wrapping_add(1);
                player.input(ClientInput::Received(encode_interleaved(0, &buffer)));
            }
            // Reports are no requests; keep-alive requests are answered.
            if player.requests.len() > std::mem::replace(&mut requests, player.requests.len())
                && !player.requests.last().unwrap().starts_with('$')
            {
                respond(player, "Session: 1\r\n", "");
            }
        });
        assert_delay_stays(&format!("RTSP, {ppm} ppm"), played);
    }
}

#[test]
fn stream_goes_on_at_the_present_after_an_outage() {
    let mut player = Player::playing();
    let send = |player: &mut Player, number: u32| {
        let time = Duration::from_secs(START_S) + INTERVAL * number;
        let header = format!("X-Timestamp: {}.{:06}\r\n", time.as_secs(), time.subsec_micros());
        player.receive(timed_part(&jpeg(&number.to_be_bytes()), &header));
    };
    for number in 0..100 {
        send(&mut player, number);
        player.run_for(INTERVAL);
    }
    // Nothing arrives for 12 seconds; then everything that was sent meanwhile, at once.
    player.run_for(INTERVAL * 120);
    let shown = player.shown.len();
    for number in 100..220 {
        send(&mut player, number);
    }
    for number in 220..420 {
        send(&mut player, number);
        player.run_for(INTERVAL);
    }
    let newest = player.shown.last().unwrap();
    assert_eq!(newest.1.jpeg, jpeg(&419u32.to_be_bytes()));
    let delays: Vec<_> = player.shown[shown + 5..]
        .iter()
        .map(|(at, frame)| *at - frame.arrival.duration_since(player.now - player.elapsed()))
        .collect();
    assert!(delays.iter().all(|delay| *delay <= 60 * MS), "{:?}", delays.iter().max());
    assert!(player.shown.len() - shown < 250, "the backlog is not played: {}", player.shown.len() - shown);
    assert!(player.snapshot().frames_dropped_late > 50);
}
