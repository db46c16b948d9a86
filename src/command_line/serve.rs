//! `reelay serve`: films for other players, until Ctrl+C.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use super::address::{connectable_address, listen_error};
use super::arguments::ServeArguments;
use super::error::CommandError;
use super::stderr;
use crate::backend::{self, ShutdownSignal};
use crate::impairment::{Emulator, EmulatorSettings};
use crate::media::FrameRate;
use crate::media_file::{MediaFile, renamed_message};
use crate::proto::rtsp::RtspUrl;
use crate::server_embed::{Authenticator, Observer, Server, ServerOptions};

/// Serves until Ctrl+C.
///
/// # Errors
/// When a path holds no film, or the address cannot be listened on.
pub fn serve(arguments: &ServeArguments) -> Result<(), CommandError> {
    let runtime = backend::runtime()
        .map_err(|error| CommandError::new(format!("The system has no threads to give: {error}.")))?;
    runtime.block_on(run(arguments))
}

async fn run(arguments: &ServeArguments) -> Result<(), CommandError> {
    let defaults = ServerOptions::default();
    let emulator = Emulator::new(arguments.network.unwrap_or_default());
    let options = ServerOptions {
        listen: arguments.listen,
        auth: load_auth(arguments)?,
        quality: arguments.quality,
        session_timeout: arguments.session_timeout.unwrap_or(defaults.session_timeout),
        emulator: emulator.clone(),
        ..defaults
    };
    if let Some(EmulatorSettings { impairments, seed, .. }) = arguments.network {
        stderr::print_line(format_args!("The emulated network acts: {impairments}; seed {seed}."));
    }
    let observer = Observer::new(stderr::print_line);
    let server =
        Server::start(options, observer).await.map_err(|error| listen_error(arguments.listen, &error))?;
    let mut names = Vec::new();
    for path in &arguments.paths {
        names.extend(add_path(&server, path, arguments.rate)?);
    }
    // Whoever reads the addresses may end us at once.
    let mut end_signal = ShutdownSignal::listen();
    print_urls(&server, &names)
        .map_err(|error| CommandError::new(format!("The films cannot be listed: {error}.")))?;
    end_signal.recv().await;
    server.stop().await;
    if arguments.network.is_some() {
        stderr::print_line(format_args!("{}.", emulator.total()));
    }
    Ok(())
}

/// Who may play, with the password from its file: on the command line, everyone on the machine could read it.
fn load_auth(arguments: &ServeArguments) -> Result<Option<Authenticator>, CommandError> {
    let (Some(user), Some(path)) = (&arguments.user, &arguments.password_file) else { return Ok(None) };
    let text = fs::read_to_string(path).map_err(|error| {
        let path = path.display();
        CommandError::new(format!(
            "The password file {path} cannot be read ({error}); check its name and permissions."
        ))
    })?;
    match text.lines().next() {
        Some(password) if !password.is_empty() => Ok(Some(Authenticator::new(user, password))),
        _ => Err(CommandError::new(format!(
            "The password file {} is empty; write the password into its first line.",
            path.display()
        ))),
    }
}

fn add_path(server: &Server, path: &Path, rate: FrameRate) -> Result<Vec<String>, CommandError> {
    if path.is_dir() {
        let found = server.library().add_folder(path, rate).map_err(|error| {
            CommandError::new(format!("{} cannot be read ({error}); check its permissions.", path.display()))
        })?;
        found.skipped.iter().for_each(stderr::print_line);
        found.renamed.iter().for_each(stderr::print_line);
        return match found.names.is_empty() {
            true => Err(CommandError::new(format!(
                "{} holds no .mjpeg, .mjpg or .mjp film; name another folder.",
                path.display()
            ))),
            false => Ok(found.names),
        };
    }
    let file_name = backend::file_name(path);
    let film =
        MediaFile::open(path, &file_name, rate).map_err(|error| CommandError::new(error.to_string()))?;
    let name = server.serve(film);
    if name != file_name {
        stderr::print_line(renamed_message(path, &name, &file_name));
    }
    Ok(vec![name])
}

/// One line for each film, flushed: whoever started us may wait for them.
fn print_urls(server: &Server, names: &[String]) -> io::Result<()> {
    let address = connectable_address(server.address());
    let host = address.ip().to_string();
    let mut out = io::stdout().lock();
    for name in names {
        writeln!(out, "{}", RtspUrl::for_path(host.clone(), address.port(), name))?;
    }
    out.flush()
}
