//! Times of the frames of a saved stream: those of its part headers, or those of an assumed rate.

use crate::media::container::demuxer::FrameEntry;
use crate::media::frame_rate::FrameRate;
use crate::proto::rtsp::Npt;

/// Clock that gives each frame its time.
///
/// The times of the sender are used if the first two frames have them and the second is later. From then on, a frame
/// whose time is missing, or is not plausible, follows the one before it by the last interval.
#[derive(Debug)]
pub struct CaptureTimes {
    source: TimeSource,
    assumed_rate: FrameRate,
    /// Number of frames that have a time.
    frames: u64,
    /// Rate of the first two frames.
    rate: FrameRate,
    /// Time of the last frame, in µs.
    last: u64,
    /// Last plausible interval, in µs.
    interval: u64,
    /// Last time of the sender, in µs, and the time of its frame.
    last_stated: Option<(u64, u64)>,
}

#[derive(Debug)]
enum TimeSource {
    /// Less than two frames are known. The first one waits, if it has a time.
    Undecided(Option<(FrameEntry, u64)>),
    Assumed,
    Stated,
}

/// Maximum interval of two frames, in µs: one day. A longer one is a clock that was set.
const MAX_INTERVAL: u64 = 86_400_000_000;

/// Relative difference below which a rate is taken for the one that it is displayed as.
const ROUNDING: f64 = 0.001;

impl CaptureTimes {
    /// Creates a clock. `assumed_rate` is that of a stream without times.
    pub fn new(assumed_rate: FrameRate) -> Self {
        Self {
            source: TimeSource::Undecided(None),
            assumed_rate,
            frames: 0,
            rate: assumed_rate,
            last: 0,
            interval: micros(assumed_rate.npt_of(1)),
            last_stated: None,
        }
    }

    /// Gives a frame its time, and appends it, after one that has waited for it. `stated` is the time of the sender, in
    /// µs.
    pub fn add(&mut self, entry: FrameEntry, stated: Option<u64>, entries: &mut Vec<FrameEntry>) {
        let first = match &mut self.source {
            TimeSource::Undecided(first) => first.take(),
            TimeSource::Assumed | TimeSource::Stated => return self.append(entry, stated, entries),
        };
        match (first, stated) {
            (None, Some(stated)) => self.source = TimeSource::Undecided(Some((entry, stated))),
            (None, None) => {
                self.source = TimeSource::Assumed;
                self.append(entry, None, entries);
            }
            (Some((first, first_time)), _) => {
                let interval = stated.and_then(|stated| plausible_interval(first_time, stated));
                self.source = TimeSource::Assumed;
                if let Some(interval) = interval {
                    self.source = TimeSource::Stated;
                    self.rate = rate_of(interval).unwrap_or(self.assumed_rate);
                    self.interval = interval;
                }
                self.append(first, Some(first_time), entries);
                self.append(entry, stated, entries);
            }
        }
    }

    /// Appends a first frame that waits for the second one. `is_end` is true at the end of the file: one time alone is
    /// none.
    pub fn flush(&mut self, is_end: bool, entries: &mut Vec<FrameEntry>) {
        if let TimeSource::Undecided(first) = &mut self.source
            && let Some((entry, stated)) = first.take()
        {
            self.source = if is_end { TimeSource::Assumed } else { TimeSource::Stated };
            self.append(entry, Some(stated), entries);
        }
    }

    /// Returns the rate of the first frames if the file states times.
    pub fn stated_rate(&self) -> Option<FrameRate> {
        matches!(self.source, TimeSource::Stated).then_some(self.rate)
    }

    /// Returns the end of the last frame.
    pub fn end(&self) -> Npt {
        match self.source {
            TimeSource::Stated if self.frames > 0 => {
                Npt::from_micros(self.last.saturating_add(self.interval))
            }
            _ => self.assumed_rate.npt_of(self.frames),
        }
    }

