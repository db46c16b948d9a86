//! Detection of file formats from the first bytes of a file. File names are not considered.

use std::fmt;

use super::avi;
use super::unsupported::{UnsupportedFile, VideoCodec};

/// Number of bytes that [`identify`] examines.
pub const HEAD_LENGTH: usize = 64 * 1024;

/// Arrangement of the frames in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerFormat {
    /// The classroom format: records of one or more frames, each preceded by its length in ASCII digits.
    Classroom,
    /// AVI, with the extensions of OpenDML.
    Avi,
    /// Frames one after the other, with or without other bytes between them.
    Raw,
}

impl fmt::Display for ContainerFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Classroom => "classroom format",
            Self::Avi => "AVI",
            Self::Raw => "raw JPEG",
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
    if let Some(unsupported) = unsupported_kind(head) {
        return Err(unsupported);
    }
    match memchr::memmem::find(head, SOI) {
        Some(_) => Ok(ContainerFormat::Raw),
        None if is_text(head) => Err(UnsupportedFile::Other("a text file")),
        None => Err(UnsupportedFile::Unknown),
    }
}

/// SOI and the 0xFF of the next marker.
pub(super) const SOI: &[u8] = &[0xFF, 0xD8, 0xFF];

/// Maximum length of a length field, in bytes.
pub(super) const MAX_LENGTH_FIELD: usize = 10;

/// Returns whether bytes begin with a record: digits, padded with zeros or spaces, then SOI.
pub(super) fn starts_with_record(bytes: &[u8]) -> bool {
    let field = bytes.iter().take(MAX_LENGTH_FIELD).take_while(|byte| is_length_byte(**byte)).count();
    bytes[..field].iter().any(u8::is_ascii_digit) && bytes[field..].starts_with(&SOI[..2])
}

pub(super) fn is_length_byte(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b' '
}

fn unsupported_kind(head: &[u8]) -> Option<UnsupportedFile> {
    let starts = |magic: &[u8]| head.starts_with(magic);
    let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    let media = |name| Some(UnsupportedFile::Media(name));
    let container = |name| Some(UnsupportedFile::Container(name));
    let iso = |name| Some(iso_kind(head, name));
    let other = |name| Some(UnsupportedFile::Other(name));
    match () {
        () if at(4, b"ftypqt") => iso("a QuickTime film"),
        () if at(4, b"ftyp") => iso("an MP4 film"),
        () if at(4, b"moov") || at(4, b"mdat") || at(4, b"wide") => iso("a QuickTime film"),
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

/// Returns the kind of a film in an ISO base media file by the sample description in its first bytes. Files that have it
/// at the end are not told apart.
fn iso_kind(head: &[u8], container: &'static str) -> UnsupportedFile {
    // After "stsd": version and flags, number of entries, length of the first entry, then its codec (ISO 14496-12 §8.5.2).
    let codecs = memchr::memmem::find_iter(head, b"stsd").filter_map(|at| head.get(at + 16..at + 20));
    for codec in codecs {
        match codec {
            b"jpeg" | b"mjpa" => return UnsupportedFile::MotionJpegIn(container),
            _ => {
                if let Some(name) = iso_codec_name(codec) {
                    return UnsupportedFile::Codec { container, codec: VideoCodec::Named(name) };
                }
            }
        }
    }
    UnsupportedFile::Container(container)
}

/// Returns the name of a video codec in a sample description; `None` for codecs that are not known, and for sound.
fn iso_codec_name(codec: &[u8]) -> Option<&'static str> {
    Some(match codec {
        b"avc1" | b"avc3" => "H.264",
        b"hvc1" | b"hev1" => "H.265",
        b"av01" => "AV1",
        b"vp08" => "VP8",
        b"vp09" => "VP9",
        b"apcn" | b"apch" | b"apcs" | b"apco" | b"ap4h" | b"ap4x" => "ProRes",
        b"s263" | b"h263" => "H.263",
        b"SVQ1" | b"SVQ3" => "Sorenson video",
        b"mjpb" => "Motion JPEG B",
        _ => return None,
    })
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
        assert_eq!(
            identify(&[b"--boundary\r\nContent-Type: image/jpeg\r\n\r\n", SOI].concat()),
            Ok(ContainerFormat::Raw)
        );
        assert_eq!(identify(&[&[0u8; 100][..], SOI].concat()), Ok(ContainerFormat::Raw));
    }

    #[test]
    fn other_file_types_are_named() {
        assert_eq!(identify(b""), Err(UnsupportedFile::Empty));
        assert_eq!(
            identify(b"\0\0\0\x20ftypisom\0\0\x02\0isom"),
            Err(UnsupportedFile::Container("an MP4 film"))
        );
        assert_eq!(identify(b"hello\n"), Err(UnsupportedFile::Other("a text file")));
        assert_eq!(identify(&[1, 2, 3, 4, 5]), Err(UnsupportedFile::Unknown));
    }

    #[test]
    fn codec_of_a_quicktime_film_is_named_if_it_is_in_the_first_bytes() {
        let film = |codec: &[u8; 4]| {
            let description = [&b"stsd\0\0\0\0\0\0\0\x01\0\0\0\x56"[..], codec].concat();
            identify(&[&b"\0\0\0\x14ftypqt  \0\0\x02\0qt  \0\0\x10\0moov"[..], &description].concat())
        };
        let container = "a QuickTime film";
        assert_eq!(film(b"jpeg"), Err(UnsupportedFile::MotionJpegIn(container)));
        let codec = VideoCodec::Named("H.264");
        assert_eq!(film(b"avc1"), Err(UnsupportedFile::Codec { container, codec }));
        assert_eq!(film(b"mp4a"), Err(UnsupportedFile::Container(container)));
    }
}
