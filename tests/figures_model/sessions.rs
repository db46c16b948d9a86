//! Sessions with PAUSE, seeks and another SETUP: the count goes on, or begins again, with each PLAY.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use reelay::proto::rtsp::Npt;
use reelay::session::{Client, ClientInput, Goal, SessionCommand};
use reelay::stats::{LossDoubt, Snapshot};

use crate::player::Player;
use crate::{FRAME_INTERVAL, FRAMES, Outcomes, PACKET_INTERVAL, check_sequences};

/// Content of the RTP-Info header in the responses to PLAY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RtpInfo {
    Right,
    WithoutTimestamp,
    Missing,
}

/// Sequence numbers after another PLAY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Numbering {
    Continued,
    /// Another count of sequence numbers, far from the one before.
    Restarted,
}

/// What the user does after some seconds of the film.
#[derive(Debug, Clone, Copy)]
enum Action {
    PauseAndPlay,
    SeekWhilePlaying,
    SeekWhilePaused,
    SetUpAgain,
}

/// Properties of one sequence.
#[derive(Debug)]
struct Plan {
    is_tcp: bool,
    rtp_info: RtpInfo,
    numbering: Numbering,
    loss: f64,
    duplicates: f64,
    /// Maximum delay of every packet.
    jitter: Duration,
    /// Share of packets that arrive up to 200 ms later.
    late: f64,
    actions: Vec<Action>,
}

impl Plan {
    fn new(rng: &mut SmallRng) -> Self {
        let is_tcp = rng.random_range(0..4) == 0;
        let choose = |rng: &mut SmallRng, values: &[f64]| match is_tcp {
            true => 0.0,
            false => values[rng.random_range(0..values.len())],
        };
        const ACTIONS: [Action; 4] =
            [Action::PauseAndPlay, Action::SeekWhilePlaying, Action::SeekWhilePaused, Action::SetUpAgain];
        Self {
            is_tcp,
            rtp_info: match rng.random_range(0..6) {
                0 => RtpInfo::Missing,
                1 => RtpInfo::WithoutTimestamp,
                _ => RtpInfo::Right,
            },
            numbering: if rng.random() { Numbering::Continued } else { Numbering::Restarted },
            loss: choose(rng, &[0.0, 0.005, 0.02, 0.1]),
            duplicates: choose(rng, &[0.0, 0.0, 0.05]),
            jitter: Duration::from_micros(choose(rng, &[0.0, 1_000.0, 5_000.0]) as u64),
            late: choose(rng, &[0.0, 0.0, 0.01]),
            actions: (0..rng.random_range(1..6)).map(|_| ACTIONS[rng.random_range(0..4)]).collect(),
        }
    }
}

/// Packet of the current session.
struct SentPacket {
    /// Number of the count of sequence numbers.
    count: usize,
    bytes: Vec<u8>,
    arrivals: u64,
}

/// What the sender and the network did since SETUP.
#[derive(Debug, Default)]
struct Truth {
    received: u64,
    duplicates: u64,
    /// Packets that were lost before the last one that arrived, of the same count.
    lost: u64,
    /// The same, without those before the first one that arrived.
    lost_after_first: u64,
}

