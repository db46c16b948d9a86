//! Packet counts of random senders over random networks, compared with a counter that knows the truth. On virtual time.
//!
//! `REELAY_MODEL_SEQUENCES` sets the number of sequences, and `REELAY_MODEL_SEED` runs a single one again.

#[path = "../common/mod.rs"]
mod common;
mod hours;
mod player;
mod sessions;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;
use std::time::Duration;

use common::jpegs::{JpegKind, test_jpeg};
use player::Player;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use reelay::media::payload::{PacketizedFrame, PayloadFormat, packetize};
use reelay::session::Client;
use reelay::stats::{LossDoubt, Snapshot};

/// Number of sequences, unless the environment states another.
const DEFAULT_SEQUENCES: u64 = 2_000;

/// Interval between frames in ticks of 90 kHz: 25 frames/s.
const FRAME_TICKS: u32 = 3_600;

const FRAME_INTERVAL: Duration = Duration::from_millis(40);

/// Interval between the packets of a frame.
const PACKET_INTERVAL: Duration = Duration::from_micros(200);

/// Frames of one to six packets.
static FRAMES: LazyLock<Vec<PacketizedFrame>> = LazyLock::new(|| {
    let sizes = [(32, 32), (160, 120), (320, 240), (400, 304), (480, 360)];
    sizes
        .iter()
        .map(|size| {
            let jpeg = test_jpeg(JpegKind::Standard420, *size, 1, 0);
            packetize(&jpeg, PayloadFormat::Rfc2435).unwrap()
        })
        .collect()
});

/// Content of the RTP-Info header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RtpInfo {
    Right,
    WithoutTimestamp,
    Missing,
    OnlyTimestamp,
    /// A constant sequence number, and the right timestamp.
    ConstantSequence(u16),
    /// The right sequence number, and a constant timestamp.
    ConstantTimestamp,
    BothConstant,
}

/// Start of another count of sequence numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// The sequence number goes back, at any packet.
    Restart { back: u16 },
    /// The sequence number goes forward, at the start of a frame.
    Jump { ahead: u16 },
    /// Another SSRC with another sequence number, at the start of a frame.
    Ssrc { sequence: u16, restarts_clock: bool },
}

/// Impairments of the network between sender and client.
#[derive(Debug, Clone, Copy, Default)]
struct Network {
    loss: f64,
    mean_burst: f64,
    duplicates: f64,
    /// Maximum delay of every packet.
    jitter: Duration,
    /// Share of packets that arrive up to 200 ms later.
    late: f64,
}

/// Properties of one sequence.
#[derive(Debug)]
struct Plan {
    is_tcp: bool,
    rtp_info: RtpInfo,
    frames: usize,
    first_sequence: u16,
    first_timestamp: u32,
    /// Changes by the number of the frame in which they happen.
    changes: BTreeMap<usize, Change>,
    network: Network,
}

/// Packet as the sender sends it.
struct SentPacket {
    at: Duration,
    /// Number of the count of sequence numbers.
    count: usize,
    bytes: Vec<u8>,
}

/// What the sender and the network did.
#[derive(Debug, Default, PartialEq, Eq)]
struct Truth {
    sent: u64,
    /// Distinct packets that arrived.
    received: u64,
    /// Packets lost before the first one that arrived.
    lost_at_start: u64,
    /// Packets lost between two that arrived, of the same count.
    lost_between: u64,
    duplicates: u64,
}

fn rtp_info(rng: &mut SmallRng) -> RtpInfo {
    match rng.random_range(0..12) {
        0..5 => RtpInfo::Right,
        5 => RtpInfo::WithoutTimestamp,
        6 | 7 => RtpInfo::Missing,
        8 => RtpInfo::OnlyTimestamp,
        9 => RtpInfo::ConstantSequence(rng.random_range(0..2)),
        10 => RtpInfo::ConstantTimestamp,
        _ => RtpInfo::BothConstant,
    }
}

fn network(rng: &mut SmallRng) -> Network {
    let mut choose = |values: &[f64]| values[rng.random_range(0..values.len())];
    let network = Network {
        loss: choose(&[0.0, 0.0, 0.005, 0.02, 0.1]),
        mean_burst: choose(&[1.0, 1.0, 3.0, 8.0]),
        duplicates: choose(&[0.0, 0.0, 0.05]),
        jitter: Duration::from_micros(choose(&[0.0, 0.0, 1_000.0, 5_000.0]) as u64),
        late: choose(&[0.0, 0.0, 0.01]),
    };
    if rng.random_range(0..3) == 0 { Network::default() } else { network }
}

