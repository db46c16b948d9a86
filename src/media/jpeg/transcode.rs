//! Lossless conversion of frames to the standard Huffman tables.
//!
//! RFC 2435 leaves out the Huffman tables, and receivers use those of T.81 annex K. This module decodes the symbols of
//! a frame and encodes them with the standard tables, interleaved in one scan. Coefficients are not dequantized, so a
//! decoder shows the same pixels for both frames.

use super::bits::BitWriter;
use super::blocks::{self, Block, END_OF_BLOCK, Plane};
use super::header::{Component, JpegError, JpegHeader};
use super::huffman::HuffmanEncoder;
use super::limits::MAX_PIXELS;
use super::standard_header::standard_header;
use super::{marker, tables};

/// Maximum size of a DC difference in the standard tables, in bits.
const MAX_STANDARD_DC_SIZE: u32 = 11;

/// Encodes a sequential frame of 8 bits, 4:2:2 or 4:2:0, with the standard Huffman tables in one scan.
///
/// # Errors
/// Returns a [`JpegError`] if the frame is of another kind or damaged, or a coefficient has no standard code.
pub fn with_standard_huffman(jpeg: &[u8]) -> Result<Vec<u8>, JpegError> {
    let header = JpegHeader::parse(jpeg)?;
    let unsupported = |what| JpegError { message: what, offset: header.scan_data_start() };
    let frame = header.frame_header();
    if !matches!(frame.sof_marker, marker::SOF0 | marker::SOF1) || frame.precision != 8 {
        return Err(unsupported("frame that is not sequential with 8 bits per sample"));
    }
    let dimensions = frame.dimensions;
    let pixels = usize::from(dimensions.width) * usize::from(dimensions.height);
    if !(1..=MAX_PIXELS).contains(&pixels) {
        return Err(unsupported("frame without height or with too many pixels"));
    }
    let [y, cb, cr] = frame.components[..] else { return Err(unsupported(NOT_THREE_COMPONENTS)) };
    let sampling = ChromaSampling::from_components(y, cb, cr)
        .ok_or_else(|| unsupported("subsampling that is neither 4:2:2 nor 4:2:0"))?;
    let table = |component: Component| header.quantization_table(component.quantization_table);
    let (Some(luminance), Some(chrominance)) = (table(y), table(cb).filter(|_| table(cb) == table(cr)))
    else {
        return Err(unsupported("quantization tables that are not two of 8 bits"));
    };
    // With several scans or larger units, the restart markers of the source are between other blocks.
    let keeps_restarts = header.scan_components().len() == 3 && sampling.is_reduced;
    let restart_interval = Some(header.restart_interval()).filter(|&interval| keeps_restarts && interval > 0);
    let output =
        standard_header(dimensions, sampling.vertical_ratio, [luminance, chrominance], restart_interval);

    let mcu_count = (
        usize::from(dimensions.width).div_ceil(16),
        usize::from(dimensions.height).div_ceil(8 * usize::from(sampling.vertical_ratio)),
    );
    let planes = blocks::read_planes(header)?;
    let [y, cb, cr] = &planes[..] else {
        return Err(JpegError { message: NOT_THREE_COMPONENTS, offset: 0 });
    };
    let mut writer = ScanWriter {
        bits: BitWriter::new(output),
        components: [
            ComponentWriter::new(
                y,
                (2, usize::from(sampling.vertical_ratio)),
                tables::LUMINANCE_DC,
                tables::LUMINANCE_AC,
            ),
            ComponentWriter::new(cb, (1, 1), tables::CHROMINANCE_DC, tables::CHROMINANCE_AC),
            ComponentWriter::new(cr, (1, 1), tables::CHROMINANCE_DC, tables::CHROMINANCE_AC),
        ],
    };
    let no_code = JpegError { message: "coefficient without a standard Huffman code", offset: 0 };
    writer.write_scan(mcu_count, restart_interval).ok_or(no_code)?;
    writer.bits.write_marker(marker::EOI);
    Ok(writer.bits.into_bytes())
}

const NOT_THREE_COMPONENTS: &str = "frame without exactly three components";

/// Chrominance subsampling of a frame, for the types of RFC 2435.
struct ChromaSampling {
    /// Number of luminance rows for each chrominance row: 1 in 4:2:2, 2 in 4:2:0.
    vertical_ratio: u8,
    /// The sampling factors of chrominance are 1. ffmpeg writes multiples of the usual factors for 4:2:2.
    is_reduced: bool,
}

