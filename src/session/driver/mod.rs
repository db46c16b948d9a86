//! The player's hands: the connection, the ports, the clock.

mod rtp_thread;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::task::AbortOnDropHandle;

use self::rtp_thread::Drain;
use super::client::AnyPlayer;
use super::error::Failure;
use super::events::{Event, Input, Output, Path};
use super::options::{PlayerOptions, Reporter, SessionOptions};
use super::present::decoder::{DecodeCounts, Decoder};
use super::present::frame::ReceivedFrame;
use super::rtp::receiver::ENOUGH_TO_JUDGE;
use super::state::Goal;
use crate::impairment::Kind;
use crate::net::clock;
use crate::net::deadline::until;
use crate::net::udp_ports::SocketPair;
use crate::proto::rtsp::{Method, Npt, PortPair, RtspUrl, Transport};
use crate::stats::{Figures, Row};

/// Where pictures go.
#[derive(Debug, Clone)]
pub enum FrameSink {
    /// To the screen, when they are due.
    Screen(Screen),
    /// To the caller, as soon as they are whole. The session waits for who does not keep up.
    AsTheyArrive(mpsc::Sender<ReceivedFrame>),
}

/// The screen, as a session sees it.
#[derive(Debug, Clone)]
pub struct Screen {
    /// What makes pixels of pictures.
    pub decoder: Arc<Decoder>,
    /// The caller's number for the session; its pictures carry it.
    pub generation: u64,
    /// The first picture that was shown, to be shown again when the session stands still.
    pub first: Arc<OnceLock<Bytes>>,
}

/// A session that runs in the background. Dropping it ends it without TEARDOWN.
#[derive(Debug)]
pub struct Session {
    commands: mpsc::Sender<Command>,
    figures: watch::Receiver<Figures>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Debug)]
enum Command {
    Goal(Goal),
    Seek(Npt),
    PlayoutDelay(Duration),
    Finish(oneshot::Sender<()>),
}

/// Clicks that may wait; people are slower than this.
const COMMANDS: usize = 64;

/// Packets that may wait between the socket and the player; their octets are bounded, too.
const PACKETS: usize = 16 * 1024;

/// Frames whose packets are told one by one.
const ROWS: usize = 32;

/// Between two looks at the figures.
const FIGURES_INTERVAL: Duration = Duration::from_millis(250);

impl Session {
    /// Starts a session that stands still, on the runtime that it is called on. What happens goes to `events`.
    pub fn start(
        url: RtspUrl,
        options: SessionOptions,
        sink: FrameSink,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let (figures_sender, figures) = watch::channel(Figures::default());
        let reporter =
            Reporter { ssrc: rand::random(), cname: format!("{:024x}", rand::random::<u128>() >> 32) };
        let player = AnyPlayer::new(
            url,
            PlayerOptions {
                machine: options.machine,
                playout_delay: options.playout_delay,
                reporter,
                emulation: options.emulation,
                epoch: clock::epoch(),
            },
        );
        let driver = Driver {
            receive_buffer: options.receive_buffer,
            player,
            sink,
            events,
            figures: figures_sender,
            decoded_before: DecodeCounts::default(),
            has_told_flaw: false,
            connection: None,
            connecting: None,
            ports: None,
            route: None,
            finishing: None,
        };
        let task = AbortOnDropHandle::new(tokio::spawn(driver.run(inbox)));
        Self { commands, figures, _task: task }
    }

    /// The user wants this.
    pub fn set_goal(&self, goal: Goal) {
        self.send(Command::Goal(goal));
    }

    /// The user wants to go on here.
    pub fn seek(&self, position: Npt) {
        self.send(Command::Seek(position));
    }

    /// The user wants pictures to wait this long.
    pub fn set_playout_delay(&self, delay: Duration) {
        self.send(Command::PlayoutDelay(delay));
    }

    fn send(&self, command: Command) {
        if let Err(error) = self.commands.try_send(command) {
            tracing::warn!(%error, "a command is lost");
        }
    }

    /// The figures, a few times a second.
    pub fn figures(&self) -> watch::Receiver<Figures> {
        self.figures.clone()
    }

    /// Sends TEARDOWN and waits for the answer, for so long at the most.
    pub async fn finish(self, patience: Duration) {
        let (done, finished) = oneshot::channel();
        self.send(Command::Finish(done));
        // Answered, or out of patience; the session ends either way.
        let _ = timeout(patience, finished).await;
    }
}

