//! Tests of the command line.

use super::*;
use crate::server_embed::ServerOptions;
use crate::session::{ClassroomUrl, Dialect};

pub(super) fn parse_line(line: &str) -> Result<Invocation, String> {
    let is_folder = |path: &Path| path == Path::new("folder") || path == Path::new("folder.avi");
    parse(line.split_whitespace().map(OsString::from), is_folder).map_err(|error| error.to_string())
}

fn parse_window(line: &str) -> WindowArguments {
    let Ok(Invocation::Window(window)) = parse_line(line) else { panic!("{line}") };
    window
}

fn parse_serve(line: &str) -> ServeArguments {
    let Ok(Invocation::Serve(serve)) = parse_line(line) else { panic!("{line}") };
    serve
}

fn parse_probe(line: &str) -> ProbeArguments {
    let Ok(Invocation::Probe(probe)) = parse_line(line) else { panic!("{line}") };
    probe
}

fn parse_proxy(line: &str) -> ProxyArguments {
    let Ok(Invocation::Proxy(proxy)) = parse_line(line) else { panic!("{line}") };
    proxy
}

#[test]
fn clap_accepts_the_declarations() {
    Cli::command().debug_assert();
}

#[test]
fn window_options_are_parsed() {
    assert_eq!(parse_line(""), Ok(Invocation::Window(WindowArguments::default())));
    let window = parse_window("movie.Mjpeg --play --fps 25 --theme light -v");
    assert_eq!(window.targets, [Target::File("movie.Mjpeg".into())]);
    assert!(window.play && window.verbose && window.rate == Some(FrameRate::per_second(25)));
    assert_eq!(window.theme, Some(ThemePreference::Light));
    let window = parse_window("file:///films/a%20talk.mjpeg");
    assert_eq!(window.targets, [Target::File("/films/a talk.mjpeg".into())]);
    let window = parse_window("a.mjpeg rtsp://h/b c.avi --classroom h:1025/d.Mjpeg");
    assert_eq!(window.targets.len(), 4);
    assert_eq!(window.targets[3].dialect(), Dialect::Classroom);
}

#[test]
fn command_name_is_a_file_unless_it_stands_first() {
    for line in ["-- serve", "--play serve", "./serve"] {
        let targets = parse_window(line).targets;
        assert!(matches!(&targets[..], [Target::File(path)] if path.ends_with("serve")), "{line}");
    }
}

#[test]
fn serve_options_are_parsed() {
    let serve = parse_serve(
        "serve --listen 0.0.0.0:9000 --quality 80 a --user ann --password-file p --session-timeout 5 b --segmentation always",
    );
    assert_eq!(serve.segmentation, Segmentation::Always);
    assert_eq!((serve.listen.to_string().as_str(), serve.paths.len()), ("0.0.0.0:9000", 2));
    assert_eq!((Some(serve.quality), serve.session_timeout), (Quality::new(80), Duration::from_secs(5)));
    let user = UserArguments { name: "ann".to_owned(), password_file: "p".into() };
    assert_eq!((serve.user, serve.network), (Some(user), None));
}

#[test]
fn limit_options_of_serve_and_proxy_are_parsed() {
    let limits = parse_serve("serve --max-connections-per-address 1000 x").limits;
    assert_eq!(limits, Limits::default().with_connections(None, Some(1_000)));
    let limits = parse_proxy("proxy --to h:1 --max-connections 9 --max-connections-per-address 3").limits;
    assert_eq!(limits, Limits::for_proxy().with_connections(Some(9), Some(3)));
    assert_eq!(parse_serve("serve x").limits, ServerOptions::default().limits);
    assert_eq!(parse_proxy("proxy --to h:1").limits, Limits::for_proxy());
}

