//! One player's connection, and the one to the server that belongs to it.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::pieces::{LineTooLong, Piece, Pieces};
use super::track::{Hosts, Track};
use super::transport::{WrittenPorts, is_transport, rewrite, value_of};
use crate::impairment::{Datagram, Kind, Network, Passage};
use crate::net::deadline::until;
use crate::proto::rtsp::{ChannelPair, PortPair, interleave};

/// How long a connection may take none of what is written to it.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

/// How long a server may go on to answer a player that asks nothing more.
const LAST_WORDS_PATIENCE: Duration = Duration::from_secs(5);

/// After so much silence a line that has not ended is all that there is of it. The classroom ends its messages so.
const QUIET: Duration = Duration::from_millis(30);

/// Octets read at a time.
const READ: usize = 64 * 1024;

/// The streams of one connection that have ports at a time; the oldest give theirs up, as no message tells which are
/// over.
const MOST_TRACKS: usize = 16;

/// What the two directions have in common.
struct BothWays {
    hosts: Hosts,
    network: Network,
    tracks: Mutex<VecDeque<Track>>,
}

/// Passes on what the two say until one of them closes.
///
/// # Errors
/// When one of them breaks off, or says what cannot be passed on.
pub async fn relay(client: TcpStream, server: TcpStream, network: Network) -> io::Result<()> {
    let host = |address: io::Result<SocketAddr>| address.map(|address| address.ip().to_canonical());
    let hosts = Hosts {
        client: host(client.peer_addr())?,
        towards_client: host(client.local_addr())?,
        server: host(server.peer_addr())?,
        towards_server: host(server.local_addr())?,
    };
    // Messages and packets are small and each of them is awaited.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let both_ways = BothWays { hosts, network, tracks: Mutex::default() };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut replies = pin!(both_ways.carry_replies(from_server, to_client));
    tokio::select! {
        result = both_ways.carry_requests(from_client, to_server) => result?,
        result = &mut replies => return result,
    }
    // The server has been told that nothing more is asked, and may have answers yet.
    timeout(LAST_WORDS_PATIENCE, replies).await.unwrap_or(Ok(()))
}

impl BothWays {
    /// From the player to the server.
    async fn carry_requests(&self, from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
        let mut incoming = Incoming::new(from);
        while let Some(piece) = incoming.next_piece().await? {
            let octets = match piece {
                Piece::Line(line) => in_transport(line, |line| self.request(line))?,
                Piece::Body(body) => body,
                Piece::Interleaved { channel, packet } => interleave(channel, &packet),
            };
            write(&mut to, &octets).await?;
        }
        Ok(())
    }

    /// From the server to the player, packets past the emulated network.
    async fn carry_replies(&self, from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
        let mut incoming = Incoming::new(from);
        let mut channels = Vec::new();
        loop {
            let deadline = channels.iter().filter_map(|way: &Channels| way.passage.deadline()).min();
            let piece = tokio::select! {
                piece = incoming.next_piece() => Some(piece?),
                () = until(deadline) => None,
            };
            let octets = match piece {
                None => None,
                Some(None) => return Ok(()),
                Some(Some(Piece::Line(line))) => Some(in_transport(line, |line| {
                    self.learn_channels(line, &mut channels);
                    Ok(self.reply(line))
                })?),
                Some(Some(Piece::Body(body))) => Some(body),
                Some(Some(Piece::Interleaved { channel, packet })) => admit(&mut channels, channel, packet),
            };
            if let Some(octets) = octets {
                write(&mut to, &octets).await?;
            }
            for way in &mut channels {
                while let Some((_, packet)) = way.passage.poll(Instant::now()) {
                    write(&mut to, &interleave(way.of(packet.kind), &packet.octets)).await?;
                }
            }
        }
    }

    /// The player's Transport, with our ports instead of its own.
    fn request(&self, line: &str) -> io::Result<String> {
        let mut failure = None;
        let rewritten = rewrite(line, |name, value| {
            let ports = WrittenPorts::parse(value).filter(|_| name == "client_port")?;
            let inner = self.inner_for(ports).map_err(|error| failure = Some(error)).ok()?;
            Some(ports.write(inner))
        });
        failure.map_or(Ok(rewritten), Err)
    }

    fn inner_for(&self, ports: WrittenPorts) -> io::Result<PortPair> {
        let mut tracks = self.tracks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(track) = tracks.iter().find(|track| track.client == ports.pair) {
            return Ok(track.inner);
        }
        if tracks.len() >= MOST_TRACKS {
            tracks.pop_front();
        }
        let track = Track::open(self.hosts, ports.pair, &self.network)?;
        let inner = track.inner;
        tracks.push_back(track);
        Ok(inner)
    }

