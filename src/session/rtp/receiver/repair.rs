//! Packets that were lost and are repaired: sent again, or recovered from parity packets. Sans-I/O.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::RtpFrameReceiver;
use crate::impairment::PacketKind;
use crate::proto::fec::FecFormat;
use crate::proto::rtp::{Packet, csrcs};
use crate::session::presentation::{ParityOffer, RetransmissionOffer};
use crate::session::rtp::frame_receiver::FrameReceiver as _;
use crate::session::rtp::parity::ParityDecoder;
use crate::session::rtp::retransmission::{RepairedPacket, Retransmission};
use crate::stats::Fate;

impl RtpFrameReceiver {
    /// Returns the receiver of a stream whose missing packets are requested from the server, which has made this offer.
    pub fn with_retransmission(self, offer: RetransmissionOffer) -> Self {
        Self { retransmission: Some(Retransmission::new(offer)), ..self }
    }

    /// Returns the receiver of a stream whose missing packets are recovered from parity packets, which the server has
    /// offered.
    pub fn with_parity(self, offer: ParityOffer) -> Self {
        Self { parity: Some(ParityDecoder::new(offer)), ..self }
    }

    /// Returns the retransmission that was negotiated; `None` if there is none.
    pub fn retransmission_offer(&self) -> Option<RetransmissionOffer> {
        self.retransmission.as_ref().map(Retransmission::offer)
    }

    /// Returns the kind of packets with this payload type, if they repair others.
    pub fn repair_kind(&self, payload_type: u8) -> Option<PacketKind> {
        let is_parity = self.parity.as_ref().is_some_and(|state| state.offer().payload_type == payload_type);
        match self.retransmission_offer() {
            Some(offer) if offer.payload_type == payload_type => Some(PacketKind::Retransmission),
            _ => is_parity.then_some(PacketKind::Parity),
        }
    }

    /// Returns true if a parity packet protects this stream alone. FlexFEC names the SSRCs of protected streams as
    /// CSRCs (RFC 8627 §4.2.1), and ULPFEC names none.
    pub(super) fn is_parity_of_stream(&self, bytes: &[u8]) -> bool {
        let format = self.parity.as_ref().map(|state| state.offer().format);
        format != Some(FecFormat::Flexfec) || csrcs(bytes).eq(self.ssrc_filter.current_ssrc())
    }

    /// Returns true if this is the SSRC of packets that repair others.
    pub fn is_repair_source(&self, ssrc: u32) -> bool {
        self.retransmission.as_ref().is_some_and(|state| state.is_source(ssrc))
            || self.parity.as_ref().is_some_and(|state| state.is_source(ssrc))
    }

    /// Continues with the packet of this extended sequence number, or with the next that arrives if it is `None`.
    pub(super) fn restart_repair(&mut self, first: Option<i64>) {
        if let Some(state) = &mut self.retransmission {
            state.restart_at(first);
        }
        if let Some(state) = &mut self.parity {
            state.restart();
        }
    }

    /// Returns the sequence numbers to request at `now` and the SSRC of the stream; `None` if nothing is to be
    /// requested.
    pub fn poll_request(&mut self, now: Instant, round_trip: Option<Duration>) -> Option<(u32, Vec<u16>)> {
        let lost = self.retransmission.as_mut()?.poll_request(now, round_trip)?;
        Some((self.ssrc_filter.current_ssrc()?, lost))
    }

    /// Records that a request of `size` bytes was sent.
    pub fn record_request(&mut self, now: Instant, size: usize) {
        let bytes_per_second = self.buffers.stats.wire_bytes_per_second(now);
        if let Some(state) = &mut self.retransmission {
            state.record_request(now, size, bytes_per_second);
        }
    }

    /// Records the arrival of an original packet, after which it is neither requested nor recovered. Returns true if it
    /// was repaired already.
    pub(super) fn record_arrival(&mut self, now: Instant, sequence: i64, bytes: Bytes) -> bool {
        let timeout = self.buffers.reorder_buffer.timeout();
        let was_sent_again =
            self.retransmission.as_mut().is_some_and(|state| state.record_arrival(now, sequence, timeout));
        let Some(parity) = &mut self.parity else { return was_sent_again };
        let was_recovered = parity.record_arrival(sequence, bytes);
        self.insert_recovered(now);
        was_sent_again || was_recovered
    }

