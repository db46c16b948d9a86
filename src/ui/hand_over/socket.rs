//! Unix socket of the open window.
//!
//! A lock on the folder of the sockets makes two starts at the same time look one after the other, so that one of them
//! finds the socket of the other. A socket without a process behind it, as a killed program leaves it, is replaced.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;

use super::request::{LENGTH_SIZE, Request, payload_length};
use super::start::Start;
use crate::command_line::WindowArguments;

/// Response of a window that opens what the request names.
const ACCEPTED: u8 = b'+';

/// Response of a window that cannot use the request.
const REFUSED: u8 = b'-';

/// Time in which a start sends its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// Time in which the open window responds; a window that is stopped never does.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Number of times that a start looks for a window. One that is being closed removes its socket before it ends.
const MAX_ATTEMPTS: usize = 2;

/// Time after which accepting is tried again if the system has refused it, for example for want of file descriptors.
const ACCEPT_INTERVAL: Duration = Duration::from_secs(1);

/// Looks for the open window on a display. Hands the request over to it; without a request, a new window is wanted.
pub fn start(display: &str, request: Option<&Request>) -> Start<Listener> {
    let Some(folder) = socket_folder() else { return Start::Window(None) };
    start_in(&folder, display, request).unwrap_or_else(|error| {
        tracing::debug!(%error, folder = %folder.display(), "cannot look for an open window");
        Start::Window(None)
    })
}

/// Returns the folder of the sockets: in that of the user's session, or else in that of the user's cache.
fn socket_folder() -> Option<PathBuf> {
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.runtime_dir().unwrap_or_else(|| strategy.cache_dir()).join("reelay"))
}

fn start_in(folder: &Path, display: &str, request: Option<&Request>) -> io::Result<Start<Listener>> {
    create_private(folder)?;
    let path = folder.join(socket_name(display));
    for _ in 0..MAX_ATTEMPTS {
        let (stream, request) = match (find_or_claim(folder, &path)?, request) {
            (Found::Free(listener), _) => return Ok(Start::Window(Some(listener))),
            (Found::Window(_), None) => return Ok(Start::Window(None)),
            (Found::Window(stream), Some(request)) => (stream, request),
        };
        match hand_over(stream, request) {
            Ok(true) => return Ok(Start::HandedOver),
            Ok(false) => return Ok(Start::Window(None)),
            Err(error) if is_closed(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Start::Window(None))
}

/// Returns the name of the socket of the window on a display.
fn socket_name(display: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    let name: String = display.chars().map(|c| if is_plain(&c) { c } else { '_' }).collect();
    format!("window-{name}.sock")
}

/// Creates a folder that only this user can enter.
///
/// # Errors
/// Returns an error if there is one that belongs to another user, or that others can enter.
fn create_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let metadata = fs::symlink_metadata(folder)?;
    let is_own = metadata.is_dir() && metadata.uid() == rustix::process::geteuid().as_raw();
    match is_own && metadata.mode() & 0o077 == 0 {
        true => Ok(()),
        false => Err(io::Error::new(ErrorKind::PermissionDenied, "the folder is not private")),
    }
}

/// Result of looking at a socket.
enum Found {
    /// Connection to the open window.
    Window(UnixStream),
    /// There was no window; this start has the socket now.
    Free(Listener),
}

fn find_or_claim(folder: &Path, path: &Path) -> io::Result<Found> {
    let _lock = lock(folder)?;
    match UnixStream::connect(path) {
        Ok(stream) => return Ok(Found::Window(stream)),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        // A socket that no process listens to.
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path)?,
        Err(error) => return Err(error),
    }
    let socket = UnixListener::bind(path)?;
    Ok(Found::Free(Listener { socket, folder: folder.to_owned(), path: path.to_owned() }))
}

/// Waits until no other start looks at the sockets in a folder; unlocked when the file is dropped.
fn lock(folder: &Path) -> io::Result<File> {
    let file = File::open(folder)?;
    file.lock()?;
    Ok(file)
}

