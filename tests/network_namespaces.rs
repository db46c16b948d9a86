//! The network between a server and the window fails for a while: the built program serves in one network namespace,
//! and the application with its backend plays in another.
//!
//! `REELAY_OUTAGE_SECONDS` sets the length of the long outage. If `REELAY_REQUIRE_NAMESPACES` is set, a system that
//! refuses network namespaces fails the tests; otherwise they print that they were not run.
#![cfg(target_os = "linux")]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use common::jpegs::JpegKind;
use common::media_files::{FileLayout, test_file, test_jpegs};
use common::namespaces::{Network, Outage, SERVER_ADDRESS};
use iced_test::Simulator;
use reelay::backend::{Backend, BackendEventKind, BackendOptions, BackendOutputs, FrameRates};
use reelay::media::FrameRate;
use reelay::proto::rtsp::RtspUrl;
use reelay::session::{
    NoDataCause, SessionError, SessionEvent, SourceUrl, StreamOptions, TransportPreference,
};
use reelay::settings::Settings;
use reelay::ui::{App, AppOptions, BackendUpdate, Message};
use tokio::time::sleep;

/// Limit of every wait for the viewer, besides the outage itself.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

const FRAME_RATE: u64 = 20;

/// Variables with which the viewer is started.
const URL_VARIABLE: &str = "REELAY_VIEWER_URL";
const TRANSPORT_VARIABLE: &str = "REELAY_VIEWER_TRANSPORT";

/// Running program, which is killed when the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Errors are ignored: the program may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the viewer reports.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Report {
    /// Words in the banner; empty without one.
    Banner(String),
    /// An event that is not part of undisturbed playing.
    Event(String),
    Figures(ReportedFigures),
}

/// Figures of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct ReportedFigures {
    shown: u64,
    received: u64,
    lost: u64,
    expected: u64,
}

impl Report {
    fn parse(line: &str) -> Option<Self> {
        let (kind, rest) = line.strip_prefix("viewer: ")?.split_once(' ')?;
        match kind {
            "banner" => Some(Self::Banner(rest.to_owned())),
            "event" => Some(Self::Event(rest.to_owned())),
            _ => {
                let [shown, received, lost, expected] =
                    rest.split(' ').map(|number| number.parse().unwrap()).collect::<Vec<_>>()[..]
                else {
                    panic!("{line}")
                };
                Some(Self::Figures(ReportedFigures { shown, received, lost, expected }))
            }
        }
    }
}

impl Report {
    /// Words of a banner or an event.
    fn words(&self) -> &str {
        match self {
            Self::Banner(words) | Self::Event(words) => words,
            Self::Figures(_) => "",
        }
    }
}

/// A viewer in its namespace, and everything that it has reported.
struct Viewer {
    _program: Running,
    reports: Receiver<Report>,
    seen: Vec<Report>,
}

impl Viewer {
    fn start(network: &Network, url: &str, transport: &str) -> Self {
        let own_program = std::env::current_exe().unwrap();
        let mut command = network.viewer.command(own_program.to_str().unwrap());
        command.args(["--ignored", "--exact", "viewer_in_a_namespace", "--nocapture"]);
        command.env(URL_VARIABLE, url).env(TRANSPORT_VARIABLE, transport);
        let mut program = Running(command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap());
        let (sender, reports) = channel();
        let lines = BufReader::new(program.0.stdout.take().unwrap()).lines();
        thread::spawn(move || {
            for report in lines.map_while(Result::ok).filter_map(|line| Report::parse(&line)) {
                if sender.send(report).is_err() {
                    return;
                }
            }
        });
        Self { _program: program, reports, seen: Vec::new() }
    }

