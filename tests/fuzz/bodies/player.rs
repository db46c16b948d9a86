//! A client without sockets on virtual time, driven by the bytes of an input.

use std::time::{Duration, Instant};

use bytes::Bytes;
use reelay::impairment::{
    Emulator, EmulatorSettings, Impairments, JitterModel, LossModel, PacketKind, RawPacket,
};
use reelay::media::jpeg::MAX_FRAME_SIZE;
use reelay::proto::rtcp::{self, Epoch, NtpTime};
use reelay::proto::rtsp::{Npt, PortPair, encode_interleaved};
use reelay::session::{
    Client, ClientInput, ClientOptions, ClientOutput, EmulatorOptions, EmulatorPlacement, Goal, NetworkPath,
    PlayoutDelay, RtcpIdentity, RtspState, SessionCommand, SessionEvent, StreamOptions, TransportPreference,
};
use reelay::stats::Snapshot;

use super::input::{Input, put_block};

/// Maximum number of outputs of one input, for each of its bytes and in all.
const MAX_OUTPUTS: (usize, usize) = (8, 300);

/// Maximum number of timeouts at one instant.
const MAX_TIMEOUTS: usize = 100;

/// Longest error of a session, in characters.
const MAX_ERROR_LENGTH: usize = 1_500;

/// Time after which a client that is to stop has given up on the server.
const STOP_TIMEOUT: Duration = Duration::from_secs(120);

/// Place in a seed that is replaced by the CSeq of the last request.
const CSEQ: &[u8] = b"{C}";

/// A client, and what it waits for.
pub struct Player<C> {
    client: C,
    now: Instant,
    /// Checks what the client writes on the connection; returns the CSeq of a request.
    check_write: fn(&[u8]) -> Option<u32>,
    cseq: u32,
    refuses: bool,
    is_connecting: bool,
}

/// Returns options that depend on the first byte of an input, and the time at which the client starts.
pub fn client_options(choice: u8) -> (ClientOptions, Instant) {
    let start = Instant::now();
    let transport = match choice & 3 {
        0 => TransportPreference::Udp,
        1 => TransportPreference::Tcp,
        _ => TransportPreference::Auto,
    };
    let impairments = Impairments {
        loss: LossModel { ratio: 0.1, mean_burst: None },
        duplication: 0.1,
        corruption: 0.1,
        delay: Duration::from_millis(30),
        jitter: JitterModel { spread: Duration::from_millis(20), reorders: true, ..JitterModel::default() },
        ..Impairments::default()
    };
    let settings = EmulatorSettings { is_on: choice & 8 != 0, seed: 1, impairments };
    let options = ClientOptions {
        stream: StreamOptions {
            transport,
            reconnects: choice & 4 != 0,
            retransmission: choice & 16 != 0,
            fec: ["3", "4x3"][usize::from(choice & 128 != 0)].parse().ok().filter(|_| choice & 64 != 0),
            ..StreamOptions::default()
        },
        playout_delay: match choice & 32 {
            0 => Duration::from_millis(20).into(),
            _ => PlayoutDelay::Auto,
        },
        rtcp_identity: RtcpIdentity { ssrc: 1, cname: "player".to_owned() },
        emulator: EmulatorOptions {
            emulator: Emulator::new(settings),
            placement: EmulatorPlacement::AtClient,
        },
        epoch: Epoch { instant: start, ntp: NtpTime(1 << 40) },
    };
    (options, start)
}

impl<C: Client> Player<C> {
    pub fn new(client: C, now: Instant, check_write: fn(&[u8]) -> Option<u32>) -> Self {
        Self { client, now, check_write, cseq: 1, refuses: false, is_connecting: false }
    }

    /// Plays an input to its end, and then stops.
    pub fn play(mut self, input: &mut Input<'_>) {
        while !input.is_empty() {
            self.step(input);
            self.check_figures();
        }
        self.handle_input(ClientInput::Command(SessionCommand::SetGoal(Goal::Stopped)));
        self.advance(STOP_TIMEOUT);
        let status = self.client.status();
        assert!(status.state == RtspState::Init && !status.is_busy, "the session goes on: {status:?}");
        self.check_figures();
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let next = match input.byte() % 12 {
            0 | 1 => ClientInput::Received(self.with_cseq(input.block())),
            2 | 3 => ClientInput::Packet(RawPacket::rtp(input.block().to_vec())),
            4 => ClientInput::Packet(RawPacket::rtcp(input.block().to_vec())),
            5 => ClientInput::Received(encode_interleaved(input.byte(), input.block())),
            6 => return self.advance(Duration::from_millis(input.u16().into())),
            7 => return self.advance(Duration::from_millis(40)),
            8 => ClientInput::Command(command(input)),
            9 => ClientInput::ConnectionLost((input.byte() & 1 == 1).then(|| "reset".to_owned())),
            10 => ClientInput::Resumed,
            _ => {
                self.refuses = input.byte() & 1 == 1;
                return;
            }
        };
        self.handle_input(next);
    }

    fn with_cseq(&self, bytes: &[u8]) -> Bytes {
        let Some(at) = bytes.windows(CSEQ.len()).position(|window| window == CSEQ) else {
            return bytes.to_vec().into();
        };
        [&bytes[..at], self.cseq.to_string().as_bytes(), &bytes[at + CSEQ.len()..]].concat().into()
    }

    fn handle_input(&mut self, input: ClientInput) {
        let length = match &input {
            ClientInput::Received(bytes) => bytes.len(),
            ClientInput::Packet(packet) => packet.bytes.len(),
            _ => 0,
        };
        self.client.handle_input(self.now, input);
        self.perform_outputs(length);
    }

