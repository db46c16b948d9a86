//! The scan of a sequential frame that has only one: its layout, and the copying of its blocks without decoding them.

use super::bits::{BitReader, BitWriter};
use super::blocks::{extend_sign, huffman_table};
use super::header::{Dimensions, JpegError, JpegHeader};
use super::huffman::{HuffmanDecoder, HuffmanEncoder, MAX_DC_SIZE, undefined_code};
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
    pub fn len(&self) -> usize {
        let (across, down) = self.mcu_count();
        across * down
    }
}

/// Copies the blocks of a scan from a reader to a writer, MCU by MCU.
///
/// Codes and additional bits are copied as they are, except for the first DC difference of a component after a restart
/// marker that only one of the two sides has: it is encoded with the Huffman table of the frame.
#[derive(Debug)]
pub(super) struct ScanCopier<'a> {
    components: Vec<Component<'a>>,
    grid: McuGrid,
}

#[derive(Debug)]
struct Component<'a> {
    /// Number of blocks in an MCU.
    blocks: usize,
    dc_decoder: HuffmanDecoder<'a>,
    ac_decoder: HuffmanDecoder<'a>,
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
    /// Returns a [`JpegError`] if the frame is not sequential with 8 bits per sample, has several scans, or lacks a Huffman
    /// table.
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
        let components =
            header.scan_components().iter().zip(factors).map(|(component, (h, v))| {
                Component::new(header, component.dc_table, component.ac_table, h * v)
            });
        let components: Option<Vec<_>> = components.collect();
        let grid = McuGrid { dimensions: frame.dimensions, mcu_size: (8 * max.0, 8 * max.1) };
        Ok(Self { components: components.ok_or(unsupported("scan with an unknown Huffman table"))?, grid })
    }

    /// Returns the division of the frame into MCUs.
    pub fn grid(&self) -> McuGrid {
        self.grid
    }

    /// Starts to read after a restart marker.
    pub fn restart_reading(&mut self) {
        self.components.iter_mut().for_each(|component| component.read_prediction = 0);
    }

    /// Starts to write after a restart marker.
    pub fn restart_writing(&mut self) {
        self.components.iter_mut().for_each(|component| component.written_prediction = 0);
    }

    /// Copies one MCU.
    ///
    /// # Errors
    /// Returns a [`JpegError`] if the data has ended or is invalid, or a DC difference has no code.
    pub fn copy_mcu(&mut self, reader: &mut BitReader<'_>, writer: &mut BitWriter) -> Result<(), JpegError> {
        for component in &mut self.components {
            for _ in 0..component.blocks {
                component.copy_dc(reader, writer)?;
                component.copy_ac(reader, writer)?;
            }
        }
        Ok(())
    }

    /// Writes an MCU whose blocks have the DC coefficient of the block before them and no AC coefficients; `None` if the
    /// tables of the frame have no codes for that.
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

impl<'a> Component<'a> {
    fn new(header: &JpegHeader<'a>, dc_table: u8, ac_table: u8, blocks: usize) -> Option<Self> {
        let (dc_table, ac_table) =
            (huffman_table(header, dc_table)?, huffman_table(header, 0x10 | ac_table)?);
        Some(Self {
            blocks,
            dc_decoder: HuffmanDecoder::new(dc_table)?,
            ac_decoder: HuffmanDecoder::new(ac_table)?,
            dc_encoder: HuffmanEncoder::new(dc_table),
            ac_encoder: HuffmanEncoder::new(ac_table),
            read_prediction: 0,
            written_prediction: 0,
        })
    }

    fn copy_dc(&mut self, reader: &mut BitReader<'_>, writer: &mut BitWriter) -> Result<(), JpegError> {
        let next = reader.peek_long();
        let (size, length) = self.dc_decoder.find((next >> 16) as u16).ok_or(undefined_code(reader))?;
        if size > MAX_DC_SIZE {
            return Err(JpegError { message: "DC coefficient out of range", offset: reader.position() });
        }
        let total = length + size;
        reader.skip(total)?;
        let bits = next >> (32 - u32::from(total));
        let difference = extend_sign((bits & ((1 << size) - 1)) as u16, size);
        let is_same = self.read_prediction == self.written_prediction;
        let dc = self.read_prediction.wrapping_add(difference);
        let written = dc.wrapping_sub(self.written_prediction);
        (self.read_prediction, self.written_prediction) = (dc, dc);
        match is_same {
            true => writer.write_long(bits, total),
            false => self.dc_encoder.encode_difference(writer, written).ok_or(JpegError {
                message: "DC difference without a Huffman code",
                offset: reader.position(),
            })?,
        }
        Ok(())
    }

    fn copy_ac(&self, reader: &mut BitReader<'_>, writer: &mut BitWriter) -> Result<(), JpegError> {
        let mut index = 1;
        while index < 64 {
            let next = reader.peek_long();
            let (symbol, length) = self.ac_decoder.find((next >> 16) as u16).ok_or(undefined_code(reader))?;
            let total = length + (symbol & 0x0F);
            reader.skip(total)?;
            writer.write_long(next >> (32 - u32::from(total)), total);
            index += match (symbol >> 4, symbol & 0x0F) {
                (0, 0) => return Ok(()),
                (15, 0) => 16,
                (_, 0) => {
                    return Err(JpegError { message: "undefined AC symbol", offset: reader.position() });
                }
                (run, _) => usize::from(run) + 1,
            };
        }
        match index {
            64 => Ok(()),
            _ => {
                Err(JpegError { message: "block with more than 64 coefficients", offset: reader.position() })
            }
        }
    }
}