/// Sends a request to the open window; returns true if it has accepted it.
fn hand_over(mut stream: UnixStream, request: &Request) -> io::Result<bool> {
    let bytes = request.encode().map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))?;
    stream.set_write_timeout(Some(RESPONSE_TIMEOUT))?;
    stream.set_read_timeout(Some(RESPONSE_TIMEOUT))?;
    stream.write_all(&bytes)?;
    let mut response = [REFUSED];
    stream.read_exact(&mut response)?;
    Ok(response == [ACCEPTED])
}

/// Returns true if the other side has closed the connection.
fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

/// Socket of this window. It is removed with the value.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    folder: PathBuf,
    path: PathBuf,
}

impl Listener {
    /// Passes on the arguments of later starts. One that cannot be sent is refused. Ends when the future is dropped, or
    /// if the socket cannot be used. Must be called within a Tokio runtime.
    pub async fn serve(self, arguments: mpsc::Sender<WindowArguments>) {
        let socket = match self.tokio_socket() {
            Ok(socket) => socket,
            Err(error) => {
                tracing::debug!(%error, "cannot listen to later starts");
                return;
            }
        };
        loop {
            match socket.accept().await {
                Ok((stream, _)) => {
                    if let Err(error) = respond(stream, &arguments).await {
                        tracing::debug!(%error, "another start has no response");
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "cannot accept another start");
                    tokio::time::sleep(ACCEPT_INTERVAL).await;
                }
            }
        }
    }

    fn tokio_socket(&self) -> io::Result<tokio::net::UnixListener> {
        let socket = self.socket.try_clone()?;
        socket.set_nonblocking(true)?;
        tokio::net::UnixListener::from_std(socket)
    }
}

impl Drop for Listener {
    /// Removes the socket before it is closed, so that no start finds it without a window.
    fn drop(&mut self) {
        let removed = lock(&self.folder).and_then(|_lock| fs::remove_file(&self.path));
        if let Err(error) = removed {
            tracing::debug!(%error, "cannot remove the socket of the window");
        }
    }
}

/// Receives the request of a start and responds to it.
async fn respond(
    mut stream: tokio::net::UnixStream,
    sender: &mpsc::Sender<WindowArguments>,
) -> io::Result<()> {
    let receiving = tokio::time::timeout(REQUEST_TIMEOUT, receive(&mut stream));
    let payload = receiving.await.map_err(|_| io::Error::from(ErrorKind::TimedOut))??;
    let arguments = Request::decode(&payload).and_then(Request::window_arguments);
    let (Some(arguments), Ok(place)) = (arguments, sender.reserve().await) else {
        return stream.write_all(&[REFUSED]).await;
    };
    // A start that has given up meanwhile has opened a window of its own: its films must not be opened here as well.
    stream.write_all(&[ACCEPTED]).await?;
    place.send(arguments);
    Ok(())
}

