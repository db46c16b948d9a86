//! From Huffman tables of a picture's own to the standard ones, without touching a coefficient.
//!
//! RFC 2435 leaves the Huffman tables out, and every receiver puts those of T.81 Annex K in. Here the symbols of a
//! picture are taken out of its own codes and written in the standard ones, interleaved in one scan. Nothing is
//! dequantized, so that a decoder shows the same pixels for both.

use super::bits::BitWriter;
use super::blocks::{self, Block, END_OF_BLOCK, Plane};
use super::header::{Component, JpegError, JpegHeader, standard_header};
use super::huffman::Encoder;
use super::limits::MOST_PIXELS;
use super::{marker, tables};

/// Bits of the largest DC difference that the standard tables have a code for.
const LARGEST_SIZE: u32 = 11;

/// Writes a sequential picture of eight bits, 4:2:2 or 4:2:0, with the standard Huffman tables in one scan.
///
/// # Errors
/// When the picture is of another kind or damaged, or a coefficient has no standard code.
pub fn with_standard_huffman(jpeg: &[u8]) -> Result<Vec<u8>, JpegError> {
    let header = JpegHeader::parse(jpeg)?;
    let fault = |what| JpegError { what, at: header.scan_start() };
    let frame = header.frame();
    if !matches!(frame.code, marker::SOF0 | marker::SOF1) || frame.precision != 8 {
        return Err(fault("a picture that is not sequential with eight bits a sample"));
    }
    let dimensions = frame.dimensions;
    let pixels = usize::from(dimensions.width) * usize::from(dimensions.height);
    if !(1..=MOST_PIXELS).contains(&pixels) {
        return Err(fault("a picture of no stated height, or of too many pixels"));
    }
    let [y, cb, cr] = frame.components[..] else { return Err(fault("not three components")) };
    let sampling =
        Sampling::of(y, cb, cr).ok_or_else(|| fault("a sampling that is neither 4:2:2 nor 4:2:0"))?;
    let table = |component: Component| header.quantization(component.quantization);
    let (Some(luminance), Some(chrominance)) = (table(y), table(cb).filter(|_| table(cb) == table(cr)))
    else {
        return Err(fault("quantization tables that are not two of eight bits"));
    };
    // With several scans, or other units than the standard ones, the markers would fall between other blocks.
    let keeps_restarts = header.scan().len() == 3 && sampling.is_reduced;
    let restarts = Some(header.restart_interval()).filter(|&interval| keeps_restarts && interval > 0);
    let whole = standard_header(dimensions, sampling.vertical, [luminance, chrominance], restarts);

    let units = (
        usize::from(dimensions.width).div_ceil(16),
        usize::from(dimensions.height).div_ceil(8 * usize::from(sampling.vertical)),
    );
    let planes = blocks::read(header)?;
    let [y, cb, cr] = &planes[..] else { return Err(JpegError { what: "not three components", at: 0 }) };
    let mut writer = Writer {
        bits: BitWriter::new(whole),
        parts: [
            Part::new(y, (2, usize::from(sampling.vertical)), tables::LUMINANCE_DC, tables::LUMINANCE_AC),
            Part::new(cb, (1, 1), tables::CHROMINANCE_DC, tables::CHROMINANCE_AC),
            Part::new(cr, (1, 1), tables::CHROMINANCE_DC, tables::CHROMINANCE_AC),
        ],
    };
    let no_code = JpegError { what: "a coefficient that the standard tables have no code for", at: 0 };
    writer.write(units, restarts).ok_or(no_code)?;
    writer.bits.put_marker(marker::EOI);
    Ok(writer.bits.into_octets())
}

/// How chrominance is sampled, where RFC 2435 has a type for it.
struct Sampling {
    /// Rows of luminance for one of chrominance: 1 in 4:2:2, 2 in 4:2:0.
    vertical: u8,
    /// The factors are the usual ones, and not multiples of them, as ffmpeg writes them for 4:2:2.
    is_reduced: bool,
}

impl Sampling {
    fn of(y: Component, cb: Component, cr: Component) -> Option<Self> {
        let chrominance = (cb.horizontal, cb.vertical);
        let is_usual = (1..=2).contains(&cb.horizontal) && (1..=4).contains(&cb.vertical);
        if chrominance != (cr.horizontal, cr.vertical) || !is_usual || y.horizontal != 2 * cb.horizontal {
            return None;
        }
        let vertical = [1, 2].into_iter().find(|times| y.vertical == times * cb.vertical)?;
        (y.vertical <= 4).then_some(Self { vertical, is_reduced: chrominance == (1, 1) })
    }
}

