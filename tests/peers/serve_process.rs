//! Reelay's server, as a program.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::programs::RunningProgram;
use crate::samples::Sample;

/// The program under test.
pub const REELAY_PROGRAM: &str = env!("CARGO_BIN_EXE_reelay");

/// Fast, so that the tests are.
pub const FRAMES_PER_SECOND: u32 = 50;

/// `reelay serve`, and the address of each film.
pub struct ServeProcess {
    pub urls: Vec<String>,
    _server: RunningProgram,
    folder: tempfile::TempDir,
}

impl ServeProcess {
    pub fn start(samples: &[Sample]) -> Self {
        Self::start_with_arguments(samples, &[])
    }

    /// With more arguments.
    pub fn start_with_arguments(samples: &[Sample], arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(log_path(&folder)).unwrap();
        let mut command = Command::new(REELAY_PROGRAM);
        command.args(["serve", "--listen", "127.0.0.1:0", "--fps", &FRAMES_PER_SECOND.to_string()]);
        command.args(arguments).args(samples.iter().map(|sample| sample.file.path()));
        let mut server =
            RunningProgram(command.stdout(Stdio::piped()).stderr(log).spawn().expect("reelay serve"));
        let lines = BufReader::new(server.0.stdout.take().expect("a pipe")).lines();
        let urls = lines.take(samples.len()).collect::<Result<_, _>>().unwrap();
        Self { urls, _server: server, folder }
    }

    /// How often it was asked this so far.
    pub fn request_count(&self, method: &str) -> usize {
        let log = std::fs::read_to_string(log_path(&self.folder)).unwrap();
        log.lines().filter(|line| line.split_whitespace().any(|word| word == method)).count()
    }
}

fn log_path(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("log")
}
