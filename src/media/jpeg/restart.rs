//! Restart markers that are inserted into a frame and removed again, without a loss (T.81 §F.1.1.5.2).
//!
//! After a restart marker, a decoder needs nothing of the data before it. A sender inserts the markers so that each
//! packet can be decoded alone; [`remove_restarts`] returns exactly the bytes that [`insert_restarts`] was given.
//! Coefficients are not changed: only the first DC difference of each component after a marker is encoded again.

use super::bits::BitWriter;
use super::header::{JpegError, JpegHeader};
use super::scan::ScanCopier;
use super::standard_header::restart_segment;
use super::{marker, standard_header};

/// Maximum number of restart intervals in a frame: the position of an interval has 14 bits, and all ones are reserved
/// (RFC 2435 §3.1.7).
pub const MAX_INTERVALS: usize = 0x3FFF;

/// The scan of a frame with restart markers inserted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkedScan {
    /// Scan data with restart markers, and everything that follows it in the frame.
    pub data: Vec<u8>,
    /// Position at which each interval begins in `data`, after its restart marker; the first is 0.
    pub interval_starts: Vec<usize>,
    /// Number of minimum coded units in an interval.
    pub interval: u16,
    /// The last byte of the original scan data is padded with zeros instead of ones.
    pub has_zero_padding: bool,
}

/// Inserts restart markers into the scan of a frame, so that an interval has about `interval_length` bytes on average.
///
/// # Errors
/// Returns a [`JpegError`] if the frame is not sequential with a single scan, has restart markers of its own, is
/// damaged, or lacks a Huffman code that is needed, or if bytes between its last block and the next marker would be
/// lost.
pub fn insert_restarts(header: &JpegHeader<'_>, interval_length: usize) -> Result<MarkedScan, JpegError> {
    let start = header.scan_data_start();
    if header.restart_interval() > 0 {
        return Err(JpegError { message: "frame with restart markers of its own", offset: start });
    }
    let mut copier = ScanCopier::new(header)?;
    let (mcus, jpeg) = (copier.grid().total(), header.jpeg());
    let scan_length = (jpeg.len() - start).max(1);
    let per_length = mcus.saturating_mul(interval_length) / scan_length;
    let interval = per_length.clamp(mcus.div_ceil(MAX_INTERVALS), usize::from(u16::MAX)).max(1);
    copier.start(jpeg, start);
    let mut writer = BitWriter::new(Vec::with_capacity(scan_length + mcus / interval * 8 + 16));
    let mut interval_starts = Vec::with_capacity(mcus / interval + 1);
    for mcu in 0..mcus {
        if mcu % interval == 0 {
            if mcu > 0 {
                copier.flush(&mut writer);
                writer.write_marker(restart_marker(interval_starts.len() - 1));
                copier.restart_writing();
            }
            interval_starts.push(writer.len());
        }
        copier.copy_mcu(&mut writer)?;
    }
    copier.flush(&mut writer);
    let (has_zero_padding, end) = copier.finish()?;
    writer.pad(true);
    writer.append(&jpeg[end..]);
    Ok(MarkedScan {
        data: writer.into_bytes(),
        interval_starts,
        // The interval is at most 65,535.
        interval: interval as u16,
        has_zero_padding,
    })
}

/// Restart markers that a sender has inserted into a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InsertedRestarts {
    /// The last byte of the original scan data is padded with zeros instead of ones.
    pub has_zero_padding: bool,
}

impl InsertedRestarts {
    /// Returns the original frame.
    ///
    /// # Errors
    /// Returns a [`JpegError`] in the same cases as [`remove_restarts`].
    pub fn remove(self, marked: &[u8]) -> Result<Vec<u8>, JpegError> {
        remove_restarts(marked, self.has_zero_padding)
    }
}

/// Returns the marker that follows the restart interval with this index.
pub(super) fn restart_marker(interval: usize) -> u8 {
    marker::RST0 + (interval % 8) as u8
}

/// Returns a header, from SOI to SOS, with a DRI segment before SOS. `scan_header` is the position of SOS.
pub fn with_restart_interval(header: &[u8], scan_header: usize, interval: u16) -> Vec<u8> {
    let (before, after) = header.split_at(scan_header.min(header.len()));
    [before, &restart_segment(interval), after].concat()
}

