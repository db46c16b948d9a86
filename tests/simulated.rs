//! Client and server on virtual time, over a link that loses, delays, reorders and duplicates packets.

mod common;

use common::jpegs::JpegKind;
use common::media_files::test_jpegs;
use common::simulation::{MS, World, WorldOptions};
use reelay::impairment::{
    Bottleneck, Distribution, EmulatorSettings, Impairments, JitterModel, LossModel, RawPacket,
};
use reelay::media::FrameRate;
use reelay::media::container::{FrameEntry, FrameIndex, FrameTimes};
use reelay::proto::rtsp::{Method, Npt};
use reelay::session::{
    ClientInput, EmulatorPlacement, Goal, NoDataCause, ReconnectReason, RtspState, SessionCommand,
    SessionError, SessionEvent, StreamOptions, TransportPreference,
};
use std::sync::Arc;
use std::time::Duration;

const SIZE: (u16, u16) = (96, 64);

/// Returns options for a film of `frames` frames that repeats twenty different JPEGs.
fn world_options(frames: usize) -> WorldOptions {
    let jpegs = test_jpegs(JpegKind::Classroom444, SIZE, 20);
    WorldOptions::new((0..frames).map(|number| jpegs[number % jpegs.len()].clone()).collect())
}

fn has_ended(world: &World) -> bool {
    world.event_count(|event| *event == SessionEvent::Ended) > 0
}

fn waiting_count(world: &World) -> usize {
    world.event_count(|event| *event == SessionEvent::Waiting(true))
}

