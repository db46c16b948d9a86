//! Data behind the JPEG of a frame. Sans-I/O.

use super::image::has_further_pictures;
use crate::media::jpeg::{JpegHeader, marker};

/// Returns true if a frame has other data behind its JPEG, as far as these bytes from its beginning show it: a format
/// that ends frames at EOI does not keep it in the frame.
///
/// Every byte behind the JPEG of an image file belongs to the image. In films and streams, padding behind a JPEG is
/// common; there, only further pictures count.
pub fn has_appendix(jpeg: &[u8], is_image_file: bool) -> bool {
    let end = JpegHeader::parse(jpeg).ok().and_then(|header| header.end_of_scans());
    let behind = end.and_then(|end| jpeg.get(end + 2..)).unwrap_or_default();
    match is_image_file {
        true => behind.iter().any(|byte| *byte != 0),
        false => {
            memchr::memmem::find(behind, &[0xFF, marker::SOI, 0xFF]).is_some() || has_further_pictures(jpeg)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A JPEG of one gray pixel block, without a valid scan, followed by these bytes.
    fn jpeg_with(behind: &[u8]) -> Vec<u8> {
        let start = [0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0];
        let scan = [0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 7, 0xFF, 0xD9];
        [&start[..], &scan, behind].concat()
    }

    #[test]
    fn data_behind_a_jpeg_is_an_appendix_and_padding_is_none() {
        let picture = jpeg_with(&[]);
        for (behind, of_image, of_film) in [
            (&b""[..], false, false),
            (&[0; 9], false, false),
            (b"SEFT", true, false),
            (&[0xFF; 3], true, false),
            (&picture, true, true),
        ] {
            let jpeg = jpeg_with(behind);
            assert_eq!(
                (has_appendix(&jpeg, true), has_appendix(&jpeg, false)),
                (of_image, of_film),
                "{behind:?}"
            );
        }
        assert!(!has_appendix(b"no JPEG", true) && !has_appendix(&picture[..20], true));
    }
}