fn change(rng: &mut SmallRng) -> Change {
    match rng.random_range(0..4) {
        0 | 1 => Change::Restart { back: rng.random_range(100..30_000) },
        2 => Change::Jump { ahead: rng.random_range(1_500..30_000) },
        _ => Change::Ssrc { sequence: rng.random(), restarts_clock: rng.random() },
    }
}

/// Returns changes with at least `distance` frames between them.
fn changes(rng: &mut SmallRng, frames: usize, distance: usize) -> BTreeMap<usize, Change> {
    let mut changes = BTreeMap::new();
    let mut frame = 6;
    while frame + distance < frames {
        changes.insert(frame, change(rng));
        frame += rng.random_range(distance..3 * distance);
    }
    changes
}

impl Plan {
    fn new(rng: &mut SmallRng) -> Self {
        let is_tcp = rng.random_range(0..4) == 0;
        let network = if is_tcp { Network::default() } else { network(rng) };
        let frames = rng.random_range(20..70);
        // A count can be told from stray packets only if some of its packets arrive.
        let distance = if network.loss == 0.0 && network.late == 0.0 { 4 } else { 20 };
        let changes = match rng.random_range(0..2) {
            0 => BTreeMap::new(),
            _ => changes(rng, frames, distance),
        };
        Self {
            is_tcp,
            rtp_info: rtp_info(rng),
            frames,
            // Half of the sequences wrap.
            first_sequence: if rng.random() {
                rng.random_range(65_400..=65_535)
            } else {
                rng.random_range(600..65_000)
            },
            first_timestamp: if rng.random() {
                u32::MAX - rng.random_range(0..90_000)
            } else {
                rng.random_range(2_000_000..u32::MAX)
            },
            changes,
            network,
        }
    }

    fn send(&self, rng: &mut SmallRng) -> Vec<SentPacket> {
        let (mut sequence, mut clock, mut ssrc, mut count) =
            (self.first_sequence, self.first_timestamp, 9, 0);
        let mut packets = Vec::new();
        for frame in 0..self.frames {
            let content = &FRAMES[rng.random_range(0..FRAMES.len())];
            let length = content.packets().len();
            let change = self.changes.get(&frame);
            let change_at = match change {
                Some(Change::Restart { .. }) => rng.random_range(0..length),
                _ => 0,
            };
            for index in 0..length {
                if let Some(change) = change.filter(|_| index == change_at) {
                    count += 1;
                    match *change {
                        Change::Restart { back } => sequence = sequence.wrapping_sub(back),
                        Change::Jump { ahead } => sequence = sequence.wrapping_add(ahead),
                        Change::Ssrc { sequence: first, restarts_clock } => {
                            (sequence, ssrc) = (first, ssrc + 1);
                            clock = if restarts_clock { rng.random() } else { clock };
                        }
                    }
                }
                let at = FRAME_INTERVAL * frame as u32 + PACKET_INTERVAL * index as u32;
                let timestamp = clock.wrapping_add(frame as u32 * FRAME_TICKS);
                let mut bytes = Vec::new();
                content.write_packet(index, sequence, timestamp, ssrc, &mut bytes);
                sequence = sequence.wrapping_add(1);
                packets.push(SentPacket { at, count, bytes });
            }
        }
        packets
    }

    /// Returns the times at which the packets arrive, by their number, the earliest first.
    fn deliver(&self, rng: &mut SmallRng, packets: &[SentPacket]) -> Vec<(Duration, usize)> {
        let network = self.network;
        let mut deliveries = Vec::new();
        let mut is_lost = false;
        for (number, packet) in packets.iter().enumerate() {
            let leaves_burst = rng.random_bool(1.0 / network.mean_burst.max(1.0));
            is_lost = if is_lost {
                !leaves_burst
            } else {
                rng.random_bool(network.loss / network.mean_burst.max(1.0))
            };
            if is_lost {
                continue;
            }
            let delay = |rng: &mut SmallRng| {
                let late = if rng.random_bool(network.late) { rng.random_range(20..200) } else { 0 };
                network.jitter.mul_f64(rng.random()) + Duration::from_millis(late)
            };
            deliveries.push((packet.at + delay(rng), number));
            if rng.random_bool(network.duplicates) {
                deliveries.push((packet.at + delay(rng) + PACKET_INTERVAL, number));
            }
        }
        self.keep_sources_apart(&mut deliveries, packets);
        deliveries.sort();
        deliveries
    }

