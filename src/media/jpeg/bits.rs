//! Bit reader and writer for entropy-coded data, with byte stuffing and restart markers (T.81 §F.1.2.3, §B.1.1.5).

use std::ops::Range;

use super::header::JpegError;
use super::marker;

/// Reads bits from the data of a scan.
#[derive(Debug)]
pub(super) struct BitReader<'a> {
    jpeg: &'a [u8],
    /// Position of the next byte that is not in the buffer, in bytes from SOI.
    position: usize,
    /// The next bits, starting at the most significant one; zeros below them.
    buffer: u64,
    /// Number of valid bits in the buffer.
    bit_count: u32,
}

impl<'a> BitReader<'a> {
    /// Creates a reader for the data that begins at `position`, in bytes from SOI.
    pub fn new(jpeg: &'a [u8], position: usize) -> Self {
        Self { jpeg, position, buffer: 0, bit_count: 0 }
    }

    /// Returns the position of the next byte to be buffered, in bytes from SOI, for error messages.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Returns the next 16 bits without consuming them. Bits after the next marker or the end are zero.
    pub fn peek(&mut self) -> u16 {
        if self.bit_count < 16 {
            self.refill();
        }
        (self.buffer >> 48) as u16
    }

    /// Consumes up to 16 bits that [`peek`](Self::peek) returned.
    pub fn skip(&mut self, bits: u8) -> Result<(), JpegError> {
        let bits = u32::from(bits);
        if bits > self.bit_count {
            return Err(JpegError { message: "end of data in a scan", offset: self.position });
        }
        self.buffer <<= bits;
        self.bit_count -= bits;
        Ok(())
    }

    /// Reads up to 16 bits.
    pub fn read(&mut self, bits: u8) -> Result<u16, JpegError> {
        let value = (u32::from(self.peek()) >> (16 - u32::from(bits))) as u16;
        self.skip(bits)?;
        Ok(value)
    }

    /// Fills the buffer, stopping at a marker.
    fn refill(&mut self) {
        while self.bit_count <= 56 {
            let Some(&byte) = self.jpeg.get(self.position) else { return };
            let length = match (byte, self.jpeg.get(self.position + 1)) {
                (0xFF, Some(0x00)) => 2,
                (0xFF, _) => return,
                _ => 1,
            };
            self.buffer |= u64::from(byte) << (56 - self.bit_count);
            self.bit_count += 8;
            self.position += length;
        }
    }

    /// Reads the restart marker with this number, 0 to 7, which must follow the current byte.
    pub fn read_restart_marker(&mut self, number: u8) -> Result<(), JpegError> {
        self.refill();
        let error = JpegError { message: "missing restart marker", offset: self.position };
        let fill = self.jpeg[self.position..].iter().take_while(|&&byte| byte == 0xFF).count();
        if self.bit_count >= 8
            || fill == 0
            || self.jpeg.get(self.position + fill) != Some(&(marker::RST0 + number))
        {
            return Err(error);
        }
        *self = Self::new(self.jpeg, self.position + fill + 1);
        Ok(())
    }

    /// Returns the position of the marker after the scan, in bytes from SOI; the end of the frame if there is none.
    pub fn scan_end(&self) -> usize {
        let rest = &self.jpeg[self.position..];
        let is_marker =
            |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xFF | marker::RST0..=marker::RST7);
        rest.windows(2).position(is_marker).map_or(self.jpeg.len(), |distance| self.position + distance)
    }
}

/// Entropy-coded data up to the next marker, without byte stuffing. Positions are in bits.
#[derive(Debug, Default)]
pub(super) struct EntropyData {
    /// The data, and eight zero bytes.
    bytes: Vec<u8>,
    /// Start of the data in the frame, in bytes from SOI, for error messages.
    start: usize,
    /// End of the data in the frame, in bytes from SOI.
    end: usize,
}