#[test]
fn every_frame_is_shown_on_time_over_udp_and_tcp() {
    for transport in [TransportPreference::Udp, TransportPreference::Tcp] {
        let options = world_options(2_000);
        let source = options.frames.clone();
        let mut world =
            World::new(WorldOptions { stream: StreamOptions { transport, ..Default::default() }, ..options });
        world.set_goal(Goal::Playing);
        world.run_until("the end", has_ended);
        assert!(world.received.iter().map(|frame| &frame.jpeg[..]).eq(source.iter().map(Vec::as_slice)));
        assert!(world.shown.iter().map(|shown| &shown.jpeg[..]).eq(source.iter().map(Vec::as_slice)));
        let positions: Vec<_> = world.shown.iter().map(|shown| shown.position_ms.unwrap()).collect();
        assert!(positions.iter().copied().eq((0..2_000).map(|frame| frame * 50)));
        let first = world.shown[0].at;
        for (frame, shown) in (0u32..).zip(&world.shown) {
            let expected = first + 50 * MS * frame;
            assert!(
                shown.at.abs_diff(expected) < 9 * MS,
                "frame {frame} at {:?} instead of {expected:?}",
                shown.at
            );
        }
        let methods = world.methods();
        assert_eq!(methods[..4], ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"]);
        assert!(methods[4..].iter().all(|method| *method == "GET_PARAMETER"), "only keep-alives follow");
        assert_eq!((waiting_count(&world), world.state()), (0, RtspState::Ready));
        let snapshot = world.snapshot();
        assert_eq!((snapshot.packets_lost, snapshot.frames_incomplete), (0, 0));
        let cseqs = world.requests.iter().map(|request| request.headers.cseq());
        assert!(cseqs.eq((1..=world.requests.len() as u32).map(Some)));
    }
}

#[test]
fn end_waits_for_long_playout_delay() {
    for drops_rtcp in [false, true] {
        let mut world =
            World::new(WorldOptions { playout_delay: (2_000 * MS).into(), drops_rtcp, ..world_options(100) });
        world.set_goal(Goal::Playing);
        world.run_until("the end", has_ended);
        assert_eq!((world.shown.len(), world.state()), (100, RtspState::Ready));
        let last = world.shown.last().unwrap();
        assert!(last.at >= 6_900 * MS && world.elapsed() < last.at + 2_500 * MS, "{:?}", last.at);
    }
}

#[test]
fn pause_after_bye_keeps_buffered_frames() {
    let mut world = World::new(WorldOptions { playout_delay: (2_000 * MS).into(), ..world_options(100) });
    world.set_goal(Goal::Playing);
    world.run_until("the last frame", |world| world.received.len() == 100);
    world.run_for(500 * MS);
    world.set_goal(Goal::Ready);
    world.run_for(20_000 * MS);
    let shown = world.shown.len();
    assert!((60..80).contains(&shown), "{shown}");
    assert_eq!((world.state(), has_ended(&world)), (RtspState::Ready, false));
    world.set_goal(Goal::Playing);
    world.run_until("the end", has_ended);
    assert_eq!(world.shown.len(), 100, "playback continues at the paused position");
    assert!(world.shown.windows(2).all(|pair| pair[0].position_ms < pair[1].position_ms));
}

#[test]
fn losses_are_counted_and_complete_frames_are_intact() {
    for seed in 1..=12 {
        let impairments = Impairments {
            loss: LossModel { ratio: 0.05, mean_burst: (seed % 2 == 0).then_some(3.0) },
            duplication: 0.03,
            delay: 40 * MS,
            jitter: JitterModel { spread: 8 * MS, reorders: true, ..JitterModel::default() },
            ..Impairments::default()
        };
        let options = world_options(1_000);
        let source = options.frames.clone();
        let mut world = World::new(WorldOptions { impairments, seed, ..options });
        world.set_goal(Goal::Playing);
        world.run_until("the end", has_ended);
        let (snapshot, truth) = (world.snapshot(), world.emulated());
        assert!(truth.lost_random > 50, "seed {seed}: {truth:?}");
        assert!(snapshot.packets_duplicated > 0 && snapshot.packets_reordered > 0);
        assert_eq!(
            (snapshot.packets_expected, snapshot.packets_lost),
            (truth.offered, truth.lost_random),
            "seed {seed}"
        );
        assert_eq!(
            (snapshot.packets_received, snapshot.packets_duplicated),
            (truth.delivered, truth.duplicated)
        );
        assert!(snapshot.frames_complete > 700, "seed {seed}: {snapshot:?}");
        assert_eq!(snapshot.frames_complete as usize, world.received.len());
        for frame in &world.received {
            assert!(
                source.iter().any(|jpeg| frame.jpeg == jpeg[..]),
                "seed {seed}: a frame that was never sent"
            );
        }
        assert_eq!(waiting_count(&world), 0, "seed {seed}");
    }
}

/// Returns each kind of impairment alone, and several kinds combined.
fn impairment_cases() -> [Impairments; 6] {
    let none = Impairments::default();
    let loss = |ratio, mean_burst| LossModel { ratio, mean_burst };
    let heavy = JitterModel { spread: 15 * MS, distribution: Distribution::Pareto, reorders: true };
    // The film needs about 300 kbit/s.
    let bottleneck = Some(Bottleneck { bits_per_second: 250_000, queue: 20_000 });
    [
        Impairments { loss: loss(0.1, None), ..none },
        Impairments { loss: loss(0.2, Some(6.0)), ..none },
        Impairments { bottleneck, ..none },
        Impairments { corruption: 0.3, duplication: 0.2, ..none },
        Impairments { loss: loss(1.0, None), ..none },
        Impairments {
            loss: loss(0.05, Some(2.0)),
            duplication: 0.1,
            corruption: 0.1,
            bottleneck,
            delay: 80 * MS,
            jitter: heavy,
        },
    ]
}

#[test]
fn figures_match_emulator_for_every_impairment() {
    for (seed, impairments) in (1..).zip(impairment_cases()) {
        for placement in [EmulatorPlacement::AtServer, EmulatorPlacement::AtClient] {
            for (transport, stops_early) in [
                (TransportPreference::Udp, false),
                (TransportPreference::Tcp, false),
                (TransportPreference::Udp, true),
            ] {
                let stream = StreamOptions { transport, ..StreamOptions::default() };
                let mut world =
                    World::new(WorldOptions { impairments, seed, placement, stream, ..world_options(300) });
                world.set_goal(Goal::Playing);
                if stops_early {
                    world.run_for(Duration::from_millis(7_777));
                    world.set_goal(Goal::Stopped);
                    world.run_until("INIT", |world| {
                        world.event_count(|event| *event == SessionEvent::Closed) == 1
                    });
                } else {
                    world.run_until("the end", has_ended);
                }
                let (measured, truth) = (world.snapshot(), world.emulated());
                let case = format!("{impairments:?} {placement:?} {transport:?} {stops_early}: {truth:?}");
                assert!(truth.offered > 250, "{case}");
                assert_eq!(truth.offered, truth.delivered + truth.lost_random + truth.lost_queue, "{case}");
                assert_eq!(measured.packets_lost, truth.lost_random + truth.lost_queue, "{case}");
                assert_eq!(measured.packets_expected, truth.offered, "{case}");
                assert_eq!(measured.packets_received, truth.delivered, "{case}");
                assert_eq!(measured.packets_duplicated, truth.duplicated, "{case}");
                assert_eq!(truth.lost_queue > 0, impairments.bottleneck.is_some(), "{case}");
            }
        }
    }
}

#[test]
fn emulated_loss_does_not_trigger_tcp_fallback() {
    let impairments =
        Impairments { loss: LossModel { ratio: 1.0, mean_burst: None }, ..Impairments::default() };
    for placement in [EmulatorPlacement::AtServer, EmulatorPlacement::AtClient] {
        let mut world = World::new(WorldOptions { impairments, placement, ..world_options(300) });
        world.set_goal(Goal::Playing);
        world.run_until("the end", has_ended);
        assert_eq!(world.methods().iter().filter(|method| **method == "SETUP").count(), 1);
    }
}

#[test]
fn jitter_within_playout_delay_drops_no_frame() {
    let jitter = JitterModel { spread: 8 * MS, reorders: true, ..JitterModel::default() };
    let impairments = Impairments { delay: 20 * MS, jitter, ..Impairments::default() };
    let mut world = World::new(WorldOptions { impairments, ..world_options(3_000) });
    world.set_goal(Goal::Playing);
    world.run_until("the end", has_ended);
    let snapshot = world.snapshot();
    assert!(snapshot.packets_reordered > 500, "{snapshot:?}");
    assert_eq!((snapshot.frames_complete, snapshot.frames_dropped_late), (3_000, 0));
    assert_eq!(world.shown.len(), 3_000);
}

#[test]
fn lost_bye_does_not_delay_the_end() {
    for (ratio, seed) in [(0.0, 1), (0.2, 2), (0.2, 3), (0.5, 4), (0.5, 5)] {
        let impairments =
            Impairments { loss: LossModel { ratio, mean_burst: None }, ..Impairments::default() };
        let mut world =
            World::new(WorldOptions { impairments, seed, drops_rtcp: true, ..world_options(200) });
        world.set_goal(Goal::Playing);
        world.run_until("the end", has_ended);
        assert_eq!(waiting_count(&world), 0, "seed {seed}");
        assert!(world.elapsed() < Duration::from_secs(11), "seed {seed}: {:?}", world.elapsed());
    }
}

/// A single inverted bit turns the SDES of a sender report (202) into a BYE (203).
#[test]
fn bye_in_the_middle_of_a_film_counts_once_packets_stop() {
    let mut world = World::new(world_options(200));
    world.set_goal(Goal::Playing);
    world.run_for(Duration::from_secs(2));
    // SSRC 78 is that of the first session of the server.
    let bye = RawPacket::rtcp(vec![0x81, 203, 0, 1, 0, 0, 0, 78]);
    world.handle_input(ClientInput::Packet(bye));
    world.run_for(Duration::from_secs(2));
    assert!(!has_ended(&world), "packets still arrive");
    world.server_mut().session().unwrap().stream().pause();
    world.run_until("the end", has_ended);
    assert!(world.elapsed() < Duration::from_secs(5), "{:?}", world.elapsed());
}

#[test]
fn unknown_length_ends_without_bye() {
    let mut world = World::new(WorldOptions { drops_rtcp: true, is_indexing: true, ..world_options(100) });
    world.set_goal(Goal::Playing);
    world.run_until("PLAY", |world| world.state() == RtspState::Playing);
    world.server_mut().info.progress.defects = Some(Default::default());
    world.run_until("the end", has_ended);
    assert_eq!(world.methods().last(), Some(&"DESCRIBE"));
    assert!(world.elapsed() < Duration::from_secs(7));
}

#[test]
fn play_after_the_end_starts_over() {
    let mut world = World::new(world_options(40));
    world.set_goal(Goal::Playing);
    world.run_until("the end", has_ended);
    world.run_for(Duration::from_secs(3));
    world.set_goal(Goal::Playing);
    world.run_until("the end again", |world| world.event_count(|event| *event == SessionEvent::Ended) == 2);
    assert_eq!(world.methods(), ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "PLAY"]);
    assert_eq!(world.requests[4].headers.get("Range"), Some("npt=0.000-"));
    assert_eq!(world.shown.len(), 80);
    let snapshot = world.snapshot();
    assert_eq!((snapshot.packets_lost, snapshot.frames_incomplete), (0, 0));
}

