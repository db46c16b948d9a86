//! The blocks of a sequential picture: its coefficients as the symbols and bits that stand for them (T.81 §F.1.2).

use super::bits::BitReader;
use super::header::{Component, JpegError, JpegHeader, ScanComponent};
use super::huffman::HuffmanDecoder;
use super::tables::{self, HuffmanTable};

/// An AC symbol with the bits behind it.
#[derive(Debug, Clone, Copy)]
pub(super) struct AcSymbol {
    /// Zeros before the coefficient, and its size; the end of the block; sixteen zeros.
    pub run_and_size: u8,
    /// As many bits as the size says.
    pub additional_bits: u16,
}

/// The end of a block.
pub(super) const END_OF_BLOCK: AcSymbol = AcSymbol { run_and_size: 0x00, additional_bits: 0 };

/// One block of 64 coefficients.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    /// The DC coefficient itself, not its difference.
    pub dc: i32,
    first_symbol: usize,
    symbol_count: usize,
}

/// The blocks of one component.
#[derive(Debug)]
pub(super) struct Plane {
    component: Component,
    /// Blocks in a row, with those that only fill up the last minimum coded unit.
    blocks_per_row: usize,
    /// Row by row; `None` for those that no scan has brought.
    blocks: Vec<Option<Block>>,
    symbols: Vec<AcSymbol>,
}

impl Plane {
    /// The block at a place; `None` if there is none, or beyond the last.
    pub fn block(&self, column: usize, row: usize) -> Option<Block> {
        if column >= self.blocks_per_row {
            return None;
        }
        self.blocks.get(row * self.blocks_per_row + column).copied().flatten()
    }

    /// The AC symbols of a block.
    pub fn symbols(&self, block: Block) -> &[AcSymbol] {
        &self.symbols[block.first_symbol..block.first_symbol + block.symbol_count]
    }
}

/// Sizes in blocks and minimum coded units (T.81 §A.1.1, §A.2).
#[derive(Debug, Clone, Copy)]
struct BlockGrid {
    width: usize,
    height: usize,
    /// The largest factors of the frame.
    max_horizontal_sampling: usize,
    max_vertical_sampling: usize,
}

impl BlockGrid {
    /// Minimum coded units of an interleaved scan, across and down.
    fn mcu_count(self) -> (usize, usize) {
        (
            self.width.div_ceil(8 * self.max_horizontal_sampling),
            self.height.div_ceil(8 * self.max_vertical_sampling),
        )
    }

    /// Blocks of one component that hold a part of the picture, across and down.
    fn block_count(self, component: Component) -> (usize, usize) {
        let sample_count =
            |pixels: usize, factor: u8, largest| (pixels * usize::from(factor)).div_ceil(largest);
        let across = sample_count(self.width, component.horizontal_sampling, self.max_horizontal_sampling);
        let down = sample_count(self.height, component.vertical_sampling, self.max_vertical_sampling);
        (across.div_ceil(8), down.div_ceil(8))
    }
}

/// Reads all scans of a picture whose components have factors from 1 to 4; a plane for each component.
///
/// # Errors
/// When a scan is cut or damaged, or is not what a sequential picture has.
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
            return Ok(planes);
        }
        header = header.next_scan(end)?;
    }
}

/// One scan.
struct ScanReader<'a> {
    reader: BitReader<'a>,
    components: Vec<ComponentReader<'a>>,
    /// Minimum coded units across and down.
    mcu_count: (usize, usize),
    restart_interval: usize,
}

/// What a scan holds of one component.
struct ComponentReader<'a> {
    plane_index: usize,
    /// Blocks in a minimum coded unit, across and down.
    mcu_blocks: (usize, usize),
    dc_decoder: HuffmanDecoder<'a>,
    ac_decoder: HuffmanDecoder<'a>,
    /// The DC coefficient of the block before.
    prediction: i32,
}

