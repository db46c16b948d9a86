//! Other players when packets are lost: their rows in docs/LOSS.md.

use std::env;
use std::path::Path;
use std::process::Command;

use reelay::media::FrameRate;
use reelay::media::jpeg::{Dimensions, JpegHeader};
use reelay::media_file::MediaFile;

use crate::common::media_files::{FileLayout, test_file};
use crate::players::receive_with_gstreamer;
use crate::programs::{TEST_TIMEOUT, has_ffmpeg, lock_tests};
use crate::samples::Sample;
use crate::serve_process::ServeProcess;

/// Format of the decoded frames.
const PIXEL_FORMAT: &str = "rgb24";

/// Returns the film that `REELAY_LOSS_FILM` names, or the sample film of the repository.
fn film_to_play() -> Sample {
    let path = env::var_os("REELAY_LOSS_FILM").unwrap_or_else(|| "assets/sample.mjpeg".into());
    let film = MediaFile::open(Path::new(&path), "film", FrameRate::CLASSROOM).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut frames = Vec::new();
    while let Some(entry) = runtime.block_on(film.wait_for_frame(frames.len() as u64)) {
        frames.push(film.read(entry).unwrap().to_vec());
    }
    let Dimensions { width, height } = JpegHeader::parse(&frames[0]).unwrap().dimensions();
    let size = (usize::from(width), usize::from(height));
    let file = test_file(FileLayout::Raw, frames);
    Sample { file, pixel_format: PIXEL_FORMAT, size, is_lossless: true }
}

/// Pictures that a player has shown of a film.
struct Shown {
    /// Share of the frame times with the whole picture of the frame.
    whole: f64,
    /// Number of pictures that are not those of a frame.
    damaged: usize,
    /// Peak signal-to-noise ratio of what was on the screen to the film in dB, by the mean square error over all frame
    /// times.
    psnr: f64,
}

fn mean_square_error(a: &[u8], b: &[u8]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2));
    squares.sum::<u64>() as f64 / a.len() as f64
}

/// Returns the frame that each picture equals, in order; `None` for a damaged one.
fn equal_frames(source: &[&[u8]], received: &[&[u8]]) -> Vec<Option<usize>> {
    let mut next = 0;
    let equal = received.iter().map(|picture| {
        let offset = source[next..].iter().position(|frame| frame == picture)?;
        next += offset + 1;
        Some(next - 1)
    });
    equal.collect()
}

/// Compares decoded pictures of `size` bytes with those of the film. A picture belongs to the frame that it equals. A
/// damaged one belongs to the most similar frame between those of the pictures before and after it.
fn compare(source: &[u8], received: &[u8], size: usize) -> Shown {
    let (source, received): (Vec<_>, Vec<_>) =
        (source.chunks_exact(size).collect(), received.chunks_exact(size).collect());
    let equal = equal_frames(&source, &received);
    let mut shown = vec![None; source.len()];
    let mut next = 0;
    for (index, picture) in received.iter().enumerate() {
        let end = equal[index..].iter().flatten().next().copied().unwrap_or(source.len());
        let similar = || {
            let error = |frame: &usize| mean_square_error(source[*frame], picture);
            (next..end).min_by(|a, b| error(a).total_cmp(&error(b)))
        };
        let Some(frame) = equal[index].or_else(similar) else { continue };
        shown[frame] = Some(*picture);
        next = frame + 1;
    }
    let whole = equal.iter().flatten().count();
    let grey = vec![128; size];
    let (mut screen, mut error) = (&grey[..], 0.0);
    for (frame, picture) in source.iter().zip(shown) {
        screen = picture.unwrap_or(screen);
        error += mean_square_error(screen, frame);
    }
    let frames = source.len() as f64;
    let damaged = received.len() - whole;
    Shown { whole: whole as f64 / frames, damaged, psnr: 10.0 * (255.0 * 255.0 * frames / error).log10() }
}