    /// Handles a packet of `length` bytes that repairs others. It changes no count of the stream itself.
    pub(super) fn handle_repair(&mut self, now: Instant, kind: PacketKind, length: usize, packet: Packet) {
        let size = length + self.buffers.stats.packet_overhead();
        let is_used = match kind {
            PacketKind::Parity => self.handle_parity(&packet, size),
            _ => self.handle_retransmission(now, size, packet),
        };
        match is_used {
            Some(()) => self.buffers.record_packet(now, length),
            None => self.foreign += 1,
        }
        self.insert_recovered(now);
        self.release(now);
    }

    /// Handles a packet that was sent again; `None` if it is not of this stream.
    fn handle_retransmission(&mut self, now: Instant, size: usize, packet: Packet) -> Option<()> {
        let source = (self.payload_type, self.ssrc_filter.current_ssrc()?);
        let handled = self.retransmission.as_mut()?.handle_packet(now, packet, size, source).ok()?;
        let Some(RepairedPacket { sequence, packet }) = handled else { return Some(()) };
        let is_known = self.parity.as_ref().is_some_and(|state| state.contains(sequence));
        if let Some(parity) = self.parity.as_mut().filter(|_| !is_known) {
            parity.record_packet(sequence, encode(&packet));
        }
        if (is_known || !self.insert_repaired(now, sequence, packet))
            && let Some(state) = &mut self.retransmission
        {
            state.reject(sequence);
        }
        Some(())
    }

    /// Handles a parity packet; `None` if it is not of this stream.
    fn handle_parity(&mut self, packet: &Packet, size: usize) -> Option<()> {
        let highest = self.buffers.rtp_receiver.extended_max()?;
        let ssrc = self.ssrc_filter.current_ssrc()?;
        self.parity.as_mut()?.handle_packet(packet, size, highest, ssrc).ok()
    }

    /// Inserts all packets that can be recovered.
    fn insert_recovered(&mut self, now: Instant) {
        let Some(ssrc) = self.ssrc_filter.current_ssrc() else { return };
        while let Some(recovered) = self.parity.as_mut().and_then(|state| state.poll_recovered(ssrc)) {
            let sequence = recovered.sequence;
            let parsed = Packet::parse(recovered.bytes).ok();
            let packet = parsed.filter(|packet| packet.header.payload_type == self.payload_type);
            let is_used = packet.is_some_and(|packet| self.insert_repaired(now, sequence, packet));
            match (is_used, &mut self.retransmission, &mut self.parity) {
                (true, Some(state), _) => state.record_other_repair(sequence),
                (false, _, Some(state)) => _ = state.reject(sequence),
                _ => {}
            }
        }
    }

    /// Inserts a packet that was repaired. Returns false if it is too late.
    fn insert_repaired(&mut self, now: Instant, sequence: i64, packet: Packet) -> bool {
        let header = packet.header;
        let timestamp = self.extend(header.timestamp);
        if self.buffers.reorder_buffer.next_sequence().is_some_and(|next| sequence < next) {
            return false;
        }
        if self.is_finished(timestamp) {
            // The packets after it need not wait for its place, but its frame has been finished without it.
            self.buffers.reorder_buffer.push(now, sequence, packet);
            return false;
        }
        self.buffers.stats.record_payload(now, packet.payload.len());
        self.buffers.record_arrival(now, timestamp);
        self.buffers.push_packet(now, sequence, timestamp, header.marker, packet, Fate::Repaired);
        true
    }
}

/// Returns the bytes of a packet as it was sent first, without CSRCs and padding, which a stream of JPEG does not have.
fn encode(packet: &Packet) -> Bytes {
    let Packet { header, extension, payload } = packet;
    let mut bytes = header.encode(extension.is_some()).to_vec();
    if let Some(extension) = extension {
        bytes.extend_from_slice(&extension.profile.to_be_bytes());
        bytes.extend_from_slice(&((extension.body.len() / 4) as u16).to_be_bytes());
        bytes.extend_from_slice(&extension.body);
    }
    bytes.extend_from_slice(payload);
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtp::Header;

    #[test]
    fn packet_is_encoded_with_its_header_extension() {
        let header = Header { marker: true, payload_type: 26, sequence: 7, timestamp: 9, ssrc: 5 };
        let mut bytes = header.encode(true).to_vec();
        bytes.extend_from_slice(&[0xFF, 0xD8, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]);
        bytes.extend_from_slice(b"payload");
        let packet = Packet::parse(bytes.clone().into()).unwrap();
        assert_eq!(packet.payload, Bytes::from_static(b"payload"));
        assert_eq!(encode(&packet), bytes);
        let without = Packet { extension: None, ..packet };
        assert_eq!(Packet::parse(encode(&without)).unwrap(), without);
    }
}
