//! Output and exit status of the program, as scripts use it.

mod common;

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read as _, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use common::jpegs::{JpegKind, test_jpeg};
use common::media_files::{FileLayout, TestFile, test_file, test_jpegs};
use reelay::media::payload::{PayloadFormat, packetize};
use reelay::proto::rtsp::{Message, MessageLimits, MessageReader, Method, encode_interleaved};
use socket2::{Domain, Socket, Type};

fn reelay(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reelay"));
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

/// Running program, which is killed when the test ends.
struct RunningProgram(Child);

impl Drop for RunningProgram {
    fn drop(&mut self) {
        // Errors are ignored: the program may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl RunningProgram {
    /// Starts the program and waits for its first line, a URL, which is returned.
    fn start(command: &mut Command) -> (Self, String) {
        let mut running = Self(command.stdout(Stdio::piped()).spawn().unwrap());
        let mut url = String::new();
        BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut url).unwrap();
        (running, url.trim().to_owned())
    }

    fn serve(file: &TestFile, stderr: Stdio) -> (Self, String) {
        let path = file.path().to_str().unwrap();
        Self::start(reelay(&["serve", "--listen", "127.0.0.1:0", "--fps", "50", path]).stderr(stderr))
    }
}

/// Device that is always full: each write fails.
fn full_device() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").unwrap().into()
}

/// Returns host and port of a URL.
fn host_and_port(url: &str) -> &str {
    url.strip_prefix("rtsp://").unwrap().split('/').next().unwrap()
}

/// Sends this many requests on one connection and waits for the responses.
fn send_requests(server: &str, count: usize) {
    send_requests_from(Ipv4Addr::LOCALHOST, server, count);
}

/// Like [`send_requests`], from an address of this machine.
fn send_requests_from(address: Ipv4Addr, server: &str, count: usize) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((address, 0)).into()).unwrap();
    socket.connect(&server.parse::<SocketAddr>().unwrap().into()).unwrap();
    let mut connection = TcpStream::from(socket);
    let mut responses = BufReader::new(connection.try_clone().unwrap()).lines().map(Result::unwrap);
    for cseq in 0..count {
        connection.write_all(format!("OPTIONS * RTSP/1.0\r\nCSeq: {cseq}\r\n\r\n").as_bytes()).unwrap();
        assert_eq!(responses.next().as_deref(), Some("RTSP/1.0 200 OK"));
        assert!(responses.any(|line| line.is_empty()), "the response does not end");
    }
}

#[track_caller]
fn assert_one_line_error(output: &Output, part: &str) {
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{words}");
    assert!(output.status.code().is_some_and(|code| code < 100), "{:?}: {words}", output.status);
    assert_eq!(words.trim_end().lines().count(), 1, "{words}");
    assert!(words.starts_with("reelay: ") && words.trim_end().ends_with('.'), "{words}");
    assert!(words.contains(part), "{words}");
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn errors_are_one_sentence_with_exit_code() {
    let unused_address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = format!("rtsp://{unused_address}/film");
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = busy.local_addr().unwrap().to_string();
    let test = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Standard420, (64, 48), 2));
    let path = test.path().to_str().unwrap();
    for (arguments, part) in [
        (vec!["--bogus"], "\"reelay --help\""),
        (vec!["link", "--to", "camera:554"], "\"reelay --help\""),
        (vec!["proxy"], "--to HOST:PORT"),
        (vec!["proxy", "--to", "camera:554", "--loss", "5"], "like 5%"),
        (vec!["probe", "--bogus"], "\"reelay probe --help\""),
        (vec!["probe", ""], "The path is empty"),
        (vec!["probe"], "name a film"),
        (vec!["probe", "ftp://h/x"], "rtsp://"),
        (vec!["probe", "nowhere.mjpeg"], "There is no file"),
        (vec!["probe", "--report", "figures.txt", path], "in .csv"),
        (vec!["probe", &refused], "cannot be reached"),
        (vec!["serve", "nowhere"], "There is no file"),
        (vec!["serve", "--port", "8554", path], ", but --listen ADDRESS:PORT is"),
        (vec!["serve", "--listen", &taken, path], "is in use"),
        (vec!["serve", "--user", "ann", "--password-file", "nowhere", path], "password file"),
        (vec![path], "no display"),
    ] {
        assert_one_line_error(&reelay(&arguments).output().unwrap(), part);
    }
}