    /// Reads reports until one is wanted, and returns it.
    fn wait_for(
        &mut self,
        description: &str,
        limit: Duration,
        is_wanted: impl Fn(&Report) -> bool,
    ) -> Report {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let report = match self.reports.recv_timeout(left) {
                Ok(report) => report,
                Err(error) => {
                    let last = self.seen.split_off(self.seen.len().saturating_sub(8));
                    panic!("{error} while waiting: {description}; {last:?}")
                }
            };
            self.seen.push(report.clone());
            if is_wanted(&report) {
                return report;
            }
        }
    }

    /// Waits for figures of this kind.
    fn wait_for_figures(
        &mut self,
        description: &str,
        limit: Duration,
        is_wanted: impl Fn(&ReportedFigures) -> bool,
    ) -> ReportedFigures {
        let report = self.wait_for(
            description,
            limit,
            |report| matches!(report, Report::Figures(figures) if is_wanted(figures)),
        );
        let Report::Figures(figures) = report else { unreachable!("only figures are wanted") };
        figures
    }

    /// Reads the reports that have arrived during `duration`.
    fn read_for(&mut self, duration: Duration) {
        let deadline = Instant::now() + duration;
        loop {
            match self.reports.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(report) => self.seen.push(report),
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => panic!("the viewer has ended"),
            }
        }
    }
}

/// Returns a network; `None` if the system refuses it and the tests do not require it.
fn network() -> Option<Network> {
    match Network::new() {
        Ok(network) => Some(network),
        Err(reason) if std::env::var_os("REELAY_REQUIRE_NAMESPACES").is_none() => {
            // Not with a macro, whose output the test harness hides.
            let _ = writeln!(std::io::stderr(), "not run: no network namespaces ({reason})");
            None
        }
        Err(reason) => panic!("no network namespaces: {reason}"),
    }
}

/// Plays a film while the network fails for `duration`. Returns everything that the viewer reports after that, and the
/// figures at the end.
fn play_through(
    outage: Outage,
    transport: &str,
    duration: Duration,
) -> Option<(Vec<Report>, ReportedFigures)> {
    let network = network()?;
    let jpegs = test_jpegs(JpegKind::Classroom444, (96, 64), 20);
    let seconds = 60 + 4 * duration.as_secs();
    let film = (0..seconds * FRAME_RATE).map(|frame| jpegs[frame as usize % jpegs.len()].clone()).collect();
    let film = test_file(FileLayout::Records(5), film);
    let mut serve = network.server.command(env!("CARGO_BIN_EXE_reelay"));
    serve.args(["serve", "--listen", &format!("{SERVER_ADDRESS}:8554"), "--fps", &FRAME_RATE.to_string()]);
    serve.arg(film.path()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = Running(serve.spawn().unwrap());
    let mut url = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut url).unwrap();

    let mut viewer = Viewer::start(&network, url.trim(), transport);
    viewer.wait_for_figures("the film", TEST_TIMEOUT, |figures| figures.shown >= FRAME_RATE);
    viewer.seen.clear();
    network.interrupt(outage);
    viewer.read_for(duration);
    network.restore(outage);
    // The time of the outage is reported when the first frames after it are.
    viewer.read_for(Duration::from_millis(300));
    let limit = TEST_TIMEOUT + 2 * duration;
    let last = viewer.seen.iter().rev().find_map(|report| match report {
        Report::Figures(figures) => Some(*figures),
        _ => None,
    });
    let restored = last.unwrap_or_default();
    let goes_on = |figures: &ReportedFigures| {
        figures.received >= restored.received + 2 * FRAME_RATE
            || figures.received < restored.received && figures.shown >= 2 * FRAME_RATE
    };
    let figures = viewer.wait_for_figures("the film goes on", limit, goes_on);
    if banners(&viewer.seen).last().is_some_and(|words| !words.is_empty()) {
        viewer.wait_for("no banner", limit, |report| *report == Report::Banner(String::new()));
    }
    Some((viewer.seen, figures))
}

fn banners(reports: &[Report]) -> Vec<&str> {
    reports.iter().filter(|report| matches!(report, Report::Banner(_))).map(Report::words).collect()
}

fn events(reports: &[Report]) -> Vec<&str> {
    reports.iter().filter(|report| matches!(report, Report::Event(_))).map(Report::words).collect()
}