#[test]
fn serve_defaults_are_those_of_the_server() {
    let (serve, options) = (parse_serve("serve x"), ServerOptions::default());
    assert_eq!(serve.listen.to_string(), "127.0.0.1:8554");
    assert_eq!((serve.session_timeout, serve.quality), (options.session_timeout, options.quality));
    assert_eq!(serve.segmentation, options.segmentation);
    assert_eq!((serve.rate, serve.user), (None, None));
}

#[test]
fn tls_options_are_parsed() {
    let serve = parse_serve("serve --tls-cert c.pem --tls-key k.pem x");
    let files = TlsArguments { certificate_file: "c.pem".into(), key_file: "k.pem".into() };
    assert_eq!((serve.tls, serve.listen.port()), (Some(files), 8_554));
    let fingerprint = Fingerprint::of(b"certificate");
    // A URL without TLS may redirect.
    for url in ["rtsps://camera/live", "https://camera/video", "rtsp://camera/live"] {
        for spelling in [fingerprint.to_string(), fingerprint.to_string().replace(':', "").to_lowercase()] {
            let probe = parse_probe(&format!("probe {url} --tls-fingerprint {spelling}"));
            assert_eq!(probe.tls_fingerprint, Some(fingerprint));
        }
    }
    let probe = parse_probe("probe rtsps://camera/live --transport tcp");
    assert!(
        matches!(probe.target, Target::Stream(url) if url.is_tls() && url.host_and_port() == "camera:322")
    );
}

#[test]
fn probe_options_are_parsed() {
    let probe = parse_probe("probe rtsp://h/f --transport=tcp --seconds 2.5 --json --frames 7");
    assert_eq!((probe.transport, probe.frames), (TransportPreference::Tcp, Some(7)));
    assert_eq!(probe.seconds, Some(Duration::from_millis(2_500)));
    assert!(probe.json && !probe.verbose && probe.rate == FrameRate::CLASSROOM);
    assert!(!probe.retransmission && probe.playout_delay.is_none());
    let probe = parse_probe("probe film.avi --retransmission --playout-delay auto");
    assert_eq!((probe.retransmission, probe.playout_delay), (true, Some(PlayoutDelay::Auto)));
    let probe = parse_probe("probe film.avi --fec 5");
    assert_eq!((probe.retransmission, probe.fec), (false, "5".parse().ok()));
    assert_eq!(parse_probe("probe film.avi --fec 10x5").fec, "10x5".parse().ok());
    let delay = parse_probe("probe film.avi --playout-delay 120ms").playout_delay;
    assert_eq!(delay, Some(PlayoutDelay::Fixed(Duration::from_millis(120))));
    let probe = parse_probe("probe --classroom 127.0.0.1:1025/movie.Mjpeg");
    let url = ClassroomUrl::new("127.0.0.1", 1_025, "movie.Mjpeg").unwrap();
    assert_eq!(probe.target, Target::Stream(url.into()));
    assert_eq!(probe.transport, TransportPreference::Auto);
}

#[test]
fn proxy_options_are_parsed() {
    let proxy = parse_proxy("proxy --to [::1]:554 --listen 0.0.0.0:9000 --loss 5%");
    assert_eq!((proxy.server, proxy.listen.port()), (("::1".to_owned(), 554), 9_000));
    assert!(proxy.network.is_on && proxy.network.impairments.loss.ratio == 0.05);
    let proxy = parse_proxy("proxy --to h:1");
    assert!(proxy.network.is_on && proxy.listen.to_string() == "127.0.0.1:8555");
}

#[test]
fn last_of_repeated_options_counts() {
    let probe = parse_probe("probe x --seconds 1 --seconds 2 --json --json --loss 1% --loss 2%");
    assert_eq!(probe.seconds, Some(Duration::from_secs(2)));
    assert_eq!(probe.network.unwrap().impairments.loss.ratio, 0.02);
}

