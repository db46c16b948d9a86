//! Request of a second start to the open window: its working folder and its arguments. Sans-I/O.
//!
//! A request is the length of its payload in four bytes, the most significant first, and the payload: [`NAME`], the
//! folder and each argument, each followed by a zero byte, which neither a path nor an argument can contain. The
//! response is one byte: `+` if it opens what the request names, `-` if not.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use thiserror::Error;

use crate::command_line::{self, Invocation, Target, WindowArguments};

/// Maximum number of bytes of a payload, which is the usual limit of Linux for the arguments of a program.
pub const MAX_PAYLOAD: usize = 2 << 20;

/// Number of bytes before the payload.
pub const LENGTH_SIZE: usize = 4;

/// First field of a payload: name and version of the protocol.
const NAME: &[u8] = b"reelay-window 1";

/// Working folder and arguments of a start of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Absolute path of the folder that relative paths in the arguments begin at.
    pub folder: PathBuf,
    /// Arguments after the name of the program.
    pub arguments: Vec<OsString>,
}

/// Reason why a request cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RequestError {
    /// The payload would be longer than [`MAX_PAYLOAD`].
    #[error("the arguments are too long")]
    TooLong,
    /// The folder or an argument cannot be part of a request.
    #[error("an argument cannot be passed on")]
    Field,
}

/// Returns the number of bytes of a payload from the bytes before it; `None` if it is too long.
pub fn payload_length(bytes: [u8; LENGTH_SIZE]) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(bytes)).ok().filter(|&length| length <= MAX_PAYLOAD)
}

impl Request {
    /// Returns the bytes to send.
    ///
    /// # Errors
    /// Returns an error if the request is too long, or contains what an argument of a program cannot contain.
    pub fn encode(&self) -> Result<Vec<u8>, RequestError> {
        let mut bytes = vec![0; LENGTH_SIZE];
        let fields =
            [self.folder.as_os_str()].into_iter().chain(self.arguments.iter().map(OsString::as_os_str));
        for field in [NAME].into_iter().chain(fields.map(OsStr::as_encoded_bytes)) {
            if field.contains(&0) {
                return Err(RequestError::Field);
            }
            bytes.extend_from_slice(field);
            bytes.push(0);
        }
        let length = bytes.len() - LENGTH_SIZE;
        let length = u32::try_from(length).ok().filter(|_| length <= MAX_PAYLOAD);
        bytes[..LENGTH_SIZE].copy_from_slice(&length.ok_or(RequestError::TooLong)?.to_be_bytes());
        Ok(bytes)
    }

    /// Parses a payload; `None` if it is no request of this version.
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let payload = payload.strip_suffix(&[0]).filter(|payload| payload.len() < MAX_PAYLOAD)?;
        let mut fields = payload.split(|&byte| byte == 0);
        fields.next().filter(|&name| name == NAME)?;
        let folder = PathBuf::from(to_os_string(fields.next()?)?);
        let arguments = fields.map(to_os_string).collect::<Option<_>>()?;
        Some(Self { folder, arguments }).filter(|request| request.folder.is_absolute())
    }

    /// Returns what the arguments say, with absolute paths; `None` if they do not open a window.
    pub fn window_arguments(self) -> Option<WindowArguments> {
        let Ok(Invocation::Window(mut arguments)) = command_line::parse(self.arguments, |_| false) else {
            return None;
        };
        for target in &mut arguments.targets {
            if let Target::File(path) = target {
                *path = self.folder.join(&*path);
            }
        }
        Some(arguments)
    }
}

/// Returns a field as text of the system, which is any bytes on Unix.
#[cfg(unix)]
fn to_os_string(bytes: &[u8]) -> Option<OsString> {
    use std::os::unix::ffi::OsStrExt as _;
    Some(OsStr::from_bytes(bytes).to_owned())
}

/// Returns a field as text of the system.
#[cfg(not(unix))]
fn to_os_string(bytes: &[u8]) -> Option<OsString> {
    std::str::from_utf8(bytes).ok().map(OsString::from)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::settings::ThemePreference;

    fn request(folder: &str, arguments: &[&str]) -> Request {
        Request { folder: folder.into(), arguments: arguments.iter().map(OsString::from).collect() }
    }

    #[test]
    fn encoded_request_is_decoded() {
        use std::os::unix::ffi::OsStringExt as _;
        let mut sent = request("/films", &["a talk.mjpeg", "--play", "", "rtsp://camera/live"]);
        sent.arguments.push(OsString::from_vec(b"\xff\n.avi".to_vec()));
        let bytes = sent.encode().unwrap();
        let (length, payload) = bytes.split_first_chunk().unwrap();
        assert_eq!(payload_length(*length), Some(payload.len()));
        assert_eq!(Request::decode(payload), Some(sent));
        assert_eq!(Request::decode(&payload[..payload.len() - 1]), None, "it is cut off");
        let without_arguments = request("/", &[]);
        assert_eq!(Request::decode(&without_arguments.encode().unwrap()[4..]), Some(without_arguments));
    }

    #[test]
    fn other_bytes_are_no_request() {
        for payload in [
            &b""[..],
            b"\0",
            b"reelay-window 1\0",
            b"reelay-window 2\0/films\0",
            b"reelay-window 1\0films\0",
            b"GET / HTTP/1.1\r\n\r\n\0",
        ] {
            assert_eq!(Request::decode(payload), None, "{payload:?}");
        }
    }

    #[test]
    fn requests_are_bounded() {
        assert_eq!(payload_length([0xff; 4]), None);
        assert_eq!(payload_length(u32::try_from(MAX_PAYLOAD).unwrap().to_be_bytes()), Some(MAX_PAYLOAD));
        let long = "x".repeat(MAX_PAYLOAD);
        assert_eq!(request("/", &[&long]).encode(), Err(RequestError::TooLong));
        assert_eq!(request("/", &["a\0b"]).encode(), Err(RequestError::Field));
        assert_eq!(Request::decode(&vec![0; MAX_PAYLOAD + 1]), None);
    }

    #[test]
    fn relative_paths_begin_at_the_folder_of_the_start() {
        let sent = request("/films", &["talk.mjpeg", "/other/a.avi", "rtsp://camera/live", "--theme=light"]);
        let arguments = sent.window_arguments().unwrap();
        assert_eq!(arguments.theme, Some(ThemePreference::Light));
        assert_eq!(
            arguments.targets[..2],
            [Target::File("/films/talk.mjpeg".into()), Target::File("/other/a.avi".into())]
        );
        assert!(matches!(arguments.targets[2], Target::Stream(_)));
    }

    #[test]
    fn only_the_window_is_started_by_a_request() {
        for arguments in
            [&["serve", "/films"][..], &["--help"], &["--unknown"], &["convert", "a", "b"], &[""]]
        {
            assert_eq!(request("/", arguments).window_arguments(), None, "{arguments:?}");
        }
        assert!(request("/", &[]).window_arguments().is_some());
    }
}
