//! Damaged frames: the parts that can be decoded are joined to a JPEG that decoders accept.
//!
//! With restart markers, each interval that arrived complete is kept; without, everything before the first gap. The
//! other minimum coded units (MCUs) are written without coefficients, to be replaced by pixels of an earlier picture.

use std::ops::Range;

use super::bits::BitWriter;
use super::decodability::check_decoding_cost;
use super::fields::is_field;
use super::header::JpegHeader;
use super::restart::restart_marker;
use super::scan::{McuGrid, ScanCopier};
use super::{Dimensions, marker};

/// The parts of a frame that were received.
#[derive(Debug, Clone, Copy)]
pub struct ReceivedParts<'a> {
    /// Received bytes, in order.
    pub jpeg: &'a [u8],
    /// Ranges that are missing, in bytes from SOI of the complete frame, in order. A range that ends with
    /// [`usize::MAX`] is the end of the frame.
    pub missing: &'a [Range<usize>],
    /// Positions in the complete frame, in bytes from SOI, at which restart intervals are known to begin, each with the
    /// index of the interval; in order.
    pub restarts: &'a [(usize, u16)],
}

/// The parts of a picture that come from its own frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreshArea {
    grid: McuGrid,
    /// Ranges of MCUs, in order, with gaps between them.
    ranges: Vec<Range<usize>>,
}

/// A rectangle of MCUs in one row, in pixels. It may extend beyond the right and the lower edge of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct McuRectangle {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
}

impl FreshArea {
    /// Returns the size of the picture, in pixels.
    pub fn dimensions(&self) -> Dimensions {
        self.grid.dimensions
    }

    /// Returns the share of the picture's pixels that come from its own frame, from 0 to 1.
    pub fn share(&self) -> f64 {
        let Dimensions { width, height } = self.grid.dimensions;
        let (width, height) = (usize::from(width), usize::from(height));
        let pixels = |rectangle: McuRectangle| {
            let across = rectangle.width.min(width.saturating_sub(rectangle.left));
            across * rectangle.height.min(height.saturating_sub(rectangle.top))
        };
        let fresh: usize = self.fresh().map(pixels).sum();
        fresh as f64 / (width * height).max(1) as f64
    }

    /// Returns the parts that come from its own frame.
    pub fn fresh(&self) -> impl Iterator<Item = McuRectangle> {
        self.ranges.iter().cloned().flat_map(|range| self.rectangles(range))
    }

    /// Returns the other parts.
    pub fn concealed(&self) -> impl Iterator<Item = McuRectangle> {
        let starts = std::iter::once(0).chain(self.ranges.iter().map(|range| range.end));
        let ends = self.ranges.iter().map(|range| range.start).chain([self.grid.total()]);
        starts.zip(ends).flat_map(|(start, end)| self.rectangles(start..end))
    }

    /// Divides a range of MCUs into rows.
    fn rectangles(&self, range: Range<usize>) -> impl Iterator<Item = McuRectangle> {
        let (across, (width, height)) = (self.grid.mcu_count().0.max(1), self.grid.mcu_size);
        let mut next = range.start;
        std::iter::from_fn(move || {
            let (row, column) = (next / across, next % across);
            let end = range.end.min((row + 1) * across);
            let count = end.checked_sub(next).filter(|&count| count > 0)?;
            next = end;
            Some(McuRectangle { left: column * width, top: row * height, width: count * width, height })
        })
    }
}

