//! Suspended computers, stopped processes and clocks that are set, on virtual time.

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::jpegs::JpegKind;
use common::media_files::test_jpegs;
use common::simulation::{MS, World, WorldOptions};
use reelay::media::FrameRate;
use reelay::media::container::FrameTimes;
use reelay::media::payload::{PayloadFormat, packetize};
use reelay::net::clock_check::ClockJump;
use reelay::proto::rtcp::{self, Epoch, NtpTime, RtcpPacket};
use reelay::proto::rtp::Packet;
use reelay::server_embed::playback_speed::PlaybackSpeed;
use reelay::server_embed::stream::{Identity, RtpStream, StreamOutput};
use reelay::session::{
    ClientInput, Goal, ReconnectReason, RtspState, SessionEvent, StreamOptions, TransportPreference,
};
use reelay::stats::Snapshot;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// Returns a client that plays a film of `frames` frames at 20 frames/s.
fn playing(frames: usize, stream: StreamOptions) -> World {
    let jpegs = test_jpegs(JpegKind::Classroom444, (96, 64), 20);
    let film = (0..frames).map(|number| jpegs[number % jpegs.len()].clone()).collect();
    let mut world = World::new(WorldOptions { stream, ..WorldOptions::new(film) });
    world.set_goal(Goal::Playing);
    world.run_for(10 * SECOND);
    assert_eq!(world.state(), RtspState::Playing);
    world
}

fn reconnecting(transport: TransportPreference) -> StreamOptions {
    StreamOptions { reconnects: true, transport, ..StreamOptions::default() }
}

fn jump(world: &mut World, jump: ClockJump, offset: i64) {
    let epoch = world.client_epoch(offset);
    world.handle_input(ClientInput::ClockJumped { jump, epoch });
}

fn failures(world: &World) -> usize {
    world.event_count(|event| matches!(event, SessionEvent::Failed(_) | SessionEvent::Closed))
}

/// Returns the sentences with which the session was set up again.
fn reasons(world: &World) -> Vec<String> {
    let reason = |(_, event): &(Duration, SessionEvent)| match event {
        SessionEvent::Reconnecting(reason) => Some(reason.to_string()),
        _ => None,
    };
    world.events.iter().filter_map(reason).collect()
}

/// Checks that no figure has a value that a stream on a perfect network cannot have.
#[track_caller]
fn assert_plausible(figures: &Snapshot, case: &str) {
    let times = [
        ("jitter", figures.jitter_ms),
        ("mean jitter", figures.jitter_mean_ms),
        ("maximum jitter", figures.jitter_max_ms),
        ("frame jitter", figures.frame_jitter_ms),
        ("maximum frame jitter", figures.frame_jitter_max_ms),
        ("network delay", figures.network_delay_ms),
        ("maximum network delay", figures.network_delay_max_ms),
        ("end-to-end delay", figures.end_to_end_ms),
        ("mean end-to-end delay", figures.end_to_end_mean_ms),
        ("playout delay", figures.playout_delay_ms),
        ("buffered", figures.buffered_ms),
        ("round trip", figures.round_trip_ms),
    ];
    for (name, value) in times {
        assert!(value.is_none_or(|value| (0.0..250.0).contains(&value)), "{case}: {name} {value:?} ms");
    }
    assert_eq!(figures.packets_expected, figures.packets_received + figures.packets_lost, "{case}");
    assert!(figures.playing_s >= 0.0 && figures.cumulative_lost >= 0, "{case}: {figures:?}");
    assert!(figures.bits_per_second < 10e6 && figures.frames_per_second < 100.0, "{case}: {figures:?}");
}

/// What the client finds when its computer wakes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    /// The session goes on: it was suspended for a short time.
    HasSession,
    /// The session has timed out, and the connection with it: the system of the server resets it.
    ResetsConnection,
    /// The session has timed out, and the network is not up yet: nothing arrives.
    IsSilent,
}

