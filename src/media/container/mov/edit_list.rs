//! Edit list of a track (`elst`, ISO 14496-12 §8.6.6): which parts of the track are shown, and when.

use super::atom::{find_path, u32_at, u64_at};
use super::sample_table::{MAX_SAMPLES, Sample};
use crate::proto::rtsp::Npt;

/// Maximum number of edits that are considered.
const MAX_EDITS: usize = 1_024;

/// Part of a track, or a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Edit {
    /// Duration in ticks of the film; 0 in the last edit stands for the rest of the track.
    duration: u64,
    /// Start in ticks of the track; `None` for a pause in which nothing is shown.
    start: Option<u64>,
}

/// Edit list, with the clocks of film and track.
#[derive(Debug)]
pub struct EditList {
    edits: Vec<Edit>,
    /// Ticks of the film in a second.
    film_clock: u32,
    /// Ticks of the track in a second.
    track_clock: u32,
}

/// Sample at the time at which it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownSample {
    /// Sample in the file.
    pub sample: Sample,
    /// Time at which it is shown.
    pub time: Npt,
}

impl EditList {
    /// Parses the edit list of a track (`trak`). Without one, the track is shown from its start to its end. A clock of
    /// 0 has no times; 1 takes its place.
    pub fn parse(trak: &[u8], film_clock: u32, track_clock: u32) -> Self {
        let edits = find_path(trak, &[*b"edts", *b"elst"]).map(parse_edits).unwrap_or_default();
        Self { edits, film_clock: film_clock.max(1), track_clock: track_clock.max(1) }
    }

    /// Returns true if all times are ticks of the track.
    pub fn is_on_track_clock(&self) -> bool {
        self.edits.len() < 2 && self.edits.iter().all(|edit| edit.start == Some(0))
    }

    /// Returns the samples that are shown, in this order, and the end of the last one. `samples` are ordered by start.
    pub fn apply(&self, samples: &[Sample]) -> (Vec<ShownSample>, Npt) {
        let whole = [Edit { duration: 0, start: Some(0) }];
        let edits = if self.edits.is_empty() { &whole[..] } else { &self.edits };
        let mut shown = Vec::new();
        let mut end = Npt::ZERO;
        // Start of the edit in ticks of the film.
        let mut position = 0_u64;
        for (number, edit) in edits.iter().enumerate() {
            let is_open = edit.duration == 0 && number + 1 == edits.len();
            if let Some(start) = edit.start {
                let part = part(samples, start, (!is_open).then(|| self.track_ticks(edit.duration)));
                for sample in part.iter().take(MAX_SAMPLES - shown.len()) {
                    let time = self.npt_of(position, sample.start.saturating_sub(start));
                    shown.push(ShownSample { sample: *sample, time });
                    let sample_end = sample.start.saturating_add(u64::from(sample.duration));
                    end = end.max(self.npt_of(position, sample_end.saturating_sub(start)));
                }
            }
            position = position.saturating_add(edit.duration);
            if !is_open {
                end = if shown.is_empty() { Npt::ZERO } else { end.min(self.npt_of(position, 0)) };
            }
        }
        (shown, end)
    }

    /// Returns a duration of the film in ticks of the track, rounded to the nearest one.
    fn track_ticks(&self, film_ticks: u64) -> u64 {
        let (film, track) = (u128::from(self.film_clock), u128::from(self.track_clock));
        u64::try_from((u128::from(film_ticks) * track + film / 2) / film).unwrap_or(u64::MAX)
    }

