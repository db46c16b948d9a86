//! Jitter buffer: frames arrive unevenly and are shown evenly. Sans-I/O.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::sender_clock::{SenderClock, ticks_to_nanos};
use crate::proto::rtp::CLOCK_RATE;
use crate::session::frame::Frame;
use crate::stats::{RollingAverage, Snapshot};

/// Buffer that decides when each frame is shown.
///
/// The clock of the sender is estimated from the earliest arrivals of the last seconds. A frame is due at the time at
/// which it would have arrived with the smallest delay of these, plus the playout delay. Frames that arrive after that
/// are late.
#[derive(Debug)]
pub struct JitterBuffer {
    delay: Duration,
    clock: Option<SenderClock>,
    frames: VecDeque<BufferedFrame>,
    bytes: usize,
    paused_at: Option<Instant>,
    /// True if the next frames continue the stream after a pause.
    continues_stream: bool,
    /// True while more frames wait than the delay requires, after a pause: they are shown slightly faster.
    is_catching_up: bool,
    /// Shortest interval between timestamps, in ticks of 90 kHz.
    min_interval: Option<i64>,
    last_timestamp: Option<i64>,
    /// Buffered duration before and after each frame arrives.
    levels: RollingAverage,
    /// Number of frames not shown because they were late.
    dropped_late: u64,
}

#[derive(Debug)]
struct BufferedFrame {
    due: Instant,
    frame: Frame,
}

/// Maximum distance of a frame from the estimated clock; a larger one restarts the clock.
const MAX_OFFSET: Duration = Duration::from_secs(10);

/// Maximum number of buffered frames; the oldest are dropped first.
const MAX_FRAMES: usize = 256;

/// Maximum number of buffered bytes; the oldest frames are dropped first.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Factor of the frame interval while catching up; 10 % faster is hardly visible.
const CATCH_UP_FACTOR: f64 = 0.9;

/// Maximum interval between frames, in ticks of 90 kHz, that is kept while catching up: one second.
const MAX_INTERVAL: i64 = CLOCK_RATE as i64;

impl JitterBuffer {
    /// Creates an empty buffer.
    pub fn new(delay: Duration) -> Self {
        Self {
            delay,
            clock: None,
            frames: VecDeque::new(),
            bytes: 0,
            paused_at: None,
            continues_stream: false,
            is_catching_up: false,
            min_interval: None,
            last_timestamp: None,
            levels: RollingAverage::default(),
            dropped_late: 0,
        }
    }

    /// Sets the playout delay of frames that arrive from now on.
    pub fn set_delay(&mut self, delay: Duration) {
        self.delay = delay;
    }

    /// Pauses the screen and keeps all frames. Returns false if it was paused already.
    pub fn pause(&mut self, now: Instant) -> bool {
        let was_moving = self.paused_at.is_none();
        self.paused_at.get_or_insert(now);
        was_moving
    }

    /// Treats the frames that arrive from now on as a continuation of those that wait.
    pub fn continue_stream(&mut self) {
        self.continues_stream = true;
    }

    /// Resumes the screen: frames that wait are due later by the length of the pause, and the next arrival starts a new
    /// clock. Returns false if it was not paused.
    pub fn resume(&mut self, now: Instant) -> bool {
        let Some(paused_at) = self.paused_at.take() else { return false };
        self.clock = None;
        self.is_catching_up = std::mem::replace(&mut self.continues_stream, true);
        if let Some(first) = self.frames.front() {
            // A first frame that arrived during the pause was delayed only by the rest of it; the others move with it.
            let pause_duration = now.saturating_duration_since(paused_at.max(first.frame.arrival));
            self.frames.iter_mut().for_each(|buffered| buffered.due += pause_duration);
        }
        true
    }

    /// Discards all frames and the clock: the stream continues at another position.
    pub fn clear(&mut self) {
        self.clock = None;
        (self.continues_stream, self.is_catching_up) = (false, false);
        (self.min_interval, self.last_timestamp) = (None, None);
        self.frames.clear();
        self.bytes = 0;
    }

    /// Inserts a frame.
    pub fn push(&mut self, frame: Frame) {
        self.update_min_interval(frame.timestamp);
        let due = self.due_time(&frame);
        // Frames are shown in the order in which they leave the reorder buffer.
        let earliest = self.frames.back().map_or(due, |last| last.due + self.min_spacing());
        self.is_catching_up &= earliest > due;
        let due = due.max(earliest);
        self.levels.add(frame.arrival, self.buffered_duration(frame.arrival));
        self.levels.add(frame.arrival, due.saturating_duration_since(frame.arrival));
        self.bytes += frame.jpeg.len();
        self.frames.push_back(BufferedFrame { due, frame });
        while self.frames.len() > MAX_FRAMES || self.bytes > MAX_BYTES && self.frames.len() > 1 {
            self.drop_oldest();
        }
    }