impl EntropyData {
    /// Reads the data that begins at `start`, in bytes from SOI.
    pub fn read(&mut self, jpeg: &[u8], start: usize) {
        self.bytes.clear();
        self.start = start;
        let mut position = start.min(jpeg.len());
        loop {
            let rest = &jpeg[position..];
            let length = memchr::memchr(0xFF, rest).unwrap_or(rest.len());
            self.bytes.extend_from_slice(&rest[..length]);
            position += length;
            if rest.get(length + 1) != Some(&0) {
                break;
            }
            self.bytes.push(0xFF);
            position += 2;
        }
        self.end = position;
        self.bytes.extend_from_slice(&[0; 8]);
    }

    /// Returns the number of bits.
    pub fn bit_count(&self) -> usize {
        self.bytes.len().saturating_sub(8) * 8
    }

    /// Returns the position of the next marker, or of the end of the frame, in bytes from SOI.
    pub fn end(&self) -> usize {
        self.end
    }

    /// Returns an error with the start of the data as its position.
    pub fn error(&self, message: &'static str) -> JpegError {
        JpegError { message, offset: self.start }
    }

    /// Returns the bits at `position`, at least 57 of them, starting at the most significant one. After the end they
    /// are zero.
    pub fn peek(&self, position: usize) -> u64 {
        let chunk = self.bytes.get(position / 8..).and_then(|rest| rest.first_chunk());
        chunk.map_or(0, |chunk| u64::from_be_bytes(*chunk) << (position % 8))
    }

    /// Writes a range of bits.
    pub fn copy_bits(&self, range: Range<usize>, writer: &mut BitWriter) {
        let mut position = range.start;
        while position + 32 <= range.end {
            writer.write_long((self.peek(position) >> 32) as u32, 32);
            position += 32;
        }
        if position < range.end {
            let count = range.end - position;
            writer.write_long((self.peek(position) >> (64 - count)) as u32, count as u8);
        }
    }

    /// Returns the bits from `position` to the end, at most 7, and as many ones; `None` if there are more, or the
    /// position is after the end.
    pub fn padding(&self, position: usize) -> Option<(u8, u8)> {
        let count = self.bit_count().checked_sub(position).filter(|&count| count < 8)?;
        let ones = (1u8 << count) - 1;
        // At most 7 bits.
        Some(((self.peek(position) >> 57 << count >> 7) as u8 & ones, ones))
    }
}

/// Writes entropy-coded data bit by bit.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits that are not in `bytes` yet, in the least significant bits.
    buffer: u64,
    /// Number of bits in `buffer`, at most 31 between calls.
    bit_count: u32,
}