/// Writes blocks in the order of RFC 2435.
struct Writer<'a> {
    bits: BitWriter,
    parts: [Part<'a>; 3],
}

/// One component on its way out.
struct Part<'a> {
    plane: &'a Plane,
    /// Blocks in a minimum coded unit, across and down.
    unit: (usize, usize),
    dc: Encoder,
    ac: Encoder,
    prediction: i32,
}

impl<'a> Part<'a> {
    fn new(
        plane: &'a Plane,
        unit: (usize, usize),
        dc: tables::HuffmanTable<'_>,
        ac: tables::HuffmanTable<'_>,
    ) -> Self {
        Self { plane, unit, dc: Encoder::new(dc), ac: Encoder::new(ac), prediction: 0 }
    }

    /// Puts a block, or one that differs in nothing from the one before where the picture has none: it only fills
    /// up the last minimum coded unit.
    fn put(&mut self, block: Option<Block>, bits: &mut BitWriter) -> Option<()> {
        let Some(block) = block else {
            self.dc.put(bits, 0)?;
            return self.ac.put(bits, END_OF_BLOCK.run_and_size);
        };
        let difference = block.dc.wrapping_sub(self.prediction);
        self.prediction = block.dc;
        let size = 32 - difference.unsigned_abs().leading_zeros();
        if size > LARGEST_SIZE {
            return None;
        }
        self.dc.put(bits, size as u8)?;
        // What is negative is written less one, in as many bits (T.81 §F.1.2.1).
        let coded = if difference < 0 { difference - 1 } else { difference };
        bits.put((coded & ((1 << size) - 1)) as u16, size as u8);
        for symbol in self.plane.symbols(block) {
            self.ac.put(bits, symbol.run_and_size)?;
            bits.put(symbol.bits, symbol.run_and_size & 0x0F);
        }
        Some(())
    }
}

impl Writer<'_> {
    fn write(&mut self, (across, down): (usize, usize), restarts: Option<u16>) -> Option<()> {
        let interval = usize::from(restarts.unwrap_or(0));
        for unit in 0..across * down {
            if interval > 0 && unit > 0 && unit % interval == 0 {
                self.bits.put_marker(marker::RST0 + ((unit / interval - 1) % 8) as u8);
                self.parts.iter_mut().for_each(|part| part.prediction = 0);
            }
            for part in &mut self.parts {
                for inner in 0..part.unit.0 * part.unit.1 {
                    let column = unit % across * part.unit.0 + inner % part.unit.0;
                    let row = unit / across * part.unit.1 + inner / part.unit.0;
                    part.put(part.plane.block(column, row), &mut self.bits)?;
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
    fn a_coefficient_that_the_standard_tables_have_no_code_for_is_told() {
        // One unit of six blocks, each of them a DC difference of 0 and the end of the block; but the first block
        // begins with an AC coefficient of eleven bits, which is written as 10.
        let dimensions = Dimensions { width: 16, height: 16 };
        let mut jpeg = standard_header(dimensions, 2, [&[1; 64], &[1; 64]], None);
        let own = [&[0x10, 0, 2], &[0; 14][..], &[0x00, 0x0B]].concat();
        let sos = jpeg.len() - 14;
        let segment = [&[0xFF, marker::DHT, 0, own.len() as u8 + 2], &own[..]].concat();
        jpeg.splice(sos..sos, segment);
        let mut bits = BitWriter::new(jpeg);
        // In the standard tables 00 is a difference of 0; here 00 and 01 are the two AC symbols.
        for (value, count) in [(0b00, 2), (0b01, 2), (0b100_0000_0000, 11), (0b00, 2)] {
            bits.put(value, count);
        }
        (0..3).for_each(|_| bits.put(0b0000, 4));
        (0..2).for_each(|_| bits.put(0b0000, 4));
        bits.put_marker(marker::EOI);
        let error = with_standard_huffman(&bits.into_octets()).unwrap_err();
        assert_eq!(error.what, "a coefficient that the standard tables have no code for");
    }
}