#[test]
fn pause_keeps_position_and_loses_no_frame() {
    let mut world = World::new(world_options(100));
    world.set_goal(Goal::Playing);
    for _ in 0..5 {
        world.run_for(Duration::from_millis(730));
        world.set_goal(Goal::Ready);
        let shown = world.shown.len();
        world.run_for(Duration::from_secs(2));
        assert_eq!(
            (world.shown.len(), world.state()),
            (shown, RtspState::Ready),
            "the pause takes effect at once"
        );
        world.set_goal(Goal::Playing);
    }
    world.run_until("the end", has_ended);
    let positions: Vec<_> = world.shown.iter().filter_map(|shown| shown.position_ms).collect();
    assert!(positions.is_sorted());
    assert_eq!(world.shown.len(), 100, "{positions:?}");
    assert_eq!((world.snapshot().frames_incomplete, waiting_count(&world)), (0, 0));
}

#[test]
fn pause_at_last_frame_ends_after_resume() {
    let mut world = World::new(WorldOptions { drops_rtcp: true, ..world_options(20) });
    world.set_goal(Goal::Playing);
    world.run_until("the last frame", |world| world.received.len() == 20);
    world.set_goal(Goal::Ready);
    world.run_for(Duration::from_secs(5));
    world.set_goal(Goal::Playing);
    world.run_until("the end", has_ended);
    assert_eq!((world.shown.len(), waiting_count(&world)), (20, 0));
    assert_eq!(world.event_count(|event| *event == SessionEvent::EndReached(Npt::from_micros(1_000_000))), 1);
}