    /// The server's Transport, with the player's own ports, and ours instead of the server's.
    fn reply(&self, line: &str) -> String {
        let tracks = self.tracks.lock().unwrap_or_else(PoisonError::into_inner);
        let said = value_of(line, "client_port").and_then(WrittenPorts::parse);
        let track =
            tracks.iter().rev().find(|track| said.is_none_or(|said| said.pair.rtp == track.inner.rtp));
        rewrite(line, |name, value| match name {
            "client_port" => Some(WrittenPorts::parse(value)?.write(track?.client)),
            "server_port" => {
                let ports = WrittenPorts::parse(value)?;
                track?.set_server(ports.pair);
                Some(ports.write(track?.outer))
            }
            "source" => Some(self.hosts.towards_client.to_string()),
            "destination" => Some(self.hosts.client.to_string()),
            _ => None,
        })
    }

    fn learn_channels(&self, line: &str, channels: &mut Vec<Channels>) {
        let Some(pair) = value_of(line, "interleaved").and_then(channel_pair) else { return };
        if channels.iter().all(|way| way.pair != pair) {
            // What these channels carried before is over, and there are no more ways than channels.
            channels.retain(|way| !way.carries(pair.rtp) && !way.carries(pair.rtcp));
            channels.push(Channels { pair, passage: Passage::new(&self.network) });
        }
    }
}

fn channel_pair(text: &str) -> Option<ChannelPair> {
    let (rtp, rtcp) = text.split_once('-')?;
    Some(ChannelPair { rtp: rtp.trim().parse().ok()?, rtcp: rtcp.trim().parse().ok()? })
}

/// A stream that is interleaved.
struct Channels {
    pair: ChannelPair,
    passage: Passage,
}

impl Channels {
    fn carries(&self, channel: u8) -> bool {
        self.pair.rtp == channel || self.pair.rtcp == channel
    }

    fn of(&self, kind: Kind) -> u8 {
        match kind {
            Kind::Rtp => self.pair.rtp,
            Kind::Rtcp => self.pair.rtcp,
        }
    }
}

/// A packet from the server; what is to be written at once. One on a channel that nobody agreed on passes as it is.
fn admit(channels: &mut [Channels], channel: u8, packet: Bytes) -> Option<Bytes> {
    let way = channels.iter_mut().find(|way| way.carries(channel));
    let Some(way) = way else { return Some(interleave(channel, &packet)) };
    let kind = if way.pair.rtp == channel { Kind::Rtp } else { Kind::Rtcp };
    let admitted = way.passage.admit(Instant::now(), Datagram { kind, octets: packet })?;
    Some(interleave(channel, &admitted.octets))
}

/// Changes a line if it is a Transport header.
fn in_transport(line: Bytes, change: impl FnOnce(&str) -> io::Result<String>) -> io::Result<Bytes> {
    match std::str::from_utf8(&line) {
        Ok(text) if is_transport(text) => change(text).map(Bytes::from),
        _ => Ok(line),
    }
}

async fn write(to: &mut OwnedWriteHalf, octets: &[u8]) -> io::Result<()> {
    timeout(WRITE_PATIENCE, to.write_all(octets)).await?
}

/// One end of a connection, in pieces.
struct Incoming {
    reader: OwnedReadHalf,
    pieces: Pieces,
    buffer: BytesMut,
}

impl Incoming {
    fn new(reader: OwnedReadHalf) -> Self {
        Self { reader, pieces: Pieces::default(), buffer: BytesMut::with_capacity(READ) }
    }

    /// The next piece; `None` at the end. May be dropped while it waits.
    async fn next_piece(&mut self) -> io::Result<Option<Piece>> {
        loop {
            match self.pieces.next_piece() {
                Ok(Some(piece)) => return Ok(Some(piece)),
                Ok(None) => {}
                Err(LineTooLong) => return Err(io::Error::other("a line is longer than any message needs")),
            }
            self.buffer.clear();
            let read = self.reader.read_buf(&mut self.buffer);
            let count = match self.pieces.may_be_whole() {
                false => read.await?,
                true => match timeout(QUIET, read).await {
                    Ok(count) => count?,
                    Err(_) => return Ok(self.pieces.take_unended()),
                },
            };
            if count == 0 {
                return Ok(self.pieces.take_unended());
            }
            self.pieces.push(&self.buffer);
        }
    }
}
