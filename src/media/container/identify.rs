//! Detection of file formats from the first bytes of a file. The name only tells whether further JPEGs are frames.

use std::fmt;
use std::path::Path;

use super::extensions::{has_image_extension, has_media_extension};
use super::record::{SOI, starts_with_record};
use super::unsupported::UnsupportedFile;
use super::{avi, image, mov, multipart};

/// Number of bytes that [`identify`] examines.
pub const HEAD_LENGTH: usize = 64 * 1024;

/// Arrangement of the frames in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerFormat {
    /// The classroom format: records of one or more frames, each preceded by its length in ASCII digits.
    Classroom,
    /// AVI, with the extensions of OpenDML.
    Avi,
    /// QuickTime or MP4.
    Mov,
    /// A saved HTTP stream: multipart, with or without the head of the response.
    Multipart,
    /// Frames one after the other, with or without other bytes between them.
    Raw,
    /// One JPEG, with everything that follows it in the file.
    Image,
    /// A folder of JPEG files, each of which is a frame.
    Folder,
}

impl fmt::Display for ContainerFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Classroom => "classroom format",
            Self::Avi => "AVI",
            Self::Mov => "MOV or MP4",
            Self::Multipart => "multipart",
            Self::Raw => "raw JPEG",
            Self::Image => "JPEG image",
            Self::Folder => "folder of JPEG files",
        })
    }
}

/// Detects the format of a file from its first [`HEAD_LENGTH`] bytes, or fewer if the file is shorter.
///
/// # Errors
/// Returns the kind of the file if it is not Motion JPEG.
pub fn identify(head: &[u8]) -> Result<ContainerFormat, UnsupportedFile> {
    if head.is_empty() {
        return Err(UnsupportedFile::Empty);
    }
    if starts_with_record(head) {
        return Ok(ContainerFormat::Classroom);
    }
    if head.starts_with(SOI) {
        return Ok(ContainerFormat::Raw);
    }
    if avi::is_avi(head) {
        return avi::check_codec(head).map(|()| ContainerFormat::Avi);
    }
    if mov::is_mov(head) {
        return mov::check_brand(head).map(|()| ContainerFormat::Mov);
    }
    if let Some(unsupported) = unsupported_kind(head) {
        return Err(unsupported);
    }
    if multipart::is_chunked(head) {
        return Err(UnsupportedFile::Other("an HTTP response in the chunked transfer coding"));
    }
    match memchr::memmem::find(head, SOI) {
        Some(_) if multipart::is_multipart(head) => Ok(ContainerFormat::Multipart),
        Some(_) => Ok(ContainerFormat::Raw),
        None if is_text(head) => Err(UnsupportedFile::Other("a text file")),
        None => Err(UnsupportedFile::Unknown),
    }
}

/// Detects the format as [`identify`] does, and whether a file of JPEGs is one image or a film: an image has an
/// extension of images. With a name that says neither, it states that the JPEGs after the first one belong to it.
///
/// # Errors
/// Returns the kind of the file if it is not Motion JPEG.
pub fn identify_named(head: &[u8], path: &Path) -> Result<ContainerFormat, UnsupportedFile> {
    let format = identify(head)?;
    let is_named_image = has_image_extension(path);
    let is_image = is_named_image || !has_media_extension(path) && image::has_further_pictures(head);
    match format {
        ContainerFormat::Raw if head.starts_with(SOI) && is_image => Ok(ContainerFormat::Image),
        format => Ok(format),
    }
}

fn unsupported_kind(head: &[u8]) -> Option<UnsupportedFile> {
    let starts = |magic: &[u8]| head.starts_with(magic);
    let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    let media = |name| Some(UnsupportedFile::Media(name));
    let container = |name| Some(UnsupportedFile::Container(name));
    let other = |name| Some(UnsupportedFile::Other(name));
    match () {
        () if starts(b"RIFF") && at(8, b"WAVE") => Some(UnsupportedFile::NoVideo("a WAV sound file")),
        () if starts(b"RIFF") && at(8, b"WEBP") => other("a WebP image"),
        () if starts(&[0x1A, 0x45, 0xDF, 0xA3]) => container("a Matroska or WebM film"),
        () if starts(b"OggS") => media("an Ogg file"),
        () if starts(b"FLV") => media("a Flash film"),
        () if starts(&[0x30, 0x26, 0xB2, 0x75]) => container("a Windows Media film"),
        () if starts(&[0, 0, 1, 0xBA]) || starts(&[0, 0, 1, 0xB3]) => media("an MPEG film"),
        () if starts(b"G") && at(188, b"G") && at(376, b"G") => media("an MPEG transport stream"),
        () if starts(&[0, 0, 0, 1]) || starts(&[0, 0, 1]) => media("a raw H.264 or H.265 stream"),
        () if starts(&[0x89, b'P', b'N', b'G']) => other("a PNG image"),
        () if starts(b"GIF8") => other("a GIF image"),
        () if starts(b"%PDF") => other("a PDF document"),
        () if starts(b"PK\x03\x04") => other("a ZIP archive"),
        () if starts(&[0x1F, 0x8B]) => other("a gzip archive"),
        () if starts(b"\x7FELF") || starts(b"MZ") => other("a program"),
        () => None,
    }
}