#[test]
fn seek_resumes_at_the_exact_frame() {
    let mut world = World::new(world_options(200));
    world.set_goal(Goal::Playing);
    world.run_for(Duration::from_secs(2));
    world.handle_input(ClientInput::Command(SessionCommand::Seek(Npt::from_micros(7_512_000))));
    let before = world.shown.len();
    world.run_until("the end", has_ended);
    assert_eq!(world.methods(), ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "PAUSE", "PLAY"]);
    let positions: Vec<_> = world.shown[before..].iter().map(|shown| shown.position_ms.unwrap()).collect();
    assert!(positions.iter().copied().eq((150..200).map(|frame| frame * 50)), "{positions:?}");
}

/// The path delay is longer than the pause: packets in flight arrive during the pause or after it.
#[test]
fn pause_loses_no_packets_in_flight() {
    for (delay, pause, latency) in [(300, 2_000, 150), (500, 100, 1), (260, 600, 1), (500, 5_000, 40)] {
        let impairments = Impairments { delay: delay * MS, ..Impairments::default() };
        let mut world = World::new(WorldOptions { impairments, latency: latency * MS, ..world_options(100) });
        world.set_goal(Goal::Playing);
        for _ in 0..3 {
            world.run_for(Duration::from_millis(1_230));
            world.set_goal(Goal::Ready);
            world.run_for(pause * MS);
            world.set_goal(Goal::Playing);
        }
        world.run_until("the end", has_ended);
        let positions: Vec<_> = world.shown.iter().map(|shown| shown.position_ms.unwrap()).collect();
        let case = format!("a delay of {delay} ms, a pause of {pause} ms, an RTSP latency of {latency} ms");
        assert!(positions.iter().copied().eq((0..100).map(|frame| frame * 50)), "{case}: {positions:?}");
        let snapshot = world.snapshot();
        assert_eq!((snapshot.packets_lost, snapshot.packets_late), (0, 0), "{case}");
        assert_eq!((snapshot.frames_incomplete, snapshot.frames_dropped_late), (0, 0), "{case}");
    }
}

