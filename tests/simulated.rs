//! Player and server on virtual time, over a link that loses, delays, reorders and repeats.

mod common;

use common::films::pictures;
use common::jpegs::Kind;
use common::simulation::{MS, Setting, World};
use reelay::impairment::{Bottleneck, Conditions, Distribution, Impairments, Jitter, Loss};
use reelay::media::FrameRate;
use reelay::proto::rtsp::{Method, Npt};
use reelay::session::{
    Command, Event, Failure, Goal, Input, Interruption, MachineOptions, Place, RtspState, TransportChoice,
};
use std::time::Duration;

const SIZE: (u16, u16) = (96, 64);

/// A film that repeats twenty pictures.
fn setting(frames: usize) -> Setting {
    let few = pictures(Kind::Classroom444, SIZE, 20);
    Setting::new((0..frames).map(|number| few[number % few.len()].clone()).collect())
}

fn ended(world: &World) -> bool {
    world.count(|event| *event == Event::Ended) > 0
}

fn waited(world: &World) -> usize {
    world.count(|event| *event == Event::Waiting(true))
}

#[test]
fn every_frame_arrives_and_is_shown_on_time_by_datagrams_and_on_the_connection() {
    for transport in [TransportChoice::Udp, TransportChoice::Tcp] {
        let film = setting(2_000);
        let source = film.pictures.clone();
        let mut world =
            World::new(Setting { machine: MachineOptions { transport, ..Default::default() }, ..film });
        world.want(Goal::Playing);
        world.run_until("the end", ended);
        assert!(world.arrived.iter().map(|frame| &frame.jpeg[..]).eq(source.iter().map(Vec::as_slice)));
        assert!(world.shown.iter().map(|shown| &shown.jpeg[..]).eq(source.iter().map(Vec::as_slice)));
        let positions: Vec<_> = world.shown.iter().map(|shown| shown.position_ms.unwrap()).collect();
        assert!(positions.iter().copied().eq((0..2_000).map(|frame| frame * 50)));
        let first = world.shown[0].at;
        for (frame, shown) in (0u32..).zip(&world.shown) {
            let even = first + 50 * MS * frame;
            assert!(shown.at.abs_diff(even) < 9 * MS, "frame {frame} at {:?} instead of {even:?}", shown.at);
        }
        let methods = world.methods();
        assert_eq!(methods[..4], ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"]);
        assert!(methods[4..].iter().all(|method| *method == "GET_PARAMETER"), "signs of life");
        assert_eq!((waited(&world), world.state()), (0, RtspState::Ready));
        let snapshot = world.snapshot();
        assert_eq!((snapshot.packets_lost, snapshot.frames_incomplete), (0, 0));
        let counted = world.requests.iter().map(|request| request.headers.cseq());
        assert!(counted.eq((1..=world.requests.len() as u32).map(Some)));
    }
}

#[test]
fn the_last_pictures_of_a_long_playout_delay_are_waited_for() {
    for loses_rtcp in [false, true] {
        let mut world = World::new(Setting { playout_delay: 2_000 * MS, loses_rtcp, ..setting(100) });
        world.want(Goal::Playing);
        world.run_until("the end", ended);
        assert_eq!((world.shown.len(), world.state()), (100, RtspState::Ready));
        let last = world.shown.last().unwrap();
        assert!(last.at >= 6_900 * MS && world.elapsed() < last.at + 2_500 * MS, "{:?}", last.at);
    }
}

#[test]
fn who_pauses_behind_the_goodbye_has_the_pictures_that_wait_later() {
    let mut world = World::new(Setting { playout_delay: 2_000 * MS, ..setting(100) });
    world.want(Goal::Playing);
    world.run_until("the last picture", |world| world.arrived.len() == 100);
    world.run_for(500 * MS);
    world.want(Goal::Ready);
    world.run_for(20_000 * MS);
    let shown = world.shown.len();
    assert!((60..80).contains(&shown), "{shown}");
    assert_eq!((world.state(), ended(&world)), (RtspState::Ready, false));
    world.want(Goal::Playing);
    world.run_until("the end", ended);
    assert_eq!(world.shown.len(), 100, "from where it stood");
    assert!(world.shown.windows(2).all(|pair| pair[0].position_ms < pair[1].position_ms));
}

#[test]
fn what_is_lost_is_counted_and_what_is_whole_is_right() {
    for seed in 1..=12 {
        let impairments = Impairments {
            loss: Loss { ratio: 0.05, mean_burst: (seed % 2 == 0).then_some(3.0) },
            duplication: 0.03,
            delay: 40 * MS,
            jitter: Jitter { spread: 8 * MS, reorders: true, ..Jitter::default() },
            ..Impairments::default()
        };
        let film = setting(1_000);
        let source = film.pictures.clone();
        let mut world = World::new(Setting { impairments, seed, ..film });
        world.want(Goal::Playing);
        world.run_until("the end", ended);
        let (snapshot, truth) = (world.snapshot(), world.truth());
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
        assert_eq!(snapshot.frames_complete as usize, world.arrived.len());
        for frame in &world.arrived {
            assert!(
                source.iter().any(|jpeg| frame.jpeg == jpeg[..]),
                "seed {seed}: a frame that was never sent"
            );
        }
        assert_eq!(waited(&world), 0, "seed {seed}");
    }
}

/// Faults of every kind, and all at once.
fn faults() -> [Impairments; 6] {
    let none = Impairments::default();
    let loss = |ratio, mean_burst| Loss { ratio, mean_burst };
    let heavy = Jitter { spread: 15 * MS, distribution: Distribution::Pareto, reorders: true };
    // The film needs 300 kbit/s or so.
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
fn what_is_measured_is_the_truth_wherever_the_network_acts_and_whenever_it_is_stopped() {
    for (seed, impairments) in (1..).zip(faults()) {
        for place in [Place::AtServer, Place::WayIn] {
            for (transport, stop) in
                [(TransportChoice::Udp, false), (TransportChoice::Tcp, false), (TransportChoice::Udp, true)]
            {
                let machine = MachineOptions { transport, ..MachineOptions::default() };
                let mut world = World::new(Setting { impairments, seed, place, machine, ..setting(300) });
                world.want(Goal::Playing);
                if stop {
                    world.run_for(Duration::from_millis(7_777));
                    world.want(Goal::Stopped);
                    world.run_until("INIT", |world| world.count(|event| *event == Event::Closed) == 1);
                } else {
                    world.run_until("the end", ended);
                }
                let (measured, truth) = (world.snapshot(), world.truth());
                let about = format!("{impairments:?} {place:?} {transport:?} {stop}: {truth:?}");
                assert!(truth.offered > 250, "{about}");
                assert_eq!(truth.offered, truth.delivered + truth.lost_random + truth.lost_queue, "{about}");
                assert_eq!(measured.packets_lost, truth.lost_random + truth.lost_queue, "{about}");
                assert_eq!(measured.packets_expected, truth.offered, "{about}");
                assert_eq!(measured.packets_received, truth.delivered, "{about}");
                assert_eq!(measured.packets_duplicated, truth.duplicated, "{about}");
                assert_eq!(truth.lost_queue > 0, impairments.bottleneck.is_some(), "{about}");
            }
        }
    }
}

#[test]
fn an_emulated_network_is_not_evaded_by_tcp() {
    let impairments = Impairments { loss: Loss { ratio: 1.0, mean_burst: None }, ..Impairments::default() };
    for place in [Place::AtServer, Place::WayIn] {
        let mut world = World::new(Setting { impairments, place, ..setting(300) });
        world.want(Goal::Playing);
        world.run_until("the end", ended);
        assert_eq!(world.methods().iter().filter(|method| **method == "SETUP").count(), 1);
    }
}

#[test]
fn jitter_within_the_playout_delay_costs_no_frame() {
    let jitter = Jitter { spread: 8 * MS, reorders: true, ..Jitter::default() };
    let impairments = Impairments { delay: 20 * MS, jitter, ..Impairments::default() };
    let mut world = World::new(Setting { impairments, ..setting(3_000) });
    world.want(Goal::Playing);
    world.run_until("the end", ended);
    let snapshot = world.snapshot();
    assert!(snapshot.packets_reordered > 500, "{snapshot:?}");
    assert_eq!((snapshot.frames_complete, snapshot.frames_dropped_late), (3_000, 0));
    assert_eq!(world.shown.len(), 3_000);
}

#[test]
fn a_lost_goodbye_does_not_matter() {
    for (ratio, seed) in [(0.0, 1), (0.2, 2), (0.2, 3), (0.5, 4), (0.5, 5)] {
        let impairments = Impairments { loss: Loss { ratio, mean_burst: None }, ..Impairments::default() };
        let mut world = World::new(Setting { impairments, seed, loses_rtcp: true, ..setting(200) });
        world.want(Goal::Playing);
        world.run_until("the end", ended);
        assert_eq!(waited(&world), 0, "seed {seed}");
        assert!(world.elapsed() < Duration::from_secs(11), "seed {seed}: {:?}", world.elapsed());
    }
}

#[test]
fn a_film_whose_length_is_not_known_yet_ends_even_if_nobody_says_so() {
    let mut world = World::new(Setting { loses_rtcp: true, is_growing: true, ..setting(100) });
    world.want(Goal::Playing);
    world.run_until("PLAY", |world| world.state() == RtspState::Playing);
    world.server_mut().info.progress.outcome = Some(Default::default());
    world.run_until("the end", ended);
    assert_eq!(world.methods().last(), Some(&"DESCRIBE"));
    assert!(world.elapsed() < Duration::from_secs(7));
}

#[test]
fn after_the_end_play_begins_anew() {
    let mut world = World::new(setting(40));
    world.want(Goal::Playing);
    world.run_until("the end", ended);
    world.run_for(Duration::from_secs(3));
    world.want(Goal::Playing);
    world.run_until("the end again", |world| world.count(|event| *event == Event::Ended) == 2);
    assert_eq!(world.methods(), ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "PLAY"]);
    assert_eq!(world.requests[4].headers.get("Range"), Some("npt=0.000-"));
    assert_eq!(world.shown.len(), 80);
    let snapshot = world.snapshot();
    assert_eq!((snapshot.packets_lost, snapshot.frames_incomplete), (0, 0));
}

#[test]
fn a_pause_keeps_the_place_and_loses_no_frame() {
    let mut world = World::new(setting(100));
    world.want(Goal::Playing);
    for _ in 0..5 {
        world.run_for(Duration::from_millis(730));
        world.want(Goal::Ready);
        let shown = world.shown.len();
        world.run_for(Duration::from_secs(2));
        assert_eq!(
            (world.shown.len(), world.state()),
            (shown, RtspState::Ready),
            "the picture stands still at once"
        );
        world.want(Goal::Playing);
    }
    world.run_until("the end", ended);
    let positions: Vec<_> = world.shown.iter().filter_map(|shown| shown.position_ms).collect();
    assert!(positions.is_sorted());
    assert_eq!(world.shown.len(), 100, "{positions:?}");
    assert_eq!((world.snapshot().frames_incomplete, waited(&world)), (0, 0));
}

#[test]
fn a_pause_at_the_very_end_ends_when_it_is_lifted() {
    let mut world = World::new(Setting { loses_rtcp: true, ..setting(20) });
    world.want(Goal::Playing);
    world.run_until("the last frame is here", |world| world.arrived.len() == 20);
    world.want(Goal::Ready);
    world.run_for(Duration::from_secs(5));
    world.want(Goal::Playing);
    world.run_until("the end", ended);
    assert_eq!((world.shown.len(), waited(&world)), (20, 0));
    assert_eq!(world.count(|event| *event == Event::Reached(Npt::from_micros(1_000_000))), 1);
}

#[test]
fn a_seek_lands_on_the_frame_and_goes_on_there() {
    let mut world = World::new(setting(200));
    world.want(Goal::Playing);
    world.run_for(Duration::from_secs(2));
    world.input(Input::Command(Command::Seek(Npt::from_micros(7_512_000))));
    let before = world.shown.len();
    world.run_until("the end", ended);
    assert_eq!(world.methods(), ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "PAUSE", "PLAY"]);
    let positions: Vec<_> = world.shown[before..].iter().map(|shown| shown.position_ms.unwrap()).collect();
    assert!(positions.iter().copied().eq((150..200).map(|frame| frame * 50)), "{positions:?}");
}

