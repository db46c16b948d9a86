//! Parsing of frames that RFC 2435 can carry.

use super::depacketizer::is_jpeg;
use crate::media::jpeg::{Component, JpegHeader, tables};

/// Reason why a payload format cannot carry a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnsupportedJpeg {
    /// The header is malformed, or the frame has to be re-encoded and cannot be decoded.
    #[error("its JPEG header is malformed")]
    MalformedHeader,
    /// The frame is not baseline sequential with 8 bits per sample.
    #[error("it is not baseline JPEG with 8 bits per sample")]
    NotBaseline,
    /// The frame does not have Y, Cb and Cr in this order in a single scan.
    #[error("it does not consist of Y, Cb and Cr in one scan")]
    Components,
    /// Chrominance is neither 4:2:2 nor 4:2:0.
    #[error("its chrominance is neither 4:2:2 nor 4:2:0")]
    Subsampling,
    /// The Huffman tables are not the standard ones.
    #[error("its Huffman tables are not the standard ones")]
    HuffmanTables,
    /// A quantization table is missing, has 16-bit elements, or differs between the two chrominance components.
    #[error("its quantization tables are not two of 8 bits")]
    QuantizationTables,
    /// Width or height is over 2,040 pixels (RFC 2435), the frame is longer than 16 MiB, or it has too many pixels to
    /// be re-encoded.
    #[error("it is too large")]
    TooLarge,
}

/// The fields of a frame that RFC 2435 transmits.
#[derive(Debug, Clone)]
pub struct Rfc2435Frame<'a> {
    /// Type without the restart bit: 0 for 4:2:2, 1 for 4:2:0.
    pub(super) jpeg_type: u8,
    /// Width in blocks of eight pixels, rounded up.
    pub(super) width: u8,
    /// Height in blocks of eight pixels, rounded up.
    pub(super) height: u8,
    /// Luminance and chrominance tables, in zigzag order.
    pub(super) quantization_tables: [&'a [u8; 64]; 2],
    /// Number of minimum coded units between restart markers; 0 without restart markers.
    pub(super) restart_interval: u16,
    /// Entropy-coded data without EOI.
    pub(super) scan_data: &'a [u8],
}

/// Maximum number of blocks of eight pixels in a row or column (RFC 2435 §3.1.5).
const MAX_BLOCKS: u16 = 255;

impl<'a> Rfc2435Frame<'a> {
    /// Parses a frame.
    ///
    /// # Errors
    /// Returns the reason if RFC 2435 cannot carry the frame.
    pub fn parse(jpeg: &'a [u8]) -> Result<Self, UnsupportedJpeg> {
        let header = JpegHeader::parse(jpeg).map_err(|_| UnsupportedJpeg::MalformedHeader)?;
        let frame = header.frame_header();
        if !header.is_baseline() || frame.precision != 8 {
            return Err(UnsupportedJpeg::NotBaseline);
        }
        let [y, cb, cr] = frame.components[..] else { return Err(UnsupportedJpeg::Components) };
        let jpeg_type = subsampling_type(y, cb, cr)?;
        let width = frame.dimensions.width.div_ceil(8);
        let height = frame.dimensions.height.div_ceil(8);
        if width > MAX_BLOCKS || height > MAX_BLOCKS || height == 0 {
            return Err(UnsupportedJpeg::TooLarge);
        }
        check_scan(&header, [y, cb, cr])?;
        let luminance =
            header.quantization_table(y.quantization_table).ok_or(UnsupportedJpeg::QuantizationTables)?;
        let chrominance =
            header.quantization_table(cb.quantization_table).ok_or(UnsupportedJpeg::QuantizationTables)?;
        if header.quantization_table(cr.quantization_table) != Some(chrominance) {
            return Err(UnsupportedJpeg::QuantizationTables);
        }
        // Other players do not expect any data behind the JPEG.
        let end = header.end_of_scans().unwrap_or(jpeg.len());
        let mut scan_data = &jpeg[header.scan_data_start()..end];
        while let Some(without_eoi) = scan_data.strip_suffix(&[0xFF, 0xD9]) {
            scan_data = without_eoi;
        }
        // Receivers would take the data for a complete JPEG.
        if is_jpeg(scan_data) {
            return Err(UnsupportedJpeg::MalformedHeader);
        }
        Ok(Self {
            jpeg_type,
            width: width as u8,
            height: height as u8,
            quantization_tables: [luminance, chrominance],
            restart_interval: header.restart_interval(),
            scan_data,
        })
    }
}

fn subsampling_type(y: Component, cb: Component, cr: Component) -> Result<u8, UnsupportedJpeg> {
    match [
        (y.horizontal_sampling, y.vertical_sampling),
        (cb.horizontal_sampling, cb.vertical_sampling),
        (cr.horizontal_sampling, cr.vertical_sampling),
    ] {
        [(2, 1), (1, 1), (1, 1)] => Ok(0),
        [(2, 2), (1, 1), (1, 1)] => Ok(1),
        _ => Err(UnsupportedJpeg::Subsampling),
    }
}

/// Checks for one scan of all three components, the first with the standard luminance tables and the others with the
/// standard chrominance tables.
fn check_scan(header: &JpegHeader<'_>, components: [Component; 3]) -> Result<(), UnsupportedJpeg> {
    let scan = header.scan_components();
    if !scan.iter().map(|c| c.id).eq(components.iter().map(|c| c.id)) {
        return Err(UnsupportedJpeg::Components);
    }
    // A frame without DHT implies the standard tables: luminance at destination 0, chrominance at destination 1.
    let table = |key: u8| match header.has_huffman_tables() {
        true => header.huffman_table(key),
        false => tables::STANDARD_HUFFMAN.iter().find(|(k, _)| *k == key).map(|(_, table)| *table),
    };
    let expected = [
        (tables::LUMINANCE_DC, tables::LUMINANCE_AC),
        (tables::CHROMINANCE_DC, tables::CHROMINANCE_AC),
        (tables::CHROMINANCE_DC, tables::CHROMINANCE_AC),
    ];
    for (component, (dc, ac)) in scan.iter().zip(expected) {
        if table(component.dc_table) != Some(dc) || table(0x10 | component.ac_table) != Some(ac) {
            return Err(UnsupportedJpeg::HuffmanTables);
        }
    }
    Ok(())
}
