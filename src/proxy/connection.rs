//! Forwarding between the connection of one client and its connection to the server.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::connection_reader::ConnectionReader;
use super::interleaved::InterleavedStreams;
use super::media_track::{Hosts, MediaTrack};
use super::part_reader::StreamPart;
use super::transport::{PortParameter, is_transport_header, parameter_value, rewrite_parameters};
use crate::impairment::Emulator;
use crate::net::deadline::wait_for_deadline;
use crate::net::limits::Places;
use crate::net::peer_log::PeerLog;
use crate::proto::rtsp::{ChannelPair, PortPair, encode_interleaved};

/// Timeout of one write to either connection.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum time in which the packets before a response are forwarded.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(200);

/// Number of bytes after which what was forwarded is written.
const MAX_BATCH: usize = 64 * 1024;

/// Maximum time in which responses are still forwarded after the client has closed its sending direction.
const HALF_CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum number of UDP streams of one connection. Beyond it, the oldest streams are closed: lines are forwarded
/// without tracking sessions, so the proxy cannot detect which streams are over.
const MAX_TRACKS: usize = 16;

/// Options of one connection.
#[derive(Clone)]
pub struct ForwardOptions {
    /// Runtime of the tasks that forward UDP packets.
    pub media_runtime: Handle,
    /// Emulated network for packets from the server.
    pub emulator: Emulator,
    /// Places of streams over UDP, which all connections share.
    pub stream_places: Places,
    /// Maximum time from the first to the last byte of a request.
    pub request_timeout: Duration,
    /// Limit on the debug lines about each host.
    pub debug_log: PeerLog,
}

/// State that both directions share.
struct ProxyConnection {
    hosts: Hosts,
    options: ForwardOptions,
    tracks: Mutex<VecDeque<MediaTrack>>,
}

/// Forwards messages and packets in both directions until one of the connections is closed.
///
/// # Errors
/// Returns an error if a connection breaks, a line is too long, a request is not complete in time, or no UDP ports are
/// free.
pub async fn forward(client: TcpStream, server: TcpStream, options: ForwardOptions) -> io::Result<()> {
    let host = |address: io::Result<SocketAddr>| address.map(|address| address.ip().to_canonical());
    let hosts = Hosts {
        client: host(client.peer_addr())?,
        client_side: host(client.local_addr())?,
        server: host(server.peer_addr())?,
        server_side: host(server.local_addr())?,
    };
    // Messages and packets are small, and the receiver waits for each of them: no Nagle delay.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let connection = ProxyConnection { hosts, options, tracks: Mutex::default() };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut responses = pin!(connection.forward_responses(from_server, to_client));
    tokio::select! {
        result = connection.forward_requests(from_client, to_server) => result?,
        result = &mut responses => return result,
    }
    // `to_server` is dropped: the server sees the end of the requests and may still send responses.
    timeout(HALF_CLOSE_TIMEOUT, responses).await.unwrap_or(Ok(()))
}

impl ProxyConnection {
    /// Forwards everything from the client to the server. What was read at once is written at once: the lines of a
    /// request are one segment.
    async fn forward_requests(&self, from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
        let mut reader = ConnectionReader::with_timeout(from, self.options.request_timeout);
        let mut forwarded = BytesMut::new();
        while let Some(part) = reader.next_part().await? {
            let mut next_part = Some(part);
            let mut result = Ok(());
            while let (Some(part), Ok(())) = (next_part.take(), &result) {
                result = self.forward_request_part(part).map(|bytes| forwarded.extend_from_slice(&bytes));
                next_part = next_received(&mut reader, &forwarded);
            }
            // An error is returned after what precedes it is written.
            write(&mut to, &mut forwarded).await?;
            result?;
        }
        Ok(())
    }

    /// Returns the bytes to send to the server for a part from the client.
    fn forward_request_part(&self, part: StreamPart) -> io::Result<Bytes> {
        match part {
            StreamPart::Line(line) => rewrite_if_transport(line, |line| self.rewrite_request(line)),
            StreamPart::Body(body) => Ok(body),
            StreamPart::Interleaved { channel, packet } => Ok(encode_interleaved(channel, &packet)),
        }
    }

