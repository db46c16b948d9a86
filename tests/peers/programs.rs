//! Detecting and running other programs.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Limit of every wait: no film in these tests is a tenth as long.
pub const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Environment variable that makes a missing program a failure.
const REQUIRE_PEERS: &str = "REELAY_REQUIRE_PEERS";

/// Lock that runs one test at a time: films play in real time, and decoding them takes all processors.
static TEST_LOCK: Mutex<()> = Mutex::new(());

pub fn lock_tests() -> MutexGuard<'static, ()> {
    TEST_LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns true if a program is installed, which it is if `command` succeeds.
pub fn is_installed(peer: &str, command: &mut Command) -> bool {
    let works = command.stdin(Stdio::null()).output().is_ok_and(|output| output.status.success());
    assert!(
        works || std::env::var_os(REQUIRE_PEERS).is_none(),
        "{REQUIRE_PEERS} is set, but {peer} does not work here"
    );
    if !works {
        eprintln!("{peer} is not installed; it is not tested.");
    }
    works
}

pub fn has_ffmpeg() -> bool {
    is_installed("ffmpeg", Command::new("ffmpeg").arg("-version"))
}

/// Python interpreter with Debian's GStreamer bindings.
pub const PYTHON: &str = "/usr/bin/python3";

/// A program that is killed on drop.
pub struct RunningProgram(pub Child);

impl Drop for RunningProgram {
    fn drop(&mut self) {
        // Errors are ignored: the program may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads a pipe to its end in a thread.
fn read_in_background(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    let mut pipe = pipe.expect("not a pipe");
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        // Errors are ignored: after a timeout nothing receives the bytes.
        let _ = sender.send(bytes);
    });
    receiver
}

/// Runs a program to its end and returns its stdout.
#[track_caller]
pub fn run(command: &mut Command) -> Vec<u8> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = RunningProgram(command.spawn().unwrap());
    let (stdout, stderr) =
        (read_in_background(program.0.stdout.take()), read_in_background(program.0.stderr.take()));
    let Ok(stdout) = stdout.recv_timeout(TEST_TIMEOUT) else { panic!("{command:?} does not end") };
    let stderr = String::from_utf8(stderr.recv_timeout(TEST_TIMEOUT).unwrap()).unwrap();
    assert!(program.0.wait().unwrap().success(), "{command:?}: {stderr}");
    stdout
}
