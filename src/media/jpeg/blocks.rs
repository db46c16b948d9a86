//! The blocks of a sequential picture: its coefficients as the symbols and bits that stand for them (T.81 §F.1.2).

use super::bits::BitReader;
use super::header::{Component, JpegError, JpegHeader, ScanComponent};
use super::huffman::Decoder;
use super::tables::{self, HuffmanTable};

/// An AC symbol with the bits behind it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Symbol {
    /// Zeros before the coefficient, and its size; the end of the block; sixteen zeros.
    pub run_and_size: u8,
    /// As many bits as the size says.
    pub bits: u16,
}

/// The end of a block.
pub(super) const END_OF_BLOCK: Symbol = Symbol { run_and_size: 0x00, bits: 0 };

/// One block of 64 coefficients.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    /// The DC coefficient itself, not its difference.
    pub dc: i32,
    first: usize,
    count: usize,
}

/// The blocks of one component.
#[derive(Debug)]
pub(super) struct Plane {
    component: Component,
    /// Blocks in a row, with those that only fill up the last minimum coded unit.
    across: usize,
    /// Row by row; `None` for those that no scan has brought.
    blocks: Vec<Option<Block>>,
    symbols: Vec<Symbol>,
}

impl Plane {
    /// The block at a place; `None` if there is none, or beyond the last.
    pub fn block(&self, column: usize, row: usize) -> Option<Block> {
        if column >= self.across {
            return None;
        }
        self.blocks.get(row * self.across + column).copied().flatten()
    }

    /// The AC symbols of a block.
    pub fn symbols(&self, block: Block) -> &[Symbol] {
        &self.symbols[block.first..block.first + block.count]
    }
}

/// Sizes in blocks and minimum coded units (T.81 §A.1.1, §A.2).
#[derive(Debug, Clone, Copy)]
struct Grid {
    width: usize,
    height: usize,
    /// The largest factors of the frame.
    horizontal: usize,
    vertical: usize,
}

impl Grid {
    /// Minimum coded units of an interleaved scan, across and down.
    fn units(self) -> (usize, usize) {
        (self.width.div_ceil(8 * self.horizontal), self.height.div_ceil(8 * self.vertical))
    }

    /// Blocks of one component that hold a part of the picture, across and down.
    fn blocks(self, component: Component) -> (usize, usize) {
        let samples = |pixels: usize, factor: u8, largest| (pixels * usize::from(factor)).div_ceil(largest);
        let across = samples(self.width, component.horizontal, self.horizontal);
        let down = samples(self.height, component.vertical, self.vertical);
        (across.div_ceil(8), down.div_ceil(8))
    }
}

/// Reads all scans of a picture whose components have factors from 1 to 4; a plane for each component.
///
/// # Errors
/// When a scan is cut or damaged, or is not what a sequential picture has.
pub(super) fn read(mut header: JpegHeader<'_>) -> Result<Vec<Plane>, JpegError> {
    let frame = header.frame();
    let largest = |factor: fn(&Component) -> u8| frame.components.iter().map(factor).max().unwrap_or(1);
    let grid = Grid {
        width: usize::from(frame.dimensions.width),
        height: usize::from(frame.dimensions.height),
        horizontal: usize::from(largest(|component| component.horizontal)),
        vertical: usize::from(largest(|component| component.vertical)),
    };
    let (across, down) = grid.units();
    let empty = |component: &Component| {
        let across = across * usize::from(component.horizontal);
        let count = across * down * usize::from(component.vertical);
        Plane { component: *component, across, blocks: vec![None; count], symbols: Vec::new() }
    };
    let mut planes: Vec<_> = frame.components.iter().map(empty).collect();
    loop {
        let end = Scan::open(&header, grid, &planes)?.read(&mut planes)?;
        if planes.iter().all(|plane| plane.blocks[0].is_some()) {
            return Ok(planes);
        }
        header = header.next_scan(end)?;
    }
}

/// One scan.
struct Scan<'a> {
    reader: BitReader<'a>,
    parts: Vec<Part<'a>>,
    /// Minimum coded units across and down.
    units: (usize, usize),
    restart_interval: usize,
}

/// What a scan holds of one component.
struct Part<'a> {
    plane: usize,
    /// Blocks in a minimum coded unit, across and down.
    unit: (usize, usize),
    dc: Decoder<'a>,
    ac: Decoder<'a>,
    /// The DC coefficient of the block before.
    prediction: i32,
}