struct Driver {
    receive_buffer: usize,
    player: AnyPlayer,
    sink: FrameSink,
    events: mpsc::Sender<Event>,
    figures: watch::Sender<Figures>,
    /// What the decoder had done before the session was set up.
    decoded_before: DecodeCounts,
    /// It was told that no picture can be decoded.
    has_told_flaw: bool,
    connection: Option<Connection>,
    connecting: Option<AbortOnDropHandle<io::Result<TcpStream>>>,
    ports: Option<Ports>,
    route: Option<Transport>,
    finishing: Option<oneshot::Sender<()>>,
}

struct Connection {
    peer: SocketAddr,
    local: SocketAddr,
    reader: OwnedReadHalf,
    writer: mpsc::Sender<Bytes>,
    buffer: BytesMut,
}

/// The player's own ports, and what comes out of them.
struct Ports {
    numbers: PortPair,
    rtp: Drain,
    rtcp: Arc<UdpSocket>,
    packets: mpsc::Receiver<(Instant, Input)>,
    _hearing: AbortOnDropHandle<()>,
}

/// What came from the network, or from the user.
enum Incoming {
    Command(Command),
    Input(Instant, Input),
    Connected(io::Result<TcpStream>),
    /// Time to look at the deadlines.
    Time,
    /// Time to look at the figures.
    Figures,
    /// Nobody holds the session any more.
    Abandoned,
}

