//! `reelay serve`: films for other players, until Ctrl+C.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use super::address::{cannot_listen, reachable};
use super::arguments::ServeArguments;
use super::error::CommandError;
use super::stderr;
use crate::backend::{self, EndSignal};
use crate::impairment::{Conditions, Network};
use crate::media::FrameRate;
use crate::media_file::{Film, renamed};
use crate::proto::rtsp::RtspUrl;
use crate::server_embed::{Guard, Observer, Server, ServerOptions};

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
    let usual = ServerOptions::default();
    let network = Network::new(arguments.network.unwrap_or_default());
    let options = ServerOptions {
        listen: arguments.listen,
        guard: guard(arguments)?,
        quality: arguments.quality,
        session_timeout: arguments.session_timeout.unwrap_or(usual.session_timeout),
        network: network.clone(),
        ..usual
    };
    if let Some(Conditions { impairments, seed, .. }) = arguments.network {
        stderr::tell(format_args!("The emulated network acts: {impairments}; seed {seed}."));
    }
    let observer = Observer::new(stderr::tell);
    let server =
        Server::start(options, observer).await.map_err(|error| cannot_listen(arguments.listen, &error))?;
    let mut names = Vec::new();
    for path in &arguments.paths {
        names.extend(add(&server, path, arguments.rate)?);
    }
    // Whoever reads the addresses may end us at once.
    let mut end_signal = EndSignal::listen();
    announce(&server, &names)
        .map_err(|error| CommandError::new(format!("The films cannot be listed: {error}.")))?;
    end_signal.arrives().await;
    server.stop().await;
    if arguments.network.is_some() {
        stderr::tell(format_args!("{}.", network.total()));
    }
    Ok(())
}

/// Who may play, with the password from its file: on the command line, everyone on the machine could read it.
fn guard(arguments: &ServeArguments) -> Result<Option<Guard>, CommandError> {
    let (Some(user), Some(path)) = (&arguments.user, &arguments.password_file) else { return Ok(None) };
    let text = fs::read_to_string(path).map_err(|error| {
        let path = path.display();
        CommandError::new(format!(
            "The password file {path} cannot be read ({error}); check its name and permissions."
        ))
    })?;
    match text.lines().next() {
        Some(password) if !password.is_empty() => Ok(Some(Guard::new(user, password))),
        _ => Err(CommandError::new(format!(
            "The password file {} is empty; write the password into its first line.",
            path.display()
        ))),
    }
}

fn add(server: &Server, path: &Path, rate: FrameRate) -> Result<Vec<String>, CommandError> {
    if path.is_dir() {
        let found = server.library().add_folder(path, rate).map_err(|error| {
            CommandError::new(format!("{} cannot be read ({error}); check its permissions.", path.display()))
        })?;
        found.left_out.iter().for_each(stderr::tell);
        found.renamed.iter().for_each(stderr::tell);
        return match found.names.is_empty() {
            true => Err(CommandError::new(format!(
                "{} holds no .mjpeg, .mjpg or .mjp film; name another folder.",
                path.display()
            ))),
            false => Ok(found.names),
        };
    }
    let own = backend::film_name(path);
    let film = Film::open(path, &own, rate).map_err(|error| CommandError::new(error.to_string()))?;
    let name = server.serve(film);
    if name != own {
        stderr::tell(renamed(path, &name, &own));
    }
    Ok(vec![name])
}

/// One line for each film, flushed: whoever started us may wait for them.
fn announce(server: &Server, names: &[String]) -> io::Result<()> {
    let address = reachable(server.address());
    let host = address.ip().to_string();
    let mut out = io::stdout().lock();
    for name in names {
        writeln!(out, "{}", RtspUrl::for_path(host.clone(), address.port(), name))?;
    }
    out.flush()
}