    fn update_min_interval(&mut self, timestamp: i64) {
        let last = self.last_timestamp.replace(timestamp);
        let interval = last.map(|last| timestamp.saturating_sub(last)).filter(|interval| *interval > 0);
        self.min_interval = self.min_interval.into_iter().chain(interval).min();
    }

    /// Minimum time between two frames that wait.
    fn min_spacing(&self) -> Duration {
        let interval = self.min_interval.filter(|_| self.is_catching_up).unwrap_or(0).clamp(0, MAX_INTERVAL);
        Duration::from_nanos(ticks_to_nanos(interval).unsigned_abs()).mul_f64(CATCH_UP_FACTOR)
    }

    fn drop_oldest(&mut self) {
        if let Some(dropped) = self.frames.pop_front() {
            self.bytes -= dropped.frame.jpeg.len();
            self.dropped_late += 1;
        }
    }

    fn due_time(&mut self, frame: &Frame) -> Instant {
        let current = self
            .clock
            .take()
            .filter(|clock| clock.offset(frame).unsigned_abs() <= MAX_OFFSET.as_nanos() as u64);
        let clock = self.clock.insert(current.unwrap_or_else(|| SenderClock::new(frame)));
        clock.update(frame, self.delay);
        clock.expected_arrival(frame.timestamp) + self.delay
    }

