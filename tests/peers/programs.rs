//! Other programs: whether they are there, and how they are run.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// No film here is a tenth as long.
pub const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// To be set where every peer must be there.
const REQUIRE_PEERS: &str = "REELAY_REQUIRE_PEERS";

/// One test at a time: films are played at their own pace, and their pictures take the whole machine.
static TEST_LOCK: Mutex<()> = Mutex::new(());

pub fn lock_tests() -> MutexGuard<'static, ()> {
    TEST_LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the peer is there, as running this shows.
pub fn is_installed(peer: &str, command: &mut Command) -> bool {
    let works = command.stdin(Stdio::null()).output().is_ok_and(|output| output.status.success());
    assert!(
        works || std::env::var_os(REQUIRE_PEERS).is_none(),
        "{REQUIRE_PEERS} is set, and {peer} does not work here"
    );
    if !works {
        eprintln!("{peer} is not installed; it is not tested.");
    }
    works
}

pub fn has_ffmpeg() -> bool {
    is_installed("ffmpeg", Command::new("ffmpeg").arg("-version"))
}

/// The Python that Debian's GStreamer is bound to.
pub const PYTHON: &str = "/usr/bin/python3";

/// A program that runs until the test is over.
pub struct RunningProgram(pub Child);

impl Drop for RunningProgram {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Everything that comes out of a pipe, once it is closed.
fn read_in_background(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    let mut pipe = pipe.expect("a pipe");
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        // A test that has given up does not listen.
        let _ = sender.send(bytes);
    });
    receiver
}

/// Runs a program to its end; what it wrote to stdout.
#[track_caller]
pub fn run(command: &mut Command) -> Vec<u8> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = RunningProgram(command.spawn().unwrap());
    let (out, errors) =
        (read_in_background(running.0.stdout.take()), read_in_background(running.0.stderr.take()));
    let Ok(out) = out.recv_timeout(TEST_TIMEOUT) else { panic!("{command:?} does not end") };
    let errors = String::from_utf8(errors.recv_timeout(TEST_TIMEOUT).unwrap()).unwrap();
    assert!(running.0.wait().unwrap().success(), "{command:?}: {errors}");
    out
}
