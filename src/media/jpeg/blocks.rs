//! Parsing of sequential scans into blocks. Coefficients stay in coded form, as symbols and additional bits
//! (T.81 §F.1.2).

use super::bits::BitReader;
use super::header::{Component, JpegError, JpegHeader, ScanComponent};
use super::huffman::{HuffmanDecoder, MAX_DC_SIZE};
use super::tables::{self, HuffmanTable};

/// An AC symbol with its additional bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct AcSymbol {
    /// Number of zeros before the coefficient (upper four bits) and its size in bits (lower four bits); `0x00` ends the
    /// block, `0xF0` stands for sixteen zeros.
    pub run_and_size: u8,
    /// Additional bits; their number is the size.
    pub additional_bits: u16,
}

/// The symbol that ends a block (EOB).
pub(super) const END_OF_BLOCK: AcSymbol = AcSymbol { run_and_size: 0x00, additional_bits: 0 };

/// A block of 64 coefficients.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    /// DC coefficient, not the difference to the previous block.
    pub dc: i32,
    first_symbol: usize,
    symbol_count: usize,
}

/// The blocks of one component.
#[derive(Debug)]
pub(super) struct Plane {
    component: Component,
    /// Number of blocks in a row, including those that only pad the last minimum coded unit.
    blocks_per_row: usize,
    /// Blocks row by row; `None` for blocks that are in no scan.
    blocks: Vec<Option<Block>>,
    symbols: Vec<AcSymbol>,
}

impl Plane {
    /// Returns the block at this column and row; `None` outside the plane, or if the block is in no scan.
    pub fn block(&self, column: usize, row: usize) -> Option<Block> {
        if column >= self.blocks_per_row {
            return None;
        }
        self.blocks.get(row * self.blocks_per_row + column).copied().flatten()
    }

    /// Returns the AC symbols of a block.
    pub fn symbols(&self, block: Block) -> &[AcSymbol] {
        &self.symbols[block.first_symbol..block.first_symbol + block.symbol_count]
    }
}

/// Size of a frame, to be converted to blocks and minimum coded units (T.81 §A.1.1, §A.2).
#[derive(Debug, Clone, Copy)]
struct BlockGrid {
    /// Width of the frame, in pixels.
    width: usize,
    /// Height of the frame, in pixels.
    height: usize,
    /// Largest sampling factors of all components.
    max_horizontal_sampling: usize,
    max_vertical_sampling: usize,
}

impl BlockGrid {
    /// Returns the number of minimum coded units in an interleaved scan, horizontally and vertically.
    fn mcu_count(self) -> (usize, usize) {
        (
            self.width.div_ceil(8 * self.max_horizontal_sampling),
            self.height.div_ceil(8 * self.max_vertical_sampling),
        )
    }

    /// Returns the number of blocks of a component without padding, horizontally and vertically.
    fn block_count(self, component: Component) -> (usize, usize) {
        let sample_count = |pixels: usize, factor: u8, max| (pixels * usize::from(factor)).div_ceil(max);
        let across = sample_count(self.width, component.horizontal_sampling, self.max_horizontal_sampling);
        let down = sample_count(self.height, component.vertical_sampling, self.max_vertical_sampling);
        (across.div_ceil(8), down.div_ceil(8))
    }
}

/// Reads all scans of a sequential frame and returns a plane for each component. Sampling factors must be 1 to 4.
///
/// # Errors
/// Returns a [`JpegError`] if a scan is truncated, damaged, or invalid in a sequential frame.
pub(super) fn read_planes(mut header: JpegHeader<'_>) -> Result<Vec<Plane>, JpegError> {
    let frame = header.frame_header();
    let max_sampling = |factor: fn(&Component) -> u8| frame.components.iter().map(factor).max().unwrap_or(1);
    let grid = BlockGrid {
        width: usize::from(frame.dimensions.width),
        height: usize::from(frame.dimensions.height),
        max_horizontal_sampling: usize::from(max_sampling(|component| component.horizontal_sampling)),
        max_vertical_sampling: usize::from(max_sampling(|component| component.vertical_sampling)),
    };
    let (across, down) = grid.mcu_count();
    let empty_plane = |component: &Component| {
        let across = across * usize::from(component.horizontal_sampling);
        let count = across * down * usize::from(component.vertical_sampling);
        Plane {
            component: *component,
            blocks_per_row: across,
            blocks: vec![None; count],
            symbols: Vec::new(),
        }
    };
    let mut planes: Vec<_> = frame.components.iter().map(empty_plane).collect();
    loop {
        let end = ScanReader::new(&header, grid, &planes)?.read(&mut planes)?;
        if planes.iter().all(|plane| plane.blocks[0].is_some()) {
            header.check_end(end)?;
            return Ok(planes);
        }
        header = header.next_scan(end)?;
    }
}

/// Reader of one scan, which fills the planes of the components in it.
struct ScanReader<'a> {
    reader: BitReader<'a>,
    components: Vec<ComponentReader<'a>>,
    /// Number of minimum coded units, horizontally and vertically.
    mcu_count: (usize, usize),
    /// Number of minimum coded units between restart markers; 0 without restart markers.
    restart_interval: usize,
}

/// Reader of the blocks of one component in a scan.
struct ComponentReader<'a> {
    plane_index: usize,
    /// Number of blocks in a minimum coded unit, horizontally and vertically.
    mcu_blocks: (usize, usize),
    dc_decoder: HuffmanDecoder<'a>,
    ac_decoder: HuffmanDecoder<'a>,
    /// DC coefficient of the previous block.
    prediction: i32,
}

