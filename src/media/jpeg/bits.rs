//! Bits in entropy-coded data, with its stuffing and its restart markers (T.81 §F.1.2.3, §B.1.1.5).

use super::header::JpegError;
use super::marker;

/// Takes bits from the data of a scan.
#[derive(Debug)]
pub(super) struct BitReader<'a> {
    jpeg: &'a [u8],
    /// The next octet that is not in the buffer.
    at: usize,
    /// The next bits, from the highest down; zeros below them.
    buffer: u64,
    /// How many they are.
    count: u32,
}

impl<'a> BitReader<'a> {
    /// Begins at an octet of the picture.
    pub fn new(jpeg: &'a [u8], at: usize) -> Self {
        Self { jpeg, at, buffer: 0, count: 0 }
    }

    /// Where it reads, for those who are told of a fault.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next sixteen bits, which stay; zeros where a marker or the end comes first.
    pub fn peek(&mut self) -> u16 {
        if self.count < 16 {
            self.fill();
        }
        (self.buffer >> 48) as u16
    }

    /// Passes over bits that were seen.
    pub fn skip(&mut self, bits: u8) -> Result<(), JpegError> {
        let bits = u32::from(bits);
        if bits > self.count {
            return Err(JpegError { what: "the end of the data in the middle of a scan", at: self.at });
        }
        self.buffer <<= bits;
        self.count -= bits;
        Ok(())
    }

    /// Takes up to sixteen bits.
    pub fn take(&mut self, bits: u8) -> Result<u16, JpegError> {
        let value = (u32::from(self.peek()) >> (16 - u32::from(bits))) as u16;
        self.skip(bits)?;
        Ok(value)
    }

    /// Fills the buffer up to the next marker.
    fn fill(&mut self) {
        while self.count <= 56 {
            let Some(&octet) = self.jpeg.get(self.at) else { return };
            let length = match (octet, self.jpeg.get(self.at + 1)) {
                (0xFF, Some(0x00)) => 2,
                (0xFF, _) => return,
                _ => 1,
            };
            self.buffer |= u64::from(octet) << (56 - self.count);
            self.count += 8;
            self.at += length;
        }
    }

    /// Passes over the restart marker of this number, from 0 to 7, which must come next.
    pub fn restart(&mut self, number: u8) -> Result<(), JpegError> {
        self.fill();
        let fault = JpegError { what: "no restart marker where one is due", at: self.at };
        let fill = self.jpeg[self.at..].iter().take_while(|&&octet| octet == 0xFF).count();
        if self.count >= 8 || fill == 0 || self.jpeg.get(self.at + fill) != Some(&(marker::RST0 + number)) {
            return Err(fault);
        }
        *self = Self::new(self.jpeg, self.at + fill + 1);
        Ok(())
    }

    /// Where the marker behind the scan begins; the end of the picture if there is none.
    pub fn end_of_scan(&self) -> usize {
        let rest = &self.jpeg[self.at..];
        let ends =
            |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xFF | marker::RST0..=marker::RST7);
        rest.windows(2).position(ends).map_or(self.jpeg.len(), |distance| self.at + distance)
    }
}

/// Puts bits behind each other.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    octets: Vec<u8>,
    /// The bits that make no octet yet, lowest last.
    buffer: u32,
    /// How many they are, below eight between calls.
    count: u32,
}

impl BitWriter {
    /// Goes on behind these octets.
    pub fn new(octets: Vec<u8>) -> Self {
        Self { octets, ..Self::default() }
    }

    /// Puts the lowest bits of a value, sixteen at the most.
    pub fn put(&mut self, value: u16, bits: u8) {
        self.buffer = self.buffer << bits | u32::from(value);
        self.count += u32::from(bits);
        while self.count >= 8 {
            self.count -= 8;
            let octet = (self.buffer >> self.count) as u8;
            self.octets.push(octet);
            if octet == 0xFF {
                self.octets.push(0);
            }
        }
    }

    /// Fills the last octet with ones, as T.81 §F.1.2.3 wants it, and puts a marker.
    pub fn put_marker(&mut self, code: u8) {
        if self.count > 0 {
            let missing = 8 - self.count as u8;
            self.put((1 << missing) - 1, missing);
        }
        self.octets.extend_from_slice(&[0xFF, code]);
    }

    /// Everything that was put.
    pub fn into_octets(self) -> Vec<u8> {
        self.octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_with_stuffing_and_restart_markers() {
        let mut writer = BitWriter::default();
        let values = [(0xFFFF, 16), (0, 1), (5, 3), (0xFF, 8), (0x1234, 16), (1, 1)];
        for number in 0..3 {
            values.iter().for_each(|&(value, bits)| writer.put(value, bits));
            writer.put_marker(marker::RST0 + number);
        }
        let octets = writer.into_octets();
        let mut reader = BitReader::new(&octets, 0);
        for number in 0..3 {
            values.iter().for_each(|&(value, bits)| assert_eq!(reader.take(bits), Ok(value)));
            reader.restart(number).unwrap();
        }
        assert!(reader.take(1).is_err());
    }

    #[test]
    fn a_marker_ends_the_bits_and_only_the_right_one_lets_them_go_on() {
        let octets = [0xAB, 0xFF, 0xFF, 0xD1, 0xCD, 0xFF, 0xD9];
        let mut reader = BitReader::new(&octets, 0);
        assert!(reader.restart(1).is_err(), "an octet has not been read");
        assert_eq!(reader.take(8), Ok(0xAB));
        assert!(reader.take(1).is_err());
        assert!(reader.restart(0).is_err());
        reader.restart(1).unwrap();
        assert_eq!((reader.take(8), reader.end_of_scan()), (Ok(0xCD), 5));
    }
}