    /// Forwards everything from the server to the client; interleaved packets pass through the emulator.
    async fn forward_responses(&self, from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
        let mut reader = ConnectionReader::new(from);
        let mut streams = InterleavedStreams::default();
        let mut forwarded = BytesMut::new();
        loop {
            let mut next_part = tokio::select! {
                part = reader.next_part() => match part? {
                    Some(part) => Some(part),
                    None => return Ok(()),
                },
                () = wait_for_deadline(streams.poll_timeout()) => None,
            };
            let (mut result, mut has_response) = (Ok(()), false);
            while let (Some(part), Ok(())) = (next_part.take(), &result) {
                has_response |= matches!(part, StreamPart::Line(_));
                result = self
                    .forward_response_part(part, &mut streams)
                    .map(|bytes| forwarded.extend_from_slice(&bytes.unwrap_or_default()));
                streams.poll_packets(Instant::now(), &mut forwarded, MAX_BATCH);
                next_part = next_received(&mut reader, &forwarded);
            }
            streams.poll_packets(Instant::now(), &mut forwarded, MAX_BATCH);
            if has_response {
                // Packets that cannot be sent in time are overtaken.
                let _ = timeout(FLUSH_TIMEOUT, self.flush_tracks()).await;
            }
            write(&mut to, &mut forwarded).await?;
            result?;
        }
    }

    /// Forwards the UDP packets that the server has sent before the bytes that are written next.
    async fn flush_tracks(&self) {
        let tracks = || self.tracks.lock().unwrap_or_else(PoisonError::into_inner);
        let flush_senders: Vec<_> = tracks().iter().map(MediaTrack::flush_sender).collect();
        for flush_sender in flush_senders {
            let (request, done) = oneshot::channel();
            if flush_sender.send(request).await.is_ok() {
                // Nothing is ever sent; the request is dropped.
                drop(done.await);
            }
        }
    }

    /// Returns the bytes to send to the client for a part from the server; `None` if the emulated network keeps it.
    fn forward_response_part(
        &self,
        part: StreamPart,
        streams: &mut InterleavedStreams,
    ) -> io::Result<Option<Bytes>> {
        match part {
            StreamPart::Line(line) => rewrite_if_transport(line, |line| {
                if let Some(channels) = parameter_value(line, "interleaved").and_then(parse_channel_pair) {
                    streams.add(channels, &self.options.emulator);
                }
                Ok(self.rewrite_response(line))
            })
            .map(Some),
            StreamPart::Body(body) => Ok(Some(body)),
            StreamPart::Interleaved { channel, packet } => Ok(streams.send(Instant::now(), channel, packet)),
        }
    }

    /// Replaces the client's ports in the Transport header of a request by ports of the proxy.
    fn rewrite_request(&self, line: &str) -> io::Result<String> {
        let mut failure = None;
        let rewritten = rewrite_parameters(line, |name, value| {
            let ports = PortParameter::parse(value).filter(|_| name == "client_port")?;
            let own_ports = self.server_side_ports_for(ports).map_err(|error| failure = Some(error)).ok()?;
            Some(ports.format(own_ports))
        });
        failure.map_or(Ok(rewritten), Err)
    }

    /// Ports on which the proxy receives for these ports of the client; opened on the first call.
    fn server_side_ports_for(&self, client_ports: PortParameter) -> io::Result<PortPair> {
        let mut tracks = self.tracks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(track) = tracks.iter().find(|track| track.client_ports == client_ports.ports) {
            return Ok(track.server_side_ports);
        }
        if tracks.len() >= MAX_TRACKS {
            tracks.pop_front();
        }
        let place = self.options.stream_places.take(self.hosts.client.into()).map_err(io::Error::other)?;
        let ForwardOptions { media_runtime, emulator, debug_log, .. } = &self.options;
        let ports = client_ports.ports;
        let track = MediaTrack::open(self.hosts, ports, media_runtime, emulator, place, debug_log.clone())?;
        let own_ports = track.server_side_ports;
        tracks.push_back(track);
        Ok(own_ports)
    }

    /// Restores the client's ports in the Transport header of a response, and replaces the server's by those of the
    /// proxy.
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
}

/// Returns the next part of what was read before; `None` if there is none, or enough was forwarded. An error is
/// returned by the next read.
fn next_received(reader: &mut ConnectionReader, forwarded: &BytesMut) -> Option<StreamPart> {
    if forwarded.len() >= MAX_BATCH {
        return None;
    }
    reader.received_part().unwrap_or_default()
}

/// Parses the value of an `interleaved` parameter, such as `0-1`.
fn parse_channel_pair(text: &str) -> Option<ChannelPair> {
    let (rtp, rtcp) = text.split_once('-')?;
    Some(ChannelPair { rtp: rtp.trim().parse().ok()?, rtcp: rtcp.trim().parse().ok()? })
}

/// Rewrites a line if it is a Transport header.
fn rewrite_if_transport(line: Bytes, rewrite: impl FnOnce(&str) -> io::Result<String>) -> io::Result<Bytes> {
    match std::str::from_utf8(&line) {
        Ok(text) if is_transport_header(text) => rewrite(text).map(Bytes::from),
        _ => Ok(line),
    }
}

/// Writes these bytes, and removes them.
async fn write(to: &mut OwnedWriteHalf, bytes: &mut BytesMut) -> io::Result<()> {
    timeout(WRITE_TIMEOUT, to.write_all(bytes)).await??;
    bytes.clear();
    Ok(())
}
