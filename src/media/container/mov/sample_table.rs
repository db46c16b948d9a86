//! Sample table of a track (`stbl`, ISO 14496-12 §8.5): position, length and time of its samples.

use super::atom::{find, u32_at, u64_at};

/// Maximum number of samples that are read: 39 hours at 30 frames/s.
pub const MAX_SAMPLES: usize = 1 << 22;

/// A sample: a frame in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Position in the file, in bytes.
    pub offset: u64,
    /// Length in bytes, as `stsz` or `stz2` states it; not compared with the file.
    pub size: u32,
    /// Number of its sample description, from 1.
    pub description: u32,
    /// Presentation time in ticks of the track, without edits.
    pub start: u64,
    /// Duration in ticks of the track.
    pub duration: u32,
}

/// Sample table in the bytes of a file. What is missing has no samples, or no times.
#[derive(Debug, Clone)]
pub struct SampleTable<'a> {
    sizes: Sizes<'a>,
    chunks: ChunkOffsets<'a>,
    /// Runs of chunks with the same number of samples (`stsc`), 12 bytes each.
    runs: &'a [u8],
    /// Runs of samples with the same duration (`stts`), 8 bytes each.
    durations: &'a [u8],
    /// Runs of samples with the same difference between decoding and presentation (`ctts`), 8 bytes each.
    composition: &'a [u8],
}

/// Lengths of the samples.
#[derive(Debug, Clone)]
enum Sizes<'a> {
    /// This number of samples of the same length (`stsz`).
    Constant { size: u32, count: u32 },
    /// Lengths of 4 bytes (`stsz`).
    Table(&'a [u8]),
    /// Lengths of 4, 8 or 16 bits (`stz2`).
    Compact { bits: u8, table: &'a [u8], count: u32 },
}

/// Positions of the chunks: groups of samples that follow each other.
#[derive(Debug, Clone)]
enum ChunkOffsets<'a> {
    /// Positions of 4 bytes (`stco`).
    Short(&'a [u8]),
    /// Positions of 8 bytes (`co64`).
    Long(&'a [u8]),
}

impl<'a> SampleTable<'a> {
    /// Parses the data of a sample table.
    pub fn parse(stbl: &'a [u8]) -> Self {
        let table = |kind: &[u8; 4], entry| find(stbl, *kind).map_or(&[][..], |data| entries(data, 4, entry));
        let chunks = match find(stbl, *b"co64") {
            Some(data) => ChunkOffsets::Long(entries(data, 4, 8)),
            None => ChunkOffsets::Short(table(b"stco", 4)),
        };
        Self {
            sizes: Sizes::parse(stbl),
            chunks,
            runs: table(b"stsc", 12),
            durations: table(b"stts", 8),
            composition: table(b"ctts", 8),
        }
    }

    /// Returns the duration of all samples but the last, if it is the same; `None` if there are no times, or the
    /// durations differ.
    pub fn constant_duration(&self) -> Option<u32> {
        let mut runs =
            self.durations.chunks_exact(8).filter_map(|run| Some((u32_at(run, 0)?, u32_at(run, 4)?)));
        let (_, duration) = runs.next()?;
        let is_constant =
            runs.enumerate().all(|(n, (count, other))| other == duration || (n == 0 && count == 1));
        (duration > 0 && is_constant).then_some(duration)
    }

    /// Returns true if the table has times.
    pub fn has_times(&self) -> bool {
        self.durations.chunks_exact(8).any(|run| u32_at(run, 4).is_some_and(|duration| duration > 0))
    }

    /// Returns the samples in file order, at most [`MAX_SAMPLES`].
    pub fn samples(&self) -> Vec<Sample> {
        let mut samples = Vec::new();
        let mut durations = Runs::new(self.durations);
        let mut composition = Runs::new(self.composition);
        let mut time = 0_u64;
        let mut runs = self.runs.chunks_exact(12).peekable();
        let (mut per_chunk, mut description) = (0, 1);
        for (number, chunk) in (1..).zip(self.chunks.iter()) {
            while let Some(run) = runs.next_if(|run| u32_at(run, 0).is_some_and(|first| first <= number)) {
                (per_chunk, description) = (u32_at(run, 4).unwrap_or(0), u32_at(run, 8).unwrap_or(1));
            }
            let mut offset = chunk;
            for _ in 0..per_chunk {
                let Some(size) = self.sizes.get(samples.len()).filter(|_| samples.len() < MAX_SAMPLES) else {
                    return samples;
                };
                let duration = durations.next_value().unwrap_or(0);
                // A shift is signed in version 1, and writers use negative ones in version 0 as well.
                let shift = i64::from(composition.next_value().unwrap_or(0).cast_signed());
                let start = time.saturating_add_signed(shift);
                samples.push(Sample { offset, size, description, start, duration });
                offset = offset.saturating_add(u64::from(size));
                time = time.saturating_add(u64::from(duration));
            }
        }
        samples
    }
}

impl<'a> Sizes<'a> {
    fn parse(stbl: &'a [u8]) -> Self {
        if let Some(data) = find(stbl, *b"stsz") {
            return match (u32_at(data, 4), u32_at(data, 8)) {
                (Some(0), _) | (None, _) | (_, None) => Self::Table(entries(data, 8, 4)),
                (Some(size), Some(count)) => Self::Constant { size, count },
            };
        }
        let data = find(stbl, *b"stz2").unwrap_or_default();
        let bits = data.get(7).copied().unwrap_or(0);
        let count = u32_at(data, 8).unwrap_or(0);
        Self::Compact { bits, table: data.get(12..).unwrap_or_default(), count }
    }

    /// Returns the length of a sample, by its number from 0.
    fn get(&self, sample: usize) -> Option<u32> {
        match self {
            Self::Constant { size, count } => (u32::try_from(sample).ok()? < *count).then_some(*size),
            Self::Table(table) => u32_at(table, sample.checked_mul(4)?),
            Self::Compact { count, .. } if u32::try_from(sample).ok()? >= *count => None,
            Self::Compact { bits: 4, table, .. } => {
                let pair = table.get(sample / 2)?;
                Some(u32::from(if sample.is_multiple_of(2) { pair >> 4 } else { pair & 0x0F }))
            }
            Self::Compact { bits: 8, table, .. } => table.get(sample).map(|size| u32::from(*size)),
            Self::Compact { bits: 16, table, .. } => {
                super::atom::u16_at(table, sample.checked_mul(2)?).map(u32::from)
            }
            Self::Compact { .. } => None,
        }
    }
}

impl<'a> ChunkOffsets<'a> {
    fn iter(&self) -> impl Iterator<Item = u64> + 'a {
        let (table, length) = match self {
            Self::Short(table) => (*table, 4),
            Self::Long(table) => (*table, 8),
        };
        table.chunks_exact(length).filter_map(move |entry| match length {
            4 => u32_at(entry, 0).map(u64::from),
            _ => u64_at(entry, 0),
        })
    }
}

/// Values in runs: a count and a value of 4 bytes each. The last value holds for all later samples.
#[derive(Debug)]
struct Runs<'a> {
    rest: &'a [u8],
    value: Option<u32>,
    left: u32,
}

