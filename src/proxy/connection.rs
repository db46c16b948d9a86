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

use super::media_track::{Hosts, MediaTrack};
use super::part_reader::{LineTooLong, PartReader, StreamPart};
use super::transport::{PortParameter, is_transport_header, parameter_value, rewrite_parameters};
use crate::impairment::{Emulator, PacketKind, RawPacket, SessionLink};
use crate::net::deadline::wait_for_deadline;
use crate::proto::rtsp::{ChannelPair, PortPair, encode_interleaved};

/// How long a connection may take none of what is written to it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a server may go on to answer a player that asks nothing more.
const HALF_CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// After so much silence a line that has not ended is all that there is of it. The classroom ends its messages so.
const LINE_END_TIMEOUT: Duration = Duration::from_millis(30);

/// Bytes read at a time.
const READ_BUFFER_SIZE: usize = 64 * 1024;

/// The streams of one connection that have ports at a time; the oldest give theirs up, as no message tells which are
/// over.
const MAX_TRACKS: usize = 16;

/// What the two directions have in common.
struct ProxyConnection {
    hosts: Hosts,
    emulator: Emulator,
    tracks: Mutex<VecDeque<MediaTrack>>,
}

/// Passes on what the two say until one of them closes.
///
/// # Errors
/// When one of them breaks off, or says what cannot be passed on.
pub async fn forward(client: TcpStream, server: TcpStream, emulator: Emulator) -> io::Result<()> {
    let host = |address: io::Result<SocketAddr>| address.map(|address| address.ip().to_canonical());
    let hosts = Hosts {
        client: host(client.peer_addr())?,
        client_side: host(client.local_addr())?,
        server: host(server.peer_addr())?,
        server_side: host(server.local_addr())?,
    };
    // Messages and packets are small and each of them is awaited.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let connection = ProxyConnection { hosts, emulator, tracks: Mutex::default() };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut responses = pin!(connection.forward_responses(from_server, to_client));
    tokio::select! {
        result = connection.forward_requests(from_client, to_server) => result?,
        result = &mut responses => return result,
    }
    // The server has been told that nothing more is asked, and may have answers yet.
    timeout(HALF_CLOSE_TIMEOUT, responses).await.unwrap_or(Ok(()))
}

impl ProxyConnection {
    /// From the player to the server.
    async fn forward_requests(&self, from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
        let mut reader = ConnectionReader::new(from);
        while let Some(part) = reader.next_part().await? {
            let bytes = match part {
                StreamPart::Line(line) => rewrite_if_transport(line, |line| self.rewrite_request(line))?,
                StreamPart::Body(body) => body,
                StreamPart::Interleaved { channel, packet } => encode_interleaved(channel, &packet),
            };
            write(&mut to, &bytes).await?;
        }
        Ok(())
    }

    /// From the server to the player, packets past the emulated network.
    async fn forward_responses(&self, from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
        let mut reader = ConnectionReader::new(from);
        let mut streams = Vec::new();
        loop {
            let deadline =
                streams.iter().filter_map(|stream: &InterleavedStream| stream.link.poll_timeout()).min();
            let part = tokio::select! {
                part = reader.next_part() => Some(part?),
                () = wait_for_deadline(deadline) => None,
            };
            let bytes = match part {
                None => None,
                Some(None) => return Ok(()),
                Some(Some(StreamPart::Line(line))) => Some(rewrite_if_transport(line, |line| {
                    self.add_interleaved_stream(line, &mut streams);
                    Ok(self.rewrite_response(line))
                })?),
                Some(Some(StreamPart::Body(body))) => Some(body),
                Some(Some(StreamPart::Interleaved { channel, packet })) => {
                    emulate_interleaved(&mut streams, channel, packet)
                }
            };
            if let Some(bytes) = bytes {
                write(&mut to, &bytes).await?;
            }
            for stream in &mut streams {
                while let Some((_, packet)) = stream.link.poll_packet(Instant::now()) {
                    write(&mut to, &encode_interleaved(stream.channel_of(packet.kind), &packet.bytes))
                        .await?;
                }
            }
        }
    }

    /// The player's Transport, with our ports instead of its own.
    fn rewrite_request(&self, line: &str) -> io::Result<String> {
        let mut failure = None;
        let rewritten = rewrite_parameters(line, |name, value| {
            let ports = PortParameter::parse(value).filter(|_| name == "client_port")?;
            let inner = self.server_side_ports_for(ports).map_err(|error| failure = Some(error)).ok()?;
            Some(ports.format(inner))
        });
        failure.map_or(Ok(rewritten), Err)
    }

    fn server_side_ports_for(&self, ports: PortParameter) -> io::Result<PortPair> {
        let mut tracks = self.tracks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(track) = tracks.iter().find(|track| track.client_ports == ports.ports) {
            return Ok(track.server_side_ports);
        }
        if tracks.len() >= MAX_TRACKS {
            tracks.pop_front();
        }
        let track = MediaTrack::open(self.hosts, ports.ports, &self.emulator)?;
        let inner = track.server_side_ports;
        tracks.push_back(track);
        Ok(inner)
    }

