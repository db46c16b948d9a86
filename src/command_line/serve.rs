//! `reelay serve`: serves films to RTSP players.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::thread;

use super::address::listen_error;
use super::arguments::{ServeArguments, TlsArguments, UserArguments};
use super::error::CommandError;
use super::stderr;
use crate::backend::{self, ShutdownSignal};
use crate::impairment::{Emulator, EmulatorSettings};
use crate::media::FrameRate;
use crate::media_file::{AddedFolder, MediaFile, MediaFileError, renamed_message};
use crate::net::connectable::connectable_address;
use crate::net::server_tls::{ServerTls, ServerTlsError};
use crate::proto::rtsp::RtspUrl;
use crate::server_embed::{Authenticator, Observer, Server, ServerOptions, ThreadOptions};

/// Serves films and folders of films until Ctrl+C.
///
/// # Errors
/// Returns a [`CommandError`] if a path names no film, the password file cannot be read, the address cannot be listened
/// on, or the URLs cannot be printed.
pub fn serve(arguments: &ServeArguments) -> Result<(), CommandError> {
    let runtime = backend::runtime()
        .map_err(|error| CommandError::new(format!("The system cannot start threads: {error}.")))?;
    runtime.block_on(run(arguments))
}

async fn run(arguments: &ServeArguments) -> Result<(), CommandError> {
    let emulator = Emulator::new(arguments.network.unwrap_or_default());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let options = ServerOptions {
        listen: arguments.listen,
        auth: arguments.user.as_ref().map(load_auth).transpose()?,
        tls: arguments.tls.as_ref().map(load_tls).transpose()?,
        quality: arguments.quality,
        segmentation: arguments.segmentation,
        session_timeout: arguments.session_timeout,
        limits: arguments.limits,
        threads: ThreadOptions::for_cores(cores, arguments.tls.is_some()),
        emulator: emulator.clone(),
        ..ServerOptions::default()
    };
    if let Some(EmulatorSettings { impairments, seed, .. }) = arguments.network {
        stderr::print_line(format_args!("Emulated network: {impairments}; seed {seed}."));
    }
    let observer = Observer::new(stderr::print_line);
    let server =
        Server::start(options, observer).await.map_err(|error| listen_error(arguments.listen, &error))?;
    let mut names = Vec::new();
    for path in &arguments.paths {
        names.extend(add_path(&server, path, arguments.rate)?);
    }
    // Listens before the URLs are printed: a program that reads them may send the signal at once.
    let mut end_signal = ShutdownSignal::listen();
    print_urls(&server, &names)
        .map_err(|error| CommandError::new(format!("The URLs cannot be printed: {error}.")))?;
    end_signal.recv().await;
    server.stop().await;
    if arguments.network.is_some() {
        stderr::print_line(format_args!("{}.", emulator.total()));
    }
    Ok(())
}

/// Reads the password of the user who is admitted.
fn load_auth(user: &UserArguments) -> Result<Authenticator, CommandError> {
    let path = user.password_file.display();
    let text = fs::read_to_string(&user.password_file).map_err(|error| {
        CommandError::new(format!(
            "The password file {path} cannot be read ({error}); check its name and permissions."
        ))
    })?;
    match text.lines().next() {
        Some(password) if !password.is_empty() => Ok(Authenticator::new(&user.name, password)),
        _ => Err(CommandError::new(format!(
            "The password file {path} is empty; write the password into its first line."
        ))),
    }
}

/// Reads the certificate and the key of the server.
fn load_tls(files: &TlsArguments) -> Result<ServerTls, CommandError> {
    let read = |noun: &str, path: &Path| {
        fs::read(path).map_err(|error| {
            let path = path.display();
            CommandError::new(format!(
                "The {noun} file {path} cannot be read ({error}); check its name and permissions."
            ))
        })
    };
    let (certificate_file, key_file) = (files.certificate_file.as_path(), files.key_file.as_path());
    let (certificate, key) = (read("certificate", certificate_file)?, read("key", key_file)?);
    ServerTls::from_pem(&certificate, &key).map_err(|error| {
        let (noun, path) = match error {
            ServerTlsError::Certificate(_) => ("certificate", certificate_file.display()),
            ServerTlsError::Key(_) => ("key", key_file.display()),
        };
        CommandError::new(format!(
            "The {noun} file {path} cannot be used: {error}; give a certificate and its key as PEM files."
        ))
    })
}

/// Adds a film, the films of a folder, or a folder of JPEG files to the server. Returns the names under which they are
/// served.
fn add_path(server: &Server, path: &Path, rate: Option<FrameRate>) -> Result<Vec<String>, CommandError> {
    let known_rate = rate.unwrap_or(FrameRate::CLASSROOM);
    let mut non_utf8 = 0;
    if path.is_dir() {
        let found = add_folder(server, path, known_rate)?;
        if !found.names.is_empty() {
            return Ok(found.names);
        }
        // Without films, its JPEG files may be one.
        non_utf8 = found.non_utf8;
    }
    let file_name = backend::file_name(path);
    let film =
        MediaFile::open(path, &file_name, known_rate).map_err(|error| open_error(path, &error, non_utf8))?;
    let times = film.times();
    let name = server.serve(film);
    if name != file_name {
        stderr::print_line(renamed_message(path, &name, &file_name));
    }
    if rate.is_none() && times.is_assumed() {
        let rate = times.rate_text();
        stderr::print_line(format_args!("{file_name} states no frame rate: {rate}; --fps sets another."));
    }
    Ok(vec![name])
}

/// Returns the error of a film that cannot be opened, or of a folder with this many films that have no URL.
fn open_error(path: &Path, error: &MediaFileError, non_utf8: usize) -> CommandError {
    match non_utf8 > 0 && error.is_folder_of_films() {
        true => CommandError::new(format!(
            "No film of {} is served, because the names of the films, or of their folders, are not UTF-8; rename them.",
            path.display()
        )),
        false => CommandError::new(error.to_string()),
    }
}

fn add_folder(server: &Server, folder: &Path, rate: FrameRate) -> Result<AddedFolder, CommandError> {
    let found = server.library().add_folder(folder, rate).map_err(|error| {
        CommandError::new(format!("{} cannot be read ({error}); check its permissions.", folder.display()))
    })?;
    found.skipped.iter().for_each(stderr::print_line);
    found.renamed.iter().for_each(stderr::print_line);
    Ok(found)
}

/// Prints one URL per film, flushed, because a program may wait for them.
fn print_urls(server: &Server, names: &[String]) -> io::Result<()> {
    let address = connectable_address(server.address());
    let host = address.ip().to_string();
    let mut out = io::stdout().lock();
    for name in names {
        let url = RtspUrl::for_path(host.clone(), address.port(), name).with_tls(server.is_tls());
        writeln!(out, "{url}")?;
    }
    out.flush()
}
