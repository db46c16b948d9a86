//! PURE. The buffer between arrival and the screen: pictures come unevenly and leave evenly.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::frame::Frame;
use crate::proto::rtp::CLOCK_RATE;
use crate::stats::{Average, Snapshot};

/// Decides when each picture is shown.
///
/// The clock of the sender is followed by the quickest arrivals of the last seconds: a picture is due when the
/// quickest one of its kind would have arrived, and the delay later. Pictures that arrive after that are late.
#[derive(Debug)]
pub struct Playout {
    delay: Duration,
    clock: Option<SenderClock>,
    waiting: VecDeque<Waiting>,
    octets: usize,
    paused_at: Option<Instant>,
    /// What comes follows what has come; a pause is not the beginning.
    goes_on: bool,
    /// More waits than the delay asks for since the picture went on: it is shown a little faster until it does not.
    catches_up: bool,
    /// The shortest step between timestamps, in ticks.
    step: Option<i64>,
    last_timestamp: Option<i64>,
    /// How much is buffered, before and after each picture arrives.
    levels: Average,
    /// Pictures that were never shown because they were too late.
    dropped_late: u64,
}

#[derive(Debug)]
struct Waiting {
    due: Instant,
    frame: Frame,
}

/// Where the sender's clock stands against ours.
#[derive(Debug)]
struct SenderClock {
    /// The timestamp and the arrival that the others are measured against.
    origin: (i64, Instant),
    /// The least offset against the origin in this span, and in the one before, in nanoseconds.
    least: [i64; 2],
    span_began: Instant,
}

/// How long the quickest arrival counts: once, and once more.
const SPAN: Duration = Duration::from_secs(5);

/// A timestamp that is this far from where it should be belongs to a new beginning.
const LARGEST_OFFSET: Duration = Duration::from_secs(10);

/// Pictures and octets that may wait; the oldest leave first.
const MOST_WAITING: usize = 256;
const MOST_OCTETS: usize = 64 * 1024 * 1024;

/// Of a step, while more waits than should: a tenth faster is hardly seen.
const CATCHING_UP: f64 = 0.9;

/// A second.
const LONGEST_STEP: i64 = CLOCK_RATE as i64;

impl Playout {
    /// An empty buffer.
    pub fn new(delay: Duration) -> Self {
        Self {
            delay,
            clock: None,
            waiting: VecDeque::new(),
            octets: 0,
            paused_at: None,
            goes_on: false,
            catches_up: false,
            step: None,
            last_timestamp: None,
            levels: Average::default(),
            dropped_late: 0,
        }
    }

    /// Sets the delay for pictures that come from now on.
    pub fn set_delay(&mut self, delay: Duration) {
        self.delay = delay;
    }

    /// The picture stands still. What waits goes on waiting. `false` if it stood still already.
    pub fn pause(&mut self, now: Instant) -> bool {
        let was_moving = self.paused_at.is_none();
        self.paused_at.get_or_insert(now);
        was_moving
    }

    /// What comes from now on follows what waits.
    pub fn go_on(&mut self) {
        self.goes_on = true;
    }

    /// The picture moves again: what waited is due as much later as the pause was long, and what comes begins a new clock.
    /// `false` if it moved already.
    pub fn resume(&mut self, now: Instant) -> bool {
        let Some(paused_at) = self.paused_at.take() else { return false };
        self.clock = None;
        self.catches_up = std::mem::replace(&mut self.goes_on, true);
        if let Some(first) = self.waiting.front() {
            // One that came in the middle of the pause waits for the rest of it alone, and those behind it as long.
            let longer = now.saturating_duration_since(paused_at.max(first.frame.arrival));
            self.waiting.iter_mut().for_each(|waiting| waiting.due += longer);
        }
        true
    }

    /// Forgets everything that waits: the stream goes on elsewhere.
    pub fn clear(&mut self) {
        self.clock = None;
        (self.goes_on, self.catches_up) = (false, false);
        (self.step, self.last_timestamp) = (None, None);
        self.waiting.clear();
        self.octets = 0;
    }

    /// A picture has arrived.
    pub fn push(&mut self, frame: Frame) {
        self.observe_step(frame.timestamp);
        let due = self.due(&frame);
        // Pictures are shown in the order in which they come out of the reorder buffer.
        let earliest = self.waiting.back().map_or(due, |last| last.due + self.least_distance());
        self.catches_up &= earliest > due;
        let due = due.max(earliest);
        self.levels.add(frame.arrival, self.level(frame.arrival));
        self.levels.add(frame.arrival, due.saturating_duration_since(frame.arrival));
        self.octets += frame.jpeg.len();
        self.waiting.push_back(Waiting { due, frame });
        while self.waiting.len() > MOST_WAITING || self.octets > MOST_OCTETS && self.waiting.len() > 1 {
            self.drop_first();
        }
    }