/// Joins the parts of a damaged frame that can be decoded. Returns a JPEG of the size of the frame, and the area that
/// comes from the frame; `None` if there is none, or the frame is not sequential with a single scan.
pub fn repair(parts: ReceivedParts<'_>) -> Option<(Vec<u8>, FreshArea)> {
    let header = JpegHeader::parse(parts.jpeg).ok()?;
    let first_gap = parts.missing.first()?.start;
    if first_gap < header.scan_data_start() || is_field(parts.jpeg) || check_decoding_cost(&header).is_err() {
        return None;
    }
    let copier = ScanCopier::new(&header).ok()?;
    let grid = copier.grid();
    let (jpeg, ranges) = match usize::from(header.restart_interval()) {
        0 => keep_prefix(&header, copier, first_gap)?,
        interval => keep_intervals(&parts, &header, &copier, interval)?,
    };
    (!ranges.is_empty()).then_some((jpeg, FreshArea { grid, ranges }))
}

/// Keeps everything before the first gap. `end` is its position, in bytes from SOI.
fn keep_prefix(
    header: &JpegHeader<'_>,
    mut copier: ScanCopier<'_>,
    end: usize,
) -> Option<(Vec<u8>, Vec<Range<usize>>)> {
    let jpeg = header.jpeg();
    let prefix = jpeg.get(..end)?;
    copier.start(prefix, header.scan_data_start());
    let mut output = Vec::with_capacity(end + end / 8);
    output.extend_from_slice(&jpeg[..header.scan_data_start()]);
    let mut writer = BitWriter::new(output);
    let count = copier.grid().total();
    let copied = (0..count).take_while(|_| copier.copy_mcu(&mut writer).is_ok()).count();
    copier.flush(&mut writer);
    for _ in copied..count {
        copier.write_flat_mcu(&mut writer)?;
    }
    writer.write_marker(marker::EOI);
    let fresh = std::iter::once(0..copied).filter(|range| !range.is_empty()).collect();
    Some((writer.into_bytes(), fresh))
}

/// Keeps the restart intervals that were received completely. `interval` is their length in MCUs.
fn keep_intervals(
    parts: &ReceivedParts<'_>,
    header: &JpegHeader<'_>,
    copier: &ScanCopier<'_>,
    interval: usize,
) -> Option<(Vec<u8>, Vec<Range<usize>>)> {
    let mcus = copier.grid().total();
    let received = find_intervals(parts, header.scan_data_start(), mcus.div_ceil(interval));
    let flat = |length: usize| {
        let mut writer = BitWriter::default();
        (0..length).try_for_each(|_| copier.write_flat_mcu(&mut writer))?;
        writer.pad(true);
        Some(writer.into_bytes())
    };
    let full_interval = flat(interval.min(mcus))?;
    let mut output = Vec::with_capacity(parts.jpeg.len() + parts.jpeg.len() / 8);
    output.extend_from_slice(&parts.jpeg[..header.scan_data_start()]);
    let mut fresh: Vec<Range<usize>> = Vec::new();
    for (index, range) in received.iter().enumerate() {
        let mcu_range = index * interval..mcus.min((index + 1) * interval);
        if index > 0 {
            output.extend_from_slice(&[0xFF, restart_marker(index - 1)]);
        }
        match range {
            Some(range) => {
                output.extend_from_slice(&parts.jpeg[range.clone()]);
                match fresh.last_mut().filter(|last| last.end == mcu_range.start) {
                    Some(last) => last.end = mcu_range.end,
                    None => fresh.push(mcu_range),
                }
            }
            None if mcu_range.len() == interval => output.extend_from_slice(&full_interval),
            None => output.extend_from_slice(&flat(mcu_range.len())?),
        }
    }
    output.extend_from_slice(&[0xFF, marker::EOI]);
    Some((output, fresh))
}