#[test]
fn unreachable_display_is_one_sentence_error() {
    for (variable, name) in
        [("DISPLAY", ":59000"), ("DISPLAY", "garbage"), ("WAYLAND_DISPLAY", "wayland-59000")]
    {
        let output = reelay(&[]).env(variable, name).output().unwrap();
        // Without the libraries of a desktop the reason is a different one.
        assert_one_line_error(&output, "The window cannot be opened");
    }
    let both = reelay(&[]).env("WAYLAND_DISPLAY", "wayland-59000").env("DISPLAY", ":59000").output().unwrap();
    assert_one_line_error(&both, "The window cannot be opened");
}

#[test]
fn probe_plays_served_file() {
    let test = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Classroom444, (64, 48), 10));
    let (_server, url) = RunningProgram::serve(&test, Stdio::null());
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("pictures");
    let probe = reelay(&["probe", &url, "--json", "--save-frames", saved.to_str().unwrap()]);
    let output = { probe }.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let figures: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(figures["frames_complete"], 10);
    assert_eq!(figures["packets_lost"], 0);
    assert_eq!(figures["width"], 64);
    for (number, jpeg) in (1..).zip(&test.frames) {
        assert!(std::fs::read(saved.join(format!("{number:06}.jpg"))).unwrap() == *jpeg, "{number}");
    }
}

#[test]
fn closed_pipe_is_no_failure_of_probe() {
    let test = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Classroom444, (64, 48), 10));
    for json in [&["--json"][..], &[]] {
        let mut probe = reelay(&["probe", "--fps", "50", test.path().to_str().unwrap()]);
        let mut probe = probe.args(json).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // As in `reelay probe film | true`: nothing has been printed yet.
        drop(probe.stdout.take());
        let output = probe.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
}