#[test]
fn session_is_set_up_again_after_suspend_and_says_why() {
    for transport in [TransportPreference::Udp, TransportPreference::Tcp] {
        for server in [Server::HasSession, Server::ResetsConnection, Server::IsSilent] {
            for stops_clock in [false, true] {
                let case = format!("{transport:?} {server:?} {stops_clock}");
                let mut world = playing(400, reconnecting(transport));
                let before = world.snapshot();
                let position = world.shown.last().unwrap().position_ms.unwrap();
                let shown = world.shown.len();
                let duration = if server == Server::HasSession { 20 * SECOND / 4 } else { 3 * HOUR };
                world.suspend_client(duration, stops_clock);
                if server != Server::HasSession {
                    world.lose_session();
                }
                world.server_mut().is_unresponsive = server == Server::IsSilent;
                jump(&mut world, ClockJump::Forward(duration), 0);
                if server == Server::ResetsConnection {
                    world.handle_input(ClientInput::ConnectionLost(None));
                }
                world.run_until("the reason", |world| !reasons(world).is_empty());
                world.server_mut().is_unresponsive = false;
                world.run_until("a frame", |world| world.shown.len() > shown);
                let first = world.shown[shown].position_ms.unwrap();
                assert!((position..position + 250).contains(&first), "{case}: {first} after {position}");
                world.run_for(2 * SECOND);
                let after = world.snapshot();
                assert!(after.is_new_session(&before), "{case}: the figures go on");
                assert_eq!((after.packets_lost, after.stalls), (0, 0), "{case}");
                assert_plausible(&after, &case);
                assert_eq!(failures(&world), 0, "{case}");
                let [reason] = &reasons(&world)[..] else { panic!("{case}: {:?}", reasons(&world)) };
                let expected = if server == Server::HasSession { "5 seconds" } else { "3 hours" };
                assert_eq!(
                    *reason,
                    format!(
                        "This computer was suspended, or its clock was set forward, by {expected}; the session with \
                         127.0.0.1:8554 is set up again, and its figures start again from 0."
                    )
                );
                world.run_until("the end", |world| {
                    world.event_count(|event| *event == SessionEvent::Ended) > 0
                });
                assert_eq!(world.shown.last().unwrap().position_ms, Some(19_950), "{case}");
                assert_plausible(&world.snapshot(), &case);
            }
        }
    }
}

#[test]
fn paused_session_is_paused_again_after_suspend() {
    let mut world = playing(400, reconnecting(TransportPreference::Auto));
    world.set_goal(Goal::Ready);
    world.run_for(SECOND);
    let shown = world.shown.len();
    world.suspend_client(5 * HOUR, true);
    world.lose_session();
    jump(&mut world, ClockJump::Forward(5 * HOUR), 0);
    world.run_for(5 * SECOND);
    assert_eq!((world.state(), world.shown.len(), failures(&world)), (RtspState::Ready, shown, 0));
    world.set_goal(Goal::Playing);
    world.run_until("a frame", |world| world.shown.len() > shown);
    let (before, after) =
        (world.shown[shown - 1].position_ms.unwrap(), world.shown[shown].position_ms.unwrap());
    assert!((before..before + 250).contains(&after), "{after} after {before}");
}

/// A wall clock that is set back and forth changes no interval; only delays depend on it.
#[test]
fn session_is_set_up_again_when_the_clock_is_set() {
    for (offset, kind) in
        [(-7_200, ClockJump::Back(2 * HOUR)), (86_400 * 365, ClockJump::Forward(8_760 * HOUR))]
    {
        let mut world = playing(400, reconnecting(TransportPreference::Auto));
        let before = world.snapshot();
        // The server is on the same computer.
        let epoch = world.client_epoch(offset);
        world.server_mut().epoch = epoch;
        jump(&mut world, kind, offset);
        world.run_for(5 * SECOND);
        let after = world.snapshot();
        assert!(after.is_new_session(&before) && after.packets_received > 0, "{kind:?}");
        assert!(after.network_delay_ms.is_some(), "{kind:?}: the delay is measured with the new clock");
        assert_plausible(&after, &format!("{kind:?}"));
        assert_eq!((reasons(&world).len(), failures(&world)), (1, 0), "{kind:?}: {:?}", reasons(&world));
        world.run_until("the end", |world| world.event_count(|event| *event == SessionEvent::Ended) > 0);
    }
}

/// A session that is not set up again by itself, such as that of a film on this computer, goes on. All clocks have
/// jumped, and no figure shows it.
#[test]
fn session_without_reconnecting_goes_on_with_plausible_figures() {
    for (offset, kind) in [(-7_200, ClockJump::Back(2 * HOUR)), (30, ClockJump::Forward(30 * SECOND))] {
        let mut world = playing(600, StreamOptions::default());
        let before = world.snapshot();
        assert!(before.network_delay_ms.is_some() && before.round_trip_ms.is_some());
        let epoch = world.client_epoch(offset);
        world.server_mut().epoch = epoch;
        world.server_mut().session().unwrap().stream().set_epoch(epoch);
        jump(&mut world, kind, offset);
        assert_eq!(world.snapshot().packets_received, before.packets_received);
        world.run_until("the end", |world| world.event_count(|event| *event == SessionEvent::Ended) > 0);
        let after = world.snapshot();
        assert_plausible(&after, &format!("{kind:?}"));
        assert_eq!((after.frames_shown, after.packets_lost), (600, 0));
        assert_eq!((reasons(&world).len(), failures(&world)), (0, 0));
    }
}

/// Packets that arrived while the process was stopped are read later, all at once.
#[test]
fn stopped_client_goes_on_with_plausible_figures() {
    for transport in [TransportPreference::Udp, TransportPreference::Tcp] {
        let mut world = playing(1_200, StreamOptions { transport, ..StreamOptions::default() });
        let packets = world.stop_client(20 * SECOND);
        assert!(packets > 400);
        world.handle_input(ClientInput::Resumed);
        // The receive buffer of a UDP socket holds the first packets; a connection loses none.
        let kept = if transport == TransportPreference::Tcp { packets } else { 100 };
        world.deliver_backlog(kept);
        world.run_for(10 * SECOND);
        let figures = world.snapshot();
        let case = format!("{transport:?}: {figures:?}");
        assert_eq!(figures.packets_lost, (packets - kept) as u64, "{case}");
        assert_plausible(&figures, &case);
        assert_eq!(figures.stalls, 1, "the picture stood still while the process was stopped; {case}");
        assert_eq!(
            (reasons(&world).len(), failures(&world), world.state()),
            (0, 0, RtspState::Playing),
            "{case}"
        );
        world.run_until("the end", |world| world.event_count(|event| *event == SessionEvent::Ended) > 0);
        assert_plausible(&world.snapshot(), &case);
    }
}