/// Prints the rows of the players if `REELAY_LOSS_PEERS` is set. All receive the same packets of the same film, of
/// which the same are lost.
#[test]
fn loss_peers() {
    let _lock = lock_tests();
    if env::var_os("REELAY_LOSS_PEERS").is_none() || !has_ffmpeg() {
        return;
    }
    let film = film_to_play();
    let picture_size = 3 * film.size.0 * film.size.1;
    let source = film.decode_source();
    println!("| Loss | Bursts of | Player | Whole pictures | Damaged pictures | PSNR |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for (loss, burst) in [("0.5", 1), ("1", 1), ("2", 1), ("5", 1), ("10", 1), ("5", 3), ("5", 10)] {
        let (ratio, length) = (format!("{loss}%"), burst.to_string());
        let mut network = vec!["--seed", "1", "--loss", &ratio];
        if burst > 1 {
            network.extend(["--burst", &length]);
        }
        let server = ServeProcess::start_with_arguments(std::slice::from_ref(&film), &network);
        for parameter in ["", "?restarts=1"] {
            let url = format!("{}{parameter}", server.urls[0]);
            let with_restarts = if parameter.is_empty() { "" } else { ", restart markers" };
            for (player, receive) in PLAYERS {
                let shown = compare(&source, &receive(&url, &film), picture_size);
                assert!(shown.whole < 1.0, "{player} at {loss} %: {}", shown.whole);
                println!(
                    "| {loss} % | {burst} | {player}{with_restarts} | {:.3} | {} | {:.1} dB |",
                    shown.whole, shown.damaged, shown.psnr
                );
            }
        }
    }
}

/// Plays a URL over UDP and returns the decoded pictures.
type Receive = fn(&str, &Sample) -> Vec<u8>;

const PLAYERS: [(&str, Receive); 2] = [
    // Decoding while it receives costs ffmpeg packets of large frames.
    ("ffmpeg", |url, film| {
        let received = film.file.folder().join("received.mjpeg");
        let copy = ["-fps_mode", "passthrough", "-c", "copy", "-y", received.to_str().unwrap()];
        if run_ffmpeg(&[&["-rtsp_transport", "udp", "-i", url], &copy[..]].concat()).is_none() {
            return Vec::new();
        }
        decode_received(&received, film)
    }),
    ("GStreamer", |url, film| decode_received(&receive_with_gstreamer(url, "udp", film), film)),
];

/// Returns the pictures of a received film; none if no frame has arrived whole.
#[track_caller]
fn decode_received(received: &Path, film: &Sample) -> Vec<u8> {
    let raw = ["-fps_mode", "passthrough", "-pix_fmt", film.pixel_format, "-f", "rawvideo", "-"];
    run_ffmpeg(&[&["-f", "mjpeg", "-i", received.to_str().unwrap()], &raw[..]].concat()).unwrap_or_default()
}

/// Runs ffmpeg to its end and returns its stdout; `None` if its input has no whole frame, which it reports as an error.
#[track_caller]
fn run_ffmpeg(arguments: &[&str]) -> Option<Vec<u8>> {
    let mut command = Command::new("timeout");
    command.args([&TEST_TIMEOUT.as_secs().to_string(), "ffmpeg", "-nostdin", "-v", "error"]).args(arguments);
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("does not contain any stream") {
        return None;
    }
    assert!(output.status.success(), "{command:?}: {errors}");
    Some(output.stdout)
}

#[test]
fn pictures_are_compared_with_their_own_frames() {
    // Ten frames of four bytes; frame 2 is damaged, and frames 3, 4 and 9 are not shown.
    let source: Vec<u8> = (0..10).flat_map(|frame| [frame * 20; 4]).collect();
    let received: Vec<u8> =
        [0, 1, 2, 5, 6, 7, 8].into_iter().flat_map(|frame| [frame * 20; 4]).collect::<Vec<_>>();
    let mut damaged = received.clone();
    damaged[8] += 2;
    let shown = compare(&source, &damaged, 4);
    assert_eq!((shown.whole, shown.damaged), (0.6, 1));
    // Frame 2 differs by 2 in a byte; frames 3 and 4 by 20 and 40 from it, and frame 9 by 20 from frame 8.
    let errors = [4.0, 20f64.powi(2) * 3.0 + 18f64.powi(2), 40f64.powi(2) * 3.0 + 38f64.powi(2), 1_600.0];
    let expected = 10.0 * (255.0 * 255.0 * 10.0 / (errors.iter().sum::<f64>() / 4.0)).log10();
    assert!((shown.psnr - expected).abs() < 1e-9, "{} {expected}", shown.psnr);
}
