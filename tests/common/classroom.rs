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
pub enum Cut {
    /// A datagram for each picture: M 0, SSRC 0, seconds of the day as the timestamp.
    Classic,
    /// The same with a version of 0.
    ClassicVersion0,
    /// 1,400 octets, the number of the frame on all, M on the last.
    ByFrame,
    /// 1,300 octets, a number for each, M on the last.
    ByPacket,
    /// As `ByFrame`, with offset and length before each payload, and no marker.
    Framed,
    /// One packet in slices of 4,096 octets.
    Sliced,
}

/// What a server does with a request.
#[derive(Debug, Clone)]
pub enum Habit {
    /// This, with `{cseq}` for the number.
    Answer(&'static str),
    /// Nothing.
    Ignore,
    /// Closes the connection.
    Close,
}

/// The usual answer.
pub const OK: Habit = Habit::Answer("RTSP/1.0 200 OK\nCSeq: {cseq}\nSession: 123456");

/// What a server is like.
#[derive(Debug, Clone)]
pub struct Manner {
    pub pictures: Arc<Vec<Vec<u8>>>,
    pub cut: Cut,
    pub setup: Habit,
    pub play: Habit,
    pub pause: Habit,
    pub teardown: Habit,
    /// Frames that it sends before it closes the connection, if it does.
    pub closes_after: Option<usize>,
    /// It sends no picture at all.
    pub sends_nothing: bool,
    /// It answers when the test lets it, once for each permit.
    pub leave: Option<Arc<Semaphore>>,
}

impl Manner {
    pub fn new(pictures: Vec<Vec<u8>>, cut: Cut) -> Self {
        Self {
            pictures: Arc::new(pictures),
            cut,
            setup: OK,
            play: OK,
            pause: OK,
            teardown: OK,
            closes_after: None,
            sends_nothing: false,
            leave: None,
        }
    }
}

/// A server that runs until it is dropped.
pub struct Peer {
    pub address: SocketAddr,
    /// The requests, each as it was read.
    pub requests: mpsc::UnboundedReceiver<String>,
    /// The ports that pictures were sent from, one for each PLAY.
    pub ports: mpsc::UnboundedReceiver<u16>,
    task: JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Peer {
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, requests) = mpsc::unbounded_channel();
        let (opened, ports) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                Conversation::new(manner.clone(), heard.clone(), opened.clone()).run(stream).await;
            }
        });
        Self { address, requests, ports, task }
    }

    /// The method of the next request.
    pub async fn method(&mut self) -> String {
        let request = self.requests.recv().await.expect("the server runs");
        request.split(' ').next().unwrap().to_owned()
    }
}

struct Conversation {
    manner: Manner,
    heard: mpsc::UnboundedSender<String>,
    opened: mpsc::UnboundedSender<u16>,
    client: u16,
    playing: Option<JoinHandle<()>>,
    /// The frame that is sent next; the sender moves it.
    next: Arc<std::sync::atomic::AtomicUsize>,
}

impl Conversation {
    fn new(manner: Manner, heard: mpsc::UnboundedSender<String>, opened: mpsc::UnboundedSender<u16>) -> Self {
        Self { manner, heard, opened, client: 0, playing: None, next: Arc::default() }
    }

    async fn run(mut self, mut stream: TcpStream) {
        let mut buffer = [0; 256];
        loop {
            let count = tokio::select! {
                count = stream.read(&mut buffer) => count.unwrap_or(0),
                () = finished(&mut self.playing), if self.manner.closes_after.is_some() => 0,
            };
            if count == 0 {
                break self.stop();
            }
            let request = String::from_utf8(buffer[..count].to_vec()).unwrap();
            let (method, cseq) = check(&request);
            self.heard.send(request.clone()).unwrap();
            if let Some(leave) = &self.manner.leave {
                leave.acquire().await.unwrap().forget();
                let early = stream.try_read(&mut buffer);
                assert!(early.is_err(), "a request before the answer to the one before: {early:?}");
            }
            let habit = match method.as_str() {
                "SETUP" => self.manner.setup.clone(),
                "PLAY" => self.manner.play.clone(),
                "PAUSE" => self.manner.pause.clone(),
                _ => self.manner.teardown.clone(),
            };
            match habit {
                Habit::Answer(words) => {
                    let words = words.replace("{cseq}", &cseq.to_string());
                    stream.write_all(words.as_bytes()).await.unwrap();
                    self.carry_out(&method, &request, words.contains(" 200 ")).await;
                }
                Habit::Ignore => {}
                Habit::Close => break self.stop(),
            }
        }
    }

