//! Interleaved streams of one connection, each with its own link of the emulator.

use std::time::Instant;

use bytes::{Bytes, BytesMut};

use crate::impairment::{Emulator, PacketKind, RawPacket, SessionLink};
use crate::proto::rtsp::{ChannelPair, encode_interleaved};

/// The interleaved streams that a server has set up on one connection.
#[derive(Default)]
pub struct InterleavedStreams(Vec<InterleavedStream>);

/// An interleaved stream: its channels and its link of the emulator.
struct InterleavedStream {
    channels: ChannelPair,
    link: SessionLink,
}

impl InterleavedStreams {
    /// Adds a stream on these channels, unless they carry one already. Streams that used one of the two channels are
    /// removed: no message states when a stream is over, and there are at most 256 channels.
    pub fn add(&mut self, channels: ChannelPair, emulator: &Emulator) {
        if self.0.iter().all(|stream| stream.channels != channels) {
            self.0.retain(|stream| !stream.has_channel(channels.rtp) && !stream.has_channel(channels.rtcp));
            self.0.push(InterleavedStream { channels, link: SessionLink::new(emulator) });
        }
    }

    /// Sends a packet of the server through the emulator; returns the bytes to write at once, if any. Packets on
    /// channels of no known stream bypass the emulator.
    pub fn send(&mut self, now: Instant, channel: u8, packet: Bytes) -> Option<Bytes> {
        let stream = self.0.iter_mut().find(|stream| stream.has_channel(channel));
        let Some(stream) = stream else { return Some(encode_interleaved(channel, &packet)) };
        let kind = if stream.channels.rtp == channel { PacketKind::Rtp } else { PacketKind::Rtcp };
        let passed = stream.link.send(now, RawPacket { kind, bytes: packet })?;
        Some(encode_interleaved(channel, &passed.bytes))
    }

    /// Deadline for the next [`Self::poll_packets`]; `None` if no packet is in flight.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.0.iter().filter_map(|stream| stream.link.poll_timeout()).min()
    }

    /// Appends packets that have left the emulator, encoded for the connection, until there are `max_length` bytes.
    pub fn poll_packets(&mut self, now: Instant, bytes: &mut BytesMut, max_length: usize) {
        for stream in &mut self.0 {
            while bytes.len() < max_length
                && let Some(packet) = stream.poll_packet(now)
            {
                bytes.extend_from_slice(&packet);
            }
        }
    }
}

impl InterleavedStream {
    /// Returns the next packet that has left the emulator, encoded for the connection.
    fn poll_packet(&mut self, now: Instant) -> Option<Bytes> {
        let (_, packet) = self.link.poll_packet(now)?;
        let channel = if packet.kind.is_rtp() { self.channels.rtp } else { self.channels.rtcp };
        Some(encode_interleaved(channel, &packet.bytes))
    }

    fn has_channel(&self, channel: u8) -> bool {
        self.channels.rtp == channel || self.channels.rtcp == channel
    }
}