impl<'a> ScanReader<'a> {
    fn new(header: &JpegHeader<'a>, grid: BlockGrid, planes: &[Plane]) -> Result<Self, JpegError> {
        let offset = header.sos_segment().range.start;
        let is_single_component = header.scan_components().len() == 1;
        let part = |of: &ScanComponent| {
            let is_new = |plane: &Plane| plane.component.id == of.id && plane.blocks[0].is_none();
            let plane = planes.iter().position(is_new)?;
            let component = planes[plane].component;
            // A component alone is scanned block by block (T.81 §A.2.2).
            let unit = match is_single_component {
                true => (1, 1),
                false => {
                    (usize::from(component.horizontal_sampling), usize::from(component.vertical_sampling))
                }
            };
            let dc = HuffmanDecoder::new(huffman_table(header, of.dc_table)?)?;
            let ac = HuffmanDecoder::new(huffman_table(header, 0x10 | of.ac_table)?)?;
            Some(ComponentReader {
                plane_index: plane,
                mcu_blocks: unit,
                dc_decoder: dc,
                ac_decoder: ac,
                prediction: 0,
            })
        };
        let parts: Option<Vec<_>> = header.scan_components().iter().map(part).collect();
        let parts =
            parts.filter(|parts| !parts.is_empty() && are_planes_distinct(parts)).ok_or(JpegError {
                message: "a scan of components or Huffman tables that are not there",
                offset,
            })?;
        let units = if is_single_component {
            grid.block_count(planes[parts[0].plane_index].component)
        } else {
            grid.mcu_count()
        };
        let restart_interval = usize::from(header.restart_interval());
        Ok(Self {
            reader: BitReader::new(header.jpeg(), header.scan_data_start()),
            components: parts,
            mcu_count: units,
            restart_interval,
        })
    }

    /// Reads the blocks into their planes; returns where the next marker stands.
    fn read(mut self, planes: &mut [Plane]) -> Result<usize, JpegError> {
        let (across, down) = self.mcu_count;
        for mcu in 0..across * down {
            if self.restart_interval > 0 && mcu > 0 && mcu % self.restart_interval == 0 {
                self.reader.read_restart_marker(((mcu / self.restart_interval - 1) % 8) as u8)?;
                self.components.iter_mut().for_each(|part| part.prediction = 0);
            }
            let (mcu_column, mcu_row) = (mcu % across, mcu / across);
            for part in &mut self.components {
                let plane = &mut planes[part.plane_index];
                for block_index in 0..part.mcu_blocks.0 * part.mcu_blocks.1 {
                    let column = mcu_column * part.mcu_blocks.0 + block_index % part.mcu_blocks.0;
                    let row = mcu_row * part.mcu_blocks.1 + block_index / part.mcu_blocks.0;
                    let block = part.read_block(&mut self.reader, &mut plane.symbols)?;
                    plane.blocks[row * plane.blocks_per_row + column] = Some(block);
                }
            }
        }
        Ok(self.reader.scan_end())
    }
}

impl ComponentReader<'_> {
    fn read_block(
        &mut self,
        reader: &mut BitReader<'_>,
        symbols: &mut Vec<AcSymbol>,
    ) -> Result<Block, JpegError> {
        let size = self.dc_decoder.decode(reader)?;
        if size > MAX_DC_SIZE {
            return Err(JpegError { message: "a coefficient that is too large", offset: reader.position() });
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
                    return Err(JpegError { message: "a symbol of no meaning", offset: reader.position() });
                }
                (run, _) => usize::from(run) + 1,
            };
        }
        if index > 64 {
            return Err(JpegError {
                message: "a block of more than 64 coefficients",
                offset: reader.position(),
            });
        }
        Ok(Block { dc: self.prediction, first_symbol: first, symbol_count: symbols.len() - first })
    }
}

/// Bits of the largest difference: more than any of eight bits a sample needs.
const MAX_DC_SIZE: u8 = 15;

/// The difference that a size and as many bits stand for (T.81 §F.2.2.1).
fn extend_sign(bits: u16, size: u8) -> i32 {
    let bits = i32::from(bits);
    if size > 0 && bits < 1 << (size - 1) { bits - (1 << size) + 1 } else { bits }
}

fn are_planes_distinct(parts: &[ComponentReader<'_>]) -> bool {
    (1..parts.len())
        .all(|index| parts[..index].iter().all(|part| part.plane_index != parts[index].plane_index))
}

/// The table that the picture brings; the standard one if it brings none at all.
fn huffman_table<'a>(header: &JpegHeader<'a>, key: u8) -> Option<HuffmanTable<'a>> {
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