/// Returns the received bytes of each restart interval; `None` for those that are not complete.
fn find_intervals(parts: &ReceivedParts<'_>, scan_start: usize, count: usize) -> Vec<Option<Range<usize>>> {
    let mut finder = IntervalFinder {
        jpeg: parts.jpeg,
        intervals: vec![None; count],
        scan_start,
        boundary: (0, scan_start),
        is_lost: false,
    };
    let ends_at_gap = parts.missing.last().is_some_and(|range| range.end == usize::MAX);
    let (mut received, mut position) = (0, 0);
    for gap in parts.missing.iter().cloned().chain(std::iter::once(usize::MAX..usize::MAX)) {
        let left = parts.jpeg.len() - received;
        let length = gap.start.saturating_sub(position).min(left);
        let hint = parts.restarts.iter().find(|(start, _)| (position..position + length).contains(start));
        let (skipped, index) = match hint {
            _ if position == 0 => (scan_start.min(length), Some(0)),
            Some((start, index)) => (start - position, Some(usize::from(*index))),
            None => (0, None),
        };
        finder.read_run(Run {
            received: received + skipped..received + length,
            position: position + skipped,
            index,
            ends_frame: gap.start == usize::MAX && !ends_at_gap,
        });
        received += length;
        position = gap.end;
    }
    finder.intervals
}

/// Bytes of a scan that were received without a gap.
#[derive(Debug)]
struct Run {
    /// Range in the received bytes.
    received: Range<usize>,
    /// Start in the complete frame, in bytes from SOI.
    position: usize,
    /// Index of the interval that begins there; `None` if that is unknown.
    index: Option<usize>,
    /// The frame ends with these bytes.
    ends_frame: bool,
}

/// Search for complete restart intervals.
#[derive(Debug)]
struct IntervalFinder<'a> {
    jpeg: &'a [u8],
    intervals: Vec<Option<Range<usize>>>,
    /// Position of the scan data, in bytes from SOI.
    scan_start: usize,
    /// Index and position of the last interval that is known to begin somewhere, in bytes from SOI of the complete
    /// frame.
    boundary: (usize, usize),
    /// The index of an interval was not found, so those after it are unknown too.
    is_lost: bool,
}

/// Maximum number of intervals that a gap without known positions may contain, by the mean length of those before it. A
/// restart marker has a number from 0 to 7, so a longer gap leaves several possibilities.
const MAX_GAP_INTERVALS: usize = 11;

impl IntervalFinder<'_> {
    fn read_run(&mut self, run: Run) {
        let to_position = |offset: usize| run.position + (offset - run.received.start);
        // Index and start of the current interval; `None` if it began in a gap.
        let mut current = run.index.map(|index| (index, run.received.start));
        if let Some((index, start)) = current {
            self.boundary = (index, to_position(start));
            self.is_lost = false;
        }
        let mut search = run.received.start;
        while let Some((offset, code)) = next_marker(&self.jpeg[..run.received.end], search) {
            search = offset + 2;
            if !(marker::RST0..=marker::RST7).contains(&code) {
                self.complete(current, offset, true);
                return;
            }
            let number = usize::from(code - marker::RST0);
            let next = match current {
                Some((index, _)) if index % 8 == number => index + 1,
                _ => match self.guess_index(number, to_position(search)) {
                    Some(next) => next,
                    None => return,
                },
            };
            self.complete(current.filter(|(index, _)| index + 1 == next), offset, false);
            current = Some((next, search));
            self.boundary = (next, to_position(search));
        }
        if run.ends_frame {
            self.complete(current, run.received.end, true);
        }
    }

    /// Stores the end of an interval. A marker other than RST, or the end of the frame, ends only the last one.
    fn complete(&mut self, current: Option<(usize, usize)>, end: usize, is_last: bool) {
        let Some((index, start)) = current else { return };
        if is_last != (index + 1 == self.intervals.len()) {
            return;
        }
        if let Some(interval) = self.intervals.get_mut(index) {
            *interval = Some(start..end);
        }
    }

    /// Returns the index of the interval that begins at `position` in the complete frame, after the restart marker with
    /// this number; `None` if there are several possibilities.
    fn guess_index(&mut self, number: usize, position: usize) -> Option<usize> {
        let (index, start) = self.boundary;
        let mean = (start - self.scan_start).checked_div(index).filter(|&mean| mean > 0);
        let passed = mean.map(|mean| position.saturating_sub(start) as f64 / mean as f64);
        self.is_lost |= passed.is_some_and(|passed| passed > MAX_GAP_INTERVALS as f64);
        // The first interval after `index` that can follow this marker, and the one that does so eight intervals later.
        let first = index + 1 + (number + 8 - index % 8) % 8;
        let is_second = passed.is_some_and(|passed| passed > (first - index) as f64 + 4.0);
        (!self.is_lost).then_some(if is_second { first + 8 } else { first })
    }
}