    fn observe_step(&mut self, timestamp: i64) {
        let last = self.last_timestamp.replace(timestamp);
        let step = last.map(|last| timestamp.saturating_sub(last)).filter(|step| *step > 0);
        self.step = self.step.into_iter().chain(step).min();
    }

    /// Between two pictures that wait.
    fn least_distance(&self) -> Duration {
        let step = self.step.filter(|_| self.catches_up).unwrap_or(0).clamp(0, LONGEST_STEP);
        Duration::from_nanos(ticks_to_nanos(step).unsigned_abs()).mul_f64(CATCHING_UP)
    }

    fn drop_first(&mut self) {
        if let Some(dropped) = self.waiting.pop_front() {
            self.octets -= dropped.frame.jpeg.len();
            self.dropped_late += 1;
        }
    }

    fn due(&mut self, frame: &Frame) -> Instant {
        let known = self
            .clock
            .take()
            .filter(|clock| clock.offset(frame).unsigned_abs() <= LARGEST_OFFSET.as_nanos() as u64);
        let clock = self.clock.insert(known.unwrap_or_else(|| SenderClock::new(frame)));
        clock.observe(frame);
        clock.expected(frame.timestamp) + self.delay
    }

    /// When the next picture is due.
    pub fn next_due(&self) -> Option<Instant> {
        let next = self.waiting.front().filter(|_| self.paused_at.is_none());
        next.map(|waiting| waiting.due)
    }

    /// The picture to show now. If several are due, it is the last of them: the others are too late.
    pub fn pop(&mut self, now: Instant) -> Option<Frame> {
        if self.paused_at.is_some() {
            return None;
        }
        while self.waiting.get(1).is_some_and(|second| second.due <= now) {
            self.drop_first();
        }
        self.waiting.front().filter(|first| first.due <= now)?;
        let shown = self.waiting.pop_front()?;
        self.octets -= shown.frame.jpeg.len();
        Some(shown.frame)
    }

    /// The timestamp of the next picture.
    pub fn next_timestamp(&self) -> Option<i64> {
        self.waiting.front().map(|waiting| waiting.frame.timestamp)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// When the quickest packet of this timestamp would arrive; `None` before any has.
    pub fn expected_arrival(&self, timestamp: i64) -> Option<Instant> {
        self.clock.as_ref().map(|clock| clock.expected(timestamp))
    }

    /// For how long what waits would last.
    fn level(&self, now: Instant) -> Duration {
        self.waiting.back().map_or(Duration::ZERO, |last| last.due.saturating_duration_since(now))
    }

    /// Adds what is known here to the figures.
    pub fn add_to(&mut self, now: Instant, snapshot: &mut Snapshot) {
        snapshot.buffered_ms = self.levels.milliseconds(now);
        snapshot.frames_dropped_late = self.dropped_late;
    }
}

impl SenderClock {
    fn new(frame: &Frame) -> Self {
        Self { origin: (frame.timestamp, frame.arrival), least: [0, 0], span_began: frame.arrival }
    }

    /// How much later than the origin lets expect, in nanoseconds.
    fn offset(&self, frame: &Frame) -> i64 {
        let (timestamp, arrival) = self.origin;
        let arrived = signed_nanos(arrival, frame.arrival);
        let sent = ticks_to_nanos(frame.timestamp.saturating_sub(timestamp));
        arrived.saturating_sub(sent)
    }

    fn observe(&mut self, frame: &Frame) {
        let offset = self.offset(frame);
        if frame.arrival.saturating_duration_since(self.span_began) >= SPAN {
            self.least = [offset, self.least[0]];
            self.span_began = frame.arrival;
        }
        self.least[0] = self.least[0].min(offset);
    }