/// Files that cannot be written: known before the session if possible, and never at the cost of the figures.
#[test]
#[cfg(unix)]
fn figures_are_printed_even_if_a_file_cannot_be_written() {
    let test = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Classroom444, (64, 48), 10));
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let probe = |option: &str, value: &str| {
        let arguments = ["probe", "--fps", "50", option, value, test.path().to_str().unwrap()];
        let output = reelay(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains("cannot be written ("), "{error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(probe("--report", &path("nowhere/report.json")), "", "known before the session");
    std::os::unix::fs::symlink("/dev/full", path("full.csv")).unwrap();
    assert!(probe("--report", &path("full.csv")).contains("frames       10 complete"));

    // The name under which the third frame is written first is taken by a folder.
    std::fs::create_dir_all(path("frames/.000003.jpg.part")).unwrap();
    assert!(probe("--save-frames", &path("frames")).contains("frames       "));
    let names = || std::fs::read_dir(path("frames")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names().map(|name| name.into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, [".000003.jpg.part", "000001.jpg", "000002.jpg"], "no part of a frame is left");
}

/// Serves a live stream whose frames all lack their last packet, on one connection, until the client closes it.
fn serve_frames_without_end(listener: &TcpListener) {
    let (mut connection, _) = listener.accept().unwrap();
    let mut reader = MessageReader::new(MessageLimits::SERVER);
    let mut buffer = [0; 4_096];
    let mut respond = |connection: &mut TcpStream| loop {
        if let Some(Message::Request(request)) = reader.poll_message().unwrap() {
            let (headers, body) = match request.method {
                Method::Describe => ("Content-Type: application/sdp\r\n", "v=0\r\nm=video 0 RTP/AVP 26\r\n"),
                Method::Setup => {
                    ("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 12345678\r\n", "")
                }
                _ => ("", ""),
            };
            let cseq = request.headers.cseq().unwrap();
            let length = body.len();
            let response =
                format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
            connection.write_all(response.as_bytes()).unwrap();
            return request.method;
        }
        let count = connection.read(&mut buffer).unwrap();
        reader.push(&buffer[..count]);
    };
    while respond(&mut connection) != Method::Play {}
    let jpeg = test_jpeg(JpegKind::Standard420, (320, 240), 0, 50);
    let packets = packetize(&jpeg, PayloadFormat::Rfc2435).unwrap();
    let count = packets.packets().len() - 1;
    assert!(count > 0);
    for (index, sequence) in (0..count).cycle().zip(0..=u16::MAX) {
        let timestamp = u32::from(sequence) / count as u32 * 3_600;
        let mut packet = Vec::new();
        packets.write_packet(index, sequence, timestamp, 9, &mut packet);
        if connection.write_all(&encode_interleaved(0, &packet)).is_err() {
            return;
        }
        // The stream has a rate; nothing waits for it.
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn probe_ends_after_its_time_even_if_no_frame_is_complete() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://{}/live", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || serve_frames_without_end(&listener));
    let output = reelay(&["probe", "--transport", "tcp", "--seconds", "1", &url]).output().unwrap();
    let (figures, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(figures.contains("frames       0 complete"), "{figures}");
    let reason = "No complete frame has arrived: no packet is lost, but each frame lacks its last packet: the \
        marker bit is missing";
    assert!(error.contains(reason), "{error}");
    server.join().unwrap();
}

#[test]
fn report_file_matches_printed_figures() {
    let test = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Classroom444, (160, 120), 60));
    let folder = tempfile::tempdir().unwrap();
    let probe = |name: &str| {
        let report = folder.path().join(name);
        let output = reelay(&["probe", "--fps", "50", "--loss", "10%", "--seed", "7", "--json", "--report"])
            .args([report.as_os_str(), test.path().as_os_str()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (printed, std::fs::read_to_string(report).unwrap())
    };
    let (printed, written) = probe("session.json");
    let report: serde_json::Value = serde_json::from_str(&written).unwrap();
    let figures = &report["figures"];
    for field in
        ["packets_expected", "packets_received", "packets_lost", "jitter_ms", "first_frame_ms", "emulated"]
    {
        assert_eq!(figures[field], printed[field], "{field}");
    }
    assert!(figures["packets_lost"].as_u64() > Some(0));
    assert_eq!(figures["packets_lost"], figures["emulated"]["lost_random"]);
    assert_eq!(report["network"][0]["words"], "10 % loss");
    assert_eq!(report["subject"]["transport"], "udp");
    let seconds = report["seconds"].as_array().unwrap();
    let sum = |field: &str| seconds.iter().map(|second| second[field].as_u64().unwrap()).sum::<u64>();
    assert_eq!(Some(sum("packets_received")), figures["packets_received"].as_u64());

    let (_, written) = probe("session.csv");
    let mut rows = csv::Reader::from_reader(written.as_bytes());
    let column = rows.headers().unwrap().iter().position(|name| name == "packets_received").unwrap();
    let received = rows.records().map(|row| row.unwrap()[column].parse::<u64>().unwrap()).sum::<u64>();
    assert_eq!(Some(received), figures["packets_received"].as_u64(), "the same seed, the same losses");
}

#[test]
fn invalid_files_in_folder_are_skipped_and_reported() {
    let test = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Standard420, (64, 48), 2));
    std::fs::write(test.folder().join("empty.mjpeg"), "").unwrap();
    let mut serve = reelay(&["serve", "--listen", "127.0.0.1:0", test.folder().to_str().unwrap()]);
    let (mut server, url) = RunningProgram::start(serve.stderr(Stdio::piped()));
    assert!(url.ends_with("/film.mjpeg"), "{url}");
    let mut log = BufReader::new(server.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(log.next().as_deref(), Some("empty.mjpeg is empty; choose another file."));
}

#[test]
fn total_loss_error_names_emulated_network() {
    let test = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Standard420, (64, 48), 2));
    let output = reelay(&["probe", "--loss", "100%", test.path().to_str().unwrap()]).output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(words.contains("through the emulated network; lower its loss"), "{words}");
}

#[test]
fn duplicate_file_name_is_renamed_and_reported() {
    let test = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Standard420, (64, 48), 2));
    let path = test.path().to_str().unwrap();
    let mut serve = reelay(&["serve", "--listen", "127.0.0.1:0", "--fps", "20", path, path]);
    let (mut server, _) = RunningProgram::start(serve.stderr(Stdio::piped()));
    let mut log = BufReader::new(server.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let sentence = format!("{path} is served as film-2.mjpeg, because the name film.mjpeg is in use.");
    assert_eq!(log.next(), Some(sentence));
}

