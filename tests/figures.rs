//! The figures of a session, compared with the known properties of the simulated network. On virtual time.

mod common;

use std::time::Duration;

use common::jpegs::JpegKind;
use common::media_files::test_jpegs;
use common::simulation::{MS, World, WorldOptions};
use reelay::impairment::{Bottleneck, EmulatorSettings, Impairments, JitterModel, LossModel};
use reelay::session::{
    ClientInput, Direction, Goal, LogEntry, MessageLog, RtspState, SessionCommand, SessionEvent,
};
use reelay::stats::{Fate, ReportSubject, SessionHistory, Snapshot};

fn world(impairments: Impairments, frames: usize) -> World {
    let jpegs = test_jpegs(JpegKind::Classroom444, (160, 120), 20);
    let film = (0..frames).map(|frame| jpegs[frame % 20].clone()).collect();
    World::new(WorldOptions { impairments, ..WorldOptions::new(film) })
}

fn play_for(impairments: Impairments, duration: Duration) -> (World, Snapshot) {
    let mut world = world(impairments, 2_000);
    world.set_goal(Goal::Playing);
    world.run_for(duration);
    let snapshot = world.snapshot();
    (world, snapshot)
}

#[track_caller]
fn assert_near(figure: Option<f64>, expected: f64, tolerance: f64) {
    let figure = figure.expect("the figure is unknown");
    assert!((figure - expected).abs() <= tolerance, "{figure} is not {expected} ± {tolerance}");
}

#[test]
fn ideal_network_adds_only_the_playout_delay() {
    let (_, figures) = play_for(Impairments::default(), Duration::from_secs(10));
    assert_near(figures.frame_jitter_ms, 0.0, 0.1);
    assert!(
        figures.jitter_ms > figures.frame_jitter_ms,
        "the packets of a frame are spread out: {figures:?}"
    );
    assert_near(figures.frames_per_second_sent, 20.0, 0.01);
    assert_near(Some(figures.frames_per_second_shown), 20.0, 1.0);
    assert_near(figures.end_to_end_ms, 50.0, 10.0);
    assert_near(figures.playout_delay_ms, 50.0, 8.0);
    assert_near(figures.buffered_ms, 25.0, 8.0);
    assert_near(figures.round_trip_ms, 1.0, 0.2);
    assert_near(Some(figures.playing_s), 10.0, 0.1);
    assert_near(figures.first_frame_ms, 2.0, 3.0);
    assert_eq!((figures.stalls, figures.loss_bursts, figures.packets_late), (0, 0, 0));
    assert!(figures.wire_octets > figures.payload_octets + 40 * figures.packets_received - 1);
}

#[test]
fn delay_raises_end_to_end_latency_and_round_trip_time() {
    let (_, figures) =
        play_for(Impairments { delay: 200 * MS, ..Impairments::default() }, Duration::from_secs(10));
    assert_near(figures.end_to_end_ms, 250.0, 10.0);
    assert_near(figures.round_trip_ms, 201.0, 0.5);
    assert_near(figures.frame_jitter_ms, 0.0, 0.1);
    assert_near(figures.playout_delay_ms, 50.0, 8.0);
}

/// A full queue delays packets by its length in bytes divided by the rate.
#[test]
fn bottleneck_fills_queue_and_drops_packets() {
    let (_, free) = play_for(Impairments::default(), Duration::from_secs(10));
    let needed = free.wire_octets as f64 * 8.0 / free.playing_s;
    let bits_per_second = (needed * 0.7) as u64;
    let bottleneck = Some(Bottleneck { bits_per_second, queue: 24_000 });
    let (_, figures) =
        play_for(Impairments { bottleneck, ..Impairments::default() }, Duration::from_secs(30));
    let truth = figures.emulated.unwrap();
    assert_eq!(truth.lost_random, 0);
    assert_near(Some(truth.lost_queue as f64 / truth.offered as f64), 0.3, 0.06);
    let full = 24_000.0 * 8_000.0 / bits_per_second as f64;
    assert_near(figures.round_trip_ms, full, full * 0.25);
    assert!(figures.end_to_end_ms.unwrap() > full * 0.7, "{:?} of {full}", figures.end_to_end_ms);
    assert_near(figures.network_delay_ms, full, full * 0.25);
    assert_near(figures.network_delay_max_ms, full, full * 0.1);
    assert_near(Some(figures.wire_bits_per_second), bits_per_second as f64, bits_per_second as f64 * 0.05);
}

