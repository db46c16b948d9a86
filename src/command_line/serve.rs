//! `reelay serve`: films for other players, until Ctrl+C.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;

use super::arguments::ServeArguments;
use super::{CommandError, stderr};
use crate::backend::{self, Interruption};
use crate::impairment::{Conditions, Network};
use crate::media::FrameRate;
use crate::proto::rtsp::RtspUrl;
use crate::server_embed::{Film, Guard, Observer, Server, ServerOptions, renamed};

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
    let mut interruption = Interruption::listen();
    announce(&server, &names)
        .map_err(|error| CommandError::new(format!("The films cannot be listed: {error}.")))?;
    interruption.arrives().await;
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

/// Why an address cannot be listened on, and what to try.
pub fn cannot_listen(address: SocketAddr, error: &io::Error) -> CommandError {
    CommandError::new(match error.kind() {
        ErrorKind::AddrInUse => {
            format!(
                "{address} is in use; stop the other program, or choose another port with --listen ADDR:PORT."
            )
        }
        ErrorKind::PermissionDenied => {
            format!("{address} may not be listened on; choose a port above 1023 with --listen ADDR:PORT.")
        }
        ErrorKind::AddrNotAvailable => {
            format!("{} is no address of this machine; choose another with --listen ADDR:PORT.", address.ip())
        }
        _ => format!("{address} cannot be listened on ({error}); choose another with --listen ADDR:PORT."),
    })
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
                "{} holds no .mjpeg or .mjpg film; name another folder.",
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
    let address = server.address();
    let host = reachable(address.ip()).to_string();
    let mut out = io::stdout().lock();
    for name in names {
        writeln!(out, "{}", RtspUrl::for_path(host.clone(), address.port(), name))?;
    }
    out.flush()
}

/// An address that players can connect to, where the one listened on means "any of this machine".
fn reachable(listened: IpAddr) -> IpAddr {
    if !listened.is_unspecified() {
        return listened;
    }
    let loopback = match listened {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    // Connecting a datagram socket sends nothing; it only asks which of our addresses leads out.
    let outward = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).and_then(|()| socket.local_addr())
    });
    outward.map_or(loopback, |address| address.ip())
}
