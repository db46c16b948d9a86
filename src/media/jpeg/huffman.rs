//! Huffman codes, both ways (T.81 annex C, §F.2.2.3).

use super::bits::{BitReader, BitWriter};
use super::header::JpegError;
use super::tables::HuffmanTable;

/// Codes of up to this many bits are found at once.
const SHORT: u8 = 9;

/// From codes to symbols.
#[derive(Debug)]
pub(super) struct Decoder<'a> {
    /// Symbol and length for every beginning of [`SHORT`] bits; length 0 for codes that are longer.
    short: Vec<(u8, u8)>,
    /// For each length from 1 to 16 bits: the first code, how many there are, and where their symbols begin.
    lengths: [(u32, u32, usize); 16],
    symbols: &'a [u8],
}

impl<'a> Decoder<'a> {
    /// Derives the codes; `None` if there are more than their lengths can tell apart.
    pub fn new(table: HuffmanTable<'a>) -> Option<Self> {
        let mut lengths = [(0, 0, 0); 16];
        let mut short = vec![(0, 0); 1 << SHORT];
        for (symbol, code, length) in codes(table)? {
            if length <= SHORT {
                let free = SHORT - length;
                let first = usize::from(code) << free;
                short[first..first + (1 << free)].fill((symbol, length));
            }
        }
        let (mut code, mut index) = (0, 0);
        for (entry, &count) in lengths.iter_mut().zip(table.counts) {
            *entry = (code, u32::from(count), index);
            code = (code + u32::from(count)) << 1;
            index += usize::from(count);
        }
        Some(Self { short, lengths, symbols: table.symbols })
    }

    /// Takes the next symbol.
    pub fn take(&self, reader: &mut BitReader<'_>) -> Result<u8, JpegError> {
        let next = reader.peek();
        let (symbol, length) = match self.short[usize::from(next >> (16 - SHORT))] {
            (_, 0) => self.long(next).ok_or(JpegError {
                what: "a code that the Huffman table does not have",
                at: reader.position(),
            })?,
            found => found,
        };
        reader.skip(length)?;
        Ok(symbol)
    }

    fn long(&self, next: u16) -> Option<(u8, u8)> {
        (SHORT + 1..=16).find_map(|length| {
            let (first, count, index) = self.lengths[usize::from(length) - 1];
            let distance = (u32::from(next) >> (16 - length)).checked_sub(first)?;
            (distance < count).then(|| (self.symbols[index + distance as usize], length))
        })
    }
}

/// From symbols to codes.
#[derive(Debug)]
pub(super) struct Encoder {
    /// Code and length of each symbol; length 0 for those that the table does not have.
    codes: [(u16, u8); 256],
}

impl Encoder {
    /// Derives the codes; none if there are more than their lengths can tell apart.
    pub fn new(table: HuffmanTable<'_>) -> Self {
        let mut by_symbol = [(0, 0); 256];
        for (symbol, code, length) in codes(table).unwrap_or_default() {
            by_symbol[usize::from(symbol)] = (code, length);
        }
        Self { codes: by_symbol }
    }

    /// Puts a symbol; `None` if the table does not have it.
    pub fn put(&self, writer: &mut BitWriter, symbol: u8) -> Option<()> {
        let (code, length) = self.codes[usize::from(symbol)];
        (length > 0).then(|| writer.put(code, length))
    }
}

/// Symbol, code and length of each entry (T.81 annex C).
fn codes(table: HuffmanTable<'_>) -> Option<Vec<(u8, u16, u8)>> {
    let mut codes = Vec::with_capacity(table.symbols.len());
    let mut symbols = table.symbols.iter();
    let mut code = 0u32;
    for (length, &count) in (1u8..=16).zip(table.counts) {
        for _ in 0..count {
            if code >= 1 << length {
                return None;
            }
            codes.push((*symbols.next()?, code as u16, length));
            code += 1;
        }
        code <<= 1;
    }
    Some(codes)
}

#[cfg(test)]
mod tests {
    use super::super::tables::STANDARD_HUFFMAN;
    use super::*;

    #[test]
    fn every_symbol_of_the_standard_tables_goes_there_and_back() {
        for (_, table) in STANDARD_HUFFMAN {
            let (encoder, decoder) = (Encoder::new(table), Decoder::new(table).unwrap());
            let mut writer = BitWriter::default();
            table.symbols.iter().for_each(|&symbol| encoder.put(&mut writer, symbol).unwrap());
            writer.put_marker(0xD9);
            let octets = writer.into_octets();
            let mut reader = BitReader::new(&octets, 0);
            table.symbols.iter().for_each(|&symbol| assert_eq!(decoder.take(&mut reader), Ok(symbol)));
            assert_eq!(encoder.put(&mut BitWriter::default(), 0x0F), None);
        }
    }

    #[test]
    fn a_code_of_table_k5_is_the_one_that_is_printed_there() {
        // T.81 table K.5: run 0, size 3 is 100; run 15, size 10 is sixteen bits.
        let codes = codes(STANDARD_HUFFMAN[1].1).unwrap();
        assert!(codes.contains(&(0x03, 0b100, 3)));
        assert!(codes.contains(&(0xFA, 0b1111_1111_1111_1110, 16)));
    }

    #[test]
    fn more_codes_than_a_length_can_tell_apart_are_no_table() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(Decoder::new(HuffmanTable { counts: &counts, symbols: &[1, 2, 3] }).is_none());
        counts[0] = 1;
        let one = Decoder::new(HuffmanTable { counts: &counts, symbols: &[7] }).unwrap();
        assert_eq!(one.take(&mut BitReader::new(&[0x7F], 0)), Ok(7));
        assert!(one.take(&mut BitReader::new(&[0x80, 0], 0)).is_err(), "the other code is nobody's");
    }
}
