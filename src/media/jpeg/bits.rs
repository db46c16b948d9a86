//! Bit reader and writer for entropy-coded data, with byte stuffing and restart markers (T.81 §F.1.2.3, §B.1.1.5).

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

/// Writes entropy-coded data bit by bit.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits of the incomplete last byte, in the least significant bits.
    buffer: u32,
    /// Number of bits in `buffer`, at most 7 between calls.
    bit_count: u32,
}

impl BitWriter {
    /// Creates a writer that appends to `bytes`.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, ..Self::default() }
    }

    /// Writes the `bits` least significant bits of a value, at most 16. The other bits of `value` must be zero.
    pub fn write(&mut self, value: u16, bits: u8) {
        self.buffer = self.buffer << bits | u32::from(value);
        self.bit_count += u32::from(bits);
        while self.bit_count >= 8 {
            self.bit_count -= 8;
            let byte = (self.buffer >> self.bit_count) as u8;
            self.bytes.push(byte);
            if byte == 0xFF {
                self.bytes.push(0);
            }
        }
    }

    /// Pads the last byte with ones (T.81 §F.1.2.3) and writes a marker.
    pub fn write_marker(&mut self, code: u8) {
        if self.bit_count > 0 {
            let missing = 8 - self.bit_count as u8;
            self.write((1 << missing) - 1, missing);
        }
        self.bytes.extend_from_slice(&[0xFF, code]);
    }

    /// Returns the bytes written, without an incomplete last byte.
    pub fn into_bytes(self) -> Vec<u8> {
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