/// Returns position and code of the next marker in entropy-coded data.
fn next_marker(data: &[u8], from: usize) -> Option<(usize, u8)> {
    let mut search = from;
    loop {
        let offset = search + memchr::memchr(0xFF, data.get(search..)?)?;
        match data.get(offset + 1)? {
            0x00 => search = offset + 2,
            0xFF => search = offset + 1,
            code => return Some((offset, *code)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;
    use crate::media::decode::decode;
    use crate::media::jpeg::{insert_restarts, with_restart_interval};

    const SIZE: (usize, usize) = (150, 70);

    /// Encodes a pattern in which each block differs from its neighbours.
    fn jpeg() -> Vec<u8> {
        let pixels: Vec<u8> = (0..SIZE.0 * SIZE.1 * 3).map(|index| (index * 37 % 251) as u8).collect();
        let mut jpeg = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut jpeg, 80);
        encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::R_4_2_0);
        encoder.encode(&pixels, SIZE.0 as u16, SIZE.1 as u16, jpeg_encoder::ColorType::Rgb).unwrap();
        jpeg
    }

    /// Returns a frame with restart markers, and the positions of its intervals in bytes from SOI.
    fn marked_jpeg(interval_length: usize) -> (Vec<u8>, Vec<(usize, u16)>) {
        let jpeg = jpeg();
        let header = JpegHeader::parse(&jpeg).unwrap();
        let scan = insert_restarts(&header, interval_length).unwrap();
        let header_bytes = &jpeg[..header.scan_data_start()];
        let mut marked = with_restart_interval(header_bytes, header.sos_segment().range.start, scan.interval);
        let restarts = scan.interval_starts.iter().map(|start| marked.len() + start).zip(0..).collect();
        marked.extend_from_slice(&scan.data);
        (marked, restarts)
    }

    /// Repairs a frame of which these ranges are missing.
    fn repair_without(
        jpeg: &[u8],
        missing: &[Range<usize>],
        restarts: &[(usize, u16)],
    ) -> Option<(Vec<u8>, FreshArea)> {
        let is_missing = |position: usize| missing.iter().any(|range| range.contains(&position));
        let received: Vec<u8> = (0..jpeg.len())
            .filter(|&position| !is_missing(position))
            .map(|position| jpeg[position])
            .collect();
        repair(ReceivedParts { jpeg: &received, missing, restarts })
    }

    /// Checks that the inner pixels of the fresh area are those of the complete frame. At its edges chrominance is
    /// interpolated with the neighbours.
    fn assert_fresh_pixels(jpeg: &[u8], repaired: &(Vec<u8>, FreshArea)) {
        let (mut expected, mut pixels) = (Vec::new(), Vec::new());
        let size = decode(jpeg, &mut expected);
        assert_eq!(decode(&repaired.0, &mut pixels), size);
        let mut compared = 0;
        for rectangle in repaired.1.fresh() {
            for row in rectangle.top + 2..(rectangle.top + rectangle.height - 2).min(SIZE.1) {
                let columns = rectangle.left + 2..(rectangle.left + rectangle.width - 2).min(SIZE.0);
                let bytes = (row * SIZE.0 + columns.start) * 4..(row * SIZE.0 + columns.end) * 4;
                compared += bytes.len();
                assert!(pixels[bytes.clone()] == expected[bytes], "row {row}, columns {columns:?}");
            }
        }
        assert!(compared > 0);
    }

    #[test]
    fn part_before_the_first_gap_is_kept() {
        let jpeg = jpeg();
        let start = JpegHeader::parse(&jpeg).unwrap().scan_data_start();
        let mut last_share = 0.0;
        for end in (start..jpeg.len() - 2).step_by(97) {
            let Some(repaired) = repair_without(&jpeg, &[end..end + 1, end + 5..usize::MAX], &[]) else {
                assert!(end < start + 500);
                continue;
            };
            assert!(repaired.1.share() >= last_share && repaired.1.share() < 1.0);
            last_share = repaired.1.share();
            assert_fresh_pixels(&jpeg, &repaired);
        }
        assert!(last_share > 0.9, "{last_share}");
        assert_eq!(
            repair_without(&jpeg, slice::from_ref(&(start - 1..start)), &[]),
            None,
            "a part of the header is missing"
        );
    }

    #[test]
    fn every_complete_interval_is_kept() {
        let (jpeg, restarts) = marked_jpeg(100);
        let count = restarts.len();
        assert!(count > 20, "{count}");
        for first in 1..count - 1 {
            // The middle of an interval is missing, and everything up to the middle of another one.
            for (last, lost) in
                [(first, 1), ((first + 3).min(count - 2), (first + 3).min(count - 2) - first + 1)]
            {
                let gap = restarts[first].0 + 10..restarts[last].0 + 11;
                let repaired = repair_without(&jpeg, slice::from_ref(&gap), &restarts).unwrap();
                let expected = 1.0 - lost as f64 / count as f64;
                assert!((repaired.1.share() - expected).abs() < 0.06, "{first} {}", repaired.1.share());
                assert_fresh_pixels(&jpeg, &repaired);
            }
        }
        let end = restarts[count - 1].0;
        let repaired = repair_without(&jpeg, slice::from_ref(&(end..usize::MAX)), &restarts).unwrap();
        assert_fresh_pixels(&jpeg, &repaired);
        assert!(repaired.1.share() > 0.9);
    }

    #[test]
    fn intervals_without_known_positions_are_found_by_their_markers() {
        let (jpeg, restarts) = marked_jpeg(100);
        for (first, last) in [(3, 3), (5, 9), (10, 12), (8, 17)] {
            let gap = restarts[first].0 + 10..restarts[last].0 + 11;
            let repaired = repair_without(&jpeg, slice::from_ref(&gap), &[]).unwrap();
            assert_eq!(
                Some(repaired),
                repair_without(&jpeg, slice::from_ref(&gap), &restarts),
                "{first} to {last}"
            );
        }
        // A gap that is too long leaves several possibilities.
        let gap = restarts[3].0 + 10..restarts[3 + 16].0 + 11;
        let repaired = repair_without(&jpeg, slice::from_ref(&gap), &[]).unwrap();
        assert_fresh_pixels(&jpeg, &repaired);
        assert!(repaired.1.share() < 0.2);
    }

    #[test]
    fn fresh_and_concealed_areas_cover_the_picture() {
        let grid = McuGrid { dimensions: Dimensions { width: 50, height: 30 }, mcu_size: (16, 16) };
        let area = FreshArea { grid, ranges: vec![1..2, 3..7] };
        let rectangles = |rectangles: Vec<McuRectangle>| -> Vec<_> {
            rectangles.iter().map(|r| (r.left, r.top, r.width, r.height)).collect()
        };
        assert_eq!(rectangles(area.fresh().collect()), [(16, 0, 16, 16), (48, 0, 16, 16), (0, 16, 48, 16)]);
        assert_eq!(
            rectangles(area.concealed().collect()),
            [(0, 0, 16, 16), (32, 0, 16, 16), (48, 16, 16, 16)]
        );
        assert!((area.share() - (16 * 16 + 2 * 16 + 48 * 14) as f64 / 1_500.0).abs() < 1e-9);
    }
}
