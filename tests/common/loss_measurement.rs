//! Measurement of a film under packet loss, with each method of recovery, on virtual time.

use std::fmt;
use std::time::Duration;

use reelay::impairment::{Impairments, LossModel};
use reelay::media::decode::decode;
use reelay::media::payload::{PayloadFormat, packetize};
use reelay::session::{ClientInput, Goal, SessionCommand, SessionEvent, StreamOptions, TransportPreference};
use reelay::stats::Snapshot;

use super::simulation::{MS, ShownFrame, World, WorldOptions};

/// Time between two frames of the simulated film, in ms.
const FRAME_INTERVAL_MS: u64 = 50;

/// Bytes of IP and UDP headers.
const UDP_OVERHEAD: usize = 28;

/// Method of recovery from loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Damaged frames are not shown.
    Nothing,
    /// Damaged frames are shown as far as they can be decoded.
    Concealment,
    /// The same, with restart markers inserted so that each packet can be decoded alone.
    Restarts,
    /// Restart markers and retransmission, with this round trip in ms.
    Retransmission(u32),
    /// Restart markers and a parity packet for this number of packets at most.
    Parity(u8),
    /// Restart markers and a parity packet for each row and column of a grid of at most this number of columns and
    /// rows.
    Grid(u8),
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Concealment => f.write_str("concealment"),
            Self::Restarts => f.write_str("restart markers and concealment"),
            Self::Retransmission(round_trip) => write!(f, "and retransmission, {round_trip} ms"),
            Self::Parity(group) => write!(f, "and parity, 1:{group}"),
            Self::Grid(size) => write!(f, "and parity, {size} × {size}"),
        }
    }
}

impl Method {
    pub const ALL: [Self; 11] = [
        Self::Nothing,
        Self::Concealment,
        Self::Restarts,
        Self::Retransmission(1),
        Self::Retransmission(20),
        Self::Retransmission(100),
        Self::Parity(10),
        Self::Parity(5),
        Self::Parity(3),
        Self::Grid(10),
        Self::Grid(5),
    ];

    pub fn format(self) -> PayloadFormat {
        match self {
            Self::Nothing | Self::Concealment => PayloadFormat::OriginalHeader,
            _ => PayloadFormat::OriginalWithRestarts,
        }
    }

    /// Playout delay that the method needs: two rounds of retransmission, after the loss was noticed at the next frame.
    pub fn playout_delay(self) -> Duration {
        match self {
            Self::Retransmission(round_trip) if round_trip >= 100 => 350 * MS,
            Self::Retransmission(_) => 100 * MS,
            _ => 50 * MS,
        }
    }

    fn options(self, frames: &[Vec<u8>], loss: LossModel, seed: u64) -> WorldOptions {
        let round_trip =
            if let Self::Retransmission(round_trip) = self { round_trip * MS } else { Duration::ZERO };
        let layout = match self {
            Self::Parity(group) => Some(group.to_string()),
            Self::Grid(size) => Some(format!("{size}x{size}")),
            _ => None,
        };
        WorldOptions {
            impairments: Impairments { loss, delay: round_trip / 2, ..Impairments::default() },
            upstream_loss: loss.ratio,
            upstream_delay: Some(round_trip / 2),
            stream: StreamOptions {
                transport: TransportPreference::Udp,
                retransmission: !round_trip.is_zero(),
                fec: layout.map(|layout| layout.parse().unwrap()),
                ..StreamOptions::default()
            },
            playout_delay: self.playout_delay().into(),
            seed,
            format: self.format(),
            ..WorldOptions::new(frames.to_vec())
        }
    }
}

/// Figures of one method and loss.
#[derive(Debug, Clone, Copy)]
pub struct Measurement {
    /// Share of the frame times with a picture of which at least 90 % are from its own frame.
    pub well_shown: f64,
    /// Mean share of the picture that is from its own frame.
    pub fresh_area: f64,
    /// Peak signal-to-noise ratio of what was shown to the film in dB, by the mean square error over all frame times.
    pub psnr: f64,
    /// Bytes of all packets beyond those of the film without recovery.
    pub overhead: f64,
    /// Longest time between two pictures.
    pub longest_wait: Duration,
}

/// Plays frames once. Returns the world at the end.
fn run(frames: &[Vec<u8>], method: Method, loss: LossModel, seed: u64) -> World {
    let mut world = World::new(method.options(frames, loss, seed));
    let shows_damaged = method != Method::Nothing;
    world.handle_input(ClientInput::Command(SessionCommand::SetShowsDamaged(shows_damaged)));
    world.set_goal(Goal::Playing);
    world.run_until("the end", |world| world.event_count(|event| *event == SessionEvent::Ended) > 0);
    world
}

fn longest_wait(shown: &[ShownFrame]) -> Duration {
    shown.windows(2).map(|pair| pair[1].at - pair[0].at).max().unwrap_or_default()
}

