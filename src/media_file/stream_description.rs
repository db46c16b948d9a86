//! Session descriptions in files (`.sdp`, RFC 4566): the RTSP address that they name.

use std::path::Path;

use super::error::{MediaFileError, MediaFileErrorKind};
use super::film_list::{ListedFilm, read_text};
use crate::proto::sdp::SessionDescription;

/// Returns true if the file name is that of a session description.
pub fn is_description_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("sdp"))
}

/// Reads the RTSP address that a session description names as its control URL (RFC 2326 §C.1.1): that of the session,
/// or that of its JPEG stream. Blocks.
///
/// # Errors
/// Returns an error if the file cannot be read, is larger than 4 MiB, is no session description, or names no address.
/// Then the packets are sent to a port without a request, which this program does not receive.
pub fn read_description(path: &Path, name: &str) -> Result<ListedFilm, MediaFileError> {
    let address = control_url(&read_text(path, name)?);
    address
        .map(ListedFilm::Url)
        .ok_or_else(|| MediaFileError::new(name, path, MediaFileErrorKind::DescriptionWithoutAddress))
}

fn control_url(text: &str) -> Option<String> {
    let session = SessionDescription::parse(text).ok()?;
    let of_media = session.jpeg_media().and_then(|(media, _)| media.control.clone());
    [session.control, of_media].into_iter().flatten().find(|control| is_rtsp(control))
}

fn is_rtsp(control: &str) -> bool {
    let scheme = control.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    scheme.is_some_and(|scheme| ["rtsp", "rtsps"].contains(&scheme.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=Yard\r\nt=0 0\r\n";

    #[test]
    fn address_is_that_of_the_session_or_of_its_jpeg_stream() {
        let session = "a=control:rtsp://camera.example/yard\r\nm=video 0 RTP/AVP 26\r\na=control:track1\r\n";
        assert_eq!(control_url(&format!("{START}{session}")).as_deref(), Some("rtsp://camera.example/yard"));
        let media = "a=control:*\nm=audio 0 RTP/AVP 0\na=control:rtsp://c/a\nm=video 0 RTP/AVP 26\n\
                     a=control:RTSPS://camera.example/yard/track1\n";
        let address = control_url(&format!("{START}{media}"));
        assert_eq!(address.as_deref(), Some("RTSPS://camera.example/yard/track1"));
    }

    #[test]
    fn description_without_an_address_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("yard.sdp");
        for text in [
            format!("{START}c=IN IP4 233.252.0.1/32\r\nm=video 5004 RTP/AVP 26\r\n"),
            format!("{START}m=video 0 RTP/AVP 26\r\na=control:http://camera.example/yard\r\n"),
            "not a description".to_owned(),
        ] {
            std::fs::write(&path, text).unwrap();
            let sentence = read_description(&path, "yard.sdp").unwrap_err().to_string();
            assert!(sentence.contains("names no rtsp:// address"), "{sentence}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(read_description(&path, "yard.sdp").is_err());
    }

    #[test]
    fn descriptions_are_known_by_their_extension() {
        assert!(is_description_name(Path::new("a.sdp")) && is_description_name(Path::new("a.SDP")));
        assert!(!is_description_name(Path::new("sdp")) && !is_description_name(Path::new("a.m3u")));
    }
}
