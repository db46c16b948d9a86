//! Quality of the picture under packet loss, on virtual time: shares of the picture that come from their own frame.
//!
//! An ordinary run plays one small film. `tests/long/run loss-table FILM` prints a table for a film, over the loss
//! ratios and each method of recovery, and `tests/long/run loss-pictures FOLDER` writes the pictures of docs/LOSS.md.

mod common;

use std::path::Path;
use std::time::Instant;

use common::jpegs::JpegKind;
use common::loss_measurement::{Measurement, Method, measure, play, shown_until};
use common::media_files::test_jpegs;
use common::simulation::{MS, World, WorldOptions};
use reelay::impairment::{Impairments, LossModel};
use reelay::media::FrameRate;
use reelay::media::payload::{PayloadFormat, packetize};
use reelay::media_file::MediaFile;
use reelay::session::{Decoder, Frame, Goal, SessionEvent};
use reelay::stats::Snapshot;

/// Methods without repair.
const BASIC: [Method; 3] = [Method::Nothing, Method::Concealment, Method::Restarts];

#[test]
fn restarts_and_concealment_lose_no_more_of_the_picture_than_of_the_packets() {
    let frames = test_jpegs(JpegKind::Standard420, (320, 240), 30);
    let frames: Vec<_> = frames.iter().cycle().take(300).cloned().collect();
    let loss = LossModel { ratio: 0.05, mean_burst: None };
    let [nothing, concealment, restarts] = BASIC.map(|method| play(&frames, method, loss, 7).0);
    let area = |snapshot: &Snapshot| snapshot.fresh_area.unwrap();
    assert!(area(&nothing) < 0.8, "{nothing:?}");
    assert!(area(&concealment) > area(&nothing) + 0.05, "{concealment:?}");
    assert!(area(&restarts) >= 0.94, "{restarts:?}");
    assert_eq!(nothing.frames_damaged, 0);
    // The first frame is not shown if its loss shows only with the second.
    assert!(restarts.frames_shown >= 299, "{restarts:?}");
    assert_eq!(restarts.frames_complete + restarts.frames_damaged, restarts.frames_shown, "{restarts:?}");
    // A frame whose last packet is lost is shown when it is due, although only the next frame shows the loss.
    let (_, longest) = play(&frames, Method::Restarts, loss, 7);
    assert!(longest < 150 * MS, "{longest:?}");
}

#[test]
fn last_frame_is_shown_though_its_last_packet_is_lost() {
    let frames = test_jpegs(JpegKind::Standard420, (320, 240), 10);
    let mut with_damaged_end = 0;
    for seed in 1..=20 {
        let loss = LossModel { ratio: 0.4, mean_burst: None };
        let impairments = Impairments { loss, ..Impairments::default() };
        let options = WorldOptions::new(frames.clone());
        let format = PayloadFormat::OriginalWithRestarts;
        let mut world = World::new(WorldOptions { impairments, seed, format, ..options });
        world.set_goal(Goal::Playing);
        world.run_until("the end", |world| world.event_count(|event| *event == SessionEvent::Ended) > 0);
        let last = world.shown.last().unwrap();
        assert_eq!(last.position_ms, Some(450), "seed {seed}");
        let rows = world.packet_rows();
        let expected = packetize(&frames[9], format).unwrap().packets().len();
        with_damaged_end += usize::from(rows.last().unwrap().packets.len() < expected);
    }
    assert!(with_damaged_end > 3, "{with_damaged_end}");
}

#[test]
fn nothing_is_damaged_without_loss() {
    let frames = test_jpegs(JpegKind::Standard420, (320, 240), 50);
    for method in BASIC {
        let (figures, _) = play(&frames, method, LossModel::default(), 1);
        assert_eq!((figures.frames_complete, figures.frames_damaged), (50, 0));
        assert_eq!(figures.fresh_area, Some(1.0));
    }
}