/// Returns the original frame of one into whose scan restart markers were inserted by [`insert_restarts`], and into
/// whose header a DRI segment by [`with_restart_interval`].
///
/// # Errors
/// Returns a [`JpegError`] if the frame has no such DRI segment, or is damaged.
pub fn remove_restarts(marked: &[u8], has_zero_padding: bool) -> Result<Vec<u8>, JpegError> {
    let header = JpegHeader::parse(marked)?;
    let scan_header = header.sos_segment().range.clone();
    let dri = scan_header.start.saturating_sub(standard_header::RESTART_SEGMENT_LENGTH);
    let interval = header.restart_interval();
    if interval == 0 || marked[dri..scan_header.start] != restart_segment(interval) {
        return Err(JpegError {
            message: "missing restart interval before the scan",
            offset: scan_header.start,
        });
    }
    let mut copier = ScanCopier::new(&header)?;
    copier.start(marked, header.scan_data_start());
    let mut output = Vec::with_capacity(marked.len());
    output.extend_from_slice(&marked[..dri]);
    output.extend_from_slice(&marked[scan_header]);
    let mut writer = BitWriter::new(output);
    let interval = usize::from(interval);
    for mcu in 0..copier.grid().total() {
        if mcu > 0 && mcu % interval == 0 {
            copier.flush(&mut writer);
            let (_, end) = copier.finish()?;
            if !marked[end..].starts_with(&[0xFF, restart_marker(mcu / interval - 1)]) {
                return Err(JpegError { message: "missing restart marker", offset: end });
            }
            copier.start(marked, end + 2);
        }
        copier.copy_mcu(&mut writer)?;
    }
    copier.flush(&mut writer);
    let (_, end) = copier.finish()?;
    writer.pad(!has_zero_padding);
    writer.append(&marked[end..]);
    Ok(writer.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::decode::decode;

    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    /// Encodes noise of 100×60 pixels.
    fn noise_jpeg(quality: u8, is_optimized: bool) -> Vec<u8> {
        let mut jpeg = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut jpeg, quality);
        encoder.set_optimized_huffman_tables(is_optimized);
        encoder.encode(&noise(100 * 60 * 3), 100, 60, jpeg_encoder::ColorType::Rgb).unwrap();
        jpeg
    }

    /// Returns a frame with restart markers, and the bytes that are restored from it.
    fn round_trip(jpeg: &[u8], interval_length: usize) -> Result<(Vec<u8>, Vec<u8>), JpegError> {
        let header = JpegHeader::parse(jpeg)?;
        let scan = insert_restarts(&header, interval_length)?;
        let header_bytes = &jpeg[..header.scan_data_start()];
        let mut marked = with_restart_interval(header_bytes, header.sos_segment().range.start, scan.interval);
        marked.extend_from_slice(&scan.data);
        let restored = remove_restarts(&marked, scan.has_zero_padding)?;
        Ok((marked, restored))
    }

    #[test]
    fn original_bytes_and_pixels_are_kept() {
        for (quality, is_optimized) in [(20, false), (90, false), (90, true), (100, true)] {
            let jpeg = noise_jpeg(quality, is_optimized);
            for interval_length in [1, 100, 1_000, 1_000_000] {
                let result = round_trip(&jpeg, interval_length);
                if is_optimized && result.is_err() {
                    // A DC difference that the optimized table does not have.
                    continue;
                }
                let (marked, restored) = result.unwrap();
                assert!(restored == jpeg, "quality {quality}, intervals of {interval_length} bytes");
                let (mut expected, mut pixels) = (Vec::new(), Vec::new());
                assert_eq!(decode(&jpeg, &mut expected), decode(&marked, &mut pixels));
                assert!(pixels == expected);
            }
        }
    }

    #[test]
    fn padding_and_trailing_bytes_are_restored() {
        let dimensions = super::super::Dimensions { width: 16, height: 8 };
        let header = super::super::standard_header(dimensions, 1, [&[1; 64], &[1; 64]], None);
        let with_scan = |scan: &[u8]| [&header[..], scan].concat();
        // One MCU: twice 00 1010 for luminance, twice 00 00 for chrominance, and four bits of padding.
        for padding in [0x0F, 0x00] {
            for tail in [&[0xFF, 0xD9][..], &[], &[0xFF, 0xFF, 0xD9, 1, 2, 3]] {
                let jpeg = with_scan(&[&[0b0010_1000, 0b1010_0000, padding][..], tail].concat());
                assert_eq!(round_trip(&jpeg, 1).unwrap().1, jpeg, "{padding} {tail:?}");
            }
        }
        let odd = with_scan(&[0b0010_1000, 0b1010_0000, 0x05, 0xFF, 0xD9]);
        assert_eq!(round_trip(&odd, 1).unwrap_err().message, "padding that is neither ones nor zeros");
        let long = with_scan(&[0b0010_1000, 0b1010_0000, 0x0F, 0, 0xFF, 0xD9]);
        assert_eq!(round_trip(&long, 1).unwrap_err().message, "data after the last block");
    }

    #[test]
    fn damaged_frames_are_rejected() {
        let jpeg = noise_jpeg(80, false);
        let start = JpegHeader::parse(&jpeg).unwrap().scan_data_start();
        let (mut identical, mut rejected) = (0, 0);
        for position in start..jpeg.len() {
            let mut damaged = jpeg.clone();
            damaged[position] ^= 0x55;
            match round_trip(&damaged, 200) {
                Ok((_, restored)) => {
                    assert!(restored == damaged, "byte {position}");
                    identical += 1;
                }
                Err(_) => rejected += 1,
            }
        }
        assert!(identical > 0 && rejected > 0, "{identical} {rejected}");
    }
}
