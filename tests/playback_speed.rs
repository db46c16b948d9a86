//! Playback at other speeds by the Scale header, on virtual time.

mod common;

use std::time::Duration;

use common::jpegs::JpegKind;
use common::media_files::test_jpegs;
use common::simulation::{MS, ScaleSupport, World, WorldOptions};
use reelay::proto::rtsp::{Factor, Npt};
use reelay::session::{
    ClientInput, Goal, RtspState, SessionCommand, SessionEvent, SpeedRefusal, SpeedResponse,
};

/// Returns options for a film of this many frames at 20 frames per second.
fn film(frames: usize) -> WorldOptions {
    let jpegs = test_jpegs(JpegKind::Classroom444, (96, 64), 20);
    WorldOptions::new((0..frames).map(|number| jpegs[number % jpegs.len()].clone()).collect())
}

fn set_speed(world: &mut World, thousandths: u32) {
    let speed = Factor::from_thousandths(thousandths);
    world.handle_input(ClientInput::Command(SessionCommand::SetSpeed(speed)));
}

fn has_ended(world: &World) -> bool {
    world.event_count(|event| *event == SessionEvent::Ended) > 0
}

/// Returns the responses of the server to the speeds that were requested.
fn responses(world: &World) -> Vec<SpeedResponse> {
    let speed = |event: &SessionEvent| if let SessionEvent::SpeedSet(it) = event { Some(*it) } else { None };
    world.events.iter().filter_map(|(_, event)| speed(event)).collect()
}

/// Returns the Scale header of each PLAY.
fn scales(world: &World) -> Vec<Option<&str>> {
    let plays = world.requests.iter().filter(|request| request.method.as_str() == "PLAY");
    plays.map(|request| request.headers.get("Scale")).collect()
}

#[test]
fn film_is_played_at_the_speed_from_its_start_to_its_end() {
    for (thousandths, seconds) in [(250, 40), (500, 20), (1_500, 6), (2_000, 5), (4_000, 2)] {
        let mut world = World::new(film(200));
        set_speed(&mut world, thousandths);
        assert_eq!(world.requests.len(), 0, "nothing is sent without a goal");
        world.set_goal(Goal::Playing);
        world.run_until("the end", has_ended);
        let stated = Factor::from_thousandths(thousandths).to_string();
        assert_eq!(scales(&world), [Some(stated.as_str())]);
        let expected = Duration::from_millis(10_000_000 / u64::from(thousandths));
        assert_eq!(expected.as_secs(), seconds);
        assert!(world.elapsed().abs_diff(expected) < 300 * MS, "{thousandths}: {:?}", world.elapsed());
        // The position on the screen advances with the speed.
        let first = world.shown[0].at;
        for shown in &world.shown {
            let position = Duration::from_millis(shown.position_ms.unwrap());
            let due = first + position * 1_000 / thousandths;
            assert!(shown.at.abs_diff(due) < 10 * MS, "{thousandths}: {position:?} at {:?}", shown.at);
        }
    }
}

#[test]
fn figures_are_true_at_every_speed() {
    for thousandths in [250, 1_000, 2_000, 4_000] {
        let mut world = World::new(film(2_000));
        set_speed(&mut world, thousandths);
        world.set_goal(Goal::Playing);
        world.run_for(Duration::from_secs(20));
        let snapshot = world.snapshot();
        assert!((snapshot.playing_s - 20.0).abs() < 0.1, "{thousandths}: {}", snapshot.playing_s);
        assert_eq!((snapshot.packets_lost, snapshot.stalls), (0, 0), "{thousandths}");
        // Scale above 1 leaves frames out and keeps the rate (RFC 2326 §12.34); below 1 it lengthens the intervals.
        let rate = 20.0 * f64::from(thousandths.min(1_000)) / 1_000.0;
        assert!((snapshot.frames_per_second_shown - rate).abs() < 1.1, "{thousandths}: {snapshot:?}");
        assert!(snapshot.jitter_max_ms.unwrap() < 10.0, "{thousandths}: {:?}", snapshot.jitter_max_ms);
        let delay = snapshot.playout_delay_ms.unwrap();
        assert!((40.0..70.0).contains(&delay), "{thousandths}: {delay}");
        let position = world.shown.last().unwrap().position_ms.unwrap();
        let expected = u64::from(thousandths) * 20;
        // The playout delay and a frame, at the speed.
        let tolerance = 100 + u64::from(thousandths) * 15 / 100;
        assert!(position.abs_diff(expected) < tolerance, "{thousandths}: {position} instead of {expected}");
    }
}

