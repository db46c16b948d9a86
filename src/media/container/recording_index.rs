//! Index that is kept beside a film while it is recorded, for a program that is killed before the film is complete.
//!
//! The file begins with [`MAGIC`]. A record of [`RECORD_LENGTH`] bytes follows for each frame, all numbers in network
//! byte order: position (8 bytes), time in µs (8), length (4), and a check (4).

use super::demuxer::FrameEntry;
use crate::media::jpeg::MAX_FRAME_SIZE;
use crate::proto::rtsp::Npt;

/// First bytes of the index.
pub const MAGIC: &[u8; 8] = b"RLYIDX1\n";

/// Length of a record, in bytes.
pub const RECORD_LENGTH: usize = 24;

/// Length of the shortest JPEG: SOI and EOI.
const MIN_FRAME_SIZE: u32 = 4;

/// Encodes the record of a frame.
pub fn encode_record(entry: FrameEntry) -> [u8; RECORD_LENGTH] {
    let mut record = [0; RECORD_LENGTH];
    record[..8].copy_from_slice(&entry.offset.to_be_bytes());
    record[8..16].copy_from_slice(&entry.time.as_micros().to_be_bytes());
    record[16..20].copy_from_slice(&entry.length.to_be_bytes());
    let check = check(&record[..20]);
    record[20..].copy_from_slice(&check.to_be_bytes());
    record
}

/// Parses an index, up to the first record that cannot belong to a film of `film_length` bytes: one that is damaged,
/// out of order, or of a frame that was not written completely.
pub fn parse(index: &[u8], film_length: u64) -> Vec<FrameEntry> {
    let Some(records) = index.strip_prefix(MAGIC) else { return Vec::new() };
    let mut entries: Vec<FrameEntry> = Vec::new();
    for record in records.chunks_exact(RECORD_LENGTH) {
        let Some(entry) = parse_record(record) else { break };
        let end = entry.offset.checked_add(u64::from(entry.length));
        let follows = entries.last().is_none_or(|last| {
            entry.offset >= last.offset + u64::from(last.length) && entry.time >= last.time
        });
        if !follows || end.is_none_or(|end| end > film_length) {
            break;
        }
        entries.push(entry);
    }
    entries
}

/// Parses a record; `None` if it is damaged.
fn parse_record(record: &[u8]) -> Option<FrameEntry> {
    let (numbers, stored) = record.split_at_checked(20)?;
    let number = |range: std::ops::Range<usize>| -> Option<u64> {
        Some(numbers.get(range)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    };
    let length = u32::try_from(number(16..20)?).ok()?;
    let is_valid =
        stored == check(numbers).to_be_bytes() && (MIN_FRAME_SIZE..=MAX_FRAME_SIZE as u32).contains(&length);
    is_valid.then_some(FrameEntry { offset: number(0..8)?, length, time: Npt::from_micros(number(8..16)?) })
}

/// Returns the check of a record: the complement of the sum of its words, so that a block of zeros is no record.
fn check(numbers: &[u8]) -> u32 {
    let words =
        numbers.chunks_exact(4).map(|word| word.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)));
    !words.fold(0, |sum: u32, word| sum.rotate_left(5).wrapping_add(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(offset: u64, length: u32, micros: u64) -> FrameEntry {
        FrameEntry { offset, length, time: Npt::from_micros(micros) }
    }

    fn index(entries: &[FrameEntry]) -> Vec<u8> {
        let records: Vec<u8> = entries.iter().flat_map(|entry| encode_record(*entry)).collect();
        [&MAGIC[..], &records].concat()
    }

    #[test]
    fn records_round_trip_up_to_the_end_of_the_film() {
        let entries = [entry(36, 1_000, 0), entry(1_036, 500, 33_333), entry(5_000_000_000, 9, 1 << 40)];
        assert_eq!(parse(&index(&entries), 5_000_000_009), entries);
        assert_eq!(parse(&index(&entries), 5_000_000_008), entries[..2], "the last frame is incomplete");
        let bytes = index(&entries);
        assert_eq!(parse(&bytes[..bytes.len() - 1], 5_000_000_009), entries[..2], "a record is incomplete");
        assert_eq!(parse(b"RLYIDX2\n", 9), []);
    }

    #[test]
    fn damaged_records_end_the_index() {
        let entries = [entry(36, 1_000, 40), entry(1_036, 500, 80), entry(1_536, 500, 120)];
        for damaged in
            [entry(1_035, 500, 80), entry(1_036, 3, 80), entry(1_036, 500, 39), entry(u64::MAX, 9, 80)]
        {
            assert_eq!(parse(&index(&[entries[0], damaged, entries[2]]), 9_999), entries[..1], "{damaged:?}");
        }
        let mut flipped = index(&entries);
        flipped[MAGIC.len() + RECORD_LENGTH + 3] ^= 1;
        assert_eq!(parse(&flipped, 9_999), entries[..1]);
        let zeros = [index(&entries[..2]), vec![0; 4_096]].concat();
        assert_eq!(parse(&zeros, 9_999), entries[..2], "a block that the system had not written");
    }
}