    /// Delivers all packets of a source before those of the next: a client ignores those of the former one.
    fn keep_sources_apart(&self, deliveries: &mut [(Duration, usize)], packets: &[SentPacket]) {
        for (frame, change) in &self.changes {
            let boundary = FRAME_INTERVAL * *frame as u32;
            if let Change::Ssrc { .. } = change {
                for (at, number) in deliveries.iter_mut() {
                    if packets[*number].at < boundary {
                        *at = (*at).min(boundary - Duration::from_micros(1));
                    }
                }
            }
        }
    }

    /// Returns true if RTP-Info announces one of the first packets instead of the first, because its constant happens
    /// to be near. If the network reorders them, those before it cannot be told from stray packets.
    fn announces_a_later_packet(&self) -> bool {
        let constant = match self.rtp_info {
            RtpInfo::ConstantSequence(constant) => constant,
            RtpInfo::BothConstant => 0,
            _ => return false,
        };
        (1..32).contains(&constant.wrapping_sub(self.first_sequence))
    }

    /// Headers Range and RTP-Info of the response to PLAY.
    fn play_headers(&self) -> String {
        let (sequence, rtptime) = (self.first_sequence, self.first_timestamp);
        let url = "rtsp://127.0.0.1:8554/test";
        let info = match self.rtp_info {
            RtpInfo::Right => format!(";seq={sequence};rtptime={rtptime}"),
            RtpInfo::WithoutTimestamp => format!(";seq={sequence}"),
            RtpInfo::OnlyTimestamp => format!(";rtptime={rtptime}"),
            RtpInfo::ConstantSequence(constant) => format!(";seq={constant};rtptime={rtptime}"),
            RtpInfo::ConstantTimestamp => format!(";seq={sequence};rtptime=0"),
            RtpInfo::BothConstant => ";seq=0;rtptime=0".to_owned(),
            RtpInfo::Missing => return String::new(),
        };
        format!("RTP-Info: url={url}{info}\r\n")
    }
}

/// The counter that knows the truth.
fn count(packets: &[SentPacket], deliveries: &[(Duration, usize)]) -> Truth {
    let arrived: HashSet<_> = deliveries.iter().map(|(_, number)| *number).collect();
    let mut truth = Truth {
        sent: packets.len() as u64,
        received: arrived.len() as u64,
        duplicates: (deliveries.len() - arrived.len()) as u64,
        ..Truth::default()
    };
    let mut lost_since_last: HashMap<usize, u64> = HashMap::new();
    let mut has_arrived = HashSet::new();
    for (number, packet) in packets.iter().enumerate() {
        let lost = lost_since_last.entry(packet.count).or_default();
        if !arrived.contains(&number) {
            *lost += 1;
            continue;
        }
        let lost = std::mem::take(lost);
        if !has_arrived.insert(packet.count) {
            truth.lost_between += lost;
        } else if packet.count == 0 {
            truth.lost_at_start = lost;
        }
    }
    truth
}

/// Plays the sequence of this seed. Returns its plan, the truth and the figures; `None` if a count of sequence numbers
/// cannot be recognized because fewer than six of its packets arrive, or its first packet because of RTP-Info.
fn play(seed: u64) -> Option<(Plan, Truth, Snapshot)> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let plan = Plan::new(&mut rng);
    if plan.announces_a_later_packet() {
        return None;
    }
    let packets = plan.send(&mut rng);
    let deliveries = plan.deliver(&mut rng, &packets);
    let mut arrived: HashMap<usize, HashSet<usize>> = HashMap::new();
    deliveries.iter().for_each(|(_, number)| {
        arrived.entry(packets[*number].count).or_default().insert(*number);
    });
    let counts = plan.changes.len() + 1;
    if arrived.len() < counts || counts > 1 && arrived.values().any(|numbers| numbers.len() < 6) {
        return None;
    }
    let mut player = Player::playing(plan.is_tcp, &plan.play_headers());
    for (at, number) in &deliveries {
        player.advance_to(*at);
        player.receive(plan.is_tcp, &packets[*number].bytes);
    }
    player.advance_to(FRAME_INTERVAL * plan.frames as u32 + Duration::from_secs(1));
    Some((plan, count(&packets, &deliveries), player.client.snapshot(player.now)))
}