/// The way is longer than the pause, and what is under way comes in the middle of it or behind it.
#[test]
fn a_pause_loses_nothing_that_is_under_way() {
    for (delay, pause, latency) in [(300, 2_000, 150), (500, 100, 1), (260, 600, 1), (500, 5_000, 40)] {
        let impairments = Impairments { delay: delay * MS, ..Impairments::default() };
        let mut world = World::new(Setting { impairments, latency: latency * MS, ..setting(100) });
        world.want(Goal::Playing);
        for _ in 0..3 {
            world.run_for(Duration::from_millis(1_230));
            world.want(Goal::Ready);
            world.run_for(pause * MS);
            world.want(Goal::Playing);
        }
        world.run_until("the end", ended);
        let positions: Vec<_> = world.shown.iter().map(|shown| shown.position_ms.unwrap()).collect();
        let what = format!("a delay of {delay} ms, a pause of {pause} ms, answers after {latency} ms");
        assert!(positions.iter().copied().eq((0..100).map(|frame| frame * 50)), "{what}: {positions:?}");
        let snapshot = world.snapshot();
        assert_eq!((snapshot.packets_lost, snapshot.packets_late), (0, 0), "{what}");
        assert_eq!((snapshot.frames_incomplete, snapshot.frames_dropped_late), (0, 0), "{what}");
    }
}

