//! Huffman encoder and decoder (T.81 annex C, §F.2.2.3).

use std::sync::{Arc, LazyLock};

use super::bits::{BitReader, BitWriter, EntropyData};
use super::header::JpegError;
use super::tables::{HuffmanTable, STANDARD_HUFFMAN};

/// Maximum length of codes in the lookup table, in bits. Longer codes are searched length by length.
const LOOKUP_BITS: u8 = 9;

/// Maximum size of a DC difference, in bits. Samples of 8 bits need at most 11 (T.81 table F.1).
pub(super) const MAX_DC_SIZE: u8 = 15;

/// Decodes codes to symbols.
#[derive(Debug)]
pub(super) struct HuffmanDecoder<'a> {
    /// Symbol and code length for each value of the next [`LOOKUP_BITS`] bits; length 0 if the code is longer.
    lookup: Vec<(u8, u8)>,
    /// First code, number of codes, and index of the first symbol, for each length from 1 to 16 bits.
    lengths: [(u32, u32, usize); 16],
    symbols: &'a [u8],
}

impl<'a> HuffmanDecoder<'a> {
    /// Creates a decoder; `None` if a length has more codes than it can distinguish.
    pub fn new(table: HuffmanTable<'a>) -> Option<Self> {
        let mut lengths = [(0, 0, 0); 16];
        let mut lookup = vec![(0, 0); 1 << LOOKUP_BITS];
        for (symbol, code, length) in derive_codes(table)? {
            if length <= LOOKUP_BITS {
                let unused_bits = LOOKUP_BITS - length;
                let first = usize::from(code) << unused_bits;
                lookup[first..first + (1 << unused_bits)].fill((symbol, length));
            }
        }
        let (mut code, mut index) = (0, 0);
        for (entry, &count) in lengths.iter_mut().zip(table.counts) {
            *entry = (code, u32::from(count), index);
            code = (code + u32::from(count)) << 1;
            index += usize::from(count);
        }
        Some(Self { lookup, lengths, symbols: table.symbols })
    }

    /// Reads the next symbol.
    pub fn decode(&self, reader: &mut BitReader<'_>) -> Result<u8, JpegError> {
        let next = reader.peek();
        let error = JpegError { message: "undefined Huffman code", offset: reader.position() };
        let (symbol, length) = self.find(next).ok_or(error)?;
        reader.skip(length)?;
        Ok(symbol)
    }

    /// Returns the symbol whose code these 16 bits begin with, and the length of the code in bits; `None` if there is
    /// no such code.
    pub fn find(&self, next: u16) -> Option<(u8, u8)> {
        match self.lookup[usize::from(next >> (16 - LOOKUP_BITS))] {
            (_, 0) => self.decode_long_code(next),
            found => Some(found),
        }
    }

    fn decode_long_code(&self, next: u16) -> Option<(u8, u8)> {
        (LOOKUP_BITS + 1..=16).find_map(|length| {
            let (first, count, index) = self.lengths[usize::from(length) - 1];
            let distance = (u32::from(next) >> (16 - length)).checked_sub(first)?;
            (distance < count).then(|| (self.symbols[index + distance as usize], length))
        })
    }
}

/// Lengths of AC codes with their additional bits, for a search of the ends of blocks.
#[derive(Debug)]
pub(super) struct AcCodes<'a> {
    decoder: HuffmanDecoder<'a>,
    /// First code for each value of the next [`AC_LOOKUP_BITS`] bits; a length of 0 if it is longer or undefined.
    codes: Vec<AcCode>,
    /// All codes that begin within these bits and are known from them, as if they were one.
    runs: Vec<AcCode>,
}

/// An AC code, or several that follow each other.
#[derive(Debug, Clone, Copy, Default)]
struct AcCode {
    /// Length with the additional bits, in bits.
    length: u8,
    /// Number of coefficients that it states, the zeros before them included; none for the end of a block.
    coefficients: u8,
    /// True if it ends the block.
    ends_block: bool,
}

/// Maximum length of codes in the lookup tables for AC codes, in bits.
const AC_LOOKUP_BITS: u8 = 11;

/// Number of coefficients of a block, the DC coefficient included.
const BLOCK_LENGTH: usize = 64;

impl AcCode {
    /// Creates the entry of a symbol; `None` if the symbol is undefined in sequential frames.
    fn new(symbol: u8, length: u8) -> Option<Self> {
        let coefficients = match (symbol >> 4, symbol & 0x0F) {
            (0, 0) => 0,
            (15, 0) => 16,
            (_, 0) => return None,
            (run, _) => run + 1,
        };
        Some(Self { length: length + (symbol & 0x0F), coefficients, ends_block: symbol == 0 })
    }
}