    fn expected(&self, timestamp: i64) -> Instant {
        let (origin, arrival) = self.origin;
        let least = self.least[0].min(self.least[1]);
        let nanos = ticks_to_nanos(timestamp.saturating_sub(origin)).saturating_add(least);
        let distance = Duration::from_nanos(nanos.unsigned_abs());
        let expected = if nanos >= 0 { arrival.checked_add(distance) } else { arrival.checked_sub(distance) };
        expected.unwrap_or(arrival)
    }
}

fn ticks_to_nanos(ticks: i64) -> i64 {
    (i128::from(ticks) * 1_000_000_000 / i128::from(CLOCK_RATE)).clamp(i64::MIN.into(), i64::MAX.into())
        as i64
}

fn signed_nanos(from: Instant, to: Instant) -> i64 {
    let (forward, backward) = (to.saturating_duration_since(from), from.saturating_duration_since(to));
    let nanos = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
    nanos(forward) - nanos(backward)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    const MS: Duration = Duration::from_millis(1);

    fn frame(index: i64, arrival: Instant) -> Frame {
        Frame { jpeg: Bytes::from_static(b"x"), missing: Vec::new(), timestamp: index * 4_500, arrival }
    }

    #[test]
    fn uneven_arrivals_leave_evenly() {
        let (begin, mut playout) = (Instant::now(), Playout::new(50 * MS));
        let mut shown = Vec::new();
        for (index, late) in [(0, 0), (1, 30), (2, 5), (3, 45), (4, 0)] {
            let arrival = begin + MS * (index * 50 + late);
            while let Some(due) = playout.next_due().filter(|due| *due <= arrival) {
                shown.push((due - begin, playout.pop(due).unwrap().timestamp / 4_500));
            }
            playout.push(frame(i64::from(index), arrival));
        }
        while let Some(due) = playout.next_due() {
            shown.push((due - begin, playout.pop(due).unwrap().timestamp / 4_500));
        }
        assert_eq!(shown, [0, 1, 2, 3, 4].map(|i| (MS * (50 + 50 * i as u32), i)));
        assert_eq!(playout.dropped_late, 0);
    }

    #[test]
    fn of_several_that_are_due_the_last_is_shown() {
        let (begin, mut playout) = (Instant::now(), Playout::new(50 * MS));
        for index in 0..4 {
            playout.push(frame(index, begin + 50 * MS * index as u32));
        }
        let shown = playout.pop(begin + 160 * MS).unwrap();
        assert_eq!((shown.timestamp / 4_500, playout.dropped_late), (2, 2));
        assert_eq!(playout.pop(begin + 160 * MS), None);
    }

    #[test]
    fn a_quicker_arrival_moves_the_clock_and_old_ones_are_forgotten() {
        let (begin, mut playout) = (Instant::now(), Playout::new(Duration::ZERO));
        playout.push(frame(0, begin));
        // The sender is quicker than its first packet was...
        playout.push(frame(100, begin + 4_980 * MS));
        assert_eq!(playout.expected_arrival(200 * 4_500), Some(begin + 9_980 * MS));
        // ... and then its clock falls behind for good.
        for index in 101..400 {
            playout.push(frame(index, begin + 50 * MS * index as u32 + 40 * MS));
        }
        assert_eq!(playout.expected_arrival(400 * 4_500), Some(begin + 20_040 * MS));
    }

    #[test]
    fn what_waited_through_a_pause_is_shown_after_it() {
        let (begin, mut playout) = (Instant::now(), Playout::new(50 * MS));
        playout.push(frame(0, begin));
        playout.push(frame(1, begin + 30 * MS));
        playout.pause(begin + 40 * MS);
        assert_eq!((playout.next_due(), playout.pop(begin + 500 * MS)), (None, None));
        playout.resume(begin + 1_040 * MS);
        assert_eq!(playout.next_due(), Some(begin + 1_050 * MS));
        playout.push(frame(20, begin + 1_041 * MS));
        assert!(playout.pop(begin + 1_050 * MS).is_some_and(|first| first.timestamp == 0));
    }

    #[test]
    fn what_came_during_a_pause_does_not_wait_for_all_of_it_again() {
        let (begin, mut playout) = (Instant::now(), Playout::new(50 * MS));
        playout.pause(begin);
        playout.push(frame(0, begin + 5_000 * MS));
        playout.resume(begin + 5_010 * MS);
        assert_eq!(playout.next_due(), Some(begin + 5_060 * MS));
    }

    #[test]
    fn what_waited_too_much_is_caught_up_and_nothing_is_left_out() {
        let (begin, mut playout) = (Instant::now(), Playout::new(50 * MS));
        playout.push(frame(0, begin));
        playout.pause(begin);
        playout.go_on();
        for index in 1..6 {
            playout.push(frame(index, begin + 50 * MS * index as u32));
        }
        let (resumed, mut shown) = (begin + 1_000 * MS, Vec::new());
        playout.resume(resumed);
        // What follows comes while all that waited is waiting yet.
        for index in 6..100 {
            let arrival = resumed + 50 * MS * (index as u32 - 6);
            while let Some(due) = playout.next_due().filter(|due| *due <= arrival) {
                playout.pop(due).unwrap();
                shown.push(due - resumed);
            }
            playout.push(frame(index, arrival));
        }
        assert_eq!(playout.dropped_late, 0);
        assert_eq!(shown[..8], [50, 100, 150, 200, 250, 300, 345, 390].map(|at| MS * at));
        let steps: Vec<_> = shown.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(steps.iter().all(|step| (45 * MS..=50 * MS).contains(step)), "{steps:?}");
        assert_eq!(steps.last(), Some(&(50 * MS)));
    }

    #[test]
    fn what_waits_is_bounded() {
        let (begin, mut playout) = (Instant::now(), Playout::new(50 * MS));
        playout.pause(begin);
        for index in 0..1_000 {
            playout.push(frame(index, begin));
        }
        assert_eq!(playout.waiting.len(), MOST_WAITING);
    }
}