#[test]
fn options_of_the_other_protocol_are_refused() {
    let digits = "0a".repeat(32);
    for (line, error) in [
        ("probe http://h/video --transport udp", ArgumentError::RtpOptions),
        ("probe http://h/video --rtp-port 5000", ArgumentError::RtpOptions),
        ("probe http://h/video --retransmission", ArgumentError::RtpOptions),
        ("probe http://h/video --fec 5", ArgumentError::RtpOptions),
        ("probe rtsp://h/video --fec 5 --transport tcp", ArgumentError::Fec),
        ("probe rtsps://h/video --fec 10", ArgumentError::Fec),
        ("probe --classroom h:1/f --fec 3", ArgumentError::Fec),
        ("probe rtsp://h/video --retransmission --transport tcp", ArgumentError::Retransmission),
        ("probe rtsps://h/video --retransmission", ArgumentError::Retransmission),
        ("probe --classroom h:1/f --retransmission", ArgumentError::Retransmission),
        ("probe rtsp://h/video --snapshot-rate 5", ArgumentError::SnapshotRate),
        ("probe film.avi --snapshot-rate 5", ArgumentError::SnapshotRate),
        ("probe rtsps://h/video --transport udp", ArgumentError::UdpOverTls),
        (&format!("probe film.avi --tls-fingerprint {digits}"), ArgumentError::TlsFingerprint),
        (&format!("probe --classroom h:1/f --tls-fingerprint {digits}"), ArgumentError::TlsFingerprint),
    ] {
        assert_eq!(parse_line(line), Err(error.to_string()), "{line}");
    }
}

#[test]
fn rtp_port_may_be_odd_for_classroom_servers() {
    for line in ["probe --rtp-port 25001 --classroom h:1/f", "probe --classroom h:1/f --rtp-port 25001"] {
        assert_eq!(parse_probe(line).rtp_port, Some(25_001));
    }
}