#[test]
#[cfg(target_os = "linux")]
fn serve_admits_the_connections_that_fit_into_its_open_files() {
    let test = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Standard420, (64, 48), 2));
    let path = test.path().to_str().unwrap();
    let first_line = |limit: &str, options: &str| {
        let mut shell = Command::new("sh");
        let program = env!("CARGO_BIN_EXE_reelay");
        let script =
            format!("ulimit {limit}; exec {program} serve --listen 127.0.0.1:0 --fps 20 {options} \"$1\"");
        shell.args(["-c", &script, "sh", path]);
        let (mut server, url) = RunningProgram::start(shell.stderr(Stdio::piped()));
        send_requests(host_and_port(&url), 1);
        BufReader::new(server.0.stderr.take().unwrap()).lines().next().unwrap().unwrap()
    };
    let lowered = first_line("-n 800", "");
    assert!(lowered.starts_with("At most 400 connections are admitted, because "), "{lowered}");
    assert!(lowered.contains(" 800 open files; raise that with ulimit -n."), "{lowered}");
    assert!(first_line("-n 800", "--max-connections 400").ends_with(" OPTIONS - 200"));
    assert!(
        first_line("-S -n 800", "--max-connections 900").ends_with(" OPTIONS - 200"),
        "the soft limit is raised"
    );
}

#[test]
fn truncated_file_is_reported_by_probe_and_serve() {
    let sentence = "film.mjpeg is truncated: 1 incomplete frame is skipped; copy or download it again.";
    let test = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Standard420, (64, 48), 3));
    let whole = std::fs::read(test.path()).unwrap();
    std::fs::write(test.path(), &whole[..whole.len() - 20]).unwrap();
    let output = reelay(&["probe", "--fps", "50", test.path().to_str().unwrap()]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stderr).unwrap().trim_end(), sentence);
    let logs_sentence = |server: &mut RunningProgram| {
        let mut log = BufReader::new(server.0.stderr.take().unwrap()).lines().map(Result::unwrap);
        log.any(|line| line == sentence)
    };
    let (mut server, _) = RunningProgram::serve(&test, Stdio::piped());
    assert!(logs_sentence(&mut server));
    // A film in a folder is opened when it is first requested.
    let folder = test.folder().to_str().unwrap();
    let mut serve = reelay(&["serve", "--listen", "127.0.0.1:0", folder]);
    let (mut server, url) = RunningProgram::start(serve.stderr(Stdio::piped()));
    assert!(reelay(&["probe", "--frames", "1", &url]).output().unwrap().status.success());
    assert!(logs_sentence(&mut server));
}

#[test]
#[cfg(target_os = "linux")]
fn serve_and_proxy_work_without_stderr() {
    let test = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Standard420, (64, 48), 2));
    for closed in [false, true] {
        let stderr = || if closed { Stdio::piped() } else { full_device() };
        let (mut server, url) = RunningProgram::serve(&test, stderr());
        let mut proxy = reelay(&["proxy", "--listen", "127.0.0.1:0", "--to", host_and_port(&url)]);
        let (mut proxy, proxy_url) = RunningProgram::start(proxy.stderr(stderr()));
        drop((server.0.stderr.take(), proxy.0.stderr.take()));
        send_requests(host_and_port(&url), 3);
        send_requests(host_and_port(&proxy_url), 3);
        let url = format!("{proxy_url}{}", url.rsplit('/').next().unwrap());
        let probe = reelay(&["probe", &url, "--json"]).stderr(full_device()).output().unwrap();
        assert!(probe.status.success(), "{probe:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn hangup_signal_ends_program_unless_ignored() {
    let test = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Standard420, (64, 48), 2));
    let path = test.path().to_str().unwrap();
    let signal = |server: &RunningProgram, signal: &str| {
        let kill = Command::new("kill").args([signal, &server.0.id().to_string()]).status();
        assert!(kill.unwrap().success());
    };
    // The tests themselves may have been started with SIGHUP ignored.
    let start = |disposition: &str| {
        let mut env = Command::new("env");
        env.args([disposition, env!("CARGO_BIN_EXE_reelay"), "serve", "--listen", "127.0.0.1:0", path]);
        RunningProgram::start(env.stderr(Stdio::null()))
    };
    let (mut server, url) = start("--default-signal=HUP");
    send_requests(host_and_port(&url), 1);
    signal(&server, "-HUP");
    assert!(server.0.wait().unwrap().success());

    let (mut server, url) = start("--ignore-signal=HUP");
    send_requests(host_and_port(&url), 1);
    signal(&server, "-HUP");
    send_requests(host_and_port(&url), 1);
    signal(&server, "-TERM");
    assert!(server.0.wait().unwrap().success());
}