    /// Returns the time that is so many ticks of the film and of the track after the start, rounded up to microseconds.
    fn npt_of(&self, film_ticks: u64, track_ticks: u64) -> Npt {
        let (film, track) = (u128::from(self.film_clock), u128::from(self.track_clock));
        // Clocks have 32 bits and ticks 64, so the sum has 97 bits, and with the microseconds 117.
        let ticks = u128::from(film_ticks) * track + u128::from(track_ticks) * film;
        let micros = (ticks * 1_000_000).div_ceil(film * track);
        Npt::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

/// Returns the samples of which a part is shown between `start` and the end of `duration`.
fn part(samples: &[Sample], start: u64, duration: Option<u64>) -> &[Sample] {
    let end_of = |sample: &Sample| sample.start.saturating_add(u64::from(sample.duration));
    let first = samples.partition_point(|sample| end_of(sample) <= start && sample.start < start);
    let end = duration.map_or(u64::MAX, |duration| start.saturating_add(duration));
    let last = match duration {
        Some(_) => samples.partition_point(|sample| sample.start < end),
        None => samples.len(),
    };
    samples.get(first..last).unwrap_or_default()
}

/// Parses the data of an edit list.
fn parse_edits(elst: &[u8]) -> Vec<Edit> {
    let is_long = elst.first() == Some(&1);
    let count = u32_at(elst, 4).map_or(0, |count| count as usize).min(MAX_EDITS);
    let bytes = elst.get(8..).unwrap_or_default();
    let edits = bytes.chunks_exact(if is_long { 20 } else { 12 }).take(count);
    let edit = |edit: &[u8]| match is_long {
        true => {
            let start = u64_at(edit, 8)?;
            Some(Edit { duration: u64_at(edit, 0)?, start: (start.cast_signed() >= 0).then_some(start) })
        }
        false => {
            let start = u32_at(edit, 4)?;
            let start = (start.cast_signed() >= 0).then_some(u64::from(start));
            Some(Edit { duration: u64::from(u32_at(edit, 0)?), start })
        }
    };
    edits.filter_map(edit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(count: u64) -> Vec<Sample> {
        let sample = |n| Sample { offset: n * 10, size: 10, description: 1, start: n * 100, duration: 100 };
        (0..count).map(sample).collect()
    }

    /// Shows five samples of 0.1 s, with a film clock of 100 ticks a second; returns numbers and times in ms.
    fn show(edits: &[(u32, i32)]) -> (Vec<(u64, u64)>, u64) {
        let numbers = edits.iter().flat_map(|&(duration, start)| [duration, start.cast_unsigned(), 0x1_0000]);
        let numbers: Vec<u8> =
            [0, edits.len() as u32].into_iter().chain(numbers).flat_map(u32::to_be_bytes).collect();
        let elst = [&(numbers.len() as u32 + 8).to_be_bytes()[..], b"elst", &numbers].concat();
        let edts = [&(elst.len() as u32 + 8).to_be_bytes()[..], b"edts", &elst].concat();
        let (shown, end) = EditList::parse(&edts, 100, 1_000).apply(&samples(5));
        let shown = shown.iter().map(|shown| (shown.sample.offset / 10, shown.time.as_micros() / 1_000));
        (shown.collect(), end.as_micros() / 1_000)
    }

    /// A film clock that is no multiple of the track clock, nor the other way round.
    #[test]
    fn durations_are_rounded_to_the_nearest_tick_of_the_track() {
        let edits = EditList { edits: Vec::new(), film_clock: 600, track_clock: 1_000 };
        assert_eq!([1, 2, 3, 59, 60].map(|ticks| edits.track_ticks(ticks)), [2, 3, 5, 98, 100]);
    }

    #[test]
    fn pause_at_the_start_delays_all_frames() {
        assert_eq!(show(&[(30, -1), (50, 0)]), (vec![(0, 300), (1, 400), (2, 500), (3, 600), (4, 700)], 800));
    }

    #[test]
    fn start_in_the_track_skips_frames_before_it() {
        assert_eq!(show(&[(30, 200)]), (vec![(2, 0), (3, 100), (4, 200)], 300));
        assert_eq!(show(&[(20, 150)]), (vec![(1, 0), (2, 50), (3, 150)], 200), "from the middle of a frame");
        assert_eq!(show(&[(0, 300)]), (vec![(3, 0), (4, 100)], 200), "until the end of the track");
    }

    #[test]
    fn parts_are_shown_in_the_order_of_the_list() {
        assert_eq!(show(&[(20, 300), (10, -1), (10, 0)]), (vec![(3, 0), (4, 100), (0, 300)], 400));
    }

    #[test]
    fn track_without_edits_is_shown_complete() {
        let list = EditList::parse(&[], 600, 1_000);
        let (shown, end) = list.apply(&samples(3));
        assert_eq!(shown.len(), 3);
        assert_eq!((shown[2].time.as_micros(), end.as_micros()), (200_000, 300_000));
        assert!(list.is_on_track_clock());
    }
}
