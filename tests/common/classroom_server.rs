//! A server of the classroom dialect that behaves like one of several existing programs.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::interval;

/// Packetization of frames into datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packetization {
    /// One datagram for each frame: marker 0, SSRC 0, Unix time in seconds as the timestamp.
    WholeFrame,
    /// `WholeFrame` with RTP version 0.
    WholeFrameVersion0,
    /// Payloads of 1,400 bytes; all packets of a frame have the frame's number, the last has the marker.
    ByFrame,
    /// Payloads of 1,300 bytes; each packet has its own sequence number, the last of a frame has the marker.
    ByPacket,
    /// `ByFrame` with the offset and the frame's length, 4 bytes each, before each payload, and without marker.
    Framed,
    /// One RTP packet for each frame, cut into datagrams of 4,096 bytes.
    Sliced,
    /// `ByFrame` with chunks of 2,000 bytes after fragment, count and size of 16 bits each, and a parity packet
    /// (payload type 127) after each frame.
    FragmentHeader,
    /// `ByPacket` with RTP version 0, the frame's index and a byte that is 1 in the last packet before each payload,
    /// and without marker.
    LastFlagHeader,
    /// JPEG after 20 bytes that mean nothing.
    Unknown,
}

/// Position at which the server finds the client's port in the third line of SETUP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortReading {
    /// The digits at the end.
    Anywhere,
    /// `line.split(' ')[2].split('=')[1]`
    ThirdWordAfterEquals,
    /// `line.split(' ')[2]`
    ThirdWord,
    /// Nowhere.
    Never,
}

impl PortReading {
    fn read(self, line: &str) -> Option<u16> {
        let third_word = line.split(' ').nth(2);
        match self {
            Self::Anywhere => line.rsplit([' ', '=']).next()?.parse().ok(),
            Self::ThirdWordAfterEquals => third_word?.split('=').nth(1)?.parse().ok(),
            Self::ThirdWord => third_word?.parse().ok(),
            Self::Never => None,
        }
    }
}

/// Reaction of the server to a request.
#[derive(Debug, Clone)]
pub enum Reaction {
    /// Sends this response; `{cseq}` stands for the request's CSeq.
    Respond(&'static str),
    /// Sends no response to the request.
    Ignore,
    /// Closes the connection without a response.
    Close,
}

/// Response with status 200 and a session identifier.
pub const RESPOND_OK: Reaction = Reaction::Respond("RTSP/1.0 200 OK\nCSeq: {cseq}\nSession: 123456");

/// Options of a [`ClassroomServer`].
#[derive(Debug, Clone)]
pub struct ClassroomServerOptions {
    pub frames: Arc<Vec<Vec<u8>>>,
    pub packetization: Packetization,
    pub port_reading: PortReading,
    /// Reaction to a SETUP whose port cannot be read; after a response, no frame is sent.
    pub unreadable_port: Reaction,
    pub setup: Reaction,
    pub play: Reaction,
    pub pause: Reaction,
    pub teardown: Reaction,
    /// Number of frames after which the server closes the connection; `None` if it does not.
    pub close_after: Option<usize>,
    /// PLAY succeeds, but no frame is sent.
    pub sends_no_frames: bool,
    /// Holds back each response until the test adds a permit.
    pub response_permits: Option<Arc<Semaphore>>,
}

impl ClassroomServerOptions {
    pub fn new(frames: Vec<Vec<u8>>, packetization: Packetization) -> Self {
        Self {
            frames: Arc::new(frames),
            packetization,
            port_reading: PortReading::Anywhere,
            unreadable_port: Reaction::Close,
            setup: RESPOND_OK,
            play: RESPOND_OK,
            pause: RESPOND_OK,
            teardown: RESPOND_OK,
            close_after: None,
            sends_no_frames: false,
            response_permits: None,
        }
    }
}

/// A server that runs until it is dropped.
pub struct ClassroomServer {
    pub address: SocketAddr,
    /// The requests as received.
    pub requests: mpsc::UnboundedReceiver<String>,
    /// The ports that frames were sent from, one for each PLAY.
    pub source_ports: mpsc::UnboundedReceiver<u16>,
    task: JoinHandle<()>,
}

impl Drop for ClassroomServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ClassroomServer {
    pub async fn start(options: ClassroomServerOptions) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (request_sender, requests) = mpsc::unbounded_channel();
        let (port_sender, ports) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                Connection::new(options.clone(), request_sender.clone(), port_sender.clone())
                    .run(stream)
                    .await;
            }
        });
        Self { address, requests, source_ports: ports, task }
    }

    /// Returns the method of the next request.
    pub async fn next_method(&mut self) -> String {
        let request = self.requests.recv().await.expect("the server has stopped");
        request.split(' ').next().unwrap().to_owned()
    }
}

