//! From Huffman tables of a picture's own to the standard ones, without touching a coefficient.
//!
//! RFC 2435 leaves the Huffman tables out, and every receiver puts those of T.81 Annex K in. Here the symbols of a
//! picture are taken out of its own codes and written in the standard ones, interleaved in one scan. Nothing is
//! dequantized, so that a decoder shows the same pixels for both.

use super::bits::BitWriter;
use super::blocks::{self, Block, END_OF_BLOCK, Plane};
use super::header::{Component, JpegError, JpegHeader, standard_header};
use super::huffman::HuffmanEncoder;
use super::limits::MAX_PIXELS;
use super::{marker, tables};

/// Bits of the largest DC difference that the standard tables have a code for.
const MAX_STANDARD_DC_SIZE: u32 = 11;

/// Writes a sequential picture of eight bits, 4:2:2 or 4:2:0, with the standard Huffman tables in one scan.
///
/// # Errors
/// When the picture is of another kind or damaged, or a coefficient has no standard code.
pub fn with_standard_huffman(jpeg: &[u8]) -> Result<Vec<u8>, JpegError> {
    let header = JpegHeader::parse(jpeg)?;
    let unsupported = |what| JpegError { message: what, offset: header.scan_data_start() };
    let frame = header.frame_header();
    if !matches!(frame.sof_marker, marker::SOF0 | marker::SOF1) || frame.precision != 8 {
        return Err(unsupported("a picture that is not sequential with eight bits a sample"));
    }
    let dimensions = frame.dimensions;
    let pixels = usize::from(dimensions.width) * usize::from(dimensions.height);
    if !(1..=MAX_PIXELS).contains(&pixels) {
        return Err(unsupported("a picture of no stated height, or of too many pixels"));
    }
    let [y, cb, cr] = frame.components[..] else { return Err(unsupported("not three components")) };
    let sampling = ChromaSampling::from_components(y, cb, cr)
        .ok_or_else(|| unsupported("a sampling that is neither 4:2:2 nor 4:2:0"))?;
    let table = |component: Component| header.quantization_table(component.quantization_table);
    let (Some(luminance), Some(chrominance)) = (table(y), table(cb).filter(|_| table(cb) == table(cr)))
    else {
        return Err(unsupported("quantization tables that are not two of eight bits"));
    };
    // With several scans, or other units than the standard ones, the markers would fall between other blocks.
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
        return Err(JpegError { message: "not three components", offset: 0 });
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
    let no_code = JpegError { message: "a coefficient that the standard tables have no code for", offset: 0 };
    writer.write_scan(mcu_count, restart_interval).ok_or(no_code)?;
    writer.bits.write_marker(marker::EOI);
    Ok(writer.bits.into_bytes())
}

/// How chrominance is sampled, where RFC 2435 has a type for it.
struct ChromaSampling {
    /// Rows of luminance for one of chrominance: 1 in 4:2:2, 2 in 4:2:0.
    vertical_ratio: u8,
    /// The factors are the usual ones, and not multiples of them, as ffmpeg writes them for 4:2:2.
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
        let vertical =
            [1, 2].into_iter().find(|times| y.vertical_sampling == times * cb.vertical_sampling)?;
        (y.vertical_sampling <= 4)
            .then_some(Self { vertical_ratio: vertical, is_reduced: chrominance == (1, 1) })
    }
}

/// Writes blocks in the order of RFC 2435.
struct ScanWriter<'a> {
    bits: BitWriter,
    components: [ComponentWriter<'a>; 3],
}

/// One component on its way out.
struct ComponentWriter<'a> {
    plane: &'a Plane,
    /// Blocks in a minimum coded unit, across and down.
    mcu_blocks: (usize, usize),
    dc_encoder: HuffmanEncoder,
    ac_encoder: HuffmanEncoder,
    prediction: i32,
}

impl<'a> ComponentWriter<'a> {
    fn new(
        plane: &'a Plane,
        unit: (usize, usize),
        dc: tables::HuffmanTable<'_>,
        ac: tables::HuffmanTable<'_>,
    ) -> Self {
        Self {
            plane,
            mcu_blocks: unit,
            dc_encoder: HuffmanEncoder::new(dc),
            ac_encoder: HuffmanEncoder::new(ac),
            prediction: 0,
        }
    }

    /// Puts a block, or one that differs in nothing from the one before where the picture has none: it only fills
    /// up the last minimum coded unit.
    fn write_block(&mut self, block: Option<Block>, bits: &mut BitWriter) -> Option<()> {
        let Some(block) = block else {
            self.dc_encoder.encode(bits, 0)?;
            return self.ac_encoder.encode(bits, END_OF_BLOCK.run_and_size);
        };
        let difference = block.dc.wrapping_sub(self.prediction);
        self.prediction = block.dc;
        let size = 32 - difference.unsigned_abs().leading_zeros();
        if size > MAX_STANDARD_DC_SIZE {
            return None;
        }
        self.dc_encoder.encode(bits, size as u8)?;
        // What is negative is written less one, in as many bits (T.81 §F.1.2.1).
        let coded = if difference < 0 { difference - 1 } else { difference };
        bits.write((coded & ((1 << size) - 1)) as u16, size as u8);
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
                self.components.iter_mut().for_each(|part| part.prediction = 0);
            }
            for part in &mut self.components {
                for block_index in 0..part.mcu_blocks.0 * part.mcu_blocks.1 {
                    let column = mcu % across * part.mcu_blocks.0 + block_index % part.mcu_blocks.0;
                    let row = mcu / across * part.mcu_blocks.1 + block_index / part.mcu_blocks.0;
                    part.write_block(part.plane.block(column, row), &mut self.bits)?;
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
        // One unit of six blocks, each of them a DC difference of 0 and the end of the block; but the first block
        // begins with an AC coefficient of eleven bits, which is written as 10.
        let dimensions = Dimensions { width: 16, height: 16 };
        let mut jpeg = standard_header(dimensions, 2, [&[1; 64], &[1; 64]], None);
        let custom_table = [&[0x10, 0, 2], &[0; 14][..], &[0x00, 0x0B]].concat();
        let sos = jpeg.len() - 14;
        let segment = [&[0xFF, marker::DHT, 0, custom_table.len() as u8 + 2], &custom_table[..]].concat();
        jpeg.splice(sos..sos, segment);
        let mut bits = BitWriter::new(jpeg);
        // In the standard tables 00 is a difference of 0; here 00 and 01 are the two AC symbols.
        for (value, count) in [(0b00, 2), (0b01, 2), (0b100_0000_0000, 11), (0b00, 2)] {
            bits.write(value, count);
        }
        (0..3).for_each(|_| bits.write(0b0000, 4));
        (0..2).for_each(|_| bits.write(0b0000, 4));
        bits.write_marker(marker::EOI);
        let error = with_standard_huffman(&bits.into_bytes()).unwrap_err();
        assert_eq!(error.message, "a coefficient that the standard tables have no code for");
    }
}