    fn append(&mut self, entry: FrameEntry, stated: Option<u64>, entries: &mut Vec<FrameEntry>) {
        let time = match self.source {
            TimeSource::Stated => self.next_time(stated),
            _ => self.assumed_rate.npt_of(self.frames),
        };
        self.last = micros(time);
        self.frames += 1;
        entries.push(FrameEntry { time, ..entry });
    }

    /// Returns the time of the next frame, from a time of the sender where it is plausible.
    fn next_time(&mut self, stated: Option<u64>) -> Npt {
        if self.frames == 0 {
            self.last_stated = stated.map(|stated| (stated, 0));
            return Npt::ZERO;
        }
        let from_sender = self.last_stated.zip(stated).and_then(|((last, last_time), stated)| {
            let time = last_time.saturating_add(plausible_interval(last, stated)?);
            (time > self.last).then_some(time)
        });
        let time = from_sender.unwrap_or_else(|| self.last.saturating_add(self.interval));
        if from_sender.is_some() {
            self.interval = time - self.last;
        }
        self.last_stated = stated.map(|stated| (stated, time)).or(self.last_stated);
        Npt::from_micros(time)
    }
}

/// Returns the time from one frame to the next, in µs; `None` if the clock of the sender did not run between them.
fn plausible_interval(first: u64, second: u64) -> Option<u64> {
    second.checked_sub(first).filter(|interval| (1..=MAX_INTERVAL).contains(interval))
}

/// Returns the rate of an interval in µs; that with two decimals if it differs only by rounding. `None` outside of the
/// range of frame rates.
fn rate_of(interval: u64) -> Option<FrameRate> {
    let exact = FrameRate::new(1_000_000, u32::try_from(interval).ok()?)?;
    let rounded = exact.to_string().parse::<FrameRate>().ok();
    let is_same = |rate: &FrameRate| (rate.as_f64() / exact.as_f64() - 1.0).abs() < ROUNDING;
    rounded.filter(is_same).or(Some(exact))
}

fn micros(time: Npt) -> u64 {
    time.as_micros()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times of frames in ms, the last of which is the end, and the stated rate.
    fn times(stated_ms: &[Option<u64>]) -> (Vec<u64>, Option<String>) {
        let (mut clock, mut entries) = (CaptureTimes::new(FrameRate::CLASSROOM), Vec::new());
        for stated in stated_ms {
            let entry = FrameEntry { offset: 0, length: 4, time: Npt::ZERO };
            clock.add(entry, stated.map(|ms| ms * 1_000), &mut entries);
        }
        clock.flush(true, &mut entries);
        assert_eq!(entries.len(), stated_ms.len());
        let ends = entries.iter().map(|entry| entry.time).chain([clock.end()]);
        (
            ends.map(|time| time.as_micros() / 1_000).collect(),
            clock.stated_rate().map(|rate| rate.to_string()),
        )
    }

    #[test]
    fn times_of_the_sender_count_from_the_first_frame() {
        let stated = [Some(1_700_000_000_000), Some(1_700_000_000_040), Some(1_700_000_000_100)];
        assert_eq!(times(&stated), (vec![0, 40, 100, 160], Some("25".to_owned())));
    }

    #[test]
    fn stream_without_usable_times_has_the_assumed_rate() {
        for stated in
            [[None, None, None], [Some(7); 3], [Some(9), Some(5), Some(7)], [None, Some(5), Some(9)]]
        {
            assert_eq!(times(&stated), (vec![0, 50, 100, 150], None), "{stated:?}");
        }
        assert_eq!(times(&[Some(5)]), (vec![0, 50], None), "one time alone is none");
    }

    #[test]
    fn missing_and_implausible_times_continue_by_the_last_interval() {
        let stated =
            [Some(1_000), Some(1_040), None, Some(1_120), Some(200), Some(230), Some(900_000_000_000)];
        assert_eq!(times(&stated).0, [0, 40, 80, 120, 160, 190, 220, 250]);
        let delayed = [Some(1_000), Some(1_040), None, Some(1_050), Some(1_100)];
        assert_eq!(times(&delayed).0, [0, 40, 80, 120, 170, 220], "a time before that of the last frame");
    }
}