    /// Returns the time at which the next frame is due; `None` if there is none, or while the screen is paused.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let next = self.frames.front().filter(|_| self.paused_at.is_none());
        next.map(|buffered| buffered.due)
    }

    /// Returns the frame to show at `now`. If several are due it is the last of them, and the others are dropped as
    /// late.
    pub fn pop(&mut self, now: Instant) -> Option<Frame> {
        if self.paused_at.is_some() {
            return None;
        }
        while self.frames.get(1).is_some_and(|second| second.due <= now) {
            self.drop_oldest();
        }
        self.frames.front().filter(|first| first.due <= now)?;
        let shown = self.frames.pop_front()?;
        self.bytes -= shown.frame.jpeg.len();
        Some(shown.frame)
    }

    /// Extended timestamp of the next frame; `None` if there is none.
    pub fn next_timestamp(&self) -> Option<i64> {
        self.frames.front().map(|buffered| buffered.frame.timestamp)
    }

    /// Returns true if no frame is buffered.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Returns the earliest time at which a frame with this timestamp would arrive; `None` before the first frame.
    pub fn expected_arrival(&self, timestamp: i64) -> Option<Instant> {
        self.clock.as_ref().map(|clock| clock.expected_arrival(timestamp))
    }

    /// Time for which the buffered frames last.
    fn buffered_duration(&self, now: Instant) -> Duration {
        self.frames.back().map_or(Duration::ZERO, |last| last.due.saturating_duration_since(now))
    }

    /// Adds the figures of the buffer.
    pub fn add_to(&mut self, now: Instant, snapshot: &mut Snapshot) {
        snapshot.buffered_ms = self.levels.mean_ms(now);
        snapshot.frames_dropped_late = self.dropped_late;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    const MS: Duration = Duration::from_millis(1);

    fn frame(index: i64, arrival: Instant) -> Frame {
        Frame::complete(Bytes::from_static(b"x"), index * 4_500, arrival)
    }

    #[test]
    fn jittered_arrivals_are_shown_evenly() {
        let (begin, mut buffer) = (Instant::now(), JitterBuffer::new(50 * MS));
        let mut shown = Vec::new();
        for (index, late) in [(0, 0), (1, 30), (2, 5), (3, 45), (4, 0)] {
            let arrival = begin + MS * (index * 50 + late);
            while let Some(due) = buffer.poll_timeout().filter(|due| *due <= arrival) {
                shown.push((due - begin, buffer.pop(due).unwrap().timestamp / 4_500));
            }
            buffer.push(frame(i64::from(index), arrival));
        }
        while let Some(due) = buffer.poll_timeout() {
            shown.push((due - begin, buffer.pop(due).unwrap().timestamp / 4_500));
        }
        assert_eq!(shown, [0, 1, 2, 3, 4].map(|i| (MS * (50 + 50 * i as u32), i)));
        assert_eq!(buffer.dropped_late, 0);
    }

    #[test]
    fn only_last_due_frame_is_shown() {
        let (begin, mut buffer) = (Instant::now(), JitterBuffer::new(50 * MS));
        for index in 0..4 {
            buffer.push(frame(index, begin + 50 * MS * index as u32));
        }
        let shown = buffer.pop(begin + 160 * MS).unwrap();
        assert_eq!((shown.timestamp / 4_500, buffer.dropped_late), (2, 2));
        assert_eq!(buffer.pop(begin + 160 * MS), None);
    }

    #[test]
    fn bytes_that_wait_are_limited_but_for_one_frame() {
        let (begin, mut buffer) = (Instant::now(), JitterBuffer::new(1_000 * MS));
        let large = |index: i64, length: usize| {
            Frame::complete(vec![0; length].into(), index * 4_500, begin + 50 * MS * index as u32)
        };
        buffer.push(large(0, MAX_BYTES + 1));
        assert_eq!((buffer.frames.len(), buffer.bytes), (1, MAX_BYTES + 1));
        buffer.push(large(1, MAX_BYTES / 2));
        assert_eq!((buffer.frames.len(), buffer.bytes), (1, MAX_BYTES / 2), "the oldest is dropped");
        buffer.push(large(2, MAX_BYTES / 2));
        assert_eq!((buffer.frames.len(), buffer.bytes), (2, MAX_BYTES));
    }

    #[test]
    fn clock_follows_earliest_recent_arrival() {
        let (begin, mut buffer) = (Instant::now(), JitterBuffer::new(Duration::ZERO));
        buffer.push(frame(0, begin));
        // The second frame has a smaller delay than the first ...
        buffer.push(frame(100, begin + 4_980 * MS));
        assert_eq!(buffer.expected_arrival(200 * 4_500), Some(begin + 9_980 * MS));
        // ... and from the third one on the delay is larger.
        for index in 101..400 {
            buffer.push(frame(index, begin + 50 * MS * index as u32 + 40 * MS));
        }
        assert_eq!(buffer.expected_arrival(400 * 4_500), Some(begin + 20_040 * MS));
    }

    #[test]
    fn buffered_frames_are_shown_after_pause() {
        let (begin, mut buffer) = (Instant::now(), JitterBuffer::new(50 * MS));
        buffer.push(frame(0, begin));
        buffer.push(frame(1, begin + 30 * MS));
        buffer.pause(begin + 40 * MS);
        assert_eq!((buffer.poll_timeout(), buffer.pop(begin + 500 * MS)), (None, None));
        buffer.resume(begin + 1_040 * MS);
        assert_eq!(buffer.poll_timeout(), Some(begin + 1_050 * MS));
        buffer.push(frame(20, begin + 1_041 * MS));
        assert!(buffer.pop(begin + 1_050 * MS).is_some_and(|first| first.timestamp == 0));
    }

    #[test]
    fn frame_received_during_pause_waits_only_for_its_rest() {
        let (begin, mut buffer) = (Instant::now(), JitterBuffer::new(50 * MS));
        buffer.pause(begin);
        buffer.push(frame(0, begin + 5_000 * MS));
        buffer.resume(begin + 5_010 * MS);
        assert_eq!(buffer.poll_timeout(), Some(begin + 5_060 * MS));
    }

    #[test]
    fn excess_delay_is_caught_up_without_dropping_frames() {
        let (begin, mut buffer) = (Instant::now(), JitterBuffer::new(50 * MS));
        buffer.push(frame(0, begin));
        buffer.pause(begin);
        buffer.continue_stream();
        for index in 1..6 {
            buffer.push(frame(index, begin + 50 * MS * index as u32));
        }
        let (resumed, mut shown) = (begin + 1_000 * MS, Vec::new());
        buffer.resume(resumed);
        // The next frames arrive while all earlier ones are still buffered.
        for index in 6..100 {
            let arrival = resumed + 50 * MS * (index as u32 - 6);
            while let Some(due) = buffer.poll_timeout().filter(|due| *due <= arrival) {
                buffer.pop(due).unwrap();
                shown.push(due - resumed);
            }
            buffer.push(frame(index, arrival));
        }
        assert_eq!(buffer.dropped_late, 0);
        assert_eq!(shown[..8], [50, 100, 150, 200, 250, 300, 345, 390].map(|at| MS * at));
        let intervals: Vec<_> = shown.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(intervals.iter().all(|interval| (45 * MS..=50 * MS).contains(interval)), "{intervals:?}");
        assert_eq!(intervals.last(), Some(&(50 * MS)));
    }

    #[test]
    fn buffered_frames_are_bounded() {
        let (begin, mut buffer) = (Instant::now(), JitterBuffer::new(50 * MS));
        buffer.pause(begin);
        for index in 0..1_000 {
            buffer.push(frame(index, begin));
        }
        assert_eq!(buffer.frames.len(), MAX_FRAMES);
    }
}