#[test]
fn help_and_version_are_printed() {
    let version = concat!("reelay ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(parse_line("-V"), Ok(Invocation::Print(version.to_owned())));
    let Ok(Invocation::Print(notices)) = parse_line("--version") else { panic!("no text") };
    assert!(notices.starts_with(version.trim_end()), "{notices}");
    let required = "This software is based in part on the work of the Independent JPEG Group.";
    assert!(notices.contains(required), "the licence of jpeg-encoder requires it: {notices}");
    for (line, part) in [
        ("--help", "reelay [OPTIONS] [FILE|URL]"),
        ("x.mjpeg -h", "completions"),
        ("serve --help", "reelay serve [OPTIONS] <PATH>..."),
        ("probe --seconds 5 -h", "--classroom <HOST:PORT/FILE>"),
        ("proxy --help", "--to <HOST:PORT>"),
        ("help probe", "--save-frames <DIR>"),
        ("man --help", "man -l"),
    ] {
        let Ok(Invocation::Print(text)) = parse_line(line) else { panic!("{line}") };
        assert!(text.contains(part), "{line}: {text}");
    }
}

#[test]
fn empty_path_is_rejected() {
    for line in [&[""][..], &["probe", ""], &["serve", ""]] {
        let error = parse(line.iter().map(OsString::from), |_| false).unwrap_err().to_string();
        assert_eq!(error, "The path is empty; give the path of a film.");
    }
}

#[test]
#[cfg(unix)]
fn text_that_is_not_utf8_is_rejected_unless_it_is_a_path() {
    use std::os::unix::ffi::OsStringExt as _;
    let name = OsString::from_vec(b"\xff.csv".to_vec());
    let arguments = ["probe", "--report"].map(OsString::from);
    let Ok(Invocation::Probe(probe)) = parse(
        arguments.into_iter().chain([
            name.clone(),
            OsString::from("--save-frames"),
            name.clone(),
            name.clone(),
        ]),
        |_| false,
    ) else {
        panic!("paths need not be UTF-8")
    };
    assert_eq!(probe.target, Target::File(name.clone().into()));
    assert_eq!(probe.report.unwrap().path, PathBuf::from(name.clone()));
    let error =
        parse(["serve".into(), "--user".into(), name, "x".into()], |_| false).unwrap_err().to_string();
    assert!(error.contains("UTF-8") && error.ends_with('.'), "{error}");
}

#[test]
fn errors_are_one_sentence() {
    for (line, part) in [
        ("--colour", "--colour"),
        ("ftp://h/x", "rtsp://"),
        ("--fps fast", "a frame rate is"),
        ("--fps -1", "a frame rate is"),
        ("--theme purple", "--theme cannot be \"purple\": it is dark, light or system."),
        ("--play=yes", "--play takes no value, but \"yes\" was given"),
        ("--pla", "but --play is"),
        ("--loss 5% probe x", "but \"reelay probe --loss\" is one"),
        ("file://elsewhere/film.mjpeg", "no file of this machine"),
        ("serve file://elsewhere/film.mjpeg", "no file of this machine"),
        ("serve", "name at least one"),
        ("serve --listen 8554 x", "ADDR:PORT"),
        ("serve --user ann x", "require each other"),
        ("serve --password-file p x", "require each other"),
        ("serve --tls-cert c x", "--tls-cert and --tls-key require each other"),
        ("serve --tls-key k x", "--tls-cert and --tls-key require each other"),
        ("probe rtsps://h/f --tls-fingerprint 12:34", "64 hexadecimal digits"),
        ("serve --session-timeout 1 x", "from 5 to 86400"),
        ("serve --max-connections 0 x", "from 1 to 100000"),
        ("proxy --to h:1 --max-connections-per-address many", "from 1 to 100000"),
        ("serve --quality best x", "from 1 to 100"),
        ("serve --version", "--version"),
        ("probe", "name a film"),
        ("probe x --report figures.txt", "in .csv for one row per second"),
        ("proxy", "--to HOST:PORT"),
        ("proxy --to camera", "HOST:PORT"),
        ("proxy --to rtsp://camera:554", "HOST:PORT"),
        ("proxy --to camera:0", "HOST:PORT"),
        ("proxy --to camera:554 --loss 5", "like 5%"),
        ("proxy --to camera:554 film", "\"film\" is not expected here"),
        ("probe x --transport carrier-pigeon", "udp or tcp"),
        ("probe x --playout-delay 6s", "auto or a time from 0ms to 5s"),
        ("probe x --playout-delay -1ms", "auto or a time"),
        ("probe x --rtp-port 5001", "\"5001\": it is an even number"),
        ("probe x --rtp-port 0 --classroom h:1/f", "an even number"),
        ("probe --classroom rtsp://localhost:1025/f", "without rtsp://"),
        ("--colour", "\"reelay --help\" lists"),
        ("probe --colour", "\"reelay probe --help\" lists"),
        ("serve --colour", "\"reelay serve --help\" lists"),
        ("proxy --colour", "\"reelay proxy --help\" lists"),
        ("probe x --frames", "\"reelay probe --help\" lists"),
        ("probe x --los 5%", "but --loss is"),
        ("probe x --seconds -1", "above 0"),
        ("probe x --seconds 1e19", "at most one year"),
        ("probe x --frames 0", "above 0"),
        ("probe --classroom localhost/movie.Mjpeg", "names no port"),
        ("probe --classroom localhost:1025", "HOST:PORT/FILE"),
        ("probe --classroom localhost:1025/f --transport tcp", "UDP only"),
        ("probe x --classroom localhost:1025/f", "name one"),
        ("probe --classroom localhost:1025/f --classroom localhost:1025/g", "name one"),
        ("probe x y", "name one"),
        ("probe x --frames", "--frames needs a value"),
        ("completions", "SHELL"),
        ("completions korn", "bash"),
        ("man page", "\"page\" is not expected here"),
        ("help korn", "\"korn\" is not a command"),
        ("link --to camera:554", "--to"),
    ] {
        let error = parse_line(line).expect_err(line);
        assert!(error.contains(part), "{line}: {error}");
        assert!(error.ends_with('.') && !error.contains('\n'), "{line}: {error}");
    }
}