/// Codes of the standard tables, which most cameras use.
static STANDARD_AC_CODES: LazyLock<Vec<(HuffmanTable<'static>, Arc<AcCodes<'static>>)>> =
    LazyLock::new(|| {
        let codes = |(_, table)| Some((table, Arc::new(AcCodes::new(table)?)));
        STANDARD_HUFFMAN.into_iter().filter(|(key, _)| key & AC_CLASS != 0).filter_map(codes).collect()
    });

/// Bit of a table's class and destination that is set for AC coefficients (T.81 §B.2.4.2).
pub(super) const AC_CLASS: u8 = 0x10;

impl<'a> AcCodes<'a> {
    /// Returns the codes of a table; `None` if a length has more codes than it can distinguish.
    pub fn of(table: HuffmanTable<'a>) -> Option<Arc<Self>> {
        match STANDARD_AC_CODES.iter().find(|(standard, _)| *standard == table) {
            Some((_, codes)) => Some(codes.clone()),
            None => Self::new(table).map(Arc::new),
        }
    }

    fn new(table: HuffmanTable<'a>) -> Option<Self> {
        let mut codes = vec![AcCode::default(); 1 << AC_LOOKUP_BITS];
        // Lengths of the codes without their additional bits.
        let mut lengths = vec![0; codes.len()];
        for (symbol, code, length) in derive_codes(table)? {
            if let Some(entry) = AcCode::new(symbol, length).filter(|_| length <= AC_LOOKUP_BITS) {
                let unused_bits = AC_LOOKUP_BITS - length;
                let first = usize::from(code) << unused_bits;
                codes[first..first + (1 << unused_bits)].fill(entry);
                lengths[first..first + (1 << unused_bits)].fill(length);
            }
        }
        let runs = (0..codes.len()).map(|bits| run_of_codes(bits, &codes, &lengths)).collect();
        Some(Self { decoder: HuffmanDecoder::new(table)?, codes, runs })
    }

    /// Returns the position after the AC coefficients of a block, which may be after the end of the data. Positions are
    /// in bits.
    pub fn skip_block(&self, data: &EntropyData, mut position: usize) -> Result<usize, JpegError> {
        let mut index = 1;
        while index < BLOCK_LENGTH {
            let next = data.peek(position);
            let run = self.runs[(next >> (64 - AC_LOOKUP_BITS)) as usize];
            // The last coefficient ends a block without a code, so that what follows it is of the next block.
            let is_within_block = run.length > 0 && index + usize::from(run.coefficients) < BLOCK_LENGTH;
            let entry = if is_within_block { run } else { self.first_code(data, next)? };
            position += usize::from(entry.length);
            if entry.ends_block {
                return Ok(position);
            }
            index += usize::from(entry.coefficients);
        }
        match index {
            BLOCK_LENGTH => Ok(position),
            _ => Err(data.error("block with more than 64 coefficients")),
        }
    }

    fn first_code(&self, data: &EntropyData, next: u64) -> Result<AcCode, JpegError> {
        let code = self.codes[(next >> (64 - AC_LOOKUP_BITS)) as usize];
        if code.length > 0 {
            return Ok(code);
        }
        let (symbol, length) =
            self.decoder.find((next >> 48) as u16).ok_or(data.error("undefined Huffman code"))?;
        AcCode::new(symbol, length).ok_or(data.error("undefined AC symbol"))
    }
}

/// Returns the codes that `bits` begin with, up to the end of a block. The additional bits of the last one may follow
/// them.
fn run_of_codes(bits: usize, codes: &[AcCode], lengths: &[u8]) -> AcCode {
    let mut run = AcCode::default();
    while run.length < AC_LOOKUP_BITS && !run.ends_block {
        let rest = (bits << run.length) & (codes.len() - 1);
        let (next, length) = (codes[rest], lengths[rest]);
        if length == 0 || run.length + length > AC_LOOKUP_BITS {
            break;
        }
        run.length += next.length;
        run.coefficients += next.coefficients;
        run.ends_block = next.ends_block;
    }
    run
}

/// Encodes symbols to codes.
#[derive(Debug)]
pub(super) struct HuffmanEncoder {
    /// Code and length of each symbol; length 0 for symbols that are not in the table.
    codes: [(u16, u8); 256],
}

impl HuffmanEncoder {
    /// Creates an encoder. It has no codes if a length has more codes than it can distinguish.
    pub fn new(table: HuffmanTable<'_>) -> Self {
        let mut codes = [(0, 0); 256];
        for (symbol, code, length) in derive_codes(table).unwrap_or_default() {
            codes[usize::from(symbol)] = (code, length);
        }
        Self { codes }
    }

    /// Writes the code of a symbol; `None` if the symbol is not in the table.
    pub fn encode(&self, writer: &mut BitWriter, symbol: u8) -> Option<()> {
        let (code, length) = self.codes[usize::from(symbol)];
        (length > 0).then(|| writer.write(code, length))
    }