impl BitWriter {
    /// Creates a writer that appends to `bytes`.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, ..Self::default() }
    }

    /// Writes the `bits` least significant bits of a value, at most 16. The other bits of `value` must be zero.
    pub fn write(&mut self, value: u16, bits: u8) {
        self.write_long(u32::from(value), bits);
    }

    /// Writes the `bits` least significant bits of a value, at most 32. The other bits of `value` must be zero.
    pub fn write_long(&mut self, value: u32, bits: u8) {
        self.buffer = self.buffer << bits | u64::from(value);
        self.bit_count += u32::from(bits);
        if self.bit_count >= 32 {
            self.bit_count -= 32;
            let word = ((self.buffer >> self.bit_count) as u32).to_be_bytes();
            match word.contains(&0xFF) {
                false => self.bytes.extend_from_slice(&word),
                true => word.into_iter().for_each(|byte| self.push(byte)),
            }
        }
    }

    /// Appends a byte, and a zero byte after 0xFF.
    fn push(&mut self, byte: u8) {
        self.bytes.push(byte);
        if byte == 0xFF {
            self.bytes.push(0);
        }
    }

    /// Appends the complete bytes of the buffer.
    fn flush(&mut self) {
        while self.bit_count >= 8 {
            self.bit_count -= 8;
            self.push((self.buffer >> self.bit_count) as u8);
        }
    }

    /// Pads the last byte with ones (T.81 §F.1.2.3), or with zeros as some encoders do.
    pub fn pad(&mut self, with_ones: bool) {
        self.flush();
        if self.bit_count > 0 {
            let missing = 8 - self.bit_count as u8;
            self.write(if with_ones { (1 << missing) - 1 } else { 0 }, missing);
            self.flush();
        }
    }

    /// Pads the last byte with ones and writes a marker.
    pub fn write_marker(&mut self, code: u8) {
        self.pad(true);
        self.bytes.extend_from_slice(&[0xFF, code]);
    }

    /// Appends bytes as they are. The last byte must be complete, as after [`pad`](Self::pad).
    pub fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the number of bytes written, if the last one is complete.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the bytes written, without an incomplete last byte.
    pub fn into_bytes(mut self) -> Vec<u8> {
        self.flush();
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_round_trip_with_stuffing_and_restart_markers() {
        let mut writer = BitWriter::default();
        let values = [(0xFFFF, 16), (0, 1), (5, 3), (0xFF, 8), (0x1234, 16), (1, 1)];
        for number in 0..3 {
            values.iter().for_each(|&(value, bits)| writer.write(value, bits));
            writer.write_marker(marker::RST0 + number);
        }
        let bytes = writer.into_bytes();
        let mut reader = BitReader::new(&bytes, 0);
        for number in 0..3 {
            values.iter().for_each(|&(value, bits)| assert_eq!(reader.read(bits), Ok(value)));
            reader.read_restart_marker(number).unwrap();
        }
        assert!(reader.read(1).is_err());
    }

    #[test]
    fn copied_bits_are_the_same_at_any_position() {
        let mut writer = BitWriter::default();
        let value = |index: u32| index.wrapping_mul(0x9E37_79B9) | ((index % 3) * 0x00FF_0000);
        let bits = |index: u32| (index % 32 + 1) as u8;
        (0..500).for_each(|index| writer.write_long(value(index) >> (32 - bits(index)), bits(index)));
        writer.write_marker(marker::RST0);
        let bytes = writer.into_bytes();
        assert!(bytes.windows(2).filter(|pair| pair == &[0xFF, 0]).count() > 10);
        let mut data = EntropyData::default();
        data.read(&bytes, 0);
        assert_eq!(data.end(), bytes.len() - 2);
        let mut position = 0;
        for index in 0..500 {
            let expected = value(index) >> (32 - bits(index));
            assert_eq!((data.peek(position) >> (64 - u32::from(bits(index)))) as u32, expected, "{index}");
            position += usize::from(bits(index));
        }
        let (padding, ones) = data.padding(position).unwrap();
        assert_eq!(padding, ones);
        assert_eq!((data.padding(position - 8), data.padding(data.bit_count() + 1)), (None, None));
        for middle in [0, 1, 31, 32, 33, 1_000, position] {
            let mut copy = BitWriter::default();
            data.copy_bits(0..middle, &mut copy);
            data.copy_bits(middle..position, &mut copy);
            copy.write_marker(marker::RST0);
            assert!(copy.into_bytes() == bytes, "divided at {middle}");
        }
        let mut short = EntropyData::default();
        short.read(&[0xFF], 0);
        assert_eq!((short.bit_count(), short.peek(0), short.end()), (0, 0, 0));
        short.read(&[], 5);
        assert_eq!((short.bit_count(), short.peek(1_000)), (0, 0));
    }

    #[test]
    fn reading_stops_at_marker_and_resumes_after_expected_restart() {
        let bytes = [0xAB, 0xFF, 0xFF, 0xD1, 0xCD, 0xFF, 0xD9];
        let mut reader = BitReader::new(&bytes, 0);
        assert!(reader.read_restart_marker(1).is_err(), "a byte before the marker is unread");
        assert_eq!(reader.read(8), Ok(0xAB));
        assert!(reader.read(1).is_err());
        assert!(reader.read_restart_marker(0).is_err());
        reader.read_restart_marker(1).unwrap();
        assert_eq!((reader.read(8), reader.scan_end()), (Ok(0xCD), 5));
    }
}
