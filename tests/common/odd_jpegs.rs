//! JPEGs with the peculiarities of cameras, phones and converters, made from ordinary ones.

use super::jpegs::{JpegKind, modify_segments, test_jpeg};

/// A peculiarity of a JPEG that other programs accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// The JPEG ends after its last block, without EOI.
    NoEoi,
    /// A trailer of the manufacturer, without 0xFF, takes the place of EOI.
    Trailer,
    /// SOI is written twice.
    DoubleSoi,
    /// Four zero bytes follow a header segment.
    HeaderJunk,
    /// A reserved marker and another byte follow the last block.
    ReservedMarker,
    /// A DNL segment repeats the height after the scan.
    RepeatedHeight,
    /// The height is 0 in the frame header and follows in a DNL segment.
    HeightAfterScan,
}

impl Oddity {
    pub const ALL: [Self; 7] = [
        Self::NoEoi,
        Self::Trailer,
        Self::DoubleSoi,
        Self::HeaderJunk,
        Self::ReservedMarker,
        Self::RepeatedHeight,
        Self::HeightAfterScan,
    ];
}

/// Returns a JPEG that ends with EOI, changed so that it has this peculiarity and the same pixels.
pub fn odd_jpeg(oddity: Oddity, jpeg: &[u8]) -> Vec<u8> {
    let (data, eoi) = jpeg.split_at(jpeg.len() - 2);
    assert_eq!(eoi, [0xFF, 0xD9]);
    let frame_header = frame_header_at(jpeg);
    let height = &jpeg[frame_header + 5..frame_header + 7];
    match oddity {
        Oddity::NoEoi => data.to_vec(),
        Oddity::Trailer => [data, b"\0\0\x01\x0AImage_UTC_Data1700000000000SEFHk\0\0\0SEFT"].concat(),
        Oddity::DoubleSoi => [&jpeg[..2], jpeg].concat(),
        Oddity::HeaderJunk => [&jpeg[..frame_header], &[0; 4], &jpeg[frame_header..]].concat(),
        Oddity::ReservedMarker => [data, &[0xFF, 0x7F, 0x01], eoi].concat(),
        Oddity::RepeatedHeight => [data, &[0xFF, 0xDC, 0, 4], height, eoi].concat(),
        Oddity::HeightAfterScan => {
            let mut odd = [data, &[0xFF, 0xDC, 0, 4], height, eoi].concat();
            odd[frame_header + 5..frame_header + 7].fill(0);
            odd
        }
    }
}

/// Returns the position of the baseline frame header in bytes.
pub fn frame_header_at(jpeg: &[u8]) -> usize {
    jpeg.windows(4).position(|bytes| bytes == [0xFF, 0xC0, 0, 17]).expect("no frame header")
}

/// Returns a JPEG with metadata segments of these codes and lengths in bytes.
pub fn with_metadata(jpeg: &[u8], segments: &[(u8, usize)]) -> Vec<u8> {
    modify_segments(jpeg, |all| {
        for (code, length) in segments.iter().rev() {
            all.insert(0, (*code, (0..*length).map(|byte| byte as u8).collect()));
        }
    })
}

/// Returns an RGB JPEG: components without colour transform, as an Adobe APP14 segment behind an ICC profile states.
pub fn rgb_jpeg(size: (u16, u16), seed: u32) -> Vec<u8> {
    modify_segments(&test_jpeg(JpegKind::Classroom444, size, seed, 0), |all| {
        all.insert(0, (0xEE, b"Adobe\0\x64\0\0\0\0\0".to_vec()));
        all.insert(0, (0xE2, [b"ICC_PROFILE\0\x01\x01", &[0xA5; 3_144][..]].concat()));
    })
}
