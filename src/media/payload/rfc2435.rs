//! Which pictures RFC 2435 can carry.

use std::fmt;

use crate::media::jpeg::{Component, JpegHeader, tables};

/// Why RFC 2435 cannot carry a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsupportedJpeg {
    /// The header cannot be read.
    MalformedHeader,
    /// Not baseline sequential with eight bits a sample.
    NotBaseline,
    /// Not three components in one scan, or in another order.
    Components,
    /// Not 4:2:2 or 4:2:0.
    Subsampling,
    /// Huffman tables of its own.
    HuffmanTables,
    /// Quantization tables that are missing, of 16 bits, or different for the two chrominance components.
    QuantizationTables,
    /// Over 2,040 pixels.
    TooLarge,
    /// The header segments that cannot be left out are longer than a packet.
    HeaderTooLong,
}

impl fmt::Display for UnsupportedJpeg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MalformedHeader => "its JPEG header cannot be read",
            Self::NotBaseline => "its pictures are not baseline JPEG",
            Self::Components => "its pictures do not consist of Y, Cb and Cr in one scan",
            Self::Subsampling => "its chrominance is neither 4:2:2 nor 4:2:0",
            Self::HuffmanTables => "its Huffman tables are not the standard ones",
            Self::QuantizationTables => "its quantization tables are not two of eight bits",
            Self::TooLarge => "it is larger than 2040 pixels",
            Self::HeaderTooLong => "its JPEG header is longer than a packet",
        })
    }
}

impl std::error::Error for UnsupportedJpeg {}

/// A picture as RFC 2435 sees it.
#[derive(Debug, Clone)]
pub struct Rfc2435Frame<'a> {
    /// Without the restart bit: 0 for 4:2:2, 1 for 4:2:0.
    pub(super) jpeg_type: u8,
    /// Width in blocks of eight pixels.
    pub(super) width: u8,
    /// Height in blocks of eight pixels.
    pub(super) height: u8,
    /// The luminance and the chrominance table, in zigzag order.
    pub(super) quantization_tables: [&'a [u8; 64]; 2],
    /// 0 for none.
    pub(super) restart_interval: u16,
    /// The entropy-coded data without EOI.
    pub(super) scan_data: &'a [u8],
}

/// The most blocks of eight pixels that the header has room for.
const MAX_BLOCKS: u16 = 255;

impl<'a> Rfc2435Frame<'a> {
    /// Reads a picture.
    ///
    /// # Errors
    /// Why RFC 2435 cannot carry it.
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
        let scan_data = &jpeg[header.scan_data_start()..];
        Ok(Self {
            jpeg_type,
            width: width as u8,
            height: height as u8,
            quantization_tables: [luminance, chrominance],
            restart_interval: header.restart_interval(),
            scan_data: scan_data.strip_suffix(&[0xFF, 0xD9]).unwrap_or(scan_data),
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

/// One scan of all three components, the first with the luminance tables and the others with the chrominance tables.
fn check_scan(header: &JpegHeader<'_>, components: [Component; 3]) -> Result<(), UnsupportedJpeg> {
    let scan = header.scan_components();
    if !scan.iter().map(|c| c.id).eq(components.iter().map(|c| c.id)) {
        return Err(UnsupportedJpeg::Components);
    }
    // Without any DHT the standard tables are meant: those of luminance as 0, those of chrominance as 1.
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