/// A server and a network between it and the player.
struct World {
    plan: Plan,
    rng: SmallRng,
    player: Player,
    now: Duration,
    packets: Vec<SentPacket>,
    /// Times at which packets arrive, and their numbers.
    in_flight: BTreeSet<(Duration, u32, usize)>,
    count: usize,
    sequence: u16,
    ssrc: u32,
    first_timestamp: u32,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let plan = Plan::new(&mut rng);
        let player = Player::new(plan.is_tcp);
        Self {
            plan,
            player,
            now: Duration::ZERO,
            packets: Vec::new(),
            in_flight: BTreeSet::new(),
            count: 0,
            sequence: 0,
            ssrc: 9,
            first_timestamp: rng.random(),
            rng,
        }
    }

    fn run_for(&mut self, duration: Duration) {
        let until = self.now + duration;
        while let Some((at, copy, number)) = self.in_flight.pop_first() {
            if at > until {
                self.in_flight.insert((at, copy, number));
                break;
            }
            self.player.advance_to(at);
            self.player.receive(self.plan.is_tcp, &self.packets[number].bytes);
            self.packets[number].arrivals += 1;
        }
        self.player.advance_to(until);
        self.now = until;
    }

    fn command(&mut self, command: SessionCommand) {
        self.player.handle_input(ClientInput::Command(command));
    }

    fn set_up(&mut self) {
        self.packets.clear();
        self.count = 0;
        // Half of the sequences wrap.
        self.sequence =
            if self.rng.random() { self.rng.random_range(65_300..=65_535) } else { self.rng.random() };
        self.ssrc += 1;
        self.first_timestamp = if self.rng.random() { u32::MAX - 90_000 } else { self.rng.random() };
        self.player.set_up(self.plan.is_tcp, "0-100000");
    }

    fn timestamp(&self) -> u32 {
        self.first_timestamp.wrapping_add((self.now.as_micros() * 9 / 100) as u32)
    }

    /// Responds to PLAY, and sends frames. Packets may overtake the response.
    fn play(&mut self) {
        let info = match self.plan.rtp_info {
            RtpInfo::Right => format!("seq={};rtptime={}", self.sequence, self.timestamp()),
            RtpInfo::WithoutTimestamp => format!("seq={}", self.sequence),
            RtpInfo::Missing => String::new(),
        };
        let info = match info.as_str() {
            "" => String::new(),
            info => format!("RTP-Info: url=rtsp://127.0.0.1:8554/test;{info}\r\n"),
        };
        let frames = self.rng.random_range(10..30);
        for frame in 0..frames {
            self.send_frame(FRAME_INTERVAL * frame);
        }
        let response_delay = if self.plan.is_tcp { Duration::ZERO } else { Duration::from_millis(2) };
        self.run_for(response_delay);
        self.player.respond("PLAY", &format!("Session: 1\r\nRange: npt=0-\r\n{info}"), "");
        self.run_for(FRAME_INTERVAL * frames);
    }

    fn send_frame(&mut self, after: Duration) {
        let content = &FRAMES[self.rng.random_range(0..FRAMES.len())];
        let timestamp = self.timestamp().wrapping_add((after.as_micros() * 9 / 100) as u32);
        for index in 0..content.packets().len() {
            let mut bytes = Vec::new();
            content.write_packet(index, self.sequence, timestamp, self.ssrc, &mut bytes);
            self.sequence = self.sequence.wrapping_add(1);
            self.transmit(self.now + after + PACKET_INTERVAL * index as u32, self.packets.len());
            self.packets.push(SentPacket { count: self.count, bytes, arrivals: 0 });
        }
    }

    fn transmit(&mut self, at: Duration, number: usize) {
        if self.rng.random_bool(self.plan.loss) {
            return;
        }
        let copies = 1 + u32::from(self.rng.random_bool(self.plan.duplicates));
        for copy in 0..copies {
            let late = if self.rng.random_bool(self.plan.late) { self.rng.random_range(20..200) } else { 0 };
            let delay = self.plan.jitter.mul_f64(self.rng.random()) + Duration::from_millis(late);
            self.in_flight.insert((at + delay, copy, number));
        }
    }

    /// Responds to PAUSE; packets that are in flight still arrive.
    fn pause(&mut self) {
        self.run_for(Duration::from_millis(1));
        self.player.respond("PAUSE", "Session: 1\r\n", "");
    }

    fn perform(&mut self, action: Action) {
        let position = Npt::from_micros(self.rng.random_range(0..1_000_000_000));
        match action {
            Action::SetUpAgain => {
                self.command(SessionCommand::SetGoal(Goal::Stopped));
                self.player.respond("TEARDOWN", "Session: 1\r\n", "");
                // Nothing of the former session arrives in the next.
                self.in_flight.clear();
                self.now += Duration::from_millis(100);
                self.player.advance_to(self.now);
                self.set_up();
                return self.play();
            }
            Action::SeekWhilePlaying => {
                self.command(SessionCommand::Seek(position));
                self.pause();
            }
            Action::PauseAndPlay | Action::SeekWhilePaused => {
                self.command(SessionCommand::SetGoal(Goal::Ready));
                self.pause();
                let pause = self.rng.random_range(0..3_000);
                self.run_for(Duration::from_millis(pause));
                if let Action::SeekWhilePaused = action {
                    self.command(SessionCommand::Seek(position));
                }
                self.command(SessionCommand::SetGoal(Goal::Playing));
            }
        }
        if self.plan.numbering == Numbering::Restarted {
            self.count += 1;
            self.sequence = self.sequence.wrapping_add(self.rng.random_range(5_000..60_000));
        }
        self.play();
    }

    fn truth(&self) -> Truth {
        let mut truth = Truth::default();
        for count in 0..=self.count {
            let packets = || self.packets.iter().filter(|packet| packet.count == count);
            let has_arrived = |packet: &&SentPacket| packet.arrivals > 0;
            let lost = |mut packets: Vec<&SentPacket>| {
                while packets.pop_if(|last| last.arrivals == 0).is_some() {}
                packets.iter().filter(|packet| packet.arrivals == 0).count() as u64
            };
            truth.received += packets().filter(has_arrived).count() as u64;
            truth.duplicates += packets().map(|packet| packet.arrivals.saturating_sub(1)).sum::<u64>();
            truth.lost += lost(packets().collect());
            truth.lost_after_first += lost(packets().skip_while(|packet| packet.arrivals == 0).collect());
        }
        truth
    }

    /// Compares the figures since SETUP with the truth; returns what is wrong.
    fn defect(&mut self) -> (Snapshot, Option<String>) {
        let (truth, figures) = (self.truth(), self.player.client.snapshot(self.player.now));
        let is_announced = self.plan.rtp_info != RtpInfo::Missing || self.plan.is_tcp;
        let is_lost_right = match figures.loss_doubt {
            None => is_announced && figures.packets_lost == truth.lost,
            Some(LossDoubt::NoAnnouncement) => {
                !is_announced && figures.packets_lost == truth.lost_after_first
            }
            // Without RTP-Info, another count can only be recognized from its packets.
            Some(LossDoubt::Restart) => {
                !is_announced && self.count > 0 && figures.packets_lost <= truth.lost_after_first
            }
            Some(LossDoubt::WrongAnnouncement | LossDoubt::LargeGap) => false,
        };
        let is_recognized = self.plan.rtp_info == RtpInfo::Missing && self.count > 0;
        let is_duplicate_right = figures.packets_duplicated == truth.duplicates;
        let checks = [
            ("lost", is_lost_right),
            ("received", figures.packets_received == truth.received),
            ("duplicates", figures.loss_doubt.is_some() || is_duplicate_right),
            ("restarts", is_recognized || figures.sequence_restarts == 0),
        ];
        let wrong: Vec<_> = checks.iter().filter(|(_, is_right)| !is_right).map(|(name, _)| *name).collect();
        let defect = (!wrong.is_empty()).then(|| {
            format!(
                "{wrong:?}: received {}, lost {}, {:?}, {} restarts, {} duplicates, {} foreign\n{truth:?}\n{:?}",
                figures.packets_received,
                figures.packets_lost,
                figures.loss_doubt,
                figures.sequence_restarts,
                figures.packets_duplicated,
                figures.packets_foreign,
                self.plan
            )
        });
        (figures, defect)
    }
}

fn play(seed: u64, outcomes: &mut Outcomes) {
    let mut world = World::new(seed);
    world.set_up();
    world.play();
    for action in std::mem::take(&mut world.plan.actions) {
        world.perform(action);
    }
    world.run_for(Duration::from_secs(1));
    let (figures, defect) = world.defect();
    outcomes.record(seed, &figures, defect);
}

#[test]
fn counts_stay_true_over_pause_seek_and_another_setup() {
    check_sequences("sessions", play);
}
