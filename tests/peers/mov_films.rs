//! QuickTime and MP4 films as ffmpeg and GStreamer write them: every frame and every time is that which ffmpeg reads.

use std::path::Path;
use std::process::Command;

use md5::{Digest, Md5};
use reelay::media::FrameRate;
use reelay::media_file::MediaFile;

use super::programs::{has_ffmpeg, is_installed, lock_tests, run};
use super::serve_process::REELAY_PROGRAM;
use crate::common::jpegs::JpegKind;
use crate::common::media_files::test_jpegs;

/// A frame: hash of its bytes, and its time in µs.
pub type Frame = (String, u64);

/// Returns the frames of a file as ffmpeg copies them.
pub fn frames_of_ffmpeg(path: &Path) -> Vec<Frame> {
    let mut copy = Command::new("ffmpeg");
    copy.args(["-v", "error", "-copyts", "-i"]).arg(path);
    copy.args(["-map", "0:v:0", "-c", "copy", "-f", "framemd5", "-"]);
    let text = String::from_utf8(run(&mut copy)).unwrap();
    let time_base = text.lines().find_map(|line| line.strip_prefix("#tb 0: ")).unwrap();
    let (seconds, ticks) = time_base.split_once('/').unwrap();
    let (seconds, ticks): (u64, u64) = (seconds.parse().unwrap(), ticks.parse().unwrap());
    let packets = text.lines().filter(|line| !line.starts_with('#'));
    let frame = |line: &str| {
        let fields: Vec<_> = line.split(',').map(str::trim).collect();
        let time: u64 = fields[2].parse().unwrap();
        (fields[5].to_owned(), (time * seconds * 1_000_000).div_ceil(ticks))
    };
    packets.map(frame).collect()
}

/// Returns the frames of a file as Reelay reads them.
pub fn frames_of_reelay(path: &Path) -> Vec<Frame> {
    let film = MediaFile::open(path, "film", FrameRate::CLASSROOM).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut progress = film.progress();
    let frames = runtime.block_on(progress.wait_for(|progress| progress.defects.is_some())).unwrap().frames;
    let frame = |number| {
        let hash = Md5::digest(film.read_frame(number).unwrap());
        let hex = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        (hex, film.times().npt_of(number).as_micros())
    };
    (0..frames).map(frame).collect()
}

/// Makes a film with ffmpeg and compares it. `input` are options before the codec, `output` after it.
fn check(name: &str, input: &[&str], output: &[&str], count: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let source = ["-f", "lavfi", "-i", "testsrc=size=160x120:rate=25:duration=2"];
    let mut make = Command::new("ffmpeg");
    make.args(["-v", "error"]).args(source).args(input).args(["-c:v", "mjpeg"]).args(output).arg(&path);
    run(&mut make);
    let frames = frames_of_reelay(&path);
    assert_eq!(frames.len(), count, "{name} {output:?}");
    assert_eq!(frames, frames_of_ffmpeg(&path), "{name} {output:?}");
}

#[test]
fn films_of_ffmpeg_have_the_frames_and_times_that_ffmpeg_reads() {
    let _lock = lock_tests();
    if !has_ffmpeg() {
        return;
    }
    let sound = ["-f", "lavfi", "-i", "sine=duration=2"];
    check("film.mov", &[], &[], 50);
    check("film.mp4", &[], &[], 50);
    check("film.mov", &[], &["-movflags", "+faststart"], 50);
    check("film.mov", &sound, &["-c:a", "pcm_s16le"], 50);
    check("film.mp4", &sound, &["-c:a", "aac"], 50);
    check("ntsc.mov", &[], &["-r", "30000/1001"], 60);
    // Without two thirds of the frames of the second second, and with times of 1/1000 s.
    let variable =
        ["-vf", "select='lt(n,25)+not(mod(n,3))'", "-vsync", "vfr", "-video_track_timescale", "1000"];
    check("variable.mov", &[], &variable, 33);
}

/// The film begins half a second after its start, which is a pause in the edit list.
#[test]
fn film_that_begins_late_has_the_times_that_ffmpeg_reads() {
    let _lock = lock_tests();
    if !has_ffmpeg() {
        return;
    }
    check("late.mov", &[], &["-output_ts_offset", "0.5"], 50);
}