impl<'a> Runs<'a> {
    fn new(rest: &'a [u8]) -> Self {
        Self { rest, value: None, left: 0 }
    }

    fn next_value(&mut self) -> Option<u32> {
        while self.left == 0
            && let Some((run, rest)) = self.rest.split_first_chunk::<8>()
        {
            (self.left, self.value) = (u32_at(run, 0)?, u32_at(run, 4));
            self.rest = rest;
        }
        self.left = self.left.saturating_sub(1);
        self.value
    }
}

/// Returns the entries of a table whose number is at `count_at` in the data and is followed by the entries, without
/// those that the data does not have.
fn entries(data: &[u8], count_at: usize, entry_length: usize) -> &[u8] {
    let count = u32_at(data, count_at).map_or(0, |count| count as usize);
    let bytes = data.get(count_at + 4..).unwrap_or_default();
    let length = count.saturating_mul(entry_length).min(bytes.len() / entry_length * entry_length);
    &bytes[..length]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn atom(kind: &[u8; 4], numbers: &[u32]) -> Vec<u8> {
        let data: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        [&(data.len() as u32 + 8).to_be_bytes()[..], kind, &data].concat()
    }

    #[test]
    fn samples_follow_each_other_in_chunks() {
        let stbl = [
            atom(b"stts", &[0, 2, 3, 100, 2, 50]),
            atom(b"stsc", &[0, 2, 1, 2, 1, 2, 1, 1]),
            atom(b"stsz", &[0, 0, 4, 10, 20, 30, 40]),
            atom(b"stco", &[0, 3, 1_000, 2_000, 3_000]),
        ]
        .concat();
        let table = SampleTable::parse(&stbl);
        let samples: Vec<_> =
            table.samples().iter().map(|s| (s.offset, s.size, s.start, s.duration)).collect();
        assert_eq!(
            samples,
            [(1_000, 10, 0, 100), (1_010, 20, 100, 100), (2_000, 30, 200, 100), (3_000, 40, 300, 50)]
        );
        assert_eq!(table.constant_duration(), None);
    }

    #[test]
    fn last_duration_may_differ_and_holds_for_samples_without_one() {
        let stbl = [
            atom(b"stts", &[0, 2, 2, 100, 1, 1]),
            atom(b"stsc", &[0, 1, 1, 9, 1]),
            atom(b"stsz", &[0, 7, 4]),
            atom(b"stco", &[0, 1, 0]),
        ]
        .concat();
        let table = SampleTable::parse(&stbl);
        assert_eq!(table.constant_duration(), Some(100));
        let starts: Vec<_> = table.samples().iter().map(|sample| sample.start).collect();
        assert_eq!(starts, [0, 100, 200, 201]);
    }

    #[test]
    fn compact_sizes_and_long_offsets_are_read() {
        let stbl = [
            [&b"\0\0\0\x16stz2\0\0\0\0\0\0\0\x04\0\0\0\x03"[..], &[0x12, 0x30]].concat(),
            b"\0\0\0\x18co64\0\0\0\0\0\0\0\x01\0\0\0\x02\0\0\0\0".to_vec(),
            atom(b"stsc", &[0, 1, 1, 3, 1]),
        ]
        .concat();
        let samples: Vec<_> =
            SampleTable::parse(&stbl).samples().iter().map(|s| (s.offset, s.size)).collect();
        assert_eq!(samples, [(1 << 33, 1), ((1 << 33) + 1, 2), ((1 << 33) + 3, 3)]);
        assert!(!SampleTable::parse(&stbl).has_times());
    }

    #[test]
    fn counts_beyond_the_data_are_limited() {
        let stbl = [
            atom(b"stts", &[0, u32::MAX, 1, 1]),
            atom(b"stsc", &[0, u32::MAX, 1, u32::MAX, 1]),
            atom(b"stsz", &[0, 5, u32::MAX]),
            atom(b"stco", &[0, u32::MAX, 7]),
        ]
        .concat();
        assert_eq!(SampleTable::parse(&stbl).samples().len(), MAX_SAMPLES);
    }
}
