//! Recordings that are longer than 2 and 4 GiB, if `REELAY_RECORDING_GIB` says so.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use reelay::media::FrameRate;
use reelay::media_file::{MediaFile, RecordingPlace};
use reelay::recording::{Recorder, RecordingFormat, RecordingOptions};
use reelay::session::Frame;

use crate::common::jpegs::JpegKind;
use crate::common::media_files::test_jpegs;
use crate::common::odd_jpegs::with_metadata;

/// Returns different frames of 1 MB, most of which are comments.
fn large_frames() -> Vec<Vec<u8>> {
    let comments = [(0xFE, 65_533); 16];
    let drawn = test_jpegs(JpegKind::Standard420, (96, 64), 7);
    drawn.iter().map(|jpeg| with_metadata(jpeg, &comments)).collect()
}

/// Records frames at 25 per second, as fast as the disk writes them.
async fn record(path: &Path, format: RecordingFormat, frames: &[Vec<u8>], count: usize) -> u64 {
    let options = RecordingOptions {
        path: path.to_owned(),
        place: RecordingPlace::Direct,
        format,
        stated_rate: None,
        rate: None,
        max_length: None,
        waits_over_tcp: true,
    };
    let mut recorder = Recorder::start(options).unwrap();
    let (queue, start) = (recorder.queue(), Instant::now());
    let frames: Vec<_> = frames.iter().map(|jpeg| bytes::Bytes::from(jpeg.clone())).collect();
    for (number, jpeg) in frames.iter().cycle().take(count).enumerate() {
        queue.wait_for_space().await;
        let arrival = start + Duration::from_millis(40) * number as u32;
        queue.push(Frame::complete(jpeg.clone(), number as i64 * 3_600, arrival));
    }
    recorder.stop();
    let result = recorder.finished().await;
    assert_eq!((result.error, result.recorded.frames), (None, count as u64));
    result.recorded.bytes
}

/// Number of frames and duration in s, as ffprobe reads them; `None` if it is not installed.
fn read_by_ffprobe(path: &Path) -> Option<String> {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args(["-v", "error", "-count_packets", "-of", "csv=p=0", "-show_entries"]);
    let output = ffprobe.arg("stream=duration,nb_read_packets").arg(path).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[tokio::test]
async fn film_of_any_length_has_every_frame() {
    let gib: f64 = std::env::var("REELAY_RECORDING_GIB").map_or(0.02, |gib| gib.parse().unwrap());
    let frames = large_frames();
    let count = (gib * f64::from(1 << 30)) as usize / frames[0].len() + 1;
    for (name, format) in [("film.mov", RecordingFormat::Mov), ("film.avi", RecordingFormat::Avi)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let started = Instant::now();
        let bytes = record(&path, format, &frames, count).await;
        assert!(bytes as f64 > gib * f64::from(1 << 30), "{bytes} bytes");
        let film = MediaFile::open(&path, name, FrameRate::CLASSROOM).unwrap();
        let mut progress = film.progress();
        let found = progress.wait_for(|progress| progress.is_finished()).await.unwrap().frames;
        assert_eq!(found, count as u64, "{name}");
        for number in 0..count {
            assert!(
                film.read_frame(number as u64).unwrap() == frames[number % frames.len()],
                "{name}: {number}"
            );
            assert_eq!(film.times().npt_of(number as u64).as_micros(), number as u64 * 40_000, "{name}");
        }
        if let Some(properties) = read_by_ffprobe(&path) {
            assert_eq!(properties, format!("{:.6},{count}", count as f64 * 0.04), "{name}");
        }
        // Lines on stderr are shown with --nocapture.
        let took = started.elapsed().as_secs_f64();
        let _ = writeln!(std::io::stderr(), "{name}: {count} frames, {bytes} bytes, {took:.1} s");
    }
}
