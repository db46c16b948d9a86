//! Recordings of streams over UDP, with and without loss, and of classroom servers.

use std::fs;

use crate::common::avi_files::AviOptions;
use crate::common::jpegs::JpegKind;
use crate::common::media_files::test_jpegs;
use crate::{assert_times, read_film, serve, succeed, write_film};

#[test]
fn recording_over_udp_has_every_frame_that_arrives_complete() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let frames = test_jpegs(JpegKind::Standard420, (320, 240), 80);
    fs::write(at("film.avi"), AviOptions { rate: (40, 1), ..AviOptions::default() }.encode(&frames)).unwrap();
    let (_, film_times) = read_film(&at("film.avi"));
    for (name, loss) in [("all.mov", "0%"), ("all.avi", "0%"), ("some.mov", "3%"), ("some.avi", "3%")] {
        let arguments = ["probe", "film.avi", "--transport", "udp", "--loss", loss, "--seed", "7"];
        let (out, _) = succeed(folder.path(), &[&arguments[..], &["--json", "--record", name]].concat());
        let figures: serde_json::Value = serde_json::from_str(&out).unwrap();
        let (recorded, times) = read_film(&at(name));
        assert_eq!(figures["frames_complete"], recorded.len() as u64, "{name}");
        let is_complete = loss == "0%";
        assert_eq!(recorded == frames, is_complete, "{name}: {} frames", recorded.len());
        assert_eq!(figures["frames_incomplete"] == 0, is_complete, "{name}: {figures}");
        // Each recorded frame has its bytes, and its time from the first one on: the lost ones are gaps.
        let positions: Vec<_> =
            recorded.iter().map(|frame| frames.iter().position(|other| other == frame).unwrap()).collect();
        assert!(positions.is_sorted_by(|first, second| first < second), "{name}: {positions:?}");
        let expected: Vec<_> = positions.iter().map(|position| film_times[*position]).collect();
        assert_times(&times[..recorded.len()], &expected);
    }
}

#[test]
fn film_of_a_classroom_server_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let frames = write_film(&at("film.avi"), 20, (20, 1));
    let (_server, url) = serve(folder.path(), "film.avi");
    let source = url.strip_prefix("rtsp://").unwrap();
    for name in ["out.mov", "out.avi", "out.mjpeg", "out.mpjpeg"] {
        let is_converted = name.ends_with("mpjpeg") || name.ends_with("avi");
        let printed = match is_converted {
            true => succeed(folder.path(), &["convert", "--classroom", source, name]).0,
            false => succeed(folder.path(), &["probe", "--classroom", source, "--record", name]).1,
        };
        assert!(printed.contains(&format!("{name}: 20 frames, ")), "{printed}");
        let (recorded, times) = read_film(&at(name));
        assert!(recorded == frames, "{name}: {} frames", recorded.len());
        // Frames of the classroom's format have none of their own: the assumed rate is that of the film.
        let expected: Vec<_> = (0..20).map(|number| number * 50_000).collect();
        if name.ends_with("mjpeg") && !name.ends_with("mpjpeg") {
            assert_eq!(times[..20], expected, "{name}");
        } else {
            assert!(times[..20].is_sorted_by(|first, second| first < second), "{name}: {times:?}");
        }
    }
}
