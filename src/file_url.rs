//! `file:` URLs as desktop environments pass them (RFC 8089): `file:///films/a%20talk.mjpeg`. Sans-I/O.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

/// Returns true if a text is a `file:` URL rather than a path.
pub fn is_file_url(text: &str) -> bool {
    strip_file_scheme(text).is_some()
}

/// Returns the path of a `file:` URL; `None` if it names another host, or if its path is not valid on this system.
pub fn to_path(text: &str) -> Option<PathBuf> {
    let rest = strip_file_scheme(text)?;
    let path = match rest.strip_prefix("//") {
        None => rest,
        Some(rest) => {
            let (host, _) = rest.split_once('/')?;
            let is_local = host.is_empty() || host.eq_ignore_ascii_case("localhost");
            rest.get(host.len()..).filter(|_| is_local)?
        }
    };
    decode_path(path)
}

fn strip_file_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.trim().split_once(':')?;
    (scheme.eq_ignore_ascii_case("file") && rest.starts_with('/')).then_some(rest)
}

/// Decodes a percent-encoded path. File names are bytes on Unix, so they need not be UTF-8.
#[cfg(unix)]
fn decode_path(path: &str) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    let bytes: Vec<u8> = percent_decode_str(path).collect();
    Some(std::ffi::OsString::from_vec(bytes).into())
}

/// Decodes a percent-encoded path. A drive letter follows the first slash: `/C:/films`.
#[cfg(not(unix))]
fn decode_path(path: &str) -> Option<PathBuf> {
    let path = percent_decode_str(path).decode_utf8().ok()?;
    let drive = path.get(2..3).filter(|colon| *colon == ":");
    Some(drive.map_or(path.as_ref(), |_| &path[1..]).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_file_urls_become_paths() {
        for (url, path) in [
            ("file:///films/a%20talk.mjpeg", Some("/films/a talk.mjpeg")),
            ("FILE://localhost/films/100%25.mjpeg", Some("/films/100%.mjpeg")),
            ("file:/films/talk.mjpeg", Some("/films/talk.mjpeg")),
            ("file://elsewhere/films/talk.mjpeg", None),
            ("file://films", None),
        ] {
            assert!(is_file_url(url), "{url}");
            #[cfg(unix)]
            assert_eq!(to_path(url), path.map(PathBuf::from), "{url}");
        }
        for path in ["/films/talk.mjpeg", "talk.mjpeg", "file:talk.mjpeg", "profile:/x", "rtsp://h/film", ""]
        {
            assert!(!is_file_url(path), "{path}");
        }
    }
}
