//! The scan of a sequential frame that has only one: its layout, and the copying of its blocks without decoding them.

use std::sync::Arc;

use super::bits::{BitWriter, EntropyData};
use super::blocks::{extend_sign, huffman_table};
use super::header::{Dimensions, JpegError, JpegHeader};
use super::huffman::{AC_CLASS, AcCodes, HuffmanDecoder, HuffmanEncoder, MAX_DC_SIZE};
use super::limits::MAX_PIXELS;
use super::marker;

/// Division of a frame into minimum coded units (MCUs), which are numbered row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct McuGrid {
    /// Size of the frame, in pixels.
    pub dimensions: Dimensions,
    /// Width and height of an MCU, in pixels.
    pub mcu_size: (usize, usize),
}

impl McuGrid {
    /// Returns the number of MCUs, horizontally and vertically.
    pub fn mcu_count(&self) -> (usize, usize) {
        let Dimensions { width, height } = self.dimensions;
        (usize::from(width).div_ceil(self.mcu_size.0), usize::from(height).div_ceil(self.mcu_size.1))
    }

    /// Returns the number of MCUs in the frame.
    pub fn total(&self) -> usize {
        let (across, down) = self.mcu_count();
        across * down
    }
}

/// Copies the blocks of a scan to a writer, MCU by MCU.
///
/// Call [`start`](Self::start) with the data of the scan, or of each of its restart intervals,
/// [`copy_mcu`](Self::copy_mcu) for each MCU, and [`flush`](Self::flush) before anything else is written. Codes and
/// additional bits are copied as they are, except for the first DC difference of a component after a restart marker
/// that only one of the two sides has: it is encoded with the Huffman table of the frame.
#[derive(Debug)]
pub(super) struct ScanCopier<'a> {
    components: Vec<Component<'a>>,
    grid: McuGrid,
    data: EntropyData,
    /// Position of the next block, in bits.
    position: usize,
    /// Position of the first bit that is not written yet.
    copied: usize,
}

#[derive(Debug)]
struct Component<'a> {
    /// Number of blocks in an MCU.
    blocks: usize,
    dc_decoder: HuffmanDecoder<'a>,
    ac_codes: Arc<AcCodes<'a>>,
    dc_encoder: HuffmanEncoder,
    ac_encoder: HuffmanEncoder,
    /// DC coefficient of the previous block, for the difference that is read.
    read_prediction: i32,
    /// The same, for the difference that is written.
    written_prediction: i32,
}

/// Maximum number of blocks in an MCU of an interleaved scan (T.81 §B.2.3).
const MAX_MCU_BLOCKS: usize = 10;

impl<'a> ScanCopier<'a> {
    /// Creates a copier for a frame.
    ///
    /// # Errors
    /// Returns a [`JpegError`] if the frame is not sequential with 8 bits per sample, has several scans, or lacks a
    /// Huffman table.
    pub fn new(header: &JpegHeader<'a>) -> Result<Self, JpegError> {
        let unsupported = |message| JpegError { message, offset: header.sos_segment().range.start };
        let frame = header.frame_header();
        if !matches!(frame.sof_marker, marker::SOF0 | marker::SOF1) || frame.precision != 8 {
            return Err(unsupported("frame that is not sequential with 8 bits per sample"));
        }
        let Dimensions { width, height } = frame.dimensions;
        if !(1..=MAX_PIXELS).contains(&(usize::from(width) * usize::from(height))) {
            return Err(unsupported("frame without height or with too many pixels"));
        }
        let ids = frame.components.iter().map(|component| component.id);
        if !ids.eq(header.scan_components().iter().map(|component| component.id)) {
            return Err(unsupported("frame with several scans"));
        }
        let is_single = frame.components.len() == 1;
        let factors = frame.components.iter().map(|component| {
            // The MCU of a single component is one block (T.81 §A.2.2).
            let factor = |factor: u8| if is_single { 1 } else { usize::from(factor) };
            (factor(component.horizontal_sampling), factor(component.vertical_sampling))
        });
        let is_valid = |factors: (usize, usize)| (1..=4).contains(&factors.0) && (1..=4).contains(&factors.1);
        if !factors.clone().all(is_valid)
            || factors.clone().map(|(h, v)| h * v).sum::<usize>() > MAX_MCU_BLOCKS
        {
            return Err(unsupported("frame with invalid sampling factors"));
        }
        let max = factors.clone().fold((1, 1), |max, (h, v)| (max.0.max(h), max.1.max(v)));
        let mut known_codes = Vec::new();
        let components = header.scan_components().iter().zip(factors).map(|(component, (h, v))| {
            let ac_codes = ac_codes(header, component.ac_table, &mut known_codes)?;
            Component::new(header, component.dc_table, component.ac_table, ac_codes, h * v)
        });
        let components: Option<Vec<_>> = components.collect();
        let grid = McuGrid { dimensions: frame.dimensions, mcu_size: (8 * max.0, 8 * max.1) };
        Ok(Self {
            components: components.ok_or(unsupported("scan with an unknown Huffman table"))?,
            grid,
            data: EntropyData::default(),
            position: 0,
            copied: 0,
        })
    }

    /// Returns the division of the frame into MCUs.
    pub fn grid(&self) -> McuGrid {
        self.grid
    }