async fn receive(stream: &mut tokio::net::UnixStream) -> io::Result<Vec<u8>> {
    let mut length = [0; LENGTH_SIZE];
    stream.read_exact(&mut length).await?;
    let length = payload_length(length).ok_or_else(|| io::Error::from(ErrorKind::InvalidData))?;
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await?;
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::thread;

    use tempfile::TempDir;

    use super::*;
    use crate::command_line::Target;

    fn request(film: &str) -> Request {
        Request { folder: "/films".into(), arguments: vec![film.into()] }
    }

    /// Folder of sockets, which does not exist yet.
    fn new_folder() -> (TempDir, PathBuf) {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("reelay");
        (parent, folder)
    }

    fn claim(folder: &Path) -> Listener {
        match start_in(folder, ":0", Some(&request("a.avi"))).unwrap() {
            Start::Window(Some(listener)) => listener,
            other => panic!("{other:?}"),
        }
    }

    /// Serves the listener until the process ends.
    fn serve(listener: Listener) -> mpsc::Receiver<WindowArguments> {
        let (sender, receiver) = mpsc::channel(8);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(listener.serve(sender));
        });
        receiver
    }

    #[test]
    fn second_start_is_handed_over_to_the_first() {
        let (_parent, folder) = new_folder();
        let mut arguments = serve(claim(&folder));
        for film in ["a.avi", "b.avi"] {
            let second = start_in(&folder, ":0", Some(&request(film))).unwrap();
            assert!(matches!(second, Start::HandedOver), "{second:?}");
            let target = Target::File(Path::new("/films").join(film));
            assert_eq!(arguments.blocking_recv().unwrap().targets, [target]);
        }
    }

    #[test]
    fn new_window_and_window_on_another_display_are_of_their_own() {
        let (_parent, folder) = new_folder();
        let _arguments = serve(claim(&folder));
        assert!(matches!(start_in(&folder, ":0", None).unwrap(), Start::Window(None)));
        let other = start_in(&folder, "../:1", Some(&request("a.avi"))).unwrap();
        let Start::Window(Some(listener)) = other else { panic!("{other:?}") };
        assert_eq!(listener.path, folder.join("window-.._:1.sock"));
    }

    #[test]
    fn refused_start_opens_a_window() {
        let (_parent, folder) = new_folder();
        let mut arguments = serve(claim(&folder));
        let serving = Request { arguments: vec!["serve".into(), "/films".into()], ..request("a.avi") };
        assert!(matches!(start_in(&folder, ":0", Some(&serving)).unwrap(), Start::Window(None)));
        assert!(arguments.try_recv().is_err(), "it is not delivered");
        drop(arguments);
        assert!(matches!(start_in(&folder, ":0", Some(&request("a.avi"))).unwrap(), Start::Window(None)));
    }

    #[test]
    fn bytes_that_are_no_request_change_nothing() {
        let (_parent, folder) = new_folder();
        let mut arguments = serve(claim(&folder));
        for bytes in [&b""[..], b"\xff\xff\xff\xff", b"\0\0\0\x03abc", b"\0\0\x01\0reelay"] {
            let mut stream = UnixStream::connect(folder.join("window-:0.sock")).unwrap();
            stream.write_all(bytes).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut response = Vec::new();
            // Unread bytes reset the connection.
            let _ = stream.read_to_end(&mut response);
            assert!(response.is_empty() || response == [REFUSED], "{bytes:?}: {response:?}");
        }
        assert!(matches!(start_in(&folder, ":0", Some(&request("a.avi"))).unwrap(), Start::HandedOver));
        assert_eq!(arguments.blocking_recv().unwrap().targets.len(), 1);
        assert!(arguments.try_recv().is_err());
    }

    #[test]
    fn socket_without_a_process_is_replaced() {
        let (_parent, folder) = new_folder();
        create_private(&folder).unwrap();
        drop(UnixListener::bind(folder.join("window-:0.sock")).unwrap());
        assert!(folder.join("window-:0.sock").exists());
        drop(claim(&folder));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "the socket is left behind");
        drop(claim(&folder));
    }

    #[test]
    fn folder_that_others_can_enter_is_not_used() {
        let (parent, folder) = new_folder();
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let error = start_in(&folder, ":0", None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        start_in(&folder, ":0", None).unwrap();
        let link = parent.path().join("link");
        symlink(&folder, &link).unwrap();
        assert_eq!(start_in(&link, ":0", None).unwrap_err().kind(), ErrorKind::PermissionDenied);
    }

    #[test]
    fn start_while_the_window_is_being_closed_takes_its_place() {
        let (_parent, folder) = new_folder();
        let listener = claim(&folder);
        let closing = thread::spawn(move || {
            let accepted = listener.socket.accept().unwrap();
            drop(listener);
            drop(accepted);
        });
        let second = start_in(&folder, ":0", Some(&request("a.avi"))).unwrap();
        closing.join().unwrap();
        assert!(matches!(second, Start::Window(Some(_))), "{second:?}");
    }
}