struct Connection {
    options: ClassroomServerOptions,
    request_sender: mpsc::UnboundedSender<String>,
    port_sender: mpsc::UnboundedSender<u16>,
    /// RTP port of the client; 0 if the server could not read it.
    client_port: u16,
    send_task: Option<JoinHandle<()>>,
    /// Index of the next frame to send; the send task advances it.
    next_frame: Arc<std::sync::atomic::AtomicUsize>,
}

impl Connection {
    fn new(
        options: ClassroomServerOptions,
        request_sender: mpsc::UnboundedSender<String>,
        port_sender: mpsc::UnboundedSender<u16>,
    ) -> Self {
        Self {
            options,
            request_sender,
            port_sender,
            client_port: 0,
            send_task: None,
            next_frame: Arc::default(),
        }
    }

    async fn run(mut self, mut stream: TcpStream) {
        let mut buffer = [0; 256];
        loop {
            let count = tokio::select! {
                count = stream.read(&mut buffer) => count.unwrap_or(0),
                () = wait_for_task(&mut self.send_task), if self.options.close_after.is_some() => 0,
            };
            if count == 0 {
                break self.stop();
            }
            let request = String::from_utf8(buffer[..count].to_vec()).unwrap();
            let (method, cseq) = parse_request(&request);
            self.request_sender.send(request.clone()).unwrap();
            if let Some(permits) = &self.options.response_permits {
                permits.acquire().await.unwrap().forget();
                let early = stream.try_read(&mut buffer);
                assert!(early.is_err(), "a request before the response to the previous one: {early:?}");
            }
            let transport = request.lines().nth(2).unwrap_or_default();
            let reaction = match method.as_str() {
                "SETUP" if self.options.port_reading.read(transport).is_none() => {
                    self.options.unreadable_port.clone()
                }
                "SETUP" => self.options.setup.clone(),
                "PLAY" => self.options.play.clone(),
                "PAUSE" => self.options.pause.clone(),
                _ => self.options.teardown.clone(),
            };
            match reaction {
                Reaction::Respond(response) => {
                    let response = response.replace("{cseq}", &cseq.to_string());
                    stream.write_all(response.as_bytes()).await.unwrap();
                    self.handle_request(&method, &request, response.contains(" 200 ")).await;
                }
                Reaction::Ignore => {}
                Reaction::Close => break self.stop(),
            }
        }
    }

    async fn handle_request(&mut self, method: &str, request: &str, is_granted: bool) {
        match method {
            "SETUP" => {
                let transport = request.lines().nth(2).unwrap();
                self.client_port = self.options.port_reading.read(transport).unwrap_or_default();
            }
            "PLAY" if is_granted && !self.options.sends_no_frames && self.client_port != 0 => {
                self.play().await;
            }
            _ => self.stop(),
        }
    }

    fn stop(&mut self) {
        if let Some(task) = self.send_task.take() {
            task.abort();
        }
    }

    /// Opens a new socket for each PLAY, as the original classroom server does, and starts to send frames.
    async fn play(&mut self) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        socket.connect((Ipv4Addr::LOCALHOST, self.client_port)).await.unwrap();
        self.port_sender.send(socket.local_addr().unwrap().port()).unwrap();
        let (options, next_frame) = (self.options.clone(), self.next_frame.clone());
        self.send_task = Some(tokio::spawn(async move {
            let mut clock = interval(Duration::from_millis(4));
            let end = options.close_after.unwrap_or(options.frames.len());
            loop {
                clock.tick().await;
                // Incremented before the frame is sent, so that no frame is sent twice after a pause.
                let index = next_frame.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                if index >= end {
                    return;
                }
                for datagram in datagrams(options.packetization, &options.frames, index) {
                    // Errors (the client's port is closed) do not stop the server.
                    let _ = socket.send(&datagram).await;
                }
            }
        }));
    }
}

async fn wait_for_task(send_task: &mut Option<JoinHandle<()>>) {
    match send_task {
        Some(task) => {
            let _ = task.await;
            *send_task = None;
        }
        None => std::future::pending().await,
    }
}