    /// Starts to copy the data at `position` of a frame, in bytes from SOI, up to the next marker. What follows a
    /// restart marker is read without the DC coefficients before it.
    pub fn start(&mut self, jpeg: &[u8], position: usize) {
        self.data.read(jpeg, position);
        (self.position, self.copied) = (0, 0);
        self.components.iter_mut().for_each(|component| component.read_prediction = 0);
    }

    /// Writes without the DC coefficients before, after a restart marker.
    pub fn restart_writing(&mut self) {
        self.components.iter_mut().for_each(|component| component.written_prediction = 0);
    }

    /// Copies one MCU.
    ///
    /// # Errors
    /// Returns a [`JpegError`] if the data has ended or is invalid, or a DC difference has no code. Then no other MCU
    /// can be copied.
    pub fn copy_mcu(&mut self, writer: &mut BitWriter) -> Result<(), JpegError> {
        let mut position = self.position;
        for component in &mut self.components {
            for _ in 0..component.blocks {
                position = component.copy_dc(&self.data, position, &mut self.copied, writer)?;
                position = component.ac_codes.skip_block(&self.data, position)?;
            }
        }
        if position > self.data.bit_count() {
            return Err(self.data.error("end of data in a scan"));
        }
        self.position = position;
        Ok(())
    }

    /// Writes what [`copy_mcu`](Self::copy_mcu) has read.
    pub fn flush(&mut self, writer: &mut BitWriter) {
        self.data.copy_bits(self.copied..self.position, writer);
        self.copied = self.position;
    }

    /// Returns true if the last byte is padded with zeros instead of ones, and the position of the next marker, or of
    /// the end of the frame, in bytes from SOI.
    ///
    /// # Errors
    /// Returns a [`JpegError`] if further bytes follow, or the padding is neither.
    pub fn finish(&self) -> Result<(bool, usize), JpegError> {
        let padding = self.data.padding(self.position).ok_or(self.data.error("data after the last block"))?;
        match padding {
            (padding, ones) if padding == ones => Ok((false, self.data.end())),
            (0, _) => Ok((true, self.data.end())),
            _ => Err(self.data.error("padding that is neither ones nor zeros")),
        }
    }

    /// Writes an MCU whose blocks have the DC coefficient of the block before them and no AC coefficients; `None` if
    /// the tables of the frame have no codes for that.
    pub fn write_flat_mcu(&self, writer: &mut BitWriter) -> Option<()> {
        for component in &self.components {
            for _ in 0..component.blocks {
                component.dc_encoder.encode(writer, 0)?;
                component.ac_encoder.encode(writer, 0)?;
            }
        }
        Some(())
    }
}

/// Returns the codes of a table of the frame, from `known` if it is the table of several components.
fn ac_codes<'a>(
    header: &JpegHeader<'a>,
    table: u8,
    known: &mut Vec<(u8, Arc<AcCodes<'a>>)>,
) -> Option<Arc<AcCodes<'a>>> {
    if let Some((_, codes)) = known.iter().find(|(other, _)| *other == table) {
        return Some(codes.clone());
    }
    let codes = AcCodes::of(huffman_table(header, AC_CLASS | table)?)?;
    known.push((table, codes.clone()));
    Some(codes)
}

impl<'a> Component<'a> {
    fn new(
        header: &JpegHeader<'a>,
        dc_table: u8,
        ac_table: u8,
        ac_codes: Arc<AcCodes<'a>>,
        blocks: usize,
    ) -> Option<Self> {
        let (dc_table, ac_table) =
            (huffman_table(header, dc_table)?, huffman_table(header, AC_CLASS | ac_table)?);
        Some(Self {
            blocks,
            dc_decoder: HuffmanDecoder::new(dc_table)?,
            ac_codes,
            dc_encoder: HuffmanEncoder::new(dc_table),
            ac_encoder: HuffmanEncoder::new(ac_table),
            read_prediction: 0,
            written_prediction: 0,
        })
    }

    /// Copies a DC difference, and returns the position after it. `copied` is the position of the first bit that is not
    /// written yet.
    fn copy_dc(
        &mut self,
        data: &EntropyData,
        position: usize,
        copied: &mut usize,
        writer: &mut BitWriter,
    ) -> Result<usize, JpegError> {
        let next = data.peek(position);
        let (size, length) =
            self.dc_decoder.find((next >> 48) as u16).ok_or(data.error("undefined Huffman code"))?;
        if size > MAX_DC_SIZE {
            return Err(data.error("DC coefficient out of range"));
        }
        let end = position + usize::from(length + size);
        let bits = (next << length >> 48) as u16;
        let difference = if size == 0 { 0 } else { extend_sign(bits >> (16 - size), size) };
        let is_same = self.read_prediction == self.written_prediction;
        let dc = self.read_prediction.wrapping_add(difference);
        let written = dc.wrapping_sub(self.written_prediction);
        (self.read_prediction, self.written_prediction) = (dc, dc);
        if !is_same {
            data.copy_bits(*copied..position, writer);
            *copied = end;
            let encoded = self.dc_encoder.encode_difference(writer, written);
            encoded.ok_or(data.error("DC difference without a Huffman code"))?;
        }
        Ok(end)
    }
}
