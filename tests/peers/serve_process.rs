//! `reelay serve` as a child process.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::programs::RunningProgram;
use crate::samples::Sample;

/// Path of the program under test.
pub const REELAY_PROGRAM: &str = env!("CARGO_BIN_EXE_reelay");

/// A high frame rate, which keeps the tests short.
pub const FRAMES_PER_SECOND: u32 = 50;

/// A running `reelay serve`.
pub struct ServeProcess {
    /// URL of each sample, in order.
    pub urls: Vec<String>,
    _server: RunningProgram,
    folder: tempfile::TempDir,
}

impl ServeProcess {
    pub fn start(samples: &[Sample]) -> Self {
        Self::start_with_arguments(samples, &[])
    }

    /// Starts a server with additional arguments.
    pub fn start_with_arguments(samples: &[Sample], arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(log_path(&folder)).unwrap();
        let mut command = Command::new(REELAY_PROGRAM);
        command.args(["serve", "--listen", "127.0.0.1:0", "--fps", &FRAMES_PER_SECOND.to_string()]);
        command.args(arguments).args(samples.iter().map(|sample| sample.file.path()));
        let mut server =
            RunningProgram(command.stdout(Stdio::piped()).stderr(log).spawn().expect("reelay serve"));
        let lines = BufReader::new(server.0.stdout.take().expect("not a pipe")).lines();
        let urls = lines.take(samples.len()).collect::<Result<_, _>>().unwrap();
        Self { urls, _server: server, folder }
    }

    /// Returns the number of requests with this method so far.
    pub fn request_count(&self, method: &str) -> usize {
        let log = std::fs::read_to_string(log_path(&self.folder)).unwrap();
        log.lines().filter(|line| line.split_whitespace().any(|word| word == method)).count()
    }
}

fn log_path(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("log")
}