#[test]
fn pause_is_not_a_stall() {
    for latency in [100, 150, 300] {
        let mut world = World::new(WorldOptions { latency: latency * MS, ..world_options(100) });
        world.set_goal(Goal::Playing);
        world.run_for(Duration::from_secs(3));
        let played = world.snapshot().playing_s;
        world.set_goal(Goal::Ready);
        world.run_for(Duration::from_secs(2));
        let snapshot = world.snapshot();
        assert_eq!((snapshot.stalls, snapshot.playing_s), (0, played), "an RTSP latency of {latency} ms");
    }
}

#[test]
fn seek_just_before_the_end_is_not_overridden() {
    for (drops_rtcp, playout_delay) in [(false, 50), (false, 500), (true, 50), (true, 500)] {
        let options =
            WorldOptions { drops_rtcp, playout_delay: (playout_delay * MS).into(), ..world_options(100) };
        let mut world = World::new(options);
        world.set_goal(Goal::Playing);
        world.run_until("the last frame", |world| world.received.len() == 100);
        let before = world.shown.len();
        world.handle_input(ClientInput::Command(SessionCommand::Seek(Npt::from_micros(1_000_000))));
        world.run_until("the end", has_ended);
        assert_eq!(world.methods()[4..], ["PAUSE", "PLAY"]);
        let positions: Vec<_> =
            world.shown[before..].iter().map(|shown| shown.position_ms.unwrap()).collect();
        assert!(positions.iter().copied().eq((20..100).map(|frame| frame * 50)), "{positions:?}");
    }
}

#[test]
fn packets_and_bye_from_before_a_seek_are_ignored() {
    for (placement, seek_at) in [
        (EmulatorPlacement::AtClient, 2_000),
        (EmulatorPlacement::AtServer, 2_000),
        (EmulatorPlacement::AtClient, 5_250),
        (EmulatorPlacement::AtServer, 5_250),
    ] {
        let impairments = Impairments { delay: 500 * MS, ..Impairments::default() };
        let mut world = World::new(WorldOptions { impairments, placement, ..world_options(100) });
        world.set_goal(Goal::Playing);
        world.run_for(seek_at * MS);
        world.handle_input(ClientInput::Command(SessionCommand::Seek(Npt::from_micros(1_000_000))));
        let before = world.shown.len();
        world.run_until("the end", has_ended);
        let positions: Vec<_> =
            world.shown[before..].iter().map(|shown| shown.position_ms.unwrap()).collect();
        assert!(
            positions.iter().copied().eq((20..100).map(|frame| frame * 50)),
            "{placement} {seek_at}: {positions:?}"
        );
        let snapshot = world.snapshot();
        assert_eq!((snapshot.packets_late, snapshot.packets_lost), (0, 0), "{placement} {seek_at}");
    }
}

#[test]
fn low_frame_rate_is_not_missing_data() {
    for (per_mille, seconds) in [(1_000, 11), (150, 73)] {
        let mut world = World::new(world_options(12));
        world.server_mut().info.times = FrameTimes::Assumed(FrameRate::new(per_mille, 1_000).unwrap());
        world.set_goal(Goal::Playing);
        world.run_until("the end", has_ended);
        assert_eq!((world.shown.len(), waiting_count(&world)), (12, 0));
        assert_eq!(world.event_count(|event| matches!(event, SessionEvent::Failed(_))), 0);
        let error = world.elapsed().abs_diff(Duration::from_secs(seconds));
        assert!(error < Duration::from_secs(2), "{:?}", world.elapsed());
    }
}

/// Times of twelve frames at 20 frames/s, but of which the fourth and the last stay for 12 s.
fn times_with_long_frames() -> FrameTimes {
    let index = FrameIndex::new(FrameRate::CLASSROOM);
    let time = |frame: u64| Npt::from_micros(frame * 50_000 + if frame > 3 { 12_000_000 } else { 0 });
    let mut entries: Vec<_> =
        (0..12).map(|frame| FrameEntry { offset: frame, length: 1, time: time(frame) }).collect();
    index.append(&mut entries, time(12 + 240));
    FrameTimes::Stated(Arc::new(index))
}