/// Returns what is wrong with the figures.
fn defect(plan: &Plan, truth: &Truth, figures: &Snapshot) -> Option<String> {
    let announces = matches!(plan.rtp_info, RtpInfo::Right | RtpInfo::WithoutTimestamp) || plan.is_tcp;
    let changes = plan.changes.len() as u64;
    let lost_all = truth.lost_between + truth.lost_at_start;
    let is_exact = figures.packets_lost == lost_all;
    let is_lost_right = match figures.loss_doubt {
        None => is_exact && changes * u64::from(!plan.is_tcp) == 0,
        Some(LossDoubt::NoAnnouncement | LossDoubt::WrongAnnouncement) => {
            !announces && changes == 0 && figures.packets_lost == truth.lost_between
        }
        Some(LossDoubt::Restart) => changes > 0 && (is_exact || figures.packets_lost == truth.lost_between),
        Some(LossDoubt::LargeGap) => false,
    };
    let n = &plan.network;
    let is_perfect = (n.loss, n.late, n.jitter) == (0.0, 0.0, Duration::ZERO);
    let checks = [
        ("lost", is_lost_right),
        ("received", figures.packets_received == truth.received),
        ("restarts", figures.sequence_restarts == changes),
        ("duplicates", changes > 0 || figures.packets_duplicated == truth.duplicates),
        (
            "frames",
            !is_perfect || (figures.frames_complete, figures.frames_incomplete) == (plan.frames as u64, 0),
        ),
        ("foreign", figures.packets_foreign == 0),
    ];
    let wrong: Vec<_> = checks.iter().filter(|(_, is_right)| !is_right).map(|(name, _)| *name).collect();
    (!wrong.is_empty()).then(|| {
        format!(
            "{wrong:?}: expected {}, received {}, lost {}, {:?}, {} restarts, {} duplicates, {}+{} frames, {} foreign\n{truth:?}\n{plan:?}",
            figures.packets_expected,
            figures.packets_received,
            figures.packets_lost,
            figures.loss_doubt,
            figures.sequence_restarts,
            figures.packets_duplicated,
            figures.frames_complete,
            figures.frames_incomplete,
            figures.packets_foreign
        )
    })
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// Results of many sequences.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// Number of sequences by the reason why the number of lost packets may not be exact; `None` if it is.
    by_doubt: BTreeMap<Option<LossDoubt>, u64>,
    defects: Vec<String>,
}

impl Outcomes {
    fn record(&mut self, seed: u64, figures: &Snapshot, defect: Option<String>) {
        *self.by_doubt.entry(figures.loss_doubt).or_default() += 1;
        self.defects.extend(defect.map(|defect| format!("seed {seed}: {defect}")));
    }
}

/// Plays as many sequences as the environment states, and prints their results.
///
/// # Panics
/// Panics if figures are wrong, or if more than one in 20 sequences was not played.
fn check_sequences(name: &str, play: fn(u64, &mut Outcomes)) {
    let seeds = match variable("REELAY_MODEL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("REELAY_MODEL_SEQUENCES").unwrap_or(DEFAULT_SEQUENCES),
    };
    let (sequences, mut outcomes) = (seeds.end - seeds.start, Outcomes::default());
    seeds.for_each(|seed| play(seed, &mut outcomes));
    let (played, defects) = (outcomes.by_doubt.values().sum::<u64>(), outcomes.defects);
    println!(
        "{name}: {played} of {sequences} sequences were played; reasons for doubt {:?}",
        outcomes.by_doubt
    );
    assert!(
        defects.is_empty(),
        "{} of {played} sequences:\n{}",
        defects.len(),
        defects[..defects.len().min(8)].join("\n")
    );
    assert!(played * 20 >= sequences * 19, "only {played} of {sequences} sequences were played");
}

#[test]
fn counts_of_random_senders_are_true_or_say_why_not() {
    check_sequences("senders", |seed, outcomes| {
        if let Some((plan, truth, figures)) = play(seed) {
            outcomes.record(seed, &figures, defect(&plan, &truth, &figures));
        }
    });
}