#[test]
fn speed_changes_during_playback_and_back_without_a_jump() {
    let mut world = World::new(film(400));
    world.set_goal(Goal::Playing);
    world.run_for(Duration::from_secs(2));
    set_speed(&mut world, 2_000);
    world.run_for(Duration::from_secs(3));
    assert_eq!(world.methods()[4..], ["PAUSE", "PLAY"]);
    assert!(world.requests.last().unwrap().headers.get("Range").is_none(), "it continues where it paused");
    set_speed(&mut world, 1_000);
    world.run_until("the end", has_ended);
    assert_eq!(scales(&world), [None, Some("2.0"), Some("1.0")], "a server may keep the last one");
    let positions: Vec<_> = world.shown.iter().map(|shown| shown.position_ms.unwrap()).collect();
    let steps: Vec<_> = positions.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps.iter().all(|step| [50, 100].contains(step)), "{steps:?}");
    assert_eq!((positions[0], positions.last()), (0, Some(&19_950)));
    // Two seconds, three at twice the speed, and the rest.
    assert!(world.elapsed().abs_diff(Duration::from_secs(17)) < 400 * MS, "{:?}", world.elapsed());
    assert_eq!(world.event_count(|event| *event == SessionEvent::Waiting(true)), 0);
    assert!(responses(&world).iter().all(|response| response.refusal.is_none()));
    assert_eq!(world.snapshot().packets_lost, 0);
}

#[test]
fn speed_set_while_paused_counts_from_the_next_play() {
    let mut world = World::new(film(400));
    world.set_goal(Goal::Playing);
    world.run_for(Duration::from_secs(2));
    world.set_goal(Goal::Ready);
    world.run_for(Duration::from_secs(1));
    let requests = world.requests.len();
    set_speed(&mut world, 4_000);
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.requests.len(), requests, "a paused stream needs no request");
    world.set_goal(Goal::Playing);
    world.handle_input(ClientInput::Command(SessionCommand::Seek(Npt::from_micros(10_000_000))));
    world.run_for(Duration::from_secs(1));
    assert_eq!(scales(&world).last(), Some(&Some("4.0")), "a seek keeps the speed");
    let position = world.shown.last().unwrap().position_ms.unwrap();
    assert!((13_000..14_100).contains(&position), "{position}");
}

#[test]
fn last_of_several_speeds_counts() {
    let mut world = World::new(WorldOptions { latency: 40 * MS, ..film(400) });
    world.set_goal(Goal::Playing);
    world.run_for(Duration::from_secs(2));
    for thousandths in [1_250, 1_500, 2_000, 3_000] {
        set_speed(&mut world, thousandths);
        world.run_for(10 * MS);
    }
    world.run_for(Duration::from_secs(1));
    assert_eq!(scales(&world).last(), Some(&Some("3.0")));
    assert!(scales(&world).len() <= 4, "what is not needed any more is not sent: {:?}", world.methods());
    assert_eq!(world.state(), RtspState::Playing);
}

#[test]
fn server_that_refuses_or_ignores_speed_plays_on_at_its_own() {
    for (scale_support, refused) in [(ScaleSupport::Ignores, false), (ScaleSupport::Refuses, true)] {
        let mut world = World::new(WorldOptions { scale_support, ..film(200) });
        world.set_goal(Goal::Playing);
        world.run_for(Duration::from_secs(2));
        set_speed(&mut world, 2_000);
        world.run_for(Duration::from_secs(1));
        set_speed(&mut world, 4_000);
        world.run_until("the end", has_ended);
        let scaled = scales(&world).into_iter().flatten().collect::<Vec<_>>();
        assert_eq!(scaled, ["2.0"], "it is not asked again");
        let [response] = responses(&world)[..] else { panic!("{:?}", responses(&world)) };
        let is_refused =
            matches!(response.refusal, Some(SpeedRefusal::Refused(status)) if status.code() == 451);
        assert_eq!((is_refused, response.played), (refused, Factor::ONE));
        assert!(world.elapsed().abs_diff(Duration::from_secs(10)) < 400 * MS, "{:?}", world.elapsed());
        let positions: Vec<_> = world.shown.iter().map(|shown| shown.position_ms.unwrap()).collect();
        assert!(positions.windows(2).all(|pair| pair[1] - pair[0] == 50), "{positions:?}");
        assert_eq!(world.event_count(|event| matches!(event, SessionEvent::Failed(_))), 0);
    }
}

#[test]
fn refused_speed_at_the_start_plays_the_film_from_its_beginning() {
    let mut world = World::new(WorldOptions { scale_support: ScaleSupport::Refuses, ..film(100) });
    set_speed(&mut world, 2_000);
    world.set_goal(Goal::Playing);
    world.run_until("the end", has_ended);
    assert_eq!(world.shown.len(), 100);
    assert_eq!(world.methods()[3..5], ["PLAY", "PLAY"]);
}
