use std::process::ExitCode;

use reelay::command_line::{self, Invocation};

fn main() -> ExitCode {
    let result = match command_line::parse(std::env::args_os().skip(1)) {
        Ok(Invocation::Print(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Ok(Invocation::Serve(arguments)) => command_line::serve(&arguments),
        Ok(Invocation::Probe(arguments)) => command_line::probe(&arguments),
        Ok(Invocation::Window(_)) => Ok(()),
        Err(error) => {
            eprintln!("reelay: {error}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reelay: {error}");
            ExitCode::FAILURE
        }
    }
}