#[test]
fn outage_is_one_stall_and_one_loss_burst_and_pause_is_neither() {
    let mut world = world(Impairments::default(), 2_000);
    world.set_goal(Goal::Playing);
    world.run_for(Duration::from_secs(5));
    let outage = Impairments { loss: LossModel { ratio: 1.0, mean_burst: None }, ..Impairments::default() };
    world.emulator.configure(EmulatorSettings { is_on: true, seed: 1, impairments: outage });
    world.run_for(Duration::from_secs(1));
    world.emulator.configure(EmulatorSettings::default());
    world.run_for(Duration::from_secs(2));
    let figures = world.snapshot();
    assert_eq!((figures.stalls, figures.loss_bursts), (1, 1), "{figures:?}");
    assert_near(Some(figures.longest_stall_ms), 1_050.0, 50.0);
    assert_eq!(figures.loss_burst_longest, figures.packets_lost);
    assert_eq!(figures.packets_lost, figures.emulated.unwrap().lost_random);
    let played = figures.playing_s;

    world.set_goal(Goal::Ready);
    world.run_for(Duration::from_secs(10));
    world.set_goal(Goal::Playing);
    world.run_for(Duration::from_secs(2));
    let figures = world.snapshot();
    assert_eq!((figures.stalls, figures.loss_bursts), (1, 1), "{figures:?}");
    assert_near(Some(figures.playing_s), played + 2.0, 0.1);
    assert_near(figures.frame_jitter_ms, 0.0, 0.1);
}

/// The network is so slow that few frames are complete. The network delay is still measured, and where damaged frames
/// are not shown, the time in which the displayed picture does not change counts as a stall.
#[test]
fn network_delay_is_measured_without_complete_frames() {
    let bottleneck = Some(Bottleneck { bits_per_second: 200_000, queue: 16_000 });
    let mut world = world(Impairments { bottleneck, ..Impairments::default() }, 2_000);
    world.handle_input(ClientInput::Command(SessionCommand::SetShowsDamaged(false)));
    world.set_goal(Goal::Playing);
    world.run_for(Duration::from_secs(20));
    let figures = world.snapshot();
    assert!(figures.frames_complete < 100, "{figures:?}");
    let full = 16_000.0 * 8_000.0 / 200_000.0;
    assert_near(figures.network_delay_mean_ms, full, full * 0.25);
    assert!(figures.stalls > 0 && figures.stalled_ms > 5_000.0, "{figures:?}");
    world.set_goal(Goal::Ready);
    world.run_for(Duration::from_secs(2));
    let paused = world.snapshot();
    assert_near(Some(paused.stalled_ms), figures.stalled_ms, 500.0);
}

#[test]
fn total_loss_is_counted_and_end_adds_no_stall() {
    let mut world = world(Impairments::default(), 200);
    world.emulator.configure(EmulatorSettings::default());
    world.set_goal(Goal::Playing);
    world.run_for(Duration::from_secs(5));
    let outage = Impairments { loss: LossModel { ratio: 1.0, mean_burst: None }, ..Impairments::default() };
    world.emulator.configure(EmulatorSettings { is_on: true, seed: 1, impairments: outage });
    world.run_for(Duration::from_secs(3));
    let figures = world.snapshot();
    let truth = figures.emulated.unwrap();
    assert_eq!((figures.packets_lost, figures.packets_expected), (truth.lost_random, truth.packets()));
    assert!(figures.loss_ratio.unwrap() > 0.3 && truth.untouched > truth.offered, "{figures:?}");
    assert_eq!(figures.stalls, 1);
    assert_near(Some(figures.stalled_ms), 3_000.0, 150.0);
    world.run_until("the end", |world| world.event_count(|event| *event == SessionEvent::Ended) > 0);
    let figures = world.snapshot();
    assert_eq!(figures.packets_expected, figures.emulated.unwrap().packets());
    assert_eq!(figures.stalls, 1, "{figures:?}");
    assert_near(Some(figures.stalled_ms), 5_000.0, 150.0);
    assert_near(Some(figures.playing_s), 10.0, 0.15);
}