    /// Writes a DC difference, its size and its additional bits (T.81 §F.1.2.1); `None` if the size is not in the
    /// table.
    pub fn encode_difference(&self, writer: &mut BitWriter, difference: i32) -> Option<()> {
        let size = 32 - difference.unsigned_abs().leading_zeros();
        if size > u32::from(MAX_DC_SIZE) {
            return None;
        }
        self.encode(writer, size as u8)?;
        // For a negative difference, the low bits of the difference minus one are written.
        let coded = if difference < 0 { difference - 1 } else { difference };
        writer.write((coded & ((1 << size) - 1)) as u16, size as u8);
        Some(())
    }
}

/// Returns symbol, code and length of each entry (T.81 annex C); `None` if a length has too many codes.
fn derive_codes(table: HuffmanTable<'_>) -> Option<Vec<(u8, u16, u8)>> {
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
    use super::*;

    #[test]
    fn standard_symbols_round_trip() {
        for (_, table) in STANDARD_HUFFMAN {
            let (encoder, decoder) = (HuffmanEncoder::new(table), HuffmanDecoder::new(table).unwrap());
            let mut writer = BitWriter::default();
            table.symbols.iter().for_each(|&symbol| encoder.encode(&mut writer, symbol).unwrap());
            writer.write_marker(0xD9);
            let bytes = writer.into_bytes();
            let mut reader = BitReader::new(&bytes, 0);
            table.symbols.iter().for_each(|&symbol| assert_eq!(decoder.decode(&mut reader), Ok(symbol)));
            assert_eq!(encoder.encode(&mut BitWriter::default(), 0x0F), None);
        }
    }

    /// Reads the AC coefficients of a block code by code; `None` if they are invalid.
    fn skip_block_by_codes(
        decoder: &HuffmanDecoder<'_>,
        data: &EntropyData,
        mut position: usize,
    ) -> Option<usize> {
        let mut index = 1;
        while index < 64 {
            let (symbol, length) = decoder.find((data.peek(position) >> 48) as u16)?;
            position += usize::from(length + (symbol & 0x0F));
            index += match (symbol >> 4, symbol & 0x0F) {
                (0, 0) => return Some(position),
                (15, 0) => 16,
                (_, 0) => return None,
                (run, _) => usize::from(run) + 1,
            };
        }
        (index == 64).then_some(position)
    }

    /// Random bits, with the standard tables and with ones whose shortest codes are a run of 16 zeros, a coefficient,
    /// the end of a block, and an undefined symbol.
    #[test]
    fn several_codes_are_skipped_as_one_by_one() {
        let mut state = 7u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let counts = [1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let own = [[0xF0, 0x01, 0x00, 0x11, 0x30, 0x02], [0x01, 0xF0, 0x21, 0x00, 0x03, 0x50]];
        let own = own.iter().map(|symbols| HuffmanTable { counts: &counts, symbols });
        let (mut ended, mut full, mut invalid) = (0, 0, 0);
        for table in [STANDARD_HUFFMAN[1].1, STANDARD_HUFFMAN[3].1].into_iter().chain(own) {
            let codes = AcCodes::of(table).unwrap();
            for _ in 0..500 {
                let bytes: Vec<u8> = (0..200).map(|_| next() & next() & 0x7F).collect();
                let mut data = EntropyData::default();
                data.read(&bytes, 0);
                for position in 0..16 {
                    let expected = skip_block_by_codes(&codes.decoder, &data, position);
                    assert_eq!(
                        codes.skip_block(&data, position).ok(),
                        expected,
                        "{table:?} {position} {bytes:?}"
                    );
                    match expected {
                        Some(end) if end - position > 40 => full += 1,
                        Some(_) => ended += 1,
                        None => invalid += 1,
                    }
                }
            }
        }
        assert!(ended > 100 && full > 100 && invalid > 100, "{ended} {full} {invalid}");
    }

    #[test]
    fn derived_codes_match_table_k5() {
        // T.81 table K.5: run 0, size 3 is 100; run 15, size 10 has a code of 16 bits.
        let codes = derive_codes(STANDARD_HUFFMAN[1].1).unwrap();
        assert!(codes.contains(&(0x03, 0b100, 3)));
        assert!(codes.contains(&(0xFA, 0b1111_1111_1111_1110, 16)));
    }

    #[test]
    fn overfull_code_length_is_rejected() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(HuffmanDecoder::new(HuffmanTable { counts: &counts, symbols: &[1, 2, 3] }).is_none());
        counts[0] = 1;
        let one = HuffmanDecoder::new(HuffmanTable { counts: &counts, symbols: &[7] }).unwrap();
        assert_eq!(one.decode(&mut BitReader::new(&[0x7F], 0)), Ok(7));
        assert!(one.decode(&mut BitReader::new(&[0x80, 0], 0)).is_err(), "the code 1 has no symbol");
    }
}
