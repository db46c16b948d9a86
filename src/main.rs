//! Reelay: arguments, logging, then the window or a command.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

use std::process::ExitCode;

use reelay::command_line::{self, Invocation};
use reelay::ui;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

fn main() -> ExitCode {
    let invocation = match command_line::parse(std::env::args_os().skip(1)) {
        Ok(invocation) => invocation,
        Err(error) => {
            eprintln!("reelay: {error}");
            return ExitCode::from(2);
        }
    };
    let result = match invocation {
        Invocation::Print(text) => {
            print!("{text}");
            Ok(())
        }
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
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("reelay: {sentence}");
            ExitCode::FAILURE
        }
    }
}

/// Warnings of our own, and everything of our own if more is wanted.
fn log_to_stderr(verbose: bool) {
    let level = if verbose { Level::DEBUG } else { Level::WARN };
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr))
        .with(Targets::new().with_target("reelay", level))
        .init();
}