#[test]
fn late_packets_are_not_counted_as_lost() {
    let jitter = JitterModel { spread: 150 * MS, reorders: true, ..JitterModel::default() };
    let impairments = Impairments { delay: 150 * MS, jitter, ..Impairments::default() };
    let (world, figures) = play_for(impairments, Duration::from_secs(10));
    assert!(figures.packets_late > 100 && figures.packets_reordered > figures.packets_late, "{figures:?}");
    assert!(figures.reordered_farthest > 10, "{figures:?}");
    let rows = world.packet_rows();
    let count = |fate| rows.iter().flat_map(|row| &row.packets).filter(|packet| **packet == fate).count();
    assert!(count(Fate::Late) > 0 && count(Fate::Received) > 0, "{rows:?}");
}

#[test]
fn record_totals_match_figures() {
    let loss = LossModel { ratio: 0.05, mean_burst: Some(2.0) };
    let mut world = world(Impairments { loss, ..Impairments::default() }, 100);
    let mut record = SessionHistory::new(std::time::SystemTime::UNIX_EPOCH);
    world.set_goal(Goal::Playing);
    while world.event_count(|event| *event == SessionEvent::Ended) == 0 {
        world.run_for(250 * MS);
        let (snapshot, settings) = (world.snapshot(), world.emulator.settings());
        record.update(&snapshot, &settings);
    }
    let figures = world.snapshot();
    let report = record.report(ReportSubject::default());
    let seconds = report.seconds();
    assert_eq!(seconds.len(), 5, "five seconds of film");
    assert_eq!(
        seconds.iter().filter_map(|second| second.packets_received).sum::<u64>(),
        figures.packets_received
    );
    assert_eq!(
        seconds.iter().filter_map(|second| second.packets_lost).sum::<i64>(),
        figures.packets_lost as i64
    );
    let true_losses = seconds.iter().filter_map(|second| second.emulated_lost_random).sum::<u64>();
    assert_eq!(true_losses, figures.packets_lost);
    assert!((seconds.iter().map(|second| second.span_s).sum::<f64>() - figures.playing_s).abs() < 1e-6);
    assert_eq!(report.network().len(), 1);
}

#[test]
fn message_log_keeps_order_states_and_packet_counts() {
    let mut world = world(Impairments::default(), 2_000);
    let mut log = MessageLog::default();
    world.set_goal(Goal::Playing);
    world.run_for(Duration::from_secs(1));
    world.set_goal(Goal::Ready);
    world.run_for(Duration::from_secs(1));
    world.set_goal(Goal::Stopped);
    world.run_for(Duration::from_secs(1));
    let figures = world.snapshot();
    let mut messages = Vec::new();
    for (_, event) in &world.events {
        if let SessionEvent::Message(message) = event {
            log.log_message(message.clone());
            messages.push((
                message.direction,
                message.label().to_owned(),
                message.cseq.unwrap(),
                message.state,
            ));
        }
    }
    log.update(&figures);
    use RtspState::{Init, Playing, Ready};
    let methods = [
        ("OPTIONS", Init, Init),
        ("DESCRIBE", Init, Init),
        ("SETUP", Init, Ready),
        ("PLAY", Ready, Playing),
        ("PAUSE", Playing, Ready),
        ("TEARDOWN", Ready, Init),
    ];
    let expected: Vec<_> = (1..)
        .zip(methods)
        .flat_map(|(cseq, (method, before, after))| {
            let ok = (Direction::ServerToClient, "200 OK".to_owned(), cseq, after);
            [(Direction::ClientToServer, method.to_owned(), cseq, before), ok]
        })
        .collect();
    assert_eq!(messages, expected);
    let response_times: Vec<_> = log
        .entries()
        .iter()
        .filter_map(
            |entry| if let LogEntry::Message { response_time, .. } = entry { *response_time } else { None },
        )
        .collect();
    assert_eq!(response_times, [2 * MS; 6], "twice the one-way latency");
    let LogEntry::Media(media) = log.entries()[8] else { panic!("{:?}", log.entries()) };
    assert_eq!(media.received, figures.packets_received);
    let at = |index: usize| match &log.entries()[index] {
        LogEntry::Message { message, .. } => message.at,
        other => panic!("{other:?}"),
    };
    let expected = (at(7), Some(at(10)));
    assert_eq!((media.start, media.end), expected, "from the PLAY response to the PAUSE response");
}
