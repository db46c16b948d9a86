//! The figures of a session, against what is known of the world that it plays in. On virtual time.

mod common;

use std::time::Duration;

use common::films::pictures;
use common::jpegs::Kind;
use common::simulation::{MS, Setting, World};
use reelay::impairment::{Bottleneck, Conditions, Impairments, Jitter, Loss};
use reelay::session::{Conversation, Entry, Event, Goal, RtspState, Speaker};
use reelay::stats::{Fate, Record, Snapshot, Subject};

fn world(impairments: Impairments, frames: usize) -> World {
    let pictures = pictures(Kind::Classroom444, (160, 120), 20);
    let film = (0..frames).map(|frame| pictures[frame % 20].clone()).collect();
    World::new(Setting { impairments, ..Setting::new(film) })
}

fn playing(impairments: Impairments, span: Duration) -> (World, Snapshot) {
    let mut world = world(impairments, 2_000);
    world.want(Goal::Playing);
    world.run_for(span);
    let snapshot = world.snapshot();
    (world, snapshot)
}

#[track_caller]
fn assert_near(figure: Option<f64>, expected: f64, tolerance: f64) {
    let figure = figure.expect("it is known");
    assert!((figure - expected).abs() <= tolerance, "{figure} is not {expected} ± {tolerance}");
}

