//! Program of Reelay: parses the arguments, starts the log, and opens the window or runs a command.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

use std::io::{self, ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;

use reelay::command_line::{self, Invocation, stderr};
use reelay::ui;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// Exit status for wrong usage, the same as that of other programs that use clap.
const USAGE_ERROR: u8 = 2;

fn main() -> ExitCode {
    let code = match command_line::parse(std::env::args_os().skip(1), Path::is_dir) {
        Ok(invocation) => match run(invocation) {
            Ok(()) => ExitCode::SUCCESS,
            Err(sentence) => {
                stderr::print_line(format_args!("reelay: {sentence}"));
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            stderr::print_line(format_args!("reelay: {error}"));
            ExitCode::from(USAGE_ERROR)
        }
    };
    stderr::flush();
    code
}

fn run(invocation: Invocation) -> Result<(), String> {
    match invocation {
        Invocation::Print(text) => print(&text).map_err(|error| format!("Nothing can be printed: {error}.")),
        Invocation::Window(arguments) => {
            init_logging(arguments.verbose);
            ui::run(arguments).map_err(|error| error.to_string())
        }
        Invocation::GraphicsCard => match ui::find_graphics_card() {
            Some(name) => {
                print(&format!("{name}\n")).map_err(|error| format!("Nothing can be printed: {error}."))
            }
            None => Err("There is no graphics card that the window can use.".to_owned()),
        },
        Invocation::Serve(arguments) => {
            init_logging(arguments.verbose);
            command_line::serve(&arguments).map_err(|error| error.to_string())
        }
        Invocation::Probe(arguments) => {
            init_logging(arguments.verbose);
            command_line::probe(&arguments).map_err(|error| error.to_string())
        }
        Invocation::Proxy(arguments) => {
            init_logging(arguments.verbose);
            command_line::proxy(&arguments).map_err(|error| error.to_string())
        }
        Invocation::Convert(arguments) => {
            init_logging(arguments.verbose);
            command_line::convert(&arguments).map_err(|error| error.to_string())
        }
    }
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // The reader, such as `head`, has closed the pipe.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Environment variable with the path of a module, like `reelay::ui`, whose trace messages are logged as well.
const TRACE_VARIABLE: &str = "REELAY_TRACE";

/// Starts the log on stderr: warnings of this program, or its debug messages as well.
fn init_logging(verbose: bool) {
    let level = if verbose { Level::DEBUG } else { Level::WARN };
    let targets = Targets::new().with_target("reelay", level);
    let targets = match std::env::var(TRACE_VARIABLE) {
        Ok(module) => targets.with_target(module, Level::TRACE),
        Err(_) => targets,
    };
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_writer(|| stderr::StderrWriter))
        .with(targets)
        .init();
}