/// Runs the outage over UDP and TCP, each with a broken link and with a network that discards everything, all at the
/// same time.
fn check_all(
    duration: Duration,
    check: impl Fn(Outage, &str, &str, &[Report], ReportedFigures) + Copy + Send,
) {
    thread::scope(|scope| {
        for transport in ["udp", "tcp"] {
            for outage in [Outage::LinkDown, Outage::Blackhole] {
                scope.spawn(move || {
                    let Some((reports, figures)) = play_through(outage, transport, duration) else { return };
                    let case = format!(
                        "{outage:?} {transport}: {:?} {:?} {figures:?}",
                        banners(&reports),
                        events(&reports)
                    );
                    assert_eq!(figures.received + figures.lost, figures.expected, "{case}");
                    check(outage, transport, &case, &reports, figures);
                });
            }
        }
    });
}

#[test]
fn outage_of_half_a_second_is_a_gap_and_nothing_else() {
    check_all(Duration::from_millis(500), |outage, transport, case, reports, figures| {
        assert!(banners(reports).iter().all(|words| words.is_empty()), "{case}");
        assert_eq!(events(reports), [""; 0], "{case}");
        // One packet a frame. While a link is down, the router keeps some packets that wait for the address of the
        // viewer.
        match (transport, outage) {
            ("udp", Outage::Blackhole) => assert!(figures.lost >= FRAME_RATE / 4, "{case}"),
            ("udp", Outage::LinkDown) => {}
            _ => assert_eq!(figures.lost, 0, "{case}"),
        }
    });
}

#[test]
fn long_outage_shows_a_banner_and_the_film_goes_on_without_a_click() {
    let seconds =
        std::env::var("REELAY_OUTAGE_SECONDS").ok().and_then(|value| value.parse().ok()).unwrap_or(5);
    check_all(Duration::from_secs(seconds), |_, transport, case, reports, figures| {
        let banners = banners(reports);
        assert!(banners.iter().any(|words| !words.is_empty()), "{case}");
        assert_eq!(banners.last(), Some(&""), "the banner is gone when the film goes on; {case}");
        let is_reconnected = events(reports).iter().any(|event| event.starts_with("reconnecting"));
        // Within half of the session timeout, the next request shows that the session is lost.
        assert_eq!(is_reconnected, seconds > 40, "{case}");
        if !is_reconnected {
            // A router waits up to 3 s for the address of the viewer before it discards packets.
            let min_lost = if transport == "udp" { (seconds - 3) * FRAME_RATE / 2 } else { 0 };
            assert!(figures.lost >= min_lost && (transport == "udp" || figures.lost == 0), "{case}");
        }
        assert!(!events(reports).iter().any(|event| event.starts_with("closed")), "{case}");
        println!("{case}");
    });
}

