//! RTSP over TLS: other players play from Reelay's server, and Reelay plays from a server with TLS.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::programs::{has_ffmpeg, is_installed, lock_tests};
use crate::samples::{Sample, decode, decode_file, distinct_sample};
use crate::serve_process::{REELAY_PROGRAM, ServeProcess};
use crate::servers::{GStreamerServer, encode_avi, has_gstreamer_server, read_saved_frames};

/// Files with a certificate that is signed by itself, for `localhost` and 127.0.0.1, and its key.
struct Identity {
    folder: tempfile::TempDir,
}

impl Identity {
    fn new() -> Self {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        let own = rcgen::generate_simple_self_signed(names).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("cert.pem"), own.cert.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), own.signing_key.serialize_pem()).unwrap();
        std::fs::write(folder.path().join("none.pem"), "").unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn serve(&self, sample: &Sample) -> ServeProcess {
        let (certificate, key) = (self.path("cert.pem"), self.path("key.pem"));
        let arguments = ["--tls-cert", certificate.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
        ServeProcess::start_with_arguments(std::slice::from_ref(sample), &arguments)
    }
}

fn all_frames(sample: &Sample) -> Vec<usize> {
    (0..sample.file.frames.len()).collect()
}

/// Runs `reelay probe`, with the certificates in a file instead of those of the system.
fn probe(arguments: &[&str], certificates: &Path) -> (bool, String) {
    let mut command = Command::new(REELAY_PROGRAM);
    command.arg("probe").args(arguments).env("SSL_CERT_FILE", certificates).env_remove("SSL_CERT_DIR");
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn ffmpeg_plays_every_frame_over_tls() {
    let _lock = lock_tests();
    if !has_ffmpeg() {
        return;
    }
    let (identity, sample) = (Identity::new(), distinct_sample(25));
    let server = identity.serve(&sample);
    let url = &server.urls[0];
    assert!(url.starts_with("rtsps://127.0.0.1:"), "{url}");
    // ffmpeg 5.1 checks no certificate of RTSP.
    let actual = decode(&["-rtsp_transport", "tcp", "-i", url], sample.pixel_format);
    assert_eq!(sample.frame_numbers(&actual), all_frames(&sample));
}

#[test]
fn gstreamer_plays_every_frame_over_tls() {
    let _lock = lock_tests();
    let has_gstreamer = is_installed("GStreamer", Command::new("gst-inspect-1.0").arg("rtpjpegdepay"));
    if !has_ffmpeg() || !has_gstreamer {
        return;
    }
    let (identity, sample) = (Identity::new(), distinct_sample(25));
    let server = identity.serve(&sample);
    let received = sample.file.folder().join("received.jpegs");
    let source = format!("location={}", server.urls[0]);
    let mut command = Command::new("timeout");
    command.args([
        "60",
        "gst-launch-1.0",
        "-q",
        "rtspsrc",
        &source,
        "tls-validation-flags=0",
        "protocols=tcp",
    ]);
    command.args(["!", "rtpjpegdepay", "!", "filesink", &format!("location={}", received.display())]);
    // At the end of the stream, GStreamer stops the reader of the connection and sometimes reports what it was reading as an
    // error, as without TLS; the frames tell whether anything is missing.
    let output = command.output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    let is_end = errors.contains("Could not receive message") || errors.contains("Could not send message");
    assert!(output.status.success() || is_end, "{errors}");
    let actual = decode_file(&received, sample.pixel_format);
    assert_eq!(sample.frame_numbers(&actual), all_frames(&sample));
}

#[test]
fn reelay_plays_over_tls_if_the_system_or_the_user_trusts_the_certificate() {
    let _lock = lock_tests();
    let (identity, sample) = (Identity::new(), distinct_sample(25));
    let server = identity.serve(&sample);
    let (url, trusted, none) =
        (server.urls[0].as_str(), identity.path("cert.pem"), identity.path("none.pem"));
    let saved = sample.file.folder().join("saved");
    let (is_ok, errors) = probe(&[url, "--save-frames", saved.to_str().unwrap()], &trusted);
    assert!(is_ok, "{errors}");
    assert!(read_saved_frames(&saved) == sample.file.frames.concat(), "the frames differ");

    let (is_ok, errors) = probe(&[url], &none);
    assert!(!is_ok && errors.contains("its certificate is signed by itself"), "{errors}");
    let option = errors.split_once("--tls-fingerprint ").expect("the option is printed").1;
    let fingerprint = option.split(' ').next().unwrap();
    let (is_ok, errors) = probe(&[url, "--tls-fingerprint", fingerprint], &none);
    assert!(is_ok, "{errors}");
    let (is_ok, errors) = probe(&[url, "--tls-fingerprint", &"00".repeat(32)], &none);
    assert!(!is_ok && errors.contains("has changed"), "{errors}");
    // Nothing but the handshake is sent before the certificate is trusted.
    assert_eq!(server.request_count("SETUP"), 2);
    assert_eq!(server.request_count("OPTIONS"), 2);
}

#[test]
fn reelay_plays_every_frame_of_gstreamer_server_over_tls() {
    let _lock = lock_tests();
    if !has_ffmpeg() || !has_gstreamer_server() {
        return;
    }
    let (identity, folder) = (Identity::new(), tempfile::tempdir().unwrap());
    let [small, large] = ["small", "large"].map(|name| folder.path().join(format!("{name}.avi")));
    encode_avi(&small, (640, 480));
    encode_avi(&large, (1_280, 720));
    let server =
        GStreamerServer::start(folder.path(), &[identity.path("cert.pem"), identity.path("key.pem")]);
    for film in [&small, &large] {
        let name = film.file_stem().unwrap().to_str().unwrap();
        let url = server.url(name).replace("rtsp://", "rtsps://");
        let saved = folder.path().join(name);
        let (is_ok, errors) =
            probe(&[&url, "--save-frames", saved.to_str().unwrap()], &identity.path("cert.pem"));
        assert!(is_ok, "{errors}");
        let received = folder.path().join("received.jpegs");
        std::fs::write(&received, read_saved_frames(&saved)).unwrap();
        let source = decode(&["-i", film.to_str().unwrap()], "yuvj420p");
        assert!(decode_file(&received, "yuvj420p") == source, "{name}: the pixels differ");
    }
}

#[test]
fn wrong_scheme_is_named_on_both_sides() {
    let _lock = lock_tests();
    let (identity, sample) = (Identity::new(), distinct_sample(5));
    let (encrypted, plain) = (identity.serve(&sample), ServeProcess::start(std::slice::from_ref(&sample)));
    let (_, errors) = probe(&[&encrypted.urls[0].replace("rtsps://", "rtsp://")], &identity.path("none.pem"));
    assert!(errors.contains("speaks TLS on this port; try rtsps:// instead of rtsp://"), "{errors}");
    let (_, errors) = probe(&[&plain.urls[0].replace("rtsp://", "rtsps://")], &identity.path("none.pem"));
    assert!(errors.contains("does not speak TLS; try rtsp:// instead of rtsps://"), "{errors}");
}
