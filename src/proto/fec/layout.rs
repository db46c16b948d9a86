//! Arrangement of the packets that parity packets protect.

use std::fmt;
use std::str::FromStr;

use super::format::FecFormat;

/// Numbers of packets that a parity packet can be asked to protect.
const GROUP_SIZES: std::ops::RangeInclusive<u8> = 2..=24;

/// Maximum number of packets that a parity packet protects, 2 to 24.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupSize(u8);

impl GroupSize {
    /// Creates a size; `None` if it is out of range.
    pub fn new(packets: u8) -> Option<Self> {
        GROUP_SIZES.contains(&packets).then_some(Self(packets))
    }

    /// Returns the number of packets.
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

/// Maximum size of a grid of packets, each row and each column of which has a parity packet: 2 to 24 columns and rows,
/// and no more packets than the mask of FlexFEC can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GridSize {
    columns: u8,
    rows: u8,
}

impl GridSize {
    /// Creates a size; `None` if it is out of range.
    pub fn new(columns: u8, rows: u8) -> Option<Self> {
        let is_in_range = GROUP_SIZES.contains(&columns) && GROUP_SIZES.contains(&rows);
        let size = Self { columns, rows };
        (is_in_range && size.packets() <= FecFormat::Flexfec.max_span()).then_some(size)
    }

    /// Returns the number of packets of a full grid.
    pub fn packets(self) -> usize {
        usize::from(self.columns) * usize::from(self.rows)
    }

    /// Returns the number of columns for this number of packets. The grid is no larger than the maximum, and about
    /// square, because that has the fewest parity packets.
    pub fn columns_for(self, packets: usize) -> usize {
        let root = packets.isqrt();
        let square = if root * root < packets { root + 1 } else { root };
        let columns = usize::from(self.columns);
        square.clamp(packets.div_ceil(usize::from(self.rows)).min(columns), columns)
    }
}

/// Arrangement of the packets of a frame that parity packets protect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParityLayout {
    /// A parity packet for each group of packets, by ULPFEC.
    Groups(GroupSize),
    /// A parity packet for each row and each column, by FlexFEC.
    Grid(GridSize),
}

impl ParityLayout {
    /// Returns the format of the parity packets.
    pub fn format(self) -> FecFormat {
        match self {
            Self::Groups(_) => FecFormat::Ulpfec,
            Self::Grid(_) => FecFormat::Flexfec,
        }
    }
}

impl fmt::Display for ParityLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Groups(size) => size.0.fmt(f),
            Self::Grid(size) => write!(f, "{}x{}", size.columns, size.rows),
        }
    }
}

/// The text states no arrangement of packets, or one that is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a parity packet protects 2 to 24 packets, such as 5; a grid of at most 110 packets has 2 to 24 columns and rows, such as \
     10x5"
)]
pub struct ParityLayoutError;

impl FromStr for ParityLayout {
    type Err = ParityLayoutError;

    fn from_str(text: &str) -> Result<Self, ParityLayoutError> {
        let number = |digits: &str| {
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse::<u8>().ok().filter(|_| is_number)
        };
        let layout = match text.split_once('x') {
            None => number(text).and_then(GroupSize::new).map(Self::Groups),
            Some((columns, rows)) => {
                let size = number(columns).zip(number(rows));
                size.and_then(|(columns, rows)| GridSize::new(columns, rows)).map(Self::Grid)
            }
        };
        layout.ok_or(ParityLayoutError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_numbers_of_packets_or_columns_and_rows() {
        for text in ["2", "24", "2x2", "10x5", "24x4", "10x11"] {
            assert_eq!(text.parse::<ParityLayout>().unwrap().to_string(), text);
        }
        for text in
            ["1", "25", "+5", "", "x", "5x", "1x5", "5x1", "25x2", "24x5", "5x5x5", "5X5", "5x+5", "300x2"]
        {
            assert_eq!(text.parse::<ParityLayout>(), Err(ParityLayoutError), "{text}");
        }
    }

    #[test]
    fn grids_keep_their_maximum_and_are_about_square() {
        for (columns, rows) in [(2, 2), (5, 5), (10, 10), (10, 11), (24, 4), (2, 24)] {
            let size = GridSize::new(columns, rows).unwrap();
            for packets in 1..=size.packets() {
                let columns_used = size.columns_for(packets);
                assert!((1..=usize::from(columns)).contains(&columns_used));
                let rows_used = packets.div_ceil(columns_used);
                assert!(
                    rows_used <= usize::from(rows),
                    "{packets} packets in {columns}x{rows}: {columns_used}"
                );
            }
        }
        let size = GridSize::new(10, 10).unwrap();
        assert_eq!([1, 2, 4, 17, 97, 100].map(|packets| size.columns_for(packets)), [1, 2, 2, 5, 10, 10]);
        let wide = GridSize::new(24, 4).unwrap();
        assert_eq!([9, 24, 48, 96].map(|packets| wide.columns_for(packets)), [3, 6, 12, 24]);
    }
}