#[test]
fn a_perfect_network_has_no_jitter_and_no_age_but_the_playout_delay() {
    let (_, figures) = playing(Impairments::default(), Duration::from_secs(10));
    assert_near(figures.frame_jitter_ms, 0.0, 0.1);
    assert!(figures.jitter_ms > figures.frame_jitter_ms, "a frame's packets are spread: {figures:?}");
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
fn a_delay_makes_pictures_older_and_round_trips_longer() {
    let (_, figures) =
        playing(Impairments { delay: 200 * MS, ..Impairments::default() }, Duration::from_secs(10));
    assert_near(figures.end_to_end_ms, 250.0, 10.0);
    assert_near(figures.round_trip_ms, 201.0, 0.5);
    assert_near(figures.frame_jitter_ms, 0.0, 0.1);
    assert_near(figures.playout_delay_ms, 50.0, 8.0);
}

/// A full queue delays by its length: octets over rate.
#[test]
fn a_throughput_below_the_films_rate_fills_the_queue_and_loses_there() {
    let (_, free) = playing(Impairments::default(), Duration::from_secs(10));
    let needed = free.wire_octets as f64 * 8.0 / free.playing_s;
    let bits_per_second = (needed * 0.7) as u64;
    let bottleneck = Some(Bottleneck { bits_per_second, queue: 24_000 });
    let (_, figures) = playing(Impairments { bottleneck, ..Impairments::default() }, Duration::from_secs(30));
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
fn an_outage_is_a_stall_and_one_row_of_losses_and_a_pause_is_neither() {
    let mut world = world(Impairments::default(), 2_000);
    world.want(Goal::Playing);
    world.run_for(Duration::from_secs(5));
    let nothing = Impairments { loss: Loss { ratio: 1.0, mean_burst: None }, ..Impairments::default() };
    world.network.set(Conditions { is_on: true, seed: 1, impairments: nothing });
    world.run_for(Duration::from_secs(1));
    world.network.set(Conditions::default());
    world.run_for(Duration::from_secs(2));
    let figures = world.snapshot();
    assert_eq!((figures.stalls, figures.loss_bursts), (1, 1), "{figures:?}");
    assert_near(Some(figures.longest_stall_ms), 1_050.0, 50.0);
    assert_eq!(figures.loss_burst_longest, figures.packets_lost);
    assert_eq!(figures.packets_lost, figures.emulated.unwrap().lost_random);
    let played = figures.playing_s;

    world.want(Goal::Ready);
    world.run_for(Duration::from_secs(10));
    world.want(Goal::Playing);
    world.run_for(Duration::from_secs(2));
    let figures = world.snapshot();
    assert_eq!((figures.stalls, figures.loss_bursts), (1, 1), "{figures:?}");
    assert_near(Some(figures.playing_s), played + 2.0, 0.1);
    assert_near(figures.frame_jitter_ms, 0.0, 0.1);
}

/// So slow that hardly a picture is whole: the delay is known all the same, and the picture that stands is a stall.
#[test]
fn where_no_picture_is_whole_the_delay_is_that_of_the_queue() {
    let bottleneck = Some(Bottleneck { bits_per_second: 200_000, queue: 16_000 });
    let (mut world, figures) =
        playing(Impairments { bottleneck, ..Impairments::default() }, Duration::from_secs(20));
    assert!(figures.frames_complete < 100, "{figures:?}");
    let full = 16_000.0 * 8_000.0 / 200_000.0;
    assert_near(figures.network_delay_mean_ms, full, full * 0.25);
    assert!(figures.stalls > 0 && figures.stalled_ms > 5_000.0, "{figures:?}");
    world.want(Goal::Ready);
    world.run_for(Duration::from_secs(2));
    let paused = world.snapshot();
    assert_near(Some(paused.stalled_ms), figures.stalled_ms, 500.0);
}

#[test]
fn where_nothing_arrives_it_is_known_what_was_lost_and_the_end_adds_nothing() {
    let mut world = world(Impairments::default(), 200);
    world.network.set(Conditions::default());
    world.want(Goal::Playing);
    world.run_for(Duration::from_secs(5));
    let nothing = Impairments { loss: Loss { ratio: 1.0, mean_burst: None }, ..Impairments::default() };
    world.network.set(Conditions { is_on: true, seed: 1, impairments: nothing });
    world.run_for(Duration::from_secs(3));
    let figures = world.snapshot();
    let truth = figures.emulated.unwrap();
    assert_eq!((figures.packets_lost, figures.packets_expected), (truth.lost_random, truth.packets()));
    assert!(figures.loss_ratio.unwrap() > 0.3 && truth.untouched > truth.offered, "{figures:?}");
    assert_eq!(figures.stalls, 1);
    assert_near(Some(figures.stalled_ms), 3_000.0, 150.0);
    world.run_until("the end", |world| world.count(|event| *event == Event::Ended) > 0);
    let figures = world.snapshot();
    assert_eq!(figures.packets_expected, figures.emulated.unwrap().packets());
    assert_eq!(figures.stalls, 1, "{figures:?}");
    assert_near(Some(figures.stalled_ms), 5_000.0, 150.0);
    assert_near(Some(figures.playing_s), 10.0, 0.15);
}

#[test]
fn what_comes_too_late_is_told_apart_from_what_is_lost() {
    let jitter = Jitter { spread: 150 * MS, reorders: true, ..Jitter::default() };
    let impairments = Impairments { delay: 150 * MS, jitter, ..Impairments::default() };
    let (world, figures) = playing(impairments, Duration::from_secs(10));
    assert!(figures.packets_late > 100 && figures.packets_reordered > figures.packets_late, "{figures:?}");
    assert!(figures.reordered_farthest > 10, "{figures:?}");
    let rows = world.rows();
    let count = |fate| rows.iter().flat_map(|row| &row.packets).filter(|packet| **packet == fate).count();
    assert!(count(Fate::Late) > 0 && count(Fate::Received) > 0, "{rows:?}");
}

#[test]
fn the_record_of_a_session_adds_up_to_its_figures() {
    let loss = Loss { ratio: 0.05, mean_burst: Some(2.0) };
    let mut world = world(Impairments { loss, ..Impairments::default() }, 100);
    let mut record = Record::begin(std::time::SystemTime::UNIX_EPOCH);
    world.want(Goal::Playing);
    while world.count(|event| *event == Event::Ended) == 0 {
        world.run_for(250 * MS);
        let (snapshot, conditions) = (world.snapshot(), world.network.conditions());
        record.observe(&snapshot, &conditions);
    }
    let figures = world.snapshot();
    let report = record.report(Subject::default());
    let seconds = report.seconds();
    assert_eq!(seconds.len(), 5, "five seconds of film");
    assert_eq!(seconds.iter().map(|second| second.packets_received).sum::<u64>(), figures.packets_received);
    assert_eq!(seconds.iter().map(|second| second.packets_lost).sum::<i64>(), figures.packets_lost as i64);
    let true_losses = seconds.iter().filter_map(|second| second.emulated_lost_random).sum::<u64>();
    assert_eq!(true_losses, figures.packets_lost);
    assert!((seconds.iter().map(|second| second.span_s).sum::<f64>() - figures.playing_s).abs() < 1e-6);
    assert_eq!(report.network().len(), 1);
}

#[test]
fn what_is_said_is_told_in_its_order_with_the_states_and_the_packets_between() {
    let mut world = world(Impairments::default(), 2_000);
    let mut conversation = Conversation::default();
    world.want(Goal::Playing);
    world.run_for(Duration::from_secs(1));
    world.want(Goal::Ready);
    world.run_for(Duration::from_secs(1));
    world.want(Goal::Stopped);
    world.run_for(Duration::from_secs(1));
    let figures = world.snapshot();
    let mut said = Vec::new();
    for (_, event) in &world.events {
        if let Event::Said(message) = event {
            conversation.say(message.clone());
            said.push((message.speaker, message.label().to_owned(), message.cseq.unwrap(), message.state));
        }
    }
    conversation.observe(&figures);
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
            let ok = (Speaker::Server, "200 OK".to_owned(), cseq, after);
            [(Speaker::Player, method.to_owned(), cseq, before), ok]
        })
        .collect();
    assert_eq!(said, expected);
    let took: Vec<_> = conversation
        .entries()
        .iter()
        .filter_map(|entry| if let Entry::Said { took, .. } = entry { *took } else { None })
        .collect();
    assert_eq!(took, [2 * MS; 6], "there and back");
    let Entry::Media(media) = conversation.entries()[8] else { panic!("{:?}", conversation.entries()) };
    assert_eq!(media.received, figures.packets_received);
    let at = |index: usize| match &conversation.entries()[index] {
        Entry::Said { message, .. } => message.at,
        other => panic!("{other:?}"),
    };
    assert_eq!((media.since, media.until), (at(7), Some(at(10))), "from the reply to PLAY to that to PAUSE");
}