fn is_text(head: &[u8]) -> bool {
    head.iter().all(|&byte| byte >= 0x20 && byte != 0x7F || matches!(byte, b'\t' | b'\r' | b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_fields_of_every_width_are_recognised() {
        for field in ["06014", " 6014", "6014 ", "106014", "0000006014", "00000"] {
            let head = [field.as_bytes(), SOI, b"more"].concat();
            assert_eq!(identify(&head), Ok(ContainerFormat::Classroom), "{field:?}");
        }
        assert_eq!(
            identify(&[b"     ", SOI].concat()),
            Ok(ContainerFormat::Raw),
            "spaces without digits are not a length field"
        );
    }

    #[test]
    fn frames_are_found_after_junk() {
        assert_eq!(identify(SOI), Ok(ContainerFormat::Raw));
        assert_eq!(identify(&[&[0u8; 100][..], SOI].concat()), Ok(ContainerFormat::Raw));
    }

    #[test]
    fn saved_streams_are_recognised_with_and_without_the_head_of_the_response() {
        let http = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=b\r\n";
        let multipart = [
            "--boundary\r\nContent-Type: image/jpeg\r\n\r\n",
            "\r\n\r\n--b\nContent-Length: 5\n\n",
            "boundary\r\nX-Timestamp: 5\r\n\r\n",
            "Content-Type: image/jpeg\r\n\r\n",
            "--b\r\n\r\n",
            &format!("{http}\r\n--b\r\n\r\n"),
            &format!("{http}Transfer-Encoding: chunked\r\n\r\n--b\r\n\r\n"),
            &format!("{http}\r\n1f4\r\n--b\r\n\r\n"),
        ];
        for head in multipart {
            let file = [head.as_bytes(), SOI].concat();
            assert_eq!(identify(&file), Ok(ContainerFormat::Multipart), "{head:?}");
        }
        let chunked = format!("{http}Transfer-Encoding: chunked\r\n\r\n1f4\r\n--b\r\n\r\n");
        let error = identify(&[chunked.as_bytes(), SOI].concat()).unwrap_err();
        assert_eq!(error, UnsupportedFile::Other("an HTTP response in the chunked transfer coding"));
        let snapshot = [b"HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n\r\n", SOI].concat();
        assert_eq!(identify(&snapshot), Ok(ContainerFormat::Raw));
        assert_eq!(
            identify(b"--b\r\nContent-Type: text/plain\r\n\r\nx"),
            Err(UnsupportedFile::Other("a text file"))
        );
    }

    #[test]
    fn name_or_index_of_further_pictures_shows_that_jpegs_are_one_image() {
        let photo = [SOI, &[0xE2, 0, 8, b'M', b'P', b'F', 0, 0, 0]].concat();
        let plain = [SOI, &[0xE0, 0, 4, 1, 2]].concat();
        let format = |head: &[u8], name: &str| identify_named(head, Path::new(name)).unwrap();
        for (name, of_plain, of_photo) in [
            ("a.jpg", ContainerFormat::Image, ContainerFormat::Image),
            ("a.JPEG", ContainerFormat::Image, ContainerFormat::Image),
            ("a", ContainerFormat::Raw, ContainerFormat::Image),
            ("a.bin", ContainerFormat::Raw, ContainerFormat::Image),
            ("a.mjpeg", ContainerFormat::Raw, ContainerFormat::Raw),
        ] {
            assert_eq!((format(&plain, name), format(&photo, name)), (of_plain, of_photo), "{name}");
        }
        let record = [b"00005", SOI, b"more"].concat();
        assert_eq!(format(&record, "a.jpg"), ContainerFormat::Classroom);
        assert_eq!(format(&[b"junk", SOI].concat(), "a.jpg"), ContainerFormat::Raw);
    }

    #[test]
    fn other_file_types_are_named() {
        assert_eq!(identify(b""), Err(UnsupportedFile::Empty));
        assert_eq!(
            identify(b"\0\0\0\x20ftypheic\0\0\x02\0mif1"),
            Err(UnsupportedFile::Other("a HEIC image"))
        );
        assert_eq!(identify(b"hello\n"), Err(UnsupportedFile::Other("a text file")));
        assert_eq!(identify(&[1, 2, 3, 4, 5]), Err(UnsupportedFile::Unknown));
    }
}