/// Receives a stream of 80 frames of several packets each, whose first timestamp is 900,000. `sequence` returns the
/// sequence number of a packet from the number of its frame and its own number. Returns the figures and the number of
/// packets.
fn receive_stream(is_tcp: bool, rtp_info: &str, sequence: impl Fn(usize, usize) -> u16) -> (Snapshot, u64) {
    let play_headers = format!("RTP-Info: url=rtsp://127.0.0.1:8554/test;{rtp_info}\r\n");
    let mut player = Player::playing(is_tcp, &play_headers);
    let content = FRAMES.last().unwrap();
    assert!(content.packets().len() > 4, "{} packets", content.packets().len());
    let mut packets = 0;
    for frame in 0..80 {
        player.advance_to(FRAME_INTERVAL * frame as u32);
        for index in 0..content.packets().len() {
            let (mut bytes, timestamp) = (Vec::new(), 900_000 + frame as u32 * FRAME_TICKS);
            content.write_packet(index, sequence(frame, packets), timestamp, 9, &mut bytes);
            player.receive(is_tcp, &bytes);
            packets += 1;
        }
    }
    player.advance_to(FRAME_INTERVAL * 80 + Duration::from_secs(1));
    (player.client.snapshot(player.now), packets as u64)
}

#[track_caller]
fn assert_all_received((figures, packets): (Snapshot, u64)) -> Snapshot {
    let Snapshot { packets_received, packets_lost, frames_complete, frames_incomplete, frames_shown, .. } =
        figures;
    assert_eq!((packets_received, packets_lost), (packets, 0), "{figures:?}");
    assert_eq!((frames_complete, frames_incomplete, frames_shown), (80, 0, 80), "{figures:?}");
    figures
}

/// After 20 frames the sequence numbers begin again at 1.
#[test]
fn sequence_restart_is_no_loss_over_udp_and_tcp() {
    for is_tcp in [false, true] {
        let first = FRAMES.last().unwrap().packets().len() * 20;
        let sequence = |_, packet: usize| match packet.checked_sub(first) {
            None => 1_000 + packet as u16,
            Some(packet) => 1 + packet as u16,
        };
        let figures = assert_all_received(receive_stream(is_tcp, "seq=1000;rtptime=900000", sequence));
        assert_eq!(figures.sequence_restarts, 1);
        assert_eq!(figures.loss_doubt, (!is_tcp).then_some(LossDoubt::Restart));
    }
}

#[test]
fn frequent_sequence_restarts_lose_no_frame() {
    let length = FRAMES.last().unwrap().packets().len();
    for is_tcp in [false, true] {
        for frames in [1, 2, 3, 5] {
            let sequence = |_, packet: usize| (packet % (frames * length)) as u16;
            let figures = assert_all_received(receive_stream(is_tcp, "seq=0;rtptime=900000", sequence));
            assert_eq!(figures.sequence_restarts, (80usize.div_ceil(frames) - 1) as u64, "{frames}");
        }
    }
}

#[test]
fn constant_rtp_info_is_dropped_when_packets_contradict_it() {
    for info in [
        "seq=0;rtptime=900000",
        "seq=1;rtptime=900000",
        "seq=1000;rtptime=0",
        "seq=0;rtptime=0",
        "seq=0",
        "seq=1",
    ] {
        for is_tcp in [false, true] {
            let figures =
                assert_all_received(receive_stream(is_tcp, info, |_, packet| 1_000 + packet as u16));
            assert_eq!(figures.sequence_restarts, 0);
            let is_wrong = !is_tcp && !info.starts_with("seq=1000");
            assert_eq!(figures.loss_doubt, is_wrong.then_some(LossDoubt::WrongAnnouncement), "{info}");
        }
    }
}

/// Over UDP a plausible announcement reveals losses before the first packet; over TCP there are none.
#[test]
fn nothing_is_lost_before_the_first_packet_over_tcp() {
    for (is_tcp, lost) in [(false, 10), (true, 0)] {
        let (figures, _) =
            receive_stream(is_tcp, "seq=990;rtptime=900000", |_, packet| 1_000 + packet as u16);
        assert_eq!((figures.packets_lost, figures.loss_doubt), (lost, None));
    }
}
