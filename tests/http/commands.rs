//! `reelay probe` with cameras over HTTP and HTTPS.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::camera::{read_request, send_frames, start, start_tls};
use super::jpegs::{JpegKind, test_jpeg};

fn frames() -> Vec<Vec<u8>> {
    (0..30).map(|seed| test_jpeg(JpegKind::Standard420, (64, 48), seed, 20)).collect()
}

fn probe(arguments: &[&str], certificates: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reelay"));
    command.arg("probe").args(arguments);
    if let Some(certificates) = certificates {
        command.env("SSL_CERT_FILE", certificates).env_remove("SSL_CERT_DIR");
    }
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn figures_about_packets_are_null() {
    let address = start(|connection| send_frames(connection, &frames()));
    let output = probe(&[&format!("http://ann:secret@{address}/video"), "--json"], None);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&figures["frames_complete"], &figures["dialect"]), (&30.into(), &"http".into()), "{figures}");
    assert_eq!((&figures["width"], &figures["server"]), (&64.into(), &"camera 1.0".into()), "{figures}");
    for name in
        ["packets_received", "packets_expected", "packets_lost", "loss_ratio", "jitter_ms", "packets_late"]
    {
        assert!(
            figures.as_object().unwrap().contains_key(name) && figures[name].is_null(),
            "{name}: {figures}"
        );
    }
    assert!(figures["frame_interval_mean_ms"].as_f64().unwrap() > 0.0);
    assert!(figures["bitrate_bps"].as_f64().unwrap() > 0.0);
}

#[test]
fn text_says_that_there_are_no_packets_and_reports_hold_no_password() {
    let address = start(|connection| send_frames(connection, &frames()));
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let url = format!("http://ann:secret@{address}/video?pwd=hidden");
    let output = probe(&[&url, "--frames", "10", "--report", report.to_str().unwrap(), "-v"], None);
    let printed = text(&output.stdout);
    assert!(printed.contains("packets      – (HTTP has no packets"), "{printed}");
    assert!(
        printed.contains("ms after GET") && printed.contains("transport    tcp, server camera 1.0"),
        "{printed}"
    );
    let report = std::fs::read_to_string(report).unwrap();
    let json: Value = serde_json::from_str(&report).unwrap();
    assert!(
        json["figures"]["packets_lost"].is_null() && json["seconds"][0]["packets_lost"].is_null(),
        "{report}"
    );
    assert_eq!(json["subject"]["dialect"], "http");
    for written in [printed, report, text(&output.stderr)] {
        assert!(!written.contains("secret") && !written.contains("hidden"), "{written}");
    }
}

#[test]
fn saved_frames_are_those_of_the_camera() {
    let address = start(|connection| send_frames(connection, &frames()));
    let folder = tempfile::tempdir().unwrap();
    let output =
        probe(&[&format!("http://{address}/"), "--save-frames", folder.path().to_str().unwrap()], None);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for (number, frame) in (1..).zip(frames()) {
        let saved = std::fs::read(folder.path().join(format!("{number:06}.jpg"))).unwrap();
        assert!(saved == frame, "frame {number} differs");
    }
}

#[test]
fn snapshots_are_requested_at_the_given_rate_on_one_connection() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = connections.clone();
    let address = start(move |connection| {
        counter.fetch_add(1, Ordering::Relaxed);
        let jpeg = &frames()[0];
        while read_request(connection).is_some() {
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
                jpeg.len()
            );
            // Errors are ignored: the player may stop at any time.
            let _ = connection.write_all(&[head.as_bytes(), jpeg].concat());
        }
    });
    let url = format!("http://{address}/image.jpg");
    let output = probe(&[&url, "--snapshot-rate", "50", "--frames", "20", "--json"], None);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(figures["frames_complete"], 20);
    // Requests are never sent early; how late they are depends on the machine.
    assert!(figures["frame_interval_mean_ms"].as_f64().unwrap() >= 19.0, "{figures}");
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[test]
fn https_needs_a_trusted_certificate_for_the_name() {
    let (address, certificate) = start_tls(|connection| send_frames(connection, &frames()));
    let folder = tempfile::tempdir().unwrap();
    let (trusted, empty) = (folder.path().join("trusted.pem"), folder.path().join("empty.pem"));
    std::fs::write(&trusted, certificate).unwrap();
    std::fs::write(&empty, "").unwrap();
    let url = |host: &str| format!("https://{host}:{}/video", address.port());
    let output = probe(&[&url("localhost"), "--json"], Some(&trusted));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(figures["frames_complete"], 30);
    for (host, certificates, reason) in [
        ("localhost", &empty, "its certificate is self-signed"),
        ("127.0.0.1", &trusted, "its certificate is for another name"),
    ] {
        let output = probe(&[&url(host)], Some(certificates));
        let printed = text(&output.stderr);
        assert!(!output.status.success() && printed.contains("cannot be trusted"), "{printed}");
        assert!(printed.contains(reason), "{printed}");
    }
}

#[test]
fn fingerprint_trusts_the_certificate_of_a_camera() {
    let (address, _) = start_tls(|connection| send_frames(connection, &frames()));
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let (url, film) = (format!("https://{address}/video"), folder.path().join("film.mov"));
    let film = film.to_str().unwrap();
    for arguments in [vec!["probe", &url], vec!["convert", &url, film, "--duration", "0.3"]] {
        let run = |fingerprint: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_reelay"));
            command
                .args(&arguments)
                .args(fingerprint)
                .env("SSL_CERT_FILE", &empty)
                .env_remove("SSL_CERT_DIR");
            let output = command.output().unwrap();
            (output.status.success(), text(&output.stderr))
        };
        let (is_ok, printed) = run(&[]);
        assert!(!is_ok, "{printed}");
        let option = printed.split_once("add --tls-fingerprint ").expect("the option is printed").1;
        let fingerprint = option.split(' ').next().unwrap();
        let (is_ok, printed) = run(&["--tls-fingerprint", fingerprint]);
        assert!(is_ok, "{printed}");
        // An existing file would be the reason of `convert`; `probe` writes none.
        let _ = std::fs::remove_file(film);
        let (is_ok, printed) = run(&["--tls-fingerprint", &"00".repeat(32)]);
        assert!(!is_ok && printed.contains("has changed"), "{printed}");
    }
}

#[test]
fn server_without_tls_is_named() {
    let address = start(|connection| {
        // Errors are ignored: the player closes the connection.
        let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = read_request_bytes(connection);
    });
    let output = probe(&[&format!("https://{address}/video")], None);
    let printed = text(&output.stderr);
    assert!(printed.contains("does not speak TLS; try http://"), "{printed}");
}

/// Reads until the player closes the connection.
fn read_request_bytes(connection: &mut dyn super::camera::Connection) -> std::io::Result<u64> {
    std::io::copy(&mut std::io::Read::take(connection, 1 << 16), &mut std::io::sink())
}

#[test]
fn refused_connection_and_unreadable_urls_are_sentences() {
    let output = probe(&["http://127.0.0.1:1/video"], None);
    assert!(text(&output.stderr).contains("127.0.0.1:1 cannot be reached (connection refused)"));
    let output = probe(&["http://127.0.0.1:x/video"], None);
    assert!(
        text(&output.stderr).contains("is not a URL that can be played: invalid port number"),
        "{}",
        text(&output.stderr)
    );
}