impl<'a> Scan<'a> {
    fn open(header: &JpegHeader<'a>, grid: Grid, planes: &[Plane]) -> Result<Self, JpegError> {
        let at = header.start_of_scan().range.start;
        let is_alone = header.scan().len() == 1;
        let part = |of: &ScanComponent| {
            let is_new = |plane: &Plane| plane.component.id == of.id && plane.blocks[0].is_none();
            let plane = planes.iter().position(is_new)?;
            let component = planes[plane].component;
            // A component alone is scanned block by block (T.81 §A.2.2).
            let unit = match is_alone {
                true => (1, 1),
                false => (usize::from(component.horizontal), usize::from(component.vertical)),
            };
            let dc = Decoder::new(huffman(header, of.dc_table)?)?;
            let ac = Decoder::new(huffman(header, 0x10 | of.ac_table)?)?;
            Some(Part { plane, unit, dc, ac, prediction: 0 })
        };
        let parts: Option<Vec<_>> = header.scan().iter().map(part).collect();
        let parts = parts
            .filter(|parts| !parts.is_empty() && is_each_once(parts))
            .ok_or(JpegError { what: "a scan of components or Huffman tables that are not there", at })?;
        let units = if is_alone { grid.blocks(planes[parts[0].plane].component) } else { grid.units() };
        let restart_interval = usize::from(header.restart_interval());
        Ok(Self {
            reader: BitReader::new(header.jpeg(), header.scan_start()),
            parts,
            units,
            restart_interval,
        })
    }

    /// Reads the blocks into their planes; returns where the next marker stands.
    fn read(mut self, planes: &mut [Plane]) -> Result<usize, JpegError> {
        let (across, down) = self.units;
        for unit in 0..across * down {
            if self.restart_interval > 0 && unit > 0 && unit % self.restart_interval == 0 {
                self.reader.restart(((unit / self.restart_interval - 1) % 8) as u8)?;
                self.parts.iter_mut().for_each(|part| part.prediction = 0);
            }
            let (unit_column, unit_row) = (unit % across, unit / across);
            for part in &mut self.parts {
                let plane = &mut planes[part.plane];
                for inner in 0..part.unit.0 * part.unit.1 {
                    let column = unit_column * part.unit.0 + inner % part.unit.0;
                    let row = unit_row * part.unit.1 + inner / part.unit.0;
                    let block = part.read_block(&mut self.reader, &mut plane.symbols)?;
                    plane.blocks[row * plane.across + column] = Some(block);
                }
            }
        }
        Ok(self.reader.end_of_scan())
    }
}

impl Part<'_> {
    fn read_block(
        &mut self,
        reader: &mut BitReader<'_>,
        symbols: &mut Vec<Symbol>,
    ) -> Result<Block, JpegError> {
        let size = self.dc.take(reader)?;
        if size > LARGEST_SIZE {
            return Err(JpegError { what: "a coefficient that is too large", at: reader.position() });
        }
        self.prediction = self.prediction.wrapping_add(difference(reader.take(size)?, size));
        let first = symbols.len();
        let mut index = 1;
        while index < 64 {
            let run_and_size = self.ac.take(reader)?;
            let (run, size) = (run_and_size >> 4, run_and_size & 0x0F);
            symbols.push(Symbol { run_and_size, bits: reader.take(size)? });
            index += match (run, size) {
                (0, 0) => break,
                (15, 0) => 16,
                (_, 0) => return Err(JpegError { what: "a symbol of no meaning", at: reader.position() }),
                (run, _) => usize::from(run) + 1,
            };
        }
        if index > 64 {
            return Err(JpegError { what: "a block of more than 64 coefficients", at: reader.position() });
        }
        Ok(Block { dc: self.prediction, first, count: symbols.len() - first })
    }
}

/// Bits of the largest difference: more than any of eight bits a sample needs.
const LARGEST_SIZE: u8 = 15;

/// The difference that a size and as many bits stand for (T.81 §F.2.2.1).
fn difference(bits: u16, size: u8) -> i32 {
    let bits = i32::from(bits);
    if size > 0 && bits < 1 << (size - 1) { bits - (1 << size) + 1 } else { bits }
}

fn is_each_once(parts: &[Part<'_>]) -> bool {
    (1..parts.len()).all(|index| parts[..index].iter().all(|part| part.plane != parts[index].plane))
}

/// The table that the picture brings; the standard one if it brings none at all.
fn huffman<'a>(header: &JpegHeader<'a>, key: u8) -> Option<HuffmanTable<'a>> {
    match header.has_huffman_tables() {
        true => header.huffman(key),
        false => tables::STANDARD_HUFFMAN.iter().find(|(k, _)| *k == key).map(|(_, table)| *table),
    }
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn differences_are_those_of_table_f1() {
        assert_eq!([difference(0, 0), difference(0, 1), difference(1, 1)], [0, -1, 1]);
        assert_eq!([difference(0, 3), difference(3, 3), difference(4, 3), difference(7, 3)], [-7, -4, 4, 7]);
    }
}
