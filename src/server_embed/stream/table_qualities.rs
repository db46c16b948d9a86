//! The Q values of the quantization tables in a stream (RFC 2435 §3.1.8). Sans-I/O.

/// Q values that always name the same tables, so that a receiver knows those of a frame whose first packet is lost.
const NAMED: std::ops::Range<u8> = 128..255;

/// Q value of tables that only their own frame may use.
const UNNAMED: u8 = 255;

/// Length of two quantization tables of 8 bits, in bytes.
const TABLES_LENGTH: usize = 128;

/// The quantization tables that a stream has sent, each set with a Q value of its own.
///
/// A film usually has one set. If there are more than Q values, the others have the value 255.
#[derive(Debug, Default)]
pub struct TableQualities {
    known: Vec<[u8; TABLES_LENGTH]>,
}

impl TableQualities {
    /// Returns the Q value of these tables.
    pub fn quality(&mut self, tables: &[u8]) -> u8 {
        let Ok(tables) = <[u8; TABLES_LENGTH]>::try_from(tables) else { return UNNAMED };
        let index = self.known.iter().position(|known| *known == tables).unwrap_or_else(|| {
            if self.known.len() < NAMED.len() {
                self.known.push(tables);
                return self.known.len() - 1;
            }
            NAMED.len()
        });
        // At most 127.
        NAMED.start.saturating_add(index as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_of_tables_has_its_own_value_until_all_are_used() {
        let mut qualities = TableQualities::default();
        for _ in 0..2 {
            for number in 0..127 {
                assert_eq!(qualities.quality(&[number; TABLES_LENGTH]), 128 + number);
            }
            for number in 127..=255 {
                assert_eq!(qualities.quality(&[number; TABLES_LENGTH]), 255);
            }
        }
        assert_eq!(qualities.quality(&[0; 64]), 255, "not two tables");
    }
}