/// Checks that a request is complete and in exactly the form that every classroom server accepts.
///
/// Returns its method and CSeq.
fn parse_request(request: &str) -> (String, u32) {
    assert!(request.len() < 256 && request.ends_with("\r\n"), "{request:?}");
    let lines: Vec<_> = request.strip_suffix("\r\n").unwrap().split("\r\n").collect();
    let [first, second, third] = lines[..] else { panic!("{request:?}") };
    let words: Vec<_> = first.split(' ').collect();
    assert!(matches!(words[..], [_, "movie.Mjpeg", "RTSP/1.0"]), "{request:?}");
    let cseq = second.strip_prefix("CSeq: ").unwrap().parse().unwrap();
    match words[0] {
        "SETUP" => {
            let spellings = [
                "Transport: RTP/UDP; client_port= ",
                "Transport: RTP/UDP; client_port=",
                "Transport: RTP/UDP ",
            ];
            let port = spellings.iter().find_map(|before| third.strip_prefix(before)?.parse::<u16>().ok());
            assert!(port.is_some_and(|port| port > 0), "{request:?}");
        }
        _ => assert!(third.starts_with("Session: "), "{request:?}"),
    }
    (words[0].to_owned(), cseq)
}

fn packet(first: u8, marker: bool, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let ([s1, s0], [t3, t2, t1, t0]) = (sequence.to_be_bytes(), timestamp.to_be_bytes());
    let second = 26 | if marker { 0x80 } else { 0 };
    [&[first, second, s1, s0, t3, t2, t1, t0, 0, 0, 0, 0], payload].concat()
}

/// Returns the datagrams of a frame.
fn datagrams(packetization: Packetization, frames: &[Vec<u8>], index: usize) -> Vec<Vec<u8>> {
    let (jpeg, number) = (&frames[index], index as u16 + 1);
    let seconds = 0x6B03_11D0 + index as u32 / 20;
    let chunks = |bytes| {
        let last = jpeg.len().div_ceil(bytes) - 1;
        jpeg.chunks(bytes).enumerate().map(move |(index, chunk)| (index, index == last, chunk))
    };
    match packetization {
        Packetization::WholeFrame => vec![packet(0x80, false, number, seconds, jpeg)],
        Packetization::WholeFrameVersion0 => vec![packet(0x00, false, number, seconds, jpeg)],
        Packetization::ByFrame => {
            chunks(1_400).map(|(_, is_last, chunk)| packet(0x80, is_last, number, seconds, chunk)).collect()
        }
        Packetization::ByPacket => {
            let before: usize = frames[..index].iter().map(|jpeg| jpeg.len().div_ceil(1_300)).sum();
            // The first sequence numbers are close to 65,535, so that they wrap.
            let first = (65_500 + before) as u16;
            let number = |chunk: usize| first.wrapping_add(chunk as u16);
            chunks(1_300)
                .map(|(chunk, is_last, data)| packet(0x80, is_last, number(chunk), seconds, data))
                .collect()
        }
        Packetization::Framed => {
            let framing = |index: usize| {
                [((index * 1_400) as u32).to_be_bytes(), (jpeg.len() as u32).to_be_bytes()].concat()
            };
            let payload = |index, chunk: &[u8]| [&framing(index), chunk].concat();
            chunks(1_400)
                .map(|(index, _, chunk)| packet(0x80, false, number, seconds, &payload(index, chunk)))
                .collect()
        }
        Packetization::FragmentHeader => {
            let count = jpeg.len().div_ceil(2_000) as u16;
            let own_header =
                |index: usize| [index as u16, count, jpeg.len() as u16].map(u16::to_be_bytes).concat();
            let mut parity = packet(0x80, false, number, seconds, &[0x55; 1_500]);
            parity[1] = 127;
            let payload = |index, chunk: &[u8]| [&own_header(index), chunk].concat();
            chunks(2_000)
                .map(|(index, is_last, chunk)| packet(0x80, is_last, number, seconds, &payload(index, chunk)))
                .chain([parity])
                .collect()
        }
        Packetization::LastFlagHeader => {
            let before: usize = frames[..index].iter().map(|jpeg| jpeg.len().div_ceil(1_300)).sum();
            let sequence = |chunk: usize| (before + chunk) as u16;
            let payload = |is_last: bool, chunk: &[u8]| {
                [&(index as u32).to_be_bytes()[..], &[u8::from(is_last)], chunk].concat()
            };
            chunks(1_300)
                .map(|(chunk, is_last, data)| {
                    packet(0x00, false, sequence(chunk), seconds, &payload(is_last, data))
                })
                .collect()
        }
        Packetization::Unknown => chunks(1_000)
            .map(|(_, _, chunk)| packet(0x80, false, number, seconds, &[&[0xA5; 20], chunk].concat()))
            .collect(),
        Packetization::Sliced => packet(0x80, true, number, 41 * u32::from(number), jpeg)
            .chunks(4_096)
            .map(<[u8]>::to_vec)
            .collect(),
    }
}
