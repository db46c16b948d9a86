//! RTSP over TLS: other players play from Reelay's server, and Reelay plays from a server with TLS.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::programs::{RunningProgram, has_ffmpeg, is_installed, lock_tests};
use crate::samples::{Sample, decode, decode_file, distinct_sample};
use crate::serve_process::{REELAY_PROGRAM, ServeProcess};
use crate::servers::{GStreamerServer, encode_avi, has_gstreamer_server, read_saved_frames};

/// Files with a self-signed certificate, for `localhost` and 127.0.0.1, and its key.
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
    // At the end of the stream, GStreamer 1.22 interrupts its threads, also one that writes. On a busy machine it then
    // sends only the rest of a request ("r/1.22.0" of its User-Agent), which the server answers with 400 before it
    // closes the connection, or reads on in the middle of a message. It reports the one as "end-of-file" and the other
    // as "Parse error", also without TLS. The frames tell whether anything is missing.
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
    assert!(!is_ok && errors.contains("its certificate is self-signed"), "{errors}");
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

/// Runs openssl in a folder; its messages are not shown.
fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").current_dir(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn has_openssl() -> bool {
    is_installed("openssl", Command::new("openssl").arg("version"))
}

/// A server of openssl that responds to nothing.
struct OpensslServer {
    _program: RunningProgram,
    port: u16,
}

impl OpensslServer {
    fn start(folder: &Path, certificate: &str, key: &str) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("openssl");
        command.current_dir(folder).args(["s_server", "-accept", &format!("127.0.0.1:{port}"), "-quiet"]);
        command.args(["-cert", certificate, "-key", key, "-cipher", "DEFAULT@SECLEVEL=0"]);
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { _program: RunningProgram(command.spawn().unwrap()), port }
    }
}

#[test]
fn certificates_that_tls_cannot_use_are_named() {
    let _lock = lock_tests();
    if !has_openssl() {
        return;
    }
    let (identity, sample) = (Identity::new(), distinct_sample(5));
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let subject = ["-subj", "/CN=localhost"];
    let request = ["req", "-newkey", "rsa:2048", "-nodes", "-keyout", "v1.key", "-out", "v1.csr"];
    openssl(folder.path(), &[&request[..], &subject].concat());
    openssl(folder.path(), &["x509", "-req", "-in", "v1.csr", "-signkey", "v1.key", "-out", "v1.pem"]);
    let short =
        ["req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", "short.key", "-out", "short.pem"];
    openssl(folder.path(), &[&short[..], &subject].concat());
    for (name, reason) in [
        ("v1", "it is of an X.509 version before 3"),
        ("short", "its RSA key has 1024 bits and not at least 2048"),
    ] {
        let (certificate, key) = (format!("{name}.pem"), format!("{name}.key"));
        let server = OpensslServer::start(folder.path(), &certificate, &key);
        let url = format!("rtsps://127.0.0.1:{}/", server.port);
        let started = std::time::Instant::now();
        let printed = loop {
            assert!(started.elapsed() < std::time::Duration::from_secs(20), "openssl does not listen");
            let (is_ok, printed) = probe(&[&url], &identity.path("none.pem"));
            assert!(!is_ok, "{printed}");
            // The server may not listen yet.
            if !printed.contains("refused") {
                break printed;
            }
        };
        assert!(
            printed.contains(&format!("its certificate is not supported, because {reason}")),
            "{printed}"
        );
        // The server of Reelay does not start with it.
        let mut serve = Command::new(REELAY_PROGRAM);
        serve.args(["serve", "--listen", "127.0.0.1:0"]).arg("--tls-cert").arg(at(&certificate));
        let output = serve.arg("--tls-key").arg(at(&key)).arg(sample.file.path()).output().unwrap();
        let printed = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && printed.contains(reason), "{printed}");
    }
}

/// A certificate of an authority of the test, as an organization has one.
#[test]
fn certificate_of_an_authority_is_verified_by_name() {
    let _lock = lock_tests();
    if !has_openssl() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let authority = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem"];
    let of_authority = ["-subj", "/CN=Test authority", "-addext", "keyUsage=critical,keyCertSign"];
    openssl(folder.path(), &[&authority[..], &of_authority].concat());
    let request = ["req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr"];
    openssl(folder.path(), &[&request[..], &["-subj", "/CN=localhost"]].concat());
    std::fs::write(at("extensions"), "subjectAltName=DNS:localhost\nbasicConstraints=CA:false\n").unwrap();
    let sign = ["x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
    let signed = ["-out", "server.pem", "-extfile", "extensions"];
    openssl(folder.path(), &[&sign[..], &signed].concat());

    let sample = distinct_sample(5);
    let (certificate, key) = (at("server.pem"), at("server.key"));
    let arguments = ["--tls-cert", certificate.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let server = ServeProcess::start_with_arguments(std::slice::from_ref(&sample), &arguments);
    let by_name = server.urls[0].replace("127.0.0.1", "localhost");
    let (is_ok, errors) = probe(&[&by_name], &at("ca.pem"));
    assert!(is_ok, "{errors}");
    let (is_ok, errors) = probe(&[&server.urls[0]], &at("ca.pem"));
    assert!(!is_ok && errors.contains("is for another name"), "{errors}");
    std::fs::write(at("none.pem"), "").unwrap();
    let (is_ok, errors) = probe(&[&by_name], &at("none.pem"));
    assert!(
        !is_ok && errors.contains("is signed by an authority that this machine does not trust"),
        "{errors}"
    );

    // Another program verifies it, too.
    let address = by_name.split('/').nth(2).unwrap();
    let mut client = Command::new("openssl");
    client.args(["s_client", "-connect", address, "-verify_return_error", "-verify_hostname", "localhost"]);
    let output = client.arg("-CAfile").arg(at("ca.pem")).stdin(Stdio::null()).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains("Verification: OK"), "{printed}");
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
