//! One viewer: a small RTSP client and its sockets for RTP.

use std::error::Error;
use std::io;
use std::net::{SocketAddr, UdpSocket as PlainUdpSocket};
use std::time::Instant;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::time::sleep_until;

use super::reception::Reception;
use super::{Arguments, Transport, Window};

/// Viewer whose PLAY was answered.
pub struct Viewer {
    source: Source,
    play_sent_at: Instant,
}

/// Source of the packets of a viewer.
enum Source {
    Udp {
        /// Sockets for RTP and RTCP.
        sockets: [UdpSocket; 2],
        /// Kept open, because the session ends with it.
        _connection: TcpStream,
    },
    Interleaved(InterleavedReader),
}

impl Viewer {
    /// Connects and sends DESCRIBE, SETUP and PLAY.
    ///
    /// # Errors
    /// Returns an error if the server cannot be reached, or refuses a request.
    pub async fn connect(arguments: &Arguments) -> Result<Self, Box<dyn Error>> {
        let url = &arguments.url;
        let mut client = Client::connect(url).await?;
        let description = client.request("DESCRIBE", url, "Accept: application/sdp\r\n").await?;
        let track = track_url(url, &description);
        let sockets = match arguments.transport {
            Transport::Udp => Some(bind_pair(client.connection.local_addr()?, arguments.receive_buffer)?),
            Transport::Tcp => None,
        };
        let mut transport = match &sockets {
            Some([rtp, rtcp]) => {
                let (rtp, rtcp) = (rtp.local_addr()?.port(), rtcp.local_addr()?.port());
                format!("RTP/AVP;unicast;client_port={rtp}-{rtcp}")
            }
            None => "RTP/AVP/TCP;unicast;interleaved=0-1".to_owned(),
        };
        if let Some(parameters) = &arguments.transport_parameters {
            transport = format!("{transport};{parameters}");
        }
        let response = client.request("SETUP", &track, &format!("Transport: {transport}\r\n")).await?;
        let session = header(&response, "session").ok_or("SETUP is answered without a session")?;
        let session = session.split(';').next().unwrap_or_default().to_owned();
        let play_sent_at = Instant::now();
        client.request("PLAY", url, &format!("Session: {session}\r\nRange: npt=0-\r\n")).await?;
        let Client { connection, received, .. } = client;
        let source = match sockets {
            Some(sockets) => Source::Udp { sockets, _connection: connection },
            None => Source::Interleaved(InterleavedReader { connection, received }),
        };
        Ok(Self { source, play_sent_at })
    }

    /// Receives until the end of the window.
    pub async fn receive(mut self, mut window: watch::Receiver<Option<Window>>) -> Reception {
        let mut reception = Reception::new(self.play_sent_at);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let bounds = *window.borrow_and_update();
            let end = async {
                match bounds {
                    Some(window) => sleep_until(window.end.into()).await,
                    None => drop(window.changed().await),
                }
            };
            tokio::select! {
                () = end => if bounds.is_some() { return reception },
                received = self.source.receive(&mut buffer, |packet| reception.add(packet, bounds)) => {
                    if received.is_err() {
                        reception.has_failed = true;
                        return reception;
                    }
                }
            }
        }
    }
}