/// Plays frames once, and returns the figures at the end and the longest time between two pictures.
pub fn play(frames: &[Vec<u8>], method: Method, loss: LossModel, seed: u64) -> (Snapshot, Duration) {
    let mut world = run(frames, method, loss, seed);
    for frame in &world.received {
        let original = frame.clone().into_original();
        assert!(frames.iter().any(|jpeg| original.jpeg == jpeg[..]), "a frame that was never sent");
    }
    (world.snapshot(), longest_wait(&world.shown))
}

/// Plays frames once, and measures what was shown.
pub fn measure(frames: &[Vec<u8>], method: Method, loss: LossModel, seed: u64) -> Measurement {
    let mut world = run(frames, method, loss, seed);
    let snapshot = world.snapshot();
    let is_well_shown =
        |shown: &&ShownFrame| shown.fresh_area.as_ref().is_none_or(|area| area.share() >= 0.9);
    let well_shown = world.shown.iter().filter(is_well_shown).count();
    let plain = frames.iter().map(|jpeg| packetize(jpeg, PayloadFormat::OriginalHeader).unwrap());
    let plain = plain.map(|frame| frame.bytes() + frame.packets().len() * UDP_OVERHEAD).sum::<usize>();
    Measurement {
        well_shown: well_shown as f64 / frames.len() as f64,
        fresh_area: snapshot.fresh_area.unwrap_or_default(),
        psnr: psnr(frames, &world.shown),
        overhead: (world.sent_octets + snapshot.rtx_request_octets) as f64 / plain as f64 - 1.0,
        longest_wait: longest_wait(&world.shown),
    }
}

/// Plays frames once, and returns what was shown up to the frame with this number, from 0.
pub fn shown_until(
    frames: &[Vec<u8>],
    method: Method,
    loss: LossModel,
    seed: u64,
    frame: u64,
) -> impl Iterator<Item = ShownFrame> {
    let end = frame * FRAME_INTERVAL_MS;
    run(frames, method, loss, seed)
        .shown
        .into_iter()
        .take_while(move |shown| shown.position_ms.is_none_or(|position| position <= end))
}

/// Picture on the screen, RGBA.
#[derive(Default)]
struct Screen {
    pixels: Vec<u8>,
    decoded: Vec<u8>,
}

impl Screen {
    /// Draws the fresh parts of a frame over the picture before.
    fn draw(&mut self, shown: &ShownFrame) {
        let (width, height) = decode(&shown.jpeg, &mut self.decoded).unwrap();
        let (width, height) = (width as usize, height as usize);
        let Some(area) = &shown.fresh_area else { return self.pixels.clone_from(&self.decoded) };
        self.fill_if_empty(self.decoded.len());
        for rectangle in area.fresh() {
            let (left, right) = (rectangle.left.min(width), (rectangle.left + rectangle.width).min(width));
            for row in rectangle.top.min(height)..(rectangle.top + rectangle.height).min(height) {
                let bytes = (row * width + left) * 4..(row * width + right) * 4;
                self.pixels[bytes.clone()].copy_from_slice(&self.decoded[bytes]);
            }
        }
    }

    /// Makes the screen grey before the first picture, which has this number of bytes.
    fn fill_if_empty(&mut self, bytes: usize) {
        if self.pixels.is_empty() {
            self.pixels = [128, 128, 128, 255].repeat(bytes / 4);
        }
    }
}

/// Returns the peak signal-to-noise ratio of the pictures that were on the screen, in dB.
fn psnr(frames: &[Vec<u8>], shown: &[ShownFrame]) -> f64 {
    let mut shown = shown.iter().peekable();
    let (mut screen, mut source, mut sum) = (Screen::default(), Vec::new(), 0.0);
    for (index, jpeg) in frames.iter().enumerate() {
        let mut is_exact = false;
        let is_due = |shown: &&ShownFrame| {
            shown.position_ms.is_some_and(|position| position.div_ceil(FRAME_INTERVAL_MS) <= index as u64)
        };
        while let Some(picture) = shown.next_if(is_due) {
            screen.draw(picture);
            let is_own = picture.position_ms == Some(index as u64 * FRAME_INTERVAL_MS);
            is_exact = is_own && picture.fresh_area.is_none();
        }
        if !is_exact {
            decode(jpeg, &mut source).unwrap();
            screen.fill_if_empty(source.len());
            sum += mean_square_error(&screen.pixels, &source);
        }
    }
    10.0 * (255.0 * 255.0 * frames.len() as f64 / sum).log10()
}

fn mean_square_error(picture: &[u8], source: &[u8]) -> f64 {
    let squares = picture.iter().zip(source).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2));
    // The fourth component is opacity, and equal.
    squares.sum::<u64>() as f64 / (source.len() / 4 * 3) as f64
}