impl Driver {
    async fn run(mut self, mut inbox: mpsc::Receiver<Command>) {
        let mut figures_clock = interval(FIGURES_INTERVAL);
        figures_clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let deadline = self.player.deadline();
            let incoming = tokio::select! {
                command = inbox.recv() => command.map_or(Incoming::Abandoned, Incoming::Command),
                connected = finished(&mut self.connecting) => Incoming::Connected(connected),
                input = received(&mut self.connection) => Incoming::Input(Instant::now(), input),
                (at, input) = datagram(&mut self.ports) => Incoming::Input(at, input),
                () = until(deadline) => Incoming::Time,
                _ = figures_clock.tick() => Incoming::Figures,
            };
            match incoming {
                Incoming::Command(command) => self.obey(command),
                Incoming::Input(at, input) => self.take(at, input),
                Incoming::Connected(result) => self.take_connection(result),
                Incoming::Time => self.player.timeout(Instant::now()),
                Incoming::Figures => {
                    self.publish_figures();
                    self.look_for_flaw().await;
                }
                Incoming::Abandoned => return,
            }
            if self.carry_out().await {
                return;
            }
        }
    }

    /// The answer to TEARDOWN is the last word of a server, and so is the end of the connection: all of its packets lie
    /// before it, and are counted before it is heard.
    fn take(&mut self, at: Instant, input: Input) {
        match input {
            Input::Received(_) if self.player.status().in_flight == Some(Method::Teardown) => self.hear_out(),
            Input::ConnectionLost(_) => {
                self.hear_out();
                self.connection = None;
            }
            _ => {}
        }
        self.player.handle(at, input);
    }

    /// Takes what has come to the RTP port, which is of no more use then.
    fn hear_out(&mut self) {
        let Some(ports) = &mut self.ports else { return };
        ports.rtp.finish();
        while let Ok((at, input)) = ports.packets.try_recv() {
            ports.rtp.taken(&input);
            self.player.handle(at, input);
        }
    }

    fn obey(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Goal(goal) => self.player.handle(now, Input::Goal(goal)),
            Command::Seek(position) => self.player.handle(now, Input::Seek(position)),
            Command::PlayoutDelay(delay) => self.player.handle(now, Input::PlayoutDelay(delay)),
            Command::Finish(done) => {
                self.finishing = Some(done);
                self.player.handle(now, Input::Goal(Goal::Stopped));
            }
        }
    }

    fn publish_figures(&mut self) {
        let mut snapshot = self.player.snapshot(Instant::now());
        let mut rows: Arc<[Row]> = Arc::default();
        if let FrameSink::Screen(screen) = &self.sink {
            let counts = screen.decoder.counts().since(self.decoded_before);
            snapshot.frames_dropped_late += counts.dropped;
            snapshot.frames_undecodable = counts.failed;
            snapshot.frames_shown = snapshot.frames_shown.saturating_sub(counts.dropped + counts.failed);
            let milliseconds = |span: Duration| span.as_secs_f64() * 1_000.0;
            snapshot.decode_ms =
                (counts.decoded > 0).then(|| milliseconds(counts.busy) / counts.decoded as f64);
            snapshot.decode_max_ms = (counts.decoded > 0).then(|| milliseconds(counts.longest));
            rows = self.player.strip().map(|strip| strip.rows(ROWS)).unwrap_or_default().into();
        }
        let figures = Figures { snapshot, rows };
        self.figures.send_if_modified(|last| std::mem::replace(last, figures.clone()) != figures);
    }

    /// Tells once that not one picture can be decoded.
    async fn look_for_flaw(&mut self) {
        let FrameSink::Screen(screen) = &self.sink else { return };
        let counts = screen.decoder.counts().since(self.decoded_before);
        let is_certain = counts.decoded == 0 && counts.failed >= ENOUGH_TO_JUDGE;
        if is_certain && !std::mem::replace(&mut self.has_told_flaw, true) {
            let why = "they are damaged, or of a kind that cannot be decoded".to_owned();
            self.tell(Event::Failed(Failure::Unusable { why })).await;
        }
    }

    /// Does what the player wants; whether the session is finished.
    async fn carry_out(&mut self) -> bool {
        while let Some(output) = self.player.poll() {
            match output {
                Output::Connect(url) => self.connect(&url),
                Output::Disconnect => self.disconnect(),
                Output::OpenPorts(port) => self.open_ports(port),
                Output::Route(transport) => self.route = Some(transport),
                Output::Write(octets) => self.write(octets),
                Output::Rtp(packet) => self.send_datagram(&packet, Kind::Rtp),
                Output::Rtcp(packet) => self.send_datagram(&packet, Kind::Rtcp),
                Output::Arrived(frame) => self.hand_over(frame).await,
                Output::Show { frame, position } => {
                    if let FrameSink::Screen(screen) = &self.sink {
                        screen.first.get_or_init(|| frame.jpeg.clone());
                        screen.decoder.decode(frame.jpeg, position, screen.generation);
                    }
                }
                Output::Event(event) => self.tell(event).await,
            }
        }
        let is_still = self.connection.is_none() && self.connecting.is_none();
        if is_still && let Some(done) = self.finishing.take() {
            // Who finished it may have lost patience.
            let _ = done.send(());
            return true;
        }
        false
    }

    async fn hand_over(&mut self, frame: ReceivedFrame) {
        if let FrameSink::AsTheyArrive(frames) = &self.sink {
            // Who does not want any more has dropped the receiver.
            let _ = frames.send(frame).await;
        }
    }

    async fn tell(&mut self, event: Event) {
        match (&event, &self.sink) {
            (Event::SetUp(_), FrameSink::Screen(screen)) => {
                self.decoded_before = screen.decoder.begin();
                self.has_told_flaw = false;
            }
            (Event::Ended | Event::Closed, _) => {
                self.publish_figures();
                tracing::debug!(figures = ?self.figures.borrow().snapshot, "the figures of what was played");
            }
            _ => {}
        }
        // Nobody listens any more; the session ends soon.
        let _ = self.events.send(event).await;
    }

    fn connect(&mut self, url: &RtspUrl) {
        let address = (url.host().to_owned(), url.port());
        self.connecting = Some(AbortOnDropHandle::new(tokio::spawn(TcpStream::connect(address))));
    }

    fn take_connection(&mut self, result: io::Result<TcpStream>) {
        let now = Instant::now();
        match result.and_then(Connection::new) {
            Ok(connection) => {
                let path = connection.path();
                self.connection = Some(connection);
                self.player.handle(now, Input::Connected(path));
            }
            Err(error) => self.player.handle(now, Input::ConnectionLost(Some(plain(&error)))),
        }
    }

    fn disconnect(&mut self) {
        self.connecting = None;
        self.connection = None;
        self.ports = None;
        self.route = None;
    }

    fn open_ports(&mut self, port: Option<u16>) {
        let now = Instant::now();
        let Some(Connection { peer, local, .. }) = &self.connection else { return };
        match Ports::open(local.ip().to_canonical(), peer.ip().to_canonical(), port, self.receive_buffer) {
            Ok(ports) => {
                let numbers = ports.numbers;
                self.ports = Some(ports);
                self.player.handle(now, Input::PortsOpen(numbers));
            }
            Err(error) => self.player.handle(now, Input::PortsFailed(plain(&error))),
        }
    }

    fn write(&mut self, octets: Bytes) {
        let Some(connection) = &self.connection else { return };
        if connection.writer.try_send(octets).is_err() {
            self.player.handle(Instant::now(), Input::ConnectionLost(None));
        }
    }

    fn send_datagram(&self, packet: &[u8], kind: Kind) {
        let (Some(ports), Some(connection)) = (&self.ports, &self.connection) else { return };
        let Some(server) = self.route.as_ref().and_then(|route| route.server_port) else { return };
        let host = connection.peer.ip().to_canonical();
        let sent = match kind {
            Kind::Rtp => ports.rtp.socket().send_to(packet, (host, server.rtp)),
            Kind::Rtcp => ports.rtcp.try_send_to(packet, SocketAddr::new(host, server.rtcp)),
        };
        if let Err(error) = sent {
            // Reports repeat.
            tracing::debug!(?kind, %error, "a datagram could not be sent");
        }
    }
}