impl Source {
    /// Waits for packets and handles those that have arrived.
    async fn receive(&mut self, buffer: &mut [u8], mut handle: impl FnMut(&[u8])) -> io::Result<()> {
        match self {
            Self::Interleaved(reader) => reader.receive(buffer, handle).await,
            Self::Udp { sockets: [rtp, _], .. } => {
                rtp.readable().await?;
                loop {
                    match rtp.try_recv(buffer) {
                        Ok(length) => handle(&buffer[..length]),
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }
}

/// Reader of the packets in an RTSP connection (RFC 2326 §10.12).
struct InterleavedReader {
    connection: TcpStream,
    /// Bytes of a packet that has not arrived as a whole.
    received: Vec<u8>,
}

impl InterleavedReader {
    async fn receive(&mut self, buffer: &mut [u8], mut handle: impl FnMut(&[u8])) -> io::Result<()> {
        let length = self.connection.read(buffer).await?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.received.extend_from_slice(&buffer[..length]);
        let mut position = 0;
        while let Some([b'$', channel, high, low]) = self.received[position..].first_chunk() {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let Some(packet) = self.received.get(position + 4..position + 4 + length) else { break };
            if *channel == 0 {
                handle(packet);
            }
            position += 4 + length;
        }
        self.received.drain(..position);
        Ok(())
    }
}

/// RTSP client that sends one request after the other.
struct Client {
    connection: TcpStream,
    /// Bytes after the last response.
    received: Vec<u8>,
    cseq: u32,
}

/// Maximum length of a response, in bytes.
const MAX_RESPONSE_LENGTH: usize = 256 * 1024;

impl Client {
    async fn connect(url: &str) -> Result<Self, Box<dyn Error>> {
        let authority = url.strip_prefix("rtsp://").ok_or("the URL does not begin with rtsp://")?;
        let authority = authority.split('/').next().unwrap_or_default();
        let address = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:554") };
        let connection = TcpStream::connect(address).await?;
        connection.set_nodelay(true)?;
        Ok(Self { connection, received: Vec::new(), cseq: 0 })
    }

    /// Sends a request; returns the response with its body as text.
    async fn request(&mut self, method: &str, url: &str, headers: &str) -> Result<String, Box<dyn Error>> {
        self.cseq += 1;
        let request = format!("{method} {url} RTSP/1.0\r\nCSeq: {}\r\n{headers}\r\n", self.cseq);
        self.connection.write_all(request.as_bytes()).await?;
        let head_end = loop {
            self.discard_interleaved();
            let is_response = self.received.first().is_some_and(|first| *first != b'$');
            let end = self.received.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            if let Some(at) = end.filter(|_| is_response) {
                break at + 4;
            }
            self.read_more().await?;
        };
        let head = String::from_utf8_lossy(&self.received[..head_end]).into_owned();
        let body_length: usize = header(&head, "content-length").map_or(Ok(0), |text| text.parse())?;
        while self.received.len() < head_end + body_length {
            self.read_more().await?;
        }
        let body = String::from_utf8_lossy(&self.received[head_end..head_end + body_length]).into_owned();
        self.received.drain(..head_end + body_length);
        match head.split_whitespace().nth(1) {
            Some("200") => Ok(head + &body),
            _ => Err(format!("{method} is answered with {}", head.lines().next().unwrap_or_default()).into()),
        }
    }

    /// Discards complete packets before the next response: some servers send them before they respond to PLAY.
    fn discard_interleaved(&mut self) {
        while let Some([b'$', _, high, low]) = self.received.first_chunk() {
            let end = 4 + usize::from(u16::from_be_bytes([*high, *low]));
            if self.received.len() < end {
                return;
            }
            self.received.drain(..end);
        }
    }

    async fn read_more(&mut self) -> Result<(), Box<dyn Error>> {
        if self.received.len() > MAX_RESPONSE_LENGTH {
            return Err("a response is too long".into());
        }
        match self.connection.read_buf(&mut self.received).await? {
            0 => Err("the server has closed the connection".into()),
            _ => Ok(()),
        }
    }
}

/// Value of a header of a response; `name` is in lower case.
fn header(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (header, value) = line.split_once(':')?;
        header.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

/// URL for SETUP: the last control attribute of the description, relative to its base.
fn track_url(url: &str, description: &str) -> String {
    let control = description.lines().filter_map(|line| line.trim().strip_prefix("a=control:")).next_back();
    let base = header(description, "content-base").unwrap_or_else(|| url.to_owned());
    match control {
        None | Some("*") => base,
        Some(absolute) if absolute.starts_with("rtsp://") => absolute.to_owned(),
        Some(relative) => format!("{}/{relative}", base.trim_end_matches('/')),
    }
}

/// Maximum number of ports that are tried.
const MAX_ATTEMPTS: usize = 64;

/// Binds an even port and the next.
fn bind_pair(local: SocketAddr, receive_buffer: Option<usize>) -> Result<[UdpSocket; 2], Box<dyn Error>> {
    let bind = |port| PlainUdpSocket::bind(SocketAddr::new(local.ip(), port));
    for _ in 0..MAX_ATTEMPTS {
        let rtp = bind(0)?;
        let port = rtp.local_addr()?.port();
        let Some(Ok(rtcp)) = port.is_multiple_of(2).then(|| bind(port + 1)) else { continue };
        if let Some(length) = receive_buffer {
            SockRef::from(&rtp).set_recv_buffer_size(length)?;
        }
        rtp.set_nonblocking(true)?;
        rtcp.set_nonblocking(true)?;
        return Ok([UdpSocket::from_std(rtp)?, UdpSocket::from_std(rtcp)?]);
    }
    Err("no pair of UDP ports is free".into())
}