#[test]
fn frames_that_stay_for_long_are_not_missing_data() {
    for transport in [TransportPreference::Udp, TransportPreference::Tcp] {
        let stream = StreamOptions { transport, ..Default::default() };
        let mut world = World::new(WorldOptions { stream, ..world_options(12) });
        world.server_mut().info.times = times_with_long_frames();
        world.set_goal(Goal::Playing);
        world.run_until("the end", has_ended);
        assert_eq!((world.shown.len(), waiting_count(&world)), (12, 0));
        assert_eq!(world.event_count(|event| matches!(event, SessionEvent::Failed(_))), 0);
        let error = world.elapsed().abs_diff(Duration::from_millis(24_600));
        assert!(error < Duration::from_secs(2), "{:?}", world.elapsed());
    }
}

/// Without reports of the server, nothing tells a long frame from a broken network.
#[test]
fn silence_without_reports_is_missing_data() {
    let mut world = World::new(WorldOptions { drops_rtcp: true, ..world_options(12) });
    world.server_mut().info.times = times_with_long_frames();
    world.set_goal(Goal::Playing);
    world.run_until("an error", |world| {
        world.event_count(|event| matches!(event, SessionEvent::Failed(SessionError::NoData(_)))) > 0
    });
    assert!(world.elapsed() < Duration::from_secs(12), "{:?}", world.elapsed());
    world.run_until("the end", has_ended);
    assert_eq!(world.shown.len(), 12);
}

#[test]
fn seek_while_paused_sets_the_next_start() {
    let mut world = World::new(world_options(200));
    world.set_goal(Goal::Ready);
    world.run_until("SETUP", |world| world.state() == RtspState::Ready);
    world.handle_input(ClientInput::Command(SessionCommand::Seek(Npt::from_micros(9_000_000))));
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.methods().len(), 3, "no request is sent before PLAY");
    world.set_goal(Goal::Playing);
    world.run_until("the end", has_ended);
    assert_eq!(world.shown.first().unwrap().position_ms, Some(9_000));
}

/// The client requests no Scale, but evaluates the one in the server's PLAY response.
#[test]
fn server_chosen_scale_keeps_end_and_positions_exact() {
    for (scale, step_ms, count, seconds) in [("2", 100, 100, 5), ("0.5", 50, 200, 20)] {
        let mut world =
            World::new(WorldOptions { scale: Some(scale), drops_rtcp: true, ..world_options(200) });
        world.set_goal(Goal::Playing);
        world.run_until("the end", has_ended);
        let positions: Vec<_> = world.shown.iter().filter_map(|shown| shown.position_ms).collect();
        // The last frame, at 9.95 s, is sent although every second one is.
        let end = (scale == "2").then_some(9_950);
        let expected = (0..count).map(|frame| frame * step_ms).chain(end);
        assert!(positions.iter().copied().eq(expected), "{positions:?}");
        assert_eq!(waiting_count(&world), 0, "{scale}");
        let error = world.elapsed().abs_diff(Duration::from_secs(seconds));
        assert!(error < 300 * MS, "{scale}: {:?}", world.elapsed());
    }
}

#[test]
fn stop_tears_down_and_play_sets_up_again() {
    let mut world = World::new(world_options(100));
    world.set_goal(Goal::Playing);
    world.run_for(Duration::from_secs(1));
    world.set_goal(Goal::Stopped);
    let shown = world.shown.len();
    world.run_until("INIT", |world| world.event_count(|event| *event == SessionEvent::Closed) == 1);
    world.run_for(Duration::from_secs(1));
    assert_eq!((world.shown.len(), world.state()), (shown, RtspState::Init));
    world.set_goal(Goal::Playing);
    world.run_until("the end", has_ended);
    let methods = ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"];
    assert_eq!(world.methods(), [&methods[..], &["TEARDOWN"], &methods].concat());
    assert_eq!(world.requests[5].headers.cseq(), Some(1), "CSeq starts at 1 on a new connection");
    assert_eq!(world.shown.len() - shown, 100);
}