impl Connection {
    fn new(stream: TcpStream) -> io::Result<Self> {
        let (peer, local) = (stream.peer_addr()?, stream.local_addr()?);
        stream.set_nodelay(true)?;
        let (reader, mut write_half) = stream.into_split();
        let (writer, mut outbox) = mpsc::channel::<Bytes>(COMMANDS);
        // It outlives the connection until the last word is said, which may be the answer to who ends the session.
        tokio::spawn(async move {
            while let Some(octets) = outbox.recv().await {
                // The reader notices a broken connection, too, and tells.
                let Ok(Ok(())) = timeout(WRITE_PATIENCE, write_half.write_all(&octets)).await else { return };
            }
        });
        Ok(Self { peer, local, reader, writer, buffer: BytesMut::new() })
    }
}

impl Connection {
    fn path(&self) -> Path {
        let (local, peer) = (self.local.ip().to_canonical(), self.peer.ip().to_canonical());
        Path { is_local: local == peer || peer.is_loopback(), is_ipv6: peer.is_ipv6() }
    }
}

impl Ports {
    fn open(host: IpAddr, server: IpAddr, port: Option<u16>, buffer: usize) -> io::Result<Self> {
        let pair = SocketPair::bind(host, port, buffer)?;
        let (numbers, rtcp) = (pair.ports(), Arc::new(UdpSocket::from_std(pair.rtcp)?));
        let (queue, packets) = mpsc::channel(PACKETS);
        let rtp = Drain::start(pair.rtp, server, queue.clone())?;
        let heard = rtcp.clone();
        let hearing =
            AbortOnDropHandle::new(tokio::spawn(async move { hear_rtcp(&heard, server, &queue).await }));
        Ok(Self { numbers, rtp, rtcp, packets, _hearing: hearing })
    }
}

/// How long a server may take none of what is written to it.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);

/// Octets read from the connection at a time.
const READ: usize = 64 * 1024;

/// Takes the server's RTCP. It is rare, so the runtime's own threads will do.
async fn hear_rtcp(socket: &UdpSocket, server: IpAddr, packets: &mpsc::Sender<(Instant, Input)>) {
    let mut buffer = [0; 2_048];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) if from.ip().to_canonical() == server => {
                // Without room the report is lost; reports repeat.
                let _ = packets
                    .try_send((Instant::now(), Input::Rtcp(Bytes::copy_from_slice(&buffer[..length]))));
            }
            Ok((_, from)) => tracing::debug!(%from, "a datagram from a stranger is passed over"),
            // Reports of unreachable ports arrive as errors; the socket goes on.
            Err(error) => tracing::debug!(%error, "a datagram could not be received"),
        }
    }
}

/// What the system says, without its number.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

async fn finished(
    connecting: &mut Option<AbortOnDropHandle<io::Result<TcpStream>>>,
) -> io::Result<TcpStream> {
    let Some(task) = connecting else { return std::future::pending().await };
    let result = task.await.unwrap_or_else(|cancelled| Err(io::Error::other(cancelled)));
    *connecting = None;
    result
}

async fn received(connection: &mut Option<Connection>) -> Input {
    let Some(connection) = connection else { return std::future::pending().await };
    if connection.buffer.capacity() < 4 * 1024 {
        connection.buffer = BytesMut::with_capacity(READ);
    }
    match connection.reader.read_buf(&mut connection.buffer).await {
        Ok(0) => Input::ConnectionLost(None),
        Ok(_) => Input::Received(connection.buffer.split().freeze()),
        Err(error) => Input::ConnectionLost(Some(plain(&error))),
    }
}

async fn datagram(ports: &mut Option<Ports>) -> (Instant, Input) {
    let Some(ports) = ports else { return std::future::pending().await };
    match ports.packets.recv().await {
        Some((at, input)) => {
            ports.rtp.taken(&input);
            (at, input)
        }
        None => std::future::pending().await,
    }
}