impl<'a> ScanReader<'a> {
    fn new(header: &JpegHeader<'a>, grid: BlockGrid, planes: &[Plane]) -> Result<Self, JpegError> {
        let is_single_component = header.scan_components().len() == 1;
        let new_component = |scan_component| {
            let mut component = ComponentReader::new(header, scan_component, planes)?;
            if is_single_component {
                // A scan of a single component is not interleaved: its unit is one block (T.81 §A.2.2).
                component.mcu_blocks = (1, 1);
            }
            Some(component)
        };
        let components: Option<Vec<_>> = header.scan_components().iter().map(new_component).collect();
        let components = components
            .filter(|components| !components.is_empty() && are_planes_distinct(components))
            .ok_or(JpegError {
                message: "scan with an unknown component or Huffman table",
                offset: header.sos_segment().range.start,
            })?;
        let mcu_count = if is_single_component {
            grid.block_count(planes[components[0].plane_index].component)
        } else {
            grid.mcu_count()
        };
        Ok(Self {
            reader: BitReader::new(header.jpeg(), header.scan_data_start()),
            components,
            mcu_count,
            restart_interval: usize::from(header.restart_interval()),
        })
    }

    /// Reads the blocks into their planes and returns the position of the next marker, in bytes from SOI.
    fn read(mut self, planes: &mut [Plane]) -> Result<usize, JpegError> {
        let (across, down) = self.mcu_count;
        for mcu in 0..across * down {
            if self.restart_interval > 0 && mcu > 0 && mcu % self.restart_interval == 0 {
                self.reader.read_restart_marker(((mcu / self.restart_interval - 1) % 8) as u8)?;
                self.components.iter_mut().for_each(|component| component.prediction = 0);
            }
            let (mcu_column, mcu_row) = (mcu % across, mcu / across);
            for component in &mut self.components {
                let plane = &mut planes[component.plane_index];
                let (width, height) = component.mcu_blocks;
                for block_index in 0..width * height {
                    let column = mcu_column * width + block_index % width;
                    let row = mcu_row * height + block_index / width;
                    let block = component.read_block(&mut self.reader, &mut plane.symbols)?;
                    plane.blocks[row * plane.blocks_per_row + column] = Some(block);
                }
            }
        }
        Ok(self.reader.scan_end())
    }
}

impl<'a> ComponentReader<'a> {
    /// Creates the reader of a component in an interleaved scan; `None` if the component or a Huffman table is unknown,
    /// or if an earlier scan contained the component.
    fn new(header: &JpegHeader<'a>, scan_component: &ScanComponent, planes: &[Plane]) -> Option<Self> {
        let is_new = |plane: &Plane| plane.component.id == scan_component.id && plane.blocks[0].is_none();
        let plane_index = planes.iter().position(is_new)?;
        let component = planes[plane_index].component;
        Some(Self {
            plane_index,
            mcu_blocks: (component.horizontal_sampling.into(), component.vertical_sampling.into()),
            dc_decoder: HuffmanDecoder::new(huffman_table(header, scan_component.dc_table)?)?,
            ac_decoder: HuffmanDecoder::new(huffman_table(header, 0x10 | scan_component.ac_table)?)?,
            prediction: 0,
        })
    }

    fn read_block(
        &mut self,
        reader: &mut BitReader<'_>,
        symbols: &mut Vec<AcSymbol>,
    ) -> Result<Block, JpegError> {
        let size = self.dc_decoder.decode(reader)?;
        if size > MAX_DC_SIZE {
            return Err(JpegError { message: "DC coefficient out of range", offset: reader.position() });
        }
        self.prediction = self.prediction.wrapping_add(extend_sign(reader.read(size)?, size));
        let first = symbols.len();
        let mut index = 1;
        while index < 64 {
            let run_and_size = self.ac_decoder.decode(reader)?;
            let (run, size) = (run_and_size >> 4, run_and_size & 0x0F);
            symbols.push(AcSymbol { run_and_size, additional_bits: reader.read(size)? });
            index += match (run, size) {
                (0, 0) => break,
                (15, 0) => 16,
                (_, 0) => {
                    return Err(JpegError { message: "undefined AC symbol", offset: reader.position() });
                }
                (run, _) => usize::from(run) + 1,
            };
        }
        if index > 64 {
            return Err(JpegError {
                message: "block with more than 64 coefficients",
                offset: reader.position(),
            });
        }
        Ok(Block { dc: self.prediction, first_symbol: first, symbol_count: symbols.len() - first })
    }
}

/// Converts additional bits to a signed difference: EXTEND in T.81 §F.2.2.1.
pub(super) fn extend_sign(bits: u16, size: u8) -> i32 {
    let bits = i32::from(bits);
    if size > 0 && bits < 1 << (size - 1) { bits - (1 << size) + 1 } else { bits }
}

fn are_planes_distinct(components: &[ComponentReader<'_>]) -> bool {
    (1..components.len()).all(|index| {
        let (earlier, component) = (&components[..index], &components[index]);
        earlier.iter().all(|other| other.plane_index != component.plane_index)
    })
}

/// Returns the Huffman table defined in the frame; the standard one if the frame defines none at all.
pub(super) fn huffman_table<'a>(header: &JpegHeader<'a>, key: u8) -> Option<HuffmanTable<'a>> {
    match header.has_huffman_tables() {
        true => header.huffman_table(key),
        false => tables::STANDARD_HUFFMAN.iter().find(|(k, _)| *k == key).map(|(_, table)| *table),
    }
}

#[cfg(test)]
mod tests {
    use super::extend_sign;

    #[test]
    fn sign_extension_matches_table_f1() {
        assert_eq!([extend_sign(0, 0), extend_sign(0, 1), extend_sign(1, 1)], [0, -1, 1]);
        assert_eq!(
            [extend_sign(0, 3), extend_sign(3, 3), extend_sign(4, 3), extend_sign(7, 3)],
            [-7, -4, 4, 7]
        );
    }
}
