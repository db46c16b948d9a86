//! Adaptive playout delay on virtual time: it follows the jitter of the network.

mod common;

use std::time::Duration;

use common::jpegs::JpegKind;
use common::media_files::test_jpegs;
use common::simulation::{MS, World, WorldOptions};
use reelay::impairment::{EmulatorSettings, Impairments, JitterModel};
use reelay::session::{Goal, PlayoutDelay};
use reelay::stats::DelayReason;

fn world(playout_delay: PlayoutDelay) -> World {
    let frames = test_jpegs(JpegKind::Classroom444, (96, 64), 20);
    let mut world = World::new(WorldOptions {
        playout_delay,
        repeats: 200,
        impairments: jitter(5),
        ..WorldOptions::new(frames)
    });
    world.set_goal(Goal::Playing);
    world
}

/// A delay of 60 ms that varies by up to `spread` ms in both directions.
fn jitter(spread: u32) -> Impairments {
    let jitter = JitterModel { spread: spread * MS, ..JitterModel::default() };
    Impairments { delay: 60 * MS, jitter, ..Impairments::default() }
}

fn set_jitter(world: &World, spread: u32) {
    let settings = EmulatorSettings { is_on: true, seed: 1, impairments: jitter(spread) };
    world.emulator.configure(settings);
}

/// Intervals between the frames shown from this index on.
fn intervals(world: &World, first: usize) -> Vec<Duration> {
    world.shown[first..].windows(2).map(|pair| pair[1].at - pair[0].at).collect()
}

#[test]
fn delay_grows_with_jitter_and_returns() {
    let mut world = world(PlayoutDelay::Auto);
    world.run_for(20_000 * MS);
    let calm = world.snapshot();
    assert_eq!((calm.held_delay_ms, calm.held_delay_reason), (Some(50.0), Some(DelayReason::Minimum)));
    assert_eq!(calm.frames_dropped_late, 0);

    set_jitter(&world, 60);
    world.run_for(10_000 * MS);
    let grown = world.snapshot();
    let held = grown.held_delay_ms.unwrap();
    assert!((90.0..160.0).contains(&held), "{held}");
    assert_eq!(grown.held_delay_reason, Some(DelayReason::Jitter));
    let first = world.shown.len();
    world.run_for(30_000 * MS);
    assert_eq!(world.snapshot().frames_dropped_late, grown.frames_dropped_late, "no frame is late any more");
    // The delay still grows at once when a packet is later than all before it, which moves one frame.
    let rough = intervals(&world, first);
    assert!(rough.iter().all(|interval| (45 * MS..=65 * MS).contains(interval)), "{rough:?}");

    set_jitter(&world, 5);
    let first = world.shown.len();
    world.run_for(30_000 * MS);
    let returned = world.snapshot();
    assert_eq!(
        (returned.held_delay_ms, returned.held_delay_reason),
        (Some(50.0), Some(DelayReason::Minimum))
    );
    assert_eq!(returned.frames_dropped_late, grown.frames_dropped_late);
    // The delay and the estimate of the sender's clock change by 2 % of the time at most, each. The simulation polls
    // each millisecond.
    let calmed = intervals(&world, first);
    assert!(calmed.iter().all(|interval| (47 * MS..=53 * MS).contains(interval)), "{calmed:?}");
    assert!(returned.stalls == 0, "{returned:?}");
}

#[test]
fn fixed_delay_stays_and_can_be_made_adaptive() {
    let mut world = world(PlayoutDelay::Fixed(50 * MS));
    set_jitter(&world, 60);
    world.run_for(20_000 * MS);
    let fixed = world.snapshot();
    assert_eq!((fixed.held_delay_ms, fixed.held_delay_reason), (Some(50.0), Some(DelayReason::Fixed)));
    let late_arrivals = intervals(&world, 0).iter().filter(|interval| **interval > 60 * MS).count();
    assert!(late_arrivals > 20, "{late_arrivals}");
    world.handle_input(reelay::session::ClientInput::Command(
        reelay::session::SessionCommand::SetPlayoutDelay(PlayoutDelay::Auto),
    ));
    world.run_for(1_000 * MS);
    assert!(world.snapshot().held_delay_ms.unwrap() > 90.0, "what was measured before is known");
}

/// Lost packets hold back the packets behind them until the reorder buffer gives up, which is no jitter of the network.
#[test]
fn loss_does_not_make_the_delay_grow() {
    let mut world = world(PlayoutDelay::Auto);
    let loss = reelay::impairment::LossModel { ratio: 0.1, mean_burst: None };
    let settings = EmulatorSettings { is_on: true, seed: 1, impairments: Impairments { loss, ..jitter(5) } };
    world.emulator.configure(settings);
    world.run_for(60_000 * MS);
    let snapshot = world.snapshot();
    assert!(snapshot.packets_lost > 100 && snapshot.packets_lost > snapshot.repaired_rtx, "{snapshot:?}");
    assert_eq!(snapshot.held_delay_ms, Some(50.0));
}
