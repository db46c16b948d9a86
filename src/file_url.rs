//! PURE. Files as desktops name them: `file:///films/a%20talk.mjpeg` (RFC 8089).

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

/// Whether a text is such a URL, and no path.
pub fn is_file_url(text: &str) -> bool {
    strip_file_scheme(text).is_some()
}

/// The path of a file on this machine; `None` if the URL names another host, or nothing that could be a path here.
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

/// Names are bytes here, and need not be UTF-8.
#[cfg(unix)]
fn decode_path(path: &str) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    let bytes: Vec<u8> = percent_decode_str(path).collect();
    Some(std::ffi::OsString::from_vec(bytes).into())
}

/// A drive stands behind the first slash: `/C:/films`.
#[cfg(not(unix))]
fn decoded(path: &str) -> Option<PathBuf> {
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