/// The last goal set while requests are in flight decides the final state, and no request is sent twice.
#[test]
fn last_goal_wins() {
    let goals = [Goal::Stopped, Goal::Ready, Goal::Playing];
    for code in 0..3usize.pow(5) {
        let mut world = World::new(WorldOptions { latency: 40 * MS, ..world_options(400) });
        let clicked: Vec<_> = (0..5).map(|digit| goals[code / 3usize.pow(digit) % 3]).collect();
        for goal in &clicked {
            world.set_goal(*goal);
            world.run_for(55 * MS);
        }
        world.run_for(Duration::from_secs(2));
        let expected = match clicked.last().unwrap() {
            Goal::Stopped => RtspState::Init,
            Goal::Ready => RtspState::Ready,
            Goal::Playing => RtspState::Playing,
        };
        assert_eq!(world.state(), expected, "{clicked:?}: {:?}", world.methods());
        assert!(world.responses.iter().all(|response| response.status.is_success()), "{clicked:?}");
        for pair in world.requests.windows(2) {
            let is_same_connection = pair[1].headers.cseq() != Some(1);
            assert!(
                !is_same_connection || pair[0].method != pair[1].method,
                "{clicked:?}: {:?}",
                world.methods()
            );
        }
    }
}

#[test]
fn one_request_is_in_flight_at_a_time() {
    let mut world = World::new(WorldOptions { latency: 100 * MS, ..world_options(100) });
    world.set_goal(Goal::Playing);
    for _ in 0..60 {
        world.run_for(10 * MS);
        let unanswered = world.requests.len() - world.responses.len();
        assert!(unanswered <= 1);
    }
    assert!(matches!(world.requests.last().unwrap().method, Method::Setup | Method::Play | Method::Describe));
}

#[test]
fn unanswered_request_fails_after_timeout() {
    let mut world = World::new(WorldOptions { is_unresponsive: true, ..world_options(1) });
    world.set_goal(Goal::Ready);
    world.run_until("a failure", |world| {
        world.event_count(|event| matches!(event, SessionEvent::Failed(_))) > 0
    });
    assert!(world.elapsed().abs_diff(Duration::from_secs(5)) < 100 * MS);
    let Some((_, SessionEvent::Failed(error))) =
        world.events.iter().find(|(_, event)| matches!(event, SessionEvent::Failed(_)))
    else {
        panic!()
    };
    assert!(matches!(error, SessionError::TimedOut { method: Method::Options, .. }));
    assert_eq!(world.state(), RtspState::Init);
}

#[test]
fn missing_data_is_reported_after_500_ms_and_fails_after_5_s() {
    let mut world = World::new(world_options(2_000));
    world.set_goal(Goal::Playing);
    world.run_for(Duration::from_secs(2));
    // The server's stream stops without an RTSP message or a BYE.
    world.server_mut().session().unwrap().stream().pause();
    let stopped = world.elapsed();
    world.run_for(Duration::from_secs(8));
    let at = |predicate: fn(&SessionEvent) -> bool| {
        world.events.iter().find(|(_, event)| predicate(event)).map(|(at, _)| *at - stopped).unwrap()
    };
    let waiting = at(|event| *event == SessionEvent::Waiting(true));
    assert!(waiting <= 500 * MS && waiting >= 440 * MS, "{waiting:?}");
    let failed =
        at(|event| matches!(event, SessionEvent::Failed(SessionError::NoData(NoDataCause::NetworkOrServer))));
    assert!(failed <= 5_000 * MS && failed >= 4_900 * MS, "{failed:?}");
    assert_eq!(world.state(), RtspState::Playing, "the session stays open, data may arrive again");
}

#[test]
fn pause_ends_waiting_for_data() {
    let mut world = World::new(world_options(200));
    world.set_goal(Goal::Playing);
    world.run_for(Duration::from_secs(2));
    let impairments =
        Impairments { loss: LossModel { ratio: 1.0, mean_burst: None }, ..Impairments::default() };
    world.emulator.configure(EmulatorSettings { is_on: true, seed: 1, impairments });
    world.run_for(Duration::from_secs(1));
    assert_eq!(waiting_count(&world), 1);
    world.set_goal(Goal::Ready);
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.event_count(|event| *event == SessionEvent::Waiting(false)), 1);
}

#[test]
fn paused_session_sends_keep_alives() {
    let mut world = World::new(world_options(10));
    world.set_goal(Goal::Ready);
    world.run_for(Duration::from_secs(125));
    assert_eq!(world.methods()[3..], ["GET_PARAMETER"; 4]);
    assert_eq!(world.state(), RtspState::Ready);
}

