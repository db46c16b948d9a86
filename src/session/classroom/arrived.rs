//! Datagrams that arrived before the first frame, for the error that no frame could be assembled. Sans-I/O.

use std::fmt;

/// Number of bytes of the first datagram that are shown.
const SHOWN_BYTES: usize = 24;

/// Datagrams that arrived before the first frame was complete: their number, sizes, and the first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrivedDatagrams {
    /// Number of datagrams, at least 1.
    count: u64,
    /// Length of the shortest one, in bytes of UDP payload.
    min_length: usize,
    /// Length of the longest one, in bytes of UDP payload.
    max_length: usize,
    /// First bytes of the first one; the rest is zero.
    first: [u8; SHOWN_BYTES],
    /// Length of the first one, in bytes of UDP payload.
    first_length: usize,
}

impl ArrivedDatagrams {
    /// Starts with the first datagram.
    pub fn new(datagram: &[u8]) -> Self {
        let mut first = [0; SHOWN_BYTES];
        first.iter_mut().zip(datagram).for_each(|(shown, byte)| *shown = *byte);
        let length = datagram.len();
        Self { count: 1, min_length: length, max_length: length, first, first_length: length }
    }

    /// Adds another datagram.
    pub fn add(&mut self, datagram: &[u8]) {
        self.count += 1;
        self.min_length = self.min_length.min(datagram.len());
        self.max_length = self.max_length.max(datagram.len());
    }

    /// Number of datagrams, at least 1.
    pub fn count(&self) -> u64 {
        self.count
    }
}

impl fmt::Display for ArrivedDatagrams {
    /// Formats them as `312 datagrams of 60 to 1,412 bytes (the first begins with 80 1A 00 01 …)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, min_length, max_length, .. } = *self;
        match count {
            1 => write!(f, "1 datagram of {max_length} bytes")?,
            _ if min_length == max_length => write!(f, "{count} datagrams of {max_length} bytes")?,
            _ => write!(f, "{count} datagrams of {min_length} to {max_length} bytes")?,
        }
        let shown = &self.first[..self.first_length.min(SHOWN_BYTES)];
        if !shown.is_empty() {
            let bytes: Vec<_> = shown.iter().map(|byte| format!("{byte:02X}")).collect();
            let rest = if self.first_length > SHOWN_BYTES { " …" } else { "" };
            write!(f, " (the first begins with {}{rest})", bytes.join(" "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_sizes_and_first_bytes_are_described() {
        let mut arrived = ArrivedDatagrams::new(&[0x80, 0x1A]);
        assert_eq!(arrived.to_string(), "1 datagram of 2 bytes (the first begins with 80 1A)");
        arrived.add(&[1; 1_412]);
        arrived.add(&[]);
        assert_eq!(arrived.to_string(), "3 datagrams of 0 to 1412 bytes (the first begins with 80 1A)");
        let long = ArrivedDatagrams::new(&[0xFF; 100]).to_string();
        assert!(long.ends_with("FF FF …)") && long.matches("FF").count() == SHOWN_BYTES, "{long}");
        assert_eq!(ArrivedDatagrams::new(&[]).to_string(), "1 datagram of 0 bytes");
    }
}