/// Returns the packets that a stream sends at `now`, with the sender report among them.
fn poll_all(stream: &mut RtpStream, now: Instant) -> (Vec<Packet>, Option<(NtpTime, u32)>) {
    let frame = packetize(&test_jpegs(JpegKind::Classroom444, (96, 64), 1)[0], PayloadFormat::OriginalHeader)
        .unwrap();
    let frame = Arc::new(frame);
    let (mut packets, mut report) = (Vec::new(), None);
    loop {
        match stream.poll_output(now) {
            StreamOutput::Fetch(index) => stream.provide_frame(index, frame.clone()),
            StreamOutput::Rtp(batch) => {
                packets.extend(batch.packets().map(|packet| Packet::parse(packet.to_vec().into()).unwrap()));
            }
            StreamOutput::Rtcp(bytes) => {
                if let RtcpPacket::SenderReport { info, .. } = rtcp::parse(&bytes).unwrap()[0] {
                    report = Some((info.ntp, info.rtp_timestamp));
                }
            }
            StreamOutput::Retransmission(_) | StreamOutput::Parity(_) => panic!("nothing was requested"),
            StreamOutput::Wait(_) | StreamOutput::Idle | StreamOutput::Ended => return (packets, report),
        }
    }
}

/// The monotonic clock of a suspended server goes on or stands still; the wall clock goes on in both cases.
#[test]
fn suspended_server_sends_no_burst_and_true_reports() {
    for stops_clock in [false, true] {
        let start = Instant::now();
        let ntp = NtpTime(3_900_000_000 << 32);
        let identity = Identity {
            ssrc: 1,
            first_sequence: 65_530,
            first_timestamp: u32::MAX - 100,
            cname: "server".to_owned(),
        };
        let mut stream = RtpStream::new(
            FrameTimes::Assumed(FrameRate::per_second(20)),
            identity,
            Epoch { instant: start, ntp },
        );
        stream.play(start, None, None, PlaybackSpeed::default());
        let mut now = start;
        let mut last = 0;
        while now < start + 2 * SECOND {
            let (packets, _) = poll_all(&mut stream, now);
            last = packets.last().map_or(last, |packet| packet.header.timestamp);
            now += 10 * MS;
        }
        let suspended = 5 * HOUR;
        if !stops_clock {
            now += suspended;
        }
        stream.set_epoch(Epoch { instant: now, ntp: ntp.plus(2 * SECOND + suspended) });
        let (mut packets, mut reports) = (Vec::new(), Vec::new());
        for step in 0..1_000 {
            let (sent, report) = poll_all(&mut stream, now + 10 * MS * step);
            assert!(sent.len() <= 4, "{} packets at once", sent.len());
            packets.extend(sent.into_iter().map(|packet| packet.header));
            reports.extend(report);
        }
        assert!(
            (190..=202).contains(&packets.iter().filter(|header| header.marker).count()),
            "{stops_clock}"
        );
        let sequences: Vec<_> = packets.iter().map(|header| header.sequence).collect();
        assert!(sequences.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)), "{sequences:?}");
        let passed = if stops_clock { Duration::ZERO } else { suspended };
        let expected = last.wrapping_add((passed.as_secs() * 90_000) as u32);
        // The first frame had been read before.
        let first = packets.iter().find(|header| header.timestamp != packets[0].timestamp).unwrap().timestamp;
        assert!(first.wrapping_sub(expected) <= 3 * 4_500, "{first} instead of {expected}");
        // The report states the wall clock, and the RTP clock at that time.
        assert!(reports.len() >= 2, "{reports:?}");
        for (report_ntp, timestamp) in reports {
            let since_wake = report_ntp.seconds_since(ntp.plus(2 * SECOND + suspended));
            let rtp_since_wake = f64::from(timestamp.wrapping_sub(expected) as i32) / 90_000.0;
            assert!((0.0..10.1).contains(&since_wake), "{since_wake}");
            assert!((since_wake - rtp_since_wake).abs() < 0.15, "{since_wake} {rtp_since_wake}");
        }
    }
}

#[test]
fn reason_of_a_jump_is_a_sentence() {
    let reason =
        ReconnectReason::ClockJumped { server: "camera:554".to_owned(), jump: ClockJump::Back(HOUR) };
    assert_eq!(
        reason.to_string(),
        "The clock of this computer was set back by 1 hour; the session with camera:554 is set up again, and its figures \
         start again from 0."
    );
}