    fn perform_outputs(&mut self, input_length: usize) {
        let mut outputs = 0;
        while let Some(output) = self.client.poll_output() {
            outputs += 1;
            assert!(
                outputs <= MAX_OUTPUTS.0 * input_length + MAX_OUTPUTS.1,
                "outputs without end: {output:?}"
            );
            self.perform(output);
        }
    }

    fn perform(&mut self, output: ClientOutput) {
        match output {
            ClientOutput::Connect { port, .. } => {
                assert_ne!(port, 0);
                self.is_connecting = true;
            }
            ClientOutput::Disconnect => self.is_connecting = false,
            ClientOutput::OpenPorts(_) => {
                let ports = match self.refuses {
                    true => Err("in use".to_owned()),
                    false => Ok(PortPair { rtp: 19_456, rtcp: 19_457 }),
                };
                self.client.handle_input(self.now, ClientInput::Ports(ports));
            }
            ClientOutput::Write(bytes) => self.cseq = (self.check_write)(&bytes).unwrap_or(self.cseq),
            ClientOutput::SendPacket(RawPacket { kind: PacketKind::Rtcp, bytes }) => {
                rtcp::parse(&bytes).expect("our RTCP is valid");
            }
            ClientOutput::Frame(frame) => assert!(frame.jpeg.len() <= 2 * MAX_FRAME_SIZE),
            ClientOutput::Show { frame, .. } => {
                assert!(frame.is_complete() || frame.fresh_area.is_some());
                assert!(frame.jpeg.starts_with(&[0xFF, 0xD8]));
            }
            ClientOutput::Event(SessionEvent::Failed(error)) => {
                let text = error.to_string();
                assert!(!text.contains(char::is_control), "{text:?}");
                assert!(text.chars().count() <= MAX_ERROR_LENGTH, "{text}");
            }
            ClientOutput::Event(_) | ClientOutput::SetTransport(_) | ClientOutput::SendPacket(_) => {}
        }
    }

    fn finish_connecting(&mut self) {
        if std::mem::take(&mut self.is_connecting) {
            self.handle_input(match self.refuses {
                true => ClientInput::ConnectionLost(Some("refused".to_owned())),
                false => ClientInput::Connected(NetworkPath::default()),
            });
        }
    }

    fn advance(&mut self, duration: Duration) {
        let (until, mut timeouts) = (self.now + duration, 0);
        self.finish_connecting();
        while let Some(deadline) = self.client.poll_timeout().filter(|deadline| *deadline <= until) {
            timeouts = if deadline > self.now { 0 } else { timeouts + 1 };
            assert!(timeouts <= MAX_TIMEOUTS, "time stands still: {:?}", self.client.status());
            self.now = self.now.max(deadline);
            self.client.handle_timeout(self.now);
            self.perform_outputs(0);
            self.finish_connecting();
        }
        self.now = until;
    }

    fn check_figures(&mut self) {
        let figures = self.client.snapshot(self.now);
        let Snapshot { packets_expected: expected, packets_received: received, packets_lost: lost, .. } =
            figures;
        assert_eq!(expected, received + lost, "{figures:?}");
        assert!(figures.loss_ratio.is_none_or(|ratio| (0.0..=1.0).contains(&ratio)), "{figures:?}");
        let rates =
            [figures.bits_per_second, figures.wire_bits_per_second, figures.playing_s, figures.stalled_ms];
        assert!(rates.iter().all(|rate| rate.is_finite() && *rate >= 0.0), "{figures:?}");
        if let Some(log) = self.client.packet_log() {
            log.rows(32);
        }
    }
}

fn command(input: &mut Input<'_>) -> SessionCommand {
    let choice = input.byte();
    match choice % 6 {
        0 => SessionCommand::SetGoal(Goal::Stopped),
        1 => SessionCommand::SetGoal(Goal::Ready),
        2 | 3 => SessionCommand::SetGoal(Goal::Playing),
        4 => SessionCommand::Seek(Npt::from_micros(u64::from(input.u16()) * 1_000)),
        _ => SessionCommand::SetPlayoutDelay(Duration::from_millis(input.u16().into()).into()),
    }
}

/// Writer of a seed.
pub struct Script(pub Vec<u8>);

impl Script {
    /// Begins with the choice of options, and the command to play.
    pub fn new(choice: u8) -> Self {
        Self(vec![choice]).command(2).wait(10)
    }

    /// A response, in which `{C}` stands for the CSeq of the last request, and a pause.
    pub fn respond(mut self, text: &str) -> Self {
        self.0.push(0);
        put_block(&mut self.0, text.as_bytes());
        self.wait(60)
    }

    pub fn packet(mut self, packet: &[u8]) -> Self {
        self.0.push(2);
        put_block(&mut self.0, packet);
        self
    }

    pub fn rtcp(mut self, packet: &[u8]) -> Self {
        self.0.push(4);
        put_block(&mut self.0, packet);
        self
    }

    pub fn interleaved(mut self, channel: u8, packet: &[u8]) -> Self {
        self.0.extend([5, channel]);
        put_block(&mut self.0, packet);
        self
    }

    /// Lets time pass, in milliseconds.
    pub fn wait(mut self, milliseconds: u16) -> Self {
        self.0.push(6);
        self.0.extend(milliseconds.to_be_bytes());
        self
    }

    pub fn command(mut self, choice: u8) -> Self {
        self.0.extend([8, choice]);
        self
    }

    /// Continues at this position, in milliseconds.
    pub fn seek(mut self, milliseconds: u16) -> Self {
        self.0.extend([8, 4]);
        self.0.extend(milliseconds.to_be_bytes());
        self
    }

    pub fn lose_connection(mut self) -> Self {
        self.0.extend([9, 1]);
        self
    }
}