#[test]
fn long_playback_does_not_drift() {
    let mut world = World::new(world_options(72_000));
    world.set_goal(Goal::Playing);
    world.run_for(Duration::from_secs(3_500));
    world.run_until("the end", has_ended);
    assert_eq!(world.shown.len(), 72_000);
    let (first, last) = (world.shown.first().unwrap().at, world.shown.last().unwrap().at);
    assert!((last - first).abs_diff(50 * MS * 71_999) < 50 * MS);
}

#[test]
fn blocked_udp_falls_back_to_tcp() {
    let mut world = World::new(WorldOptions { drops_udp: true, ..world_options(60) });
    world.set_goal(Goal::Playing);
    world.run_until("the end", has_ended);
    let fell_back = world
        .events
        .iter()
        .find(|(_, event)| *event == SessionEvent::Reconnecting(ReconnectReason::TcpFallback))
        .unwrap()
        .0;
    assert!(fell_back >= 3_000 * MS && fell_back < 3_100 * MS, "{fell_back:?}");
    assert_eq!(world.received.len(), 60);
    assert_eq!(world.methods().iter().filter(|method| **method == "SETUP").count(), 2);
    assert_eq!(world.event_count(|event| matches!(event, SessionEvent::Failed(_))), 0);
}

#[test]
fn forced_udp_does_not_fall_back_to_tcp() {
    let stream = StreamOptions { transport: TransportPreference::Udp, ..StreamOptions::default() };
    let mut world = World::new(WorldOptions { drops_udp: true, stream, ..world_options(400) });
    world.set_goal(Goal::Playing);
    world.run_for(Duration::from_secs(7));
    assert_eq!(world.event_count(|event| matches!(event, SessionEvent::Reconnecting(_))), 0);
    assert_eq!(
        world.event_count(|event| matches!(
            event,
            SessionEvent::Failed(SessionError::NoData(NoDataCause::UdpBlocked))
        )),
        1
    );
}

fn reconnecting_world(frames: usize) -> World {
    World::new(WorldOptions {
        stream: StreamOptions { reconnects: true, ..StreamOptions::default() },
        ..world_options(frames)
    })
}

fn reconnect_attempts(world: &World) -> Vec<(u32, u64)> {
    let attempt = |(_, event): &(Duration, SessionEvent)| match event {
        SessionEvent::Reconnecting(ReconnectReason::ServerLost { attempt, wait, .. }) => {
            Some((*attempt, wait.as_secs()))
        }
        _ => None,
    };
    world.events.iter().filter_map(attempt).collect()
}

#[test]
fn reconnect_resumes_at_same_position() {
    let mut world = reconnecting_world(200);
    world.set_goal(Goal::Playing);
    world.run_until("four seconds of film", |world| {
        world.shown.last().is_some_and(|shown| shown.position_ms >= Some(4_000))
    });
    world.stop_server();
    world.run_for(Duration::from_secs(5));
    assert_eq!(reconnect_attempts(&world), [(1, 1), (2, 2), (3, 4)]);
    assert_eq!(world.event_count(|event| matches!(event, SessionEvent::Failed(_) | SessionEvent::Closed)), 0);
    world.start_server();
    let shown = world.shown.len();
    world.run_until("the end", has_ended);
    let first = world.shown[shown].position_ms.unwrap();
    assert!((3_950..=4_050).contains(&first), "{first}");
    assert_eq!(world.shown.last().unwrap().position_ms, Some(9_950));
}

#[test]
fn stop_ends_reconnecting() {
    let mut world = reconnecting_world(200);
    world.set_goal(Goal::Playing);
    world.run_for(Duration::from_secs(2));
    world.stop_server();
    world.run_for(Duration::from_secs(2));
    world.set_goal(Goal::Stopped);
    assert_eq!(world.event_count(|event| *event == SessionEvent::Closed), 1);
    let attempts = reconnect_attempts(&world).len();
    world.run_for(Duration::from_secs(60));
    assert_eq!(reconnect_attempts(&world).len(), attempts);
}

#[test]
fn unreachable_server_fails_at_once() {
    let mut world = reconnecting_world(10);
    world.stop_server();
    world.set_goal(Goal::Playing);
    world.run_for(Duration::from_secs(1));
    assert_eq!(
        world.event_count(|event| matches!(event, SessionEvent::Failed(SessionError::Unreachable { .. }))),
        1
    );
    assert!(reconnect_attempts(&world).is_empty());
}