#[test]
fn films_of_gstreamer_have_the_frames_that_ffmpeg_reads() {
    let _lock = lock_tests();
    if !has_ffmpeg() || !is_installed("gst-launch-1.0", Command::new("gst-launch-1.0").arg("--version")) {
        return;
    }
    for options in [&["qtmux"][..], &["qtmux", "faststart=true"]] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film.mov");
        let location = format!("location={}", path.display());
        let mut make = Command::new("gst-launch-1.0");
        make.args(["-q", "videotestsrc", "num-buffers=20", "!", "jpegenc", "!"]).args(options);
        run(make.args(["!", "filesink", &location]));
        let frames = frames_of_reelay(&path);
        assert_eq!(frames.len(), 20);
        assert_eq!(frames, frames_of_ffmpeg(&path), "{options:?}");
    }
}

/// Runs `reelay convert` in a folder.
fn convert(folder: &Path, arguments: &[&str]) {
    run(Command::new(REELAY_PROGRAM).current_dir(folder).arg("convert").args(arguments));
}

#[test]
fn other_programs_read_a_written_mov_film() {
    let _lock = lock_tests();
    let has_gstreamer = is_installed("GStreamer", Command::new("gst-inspect-1.0").arg("qtdemux"));
    if !has_ffmpeg() || !has_gstreamer || !is_installed("mpv", Command::new("mpv").arg("--version")) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let frames = test_jpegs(JpegKind::Standard420, (160, 120), 60);
    std::fs::write(folder.path().join("film.mjpeg"), frames.concat()).unwrap();
    convert(folder.path(), &["film.mjpeg", "film.mov", "--fps", "30000/1001"]);
    let film = folder.path().join("film.mov");
    assert_eq!(frames_of_ffmpeg(&film), frames_of_reelay(&film));

    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args(["-v", "error", "-count_packets", "-of", "csv=p=0", "-show_entries"]);
    ffprobe.arg("stream=codec_name,width,height,r_frame_rate,duration,nb_frames,nb_read_packets").arg(&film);
    let properties = String::from_utf8(run(&mut ffprobe)).unwrap();
    assert_eq!(properties.trim(), "mjpeg,160,120,30000/1001,2.002000,60,60");

    let pattern = format!("location={}/gst%05d.jpg", folder.path().display());
    let source = format!("location={}", film.display());
    let pipeline = ["-q", "filesrc", &source, "!", "qtdemux", "!", "multifilesink", &pattern];
    run(Command::new("gst-launch-1.0").args(pipeline));
    for (number, frame) in frames.iter().enumerate() {
        let path = folder.path().join(format!("gst{number:05}.jpg"));
        assert!(std::fs::read(path).unwrap() == *frame, "GStreamer: frame {number}");
    }

    let mut mpv = Command::new("mpv");
    mpv.args(["--no-config", "--vo=null", "--untimed", "--term-status-msg="]);
    mpv.arg("--term-playing-msg=${container-fps} for ${=duration} s").arg(&film);
    let shown = String::from_utf8(run(&mut mpv)).unwrap();
    assert!(shown.contains("29.970 for 2.002000 s"), "{shown}");
}

#[test]
fn written_mov_film_keeps_every_time() {
    let _lock = lock_tests();
    if !has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut make = Command::new("ffmpeg");
    make.args(["-v", "error", "-f", "lavfi", "-i", "testsrc=size=96x64:rate=50:duration=2"]);
    make.args(["-vf", "select='not(mod(n,7))+lt(n,20)'", "-vsync", "vfr", "-c:v", "mjpeg"]);
    run(make.args(["-video_track_timescale", "90000"]).arg(folder.path().join("in.mov")));
    convert(folder.path(), &["in.mov", "out.mov"]);
    let frames = frames_of_reelay(&folder.path().join("in.mov"));
    assert!(frames.len() > 20);
    assert_eq!(frames_of_reelay(&folder.path().join("out.mov")), frames);
    assert_eq!(frames_of_ffmpeg(&folder.path().join("out.mov")), frames);
}