#[test]
fn a_picture_that_stands_still_because_it_is_meant_to_does_not_stall() {
    for latency in [100, 150, 300] {
        let mut world = World::new(Setting { latency: latency * MS, ..setting(100) });
        world.want(Goal::Playing);
        world.run_for(Duration::from_secs(3));
        let played = world.snapshot().playing_s;
        world.want(Goal::Ready);
        world.run_for(Duration::from_secs(2));
        let snapshot = world.snapshot();
        assert_eq!((snapshot.stalls, snapshot.playing_s), (0, played), "answers after {latency} ms");
    }
}

#[test]
fn a_seek_in_the_last_moment_is_not_undone() {
    for (loses_rtcp, playout_delay) in [(false, 50), (false, 500), (true, 50), (true, 500)] {
        let film = Setting { loses_rtcp, playout_delay: playout_delay * MS, ..setting(100) };
        let mut world = World::new(film);
        world.want(Goal::Playing);
        world.run_until("the last frame is here", |world| world.arrived.len() == 100);
        let before = world.shown.len();
        world.input(Input::Command(Command::Seek(Npt::from_micros(1_000_000))));
        world.run_until("the end", ended);
        assert_eq!(world.methods()[4..], ["PAUSE", "PLAY"]);
        let positions: Vec<_> =
            world.shown[before..].iter().map(|shown| shown.position_ms.unwrap()).collect();
        assert!(positions.iter().copied().eq((20..100).map(|frame| frame * 50)), "{positions:?}");
    }
}