/// One cell of the table, small: every method is better than the one before, and parity reaches its goals.
#[test]
fn means_against_loss_are_in_order() {
    let frames = test_jpegs(JpegKind::Standard420, (320, 240), 30);
    let frames: Vec<_> = frames.iter().cycle().take(150).cloned().collect();
    let loss = LossModel { ratio: 0.05, mean_burst: None };
    let measured = Method::ALL.map(|method| measure(&frames, method, loss, 3));
    let [nothing, concealment, restarts, rtx_1, rtx_20, rtx_100, fec_10, fec_5, fec_3, _, grid_5] = &measured;
    let areas = [nothing, concealment, restarts, fec_10, fec_5, fec_3].map(|figures| figures.fresh_area);
    assert!(areas.is_sorted(), "{areas:?}");
    let psnr = [nothing, concealment, restarts, fec_10].map(|figures| figures.psnr);
    assert!(psnr.is_sorted(), "{psnr:?}");
    for rtx in [rtx_1, rtx_20, rtx_100] {
        assert!(rtx.fresh_area > 0.995 && rtx.well_shown > 0.98, "{rtx:?}");
        assert!(rtx.overhead > restarts.overhead && rtx.overhead < restarts.overhead + 0.12, "{rtx:?}");
    }
    assert!(fec_10.fresh_area >= 0.975 && fec_5.fresh_area >= 0.985 && fec_3.fresh_area >= 0.99, "{areas:?}");
    assert!(grid_5.fresh_area >= fec_3.fresh_area, "{areas:?} {grid_5:?}");
    let overhead = [restarts, fec_10, fec_5, fec_3].map(|figures| figures.overhead);
    assert!(overhead.is_sorted(), "{overhead:?}");
}

/// Prints the table for the film that `REELAY_LOSS_FILM` names.
#[test]
fn loss_table() {
    let Some(path) = std::env::var_os("REELAY_LOSS_FILM") else { return };
    let frames = read_film(Path::new(&path));
    let packets = |format| -> usize {
        frames.iter().map(|jpeg| packetize(jpeg, format).unwrap().packets().len()).sum()
    };
    println!(
        "{} frames, {} packets, {} with restart markers",
        frames.len(),
        packets(PayloadFormat::OriginalHeader),
        packets(PayloadFormat::OriginalWithRestarts)
    );
    println!(
        "| Loss | Bursts of | Method | 90 % fresh | Fresh area | PSNR | Longest wait | Overhead | Playout delay |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for (ratio, mean_burst) in [
        (0.005, None),
        (0.01, None),
        (0.02, None),
        (0.05, None),
        (0.1, None),
        (0.05, Some(3.0)),
        (0.05, Some(10.0)),
    ] {
        for method in Method::ALL {
            let figures = measure(&frames, method, LossModel { ratio, mean_burst }, 1);
            let Measurement { well_shown, fresh_area, psnr, overhead, longest_wait } = figures;
            let psnr = if psnr.is_finite() { format!("{psnr:.1} dB") } else { "exact".to_owned() };
            println!(
                "| {} % | {} | {method} | {well_shown:.3} | {fresh_area:.4} | {psnr} | {} ms | {:+.1} % | {} ms |",
                ratio * 100.0,
                mean_burst.unwrap_or(1.0),
                longest_wait.as_millis(),
                overhead * 100.0,
                method.playout_delay().as_millis(),
            );
        }
    }
}

/// Writes what was on the screen at one frame of the sample film into the folder that `REELAY_LOSS_PICTURES` names.
#[test]
fn loss_pictures() {
    const FRAME: u64 = 120;
    let Some(folder) = std::env::var_os("REELAY_LOSS_PICTURES") else { return };
    let frames = read_film(Path::new("assets/sample.mjpeg"));
    let loss = LossModel { ratio: 0.05, mean_burst: None };
    let runtime = runtime();
    for (name, method, is_tinted) in [
        ("nothing", Method::Nothing, false),
        ("concealment", Method::Concealment, false),
        ("restarts", Method::Restarts, false),
        ("restarts-tinted", Method::Restarts, true),
    ] {
        let decoder = Decoder::start().unwrap();
        decoder.set_tints_concealed(is_tinted);
        let mut slot = decoder.slot();
        for shown in shown_until(&frames, method, loss, 1, FRAME) {
            let frame = Frame::complete(shown.jpeg, 0, Instant::now());
            decoder.decode_frame(Frame { fresh_area: shown.fresh_area, ..frame }, None, 1);
            assert!(runtime.block_on(slot.changed()));
        }
        let picture = slot.latest().unwrap();
        let path = Path::new(&folder).join(name).with_extension("png");
        let color = image::ColorType::Rgba8;
        image::save_buffer(path, &picture.pixels, picture.width, picture.height, color).unwrap();
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

/// Returns the frames of a film.
fn read_film(path: &Path) -> Vec<Vec<u8>> {
    let film = MediaFile::open(path, "film", FrameRate::CLASSROOM).unwrap();
    let (runtime, mut frames) = (runtime(), Vec::new());
    while let Some(entry) = runtime.block_on(film.wait_for_frame(frames.len() as u64)) {
        frames.push(film.read(entry).unwrap().to_vec());
    }
    frames
}