/// Plays frames of several packets over UDP with segmentation offload, over a link with this MTU. Returns the report of
/// the player and the log of the server.
fn probe_with_segmentation(mtu: u32) -> Option<(serde_json::Value, String)> {
    let network = network()?;
    network.set_server_mtu(mtu);
    let film = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Standard420, (640, 480), 40));
    let mut serve = network.server.command(env!("CARGO_BIN_EXE_reelay"));
    serve.args(["serve", "--listen", &format!("{SERVER_ADDRESS}:8554"), "--fps", &FRAME_RATE.to_string()]);
    serve.args(["--segmentation", "always", "--verbose"]);
    serve.arg(film.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut server = Running(serve.spawn().unwrap());
    let mut url = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let mut probe = network.viewer.command(env!("CARGO_BIN_EXE_reelay"));
    let output = probe.args(["probe", "--json", "--transport", "udp", url.trim()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    server.0.kill().unwrap();
    let mut log = String::new();
    server.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    Some((serde_json::from_slice(&output.stdout).unwrap(), log))
}

#[test]
fn segmented_packets_arrive_and_a_link_with_a_small_mtu_gets_them_by_another_method() {
    for (mtu, is_replaced) in [(1_500, false), (1_300, true)] {
        let Some((report, log)) = probe_with_segmentation(mtu) else { return };
        let figures = &report;
        assert_eq!(
            (&figures["frames_complete"], &figures["packets_lost"]),
            (&40.into(), &0.into()),
            "{report}"
        );
        assert!(
            figures["packets_received"].as_u64().unwrap() > 3 * 40,
            "frames have several packets: {report}"
        );
        assert_eq!(log.contains("sent by another method"), is_replaced, "{mtu}: {log}");
    }
}

/// The application and its backend, without a screen. Started by the other tests in a namespace.
#[test]
#[ignore = "runs in a network namespace; the other tests start it"]
fn viewer_in_a_namespace() {
    let (Ok(url), Ok(transport)) = (std::env::var(URL_VARIABLE), std::env::var(TRANSPORT_VARIABLE)) else {
        return;
    };
    println!();
    let transport = if transport == "udp" { TransportPreference::Udp } else { TransportPreference::Tcp };
    let options = BackendOptions {
        frame_rates: FrameRates::new(FrameRate::CLASSROOM),
        playout_delay: Duration::from_millis(50),
    };
    let (backend, outputs) = Backend::start(options).unwrap();
    let settings = Settings::default();
    let mut app = App::new(backend.handle(), AppOptions { settings, ..AppOptions::default() });
    let url = SourceUrl::from(RtspUrl::parse(&url).unwrap());
    let options = StreamOptions { transport, ..StreamOptions::for_source(&url) };
    app.connect(url, options, true);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(watch(app, outputs));
}

/// Passes the outputs of the backend on to the application, and reports what the user sees. Never returns.
async fn watch(mut app: App, mut outputs: BackendOutputs) {
    let mut banner = String::new();
    loop {
        let message = tokio::select! {
            Some(event) = outputs.events.recv() => {
                report_event(&event.kind);
                Message::Backend(BackendUpdate::Event(event))
            }
            Ok(()) = outputs.figures.changed() => {
                let figures = outputs.figures.borrow_and_update().clone();
                let snapshot = &figures.snapshot;
                println!(
                    "viewer: figures {} {} {} {}",
                    snapshot.frames_shown, snapshot.packets_received, snapshot.packets_lost, snapshot.packets_expected
                );
                Message::Backend(BackendUpdate::Figures(Box::new(figures)))
            }
            true = outputs.pictures.changed() => {
                // Taken, as the window does it: otherwise it counts as dropped.
                let _picture = outputs.pictures.latest();
                continue;
            }
            () = sleep(Duration::from_millis(200)) => Message::Tick(Instant::now()),
        };
        let _task = app.update(message);
        let words = banner_words(&app);
        if words != banner {
            println!("viewer: banner {words}");
            banner = words;
        }
    }
}

fn report_event(kind: &BackendEventKind) {
    match kind {
        BackendEventKind::Session(SessionEvent::Reconnecting(reason)) => {
            println!("viewer: event reconnecting: {reason}")
        }
        BackendEventKind::Session(SessionEvent::Failed(error)) => println!("viewer: event failed: {error}"),
        BackendEventKind::Session(SessionEvent::Closed | SessionEvent::Ended) => {
            println!("viewer: event closed or ended")
        }
        _ => {}
    }
}

/// Returns what the banner says: one word for each kind.
fn banner_words(app: &App) -> String {
    let no_data = SessionError::NoData(NoDataCause::NetworkOrServer).to_string();
    let kinds = [
        ("Waiting for data…".to_owned(), "waiting"),
        ("Try now".to_owned(), "reconnecting"),
        (no_data, "no-data"),
    ];
    let mut ui = Simulator::new(app.view());
    let shown = kinds.into_iter().filter(|(text, _)| ui.find(&text[..]).is_ok());
    shown.map(|(_, word)| word).collect::<Vec<_>>().join(" ")
}