#[test]
fn what_is_still_under_way_from_before_a_seek_is_not_late_and_its_goodbye_ends_nothing() {
    for (place, seek_at) in
        [(Place::WayIn, 2_000), (Place::AtServer, 2_000), (Place::WayIn, 5_250), (Place::AtServer, 5_250)]
    {
        let impairments = Impairments { delay: 500 * MS, ..Impairments::default() };
        let mut world = World::new(Setting { impairments, place, ..setting(100) });
        world.want(Goal::Playing);
        world.run_for(seek_at * MS);
        world.input(Input::Command(Command::Seek(Npt::from_micros(1_000_000))));
        let before = world.shown.len();
        world.run_until("the end", ended);
        let positions: Vec<_> =
            world.shown[before..].iter().map(|shown| shown.position_ms.unwrap()).collect();
        assert!(
            positions.iter().copied().eq((20..100).map(|frame| frame * 50)),
            "{place} {seek_at}: {positions:?}"
        );
        let snapshot = world.snapshot();
        assert_eq!((snapshot.packets_late, snapshot.packets_lost), (0, 0), "{place} {seek_at}");
    }
}

#[test]
fn between_the_pictures_of_a_slow_film_nothing_is_missing() {
    for (per_mille, seconds) in [(1_000, 11), (150, 73)] {
        let mut world = World::new(setting(12));
        world.server_mut().info.rate = FrameRate::new(per_mille, 1_000).unwrap();
        world.want(Goal::Playing);
        world.run_until("the end", ended);
        assert_eq!((world.shown.len(), waited(&world)), (12, 0));
        assert_eq!(world.count(|event| matches!(event, Event::Failed(_))), 0);
        let late = world.elapsed().abs_diff(Duration::from_secs(seconds));
        assert!(late < Duration::from_secs(2), "{:?}", world.elapsed());
    }
}