#[test]
fn unread_log_drops_lines_without_blocking() {
    let test = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Standard420, (64, 48), 2));
    let (mut server, url) = RunningProgram::serve(&test, Stdio::piped());
    // A pipe holds about two thousand lines, and one client may write 50 lines a second.
    for client in 1..=150 {
        send_requests_from(Ipv4Addr::new(127, 0, 1, client), host_and_port(&url), 40);
    }
    let mut log = BufReader::new(server.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(log.any(|line| line.ends_with(" lines are missing here because they were not read.")));
    send_requests(host_and_port(&url), 1);
    assert!(log.next().unwrap().ends_with(" OPTIONS - 200"));
}

/// Runs a command that must succeed without writing to stderr, and returns what it prints.
fn printed(arguments: &[&str]) -> String {
    let output = reelay(arguments).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn exit_status_tells_wrong_usage_from_failure() {
    for (arguments, status) in [
        (&["--help"][..], 0),
        (&["serve", "--help"], 0),
        (&["serve"], 2),
        (&["probe", "x", "--loss", "5"], 2),
        (&["probe", "x", "--burst", "3"], 2),
        (&["completions", "korn"], 2),
        (&["probe", "nowhere.mjpeg"], 1),
        (&["serve", "nowhere"], 1),
    ] {
        let output = reelay(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {output:?}");
    }
}

#[test]
fn help_of_each_command_lists_its_options() {
    let network =
        ["--loss", "--burst", "--rate", "--queue", "--delay", "--jitter", "--reorder", "--seed", "--preset"];
    for (command, options) in [
        ("serve", &["--listen", "--fps", "--user", "--password-file", "--session-timeout", "--quality"][..]),
        ("serve", &["--max-connections", "--max-connections-per-address"]),
        (
            "probe",
            &[
                "--classroom",
                "--seconds",
                "--transport",
                "--retransmission",
                "--fec",
                "--playout-delay",
                "--rtp-port",
                "--save-frames",
                "--report",
                "--json",
            ],
        ),
        ("proxy", &["--listen", "--to", "--max-connections", "--max-connections-per-address"]),
    ] {
        let help = printed(&[command, "--help"]);
        for option in options.iter().chain(&network) {
            assert!(help.contains(option), "{option}: {help}");
        }
    }
    let help = printed(&["--help"]);
    for part in
        ["serve", "probe", "proxy", "convert", "completions", "man", "--play", "--theme", "--classroom"]
    {
        assert!(help.contains(part), "{part}: {help}");
    }
}

#[test]
fn completions_and_manual_page_are_printed() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = printed(&["completions", shell]);
        for option in ["classroom", "session-timeout", "save-frames", "preset"] {
            assert!(script.contains(option), "{shell}: {option}");
        }
    }
    let page = printed(&["man"]).replace("\\-", "-");
    for part in [
        ".SH NAME",
        ".SH SYNOPSIS",
        ".SH OPTIONS",
        "reelay serve",
        "reelay probe",
        "reelay proxy",
        "reelay convert",
        "--preset",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn unprintable_help_does_not_panic() {
    for option in ["--help", "--version", "man"] {
        let output = reelay(&[option]).stdout(full_device()).output().unwrap();
        assert_one_line_error(&output, "Nothing can be printed");
        let mut reader = reelay(&[option]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(reader.stdout.take());
        let output = reader.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        let wrong = reelay(&["--bogus"]).stderr(full_device()).status().unwrap();
        assert_eq!(wrong.code(), Some(2));
    }
}
