//! AVI films: those of other programs are read frame for frame, and other programs read Reelay's.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use reelay::media::FrameRate;
use reelay::media_file::MediaFile;

use crate::common::jpegs::JpegKind;
use crate::common::media_files::test_jpegs;
use crate::programs::{RunningProgram, has_ffmpeg, is_installed, lock_tests, run};
use crate::samples::decode;
use crate::serve_process::REELAY_PROGRAM;

fn has_gstreamer() -> bool {
    is_installed("GStreamer", Command::new("gst-inspect-1.0").arg("avimux"))
}

/// Runs ffmpeg in a folder.
#[track_caller]
fn ffmpeg(folder: &Path, arguments: &str) -> Vec<u8> {
    let arguments = arguments.split_whitespace();
    run(Command::new("ffmpeg").current_dir(folder).args(["-nostdin", "-v", "error", "-y"]).args(arguments))
}

/// Returns the frames of a film as ffmpeg extracts them, without encoding them.
#[track_caller]
fn extracted_frames(folder: &Path, film: &str) -> Vec<Vec<u8>> {
    let frames = tempfile::tempdir().unwrap();
    let pattern = frames.path().join("%05d.jpg");
    ffmpeg(folder, &format!("-i {film} -map 0:v:0 -c copy -f image2 {}", pattern.display()));
    let mut paths: Vec<_> = fs::read_dir(frames.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Returns the frames that Reelay finds, their times in µs, and the frame rate.
#[track_caller]
fn indexed_frames(path: &Path) -> (Vec<Vec<u8>>, Vec<u64>, String) {
    let film = MediaFile::open(path, "film", FrameRate::CLASSROOM).unwrap();
    let mut progress = film.progress();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let count = runtime.block_on(progress.wait_for(|progress| progress.is_finished())).unwrap().frames;
    assert_eq!(film.info().warning(), None, "{}", path.display());
    let frames = (0..count).map(|frame| film.read_frame(frame).unwrap().to_vec()).collect();
    let times = (0..=count).map(|frame| film.times().npt_of(frame).as_micros()).collect();
    (frames, times, film.times().rate_text())
}

/// Returns the times of the frames that ffmpeg reads, in µs.
#[track_caller]
fn packet_times(folder: &Path, film: &str) -> Vec<u64> {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args([
        "-v",
        "error",
        "-select_streams",
        "v",
        "-of",
        "csv=p=0",
        "-show_entries",
        "packet=pts_time,size",
    ]);
    let packets = String::from_utf8(run(ffprobe.arg(film).current_dir(folder))).unwrap();
    packets
        .lines()
        .filter_map(|line| line.split_once(','))
        .filter(|(_, size)| size.trim_end_matches(',') != "0")
        .map(|(time, _)| (time.parse::<f64>().unwrap() * 1e6).round() as u64)
        .collect()
}

#[test]
fn every_frame_of_ffmpeg_and_gstreamer_films_is_found() {
    let _lock = lock_tests();
    if !has_ffmpeg() || !has_gstreamer() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let picture = "-f lavfi -i testsrc=size=160x120:rate=30000/1001:duration=2";
    let sound = "-f lavfi -i sine=frequency=440:duration=2";
    ffmpeg(folder.path(), &format!("{picture} -c:v mjpeg plain.avi"));
    ffmpeg(folder.path(), &format!("{sound} {picture} -map 0 -map 1 -c:v mjpeg -c:a pcm_s16le sound.avi"));
    ffmpeg(folder.path(), &format!("{picture} {sound} -c:v mjpeg -c:a mp3 -huffman default mp3.avi"));
    let pipeline = format!(
        "videotestsrc num-buffers=60 ! video/x-raw,format=I420,framerate=30000/1001 ! jpegenc ! avimux name=mux ! \
         filesink location={}/gstreamer.avi audiotestsrc num-buffers=40 ! mux.",
        folder.path().display()
    );
    run(Command::new("gst-launch-1.0").arg("-q").args(pipeline.split_whitespace()));
    for film in ["plain.avi", "sound.avi", "mp3.avi", "gstreamer.avi"] {
        let (frames, times, rate) = indexed_frames(&folder.path().join(film));
        let expected = extracted_frames(folder.path(), film);
        assert!(expected.len() >= 59 && frames == expected, "{film}: {} of {}", frames.len(), expected.len());
        // With MP3 sound, ffmpeg leaves out a tick after the first frame.
        let stated = packet_times(folder.path(), film);
        assert_eq!(stated.len(), frames.len());
        assert!(
            times.iter().zip(&stated).all(|(time, stated)| time.abs_diff(*stated) <= 1),
            "{film}: {times:?}"
        );
        let expected_rate = if film == "mp3.avi" { "29.48 fps" } else { "29.97 fps" };
        assert_eq!(rate, expected_rate, "{film}");
    }
}

#[test]
fn ffmpeg_film_of_another_codec_is_named() {
    let _lock = lock_tests();
    if !has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let picture = "-f lavfi -i testsrc=size=160x120:rate=25:duration=0.2";
    for (codec, name) in
        [("mpeg4", "MPEG-4"), ("ffv1", "FFV1"), ("ljpeg", "lossless JPEG"), ("rawvideo", "uncompressed")]
    {
        ffmpeg(folder.path(), &format!("{picture} -c:v {codec} -strict -1 {codec}.avi"));
        let path = folder.path().join(format!("{codec}.avi"));
        let error = MediaFile::open(&path, "in.avi", FrameRate::CLASSROOM).unwrap_err();
        let start = format!(
            "in.avi is an AVI film whose video is {name}, not Motion JPEG; convert it first: ffmpeg "
        );
        assert!(error.to_string().starts_with(&start), "{error}");
    }
    // The command that the message offers.
    let path = folder.path().join("mpeg4.avi");
    let error = MediaFile::open(&path, "mpeg4.avi", FrameRate::CLASSROOM).unwrap_err();
    let command = error.command().unwrap();
    ffmpeg(folder.path(), command.strip_prefix("ffmpeg ").unwrap());
    assert_eq!(indexed_frames(&folder.path().join("mpeg4-converted.avi")).0.len(), 5);
}

/// Writes a film of 60 frames in the classroom format, and converts it to AVI.
#[track_caller]
fn converted_film(folder: &Path, arguments: &[&str]) -> Vec<Vec<u8>> {
    let frames = test_jpegs(JpegKind::Standard420, (160, 120), 60);
    fs::write(folder.join("film.mjpeg"), frames.concat()).unwrap();
    let mut command = Command::new(REELAY_PROGRAM);
    run(command.current_dir(folder).args(["convert", "film.mjpeg", "film.avi"]).args(arguments));
    frames
}

#[test]
fn other_programs_read_a_written_film() {
    let _lock = lock_tests();
    if !has_ffmpeg() || !has_gstreamer() || !is_installed("mpv", Command::new("mpv").arg("--version")) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let frames = converted_film(folder.path(), &["--fps", "30000/1001"]);
    let film = folder.path().join("film.avi");
    assert!(extracted_frames(folder.path(), "film.avi") == frames, "ffmpeg");

    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args(["-v", "error", "-count_packets", "-of", "csv=p=0", "-show_entries"]);
    ffprobe.arg("stream=codec_name,width,height,r_frame_rate,duration,nb_frames,nb_read_packets").arg(&film);
    let properties = String::from_utf8(run(&mut ffprobe)).unwrap();
    assert_eq!(properties.trim(), "mjpeg,160,120,30000/1001,2.002000,60,60");

    let pattern = format!("location={}/gst%05d.jpg", folder.path().display());
    let source = format!("location={}", film.display());
    let pipeline = ["-q", "filesrc", &source, "!", "avidemux", "!", "multifilesink", &pattern];
    run(Command::new("gst-launch-1.0").args(pipeline));
    for (number, frame) in frames.iter().enumerate() {
        let path = folder.path().join(format!("gst{number:05}.jpg"));
        assert!(fs::read(path).unwrap() == *frame, "GStreamer: frame {number}");
    }
    assert!(!folder.path().join("gst00060.jpg").exists());

    let mut mpv = Command::new("mpv");
    let pictures = folder.path().join("pictures");
    mpv.args(["--no-config", "--vo=image", "--vo-image-format=jpg", "--untimed", "--term-status-msg="]);
    mpv.arg(format!("--vo-image-outdir={}", pictures.display()));
    mpv.arg("--term-playing-msg=${container-fps} for ${=duration} s").arg(&film);
    let shown = String::from_utf8(run(&mut mpv)).unwrap();
    assert!(shown.contains("29.970 for 2.002000 s"), "{shown}");
    assert_eq!(fs::read_dir(pictures).unwrap().count(), 60, "frames that mpv shows");
}

#[test]
fn ffmpeg_reads_the_times_of_a_written_film_with_repeated_frames() {
    let _lock = lock_tests();
    if !has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // A film whose frames have different intervals: every third tick, then every tick.
    let picture = "-f lavfi -i testsrc=size=96x64:rate=10:duration=1";
    ffmpeg(
        folder.path(),
        &format!("{picture} -vf setpts=N*(1+2*lt(N\\,5))/10/TB -c:v mjpeg -vsync vfr -r 10 in.avi"),
    );
    let arguments = ["convert", "in.avi", "out.avi"];
    run(Command::new(REELAY_PROGRAM).current_dir(folder.path()).args(arguments));
    let (frames, times, _) = indexed_frames(&folder.path().join("in.avi"));
    let (written, written_times, _) = indexed_frames(&folder.path().join("out.avi"));
    assert!(frames == written && !frames.is_empty());
    let relative = |times: &[u64]| times.iter().map(|time| time - times[0]).collect::<Vec<_>>();
    assert_eq!(relative(&written_times), relative(&times));
    assert_eq!(relative(&packet_times(folder.path(), "out.avi")), relative(&times)[..frames.len()]);
}

#[test]
fn served_avi_film_reaches_ffmpeg_with_every_pixel() {
    let _lock = lock_tests();
    if !has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    converted_film(folder.path(), &["--fps", "50"]);
    let film = folder.path().join("film.avi");
    let mut command = Command::new(REELAY_PROGRAM);
    command.args(["serve", "--listen", "127.0.0.1:0"]).arg(&film);
    let mut server = RunningProgram(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut url = String::new();
    BufReader::new(server.0.stdout.take().expect("not a pipe")).read_line(&mut url).unwrap();
    let source = decode(&["-i", film.to_str().unwrap()], "yuvj420p");
    for transport in crate::TRANSPORTS {
        let received = decode(&["-rtsp_transport", transport, "-i", url.trim()], "yuvj420p");
        assert!(received == source, "{transport}: {} of {} bytes", received.len(), source.len());
    }
}