#[test]
fn a_seek_while_it_stands_still_is_where_it_begins() {
    let mut world = World::new(setting(200));
    world.want(Goal::Ready);
    world.run_until("SETUP", |world| world.state() == RtspState::Ready);
    world.input(Input::Command(Command::Seek(Npt::from_micros(9_000_000))));
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.methods().len(), 3, "nothing is sent until it plays");
    world.want(Goal::Playing);
    world.run_until("the end", ended);
    assert_eq!(world.shown.first().unwrap().position_ms, Some(9_000));
}

/// The player asks for none, but understands what a server says of it.
#[test]
fn at_a_scale_of_the_servers_own_the_end_and_every_position_are_known() {
    for (scale, step_ms, count, seconds) in [("2", 100, 100, 5), ("0.5", 50, 200, 20)] {
        let mut world = World::new(Setting { scale: Some(scale), loses_rtcp: true, ..setting(200) });
        world.want(Goal::Playing);
        world.run_until("the end", ended);
        let positions: Vec<_> = world.shown.iter().filter_map(|shown| shown.position_ms).collect();
        assert!(positions.iter().copied().eq((0..count).map(|frame| frame * step_ms)), "{positions:?}");
        assert_eq!(waited(&world), 0, "{scale}");
        let late = world.elapsed().abs_diff(Duration::from_secs(seconds));
        assert!(late < 300 * MS, "{scale}: {:?}", world.elapsed());
    }
}

#[test]
fn stop_tears_down_and_play_sets_up_again() {
    let mut world = World::new(setting(100));
    world.want(Goal::Playing);
    world.run_for(Duration::from_secs(1));
    world.want(Goal::Stopped);
    let shown = world.shown.len();
    world.run_until("INIT", |world| world.count(|event| *event == Event::Closed) == 1);
    world.run_for(Duration::from_secs(1));
    assert_eq!((world.shown.len(), world.state()), (shown, RtspState::Init));
    world.want(Goal::Playing);
    world.run_until("the end", ended);
    let once = ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"];
    assert_eq!(world.methods(), [&once[..], &["TEARDOWN"], &once].concat());
    assert_eq!(world.requests[5].headers.cseq(), Some(1), "a new connection counts anew");
    assert_eq!(world.shown.len() - shown, 100);
}

