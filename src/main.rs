//! Reelay: arguments, logging, then the window or a command.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

use reelay::command_line::{self, Invocation, stderr};
use reelay::ui;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

fn main() -> ExitCode {
    let code = match command_line::parse(std::env::args_os().skip(1)) {
        Ok(invocation) => match obey(invocation) {
            Ok(()) => ExitCode::SUCCESS,
            Err(sentence) => {
                stderr::tell(format_args!("reelay: {sentence}"));
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            stderr::tell(format_args!("reelay: {error}"));
            ExitCode::from(2)
        }
    };
    stderr::flush();
    code
}

fn obey(invocation: Invocation) -> Result<(), String> {
    match invocation {
        Invocation::Print(text) => print(text).map_err(|error| format!("Nothing can be printed: {error}.")),
        Invocation::Window(arguments) => {
            log_to_stderr(arguments.verbose);
            ui::run(arguments).map_err(|error| error.to_string())
        }
        Invocation::Serve(arguments) => {
            log_to_stderr(arguments.verbose);
            command_line::serve(&arguments).map_err(|error| error.to_string())
        }
        Invocation::Probe(arguments) => {
            log_to_stderr(arguments.verbose);
            command_line::probe(&arguments).map_err(|error| error.to_string())
        }
        Invocation::Link(arguments) => {
            log_to_stderr(arguments.verbose);
            command_line::link(&arguments).map_err(|error| error.to_string())
        }
    }
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever reads, like `head`, has enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Warnings of our own, and everything of our own if more is wanted.
fn log_to_stderr(verbose: bool) {
    let level = if verbose { Level::DEBUG } else { Level::WARN };
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_writer(|| stderr::Writer))
        .with(Targets::new().with_target("reelay", level))
        .init();
}
