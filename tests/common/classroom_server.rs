//! Servers of the classroom dialect, each after the habits of programs that are out there.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::interval;

/// How a server cuts its pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packetization {
    /// A datagram for each picture: M 0, SSRC 0, seconds of the day as the timestamp.
    WholeFrame,
    /// The same with a version of 0.
    WholeFrameVersion0,
    /// 1,400 bytes, the number of the frame on all, M on the last.
    ByFrame,
    /// 1,300 bytes, a number for each, M on the last.
    ByPacket,
    /// As `ByFrame`, with offset and length before each payload, and no marker.
    Framed,
    /// One packet in slices of 4,096 bytes.
    Sliced,
}

/// What a server does with a request.
#[derive(Debug, Clone)]
pub enum Reaction {
    /// This, with `{cseq}` for the number.
    Respond(&'static str),
    /// Nothing.
    Ignore,
    /// Closes the connection.
    Close,
}

/// The usual answer.
pub const RESPOND_OK: Reaction = Reaction::Respond("RTSP/1.0 200 OK\nCSeq: {cseq}\nSession: 123456");

/// What a server is like.
#[derive(Debug, Clone)]
pub struct ClassroomServerOptions {
    pub frames: Arc<Vec<Vec<u8>>>,
    pub packetization: Packetization,
    pub setup: Reaction,
    pub play: Reaction,
    pub pause: Reaction,
    pub teardown: Reaction,
    /// Frames that it sends before it closes the connection, if it does.
    pub close_after: Option<usize>,
    /// It sends no picture at all.
    pub sends_no_frames: bool,
    /// It answers when the test lets it, once for each permit.
    pub response_permits: Option<Arc<Semaphore>>,
}

impl ClassroomServerOptions {
    pub fn new(frames: Vec<Vec<u8>>, packetization: Packetization) -> Self {
        Self {
            frames: Arc::new(frames),
            packetization,
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
    /// The requests, each as it was read.
    pub requests: mpsc::UnboundedReceiver<String>,
    /// The ports that pictures were sent from, one for each PLAY.
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

    /// The method of the next request.
    pub async fn next_method(&mut self) -> String {
        let request = self.requests.recv().await.expect("the server runs");
        request.split(' ').next().unwrap().to_owned()
    }
}

struct Connection {
    options: ClassroomServerOptions,
    request_sender: mpsc::UnboundedSender<String>,
    port_sender: mpsc::UnboundedSender<u16>,
    client_port: u16,
    send_task: Option<JoinHandle<()>>,
    /// The frame that is sent next; the sender moves it.
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
            if let Some(leave) = &self.options.response_permits {
                leave.acquire().await.unwrap().forget();
                let early = stream.try_read(&mut buffer);
                assert!(early.is_err(), "a request before the answer to the one before: {early:?}");
            }
            let habit = match method.as_str() {
                "SETUP" => self.options.setup.clone(),
                "PLAY" => self.options.play.clone(),
                "PAUSE" => self.options.pause.clone(),
                _ => self.options.teardown.clone(),
            };
            match habit {
                Reaction::Respond(words) => {
                    let words = words.replace("{cseq}", &cseq.to_string());
                    stream.write_all(words.as_bytes()).await.unwrap();
                    self.handle_request(&method, &request, words.contains(" 200 ")).await;
                }
                Reaction::Ignore => {}
                Reaction::Close => break self.stop(),
            }
        }
    }

    async fn handle_request(&mut self, method: &str, request: &str, is_granted: bool) {
        match method {
            "SETUP" => self.client_port = request.trim().rsplit(' ').next().unwrap().parse().unwrap(),
            "PLAY" if is_granted && !self.options.sends_no_frames => self.play().await,
            _ => self.stop(),
        }
    }

    fn stop(&mut self) {
        if let Some(playing) = self.send_task.take() {
            playing.abort();
        }
    }

    /// A new socket for each PLAY, as the original has it.
    async fn play(&mut self) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        socket.connect((Ipv4Addr::LOCALHOST, self.client_port)).await.unwrap();
        self.port_sender.send(socket.local_addr().unwrap().port()).unwrap();
        let (manner, next) = (self.options.clone(), self.next_frame.clone());
        self.send_task = Some(tokio::spawn(async move {
            let mut clock = interval(Duration::from_millis(4));
            let last = manner.close_after.unwrap_or(manner.frames.len());
            loop {
                clock.tick().await;
                // Taken before it is sent, so that a pause sends none twice.
                let index = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                if index >= last {
                    return;
                }
                for datagram in datagrams(manner.packetization, &manner.frames, index) {
                    // A player that is gone does not stop a server.
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

/// One request, whole, in exactly the form that every server reads; its method and number.
fn parse_request(request: &str) -> (String, u32) {
    assert!(request.len() < 256 && request.ends_with("\r\n"), "{request:?}");
    let lines: Vec<_> = request.strip_suffix("\r\n").unwrap().split("\r\n").collect();
    let [first, second, third] = lines[..] else { panic!("{request:?}") };
    let words: Vec<_> = first.split(' ').collect();
    assert!(matches!(words[..], [_, "movie.Mjpeg", "RTSP/1.0"]), "{request:?}");
    let cseq = second.strip_prefix("CSeq: ").unwrap().parse().unwrap();
    match words[0] {
        "SETUP" => assert!(third.starts_with("Transport: RTP/UDP; client_port= "), "{request:?}"),
        _ => assert!(third.starts_with("Session: "), "{request:?}"),
    }
    (words[0].to_owned(), cseq)
}

fn packet(first: u8, marker: bool, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let ([s1, s0], [t3, t2, t1, t0]) = (sequence.to_be_bytes(), timestamp.to_be_bytes());
    let second = 26 | if marker { 0x80 } else { 0 };
    [&[first, second, s1, s0, t3, t2, t1, t0, 0, 0, 0, 0], payload].concat()
}

/// The datagrams of a frame.
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
            // Close to the end of the sequence numbers, which begin again.
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
        Packetization::Sliced => packet(0x80, true, number, 41 * u32::from(number), jpeg)
            .chunks(4_096)
            .map(<[u8]>::to_vec)
            .collect(),
    }
}