    async fn carry_out(&mut self, method: &str, request: &str, is_granted: bool) {
        match method {
            "SETUP" => self.client = request.trim().rsplit(' ').next().unwrap().parse().unwrap(),
            "PLAY" if is_granted && !self.manner.sends_nothing => self.play().await,
            _ => self.stop(),
        }
    }

    fn stop(&mut self) {
        if let Some(playing) = self.playing.take() {
            playing.abort();
        }
    }

    /// A new socket for each PLAY, as the original has it.
    async fn play(&mut self) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        socket.connect((Ipv4Addr::LOCALHOST, self.client)).await.unwrap();
        self.opened.send(socket.local_addr().unwrap().port()).unwrap();
        let (manner, next) = (self.manner.clone(), self.next.clone());
        self.playing = Some(tokio::spawn(async move {
            let mut clock = interval(Duration::from_millis(4));
            let last = manner.closes_after.unwrap_or(manner.pictures.len());
            loop {
                clock.tick().await;
                // Taken before it is sent, so that a pause sends none twice.
                let index = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                if index >= last {
                    return;
                }
                for datagram in datagrams(manner.cut, &manner.pictures, index) {
                    // A player that is gone does not stop a server.
                    let _ = socket.send(&datagram).await;
                }
            }
        }));
    }
}

async fn finished(playing: &mut Option<JoinHandle<()>>) {
    match playing {
        Some(task) => {
            let _ = task.await;
            *playing = None;
        }
        None => std::future::pending().await,
    }
}

/// One request, whole, in exactly the form that every server reads; its method and number.
fn check(request: &str) -> (String, u32) {
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

fn packet(first: u8, is_marked: bool, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let ([s1, s0], [t3, t2, t1, t0]) = (sequence.to_be_bytes(), timestamp.to_be_bytes());
    let second = 26 | if is_marked { 0x80 } else { 0 };
    [&[first, second, s1, s0, t3, t2, t1, t0, 0, 0, 0, 0], payload].concat()
}

/// The datagrams of a frame.
fn datagrams(cut: Cut, pictures: &[Vec<u8>], index: usize) -> Vec<Vec<u8>> {
    let (jpeg, number) = (&pictures[index], index as u16 + 1);
    let seconds = 0x6B03_11D0 + index as u32 / 20;
    let chunks = |octets| {
        let last = jpeg.len().div_ceil(octets) - 1;
        jpeg.chunks(octets).enumerate().map(move |(index, chunk)| (index, index == last, chunk))
    };
    match cut {
        Cut::Classic => vec![packet(0x80, false, number, seconds, jpeg)],
        Cut::ClassicVersion0 => vec![packet(0x00, false, number, seconds, jpeg)],
        Cut::ByFrame => {
            chunks(1_400).map(|(_, is_last, chunk)| packet(0x80, is_last, number, seconds, chunk)).collect()
        }
        Cut::ByPacket => {
            let before: usize = pictures[..index].iter().map(|jpeg| jpeg.len().div_ceil(1_300)).sum();
            // Close to the end of the sequence numbers, which begin again.
            let first = (65_500 + before) as u16;
            let number = |chunk: usize| first.wrapping_add(chunk as u16);
            chunks(1_300)
                .map(|(chunk, is_last, data)| packet(0x80, is_last, number(chunk), seconds, data))
                .collect()
        }
        Cut::Framed => {
            let framing = |index: usize| {
                [((index * 1_400) as u32).to_be_bytes(), (jpeg.len() as u32).to_be_bytes()].concat()
            };
            let payload = |index, chunk: &[u8]| [&framing(index), chunk].concat();
            chunks(1_400)
                .map(|(index, _, chunk)| packet(0x80, false, number, seconds, &payload(index, chunk)))
                .collect()
        }
        Cut::Sliced => packet(0x80, true, number, 41 * u32::from(number), jpeg)
            .chunks(4_096)
            .map(<[u8]>::to_vec)
            .collect(),
    }
}
