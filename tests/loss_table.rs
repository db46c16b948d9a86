//! Quality of the picture under packet loss, on virtual time: shares of the picture that come from their own frame.
//!
//! An ordinary run plays one small film. `tests/long/run loss-table FILM` prints a table for a film, over the loss ratios and
//! the means against loss.

mod common;

use std::path::Path;
use std::time::Duration;

use common::jpegs::JpegKind;
use common::media_files::test_jpegs;
use common::simulation::{MS, World, WorldOptions};
use reelay::impairment::{Impairments, LossModel};
use reelay::media::FrameRate;
use reelay::media::payload::{PayloadFormat, packetize};
use reelay::media_file::MediaFile;
use reelay::session::{ClientInput, Goal, SessionCommand, SessionEvent};
use reelay::stats::Snapshot;

/// Means against loss.
#[derive(Debug, Clone, Copy)]
enum Means {
    /// Damaged frames are not shown.
    Nothing,
    /// Damaged frames are shown as far as they can be decoded.
    Concealment,
    /// The same, with restart markers inserted so that each packet can be decoded alone.
    RestartsAndConcealment,
}

impl Means {
    const ALL: [Self; 3] = [Self::Nothing, Self::Concealment, Self::RestartsAndConcealment];

    fn format(self) -> PayloadFormat {
        match self {
            Self::Nothing | Self::Concealment => PayloadFormat::OriginalHeader,
            Self::RestartsAndConcealment => PayloadFormat::OriginalWithRestarts,
        }
    }
}

/// Plays frames once, and returns the figures at the end and the longest time between two pictures.
fn play(frames: &[Vec<u8>], means: Means, loss: LossModel, seed: u64) -> (Snapshot, Duration) {
    let impairments = Impairments { loss, ..Impairments::default() };
    let options = WorldOptions::new(frames.to_vec());
    let mut world = World::new(WorldOptions { impairments, seed, format: means.format(), ..options });
    let shows_damaged = !matches!(means, Means::Nothing);
    world.handle_input(ClientInput::Command(SessionCommand::SetShowsDamaged(shows_damaged)));
    world.set_goal(Goal::Playing);
    world.run_until("the end", |world| world.event_count(|event| *event == SessionEvent::Ended) > 0);
    for frame in &world.received {
        let original = frame.clone().into_original();
        assert!(frames.iter().any(|jpeg| original.jpeg == jpeg[..]), "a frame that was never sent");
    }
    let longest = world.shown.windows(2).map(|pair| pair[1].at - pair[0].at).max();
    (world.snapshot(), longest.unwrap_or_default())
}

/// Returns the bytes of all packets of a film.
fn packet_bytes(frames: &[Vec<u8>], means: Means) -> (usize, usize) {
    let packetized = frames.iter().map(|jpeg| packetize(jpeg, means.format()).unwrap());
    packetized.fold((0, 0), |sum, frame| (sum.0 + frame.bytes(), sum.1 + frame.packets().len()))
}

#[test]
fn restarts_and_concealment_lose_no_more_of_the_picture_than_of_the_packets() {
    let frames = test_jpegs(JpegKind::Standard420, (320, 240), 30);
    let frames: Vec<_> = frames.iter().cycle().take(300).cloned().collect();
    let loss = LossModel { ratio: 0.05, mean_burst: None };
    let [nothing, concealment, restarts] = Means::ALL.map(|means| play(&frames, means, loss, 7).0);
    let area = |snapshot: &Snapshot| snapshot.fresh_area.unwrap();
    assert!(area(&nothing) < 0.8, "{nothing:?}");
    assert!(area(&concealment) > area(&nothing) + 0.05, "{concealment:?}");
    assert!(area(&restarts) >= 0.94, "{restarts:?}");
    assert_eq!(nothing.frames_damaged, 0);
    // The last frame is not shown if its last packet is lost, nor the first if that shows only with the second.
    assert!(restarts.frames_shown >= 299, "{restarts:?}");
    assert_eq!(restarts.frames_complete + restarts.frames_damaged, restarts.frames_shown, "{restarts:?}");
    // A frame whose last packet is lost is shown when it is due, although only the next frame shows the loss.
    let (_, longest) = play(&frames, Means::RestartsAndConcealment, loss, 7);
    assert!(longest < 150 * MS, "{longest:?}");
}

#[test]
fn nothing_is_damaged_without_loss() {
    let frames = test_jpegs(JpegKind::Standard420, (320, 240), 50);
    for means in Means::ALL {
        let (figures, _) = play(&frames, means, LossModel::default(), 1);
        assert_eq!((figures.frames_complete, figures.frames_damaged), (50, 0));
        assert_eq!(figures.fresh_area, Some(1.0));
    }
}

/// Prints the table for the film that `REELAY_LOSS_FILM` names.
#[test]
fn loss_table() {
    let Some(path) = std::env::var_os("REELAY_LOSS_FILM") else { return };
    let film = MediaFile::open(Path::new(&path), "film", FrameRate::CLASSROOM).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut frames = Vec::new();
    while let Some(entry) = runtime.block_on(film.wait_for_frame(frames.len() as u64)) {
        frames.push(film.read(entry).unwrap().to_vec());
    }
    let plain = packet_bytes(&frames, Means::Nothing);
    println!("{} frames, {} packets, {} bytes", frames.len(), plain.1, plain.0);
    let with_restarts = packet_bytes(&frames, Means::RestartsAndConcealment);
    let percent = |a: usize, b: usize| (a as f64 / b as f64 - 1.0) * 100.0;
    println!(
        "with restarts: {:+.1} % packets, {:+.1} % bytes",
        percent(with_restarts.1, plain.1),
        percent(with_restarts.0, plain.0)
    );
    println!("| loss | bursts of | means | complete | shown | late | longest interval | fresh area |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for (ratio, mean_burst) in [
        (0.0, None),
        (0.005, None),
        (0.01, None),
        (0.02, None),
        (0.05, None),
        (0.1, None),
        (0.05, Some(3.0)),
        (0.05, Some(10.0)),
    ] {
        for means in Means::ALL {
            let (figures, longest) = play(&frames, means, LossModel { ratio, mean_burst }, 1);
            let share = |count: u64| count as f64 / frames.len() as f64;
            println!(
                "| {} % | {} | {means:?} | {:.3} | {:.3} | {} | {} ms | {:.4} |",
                ratio * 100.0,
                mean_burst.unwrap_or(1.0),
                share(figures.frames_complete),
                share(figures.frames_shown),
                figures.frames_dropped_late,
                longest.as_millis(),
                figures.fresh_area.unwrap_or_default()
            );
        }
    }
}