impl ChromaSampling {
    fn from_components(y: Component, cb: Component, cr: Component) -> Option<Self> {
        let chrominance = (cb.horizontal_sampling, cb.vertical_sampling);
        let is_usual = (1..=2).contains(&cb.horizontal_sampling) && (1..=4).contains(&cb.vertical_sampling);
        if chrominance != (cr.horizontal_sampling, cr.vertical_sampling)
            || !is_usual
            || y.horizontal_sampling != 2 * cb.horizontal_sampling
        {
            return None;
        }
        let vertical_ratio =
            [1, 2].into_iter().find(|ratio| y.vertical_sampling == ratio * cb.vertical_sampling)?;
        (y.vertical_sampling <= 4).then_some(Self { vertical_ratio, is_reduced: chrominance == (1, 1) })
    }
}

/// Writer of one interleaved scan.
struct ScanWriter<'a> {
    bits: BitWriter,
    components: [ComponentWriter<'a>; 3],
}

/// Writer of the blocks of one component.
struct ComponentWriter<'a> {
    plane: &'a Plane,
    /// Number of blocks in a minimum coded unit, horizontally and vertically.
    mcu_blocks: (usize, usize),
    dc_encoder: HuffmanEncoder,
    ac_encoder: HuffmanEncoder,
    prediction: i32,
}

impl<'a> ComponentWriter<'a> {
    fn new(
        plane: &'a Plane,
        mcu_blocks: (usize, usize),
        dc_table: tables::HuffmanTable<'_>,
        ac_table: tables::HuffmanTable<'_>,
    ) -> Self {
        Self {
            plane,
            mcu_blocks,
            dc_encoder: HuffmanEncoder::new(dc_table),
            ac_encoder: HuffmanEncoder::new(ac_table),
            prediction: 0,
        }
    }

    /// Writes a block; `None` if a coefficient has no standard code. A missing block, which only pads the last minimum
    /// coded unit, is written with the DC coefficient of the previous block and no AC coefficients.
    fn write_block(&mut self, block: Option<Block>, bits: &mut BitWriter) -> Option<()> {
        let Some(block) = block else {
            self.dc_encoder.encode(bits, 0)?;
            return self.ac_encoder.encode(bits, END_OF_BLOCK.run_and_size);
        };
        let difference = block.dc.wrapping_sub(self.prediction);
        self.prediction = block.dc;
        if difference.unsigned_abs() >> MAX_STANDARD_DC_SIZE > 0 {
            return None;
        }
        self.dc_encoder.encode_difference(bits, difference)?;
        for symbol in self.plane.symbols(block) {
            self.ac_encoder.encode(bits, symbol.run_and_size)?;
            bits.write(symbol.additional_bits, symbol.run_and_size & 0x0F);
        }
        Some(())
    }
}

impl ScanWriter<'_> {
    fn write_scan(&mut self, (across, down): (usize, usize), restart_interval: Option<u16>) -> Option<()> {
        let interval = usize::from(restart_interval.unwrap_or(0));
        for mcu in 0..across * down {
            if interval > 0 && mcu > 0 && mcu % interval == 0 {
                self.bits.write_marker(marker::RST0 + ((mcu / interval - 1) % 8) as u8);
                self.components.iter_mut().for_each(|component| component.prediction = 0);
            }
            for component in &mut self.components {
                let (width, height) = component.mcu_blocks;
                for block_index in 0..width * height {
                    let column = mcu % across * width + block_index % width;
                    let row = mcu / across * height + block_index / width;
                    component.write_block(component.plane.block(column, row), &mut self.bits)?;
                }
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::jpeg::Dimensions;

    #[test]
    fn coefficient_without_standard_code_is_rejected() {
        // One unit of six blocks, each with a DC difference of 0 and no AC coefficients; only the first block has an AC
        // coefficient, of 11 bits.
        let dimensions = Dimensions { width: 16, height: 16 };
        let mut jpeg = standard_header(dimensions, 2, [&[1; 64], &[1; 64]], None);
        let custom_table = [&[0x10, 0, 2], &[0; 14][..], &[0x00, 0x0B]].concat();
        let sos = jpeg.len() - 14;
        let segment = [&[0xFF, marker::DHT, 0, custom_table.len() as u8 + 2], &custom_table[..]].concat();
        jpeg.splice(sos..sos, segment);
        let mut bits = BitWriter::new(jpeg);
        // The code of a DC difference of 0 is 00 in the standard tables; 00 and 01 are the AC codes of the custom one.
        for (value, count) in [(0b00, 2), (0b01, 2), (0b100_0000_0000, 11), (0b00, 2)] {
            bits.write(value, count);
        }
        (0..3).for_each(|_| bits.write(0b0000, 4));
        (0..2).for_each(|_| bits.write(0b0000, 4));
        bits.write_marker(marker::EOI);
        let error = with_standard_huffman(&bits.into_bytes()).unwrap_err();
        assert_eq!(error.message, "coefficient without a standard Huffman code");
    }
}