    /// The server's Transport, with the player's own ports, and ours instead of the server's.
    fn rewrite_response(&self, line: &str) -> String {
        let tracks = self.tracks.lock().unwrap_or_else(PoisonError::into_inner);
        let client_port = parameter_value(line, "client_port").and_then(PortParameter::parse);
        let track = tracks.iter().rev().find(|track| {
            client_port.is_none_or(|client_port| client_port.ports.rtp == track.server_side_ports.rtp)
        });
        rewrite_parameters(line, |name, value| match name {
            "client_port" => Some(PortParameter::parse(value)?.format(track?.client_ports)),
            "server_port" => {
                let ports = PortParameter::parse(value)?;
                track?.set_server_ports(ports.ports);
                Some(ports.format(track?.client_side_ports))
            }
            "source" => Some(self.hosts.client_side.to_string()),
            "destination" => Some(self.hosts.client.to_string()),
            _ => None,
        })
    }

    fn add_interleaved_stream(&self, line: &str, streams: &mut Vec<InterleavedStream>) {
        let Some(pair) = parameter_value(line, "interleaved").and_then(parse_channel_pair) else { return };
        if streams.iter().all(|stream| stream.channels != pair) {
            // What these channels carried before is over, and there are no more ways than channels.
            streams.retain(|stream| !stream.has_channel(pair.rtp) && !stream.has_channel(pair.rtcp));
            streams.push(InterleavedStream { channels: pair, link: SessionLink::new(&self.emulator) });
        }
    }
}

fn parse_channel_pair(text: &str) -> Option<ChannelPair> {
    let (rtp, rtcp) = text.split_once('-')?;
    Some(ChannelPair { rtp: rtp.trim().parse().ok()?, rtcp: rtcp.trim().parse().ok()? })
}

/// A stream that is interleaved.
struct InterleavedStream {
    channels: ChannelPair,
    link: SessionLink,
}

impl InterleavedStream {
    fn has_channel(&self, channel: u8) -> bool {
        self.channels.rtp == channel || self.channels.rtcp == channel
    }

    fn channel_of(&self, kind: PacketKind) -> u8 {
        match kind {
            PacketKind::Rtp => self.channels.rtp,
            PacketKind::Rtcp => self.channels.rtcp,
        }
    }
}

/// A packet from the server; what is to be written at once. One on a channel that nobody agreed on passes as it is.
fn emulate_interleaved(streams: &mut [InterleavedStream], channel: u8, packet: Bytes) -> Option<Bytes> {
    let stream = streams.iter_mut().find(|stream| stream.has_channel(channel));
    let Some(stream) = stream else { return Some(encode_interleaved(channel, &packet)) };
    let kind = if stream.channels.rtp == channel { PacketKind::Rtp } else { PacketKind::Rtcp };
    let admitted = stream.link.send(Instant::now(), RawPacket { kind, bytes: packet })?;
    Some(encode_interleaved(channel, &admitted.bytes))
}

/// Changes a line if it is a Transport header.
fn rewrite_if_transport(line: Bytes, rewrite: impl FnOnce(&str) -> io::Result<String>) -> io::Result<Bytes> {
    match std::str::from_utf8(&line) {
        Ok(text) if is_transport_header(text) => rewrite(text).map(Bytes::from),
        _ => Ok(line),
    }
}

async fn write(to: &mut OwnedWriteHalf, bytes: &[u8]) -> io::Result<()> {
    timeout(WRITE_TIMEOUT, to.write_all(bytes)).await?
}

/// One end of a connection, in pieces.
struct ConnectionReader {
    reader: OwnedReadHalf,
    part_reader: PartReader,
    buffer: BytesMut,
}

impl ConnectionReader {
    fn new(reader: OwnedReadHalf) -> Self {
        Self { reader, part_reader: PartReader::default(), buffer: BytesMut::with_capacity(READ_BUFFER_SIZE) }
    }

    /// The next piece; `None` at the end. May be dropped while it waits.
    async fn next_part(&mut self) -> io::Result<Option<StreamPart>> {
        loop {
            match self.part_reader.next_part() {
                Ok(Some(piece)) => return Ok(Some(piece)),
                Ok(None) => {}
                Err(LineTooLong) => return Err(io::Error::other("a line is longer than any message needs")),
            }
            self.buffer.clear();
            let read = self.reader.read_buf(&mut self.buffer);
            let count = match self.part_reader.may_be_complete() {
                false => read.await?,
                true => match timeout(LINE_END_TIMEOUT, read).await {
                    Ok(count) => count?,
                    Err(_) => return Ok(self.part_reader.flush_line()),
                },
            };
            if count == 0 {
                return Ok(self.part_reader.flush_line());
            }
            self.part_reader.push(&self.buffer);
        }
    }
}