/// Whatever is clicked while requests are in flight, the last click decides, and no request is sent twice.
#[test]
fn the_last_click_decides() {
    let goals = [Goal::Stopped, Goal::Ready, Goal::Playing];
    for clicks in 0..3usize.pow(5) {
        let mut world = World::new(Setting { latency: 40 * MS, ..setting(400) });
        let clicked: Vec<_> = (0..5).map(|digit| goals[clicks / 3usize.pow(digit) % 3]).collect();
        for goal in &clicked {
            world.want(*goal);
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
    let mut world = World::new(Setting { latency: 100 * MS, ..setting(100) });
    world.want(Goal::Playing);
    for _ in 0..60 {
        world.run_for(10 * MS);
        let unanswered = world.requests.len() - world.responses.len();
        assert!(unanswered <= 1);
    }
    assert!(matches!(world.requests.last().unwrap().method, Method::Setup | Method::Play | Method::Describe));
}

#[test]
fn a_server_that_answers_nothing_is_given_up_after_the_time_out() {
    let mut world = World::new(Setting { is_mute: true, ..setting(1) });
    world.want(Goal::Ready);
    world.run_until("a failure", |world| world.count(|event| matches!(event, Event::Failed(_))) > 0);
    assert!(world.elapsed().abs_diff(Duration::from_secs(5)) < 100 * MS);
    let Some((_, Event::Failed(failure))) =
        world.events.iter().find(|(_, event)| matches!(event, Event::Failed(_)))
    else {
        panic!()
    };
    assert!(matches!(failure, Failure::TimedOut { method: Method::Options, .. }));
    assert_eq!(world.state(), RtspState::Init);
}

#[test]
fn silence_is_told_after_half_a_second_and_is_an_error_after_five() {
    let mut world = World::new(setting(2_000));
    world.want(Goal::Playing);
    world.run_for(Duration::from_secs(2));
    // The server's stream stops, and says nothing.
    world.server_mut().session().unwrap().stream().pause();
    let stopped = world.elapsed();
    world.run_for(Duration::from_secs(8));
    let at = |wanted: fn(&Event) -> bool| {
        world.events.iter().find(|(_, event)| wanted(event)).map(|(at, _)| *at - stopped).unwrap()
    };
    let waiting = at(|event| *event == Event::Waiting(true));
    assert!(waiting <= 500 * MS && waiting >= 440 * MS, "{waiting:?}");
    let complaint =
        at(|event| matches!(event, Event::Failed(Failure::NoData { by_udp: true, is_emulated: false })));
    assert!(complaint <= 5_000 * MS && complaint >= 4_900 * MS, "{complaint:?}");
    assert_eq!(world.state(), RtspState::Playing, "data may come again");
}

#[test]
fn who_pauses_while_data_is_waited_for_waits_no_more() {
    let mut world = World::new(setting(200));
    world.want(Goal::Playing);
    world.run_for(Duration::from_secs(2));
    let impairments = Impairments { loss: Loss { ratio: 1.0, mean_burst: None }, ..Impairments::default() };
    world.network.set(Conditions { is_on: true, seed: 1, impairments });
    world.run_for(Duration::from_secs(1));
    assert_eq!(waited(&world), 1);
    world.want(Goal::Ready);
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.count(|event| *event == Event::Waiting(false)), 1);
}

#[test]
fn a_session_that_stands_still_gives_signs_of_life() {
    let mut world = World::new(setting(10));
    world.want(Goal::Ready);
    world.run_for(Duration::from_secs(125));
    assert_eq!(world.methods()[3..], ["GET_PARAMETER"; 4]);
    assert_eq!(world.state(), RtspState::Ready);
}

#[test]
fn hours_do_not_drift() {
    let film = setting(20);
    let long = (0..72_000).map(|frame| film.pictures[frame % 20].clone()).collect();
    let mut world = World::new(Setting { pictures: long, ..film });
    world.want(Goal::Playing);
    world.run_for(Duration::from_secs(3_500));
    world.run_until("the end", ended);
    assert_eq!(world.shown.len(), 72_000);
    let (first, last) = (world.shown.first().unwrap().at, world.shown.last().unwrap().at);
    assert!((last - first).abs_diff(50 * MS * 71_999) < 50 * MS);
}

#[test]
fn where_no_datagram_comes_through_the_connection_carries_the_film() {
    let mut world = World::new(Setting { loses_datagrams: true, ..setting(60) });
    world.want(Goal::Playing);
    world.run_until("the end", ended);
    let fell_back = world
        .events
        .iter()
        .find(|(_, event)| *event == Event::Interrupted(Interruption::FellBack))
        .unwrap()
        .0;
    assert!(fell_back >= 3_000 * MS && fell_back < 3_100 * MS, "{fell_back:?}");
    assert_eq!(world.arrived.len(), 60);
    assert_eq!(world.methods().iter().filter(|method| **method == "SETUP").count(), 2);
    assert_eq!(world.count(|event| matches!(event, Event::Failed(_))), 0);
}

#[test]
fn who_wants_datagrams_gets_no_connection_instead() {
    let machine = MachineOptions { transport: TransportChoice::Udp, ..MachineOptions::default() };
    let mut world = World::new(Setting { loses_datagrams: true, machine, ..setting(400) });
    world.want(Goal::Playing);
    world.run_for(Duration::from_secs(7));
    assert_eq!(world.count(|event| matches!(event, Event::Interrupted(_))), 0);
    assert_eq!(
        world.count(|event| matches!(
            event,
            Event::Failed(Failure::NoData { by_udp: true, is_emulated: false })
        )),
        1
    );
}

fn reconnecting(frames: usize) -> World {
    World::new(Setting {
        machine: MachineOptions { reconnects: true, ..MachineOptions::default() },
        ..setting(frames)
    })
}

fn interruptions(world: &World) -> Vec<(u32, u64)> {
    let lost = |(_, event): &(Duration, Event)| match event {
        Event::Interrupted(Interruption::Lost { attempt, wait, .. }) => Some((*attempt, wait.as_secs())),
        _ => None,
    };
    world.events.iter().filter_map(lost).collect()
}

#[test]
fn a_server_that_was_lost_is_found_again_and_the_film_goes_on_where_it_was() {
    let mut world = reconnecting(200);
    world.want(Goal::Playing);
    world.run_until("four seconds of film", |world| {
        world.shown.last().is_some_and(|shown| shown.position_ms >= Some(4_000))
    });
    world.switch_off();
    world.run_for(Duration::from_secs(5));
    assert_eq!(interruptions(&world), [(1, 1), (2, 2), (3, 4)]);
    assert_eq!(world.count(|event| matches!(event, Event::Failed(_) | Event::Closed)), 0);
    world.switch_on();
    let shown = world.shown.len();
    world.run_until("the end", ended);
    let first = world.shown[shown].position_ms.unwrap();
    assert!((3_950..=4_050).contains(&first), "{first}");
    assert_eq!(world.shown.last().unwrap().position_ms, Some(9_950));
}

#[test]
fn the_user_may_have_enough_of_reconnecting() {
    let mut world = reconnecting(200);
    world.want(Goal::Playing);
    world.run_for(Duration::from_secs(2));
    world.switch_off();
    world.run_for(Duration::from_secs(2));
    world.want(Goal::Stopped);
    assert_eq!(world.count(|event| *event == Event::Closed), 1);
    let tries = interruptions(&world).len();
    world.run_for(Duration::from_secs(60));
    assert_eq!(interruptions(&world).len(), tries);
}

#[test]
fn a_server_that_was_never_there_is_an_error_at_once() {
    let mut world = reconnecting(10);
    world.switch_off();
    world.want(Goal::Playing);
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.count(|event| matches!(event, Event::Failed(Failure::Unreachable { .. }))), 1);
    assert!(interruptions(&world).is_empty());
}
